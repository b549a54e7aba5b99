//! Schemas, and events that keep them.

use super::*;

/// Makes events of a dataset in both formats, compares each with its schema, and says how many they were.
pub(super) fn check_events(recipe: &Recipe, most: usize) -> usize {
    let dirt = Dirt { late: Share::NONE, malformed: Share::NONE, ..recipe.dirt };
    let json = Recipe { dirt, format: Format::Json, ..recipe.clone() };
    let avro = Recipe { dirt, format: Format::Avro, ..recipe.clone() };
    let schema = recipe.dataset.schema();
    let name = &schema.name;
    let added = schema.added.as_ref().map_or("", |field| &*field.name);
    let forms = [false, true];
    let schemas = forms.map(|changed| schema.json_schema(changed));
    let validators = schemas.each_ref().map(|schema| jsonschema::validator_for(schema).unwrap());
    let avro_schemas = forms.map(|changed| schema.avro_schema(changed));
    let prints = forms.map(|changed| schema.avro_fingerprint(changed).to_le_bytes());
    let (mut json, mut avro) = (json.generator(), avro.generator());
    let (mut one, mut other) = (Record::default(), Record::default());
    for count in 0..most {
        if !(json.next(&mut one) && avro.next(&mut other)) {
            return count;
        }
        let value = value(&one);
        let form = usize::from(value.as_object().unwrap().contains_key(added));
        if let Err(error) = validators[form].validate(&value) {
            panic!("{name}: {error} in {value}");
        }
        assert_eq!(other.value[..2], [0xc3, 1]);
        assert_eq!(other.value[2..10], prints[form]);
        let mut rest = &other.value[10..];
        assert_eq!(decode(&avro_schemas[form], &mut rest), value, "{name}");
        assert!(rest.is_empty());
        assert_eq!((one.id, one.time, &one.key), (other.id, other.time, &other.key));
    }
    most
}

#[test]
fn every_event_is_as_its_schema_says() {
    for dataset in Dataset::BUILT_IN {
        let events = check_events(&recipe(dataset.name(), all_dirt()), 1500);
        assert!(events > 1000, "{}", dataset.name());
    }
}

#[test]
fn an_environment_may_ask_for_every_dataset() {
    let known = Dataset::BUILT_IN.map(|dataset| dataset.name().to_owned());
    assert_eq!(known, crate::environment::DATASETS);
}

#[test]
fn the_newer_schema_reads_what_the_older_one_wrote() {
    for dataset in Dataset::BUILT_IN {
        let [older, newer] = [false, true].map(|changed| dataset.schema().avro_schema(changed));
        let fields = |schema: &serde_json::Value| schema["fields"].as_array().unwrap().clone();
        let (older, newer) = (fields(&older), fields(&newer));
        assert_eq!(newer[..older.len()], older);
        // Avro's schema resolution wants a default where the writer had no field.
        assert!(newer[older.len()..].iter().all(|field| field.get("default").is_some()));
    }
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
