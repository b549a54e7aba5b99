//! What a plan consists of: components, their stages, the steps in them, and the deletions at the end.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

use super::observed::Hold;
use crate::manifest::{Digest, FieldPath, ObjectKey};

/// What to do with an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is not there.
    Create,
    /// It is ours, and git says something new.
    Update,
    /// It is there, and nobody's: it is taken over.
    Adopt,
    /// It moves from another component to this one, and is not deleted there.
    HandOver {
        /// The component that it belonged to.
        from: Arc<str>,
    },
    /// Somebody changed it behind our back.
    Correct,
    /// Somebody changed it behind our back, and the environment only reports such things.
    Report,
    /// It is ours, and what we knew of it is lost: a dry-run tells whether there is anything to write.
    Prove,
    /// A person holds it.
    Hold(Hold),
    /// It is being deleted by somebody, and can be made anew only when it is gone.
    Wait,
    /// Its kind is not served yet; a CustomResourceDefinition that brings it is on its way.
    Park,
    /// It cannot be done.
    Refuse,
    /// Git names it no more.
    Delete,
    /// It is as git wants it.
    Nothing,
}

impl Action {
    /// Whether there is something to be done now.
    pub fn is_due(&self) -> bool {
        matches!(
            self,
            Self::Create | Self::Update | Self::Adopt | Self::HandOver { .. } | Self::Correct | Self::Prove
        )
    }

    /// Why the object is not as git wants it, for actions that leave it so.
    pub fn obstacle(&self, reason: &str) -> Option<String> {
        matches!(self, Self::Park | Self::Refuse).then(|| reason.to_owned())
    }

    /// One word.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Adopt => "adopt",
            Self::HandOver { .. } => "move",
            Self::Correct => "correct",
            Self::Report => "report",
            Self::Prove => "prove",
            Self::Hold(_) => "hold",
            Self::Wait => "wait",
            Self::Park => "park",
            Self::Refuse => "refuse",
            Self::Delete => "delete",
            Self::Nothing => "nothing",
        }
    }
}

/// What to do with one object, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The object.
    pub key: ObjectKey,
    /// Its component.
    pub component: Arc<str>,
    /// What to do.
    pub action: Action,
    /// Why, in words.
    pub reason: String,
    /// Its place in the component's rendering.
    #[serde(skip)]
    pub object: Option<usize>,
    /// The fields that are set once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub once: Vec<FieldPath>,
    /// The digest of the wish.
    #[serde(skip)]
    pub digest: Digest,
}

/// Steps that can be done side by side; the next stage begins when all are done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stage {
    /// The steps.
    pub steps: Vec<Step>,
}

/// A component's steps.
#[derive(Clone, Debug, Serialize)]
pub struct ComponentPlan {
    /// The component.
    pub name: Arc<str>,
    /// The components that must be ready before.
    pub depends_on: Vec<Arc<str>>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// Why it could not be rendered. What it has stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl ComponentPlan {
    /// All steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }
}

/// What git names no more.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PrunePlan {
    /// The deletions, in the reverse order of applying.
    pub stages: Vec<Vec<Step>>,
    /// What is kept although git names it no more, each with the reason.
    pub kept: Vec<(ObjectKey, String)>,
    /// Why a guard holds back the deletions, but for those of components that `spec.pruneGuard.allow` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
}

/// What to do, all of it.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The components, in an order that follows `dependsOn`.
    pub components: Vec<ComponentPlan>,
    /// The deletions, after everything else.
    pub prune: PrunePlan,
    #[serde(skip)]
    pub(super) named: HashSet<ObjectKey>,
}

impl Plan {
    /// All steps but deletions.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.components.iter().flat_map(ComponentPlan::steps)
    }

    /// All deletions.
    pub fn deletions(&self) -> impl Iterator<Item = &Step> {
        self.prune.stages.iter().flatten()
    }

    /// Whether git names the object.
    pub fn names(&self, key: &ObjectKey) -> bool {
        self.named.contains(key)
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        !self.steps().any(|step| step.action.is_due()) && self.deletions().next().is_none()
    }

    /// How many steps there are of each action.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for step in self.steps().chain(self.deletions()) {
            *counts.entry(step.action.label()).or_default() += 1;
        }
        counts
    }
}
