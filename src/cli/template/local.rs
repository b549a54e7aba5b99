//! A folder of this machine as files to render from.
//!
//! Unlike a revision's files, symbolic links are followed, as Helm does: it is the user's own folder, read by the user.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::manifest::{Content, EntryKind, FileEntry, Files, FilesError};

/// How many files a chart's folder may hold, and how deep folders may lie in each other.
const MAX_FILES: usize = 100_000;
const MAX_DEPTH: usize = 64;

/// A symbolic link.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Its path below the folder.
    pub(super) path: String,
    /// Where it leads to; the error is the first folder or file on the way that is not there.
    pub(super) target: Result<String, String>,
}

/// The files below a folder.
#[derive(Debug)]
pub struct LocalFiles {
    root: PathBuf,
    /// The symbolic links, with the files that they lead to, or what is not there.
    links: Mutex<Vec<Link>>,
    /// What could not be read when it was asked for.
    failed: Arc<Mutex<Option<FilesError>>>,
}

impl LocalFiles {
    /// The files below this folder.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), links: Mutex::default(), failed: Arc::default() }
    }

    /// The symbolic links that were met, in the order of their paths.
    pub(super) fn links(&self) -> Vec<Link> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner).clone();
        links.sort_by(|left, right| left.path.split('/').cmp(right.path.split('/')));
        links
    }

    /// The first error of a file that was there, and was gone when it was asked for.
    pub(super) fn failed(&self) -> Option<FilesError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn place(&self, path: &str) -> Result<PathBuf, FilesError> {
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return Err(FilesError::OutsideRepository { path: path.to_owned() });
        }
        Ok(if path.is_empty() { self.root.clone() } else { self.root.join(path) })
    }

    fn collect(&self, folder: &str, depth: usize, found: &mut Vec<FileEntry>) -> Result<(), FilesError> {
        if depth > MAX_DEPTH {
            return Err(too_large(folder, "the depth of its folders", MAX_DEPTH));
        }
        for entry in self.list(folder)? {
            if entry.kind == EntryKind::Folder {
                self.collect(&entry.path, depth + 1, found)?;
            } else if found.len() < MAX_FILES {
                found.push(entry);
            } else {
                return Err(too_large(folder, "the number of files", MAX_FILES));
            }
        }
        Ok(())
    }
}

/// The first folder or file that is not there on the way along a path and the links on it.
fn missing(path: &Path) -> PathBuf {
    const MOST_LINKS: usize = 255;
    let mut links = 0;
    let mut rest: Vec<OsString> =
        path.components().rev().map(|part| part.as_os_str().to_os_string()).collect();
    let mut at = PathBuf::new();
    while let Some(part) = rest.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        at.push(part);
        match fs::read_link(&at) {
            Ok(target) if links < MOST_LINKS => {
                links += 1;
                at.pop();
                rest.extend(target.components().rev().map(|part| part.as_os_str().to_os_string()));
            }
            _ if fs::symlink_metadata(&at).is_err() => return at,
            _ => {}
        }
    }
    at
}

fn too_large(path: &str, what: &str, limit: usize) -> FilesError {
    FilesError::TooLarge { path: path.to_owned(), what: what.to_owned(), limit: limit.to_string() }
}

fn unreadable(path: &str, error: &std::io::Error) -> FilesError {
    if error.kind() == std::io::ErrorKind::NotFound {
        FilesError::NotFound { path: path.to_owned() }
    } else {
        FilesError::Unreadable { path: path.to_owned(), reason: error.to_string() }
    }
}

impl Files for LocalFiles {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        let metadata = match fs::metadata(self.place(path)?) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(path, &error)),
        };
        let (kind, size) = if metadata.is_dir() {
            (EntryKind::Folder, 0)
        } else if metadata.is_file() {
            (EntryKind::File, metadata.len())
        } else {
            return Err(FilesError::WrongKind {
                path: path.to_owned(),
                found: "a device or a socket",
                wanted: "a file",
            });
        };
        Ok(Some(FileEntry { path: path.to_owned(), kind, id: String::new(), size }))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        fs::read(self.place(path)?).map(Arc::from).map_err(|error| unreadable(path, &error))
    }

    fn read_later(&self, path: &str) -> Result<Content, FilesError> {
        let place = self.place(path)?;
        // Who may not read it is told so now, as Helm does.
        fs::File::open(&place).map_err(|error| unreadable(path, &error))?;
        let (path, failed) = (path.to_owned(), Arc::clone(&self.failed));
        Ok(Content::Later(Arc::new(move || {
            fs::read(&place).map_or_else(
                |error| {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.get_or_insert_with(|| unreadable(&path, &error));
                    Arc::default()
                },
                Arc::from,
            )
        })))
    }

    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let mut found = Vec::new();
        self.collect(folder, 0, &mut found)?;
        found.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(found)
    }

    fn list(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let entries = fs::read_dir(self.place(folder)?).map_err(|error| unreadable(folder, &error))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(folder, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                let place = self.root.join(&path);
                let text = |path: PathBuf| path.to_string_lossy().into_owned();
                let target = fs::canonicalize(&place).map(text).map_err(|_| text(missing(&place)));
                let link = Link { path: path.clone(), target };
                self.links.lock().unwrap_or_else(PoisonError::into_inner).push(link);
            }
            // A link to nothing is told where it is read, unless .helmignore leaves it out.
            let entry = self.entry(&path)?.unwrap_or(FileEntry {
                path,
                kind: EntryKind::Symlink,
                id: String::new(),
                size: 0,
            });
            found.push(entry);
        }
        found.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_vanished_before_it_was_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.txt");
        fs::write(&place, "a").unwrap();
        let files = LocalFiles::new(folder.path());
        let content = files.read_later("a.txt").unwrap();
        assert_eq!(&*content.bytes(), b"a");
        assert!(files.failed().is_none());
        fs::remove_file(&place).unwrap();
        assert!(content.bytes().is_empty());
        assert!(matches!(files.failed(), Some(FilesError::NotFound { path }) if path == "a.txt"));
        assert!(files.read_later("a.txt").is_err());
    }
}
