//! Windows of the past that are filled in: which they are, and the Jobs that do it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use super::{CronJobFacts, Outcome, job_name};

/// The label of the Jobs that fill in a window after its time; its value is `true`.
pub const BACKFILL_LABEL: &str = "mooring.dev/backfill";

/// The most windows that one backfill has.
pub const MOST_WINDOWS: usize = 10_000;

/// How long a Job that has ended stays, in seconds: it is what tells that its window is done.
const KEPT: u32 = 7 * 86_400;

/// A window that a run fills: from the run before to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RunWindow {
    /// Its first moment.
    pub start: Timestamp,
    /// The moment after its last: when its run is due.
    pub end: Timestamp,
}

/// How far the run of a window is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "camelCase")]
pub enum RunState {
    /// No Job is there for it.
    Missing,
    /// Its Job runs.
    Running,
    /// Its Job is complete.
    Done,
    /// Its Job was given up, with Kubernetes' reason.
    Failed(String),
}

/// Why a range cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BackfillError {
    /// The range is empty or upside down.
    #[error(
        "the range ends at {to}, which is not after its beginning at {from}: name the earlier time first"
    )]
    Empty {
        /// Where it begins.
        from: Timestamp,
        /// Where it ends.
        to: Timestamp,
    },
    /// No window lies in the range as a whole.
    #[error("no whole window of {producer} lies between {from} and {to}; {next}")]
    NoWindow {
        /// The producer.
        producer: String,
        /// Where the range begins.
        from: Timestamp,
        /// Where it ends.
        to: Timestamp,
        /// Which window comes next, in words.
        next: String,
    },
    /// Too many windows lie in it.
    #[error(
        "more than {MOST_WINDOWS} windows lie between {from} and {to}: name a shorter range, then the next one"
    )]
    TooMany {
        /// Where it begins.
        from: Timestamp,
        /// Where it ends.
        to: Timestamp,
    },
    /// A Job's name holds the minute of its run, and these runs have none of their own.
    #[error(
        "the schedule {schedule} has an interval that is not of whole minutes: its runs share the minutes that Jobs are named by"
    )]
    Interval {
        /// The schedule.
        schedule: String,
    },
    /// Its end has not come yet.
    #[error("{to} is still to come: its windows are filled by the schedule itself")]
    Future {
        /// Where the range ends.
        to: Timestamp,
    },
}

/// The windows of a `CronJob` that lie in a range as a whole, in order: at least one.
pub fn windows(
    facts: &CronJobFacts,
    from: Timestamp,
    to: Timestamp,
    now: Timestamp,
) -> Result<Vec<RunWindow>, BackfillError> {
    if to <= from {
        return Err(BackfillError::Empty { from, to });
    }
    if to > now {
        return Err(BackfillError::Future { to });
    }
    let mut start = match facts.schedule.interval() {
        Some(interval) if interval.as_secs() % 60 != 0 => {
            return Err(BackfillError::Interval { schedule: facts.schedule.source().to_owned() });
        }
        // The intervals of @every count from anywhere: here from the beginning, by whole minutes.
        Some(_) => Timestamp::from_second((from.as_second() + 59).div_euclid(60) * 60).ok(),
        None => from
            .checked_sub(SignedDuration::from_secs(1))
            .ok()
            .and_then(|before| facts.schedule.next_after(before, &facts.zone)),
    };
    let mut found = Vec::new();
    let mut next = "its schedule has no runs there".to_owned();
    while let Some(begin) = start {
        let Some(end) = facts.schedule.next_after(begin, &facts.zone) else { break };
        if end > to {
            next = format!("the next one is {begin}/{end}");
            break;
        }
        if found.len() == MOST_WINDOWS {
            return Err(BackfillError::TooMany { from, to });
        }
        found.push(RunWindow { start: begin, end });
        start = Some(end);
    }
    if found.is_empty() {
        return Err(BackfillError::NoWindow { producer: facts.name.clone(), from, to, next });
    }
    Ok(found)
}

impl CronJobFacts {
    /// How far the run that was due then is, by the Job of its name.
    pub fn state_of(&self, due: Timestamp) -> RunState {
        let name = job_name(&self.name, due);
        let Some(job) = self.jobs.iter().find(|job| job.name == name) else { return RunState::Missing };
        match &job.ended {
            None => RunState::Running,
            Some((Outcome::Complete, _)) => RunState::Done,
            Some((Outcome::Failed(reason), _)) => RunState::Failed(reason.clone()),
        }
    }
}

/// The Job that fills a window, after the `CronJob`'s own template; `None` if that has none.
///
/// It has the name that Kubernetes gives the Job of that run: a window has one Job, whoever makes it, and the producer
/// reads its window off that name. The `CronJob` owns it without controlling it: it goes with the `CronJob`, and counts
/// neither for its history nor for runs that may not overlap.
pub fn backfill_job(cron_job: &Value, due: Timestamp) -> Option<Value> {
    let metadata = cron_job.get("metadata")?;
    let name = metadata.get("name")?.as_str()?;
    let template = cron_job.pointer("/spec/jobTemplate")?;
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": template.get("metadata").cloned().unwrap_or_else(|| json!({})),
        "spec": template.get("spec")?,
    });
    let of_job = job.get_mut("metadata")?;
    of_job["name"] = json!(job_name(name, due));
    of_job["namespace"] = metadata.get("namespace")?.clone();
    of_job["labels"][BACKFILL_LABEL] = json!("true");
    of_job["ownerReferences"] = json!([{
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": name,
        "uid": metadata.get("uid")?,
        "controller": false,
        "blockOwnerDeletion": false,
    }]);
    job["spec"]["ttlSecondsAfterFinished"] = json!(KEPT);
    Some(job)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cron_job(schedule: &str) -> Value {
        json!({
            "metadata": {
                "name": "orders", "namespace": "lakehouse", "uid": "u1", "creationTimestamp": "2026-11-23T09:59:00Z",
            },
            "spec": {
                "schedule": schedule,
                "jobTemplate": {
                    "metadata": { "labels": { "mooring.dev/producer": "orders" } },
                    "spec": { "backoffLimit": 3, "template": { "spec": { "containers": [{ "name": "producer" }] } } },
                },
            },
        })
    }

    fn facts(schedule: &str) -> CronJobFacts {
        CronJobFacts::read(&cron_job(schedule), &[], None).unwrap()
    }

    fn of(schedule: &str, from: &str, to: &str) -> Result<Vec<String>, BackfillError> {
        let found = windows(&facts(schedule), at(from), at(to), at("2026-11-23T12:00:00Z"))?;
        Ok(found.iter().map(|window| format!("{}/{}", window.start, window.end)).collect())
    }

    #[test]
    fn the_windows_of_a_range_are_those_that_lie_in_it_as_a_whole() {
        let found = of("*/30 * * * *", "2026-11-01T10:10:00Z", "2026-11-01T11:45:00Z").unwrap();
        assert_eq!(
            found,
            ["2026-11-01T10:30:00Z/2026-11-01T11:00:00Z", "2026-11-01T11:00:00Z/2026-11-01T11:30:00Z"]
        );
        let found = of("@daily", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z").unwrap();
        assert_eq!(found, ["2026-11-01T00:00:00Z/2026-11-02T00:00:00Z"]);
        let found = of("@every 40m", "2026-11-01T00:00:30Z", "2026-11-01T01:30:00Z").unwrap();
        assert_eq!(
            found,
            ["2026-11-01T00:01:00Z/2026-11-01T00:41:00Z", "2026-11-01T00:41:00Z/2026-11-01T01:21:00Z"]
        );
    }

    #[test]
    fn a_range_that_cannot_be_filled_in_says_why() {
        let wrong = |schedule, from, to| of(schedule, from, to).unwrap_err().to_string();
        let upside_down = wrong("@daily", "2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z");
        assert!(upside_down.contains("name the earlier time first"), "{upside_down}");
        let short = wrong("@daily", "2026-11-01T01:00:00Z", "2026-11-02T00:00:00Z");
        assert!(short.contains("the next one is 2026-11-02T00:00:00Z/2026-11-03T00:00:00Z"), "{short}");
        let long = wrong("* * * * *", "2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z");
        assert!(long.contains("a shorter range"), "{long}");
        let odd = wrong("@every 90s", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
        assert!(odd.contains("whole minutes"), "{odd}");
        let ahead = wrong("@daily", "2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z");
        assert!(ahead.contains("still to come"), "{ahead}");
    }

    #[test]
    fn a_window_s_job_has_the_name_that_kubernetes_gives_it() {
        let job = backfill_job(&cron_job("*/5 * * * *"), at("2026-11-01T10:05:00Z")).unwrap();
        let metadata = &job["metadata"];
        assert_eq!(metadata["name"], format!("orders-{}", at("2026-11-01T10:05:00Z").as_second() / 60));
        assert_eq!(metadata["namespace"], "lakehouse");
        assert_eq!(
            metadata["labels"],
            json!({ "mooring.dev/producer": "orders", "mooring.dev/backfill": "true" })
        );
        assert_eq!(
            (&metadata["ownerReferences"][0]["uid"], &metadata["ownerReferences"][0]["controller"]),
            (&json!("u1"), &json!(false))
        );
        assert_eq!(
            (&job["spec"]["backoffLimit"], &job["spec"]["ttlSecondsAfterFinished"]),
            (&json!(3), &json!(604_800))
        );
        assert!(
            backfill_job(&json!({ "metadata": { "name": "orders" } }), at("2026-11-01T10:05:00Z")).is_none()
        );
    }

    #[test]
    fn a_window_s_job_tells_how_far_it_is() {
        let due = at("2026-11-01T10:05:00Z");
        let job = |condition: Value| {
            json!({
                "metadata": {
                    "name": job_name("orders", due), "creationTimestamp": "2026-11-23T10:00:01Z",
                    "ownerReferences": [{ "uid": "u1", "controller": false }],
                },
                "status": { "conditions": [condition] },
            })
        };
        let state =
            |jobs: &[Value]| CronJobFacts::read(&cron_job("*/5 * * * *"), jobs, None).unwrap().state_of(due);
        let ended = |kind: &str| json!({ "type": kind, "status": "True", "reason": "Why", "lastTransitionTime": "2026-11-23T10:02:00Z" });
        assert_eq!(state(&[]), RunState::Missing);
        assert_eq!(state(&[job(json!({}))]), RunState::Running);
        assert_eq!(state(&[job(ended("Complete"))]), RunState::Done);
        assert_eq!(state(&[job(ended("Failed"))]), RunState::Failed("Why".to_owned()));
    }
}
