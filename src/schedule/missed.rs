//! Runs that should have happened and did not.

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::Schedule;

/// The most missed runs that are told apart; of more, the newest count.
pub const MOST_MISSED: usize = 100;

/// How far back runs are looked for.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What the cluster says of a `CronJob` and its Jobs.
#[derive(Clone, Debug)]
pub struct CronJobFacts {
    /// The `CronJob`'s name: the names of its Jobs begin with it.
    pub name: String,
    /// Its schedule.
    pub schedule: Schedule,
    /// The zone that its schedule is read in.
    pub zone: TimeZone,
    /// When it was created: nothing was due before.
    pub created: Timestamp,
    /// Whether it is suspended now.
    pub suspended: bool,
    /// `status.lastScheduleTime`: the last run that was started, by its due time.
    pub last_schedule: Option<Timestamp>,
    /// `spec.startingDeadlineSeconds`.
    pub starting_deadline: Option<Duration>,
    /// `spec.successfulJobsHistoryLimit`: older Jobs are deleted, so their absence says nothing.
    pub history_limit: usize,
    /// The Jobs that belong to it and are still there.
    pub jobs: Vec<JobFacts>,
    /// The last sign of life of the controller that starts Jobs (its lease), if it is known.
    pub controller_seen: Option<Timestamp>,
}

/// What the cluster says of a Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFacts {
    /// Its name: `<cronjob>-<due time in minutes since 1970>`.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whether the `CronJob` controls it: those that fill in old windows are in nobody's way.
    pub controlled: bool,
    /// How and when it ended; `None` while it runs.
    pub ended: Option<(Outcome, Timestamp)>,
}

/// How a Job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of its pods succeeded.
    Complete,
    /// It was given up, with Kubernetes' reason: `BackoffLimitExceeded`.
    Failed(String),
}

/// A run that should have happened and did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissedRun {
    /// When it was due.
    pub due: Timestamp,
    /// Why it did not happen.
    #[serde(flatten)]
    pub cause: MissedCause,
}

/// Why a run did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "cause", rename_all = "camelCase")]
pub enum MissedCause {
    /// The `CronJob` is suspended.
    Suspended,
    /// Another run was still going, and two at once are forbidden.
    Blocked {
        /// The Job of that run.
        job: String,
    },
    /// Nobody started it within its starting deadline.
    DeadlinePassed {
        /// The deadline in seconds.
        seconds: u64,
    },
    /// The controller was away; of the times that it missed it starts only the last.
    ControllerAway,
    /// It was started and failed.
    Failed {
        /// Its Job.
        job: String,
        /// Kubernetes' reason.
        reason: String,
    },
}

impl fmt::Display for MissedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the run of {} did not happen: ", self.due)?;
        match &self.cause {
            MissedCause::Suspended => f.write_str("the CronJob is suspended"),
            MissedCause::Blocked { job } => {
                write!(f, "Job {job} was still running, and two at once are forbidden")
            }
            MissedCause::DeadlinePassed { seconds } => {
                write!(f, "it was not started within its deadline of {seconds} s")
            }
            MissedCause::ControllerAway => f.write_str(
                "the CronJob controller was away, and of the times that it misses it starts only the last",
            ),
            MissedCause::Failed { job, reason } => write!(f, "Job {job} failed ({reason})"),
        }
    }
}

/// The name that Kubernetes gives the Job of a run (pkg/controller/cronjob, getJobName).
pub fn job_name(cron_job: &str, due: Timestamp) -> String {
    format!("{cron_job}-{}", super::floor(due).div_euclid(60))
}

/// The minute in which the run of a Job was due, from the Job's name; `None` if the name has another form.
pub fn due_minute(cron_job: &str, job: &str) -> Option<Timestamp> {
    let minutes: i64 = job.strip_prefix(cron_job)?.strip_prefix('-')?.parse().ok()?;
    Timestamp::from_second(minutes.checked_mul(60)?).ok()
}

/// The runs since `since` that should have happened by `now` and did not, oldest first. A run counts as missed when `grace`
/// has passed after its due time, as Kubernetes needs a moment to start it.
///
/// Judged are only runs of which the cluster can still know: not before the `CronJob` was created, not older than the
/// Jobs that its history keeps, and seven days at most.
pub fn missed_runs(
    facts: &CronJobFacts,
    since: Timestamp,
    now: Timestamp,
    grace: Duration,
) -> Vec<MissedRun> {
    let start = [Some(since), Some(facts.created), now.checked_sub(LOOK_BACK).ok(), facts.history_begins()];
    let Some(start) = start.into_iter().flatten().max() else { return Vec::new() };
    let patience = SignedDuration::try_from(grace).unwrap_or(SignedDuration::ZERO);
    let Ok(judged_until) = now.checked_sub(patience) else { return Vec::new() };
    // The intervals of @every count from the last run, or from the creation.
    let base = match facts.schedule.interval() {
        Some(_) => facts.last_schedule.filter(|last| *last >= start).unwrap_or(start.max(facts.created)),
        None => start,
    };
    let mut missed: Vec<MissedRun> = facts
        .schedule
        .runs_after(base, &facts.zone)
        .take_while(|due| *due <= judged_until)
        .filter_map(|due| Some(MissedRun { due, cause: facts.cause(due, now)? }))
        .collect();
    missed.drain(..missed.len().saturating_sub(MOST_MISSED));
    missed
}

impl CronJobFacts {
    /// From when on the Jobs are complete: with as many successful ones as the history keeps, older ones may be gone.
    fn history_begins(&self) -> Option<Timestamp> {
        if self.history_limit == 0 {
            return self.last_schedule;
        }
        let complete: Vec<Timestamp> = self
            .jobs
            .iter()
            .filter(|job| matches!(job.ended, Some((Outcome::Complete, _))))
            .filter_map(|job| due_minute(&self.name, &job.name))
            .collect();
        if complete.len() >= self.history_limit { complete.into_iter().min() } else { None }
    }

    /// Why the run that was due then did not happen; `None` if it did, or still may.
    fn cause(&self, due: Timestamp, now: Timestamp) -> Option<MissedCause> {
        let name = job_name(&self.name, due);
        if let Some(job) = self.jobs.iter().find(|job| job.name == name) {
            return match &job.ended {
                Some((Outcome::Failed(reason), _)) => {
                    Some(MissedCause::Failed { job: name, reason: reason.clone() })
                }
                _ => None,
            };
        }
        if self.last_schedule == Some(due) {
            return None;
        }
        if self.suspended && self.last_schedule.is_none_or(|last| last < due) {
            return Some(MissedCause::Suspended);
        }
        let running_then = |job: &&JobFacts| {
            job.controlled && job.created <= due && job.ended.as_ref().is_none_or(|(_, ended)| *ended > due)
        };
        if let Some(job) = self.jobs.iter().find(running_then) {
            return Some(MissedCause::Blocked { job: job.name.clone() });
        }
        let overdue = |deadline: Duration| {
            SignedDuration::try_from(deadline).is_ok_and(|deadline| now.duration_since(due) > deadline)
        };
        // It lived after the run was due, so it saw it; or it went on with a later one.
        let controller_lived = self.controller_seen.is_some_and(|seen| seen > due);
        match self.starting_deadline {
            Some(deadline) if overdue(deadline) && controller_lived => {
                Some(MissedCause::DeadlinePassed { seconds: deadline.as_secs() })
            }
            _ => Some(MissedCause::ControllerAway),
        }
    }

    /// The facts from the objects themselves: a `CronJob` and the Jobs around it, of which only its own count. `None` if
    /// it is not one, or its schedule or zone cannot be read.
    pub fn read(cron_job: &Value, jobs: &[Value], controller_seen: Option<Timestamp>) -> Option<Self> {
        let (metadata, spec) = (cron_job.get("metadata")?, cron_job.get("spec")?);
        let uid = metadata.get("uid")?.as_str()?;
        let own = |job: &Value| {
            let owners = job.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            let owner = owners?.iter().find(|owner| owner.get("uid").and_then(Value::as_str) == Some(uid))?;
            let controlled = owner.get("controller").and_then(Value::as_bool).unwrap_or(false);
            JobFacts::read(job, controlled)
        };
        let zone_name = spec.get("timeZone").and_then(Value::as_str).unwrap_or("Etc/UTC");
        Some(Self {
            name: metadata.get("name")?.as_str()?.to_owned(),
            schedule: Schedule::parse(spec.get("schedule")?.as_str()?).ok()?,
            zone: super::zone(zone_name).ok()?,
            created: time(metadata.get("creationTimestamp"))?,
            suspended: spec.get("suspend").and_then(Value::as_bool).unwrap_or(false),
            last_schedule: time(cron_job.pointer("/status/lastScheduleTime")),
            starting_deadline: spec
                .get("startingDeadlineSeconds")
                .and_then(Value::as_u64)
                .map(Duration::from_secs),
            history_limit: spec
                .get("successfulJobsHistoryLimit")
                .and_then(Value::as_u64)
                .map_or(3, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            jobs: jobs.iter().filter_map(own).collect(),
            controller_seen,
        })
    }
}

impl JobFacts {
    fn read(job: &Value, controlled: bool) -> Option<Self> {
        let conditions = job.pointer("/status/conditions").and_then(Value::as_array);
        let ended = conditions.into_iter().flatten().find_map(|condition| {
            let text = |key| condition.get(key).and_then(Value::as_str);
            if text("status") != Some("True") {
                return None;
            }
            let outcome = match text("type")? {
                "Complete" => Outcome::Complete,
                "Failed" => Outcome::Failed(text("reason").unwrap_or("no reason given").to_owned()),
                _ => return None,
            };
            Some((outcome, time(condition.get("lastTransitionTime"))?))
        });
        Some(Self {
            name: job.pointer("/metadata/name")?.as_str()?.to_owned(),
            created: time(job.pointer("/metadata/creationTimestamp"))?,
            controlled,
            ended,
        })
    }
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    value?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    fn at(time: &str) -> Timestamp {
        format!("2026-11-23T{time}Z").parse().unwrap()
    }

    fn facts() -> CronJobFacts {
        CronJobFacts {
            name: "orders".to_owned(),
            schedule: Schedule::parse("*/5 * * * *").unwrap(),
            zone: TimeZone::UTC,
            created: at("09:59:00"),
            suspended: false,
            last_schedule: None,
            starting_deadline: Some(Duration::from_mins(2)),
            history_limit: 3,
            jobs: Vec::new(),
            controller_seen: None,
        }
    }

    fn job(due: &str, ended: Option<(Outcome, &str)>) -> JobFacts {
        JobFacts {
            name: job_name("orders", at(due)),
            created: at(due),
            controlled: true,
            ended: ended.map(|(outcome, time)| (outcome, at(time))),
        }
    }

    fn missed(facts: &CronJobFacts, now: &str) -> Vec<(Timestamp, MissedCause)> {
        let runs = missed_runs(facts, Timestamp::UNIX_EPOCH, at(now), GRACE);
        runs.into_iter().map(|run| (run.due, run.cause)).collect()
    }

    #[test]
    fn a_run_is_not_missed_before_its_grace_has_passed() {
        assert!(missed(&facts(), "10:00:20").is_empty());
        assert_eq!(missed(&facts(), "10:00:31"), [(at("10:00:00"), MissedCause::ControllerAway)]);
    }

    #[test]
    fn a_run_with_a_job_or_as_the_last_one_scheduled_happened() {
        let mut facts = facts();
        facts.jobs = vec![job("10:00:00", Some((Outcome::Complete, "10:01:00")))];
        facts.last_schedule = Some(at("10:05:00"));
        assert!(missed(&facts, "10:09:00").is_empty());
    }

    #[test]
    fn each_cause_is_told_from_the_others() {
        let due = at("10:05:00");
        let done = || job("10:00:00", Some((Outcome::Complete, "10:01:00")));
        let base = CronJobFacts { jobs: vec![done()], last_schedule: Some(at("10:00:00")), ..facts() };

        let suspended = CronJobFacts { suspended: true, ..base.clone() };
        assert_eq!(missed(&suspended, "10:06:00"), [(due, MissedCause::Suspended)]);

        let running = job("10:00:00", None);
        let blocked = CronJobFacts { jobs: vec![running.clone()], ..base.clone() };
        assert_eq!(missed(&blocked, "10:06:00"), [(due, MissedCause::Blocked { job: running.name })]);

        let mut filling = job("09:55:00", None);
        filling.controlled = false;
        let away = CronJobFacts { jobs: vec![done(), filling], ..base.clone() };
        assert_eq!(missed(&away, "10:06:00"), [(due, MissedCause::ControllerAway)]);

        let late = CronJobFacts { controller_seen: Some(at("10:08:00")), ..base.clone() };
        assert_eq!(missed(&late, "10:08:00"), [(due, MissedCause::DeadlinePassed { seconds: 120 })]);

        let away = CronJobFacts { controller_seen: Some(at("10:04:00")), ..base.clone() };
        assert_eq!(missed(&away, "10:08:00"), [(due, MissedCause::ControllerAway)]);

        let mut failed = base;
        failed
            .jobs
            .push(job("10:05:00", Some((Outcome::Failed("BackoffLimitExceeded".to_owned()), "10:07:00"))));
        failed.last_schedule = Some(due);
        let cause =
            MissedCause::Failed { job: job_name("orders", due), reason: "BackoffLimitExceeded".to_owned() };
        assert_eq!(missed(&failed, "10:08:00"), [(due, cause)]);
    }

    #[test]
    fn runs_whose_jobs_the_history_has_deleted_are_not_judged() {
        let mut facts = facts();
        facts.jobs =
            ["10:20:00", "10:25:00", "10:35:00"].map(|due| job(due, Some((Outcome::Complete, due)))).to_vec();
        facts.last_schedule = Some(at("10:35:00"));
        // 10:00 to 10:15 may have been deleted; between those that are kept, 10:30 is missing.
        let due: Vec<Timestamp> = missed(&facts, "10:36:00").into_iter().map(|(due, _)| due).collect();
        assert_eq!(due, [at("10:30:00")]);
    }

    #[test]
    fn of_many_missed_runs_the_newest_are_told() {
        let mut facts = facts();
        facts.schedule = Schedule::parse("* * * * *").unwrap();
        let runs = missed_runs(&facts, Timestamp::UNIX_EPOCH, at("20:00:00"), GRACE);
        assert_eq!((runs.len(), runs.last().unwrap().due), (MOST_MISSED, at("19:59:00")));
    }

    #[test]
    fn an_interval_counts_from_the_last_run() {
        let mut facts = facts();
        facts.schedule = Schedule::parse("@every 10m").unwrap();
        facts.last_schedule = Some(at("10:09:00"));
        assert_eq!(missed(&facts, "10:20:00"), [(at("10:19:00"), MissedCause::ControllerAway)]);
    }

    #[test]
    fn the_facts_are_read_from_the_objects_themselves() {
        let cron_job = json!({
            "metadata": { "name": "orders", "uid": "u1", "creationTimestamp": "2026-11-23T09:59:00Z" },
            "spec": { "schedule": "*/5 * * * *", "timeZone": "Europe/Berlin", "startingDeadlineSeconds": 300 },
            "status": { "lastScheduleTime": "2026-11-23T10:00:00Z" },
        });
        let job = |uid: &str| {
            json!({
                "metadata": {
                    "name": "orders-29665560", "creationTimestamp": "2026-11-23T10:00:01Z",
                    "ownerReferences": [{ "kind": "CronJob", "name": "orders", "uid": uid, "controller": true }],
                },
                "status": { "conditions": [{
                    "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
                    "lastTransitionTime": "2026-11-23T10:02:00Z",
                }] },
            })
        };
        let facts = CronJobFacts::read(&cron_job, &[job("u1"), job("other")], None).unwrap();
        assert_eq!(facts.jobs.len(), 1);
        assert!(facts.jobs[0].controlled);
        assert_eq!(
            facts.jobs[0].ended,
            Some((Outcome::Failed("BackoffLimitExceeded".to_owned()), at("10:02:00")))
        );
        assert_eq!((facts.history_limit, facts.last_schedule), (3, Some(at("10:00:00"))));
        assert!(CronJobFacts::read(&json!({}), &[], None).is_none());
    }

    #[test]
    fn a_jobs_name_holds_the_minute_of_its_run() {
        let due = at("10:05:00");
        let name = job_name("orders", due);
        assert_eq!(due_minute("orders", &name), Some(due));
        assert_eq!(due_minute("orders", "orders-manual"), None);
        assert_eq!(due_minute("clicks", &name), None);
    }
}
