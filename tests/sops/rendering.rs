//! Environments with encrypted files: what is rendered, cached, masked, and refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use mooring::environment::{self, Loaded};
use mooring::helm::limits::Limits;
use mooring::manifest::{Digest, EntryKind, FieldPath, FileEntry, Files, FilesError, SecretKey};
use mooring::render::{Component, DesiredSet, RenderCache, RenderContext, origins, render_environment};
use mooring::sops::Keyring;

use crate::{case, keys};

const ENVIRONMENT: &str = "apiVersion: mooring.dev/v1alpha1\nkind: Environment\nmetadata: {name: e}\nspec:\n  namespace: lake\n  \
     components:\n    - {name: app, chart: app, values: [values/app.sops.yaml]}\n    - {name: minio, manifests: minio}\n    \
     - {name: open, manifests: open}\n";
const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: open}\ndata: {a: \"1\"}\n";

/// Files in memory.
struct Tree(BTreeMap<String, String>);

impl Tree {
    fn new(more: &[(&str, &str)]) -> Self {
        let mut files: BTreeMap<String, String> = [
            ("environments/e/environment.yaml", ENVIRONMENT),
            ("app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n"),
            ("open/all.yaml", CONFIG_MAP),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
        files.insert("environments/e/values/app.sops.yaml".to_owned(), case("plain").encrypted);
        files.insert("minio/secret.yaml".to_owned(), case("secret").encrypted);
        files.extend(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        Self(files)
    }

    fn below(&self, folder: &str) -> Vec<FileEntry> {
        let inside = |path: &str| folder.is_empty() || path.starts_with(&format!("{folder}/"));
        let entry = |(path, text): (&String, &String)| FileEntry {
            path: path.clone(),
            kind: EntryKind::File,
            id: Digest::of(text.as_bytes()).to_string(),
            size: text.len() as u64,
        };
        self.0.iter().filter(|(path, _)| inside(path)).map(entry).collect()
    }
}

impl Files for Tree {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        let below = self.below(path);
        if let Some(text) = self.0.get(path) {
            let id = Digest::of(text.as_bytes()).to_string();
            return Ok(Some(FileEntry {
                path: path.to_owned(),
                kind: EntryKind::File,
                id,
                size: text.len() as u64,
            }));
        }
        let id = Digest::of_all(below.iter().map(|entry| entry.id.as_bytes())).to_string();
        let folder = FileEntry { path: path.to_owned(), kind: EntryKind::Folder, id, size: 0 };
        Ok((!below.is_empty()).then_some(folder))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        let text = self.0.get(path).ok_or_else(|| FilesError::NotFound { path: path.to_owned() })?;
        Ok(text.as_bytes().into())
    }

    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        Ok(self.below(folder))
    }

    fn list(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let depth = folder.split('/').count();
        let mut found: BTreeMap<String, FileEntry> = BTreeMap::new();
        for entry in self.below(folder) {
            let parts: Vec<&str> = entry.path.split('/').collect();
            let path = parts[..=depth].join("/");
            let kind = if parts.len() == depth + 1 { EntryKind::File } else { EntryKind::Folder };
            found.entry(path.clone()).or_insert(FileEntry { path, kind, ..entry });
        }
        Ok(found.into_values().collect())
    }
}

struct Run<'a> {
    tree: &'a Tree,
    loaded: Loaded,
    cache: RenderCache,
}

impl<'a> Run<'a> {
    fn new(tree: &'a Tree) -> Self {
        let loaded = environment::load(tree, "e").unwrap();
        Self { tree, loaded, cache: RenderCache::new(1 << 20) }
    }

    fn context<'c>(&'c self, keys: &'c Keyring) -> RenderContext<'c> {
        RenderContext {
            files: self.tree,
            environment: &self.loaded,
            keys,
            kube_version: "v1.36.0",
            api_versions: &[],
            cache: &self.cache,
            now: jiff::Timestamp::UNIX_EPOCH,
            seed: [0; 32],
            lookup: None,
            limits: Limits::default(),
        }
    }

    fn render(&self, keys: &Keyring) -> DesiredSet {
        render_environment(&self.context(keys))
    }
}

fn component<'d>(desired: &'d DesiredSet, name: &str) -> &'d Component {
    desired.components.iter().find(|component| &*component.name == name).unwrap()
}

fn error(desired: &DesiredSet, name: &str) -> String {
    component(desired, name).result.as_ref().err().unwrap_or_else(|| panic!("{name} renders")).to_string()
}

fn template(value: &str) -> (&'static str, String) {
    ("app/templates/all.yaml", format!("{CONFIG_MAP}  # of a template\nimmutable: {value}\n"))
}

#[test]
fn without_a_key_the_encrypted_components_fail_and_the_rest_renders() {
    let tree = Tree::new(&[]);
    let desired = Run::new(&tree).render(&Keyring::default());
    assert!(component(&desired, "open").result.is_ok());
    assert!(error(&desired, "minio").starts_with("minio/secret.yaml: SOPS encrypted it for age1"));
    assert!(
        error(&desired, "app").starts_with("environments/e/values/app.sops.yaml: SOPS encrypted it for age1")
    );
}

#[test]
fn another_key_renders_again_and_the_same_does_not() {
    let tree = Tree::new(&[]);
    let run = Run::new(&tree);
    let (none, alice) = (Keyring::default(), keys(&["alice"]));
    run.render(&none);
    assert!(component(&run.render(&alice), "minio").result.is_ok());
    let (hits, misses) = run.cache.counts();
    assert!(component(&run.render(&alice), "minio").result.is_ok());
    assert_eq!(run.cache.counts(), (hits + 3, misses));
    // The key is gone: nothing that it opened is used any more.
    error(&run.render(&none), "minio");
}

#[test]
fn an_error_of_a_template_tells_no_decrypted_value() {
    for text in [
        "{{ fail (printf \"no such user: %s\" .Values.password) }}",
        "{{ .Values.password.deeper }}",
        "{{ .Values.password | b64enc | fail }}",
        "{{ atoi .Values.password }}{{ required .Values.password nil }}",
    ] {
        let (path, text) = template(text);
        let tree = Tree::new(&[(path, &text)]);
        let error = error(&Run::new(&tree).render(&keys(&["alice"])), "app");
        assert!(error.contains("app"), "{error}");
        for plain in ["hunter2-hunter2", "aHVudGVyMi1odW50ZXIy"] {
            assert!(!error.contains(plain), "{error}");
        }
    }
    let schema = r#"{"properties": {"password": {"enum": ["other"]}, "port": {"type": "string"}}}"#;
    let tree = Tree::new(&[("app/values.schema.json", schema), ("app/templates/a.yaml", "")]);
    let error = error(&Run::new(&tree).render(&keys(&["alice"])), "app");
    assert!(error.contains("/password") && !error.contains("hunter2"), "{error}");
}

#[test]
fn what_was_decrypted_is_masked_where_it_turned_up_and_the_rest_is_shown() {
    let (path, text) = (
        "app/templates/all.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata:\n  url: u:{{ .Values.password }}@host\n  \
         json: {{ .Values | toJson | quote }}\n  b64: {{ printf \"x:%s\" .Values.password | b64enc }}\n  \
         loud: {{ upper .Values.password }}\n  port: \"{{ .Values.port }}\"\n  open: seen\n",
    );
    let tree = Tree::new(&[(path, text)]);
    let run = Run::new(&tree);
    let alice = keys(&["alice"]);
    let desired = run.render(&alice);
    let manifest = &component(&desired, "app").result.as_ref().unwrap().objects[0].manifest;
    let (value, secret) = (manifest.reveal(), SecretKey::new([7; 32]));
    let at = |key: &str| FieldPath::of_fields(["data", key]);
    let shown = |key: &str| manifest.shown(&at(key), at(key).get(&value), &secret).to_string();
    for key in ["url", "json", "b64", "port"] {
        assert!(shown(key).starts_with("secret ("), "{key}: {}", shown(key));
    }
    assert_eq!(shown("open"), "seen");
    // What no search finds is known by where it was written.
    let paths = ["url", "loud", "open"].map(at);
    let written = origins(&run.context(&alice), manifest.source(), &paths);
    let sealed: Vec<bool> = written.iter().map(|written| written.as_ref().unwrap().sealed).collect();
    assert_eq!(sealed, [true, true, false]);
    assert_eq!(
        written[1].as_ref().unwrap().origin.to_string(),
        "app/templates/all.yaml:8, value from environments/e/values/app.sops.yaml:2"
    );
    // A component without encrypted files has nothing to hide.
    let open = &component(&desired, "open").result.as_ref().unwrap().objects[0].manifest;
    assert!(open.confidential().is_none());
}

#[test]
fn a_plain_manifest_s_fields_are_written_on_the_lines_of_the_encrypted_file() {
    let tree = Tree::new(&[]);
    let run = Run::new(&tree);
    let alice = keys(&["alice"]);
    let desired = run.render(&alice);
    let manifest = &component(&desired, "minio").result.as_ref().unwrap().objects[0].manifest;
    let paths = [["data", "rootPassword"], ["metadata", "labels"]].map(FieldPath::of_fields);
    let written = origins(&run.context(&alice), manifest.source(), &paths);
    let encrypted = case("secret").encrypted;
    let line = encrypted.lines().position(|line| line.trim_start().starts_with("rootPassword:")).unwrap() + 1;
    let password = written[0].as_ref().unwrap();
    assert_eq!((password.origin.to_string(), password.sealed), (format!("minio/secret.yaml:{line}"), true));
    assert!(!written[1].as_ref().unwrap().sealed);
}

#[test]
fn several_documents_json_and_sops_own_rules_lie_in_one_folder() {
    let documents = case("documents").encrypted;
    let json = case("json-secret").encrypted;
    let tree = Tree::new(&[
        ("minio/documents.yaml", &documents),
        ("minio/token.json", &json),
        ("minio/.sops.yaml", "creation_rules: []\n"),
    ]);
    let desired = Run::new(&tree).render(&keys(&["alice"]));
    let rendered = component(&desired, "minio").result.as_ref().unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = rendered.objects.iter().map(|object| object.manifest.name()).collect();
    assert_eq!(names, ["one", "two", "three", "minio", "s"]);
    for object in &rendered.objects {
        let value = object.manifest.reveal();
        assert!(value.get("sops").is_none() && !value.to_string().contains("ENC["), "{value}");
    }
}

#[test]
fn encrypted_default_values_of_a_chart_are_refused() {
    let tree = Tree::new(&[("app/values.yaml", &case("plain").encrypted)]);
    let error = error(&Run::new(&tree).render(&keys(&["alice"])), "app");
    assert!(error.starts_with("app/values.yaml: SOPS encrypted it"), "{error}");
}
