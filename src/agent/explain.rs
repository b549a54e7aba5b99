//! Why something is not healthy: a look at the pods of workloads that do not come up. Nothing is looked at while all is well.

use std::time::Duration;

use super::jobs::Finished;
use super::world::ComponentState;
use super::{Agent, STATUS_AFTER, Timer};
use crate::manifest::{GroupKind, ObjectKey};
use crate::plan::pods;

/// A workload gets this long to come up before its pods are looked at.
pub(super) const FIRST_LOOK: Duration = Duration::from_secs(4);
/// How often they are looked at from then on.
const NEXT_LOOK: Duration = Duration::from_secs(15);
/// How many workloads are looked at each time.
const AT_ONCE: usize = 5;

impl Agent {
    /// Looks at the pods of workloads that are not healthy, and will again while there are any.
    pub(super) fn look_at_pods(&mut self) {
        let Some(pod) = self.offer.catalog.kind(&GroupKind::new("", "Pod")).cloned() else { return };
        let settling =
            self.world.components.iter().filter(|component| component.state == ComponentState::Settling);
        let unwell: Vec<ObjectKey> = settling
            .flat_map(|component| component.unwell.iter())
            .filter(|key| pods::makes_pods(&key.group_kind))
            .take(AT_ONCE)
            .cloned()
            .collect();
        if unwell.is_empty() {
            return;
        }
        self.later(NEXT_LOOK, Timer::Explain);
        for key in unwell {
            let Some(resource) = self.offer.catalog.kind(&key.group_kind).cloned() else { continue };
            let (cluster, pod) = (self.tools.acting.clone(), pod.clone());
            self.jobs.spawn(async move {
                // What cannot be learned, for lack of a right for example, stays unsaid: the workload's own words remain.
                let mut said = None;
                if let Ok(Some(workload)) = cluster.get(&resource, &key).await
                    && let Some(selector) = pods::selector(&workload)
                {
                    let first = |found: serde_json::Value| {
                        if said.is_none() {
                            said = pods::trouble(&found);
                        }
                    };
                    let _ = cluster.list(&pod, key.namespace.as_deref(), &selector, first).await;
                }
                Finished::Explained(key, said)
            });
        }
    }

    pub(super) fn on_explained(&mut self, key: &ObjectKey, said: Option<String>) {
        let Some(tracked) = self.world.objects.get_mut(key) else { return };
        // A runtime quotes the command that it could not start.
        let said = said.map(|said| tracked.scrub(&said));
        if tracked.pods == said || tracked.health.as_ref().is_none_or(crate::plan::health::Health::is_current)
        {
            return;
        }
        if let Some(said) = &said {
            tracing::warn!(object = %key, "not healthy: {said}");
        }
        tracked.pods = said;
        self.later(STATUS_AFTER, Timer::Status);
    }
}
