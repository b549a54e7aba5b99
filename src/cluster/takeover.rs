//! Taking over objects that kubectl or helm applied by client-side means.
//!
//! Client-side tools own fields as `Update`. Were ours added beside theirs, a field that git stops naming would stay,
//! owned by a tool that nobody runs any more. So their entries become ours before the first apply, as kubectl does it
//! when it migrates to server-side apply (KEP-2155, csaupgrade).

use serde_json::{Value, json};

use crate::manifest::MANAGER;

/// The tools whose `Update` entries are taken over. People's hands are not among them: what they changed is drift.
const CLIENT_SIDE: [&str; 4] = ["kubectl-client-side-apply", "before-first-apply", "helm", "kubectl-create"];

/// The JSON Patch that makes the client-side tools' ownership ours, and the managers it takes from; `None` where there
/// is nothing to take.
pub fn migration(live: &Value) -> Option<(Vec<Value>, Vec<String>)> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    let text =
        |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let theirs = |entry: &Value| {
        text(entry, "operation") == "Update"
            && text(entry, "subresource").is_empty()
            && CLIENT_SIDE.contains(&text(entry, "manager").as_str())
    };
    // Helm 4 applies server-side, under its own name.
    let applied_by_helm =
        |entry: &Value| text(entry, "operation") == "Apply" && text(entry, "manager") == "helm";
    let taken = |entry: &&Value| theirs(entry) || applied_by_helm(entry);
    let from: Vec<String> = entries.iter().filter(taken).map(|entry| text(entry, "manager")).collect();
    if from.is_empty() {
        return None;
    }
    let ours = |entry: &Value| text(entry, "manager") == MANAGER && text(entry, "operation") == "Apply";
    let mut union = json!({});
    for entry in entries.iter().filter(|entry| ours(entry) || taken(entry)) {
        merge(&mut union, &entry["fieldsV1"]);
    }
    // An annotation of kubectl's own that nobody would take out otherwise.
    if let Some(annotations) = union.pointer_mut("/f:metadata/f:annotations").and_then(Value::as_object_mut) {
        annotations.entry("f:kubectl.kubernetes.io/last-applied-configuration").or_insert_with(|| json!({}));
    }
    let api_version = live.get("apiVersion").cloned().unwrap_or_default();
    let mut next: Vec<Value> =
        entries.iter().filter(|entry| !ours(entry) && !taken(entry)).cloned().collect();
    next.push(json!({
        "manager": MANAGER,
        "operation": "Apply",
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": union,
    }));
    let operations = vec![
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": live.pointer("/metadata/resourceVersion")}),
        json!({"op": "replace", "path": "/metadata/managedFields", "value": next}),
    ];
    Some((operations, from))
}

fn merge(into: &mut Value, from: &Value) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        for (key, value) in from {
            merge(into.entry(key.clone()).or_insert_with(|| json!({})), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    #[test]
    fn what_kubectl_and_helm_applied_becomes_ours_and_people_s_changes_do_not() {
        let live = json!({"apiVersion": "v1", "metadata": {"resourceVersion": "7", "managedFields": [
            entry("kubectl-client-side-apply", "Update", json!({"f:data": {"f:a": {}}})),
            entry("helm", "Update", json!({"f:data": {"f:b": {}}})),
            entry("kubectl-edit", "Update", json!({"f:data": {"f:c": {}}})),
        ]}});
        let (operations, from) = migration(&live).unwrap();
        assert_eq!(from, ["kubectl-client-side-apply", "helm"]);
        assert_eq!(operations[0]["value"], "7");
        let entries = operations[1]["value"].as_array().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0]["manager"], "kubectl-edit");
        assert_eq!(entries[1]["fieldsV1"], json!({"f:data": {"f:a": {}, "f:b": {}}}));
    }

    #[test]
    fn an_object_of_server_side_apply_alone_is_left_as_it_is() {
        let live = json!({"metadata": {"managedFields": [entry("argocd", "Apply", json!({"f:data": {}}))]}});
        assert!(migration(&live).is_none());
    }
}
