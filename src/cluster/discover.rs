//! What the API server serves, in two requests (KEP-3352, aggregated discovery).

use serde_json::Value;

use super::client::{Call, Cluster};
use super::error::ApiError;
use crate::plan::{Catalog, Resource};

const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;q=0.1";

/// What the cluster offers, as rendering and planning need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The server's version: `v1.36.3`.
    pub version: String,
    /// All kinds with their scope and versions.
    pub catalog: Catalog,
    /// `group/version` and `group/version/Kind`, as `.Capabilities.APIVersions` of a chart holds them.
    pub api_versions: Vec<String>,
}

impl Cluster {
    /// Asks what the API server serves.
    pub async fn discover(&self) -> Result<Offer, ApiError> {
        let what = "read what the API server serves";
        let version = self.send(&Call::get(what, "/version".to_owned())).await?.json(what)?;
        let version = version.get("gitVersion").and_then(Value::as_str).unwrap_or("v0.0.0").to_owned();
        let mut resources = Vec::new();
        for path in ["/api", "/apis"] {
            let mut call = Call::get(what, path.to_owned());
            call.accept = Some(AGGREGATED);
            let answer = self.send(&call).await?.json(what)?;
            if answer.get("kind").and_then(Value::as_str) != Some("APIGroupDiscoveryList") {
                return Err(ApiError::Malformed {
                    what: what.to_owned(),
                    reason: "it has no aggregated discovery: Kubernetes 1.30 or newer is needed".to_owned(),
                });
            }
            read_groups(&answer, &mut resources);
        }
        let mut api_versions: Vec<String> = Vec::new();
        for resource in &resources {
            let group_version = resource.api_version();
            api_versions.push(format!("{group_version}/{}", resource.kind));
            api_versions.push(group_version);
        }
        api_versions.sort();
        api_versions.dedup();
        Ok(Offer { version, catalog: Catalog::new(resources), api_versions })
    }
}

/// Reads groups in the server's order, which puts the preferred version first.
fn read_groups(answer: &Value, into: &mut Vec<Resource>) {
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    for group in list(answer, "items") {
        for version in list(&group, "versions") {
            for resource in list(&version, "resources") {
                let verbs = list(&resource, "verbs");
                // What cannot be patched cannot be applied: reviews, bindings and the like.
                if !verbs.iter().any(|verb| verb == "patch") {
                    continue;
                }
                into.push(Resource {
                    group: text(&group, "/metadata/name"),
                    version: text(&version, "/version"),
                    kind: text(&resource, "/responseKind/kind"),
                    plural: text(&resource, "/resource"),
                    namespaced: text(&resource, "/scope") == "Namespaced",
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_are_read_with_scope_and_version_and_reviews_are_left_out() {
        let answer = json!({"items": [{"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [
            {"resource": "deployments", "responseKind": {"kind": "Deployment"}, "scope": "Namespaced", "verbs": ["get", "patch"]},
            {"resource": "reviews", "responseKind": {"kind": "Review"}, "scope": "Cluster", "verbs": ["create"]},
        ]}]}]});
        let mut resources = Vec::new();
        read_groups(&answer, &mut resources);
        assert_eq!(resources.len(), 1);
        assert_eq!(resources[0].api_version(), "apps/v1");
        assert!(resources[0].namespaced);
    }
}
