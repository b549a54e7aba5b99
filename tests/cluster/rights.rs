//! The agent with the rights that its own chart gives it, and not one more.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::scene::{Scene, config_map, deployment};

/// A scene whose agents are the service account of the chart, rendered with these values, in which NAME stands for the
/// scene's namespace.
pub fn scene_of(values: &[&str]) -> Scene {
    let scene = Scene::new();
    scene.make_namespace();
    let namespace = scene.agent_namespace();
    scene.plane.kubectl(&["create", "namespace", &namespace]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_mooring"));
    command
        .args(["template", &scene.name])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("components/mooring"))
        .args([
            "--namespace",
            &namespace,
            "--set-json",
            "replicas=0",
            "--set",
            "repo=https://git.example.org/lakehouse.git",
        ]);
    for value in values {
        command.args(["--set", &value.replace("NAME", &scene.name)]);
    }
    let rendered = command.output().unwrap();
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let file = scene.folder().join("chart.yaml");
    std::fs::write(&file, rendered.stdout).unwrap();
    scene.plane.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", &file.display().to_string()]);
    let token = scene.plane.kubectl(&["create", "token", &scene.name, "--namespace", &namespace]);
    scene.plane.kubeconfig_with_token(token.trim(), &scene.folder().join("kubeconfig"));
    scene
}

#[test]
fn a_token_that_ended_is_followed_by_the_one_that_took_its_place() {
    let mut scene = scene_of(&["rbac.profile=namespaced", "rbac.namespaces={NAME}"]);
    let (namespace, account) = (scene.agent_namespace(), scene.name.clone());
    // As a kubelet does: a file with a token, which ends some time after the file has the next one.
    let file = scene.folder().join("token");
    let plane = scene.plane.clone();
    let review = |token: &str| {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}});
        plane.post("/apis/authentication.k8s.io/v1/tokenreviews", &review)["status"].take()
    };
    let write_token = |secret: &str| {
        plane.kubectl(&["create", "secret", "generic", secret, "--namespace", &namespace]);
        let bound = ["--bound-object-kind", "Secret", "--bound-object-name", secret];
        let arguments = [&["create", "token", &account, "--namespace", &namespace], &bound[..]].concat();
        let token = plane.kubectl(&arguments).trim().to_owned();
        std::fs::write(&file, &token).unwrap();
        token
    };
    let first = write_token("first");
    plane.kubeconfig_with_token_file(&file, &scene.folder().join("kubeconfig"));
    scene.push(&[
        ("environment", "components: [{name: app, manifests: app}]"),
        ("app/all.yaml", &config_map("settings", &[("a", "1")])),
    ]);
    scene.start();
    scene.settles();

    let second = review(&write_token("second"));
    let id = second["user"]["extra"]["authentication.kubernetes.io/credential-id"][0].as_str().unwrap();
    let asked = |line: &str| line.contains(id) && line.contains("\"userAgent\":\"mooring/");
    scene.wait_until("the agent asks with the second token", || plane.audit_log().lines().any(asked));
    plane.kubectl(&["delete", "secret", "first", "--namespace", &namespace]);
    scene.wait_until("the first token counts no longer", || review(&first)["authenticated"] != true);
    scene.push(&[("app/all.yaml", &config_map("settings", &[("a", "2")]))]);
    scene.wait_until("the push is applied", || scene.datum("settings", "a").as_deref() == Some("2"));
    scene.disturb("settings", "a");
}

#[test]
fn an_agent_with_the_rights_of_one_namespace_keeps_it() {
    let mut scene = scene_of(&["rbac.profile=namespaced", "rbac.namespaces={NAME}"]);
    let namespace = scene.name.clone();
    let app = format!("{}---\n{}", config_map("settings", &[("a", "1")]), deployment("web", 1));
    scene.push(&[("environment", "components: [{name: app, manifests: app}]"), ("app/all.yaml", &app)]);
    scene.start();
    scene.settles();
    scene.disturb("settings", "a");
    scene.wait_until("drift is put back", || scene.datum("settings", "a").as_deref() == Some("1"));
    scene.wait_until("and reported", || !scene.agent().drifts_of("settings").is_empty());

    // What it may not do is said with the rule that would let it, and the rest goes on.
    let quota = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: limits}\nspec: {limits: []}\n";
    let changed = format!("{}---\n{}", config_map("settings", &[("a", "2")]), deployment("web", 2));
    scene.push(&[("app/all.yaml", &changed), ("app/limits.yaml", quota)]);
    let rule = format!(
        r#"a Role in the namespace {namespace}: {{apiGroups: [""], resources: ["limitranges"], verbs: [get, create, patch, delete]}}"#
    );
    scene.wait_until("the missing rule is told", || {
        scene.agent().said_of("limits", &rule) || scene.agent().said(&rule)
    });
    scene.wait_until("the rest goes on", || scene.datum("settings", "a").as_deref() == Some("2"));
    scene.wait_until("the stages that follow too", || {
        scene.get("apps/v1/deployments", "web").is_some_and(|web| web["spec"]["replicas"] == 2)
    });
    let watched =
        r#"add to a ClusterRole: {apiGroups: [""], resources: ["limitranges"], verbs: [list, watch]}"#;
    scene.wait_until("what cannot be watched is told", || scene.agent().said(watched));
    // A new agent does not wait for a listing that it may not have.
    scene.agent().kill();
    scene.start();
    let third = format!("{}---\n{}", config_map("settings", &[("a", "3")]), deployment("web", 1));
    scene.push(&[("app/limits.yaml", ""), ("app/all.yaml", &third)]);
    scene.settles();
    let account = format!("system:serviceaccount:{}:{namespace}", scene.agent_namespace());
    let may = |verb: &str, namespace: &str| {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": account,
                "resourceAttributes": { "namespace": namespace, "verb": verb, "resource": "secrets" },
            },
        });
        let answer = scene.plane.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review);
        answer["status"]["allowed"] == true
    };
    assert!(
        may("get", &scene.agent_namespace()) && !may("get", "kube-system") && !may("create", "kube-system")
    );
}

#[test]
fn an_agent_with_the_rights_of_the_cluster_makes_its_namespace() {
    let mut scene = scene_of(&["rbac.profile=cluster"]);
    let spec =
        "components: [{name: app, manifests: app}, {name: other, manifests: other, namespace: NAME-b}]";
    let spec = spec.replace("NAME", &scene.name);
    scene.push(&[
        ("environment", &spec),
        ("app/all.yaml", &config_map("settings", &[("a", "1")])),
        ("other/all.yaml", &config_map("settings", &[("a", "1")])),
    ]);
    scene.start();
    scene.settles();
    let other = format!("/api/v1/namespaces/{}-b/configmaps/settings", scene.name);
    assert!(scene.plane.get(&other).is_some());
}
