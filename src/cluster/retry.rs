//! How long to wait between attempts, and when to stop.

use std::time::Duration;

use rand_chacha::rand_core::{Rng, SeedableRng};

/// Exponential pauses with jitter, bounded in number and in sum.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
    left: Duration,
    random: rand_chacha::ChaCha8Rng,
}

impl Backoff {
    /// For one request: from 100 ms to 4 s, about 20 s in all. What fails longer is tried again by the reconcile
    /// loop, which can then also say so.
    pub fn for_requests() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(4), Duration::from_secs(20))
    }

    /// From `first` doubling up to `longest`, at most `total` in sum.
    pub fn new(first: Duration, longest: Duration, total: Duration) -> Self {
        // Only spreads clients out, so a cheap seed is enough.
        let seed = u64::from(std::process::id())
            ^ u64::try_from(jiff::Timestamp::now().as_nanosecond() & 0xffff_ffff).unwrap_or(0);
        Self { next: first, longest, left: total, random: rand_chacha::ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The next pause, at least what the server asked for; `None` when it is time to give up.
    pub fn next_pause(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let jitter = self.random.next_u32() % 50;
        let pause = self.next.mul_f64(0.75 + f64::from(jitter) / 100.0);
        let pause = asked.map_or(pause, |asked| pause.max(asked));
        if pause > self.left {
            return None;
        }
        self.left -= pause;
        self.next = (self.next * 2).min(self.longest);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut backoff =
            Backoff::new(Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(5));
        let pauses: Vec<_> = std::iter::from_fn(|| backoff.next_pause(None)).collect();
        assert!(pauses.len() >= 5 && pauses.len() <= 12, "{pauses:?}");
        assert!(pauses.iter().sum::<Duration>() <= Duration::from_secs(5));
        assert!(pauses[3] > pauses[0]);
    }

    #[test]
    fn the_server_s_wish_to_wait_is_heard() {
        let mut backoff =
            Backoff::new(Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(5));
        assert!(backoff.next_pause(Some(Duration::from_secs(3))).unwrap() >= Duration::from_secs(3));
    }
}
