//! The Kubernetes API: the connection, what it serves, applying and deleting, watching, and what the agent itself keeps
//! in the cluster (its lease, its inventory, the Environment and its status, Events).

mod apply;
mod client;
mod discover;
mod environment;
mod error;
mod events;
mod inventory;
mod lease;
mod observe;
mod pages;
mod retry;
mod takeover;

pub use apply::{Applied, ApplyMode, ONCE_MANAGER, path_of};
pub use client::{Answer, Call, Cluster, ClusterOptions, ServiceAccount};
pub use discover::Offer;
pub use environment::{Mirror, custom_resource_definition, environment_key, member_kinds};
pub use error::{ApiError, Cause};
pub use events::EventNote;
pub use inventory::{HookRecords, InventoryStore, by_component};
pub use lease::{Leadership, Lease, Permit};
pub use observe::{LookupWatch, Observation, Watches};
pub use retry::Backoff;
pub use takeover::migration;
