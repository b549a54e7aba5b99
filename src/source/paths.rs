//! Rules for paths that both kinds of snapshots share.

use crate::manifest::{EntryKind, FilesError};

use super::limits::ReadLimits;

/// The longest path, in bytes.
const PATH_LIMIT: usize = 4096;

/// The parts of a path from the root; none for the root itself. Refuses whatever could lead out of it.
pub(super) fn parts(path: &str) -> Result<Vec<&str>, FilesError> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = path.split('/').collect();
    let malformed =
        |part: &&str| part.is_empty() || *part == "." || *part == ".." || part.contains(['\0', '\\']);
    if path.len() > PATH_LIMIT || parts.iter().any(malformed) {
        let shown = path.get(..PATH_LIMIT.min(path.len())).unwrap_or_default();
        return Err(FilesError::OutsideRepository { path: shown.to_owned() });
    }
    Ok(parts)
}

pub(super) fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

pub(super) fn not_found(path: &str) -> FilesError {
    FilesError::NotFound { path: path.to_owned() }
}

pub(super) fn wrong_kind(path: &str, found: EntryKind, wanted: &'static str) -> FilesError {
    let found = match found {
        EntryKind::File => "a file",
        EntryKind::Folder => "a folder",
        EntryKind::Symlink => "a symbolic link (links are not followed)",
        EntryKind::Submodule => "a git submodule (its content is in another repository)",
    };
    FilesError::WrongKind { path: path.to_owned(), found, wanted }
}

pub(super) fn file_too_large(path: &str, size: u64, limits: &ReadLimits) -> FilesError {
    FilesError::TooLarge {
        path: path.to_owned(),
        what: format!("{size} bytes"),
        limit: format!("{} bytes", limits.file_bytes),
    }
}

pub(super) fn too_many(path: &str, limits: &ReadLimits) -> FilesError {
    FilesError::TooLarge {
        path: path.to_owned(),
        what: "the number of its files and folders".to_owned(),
        limit: format!("{}", limits.entries),
    }
}

pub(super) fn too_deep(path: &str, limits: &ReadLimits) -> FilesError {
    FilesError::TooLarge {
        path: path.to_owned(),
        what: "the depth of its folders".to_owned(),
        limit: format!("{}", limits.depth),
    }
}

pub(super) fn unreadable(path: &str, reason: &str) -> FilesError {
    FilesError::Unreadable { path: path.to_owned(), reason: reason.to_owned() }
}

/// Refuses a Git LFS pointer: what is in git is not what its author means
/// (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).
pub(super) fn refuse_pointer(path: &str, content: &[u8]) -> Result<(), FilesError> {
    if content.len() < 1024 && content.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Err(FilesError::WrongKind {
            path: path.to_owned(),
            found: "a Git LFS pointer (its content is not in git)",
            wanted: "a file kept in git itself",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_leave_the_root_is_refused() {
        for path in ["..", "a/../b", "/a", "a//b", "a/", "./a", "a\\..\\b", "a\0b", &"a/".repeat(5000)] {
            assert!(matches!(parts(path), Err(FilesError::OutsideRepository { .. })), "{path}");
        }
        assert_eq!(parts("a/b..c/d").unwrap(), ["a", "b..c", "d"]);
        assert!(parts("").unwrap().is_empty());
    }
}
