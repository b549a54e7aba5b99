//! Carrying out one step of a plan on one object, whatever the server answers.

use std::sync::Arc;

use serde_json::Value;

use crate::cluster::{ApiError, Applied, ApplyMode, Cluster, ONCE_MANAGER, migration};
use crate::manifest::{
    Digest, FieldPath, FieldSet, MANAGER, ManagedEntry, Manifest, ObjectKey, Operation, SecretKey, only,
};
use crate::plan::health::{Health, assess};
use crate::plan::{Baseline, Observed, Resource};
use crate::render::{NAMESPACES, RenderedComponent};

/// What is shared by all jobs.
#[derive(Clone)]
pub struct Tools {
    /// The cluster, whose writes need the lease.
    pub cluster: Cluster,
    /// The same, as the service account that the environment's objects are kept by.
    pub acting: Cluster,
    /// The key of digests.
    pub key: SecretKey,
}

/// What is known of the object before it is applied.
#[derive(Clone, Debug)]
pub enum Known {
    /// Nothing: it is probably not there. Fields of others are not taken before we know whose they are.
    Fresh,
    /// It carries our label; its fields are ours to take. The FieldsV1 of our entry, where it is still known.
    Ours(Option<Arc<[u8]>>),
    /// It carries our label, and its baseline was lost: a dry-run tells whether there is anything to write.
    Unproven,
}

/// One object to be applied.
#[derive(Clone)]
pub struct ApplyJob {
    /// The object.
    pub key: ObjectKey,
    /// How the API server serves it.
    pub resource: Resource,
    /// The component's rendering, and the object's place in it.
    pub rendered: Arc<RenderedComponent>,
    /// The place.
    pub index: usize,
    /// Fields that are set once, at creation.
    pub once: Vec<FieldPath>,
    /// The digest of the wish.
    pub digest: Digest,
    /// What is known of it.
    pub known: Known,
    /// The ApplySet that it joins.
    pub apply_set: String,
    /// ApplySets whose environments are no more: their objects may be taken over.
    pub heir_of: Vec<String>,
    /// Whether somebody else's object may be there under this name: a look comes before the first write then, since a
    /// person may hold it, and no conflict stops us from adding fields to it or from taking another environment's.
    pub look_first: bool,
}

impl ApplyJob {
    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.rendered.objects[self.index].manifest
    }

    /// Whether git names the object only by putting others into it: a namespace.
    fn is_implied(&self) -> bool {
        &*self.manifest().source().component == NAMESPACES
    }
}

/// The state of an object after a write, as the server answered it.
#[derive(Debug)]
pub struct Outcome {
    /// Its baseline.
    pub baseline: Baseline,
    /// Its metadata.
    pub observed: Observed,
    /// Its health by that answer.
    pub health: Health,
    /// What was done, in a word for logs and metrics.
    pub done: Done,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was not there.
    Created,
    /// It was there and changed.
    Updated,
    /// It was there, of other tools: the managers that its fields were taken from.
    Adopted(Vec<String>),
    /// It was deleted and made anew.
    Replaced,
    /// It was right already: only what we know of it was renewed.
    Proven,
}

/// Why an object was not applied.
#[derive(Debug)]
pub enum Refusal {
    /// A rule of ours forbids it: in words.
    Rule(String),
    /// A person holds it.
    Held(Box<Observed>),
    /// It only has to be there, and is: whose it is does not matter.
    There(Box<Observed>, Health),
    /// The API server did not do it.
    Api(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl Refusal {
    /// The reason in words, and whether trying again may help.
    pub fn in_words(&self) -> (String, bool) {
        match self {
            Self::Rule(why) => (why.clone(), false),
            Self::Held(observed) => {
                (observed.hold.as_ref().map_or_else(|| "held".to_owned(), ToString::to_string), false)
            }
            Self::There(..) => ("it is there already".to_owned(), false),
            Self::Api(error) => {
                let transient = error.is_transient()
                    || error.is_not_found()
                    || matches!(error, ApiError::Conflict { .. });
                (error.to_string(), transient)
            }
        }
    }
}

/// As we write what is ours.
pub const TAKE: ApplyMode = ApplyMode { manager: MANAGER, force: true, dry_run: false };
/// What would be.
pub const ASK: ApplyMode = ApplyMode { manager: MANAGER, force: true, dry_run: true };
const POLITE: ApplyMode = ApplyMode { manager: MANAGER, force: false, dry_run: false };
const ONCE: ApplyMode = ApplyMode { manager: ONCE_MANAGER, force: true, dry_run: false };

/// Applies one object. Secrets are taken out of the server's error texts.
pub async fn apply(tools: &Tools, job: &ApplyJob) -> Result<Outcome, Refusal> {
    let result = match &job.known {
        Known::Fresh => apply_fresh(tools, job).await,
        Known::Ours(own) => apply_ours(tools, job, own.as_deref()).await,
        Known::Unproven => prove(tools, job).await,
    };
    result.map_err(|refusal| match refusal {
        Refusal::Api(error) => Refusal::Api(error.map_message(|text| job.manifest().scrub(text))),
        other => other,
    })
}

async fn apply_fresh(tools: &Tools, job: &ApplyJob) -> Result<Outcome, Refusal> {
    let cluster = &tools.acting;
    // Whether a namespace is there is the agent's own question: a team's account need not be allowed to ask it.
    let looking = if job.is_implied() { &tools.cluster } else { cluster };
    if (job.look_first || job.is_implied())
        && let Some(live) = looking.get(&job.resource, &job.key).await?
    {
        if job.is_implied() {
            return Err(Refusal::There(Box::new(read_observed(&live)), assess(&live)));
        }
        return adopt(tools, job, live).await;
    }
    match cluster.apply(&job.resource, &job.key, job.manifest().wire(), POLITE).await {
        Ok(applied) if applied.created => {
            let live = if job.once.is_empty() {
                applied.live
            } else {
                hand_over_once(tools, job, &applied.live).await?
            };
            Ok(outcome(tools, job, &live, Done::Created))
        }
        // It was there with the very values that we want, or with none of our fields.
        Ok(applied) => match migration(&applied.live) {
            None if job.once.is_empty() => Ok(outcome(tools, job, &applied.live, Done::Adopted(Vec::new()))),
            _ => adopt(tools, job, applied.live).await,
        },
        Err(ApiError::Conflict { .. }) => {
            let live = cluster.get(&job.resource, &job.key).await?;
            let live = live.ok_or_else(|| vanished(job))?;
            adopt(tools, job, live).await
        }
        Err(error) => recover(tools, job, error).await,
    }
}

/// Takes over an object that is there already.
async fn adopt(tools: &Tools, job: &ApplyJob, live: Value) -> Result<Outcome, Refusal> {
    let observed = read_observed(&live);
    if observed.hold.is_some() {
        return Err(Refusal::Held(Box::new(observed)));
    }
    if let Some(why) = belongs_elsewhere(&observed, &job.apply_set, &job.heir_of) {
        return Err(Refusal::Rule(why));
    }
    let ours = observed.apply_set.as_deref() == Some(job.apply_set.as_str());
    let from = managers(&live);
    let mut live = live;
    if let Some((operations, _)) = migration(&live) {
        live = tools.acting.json_patch(&job.resource, &job.key, &operations).await?;
    }
    let live = write(tools, job, &live).await?;
    Ok(outcome(tools, job, &live, if ours { Done::Updated } else { Done::Adopted(from) }))
}

/// Why an object may not be taken over: it is another environment's.
pub fn belongs_elsewhere(observed: &Observed, apply_set: &str, heir_of: &[String]) -> Option<String> {
    let other = observed.apply_set.as_ref()?;
    let free = *other == apply_set || heir_of.contains(other);
    (!free).then(|| {
        format!(
            "it belongs to another environment (ApplySet {other}); remove it there first, or rename it here"
        )
    })
}

/// The managers of an object's fields but for us.
pub fn managers(live: &Value) -> Vec<String> {
    let mut names: Vec<String> = ManagedEntry::parse_all(&live["metadata"])
        .into_iter()
        .filter(|entry| {
            entry.subresource.is_none() && entry.manager != MANAGER && entry.manager != ONCE_MANAGER
        })
        .map(|entry| entry.manager)
        .collect();
    names.sort();
    names.dedup();
    names
}

async fn apply_ours(tools: &Tools, job: &ApplyJob, own: Option<&[u8]>) -> Result<Outcome, Refusal> {
    // Fields that are set once must have another owner before we stop sending them, or the server removes them.
    let own = own.and_then(|bytes| FieldSet::from_json(bytes).ok());
    let still_ours = |own: &FieldSet| job.once.iter().any(|path| own.covers(path));
    if !job.once.is_empty() && own.as_ref().is_none_or(still_ours) {
        let live = tools.acting.get(&job.resource, &job.key).await?;
        let Some(live) = live else { return Box::pin(apply_fresh(tools, job)).await };
        let live = write(tools, job, &live).await?;
        return Ok(outcome(tools, job, &live, Done::Updated));
    }
    let body = job.manifest().without(&job.once);
    match tools.acting.apply(&job.resource, &job.key, body, TAKE).await {
        Ok(Applied { created: true, live }) => {
            // It had gone meanwhile; what is set once is then due again.
            let live = if job.once.is_empty() { live } else { write_once(tools, job).await? };
            Ok(outcome(tools, job, &live, Done::Created))
        }
        Ok(applied) => Ok(outcome(tools, job, &applied.live, Done::Updated)),
        Err(error) => recover(tools, job, error).await,
    }
}

/// Rebuilds a lost baseline: a dry-run says what the server would make of our wish, and only a difference is written.
async fn prove(tools: &Tools, job: &ApplyJob) -> Result<Outcome, Refusal> {
    let Some(live) = tools.acting.get(&job.resource, &job.key).await? else {
        return apply_fresh(tools, job).await;
    };
    let body = job.manifest().without(&job.once);
    let wished = match tools.acting.apply(&job.resource, &job.key, body, ASK).await {
        Ok(wished) => wished.live,
        Err(error) => return recover(tools, job, error).await,
    };
    let (Some((_, wanted)), Some((_, found))) = (own_entry(&wished), own_entry(&live)) else {
        return apply_ours(tools, job, None).await;
    };
    let same = wanted == found && {
        let fields = FieldSet::from_fields_v1(&wanted).unwrap_or_default();
        fields.leaf_digests(&wished, &tools.key) == fields.leaf_digests(&live, &tools.key)
    };
    if same {
        return Ok(outcome(tools, job, &live, Done::Proven));
    }
    apply_ours(tools, job, None).await
}

/// Applies over `live`: first hands over what is set once and still ours, then the rest.
async fn write(tools: &Tools, job: &ApplyJob, live: &Value) -> Result<Value, Refusal> {
    let present: Vec<FieldPath> = job.once.iter().filter(|path| path.get(live).is_some()).cloned().collect();
    if !present.is_empty() {
        let kept = only(live, &present).to_string().into_bytes();
        tools.acting.apply(&job.resource, &job.key, kept, ONCE).await?;
    }
    let body = job.manifest().without(&job.once);
    match tools.acting.apply(&job.resource, &job.key, body, TAKE).await {
        Ok(applied) => Ok(applied.live),
        Err(error) => Err(error.into()),
    }
}

/// After a creation: the fields that are set once get their own manager, then leave ours.
async fn hand_over_once(tools: &Tools, job: &ApplyJob, live: &Value) -> Result<Value, Refusal> {
    write(tools, job, live).await
}

/// Sets what is set once on an object that was made without it.
async fn write_once(tools: &Tools, job: &ApplyJob) -> Result<Value, Refusal> {
    let kept = only(&job.manifest().reveal(), &job.once).to_string().into_bytes();
    Ok(tools.acting.apply(&job.resource, &job.key, kept, ONCE).await?.live)
}

/// What is left to try after the server refused an object.
async fn recover(tools: &Tools, job: &ApplyJob, error: ApiError) -> Result<Outcome, Refusal> {
    if error.is_immutable() {
        return replace(tools, job, error).await;
    }
    if let ApiError::Rejected { code: 422, .. } = &error {
        // A field that somebody added can make our wish invalid: a strategy's parameters beside another strategy.
        // Taken out, what we want is valid again.
        if let Some(live) = tools.acting.get(&job.resource, &job.key).await? {
            let operations = crate::plan::drift::removal(&live, job.manifest(), &job.once);
            if !operations.is_empty() {
                tracing::debug!(object = %job.key, %error, "takes out what others added, and tries again");
                tools.acting.json_patch(&job.resource, &job.key, &operations).await?;
                let live = write(tools, job, &live).await?;
                return Ok(outcome(tools, job, &live, Done::Updated));
            }
        }
    }
    Err(error.into())
}

/// Why an object that cannot be changed in place is not deleted and made anew either; `None` where it is. Only where its
/// manifest allows it, and never for what holds data.
pub fn unreplaceable(manifest: &Manifest, error: &ApiError) -> Option<String> {
    if manifest.annotation("mooring.dev/replace") != Some("true") {
        return Some(format!(
            "a field of it cannot be changed in place; put the annotation mooring.dev/replace: \"true\" on it to have it \
             deleted and made anew ({error})"
        ));
    }
    let kind = manifest.group_kind().kind.as_str();
    let holds_data = matches!(
        kind,
        "PersistentVolumeClaim"
            | "PersistentVolume"
            | "Namespace"
            | "CustomResourceDefinition"
            | "StatefulSet"
    );
    holds_data.then(|| format!("a {kind} is never replaced, since its data would go with it ({error})"))
}

/// Deletes and makes anew what cannot be changed, and only after the server accepted the new one in a dry run.
async fn replace(tools: &Tools, job: &ApplyJob, error: ApiError) -> Result<Outcome, Refusal> {
    if let Some(why) = unreplaceable(job.manifest(), &error) {
        return Err(Refusal::Rule(why));
    }
    // A dry run under another name: under its own it would only say that the object exists.
    let mut trial = job.manifest().reveal();
    let trial_key = ObjectKey {
        name: format!("{}-mooring-trial", job.key.name.chars().take(200).collect::<String>()),
        ..job.key.clone()
    };
    trial["metadata"]["name"] = Value::String(trial_key.name.clone());
    tools.acting.apply(&job.resource, &trial_key, trial.to_string().into_bytes(), ASK).await?;
    let live = tools.acting.get(&job.resource, &job.key).await?;
    let uid = live.as_ref().and_then(|live| live.pointer("/metadata/uid")).and_then(Value::as_str);
    tools.acting.delete(&job.resource, &job.key, uid, false).await?;
    for _ in 0..100 {
        if tools.acting.get(&job.resource, &job.key).await?.is_none() {
            let applied = tools.acting.apply(&job.resource, &job.key, job.manifest().wire(), TAKE).await?;
            let live = if job.once.is_empty() {
                applied.live
            } else {
                hand_over_once(tools, job, &applied.live).await?
            };
            return Ok(outcome(tools, job, &live, Done::Replaced));
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err(Refusal::Rule("it is being deleted to be made anew, and finalizers still hold it".to_owned()))
}

fn vanished(job: &ApplyJob) -> ApiError {
    ApiError::NotFound { what: format!("apply {}", job.key), message: "it was deleted meanwhile".to_owned() }
}

/// Our entry in managedFields: whether there is one, and its FieldsV1.
pub fn own_entry(live: &Value) -> Option<(ManagedEntry, Value)> {
    ManagedEntry::parse_all(&live["metadata"])
        .into_iter()
        .find(|entry| {
            entry.manager == MANAGER && entry.operation == Operation::Apply && entry.subresource.is_none()
        })
        .map(|entry| {
            let fields = entry.fields_v1.clone();
            (entry, fields)
        })
}

/// What the agent keeps of an object after the server's answer `live`.
pub fn outcome(tools: &Tools, job: &ApplyJob, live: &Value, done: Done) -> Outcome {
    let fields = own_entry(live).map(|(_, fields)| fields).unwrap_or_default();
    Outcome {
        baseline: Baseline::of(job.digest, &fields, live, &tools.key),
        observed: read_observed(live),
        health: assess(live),
        done,
    }
}

/// The metadata as planning sees it.
pub fn read_observed(live: &Value) -> Observed {
    Observed::from_metadata(&live["metadata"]).unwrap_or_default()
}
