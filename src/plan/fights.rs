//! Fights: a field that another writer changes again and again after it was put back.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::drift::FieldDrift;
use crate::manifest::ObjectKey;

/// So many corrections of one field...
const CORRECTIONS: usize = 5;
/// ...within this time are a fight.
const WINDOW: Duration = Duration::from_mins(1);
/// The first pause, doubled at each further round.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// Fields that are kept in mind at once.
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
    /// The ignore rule that would end it, as YAML for the environment's file.
    pub proposal: String,
}

impl Fight {
    /// How long the agent waits from `now` on.
    pub fn wait(&self, now: Timestamp) -> Duration {
        self.until.duration_since(now).try_into().unwrap_or(Duration::ZERO)
    }
}

impl fmt::Display for Fight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let manager = self.manager.as_deref().unwrap_or("an unnamed writer");
        writeln!(
            f,
            "left for now: put back {} times, and {manager} changes it again; next try at {}",
            self.corrections,
            self.until.strftime("%H:%M:%S")
        )?;
        write!(f, "            to leave it to {manager}, add to the environment's file:")?;
        self.proposal.lines().try_for_each(|line| write!(f, "\n              {line}"))
    }
}

#[derive(Debug, Default)]
struct History {
    corrections: VecDeque<Timestamp>,
    total: usize,
    rounds: u32,
    until: Option<Timestamp>,
}

/// The detector (Config Sync's KNV2005 is the model). Its memory is bounded.
#[derive(Debug, Default)]
pub struct Fights {
    fields: HashMap<(ObjectKey, String), History>,
    /// The number of fields at which the old ones are looked for again.
    look_again_at: usize,
}

impl Fights {
    /// Notes that these fields are about to be put back. Returns the fight that speaks against it, if there is one.
    pub fn weigh(&mut self, key: &ObjectKey, fields: &[FieldDrift], now: Timestamp) -> Option<Fight> {
        self.forget_old(now);
        let mut fight = None;
        for field in fields {
            let path = field.path.to_string();
            let history = self.fields.entry((key.clone(), path.clone())).or_default();
            if let Some(until) = history.until {
                if until > now {
                    fight = Some((field, path, until, history.total));
                    continue;
                }
                // The pause is over: one correction, and if it is undone again, a longer pause.
                history.until = None;
                history.corrections.clear();
                history.corrections.extend(std::iter::repeat_n(now, CORRECTIONS - 1));
                history.total += 1;
                continue;
            }
            let recent = |at: &Timestamp| now.duration_since(*at).unsigned_abs() <= WINDOW;
            history.corrections.retain(recent);
            if history.corrections.len() >= CORRECTIONS
                || (history.rounds > 0 && history.corrections.len() + 1 >= CORRECTIONS)
            {
                let pause = FIRST_PAUSE.saturating_mul(1 << history.rounds.min(10)).min(LONGEST_PAUSE);
                let until = now.saturating_add(pause).unwrap_or(now);
                history.rounds += 1;
                history.until = Some(until);
                fight = Some((field, path, until, history.total));
                continue;
            }
            history.corrections.push_back(now);
            history.total += 1;
        }
        let (field, path, until, corrections) = fight?;
        Some(Fight {
            manager: field.actor.as_ref().map(|actor| actor.manager.clone()),
            proposal: proposal(key, field),
            path,
            corrections,
            until,
        })
    }

    /// How many fields are fought over.
    pub fn active(&self, now: Timestamp) -> usize {
        self.fields.values().filter(|history| history.until.is_some_and(|until| until > now)).count()
    }

    /// Keeps the memory bounded: what has been quiet for long goes, and when that is not enough, all but the fights.
    fn forget_old(&mut self, now: Timestamp) {
        if self.fields.len() < self.look_again_at.max(100) {
            return;
        }
        let quiet = LONGEST_PAUSE * 2;
        let fresh = |history: &History| {
            let last = history.until.or(history.corrections.back().copied());
            last.is_some_and(|last| last > now || now.duration_since(last).unsigned_abs() < quiet)
        };
        self.fields.retain(|_, history| fresh(history));
        if self.fields.len() >= MEMORY {
            self.fields.retain(|_, history| history.until.is_some());
        }
        self.look_again_at = (self.fields.len() * 2).min(MEMORY);
    }
}

/// The ignore rule for one field of one object.
fn proposal(key: &ObjectKey, field: &FieldDrift) -> String {
    use crate::manifest::PathElement;
    let mut pointer = String::new();
    for element in &field.path.0 {
        let part = match element {
            PathElement::Field(name) => name.replace('~', "~0").replace('/', "~1"),
            PathElement::Key(keys) => keys.first().map_or_else(
                || "*".to_owned(),
                |(name, value)| {
                    let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                    format!("[{name}={}]", value.replace('~', "~0").replace('/', "~1"))
                },
            ),
            _ => "*".to_owned(),
        };
        pointer.push('/');
        pointer.push_str(&part);
    }
    let manager = field.actor.as_ref().map_or("another writer", |actor| actor.manager.as_str());
    let path = serde_json::Value::String(pointer);
    let reason = serde_json::Value::String(format!("{manager} owns it"));
    format!(
        "ignore:\n  - kind: {}\n    name: {}\n    paths: [{path}]\n    reason: {reason}",
        key.group_kind.kind, key.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{FieldPath, GroupKind, Shown};

    fn key() -> ObjectKey {
        ObjectKey { group_kind: GroupKind::new("apps", "Deployment"), namespace: None, name: "d".into() }
    }

    fn field() -> Vec<FieldDrift> {
        vec![FieldDrift {
            path: FieldPath::of_fields(["spec", "replicas"]),
            wanted: Shown::Absent,
            found: Shown::Absent,
            origin: None,
            actor: None,
        }]
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn fights_end_in_growing_pauses_and_a_proposal() {
        let mut fights = Fights::default();
        for second in 0..5 {
            assert!(fights.weigh(&key(), &field(), at(second)).is_none());
        }
        let fight = fights.weigh(&key(), &field(), at(5)).unwrap();
        assert_eq!((fight.corrections, fight.until), (5, at(15)));
        assert!(fight.proposal.contains("paths: [\"/spec/replicas\"]"), "{}", fight.proposal);
        assert!(fights.weigh(&key(), &field(), at(10)).is_some(), "still waiting");
        assert_eq!(fights.active(at(10)), 1);
        assert!(fights.weigh(&key(), &field(), at(16)).is_none(), "one try after the pause");
        let again = fights.weigh(&key(), &field(), at(17)).unwrap();
        assert_eq!(again.until, at(37), "twice the pause");
    }

    #[test]
    fn corrections_far_apart_are_no_fight() {
        let mut fights = Fights::default();
        for round in 0..50 {
            assert!(fights.weigh(&key(), &field(), at(round * 61)).is_none());
        }
    }

    #[test]
    fn the_memory_of_fights_is_bounded() {
        let mut fights = Fights::default();
        for number in 0..30_000 {
            let key = ObjectKey { name: format!("d{number}"), ..key() };
            fights.weigh(&key, &field(), at(0));
        }
        assert!(fights.fields.len() <= MEMORY);
    }
}
