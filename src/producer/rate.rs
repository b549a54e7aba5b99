//! How many events a second has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ProducerError;

/// How many events a second of the week has on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub struct Rate(u32);

impl Rate {
    /// The greatest rate.
    pub const MOST: u32 = 1_000_000;

    /// So many events a second.
    pub fn new(events: u32) -> Result<Self, ProducerError> {
        if (1..=Self::MOST).contains(&events) {
            Ok(Self(events))
        } else {
            Err(ProducerError::Rate { text: events.to_string() })
        }
    }

    /// Events a second.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = ProducerError;

    fn from_str(text: &str) -> Result<Self, ProducerError> {
        text.parse()
            .ok()
            .and_then(|events| Self::new(events).ok())
            .ok_or_else(|| ProducerError::Rate { text: text.to_owned() })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Rate> for u32 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl TryFrom<u32> for Rate {
    type Error = ProducerError;

    fn try_from(events: u32) -> Result<Self, ProducerError> {
        Self::new(events)
    }
}
