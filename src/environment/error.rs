//! What can be wrong with an environment's file, and where.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::helm::yaml::Mark;
use crate::manifest::FilesError;

/// A place in a file of the repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file's path from the root of the repository.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Place {
    pub(super) fn new(file: &Arc<str>, mark: Mark) -> Self {
        // Some errors of a YAML reader have no place: the beginning is as good as any.
        Self { file: Arc::clone(file), line: mark.line.max(1), column: mark.column.max(1) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Something that is wrong with an environment.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// No folder of that name.
    #[error("there is no environment `{name}`: no file {file}; {remedy}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The file that should be there.
        file: String,
        /// What to do.
        remedy: String,
    },
    /// The file says something that cannot be.
    #[error("{place}: {what}; {remedy}")]
    Invalid {
        /// Where.
        place: Place,
        /// What is wrong.
        what: String,
        /// What to write instead.
        remedy: String,
    },
    /// A file or folder could not be read.
    #[error(transparent)]
    Files(#[from] FilesError),
}

impl EnvironmentError {
    /// Where the problem is, if it is in the file.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Invalid { place, .. } => Some(place),
            Self::Unknown { .. } | Self::Files(_) => None,
        }
    }
}

/// Components that wait for each other, in a ring: the first one again at the end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("components wait for each other: {}", .0.join(" -> "))]
pub struct DependencyCycle(pub Vec<String>);

/// A chart from elsewhere that the lock does not pin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file}:{line}: {chart} {version} of {repository} is not pinned in {lock}: run `mooring chart update {environment} \
     {component}` and commit what it writes"
)]
pub struct Unpinned {
    /// The environment's file.
    pub file: Arc<str>,
    /// The line of the chart in it.
    pub line: u32,
    /// The chart's name.
    pub chart: String,
    /// The version or range.
    pub version: String,
    /// The repository.
    pub repository: String,
    /// The lock's path.
    pub lock: String,
    /// The environment.
    pub environment: String,
    /// The component.
    pub component: String,
}
