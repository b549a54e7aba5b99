//! What an agent would do now: the very plan that it would carry out, and of each object what that would change, asked
//! of the server by dry-runs. Nothing is written: the connection is one whose lease is never held.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use serde_json::Value;

use super::AgentError;
use super::apply::{ASK, belongs_elsewhere, managers, read_observed, unreplaceable};
use super::charts::Charts;
use super::environment::{Neighbour, former_names, neighbours};
use super::jobs::{account_of, random_seed, render};
use super::keys::KeySource;
use super::start::known_kinds;
use super::sync::Rendered;
use crate::cluster::{
    ApiError, Cluster, ClusterOptions, HookRecords, InventoryStore, Offer, Permit, migration,
};
use crate::helm::limits::Limits;
use crate::manifest::{Manifest, ObjectKey, PART_OF, SecretKey, apply_set_id};
use crate::plan::{
    self, Action, Change, Comparison, HookRecord, Inventory, ObservedSet, Plan, Policy, PrunePlan, Resource,
    Step,
};
use crate::render::{Component, NAMESPACES, RenderCache, RenderContext, RenderedComponent, origins};
use crate::sops::Keyring;
use crate::source::{ChartStore, Revision, Snapshot, Source};

/// Requests under way at once.
const CONCURRENCY: usize = 16;
/// Renderings are kept up to this size, for their origins.
const CACHE_BYTES: usize = 64 << 20;

/// What a preview is made of.
#[derive(Clone, Debug)]
pub struct PreviewOptions {
    /// The cluster.
    pub cluster: ClusterOptions,
    /// The environment's name.
    pub environment: String,
    /// The namespace of the agent's own objects.
    pub namespace: String,
    /// The service account, of the environment's namespace, that environments are kept by which name none.
    pub default_service_account: Option<String>,
    /// Where the keys of encrypted files lie.
    pub keys: KeySource,
    /// Where charts from elsewhere come from.
    pub charts: Arc<ChartStore>,
    /// What the rendering of one chart may use.
    pub limits: Limits,
}

/// How far a preview is: objects compared, of how many.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicUsize,
    total: AtomicUsize,
}

impl Progress {
    /// Objects compared, and how many there are to compare.
    pub fn get(&self) -> (usize, usize) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}

/// What would happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It would be made.
    Create,
    /// It would be made as soon as its kind is served.
    Park,
    /// It would be changed to what git says.
    Update,
    /// It would be put back to what git says.
    Correct,
    /// It is there, of other tools, and would become ours.
    Adopt,
    /// It would be deleted and made anew.
    Replace,
    /// It would not be touched: a person holds it.
    Hold,
    /// It could not be applied.
    Refuse,
    /// It would be deleted.
    Delete,
    /// It is as git wants it.
    Unchanged,
}

/// What would happen to one object, why, and in which fields.
#[derive(Clone, Debug, Serialize)]
pub struct StepPreview {
    /// The object.
    pub object: ObjectKey,
    /// What would happen.
    pub action: Verdict,
    /// Why, in words.
    pub reason: String,
    /// The fields of an object that is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// What would happen to a component.
#[derive(Clone, Debug, Serialize)]
pub struct ComponentPreview {
    /// The component.
    pub name: Arc<str>,
    /// Why it cannot be rendered. What it has stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The hooks that would run, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookPreview>,
    /// Its objects, in the order of applying.
    pub steps: Vec<StepPreview>,
}

/// A hook that would run.
#[derive(Clone, Debug, Serialize)]
pub struct HookPreview {
    /// Helm's word for when: `pre-upgrade`.
    pub event: &'static str,
    /// The object that would be made.
    pub object: ObjectKey,
}

/// What git names no more.
#[derive(Clone, Debug, Serialize)]
pub struct PrunePreview {
    /// The deletions, in order.
    pub steps: Vec<StepPreview>,
    /// What is kept, with the reason.
    pub kept: Vec<Kept>,
    /// Why nothing at all is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
}

/// An object that git names no more and that is kept.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    /// The object.
    pub object: ObjectKey,
    /// Why.
    pub reason: String,
}

/// What an agent would do now.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    /// The environment.
    pub environment: String,
    /// The revision.
    pub revision: Revision,
    /// The components, in an order that follows `dependsOn`.
    pub components: Vec<ComponentPreview>,
    /// The deletions, after everything else.
    pub prune: PrunePreview,
}

impl Preview {
    /// How many objects there are of each verdict.
    pub fn counts(&self) -> BTreeMap<Verdict, usize> {
        let mut counts = BTreeMap::new();
        let steps = self.components.iter().flat_map(|component| &component.steps);
        for step in steps.chain(&self.prune.steps) {
            *counts.entry(step.action).or_default() += 1;
        }
        counts
    }

    /// Whether the agent would write anything to the cluster's objects.
    pub fn changes_anything(&self) -> bool {
        let idle = [Verdict::Hold, Verdict::Refuse, Verdict::Unchanged];
        self.counts().keys().any(|verdict| !idle.contains(verdict))
    }

    /// Whether there is something that the agent could not do.
    pub fn is_faulty(&self) -> bool {
        self.components.iter().any(|component| component.error.is_some())
            || self.counts().contains_key(&Verdict::Refuse)
    }
}

/// Plans what the environment's newest revision would change in the cluster.
pub async fn preview(
    options: &PreviewOptions,
    source: &Source,
    progress: &Progress,
) -> Result<Preview, AgentError> {
    // A permit that is never given: every write would fail.
    let cluster = Cluster::connect(&options.cluster).await?.with_permit(Permit::default());
    let read = async { source.latest().await.map_err(AgentError::from) };
    let asked = async { cluster.discover().await.map_err(AgentError::from) };
    let (snapshot, offer) = tokio::try_join!(read, asked)?;
    let known = Known::read(&cluster, options, &offer).await?;
    let cache = Arc::new(RenderCache::new(CACHE_BYTES));
    let keys = Arc::new(options.keys.read());
    let rendered = {
        let (snapshot, offer, key) = (snapshot.clone(), offer.clone(), known.key.clone());
        let (environment, cache, keys) = (options.environment.clone(), cache.clone(), keys.clone());
        let charts = Charts {
            store: options.charts.clone(),
            cluster: cluster.clone(),
            default_account: options.default_service_account.clone(),
            limits: options.limits,
            runtime: tokio::runtime::Handle::current(),
        };
        on_a_thread(move || render(&snapshot, &environment, &offer, &key, &cache, &keys, &charts)).await?
    };
    let rendered = rendered.map_err(AgentError::Refused)?;
    let policy = Policy::of(&rendered.environment.environment.spec);
    let plan =
        plan::plan(&rendered.desired, &known.observed, &known.inventory, &policy, &offer.catalog, &known.key);
    let former = former_names(&known.neighbours, &source.name(), &rendered.environments);
    let spec = &rendered.environment.environment.spec;
    let account = account_of(spec, options.default_service_account.as_deref());
    let judge = Judge {
        cluster: &cluster.acting_as(account),
        offer: &offer,
        known: &known,
        policy: &policy,
        apply_set: apply_set_id(&options.environment),
        heir_of: former.iter().map(|name| apply_set_id(name)).collect(),
        progress,
    };
    let components = judge.components(&plan, &rendered).await?;
    let origins = Origins {
        snapshot: snapshot.clone(),
        rendered,
        offer,
        cache,
        keys,
        key: known.key.clone(),
        charts: options.charts.clone(),
        limits: options.limits,
    };
    let components = add_origins(components, &plan, origins).await?;
    Ok(Preview {
        environment: options.environment.clone(),
        revision: snapshot.revision().clone(),
        components,
        prune: prune_preview(plan.prune),
    })
}

async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AgentError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| AgentError::Job(error.to_string()))
}

/// What the cluster knows of the environment.
struct Known {
    key: SecretKey,
    inventory: Inventory,
    observed: ObservedSet,
    neighbours: Vec<Neighbour>,
    hooks: HookRecords,
}

impl Known {
    async fn read(cluster: &Cluster, options: &PreviewOptions, offer: &Offer) -> Result<Self, ApiError> {
        let store = InventoryStore {
            cluster: cluster.clone(),
            namespace: options.namespace.clone(),
            environment: options.environment.clone(),
        };
        let key = async {
            match store.kept_key().await {
                Ok(Some(key)) => Ok(key),
                // Without the key no digest of the inventory can be compared, and each object is asked for.
                Ok(None) | Err(ApiError::Forbidden { .. }) => Ok(SecretKey::new(random_seed())),
                Err(error) => Err(error),
            }
        };
        let (key, inventory, mirror, neighbours, mut hooks) = tokio::try_join!(
            key,
            store.load(),
            cluster.environment(&options.environment),
            neighbours(cluster, &options.environment),
            store.load_hooks(),
        )?;
        let hooks = hooks.remove(&options.environment).unwrap_or_default();
        let selector = format!("{PART_OF}={}", apply_set_id(&options.environment));
        let resources: Vec<&Resource> = known_kinds(mirror.as_ref(), &inventory)
            .iter()
            .filter_map(|kind| offer.catalog.kind(kind))
            .collect();
        let listings: Vec<_> = stream::iter(resources)
            .map(|resource| cluster.observe(resource, &selector))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        let observed = ObservedSet { objects: listings.into_iter().flatten().collect() };
        Ok(Self { key, inventory, observed, neighbours, hooks })
    }
}

/// Looks at the steps of a plan one by one.
struct Judge<'a> {
    cluster: &'a Cluster,
    offer: &'a Offer,
    known: &'a Known,
    policy: &'a Policy,
    apply_set: String,
    heir_of: Vec<String>,
    progress: &'a Progress,
}

/// A verdict with its reason and fields.
type Finding = (Verdict, String, Vec<Change>);

impl Judge<'_> {
    async fn components(&self, plan: &Plan, rendered: &Rendered) -> Result<Vec<ComponentPreview>, ApiError> {
        self.progress.total.store(plan.steps().count(), Ordering::Relaxed);
        let mut components = Vec::new();
        for (component, desired) in plan.components.iter().zip(&rendered.desired.components) {
            let objects = desired.result.as_ref().ok();
            let steps = stream::iter(component.steps())
                .map(|step| self.step(step, objects))
                .buffered(CONCURRENCY)
                .try_collect()
                .await?;
            let error = component.error.clone();
            let hooks = objects.map_or_else(Vec::new, |rendered| self.hooks(desired, rendered));
            components.push(ComponentPreview { name: component.name.clone(), error, hooks, steps });
        }
        Ok(components)
    }

    /// The hooks of a component that would run.
    fn hooks(&self, component: &Component, rendered: &RenderedComponent) -> Vec<HookPreview> {
        if rendered.hooks.is_empty() {
            return Vec::new();
        }
        let known = self.known.hooks.get(&*component.name);
        let is_new = !self.known.inventory.entries.values().any(|entry| entry.component == component.name);
        let record = known.cloned().unwrap_or_else(|| HookRecord::new(is_new));
        super::hooks::due(rendered, &record, &self.known.key)
            .into_iter()
            .map(|(event, hook)| {
                let manifest = &hook.object.manifest;
                let namespaced =
                    self.offer.catalog.resolve(manifest).is_none_or(|resource| resource.namespaced);
                HookPreview { event: event.name(), object: manifest.key(namespaced, &component.namespace) }
            })
            .collect()
    }

    async fn step(
        &self,
        step: &Step,
        rendered: Option<&Arc<RenderedComponent>>,
    ) -> Result<StepPreview, ApiError> {
        let manifest = step.object.zip(rendered).map(|(index, rendered)| &rendered.objects[index].manifest);
        let resource = manifest.and_then(|manifest| self.offer.catalog.resolve(manifest));
        let left = |verdict| Ok((verdict, step.reason.clone(), Vec::new()));
        let finding = match (&step.action, manifest, resource) {
            (Action::Park, ..) => left(Verdict::Park),
            (Action::Refuse | Action::Wait, ..) => left(Verdict::Refuse),
            (Action::Report, ..) => left(Verdict::Unchanged),
            (Action::Hold(_), ..) => left(Verdict::Hold),
            (Action::Nothing, ..) if !self.is_suspect(step) => left(Verdict::Unchanged),
            (_, Some(manifest), Some(resource)) => self.ask(step, manifest, resource).await,
            _ => left(Verdict::Refuse),
        };
        self.progress.done.fetch_add(1, Ordering::Relaxed);
        let (action, reason, changes) = finding?;
        Ok(StepPreview { object: step.key.clone(), action, reason, changes })
    }

    /// Whether the agent would look for drift in an object that git says nothing new of.
    fn is_suspect(&self, step: &Step) -> bool {
        let seen = self.known.observed.objects.get(&step.key);
        let entry = self.known.inventory.entries.get(&step.key);
        self.policy.corrects()
            && seen
                .zip(entry)
                .is_some_and(|(seen, entry)| seen.is_suspect(&entry.baseline(), &self.apply_set, None))
    }

    /// Asks the server what applying would make of the object.
    async fn ask(&self, step: &Step, manifest: &Manifest, resource: &Resource) -> Result<Finding, ApiError> {
        match self.dry_run(step, manifest, resource).await {
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                let error = error.map_message(|text| manifest.scrub(text));
                self.refused(step, manifest, resource, error).await
            }
            Ok(finding) => Ok(finding),
        }
    }

    async fn dry_run(
        &self,
        step: &Step,
        manifest: &Manifest,
        resource: &Resource,
    ) -> Result<Finding, ApiError> {
        let new = || Ok((Verdict::Create, step.reason.clone(), Vec::new()));
        let Some(live) = self.cluster.get(resource, &step.key).await? else {
            self.cluster.apply(resource, &step.key, manifest.wire(), ASK).await?;
            return new();
        };
        let mut verdict = match step.action {
            Action::Update | Action::HandOver { .. } => Verdict::Update,
            Action::Create | Action::Adopt => Verdict::Adopt,
            _ => Verdict::Correct,
        };
        let mut reason = step.reason.clone();
        let mut taken = None;
        if verdict == Verdict::Adopt {
            if &*step.component == NAMESPACES {
                return Ok((Verdict::Unchanged, "it is there".to_owned(), Vec::new()));
            }
            let observed = read_observed(&live);
            if let Some(hold) = &observed.hold {
                return Ok((Verdict::Hold, hold.to_string(), Vec::new()));
            }
            if let Some(why) = belongs_elsewhere(&observed, &self.apply_set, &self.heir_of) {
                return Ok((Verdict::Refuse, why, Vec::new()));
            }
            if observed.apply_set.as_deref() == Some(self.apply_set.as_str()) {
                verdict = Verdict::Update;
            }
            let from = managers(&live);
            let whose = if from.is_empty() { String::new() } else { format!(", of {}", from.join(", ")) };
            reason = format!("it is there already{whose}");
            taken = migration(&live).and_then(|(operations, _)| {
                operations.last()?.get("value")?.as_array()?.last()?.get("fieldsV1").cloned()
            });
        }
        let wished = self.cluster.apply(resource, &step.key, manifest.without(&step.once), ASK).await?.live;
        let changes = self.changes(step, manifest, &live, &wished, taken.as_ref());
        if step.action == Action::Nothing {
            "somebody changed it".clone_into(&mut reason);
        }
        if changes.is_empty() && verdict != Verdict::Adopt {
            return Ok((Verdict::Unchanged, "as git wants it".to_owned(), changes));
        }
        Ok((verdict, reason, changes))
    }

    fn changes(
        &self,
        step: &Step,
        manifest: &Manifest,
        live: &Value,
        wished: &Value,
        taken: Option<&Value>,
    ) -> Vec<Change> {
        plan::changes(&Comparison {
            manifest,
            once: &step.once,
            ignore: &self.policy.ignored_paths(&step.key),
            live,
            wished,
            taken,
            corrects: self.policy.corrects(),
            key: &self.known.key,
        })
    }

    /// What a refusal of the dry-run means for the apply.
    async fn refused(
        &self,
        step: &Step,
        manifest: &Manifest,
        resource: &Resource,
        error: ApiError,
    ) -> Result<Finding, ApiError> {
        if error.is_not_found() {
            // Its namespace comes with this very plan.
            let reason = "not tried, since its namespace is not there yet".to_owned();
            return Ok((Verdict::Create, reason, Vec::new()));
        }
        if error.is_immutable() {
            return Ok(match unreplaceable(manifest, &error) {
                Some(why) => (Verdict::Refuse, why, Vec::new()),
                None => (
                    Verdict::Replace,
                    format!("a field of it cannot be changed in place ({error})"),
                    Vec::new(),
                ),
            });
        }
        if let ApiError::Rejected { code: 422, .. } = &error
            && let Some(live) = self.cluster.get(resource, &step.key).await?
            && !plan::drift::removal(&live, manifest, &step.once).is_empty()
        {
            let reason = format!("what others added to it is taken out first, since with it: {error}");
            // Against itself: that leaves what others added.
            let changes = self.changes(step, manifest, &live, &live, None);
            return Ok((Verdict::Correct, reason, changes));
        }
        Ok((Verdict::Refuse, error.to_string(), Vec::new()))
    }
}

/// What the origins of fields are found with.
struct Origins {
    snapshot: Arc<Snapshot>,
    rendered: Rendered,
    offer: Offer,
    cache: Arc<RenderCache>,
    keys: Arc<Keyring>,
    key: SecretKey,
    charts: Arc<ChartStore>,
    limits: Limits,
}

/// Looks up where the new values were written.
async fn add_origins(
    mut components: Vec<ComponentPreview>,
    plan: &Plan,
    known: Origins,
) -> Result<Vec<ComponentPreview>, AgentError> {
    let Origins { snapshot, rendered, offer, cache, keys, key, charts, limits } = known;
    let places: Vec<Vec<Option<usize>>> =
        plan.components.iter().map(|component| component.steps().map(|step| step.object).collect()).collect();
    on_a_thread(move || {
        let context = RenderContext {
            files: &charts.cached(&*snapshot, &rendered.environment),
            environment: &rendered.environment,
            keys: &keys,
            kube_version: &offer.version,
            api_versions: &offer.api_versions,
            cache: &cache,
            now: jiff::Timestamp::now(),
            seed: [0; 32],
            lookup: None,
            limits,
        };
        let desired = &rendered.desired.components;
        for ((component, desired), places) in components.iter_mut().zip(desired).zip(&places) {
            let Ok(objects) = &desired.result else { continue };
            for (step, place) in component.steps.iter_mut().zip(places) {
                let Some(place) = place.filter(|_| !step.changes.is_empty()) else { continue };
                // What is taken out was written nowhere.
                let mut written: Vec<&mut Change> = step
                    .changes
                    .iter_mut()
                    .filter(|change| change.to != crate::manifest::Shown::Absent)
                    .collect();
                let paths: Vec<_> = written.iter().map(|change| change.path.clone()).collect();
                let source = objects.objects[place].manifest.source();
                for (change, written) in written.iter_mut().zip(origins(&context, source, &paths)) {
                    let Some(written) = written else { continue };
                    if written.sealed {
                        change.from.conceal(&key);
                        change.to.conceal(&key);
                    }
                    change.origin = Some(written.origin);
                }
            }
        }
        components
    })
    .await
}

fn prune_preview(plan: PrunePlan) -> PrunePreview {
    let deleted = |step: Step| StepPreview {
        object: step.key,
        action: Verdict::Delete,
        reason: step.reason,
        changes: Vec::new(),
    };
    PrunePreview {
        steps: plan.stages.into_iter().flatten().map(deleted).collect(),
        kept: plan.kept.into_iter().map(|(object, reason)| Kept { object, reason }).collect(),
        guard: plan.guard,
    }
}
