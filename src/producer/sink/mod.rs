//! Where records go, and how they get there: Kafka, a file, standard output.
//!
//! ```text
//! Generator ──Record──▶ deliver ──▶ Sink   stdout · a file, whole or not at all · Kafka
//!                       │  pace, stop       │ delivery reports
//!                       ▼                   ▼
//!                    Counters            WindowManifest with offsets
//! ```

mod counters;
mod error;
mod kafka;
mod lines;
mod pace;
mod reports;
mod run;
mod settings;
mod windows;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use counters::Counters;
pub use error::SinkError;
pub use kafka::{KafkaOptions, KafkaSink};
pub use lines::{FileSink, LineSink};
pub use pace::Pace;
pub use run::{Outcome, deliver, deliver_once, parts};
pub use settings::{Settings, SettingsError};

use super::{Recipe, Record, Slice, WindowManifest};

/// Where records go.
pub trait Sink {
    /// Makes ready for the records of the recipe's slice.
    fn begin(&mut self, recipe: &Recipe) -> Result<(), SinkError>;

    /// Takes a record; waits where there is no room.
    fn send(&mut self, record: &Record) -> Result<(), SinkError>;

    /// What to do while the pace has the next record wait.
    fn idle(&mut self, time: Duration) -> Result<(), SinkError>;

    /// After the last record: sees all of them in, then the manifest, which gets its offsets here.
    fn finish(&mut self, manifest: WindowManifest) -> Result<WindowManifest, SinkError>;

    /// After a failure, or when asked to stop: brings in what can be, or takes back what must not stay.
    fn abandon(&mut self);
}

/// Whether the run is to stop early.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks for it.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked for.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
