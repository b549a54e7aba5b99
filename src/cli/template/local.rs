//! A folder of this machine as files to render from.
//!
//! Unlike a revision's files, symbolic links are followed, as Helm does: it is the user's own folder, read by the user.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::manifest::{EntryKind, FileEntry, Files, FilesError};

/// How many files a chart's folder may hold, and how deep folders may lie in each other.
const MAX_FILES: usize = 100_000;
const MAX_DEPTH: usize = 64;

/// The files below a folder.
#[derive(Debug)]
pub struct LocalFiles {
    root: PathBuf,
    /// The symbolic links that were followed, with the files that they lead to.
    links: Mutex<Vec<(String, String)>>,
}

impl LocalFiles {
    /// The files below this folder.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), links: Mutex::default() }
    }

    /// The symbolic links that were followed, in the order of their paths, and where they lead to.
    pub(super) fn links(&self) -> Vec<(String, String)> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner).clone();
        links.sort_by(|(left, _), (right, _)| left.split('/').cmp(right.split('/')));
        links
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
            if entry.file_type().is_ok_and(|kind| kind.is_symlink())
                && let Ok(target) = fs::canonicalize(self.root.join(&path))
            {
                let link = self.root.join(&path);
                let link = (link.to_string_lossy().into_owned(), target.to_string_lossy().into_owned());
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
