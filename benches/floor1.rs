//! What the pure half costs: YAML, templates, whole environments, plans.
//!
//! ```text
//! cargo bench --bench floor1
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput};
use serde_json::json;

use mooring::environment;
use mooring::helm::yaml::{YamlLimits, json_to_yaml, parse};
use mooring::helm::{
    Capabilities, Chart, DEFAULT_API_VERSIONS, DEFAULT_KUBE_VERSION, Release, RenderRequest, ValuesLayer,
};
use mooring::manifest::{Digest, Manifest, ManifestSource, SecretKey, apply_set_id};
use mooring::plan::{self, Catalog, Inventory, InventoryEntry, ObservedSet, Policy, Resource};
use mooring::render::{
    Component, DesiredObject, DesiredSet, RenderCache, RenderContext, RenderedComponent, render_environment,
};
use mooring::source::{ReadLimits, Snapshot, Source};

fn main() {
    let mut criterion =
        Criterion::default().measurement_time(Duration::from_secs(4)).sample_size(20).configure_from_args();
    yaml(&mut criterion);
    templates(&mut criterion);
    environments(&mut criterion);
    hundred(&mut criterion);
    plans(&mut criterion);
    criterion.final_summary();
}

/// This repository's own files.
fn repository() -> Arc<Snapshot> {
    snapshot(Path::new(env!("CARGO_MANIFEST_DIR")))
}

fn snapshot(folder: &Path) -> Arc<Snapshot> {
    let source = Source::folder(folder, ReadLimits::default());
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(source.latest())
        .unwrap()
}

/// A ConfigMap and a Deployment, some hundred times.
fn text_of_manifests() -> String {
    (0..200)
        .map(|number| {
            format!(
                "- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    name: web-{number}\n    labels: {{app: web, tier: \"{number}\"}}\n  \
                 spec:\n    replicas: {number} # as many as there are\n    template:\n      spec:\n        containers:\n        - name: main\n          \
                 image: 'example.org/web:1.{number}'\n          args: [--port, \"8080\", --verbose]\n          env:\n          - name: TEXT\n            \
                 value: |\n              two\n              lines\n"
            )
        })
        .collect()
}

/// Our reader and writer, beside the library that serde_yaml's users know.
fn yaml(criterion: &mut Criterion) {
    let text = text_of_manifests();
    let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    let mut group = criterion.benchmark_group("yaml");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("read", |bench| {
        bench.iter(|| parse(black_box(&text), &YamlLimits::default()).unwrap());
    });
    group.bench_function("read, serde_yaml", |bench| {
        bench.iter(|| serde_yaml::from_str::<serde_json::Value>(black_box(&text)).unwrap());
    });
    group.bench_function("write", |bench| bench.iter(|| json_to_yaml(black_box(&value))));
    group.bench_function("write, serde_yaml", |bench| {
        bench.iter(|| serde_yaml::to_string(black_box(&value)).unwrap());
    });
    group.finish();
}

/// One chart: read and parsed, then rendered.
/// The program's own allocator: a good part of rendering is its work.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn templates(criterion: &mut Criterion) {
    let files = repository();
    let folder = "components/trino";
    let chart = Chart::load(&*files, folder).unwrap();
    let layers = [ValuesLayer::from_yaml("values.yaml", "{}").unwrap()];
    let release = Release {
        name: "trino".to_owned(),
        namespace: "lakehouse".to_owned(),
        revision: 1,
        is_upgrade: false,
    };
    let mut group = criterion.benchmark_group("chart");
    group.bench_function("load", |bench| bench.iter(|| Chart::load(&*files, folder).unwrap()));
    for (name, origins) in [("render", false), ("render with origins", true)] {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                mooring::helm::render(&RenderRequest {
                    chart: &chart,
                    layers: &layers,
                    release: &release,
                    capabilities: &Capabilities::default(),
                    seed: [0; 32],
                    now: jiff::Timestamp::UNIX_EPOCH,
                    lookup: None,
                    limits: mooring::helm::limits::Limits::default(),
                    origins,
                    skip_schema: false,
                    nodes: false,
                })
                .unwrap()
            });
        });
    }
    group.finish();
}

/// The environment of this repository: nothing rendered before, and everything.
fn environments(criterion: &mut Criterion) {
    let files = repository();
    let mut group = criterion.benchmark_group("environment");
    group.bench_function("load", |bench| bench.iter(|| environment::load(&*files, "local").unwrap()));
    rendering(&mut group, &files, "local");
    group.finish();
}

/// An environment of 100 components, made of this repository's charts in turn.
fn hundred(criterion: &mut Criterion) {
    const CHARTS: [&str; 7] = ["minio", "kafka", "iceberg-catalog", "spark", "postgres", "trino", "superset"];
    let folder = tempfile::tempdir().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for chart in CHARTS {
        copy(&here.join("components").join(chart), &folder.path().join("components").join(chart));
    }
    copy(&here.join("environments/local/values"), &folder.path().join("environments/hundred/values"));
    let mut text = "apiVersion: mooring.dev/v1alpha1\nkind: Environment\nmetadata: {name: hundred}\nspec:\n  namespace: \
                    hundred\n  components:\n"
        .to_owned();
    for (number, chart) in CHARTS.iter().cycle().take(100).enumerate() {
        text.push_str(&format!(
            "  - {{name: c{number}, namespace: c{number}, chart: components/{chart}, values: [values/{chart}.yaml]}}\n"
        ));
    }
    std::fs::write(folder.path().join("environments/hundred/environment.yaml"), text).unwrap();
    let mut group = criterion.benchmark_group("environment of 100 components");
    rendering(&mut group, &snapshot(folder.path()), "hundred");
    group.finish();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(path, target).unwrap();
        }
    }
}

/// Renders an environment with nothing in the cache, and with everything.
fn rendering(group: &mut BenchmarkGroup<'_, WallTime>, files: &Snapshot, name: &str) {
    let loaded = environment::load(files, name).unwrap();
    let api_versions: Vec<String> = DEFAULT_API_VERSIONS.iter().map(ToString::to_string).collect();
    let render = |cache: &RenderCache| {
        render_environment(&RenderContext {
            files,
            environment: &loaded,
            keys: &mooring::sops::Keyring::default(),
            kube_version: DEFAULT_KUBE_VERSION,
            api_versions: &api_versions,
            cache,
            now: jiff::Timestamp::UNIX_EPOCH,
            seed: [0; 32],
            lookup: None,
            limits: mooring::helm::limits::Limits::default(),
        })
    };
    let new = || RenderCache::new(64 << 20);
    let warm = new();
    let failed = render(&warm).components.into_iter().find_map(|component| component.result.err());
    assert!(failed.is_none(), "{failed:?}");
    group.bench_function("render, nothing cached", |bench| {
        bench.iter_batched_ref(new, |cache| render(cache), BatchSize::SmallInput);
    });
    group.bench_function("render, all cached", |bench| bench.iter(|| render(&warm)));
}

/// 5,000 objects in 100 components.
fn plans(criterion: &mut Criterion) {
    let key = SecretKey::new([7; 32]);
    let desired = |value: &str| DesiredSet {
        environment: "bench".into(),
        components: (0..100).map(|number| component(number, value)).collect(),
    };
    let catalog = Catalog::new([Resource {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        plural: "configmaps".to_owned(),
        namespaced: true,
    }]);
    let policy = Policy::default();
    let (wanted, other) = (desired("1"), desired("2"));
    let empty = (ObservedSet::default(), Inventory::default());
    let applied = carry_out(&plan::plan(&wanted, &empty.0, &empty.1, &policy, &catalog, &key));
    let mut group = criterion.benchmark_group("plan of 5,000 objects");
    for (name, desired, known) in [
        ("all new", &wanted, &empty),
        ("nothing to do", &wanted, &applied),
        ("all changed", &other, &applied),
    ] {
        group.bench_function(name, |bench| {
            bench.iter(|| plan::plan(desired, &known.0, &known.1, &policy, &catalog, &key));
        });
    }
    group.finish();
}

fn component(number: usize, value: &str) -> Component {
    let objects = (0..50).map(|index| {
        let value = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("c{number}-{index}"), "labels": {"app": "bench"}},
            "data": {"value": value, "file.properties": "a=1\nb=2\n".repeat(20)},
        });
        let source =
            ManifestSource { component: "bench".into(), file: "all.yaml".into(), document: 0, line: 1 };
        DesiredObject { manifest: Manifest::from_value(value, source).unwrap(), once: Vec::new() }
    });
    let rendered = RenderedComponent { objects: objects.collect(), ..RenderedComponent::default() };
    Component {
        name: format!("c{number}").into(),
        depends_on: Vec::new(),
        namespace: "bench".into(),
        result: Ok(Arc::new(rendered)),
        looked_up: Arc::default(),
    }
}

/// What is known after a plan was carried out by a server that refuses nothing.
fn carry_out(plan: &plan::Plan) -> (ObservedSet, Inventory) {
    let (mut observed, mut inventory) = (ObservedSet::default(), Inventory::default());
    for step in plan.steps() {
        let fields = Digest::of(step.digest.to_string().as_bytes());
        let uid = format!("uid of {}", step.key);
        let seen = observed.objects.entry(step.key.clone()).or_default();
        seen.uid.clone_from(&uid);
        seen.apply_set = Some(apply_set_id("bench"));
        seen.own_fields = Some(fields);
        let component = step.component.clone();
        let entry = InventoryEntry { component, uid, desired: step.digest, fields, projection: fields };
        inventory.entries.insert(step.key.clone(), entry);
    }
    (observed, inventory)
}
