//! Limits: of the git library as a whole, of one operation, and of what is read from a snapshot.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::SourceError;

/// The longest wait for a connection. The git library has no limit of its own.
const CONNECT_TIMEOUT_MS: i32 = 15_000;
/// The longest wait for the next bytes on a connection.
const SERVER_TIMEOUT_MS: i32 = 30_000;
/// What the library may keep of objects that it has read; its own limit is 256 MiB.
const CACHE_BYTES: isize = 8 << 20;
/// What the library may keep mapped of pack files; its own limit is 8 GiB.
const MAPPED_BYTES: usize = 64 << 20;

/// What may be read from one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// The largest file, in bytes.
    pub file_bytes: u64,
    /// The most entries of one walk or list, folders included; for a watched folder, of the whole.
    pub entries: usize,
    /// The deepest folder below the one that is walked.
    pub depth: usize,
}

impl Default for ReadLimits {
    /// 10 MiB a file, 20,000 entries, 64 folders deep.
    fn default() -> Self {
        Self { file_bytes: 10 << 20, entries: 20_000, depth: 64 }
    }
}

/// Sets the git library's process-wide limits, once. To be called before the first use of the library.
pub(super) fn set_library_limits() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(apply);
}

#[allow(unsafe_code)]
fn apply() {
    // SAFETY: these functions write plain integers of the C library without a lock. `OnceLock` lets one thread in, and
    // every user of the library in this process comes through `source`, which calls this before it opens or connects
    // anything; so no other thread reads them meanwhile. None of the values is a pointer.
    let results = unsafe {
        [
            git2::opts::set_server_connect_timeout_in_milliseconds(CONNECT_TIMEOUT_MS),
            git2::opts::set_server_timeout_in_milliseconds(SERVER_TIMEOUT_MS),
            git2::opts::set_cache_max_size(CACHE_BYTES),
            git2::opts::set_mwindow_mapped_limit(MAPPED_BYTES),
        ]
    };
    for error in results.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "a limit of the git library could not be set");
    }
}

/// The time and the bytes that one git operation may use; it also ends early when nobody waits for it any more.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    pub(super) limit: Duration,
    until: Instant,
    bytes: u64,
    stop: Arc<AtomicBool>,
}

impl Budget {
    pub(super) fn new(limit: Duration, bytes: u64) -> Self {
        Self { limit, until: Instant::now() + limit, bytes, stop: Arc::default() }
    }

    /// Ends the operation when dropped: held by whoever waits for it.
    pub(super) fn stop_on_drop(&self) -> StopOnDrop {
        StopOnDrop(Arc::clone(&self.stop))
    }

    /// `Err` once `received` bytes are too many, or the time is over.
    pub(super) fn check(&self, remote: &str, step: &'static str, received: u64) -> Result<(), SourceError> {
        if received > self.bytes {
            return Err(SourceError::TooLarge { remote: remote.to_owned(), limit: self.bytes });
        }
        if self.stop.load(Ordering::Relaxed) || Instant::now() >= self.until {
            return Err(SourceError::TimedOut { remote: remote.to_owned(), step, limit: self.limit });
        }
        Ok(())
    }
}

pub(super) struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_ends_when_its_time_or_bytes_are_used_up_or_nobody_waits() {
        let budget = Budget::new(Duration::from_mins(1), 100);
        budget.check("r", "fetching", 100).unwrap();
        assert!(matches!(budget.check("r", "fetching", 101), Err(SourceError::TooLarge { limit: 100, .. })));
        assert!(Budget::new(Duration::ZERO, 100).check("r", "fetching", 0).is_err());
        drop(budget.stop_on_drop());
        assert!(matches!(budget.check("r", "fetching", 0), Err(SourceError::TimedOut { .. })));
    }

    #[test]
    fn the_library_gives_up_on_silent_servers() {
        set_library_limits();
        #[allow(unsafe_code)]
        // SAFETY: reads two integers that are written once, by the line above.
        let (connect, server) = unsafe {
            (
                git2::opts::get_server_connect_timeout_in_milliseconds().unwrap(),
                git2::opts::get_server_timeout_in_milliseconds().unwrap(),
            )
        };
        assert_eq!((connect, server), (CONNECT_TIMEOUT_MS, SERVER_TIMEOUT_MS));
    }
}
