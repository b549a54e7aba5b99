//! What can go wrong on the way from a remote to a snapshot, and what to do about it.

use std::path::PathBuf;
use std::time::Duration;

use super::signature::RefusedCommit;

/// Why a revision could not be learned or read. Remotes are named without user and password.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceError {
    /// The remote's address cannot be used.
    #[error("repository {text:?}: {reason}")]
    Address {
        /// The address as given, without user and password.
        text: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A token, key or passphrase could not be had, or must not be sent.
    #[error("credentials for {remote}: {reason}")]
    Credentials {
        /// The remote.
        remote: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The remote answered that these credentials are not enough.
    #[error("{remote} refused the credentials ({reason}): check that {hint}")]
    Refused {
        /// The remote.
        remote: String,
        /// The remote's answer.
        reason: String,
        /// What to check.
        hint: &'static str,
    },
    /// The ssh server's key is not the one in the file of known hosts, or is not in there at all.
    #[error(transparent)]
    HostKey(Box<HostKeyError>),
    /// The server's TLS certificate is not trusted.
    #[error(
        "the TLS certificate of {remote} is not trusted ({reason}): if an authority of your own signed it, point \
         SSL_CERT_FILE to that authority's certificate"
    )]
    Certificate {
        /// The remote.
        remote: String,
        /// The TLS library's words.
        reason: String,
    },
    /// No connection, or it broke.
    #[error("{remote} cannot be reached: {reason}")]
    Unreachable {
        /// The remote.
        remote: String,
        /// The library's words.
        reason: String,
    },
    /// The server has no such repository, or hides it from these credentials.
    #[error(
        "{remote} is no git repository, or these credentials may not see it ({reason}): check the address"
    )]
    NoRepository {
        /// The remote.
        remote: String,
        /// The library's words.
        reason: String,
    },
    /// The repository has no commit yet.
    #[error("{remote} is empty: push a first commit to {reference}")]
    Empty {
        /// The remote.
        remote: String,
        /// The branch waited for.
        reference: String,
    },
    /// The branch or tag does not exist, or does no longer.
    #[error("{remote} has no branch or tag {reference}{suggestion}")]
    NoReference {
        /// The remote.
        remote: String,
        /// The branch or tag asked for.
        reference: String,
        /// `; did you mean ...?`, or what there is; may be empty.
        suggestion: String,
    },
    /// The reference leads to something that is not a commit.
    #[error(
        "{reference} of {remote} leads to {found}, not to a commit: follow a branch, or a tag of a commit"
    )]
    NotACommit {
        /// The remote.
        remote: String,
        /// The branch or tag.
        reference: String,
        /// What it leads to.
        found: String,
    },
    /// A step took longer than it may.
    #[error("{remote}: {step} took longer than {}: it is tried again", seconds(*.limit))]
    TimedOut {
        /// The remote.
        remote: String,
        /// What was being done.
        step: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// The remote sent more than it may.
    #[error("{remote} sent more than {} MiB: raise the limit, or keep large files out of the repository", .limit >> 20)]
    TooLarge {
        /// The remote.
        remote: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Too many git threads hang; no more are started.
    #[error(
        "{remote}: {count} git operations hang and do not end: nothing new is started before one of them does"
    )]
    Hung {
        /// The remote.
        remote: String,
        /// How many threads hang.
        count: usize,
    },
    /// The clone on this machine is damaged. Callers throw it away and clone again.
    #[error("the clone of {remote} in {folder} is damaged: {reason}")]
    Damaged {
        /// The remote.
        remote: String,
        /// The clone's folder.
        folder: PathBuf,
        /// The library's words.
        reason: String,
    },
    /// The folder for clones cannot be used.
    #[error("{path}: {reason}: the folder must be writable by this user and have space left")]
    State {
        /// The path that was tried.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Any other failure of the git library.
    #[error("{remote}: {step} failed: {reason}")]
    Git {
        /// The remote.
        remote: String,
        /// What was being done.
        step: &'static str,
        /// The library's words.
        reason: String,
    },
    /// The keys that may sign commits cannot be had.
    #[error("the keys that may sign commits: {path} {reason}")]
    Keys {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A commit is not signed as it must be.
    #[error(transparent)]
    Unverified(Box<RefusedCommit>),
    /// The watched folder cannot be read.
    #[error("folder {path}: {reason}")]
    Folder {
        /// The folder, or what lies in it.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
}

/// Why the key of an ssh server is not accepted, and the line that would change that.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the key of ssh server {host} {problem}; its fingerprint is {fingerprint}. If that is the one which the server's \
     owner publishes, {remedy} this line in {}:\n{line}", .file.display()
)]
pub struct HostKeyError {
    /// The host, with its port if that is not 22.
    pub host: String,
    /// `is not known`, `has changed` or `is revoked there`.
    pub problem: &'static str,
    /// `SHA256:...`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// `put`, or `replace the old one by`.
    pub remedy: &'static str,
    /// The file of known hosts.
    pub file: PathBuf,
    /// The line for that file.
    pub line: String,
}

impl SourceError {
    /// The commit that the remote answered with and that is not applied for its signature.
    pub fn refused(&self) -> Option<&RefusedCommit> {
        match self {
            Self::Unverified(commit) => Some(commit),
            _ => None,
        }
    }

    /// A word for metrics: few and fixed.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Address { .. } => "address",
            Self::Credentials { .. } | Self::Refused { .. } => "credentials",
            Self::HostKey(_) | Self::Certificate { .. } => "identity",
            Self::Unreachable { .. } => "unreachable",
            Self::NoRepository { .. }
            | Self::Empty { .. }
            | Self::NoReference { .. }
            | Self::NotACommit { .. } => "reference",
            Self::TimedOut { .. } | Self::Hung { .. } => "timeout",
            Self::TooLarge { .. } => "too_large",
            Self::Damaged { .. } | Self::State { .. } => "storage",
            Self::Git { .. } => "git",
            Self::Keys { .. } | Self::Unverified(_) => "signature",
            Self::Folder { .. } => "folder",
        }
    }
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}
