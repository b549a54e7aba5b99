//! librdkafka's mock cluster, and what can go wrong with brokers.

use std::time::Duration;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Answer};

use super::command::{WINDOW, err, manifest, run, start, while_nothing_starts};
use super::reader::{Reader, manifests};

type Mock = MockCluster<'static, DefaultProducerContext>;

fn mock() -> Mock {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("orders", 2, 1).unwrap();
    mock.create_topic("mooring.windows", 1, 1).unwrap();
    mock
}

/// The mock closes its port and takes it again at once: a process that is just being started holds a copy of it.
fn down(mock: &Mock) {
    while_nothing_starts(|| mock.broker_down(-1).unwrap());
}

fn arguments<'a>(servers: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["--dataset", "orders", "--window", WINDOW, "--bootstrap-servers", servers], more].concat()
}

/// That the topic holds exactly what a run said.
fn holds(servers: &str, output: &std::process::Output) {
    assert_eq!(output.status.code(), Some(0), "{}", err(output));
    let manifest = manifest(output);
    let found = Reader::whole(servers, "orders");
    assert!(
        found[WINDOW].is(&manifest),
        "{} records and {} ids",
        found[WINDOW].records,
        found[WINDOW].ids.len()
    );
    assert_eq!(manifests(servers, "mooring.windows"), [manifest]);
}

#[test]
fn every_event_is_in_with_its_manifest() {
    let mock = mock();
    let servers = mock.bootstrap_servers();
    let dirt = ["--fast", "-o", "json", "--duplicates", "2%", "--malformed", "1%"];
    let output = run(&arguments(&servers, &dirt));
    holds(&servers, &output);
    let manifest = manifest(&output);
    let spanned: i64 =
        manifest.first_offsets.iter().map(|(name, first)| manifest.last_offsets[name] - first + 1).sum();
    assert_eq!(u64::try_from(spanned), Ok(manifest.records));
}

#[test]
fn avro_goes_to_kafka() {
    let mock = mock();
    let servers = mock.bootstrap_servers();
    let output = run(&arguments(&servers, &["--fast", "-o", "json", "--format", "avro"]));
    let found = Reader::whole(&servers, "orders");
    assert_eq!(found[WINDOW].values.len() as u64, manifest(&output).records);
    assert!(found[WINDOW].values.iter().all(|value| value.starts_with(&[0xc3, 1])));
}

#[test]
fn a_broker_that_is_away_at_the_start_is_waited_for() {
    let mock = mock();
    let servers = mock.bootstrap_servers();
    down(&mock);
    let arguments = arguments(&servers, &["--fast", "--log-level", "debug"]);
    let mut running = start(&arguments);
    running.says("Connection refused");
    mock.broker_up(-1).unwrap();
    let (code, words) = running.ended();
    assert_eq!(code, Some(0), "{words}");
}

#[test]
fn a_broker_that_stays_away_is_given_up_with_what_to_look_at() {
    let mock = mock();
    let servers = mock.bootstrap_servers();
    down(&mock);
    let output = run(&arguments(&servers, &["--fast", "--wait", "2"]));
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(err(&output).contains("did not answer for"), "{}", err(&output));
    assert!(err(&output).contains("--bootstrap-servers"), "{}", err(&output));
}

#[test]
fn a_broker_that_goes_away_in_the_middle_and_comes_back_loses_and_doubles_nothing() {
    let mock = mock();
    let servers = mock.bootstrap_servers();
    let slice = arguments(&servers, &["--rate", "100", "--slice", "1/10"]);
    let wanted = manifest(&run(&[&slice[..], &["--dry-run", "-o", "json"]].concat()));
    let mut running = start(&[&slice[..], &["--log-level", "debug"]].concat());
    let mut reader = Reader::new(&servers, "orders");
    assert!(reader.until(|reader| reader.windows.contains_key(WINDOW)));
    down(&mock);
    running.says("Connection refused");
    mock.broker_up(-1).unwrap();
    let (code, words) = running.ended();
    assert_eq!(code, Some(0), "{words}");
    let slice = &manifests(&servers, "mooring.windows")[0];
    assert_eq!((slice.records, &slice.ids_sha256), (wanted.records, &wanted.ids_sha256));
    assert!(Reader::whole(&servers, "orders")[WINDOW].is(slice));
}

#[test]
fn a_slow_broker_gets_everything() {
    let mock = mock();
    mock.broker_round_trip_time(-1, Duration::from_millis(300)).unwrap();
    let servers = mock.bootstrap_servers();
    let output = run(&arguments(&servers, &["--fast", "-o", "json"]));
    mock.broker_round_trip_time(-1, Duration::ZERO).unwrap();
    holds(&servers, &output);
}

#[test]
fn errors_that_pass_are_tried_again_without_doubles() {
    use Answer::{
        RD_KAFKA_RESP_ERR__TRANSPORT as HANG_UP, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS as TOO_FEW,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION as NOT_LEADER,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT as LATE,
    };
    let mock = mock();
    let servers = mock.bootstrap_servers();
    mock.request_errors(Api::Produce, &[NOT_LEADER, LATE, HANG_UP, TOO_FEW, NOT_LEADER]);
    let output = run(&arguments(&servers, &["--fast", "-o", "json", "--set", "retry.backoff.ms=10"]));
    holds(&servers, &output);
}

#[test]
fn events_that_are_refused_are_counted_with_the_reason() {
    let mock = mock();
    let servers = mock.bootstrap_servers();
    mock.request_errors(Api::Produce, &[Answer::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 50]);
    let output = run(&arguments(&servers, &["--fast"]));
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(err(&output).contains("records were not taken: "), "{}", err(&output));
    assert!(err(&output).contains("uthorization failed"), "{}", err(&output));
    assert!(manifests(&servers, "mooring.windows").is_empty(), "a window that is not whole has no manifest");
}

#[test]
fn a_run_that_is_asked_to_stop_says_exactly_what_is_in() {
    let mock = mock();
    let servers = mock.bootstrap_servers();
    let mut running = start(&arguments(&servers, &["--rate", "100"]));
    let mut reader = Reader::new(&servers, "orders");
    assert!(reader.until(|reader| reader.windows.get(WINDOW).is_some_and(|found| found.records > 20)));
    running.terminate();
    running.says("asked to stop");
    let (code, words) = running.ended();
    assert_eq!(code, Some(3), "{words}");
    let records = Reader::whole(&servers, "orders")[WINDOW].records;
    assert!(words.contains(&format!("  {records} records of ")), "{records} are in, but: {words}");
    assert!(manifests(&servers, "mooring.windows").is_empty());
}

#[test]
fn a_transaction_that_is_fenced_says_so() {
    let mock = mock();
    let servers = mock.bootstrap_servers();
    mock.request_errors(Api::EndTxn, &[Answer::RD_KAFKA_RESP_ERR_PRODUCER_FENCED; 5]);
    let output = run(&arguments(&servers, &["--fast", "--exactly-once"]));
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(err(&output).contains("fenced this one off"), "{}", err(&output));
    assert!(err(&output).contains("none of "), "{}", err(&output));
}

#[test]
fn a_coordinator_that_moves_is_followed() {
    use Answer::{
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS as LOADING,
        RD_KAFKA_RESP_ERR_NOT_COORDINATOR as ELSEWHERE,
    };
    let mock = mock();
    let servers = mock.bootstrap_servers();
    mock.request_errors(Api::InitProducerId, &[LOADING, ELSEWHERE]);
    mock.request_errors(Api::EndTxn, &[LOADING, ELSEWHERE]);
    let output = run(&arguments(&servers, &["--fast", "-o", "json", "--exactly-once"]));
    holds(&servers, &output);
}
