//! Charts: what is in them, read from a revision's files without touching a disk.

mod archive;
pub(super) mod ignore;
mod load;
mod metadata;
#[cfg(test)]
pub(super) use archive::tests as archive_tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::schema::Schema;
use super::template::Tree;
use super::template::{HelmVersion, TemplateError, parse};
use super::values::ValuesDocument;
use crate::manifest::{Content, Files, FilesError};

pub use ignore::is_in_ignored_folder;
pub use metadata::{Dependency, ImportValue, Maintainer, Metadata};

/// A chart with the charts that it is made of, as its files say; nothing is switched on or off yet.
///
/// It can be shared between threads and rendered any number of times.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    pub(super) metadata: Metadata,
    /// `values.yaml`'s documents, which are merged in order.
    pub(super) values: Vec<ValuesDocument>,
    pub(super) values_path: Arc<str>,
    pub(super) schema: Option<Schema>,
    pub(super) templates: Vec<TemplateFile>,
    /// All other files: `.Files`, and those under `crds/`.
    pub(super) files: Vec<ChartFile>,
    pub(super) dependencies: Vec<Chart>,
    /// Which Helm's rules it was read by, and is rendered by.
    pub(super) helm: HelmVersion,
    /// What Helm's log says of the reading.
    pub(super) warnings: Vec<String>,
}

/// A file of a chart that is not a template.
#[derive(Clone, Debug)]
pub(super) struct ChartFile {
    /// The path from the chart's folder.
    pub(super) name: Arc<str>,
    /// The path from the root of the repository; inside of an archive, the archive's path with the name.
    pub(super) path: Arc<str>,
    content: Content,
}

impl ChartFile {
    fn new(name: &str, path: Arc<str>, content: Content) -> Self {
        Self { name: name.into(), path, content }
    }

    #[cfg(test)]
    pub(super) fn read(name: &str, data: &[u8]) -> Self {
        Self { name: name.into(), path: name.into(), content: Content::Read(data.into()) }
    }

    /// The bytes, without a byte order mark.
    pub(super) fn data(&self) -> Arc<[u8]> {
        load::without_mark(self.content.bytes())
    }
}

/// A file under `templates/`.
#[derive(Clone, Debug)]
pub(super) struct TemplateFile {
    /// The path from the chart's folder.
    pub(super) name: Arc<str>,
    /// The path from the root of the repository; inside of an archive, the archive's path with the name.
    pub(super) path: Arc<str>,
    text: Arc<str>,
    /// The text's trees by the name that they were parsed under: with an alias, one file has several.
    parsed: Arc<Mutex<BTreeMap<Arc<str>, Trees>>>,
}

/// A file's own template and those that it defines.
type Trees = Arc<Vec<Arc<Tree>>>;

impl TemplateFile {
    fn new(file: &load::RawFile<'_>, data: &[u8]) -> Self {
        let text = load::text(data).into();
        Self { name: file.name.as_str().into(), path: Arc::clone(&file.path), text, parsed: Arc::default() }
    }

    /// The text as templates, parsed once for all renderings.
    pub(super) fn parsed(&self, name: &Arc<str>, helm: HelmVersion) -> Result<Trees, TemplateError> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trees) = parsed.get(name) {
            return Ok(Arc::clone(trees));
        }
        let trees: Trees = Arc::new(parse(name, &self.text, helm)?);
        parsed.insert(Arc::clone(name), Arc::clone(&trees));
        Ok(trees)
    }
}

impl Chart {
    /// Reads the chart in a folder, or a packed one (`.tgz`). Paths are from the root of `files`.
    pub fn load(files: &dyn Files, path: &str) -> Result<Self, ChartError> {
        Self::load_as(files, path, HelmVersion::default())
    }

    /// Reads a chart by the rules of this Helm, which it is then rendered by, too.
    pub fn load_as(files: &dyn Files, path: &str, helm: HelmVersion) -> Result<Self, ChartError> {
        load::load(files, path, helm)
    }

    /// Which Helm's bytes it renders to.
    pub fn helm(&self) -> HelmVersion {
        self.helm
    }

    /// What the chart says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

/// Why a chart cannot be read. Where Helm has words for it, the text is Helm's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChartError {
    /// The files could not be read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A link or something else that is not a plain file, whose content is not in this revision.
    #[error(
        "{path}: is {found}, which is not followed: put the file itself there, or name it in .helmignore"
    )]
    Irregular {
        /// The path.
        path: String,
        /// What it is, with its article.
        found: &'static str,
    },
    /// A bad rule in `.helmignore`.
    #[error("{path}: {reason}")]
    Ignore {
        /// The file.
        path: String,
        /// Helm's words.
        reason: String,
    },
    /// More bytes than a chart may have.
    #[error("error reading {name}: chart exceeds maximum decompressed size of {limit} bytes")]
    TooLarge {
        /// The file that went over.
        name: String,
        /// The limit.
        limit: u64,
    },
    /// Charts in charts without end.
    #[error("{path}: charts are packed into each other more than {limit} times")]
    TooDeep {
        /// The archive.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// A packed chart that cannot be unpacked.
    #[error("{reason}")]
    Archive {
        /// Helm's words.
        reason: String,
    },
    /// There is no `Chart.yaml`.
    #[error("Chart.yaml file is missing")]
    NoChartFile,
    /// An `apiVersion` other than v1 and v2.
    #[error("unsupported chart version")]
    ApiVersion,
    /// `Chart.yaml`, `values.yaml`... cannot be understood.
    #[error("cannot load {name}: {reason}")]
    Document {
        /// The file, from the chart's folder.
        name: String,
        /// What YAML or Go's JSON decoder says.
        reason: String,
    },
    /// What `Chart.yaml` says is not allowed.
    #[error("{reason}")]
    Invalid {
        /// Helm's words.
        reason: String,
    },
    /// A folder that is called like an archive.
    #[error("error unpacking subchart tar in {parent}: expected {name}, got {found}")]
    NotAnArchive {
        /// The chart.
        parent: String,
        /// The name under `charts/`.
        name: String,
        /// The first file found there.
        found: String,
    },
    /// A chart under `charts/` cannot be read.
    #[error("error unpacking subchart {name} in {parent}: {source}")]
    Subchart {
        /// The name under `charts/`.
        name: String,
        /// The chart.
        parent: String,
        /// Why.
        source: Box<ChartError>,
    },
}
