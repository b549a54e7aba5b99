//! A chart and values into manifests: what `helm template` does (Helm's pkg/action and pkg/cmd).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use super::capabilities::Capabilities;
use super::chart::{Chart, ChartFile};
use super::context::{self, is_partial};
use super::dependencies::{Release as Tree, is_compatible};
use super::go::quote::quote;
use super::limits::Limits;
use super::lookup::Lookup;
use super::origin::OriginTable;
use super::schema;
use super::sort::{self, Hook};
use super::template::{ExecEnv, HelmVersion, Output, Span, TemplateError, TemplateSet, Written};
use super::value::{Map, MapType, Str, Value};
use super::values::coalesce::{Nulls, coalesce};
use super::values::{Origins, SetError, SettledValue, ValuesLayer, merge_layers};
use super::warnings::{Level, Warnings};
use super::yaml::Node;

/// The longest name that a release may have.
const MAX_RELEASE_NAME: usize = 53;

/// The release that is rendered: `.Release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// The namespace that its objects land in unless they say otherwise.
    pub namespace: String,
    /// Its number, from 1.
    pub revision: u32,
    /// Whether templates see an upgrade instead of an installation.
    pub is_upgrade: bool,
}

/// All that a rendering depends on: the same request, with the same answers to its lookups, gives the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct RenderRequest<'a> {
    /// The chart.
    pub chart: &'a Chart,
    /// The user's values, later ones over earlier ones.
    pub layers: &'a [ValuesLayer],
    /// The release.
    pub release: &'a Release,
    /// What the cluster offers.
    pub capabilities: &'a Capabilities,
    /// The beginning of all randomness.
    pub seed: [u8; 32],
    /// What `now` says.
    pub now: jiff::Timestamp,
    /// Who answers `lookup`; without, nothing is there, as in `helm template`.
    pub lookup: Option<&'a Arc<dyn Lookup>>,
    /// What the rendering may use.
    pub limits: Limits,
    /// Whether to keep, for each part of the output, who wrote it; costs time.
    pub origins: bool,
    /// Whether values are taken without asking `values.schema.json`.
    pub skip_schema: bool,
    /// Whether documents are also given as YAML, for who looks into them.
    pub nodes: bool,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct ReleaseOutput {
    /// The manifests in the order in which Helm installs and prints them.
    pub manifests: Vec<RenderedFile>,
    /// The hooks in Helm's order.
    pub hooks: Vec<RenderedFile>,
    /// The files under `crds/`, as they are.
    pub crds: Vec<RenderedFile>,
    /// What `NOTES.txt` says.
    pub notes: Option<String>,
    /// Whether a function was called that gives something else each time: random, time, certificates.
    pub nondeterministic: bool,
    /// The lines behind the numbers in spans.
    pub origins: OriginTable,
    /// The files behind the names of templates.
    pub templates: BTreeMap<Str, Arc<str>>,
    /// Whose bytes they are.
    pub helm: HelmVersion,
}

/// One document of a rendered template, or one file of `crds/`.
#[derive(Clone, Debug)]
pub struct RenderedFile {
    /// The template's name as Helm prints it: `trino/templates/coordinator.yaml`.
    pub source: Str,
    /// The file's path from the root of the repository.
    pub path: Arc<str>,
    /// The number of the document in what the template wrote, from 0.
    pub document: u32,
    /// The kind that it says; empty if it does not.
    pub kind: String,
    /// The name that it says; empty if it does not.
    pub name: String,
    /// The text as YAML, if it was asked for; `None` for files of `crds/`.
    pub node: Option<Node>,
    /// What it is as a hook.
    pub hook: Option<Hook>,
    text: Text,
}

/// Where a document's text is.
#[derive(Clone, Debug)]
enum Text {
    /// A file of the chart as it is.
    File(ChartFile),
    /// A part of what a template wrote, and who wrote which part of that.
    Part { whole: Str, part: Range<usize>, written: Arc<Written> },
}

impl RenderedFile {
    /// The text, from the document's first character that is not blank on.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.text {
            Text::File(file) => Cow::Owned(String::from_utf8_lossy(&file.data()).into_owned()),
            Text::Part { whole, part, .. } => Cow::Borrowed(&whole[part.clone()]),
        }
    }

    /// Who wrote the text between two offsets, counted from the first; nothing unless origins were asked for.
    pub fn spans(&self, start: usize, end: usize) -> Vec<Span> {
        match &self.text {
            Text::File(_) => Vec::new(),
            Text::Part { part, written, .. } => {
                written.spans(part.start + start, part.end.min(part.start + end))
            }
        }
    }
}

/// Why a release cannot be rendered. The texts are Helm's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelmError {
    /// A flag of the command line cannot be understood.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A library cannot be a release.
    #[error("{kind} charts are not installable")]
    NotInstallable {
        /// The chart's type.
        kind: String,
    },
    /// Charts that `Chart.yaml` names are not there.
    #[error(
        "{} to fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: {}",
        match helm {
            HelmVersion::Helm4 =>
                "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build'",
            HelmVersion::Helm3 =>
                "An error occurred while checking for chart dependencies. You may need to run `helm dependency build`",
        },
        names.join(", ")
    )]
    MissingDependencies {
        /// Their names.
        names: Vec<String>,
        /// Whose words to use.
        helm: HelmVersion,
    },
    /// The release has no name.
    #[error("{}release name \"\": no name provided", if_helm_4(*helm, "release name check failed: "))]
    NoReleaseName {
        /// Whose words to use.
        helm: HelmVersion,
    },
    /// A name that Kubernetes would not take.
    #[error(
        "{}release name {}: invalid release name, must match regex \
         ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53",
        if_helm_4(*helm, "release name check failed: "), quote(name)
    )]
    ReleaseName {
        /// The name.
        name: String,
        /// Whose words to use.
        helm: HelmVersion,
    },
    /// Values and dependencies do not fit together.
    #[error("{}{reason}", if_helm_4(*helm, "chart dependencies processing failed: "))]
    Dependencies {
        /// Helm's words.
        reason: String,
        /// Whose words to use.
        helm: HelmVersion,
    },
    /// Values do not fit the charts.
    #[error("{reason}")]
    Values {
        /// Helm's words.
        reason: String,
    },
    /// Values are not what a chart's schema wants.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{report}")]
    Schema {
        /// The charts with what is wrong in each.
        report: String,
    },
    /// The chart is for other versions of Kubernetes.
    #[error("chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {found}")]
    KubeVersion {
        /// The range that the chart wants.
        wanted: String,
        /// The cluster's version.
        found: String,
    },
    /// A template cannot be parsed or executed.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// What a template wrote is no manifest.
    #[error("YAML parse error on {source_name}: {reason}")]
    Manifest {
        /// The template.
        source_name: Str,
        /// What YAML or Go's JSON decoder says.
        reason: String,
        /// What all templates wrote, for people to find the mistake in.
        written: String,
    },
    /// `--show-only` names a template that wrote nothing.
    #[error("could not find template {pattern} in chart")]
    ShowOnly {
        /// The pattern.
        pattern: String,
    },
    /// More output than allowed.
    #[error(
        "the chart renders more than {limit} bytes: split it, or raise the limit of a rendering's output"
    )]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

impl HelmError {
    /// Whether Helm had begun to render, in which case `helm template` adds a hint about `--debug`.
    pub fn is_from_rendering(&self) -> bool {
        matches!(self, Self::KubeVersion { .. } | Self::Template(_) | Self::Manifest { .. })
    }
}

/// Words that Helm 3 does not put in front.
fn if_helm_4(helm: HelmVersion, words: &'static str) -> &'static str {
    if helm == HelmVersion::Helm4 { words } else { "" }
}

/// Renders a release.
pub fn render(request: &RenderRequest<'_>) -> Result<ReleaseOutput, HelmError> {
    render_and_warn(request, &mut Warnings::new(request.chart.helm()))
}

/// Renders a release; what Helm's log would say of it is added to `warnings`, also where it fails.
pub fn render_and_warn(
    request: &RenderRequest<'_>,
    warnings: &mut Warnings,
) -> Result<ReleaseOutput, HelmError> {
    let helm = request.chart.helm();
    let Settled { tree, values, origins } = settled(request, warnings)?;
    if !request.skip_schema {
        schema::validate(&tree, &values).map_err(|report| HelmError::Schema { report })?;
    }
    let wanted = &tree.metadata.kube_version;
    let found = &request.capabilities.kube_version;
    if !wanted.is_empty() && !is_compatible(wanted, found.normalized()) {
        let found = match helm {
            HelmVersion::Helm4 => found.version(),
            HelmVersion::Helm3 => found.normalized(),
        };
        return Err(HelmError::KubeVersion { wanted: wanted.clone(), found: found.to_owned() });
    }

    let mut output = execute(request, &tree, &values, warnings)?;
    output.crds = crds(&tree);
    output.origins = origins.table;
    Ok(output)
}

/// The values that the chart's templates would see, whatever its schema says of them.
pub fn settle(request: &RenderRequest<'_>) -> Result<SettledValue, HelmError> {
    let Settled { values, origins, .. } = settled(request, &mut Warnings::new(request.chart.helm()))?;
    Ok(SettledValue::of(&values, &origins.table))
}

/// The charts that take part, and the values of all of them.
struct Settled<'a> {
    tree: Tree<'a>,
    values: Map,
    origins: Origins,
}

fn settled<'a>(request: &RenderRequest<'a>, warnings: &mut Warnings) -> Result<Settled<'a>, HelmError> {
    let helm = request.chart.helm();
    warnings.extend(&request.chart.warnings);
    let mut origins = Origins { kept: request.origins, ..Origins::default() };
    let user_values = merge_layers(request.layers, &mut origins, helm)?;
    let mut tree = Tree::new(request.chart, &mut origins);
    check_installable(&tree)?;
    if tree.metadata.deprecated {
        warnings.log(Level::Warn, "this chart is deprecated", &[], "", "WARNING: This chart is deprecated");
    }
    check_dependencies(&tree, helm)?;
    check_release_name(&request.release.name, helm).inspect_err(|error| {
        let text = error.to_string();
        let what = "release name check failed";
        warnings.failed(what, text.trim_start_matches(what).trim_start_matches(": "));
    })?;
    tree.process(&user_values, warnings).map_err(|reason| {
        warnings.failed("chart dependencies processing failed", &reason);
        HelmError::Dependencies { reason, helm }
    })?;

    let values = coalesce(&tree, &user_values, Nulls::Delete, warnings)
        .map_err(|reason| HelmError::Values { reason })?;
    Ok(Settled { tree, values, origins })
}

fn check_installable(tree: &Tree<'_>) -> Result<(), HelmError> {
    let kind = &tree.metadata.chart_type;
    if !matches!(kind.as_str(), "" | "application") {
        return Err(HelmError::NotInstallable { kind: kind.clone() });
    }
    Ok(())
}

fn check_dependencies(tree: &Tree<'_>, helm: HelmVersion) -> Result<(), HelmError> {
    let names: Vec<String> = tree.missing().into_iter().map(str::to_owned).collect();
    if names.is_empty() { Ok(()) } else { Err(HelmError::MissingDependencies { names, helm }) }
}

fn check_release_name(name: &str, helm: HelmVersion) -> Result<(), HelmError> {
    if name.is_empty() {
        return Err(HelmError::NoReleaseName { helm });
    }
    let label = |label: &str| {
        let edge =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let bytes = label.as_bytes();
        edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    };
    if name.len() > MAX_RELEASE_NAME || !name.split('.').all(label) {
        return Err(HelmError::ReleaseName { name: name.to_owned(), helm });
    }
    Ok(())
}

fn execute(
    request: &RenderRequest<'_>,
    tree: &Tree<'_>,
    values: &Map,
    warnings: &mut Warnings,
) -> Result<ReleaseOutput, HelmError> {
    let helm = request.chart.helm();
    let release = Value::map([
        ("Name", Value::from(request.release.name.as_str())),
        ("Namespace", Value::from(request.release.namespace.as_str())),
        ("IsUpgrade", Value::from(request.release.is_upgrade)),
        ("IsInstall", Value::from(!request.release.is_upgrade)),
        ("Revision", Value::Int(request.release.revision.into())),
        ("Service", Value::from("Helm")),
    ]);
    let templates = context::templates(tree, &release, &request.capabilities.value(helm), values);
    let mut set = TemplateSet::new();
    for (name, template) in &templates {
        set.add_parsed(&template.file.parsed(name, helm)?);
    }
    let env = ExecEnv {
        seed: request.seed,
        now: request.now,
        lookup: request.lookup.cloned(),
        limits: request.limits,
        origins: request.origins,
        helm_version: helm,
        ..ExecEnv::default()
    };
    let mut renderer = set.renderer(&env);
    let mut written = BTreeMap::new();
    let mut output = ReleaseOutput::default();
    let mut bytes = 0;
    for (name, template) in &templates {
        if is_partial(name) {
            continue;
        }
        let about = Map::of(MapType::values(helm));
        about.insert("Name", Str::clone(name));
        about.insert("BasePath", Str::clone(&template.base_path));
        template.root.insert("Template", about);
        let result = renderer.execute(name, Value::Map(template.root.clone()))?;
        output.nondeterministic |= result.nondeterministic;
        bytes += result.text.len();
        if bytes > request.limits.output_bytes {
            return Err(HelmError::TooLarge { limit: request.limits.output_bytes });
        }
        written.insert(Str::clone(name), (result, Arc::clone(&template.file.path)));
    }
    let notes: Str = format!("{}/templates/NOTES.txt", tree.name).into();
    output.notes = written.remove(&notes).map(|(notes, _)| notes.text.to_string());
    written.retain(|name, _| !name.ends_with("NOTES.txt"));
    for (name, (result, path)) in &written {
        let documents = sort::documents(&result.text, request.nodes, warnings).map_err(|reason| {
            HelmError::Manifest { source_name: Str::clone(name), reason, written: whole(&written) }
        })?;
        for (number, document) in (0..).zip(documents) {
            let file = RenderedFile {
                source: Str::clone(name),
                path: Arc::clone(path),
                document: number,
                kind: document.kind,
                name: document.name,
                node: document.node,
                hook: document.hook,
                text: Text::Part {
                    whole: Str::clone(&result.text),
                    part: document.start..document.start + document.text.len(),
                    written: Arc::clone(&result.written),
                },
            };
            if file.hook.is_some() { &mut output.hooks } else { &mut output.manifests }.push(file);
        }
    }
    sort::by_kind(&mut output.manifests, helm, |file| &file.kind);
    sort::by_kind(&mut output.hooks, helm, |file| &file.kind);
    output.templates = context::sources(&templates);
    output.helm = helm;
    Ok(output)
}

/// All that templates wrote, as `--debug` shows it where it is no YAML.
fn whole(written: &BTreeMap<Str, (Output, Arc<str>)>) -> String {
    let mut text = String::new();
    for (name, (result, _)) in written.iter().filter(|(_, (result, _))| !result.text.trim().is_empty()) {
        // Writing to a string cannot fail.
        let _ = write!(text, "---\n# Source: {name}\n{}\n", result.text);
    }
    text
}

fn crds(tree: &Tree<'_>) -> Vec<RenderedFile> {
    let mut crds = Vec::new();
    tree.visit(tree.chart.helm(), &mut |chart, path| {
        for file in &chart.chart.files {
            let extension = file.name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
            if file.name.starts_with("crds/") && matches!(extension.as_deref(), Some("yaml" | "yml" | "json"))
            {
                crds.push(RenderedFile {
                    source: format!("{path}/{}", file.name).into(),
                    path: Arc::clone(&file.path),
                    document: 0,
                    kind: String::new(),
                    name: String::new(),
                    node: None,
                    hook: None,
                    text: Text::File(file.clone()),
                });
            }
        }
    });
    crds
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
