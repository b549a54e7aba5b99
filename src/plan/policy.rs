//! What an environment says about drift, deletion and what to leave alone.

use std::collections::HashMap;

use serde_json::Value;

use crate::environment::{DriftPolicy, EnvironmentSpec};
use crate::manifest::{FieldPath, GroupKind, Manifest, ObjectKey, PathPattern};

/// The policy of one revision.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    correct: bool,
    /// Whether what git no longer names is deleted.
    pub prune: bool,
    /// The share of the inventory that may be deleted in one revision, 0 to 1.
    pub guard_share: f64,
    /// Components whose objects may be deleted whatever the share.
    pub guard_allow: Vec<String>,
    /// Components that say something else about pruning than the environment.
    component_prune: HashMap<String, bool>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    group: Option<String>,
    kind: String,
    name: Option<String>,
    namespace: Option<String>,
    paths: Vec<PathPattern>,
    reason: String,
}

/// The ignore rules that speak of one object: each path and why it is left alone.
#[derive(Clone, Debug, Default)]
pub struct IgnorePaths(pub Vec<(PathPattern, String)>);

impl IgnorePaths {
    /// The reason of the rule that covers a field.
    pub fn reason(&self, path: &FieldPath) -> Option<&str> {
        self.0.iter().find(|(pattern, _)| pattern.matches(path)).map(|(_, reason)| reason.as_str())
    }

    /// The same, with the object to look into: a rule may name a list item by any of its fields.
    pub fn reason_in(&self, path: &FieldPath, live: &Value) -> Option<&str> {
        self.0.iter().find(|(pattern, _)| pattern.matches_in(path, live)).map(|(_, reason)| reason.as_str())
    }

    /// The fields of a manifest that the rules name: set once, at creation.
    pub fn fields_of(&self, manifest: &Value) -> Vec<FieldPath> {
        self.0.iter().flat_map(|(pattern, _)| pattern.find(manifest)).collect()
    }
}

impl Policy {
    /// The policy that an environment's file states. Its patterns were checked when it was loaded; what cannot be read
    /// here is left out.
    pub fn of(spec: &EnvironmentSpec) -> Self {
        let rules = spec.ignore.iter().map(|rule| Rule {
            group: rule.group.clone(),
            kind: rule.kind.clone(),
            name: rule.name.clone(),
            namespace: rule.namespace.clone(),
            paths: rule.paths.iter().filter_map(|path| PathPattern::parse(path).ok()).collect(),
            reason: rule.reason.clone(),
        });
        Self {
            correct: spec.drift == DriftPolicy::Correct,
            prune: spec.prune,
            guard_share: spec.prune_guard.share,
            guard_allow: spec.prune_guard.allow.clone(),
            component_prune: spec
                .components
                .iter()
                .filter_map(|component| Some((component.name.clone(), component.prune?)))
                .collect(),
            rules: rules.collect(),
        }
    }

    /// Whether drift is put back, or only said.
    pub fn corrects(&self) -> bool {
        self.correct
    }

    /// Whether objects of a component are deleted when git no longer names them.
    pub fn prunes(&self, component: &str) -> bool {
        self.component_prune.get(component).copied().unwrap_or(self.prune)
    }

    /// The ignore rules that speak of an object.
    pub fn ignored_paths(&self, key: &ObjectKey) -> IgnorePaths {
        let speaks = |rule: &&Rule| {
            rule.kind == key.group_kind.kind
                && rule.group.as_ref().is_none_or(|group| *group == key.group_kind.group)
                && rule.name.as_ref().is_none_or(|name| *name == key.name)
                && rule.namespace.as_ref().is_none_or(|namespace| Some(namespace) == key.namespace.as_ref())
        };
        let paths = self
            .rules
            .iter()
            .filter(speaks)
            .flat_map(|rule| rule.paths.iter().map(|path| (path.clone(), rule.reason.clone())));
        IgnorePaths(paths.collect())
    }
}

/// Which objects are scaled by an autoscaler, by the desired set's own HorizontalPodAutoscalers (and KEDA's
/// ScaledObjects): their replicas are set once. The value names the autoscaler.
#[derive(Clone, Debug, Default)]
pub struct Autoscaled(HashMap<(String, GroupKind, String), String>);

impl Autoscaled {
    /// Takes an object into account, if it is an autoscaler. `namespace` is the one that it lands in.
    pub fn note(&mut self, manifest: &Manifest, namespace: &str) {
        let kind = manifest.group_kind();
        let horizontal = kind.group == "autoscaling" && kind.kind == "HorizontalPodAutoscaler";
        let keda = kind.group == "keda.sh" && kind.kind == "ScaledObject";
        if !horizontal && !keda {
            return;
        }
        let value = manifest.reveal();
        let text = |key: &str| {
            value.pointer(&format!("/spec/scaleTargetRef/{key}")).and_then(Value::as_str).unwrap_or_default()
        };
        let api_version = if keda && text("apiVersion").is_empty() { "apps/v1" } else { text("apiVersion") };
        let target = if keda && text("kind").is_empty() { "Deployment" } else { text("kind") };
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let namespace = manifest.namespace().unwrap_or(namespace).to_owned();
        self.0.insert(
            (namespace, GroupKind::new(group, target), text("name").to_owned()),
            format!("{} {}", kind.kind, manifest.name()),
        );
    }

    /// The autoscaler of an object.
    pub fn of(&self, key: &ObjectKey) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        let namespace = key.namespace.clone()?;
        self.0.get(&(namespace, key.group_kind.clone(), key.name.clone())).map(String::as_str)
    }
}
