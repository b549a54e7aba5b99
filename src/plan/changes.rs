//! What applying an object would change of it, field by field: the object as it is against the server's answer to a
//! dry-run.

use serde::Serialize;
use serde_json::Value;

use super::drift::{Actor, Question, find};
use super::people::is_own;
use super::policy::IgnorePaths;
use crate::manifest::{FieldPath, FieldSet, ManagedEntry, Manifest, Origin, SecretKey, Shown};

/// One field that would change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The field.
    pub path: FieldPath,
    /// What it is.
    pub from: Shown,
    /// What it would be; nothing, for what would be taken out.
    pub to: Shown,
    /// Where the new value was written, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Who else set what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

/// What to compare.
pub struct Comparison<'a> {
    /// What git says.
    pub manifest: &'a Manifest,
    /// The fields that are set once, and are not compared.
    pub once: &'a [FieldPath],
    /// The ignore rules.
    pub ignore: &'a IgnorePaths,
    /// The object as it is.
    pub live: &'a Value,
    /// The object as the server would have it.
    pub wished: &'a Value,
    /// The FieldsV1 that would be taken over from client-side tools, ours included.
    pub taken: Option<&'a Value>,
    /// Whether what people added is taken out too.
    pub corrects: bool,
    /// The key of digests.
    pub key: &'a SecretKey,
}

/// Compares. Fields that we set come first, in the server's order; then what we set no more; then what people added.
pub fn changes(comparison: &Comparison<'_>) -> Vec<Change> {
    let Comparison { manifest, once, ignore, live, wished, taken, corrects, key } = comparison;
    let ours = own_fields(wished);
    let finding = find(&Question {
        manifest,
        once,
        ignore,
        fields: &ours,
        leaves: &ours.leaf_digests(wished, key),
        live,
        key,
    });
    let (mut added, mut changes): (Vec<Change>, Vec<Change>) = finding
        .fields
        .into_iter()
        .map(|field| Change {
            path: field.path,
            from: field.found,
            to: field.wanted,
            origin: None,
            actor: field.actor,
        })
        .partition(|change| change.to == Shown::Absent);
    for path in finding.yielded {
        // An autoscaler's, as far as drift goes; but what is applied is applied.
        if path.get(live) == path.get(wished) {
            continue;
        }
        let (from, to) = manifest.shown_pair(&path, (path.get(live), path.get(wished)), key);
        changes.push(Change { from, to, path, origin: None, actor: None });
    }
    for path in dropped(live, &ours, *taken) {
        let after = if taken.is_some() { None } else { path.get(wished) };
        let is_once = once.iter().any(|once| path.starts_with(once));
        if is_once || path.get(live).is_none() || path.get(live) == after {
            continue;
        }
        added.retain(|change| !change.path.starts_with(&path));
        let (from, to) = manifest.shown_pair(&path, (path.get(live), after), key);
        changes.push(Change { from, to, path, origin: None, actor: None });
    }
    if *corrects {
        changes.append(&mut added);
    }
    changes
}

/// The fields that are ours, or would become so, and that we would set no more.
fn dropped(live: &Value, ours: &FieldSet, taken: Option<&Value>) -> Vec<FieldPath> {
    let Some(taken) = taken else {
        return own_fields(live).difference(ours);
    };
    let before = FieldSet::from_fields_v1(taken).unwrap_or_default();
    // What an entry that stays holds as well stays with it.
    let others: Vec<FieldSet> = ManagedEntry::parse_all(&live["metadata"])
        .iter()
        .filter(|entry| !is_own(entry))
        .filter_map(|entry| entry.fields().ok())
        .filter(|fields| fields.leaves().iter().any(|path| !before.covers(path)))
        .collect();
    let mut dropped = before.difference(ours);
    dropped.retain(|path| !others.iter().any(|fields| fields.covers(path)));
    dropped
}

fn own_fields(object: &Value) -> FieldSet {
    let entries = ManagedEntry::parse_all(&object["metadata"]);
    entries.iter().find(|entry| is_own(entry)).and_then(|entry| entry.fields().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::ManifestSource;
    use serde_json::json;

    fn manifest(data: Value) -> Manifest {
        let value = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data});
        let source = ManifestSource { component: "c".into(), file: "f".into(), document: 0, line: 1 };
        Manifest::from_value(value, source).unwrap()
    }

    fn object(data: Value, entries: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "c", "resourceVersion": "1", "managedFields": entries}, "data": data})
    }

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "fieldsV1": {"f:data": fields}})
    }

    fn told(wish: Value, live: &Value, wished: &Value, taken: Option<&Value>, corrects: bool) -> Vec<String> {
        let comparison = Comparison {
            manifest: &manifest(wish),
            once: &[],
            ignore: &IgnorePaths::default(),
            live,
            wished,
            taken,
            corrects,
            key: &SecretKey::new([3; 32]),
        };
        changes(&comparison)
            .iter()
            .map(|change| format!("{}: {} -> {}", change.path, change.from, change.to))
            .collect()
    }

    #[test]
    fn new_changed_and_dropped_fields_are_told_and_equal_ones_are_not() {
        let live = object(
            json!({"a": "1", "b": "2", "old": "3"}),
            json!([entry("mooring", "Apply", json!({"f:a": {}, "f:b": {}, "f:old": {}}))]),
        );
        let wish = json!({"a": "1", "b": "3", "new": "4"});
        let wished = object(
            wish.clone(),
            json!([entry("mooring", "Apply", json!({"f:a": {}, "f:b": {}, "f:new": {}}))]),
        );
        let told = told(wish, &live, &wished, None, true);
        assert_eq!(told, ["data.b: 2 -> 3", "data.new: nothing -> 4", "data.old: 3 -> nothing"]);
    }

    #[test]
    fn what_people_added_is_taken_out_only_where_drift_is_corrected() {
        let ours = entry("mooring", "Apply", json!({"f:a": {}}));
        let theirs = entry("kubectl-edit", "Update", json!({"f:extra": {}}));
        let live = object(json!({"a": "1", "extra": "x"}), json!([ours, theirs]));
        let wish = json!({"a": "1"});
        assert_eq!(told(wish.clone(), &live, &live, None, true), ["data.extra: x -> nothing"]);
        assert!(told(wish, &live, &live, None, false).is_empty());
    }

    #[test]
    fn what_a_client_side_tool_set_and_git_does_not_name_goes_with_the_takeover() {
        let fields = json!({"f:a": {}, "f:old": {}});
        let live = object(
            json!({"a": "1", "old": "2"}),
            json!([entry("kubectl-client-side-apply", "Update", fields.clone())]),
        );
        let mut wished = live.clone();
        let entries = wished["metadata"]["managedFields"].as_array_mut().unwrap();
        entries.push(entry("mooring", "Apply", json!({"f:a": {}})));
        let taken = json!({"f:data": fields});
        assert_eq!(told(json!({"a": "1"}), &live, &wished, Some(&taken), true), ["data.old: 2 -> nothing"]);
    }
}
