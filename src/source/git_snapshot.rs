//! One commit, read straight from git's object database.

use std::sync::Arc;

use git2::{ErrorCode, ObjectType, Oid};

use crate::manifest::{EntryKind, FileEntry, Files, FilesError};

use super::clone::BareClone;
use super::limits::ReadLimits;
use super::paths;
use super::tree::{TREE_BYTES, Tree, TreeEntry, TreeError};

/// The files of one commit. Content ids are git's.
#[derive(Debug)]
pub(super) struct GitSnapshot {
    clone: Arc<BareClone>,
    root: Oid,
    limits: ReadLimits,
}

impl GitSnapshot {
    /// The commit whose root tree is `root`.
    pub(super) fn new(clone: Arc<BareClone>, root: Oid, limits: ReadLimits) -> Self {
        Self { clone, root, limits }
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.clone.is_damaged()
    }

    fn failed(&self, path: &str, error: &git2::Error) -> FilesError {
        // All that a commit leads to was fetched with it, so what is missing or broken now was lost on this machine.
        self.clone.mark_damaged();
        paths::unreadable(path, &format!("{} (the clone is made anew at the next poll)", error.message()))
    }

    fn tree(&self, path: &str, id: Oid) -> Result<Arc<Tree>, FilesError> {
        if let Some(tree) = self.clone.cached_tree(id) {
            return Ok(tree);
        }
        let mut too_large = None;
        let tree = self.clone.with(|repository| match Tree::read(repository, id) {
            Ok(tree) => Ok(Some(Arc::new(tree))),
            Err(TreeError::TooLarge(size)) => {
                too_large = Some(size);
                Ok(None)
            }
            Err(TreeError::Git(error)) => Err(error),
        });
        match tree.map_err(|error| self.failed(path, &error))? {
            Some(tree) => {
                self.clone.keep_tree(id, &tree);
                Ok(tree)
            }
            None => Err(FilesError::TooLarge {
                path: path.to_owned(),
                what: format!("a list of files of {} bytes", too_large.unwrap_or_default()),
                limit: format!("{TREE_BYTES} bytes"),
            }),
        }
    }

    /// Finds what lies at `path`. Links and submodules on the way are errors, never entered.
    fn find(&self, path: &str) -> Result<Option<TreeEntry>, FilesError> {
        let mut found = TreeEntry { name: "".into(), kind: EntryKind::Folder, id: self.root };
        let mut at = 0;
        for part in paths::parts(path)? {
            let here = path.get(..at).unwrap_or_default().trim_end_matches('/');
            match found.kind {
                EntryKind::Folder => {}
                EntryKind::File => return Ok(None),
                kind => return Err(paths::wrong_kind(here, kind, "a folder")),
            }
            match self.tree(here, found.id)?.get(part) {
                Some(entry) => found = entry.clone(),
                None => return Ok(None),
            }
            at += part.len() + 1;
        }
        Ok(Some(found))
    }

    fn folder_id(&self, path: &str) -> Result<Oid, FilesError> {
        match self.find(path)? {
            Some(entry) if entry.kind == EntryKind::Folder => Ok(entry.id),
            Some(entry) => Err(paths::wrong_kind(path, entry.kind, "a folder")),
            None => Err(paths::not_found(path)),
        }
    }

    fn describe(&self, path: String, entry: &TreeEntry) -> Result<FileEntry, FilesError> {
        let size = if entry.kind == EntryKind::File { self.size(&path, entry.id)? } else { 0 };
        Ok(FileEntry { path, kind: entry.kind, id: entry.id.to_string(), size })
    }

    fn size(&self, path: &str, id: Oid) -> Result<u64, FilesError> {
        let header = self.clone.with(|repository| repository.odb()?.read_header(id));
        header.map(|(size, _)| size as u64).map_err(|error| self.failed(path, &error))
    }
}

impl Files for GitSnapshot {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        self.find(path)?.map(|entry| self.describe(path.to_owned(), &entry)).transpose()
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        let entry = self.find(path)?.ok_or_else(|| paths::not_found(path))?;
        if entry.kind != EntryKind::File {
            return Err(paths::wrong_kind(path, entry.kind, "a file"));
        }
        let content = self.clone.with(|repository| {
            let odb = repository.odb()?;
            let (size, kind) = odb.read_header(entry.id)?;
            if kind != ObjectType::Blob {
                return Err(git2::Error::new(ErrorCode::Invalid, git2::ErrorClass::Object, "it is no blob"));
            }
            if size as u64 > self.limits.file_bytes {
                return Ok(Err(paths::file_too_large(path, size as u64, &self.limits)));
            }
            Ok(Ok(Arc::<[u8]>::from(odb.read(entry.id)?.data())))
        });
        let content = content.map_err(|error| self.failed(path, &error))??;
        paths::refuse_pointer(path, &content)?;
        Ok(content)
    }

    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let mut found = Vec::new();
        let mut seen = 0;
        // A tree is read when its turn comes: never more of them at once than the limit lets through.
        let mut open = vec![(folder.to_owned(), self.folder_id(folder)?, 0)];
        while let Some((path, id, depth)) = open.pop() {
            let tree = self.tree(&path, id)?;
            seen += tree.len();
            if seen > self.limits.entries {
                return Err(paths::too_many(folder, &self.limits));
            }
            for entry in tree.iter() {
                let child = paths::joined(&path, &entry.name);
                if entry.kind != EntryKind::Folder {
                    found.push(self.describe(child, entry)?);
                } else if depth == self.limits.depth {
                    return Err(paths::too_deep(folder, &self.limits));
                } else {
                    open.push((child, entry.id, depth + 1));
                }
            }
        }
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn list(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let tree = self.tree(folder, self.folder_id(folder)?)?;
        if tree.len() > self.limits.entries {
            return Err(paths::too_many(folder, &self.limits));
        }
        tree.iter().map(|entry| self.describe(paths::joined(folder, &entry.name), entry)).collect()
    }
}
