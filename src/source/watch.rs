//! Watches a working folder: from save to snapshot in well under a second.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::SourceEvent;
use super::error::SourceError;
use super::folder::{Folder, Scan, is_noise};
use super::git::Arrival;
use super::limits::ReadLimits;
use super::report::Reporter;
use super::revision::Revision;
use super::snapshot::{Snapshot, View};

/// A change is looked at once nothing more has changed for this long...
const QUIET: Duration = Duration::from_millis(50);
/// ... but at the latest after this long, however much goes on.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often the folder is read when it cannot be watched.
const UNWATCHED: Duration = Duration::from_secs(2);
/// How often it is read although nothing was heard of it, as some file systems tell nothing.
const AT_LEAST: Duration = Duration::from_mins(1);
/// New folders are looked into again after the watch on them began, this often.
const ROUNDS: usize = 4;

/// Follows a working folder.
#[derive(Debug)]
pub(super) struct FolderSource {
    path: PathBuf,
    limits: ReadLimits,
}

impl FolderSource {
    pub(super) fn new(path: PathBuf, limits: ReadLimits) -> Self {
        Self { path, limits }
    }

    /// The folder's path, the same from wherever it is named.
    pub(super) fn name(&self) -> String {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        path.display().to_string()
    }

    /// Reads the folder once.
    pub(super) async fn latest(&self) -> Result<Arrival, SourceError> {
        let (path, limits) = (self.path.clone(), self.limits);
        on_thread(&self.path, move || {
            let learned = Instant::now();
            let scan = Folder::open(&path, limits)?.scan()?;
            Ok(arrival(scan, learned))
        })
        .await
    }

    /// Sends a snapshot now and after each change, until cancelled or nobody listens.
    pub(super) async fn run(
        self,
        poke: Arc<Notify>,
        tx: mpsc::Sender<SourceEvent>,
        cancel: CancellationToken,
    ) {
        let mut reporter = Reporter::new(tx);
        let heard = Arc::new(Heard::default());
        let mut watched: Option<Watched> = None;
        let mut last = String::new();
        while !cancel.is_cancelled() {
            let learned = Instant::now();
            let (path, limits, before, heard_too) =
                (self.path.clone(), self.limits, watched.take(), Arc::clone(&heard));
            let scanned = on_thread(&self.path, move || {
                let mut watched = match before {
                    Some(watched) => watched,
                    None => Watched::new(Folder::open(&path, limits)?, heard_too),
                };
                let scan = watched.scan()?;
                Ok((watched, scan))
            })
            .await;
            let wait = match scanned {
                Ok((kept, scan)) => {
                    let wait = if kept.is_deaf() { UNWATCHED } else { AT_LEAST };
                    watched = Some(kept);
                    let changed = scan.digest != last;
                    last.clone_from(&scan.digest);
                    if changed {
                        reporter.arrived(arrival(scan, learned)).await;
                    } else {
                        reporter.answered().await;
                    }
                    wait
                }
                Err(error) => {
                    reporter.failed(error).await;
                    UNWATCHED
                }
            };
            tokio::select! {
                () = cancel.cancelled() => {}
                () = reporter.closed() => return,
                () = poke.notified() => {}
                () = heard.settled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

fn arrival(scan: Scan, learned: Instant) -> Arrival {
    let revision = Revision {
        id: format!("folder-{}", scan.digest.get(..12).unwrap_or(&scan.digest)),
        branch: "folder".to_owned(),
        committed: Timestamp::now(),
        author: String::new(),
        subject: String::new(),
    };
    let snapshot = Arc::new(Snapshot::new(revision, View::Folder(scan.snapshot)));
    Arrival { snapshot, learned, took: learned.elapsed() }
}

async fn on_thread<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(SourceError::Folder { path: path.to_owned(), reason: "reading it was broken off".to_owned() })
    })
}

/// What the watcher's thread has told, in bounded space.
#[derive(Default)]
struct Heard {
    changed: Notify,
    /// Folders whose watch may be gone with them.
    lost: Mutex<HashSet<PathBuf>>,
}

impl Heard {
    /// Returns some quiet time after a change; an endless stream of changes does not put it off for ever.
    async fn settled(&self) {
        self.changed.notified().await;
        let latest = tokio::time::Instant::now() + PATIENCE;
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(QUIET) => return,
                () = tokio::time::sleep_until(latest) => return,
            }
        }
    }

    fn tell(&self, event: &notify::Event) {
        let reading =
            matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
        let noise = |path: &PathBuf| {
            path.components().any(|part| part.as_os_str() == ".git")
                || path.file_name().is_some_and(|name| is_noise(&name.to_string_lossy()))
        };
        if reading || (!event.need_rescan() && !event.paths.is_empty() && event.paths.iter().all(noise)) {
            return;
        }
        if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
            || event.need_rescan()
        {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            if event.need_rescan() || lost.len() > 1000 {
                // An empty path stands for all.
                *lost = HashSet::from([PathBuf::new()]);
            } else {
                lost.extend(event.paths.iter().cloned());
            }
        }
        self.changed.notify_one();
    }
}

/// A folder and the watches on all folders in it that are not ignored.
struct Watched {
    folder: Folder,
    heard: Arc<Heard>,
    watcher: Option<RecommendedWatcher>,
    folders: HashSet<PathBuf>,
}

impl Watched {
    fn new(folder: Folder, heard: Arc<Heard>) -> Self {
        let tell = Arc::clone(&heard);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if let Ok(event) = event {
                tell.tell(&event);
            }
        });
        let watcher = match watcher {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                unwatched(folder.root(), &error);
                None
            }
        };
        Self { folder, heard, watcher, folders: HashSet::new() }
    }

    fn is_deaf(&self) -> bool {
        self.watcher.is_none()
    }

    /// Reads the folder, and again as long as there are new folders in it: something may have been put into one before
    /// it was watched.
    fn scan(&mut self) -> Result<Scan, SourceError> {
        for _ in 1..ROUNDS {
            let scan = self.folder.scan()?;
            if !self.watch(&scan.folders) {
                return Ok(scan);
            }
        }
        self.folder.scan()
    }

    /// Watches exactly `folders`; whether some of them are new.
    fn watch(&mut self, folders: &HashSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let lost = std::mem::take(&mut *self.heard.lost.lock().unwrap_or_else(PoisonError::into_inner));
        let all = lost.contains(Path::new(""));
        self.folders.retain(|folder| {
            let stays =
                folders.contains(folder) && !all && !folder.ancestors().any(|above| lost.contains(above));
            if !stays {
                // It may be gone, and its watch with it.
                let _ = watcher.unwatch(folder);
            }
            stays
        });
        let mut added = false;
        for folder in folders {
            if self.folders.contains(folder) {
                continue;
            }
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.folders.insert(folder.clone());
                    added = true;
                }
                Err(_) if !folder.exists() => {}
                Err(error) => {
                    unwatched(folder, &error);
                    self.watcher = None;
                    return false;
                }
            }
        }
        added
    }
}

fn unwatched(folder: &Path, error: &notify::Error) {
    tracing::warn!(
        folder = %folder.display(), %error,
        "cannot be watched (on Linux, raise fs.inotify.max_user_watches): it is read every {} s instead",
        UNWATCHED.as_secs()
    );
}
