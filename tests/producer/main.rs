//! `mooring-producer` as people and scripts meet it, against files, a mock cluster with faults, and a real Kafka.
//!
//! ```text
//! command   one process of `mooring-producer`, its words, its end
//! reader    what a consumer finds, told by the ids that the manifest's sum is over
//! broker    a real Kafka on loopback, started by the first test that needs it, gone with this process
//!
//! files     standard output, files, what is refused
//! faults    librdkafka's mock cluster: away, slow, failing, fencing
//! kills     a real Kafka: killed at any point, each window is in whole or not at all
//! secure    a real Kafka with TLS and a login
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on fails"
)]

mod broker;
mod command;
mod reader;

mod faults;
mod files;
mod kills;
mod secure;
