//! What charts take inside of this process, from a folder to sorted manifests, and what origins add to it.
//!
//! ```text
//! cargo bench --bench charts -- FOLDER...
//! ```
//!
//! `tests/golden/oracle` says what Helm takes for the same folders: `oracle time MOORING FOLDER...`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use mooring::cli::template::LocalFiles;
use mooring::helm::limits::Limits;
use mooring::helm::{Capabilities, Chart, HelmError, Release, ReleaseOutput, RenderRequest, render};

/// The program's own allocator: a good part of rendering is its work.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How often each thing is done; the fastest counts, since other work on the machine only makes it slower.
const ROUNDS: u8 = 5;

fn main() {
    let folders: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut charts: Vec<(&str, Times)> = Vec::new();
    for folder in &folders {
        match measure(folder) {
            Ok(times) => charts.push((folder, times)),
            Err(reason) => eprintln!("left out: {folder}: {reason}"),
        }
    }
    if charts.is_empty() {
        return eprintln!("say `cargo bench --bench charts -- FOLDER...`");
    }
    println!("{} charts, the fastest of {ROUNDS} rounds", charts.len());
    let column = |name: &str, of: fn(&Times) -> Duration| {
        let mut times: Vec<Duration> = charts.iter().map(|(_, times)| of(times)).collect();
        times.sort_unstable();
        let at = |share: usize| times[(times.len() - 1) * share / 100];
        let sum: Duration = times.iter().sum();
        println!("{name:<24} p50 {:<10.2?} p90 {:<10.2?} sum {sum:.2?}", at(50), at(90));
        sum.as_secs_f64()
    };
    column("load", |times| times.load);
    column("load to sorted", |times| times.whole);
    let plain = column("render and sort again", |times| times.again);
    let traced = column("the same with origins", |times| times.traced);
    println!("origins: {:.2} times the rendering", traced / plain);
    charts.sort_by_key(|(_, times)| std::cmp::Reverse(times.whole));
    println!("\nthe largest: load to sorted, load, render again, with origins");
    for (folder, times) in charts.iter().take(12) {
        let name = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let ratio = times.traced.as_secs_f64() / times.again.as_secs_f64();
        println!(
            "{name:<32} {:<10.2?} {:<10.2?} {:<10.2?} {ratio:.2} times",
            times.whole, times.load, times.again
        );
    }
}

/// The fastest rounds of one chart.
#[derive(Clone, Copy)]
struct Times {
    /// Reading it.
    load: Duration,
    /// Reading, parsing, rendering and sorting it.
    whole: Duration,
    /// Rendering and sorting it once more, all templates parsed.
    again: Duration,
    /// The same, with the origin of each part.
    traced: Duration,
}

fn measure(folder: &str) -> Result<Times, String> {
    let files = LocalFiles::new(Path::new(folder));
    let load = || Chart::load(&files, "").map_err(|error| error.to_string());
    let mut best =
        Times { load: Duration::MAX, whole: Duration::MAX, again: Duration::MAX, traced: Duration::MAX };
    for round in 0..ROUNDS {
        // How long a key takes is luck, for Helm as well, which draws anew each time.
        let seed = [round; 32];
        let start = Instant::now();
        let chart = load()?;
        best.load = best.load.min(start.elapsed());
        rendered(&chart, seed, false).map_err(|error| error.to_string())?;
        best.whole = best.whole.min(start.elapsed());
        let (origins, again) = (timed(&chart, seed, true), timed(&chart, seed, false));
        best.again = best.again.min(again);
        best.traced = best.traced.min(origins);
    }
    Ok(best)
}

fn timed(chart: &Chart, seed: [u8; 32], origins: bool) -> Duration {
    let start = Instant::now();
    black_box(rendered(chart, seed, origins).unwrap());
    start.elapsed()
}

fn rendered(chart: &Chart, seed: [u8; 32], origins: bool) -> Result<ReleaseOutput, HelmError> {
    let release =
        Release { name: "demo".to_owned(), namespace: "default".to_owned(), revision: 1, is_upgrade: false };
    render(&RenderRequest {
        chart,
        layers: &[],
        release: &release,
        capabilities: &Capabilities::default(),
        seed,
        now: jiff::Timestamp::UNIX_EPOCH,
        lookup: None,
        limits: Limits::default(),
        origins,
        skip_schema: false,
        nodes: false,
    })
}
