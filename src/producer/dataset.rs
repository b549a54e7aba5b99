//! What can be made.

use std::str::FromStr;
use std::sync::Arc;

use super::clicks::Clicks;
use super::described::{Described, Rows};
use super::orders::Orders;
use super::people::{CUSTOMERS, Customers};
use super::products::{PRODUCTS, Products};
use super::schema::Schema;
use super::sensors::{DEVICES, Devices, Sensors};
use super::timeline::{Slot, Timeline};
use super::{Format, ProducerError, Recipe, Record, Rhythm, error};

/// What is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dataset {
    /// Orders of a shop, and what becomes of them.
    Orders,
    /// Clicks in the shop's pages.
    Clicks,
    /// Readings of sensors.
    Sensors,
    /// All customers that orders and clicks speak of.
    Customers,
    /// All products that orders and clicks speak of.
    Products,
    /// All devices that readings speak of.
    Devices,
    /// One that a file describes.
    Described(Arc<Described>),
}

impl Dataset {
    /// Those that are part of this program.
    pub const BUILT_IN: [Self; 6] =
        [Self::Orders, Self::Clicks, Self::Sensors, Self::Customers, Self::Products, Self::Devices];

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Described(described) => described.name(),
            built_in => built_in.built_in(),
        }
    }

    /// What tells apart datasets of the same name.
    pub(super) fn digest(&self) -> &str {
        match self {
            Self::Described(described) => described.digest(),
            _ => "",
        }
    }

    fn built_in(&self) -> &'static str {
        match self {
            Self::Described(_) => "",
            Self::Orders => "orders",
            Self::Clicks => "clicks",
            Self::Sensors => "sensors",
            Self::Customers => "customers",
            Self::Products => "products",
            Self::Devices => "devices",
        }
    }

    /// The rhythm that is usual for it.
    pub fn rhythm(&self) -> Rhythm {
        match self {
            Self::Orders | Self::Clicks => Rhythm::Shop,
            Self::Described(described) => described.rhythm(),
            _ => Rhythm::Flat,
        }
    }

    /// What its events look like.
    pub fn schema(&self) -> Schema {
        match self {
            Self::Orders => Orders::schema(),
            Self::Clicks => Clicks::schema(),
            Self::Sensors => Sensors::schema(),
            Self::Customers => Customers::schema(),
            Self::Products => Products::schema(),
            Self::Devices => Devices::schema(),
            Self::Described(described) => described.schema(),
        }
    }

    /// How many things there are, if it is a reference dataset: each window has all of them once, whatever the rate.
    pub fn population(&self) -> Option<u64> {
        match self {
            Self::Customers => Some(u64::from(CUSTOMERS)),
            Self::Products => Some(u64::from(PRODUCTS)),
            Self::Devices => Some(u64::from(DEVICES)),
            Self::Described(described) => described.population(),
            _ => None,
        }
    }
}

impl From<Described> for Dataset {
    fn from(described: Described) -> Self {
        Self::Described(Arc::new(described))
    }
}

impl FromStr for Dataset {
    type Err = ProducerError;

    fn from_str(text: &str) -> Result<Self, ProducerError> {
        error::one_of("dataset", text, &Self::BUILT_IN, Self::built_in)
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
    Clicks(Box<Clicks>),
    Sensors(Box<Sensors>),
    Customers(Box<Customers>),
    Products(Box<Products>),
    Devices(Box<Devices>),
    Described(Box<Rows>),
}

impl Source {
    pub fn new(recipe: &Recipe, timeline: &Arc<Timeline>) -> Self {
        match &recipe.dataset {
            Dataset::Orders => Self::Orders(Box::new(Orders::new(recipe, timeline))),
            Dataset::Clicks => Self::Clicks(Box::new(Clicks::new(recipe, timeline))),
            Dataset::Sensors => Self::Sensors(Box::new(Sensors::new(recipe))),
            Dataset::Customers => Self::Customers(Box::new(Customers::new(recipe.seed))),
            Dataset::Products => Self::Products(Box::new(Products::new(recipe.seed))),
            Dataset::Devices => Self::Devices(Box::new(Devices::new(recipe.seed))),
            Dataset::Described(described) => Self::Described(Box::new(Rows::new(described, recipe.seed))),
        }
    }

    /// What its amounts are counted in.
    pub fn units(&self) -> Vec<&str> {
        match self {
            Self::Orders(_) => Orders::units(),
            Self::Clicks(_) => Clicks::UNITS.to_vec(),
            Self::Sensors(_) => Sensors::units(),
            Self::Products(_) => vec!["EUR"],
            Self::Customers(_) | Self::Devices(_) => Vec::new(),
            Self::Described(rows) => rows.units(),
        }
    }

    /// Writes key and value of an event, and says its amount and the index of its unit.
    #[inline]
    pub fn write(&mut self, slot: &Slot, form: Form, record: &mut Record) -> Option<(usize, i64)> {
        match self {
            Self::Orders(orders) => orders.write(slot, form, record),
            Self::Clicks(clicks) => Some(clicks.write(slot, form, record)),
            Self::Sensors(sensors) => Some(sensors.write(slot, form, record)),
            Self::Products(products) => Some((0, products.write(slot, form, record))),
            Self::Described(rows) => rows.write(slot, form, record),
            Self::Customers(customers) => {
                customers.write(slot, form, record);
                None
            }
            Self::Devices(devices) => {
                devices.write(slot, form, record);
                None
            }
        }
    }
}
