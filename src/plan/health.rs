//! Whether an object has become what was asked for, by the rules of kstatus (sigs.k8s.io/cli-utils), generic for kinds
//! that it does not know.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::manifest::GroupKind;

/// An object's health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "message", rename_all = "camelCase")]
pub enum Health {
    /// It is as asked for.
    Current,
    /// It is on its way.
    InProgress(String),
    /// It will not get there by itself.
    Failed(String),
    /// It is being deleted.
    Terminating,
}

impl Health {
    /// Whether others may rely on it.
    pub fn is_current(&self) -> bool {
        *self == Self::Current
    }

    /// Changes the words, which are those of whoever wrote the object's status.
    pub fn map_message(self, change: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::InProgress(why) => Self::InProgress(change(&why)),
            Self::Failed(why) => Self::Failed(change(&why)),
            other => other,
        }
    }

    /// Whether it will not get there by itself.
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str("as asked for"),
            Self::InProgress(why) => write!(f, "on its way: {why}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Terminating => f.write_str("being deleted"),
        }
    }
}

/// `Current` for kinds that have no status to wait for; `None` for all others.
pub fn without_status(kind: &GroupKind) -> Option<Health> {
    let plain = match kind.group.as_str() {
        "" => matches!(
            kind.kind.as_str(),
            "ConfigMap" | "Secret" | "ServiceAccount" | "LimitRange" | "Endpoints"
        ),
        "storage.k8s.io" => kind.kind == "StorageClass",
        "networking.k8s.io" => matches!(kind.kind.as_str(), "NetworkPolicy" | "IngressClass"),
        "rbac.authorization.k8s.io"
        | "scheduling.k8s.io"
        | "admissionregistration.k8s.io"
        | "node.k8s.io" => true,
        _ => false,
    };
    plain.then_some(Health::Current)
}

fn number(live: &Value, pointer: &str) -> i64 {
    live.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn condition<'v>(live: &'v Value, kind: &str) -> Option<&'v Value> {
    let conditions = live.pointer("/status/conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| condition["type"] == kind)
}

fn holds(live: &Value, kind: &str) -> bool {
    condition(live, kind).is_some_and(|condition| condition["status"] == "True")
}

fn message(live: &Value, kind: &str) -> String {
    let text = |key: &str| {
        condition(live, kind)
            .and_then(|condition| condition.get(key))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    match (text("reason"), text("message")) {
        ("", message) => message.to_owned(),
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

/// The health of an object by what the API server says of it.
pub fn assess(live: &Value) -> Health {
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Health::Terminating;
    }
    let observed = live.pointer("/status/observedGeneration").and_then(Value::as_i64);
    if observed.is_some_and(|observed| observed < number(live, "/metadata/generation")) {
        return Health::InProgress("its controller has not seen the change yet".to_owned());
    }
    // What any controller may say of its objects, before the rules of their kinds.
    if holds(live, "Stalled") {
        return Health::Failed(message(live, "Stalled"));
    }
    if holds(live, "Reconciling") {
        return waiting(live, "Reconciling");
    }
    let kind = live.get("kind").and_then(Value::as_str).unwrap_or_default();
    let group = live.get("apiVersion").and_then(Value::as_str).and_then(|text| text.split_once('/'));
    match (group.map_or("", |(group, _)| group), kind) {
        ("apps", "Deployment") => deployment(live),
        ("apps", "StatefulSet") => stateful_set(live),
        ("apps", "DaemonSet") => daemon_set(live),
        ("apps", "ReplicaSet") => replica_set(live),
        ("batch", "Job") => job(live),
        ("", "Pod") => pod(live),
        ("", "PersistentVolumeClaim") => claim(live),
        ("", "Service") => service(live),
        ("", "Namespace") => phase(live, "Active"),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => crd(live),
        ("apiregistration.k8s.io", "APIService") => {
            if holds(live, "Available") {
                Health::Current
            } else {
                waiting(live, "Available")
            }
        }
        ("batch", "CronJob") | ("policy", "PodDisruptionBudget") => Health::Current,
        _ => generic(live),
    }
}

fn waiting(live: &Value, kind: &str) -> Health {
    let message = message(live, kind);
    Health::InProgress(if message.is_empty() { format!("not {kind} yet") } else { message })
}

fn phase(live: &Value, wanted: &str) -> Health {
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some(phase) if phase == wanted => Health::Current,
        phase => Health::InProgress(format!("phase {}", phase.unwrap_or("unknown"))),
    }
}

fn unseen(live: &Value) -> Option<Health> {
    let seen = live.pointer("/status/observedGeneration").is_some();
    (!seen).then(|| Health::InProgress("its controller has not seen it yet".to_owned()))
}

/// The replicas that were asked for: 1 where nothing is said.
fn asked(live: &Value) -> i64 {
    live.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn deployment(live: &Value) -> Health {
    if let Some(unseen) = unseen(live) {
        return unseen;
    }
    if condition(live, "Progressing")
        .is_some_and(|condition| condition["reason"] == "ProgressDeadlineExceeded")
    {
        return Health::Failed(message(live, "Progressing"));
    }
    let wanted = asked(live);
    let has = |name: &str| number(live, &format!("/status/{name}"));
    if has("updatedReplicas") < wanted {
        return Health::InProgress(format!("{} of {wanted} replicas updated", has("updatedReplicas")));
    }
    if has("replicas") > has("updatedReplicas") {
        return Health::InProgress(format!(
            "{} old replicas still run",
            has("replicas") - has("updatedReplicas")
        ));
    }
    if has("availableReplicas") < wanted {
        return Health::InProgress(format!("{} of {wanted} replicas available", has("availableReplicas")));
    }
    Health::Current
}

fn stateful_set(live: &Value) -> Health {
    if let Some(unseen) = unseen(live) {
        return unseen;
    }
    let wanted = asked(live);
    let has = |name: &str| number(live, &format!("/status/{name}"));
    if has("readyReplicas") < wanted {
        return Health::InProgress(format!("{} of {wanted} replicas ready", has("readyReplicas")));
    }
    // With OnDelete nothing is rolled out by the controller.
    if live.pointer("/spec/updateStrategy/type").is_some_and(|kind| kind == "OnDelete") {
        return Health::Current;
    }
    let partition = number(live, "/spec/updateStrategy/rollingUpdate/partition");
    if has("updatedReplicas") < wanted - partition {
        return Health::InProgress(format!(
            "{} of {} replicas updated",
            has("updatedReplicas"),
            wanted - partition
        ));
    }
    Health::Current
}

fn daemon_set(live: &Value) -> Health {
    if let Some(unseen) = unseen(live) {
        return unseen;
    }
    let has = |name: &str| number(live, &format!("/status/{name}"));
    let wanted = has("desiredNumberScheduled");
    // With OnDelete nothing is rolled out by the controller.
    let rolls = live.pointer("/spec/updateStrategy/type").is_none_or(|kind| kind != "OnDelete");
    for (name, word) in [("updatedNumberScheduled", "updated"), ("numberAvailable", "available")] {
        if has(name) < wanted && (rolls || word != "updated") {
            return Health::InProgress(format!("{} of {wanted} pods {word}", has(name)));
        }
    }
    Health::Current
}

fn replica_set(live: &Value) -> Health {
    if let Some(unseen) = unseen(live) {
        return unseen;
    }
    if holds(live, "ReplicaFailure") {
        return waiting(live, "ReplicaFailure");
    }
    let (has, wanted) = (number(live, "/status/availableReplicas"), asked(live));
    if has < wanted {
        return Health::InProgress(format!("{has} of {wanted} replicas available"));
    }
    Health::Current
}

fn job(live: &Value) -> Health {
    if holds(live, "Failed") {
        return Health::Failed(message(live, "Failed"));
    }
    if holds(live, "Complete") || live.pointer("/spec/suspend").is_some_and(|suspend| *suspend == true) {
        return Health::Current;
    }
    Health::InProgress(format!("{} pods active", number(live, "/status/active")))
}

fn pod(live: &Value) -> Health {
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some("Succeeded") => Health::Current,
        Some("Failed") => Health::Failed("its containers ended with an error".to_owned()),
        Some("Running") if holds(live, "Ready") => Health::Current,
        Some("Running") => match crashing(live) {
            Some(container) => Health::Failed(format!("container {container} crashes again and again")),
            None => waiting(live, "Ready"),
        },
        Some("Pending")
            if condition(live, "PodScheduled").is_some_and(|known| known["status"] == "False") =>
        {
            waiting(live, "PodScheduled")
        }
        phase => Health::InProgress(format!("phase {}", phase.unwrap_or("unknown"))),
    }
}

/// A container that the kubelet no longer starts at once, since it keeps ending.
fn crashing(live: &Value) -> Option<&str> {
    let statuses = live.pointer("/status/containerStatuses").and_then(Value::as_array)?;
    let crashes = |status: &&Value| {
        status.pointer("/state/waiting/reason").is_some_and(|reason| reason == "CrashLoopBackOff")
    };
    statuses.iter().find(crashes)?.get("name")?.as_str()
}

/// A claim that waits for its first consumer is as it should be: its binding comes with the pod.
fn claim(live: &Value) -> Health {
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some("Bound" | "Pending") => Health::Current,
        Some("Lost") => Health::Failed("its volume is lost".to_owned()),
        phase => Health::InProgress(format!("phase {}", phase.unwrap_or("unknown"))),
    }
}

/// A load balancer's address is not waited for: clusters without one never give it.
fn service(live: &Value) -> Health {
    let is =
        |pointer: &str, text: &str| live.pointer(pointer).and_then(Value::as_str).unwrap_or_default() == text;
    if is("/spec/type", "LoadBalancer") && is("/spec/clusterIP", "") {
        return Health::InProgress("it has no cluster address yet".to_owned());
    }
    Health::Current
}

fn crd(live: &Value) -> Health {
    let accepted = condition(live, "NamesAccepted");
    if accepted.is_some_and(|condition| condition["status"] == "False") {
        return Health::Failed(message(live, "NamesAccepted"));
    }
    if holds(live, "Established") { Health::Current } else { waiting(live, "Established") }
}

/// Kinds that kstatus does not know: by the conditions that most controllers set.
fn generic(live: &Value) -> Health {
    match condition(live, "Ready").map(|condition| condition["status"].as_str().unwrap_or_default()) {
        Some("True") | None => Health::Current,
        Some(_) => waiting(live, "Ready"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "the tests read better with `json!` alone")]
    fn object(kind: &str, version: &str, spec: Value, status: Value) -> Value {
        json!({"apiVersion": version, "kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status})
    }

    #[test]
    fn a_deployment_is_current_when_its_new_replicas_are_available() {
        let at = |status: Value| assess(&object("Deployment", "apps/v1", json!({"replicas": 2}), status));
        assert!(matches!(at(json!({})), Health::InProgress(_)));
        assert!(matches!(at(json!({"observedGeneration": 1})), Health::InProgress(_)));
        let counts = |updated, available, all| json!({"observedGeneration": 2, "updatedReplicas": updated, "availableReplicas": available, "replicas": all});
        assert!(matches!(at(counts(1, 2, 2)), Health::InProgress(_)));
        assert!(matches!(at(counts(2, 1, 2)), Health::InProgress(_)));
        assert!(matches!(at(counts(2, 2, 3)), Health::InProgress(_)));
        assert_eq!(at(counts(2, 2, 2)), Health::Current);
        let exceeded = json!({"observedGeneration": 2, "conditions": [{"type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded", "message": "too slow"}]});
        assert!(at(exceeded).is_failed());
    }

    #[test]
    fn a_deployment_of_no_replicas_is_current_once_it_was_seen() {
        let status = json!({"observedGeneration": 2});
        assert_eq!(assess(&object("Deployment", "apps/v1", json!({"replicas": 0}), status)), Health::Current);
    }

    #[test]
    fn jobs_claims_services_and_crds_follow_kstatus() {
        let ended = |kind: &str| json!({"conditions": [{"type": kind, "status": "True", "message": "m"}]});
        assert_eq!(assess(&object("Job", "batch/v1", json!({}), ended("Complete"))), Health::Current);
        assert!(assess(&object("Job", "batch/v1", json!({}), ended("Failed"))).is_failed());
        assert!(matches!(assess(&object("Job", "batch/v1", json!({}), json!({}))), Health::InProgress(_)));
        let pending = json!({"phase": "Pending"});
        assert_eq!(assess(&object("PersistentVolumeClaim", "v1", json!({}), pending)), Health::Current);
        let balanced = json!({"type": "LoadBalancer", "clusterIP": ""});
        assert!(matches!(assess(&object("Service", "v1", balanced, json!({}))), Health::InProgress(_)));
        let crd = "CustomResourceDefinition";
        assert!(matches!(
            assess(&object(crd, "apiextensions.k8s.io/v1", json!({}), json!({}))),
            Health::InProgress(_)
        ));
        let established = ended("Established");
        assert_eq!(assess(&object(crd, "apiextensions.k8s.io/v1", json!({}), established)), Health::Current);
    }

    #[test]
    fn unknown_kinds_go_by_their_conditions() {
        let at = |conditions: Value| {
            assess(&object("Widget", "x.y/v1", json!({}), json!({"conditions": conditions})))
        };
        assert_eq!(assess(&json!({"kind": "Widget", "metadata": {}})), Health::Current);
        assert_eq!(at(json!([{"type": "Ready", "status": "True"}])), Health::Current);
        assert!(matches!(at(json!([{"type": "Ready", "status": "False"}])), Health::InProgress(_)));
        assert!(at(json!([{"type": "Stalled", "status": "True"}])).is_failed());
    }

    #[test]
    fn a_load_balancer_s_address_is_not_waited_for() {
        let spec = json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"});
        assert_eq!(assess(&object("Service", "v1", spec, json!({}))), Health::Current);
    }

    #[test]
    fn a_stateful_set_waits_for_its_replicas_and_for_its_update_down_to_the_partition() {
        let at = |spec: Value, status: Value| assess(&object("StatefulSet", "apps/v1", spec, status));
        let status = |ready, updated| json!({"observedGeneration": 2, "readyReplicas": ready, "updatedReplicas": updated});
        let partition = |at| json!({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": at}}});
        assert!(matches!(at(json!({"replicas": 3}), json!({})), Health::InProgress(_)));
        assert!(matches!(at(json!({"replicas": 3}), status(2, 3)), Health::InProgress(_)));
        assert!(matches!(at(json!({"replicas": 3}), status(3, 2)), Health::InProgress(_)));
        assert!(matches!(at(partition(1), status(3, 1)), Health::InProgress(_)));
        assert_eq!(at(partition(1), status(3, 2)), Health::Current);
        let by_hand = json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}});
        assert_eq!(at(by_hand, status(3, 0)), Health::Current);
    }

    #[test]
    fn a_daemon_set_waits_for_all_its_nodes() {
        let at = |spec: Value, updated, available| {
            let status = json!({"observedGeneration": 2, "desiredNumberScheduled": 3,
                "updatedNumberScheduled": updated, "numberAvailable": available});
            assess(&object("DaemonSet", "apps/v1", spec, status))
        };
        assert!(matches!(at(json!({}), 2, 3), Health::InProgress(_)));
        assert!(matches!(at(json!({}), 3, 2), Health::InProgress(_)));
        assert_eq!(at(json!({}), 3, 3), Health::Current);
        assert_eq!(at(json!({"updateStrategy": {"type": "OnDelete"}}), 0, 3), Health::Current);
    }

    #[test]
    fn a_replica_set_says_why_it_cannot_make_pods() {
        let failure = json!({"observedGeneration": 2, "conditions": [{"type": "ReplicaFailure", "status": "True",
            "reason": "FailedCreate", "message": "exceeded quota"}]});
        let health = assess(&object("ReplicaSet", "apps/v1", json!({}), failure));
        assert_eq!(health, Health::InProgress("FailedCreate: exceeded quota".to_owned()));
        let ready = json!({"observedGeneration": 2, "availableReplicas": 1});
        assert_eq!(assess(&object("ReplicaSet", "apps/v1", json!({}), ready)), Health::Current);
    }

    #[test]
    fn a_pod_that_crashes_again_and_again_has_failed() {
        let pod = |status: Value| assess(&object("Pod", "v1", json!({}), status));
        let crashing = json!({"phase": "Running", "containerStatuses": [
            {"name": "fine", "state": {"running": {}}},
            {"name": "main", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]});
        assert_eq!(pod(crashing), Health::Failed("container main crashes again and again".to_owned()));
        let unscheduled = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "no nodes"}]});
        assert_eq!(pod(unscheduled), Health::InProgress("Unschedulable: no nodes".to_owned()));
        let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        assert_eq!(pod(ready), Health::Current);
        assert_eq!(pod(json!({"phase": "Succeeded"})), Health::Current);
        assert!(pod(json!({"phase": "Failed"})).is_failed());
    }

    #[test]
    fn what_is_being_deleted_is_never_current() {
        let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}});
        assert_eq!(assess(&map), Health::Current);
        map["metadata"]["deletionTimestamp"] = json!("2026-11-23T10:00:00Z");
        assert_eq!(assess(&map), Health::Terminating);
    }

    #[test]
    fn a_controller_that_says_stalled_or_reconciling_is_believed_whatever_the_kind() {
        let with =
            |kind: &str| json!({"observedGeneration": 2, "conditions": [{"type": kind, "status": "True"}]});
        let scaled = json!({"replicas": 0});
        assert!(assess(&object("Deployment", "apps/v1", scaled.clone(), with("Stalled"))).is_failed());
        let reconciling = assess(&object("Deployment", "apps/v1", scaled, with("Reconciling")));
        assert!(matches!(reconciling, Health::InProgress(_)));
    }

    #[test]
    fn malformed_statuses_are_waited_for_and_never_a_panic() {
        for value in [json!(null), json!([]), json!({"status": 5}), json!({"kind": 5, "metadata": "x"})] {
            let _ = assess(&value);
        }
        let odd = object("Deployment", "apps/v1", json!("x"), json!({"conditions": {"type": 1}}));
        assert!(matches!(assess(&odd), Health::InProgress(_)));
    }
}
