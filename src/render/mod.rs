//! From a snapshot and an environment to the set of objects that git wants. Pure: files, time and randomness come in as
//! arguments. One component's failure leaves the others alone.

mod cache;
mod chart;
mod component;
mod error;
mod lookup;
mod origins;
mod places;
mod plain;
mod random;
mod sealed;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

pub use cache::RenderCache;
pub use error::RenderError;
pub use lookup::{LookedUp, still_holds};
pub use origins::{Written, origins};

use crate::environment::{Loaded, PRODUCERS};
use crate::helm::limits::Limits;
use crate::helm::{Hook, Lookup, SettledValue};
use crate::manifest::{Confidential, Digest, FieldPath, Files, Manifest, SourceLine};
use crate::sops::Keyring;
use sealed::Unsealed;

pub use crate::environment::NAMESPACES;

/// What rendering works on.
pub struct RenderContext<'a> {
    /// The revision's files.
    pub files: &'a dyn Files,
    /// The environment.
    pub environment: &'a Loaded,
    /// The keys of encrypted values files and manifests.
    pub keys: &'a Keyring,
    /// The cluster's version: `v1.36.3`.
    pub kube_version: &'a str,
    /// What the cluster serves: `apps/v1`, `apps/v1/Deployment`.
    pub api_versions: &'a [String],
    /// Renderings of before.
    pub cache: &'a RenderCache,
    /// The time that templates see.
    pub now: Timestamp,
    /// What random functions of templates begin with.
    pub seed: [u8; 32],
    /// Who answers `lookup`; without, nothing is there, as in `helm template`.
    pub lookup: Option<Arc<dyn Lookup>>,
    /// What the rendering of one chart may use.
    pub limits: Limits,
}

/// An object that git wants.
#[derive(Clone, Debug)]
pub struct DesiredObject {
    /// The object.
    pub manifest: Manifest,
    /// The fields that each rendering makes up anew: they are set once.
    pub once: Vec<FieldPath>,
}

/// A hook of a chart: an object that is made at an event, and waited for.
#[derive(Clone, Debug)]
pub struct DesiredHook {
    /// The object.
    pub object: DesiredObject,
    /// When it is made, and when it is deleted.
    pub hook: Hook,
}

/// What a component renders to.
#[derive(Debug, Default)]
pub struct RenderedComponent {
    /// The objects, in the order of the rendering.
    pub objects: Vec<DesiredObject>,
    /// The hooks, in the order in which those of one event run.
    pub hooks: Vec<DesiredHook>,
    /// What was left out, each with its reason: hooks of events that do not happen.
    pub left_out: Vec<String>,
}

impl RenderedComponent {
    /// The bytes that it keeps.
    pub fn size(&self) -> usize {
        let objects = self.objects.iter().chain(self.hooks.iter().map(|hook| &hook.object));
        objects.map(|object| object.manifest.size() + 256).sum()
    }
}

/// A component of the desired set.
#[derive(Clone, Debug)]
pub struct Component {
    /// Its name.
    pub name: Arc<str>,
    /// The components that must be ready before.
    pub depends_on: Vec<Arc<str>>,
    /// The namespace where its objects land unless they say otherwise.
    pub namespace: Arc<str>,
    /// What it renders to, or why it does not.
    pub result: Result<Arc<RenderedComponent>, Arc<RenderError>>,
    /// What its templates asked the cluster for: another answer is another rendering.
    pub looked_up: Arc<LookedUp>,
}

/// Everything that git wants of an environment.
#[derive(Clone, Debug)]
pub struct DesiredSet {
    /// The environment's name.
    pub environment: Arc<str>,
    /// The components, in an order that follows `dependsOn`.
    pub components: Vec<Component>,
}

impl DesiredSet {
    /// The number of objects.
    pub fn len(&self) -> usize {
        self.components
            .iter()
            .filter_map(|component| component.result.as_ref().ok())
            .map(|one| one.objects.len())
            .sum()
    }

    /// Whether there is no object at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Renders an environment, components side by side. Never fails as a whole.
pub fn render_environment(context: &RenderContext<'_>) -> DesiredSet {
    let spec = &context.environment.environment.spec;
    let order = crate::environment::order(spec).unwrap_or_else(|_| (0..spec.components.len()).collect());
    let results = component::render_all(context);
    let name_of = |index: usize| -> Arc<str> { spec.components[index].name.as_str().into() };
    let mut components: Vec<Component> = order
        .iter()
        .map(|&index| {
            let component = &spec.components[index];
            let mut depends_on: Vec<Arc<str>> = vec![NAMESPACES.into()];
            depends_on.extend(component.depends_on.iter().map(|name| Arc::from(name.as_str())));
            Component {
                name: name_of(index),
                depends_on,
                namespace: component.namespace.as_deref().unwrap_or(&spec.namespace).into(),
                result: results[index].result.clone(),
                looked_up: results[index].looked_up.clone(),
            }
        })
        .collect();
    if !spec.producers.is_empty() {
        components.push(Component {
            name: PRODUCERS.into(),
            depends_on: vec![NAMESPACES.into()],
            namespace: spec.namespace.as_str().into(),
            result: component::producers(context),
            looked_up: Arc::default(),
        });
    }
    let namespaces = component::namespaces(context, &components);
    components.insert(0, namespaces);
    let mut desired =
        DesiredSet { environment: context.environment.environment.metadata.name.as_str().into(), components };
    component::refuse_duplicates(&mut desired);
    desired
}

/// What `helm template` prints of a component with the values that the environment gives it, to the byte; nothing where it
/// is no chart. An error says why the chart cannot be rendered.
pub fn helm_text(context: &RenderContext<'_>, component: &str) -> Option<Result<String, RenderError>> {
    let components = &context.environment.environment.spec.components;
    let index = components.iter().position(|each| each.name == component && each.chart.is_some())?;
    Some(chart::text(context, index))
}

/// The values that the templates of a component's chart see.
#[derive(Debug)]
pub struct ComponentValues {
    /// All of them.
    pub root: SettledValue,
    sealed: BTreeSet<SourceLine>,
    confidential: Option<Arc<Confidential>>,
}

impl ComponentValues {
    /// Whether a value was encrypted, or holds what was: it must not be seen.
    pub fn is_sealed(&self, value: &Value, line: Option<&SourceLine>) -> bool {
        line.is_some_and(|line| self.sealed.contains(line))
            || self.confidential.as_ref().is_some_and(|confidential| confidential.is_in(value))
    }
}

/// The values that the templates of a component's chart see, with their lines; nothing where it is no chart.
pub fn component_values(
    context: &RenderContext<'_>,
    component: &str,
) -> Option<Result<ComponentValues, RenderError>> {
    let components = &context.environment.environment.spec.components;
    let index = components.iter().position(|each| each.name == component && each.chart.is_some())?;
    let unsealed = Unsealed::default();
    let root = chart::values(context, &unsealed, index);
    let confidential = unsealed.confidential();
    Some(match root {
        Ok(root) => Ok(ComponentValues { root, sealed: unsealed.lines(), confidential }),
        Err(error) => Err(error.scrubbed(confidential.as_deref())),
    })
}

/// The digest of what a component's rendering depends on.
pub(crate) type CacheKey = Digest;
