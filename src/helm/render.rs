//! A chart and values into manifests: what `helm template` does (Helm's pkg/action and pkg/cmd).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::capabilities::Capabilities;
use super::chart::Chart;
use super::context::{self, is_partial};
use super::dependencies::{Release as Tree, is_compatible};
use super::go::quote::quote;
use super::limits::Limits;
use super::origin::OriginTable;
use super::schema;
use super::sort::{self, Hook};
use super::template::{ExecEnv, HelmVersion, Span, TemplateError, TemplateSet};
use super::value::{Map, MapType, Str, Value};
use super::values::coalesce::{Nulls, coalesce};
use super::values::{Origins, SetError, ValuesLayer, merge_layers};
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

/// All that a rendering depends on: the same request gives the same bytes.
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
    /// What the rendering may use.
    pub limits: Limits,
    /// Which Helm's bytes to write.
    pub helm_version: HelmVersion,
    /// Whether to keep, for each part of the output, who wrote it; costs time.
    pub origins: bool,
    /// Whether values are taken without asking `values.schema.json`.
    pub skip_schema: bool,
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
    /// What Helm would warn of on standard error.
    pub warnings: Vec<String>,
    /// The lines behind the numbers in spans.
    pub origins: OriginTable,
    /// The files behind the names of templates.
    pub templates: BTreeMap<Str, Arc<str>>,
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
    /// The text, from the document's first character that is not blank on.
    pub text: String,
    /// The kind that it says; empty if it does not.
    pub kind: String,
    /// The name that it says; empty if it does not.
    pub name: String,
    /// The text as YAML; `None` for files of `crds/`.
    pub node: Option<Node>,
    /// What it is as a hook.
    pub hook: Option<Hook>,
    /// Who wrote which part of the text; empty unless asked for.
    pub spans: Vec<Span>,
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
        "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch \
         missing dependencies: found in Chart.yaml, but missing in charts/ directory: {}", names.join(", ")
    )]
    MissingDependencies {
        /// Their names.
        names: Vec<String>,
    },
    /// The release has no name.
    #[error("release name check failed: release name \"\": no name provided")]
    NoReleaseName,
    /// A name that Kubernetes would not take.
    #[error(
        "release name check failed: release name {}: invalid release name, must match regex \
         ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53",
        quote(name)
    )]
    ReleaseName {
        /// The name.
        name: String,
    },
    /// Values and dependencies do not fit together.
    #[error("chart dependencies processing failed: {reason}")]
    Dependencies {
        /// Helm's words.
        reason: String,
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

/// Renders a release.
pub fn render(request: &RenderRequest<'_>) -> Result<ReleaseOutput, HelmError> {
    let mut origins = Origins { kept: request.origins, ..Origins::default() };
    let mut warnings = Vec::new();
    let user_values = merge_layers(request.layers, &mut origins)?;
    let mut tree = Tree::new(request.chart, &mut origins);
    check_installable(&tree)?;
    check_release_name(&request.release.name)?;
    tree.process(&user_values, &mut warnings).map_err(|reason| HelmError::Dependencies { reason })?;

    let values = coalesce(&tree, &user_values, Nulls::Delete, &mut warnings)
        .map_err(|reason| HelmError::Values { reason })?;
    if !request.skip_schema {
        schema::validate(&tree, &values).map_err(|report| HelmError::Schema { report })?;
    }
    let wanted = &tree.metadata.kube_version;
    let found = &request.capabilities.kube_version;
    if !wanted.is_empty() && !is_compatible(wanted, found.normalized()) {
        return Err(HelmError::KubeVersion { wanted: wanted.clone(), found: found.version().to_owned() });
    }

    let mut output = execute(request, &tree, &values)?;
    output.crds = crds(&tree);
    output.origins = origins.table;
    output.warnings = warnings;
    Ok(output)
}

fn check_installable(tree: &Tree<'_>) -> Result<(), HelmError> {
    let kind = &tree.metadata.chart_type;
    if !matches!(kind.as_str(), "" | "application") {
        return Err(HelmError::NotInstallable { kind: kind.clone() });
    }
    let names: Vec<String> = tree.missing().into_iter().map(str::to_owned).collect();
    if names.is_empty() { Ok(()) } else { Err(HelmError::MissingDependencies { names }) }
}

fn check_release_name(name: &str) -> Result<(), HelmError> {
    if name.is_empty() {
        return Err(HelmError::NoReleaseName);
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
        return Err(HelmError::ReleaseName { name: name.to_owned() });
    }
    Ok(())
}

fn execute(request: &RenderRequest<'_>, tree: &Tree<'_>, values: &Map) -> Result<ReleaseOutput, HelmError> {
    let release = Value::map([
        ("Name", Value::from(request.release.name.as_str())),
        ("Namespace", Value::from(request.release.namespace.as_str())),
        ("IsUpgrade", Value::from(request.release.is_upgrade)),
        ("IsInstall", Value::from(!request.release.is_upgrade)),
        ("Revision", Value::Int(request.release.revision.into())),
        ("Service", Value::from("Helm")),
    ]);
    let templates = context::templates(tree, &release, &request.capabilities.value(), values);
    let mut set = TemplateSet::new();
    for (name, template) in &templates {
        set.add_parsed(&template.file.parsed(name)?);
    }
    let env = ExecEnv {
        seed: request.seed,
        now: request.now,
        limits: request.limits,
        origins: request.origins,
        helm_version: request.helm_version,
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
        let about = Map::of(MapType::Values);
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
    let notes = format!("{}/templates/NOTES.txt", tree.name);
    for (name, (result, path)) in written {
        if name.ends_with("NOTES.txt") {
            if *name == *notes {
                output.notes = Some(result.text);
            }
            continue;
        }
        let documents = sort::documents(&result.text)
            .map_err(|reason| HelmError::Manifest { source_name: Str::clone(&name), reason })?;
        for (number, document) in (0..).zip(documents) {
            let file = RenderedFile {
                source: Str::clone(&name),
                path: Arc::clone(&path),
                document: number,
                text: document.text.to_owned(),
                kind: document.kind,
                name: document.name,
                node: Some(document.node),
                hook: document.hook,
                spans: cut(&result.spans, document.start, document.text.len()),
            };
            if file.hook.is_some() { &mut output.hooks } else { &mut output.manifests }.push(file);
        }
    }
    sort::by_kind(&mut output.manifests, |file| &file.kind);
    sort::by_kind(&mut output.hooks, |file| &file.kind);
    output.templates = context::sources(&templates);
    Ok(output)
}

/// The spans of a part of a text, counted from where the part begins.
fn cut(spans: &[Span], start: usize, length: usize) -> Vec<Span> {
    let end = start + length;
    spans
        .iter()
        .filter(|span| span.start < end && span.end > start)
        .map(|span| Span {
            start: span.start.max(start) - start,
            end: span.end.min(end) - start,
            ..span.clone()
        })
        .collect()
}

fn crds(tree: &Tree<'_>) -> Vec<RenderedFile> {
    let mut crds = Vec::new();
    tree.visit(&mut |chart, path| {
        for file in &chart.chart.files {
            let extension = file.name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
            if file.name.starts_with("crds/") && matches!(extension.as_deref(), Some("yaml" | "yml" | "json"))
            {
                crds.push(RenderedFile {
                    source: format!("{path}/{}", file.name).into(),
                    path: Arc::clone(&file.path),
                    document: 0,
                    text: String::from_utf8_lossy(&file.data).into_owned(),
                    kind: String::new(),
                    name: String::new(),
                    node: None,
                    hook: None,
                    spans: Vec::new(),
                });
            }
        }
    });
    crds
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
