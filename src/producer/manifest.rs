//! What a window holds: the word that the lakehouse is measured against.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::dirt::{DirtClass, Fate};
use super::id::Id;
use super::{Format, Rate, Recipe, Rhythm, Slice, Window};

/// What a window, or a slice of it, holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WindowManifest {
    /// The dataset.
    pub dataset: String,
    /// The seed.
    pub seed: u64,
    /// The rate.
    pub rate: Rate,
    /// The rhythm.
    pub rhythm: Rhythm,
    /// How events are written.
    pub format: Format,
    /// The window.
    pub window: Window,
    /// The slice of it.
    pub slice: Slice,
    /// How many records were sent: events and duplicates.
    pub records: u64,
    /// How many events there are, each once, malformed ones included.
    pub events: u64,
    /// How many ids a reader finds: those of all events that are not malformed.
    pub unique_ids: u64,
    /// How many events are dirty in each way. Of `schemaChange`, those that can be read.
    pub dirt: BTreeMap<DirtClass, u64>,
    /// The sums of amounts in minor units by currency (of measurements by unit), of all events that can be read, each once.
    pub amounts: BTreeMap<String, i128>,
    /// The first offset of each partition (`topic-0`), of what a sink says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first_offsets: BTreeMap<String, i64>,
    /// The last offset of each partition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub last_offsets: BTreeMap<String, i64>,
    /// The sha256 over the sorted ids, each with a line feed after it: what `sort -u | sha256sum` says.
    pub ids_sha256: String,
}

/// Counts while events are made.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    records: u64,
    events: u64,
    dirt: [u64; DirtClass::ALL.len()],
    amounts: Vec<i128>,
    unique_ids: u64,
    ids: Sha256,
}

impl Tally {
    /// With a sum for each unit.
    pub fn new(units: usize) -> Self {
        Self { amounts: vec![0; units], ..Self::default() }
    }

    /// Notes an id, in order.
    pub fn id(&mut self, id: Id) {
        let mut line = [b'\n'; 37];
        line[..36].copy_from_slice(&id.text());
        self.ids.update(line);
        self.unique_ids += 1;
    }

    /// Notes an event that is sent, with its amount and the index of its unit.
    pub fn event(&mut self, fate: &Fate, amount: Option<(usize, i64)>) {
        self.records += 1;
        self.events += 1;
        if let Some(class) = fate.class {
            self.dirt[class as usize] += 1;
        }
        if fate.class == Some(DirtClass::Malformed) {
            return;
        }
        self.dirt[DirtClass::SchemaChange as usize] += u64::from(fate.changed);
        if let Some((unit, amount)) = amount {
            self.amounts[unit] += i128::from(amount);
        }
    }

    /// Notes that an event is sent a second time. Its class was counted with the first.
    pub fn double(&mut self) {
        self.records += 1;
    }

    /// How many ids there are, and their sum.
    pub fn ids(&self) -> (u64, String) {
        (self.unique_ids, data_encoding::HEXLOWER.encode(&self.ids.clone().finalize()))
    }

    /// What has been sent so far.
    pub fn manifest(&self, recipe: &Recipe, units: &[&str]) -> WindowManifest {
        let named = units.iter().map(|unit| (*unit).to_owned());
        WindowManifest {
            dataset: recipe.dataset.name().to_owned(),
            seed: recipe.seed,
            rate: recipe.rate,
            rhythm: recipe.rhythm(),
            format: recipe.format,
            window: recipe.window,
            slice: recipe.slice,
            records: self.records,
            events: self.events,
            unique_ids: self.unique_ids,
            dirt: DirtClass::ALL.into_iter().zip(self.dirt).filter(|(_, count)| *count > 0).collect(),
            amounts: named.zip(self.amounts.iter().copied()).filter(|(_, sum)| *sum != 0).collect(),
            first_offsets: BTreeMap::new(),
            last_offsets: BTreeMap::new(),
            ids_sha256: self.ids().1,
        }
    }
}
