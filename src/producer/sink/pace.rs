//! How fast records are sent.

use std::time::{Duration, Instant};

/// A ceiling of records a second, held evenly: a run that was held up does not make up for it in a burst.
#[derive(Debug)]
pub struct Pace {
    /// The time between two records; none without a ceiling.
    gap: Option<Duration>,
    due: Option<Instant>,
}

/// How far behind the pace may fall and still catch up: a pause of the scheduler, not an outage.
const SLACK: Duration = Duration::from_millis(200);

impl Pace {
    /// At most so many records a second; without a number, as fast as the sink takes them.
    pub fn new(most: Option<u32>) -> Self {
        Self { gap: most.map(|most| Duration::from_secs(1) / most.max(1)), due: None }
    }

    /// How long the next record has to wait at `now`; to be asked again after waiting.
    pub fn wait(&mut self, now: Instant) -> Option<Duration> {
        let gap = self.gap?;
        let due = self.due.unwrap_or(now);
        if due > now {
            return Some(due - now);
        }
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        self.due = Some(due.max(earliest) + gap);
        None
    }

    /// Whether there is no ceiling.
    pub fn is_free(&self) -> bool {
        self.gap.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many records go out until `end`, asked every `step`.
    fn sent(pace: &mut Pace, start: Instant, end: Duration, step: Duration) -> u32 {
        let mut now = start;
        let mut sent = 0;
        while now < start + end {
            match pace.wait(now) {
                None => sent += 1,
                Some(_) => now += step,
            }
        }
        sent
    }

    #[test]
    fn a_ceiling_is_held() {
        let mut pace = Pace::new(Some(1000));
        let start = Instant::now();
        let sent = sent(&mut pace, start, Duration::from_secs(3), Duration::from_millis(7));
        assert!((2990..=3001).contains(&sent), "{sent}");
    }

    #[test]
    fn what_an_outage_held_up_is_not_made_up_for_in_a_burst() {
        let mut pace = Pace::new(Some(1000));
        let start = Instant::now();
        assert_eq!(pace.wait(start), None);
        let later = start + Duration::from_mins(1);
        let sent = sent(&mut pace, later, Duration::from_millis(1), Duration::from_millis(1));
        assert!((200..=202).contains(&sent), "{sent}");
    }

    #[test]
    fn without_a_ceiling_nothing_waits() {
        let mut pace = Pace::new(None);
        let now = Instant::now();
        assert!((0..1000).all(|_| pace.wait(now).is_none()));
    }
}
