//! The state of a working folder, as a snapshot that does not change while people go on typing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use git2::{ObjectType, Oid, Repository};
use sha2::{Digest as _, Sha256};

use crate::manifest::{EntryKind, FileEntry, Files, FilesError};

use super::digest::hex;
use super::error::SourceError;
use super::limits::ReadLimits;
use super::paths;

/// Files up to this size are kept in memory by the snapshot that saw them.
const KEPT_FILE: usize = 1 << 20;
/// The most that one snapshot keeps, in bytes.
const KEPT_TOTAL: usize = 64 << 20;
/// A file written so short a time before it was read may be written again without a newer time stamp.
const RACY: Duration = Duration::from_secs(2);

/// Reads a working folder again and again, and remembers what did not change in between.
pub(super) struct Folder {
    root: PathBuf,
    /// The folder's own git repository, asked for what `.gitignore` leaves out.
    repository: Option<Repository>,
    limits: ReadLimits,
    known: HashMap<String, Known>,
}

/// A file as it was last read.
#[derive(Clone)]
struct Known {
    stat: Stat,
    id: Arc<str>,
    content: Option<Arc<[u8]>>,
}

/// What tells whether a file is still the one that was read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stat {
    modified: SystemTime,
    size: u64,
    inode: u64,
}

/// What a scan found.
pub(super) struct Scan {
    pub(super) snapshot: FolderSnapshot,
    /// The folders to watch, the root first.
    pub(super) folders: HashSet<PathBuf>,
    /// A digest over everything, hex.
    pub(super) digest: String,
}

impl Folder {
    pub(super) fn open(path: &Path, limits: ReadLimits) -> Result<Self, SourceError> {
        let root = fs::canonicalize(path).map_err(|error| folder_error(path, &error))?;
        if !root.is_dir() {
            return Err(SourceError::Folder { path: root, reason: "is no folder".to_owned() });
        }
        super::limits::set_library_limits();
        let repository = Repository::open(&root).ok();
        Ok(Self { root, repository, limits, known: HashMap::new() })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Reads what has changed since the last scan.
    pub(super) fn scan(&mut self) -> Result<Scan, SourceError> {
        let mut scan = Scanner {
            folder: self,
            entries: BTreeMap::new(),
            fresh: HashMap::new(),
            folders: HashSet::new(),
            seen: 0,
            kept: 0,
        };
        let root = scan.folder.root.clone();
        let digest = scan.enter(&root, "", 0)?;
        let Scanner { entries, fresh, folders, .. } = scan;
        self.known = fresh;
        let digest = digest.to_string();
        let snapshot = FolderSnapshot { root, digest: digest.clone(), entries, limits: self.limits };
        Ok(Scan { snapshot, folders, digest })
    }

    fn is_ignored(&self, path: &str) -> bool {
        // A rule for folders only matches with the slash.
        self.repository.as_ref().is_some_and(|repository| repository.is_path_ignored(path).unwrap_or(false))
    }
}

/// Whether a name is never part of a revision: git's own, and what editors leave beside a file while it is being edited.
pub(super) fn is_noise(name: &str) -> bool {
    name == ".git"
        || name == "4913"
        || name == ".DS_Store"
        || name.ends_with('~')
        || name.starts_with(".#")
        || (name.starts_with('#') && name.ends_with('#'))
        || name.contains("___jb_")
        || (name.starts_with('.')
            && Path::new(name)
                .extension()
                .is_some_and(|ext| ["swp", "swo", "swx"].iter().any(|swap| ext == *swap)))
}

#[derive(Debug)]
struct Node {
    kind: EntryKind,
    id: Arc<str>,
    size: u64,
    content: Option<Arc<[u8]>>,
}

struct Scanner<'a> {
    folder: &'a Folder,
    entries: BTreeMap<String, Node>,
    fresh: HashMap<String, Known>,
    folders: HashSet<PathBuf>,
    seen: usize,
    kept: usize,
}

impl Scanner<'_> {
    fn enter(&mut self, path: &Path, relative: &str, depth: usize) -> Result<Arc<str>, SourceError> {
        let limits = self.folder.limits;
        if depth > limits.depth {
            return Err(too_much(path, &format!("lies deeper than {} folders", limits.depth)));
        }
        self.folders.insert(path.to_owned());
        let mut children: Vec<(String, PathBuf)> = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| folder_error(path, &error))? {
            let entry = entry.map_err(|error| folder_error(path, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_noise(&name) {
                continue;
            }
            children.push((name, entry.path()));
            self.seen += 1;
            if self.seen > limits.entries {
                return Err(too_much(
                    &self.folder.root,
                    &format!("holds more than {} files and folders", limits.entries),
                ));
            }
        }
        children.sort_unstable();
        let mut digest = Sha256::new();
        for (name, path) in children {
            let relative = paths::joined(relative, &name);
            let Some(node) = self.node(&path, &relative, depth)? else { continue };
            digest.update([kind_byte(node.kind)]);
            for part in [name.as_bytes(), node.id.as_bytes()] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
            self.entries.insert(relative, node);
        }
        Ok(hex(&digest.finalize(), 20).into())
    }

    /// `None` for what is gone again, is ignored by git, or is neither file nor folder nor link.
    fn node(&mut self, path: &Path, relative: &str, depth: usize) -> Result<Option<Node>, SourceError> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(folder_error(path, &error)),
        };
        let kind = metadata.file_type();
        let with_slash = if kind.is_dir() { format!("{relative}/") } else { relative.to_owned() };
        if self.folder.is_ignored(&with_slash) {
            return Ok(None);
        }
        if kind.is_dir() {
            if path.join(".git").symlink_metadata().is_ok() {
                return Ok(Some(Node {
                    kind: EntryKind::Submodule,
                    id: "submodule".into(),
                    size: 0,
                    content: None,
                }));
            }
            let id = match self.enter(path, relative, depth + 1) {
                Err(SourceError::Folder { .. }) if !path.exists() => return Ok(None),
                result => result?,
            };
            return Ok(Some(Node { kind: EntryKind::Folder, id, size: 0, content: None }));
        }
        if kind.is_symlink() {
            let target = fs::read_link(path).unwrap_or_default();
            let id = blob_id(target.to_string_lossy().as_bytes());
            return Ok(Some(Node { kind: EntryKind::Symlink, id, size: 0, content: None }));
        }
        if !kind.is_file() {
            return Ok(None);
        }
        let Some(known) = self.file(path, relative, &metadata)? else { return Ok(None) };
        Ok(Some(Node { kind: EntryKind::File, id: known.id, size: known.stat.size, content: known.content }))
    }

    fn file(
        &mut self,
        path: &Path,
        relative: &str,
        metadata: &Metadata,
    ) -> Result<Option<Known>, SourceError> {
        let stat = Stat::of(metadata);
        let known = match self.folder.known.get(relative).filter(|known| known.stat == stat) {
            Some(known) => known.clone(),
            None => match read_file(path, &self.folder.limits) {
                Ok(known) => known,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(folder_error(path, &error)),
            },
        };
        let mut known = known;
        let size = known.content.as_ref().map_or(0, |content| content.len());
        if self.kept + size > KEPT_TOTAL {
            known.content = None;
        } else {
            self.kept += size;
        }
        // Read too soon after it was written: not to be trusted the next time.
        if known.stat.modified.elapsed().is_ok_and(|age| age > RACY) {
            self.fresh.insert(relative.to_owned(), known.clone());
        }
        Ok(Some(known))
    }
}

/// Reads a file until it holds still. One over the limit gets an id of its size and time, and is refused when it is read.
fn read_file(path: &Path, limits: &ReadLimits) -> io::Result<Known> {
    for _ in 0..3 {
        let mut file = File::open(path)?;
        let before = Stat::of(&file.metadata()?);
        if before.size > limits.file_bytes {
            let stamp = before.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
            let id = blob_id(format!("{} {stamp} {}", before.size, before.inode).as_bytes());
            return Ok(Known { stat: before, id, content: None });
        }
        let mut content = Vec::new();
        file.by_ref().take(limits.file_bytes + 1).read_to_end(&mut content)?;
        if before == Stat::of(&file.metadata()?) && before.size == content.len() as u64 {
            let id = blob_id(&content);
            let content = (content.len() <= KEPT_FILE).then(|| content.into());
            return Ok(Known { stat: before, id, content });
        }
    }
    Err(io::Error::other("is being written all the time"))
}

impl Stat {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), size: metadata.len(), inode }
    }
}

/// One state of a working folder. File ids are those that git would give.
#[derive(Debug)]
pub(super) struct FolderSnapshot {
    root: PathBuf,
    digest: String,
    entries: BTreeMap<String, Node>,
    limits: ReadLimits,
}

impl FolderSnapshot {
    fn find(&self, path: &str) -> Result<Option<&Node>, FilesError> {
        let parts = paths::parts(path)?;
        let mut here = String::new();
        for part in parts.iter().take(parts.len().saturating_sub(1)) {
            here = paths::joined(&here, part);
            match self.entries.get(&here).map(|node| node.kind) {
                Some(EntryKind::Folder) => {}
                None | Some(EntryKind::File) => return Ok(None),
                Some(kind) => return Err(paths::wrong_kind(&here, kind, "a folder")),
            }
        }
        Ok(self.entries.get(path))
    }

    fn below(&self, folder: &str) -> Result<impl Iterator<Item = (&String, &Node)>, FilesError> {
        if !folder.is_empty() {
            match self.find(folder)? {
                Some(node) if node.kind == EntryKind::Folder => {}
                Some(node) => return Err(paths::wrong_kind(folder, node.kind, "a folder")),
                None => return Err(paths::not_found(folder)),
            }
        }
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Ok(self.entries.range(prefix.clone()..).take_while(move |(path, _)| path.starts_with(&prefix)))
    }
}

impl Files for FolderSnapshot {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        if path.is_empty() {
            let id = self.digest.clone();
            return Ok(Some(FileEntry { path: String::new(), kind: EntryKind::Folder, id, size: 0 }));
        }
        Ok(self.find(path)?.map(|node| describe(path, node)))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        let node = match self.find(path)? {
            Some(node) if node.kind == EntryKind::File => node,
            Some(node) => return Err(paths::wrong_kind(path, node.kind, "a file")),
            None if path.is_empty() => return Err(paths::wrong_kind(path, EntryKind::Folder, "a file")),
            None => return Err(paths::not_found(path)),
        };
        if node.size > self.limits.file_bytes {
            return Err(paths::file_too_large(path, node.size, &self.limits));
        }
        let content = match &node.content {
            Some(content) => Arc::clone(content),
            None => read_file(&self.root.join(path), &self.limits)
                .ok()
                .filter(|known| known.id == node.id)
                .and_then(|known| {
                    known.content.or_else(|| fs::read(self.root.join(path)).ok().map(Into::into))
                })
                .filter(|content| blob_id(content) == node.id)
                .ok_or_else(|| {
                    paths::unreadable(path, "it has changed since: the next revision is on its way")
                })?,
        };
        paths::refuse_pointer(path, &content)?;
        Ok(content)
    }

    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let files = self.below(folder)?.filter(|(_, node)| node.kind != EntryKind::Folder);
        Ok(files.map(|(path, node)| describe(path, node)).collect())
    }

    fn list(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let from = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let direct = self.below(folder)?.filter(|(path, _)| !path[from..].contains('/'));
        Ok(direct.map(|(path, node)| describe(path, node)).collect())
    }
}

fn describe(path: &str, node: &Node) -> FileEntry {
    FileEntry { path: path.to_owned(), kind: node.kind, id: node.id.to_string(), size: node.size }
}

fn kind_byte(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::File => b'f',
        EntryKind::Folder => b'd',
        EntryKind::Symlink => b'l',
        EntryKind::Submodule => b's',
    }
}

fn blob_id(content: &[u8]) -> Arc<str> {
    match Oid::hash_object(ObjectType::Blob, content) {
        Ok(id) => id.to_string().into(),
        // Cannot fail for a blob; any digest of the content would do.
        Err(_) => hex(&Sha256::digest(content), 20).into(),
    }
}

fn too_much(path: &Path, what: &str) -> SourceError {
    SourceError::Folder {
        path: path.to_owned(),
        reason: format!("{what}: watch a smaller folder, or leave some out in .gitignore"),
    }
}

fn folder_error(path: &Path, error: &io::Error) -> SourceError {
    SourceError::Folder { path: path.to_owned(), reason: error.to_string() }
}
