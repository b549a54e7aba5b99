//! Datasets that a file describes, above all the one in the documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::*;

const PAGE: &str = include_str!("../../../docs/datasets.md");

/// The files on the page, whose first line names them.
fn file(name: &str) -> String {
    let blocks = PAGE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let named = |block: &&str| block.lines().next().is_some_and(|line| line.ends_with(name));
    blocks.into_iter().find(named).unwrap().to_owned()
}

fn shipments() -> String {
    file("/shipments.yaml")
}

fn described(text: &str, dirt: Dirt) -> Recipe {
    let dataset = Described::parse("shipments.yaml", text).unwrap_or_else(|errors| panic!("{errors:?}"));
    Recipe { dataset: dataset.into(), ..recipe("orders", dirt) }
}

/// The words, quoted, that each text of the page's dataset has when that is changed.
fn errors(from: &str, to: &str) -> Vec<String> {
    let text = shipments();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    match Described::parse("shipments.yaml", &text.replace(from, to)) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_datasets_of_the_page_are_made_as_they_are_described() {
    let recipe = Recipe { rhythm: Some(Rhythm::Flat), ..described(&shipments(), Dirt::NONE) };
    let events: Vec<Value> = run(&recipe).0.iter().map(value).collect();
    assert_eq!(events.len(), 3000);
    let mut parcels: BTreeMap<i64, &Value> = BTreeMap::new();
    for event in &events {
        let long = |key: &str| event[key].as_i64().unwrap();
        let first = *parcels.entry(long("parcel_id")).or_insert(event);
        for field in ["customer_id", "tracking_code", "carrier", "weight_grams", "currency"] {
            assert_eq!(event[field], first[field], "{field} is the parcel's");
        }
        assert!((1..=100_000).contains(&long("customer_id")));
        assert!((50..=31_500).contains(&long("weight_grams")) && (290..=4990).contains(&long("fee_minor")));
        let code = event["tracking_code"].as_str().unwrap();
        let (random, parcel) = code.split_at(8);
        let bytes = random.as_bytes();
        assert!(bytes[..2].iter().all(u8::is_ascii_uppercase) && bytes[3..7].iter().all(u8::is_ascii_digit));
        assert_eq!(
            (&bytes[2..3], &bytes[7..], parcel),
            (&b"-"[..], &b"-"[..], &*long("parcel_id").to_string())
        );
        let seconds =
            |key: &str| event[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
        assert!((86_400..=259_201).contains(&(seconds("due_at") - seconds("scanned_at"))));
        assert!(event.get("depot").is_none());
    }
    assert!((800..2900).contains(&parcels.len()), "{}", parcels.len());
    let count = |is: &dyn Fn(&Value) -> bool| events.iter().filter(|event| is(event)).count() as u64;
    let steps =
        ["accepted", "sorted", "loaded", "delivered"].map(|step| count(&|event| event["step"] == step));
    assert_fits("steps", &steps, &[2.0, 5.0, 3.0, 2.0]);
    let signed = count(&|event| event["signed"] == true);
    assert_fits("signed", &[signed, 3000 - signed], &[0.35, 0.65]);
    let unknown = count(&|event| event["temperature"].is_null());
    assert_fits("nulls", &[unknown, 3000 - unknown], &[0.2, 0.8]);
    let temperatures: Vec<u64> =
        (-20..=40).map(|degrees| count(&|event| event["temperature"] == degrees)).collect();
    assert_fits("uniform", &temperatures, &[1.0; 61]);
    let thirds = [(290, 1856), (1857, 3423), (3424, 4990)]
        .map(|(from, to)| count(&|event| (from..=to).contains(&event["fee_minor"].as_i64().unwrap())));
    // Of the mean of four dice, by Irwin and Hall: a third is at most 4/3 of 4 for 1/24 * (256/81 - 4/81) of all.
    let tail = 1.0 / 24.0 * (256.0 / 81.0 - 4.0 / 81.0);
    assert_fits("bell", &thirds, &[tail, 1.0 - 2.0 * tail, tail]);
}

#[test]
fn described_datasets_keep_what_all_datasets_keep() {
    let whole = described(&shipments(), all_dirt());
    assert!(schemas::check_events(&whole, 1500) > 1000);
    let (records, manifest) = run(&whole);
    assert!(manifest.amounts.keys().eq(["CHF", "EUR", "GBP"]), "{:?}", manifest.amounts);
    // Storms of nulls are few and long: a minute may have none.
    let (_, busy) = run(&Recipe { rate: Rate::new(500).unwrap(), ..whole.clone() });
    assert_eq!(busy.dirt.len(), DirtClass::ALL.len(), "{:?}", busy.dirt);
    let (mut joined, mut manifests) = (Vec::new(), Vec::new());
    for slice in Slice::all(7) {
        let (mut records, manifest) = run(&Recipe { slice, ..whole.clone() });
        joined.append(&mut records);
        manifests.push(manifest);
    }
    assert!(joined == records);
    assert_eq!(whole.merge(&manifests), Ok(manifest));
    for record in records {
        let Ok(event) = serde_json::from_slice::<Value>(&record.value) else { continue };
        assert_eq!(record.key, event["parcel_id"].to_string().as_bytes());
    }
}

#[test]
fn a_described_list_has_each_thing_once() {
    let recipe = described(&file("/depots.yaml"), Dirt::NONE);
    let (records, manifest) = run(&recipe);
    let numbers: BTreeSet<i64> =
        records.iter().map(|record| value(record)["depot_id"].as_i64().unwrap()).collect();
    assert!(numbers.into_iter().eq(1..=40));
    assert_eq!((manifest.events, manifest.amounts.len()), (40, 0));
    assert_eq!(recipe.dataset.population(), Some(40));
}

#[test]
fn fields_are_added_and_moved_without_a_change_of_the_others() {
    let before = described(&shipments(), Dirt::NONE);
    let step = "    - name: step\n      choice: {accepted: 2, sorted: 5, loaded: 3, delivered: 2}\n";
    let text = shipments().replace(step, "").replace("  added:\n", &format!("{step}  added:\n"));
    let text = text.replace("  fields:\n", "  fields:\n    - name: lane\n      integer: {from: 1, to: 9}\n");
    let after = described(&text, Dirt::NONE);
    for (one, other) in run(&before).0.iter().zip(&run(&after).0).take(200) {
        assert_eq!(one.key, other.key);
        let (one, other) = (value(one), value(other));
        for (field, value) in one.as_object().unwrap() {
            // Another dataset has other ids: nobody can take its events for those of the first.
            assert_eq!(other[field] == *value, field != "event_id", "{field}");
        }
    }
}

#[test]
fn words_about_a_dataset_change_nothing_of_its_events() {
    let text = shipments().replace("In degrees Celsius", "In °C").replace("# flat unless said", "");
    assert!(text != shipments());
    let [one, other] = [&shipments(), &text].map(|text| run(&described(text, Dirt::NONE)).0);
    assert!(one == other);
}

#[test]
fn each_mistake_in_a_description_is_placed_and_has_a_way_out() {
    for (from, to, expected) in [
        ("kind: Dataset", "kind: Dataste", "3:7: kind is `Dataste`; did you mean `Dataset`?"),
        (
            "name: shipments",
            "name: orders",
            "5:9: metadata.name is `orders`, a dataset that is there already; choose another name",
        ),
        (
            "name: shipments",
            "name: My_Parcels",
            "5:9: metadata.name is `My_Parcels`, which is not made of lower-case letters, digits and inner hyphens alone; write `my-parcels`",
        ),
        ("rhythm: office", "rhythm: ofice", "8:11: spec.rhythm is `ofice`; did you mean `office`?"),
        ("  rhythm: office ", "  rythm: office ", "8:3: unknown key `rythm` in spec; did you mean `rhythm`?"),
        (
            "  rhythm: office ",
            "  population: 4\n  rhythm: office ",
            "9:3: spec has both `population` and `rhythm`, but what is listed comes evenly; leave `rhythm` out",
        ),
        (
            "key: parcel_id ",
            "key: parcel ",
            "9:8: spec.key is `parcel`, and no field is called so; did you mean `parcel_id`?",
        ),
        (
            "key: parcel_id ",
            "key: temperature ",
            "9:8: spec.key is `temperature`, which may be null; take `nulls` out of that field",
        ),
        (
            "of: fee_minor",
            "of: step",
            "10:17: spec.amounts.of is `step`, which is no field of whole numbers; take one of parcel_id, customer_id, weight_grams, fee_minor, temperature",
        ),
        (
            ", by: currency",
            "",
            "10:12: spec.amounts has neither `by` nor `unit`; say which field tells the unit: `by: currency`",
        ),
        (
            "by: currency",
            "by: curency",
            "10:32: spec.amounts.by is `curency`, and no field is called so; did you mean `currency`?",
        ),
        (
            "by: currency",
            "by: currency, unit: EUR",
            "10:42: spec.amounts has both `by` and `unit`; keep one of them",
        ),
        (
            "name: signed",
            "name: step",
            "35:13: the field `step` stands here a second time, first on line 25; rename one of them",
        ),
        (
            "name: signed",
            "name: Signed",
            "35:13: spec.fields[8].name is `Signed`, which is no name of a field; use lower-case letters, digits and `_`, and begin with a letter",
        ),
        (
            "name: signed",
            "name: event_id",
            "35:13: spec.fields[8].name is `event_id`, which every event has already; choose another name",
        ),
        (
            "boolean: 0.35",
            "bolean: 0.35",
            "36:7: unknown key `bolean` in spec.fields[8]; did you mean `boolean`?",
        ),
        (
            "      boolean: 0.35\n",
            "",
            "35:7: spec.fields[8] does not say what it holds; add one of integer, choice, reference, boolean, time, pattern, serial",
        ),
        ("boolean: 0.35", "boolean: 35", "36:16: spec.fields[8].boolean is 35; write a number from 0 to 1"),
        (
            "boolean: 0.35",
            "boolean: 0.35\n      serial: 1",
            "37:7: spec.fields[8] has both `boolean` and `serial`; keep one of them",
        ),
        (
            "reference: customers",
            "reference: costumers",
            "17:18: spec.fields[1].reference is `costumers`; did you mean `customers`?",
        ),
        (
            "to: 50000, distribution: zipf",
            "to: 500000, distribution: zipf",
            "14:16: spec.fields[0].integer has 500000 numbers by Zipf's law; 200000 are the limit",
        ),
        (
            "from: 290, to: 4990",
            "from: 4990, to: 290",
            "34:16: spec.fields[7].integer goes from 4990 to 290; let `from` be less than `to`",
        ),
        (
            "from: 50, to",
            "from: 0, to",
            "28:17: spec.fields[5].integer.from is 0, and doubling it leads nowhere; begin with 1 or more",
        ),
        (
            "4990, distribution: bell",
            "4990, distribution: bell, exponent: 2",
            "34:58: spec.fields[7].integer has `exponent`, but its distribution is bell; leave it out, or write `distribution: zipf`",
        ),
        (
            "{EUR: 8, GBP: 1, CHF: 1}",
            "{EUR: 0}",
            "31:15: spec.fields[6].choice has no word that weighs anything; write it as in `{card: 3, transfer: 1}`",
        ),
        (
            "{EUR: 8, GBP: 1, CHF: 1}",
            "{EUR: -8, GBP: 1}",
            "31:21: spec.fields[6].choice.EUR is -8; write 0 or more",
        ),
        (
            "-{parcel_id}",
            "-{parcelid}",
            "20:25: spec.fields[2].pattern has `{parcelid}`, and no field above is called so; did you mean `parcel_id`?",
        ),
        (
            "-{parcel_id}",
            "-{parcel_id",
            r"20:25: spec.fields[2].pattern has a `{` without its `}`; close it, or write `\{`",
        ),
        (
            "@@-####-",
            "####################-#",
            "20:16: spec.fields[2].pattern has too many characters by chance; 20 of `#` and `@` are the limit",
        ),
        (
            "      choice: {bluebird: 5, swift: 3, postilion: 1}\n      per: parcel_id",
            "      choice: {bluebird: 5}\n      per: parcels",
            "24:12: spec.fields[3].per is `parcels`, and no field above is called so; take one of parcel_id, customer_id",
        ),
        (
            "      choice: {bluebird: 5, swift: 3, postilion: 1}\n      per: parcel_id",
            "      choice: {bluebird: 5}\n      per: tracking_code",
            "24:12: spec.fields[3].per is `tracking_code`, whose values name no things; take a field made by integer, choice, reference, serial",
        ),
        (
            "      time: {}",
            "      time: {}\n      per: temperature",
            "43:12: spec.fields[10].per is `temperature`, which may be null, and then so is this one; add `nulls: 0`",
        ),
        (
            "from: 86400, to: 259200",
            "from: 86400",
            "44:13: spec.fields[11].time ends before it begins; let `from` be less than `to`",
        ),
        (
            "name: depot",
            "name: step",
            "46:11: spec.added.name is `step`, the name of a field above; rename one of them",
        ),
        (
            "    nulls: 0\n",
            "",
            "46:5: spec.added has no `nulls`, but older events have no value there; add `nulls: 0`",
        ),
    ] {
        assert_eq!(errors(from, to), [format!("shipments.yaml:{expected}")], "{to}");
    }
}

#[test]
fn a_described_dataset_without_a_newer_form_has_no_change_of_the_schema() {
    let text = shipments();
    let text = &text[..text.find("  added:").unwrap()];
    let recipe = described(text, all_dirt());
    let (_, manifest) = run(&recipe);
    assert!(!manifest.dirt.contains_key(&DirtClass::SchemaChange));
    assert!(!recipe.dataset.schema().changes());
    let Dataset::Described(dataset) = &recipe.dataset else { panic!("not described") };
    assert_eq!(Arc::strong_count(dataset), 1);
}
