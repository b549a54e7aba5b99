//! Why the pods of a workload do not come up: a Deployment says only how many of them lack.

use serde_json::Value;

use crate::manifest::GroupKind;

/// The longest text of somebody else's that is repeated, in bytes.
const LONGEST: usize = 300;

/// Whether objects of the kind make pods and name them by `spec.selector`.
pub fn makes_pods(kind: &GroupKind) -> bool {
    match kind.group.as_str() {
        "apps" => matches!(kind.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet"),
        "batch" => kind.kind == "Job",
        _ => false,
    }
}

/// The label selector of a workload's pods, as a query writes it; `None` where it has none, or one with expressions.
pub fn selector(workload: &Value) -> Option<String> {
    let selector = workload.pointer("/spec/selector")?.as_object()?;
    if selector.keys().any(|key| key != "matchLabels") {
        return None;
    }
    let labels = selector.get("matchLabels")?.as_object()?;
    let pairs: Option<Vec<String>> =
        labels.iter().map(|(name, value)| Some(format!("{name}={}", value.as_str()?))).collect();
    pairs.filter(|pairs| !pairs.is_empty()).map(|pairs| pairs.join(","))
}

/// What keeps a pod from being ready, in words, by what scheduler and kubelet say of it; `None` while it is only on its way.
pub fn trouble(pod: &Value) -> Option<String> {
    let name = text(pod, "/metadata/name");
    let said = unschedulable(pod).or_else(|| ended(pod)).or_else(|| statuses(pod).find_map(waiting))?;
    Some(format!("pod {name}: {said}"))
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

fn unschedulable(pod: &Value) -> Option<String> {
    let conditions = pod.pointer("/status/conditions")?.as_array()?;
    let scheduled = conditions.iter().find(|condition| condition["type"] == "PodScheduled")?;
    (scheduled["status"] == "False")
        .then(|| format!("cannot be scheduled: {}", bounded(text(scheduled, "/message"))))
}

/// Evicted, or out of its deadline: the pod as a whole.
fn ended(pod: &Value) -> Option<String> {
    let reason = text(pod, "/status/reason");
    (text(pod, "/status/phase") == "Failed" && !reason.is_empty())
        .then(|| format!("{reason}: {}", bounded(text(pod, "/status/message"))))
}

fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    ["/status/initContainerStatuses", "/status/containerStatuses"]
        .into_iter()
        .filter_map(|pointer| pod.pointer(pointer)?.as_array())
        .flatten()
}

/// A container that waits for something that will not come by itself.
fn waiting(status: &Value) -> Option<String> {
    let name = text(status, "/name");
    let reason = text(status, "/state/waiting/reason");
    let (reason, message) = match reason {
        "" if status.pointer("/state/terminated/exitCode").is_some_and(|code| code != 0) => {
            ("ended", end_of(status, "/state/terminated"))
        }
        "" | "ContainerCreating" | "PodInitializing" => return None,
        // The message says only how long the pause is.
        "CrashLoopBackOff" => (reason, end_of(status, "/lastState/terminated")),
        _ => (reason, bounded(text(status, "/state/waiting/message")).to_owned()),
    };
    let message = if message.is_empty() { message } else { format!(": {message}") };
    Some(format!("container {name}: {reason}{message}"))
}

/// How a container ended: its exit code, and the reason if it is more than `Error`.
fn end_of(status: &Value, pointer: &str) -> String {
    let Some(end) = status.pointer(pointer) else { return String::new() };
    let code = end.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
    match text(end, "/reason") {
        "" | "Error" => format!("it ended with exit code {code}"),
        reason => format!("it ended with exit code {code}, {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: Value) -> Value {
        json!({"metadata": {"name": "web-1"}, "status": status})
    }

    fn container(state: Value, last: Value) -> Value {
        pod(
            json!({"phase": "Pending", "containerStatuses": [{"name": "web", "state": state, "lastState": last}]}),
        )
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_named() {
        let pod = container(
            json!({"waiting": {"reason": "ErrImagePull", "message": "registry.example/web:2: not found"}}),
            json!({}),
        );
        let said = trouble(&pod).unwrap();
        assert_eq!(said, "pod web-1: container web: ErrImagePull: registry.example/web:2: not found");
    }

    #[test]
    fn a_crashing_container_is_told_with_how_it_ended() {
        let waits = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}});
        let killed =
            container(waits.clone(), json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}));
        let said = trouble(&killed).unwrap();
        assert_eq!(
            said,
            "pod web-1: container web: CrashLoopBackOff: it ended with exit code 137, OOMKilled"
        );
        let failed = container(waits, json!({"terminated": {"exitCode": 1, "reason": "Error"}}));
        assert!(trouble(&failed).unwrap().ends_with("it ended with exit code 1"));
    }

    #[test]
    fn a_pod_that_finds_no_node_says_why() {
        let pod = pod(json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: Insufficient memory"},
        ]}));
        assert_eq!(trouble(&pod).unwrap(), "pod web-1: cannot be scheduled: 0/1 nodes: Insufficient memory");
    }

    #[test]
    fn an_evicted_pod_says_so() {
        let pod = pod(json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}));
        assert_eq!(trouble(&pod).unwrap(), "pod web-1: Evicted: low on memory");
    }

    #[test]
    fn a_pod_on_its_way_is_no_trouble() {
        for reason in ["ContainerCreating", "PodInitializing"] {
            assert_eq!(trouble(&container(json!({"waiting": {"reason": reason}}), json!({}))), None);
        }
        assert_eq!(trouble(&container(json!({"running": {}}), json!({"terminated": {"exitCode": 1}}))), None);
        assert_eq!(trouble(&container(json!({"terminated": {"exitCode": 0}}), json!({}))), None);
        assert_eq!(trouble(&pod(json!({}))), None);
    }

    #[test]
    fn what_a_registry_says_is_cut() {
        let said = "x".repeat(10_000);
        let pod = container(json!({"waiting": {"reason": "ErrImagePull", "message": said}}), json!({}));
        assert!(trouble(&pod).unwrap().len() < 400);
    }

    #[test]
    fn a_selector_is_written_as_a_query_wants_it() {
        let of = |selector: Value| super::selector(&json!({"spec": {"selector": selector}}));
        assert_eq!(
            of(json!({"matchLabels": {"app": "web", "tier": "front"}})).as_deref(),
            Some("app=web,tier=front")
        );
        assert_eq!(of(json!({"matchLabels": {}})), None);
        let expressions =
            json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]});
        assert_eq!(of(expressions), None);
    }
}
