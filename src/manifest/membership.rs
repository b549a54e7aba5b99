//! How an object shows whose it is: labels that kubectl can list by, and annotations that people set.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::Digest as _;

use super::{FieldPath, PathElement};

/// The label that names the ApplySet of an object (KEP-3659).
pub const PART_OF: &str = "applyset.kubernetes.io/part-of";
/// The label that names the component of an object.
pub const COMPONENT: &str = "mooring.dev/component";
/// The annotation by which a person keeps the agent's hands off an object; its value is the reason.
pub const HOLD: &str = "mooring.dev/hold";
/// Our field manager.
pub const MANAGER: &str = "mooring";

/// Whether a field is one of the labels that make an object a member of an environment: no file of the repository
/// wrote it.
pub fn is_membership(path: &FieldPath) -> bool {
    let [PathElement::Field(metadata), PathElement::Field(labels), PathElement::Field(label)] = &path.0[..]
    else {
        return false;
    };
    metadata == "metadata" && labels == "labels" && [PART_OF, COMPONENT].contains(&label.as_str())
}

/// The id of the ApplySet whose parent is the Environment of that name (KEP-3659: the parent's name, namespace, kind and
/// group, hashed).
pub fn apply_set_id(environment: &str) -> String {
    let hash = sha2::Sha256::digest(format!("{environment}..Environment.mooring.dev"));
    format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_of_membership_are_told_from_others() {
        let label = |name: &str| {
            FieldPath(["metadata", "labels", name].map(|part| PathElement::Field(part.into())).to_vec())
        };
        assert!(is_membership(&label(PART_OF)) && is_membership(&label(COMPONENT)));
        assert!(!is_membership(&label("app")));
    }

    #[test]
    fn an_apply_set_s_id_is_the_one_that_kubectl_computes() {
        let id = apply_set_id("local");
        // printf 'local..Environment.mooring.dev' | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '='
        assert_eq!(id, "applyset-Ywbrj2T0d6-9IkGUu0vItrfC7eNJKGaFIdGcfS_DWe0-v1");
        assert!(id.len() <= 63, "a label's value");
        assert_ne!(id, apply_set_id("prod"));
    }
}
