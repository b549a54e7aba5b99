//! The window of time that a run fills, and its parts.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::ProducerError;
use crate::schedule::Schedule;

/// The time from a second to another, the last one left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Window {
    start: i64,
    end: i64,
}

/// The world of the datasets begins at 2020-01-01T00:00:00Z: customers and devices are older than all events.
const FIRST: i64 = 1_577_836_800;

/// And ends at 2100-01-01T00:00:00Z.
const LAST: i64 = 4_102_444_800;

impl Window {
    /// The longest window, in seconds: a leap year.
    pub const LONGEST: i64 = 366 * 86_400;

    /// The window of whole seconds since 1970 from `start` to before `end`.
    pub fn new(start: i64, end: i64) -> Result<Self, ProducerError> {
        let text = || format!("{}/{}", show(start), show(end));
        let wrong = |what: &str| Err(ProducerError::Window { text: text(), what: what.to_owned() });
        if end <= start {
            return wrong("it ends before it has begun");
        }
        if start < FIRST || end > LAST {
            return wrong("the datasets' world lasts from 2020 to 2099");
        }
        if end - start > Self::LONGEST {
            return wrong("366 days are the limit");
        }
        Ok(Self { start, end })
    }

    /// The window of a `CronJob`'s run, by the minute in its Job's name: from the run before to this one.
    ///
    /// It follows from the name and the schedule alone, so that a late start or another try fills the same window.
    pub fn of_job(job: &str, schedule: &Schedule, zone: &TimeZone) -> Result<Self, ProducerError> {
        let wrong = |what: &str| ProducerError::Job { job: job.to_owned(), what: what.to_owned() };
        let due = job
            .rsplit_once('-')
            .and_then(|(cron_job, _)| crate::schedule::due_minute(cron_job, job))
            .ok_or_else(|| wrong("it does not end with the minute of its run"))?;
        let before =
            run_before(due, schedule, zone).ok_or_else(|| wrong("by the schedule no run comes before it"))?;
        Self::new(before.as_second(), due.as_second())
    }

    /// Its first second, since 1970.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The second after its last, since 1970.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// How many seconds it has.
    pub fn seconds(&self) -> u64 {
        self.end.abs_diff(self.start)
    }
}

const HOUR: i64 = 3600;

/// The run before the one that is due, looked for farther and farther back.
fn run_before(due: Timestamp, schedule: &Schedule, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(interval) = schedule.interval() {
        return due.checked_sub(interval).ok();
    }
    [HOUR / 12, HOUR, 6 * HOUR, 48 * HOUR, 16 * 24 * HOUR, 400 * 24 * HOUR, 9 * 366 * 24 * HOUR]
        .iter()
        .filter_map(|back| Timestamp::from_second(due.as_second() - back).ok())
        .find_map(|from| schedule.runs_after(from, zone).take_while(|run| *run < due).last())
}

impl FromStr for Window {
    type Err = ProducerError;

    fn from_str(text: &str) -> Result<Self, ProducerError> {
        let wrong = |what: String| ProducerError::Window { text: text.to_owned(), what };
        let (start, end) =
            text.split_once('/').ok_or_else(|| wrong("a `/` between start and end is missing".to_owned()))?;
        let second = |text: &str| {
            let time: Timestamp =
                text.parse().map_err(|_| wrong(format!("`{text}` is no time of RFC 3339")))?;
            if time.subsec_nanosecond() == 0 {
                Ok(time.as_second())
            } else {
                Err(wrong("windows begin and end with whole seconds".to_owned()))
            }
        };
        Self::new(second(start)?, second(end)?)
    }
}

impl TryFrom<String> for Window {
    type Error = ProducerError;

    fn try_from(text: String) -> Result<Self, ProducerError> {
        text.parse()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", show(self.start), show(self.end))
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

fn show(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| second.to_string(), |time| time.to_string())
}

/// A part of a window: slice `k` of `n`. All slices after each other are the whole window, byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Slice {
    number: u32,
    of: u32,
}

impl Slice {
    /// The one slice that is the whole window.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Slice `number`, from 1, of so many.
    pub fn new(number: u32, of: u32) -> Result<Self, ProducerError> {
        if (1..=of).contains(&number) {
            Ok(Self { number, of })
        } else {
            Err(ProducerError::Slice { text: format!("{number}/{of}") })
        }
    }

    /// All slices of a window that is cut in so many (at least one).
    pub fn all(of: u32) -> impl Iterator<Item = Self> {
        let of = of.max(1);
        (1..=of).map(move |number| Self { number, of })
    }

    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// How many slices the window has.
    pub fn of(&self) -> u32 {
        self.of
    }

    /// Its part of a number of things, in order: parts differ by one thing at most.
    pub(super) fn part(&self, count: u64) -> Range<u64> {
        let border = |number: u32| {
            let border = u128::from(count) * u128::from(number) / u128::from(self.of);
            u64::try_from(border).unwrap_or(count)
        };
        border(self.number - 1)..border(self.number)
    }
}

impl FromStr for Slice {
    type Err = ProducerError;

    fn from_str(text: &str) -> Result<Self, ProducerError> {
        let wrong = || ProducerError::Slice { text: text.to_owned() };
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        Self::new(number.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?)
    }
}

impl TryFrom<String> for Slice {
    type Error = ProducerError;

    fn try_from(text: String) -> Result<Self, ProducerError> {
        text.parse()
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl From<Slice> for String {
    fn from(slice: Slice) -> Self {
        slice.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_job(job: &str, schedule: &str, zone: &str) -> String {
        let schedule = Schedule::parse(schedule).unwrap();
        let zone = crate::schedule::zone(zone).unwrap();
        Window::of_job(job, &schedule, &zone)
            .map_or_else(|error| error.to_string(), |window| window.to_string())
    }

    fn job(due: &str) -> String {
        crate::schedule::job_name("orders", due.parse().unwrap())
    }

    #[test]
    fn a_window_is_read_as_it_is_written() {
        let text = "2026-03-01T10:00:00Z/2026-03-01T10:05:00Z";
        let window: Window = text.parse().unwrap();
        assert_eq!((window.to_string().as_str(), window.seconds()), (text, 300));
        assert_eq!("2026-03-01T11:00:00+01:00/2026-03-01T11:05:00+01:00".parse(), Ok(window));
    }

    #[test]
    fn what_is_no_window_is_refused_with_its_reason() {
        for (text, reason) in [
            ("2026-03-01T10:00:00Z", "a `/` between start and end is missing"),
            ("2026-03-01T10:00:00Z/tomorrow", "`tomorrow` is no time of RFC 3339"),
            ("2026-03-01T10:00:00Z/2026-03-01T10:00:00Z", "it ends before it has begun"),
            ("2026-03-01T10:00:00.5Z/2026-03-01T10:01:00Z", "windows begin and end with whole seconds"),
            ("2019-03-01T10:00:00Z/2019-03-01T10:01:00Z", "the datasets' world lasts from 2020 to 2099"),
            ("2026-03-01T10:00:00Z/2027-03-03T10:00:00Z", "366 days are the limit"),
        ] {
            let error = text.parse::<Window>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_job_fills_the_time_since_the_run_before() {
        for (due, schedule, zone, window) in [
            ("2026-03-01T10:05:00Z", "*/5 * * * *", "Etc/UTC", "2026-03-01T10:00:00Z/2026-03-01T10:05:00Z"),
            (
                "2026-03-02T01:15:00Z",
                "15 2 * * 1-5",
                "Europe/Berlin",
                "2026-02-27T01:15:00Z/2026-03-02T01:15:00Z",
            ),
            ("2026-03-01T10:07:00Z", "@every 90m", "Etc/UTC", "2026-03-01T08:37:00Z/2026-03-01T10:07:00Z"),
            // The day on which the clocks go forward has 23 hours.
            (
                "2026-03-29T10:00:00Z",
                "0 12 * * *",
                "Europe/Berlin",
                "2026-03-28T11:00:00Z/2026-03-29T10:00:00Z",
            ),
            ("2026-01-01T00:00:00Z", "@yearly", "Etc/UTC", "2025-01-01T00:00:00Z/2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(of_job(&job(due), schedule, zone), window);
        }
    }

    #[test]
    fn a_job_of_another_name_tells_no_window() {
        assert!(of_job("orders-by-hand", "@hourly", "Etc/UTC").contains("give --window"));
        assert!(of_job("orders", "@hourly", "Etc/UTC").contains("the minute of its run"));
    }

    #[test]
    fn slices_are_all_of_the_window() {
        for (count, of) in [(0, 3), (1, 3), (10, 3), (1_000_003, 7)] {
            let mut end = 0;
            for slice in Slice::all(of) {
                let part = slice.part(count);
                assert_eq!(part.start, end);
                assert!(part.end - part.start <= count / u64::from(of) + 1);
                end = part.end;
            }
            assert_eq!(end, count);
        }
        for text in ["0/3", "4/3", "1", "a/b", "1/0"] {
            assert!(text.parse::<Slice>().is_err(), "{text}");
        }
    }
}
