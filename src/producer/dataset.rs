//! What can be made.

use std::str::FromStr;
use std::sync::Arc;

use super::orders::Orders;
use super::timeline::{Slot, Timeline};
use super::{Format, ProducerError, Recipe, Record, Rhythm, error};

/// What is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dataset {
    /// Orders of a shop, and what becomes of them.
    Orders,
}

impl Dataset {
    /// Those that are part of this program.
    pub const BUILT_IN: [&str; 1] = ["orders"];

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Orders => "orders",
        }
    }

    /// The rhythm that is usual for it.
    pub fn rhythm(&self) -> Rhythm {
        match self {
            Self::Orders => Rhythm::Shop,
        }
    }

    /// How many things there are, if each window has all of them.
    pub(super) fn population(&self) -> Option<u64> {
        match self {
            Self::Orders => None,
        }
    }
}

impl FromStr for Dataset {
    type Err = ProducerError;

    fn from_str(text: &str) -> Result<Self, ProducerError> {
        error::one_of("dataset", text, &Self::BUILT_IN, |name| name).map(|_| Self::Orders)
    }
}

/// How an event is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub format: Format,
    /// Without its optional fields.
    pub nulls: bool,
    /// With the field that was added.
    pub changed: bool,
}

/// A dataset with the tables that it needs.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Orders(Box<Orders>),
}

impl Source {
    pub fn new(recipe: &Recipe, timeline: &Arc<Timeline>) -> Self {
        match recipe.dataset {
            Dataset::Orders => Self::Orders(Box::new(Orders::new(recipe, timeline))),
        }
    }

    /// What its amounts are counted in.
    pub fn units(&self) -> Vec<&str> {
        match self {
            Self::Orders(_) => Orders::UNITS.to_vec(),
        }
    }

    /// Writes key and value of an event, and says its amount and the index of its unit.
    #[allow(clippy::unnecessary_wraps)]
    pub fn write(&mut self, slot: &Slot, form: Form, record: &mut Record) -> Option<(usize, i64)> {
        match self {
            Self::Orders(orders) => Some(orders.write(slot, form, record)),
        }
    }
}
