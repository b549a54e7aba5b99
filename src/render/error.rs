//! Why a component does not render.

use crate::environment::Unpinned;
use crate::manifest::{Confidential, FilesError, ManifestError};
use crate::sops::SopsError;

/// Why a component does not render. Texts name file and line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A file cannot be read.
    #[error("{0}")]
    Files(#[from] FilesError),
    /// A chart from elsewhere that nothing pins.
    #[error("{0}")]
    Unpinned(#[from] Box<Unpinned>),
    /// An encrypted file cannot be opened.
    #[error("{0}")]
    Sops(#[from] SopsError),
    /// An encrypted file where none is opened.
    #[error(
        "{file}: SOPS encrypted it, and nothing of a chart's own folder is decrypted: move the values into a file that \
         the component's `values` names"
    )]
    SealedChart {
        /// The file.
        file: String,
    },
    /// An error text out of which decrypted values were taken.
    #[error("{0}")]
    Scrubbed(String),
    /// A manifest or values file is no YAML.
    #[error("{file}: {reason}")]
    Yaml {
        /// The file.
        file: String,
        /// What is wrong, with its line.
        reason: String,
    },
    /// Something that is no Kubernetes object.
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    /// The chart cannot be loaded or rendered: Helm's words.
    #[error("chart {chart}: {reason}")]
    Chart {
        /// The chart's folder.
        chart: String,
        /// Helm's words.
        reason: String,
    },
    /// The chart failed after the cluster did not answer a `lookup`: Helm's words with the cluster's.
    #[error("chart {chart}: {reason}")]
    Unanswered {
        /// The chart's folder.
        chart: String,
        /// Helm's words.
        reason: String,
    },
    /// The same object twice in one environment.
    #[error("{object} is defined twice: in {first} and in {second}; remove one of them")]
    Duplicate {
        /// The object.
        object: String,
        /// Where first.
        first: String,
        /// Where again.
        second: String,
    },
    /// A producer cannot become a CronJob.
    #[error("producer {producer}: {reason}")]
    Producer {
        /// The producer.
        producer: String,
        /// What is wrong.
        reason: String,
    },
    /// Over a limit.
    #[error("{what} exceeds the limit of {limit}; split the component")]
    TooLarge {
        /// What.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// A bug of ours, kept from taking the other components along.
    #[error("rendering ended unexpectedly; please report this with the component's files")]
    Crashed,
}

impl RenderError {
    /// Whether it may go away by itself: a chart from elsewhere that cannot be fetched now, a cluster that does not answer.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Files(FilesError::Elsewhere { .. }) | Self::Unanswered { .. })
    }

    /// The error without decrypted values: Helm's words repeat what a template or a schema stumbled over.
    pub(super) fn scrubbed(self, confidential: Option<&Confidential>) -> Self {
        let text = self.to_string();
        match confidential.map(|confidential| confidential.scrub(&text)) {
            Some(clean) if clean != text => Self::Scrubbed(clean),
            _ => self,
        }
    }
}
