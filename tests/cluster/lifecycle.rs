//! Starts, ends, rests, and two agents.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::control_plane::Audited;
use crate::scene::{Scene, config_map, deployment};

fn all(value: &str) -> String {
    config_map("one", &[("a", value)]) + &config_map("two", &[("a", value)]) + &deployment("web", 1)
}

/// What an agent may ask for when there is nothing to do.
fn is_rest(request: &Audited) -> bool {
    request.verb == "watch" || request.is_of_the_lease()
}

#[test]
fn at_rest_there_are_only_watches_and_the_lease() {
    let scene = Scene::with(&all("1"));
    let before = scene.quiet();
    // A span to be looked at, not something to be waited for.
    std::thread::sleep(Duration::from_secs(15));
    let requests = scene.requests();
    let others: Vec<&Audited> = requests[before..].iter().filter(|request| !is_rest(request)).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(requests[before..].iter().any(Audited::is_of_the_lease), "the lease is renewed");
}

#[test]
fn watches_carry_metadata_of_our_own_objects_only() {
    let scene = Scene::with(&all("1"));
    scene.quiet();
    let requests = scene.requests();
    let watches: Vec<&Audited> = requests.iter().filter(|request| request.verb == "watch").collect();
    assert!(watches.iter().any(|watch| watch.uri.contains("/deployments")));
    let own_environment = format!("fieldSelector=metadata.name%3D{}", scene.name);
    let ours = |watch: &&Audited| {
        watch.uri.contains("labelSelector=applyset.kubernetes.io%2Fpart-of%3Dapplyset-")
            || watch.uri.contains(&own_environment)
    };
    assert!(watches.iter().all(ours), "{watches:?}");
}

#[test]
fn a_restart_needs_no_dry_run_and_writes_nothing() {
    let mut scene = Scene::with(&all("1"));
    let before = scene.quiet();
    let versions = || ["one", "two"].map(|name| scene.get("configmaps", name));
    let objects = versions();
    scene.agent().kill();
    scene.start();
    scene.settles();
    scene.quiet();
    let requests = scene.requests();
    let writes: Vec<&Audited> = requests[before..]
        .iter()
        .filter(|request| request.is_write() && !request.is_of_the_lease())
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert!(scene.agent().said("nothing changed"));
    assert_eq!(["one", "two"].map(|name| scene.get("configmaps", name)), objects);
    assert!(scene.agent().drifts().is_empty());
    // It watches, and knows its baselines.
    scene.disturb("one", "a");
}

#[test]
fn a_lost_inventory_is_rebuilt_by_dry_runs() {
    let mut scene = Scene::with(&all("1"));
    scene.quiet();
    scene.agent().kill();
    let before = ["one", "two"].map(|name| scene.get("configmaps", name));
    scene.plane.kubectl(&["delete", "configmaps", "--all", "--namespace", &scene.agent_namespace()]);
    scene.start();
    scene.settles();
    assert_eq!(["one", "two"].map(|name| scene.get("configmaps", name)), before);
    scene.disturb("two", "a");
}

#[test]
fn sigterm_ends_at_once() {
    let scene = Scene::with(&all("1"));
    scene.agent().terminate();
    let began = Instant::now();
    scene.wait_until("it ends", || !scene.agent().is_running());
    assert!(scene.agent().ended().unwrap().success());
    // Far below any timeout of a request or a lease.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let lease = format!(
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases/mooring-{}",
        scene.agent_namespace(),
        scene.name
    );
    let holder = scene.plane.get(&lease).unwrap()["spec"]["holderIdentity"].clone();
    assert!(holder.is_null() || holder == "", "the lease is given back: {holder}");
}

#[test]
fn two_agents_never_write_at_once() {
    let mut scene = Scene::with(&all("1"));
    let first = scene.agent().clone();
    let second = scene.start_with("other-state", &["--no-listen"]);
    scene.wait_until("the second waits", || second.said("waits: "));
    scene.push(&[("app/all.yaml", &all("2"))]);
    let words = format!(" is at {}", scene.head());
    scene.wait_until("the first goes on", || first.said(&words));
    assert!(!second.said("is at") && !second.said("created"));

    first.terminate();
    scene.wait_until("the first ends", || !first.is_running());
    scene.push(&[("app/all.yaml", &all("3"))]);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("3"));
    scene.disturb("one", "a");
}

#[test]
fn an_agent_takes_over_from_one_that_was_killed_elsewhere() {
    let mut scene = Scene::with(&all("1"));
    let first = scene.agent().clone();
    // On another machine: it does not know that the first is gone, and waits until the lease has run out.
    let second = scene.start_with("other-state", &["--no-listen"]);
    scene.wait_until("the second waits", || second.said("waits: "));
    first.kill();
    scene.push(&[("app/all.yaml", &all("2"))]);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
    scene.disturb("one", "a");
}

#[test]
fn a_leader_that_was_stopped_writes_nothing_when_it_goes_on() {
    let mut scene = Scene::with(&all("1"));
    let first = scene.agent().clone();
    // The audit log tells the two apart.
    scene.plane.kubeconfig_of(&format!("successor-of-{}", scene.name), &scene.folder().join("kubeconfig"));
    let second = scene.start_with("other-state", &["--no-listen"]);
    scene.wait_until("the second waits", || second.said("waits: "));
    first.signal("STOP");
    scene.push(&[("app/all.yaml", &all("2"))]);
    scene.settles();
    let writes = || {
        let requests = scene.requests();
        requests.iter().filter(|request| request.is_write() && !request.is_of_the_lease()).count()
    };
    let before = writes();
    // The first wakes up to a revision and to a drift that it would have dealt with.
    scene.push(&[("app/all.yaml", &all("3"))]);
    scene.settles();
    scene.disturb("one", "a");
    first.signal("CONT");
    scene.wait_until("the first ends", || !first.is_running());
    assert!(first.text().contains("the lease is lost"), "{}", first.text());
    assert_eq!(writes(), before);
    assert!(second.is_running());
    assert_eq!(scene.datum("one", "a").as_deref(), Some("3"));
}

#[test]
fn a_save_in_a_working_folder_is_applied_and_no_commit_is_needed() {
    let mut scene = Scene::new();
    let folder = scene.folder().join("work");
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let file = scene.environment_file("components: [{name: app, manifests: app}]");
    write(&format!("environments/{}/environment.yaml", scene.name), &file);
    write("app/all.yaml", &config_map("one", &[("a", "1")]));
    let mut arguments = vec!["agent".to_owned(), "--no-listen".to_owned()];
    arguments.extend(["--environment".to_owned(), scene.name.clone()]);
    // In place of the remote and its interval.
    let cluster = scene.arguments("state");
    let folder_argument = folder.display().to_string();
    arguments.extend(["--folder".to_owned(), folder_argument]);
    arguments.extend(cluster[2..cluster.len() - 2].iter().cloned());
    scene.run(&arguments);
    scene.wait_until("it is applied", || scene.datum("one", "a").as_deref() == Some("1"));
    write("app/all.yaml", &config_map("one", &[("a", "2")]));
    scene.wait_until("the save is applied", || scene.datum("one", "a").as_deref() == Some("2"));
    // Half a file, as an editor may leave it for a moment, changes nothing.
    write("app/all.yaml", "apiVersion: v1\nkind: [");
    scene.wait_until("it is refused", || scene.agent().said_of("\"app\"", "app/all.yaml"));
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
    scene.disturb("one", "a");
}

#[test]
fn an_agent_that_loses_its_lease_ends() {
    let scene = Scene::with(&all("1"));
    let lease = format!(
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases/mooring-{}",
        scene.agent_namespace(),
        scene.name
    );
    let theirs = json!({"spec": {"holderIdentity": "another-agent", "leaseDurationSeconds": 3600}});
    scene.plane.merge_patch(&lease, "another-agent", &theirs);
    scene.wait_until("it ends", || !scene.agent().is_running());
    assert!(!scene.agent().ended().unwrap().success());
    assert!(scene.agent().text().contains("another-agent holds it"));
}

#[test]
fn status_shows_each_component_and_producer() {
    let mut scene = Scene::new();
    // Nothing runs in the pods here, so nobody answers for the Service.
    let service = "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  annotations: {mooring.dev/figures: 'lag: sum \
        behind records'}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    let producer =
        "{name: orders, schedule: '0 0 1 1 *', dataset: orders, topic: orders, eventsPerSecond: 1, seed: 1}";
    scene.push(&[
        (
            "environment",
            &format!("components: [{{name: app, manifests: app}}, {{name: plain, manifests: plain}}]\nproducers: [{producer}]"),
        ),
        ("app/all.yaml", &format!("{}{service}", deployment("web", 2))),
        ("plain/all.yaml", &config_map("settings", &[])),
    ]);
    scene.start();
    scene.settles();
    scene.wait_until("all is ready", || scene.condition("Ready").0 == "True");
    let status = |scene: &mut Scene, more: &[&str]| {
        let kubeconfig = scene.folder().join("kubeconfig").display().to_string();
        let mut arguments = ["status", &scene.name, "--kubeconfig", &kubeconfig].map(str::to_owned).to_vec();
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let asked = scene.run(&arguments);
        scene.wait_until("it ends", || !asked.is_running());
        assert!(asked.ended().unwrap().success(), "{}", asked.text());
        asked.text()
    };
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: Vec<String> = status(&mut scene, &[]).lines().map(words).collect();
    for line in ["app 1 2 of 2 ready lag unknown", "plain - no pods", "orders no window yet"] {
        assert!(text.iter().any(|have| have == line), "{line}: {text:#?}");
    }
    let text = status(&mut scene, &["--output", "json"]);
    // Above it is what was logged.
    let json: serde_json::Value = serde_json::from_str(&text[text.find("[\n").unwrap()..]).unwrap();
    let app = &json[0]["overview"]["components"][0];
    assert_eq!((&app["name"], &app["readyPods"], &app["version"]), (&json!("app"), &json!(2), &json!("1")));
}

#[test]
fn apply_is_the_same_as_the_agent() {
    let mut scene = Scene::new();
    let spec = "components: [{name: app, manifests: app}, {name: old, manifests: old}]";
    scene.push(&[
        ("environment", spec),
        ("app/all.yaml", &all("1")),
        ("old/all.yaml", &config_map("old", &[("a", "1")])),
    ]);
    let apply = |scene: &mut Scene| {
        let mut arguments = vec!["apply".to_owned(), scene.name.clone()];
        arguments.extend(scene.arguments("apply-state"));
        let applying = scene.run(&arguments);
        scene.wait_until("it ends", || !applying.is_running());
        applying
    };
    let applied = apply(&mut scene);
    assert!(applied.ended().unwrap().success(), "{}", applied.text());
    let web = scene.get("apps/v1/deployments", "web").unwrap();
    assert_eq!(web["status"]["availableReplicas"], 1, "it waits until all is ready");

    // An agent finds nothing to do.
    let before = ["one", "two", "old"].map(|name| scene.get("configmaps", name));
    scene.start();
    scene.settles();
    assert!(scene.agent().said("nothing changed"));
    assert_eq!(["one", "two", "old"].map(|name| scene.get("configmaps", name)), before);

    // And where an agent keeps the environment, nothing is applied behind its back.
    let refused = apply(&mut scene);
    assert!(!refused.ended().unwrap().success());
    assert!(refused.text().contains("keeps this environment already"), "{}", refused.text());
}

#[test]
fn apply_says_what_is_not_ready() {
    let mut scene = Scene::new();
    let manifests = config_map("bad", &[("not a key", "1")]) + &config_map("one", &[("a", "1")]);
    scene.push(&[("environment", "components: [{name: app, manifests: app}]"), ("app/all.yaml", &manifests)]);
    let mut arguments = vec!["apply".to_owned(), scene.name.clone()];
    arguments.extend(scene.arguments("state"));
    let applying = scene.run(&arguments);
    scene.wait_until("it ends", || !applying.is_running());
    assert!(!applying.ended().unwrap().success());
    assert!(applying.text().contains("not everything is ready"), "{}", applying.text());
    assert_eq!(scene.datum("one", "a").as_deref(), Some("1"));
}
