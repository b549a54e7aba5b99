//! What differs between two renderings of an environment, without a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::Change;
use crate::manifest::{FieldPath, Manifest, PathElement, SecretKey};
use crate::render::{Component, DesiredSet};

/// What became of an object of a rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// Only the later rendering has it.
    Added,
    /// Both have it, and it differs.
    Changed,
    /// Only the earlier rendering has it.
    Removed,
}

/// What differs in one object.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The component.
    pub component: Arc<str>,
    /// The object: `Deployment.apps web`, with its namespace where it names one.
    pub object: String,
    /// What became of it.
    pub fate: Fate,
    /// The fields, of an object that both have. What a template makes up anew each time is left out.
    pub changes: Vec<Change>,
}

/// Compares two renderings, component by component. One that does not render on a side is left out.
pub fn compare(before: &DesiredSet, after: &DesiredSet, key: &SecretKey) -> Vec<Difference> {
    let mut differences = Vec::new();
    for later in &after.components {
        let earlier = before.components.iter().find(|component| component.name == later.name);
        let (Some(old), Some(new)) = (earlier.and_then(objects), objects(later)) else { continue };
        let found = |object: &str, fate, changes| Difference {
            component: later.name.clone(),
            object: object.to_owned(),
            fate,
            changes,
        };
        for (name, (manifest, once)) in &new {
            let Some((other, _)) = old.get(name) else {
                differences.push(found(name, Fate::Added, Vec::new()));
                continue;
            };
            let changes = changes(other, manifest, once, key);
            if !changes.is_empty() {
                differences.push(found(name, Fate::Changed, changes));
            }
        }
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            differences.push(found(name, Fate::Removed, Vec::new()));
        }
    }
    differences
}

type Objects<'a> = BTreeMap<String, (&'a Manifest, &'a [FieldPath])>;

fn objects(component: &Component) -> Option<Objects<'_>> {
    let rendered = component.result.as_ref().ok()?;
    let named = rendered.objects.iter().map(|object| {
        let manifest = &object.manifest;
        let namespace = manifest.namespace().map_or_else(String::new, |namespace| format!("{namespace}/"));
        let name = format!("{} {namespace}{}", manifest.group_kind(), manifest.name());
        (name, (manifest, object.once.as_slice()))
    });
    Some(named.collect())
}

fn changes(old: &Manifest, new: &Manifest, once: &[FieldPath], key: &SecretKey) -> Vec<Change> {
    let (before, after) = (old.reveal(), new.reveal());
    let mut paths = Vec::new();
    walk(&before, &after, &FieldPath::default(), &mut paths);
    paths
        .into_iter()
        .filter(|path| !once.iter().any(|once| path.starts_with(once)))
        .map(|path| {
            let (from, to) = new.shown_pair(&path, (path.get(&before), path.get(&after)), key);
            Change { path, from, to, origin: None, actor: None }
        })
        .collect()
}

/// The fields in which two values differ. Lists are compared item by item where all have names, else as a whole.
fn walk(before: &Value, after: &Value, path: &FieldPath, found: &mut Vec<FieldPath>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|name| !old.contains_key(*name));
            for name in old.keys().chain(added) {
                let path = path.join(PathElement::Field(name.clone()));
                match (old.get(name), new.get(name)) {
                    (Some(old), Some(new)) => walk(old, new, &path, found),
                    _ => found.push(path),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => match (by_name(old), by_name(new)) {
            (Some(old), Some(new)) => {
                let added = new.iter().filter(|(name, _)| !old.contains_key(*name));
                for (name, item) in old.iter().chain(added) {
                    let path = path.join(PathElement::Key(vec![("name".to_owned(), item["name"].clone())]));
                    match (old.get(name), new.get(name)) {
                        (Some(old), Some(new)) => walk(old, new, &path, found),
                        _ => found.push(path),
                    }
                }
            }
            _ => found.push(path.clone()),
        },
        _ => found.push(path.clone()),
    }
}

/// The items of a list by their names; `None` where one has none, or two have the same.
fn by_name(items: &[Value]) -> Option<BTreeMap<&str, &Value>> {
    let named: Option<BTreeMap<&str, &Value>> =
        items.iter().map(|item| Some((item.get("name")?.as_str()?, item))).collect();
    named.filter(|named| named.len() == items.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::ManifestSource;
    use crate::render::{DesiredObject, RenderedComponent};

    fn set(objects: &[Value]) -> DesiredSet {
        let source = ManifestSource { component: "c".into(), file: "f".into(), document: 0, line: 1 };
        let objects = objects
            .iter()
            .map(|value| DesiredObject {
                manifest: Manifest::from_value(value.clone(), source.clone()).unwrap(),
                once: vec![FieldPath::of_fields(["data", "made"])],
            })
            .collect();
        let component = Component {
            name: "c".into(),
            depends_on: Vec::new(),
            namespace: "n".into(),
            result: Ok(Arc::new(RenderedComponent { objects, ..RenderedComponent::default() })),
            looked_up: Arc::default(),
        };
        DesiredSet { environment: "e".into(), components: vec![component] }
    }

    fn object(kind: &str, name: &str, data: Value) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": data})
    }

    #[test]
    fn objects_and_fields_that_differ_are_told_and_what_is_made_up_is_not() {
        let old = set(&[
            object("ConfigMap", "a", json!({"x": "1", "gone": "2", "made": "p"})),
            object("ConfigMap", "old", json!({})),
            object("Secret", "s", json!({"k": "aHVudGVyMg=="})),
        ]);
        let new = set(&[
            object("ConfigMap", "a", json!({"x": "2", "new": "3", "made": "q"})),
            object("ConfigMap", "new", json!({})),
            object("Secret", "s", json!({"k": "aHVudGVyMw=="})),
        ]);
        let found = compare(&old, &new, &SecretKey::new([3; 32]));
        let told: Vec<String> = found
            .iter()
            .map(|one| {
                let paths: Vec<String> = one.changes.iter().map(|change| change.path.to_string()).collect();
                format!("{:?} {} {}", one.fate, one.object, paths.join(","))
            })
            .collect();
        assert_eq!(
            told,
            [
                "Changed ConfigMap a data.gone,data.x,data.new",
                "Added ConfigMap new ",
                "Changed Secret s data.k",
                "Removed ConfigMap old "
            ]
        );
        assert!(!serde_json::to_string(&found).unwrap().contains("aHVudGVy"));
        assert!(compare(&old, &old, &SecretKey::new([3; 32])).is_empty());
    }

    #[test]
    fn lists_are_compared_by_the_names_of_their_items() {
        let env = |value: &str| json!({"env": [{"name": "A", "value": value}, {"name": "B", "value": "2"}], "args": [value]});
        let mut paths = Vec::new();
        walk(&env("1"), &env("2"), &FieldPath::default(), &mut paths);
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["args", "env[A].value"]);
    }
}
