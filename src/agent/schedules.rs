//! The producers' schedules: when they run next, and which runs did not happen. The cluster is asked when a run is due,
//! not in between.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::jobs::Finished;
use super::{Agent, STATUS_AFTER, Timer};
use crate::cluster::ApiError;
use crate::environment::{EnvironmentStatus, NextRun, PRODUCERS, Producer};
use crate::manifest::{FieldPath, GroupKind, ObjectKey, Shown};
use crate::plan::{Decision, DriftKind, DriftRecord, FieldDrift};
use crate::schedule::{CronJobFacts, MissedRun, Schedule, missed_runs, zone};

/// A run that has not begun so long after its time is missed. The controller starts runs within seconds.
const GRACE: Duration = Duration::from_mins(1);
/// A starting agent looks back no farther.
const LOOK_BACK: Duration = Duration::from_hours(24);
/// So many missed runs of a producer are told one by one in one look.
const TOLD: usize = 5;

/// Until when an agent before us has judged the runs: no run that it said would come next was judged by it.
pub fn judged_until(next_runs: &[NextRun]) -> Option<Timestamp> {
    let first = next_runs.iter().map(|run| run.time).min()?;
    let earliest = Timestamp::now().checked_sub(LOOK_BACK).ok()?;
    Some(first.checked_sub(GRACE).ok()?.max(earliest))
}

impl Agent {
    /// Notes when each producer runs next, and looks whether it did when that time has passed.
    pub(super) fn note_next_runs(&mut self) {
        let now = Timestamp::now();
        let mut runs: Vec<NextRun> = self
            .producers()
            .iter()
            .filter(|producer| !producer.suspend)
            .filter_map(|producer| {
                let schedule = Schedule::parse(&producer.schedule).ok()?;
                let time = schedule.next_after(now, &zone(&producer.time_zone).ok()?)?;
                Some(NextRun { producer: producer.name.clone(), time })
            })
            .collect();
        runs.sort_by_key(|run| run.time);
        if let Some(first) = runs.first() {
            let wait = Duration::try_from(first.time.duration_since(now)).unwrap_or_default();
            self.later(wait + GRACE, Timer::MissedRuns);
        }
        runs.truncate(EnvironmentStatus::MAX_NEXT_RUNS);
        if self.status.next_runs != runs {
            self.status.next_runs = runs;
            self.later(STATUS_AFTER, Timer::Status);
        }
    }

    pub(super) fn producers(&self) -> &[Producer] {
        self.world.goal.as_ref().map_or(&[], |goal| &goal.environment.environment.spec.producers)
    }

    /// Asks the cluster which runs happened.
    pub(super) fn look_for_missed_runs(&mut self) {
        let (Some(cron_jobs), Some(jobs)) = (
            self.offer.catalog.kind(&GroupKind::new("batch", "CronJob")).cloned(),
            self.offer.catalog.kind(&GroupKind::new("batch", "Job")).cloned(),
        ) else {
            return;
        };
        let now = Timestamp::now();
        let since = self.runs_judged_until.unwrap_or(now);
        self.runs_judged_until = now.checked_sub(GRACE).ok();
        let keys: Vec<ObjectKey> = self
            .world
            .objects
            .iter()
            .filter(|(key, tracked)| {
                &*tracked.component == PRODUCERS && key.group_kind.kind == "CronJob" && tracked.wish.is_some()
            })
            .map(|(key, _)| key.clone())
            .collect();
        let cluster = self.tools.acting.clone();
        self.jobs.spawn(async move {
            let mut missed = Vec::new();
            for key in keys {
                let look = async {
                    let Some(cron_job) = cluster.get(&cron_jobs, &key).await? else { return Ok(Vec::new()) };
                    let mut found: Vec<Value> = Vec::new();
                    cluster.list(&jobs, key.namespace.as_deref(), "", |job| found.push(job)).await?;
                    let facts = CronJobFacts::read(&cron_job, &found, None);
                    Ok(facts.map(|facts| missed_runs(&facts, since, now, GRACE)).unwrap_or_default())
                };
                match look.await {
                    Ok(runs) => missed.extend(runs.into_iter().map(|run| (key.clone(), run))),
                    Err(error) => return Finished::Schedules(Err(error)),
                }
            }
            Finished::Schedules(Ok(missed))
        });
        self.note_next_runs();
    }

    pub(super) fn on_schedules(&mut self, result: Result<Vec<(ObjectKey, MissedRun)>, ApiError>) {
        let missed = match result {
            Ok(missed) => missed,
            Err(error) => {
                tracing::warn!(%error, "cannot see which runs happened");
                return;
            }
        };
        self.metrics.missed_runs(missed.len() as u64);
        let mut told: std::collections::HashMap<ObjectKey, usize> = std::collections::HashMap::new();
        // The newest first: of many, the last ones matter.
        for (key, run) in missed.into_iter().rev() {
            self.note_for_catch_up(&key, &run);
            let count = told.entry(key.clone()).or_default();
            *count += 1;
            if *count <= TOLD {
                self.report_missed(&key, &run);
            }
        }
        for (key, count) in told {
            if count > TOLD {
                tracing::warn!(object = %key, "{} more runs were missed before", count - TOLD);
            }
        }
    }

    fn report_missed(&mut self, key: &ObjectKey, run: &MissedRun) {
        let Some(goal) = &self.world.goal else { return };
        let now = Timestamp::now();
        let record = DriftRecord {
            time: now,
            environment: self.options.environment.as_str().into(),
            revision: goal.revision.short().to_owned(),
            component: PRODUCERS.into(),
            object: key.clone(),
            kind: DriftKind::MissedRun,
            fields: vec![FieldDrift {
                path: FieldPath::of_fields(["spec", "schedule"]),
                wanted: Shown::Value(json!(format!("a run at {}", run.due))),
                found: Shown::Value(json!(run.to_string())),
                origin: None,
                actor: None,
            }],
            decision: Decision::Reported,
            seen: Duration::try_from(now.duration_since(run.due)).unwrap_or_default(),
            repaired: None,
        };
        self.report(record);
    }
}
