//! Fights: a field that another writer changes again and again after it was put back.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::drift::FieldDrift;
use crate::manifest::{COMPONENT, FieldPath, ObjectKey, PART_OF};

/// So many corrections of one field...
const CORRECTIONS: usize = 5;
/// ...within this time are a fight.
const WINDOW: Duration = Duration::from_mins(1);
/// The first pause, doubled at each further round.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// A fight is over when nobody changed the field for so long after it was put back.
const QUIET: Duration = Duration::from_mins(20);
/// Fields that are kept in mind at once: more than a person could look at, and a few MiB.
const MEMORY: usize = 10_000;

/// A fight, as reports show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fight {
    /// The field.
    pub path: String,
    /// The other writer, if it left its name.
    pub manager: Option<String>,
    /// How often the field was put back.
    pub corrections: usize,
    /// When the agent will put it back next.
    pub until: Timestamp,
    /// The ignore rule that would end it, as YAML for the environment's file; nothing for the labels that make the object
    /// ours, which cannot be left to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposal: Option<String>,
}

impl Fight {
    /// How long the agent waits from `now` on.
    pub fn wait(&self, now: Timestamp) -> Duration {
        self.until.duration_since(now).try_into().unwrap_or(Duration::ZERO)
    }
}

impl Fight {
    /// What is going on, in one line.
    pub fn summary(&self) -> String {
        format!(
            "left for now: put back {} times, and {} changes it again; next try at {}",
            self.corrections,
            self.rival(),
            self.until.strftime("%H:%M:%S")
        )
    }

    fn rival(&self) -> &str {
        self.manager.as_deref().unwrap_or("an unnamed writer")
    }
}

impl fmt::Display for Fight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary())?;
        let rival = self.rival();
        let Some(proposal) = &self.proposal else {
            return write!(f, "          the label makes the object ours: stop {rival} from changing it");
        };
        write!(f, "          to leave it to {rival}, add to the environment's file:")?;
        proposal.lines().try_for_each(|line| write!(f, "\n            {line}"))
    }
}

/// What happened to one field.
#[derive(Debug, Default)]
struct History {
    /// The corrections that count: within the window, the oldest first.
    recent: VecDeque<Timestamp>,
    /// All corrections since the fight began.
    total: usize,
    /// The pauses that were made.
    rounds: u32,
    /// The end of the last pause.
    until: Option<Timestamp>,
}

impl History {
    /// When the agent may put the field back, if not now. Begins a pause where one is due.
    fn wait(&mut self, now: Timestamp) -> Option<Timestamp> {
        if let Some(until) = self.until.filter(|until| *until > now) {
            return Some(until);
        }
        let due = if self.rounds > 0 {
            // After a pause there is one try; whoever undoes that one goes on fighting.
            self.recent.back().is_some_and(|last| Some(*last) >= self.until)
        } else {
            let first = self.recent.front().filter(|_| self.recent.len() >= CORRECTIONS);
            first.is_some_and(|first| age(*first, now) <= WINDOW)
        };
        if due {
            let pause = FIRST_PAUSE.saturating_mul(1 << self.rounds.min(10)).min(LONGEST_PAUSE);
            let until = now.saturating_add(pause).unwrap_or(now);
            self.rounds += 1;
            self.until = Some(until);
            return Some(until);
        }
        None
    }

    fn note(&mut self, now: Timestamp) {
        while self.recent.len() >= CORRECTIONS {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.total += 1;
    }

    /// When something happened last, or will.
    fn last(&self) -> Option<Timestamp> {
        self.until.max(self.recent.back().copied())
    }
}

/// How long ago `then` was; nothing for what is yet to come.
fn age(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

/// One field of one object.
type Place = (ObjectKey, String);

/// The detector (Config Sync's KNV2005 is the model). Its memory is bounded.
#[derive(Debug, Default)]
pub struct Fights {
    fields: HashMap<Place, History>,
    /// When the memory is to be tidied next.
    tidy: Option<Timestamp>,
}

impl Fights {
    /// Asks whether these fields may be put back now, and notes the correction if so. Returns the fight that speaks
    /// against it, if there is one: then the whole object waits.
    pub fn weigh(&mut self, key: &ObjectKey, fields: &[FieldDrift], now: Timestamp) -> Option<Fight> {
        self.tidy(now);
        let mut fight: Option<Fight> = None;
        for field in fields {
            let Some(history) = self.fields.get_mut(&(key.clone(), field.path.to_string())) else { continue };
            if history.last().is_some_and(|last| age(last, now) > QUIET) {
                *history = History::default();
            }
            let Some(until) = history.wait(now) else { continue };
            if fight.as_ref().is_none_or(|longer| longer.until < until) {
                fight = Some(Fight {
                    path: field.path.to_string(),
                    manager: field.actor.as_ref().map(|actor| actor.manager.clone()),
                    corrections: history.total,
                    until,
                    proposal: proposal(key, field),
                });
            }
        }
        if fight.is_none() {
            for field in fields {
                self.fields.entry((key.clone(), field.path.to_string())).or_default().note(now);
            }
        }
        fight
    }

    /// How many fields are fought over.
    pub fn active(&self, now: Timestamp) -> usize {
        self.fields.values().filter(|history| history.until.is_some_and(|until| until > now)).count()
    }

    /// Forgets what is over: now and then, or when too much is in mind. Then the oldest goes first.
    fn tidy(&mut self, now: Timestamp) {
        if self.fields.len() < MEMORY && self.tidy.is_some_and(|at| now < at) {
            return;
        }
        self.tidy = now.saturating_add(WINDOW).ok();
        self.fields.retain(|_, history| {
            let quiet = if history.rounds > 0 { QUIET } else { WINDOW };
            history.last().is_some_and(|last| age(last, now) <= quiet)
        });
        if self.fields.len() < MEMORY {
            return;
        }
        let mut ages: Vec<(bool, Option<Timestamp>, Place)> = self
            .fields
            .iter()
            .map(|(place, history)| (history.rounds > 0, history.last(), place.clone()))
            .collect();
        // Half of it at once, so that this is not done again for each further field.
        ages.select_nth_unstable(MEMORY / 2);
        for (_, _, place) in ages.into_iter().take(MEMORY / 2) {
            self.fields.remove(&place);
        }
    }
}

/// The ignore rule for one field of one object.
fn proposal(key: &ObjectKey, field: &FieldDrift) -> Option<String> {
    let is_ours = |label| field.path == FieldPath::of_fields(["metadata", "labels", label]);
    if is_ours(PART_OF) || is_ours(COMPONENT) {
        return None;
    }
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let manager = field.actor.as_ref().map_or("another writer", |actor| actor.manager.as_str());
    let namespace = key.namespace.as_ref().map(|name| format!("    namespace: {name}\n")).unwrap_or_default();
    Some(format!(
        "ignore:\n  - kind: {}\n{namespace}    name: {}\n    paths: [{}]\n    reason: {}",
        key.group_kind.kind,
        key.name,
        text(&field.path.to_pattern()),
        text(&format!("{manager} owns it"))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{GroupKind, PathElement, PathPattern, Shown};
    use crate::plan::Actor;

    fn key() -> ObjectKey {
        ObjectKey {
            group_kind: GroupKind::new("apps", "Deployment"),
            namespace: Some("lake".into()),
            name: "d".into(),
        }
    }

    fn field_at(path: FieldPath) -> FieldDrift {
        let actor = Actor {
            manager: "kubectl-patch".into(),
            operation: crate::manifest::Operation::Update,
            subresource: None,
            time: None,
        };
        FieldDrift { path, wanted: Shown::Absent, found: Shown::Absent, origin: None, actor: Some(actor) }
    }

    fn field() -> Vec<FieldDrift> {
        vec![field_at(FieldPath::of_fields(["spec", "replicas"]))]
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// A detector that has seen five corrections, at the seconds 0 to 4.
    fn fought() -> Fights {
        let mut fights = Fights::default();
        for second in 0..5 {
            assert!(fights.weigh(&key(), &field(), at(second)).is_none(), "{second}");
        }
        fights
    }

    #[test]
    fn no_ignore_rule_is_proposed_for_the_labels_that_make_an_object_ours() {
        let label = field_at(FieldPath::of_fields(["metadata", "labels", PART_OF]));
        assert_eq!(proposal(&key(), &label), None);
    }

    #[test]
    fn fights_end_in_growing_pauses_and_a_proposal() {
        let mut fights = fought();
        let fight = fights.weigh(&key(), &field(), at(5)).unwrap();
        assert_eq!((fight.corrections, fight.until), (5, at(15)));
        assert_eq!(fight.manager.as_deref(), Some("kubectl-patch"));
        assert_eq!(fight.wait(at(5)), Duration::from_secs(10));
        assert!(fights.weigh(&key(), &field(), at(10)).is_some(), "still waiting");
        assert_eq!(fights.active(at(10)), 1);
        assert!(fights.weigh(&key(), &field(), at(16)).is_none(), "one try after the pause");
        assert_eq!(fights.active(at(16)), 0);
        let again = fights.weigh(&key(), &field(), at(17)).unwrap();
        assert_eq!((again.corrections, again.until), (6, at(37)), "twice the pause");
    }

    #[test]
    fn pauses_grow_to_ten_minutes_and_no_further() {
        let mut fights = fought();
        let mut now = 5;
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let fight = fights.weigh(&key(), &field(), at(now)).unwrap();
            pauses.push(fight.wait(at(now)).as_secs());
            now = fight.until.as_second() - at(0).as_second();
            assert!(fights.weigh(&key(), &field(), at(now)).is_none(), "one try");
            now += 1;
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600, 600, 600]);
    }

    #[test]
    fn a_fight_is_over_after_a_quiet_time() {
        let mut fights = fought();
        let until = fights.weigh(&key(), &field(), at(5)).unwrap().until;
        let later = until.as_second() - at(0).as_second();
        assert!(fights.weigh(&key(), &field(), at(later)).is_none());
        // Undone an hour later: a new story, with five corrections to its credit.
        for second in 0..5 {
            assert!(fights.weigh(&key(), &field(), at(later + 3600 + second)).is_none(), "{second}");
        }
        assert!(fights.weigh(&key(), &field(), at(later + 3606)).is_some());
    }

    #[test]
    fn corrections_far_apart_are_no_fight() {
        let mut fights = Fights::default();
        for round in 0..50 {
            assert!(fights.weigh(&key(), &field(), at(round * 16)).is_none());
        }
    }

    #[test]
    fn the_field_that_is_fought_over_holds_back_its_object_and_no_other() {
        let mut fights = fought();
        let other = ObjectKey { name: "e".into(), ..key() };
        let both = [field_at(FieldPath::of_fields(["spec", "paused"])), field().remove(0)];
        let fight = fights.weigh(&key(), &both, at(5)).unwrap();
        assert_eq!(fight.path, "spec.replicas");
        assert!(fights.weigh(&other, &field(), at(5)).is_none());
        assert!(fights.weigh(&key(), &both[..1], at(5)).is_none(), "what was held back was no correction");
    }

    #[test]
    fn a_fight_reads_with_the_rule_that_would_end_it() {
        let fight = fought().weigh(&key(), &field(), at(5)).unwrap();
        assert_eq!(
            fight.to_string(),
            "left for now: put back 5 times, and kubectl-patch changes it again; next try at 08:00:15
          to leave it to kubectl-patch, add to the environment's file:
            ignore:
              - kind: Deployment
                namespace: lake
                name: d
                paths: [\"/spec/replicas\"]
                reason: \"kubectl-patch owns it\""
        );
    }

    #[test]
    fn the_proposed_rule_covers_the_field_that_is_fought_over() {
        let item = PathElement::Key(vec![("name".into(), serde_json::json!("a/b"))]);
        let port =
            PathElement::Key(vec![("containerPort".into(), 80.into()), ("protocol".into(), "TCP".into())]);
        let containers = FieldPath::of_fields(["spec", "containers"]).join(item);
        let annotation = FieldPath::of_fields(["metadata", "annotations", "x.y/z~"]);
        for path in [containers.join(port), annotation] {
            let rule: serde_json::Value =
                serde_yaml::from_str(&proposal(&key(), &field_at(path.clone())).unwrap()).unwrap();
            let pattern = rule["ignore"][0]["paths"][0].as_str().unwrap();
            assert!(PathPattern::parse(pattern).unwrap().matches(&path), "{pattern}");
        }
    }

    #[test]
    fn the_memory_of_fights_is_bounded() {
        let mut fights = Fights::default();
        for number in 0..3 * MEMORY {
            let key = ObjectKey { name: format!("d{number}"), ..key() };
            fights.weigh(&key, &field(), at(0));
        }
        assert!(fights.fields.len() <= MEMORY);
    }

    #[test]
    fn of_too_many_fields_the_fights_are_remembered_longest() {
        let mut fights = fought();
        fights.weigh(&key(), &field(), at(5)).unwrap();
        for number in 0..2 * MEMORY {
            let key = ObjectKey { name: format!("d{number}"), ..key() };
            fights.weigh(&key, &field(), at(6));
        }
        assert!(fights.weigh(&key(), &field(), at(7)).is_some());
    }
}
