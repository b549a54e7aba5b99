//! What must hold for every dataset.

use super::*;

mod described;
mod references;
mod schemas;
mod statistics;
mod windows;

pub(super) use statistics::assert_fits;

/// All datasets; the census of all customers takes a while.
const NAMES: [&str; 5] = ["orders", "clicks", "sensors", "products", "devices"];

pub(super) fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn all_dirt() -> Dirt {
    Dirt {
        late: share("0.03"),
        out_of_order: share("0.05"),
        duplicates: share("0.02"),
        malformed: share("1%"),
        nulls: share("0.1"),
        schema_change: Some(SchemaChange {
            at: "2026-03-01T10:00:30Z".parse::<jiff::Timestamp>().unwrap().as_second(),
            share: share("0.5"),
        }),
    }
}

pub(super) fn recipe(dataset: &str, dirt: Dirt) -> Recipe {
    Recipe {
        dataset: dataset.parse().unwrap(),
        seed: 42,
        window: "2026-03-01T10:00:00Z/2026-03-01T10:01:00Z".parse().unwrap(),
        rate: Rate::new(50).unwrap(),
        rhythm: None,
        dirt,
        slice: Slice::WHOLE,
        format: Format::Json,
    }
}

pub(super) fn run(recipe: &Recipe) -> (Vec<Record>, WindowManifest) {
    let mut generator = recipe.generator();
    let mut record = Record::default();
    let mut records = Vec::new();
    while generator.next(&mut record) {
        records.push(record.clone());
    }
    (records, generator.manifest())
}

/// Random bits of the tests' own, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 += 1;
        random::below(random::mix(self.0) as u32, bound)
    }
}

fn value(record: &Record) -> serde_json::Value {
    serde_json::from_slice(&record.value).unwrap()
}
