//! What the agent says: in the log, as Kubernetes Events, in metrics.

use std::sync::Arc;
use std::time::Duration;

use super::apply::{Done, Outcome};
use super::world::ComponentState;
use super::{Agent, STATUS_AFTER, Timer};
use crate::cluster::EventNote;
use crate::manifest::{FieldPath, ObjectKey};
use crate::plan::drift::Finding;
use crate::plan::{Action, Decision, DriftKind, DriftRecord, Plan, Resource};
use crate::render::{RenderContext, origins};

impl Agent {
    /// Tells of a drift everywhere: log, Event, metrics, status.
    pub(super) fn report(&mut self, mut record: DriftRecord) {
        self.add_origins(&mut record);
        crate::telemetry::record("drift", &record);
        self.metrics.drift(record.decision.label());
        if let (Decision::Corrected, Some(repaired)) = (&record.decision, record.repaired) {
            self.metrics.drift_repaired(Some(record.seen), repaired);
        }
        self.status.drifted(&record);
        self.later(STATUS_AFTER, Timer::Status);
        let (warning, reason, action) = match &record.decision {
            Decision::Corrected => (false, "DriftCorrected", "Corrected"),
            Decision::Reported => (true, "DriftReported", "Reported"),
            Decision::Held(_) => (true, "DriftHeld", "Held"),
            Decision::Deferred(_) => (true, "DriftFight", "Deferred"),
            Decision::Refused(_) => (true, "DriftRefused", "Refused"),
        };
        let tracked = self.world.objects.get(&record.object);
        let observed = tracked.and_then(|tracked| tracked.observed.as_ref());
        let resource = self.offer.catalog.kind(&record.object.group_kind);
        let note = EventNote {
            object: record.object.clone(),
            api_version: resource.map(Resource::api_version).unwrap_or_default(),
            uid: observed.map(|observed| observed.uid.clone()).unwrap_or_default(),
            warning,
            reason,
            action,
            note: record.summary(),
        };
        self.write_event(note);
    }

    pub(super) fn write_event(&mut self, note: EventNote) {
        let cluster = self.tools.cluster.clone();
        let namespace = self.options.namespace.clone();
        let instance = self.options.identity.clone();
        self.jobs.spawn(async move {
            cluster.write_event(&note, &namespace, &instance).await;
            super::jobs::Finished::Nothing
        });
    }

    /// Looks up where each field's wish was written: the component is rendered once more for it, from the same files.
    fn add_origins(&self, record: &mut DriftRecord) {
        let Some(goal) = &self.world.goal else { return };
        let Some(wish) = self.world.objects.get(&record.object).and_then(|tracked| tracked.wish.as_ref())
        else {
            return;
        };
        let source = wish.rendered.objects[wish.index].manifest.source().clone();
        let context = RenderContext {
            files: &self.options.charts.cached(&*goal.snapshot, &goal.environment),
            environment: &goal.environment,
            keys: &self.keys,
            kube_version: &self.offer.version,
            api_versions: &self.offer.api_versions,
            cache: &self.cache,
            now: jiff::Timestamp::now(),
            seed: [0; 32],
            lookup: None,
            limits: self.options.limits,
        };
        // What somebody added has no origin in git.
        let wanted: Vec<usize> = (0..record.fields.len())
            .filter(|&index| record.fields[index].wanted != crate::manifest::Shown::Absent)
            .collect();
        let paths: Vec<FieldPath> = wanted.iter().map(|&index| record.fields[index].path.clone()).collect();
        for (index, written) in wanted.into_iter().zip(origins(&context, &source, &paths)) {
            let Some(written) = written else { continue };
            let field = &mut record.fields[index];
            if written.sealed {
                field.wanted.conceal(&self.tools.key);
                field.found.conceal(&self.tools.key);
            }
            field.origin = Some(written.origin);
        }
    }

    /// What a plan is about to do, in one line, and what it cannot or may not do, in a line each.
    pub(super) fn report_plan(&mut self, plan: &Plan) {
        let Some(goal) = &self.world.goal else { return };
        let counts: Vec<String> = plan
            .counts()
            .into_iter()
            .filter(|(label, _)| *label != "nothing")
            .map(|(label, count)| format!("{count} to {label}"))
            .collect();
        let what = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
        tracing::info!(
            topic = "plan",
            "{} at {} ({}): {what}",
            self.options.environment,
            goal.revision.short(),
            goal.revision.subject
        );
        for step in plan.steps() {
            match &step.action {
                Action::Refuse => {
                    tracing::error!(object = %step.key, component = &*step.component, "refused: {}", step.reason);
                }
                Action::Park => tracing::info!(topic = "plan", object = %step.key, "parked: {}", step.reason),
                Action::Hold(hold) => tracing::info!(topic = "plan", object = %step.key, "{hold}"),
                _ => {}
            }
        }
        for (key, why) in &plan.prune.kept {
            tracing::info!(topic = "plan", object = %key, "git names it no more, and it is kept: {why}");
        }
        if let Some(guard) = &plan.prune.guard {
            tracing::warn!("{guard}");
        }
    }

    pub(super) fn note_applied(&mut self, key: &ObjectKey, outcome: &Outcome) {
        let label = match &outcome.done {
            Done::Created => "created",
            Done::Updated => "updated",
            Done::Adopted(from) => {
                let from = if from.is_empty() { "its values were right".to_owned() } else { from.join(", ") };
                tracing::info!(topic = "apply", object = %key, "adopted (it was there before: {from})");
                "adopted"
            }
            Done::Replaced => {
                tracing::warn!(object = %key, "replaced: deleted and made anew, as its annotation allows");
                "replaced"
            }
            Done::Proven => "proven",
        };
        tracing::debug!(topic = "apply", object = %key, "{label}");
        *self.world.done.entry(label).or_default() += 1;
        self.metrics.applied(label);
        self.metrics.apply_request(Some(if outcome.done == Done::Created { 201 } else { 200 }));
    }

    /// An object that was applied before was gone when the agent came back to it: that is drift too.
    pub(super) fn report_found_missing(&mut self, key: &ObjectKey) {
        let Some(goal) = &self.world.goal else { return };
        let record = DriftRecord {
            time: jiff::Timestamp::now(),
            environment: self.options.environment.as_str().into(),
            revision: goal.revision.short().to_owned(),
            component: self
                .world
                .objects
                .get(key)
                .map(|tracked| tracked.component.clone())
                .unwrap_or_default(),
            object: key.clone(),
            kind: DriftKind::Missing,
            fields: Finding::missing().fields,
            decision: Decision::Corrected,
            seen: Duration::ZERO,
            repaired: Some(goal.learned.elapsed()),
        };
        self.report(record);
    }

    pub(super) fn note_not_applied(&mut self, key: &ObjectKey, why: &str, transient: bool) {
        if transient {
            tracing::warn!(object = %key, "not applied yet: {why}; trying again");
            return;
        }
        tracing::error!(object = %key, "not applied: {why}");
        let tracked = self.world.objects.get(key);
        let uid = tracked.and_then(|tracked| tracked.observed.as_ref()).map(|observed| observed.uid.clone());
        // An Event needs an object that is there.
        if let (Some(uid), Some(wish)) = (uid, tracked.and_then(|tracked| tracked.wish.as_ref())) {
            let note = EventNote {
                object: key.clone(),
                api_version: wish.resource.api_version(),
                uid,
                warning: true,
                reason: "ApplyFailed",
                action: "Refused",
                note: why.to_owned(),
            };
            self.write_event(note);
        }
    }

    pub(super) fn note_deleted(&mut self, key: &ObjectKey, finalizers: Option<&[String]>) {
        *self.world.done.entry("deleted").or_default() += 1;
        self.metrics.applied("deleted");
        match finalizers {
            None => tracing::info!(topic = "prune", object = %key, "deleted: git names it no more"),
            Some(finalizers) => tracing::info!(
                topic = "prune",
                object = %key,
                "deletion asked for: held by its finalizers {}",
                finalizers.join(", ")
            ),
        }
    }

    /// One line at the end of a revision: what was done, in which time, and what is not well.
    pub(super) fn report_settled(&mut self) {
        let Some(goal) = &self.world.goal else { return };
        let took = goal.learned.elapsed();
        let done: Vec<String> = self
            .world
            .done
            .iter()
            .filter(|(label, _)| **label != "proven")
            .map(|(label, count)| format!("{count} {label}"))
            .collect();
        let troubles: Vec<&Arc<str>> = self
            .world
            .components
            .iter()
            .filter(|component| {
                matches!(
                    component.state,
                    ComponentState::Broken(_) | ComponentState::Failed(_) | ComponentState::Blocked(_)
                )
            })
            .map(|component| &component.name)
            .collect();
        let what = if done.is_empty() { "nothing changed".to_owned() } else { done.join(", ") };
        let environment = &self.options.environment;
        let short = goal.revision.short().to_owned();
        if troubles.is_empty() {
            tracing::info!(topic = "done", "{environment} is at {short}: {what}, {} ms", took.as_millis());
        } else {
            let names: Vec<&str> = troubles.iter().map(|name| &***name).collect();
            tracing::warn!(
                "{environment} is at {short} but for {}: {what}, {} ms",
                names.join(", "),
                took.as_millis()
            );
        }
        let result = if troubles.is_empty() { "success" } else { "partial" };
        self.metrics.reconciled(result, took, jiff::Timestamp::now());
        self.metrics.set_revision(&goal.revision.branch, &goal.revision.id);
        if std::mem::take(&mut self.status.first) {
            self.look_for_missed_runs();
        } else {
            self.note_next_runs();
        }
    }
}
