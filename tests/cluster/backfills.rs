//! Windows of the past: Jobs for those that a range names or that a schedule missed.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::scene::Scene;

const EVERY_FIVE_MINUTES: &str = "components: []\nproducers:\n  - name: orders\n    schedule: \"*/5 * * * *\"\n    dataset: orders\n    \
    topic: orders\n    eventsPerSecond: 1\n    image: example.org/producer:1";

/// The Jobs of windows that were filled in, by name.
fn jobs(scene: &Scene) -> Vec<(String, Value)> {
    let listed = scene.kubectl(&["get", "jobs", "--selector", "mooring.dev/backfill=true", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let name = |job: &Value| job["metadata"]["name"].as_str().unwrap().to_owned();
    listed["items"].as_array().unwrap().iter().map(|job| (name(job), job.clone())).collect()
}

fn backfill(scene: &Scene, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mooring"));
    command
        .args(["backfill", &scene.name, "orders", "--kubeconfig"])
        .arg(scene.folder().join("kubeconfig"))
        .args(arguments);
    command
}

#[test]
fn a_backfill_makes_the_windows_of_a_range_once_and_goes_on_where_it_was_killed() {
    let mut scene = Scene::new();
    scene.push(&[("environment", EVERY_FIVE_MINUTES)]);
    scene.start();
    scene.settles();

    // Killed when the first windows are there, and run again.
    let range = ["2026-11-01T10:00:00Z", "2026-11-01T11:02:00Z", "--parallel", "2"];
    let mut first = backfill(&scene, &range).stderr(Stdio::null()).spawn().unwrap();
    scene.wait_until("a window is there", || !jobs(&scene).is_empty());
    first.kill().unwrap();
    first.wait().unwrap();
    let before = jobs(&scene);
    let second = backfill(&scene, &range).args(["-o", "json"]).output().unwrap();
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
    let told: Value = serde_json::from_slice(&second.stdout).unwrap();
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), 12, "five minutes each");
    assert!(told.iter().all(|window| window["run"]["state"] == "done"), "{told:?}");
    assert_eq!(told[0]["window"]["start"], "2026-11-01T10:00:00Z");
    let after = jobs(&scene);
    assert_eq!(after.len(), 12);
    for (name, job) in &before {
        let same = after.iter().find(|(other, _)| other == name).unwrap();
        assert_eq!(same.1["metadata"]["uid"], job["metadata"]["uid"], "{name} was made once");
    }
    let name = |job: &str| after.iter().any(|(name, _)| name == job);
    assert!(told.iter().all(|window| name(window["job"].as_str().unwrap())));

    // What is done is left out.
    let third = backfill(&scene, &range).output().unwrap();
    assert!(third.status.success());
    let said = String::from_utf8_lossy(&third.stderr).into_owned();
    assert!(said.contains("12 windows, 12 of them done already"), "{said}");
    assert_eq!(jobs(&scene).len(), 12);

    let wrong = backfill(&scene, &["2026-11-02", "2026-11-01"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("name the earlier time first"));
}

#[test]
fn a_missed_run_is_made_up_for_where_the_environment_says_so() {
    let mut scene = Scene::new();
    let spec = "components: []\ndrift: report\nproducers:\n  - name: orders\n    schedule: \"* * * * *\"\n    dataset: orders\n    \
                topic: orders\n    eventsPerSecond: 1\n    image: example.org/producer:1\n    backfill: auto\n    startingDeadlineSeconds: 10";
    scene.push(&[("environment", spec)]);
    scene.start();
    scene.settles();
    // Suspended over a minute's turn and past the deadline: that run does not happen.
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    if seconds() % 60 > 50 {
        std::thread::sleep(Duration::from_secs(11));
    }
    let due = seconds() / 60 + 1;
    scene.kubectl(&["patch", "cronjob", "orders", "--patch", r#"{"spec": {"suspend": true}}"#]);
    scene.wait_until("the deadline has passed", || seconds() > due * 60 + 14);
    scene.kubectl(&["patch", "cronjob", "orders", "--patch", r#"{"spec": {"suspend": false}}"#]);
    let name = format!("orders-{due}");
    scene.wait_until("the run is made up for", || scene.agent().said(&format!("made up for, by Job {name}")));
    let made = jobs(&scene);
    assert!(made.iter().any(|(job, _)| *job == name), "{made:?}");
}
