//! From options to a running agent: the connection, the lease, what an agent before us left.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::apply::Tools;
use super::keys::KeySource;
use super::persist::StatusKeeper;
use super::world::World;
use super::{Agent, Inputs};
use crate::cluster::{
    ApiError, Cluster, ClusterOptions, InventoryStore, Leadership, Lease, Offer, Permit, Watches,
    by_component, member_kinds,
};
use crate::helm::limits::Limits;
use crate::manifest::{GroupKind, PART_OF, apply_set_id};
use crate::plan::{Fights, Inventory, Policy};
use crate::render::RenderCache;
use crate::serve::{Health, Metrics};
use crate::source::{ChartStore, Source, SourceError};

/// Renderings are kept up to this size: some thousand objects.
const CACHE_BYTES: usize = 24 << 20;
/// Events of the watches that wait to be taken in.
const OBSERVATIONS: usize = 256;

/// What an agent is started with.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// The cluster.
    pub cluster: ClusterOptions,
    /// The environment's name.
    pub environment: String,
    /// The namespace of the agent's own objects.
    pub namespace: String,
    /// The service account, of the environment's namespace, that environments are kept by which name none.
    pub default_service_account: Option<String>,
    /// Who this agent is: in the lease and in Events. The same after a restart of the same agent.
    pub identity: String,
    /// Where the clone and the lock are kept.
    pub state: PathBuf,
    /// Where the keys of encrypted files lie.
    pub keys: KeySource,
    /// Where charts from elsewhere come from.
    pub charts: Arc<ChartStore>,
    /// What the rendering of one chart may use.
    pub limits: Limits,
    /// End when the first revision is settled.
    pub once: bool,
}

/// Why an agent ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The API server.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The source.
    #[error("{0}")]
    Source(String),
    /// Another agent took the lease.
    #[error(
        "the lease is lost ({holder} holds it): nothing more is written; the agent ends and can be started again"
    )]
    LeaseLost {
        /// Who holds it now.
        holder: String,
    },
    /// Another agent holds the lease, and this command does not wait.
    #[error("{holder} keeps this environment already: push to its repository, or stop that agent first")]
    Kept {
        /// Who holds it.
        holder: String,
    },
    /// Two agents on one state folder.
    #[error(
        "{path}: {reason}; another agent on this machine uses it: end that one, or choose another with --state-dir"
    )]
    State {
        /// The lock file.
        path: String,
        /// The operating system's words.
        reason: String,
    },
    /// The revision is refused.
    #[error("the revision is refused:\n  {0}")]
    Refused(String),
    /// Something did not become ready.
    #[error("not everything is ready:\n  {0}")]
    NotReady(String),
    /// A job ended unexpectedly.
    #[error("a job ended unexpectedly: {0}; please report this")]
    Job(String),
}

impl From<SourceError> for AgentError {
    fn from(error: SourceError) -> Self {
        Self::Source(error.to_string())
    }
}

/// Runs an agent until `cancel`, or, with `once`, until the first revision is settled.
pub async fn run(
    options: AgentOptions,
    source: Source,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    poke: Arc<Notify>,
    cancel: CancellationToken,
) -> Result<(), AgentError> {
    let _lock = lock(&options)?;
    let unbound = Cluster::connect(&options.cluster).await?;
    let Some(offer) = reach(&unbound, &options, &health, &cancel).await? else { return Ok(()) };
    tracing::info!(topic = "start", "connected to {} (Kubernetes {})", unbound.server(), offer.version);
    unbound.ensure_namespace(&options.namespace).await?;

    let permit = Permit::default();
    let cluster = unbound.with_permit(permit.clone());
    let lease = Lease {
        cluster: unbound.clone(),
        namespace: options.namespace.clone(),
        name: format!("mooring-{}", options.environment),
        identity: options.identity.clone(),
    };
    let (sender, mut leadership) = watch::channel(Leadership::Waiting(String::new()));
    let end_of_lease = CancellationToken::new();
    let election = tokio::spawn(lease.run(permit, sender, end_of_lease.clone()));
    let result = match wait_for_lease(&mut leadership, &options, &health, &cancel).await {
        Ok(true) => {
            metrics.set_leading(true);
            let ended =
                keep(&options, source, cluster, offer, &health, &metrics, poke, leadership, &cancel).await;
            metrics.set_leading(false);
            ended
        }
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    // Given back at once, so that the next agent need not wait for it to run out.
    end_of_lease.cancel();
    let _ = tokio::time::timeout(Duration::from_secs(2), election).await;
    result
}

/// One agent a state folder: only then may a restarted agent take its own lease back without waiting.
fn lock(options: &AgentOptions) -> Result<std::fs::File, AgentError> {
    let path = options.state.join(format!("{}.lock", options.environment));
    let failed = |reason: String| AgentError::State { path: path.display().to_string(), reason };
    std::fs::create_dir_all(&options.state).map_err(|error| failed(error.to_string()))?;
    let file = std::fs::File::create(&path).map_err(|error| failed(error.to_string()))?;
    file.try_lock().map_err(|error| failed(error.to_string()))?;
    Ok(file)
}

/// Asks the API server what it serves, again and again until it answers; `None` when cancelled before.
async fn reach(
    cluster: &Cluster,
    options: &AgentOptions,
    health: &Health,
    cancel: &CancellationToken,
) -> Result<Option<Offer>, AgentError> {
    loop {
        match cluster.discover().await {
            Ok(offer) => return Ok(Some(offer)),
            Err(error) if error.is_transient() && !options.once => {
                tracing::warn!(%error, "waiting for the API server");
            }
            Err(error) => return Err(error.into()),
        }
        health.beat();
        tokio::select! {
            () = cancel.cancelled() => return Ok(None),
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
    }
}

/// Waits until we hold the lease; `false` when cancelled before.
async fn wait_for_lease(
    leadership: &mut watch::Receiver<Leadership>,
    options: &AgentOptions,
    health: &Health,
    cancel: &CancellationToken,
) -> Result<bool, AgentError> {
    let mut told = String::new();
    loop {
        match leadership.borrow_and_update().clone() {
            Leadership::Held => {
                health.set_not_ready(vec!["the first reconcile is not done".to_owned()]);
                return Ok(true);
            }
            Leadership::Waiting(holder) if !holder.is_empty() => {
                if options.once {
                    return Err(AgentError::Kept { holder });
                }
                health.set_standing_by(holder.clone());
                if holder != told {
                    tracing::info!(topic = "lease", "waits: {holder} keeps {}", options.environment);
                    told = holder;
                }
            }
            Leadership::Waiting(_) => {}
        }
        tokio::select! {
            () = cancel.cancelled() => return Ok(false),
            changed = leadership.changed() => if changed.is_err() { return Ok(false) },
            // A waiting agent is alive too.
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
        health.beat();
    }
}

#[expect(clippy::too_many_arguments, reason = "called once, with what `run` has put together")]
async fn keep(
    options: &AgentOptions,
    source: Source,
    cluster: Cluster,
    offer: Offer,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
    poke: Arc<Notify>,
    leadership: watch::Receiver<Leadership>,
    cancel: &CancellationToken,
) -> Result<(), AgentError> {
    if cluster.ensure_crd().await? {
        tracing::info!(topic = "start", "installed the Environment CRD");
    }
    let store = InventoryStore {
        cluster: cluster.clone(),
        namespace: options.namespace.clone(),
        environment: options.environment.clone(),
    };
    let key = store.secret_key().await?;
    let inherited = store.load().await?;
    let mirror = cluster.environment(&options.environment).await?;
    let neighbours = super::environment::neighbours(&cluster, &options.environment).await?;

    let apply_set = apply_set_id(&options.environment);
    let (observed, observations) = mpsc::channel(OBSERVATIONS);
    let mut watches = Watches::new(cluster.clone(), format!("{PART_OF}={apply_set}"), observed);
    let mut world = World::new(inherited);
    world.others_hooks = store.load_hooks().await?;
    world.hooks = world.others_hooks.remove(&options.environment).unwrap_or_default();
    for kind in known_kinds(mirror.as_ref(), &world.inherited) {
        // A kind that is no longer served has no objects either.
        if let Some(resource) = offer.catalog.kind(&kind) {
            watches.ensure(resource);
            world.unlisted.insert(kind);
        }
    }
    for (component, lines) in by_component(&world.inherited) {
        world.shards.insert(component, InventoryStore::shards(lines.len()));
    }
    let keys = options.keys.read();
    super::keys::tell(&keys);
    let status = StatusKeeper::new(mirror.as_ref());
    let source = source.remembering(status.applied());
    let runs_judged_until = super::schedules::judged_until(&status.next_runs);
    let agent = Agent {
        options: options.clone(),
        tools: Tools { acting: cluster.clone(), cluster, key },
        store,
        offer,
        world,
        watches,
        policy: Policy::default(),
        fights: Fights::default(),
        cache: Arc::new(RenderCache::new(CACHE_BYTES)),
        keys: Arc::new(keys),
        metrics: metrics.clone(),
        health: health.clone(),
        queue: VecDeque::new(),
        running: 0,
        jobs: JoinSet::new(),
        timers: super::timers::Timers::default(),
        status,
        next: None,
        repairs: HashMap::new(),
        apply_set,
        source: source.name(),
        neighbours,
        former: Vec::new(),
        outcome: None,
        said: BTreeMap::new(),
        discovering: false,
        unwatched: BTreeSet::new(),
        saving: false,
        asking: false,
        saving_hooks: false,
        sweeps: super::settle::Sweeps::default(),
        runs_judged_until,
        late_runs: super::backfill::LateRuns::default(),
    };
    let (sender, revisions) = mpsc::channel(4);
    let end_of_source = cancel.child_token();
    let _ends_with_us = end_of_source.clone().drop_guard();
    tokio::spawn(source.run(poke, sender, end_of_source));
    // All state of the loop lives in this future.
    Box::pin(agent.run(Inputs { source: revisions, observations, leadership }, cancel.clone())).await
}

/// The kinds that an environment has objects of, by its mirror and its inventory.
pub(super) fn known_kinds(mirror: Option<&Value>, inventory: &Inventory) -> BTreeSet<GroupKind> {
    let mut kinds = mirror.map(member_kinds).unwrap_or_default();
    kinds.extend(inventory.entries.keys().map(|key| key.group_kind.clone()));
    kinds
}
