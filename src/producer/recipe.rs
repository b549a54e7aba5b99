//! All that the data is a function of.

use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::Tag;
use super::queue::Queue;
use super::rhythm::Pulse;
use super::timeline::Timeline;
use super::{Dataset, Dirt, Generator, ProducerError, Rate, Rhythm, Slice, Window, error};

/// All that the data is a function of.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// What is made.
    pub dataset: Dataset,
    /// The number that all events follow from.
    pub seed: u64,
    /// The window to fill.
    pub window: Window,
    /// How many events a second has on average. Reference datasets do not ask: each window has all of them once.
    pub rate: Rate,
    /// How events spread over the week, if not as is usual for the dataset.
    pub rhythm: Option<Rhythm>,
    /// What is wrong with some of them.
    pub dirt: Dirt,
    /// The part of the window.
    pub slice: Slice,
    /// How events are written.
    pub format: Format,
}

impl Recipe {
    /// How many events the slice has, malformed ones included, the second ones of duplicates not.
    pub fn events(&self) -> u64 {
        Queue::new(self, &self.timeline(), |_| {}).left()
    }

    /// The events of the slice.
    pub fn generator(&self) -> Generator {
        Generator::new(self)
    }

    /// How events spread over the week.
    pub fn rhythm(&self) -> Rhythm {
        self.rhythm.unwrap_or(self.dataset.rhythm())
    }

    /// Its dirt, as far as the dataset can have it.
    pub(super) fn dirt(&self) -> Dirt {
        let changes = self.dataset.schema().changes();
        Dirt { schema_change: self.dirt.schema_change.filter(|_| changes), ..self.dirt }
    }

    pub(super) fn timeline(&self) -> Arc<Timeline> {
        let (name, digest, seed) = (self.dataset.name(), self.dataset.digest(), self.seed.to_string());
        Arc::new(if let Some(population) = self.dataset.population() {
            // Windows that overlap list the same things at the same times.
            let tag = Tag::new(&[name, digest, &seed, &self.window.to_string()]);
            Timeline::Census { window: self.window, population, tag }
        } else {
            let rhythm = self.rhythm();
            let tag = Tag::new(&[name, digest, &seed, &self.rate.to_string(), rhythm.name()]);
            Timeline::Flow { pulse: Pulse::new(self.rate, rhythm), tag }
        })
    }
}

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object.
    #[default]
    Json,
    /// Avro's single-object encoding: C3 01, the schema's fingerprint, the fields.
    Avro,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Json, Self::Avro];

    /// Its name in arguments.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Avro => "avro",
        }
    }
}

impl FromStr for Format {
    type Err = ProducerError;

    fn from_str(text: &str) -> Result<Self, ProducerError> {
        error::one_of("format", text, &Self::ALL, |format| format.name())
    }
}
