//! The way of robfig/cron (v3, spec.go) to the next run, step by step, on the absolute line of time.
//!
//! What it does when clocks change follows from its steps: hours are added as 60 minutes each, so an hour that the clock
//! skips has no runs and one that it shows twice has them twice; where the change is not of whole hours or falls on midnight,
//! it can miss a time that the clock does show. Kubernetes starts its Jobs by these very steps, so we take the same.

use jiff::civil::{self, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

use super::parse::Fields;

/// How many years ahead a run is looked for.
pub(super) const YEARS: i32 = 5;

/// More steps than any search takes; a bound, should a zone be stranger than all that are known.
const MAX_STEPS: u32 = 200_000;

/// A point in time with the clock of a zone.
struct Clock<'z> {
    time: i64,
    zone: &'z TimeZone,
}

impl Clock<'_> {
    fn wall(&self) -> Option<DateTime> {
        let time = Timestamp::from_second(self.time).ok()?;
        Some(self.zone.to_datetime(time))
    }

    /// Sets the clock by Go's `time.Date`: of a time that does not exist, or does twice, it makes one that does.
    fn set(&mut self, wall: DateTime) -> Option<()> {
        let as_utc = Offset::UTC.to_timestamp(wall).ok()?.as_second();
        let offset_at = |time: i64| -> Option<i64> {
            Some(i64::from(self.zone.to_offset(Timestamp::from_second(time).ok()?).seconds()))
        };
        let guess = offset_at(as_utc)?;
        self.time = as_utc - if guess == 0 { 0 } else { offset_at(as_utc - guess)? };
        Some(())
    }

    fn set_start_of_day(&mut self, date: civil::Date) -> Option<()> {
        self.set(date.at(0, 0, 0, 0))
    }

    /// Moves by a month or a day and keeps the time of day, as Go's `AddDate`: a day that the month does not have is one of
    /// the next.
    fn add(&mut self, months: i32, days: i32) -> Option<()> {
        let wall = self.wall()?;
        let month = wall.date().first_of_month().checked_add(Span::new().months(months)).ok()?;
        let date = month.checked_add(Span::new().days(i32::from(wall.day()) - 1 + days)).ok()?;
        self.set(date.to_datetime(wall.time()))
    }
}

/// The first run after `time`; `None` if there is none within five years.
pub(super) fn next_after(fields: &Fields, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let mut clock = Clock { time: super::floor(time) + 1, zone };
    let limit = i32::from(clock.wall()?.year()) + YEARS;
    let mut steps = 0..MAX_STEPS;
    // Whether a unit was moved, and with it the smaller ones set to their beginnings.
    let mut moved = false;

    'wrap: loop {
        if i32::from(clock.wall()?.year()) > limit {
            return None;
        }
        while !fields.month.contains(clock.wall()?.month().unsigned_abs().into()) {
            steps.next()?;
            if !moved {
                moved = true;
                clock.set_start_of_day(clock.wall()?.date().first_of_month())?;
            }
            clock.add(1, 0)?;
            if clock.wall()?.month() == 1 {
                continue 'wrap;
            }
        }
        while !day_matches(fields, clock.wall()?.date()) {
            steps.next()?;
            if !moved {
                moved = true;
                clock.set_start_of_day(clock.wall()?.date())?;
            }
            clock.add(0, 1)?;
            // A midnight that does not exist.
            let hour = i64::from(clock.wall()?.hour());
            if hour > 12 {
                clock.time += (24 - hour) * 3600;
            } else {
                clock.time -= hour * 3600;
            }
            if clock.wall()?.day() == 1 {
                continue 'wrap;
            }
        }
        while !fields.hour.contains(clock.wall()?.hour().unsigned_abs().into()) {
            steps.next()?;
            if !moved {
                moved = true;
                let wall = clock.wall()?;
                clock.set(wall.date().at(wall.hour(), 0, 0, 0))?;
            }
            clock.time += 3600;
            if clock.wall()?.hour() == 0 {
                continue 'wrap;
            }
        }
        while !fields.minute.contains(clock.wall()?.minute().unsigned_abs().into()) {
            steps.next()?;
            if !moved {
                moved = true;
                clock.time -= clock.time.rem_euclid(60);
            }
            clock.time += 60;
            if clock.wall()?.minute() == 0 {
                continue 'wrap;
            }
        }
        while clock.wall()?.second() != 0 {
            steps.next()?;
            moved = true;
            clock.time += 1;
            if clock.wall()?.second() == 0 {
                continue 'wrap;
            }
        }
        return Timestamp::from_second(clock.time).ok();
    }
}

/// If both day fields are restricted either may match, else both must.
fn day_matches(fields: &Fields, date: civil::Date) -> bool {
    let by_month = fields.day_of_month.contains(date.day().unsigned_abs().into());
    let by_week = fields.day_of_week.contains(date.weekday().to_sunday_zero_offset().unsigned_abs().into());
    if fields.day_of_month.star || fields.day_of_week.star {
        by_month && by_week
    } else {
        by_month || by_week
    }
}
