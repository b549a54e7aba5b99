//! Distributions: chi-square tests with fixed seeds.

use super::*;
use crate::producer::dirt::Fates;
use crate::producer::people::{COUNTRIES, CUSTOMERS, Customers};
use crate::producer::products::PRODUCTS;
use crate::producer::random::{Blocks, below};
use crate::producer::skew::Shuffle;
use crate::producer::timeline::Slot;

/// Whether counts are as likely as that of one in a thousand samples of things with these weights.
fn fits(observed: &[u64], weights: &[f64]) -> bool {
    assert_eq!(observed.len(), weights.len());
    let (count, sum) = (real(observed.iter().sum()), weights.iter().sum::<f64>());
    let mut chi_square = 0.0;
    for (observed, weight) in observed.iter().zip(weights) {
        let expected = count * weight / sum;
        assert!(expected >= 5.0, "too few of them are expected: {expected}");
        chi_square += (real(*observed) - expected).powi(2) / expected;
    }
    // The quantile of 0.999, as Wilson and Hilferty found.
    let freedom = real(observed.len() as u64 - 1);
    let part = 2.0 / (9.0 * freedom);
    chi_square < freedom * (1.0 - part + 3.09 * part.sqrt()).powi(3)
}

pub(in crate::producer) fn assert_fits(what: &str, observed: &[u64], weights: &[f64]) {
    assert!(fits(observed, weights), "{what}: {observed:?} is not {weights:?}");
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn real(count: u64) -> f64 {
    count as f64
}

/// How often each rank came, the first alone, then the next two, four, eight...; by numbers from 1.
fn by_rank(numbers: impl Iterator<Item = i64>, of: u32, seed: u64) -> Vec<u64> {
    let shuffle = Shuffle::new(of, seed);
    let mut ranks = vec![0; of as usize + 1];
    for rank in 0..of {
        ranks[shuffle.number(rank) as usize + 1] = rank + 1;
    }
    let mut counts = vec![0; of.ilog2() as usize + 1];
    for number in numbers {
        counts[ranks[usize::try_from(number).unwrap()].ilog2() as usize] += 1;
    }
    counts
}

/// What the ranks up to `of` weigh by Zipf's law, in the same groups.
fn zipf(of: u32, exponent: f64) -> Vec<f64> {
    let mut weights = vec![0.0; of.ilog2() as usize + 1];
    for rank in 1..=of {
        weights[rank.ilog2() as usize] += f64::from(rank).powf(-exponent);
    }
    weights
}

#[test]
fn orders_are_distributed_as_documented() {
    let recipe = Recipe { rate: Rate::new(1000).unwrap(), ..recipe("orders", Dirt::NONE) };
    let events: Vec<serde_json::Value> = run(&recipe).0.iter().map(value).collect();
    let placed: Vec<_> = events.iter().filter(|event| event["version"] == 1).collect();
    let count = |of: &[&serde_json::Value], field: &str, words: &[&str]| -> Vec<u64> {
        words.iter().map(|word| of.iter().filter(|event| event[field] == *word).count() as u64).collect()
    };

    let customers = by_rank(placed.iter().map(|order| order["customer_id"].as_i64().unwrap()), CUSTOMERS, 42);
    assert_fits("customers", &customers, &zipf(CUSTOMERS, 0.75));
    assert!(!fits(&customers, &zipf(CUSTOMERS, 0.80)), "the test would not see another law");
    let items = placed.iter().flat_map(|order| order["items"].as_array().unwrap());
    let products = by_rank(items.map(|item| item["product_id"].as_i64().unwrap()), PRODUCTS, 42);
    assert_fits("products", &products, &zipf(PRODUCTS, 0.95));

    let lengths: Vec<u64> = (1..=6)
        .map(|length| {
            placed.iter().filter(|order| order["items"].as_array().unwrap().len() == length).count() as u64
        })
        .collect();
    assert_fits("items", &lengths, &[115.0, 65.0, 37.0, 21.0, 12.0, 6.0]);
    let channels = count(&placed, "channel", &["web", "app", "store", "partner"]);
    assert_fits("channels", &channels, &[3.0, 3.0, 1.0, 1.0]);
    let payments = count(&placed, "payment_method", &["card", "paypal", "invoice", "transfer"]);
    assert_fits("payments", &payments, &[4.0, 2.0, 1.0, 1.0]);

    let last: Vec<_> = events.iter().filter(|event| event["version"] == 4).collect();
    let ends = count(&last, "status", &["delivered", "returned", "refunded", "closed"]);
    assert_fits("statuses", &ends, &[225.0, 13.0, 10.0, 8.0]);
}

#[test]
fn customers_live_where_they_should() {
    for seed in [1, 42] {
        let mut counts = vec![0; COUNTRIES.len()];
        Customers::new(seed).all_countries().iter().for_each(|country| counts[usize::from(*country)] += 1);
        let shares: Vec<f64> = COUNTRIES.iter().map(|country| real(country.share)).collect();
        assert_fits("countries", &counts, &shares);
    }
}

#[test]
fn devices_are_of_all_kinds_and_readings_seldom_suspect() {
    let recipe = Recipe { rate: Rate::new(500).unwrap(), ..recipe("sensors", Dirt::NONE) };
    let readings: Vec<serde_json::Value> = run(&recipe).0.iter().map(value).collect();
    let suspect = readings.iter().filter(|reading| reading["quality"] == "suspect").count() as u64;
    assert_fits("suspect", &[suspect, readings.len() as u64 - suspect], &[1.0, 999.0]);
    let devices: Vec<serde_json::Value> =
        run(&super::recipe("devices", Dirt::NONE)).0.iter().map(value).collect();
    let kinds = ["temperature", "humidity", "pressure", "vibration"]
        .map(|kind| devices.iter().filter(|device| device["kind"] == kind).count() as u64);
    assert_fits("kinds", &kinds, &[1.0; 4]);
}

#[test]
fn dirt_is_as_frequent_as_was_asked_for() {
    let dirt = Dirt { schema_change: None, ..all_dirt() };
    let mut fates = Fates::new(Dirt { nulls: Share::NONE, ..dirt }, 42, "orders", 1 << 40).unwrap();
    let mut counts = [0; 5];
    for ordinal in 0..100_000 {
        let fate = fates.of(ordinal, &Slot { ordinal, ..Slot::default() });
        counts[fate.class.map_or(4, |class| class as usize)] += 1;
    }
    assert_fits("dirt", &counts, &[0.03, 0.05, 0.02, 0.01, 0.89]);
    let mut fates = Fates::new(Dirt { nulls: dirt.nulls, ..Dirt::NONE }, 42, "orders", 1 << 40).unwrap();
    let mut storms = [0; 2];
    for storm in 0..4000 {
        let mut class = |ordinal: u64| fates.of(ordinal, &Slot { ordinal, ..Slot::default() }).class;
        let [first, last] = [class(256 * storm), class(256 * storm + 255)];
        assert_eq!(first, last);
        storms[usize::from(first.is_none())] += 1;
    }
    assert_fits("storms", &storms, &[0.1, 0.9]);
}

#[test]
fn random_numbers_below_a_bound_are_all_alike() {
    let mut blocks = Blocks::new(42, "test");
    let mut counts = [0; 37];
    for number in 0..4000 {
        blocks.block(number).iter().for_each(|word| counts[below(*word, 37) as usize] += 1);
    }
    assert_fits("numbers", &counts, &[1.0; 37]);
}
