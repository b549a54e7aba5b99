//! From what git wants and what is there to what to do, each step with its reason. Pure.

use std::collections::{HashMap, HashSet};

use super::catalog::{Catalog, Definitions};
use super::observed::{Inventory, InventoryEntry, Observed, ObservedSet};
use super::policy::{Autoscaled, Policy};
use super::stages::{STAGES, stage_of};
use super::steps::{Action, ComponentPlan, Plan, Stage, Step};
use crate::manifest::{
    Digest, FieldPath, HOLD, MANAGER, Manifest, ManifestSource, ObjectKey, SecretKey, apply_set_id,
};
use crate::render::{Component, DesiredObject, DesiredSet, NAMESPACES};

/// What planning looks at.
pub(super) struct Planner<'a> {
    pub observed: &'a ObservedSet,
    pub inventory: &'a Inventory,
    pub policy: &'a Policy,
    pub apply_set: String,
    catalog: &'a Catalog,
    key: &'a SecretKey,
    autoscaled: Autoscaled,
    definitions: Definitions,
}

/// Makes the plan. The same arguments give the same plan.
pub fn plan(
    desired: &DesiredSet,
    observed: &ObservedSet,
    inventory: &Inventory,
    policy: &Policy,
    catalog: &Catalog,
    key: &SecretKey,
) -> Plan {
    let mut planner = Planner {
        observed,
        inventory,
        policy,
        apply_set: apply_set_id(&desired.environment),
        catalog,
        key,
        autoscaled: Autoscaled::default(),
        definitions: Definitions::default(),
    };
    // Autoscalers and CRDs speak of other objects than themselves, wherever those are.
    for component in &desired.components {
        for object in component.result.iter().flat_map(|rendered| &rendered.objects) {
            planner.autoscaled.note(&object.manifest, &component.namespace);
            planner.definitions.note(&component.name, &object.manifest);
        }
    }
    let mut places = HashMap::new();
    let components: Vec<ComponentPlan> =
        desired.components.iter().map(|component| planner.component(component, &mut places)).collect();
    let named: HashSet<ObjectKey> =
        components.iter().flat_map(ComponentPlan::steps).map(|step| step.key.clone()).collect();
    let prune = planner.prune(desired, &named);
    Plan { components, prune, named }
}

impl Planner<'_> {
    fn component<'d>(
        &self,
        component: &'d Component,
        places: &mut HashMap<ObjectKey, &'d ManifestSource>,
    ) -> ComponentPlan {
        let mut stages = vec![Stage::default(); STAGES];
        let mut error = None;
        match &component.result {
            Ok(rendered) => {
                for (index, object) in rendered.objects.iter().enumerate() {
                    let mut step = self.step(component, index, object);
                    let source = object.manifest.source();
                    match places.get(&step.key) {
                        Some(first) => {
                            step.action = Action::Refuse;
                            step.reason =
                                format!("it is defined twice: in {first} and in {source}; remove one");
                        }
                        None => {
                            places.insert(step.key.clone(), source);
                        }
                    }
                    stages[stage_of(&step.key.group_kind)].steps.push(step);
                }
            }
            Err(why) => error = Some(why.to_string()),
        }
        stages.retain(|stage| !stage.steps.is_empty());
        ComponentPlan {
            name: component.name.clone(),
            depends_on: component.depends_on.clone(),
            stages,
            error,
        }
    }

    fn step(&self, component: &Component, index: usize, object: &DesiredObject) -> Step {
        let manifest = &object.manifest;
        let resource = self.catalog.resolve(manifest);
        let definition = self.definitions.get(manifest.group_kind());
        let namespaced = match (resource, definition) {
            (Some(resource), _) => resource.namespaced,
            (None, Some(definition)) => definition.namespaced,
            (None, None) => true,
        };
        let key = manifest.key(namespaced, &component.namespace);
        let once = self.once(&key, manifest, &object.once);
        let digest = wish_digest(manifest, &once, self.key);
        let (action, reason) = if resource.is_some() {
            self.decide(&key, component, manifest, digest)
        } else {
            self.unserved(manifest)
        };
        Step { key, component: component.name.clone(), action, reason, object: Some(index), once, digest }
    }

    /// A kind that the API server does not serve, or not in this version.
    fn unserved(&self, manifest: &Manifest) -> (Action, String) {
        let source = manifest.source();
        let Some(definition) = self.definitions.get(manifest.group_kind()) else {
            return (Action::Refuse, format!("{} ({source})", self.catalog.explain(manifest)));
        };
        let (name, owner) = (&definition.name, &definition.component);
        if definition.versions.iter().any(|version| version == manifest.version()) {
            return (Action::Park, format!("its kind comes with the definition {name} of component {owner}"));
        }
        let versions = definition.versions.join(", ");
        let reason = format!(
            "the definition {name} of component {owner} serves {versions}, not {} ({source})",
            manifest.version()
        );
        (Action::Refuse, reason)
    }

    /// The fields that are set once: what ignore rules name, what a template makes up, what an autoscaler sets.
    fn once(&self, key: &ObjectKey, manifest: &Manifest, random: &[FieldPath]) -> Vec<FieldPath> {
        let ignored = self.policy.ignored_paths(key);
        let scaled_by_git = self.autoscaled.of(key).is_some();
        // An autoscaler that git does not know has left its name on the fields that it took.
        let scaled = self.observed.objects.get(key).map_or(&[][..], |seen| &seen.autoscaled);
        let mut once = random.to_vec();
        if !ignored.0.is_empty() || scaled_by_git || !scaled.is_empty() {
            let value = manifest.reveal();
            let replicas = scaled_by_git.then(|| FieldPath::of_fields(["spec", "replicas"]));
            once.extend(ignored.fields_of(&value));
            once.extend(scaled.iter().cloned().chain(replicas).filter(|path| path.get(&value).is_some()));
        }
        let mut unique: Vec<FieldPath> = Vec::new();
        for path in once {
            if !unique.iter().any(|known| path.starts_with(known)) {
                unique.retain(|known| !known.starts_with(&path));
                unique.push(path);
            }
        }
        unique
    }

    fn decide(
        &self,
        key: &ObjectKey,
        component: &Component,
        manifest: &Manifest,
        digest: Digest,
    ) -> (Action, String) {
        let known = self.inventory.entries.get(key);
        let says_new = known.is_none_or(|entry| entry.desired != digest);
        let Some(seen) = self.observed.objects.get(key) else {
            return match known {
                Some(_) if says_new => {
                    (Action::Create, "it was there and is gone; git says something new".into())
                }
                Some(_) => self.drifted(Action::Create, "it was there, and is gone"),
                None => (Action::Create, "it is not there".to_owned()),
            };
        };
        // A hold that git itself has set, and has taken back, is nobody's hand.
        let taken_back =
            |by: &Option<String>| by.as_deref() == Some(MANAGER) && manifest.annotation(HOLD).is_none();
        if let Some(hold) = seen.hold.as_ref().filter(|hold| !taken_back(&hold.by)) {
            let waits = if known.is_some() && says_new { "; what git says anew waits" } else { "" };
            return (Action::Hold(hold.clone()), format!("{hold}{waits}"));
        }
        if seen.deleting {
            let by = seen.finalizers.join(", ");
            let held = if by.is_empty() { String::new() } else { format!(", held by its finalizers {by}") };
            return (Action::Wait, format!("it is being deleted{held}; it is made anew when it is gone"));
        }
        match known {
            Some(entry) => self.decide_known(seen, entry, component, says_new),
            None if seen.apply_set.as_deref() == Some(self.apply_set.as_str()) => {
                (Action::Prove, "it is ours, and nothing is known of how it was applied".to_owned())
            }
            // A namespace that only has to be there may be anybody's.
            None if &*component.name == NAMESPACES => (Action::Nothing, "it is there".to_owned()),
            None => match &seen.apply_set {
                Some(other) => (
                    Action::Adopt,
                    format!("it was there, of ApplySet {other}: taken over if that is no more"),
                ),
                None => (Action::Adopt, "it was there, and no environment's".to_owned()),
            },
        }
    }

    /// What to do with an object that we applied before.
    fn decide_known(
        &self,
        seen: &Observed,
        entry: &InventoryEntry,
        component: &Component,
        says_new: bool,
    ) -> (Action, String) {
        if entry.component != component.name && !entry.component.is_empty() {
            let reason = format!("it moves here from component {}", entry.component);
            return (Action::HandOver { from: entry.component.clone() }, reason);
        }
        if says_new {
            return (Action::Update, "git says something new".to_owned());
        }
        if seen.apply_set.as_deref() != Some(self.apply_set.as_str()) {
            return self.drifted(Action::Correct, "it lost the label of its environment");
        }
        if !entry.uid.is_empty() && entry.uid != seen.uid {
            return self.drifted(Action::Correct, "somebody deleted it and made it anew");
        }
        if seen.own_fields != Some(entry.fields) {
            return (Action::Nothing, "its fields changed hands: looked into as drift".to_owned());
        }
        (Action::Nothing, "as git wants it".to_owned())
    }

    fn drifted(&self, action: Action, reason: &str) -> (Action, String) {
        if self.policy.corrects() {
            (action, reason.to_owned())
        } else {
            (Action::Report, format!("{reason}; the environment says `drift: report`"))
        }
    }
}

/// The digest of what is sent for an object and of which fields are set once. What a template makes up anew at each
/// rendering is not part of it.
pub fn wish_digest(manifest: &Manifest, once: &[FieldPath], key: &SecretKey) -> Digest {
    if once.is_empty() {
        return manifest.digest(key);
    }
    let mut bytes = manifest.without(once);
    for path in once {
        bytes.extend_from_slice(path.to_string().as_bytes());
        bytes.push(0);
    }
    key.digest_bytes(&bytes)
}
