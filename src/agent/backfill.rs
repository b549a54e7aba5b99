//! Windows whose run did not happen, filled in: by `mooring backfill`, and by an agent whose environment says so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::jobs::Finished;
use super::{Agent, Timer};
use crate::cluster::{ApiError, Cluster, path_of};
use crate::environment::{BackfillPolicy, Environment};
use crate::manifest::{GroupKind, ObjectKey};
use crate::plan::Resource;
use crate::schedule::{
    self, BackfillError, CronJobFacts, MissedCause, MissedRun, PRODUCER_LABEL, RunState, RunWindow,
    backfill_job, job_name,
};

/// How often Jobs that fill in windows are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same for an agent, which is in no hurry.
const CATCH_UP_EVERY: Duration = Duration::from_secs(5);
/// An agent fills in one window of a producer at a time, as the schedule does.
const CATCH_UP_PARALLEL: usize = 1;

/// Why windows are not filled in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackfillFailure {
    /// The API server.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The range.
    #[error(transparent)]
    Range(#[from] BackfillError),
    /// There is no such environment.
    #[error("there is no environment {name} in this cluster; {hint}")]
    NoEnvironment {
        /// The name that was given.
        name: String,
        /// What there is.
        hint: String,
    },
    /// There is no such producer.
    #[error("there is no producer {name} in the environment {environment}; {hint}")]
    NoProducer {
        /// The name that was given.
        name: String,
        /// The environment.
        environment: String,
        /// What there is.
        hint: String,
    },
    /// The producer's `CronJob` is not there or cannot be read.
    #[error("{0} is not there, or is none that a producer has: is the agent running? see `mooring status`")]
    NoCronJob(ObjectKey),
}

/// What windows are to be filled in.
#[derive(Clone, Debug)]
pub struct BackfillRequest {
    /// The environment.
    pub environment: String,
    /// The producer.
    pub producer: String,
    /// No window begins before.
    pub from: Timestamp,
    /// No window ends after.
    pub to: Timestamp,
}

/// The windows of a producer in a range, and the Jobs that fill them.
pub struct Backfill {
    crew: Crew,
    windows: Vec<RunWindow>,
}

impl Backfill {
    /// Finds the producer in the cluster, and the windows that lie in the range as a whole.
    pub async fn find(cluster: Cluster, request: &BackfillRequest) -> Result<Self, BackfillFailure> {
        let environment = environment(&cluster, &request.environment).await?;
        let known = || environment.spec.producers.iter().map(|producer| &*producer.name);
        let producer = environment.spec.producers.iter().find(|producer| producer.name == request.producer);
        let producer = producer.ok_or_else(|| BackfillFailure::NoProducer {
            name: request.producer.clone(),
            environment: request.environment.clone(),
            hint: there_is(known()),
        })?;
        let catalog = cluster.discover().await?.catalog;
        let namespace = producer.namespace.as_ref().unwrap_or(&environment.spec.namespace);
        let key = ObjectKey {
            group_kind: GroupKind::new("batch", "CronJob"),
            namespace: Some(namespace.clone()),
            name: producer.name.clone(),
        };
        let kind = |kind| catalog.kind(&GroupKind::new("batch", kind)).cloned();
        let (Some(cron_jobs), Some(jobs)) = (kind("CronJob"), kind("Job")) else {
            return Err(BackfillFailure::NoCronJob(key));
        };
        let crew = Crew { cluster, cron_jobs, jobs, key };
        let (_, facts) = crew.look().await?;
        let windows = schedule::windows(&facts, request.from, request.to, Timestamp::now())?;
        Ok(Self { crew, windows })
    }

    /// How far each window is now, in order.
    pub async fn states(&self) -> Result<Vec<(RunWindow, RunState)>, BackfillFailure> {
        let (_, facts) = self.crew.look().await?;
        Ok(self.windows.iter().map(|window| (*window, facts.state_of(window.end))).collect())
    }

    /// The name of a window's Job.
    pub fn job(&self, window: &RunWindow) -> String {
        job_name(&self.crew.key.name, window.end)
    }

    /// Makes the Jobs of those windows that are not done, at most `parallel` at a time, and waits for them; Jobs that
    /// had failed before are made anew. Each change is told to `tell`. Returns how far each window is at the end: done
    /// or failed.
    ///
    /// Dropped in the middle, the Jobs that run go on, and the same request continues.
    pub async fn run(
        &self,
        parallel: usize,
        mut tell: impl FnMut(&RunWindow, &RunState),
    ) -> Result<Vec<(RunWindow, RunState)>, BackfillFailure> {
        let dues: Vec<Timestamp> = self.windows.iter().map(|window| window.end).collect();
        self.crew.clear_failed(&dues).await?;
        let mut known: BTreeMap<Timestamp, RunState> = BTreeMap::new();
        loop {
            let now = self.crew.advance(&dues, parallel).await?;
            for window in &self.windows {
                let Some(state) = now.get(&window.end) else { continue };
                if known.get(&window.end) != Some(state) && *state != RunState::Missing {
                    tell(window, state);
                }
            }
            known = now;
            if known.values().all(|state| matches!(state, RunState::Done | RunState::Failed(_))) {
                let last =
                    |window: &RunWindow| (*window, known.remove(&window.end).unwrap_or(RunState::Missing));
                return Ok(self.windows.iter().map(last).collect());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn environment(cluster: &Cluster, name: &str) -> Result<Environment, BackfillFailure> {
    let all = cluster.environments().await?;
    let names = || all.iter().filter_map(|environment| environment.pointer("/metadata/name")?.as_str());
    let found =
        all.iter().find(|environment| environment.pointer("/metadata/name").is_some_and(|own| own == name));
    let parsed = found.and_then(|environment| {
        serde_json::from_value(serde_json::json!({
            "apiVersion": environment.get("apiVersion")?,
            "kind": "Environment",
            "metadata": { "name": name },
            "spec": environment.get("spec")?,
        }))
        .ok()
    });
    parsed.ok_or_else(|| BackfillFailure::NoEnvironment { name: name.to_owned(), hint: there_is(names()) })
}

fn there_is<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "there is none yet".to_owned() } else { format!("there is {}", names.join(", ")) }
}

/// What looks at the Jobs of one producer and makes them.
#[derive(Clone)]
struct Crew {
    cluster: Cluster,
    cron_jobs: Resource,
    jobs: Resource,
    key: ObjectKey,
}

impl Crew {
    /// The `CronJob`, and what it and its Jobs tell.
    async fn look(&self) -> Result<(Value, CronJobFacts), BackfillFailure> {
        let missing = || BackfillFailure::NoCronJob(self.key.clone());
        let cron_job = self.cluster.get(&self.cron_jobs, &self.key).await?.ok_or_else(missing)?;
        let mut found = Vec::new();
        let selector = format!("{PRODUCER_LABEL}={}", self.key.name);
        self.cluster
            .list(&self.jobs, self.key.namespace.as_deref(), &selector, |job| found.push(job))
            .await?;
        let facts = CronJobFacts::read(&cron_job, &found, None).ok_or_else(missing)?;
        Ok((cron_job, facts))
    }

    fn job_key(&self, due: Timestamp) -> ObjectKey {
        ObjectKey {
            group_kind: GroupKind::new("batch", "Job"),
            namespace: self.key.namespace.clone(),
            name: job_name(&self.key.name, due),
        }
    }

    /// Deletes Jobs that failed, so that they can be made anew.
    async fn clear_failed(&self, dues: &[Timestamp]) -> Result<(), BackfillFailure> {
        let (_, facts) = self.look().await?;
        for due in dues.iter().filter(|due| matches!(facts.state_of(**due), RunState::Failed(_))) {
            let key = self.job_key(*due);
            let Some(live) = self.cluster.get(&self.jobs, &key).await? else { continue };
            let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
            self.cluster.delete(&self.jobs, &key, uid, false).await?;
        }
        Ok(())
    }

    /// Looks how far the runs are, and makes Jobs for missing ones while fewer than `parallel` of them run.
    async fn advance(
        &self,
        dues: &[Timestamp],
        parallel: usize,
    ) -> Result<BTreeMap<Timestamp, RunState>, BackfillFailure> {
        let (cron_job, facts) = self.look().await?;
        let mut states: BTreeMap<Timestamp, RunState> =
            dues.iter().map(|due| (*due, facts.state_of(*due))).collect();
        let running = states.values().filter(|state| **state == RunState::Running).count();
        let room = parallel.saturating_sub(running);
        let missing = states.iter_mut().filter(|(_, state)| **state == RunState::Missing);
        for (due, state) in missing.take(room) {
            let job =
                backfill_job(&cron_job, *due).ok_or_else(|| BackfillFailure::NoCronJob(self.key.clone()))?;
            let key = self.job_key(*due);
            let path = path_of(&self.jobs, key.namespace.as_deref(), None);
            match self.cluster.create(&format!("create {key}"), path, &job).await {
                // Somebody else fills that window: all the same.
                Ok(_) | Err(ApiError::AlreadyExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            *state = RunState::Running;
        }
        Ok(states)
    }
}

/// The runs that an agent makes up for, by the `CronJob` of their producer.
#[derive(Default)]
pub struct LateRuns {
    due: BTreeMap<ObjectKey, BTreeSet<Timestamp>>,
    under_way: bool,
}

/// What became of the runs that are made up for.
pub type CaughtUp = Vec<(ObjectKey, Result<BTreeMap<Timestamp, RunState>, BackfillFailure>)>;

impl Agent {
    /// Notes missed runs that the environment wants made up for. Those that were suspended on purpose or have failed
    /// are left to people.
    pub(super) fn note_for_catch_up(&mut self, key: &ObjectKey, run: &MissedRun) {
        let left = matches!(run.cause, MissedCause::Suspended | MissedCause::Failed { .. });
        let wanted = self
            .producers()
            .iter()
            .any(|producer| producer.name == key.name && producer.backfill == BackfillPolicy::Auto);
        if wanted && !left {
            self.late_runs.due.entry(key.clone()).or_default().insert(run.due);
            self.later(Duration::ZERO, Timer::CatchUp);
        }
    }

    /// Makes up for missed runs, and looks how far those under way are.
    pub(super) fn catch_up_runs(&mut self) {
        let kind = |kind| self.offer.catalog.kind(&GroupKind::new("batch", kind)).cloned();
        let (Some(cron_jobs), Some(jobs)) = (kind("CronJob"), kind("Job")) else { return };
        // A producer that git has no more, or that it suspends, is left alone.
        let goes_on = |key: &ObjectKey| {
            self.producers().iter().any(|producer| producer.name == key.name && !producer.suspend)
        };
        let kept: BTreeSet<ObjectKey> =
            self.late_runs.due.keys().filter(|key| goes_on(key)).cloned().collect();
        self.late_runs.due.retain(|key, _| kept.contains(key));
        if self.late_runs.due.is_empty() || std::mem::replace(&mut self.late_runs.under_way, true) {
            return;
        }
        let cluster = self.tools.acting.clone();
        let due = self.late_runs.due.clone();
        self.jobs.spawn(async move {
            let mut results: CaughtUp = Vec::new();
            for (key, due) in due {
                let crew = Crew {
                    cluster: cluster.clone(),
                    cron_jobs: cron_jobs.clone(),
                    jobs: jobs.clone(),
                    key: key.clone(),
                };
                let due: Vec<Timestamp> = due.into_iter().collect();
                results.push((key, crew.advance(&due, CATCH_UP_PARALLEL).await));
            }
            Finished::CaughtUp(results)
        });
    }

    pub(super) fn on_caught_up(&mut self, results: CaughtUp) {
        self.late_runs.under_way = false;
        for (key, result) in results {
            let states = match result {
                Ok(states) => states,
                Err(error) => {
                    tracing::warn!(object = %key, %error, "cannot make up for missed runs; it is tried again");
                    continue;
                }
            };
            let Some(due) = self.late_runs.due.get_mut(&key) else { continue };
            for (run, state) in states {
                let job = job_name(&key.name, run);
                match state {
                    RunState::Missing | RunState::Running => continue,
                    RunState::Done => {
                        tracing::info!(topic = "runs", object = %key, "the run of {run} is made up for, by Job {job}");
                    }
                    RunState::Failed(why) => {
                        tracing::warn!(object = %key, "the run of {run} cannot be made up for: Job {job} failed ({why})");
                    }
                }
                due.remove(&run);
            }
            if due.is_empty() {
                self.late_runs.due.remove(&key);
            }
        }
        if !self.late_runs.due.is_empty() {
            self.later(CATCH_UP_EVERY, Timer::CatchUp);
        }
    }
}
