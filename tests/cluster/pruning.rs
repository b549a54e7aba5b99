//! Deletion, and what is handed over instead.

use serde_json::{Value, json};

use crate::scene::{Scene, config_map, managers};

const LABEL: &str = "applyset.kubernetes.io/part-of";

fn uid(object: Option<Value>) -> String {
    object.expect("it is there")["metadata"]["uid"].as_str().unwrap().to_owned()
}

#[test]
fn an_empty_render_prunes_nothing() {
    let scene = Scene::with(&(config_map("one", &[("a", "1")]) + &config_map("two", &[("a", "1")])));
    scene.push(&[("environment", "components: []")]);
    scene.settles();
    scene.push(&[
        ("environment", "components: [{name: app, manifests: app}]"),
        ("app/all.yaml", "# nothing\n"),
    ]);
    scene.settles();
    assert!(scene.get("configmaps", "one").is_some() && scene.get("configmaps", "two").is_some());
    assert!(!scene.requests().iter().any(|request| request.verb == "delete"));
}

#[test]
fn what_git_no_longer_names_is_deleted_after_everything_new_is_applied() {
    let scene = Scene::with(&(config_map("kept", &[("a", "1")]) + &config_map("old", &[("a", "1")])));
    let old = scene.get("configmaps", "old");
    assert!(old.unwrap()["metadata"]["labels"][LABEL].is_string());

    // As long as something new cannot be applied, nothing is deleted.
    let kept = config_map("kept", &[("a", "1")]);
    let invalid = config_map("new", &[("not a key", "1")]);
    scene.push(&[("app/all.yaml", &(kept.clone() + &invalid))]);
    scene.wait_until("it is told", || scene.agent().said("nothing is deleted"));
    assert!(scene.get("configmaps", "old").is_some());

    scene.push(&[("app/all.yaml", &(kept + &config_map("new", &[("a", "1")])))]);
    scene.settles();
    scene.wait_until("it is deleted", || scene.get("configmaps", "old").is_none());
    let requests = scene.requests();
    let deleted =
        requests.iter().position(|request| request.verb == "delete" && request.uri.contains("/old"));
    let applied = requests.iter().rposition(|request| request.is_write() && request.uri.contains("/new"));
    assert!(applied.unwrap() < deleted.unwrap());
    assert!(scene.get("configmaps", "kept").is_some());
}

#[test]
fn what_belongs_to_an_environment_is_listed_by_its_label() {
    let scene = Scene::with(&config_map("one", &[("a", "1")]));
    let environment = format!("environment/{}", scene.name);
    let id = scene.kubectl(&[
        "get",
        &environment,
        "--output",
        r"jsonpath={.metadata.labels.applyset\.kubernetes\.io/id}",
    ]);
    let listed =
        scene.kubectl(&["get", "configmaps", "--selector", &format!("{LABEL}={id}"), "--output", "name"]);
    assert_eq!(listed.trim(), "configmap/one");
}

#[test]
fn claims_namespaces_and_crds_are_never_pruned() {
    let mut scene = Scene::new();
    let group = format!("{}.example.org", scene.name);
    let precious = format!(
        "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: data}}\nspec:\n  accessModes: [ReadWriteOnce]\n  \
         storageClassName: none\n  resources: {{requests: {{storage: 1Gi}}}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: \
         {{name: {name}-more}}\n{crd}",
        name = scene.name,
        crd = crate::scene::crd(&group, "Widget"),
    );
    let one = config_map("one", &[("a", "1")]);
    scene.push(&[
        ("environment", "components: [{name: app, manifests: app}]"),
        ("app/one.yaml", &one),
        ("app/precious.yaml", &precious),
        ("app/gone.yaml", &config_map("gone", &[("a", "1")])),
    ]);
    scene.start();
    scene.settles();
    scene.push(&[("app/precious.yaml", ""), ("app/gone.yaml", "")]);
    scene.settles();
    scene.wait_until("what may go is gone", || scene.get("configmaps", "gone").is_none());
    for what in ["PersistentVolumeClaim", "Namespace", "CustomResourceDefinition"] {
        assert!(scene.agent().said(&format!("a {what} is never deleted by itself")), "{what}");
    }
    let claim = || scene.get("persistentvolumeclaims", "data");
    let namespace = scene.plane.get(&format!("/api/v1/namespaces/{}-more", scene.name)).unwrap();
    assert_eq!(namespace["status"]["phase"], "Active");
    assert!(claim().unwrap()["metadata"]["deletionTimestamp"].is_null());
    let crd = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}");
    assert!(scene.plane.get(&crd).is_some());

    scene.kubectl(&["annotate", "persistentvolumeclaim", "data", "mooring.dev/prune=true"]);
    scene.push(&[("app/one.yaml", &config_map("one", &[("a", "2")]))]);
    scene.settles();
    scene.wait_until("what says so itself is deleted", || claim().is_none());
    assert!(scene.plane.get(&crd).is_some());
}

#[test]
fn a_large_prune_needs_a_word_in_git() {
    let mut scene = Scene::new();
    let big: String = (0..6).map(|index| config_map(&format!("big-{index}"), &[("a", "1")])).collect();
    let both = "components: [{name: app, manifests: app}, {name: big, manifests: big}]";
    scene.push(&[
        ("environment", both),
        ("app/one.yaml", &config_map("one", &[("a", "1")])),
        ("big/all.yaml", &big),
    ]);
    scene.start();
    scene.settles();
    let left = || (0..6).filter(|index| scene.get("configmaps", &format!("big-{index}")).is_some()).count();

    scene.push(&[("environment", "components: [{name: app, manifests: app}]")]);
    scene.settles();
    assert!(scene.agent().said("pruneGuard: {allow: [big]}"));
    assert_eq!(left(), 6);

    scene.push(&[("environment", "components: [{name: app, manifests: app}]\npruneGuard: {allow: [big]}")]);
    scene.settles();
    scene.wait_until("the component is deleted", || left() == 0);
    assert!(scene.get("configmaps", "one").is_some());
}

#[test]
fn renaming_a_component_hands_its_objects_over() {
    let scene = Scene::with(&config_map("one", &[("a", "1")]));
    let before = uid(scene.get("configmaps", "one"));
    scene.push(&[("environment", "components: [{name: renamed, manifests: app}]")]);
    scene.settles();
    scene.quiet();
    assert_eq!(uid(scene.get("configmaps", "one")), before);
    assert!(!scene.requests().iter().any(|request| request.verb == "delete" && request.uri.contains("/one")));

    // The object is known under its new component: taken out there, it goes.
    scene.push(&[("app/all.yaml", &config_map("two", &[("a", "1")]))]);
    scene.settles();
    scene.wait_until("it is deleted", || scene.get("configmaps", "one").is_none());
}

#[test]
fn renaming_an_environment_hands_its_objects_over() {
    let left = config_map("left", &[("a", "1")]);
    let mut scene = Scene::with(&(config_map("one", &[("a", "1")]) + &left));
    let before = scene.get("configmaps", "one");
    scene.agent().terminate();
    let agent = scene.agent().clone();
    scene.wait_until("the agent ends", || !agent.is_running());

    let old = scene.name.clone();
    let file = scene
        .environment_file("components: [{name: app, manifests: app}]")
        .replace(&format!("metadata: {{name: {old}}}"), &format!("metadata: {{name: {old}-new}}"));
    scene.push(&[
        (&format!("environments/{old}/environment.yaml"), ""),
        (&format!("environments/{old}-new/environment.yaml"), &file),
        ("app/all.yaml", &config_map("one", &[("a", "1")])),
    ]);
    let mut arguments = vec!["agent".to_owned(), "--no-listen".to_owned()];
    arguments.extend(["--environment".to_owned(), format!("{old}-new")]);
    arguments.extend(scene.arguments("state-new"));
    scene.run(&arguments);
    scene.settles();
    let label = |object: &Option<Value>| object.as_ref().unwrap()["metadata"]["labels"][LABEL].clone();
    let after = scene.get("configmaps", "one");
    assert_ne!(label(&after), label(&before));
    assert_eq!(uid(after), uid(before));
    scene.disturb("one", "a");

    // What the environment has no more under its new name is deleted, and nothing is left of the old name.
    scene.wait_until("the rest is deleted", || scene.get("configmaps", "left").is_none());
    let former = format!("/apis/mooring.dev/v1alpha1/environments/{old}");
    scene.wait_until("the former Environment is removed", || scene.plane.get(&former).is_none());
    let kept = format!(
        "/api/v1/namespaces/{}/configmaps?labelSelector=mooring.dev/inventory={old}",
        scene.agent_namespace()
    );
    scene.wait_until("its inventory is removed", || {
        scene.plane.get(&kept).is_some_and(|maps| maps["items"].as_array().is_some_and(Vec::is_empty))
    });
}

#[test]
fn a_namespace_may_hold_two_environments() {
    let first = Scene::with(&config_map("one", &[("a", "1")]));
    let namespace = format!("/api/v1/namespaces/{}", first.name);
    let labels = || first.plane.get(&namespace).unwrap()["metadata"]["labels"].take();
    let before = labels();

    // Another repository: what it does not name is no former name of its environments either.
    let mut second = Scene::new();
    let file = second.environment_file("components: [{name: app, manifests: app}]");
    let file = file.replace(&format!("namespace: {}", second.name), &format!("namespace: {}", first.name));
    second.push(&[
        (&format!("environments/{}/environment.yaml", second.name), &file),
        ("app/all.yaml", &config_map("two", &[("a", "1")])),
    ]);
    second.start();
    second.settles();
    assert!(first.get("configmaps", "two").is_some());
    second.wait_until("it is ready", || second.condition("Ready").0 == "True");
    first.disturb("one", "a");
    assert_eq!(labels(), before);
}

#[test]
fn an_object_of_another_environment_is_not_taken() {
    let mut scene = Scene::new();
    let role = |name: &str, verb: &str| {
        format!(
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}-role}}\n\
             rules: [{{apiGroups: [\"\"], resources: [pods], verbs: [{verb}]}}]\n"
        )
    };
    let spec = "components: [{name: app, manifests: app}]";
    scene.push(&[("environment", spec), ("app/all.yaml", &role(&scene.name, "get"))]);
    scene.start();
    scene.settles();
    let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterroles/{}-role", scene.name);
    let before = scene.plane.get(&path).unwrap();

    // Git still has the other environment, so this is no renaming.
    let mut other = Scene::new();
    let theirs = role(&scene.name, "list") + &config_map("one", &[("a", "1")]);
    other.push(&[
        ("environment", spec),
        (&format!("environments/{}/environment.yaml", scene.name), &scene.environment_file(spec)),
        ("app/all.yaml", &theirs),
    ]);
    other.start();
    other.wait_until("it is refused", || other.agent().said_of("-role", "it belongs to another environment"));
    other.wait_until("the rest goes on", || other.get("configmaps", "one").is_some());
    assert_eq!(scene.plane.get(&path).unwrap(), before);
    assert!(scene.agent().drifts().is_empty());
}

#[test]
fn objects_of_kubectl_apply_are_adopted() {
    let mut scene = Scene::new();
    scene.make_namespace();
    let file = scene.folder().join("applied.yaml");
    std::fs::write(&file, config_map("one", &[("a", "old"), ("b", "gone in git")])).unwrap();
    scene.kubectl(&["apply", "--filename", file.to_str().unwrap()]);
    let before = uid(scene.get("configmaps", "one"));

    scene.push(&[
        ("environment", "components: [{name: app, manifests: app}]"),
        ("app/all.yaml", &config_map("one", &[("a", "new")])),
    ]);
    scene.start();
    scene.settles();
    let one = scene.get("configmaps", "one").unwrap();
    assert_eq!(one["data"], json!({"a": "new"}));
    assert_eq!(managers(&one), ["mooring"]);
    assert_eq!(uid(Some(one)), before);
    assert!(scene.agent().said_of("/one", "adopted"));
}

#[test]
fn an_immutable_field_is_replaced_only_where_allowed() {
    let manifests = |value: &str, annotation: &str| {
        config_map("one", &[("a", value)])
            .replace("\ndata:", "\nimmutable: true\ndata:")
            .replace("{name: one}", &format!("{{name: one, annotations: {{{annotation}}}}}"))
            + &config_map("two", &[("a", value)])
    };
    let scene = Scene::with(&manifests("1", ""));
    let before = uid(scene.get("configmaps", "one"));
    scene.push(&[("app/all.yaml", &manifests("2", ""))]);
    scene.wait_until("it is refused", || scene.agent().said_of("/one", "mooring.dev/replace"));
    scene.wait_until("the rest goes on", || scene.datum("two", "a").as_deref() == Some("2"));
    assert_eq!(scene.datum("one", "a").as_deref(), Some("1"));

    scene.push(&[("app/all.yaml", &manifests("3", r#"mooring.dev/replace: "true""#))]);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("3"));
    assert_ne!(uid(scene.get("configmaps", "one")), before);
}
