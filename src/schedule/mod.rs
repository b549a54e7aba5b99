//! When producers run: Kubernetes' cron dialect, the `CronJob`s made from producers, a preview of their runs and the
//! runs that should have happened and did not.
//!
//! The dialect is that of `ParseStandard` in robfig/cron v3, which Kubernetes uses, down to its words of error and what it
//! does when the clocks change. `tests/golden/cron` holds what the original answered to a few hundred cases.

mod backfill;
mod cron_job;
mod duration;
mod missed;
mod next;
mod parse;
mod preview;
mod walk;
mod words;
mod zone;

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use backfill::{BACKFILL_LABEL, BackfillError, MOST_WINDOWS, RunState, RunWindow, backfill_job, windows};
pub use cron_job::{PRODUCER_IMAGE, PRODUCER_LABEL, cron_job, dataset_config_map};
pub use missed::{
    CronJobFacts, JobFacts, MOST_MISSED, MissedCause, MissedRun, Outcome, due_minute, job_name, missed_runs,
};
pub use parse::{CronError, CronProblem};
pub use preview::{ClockChange, Run, changes, preview};
pub use zone::{ZoneError, zone};

use next::ClockSearch;
use parse::Expression;

/// A schedule of a `CronJob`.
#[derive(Clone, Debug)]
pub struct Schedule {
    source: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Whenever a clock on the wall shows certain times.
    Clock(ClockSearch),
    /// Again and again after so many seconds.
    Every(i64),
}

impl Schedule {
    /// Reads an expression: five fields (minute, hour, day of month, month, day of week), or `@daily`, `@every 10m`...
    ///
    /// The error has robfig/cron's own words, the column and, where we know one, a way out.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let kind = match parse::parse(text)? {
            Expression::Clock(fields) => Kind::Clock(ClockSearch::new(fields)),
            Expression::Every(seconds) => Kind::Every(seconds),
        };
        Ok(Self { source: text.to_owned(), kind })
    }

    /// The first run after `time`, on a clock that shows the time of `zone`; `None` if there is none within five years.
    pub fn next_after(&self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.kind {
            Kind::Clock(search) => search.next_after(time, zone),
            Kind::Every(seconds) => Timestamp::from_second(floor(time).checked_add(*seconds)?).ok(),
        }
    }

    /// All runs after `time`, in order.
    pub fn runs_after<'s>(
        &'s self,
        time: Timestamp,
        zone: &'s TimeZone,
    ) -> impl Iterator<Item = Timestamp> + 's {
        std::iter::successors(self.next_after(time, zone), move |run| self.next_after(*run, zone))
    }

    /// The interval of `@every`. Its runs count from the run before, not from the clock: only the cluster knows when.
    pub fn interval(&self) -> Option<Duration> {
        match self.kind {
            Kind::Every(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
            Kind::Clock(_) => None,
        }
    }

    /// The schedule in words: `every 5 minutes`, `at 02:30 on Monday`.
    pub fn in_words(&self) -> String {
        match &self.kind {
            Kind::Clock(search) => words::clock(search.fields()),
            Kind::Every(seconds) => words::every(*seconds),
        }
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// The second that `time` lies in, counted from 1970.
fn floor(time: Timestamp) -> i64 {
    time.as_nanosecond().div_euclid(1_000_000_000).try_into().unwrap_or(time.as_second())
}
