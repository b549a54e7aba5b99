//! Helm's hooks: made before a component and after it, waited for, and only when git says something new.

use serde_json::{Value, json};

use crate::scene::{Scene, config_map};

const CHART: &str = "apiVersion: v2\nname: app\nversion: 0.1.0\n";
const ENVIRONMENT: &str =
    "components: [{name: app, chart: app}, {name: other, manifests: other, dependsOn: [app]}]";

/// The chart, and what depends on it.
fn push_both(scene: &Scene, templates: &str) {
    scene.push(&[
        ("environment", ENVIRONMENT),
        ("app/Chart.yaml", CHART),
        ("app/templates/all.yaml", templates),
        ("other/all.yaml", &config_map("two", &[("a", "1")])),
    ]);
}

fn annotated(events: &str, weight: i32, policy: &str) -> String {
    let policy =
        if policy.is_empty() { String::new() } else { format!(", helm.sh/hook-delete-policy: \"{policy}\"") };
    format!("annotations: {{helm.sh/hook: \"{events}\", helm.sh/hook-weight: \"{weight}\"{policy}}}")
}

/// A Job whose pod gets a node only when one has this label.
fn job(label: &str, name: &str, annotations: &str, note: &str) -> String {
    format!(
        "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}, {annotations}}}\nspec:\n  template:\n    spec:\n      \
         restartPolicy: Never\n      nodeSelector: {{{label}: \"yes\"}}\n      containers: [{{name: main, image: example.org/it:1, \
         args: [\"{note}\"]}}]\n"
    )
}

fn hook_map(name: &str, annotations: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, {annotations}}}\ndata: {{a: \"1\"}}\n"
    )
}

fn let_pods_run(scene: &Scene) {
    scene.kubectl(&["label", "nodes", "--all", "--overwrite", &format!("{}=yes", scene.name)]);
}

fn uid(object: Option<Value>) -> String {
    object.unwrap()["metadata"]["uid"].as_str().unwrap().to_owned()
}

#[test]
fn hooks_run_around_a_component_when_git_says_something_new_of_it() {
    let mut scene = Scene::new();
    let label = scene.name.clone();
    let templates = |value: &str| {
        config_map("one", &[("a", value)])
            + &job(&label, "migrate", &annotated("pre-install,pre-upgrade", 0, ""), value)
            + &job(&label, "first", &annotated("pre-install", 1, "hook-succeeded"), "")
            + &hook_map("settings", &annotated("pre-install,pre-upgrade", -5, ""))
            + &hook_map("done", &annotated("post-install", 0, ""))
            + &hook_map("again", &annotated("post-upgrade", 0, ""))
            + &hook_map("checked", &annotated("test", 0, ""))
    };
    push_both(&scene, &templates("1"));
    scene.start();
    scene.wait_until("the Job is made", || scene.get("batch/v1/jobs", "migrate").is_some());
    assert!(scene.get("configmaps", "settings").is_some(), "a lower weight comes before");
    scene.wait_until("the status tells", || {
        scene.condition("Ready").1.contains("app: runs its pre-install hooks")
    });
    assert!(scene.get("configmaps", "one").is_none() && scene.get("batch/v1/jobs", "first").is_none());

    let_pods_run(&scene);
    scene.settles();
    scene.wait_until("all is ready", || scene.condition("Ready").0 == "True");
    assert!(scene.get("configmaps", "one").is_some() && scene.get("configmaps", "done").is_some());
    assert!(scene.get("configmaps", "two").is_some(), "what depends on it came after its hooks");
    assert!(scene.get("configmaps", "again").is_none() && scene.get("configmaps", "checked").is_none());
    scene.wait_until("its policy deletes it", || scene.get("batch/v1/jobs", "first").is_none());

    // Neither another component's news nor a restart nor drift is a reason to run them again.
    let (made, done) = (uid(scene.get("batch/v1/jobs", "migrate")), uid(scene.get("configmaps", "done")));
    scene.push(&[("other/all.yaml", &config_map("two", &[("a", "2")]))]);
    scene.settles();
    scene.agent().kill();
    scene.start();
    scene.settles();
    scene.disturb("one", "a");
    scene.drift_of("one");
    scene.quiet();
    assert_eq!(uid(scene.get("batch/v1/jobs", "migrate")), made);
    // What a hook made is nobody's drift.
    scene.kubectl(&["delete", "configmap", "settings"]);
    scene.quiet();
    assert!(scene.get("configmaps", "settings").is_none());

    scene.push(&[("app/templates/all.yaml", &templates("2"))]);
    scene.settles();
    scene.wait_until("all is ready", || scene.condition("Ready").0 == "True");
    assert_ne!(uid(scene.get("batch/v1/jobs", "migrate")), made, "the one of before was deleted");
    assert!(scene.get("configmaps", "settings").is_some() && scene.get("configmaps", "again").is_some());
    assert_eq!(uid(scene.get("configmaps", "done")), done, "it is no installation any more");
    assert!(scene.get("batch/v1/jobs", "first").is_none());
}

#[test]
fn a_hook_that_fails_holds_its_component_until_git_mends_it() {
    let mut scene = Scene::new();
    let label = scene.name.clone();
    let templates = |value: &str| {
        let hook = annotated("pre-install,pre-upgrade", 0, "before-hook-creation,hook-failed");
        config_map("one", &[("a", value)])
            + &format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: check, {hook}}}\nspec:\n  restartPolicy: Never\n  \
                 nodeSelector: {{{label}: \"yes\"}}\n  containers: [{{name: main, image: example.org/it:1}}]\n"
            )
    };
    push_both(&scene, &templates("1"));
    scene.start();
    let pod = || scene.get("pods", "check");
    let ends = |phase: &str| {
        scene.wait_until("the Pod is made", || {
            pod().is_some_and(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        });
        let status = json!({"status": {"phase": phase}});
        scene.plane.merge_patch(&scene.path("pods", "check/status"), "kubelet", &status);
    };
    ends("Failed");
    scene.wait_until("the status tells", || {
        let (status, message) = scene.condition("Ready");
        status == "False"
            && message.contains("hook pre-install Pod")
            && message.contains("app/templates/all.yaml")
    });
    assert!(scene.get("configmaps", "one").is_none() && scene.get("configmaps", "two").is_none());
    scene.wait_until("its policy deletes it", || pod().is_none());

    scene.push(&[("app/templates/all.yaml", &templates("2"))]);
    ends("Succeeded");
    scene.settles();
    scene.wait_until("all is ready", || scene.condition("Ready").0 == "True");
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
    assert!(pod().is_some(), "it is deleted before it is made again");
}

#[test]
fn a_hook_that_never_ends_gives_way_to_a_newer_commit() {
    let mut scene = Scene::new();
    let label = scene.name.clone();
    let templates = |value: &str| {
        config_map("one", &[("a", value)]) + &job(&label, "migrate", &annotated("pre-install", 0, ""), value)
    };
    let (first, second) = (templates("1"), templates("2"));
    scene.push(&[
        ("environment", "components: [{name: app, chart: app}]"),
        ("app/Chart.yaml", CHART),
        ("app/templates/all.yaml", &first),
    ]);
    scene.start();
    let waits = |value: &str| {
        let made = scene.get("batch/v1/jobs", "migrate");
        made.is_some_and(|job| job["spec"]["template"]["spec"]["containers"][0]["args"][0] == value)
    };
    scene.wait_until("the Job is made", || waits("1"));
    scene.push(&[("app/templates/all.yaml", &second)]);
    scene.wait_until("it is made anew", || waits("2"));
    let_pods_run(&scene);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
}

#[test]
fn a_hook_does_not_take_the_place_of_what_is_none() {
    let mut scene = Scene::new();
    scene.push(&[
        ("environment", "components: [{name: app, chart: app}]"),
        ("app/Chart.yaml", CHART),
        ("app/templates/all.yaml", &hook_map("settings", &annotated("pre-install", 0, ""))),
    ]);
    scene.make_namespace();
    scene.kubectl(&["create", "configmap", "settings", "--from-literal=mine=yes"]);
    scene.start();
    scene.wait_until("the status tells", || {
        scene.condition("Ready").1.contains("no hook; rename one of them")
    });
    assert_eq!(scene.datum("settings", "mine").as_deref(), Some("yes"));
}
