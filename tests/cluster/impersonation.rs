//! An environment that names a service account can do no more than that account; the agent has no right on its objects.

use crate::rights::scene_of;
use crate::scene::{Scene, config_map};

/// A team's account that may do all with ConfigMaps of the scene's namespace.
fn make_team(scene: &Scene) {
    scene.kubectl(&["create", "serviceaccount", "team"]);
    scene.kubectl(&["create", "role", "team", "--verb=get,create,patch,delete", "--resource=configmaps"]);
    let account = format!("--serviceaccount={}:team", scene.name);
    scene.kubectl(&["create", "rolebinding", "team", "--role=team", &account]);
}

const KEPT_BY_TEAM: &str = "serviceAccount: team\npruneGuard: {share: 1}\n";

#[test]
fn an_environment_can_do_no_more_than_its_service_account() {
    let mut scene = scene_of(&[
        "rbac.profile=namespaced",
        "rbac.impersonate[0].namespace=NAME",
        "rbac.impersonate[0].name=team",
    ]);
    make_team(&scene);
    let namespace = scene.name.clone();
    let with = |components: &str| format!("{KEPT_BY_TEAM}components: [{components}]");
    let app = "{name: app, manifests: app}";
    let greedy = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: NAME-all}\nrules: \
                  [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]\n"
        .replace("NAME", &namespace);
    let abroad = config_map("abroad", &[("a", "1")]).replace("{name: ", "{namespace: default, name: ");
    scene.push(&[
        ("environment", &with(&format!("{app}, {{name: beyond, manifests: beyond}}"))),
        ("app/all.yaml", &format!("{}{}", config_map("settings", &[("a", "1")]), config_map("more", &[]))),
        ("beyond/role.yaml", &greedy),
        ("beyond/abroad.yaml", &abroad),
    ]);
    scene.start();
    scene.settles();
    assert_eq!(scene.datum("settings", "a").as_deref(), Some("1"));
    let user = format!("User \\\"system:serviceaccount:{namespace}:team\\\" cannot");
    for rule in [
        "a Role in the namespace default: {apiGroups: [\\\"\\\"], resources: [\\\"configmaps\\\"], verbs: [get, create, patch, delete]}",
        "a ClusterRole: {apiGroups: [\\\"rbac.authorization.k8s.io\\\"], resources: [\\\"clusterroles\\\"], verbs: [get, create, patch, delete]}",
    ] {
        let told = |line: &str| {
            line.contains(rule) && line.contains(&user)
                || line.contains(&rule.replace("\\\"", "\"")) && line.contains(&user.replace("\\\"", "\""))
        };
        scene.wait_until(rule, || scene.agent().text().lines().any(told));
    }
    assert!(scene.plane.get("/api/v1/namespaces/default/configmaps/abroad").is_none());

    scene.disturb("settings", "a");
    scene.push(&[
        ("environment", &with(app)),
        ("app/all.yaml", &config_map("settings", &[("a", "2")])),
        ("beyond/role.yaml", ""),
        ("beyond/abroad.yaml", ""),
    ]);
    scene.settles();
    assert_eq!(scene.datum("settings", "a").as_deref(), Some("2"));
    scene.wait_until("what git names no more is deleted", || scene.get("configmaps", "more").is_none());

    // Git says which account it is, and the installation which ones it may be.
    let other = with(app).replace("team", "default");
    scene.push(&[("environment", &other), ("app/all.yaml", &config_map("settings", &[("a", "3")]))]);
    let rule = r#"resources: ["serviceaccounts"], verbs: [impersonate], resourceNames: ["default"]}"#;
    scene.wait_until("the right that the agent lacks is told", || scene.agent().said(rule));
    assert_eq!(scene.datum("settings", "a").as_deref(), Some("2"));
}

#[test]
fn an_environment_that_names_no_account_is_kept_as_the_default_one() {
    let mut scene = scene_of(&[
        "rbac.profile=namespaced",
        "rbac.impersonate[0].namespace=NAME",
        "rbac.impersonate[0].name=team",
    ]);
    make_team(&scene);
    scene.push(&[
        ("environment", "components: [{name: app, manifests: app}]"),
        ("app/all.yaml", &config_map("settings", &[("a", "1")])),
    ]);
    scene.start_with("state", &["--no-listen", "--default-service-account", "team"]);
    scene.settles();
    scene.disturb("settings", "a");
    assert_eq!(scene.datum("settings", "a").as_deref(), Some("1"));
}

#[test]
fn a_chart_looks_up_no_more_than_its_environment_s_account_may() {
    let mut scene = scene_of(&[
        "rbac.profile=namespaced",
        "rbac.impersonate[0].namespace=NAME",
        "rbac.impersonate[0].name=team",
    ]);
    make_team(&scene);
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: copy}\ndata:\n  \
                    there: {{ lookup \"v1\" \"KIND\" .Release.Namespace \"source\" | empty | not | quote }}\n";
    scene.kubectl(&["create", "configmap", "source", "--from-literal=a=1"]);
    scene.push(&[
        (
            "environment",
            &format!("{KEPT_BY_TEAM}components: [{{name: app, chart: app}}, {{name: other, chart: other}}]"),
        ),
        ("app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n"),
        ("app/templates/all.yaml", &template.replace("KIND", "ConfigMap")),
        ("other/Chart.yaml", "apiVersion: v2\nname: other\nversion: 0.1.0\n"),
        ("other/templates/all.yaml", &template.replace("KIND", "Secret").replace("copy", "other")),
    ]);
    scene.start();
    scene.wait_until("what it may see", || scene.datum("copy", "there").as_deref() == Some("true"));
    scene.wait_until("what it may not see", || scene.agent().said_of("other", "cannot get resource"));
    assert!(scene.get("configmaps", "other").is_none());
}
