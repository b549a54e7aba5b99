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
        "rbac.authorization.k8s.io" => true,
        "storage.k8s.io" => kind.kind == "StorageClass",
        "networking.k8s.io" => matches!(kind.kind.as_str(), "NetworkPolicy" | "IngressClass"),
        "scheduling.k8s.io" | "admissionregistration.k8s.io" | "node.k8s.io" => true,
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
    let kind = live.get("kind").and_then(Value::as_str).unwrap_or_default();
    let group = live.get("apiVersion").and_then(Value::as_str).and_then(|text| text.split_once('/'));
    match (group.map_or("", |(group, _)| group), kind) {
        ("apps", "Deployment") => deployment(live),
        ("apps", "StatefulSet") => stateful_set(live),
        ("apps", "DaemonSet") => daemon_set(live),
        ("apps", "ReplicaSet") => replicas(live, "availableReplicas"),
        ("batch", "Job") => job(live),
        ("batch", "CronJob") => Health::Current,
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
        ("policy", "PodDisruptionBudget") => Health::Current,
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
    for (name, word) in [("updatedNumberScheduled", "updated"), ("numberAvailable", "available")] {
        if has(name) < wanted {
            return Health::InProgress(format!("{} of {wanted} pods {word}", has(name)));
        }
    }
    Health::Current
}

fn replicas(live: &Value, name: &str) -> Health {
    let has = number(live, &format!("/status/{name}"));
    let wanted = asked(live);
    if has < wanted { Health::InProgress(format!("{has} of {wanted} replicas")) } else { Health::Current }
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
        Some("Running") => waiting(live, "Ready"),
        phase => Health::InProgress(format!("phase {}", phase.unwrap_or("unknown"))),
    }
}

/// A claim that waits for its first consumer is as it should be: its binding comes with the pod.
fn claim(live: &Value) -> Health {
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some("Bound" | "Pending") => Health::Current,
        Some("Lost") => Health::Failed("its volume is lost".to_owned()),
        phase => Health::InProgress(format!("phase {}", phase.unwrap_or("unknown"))),
    }
}

fn service(live: &Value) -> Health {
    let balanced = live.pointer("/spec/type").is_some_and(|kind| kind == "LoadBalancer");
    let ingress = live.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
    if balanced && ingress.is_none_or(Vec::is_empty) {
        return Health::InProgress("its load balancer has no address yet".to_owned());
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
    if holds(live, "Stalled") {
        return Health::Failed(message(live, "Stalled"));
    }
    if holds(live, "Reconciling") {
        return waiting(live, "Reconciling");
    }
    match condition(live, "Ready").map(|condition| condition["status"].as_str().unwrap_or_default()) {
        Some("True") | None => Health::Current,
        Some(_) => waiting(live, "Ready"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        let balanced = json!({"type": "LoadBalancer"});
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
}
