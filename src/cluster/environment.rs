//! The Environment in the cluster: its CRD, the mirror of its spec, its status; it is also the ApplySet's parent.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::apply::{ApplyMode, path_of};
use super::client::{Call, Cluster};
use super::error::ApiError;
use crate::environment::{Environment, EnvironmentSpec, EnvironmentStatus};
use crate::manifest::{GroupKind, MANAGER, ObjectKey, apply_set_id};
use crate::plan::Resource;

/// The group of our own kinds.
pub const GROUP: &str = "mooring.dev";
const VERSION: &str = "v1alpha1";
const PLURAL: &str = "environments";
/// The annotation that keeps the kinds of an ApplySet's members (KEP-3659).
const KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";

/// What the API server serves Environments as.
pub fn resource() -> Resource {
    Resource {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        kind: "Environment".to_owned(),
        plural: PLURAL.to_owned(),
        namespaced: false,
    }
}

/// The key of an Environment.
pub fn environment_key(name: &str) -> ObjectKey {
    ObjectKey { group_kind: GroupKind::new(GROUP, "Environment"), namespace: None, name: name.to_owned() }
}

/// What an Environment object says but for its status.
pub struct Mirror<'a> {
    /// What git says.
    pub environment: &'a Environment,
    /// The kinds of the ApplySet's members.
    pub kinds: &'a BTreeSet<GroupKind>,
    /// The commit.
    pub revision: &'a str,
    /// Where git is, without credentials.
    pub source: &'a str,
}

impl Mirror<'_> {
    /// The object as it is applied.
    pub fn body(&self) -> Value {
        let name = &self.environment.metadata.name;
        let kinds: Vec<String> = self.kinds.iter().map(ToString::to_string).collect();
        json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": "Environment",
            "metadata": {
                "name": name,
                "labels": {"applyset.kubernetes.io/id": apply_set_id(name)},
                "annotations": {
                    "applyset.kubernetes.io/tooling": concat!("mooring/v", env!("CARGO_PKG_VERSION")),
                    KINDS: kinds.join(","),
                    "mooring.dev/revision": self.revision,
                    "mooring.dev/source": self.source,
                },
            },
            "spec": self.environment.spec,
        })
    }
}

/// The annotation that holds the digest of a definition, so that an agent that finds its own has nothing to write.
const DEFINITION: &str = "mooring.dev/definition";

/// The CRD, made from the Rust types, with the digest of itself as an annotation.
pub fn custom_resource_definition() -> Value {
    let mut definition = definition();
    let digest = crate::manifest::Digest::of_json(&definition).to_string();
    definition["metadata"]["annotations"] = json!({ DEFINITION: digest });
    definition
}

fn definition() -> Value {
    let column = |name: &str, kind: &str, path: &str, priority: u32| json!({"name": name, "type": kind, "jsonPath": path, "priority": priority});
    let condition = |name: &str| format!(".status.conditions[?(@.type==\"{name}\")].status");
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{PLURAL}.{GROUP}"),
            "labels": {"applyset.kubernetes.io/is-parent-type": "true"},
        },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": "Environment", "listKind": "EnvironmentList",
                "plural": PLURAL, "singular": "environment", "shortNames": ["env"], "categories": ["mooring"],
            },
            "scope": "Cluster",
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    column("Ready", "string", &condition("Ready"), 0),
                    column("Revision", "string", ".status.shortRevision", 0),
                    column("Drifted", "string", &condition("Drifted"), 0),
                    column("Objects", "integer", ".status.counts.objects", 0),
                    column("Next run", "string", ".status.nextRuns[0].time", 0),
                    column("Age", "date", ".metadata.creationTimestamp", 0),
                    column("Message", "string", ".status.conditions[?(@.type==\"Ready\")].message", 1),
                ],
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "description": "What git says of an environment, and what became of it. \
                        Changed in git only: the agent puts the spec back.",
                    "required": ["spec"],
                    "properties": {
                        "spec": structural(schema_of::<EnvironmentSpec>()),
                        "status": structural(schema_of::<EnvironmentStatus>()),
                    },
                }},
            }],
        },
    })
}

fn schema_of<T: schemars::JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::openapi3().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("title");
    }
    schema
}

/// A structural schema, as the API server demands it of CRDs: enumerations whose cases have descriptions become plain
/// `enum`s, free-form objects keep what they hold, and keywords that it does not know go.
fn structural(mut schema: Value) -> Value {
    let Some(object) = schema.as_object_mut() else {
        // `true`: anything.
        return json!({"x-kubernetes-preserve-unknown-fields": true});
    };
    if object.remove("anyOf").is_some() {
        // A text or a mapping: a structural schema cannot tell them apart, git's own check did.
        object.remove("nullable");
        object.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
        return schema;
    }
    if let Some(Value::Array(cases)) = object.remove("oneOf") {
        let words: Vec<Value> = cases
            .iter()
            .flat_map(|case| match (case.get("const"), case.get("enum")) {
                (Some(word), _) => vec![word.clone()],
                (None, Some(Value::Array(words))) => words.clone(),
                _ => Vec::new(),
            })
            .collect();
        object.insert("type".to_owned(), json!("string"));
        object.insert("enum".to_owned(), json!(words));
    }
    if let Some(word) = object.remove("const") {
        object.insert("type".to_owned(), json!("string"));
        object.insert("enum".to_owned(), json!([word]));
    }
    // `default` is left to the agent: a server that fills in defaults would make the mirror differ from git.
    for unknown in ["$schema", "title", "additionalItems", "examples", "default"] {
        object.remove(unknown);
    }
    // Formats that Kubernetes does not know are warned of at each write.
    if object.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        object.remove("format");
    }
    let free = object.get("additionalProperties").is_some_and(|inner| *inner == json!(true));
    if object.get("additionalProperties").is_some_and(serde_json::Value::is_boolean) {
        object.remove("additionalProperties");
    }
    if free && !object.contains_key("properties") {
        object.insert("type".to_owned(), json!("object"));
        object.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(value) = object.get_mut(inner) {
            *value = structural(value.take());
        }
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for value in properties.values_mut() {
            *value = structural(value.take());
        }
    }
    if object.is_empty() {
        object.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
    }
    schema
}

impl Cluster {
    /// Makes sure that the CRD is there as this version of the agent needs it, and served. Returns whether it was
    /// changed.
    pub async fn ensure_crd(&self) -> Result<bool, ApiError> {
        let definition = custom_resource_definition();
        let resource = Resource {
            group: "apiextensions.k8s.io".to_owned(),
            version: "v1".to_owned(),
            kind: "CustomResourceDefinition".to_owned(),
            plural: "customresourcedefinitions".to_owned(),
            namespaced: false,
        };
        let key = ObjectKey {
            group_kind: GroupKind::new("apiextensions.k8s.io", "CustomResourceDefinition"),
            namespace: None,
            name: format!("{PLURAL}.{GROUP}"),
        };
        let established = |live: &Value| {
            let conditions = live.pointer("/status/conditions").and_then(Value::as_array);
            conditions
                .into_iter()
                .flatten()
                .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
        };
        let current = self.get(&resource, &key).await?;
        let same = current.as_ref().is_some_and(|live| {
            live["metadata"]["annotations"][DEFINITION] == definition["metadata"]["annotations"][DEFINITION]
        });
        if !same {
            let mode = ApplyMode { manager: MANAGER, force: true, dry_run: false };
            self.apply(&resource, &key, definition.to_string().into_bytes(), mode).await?;
        } else if current.as_ref().is_some_and(established) {
            return Ok(false);
        }
        for _ in 0..100 {
            if self.get(&resource, &key).await?.as_ref().is_some_and(established) {
                return Ok(!same);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Err(ApiError::Malformed {
            what: "wait for the Environment CRD".to_owned(),
            reason: "the API server did not establish it within 5 s".to_owned(),
        })
    }

    /// Mirrors git's spec into the cluster and names the kinds of the ApplySet's members. Returns the object as it is.
    /// Nothing is written if `known`, the object as it was seen last, says all that already; fields that others added to
    /// it are taken out.
    pub async fn mirror_environment(
        &self,
        mirror: &Mirror<'_>,
        known: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let body = mirror.body();
        if let Some(known) = known.filter(|known| says_all(known, &body)) {
            return Ok(known.clone());
        }
        let key = environment_key(&mirror.environment.metadata.name);
        let mode = ApplyMode { manager: MANAGER, force: true, dry_run: false };
        let live = self.apply(&resource(), &key, body.to_string().into_bytes(), mode).await?.live;
        if says_all(&live, &body) {
            return Ok(live);
        }
        let version = &live["metadata"]["resourceVersion"];
        let whole = [
            json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}),
            json!({"op": "replace", "path": "/spec", "value": body["spec"]}),
        ];
        self.json_patch(&resource(), &key, &whole).await
    }

    /// The Environment of that name, if there is one.
    pub async fn environment(&self, name: &str) -> Result<Option<Value>, ApiError> {
        self.get(&resource(), &environment_key(name)).await
    }

    /// All Environments.
    pub async fn environments(&self) -> Result<Vec<Value>, ApiError> {
        let mut found = Vec::new();
        match self.list(&resource(), None, "", |environment| found.push(environment)).await {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            other => other.map(|()| found),
        }
    }

    /// Removes the Environment object; what belonged to it stays.
    pub async fn forget_environment(&self, name: &str) -> Result<(), ApiError> {
        self.delete(&resource(), &environment_key(name), None, false).await.map(|_| ())
    }

    /// Writes the status, whole.
    pub async fn write_status(&self, name: &str, status: &EnvironmentStatus) -> Result<(), ApiError> {
        let body = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": "Environment",
            "metadata": {"name": name},
            "status": status,
        });
        let call = Call {
            what: "write the Environment's status",
            method: Method::PATCH,
            path: format!(
                "{}/status?fieldManager={MANAGER}&force=true&fieldValidation=Strict",
                path_of(&resource(), None, Some(name))
            ),
            body: Some(("application/apply-patch+yaml", body.to_string().into_bytes())),
            accept: None,
            writes: true,
        };
        self.send(&call).await.map(|_| ())
    }
}

/// Whether an Environment object has the spec, the labels and the annotations of `body`.
fn says_all(live: &Value, body: &Value) -> bool {
    let has = |pointer: &str| {
        let wanted = body.pointer(pointer).and_then(Value::as_object);
        wanted
            .into_iter()
            .flatten()
            .all(|(key, value)| live.pointer(pointer).is_some_and(|map| map[key] == *value))
    };
    live["spec"] == body["spec"] && has("/metadata/labels") && has("/metadata/annotations")
}

/// The kinds that an Environment object names as its members'.
pub fn member_kinds(environment: &Value) -> BTreeSet<GroupKind> {
    let pointer = "/metadata/annotations/applyset.kubernetes.io~1contains-group-kinds";
    let text = environment.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once('.') {
            Some((kind, group)) => GroupKind::new(group, kind),
            None => GroupKind::new("", part),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_s_definition_is_that_of_the_types() {
        let committed = include_str!("../../components/mooring/files/environments.mooring.dev.yaml");
        let current = serde_yaml::to_string(&custom_resource_definition()).unwrap();
        assert!(
            committed == current,
            "the types have changed: renew it with \
             `cargo run -- check --crd > components/mooring/files/environments.mooring.dev.yaml`"
        );
    }

    fn walk(schema: &Value, visit: &mut impl FnMut(&Value)) {
        visit(schema);
        for inner in
            schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|map| map.values())
        {
            walk(inner, visit);
        }
        for inner in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(inner) {
                walk(inner, visit);
            }
        }
    }

    #[test]
    fn the_crd_s_schema_is_structural() {
        let definition = custom_resource_definition();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        walk(schema, &mut |node| {
            let free = node.get("x-kubernetes-preserve-unknown-fields").is_some();
            assert!(free || node.get("type").is_some_and(Value::is_string), "{node}");
            for keyword in ["$ref", "oneOf", "anyOf", "allOf", "const", "default"] {
                assert!(node.get(keyword).is_none(), "{keyword} in {node}");
            }
        });
    }

    #[test]
    fn member_kinds_read_back() {
        let environment = json!({"metadata": {"annotations": {KINDS: "ConfigMap,Deployment.apps"}}});
        let kinds: Vec<String> = member_kinds(&environment).iter().map(ToString::to_string).collect();
        assert_eq!(kinds, ["ConfigMap", "Deployment.apps"]);
    }
}
