//! What exactly moved: the live object against what we applied, field by field.

use serde::Serialize;
use serde_json::{Value, json};

use super::observed::is_own;
use super::people::{is_autoscaler, is_person};
use super::policy::IgnorePaths;
use crate::manifest::{
    FieldPath, FieldSet, MANAGER, ManagedEntry, Manifest, Operation, PathElement, SecretKey, Shown, shown,
};

/// More fields than this are not listed in one record.
const MOST_FIELDS: usize = 100;

/// Who changed a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// The field manager.
    pub manager: String,
    /// Whether it applied or updated.
    pub operation: Operation,
    /// The subresource that it wrote through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// When, to the second. `kubectl scale` leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<jiff::Timestamp>,
}

/// One field that is not as git wants it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldDrift {
    /// The field.
    pub path: FieldPath,
    /// What git wants; nothing, for what somebody added.
    pub wanted: Shown,
    /// What was found; nothing, for what somebody removed.
    pub found: Shown,
    /// Where the wish was written, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<crate::manifest::Origin>,
    /// Who changed it. A removal leaves no name behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

/// What to compare.
pub struct Question<'a> {
    /// What git says.
    pub manifest: &'a Manifest,
    /// The fields that are set once, and are not compared.
    pub once: &'a [FieldPath],
    /// The ignore rules.
    pub ignore: &'a IgnorePaths,
    /// The fields that we own, as of our last apply.
    pub fields: &'a FieldSet,
    /// Their values' digests then.
    pub leaves: &'a [u64],
    /// The object as it is.
    pub live: &'a Value,
    /// The key of digests.
    pub key: &'a SecretKey,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// Each field that differs.
    pub fields: Vec<FieldDrift>,
    /// The JSON Patch that takes out what people's tools added.
    pub removal: Vec<Value>,
    /// Whether our own fields must be applied again to put values back.
    pub reapply: bool,
    /// Whether the values are right, and only ownership of them was lost.
    pub regain: bool,
    /// Fields that an autoscaler has taken: they are its from now on.
    pub yielded: Vec<FieldPath>,
}

impl Finding {
    /// The object is not there.
    pub fn missing() -> Self {
        let whole = FieldDrift {
            path: FieldPath::default(),
            wanted: Shown::Value(json!("the object")),
            found: Shown::Absent,
            origin: None,
            actor: None,
        };
        Self { fields: vec![whole], reapply: true, ..Self::default() }
    }
}

/// Compares. Pure: the same question has the same answer.
pub fn find(question: &Question<'_>) -> Finding {
    let Question { manifest, once, ignore, fields, leaves, live, key } = question;
    let entries = ManagedEntry::parse_all(&live["metadata"]);
    let others: Vec<(&ManagedEntry, FieldSet)> = entries
        .iter()
        .filter(|entry| !is_own(entry))
        .filter_map(|entry| Some((entry, entry.fields().ok()?)))
        .collect();
    let mut finding = Finding::default();
    let wish = manifest.reveal();
    let now = fields.leaf_digests(live, key);
    for ((path, before), after) in fields.leaves().into_iter().zip(*leaves).zip(&now) {
        if before == after || once.iter().any(|once| path.starts_with(once)) {
            continue;
        }
        let owner = others.iter().find(|(_, set)| set.covers(&path));
        if path == FieldPath::of_fields(["spec", "replicas"])
            && owner.is_some_and(|(entry, _)| is_autoscaler(&entry.manager, entry.subresource.as_deref()))
        {
            finding.yielded.push(path);
            continue;
        }
        finding.reapply = true;
        finding.fields.push(FieldDrift {
            wanted: shown(manifest.group_kind(), &path, path.get(&wish), key),
            found: shown(manifest.group_kind(), &path, path.get(live), key),
            origin: None,
            actor: owner.map(|(entry, _)| actor(entry)),
            path,
        });
    }
    for (path, entry) in added(&entries, fields, live, once) {
        if ignore.reason(&path).is_some() {
            continue;
        }
        finding.fields.push(FieldDrift {
            wanted: Shown::Absent,
            found: shown(manifest.group_kind(), &path, path.get(live), key),
            origin: None,
            actor: Some(actor(entry)),
            path: path.clone(),
        });
        if let Some(pointer) = path.to_pointer(live) {
            finding.removal.push(json!({"op": "remove", "path": pointer}));
        }
    }
    finish_removal(&mut finding.removal, live);
    finding.fields.truncate(MOST_FIELDS);
    let own = entries.iter().find(|entry| is_own(entry)).and_then(|entry| entry.fields().ok());
    let yielded = |path: &FieldPath| finding.yielded.contains(path);
    finding.regain = match own {
        None => true,
        Some(own) => fields.difference(&own).iter().any(|path| !yielded(path)),
    } && !finding.reapply;
    finding
}

fn actor(entry: &ManagedEntry) -> Actor {
    Actor {
        manager: entry.manager.clone(),
        operation: entry.operation,
        subresource: entry.subresource.clone(),
        time: entry.time,
    }
}

/// The fields that people's tools hold inside the object and that are not ours, each with its entry.
fn added<'e>(
    entries: &'e [ManagedEntry],
    ours: &FieldSet,
    live: &Value,
    once: &[FieldPath],
) -> Vec<(FieldPath, &'e ManagedEntry)> {
    let mut found: Vec<(FieldPath, &ManagedEntry)> = Vec::new();
    for entry in entries {
        // Another writer under our own name is somebody who borrowed it.
        let borrowed = entry.manager == MANAGER && entry.operation == Operation::Update;
        if !(is_person(&entry.manager) || borrowed) || entry.subresource.is_some() {
            continue;
        }
        let Ok(fields) = entry.fields() else { continue };
        // An item that somebody added goes out whole, not field by field.
        let mut paths: Vec<FieldPath> = Vec::new();
        for path in fields.difference(ours) {
            let path = whole_item(path, ours, &fields, live);
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        for path in paths {
            let taken = found.iter().any(|(known, _)| path.starts_with(known));
            let kept = once.iter().any(|once| path.starts_with(once));
            if taken || kept || is_left_alone(&path) || path.get(live).is_none() {
                continue;
            }
            found.push((path, entry));
        }
    }
    found
}

/// The topmost list item above `path` that we own nothing of; else `path` itself.
fn whole_item(path: FieldPath, ours: &FieldSet, theirs: &FieldSet, live: &Value) -> FieldPath {
    let owned = ours.leaves();
    for end in 1..path.0.len() {
        let prefix = FieldPath(path.0[..end].to_vec());
        let is_item = matches!(prefix.0.last(), Some(PathElement::Key(_)));
        if is_item && !owned.iter().any(|own| own.starts_with(&prefix)) && theirs.covers(&prefix) {
            return if prefix.get(live).is_some() { prefix } else { path };
        }
    }
    path
}

/// What a person may write without it being drift: our own annotations (a hold), a restart's time stamp (`kubectl rollout
/// restart` is an operation; taking it out would restart the pods once more), the server's own fields.
fn is_left_alone(path: &FieldPath) -> bool {
    let names: Vec<&str> = path
        .0
        .iter()
        .filter_map(|element| match element {
            PathElement::Field(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let annotation = names.len() >= 2 && names[names.len() - 2] == "annotations";
    let last = names.last().copied().unwrap_or_default();
    match names.first().copied() {
        Some("status") => return true,
        Some("metadata")
            if !matches!(names.get(1).copied(), Some("labels" | "annotations" | "finalizers")) =>
        {
            return true;
        }
        _ => {}
    }
    // A parent that only exists for such an annotation is no drift either.
    let parent = last == "annotations" && names.len() == 2;
    parent
        || annotation
            && (last.starts_with("mooring.dev/")
                || last == "kubectl.kubernetes.io/restartedAt"
                || last == "deployment.kubernetes.io/revision")
}

/// Puts the test of the resource version in front, and removes later items of a list before earlier ones.
fn finish_removal(operations: &mut Vec<Value>, live: &Value) {
    if operations.is_empty() {
        return;
    }
    operations.sort_by_key(|operation| {
        let pointer = operation["path"].as_str().unwrap_or_default();
        let parts: Vec<(usize, String)> =
            pointer.split('/').map(|part| (part.parse().unwrap_or(usize::MAX), part.to_owned())).collect();
        std::cmp::Reverse(parts)
    });
    let version = live.pointer("/metadata/resourceVersion");
    operations.insert(0, json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}));
}

/// The patch that takes out of `live` what people's tools added beside the manifest's fields; empty if there is nothing.
/// For an object that the server calls invalid because of such fields.
pub fn removal(live: &Value, manifest: &Manifest, once: &[FieldPath]) -> Vec<Value> {
    let entries = ManagedEntry::parse_all(&live["metadata"]);
    let own = entries.iter().find(|entry| is_own(entry)).and_then(|entry| entry.fields().ok());
    let ours = own.unwrap_or_else(|| FieldSet::from_manifest(&manifest.reveal()));
    let mut operations: Vec<Value> = added(&entries, &ours, live, once)
        .into_iter()
        .filter_map(|(path, _)| path.to_pointer(live))
        .map(|pointer| json!({"op": "remove", "path": pointer}))
        .collect();
    finish_removal(&mut operations, live);
    operations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::ManifestSource;

    fn key() -> SecretKey {
        SecretKey::new([9; 32])
    }

    fn source() -> ManifestSource {
        ManifestSource { component: "c".into(), file: "f".into(), document: 0, line: 1 }
    }

    fn deployment() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": 2,
            "template": {"spec": {"containers": [{"name": "main", "image": "a", "env": [{"name": "A", "value": "1"}]}]}}}})
    }

    fn own_fields() -> Value {
        json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"main\"}": {
            ".": {}, "f:name": {}, "f:image": {}, "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}})
    }

    fn entry(manager: &str, operation: &str, subresource: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "subresource": subresource,
            "time": "2026-11-23T10:31:06Z", "fieldsV1": fields})
    }

    fn ask(live: &Value, once: &[FieldPath], ignore: &IgnorePaths) -> Finding {
        let manifest = Manifest::from_value(deployment(), source()).unwrap();
        let fields = FieldSet::from_fields_v1(&own_fields()).unwrap();
        let leaves = fields.leaf_digests(&deployment(), &key());
        let key = key();
        find(&Question {
            manifest: &manifest,
            once,
            ignore,
            fields: &fields,
            leaves: &leaves,
            live,
            key: &key,
        })
    }

    fn live_with(change: impl Fn(&mut Value), entries: Vec<Value>) -> Value {
        let mut live = deployment();
        live["metadata"]["resourceVersion"] = json!("5");
        live["metadata"]["managedFields"] = Value::Array(entries);
        change(&mut live);
        live
    }

    #[test]
    fn a_changed_value_is_found_with_who_and_when() {
        let mut left = own_fields();
        left["f:spec"].as_object_mut().unwrap().remove("f:replicas");
        let live = live_with(
            |live| live["spec"]["replicas"] = json!(5),
            vec![
                entry("mooring", "Apply", "", left),
                entry("kubectl-edit", "Update", "", json!({"f:spec": {"f:replicas": {}}})),
            ],
        );
        let finding = ask(&live, &[], &IgnorePaths::default());
        assert_eq!(finding.fields.len(), 1);
        let field = &finding.fields[0];
        assert_eq!(field.path.to_string(), "spec.replicas");
        assert_eq!((field.wanted.to_string(), field.found.to_string()), ("2".into(), "5".into()));
        let actor = field.actor.as_ref().unwrap();
        assert_eq!(actor.manager, "kubectl-edit");
        assert!(actor.time.is_some());
        assert!(finding.reapply && finding.removal.is_empty() && !finding.regain);
    }

    #[test]
    fn a_field_added_by_a_person_is_drift_and_taken_out_whole() {
        let added = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"main\"}": {
            "f:env": {"k:{\"name\":\"DEBUG\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}});
        let live = live_with(
            |live| {
                let env = &mut live["spec"]["template"]["spec"]["containers"][0]["env"];
                env.as_array_mut().unwrap().push(json!({"name": "DEBUG", "value": "1"}));
            },
            vec![entry("mooring", "Apply", "", own_fields()), entry("kubectl-set", "Update", "", added)],
        );
        let finding = ask(&live, &[], &IgnorePaths::default());
        let paths: Vec<String> = finding.fields.iter().map(|field| field.path.to_string()).collect();
        assert_eq!(paths, ["spec.template.spec.containers[main].env[DEBUG]"]);
        assert_eq!(finding.removal[0]["op"], "test");
        assert_eq!(finding.removal[1]["path"], "/spec/template/spec/containers/0/env/1");
        assert!(!finding.reapply);
    }

    #[test]
    fn fields_of_controllers_and_webhooks_are_theirs() {
        let added = json!({"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}});
        let live = live_with(
            |live| live["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "1"}),
            vec![
                entry("mooring", "Apply", "", own_fields()),
                entry("kube-controller-manager", "Update", "", added),
            ],
        );
        assert!(ask(&live, &[], &IgnorePaths::default()).fields.is_empty());
    }

    #[test]
    fn an_autoscaler_s_replicas_are_yielded() {
        let mut left = own_fields();
        left["f:spec"].as_object_mut().unwrap().remove("f:replicas");
        let scale = json!({"f:spec": {"f:replicas": {}}});
        let live = live_with(
            |live| live["spec"]["replicas"] = json!(7),
            vec![
                entry("mooring", "Apply", "", left),
                entry("kube-controller-manager", "Update", "scale", scale),
            ],
        );
        let finding = ask(&live, &[], &IgnorePaths::default());
        assert!(finding.fields.is_empty() && !finding.reapply && !finding.regain);
        assert_eq!(finding.yielded.len(), 1);
    }

    #[test]
    fn a_value_patched_there_and_back_is_no_drift_but_regained() {
        let mut left = own_fields();
        left["f:spec"].as_object_mut().unwrap().remove("f:replicas");
        let live = live_with(
            |_| {},
            vec![
                entry("mooring", "Apply", "", left),
                entry("kubectl-patch", "Update", "", json!({"f:spec": {"f:replicas": {}}})),
            ],
        );
        let finding = ask(&live, &[], &IgnorePaths::default());
        assert!(finding.fields.is_empty() && finding.regain);
    }

    #[test]
    fn a_restart_by_hand_and_a_hold_are_respected() {
        let added = json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": {".": {},
            "f:kubectl.kubernetes.io/restartedAt": {}}}}},
            "f:metadata": {"f:annotations": {".": {}, "f:mooring.dev/hold": {}}}});
        let live = live_with(
            |live| {
                live["spec"]["template"]["metadata"] =
                    json!({"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}});
                live["metadata"]["annotations"] = json!({"mooring.dev/hold": "x"});
            },
            vec![entry("mooring", "Apply", "", own_fields()), entry("kubectl-rollout", "Update", "", added)],
        );
        assert!(ask(&live, &[], &IgnorePaths::default()).fields.is_empty());
    }

    #[test]
    fn every_finding_has_a_path() {
        assert!(!Finding::missing().fields.is_empty());
        let live = live_with(|live| live["spec"]["replicas"] = json!(5), vec![]);
        let finding = ask(&live, &[], &IgnorePaths::default());
        assert!(finding.reapply && !finding.fields.is_empty());
    }
}
