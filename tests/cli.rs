//! The command line as people and scripts meet it: what it prints, where, and with which exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

mod web;

const ENVIRONMENT: &str = "\
apiVersion: mooring.dev/v1alpha1
kind: Environment
metadata:
  name: local
spec:
  namespace: lakehouse
  components:
    - name: dashboards
      manifests: components/dashboards
";

const MANIFESTS: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: sales
data:
  title: Sales
---
apiVersion: v1
kind: Secret
metadata:
  name: login
stringData:
  password: hunter2
";

/// A repository with one environment of one component.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "environments/local/environment.yaml", ENVIRONMENT);
    put(folder.path(), "components/dashboards/all.yaml", MANIFESTS);
    folder
}

fn put(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Runs the program in `folder`, without anything of this machine's environment that it reads.
fn mooring(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mooring"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn render_prints_what_would_be_sent_with_its_source_and_our_labels() {
    let folder = repository();
    let output = mooring(folder.path(), &["render", "local", "dashboards"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    assert!(text.starts_with("---\n# Source: components/dashboards/all.yaml (dashboards)\n"), "{text}");
    assert!(text.contains("mooring.dev/component: dashboards"), "{text}");
    assert!(text.contains("title: Sales"), "{text}");
    assert_eq!(text.matches("# Source: ").count(), 2);
    assert!(!text.contains('\u{1b}'), "no colour where nobody looks: {text}");
}

#[test]
fn render_includes_the_namespace_that_the_environment_speaks_of() {
    let folder = repository();
    let text = out(&mooring(folder.path(), &["render", "local"]));
    assert!(text.contains("kind: Namespace"), "{text}");
}

#[test]
fn render_masks_secrets_unless_told_otherwise() {
    let folder = repository();
    let encoded = "aHVudGVyMg==";
    for arguments in [&["render", "local"][..], &["render", "local", "-o", "json", "--origins"]] {
        let text = out(&mooring(folder.path(), arguments));
        assert!(text.contains("password") && text.contains("(masked)"), "{text}");
        assert!(!text.contains("hunter2") && !text.contains(encoded), "{text}");
    }
    assert!(out(&mooring(folder.path(), &["render", "local", "--show-secrets"])).contains(encoded));
}

#[test]
fn what_is_made_up_differs_from_component_to_component_and_from_run_to_run() {
    let folder = repository();
    let components = "    - {name: one, chart: app}\n    - {name: two, chart: app}\n";
    put(folder.path(), "environments/local/environment.yaml", &format!("{ENVIRONMENT}{components}"));
    put(folder.path(), "app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n");
    let template = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}\nstringData:\n  made: up-{{ randAlphaNum 24 }}\n";
    put(folder.path(), "app/templates/secret.yaml", template);
    let mut made = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let text = out(&mooring(folder.path(), &["render", "local", "--show-secrets"]));
        made.extend(text.lines().filter(|line| line.contains("made:")).map(str::to_owned));
    }
    assert_eq!(made.len(), 4, "{made:?}");
}

#[test]
fn render_and_check_open_what_sops_encrypted_by_the_keys_that_sops_would_find() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sops");
    let encrypted = std::fs::read_to_string(golden.join("cases/secret/encrypted.yaml")).unwrap();
    let keys = golden.join("keys/alice.agekey");
    let folder = repository();
    put(folder.path(), "components/dashboards/all.yaml", &encrypted);
    let without = mooring(folder.path(), &["render", "local"]);
    assert_eq!(without.status.code(), Some(1));
    assert!(err(&without).contains("no age key is given"), "{}", err(&without));
    assert!(err(&mooring(folder.path(), &["check"])).contains("no age key is given"));

    let run = |arguments: &[&str], name: &str, value: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mooring"));
        command.args(arguments).current_dir(folder.path()).env_clear().env("HOME", folder.path());
        command.env(name, value).output().unwrap()
    };
    let text = std::fs::read_to_string(&keys).unwrap();
    let key = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    for (name, value) in [
        ("SOPS_AGE_KEY_FILE", keys.as_path()),
        ("SOPS_AGE_KEY", Path::new(key)),
        ("MOORING_SOPS_AGE_KEYS", keys.parent().unwrap()),
    ] {
        let masked = run(&["render", "local"], name, value);
        assert_eq!((masked.status.code(), err(&masked).as_str()), (Some(0), ""), "{name}");
        assert!(out(&masked).contains("rootPassword: (masked)"), "{name}: {}", out(&masked));
        let shown = run(&["render", "local", "--show-secrets"], name, value);
        // `correct-horse-battery`
        assert!(
            out(&shown).contains("rootPassword: Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"),
            "{name}: {}",
            out(&shown)
        );
        assert_eq!(run(&["check"], name, value).status.code(), Some(0), "{name}");
        assert_eq!(run(&["check", "--schema"], name, value).status.code(), Some(0), "{name}");
    }
    put(folder.path(), ".config/sops/age/keys.txt", &text);
    assert_eq!(mooring(folder.path(), &["check"]).status.code(), Some(0));
}

#[test]
fn render_says_where_each_field_was_written() {
    let folder = repository();
    let text = out(&mooring(folder.path(), &["render", "local", "--origins"]));
    assert!(text.contains("\n  title: Sales  # components/dashboards/all.yaml:6\n"), "{text}");
}

/// A repository whose component `app` is a chart with a subchart, with values from all places there are.
fn repository_of_a_chart() -> tempfile::TempDir {
    let folder = repository();
    let component = "    - {name: app, chart: app, values: [values/app.yaml], set: {image: {tag: '5'}}}\n";
    put(folder.path(), "environments/local/environment.yaml", &format!("{ENVIRONMENT}{component}"));
    put(
        folder.path(),
        "environments/local/values/app.yaml",
        "workers: 3\nglobal:\n  zone: a\nsub:\n  port: 81\n",
    );
    put(folder.path(), "app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n");
    put(
        folder.path(),
        "app/values.yaml",
        "# of the chart\nworkers: 1\nimage:\n  name: app\n  tag: '4'\nhosts:\n- name: one\n  paths: []\nnote: |\n  two\n  lines\n",
    );
    put(folder.path(), "app/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 0.1.0\n");
    put(folder.path(), "app/charts/sub/values.yaml", "port: 80\npath: /\n");
    folder
}

#[test]
fn values_are_printed_with_the_line_that_set_each() {
    let folder = repository_of_a_chart();
    let output = mooring(folder.path(), &["values", "local", "app"]);
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
    let set = 10;
    assert_eq!(
        out(&output),
        format!(
            "\
global:
  zone: a    # environments/local/values/app.yaml:3
hosts:
- name: one  # app/values.yaml:7
  paths: []  # app/values.yaml:8
image:
  name: app  # app/values.yaml:4
  tag: \"5\"   # environments/local/environment.yaml:{set}
note: |      # app/values.yaml:9
  two
  lines
sub:
  global:
    zone: a  # environments/local/values/app.yaml:3
  path: /    # app/charts/sub/values.yaml:2
  port: 81   # environments/local/values/app.yaml:5
workers: 3   # environments/local/values/app.yaml:1
"
        )
    );
    let json: Value =
        serde_json::from_slice(&mooring(folder.path(), &["values", "local", "app", "-o", "json"]).stdout)
            .unwrap();
    let tag = json["values"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["path"] == serde_json::json!(["image", "tag"]));
    assert_eq!(tag.unwrap()["origin"]["line"], set);
    let unknown = mooring(folder.path(), &["values", "local", "dashboards"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(err(&unknown).contains("there is app"), "{}", err(&unknown));
}

#[test]
fn values_that_were_encrypted_are_masked() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sops");
    let folder = repository_of_a_chart();
    let encrypted = std::fs::read_to_string(golden.join("cases/values/encrypted.yaml")).unwrap();
    put(folder.path(), "environments/local/values/app.yaml", &encrypted);
    let key = golden.join("keys/alice.agekey");
    let run = |more: &[&str]| {
        let arguments = ["values", "local", "app", "--sops-age-keys", key.to_str().unwrap()];
        out(&mooring(folder.path(), &[&arguments[..], more].concat()))
    };
    let (masked, shown) = (run(&[]), run(&["--show-secrets"]));
    assert!(masked.contains("(masked)") && !shown.contains("(masked)"), "{masked}\n{shown}");
    assert_ne!(masked, shown);
}

#[test]
fn charts_see_the_version_and_the_apis_that_render_is_told_of_and_kubernetes_own() {
    let folder = repository();
    let environment = ENVIRONMENT.replace("manifests: components/dashboards", "chart: components/chart");
    put(folder.path(), "environments/local/environment.yaml", &environment);
    put(folder.path(), "components/chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n");
    let template = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data:
  version: {{ .Capabilities.KubeVersion.Version | quote }}
  core: {{ .Capabilities.APIVersions.Has \"apps/v1\" | quote }}
  extra: {{ .Capabilities.APIVersions.Has \"example.org/v1\" | quote }}
";
    put(folder.path(), "components/chart/templates/c.yaml", template);
    let text = out(&mooring(folder.path(), &["render", "local", "--kube-version", "v1.34.2"]));
    for line in ["version: v1.34.2", "core: \"true\"", "extra: \"false\""] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let text = out(&mooring(folder.path(), &["render", "local", "-a", "example.org/v1"]));
    for line in ["version: v1.36.0", "core: \"true\"", "extra: \"true\""] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn a_dataset_of_one_s_own_goes_with_its_producer() {
    let folder = repository();
    let page = include_str!("../docs/datasets.md");
    let description = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file = "environments/local/environment.yaml";
    let environment = std::fs::read_to_string(folder.path().join(file)).unwrap();
    let producer = "  producers:\n    - {name: parcels, schedule: '@hourly', dataset: shipments, topic: t, eventsPerSecond: 5}\n";
    put(folder.path(), file, &format!("{}\n{producer}", environment.trim_end()));
    let refused = mooring(folder.path(), &["check"]);
    assert!(
        err(&refused).contains("describe it in environments/local/datasets/shipments.yaml"),
        "{}",
        err(&refused)
    );

    put(folder.path(), "environments/local/datasets/shipments.yaml", description);
    let rendered = out(&mooring(folder.path(), &["render", "local", "producers"]));
    assert!(rendered.contains("name: parcels-dataset") && rendered.contains("kind: Dataset"), "{rendered}");
    assert!(rendered.contains("/etc/mooring/datasets/shipments.yaml"), "{rendered}");

    put(folder.path(), "environments/local/datasets/shipments.yaml", &description.replace("office", "ofice"));
    let wrong = mooring(folder.path(), &["check"]);
    assert!(err(&wrong).contains("environments/local/datasets/shipments.yaml:8:11"), "{}", err(&wrong));
}

#[test]
fn render_in_json_names_environment_revision_and_objects() {
    let folder = repository();
    let output = mooring(folder.path(), &["render", "local", "dashboards", "-o", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["environment"], "local");
    assert!(json["revision"]["id"].as_str().unwrap().starts_with("folder-"));
    assert_eq!(json["components"][0]["objects"][0]["manifest"]["metadata"]["name"], "sales");
}

#[test]
fn a_component_that_does_not_render_fails_the_command_and_leaves_the_others_alone() {
    let folder = repository();
    let environment = format!("{ENVIRONMENT}    - name: broken\n      manifests: components/broken\n");
    put(folder.path(), "environments/local/environment.yaml", &environment);
    put(folder.path(), "components/broken/a.yaml", "apiVersion: v1\nkind: [ConfigMap\n");
    let output = mooring(folder.path(), &["render", "local"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("title: Sales"));
    let errors = err(&output);
    assert!(errors.contains("component broken") && errors.contains("components/broken/a.yaml"), "{errors}");
}

#[test]
fn errors_say_what_there_is_instead() {
    let folder = repository();
    let output = mooring(folder.path(), &["render", "lokal"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("did you mean `local`?"), "{}", err(&output));
    let output = mooring(folder.path(), &["render", "local", "dashbords"]);
    assert!(err(&output).contains("there is namespaces, dashboards"), "{}", err(&output));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn template_says_of_wrong_flags_what_helm_says() {
    let folder = repository();
    let output = mooring(folder.path(), &["template", "demo", ".", "--no-such"]);
    assert_eq!((output.status.code(), err(&output)), (Some(1), "Error: unknown flag: --no-such\n".into()));
    let output = mooring(folder.path(), &["template", "demo", ".", "--set"]);
    assert_eq!(
        (output.status.code(), err(&output)),
        (Some(1), "Error: flag needs an argument: --set\n".into())
    );
}

#[test]
fn plan_touches_no_cluster_that_was_not_named() {
    let folder = repository();
    let output = mooring(folder.path(), &["plan", "local"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = err(&output);
    assert!(errors.contains("--kubeconfig FILE or --context NAME"), "{errors}");
    assert!(out(&output).is_empty());
}

#[test]
fn every_subcommand_teaches_by_examples() {
    let folder = tempfile::tempdir().unwrap();
    let top = out(&mooring(folder.path(), &["help"]));
    let commands: Vec<&str> = top
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.contains(&"agent") && commands.contains(&"plan"), "{top}");
    for command in commands {
        let output = mooring(folder.path(), &[command, "--help"]);
        let text = out(&output);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(text.contains("Examples:\n") && text.contains(&format!("mooring {command}")), "{text}");
    }
}

#[test]
fn check_prints_schema_and_definition_whatever_the_environment_sets() {
    let folder = tempfile::tempdir().unwrap();
    for (flag, word) in [("--schema", "$schema"), ("--crd", "CustomResourceDefinition")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mooring"));
        command.args(["check", flag]).current_dir(folder.path()).env("MOORING_LOG", "warn");
        let output = command.env("MOORING_LOG_FORMAT", "json").output().unwrap();
        assert!(out(&output).contains(word), "{flag}: {}", err(&output));
        assert_eq!(mooring(folder.path(), &["check", flag, "."]).status.code(), Some(2), "{flag}");
    }
}

#[test]
fn completion_prints_a_script_for_each_shell() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = mooring(folder.path(), &["completion", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains("mooring"), "{shell}");
    }
    assert_eq!(mooring(folder.path(), &["completion", "tcsh"]).status.code(), Some(2));
}

#[test]
fn chart_update_pins_the_newest_version_and_shows_what_that_changes() {
    let repository = web::Repository::start(None);
    let first = repository.publish("1.0.0");
    let folder = tempfile::tempdir().unwrap();
    let chart = format!("chart: {{repository: \"{}\", name: app, version: ^1}}", repository.url);
    let environment = ENVIRONMENT.replace("manifests: components/dashboards", &chart);
    put(folder.path(), "environments/local/environment.yaml", &environment);

    let unpinned = mooring(folder.path(), &["render", "local"]);
    assert_eq!(unpinned.status.code(), Some(1));
    assert!(
        err(&unpinned).contains("environments/local/environment.yaml:9: app ^1 of")
            && err(&unpinned).contains("run `mooring chart update local dashboards`"),
        "{}",
        err(&unpinned)
    );

    let output = mooring(folder.path(), &["chart", "update"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("+ ConfigMap app"), "{}", out(&output));
    let lock = || std::fs::read_to_string(folder.path().join("environments/local/charts.lock")).unwrap();
    assert!(lock().contains(&first) && lock().contains("resolved: 1.0.0"), "{}", lock());

    let second = repository.publish("1.1.0");
    repository.publish("2.0.0");
    let text = out(&mooring(folder.path(), &["render", "local", "dashboards"]));
    assert!(text.contains("version: 1.0.0"), "{text}");
    let arguments = ["chart", "update", "local", "dashboards"];
    let output = mooring(folder.path(), &[&arguments[..], &["--dry-run", "-o", "json"]].concat());
    let json: Value = serde_json::from_str(&out(&output)).unwrap();
    let moved = &json["environments"][0]["charts"][0];
    assert_eq!((&moved["from"], &moved["to"]), (&"1.0.0".into(), &"1.1.0".into()), "{json}");
    assert!(lock().contains(&first), "nothing is written");
    let text = out(&mooring(folder.path(), &arguments));
    assert!(text.contains("data.version: 1.0.0 → 1.1.0"), "{text}");
    assert!(lock().contains(&second) && !lock().contains(&first), "{}", lock());

    // What the cache has needs no repository.
    repository.forget();
    let text = out(&mooring(folder.path(), &["render", "local", "dashboards"]));
    assert!(text.contains("version: 1.1.0"), "{text}");
    assert_eq!(mooring(folder.path(), &["check"]).status.code(), Some(0));
    let failed = mooring(folder.path(), &arguments);
    assert_eq!(failed.status.code(), Some(1));
    assert!(err(&failed).contains("answers 404") && lock().contains(&second), "{}", err(&failed));
}

#[test]
fn template_fetches_a_chart_by_its_repository_and_version() {
    let repository = web::Repository::start(Some(("ann", "t0p")));
    repository.publish("1.0.0");
    repository.publish("1.1.0");
    let folder = tempfile::tempdir().unwrap();
    let ask = |more: &[&str]| {
        mooring(folder.path(), &[&["template", "web", "app", "--repo", &repository.url], more].concat())
    };
    assert!(err(&ask(&[])).contains("answers 401"));
    let login = ["--username", "ann", "--password", "t0p"];
    assert!(out(&ask(&login)).contains("version: 1.1.0"));
    let output = ask(&[&login[..], &["--version", "1.0.x"]].concat());
    assert!(out(&output).contains("version: 1.0.0"), "{}", err(&output));
}
