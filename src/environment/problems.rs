//! What was found wrong so far.

use std::sync::Arc;

use super::{EnvironmentError, Place};
use crate::helm::yaml::Mark;

/// Errors of one file, in the order of their places in the end.
pub(crate) struct Problems {
    file: Arc<str>,
    found: Vec<EnvironmentError>,
    more: usize,
}

impl Problems {
    /// More than this help nobody.
    const LIMIT: usize = 100;

    pub fn new(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), found: Vec::new(), more: 0 }
    }

    /// Notes what is wrong, where, and what to write instead.
    pub fn add(&mut self, mark: Mark, what: String, remedy: String) {
        if self.found.len() < Self::LIMIT {
            let place = Place::new(&self.file, mark);
            self.found.push(EnvironmentError::Invalid { place, what, remedy });
        } else {
            self.more += 1;
        }
    }

    /// All of them, by place.
    pub fn into_errors(mut self) -> Vec<EnvironmentError> {
        self.found.sort_by(|a, b| a.place().cmp(&b.place()));
        if let (Some(last), true) =
            (self.found.last().and_then(EnvironmentError::place).cloned(), self.more > 0)
        {
            let what = format!("{} more problems are not listed", self.more);
            let remedy = "correct those above first".to_owned();
            self.found.push(EnvironmentError::Invalid { place: last, what, remedy });
        }
        self.found
    }
}
