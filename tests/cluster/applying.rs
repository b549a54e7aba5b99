//! From a push to the cluster.

use serde_json::Value;

use crate::scene::{Scene, config_map, crd, deployment, managers};

#[test]
fn a_push_is_applied_and_a_second_push_changes_only_what_it_says() {
    let manifests = |value: &str| config_map("one", &[("a", value)]) + &config_map("two", &[("b", "x")]);
    let scene = Scene::with(&manifests("1"));
    assert_eq!(scene.datum("one", "a").as_deref(), Some("1"));
    assert_eq!(managers(&scene.get("configmaps", "one").unwrap()), ["mooring"]);
    let two = scene.get("configmaps", "two").unwrap();

    scene.push(&[("app/all.yaml", &manifests("2"))]);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
    assert_eq!(scene.get("configmaps", "two").unwrap(), two);
    scene.wait_until("the status tells the revision", || {
        scene.status()["shortRevision"] == scene.head().as_str() && scene.condition("Ready").0 == "True"
    });
}

/// A Deployment whose pods run only on a node with a label of the scene's own, which no node has at first.
fn waiting_deployment(scene: &Scene) -> String {
    let selector = format!("nodeSelector: {{{}: \"yes\"}}\n      containers:", scene.name);
    deployment("db", 1).replace("containers:", &selector)
}

const ORDERED: &str =
    "components:\n  - {name: app, manifests: app, dependsOn: [db]}\n  - {name: db, manifests: db}";

#[test]
fn components_wait_for_the_health_of_what_they_depend_on() {
    let mut scene = Scene::new();
    scene.push(&[
        ("environment", ORDERED),
        ("db/all.yaml", &waiting_deployment(&scene)),
        ("app/all.yaml", &config_map("one", &[("a", "1")])),
    ]);
    scene.start();
    let pending = || {
        let pods = scene.plane.get(&scene.path("pods", "")).unwrap();
        pods["items"].as_array().unwrap().iter().any(|pod| pod["status"]["phase"] == "Pending")
    };
    scene.wait_until("it waits", || scene.agent().said_of("app", "waits for db") && pending());
    assert!(scene.get("configmaps", "one").is_none());
    scene.wait_until("the status tells", || scene.condition("Ready").1.contains("app: waits for db"));

    scene.kubectl(&["label", "nodes", "--all", &format!("{}=yes", scene.name)]);
    scene.wait_until("it is applied", || scene.get("configmaps", "one").is_some());
    let db = scene.get("apps/v1/deployments", "db").unwrap();
    assert_eq!(db["status"]["availableReplicas"], 1);
    scene.settles();
}

#[test]
fn a_newer_revision_preempts_an_older_one_that_waits() {
    let mut scene = Scene::new();
    scene.push(&[
        ("environment", ORDERED),
        ("db/all.yaml", &waiting_deployment(&scene)),
        ("app/all.yaml", &config_map("one", &[("a", "1")])),
    ]);
    scene.start();
    scene.wait_until("it waits", || scene.agent().said_of("app", "waits for db"));
    let free = "components:\n  - {name: app, manifests: app}\n  - {name: db, manifests: db}";
    scene.push(&[("environment", free), ("app/all.yaml", &config_map("one", &[("a", "2")]))]);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
    assert!(scene.agent().said("is preempted by"));
}

#[test]
fn an_unknown_kind_is_parked_until_its_crd_is_established() {
    let mut scene = Scene::new();
    let group = format!("{}.example.org", scene.name);
    let widget =
        format!("apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: one}}\nspec: {{size: 3}}\n");
    scene.push(&[
        ("environment", "components:\n  - {name: app, manifests: app}\n  - {name: kinds, manifests: kinds}"),
        ("app/widget.yaml", &widget),
        ("kinds/crd.yaml", &crd(&group, "Widget")),
    ]);
    scene.start();
    let one = || scene.get(&format!("{group}/v1/widgets"), "one");
    scene.wait_until("it is applied", || one().is_some());
    assert!(scene.agent().said_of("Widget", "parked"));

    // Watched like any other.
    let patch = r#"{"spec":{"size":4}}"#;
    scene.settles();
    scene.kubectl(&["patch", &format!("widget.{group}"), "one", "--type", "merge", "--patch", patch]);
    scene.drift_of("one");
    assert_eq!(one().unwrap()["spec"]["size"], 3);
}

#[test]
fn a_kind_that_nothing_brings_is_refused_until_another_tool_has_installed_it() {
    let mut scene = Scene::new();
    let group = format!("{}.example.org", scene.name);
    scene.push(&[
        ("environment", "components: [{name: app, manifests: app}, {name: odd, manifests: odd}]"),
        ("app/all.yaml", &config_map("one", &[("a", "1")])),
        ("odd/odd.yaml", &format!("apiVersion: {group}/v1\nkind: Nothing\nmetadata: {{name: x}}\n")),
    ]);
    scene.start();
    scene.wait_until("it is refused", || scene.agent().said_of("Nothing", "is not served"));
    scene.wait_until("the rest goes on", || scene.get("configmaps", "one").is_some());
    scene.wait_until("the component is not called ready", || {
        let (status, message) = scene.condition("Ready");
        status == "False" && message.contains(&group)
    });
    let definition = scene.folder().join("crd.yaml");
    std::fs::write(&definition, crate::scene::crd(&group, "Nothing")).unwrap();
    scene.kubectl(&["apply", "--filename", definition.to_str().unwrap()]);
    scene.wait_until("it is applied at last", || scene.condition("Ready").0 == "True");
    assert!(scene.get(&format!("{group}/v1/nothings"), "x").is_some());
}

#[test]
fn a_broken_component_leaves_the_others_alone() {
    let mut scene = Scene::new();
    let spec = "components: [{name: good, manifests: good}, {name: bad, manifests: bad}]";
    let one = |value| config_map("one", &[("a", value)]);
    let two = |value| config_map("two", &[("a", value)]);
    scene.push(&[("environment", spec), ("good/all.yaml", &one("1")), ("bad/all.yaml", &two("1"))]);
    scene.start();
    scene.settles();
    scene.push(&[("good/all.yaml", &one("2")), ("bad/all.yaml", "a: [1\nb: 2\n")]);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
    assert_eq!(scene.datum("two", "a").as_deref(), Some("1"));
    assert!(scene.agent().said_of("\"bad\"", "bad/all.yaml"));
    scene.wait_until("the status tells", || scene.condition("Stalled").1.contains("bad: cannot be rendered"));
    scene.disturb("two", "a");

    scene.push(&[("bad/all.yaml", &two("3"))]);
    scene.settles();
    assert_eq!(scene.datum("two", "a").as_deref(), Some("3"));
    scene.wait_until("all is well", || scene.condition("Ready").0 == "True");
}

#[test]
fn a_broken_environment_file_changes_nothing() {
    let scene = Scene::with(&config_map("one", &[("a", "1")]));
    let good = scene.head();
    scene.push(&[
        ("environment", "component: [{name: app, manifests: app}]"),
        ("app/all.yaml", &config_map("one", &[("a", "2")])),
    ]);
    scene.wait_until("it is refused", || scene.agent().said("is refused, and the cluster stays as it is"));
    assert!(scene.agent().said("did you mean `components`?"));
    scene.wait_until("the status tells", || scene.condition("Stalled").0 == "True");
    assert_eq!(scene.datum("one", "a").as_deref(), Some("1"));
    assert_eq!(scene.status()["shortRevision"], good.as_str());
    // What was applied before is kept as it was.
    scene.disturb("one", "a");

    scene.push(&[("environment", "components: [{name: app, manifests: app}]")]);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
    scene.wait_until("all is well", || scene.condition("Stalled").0 == "False");
}

#[test]
fn a_manifest_that_the_server_refuses_is_reported_and_the_rest_goes_on() {
    let manifests = config_map("bad", &[("not a key", "1")]) + &config_map("one", &[("a", "1")]);
    let mut scene = Scene::new();
    scene.push(&[("environment", "components: [{name: app, manifests: app}]"), ("app/all.yaml", &manifests)]);
    scene.start();
    scene.wait_until("it is reported", || scene.agent().said_of("/bad", "not applied"));
    scene.wait_until("the rest goes on", || scene.get("configmaps", "one").is_some());
    scene.wait_until("the status tells", || scene.condition("Ready").1.contains("not a key"));
    let unknown = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndaat: {a: x}\n";
    scene.push(&[("app/all.yaml", unknown)]);
    scene.wait_until("an unknown field is an error", || scene.agent().said_of("/bad", "daat"));
}

#[test]
fn a_secret_changed_is_put_back_and_never_printed() {
    const WANTED: &str = "canary-Wanted-7f3";
    const FOUND: &str = "canary-Found-9b1";
    let secret = |value: &str| {
        format!(
            "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {{password: {value}}}\n"
        )
    };
    // A Secret that the server refuses: what it says of that may quote the value.
    let refused = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: refused}}\ntype: kubernetes.io/dockerconfigjson\n\
         stringData: {{.dockerconfigjson: {WANTED}}}\n"
    );
    let mut scene = Scene::new();
    let spec = "components: [{name: app, manifests: app}, {name: bad, manifests: bad}]";
    scene.push(&[("environment", spec), ("app/all.yaml", &secret(WANTED)), ("bad/all.yaml", &refused)]);
    let port = crate::proxy::free_port();
    scene.start_with("state", &["--listen", &format!("127.0.0.1:{port}")]);
    scene.wait_until("it is applied", || scene.get("secrets", "keys").is_some());
    scene.wait_until("the other is refused", || scene.agent().said_of("/refused", "not applied"));

    let password = || scene.get("secrets", "keys").unwrap()["data"]["password"].clone();
    let wanted = password();
    let patch = format!(r#"{{"stringData":{{"password":"{FOUND}"}}}}"#);
    scene.kubectl(&["patch", "secret", "keys", "--patch", &patch]);
    let record = scene.drift_of("keys");
    assert_eq!(password(), wanted);
    assert_eq!(record["fields"][0]["path"], "data.password");
    let shown = |key: &str| record["fields"][0][key].as_str().unwrap().to_owned();
    assert!(shown("wanted").starts_with("secret (") && shown("wanted") != shown("found"), "{record}");
    scene.wait_until("an Event tells of it", || {
        scene.events().iter().any(|event| event["reason"] == "DriftCorrected")
    });
    scene.wait_until("the status tells of it", || scene.status()["lastDrift"]["object"].is_string());
    scene.quiet();

    let kept = |kind: &str| format!("/api/v1/namespaces/{}/{kind}", scene.agent_namespace());
    let inventory = scene.plane.get(&kept("configmaps")).unwrap();
    let outputs = [
        ("log", scene.agent().text()),
        ("events", Value::from(scene.events()).to_string()),
        ("status", scene.kubectl(&["get", "environment", &scene.name, "--output", "yaml"])),
        ("metrics", crate::proxy::read(port, "/metrics")),
        ("inventory", inventory.to_string() + &unpacked(&inventory)),
        ("digest key", scene.plane.get(&kept("secrets")).unwrap().to_string()),
    ];
    for (name, output) in outputs {
        assert!(output.len() > 50, "{name}: {output}");
        for canary in [WANTED, FOUND] {
            assert!(!output.contains(canary), "{name}: {output}");
            assert!(!output.contains(&encoded(canary)), "{name}: {output}");
        }
    }
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The inventory's ConfigMaps, unpacked.
fn unpacked(inventory: &Value) -> String {
    use base64::Engine as _;
    use std::io::Read as _;
    let mut text = String::new();
    for map in inventory["items"].as_array().unwrap() {
        if let Some(packed) = map.pointer("/binaryData/entries").and_then(Value::as_str) {
            let bytes = base64::engine::general_purpose::STANDARD.decode(packed).unwrap();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        }
    }
    assert!(text.contains("keys"), "{inventory}");
    text
}
