//! Producers as `CronJob`s.

use serde_json::{Value, json};

use crate::environment::{Environment, Producer};

/// The image of this release's producer.
pub const PRODUCER_IMAGE: &str = concat!("ghcr.io/mooring-dev/mooring-producer:", env!("CARGO_PKG_VERSION"));

/// The label that holds a producer's name, on its `CronJob`, Jobs and pods.
pub const PRODUCER_LABEL: &str = "mooring.dev/producer";

/// Where descriptions of datasets lie in a producer's container.
const DESCRIPTIONS: &str = "/etc/mooring/datasets";

/// Where the Secret with the Kafka client's settings lies in a producer's container.
const KAFKA_SETTINGS: &str = "/etc/mooring/kafka";

/// The exit code by which `mooring-producer` says that its arguments are wrong: trying again would not help.
const BAD_ARGUMENTS: i32 = 4;

/// The `CronJob` of a producer.
///
/// The window that a run fills follows from the minute in its Job's name, which the pod learns by a label of its own
/// (`batch.kubernetes.io/job-name`): a late start and a second try make the same events.
pub fn cron_job(producer: &Producer, environment: &Environment) -> Value {
    let labels = labels(producer, environment);
    let namespace = producer.namespace.as_deref().unwrap_or(&environment.spec.namespace);
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": { "name": producer.name, "namespace": namespace, "labels": labels },
        "spec": {
            "schedule": producer.schedule,
            "timeZone": producer.time_zone,
            "concurrencyPolicy": "Forbid",
            "suspend": producer.suspend,
            "startingDeadlineSeconds": producer.starting_deadline_seconds,
            "successfulJobsHistoryLimit": producer.successful_jobs_history_limit,
            "failedJobsHistoryLimit": producer.failed_jobs_history_limit,
            "jobTemplate": {
                "metadata": { "labels": labels },
                "spec": {
                    "backoffLimit": 3,
                    "podFailurePolicy": {
                        "rules": [
                            {
                                "action": "FailJob",
                                "onExitCodes": {
                                    "containerName": "producer",
                                    "operator": "In",
                                    "values": [BAD_ARGUMENTS],
                                },
                            },
                            { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] },
                        ],
                    },
                    "template": { "metadata": { "labels": labels }, "spec": pod(producer) },
                },
            },
        },
    })
}

fn pod(producer: &Producer) -> Value {
    let mut args = vec![
        "--dataset".to_owned(),
        if producer.has_described_dataset() {
            format!("{DESCRIPTIONS}/{}.yaml", producer.dataset)
        } else {
            producer.dataset.clone()
        },
        "--seed".to_owned(),
        producer.seed.to_string(),
        "--rate".to_owned(),
        producer.events_per_second.to_string(),
        "--topic".to_owned(),
        producer.topic.clone(),
        "--bootstrap-servers".to_owned(),
        producer.bootstrap_servers.clone(),
        "--schedule".to_owned(),
        producer.schedule.clone(),
        "--time-zone".to_owned(),
        producer.time_zone.clone(),
    ];
    if producer.secret.is_some() {
        args.extend(["--settings".to_owned(), format!("{KAFKA_SETTINGS}/librdkafka.properties")]);
    }
    args.extend(producer.args.iter().cloned());
    let resources = producer.resources.as_ref().map_or_else(
        || json!({ "requests": { "cpu": "100m", "memory": "64Mi" }, "limits": { "memory": "128Mi" } }),
        |resources| json!({ "requests": resources.requests, "limits": resources.limits }),
    );
    let (mut mounts, mut volumes) = (Vec::new(), Vec::new());
    if producer.has_described_dataset() {
        mounts.push(json!({ "name": "dataset", "mountPath": DESCRIPTIONS, "readOnly": true }));
        volumes.push(json!({ "name": "dataset", "configMap": { "name": dataset_name(producer) } }));
    }
    if let Some(secret) = &producer.secret {
        mounts.push(json!({ "name": "kafka", "mountPath": KAFKA_SETTINGS, "readOnly": true }));
        volumes.push(json!({ "name": "kafka", "secret": { "secretName": secret } }));
    }
    let mut pod = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [{
            "name": "producer",
            "image": producer.image.as_deref().unwrap_or(PRODUCER_IMAGE),
            "args": args,
            "env": [{
                "name": "MOORING_JOB_NAME",
                "valueFrom": { "fieldRef": { "fieldPath": "metadata.labels['batch.kubernetes.io/job-name']" } },
            }],
            "resources": resources,
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
        }],
    });
    // Empty lists would be told from none by the API server's bookkeeping.
    if !volumes.is_empty() {
        pod["containers"][0]["volumeMounts"] = json!(mounts);
        pod["volumes"] = json!(volumes);
    }
    pod
}

fn dataset_name(producer: &Producer) -> String {
    format!("{}-dataset", producer.name)
}

/// The ConfigMap that takes a dataset's description to the producer's pods.
pub fn dataset_config_map(producer: &Producer, environment: &Environment, description: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": dataset_name(producer),
            "namespace": producer.namespace.as_deref().unwrap_or(&environment.spec.namespace),
            "labels": labels(producer, environment),
        },
        "data": { format!("{}.yaml", producer.dataset): description },
    })
}

fn labels(producer: &Producer, environment: &Environment) -> Value {
    json!({
        "app.kubernetes.io/name": "mooring-producer",
        "app.kubernetes.io/instance": producer.name,
        "app.kubernetes.io/part-of": environment.metadata.name,
        PRODUCER_LABEL: producer.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        serde_json::from_value(json!({
            "apiVersion": "mooring.dev/v1alpha1",
            "kind": "Environment",
            "metadata": { "name": "local" },
            "spec": {
                "namespace": "lakehouse",
                "producers": [{
                    "name": "orders", "schedule": "*/5 * * * *", "timeZone": "Europe/Berlin", "dataset": "orders",
                    "topic": "orders", "eventsPerSecond": 200, "seed": 42, "args": ["--late", "0.01"],
                }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_producer_becomes_a_cron_job_that_never_runs_twice_at_once() {
        let environment = environment();
        let job = cron_job(&environment.spec.producers[0], &environment);
        assert_eq!(job["metadata"]["namespace"], "lakehouse");
        let spec = &job["spec"];
        assert_eq!(
            [&spec["schedule"], &spec["timeZone"], &spec["concurrencyPolicy"]],
            ["*/5 * * * *", "Europe/Berlin", "Forbid"]
        );
        let container = &spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], PRODUCER_IMAGE);
        assert_eq!(
            container["args"],
            json!([
                "--dataset",
                "orders",
                "--seed",
                "42",
                "--rate",
                "200",
                "--topic",
                "orders",
                "--bootstrap-servers",
                "kafka:9092",
                "--schedule",
                "*/5 * * * *",
                "--time-zone",
                "Europe/Berlin",
                "--late",
                "0.01"
            ])
        );
    }

    #[test]
    fn a_described_dataset_comes_as_a_file() {
        let mut environment = environment();
        environment.spec.producers[0].dataset = "shipments".to_owned();
        let producer = &environment.spec.producers[0];
        let pod = &cron_job(producer, &environment)["spec"]["jobTemplate"]["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["args"][1], "/etc/mooring/datasets/shipments.yaml");
        assert_eq!(pod["containers"][0]["volumeMounts"][0]["mountPath"], "/etc/mooring/datasets");
        let config_map = dataset_config_map(producer, &environment, "kind: Dataset");
        assert_eq!(pod["volumes"][0]["configMap"]["name"], config_map["metadata"]["name"]);
        assert_eq!(config_map["data"], json!({ "shipments.yaml": "kind: Dataset" }));
    }

    #[test]
    fn a_login_comes_from_a_secret_and_is_no_argument() {
        let mut environment = environment();
        environment.spec.producers[0].secret = Some("kafka-login".to_owned());
        let pod = &cron_job(&environment.spec.producers[0], &environment)["spec"]["jobTemplate"]["spec"]["template"]
            ["spec"];
        assert_eq!(pod["volumes"], json!([{ "name": "kafka", "secret": { "secretName": "kafka-login" } }]));
        let container = &pod["containers"][0];
        assert_eq!(container["volumeMounts"][0]["mountPath"], "/etc/mooring/kafka");
        let args: Vec<&str> =
            container["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        // Before the producer's own, which may add to the settings by `--set`.
        assert!(
            args.windows(3)
                .any(|three| three == ["--settings", "/etc/mooring/kafka/librdkafka.properties", "--late"]),
            "{args:?}"
        );
    }

    #[test]
    fn what_the_environment_says_of_a_producer_wins() {
        let mut environment = environment();
        let producer = &mut environment.spec.producers[0];
        producer.namespace = Some("streams".to_owned());
        producer.image = Some("registry.example/producer:1".to_owned());
        producer.suspend = true;
        let job = cron_job(&environment.spec.producers[0], &environment);
        assert_eq!(job["metadata"]["namespace"], "streams");
        assert_eq!(job["spec"]["suspend"], true);
        let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["image"], "registry.example/producer:1");
    }
}
