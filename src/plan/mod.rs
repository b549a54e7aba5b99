//! What to do and why: desired against observed, drift, fights, health. Pure: time and all that is known come in as
//! arguments.

mod added;
mod catalog;
mod changes;
mod compare;
pub mod drift;
mod fights;
pub mod health;
mod hooks;
mod observed;
pub mod overview;
mod people;
mod planner;
pub mod pods;
mod policy;
mod prune;
mod record;
#[cfg(test)]
mod scenarios;
mod stages;
mod steps;

pub use catalog::{Catalog, Resource};
pub use changes::{Change, Comparison, changes};
pub use compare::{Difference, Fate, compare};
pub use drift::{Actor, FieldDrift};
pub use fights::{Fight, Fights};
pub use hooks::{HookCycle, HookRecord};
pub use observed::{Baseline, Hold, Inventory, InventoryEntry, Observed, ObservedError, ObservedSet};
pub use people::{is_autoscaler, is_person};
pub use planner::{plan, wish_digest};
pub use policy::{Autoscaled, IgnorePaths, Policy};
pub use record::{Decision, DriftKind, DriftRecord};
pub use steps::{Action, ComponentPlan, Plan, PrunePlan, Stage, Step};
