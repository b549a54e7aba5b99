//! Watches: for each kind that we applied, the metadata of the objects that carry our label, and nothing else.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::core::ApiResource;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::client::Cluster;
use super::error::ApiError;
use super::retry::Backoff;
use crate::manifest::{GroupKind, ObjectKey};
use crate::plan::{Observed, Resource};

/// Objects in a page of the first listing. A page is kept whole until its last object is taken in, and most of it are
/// managedFields, which take ten times their text.
const PAGE: u32 = 100;

/// The pauses of a watch whose server does not answer. client-go waits up to 30 s, and twice that with its jitter; an agent has
/// a dozen watches, and what drifts meanwhile is seen only then.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// The further pauses of a watch that is not allowed.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The pauses of a watch that fails, from the first again once it succeeds.
struct Waits(Backoff);

impl Default for Waits {
    fn default() -> Self {
        Self(Backoff::new(FIRST_WAIT, LONGEST_WAIT, Duration::MAX))
    }
}

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next_pause(None)
    }
}

impl kube::runtime::utils::Backoff for Waits {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// What a watch says.
#[derive(Debug)]
pub enum Observation {
    /// All objects of a kind, at the start of a watch and whenever it had to begin anew. What is not in it is gone.
    Listed(GroupKind, Vec<(ObjectKey, Observed)>),
    /// An object appeared or its metadata changed.
    Changed(ObjectKey, Box<Observed>),
    /// An object was deleted, or lost our label: only a GET tells which.
    Vanished(ObjectKey),
    /// The Environment's metadata, whenever it changed; `None` when it is gone.
    Environment(Option<Value>),
    /// Something that a chart looked up has changed, or may have.
    LookedUp,
    /// The watch of a kind failed; it is tried again with growing pauses.
    Broken(GroupKind, String),
    /// The watch of a kind is not allowed; it is tried again now and then.
    Refused(GroupKind, ApiError),
}

/// The watches of one environment. Dropping it ends them.
pub struct Watches {
    cluster: Cluster,
    selector: String,
    sender: mpsc::Sender<Observation>,
    running: HashMap<GroupKind, (Resource, AbortHandle)>,
    environment: Option<AbortHandle>,
    lookups: HashMap<LookupWatch, AbortHandle>,
}

/// What a chart looked up: an object, or all of a kind where it has no name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LookupWatch {
    /// The kind.
    pub kind: GroupKind,
    /// The namespace; all of them, or none, without.
    pub namespace: Option<String>,
    /// The name, or nothing.
    pub name: String,
}

impl Watches {
    /// No watch yet; observations of all to come go to `sender`.
    pub fn new(cluster: Cluster, selector: String, sender: mpsc::Sender<Observation>) -> Self {
        Self {
            cluster,
            selector,
            sender,
            running: HashMap::new(),
            environment: None,
            lookups: HashMap::new(),
        }
    }

    /// Starts to watch a kind, unless it is watched already in this version. Returns whether a watch was started.
    pub fn ensure(&mut self, resource: &Resource) -> bool {
        let kind = GroupKind::new(resource.group.clone(), resource.kind.clone());
        if let Some((watched, task)) = self.running.get(&kind) {
            if watched == resource && !task.is_finished() {
                return false;
            }
            task.abort();
        }
        let task = tokio::spawn(follow(
            self.cluster.clone(),
            resource.clone(),
            kind.clone(),
            self.selector.clone(),
            self.sender.clone(),
        ));
        self.running.insert(kind, (resource.clone(), task.abort_handle()));
        true
    }

    /// Starts to watch the Environment of that name, unless it is watched already.
    pub fn ensure_environment(&mut self, name: &str) {
        if self.environment.as_ref().is_none_or(AbortHandle::is_finished) {
            let watch = follow_environment(self.cluster.clone(), name.to_owned(), self.sender.clone());
            self.environment = Some(tokio::spawn(watch).abort_handle());
        }
    }

    /// Watches these with the rights of `cluster`, and no others any more.
    pub fn follow_lookups(&mut self, cluster: &Cluster, wanted: HashMap<LookupWatch, Resource>) {
        self.lookups.retain(|watch, task| {
            let kept = wanted.contains_key(watch) && !task.is_finished();
            if !kept {
                task.abort();
            }
            kept
        });
        for (watch, resource) in wanted {
            self.lookups.entry(watch).or_insert_with_key(|watch| {
                let work = follow_lookup(cluster.clone(), resource, watch.clone(), self.sender.clone());
                tokio::spawn(work).abort_handle()
            });
        }
    }

    /// Ends the watches of all kinds that `keep` does not name.
    pub fn retain(&mut self, keep: impl Fn(&GroupKind) -> bool) {
        self.running.retain(|kind, (_, task)| {
            let kept = keep(kind);
            if !kept {
                task.abort();
            }
            kept
        });
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        let kinds = self.running.values().map(|(_, task)| task);
        kinds.chain(&self.environment).chain(self.lookups.values()).for_each(AbortHandle::abort);
    }
}

impl Cluster {
    /// What is there of a kind, by its metadata: one listing instead of a watch.
    pub async fn observe(
        &self,
        resource: &Resource,
        selector: &str,
    ) -> Result<Vec<(ObjectKey, Observed)>, ApiError> {
        let kind = GroupKind::new(resource.group.clone(), resource.kind.clone());
        let mut found = Vec::new();
        self.list_metadata(resource, selector, |object| {
            found.extend(serde_json::from_value(object).ok().and_then(|object| read(&kind, object)));
        })
        .await?;
        Ok(found)
    }
}

async fn follow(
    cluster: Cluster,
    resource: Resource,
    kind: GroupKind,
    selector: String,
    sender: mpsc::Sender<Observation>,
) {
    let api = metadata_of(&cluster, &resource);
    let config = watcher::Config::default().labels(&selector).page_size(PAGE);
    let mut events = std::pin::pin!(watch(api, config).backoff(Waits::default()));
    let mut listing = Vec::new();
    let mut pause = FIRST_PAUSE;
    while let Some(event) = events.next().await {
        let observation = match event {
            Ok(Event::Init) => {
                listing.clear();
                continue;
            }
            Ok(Event::InitApply(object)) => {
                listing.extend(read(&kind, object));
                continue;
            }
            Ok(Event::InitDone) => Observation::Listed(kind.clone(), std::mem::take(&mut listing)),
            Ok(Event::Apply(object)) => match read(&kind, object) {
                Some((key, observed)) => Observation::Changed(key, Box::new(observed)),
                None => continue,
            },
            Ok(Event::Delete(object)) => Observation::Vanished(key_of(&kind, &object)),
            Err(error) => match refusal(&error) {
                Some(message) => {
                    let what = format!("watch {}", resource.plural);
                    Observation::Refused(kind.clone(), ApiError::Forbidden { what, message })
                }
                None => Observation::Broken(kind.clone(), error.to_string()),
            },
        };
        let refused = matches!(observation, Observation::Refused(..));
        if sender.send(observation).await.is_err() {
            return;
        }
        if refused {
            // Only a person can change that; the watcher's own pauses are for servers that come back.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        } else {
            pause = FIRST_PAUSE;
        }
    }
}

/// The server's words where it does not allow a watch.
fn refusal(error: &watcher::Error) -> Option<String> {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return None;
    };
    matches!(status.code, 401 | 403).then(|| status.message.clone())
}

async fn follow_environment(cluster: Cluster, name: String, sender: mpsc::Sender<Observation>) {
    let api = metadata_of(&cluster, &super::environment::resource());
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = std::pin::pin!(watch(api, config).backoff(Waits::default()));
    let mut listed = None;
    while let Some(event) = events.next().await {
        let seen = match event {
            Ok(Event::Init) => {
                listed = None;
                continue;
            }
            Ok(Event::InitApply(object)) => {
                listed = serde_json::to_value(object.metadata).ok();
                continue;
            }
            Ok(Event::InitDone) => listed.take(),
            Ok(Event::Apply(object)) => serde_json::to_value(object.metadata).ok(),
            Ok(Event::Delete(_)) => None,
            Err(_) => continue,
        };
        if sender.send(Observation::Environment(seen)).await.is_err() {
            return;
        }
    }
}

async fn follow_lookup(
    cluster: Cluster,
    resource: Resource,
    watched: LookupWatch,
    sender: mpsc::Sender<Observation>,
) {
    let api: Api<PartialObjectMeta<DynamicObject>> = match &watched.namespace {
        Some(namespace) => Api::namespaced_with(cluster.kube(), namespace, &described(&resource)),
        None => metadata_of(&cluster, &resource),
    };
    let mut config = watcher::Config::default().page_size(PAGE);
    if !watched.name.is_empty() {
        config = config.fields(&format!("metadata.name={}", watched.name));
    }
    let mut events = std::pin::pin!(watch(api, config).backoff(Waits::default()));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init | Event::InitApply(_)) => continue,
            Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_)) => {}
            // Who may read and not watch asks now and then.
            Err(error) if refusal(&error).is_some() => tokio::time::sleep(LONGEST_PAUSE).await,
            Err(_) => continue,
        }
        if sender.send(Observation::LookedUp).await.is_err() {
            return;
        }
    }
}

fn metadata_of(cluster: &Cluster, resource: &Resource) -> Api<PartialObjectMeta<DynamicObject>> {
    Api::all_with(cluster.kube(), &described(resource))
}

fn described(resource: &Resource) -> ApiResource {
    ApiResource {
        group: resource.group.clone(),
        version: resource.version.clone(),
        api_version: resource.api_version(),
        kind: resource.kind.clone(),
        plural: resource.plural.clone(),
    }
}

fn key_of(kind: &GroupKind, object: &PartialObjectMeta<DynamicObject>) -> ObjectKey {
    ObjectKey {
        group_kind: kind.clone(),
        namespace: object.metadata.namespace.clone(),
        name: object.metadata.name.clone().unwrap_or_default(),
    }
}

fn read(kind: &GroupKind, object: PartialObjectMeta<DynamicObject>) -> Option<(ObjectKey, Observed)> {
    let key = key_of(kind, &object);
    let metadata = serde_json::to_value(object.metadata).ok()?;
    match Observed::from_metadata(&metadata) {
        Ok(observed) => Some((key, observed)),
        Err(error) => {
            tracing::warn!(object = %key, %error, "the object's metadata cannot be understood; it is not watched");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::utils::Backoff as _;

    use super::*;

    #[test]
    fn a_watch_waits_for_seconds_at_most_and_from_the_first_again_once_it_succeeded() {
        let mut waits = Waits::default();
        let first = waits.next().unwrap();
        assert!(first < Duration::from_secs(1));
        let pauses: Vec<Duration> = waits.by_ref().take(1000).collect();
        assert!(pauses.iter().all(|pause| *pause <= LONGEST_WAIT * 5 / 4), "{pauses:?}");
        assert!(pauses[999] > first);
        waits.reset();
        assert!(waits.next().unwrap() < Duration::from_secs(1));
    }
}
