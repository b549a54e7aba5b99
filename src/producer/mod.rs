//! Synthetic data that can be proved.
//!
//! ```text
//! Recipe   dataset · seed · window · rate · rhythm · dirt · slice · format
//!   │
//!   ▼
//! Timeline   which events the window has, when they happen, their ids    (rhythm, id)
//!   │  Slot
//!   ▼
//! Fates      which of them are late, doubled, malformed...               (dirt)
//!   │
//!   ▼
//! Source     the event itself, of its number alone                       (orders, random)
//!   │  Record
//!   ▼
//! sink       Kafka, files, a terminal                                    WindowManifest: what the window holds
//! ```
//!
//! Event `i` of a window is a function of dataset, seed, rate, window and `i`. Nothing is kept from one event to the next, so
//! any part of a window can be made alone, again, and in any order. All arithmetic is of integers, all chance is ChaCha8:
//! every platform makes the same bytes.

// Numbers are cut to sizes that their bounds allow: digits, places in a second, parts of random words.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod avro;
mod clicks;
mod dataset;
mod described;
mod dirt;
mod error;
mod fields;
mod generator;
mod id;
mod json;
mod manifest;
mod merge;
mod orders;
mod people;
mod products;
mod queue;
mod random;
mod rate;
mod recipe;
mod rhythm;
mod schema;
mod sensors;
pub mod sink;
mod skew;
#[cfg(test)]
mod tests;
mod timeline;
mod window;

pub use dataset::Dataset;
pub use described::Described;
pub use dirt::{Dirt, DirtClass, SchemaChange, Share};
pub use error::ProducerError;
pub use generator::{Generator, Record};
pub use id::Id;
pub use manifest::WindowManifest;
pub use merge::ManifestError;
pub use rate::Rate;
pub use recipe::{Format, Recipe};
pub use rhythm::Rhythm;
pub use schema::Schema;
pub use window::{Slice, Window};
