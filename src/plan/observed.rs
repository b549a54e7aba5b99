//! What is known of the cluster's objects: their metadata, and what we remember of applying them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::people::{by_hand, is_autoscaler, is_own};
use crate::manifest::{Digest, FieldPath, FieldSet, ManagedEntry, ObjectKey, SecretKey};

/// A person's hold on an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// The reason, as the person wrote it.
    pub reason: String,
    /// The field manager that set it.
    pub by: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl Hold {
    /// Who holds the object, for how long by now, and why: `held by kubectl-annotate for 2 h 5 min (debugging)`.
    pub fn at(&self, now: Timestamp) -> String {
        let since = self.since.map(|since| {
            let minutes = now.duration_since(since).as_mins().max(0);
            match (minutes / (24 * 60), minutes / 60 % 24, minutes % 60) {
                (0, 0, 0) => " for less than a minute".to_owned(),
                (0, 0, minutes) => format!(" for {minutes} min"),
                (0, hours, minutes) => format!(" for {hours} h {minutes} min"),
                (days, hours, _) => format!(" for {days} d {hours} h"),
            }
        });
        format!("held by {}{}{}", self.holder(), since.unwrap_or_default(), self.why())
    }

    fn holder(&self) -> &str {
        self.by.as_deref().unwrap_or("somebody")
    }

    fn why(&self) -> String {
        if self.reason.is_empty() { String::new() } else { format!(" ({})", self.reason) }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "held by {}", self.holder())?;
        if let Some(since) = self.since {
            write!(f, " since {since}")?;
        }
        f.write_str(&self.why())
    }
}

/// An object's metadata, as far as planning needs it. Field sets are kept as digests: 5,000 objects must be cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The uid.
    pub uid: String,
    /// The resource version.
    pub resource_version: String,
    /// The digest of our managedFields entry; `None` if we have none.
    pub own_fields: Option<Digest>,
    /// The digest of the entries of people's tools; `None` if there are none.
    pub people: Option<Digest>,
    /// The ApplySet that it belongs to.
    pub apply_set: Option<String>,
    /// A person's hold.
    pub hold: Option<Hold>,
    /// It is being deleted.
    pub deleting: bool,
    /// The names of its finalizers.
    pub finalizers: Vec<String>,
    /// A controller made it from another object.
    pub controlled: bool,
    /// `mooring.dev/prune`, if it says so.
    pub prune: Option<bool>,
    /// The component that its label names.
    pub component: Option<String>,
    /// The fields below `spec` that an autoscaler has taken.
    pub autoscaled: Vec<FieldPath>,
}

/// Metadata that is no object.
#[derive(Debug, thiserror::Error)]
#[error("the metadata is no object")]
pub struct ObservedError;

impl Observed {
    /// Reads an object's `metadata`.
    pub fn from_metadata(metadata: &Value) -> Result<Self, ObservedError> {
        if !metadata.is_object() {
            return Err(ObservedError);
        }
        let text = |pointer: &str| metadata.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned);
        let entries = ManagedEntry::parse_all(metadata);
        let own = entries.iter().find(|entry| is_own(entry));
        let people: Vec<Vec<u8>> = entries
            .iter()
            .filter(|entry| by_hand(entry))
            .map(|entry| format!("{} {}", entry.manager, entry.fields_v1).into_bytes())
            .collect();
        // `false` is how many a person would say no.
        let said = text("/annotations/mooring.dev~1hold").filter(|reason| reason != "false");
        let hold = said.map(|reason| {
            let holder = entries.iter().find(|entry| {
                entry.fields_v1.pointer("/f:metadata/f:annotations/f:mooring.dev~1hold").is_some()
            });
            Hold {
                reason: one_line(&reason),
                by: holder.map(|entry| entry.manager.clone()),
                since: holder.and_then(|entry| entry.time),
            }
        });
        let owners = metadata.get("ownerReferences").and_then(Value::as_array);
        let finalizers = metadata.get("finalizers").and_then(Value::as_array);
        Ok(Self {
            uid: text("/uid").unwrap_or_default(),
            resource_version: text("/resourceVersion").unwrap_or_default(),
            own_fields: own.map(|entry| Digest::of_json(&entry.fields_v1)),
            people: (!people.is_empty()).then(|| Digest::of_all(people.iter().map(Vec::as_slice))),
            apply_set: text("/labels/applyset.kubernetes.io~1part-of"),
            hold,
            deleting: metadata.get("deletionTimestamp").is_some_and(Value::is_string),
            finalizers: finalizers
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(ToOwned::to_owned)
                .collect(),
            controlled: owners.into_iter().flatten().any(|owner| owner["controller"] == true),
            prune: text("/annotations/mooring.dev~1prune").map(|text| text == "true"),
            component: text("/labels/mooring.dev~1component"),
            autoscaled: autoscaled(&entries),
        })
    }

    /// Whether this was read after `other`. Resource versions of one kind can be compared as numbers (KEP-5504).
    pub fn is_newer_than(&self, other: &Self) -> bool {
        match (self.resource_version.parse::<u64>(), other.resource_version.parse::<u64>()) {
            (Ok(one), Ok(two)) => one > two,
            _ => self.resource_version != other.resource_version,
        }
    }

    /// Whether the metadata gives a reason to read the object: our entry is not what it was after we applied, our label
    /// is gone, or people's tools hold fields that nobody has looked at (`accepted`: the ones that somebody has).
    pub fn is_suspect(&self, baseline: &Baseline, apply_set: &str, accepted: Option<Digest>) -> bool {
        self.own_fields != Some(baseline.fields)
            || self.apply_set.as_deref() != Some(apply_set)
            || self.deleting
            || (self.people.is_some() && self.people != accepted)
    }
}

/// A person's words, fit for one line of a report.
fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    text.trim().to_owned()
}

/// The fields below `spec` that an autoscaler's entries hold.
fn autoscaled(entries: &[ManagedEntry]) -> Vec<FieldPath> {
    let spec = FieldPath::of_fields(["spec"]);
    entries
        .iter()
        .filter(|entry| is_autoscaler(&entry.manager, entry.subresource.as_deref()))
        .filter_map(|entry| entry.fields().ok())
        .flat_map(|fields| fields.leaves())
        .filter(|path| path.starts_with(&spec))
        .collect()
}

/// What is there of an environment.
#[derive(Clone, Debug, Default)]
pub struct ObservedSet {
    /// Each object's metadata.
    pub objects: HashMap<ObjectKey, Observed>,
}

/// The server's own form of our wish, as digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The wish that was applied.
    pub desired: Digest,
    /// Our managedFields entry after that.
    pub fields: Digest,
    /// All our fields' values after that.
    pub projection: Digest,
    /// Each field's value, in the order of the field set's leaves; lost in a restart.
    pub leaves: Option<Box<[u64]>>,
    /// Our FieldsV1, as JSON; lost in a restart.
    pub own: Option<Arc<[u8]>>,
}

impl Baseline {
    /// The baseline that the server's answer `live` to the wish `desired` gives; `fields` is our FieldsV1 in it.
    pub fn of(desired: Digest, fields: &Value, live: &Value, key: &SecretKey) -> Self {
        let set = FieldSet::from_fields_v1(fields).unwrap_or_default();
        let leaves = set.leaf_digests(live, key);
        Self {
            desired,
            fields: Digest::of_json(fields),
            projection: FieldSet::projection_digest(&leaves),
            leaves: Some(leaves.into_boxed_slice()),
            own: Some(fields.to_string().into_bytes().into()),
        }
    }

    /// Whether it still knows each field by itself.
    pub fn has_leaves(&self) -> bool {
        self.leaves.is_some() && self.own.is_some()
    }
}

/// What is remembered of an object across restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryEntry {
    /// The component that it belongs to.
    #[serde(rename = "c")]
    pub component: Arc<str>,
    /// The uid.
    #[serde(rename = "u")]
    pub uid: String,
    /// See [`Baseline::desired`].
    #[serde(rename = "d")]
    pub desired: Digest,
    /// See [`Baseline::fields`].
    #[serde(rename = "f")]
    pub fields: Digest,
    /// See [`Baseline::projection`].
    #[serde(rename = "p")]
    pub projection: Digest,
}

impl InventoryEntry {
    /// The baseline, without its single fields.
    pub fn baseline(&self) -> Baseline {
        Baseline {
            desired: self.desired,
            fields: self.fields,
            projection: self.projection,
            leaves: None,
            own: None,
        }
    }
}

/// What is remembered of all objects of an environment.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The objects.
    pub entries: BTreeMap<ObjectKey, InventoryEntry>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{HOLD, PART_OF, apply_set_id};
    use serde_json::json;

    fn metadata(fields: &Value) -> Value {
        json!({"uid": "u", "resourceVersion": "10", "labels": {PART_OF: apply_set_id("local")},
            "managedFields": [{"manager": "mooring", "operation": "Apply", "fieldsV1": fields}]})
    }

    #[test]
    fn drift_is_suspected_from_metadata_alone() {
        let fields = json!({"f:data": {"f:a": {}, "f:b": {}}});
        let key = SecretKey::new([0; 32]);
        let live = json!({"data": {"a": "1", "b": "2"}});
        let baseline = Baseline::of(Digest::of(b""), &fields, &live, &key);
        let set = apply_set_id("local");
        let clean = Observed::from_metadata(&metadata(&fields)).unwrap();
        assert!(!clean.is_suspect(&baseline, &set, None));
        let taken = Observed::from_metadata(&metadata(&json!({"f:data": {"f:a": {}}}))).unwrap();
        assert!(taken.is_suspect(&baseline, &set, None));
        let mut added = metadata(&fields);
        added["managedFields"].as_array_mut().unwrap().push(
            json!({"manager": "kubectl-patch", "operation": "Update", "fieldsV1": {"f:data": {"f:c": {}}}}),
        );
        let added = Observed::from_metadata(&added).unwrap();
        assert!(added.is_suspect(&baseline, &set, None));
        assert!(!added.is_suspect(&baseline, &set, added.people));
        let mut unlabelled = metadata(&fields);
        unlabelled["labels"] = json!({});
        assert!(Observed::from_metadata(&unlabelled).unwrap().is_suspect(&baseline, &set, None));
    }

    #[test]
    fn a_controller_s_entry_is_no_reason_to_look() {
        let fields = json!({"f:spec": {"f:replicas": {}}});
        let mut metadata = metadata(&fields);
        metadata["managedFields"].as_array_mut().unwrap().push(json!({"manager": "kube-controller-manager",
            "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}));
        assert_eq!(Observed::from_metadata(&metadata).unwrap().people, None);
    }

    #[test]
    fn a_hold_says_by_whom_and_since_when() {
        let metadata = json!({"annotations": {HOLD: "debugging"}, "managedFields": [{
            "manager": "kubectl-annotate", "operation": "Update", "time": "2026-11-23T10:00:00Z",
            "fieldsV1": {"f:metadata": {"f:annotations": {"f:mooring.dev/hold": {}}}}}]});
        let hold = Observed::from_metadata(&metadata).unwrap().hold.unwrap();
        assert_eq!(hold.to_string(), "held by kubectl-annotate since 2026-11-23T10:00:00Z (debugging)");
    }

    #[test]
    fn a_hold_says_for_how_long() {
        let since = "2026-11-23T10:00:00Z".parse::<Timestamp>().unwrap();
        let hold =
            Hold { reason: "debugging".into(), by: Some("kubectl-annotate".into()), since: Some(since) };
        let at = |text: &str| hold.at(text.parse().unwrap());
        assert_eq!(at("2026-11-23T12:05:30Z"), "held by kubectl-annotate for 2 h 5 min (debugging)");
        assert_eq!(at("2026-11-23T10:00:30Z"), "held by kubectl-annotate for less than a minute (debugging)");
        assert_eq!(at("2026-11-26T14:00:00Z"), "held by kubectl-annotate for 3 d 4 h (debugging)");
        let unknown = Hold { reason: String::new(), by: None, since: None };
        assert_eq!(unknown.at(since), "held by somebody");
    }

    #[test]
    fn a_hold_that_says_false_is_none() {
        let metadata = |word: &str| json!({"annotations": {HOLD: word}});
        assert_eq!(Observed::from_metadata(&metadata("false")).unwrap().hold, None);
        assert!(Observed::from_metadata(&metadata("")).unwrap().hold.is_some());
    }

    #[test]
    fn an_autoscaler_is_seen_in_the_metadata_and_a_person_who_scales_is_none() {
        let by = |manager: &str| {
            let metadata = json!({"managedFields": [{"manager": manager, "operation": "Update",
                "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}, "f:status": {"f:x": {}}}}]});
            Observed::from_metadata(&metadata).unwrap().autoscaled
        };
        assert_eq!(by("kube-controller-manager"), [FieldPath::of_fields(["spec", "replicas"])]);
        assert!(by("kubectl").is_empty());
    }

    #[test]
    fn malformed_metadata_is_an_error_or_empty_and_never_a_panic() {
        assert!(Observed::from_metadata(&json!("x")).is_err());
        let odd = json!({"uid": 5, "managedFields": [{}, "x", {"operation": "Apply", "manager": "mooring",
            "fieldsV1": {"x:": 1}}], "labels": [], "ownerReferences": {}, "finalizers": "x"});
        assert_eq!(Observed::from_metadata(&odd).unwrap().uid, "");
    }
}
