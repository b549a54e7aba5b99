//! From a suspicion to a repair: what a watch says is weighed, one GET confirms it, and what is found is put back,
//! reported, or left alone with a reason.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::apply::{self, ApplyJob, Done, Outcome, Refusal, Tools, own_entry};
use super::{Agent, Task, Timer};
use crate::cluster::{ApiError, ApplyMode, Observation};
use crate::manifest::{FieldSet, MANAGER, ObjectKey};
use crate::plan::drift::{FieldDrift, Finding, Question as PureQuestion, find};
use crate::plan::{Baseline, Decision, DriftKind, DriftRecord, IgnorePaths, Observed};

/// What a confirmation needs to know.
pub struct Question {
    job: ApplyJob,
    baseline: Option<Baseline>,
    ignore: IgnorePaths,
    /// When the watch said that something happened.
    noticed: Instant,
}

/// What a GET showed.
pub struct Confirmation {
    /// The object's metadata; `None` if it is gone.
    pub observed: Option<Observed>,
    /// Its health.
    pub health: Option<crate::plan::health::Health>,
    /// What differs.
    pub finding: Finding,
    /// The baseline, where it had to be rebuilt.
    pub baseline: Option<Baseline>,
    /// When the watch said that something happened.
    pub noticed: Instant,
    /// When the difference was confirmed.
    pub confirmed: Instant,
}

/// A drift whose repair is under way.
pub struct Repair {
    /// The record, but for its decision and times.
    pub record: DriftRecord,
    /// The patch that takes out what others added.
    pub removal: Vec<Value>,
    /// Whether our fields have to be applied again.
    pub reapply: bool,
    /// When the difference was confirmed.
    pub confirmed: Instant,
}

/// Reads the object and compares it with what we applied.
pub async fn confirm(tools: &Tools, question: Question) -> Result<Confirmation, ApiError> {
    let Question { job, baseline, ignore, noticed } = question;
    let live = tools.acting.get(&job.resource, &job.key).await?;
    let Some(live) = live else {
        let finding = Finding::missing();
        let confirmed = Instant::now();
        return Ok(Confirmation {
            observed: None,
            health: None,
            finding,
            baseline: None,
            noticed,
            confirmed,
        });
    };
    // After a restart only digests are left: a dry-run gives the server's form of our wish again, field by field.
    let (baseline, rebuilt) = match baseline.filter(Baseline::has_leaves) {
        Some(baseline) => (baseline, false),
        None => (wished(tools, &job).await?, true),
    };
    let fields = baseline.own.as_deref().and_then(|own| FieldSet::from_json(own).ok()).unwrap_or_default();
    let finding = find(&PureQuestion {
        manifest: job.manifest(),
        once: &job.once,
        ignore: &ignore,
        fields: &fields,
        leaves: baseline.leaves.as_deref().unwrap_or_default(),
        live: &live,
        key: &tools.key,
    });
    Ok(Confirmation {
        observed: Some(apply::read_observed(&live)),
        health: Some(crate::plan::health::assess(&live)),
        finding,
        baseline: rebuilt.then_some(baseline),
        noticed,
        confirmed: Instant::now(),
    })
}

/// The baseline that our wish would have, by a dry-run.
async fn wished(tools: &Tools, job: &ApplyJob) -> Result<Baseline, ApiError> {
    let ask = ApplyMode { manager: MANAGER, force: true, dry_run: true };
    let body = job.manifest().without(&job.once);
    let asked = tools.acting.apply(&job.resource, &job.key, body, ask).await;
    let live = asked.map_err(|error| error.map_message(|text| job.manifest().scrub(text)))?.live;
    let fields = own_entry(&live).map(|(_, fields)| fields).unwrap_or_default();
    Ok(Baseline::of(job.digest, &fields, &live, &tools.key))
}

/// Puts back what drifted: what others added goes out, what is ours is applied again.
pub async fn repair(
    tools: &Tools,
    job: &ApplyJob,
    removal: &[Value],
    reapply: bool,
) -> Result<Outcome, Refusal> {
    if !removal.is_empty() {
        let patched = tools.acting.json_patch(&job.resource, &job.key, removal).await;
        let live = patched.map_err(|error| error.map_message(|text| job.manifest().scrub(text)))?;
        if !reapply {
            return Ok(apply::outcome(tools, job, &live, Done::Updated));
        }
    }
    apply::apply(tools, job).await
}

impl Agent {
    pub(super) fn on_observation(&mut self, observation: Observation) {
        match observation {
            Observation::Listed(kind, objects) => {
                self.world.unlisted.remove(&kind);
                if self.unwatched.remove(&kind) {
                    tracing::info!(topic = "watch", "{kind} can be watched again");
                }
                let listed: std::collections::HashSet<ObjectKey> =
                    objects.iter().map(|(key, _)| key.clone()).collect();
                for (key, observed) in objects {
                    self.see(&key, observed);
                }
                // What a new listing does not hold is gone, or lost our label, while nobody watched.
                let absent: Vec<ObjectKey> = self
                    .world
                    .objects
                    .iter()
                    .filter(|(key, tracked)| {
                        key.group_kind == kind && tracked.observed.is_some() && !listed.contains(*key)
                    })
                    .map(|(key, _)| key.clone())
                    .collect();
                absent.iter().for_each(|key| self.see_vanished(key));
            }
            Observation::Changed(key, observed) => self.see(&key, *observed),
            Observation::Vanished(key) => self.see_vanished(&key),
            Observation::Environment(metadata) => self.see_environment(metadata),
            Observation::LookedUp => self.later(super::lookups::ASK_AFTER, Timer::Lookups),
            Observation::Broken(kind, reason) => {
                tracing::debug!(%kind, %reason, "the watch broke; it begins anew");
            }
            Observation::Refused(kind, error) => {
                // Nothing else waits for what may not be read.
                self.world.unlisted.remove(&kind);
                if self.unwatched.insert(kind.clone()) {
                    tracing::warn!("drift of each {kind} goes unseen: {error}");
                }
            }
        }
    }

    pub(super) fn see(&mut self, key: &ObjectKey, observed: Observed) {
        let tracked = self.world.objects.entry(key.clone()).or_default();
        // The echo of our own write, or of something that an answer has told us since.
        let known = tracked.observed.as_ref();
        if known.is_some_and(|known| known.uid == observed.uid && !observed.is_newer_than(known)) {
            return;
        }
        if tracked.busy {
            tracked.noticed.get_or_insert_with(Instant::now);
            tracked.pending = Some(observed);
            tracked.vanished = false;
            return;
        }
        tracked.noticed = Some(Instant::now());
        tracked.observed = Some(observed);
        let has_status = crate::plan::health::without_status(&key.group_kind).is_none();
        if !self.judge(key) || !has_status {
            return;
        }
        // Its status moved, most likely: looked at soon, and together with others of its kind.
        if let Some(tracked) = self.world.objects.get_mut(key) {
            tracked.unassessed = true;
            self.later(super::settle::SWEEP_AFTER, Timer::Sweep);
        }
    }

    pub(super) fn see_vanished(&mut self, key: &ObjectKey) {
        let Some(tracked) = self.world.objects.get_mut(key) else { return };
        if tracked.busy {
            // A job of ours is on it: what that comes to tells more.
            tracked.noticed.get_or_insert_with(Instant::now);
            tracked.vanished = true;
            tracked.pending = None;
            return;
        }
        tracked.noticed = Some(Instant::now());
        if tracked.wish.is_none() {
            // Nothing that git names: pruned at last, or deleted by somebody before we came to it.
            self.forget(key);
            return;
        }
        if tracked.baseline.is_some() {
            self.enqueue(key, Task::Confirm);
        }
    }

    /// Weighs what is known of an object's metadata: is there a reason to look closer? Returns whether there is none, of
    /// an object that is ours to look after.
    pub(super) fn judge(&mut self, key: &ObjectKey) -> bool {
        if matches!(self.world.phase, super::Phase::Listing) {
            return false;
        }
        let Some(tracked) = self.world.objects.get_mut(key) else { return false };
        let (Some(observed), Some(baseline)) = (&tracked.observed, &tracked.baseline) else { return false };
        if tracked.wish.is_none() {
            return false;
        }
        if let Some(hold) = &observed.hold {
            if !std::mem::replace(&mut tracked.held, true) {
                tracing::info!(object = %key, "{hold}: it is left as it is");
                self.later(super::STATUS_AFTER, Timer::Status);
            }
            return false;
        }
        if std::mem::take(&mut tracked.held) {
            tracing::info!(object = %key, "no longer held");
            self.enqueue(key, Task::Confirm);
            return false;
        }
        let suspicious = observed.is_suspect(baseline, &self.apply_set, tracked.accepted);
        if suspicious && !tracked.is_deferred() {
            self.enqueue(key, Task::Confirm);
            return false;
        }
        true
    }

    pub(super) fn question(&self, key: &ObjectKey, job: ApplyJob) -> Question {
        let tracked = self.world.objects.get(key);
        Question {
            baseline: tracked.and_then(|tracked| tracked.baseline.clone()),
            ignore: self.policy.ignored_paths(key),
            noticed: tracked.and_then(|tracked| tracked.noticed).unwrap_or_else(Instant::now),
            job,
        }
    }

    pub(super) fn on_confirmed(&mut self, key: &ObjectKey, result: Result<Confirmation, ApiError>) {
        let confirmation = match result {
            Ok(confirmation) => confirmation,
            Err(error) => {
                self.metrics.apply_request(error.code());
                tracing::warn!(object = %key, %error, "cannot confirm a suspicion; looking again soon");
                self.later(Duration::from_secs(5), Timer::Retry(key.clone(), Task::Confirm));
                return;
            }
        };
        if let Some(health) = confirmation.health {
            self.world.set_health(key, health);
        }
        if let Some(baseline) = confirmation.baseline {
            self.world.set_baseline(key, baseline);
        }
        let Some(tracked) = self.world.objects.get_mut(key) else { return };
        if let Some(observed) = &confirmation.observed {
            if observed.hold.is_some() {
                tracked.observed = confirmation.observed;
                self.judge(key);
                return;
            }
            tracked.accepted = observed.people;
        }
        let deleting = confirmation.observed.as_ref().is_some_and(|observed| observed.deleting);
        tracked.observed = confirmation.observed;
        let finding = confirmation.finding;
        for path in &finding.yielded {
            if let Some(wish) = &mut tracked.wish
                && !wish.once.contains(path)
            {
                tracing::info!(object = %key, "{path} is an autoscaler's from now on");
                wish.once.push(path.clone());
            }
        }
        if deleting {
            tracing::info!(object = %key, "somebody deletes it; it is made anew when its finalizers are done");
            return;
        }
        if finding.fields.is_empty() {
            if finding.regain {
                // The values are right and only their owner changed: no drift, but ours to hold.
                let repair = self.repair_of(
                    key,
                    Vec::new(),
                    &finding.removal,
                    true,
                    confirmation.noticed,
                    confirmation.confirmed,
                );
                if self.corrects() {
                    self.start_repair(key, &repair);
                }
            }
            if let Some(tracked) = self.world.objects.get_mut(key) {
                tracked.differs = false;
            }
            return;
        }
        let reapply = finding.reapply || finding.regain;
        let repair = self.repair_of(
            key,
            finding.fields,
            &finding.removal,
            reapply,
            confirmation.noticed,
            confirmation.confirmed,
        );
        self.decide(key, repair);
    }

    fn repair_of(
        &self,
        key: &ObjectKey,
        fields: Vec<FieldDrift>,
        removal: &[Value],
        reapply: bool,
        noticed: Instant,
        confirmed: Instant,
    ) -> Repair {
        let missing = self.world.objects.get(key).is_some_and(|tracked| tracked.observed.is_none());
        let goal = self.world.goal.as_ref();
        let record = DriftRecord {
            time: jiff::Timestamp::now(),
            environment: self.options.environment.as_str().into(),
            revision: goal.map(|goal| goal.revision.short().to_owned()).unwrap_or_default(),
            component: self
                .world
                .objects
                .get(key)
                .map(|tracked| tracked.component.clone())
                .unwrap_or_default(),
            object: key.clone(),
            kind: if missing { DriftKind::Missing } else { DriftKind::of(&fields) },
            fields,
            decision: Decision::Reported,
            seen: confirmed.saturating_duration_since(noticed),
            repaired: None,
        };
        Repair { record, removal: removal.to_vec(), reapply, confirmed }
    }

    fn corrects(&self) -> bool {
        self.policy.corrects()
    }

    /// What to do about a confirmed drift.
    fn decide(&mut self, key: &ObjectKey, mut repair: Repair) {
        if !self.corrects() {
            let known = self.world.objects.get(key).is_some_and(|tracked| tracked.differs);
            if let Some(tracked) = self.world.objects.get_mut(key) {
                tracked.differs = true;
            }
            if !known {
                repair.record.decision = Decision::Reported;
                self.report(repair.record);
            }
            return;
        }
        let now = jiff::Timestamp::now();
        if let Some(fight) = self.fights.weigh(key, &repair.record.fields, now) {
            let wait = fight.wait(now);
            if let Some(tracked) = self.world.objects.get_mut(key) {
                tracked.differs = true;
                tracked.deferred_until = Some(Instant::now() + wait);
            }
            self.metrics.set_fights(self.fights.active(now));
            repair.record.decision = Decision::Deferred(fight);
            self.report(repair.record);
            self.later(wait, Timer::Retry(key.clone(), Task::Confirm));
            return;
        }
        self.start_repair(key, &repair);
        self.repairs.insert(key.clone(), repair);
    }

    pub(super) fn on_repaired(&mut self, key: &ObjectKey, result: Result<Outcome, Refusal>) {
        let repair = self.repairs.remove(key);
        match result {
            Ok(outcome) => {
                self.take_in(key, outcome);
                if let Some(mut repair) = repair.filter(|repair| !repair.record.fields.is_empty()) {
                    repair.record.decision = Decision::Corrected;
                    repair.record.repaired = Some(repair.confirmed.elapsed());
                    self.report(repair.record);
                }
            }
            // The object moved on between the GET and the patch: look again, at once.
            Err(Refusal::Api(error)) if error.is_stale() || error.is_not_found() => {
                self.later(Duration::from_millis(20), Timer::Retry(key.clone(), Task::Confirm));
            }
            Err(refusal) => {
                let (why, transient) = refusal.in_words();
                if let Some(tracked) = self.world.objects.get_mut(key) {
                    tracked.differs = true;
                    tracked.failures += 1;
                }
                if let Some(mut repair) = repair {
                    repair.record.decision = Decision::Refused(why);
                    self.report(repair.record);
                }
                let pause = Duration::from_secs(if transient { 2 } else { 60 });
                self.later(pause, Timer::Retry(key.clone(), Task::Confirm));
            }
        }
    }
}
