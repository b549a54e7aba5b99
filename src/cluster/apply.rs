//! Reading, applying, patching and deleting single objects.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{Call, Cluster};
use super::error::ApiError;
use super::pages::read_page;
use crate::manifest::{MANAGER, ObjectKey};
use crate::plan::Resource;

/// The field manager of what is set once, at creation, and belongs from then on to whoever writes it next.
pub const ONCE_MANAGER: &str = "mooring-once";

/// A list of objects without their specs.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// How to apply.
#[derive(Clone, Copy, Debug)]
pub struct ApplyMode {
    /// The field manager.
    pub manager: &'static str,
    /// Take fields that other managers own.
    pub force: bool,
    /// Ask what would be, and change nothing.
    pub dry_run: bool,
}

/// What an apply came to.
#[derive(Debug)]
pub struct Applied {
    /// Whether the object was not there before.
    pub created: bool,
    /// The object as the server has it now, or would have it.
    pub live: Value,
}

/// The path of an object, or of its collection when `name` is `None`.
pub fn path_of(resource: &Resource, namespace: Option<&str>, name: Option<&str>) -> String {
    let mut path = if resource.group.is_empty() {
        format!("/api/{}", resource.version)
    } else {
        format!("/apis/{}/{}", resource.group, resource.version)
    };
    if resource.namespaced
        && let Some(namespace) = namespace
    {
        path.push_str("/namespaces/");
        path.push_str(namespace);
    }
    path.push('/');
    path.push_str(&resource.plural);
    if let Some(name) = name {
        path.push('/');
        // RBAC names hold colons and the like.
        path.extend(name.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' => (byte as char).to_string(),
            other => format!("%{other:02X}"),
        }));
    }
    path
}

impl Cluster {
    /// The object as it is; `None` if it is not there.
    pub async fn get(&self, resource: &Resource, key: &ObjectKey) -> Result<Option<Value>, ApiError> {
        let what = format!("read {key}");
        let path = path_of(resource, key.namespace.as_deref(), Some(&key.name));
        match self.send(&Call::get(&what, path)).await {
            Ok(answer) => answer.json(&what).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Server-side apply of `body` with strict field validation.
    pub async fn apply(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        body: Vec<u8>,
        mode: ApplyMode,
    ) -> Result<Applied, ApiError> {
        let what = format!("{} {key}", if mode.dry_run { "dry-run" } else { "apply" });
        let path = format!(
            "{}?fieldManager={}&force={}&fieldValidation=Strict{}",
            path_of(resource, key.namespace.as_deref(), Some(&key.name)),
            mode.manager,
            mode.force,
            if mode.dry_run { "&dryRun=All" } else { "" },
        );
        let call = Call {
            what: &what,
            method: Method::PATCH,
            path,
            body: Some(("application/apply-patch+yaml", body)),
            accept: None,
            writes: !mode.dry_run,
        };
        let answer = self.send(&call).await?;
        Ok(Applied { created: answer.status == StatusCode::CREATED, live: answer.json(&what)? })
    }

    /// A JSON Patch (RFC 6902) by our manager: for taking out what does not belong, and for field managers.
    pub async fn json_patch(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        operations: &[Value],
    ) -> Result<Value, ApiError> {
        let what = format!("patch {key}");
        let path = path_of(resource, key.namespace.as_deref(), Some(&key.name));
        let call = Call {
            what: &what,
            method: Method::PATCH,
            path: format!("{path}?fieldManager={MANAGER}"),
            body: Some(("application/json-patch+json", json!(operations).to_string().into_bytes())),
            accept: None,
            writes: true,
        };
        self.send(&call).await?.json(&what)
    }

    /// Deletes the object with this uid, dependents in the background. Returns the names of its finalizers where it
    /// lives on until they are done, and `None` where it is gone.
    pub async fn delete(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        uid: Option<&str>,
        dry_run: bool,
    ) -> Result<Option<Vec<String>>, ApiError> {
        let what = format!("delete {key}");
        let mut options =
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        if let Some(uid) = uid {
            options["preconditions"] = json!({"uid": uid});
        }
        if dry_run {
            options["dryRun"] = json!(["All"]);
        }
        let call = Call {
            what: &what,
            method: Method::DELETE,
            path: path_of(resource, key.namespace.as_deref(), Some(&key.name)),
            body: Some(("application/json", options.to_string().into_bytes())),
            accept: None,
            writes: !dry_run,
        };
        let answer = match self.send(&call).await {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?.json(&what)?,
        };
        let finalizers = answer.pointer("/metadata/finalizers").and_then(Value::as_array);
        Ok(finalizers
            .filter(|list| !list.is_empty())
            .map(|list| list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()))
    }

    /// Creates an object by POST, without server-side apply: Events, and what must not exist before.
    pub async fn create(&self, what: &str, path: String, body: &Value) -> Result<Value, ApiError> {
        let body = Some(("application/json", body.to_string().into_bytes()));
        let call = Call { what, method: Method::POST, path, body, accept: None, writes: true };
        self.send(&call).await?.json(what)
    }

    /// Makes sure that a namespace is there. Nothing is written if it is.
    pub async fn ensure_namespace(&self, name: &str) -> Result<(), ApiError> {
        let what = format!("make sure of Namespace {name}");
        match self.send(&Call::get(&what, format!("/api/v1/namespaces/{name}"))).await {
            Err(error) if error.is_not_found() => {}
            other => return other.map(|_| ()),
        }
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        match self.create(&what, "/api/v1/namespaces".to_owned(), &body).await {
            Ok(_) | Err(ApiError::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// All objects of a kind that a label selector picks, in pages, each handed to `each` and dropped.
    pub async fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        selector: &str,
        each: impl FnMut(Value),
    ) -> Result<(), ApiError> {
        self.list_as(None, resource, namespace, selector, each).await
    }

    /// As [`Cluster::list`], in all namespaces, and of each object its metadata alone.
    pub async fn list_metadata(
        &self,
        resource: &Resource,
        selector: &str,
        each: impl FnMut(Value),
    ) -> Result<(), ApiError> {
        self.list_as(Some(METADATA), resource, None, selector, each).await
    }

    async fn list_as(
        &self,
        accept: Option<&'static str>,
        resource: &Resource,
        namespace: Option<&str>,
        selector: &str,
        mut each: impl FnMut(Value),
    ) -> Result<(), ApiError> {
        let what = format!("list {}", resource.plural);
        let selector = encode(selector);
        let mut token = String::new();
        loop {
            let mut path = format!("{}?limit=500", path_of(resource, namespace, None));
            if !selector.is_empty() {
                path = format!("{path}&labelSelector={selector}");
            }
            if !token.is_empty() {
                path = format!("{path}&continue={}", encode(&token));
            }
            let call = Call { accept, ..Call::get(&what, path) };
            let answer = self.send(&call).await?;
            let next = read_page(&answer.body, &mut each)
                .map_err(|error| ApiError::Malformed { what: what.clone(), reason: error.to_string() })?;
            match next {
                Some(next) => token = next,
                None => return Ok(()),
            }
        }
    }
}

/// Percent-encodes a query value.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => (byte as char).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
