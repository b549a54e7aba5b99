//! Where a byte came from.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// A line of a file of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct SourceLine {
    /// The file's path from the root of the repository.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The origin of a rendered field: the line that wrote it, and the lines that set the values which that line read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The template's line, or the plain manifest's.
    pub template: SourceLine,
    /// The lines that set the values read there, nearest first; empty for constant text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<SourceLine>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.template)?;
        for (index, value) in self.values.iter().enumerate() {
            write!(f, "{}{value}", if index == 0 { ", value from " } else { " and " })?;
        }
        Ok(())
    }
}
