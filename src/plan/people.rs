//! Whose hand it was: ours, people's tools, controllers, autoscalers.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::manifest::{MANAGER, ManagedEntry, Operation};

/// Field managers by which people write, through a tool. What they add to our objects is drift; what controllers and
/// webhooks add is theirs.
const PEOPLE: [&str; 11] = [
    "kubectl",
    "helm",
    "k9s",
    "oc",
    "lens",
    "openlens",
    "freelens",
    "headlamp",
    "octant",
    "dashboard",
    "kubernetes-dashboard",
];

/// Browsers and scripts, by the first word of their user agents, which the API server takes for a field manager. Lens and
/// its forks are Electron programs that talk through node.
const SCRIPTS: [&str; 6] =
    ["curl", "mozilla", "node-fetch", "python-requests", "openapi-generator", "okhttp"];

/// Whether a person stands behind this field manager.
pub fn is_person(manager: &str) -> bool {
    let name = manager.to_ascii_lowercase();
    // Flux's helm-controller is no person, though its name begins like one's tool.
    if name.ends_with("-controller") || name.ends_with("-operator") {
        return false;
    }
    let first = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
    let is =
        |tool: &&str| first == *tool || first.strip_prefix(*tool).is_some_and(|rest| rest.starts_with('-'));
    PEOPLE.iter().any(&is) || SCRIPTS.iter().any(is)
}

/// Whether an autoscaler wrote through this entry: the HorizontalPodAutoscaler's controller scales through the `scale`
/// subresource, others go by their names.
pub fn is_autoscaler(manager: &str, subresource: Option<&str>) -> bool {
    (manager == "kube-controller-manager" && subresource == Some("scale"))
        || ["horizontal-pod-autoscaler", "keda", "vpa-", "cluster-proportional-autoscaler"]
            .iter()
            .any(|name| manager.starts_with(name))
}

/// Whether an entry is what we applied.
pub(super) fn is_own(entry: &ManagedEntry) -> bool {
    entry.manager == MANAGER && entry.operation == Operation::Apply && entry.subresource.is_none()
}

/// Whether an entry was written by a person's hand: through a tool, or as a plain write under our own name, which is
/// never ours. What goes through a subresource (`scale`, `status`) is an operation on the object and adds nothing to it.
pub(super) fn by_hand(entry: &ManagedEntry) -> bool {
    let borrowed = entry.manager == MANAGER && entry.operation == Operation::Update;
    entry.subresource.is_none() && (borrowed || is_person(&entry.manager))
}

/// Who changed a field, as far as the API server remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// The field manager: `kubectl-edit`.
    pub manager: String,
    /// Whether it applied or updated.
    pub operation: Operation,
    /// The subresource that it wrote through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// When, to the second. `kubectl scale` leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
}

impl Actor {
    /// The writer of an entry of managedFields.
    pub fn of(entry: &ManagedEntry) -> Self {
        Self {
            manager: entry.manager.clone(),
            operation: entry.operation,
            subresource: entry.subresource.clone(),
            time: entry.time,
        }
    }
}

impl fmt::Display for Actor {
    /// `kubectl-edit`, or `kubectl (scale)` where it wrote through a subresource.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.manager)?;
        self.subresource.iter().try_for_each(|subresource| write!(f, " ({subresource})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(manager: &str, operation: Operation, subresource: Option<&str>) -> ManagedEntry {
        ManagedEntry {
            manager: manager.to_owned(),
            operation,
            subresource: subresource.map(ToOwned::to_owned),
            time: None,
            fields_v1: json!({}),
        }
    }

    #[test]
    fn people_are_told_from_controllers() {
        let people = [
            "kubectl",
            "kubectl-edit",
            "kubectl-client-side-apply",
            "helm",
            "k9s",
            "oc",
            "Mozilla",
            "node-fetch",
            "Lens",
        ];
        for person in people {
            assert!(is_person(person), "{person}");
        }
        let others = [
            "kube-controller-manager",
            "helm-controller",
            "argocd-controller",
            "kubectlx",
            "octavia",
            "cert-manager",
            "mooring",
            "mooring-once",
            "",
        ];
        for other in others {
            assert!(!is_person(other), "{other}");
        }
    }

    #[test]
    fn a_plain_write_under_our_own_name_is_a_person_s() {
        assert!(by_hand(&entry(MANAGER, Operation::Update, None)));
        assert!(!by_hand(&entry(MANAGER, Operation::Apply, None)));
        assert!(by_hand(&entry("kubectl", Operation::Apply, None)), "kubectl apply --server-side");
        assert!(!by_hand(&entry("kubectl", Operation::Update, Some("status"))));
        assert!(!is_own(&entry(MANAGER, Operation::Apply, Some("status"))));
        assert!(!is_own(&entry("mooring-once", Operation::Apply, None)));
    }

    #[test]
    fn the_scale_subresource_tells_the_autoscaler_from_other_controllers() {
        assert!(is_autoscaler("kube-controller-manager", Some("scale")));
        assert!(is_autoscaler("keda-operator", None));
        assert!(!is_autoscaler("kube-controller-manager", Some("status")));
        assert!(!is_autoscaler("kubectl", Some("scale")));
    }

    #[test]
    fn an_actor_reads_with_the_subresource_that_it_wrote_through() {
        assert_eq!(
            Actor::of(&entry("kubectl", Operation::Update, Some("scale"))).to_string(),
            "kubectl (scale)"
        );
        assert_eq!(Actor::of(&entry("kubectl-edit", Operation::Update, None)).to_string(), "kubectl-edit");
    }
}
