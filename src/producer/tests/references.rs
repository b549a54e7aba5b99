//! What one dataset says of another, and what becomes of an order later.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;

fn events(dataset: &str) -> Vec<Value> {
    run(&recipe(dataset, Dirt::NONE)).0.iter().map(value).collect()
}

/// What a reference dataset lists, by number.
fn listed(dataset: &str, key: &str) -> BTreeMap<i64, Value> {
    let things = events(dataset);
    let count = things.len();
    let listed: BTreeMap<i64, Value> =
        things.into_iter().map(|thing| (thing[key].as_i64().unwrap(), thing)).collect();
    assert_eq!(listed.len(), count, "each of {dataset} once");
    listed
}

#[test]
fn orders_and_clicks_speak_of_customers_and_products_that_are_there() {
    let (customers, products) = (listed("customers", "customer_id"), listed("products", "product_id"));
    let mut bought = BTreeSet::new();
    for order in events("orders") {
        let customer = &customers[&order["customer_id"].as_i64().unwrap()];
        assert_eq!((&order["country"], &order["currency"]), (&customer["country"], &customer["currency"]));
        assert!(order["ordered_at"].as_str() > customer["registered_at"].as_str());
        for item in order["items"].as_array().unwrap() {
            let product = &products[&item["product_id"].as_i64().unwrap()];
            assert!(order["ordered_at"].as_str() > product["introduced_at"].as_str());
            if order["currency"] == product["currency"] {
                assert_eq!(item["unit_price_minor"], product["price_minor"]);
            }
            bought.insert(item["product_id"].as_i64());
        }
    }
    assert!(bought.len() > 500, "{}", bought.len());
    let mut signed_in = 0;
    for click in events("clicks") {
        if let Some(customer) = click["customer_id"].as_i64() {
            assert_eq!(click["country"], customers[&customer]["country"]);
            assert_eq!(click["visitor_id"], customer);
            signed_in += 1;
        }
        if let Some(product) = click["product_id"].as_i64() {
            assert!(products.contains_key(&product));
        }
    }
    assert!(signed_in > 300, "{signed_in}");
}

#[test]
fn readings_are_of_devices_that_are_there() {
    let devices = listed("devices", "device_id");
    for reading in events("sensors") {
        let device = &devices[&reading["device_id"].as_i64().unwrap()];
        for field in ["kind", "unit", "site"] {
            assert_eq!(reading[field], device[field]);
        }
        assert!(reading["measured_at"].as_str() > device["installed_at"].as_str());
    }
}

#[test]
fn an_orders_amount_is_that_of_its_items() {
    for order in events("orders") {
        let long = |key: &str| order[key].as_i64().unwrap();
        let items: i64 = order["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["quantity"].as_i64().unwrap() * item["unit_price_minor"].as_i64().unwrap())
            .sum();
        assert_eq!(long("amount_minor"), items - long("discount_minor") + long("shipping_minor"));
        assert!(long("amount_minor") > 0);
    }
}

#[test]
fn a_session_goes_on_in_the_events_of_its_clicks() {
    let recipe = Recipe { rate: Rate::new(2).unwrap(), ..recipe("clicks", Dirt::NONE) };
    let window = "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z".parse().unwrap();
    let mut sessions: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in run(&Recipe { window, ..recipe }).0 {
        let click = value(&record);
        sessions.entry(click["session_id"].as_str().unwrap().to_owned()).or_default().push(click);
    }
    let mut whole = 0;
    for clicks in sessions.values() {
        for pair in clicks.windows(2) {
            assert_eq!(pair[1]["sequence"].as_i64(), pair[0]["sequence"].as_i64().map(|number| number + 1));
            assert!(pair[1]["clicked_at"].as_str() > pair[0]["clicked_at"].as_str());
            for field in ["visitor_id", "customer_id", "country", "device", "referrer", "is_bot"] {
                assert_eq!(pair[0][field], pair[1][field]);
            }
        }
        if clicks[0]["sequence"] == 1 {
            assert_eq!(clicks[0]["session_id"], clicks[0]["event_id"]);
            whole += usize::from(clicks.len() > 1);
        }
    }
    assert!(whole > 100, "{whole}");
}

#[test]
fn an_order_has_each_of_its_four_events_once_and_in_turn() {
    let recipe = recipe("orders", Dirt::NONE);
    let recipe = Recipe { rate: Rate::new(1).unwrap(), ..recipe };
    let timeline = recipe.timeline();
    let orders = orders::Orders::new(&recipe, &timeline);
    // Of three weeks, all that is told of the orders of one day in their midst.
    let day = |day: u64| timeline.ordinals(&window_of_day(day));
    let placed = day(3).start / 4..day(3).end / 4;
    let mut told: BTreeMap<u64, Vec<(usize, u64)>> = BTreeMap::new();
    for ordinal in day(0).start..day(21).end {
        let (order, version) = orders.subject(ordinal);
        if placed.contains(&order) {
            told.entry(order).or_default().push((version, ordinal));
        }
    }
    assert_eq!(told.len() as u64, placed.end - placed.start);
    for (order, events) in &told {
        assert!(events.iter().map(|(version, _)| *version).eq(0..4), "{order}: {events:?}");
    }
    // And what is told agrees.
    let mut orders = orders;
    for events in told.values().step_by(211) {
        let told: Vec<Value> = events
            .iter()
            .map(|(_, ordinal)| {
                let mut record = Record::default();
                let form = dataset::Form { format: Format::Json, nulls: false, changed: true };
                orders.write(&timeline.slot(*ordinal), form, &mut record);
                value(&record)
            })
            .collect();
        assert_eq!(told[0]["order_id"], told[0]["event_id"]);
        for (version, event) in told.iter().enumerate() {
            assert_eq!(event["version"], version + 1);
            for (field, first) in told[0].as_object().unwrap() {
                let may_differ = ["event_id", "version", "status", "updated_at"].contains(&&**field);
                assert!(may_differ || event[field] == *first, "{field} of {event}");
            }
        }
        let statuses: Vec<&str> = told.iter().map(|event| event["status"].as_str().unwrap()).collect();
        assert!(statuses[0] == "placed" && statuses[1..].iter().all(|status| *status != "placed"));
    }
}

fn window_of_day(day: u64) -> Window {
    let start = "2026-03-02T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second() + day as i64 * 86_400;
    Window::new(start, start + 86_400).unwrap()
}
