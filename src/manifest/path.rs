//! Paths of fields inside objects, as server-side apply knows them, and the patterns of ignore rules.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// One step of a path (structured-merge-diff's `PathElement`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathElement {
    /// A field of an object.
    Field(String),
    /// An item of a list whose items are told apart by some of their fields.
    Key(Vec<(String, Value)>),
    /// An item of a set.
    Value(Value),
    /// An item by its position.
    Index(usize),
}

impl PathElement {
    /// The item or field of `parent` that this step names.
    pub fn get<'v>(&self, parent: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Field(name) => parent.as_object()?.get(name),
            _ => parent.as_array()?.get(self.position(parent)?),
        }
    }

    /// The element as FieldsV1 writes it: `f:replicas`, `k:{"name":"trino"}`, `v:"x"`, `i:0`.
    pub fn to_fields_v1(&self) -> Box<str> {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => {
                let keys: serde_json::Map<String, Value> = keys.iter().cloned().collect();
                format!("k:{}", Value::Object(keys))
            }
            Self::Value(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
        .into_boxed_str()
    }

    /// The position of the item in the list `parent`.
    pub(super) fn position(&self, parent: &Value) -> Option<usize> {
        let items = parent.as_array()?;
        match self {
            Self::Field(_) => None,
            Self::Key(keys) => items.iter().position(|item| {
                keys.iter().all(|(name, value)| match item.get(name) {
                    Some(found) => found == value,
                    // The server knows the key's default (`protocol: TCP`); a manifest may leave it out.
                    None => is_default_key(name, value),
                })
            }),
            Self::Value(value) => items.iter().position(|item| item == value),
            Self::Index(index) => (*index < items.len()).then_some(*index),
        }
    }
}

/// The one list key of Kubernetes' own types that has a default: a port's protocol.
fn is_default_key(name: &str, value: &Value) -> bool {
    name == "protocol" && value == "TCP"
}

/// A path from the root of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldPath(pub Vec<PathElement>);

impl FieldPath {
    /// The path of these field names.
    pub fn of_fields<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(|name| PathElement::Field(name.to_owned())).collect())
    }

    /// Whether this is the object itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// This path with one more step.
    #[must_use]
    pub fn join(&self, element: PathElement) -> Self {
        let mut elements = self.0.clone();
        elements.push(element);
        Self(elements)
    }

    /// Whether this path is `prefix` or lies below it.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// The value that lies here.
    pub fn get<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(root, |value, element| element.get(value))
    }

    /// The JSON Pointer (RFC 6901) of this path in `root`; list keys become positions. `None` if it is not there.
    pub fn to_pointer(&self, root: &Value) -> Option<String> {
        let mut pointer = String::new();
        let mut value = root;
        for element in &self.0 {
            pointer.push('/');
            match element {
                PathElement::Field(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                other => pointer.push_str(&other.position(value)?.to_string()),
            }
            value = element.get(value)?;
        }
        Some(pointer)
    }

    /// The path of an ignore rule that covers this field: `/spec/containers/[name=trino]/image`. See [`PathPattern`].
    pub fn to_pattern(&self) -> String {
        let escape = |text: &str| text.replace('~', "~0").replace('/', "~1");
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let parts = self.0.iter().map(|element| match element {
            PathElement::Field(name) => escape(name),
            PathElement::Key(keys) => match keys.first() {
                Some((name, value)) => format!("[{name}={}]", escape(&plain(value))),
                None => "*".to_owned(),
            },
            PathElement::Value(value) => escape(&plain(value)),
            PathElement::Index(index) => index.to_string(),
        });
        parts.fold(String::new(), |pattern, part| pattern + "/" + &part)
    }

    /// Takes the value out of `root`; `None` if it was not there.
    pub fn remove(&self, root: &mut Value) -> Option<Value> {
        let (last, parents) = self.0.split_last()?;
        let parent = parents.iter().try_fold(root, |value, element| match element {
            PathElement::Field(name) => value.as_object_mut()?.get_mut(name),
            other => {
                let position = other.position(value)?;
                value.as_array_mut()?.get_mut(position)
            }
        })?;
        match last {
            PathElement::Field(name) => parent.as_object_mut()?.remove(name),
            other => {
                let position = other.position(parent)?;
                Some(parent.as_array_mut()?.remove(position))
            }
        }
    }
}

impl fmt::Display for FieldPath {
    /// `spec.template.spec.containers[trino].resources.limits.memory`; the object itself is `.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        for (index, element) in self.0.iter().enumerate() {
            match element {
                PathElement::Field(name) if name.contains(['.', '[', ']', ' ', '/']) => {
                    write!(f, "[{name}]")?;
                }
                PathElement::Field(name) if index == 0 => f.write_str(name)?,
                PathElement::Field(name) => write!(f, ".{name}")?,
                PathElement::Key(keys) => {
                    let one = keys.len() == 1 && keys[0].0 == "name";
                    let text: Vec<String> = keys
                        .iter()
                        .map(
                            |(name, value)| {
                                if one { plain(value) } else { format!("{name}={}", plain(value)) }
                            },
                        )
                        .collect();
                    write!(f, "[{}]", text.join(","))?;
                }
                PathElement::Value(value) => write!(f, "[{}]", plain(value))?,
                PathElement::Index(position) => write!(f, "[{position}]")?,
            }
        }
        Ok(())
    }
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The path of an ignore rule: a JSON Pointer whose parts may also be `*` (any field or item) or `[name=x]` (the list
/// item whose `name` is `x`). It covers the field that it names and all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    parts: Vec<PatternPart>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternPart {
    Any,
    Name(String),
    Item(String, String),
}

/// A pattern that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatternError {
    /// It is not a JSON Pointer.
    #[error("`{0}` does not begin with `/`: write a JSON Pointer such as /spec/replicas")]
    NoPointer(String),
    /// It would cover the object itself, or what tells it apart.
    #[error(
        "`{0}` covers what identifies the object: name a field below /spec, /data or /metadata/annotations"
    )]
    TooWide(String),
    /// A part in brackets that is not `[field=value]`.
    #[error("`{0}`: a part in brackets must be [field=value], such as [name=trino]")]
    BadItem(String),
}

impl PathPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let rest = text.strip_prefix('/').ok_or_else(|| PatternError::NoPointer(text.to_owned()))?;
        let parts = rest
            .split('/')
            .map(|part| {
                if part == "*" {
                    return Ok(PatternPart::Any);
                }
                if let Some(item) = part.strip_prefix('[') {
                    let (name, value) = item
                        .strip_suffix(']')
                        .and_then(|item| item.split_once('='))
                        .ok_or_else(|| PatternError::BadItem(text.to_owned()))?;
                    return Ok(PatternPart::Item(name.to_owned(), unescape(value)));
                }
                Ok(PatternPart::Name(unescape(part)))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let first = match &parts[0] {
            PatternPart::Name(name) => name.as_str(),
            _ => "*",
        };
        let identity = match first {
            "" | "*" | "apiVersion" | "kind" => true,
            "metadata" => match parts.get(1) {
                None | Some(PatternPart::Any | PatternPart::Item(..)) => true,
                Some(PatternPart::Name(name)) => {
                    matches!(name.as_str(), "name" | "namespace" | "managedFields")
                }
            },
            _ => false,
        };
        if identity {
            return Err(PatternError::TooWide(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Whether the pattern covers the field at `path`.
    pub fn matches(&self, path: &FieldPath) -> bool {
        path.0.len() >= self.parts.len()
            && self.parts.iter().zip(&path.0).all(|(part, element)| part.matches(element))
    }

    /// Like [`PathPattern::matches`], with `root` to look into: a list item may be named by its position or by any field
    /// of it, whatever the server tells the list's items apart by.
    pub fn matches_in(&self, path: &FieldPath, root: &Value) -> bool {
        if path.0.len() < self.parts.len() {
            return false;
        }
        let mut parent = Some(root);
        self.parts.iter().zip(&path.0).all(|(part, element)| {
            let list = parent;
            let item = list.and_then(|list| element.get(list));
            parent = item;
            part.matches(element)
                || match (part, element) {
                    (_, PathElement::Field(_)) | (PatternPart::Any, _) => false,
                    (PatternPart::Item(name, text), _) => {
                        item.and_then(|item| item.get(name)).is_some_and(|value| is_text(value, text))
                    }
                    (PatternPart::Name(name), _) => list
                        .and_then(|list| element.position(list))
                        .is_some_and(|position| *name == position.to_string()),
                }
        })
    }

    /// The paths in `root` that the pattern names; whole subtrees, not their leaves.
    pub fn find(&self, root: &Value) -> Vec<FieldPath> {
        let mut found = Vec::new();
        find(&self.parts, root, &FieldPath::default(), &mut found);
        found
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PatternPart {
    fn matches(&self, element: &PathElement) -> bool {
        match (self, element) {
            (Self::Any, _) => true,
            (Self::Name(name), PathElement::Field(field)) => name == field,
            (Self::Name(name), PathElement::Index(index)) => *name == index.to_string(),
            (Self::Name(name), PathElement::Value(value)) => is_text(value, name),
            (Self::Item(name, text), PathElement::Key(keys)) => {
                keys.iter().any(|(key, value)| key == name && is_text(value, text))
            }
            _ => false,
        }
    }
}

/// Whether a scalar reads as `text`.
fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => value == text,
        Value::Number(value) => value.to_string() == text,
        Value::Bool(value) => value.to_string() == text,
        _ => false,
    }
}

fn find(parts: &[PatternPart], value: &Value, path: &FieldPath, found: &mut Vec<FieldPath>) {
    let Some((part, rest)) = parts.split_first() else {
        found.push(path.clone());
        return;
    };
    let mut follow = |element: PathElement, child: &Value| {
        if part.matches(&element) {
            find(rest, child, &path.join(element), found);
        }
    };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, child)| follow(PathElement::Field(name.clone()), child));
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                match part {
                    PatternPart::Item(name, _) => {
                        if let Some(key) = child.get(name) {
                            follow(PathElement::Key(vec![(name.clone(), key.clone())]), child);
                        }
                    }
                    _ => follow(PathElement::Index(index), child),
                }
            }
        }
        _ => {}
    }
}

fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn container(name: &str) -> PathElement {
        PathElement::Key(vec![("name".to_owned(), json!(name))])
    }

    fn memory() -> FieldPath {
        let mut path = FieldPath::of_fields(["spec", "containers"]).join(container("trino"));
        path.0.extend(FieldPath::of_fields(["resources", "limits", "memory"]).0);
        path
    }

    fn pod() -> Value {
        json!({"spec": {"containers": [{"name": "sidecar"},
            {"name": "trino", "resources": {"limits": {"memory": "3Gi"}}}]}})
    }

    #[test]
    fn a_path_reads_as_people_write_it() {
        assert_eq!(memory().to_string(), "spec.containers[trino].resources.limits.memory");
        let ports = vec![("containerPort".to_owned(), json!(80)), ("protocol".to_owned(), json!("TCP"))];
        let path = FieldPath::of_fields(["ports"]).join(PathElement::Key(ports));
        assert_eq!(path.to_string(), "ports[containerPort=80,protocol=TCP]");
        let path = FieldPath::of_fields(["metadata", "annotations", "mooring.dev/hold"]);
        assert_eq!(path.to_string(), "metadata.annotations[mooring.dev/hold]");
        assert_eq!(FieldPath::default().to_string(), ".");
    }

    #[test]
    fn a_path_finds_points_at_and_removes_its_value() {
        let mut pod = pod();
        assert_eq!(memory().get(&pod), Some(&json!("3Gi")));
        assert_eq!(memory().to_pointer(&pod).unwrap(), "/spec/containers/1/resources/limits/memory");
        assert_eq!(memory().remove(&mut pod), Some(json!("3Gi")));
        assert_eq!(memory().get(&pod), None);
    }

    #[test]
    fn a_list_key_s_default_need_not_be_written() {
        let keys = vec![("containerPort".to_owned(), json!(80)), ("protocol".to_owned(), json!("TCP"))];
        assert!(PathElement::Key(keys).get(&json!([{"containerPort": 80}])).is_some());
    }

    #[test]
    fn a_pattern_covers_what_it_names_and_all_below() {
        let by_name = PathPattern::parse("/spec/containers/[name=trino]/resources").unwrap();
        assert!(by_name.matches(&memory()));
        assert!(PathPattern::parse("/spec/containers/*/resources").unwrap().matches(&memory()));
        assert!(!PathPattern::parse("/spec/containers/[name=x]").unwrap().matches(&memory()));
        assert_eq!(by_name.find(&pod()).len(), 1);
        let annotation = PathPattern::parse("/metadata/annotations/a.b~1c").unwrap();
        assert!(annotation.matches(&FieldPath::of_fields(["metadata", "annotations", "a.b/c"])));
    }

    #[test]
    fn a_pattern_finds_an_item_that_the_server_tells_apart_by_another_field() {
        let service = json!({"spec": {"ports": [{"name": "http", "port": 80, "nodePort": 30080}]}});
        let key = vec![("port".to_owned(), json!(80)), ("protocol".to_owned(), json!("TCP"))];
        let path = FieldPath::of_fields(["spec", "ports"]).join(PathElement::Key(key));
        let path = path.join(PathElement::Field("nodePort".to_owned()));
        for text in ["/spec/ports/[name=http]/nodePort", "/spec/ports/0", "/spec/ports/[port=80]/nodePort"] {
            assert!(PathPattern::parse(text).unwrap().matches_in(&path, &service), "{text}");
        }
        for text in ["/spec/ports/[name=https]/nodePort", "/spec/ports/1", "/spec/ports/*/port"] {
            assert!(!PathPattern::parse(text).unwrap().matches_in(&path, &service), "{text}");
        }
    }

    #[test]
    fn a_pattern_that_covers_the_object_s_identity_is_refused() {
        for text in ["/", "/*", "/kind", "/metadata", "/metadata/name", "/metadata/*"] {
            assert!(matches!(PathPattern::parse(text), Err(PatternError::TooWide(_))), "{text}");
        }
        assert!(matches!(PathPattern::parse("spec"), Err(PatternError::NoPointer(_))));
        assert!(matches!(PathPattern::parse("/a/[b]"), Err(PatternError::BadItem(_))));
    }
}
