//! A real Kafka: whenever a run is killed, its window is in whole or not at all.

use std::time::{Duration, Instant};

use mooring::producer::WindowManifest;

use super::broker::broker;
use super::command::{WINDOW, err, manifest, run, start};
use super::reader::{Reader, manifests};

const KILLS: u32 = 50;

fn once<'a>(topic: &'a str, window: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let servers = &broker().servers;
    let arguments = [
        "--dataset",
        "orders",
        "--window",
        window,
        "--bootstrap-servers",
        servers,
        "--topic",
        topic,
        "--exactly-once",
        "--duplicates",
        "1%",
        "--malformed",
        "1%",
    ];
    [&arguments[..], more].concat()
}

fn delivered(topic: &str, window: &str, more: &[&str]) -> (WindowManifest, String) {
    let output = run(&once(topic, window, &[&["-o", "json"], more].concat()));
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    (manifest(&output), err(&output))
}

fn window(minute: u32) -> String {
    let (from, to) = (minute, minute + 1);
    let time = |minute: u32| format!("2026-03-02T{:02}:{:02}:00Z", 9 + minute / 60, minute % 60);
    format!("{}/{}", time(from), time(to))
}

#[test]
fn killed_at_any_point_a_window_is_in_whole_or_not_at_all() {
    let topic = "killed";
    // How long a run takes that nobody kills, twice: the first one warms the broker up.
    let (first, _) = delivered(topic, &window(100), &["--fast"]);
    let began = Instant::now();
    let (second, _) = delivered(topic, &window(101), &["--fast"]);
    let time = began.elapsed();

    let mut reader = Reader::new(&broker().servers, topic);
    let (mut none, mut whole) = (0, 0);
    let mut wanted = vec![(window(100), first), (window(101), second)];
    for kill in 0..KILLS {
        let window = window(kill);
        let mut running = start(&once(topic, &window, &["--fast"]));
        // The points lie evenly over a run, and a little beyond its end.
        std::thread::sleep(time.mul_f64(f64::from(kill) / f64::from(KILLS) * 1.05));
        running.kill();
        let found = reader.records(&window);
        let (manifest, words) = delivered(topic, &window, &["--fast"]);
        if words.contains("in already") {
            whole += 1;
        } else {
            none += 1;
            assert_eq!(
                found, 0,
                "of {window}, that was killed, {found} records of {} are in",
                manifest.records
            );
        }
        let is_in = reader.until(|reader| {
            reader.windows.get(&window).is_some_and(|found| found.records >= manifest.records)
        });
        assert!(is_in && reader.windows[&window].is(&manifest), "{window} is not in as its manifest says");
        wanted.push((window, manifest));
    }
    println!("{KILLS} kills: {none} windows were not in and were sent again, {whole} were in");
    assert!(none > 0, "every window was in before it was killed");

    let all = Reader::whole(&broker().servers, topic);
    let strays: Vec<_> =
        all.keys().filter(|found| wanted.iter().all(|(window, _)| window != *found)).collect();
    assert!(strays.is_empty(), "{strays:?}");
    for (window, manifest) in &wanted {
        assert!(
            all.get(window).is_some_and(|found| found.is(manifest)),
            "{window}: {:?}",
            all.get(window).map(|found| found.records)
        );
    }
}

#[test]
fn a_second_run_fences_the_first() {
    let topic = "fenced";
    let mut first =
        start(&once(topic, WINDOW, &["--rate", "100", "--listen", "127.0.0.1:0", "--log-level", "debug"]));
    first.says("/metrics");
    // It has taken its place once it reads which windows are in.
    std::thread::sleep(Duration::from_secs(3));
    let (manifest, _) = delivered(topic, WINDOW, &["--fast"]);
    let (code, words) = first.ended();
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("fenced this one off"), "{words}");
    assert!(Reader::whole(&broker().servers, topic)[WINDOW].is(&manifest));
}

#[test]
fn a_window_that_is_in_is_said_and_left_alone() {
    let topic = "again";
    let (manifest, _) = delivered(topic, WINDOW, &["--fast"]);
    let (again, words) = delivered(topic, WINDOW, &["--fast"]);
    assert!(words.contains("in already"), "{words}");
    assert_eq!(manifest, again);
    let (_, words) = delivered(topic, WINDOW, &["--fast", "--slice", "2/3"]);
    assert!(words.contains("in already"), "{words}");
    let other = run(&once(topic, WINDOW, &["--fast", "--rate", "50"]));
    assert_eq!(other.status.code(), Some(3));
    assert!(err(&other).contains("with --rate 100 and not 50"), "{}", err(&other));
    assert!(Reader::whole(&broker().servers, topic)[WINDOW].is(&manifest));
}

#[test]
fn a_window_longer_than_a_transaction_goes_in_slices_and_goes_on_where_it_stopped() {
    let topic = "sliced";
    let manifests_topic = "sliced.windows";
    // A minute at a hundred a second, in transactions of at most five seconds: three of them are for sending.
    let more = ["--windows-topic", manifests_topic, "--transaction-limit", "5"];
    let mut running = start(&once(topic, WINDOW, &[&more[..], &["--rate", "100"]].concat()));
    running.says("slice=3/");
    running.terminate();
    let (code, words) = running.ended();
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("2 slices of it are in"), "{words}");
    // A faster run keeps to the cuts of the one before.
    let (whole, words) = delivered(topic, WINDOW, &[&more[..], &["--fast"]].concat());
    assert!(!words.contains("slice=2/") && words.contains("slice=3/"), "{words}");
    assert!(Reader::whole(&broker().servers, topic)[WINDOW].is(&whole));
    let all = manifests(&broker().servers, manifests_topic);
    let slices: u64 = all.iter().filter(|one| one.slice.of() > 1).map(|one| one.records).sum();
    assert_eq!((slices, all.contains(&whole)), (whole.records, true));
    let (again, words) = delivered(topic, WINDOW, &[&more[..], &["--fast"]].concat());
    assert!(words.contains("in already") && again == whole, "{words}");
}

#[test]
fn a_run_that_is_asked_to_stop_takes_its_transaction_back() {
    let topic = "stopped";
    let mut running = start(&once(topic, WINDOW, &["--rate", "100", "--listen", "127.0.0.1:0"]));
    running.says("/metrics");
    std::thread::sleep(Duration::from_secs(2));
    running.terminate();
    let (code, words) = running.ended();
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("asked to stop") && words.contains("none of "), "{words}");
    let (manifest, _) = delivered(topic, WINDOW, &["--fast"]);
    assert!(Reader::whole(&broker().servers, topic)[WINDOW].is(&manifest));
}
