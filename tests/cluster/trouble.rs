//! Crashes, and remotes and servers that fail.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::proxy::{Proxy, Verdict};
use crate::scene::{Scene, config_map, deployment};

/// Whether a request changes anything but the lease, whose renewals come at any time.
fn is_write(method: &Method, path: &str) -> bool {
    *method != Method::GET && !path.contains("/leases")
}

const SPEC: &str = "components: [{name: app, manifests: app}]\nignore:\n  - {kind: Deployment, paths: [/spec/replicas], reason: test}";

/// Two states of one environment: each change from one to the other creates, changes and deletes.
fn state(even: bool) -> String {
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {a: x}\n";
    if even {
        config_map("both", &[("a", "even")]) + &config_map("even", &[("a", "1")]) + &deployment("web", 2)
    } else {
        config_map("both", &[("a", "odd"), ("b", "more")]) + secret
    }
}

fn is_in_state(scene: &Scene, even: bool) -> bool {
    let data = scene.get("configmaps", "both").map(|both| both["data"].clone());
    let web = scene.get("apps/v1/deployments", "web");
    let wanted = if even { json!({"a": "even"}) } else { json!({"a": "odd", "b": "more"}) };
    data == Some(wanted)
        && scene.get("configmaps", "even").is_some() == even
        && scene.get("secrets", "keys").is_some() != even
        && web.is_some() == even
        && web.is_none_or(|web| web["spec"]["replicas"] == 2)
}

/// Starts agents that are killed at their n-th write, for each n, before or after the API server carried it out; each
/// time a second one must come to what git says.
fn killed_at_each_write(verdict: Verdict) {
    let mut scene = Scene::new();
    let proxy = Proxy::start(&scene.plane);
    scene.through(proxy);
    let mut even = true;
    scene.push(&[("environment", SPEC), ("app/all.yaml", &state(even))]);
    for n in 1.. {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        scene.proxy().rule(move |method, path| {
            let nth = is_write(method, path) && counted.fetch_add(1, Ordering::Relaxed) + 1 == n;
            if nth { verdict } else { Verdict::Forward }
        });
        let victim = scene.start();
        let commit = scene.head();
        let words = format!(" is at {commit}");
        // Killed; or so few writes were due that it came through. The inventory and the status are written after it
        // said that it is done.
        let done = Cell::new(None::<Instant>);
        scene.wait_until("it is killed or done", || {
            if done.get().is_none() && victim.said(&words) {
                done.set(Some(Instant::now()));
            }
            !victim.is_running() || done.get().is_some_and(|at| at.elapsed() > Duration::from_secs(3))
        });
        let came_through = victim.is_running();
        victim.kill();
        scene.proxy().rule(|_, _| Verdict::Forward);
        scene.start();
        scene.settles();
        scene.wait_until(&format!("it is as git says, after a death at write {n}"), || {
            is_in_state(&scene, even)
        });
        assert!(scene.agent().drifts().is_empty(), "what the agent itself left half done is no drift");
        scene.agent().kill();
        if came_through {
            assert!(n > 6, "each of the writes was an end once, {n}");
            return;
        }
        even = !even;
        scene.push(&[("app/all.yaml", &state(even))]);
    }
}

#[test]
fn killed_before_any_write_the_next_start_converges() {
    killed_at_each_write(Verdict::KillBefore);
}

#[test]
fn killed_after_any_write_the_next_start_converges() {
    killed_at_each_write(Verdict::KillAfter);
}

#[test]
fn errors_429_and_500_are_retried() {
    let mut scene = Scene::new();
    let proxy = Proxy::start(&scene.plane);
    scene.through(proxy);
    let count = AtomicUsize::new(0);
    let errors = [429, 500, 503, 504];
    // Each second request fails, reads and watches too.
    scene.proxy().rule(move |_, path| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        if n.is_multiple_of(2) && !path.contains("/leases") {
            Verdict::Answer(errors[n / 2 % 4])
        } else {
            Verdict::Forward
        }
    });
    scene.push(&[("environment", SPEC), ("app/all.yaml", &state(true))]);
    scene.start();
    scene.wait_until("it is applied", || is_in_state(&scene, true));
    scene.push(&[("app/all.yaml", &state(false))]);
    scene.wait_until("it is changed", || is_in_state(&scene, false));
    scene.kubectl(&["patch", "configmap", "both", "--patch", r#"{"data":{"a":"by hand"}}"#]);
    scene.wait_until("drift is put back", || is_in_state(&scene, false));
}

#[test]
fn an_api_server_that_refuses_everything_for_a_while_is_outlived() {
    let mut scene = Scene::new();
    let proxy = Proxy::start(&scene.plane);
    scene.through(proxy);
    scene.push(&[("environment", SPEC), ("app/all.yaml", &state(true))]);
    scene.proxy().rule(|_, _| Verdict::Answer(503));
    scene.start();
    scene.wait_until("it waits", || scene.agent().said("waiting for the API server"));
    assert!(scene.agent().is_running());
    scene.proxy().rule(|_, _| Verdict::Forward);
    scene.settles();
    assert!(is_in_state(&scene, true));
}

#[test]
fn the_api_server_may_go_and_come_back() {
    let plane = Arc::new(ControlPlane::start("restart"));
    let mut scene = Scene::on(plane.clone());
    scene.push(&[("environment", SPEC), ("app/all.yaml", &state(true))]);
    scene.start();
    scene.settles();
    plane.component("stop", "apiserver");
    scene.push(&[("app/all.yaml", &state(false))]);
    let head = scene.head();
    scene.wait_until("it learns of the push", || {
        scene.agent().said(&head) || scene.agent().said("asks again")
    });
    plane.component("start", "apiserver");
    let there = || plane.try_get("/readyz").is_ok() || plane.try_get("/api/v1/namespaces/default").is_ok();
    scene.wait_until("the API server is back", there);
    assert!(scene.agent().is_running());
    scene.settles();
    scene.wait_until("the push is applied", || is_in_state(&scene, false));

    // Away without anything to do, and changed by somebody as soon as it is back.
    plane.component("stop", "apiserver");
    plane.component("start", "apiserver");
    scene.wait_until("the API server is back", || plane.try_get("/api/v1/namespaces/default").is_ok());
    scene.kubectl(&["patch", "configmap", "both", "--patch", r#"{"data":{"a":"by hand"}}"#]);
    scene.wait_until("drift is put back", || is_in_state(&scene, false));
    assert!(scene.agent().is_running());
}

#[test]
fn the_git_remote_may_go_and_come_back() {
    let scene = Scene::with(&config_map("one", &[("a", "1")]));
    let away = scene.folder().join("away.git");
    std::fs::rename(scene.remote(), &away).unwrap();
    scene.wait_until("it is said", || {
        scene.agent().log().iter().any(|event| event["topic"] == "source" && event["level"] == "warn")
    });
    // What is applied is kept meanwhile.
    scene.disturb("one", "a");
    std::fs::rename(&away, scene.remote()).unwrap();
    scene.push(&[("app/all.yaml", &config_map("one", &[("a", "2")]))]);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
    assert!(scene.agent().said("the source answers again"));
}
