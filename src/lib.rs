//! Mooring keeps a data lakehouse on Kubernetes tied to git.
//!
//! ```text
//! git remote ─ poll · webhook ─┐
//! working folder ─ notify ─────┴─▶ source ──Revision──▶ Snapshot      read-only view of one commit
//!                                                          │
//!                                                          ▼
//!                                                     environment     what the files say, validated
//!                                       schedule ─────────┤           producers become CronJobs
//!                                                          ▼
//!                                                       render        helm charts · plain manifests
//!                                                          │
//!                                                          ▼  DesiredSet
//! cluster ── watch ──▶ observe ──ObservedSet──────────▶  plan         pure: what to do and why
//!                                                          │  Plan
//!                                                          ▼
//!                                                       apply         server-side apply, staged, in order
//!                                                          │
//!                                                          ▼
//!                                                 health · report     logs, events, status, metrics
//! ```

pub mod agent;
pub mod cli;
pub mod cluster;
pub mod environment;
pub mod helm;
pub mod manifest;
pub mod plan;
pub mod producer;
pub mod producer_cli;
pub mod render;
pub mod schedule;
pub mod serve;
pub mod sops;
pub mod source;
pub mod telemetry;
