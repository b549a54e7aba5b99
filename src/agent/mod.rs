//! The reconcile loop: one task that owns all state, and jobs that talk to the cluster and report back to it.
//!
//! ```text
//! source ──▶ ┐                      ┌──▶ render (a thread)
//! watches ─▶ ├── Agent: World ──────┼──▶ apply, confirm, repair, delete (tasks, bounded) ──▶ cluster
//! lease ───▶ │    (one task)        ├──▶ save the inventory, write the status
//! timers ──▶ ┘         ▲            └──▶ reports: log, Event, metrics
//!                      └─────────────── what the jobs came to
//! ```
//!
//! `mooring apply` is the same loop, ended when the revision is settled.

mod apply;
mod backfill;
mod charts;
mod drift;
mod environment;
mod explain;
mod hooks;
mod jobs;
mod keys;
mod lookups;
mod overview;
mod persist;
mod preview;
mod report;
mod schedules;
mod settle;
mod start;
mod sync;
mod timers;
mod world;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use backfill::{Backfill, BackfillFailure, BackfillRequest};
pub use keys::KeySource;
pub use overview::overview;
pub use preview::{
    ComponentPreview, HookPreview, Kept, Preview, PreviewOptions, Progress, PrunePreview, StepPreview,
    Verdict, preview,
};
pub use start::{AgentError, AgentOptions, run};

use crate::cluster::{InventoryStore, Leadership, Observation, Offer, Watches};
use crate::manifest::{GroupKind, ObjectKey};
use crate::plan::{Fights, Policy};
use crate::render::RenderCache;
use crate::serve::{Health, Metrics};
use crate::sops::Keyring;
use crate::source::{Arrival, SourceEvent};
use apply::Tools;
use jobs::Finished;
use timers::{Timer, Timers};
use world::{Phase, World};

/// Requests on objects that are under way at once. More does not make one API server faster.
const CONCURRENCY: usize = 32;
/// How long changes of the inventory are gathered before they are written.
const SAVE_AFTER: Duration = Duration::from_millis(500);
/// The same while a revision is being applied: a crash costs a dry-run for each object that was not yet noted.
const SAVE_WHILE_APPLYING: Duration = Duration::from_secs(5);
/// How long changes of the status are gathered.
const STATUS_AFTER: Duration = Duration::from_millis(300);
/// The same while a revision is being applied and only the counts move.
const STATUS_WHILE_APPLYING: Duration = Duration::from_secs(2);

/// What a job on an object is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Task {
    /// Look how it is.
    Assess,
    /// Find out whether it drifted, and if so in what.
    Confirm,
    /// Apply what git says.
    Apply,
    /// Delete it.
    Delete,
}

/// The agent of one environment.
struct Agent {
    options: AgentOptions,
    tools: Tools,
    store: InventoryStore,
    offer: Offer,
    world: World,
    watches: Watches,
    /// What the goal's environment says of drift, deletion and what to leave alone.
    policy: Policy,
    fights: Fights,
    cache: Arc<RenderCache>,
    /// The keys of encrypted files, as they were read last.
    keys: Arc<Keyring>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    /// Objects with a job that waits for its turn.
    queue: VecDeque<ObjectKey>,
    /// Jobs on objects that are under way.
    running: usize,
    jobs: JoinSet<Finished>,
    timers: Timers,
    status: persist::StatusKeeper,
    /// The newest revision that has not been begun with.
    next: Option<Arrival>,
    /// Drifts whose repair is under way.
    repairs: HashMap<ObjectKey, drift::Repair>,
    /// The environment's ApplySet.
    apply_set: String,
    /// Where the revisions come from, without credentials.
    source: String,
    /// The other environments that the cluster knows.
    neighbours: Vec<environment::Neighbour>,
    /// Those among them that git has no more: this environment may be one of them under a new name.
    former: Vec<String>,
    outcome: Option<Result<(), AgentError>>,
    /// What was said of each component that cannot be rendered: each fault is said once.
    said: BTreeMap<Arc<str>, String>,
    discovering: bool,
    /// Kinds that the agent may not watch.
    unwatched: BTreeSet<GroupKind>,
    /// The inventory is being written.
    saving: bool,
    /// What charts looked up is being asked again.
    asking: bool,
    /// Which hooks have run is being written.
    saving_hooks: bool,
    sweeps: settle::Sweeps,
    /// Runs due before are judged; `None` until the first look.
    runs_judged_until: Option<jiff::Timestamp>,
    /// Runs that are made up for.
    late_runs: backfill::LateRuns,
}

impl Agent {
    /// Runs until `cancel`, or until the lease is lost for good. With `once`, until the first revision is settled.
    async fn run(mut self, mut inputs: Inputs, cancel: CancellationToken) -> Result<(), AgentError> {
        self.watch_keys();
        while self.outcome.is_none() {
            let next_timer = self.timers.next();
            tokio::select! {
                () = cancel.cancelled() => break,
                Some(finished) = self.jobs.join_next() => match finished {
                    Ok(finished) => self.on_finished(finished),
                    // A job that panicked is a bug of ours; the process starts anew from what the cluster holds.
                    Err(error) => self.outcome = Some(Err(AgentError::Job(error.to_string()))),
                },
                Some(observation) = inputs.observations.recv() => {
                    self.on_observation(observation);
                    // A list of thousands comes in one piece; single changes are taken in bulk.
                    while let Ok(observation) = inputs.observations.try_recv() {
                        self.on_observation(observation);
                    }
                }
                Some(event) = inputs.source.recv() => self.on_source(event),
                Ok(()) = inputs.leadership.changed() => {
                    let leadership = inputs.leadership.borrow_and_update().clone();
                    self.on_leadership(&leadership);
                }
                () = sleep_until(next_timer) => {}
            }
            self.run_timers();
            self.advance();
            self.start_jobs();
            self.health.beat();
        }
        self.finish().await
    }

    fn on_leadership(&mut self, leadership: &Leadership) {
        if let Leadership::Waiting(holder) = leadership {
            // What this process knows may be old by the time the lease comes back: a new start reads it again.
            let holder = if holder.is_empty() { "nobody known".to_owned() } else { holder.clone() };
            self.outcome = Some(Err(AgentError::LeaseLost { holder }));
        }
    }

    fn later(&mut self, after: Duration, timer: Timer) {
        self.timers.set(Instant::now() + after, timer);
    }

    fn run_timers(&mut self) {
        while let Some(timer) = self.timers.take_due(Instant::now()) {
            match timer {
                Timer::Save => self.save_inventory(),
                Timer::Status => self.write_status(),
                Timer::Retry(key, task) => self.enqueue(&key, task),
                Timer::Sweep => self.sweep_health(),
                Timer::Discover => self.discover(),
                Timer::Replan => self.replan(),
                Timer::Mirror => self.keep_mirror(),
                Timer::HandOver => self.hand_over(),
                Timer::MissedRuns => self.look_for_missed_runs(),
                Timer::CatchUp => self.catch_up_runs(),
                Timer::Nag => self.say_what_is_waited_for(),
                Timer::Explain => self.look_at_pods(),
                Timer::Keys => self.look_at_keys(),
                Timer::Charts => self.fetch_charts_again(),
                Timer::Hooks => self.save_hooks(),
                Timer::Lookups => self.ask_again(),
            }
        }
    }

    /// Puts a job on an object into the queue. One job an object waits there, the weightier one; while a job is under
    /// way, the object is looked at again afterwards.
    fn enqueue(&mut self, key: &ObjectKey, task: Task) {
        let Some(tracked) = self.world.objects.get_mut(key) else { return };
        if tracked.busy {
            tracked.again = Some(tracked.again.map_or(task, |again| again.max(task)));
        } else if tracked.queued.replace(tracked.queued.map_or(task, |queued| queued.max(task))).is_none() {
            self.queue.push_back(key.clone());
        }
    }

    fn start_jobs(&mut self) {
        while self.running < CONCURRENCY {
            let Some(key) = self.queue.pop_front() else { return };
            let task = self.world.objects.get_mut(&key).and_then(|tracked| tracked.queued.take());
            if let Some(task) = task {
                self.start_job(&key, task);
            }
        }
    }

    /// Moves on whatever can move on; called after each event.
    fn advance(&mut self) {
        match self.world.phase {
            Phase::Listing if self.world.unlisted.is_empty() => {
                self.world.phase = Phase::Idle;
                self.start_next_revision();
            }
            Phase::Idle => self.start_next_revision(),
            Phase::Settled => {
                self.start_next_revision();
                self.end_if_once();
            }
            Phase::Applying => self.advance_components(),
            Phase::Pruning => self.advance_prune(),
            Phase::Listing | Phase::Rendering => {}
        }
    }

    async fn finish(mut self) -> Result<(), AgentError> {
        // Requests under way are waited for briefly: what they did is then known, and nothing is half done anyway.
        let _ = tokio::time::timeout(Duration::from_millis(500), async {
            while let Some(finished) = self.jobs.join_next().await {
                if let Ok(finished) = finished {
                    self.on_finished(finished);
                }
            }
        })
        .await;
        if !matches!(self.outcome, Some(Err(AgentError::LeaseLost { .. }))) {
            let saving = self.save_now();
            let _ = tokio::time::timeout(Duration::from_secs(2), saving).await;
        }
        self.outcome.take().unwrap_or(Ok(()))
    }
}

/// What the loop listens to.
struct Inputs {
    source: mpsc::Receiver<SourceEvent>,
    observations: mpsc::Receiver<Observation>,
    leadership: watch::Receiver<Leadership>,
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
