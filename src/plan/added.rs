//! What people's tools added inside our objects, and the patch that takes it out.

use serde_json::{Value, json};

use super::people::{by_hand, is_own};
use super::policy::IgnorePaths;
use crate::manifest::{FieldPath, FieldSet, ManagedEntry, PathElement};

/// A field, or everything below one, that a person's tool added.
pub(super) struct Added<'e> {
    /// The topmost field that is nobody's but people's.
    pub path: FieldPath,
    /// The entry that holds it.
    pub entry: &'e ManagedEntry,
}

/// What people's tools added.
#[derive(Default)]
pub(super) struct Additions<'e> {
    /// What is to be taken out.
    pub drift: Vec<Added<'e>>,
    /// What an ignore rule covers.
    pub ignored: Vec<Added<'e>>,
}

/// The fields that people's tools hold in `live` and that neither we nor a controller have anything to do with. `ours`
/// are the fields that we applied, `once` those that we set once.
pub(super) fn find<'e>(
    entries: &'e [ManagedEntry],
    ours: &FieldSet,
    once: &[FieldPath],
    ignore: &IgnorePaths,
    live: &Value,
) -> Additions<'e> {
    // All that stays: what is ours, what is set once, what controllers hold, what rules leave to people.
    let mut staying = ours.clone();
    staying.union(&FieldSet::from_paths(once));
    for entry in entries.iter().filter(|entry| is_own(entry) || !by_hand(entry)) {
        if let Ok(fields) = entry.fields() {
            staying.union(&fields);
        }
    }
    let mut theirs = FieldSet::default();
    let mut leaves: Vec<(FieldPath, &ManagedEntry)> = Vec::new();
    for entry in entries.iter().filter(|entry| by_hand(entry)) {
        let Ok(fields) = entry.fields() else { continue };
        leaves.extend(fields.difference(&staying).into_iter().map(|leaf| (leaf, entry)));
        theirs.union(&fields);
    }
    let mut additions = Additions::default();
    leaves.retain(|(leaf, entry)| {
        if leaf.get(live).is_none() || once.iter().any(|once| leaf.starts_with(once)) {
            return false;
        }
        let ignored = ignore.reason_in(leaf, live).is_some();
        if ignored {
            additions.ignored.push(Added { path: leaf.clone(), entry });
        }
        if ignored || is_left_alone(leaf) {
            staying.insert(leaf);
            return false;
        }
        true
    });
    let mut found = FieldSet::default();
    for (leaf, entry) in leaves {
        if !found.covers(&leaf) {
            let path = topmost(&leaf, &staying, &theirs, live);
            found.insert(&path);
            additions.drift.push(Added { path, entry });
        }
    }
    additions
}

/// The topmost field above `leaf` below which nothing stays. Taking out only leaves would leave shells
/// behind that the API server refuses: a probe without its port, a container without its name. List items that nobody
/// holds (webhooks make such) keep their list.
fn topmost(leaf: &FieldPath, staying: &FieldSet, theirs: &FieldSet, live: &Value) -> FieldPath {
    let ancestors = (1..leaf.0.len()).map(|end| FieldPath(leaf.0[..end].to_vec()));
    let whole = |path: &FieldPath| !is_open(path) && !staying.reaches(path) && theirs.holds_items(path, live);
    ancestors.into_iter().find(whole).unwrap_or_else(|| leaf.clone())
}

/// Maps of free keys, and the sections of an object: what is in them is taken out key by key.
fn is_open(path: &FieldPath) -> bool {
    let names: Vec<&str> = path.0.iter().filter_map(name).collect();
    match (names.first().copied().unwrap_or_default(), names.last().copied().unwrap_or_default()) {
        (_, "labels" | "annotations" | "finalizers") => matches!(path.0.last(), Some(PathElement::Field(_))),
        ("metadata" | "spec" | "data" | "stringData" | "binaryData", _) => path.0.len() == 1,
        _ => false,
    }
}

/// What a person may write without it being drift: our own annotations (a hold), a restart's time stamp (`kubectl rollout
/// restart` is an operation; taking it out would restart the pods once more), the Deployment controller's counter that
/// `kubectl rollout undo` copies, and what is the server's own.
fn is_left_alone(path: &FieldPath) -> bool {
    let names: Vec<&str> = path.0.iter().filter_map(name).collect();
    match (names.first().copied(), names.get(1).copied()) {
        (Some("status" | "apiVersion" | "kind"), _) => return true,
        (Some("metadata"), second) if !matches!(second, Some("labels" | "annotations" | "finalizers")) => {
            return true;
        }
        _ => {}
    }
    let [.., parent, last] = names.as_slice() else { return false };
    // A map that only exists for its keys is judged by them.
    matches!((*parent, *last), ("metadata", "labels" | "annotations"))
        || *parent == "annotations"
            && (last.starts_with("mooring.dev/")
                || matches!(*last, "kubectl.kubernetes.io/restartedAt" | "deployment.kubernetes.io/revision"))
}

fn name(element: &PathElement) -> Option<&str> {
    match element {
        PathElement::Field(name) => Some(name),
        _ => None,
    }
}

/// The JSON Patch (RFC 6902) that removes these fields, and nothing if the object has changed since it was read.
pub(super) fn patch(paths: &[FieldPath], live: &Value) -> Vec<Value> {
    let mut pointers: Vec<String> = paths.iter().filter_map(|path| path.to_pointer(live)).collect();
    if pointers.is_empty() {
        return Vec::new();
    }
    // Later items of a list first, since each removal moves those behind it.
    pointers.sort_by_cached_key(|pointer| {
        let part = |part: &str| (part.parse::<usize>().ok(), part.to_owned());
        std::cmp::Reverse(pointer.split('/').map(part).collect::<Vec<_>>())
    });
    let version = live.pointer("/metadata/resourceVersion");
    let test = json!({"op": "test", "path": "/metadata/resourceVersion", "value": version});
    let removals = pointers.into_iter().map(|pointer| json!({"op": "remove", "path": pointer}));
    std::iter::once(test).chain(removals).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::PathPattern;

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "fieldsV1": fields})
    }

    /// What is found in `live`, as text, with these entries; ours come first.
    fn found(live: &Value, ours: &Value, others: &[Value], once: &[FieldPath]) -> Vec<String> {
        let mut metadata = json!({"managedFields": [entry("mooring", "Apply", ours)]});
        metadata["managedFields"].as_array_mut().unwrap().extend_from_slice(others);
        let entries = ManagedEntry::parse_all(&metadata);
        let ours = FieldSet::from_fields_v1(ours).unwrap();
        let additions = find(&entries, &ours, once, &IgnorePaths::default(), live);
        additions.drift.iter().map(|added| added.path.to_string()).collect()
    }

    fn container(fields: &Value) -> Value {
        json!({"f:spec": {"f:containers": {"k:{\"name\":\"main\"}": fields}}})
    }

    #[test]
    fn a_probe_is_taken_out_whole_and_not_to_an_invalid_shell() {
        let ours = container(&json!({".": {}, "f:name": {}, "f:image": {}}));
        let probe = json!({"httpGet": {"port": 80, "scheme": "HTTP"}, "periodSeconds": 10});
        let live = json!({"spec": {"containers": [{"name": "main", "image": "a", "livenessProbe": probe}]}});
        let theirs = container(
            &json!({"f:livenessProbe": {".": {}, "f:httpGet": {".": {}, "f:port": {}}, "f:periodSeconds": {}}}),
        );
        let paths = found(&live, &ours, &[entry("kubectl-edit", "Update", &theirs)], &[]);
        assert_eq!(paths, ["spec.containers[main].livenessProbe"]);
    }

    #[test]
    fn a_container_that_somebody_added_is_taken_out_whole() {
        let ours = container(&json!({".": {}, "f:name": {}, "f:image": {}}));
        let live = json!({"spec": {"containers": [{"name": "main", "image": "a"}, {"name": "debug", "image": "b"}]}});
        let theirs = json!({"f:spec": {"f:containers": {"k:{\"name\":\"debug\"}": {".": {}, "f:name": {},
            "f:image": {}, "f:terminationMessagePath": {}}}}});
        let paths = found(&live, &ours, &[entry("kubectl-patch", "Update", &theirs)], &[]);
        assert_eq!(paths, ["spec.containers[debug]"]);
    }

    #[test]
    fn a_list_with_an_item_that_nobody_holds_is_not_taken_out_whole() {
        let ours = container(&json!({".": {}, "f:name": {}, "f:image": {}}));
        let env = json!([{"name": "INJECTED", "value": "1"}, {"name": "DEBUG", "value": "1"}]);
        let live = json!({"spec": {"containers": [{"name": "main", "image": "a", "env": env}]}});
        let theirs = container(
            &json!({"f:env": {".": {}, "k:{\"name\":\"DEBUG\"}": {".": {}, "f:name": {}, "f:value": {}}}}),
        );
        let paths = found(&live, &ours, &[entry("kubectl-set", "Update", &theirs)], &[]);
        assert_eq!(paths, ["spec.containers[main].env[DEBUG]"]);
    }

    #[test]
    fn labels_annotations_and_data_go_key_by_key() {
        let ours = json!({"f:data": {"f:a": {}}});
        let live = json!({"metadata": {"labels": {"x": "1"}, "annotations": {"y": "2"}, "finalizers": ["f/f"]},
            "data": {"a": "1", "b": "2"}});
        let theirs = json!({"f:data": {"f:b": {}}, "f:metadata": {"f:labels": {".": {}, "f:x": {}},
            "f:annotations": {".": {}, "f:y": {}}, "f:finalizers": {".": {}, "v:\"f/f\"": {}}}});
        let paths = found(&live, &ours, &[entry("kubectl-label", "Update", &theirs)], &[]);
        assert_eq!(
            paths,
            ["data.b", "metadata.annotations.y", "metadata.finalizers[f/f]", "metadata.labels.x"]
        );
    }

    #[test]
    fn what_a_controller_holds_too_is_left_to_it() {
        let theirs = json!({"f:spec": {"f:paused": {}}});
        let live = json!({"spec": {"paused": true}});
        let person = entry("kubectl-edit", "Update", &theirs);
        assert_eq!(found(&live, &json!({}), std::slice::from_ref(&person), &[]), ["spec.paused"]);
        let controller = entry("rollout-controller", "Update", &theirs);
        assert!(found(&live, &json!({}), &[person, controller], &[]).is_empty());
    }

    #[test]
    fn what_is_set_once_is_not_added() {
        let theirs = json!({"f:spec": {"f:template": {"f:x": {}}}});
        let live = json!({"spec": {"template": {"x": 1}}});
        let once = [FieldPath::of_fields(["spec", "template"])];
        assert!(found(&live, &json!({}), &[entry("kubectl-edit", "Update", &theirs)], &once).is_empty());
    }

    #[test]
    fn a_restart_a_hold_and_the_server_s_own_fields_are_left_alone() {
        let live = json!({"metadata": {"annotations": {"mooring.dev/hold": "x", "deployment.kubernetes.io/revision": "2"},
                "ownerReferences": []}, "status": {"phase": "x"},
            "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
        let theirs = json!({
            "f:metadata": {"f:annotations": {".": {}, "f:mooring.dev/hold": {}, "f:deployment.kubernetes.io/revision": {}},
                "f:ownerReferences": {}},
            "f:status": {"f:phase": {}},
            "f:spec": {"f:template": {"f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}}}});
        assert!(found(&live, &json!({}), &[entry("kubectl-rollout", "Update", &theirs)], &[]).is_empty());
    }

    #[test]
    fn what_a_rule_leaves_to_people_stays_when_its_neighbours_are_taken_out() {
        let ours = container(&json!({".": {}, "f:name": {}, "f:image": {}}));
        let env = json!([{"name": "KEPT", "value": "1"}, {"name": "DEBUG", "value": "1"}]);
        let live = json!({"spec": {"containers": [{"name": "main", "image": "a", "env": env}]}});
        let item = json!({".": {}, "f:name": {}, "f:value": {}});
        let theirs = container(&json!({"f:env": {".": {}, "k:{\"name\":\"DEBUG\"}": item,
            "k:{\"name\":\"KEPT\"}": item}}));
        let metadata = json!({"managedFields": [entry("kubectl-set", "Update", &theirs)]});
        let rule = PathPattern::parse("/spec/containers/*/env/[name=KEPT]").unwrap();
        let ignore = IgnorePaths(vec![(rule, "ours to keep".to_owned())]);
        let ours = FieldSet::from_fields_v1(&ours).unwrap();
        let entries = ManagedEntry::parse_all(&metadata);
        let additions = find(&entries, &ours, &[], &ignore, &live);
        let texts = |list: &[Added<'_>]| list.iter().map(|added| added.path.to_string()).collect::<Vec<_>>();
        assert_eq!(texts(&additions.drift), ["spec.containers[main].env[DEBUG]"]);
        let kept = ["spec.containers[main].env[KEPT].name", "spec.containers[main].env[KEPT].value"];
        assert_eq!(texts(&additions.ignored), kept);
    }

    #[test]
    fn a_plain_write_in_our_name_is_found() {
        let live = json!({"data": {"a": "1", "b": "2"}});
        let theirs = entry("mooring", "Update", &json!({"f:data": {"f:b": {}}}));
        assert_eq!(found(&live, &json!({"f:data": {"f:a": {}}}), &[theirs], &[]), ["data.b"]);
    }

    #[test]
    fn later_items_are_removed_before_earlier_ones_and_only_from_what_was_read() {
        let items: Vec<Value> = (0..12).map(|index| json!({"name": format!("n{index}")})).collect();
        let live = json!({"metadata": {"resourceVersion": "7"}, "spec": {"env": items, "x": 1}});
        let item = |name: &str| {
            let key = PathElement::Key(vec![("name".to_owned(), json!(name))]);
            FieldPath::of_fields(["spec", "env"]).join(key)
        };
        let paths = [item("n2"), FieldPath::of_fields(["spec", "x"]), item("n10"), item("gone")];
        let operations = patch(&paths, &live);
        assert_eq!(operations[0], json!({"op": "test", "path": "/metadata/resourceVersion", "value": "7"}));
        let removed: Vec<&str> =
            operations[1..].iter().filter_map(|operation| operation["path"].as_str()).collect();
        let place = |pointer: &str| removed.iter().position(|known| *known == pointer).unwrap();
        assert_eq!(removed.len(), 3);
        assert!(place("/spec/env/10") < place("/spec/env/2"));
        assert!(patch(&[item("gone")], &live).is_empty());
    }
}
