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

/// Fields that a summary names.
const SUMMARY_FIELDS: usize = 5;
/// A summary's longest text in bytes: what a Kubernetes Event can hold.
const SUMMARY: usize = 1024;
/// Longer values do not push the notes beside them to the right.
const WIDEST: usize = 40;

impl DriftRecord {
    /// What was decided, as a sentence.
    pub fn conclusion(&self) -> String {
        match &self.decision {
            Decision::Corrected => {
                let repaired = self.repaired.unwrap_or_default();
                let verb = match self.kind {
                    DriftKind::Missing => "made anew",
                    DriftKind::Added => "taken out",
                    DriftKind::Modified | DriftKind::MissedRun => "put back",
                };
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
            .take(SUMMARY_FIELDS)
            .map(|field| {
                let by = field.actor.as_ref().map(|actor| format!(" by {actor}")).unwrap_or_default();
                format!("{}: wanted {}, found {}{by}", field.path, field.wanted, field.found)
            })
            .collect();
        if self.fields.len() > SUMMARY_FIELDS {
            parts.push(format!("and {} more", self.fields.len() - SUMMARY_FIELDS));
        }
        // The proposal of a fight needs more lines than one.
        let conclusion = match &self.decision {
            Decision::Deferred(fight) => fight.summary(),
            _ => self.conclusion(),
        };
        // What was decided is said in any case; the fields get the room that is left.
        let end = format!("; {conclusion} ({} at {})", self.environment, self.revision);
        let fields = parts.join("; ");
        let room = fields.floor_char_boundary(SUMMARY.saturating_sub(end.len() + 3));
        let dots = if room < fields.len() { "..." } else { "" };
        let text = format!("{}{dots}{end}", &fields[..room]);
        text[..text.floor_char_boundary(SUMMARY)].to_owned()
    }

    /// Who changed a field and when; with the day, where it was another one.
    fn whom(&self, field: &FieldDrift) -> Option<String> {
        let actor = field.actor.as_ref()?;
        let Some(time) = actor.time else { return Some(actor.to_string()) };
        let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
        let same_day = day(time) == day(self.time);
        Some(format!("{actor}, {}", time.strftime(if same_day { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" })))
    }
}

impl fmt::Display for DriftRecord {
    /// Several lines for people. The time and the word `drift` are put in front by whoever writes the log; times are UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<42}  {} at {}", self.object.to_string(), self.environment, self.revision)?;
        for field in &self.fields {
            write!(f, "\n          {}", field.path)?;
            let (wanted, found) = (field.wanted.to_string(), field.found.to_string());
            let width = wanted.chars().count().max(found.chars().count()).min(WIDEST);
            let origin = field.origin.as_ref().map(ToString::to_string);
            for (word, value, note) in [("wanted", wanted, origin), ("found ", found, self.whom(field))] {
                match note {
                    Some(note) => write!(f, "\n            {word}  {value:<width$}   {note}")?,
                    None => write!(f, "\n            {word}  {value}")?,
                }
            }
        }
        write!(f, "\n          {}", self.conclusion())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{FieldPath, GroupKind, Operation, Origin, PathElement, Shown, SourceLine};
    use crate::plan::Actor;
    use serde_json::json;

    fn memory() -> FieldPath {
        let container = PathElement::Key(vec![("name".into(), json!("trino"))]);
        let mut path = FieldPath::of_fields(["spec", "template", "spec", "containers"]).join(container);
        path.0.extend(FieldPath::of_fields(["resources", "limits", "memory"]).0);
        path
    }

    fn field(path: FieldPath, wanted: Shown, found: Shown, manager: Option<&str>) -> FieldDrift {
        let actor = manager.map(|manager| Actor {
            manager: manager.to_owned(),
            operation: Operation::Update,
            subresource: None,
            time: Some("2026-11-23T10:31:06Z".parse().unwrap()),
        });
        FieldDrift { path, wanted, found, origin: None, actor }
    }

    fn record(decision: Decision) -> DriftRecord {
        let line = |file: &str, line| SourceLine { file: file.into(), line };
        let value = |text: &str| Shown::Value(json!(text));
        let mut changed = field(memory(), value("3Gi"), value("1Gi"), Some("kubectl-edit"));
        changed.origin = Some(Origin {
            template: line("components/trino/templates/coordinator.yaml", 41),
            values: vec![line("environments/local/values/trino.yaml", 12)],
        });
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
            fields: vec![changed],
            decision,
            seen: Duration::from_millis(95),
            repaired: Some(Duration::from_millis(38)),
        }
    }

    fn fight() -> Fight {
        Fight {
            path: "spec.replicas".into(),
            manager: Some("kubectl-patch".into()),
            corrections: 5,
            until: "2026-11-23T10:31:17Z".parse().unwrap(),
            proposal: Some("ignore:\n  - kind: Deployment".into()),
        }
    }

    #[test]
    fn a_record_reads_on_a_terminal_as_the_design_shows_it() {
        // With what the log puts in front of it.
        let text = format!("10:31:07  drift  {}", record(Decision::Corrected));
        let wanted = "\
10:31:07  drift  Deployment lakehouse/trino-coordinator      local at 3f2c1a9
          spec.template.spec.containers[trino].resources.limits.memory
            wanted  3Gi   components/trino/templates/coordinator.yaml:41, value from environments/local/values/trino.yaml:12
            found   1Gi   kubectl-edit, 10:31:06
          put back after 133 ms (seen 95, repaired 38)";
        assert_eq!(text, wanted);
    }

    #[test]
    fn several_fields_are_told_apart_and_their_notes_stand_in_line() {
        let mut record = record(Decision::Reported);
        let label = FieldPath::of_fields(["metadata", "labels", "team"]);
        let path = FieldPath::of_fields(["spec", "replicas"]);
        record.fields = vec![
            field(label, Shown::Absent, Shown::Value(json!("x")), Some("kubectl-label")),
            field(path, Shown::Value(json!(2)), Shown::Absent, None),
        ];
        record.time = "2026-11-24T00:00:01Z".parse().unwrap();
        assert_eq!(
            record.to_string(),
            "\
Deployment lakehouse/trino-coordinator      local at 3f2c1a9
          metadata.labels.team
            wanted  nothing
            found   x         kubectl-label, 2026-11-23 10:31:06
          spec.replicas
            wanted  2
            found   nothing
          left as it is: the environment says `drift: report`"
        );
    }

    #[test]
    fn each_decision_says_why() {
        let last = |decision| record(decision).to_string().lines().last().unwrap().trim().to_owned();
        assert_eq!(
            last(Decision::Held("held by kubectl-annotate for 2 h 5 min (debugging)".into())),
            "left as it is: held by kubectl-annotate for 2 h 5 min (debugging)"
        );
        assert_eq!(last(Decision::Refused("no right".into())), "could not be put back: no right");
        let text = record(Decision::Deferred(fight())).to_string();
        assert!(text.contains("kubectl-patch changes it again; next try at 10:31:17"), "{text}");
        assert!(text.ends_with("\n            ignore:\n              - kind: Deployment"), "{text}");
        let mut gone = record(Decision::Corrected);
        gone.kind = DriftKind::Missing;
        assert!(gone.conclusion().starts_with("made anew after 133 ms"));
        gone.kind = DriftKind::Added;
        assert!(gone.conclusion().starts_with("taken out after 133 ms"));
    }

    #[test]
    fn a_record_in_json_is_whole() {
        let value = serde_json::to_value(record(Decision::Refused("no right".into()))).unwrap();
        assert_eq!(value["fields"][0]["path"], memory().to_string());
        assert_eq!(value["fields"][0]["actor"]["manager"], "kubectl-edit");
        assert_eq!(value["fields"][0]["origin"]["template"]["line"], 41);
        assert_eq!(value["decision"], json!({"action": "refused", "reason": "no right"}));
        assert_eq!((&value["seenMs"], &value["repairedMs"]), (&json!(95), &json!(38)));
        let value = serde_json::to_value(record(Decision::Deferred(fight()))).unwrap();
        assert_eq!(value["decision"]["fight"]["manager"], "kubectl-patch");
    }

    #[test]
    fn a_summary_is_one_line_that_an_event_can_hold_and_ends_with_the_decision() {
        let mut long = record(Decision::Deferred(fight()));
        let value = Shown::Value(json!("ä".repeat(200)));
        long.fields = vec![field(memory(), value.clone(), value, Some("kubectl-edit")); 7];
        let summary = long.summary();
        assert!(summary.len() <= SUMMARY && !summary.contains('\n'), "{summary}");
        assert!(summary.ends_with("next try at 10:31:17 (local at 3f2c1a9)"), "{summary}");
        let short = record(Decision::Corrected).summary();
        assert_eq!(
            short,
            "spec.template.spec.containers[trino].resources.limits.memory: wanted 3Gi, found 1Gi by kubectl-edit; \
             put back after 133 ms (seen 95, repaired 38) (local at 3f2c1a9)"
        );
    }

    #[test]
    fn a_difference_is_an_addition_only_if_git_wants_nothing_there() {
        let path = FieldPath::of_fields(["data", "a"]);
        let added = field(path.clone(), Shown::Absent, Shown::Value(json!(1)), None);
        let changed = field(path, Shown::Value(json!(2)), Shown::Value(json!(1)), None);
        assert_eq!(DriftKind::of(std::slice::from_ref(&added)), DriftKind::Added);
        assert_eq!(DriftKind::of(&[added, changed]), DriftKind::Modified);
    }
}
