//! Threads for the git library, whose calls block and may hang for ever: in a name lookup, on a dead file system.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::SourceError;

/// How many threads may hang before no more are started.
const ABANDONED_LIMIT: usize = 4;

/// Runs blocking work on a thread of its own, and leaves it behind when it does not end.
#[derive(Debug, Default)]
pub(super) struct Worker {
    /// Threads that nobody waits for any more and that have not ended.
    abandoned: Arc<AtomicUsize>,
}

/// Counts a thread as abandoned from the moment its caller is gone until it ends.
struct Abandoned(Arc<AtomicUsize>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker {
    /// Runs `work`, for at most `limit`.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        remote: &str,
        step: &'static str,
        limit: Duration,
        work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let count = self.abandoned.load(Ordering::Relaxed);
        if count >= ABANDONED_LIMIT {
            return Err(SourceError::Hung { remote: remote.to_owned(), count });
        }
        // Counted from the start, and no longer counted once the answer is here: a caller that goes away in between
        // needs to do nothing.
        self.abandoned.fetch_add(1, Ordering::Relaxed);
        let counted = Abandoned(Arc::clone(&self.abandoned));
        let (sender, receiver) = oneshot::channel();
        let name = format!("git-{}", step.split(' ').next().unwrap_or_default());
        let failed = |reason: String| SourceError::Git { remote: remote.to_owned(), step, reason };
        std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                let _counted = counted;
                // Nobody may be waiting any more; then the result is of no use.
                let _ = sender.send(work());
            })
            .map_err(|error| failed(format!("no thread can be started: {error}")))?;
        match tokio::time::timeout(limit, receiver).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(failed("the thread ended without an answer".to_owned())),
            Err(_) => {
                tracing::warn!(thread = name, remote, limit = ?limit, "{step} hangs: its thread is left behind");
                Err(SourceError::TimedOut { remote: remote.to_owned(), step, limit })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn hanging_threads_are_left_behind_up_to_a_number_and_forgotten_when_they_end() {
        let worker = Worker::default();
        let mut releases = Vec::new();
        for _ in 0..ABANDONED_LIMIT {
            let (release, gate) = mpsc::channel::<()>();
            releases.push(release);
            let hang = move || {
                let _ = gate.recv();
                Ok(())
            };
            let result = worker.run("r", "fetching", Duration::from_millis(1), hang).await;
            assert!(matches!(result, Err(SourceError::TimedOut { .. })));
        }
        let refused = worker.run("r", "fetching", Duration::from_mins(1), || Ok(())).await;
        assert!(matches!(refused, Err(SourceError::Hung { count: ABANDONED_LIMIT, .. })));
        drop(releases);
        while worker.abandoned.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
        worker.run("r", "fetching", Duration::from_mins(1), || Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn a_thread_that_dies_is_an_error() {
        let result: Result<(), _> =
            Worker::default().run("r", "fetching", Duration::from_mins(1), || panic!("on purpose")).await;
        assert!(matches!(result, Err(SourceError::Git { .. })));
    }
}
