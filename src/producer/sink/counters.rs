//! What a run counts, in the form that Prometheus reads.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What a run counts. Cheap to use from any thread.
#[derive(Debug)]
pub struct Counters {
    registry: Registry,
    expected: Gauge<u64, AtomicU64>,
    made: Counter,
    delivered: Counter,
    failed: Counter,
    bytes: Counter,
    committed: Counter,
}

impl Default for Counters {
    fn default() -> Self {
        let mut counters = Self {
            registry: Registry::with_prefix("mooring_producer"),
            expected: Gauge::default(),
            made: Counter::default(),
            delivered: Counter::default(),
            failed: Counter::default(),
            bytes: Counter::default(),
            committed: Counter::default(),
        };
        let registry = &mut counters.registry;
        registry.register("events_expected", "Events that this run is to deliver", counters.expected.clone());
        registry.register("records", "Records made, duplicates included", counters.made.clone());
        registry.register("records_delivered", "Records that the sink has taken", counters.delivered.clone());
        registry.register("records_failed", "Records that were not delivered", counters.failed.clone());
        registry.register("bytes", "Bytes of keys and values made", counters.bytes.clone());
        registry.register(
            "slices_committed",
            "Slices that are in with their manifest",
            counters.committed.clone(),
        );
        counters
    }
}

impl Counters {
    /// The type of what [`Counters::encode`] returns.
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Sets how many events there are to be.
    pub fn expect(&self, events: u64) {
        self.expected.set(events);
    }

    /// How many events there are to be.
    pub fn expected(&self) -> u64 {
        self.expected.get()
    }

    pub(super) fn made_one(&self, bytes: usize) {
        self.made.inc();
        self.bytes.inc_by(bytes as u64);
    }

    pub(super) fn delivered_one(&self) {
        self.delivered.inner().fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed_one(&self) {
        self.failed.inc();
    }

    pub(super) fn committed_one(&self) {
        self.committed.inc();
    }

    /// How many records were made.
    pub fn made(&self) -> u64 {
        self.made.get()
    }

    /// How many records the sink has taken for good, or for as long as its transaction stands.
    pub fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// How many records could not be delivered.
    pub fn failed(&self) -> u64 {
        self.failed.get()
    }

    /// How many slices are in, each with its manifest.
    pub fn committed(&self) -> u64 {
        self.committed.get()
    }

    /// All of it as text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to memory does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_reads_what_was_counted() {
        let counters = Counters::default();
        counters.expect(7);
        counters.made_one(100);
        counters.made_one(50);
        counters.delivered_one();
        let text = counters.encode();
        for line in [
            "mooring_producer_events_expected 7",
            "mooring_producer_records_total 2",
            "mooring_producer_records_delivered_total 1",
            "mooring_producer_bytes_total 150",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
