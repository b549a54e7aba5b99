//! The one record of a drift: the same in the log, in JSON, in Events and in the status.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::drift::FieldDrift;
use super::fights::Fight;
use crate::manifest::ObjectKey;

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DriftKind {
    /// A field has another value, or none.
    Modified,
    /// A person's tool added a field.
    Added,
    /// The object is gone.
    Missing,
    /// A run that should have happened did not.
    MissedRun,
}

impl DriftKind {
    /// The kind of fields that were found on an object that is there.
    pub fn of(fields: &[FieldDrift]) -> Self {
        let added = fields.iter().all(|field| field.wanted == crate::manifest::Shown::Absent);
        if added { Self::Added } else { Self::Modified }
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It was put back.
    Corrected,
    /// It is only said: the environment has `drift: report`.
    Reported,
    /// A person holds the object: in words, by whom and since when.
    Held(String),
    /// The same field is changed again and again: the agent waits.
    Deferred(Fight),
    /// It could not be put back: why.
    Refused(String),
}

impl Decision {
    /// One word, for metrics and the status.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Corrected => "corrected",
            Self::Reported => "reported",
            Self::Held(_) => "held",
            Self::Deferred(_) => "deferred",
            Self::Refused(_) => "refused",
        }
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("action", self.label())?;
        match self {
            Self::Held(why) | Self::Refused(why) => map.serialize_entry("reason", why)?,
            Self::Deferred(fight) => map.serialize_entry("fight", fight)?,
            Self::Corrected | Self::Reported => {}
        }
        map.end()
    }
}

/// A drift, whole.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftRecord {
    /// When it was confirmed.
    pub time: Timestamp,
    /// The environment.
    pub environment: Arc<str>,
    /// The commit that says otherwise, short.
    pub revision: String,
    /// The component.
    pub component: Arc<str>,
    /// The object.
    pub object: ObjectKey,
    /// What kind of difference it is.
    pub kind: DriftKind,
    /// The fields; never empty.
    pub fields: Vec<FieldDrift>,
    /// What was decided.
    pub decision: Decision,
    /// From the watch's event to the confirmed difference, in ms.
    #[serde(rename = "seenMs", serialize_with = "milliseconds")]
    pub seen: Duration,
    /// From there to the server's answer to the repair, in ms.
    #[serde(rename = "repairedMs", serialize_with = "optional_milliseconds")]
    pub repaired: Option<Duration>,
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn optional_milliseconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => milliseconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}

impl DriftRecord {
    /// What was decided, as a sentence.
    pub fn conclusion(&self) -> String {
        match &self.decision {
            Decision::Corrected => {
                let repaired = self.repaired.unwrap_or_default();
                let verb = if self.kind == DriftKind::Missing { "made anew" } else { "put back" };
                format!(
                    "{verb} after {} ms (seen {}, repaired {})",
                    (self.seen + repaired).as_millis(),
                    self.seen.as_millis(),
                    repaired.as_millis()
                )
            }
            Decision::Reported => match self.kind {
                DriftKind::MissedRun => "reported".to_owned(),
                _ => "left as it is: the environment says `drift: report`".to_owned(),
            },
            Decision::Held(why) => format!("left as it is: {why}"),
            Decision::Deferred(fight) => fight.to_string(),
            Decision::Refused(why) => format!("could not be put back: {why}"),
        }
    }

    /// One line, for Kubernetes Events.
    pub fn summary(&self) -> String {
        let mut parts: Vec<String> = self
            .fields
            .iter()
            .take(5)
            .map(|field| {
                let by =
                    field.actor.as_ref().map(|actor| format!(" by {}", actor.manager)).unwrap_or_default();
                format!("{}: wanted {}, found {}{by}", field.path, field.wanted, field.found)
            })
            .collect();
        if self.fields.len() > 5 {
            parts.push(format!("and {} more", self.fields.len() - 5));
        }
        format!("{}; {} ({} at {})", parts.join("; "), self.conclusion(), self.environment, self.revision)
    }
}

impl fmt::Display for DriftRecord {
    /// Several lines for people. The time and the word `drift` are put in front by whoever writes the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<42} {} at {}", self.object.to_string(), self.environment, self.revision)?;
        for field in &self.fields {
            writeln!(f, "            {}", field.path)?;
            write!(f, "              wanted  {}", field.wanted)?;
            match &field.origin {
                Some(origin) => writeln!(f, "   {origin}")?,
                None => writeln!(f)?,
            }
            write!(f, "              found   {}", field.found)?;
            if let Some(actor) = &field.actor {
                write!(f, "   {}", actor.manager)?;
                if let Some(subresource) = &actor.subresource {
                    write!(f, " ({subresource})")?;
                }
                if let Some(time) = actor.time {
                    write!(f, ", {}", time.strftime("%H:%M:%S"))?;
                }
            }
            writeln!(f)?;
        }
        write!(f, "            {}", self.conclusion())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{FieldPath, GroupKind, Operation, Origin, Shown, SourceLine};
    use crate::plan::drift::Actor;
    use serde_json::json;

    fn record(decision: Decision) -> DriftRecord {
        let line = |file: &str, line| SourceLine { file: file.into(), line };
        DriftRecord {
            time: "2026-11-23T10:31:07Z".parse().unwrap(),
            environment: "local".into(),
            revision: "3f2c1a9".into(),
            component: "trino".into(),
            object: ObjectKey {
                group_kind: GroupKind::new("apps", "Deployment"),
                namespace: Some("lakehouse".into()),
                name: "trino-coordinator".into(),
            },
            kind: DriftKind::Modified,
            fields: vec![FieldDrift {
                path: FieldPath::of_fields(["spec", "memory"]),
                wanted: Shown::Value(json!("3Gi")),
                found: Shown::Value(json!("1Gi")),
                origin: Some(Origin {
                    template: line("components/trino/templates/coordinator.yaml", 41),
                    values: vec![line("environments/local/values/trino.yaml", 12)],
                }),
                actor: Some(Actor {
                    manager: "kubectl-edit".into(),
                    operation: Operation::Update,
                    subresource: None,
                    time: Some("2026-11-23T10:31:06Z".parse().unwrap()),
                }),
            }],
            decision,
            seen: Duration::from_millis(95),
            repaired: Some(Duration::from_millis(38)),
        }
    }

    #[test]
    fn a_record_reads_on_a_terminal_as_the_documentation_shows_it() {
        let wanted = "\
Deployment lakehouse/trino-coordinator     local at 3f2c1a9
            spec.memory
              wanted  3Gi   components/trino/templates/coordinator.yaml:41, value from environments/local/values/trino.yaml:12
              found   1Gi   kubectl-edit, 10:31:06
            put back after 133 ms (seen 95, repaired 38)";
        assert_eq!(record(Decision::Corrected).to_string(), wanted);
    }

    #[test]
    fn a_record_in_json_is_whole() {
        let value = serde_json::to_value(record(Decision::Refused("no right".into()))).unwrap();
        assert_eq!(value["fields"][0]["path"], "spec.memory");
        assert_eq!(value["fields"][0]["actor"]["manager"], "kubectl-edit");
        assert_eq!(value["fields"][0]["origin"]["template"]["line"], 41);
        assert_eq!(value["decision"], json!({"action": "refused", "reason": "no right"}));
        assert_eq!((&value["seenMs"], &value["repairedMs"]), (&json!(95), &json!(38)));
    }
}
