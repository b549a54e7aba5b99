//! The next runs, and what a change of the clock does to them.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::Schedule;

/// A run to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// When, for everybody.
    pub utc: Timestamp,
    /// When, on the clock of the schedule's zone.
    pub local: Zoned,
    /// The changes of that clock since the run before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ClockChange>,
}

/// A change of the clock (daylight saving), and what becomes of the runs of that day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockChange {
    /// When the clock is changed.
    pub at: Timestamp,
    /// What it shows then.
    pub from: DateTime,
    /// What it is set to.
    pub to: DateTime,
    /// The times of day at which there should be a run, and is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Time>,
    /// The times of day that come twice, each with a run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubled: Vec<Time>,
}

impl fmt::Display for ClockChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.to > self.from { "forward" } else { "back" };
        let (from, to) = (self.from.strftime("%H:%M"), self.to.strftime("%H:%M"));
        write!(f, "{}: the clock goes {way} from {from} to {to}; ", self.from.date())?;
        match (&self.skipped[..], &self.doubled[..]) {
            ([], []) => f.write_str("no run is touched"),
            (skipped, []) => write!(f, "no run at {}", times(skipped)),
            ([], doubled) => write!(f, "runs twice at {}", times(doubled)),
            (skipped, doubled) => write!(f, "no run at {}, twice at {}", times(skipped), times(doubled)),
        }
    }
}

/// `02:00, 02:05, 02:10 and 9 more`
fn times(times: &[Time]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> =
        times.iter().take(SHOWN).map(|time| time.strftime("%H:%M").to_string()).collect();
    match times.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The next `count` runs after `from`, each with the changes of the clock since the one before.
pub fn preview(schedule: &Schedule, zone: &TimeZone, from: Timestamp, count: usize) -> Vec<Run> {
    let mut before = from;
    schedule
        .runs_after(from, zone)
        .take(count)
        .map(|utc| {
            let changes = changes(schedule, zone, before, utc);
            before = utc;
            Run { utc, local: utc.to_zoned(zone.clone()), changes }
        })
        .collect()
}

/// The changes of the clock after `start` up to `end`.
pub fn changes(schedule: &Schedule, zone: &TimeZone, start: Timestamp, end: Timestamp) -> Vec<ClockChange> {
    // Years may lie between two runs; nobody reads more than this.
    const MOST: usize = 4;
    if schedule.interval().is_some() {
        return Vec::new();
    }
    let mut offset = zone.to_offset(start);
    let mut changes = Vec::new();
    for transition in zone.following(start).take_while(|transition| transition.timestamp() <= end) {
        if transition.offset() != offset && changes.len() < MOST {
            changes.push(change(schedule, zone, transition.timestamp(), offset, transition.offset()));
        }
        offset = transition.offset();
    }
    changes
}

fn change(schedule: &Schedule, zone: &TimeZone, at: Timestamp, before: Offset, after: Offset) -> ClockChange {
    let (from, to) = (before.to_datetime(at), after.to_datetime(at));
    let (mut skipped, mut doubled) = (Vec::new(), Vec::new());
    let mut days = vec![from.date(), to.date()];
    days.dedup();
    for day in days {
        let wanted = day_of_runs(schedule, &TimeZone::UTC, day);
        let found = day_of_runs(schedule, zone, day);
        skipped.extend(wanted.iter().filter(|time| !found.contains(time)));
        doubled.extend(wanted.iter().filter(|time| found.iter().filter(|other| other == time).count() > 1));
    }
    ClockChange { at, from, to, skipped, doubled }
}

/// The times of the runs of a day, as the zone's clock shows them.
fn day_of_runs(schedule: &Schedule, zone: &TimeZone, day: Date) -> Vec<Time> {
    // The clocks of the world differ by less than a day from UTC's.
    let Some(start) = Offset::UTC
        .to_timestamp(day.at(0, 0, 0, 0))
        .ok()
        .and_then(|midnight| midnight.checked_sub(jiff::SignedDuration::from_hours(26)).ok())
    else {
        return Vec::new();
    };
    schedule
        .runs_after(start, zone)
        .map(|run| zone.to_datetime(run))
        .take_while(|wall| wall.date() <= day)
        .filter(|wall| wall.date() == day)
        .map(DateTime::time)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::zone;

    fn changes_of(expression: &str, name: &str, from: &str) -> Vec<String> {
        let schedule = Schedule::parse(expression).unwrap();
        let runs = preview(&schedule, &zone(name).unwrap(), from.parse().unwrap(), 3);
        assert_eq!(runs.len(), 3);
        runs.iter().flat_map(|run| &run.changes).map(ToString::to_string).collect()
    }

    #[test]
    fn a_run_in_the_hour_that_is_skipped_is_named() {
        assert_eq!(
            changes_of("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"),
            ["2026-03-29: the clock goes forward from 02:00 to 03:00; no run at 02:30"]
        );
        assert_eq!(
            changes_of("*/10 * * * *", "America/New_York", "2026-03-08T06:55:00Z"),
            [
                "2026-03-08: the clock goes forward from 02:00 to 03:00; no run at 02:00, 02:10, 02:20 and 3 more"
            ]
        );
    }

    #[test]
    fn a_run_in_the_hour_that_comes_twice_is_named() {
        assert_eq!(
            changes_of("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z"),
            ["2026-10-25: the clock goes back from 03:00 to 02:00; runs twice at 02:30"]
        );
    }

    #[test]
    fn a_change_that_touches_no_run_is_said_too() {
        assert_eq!(
            changes_of("0 12 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"),
            ["2026-03-29: the clock goes forward from 02:00 to 03:00; no run is touched"]
        );
        assert!(changes_of("0 12 * * *", "Etc/UTC", "2026-03-28T12:00:00Z").is_empty());
        assert!(changes_of("@every 1h", "Europe/Berlin", "2026-03-29T00:00:00Z").is_empty());
    }

    #[test]
    fn what_robfig_cron_loses_at_half_an_hour_is_named() {
        assert_eq!(
            changes_of("0 3 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z"),
            ["2026-10-04: the clock goes forward from 02:00 to 02:30; no run at 03:00"]
        );
    }
}
