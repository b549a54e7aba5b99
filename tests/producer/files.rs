//! Standard output, files, and what is refused.

use std::io::Read as _;
use std::net::TcpStream;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::command::{WINDOW, err, manifest, out, run, start};

const ORDERS: [&str; 5] = ["--dataset", "orders", "--window", WINDOW, "--fast"];

fn orders(more: &[&str]) -> Vec<String> {
    ORDERS.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn run_orders(more: &[&str]) -> std::process::Output {
    let arguments = orders(more);
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn ids(lines: &str) -> Vec<String> {
    lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect()
}

fn sum(mut ids: Vec<String>) -> (u64, String) {
    ids.sort();
    ids.dedup();
    let lines: String = ids.iter().map(|id| format!("{id}\n")).collect();
    (ids.len() as u64, data_encoding::HEXLOWER.encode(&Sha256::digest(lines)))
}

#[test]
fn a_file_holds_what_its_manifest_says_and_is_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let dirt = ["--duplicates", "2%", "--malformed", "1%", "--late", "3%", "-o", "json"];
    let read = |name: &str| {
        let path = folder.path().join(name);
        let output = run_orders(&[&["--file", path.to_str().unwrap()], &dirt[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        (manifest(&output), std::fs::read(path).unwrap())
    };
    let (plain_manifest, plain) = read("orders.jsonl");
    let (manifest, compressed) = read("orders.jsonl.gz");
    let mut lines = String::new();
    MultiGzDecoder::new(compressed.as_slice()).read_to_string(&mut lines).unwrap();
    assert_eq!((lines.as_bytes(), &plain_manifest), (plain.as_slice(), &manifest));
    assert_eq!(lines.lines().count() as u64, manifest.records);
    assert_eq!(sum(ids(&lines)), (manifest.unique_ids, manifest.ids_sha256.clone()));
    assert!(compressed.len() * 3 < plain.len());
    let left: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn slices_after_each_other_are_the_window() {
    let whole = out(&run_orders(&[]));
    let slices: String =
        ["1/3", "2/3", "3/3"].iter().map(|slice| out(&run_orders(&["--slice", slice]))).collect();
    assert_eq!(whole, slices);
}

#[test]
fn a_dry_run_prints_ten_events_and_the_manifest_of_all() {
    let output = run_orders(&["--dry-run", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    assert_eq!(
        (text.lines().count(), ids(&text.lines().take(10).collect::<Vec<_>>().join("\n")).len()),
        (11, 10)
    );
    assert_eq!(manifest(&output).events, out(&run_orders(&[])).lines().count() as u64);
    let words = out(&run_orders(&["--dry-run"]));
    assert!(words.contains("unique ids") && words.contains("sha256"), "{words}");
}

#[test]
fn the_job_of_a_cron_job_fills_the_window_before_its_minute() {
    let due: jiff::Timestamp = "2026-03-01T10:01:00Z".parse().unwrap();
    let job = mooring::schedule::job_name("orders", due);
    let output = run(&[
        "--dataset",
        "orders",
        "--job",
        &job,
        "--schedule",
        "* * * * *",
        "--fast",
        "--dry-run",
        "-o",
        "json",
    ]);
    assert_eq!(manifest(&output).window.to_string(), WINDOW, "{}", err(&output));
}

#[test]
fn a_schema_is_printed_in_both_languages() {
    let schema = |more: &[&str]| -> Value {
        serde_json::from_str(&out(&run(&[&["--dataset", "orders", "--schema"], more].concat()))).unwrap()
    };
    assert!(schema(&["json"])["properties"]["event_id"].is_object());
    let older = schema(&["avro"])["fields"].as_array().unwrap().len();
    let newer =
        schema(&["avro", "--schema-change", "2026-03-01T00:00:00Z"])["fields"].as_array().unwrap().len();
    assert_eq!(newer, older + 1);
}

#[test]
fn bad_arguments_end_with_four_and_a_way_out() {
    for (arguments, words) in [
        (&["--dataset", "ordrs", "--window", WINDOW][..], "did you mean `orders`?"),
        (&["--dataset", "orders", "--window", "yesterday"], "2026-03-01T10:00:00Z/"),
        (&["--dataset", "orders"], "give --window START/END"),
        (&["--dataset", "orders", "--window", WINDOW, "--rate", "0"], "from 1 to 1000000"),
        (
            &[
                "--dataset",
                "orders",
                "--window",
                WINDOW,
                "--bootstrap-servers",
                "127.0.0.1:1",
                "--set",
                "linger=5",
            ],
            "the setting linger: No such configuration property",
        ),
        (
            &[
                "--dataset",
                "orders",
                "--window",
                WINDOW,
                "--bootstrap-servers",
                "127.0.0.1:1",
                "--settings",
                "/nowhere",
            ],
            "failed to read --settings /nowhere",
        ),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {}", err(&output));
        assert!(err(&output).contains(words), "{arguments:?}: {}", err(&output));
    }
}

#[test]
fn a_file_that_cannot_be_written_ends_with_three() {
    let output = run_orders(&["--file", "/nowhere/orders.jsonl"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("failed to write /nowhere/orders.jsonl"), "{}", err(&output));
}

#[test]
fn a_run_that_is_asked_to_stop_leaves_no_half_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let arguments = ["--dataset", "orders", "--window", WINDOW, "--file", path.to_str().unwrap()];
    let mut running = start(&[&arguments[..], &["--listen", "127.0.0.1:0"]].concat());
    let words = running.says("/metrics");
    let address = words.split("http://").nth(1).unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("mooring_producer_records_delivered_total"), "{answer}");
    running.terminate();
    let (code, words) = running.ended();
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("asked to stop") && words.contains("was not written"), "{words}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_dataset_of_one_s_own_is_made_from_its_description() {
    let page = include_str!("../../docs/datasets.md");
    let text = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shipments.yaml");
    std::fs::write(&file, text).unwrap();
    let dataset = file.to_str().unwrap();
    let made = run(&["--dataset", dataset, "--window", WINDOW, "--rate", "50", "--fast", "--malformed", "0"]);
    assert!(made.status.success(), "{}", err(&made));
    let events: Vec<serde_json::Value> =
        out(&made).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!events.is_empty() && events.iter().all(|event| event["parcel_id"].is_u64()));

    std::fs::write(&file, text.replace("rhythm: office", "rhythm: ofice")).unwrap();
    let wrong = run(&["--dataset", dataset, "--window", WINDOW, "--dry-run"]);
    assert_eq!(wrong.status.code(), Some(4));
    assert!(err(&wrong).contains("shipments.yaml:8:11") && err(&wrong).contains("did you mean `office`?"));
}
