//! Properties of whole windows: what slices, windows side by side and manifests have to do with each other.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::*;

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
fn a_window_is_the_same_however_it_is_cut_and_in_whatever_order_it_is_made() {
    let mut dice = Dice(1);
    for round in 0..12 {
        let dataset = NAMES[round % NAMES.len()];
        let seed = u64::from(dice.below(u32::MAX));
        let rate = Rate::new(1 + dice.below(30)).unwrap();
        let format = Format::ALL[dice.below(2) as usize];
        let whole = Recipe { seed, rate, format, ..recipe(dataset, all_dirt()) };
        let (records, manifest) = run(&whole);
        let mut slices: Vec<Slice> = Slice::all(1 + dice.below(60)).collect();
        let mut made = BTreeMap::new();
        while !slices.is_empty() {
            let slice = slices.swap_remove(dice.below(slices.len() as u32) as usize);
            made.insert(slice, run(&Recipe { slice, ..whole.clone() }));
        }
        let joined: Vec<Record> = made.values().flat_map(|(records, _)| records.clone()).collect();
        let differs = joined.iter().zip(&records).position(|(one, other)| one != other);
        assert_eq!((joined.len(), differs), (records.len(), None), "{dataset} of seed {seed}");
        let manifests: Vec<WindowManifest> = made.into_values().map(|(_, manifest)| manifest).collect();
        assert_eq!(whole.merge(&manifests), Ok(manifest));
    }
}

#[test]
fn windows_side_by_side_are_the_window_of_both() {
    for dataset in ["orders", "clicks", "sensors"] {
        // Dirt that moves events ends with the window.
        let dirt =
            Dirt { late: Share::NONE, out_of_order: Share::NONE, duplicates: Share::NONE, ..all_dirt() };
        let both = recipe(dataset, dirt);
        let cut = both.window.start() + 17;
        let parts = [(both.window.start(), cut), (cut, both.window.end())];
        let mut joined = Vec::new();
        let mut events = 0;
        for (start, end) in parts {
            let part = Recipe { window: Window::new(start, end).unwrap(), ..both.clone() };
            events += part.events();
            joined.append(&mut run(&part).0);
        }
        assert!(joined == run(&both).0, "{dataset}");
        assert_eq!(events, both.events());
    }
}

#[test]
fn a_windows_events_are_those_of_rate_and_rhythm() {
    for (dataset, rate, window, events) in [
        ("sensors", 7, "2026-03-01T10:00:00Z/2026-03-01T10:01:00Z", 420),
        ("sensors", 1_000_000, "2026-03-01T10:00:00Z/2026-03-02T10:00:00Z", 86_400_000_000),
        // A week of a shop has its highs and lows, and yet exactly its events.
        ("orders", 3, "2026-03-02T00:00:00Z/2026-03-09T00:00:00Z", 3 * 604_800),
        ("clicks", 250, "2026-03-04T05:00:00Z/2026-03-11T05:00:00Z", 250 * 604_800),
        ("devices", 9, "2026-03-01T10:00:00Z/2026-03-01T10:00:01Z", 1024),
    ] {
        let (rate, window) = (Rate::new(rate).unwrap(), window.parse().unwrap());
        assert_eq!(Recipe { window, rate, ..recipe(dataset, Dirt::NONE) }.events(), events, "{dataset}");
    }
}

#[test]
fn no_two_windows_share_an_id() {
    let mut seen = BTreeSet::new();
    let mut ids = 0;
    for dataset in NAMES {
        let first = Recipe { rate: Rate::new(5).unwrap(), ..recipe(dataset, Dirt::NONE) };
        let window = |start: i64| {
            let start = first.window.start() + start;
            Window::new(start, start + 60).unwrap()
        };
        for other in [
            first.clone(),
            Recipe { window: window(60), ..first.clone() },
            Recipe { window: window(-60), ..first.clone() },
            Recipe { window: window(86_400 * 365), ..first.clone() },
            Recipe { seed: 43, ..first.clone() },
        ] {
            for record in run(&other).0 {
                seen.insert(record.id);
                ids += 1;
            }
        }
        // A list of things takes no notice of the rate, and another rhythm or rate makes other events.
        if first.dataset.population().is_none() {
            for record in run(&Recipe { rate: Rate::new(6).unwrap(), ..first }).0 {
                seen.insert(record.id);
                ids += 1;
            }
        } else {
            // Windows that overlap list things anew.
            for record in run(&Recipe { window: window(30), ..first }).0 {
                seen.insert(record.id);
                ids += 1;
            }
        }
    }
    assert_eq!(seen.len(), ids);
}

#[test]
fn sums_are_those_of_what_can_be_read_each_once() {
    for (dataset, unit, amount, counts) in [
        ("orders", "currency", "amount_minor", Some(("version", 1))),
        ("clicks", "", "dwell_ms", None),
        ("sensors", "kind", "value_milli", None),
        ("products", "currency", "price_minor", None),
    ] {
        let (records, manifest) = run(&recipe(dataset, all_dirt()));
        let read = records.iter().filter_map(|record| serde_json::from_slice(&record.value).ok());
        let events: BTreeMap<String, serde_json::Value> =
            read.map(|event: serde_json::Value| (event["event_id"].to_string(), event)).collect();
        let mut sums: BTreeMap<String, i128> = BTreeMap::new();
        for event in events.values().filter(|event| counts.is_none_or(|(key, only)| event[key] == only)) {
            let unit = event[unit].as_str().unwrap_or("ms").to_owned();
            *sums.entry(unit).or_default() += i128::from(event[amount].as_i64().unwrap());
        }
        assert_eq!(manifest.amounts, sums, "{dataset}");
    }
}

#[test]
fn each_class_of_dirt_is_there_and_counted() {
    let recipe = Recipe { rate: Rate::new(200).unwrap(), ..recipe("sensors", all_dirt()) };
    let (records, manifest) = run(&recipe);
    let mut latest = i64::MIN;
    let mut seen = BTreeSet::new();
    let mut found: BTreeMap<DirtClass, u64> = BTreeMap::new();
    for record in &records {
        let mut add = |class: DirtClass| *found.entry(class).or_default() += 1;
        let event = serde_json::from_slice::<serde_json::Value>(&record.value).ok();
        let is_new = seen.insert(record.id);
        // What the values and their order say, and not what the record says of itself.
        match &event {
            None => add(DirtClass::Malformed),
            Some(_) if !is_new => add(DirtClass::Duplicate),
            Some(event) => {
                if record.time < latest {
                    // 200 events a second: those out of order are behind by at most 16.
                    add(if latest - record.time < 200 { DirtClass::OutOfOrder } else { DirtClass::Late });
                } else if event["site"].is_null() {
                    add(DirtClass::Nulls);
                }
                if event.get("battery_percent").is_some() {
                    add(DirtClass::SchemaChange);
                }
            }
        }
        latest = latest.max(record.time);
    }
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), DirtClass::ALL);
    for class in DirtClass::ALL {
        // Two events of the same millisecond are in any order; and an event may be sent out of turn by another one only.
        let near = manifest.dirt[&class] / 50;
        assert!(manifest.dirt[&class].abs_diff(found[&class]) <= near, "{found:?} {:?}", manifest.dirt);
    }
    for class in [DirtClass::Duplicate, DirtClass::Malformed, DirtClass::Nulls, DirtClass::SchemaChange] {
        assert_eq!(manifest.dirt[&class], found[&class], "{class:?}");
    }
}

#[test]
fn a_field_is_added_on_its_date_and_by_share() {
    let at = "2026-03-01T10:00:30Z";
    for (dataset, change) in [("orders", at.to_owned()), ("clicks", format!("{at}=25%"))] {
        let dirt = Dirt { schema_change: Some(change.parse().unwrap()), ..Dirt::NONE };
        let recipe = recipe(dataset, dirt);
        let name = recipe.dataset.schema().added.unwrap().name;
        let (records, manifest) = run(&recipe);
        let (mut before, mut after) = ([0_u64; 2], [0_u64; 2]);
        for record in &records {
            let side =
                if record.time < dirt.schema_change.unwrap().at * 1000 { &mut before } else { &mut after };
            side[usize::from(value(record).get(&*name).is_some())] += 1;
        }
        assert_eq!((before[1], after[1]), (0, manifest.dirt[&DirtClass::SchemaChange]), "{dataset}");
        assert!(before[0] > 1000);
        if change == at {
            assert_eq!(after[0], 0);
        } else {
            assert!((2..5).contains(&(after[0] / after[1])), "{after:?}");
        }
    }
    assert!(
        "soon".parse::<SchemaChange>().unwrap_err().to_string().contains("`soon` is no time of a change")
    );
}

#[test]
fn a_manifest_is_read_as_it_is_written() {
    let (_, manifest) = run(&recipe("orders", all_dirt()));
    let text = serde_json::to_string(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<WindowManifest>(&text).unwrap(), manifest);
    for part in [r#""dataset":"orders""#, r#""rhythm":"shop""#, r#""outOfOrder":"#, r#""uniqueIds":"#] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn the_page_shows_a_manifest_as_it_is() {
    let page = include_str!("../../../docs/datasets.md");
    let shown = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (_, mut manifest) = run(&recipe("orders", all_dirt()));
    manifest.first_offsets.insert("orders-0".to_owned(), 1200);
    manifest.last_offsets.insert("orders-0".to_owned(), 1199 + manifest.records as i64);
    assert_eq!(shown, format!("{}\n", serde_json::to_string_pretty(&manifest).unwrap()));
}
