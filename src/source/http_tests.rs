//! Against git's own smart HTTP server (`git http-backend`), behind a small loopback server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use git2::Repository;

use super::git::GitSource;
use super::tests::{Remote, clone_of, packs, text};
use super::{Address, Credentials, GitOptions, SecretFrom, SecretText, SourceError};

const TOKEN: &str = "c4nary-t0ken";

/// Serves the repositories of a folder over HTTP; the thread ends with the test's process.
struct Server {
    port: u16,
    /// How many packs were asked for.
    fetches: Arc<AtomicUsize>,
}

impl Server {
    fn start(root: PathBuf, token: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let fetches = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&fetches);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, counted) = (root.clone(), Arc::clone(&counted));
                std::thread::spawn(move || answer(stream, &root, token, &counted));
            }
        });
        Self { port, fetches }
    }

    fn options(&self, remote: &Remote, path: &str, token: Option<&str>) -> GitOptions {
        let address = Address::parse(&format!("http://127.0.0.1:{}/{path}", self.port)).unwrap();
        let token = token.map(|token| SecretFrom::Value(SecretText::new(token)));
        let credentials = Credentials { token, ..Credentials::default() };
        GitOptions { credentials, ..GitOptions::new(address, "main", remote.state()) }
    }
}

fn answer(
    stream: TcpStream,
    root: &std::path::Path,
    token: Option<&str>,
    fetches: &AtomicUsize,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (mut length, mut content_type, mut authorized) = (0, String::new(), token.is_none());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "content-type" => value.clone_into(&mut content_type),
                "authorization" => {
                    let expected =
                        base64::prelude::BASE64_STANDARD.encode(format!("git:{}", token.unwrap_or_default()));
                    authorized |= value == format!("Basic {expected}");
                }
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        if !authorized {
            let refusal = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(refusal.as_bytes()).ok()?;
            continue;
        }
        if method == "POST" {
            fetches.fetch_add(1, Ordering::Relaxed);
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut git = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", &method)
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", &content_type)
            .env("CONTENT_LENGTH", length.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("git with its http-backend is needed for this test");
        let written = git.stdin.take().map(|mut stdin| stdin.write_all(&body));
        let output = git.wait_with_output().ok()?.stdout;
        written?.ok()?;
        let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&output[..end]).into_owned();
        let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
        let body = &output[end + 4..];
        write!(stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n", body.len()).ok()?;
        stream.write_all(body).ok()?;
    }
}

#[tokio::test]
async fn over_http_only_the_tip_is_fetched_and_only_when_it_moved() {
    let remote = Remote::new();
    let first = remote.commit("main", &[("a/x", "1"), ("b", "same")]);
    let second = remote.commit("main", &[("a/x", "2"), ("b", "same")]);
    remote.commit("other", &[("z", "of no interest")]);
    let server = Server::start(remote.folder.path().to_owned(), None);
    let source = GitSource::new(server.options(&remote, "lake.git", None)).unwrap();
    let mut snapshot = source.poll(None).await.unwrap().unwrap().snapshot;
    assert_eq!((snapshot.revision().id.clone(), text(&snapshot, "a/x")), (second.to_string(), "2".into()));
    assert!(source.poll(Some(&snapshot)).await.unwrap().is_none());
    let fetches = server.fetches.load(Ordering::Relaxed);
    for number in 3..6 {
        let id = remote.commit("main", &[("a/x", &number.to_string()), ("b", "same")]);
        snapshot = source.poll(Some(&snapshot)).await.unwrap().unwrap().snapshot;
        assert_eq!(
            (snapshot.revision().id.clone(), text(&snapshot, "a/x")),
            (id.to_string(), number.to_string())
        );
        assert_eq!(text(&snapshot, "b"), "same");
    }
    // A push that takes the branch back, and elsewhere.
    remote.repository.reference("refs/heads/main", first, true, "force").unwrap();
    snapshot = source.poll(Some(&snapshot)).await.unwrap().unwrap().snapshot;
    assert_eq!((snapshot.revision().id.clone(), text(&snapshot, "a/x")), (first.to_string(), "1".into()));
    let elsewhere = remote.repository.refname_to_id("refs/heads/other").unwrap();
    remote.repository.reference("refs/heads/main", elsewhere, true, "force").unwrap();
    snapshot = source.poll(Some(&snapshot)).await.unwrap().unwrap().snapshot;
    assert_eq!(text(&snapshot, "z"), "of no interest");
    assert!(server.fetches.load(Ordering::Relaxed) > fetches);
    drop(source);
    // A new start finds all of it on disk.
    let fetches = server.fetches.load(Ordering::Relaxed);
    let again = GitSource::new(server.options(&remote, "lake.git", None)).unwrap();
    let snapshot = again.poll(None).await.unwrap().unwrap().snapshot;
    assert_eq!(text(&snapshot, "z"), "of no interest");
    assert_eq!(server.fetches.load(Ordering::Relaxed), fetches);
}

#[tokio::test]
async fn over_http_the_history_stays_away_and_repacking_does_not_confuse_the_next_fetch() {
    let remote = Remote::new();
    let first = remote.commit("main", &[("x", "first")]);
    remote.commit("main", &[("x", "second")]);
    let server = Server::start(remote.folder.path().to_owned(), None);
    let source = GitSource::new(server.options(&remote, "lake.git", None)).unwrap();
    let mut snapshot = source.poll(None).await.unwrap().unwrap().snapshot;
    let clone = Repository::open_bare(clone_of(&remote.state())).unwrap();
    assert!(clone.is_shallow() && !clone.odb().unwrap().exists(first));
    drop(clone);
    let before = clone_of(&remote.state());
    for number in 0..5 {
        if number == 2 {
            // Nobody reads a pack that has no index, but it is counted.
            for pack in 0..48 {
                std::fs::write(before.join(format!("objects/pack/pack-{pack}.pack")), "").unwrap();
            }
        }
        remote.commit("main", &[("x", &number.to_string()), ("y", "stays")]);
        snapshot = source.poll(Some(&snapshot)).await.unwrap().unwrap().snapshot;
        assert_eq!((text(&snapshot, "x"), text(&snapshot, "y")), (number.to_string(), "stays".into()));
    }
    let after = clone_of(&remote.state());
    assert!(after != before && packs(&after) < 5, "{} with {} packs", after.display(), packs(&after));
}

#[tokio::test]
async fn a_token_opens_the_door_and_is_never_shown() {
    let remote = Remote::new();
    remote.commit("main", &[("x", "1")]);
    let server = Server::start(remote.folder.path().to_owned(), Some(TOKEN));
    let source = GitSource::new(server.options(&remote, "lake.git", Some(TOKEN))).unwrap();
    assert_eq!(text(&source.poll(None).await.unwrap().unwrap().snapshot, "x"), "1");
    for token in [None, Some("wr0ng-t0ken")] {
        let error =
            GitSource::new(server.options(&remote, "lake.git", token)).unwrap().poll(None).await.unwrap_err();
        assert!(matches!(error, SourceError::Refused { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("t0ken"), "{error}");
    }
    let mut open = vec![remote.state()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().flatten().map(|entry| entry.path()));
        } else {
            let content = std::fs::read(&path).unwrap();
            assert!(
                !content.windows(TOKEN.len()).any(|bytes| bytes == TOKEN.as_bytes()),
                "{}",
                path.display()
            );
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_remote_is_told_apart() {
    let remote = Remote::new();
    let server = Server::start(remote.folder.path().to_owned(), None);
    let poll = async |options: GitOptions| GitSource::new(options).unwrap().poll(None).await.unwrap_err();
    let error = poll(server.options(&remote, "lake.git", None)).await;
    assert!(matches!(error, SourceError::Empty { .. }), "{error}");
    let error = poll(server.options(&remote, "pond.git", None)).await;
    assert!(matches!(error, SourceError::NoRepository { .. }), "{error}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = poll(Server { port: nobody, ..server }.options(&remote, "lake.git", None)).await;
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_fetch_over_http_that_is_too_large_is_broken_off() {
    let remote = Remote::new();
    // Digests do not compress.
    let noise: String = (0..4000_u32)
        .map(|n| git2::Oid::hash_object(git2::ObjectType::Blob, &n.to_le_bytes()).unwrap().to_string())
        .collect();
    remote.commit("main", &[("x", &noise)]);
    let server = Server::start(remote.folder.path().to_owned(), None);
    let options = GitOptions { fetch_bytes: 1000, ..server.options(&remote, "lake.git", None) };
    let error = GitSource::new(options).unwrap().poll(None).await.unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { limit: 1000, .. }), "{error}");
    let source = GitSource::new(server.options(&remote, "lake.git", None)).unwrap();
    assert_eq!(text(&source.poll(None).await.unwrap().unwrap().snapshot, "x"), noise);
}

#[tokio::test]
async fn over_http_a_commit_is_fetched_by_its_id_where_the_server_allows_it() {
    let remote = Remote::new();
    let old = remote.commit("main", &[("a", "1")]);
    remote.commit("main", &[("a", "2")]);
    let server = Server::start(remote.folder.path().to_owned(), None);
    let last = || GitSource::new(server.options(&remote, "lake.git", None)).unwrap().remembering(Some(old));
    let refused = last().last().await.unwrap_err();
    assert!(matches!(refused, SourceError::Git { step: "fetching", .. }), "{refused}");
    remote.repository.config().unwrap().set_bool("uploadpack.allowReachableSHA1InWant", true).unwrap();
    let snapshot = last().last().await.unwrap().unwrap().snapshot;
    assert_eq!((snapshot.revision().id.clone(), text(&snapshot, "a")), (old.to_string(), "1".to_owned()));
}
