//! Why a run did not deliver everything.

use std::time::Duration;

use super::SettingsError;
use crate::producer::ManifestError;

/// Why a run did not deliver everything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The run was asked to stop.
    #[error("asked to stop")]
    Stopped,
    /// The reader of standard output has gone.
    #[error("the reader of standard output has closed it")]
    ReaderGone,
    /// A file cannot be written.
    #[error("failed to write {path}: {reason}")]
    Write {
        /// The file, or `standard output`.
        path: String,
        /// The system's words.
        reason: std::io::Error,
    },
    /// A setting of librdkafka is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No broker answered within the limit.
    #[error("kafka at {servers} did not answer for {} s: {reason}; is it running, and is --bootstrap-servers right? --wait sets the limit", .waited.as_secs())]
    Unreachable {
        /// The brokers asked.
        servers: String,
        /// For how long.
        waited: Duration,
        /// What librdkafka said last.
        reason: String,
    },
    /// The broker does not let us do it, and would not later.
    #[error("kafka at {servers} refused {what}: {reason}")]
    Refused {
        /// The brokers.
        servers: String,
        /// What we asked for.
        what: String,
        /// The broker's words.
        reason: String,
    },
    /// The broker's certificate is signed by nobody whom we trust, or is for another name.
    #[error(
        "kafka at {servers}: the broker's certificate is not trusted: {reason}; is ssl.ca.location the right one?"
    )]
    Untrusted {
        /// The brokers.
        servers: String,
        /// What TLS says.
        reason: String,
    },
    /// Some records were not taken.
    #[error("{failed} records were not taken: {reason}")]
    Undelivered {
        /// How many.
        failed: u64,
        /// Why the first of them was not.
        reason: String,
    },
    /// Another run of the same window has begun after this one.
    #[error("another run of {id} has begun and fenced this one off; nothing of this run's slice is in")]
    Fenced {
        /// The transactional id.
        id: String,
    },
    /// A transaction failed, and was taken back.
    #[error("failed to {what}: {reason}; nothing of the slice is in")]
    Transaction {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        reason: String,
    },
    /// The broker was lost while it was to commit: only another run can find out.
    #[error(
        "kafka did not say whether it committed the transaction {id}: {reason}; run this again, it finds out"
    )]
    InDoubt {
        /// The transactional id.
        id: String,
        /// Why it is not known.
        reason: String,
    },
    /// The window is in, but not as it is asked for now.
    #[error("the window is in already, but {what}; nothing was sent")]
    InOtherwise {
        /// What differs.
        what: String,
    },
    /// The manifests of slices do not make a window.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A manifest cannot be read.
    #[error("a manifest on topic {topic} cannot be read: {reason}; is it written by another version?")]
    Unreadable {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
}
