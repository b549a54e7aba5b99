//! What exactly moved: the live object against what we applied, field by field.

use serde::Serialize;
use serde_json::{Value, json};

use super::added::{self, Added};
pub use super::people::Actor;
use super::people::{is_autoscaler, is_own};
use super::policy::IgnorePaths;
use crate::manifest::{FieldPath, FieldSet, ManagedEntry, Manifest, Origin, SecretKey, Shown};

/// More fields than this are not listed in one record.
const MOST_FIELDS: usize = 100;

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
    pub origin: Option<Origin>,
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
    /// Differences that an ignore rule covers, each with the rule's reason: they are left as they are.
    pub ignored: Vec<(FieldDrift, String)>,
    /// The JSON Patch (RFC 6902) that takes out what people's tools added; it fails if the object has moved on.
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
    let entries = ManagedEntry::parse_all(&question.live["metadata"]);
    let mut finding = Finding::default();
    compare_own(question, &entries, &mut finding);
    compare_added(question, &entries, &mut finding);
    finding.fields.truncate(MOST_FIELDS);
    finding
}

/// Our own fields: are their values, and is their owner, what they were when we applied them?
fn compare_own(question: &Question<'_>, entries: &[ManagedEntry], finding: &mut Finding) {
    let Question { manifest, once, ignore, fields, leaves, live, key } = question;
    let ours = entries.iter().find(|entry| is_own(entry)).and_then(|entry| entry.fields().ok());
    let others: Vec<(&ManagedEntry, FieldSet)> = entries
        .iter()
        .filter(|entry| !is_own(entry))
        .filter_map(|entry| Some((entry, entry.fields().ok()?)))
        .collect();
    let wish = manifest.reveal();
    let mut lost = false;
    let now = fields.leaf_digests(live, key);
    for ((path, before), after) in fields.leaves().into_iter().zip(*leaves).zip(&now) {
        let owned = ours.as_ref().is_some_and(|ours| ours.covers(&path));
        if (owned && before == after) || once.iter().any(|once| path.starts_with(once)) {
            continue;
        }
        let holders: Vec<&ManagedEntry> =
            others.iter().filter(|(_, set)| set.covers(&path)).map(|(entry, _)| *entry).collect();
        let scaler = |entry: &&ManagedEntry| is_autoscaler(&entry.manager, entry.subresource.as_deref());
        if !owned && holders.iter().any(scaler) {
            // Whatever the value: to take it back would be a fight.
            finding.yielded.push(path);
            continue;
        }
        let (wanted, found) = (path.get(&wish), path.get(live));
        if before == after || (is_hollow(wanted) && (owned || is_hollow(found))) {
            lost |= !owned;
            continue;
        }
        let (wanted, found) = manifest.shown_pair(&path, (wanted, found), key);
        let actor = last_of(&holders).map(Actor::of);
        let drift = FieldDrift { wanted, found, origin: None, actor, path };
        match ignore.reason_in(&drift.path, live) {
            Some(reason) => finding.ignored.push((drift, reason.to_owned())),
            None => finding.fields.push(drift),
        }
    }
    finding.reapply = !finding.fields.is_empty();
    finding.regain = lost && !finding.reapply;
}

/// An empty map or list says no more than that something may be there: what others put into it is theirs.
fn is_hollow(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

/// The entry that wrote last. One without a time counts as the last: that is how `kubectl scale` writes.
fn last_of<'e>(entries: &[&'e ManagedEntry]) -> Option<&'e ManagedEntry> {
    entries.iter().max_by_key(|entry| entry.time.unwrap_or(jiff::Timestamp::MAX)).copied()
}

/// What people's tools added beside our fields.
fn compare_added(question: &Question<'_>, entries: &[ManagedEntry], finding: &mut Finding) {
    let Question { manifest, once, ignore, fields, live, key, .. } = question;
    let additions = added::find(entries, fields, once, ignore, live);
    let drift = |Added { path, entry }: Added<'_>| {
        let (wanted, found) = manifest.shown_pair(&path, (None, path.get(live)), key);
        FieldDrift { path, wanted, found, origin: None, actor: Some(Actor::of(entry)) }
    };
    let paths: Vec<FieldPath> = additions.drift.iter().map(|added| added.path.clone()).collect();
    finding.removal = added::patch(&paths, live);
    finding.fields.extend(additions.drift.into_iter().map(drift));
    for field in additions.ignored.into_iter().map(drift) {
        let reason = ignore.reason_in(&field.path, live).unwrap_or_default().to_owned();
        finding.ignored.push((field, reason));
    }
}

/// The patch that takes out of `live` what people's tools added beside the manifest's fields; empty if there is nothing.
/// For an object that the server calls invalid because of such fields.
pub fn removal(live: &Value, manifest: &Manifest, once: &[FieldPath]) -> Vec<Value> {
    let entries = ManagedEntry::parse_all(&live["metadata"]);
    // What git wants now, too: a field that it has begun to name is put right by applying, not by removing.
    let mut ours = FieldSet::from_manifest(&manifest.reveal());
    if let Some(own) = entries.iter().find(|entry| is_own(entry)).and_then(|entry| entry.fields().ok()) {
        ours.union(&own);
    }
    let additions = added::find(&entries, &ours, once, &IgnorePaths::default(), live);
    let paths: Vec<FieldPath> = additions.drift.into_iter().map(|added| added.path).collect();
    added::patch(&paths, live)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{ManifestSource, PathElement, PathPattern};

    fn key() -> SecretKey {
        SecretKey::new([9; 32])
    }

    fn manifest(value: Value) -> Manifest {
        let source = ManifestSource { component: "c".into(), file: "f".into(), document: 0, line: 1 };
        Manifest::from_value(value, source).unwrap()
    }

    fn deployment() -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": 2,
            "template": {"spec": {"securityContext": {},
                "containers": [{"name": "main", "image": "a", "env": [{"name": "A", "value": "1"}]}]}}}})
    }

    fn own_fields() -> Value {
        json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:securityContext": {}, "f:containers": {
            "k:{\"name\":\"main\"}": {".": {}, "f:name": {}, "f:image": {},
                "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}})
    }

    fn without_replicas() -> Value {
        let mut left = own_fields();
        left["f:spec"].as_object_mut().unwrap().remove("f:replicas");
        left
    }

    fn entry(manager: &str, operation: &str, subresource: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "subresource": subresource,
            "time": "2026-11-23T10:31:06Z", "fieldsV1": fields})
    }

    fn replicas() -> Value {
        json!({"f:spec": {"f:replicas": {}}})
    }

    /// The deployment as a cluster holds it, with these entries, after a change.
    fn live(entries: &[Value], change: impl Fn(&mut Value)) -> Value {
        let mut live = deployment();
        live["metadata"]["resourceVersion"] = json!("5");
        live["metadata"]["managedFields"] = json!(entries);
        change(&mut live);
        live
    }

    fn ask_about(
        wish: &Value,
        own: &Value,
        live: &Value,
        once: &[FieldPath],
        ignore: &IgnorePaths,
    ) -> Finding {
        let manifest = manifest(wish.clone());
        let fields = FieldSet::from_fields_v1(own).unwrap();
        let leaves = fields.leaf_digests(&manifest.reveal(), &key());
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

    fn ask(live: &Value) -> Finding {
        ask_about(&deployment(), &own_fields(), live, &[], &IgnorePaths::default())
    }

    fn paths(finding: &Finding) -> Vec<String> {
        finding.fields.iter().map(|field| field.path.to_string()).collect()
    }

    #[test]
    fn an_object_as_we_applied_it_is_no_drift() {
        let finding = ask(&live(&[entry("mooring", "Apply", "", &own_fields())], |_| {}));
        assert!(finding.fields.is_empty() && finding.removal.is_empty());
        assert!(!finding.reapply && !finding.regain);
    }

    #[test]
    fn a_changed_value_is_found_with_who_and_when() {
        let entries = [
            entry("mooring", "Apply", "", &without_replicas()),
            entry("kubectl-edit", "Update", "", &replicas()),
        ];
        let finding = ask(&live(&entries, |live| live["spec"]["replicas"] = json!(5)));
        assert_eq!(paths(&finding), ["spec.replicas"]);
        let field = &finding.fields[0];
        assert_eq!((field.wanted.to_string(), field.found.to_string()), ("2".into(), "5".into()));
        let actor = field.actor.as_ref().unwrap();
        assert_eq!(actor.manager, "kubectl-edit");
        assert!(actor.time.is_some());
        assert!(finding.reapply && finding.removal.is_empty() && !finding.regain);
    }

    #[test]
    fn a_person_who_scales_is_named_although_the_server_keeps_no_time() {
        let mut scale = entry("kubectl", "Update", "scale", &replicas());
        scale.as_object_mut().unwrap().remove("time");
        let older = entry("kubectl-edit", "Update", "", &replicas());
        let entries = [entry("mooring", "Apply", "", &without_replicas()), older, scale];
        let finding = ask(&live(&entries, |live| live["spec"]["replicas"] = json!(5)));
        let actor = finding.fields[0].actor.as_ref().unwrap();
        assert_eq!((actor.to_string(), actor.time), ("kubectl (scale)".to_owned(), None));
    }

    #[test]
    fn a_removed_field_is_found_and_nobody_is_blamed() {
        let wish = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}});
        let own = json!({"f:data": {"f:a": {}, "f:b": {}}});
        let mut live = wish.clone();
        live["data"] = json!({"a": "1"});
        live["metadata"]["managedFields"] =
            json!([entry("mooring", "Apply", "", &json!({"f:data": {"f:a": {}}}))]);
        let finding = ask_about(&wish, &own, &live, &[], &IgnorePaths::default());
        assert_eq!(paths(&finding), ["data.b"]);
        assert_eq!((&finding.fields[0].found, &finding.fields[0].actor), (&Shown::Absent, &None));
    }

    #[test]
    fn drift_is_found_after_somebody_wiped_all_managed_fields() {
        let finding = ask(&live(&[json!({})], |live| live["spec"]["replicas"] = json!(5)));
        assert_eq!(paths(&finding), ["spec.replicas"]);
        assert!(finding.reapply);
        let finding = ask(&live(&[json!({})], |_| {}));
        assert!(finding.fields.is_empty() && finding.regain && !finding.reapply);
    }

    #[test]
    fn another_apply_in_our_name_is_found_although_we_still_own_the_field() {
        let entries = [entry("mooring", "Apply", "", &own_fields())];
        let finding = ask(&live(&entries, |live| live["spec"]["replicas"] = json!(5)));
        assert_eq!(paths(&finding), ["spec.replicas"]);
    }

    #[test]
    fn a_field_added_by_a_person_is_drift_and_taken_out_whole() {
        let added = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"main\"}": {
            "f:env": {"k:{\"name\":\"DEBUG\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}});
        let entries =
            [entry("mooring", "Apply", "", &own_fields()), entry("kubectl-set", "Update", "", &added)];
        let finding = ask(&live(&entries, |live| {
            let env = &mut live["spec"]["template"]["spec"]["containers"][0]["env"];
            env.as_array_mut().unwrap().push(json!({"name": "DEBUG", "value": "1"}));
        }));
        assert_eq!(paths(&finding), ["spec.template.spec.containers[main].env[DEBUG]"]);
        assert_eq!(finding.fields[0].wanted, Shown::Absent);
        assert_eq!(finding.removal[0]["op"], "test");
        assert_eq!(finding.removal[1]["path"], "/spec/template/spec/containers/0/env/1");
        assert!(!finding.reapply && !finding.regain);
    }

    #[test]
    fn fields_of_controllers_and_webhooks_are_theirs() {
        let added = json!({"f:metadata": {"f:annotations": {"f:x": {}}},
            "f:spec": {"f:template": {"f:spec": {"f:securityContext": {"f:runAsUser": {}}}}}});
        let entries =
            [entry("mooring", "Apply", "", &own_fields()), entry("policy-webhook", "Update", "", &added)];
        let finding = ask(&live(&entries, |live| {
            live["metadata"]["annotations"] = json!({"x": "1"});
            // Git says `securityContext: {}`: what a controller puts inside is no change of ours.
            live["spec"]["template"]["spec"]["securityContext"] = json!({"runAsUser": 5});
        }));
        assert!(finding.fields.is_empty() && !finding.reapply && !finding.regain, "{finding:?}");
    }

    #[test]
    fn an_autoscaler_s_replicas_are_yielded_whatever_their_value() {
        for (manager, value) in
            [("kube-controller-manager", 7), ("kube-controller-manager", 2), ("keda-operator", 2)]
        {
            let entries = [
                entry("mooring", "Apply", "", &without_replicas()),
                entry(manager, "Update", "scale", &replicas()),
            ];
            let finding = ask(&live(&entries, |live| live["spec"]["replicas"] = json!(value)));
            assert!(finding.fields.is_empty() && !finding.reapply && !finding.regain, "{value}");
            assert_eq!(finding.yielded, [FieldPath::of_fields(["spec", "replicas"])]);
        }
    }

    #[test]
    fn a_value_patched_there_and_back_is_no_drift_but_regained() {
        let entries = [
            entry("mooring", "Apply", "", &without_replicas()),
            entry("kubectl-patch", "Update", "", &replicas()),
        ];
        let finding = ask(&live(&entries, |_| {}));
        assert!(finding.fields.is_empty() && finding.regain && !finding.reapply);
    }

    #[test]
    fn what_is_set_once_is_compared_by_nobody() {
        let once = [FieldPath::of_fields(["spec", "replicas"])];
        let entries = [
            entry("mooring", "Apply", "", &without_replicas()),
            entry("kubectl", "Update", "scale", &replicas()),
        ];
        let live = live(&entries, |live| live["spec"]["replicas"] = json!(9));
        let finding = ask_about(&deployment(), &own_fields(), &live, &once, &IgnorePaths::default());
        assert!(finding.fields.is_empty() && !finding.regain && finding.yielded.is_empty());
    }

    #[test]
    fn an_ignore_rule_covers_changed_and_added_fields_and_says_why() {
        let rule = |path: &str| (PathPattern::parse(path).unwrap(), "the autoscaler owns it".to_owned());
        let ignore = IgnorePaths(vec![rule("/spec/replicas"), rule("/metadata/labels/x")]);
        let theirs = json!({"f:spec": {"f:replicas": {}}, "f:metadata": {"f:labels": {"f:x": {}}}});
        let entries = [
            entry("mooring", "Apply", "", &without_replicas()),
            entry("kubectl-edit", "Update", "", &theirs),
        ];
        let live = live(&entries, |live| {
            live["spec"]["replicas"] = json!(9);
            live["metadata"]["labels"] = json!({"x": "1"});
        });
        let finding = ask_about(&deployment(), &own_fields(), &live, &[], &ignore);
        assert!(finding.fields.is_empty() && finding.removal.is_empty() && !finding.reapply);
        let reasons: Vec<(String, &str)> =
            finding.ignored.iter().map(|(field, why)| (field.path.to_string(), why.as_str())).collect();
        let why = "the autoscaler owns it";
        assert_eq!(reasons, [("spec.replicas".to_owned(), why), ("metadata.labels.x".to_owned(), why)]);
    }

    #[test]
    fn a_changed_secret_is_found_and_its_values_are_not_seen() {
        let wish = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "hunter2"}});
        let own = json!({"f:data": {"f:p": {}}});
        let live = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "managedFields": [
            entry("kubectl-patch", "Update", "", &own)]}, "data": {"p": "b3RoZXI="}});
        let finding = ask_about(&wish, &own, &live, &[], &IgnorePaths::default());
        assert_eq!(paths(&finding), ["data.p"]);
        let text = format!("{:?} {}", finding, serde_json::to_string(&finding.fields).unwrap());
        for secret in ["hunter2", "aHVudGVyMg", "b3RoZXI", "other"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert_ne!(finding.fields[0].wanted, finding.fields[0].found);
    }

    #[test]
    fn no_finding_asks_for_a_repair_without_a_path() {
        assert!(!Finding::missing().fields.is_empty() && Finding::missing().reapply);
        let changes: [fn(&mut Value); 3] = [
            |live| live["spec"]["replicas"] = json!(5),
            |live| live["spec"]["template"]["spec"]["containers"] = json!([]),
            |live| live["spec"] = json!({}),
        ];
        for change in changes {
            for entries in [vec![], vec![entry("mooring", "Apply", "", &own_fields())]] {
                let finding = ask(&live(&entries, change));
                assert!(finding.reapply && !finding.fields.is_empty());
                let differ = finding.fields.iter().all(|field| field.wanted != field.found);
                assert!(differ, "a difference that cannot be seen: {finding:?}");
            }
        }
    }

    #[test]
    fn a_record_lists_no_more_fields_than_can_be_read() {
        let data: serde_json::Map<String, Value> =
            (0..500).map(|index| (format!("k{index}"), json!("1"))).collect();
        let wish = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data});
        let own = data.keys().map(|key| (format!("f:{key}"), json!({}))).collect::<serde_json::Map<_, _>>();
        let live = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {}});
        let finding = ask_about(&wish, &json!({"f:data": own}), &live, &[], &IgnorePaths::default());
        assert_eq!(finding.fields.len(), MOST_FIELDS);
    }

    #[test]
    fn what_makes_an_object_invalid_is_taken_out_and_what_git_names_now_is_not() {
        let theirs =
            json!({"f:spec": {"f:strategy": {"f:rollingUpdate": {"f:maxSurge": {}}}, "f:paused": {}}});
        let entries =
            [entry("mooring", "Apply", "", &own_fields()), entry("kubectl-edit", "Update", "", &theirs)];
        let live = live(&entries, |live| {
            live["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 1}});
            live["spec"]["paused"] = json!(true);
        });
        let mut wish = deployment();
        wish["spec"]["paused"] = json!(false);
        let operations = removal(&live, &manifest(wish), &[]);
        let removed: Vec<&Value> = operations[1..].iter().map(|operation| &operation["path"]).collect();
        assert_eq!(removed, [&json!("/spec/strategy")]);
    }

    #[test]
    fn a_list_item_that_lost_its_place_is_compared_by_its_key() {
        let sidecar = json!({"name": "sidecar", "image": "s"});
        let entries = [entry("mooring", "Apply", "", &own_fields())];
        let finding = ask(&live(&entries, |live| {
            let containers = live.pointer_mut("/spec/template/spec/containers").unwrap();
            containers.as_array_mut().unwrap().insert(0, sidecar.clone());
        }));
        assert!(finding.fields.is_empty());
        let item = PathElement::Key(vec![("name".to_owned(), json!("main"))]);
        assert!(
            FieldSet::from_fields_v1(&own_fields())
                .unwrap()
                .reaches(&FieldPath::of_fields(["spec", "template", "spec", "containers"]).join(item))
        );
    }
}
