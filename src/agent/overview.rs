//! What `mooring status` shows of an environment beyond its own status: components and producers as the cluster has them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::{ApiError, Call, Cluster};
use crate::manifest::{COMPONENT, PART_OF, apply_set_id};
use crate::plan::Resource;
use crate::plan::overview::{Figure, Found, Overview, figures, overview as overview_of};
use crate::schedule::PRODUCER_LABEL;

/// The kinds whose objects make pods that stay, or that a component waits for.
const WORKLOADS: [(&str, &str, &str); 4] = [
    ("apps", "Deployment", "deployments"),
    ("apps", "StatefulSet", "statefulsets"),
    ("apps", "DaemonSet", "daemonsets"),
    ("batch", "Job", "jobs"),
];

/// Components and producers of an Environment as it is in the cluster. A Service that does not answer leaves its figures
/// without values; a right that lacks is an error.
pub async fn overview(cluster: &Cluster, environment: &Value) -> Result<Overview, ApiError> {
    let spec = &environment["spec"];
    let names = |list: &str| -> Vec<String> {
        let all = spec[list].as_array().into_iter().flatten();
        all.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
    };
    let of_parts =
        ["components", "producers"].iter().flat_map(|list| spec[*list].as_array().into_iter().flatten());
    let namespaces: BTreeSet<&str> =
        of_parts.chain([spec]).filter_map(|part| part["namespace"].as_str()).collect();
    let member =
        format!("{PART_OF}={}", apply_set_id(environment["metadata"]["name"].as_str().unwrap_or_default()));

    let mut found = Found::default();
    for namespace in namespaces {
        for (group, kind, plural) in WORKLOADS {
            let listed = list(cluster, resource(group, kind, plural), namespace, &member).await?;
            found.workloads.extend(listed);
        }
        found.pods.extend(list(cluster, resource("", "Pod", "pods"), namespace, "").await?);
        let cron_jobs = resource("batch", "CronJob", "cronjobs");
        found.cron_jobs.extend(list(cluster, cron_jobs, namespace, &member).await?);
        found.runs.extend(list(cluster, resource("batch", "Job", "jobs"), namespace, PRODUCER_LABEL).await?);
        for service in list(cluster, resource("", "Service", "services"), namespace, &member).await? {
            let Some(component) = service["metadata"]["labels"][COMPONENT].as_str() else { continue };
            let shown = figures_of(cluster, &service, namespace).await;
            found.figures.entry(component.to_owned()).or_default().extend(shown);
        }
    }
    Ok(overview_of(&names("components"), &names("producers"), &found))
}

fn resource(group: &str, kind: &str, plural: &str) -> Resource {
    Resource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        namespaced: true,
    }
}

/// The objects of a list, each with its kind, which lists leave out.
async fn list(
    cluster: &Cluster,
    resource: Resource,
    namespace: &str,
    selector: &str,
) -> Result<Vec<Value>, ApiError> {
    let mut found = Vec::new();
    let keep = |mut object: Value| {
        object["apiVersion"] = resource.api_version().into();
        object["kind"] = resource.kind.as_str().into();
        found.push(object);
    };
    cluster.list(&resource, Some(namespace), selector, keep).await?;
    Ok(found)
}

/// What a Service says of itself, through the API server, which reaches it wherever the user is.
async fn figures_of(cluster: &Cluster, service: &Value, namespace: &str) -> Vec<Figure> {
    let name = service["metadata"]["name"].as_str().unwrap_or_default();
    let rules = figures(service).unwrap_or_else(|error| {
        tracing::warn!("Service {namespace}/{name}: {error}");
        Vec::new()
    });
    if rules.is_empty() {
        return Vec::new();
    }
    let port = service.pointer("/spec/ports/0/port").and_then(Value::as_u64).unwrap_or(80);
    let path = format!("/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy/metrics");
    let what = format!("get the metrics of Service {namespace}/{name}");
    let answer = cluster.send_once(&Call { accept: Some("text/plain"), ..Call::get(&what, path) }).await;
    let metrics = answer.inspect_err(|error| tracing::debug!("{error}")).ok();
    let text = metrics.map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
    rules.iter().map(|rule| rule.read(text.as_deref())).collect()
}
