//! What the API server serves, and the kinds that custom resource definitions of the desired set will bring.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::manifest::{GroupKind, Manifest};

/// A kind in one version, as the API server serves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version: `v1`.
    pub version: String,
    /// The kind: `Deployment`.
    pub kind: String,
    /// The name in paths: `deployments`.
    pub plural: String,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// `apps/v1`, `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The group and kind.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(self.group.clone(), self.kind.clone())
    }
}

/// All kinds that the API server serves and that can be applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// The versions of a kind in the server's order: the preferred one first.
    kinds: HashMap<GroupKind, Vec<Resource>>,
}

impl Catalog {
    /// Takes kinds in the server's order, in which a group's preferred version comes first.
    pub fn new(resources: impl IntoIterator<Item = Resource>) -> Self {
        let mut kinds: HashMap<GroupKind, Vec<Resource>> = HashMap::new();
        for resource in resources {
            kinds.entry(resource.group_kind()).or_default().push(resource);
        }
        Self { kinds }
    }

    /// The kind in the version that the server prefers.
    pub fn kind(&self, kind: &GroupKind) -> Option<&Resource> {
        self.kinds.get(kind)?.first()
    }

    /// The kind of this object in the version that it is written in.
    pub fn resolve(&self, manifest: &Manifest) -> Option<&Resource> {
        self.in_version(manifest.group_kind(), manifest.version())
    }

    /// The kind of this name in this version: `apps/v1`, `Deployment`.
    pub fn served(&self, api_version: &str, kind: &str) -> Option<&Resource> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.in_version(&GroupKind::new(group, kind), version)
    }

    fn in_version(&self, kind: &GroupKind, version: &str) -> Option<&Resource> {
        self.kinds.get(kind)?.iter().find(|resource| resource.version == version)
    }

    /// Why this object's kind is not served, and what was probably meant.
    pub fn explain(&self, manifest: &Manifest) -> String {
        let wanted = manifest.group_kind();
        let said = format!("{} {}", manifest.api_version(), wanted.kind);
        if let Some(versions) = self.kinds.get(wanted) {
            let served: Vec<String> = versions.iter().map(Resource::api_version).collect();
            return format!("{said} is not served in this version; write {}", served.join(" or "));
        }
        let mut near: Vec<(usize, &Resource)> = self
            .kinds
            .values()
            .filter_map(|versions| versions.first())
            .filter_map(|resource| {
                let distance =
                    strsim::damerau_levenshtein(&resource.kind.to_lowercase(), &wanted.kind.to_lowercase());
                // The same kind of another group, or a slip of the pen in this one.
                let meant = distance == 0 || (distance <= 2 && wanted.kind.len() > 4);
                meant.then_some((distance + usize::from(resource.group != wanted.group), resource))
            })
            .collect();
        near.sort();
        match near.first() {
            Some((_, meant)) => {
                format!("{said} is not served; did you mean {} {}?", meant.api_version(), meant.kind)
            }
            None => format!(
                "{said} is not served, and no CustomResourceDefinition of this environment brings it: add the \
                 definition, or wait until another tool has installed it"
            ),
        }
    }
}

/// A kind that a CustomResourceDefinition of the desired set defines.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    /// The definition's name: `widgets.example.org`.
    pub name: String,
    /// The component that it comes with.
    pub component: Arc<str>,
    /// Whether the kind's objects lie in namespaces.
    pub namespaced: bool,
    /// The versions that it serves.
    pub versions: Vec<String>,
}

/// The kinds that the desired set itself defines.
#[derive(Clone, Debug, Default)]
pub(super) struct Definitions(BTreeMap<GroupKind, Definition>);

impl Definitions {
    /// Takes in a manifest if it is a CustomResourceDefinition.
    pub fn note(&mut self, component: &Arc<str>, manifest: &Manifest) {
        if *manifest.group_kind() != crd() {
            return;
        }
        let value = manifest.reveal();
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
        let (Some(group), Some(kind)) = (text("/spec/group"), text("/spec/names/kind")) else { return };
        let versions = value.pointer("/spec/versions").and_then(Value::as_array);
        let definition = Definition {
            name: manifest.name().to_owned(),
            component: component.clone(),
            namespaced: text("/spec/scope") == Some("Namespaced"),
            versions: versions
                .into_iter()
                .flatten()
                .filter(|version| version.get("served").and_then(Value::as_bool) == Some(true))
                .filter_map(|version| version.get("name")?.as_str().map(ToOwned::to_owned))
                .collect(),
        };
        self.0.insert(GroupKind::new(group, kind), definition);
    }

    pub fn get(&self, kind: &GroupKind) -> Option<&Definition> {
        self.0.get(kind)
    }
}

/// The kind of CustomResourceDefinitions.
pub(super) fn crd() -> GroupKind {
    GroupKind::new("apiextensions.k8s.io", "CustomResourceDefinition")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::manifest::ManifestSource;
    use serde_json::json;

    /// A manifest from its parts.
    pub fn manifest(value: Value) -> Manifest {
        let source = ManifestSource { component: "c".into(), file: "c/x.yaml".into(), document: 0, line: 1 };
        Manifest::from_value(value, source).unwrap()
    }

    /// A catalog of what a cluster commonly serves.
    pub fn catalog() -> Catalog {
        let line = |text: &str| {
            let mut parts = text.split(' ');
            let mut next = || parts.next().unwrap().to_owned();
            let (api_version, kind, plural) = (next(), next(), next());
            let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
            Resource {
                group: group.to_owned(),
                version: version.to_owned(),
                kind,
                plural,
                namespaced: parts.next().is_none(),
            }
        };
        Catalog::new(
            [
                "v1 Namespace namespaces cluster",
                "v1 ConfigMap configmaps",
                "v1 Secret secrets",
                "v1 Service services",
                "v1 Pod pods",
                "v1 PersistentVolumeClaim persistentvolumeclaims",
                "apps/v1 Deployment deployments",
                "apps/v1 StatefulSet statefulsets",
                "batch/v1 Job jobs",
                "autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers",
                "autoscaling/v1 HorizontalPodAutoscaler horizontalpodautoscalers",
                "rbac.authorization.k8s.io/v1 ClusterRole clusterroles cluster",
                "apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions cluster",
                "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration validatingwebhookconfigurations cluster",
            ]
            .map(line),
        )
    }

    fn object(api_version: &str, kind: &str) -> Manifest {
        manifest(json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}}))
    }

    #[test]
    fn a_kind_is_found_in_the_version_that_it_is_written_in() {
        let catalog = catalog();
        let old = object("autoscaling/v1", "HorizontalPodAutoscaler");
        assert_eq!(catalog.resolve(&old).unwrap().api_version(), "autoscaling/v1");
        assert_eq!(catalog.kind(old.group_kind()).unwrap().version, "v2");
        assert!(!catalog.resolve(&object("v1", "Namespace")).unwrap().namespaced);
    }

    #[test]
    fn an_unknown_kind_is_answered_with_what_was_probably_meant() {
        let catalog = catalog();
        let explain = |api_version: &str, kind: &str| catalog.explain(&object(api_version, kind));
        assert_eq!(
            explain("apps/v1beta1", "Deployment"),
            "apps/v1beta1 Deployment is not served in this version; write apps/v1"
        );
        assert_eq!(
            explain("extensions/v1beta1", "Deployment"),
            "extensions/v1beta1 Deployment is not served; did you mean apps/v1 Deployment?"
        );
        assert_eq!(
            explain("apps/v1", "Deplyoment"),
            "apps/v1 Deplyoment is not served; did you mean apps/v1 Deployment?"
        );
        assert!(explain("example.org/v1", "Widget").contains("no CustomResourceDefinition"));
    }
}
