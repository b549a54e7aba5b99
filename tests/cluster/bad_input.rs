//! What git may hold and must do no harm: a clear error on that component, the rest goes on, the cluster stays.

use crate::scene::{Scene, config_map};

const BOTH: &str = "components: [{name: good, manifests: good}, {name: bad, manifests: bad}]";

/// A scene with two components that are well, of which the second is about to become bad.
fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.push(&[
        ("environment", BOTH),
        ("good/all.yaml", &config_map("good", &[("a", "1")])),
        ("bad/all.yaml", &config_map("bad", &[("a", "1")])),
    ]);
    scene.start();
    scene.settles();
    scene
}

/// The good component's change is applied, the bad one's objects stay, and its error holds these words.
fn only_the_bad_one_is_refused(scene: &Scene, words: &str) {
    scene.push(&[("good/all.yaml", &config_map("good", &[("a", "2")]))]);
    scene.settles();
    assert_eq!(scene.datum("good", "a").as_deref(), Some("2"));
    assert_eq!(scene.datum("bad", "a").as_deref(), Some("1"));
    let refused = "what the cluster has of it stays as it is";
    assert!(scene.agent().said_of("\"bad\"", refused) && scene.agent().said_of("\"bad\"", words), "{words}");
    scene.wait_until("the status tells", || scene.condition("Stalled").1.contains("bad: cannot be rendered"));
    scene.disturb("bad", "a");
}

#[test]
fn a_file_of_100_mib_is_refused() {
    let scene = scene();
    let mut large = b"a: ".to_vec();
    large.resize(100 << 20, b'x');
    scene.commit(&[("bad/large.yaml".to_owned(), large)], git2::FileMode::Blob);
    only_the_bad_one_is_refused(&scene, "bad");
}

#[test]
fn a_yaml_bomb_is_refused() {
    let scene = scene();
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb += &format!("a{level}: &a{level} [{before}]\n");
    }
    scene.push(&[("bad/bomb.yaml", &bomb)]);
    only_the_bad_one_is_refused(&scene, "bad/bomb.yaml");
}

#[test]
fn yaml_that_is_deeper_than_anything_is_refused() {
    let scene = scene();
    scene.push(&[("bad/deep.yaml", &("[".repeat(200_000) + "\n"))]);
    only_the_bad_one_is_refused(&scene, "bad/deep.yaml");
}

#[test]
fn a_path_that_climbs_out_is_refused() {
    let scene = scene();
    let climbing = "components: [{name: good, manifests: good}, {name: bad, manifests: ../../../../etc}]";
    scene.push(&[("environment", climbing)]);
    scene.wait_until("it is refused", || scene.agent().said("is refused, and the cluster stays as it is"));
    assert!(scene.agent().said("../../../../etc"));
    assert_eq!(scene.datum("bad", "a").as_deref(), Some("1"));
    scene.disturb("bad", "a");
}

#[test]
fn a_symlink_leads_nowhere() {
    let scene = scene();
    let outside = scene.folder().join("outside.yaml");
    std::fs::write(&outside, config_map("from-outside", &[("a", "1")])).unwrap();
    let target = outside.display().to_string().into_bytes();
    scene.commit(&[("bad/link.yaml".to_owned(), target)], git2::FileMode::Link);
    scene.push(&[("good/all.yaml", &config_map("good", &[("a", "2")]))]);
    scene.settles();
    assert_eq!(scene.datum("good", "a").as_deref(), Some("2"));
    assert_eq!(scene.datum("bad", "a").as_deref(), Some("1"));
    assert!(scene.get("configmaps", "from-outside").is_none());
}

#[test]
fn two_manifests_of_one_object_are_refused_with_both_places() {
    let scene = scene();
    scene.push(&[("bad/double.yaml", &config_map("bad", &[("a", "3")]))]);
    only_the_bad_one_is_refused(&scene, "bad/double.yaml");
}

#[test]
fn manifests_that_are_no_objects_are_refused() {
    let scene = scene();
    for text in ["- a\n- b\n", "just text\n", "apiVersion: v1\nkind: ConfigMap\n", "\u{1}\n"] {
        scene.push(&[("bad/odd.yaml", text)]);
        scene.settles();
        assert!(scene.agent().said_of("\"bad\"", "bad/odd.yaml"), "{text:?}");
    }
    only_the_bad_one_is_refused(&scene, "bad/odd.yaml");
}

#[test]
fn a_deleted_and_a_force_pushed_branch_do_no_harm() {
    let scene = scene();
    let good = git2::Repository::open_bare(scene.remote()).unwrap();
    let commit = good.refname_to_id("refs/heads/main").unwrap();
    good.find_reference("refs/heads/main").unwrap().delete().unwrap();
    scene.wait_until("it is said", || {
        scene.agent().log().iter().any(|event| event["topic"] == "source" && event["level"] == "warn")
    });
    scene.disturb("bad", "a");
    // History written anew: no parent in common.
    scene.push(&[("environment", BOTH)]);
    scene.push(&[
        ("good/all.yaml", &config_map("good", &[("a", "anew")])),
        ("bad/all.yaml", &config_map("bad", &[("a", "anew")])),
    ]);
    scene.settles();
    assert_eq!(scene.datum("good", "a").as_deref(), Some("anew"));
    good.reference("refs/heads/main", commit, true, "back").unwrap();
    scene.wait_until("the old one is applied", || scene.datum("good", "a").as_deref() == Some("1"));
}

#[test]
fn a_repository_of_a_million_files_is_bounded() {
    let scene = scene();
    scene.commit_a_million_files("bad/many");
    only_the_bad_one_is_refused(&scene, "files");
}
