//! What it costs to make an event, on one core: `cargo bench --bench producer`.

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mooring::producer::{Dataset, Described, Dirt, Format, Generator, Rate, Recipe, Record, Share, Slice};

/// So many events of a window are made, if it has them.
const MOST: u64 = 100_000;

const DESCRIBED: &str = r#"
apiVersion: mooring.dev/v1alpha1
kind: Dataset
metadata: {name: shipments}
spec:
  key: parcel_id
  amounts: {of: fee_minor, by: currency}
  fields:
    - {name: parcel_id, integer: {from: 1, to: 50000, distribution: zipf, scattered: true}}
    - {name: customer_id, reference: customers, per: parcel_id}
    - {name: tracking_code, pattern: "@@-####-{parcel_id}", per: parcel_id}
    - {name: step, choice: {accepted: 2, sorted: 5, loaded: 3, delivered: 2}}
    - {name: weight_grams, integer: {from: 50, to: 31500, distribution: doubling}}
    - {name: currency, choice: {EUR: 8, GBP: 1, CHF: 1}}
    - {name: fee_minor, integer: {from: 290, to: 4990, distribution: bell}}
    - {name: scanned_at, time: {}}
"#;

fn recipe(dataset: Dataset) -> Recipe {
    Recipe {
        dataset,
        seed: 42,
        window: "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z".parse().unwrap(),
        rate: Rate::new(10_000).unwrap(),
        rhythm: None,
        dirt: Dirt::NONE,
        slice: Slice::WHOLE,
        format: Format::Json,
    }
}

fn dirty() -> Dirt {
    let share = |text: &str| text.parse::<Share>().unwrap();
    Dirt {
        late: share("1%"),
        out_of_order: share("2%"),
        duplicates: share("0.5%"),
        malformed: share("0.1%"),
        nulls: share("1%"),
        schema_change: Some("2026-01-01T00:00:00Z=50%".parse().unwrap()),
    }
}

/// Makes events, and says how many they were and how many bytes their values have.
fn make(mut generator: Generator) -> (u64, u64) {
    let mut record = Record::default();
    let (mut events, mut bytes) = (0, 0);
    while events < MOST && generator.next(&mut record) {
        events += 1;
        bytes += record.value.len() as u64;
    }
    (events, bytes)
}

fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("events");
    group.sample_size(20);
    let mut measure = |name: &str, recipe: &Recipe| {
        let generator = recipe.generator();
        let (events, bytes) = make(generator.clone());
        eprintln!("{name}: {} bytes an event", bytes / events);
        group.throughput(Throughput::Elements(events));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(|| generator.clone(), make, BatchSize::LargeInput);
        });
    };
    for dataset in Dataset::BUILT_IN {
        measure(dataset.clone().name(), &recipe(dataset));
    }
    let described = Described::parse("shipments.yaml", DESCRIBED).unwrap();
    measure("a described dataset", &recipe(described.into()));
    let orders = recipe(Dataset::Orders);
    measure("orders in avro", &Recipe { format: Format::Avro, ..orders.clone() });
    measure("orders with dirt", &Recipe { dirt: dirty(), ..orders });
    group.finish();
}

/// What comes before the first event: tables.
fn beginnings(criterion: &mut Criterion) {
    for dataset in [Dataset::Orders, Dataset::Clicks, Dataset::Sensors] {
        let name = format!("begin {}", dataset.name());
        let recipe = recipe(dataset);
        criterion.bench_function(&name, |bencher| bencher.iter(|| recipe.generator()));
    }
}

/// The proof of a window without its events: ids, and the sha256 over them.
fn proofs(criterion: &mut Criterion) {
    let window = "2026-03-01T10:00:00Z/2026-03-01T10:00:10Z".parse().unwrap();
    let recipe = Recipe { window, ..recipe(Dataset::Orders) };
    let mut group = criterion.benchmark_group("ids");
    group.throughput(Throughput::Elements(recipe.events())).sample_size(20);
    group.bench_function("orders", |bencher| bencher.iter(|| recipe.ids()));
    group.finish();
}

criterion_group!(benches, events, beginnings, proofs);
criterion_main!(benches);
