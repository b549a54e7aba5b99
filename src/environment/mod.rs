//! What `environments/<name>/environment.yaml` says.

mod spec;
mod status;

pub use spec::{
    Component, DATASETS, DriftPolicy, Environment, EnvironmentKind, EnvironmentSpec, EnvironmentVersion,
    IgnoreRule, Metadata, PRODUCERS, Producer, PruneGuard, Resources,
};
pub use status::{Condition, ConditionStatus, ConditionType, Counts, EnvironmentStatus, LastDrift, NextRun};
