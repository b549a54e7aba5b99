//! What the API server, or the way to it, can answer instead of what was asked for.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

/// One cause inside a conflict: which manager holds which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `FieldManagerConflict` for a field that another manager owns.
    pub reason: String,
    /// The server's words, with the manager's name in quotes.
    pub message: String,
    /// The field, in the server's path form: `.spec.replicas`.
    pub field: String,
}

impl Cause {
    /// The manager that the server names: `conflict with "kubectl" using apps/v1`.
    pub fn manager(&self) -> Option<&str> {
        self.message.split('"').nth(1)
    }
}

/// Why a request to the API server did not succeed. Texts say what was tried.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// No cluster, or no usable configuration for it.
    #[error("cannot connect to a cluster: {reason}")]
    Configuration {
        /// What is wrong with the configuration.
        reason: String,
    },
    /// No connection, or it broke.
    #[error(
        "{what}: cannot reach the API server at {server}: {reason}; is it running, and is the address right?"
    )]
    Unreachable {
        /// What was tried.
        what: String,
        /// The server's URL.
        server: String,
        /// The error underneath.
        reason: String,
    },
    /// No answer in time.
    #[error("{what}: no answer from the API server within {} ms", after.as_millis())]
    Timeout {
        /// What was tried.
        what: String,
        /// The limit.
        after: Duration,
    },
    /// 404.
    #[error("{what}: not found: {message}")]
    NotFound {
        /// What was tried.
        what: String,
        /// The server's words.
        message: String,
    },
    /// 409 at a creation.
    #[error("{what}: it exists already")]
    AlreadyExists {
        /// What was tried.
        what: String,
    },
    /// 409: another manager owns a field, or the object moved on since it was read.
    #[error("{what}: conflict: {message}")]
    Conflict {
        /// What was tried.
        what: String,
        /// The server's words.
        message: String,
        /// Each conflicting field.
        causes: Vec<Cause>,
    },
    /// 401 or 403.
    #[error("{what}: not allowed: {message}{}", rule_to_add(message))]
    Forbidden {
        /// What was tried.
        what: String,
        /// The server's words.
        message: String,
    },
    /// 410: a watch or a continue token that is too old.
    #[error("{what}: the state asked for is too old")]
    Gone {
        /// What was tried.
        what: String,
    },
    /// 400, 422 and the like: the same request will never succeed.
    #[error("{what}: the API server refuses it: {message}")]
    Rejected {
        /// What was tried.
        what: String,
        /// The HTTP status.
        code: u16,
        /// The server's reason, `Invalid` for example.
        reason: String,
        /// The server's words.
        message: String,
    },
    /// 429 and 5xx.
    #[error("{what}: the API server answers {code}: {message}")]
    Server {
        /// What was tried.
        what: String,
        /// The HTTP status.
        code: u16,
        /// The server's words.
        message: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// An answer that is not what the API promises.
    #[error("{what}: the API server's answer cannot be understood: {reason}")]
    Malformed {
        /// What was tried.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The lease is not held any more, so nothing may be written.
    #[error("{what}: not done, since the lease is no longer held; another agent may write now")]
    LeaseLost {
        /// What was not done.
        what: String,
    },
}

impl ApiError {
    /// Whether the same request may succeed in a moment.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. } | Self::Server { .. })
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Server { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the object, or its kind, is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether the server says that an immutable field would change: the object can only be replaced.
    pub fn is_immutable(&self) -> bool {
        match self {
            Self::Rejected { code: 422, message, .. } => {
                message.contains("field is immutable")
                    || message.contains("updates to statefulset spec for fields other than")
                    || message.contains("may not change once set")
                    || message.contains("cannot change roleRef")
                    || message.contains("Forbidden: updates to")
            }
            _ => false,
        }
    }

    /// Whether the object moved on since it was read: a conflict, or a JSON Patch whose `test` of the resource version failed,
    /// which the server answers with 422 and no details.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Conflict { .. } => true,
            Self::Rejected { code: 422, message, .. } => message.contains("the server rejected our request"),
            _ => false,
        }
    }

    /// The same error with a changed text from the server: for taking secrets out of it.
    #[must_use]
    pub fn map_message(mut self, change: impl Fn(&str) -> String) -> Self {
        match &mut self {
            Self::NotFound { message, .. }
            | Self::Forbidden { message, .. }
            | Self::Rejected { message, .. }
            | Self::Server { message, .. } => *message = change(message),
            Self::Conflict { message, causes, .. } => {
                *message = change(message);
                for cause in causes {
                    cause.message = change(&cause.message);
                }
            }
            _ => {}
        }
        self
    }

    /// The HTTP status, where there was an answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::NotFound { .. } => Some(404),
            Self::AlreadyExists { .. } | Self::Conflict { .. } => Some(409),
            Self::Forbidden { .. } => Some(403),
            Self::Gone { .. } => Some(410),
            Self::Rejected { code, .. } | Self::Server { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// The RBAC rule that a refusal lacks, to be copied into a Role or a ClusterRole; empty where the server's words are
/// others than those of its RBAC authorizer.
fn rule_to_add(message: &str) -> String {
    static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"cannot (\S+) resource "([^"]+)" in API group "([^"]*)" (?:in the namespace "([^"]+)"|at the cluster scope)"#,
        )
        .ok()
    });
    let Some(found) = WORDS.as_ref().and_then(|words| words.captures(message)) else { return String::new() };
    let place = match found.get(4) {
        Some(namespace) => format!("a Role in the namespace {}", namespace.as_str()),
        None => "a ClusterRole".to_owned(),
    };
    if found[1].starts_with("impersonate") && &found[2] == "serviceaccounts" {
        let name = message.split('"').nth(1).unwrap_or_default();
        return format!(
            "; to allow the agent to act as this service account, add to {place}: {{apiGroups: [\"\"], resources: \
             [\"serviceaccounts\"], verbs: [impersonate], resourceNames: [\"{name}\"]}}"
        );
    }
    // All that an object of an environment needs, whichever was refused first.
    let verbs = match &found[1] {
        "get" | "create" | "patch" | "update" | "delete" => "get, create, patch, delete",
        "list" | "watch" => "list, watch",
        verb => verb,
    };
    format!(
        "; to allow it, add to {place}: {{apiGroups: [\"{}\"], resources: [\"{}\"], verbs: [{verbs}]}}",
        &found[3], &found[2]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named_as_the_rule_to_add() {
        let text = |message: &str| {
            ApiError::Forbidden { what: "apply ConfigMap demo/a".to_owned(), message: message.to_owned() }
                .to_string()
        };
        let namespaced = text(
            r#"configmaps "a" is forbidden: User "system:serviceaccount:m:agent" cannot patch resource "configmaps" in API group "" in the namespace "demo""#,
        );
        let rule = r#"a Role in the namespace demo: {apiGroups: [""], resources: ["configmaps"], verbs: [get, create, patch, delete]}"#;
        assert!(namespaced.ends_with(rule), "{namespaced}");
        let global = text(
            r#"deployments.apps is forbidden: User "u" cannot list resource "deployments" in API group "apps" at the cluster scope"#,
        );
        let rule =
            r#"a ClusterRole: {apiGroups: ["apps"], resources: ["deployments"], verbs: [list, watch]}"#;
        assert!(global.ends_with(rule), "{global}");
        let other = text(
            r#"serviceaccounts "team" is forbidden: User "u" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "demo""#,
        );
        let rule = r#"a Role in the namespace demo: {apiGroups: [""], resources: ["serviceaccounts"], verbs: [impersonate], resourceNames: ["team"]}"#;
        assert!(other.ends_with(rule), "{other}");
        assert!(text("exceeded quota: few").ends_with("not allowed: exceeded quota: few"));
    }
}
