//! Whether the agent is alive and ready.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Whether the agent does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The first reconcile is done.
    Ready,
    /// Another agent does it, and this one is ready to take over from it: a Deployment's second replica is well.
    StandingBy(String),
    /// It is not, for these reasons.
    NotReady(Vec<String>),
}

/// What the probes of a kubelet ask for. The loop tells it; the server reads it.
#[derive(Debug)]
pub struct Health {
    stale_after: Duration,
    heartbeat: RwLock<Instant>,
    readiness: RwLock<Readiness>,
}

impl Health {
    /// Not ready, and alive for `stale_after` without a beat.
    pub fn new(stale_after: Duration) -> Self {
        let reason = "the first reconcile is not done".to_owned();
        Self {
            stale_after,
            heartbeat: RwLock::new(Instant::now()),
            readiness: RwLock::new(Readiness::NotReady(vec![reason])),
        }
    }

    /// The loop moves.
    pub fn beat(&self) {
        *self.heartbeat.write().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// The agent does its work.
    pub fn set_ready(&self) {
        *self.readiness.write().unwrap_or_else(PoisonError::into_inner) = Readiness::Ready;
    }

    /// Another agent does the work, and this one waits for its lease.
    pub fn set_standing_by(&self, holder: String) {
        *self.readiness.write().unwrap_or_else(PoisonError::into_inner) = Readiness::StandingBy(holder);
    }

    /// The agent does not, for these reasons. They are shown to whoever can reach the port.
    pub fn set_not_ready(&self, reasons: Vec<String>) {
        *self.readiness.write().unwrap_or_else(PoisonError::into_inner) = Readiness::NotReady(reasons);
    }

    /// Whether the agent does its work.
    pub fn readiness(&self) -> Readiness {
        self.readiness.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long the loop has been silent, if that is too long.
    pub fn stalled(&self) -> Option<Duration> {
        let silent = self.heartbeat.read().unwrap_or_else(PoisonError::into_inner).elapsed();
        (silent > self.stale_after).then_some(silent)
    }
}
