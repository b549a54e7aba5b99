//! From a folder to a checked environment.

use std::sync::Arc;

use super::names::nearest;
use super::problems::Problems;
use super::{Environment, EnvironmentError, rules, schema, shape};
use crate::helm::yaml::{self, Content, Mark, Node, YamlLimits};
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
    let mut problems = Problems::new(&file);
    let Some(document) = parse(&text, &mut problems) else {
        return Err(problems.into_errors());
    };
    shape::check(&document, &schema::json_schema(), &mut problems);
    rules::check(
        &rules::Input { files, name, folder: &format!("{FOLDER}/{name}"), text: &text },
        &document,
        &mut problems,
    );
    let errors = problems.into_errors();
    if !errors.is_empty() {
        return Err(errors);
    }
    match serde_json::from_value(document.to_json()) {
        Ok(environment) => Ok(Loaded { environment, file, document: Arc::new(document) }),
        Err(error) => {
            let mut problems = Problems::new(&file);
            problems.add(
                document.mark,
                error.to_string(),
                "compare the file with the schema: mooring check --schema".to_owned(),
            );
            Err(problems.into_errors())
        }
    }
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

/// The one document of the file.
fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    let (documents, doubles) = match yaml::parse_strictly(text, &LIMITS) {
        Ok(read) => read,
        Err(error) => {
            problems.add(error.mark, error.message, "correct the YAML there or just above".to_owned());
            return None;
        }
    };
    for double in doubles {
        let what = format!(
            "the key `{}` stands here a second time, first on line {}",
            super::names::excerpt(&double.key.text),
            double.first.line
        );
        problems.add(double.key.mark, what, "keep one of them".to_owned());
    }
    // An empty document after a `---` at the end is no second one.
    let mut documents = documents.into_iter().filter(|document| document.content != Content::Null);
    let Some(document) = documents.next() else {
        let mark = Mark { line: 1, column: 1, offset: 0 };
        problems.add(
            mark,
            "the file is empty".to_owned(),
            "begin with `apiVersion: mooring.dev/v1alpha1`".to_owned(),
        );
        return None;
    };
    if let Some(second) = documents.next() {
        problems.add(
            second.mark,
            "a second document begins here".to_owned(),
            "give each environment a folder of its own".to_owned(),
        );
    }
    Some(document)
}
