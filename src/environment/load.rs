//! From a folder to a checked environment.

use std::sync::Arc;

use super::names::nearest;
use super::{Environment, EnvironmentError, document, rules, schema};
use crate::helm::yaml::{Node, YamlLimits};
use crate::manifest::{EntryKind, Files, FilesError, SourceLine};

/// The folder of the environments.
const FOLDER: &str = "environments";

/// Far more than a file of a thousand components needs.
const LIMITS: YamlLimits = YamlLimits { bytes: 1 << 20, depth: 60, nodes: 200_000 };

/// An environment with its file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the file says.
    pub environment: Environment,
    /// The file's path from the root of the repository.
    pub file: Arc<str>,
    document: Arc<Node>,
}

impl Loaded {
    /// The environment's own folder: values files lie below it.
    pub fn folder(&self) -> &str {
        self.file.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The path from the root of the repository of a values file that a component names.
    pub fn values_path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder())
    }

    /// The path from the root of the repository of the file that describes a dataset.
    pub fn dataset_path(&self, name: &str) -> String {
        dataset_path(self.folder(), name)
    }

    /// The line of what lies under a JSON Pointer, or of the nearest thing around it.
    pub fn line_of(&self, pointer: &str) -> SourceLine {
        let names: Vec<String> =
            pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        let path: Vec<&str> = names.iter().map(String::as_str).collect();
        let mark = (0..=path.len()).rev().find_map(|length| self.document.locate(&path[..length]));
        SourceLine { file: Arc::clone(&self.file), line: mark.map_or(1, |mark| mark.line.max(1)) }
    }

    /// What the file says under `set` of a component, with the places of all values.
    pub fn set_of(&self, component: usize) -> Option<&Node> {
        self.document.find(&["spec", "components", &component.to_string(), "set"])
    }
}

/// The file that describes a dataset for the environment with this folder.
pub(super) fn dataset_path(folder: &str, name: &str) -> String {
    format!("{folder}/datasets/{name}.yaml")
}

/// The names of the environments in the repository, in order.
pub fn list(files: &dyn Files) -> Result<Vec<String>, FilesError> {
    let mut names = Vec::new();
    if files.entry(FOLDER)?.is_none() {
        return Ok(names);
    }
    for entry in files.list(FOLDER)? {
        let path = format!("{}/environment.yaml", entry.path);
        if entry.kind == EntryKind::Folder && files.entry(&path)?.is_some() {
            names.extend(entry.path.rsplit('/').next().map(str::to_owned));
        }
    }
    Ok(names)
}

/// Reads and checks `environments/<name>/environment.yaml`. All that is wrong is said at once, in the order of the file.
pub fn load(files: &dyn Files, name: &str) -> Result<Loaded, Vec<EnvironmentError>> {
    let file: Arc<str> = format!("{FOLDER}/{name}/environment.yaml").into();
    let text = read(files, name, &file).map_err(|error| vec![error])?;
    let (environment, document) =
        document::read(&file, &text, &LIMITS, &schema::json_schema(), |document, problems| {
            let folder = format!("{FOLDER}/{name}");
            rules::check(&rules::Input { files, name, folder: &folder, text: &text }, document, problems);
        })?;
    Ok(Loaded { environment, file, document: Arc::new(document) })
}

fn read(files: &dyn Files, name: &str, file: &str) -> Result<String, EnvironmentError> {
    let unknown = |remedy| EnvironmentError::Unknown { name: name.to_owned(), file: file.to_owned(), remedy };
    if name.contains('/') || files.entry(file)?.is_none() {
        let known = list(files)?;
        let near = nearest(name, known.iter().map(String::as_str));
        return Err(unknown(match (near, &known[..]) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => "the repository has no environments: begin with that file".to_owned(),
            (None, known) => format!("the repository has {}", known.join(", ")),
        }));
    }
    if let Some(entry) = files.entry(file)?.filter(|entry| entry.size > LIMITS.bytes as u64) {
        return Err(FilesError::TooLarge {
            path: file.to_owned(),
            what: format!("{} bytes", entry.size),
            limit: format!("{} bytes", LIMITS.bytes),
        }
        .into());
    }
    String::from_utf8(files.read(file)?.to_vec()).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        FilesError::Unreadable { path: file.to_owned(), reason: format!("line {line} is not UTF-8") }.into()
    })
}
