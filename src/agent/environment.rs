//! The Environment in the cluster, kept as git says, and the other Environments beside it: one of them may be this one
//! under its former name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::apply::{Tools, own_entry, read_observed};
use super::jobs::Finished;
use super::start::known_kinds;
use super::world::Phase;
use super::{Agent, Timer};
use crate::cluster::{self, ApiError, Cluster, InventoryStore, Lease, Mirror, Offer};
use crate::manifest::{
    FieldPath, FieldSet, GroupKind, Manifest, ManifestSource, ObjectKey, PART_OF, SecretKey, apply_set_id,
};
use crate::plan::drift::{FieldDrift, Question, find};
use crate::plan::{Decision, DriftKind, DriftRecord, IgnorePaths, Inventory, Observed};

/// How long changes of the Environment are gathered: our own write is told by the watch before its answer is in.
pub(super) const LOOK_AFTER: Duration = Duration::from_millis(200);
/// When a hand-over that could not be done is tried again.
const HAND_OVER_AGAIN: Duration = Duration::from_mins(1);

/// Another environment that the cluster knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its name.
    pub name: String,
    /// Where its agent reads it from, as that agent noted it.
    pub source: Option<String>,
}

/// The other environments that the cluster knows.
pub async fn neighbours(cluster: &Cluster, environment: &str) -> Result<Vec<Neighbour>, ApiError> {
    let known = cluster.environments().await?;
    let text = |one: &Value, pointer: &str| one.pointer(pointer)?.as_str().map(ToOwned::to_owned);
    let neighbours = known.iter().filter_map(|one| {
        let source = text(one, "/metadata/annotations/mooring.dev~1source");
        Some(Neighbour { name: text(one, "/metadata/name")?, source })
    });
    Ok(neighbours.filter(|one| one.name != environment).collect())
}

/// The neighbours of the same source that its environments do not name any more: this environment may be one of them
/// under a new name, so their objects may be taken over.
pub fn former_names(neighbours: &[Neighbour], source: &str, environments: &[String]) -> Vec<String> {
    neighbours
        .iter()
        .filter(|one| one.source.as_deref() == Some(source) && !environments.contains(&one.name))
        .map(|one| one.name.clone())
        .collect()
}

/// What became of the objects of an environment's former name.
#[derive(Debug)]
pub enum HandOver {
    /// They are ours now, with their metadata as it is; the former Environment and its inventory are removed.
    Done(String, Vec<(ObjectKey, Observed)>),
    /// An agent still keeps the former one: its name, and who.
    Kept(String, String),
}

/// What was found of the Environment when its watch told of a change.
#[derive(Debug)]
pub struct Kept {
    /// What differed from git.
    pub fields: Vec<FieldDrift>,
    /// The Environment as it is now.
    pub live: Value,
    /// When the difference was found, and when it was put back.
    pub found: Instant,
    pub repaired: Instant,
}

impl Agent {
    /// Writes what the goal says of the environment into the cluster, unless it stands there already.
    pub(super) fn mirror(&mut self) {
        let Some(goal) = &self.world.goal else { return };
        // The kinds must stand on the ApplySet's parent before the first object of a new kind is made, or a crash
        // between the two would leave objects that nobody lists.
        let kinds = self.kinds_of_members();
        let (environment, revision) = (goal.environment.clone(), goal.revision.id.clone());
        let (cluster, source) = (self.tools.cluster.clone(), self.source.clone());
        let known = self.status.mirror().cloned();
        self.jobs.spawn(async move {
            let environment = &environment.environment;
            let mirror = Mirror { environment, kinds: &kinds, revision: &revision, source: &source };
            Finished::Mirrored(tokio::try_join!(
                cluster.mirror_environment(&mirror, known.as_ref()),
                neighbours(&cluster, &environment.metadata.name),
            ))
        });
    }

    /// The kinds that the environment has or is about to have objects of.
    fn kinds_of_members(&self) -> BTreeSet<GroupKind> {
        let planned = self.world.goal.iter().flat_map(|goal| &goal.kinds);
        let known = self.world.objects.keys().map(|key| &key.group_kind);
        // Few kinds of many objects: each is cloned once.
        planned.chain(known).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// The Environment is mirrored: now the plan can be carried out.
    pub(super) fn on_mirrored(&mut self, result: Result<(Value, Vec<Neighbour>), ApiError>) {
        match result {
            Ok((live, neighbours)) => {
                self.status.mirrored(live);
                self.neighbours = neighbours;
                self.watches.ensure_environment(&self.options.environment);
                self.carry_out();
            }
            Err(error) => {
                tracing::error!(%error, "the Environment could not be written; trying again");
                // From the top: the plan may be old by then.
                self.retry_goal();
            }
        }
    }

    /// The watch tells how the Environment's metadata is now; `None` if it is gone.
    pub(super) fn see_environment(&mut self, metadata: Option<Value>) {
        if self.status.is_mirror(metadata.as_ref()) {
            return;
        }
        self.status.noticed.get_or_insert_with(Instant::now);
        self.later(LOOK_AFTER, Timer::Mirror);
    }

    /// Looks whether somebody changed the Environment, and puts it back: git is the only place for that.
    pub(super) fn keep_mirror(&mut self) {
        if matches!(self.world.phase, Phase::Listing | Phase::Rendering) {
            return self.later(LOOK_AFTER, Timer::Mirror);
        }
        let (Some(goal), Some(known)) = (&self.world.goal, self.status.mirror().cloned()) else { return };
        let (environment, revision) = (goal.environment.clone(), goal.revision.id.clone());
        let (tools, source) = (self.tools.clone(), self.source.clone());
        let kinds = self.kinds_of_members();
        self.jobs.spawn(async move {
            let environment = &environment.environment;
            let mirror = Mirror { environment, kinds: &kinds, revision: &revision, source: &source };
            let looked = async {
                let live = tools.cluster.environment(&environment.metadata.name).await?;
                let found = Instant::now();
                let fields = match &live {
                    Some(live) => differences(&mirror.body(), &known, live, &tools.key),
                    None => crate::plan::drift::Finding::missing().fields,
                };
                let live = tools.cluster.mirror_environment(&mirror, live.as_ref()).await?;
                Ok(Kept { fields, live, found, repaired: Instant::now() })
            };
            Finished::MirrorKept(looked.await)
        });
    }

    pub(super) fn on_mirror_kept(&mut self, result: Result<Kept, ApiError>) {
        let noticed = self.status.noticed.take();
        match result {
            Ok(kept) => {
                self.status.live(kept.live);
                if !kept.fields.is_empty() {
                    // Nobody else writes the status; what was deleted with the object is written anew.
                    self.status.forget_written();
                    self.later(super::STATUS_AFTER, Timer::Status);
                    self.report_environment(
                        kept.fields,
                        noticed.unwrap_or(kept.found),
                        kept.found,
                        kept.repaired,
                    );
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the Environment could not be looked at; trying again");
                self.later(Duration::from_secs(5), Timer::Mirror);
            }
        }
    }

    fn report_environment(
        &mut self,
        fields: Vec<FieldDrift>,
        noticed: Instant,
        found: Instant,
        repaired: Instant,
    ) {
        let Some(goal) = &self.world.goal else { return };
        let missing = fields.iter().any(|field| field.path == FieldPath::default());
        let record = DriftRecord {
            time: jiff::Timestamp::now(),
            environment: self.options.environment.as_str().into(),
            revision: goal.revision.short().to_owned(),
            component: Arc::default(),
            object: cluster::environment_key(&self.options.environment),
            kind: if missing { DriftKind::Missing } else { DriftKind::of(&fields) },
            fields,
            decision: Decision::Corrected,
            seen: found.saturating_duration_since(noticed),
            repaired: Some(repaired.saturating_duration_since(found)),
        };
        self.report(record);
    }

    /// Notes which ApplySets are those of this environment's former names.
    pub(super) fn find_heirs(&mut self, environments: &[String]) {
        self.former = former_names(&self.neighbours, &self.source, environments);
    }

    /// Takes over what is left of this environment's former names. What git still names was taken over when it was
    /// applied; the rest becomes ours too, to be deleted by the rules that hold for all.
    pub(super) fn hand_over(&mut self) {
        for name in std::mem::take(&mut self.former) {
            let (tools, offer) = (self.tools.clone(), self.offer.clone());
            let namespace = self.options.namespace.clone();
            let apply_set = self.apply_set.clone();
            self.jobs.spawn(async move {
                let result = take_over(&tools, &offer, &namespace, &name, &apply_set).await;
                Finished::HandedOver(name, result)
            });
        }
    }

    pub(super) fn on_handed_over(&mut self, name: String, result: Result<HandOver, ApiError>) {
        match result {
            Ok(HandOver::Done(name, objects)) => {
                tracing::info!(
                    topic = "start",
                    "{name} is {} now: its other {} objects are handed over",
                    self.options.environment,
                    objects.len()
                );
                self.neighbours.retain(|one| one.name != name);
                for (key, observed) in objects {
                    if let Some(resource) = self.offer.catalog.kind(&key.group_kind) {
                        self.watches.ensure(resource);
                    }
                    self.world.objects.entry(key).or_default().observed.get_or_insert(observed);
                }
                self.later(Duration::ZERO, Timer::Replan);
            }
            Ok(HandOver::Kept(name, holder)) => {
                tracing::warn!(
                    "git has environment {name} no more, and {holder} still keeps it: end that agent, and what is left \
                     of {name} is taken over"
                );
                self.former.push(name);
                self.later(HAND_OVER_AGAIN, Timer::HandOver);
            }
            Err(error) => {
                tracing::warn!(%error, "what is left of {name} could not be taken over; trying again");
                self.former.push(name);
                self.later(HAND_OVER_AGAIN, Timer::HandOver);
            }
        }
    }
}

/// What differs between the Environment as we wrote it last, `known`, and as it is.
fn differences(body: &Value, known: &Value, live: &Value, key: &SecretKey) -> Vec<FieldDrift> {
    let source = ManifestSource { component: Arc::default(), file: Arc::default(), document: 0, line: 0 };
    let Ok(manifest) = Manifest::from_value(body.clone(), source) else { return Vec::new() };
    let fields = own_entry(known).and_then(|(_, fields)| FieldSet::from_fields_v1(&fields).ok());
    let fields = fields.unwrap_or_else(|| FieldSet::from_manifest(body));
    find(&Question {
        manifest: &manifest,
        once: &[],
        ignore: &IgnorePaths::default(),
        leaves: &fields.leaf_digests(known, key),
        fields: &fields,
        live,
        key,
    })
    .fields
}

/// Gives the objects of another environment our label, then removes that environment. Begun again after a crash, it
/// goes on where it was.
async fn take_over(
    tools: &Tools,
    offer: &Offer,
    namespace: &str,
    name: &str,
    apply_set: &str,
) -> Result<HandOver, ApiError> {
    let cluster = &tools.cluster;
    let lease = Lease {
        cluster: cluster.clone(),
        namespace: namespace.to_owned(),
        name: format!("mooring-{name}"),
        identity: String::new(),
    };
    if let Some(holder) = lease.holder().await? {
        return Ok(HandOver::Kept(name.to_owned(), holder));
    }
    let store = InventoryStore {
        cluster: cluster.clone(),
        namespace: namespace.to_owned(),
        environment: name.to_owned(),
    };
    let mirror = cluster.environment(name).await?;
    let selector = format!("{PART_OF}={}", apply_set_id(name));
    let label = format!("/metadata/labels/{}", PART_OF.replace('/', "~1"));
    let relabel = [json!({"op": "replace", "path": label, "value": apply_set})];
    let mut taken = Vec::new();
    for kind in known_kinds(mirror.as_ref(), &Inventory::default()) {
        let Some(resource) = offer.catalog.kind(&kind) else { continue };
        for (key, _) in cluster.observe(resource, &selector).await? {
            let live = tools.acting.json_patch(resource, &key, &relabel).await?;
            taken.push((key, read_observed(&live)));
        }
    }
    store.forget(name).await?;
    cluster.forget_environment(name).await?;
    Ok(HandOver::Done(name.to_owned(), taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_environment_of_the_same_source_that_git_lacks_is_a_former_name() {
        let of = |name: &str, source: Option<&str>| Neighbour {
            name: name.to_owned(),
            source: source.map(ToOwned::to_owned),
        };
        let neighbours =
            [of("old", Some("a")), of("there", Some("a")), of("theirs", Some("b")), of("unknown", None)];
        assert_eq!(former_names(&neighbours, "a", &["there".to_owned(), "new".to_owned()]), ["old"]);
    }
}
