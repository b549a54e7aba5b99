//! What librdkafka reports: deliveries, errors, log lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;

use super::Counters;

/// Receives librdkafka's reports, on the thread that polls.
pub(super) struct Reports {
    counters: Arc<Counters>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// First and last offset of each partition of the events' topic.
    offsets: BTreeMap<i32, (i64, i64)>,
    failed: u64,
    failure: Option<KafkaError>,
    /// The last thing that went wrong with a connection.
    trouble: Option<(RDKafkaErrorCode, String)>,
}

/// What a message is: reports come back with it.
pub(super) const EVENT: usize = 0;
/// A manifest: its offset is nobody's business.
pub(super) const MANIFEST: usize = 1;

impl Reports {
    pub fn new(counters: Arc<Counters>) -> Self {
        Self { counters, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the offsets of the slice before.
    pub fn begin(&self) {
        self.state().offsets.clear();
    }

    /// First and last offsets since [`Reports::begin`], by `topic-partition`.
    pub fn offsets(&self, topic: &str) -> (BTreeMap<String, i64>, BTreeMap<String, i64>) {
        let state = self.state();
        let named = |partition: &i32| format!("{topic}-{partition}");
        (
            state.offsets.iter().map(|(partition, (first, _))| (named(partition), *first)).collect(),
            state.offsets.iter().map(|(partition, (_, last))| (named(partition), *last)).collect(),
        )
    }

    /// How many messages were not taken, and why the first one was not.
    pub fn failure(&self) -> Option<(u64, KafkaError)> {
        let state = self.state();
        state.failure.clone().map(|failure| (state.failed, failure))
    }

    /// What went wrong last with a connection.
    pub fn trouble(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.state().trouble.clone()
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What it deems an error, the run may wait out: the run says what matters.
        if matches!(level, RDKafkaLogLevel::Debug) {
            tracing::trace!(facility, "{message}");
        } else {
            tracing::debug!(facility, "{message}");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "{reason}");
        if let Some(code) = error.rdkafka_error_code() {
            let mut state = self.state();
            // That no broker is left follows from what went wrong with the last of them, and says less.
            if code != RDKafkaErrorCode::AllBrokersDown || state.trouble.is_none() {
                state.trouble = Some((code, reason.to_owned()));
            }
        }
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        match result {
            Ok(message) if opaque == EVENT => {
                self.counters.delivered_one();
                let offset = message.offset();
                let mut state = self.state();
                let range = state.offsets.entry(message.partition()).or_insert((offset, offset));
                *range = (range.0.min(offset), range.1.max(offset));
            }
            Ok(_) => {}
            Err((error, _)) => {
                self.counters.failed_one();
                let mut state = self.state();
                state.failed += 1;
                state.failure.get_or_insert_with(|| error.clone());
            }
        }
    }
}
