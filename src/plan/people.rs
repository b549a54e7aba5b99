//! Whose hand it was: people's tools, controllers, autoscalers.

/// Field managers by which people write, through a tool. What they add to our objects is drift; what controllers and
/// webhooks add is theirs.
const PEOPLE: [&str; 9] =
    ["kubectl", "helm", "k9s", "lens", "openlens", "freelens", "headlamp", "octant", "dashboard"];

/// Browsers and scripts, by the first word of their user agents, which the API server takes for a field manager.
const SCRIPTS: [&str; 6] =
    ["curl", "mozilla", "node-fetch", "python-requests", "openapi-generator", "okhttp"];

/// Whether a person stands behind this field manager.
pub fn is_person(manager: &str) -> bool {
    let name = manager.to_ascii_lowercase();
    // Flux's helm-controller is no person, though its name begins like one's tool.
    if name.ends_with("-controller") {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_from_controllers() {
        for person in
            ["kubectl", "kubectl-edit", "kubectl-client-side-apply", "helm", "k9s", "Mozilla", "node-fetch"]
        {
            assert!(is_person(person), "{person}");
        }
        for other in
            ["kube-controller-manager", "helm-controller", "argocd-controller", "mooring", "kubectlx"]
        {
            assert_eq!(is_person(other), other == "{other}");
        }
    }

    #[test]
    fn the_scale_subresource_tells_the_autoscaler_from_other_controllers() {
        assert!(is_autoscaler("kube-controller-manager", Some("scale")));
        assert!(!is_autoscaler("kube-controller-manager", Some("status")));
        assert!(!is_autoscaler("kubectl", Some("scale")));
    }
}
