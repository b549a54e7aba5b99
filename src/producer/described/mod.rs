//! Datasets that a file of the environments repository describes.
//!
//! Each field says by one key how it is made, `integer`, `choice`, `pattern`... Each has random numbers of its own, which
//! follow from seed, dataset, the field's name and the event's number: fields can be added and moved, and the others stay as
//! they are. A field `per` another one takes the other's value in place of the event's number, and so is the same
//! wherever that value comes again.

mod pattern;
mod rows;
mod rules;
mod spec;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::pattern::Part;
pub(super) use self::rows::Rows;
use self::spec::{AmountsSpec, DatasetFile, Distribution, FieldSpec, IntegerSpec, Reference};
use super::schema::{Field, Kind, Schema};
use super::{Rhythm, Share};
use crate::environment::{self, EnvironmentError};
use crate::helm::yaml::YamlLimits;

/// Far more than sixty fields need.
const LIMITS: YamlLimits = YamlLimits { bytes: 1 << 18, depth: 20, nodes: 20_000 };

/// A dataset that a file describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    name: String,
    doc: String,
    /// The sha256 over all that its events follow from.
    digest: String,
    rhythm: Rhythm,
    population: Option<u64>,
    /// The field that is the key.
    key: Option<usize>,
    amounts: Option<Amounts>,
    /// The fields; at the end the one that is added, if there is one.
    columns: Vec<Column>,
    has_added: bool,
}

/// What is added up: a field, in the unit that another one tells or in one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Amounts {
    By { of: usize, by: usize },
    In { of: usize, unit: String },
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    doc: String,
    maker: Maker,
    /// The field whose value this one's follows from.
    per: Option<usize>,
    /// The share of events without a value, of a field that may be null.
    nulls: Option<Share>,
}

/// How values are made.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Maker {
    /// As many numbers from one on.
    Uniform {
        from: i64,
        count: u64,
    },
    /// The same.
    Bell {
        from: i64,
        count: u64,
    },
    /// From one number above zero to another.
    Doubling {
        from: u64,
        to: u64,
    },
    Zipf {
        from: i64,
        count: u32,
        hundredths: u32,
        scattered: bool,
    },
    Choice {
        words: Vec<String>,
        weights: Vec<u64>,
    },
    Reference(Reference),
    Boolean(Share),
    /// Milliseconds from the event's time, and how many there are.
    Time {
        from: i64,
        count: u64,
    },
    Pattern(Vec<Part>),
    Serial {
        first: i64,
    },
}

impl Described {
    /// Reads and checks a file, whose path errors name. All that is wrong is said at once, in the order of the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<EnvironmentError>> {
        let check = |document: &_, problems: &mut _| rules::check(text, document, problems);
        let (read, _) =
            environment::read::<DatasetFile>(&file.into(), text, &LIMITS, &Self::file_schema(), check)?;
        Ok(Self::new(read))
    }

    /// The JSON Schema of such a file, for editors.
    pub fn file_schema() -> Value {
        environment::schema_of::<DatasetFile>("Mooring dataset")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    pub(super) fn rhythm(&self) -> Rhythm {
        self.rhythm
    }

    pub(super) fn population(&self) -> Option<u64> {
        self.population
    }

    /// What its events look like.
    pub(super) fn schema(&self) -> Schema {
        let mut fields: Vec<Field> = self.columns.iter().map(Column::field).collect();
        let added = if self.has_added { fields.pop() } else { None };
        fields.insert(0, super::schema::field("event_id", Kind::Id, "The id of this event."));
        Schema { name: self.name.clone(), doc: self.doc.clone().into(), fields, added }
    }

    /// Of a file that keeps the rules.
    fn new(file: DatasetFile) -> Self {
        // Maps of JSON are sorted, and descriptions are left out.
        let canonical = serde_json::to_vec(&file.spec).unwrap_or_default();
        let spec = file.spec;
        let names: Vec<&str> = spec.fields.iter().map(|field| field.name.as_str()).collect();
        let find = |name: &str| names.iter().position(|known| *known == name);
        let has_added = spec.added.is_some();
        Self {
            name: file.metadata.name,
            doc: file.metadata.description,
            digest: data_encoding::HEXLOWER.encode(&Sha256::digest(canonical)),
            rhythm: spec.rhythm,
            population: spec.population.map(u64::from),
            key: spec.key.as_deref().and_then(find),
            amounts: spec.amounts.as_ref().and_then(|amounts| Amounts::new(amounts, find)),
            columns: spec.fields.iter().chain(&spec.added).map(|field| Column::new(field, find)).collect(),
            has_added,
        }
    }
}

impl Amounts {
    fn new(spec: &AmountsSpec, find: impl Fn(&str) -> Option<usize>) -> Option<Self> {
        let of = find(&spec.of)?;
        match (&spec.by, &spec.unit) {
            (Some(by), _) => Some(Self::By { of, by: find(by)? }),
            (None, unit) => Some(Self::In { of, unit: unit.clone()? }),
        }
    }
}

impl Column {
    fn new(spec: &FieldSpec, find: impl Fn(&str) -> Option<usize>) -> Self {
        Self {
            name: spec.name.clone(),
            doc: spec.description.clone(),
            per: spec.per.as_deref().and_then(&find),
            nulls: spec.nulls.map(share),
            maker: Maker::new(spec, find),
        }
    }

    fn field(&self) -> Field {
        let kind = match (&self.maker, self.nulls) {
            (Maker::Choice { .. } | Maker::Pattern(_), None) => Kind::Text,
            (Maker::Choice { .. } | Maker::Pattern(_), Some(_)) => Kind::MaybeText,
            (Maker::Boolean(_), None) => Kind::Boolean,
            (Maker::Boolean(_), Some(_)) => Kind::MaybeBoolean,
            (Maker::Time { .. }, None) => Kind::Time,
            (Maker::Time { .. }, Some(_)) => Kind::MaybeTime,
            (_, None) => Kind::Long,
            (_, Some(_)) => Kind::MaybeLong,
        };
        Field { name: self.name.clone().into(), kind, doc: self.doc.clone().into() }
    }
}

impl Maker {
    fn new(spec: &FieldSpec, find: impl Fn(&str) -> Option<usize>) -> Self {
        if let Some(integer) = &spec.integer {
            return Self::integer(integer);
        }
        if let Some(words) = &spec.choice {
            let weights = words.values().map(|weight| u64::from(*weight)).collect();
            return Self::Choice { words: words.keys().cloned().collect(), weights };
        }
        if let Some(reference) = spec.reference {
            return Self::Reference(reference);
        }
        if let Some(yes) = spec.boolean {
            return Self::Boolean(share(yes));
        }
        if let Some(time) = &spec.time {
            return Self::Time { from: time.from * 1000, count: time.to.abs_diff(time.from) * 1000 + 1 };
        }
        if let Some(text) = &spec.pattern {
            return Self::Pattern(pattern::parse(text, find).unwrap_or_default());
        }
        Self::Serial { first: spec.serial.unwrap_or_default() }
    }

    fn integer(spec: &IntegerSpec) -> Self {
        let (from, count) = (spec.from, spec.to.abs_diff(spec.from) + 1);
        match spec.distribution {
            Distribution::Uniform => Self::Uniform { from, count },
            Distribution::Bell => Self::Bell { from, count },
            Distribution::Doubling => {
                Self::Doubling { from: from.unsigned_abs(), to: spec.to.unsigned_abs() }
            }
            Distribution::Zipf => Self::Zipf {
                from,
                count: u32::try_from(count).unwrap_or(u32::MAX),
                hundredths: spec.exponent.map_or(100, |exponent| (exponent * 100.0).round() as u32),
                scattered: spec.scattered,
            },
        }
    }
}

/// A share that the file's schema has kept between 0 and 1.
fn share(part: f64) -> Share {
    Share::millionths((part * 1e6).round() as u32).unwrap_or(Share::ALL)
}
