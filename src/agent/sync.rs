//! From a revision to a settled cluster: render, plan, apply stage by stage, prune.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hooks::When;
use super::jobs::Rendering;
use super::world::{ComponentProgress, ComponentState, Goal, Phase, Trouble, Wish};
use super::{Agent, AgentError, Task, Timer};
use crate::environment::Loaded;
use crate::manifest::GroupKind;
use crate::plan::{self, Action, Plan, Policy};
use crate::render::DesiredSet;
use crate::source::{Arrival, RefusedCommit, SourceEvent};

/// When planning anew is tried again that came while a revision was being rendered or planned.
const REPLAN_AFTER: Duration = Duration::from_millis(100);

/// When the API server is asked again for a kind whose definition we applied.
const PARKED_AGAIN: Duration = Duration::from_secs(1);
/// When the API server is asked again for a kind that nothing of ours brings.
const UNSERVED_AGAIN: Duration = Duration::from_secs(15);

/// A rendered revision.
pub struct Rendered {
    /// Its environment file.
    pub environment: Arc<Loaded>,
    /// What it renders to.
    pub desired: Arc<DesiredSet>,
    /// The names of all environments in it.
    pub environments: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Agent {
    pub(super) fn on_source(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Revision(arrival) => {
                self.metrics.fetched(arrival.took, jiff::Timestamp::now());
                // Only the newest counts: an older one that still waits is passed over.
                self.next = Some(arrival);
            }
            SourceEvent::Failed(failure) => {
                let error = failure.error;
                self.metrics.source_failed(error.kind());
                if let Some(commit) = error.refused() {
                    self.on_unverified(commit);
                } else {
                    tracing::warn!(topic = "source", attempts = failure.attempts, "{error}");
                }
                if self.options.once {
                    self.outcome = Some(Err(AgentError::Source(error.to_string())));
                }
            }
            SourceEvent::Recovered { since, attempts } => {
                tracing::info!(topic = "source", attempts, "the source answers again (away since {since})");
                if self.status.unverified.take().is_some() {
                    self.later(super::STATUS_AFTER, Timer::Status);
                }
            }
        }
        self.start_next_revision();
    }

    /// The branch's commit is not signed as it must be: what was applied before stays what is kept.
    fn on_unverified(&mut self, commit: &RefusedCommit) {
        if let Some(goal) = &self.world.goal {
            tracing::error!("{commit}\n  {} stays at {}", self.options.environment, goal.revision.short());
        } else {
            tracing::error!("{commit}");
            let short = commit.revision.short();
            self.health.set_not_ready(vec![format!("the commit {short} is refused for its signature")]);
        }
        self.status.unverified = Some((commit.revision.id.clone(), commit.reason()));
        self.later(super::STATUS_AFTER, Timer::Status);
    }

    /// Begins with the newest revision, unless one is being rendered. A revision whose objects are still being applied
    /// or waited for is preempted: jobs under way end, all else is planned anew.
    pub(super) fn start_next_revision(&mut self) {
        if matches!(self.world.phase, Phase::Listing | Phase::Rendering) {
            return;
        }
        let Some(arrival) = self.next.take() else { return };
        let revision = arrival.snapshot.revision();
        if let Some(goal) = &self.world.goal
            && matches!(self.world.phase, Phase::Applying | Phase::Pruning)
            && goal.revision.id != revision.id
        {
            tracing::info!(topic = "plan", "{} is preempted by {}", goal.revision.short(), revision.short());
        }
        self.world.phase = Phase::Rendering;
        let rendering = Rendering {
            arrival,
            environment: self.options.environment.clone(),
            offer: self.offer.clone(),
            key: self.tools.key.clone(),
            cache: self.cache.clone(),
            keys: self.keys.clone(),
            charts: self.charts(),
        };
        self.jobs.spawn_blocking(move || rendering.run());
    }

    /// What rendering came to. A revision whose environment file is wrong changes nothing in the cluster.
    pub(super) fn on_rendered(&mut self, arrival: &Arrival, result: Result<Rendered, String>) {
        let revision = arrival.snapshot.revision();
        match result {
            Err(reason) => {
                tracing::error!("{revision} is refused, and the cluster stays as it is:\n  {reason}");
                self.metrics.reconciled("refused", arrival.learned.elapsed(), jiff::Timestamp::now());
                self.status.refused(revision, &reason);
                self.later(super::STATUS_AFTER, Timer::Status);
                // The goal before, if there is one, stays what is kept.
                self.world.phase = if self.world.goal.is_some() { Phase::Applying } else { Phase::Idle };
                if self.options.once {
                    self.outcome = Some(Err(AgentError::Refused(reason)));
                }
            }
            Ok(rendered) => {
                self.metrics.rendered(rendered.took);
                self.report_rendering(arrival, &rendered.desired);
                self.watch_charts(&rendered.desired);
                self.find_heirs(&rendered.environments);
                let desired = rendered.desired.clone();
                self.set_goal(arrival, rendered);
                self.watch_lookups(&desired);
            }
        }
    }

    fn report_rendering(&mut self, arrival: &Arrival, desired: &DesiredSet) {
        for component in &desired.components {
            if let Err(error) = &component.result {
                let text = error.to_string();
                // The same fault in each revision is said once.
                if self.said.get(&component.name) != Some(&text) {
                    tracing::error!(
                        component = &*component.name,
                        revision = arrival.snapshot.revision().short(),
                        "refused, and what the cluster has of it stays as it is: {text}"
                    );
                    self.said.insert(component.name.clone(), text);
                }
            } else {
                self.said.remove(&component.name);
            }
        }
    }

    fn set_goal(&mut self, arrival: &Arrival, rendered: Rendered) {
        self.policy = Policy::of(&rendered.environment.environment.spec);
        self.act_as(&rendered.environment.environment.spec);
        let plan = plan::plan(
            &rendered.desired,
            &self.world.observed_set(),
            &self.world.inventory(),
            &self.policy,
            &self.offer.catalog,
            &self.tools.key,
        );
        let parks = plan.steps().any(|step| step.action == Action::Park);
        let goal = Goal {
            revision: arrival.snapshot.revision().clone(),
            snapshot: arrival.snapshot.clone(),
            environment: rendered.environment,
            desired: rendered.desired,
            kinds: plan.steps().map(|step| step.key.group_kind.clone()).collect(),
            parks,
            plan: Some(plan),
            learned: arrival.learned,
        };
        self.world.goal = Some(goal);
        self.world.done.clear();
        self.mirror();
    }

    pub(super) fn retry_goal(&mut self) {
        self.world.phase = Phase::Settled;
        self.later(Duration::from_secs(5), Timer::Replan);
    }

    /// Plans anew what git says already: after the cluster began to serve other kinds, or after a failure.
    pub(super) fn replan(&mut self) {
        if matches!(self.world.phase, Phase::Listing | Phase::Rendering) {
            // A plan may be made already that knows nothing yet of what asks for another one.
            self.later(REPLAN_AFTER, Timer::Replan);
            return;
        }
        if self.next.is_some() {
            return;
        }
        let Some(goal) = self.world.goal.take() else { return };
        self.world.phase = Phase::Rendering;
        let arrival = Arrival { snapshot: goal.snapshot, learned: Instant::now(), took: Duration::ZERO };
        let rendered = Rendered {
            environment: goal.environment,
            desired: goal.desired,
            environments: Vec::new(),
            took: Duration::ZERO,
        };
        self.set_goal(&arrival, rendered);
    }

    /// Takes the plan's steps over into the world and starts.
    pub(super) fn carry_out(&mut self) {
        let Some(goal) = &mut self.world.goal else { return };
        let Some(plan) = goal.plan.take() else { return };
        let desired = goal.desired.clone();
        self.world.phase = Phase::Applying;
        self.watch_kinds(&plan);
        let (unserved, twice) = self.take_in_wishes(&plan, &desired);
        let components = plan
            .components
            .iter()
            .map(|component| ComponentProgress {
                name: component.name.clone(),
                failed: None,
                unserved: unserved.get(&component.name).cloned(),
                twice: twice.get(&component.name).cloned(),
                depends_on: component.depends_on.clone(),
                stages: component
                    .stages
                    .iter()
                    .map(|stage| {
                        let due = |step: &&plan::Step| step.action.is_due();
                        stage.steps.iter().filter(due).map(|step| step.key.clone()).collect::<Vec<_>>()
                    })
                    .filter(|stage| !stage.is_empty())
                    .collect(),
                current: HashSet::new(),
                objects: component.steps().map(|step| step.key.clone()).collect(),
                unwell: BTreeSet::new(),
                unseen: BTreeSet::new(),
                hook_failed: false,
                state: match &component.error {
                    Some(error) => ComponentState::Broken(error.clone()),
                    None => ComponentState::Blocked(Vec::new()),
                },
                since: Instant::now(),
            })
            .collect();
        self.world.set_components(components);
        self.forget_hooks();
        self.world.pruning.clear();
        self.world.prune = plan
            .prune
            .stages
            .iter()
            .map(|stage| stage.iter().map(|step| step.key.clone()).collect())
            .collect();
        self.report_plan(&plan);
        self.look_again_for_kinds();
        self.advance_components();
    }

    /// Asks again what the API server serves while something waits for it: a definition of ours is served soon after it
    /// is established, another tool's some day.
    pub(super) fn look_again_for_kinds(&mut self) {
        let Some(goal) = &self.world.goal else { return };
        if goal.parks {
            self.later(PARKED_AGAIN, Timer::Discover);
        } else if self.world.components.iter().any(|component| component.unserved.is_some()) {
            self.later(UNSERVED_AGAIN, Timer::Discover);
        }
    }

    fn watch_kinds(&mut self, plan: &Plan) {
        let kinds: HashSet<&GroupKind> = plan.steps().map(|step| &step.key.group_kind).collect();
        for kind in kinds {
            if let Some(resource) = self.offer.catalog.kind(kind) {
                self.watches.ensure(resource);
            }
        }
    }

    /// What git says of each object, and what is decided about it without a request. Returns the components with kinds
    /// that the API server does not serve, and those with objects that are defined twice.
    fn take_in_wishes(
        &mut self,
        plan: &Plan,
        desired: &DesiredSet,
    ) -> (HashMap<Arc<str>, String>, HashMap<Arc<str>, String>) {
        let mut unserved = HashMap::new();
        let mut rendered = HashMap::new();
        for component in &desired.components {
            if let Ok(result) = &component.result {
                rendered.insert(component.name.clone(), result.clone());
            }
        }
        let broken: HashSet<&str> = plan
            .components
            .iter()
            .filter(|component| component.error.is_some())
            .map(|component| &*component.name)
            .collect();
        for tracked in self.world.objects.values_mut() {
            // A component that cannot be rendered keeps what it has, wishes included.
            if !broken.contains(&*tracked.component) {
                tracked.wish = None;
                tracked.trouble = None;
            }
        }
        let mut moved = BTreeSet::new();
        let (mut named, mut twice) = (HashSet::new(), HashMap::new());
        let mut reported = Vec::new();
        for component in &plan.components {
            let Some(rendered) = rendered.get(&component.name) else { continue };
            for step in component.steps() {
                let Some(index) = step.object else { continue };
                if !named.insert(&step.key) {
                    // Defined twice: the first definition counts, and the second one is what is wrong.
                    let why = || format!("{}: {}", step.key, step.reason);
                    twice.entry(component.name.clone()).or_insert_with(why);
                    continue;
                }
                let Some(resource) = self.offer.catalog.resolve(&rendered.objects[index].manifest).cloned()
                else {
                    if step.action != Action::Park {
                        let why = || format!("{}: {}", step.key, step.reason);
                        unserved.entry(component.name.clone()).or_insert_with(why);
                    }
                    continue;
                };
                let inherited = self.world.inherited.entries.remove(&step.key);
                let tracked = self.world.objects.entry(step.key.clone()).or_default();
                if let Some(entry) = inherited
                    && tracked.baseline.is_none()
                {
                    tracked.baseline = Some(entry.baseline());
                    tracked.component = entry.component;
                }
                if tracked.component != component.name {
                    moved.extend([tracked.component.clone(), component.name.clone()]);
                    tracked.component = component.name.clone();
                }
                tracked.deleting = false;
                tracked.wish = Some(Wish {
                    rendered: rendered.clone(),
                    index,
                    once: step.once.clone(),
                    resource,
                    digest: step.digest,
                });
                tracked.trouble = step
                    .action
                    .obstacle(&step.reason)
                    .map(|why| Trouble { why, parked: step.action == Action::Park });
                if step.action == Action::Report {
                    reported.push(step.key.clone());
                }
                let held = matches!(step.action, Action::Hold(_));
                tracked.differs = held && !tracked.is_applied();
                if matches!(step.action, Action::Nothing) && tracked.health.is_none() {
                    tracked.health = crate::plan::health::without_status(&step.key.group_kind);
                }
            }
        }
        // Objects that git does not name any more: what is still there may have to be deleted, the rest is forgotten.
        for (key, entry) in std::mem::take(&mut self.world.inherited.entries) {
            let there = self.world.objects.get_mut(&key);
            match there {
                Some(tracked) if tracked.baseline.is_none() => {
                    tracked.baseline = Some(entry.baseline());
                    tracked.component = entry.component;
                }
                Some(_) => {}
                None => {
                    moved.insert(entry.component);
                }
            }
        }
        moved.retain(|name| !name.is_empty());
        self.unsaved(moved);
        // Nothing is done about them, but the record of what differs is due.
        reported.iter().for_each(|key| self.enqueue(key, Task::Confirm));
        (unserved, twice)
    }

    /// Starts what can start: components whose dependencies are ready, stages whose predecessors are done.
    pub(super) fn advance_components(&mut self) {
        let mut progress = true;
        while progress && self.world.phase == Phase::Applying {
            progress = false;
            for index in 0..self.world.components.len() {
                progress |= self.advance_component(index);
            }
        }
        self.finish_applying();
    }

    /// Returns whether the component changed its state, which can set others free.
    fn advance_component(&mut self, index: usize) -> bool {
        let component = &self.world.components[index];
        match &component.state {
            ComponentState::Blocked(before) => {
                let waits: Vec<Arc<str>> =
                    component.depends_on.iter().filter(|name| !self.world.is_ready(name)).cloned().collect();
                let (name, first) = (component.name.clone(), before.is_empty());
                // Said only when it takes a while: most waits are over in a moment.
                if first && !waits.is_empty() {
                    self.later(Duration::from_secs(3), Timer::Nag);
                }
                let changed = waits.is_empty();
                self.world.components[index].state = if !changed {
                    ComponentState::Blocked(waits)
                } else if self.run_hooks(&name, When::Before) {
                    ComponentState::Hooking(When::Before)
                } else {
                    ComponentState::Applying
                };
                changed
            }
            ComponentState::Applying => {
                if !component.current.is_empty() {
                    return false;
                }
                if let Some(failed) = component.failed.clone() {
                    self.world.components[index].state = ComponentState::Failed(failed);
                    return true;
                }
                if component.stages.is_empty() {
                    let state =
                        self.refusal_in(index).map_or(ComponentState::Settling, ComponentState::Failed);
                    self.later(super::explain::FIRST_LOOK, Timer::Explain);
                    self.world.components[index].state = state;
                    self.world.components[index].since = Instant::now();
                    return true;
                }
                let stage = self.world.components[index].stages.remove(0);
                self.world.components[index].current = stage.iter().cloned().collect();
                for key in &stage {
                    if let Some(tracked) = self.world.objects.get_mut(key) {
                        tracked.failures = 0;
                    }
                    self.enqueue(key, Task::Apply);
                }
                true
            }
            ComponentState::Settling => {
                if component.unwell.is_empty() {
                    self.is_well(index);
                    self.later(super::STATUS_AFTER, Timer::Status);
                    return true;
                }
                if !component.unseen.is_empty() {
                    self.later(Duration::ZERO, Timer::Sweep);
                }
                false
            }
            _ => false,
        }
    }

    /// Why the component is not as git says although all that can be applied is: an object was refused.
    fn refusal_in(&self, index: usize) -> Option<String> {
        let component = &self.world.components[index];
        let refused = component.objects.iter().find_map(|key| {
            let trouble = self.world.objects.get(key)?.trouble.as_ref().filter(|trouble| !trouble.parked)?;
            Some(format!("{key}: {}", trouble.why))
        });
        refused.or_else(|| component.unserved.clone()).or_else(|| component.twice.clone())
    }

    /// When nothing is left to apply: deletions, or the end.
    fn finish_applying(&mut self) {
        if self.world.phase != Phase::Applying {
            return;
        }
        let waiting = self.world.components.iter().any(|component| {
            matches!(
                component.state,
                ComponentState::Applying | ComponentState::Blocked(_) | ComponentState::Hooking(When::Before)
            )
        });
        if waiting {
            // Blocked for good: what a component waits for has failed, and only a new revision or a retry helps.
            let busy = self.world.components.iter().any(|component| {
                matches!(
                    component.state,
                    ComponentState::Applying | ComponentState::Settling | ComponentState::Hooking(_)
                )
            });
            if busy {
                return;
            }
            self.settled();
            return;
        }
        let all_applied = self.world.components.iter().all(ComponentProgress::is_applied);
        if all_applied && !self.world.prune.is_empty() {
            self.world.phase = Phase::Pruning;
            self.advance_prune();
        } else {
            if !self.world.prune.is_empty() {
                tracing::warn!("nothing is deleted, since not everything new could be applied");
            }
            self.settled();
        }
    }

    /// Deletes stage by stage. A stage is over when the server has taken all its requests: finalizers may hold an
    /// object for long, and do not hold up the rest.
    pub(super) fn advance_prune(&mut self) {
        if !self.world.pruning.is_empty() {
            return;
        }
        if self.world.prune.is_empty() {
            self.settled();
            return;
        }
        for key in self.world.prune.remove(0) {
            self.enqueue(&key, Task::Delete);
            if self.world.objects.contains_key(&key) {
                self.world.pruning.insert(key);
            }
        }
        if self.world.pruning.is_empty() {
            self.advance_prune();
        }
    }
}
