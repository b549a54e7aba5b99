//! A read-only view of one revision.

use std::sync::Arc;

use crate::manifest::{FileEntry, Files, FilesError};

use super::folder::FolderSnapshot;
use super::git_snapshot::GitSnapshot;
use super::revision::Revision;

/// The files of one revision. What it answers never changes.
#[derive(Debug)]
pub struct Snapshot {
    revision: Revision,
    view: View,
}

#[derive(Debug)]
pub(super) enum View {
    Git(GitSnapshot),
    Folder(FolderSnapshot),
}

impl Snapshot {
    pub(super) fn new(revision: Revision, view: View) -> Self {
        Self { revision, view }
    }

    /// The revision.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// Whether something in it turned out to be lost on this machine; it is fetched again at the next poll.
    pub(super) fn is_damaged(&self) -> bool {
        matches!(&self.view, View::Git(view) if view.is_damaged())
    }

    fn files(&self) -> &dyn Files {
        match &self.view {
            View::Git(view) => view,
            View::Folder(view) => view,
        }
    }
}

impl Files for Snapshot {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        self.files().entry(path)
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        self.files().read(path)
    }

    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        self.files().walk(folder)
    }

    fn list(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        self.files().list(folder)
    }
}
