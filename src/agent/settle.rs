//! When a revision is settled, how healthy what it made is, and what is waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::explain::FIRST_LOOK;
use super::hooks::When;
use super::jobs::Finished;
use super::world::{ComponentState, Phase};
use super::{Agent, AgentError, STATUS_AFTER, Task, Timer};
use crate::cluster::ApiError;
use crate::manifest::{GroupKind, ObjectKey};
use crate::plan::Observed;
use crate::plan::health::{Health, assess};

/// From this many objects of a kind on, one LIST is cheaper than a GET each.
const LIST_FROM: usize = 8;
/// How long objects whose status moved are gathered before they are looked at.
pub(super) const SWEEP_AFTER: Duration = Duration::from_millis(250);
/// The pause between two listings, as so many times what the first one took.
const SWEEP_PAUSE: u32 = 4;

/// Listings of objects for their health.
pub struct Sweeps {
    under_way: usize,
    not_before: Instant,
}

impl Default for Sweeps {
    fn default() -> Self {
        Self { under_way: 0, not_before: Instant::now() }
    }
}

impl Agent {
    /// The revision is as far as it goes.
    pub(super) fn settled(&mut self) {
        let first = self.world.phase != Phase::Settled;
        self.world.phase = Phase::Settled;
        if !first {
            return;
        }
        self.report_settled();
        self.health.set_ready();
        self.world.forget_field_sets();
        self.save_inventory();
        self.later(STATUS_AFTER, Timer::Status);
        // What happened while the plan was being carried out is weighed now.
        let keys: Vec<ObjectKey> = self.world.objects.keys().cloned().collect();
        for key in &keys {
            self.judge(key);
        }
        self.hand_over();
        self.end_if_once();
    }

    /// For `mooring apply`: ends when all is ready, or when something can never be.
    pub(super) fn end_if_once(&mut self) {
        if !self.options.once || self.world.phase != Phase::Settled || self.outcome.is_some() {
            return;
        }
        let mut failed = Vec::new();
        for component in &self.world.components {
            match &component.state {
                ComponentState::Broken(why) | ComponentState::Failed(why) => {
                    failed.push(format!("{}: {why}", component.name));
                }
                ComponentState::Blocked(on) => {
                    failed.push(format!("{}: waits for {}", component.name, on.join(", ")));
                }
                ComponentState::Ready => {}
                ComponentState::Applying | ComponentState::Settling | ComponentState::Hooking(_) => return,
            }
        }
        if self.running == 0 && self.queue.is_empty() {
            self.outcome =
                Some(if failed.is_empty() { Ok(()) } else { Err(AgentError::NotReady(failed.join("\n  "))) });
        }
    }

    /// Looks how those objects are whose status moved, or that nobody has looked at yet.
    pub(super) fn sweep_health(&mut self) {
        let now = Instant::now();
        if self.sweeps.under_way > 0 || now < self.sweeps.not_before {
            return self
                .later(self.sweeps.not_before.saturating_duration_since(now).max(SWEEP_AFTER), Timer::Sweep);
        }
        let mut due: BTreeMap<GroupKind, Vec<ObjectKey>> = BTreeMap::new();
        for (key, tracked) in &mut self.world.objects {
            let wanted = tracked.wish.is_some() && !tracked.busy && tracked.observed.is_some();
            if wanted && (tracked.unassessed || tracked.health.is_none()) {
                tracked.unassessed = false;
                due.entry(key.group_kind.clone()).or_default().push(key.clone());
            }
        }
        for (kind, keys) in due {
            if keys.len() < LIST_FROM {
                keys.iter().for_each(|key| self.enqueue(key, Task::Assess));
                continue;
            }
            let Some(resource) = self.offer.catalog.kind(&kind).cloned() else { continue };
            let tools = self.tools.clone();
            let selector = format!("{}={}", crate::manifest::PART_OF, self.apply_set);
            self.sweeps.under_way += 1;
            self.jobs.spawn(async move {
                let began = Instant::now();
                let mut seen = Vec::new();
                let listed = tools
                    .cluster
                    .list(&resource, None, &selector, |live| {
                        let text = |pointer: &str| live.pointer(pointer).and_then(|value| value.as_str());
                        let key = ObjectKey {
                            group_kind: kind.clone(),
                            namespace: text("/metadata/namespace").map(ToOwned::to_owned),
                            name: text("/metadata/name").unwrap_or_default().to_owned(),
                        };
                        seen.push((key, assess(&live)));
                    })
                    .await;
                Finished::Swept(listed.map(|()| seen), began.elapsed())
            });
        }
    }

    pub(super) fn on_swept(&mut self, result: Result<Vec<(ObjectKey, Health)>, ApiError>, took: Duration) {
        self.sweeps.under_way -= 1;
        // Listing thousands takes a small share of the time.
        self.sweeps.not_before = self.sweeps.not_before.max(Instant::now() + took * SWEEP_PAUSE);
        match result {
            Ok(seen) => {
                for (key, health) in seen {
                    self.set_health(&key, health);
                }
                self.health_moved();
            }
            Err(error) => {
                tracing::debug!(%error, "cannot look how objects are; looking again");
                self.later(Duration::from_secs(5), Timer::Sweep);
            }
        }
    }

    pub(super) fn on_assessed(
        &mut self,
        key: &ObjectKey,
        seen: Result<Option<(Health, Observed)>, ApiError>,
    ) {
        match seen {
            Ok(Some((health, observed))) => {
                self.set_health(key, health);
                if let Some(tracked) = self.world.objects.get_mut(key) {
                    tracked.observed = Some(observed);
                }
            }
            Ok(None) => self.see_gone(key),
            Err(error) => {
                tracing::debug!(%error, "cannot look how the object is; looking again");
                self.later(Duration::from_secs(5), Timer::Retry(key.clone(), Task::Assess));
            }
        }
        self.health_moved();
    }

    fn see_gone(&mut self, key: &ObjectKey) {
        if let Some(tracked) = self.world.objects.get_mut(key) {
            tracked.observed = None;
            if tracked.baseline.is_some() && tracked.wish.is_some() {
                self.enqueue(key, Task::Confirm);
            }
        }
    }

    fn set_health(&mut self, key: &ObjectKey, health: Health) {
        let Some(tracked) = self.world.objects.get(key) else { return };
        let health = tracked.in_clean_words(health);
        if tracked.wish.is_none() || tracked.health.as_ref() == Some(&health) {
            return;
        }
        let was_well = tracked.health.as_ref().is_some_and(Health::is_current);
        if health.is_failed() {
            tracing::warn!(object = %key, "not healthy: {health}");
        } else if !was_well && health.is_current() {
            tracing::debug!(object = %key, "healthy");
        }
        self.world.set_health(key, health);
        // A kind that a CRD brings may be what other objects wait for.
        if key.group_kind.kind == "CustomResourceDefinition" && !was_well {
            self.later(Duration::ZERO, Timer::Discover);
        }
    }

    /// After an object could be applied at last: its component goes on where it failed.
    pub(super) fn mend(&mut self, key: &ObjectKey) {
        let world = &mut self.world;
        let in_trouble = |key| world.objects.get(key).is_some_and(|tracked| tracked.trouble.is_some());
        let name = world.objects.get(key).map(|tracked| tracked.component.clone()).unwrap_or_default();
        if world.component(&name).is_none_or(|component| component.objects.iter().any(in_trouble)) {
            return;
        }
        let Some(component) = world.component_of(key) else { return };
        component.failed = None;
        if !component.hook_failed && matches!(component.state, ComponentState::Failed(_)) {
            component.state = ComponentState::Applying;
            if world.phase == Phase::Settled {
                world.phase = Phase::Applying;
            }
        }
    }

    /// After the health of something moved: components may be ready now, or no longer.
    fn health_moved(&mut self) {
        let mut changed = false;
        for place in 0..self.world.components.len() {
            let component = &mut self.world.components[place];
            match (&component.state, component.unwell.is_empty()) {
                (ComponentState::Ready, false) => component.state = ComponentState::Settling,
                (ComponentState::Settling, true) => self.is_well(place),
                _ => continue,
            }
            let component = &mut self.world.components[place];
            if component.state == ComponentState::Ready {
                tracing::info!(component = &*component.name, "ready");
            }
            component.since = Instant::now();
            changed = true;
        }
        if changed {
            self.later(FIRST_LOOK, Timer::Explain);
            self.later(STATUS_AFTER, Timer::Status);
            // Others may have waited for just this.
            let blocked = self
                .world
                .components
                .iter()
                .any(|component| matches!(component.state, ComponentState::Blocked(_)));
            if blocked && self.world.phase == Phase::Settled {
                self.world.phase = Phase::Applying;
            }
            self.end_if_once();
        }
    }

    /// All of a component is healthy: what comes after it runs, or it is ready.
    pub(super) fn is_well(&mut self, place: usize) {
        let name = self.world.components[place].name.clone();
        let hooks = self.run_hooks(&name, When::After);
        self.world.components[place].state =
            if hooks { ComponentState::Hooking(When::After) } else { ComponentState::Ready };
    }

    /// Says now and then what a component has been waiting for.
    pub(super) fn say_what_is_waited_for(&mut self) {
        let mut waiting = false;
        for component in &self.world.components {
            match &component.state {
                ComponentState::Blocked(on) => {
                    waiting = true;
                    tracing::info!(component = &*component.name, "waits for {}", on.join(", "));
                }
                ComponentState::Hooking(when) => {
                    waiting = true;
                    tracing::info!(
                        component = &*component.name,
                        "{}",
                        self.hooks_in_words(&component.name, *when)
                    );
                }
                ComponentState::Settling if component.since.elapsed() > Duration::from_secs(20) => {
                    waiting = true;
                    let sick = self.world.first_unwell(component);
                    tracing::info!(
                        component = &*component.name,
                        "not healthy for {} s: {}",
                        component.since.elapsed().as_secs(),
                        sick.unwrap_or_default()
                    );
                }
                _ => {}
            }
        }
        if waiting {
            self.later(Duration::from_mins(1), Timer::Nag);
        }
    }

    /// Marks components for which the inventory must be saved.
    pub(super) fn unsaved(&mut self, components: impl IntoIterator<Item = std::sync::Arc<str>>) {
        self.world.unsaved.extend(components.into_iter().filter(|name| !name.is_empty()));
        if !self.world.unsaved.is_empty() {
            let applying = self.world.phase == Phase::Applying;
            let after = if applying { super::SAVE_WHILE_APPLYING } else { super::SAVE_AFTER };
            self.later(after, Timer::Save);
        }
    }

    /// The components whose objects are not all well, with the first reason of each.
    pub(super) fn unhealthy(&self) -> BTreeSet<String> {
        self.world
            .components
            .iter()
            .filter_map(|component| match &component.state {
                ComponentState::Ready => None,
                ComponentState::Broken(why) => Some(format!("{}: cannot be rendered: {why}", component.name)),
                ComponentState::Failed(why) => Some(format!("{}: {why}", component.name)),
                ComponentState::Blocked(on) => {
                    Some(format!("{}: waits for {}", component.name, on.join(", ")))
                }
                ComponentState::Hooking(when) => {
                    Some(format!("{}: {}", component.name, self.hooks_in_words(&component.name, *when)))
                }
                ComponentState::Applying => Some(format!("{}: is being applied", component.name)),
                ComponentState::Settling => {
                    let sick = self.world.first_unwell(component);
                    Some(format!("{}: {}", component.name, sick.unwrap_or_default()))
                }
            })
            .collect()
    }
}
