//! What the Environment resource says in the cluster. Every list and text in it is bounded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of the environment, as `kubectl get environments` shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The commit that the cluster was brought to last, as a full id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub revision: Option<String>,
    /// The same as people write it, for `kubectl get`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub short_revision: Option<String>,
    /// The commit that is being applied, or that could not be, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub attempted_revision: Option<String>,
    /// Ready, Reconciling, Drifted and Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// How many there are of each.
    #[serde(default)]
    pub counts: Counts,
    /// The drift that was seen last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_drift: Option<LastDrift>,
    /// The next run of each producer, the soonest first; the first ten of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub next_runs: Vec<NextRun>,
}

impl EnvironmentStatus {
    /// How many producers [`EnvironmentStatus::next_runs`] holds at most.
    pub const MAX_NEXT_RUNS: usize = 10;

    /// The condition of that type, if it was set.
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Sets a condition. Its transition time stays as it was unless the condition's status changed.
    pub fn set_condition(&mut self, mut condition: Condition) {
        condition.message = bounded(&condition.message, Condition::MAX_MESSAGE);
        match self.conditions.iter_mut().find(|known| known.kind == condition.kind) {
            Some(known) => {
                if known.status == condition.status {
                    condition.last_transition_time = known.last_transition_time;
                }
                *known = condition;
            }
            None => self.conditions.push(condition),
        }
    }
}

/// The types of condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionType {
    /// The cluster is as the revision says, and healthy.
    Ready,
    /// A revision is being applied.
    Reconciling,
    /// Something differs from git and was left so.
    Drifted,
    /// No progress without a person's hand.
    Stalled,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows yet.
    Unknown,
}

/// A condition in the form of `metav1.Condition`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which condition.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word for machines: `Applied`, `RenderFailed`.
    #[schemars(length(min = 1, max = 128), extend("pattern" = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, for people.
    #[schemars(length(max = 4096))]
    pub message: String,
    /// When the status changed last.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last_transition_time: jiff::Timestamp,
    /// The generation of the spec that the condition speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

impl Condition {
    /// The longest message, in bytes.
    pub const MAX_MESSAGE: usize = 4096;
}

/// How many there are of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// The objects in the cluster that belong to the environment.
    pub objects: u32,
    /// The components in git.
    pub components: u32,
    /// The components that are applied and healthy.
    pub ready_components: u32,
    /// The objects that a person holds (`mooring.dev/hold`).
    pub held: u32,
    /// The objects that differ from git now.
    pub drifted: u32,
}

/// A drift, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastDrift {
    /// When it was seen.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: jiff::Timestamp,
    /// Which object: `Deployment lakehouse/trino-coordinator`.
    #[schemars(length(max = 512))]
    pub object: String,
    /// The first field that differed.
    #[schemars(length(max = 512))]
    pub path: String,
    /// How many fields differed.
    pub fields: u32,
    /// Who changed it, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub manager: Option<String>,
    /// What was decided: `corrected`, `ignored`, `deferred`, `reported`, `refused`.
    #[schemars(length(max = 64))]
    pub decision: String,
}

impl LastDrift {
    /// Shortens each text to what the CRD allows.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.object = bounded(&self.object, 512);
        self.path = bounded(&self.path, 512);
        self.manager = self.manager.map(|manager| bounded(&manager, 128));
        self.decision = bounded(&self.decision, 64);
        self
    }
}

/// When a producer runs next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextRun {
    /// The producer.
    #[schemars(length(max = 52))]
    pub producer: String,
    /// When.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: jiff::Timestamp,
}

/// `text` in at most `limit` bytes, an ellipsis standing for what was cut off.
fn bounded(text: &str, limit: usize) -> String {
    const ELLIPSIS: char = '…';
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limit - ELLIPSIS.len_utf8());
    format!("{}{ELLIPSIS}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(status: ConditionStatus, second: i64) -> Condition {
        Condition {
            kind: ConditionType::Ready,
            status,
            reason: "Applied".to_owned(),
            message: String::new(),
            last_transition_time: jiff::Timestamp::from_second(second).unwrap(),
            observed_generation: None,
        }
    }

    #[test]
    fn a_condition_keeps_its_transition_time_until_its_status_changes() {
        let mut status = EnvironmentStatus::default();
        status.set_condition(condition(ConditionStatus::True, 1));
        status.set_condition(condition(ConditionStatus::True, 2));
        let ready = status.condition(ConditionType::Ready).unwrap();
        assert_eq!(ready.last_transition_time.as_second(), 1);
        status.set_condition(condition(ConditionStatus::False, 3));
        let ready = status.condition(ConditionType::Ready).unwrap();
        assert_eq!((ready.status, ready.last_transition_time.as_second()), (ConditionStatus::False, 3));
        assert_eq!(status.conditions.len(), 1);
    }

    #[test]
    fn a_message_is_cut_at_a_character_and_never_longer_than_the_crd_allows() {
        let mut status = EnvironmentStatus::default();
        let mut long = condition(ConditionStatus::False, 1);
        long.message = "ä".repeat(Condition::MAX_MESSAGE);
        status.set_condition(long);
        let message = &status.conditions[0].message;
        assert!(message.len() <= Condition::MAX_MESSAGE && message.ends_with('…'));
    }
}
