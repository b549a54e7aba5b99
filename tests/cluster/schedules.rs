//! Producers as CronJobs, and the runs that do not happen.

use crate::scene::Scene;

/// A producer that would run each minute.
const EACH_MINUTE: &str = "components: []\ndrift: report\nproducers:\n  - name: orders\n    schedule: \"* * * * *\"\n    \
    dataset: orders\n    topic: orders\n    eventsPerSecond: 1\n    image: example.org/producer:1";

#[test]
fn producers_become_cron_jobs() {
    let mut scene = Scene::new();
    let spec = "components: []\nproducers:\n  - name: orders\n    schedule: \"30 4 * * 1-5\"\n    timeZone: Europe/Berlin\n    \
                dataset: orders\n    topic: orders\n    eventsPerSecond: 200\n    seed: 42";
    scene.push(&[("environment", spec)]);
    scene.start();
    scene.settles();
    let spec = scene.get("batch/v1/cronjobs", "orders").unwrap()["spec"].take();
    assert_eq!(spec["schedule"], "30 4 * * 1-5");
    assert_eq!(spec["timeZone"], "Europe/Berlin");
    assert_eq!(spec["concurrencyPolicy"], "Forbid");
    assert!(spec["startingDeadlineSeconds"].is_u64() && spec["successfulJobsHistoryLimit"].is_u64());
    scene.wait_until("the next run is told", || {
        scene.status()["nextRuns"][0]["time"].as_str().is_some_and(|time| time.contains(":30:00"))
    });

    // A schedule that is none is refused with its place, and the CronJob stays.
    let wrong = "components: []\nproducers:\n  - {name: orders, schedule: \"61 * * * *\", dataset: orders, topic: orders, eventsPerSecond: 1}";
    scene.push(&[("environment", wrong)]);
    scene.wait_until("it is refused", || {
        scene.agent().said("environment.yaml:8:") && scene.agent().said("61")
    });
    assert_eq!(scene.get("batch/v1/cronjobs", "orders").unwrap()["spec"]["schedule"], "30 4 * * 1-5");
}

#[test]
fn a_run_that_did_not_happen_is_reported_with_its_cause() {
    let mut scene = Scene::new();
    scene.push(&[("environment", EACH_MINUTE)]);
    scene.start();
    scene.settles();
    scene.kubectl(&["patch", "cronjob", "orders", "--patch", r#"{"spec": {"suspend": true}}"#]);
    let missed =
        || scene.agent().drifts_of("orders").into_iter().find(|record| record["kind"] == "missedRun");
    scene.wait_until("the missed run is told", || missed().is_some());
    let record = missed().unwrap();
    assert!(record["fields"][0]["found"].as_str().is_some_and(|found| found.contains("suspend")), "{record}");
}
