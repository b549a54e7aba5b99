//! All that the agent knows, in one place and owned by one task. Nothing here talks to anybody.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::hooks::{HookRun, When};
use crate::cluster::HookRecords;
use crate::environment::Loaded;
use crate::manifest::{Digest, FieldPath, GroupKind, ObjectKey};
use crate::plan::health::Health;
use crate::plan::{Baseline, Inventory, InventoryEntry, Observed, ObservedSet, Plan, Resource};
use crate::render::{DesiredSet, RenderedComponent};
use crate::source::{Revision, Snapshot};

/// Where the agent stands in bringing the cluster to a revision. Each arrow is one function in `sync`.
///
/// ```text
/// Listing ──▶ Idle ──revision──▶ Rendering ──▶ Applying ──all applied──▶ Pruning ──▶ Settled
///               ▲                    ▲                                                 │
///               │                    └───────────────── newer revision ────────────────┤
///               └──────────────────────────────────────────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The watches have not yet listed what is there.
    Listing,
    /// Nothing to do, no revision yet.
    Idle,
    /// A revision is being read and rendered.
    Rendering,
    /// Objects are being applied, components wait for others.
    Applying,
    /// All is applied; what git no longer names is being deleted.
    Pruning,
    /// The cluster is as the revision says, as far as it goes.
    Settled,
}

/// What an object is to git.
#[derive(Clone)]
pub struct Wish {
    /// The component's rendering.
    pub rendered: Arc<RenderedComponent>,
    /// The object's place in it.
    pub index: usize,
    /// The fields that are set once.
    pub once: Vec<FieldPath>,
    /// How the API server serves it.
    pub resource: Resource,
    /// The digest of the wish.
    pub digest: Digest,
}

/// One object.
#[derive(Default)]
pub struct Tracked {
    /// The component that it belongs to, or belonged to; empty where nothing is known.
    pub component: Arc<str>,
    /// What git says; `None` for what git no longer names.
    pub wish: Option<Wish>,
    /// What we know since we applied it last.
    pub baseline: Option<Baseline>,
    /// Its metadata, as the watch or an answer said last.
    pub observed: Option<Observed>,
    /// Its health; `None` where nobody has looked yet.
    pub health: Option<Health>,
    /// What keeps its pods from being ready, where they were looked at.
    pub pods: Option<String>,
    /// The job on it that waits for its turn.
    pub queued: Option<super::Task>,
    /// Whether a job on it is under way.
    pub busy: bool,
    /// The weightiest job that was asked for while another was under way.
    pub again: Option<super::Task>,
    /// What a watch said of it while a job was under way.
    pub pending: Option<Observed>,
    /// A watch said, while a job was under way, that it is gone.
    pub vanished: bool,
    /// How often in a row a job on it failed.
    pub failures: u32,
    /// Why it is not as git says, where it is not.
    pub trouble: Option<Trouble>,
    /// Whether a difference is known that was left so (`drift: report`, a hold, a fight).
    pub differs: bool,
    /// The digest of people's entries that were looked at and found harmless.
    pub accepted: Option<Digest>,
    /// A person holds it, and it was said.
    pub held: bool,
    /// When a watch told of it last.
    pub noticed: Option<Instant>,
    /// Its status may have moved since its health was looked at.
    pub unassessed: bool,
    /// A fight over it is waited out until then.
    pub deferred_until: Option<Instant>,
    /// We asked for its deletion.
    pub deleting: bool,
}

impl Tracked {
    /// Whether what git says now is what was applied last.
    pub fn is_applied(&self) -> bool {
        match (&self.wish, &self.baseline) {
            (Some(wish), Some(baseline)) => wish.digest == baseline.desired,
            _ => false,
        }
    }

    /// Its health in words that hold none of its secrets: controllers quote what they stumble over.
    pub fn in_clean_words(&self, health: Health) -> Health {
        health.map_message(|text| self.scrub(text))
    }

    /// Takes what must not be seen of the object out of somebody else's text.
    pub fn scrub(&self, text: &str) -> String {
        match &self.wish {
            Some(wish) => wish.rendered.objects[wish.index].manifest.scrub(text),
            None => text.to_owned(),
        }
    }

    /// Whether a fight over it is being waited out.
    pub fn is_deferred(&self) -> bool {
        self.deferred_until.is_some_and(|until| until > Instant::now())
    }
}

/// Why an object is not as git says.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// In words.
    pub why: String,
    /// Its kind is on its way: nothing has failed.
    pub parked: bool,
}

/// How far a component is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentState {
    /// It could not be rendered.
    Broken(String),
    /// It waits for others.
    Blocked(Vec<Arc<str>>),
    /// Its hooks run.
    Hooking(When),
    /// Its stages are being applied.
    Applying,
    /// All is applied, and something is not healthy yet.
    Settling,
    /// Applied and healthy.
    Ready,
    /// An object of it could not be applied.
    Failed(String),
}

/// A component on its way.
pub struct ComponentProgress {
    /// Its name.
    pub name: Arc<str>,
    /// Why its later stages cannot begin: an object of a stage before could not be applied.
    pub failed: Option<String>,
    /// An object of it whose kind the API server does not serve.
    pub unserved: Option<String>,
    /// An object of it that was defined before.
    pub twice: Option<String>,
    /// The components that must be ready before.
    pub depends_on: Vec<Arc<str>>,
    /// What is still to be done, stage by stage, the next one first.
    pub stages: Vec<Vec<ObjectKey>>,
    /// What is being done.
    pub current: HashSet<ObjectKey>,
    /// What it has, all of it.
    pub objects: Vec<ObjectKey>,
    /// Those of them that are not known to be well.
    pub unwell: BTreeSet<ObjectKey>,
    /// Those of them whose health nobody has looked at.
    pub unseen: BTreeSet<ObjectKey>,
    /// Whether it failed for a hook.
    pub hook_failed: bool,
    /// How far it is.
    pub state: ComponentState,
    /// When it began to settle, for saying what takes long.
    pub since: Instant,
}

impl ComponentProgress {
    /// Whether all of it is applied.
    pub fn is_applied(&self) -> bool {
        matches!(
            self.state,
            ComponentState::Settling | ComponentState::Hooking(When::After) | ComponentState::Ready
        )
    }
}

/// A revision that the agent works towards or stands at.
pub struct Goal {
    /// The commit.
    pub revision: Revision,
    /// Its files: origins are read from them when a report needs them.
    pub snapshot: Arc<Snapshot>,
    /// What its environment file says.
    pub environment: Arc<Loaded>,
    /// What it renders to.
    pub desired: Arc<DesiredSet>,
    /// The plan that was made of it, until it is carried out: it is as large as all that is known of the objects.
    pub plan: Option<Plan>,
    /// The kinds of its objects.
    pub kinds: BTreeSet<GroupKind>,
    /// Whether an object of it waits for its kind, which a definition of ours brings.
    pub parks: bool,
    /// When the agent learned of it.
    pub learned: Instant,
}

/// A line of the inventory: an object, and what is remembered of it.
pub type InventoryLine = (ObjectKey, InventoryEntry);

/// All that the agent knows.
pub struct World {
    /// Where it stands.
    pub phase: Phase,
    /// What it works towards.
    pub goal: Option<Goal>,
    /// The objects of the environment.
    pub objects: HashMap<ObjectKey, Box<Tracked>>,
    /// The components of the goal, in their order.
    pub components: Vec<ComponentProgress>,
    /// The place of each among them, by its name.
    places: HashMap<Arc<str>, usize>,
    /// The deletions still to be made, stage by stage.
    pub prune: Vec<Vec<ObjectKey>>,
    /// The deletions of the present stage that the server has not taken yet.
    pub pruning: HashSet<ObjectKey>,
    /// Kinds whose first listing has not come yet.
    pub unlisted: HashSet<GroupKind>,
    /// Components whose inventory is to be saved.
    pub unsaved: BTreeSet<Arc<str>>,
    /// The inventory's ConfigMaps of each component, as written.
    pub shards: HashMap<Arc<str>, usize>,
    /// What an agent before us left, until the first plan took it in.
    pub inherited: Inventory,
    /// Which hooks have run, by component.
    pub hooks: HookRecords,
    /// The same of the namespace's other environments.
    pub others_hooks: HashMap<String, HookRecords>,
    /// The hooks that run, by component.
    pub hook_runs: HashMap<Arc<str>, HookRun>,
    /// The FieldsV1 of baselines, by their digests: objects of one shape share one.
    field_sets: HashMap<Digest, Arc<[u8]>>,
    /// The namespaces that this process made: what is in them came after.
    pub fresh_namespaces: HashSet<String>,
    /// The changes made since the goal was set, by kind of change.
    pub done: BTreeMap<&'static str, u64>,
}

impl World {
    /// A world in which nothing is known yet.
    pub fn new(inherited: Inventory) -> Self {
        Self {
            phase: Phase::Listing,
            goal: None,
            objects: HashMap::new(),
            components: Vec::new(),
            places: HashMap::new(),
            prune: Vec::new(),
            pruning: HashSet::new(),
            unlisted: HashSet::new(),
            unsaved: BTreeSet::new(),
            shards: HashMap::new(),
            inherited,
            hooks: HookRecords::new(),
            others_hooks: HashMap::new(),
            hook_runs: HashMap::new(),
            field_sets: HashMap::new(),
            fresh_namespaces: HashSet::new(),
            done: BTreeMap::new(),
        }
    }

    /// What planning compares with: the metadata of all objects that are there.
    pub fn observed_set(&self) -> ObservedSet {
        let seen =
            self.objects.iter().filter_map(|(key, tracked)| Some((key.clone(), tracked.observed.clone()?)));
        ObservedSet { objects: seen.collect() }
    }

    /// The inventory as it is now: what was inherited, then what was learned since.
    pub fn inventory(&self) -> Inventory {
        let mut inventory = self.inherited.clone();
        for (key, tracked) in &self.objects {
            if let Some(entry) = Self::entry(tracked) {
                inventory.entries.insert(key.clone(), entry);
            }
        }
        inventory
    }

    /// The inventory's entry of an object.
    fn entry(tracked: &Tracked) -> Option<InventoryEntry> {
        let baseline = tracked.baseline.as_ref()?;
        Some(InventoryEntry {
            component: tracked.component.clone(),
            uid: tracked.observed.as_ref().map(|observed| observed.uid.clone()).unwrap_or_default(),
            desired: baseline.desired,
            fields: baseline.fields,
            projection: baseline.projection,
        })
    }

    /// The lines of some components' inventories, in order.
    pub fn lines_of(&self, components: &BTreeSet<Arc<str>>) -> BTreeMap<Arc<str>, Vec<InventoryLine>> {
        let mut lines: BTreeMap<_, Vec<_>> =
            components.iter().map(|name| (name.clone(), Vec::new())).collect();
        for (key, tracked) in &self.objects {
            if let Some(lines) = lines.get_mut(&tracked.component)
                && let Some(entry) = Self::entry(tracked)
            {
                lines.push((key.clone(), entry));
            }
        }
        lines.values_mut().for_each(|lines| lines.sort_by(|one, two| one.0.cmp(&two.0)));
        lines
    }

    /// Takes in the components of a goal, whose objects are known already.
    pub fn set_components(&mut self, components: Vec<ComponentProgress>) {
        self.places =
            components.iter().enumerate().map(|(place, component)| (component.name.clone(), place)).collect();
        self.components = components;
        for component in &mut self.components {
            for key in &component.objects {
                let tracked = self.objects.get(key);
                // What two components name belongs to one of them.
                if tracked.is_some_and(|tracked| tracked.component != component.name) {
                    continue;
                }
                let health = tracked.and_then(|tracked| tracked.health.as_ref());
                if health.is_none_or(|health| !health.is_current()) {
                    component.unwell.insert(key.clone());
                }
                if tracked.is_some() && health.is_none() {
                    component.unseen.insert(key.clone());
                }
            }
        }
    }

    /// The place of the component of that name among those of the goal.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The component of that name, if git names it.
    pub fn component(&self, name: &str) -> Option<&ComponentProgress> {
        self.components.get(self.place(name)?)
    }

    /// The component that an object belongs to.
    pub fn component_of(&mut self, key: &ObjectKey) -> Option<&mut ComponentProgress> {
        let place = self.places.get(&self.objects.get(key)?.component)?;
        self.components.get_mut(*place)
    }

    /// Notes what an object was after we applied it.
    pub fn set_baseline(&mut self, key: &ObjectKey, mut baseline: Baseline) {
        if let Some(own) = &mut baseline.own {
            *own = self.field_sets.entry(baseline.fields).or_insert_with(|| own.clone()).clone();
        }
        if let Some(tracked) = self.objects.get_mut(key) {
            tracked.baseline = Some(baseline);
        }
    }

    /// Forgets the FieldsV1 that no baseline has any more.
    pub fn forget_field_sets(&mut self) {
        self.field_sets.retain(|_, own| Arc::strong_count(own) > 1);
    }

    /// Notes how an object is.
    pub fn set_health(&mut self, key: &ObjectKey, health: Health) {
        let Some(tracked) = self.objects.get_mut(key) else { return };
        let unwell = tracked.wish.is_some() && !health.is_current();
        if !unwell {
            tracked.pods = None;
        }
        tracked.health = Some(tracked.in_clean_words(health));
        let Some(component) = self.component_of(key) else { return };
        component.unseen.remove(key);
        if unwell {
            component.unwell.insert(key.clone());
        } else {
            component.unwell.remove(key);
        }
    }

    /// The present stage of deletions goes on without an object, unless its deletion waits for its turn or is under way.
    pub fn leave_pruning(&mut self, key: &ObjectKey) {
        let waits = self
            .objects
            .get(key)
            .is_some_and(|tracked| tracked.busy || tracked.queued == Some(super::Task::Delete));
        if !waits {
            self.pruning.remove(key);
        }
    }

    /// The first of a component's objects that is not well, in words.
    pub fn first_unwell(&self, component: &ComponentProgress) -> Option<String> {
        let key = component.unwell.first()?;
        let tracked = self.objects.get(key);
        let Some((health, pods)) =
            tracked.and_then(|tracked| Some((tracked.health.as_ref()?, &tracked.pods)))
        else {
            return Some(format!("{key}: not looked at yet"));
        };
        let pods = pods.as_ref().map(|pods| format!("; {pods}")).unwrap_or_default();
        Some(format!("{key}: {health}{pods}"))
    }

    /// Whether the component of that name is ready; one that git does not name does not hold others up.
    pub fn is_ready(&self, name: &str) -> bool {
        self.component(name).is_none_or(|component| component.state == ComponentState::Ready)
    }

    /// Whether the object's namespace was made by this process.
    pub fn is_in_fresh_namespace(&self, key: &ObjectKey) -> bool {
        key.namespace.as_ref().is_some_and(|namespace| self.fresh_namespaces.contains(namespace))
    }
}
