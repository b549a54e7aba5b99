//! Who owns which fields: `managedFields` and its FieldsV1 form, as structured-merge-diff writes it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::digest::Digest;
use super::path::{FieldPath, PathElement};
use super::secret::SecretKey;

/// Deeper than this nothing is read: Kubernetes' own objects end at about 20.
const DEPTH: usize = 128;

/// A FieldsV1 that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum FieldsError {
    /// Not an object where one must be.
    #[error("FieldsV1: `{0}` holds no object")]
    NoObject(String),
    /// A key without a known prefix.
    #[error("FieldsV1: `{0}` begins with none of f: k: v: i:")]
    UnknownKey(String),
    /// Nested too deeply.
    #[error("FieldsV1: nested deeper than {DEPTH}")]
    TooDeep,
    /// Not JSON.
    #[error("FieldsV1: {0}")]
    Json(#[from] serde_json::Error),
}

/// A set of fields, as a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    root: Node,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    /// The field itself is in the set, not only fields below it.
    member: bool,
    /// By their names in FieldsV1, so that a field is found at once in a map of thousands.
    children: BTreeMap<Box<str>, (PathElement, Node)>,
}

impl FieldSet {
    /// Reads a FieldsV1.
    pub fn from_fields_v1(fields: &Value) -> Result<Self, FieldsError> {
        Ok(Self { root: Node::read(fields, "", 0)? })
    }

    /// Reads a FieldsV1 from its JSON text.
    pub fn from_json(bytes: &[u8]) -> Result<Self, FieldsError> {
        Self::from_fields_v1(&serde_json::from_slice(bytes)?)
    }

    /// The set of these fields.
    pub fn from_paths<'a>(paths: impl IntoIterator<Item = &'a FieldPath>) -> Self {
        let mut set = Self::default();
        paths.into_iter().for_each(|path| set.insert(path));
        set
    }

    /// Every leaf field of a manifest, for where no server's answer exists yet. List items go by their `name` where all
    /// have one, else the list counts as one field.
    pub fn from_manifest(manifest: &Value) -> Self {
        let mut root = Node::of_value(manifest, 0);
        root.children.remove("f:apiVersion");
        root.children.remove("f:kind");
        if let Some((_, metadata)) = root.children.get_mut("f:metadata") {
            metadata.children.remove("f:name");
            metadata.children.remove("f:namespace");
        }
        Self { root }
    }

    /// Adds a field.
    pub fn insert(&mut self, path: &FieldPath) {
        let mut node = &mut self.root;
        for element in &path.0 {
            let entry = node.children.entry(element.to_fields_v1());
            node = &mut entry.or_insert_with(|| (element.clone(), Node::default())).1;
        }
        node.member = !path.is_root();
    }

    /// Adds all fields of `other`.
    pub fn union(&mut self, other: &Self) {
        self.root.union(&other.root);
    }

    /// Whether it has no field.
    pub fn is_empty(&self) -> bool {
        self.root.children.is_empty()
    }

    /// The fields that have no field below them, in the set's own order.
    pub fn leaves(&self) -> Vec<FieldPath> {
        let mut leaves = Vec::new();
        self.root.visit_leaves(&mut Vec::new(), &mut |path| leaves.push(FieldPath(path.to_vec())));
        leaves
    }

    /// Whether the set names this very field.
    pub fn contains(&self, path: &FieldPath) -> bool {
        self.root.find(path).is_some_and(|node| node.member)
    }

    /// Whether the set names this field or one below it, or holds an atomic field above it.
    pub fn covers(&self, path: &FieldPath) -> bool {
        let mut node = &self.root;
        for (depth, element) in path.0.iter().enumerate() {
            match node.children.get(&element.to_fields_v1()) {
                Some((_, child)) => node = child,
                None => return depth > 0 && node.member && node.children.is_empty(),
            }
        }
        true
    }

    /// Whether the set names this field or one below it.
    pub fn reaches(&self, path: &FieldPath) -> bool {
        self.root.find(path).is_some()
    }

    /// Whether the set holds every list item that `live` has at `path` or below it.
    pub fn holds_items(&self, path: &FieldPath, live: &Value) -> bool {
        match (self.root.find(path), path.get(live)) {
            (Some(node), Some(value)) => node.holds_items(value),
            _ => false,
        }
    }

    /// The leaves of this set that `other` does not cover.
    pub fn difference(&self, other: &Self) -> Vec<FieldPath> {
        self.leaves().into_iter().filter(|path| !other.covers(path)).collect()
    }

    /// What `live` holds of this set's fields, and nothing else: maps keep the keys in the set, lists its items.
    pub fn project(&self, live: &Value) -> Value {
        self.root.project(live)
    }

    /// A digest for each leaf's value in `live`, in the order of [`FieldSet::leaves`]; 0 for an absent field.
    pub fn leaf_digests(&self, live: &Value, key: &SecretKey) -> Vec<u64> {
        let mut digests = Vec::new();
        self.root.digest_leaves(Some(live), key, &mut digests);
        digests
    }

    /// One digest over all leaves' values in `live`: the projection's.
    pub fn projection_digest(leaves: &[u64]) -> Digest {
        let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| leaf.to_le_bytes()).collect();
        Digest::of(&bytes)
    }
}

impl Node {
    fn read(fields: &Value, at: &str, depth: usize) -> Result<Self, FieldsError> {
        if depth > DEPTH {
            return Err(FieldsError::TooDeep);
        }
        let object = fields.as_object().ok_or_else(|| FieldsError::NoObject(at.to_owned()))?;
        let mut node = Self { member: object.is_empty() && depth > 0, children: BTreeMap::new() };
        for (key, value) in object {
            if key == "." {
                node.member = true;
                continue;
            }
            let element = match key.split_once(':') {
                Some(("f", name)) => PathElement::Field(name.to_owned()),
                Some(("k", keys)) => {
                    let keys: Map<String, Value> = serde_json::from_str(keys)?;
                    PathElement::Key(keys.into_iter().collect())
                }
                Some(("v", value)) => PathElement::Value(serde_json::from_str(value)?),
                Some(("i", index)) => {
                    PathElement::Index(index.parse().map_err(|_| FieldsError::UnknownKey(key.clone()))?)
                }
                _ => return Err(FieldsError::UnknownKey(key.clone())),
            };
            // Not `key` itself: the same element may be spelled in several ways.
            node.children.insert(element.to_fields_v1(), (element, Self::read(value, key, depth + 1)?));
        }
        Ok(node)
    }

    fn of_value(value: &Value, depth: usize) -> Self {
        let mut node = Self { member: true, children: BTreeMap::new() };
        if depth > DEPTH {
            return node;
        }
        let mut add = |element: PathElement, child: &Value| {
            node.children.insert(element.to_fields_v1(), (element, Self::of_value(child, depth + 1)));
        };
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, child)| add(PathElement::Field(name.clone()), child));
            }
            Value::Array(items) if items.iter().all(|item| item.get("name").is_some()) => {
                for item in items {
                    add(PathElement::Key(vec![("name".to_owned(), item["name"].clone())]), item);
                }
            }
            _ => {}
        }
        node
    }

    fn find(&self, path: &FieldPath) -> Option<&Self> {
        path.0.iter().try_fold(self, |node, element| {
            node.children.get(&element.to_fields_v1()).map(|(_, child)| child)
        })
    }

    fn union(&mut self, other: &Self) {
        self.member |= other.member;
        for (key, (element, child)) in &other.children {
            let entry = self.children.entry(key.clone());
            entry.or_insert_with(|| (element.clone(), Self::default())).1.union(child);
        }
    }

    fn visit_leaves(&self, path: &mut Vec<PathElement>, visit: &mut impl FnMut(&[PathElement])) {
        if self.children.is_empty() && !path.is_empty() {
            visit(path);
        }
        for (element, child) in self.children.values() {
            path.push(element.clone());
            child.visit_leaves(path, visit);
            path.pop();
        }
    }

    fn digest_leaves(&self, live: Option<&Value>, key: &SecretKey, digests: &mut Vec<u64>) {
        for (element, child) in self.children.values() {
            let value = live.and_then(|live| element.get(live));
            if child.children.is_empty() {
                digests.push(value.map_or(0, |value| key.short(value)));
            } else {
                child.digest_leaves(value, key, digests);
            }
        }
    }

    fn holds_items(&self, value: &Value) -> bool {
        match value {
            // A list without children in the set is held as a whole.
            Value::Array(items) => {
                let held = || {
                    self.children
                        .values()
                        .filter_map(|(element, child)| Some((element.position(value)?, child)))
                };
                self.children.is_empty()
                    || (held().map(|(position, _)| position).collect::<BTreeSet<_>>().len() == items.len()
                        && held().all(|(position, child)| child.holds_items(&items[position])))
            }
            Value::Object(fields) => fields.iter().all(|(name, value)| {
                let child = self.children.get(format!("f:{name}").as_str());
                child.map_or_else(|| !has_items(value), |(_, child)| child.holds_items(value))
            }),
            _ => true,
        }
    }

    fn project(&self, live: &Value) -> Value {
        if self.children.is_empty() {
            return live.clone();
        }
        match live {
            Value::Object(_) => {
                let kept = self.children.values().filter_map(|(element, child)| match element {
                    PathElement::Field(name) => Some((name.clone(), child.project(live.get(name)?))),
                    _ => None,
                });
                Value::Object(kept.collect())
            }
            Value::Array(_) => {
                let mut kept: Vec<(usize, Value)> = self
                    .children
                    .values()
                    .filter_map(|(element, child)| {
                        Some((element.position(live)?, child.project(element.get(live)?)))
                    })
                    .collect();
                kept.sort_by_key(|(position, _)| *position);
                Value::Array(kept.into_iter().map(|(_, value)| value).collect())
            }
            other => other.clone(),
        }
    }
}

fn has_items(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(has_items),
        _ => false,
    }
}

/// How a manager wrote its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Anything else.
    Update,
}

/// An entry of `metadata.managedFields`.
#[derive(Clone, Debug)]
pub struct ManagedEntry {
    /// The field manager.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// The subresource it wrote through: `status`, `scale`.
    pub subresource: Option<String>,
    /// When, with a resolution of one second. The API server leaves it out for some writes, `kubectl scale` for one.
    pub time: Option<jiff::Timestamp>,
    /// The fields, in FieldsV1 form.
    pub fields_v1: Value,
}

impl ManagedEntry {
    /// Reads all entries of an object's metadata. Entries that cannot be understood are left out.
    pub fn parse_all(metadata: &Value) -> Vec<Self> {
        let entries = metadata.get("managedFields").and_then(Value::as_array);
        entries.into_iter().flatten().filter_map(Self::parse).collect()
    }

    fn parse(entry: &Value) -> Option<Self> {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        Some(Self {
            manager: text("manager").unwrap_or_default().to_owned(),
            operation: match text("operation")? {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => return None,
            },
            subresource: text("subresource").filter(|name| !name.is_empty()).map(ToOwned::to_owned),
            time: text("time").and_then(|time| time.parse().ok()),
            fields_v1: entry.get("fieldsV1").cloned()?,
        })
    }

    /// The fields as a set.
    pub fn fields(&self) -> Result<FieldSet, FieldsError> {
        FieldSet::from_fields_v1(&self.fields_v1)
    }
}

/// Groups paths by their first field, for short messages: `spec (3 fields), metadata (1 field)`.
pub fn summarise(paths: &[FieldPath]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in paths {
        let first = FieldPath(path.0.iter().take(1).cloned().collect());
        *counts.entry(first.to_string()).or_default() += 1;
    }
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(name, count)| format!("{name} ({count} field{})", if count == 1 { "" } else { "s" }))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment() -> Value {
        json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"trino\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}})
    }

    fn live(image: &str) -> Value {
        json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "trino", "image": image}]}}}})
    }

    fn key() -> SecretKey {
        SecretKey::new([7; 32])
    }

    #[test]
    fn leaves_are_the_fields_without_fields_below_them() {
        let set = FieldSet::from_fields_v1(&deployment()).unwrap();
        let leaves: Vec<String> = set.leaves().iter().map(ToString::to_string).collect();
        assert_eq!(
            leaves,
            [
                "spec.replicas",
                "spec.template.spec.containers[trino].image",
                "spec.template.spec.containers[trino].name"
            ]
        );
    }

    #[test]
    fn the_projection_changes_when_an_owned_field_does_and_only_then() {
        let set = FieldSet::from_fields_v1(&deployment()).unwrap();
        let before = set.leaf_digests(&live("a"), &key());
        let mut foreign = live("a");
        foreign["spec"]["paused"] = json!(true);
        assert_eq!(before, set.leaf_digests(&foreign, &key()));
        let after = set.leaf_digests(&live("b"), &key());
        let moved: Vec<usize> = (0..before.len()).filter(|&index| before[index] != after[index]).collect();
        assert_eq!(moved, [1]);
    }

    #[test]
    fn a_removed_field_is_told_from_a_null_one() {
        let set = FieldSet::from_fields_v1(&json!({"f:data": {"f:a": {}}})).unwrap();
        let gone = set.leaf_digests(&json!({"data": {}}), &key());
        let null = set.leaf_digests(&json!({"data": {"a": null}}), &key());
        assert_ne!(gone, null);
    }

    #[test]
    fn an_atomic_field_covers_all_below_it() {
        let ours = FieldSet::from_fields_v1(&json!({"f:spec": {"f:selector": {}}})).unwrap();
        assert!(ours.covers(&FieldPath::of_fields(["spec", "selector", "app"])));
        assert!(!ours.covers(&FieldPath::of_fields(["spec", "replicas"])));
        let theirs =
            FieldSet::from_fields_v1(&json!({"f:spec": {"f:replicas": {}, "f:selector": {}}})).unwrap();
        let left: Vec<String> = theirs.difference(&ours).iter().map(ToString::to_string).collect();
        assert_eq!(left, ["spec.replicas"]);
    }

    #[test]
    fn a_set_of_paths_a_union_and_a_projection_hold_what_they_name() {
        let mut set = FieldSet::from_fields_v1(&json!({"f:data": {"f:a": {}}})).unwrap();
        let label = FieldPath::of_fields(["metadata", "labels", "app"]);
        set.union(&FieldSet::from_paths([&label]));
        assert!(set.contains(&label) && set.reaches(&FieldPath::of_fields(["metadata"])));
        assert!(!set.contains(&FieldPath::of_fields(["metadata"])));
        let map = json!({"data": {"a": 1, "b": 2}, "metadata": {"labels": {"app": "x", "y": "z"}}});
        assert_eq!(set.project(&map), json!({"data": {"a": 1}, "metadata": {"labels": {"app": "x"}}}));
        let containers = FieldSet::from_fields_v1(&deployment()).unwrap();
        let mut two = live_with_sidecar();
        two["spec"]["paused"] = json!(true);
        assert_eq!(containers.project(&two), live("a"));
    }

    fn live_with_sidecar() -> Value {
        let mut two = live("a");
        let containers = two.pointer_mut("/spec/template/spec/containers").unwrap().as_array_mut().unwrap();
        containers.insert(0, json!({"name": "sidecar"}));
        two
    }

    #[test]
    fn an_element_is_the_same_however_its_key_is_spelled() {
        let one =
            FieldSet::from_fields_v1(&json!({"f:p": {"k:{\"a\":1,\"b\":2}": {}, "i:0": {}, "v:\"x\"": {}}}));
        let two = FieldSet::from_fields_v1(
            &json!({"f:p": {"k:{\"b\": 2, \"a\": 1}": {}, "i:0": {}, "v: \"x\"": {}}}),
        );
        assert_eq!(one.unwrap(), two.unwrap());
    }

    #[test]
    fn malformed_field_sets_are_errors() {
        assert!(FieldSet::from_fields_v1(&json!({"x:a": {}})).is_err());
        assert!(FieldSet::from_fields_v1(&json!({"f:a": 1})).is_err());
        let deep = (0..200).fold(json!({}), |inner, _| json!({"f:a": inner}));
        assert!(matches!(FieldSet::from_fields_v1(&deep), Err(FieldsError::TooDeep)));
    }
}
