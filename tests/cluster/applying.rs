//! From a push to the cluster.

use crate::scene::{Scene, config_map, managers};

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
    assert_eq!(scene.status()["shortRevision"].as_str().map(str::len), Some(7));
}
