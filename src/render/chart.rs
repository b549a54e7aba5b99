//! Charts, through the Helm engine.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::error::RenderError;
use super::origins::{Written, locate};
use super::sealed::Unsealed;
use super::{RenderContext, places};
use crate::helm::template::{HelmVersion, Span};
use crate::helm::{
    Capabilities, Chart, HelmError, Hook, HookEvent, KubeVersion, Lookup, Release, ReleaseOutput,
    RenderRequest, RenderedFile, SettledValue, Shown, ValuesLayer, render as helm, settle,
};
use crate::manifest::{FieldPath, ManifestSource, Origin, SourceLine};

/// What else a rendering depends on.
pub(super) struct Asked<'a> {
    /// What random functions begin with.
    pub seed: [u8; 32],
    /// The time that templates see.
    pub now: Timestamp,
    /// Who answers `lookup`.
    pub lookup: Option<&'a Arc<dyn Lookup>>,
}

impl<'a> Asked<'a> {
    fn of(context: &'a RenderContext<'_>) -> Self {
        Self { seed: context.seed, now: context.now, lookup: context.lookup.as_ref() }
    }
}

/// How many charts are kept while others are rendered; a parsed one takes some MiB.
const SHARED: usize = 32;

/// The charts of an environment that several of its components use: each is read and parsed once. The others are kept by nobody.
pub(super) struct Charts(HashMap<ChartKey, OnceLock<Arc<Chart>>>);

/// A chart's folder, and whose rules it is read by.
type ChartKey = (String, HelmVersion);

impl Charts {
    pub(super) fn of(context: &RenderContext<'_>) -> Self {
        let mut used: HashMap<ChartKey, usize> = HashMap::new();
        let components = 0..context.environment.environment.spec.components.len();
        components
            .filter_map(|index| key(context, index).ok())
            .for_each(|key| *used.entry(key).or_default() += 1);
        let shared = used.into_iter().filter(|(_, count)| *count > 1).take(SHARED);
        Self(shared.map(|(key, _)| (key, OnceLock::new())).collect())
    }

    /// The chart of a component.
    pub(super) fn get(&self, context: &RenderContext<'_>, index: usize) -> Result<Arc<Chart>, RenderError> {
        let shared = self.0.get(&key(context, index)?);
        if let Some(chart) = shared.and_then(OnceLock::get) {
            return Ok(Arc::clone(chart));
        }
        let chart = Arc::new(load(context, index)?);
        // Of two threads that read it at once one is heard.
        Ok(shared.map_or(chart.clone(), |shared| Arc::clone(shared.get_or_init(|| chart))))
    }
}

fn key(context: &RenderContext<'_>, index: usize) -> Result<ChartKey, RenderError> {
    let path = context.environment.chart_path(index)?.unwrap_or_default();
    let component = &context.environment.environment.spec.components[index];
    Ok((path, if component.helm == Some(3) { HelmVersion::Helm3 } else { HelmVersion::Helm4 }))
}

fn load(context: &RenderContext<'_>, index: usize) -> Result<Chart, RenderError> {
    let (folder, helm) = key(context, index)?;
    let chart = Chart::load_as(context.files, &folder, helm)
        .map_err(|error| RenderError::Chart { chart: folder.clone(), reason: error.to_string() })?;
    refuse_sealed(context, &folder)?;
    Ok(chart)
}

/// What a chart renders to.
pub(super) struct ChartRendering {
    /// Its objects, with their places.
    pub documents: Vec<(Value, ManifestSource)>,
    /// Whether a template asked for the time or for something random.
    pub nondeterministic: bool,
    /// Its hooks of installing and upgrading, in the order in which those of one event run.
    pub hooks: Vec<(Value, ManifestSource, Hook)>,
    /// What was left out: the other hooks.
    pub left_out: Vec<String>,
}

/// Renders a component of this chart.
pub(super) fn render(
    context: &RenderContext<'_>,
    unsealed: &Unsealed,
    index: usize,
    chart: &Chart,
    asked: &Asked<'_>,
) -> Result<ChartRendering, RenderError> {
    let output = with_request(context, unsealed, index, chart, asked, false, helm)?;
    let component: Arc<str> = context.environment.environment.spec.components[index].name.as_str().into();
    let mut documents = Vec::new();
    for file in &output.crds {
        // A CRD is an object like any other, applied in its component's first stage.
        let nodes =
            crate::helm::yaml::parse_documents(&file.text(), &crate::helm::yaml::YamlLimits::default())
                .map_err(|error| RenderError::Yaml {
                    file: file.path.to_string(),
                    reason: error.to_string(),
                })?;
        for (number, node) in (0..).zip(nodes) {
            let value = node.to_json();
            if !value.is_null() {
                documents.push((value, source(&component, file, file.document + number)));
            }
        }
    }
    for file in &output.manifests {
        let value = file.node.as_ref().map(crate::helm::yaml::Node::to_json).unwrap_or_default();
        if !value.is_null() {
            documents.push((value, source(&component, file, file.document)));
        }
    }
    let (mut hooks, mut left_out) = (Vec::new(), Vec::new());
    let mut in_order: Vec<&RenderedFile> = output.hooks.iter().collect();
    // As Helm does (pkg/action/hooks.go): they stand in the order of their kinds, but names go before that.
    in_order.sort_by_key(|file| (file.hook.as_ref().map_or(0, |hook| hook.weight), &file.name));
    for file in in_order {
        let (Some(hook), Some(node)) = (&file.hook, &file.node) else { continue };
        if hook.events.iter().any(|event| RUN.contains(event)) {
            hooks.push((node.to_json(), source(&component, file, file.document), hook.clone()));
        } else if !hook.is_test() {
            left_out.push(format!(
                "{} {} of {} is a hook of deleting or of rolling back: such are not run",
                file.kind, file.name, file.source
            ));
        }
    }
    Ok(ChartRendering { documents, hooks, nondeterministic: output.nondeterministic, left_out })
}

/// The events at which hooks are run.
const RUN: [HookEvent; 4] =
    [HookEvent::PreInstall, HookEvent::PreUpgrade, HookEvent::PostInstall, HookEvent::PostUpgrade];

/// What `helm template` prints of the component, to the byte.
pub(super) fn text(context: &RenderContext<'_>, index: usize) -> Result<String, RenderError> {
    let output = release(context, &Unsealed::default(), index, &Asked::of(context), false)?;
    output.to_text(&Shown::default()).map_err(|error| RenderError::Chart {
        chart: context.environment.environment.spec.components[index].name.clone(),
        reason: error.to_string(),
    })
}

fn source(component: &Arc<str>, file: &RenderedFile, document: u32) -> ManifestSource {
    ManifestSource { component: component.clone(), file: file.path.clone(), document, line: 1 }
}

/// What random functions of one release begin with: two releases with the same templates make up different passwords.
fn seed_of(seed: [u8; 32], release: &Release) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(seed);
    digest.update(format!("{}/{}", release.namespace, release.name));
    digest.finalize().into()
}

fn release(
    context: &RenderContext<'_>,
    unsealed: &Unsealed,
    index: usize,
    asked: &Asked<'_>,
    origins: bool,
) -> Result<ReleaseOutput, RenderError> {
    with_request(context, unsealed, index, &load(context, index)?, asked, origins, helm)
}

/// The values that the templates of a component's chart see.
pub(super) fn values(
    context: &RenderContext<'_>,
    unsealed: &Unsealed,
    index: usize,
) -> Result<SettledValue, RenderError> {
    let chart = load(context, index)?;
    with_request(context, unsealed, index, &chart, &Asked::of(context), true, settle)
}

/// What Helm makes of a component.
fn with_request<T>(
    context: &RenderContext<'_>,
    unsealed: &Unsealed,
    index: usize,
    chart: &Chart,
    asked: &Asked<'_>,
    origins: bool,
    make: impl FnOnce(&RenderRequest<'_>) -> Result<T, HelmError>,
) -> Result<T, RenderError> {
    let spec = &context.environment.environment.spec;
    let component = &spec.components[index];
    let (folder, helm_version) = key(context, index)?;
    let wrong = |reason: String| RenderError::Chart { chart: folder.clone(), reason };
    let mut layers = Vec::with_capacity(component.values.len() + 1);
    for name in &component.values {
        let path = context.environment.values_path(name);
        let text = unsealed.read(context, &path)?;
        let layer = ValuesLayer::from_yaml_as(path.as_str(), &text, helm_version)
            .map_err(|error| wrong(error.to_string()))?;
        layers.push(layer);
    }
    if let Some(node) = context.environment.set_of(index) {
        layers.push(ValuesLayer::from_node(context.environment.file.clone(), node.clone()));
    }
    let release = Release {
        name: component.name.clone(),
        namespace: component.namespace.as_ref().unwrap_or(&spec.namespace).clone(),
        revision: 1,
        is_upgrade: false,
    };
    // Without a cluster, what Helm assumes without one.
    let capabilities = if context.api_versions.is_empty() {
        Capabilities::default()
    } else {
        let version = KubeVersion::parse(context.kube_version).map_err(|error| wrong(error.to_string()))?;
        Capabilities::of_cluster(version, context.api_versions)
    };
    make(&RenderRequest {
        chart,
        layers: &layers,
        release: &release,
        capabilities: &capabilities,
        seed: seed_of(asked.seed, &release),
        now: asked.now,
        lookup: asked.lookup,
        limits: context.limits,
        origins,
        skip_schema: false,
        nodes: true,
    })
    .map_err(|error| wrong(places::in_words(&error.to_string(), &chart.metadata().name, &folder, &layers)))
}

/// A chart's default values that are encrypted would be rendered as they stand, and nobody would notice.
fn refuse_sealed(context: &RenderContext<'_>, folder: &str) -> Result<(), RenderError> {
    let file = format!("{folder}/values.yaml");
    let Ok(content) = context.files.read(&file) else { return Ok(()) };
    let sealed = std::str::from_utf8(&content).is_ok_and(crate::sops::is_encrypted);
    if sealed { Err(RenderError::SealedChart { file }) } else { Ok(()) }
}

/// The origin of each field of an object that stood at `source`: the chart is rendered once more with a trace.
pub(super) fn origins(
    context: &RenderContext<'_>,
    index: usize,
    source: &ManifestSource,
    paths: &[FieldPath],
) -> Vec<Option<Written>> {
    let nothing = || vec![None; paths.len()];
    let unsealed = Unsealed::default();
    let Ok(output) = release(context, &unsealed, index, &Asked::of(context), true) else {
        return nothing();
    };
    let here = |file: &&RenderedFile| file.path == source.file && file.document == source.document;
    let Some(file) = output.manifests.iter().chain(&output.hooks).find(here) else { return nothing() };
    let Some(node) = &file.node else { return nothing() };
    let sealed = unsealed.lines();
    paths
        .iter()
        .map(|path| {
            let mark = locate(node, path);
            Some(Written::new(origin(&output, &span_at(file, mark.offset as usize)?), &sealed))
        })
        .collect()
}

/// The span that wrote a field: of those on its line the one that read values, since that is what a person would change;
/// else the one at the field itself.
fn span_at(file: &RenderedFile, offset: usize) -> Option<Span> {
    let text = file.text();
    let end = text.get(offset..)?.find('\n').map_or(text.len(), |length| offset + length);
    let mut on_line = file.spans(offset, end);
    let reading = on_line.iter().position(|span| !span.values.is_empty()).unwrap_or(0);
    (reading < on_line.len()).then(|| on_line.swap_remove(reading))
}

fn origin(output: &ReleaseOutput, span: &Span) -> Origin {
    let file = output.templates.get(&*span.template).cloned().unwrap_or_else(|| span.template.clone());
    Origin {
        template: SourceLine { file, line: span.line },
        values: span.values.iter().filter_map(|id| output.origins.get(*id)).collect(),
    }
}
