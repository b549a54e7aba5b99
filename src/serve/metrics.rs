//! What the agent counts, in the form that Prometheus reads.
//!
//! Labels are words of the program's own text (`&'static str`), so that their number is bounded whatever a cluster or a
//! repository holds.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::process;

/// The type of what [`Metrics::encode`] returns.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The longest label value that is not the program's own, in characters.
const LABEL_LIMIT: usize = 64;

/// Answers of the API server that are counted by their own code; others by their class.
const CODES: [(u16, &str); 18] = [
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (409, "409"),
    (410, "410"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (500, "500"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
];

type Label = [(&'static str, &'static str); 1];
type FloatGauge = Gauge<f64, AtomicU64>;

/// All metrics of the agent. Cheap to use from any thread.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Label, Counter>,
    reconcile_seconds: Histogram,
    last_reconcile: FloatGauge,
    applied_objects: Family<Label, Counter>,
    apply_requests: Family<Label, Counter>,
    drift: Family<Label, Counter>,
    drift_seen_seconds: Histogram,
    drift_repair_seconds: Histogram,
    render_seconds: Histogram,
    fetch_seconds: Histogram,
    source_failures: Family<Label, Counter>,
    last_fetch: FloatGauge,
    objects: Family<Label, Gauge>,
    fights: Gauge,
    missed_runs: Counter,
    leading: Gauge,
    revision: Family<Vec<(&'static str, String)>, Gauge>,
    resident_bytes: Gauge,
    cpu_seconds: Counter<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let fast = || Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]);
        let slow =
            || Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0]);
        let metrics = Self {
            reconciles: Family::default(),
            reconcile_seconds: slow(),
            last_reconcile: Gauge::default(),
            applied_objects: Family::default(),
            apply_requests: Family::default(),
            drift: Family::default(),
            drift_seen_seconds: fast(),
            drift_repair_seconds: fast(),
            render_seconds: fast(),
            fetch_seconds: fast(),
            source_failures: Family::default(),
            last_fetch: Gauge::default(),
            objects: Family::default(),
            fights: Gauge::default(),
            missed_runs: Counter::default(),
            leading: Gauge::default(),
            revision: Family::default(),
            resident_bytes: Gauge::default(),
            cpu_seconds: Counter::default(),
            registry: Registry::default(),
        };
        let own = registry.sub_registry_with_prefix("mooring");
        own.register("reconciles", "Reconciles, by result", metrics.reconciles.clone());
        own.register("reconcile_seconds", "Time of a reconcile", metrics.reconcile_seconds.clone());
        own.register(
            "last_reconcile_timestamp_seconds",
            "When the last reconcile ended, as Unix time",
            metrics.last_reconcile.clone(),
        );
        own.register("applied_objects", "Objects acted on, by action", metrics.applied_objects.clone());
        own.register(
            "apply_requests",
            "Answers of the API server to writes, by status",
            metrics.apply_requests.clone(),
        );
        own.register("drift", "Drift found, by what was decided", metrics.drift.clone());
        own.register(
            "drift_seen_seconds",
            "Time from a change behind the agent's back to its being seen",
            metrics.drift_seen_seconds.clone(),
        );
        own.register(
            "drift_repair_seconds",
            "Time from seeing drift to the server's answer to the repair",
            metrics.drift_repair_seconds.clone(),
        );
        own.register("render_seconds", "Time to render the environment", metrics.render_seconds.clone());
        own.register(
            "fetch_seconds",
            "Time from learning of a revision to having its files",
            metrics.fetch_seconds.clone(),
        );
        own.register(
            "source_failures",
            "Failed looks at the source, by kind",
            metrics.source_failures.clone(),
        );
        own.register(
            "last_fetch_timestamp_seconds",
            "When the last new revision came, as Unix time",
            metrics.last_fetch.clone(),
        );
        own.register("objects", "Objects in the inventory, by state", metrics.objects.clone());
        own.register("fights", "Fields that somebody else keeps on writing", metrics.fights.clone());
        own.register(
            "missed_runs",
            "Runs of producers that should have been and were not",
            metrics.missed_runs.clone(),
        );
        own.register("leading", "1 while this agent holds the lease", metrics.leading.clone());
        own.register("revision_info", "1 for the revision that was applied last", metrics.revision.clone());
        let build = Family::<Label, Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        own.register("build_info", "1 for the version of this program", build);
        registry.register("process_resident_memory_bytes", "Resident memory", metrics.resident_bytes.clone());
        registry.register("process_cpu_seconds", "User and system time", metrics.cpu_seconds.clone());
        Self { registry, ..metrics }
    }

    /// A reconcile ended: `success`, `partial`, `failure`, `preempted`.
    pub fn reconciled(&self, result: &'static str, took: Duration, ended: Timestamp) {
        self.reconciles.get_or_create(&[("result", result)]).inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
        self.last_reconcile.set(unix_seconds(ended));
    }

    /// An object was acted on: `create`, `update`, `delete`, ...
    pub fn applied(&self, action: &'static str) {
        self.applied_objects.get_or_create(&[("action", action)]).inc();
    }

    /// The API server answered a write; `None` if it did not.
    pub fn apply_request(&self, code: Option<u16>) {
        self.apply_requests.get_or_create(&[("code", code_label(code))]).inc();
    }

    /// Drift was found: `corrected`, `ignored`, `reported`, `deferred`, `held`, `refused`.
    pub fn drift(&self, decision: &'static str) {
        self.drift.get_or_create(&[("decision", decision)]).inc();
    }

    /// Drift was repaired. How long it took to see is only known when the change names its time, in seconds.
    pub fn drift_repaired(&self, seen: Option<Duration>, repaired: Duration) {
        if let Some(seen) = seen {
            self.drift_seen_seconds.observe(seen.as_secs_f64());
        }
        self.drift_repair_seconds.observe(repaired.as_secs_f64());
    }

    /// An environment was rendered.
    pub fn rendered(&self, took: Duration) {
        self.render_seconds.observe(took.as_secs_f64());
    }

    /// A revision arrived.
    pub fn fetched(&self, took: Duration, at: Timestamp) {
        self.fetch_seconds.observe(took.as_secs_f64());
        self.last_fetch.set(unix_seconds(at));
    }

    /// A look at the source failed; `kind` is few and fixed.
    pub fn source_failed(&self, kind: &'static str) {
        self.source_failures.get_or_create(&[("kind", kind)]).inc();
    }

    /// The inventory's objects by state; states that are not named are gone.
    pub fn set_objects(&self, states: &[(&'static str, usize)]) {
        self.objects.clear();
        for (state, count) in states {
            self.objects.get_or_create(&[("state", *state)]).set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
    }

    /// How many fields are being fought about.
    pub fn set_fights(&self, count: usize) {
        self.fights.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// So many more runs were missed.
    pub fn missed_runs(&self, count: u64) {
        self.missed_runs.inc_by(count);
    }

    /// Whether this agent holds the lease.
    pub fn set_leading(&self, leading: bool) {
        self.leading.set(i64::from(leading));
    }

    /// The revision applied last; it takes the place of the one before.
    pub fn set_revision(&self, branch: &str, id: &str) {
        self.revision.clear();
        let bounded = |text: &str| text.chars().take(LABEL_LIMIT).collect::<String>();
        self.revision.get_or_create(&vec![("branch", bounded(branch)), ("revision", bounded(id))]).set(1);
    }

    /// Everything, as text.
    pub fn encode(&self) -> String {
        if let Some(bytes) = process::resident_bytes() {
            self.resident_bytes.set(bytes);
        }
        if let Some(seconds) = process::cpu_seconds() {
            self.cpu_seconds.inner().store(seconds.to_bits(), std::sync::atomic::Ordering::Relaxed);
        }
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

fn code_label(code: Option<u16>) -> &'static str {
    let Some(code) = code else { return "none" };
    if let Some((_, label)) = CODES.iter().find(|(known, _)| *known == code) {
        return label;
    }
    match code / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    }
}

/// The fraction of a millisecond more or less is of no use here.
fn unix_seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_counted_is_shown_under_its_name() {
        let metrics = Metrics::new();
        metrics.reconciled(
            "success",
            Duration::from_millis(120),
            Timestamp::from_second(1_700_000_000).unwrap(),
        );
        metrics.applied("create");
        metrics.apply_request(Some(409));
        metrics.apply_request(Some(418));
        metrics.apply_request(None);
        metrics.drift_repaired(Some(Duration::from_millis(95)), Duration::from_millis(38));
        metrics.rendered(Duration::from_millis(3));
        metrics.fetched(Duration::from_millis(3), Timestamp::from_second(1).unwrap());
        metrics.source_failed("unreachable");
        metrics.set_fights(1);
        metrics.missed_runs(2);
        metrics.set_leading(true);
        let text = metrics.encode();
        for line in [
            "mooring_reconciles_total{result=\"success\"} 1",
            "mooring_last_reconcile_timestamp_seconds 1700000000.0",
            "mooring_applied_objects_total{action=\"create\"} 1",
            "mooring_apply_requests_total{code=\"409\"} 1",
            "mooring_apply_requests_total{code=\"4xx\"} 1",
            "mooring_apply_requests_total{code=\"none\"} 1",
            "mooring_drift_repair_seconds_bucket{le=\"0.05\"} 1",
            "mooring_drift_seen_seconds_bucket{le=\"0.1\"} 1",
            "mooring_source_failures_total{kind=\"unreachable\"} 1",
            "mooring_fights 1",
            "mooring_missed_runs_total 2",
            "mooring_leading 1",
            "mooring_build_info{version=\"",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn only_the_present_revision_and_states_are_shown() {
        let metrics = Metrics::new();
        metrics.set_revision("main", "aaaa");
        metrics.set_revision(&"b".repeat(500), "cccc");
        metrics.set_objects(&[("current", 3), ("failed", 1)]);
        metrics.set_objects(&[("current", 4)]);
        let text = metrics.encode();
        assert!(!text.contains("aaaa") && !text.contains("failed\""), "{text}");
        let bounded = "b".repeat(LABEL_LIMIT);
        assert!(
            text.contains(&format!("mooring_revision_info{{branch=\"{bounded}\",revision=\"cccc\"}} 1")),
            "{text}"
        );
        assert!(text.contains("mooring_objects{state=\"current\"} 4"), "{text}");
    }
}
