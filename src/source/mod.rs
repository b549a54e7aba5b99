//! From a git remote or a working folder to snapshots: read-only views of one revision's files.
//!
//! ```text
//! remote ── ask, fetch when the reference moved ──▶ bare clone ──▶ GitSnapshot     (blobs straight from git's database)
//! folder ── notify, settle 50 ms ─────────────────▶ scan ───────▶ FolderSnapshot  (content as it was at the scan)
//! ```
//!
//! Everything that a remote sends is bounded in time and size, and the git library runs on threads that may be left
//! behind.

mod address;
mod charts;
mod clone;
mod credentials;
mod digest;
mod error;
mod folder;
mod git;
mod git_snapshot;
mod known_hosts;
mod limits;
mod paths;
mod reference;
mod remote;
mod report;
mod revision;
mod signature;
mod snapshot;
mod transfer;
mod tree;
mod watch;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

pub use address::Address;
pub use charts::{ChartError, ChartFiles, ChartStore, Login, Logins};
pub use credentials::{Credentials, SecretFrom, SecretText};
pub use error::{HostKeyError, SourceError};
pub use git::{Arrival, GitOptions};
pub use limits::ReadLimits;
pub use report::Failure;
pub use revision::Revision;
pub use signature::{Fault, KeyName, RefusedCommit, Signer, Verification};
pub use snapshot::Snapshot;

use git::GitSource;
use report::Reporter;
use watch::FolderSource;

/// The first wait after a failure; it doubles with each.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest wait after a failure, unless the interval is longer.
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// What a source has to tell.
#[derive(Clone, Debug)]
pub enum SourceEvent {
    /// There is something new. The same revision comes again if its files were lost on this machine.
    Revision(Arrival),
    /// The source could not be asked, or has no answer. What was learned before stays as it is.
    Failed(Failure),
    /// It answers again.
    Recovered {
        /// When the first failure was seen.
        since: Timestamp,
        /// How many there were.
        attempts: u32,
    },
}

/// A git remote or a working folder that is followed.
#[derive(Debug)]
pub struct Source(Kind);

#[derive(Debug)]
enum Kind {
    Git(GitSource),
    Folder(FolderSource),
}

impl Source {
    /// Follows a branch of a git remote. Nothing is asked of it yet.
    pub fn git(options: GitOptions) -> Result<Self, SourceError> {
        GitSource::new(options).map(|source| Self(Kind::Git(source)))
    }

    /// Follows a working folder. Nothing is read yet.
    pub fn folder(path: impl Into<PathBuf>, limits: ReadLimits) -> Self {
        Self(Kind::Folder(FolderSource::new(path.into(), limits)))
    }

    /// Told of the revision that was applied last, for the case that the branch's commit is refused on a machine which kept
    /// nothing of it.
    #[must_use]
    pub fn remembering(self, revision: Option<&str>) -> Self {
        match self.0 {
            Kind::Git(source) => Self(Kind::Git(source.remembering(revision.and_then(|id| id.parse().ok())))),
            folder @ Kind::Folder(_) => Self(folder),
        }
    }

    /// The remote's address without credentials, or the folder's path: the same for the same repository.
    pub fn name(&self) -> String {
        match &self.0 {
            Kind::Git(source) => source.options.address.to_string(),
            Kind::Folder(source) => source.name(),
        }
    }

    /// Asks once: for commands that do one thing and end.
    pub async fn latest(&self) -> Result<Arc<Snapshot>, SourceError> {
        let arrival = match &self.0 {
            Kind::Git(source) => source.poll(None).await?.ok_or_else(|| SourceError::Git {
                remote: source.options.address.to_string(),
                step: "fetching",
                reason: "nothing was learned".to_owned(),
            })?,
            Kind::Folder(source) => source.latest().await?,
        };
        Ok(arrival.snapshot)
    }

    /// Tells `tx` of each new revision until cancelled. A git remote is asked at its interval, ±10 %, at once when
    /// `poke` is notified, and after failures at growing distances.
    pub async fn run(self, poke: Arc<Notify>, tx: mpsc::Sender<SourceEvent>, cancel: CancellationToken) {
        match self.0 {
            Kind::Git(source) => tokio::select! {
                () = cancel.cancelled() => {}
                () = follow(&source, &poke, tx) => {}
            },
            Kind::Folder(source) => source.run(poke, tx, cancel).await,
        }
    }
}

async fn follow(source: &GitSource, poke: &Notify, tx: mpsc::Sender<SourceEvent>) {
    let mut reporter = Reporter::new(tx);
    let mut known: Option<Arc<Snapshot>> = None;
    let mut refused_before = false;
    loop {
        let wait = match source.poll(known.as_deref()).await {
            Ok(arrival) => {
                match arrival {
                    Some(arrival) => {
                        known = Some(Arc::clone(&arrival.snapshot));
                        reporter.arrived(arrival).await;
                    }
                    None => reporter.answered().await,
                }
                source.options.interval
            }
            Err(error) => {
                let refused = error.refused().is_some();
                // A refusal is an answer: what comes after it is asked for at the usual pace.
                let answered = refused || matches!(error, SourceError::Keys { .. });
                let attempts = reporter.failed(error).await;
                let news = attempts == 1 || (refused && !refused_before);
                refused_before |= refused;
                if known.is_none() && news {
                    match hold_on_to(source, refused).await {
                        Ok(Some(arrival)) => {
                            // Better the state of the last run than none: drift is still seen while the remote is away.
                            known = Some(Arc::clone(&arrival.snapshot));
                            reporter.kept(arrival).await;
                        }
                        Ok(None) => {}
                        Err(error) => tracing::warn!("nothing of an earlier run can be held on to: {error}"),
                    }
                }
                if answered {
                    source.options.interval
                } else {
                    retry_after(attempts, source.options.interval)
                }
            }
        };
        tokio::select! {
            () = reporter.closed() => return,
            () = poke.notified() => {}
            () = tokio::time::sleep(jittered(wait)) => {}
        }
    }
}

/// What there is to keep instead of the branch's commit: the state of this machine's last run, or, where the commit is refused
/// and there is no such state, the revision that is remembered as the last one.
async fn hold_on_to(source: &GitSource, refused: bool) -> Result<Option<Arrival>, SourceError> {
    match source.kept().await {
        Ok(None) | Err(SourceError::Unverified(_)) if refused => source.last().await,
        kept => kept,
    }
}

fn retry_after(attempts: u32, interval: Duration) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    doubled.min(LONGEST_RETRY.max(interval))
}

/// `wait` ±10 %, so that many agents do not ask one remote at the same moment.
fn jittered(wait: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(0) % 2001;
    wait.mul_f64(0.9 + f64::from(u16::try_from(random).unwrap_or(1000)) / 10_000.0)
}

#[cfg(test)]
mod folder_tests;
#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod tests;
