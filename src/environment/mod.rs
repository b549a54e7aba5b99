//! What `environments/<name>/environment.yaml` says, and whether it can be.
//!
//! The types in `spec` are the only description of the file: the JSON Schema for editors and the CRD's come from them, and
//! a document's shape is compared with that schema. What a schema cannot say is in `rules`.

mod charts;
mod document;
mod error;
mod load;
mod names;
mod order;
mod paths;
mod problems;
mod producer_rules;
mod rules;
mod schema;
mod shape;
mod spec;
mod status;
#[cfg(test)]
mod tests;

pub use charts::{ChartLock, ChartSource, LOCK, Pin, RemoteChart, is_digest, is_loopback};
pub(crate) use document::read;
pub use error::{DependencyCycle, EnvironmentError, Place, Unpinned};
pub use load::{Loaded, list, load};
pub(crate) use names::{did_you_mean, excerpt, not_a_label};
pub use order::order;
pub(crate) use problems::Problems;
pub(crate) use producer_rules::inside;
pub(crate) use rules::unique;
pub use schema::json_schema;
pub(crate) use schema::schema_of;
pub use spec::{
    BackfillPolicy, Component, DATASETS, DriftPolicy, Environment, EnvironmentKind, EnvironmentSpec,
    EnvironmentVersion, IgnoreRule, Metadata, NAMESPACES, PRODUCERS, Producer, PruneGuard, Resources,
};
pub use status::{Condition, ConditionStatus, ConditionType, Counts, EnvironmentStatus, LastDrift, NextRun};
