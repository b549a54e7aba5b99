//! Git trees, read within limits.

use git2::{ObjectType, Oid, Repository};

use crate::manifest::EntryKind;

/// The largest tree object read, in bytes: about 700,000 entries in one folder.
pub(super) const TREE_BYTES: usize = 32 << 20;

/// One folder of a commit, in byte order of its names.
#[derive(Debug)]
pub(super) struct Tree(Vec<TreeEntry>);

/// One entry of a folder. Names that are not UTF-8 are kept readable, and cannot be opened.
#[derive(Clone, Debug)]
pub(super) struct TreeEntry {
    pub(super) name: Box<str>,
    pub(super) kind: EntryKind,
    pub(super) id: Oid,
}

/// Why a tree is not there to be read.
pub(super) enum TreeError {
    /// The tree object has this many bytes.
    TooLarge(usize),
    /// The object database failed.
    Git(git2::Error),
}

impl From<git2::Error> for TreeError {
    fn from(error: git2::Error) -> Self {
        Self::Git(error)
    }
}

impl Tree {
    pub(super) fn read(repository: &Repository, id: Oid) -> Result<Self, TreeError> {
        let (size, _) = repository.odb()?.read_header(id)?;
        if size > TREE_BYTES {
            return Err(TreeError::TooLarge(size));
        }
        let tree = repository.find_tree(id)?;
        let mut entries: Vec<TreeEntry> = tree
            .iter()
            .map(|entry| TreeEntry {
                name: String::from_utf8_lossy(entry.name_bytes()).into(),
                kind: kind(entry.kind(), entry.filemode()),
                id: entry.id(),
            })
            .collect();
        // Git orders folders as if their names ended in a slash.
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(Self(entries))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, name: &str) -> Option<&TreeEntry> {
        let at = self.0.binary_search_by(|entry| (*entry.name).cmp(name)).ok()?;
        self.0.get(at)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, TreeEntry> {
        self.0.iter()
    }
}

fn kind(object: Option<ObjectType>, mode: i32) -> EntryKind {
    match (object, mode & 0o170_000) {
        (Some(ObjectType::Tree), _) => EntryKind::Folder,
        (Some(ObjectType::Commit), _) => EntryKind::Submodule,
        (_, 0o120_000) => EntryKind::Symlink,
        _ => EntryKind::File,
    }
}
