//! The agent against a real control plane: how fast it applies, sees and repairs, and what it costs at rest.
//!
//! ```text
//! cargo bench --bench cluster -- --sizes 1000,5000 --json figures.json
//! ```
//!
//! The machine decides about absolute figures, so whatever can be is compared with a bare loop of server-side applies
//! against the same API server in the same run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    dead_code,
    reason = "a benchmark that cannot go on ends; it shares files with the cluster tests and does not use all of them"
)]

#[path = "../tests/cluster/agent.rs"]
mod agent;
#[path = "../tests/cluster/control_plane.rs"]
mod control_plane;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Parser;
use futures::{StreamExt, TryStreamExt, stream};
use http::Request;
use serde_json::{Value, json};

use agent::Agent;
use control_plane::{ControlPlane, RUNTIME};

const COMPONENTS: usize = 100;
const DRIFTS: usize = 200;
/// The agent's own bound, so that both loops ask the API server as much at once.
const CONCURRENCY: usize = 32;
/// No machine is so slow.
const LIMIT: Duration = Duration::from_mins(15);

/// Measures the agent against a real control plane on loopback.
#[derive(Parser)]
struct Options {
    /// The numbers of objects, in 100 components.
    #[arg(long, value_delimiter = ',', default_value = "1000,5000")]
    sizes: Vec<usize>,
    /// Where the figures are written as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How long the agent is watched at rest, in seconds; figures are given per minute.
    #[arg(long, default_value_t = 60)]
    rest: u64,
    /// What cargo says.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What was measured with one number of objects.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    objects: usize,
    /// Seconds from learning of the commit to all applied.
    applied_seconds: f64,
    /// Seconds of the bare loop, before and after.
    bare_seconds: [f64; 2],
    /// The agent's rate as a share of the bare loop's.
    ratio: f64,
    /// Milliseconds from learning of a commit that changes one object to its being applied, sorted.
    one_object_ms: Vec<f64>,
    /// Milliseconds from the sending of a change to the sight of its repair.
    drift_p50_ms: f64,
    drift_p99_ms: f64,
    /// Requests in a minute of rest, by verb and kind of thing.
    rest_requests: BTreeMap<String, f64>,
    /// Of these, all but watches and the lease.
    rest_other_requests: f64,
    rest_cpu_seconds: f64,
    rss_mib: f64,
    peak_rss_mib: f64,
    /// Seconds from a new start to being at the revision again, and the memory after that.
    restart_seconds: f64,
    restart_rss_mib: f64,
}

fn main() {
    let options = Options::parse();
    let plane = step("start the control plane", || Arc::new(ControlPlane::start("bench")));
    let all: Vec<Figures> =
        options.sizes.iter().map(|&objects| measure(&plane, objects, options.rest)).collect();
    for figures in &all {
        print_table(figures);
    }
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_string_pretty(&all).unwrap()).unwrap();
    }
}

/// Says what is done, and how long it took.
fn step<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    eprint!("{what} ... ");
    let result = work();
    eprintln!("{:.1} s", began.elapsed().as_secs_f64());
    result
}

/// The manifests of one component.
fn component(number: usize, objects: usize, value: &str) -> Vec<Value> {
    (0..objects)
        .map(|index| {
            let name = format!("c{number:03}-{index:03}");
            let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "bench"});
            let metadata = json!({"name": name, "labels": labels});
            match index % 10 {
                0..=3 => json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {
                    "value": value, "file.properties": "a=1\nb=2\n".repeat(20),
                }}),
                4..=6 => json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {
                    "clusterIP": "None", "selector": labels, "ports": [{"name": "http", "port": 80}],
                }}),
                _ => json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
                        "name": "main", "image": "example.org/pause:1",
                        "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "10m"}},
                        "env": [{"name": "VALUE", "value": value}],
                    }]}},
                }}),
            }
        })
        .collect()
}

fn path_of(object: &Value, namespace: &str) -> String {
    let name = object["metadata"]["name"].as_str().unwrap();
    match object["kind"].as_str().unwrap() {
        "ConfigMap" => format!("/api/v1/namespaces/{namespace}/configmaps/{name}"),
        "Service" => format!("/api/v1/namespaces/{namespace}/services/{name}"),
        _ => format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}"),
    }
}

/// Server-side applies of the same objects into a namespace of their own: what any agent would need at least.
fn bare_loop(plane: &ControlPlane, objects: usize, namespace: &str) -> f64 {
    let bodies: Vec<(String, Vec<u8>)> = (0..COMPONENTS)
        .flat_map(|number| component(number, objects / COMPONENTS, "1"))
        .map(|object| (path_of(&object, namespace), object.to_string().into_bytes()))
        .collect();
    let client = plane.client();
    let began = Instant::now();
    plane.post("/api/v1/namespaces", &json!({"metadata": {"name": namespace}}));
    RUNTIME.block_on(async {
        stream::iter(bodies.into_iter().map(Ok::<_, kube::Error>))
            .try_for_each_concurrent(CONCURRENCY, |(path, body)| {
                let client = client.clone();
                async move {
                    let request =
                        Request::patch(format!("{path}?fieldManager=bare&force=true&fieldValidation=Strict"))
                            .header("content-type", "application/apply-patch+yaml")
                            .body(body)
                            .unwrap();
                    client.request::<Value>(request).await.map(drop)
                }
            })
            .await
            .unwrap();
    });
    began.elapsed().as_secs_f64()
}

/// A repository, its environment, and the agent that keeps it.
struct Bench<'p> {
    plane: &'p ControlPlane,
    name: String,
    folder: tempfile::TempDir,
    repository: git2::Repository,
    user: String,
}

impl<'p> Bench<'p> {
    fn new(plane: &'p ControlPlane, objects: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = git2::Repository::init_bare(folder.path().join("remote.git")).unwrap();
        repository.set_head("refs/heads/main").unwrap();
        let name = format!("bench-{objects}");
        let user = format!("agent-of-{name}");
        plane.kubeconfig_of(&user, &folder.path().join("kubeconfig"));
        Self { plane, name, folder, repository, user }
    }

    fn push(&self, files: &[(String, String)]) -> String {
        let repository = &self.repository;
        let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, text) in files {
            update.upsert(path.as_str(), repository.blob(text.as_bytes()).unwrap(), git2::FileMode::Blob);
        }
        let empty = repository.find_tree(repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let base = parent.as_ref().map_or(empty, |parent| parent.tree().unwrap());
        let tree = repository.find_tree(update.create_updated(repository, &base).unwrap()).unwrap();
        let author = git2::Signature::now("A benchmark", "bench@example.org").unwrap();
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        repository
            .commit(Some("refs/heads/main"), &author, &author, "change", &tree, &parents)
            .unwrap()
            .to_string()[..7]
            .to_owned()
    }

    fn environment(&self, components: usize) -> (String, String) {
        let list: String = (0..components)
            .map(|number| format!("    - {{name: c{number:03}, manifests: components/c{number:03}}}\n"))
            .collect();
        let list = if list.is_empty() { " []\n".to_owned() } else { format!("\n{list}") };
        let name = &self.name;
        let text = format!(
            "apiVersion: mooring.dev/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec:\n  namespace: {name}\n  components:{list}"
        );
        (format!("environments/{name}/environment.yaml"), text)
    }

    fn file(number: usize, objects: usize, value: &str) -> (String, String) {
        let documents: String = component(number, objects / COMPONENTS, value)
            .iter()
            .map(|object| format!("---\n{}", serde_yaml::to_string(object).unwrap()))
            .collect();
        (format!("components/c{number:03}/all.yaml"), documents)
    }

    fn start(&self, log: &str) -> Agent {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let remote = format!("file://{}", path("remote.git"));
        let (kubeconfig, state) = (path("kubeconfig"), path("state"));
        let own_namespace = format!("{}-agent", self.name);
        let arguments = [
            "agent",
            "--no-listen",
            "--environment",
            &self.name,
            "--repo",
            &remote,
            "--kubeconfig",
            &kubeconfig,
            "--agent-namespace",
            &own_namespace,
            "--state-dir",
            &state,
            "--interval",
            "1s",
        ];
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Agent::start("info", &arguments, &[], &self.folder.path().join(log))
    }

    /// Waits until the agent is at a commit; returns the milliseconds since it learned of it.
    fn settled(agent: &Agent, commit: &str) -> f64 {
        let words = format!(" is at {commit}");
        let began = Instant::now();
        loop {
            let found = agent.log().into_iter().find_map(|event| {
                let message = event["message"].as_str()?.to_owned();
                message.contains(&words).then_some(message)
            });
            if let Some(message) = found {
                // "... is at 0123456: 3 created, 241 ms"
                let ms = message.rsplit(' ').nth(1).and_then(|ms| ms.replace(',', "").parse().ok());
                return ms.unwrap_or_else(|| panic!("no time in {message:?}"));
            }
            assert!(agent.is_running(), "the agent ended:\n{}", agent.text());
            assert!(began.elapsed() < LIMIT, "it did not come to {commit}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until for some seconds nobody has written anything, the cluster's own controllers included, and the agent
    /// has asked for nothing but watches and the lease. Returns the number of its requests so far.
    fn quiet(&self) -> usize {
        let quoted = format!("\"{}\"", self.user);
        // Nodes report and leases are renewed at any time.
        let counts = |line: &str| {
            let says = |verb: &str| line.contains(&format!("\"verb\":\"{verb}\""));
            let usual = says("watch") || line.contains("/leases") || line.contains("/nodes");
            !usual && (!(says("get") || says("list")) || line.contains(&quoted))
        };
        let (mut lines, mut since) = (0, Instant::now());
        while since.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_secs(1));
            let log = self.plane.audit_log();
            if log.lines().skip(lines).any(counts) {
                since = Instant::now();
            }
            lines = log.lines().count();
        }
        self.plane.requests_of(&self.user).len()
    }
}

fn measure(plane: &ControlPlane, objects: usize, rest: u64) -> Figures {
    eprintln!("--- {objects} objects");
    let before = step("a bare loop", || bare_loop(plane, objects, &format!("bare-{objects}-a")));

    let bench = Bench::new(plane, objects);
    let commit = bench.push(&[bench.environment(0)]);
    let agent = bench.start("first.log");
    Bench::settled(&agent, &commit);
    // A loop beside controllers that still work on what the one before made would be slower.
    step("the controllers finish", || bench.quiet());
    let mut files: Vec<_> = (0..COMPONENTS).map(|number| Bench::file(number, objects, "1")).collect();
    files.push(bench.environment(COMPONENTS));
    let applied = step("a commit with all of them", || {
        let commit = bench.push(&files);
        Bench::settled(&agent, &commit)
    }) / 1000.0;
    step("the controllers finish", || bench.quiet());

    let after = step("a bare loop again", || bare_loop(plane, objects, &format!("bare-{objects}-b")));
    step("the controllers finish", || bench.quiet());
    let mut one_object_ms: Vec<f64> = step("commits of one object each", || {
        (0..7)
            .map(|round| {
                let (path, text) = Bench::file(round, objects, "1");
                let changed = text.replacen("value: '1'", &format!("value: '{}'", round + 2), 1);
                assert_ne!(text, changed);
                let commit = bench.push(&[(path, changed)]);
                Bench::settled(&agent, &commit)
            })
            .collect()
    });
    one_object_ms.sort_by(f64::total_cmp);

    bench.quiet();
    let drifts = step("drifts", || drift(&bench));
    let asked = bench.quiet();
    let cpu = cpu_seconds(agent.id());
    step("rest", || std::thread::sleep(Duration::from_secs(rest)));
    #[expect(clippy::cast_precision_loss, reason = "seconds of a minute")]
    let per_minute = 60.0 / rest as f64;
    let rest_cpu_seconds = (cpu_seconds(agent.id()) - cpu) * per_minute;
    let mut rest_requests: BTreeMap<String, f64> = BTreeMap::new();
    for request in &plane.requests_of(&bench.user)[asked..] {
        let path = request.uri.split('?').next().unwrap_or_default();
        let what =
            if request.is_of_the_lease() { "leases" } else { path.rsplit('/').next().unwrap_or_default() };
        *rest_requests.entry(format!("{} {what}", request.verb)).or_default() += per_minute;
    }
    let is_rest = |what: &str| what.starts_with("watch ") || what.ends_with(" leases");
    let others = rest_requests.iter().filter(|(what, _)| !is_rest(what));
    let rest_other_requests = others.fold(0.0, |sum, (_, count)| sum + count);
    let (rss_mib, peak_rss_mib) = memory(agent.id());

    agent.kill();
    let began = Instant::now();
    let restarted = bench.start("second.log");
    let head = bench.repository.refname_to_id("refs/heads/main").unwrap().to_string()[..7].to_owned();
    Bench::settled(&restarted, &head);
    let restart_seconds = began.elapsed().as_secs_f64();
    bench.quiet();
    let (restart_rss_mib, _) = memory(restarted.id());
    restarted.kill();

    Figures {
        objects,
        applied_seconds: applied,
        bare_seconds: [before, after],
        ratio: f64::midpoint(before, after) / applied,
        one_object_ms,
        drift_p50_ms: drifts[drifts.len() / 2],
        drift_p99_ms: drifts[drifts.len() * 99 / 100],
        rest_requests,
        rest_other_requests,
        rest_cpu_seconds,
        rss_mib,
        peak_rss_mib,
        restart_seconds,
        restart_rss_mib,
    }
}

/// Changes ConfigMaps one after another as `kubectl edit` would, and sees on a watch of its own when each is put back.
/// Returns milliseconds, sorted.
fn drift(bench: &Bench<'_>) -> Vec<f64> {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::{Api, Patch, PatchParams};
    use kube::runtime::{WatchStreamExt, watcher};

    let maps: Api<ConfigMap> = Api::namespaced(bench.plane.client(), &bench.name);
    let seen: Arc<Mutex<HashMap<String, (String, Instant)>>> = Arc::default();
    RUNTIME.block_on(async {
        let watching = seen.clone();
        let events = watcher(maps.clone(), watcher::Config::default()).default_backoff().applied_objects();
        let watch = tokio::spawn(events.for_each(move |map| {
            let now = Instant::now();
            if let Ok(map) = map {
                let value = map.data.and_then(|mut data| data.remove("value")).unwrap_or_default();
                watching.lock().unwrap().insert(map.metadata.name.unwrap_or_default(), (value, now));
            }
            std::future::ready(())
        }));
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut times = Vec::new();
        for round in 0..DRIFTS {
            // The components that were not changed by the commits before.
            let name = format!("c{:03}-{:03}", 10 + round % 90, round / 90);
            let manager =
                PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
            let began = Instant::now();
            maps.patch(&name, &manager, &Patch::Merge(json!({"data": {"value": "by hand"}}))).await.unwrap();
            loop {
                if let Some((value, at)) = seen.lock().unwrap().get(&name)
                    && value == "1"
                    && *at > began
                {
                    times.push(at.duration_since(began).as_secs_f64() * 1000.0);
                    break;
                }
                assert!(began.elapsed() < LIMIT, "{name} is not put back");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        watch.abort();
        times.sort_by(f64::total_cmp);
        times
    })
}

/// Seconds of CPU that a process has used (proc_pid_stat(5)).
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    let a_second = Command::new("getconf").arg("CLK_TCK").output().unwrap().stdout;
    ticks / String::from_utf8(a_second).unwrap().trim().parse::<f64>().unwrap()
}

/// Resident memory of a process and its peak, in MiB (proc_pid_status(5)).
fn memory(pid: u32) -> (f64, f64) {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn print_table(figures: &Figures) {
    let median = figures.one_object_ms[figures.one_object_ms.len() / 2];
    let slowest = figures.one_object_ms.last().copied().unwrap_or_default();
    let [before, after] = figures.bare_seconds;
    // Flux's figures were measured with 1,000 objects on the same kind of machine.
    let rows = [
        ("commit to all applied", format!("{:.2} s", figures.applied_seconds), String::new(), None, "8.6 s"),
        (
            "  the bare loop, before and after",
            format!("{before:.2} s, {after:.2} s"),
            String::new(),
            None,
            "",
        ),
        (
            "  share of the bare loop's rate",
            format!("{:.2}", figures.ratio),
            ">= 0.80".to_owned(),
            Some(figures.ratio >= 0.8),
            "",
        ),
        (
            "commit of one object, median and slowest",
            format!("{median:.0} ms, {slowest:.0} ms"),
            "< 300 ms".to_owned(),
            Some(slowest < 300.0),
            "5.5 s",
        ),
        (
            "drift to repair, p50 and p99 of 200",
            format!("{:.0} ms, {:.0} ms", figures.drift_p50_ms, figures.drift_p99_ms),
            "p99 < 250 ms".to_owned(),
            Some(figures.drift_p99_ms < 250.0),
            "52-64 s",
        ),
        (
            "requests a minute at rest, but watches and the lease",
            format!("{:.0}", figures.rest_other_requests),
            "0".to_owned(),
            Some(figures.rest_other_requests == 0.0),
            "2,010",
        ),
        (
            "CPU seconds a minute at rest",
            format!("{:.3}", figures.rest_cpu_seconds),
            "< 0.1".to_owned(),
            Some(figures.rest_cpu_seconds < 0.1),
            "3.2",
        ),
        (
            "resident memory, and its peak",
            format!("{:.1} MiB, {:.1} MiB", figures.rss_mib, figures.peak_rss_mib),
            "< 60 MiB".to_owned(),
            Some(figures.rss_mib < 60.0),
            "250 MiB",
        ),
        (
            "a new start, and its memory",
            format!("{:.2} s, {:.1} MiB", figures.restart_seconds, figures.restart_rss_mib),
            "< 60 MiB".to_owned(),
            Some(figures.restart_rss_mib < 60.0),
            "",
        ),
    ];
    println!("\n{} objects in {COMPONENTS} components", figures.objects);
    println!("{:<54} {:>20}  {:<14} {:<5} Flux, 1,000 objects", "", "measured", "wanted", "met");
    for (what, measured, wanted, met, flux) in rows {
        let met = met.map_or("", |met| if met { "yes" } else { "NO" });
        println!("{what:<54} {measured:>20}  {wanted:<14} {met:<5} {flux}");
    }
    for (what, count) in &figures.rest_requests {
        println!("    at rest: {what} {count:.0} times a minute");
    }
}
