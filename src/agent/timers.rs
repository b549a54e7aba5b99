//! What is to be done later, and when.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::Task;
use crate::manifest::ObjectKey;

/// What a timer is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// Save the inventory.
    Save,
    /// Write the status.
    Status,
    /// Do a job on an object again.
    Retry(ObjectKey, Task),
    /// Look how the objects are whose status moved.
    Sweep,
    /// Ask what the API server serves.
    Discover,
    /// Plan anew.
    Replan,
    /// Look whether the Environment is as git says.
    Mirror,
    /// Take over what is left of a former name.
    HandOver,
    /// Look for runs that did not happen.
    MissedRuns,
    /// Make up for runs that did not happen.
    CatchUp,
    /// Say what is waited for.
    Nag,
    /// Look why pods do not come up.
    Explain,
    /// Look whether the keys of encrypted files changed.
    Keys,
    /// Ask again for charts that could not be fetched.
    Charts,
    /// Save which hooks have run.
    Hooks,
    /// Ask again what charts looked up.
    Lookups,
}

/// One timer for a thing is enough, and the sooner one counts.
#[derive(Default)]
pub struct Timers {
    order: BTreeSet<(Instant, Timer)>,
    set: HashMap<Timer, Instant>,
}

impl Timers {
    /// Sets a timer, unless there is one for the same thing that is due before.
    pub fn set(&mut self, at: Instant, timer: Timer) {
        match self.set.get(&timer) {
            Some(known) if *known <= at => return,
            Some(known) => self.order.remove(&(*known, timer.clone())),
            None => false,
        };
        self.set.insert(timer.clone(), at);
        self.order.insert((at, timer));
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out the next one, if it is due by `now`.
    pub fn take_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.order.pop_first()?;
        self.set.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timers_come_in_order_each_once_and_the_sooner_one_counts() {
        let now = Instant::now();
        let mut timers = Timers::default();
        timers.set(now + Duration::from_secs(2), Timer::Save);
        timers.set(now + Duration::from_secs(3), Timer::Status);
        timers.set(now + Duration::from_secs(1), Timer::Status);
        timers.set(now + Duration::from_secs(3), Timer::Save);
        assert_eq!(timers.take_due(now), None);
        let later = now + Duration::from_secs(9);
        assert_eq!(timers.take_due(later), Some(Timer::Status));
        assert_eq!(timers.take_due(later), Some(Timer::Save));
        assert_eq!(timers.take_due(later), None);
        timers.set(later, Timer::Status);
        assert_eq!(timers.next(), Some(later));
    }
}
