//! What `environments/<name>/environment.yaml` says, and whether it can be.
//!
//! The types in `spec` are the only description of the file: the JSON Schema for editors and the CRD's come from them, and
//! a document's shape is compared with that schema. What a schema cannot say is in `rules`.

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

pub use error::{DependencyCycle, EnvironmentError, Place};
pub use load::{Loaded, list, load};
pub use order::order;
pub use schema::json_schema;
pub use spec::{
    BackfillPolicy, Component, DATASETS, DriftPolicy, Environment, EnvironmentKind, EnvironmentSpec,
    EnvironmentVersion, IgnoreRule, Metadata, NAMESPACES, PRODUCERS, Producer, PruneGuard, Resources,
};
pub use status::{Condition, ConditionStatus, ConditionType, Counts, EnvironmentStatus, LastDrift, NextRun};
