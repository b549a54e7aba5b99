//! Against real bare repositories on disk.

use std::path::Path;

use git2::{Repository, Signature};
use tempfile::TempDir;

use super::*;
use crate::manifest::{EntryKind, Files, FilesError};

/// A bare remote that commits can be put into.
pub(super) struct Remote {
    pub(super) folder: TempDir,
    pub(super) repository: Repository,
}

impl Remote {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path().join("lake.git")).unwrap();
        Self { folder, repository }
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("lake.git")
    }

    pub(super) fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    /// Commits exactly these files on top of `branch`.
    pub(super) fn commit(&self, branch: &str, files: &[(&str, &str)]) -> git2::Oid {
        self.commit_modes(
            branch,
            &files.iter().map(|(path, text)| (*path, *text, 0o100_644)).collect::<Vec<_>>(),
        )
    }

    fn commit_modes(&self, branch: &str, files: &[(&str, &str, i32)]) -> git2::Oid {
        let name = format!("refs/heads/{branch}");
        let parent = self.repository.find_reference(&name).ok().map(|found| found.peel_to_commit().unwrap());
        let tree = self.repository.find_tree(self.tree(files)).unwrap();
        let who = Signature::now("Ada", "ada@example.com").unwrap();
        let parents: Vec<_> = parent.iter().collect();
        let message = format!("feat: {} files\n\nbody", files.len());
        self.repository.commit(Some(&name), &who, &who, &message, &tree, &parents).unwrap()
    }

    fn tree(&self, files: &[(&str, &str, i32)]) -> git2::Oid {
        let mut index = git2::Index::new().unwrap();
        for (path, text, mode) in files {
            let id = if *mode == 0o160_000 {
                git2::Oid::from_bytes(&[9; 20]).unwrap()
            } else {
                self.repository.blob(text.as_bytes()).unwrap()
            };
            let zero = git2::IndexTime::new(0, 0);
            let mode = u32::try_from(*mode).unwrap();
            let (dev, ino, uid, gid, file_size, flags, flags_extended) = (0, 0, 0, 0, 0, 0, 0);
            let path = path.as_bytes().to_vec();
            let entry = git2::IndexEntry {
                ctime: zero,
                mtime: zero,
                dev,
                ino,
                mode,
                uid,
                gid,
                file_size,
                id,
                flags,
                flags_extended,
                path,
            };
            index.add(&entry).unwrap();
        }
        index.write_tree_to(&self.repository).unwrap()
    }

    fn options(&self, reference: &str) -> GitOptions {
        GitOptions::new(Address::parse(self.path().to_str().unwrap()).unwrap(), reference, self.state())
    }

    fn source(&self, reference: &str) -> GitSource {
        GitSource::new(self.options(reference)).unwrap()
    }
}

pub(super) fn text(snapshot: &Snapshot, path: &str) -> String {
    String::from_utf8(snapshot.read(path).unwrap().to_vec()).unwrap()
}

pub(super) fn packs(state: &Path) -> usize {
    let mut count = 0;
    let mut open = vec![state.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else if entry.path().extension().is_some_and(|ext| ext == "pack") {
                count += 1;
            }
        }
    }
    count
}

pub(super) fn clone_of(state: &Path) -> std::path::PathBuf {
    let slot = std::fs::read_dir(state.join("git")).unwrap().flatten().next().unwrap().path();
    let mut clones: Vec<_> = std::fs::read_dir(slot).unwrap().flatten().map(|entry| entry.path()).collect();
    clones.retain(|path| path.is_dir());
    assert_eq!(clones.len(), 1, "{clones:?}");
    clones.pop().unwrap()
}

#[tokio::test]
async fn a_commit_is_read_straight_from_the_object_database() {
    let remote = Remote::new();
    let id = remote
        .commit("main", &[("components/a/x.yaml", "x: 1\n"), ("components/a/y/z.yaml", ""), ("README", "r")]);
    let source = remote.source("main");
    let snapshot = source.poll(None).await.unwrap().unwrap().snapshot;
    assert_eq!(snapshot.revision().id, id.to_string());
    assert_eq!(snapshot.revision().subject, "feat: 3 files");
    assert_eq!(snapshot.revision().author, "Ada");
    assert_eq!(snapshot.revision().to_string(), format!("main at {}", &id.to_string()[..7]));
    assert_eq!(text(&snapshot, "components/a/x.yaml"), "x: 1\n");
    let walked: Vec<_> = snapshot.walk("components").unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(walked, ["components/a/x.yaml", "components/a/y/z.yaml"]);
    let listed: Vec<_> =
        snapshot.list("").unwrap().into_iter().map(|entry| (entry.path, entry.kind, entry.size)).collect();
    assert_eq!(listed, [("README".into(), EntryKind::File, 1), ("components".into(), EntryKind::Folder, 0)]);
    assert_eq!(snapshot.entry("").unwrap().unwrap().kind, EntryKind::Folder);
    assert_eq!(snapshot.entry("nothing/here").unwrap(), None);
    assert_eq!(snapshot.entry("README/x").unwrap(), None);
    assert!(matches!(snapshot.read("components"), Err(FilesError::WrongKind { .. })));
    assert!(matches!(snapshot.read("../lake.git/config"), Err(FilesError::OutsideRepository { .. })));
    assert!(matches!(snapshot.walk("gone"), Err(FilesError::NotFound { .. })));
    assert!(source.poll(Some(&snapshot)).await.unwrap().is_none(), "nothing has moved");
}

#[tokio::test]
async fn a_content_id_changes_with_the_content_alone() {
    let remote = Remote::new();
    remote.commit("main", &[("a/x", "1"), ("b/x", "1")]);
    let source = remote.source("main");
    let before = source.poll(None).await.unwrap().unwrap().snapshot;
    remote.commit("main", &[("a/x", "1"), ("b/x", "2")]);
    let after = source.poll(Some(&before)).await.unwrap().unwrap().snapshot;
    let id = |snapshot: &Snapshot, path| snapshot.entry(path).unwrap().unwrap().id;
    assert_eq!(id(&before, "a"), id(&after, "a"));
    assert_ne!(id(&before, "b"), id(&after, "b"));
    assert_eq!(id(&before, "a/x"), id(&before, "b/x"));
    assert_eq!(text(&before, "b/x"), "1", "an older snapshot stays what it was");
}

#[tokio::test]
async fn links_submodules_and_lfs_pointers_are_named_and_never_followed() {
    let remote = Remote::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    remote.commit_modes(
        "main",
        &[
            ("a/link", "/etc", 0o120_000),
            ("a/module", "", 0o160_000),
            ("a/big.bin", pointer, 0o100_644),
            ("a/run", "#!", 0o100_755),
        ],
    );
    let snapshot = remote.source("main").poll(None).await.unwrap().unwrap().snapshot;
    let kinds: Vec<_> = snapshot.walk("a").unwrap().into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::File, EntryKind::Symlink, EntryKind::Submodule, EntryKind::File]);
    for (path, word) in [
        ("a/link", "symbolic link"),
        ("a/link/passwd", "symbolic link"),
        ("a/module/x", "submodule"),
        ("a/big.bin", "LFS"),
    ] {
        let error = snapshot.read(path).unwrap_err();
        assert!(matches!(error, FilesError::WrongKind { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn what_is_over_a_limit_is_an_error_of_that_path_alone() {
    let remote = Remote::new();
    let deep = format!("deep/{}x", "d/".repeat(5));
    remote.commit(
        "main",
        &[("many/1", ""), ("many/2", ""), ("many/3/4", ""), ("big", "12345"), ("ok", "1234"), (&deep, "")],
    );
    let mut options = remote.options("main");
    options.limits = ReadLimits { file_bytes: 4, entries: 3, depth: 4 };
    let snapshot = GitSource::new(options).unwrap().poll(None).await.unwrap().unwrap().snapshot;
    assert!(matches!(snapshot.walk("many"), Err(FilesError::TooLarge { .. })), "folders count too");
    assert_eq!(snapshot.list("many").unwrap().len(), 3);
    assert!(matches!(snapshot.list(""), Err(FilesError::TooLarge { .. })));
    assert!(matches!(snapshot.walk("deep"), Err(FilesError::TooLarge { .. })));
    assert!(matches!(snapshot.read("big"), Err(FilesError::TooLarge { .. })));
    assert_eq!(text(&snapshot, "ok"), "1234");
}

#[tokio::test]
async fn a_force_push_is_followed_and_the_history_stays_away() {
    let remote = Remote::new();
    remote.commit("main", &[("x", "1")]);
    let old = remote.commit("main", &[("x", "2")]);
    let source = remote.source("main");
    let before = source.poll(None).await.unwrap().unwrap().snapshot;
    assert_eq!(before.revision().id, old.to_string());
    remote.commit("other", &[("x", "3")]);
    let new = remote.repository.refname_to_id("refs/heads/other").unwrap();
    remote.repository.reference("refs/heads/main", new, true, "force").unwrap();
    let after = source.poll(Some(&before)).await.unwrap().unwrap().snapshot;
    assert_eq!((after.revision().id.clone(), text(&after, "x")), (new.to_string(), "3".into()));
    let clone = Repository::open_bare(clone_of(&remote.state())).unwrap();
    let parent = remote.repository.find_commit(old).unwrap().parent_id(0).unwrap();
    assert!(!clone.odb().unwrap().exists(parent));
}

#[tokio::test]
async fn a_deleted_branch_an_empty_repository_and_a_wrong_name_are_told_apart() {
    let remote = Remote::new();
    let source = remote.source("main");
    assert!(matches!(source.poll(None).await, Err(SourceError::Empty { .. })));
    remote.commit("main", &[("x", "1")]);
    let snapshot = source.poll(None).await.unwrap().unwrap().snapshot;
    let error = remote.source("mian").poll(None).await.unwrap_err();
    assert!(error.to_string().contains("did you mean main?"), "{error}");
    remote.commit("other", &[("x", "1")]);
    remote.repository.find_reference("refs/heads/main").unwrap().delete().unwrap();
    assert!(matches!(source.poll(Some(&snapshot)).await, Err(SourceError::NoReference { .. })));
    assert_eq!(text(&snapshot, "x"), "1");
    std::fs::remove_dir_all(remote.path()).unwrap();
    let error = source.poll(Some(&snapshot)).await.unwrap_err();
    assert!(matches!(error, SourceError::NoRepository { .. }), "{error}");
}

#[tokio::test]
async fn tags_and_full_names_are_followed_too() {
    let remote = Remote::new();
    let id = remote.commit("main", &[("x", "1")]);
    let object = remote.repository.find_object(id, None).unwrap();
    let who = Signature::now("Ada", "ada@example.com").unwrap();
    remote.repository.tag("v1", &object, &who, "annotated", false).unwrap();
    let blob = remote.repository.blob(b"no commit").unwrap();
    remote.repository.reference("refs/tags/blob", blob, true, "").unwrap();
    remote.repository.set_head("refs/heads/main").unwrap();
    for (reference, branch) in
        [("v1", "v1"), ("refs/tags/v1", "v1"), ("refs/heads/main", "main"), ("HEAD", "HEAD")]
    {
        let source = remote.source(reference);
        let snapshot = source.poll(None).await.unwrap().unwrap().snapshot;
        assert_eq!(
            (snapshot.revision().id.as_str(), snapshot.revision().branch.as_str()),
            (id.to_string().as_str(), branch)
        );
        assert!(source.poll(Some(&snapshot)).await.unwrap().is_none());
    }
    let error = remote.source("blob").poll(None).await.unwrap_err();
    assert!(matches!(&error, SourceError::NotACommit { found, .. } if found == "a blob"), "{error}");
}

#[tokio::test]
async fn a_damaged_clone_is_thrown_away_and_made_anew() {
    let remote = Remote::new();
    let id = remote.commit("main", &[("a/x", "1")]);
    drop(remote.source("main").poll(None).await.unwrap());
    // Found at the start: the folder is no repository.
    std::fs::remove_file(clone_of(&remote.state()).join("HEAD")).unwrap();
    let source = remote.source("main");
    let snapshot = source.poll(None).await.unwrap().unwrap().snapshot;
    assert_eq!(text(&snapshot, "a/x"), "1");
    drop(source);
    drop(snapshot);
    // Found when the commit is opened: its pack is rubbish.
    for entry in std::fs::read_dir(clone_of(&remote.state()).join("objects/pack")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|ext| ext == "pack") {
            std::fs::remove_file(entry.path()).unwrap();
            std::fs::write(entry.path(), "rubbish").unwrap();
        }
    }
    let snapshot = remote.source("main").poll(None).await.unwrap().unwrap().snapshot;
    assert_eq!((snapshot.revision().id.clone(), text(&snapshot, "a/x")), (id.to_string(), "1".into()));
}

#[tokio::test]
async fn an_object_lost_while_a_snapshot_is_in_use_is_fetched_again_at_the_next_poll() {
    let remote = Remote::new();
    remote.commit("main", &[("a/x", "1")]);
    let source = remote.source("main");
    let snapshot = source.poll(None).await.unwrap().unwrap().snapshot;
    let first = clone_of(&remote.state());
    std::fs::remove_dir_all(first.join("objects/pack")).unwrap();
    std::fs::create_dir(first.join("objects/pack")).unwrap();
    let lost = source.with_clone_reopened(&snapshot);
    assert!(matches!(lost.read("a/x"), Err(FilesError::Unreadable { .. })));
    let again = source.poll(Some(&lost)).await.unwrap().expect("the same revision, anew").snapshot;
    assert_eq!(again.revision(), snapshot.revision());
    assert_eq!(text(&again, "a/x"), "1");
    drop((snapshot, lost));
    assert_ne!(clone_of(&remote.state()), first, "the old clone went with its last snapshot");
}

#[tokio::test]
async fn what_was_fetched_before_is_at_hand_while_the_remote_is_away() {
    let remote = Remote::new();
    let id = remote.commit("main", &[("x", "1")]);
    drop(remote.source("main").poll(None).await.unwrap());
    let away = remote.folder.path().join("away.git");
    std::fs::rename(remote.path(), &away).unwrap();
    let (tx, mut rx) = mpsc::channel(4);
    let poke = Arc::new(Notify::new());
    let cancel = CancellationToken::new();
    let source = Source::git(remote.options("main")).unwrap();
    let running = tokio::spawn(source.run(Arc::clone(&poke), tx, cancel.clone()));
    let Some(SourceEvent::Failed(failure)) = rx.recv().await else { panic!("no failure") };
    assert_eq!((failure.error.kind(), failure.attempts), ("reference", 1));
    let Some(SourceEvent::Revision(kept)) = rx.recv().await else { panic!("no revision") };
    assert_eq!(
        (kept.snapshot.revision().id.clone(), text(&kept.snapshot, "x")),
        (id.to_string(), "1".into())
    );
    std::fs::rename(&away, remote.path()).unwrap();
    poke.notify_one();
    let Some(SourceEvent::Recovered { attempts: 1, .. }) = rx.recv().await else { panic!("no recovery") };
    let next = remote.commit("main", &[("x", "2")]);
    poke.notify_one();
    let Some(SourceEvent::Revision(arrival)) = rx.recv().await else { panic!("no revision") };
    assert_eq!(arrival.snapshot.revision().id, next.to_string());
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn many_fetches_do_not_pile_up() {
    let remote = Remote::new();
    let source = remote.source("main");
    let mut known: Option<Arc<Snapshot>> = None;
    for number in 0..60 {
        remote.commit("main", &[("x", &number.to_string()), ("y", "stays")]);
        known = Some(source.poll(known.as_deref()).await.unwrap().unwrap().snapshot);
        assert!(packs(&remote.state()) <= 49, "{}", packs(&remote.state()));
    }
    let snapshot = known.unwrap();
    assert_eq!((text(&snapshot, "x"), text(&snapshot, "y")), ("59".into(), "stays".into()));
}

#[tokio::test]
async fn two_processes_with_one_state_folder_do_not_get_into_each_others_way() {
    let remote = Remote::new();
    remote.commit("main", &[("x", "1")]);
    let (one, two) = (remote.source("main"), remote.source("main"));
    let first = one.poll(None).await.unwrap().unwrap().snapshot;
    let second = two.poll(None).await.unwrap().unwrap().snapshot;
    assert_eq!(text(&first, "x"), text(&second, "x"));
    assert_eq!(std::fs::read_dir(remote.state().join("git")).unwrap().count(), 2);
}

#[tokio::test]
async fn a_fetch_over_its_limits_changes_nothing() {
    let remote = Remote::new();
    remote.commit("main", &[("x", &"incompressible? ".repeat(10))]);
    let mut options = remote.options("main");
    options.fetch_bytes = 10;
    let error = GitSource::new(options).unwrap().poll(None).await.unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error}");
    let mut options = remote.options("main");
    options.timeout = Duration::ZERO;
    let error = GitSource::new(options).unwrap().poll(None).await.unwrap_err();
    assert!(matches!(error, SourceError::TimedOut { .. }), "{error}");
    remote.source("main").poll(None).await.unwrap().unwrap();
}

#[test]
fn waits_grow_after_failures_up_to_a_limit() {
    let interval = Duration::from_secs(30);
    let waits: Vec<_> =
        [1, 2, 3, 9, 10, 1000].map(|attempts| retry_after(attempts, interval).as_secs()).into();
    assert_eq!(waits, [1, 2, 4, 256, 300, 300]);
    assert_eq!(retry_after(99, Duration::from_mins(15)).as_secs(), 900);
    for _ in 0..1000 {
        let wait = jittered(Duration::from_secs(100)).as_secs_f64();
        assert!((90.0..=110.1).contains(&wait), "{wait}");
    }
}
