//! The bare clone of one remote on this machine: an object database without a work tree.
//!
//! ```text
//! <state>/git/<digest of the address>/lock        held while a process uses this folder
//!                                     clone-7/    the clone; a damaged or overgrown one is replaced by clone-8
//! ```
//!
//! A replaced clone stays on disk until the last snapshot that reads from it is gone. What a crash leaves behind is
//! either complete (packs appear by a rename) or ignored, and swept at the next start.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use git2::{Oid, Repository, RepositoryInitOptions};
use sha2::{Digest as _, Sha256};

use super::address::Address;
use super::digest::hex;
use super::error::SourceError;
use super::tree::Tree;

/// How many processes may each have a clone of the same remote in one state folder.
const PROCESSES: usize = 16;
/// How many repositories are kept open for reading.
const IDLE_LIMIT: usize = 4;
/// The most tree entries kept in memory, about 100 bytes each.
const TREE_ENTRIES: usize = 40_000;
/// From this number of packs on, a clone is replaced by one with a single pack.
const PACK_LIMIT: usize = 48;

/// The clones of one remote: one in use, and the right to make the next.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    remote: String,
    current: Arc<BareClone>,
    generation: u64,
    _lock: File,
}

impl Store {
    /// Opens or makes the clone of `remote` under `state`.
    pub(super) fn open(state: &Path, remote: &Address) -> Result<Self, SourceError> {
        super::limits::set_library_limits();
        let digest = Sha256::digest(remote.to_string().as_bytes());
        let name = hex(&digest, 8);
        let (folder, lock) = Self::lock(&state.join("git"), &name)?;
        let mut generations = generations(&folder)?;
        generations.sort_unstable();
        let generation = generations.last().copied().unwrap_or(0);
        for old in generations.iter().filter(|old| **old != generation) {
            remove(&clone_path(&folder, *old));
        }
        let path = clone_path(&folder, generation);
        let (current, generation) = match BareClone::open(&path) {
            Ok(clone) => (clone, generation),
            Err(error) => {
                if path.exists() {
                    tracing::warn!(remote = %remote, folder = %path.display(), %error, "the clone is damaged: cloning again");
                    remove(&path);
                }
                (BareClone::create(&clone_path(&folder, generation + 1))?, generation + 1)
            }
        };
        Ok(Self { folder, remote: remote.to_string(), current: Arc::new(current), generation, _lock: lock })
    }

    /// Finds a folder that no other process uses: two of them must not sweep each other's clones.
    fn lock(parent: &Path, name: &str) -> Result<(PathBuf, File), SourceError> {
        let failed = |path: &Path, error: &std::io::Error| state_error(path, error);
        for number in 0..PROCESSES {
            let folder =
                if number == 0 { parent.join(name) } else { parent.join(format!("{name}-{}", number + 1)) };
            fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
            let path = folder.join("lock");
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .map_err(|error| failed(&path, &error))?;
            match file.try_lock() {
                Ok(()) => return Ok((folder, file)),
                Err(fs::TryLockError::WouldBlock) => {}
                Err(fs::TryLockError::Error(error)) => return Err(failed(&path, &error)),
            }
        }
        Err(SourceError::State {
            path: parent.join(name),
            reason: format!(
                "{PROCESSES} processes use clones of this remote already; give this one a state folder"
            ),
        })
    }

    pub(super) fn current(&self) -> Arc<BareClone> {
        Arc::clone(&self.current)
    }

    /// Puts an empty clone in the place of `old`, unless somebody else has done so already.
    pub(super) fn replace_damaged(
        &mut self,
        old: &Arc<BareClone>,
        why: &str,
    ) -> Result<Arc<BareClone>, SourceError> {
        if Arc::ptr_eq(old, &self.current) {
            tracing::warn!(remote = self.remote, folder = %old.path.display(), reason = why, "the clone is damaged: cloning again");
            let fresh = self.create()?;
            self.promote(fresh);
        }
        Ok(self.current())
    }

    /// An empty clone beside the current one.
    pub(super) fn create(&mut self) -> Result<BareClone, SourceError> {
        self.generation += 1;
        let clone = BareClone::create(&clone_path(&self.folder, self.generation))?;
        // Removed with its last user, unless it is promoted.
        clone.retired.store(true, Ordering::Relaxed);
        Ok(clone)
    }

    /// Makes `clone` the one in use; the old one goes when its last snapshot does.
    pub(super) fn promote(&mut self, clone: BareClone) {
        clone.retired.store(false, Ordering::Relaxed);
        self.current.retired.store(true, Ordering::Relaxed);
        self.current = Arc::new(clone);
    }
}

/// One bare repository.
#[derive(Debug)]
pub(super) struct BareClone {
    path: PathBuf,
    idle: Mutex<Idle>,
    trees: Mutex<TreeCache>,
    retired: AtomicBool,
    damaged: AtomicBool,
}

#[derive(Default)]
struct Idle(Vec<Repository>);

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} open repositories", self.0.len())
    }
}

/// Trees as read, by id. They never change, so all snapshots of a clone share them.
#[derive(Debug, Default)]
struct TreeCache {
    trees: HashMap<Oid, Arc<Tree>>,
    entries: usize,
}

impl BareClone {
    fn at(path: &Path, repository: Repository) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::new(Idle(vec![repository])),
            trees: Mutex::default(),
            retired: AtomicBool::new(false),
            damaged: AtomicBool::new(false),
        }
    }

    fn open(path: &Path) -> Result<Self, git2::Error> {
        let repository = Repository::open_bare(path)?;
        // Broken references and configuration show here, not in the middle of a fetch.
        repository.config()?.snapshot()?;
        repository.references()?.try_for_each(|reference| reference.map(drop))?;
        Ok(Self::at(path, repository))
    }

    fn create(path: &Path) -> Result<Self, SourceError> {
        remove(path);
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false).no_reinit(true).mkpath(true);
        let repository = Repository::init_opts(path, &options)
            .and_then(|repository| {
                // A token must not follow a redirect to another host.
                repository.config()?.set_str("http.followRedirects", "false")?;
                Ok(repository)
            })
            .map_err(|error| SourceError::State {
                path: path.to_owned(),
                reason: error.message().to_owned(),
            })?;
        Ok(Self::at(path, repository))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the repository once more, for one fetch.
    pub(super) fn repository(&self) -> Result<Repository, git2::Error> {
        Repository::open_bare(&self.path)
    }

    /// Lends an open repository: each thread gets one of its own.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Repository) -> Result<T, git2::Error>,
    ) -> Result<T, git2::Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).0.pop();
        let repository = match idle {
            Some(repository) => repository,
            None => self.repository()?,
        };
        let result = read(&repository);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.0.len() < IDLE_LIMIT {
            idle.0.push(repository);
        }
        result
    }

    pub(super) fn cached_tree(&self, id: Oid) -> Option<Arc<Tree>> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner).trees.get(&id).cloned()
    }

    pub(super) fn keep_tree(&self, id: Oid, tree: &Arc<Tree>) {
        if tree.len() > TREE_ENTRIES / 2 {
            return;
        }
        let mut cache = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.entries + tree.len() > TREE_ENTRIES {
            *cache = TreeCache::default();
        }
        if cache.trees.insert(id, Arc::clone(tree)).is_none() {
            cache.entries += tree.len();
        }
    }

    #[cfg(test)]
    pub(super) fn forget_open(&self) {
        self.idle.lock().unwrap().0.clear();
        *self.trees.lock().unwrap() = TreeCache::default();
    }

    /// Notes that an object could not be read: the next poll clones again.
    pub(super) fn mark_damaged(&self) {
        self.damaged.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Whether so many packs have come together that one pack should take their place.
    pub(super) fn is_overgrown(&self) -> bool {
        let packs = fs::read_dir(self.path.join("objects/pack")).into_iter().flatten().flatten();
        packs
            .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "pack"))
            .take(PACK_LIMIT)
            .count()
            >= PACK_LIMIT
    }
}

impl Drop for BareClone {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Relaxed) {
            remove(&self.path);
        }
    }
}

fn clone_path(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("clone-{generation}"))
}

fn generations(folder: &Path) -> Result<Vec<u64>, SourceError> {
    let entries = fs::read_dir(folder).map_err(|error| state_error(folder, &error))?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("clone-")?.parse().ok())
        .collect())
}

fn remove(path: &Path) {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(folder = %path.display(), %error, "an old clone could not be removed");
        }
        _ => {}
    }
}

fn state_error(path: &Path, error: &std::io::Error) -> SourceError {
    SourceError::State { path: path.to_owned(), reason: error.to_string() }
}
