//! Tells the agent what a source has learned.

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::SourceEvent;
use super::error::SourceError;
use super::git::Arrival;

/// A failure, and how long it has lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The latest error.
    pub error: SourceError,
    /// When the first of these failures in a row was seen.
    pub since: Timestamp,
    /// How many failures there were in a row, this one included.
    pub attempts: u32,
}

pub(super) struct Reporter {
    tx: mpsc::Sender<SourceEvent>,
    failing: Option<(Timestamp, u32)>,
    /// The refusal that was told last.
    refused: Option<SourceError>,
}

impl Reporter {
    pub(super) fn new(tx: mpsc::Sender<SourceEvent>) -> Self {
        Self { tx, failing: None, refused: None }
    }

    /// A new revision; after failures, said to be a recovery first.
    pub(super) async fn arrived(&mut self, arrival: Arrival) {
        self.answered().await;
        self.send(SourceEvent::Revision(arrival)).await;
    }

    /// A revision of an earlier run, while the source still fails.
    pub(super) async fn kept(&mut self, arrival: Arrival) {
        self.send(SourceEvent::Revision(arrival)).await;
    }

    /// The source works, whether or not there is something new.
    pub(super) async fn answered(&mut self) {
        self.refused = None;
        if let Some((since, attempts)) = self.failing.take() {
            self.send(SourceEvent::Recovered { since, attempts }).await;
        }
    }

    /// Returns how many failures there were in a row. That a commit is refused is told once, however often it is asked for.
    pub(super) async fn failed(&mut self, error: SourceError) -> u32 {
        let (since, attempts) = self.failing.get_or_insert_with(|| (Timestamp::now(), 0));
        *attempts = attempts.saturating_add(1);
        let (since, attempts) = (*since, *attempts);
        if self.refused.as_ref() == Some(&error) {
            return attempts;
        }
        self.refused = error.refused().is_some().then(|| error.clone());
        self.send(SourceEvent::Failed(Failure { error, since, attempts })).await;
        attempts
    }

    pub(super) async fn closed(&self) {
        self.tx.closed().await;
    }

    async fn send(&self, event: SourceEvent) {
        // Nobody listens any more: `closed` tells the loop.
        let _ = self.tx.send(event).await;
    }
}
