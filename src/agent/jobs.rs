//! The jobs that talk to the cluster, and what they report back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::apply::{self, ApplyJob, Known, Outcome, Refusal};
use super::charts::Charts;
use super::drift::{self, Confirmation, Repair};
use super::environment::{HandOver, Kept, Neighbour};
use super::sync::Rendered;
use super::world::Phase;
use super::{Agent, Task, Timer};
use crate::cluster::{ApiError, Offer, ServiceAccount};
use crate::environment::{self, EnvironmentSpec};
use crate::manifest::{ObjectKey, SecretKey, apply_set_id};
use crate::plan::health::{Health, assess};
use crate::plan::{Observed, Resource};
use crate::render::{RenderCache, RenderContext, render_environment};
use crate::sops::Keyring;
use crate::source::{Arrival, Snapshot};

/// The longest pause before a failed object is tried again.
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// What a job came to.
pub enum Finished {
    /// A revision was rendered, or refused with a reason.
    Rendered(Box<Arrival>, Result<Rendered, String>),
    /// The Environment was mirrored, and the other ones of the cluster were counted.
    Mirrored(Result<(Value, Vec<Neighbour>), ApiError>),
    /// The Environment was looked at, and put back where it differed from git.
    MirrorKept(Result<Kept, ApiError>),
    /// What was left of a former name was taken over.
    HandedOver(String, Result<HandOver, ApiError>),
    /// An object was applied.
    Applied(ObjectKey, Box<Result<Outcome, Refusal>>),
    /// A suspicion was looked into.
    Confirmed(ObjectKey, Box<Result<Confirmation, ApiError>>),
    /// A drift was put back.
    Repaired(ObjectKey, Box<Result<Outcome, Refusal>>),
    /// A deletion was taken: the finalizers that still hold the object.
    Deleted(ObjectKey, Result<Option<Vec<String>>, ApiError>),
    /// An object was looked at; `None` for one that is not there.
    Assessed(ObjectKey, Box<Result<Option<(Health, Observed)>, ApiError>>),
    /// All objects of a kind were looked at, in that time.
    Swept(Result<Vec<(ObjectKey, Health)>, ApiError>, Duration),
    /// The pods of a workload were looked at: what keeps one of them from being ready.
    Explained(ObjectKey, Option<String>),
    /// Components' inventories were written: the number of ConfigMaps of each.
    Saved(Vec<(Arc<str>, Result<usize, ApiError>)>),
    /// The hooks of a component have ended; `None` where they were ended before.
    Hooked(Arc<str>, Option<Result<(), String>>),
    /// Which hooks have run was written.
    HooksSaved(Result<(), ApiError>),
    /// What charts looked up was asked again: whether the cluster answers as it did.
    AskedAgain(bool),
    /// The status was written.
    StatusWritten(Result<(), ApiError>),
    /// The cluster said what it serves.
    Discovered(Result<Offer, ApiError>),
    /// The runs that did not happen.
    Schedules(Result<Vec<(ObjectKey, crate::schedule::MissedRun)>, ApiError>),
    /// Runs that are made up for.
    CaughtUp(super::backfill::CaughtUp),
    /// Nothing to report.
    Nothing,
}

/// A revision to be read and rendered, on a thread of its own.
pub struct Rendering {
    pub arrival: Arrival,
    pub environment: String,
    pub offer: Offer,
    pub key: SecretKey,
    pub cache: Arc<RenderCache>,
    pub keys: Arc<Keyring>,
    pub charts: Charts,
}

impl Rendering {
    /// Reads and renders.
    pub fn run(self) -> Finished {
        let result = render(
            &self.arrival.snapshot,
            &self.environment,
            &self.offer,
            &self.key,
            &self.cache,
            &self.keys,
            &self.charts,
        );
        Finished::Rendered(Box::new(self.arrival), result)
    }
}

/// Reads and renders an environment of a revision; a refusal is all that is wrong with its file.
pub fn render(
    files: &Snapshot,
    environment: &str,
    offer: &Offer,
    key: &SecretKey,
    cache: &RenderCache,
    keys: &Keyring,
    charts: &Charts,
) -> Result<Rendered, String> {
    let began = Instant::now();
    let loaded = environment::load(files, environment).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        lines.join("\n  ")
    })?;
    let logins = |secret: &str| charts.login(&loaded.environment.spec, secret);
    let with_charts = charts.store.over(files, &loaded, &logins);
    let context = RenderContext {
        files: &with_charts,
        environment: &loaded,
        keys,
        kube_version: &offer.version,
        api_versions: &offer.api_versions,
        cache,
        now: jiff::Timestamp::now(),
        seed: random_seed(),
        lookup: Some(charts.lookup(&loaded.environment.spec, offer)),
        limits: charts.limits,
    };
    let desired = render_environment(&context);
    // The digests are computed here, beside the loop, and kept with the manifests.
    for component in desired.components.iter().filter_map(|component| component.result.as_ref().ok()) {
        component.objects.iter().for_each(|object| {
            object.manifest.digest(key);
        });
    }
    let environments = environment::list(files).unwrap_or_default();
    drop(with_charts);
    Ok(Rendered {
        environment: Arc::new(loaded),
        desired: Arc::new(desired),
        environments,
        took: began.elapsed(),
    })
}

impl Agent {
    pub(super) fn on_finished(&mut self, finished: Finished) {
        match finished {
            Finished::Rendered(arrival, result) => self.on_rendered(&arrival, result),
            Finished::Mirrored(result) => self.on_mirrored(result),
            Finished::MirrorKept(result) => self.on_mirror_kept(result),
            Finished::HandedOver(name, result) => self.on_handed_over(name, result),
            Finished::Applied(key, result) => {
                self.job_ended(&key);
                self.on_applied(&key, *result);
                self.catch_up(&key);
            }
            Finished::Confirmed(key, result) => {
                self.job_ended(&key);
                self.on_confirmed(&key, *result);
                self.catch_up(&key);
            }
            Finished::Repaired(key, result) => {
                self.job_ended(&key);
                self.on_repaired(&key, *result);
                self.catch_up(&key);
            }
            Finished::Deleted(key, result) => {
                self.job_ended(&key);
                self.on_deleted(&key, result);
                self.catch_up(&key);
            }
            Finished::Assessed(key, seen) => {
                self.job_ended(&key);
                self.on_assessed(&key, *seen);
                self.catch_up(&key);
            }
            Finished::Swept(result, took) => self.on_swept(result, took),
            Finished::Explained(key, said) => self.on_explained(&key, said),
            Finished::Saved(saved) => self.on_saved(saved),
            Finished::Hooked(component, result) => self.on_hooked(&component, result),
            Finished::HooksSaved(result) => self.on_hooks_saved(result),
            Finished::AskedAgain(holds) => self.on_asked_again(holds),
            Finished::StatusWritten(result) => self.on_status_written(result),
            Finished::Discovered(result) => self.on_discovered(result),
            Finished::CaughtUp(results) => self.on_caught_up(results),
            Finished::Schedules(result) => self.on_schedules(result),
            Finished::Nothing => {}
        }
    }

    /// Starts a job on an object, or drops it where there is nothing to do any more.
    pub(super) fn start_job(&mut self, key: &ObjectKey, task: Task) {
        let tools = self.tools.clone();
        let owned = key.clone();
        match task {
            Task::Apply => {
                let Some(job) = self.apply_job(key) else { return self.left_out(key) };
                self.jobs.spawn(async move {
                    let result = apply::apply(&tools, &job).await;
                    Finished::Applied(owned, Box::new(result))
                });
            }
            Task::Confirm => {
                let Some(job) = self.apply_job(key) else { return };
                let question = self.question(key, job);
                self.jobs.spawn(async move {
                    let result = drift::confirm(&tools, question).await;
                    Finished::Confirmed(owned, Box::new(result))
                });
            }
            Task::Delete => {
                let Some((resource, uid)) = self.deletion(key) else { return self.world.leave_pruning(key) };
                self.jobs.spawn(async move {
                    let result = tools.acting.delete(&resource, &owned, Some(&uid), false).await;
                    Finished::Deleted(owned, result)
                });
            }
            Task::Assess => {
                let Some(resource) = self.offer.catalog.kind(&key.group_kind).cloned() else { return };
                self.jobs.spawn(async move {
                    let live = tools.acting.get(&resource, &owned).await;
                    let seen = live.map(|live| live.map(|live| (assess(&live), apply::read_observed(&live))));
                    Finished::Assessed(owned, Box::new(seen))
                });
            }
        }
        if let Some(tracked) = self.world.objects.get_mut(key) {
            tracked.busy = true;
            self.running += 1;
        }
    }

    pub(super) fn start_repair(&mut self, key: &ObjectKey, repair: &Repair) {
        let Some(job) = self.apply_job(key) else { return };
        let tools = self.tools.clone();
        let owned = key.clone();
        let removal = repair.removal.clone();
        let reapply = repair.reapply;
        self.jobs.spawn(async move {
            let result = drift::repair(&tools, &job, &removal, reapply).await;
            Finished::Repaired(owned, Box::new(result))
        });
        if let Some(tracked) = self.world.objects.get_mut(key) {
            tracked.busy = true;
            self.running += 1;
        }
    }

    /// Keeps the environment's objects as the service account that git names for it, or else as the one that the
    /// installation names; as the agent itself where there is neither.
    pub(super) fn act_as(&mut self, spec: &EnvironmentSpec) {
        let account = account_of(spec, self.options.default_service_account.as_deref());
        if account.as_ref() != self.tools.acting.account() {
            if let Some(account) = &account {
                tracing::info!(topic = "plan", "{} is kept as {account}", self.options.environment);
            }
            self.tools.acting = self.tools.cluster.acting_as(account);
        }
    }

    fn job_ended(&mut self, key: &ObjectKey) {
        let Some(tracked) = self.world.objects.get_mut(key) else { return };
        if std::mem::take(&mut tracked.busy) {
            self.running -= 1;
        }
    }

    /// Takes in what happened to an object while a job on it was under way. Called when the job's own result is in.
    pub(super) fn catch_up(&mut self, key: &ObjectKey) {
        if let Some(tracked) = self.world.objects.get_mut(key)
            && !tracked.busy
        {
            let pending = tracked.pending.take();
            let again = tracked.again.take();
            if std::mem::take(&mut tracked.vanished) {
                self.see_vanished(key);
            } else if let Some(pending) = pending {
                self.see(key, pending);
            }
            if let Some(task) = again {
                self.enqueue(key, task);
            }
        }
        self.world.leave_pruning(key);
    }

    /// A description of how to apply an object; `None` for what git does not name.
    pub(super) fn apply_job(&self, key: &ObjectKey) -> Option<ApplyJob> {
        let tracked = self.world.objects.get(key)?;
        let wish = tracked.wish.as_ref()?;
        let ours = tracked
            .observed
            .as_ref()
            .is_some_and(|observed| observed.apply_set.as_deref() == Some(self.apply_set.as_str()));
        let known = match &tracked.baseline {
            _ if !ours => Known::Fresh,
            None => Known::Unproven,
            Some(baseline) => Known::Ours(baseline.own.clone()),
        };
        Some(ApplyJob {
            key: key.clone(),
            resource: wish.resource.clone(),
            rendered: wish.rendered.clone(),
            index: wish.index,
            once: wish.once.clone(),
            digest: wish.digest,
            known,
            apply_set: self.apply_set.clone(),
            heir_of: self.former.iter().map(|name| apply_set_id(name)).collect(),
            look_first: !self.world.is_in_fresh_namespace(key),
        })
    }

    fn deletion(&self, key: &ObjectKey) -> Option<(Resource, String)> {
        let tracked = self.world.objects.get(key)?;
        let observed = tracked.observed.as_ref()?;
        if tracked.wish.is_some() {
            return None;
        }
        Some((self.offer.catalog.kind(&key.group_kind)?.clone(), observed.uid.clone()))
    }

    /// A job whose object git no longer names, or whose kind is not served: the stage goes on without it.
    fn left_out(&mut self, key: &ObjectKey) {
        if let Some(component) = self.world.component_of(key) {
            component.current.remove(key);
        }
    }

    fn on_applied(&mut self, key: &ObjectKey, result: Result<Outcome, Refusal>) {
        match result {
            Ok(outcome) => {
                self.note_applied(key, &outcome);
                if outcome.done == apply::Done::Created && key.group_kind.kind == "Namespace" {
                    self.world.fresh_namespaces.insert(key.name.clone());
                }
                let gone = outcome.done == apply::Done::Created
                    && self.world.objects.get(key).is_some_and(|tracked| tracked.is_applied());
                self.take_in(key, outcome);
                self.left_out(key);
                if gone {
                    self.report_found_missing(key);
                }
                self.weigh_late(key);
            }
            Err(refusal) => self.on_not_applied(key, refusal),
        }
    }

    /// A write that was under way when a newer revision was planned made or changed an object that this plan knew
    /// nothing of: it is planned anew.
    fn weigh_late(&mut self, key: &ObjectKey) {
        let Some(tracked) = self.world.objects.get(key) else { return };
        // A plan may have been made of which the world knows nothing yet.
        let planning = self.world.phase == Phase::Rendering;
        if planning || (!tracked.is_applied() && tracked.trouble.is_none()) {
            self.later(Duration::ZERO, Timer::Replan);
        }
    }

    /// Takes in what the server answered to a write.
    pub(super) fn take_in(&mut self, key: &ObjectKey, outcome: Outcome) {
        let Some(tracked) = self.world.objects.get_mut(key) else { return };
        tracked.failures = 0;
        let was_in_trouble = tracked.trouble.take().is_some();
        tracked.differs = false;
        tracked.accepted = None;
        tracked.observed = Some(outcome.observed);
        // What the watch said of the time before this answer is answered by it.
        tracked.vanished = false;
        let component = tracked.component.clone();
        self.world.set_baseline(key, outcome.baseline);
        self.world.set_health(key, outcome.health);
        if was_in_trouble {
            self.mend(key);
        }
        self.unsaved([component]);
        let applying = self.world.phase == super::Phase::Applying;
        self.later(if applying { super::STATUS_WHILE_APPLYING } else { super::STATUS_AFTER }, Timer::Status);
    }

    fn on_not_applied(&mut self, key: &ObjectKey, refusal: Refusal) {
        let Some(tracked) = self.world.objects.get_mut(key) else { return };
        if let Refusal::There(observed, health) = refusal {
            tracked.trouble = None;
            tracked.observed = Some(*observed);
            self.world.set_health(key, health);
            tracing::debug!(object = %key, "there already, and left as it is");
            return self.left_out(key);
        }
        tracked.failures += 1;
        // Waiting would not bring a right; what needs the object says so by its health.
        let may_not = matches!(refusal, Refusal::Api(ApiError::Forbidden { .. }));
        let (why, transient) = match refusal {
            Refusal::Held(observed) => {
                let why = observed.hold.as_ref().map_or_else(|| "held".to_owned(), ToString::to_string);
                tracked.observed = Some(*observed);
                tracked.differs = true;
                (why, false)
            }
            refusal => {
                if let Refusal::Api(error) = &refusal {
                    self.metrics.apply_request(error.code());
                }
                refusal.in_words()
            }
        };
        let pause = Duration::from_secs(1 << tracked.failures.min(9)).min(LONGEST_RETRY);
        let failures = tracked.failures;
        let news = tracked.trouble.as_ref().is_none_or(|trouble| trouble.why != why);
        tracked.trouble = Some(super::world::Trouble { why: why.clone(), parked: false });
        if news {
            self.note_not_applied(key, &why, transient);
        }
        // What fails for a moment is tried again soon and holds the stage up; what is refused is tried again now and
        // then, since the cause may lie in the cluster, and does not.
        if transient && failures <= 5 {
            self.later(pause, Timer::Retry(key.clone(), Task::Apply));
        } else {
            self.later(pause.max(Duration::from_secs(30)), Timer::Retry(key.clone(), Task::Apply));
            self.left_out(key);
            if !may_not && let Some(component) = self.world.component_of(key) {
                component.failed.get_or_insert(format!("{key}: {why}"));
            }
        }
        self.later(super::STATUS_AFTER, Timer::Status);
    }

    fn on_deleted(&mut self, key: &ObjectKey, result: Result<Option<Vec<String>>, ApiError>) {
        let Some(tracked) = self.world.objects.get_mut(key) else { return };
        match result {
            Ok(finalizers) => {
                tracked.deleting = true;
                self.note_deleted(key, finalizers.as_deref());
                if finalizers.is_none() {
                    // The server confirmed: only now does the inventory shrink.
                    self.forget(key);
                }
            }
            Err(error) => {
                tracing::warn!(object = %key, %error, "could not be deleted; it is tried again with the next revision");
                self.metrics.apply_request(error.code());
            }
        }
    }

    /// An object is gone for good.
    pub(super) fn forget(&mut self, key: &ObjectKey) {
        if let Some(tracked) = self.world.objects.remove(key) {
            self.world.leave_pruning(key);
            self.unsaved([tracked.component]);
            self.later(super::STATUS_AFTER, Timer::Status);
        }
    }

    pub(super) fn on_discovered(&mut self, result: Result<Offer, ApiError>) {
        self.discovering = false;
        match result {
            // A definition can be established and its kind not yet listed.
            Ok(offer) if offer == self.offer => self.look_again_for_kinds(),
            Ok(offer) => {
                self.offer = offer;
                self.replan();
            }
            Err(error) => {
                tracing::warn!(%error, "cannot learn what the API server serves; asking again");
                self.later(Duration::from_secs(5), Timer::Discover);
            }
        }
    }

    pub(super) fn discover(&mut self) {
        if !std::mem::replace(&mut self.discovering, true) {
            let cluster = self.tools.cluster.clone();
            self.jobs.spawn(async move { Finished::Discovered(cluster.discover().await) });
        }
    }
}

/// The service account by whose rights an environment is kept.
pub fn account_of(spec: &EnvironmentSpec, default: Option<&str>) -> Option<ServiceAccount> {
    let name = spec.service_account.as_deref().or(default)?;
    Some(ServiceAccount { namespace: spec.namespace.clone(), name: name.to_owned() })
}

/// A seed that nobody can guess: templates make passwords of it.
pub fn random_seed() -> [u8; 32] {
    use std::io::Read as _;
    let mut seed = [0; 32];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut seed));
    if let Err(error) = read {
        tracing::error!(%error, "no random numbers from the operating system");
    }
    seed
}
