//! Whole charts, from files in memory to what is printed.

use std::collections::BTreeMap;

use super::*;
use crate::helm::print::Shown;
use crate::helm::{ChartError, SetFlag};
use crate::manifest::{EntryKind, FileEntry, Files, FilesError};

struct MemoryFiles(BTreeMap<String, (EntryKind, Arc<[u8]>)>);

impl MemoryFiles {
    fn new(files: &[(&str, &str)]) -> Self {
        let file = |text: &str| (EntryKind::File, Arc::from(text.as_bytes()));
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect())
    }

    fn with(mut self, path: &str, kind: EntryKind, data: &[u8]) -> Self {
        self.0.insert(path.to_owned(), (kind, Arc::from(data)));
        self
    }
}

impl Files for MemoryFiles {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        let entry = |kind, size| FileEntry { path: path.to_owned(), kind, id: String::new(), size };
        if let Some((kind, data)) = self.0.get(path) {
            return Ok(Some(entry(*kind, data.len() as u64)));
        }
        let prefix = format!("{path}/");
        Ok(self.0.keys().any(|name| name.starts_with(&prefix)).then(|| entry(EntryKind::Folder, 0)))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        let found = self.0.get(path).map(|(_, data)| Arc::clone(data));
        found.ok_or_else(|| FilesError::NotFound { path: path.to_owned() })
    }

    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let prefix = format!("{folder}/");
        let below = self.0.iter().filter(|(path, _)| path.starts_with(&prefix));
        Ok(below
            .map(|(path, (kind, data))| FileEntry {
                path: path.clone(),
                kind: *kind,
                id: String::new(),
                size: data.len() as u64,
            })
            .collect())
    }

    fn list(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        self.walk(folder)
    }
}

const CHART: (&str, &str) = ("c/Chart.yaml", "apiVersion: v2\nname: top\nversion: 1.0.0\n");

fn load(files: &[(&str, &str)]) -> Chart {
    Chart::load(&MemoryFiles::new(files), "c").unwrap()
}

fn run(chart: &Chart, layers: &[ValuesLayer], origins: bool) -> Result<ReleaseOutput, HelmError> {
    let release =
        Release { name: "demo".into(), namespace: "default".into(), revision: 1, is_upgrade: false };
    render(&RenderRequest {
        chart,
        layers,
        release: &release,
        capabilities: &Capabilities::default(),
        seed: [1; 32],
        now: jiff::Timestamp::UNIX_EPOCH,
        lookup: None,
        limits: Limits::default(),
        origins,
        skip_schema: false,
        nodes: true,
    })
}

fn text(files: &[(&str, &str)]) -> String {
    run(&load(files), &[], false).unwrap().to_text(&Shown::default()).unwrap()
}

fn failure(files: &[(&str, &str)]) -> String {
    run(&load(files), &[], false).unwrap_err().to_string()
}

fn set(text: &str) -> ValuesLayer {
    let flags = vec![SetFlag::Typed(text.into())];
    ValuesLayer { name: "--set".into(), content: crate::helm::LayerContent::Set(flags) }
}

#[test]
fn manifests_are_printed_in_helms_order_and_frame() {
    let printed = text(&[
        CHART,
        ("c/values.yaml", "count: 3"),
        ("c/templates/_help.tpl", "{{ define \"name\" }}{{ .Release.Name }}-x{{ end }}"),
        (
            "c/templates/a.yaml",
            "kind: Deployment\nname: {{ include \"name\" . }}\n---\nkind: Service\ncount: {{ .Values.count }}\n\n",
        ),
        ("c/templates/b.yaml", "\n\n# lead\nkind: Namespace\n"),
        ("c/templates/empty.yaml", "{{ if false }}x{{ end }}\n"),
        ("c/templates/NOTES.txt", "hello"),
    ]);
    assert_eq!(
        printed,
        "---\n# Source: top/templates/b.yaml\n# lead\nkind: Namespace\n\n\
         ---\n# Source: top/templates/a.yaml\nkind: Service\ncount: 3\n\n\n\
         ---\n# Source: top/templates/a.yaml\nkind: Deployment\nname: demo-x\n"
    );
}

#[test]
fn hooks_come_last_and_tests_can_be_left_out() {
    let hook = |event: &str| format!("kind: Pod\nmetadata:\n  annotations: {{helm.sh/hook: {event}}}\n");
    let (test, install) = (hook("test"), hook("pre-install"));
    let chart = load(&[
        CHART,
        ("c/templates/a.yaml", &test),
        ("c/templates/b.yaml", &install),
        ("c/templates/c.yaml", "kind: Service"),
    ]);
    let output = run(&chart, &[], false).unwrap();
    let sources = |shown: &Shown<'_>| {
        let text = output.to_text(shown).unwrap();
        text.lines().filter_map(|line| line.strip_prefix("# Source: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let all = ["top/templates/c.yaml", "top/templates/a.yaml", "top/templates/b.yaml"];
    assert_eq!(sources(&Shown::default()), all);
    assert_eq!(sources(&Shown { no_tests: true, ..Shown::default() }), [all[0], all[2]]);
    assert_eq!(sources(&Shown { no_hooks: true, ..Shown::default() }), [all[0]]);
}

#[test]
fn show_only_prints_what_was_asked_for() {
    let chart = load(&[CHART, ("c/templates/a.yaml", "a: 1\n---\na: 2"), ("c/templates/b.yaml", "b: 1")]);
    let output = run(&chart, &[], false).unwrap();
    let only = |pattern: &str| {
        let only = [pattern.to_owned()];
        output.to_text(&Shown { only: &only, ..Shown::default() }).map_err(|error| error.to_string())
    };
    assert_eq!(
        only("templates/a.*").as_deref(),
        Ok("---\n# Source: top/templates/a.yaml\na: 1\n\n\n---\n# Source: top/templates/a.yaml\na: 2\n\n")
    );
    assert_eq!(
        only("templates/none.yaml").unwrap_err(),
        "could not find template templates/none.yaml in chart"
    );
}

const UMBRELLA: &str = "apiVersion: v2\nname: top\nversion: 1.0.0\ndependencies:\n\
    - {name: db, version: 1.x.x, condition: db.enabled, import-values: [{child: port, parent: dbPort}, out]}\n\
    - {name: db, version: ^1.0.0, alias: spare, condition: spare.enabled, tags: [extra]}\n";

fn umbrella() -> Vec<(&'static str, &'static str)> {
    vec![
        ("c/Chart.yaml", UMBRELLA),
        ("c/values.yaml", "global: {zone: a}\ndb: {size: 1}\nspare: {enabled: false}\n"),
        (
            "c/templates/a.yaml",
            "top: is {{ .Values.dbPort }} {{ .Values.word }} {{ keys .Subcharts | join \",\" }}",
        ),
        ("c/charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.2.3\n"),
        (
            "c/charts/db/values.yaml",
            "size: 9\nenabled: true\nport: {number: 5432}\nexports: {out: {word: hi}}\ngone: 1\n",
        ),
        (
            "c/charts/db/templates/b.yaml",
            "{{ .Chart.Name }}: {{ .Values.size }} {{ .Values.global.zone }} {{ .Template.BasePath }} {{ .Values.gone }}",
        ),
    ]
}

#[test]
fn subcharts_see_their_values_and_parents_what_they_import() {
    let printed = text(&umbrella());
    assert_eq!(
        printed,
        "---\n# Source: top/charts/db/templates/b.yaml\ndb: 1 a top/charts/db/templates 1\n\
         ---\n# Source: top/templates/a.yaml\ntop: is map[number:5432] hi db\n"
    );
}

#[test]
fn conditions_and_aliases_switch_charts() {
    let chart = load(&umbrella());
    let output = run(&chart, &[set("db.enabled=false,spare.enabled=true,spare.gone=null")], false).unwrap();
    let texts: Vec<_> = output.manifests.iter().map(RenderedFile::text).collect();
    assert_eq!(texts, ["spare: 9 a top/charts/spare/templates ", "top: is   spare"]);
}

#[test]
fn a_packed_chart_is_a_chart() {
    let packed = crate::helm::chart::archive_tests::pack(&[
        ("db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n"),
        ("db/templates/x.yaml", "x: {{ .Values.global.zone }}"),
    ]);
    let files = MemoryFiles::new(&[CHART, ("c/values.yaml", "global: {zone: z}")]).with(
        "c/charts/db-1.0.0.tgz",
        EntryKind::File,
        &packed,
    );
    let chart = Chart::load(&files, "c").unwrap();
    let output = run(&chart, &[], false).unwrap();
    assert_eq!(&*output.manifests[0].source, "top/charts/db/templates/x.yaml");
    assert_eq!(&*output.manifests[0].path, "c/charts/db-1.0.0.tgz/templates/x.yaml");
    assert_eq!(output.manifests[0].text(), "x: z");
}

#[test]
fn links_and_pointers_are_clear_errors() {
    let link = MemoryFiles::new(&[CHART]).with("c/templates/x.yaml", EntryKind::Symlink, b"");
    assert!(matches!(Chart::load(&link, "c").unwrap_err(), ChartError::Irregular { .. }));
    let pointer =
        MemoryFiles::new(&[CHART, ("c/big.bin", "version https://git-lfs.github.com/spec/v1\noid x")]);
    assert!(Chart::load(&pointer, "c").unwrap_err().to_string().contains("Git LFS"));
    let ignored =
        MemoryFiles::new(&[CHART, ("c/.helmignore", "link")]).with("c/link", EntryKind::Symlink, b"");
    assert!(Chart::load(&ignored, "c").is_ok());
}

#[test]
fn what_chart_yaml_must_say_is_checked_in_helms_words() {
    let error =
        |text: &str| Chart::load(&MemoryFiles::new(&[("c/Chart.yaml", text)]), "c").unwrap_err().to_string();
    assert_eq!(error("apiVersion: v2\nversion: 1.0.0"), "validation: chart.metadata.name is required");
    assert_eq!(error("apiVersion: v2\nname: a"), "validation: chart.metadata.version is required");
    assert_eq!(
        error("apiVersion: v2\nname: a\nversion: x"),
        "validation: chart.metadata.version \"x\" is invalid"
    );
    assert_eq!(error("apiVersion: v9\nname: a"), "unsupported chart version");
    let missing = Chart::load(&MemoryFiles::new(&[("c/values.yaml", "")]), "c").unwrap_err();
    assert_eq!(missing.to_string(), "Chart.yaml file is missing");
}

#[test]
fn libraries_lend_definitions_and_are_not_installed() {
    let library = "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n";
    let printed = text(&[
        CHART,
        ("c/templates/a.yaml", "{{ include \"lib.x\" . }}"),
        ("c/charts/lib/Chart.yaml", library),
        ("c/charts/lib/templates/_x.tpl", "{{ define \"lib.x\" }}x: {{ .Chart.Name }}{{ end }}"),
        ("c/charts/lib/templates/never.yaml", "never: true"),
    ]);
    assert_eq!(printed, "---\n# Source: top/templates/a.yaml\nx: top\n");
    assert_eq!(failure(&[("c/Chart.yaml", library)]), "library charts are not installable");
}

#[test]
fn a_missing_dependency_is_named() {
    let chart = "apiVersion: v2\nname: top\nversion: 1.0.0\ndependencies: [{name: db, version: 1}, {name: mq, version: 1}]";
    assert!(failure(&[("c/Chart.yaml", chart)]).ends_with("missing in charts/ directory: db, mq"));
}

#[test]
fn values_are_checked_against_the_schema() {
    let schema = r#"{"type": "object", "required": ["name"], "properties": {"port": {"type": "integer"}}}"#;
    let error = failure(&[CHART, ("c/values.schema.json", schema), ("c/values.yaml", "name: a\nport: x")]);
    assert_eq!(
        error,
        "values don't meet the specifications of the schema(s) in the following chart(s):\ntop:\n\
         - at '/port': got string, want integer\n"
    );
    let fine = [CHART, ("c/values.schema.json", schema), ("c/values.yaml", "name: a\nport: 5")];
    assert_eq!(text(&fine), "\n");
}

#[test]
fn a_manifest_that_is_no_yaml_is_an_error_of_its_template() {
    let error = failure(&[CHART, ("c/templates/a.yaml", "a: b\n c: d")]);
    assert!(error.starts_with(
        "YAML parse error on top/templates/a.yaml: error converting YAML to JSON: yaml: line 2: "
    ));
}

#[test]
fn the_kubernetes_version_is_checked() {
    let chart = "apiVersion: v2\nname: top\nversion: 1.0.0\nkubeVersion: '>=1.99.0'";
    assert_eq!(
        failure(&[("c/Chart.yaml", chart)]),
        "chart requires kubeVersion: >=1.99.0 which is incompatible with Kubernetes v1.37.0"
    );
}

#[test]
fn a_span_names_the_line_that_wrote_it_and_the_values_it_read() {
    let chart = load(&[
        CHART,
        ("c/values.yaml", "a: 1\nb: 2\n"),
        ("c/templates/x.yaml", "lead: x\n---\nfirst: {{ .Values.a }}\nsecond: {{ .Values.b }}\n"),
    ]);
    let layers = [ValuesLayer::from_yaml("env/values.yaml", "# comment\nb: 5\n").unwrap()];
    let output = run(&chart, &layers, true).unwrap();
    let file = &output.manifests[1];
    assert_eq!(file.text(), "first: 1\nsecond: 5\n");
    let at = file.text().find('5').unwrap();
    let span = file.spans(at, at + 1).pop().unwrap();
    assert_eq!(span.line, 4);
    assert_eq!(output.templates.get(&span.template).map(|path| &**path), Some("c/templates/x.yaml"));
    let values: Vec<String> =
        span.values.iter().filter_map(|id| output.origins.get(*id)).map(|line| line.to_string()).collect();
    assert_eq!(values, ["env/values.yaml:2"]);
}

#[test]
fn a_release_needs_a_name_that_kubernetes_takes() {
    for name in ["", "Demo", "-a", "a..b", "a_b", &"a".repeat(54)] {
        assert!(check_release_name(name, HelmVersion::Helm4).is_err(), "{name}");
    }
    for name in ["demo", "a.b-c", "1"] {
        assert!(check_release_name(name, HelmVersion::Helm4).is_ok(), "{name}");
    }
}

#[test]
fn a_chart_can_be_rendered_by_several_threads() {
    let chart = load(&umbrella());
    let once = run(&chart, &[], false).unwrap().to_text(&Shown::default()).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| run(&chart, &[], false).unwrap().to_text(&Shown::default()).unwrap()))
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), once);
        }
    });
}
