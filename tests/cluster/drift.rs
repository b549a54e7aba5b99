//! What others do behind the agent's back.

use serde_json::{Value, json};

use crate::scene::{Scene, config_map, deployment, managers};

fn texts<'v>(record: &'v Value, key: &str) -> Vec<&'v str> {
    record["fields"].as_array().unwrap().iter().filter_map(|field| field[key].as_str()).collect()
}

#[test]
fn a_changed_value_is_reported_with_who_and_when_and_put_back() {
    let scene = Scene::with(&config_map("one", &[("a", "1"), ("b", "2")]));
    scene.kubectl(&["patch", "configmap", "one", "--patch", r#"{"data":{"a":"by hand"}}"#]);
    let record = scene.drift_of("one");
    assert_eq!(scene.datum("one", "a").as_deref(), Some("1"));

    assert_eq!(record["kind"], "modified");
    assert_eq!(record["decision"]["action"], "corrected");
    assert_eq!(record["revision"], scene.head().as_str());
    assert!(record["seenMs"].is_u64() && record["repairedMs"].is_u64());
    let field = &record["fields"][0];
    assert_eq!(texts(&record, "path"), ["data.a"]);
    assert_eq!((&field["wanted"], &field["found"]), (&json!("1"), &json!("by hand")));
    assert_eq!(field["actor"]["manager"], "kubectl-patch");
    assert!(field["actor"]["time"].as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()));
    assert_eq!(field["origin"]["template"], json!({"file": "app/all.yaml", "line": 6}));

    scene.wait_until("an Event tells of it", || {
        scene.events().iter().any(|event| {
            event["reason"] == "DriftCorrected"
                && event["regarding"]["name"] == "one"
                && event["note"].as_str().is_some_and(|note| note.contains("data.a: wanted 1, found by hand"))
        })
    });
    scene.wait_until("the status tells of it", || scene.status()["lastDrift"]["manager"] == "kubectl-patch");
}

#[test]
fn a_removed_value_is_put_back_though_nobody_is_named() {
    let scene = Scene::with(&config_map("one", &[("a", "1"), ("b", "2")]));
    let patch = r#"[{"op": "remove", "path": "/data/a"}]"#;
    scene.kubectl(&["patch", "configmap", "one", "--type", "json", "--patch", patch]);
    let record = scene.drift_of("one");
    assert_eq!(scene.datum("one", "a").as_deref(), Some("1"));
    assert_eq!(texts(&record, "path"), ["data.a"]);
    assert_eq!(record["fields"][0]["found"], Value::Null);
}

#[test]
fn a_deleted_object_is_made_anew() {
    let scene = Scene::with(&config_map("one", &[("a", "1")]));
    scene.kubectl(&["delete", "configmap", "one"]);
    let record = scene.drift_of("one");
    assert_eq!(record["kind"], "missing");
    assert!(!texts(&record, "path").is_empty(), "no record without a path: {record}");
    assert_eq!(scene.datum("one", "a").as_deref(), Some("1"));
}

#[test]
fn a_field_added_by_kubectl_is_taken_out() {
    let scene = Scene::with(&(config_map("one", &[("a", "1")]) + &deployment("web", 1)));
    scene.kubectl(&["patch", "configmap", "one", "--patch", r#"{"data":{"extra":"mine"}}"#]);
    let record = scene.drift_of("one");
    assert_eq!((record["kind"].as_str(), texts(&record, "path")), (Some("added"), vec!["data.extra"]));
    assert_eq!(scene.get("configmaps", "one").unwrap()["data"], json!({"a": "1"}));

    scene.kubectl(&["set", "env", "deployment/web", "DEBUG=1"]);
    let record = scene.drift_of("web");
    assert_eq!(record["fields"][0]["actor"]["manager"], "kubectl-set");
    let env = "/spec/template/spec/containers/0/env";
    let web = scene.get("apps/v1/deployments", "web").unwrap();
    assert!(web.pointer(env).and_then(Value::as_array).is_none_or(Vec::is_empty), "{web}");
}

#[test]
fn fields_of_controllers_are_theirs() {
    let scene = Scene::with(&config_map("one", &[("a", "1")]));
    let theirs = json!({"metadata": {"annotations": {"example.org/seen": "yes"}}, "data": {"theirs": "x"}});
    scene.plane.merge_patch(&scene.path("configmaps", "one"), "some-controller", &theirs);
    scene.disturb("one", "a");
    let one = scene.get("configmaps", "one").unwrap();
    assert_eq!(one["data"], json!({"a": "1", "theirs": "x"}));
    assert_eq!(one["metadata"]["annotations"]["example.org/seen"], "yes");
    let records = scene.agent().drifts();
    let paths: Vec<&str> = records.iter().flat_map(|record| texts(record, "path")).collect();
    assert_eq!(paths, ["data.a"]);
}

#[test]
fn a_quantity_written_in_another_form_is_no_drift() {
    let web = deployment("web", 1).replace("64Mi", "1024Mi, cpu: 1000m");
    let mut scene = Scene::with(&(web + &config_map("one", &[("a", "1")])));
    // The server has its own form of it, and kubectl writes a third.
    let patch = r#"[{"op": "replace", "path": "/spec/template/spec/containers/0/resources/limits/memory", "value": "1048576Ki"}]"#;
    scene.kubectl(&["patch", "deployment", "web", "--type", "json", "--patch", patch]);
    scene.disturb("one", "a");
    scene.agent().kill();
    scene.start();
    scene.settles();
    scene.disturb("one", "a");
    assert!(scene.agent().drifts_of("web").is_empty());
    let generation = scene.get("apps/v1/deployments", "web").unwrap()["metadata"]["generation"].clone();
    assert_eq!(generation, 1);
}

#[test]
fn an_object_that_lost_our_label_gets_it_back() {
    const LABEL: &str = "applyset.kubernetes.io/part-of";
    let scene = Scene::with(&config_map("one", &[("a", "1")]));
    let label = || scene.get("configmaps", "one").unwrap()["metadata"]["labels"][LABEL].clone();
    let ours = label();
    assert!(ours.is_string());
    scene.kubectl(&["label", "configmap", "one", &format!("{LABEL}-")]);
    scene.wait_until("the label is back", || label() == ours);
    scene.disturb("one", "a");
}

/// Whether the entry `a` of the ConfigMap `one` is ours.
fn owns(scene: &Scene) -> bool {
    let one = scene.get("configmaps", "one").unwrap();
    one["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .any(|entry| entry["manager"] == "mooring" && entry.pointer("/fieldsV1/f:data/f:a").is_some())
}

#[test]
fn a_value_that_is_right_again_is_taken_back_without_a_report() {
    let mut scene = Scene::with(&config_map("one", &[("a", "1")]));
    scene.quiet();
    scene.agent().kill();
    for value in ["2", "1"] {
        let patch = json!({"data": {"a": value}}).to_string();
        scene.kubectl(&["patch", "configmap", "one", "--patch", &patch]);
    }
    assert!(!owns(&scene));
    scene.start();
    scene.wait_until("the field is ours again", || owns(&scene));
    assert!(scene.agent().drifts().is_empty());
}

#[test]
fn an_environment_changed_in_the_cluster_is_put_back() {
    let scene = Scene::with(&config_map("one", &[("a", "1")]));
    let path = format!("/apis/mooring.dev/v1alpha1/environments/{}", scene.name);
    let spec = || scene.plane.get(&path).map(|mut environment| environment["spec"].take());
    let before = spec();
    let patch = r#"{"spec": {"drift": "report", "namespace": "elsewhere", "prune": false}}"#;
    scene.kubectl(&["patch", "environment", &scene.name, "--type", "merge", "--patch", patch]);
    scene.wait_until("it is put back", || spec() == before);
    let record = scene.drift_of(&scene.name);
    assert!(texts(&record, "path").contains(&"spec.namespace"), "{record}");
    assert_eq!(record["fields"][0]["actor"]["manager"], "kubectl-patch");

    scene.kubectl(&["delete", "environment", &scene.name]);
    scene.wait_until("it is made anew", || spec() == before);
    scene.wait_until("its status too", || scene.condition("Ready").0 == "True");
    assert!(scene.get("configmaps", "one").is_some());
}

#[test]
fn drift_while_the_agent_was_away_is_found_at_start() {
    let all = ["changed", "removed", "extended", "deleted"];
    let manifests: String = all.iter().map(|name| config_map(name, &[("a", "1"), ("b", "2")])).collect();
    let mut scene = Scene::with(&manifests);
    // What it applied has to be written down: without that an agent cannot tell a hand from an older revision.
    scene.quiet();
    scene.agent().kill();
    scene.kubectl(&["patch", "configmap", "changed", "--patch", r#"{"data":{"a":"x"}}"#]);
    let removal = r#"[{"op": "remove", "path": "/data/a"}]"#;
    scene.kubectl(&["patch", "configmap", "removed", "--type", "json", "--patch", removal]);
    scene.kubectl(&["patch", "configmap", "extended", "--patch", r#"{"data":{"c":"3"}}"#]);
    scene.kubectl(&["delete", "configmap", "deleted"]);
    scene.start();
    scene.wait_until("all is as git says", || {
        all.iter().all(|name| {
            scene.get("configmaps", name).is_some_and(|found| found["data"] == json!({"a": "1", "b": "2"}))
        })
    });
    for name in ["changed", "removed", "extended"] {
        assert_eq!(scene.drift_of(name)["decision"]["action"], "corrected", "{name}");
    }
    assert_eq!(scene.drift_of("changed")["fields"][0]["actor"]["manager"], "kubectl-patch");
}

#[test]
fn fights_end() {
    let scene = Scene::with(&config_map("one", &[("a", "1")]));
    let path = scene.path("configmaps", "one");
    let mut given_up = None;
    scene.wait_until("the agent gives way", || {
        if scene.datum("one", "a").as_deref() == Some("1") {
            scene.plane.merge_patch(&path, "other-controller", &json!({"data": {"a": "theirs"}}));
        }
        let records = scene.agent().drifts_of("one");
        given_up = records.into_iter().find(|record| record["decision"]["action"] == "deferred");
        given_up.is_some()
    });
    let given_up = given_up.unwrap();
    let fight = &given_up["decision"]["fight"];
    assert_eq!(fight["manager"], "other-controller");
    let proposal = fight["proposal"].as_str().unwrap();
    assert!(proposal.contains("/data/a") && proposal.contains("kind: ConfigMap"), "{proposal}");
}

#[test]
fn drift_report_changes_nothing() {
    let mut scene = Scene::new();
    let spec = "drift: report\ncomponents: [{name: app, manifests: app}]";
    scene.push(&[("environment", spec), ("app/all.yaml", &config_map("one", &[("a", "1")]))]);
    scene.start();
    scene.settles();
    scene.kubectl(&["patch", "configmap", "one", "--patch", r#"{"data":{"a":"by hand"}}"#]);
    let before = scene.get("configmaps", "one");
    let record = scene.drift_of("one");
    assert_eq!(record["decision"]["action"], "reported");
    assert_eq!(record["fields"][0]["actor"]["manager"], "kubectl-patch");
    scene.wait_until("the condition tells", || scene.condition("Drifted").0 == "True");
    scene.quiet();
    assert_eq!(scene.get("configmaps", "one"), before);
}

#[test]
fn a_hold_is_respected_and_seen() {
    let manifests = |value: &str| config_map("one", &[("a", value)]) + &config_map("two", &[("a", value)]);
    let scene = Scene::with(&manifests("1"));
    scene.kubectl(&["annotate", "configmap", "one", "mooring.dev/hold=looking into it"]);
    scene.kubectl(&["patch", "configmap", "one", "--patch", r#"{"data":{"a":"by hand"}}"#]);
    scene.wait_until("the hold is said", || {
        scene.agent().said_of("ConfigMap", "held by kubectl-annotate")
            && scene.agent().said("looking into it")
    });
    scene.wait_until("the status counts it", || scene.status()["counts"]["held"] == 1);
    scene.disturb("two", "a");
    scene.push(&[("app/all.yaml", &manifests("2"))]);
    scene.settles();
    assert_eq!(scene.datum("two", "a").as_deref(), Some("2"));
    assert_eq!(scene.datum("one", "a").as_deref(), Some("by hand"));

    scene.kubectl(&["annotate", "configmap", "one", "mooring.dev/hold-"]);
    scene.wait_until("it follows git again", || scene.datum("one", "a").as_deref() == Some("2"));
}

#[test]
fn a_hold_on_an_object_that_is_not_ours_yet_is_respected() {
    let mut scene = Scene::new();
    scene.make_namespace();
    scene.kubectl(&["create", "configmap", "one", "--from-literal=a=theirs"]);
    scene.kubectl(&["annotate", "configmap", "one", "mooring.dev/hold=not yet"]);
    let before = scene.get("configmaps", "one");
    scene.push(&[
        ("environment", "components: [{name: app, manifests: app}]"),
        // No conflict would tell of the object that is there: only fields that nobody has.
        ("app/all.yaml", &config_map("one", &[("b", "ours")])),
    ]);
    scene.start();
    scene.wait_until("the hold is said", || scene.agent().said("not yet"));
    assert_eq!(scene.get("configmaps", "one"), before);
}

#[test]
fn an_ignored_field_is_set_once_and_then_left() {
    let mut scene = Scene::new();
    let spec = "components: [{name: app, manifests: app}]\nignore:\n  - kind: Deployment\n    name: web\n    \
                paths: [/spec/replicas]\n    reason: somebody scales it";
    scene.push(&[("environment", spec), ("app/all.yaml", &deployment("web", 2))]);
    scene.start();
    scene.settles();
    let web = || scene.get("apps/v1/deployments", "web").unwrap();
    assert_eq!(web()["spec"]["replicas"], 2);
    assert!(managers(&web()).iter().any(|manager| manager == "mooring-once"));

    scene.push(&[("app/all.yaml", &deployment("web", 2).replace("pause:1", "pause:2"))]);
    scene.settles();
    assert_eq!(web()["spec"]["replicas"], 2, "what is left out of an apply must not fall to its default");

    scene.kubectl(&["scale", "deployment", "web", "--replicas", "5"]);
    scene.push(&[("app/all.yaml", &deployment("web", 2).replace("pause:1", "pause:3"))]);
    scene.settles();
    assert_eq!(web()["spec"]["replicas"], 5);
    assert_eq!(web().pointer("/spec/template/spec/containers/0/image").unwrap(), "example.org/pause:3");
    assert!(scene.agent().drifts().is_empty());
}

#[test]
fn an_autoscaler_owns_replicas() {
    // It scales to its minimum even where no metrics are.
    let autoscaler = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  \
                      minReplicas: 3\n  maxReplicas: 5\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n";
    let manifests = |image: &str| deployment("web", 1).replace("pause:1", image) + autoscaler;
    let scene = Scene::with(&manifests("pause:1"));
    let replicas = || scene.get("apps/v1/deployments", "web").unwrap()["spec"]["replicas"].clone();
    scene.wait_until("the autoscaler scales", || replicas() == 3);
    scene.push(&[("app/all.yaml", &manifests("pause:2"))]);
    scene.settles();
    assert_eq!(replicas(), 3);
    assert!(scene.agent().drifts().is_empty());
}
