//! `lookup` of charts: the cluster answers, and is watched, so that another answer renders its component again.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::charts::Charts;
use super::jobs::{Finished, account_of};
use super::world::Phase;
use super::{Agent, Timer};
use crate::cluster::{Cluster, LookupWatch, Offer};
use crate::environment::EnvironmentSpec;
use crate::helm::{Lookup, LookupQuery};
use crate::manifest::ObjectKey;
use crate::plan::{Catalog, Resource};
use crate::render::{DesiredSet, still_holds};
use crate::source::Arrival;

/// How long changes of what was looked up are gathered.
pub(super) const ASK_AFTER: Duration = Duration::from_millis(300);
/// How soon again, while a revision is being rendered.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a list may hold, as text.
const LIST_BYTES: usize = 16 << 20;

/// The cluster as charts see it: by the rights of the environment's own account.
pub struct ClusterLookup {
    cluster: Cluster,
    catalog: Catalog,
    runtime: Handle,
}

impl fmt::Debug for ClusterLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterLookup").finish_non_exhaustive()
    }
}

impl Charts {
    /// Who answers what the environment's charts look up. To be asked on a thread of no runtime: it blocks.
    pub fn lookup(&self, spec: &EnvironmentSpec, offer: &Offer) -> Arc<dyn Lookup> {
        Arc::new(ClusterLookup {
            cluster: self.cluster.acting_as(account_of(spec, self.default_account.as_deref())),
            catalog: offer.catalog.clone(),
            runtime: self.runtime.clone(),
        })
    }
}

impl Lookup for ClusterLookup {
    fn look(&self, query: &LookupQuery) -> Result<Value, String> {
        let Some(resource) = self.catalog.served(&query.api_version, &query.kind) else {
            let (group, version) = query.api_version.split_once('/').unwrap_or(("", &query.api_version));
            return Err(format!(
                "unable to get apiresource from unstructured: {group}/{version}, Kind={}: the server does not serve it",
                query.kind
            ));
        };
        let answer = async {
            match tokio::time::timeout(PATIENCE, ask(&self.cluster, resource, query)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("{query}: the server did not answer within {} s", PATIENCE.as_secs())),
            }
        };
        self.runtime.block_on(answer)
    }
}

async fn ask(cluster: &Cluster, resource: &Resource, query: &LookupQuery) -> Result<Value, String> {
    let namespace = namespace_of(resource, query);
    if !query.name.is_empty() {
        let key = ObjectKey { group_kind: resource.group_kind(), namespace, name: query.name.clone() };
        let found = cluster.get(resource, &key).await.map_err(|error| error.to_string())?;
        return Ok(found.unwrap_or_else(|| json!({})));
    }
    let (mut items, mut bytes) = (Vec::new(), 0);
    let each = |mut item: Value| {
        // A list leaves out what all its items are.
        item["apiVersion"] = json!(resource.api_version());
        item["kind"] = json!(resource.kind);
        bytes += item.to_string().len();
        if bytes <= LIST_BYTES {
            items.push(item);
        }
    };
    cluster.list(resource, namespace.as_deref(), "", each).await.map_err(|error| error.to_string())?;
    if bytes > LIST_BYTES {
        return Err(format!(
            "{query}: the list is longer than {} MiB; look up one by its name",
            LIST_BYTES >> 20
        ));
    }
    items.sort_by_cached_key(|item| {
        let text = |field: &str| item["metadata"][field].as_str().unwrap_or_default().to_owned();
        (text("namespace"), text("name"))
    });
    let kind = format!("{}List", resource.kind);
    Ok(json!({"apiVersion": resource.api_version(), "kind": kind, "metadata": {}, "items": items}))
}

fn namespace_of(resource: &Resource, query: &LookupQuery) -> Option<String> {
    (resource.namespaced && !query.namespace.is_empty()).then(|| query.namespace.clone())
}

impl Agent {
    /// Watches what the charts looked up, and nothing that they do not look up any more.
    pub(super) fn watch_lookups(&mut self, desired: &DesiredSet) {
        let asked = desired.components.iter().flat_map(|component| component.looked_up.iter());
        let wanted: HashMap<LookupWatch, Resource> = asked
            .filter_map(|(query, _)| {
                let resource = self.offer.catalog.served(&query.api_version, &query.kind)?;
                let watch = LookupWatch {
                    kind: resource.group_kind(),
                    namespace: namespace_of(resource, query),
                    name: query.name.clone(),
                };
                Some((watch, resource.clone()))
            })
            .collect();
        self.watches.follow_lookups(&self.tools.acting, wanted);
    }

    /// Asks again what the charts of the goal looked up.
    pub(super) fn ask_again(&mut self) {
        if matches!(self.world.phase, Phase::Listing | Phase::Rendering) {
            return self.later(LOOK_AGAIN, Timer::Lookups);
        }
        let Some(goal) = &self.world.goal else { return };
        let looked_up: Vec<_> = goal
            .desired
            .components
            .iter()
            .map(|component| component.looked_up.clone())
            .filter(|looked_up| !looked_up.is_empty())
            .collect();
        if looked_up.is_empty() || std::mem::replace(&mut self.asking, true) {
            return;
        }
        let spec = goal.environment.environment.spec.clone();
        let cluster = self.charts().lookup(&spec, &self.offer);
        self.jobs.spawn_blocking(move || {
            Finished::AskedAgain(looked_up.iter().all(|looked_up| still_holds(&*cluster, looked_up)))
        });
    }

    /// The cluster answers as it did, or not: then what git says is rendered again.
    pub(super) fn on_asked_again(&mut self, holds: bool) {
        self.asking = false;
        if !holds {
            self.render_again();
        }
    }

    /// Renders what git says again: its commit is the same, and what it depends on beside has changed.
    pub(super) fn render_again(&mut self) {
        if let Some(goal) = &self.world.goal {
            let snapshot = goal.snapshot.clone();
            self.next.get_or_insert(Arrival { snapshot, learned: Instant::now(), took: Duration::ZERO });
            self.start_next_revision();
        }
    }
}
