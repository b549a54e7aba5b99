//! The agent against a real control plane on loopback.
//!
//! ```text
//! control_plane  one Kubernetes for all tests, started by the first that needs it, gone with this process
//! scene          what each test has of its own: a namespace, an environment, a git repository, agents
//! agent          one process of `mooring`, its log, its end
//! proxy          stands between an agent and the API server where a test wants to interfere
//! ```
//!
//! Every other module is a topic of the map's 'What must hold'; each test bears the name of its sentence.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unused_self,
    missing_docs,
    reason = "a test that cannot go on fails"
)]

mod agent;
mod control_plane;
mod proxy;
mod scene;

mod applying;
mod backfills;
mod bad_input;
mod charts;
mod drift;
mod hooks;
mod impersonation;
mod installing;
mod lifecycle;
mod pruning;
mod rights;
mod schedules;
mod signatures;
mod sops;
mod transports;
mod trouble;
#[path = "../web/mod.rs"]
mod web;
