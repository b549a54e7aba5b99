//! What must hold for every dataset: properties of whole windows.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::*;

/// All datasets; the census of all customers takes a while.
const NAMES: [&str; 5] = ["orders", "clicks", "sensors", "products", "devices"];

fn share(text: &str) -> Share {
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

fn run(recipe: &Recipe) -> (Vec<Record>, WindowManifest) {
    let mut generator = recipe.generator();
    let mut record = Record::default();
    let mut records = Vec::new();
    while generator.next(&mut record) {
        records.push(record.clone());
    }
    (records, generator.manifest())
}

fn id_of(value: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(value).ok()?;
    Some(value["event_id"].as_str()?.to_owned())
}

#[test]
fn slices_after_each_other_are_the_window_byte_for_byte() {
    for dataset in NAMES {
        let whole = recipe(dataset, all_dirt());
        let (records, manifest) = run(&whole);
        for of in [2, 3, 7, 50] {
            let (mut joined, mut events, mut ids) = (Vec::new(), 0, 0);
            for slice in Slice::all(of) {
                let part = Recipe { slice, ..whole.clone() };
                let (mut records, manifest) = run(&part);
                assert_eq!(part.events(), manifest.events, "{dataset} {slice}");
                joined.append(&mut records);
                events += manifest.events;
                ids += manifest.unique_ids;
            }
            let differs = joined.iter().zip(&records).position(|(one, other)| one != other);
            assert_eq!((joined.len(), differs), (records.len(), None), "{dataset} in {of} slices");
            assert_eq!((events, ids), (manifest.events, manifest.unique_ids));
        }
    }
}

#[test]
fn a_manifest_says_what_a_reader_finds() {
    for dataset in NAMES {
        let recipe = recipe(dataset, all_dirt());
        let (records, manifest) = run(&recipe);
        let found: Vec<String> = records.iter().filter_map(|record| id_of(&record.value)).collect();
        let ids: BTreeSet<&String> = found.iter().collect();
        let dirt = |class: DirtClass| manifest.dirt.get(&class).copied().unwrap_or(0);
        assert_eq!(manifest.records, records.len() as u64);
        assert_eq!(manifest.unique_ids, ids.len() as u64);
        assert_eq!(manifest.records - manifest.events, dirt(DirtClass::Duplicate));
        assert_eq!(manifest.events - manifest.unique_ids, dirt(DirtClass::Malformed));
        let lines: String = ids.iter().map(|id| format!("{id}\n")).collect();
        assert_eq!(manifest.ids_sha256, data_encoding::HEXLOWER.encode(&Sha256::digest(lines)));
    }
}

#[test]
fn what_is_in_a_window_is_in_its_time() {
    for dataset in NAMES {
        let recipe = recipe(dataset, all_dirt());
        let (start, end) = (recipe.window.start() * 1000, recipe.window.end() * 1000);
        for record in run(&recipe).0 {
            assert!((start..end).contains(&record.time));
        }
    }
}
