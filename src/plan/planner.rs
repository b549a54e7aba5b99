//! From what git wants and what is there to what to do, each step with its reason. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

use super::catalog::Catalog;
use super::observed::{Hold, Inventory, Observed, ObservedSet};
use super::policy::{Autoscaled, Policy};
use crate::manifest::{Digest, FieldPath, GroupKind, Manifest, ObjectKey, SecretKey, apply_set_id};
use crate::render::{DesiredSet, NAMESPACES};

/// A pruning of so few objects is never held back by the share.
const GUARD_FROM: usize = 5;

/// What to do with an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is not there.
    Create,
    /// It is ours, and git says something new.
    Update,
    /// Somebody changed it behind our back.
    Correct,
    /// It is ours, and what we knew of it is lost: a dry-run tells whether there is anything to write.
    Prove,
    /// A person holds it.
    Hold(Hold),
    /// Its kind is not served yet; a CustomResourceDefinition that brings it is on its way.
    Park,
    /// It cannot be done.
    Refuse,
    /// Git names it no more.
    Delete,
    /// It is as git wants it.
    Nothing,
}

impl Action {
    /// Whether there is something to be done now.
    pub fn is_due(&self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Correct | Self::Prove)
    }

    /// Why the object is not as git wants it, for actions that leave it so.
    pub fn obstacle(&self, reason: &str) -> Option<String> {
        matches!(self, Self::Park | Self::Refuse).then(|| reason.to_owned())
    }

    /// One word.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Correct => "correct",
            Self::Prove => "prove",
            Self::Hold(_) => "hold",
            Self::Park => "park",
            Self::Refuse => "refuse",
            Self::Delete => "delete",
            Self::Nothing => "nothing",
        }
    }
}

/// What to do with one object, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The object.
    pub key: ObjectKey,
    /// Its component.
    pub component: Arc<str>,
    /// What to do.
    pub action: Action,
    /// Why, in words.
    pub reason: String,
    /// Its place in the component's rendering.
    #[serde(skip)]
    pub object: Option<usize>,
    /// The fields that are set once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub once: Vec<FieldPath>,
    /// The digest of the wish.
    #[serde(skip)]
    pub digest: Digest,
}

/// Steps that can be done side by side; the next stage begins when all are done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stage {
    /// The steps.
    pub steps: Vec<Step>,
}

/// A component's steps.
#[derive(Clone, Debug, Serialize)]
pub struct ComponentPlan {
    /// The component.
    pub name: Arc<str>,
    /// The components that must be ready before.
    pub depends_on: Vec<Arc<str>>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// Why it could not be rendered. What it has stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl ComponentPlan {
    /// All steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }
}

/// What git names no more.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PrunePlan {
    /// The deletions, in the reverse order of applying.
    pub stages: Vec<Vec<Step>>,
    /// What is kept although git names it no more, each with the reason.
    pub kept: Vec<(ObjectKey, String)>,
    /// Why nothing at all is deleted, where a guard stands before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
}

/// What to do, all of it.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The components, in an order that follows `dependsOn`.
    pub components: Vec<ComponentPlan>,
    /// The deletions, after everything else.
    pub prune: PrunePlan,
    #[serde(skip)]
    named: HashSet<ObjectKey>,
}

impl Plan {
    /// All steps but deletions.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.components.iter().flat_map(ComponentPlan::steps)
    }

    /// All deletions.
    pub fn deletions(&self) -> impl Iterator<Item = &Step> {
        self.prune.stages.iter().flatten()
    }

    /// Whether git names the object.
    pub fn names(&self, key: &ObjectKey) -> bool {
        self.named.contains(key)
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        !self.steps().any(|step| step.action.is_due()) && self.deletions().next().is_none()
    }

    /// How many steps there are of each action.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for step in self.steps().chain(self.deletions()) {
            *counts.entry(step.action.label()).or_default() += 1;
        }
        counts
    }
}

/// In which stage of its component an object is applied: what others need first.
fn stage_of(kind: &GroupKind) -> usize {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => 0,
        (
            "",
            "ConfigMap"
            | "Secret"
            | "ServiceAccount"
            | "PersistentVolumeClaim"
            | "PersistentVolume"
            | "LimitRange"
            | "ResourceQuota"
            | "Service",
        )
        | ("rbac.authorization.k8s.io" | "storage.k8s.io" | "scheduling.k8s.io" | "policy", _)
        | ("networking.k8s.io", "NetworkPolicy" | "IngressClass") => 1,
        // What can stop the API server's work when it points to nothing comes last.
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => 3,
        _ => 2,
    }
}

const STAGES: usize = 4;

/// Kinds that are never deleted or replaced by themselves: data goes with them.
fn is_precious(kind: &GroupKind) -> bool {
    matches!(
        (kind.group.as_str(), kind.kind.as_str()),
        ("", "Namespace" | "PersistentVolumeClaim" | "PersistentVolume")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

/// What planning looks at.
struct Planner<'a> {
    observed: &'a ObservedSet,
    inventory: &'a Inventory,
    policy: &'a Policy,
    catalog: &'a Catalog,
    key: &'a SecretKey,
    apply_set: String,
    autoscaled: Autoscaled,
    /// Kinds that CustomResourceDefinitions in the desired set bring, with the component that has them.
    coming: HashMap<GroupKind, Arc<str>>,
    /// Those of them whose objects live in namespaces.
    namespaced: HashSet<GroupKind>,
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
        catalog,
        key,
        apply_set: apply_set_id(&desired.environment),
        autoscaled: Autoscaled::default(),
        coming: HashMap::new(),
        namespaced: HashSet::new(),
    };
    planner.note_special_objects(desired);
    let components: Vec<ComponentPlan> =
        desired.components.iter().map(|component| planner.component(component)).collect();
    let named: HashSet<ObjectKey> =
        components.iter().flat_map(ComponentPlan::steps).map(|step| step.key.clone()).collect();
    let prune = planner.prune(desired, &components, &named);
    Plan { components, prune, named }
}

impl Planner<'_> {
    /// Autoscalers and CRDs speak of other objects than themselves.
    fn note_special_objects(&mut self, desired: &DesiredSet) {
        for component in &desired.components {
            let Ok(rendered) = &component.result else { continue };
            for object in &rendered.objects {
                let manifest = &object.manifest;
                self.autoscaled.note(manifest, &component.namespace);
                if manifest.group_kind().kind == "CustomResourceDefinition" {
                    let value = manifest.reveal();
                    let text = |pointer: &str| {
                        value
                            .pointer(pointer)
                            .and_then(serde_json::Value::as_str)
                            .unwrap_or_default()
                            .to_owned()
                    };
                    let kind = GroupKind::new(text("/spec/group"), text("/spec/names/kind"));
                    if text("/spec/scope") != "Cluster" {
                        self.namespaced.insert(kind.clone());
                    }
                    self.coming.insert(kind, component.name.clone());
                }
            }
        }
    }

    fn component(&self, component: &crate::render::Component) -> ComponentPlan {
        let mut stages = vec![Stage::default(); STAGES];
        let mut error = None;
        match &component.result {
            Ok(rendered) => {
                for (index, object) in rendered.objects.iter().enumerate() {
                    let step = self.step(component, index, &object.manifest, &object.once);
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

    fn step(
        &self,
        component: &crate::render::Component,
        index: usize,
        manifest: &Manifest,
        random: &[FieldPath],
    ) -> Step {
        let resource = self.catalog.resolve(manifest);
        let namespaced = match resource {
            Some(resource) => resource.namespaced,
            None => {
                !self.coming.contains_key(manifest.group_kind())
                    || self.namespaced.contains(manifest.group_kind())
            }
        };
        let key = manifest.key(namespaced, &component.namespace);
        let once = self.once(&key, manifest, random);
        let digest = wish_digest(manifest, &once, self.key);
        let (action, reason) = match resource {
            Some(_) => self.decide(&key, digest),
            None => match self.coming.get(manifest.group_kind()) {
                Some(owner) => (Action::Park, format!("its kind comes with component {owner}")),
                None => (
                    Action::Refuse,
                    format!(
                        "the cluster does not serve {} {}: {} ({})",
                        manifest.api_version(),
                        manifest.group_kind().kind,
                        self.catalog.hint(manifest),
                        manifest.source()
                    ),
                ),
            },
        };
        Step { key, component: component.name.clone(), action, reason, object: Some(index), once, digest }
    }

    /// The fields that are set once: what ignore rules name, what a template makes up, what an autoscaler sets.
    fn once(&self, key: &ObjectKey, manifest: &Manifest, random: &[FieldPath]) -> Vec<FieldPath> {
        let mut once = random.to_vec();
        let ignored = self.policy.ignored_paths(key);
        let autoscaled = self.autoscaled.of(key).is_some();
        if !ignored.0.is_empty() || autoscaled {
            let value = manifest.reveal();
            once.extend(ignored.fields_of(&value));
            let replicas = FieldPath::of_fields(["spec", "replicas"]);
            if autoscaled && replicas.get(&value).is_some() {
                once.push(replicas);
            }
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

    fn decide(&self, key: &ObjectKey, digest: Digest) -> (Action, String) {
        let Some(seen) = self.observed.objects.get(key) else {
            let reason = match self.inventory.entries.get(key) {
                Some(_) => "it was there, and is gone",
                None => "it is not there",
            };
            return (Action::Create, reason.to_owned());
        };
        if let Some(hold) = &seen.hold {
            return (Action::Hold(hold.clone()), hold.to_string());
        }
        if seen.apply_set.as_deref() != Some(self.apply_set.as_str()) {
            return (Action::Correct, "it lost the label of its environment".to_owned());
        }
        let Some(entry) = self.inventory.entries.get(key) else {
            return (Action::Prove, "it is ours, and nothing is known of how it was applied".to_owned());
        };
        if entry.desired != digest {
            return (Action::Update, "git says something new".to_owned());
        }
        if !self.policy.corrects() {
            return (Action::Nothing, "as git wants it, as far as is known".to_owned());
        }
        if seen.own_fields != Some(entry.fields) {
            return (Action::Nothing, "its fields changed hands: looked into as drift".to_owned());
        }
        (Action::Nothing, "as git wants it".to_owned())
    }

    fn prune(
        &self,
        desired: &DesiredSet,
        components: &[ComponentPlan],
        named: &HashSet<ObjectKey>,
    ) -> PrunePlan {
        let mut plan = PrunePlan::default();
        let broken: BTreeSet<&str> = components
            .iter()
            .filter(|component| component.error.is_some())
            .map(|component| &*component.name)
            .collect();
        let renders = |component: &ComponentPlan| component.steps().next().is_some();
        let allowed = |name: &str| self.policy.guard_allow.iter().any(|allowed| allowed == name);
        let hollow: BTreeSet<&str> = components
            .iter()
            .filter(|component| !renders(component) && !allowed(&component.name))
            .map(|component| &*component.name)
            .collect();
        let mut doomed: Vec<(ObjectKey, Arc<str>)> = Vec::new();
        for (key, seen) in &self.observed.objects {
            if named.contains(key) || seen.deleting {
                continue;
            }
            let component = self
                .inventory
                .entries
                .get(key)
                .map_or_else(|| Arc::from(""), |entry| entry.component.clone());
            match self.keeps(key, seen, &component, &broken, &hollow) {
                Some(why) => plan.kept.push((key.clone(), why)),
                None => doomed.push((key.clone(), component)),
            }
        }
        plan.kept.sort_by(|one, two| one.0.cmp(&two.0));
        if doomed.is_empty() {
            return plan;
        }
        // The namespaces alone are nothing.
        let empty = !components.iter().any(|component| *component.name != *NAMESPACES && renders(component));
        if empty && !doomed.iter().all(|(_, component)| allowed(component)) {
            let names: BTreeSet<&str> =
                doomed.iter().map(|(_, component)| &**component).filter(|name| !name.is_empty()).collect();
            plan.guard = Some(format!(
                "nothing is rendered at all, so none of {} objects is deleted: if that is meant, add to {}'s \
                 environment.yaml: pruneGuard: {{allow: [{}]}}",
                doomed.len(),
                desired.environment,
                names.into_iter().collect::<Vec<_>>().join(", ")
            ));
            return plan;
        }
        let total = self.observed.objects.len().max(1);
        let guarded: Vec<&(ObjectKey, Arc<str>)> =
            doomed.iter().filter(|(_, component)| !allowed(component)).collect();
        #[expect(clippy::cast_precision_loss, reason = "counts of objects are small")]
        let share = guarded.len() as f64 / total as f64;
        if guarded.len() >= GUARD_FROM && share > self.policy.guard_share {
            let names: BTreeSet<&str> =
                guarded.iter().map(|(_, component)| &**component).filter(|name| !name.is_empty()).collect();
            plan.guard = Some(format!(
                "{} of {total} objects would be deleted, more than the share of {} that spec.pruneGuard allows: if that is \
                 meant, add to {}'s environment.yaml: pruneGuard: {{allow: [{}]}}",
                guarded.len(),
                self.policy.guard_share,
                desired.environment,
                names.into_iter().collect::<Vec<_>>().join(", ")
            ));
            return plan;
        }
        let mut stages: Vec<Vec<Step>> = vec![Vec::new(); STAGES];
        for (key, component) in doomed {
            let stage = stage_of(&key.group_kind);
            let reason = "git names it no more".to_owned();
            let digest = Digest::of(b"");
            let once = Vec::new();
            stages[stage].push(Step {
                key,
                component,
                action: Action::Delete,
                reason,
                object: None,
                once,
                digest,
            });
        }
        stages.reverse();
        for stage in &mut stages {
            stage.sort_by(|one, two| one.key.cmp(&two.key));
        }
        stages.retain(|stage| !stage.is_empty());
        plan.stages = stages;
        plan
    }

    /// Why an object that git names no more is kept all the same.
    fn keeps(
        &self,
        key: &ObjectKey,
        seen: &Observed,
        component: &str,
        broken: &BTreeSet<&str>,
        hollow: &BTreeSet<&str>,
    ) -> Option<String> {
        if seen.apply_set.as_deref() != Some(self.apply_set.as_str()) {
            return Some("it carries another environment's label, or none".to_owned());
        }
        if let Some(hold) = &seen.hold {
            return Some(hold.to_string());
        }
        if seen.controlled {
            return Some("another object's controller made it".to_owned());
        }
        if seen.prune == Some(false) {
            return Some("its annotation mooring.dev/prune says false".to_owned());
        }
        if broken.contains(component) {
            return Some(format!("component {component} could not be rendered"));
        }
        // More often a slip than a wish: a values file that turns everything off, a folder that moved.
        if hollow.contains(component) {
            return Some(format!(
                "component {component} renders nothing at all; if that is meant, take it out of the environment's file"
            ));
        }
        // Whose component is not known could belong to a broken one.
        if component.is_empty() && !broken.is_empty() {
            return Some("a component could not be rendered, and it may be that one's".to_owned());
        }
        if !self.policy.prunes(component) {
            return Some("prune is off".to_owned());
        }
        if is_precious(&key.group_kind) && seen.prune != Some(true) {
            return Some(format!(
                "a {} is never deleted by itself; to have it deleted: kubectl annotate it with mooring.dev/prune=true",
                key.group_kind.kind
            ));
        }
        None
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
