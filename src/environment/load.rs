//! From a folder to a checked environment.

use std::sync::Arc;

use super::charts::{ChartLock, ChartSource, LOCK, Pin, RemoteChart};
use super::names::nearest;
use super::{Environment, EnvironmentError, Unpinned, document, rules, schema};
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
    lock: ChartLock,
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

    /// The path from the root of the repository of the lock that pins charts from elsewhere.
    pub fn lock_path(&self) -> String {
        format!("{}/{LOCK}", self.folder())
    }

    /// The pins of charts from elsewhere.
    pub fn lock(&self) -> &ChartLock {
        &self.lock
    }

    /// The same environment with other pins.
    #[must_use]
    pub fn with_lock(self, lock: ChartLock) -> Self {
        Self { lock, ..self }
    }

    /// The chart from elsewhere of a component, if it has one.
    pub fn remote_chart(&self, component: usize) -> Option<&RemoteChart> {
        match &self.environment.spec.components.get(component)?.chart {
            Some(ChartSource::Remote(chart)) => Some(chart),
            Some(ChartSource::Folder(_)) | None => None,
        }
    }

    /// What the chart from elsewhere of a component is pinned to.
    pub fn pin(&self, component: usize) -> Option<&Pin> {
        self.lock.pin(self.remote_chart(component)?)
    }

    /// Where the files that rendering sees hold a packed chart from elsewhere: below the lock, where a revision can have
    /// nothing of its own.
    pub fn packed_path(&self, pin: &Pin) -> String {
        let digest = pin.digest.trim_start_matches("sha256:");
        let short = digest.get(..12).unwrap_or(digest);
        // A version is a text from a repository: it must not lead elsewhere.
        let version = pin.resolved.replace('/', "_");
        format!("{}/{short}/{}-{version}.tgz", self.lock_path(), pin.name)
    }

    /// Where the component's chart is in the files that rendering sees; `None` for plain manifests.
    pub fn chart_path(&self, component: usize) -> Result<Option<String>, Box<Unpinned>> {
        let about = &self.environment.spec.components[component];
        let chart = match &about.chart {
            None => return Ok(None),
            Some(ChartSource::Folder(folder)) => return Ok(Some(folder.clone())),
            Some(ChartSource::Remote(chart)) => chart,
        };
        if let Some(pin) = self.lock.pin(chart) {
            return Ok(Some(self.packed_path(pin)));
        }
        let place = self.line_of(&format!("/spec/components/{component}/chart"));
        Err(Box::new(Unpinned {
            file: place.file,
            line: place.line,
            chart: chart.name.clone(),
            version: chart.version.clone(),
            repository: chart.repository.clone(),
            lock: self.lock_path(),
            environment: self.environment.metadata.name.clone(),
            component: about.name.clone(),
        }))
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
    let mut loaded = Loaded { environment, file, document: Arc::new(document), lock: ChartLock::default() };
    let count = loaded.environment.spec.components.len();
    if (0..count).any(|index| loaded.remote_chart(index).is_some()) {
        let path: Arc<str> = loaded.lock_path().into();
        if files.entry(&path).map_err(|error| vec![EnvironmentError::from(error)])?.is_some() {
            let text = text_of(files, &path).map_err(|error| vec![error])?;
            loaded.lock = ChartLock::read(&path, &text)?;
        }
    }
    Ok(loaded)
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
    text_of(files, file)
}

/// The text of a file that is not too long.
fn text_of(files: &dyn Files, file: &str) -> Result<String, EnvironmentError> {
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
