//! One writer at a time: a `Lease`, taken and renewed as client-go's leader election does it, and a permit that every
//! write asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::client::{Call, Cluster};
use super::error::ApiError;

/// How long a lease holds without renewal.
const DURATION: Duration = Duration::from_secs(30);
/// How often it is renewed: the only writes at rest.
const RENEW: Duration = Duration::from_secs(10);
/// How often a waiting agent looks whether the holder is gone, and how soon renewing is tried again that failed.
const RETRY: Duration = Duration::from_secs(2);
/// Writes stop this long before the lease can be taken by another: for clocks that differ and requests under way.
const MARGIN: Duration = Duration::from_secs(5);

/// The right to write, until a moment. Every copy sees the same.
#[derive(Clone, Debug, Default)]
pub struct Permit(Arc<Mutex<Option<Instant>>>);

impl Permit {
    /// How long writes are still allowed; `None` when they are not.
    pub fn remaining(&self) -> Option<Duration> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// What the election says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// Another holds the lease: its identity.
    Waiting(String),
    /// We hold it.
    Held,
}

/// The election over one `Lease` object.
pub struct Lease {
    /// The cluster, without a permit: the lease is what gives it.
    pub cluster: Cluster,
    /// The namespace of the `Lease`.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who we are. The same for a restarted process that cannot run twice, so that it need not wait for itself.
    pub identity: String,
}

/// The holder as last seen, and since when by our own clock: other machines' clocks are not trusted.
struct Seen {
    record: (String, String),
    at: Instant,
}

impl Lease {
    /// Takes and renews the lease until `cancel`, then gives it back. Says on `state` what is the case.
    pub async fn run(self, permit: Permit, state: watch::Sender<Leadership>, cancel: CancellationToken) {
        let mut seen: Option<Seen> = None;
        loop {
            // The permit counts from before the request: the server's clock can only be behind that.
            let asked = Instant::now();
            let mut pause = RETRY;
            match self.try_take(&mut seen).await {
                Ok(Leadership::Held) => {
                    pause = RENEW;
                    permit.set(Some(asked + DURATION.saturating_sub(MARGIN)));
                    state
                        .send_if_modified(|now| std::mem::replace(now, Leadership::Held) != Leadership::Held);
                }
                Ok(waiting) => {
                    permit.set(None);
                    state.send_if_modified(|now| {
                        let changed = *now != waiting;
                        *now = waiting;
                        changed
                    });
                }
                // The permit runs out by itself when renewing keeps failing: until then it is tried often, since a server that
                // has just started refuses for a moment what it does not know yet.
                Err(error) => tracing::debug!(%error, "the lease could not be renewed"),
            }
            if permit.remaining().is_none() && *state.borrow() == Leadership::Held {
                state.send_replace(Leadership::Waiting(String::new()));
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = cancel.cancelled() => break,
            }
        }
        let held = permit.remaining().is_some();
        permit.set(None);
        if held && let Err(error) = self.release().await {
            tracing::debug!(%error, "the lease could not be given back; it ends by itself");
        }
    }

    /// Who holds the lease at this moment, if it is held and still fresh by its own times.
    pub async fn holder(&self) -> Result<Option<String>, ApiError> {
        let Some(lease) = self.read().await? else { return Ok(None) };
        let holder = lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default();
        let renewed = lease
            .pointer("/spec/renewTime")
            .and_then(Value::as_str)
            .and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let fresh =
            renewed.is_some_and(|time| jiff::Timestamp::now().duration_since(time).unsigned_abs() < DURATION);
        Ok((fresh && !holder.is_empty()).then(|| holder.to_owned()))
    }

    fn path(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace)
    }

    async fn read(&self) -> Result<Option<Value>, ApiError> {
        let call = Call::get("read the lease", format!("{}/{}", self.path(), self.name));
        match self.cluster.send(&call).await {
            Ok(answer) => answer.json("read the lease").map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn try_take(&self, seen: &mut Option<Seen>) -> Result<Leadership, ApiError> {
        let lease = self.read().await?;
        let spec = |key: &str| {
            let value = lease.as_ref().and_then(|lease| lease.pointer(&format!("/spec/{key}")));
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let holder = spec("holderIdentity");
        if !holder.is_empty() && holder != self.identity {
            let record = (holder.clone(), spec("renewTime"));
            let fresh = match seen {
                Some(seen) if seen.record == record => seen.at.elapsed() < DURATION,
                _ => {
                    *seen = Some(Seen { record, at: Instant::now() });
                    true
                }
            };
            if fresh {
                return Ok(Leadership::Waiting(holder));
            }
        }
        match self.write(lease, &self.identity).await {
            Ok(()) => Ok(Leadership::Held),
            // Somebody was faster: look again.
            Err(ApiError::Conflict { .. } | ApiError::AlreadyExists { .. }) => {
                Ok(Leadership::Waiting(holder))
            }
            Err(error) => Err(error),
        }
    }

    async fn release(&self) -> Result<(), ApiError> {
        match self.read().await? {
            Some(lease) if lease.pointer("/spec/holderIdentity") == Some(&json!(self.identity)) => {
                self.write(Some(lease), "").await
            }
            _ => Ok(()),
        }
    }

    /// Creates the lease, or replaces it at the resource version that was read.
    async fn write(&self, read: Option<Value>, holder: &str) -> Result<(), ApiError> {
        let now = format!("{:.6}", jiff::Timestamp::now());
        let old = |key: &str| read.as_ref().and_then(|lease| lease.pointer(&format!("/spec/{key}"))).cloned();
        let same_holder = old("holderIdentity") == Some(json!(holder));
        let transitions = old("leaseTransitions").and_then(|count| count.as_i64()).unwrap_or(0);
        let mut metadata = json!({"name": self.name, "namespace": self.namespace});
        if let Some(version) = read.as_ref().and_then(|lease| lease.pointer("/metadata/resourceVersion")) {
            metadata["resourceVersion"] = version.clone();
        }
        let body = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": if holder.is_empty() { 1 } else { DURATION.as_secs() },
                "acquireTime": old("acquireTime").filter(|_| same_holder).unwrap_or_else(|| json!(now)),
                "renewTime": now,
                "leaseTransitions": transitions + i64::from(!same_holder),
            },
        });
        let (method, path) = match read {
            Some(_) => (Method::PUT, format!("{}/{}", self.path(), self.name)),
            None => (Method::POST, self.path()),
        };
        let body = Some(("application/json", body.to_string().into_bytes()));
        let call = Call { what: "renew the lease", method, path, body, accept: None, writes: false };
        self.cluster.send(&call).await.map(|_| ())
    }
}
