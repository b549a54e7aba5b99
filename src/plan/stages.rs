//! The order of things inside a component, and the kinds that hold data.

use crate::manifest::GroupKind;

/// The number of stages.
pub(super) const STAGES: usize = 4;

/// In which stage of its component an object is applied: what others need first. Deleted in the reverse order.
pub(super) fn stage_of(kind: &GroupKind) -> usize {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => 0,
        (
            "",
            "ConfigMap"
            | "Secret"
            | "ServiceAccount"
            | "PersistentVolumeClaim"
            | "PersistentVolume"
            | "LimitRange"
            | "ResourceQuota"
            | "Service",
        )
        | (
            "rbac.authorization.k8s.io" | "storage.k8s.io" | "scheduling.k8s.io" | "node.k8s.io" | "policy",
            _,
        )
        | ("networking.k8s.io", "NetworkPolicy" | "IngressClass") => 1,
        // What can stop the API server's work when it points to nothing comes last.
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => 3,
        _ => 2,
    }
}

/// Kinds that are never deleted by themselves: data goes with them.
pub(super) fn is_precious(kind: &GroupKind) -> bool {
    matches!(
        (kind.group.as_str(), kind.kind.as_str()),
        ("", "Namespace" | "PersistentVolumeClaim" | "PersistentVolume")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_comes_first_and_what_can_stop_the_server_last() {
        let stage = |group: &str, kind: &str| stage_of(&GroupKind::new(group, kind));
        let order = [
            stage("apiextensions.k8s.io", "CustomResourceDefinition"),
            stage("rbac.authorization.k8s.io", "Role"),
            stage("apps", "Deployment"),
            stage("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ];
        assert_eq!(order, [0, 1, 2, 3]);
        assert_eq!(stage("", "Namespace"), 0);
        assert_eq!(stage("", "ServiceAccount"), stage("", "Secret"));
        assert_eq!(stage("example.org", "Widget"), stage("batch", "Job"));
        assert!(order.iter().all(|stage| *stage < STAGES));
    }
}
