//! The producers' schedules: when they run next, and which runs did not happen.

use std::time::Duration;

use super::Agent;

impl Agent {
    pub(super) fn look_for_missed_runs(&mut self) {
        self.later(Duration::from_hours(1), super::Timer::MissedRuns);
    }
}
