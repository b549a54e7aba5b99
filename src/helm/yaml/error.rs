//! What can go wrong while reading or writing YAML.

use super::Mark;

/// A text that is not YAML, or a value that YAML cannot hold.
///
/// The message is go-yaml's own, line number included, because Helm prints it and its users search for it. That line
/// is off by one where go-yaml's is; `mark` is exact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// For example `yaml: line 3: did not find expected key`.
    pub message: String,
    /// Where it was found; line 0 if the problem has no place.
    pub mark: Mark,
}

impl YamlError {
    pub(super) fn new(message: impl Into<String>, mark: Mark) -> Self {
        Self { message: message.into(), mark }
    }

    /// An error of go-yaml's decoder, which never names a line.
    pub(super) fn decode(message: impl std::fmt::Display, mark: Mark) -> Self {
        Self::new(format!("yaml: {message}"), mark)
    }
}
