//! The types of a dataset's file. Their doc comments are the descriptions in its JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::EnvironmentVersion;
use crate::producer::Rhythm;

/// A dataset: fields that are made anew for each event.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DatasetFile {
    /// The version of this file's form.
    pub api_version: EnvironmentVersion,
    /// Always `Dataset`.
    pub kind: DatasetKind,
    /// What the dataset is called.
    pub metadata: Metadata,
    /// What its events are like.
    pub spec: DatasetSpec,
}

/// The kind of the file.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) enum DatasetKind {
    /// A dataset.
    #[default]
    Dataset,
}

/// What the dataset is called.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Metadata {
    /// The name of the dataset.
    #[schemars(length(min = 1, max = 63), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// What its events are, for the schemas.
    #[serde(default, skip_serializing)]
    #[schemars(length(max = 1024))]
    pub description: String,
}

/// What the events of a dataset are like.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DatasetSpec {
    /// How events spread over the week, in UTC.
    #[serde(default)]
    pub rhythm: Rhythm,
    /// How many things there are, if it lists things: each window has all of them once, whatever the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub population: Option<u32>,
    /// The field that is the key of records; the event's id if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub key: Option<String>,
    /// What the manifest adds up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amounts: Option<AmountsSpec>,
    /// The fields after `event_id`, which every event begins with.
    #[schemars(length(min = 1, max = 64))]
    pub fields: Vec<FieldSpec>,
    /// The field that a change of the schema adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<FieldSpec>,
}

/// What the manifest adds up: a field, by the words of another one or in one unit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AmountsSpec {
    /// The field with the whole numbers to add up.
    #[schemars(length(min = 1, max = 64))]
    pub of: String,
    /// The field whose words tell the unit, such as the currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub by: Option<String>,
    /// The one unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub unit: Option<String>,
}

/// A field: its name, and one key that says what it holds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FieldSpec {
    /// The name of the field.
    #[schemars(length(min = 1, max = 64), extend("pattern" = "^[a-z][a-z0-9_]*$"))]
    pub name: String,
    /// What it means, for the schemas.
    #[serde(default, skip_serializing)]
    #[schemars(length(max = 1024))]
    pub description: String,
    /// A whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integer: Option<IntegerSpec>,
    /// One of some words, each with its weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<BTreeMap<String, u32>>,
    /// The number of a thing that a reference dataset of the same seed lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// True for this share of events, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub boolean: Option<f64>,
    /// The event's time, or one near to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeSpec>,
    /// Text in which `#` becomes a digit, `@` a capital letter, and `{field}` the value of a field above; `\` before one
    /// of these keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub pattern: Option<String>,
    /// The number of the event, or of the thing that is listed, beginning with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub serial: Option<i64>,
    /// A field above: events with the same value there have the same value here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub per: Option<String>,
    /// The share of events without a value, from 0 to 1. A field with this key may be null, one without never is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub nulls: Option<f64>,
}

/// A whole number between two others, both of which it may be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct IntegerSpec {
    /// The least one.
    #[schemars(range(min = -9_007_199_254_740_991_i64, max = 9_007_199_254_740_991_i64))]
    pub from: i64,
    /// The greatest one.
    #[schemars(range(min = -9_007_199_254_740_991_i64, max = 9_007_199_254_740_991_i64))]
    pub to: i64,
    /// Which are how frequent.
    #[serde(default)]
    pub distribution: Distribution,
    /// How much rarer the next one is, with `distribution: zipf`: the n-th weighs n to the power of minus this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 3.0))]
    pub exponent: Option<f64>,
    /// With `distribution: zipf`, whether the frequent ones lie anywhere instead of at the beginning.
    #[serde(default)]
    pub scattered: bool,
}

/// Which numbers are how frequent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Distribution {
    /// All alike.
    #[default]
    Uniform,
    /// Those in the middle most: the mean of four dice.
    Bell,
    /// The smaller the more frequent: each power of two as often as the next.
    Doubling,
    /// The first is the most frequent, by Zipf's law.
    Zipf,
}

/// Reference datasets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reference {
    /// A customer; few are seen often.
    Customers,
    /// A product; few are seen often.
    Products,
    /// A device; all alike.
    Devices,
}

/// A time, in seconds from the event's: anywhere between the two.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TimeSpec {
    /// The earliest, before the event if negative.
    #[serde(default)]
    #[schemars(range(min = -315_360_000, max = 315_360_000))]
    pub from: i64,
    /// The latest.
    #[serde(default)]
    #[schemars(range(min = -315_360_000, max = 315_360_000))]
    pub to: i64,
}
