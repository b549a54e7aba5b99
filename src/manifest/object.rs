//! One rendered object.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::{Map, Value};

use super::confidential::Confidential;
use super::digest::Digest;
use super::key::{GroupKind, ObjectKey};
use super::path::{FieldPath, PathElement};
use super::redact::{is_secret, mask, scrub, shown_pair};
use super::secret::{SecretKey, Shown};

/// One object may not be larger: etcd would refuse it (1.5 MiB).
const SIZE_LIMIT: usize = 1_500_000;

/// Where a manifest's text stood.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct ManifestSource {
    /// The component.
    pub component: Arc<str>,
    /// The template or plain file, from the root of the repository.
    pub file: Arc<str>,
    /// Which document of the rendered file, from 0.
    pub document: u32,
    /// The document's first line in the rendered file, from 1.
    pub line: u32,
}

impl fmt::Display for ManifestSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (document {}, line {} as rendered)", self.file, self.document + 1, self.line)
    }
}

/// Why something is not a Kubernetes object.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ManifestError {
    /// Not a mapping.
    #[error("{0}: a Kubernetes object must be a mapping")]
    NoMapping(String),
    /// A field that each object needs is missing or has the wrong type.
    #[error(
        "{source_text}: {field} is missing or not text: each object needs apiVersion, kind and metadata.name"
    )]
    Missing {
        /// Where.
        source_text: String,
        /// Which.
        field: &'static str,
    },
    /// Labels or annotations that are not text to text.
    #[error("{source_text}: {field} must be text: put quotes around it")]
    NotText {
        /// Where.
        source_text: String,
        /// Which.
        field: String,
    },
    /// A name that could change the meaning of a request's path.
    #[error("{source_text}: `{name}` cannot be a name")]
    BadName {
        /// Where.
        source_text: String,
        /// The name.
        name: String,
    },
    /// Over the limit.
    #[error("{0}: the object is larger than {SIZE_LIMIT} bytes, which no API server takes")]
    TooLarge(String),
}

/// An object's JSON, secrets and all. It has no way to print itself.
#[derive(Clone)]
struct Sealed(Box<[u8]>);

impl Sealed {
    fn close(value: &Value) -> Self {
        Self(value.to_string().into_bytes().into_boxed_slice())
    }

    fn open(&self) -> Value {
        // It was written by `close`.
        serde_json::from_slice(&self.0).unwrap_or(Value::Null)
    }
}

/// An object as git wants it. Its content is sealed: only [`Manifest::wire`], for the API server, and
/// [`Manifest::reveal`], for comparing, hand it out; `Debug` shows its name alone.
#[derive(Clone)]
pub struct Manifest {
    api_version: Arc<str>,
    group_kind: GroupKind,
    namespace: Option<String>,
    name: String,
    /// Annotations of ours (`mooring.dev/...`) and of Helm's hooks.
    annotations: BTreeMap<String, String>,
    body: Sealed,
    source: ManifestSource,
    /// Values that must not be seen wherever they turn up in it.
    confidential: Option<Arc<Confidential>>,
    digest: OnceLock<Digest>,
}

impl Manifest {
    /// Takes an object, checks its form, and brings it into the form that is sent: a Secret's `stringData` becomes
    /// `data` (the server would never remove old keys of it, nor would its drift be seen), `status` and an empty
    /// `creationTimestamp` go.
    pub fn from_value(mut value: Value, source: ManifestSource) -> Result<Self, ManifestError> {
        let Some(object) = value.as_object_mut() else {
            return Err(ManifestError::NoMapping(source.to_string()));
        };
        let text = |object: &Map<String, Value>, field: &'static str| {
            let found = object.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
            found
                .map(ToOwned::to_owned)
                .ok_or_else(|| ManifestError::Missing { source_text: source.to_string(), field })
        };
        let api_version = text(object, "apiVersion")?;
        let kind = text(object, "kind")?;
        let missing = || ManifestError::Missing { source_text: source.to_string(), field: "metadata.name" };
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut).ok_or_else(missing)?;
        let name = metadata.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(missing)?.to_owned();
        let namespace = metadata.get("namespace").and_then(Value::as_str).filter(|name| !name.is_empty());
        let namespace = namespace.map(ToOwned::to_owned);
        for part in std::iter::once(&name).chain(&namespace) {
            if part.contains(['/', '%', '?', '#']) || part == "." || part == ".." {
                return Err(ManifestError::BadName { source_text: source.to_string(), name: part.clone() });
            }
        }
        let mut annotations = BTreeMap::new();
        for field in ["labels", "annotations"] {
            // `null` is what a template with nothing to say writes.
            if metadata.get(field).is_some_and(Value::is_null) {
                metadata.remove(field);
            }
            for (key, value) in metadata.get(field).and_then(Value::as_object).into_iter().flatten() {
                let Some(value) = value.as_str() else {
                    let field = format!("metadata.{field}[{key}]");
                    return Err(ManifestError::NotText { source_text: source.to_string(), field });
                };
                if field == "annotations" && is_kept(key) {
                    annotations.insert(key.clone(), value.to_owned());
                }
            }
        }
        metadata.remove("creationTimestamp");
        metadata.remove("managedFields");
        object.remove("status");
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let group_kind = GroupKind::new(group, kind);
        if group_kind == GroupKind::new("", "Secret") {
            encode_string_data(object);
        }
        let body = Sealed::close(&value);
        if body.0.len() > SIZE_LIMIT {
            return Err(ManifestError::TooLarge(source.to_string()));
        }
        let api_version = api_version.into();
        Ok(Self {
            api_version,
            group_kind,
            namespace,
            name,
            annotations,
            body,
            source,
            confidential: None,
            digest: OnceLock::new(),
        })
    }

    /// The items of a `List`, or the object itself. `kubectl get -o yaml` writes such lists.
    pub fn split_list(mut value: Value) -> Vec<Value> {
        let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
        match value.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if is_list => items.into_iter().flat_map(Self::split_list).collect(),
            Some(items) => {
                value["items"] = items;
                vec![value]
            }
            None => vec![value],
        }
    }

    /// `apps/v1`, `v1`.
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    /// The version without the group: `v1`.
    pub fn version(&self) -> &str {
        self.api_version.rsplit('/').next().unwrap_or(&self.api_version)
    }

    /// The group and kind.
    pub fn group_kind(&self) -> &GroupKind {
        &self.group_kind
    }

    /// The namespace that the text names.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key, with `namespace` where the text names none and the kind has one.
    pub fn key(&self, namespaced: bool, namespace: &str) -> ObjectKey {
        ObjectKey {
            group_kind: self.group_kind.clone(),
            namespace: namespaced.then(|| self.namespace.clone().unwrap_or_else(|| namespace.to_owned())),
            name: self.name.clone(),
        }
    }

    /// An annotation of ours or of Helm's hooks; others are not kept apart.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }

    /// Where the text stood.
    pub fn source(&self) -> &ManifestSource {
        &self.source
    }

    /// Whether its `data` must not be seen.
    pub fn is_secret(&self) -> bool {
        is_secret(&self.group_kind)
    }

    /// The whole object, secrets included. For sending, comparing and masking; never for showing.
    pub fn reveal(&self) -> Value {
        self.body.open()
    }

    /// The object with each secret value replaced by its keyed digest: for showing differences between objects.
    pub fn masked(&self, key: &SecretKey) -> Value {
        let mut value = self.reveal();
        if self.is_secret() {
            mask(&mut value, key);
        }
        value
    }

    /// Notes values that must not be seen wherever they turn up in the object.
    pub fn set_confidential(&mut self, values: Option<Arc<Confidential>>) {
        self.confidential = values;
    }

    /// The values that must not be seen wherever they turn up in the object.
    pub fn confidential(&self) -> Option<&Confidential> {
        self.confidential.as_deref()
    }

    /// A value that stands, or is to stand, at `path` of the object, as a report may show it.
    pub fn shown(&self, path: &FieldPath, value: Option<&Value>, key: &SecretKey) -> Shown {
        self.shown_pair(path, (value, value), key).0
    }

    /// Two values of that place that differ; of long texts the part that differs. Where one of them must not be seen,
    /// neither is.
    pub fn shown_pair(
        &self,
        path: &FieldPath,
        values: (Option<&Value>, Option<&Value>),
        key: &SecretKey,
    ) -> (Shown, Shown) {
        let hidden = |value: Option<&Value>| {
            self.confidential().zip(value).is_some_and(|(confidential, value)| confidential.is_in(value))
        };
        let (one, other) = values;
        if hidden(one) || hidden(other) {
            return (Shown::secret(one, key), Shown::secret(other, key));
        }
        shown_pair(&self.group_kind, path, values, key)
    }

    /// Takes every value that must not be seen out of a text that comes from elsewhere.
    pub fn scrub(&self, text: &str) -> String {
        let clean = if self.is_secret() { scrub(text, &self.reveal()) } else { text.to_owned() };
        match self.confidential() {
            Some(confidential) => confidential.scrub(&clean),
            None => clean,
        }
    }

    /// A label.
    pub fn label(&self, key: &str) -> Option<String> {
        self.reveal().get("metadata")?.get("labels")?.get(key)?.as_str().map(ToOwned::to_owned)
    }

    /// Sets labels: those that say whose the object is.
    pub fn set_labels<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.set_texts("labels", labels);
    }

    /// Sets annotations.
    pub fn set_annotations<'a>(&mut self, annotations: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let annotations: Vec<(&str, &str)> = annotations.into_iter().collect();
        self.set_texts("annotations", annotations.iter().copied());
        let ours = annotations.into_iter().filter(|(key, _)| is_kept(key));
        self.annotations.extend(ours.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    /// Puts the object into a namespace; `None` for kinds that have none.
    pub fn set_namespace(&mut self, namespace: Option<&str>) {
        let mut value = self.reveal();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            match namespace {
                Some(name) => metadata.insert("namespace".to_owned(), Value::String(name.to_owned())),
                None => metadata.remove("namespace"),
            };
        }
        self.namespace = namespace.map(ToOwned::to_owned);
        self.reseal(&value);
    }

    fn set_texts<'a>(&mut self, field: &str, texts: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let mut value = self.reveal();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            let map = metadata.entry(field).or_insert_with(|| Value::Object(Map::new()));
            for (key, text) in texts {
                map[key] = Value::String(text.to_owned());
            }
        }
        self.reseal(&value);
    }

    fn reseal(&mut self, value: &Value) {
        self.body = Sealed::close(value);
        self.digest = OnceLock::new();
    }

    /// The JSON for the API server, secrets included.
    pub fn wire(&self) -> Vec<u8> {
        self.body.0.to_vec()
    }

    /// Bytes kept for it.
    pub fn size(&self) -> usize {
        self.body.0.len()
    }

    /// The digest that tells whether git's wish changed; keyed, since it covers secrets.
    pub fn digest(&self, key: &SecretKey) -> Digest {
        *self.digest.get_or_init(|| key.digest_bytes(&self.body.0))
    }

    /// The object without these fields: for fields that are set once.
    pub fn without(&self, paths: &[FieldPath]) -> Vec<u8> {
        if paths.is_empty() {
            return self.wire();
        }
        let mut value = self.reveal();
        for path in paths {
            path.remove(&mut value);
        }
        value.to_string().into_bytes()
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manifest({} {}/{})", self.group_kind, self.namespace.as_deref().unwrap_or("-"), self.name)
    }
}

/// Annotations that planning reads.
fn is_kept(annotation: &str) -> bool {
    annotation.starts_with("mooring.dev/") || annotation.starts_with("helm.sh/")
}

/// `only(value, paths)`: the object's identity and the values at these paths, for applying them alone.
pub fn only(value: &Value, paths: &[FieldPath]) -> Value {
    let mut result = Map::new();
    for field in ["apiVersion", "kind"] {
        result.insert(field.to_owned(), value.get(field).cloned().unwrap_or_default());
    }
    let mut metadata = Map::new();
    for field in ["name", "namespace"] {
        if let Some(text) = value.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), text.clone());
        }
    }
    result.insert("metadata".to_owned(), Value::Object(metadata));
    let mut result = Value::Object(result);
    for path in paths {
        if let Some(found) = path.get(value) {
            insert(&mut result, &path.0, value, found);
        }
    }
    result
}

/// Puts `found` at `path`, with the list keys that tell the items on the way apart.
fn insert(into: &mut Value, path: &[PathElement], original: &Value, found: &Value) {
    let Some((element, rest)) = path.split_first() else {
        *into = found.clone();
        return;
    };
    let Some(original) = element.get(original) else { return };
    match element {
        PathElement::Field(name) => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            insert(&mut into[name.as_str()], rest, original, found);
        }
        other => {
            if !into.is_array() {
                *into = Value::Array(Vec::new());
            }
            let position = other.position(into);
            if let Some(items) = into.as_array_mut() {
                let position = position.unwrap_or_else(|| {
                    let keys = match other {
                        PathElement::Key(keys) => keys.iter().cloned().collect(),
                        _ => Map::new(),
                    };
                    items.push(Value::Object(keys));
                    items.len() - 1
                });
                insert(&mut items[position], rest, original, found);
                if rest.is_empty() {
                    items[position] = found.clone();
                }
            }
        }
    }
}

/// `stringData` wins over `data`, as on the server.
fn encode_string_data(object: &mut Map<String, Value>) {
    let Some(Value::Object(texts)) = object.remove("stringData") else { return };
    let data = object.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    if let Some(data) = data.as_object_mut() {
        for (key, text) in texts {
            let text = text.as_str().map_or_else(|| text.to_string(), ToOwned::to_owned);
            data.insert(key, Value::String(BASE64.encode(text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source() -> ManifestSource {
        ManifestSource { component: "c".into(), file: "components/c/x.yaml".into(), document: 0, line: 1 }
    }

    fn secret() -> Manifest {
        let value = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "data": {"a": "b2xk"}, "stringData": {"a": "hunter2", "b": "x"}, "status": {}});
        Manifest::from_value(value, source()).unwrap()
    }

    #[test]
    fn string_data_becomes_data_and_wins() {
        let value = secret().reveal();
        assert_eq!(value["data"], json!({"a": "aHVudGVyMg==", "b": "eA=="}));
        assert!(value.get("stringData").is_none() && value.get("status").is_none());
    }

    #[test]
    fn a_manifest_never_prints_itself() {
        assert_eq!(format!("{:?}", secret()), "Manifest(Secret -/s)");
    }

    #[test]
    fn a_masked_secret_holds_digests_for_values() {
        let key = SecretKey::new([3; 32]);
        let mut secret = secret();
        secret.set_annotations([("kubectl.kubernetes.io/last-applied-configuration", "hunter2")]);
        let text = secret.masked(&key).to_string();
        assert!(
            !text.contains("hunter2") && !text.contains("aHVudGVyMg") && text.contains("secret ("),
            "{text}"
        );
    }

    #[test]
    fn labels_annotations_and_the_namespace_can_be_set_and_change_the_digest() {
        let key = SecretKey::new([3; 32]);
        let mut secret = secret();
        let before = secret.digest(&key);
        secret.set_labels([("a", "b")]);
        secret.set_annotations([("mooring.dev/hold", "x")]);
        secret.set_namespace(Some("lake"));
        assert_ne!(secret.digest(&key), before);
        assert_eq!(secret.label("a").as_deref(), Some("b"));
        assert_eq!((secret.annotation("mooring.dev/hold"), secret.namespace()), (Some("x"), Some("lake")));
        assert_eq!(secret.reveal()["metadata"]["namespace"], "lake");
    }

    #[test]
    fn what_is_no_object_is_refused_with_the_place() {
        let error = Manifest::from_value(json!([]), source()).unwrap_err().to_string();
        assert!(error.starts_with("components/c/x.yaml"), "{error}");
        let nameless = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}});
        assert!(matches!(Manifest::from_value(nameless, source()), Err(ManifestError::Missing { .. })));
        let climbing = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "../x"}});
        assert!(matches!(Manifest::from_value(climbing, source()), Err(ManifestError::BadName { .. })));
        let number =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": {"a": 1}}});
        assert!(matches!(Manifest::from_value(number, source()), Err(ManifestError::NotText { .. })));
    }

    #[test]
    fn lists_are_split() {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [{"kind": "A"}, {"kind": "B"}]});
        assert_eq!(Manifest::split_list(list).len(), 2);
        assert_eq!(Manifest::split_list(json!({"kind": "A"})).len(), 1);
    }

    #[test]
    fn single_fields_are_cut_out_with_their_list_keys() {
        let value = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
            "replicas": 3, "containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}});
        let image = FieldPath(vec![
            PathElement::Field("spec".into()),
            PathElement::Field("containers".into()),
            PathElement::Key(vec![("name".into(), json!("b"))]),
            PathElement::Field("image".into()),
        ]);
        let replicas = FieldPath::of_fields(["spec", "replicas"]);
        let cut = only(&value, &[image.clone(), replicas]);
        assert_eq!(cut["spec"], json!({"containers": [{"name": "b", "image": "y"}], "replicas": 3}));
        let manifest = Manifest::from_value(value, source()).unwrap();
        let left: Value = serde_json::from_slice(&manifest.without(&[image])).unwrap();
        assert_eq!(left["spec"]["containers"][1], json!({"name": "b"}));
    }
}
