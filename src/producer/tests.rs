//! What must hold for every dataset: properties of whole windows.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::*;

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

fn id_of(value: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(value).ok()?;
    Some(value["event_id"].as_str()?.to_owned())
}

#[test]
fn slices_after_each_other_are_the_window_byte_for_byte() {
    for dataset in NAMES {
        let whole = recipe(dataset, all_dirt());
        let (records, manifest) = run(&whole);
        for of in [2, 7] {
            let (mut joined, mut manifests) = (Vec::new(), Vec::new());
            for slice in Slice::all(of) {
                let part = Recipe { slice, ..whole.clone() };
                let (mut records, manifest) = run(&part);
                assert_eq!(part.events(), manifest.events, "{dataset} {slice}");
                joined.append(&mut records);
                manifests.push(manifest);
            }
            let differs = joined.iter().zip(&records).position(|(one, other)| one != other);
            assert_eq!((joined.len(), differs), (records.len(), None), "{dataset} in {of} slices");
            manifests.reverse();
            assert_eq!(whole.merge(&manifests).as_ref(), Ok(&manifest));
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

#[test]
fn manifests_that_are_not_all_slices_are_not_put_together() {
    let recipe = recipe("devices", all_dirt());
    let manifests: Vec<WindowManifest> =
        Slice::all(3).map(|slice| run(&Recipe { slice, ..recipe.clone() }).1).collect();
    let error = |manifests: &[WindowManifest]| recipe.merge(manifests).unwrap_err().to_string();
    assert!(error(&[]).contains("no manifests"));
    assert!(error(&manifests[..2]).contains("slice 3/3 is missing"));
    assert!(error(&[manifests[0].clone(), manifests[2].clone()]).contains("slice 2/3 is missing"));
    let mut other = manifests.clone();
    other[1].seed = 7;
    assert!(error(&other).contains("of another seed: 7 where 42"));
    other[1] = WindowManifest { unique_ids: 1, ..manifests[1].clone() };
    assert!(error(&other).contains("slice 2/3 holds other ids"));
}

#[test]
fn every_event_is_as_its_schema_says() {
    let mut records = 0;
    for dataset in Dataset::BUILT_IN {
        let name = dataset.name().to_owned();
        let dirt = Dirt { late: Share::NONE, malformed: Share::NONE, ..all_dirt() };
        let (json, avro) = (recipe(&name, dirt), Recipe { format: Format::Avro, ..recipe(&name, dirt) });
        let schemas = [false, true].map(|changed| dataset.schema().json_schema(changed));
        let validators = schemas.each_ref().map(|schema| jsonschema::validator_for(schema).unwrap());
        let prints = [false, true].map(|changed| dataset.schema().avro_fingerprint(changed).to_le_bytes());
        let (mut json, mut avro) = (json.generator(), avro.generator());
        let (mut one, mut other) = (Record::default(), Record::default());
        for _ in 0..1500 {
            if !(json.next(&mut one) && avro.next(&mut other)) {
                break;
            }
            let value: serde_json::Value = serde_json::from_slice(&one.value).unwrap();
            let changed = value.as_object().unwrap().contains_key(&*dataset.schema().added.name);
            if let Err(error) = validators[usize::from(changed)].validate(&value) {
                panic!("{name}: {error} in {value}");
            }
            assert_eq!(other.value[..2], [0xc3, 1]);
            assert_eq!(other.value[2..10], prints[usize::from(changed)]);
            let mut rest = &other.value[10..];
            let schema = dataset.schema().avro_schema(changed);
            assert_eq!(decode(&schema, &mut rest), value, "{name}");
            assert!(rest.is_empty());
            assert_eq!((one.id, one.time, &one.key), (other.id, other.time, &other.key));
            records += 1;
        }
    }
    assert!(records > 8000, "{records}");
}

/// What an Avro schema makes of bytes, as JSON; of a time, what JSON would have.
fn decode(schema: &serde_json::Value, bytes: &mut &[u8]) -> serde_json::Value {
    use serde_json::{Value, json};
    let kind = schema.as_str().or_else(|| schema["type"].as_str());
    match (schema, kind) {
        (Value::Array(branches), _) => {
            let branch = usize::try_from(number(bytes)).unwrap();
            decode(&branches[branch], bytes)
        }
        (_, Some("null")) => Value::Null,
        (_, Some("long")) => {
            let number = number(bytes);
            if schema["logicalType"] == "timestamp-millis" {
                json!(format!("{:.3}", jiff::Timestamp::from_millisecond(number).unwrap()))
            } else {
                json!(number)
            }
        }
        (_, Some("boolean")) => {
            let yes = bytes[0] == 1;
            *bytes = &bytes[1..];
            json!(yes)
        }
        (_, Some("string")) => {
            let length = usize::try_from(number(bytes)).unwrap();
            let (text, rest) = bytes.split_at(length);
            *bytes = rest;
            json!(std::str::from_utf8(text).unwrap())
        }
        (_, Some("array")) => {
            let mut items = Vec::new();
            loop {
                let count = number(bytes);
                if count == 0 {
                    return items.into();
                }
                items.extend((0..count).map(|_| decode(&schema["items"], bytes)));
            }
        }
        (_, Some("record")) => {
            let fields = schema["fields"].as_array().unwrap();
            let read = fields
                .iter()
                .map(|field| (field["name"].as_str().unwrap().to_owned(), decode(&field["type"], bytes)));
            Value::Object(read.collect())
        }
        _ => panic!("unknown schema {schema}"),
    }
}

fn number(bytes: &mut &[u8]) -> i64 {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
        }
    }
}
