//! Rendered files into manifests and hooks, in Helm's order (pkg/release/v1/util).

use std::collections::BTreeMap;

use super::decode::{Decoder, Place, decode, decode_fields};
use super::go::quote::quote;
use super::template::HelmVersion;
use super::warnings::{Level, Warnings};
use super::yaml::{Node, YamlLimits};

/// The order in which kinds are installed; kinds that are not here come last, by name. Helm 3 does not know the last two.
const INSTALL_ORDER: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is Helm's own word")]
pub enum HookEvent {
    PreInstall,
    PostInstall,
    PreDelete,
    PostDelete,
    PreUpgrade,
    PostUpgrade,
    PreRollback,
    PostRollback,
    Test,
}

impl HookEvent {
    /// Helm's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreInstall => "pre-install",
            Self::PostInstall => "post-install",
            Self::PreDelete => "pre-delete",
            Self::PostDelete => "post-delete",
            Self::PreUpgrade => "pre-upgrade",
            Self::PostUpgrade => "post-upgrade",
            Self::PreRollback => "pre-rollback",
            Self::PostRollback => "post-rollback",
            Self::Test => "test",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "pre-install" => Self::PreInstall,
            "post-install" => Self::PostInstall,
            "pre-delete" => Self::PreDelete,
            "post-delete" => Self::PostDelete,
            "pre-upgrade" => Self::PreUpgrade,
            "post-upgrade" => Self::PostUpgrade,
            "pre-rollback" => Self::PreRollback,
            "post-rollback" => Self::PostRollback,
            "test" | "test-success" => Self::Test,
            _ => return None,
        })
    }
}

/// What an object's annotations say of it as a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// When it runs.
    pub events: Vec<HookEvent>,
    /// The order among hooks of one event, lowest first.
    pub weight: i64,
    /// When it is deleted: `before-hook-creation`, `hook-succeeded`, `hook-failed`.
    pub delete_policies: Vec<String>,
}

impl Hook {
    /// Whether it is a test, which `--skip-tests` leaves out.
    pub fn is_test(&self) -> bool {
        self.events.contains(&HookEvent::Test)
    }
}

/// One document of a rendered file.
#[derive(Clone, Debug)]
pub(super) struct Document<'t> {
    /// Where it begins in the file.
    pub(super) start: usize,
    pub(super) text: &'t str,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) node: Option<Node>,
    pub(super) hook: Option<Hook>,
}

/// The documents of a file by Helm's own rule, with where they begin; empty ones are left out.
pub(super) fn split(file: &str, helm: HelmVersion) -> Vec<(usize, &str)> {
    match helm {
        HelmVersion::Helm4 => split_lines(file),
        HelmVersion::Helm3 => split_blanks(file),
    }
}

/// Helm 3's rule: a separator is `---` at the start of the file, or behind an end of line, with all blanks around it. So
/// a separator right behind another one is none: the end of line in front of it belongs to the first.
fn split_blanks(file: &str) -> Vec<(usize, &str)> {
    const BLANKS: [char; 5] = [' ', '\t', '\n', '\r', '\u{c}'];
    let base = file.len() - file.trim_start().len();
    let text = file.trim();
    let mut documents = Vec::new();
    let mut push = |from: usize, to: usize| {
        if from < to {
            let piece = &text[from..to];
            documents.push((base + to - piece.trim_start().len(), piece.trim()));
        }
    };
    let behind = |at: usize| text.len() - text[at..].trim_start_matches(BLANKS).len();
    let mut start = if text.starts_with("---") { behind(3) } else { 0 };
    while let Some(found) = text[start..].find("\n---") {
        let end = start + text[start..start + found].trim_end_matches(BLANKS).len();
        push(start, end);
        start = behind(start + found + 4);
    }
    push(start, text.len());
    documents
}

/// Helm 4's rule: wherever a line begins with `---`.
fn split_lines(file: &str) -> Vec<(usize, &str)> {
    let base = file.len() - file.trim_start().len();
    let text = &file[base..];
    let mut documents = Vec::new();
    let mut start = 0;
    let mut push = |from: usize, to: usize| {
        let piece = &text[from..to];
        let trimmed = piece.trim_start();
        if !trimmed.is_empty() {
            documents.push((base + to - trimmed.len(), trimmed));
        }
    };
    let mut line = 0;
    loop {
        if let Some(rest) = text[line..].strip_prefix("---") {
            push(start, line);
            start = text.len() - rest.trim_start_matches([' ', '\t']).len();
        }
        match memchr::memchr(b'\n', &text.as_bytes()[line..]) {
            Some(end) => line += end + 1,
            None => break,
        }
    }
    push(start, text.len());
    documents
}

/// Reads the heads of a file's documents, and keeps all of them where `nodes` are wanted. Hooks of a kind that Helm does not
/// know are left out, as Helm does. The error is what YAML or Go's JSON decoder says.
pub(super) fn documents<'t>(
    file: &'t str,
    nodes: bool,
    warnings: &mut Warnings,
) -> Result<Vec<Document<'t>>, String> {
    let helm = warnings.helm();
    let mut documents = Vec::new();
    for (start, text) in split(file, helm) {
        let mut head = Head::default();
        let limits = YamlLimits::default();
        let read = |decoder: &mut Decoder, node: &Node| head.read(decoder, node, helm);
        let node = if nodes {
            Some(decode(text, &limits, read)?.1)
        } else {
            decode_fields(text, &limits, Head::has, read)?;
            None
        };
        let hook = match head.annotations.get("helm.sh/hook") {
            None => None,
            Some(words) => {
                let events: Option<Vec<_>> =
                    words.split(',').map(|event| HookEvent::parse(&event.trim().to_lowercase())).collect();
                let Some(events) = events else {
                    warnings.log(
                        Level::Info,
                        "skipping unknown hooks",
                        &[("hookTypes", words)],
                        "manifest_sorter.go:199",
                        &format!("info: skipping unknown hook: {}", quote(words)),
                    );
                    continue;
                };
                Some(Hook {
                    events,
                    weight: head
                        .annotations
                        .get("helm.sh/hook-weight")
                        .and_then(|weight| weight.parse().ok())
                        .unwrap_or(0),
                    delete_policies: head
                        .annotations
                        .get("helm.sh/hook-delete-policy")
                        .map_or_else(Vec::new, |policies| {
                            policies.split(',').map(|policy| policy.trim().to_lowercase()).collect()
                        }),
                })
            }
        };
        documents.push(Document { start, text, kind: head.kind, name: head.name, node, hook });
    }
    Ok(documents)
}

/// What Helm reads of a manifest.
#[derive(Default)]
struct Head {
    api_version: String,
    kind: String,
    name: String,
    annotations: BTreeMap<String, String>,
}

impl Head {
    /// Whether a field of this name is read.
    fn has(name: &str) -> bool {
        matches!(name.to_lowercase().as_str(), "apiversion" | "kind" | "metadata")
    }

    fn read(&mut self, decoder: &mut Decoder, node: &Node, helm: HelmVersion) {
        /// Go's name of the struct without a name.
        const METADATA: &str = "struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string \
                                \"json:\\\"annotations\\\"\" }";
        let root = Place::root();
        let wanted = match helm {
            HelmVersion::Helm4 => "util.SimpleHead",
            HelmVersion::Helm3 => "releaseutil.SimpleHead",
        };
        decoder.object(node, &root, wanted, |decoder, name, value| match name {
            "apiversion" => {
                decoder.text(value, &root.field("SimpleHead", "apiVersion"), &mut self.api_version);
            }
            "kind" => decoder.text(value, &root.field("SimpleHead", "kind"), &mut self.kind),
            "metadata" => {
                let place = root.field("SimpleHead", "metadata");
                decoder.object(value, &place, METADATA, |decoder, name, value| match name {
                    "name" => decoder.text(value, &place.field("", "name"), &mut self.name),
                    "annotations" => {
                        self.annotations =
                            decoder.text_map(value, &place.field("", "annotations")).unwrap_or_default();
                    }
                    _ => {}
                });
            }
            _ => {}
        });
    }
}

/// Sorts by Helm's order of installation; what is equal in it keeps its order.
pub(super) fn by_kind<T>(items: &mut [T], helm: HelmVersion, kind: impl Fn(&T) -> &str) {
    let order = match helm {
        HelmVersion::Helm4 => &INSTALL_ORDER[..],
        HelmVersion::Helm3 => &INSTALL_ORDER[..36],
    };
    let rank = |kind: &str| order.iter().position(|known| *known == kind).unwrap_or(order.len());
    items.sort_by(|left, right| {
        let (left, right) = (kind(left), kind(right));
        let (left_rank, right_rank) = (rank(left), rank(right));
        left_rank
            .cmp(&right_rank)
            .then_with(|| if left_rank == order.len() { left.cmp(right) } else { std::cmp::Ordering::Equal })
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_split_wherever_a_line_begins_with_dashes() {
        let file = "\n# lead\n---\na: 1\n---   \n\n---b: 2\nc: --- \n----\nd: 3";
        let found = split(file, HelmVersion::Helm4);
        let texts: Vec<&str> = found.iter().map(|(_, text)| *text).collect();
        assert_eq!(texts, ["# lead\n", "a: 1\n", "b: 2\nc: --- \n", "-\nd: 3"]);
        for (start, text) in found {
            assert!(file[start..].starts_with(text));
        }
    }

    #[test]
    fn helm_3_takes_the_blanks_around_a_separator_and_none_right_behind_another() {
        let file = "\n# lead\n\n---\n---\na: 1\n  ---   \nb: 2 \n\n---b: 2\n";
        let found = split(file, HelmVersion::Helm3);
        let texts: Vec<&str> = found.iter().map(|(_, text)| *text).collect();
        assert_eq!(texts, ["# lead", "---\na: 1\n  ---   \nb: 2", "b: 2"]);
        for (start, text) in found {
            assert!(file[start..].starts_with(text));
        }
    }

    #[test]
    fn hooks_are_known_by_their_annotation() {
        let file = "kind: Job\nmetadata:\n  name: a\n  annotations:\n    helm.sh/hook: Pre-Install, test\n    \
                    helm.sh/hook-weight: \"-5\"\n---\nkind: Pod\nmetadata:\n  annotations: {helm.sh/hook: crd-install}\n\
                    ---\nkind: Service\n";
        let mut warnings = Warnings::default();
        let documents = documents(file, false, &mut warnings).unwrap();
        assert_eq!(warnings.lines(), ["level=INFO msg=\"skipping unknown hooks\" hookTypes=crd-install"]);
        assert_eq!(documents.len(), 2);
        let hook = documents[0].hook.as_ref().unwrap();
        assert_eq!(hook.events, [HookEvent::PreInstall, HookEvent::Test]);
        assert_eq!(hook.weight, -5);
        assert!(hook.is_test());
        assert_eq!((documents[1].kind.as_str(), documents[1].hook.is_none()), ("Service", true));
    }

    #[test]
    fn a_head_that_does_not_fit_is_said_in_gos_words() {
        let error =
            documents("metadata: {annotations: {a: [b]}}", false, &mut Warnings::default()).unwrap_err();
        assert_eq!(
            error,
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go struct field \
             .metadata.annotations of type string"
        );
        let error = documents("metadata: foo", false, &mut Warnings::default()).unwrap_err();
        assert!(error.ends_with(
            "of type struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string \"json:\\\"annotations\\\"\" }"
        ));
    }

    #[test]
    fn kinds_are_sorted_as_helm_installs_them() {
        let mut kinds = vec!["Zebra", "Deployment", "Service", "Apple", "Namespace", ""];
        by_kind(&mut kinds, HelmVersion::Helm4, |kind| kind);
        assert_eq!(kinds, ["Namespace", "Service", "Deployment", "", "Apple", "Zebra"]);
    }
}
