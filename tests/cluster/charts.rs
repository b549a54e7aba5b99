//! Charts: what their templates say of drift, make up, and never end with.

use serde_json::json;

use crate::scene::{Scene, config_map};
use crate::web::Repository;

const CHART: &str = "apiVersion: v2\nname: app\nversion: 0.1.0\n";

fn secret(scene: &Scene) -> Option<serde_json::Value> {
    scene.get("secrets", "keys").map(|mut secret| secret["data"].take())
}

#[test]
fn what_a_template_makes_up_is_set_once_at_creation() {
    let mut scene = Scene::new();
    let template = |note: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: keys\n  annotations: {{note: {note}}}\n\
             data:\n  password: {{{{ randAlphaNum 20 | b64enc }}}}\n  user: {{{{ \"admin\" | b64enc }}}}\n"
        )
    };
    scene.push(&[
        ("environment", "components: [{name: app, chart: app}]"),
        ("app/Chart.yaml", CHART),
        ("app/templates/secret.yaml", &template("one")),
    ]);
    scene.start();
    scene.settles();
    let made = secret(&scene).unwrap();
    assert!(made["password"].as_str().is_some_and(|password| password.len() >= 20), "it is not empty");

    // Neither another revision nor a restart makes up another one.
    scene.push(&[("app/templates/secret.yaml", &template("two"))]);
    scene.settles();
    assert_eq!(secret(&scene).unwrap(), made);
    scene.agent().kill();
    scene.start();
    scene.settles();
    scene.quiet();
    assert_eq!(secret(&scene).unwrap(), made);
    assert!(scene.agent().drifts().is_empty());

    // Whoever changes it owns it; what git says beside it is put back.
    let patch = r#"{"stringData": {"password": "by hand", "user": "by hand"}}"#;
    scene.kubectl(&["patch", "secret", "keys", "--patch", patch]);
    let record = scene.drift_of("keys");
    let paths: Vec<&str> =
        record["fields"].as_array().unwrap().iter().filter_map(|field| field["path"].as_str()).collect();
    assert_eq!(paths, ["data.user"]);
    scene.wait_until("the user is put back", || secret(&scene).unwrap()["user"] == made["user"]);
    assert_ne!(secret(&scene).unwrap()["password"], made["password"]);

    // Deleted, it is made anew with another one.
    scene.kubectl(&["delete", "secret", "keys"]);
    scene.wait_until("it is made anew", || secret(&scene).is_some_and(|data| data["user"] == made["user"]));
    assert_ne!(secret(&scene).unwrap()["password"], made["password"]);
}

#[test]
fn drift_of_a_chart_names_the_line_of_the_template_and_of_the_values() {
    let mut scene = Scene::new();
    let environment = format!("environments/{}", scene.name);
    scene.push(&[
        ("environment", "components: [{name: app, chart: app, values: [values/app.yaml]}]"),
        (&format!("{environment}/values/app.yaml"), "# how warm\nlimits:\n  memory: 3Gi\n"),
        ("app/Chart.yaml", CHART),
        ("app/values.yaml", "limits:\n  memory: 1Gi\n"),
        (
            "app/templates/all.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  memory: {{ .Values.limits.memory }}\n",
        ),
    ]);
    scene.start();
    scene.settles();
    assert_eq!(scene.datum("one", "memory").as_deref(), Some("3Gi"));
    scene.kubectl(&["patch", "configmap", "one", "--patch", r#"{"data":{"memory":"1Gi"}}"#]);
    let origin = scene.drift_of("one")["fields"][0]["origin"].take();
    assert_eq!(origin["template"], json!({"file": "app/templates/all.yaml", "line": 6}), "{origin}");
    let value = origin.to_string();
    assert!(
        value.contains(&format!("{environment}/values/app.yaml")) && value.contains("\"line\":3"),
        "{origin}"
    );
    scene.wait_until("it is put back", || scene.datum("one", "memory").as_deref() == Some("3Gi"));
}

#[test]
fn a_template_that_never_ends_is_refused_and_the_rest_goes_on() {
    let mut scene = Scene::new();
    scene.push(&[
        ("environment", "components: [{name: good, manifests: good}, {name: loop, chart: loop}, {name: deep, chart: deep}]"),
        ("good/all.yaml", &config_map("good", &[("a", "1")])),
        ("loop/Chart.yaml", CHART),
        ("loop/templates/all.yaml", "{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}\n"),
        ("deep/Chart.yaml", CHART),
        (
            "deep/templates/all.yaml",
            "{{ define \"again\" }}{{ include \"again\" . }}{{ end }}{{ include \"again\" . }}\n",
        ),
    ]);
    scene.start();
    scene.settles();
    assert_eq!(scene.datum("good", "a").as_deref(), Some("1"));
    let refused = "what the cluster has of it stays as it is";
    for component in ["\"loop\"", "\"deep\""] {
        assert!(scene.agent().said_of(component, refused), "{component}: {}", scene.agent().text());
    }
}

#[test]
fn a_broken_chart_and_a_wrong_value_are_refused_with_their_places() {
    let mut scene = Scene::new();
    let schema = r#"{"type": "object", "properties": {"replicas": {"type": "integer", "minimum": 1}}}"#;
    let spec = "components:\n  - {name: broken, chart: broken}\n  - {name: wrong, chart: wrong, set: {replicas: none}}\n  \
                - {name: good, manifests: good}";
    scene.push(&[
        ("environment", spec),
        ("good/all.yaml", &config_map("good", &[("a", "1")])),
        ("broken/Chart.yaml", CHART),
        ("broken/templates/all.yaml", "apiVersion: v1\nkind: {{ .Values.no.such.thing }}\n"),
        ("wrong/Chart.yaml", CHART),
        ("wrong/values.schema.json", schema),
        ("wrong/templates/_helpers.tpl", "{{- define \"x\" -}}{{- end -}}\n"),
    ]);
    scene.start();
    scene.settles();
    assert_eq!(scene.datum("good", "a").as_deref(), Some("1"));
    assert!(scene.agent().said_of("\"broken\"", "broken/templates/all.yaml:2"), "{}", scene.agent().text());
    assert!(
        scene.agent().said_of("\"wrong\"", "got string, want integer (environments/"),
        "{}",
        scene.agent().text()
    );
}

#[test]
fn a_chart_from_elsewhere_is_what_the_lock_pins_with_a_login_out_of_a_secret() {
    let repository = Repository::start(Some(("ann", "t0p")));
    let digest = repository.publish("1.0.0");
    let mut scene = Scene::new();
    scene.make_namespace();
    let url = &repository.url;
    let chart = format!("{{repository: \"{url}\", name: app, version: ^1, secret: login}}");
    scene.push(&[
        (
            "environment",
            &format!("components: [{{name: app, chart: {chart}}}, {{name: good, manifests: good}}]"),
        ),
        ("good/all.yaml", &config_map("good", &[("a", "1")])),
    ]);
    scene.start();
    scene.settles();
    assert_eq!(scene.datum("good", "a").as_deref(), Some("1"), "the other one is applied");
    assert!(scene.agent().said("run `mooring chart update"), "{}", scene.agent().text());

    // Pinned, but the Secret is not there yet: it is asked again.
    repository.publish("1.1.0");
    let pin =
        format!("{{repository: \"{url}\", name: app, version: ^1, resolved: 1.0.0, digest: \"{digest}\"}}");
    let lock = format!("environments/{}/charts.lock", scene.name);
    scene.push(&[(lock.as_str(), &format!("charts: [{pin}]\n"))]);
    scene.settles();
    assert!(scene.agent().said("asks for the Secret login"), "{}", scene.agent().text());
    scene.kubectl(&[
        "create",
        "secret",
        "generic",
        "login",
        "--from-literal=username=ann",
        "--from-literal=password=t0p",
    ]);
    scene.wait_until("the chart is fetched", || scene.datum("app", "version").as_deref() == Some("1.0.0"));
    assert!(!scene.agent().text().contains("t0p"));

    // Once it is in the cache, a restart and a drift report need no repository.
    repository.forget();
    scene.agent().kill();
    scene.start();
    scene.settles();
    scene.disturb("app", "version");
    let origin = scene.drift_of("app")["fields"][0]["origin"].take();
    assert!(origin.to_string().contains("app-1.0.0.tgz/templates/map.yaml"), "{origin}");
}

/// A chart that takes over what another object says, and one that keeps its own Secret, as charts of Bitnami's do.
const LOOKING: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: copy}\ndata:\n  \
    color: {{ dig \"data\" \"color\" \"none\" (lookup \"v1\" \"ConfigMap\" .Release.Namespace \"source\") | quote }}\n  \
    many: {{ len (dig \"items\" list (lookup \"v1\" \"ConfigMap\" .Release.Namespace \"\")) | quote }}\n\
    {{ $own := lookup \"v1\" \"Secret\" .Release.Namespace \"keys\" }}\n---\n\
    apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\ndata:\n  \
    password: {{ if $own }}{{ $own.data.password }}{{ else }}{{ randAlphaNum 20 | b64enc }}{{ end }}\n";

#[test]
fn what_a_chart_looks_up_is_read_from_the_cluster_and_a_change_of_it_renders_again() {
    let mut scene = Scene::new();
    scene.push(&[
        ("environment", "components: [{name: app, chart: app}]"),
        ("app/Chart.yaml", CHART),
        ("app/templates/all.yaml", LOOKING),
    ]);
    scene.start();
    scene.settles();
    scene.wait_until("it is not there", || scene.datum("copy", "color").as_deref() == Some("none"));
    let made = secret(&scene).unwrap();
    scene.kubectl(&["create", "configmap", "source", "--from-literal=color=green"]);
    scene.wait_until("it is there", || scene.datum("copy", "color").as_deref() == Some("green"));
    scene.kubectl(&["patch", "configmap", "source", "--patch", r#"{"data": {"color": "blue"}}"#]);
    scene.wait_until("it has changed", || scene.datum("copy", "color").as_deref() == Some("blue"));
    // Itself, the source, and the one that each namespace has.
    scene.wait_until("a list is one, too", || scene.datum("copy", "many").as_deref() == Some("3"));
    scene.kubectl(&["delete", "configmap", "source"]);
    scene.wait_until("it is gone", || scene.datum("copy", "color").as_deref() == Some("none"));

    // What it made up stays, by the chart's own doing, and all comes to rest.
    assert_eq!(secret(&scene).unwrap(), made);
    scene.quiet();
    scene.kubectl(&["delete", "secret", "keys"]);
    scene.wait_until("it is made anew as it was", || secret(&scene).as_ref() == Some(&made));
    scene.agent().kill();
    scene.start();
    scene.settles();
    scene.quiet();
    assert_eq!(secret(&scene).unwrap(), made);
}
