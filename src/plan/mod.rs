//! What to do and why: desired against observed, drift, fights, health. Pure: time and all that is known come in as
//! arguments.

mod catalog;
mod changes;
pub mod drift;
mod fights;
pub mod health;
mod observed;
mod people;
mod planner;
mod policy;
mod record;

pub use catalog::{Catalog, Resource};
pub use changes::{Change, Comparison, changes};
pub use drift::{Actor, FieldDrift};
pub use fights::{Fight, Fights};
pub use observed::{Baseline, Hold, Inventory, InventoryEntry, Observed, ObservedError, ObservedSet};
pub use people::{is_autoscaler, is_person};
pub use planner::{Action, ComponentPlan, Plan, PrunePlan, Stage, Step, plan, wish_digest};
pub use policy::{Autoscaled, IgnorePaths, Policy};
pub use record::{Decision, DriftKind, DriftRecord};
