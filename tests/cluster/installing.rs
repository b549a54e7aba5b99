//! `bootstrap/install.sh`, on a cluster whose pods are simulated: the agent that a pod would run is started beside it, with
//! the rights of that pod's service account.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::control_plane::ControlPlane;
use crate::scene::{Scene, config_map};

const TOKEN: &str = "token-that-nobody-may-see";

fn install(scene: &Scene, arguments: &[&str]) -> Command {
    let binaries = scene.plane.binaries().display().to_string();
    let path = format!("{binaries}:{}", std::env::var("PATH").unwrap());
    let context = scene.plane.kubectl(&["config", "current-context"]);
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("bootstrap/install.sh"));
    command
        .args(["--context", context.trim(), "--environment", &scene.name])
        .args(arguments)
        .env("PATH", path)
        .env("KUBECONFIG", scene.plane.kubeconfig())
        .env("MOORING_BIN", env!("CARGO_BIN_EXE_mooring"))
        .env("MOORING_GIT_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn the_agent_is_installed_upgraded_and_removed_by_one_script() {
    let mut scene = Scene::on(Arc::new(ControlPlane::start("installing")));
    scene.push(&[
        ("environment", "components: [{name: app, manifests: app}]"),
        ("app/all.yaml", &config_map("settings", &[("a", "1")])),
    ]);
    let repo = ["--repo", "https://git.example.org/lakehouse.git"];
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();

    // A dry run changes nothing, and prints no credential.
    let dry = install(&scene, &repo).arg("--dry-run").output().unwrap();
    assert!(dry.status.success(), "{}", text(&dry.stderr));
    assert!(text(&dry.stdout).contains("kind: Deployment") && !text(&dry.stdout).contains(TOKEN));
    let deployments = "/apis/apps/v1/namespaces/mooring-system/deployments";
    assert!(scene.plane.get(&format!("{deployments}/mooring")).is_none());

    // It waits for the first revision, which the agent applies with the rights that it was given.
    let running = install(&scene, &repo).spawn().unwrap();
    scene.wait_until("the chart is applied", || scene.plane.get(&format!("{deployments}/mooring")).is_some());
    let account = "/api/v1/namespaces/mooring-system/serviceaccounts/mooring";
    scene.wait_until("its account is there", || scene.plane.get(account).is_some());
    let token = scene.plane.kubectl(&["create", "token", "mooring", "--namespace", "mooring-system"]);
    scene.plane.kubeconfig_with_token(token.trim(), &scene.folder().join("kubeconfig"));
    scene.start();
    let installed = running.wait_with_output().unwrap();
    let said = text(&installed.stderr) + &text(&installed.stdout);
    assert!(installed.status.success(), "{said}");
    assert!(said.contains(&format!("{} is ready", scene.name)) && !said.contains(TOKEN), "{said}");
    assert_eq!(scene.datum("settings", "a").as_deref(), Some("1"));
    let secret = scene.plane.get("/api/v1/namespaces/mooring-system/secrets/mooring-git").unwrap();
    assert!(secret["data"]["token"].is_string());

    // Again, with another image: the Deployment is upgraded.
    let again = install(&scene, &repo).args(["--image", "registry.example/mooring:2"]).output().unwrap();
    assert!(again.status.success(), "{}", text(&again.stderr));
    let deployment = scene.plane.get(&format!("{deployments}/mooring")).unwrap();
    assert_eq!(
        deployment["spec"]["template"]["spec"]["containers"][0]["image"],
        "registry.example/mooring:2"
    );

    // Removed, what it had applied stays.
    scene.agent().terminate();
    let removed = install(&scene, &["--uninstall"]).output().unwrap();
    assert!(removed.status.success(), "{}", text(&removed.stderr));
    for path in [
        "/api/v1/namespaces/mooring-system",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/mooring-mooring-system",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/mooring-mooring-system",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/environments.mooring.dev",
    ] {
        assert!(scene.plane.get(path).is_none(), "{path}");
    }
    assert_eq!(scene.datum("settings", "a").as_deref(), Some("1"));
}

#[test]
fn an_installation_that_cannot_be_says_what_to_do() {
    let scene = Scene::new();
    let fails = |arguments: &[&str]| {
        let output = install(&scene, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(fails(&[]).contains("--repo URL"));
    assert!(
        fails(&["--context", "nowhere", "--repo", "https://git.example.org/x"])
            .contains("there is no context nowhere")
    );
    assert!(fails(&["--repo", "git@git.example.org:x"]).contains("--ssh-key FILE and --known-hosts FILE"));
    assert!(
        fails(&["--repo", "https://git.example.org/x", "--profile", "namespaced"]).contains("--namespaces")
    );
    assert!(
        fails(&["--repo", "https://git.example.org/x", "--set", "replica=3", "--dry-run"])
            .contains("replica")
    );
}
