//! One component after the other, or rather two at a time: from its cache key to its objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::cache::Rendering;
use super::chart::{Asked, ChartRendering, Charts};
use super::error::RenderError;
use super::lookup::{Recorder, still_holds};
use super::{
    CacheKey, Component, DesiredHook, DesiredObject, DesiredSet, NAMESPACES, RenderContext,
    RenderedComponent, chart, plain, random, sealed::Unsealed,
};
use crate::environment::{PRODUCERS, Producer};
use crate::helm::Lookup;
use crate::manifest::{COMPONENT, Digest, FieldPath, Manifest, ManifestSource, PART_OF, apply_set_id};
use crate::producer::Described;

/// A component may have this many objects.
const OBJECTS: usize = 20_000;
/// The description of a dataset may be this long: a ConfigMap holds it.
const DESCRIPTION_BYTES: usize = 256 << 10;
/// Components are rendered on this many threads.
const THREADS: usize = 2;

/// The renderings of all components of the environment's file, in its order.
pub(super) fn render_all(context: &RenderContext<'_>) -> Vec<Rendering> {
    let count = context.environment.environment.spec.components.len();
    let results: Vec<Mutex<Option<Rendering>>> = (0..count).map(|_| Mutex::new(None)).collect();
    let (next, charts) = (AtomicUsize::new(0), Charts::of(context));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(slot) = results.get(index) else { return };
            let rendering = render_one(context, &charts, index);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(rendering);
        }
    };
    if count < 2 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 1..THREADS.min(count) {
                scope.spawn(work);
            }
            work();
        });
    }
    results
        .into_iter()
        .map(|slot| {
            let done = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
            done.unwrap_or_else(|| Rendering::failed(RenderError::Crashed))
        })
        .collect()
}

fn render_one(context: &RenderContext<'_>, charts: &Charts, index: usize) -> Rendering {
    let key = match cache_key(context, index) {
        Ok(key) => key,
        Err(error) => return Rendering::failed(error),
    };
    // What was asked of the cluster is asked again: another answer makes another rendering.
    let holds = |known: &Rendering| {
        known.looked_up.is_empty()
            || context.lookup.as_ref().is_some_and(|cluster| still_holds(&**cluster, &known.looked_up))
    };
    if let Some(known) = context.cache.get(&key).filter(holds) {
        return known;
    }
    let unsealed = Unsealed::default();
    let recorder = context.lookup.as_ref().map(|cluster| Arc::new(Recorder::new(cluster.clone())));
    let lookup = recorder.clone().map(|recorder| recorder as Arc<dyn Lookup>);
    let work = || render_component(context, &unsealed, charts, index, lookup.as_ref());
    let result = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or(Err(RenderError::Crashed))
        .map(|rendered| Arc::new(conceal(rendered, &unsealed)))
        .map_err(|error| match error {
            RenderError::Chart { chart, reason } if recorder.as_ref().is_some_and(|one| one.has_failed()) => {
                RenderError::Unanswered { chart, reason }
            }
            error => error,
        })
        .map_err(|error| Arc::new(error.scrubbed(unsealed.confidential().as_deref())));
    let looked_up = recorder.map(|recorder| Arc::new(recorder.looked_up())).unwrap_or_default();
    let rendering = Rendering { result, looked_up };
    context.cache.put(key, rendering.clone());
    rendering
}

/// The digest of everything that a component's rendering depends on: what its files hold, by their content ids, what the
/// environment says of it, what the cluster offers, the keys that open encrypted files, and this program's version.
fn cache_key(context: &RenderContext<'_>, index: usize) -> Result<CacheKey, RenderError> {
    let environment = &context.environment.environment;
    let component = &environment.spec.components[index];
    let mut parts: Vec<String> = vec![
        env!("CARGO_PKG_VERSION").to_owned(),
        environment.metadata.name.clone(),
        environment.spec.namespace.clone(),
        serde_json::to_string(component).unwrap_or_default(),
        context.kube_version.to_owned(),
        context.keys.fingerprint().to_string(),
    ];
    if component.chart.is_some() {
        parts.extend(context.api_versions.iter().cloned());
    }
    let folder = context.environment.chart_path(index)?.or(component.manifests.clone()).unwrap_or_default();
    let values = component.values.iter().map(|name| context.environment.values_path(name));
    for path in std::iter::once(folder).chain(values) {
        let entry = context.files.entry(&path)?;
        let entry = entry.ok_or_else(|| crate::manifest::FilesError::NotFound { path: path.clone() })?;
        parts.push(entry.path);
        parts.push(entry.id);
    }
    // `set` is written in the environment's file: its lines are origins, but do not change what is rendered.
    Ok(Digest::of_all(parts.iter().map(String::as_bytes)))
}

/// Notes on each object what was decrypted for its component.
fn conceal(mut rendered: RenderedComponent, unsealed: &Unsealed) -> RenderedComponent {
    let confidential = unsealed.confidential();
    if confidential.is_some() {
        let hooks = rendered.hooks.iter_mut().map(|hook| &mut hook.object);
        for object in rendered.objects.iter_mut().chain(hooks) {
            object.manifest.set_confidential(confidential.clone());
        }
    }
    rendered
}

fn render_component(
    context: &RenderContext<'_>,
    unsealed: &Unsealed,
    charts: &Charts,
    index: usize,
    lookup: Option<&Arc<dyn Lookup>>,
) -> Result<RenderedComponent, RenderError> {
    let component = &context.environment.environment.spec.components[index];
    let name: Arc<str> = component.name.as_str().into();
    if let Some(folder) = &component.manifests {
        let documents = plain::documents(context, unsealed, &name, folder)?;
        return finish(context, &name, documents, &HashMap::new(), Vec::new());
    }
    let asked = Asked { seed: context.seed, now: context.now, lookup };
    let chart = charts.get(context, index)?;
    let first = chart::render(context, unsealed, index, &chart, &asked)?;
    let once = if first.nondeterministic {
        // A day later, with other dice: what differs is made up by the template.
        let seed = Sha256::digest(context.seed).into();
        let later = context.now.checked_add(jiff::SignedDuration::from_hours(25)).unwrap_or(context.now);
        let asked = Asked { seed, now: later, lookup };
        made_up(&first, &chart::render(context, unsealed, index, &chart, &asked)?)
    } else {
        HashMap::new()
    };
    let mut rendered = finish(context, &name, first.documents, &once, first.left_out)?;
    for (mut value, source, hook) in first.hooks {
        // Not the label of the environment's objects: a hook is neither watched for drift nor deleted by git's naming it no more.
        label(&mut value, COMPONENT, &name);
        let object = desired(value, source, &once)?;
        rendered.hooks.push(DesiredHook { object, hook });
    }
    Ok(rendered)
}

/// The fields that two renderings do not agree on, by where their objects stand.
fn made_up(first: &ChartRendering, second: &ChartRendering) -> HashMap<ManifestSource, Vec<FieldPath>> {
    fn values(of: &ChartRendering) -> impl Iterator<Item = (&Value, &ManifestSource)> {
        let objects = of.documents.iter().map(|(value, source)| (value, source));
        objects.chain(of.hooks.iter().map(|(value, source, _)| (value, source)))
    }
    let identity = |value: &Value| {
        let text =
            |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("/apiVersion"), text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
    };
    let others: HashMap<_, &Value> = values(second).map(|(value, _)| (identity(value), value)).collect();
    let differences = |(value, source): (&Value, &ManifestSource)| {
        let paths = random::differences(value, others.get(&identity(value))?);
        (!paths.is_empty()).then(|| (source.clone(), paths))
    };
    values(first).filter_map(differences).collect()
}

/// An object with the fields that are set once.
fn desired(
    value: Value,
    source: ManifestSource,
    once: &HashMap<ManifestSource, Vec<FieldPath>>,
) -> Result<DesiredObject, RenderError> {
    let mut once = once.get(&source).cloned().unwrap_or_default();
    let manifest = Manifest::from_value(value, source)?;
    if manifest.is_secret() {
        once.iter_mut().for_each(as_data);
    }
    Ok(DesiredObject { manifest, once })
}

/// Makes manifests of documents: lists are split, our labels put on.
fn finish(
    context: &RenderContext<'_>,
    component: &Arc<str>,
    documents: Vec<(Value, ManifestSource)>,
    once: &HashMap<ManifestSource, Vec<FieldPath>>,
    left_out: Vec<String>,
) -> Result<RenderedComponent, RenderError> {
    let set = apply_set_id(&context.environment.environment.metadata.name);
    let mut objects = Vec::with_capacity(documents.len());
    for (value, source) in documents {
        for mut value in Manifest::split_list(value) {
            label(&mut value, PART_OF, &set);
            label(&mut value, COMPONENT, component);
            objects.push(desired(value, source.clone(), once)?);
        }
        if objects.len() > OBJECTS {
            return Err(RenderError::TooLarge {
                what: format!("component {component}: more than {OBJECTS} objects"),
                limit: format!("{OBJECTS} objects"),
            });
        }
    }
    Ok(RenderedComponent { objects, hooks: Vec::new(), left_out })
}

/// A Secret's `stringData` is sent as `data`.
fn as_data(path: &mut FieldPath) {
    if let Some(crate::manifest::PathElement::Field(name)) = path.0.first_mut()
        && name == "stringData"
    {
        "data".clone_into(name);
    }
}

fn label(value: &mut Value, name: &str, text: &str) {
    let Some(metadata) = value.get_mut("metadata").filter(|metadata| metadata.is_object()) else { return };
    if !metadata.get("labels").is_some_and(Value::is_object) {
        if metadata.get("labels").is_some_and(|labels| !labels.is_null()) {
            // Of a wrong type: the check that follows says so.
            return;
        }
        metadata["labels"] = json!({});
    }
    metadata["labels"][name] = json!(text);
}

/// The CronJobs of the producers, and the descriptions of datasets that their pods read.
pub(super) fn producers(context: &RenderContext<'_>) -> Result<Arc<RenderedComponent>, Arc<RenderError>> {
    let environment = &context.environment.environment;
    let name: Arc<str> = PRODUCERS.into();
    let mut documents = Vec::new();
    for (index, producer) in environment.spec.producers.iter().enumerate() {
        let line = context.environment.line_of(&format!("/spec/producers/{index}"));
        let document = u32::try_from(index).unwrap_or(u32::MAX);
        let source = |file: Arc<str>, line| ManifestSource { component: name.clone(), file, document, line };
        if producer.has_described_dataset() {
            let path = context.environment.dataset_path(&producer.dataset);
            let text = description(context, producer, &path).map_err(Arc::new)?;
            let config_map = crate::schedule::dataset_config_map(producer, environment, &text);
            documents.push((config_map, source(path.into(), 1)));
        }
        documents.push((crate::schedule::cron_job(producer, environment), source(line.file, line.line)));
    }
    finish(context, &name, documents, &HashMap::new(), Vec::new()).map(Arc::new).map_err(Arc::new)
}

/// The description of a producer's dataset, checked before any pod reads it.
fn description(context: &RenderContext<'_>, producer: &Producer, path: &str) -> Result<String, RenderError> {
    let wrong = |reason: String| RenderError::Producer { producer: producer.name.clone(), reason };
    let content = context.files.read(path)?;
    if content.len() > DESCRIPTION_BYTES {
        return Err(wrong(format!("{path} has {} bytes; {DESCRIPTION_BYTES} are the limit", content.len())));
    }
    let text = String::from_utf8(content.to_vec()).map_err(|_| wrong(format!("{path} is not UTF-8")))?;
    let described = Described::parse(path, &text).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        wrong(lines.join("\n"))
    })?;
    if described.name() != producer.dataset {
        let (found, wanted) = (described.name(), &producer.dataset);
        return Err(wrong(format!("{path} describes `{found}`; call it `{wanted}`, or rename the file")));
    }
    Ok(text)
}

/// The namespaces that the environment speaks of and that no component brings itself.
pub(super) fn namespaces(context: &RenderContext<'_>, components: &[Component]) -> Component {
    let environment = &context.environment.environment;
    let spec = &environment.spec;
    let mut lines: BTreeMap<&str, u32> = BTreeMap::new();
    let mut note = |namespace, pointer: String| {
        lines.entry(namespace).or_insert_with(|| context.environment.line_of(&pointer).line);
    };
    note(spec.namespace.as_str(), "/spec/namespace".to_owned());
    for (index, component) in spec.components.iter().enumerate() {
        if let Some(namespace) = &component.namespace {
            note(namespace, format!("/spec/components/{index}/namespace"));
        }
    }
    for (index, producer) in spec.producers.iter().enumerate() {
        if let Some(namespace) = &producer.namespace {
            note(namespace, format!("/spec/producers/{index}/namespace"));
        }
    }
    let brought: BTreeSet<&str> = components
        .iter()
        .filter_map(|component| component.result.as_ref().ok())
        .flat_map(|rendered| &rendered.objects)
        .filter(|object| object.manifest.group_kind().kind == "Namespace")
        .map(|object| object.manifest.name())
        .collect();
    let name: Arc<str> = NAMESPACES.into();
    let file = context.environment.line_of("").file;
    let documents = lines
        .into_iter()
        // `default` and `kube-*` are the cluster's own.
        .filter(|(namespace, _)| {
            !brought.contains(namespace) && *namespace != "default" && !namespace.starts_with("kube-")
        })
        .enumerate()
        .map(|(index, (namespace, line))| {
            let value = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            let document = u32::try_from(index).unwrap_or(u32::MAX);
            (value, ManifestSource { component: name.clone(), file: file.clone(), document, line })
        })
        .collect();
    let result =
        finish(context, &name, documents, &HashMap::new(), Vec::new()).map(Arc::new).map_err(Arc::new);
    let namespace = spec.namespace.as_str().into();
    Component { name, depends_on: Vec::new(), namespace, result, looked_up: Arc::default() }
}

/// An object that two components define would be written back and forth: the later one is refused.
pub(super) fn refuse_duplicates(desired: &mut DesiredSet) {
    let mut seen: HashMap<(String, String, String), String> = HashMap::new();
    for component in &mut desired.components {
        let Ok(rendered) = &component.result else { continue };
        let mut duplicate = None;
        let mut own: HashMap<(String, String, String), String> = HashMap::new();
        for object in &rendered.objects {
            let manifest = &object.manifest;
            let namespace = manifest.namespace().unwrap_or(&component.namespace).to_owned();
            let key = (manifest.group_kind().to_string(), namespace, manifest.name().to_owned());
            let place = manifest.source().to_string();
            if let Some(first) = seen.get(&key).or_else(|| own.get(&key)) {
                duplicate = Some(RenderError::Duplicate {
                    object: format!("{} {}/{}", key.0, key.1, key.2),
                    first: first.clone(),
                    second: place,
                });
                break;
            }
            own.insert(key, place);
        }
        match duplicate {
            Some(error) => component.result = Err(Arc::new(error)),
            None => seen.extend(own),
        }
    }
}
