//! An environment as a person thinks of it: each component with its version, its health, and what it says of itself.

mod figures;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub use figures::{FIGURES, Figure, FigureRule, figures};

use super::health::{self, Health};
use super::pods;
use crate::manifest::COMPONENT;
use crate::schedule::{CronJobFacts, JobFacts, Outcome, PRODUCER_LABEL, due_minute};

/// The label by which charts say which version of a program they run.
const VERSION: &str = "app.kubernetes.io/version";

/// What was found of an environment in the cluster.
#[derive(Debug, Default)]
pub struct Found {
    /// Deployments, StatefulSets, DaemonSets and Jobs that belong to it.
    pub workloads: Vec<Value>,
    /// The pods of its namespaces.
    pub pods: Vec<Value>,
    /// Its `CronJob`s.
    pub cron_jobs: Vec<Value>,
    /// The Jobs that producers' `CronJob`s made.
    pub runs: Vec<Value>,
    /// What Services said of themselves, by the name of their component.
    pub figures: BTreeMap<String, Vec<Figure>>,
}

/// An environment as a person thinks of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overview {
    /// Its components, in the order of the file.
    pub components: Vec<ComponentOverview>,
    /// Its producers, in the order of the file.
    pub producers: Vec<ProducerOverview>,
}

/// A component.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentOverview {
    /// Its name.
    pub name: String,
    /// The version of what it runs, by the label `app.kubernetes.io/version` or else by its image's tag.
    pub version: Option<String>,
    /// How many of its pods are ready.
    pub ready_pods: u64,
    /// How many it should have.
    pub wanted_pods: u64,
    /// How often containers of its pods were started again.
    pub restarts: u64,
    /// What is wrong, in words.
    pub trouble: Option<String>,
    /// What it says of itself.
    pub figures: Vec<Figure>,
}

/// A producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProducerOverview {
    /// Its name.
    pub name: String,
    /// Where the last window ends that was filled.
    pub last_window: Option<Timestamp>,
    /// When it was full.
    pub last_done: Option<Timestamp>,
    /// How many runs are under way.
    pub running: u64,
    /// How many of the runs that the cluster remembers were given up.
    pub failed: u64,
    /// Whether it is suspended.
    pub suspended: bool,
}

/// Components and producers by their names, with what was found of them.
pub fn overview(components: &[String], producers: &[String], found: &Found) -> Overview {
    Overview {
        components: components.iter().map(|name| component(name, found)).collect(),
        producers: producers.iter().map(|name| producer(name, found)).collect(),
    }
}

fn component(name: &str, found: &Found) -> ComponentOverview {
    let mine = |workload: &&Value| label(workload, COMPONENT) == Some(name);
    let workloads: Vec<&Value> = found.workloads.iter().filter(mine).collect();
    let pods: Vec<&Value> =
        found.pods.iter().filter(|pod| workloads.iter().any(|workload| owns(workload, pod))).collect();
    ComponentOverview {
        name: name.to_owned(),
        version: workloads.iter().find_map(|workload| version(workload)),
        ready_pods: workloads.iter().map(|workload| pods_of(workload).0).sum(),
        wanted_pods: workloads.iter().map(|workload| pods_of(workload).1).sum(),
        restarts: pods.iter().map(|pod| restarts(pod)).sum(),
        trouble: workloads.iter().find_map(|workload| trouble(workload, &pods)),
        figures: found.figures.get(name).cloned().unwrap_or_default(),
    }
}

/// How many pods of a workload are ready, and how many it should have. Those of a Job come and go: it has none.
fn pods_of(workload: &Value) -> (u64, u64) {
    let count = |pointer: &str| workload.pointer(pointer).and_then(Value::as_u64);
    let (ready, wanted) = match workload["kind"].as_str() {
        Some("Job") => (None, None),
        Some("DaemonSet") => (count("/status/numberReady"), count("/status/desiredNumberScheduled")),
        _ => (count("/status/readyReplicas"), Some(count("/spec/replicas").unwrap_or(1))),
    };
    (ready.unwrap_or(0), wanted.unwrap_or(0))
}

/// What keeps a workload from being as asked for: its pods know more than it does.
fn trouble(workload: &Value, pods: &[&Value]) -> Option<String> {
    let health = health::assess(workload);
    if health == Health::Current {
        return None;
    }
    let of_pod = pods.iter().filter(|pod| owns(workload, pod)).find_map(|pod| pods::trouble(pod));
    Some(of_pod.unwrap_or_else(|| health.to_string()))
}

fn label<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object["metadata"]["labels"][name].as_str()
}

fn version(workload: &Value) -> Option<String> {
    let tag = || {
        let image = workload.pointer("/spec/template/spec/containers/0/image")?.as_str()?;
        // A colon before the last slash is that of a registry's port.
        let (_, tag) = image.split('@').next()?.rsplit('/').next()?.split_once(':')?;
        Some(tag)
    };
    label(workload, VERSION).or_else(tag).map(str::to_owned)
}

/// Whether the workload's selector picks the pod.
fn owns(workload: &Value, pod: &Value) -> bool {
    let wanted = workload.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    workload["metadata"]["namespace"] == pod["metadata"]["namespace"]
        && wanted.is_some_and(|wanted| {
            !wanted.is_empty()
                && wanted.iter().all(|(name, value)| label(pod, name).is_some_and(|have| value == have))
        })
}

fn restarts(pod: &Value) -> u64 {
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    statuses.into_iter().flatten().filter_map(|status| status["restartCount"].as_u64()).sum()
}

fn producer(name: &str, found: &Found) -> ProducerOverview {
    let cron_job = found.cron_jobs.iter().find(|job| label(job, PRODUCER_LABEL) == Some(name));
    let facts = cron_job.and_then(|job| CronJobFacts::read(job, &found.runs, None));
    let jobs = facts.as_ref().map(|facts| &facts.jobs[..]).unwrap_or_default();
    let filled = jobs.iter().filter_map(|job| match &job.ended {
        Some((Outcome::Complete, at)) => Some((due_minute(name, &job.name)?, *at)),
        _ => None,
    });
    let (last_window, last_done) = filled.max().unzip();
    let failed = |job: &&JobFacts| matches!(job.ended, Some((Outcome::Failed(_), _)));
    ProducerOverview {
        name: name.to_owned(),
        last_window,
        last_done,
        running: jobs.iter().filter(|job| job.ended.is_none()).count() as u64,
        failed: jobs.iter().filter(failed).count() as u64,
        suspended: facts.is_some_and(|facts| facts.suspended),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(kind: &str, spec: &Value, status: &Value) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": "kafka", "namespace": "lakehouse", "generation": 1, "labels": {COMPONENT: "kafka"}},
            "spec": spec, "status": status,
        })
    }

    fn pod(app: &str, restarts: u64) -> Value {
        json!({
            "metadata": {"name": "kafka-0", "namespace": "lakehouse", "labels": {"app": app}},
            "status": {"containerStatuses": [{"name": "broker", "restartCount": restarts,
                "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]},
        })
    }

    #[test]
    fn a_component_has_the_pods_and_restarts_of_all_its_workloads() {
        let spec = json!({
            "replicas": 3, "selector": {"matchLabels": {"app": "kafka"}},
            "template": {"spec": {"containers": [{"image": "localhost:5000/apache/kafka:4.3.1@sha256:00"}]}},
        });
        let daemon = json!({"selector": {"matchLabels": {"app": "agent"}}});
        let found = Found {
            workloads: vec![
                workload("StatefulSet", &spec, &json!({"readyReplicas": 2, "observedGeneration": 1})),
                workload("DaemonSet", &daemon, &json!({"desiredNumberScheduled": 2, "numberReady": 2})),
                workload("Job", &json!({}), &json!({})),
            ],
            pods: vec![pod("kafka", 2), pod("agent", 1), pod("other", 7)],
            ..Found::default()
        };
        let kafka = component("kafka", &found);
        assert_eq!((kafka.ready_pods, kafka.wanted_pods, kafka.restarts), (4, 5, 3));
        assert_eq!(kafka.version.as_deref(), Some("4.3.1"));
        assert_eq!(
            kafka.trouble.as_deref(),
            Some("pod kafka-0: container broker: ImagePullBackOff: no such image")
        );
        let nothing = component("minio", &found);
        assert_eq!((nothing.wanted_pods, nothing.version, nothing.trouble), (0, None, None));
    }

    #[test]
    fn the_label_of_a_version_comes_before_the_tag_of_an_image() {
        let mut deployment = workload(
            "Deployment",
            &json!({"template": {"spec": {"containers": [{"image": "registry:5000/spark"}]}}}),
            &json!({}),
        );
        assert_eq!(version(&deployment), None, "the port of a registry is no tag");
        deployment["metadata"]["labels"][VERSION] = json!("4.1.1");
        assert_eq!(version(&deployment).as_deref(), Some("4.1.1"));
    }

    #[test]
    fn a_producer_has_the_newest_window_that_was_filled() {
        let run = |due: i64, condition: &str| {
            json!({
                "metadata": {
                    "name": format!("orders-{due}"), "creationTimestamp": "2026-03-01T10:00:00Z",
                    "ownerReferences": [{"uid": "1", "controller": true}],
                },
                "status": {"conditions": [
                    {"type": condition, "status": "True", "lastTransitionTime": "2026-03-01T10:05:09Z"}
                ]},
            })
        };
        let cron_job = json!({
            "metadata": {
                "name": "orders", "uid": "1", "labels": {PRODUCER_LABEL: "orders"},
                "creationTimestamp": "2026-03-01T09:00:00Z",
            },
            "spec": {"schedule": "*/5 * * * *"},
        });
        let found = Found {
            cron_jobs: vec![cron_job],
            runs: vec![
                run(29_539_805, "Complete"),
                run(29_539_800, "Complete"),
                run(29_539_810, "Failed"),
                run(29_539_815, "Suspended"),
            ],
            ..Found::default()
        };
        let orders = producer("orders", &found);
        assert_eq!(orders.last_window, Timestamp::from_second(29_539_805 * 60).ok());
        assert_eq!(orders.last_done, "2026-03-01T10:05:09Z".parse().ok());
        assert_eq!((orders.running, orders.failed, orders.suspended), (1, 1, false));
        assert_eq!(producer("clicks", &found).last_window, None);
    }
}
