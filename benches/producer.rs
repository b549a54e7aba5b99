//! What it costs to make an event, on one core: `cargo bench --bench producer`.

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mooring::producer::{Dirt, Format, Generator, Rate, Recipe, Record, Share, Slice};

const EVENTS: u64 = 100_000;

fn recipe(dataset: &str) -> Recipe {
    Recipe {
        dataset: dataset.parse().unwrap(),
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
        schema_change: None,
    }
}

fn make(mut generator: Generator) -> u64 {
    let mut record = Record::default();
    let mut bytes = 0;
    for _ in 0..EVENTS {
        generator.next(&mut record);
        bytes += record.value.len() as u64;
    }
    bytes
}

fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("events");
    group.throughput(Throughput::Elements(EVENTS)).sample_size(20);
    let mut measure = |name: &str, recipe: Recipe| {
        let generator = recipe.generator();
        eprintln!("{name}: {} bytes an event", make(generator.clone()) / EVENTS);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(|| generator.clone(), make, BatchSize::LargeInput);
        });
    };
    for dataset in ["orders", "clicks", "sensors"] {
        measure(dataset, recipe(dataset));
    }
    measure("orders in avro", Recipe { format: Format::Avro, ..recipe("orders") });
    measure("orders with dirt", Recipe { dirt: dirty(), ..recipe("orders") });
    group.finish();
}

fn beginnings(criterion: &mut Criterion) {
    for dataset in ["orders", "clicks", "sensors"] {
        let recipe = recipe(dataset);
        criterion.bench_function(&format!("begin {dataset}"), |bencher| bencher.iter(|| recipe.generator()));
    }
}

criterion_group!(benches, events, beginnings);
criterion_main!(benches);
