//! The types of an environment's file. Their doc comments are the descriptions in the JSON Schema and in the CRD.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ChartSource;

/// The component that the producers' CronJobs belong to. No component of a file may have this name.
pub const PRODUCERS: &str = "producers";

/// The component of the namespaces that an environment speaks of and nobody else makes. No component of a file may have
/// this name.
pub const NAMESPACES: &str = "namespaces";

/// The datasets that `mooring-producer` can make.
pub const DATASETS: [&str; 6] = ["orders", "clicks", "sensors", "customers", "products", "devices"];

/// One environment: what belongs into a cluster, and how it is kept there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Environment {
    /// The version of this file's form.
    pub api_version: EnvironmentVersion,
    /// Always `Environment`.
    pub kind: EnvironmentKind,
    /// What the environment is called.
    pub metadata: Metadata,
    /// What belongs into the cluster.
    pub spec: EnvironmentSpec,
}

/// The versions of the file's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EnvironmentVersion {
    /// The first one.
    #[default]
    #[serde(rename = "mooring.dev/v1alpha1")]
    V1Alpha1,
}

/// The kind of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EnvironmentKind {
    /// An environment.
    #[default]
    Environment,
}

/// What the environment is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The name of the environment: that of its folder below `environments/`.
    #[schemars(length(min = 1, max = 63), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
}

/// What belongs into the cluster, and how it is kept there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvironmentSpec {
    /// The namespace where components and producers land unless they say otherwise.
    #[schemars(length(min = 1, max = 63), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
    /// The service account, in this namespace, by whose rights the environment's objects are read and written, so that
    /// the environment can do no more than the account. The agent must be allowed to impersonate it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub service_account: Option<String>,
    /// What happens when the cluster no longer is as git says.
    #[serde(default)]
    pub drift: DriftPolicy,
    /// Whether objects that are no longer in git are deleted from the cluster.
    #[serde(default = "yes")]
    pub prune: bool,
    /// How much may be deleted at once without a word in git.
    #[serde(default)]
    pub prune_guard: PruneGuard,
    /// The parts of the environment, each a Helm chart or a folder of plain manifests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub components: Vec<Component>,
    /// The schedule of the synthetic data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub producers: Vec<Producer>,
    /// The fields that others look after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub ignore: Vec<IgnoreRule>,
}

/// What happens when the cluster no longer is as git says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DriftPolicy {
    /// Say it, and put it back.
    #[default]
    Correct,
    /// Say it, and change nothing.
    Report,
}

/// What becomes of windows whose run did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackfillPolicy {
    /// They are told, and `mooring backfill` fills them in.
    #[default]
    Report,
    /// They are told and filled in, one after the other.
    Auto,
}

/// How much may be deleted at once without a word in git. A revision that would delete a greater share of what the
/// environment has in the cluster deletes nothing, and says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PruneGuard {
    /// The share of the environment's objects that one revision may delete, from 0 (none) to 1 (all).
    #[serde(default = "PruneGuard::default_share")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
    /// The word: names of components whose objects may be deleted whatever their share, for example of a component
    /// that this revision takes out. Take the name out again once they are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub allow: Vec<String>,
}

impl PruneGuard {
    fn default_share() -> f64 {
        0.3
    }
}

impl Default for PruneGuard {
    fn default() -> Self {
        Self { share: Self::default_share(), allow: Vec::new() }
    }
}

/// A part of the environment: either `chart` or `manifests`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Component {
    /// The name of the component, and of the Helm release.
    #[schemars(length(min = 1, max = 53), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Where it lands, if not in the environment's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: Option<String>,
    /// The folder of a Helm chart, from the root of the repository; or a chart from elsewhere: `repository`, `name` and
    /// `version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<ChartSource>,
    /// Which Helm's bytes the chart renders to: 4, or 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 3, max = 4))]
    pub helm: Option<u8>,
    /// A folder of plain manifests, from the root of the repository: YAML that is applied as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub manifests: Option<String>,
    /// The chart's values files, from the environment's own folder; later ones win.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 1024)))]
    pub values: Vec<String>,
    /// Values that win over those of the files.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// The components that must be healthy before this one is applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub depends_on: Vec<String>,
    /// Whether this component's objects are deleted when git no longer has them, if not as the environment says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune: Option<bool>,
}

/// A producer of synthetic data, run on a schedule as a `CronJob` of its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Producer {
    /// The name of the producer, and of its `CronJob`.
    #[schemars(length(min = 1, max = 52), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Where it runs, if not in the environment's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: Option<String>,
    /// When it runs, in Kubernetes' cron dialect: minute, hour, day of month, month and day of week (0 is Sunday), or
    /// `@hourly`, `@daily`, `@every 10m`...
    #[schemars(length(min = 1, max = 256))]
    pub schedule: String,
    /// The time zone that the schedule is read in, by its name in the IANA database.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// What it makes: orders, clicks, sensors, customers, products, devices, or what the file of this name describes in the
    /// folder `datasets` of the environment's own.
    #[schemars(length(min = 1, max = 63), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub dataset: String,
    /// The Kafka topic that it writes to.
    #[schemars(length(min = 1, max = 249), extend("pattern" = "^[a-zA-Z0-9._-]+$"))]
    pub topic: String,
    /// How many events a second of the window have, on average.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub events_per_second: u32,
    /// The number that all events follow from: the same seed makes the same events again.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_u64))]
    pub seed: u64,
    /// The Kafka brokers to begin with.
    #[serde(default = "kafka")]
    #[schemars(length(min = 1, max = 1024))]
    pub bootstrap_servers: String,
    /// A Secret whose `librdkafka.properties` holds settings of the Kafka client, its login among them; the files that they name
    /// lie beside it, in `/etc/mooring/kafka`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), extend("pattern" = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub secret: Option<String>,
    /// The container image, if not the one of this release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// Further arguments of `mooring-producer`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(max = 4096)))]
    pub args: Vec<String>,
    /// The compute resources of its container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Whether it is paused: no new runs, those that run go on.
    #[serde(default)]
    pub suspend: bool,
    /// How late a run may start, in seconds; later ones count as missed.
    #[serde(default = "Producer::default_starting_deadline")]
    #[schemars(range(min = 10, max = 604_800))]
    pub starting_deadline_seconds: u32,
    /// What becomes of windows whose run did not happen.
    #[serde(default)]
    pub backfill: BackfillPolicy,
    /// How many finished Jobs are kept.
    #[serde(default = "Producer::default_successful_history")]
    #[schemars(range(min = 0, max = 100))]
    pub successful_jobs_history_limit: u32,
    /// How many failed Jobs are kept.
    #[serde(default = "Producer::default_failed_history")]
    #[schemars(range(min = 0, max = 100))]
    pub failed_jobs_history_limit: u32,
}

impl Producer {
    /// Whether what it makes is described in the repository.
    pub fn has_described_dataset(&self) -> bool {
        !DATASETS.contains(&self.dataset.as_str())
    }

    fn default_starting_deadline() -> u32 {
        300
    }
    fn default_successful_history() -> u32 {
        3
    }
    fn default_failed_history() -> u32 {
        3
    }
}

/// Compute resources, as Kubernetes writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// What the container is given at least: `{cpu: 100m, memory: 64Mi}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// What the container gets at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}

/// Fields that somebody else looks after: written once, at creation, then left as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IgnoreRule {
    /// The API group of the objects; any if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub group: Option<String>,
    /// The kind of the objects.
    #[schemars(length(min = 1, max = 63), extend("pattern" = "^[A-Z][A-Za-z0-9]*$"))]
    pub kind: String,
    /// The name of the object; all of the kind if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
    /// The namespace of the objects; any if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: Option<String>,
    /// JSON pointers to the fields; each stands for everything below it. A part may be `*` for any field or item, or
    /// `[name=x]` for the item of a list with that name.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 1024), regex(pattern = "^/")))]
    pub paths: Vec<String>,
    /// Why: reports repeat it.
    #[schemars(length(min = 1, max = 1024))]
    pub reason: String,
}

fn yes() -> bool {
    true
}

fn utc() -> String {
    "Etc/UTC".to_owned()
}

fn kafka() -> String {
    "kafka:9092".to_owned()
}
