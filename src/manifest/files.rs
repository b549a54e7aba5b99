//! A read-only view of the files of one revision, as rendering sees it.

use std::fmt;
use std::sync::Arc;

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link: never followed.
    Symlink,
    /// A git submodule: its content is not in this repository.
    Submodule,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// The path from the root, with `/` between its parts.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// The content id in hex (a git blob's or tree's): equal ids mean equal content, so it keys caches.
    pub id: String,
    /// The size in bytes; 0 for anything but files.
    pub size: u64,
}

/// The bytes of a file, read or to be read each time when they are asked for.
#[derive(Clone)]
pub enum Content {
    /// The bytes.
    Read(Arc<[u8]>),
    /// Who reads them.
    Later(Arc<dyn Fn() -> Arc<[u8]> + Send + Sync>),
}

impl Content {
    /// The bytes.
    pub fn bytes(&self) -> Arc<[u8]> {
        match self {
            Self::Read(data) => Arc::clone(data),
            Self::Later(read) => read(),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(data) => write!(f, "Read({} bytes)", data.len()),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// Why a file could not be read. Paths are from the root of the repository.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// There is nothing at this path.
    #[error("{path}: no such file or folder in this revision")]
    NotFound {
        /// The path asked for.
        path: String,
    },
    /// The path leaves the repository or is malformed.
    #[error(
        "{path}: the path must stay inside the repository: use one without `..` and without a leading `/`"
    )]
    OutsideRepository {
        /// The path asked for.
        path: String,
    },
    /// A file where a folder was expected, a symlink, a submodule, an LFS pointer...
    #[error("{path}: is {found}, {wanted} is needed")]
    WrongKind {
        /// The path asked for.
        path: String,
        /// What it is, with its article: `a symbolic link`.
        found: &'static str,
        /// What would have been right, with its article: `a file`.
        wanted: &'static str,
    },
    /// Over a limit.
    #[error("{path}: {what} exceeds the limit of {limit}")]
    TooLarge {
        /// The path asked for.
        path: String,
        /// What is too large: `10485761 bytes`, `20001 files`.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// A file from elsewhere that cannot be had now; it may be there later.
    #[error("{reason}")]
    Elsewhere {
        /// What was tried, and what was wrong with it.
        reason: String,
    },
    /// The store failed underneath.
    #[error("{path}: cannot be read: {reason}")]
    Unreadable {
        /// The path asked for.
        path: String,
        /// The store's own words.
        reason: String,
    },
}

/// A read-only, unchanging view of one revision's files. Implemented by `source` over git's object database and over a
/// watched folder, and by [`crate::manifest::Files`] users' tests over a map.
///
/// Paths are relative to the root, separated by `/`; `""` is the root. Implementations refuse `..`, absolute paths and
/// symbolic links, and bound the size of a file and the number of entries of a walk.
pub trait Files: Send + Sync {
    /// What lies at `path`; `None` if nothing does.
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError>;
    /// The bytes of the file at `path`.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError>;
    /// The same for a file that may never be looked at, such as a chart's CRDs.
    fn read_later(&self, path: &str) -> Result<Content, FilesError> {
        self.read(path).map(Content::Read)
    }
    /// All files (not folders) under `folder`, recursively, in byte order of their paths. Symbolic links and submodules are
    /// listed with their kind, and never entered.
    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError>;
    /// The direct children of `folder`, in byte order.
    fn list(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError>;
}
