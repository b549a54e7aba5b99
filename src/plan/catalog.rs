//! What a cluster serves, as plain data.

use std::collections::HashMap;

use crate::manifest::{GroupKind, Manifest};

/// A kind as the API server serves it in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version: `v1`.
    pub version: String,
    /// The kind.
    pub kind: String,
    /// The name in URLs: `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// `apps/v1`, `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// All kinds of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    kinds: HashMap<GroupKind, Vec<Resource>>,
}

impl Catalog {
    /// A catalog of these kinds; of several versions of a kind the first is the preferred one.
    pub fn new(resources: Vec<Resource>) -> Self {
        let mut kinds: HashMap<GroupKind, Vec<Resource>> = HashMap::new();
        for resource in resources {
            let kind = GroupKind::new(resource.group.clone(), resource.kind.clone());
            kinds.entry(kind).or_default().push(resource);
        }
        Self { kinds }
    }

    /// The kind in its preferred version.
    pub fn kind(&self, kind: &GroupKind) -> Option<&Resource> {
        self.kinds.get(kind)?.first()
    }

    /// The kind in the version that the manifest is written in.
    pub fn resolve(&self, manifest: &Manifest) -> Option<&Resource> {
        let versions = self.kinds.get(manifest.group_kind())?;
        versions.iter().find(|resource| resource.version == manifest.version())
    }

    /// What to say of a kind that is not served: other versions, or a kind with a similar name.
    pub fn hint(&self, manifest: &Manifest) -> String {
        if let Some(versions) = self.kinds.get(manifest.group_kind()) {
            let served: Vec<String> = versions.iter().map(Resource::api_version).collect();
            return format!("the cluster serves it as {}", served.join(", "));
        }
        let wanted = &manifest.group_kind().kind;
        let near = self
            .kinds
            .keys()
            .map(|kind| (strsim::damerau_levenshtein(&kind.kind, wanted), kind))
            .filter(|(distance, _)| *distance <= 2)
            .min_by(std::cmp::Ord::cmp);
        match near {
            Some((_, kind)) => {
                let served = self.kind(kind).map(Resource::api_version).unwrap_or_default();
                format!("did you mean {} of {served}?", kind.kind)
            }
            None => "install the CustomResourceDefinition that brings it, or correct apiVersion and kind"
                .to_owned(),
        }
    }
}
