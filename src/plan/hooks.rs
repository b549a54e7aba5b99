//! How far a component's hooks have come, and which are due. Pure.

use serde::{Deserialize, Serialize};

use crate::manifest::Digest;

/// Whether a component comes for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookCycle {
    /// It does.
    Install,
    /// It was there before.
    Upgrade,
}

/// What is remembered of a component's hooks: the content, as a digest, that they have run for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRecord {
    /// What they run for now, or ran for last.
    pub cycle: HookCycle,
    /// The content that those before the component have run for.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Digest>,
    /// The content that those after it have run for.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Digest>,
}

impl HookRecord {
    /// Of a component whose hooks have never run; it may have been there for long all the same.
    pub fn new(first: bool) -> Self {
        let cycle = if first { HookCycle::Install } else { HookCycle::Upgrade };
        Self { cycle, before: None, after: None }
    }

    /// Whether the hooks before the component, or after it, have run for this content.
    pub fn is_done(&self, after: bool, content: Digest) -> bool {
        (if after { self.after } else { self.before }) == Some(content)
    }

    /// The record with which the hooks before this content begin. An installation that never came to its end is one still.
    #[must_use]
    pub fn begun(mut self) -> Self {
        if self.after.is_some() {
            self.cycle = HookCycle::Upgrade;
        }
        self
    }

    /// Notes that they have run.
    pub fn note(&mut self, after: bool, content: Digest) {
        *(if after { &mut self.after } else { &mut self.before }) = Some(content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_run_once_for_a_content_and_upgrade_from_the_second_one_on() {
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        let mut record = HookRecord::new(true).begun();
        assert!(!record.is_done(false, one) && record.cycle == HookCycle::Install);
        record.note(false, one);
        assert!(record.is_done(false, one) && !record.is_done(true, one));
        record.note(true, one);
        assert!(record.is_done(true, one) && !record.is_done(false, two));
        record = record.begun();
        assert_eq!(record.cycle, HookCycle::Upgrade);
        record.note(false, two);
        record.note(true, two);
        assert!(!record.is_done(false, one), "what git said before is news again");
    }

    #[test]
    fn an_installation_that_failed_on_the_way_is_still_one() {
        let mut record = HookRecord::new(true).begun();
        record.note(false, Digest::of(b"one"));
        assert_eq!(record.begun().cycle, HookCycle::Install);
        assert_eq!(HookRecord::new(false).begun().cycle, HookCycle::Upgrade, "it was there before its hooks");
    }
}
