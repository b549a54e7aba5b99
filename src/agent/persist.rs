//! What the agent writes down: the inventory, and the Environment's status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt, stream};
use serde_json::Value;

use super::jobs::Finished;
use super::world::{ComponentState, Phase};
use super::{Agent, Timer};
use crate::cluster::ApiError;
use crate::environment::{
    Condition, ConditionStatus, ConditionType, Counts, EnvironmentStatus, LastDrift, NextRun,
};
use crate::plan::DriftRecord;
use crate::source::Revision;

/// Inventories that are written at once.
const SAVES: usize = 4;

/// The status as it was written, and what goes into the next one.
pub struct StatusKeeper {
    mirror: Option<Value>,
    written: Option<EnvironmentStatus>,
    writing: bool,
    generation: Option<i64>,
    /// When a change of the Environment by others was noticed.
    pub noticed: Option<Instant>,
    refused: Option<(String, String)>,
    /// The commit that is not applied for its signature, and why.
    pub unverified: Option<(String, String)>,
    last_drift: Option<LastDrift>,
    /// The next runs, renewed when a revision settles and when a schedule's time has passed.
    pub next_runs: Vec<NextRun>,
    /// Whether no revision was settled yet.
    pub first: bool,
}

impl StatusKeeper {
    /// Begins with what an agent before us wrote on the Environment.
    pub fn new(mirror: Option<&Value>) -> Self {
        let written: Option<EnvironmentStatus> = mirror
            .and_then(|live| live.get("status"))
            .and_then(|status| serde_json::from_value(status.clone()).ok());
        Self {
            last_drift: written.as_ref().and_then(|written| written.last_drift.clone()),
            generation: None,
            noticed: None,
            writing: false,
            refused: None,
            unverified: None,
            next_runs: written.as_ref().map(|written| written.next_runs.clone()).unwrap_or_default(),
            first: true,
            mirror: mirror.cloned(),
            written,
        }
    }

    /// Takes in the Environment as a new revision made it.
    pub fn mirrored(&mut self, live: Value) {
        self.live(live);
        self.refused = None;
    }

    /// Takes in the Environment as the API server has it now.
    pub fn live(&mut self, live: Value) {
        self.generation = live.pointer("/metadata/generation").and_then(Value::as_i64);
        self.mirror = Some(live);
    }

    /// Whether the Environment's metadata says that it is still as we wrote it.
    pub fn is_mirror(&self, metadata: Option<&Value>) -> bool {
        let (Some(mirror), Some(metadata)) = (&self.mirror, metadata) else { return false };
        ["uid", "generation", "labels", "annotations"]
            .into_iter()
            .all(|field| mirror["metadata"].get(field) == metadata.get(field))
    }

    /// The id of the revision that was applied last.
    pub fn applied(&self) -> Option<&str> {
        self.written.as_ref()?.revision.as_deref()
    }

    /// What was written is there no more.
    pub fn forget_written(&mut self) {
        self.written = None;
    }

    /// The Environment as it was seen last.
    pub fn mirror(&self) -> Option<&Value> {
        self.mirror.as_ref()
    }

    /// A revision was refused whole.
    pub fn refused(&mut self, revision: &Revision, reason: &str) {
        self.refused = Some((revision.id.clone(), reason.to_owned()));
    }

    /// The status of an environment that an agent before us kept, while no commit may be applied; `None` without one.
    fn while_nothing_may_be_applied(&self) -> Option<EnvironmentStatus> {
        let generation = self.mirror.as_ref()?.pointer("/metadata/generation").and_then(Value::as_i64);
        let (id, reason) = self.unverified.as_ref()?;
        let mut status = self.written.clone().unwrap_or_default();
        status.observed_generation = generation;
        status.attempted_revision = Some(id.clone());
        set_refused(&mut status, id, reason);
        Some(status)
    }

    /// A drift was seen.
    pub fn drifted(&mut self, record: &DriftRecord) {
        self.last_drift = Some(
            LastDrift {
                time: record.time,
                object: record.object.to_string(),
                path: record.fields.first().map(|field| field.path.to_string()).unwrap_or_default(),
                fields: u32::try_from(record.fields.len()).unwrap_or(u32::MAX),
                manager: record
                    .fields
                    .iter()
                    .find_map(|field| field.actor.as_ref().map(|actor| actor.manager.clone())),
                decision: record.decision.label().to_owned(),
            }
            .bounded(),
        );
    }
}

impl Agent {
    /// Writes the inventory of the components that changed. One job does it at a time, so that an older list is never
    /// written over a newer one.
    pub(super) fn save_inventory(&mut self) {
        if self.world.unsaved.is_empty() {
            return;
        }
        if std::mem::replace(&mut self.saving, true) {
            return self.later(super::SAVE_AFTER, Timer::Save);
        }
        let saves = self.take_unsaved();
        self.jobs.spawn(async move { Finished::Saved(saves.buffer_unordered(SAVES).collect().await) });
    }

    /// Writes the inventory and waits for it: at the end.
    pub(super) async fn save_now(&mut self) {
        let mut saves = self.take_unsaved().buffer_unordered(SAVES);
        while let Some((_, result)) = saves.next().await {
            if let Err(error) = result {
                // Baselines that are not written are rebuilt by a dry-run each.
                tracing::debug!(%error, "the inventory could not be saved at the end");
                return;
            }
        }
    }

    /// The writes that are due, by component.
    fn take_unsaved(
        &mut self,
    ) -> impl Stream<Item = impl Future<Output = (Arc<str>, Result<usize, ApiError>)> + use<>> + use<> {
        let unsaved = std::mem::take(&mut self.world.unsaved);
        let saves: Vec<_> = self
            .world
            .lines_of(&unsaved)
            .into_iter()
            .map(|(component, lines)| {
                let written = self.world.shards.get(&component).copied().unwrap_or(0);
                let store = self.store.clone();
                async move {
                    let saved = store.save(&component, &lines, written).await;
                    (component, saved)
                }
            })
            .collect();
        stream::iter(saves)
    }

    pub(super) fn on_saved(&mut self, saved: Vec<(Arc<str>, Result<usize, ApiError>)>) {
        self.saving = false;
        for (component, result) in saved {
            match result {
                Ok(shards) => {
                    self.world.shards.insert(component, shards);
                }
                Err(error) => {
                    tracing::warn!(component = &*component, %error, "the inventory could not be saved; trying again");
                    self.world.unsaved.insert(component);
                    self.later(Duration::from_secs(5), Timer::Save);
                }
            }
        }
    }

    /// Writes the status if it says anything new.
    pub(super) fn write_status(&mut self) {
        let waits = self.world.goal.is_none() && self.status.unverified.is_some();
        if !waits && (self.world.phase == Phase::Listing || self.status.generation.is_none()) {
            return;
        }
        if self.status.writing {
            self.later(super::STATUS_AFTER, Timer::Status);
            return;
        }
        if waits {
            if let Some(status) = self.status.while_nothing_may_be_applied() {
                self.send_status(status);
            }
            return;
        }
        let status = self.current_status();
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        self.metrics.set_objects(&[
            ("all", count(status.counts.objects)),
            ("drifted", count(status.counts.drifted)),
            ("held", count(status.counts.held)),
        ]);
        self.send_status(status);
    }

    fn send_status(&mut self, status: EnvironmentStatus) {
        if self.status.written.as_ref() == Some(&status) {
            return;
        }
        self.status.writing = true;
        self.status.written = Some(status.clone());
        let cluster = self.tools.cluster.clone();
        let name = self.options.environment.clone();
        self.jobs.spawn(async move { Finished::StatusWritten(cluster.write_status(&name, &status).await) });
    }

    pub(super) fn on_status_written(&mut self, result: Result<(), ApiError>) {
        self.status.writing = false;
        if let Err(error) = result {
            tracing::debug!(%error, "the status could not be written; trying again");
            self.status.written = None;
            self.later(Duration::from_secs(5), Timer::Status);
        }
    }

    fn current_status(&self) -> EnvironmentStatus {
        let mut status = EnvironmentStatus {
            observed_generation: self.status.generation,
            last_drift: self.status.last_drift.clone(),
            next_runs: self.status.next_runs.clone(),
            conditions: self
                .status
                .written
                .as_ref()
                .map(|written| written.conditions.clone())
                .unwrap_or_default(),
            ..EnvironmentStatus::default()
        };
        let goal = self.world.goal.as_ref();
        let revision = goal.map(|goal| goal.revision.id.clone());
        let settled = self.world.phase == Phase::Settled;
        let before = self.status.written.as_ref().and_then(|written| written.revision.clone());
        status.revision = if settled { revision.clone() } else { before };
        let refused = self.status.unverified.as_ref().or(self.status.refused.as_ref());
        let attempted = refused.map(|(id, _)| id.clone()).or(revision);
        status.attempted_revision = attempted.filter(|id| Some(id) != status.revision.as_ref());
        status.short_revision = status.revision.as_ref().map(|id| id.chars().take(7).collect());
        let count = |wanted: &dyn Fn(&super::world::Tracked) -> bool| {
            u32::try_from(self.world.objects.values().filter(|tracked| wanted(tracked)).count())
                .unwrap_or(u32::MAX)
        };
        let ready = self.world.components.iter().filter(|component| component.state == ComponentState::Ready);
        status.counts = Counts {
            objects: count(&|tracked| tracked.baseline.is_some()),
            components: u32::try_from(self.world.components.len()).unwrap_or(u32::MAX),
            ready_components: u32::try_from(ready.count()).unwrap_or(u32::MAX),
            held: count(&|tracked| tracked.held),
            drifted: count(&|tracked| tracked.differs),
        };
        let unhealthy = self.unhealthy();
        let told = unhealthy.iter().take(20).cloned().collect::<Vec<_>>().join("; ");
        if let Some((id, reason)) = refused {
            set_refused(&mut status, id, reason);
        } else {
            let stuck = self.world.components.iter().any(|component| {
                matches!(component.state, ComponentState::Broken(_) | ComponentState::Failed(_))
            });
            let message = if stuck { told.clone() } else { String::new() };
            set_condition(
                &mut status,
                ConditionType::Stalled,
                stuck,
                if stuck { "ComponentFailed" } else { "Progressing" },
                message,
            );
            let ready = settled && unhealthy.is_empty();
            let reason = match (ready, settled) {
                (true, _) => "Applied",
                (false, true) => "NotReady",
                (false, false) => "Reconciling",
            };
            let message = if ready { "as git says, and healthy".to_owned() } else { told };
            set_condition(&mut status, ConditionType::Ready, ready, reason, message);
        }
        let message = if settled { "" } else { "a revision is being applied" };
        set_condition(
            &mut status,
            ConditionType::Reconciling,
            !settled,
            if settled { "Settled" } else { "Applying" },
            message.to_owned(),
        );
        let drifted = status_drifted(self);
        let message = drifted.join("; ");
        set_condition(
            &mut status,
            ConditionType::Drifted,
            !drifted.is_empty(),
            if drifted.is_empty() { "InSync" } else { "DriftLeft" },
            message,
        );
        status
    }
}

/// Says of a status that a revision is not applied.
fn set_refused(status: &mut EnvironmentStatus, id: &str, reason: &str) {
    let short: String = id.chars().take(7).collect();
    set_condition(status, ConditionType::Stalled, true, "RevisionRefused", format!("{short}: {reason}"));
    let message = format!("{short} is refused: {reason}");
    set_condition(status, ConditionType::Ready, false, "RevisionRefused", message);
}

fn set_condition(
    status: &mut EnvironmentStatus,
    kind: ConditionType,
    holds: bool,
    reason: &str,
    message: String,
) {
    status.set_condition(Condition {
        kind,
        status: if holds { ConditionStatus::True } else { ConditionStatus::False },
        reason: reason.to_owned(),
        message,
        last_transition_time: jiff::Timestamp::now(),
        observed_generation: status.observed_generation,
    });
}

/// The objects that differ from git and are left so.
fn status_drifted(agent: &Agent) -> Vec<String> {
    let mut objects: Vec<String> = agent
        .world
        .objects
        .iter()
        .filter(|(_, tracked)| tracked.differs)
        .map(|(key, _)| key.to_string())
        .collect();
    objects.sort();
    objects.truncate(20);
    objects
}
