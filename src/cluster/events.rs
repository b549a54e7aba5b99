//! Kubernetes Events on the objects that reports speak of.

use serde_json::json;

use super::client::Cluster;
use crate::manifest::ObjectKey;

/// An Event to be written (events.k8s.io/v1).
#[derive(Clone, Debug)]
pub struct EventNote {
    /// The object it is about.
    pub object: ObjectKey,
    /// The object's apiVersion and uid, where known.
    pub api_version: String,
    /// The uid.
    pub uid: String,
    /// `Warning` or `Normal`.
    pub warning: bool,
    /// CamelCase, for machines: `DriftCorrected`.
    pub reason: &'static str,
    /// What was done: `Corrected`.
    pub action: &'static str,
    /// For people; cut at 1,024 bytes, the API's limit.
    pub note: String,
}

impl Cluster {
    /// Writes an Event. Events are a courtesy: a failure is logged and forgotten.
    pub async fn write_event(&self, event: &EventNote, agent_namespace: &str, instance: &str) {
        // Events about cluster-scoped objects live in `default`, as the API demands.
        let namespace = event.object.namespace.as_deref().unwrap_or("default");
        let now = format!("{:.6}", jiff::Timestamp::now());
        let mut note = event.note.clone();
        if note.len() > 1024 {
            let end = (0..=1021).rev().find(|&at| note.is_char_boundary(at)).unwrap_or(0);
            note.truncate(end);
            note.push_str("...");
        }
        let body = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": "mooring-", "namespace": namespace},
            "eventTime": now,
            "reportingController": "mooring.dev/agent",
            "reportingInstance": format!("{agent_namespace}/{instance}").chars().take(128).collect::<String>(),
            "type": if event.warning { "Warning" } else { "Normal" },
            "reason": event.reason,
            "action": event.action,
            "note": note,
            "regarding": {
                "apiVersion": event.api_version,
                "kind": event.object.group_kind.kind,
                "namespace": event.object.namespace,
                "name": event.object.name,
                "uid": event.uid,
            },
        });
        let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
        if let Err(error) = self.create("write an Event", path, &body).await {
            tracing::debug!(%error, object = %event.object, "the Event could not be written");
        }
    }
}
