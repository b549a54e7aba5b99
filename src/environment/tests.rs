use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::manifest::{EntryKind, FileEntry, Files, FilesError};

/// Files in memory; a path that ends in `@` is a symbolic link.
struct Tree(BTreeMap<String, String>);

impl Tree {
    fn new(environment: &str) -> Self {
        let mut files = BTreeMap::new();
        for chart in ["minio", "kafka", "trino"] {
            files.insert(format!("components/{chart}/Chart.yaml"), format!("name: {chart}"));
        }
        files.insert("components/dashboards/sales.yaml".to_owned(), "kind: ConfigMap".to_owned());
        files.insert("components/link@".to_owned(), String::new());
        files.insert("environments/local/values/minio.yaml".to_owned(), "a: 1".to_owned());
        files.insert("environments/local/environment.yaml".to_owned(), environment.to_owned());
        Self(files)
    }
}

impl Files for Tree {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        if path.split('/').any(|part| part == "..") {
            return Err(FilesError::OutsideRepository { path: path.to_owned() });
        }
        let entry = |kind, size| Ok(Some(FileEntry { path: path.to_owned(), kind, id: String::new(), size }));
        if let Some(text) = self.0.get(path) {
            return entry(EntryKind::File, text.len() as u64);
        }
        if self.0.contains_key(&format!("{path}@")) {
            return entry(EntryKind::Symlink, 0);
        }
        let below = format!("{path}/");
        if self.0.keys().any(|name| name.starts_with(&below)) {
            entry(EntryKind::Folder, 0)
        } else {
            Ok(None)
        }
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        let text = self.0.get(path).ok_or_else(|| FilesError::NotFound { path: path.to_owned() })?;
        Ok(text.as_bytes().into())
    }

    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let below = format!("{folder}/");
        self.0
            .keys()
            .filter(|name| name.starts_with(&below))
            .filter_map(|name| self.entry(name).transpose())
            .collect()
    }

    fn list(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let names: std::collections::BTreeSet<String> = self
            .0
            .keys()
            .filter_map(|name| name.strip_prefix(&below)?.split('/').next())
            .map(|name| format!("{below}{}", name.trim_end_matches('@')))
            .collect();
        names.iter().filter_map(|name| self.entry(name).transpose()).collect()
    }
}

const GOOD: &str = r#"apiVersion: mooring.dev/v1alpha1
kind: Environment
metadata:
  name: local
spec:
  namespace: lakehouse
  drift: report
  prune: false
  pruneGuard: {share: 1, allow: [spark]}
  components:
    - name: minio
      chart: components/minio
      values: [values/minio.yaml]
    - name: kafka
      chart: components/kafka
      set: {broker: {heap: 512m}}
    - name: trino
      chart: components/trino
      dependsOn: [minio]
      prune: true
    - name: dashboards
      namespace: bi
      manifests: components/dashboards
  producers:
    - name: orders
      schedule: "*/5 * * * *"
      timeZone: Europe/Berlin
      dataset: orders
      topic: orders
      eventsPerSecond: 200
      seed: 42
  ignore:
    - kind: Deployment
      name: trino-worker
      paths: [/spec/replicas, "/spec/template/spec/containers/[name=trino]/image"]
      reason: the autoscaler owns it
  serviceAccount: team
"#;

fn errors(text: &str) -> Vec<String> {
    let errors = load(&Tree::new(text), "local").expect_err("the environment should be refused");
    errors.iter().map(ToString::to_string).collect()
}

/// The errors after `from` was replaced by `to` in the good file, without the file's name.
fn errors_with(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from} is not in the file");
    let errors = errors(&GOOD.replacen(from, to, 1));
    errors.iter().map(|error| error.replace("environments/local/environment.yaml:", "")).collect()
}

#[test]
fn every_key_of_the_map_is_read() {
    let loaded = load(&Tree::new(GOOD), "local").unwrap();
    let spec = &loaded.environment.spec;
    assert_eq!((spec.namespace.as_str(), spec.drift, spec.prune), ("lakehouse", DriftPolicy::Report, false));
    assert_eq!(spec.service_account.as_deref(), Some("team"));
    assert_eq!(spec.prune_guard, PruneGuard { share: 1.0, allow: vec!["spark".to_owned()] });
    assert_eq!(spec.components[1].set["broker"]["heap"], "512m");
    assert_eq!(spec.components[2].prune, Some(true));
    assert_eq!(spec.producers[0].seed, 42);
    assert_eq!(spec.producers[0].bootstrap_servers, "kafka:9092");
    assert_eq!(spec.ignore[0].reason, "the autoscaler owns it");
    assert_eq!(order(spec), Ok(vec![0, 1, 2, 3]));
}

#[test]
fn places_and_paths_of_the_file_can_be_asked_for() {
    let loaded = load(&Tree::new(GOOD), "local").unwrap();
    assert_eq!(loaded.values_path("values/minio.yaml"), "environments/local/values/minio.yaml");
    assert_eq!(
        loaded.line_of("/spec/components/1/set/broker").to_string(),
        "environments/local/environment.yaml:16"
    );
    assert_eq!(loaded.line_of("/spec/components/1/no/such").line, 14);
    assert_eq!(loaded.set_of(1).unwrap().find(&["broker", "heap"]).unwrap().mark.column, 28);
    assert!(loaded.set_of(0).is_none());
}

#[test]
fn environments_are_listed_by_their_folders() {
    assert_eq!(list(&Tree::new(GOOD)).unwrap(), ["local"]);
    assert_eq!(list(&Tree(BTreeMap::new())).unwrap(), Vec::<String>::new());
}

#[test]
fn an_environment_that_is_not_there_is_named_with_a_near_one() {
    let error = load(&Tree::new(GOOD), "locla").unwrap_err();
    assert!(error[0].to_string().contains("did you mean `local`?"), "{}", error[0]);
    let error = load(&Tree::new(GOOD), "../local").unwrap_err();
    assert!(error[0].to_string().contains("there is no environment `../local`"), "{}", error[0]);
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let text = GOOD
        .replace("drift: report", "drift: corect")
        .replace("chart: components/minio", "chrat: components/minio")
        .replace("dependsOn: [minio]", "dependsOn: [mino]")
        .replace("*/5 * * * *", "*/5 * * * 7")
        .replace("eventsPerSecond: 200", "eventsPerSecond: 0");
    assert_eq!(
        errors(&text),
        [
            "environments/local/environment.yaml:7:10: spec.drift is `corect`; did you mean `correct`?",
            "environments/local/environment.yaml:11:7: spec.components[0] has neither `chart` nor `manifests`; \
             say which folder it is made from: `chart: components/NAME`",
            "environments/local/environment.yaml:12:7: unknown key `chrat` in spec.components[0]; did you mean `chart`?",
            "environments/local/environment.yaml:19:19: spec.components[2].dependsOn[0] is `mino`, and there is no such \
             component; did you mean `minio`?",
            "environments/local/environment.yaml:26:28: spec.producers[0].schedule is `*/5 * * * 7`: end of range (7) above \
             maximum (6): 7; Sunday is 0 here",
            "environments/local/environment.yaml:30:24: spec.producers[0].eventsPerSecond is 0; write a number from 1 to \
             1000000",
        ]
    );
}

/// What is replaced in the good file, by what, and the error that follows.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "serviceAccount: team",
        "serviceAccount: Team/x",
        "37:19: spec.serviceAccount is `Team/x`, which is not made of lower-case letters, digits and inner hyphens alone; write `team-x`",
    ),
    ("kind: Environment", "kind: Enviroment", "2:7: kind is `Enviroment`; did you mean `Environment`?"),
    ("v1alpha1", "v1", "1:13: apiVersion is `mooring.dev/v1`; did you mean `mooring.dev/v1alpha1`?"),
    (
        "name: local",
        "name: prod",
        "4:9: metadata.name is `prod` in the folder of `local`; write `local`, or rename the folder",
    ),
    (
        "  namespace: lakehouse\n",
        "",
        "6:3: spec has no `namespace`; add it: the namespace where components and producers land unless they say otherwise",
    ),
    (
        "namespace: lakehouse",
        "namespace: Lake_House",
        "6:14: spec.namespace is `Lake_House`, which is not made of lower-case letters, digits and inner hyphens alone; write `lake-house`",
    ),
    ("prune: false", "prune: \"no\"", "8:10: spec.prune is text; write true or false, without quotes"),
    ("share: 1,", "share: 1.5,", "9:23: spec.pruneGuard.share is 1.5; write a number from 0 to 1"),
    (
        "values: [values/minio.yaml]",
        "values: values/minio.yaml",
        "13:15: spec.components[0].values is text; write `[values/minio.yaml]`",
    ),
    (
        "values: [values/minio.yaml]",
        "values:",
        "13:14: spec.components[0].values is empty; write a list (`- item`), or leave the key out",
    ),
    (
        "values: [values/minio.yaml]",
        "values: [values/mini.yaml]",
        "13:16: spec.components[0].values[0]: there is no environments/local/values/mini.yaml; did you mean `values/minio.yaml`?",
    ),
    (
        "values: [values/minio.yaml]",
        "values: [../../secret]",
        "13:16: spec.components[0].values[0] is `../../secret`, which climbs out; write a path from environments/local, without `..`",
    ),
    (
        "chart: components/minio",
        "chart: /components/minio",
        "12:14: spec.components[0].chart is `/components/minio`, an absolute path; leave out the `/` before it: paths here start from the root of the repository",
    ),
    (
        "chart: components/minio",
        "chart: ./components/minio/",
        "12:14: spec.components[0].chart is `./components/minio/`, which says a thing twice; write `components/minio`",
    ),
    (
        "chart: components/minio",
        "chart: component/minio",
        "12:14: spec.components[0].chart: there is no component/minio; did you mean `components/minio`?",
    ),
    (
        "chart: components/minio",
        "chart: components/link",
        "12:14: spec.components[0].chart: components/link is a symbolic link, which is never followed; name a folder",
    ),
    (
        "chart: components/minio",
        "chart: components/minio/Chart.yaml",
        "12:14: spec.components[0].chart: components/minio/Chart.yaml is a file; name a folder",
    ),
    (
        "chart: components/kafka",
        "chart: components/dashboards",
        "15:14: components/dashboards has no Chart.yaml; add it, or write `manifests:` if the folder holds plain YAML",
    ),
    (
        "manifests: components/dashboards",
        "manifests: components/trino",
        "23:18: components/trino has a Chart.yaml: it is a Helm chart; write `chart:` instead of `manifests:`",
    ),
    (
        "      chart: components/kafka",
        "      manifests: components/dashboards",
        "16:7: spec.components[1] has `set`, but plain manifests take no values; leave it out, or make the folder a chart",
    ),
    (
        "      prune: true",
        "      manifests: components/dashboards",
        "20:7: spec.components[2] has both `chart` and `manifests`; keep one; two folders are two components",
    ),
    (
        "name: kafka",
        "name: minio",
        "14:13: the component `minio` stands here a second time, first on line 11; rename one of them",
    ),
    (
        "name: kafka",
        "name: producers",
        "14:13: spec.components[1].name is `producers`, the name of a component that Mooring makes itself; choose another name",
    ),
    (
        "name: kafka",
        "name: kafka\n      name: kafka2",
        "15:7: the key `name` stands here a second time, first on line 14; keep one of them",
    ),
    (
        "name: kafka",
        "name: kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
        "14:13: spec.components[1].name has 54 characters; 53 are the limit",
    ),
    (
        "dependsOn: [minio]",
        "dependsOn: [trino]",
        "19:19: spec.components[2].dependsOn[0] is `trino` itself; leave it out",
    ),
    (
        "dependsOn: [minio]",
        "dependsOn: [minio, minio]",
        "19:26: spec.components[2].dependsOn[1] is `minio` again, first on line 19; leave it out",
    ),
    (
        "timeZone: Europe/Berlin",
        "timeZone: Europe/Berlni",
        "27:17: spec.producers[0].timeZone: unknown time zone `Europe/Berlni`; did you mean `Europe/Berlin`?",
    ),
    (
        "\"*/5 * * * *\"",
        "0 0 30 2 *",
        "26:17: spec.producers[0].schedule is `0 0 30 2 *`, a date that never comes; choose a day that the month has",
    ),
    (
        "\"*/5 * * * *\"",
        "'@every 30s'",
        "26:17: spec.producers[0].schedule is `@every 30s`, and Kubernetes names Jobs by the minute; write `@every 1m` or longer",
    ),
    (
        "\"*/5 * * * *\"",
        "TZ=UTC 0 0 * * *",
        "26:17: spec.producers[0].schedule is `TZ=UTC 0 0 * * *`: cannot use TZ or CRON_TZ in schedule, use timeZone field instead; write the zone as `timeZone:` beside it",
    ),
    (
        "dataset: orders",
        "dataset: order",
        "28:16: spec.producers[0].dataset is `order`; did you mean `orders`?",
    ),
    (
        "topic: orders",
        "topic: or ders",
        "29:14: spec.producers[0].topic is `or ders`, which is no name of a Kafka topic; use letters, digits, `.`, `_` and `-`",
    ),
    (
        "seed: 42",
        "seed: 4.2",
        "31:13: spec.producers[0].seed is a number with a fraction; write a whole number",
    ),
    (
        "seed: 42",
        "bootstrapServers: kafka",
        "31:25: spec.producers[0].bootstrapServers holds `kafka`, which is no host with a port; write it as in `kafka:9092`",
    ),
    (
        "seed: 42",
        "resources: {limits: {memroy: 64Mi}}",
        "31:28: unknown resource `memroy` in spec.producers[0].resources.limits; did you mean `memory`?",
    ),
    (
        "seed: 42",
        "resources: {limits: {memory: 64MB}}",
        "31:36: spec.producers[0].resources.limits.memory is `64MB`, which is no quantity; write it as in `500m` or `64Mi`",
    ),
    (
        "seed: 42",
        "resources: {limits: {cpu: 1}}",
        "31:33: spec.producers[0].resources.limits.cpu is a number; put it in quotes",
    ),
    (
        "kind: Deployment",
        "kind: deployment",
        "33:13: spec.ignore[0].kind is `deployment`, which is no kind; write it as manifests do: `Deployment`",
    ),
    (
        "name: trino-worker",
        "group: apps/v1",
        "34:14: spec.ignore[0].group is `apps/v1`, which is no API group; write `apps`, without a version",
    ),
    (
        "paths: [/spec/replicas, ",
        "paths: [spec.replicas, ",
        "35:15: spec.ignore[0].paths[0]: `spec.replicas` does not begin with `/`; write a JSON Pointer such as /spec/replicas",
    ),
    ("      reason: the autoscaler owns it\n", "", "33:7: spec.ignore[0] has no `reason`; add it: why"),
];

#[test]
fn each_mistake_is_placed_and_has_a_way_out() {
    let mut wrong = Vec::new();
    for (from, to, wanted) in MISTAKES {
        let found = errors_with(from, to);
        if found != [*wanted] {
            wrong.push(format!("{from} -> {to}\n  is     {found:#?}\n  wanted {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_ring_of_components_is_printed() {
    let text = GOOD
        .replace("      chart: components/kafka", "      chart: components/kafka\n      dependsOn: [trino]");
    let text = text.replace("values: [values/minio.yaml]", "dependsOn: [kafka]");
    assert_eq!(
        errors(&text),
        [
            "environments/local/environment.yaml:13:7: components wait for each other: minio -> kafka -> trino -> minio; \
          take one of them out of a dependsOn"
        ]
    );
}

#[test]
fn what_is_no_environment_at_all_is_refused_at_its_place() {
    let file = "environments/local/environment.yaml";
    assert_eq!(
        errors(""),
        [format!("{file}:1:1: the file is empty; begin with `apiVersion: mooring.dev/v1alpha1`")]
    );
    assert_eq!(errors("- a\n"), [format!("{file}:1:1: the file is a list; write a mapping (`key: value`)")]);
    let unclosed = errors("spec: [\n");
    assert!(unclosed[0].starts_with(&format!("{file}:2:1: yaml: ")), "{unclosed:?}");
    let two = errors(&format!("{GOOD}---\n{GOOD}"));
    assert!(two[0].contains("a second document begins here"), "{two:?}");
    let huge = errors(&format!("# {}\n{GOOD}", "x".repeat(1 << 20)));
    assert!(huge[0].contains("exceeds the limit of 1048576 bytes"), "{huge:?}");
    let deep =
        errors(&GOOD.replace("{broker: {heap: 512m}}", &format!("{}1{}", "{a: ".repeat(70), "}".repeat(70))));
    assert!(deep[0].contains("more than 60 collections inside each other"), "{deep:?}");
}

#[test]
fn more_than_a_hundred_errors_are_counted_and_not_listed() {
    let rules = "    - kind: x\n".repeat(80);
    let found = errors(&format!("{}{rules}", GOOD.replace("  serviceAccount: team\n", "")));
    assert_eq!(found.len(), 101);
    assert!(found[100].contains("140 more problems are not listed"), "{}", found[100]);
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let committed = include_str!("../../environments/environment.schema.json");
    let current = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    assert!(
        committed == current,
        "the types have changed: renew it with `cargo run -- check --schema > environments/environment.schema.json`"
    );
}
