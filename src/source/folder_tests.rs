//! Against real folders on disk, and the real watcher.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::folder::Folder;
use super::{ReadLimits, Snapshot, Source, SourceEvent};
use crate::manifest::{EntryKind, Files, FilesError};

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        put(folder.path(), path, text);
    }
    folder
}

async fn latest(path: &Path) -> Arc<Snapshot> {
    Source::folder(path, ReadLimits::default()).latest().await.unwrap()
}

fn text(snapshot: &Snapshot, path: &str) -> String {
    String::from_utf8(snapshot.read(path).unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_folder_reads_as_its_commit_would() {
    let folder = folder(&[
        ("components/a/x.yaml", "x: 1\n"),
        ("components/a/y/z", ""),
        ("README", "r"),
        ("a~", "backup"),
    ]);
    std::os::unix::fs::symlink("/etc", folder.path().join("components/link")).unwrap();
    git2::Repository::init(folder.path()).unwrap();
    let snapshot = latest(folder.path()).await;
    assert!(snapshot.revision().id.starts_with("folder-"), "{}", snapshot.revision());
    assert_eq!(text(&snapshot, "components/a/x.yaml"), "x: 1\n");
    let walked: Vec<_> =
        snapshot.walk("components").unwrap().into_iter().map(|entry| (entry.path, entry.kind)).collect();
    assert_eq!(
        walked,
        [
            ("components/a/x.yaml".to_owned(), EntryKind::File),
            ("components/a/y/z".to_owned(), EntryKind::File),
            ("components/link".to_owned(), EntryKind::Symlink),
        ]
    );
    let listed: Vec<_> = snapshot.list("").unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(listed, ["README", "components"]);
    let id = snapshot.entry("README").unwrap().unwrap().id;
    assert_eq!(id, git2::Oid::hash_object(git2::ObjectType::Blob, b"r").unwrap().to_string());
    assert!(matches!(snapshot.read("components/link/passwd"), Err(FilesError::WrongKind { .. })));
    assert!(matches!(snapshot.read("../x"), Err(FilesError::OutsideRepository { .. })));
    assert!(matches!(snapshot.read("components"), Err(FilesError::WrongKind { .. })));
    assert!(matches!(snapshot.read(""), Err(FilesError::WrongKind { .. })));
    assert!(matches!(snapshot.walk("gone"), Err(FilesError::NotFound { .. })));
    assert_eq!(snapshot.entry("README/x").unwrap(), None);
}

#[tokio::test]
async fn what_git_ignores_is_not_there() {
    let folder =
        folder(&[(".gitignore", "target/\n*.tgz\n"), ("target/x", ""), ("a/b.tgz", ""), ("a/c", "")]);
    git2::Repository::init(folder.path()).unwrap();
    let snapshot = latest(folder.path()).await;
    let walked: Vec<_> = snapshot.walk("").unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(walked, [".gitignore", "a/c"]);
}

#[tokio::test]
async fn a_snapshot_stays_as_it_was_while_the_folder_changes() {
    let folder = folder(&[("a/x", "1"), ("b/x", "1")]);
    let mut reader = Folder::open(folder.path(), ReadLimits::default()).unwrap();
    let before = reader.scan().unwrap().snapshot;
    put(folder.path(), "a/x", "2");
    fs::remove_file(folder.path().join("b/x")).unwrap();
    let after = reader.scan().unwrap().snapshot;
    assert_eq!((&*before.read("a/x").unwrap(), &*after.read("a/x").unwrap()), (&b"1"[..], &b"2"[..]));
    assert_eq!(&*before.read("b/x").unwrap(), b"1");
    assert!(matches!(after.read("b/x"), Err(FilesError::NotFound { .. })));
    assert_ne!(before.entry("a").unwrap(), after.entry("a").unwrap());
}

#[tokio::test]
async fn a_large_file_that_changed_is_an_error_and_never_a_mixture() {
    let folder = folder(&[("x", &"1".repeat(3 << 20))]);
    let snapshot = latest(folder.path()).await;
    assert_eq!(snapshot.read("x").unwrap().len(), 3 << 20);
    put(folder.path(), "x", &"2".repeat(3 << 20));
    assert!(matches!(snapshot.read("x"), Err(FilesError::Unreadable { .. })));
    fs::remove_file(folder.path().join("x")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("x")).unwrap();
    assert!(matches!(snapshot.read("x"), Err(FilesError::Unreadable { .. })));
}

#[test]
fn a_folder_over_the_limits_is_refused_whole() {
    let folder = folder(&[("a/1", ""), ("a/2", ""), ("b/c/d/e", "")]);
    let limits = ReadLimits { entries: 4, ..ReadLimits::default() };
    assert!(Folder::open(folder.path(), limits).unwrap().scan().is_err());
    let limits = ReadLimits { depth: 2, ..ReadLimits::default() };
    assert!(Folder::open(folder.path(), limits).unwrap().scan().is_err());
    let limits = ReadLimits { entries: 8, depth: 3, file_bytes: 0 };
    assert!(Folder::open(folder.path(), limits).unwrap().scan().is_ok());
    assert!(Folder::open(&folder.path().join("a/1"), limits).is_err(), "a file is no folder");
}

#[tokio::test]
async fn a_save_is_seen_in_whatever_way_the_editor_does_it() {
    let folder = folder(&[("a/x", "1")]);
    let (tx, mut rx) = mpsc::channel(16);
    let cancel = CancellationToken::new();
    let source = Source::folder(folder.path(), ReadLimits::default());
    let running = tokio::spawn(source.run(Arc::new(Notify::new()), tx, cancel.clone()));
    // Each change is looked for in as many revisions as it takes: an editor's steps may be seen one by one.
    let mut until = async |path: &str, wanted: Option<&str>| loop {
        match rx.recv().await {
            Some(SourceEvent::Revision(arrival)) => {
                let found =
                    arrival.snapshot.read(path).ok().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
                if found.as_deref() == wanted {
                    return;
                }
            }
            Some(_) => {}
            None => panic!("the source ended"),
        }
    };
    until("a/x", Some("1")).await;
    put(folder.path(), "a/x", "2");
    until("a/x", Some("2")).await;
    // An atomic rename, with a swap file beside it.
    put(folder.path(), "a/.x.swp", "swap");
    put(folder.path(), "a/x.new", "3");
    fs::rename(folder.path().join("a/x.new"), folder.path().join("a/x")).unwrap();
    until("a/x", Some("3")).await;
    // A folder that was not there before, and what is put into it at once.
    put(folder.path(), "b/c/d", "new");
    until("b/c/d", Some("new")).await;
    put(folder.path(), "b/c/d", "newer");
    until("b/c/d", Some("newer")).await;
    // A folder that goes and comes back under the same name.
    fs::remove_dir_all(folder.path().join("b")).unwrap();
    until("b/c/d", None).await;
    put(folder.path(), "b/c/d", "back");
    until("b/c/d", Some("back")).await;
    put(folder.path(), "b/c/d", "and changed");
    until("b/c/d", Some("and changed")).await;
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_folder_that_goes_away_is_a_failure_and_its_return_a_recovery() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("work");
    put(&root, "x", "1");
    let (tx, mut rx) = mpsc::channel(16);
    let cancel = CancellationToken::new();
    let poke = Arc::new(Notify::new());
    let running =
        tokio::spawn(Source::folder(&root, ReadLimits::default()).run(Arc::clone(&poke), tx, cancel.clone()));
    let Some(SourceEvent::Revision(_)) = rx.recv().await else { panic!("no revision") };
    fs::remove_dir_all(&root).unwrap();
    loop {
        match rx.recv().await {
            Some(SourceEvent::Failed(failure)) => {
                assert_eq!(failure.error.kind(), "folder");
                break;
            }
            // The file may be seen to go before the folder.
            Some(SourceEvent::Revision(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    put(&root, "x", "2");
    poke.notify_one();
    loop {
        match rx.recv().await {
            Some(SourceEvent::Revision(arrival))
                if arrival.snapshot.read("x").is_ok_and(|text| &*text == b"2") =>
            {
                break;
            }
            Some(_) => poke.notify_one(),
            None => panic!("the source ended"),
        }
    }
    cancel.cancel();
    running.await.unwrap();
}
