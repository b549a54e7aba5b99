//! From files to a chart (Helm's pkg/chart/v2/loader).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::archive::unpack;
use super::ignore::Rules;
use super::{Chart, ChartError, ChartFile, Metadata, TemplateFile};
use crate::helm::decode::decode;
use crate::helm::schema::Schema;
use crate::helm::template::HelmVersion;
use crate::helm::values::read_documents;
use crate::helm::warnings::Warnings;
use crate::helm::yaml::YamlLimits;
use crate::manifest::{Content, EntryKind, Files, FilesError};

/// What a chart's files may amount to; Helm's own limit.
pub(super) const MAX_CHART_BYTES: u64 = 100 << 20;

/// What Helm warns of where a chart of `apiVersion: v2` has files of the first one.
const REQUIREMENTS: &str = "Warning: Dependencies are handled in Chart.yaml since apiVersion \"v2\". We recommend migrating \
                            dependencies to Chart.yaml.";
const REQUIREMENTS_LOCK: &str = "Warning: Dependency locking is handled in Chart.lock since apiVersion \"v2\". We recommend \
                                 migrating to Chart.lock.";

/// How deep packed charts may lie in each other.
const MAX_NESTING: usize = 32;

/// A file of a chart before it is sorted into its place.
#[derive(Clone)]
pub(super) struct RawFile<'f> {
    /// The path from the chart's folder.
    pub(super) name: String,
    /// The path from the root of the repository.
    pub(super) path: Arc<str>,
    /// Where its bytes are.
    pub(super) source: Source<'f>,
}

/// Where the bytes of a file are.
#[derive(Clone)]
pub(super) enum Source<'f> {
    /// Where they were not read yet: one after the other is, since rendering keeps none of them as they are.
    Folder(&'f dyn Files),
    /// What an archive held.
    Archive(Arc<[u8]>),
}

impl RawFile<'_> {
    /// The bytes, without a byte order mark.
    pub(super) fn data(&self) -> Result<Arc<[u8]>, ChartError> {
        let data = match &self.source {
            Source::Folder(files) => files.read(&self.path)?,
            // What an archive holds was not left out by a checkout.
            Source::Archive(data) => return Ok(without_mark(Arc::clone(data))),
        };
        refuse_pointer(&self.path, &data)?;
        Ok(without_mark(data))
    }

    /// The same as text.
    fn text(&self) -> Result<String, ChartError> {
        Ok(text(&self.data()?).into_owned())
    }
}

impl TryFrom<RawFile<'_>> for ChartFile {
    type Error = ChartError;

    /// `.Files` and CRDs are much, and seldom asked for: who can read them then does.
    fn try_from(file: RawFile<'_>) -> Result<Self, ChartError> {
        let content = match file.source {
            Source::Folder(files) => files.read_later(&file.path)?,
            Source::Archive(data) => return Ok(Self::new(&file.name, file.path, Content::Read(data))),
        };
        if let Content::Read(data) = &content {
            refuse_pointer(&file.path, data)?;
        }
        Ok(Self::new(&file.name, file.path, content))
    }
}

/// Bytes as text. Nearly all files are text, which is told much faster than what in them is not.
pub(super) fn text(data: &[u8]) -> Cow<'_, str> {
    str::from_utf8(data).map_or_else(|_| String::from_utf8_lossy(data), Cow::Borrowed)
}

/// Reads a chart: a folder, or a packed one.
pub(super) fn load(files: &dyn Files, path: &str, helm: HelmVersion) -> Result<Chart, ChartError> {
    let path = path.trim_end_matches('/');
    let entry = files.entry(path)?.ok_or_else(|| FilesError::NotFound { path: path.to_owned() })?;
    match entry.kind {
        EntryKind::Folder => load_files(read_folder(files, path)?, 0, helm),
        EntryKind::File => {
            let archive = files.read(path)?;
            refuse_pointer(path, &archive)?;
            load_archive(&archive, path, 0, helm)
        }
        EntryKind::Symlink => Err(irregular(path, "a symbolic link")),
        EntryKind::Submodule => Err(irregular(path, "a submodule")),
    }
}

fn irregular(path: &str, found: &'static str) -> ChartError {
    ChartError::Irregular { path: path.to_owned(), found }
}

/// The content of an LFS-tracked file is not in the repository: a pointer to it would render as garbage.
fn refuse_pointer(path: &str, data: &[u8]) -> Result<(), ChartError> {
    if data.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Err(irregular(path, "a pointer to a file in Git LFS"));
    }
    Ok(())
}

pub(super) fn without_mark(data: Arc<[u8]>) -> Arc<[u8]> {
    match data.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => Arc::from(rest),
        None => data,
    }
}

fn read_folder<'f>(files: &'f dyn Files, folder: &str) -> Result<Vec<RawFile<'f>>, ChartError> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let ignore_path = format!("{prefix}.helmignore");
    let rules = match files.entry(&ignore_path)? {
        Some(entry) if entry.kind == EntryKind::File => {
            let text = files.read(&ignore_path)?;
            Rules::parse(&String::from_utf8_lossy(&text))
        }
        _ => Rules::parse(""),
    };
    let rules = rules.map_err(|reason| ChartError::Ignore { path: ignore_path, reason })?;

    let mut entries = Vec::new();
    let mut total = 0;
    for entry in files.walk(folder)? {
        let name = entry.path.strip_prefix(&prefix).unwrap_or(&entry.path).to_owned();
        if rules.ignores_file(&name) {
            continue;
        }
        match entry.kind {
            EntryKind::File => {}
            EntryKind::Folder => continue,
            EntryKind::Symlink => return Err(irregular(&entry.path, "a symbolic link")),
            EntryKind::Submodule => return Err(irregular(&entry.path, "a submodule")),
        }
        total += entry.size;
        if total > MAX_CHART_BYTES {
            return Err(ChartError::TooLarge { name, limit: MAX_CHART_BYTES });
        }
        entries.push((name, entry.path));
    }
    // Helm walks folder by folder, so that `a/b` comes before `a.b`.
    entries.sort_by(|(left, _), (right, _)| left.split('/').cmp(right.split('/')));
    let file =
        |(name, path): (String, String)| RawFile { name, path: path.into(), source: Source::Folder(files) };
    Ok(entries.into_iter().map(file).collect())
}

fn load_archive(archive: &[u8], path: &str, depth: usize, helm: HelmVersion) -> Result<Chart, ChartError> {
    if depth > MAX_NESTING {
        return Err(ChartError::TooDeep { path: path.to_owned(), limit: MAX_NESTING });
    }
    let files = unpack(archive, path).map_err(|reason| ChartError::Archive { reason })?;
    load_files(files, depth, helm)
}

fn load_files(files: Vec<RawFile<'_>>, depth: usize, helm: HelmVersion) -> Result<Chart, ChartError> {
    let mut metadata = read_metadata(&files, helm)?;
    let mut chart = Chart { helm, ..Chart::default() };
    let mut warnings = Warnings::new(helm);
    let mut subcharts: BTreeMap<String, Vec<RawFile<'_>>> = BTreeMap::new();
    for file in files {
        let name = file.name.as_str();
        match name {
            "Chart.yaml" => {}
            "Chart.lock" => check_lock(&file)?,
            "values.yaml" => {
                let text = file.text()?;
                chart.values = read_documents(&text, helm)
                    .map_err(|reason| ChartError::Document { name: "values.yaml".into(), reason })?;
                chart.values_path = Arc::clone(&file.path);
            }
            "values.schema.json" => chart.schema = Some(Schema::new(file.data()?)),
            "requirements.yaml" => {
                let metadata = metadata.get_or_insert_default();
                if metadata.api_version != "v1" {
                    warnings.print("load.go:120", REQUIREMENTS);
                }
                over(metadata, &file, helm)?;
                if metadata.api_version == "v1" {
                    chart.files.push(ChartFile::try_from(file)?);
                }
            }
            "requirements.lock" => {
                check_lock(&file)?;
                if metadata.as_ref().is_some_and(|metadata| metadata.api_version == "v1") {
                    chart.files.push(ChartFile::try_from(file)?);
                } else {
                    warnings.print("load.go:138", REQUIREMENTS_LOCK);
                }
            }
            _ if name.starts_with("templates/") => {
                chart.templates.push(TemplateFile::new(&file, &file.data()?));
            }
            _ if name.starts_with("charts/") => {
                if Path::new(name).extension().is_some_and(|extension| extension == "prov") {
                    chart.files.push(ChartFile::try_from(file)?);
                } else {
                    let inner = name["charts/".len()..].to_owned();
                    let top = inner.split('/').next().unwrap_or_default().to_owned();
                    subcharts.entry(top).or_default().push(RawFile { name: inner, ..file });
                }
            }
            _ => chart.files.push(ChartFile::try_from(file)?),
        }
    }
    let Some(mut metadata) = metadata else {
        return Err(ChartError::NoChartFile);
    };
    metadata.validate().map_err(|reason| ChartError::Invalid { reason })?;
    chart.metadata = metadata;
    for (name, files) in subcharts {
        if name.starts_with(['_', '.']) {
            continue;
        }
        let mut subchart = load_subchart(&name, files, &chart.metadata.name, depth + 1, helm)?;
        warnings.extend(&std::mem::take(&mut subchart.warnings));
        chart.dependencies.push(subchart);
    }
    chart.warnings = warnings.lines().to_vec();
    Ok(chart)
}

fn read_metadata(files: &[RawFile<'_>], helm: HelmVersion) -> Result<Option<Metadata>, ChartError> {
    let Some(file) = files.iter().find(|file| file.name == "Chart.yaml") else {
        return Ok(None);
    };
    let mut metadata = Metadata::default();
    over(&mut metadata, file, helm)?;
    if metadata.api_version.is_empty() {
        // Helm 2 allowed it to be missing.
        "v1".clone_into(&mut metadata.api_version);
    }
    if helm == HelmVersion::Helm4 && !matches!(metadata.api_version.as_str(), "v1" | "v2") {
        return Err(ChartError::ApiVersion);
    }
    Ok(Some(metadata))
}

/// Reads a document over the metadata that is there.
fn over(metadata: &mut Metadata, file: &RawFile<'_>, helm: HelmVersion) -> Result<(), ChartError> {
    let text = file.text()?;
    decode(&text, &YamlLimits::default(), |decoder, node| metadata.read(decoder, node)).map(|_| ()).map_err(
        |reason| {
            let reason = match helm {
                HelmVersion::Helm4 => reason,
                // The types have other names there.
                HelmVersion::Helm3 => {
                    reason.replace("of type v2.", "of type chart.").replace("[]*v2.", "[]*chart.")
                }
            };
            ChartError::Document { name: file.name.clone(), reason }
        },
    )
}

/// A lock file changes nothing in rendering, but it must be YAML.
fn check_lock(file: &RawFile<'_>) -> Result<(), ChartError> {
    let text = file.text()?;
    decode(&text, &YamlLimits::default(), |_, _| ())
        .map(|_| ())
        .map_err(|reason| ChartError::Document { name: file.name.clone(), reason })
}

fn load_subchart(
    name: &str,
    files: Vec<RawFile<'_>>,
    parent: &str,
    depth: usize,
    helm: HelmVersion,
) -> Result<Chart, ChartError> {
    let wrap = |error| match error {
        // Helm reads all files before it looks for subcharts among them.
        ChartError::Files(_) | ChartError::Irregular { .. } => error,
        error => {
            ChartError::Subchart { name: name.to_owned(), parent: parent.to_owned(), source: Box::new(error) }
        }
    };
    if Path::new(name).extension().is_some_and(|extension| extension == "tgz") {
        return match files.first() {
            Some(file) if file.name == name => {
                load_archive(&file.data()?, &file.path, depth, helm).map_err(wrap)
            }
            file => Err(ChartError::NotAnArchive {
                parent: parent.to_owned(),
                name: name.to_owned(),
                found: file.map(|file| file.name.clone()).unwrap_or_default(),
            }),
        };
    }
    let inner = files
        .into_iter()
        .filter_map(|file| {
            let (_, inner) = file.name.split_once('/')?;
            Some(RawFile { name: inner.to_owned(), ..file })
        })
        .collect();
    load_files(inner, depth, helm).map_err(wrap)
}
