//! The store against a repository and a registry that are written here, on loopback.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::environment;

/// An answer: status, further headers, body.
#[derive(Clone, Default)]
struct Page {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl From<Vec<u8>> for Page {
    fn from(body: Vec<u8>) -> Self {
        Self { status: 200, headers: Vec::new(), body }
    }
}

impl From<String> for Page {
    fn from(body: String) -> Self {
        body.into_bytes().into()
    }
}

/// What was asked: path, and what proved the login.
type Asked = (String, Option<String>);

/// A web server: pages by their paths, those below a proof only with it.
struct Web {
    port: u16,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    guard: Arc<Mutex<Option<(String, String)>>>,
}

impl Web {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let web = Self {
            port: listener.local_addr().unwrap().port(),
            pages: Arc::default(),
            asked: Arc::default(),
            guard: Arc::default(),
        };
        let (pages, asked, guard) = (web.pages.clone(), web.asked.clone(), web.guard.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, asked, guard) = (pages.clone(), asked.clone(), guard.clone());
                std::thread::spawn(move || serve(stream, &pages, &asked, &guard));
            }
        });
        web
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn put(&self, path: &str, page: impl Into<Page>) {
        self.pages.lock().unwrap().insert(path.to_owned(), page.into());
    }

    /// Everything but `/token` wants this proof; others get this challenge.
    fn guard(&self, proof: &str, challenge: &str) {
        *self.guard.lock().unwrap() = Some((proof.to_owned(), challenge.to_owned()));
    }

    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

type Shared<T> = Arc<Mutex<T>>;

fn serve(
    stream: TcpStream,
    pages: &Shared<HashMap<String, Page>>,
    asked: &Shared<Vec<Asked>>,
    guard: &Shared<Option<(String, String)>>,
) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let mut stream = stream;
    loop {
        let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
        let mut proof = None;
        loop {
            let line = lines.next()?.ok()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("authorization")
            {
                proof = Some(value.to_owned());
            }
        }
        asked.lock().unwrap().push((path.clone(), proof.clone()));
        let refused =
            guard.lock().unwrap().clone().filter(|(wanted, _)| {
                !path.starts_with("/token") && proof.as_deref() != Some(wanted.as_str())
            });
        let page = match refused {
            Some((_, challenge)) => Page {
                status: 401,
                headers: vec![format!("WWW-Authenticate: {challenge}")],
                body: Vec::new(),
            },
            None => {
                pages.lock().unwrap().get(&path).cloned().unwrap_or(Page { status: 404, ..Page::default() })
            }
        };
        let mut head = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", page.status, page.body.len());
        page.headers.iter().for_each(|header| head.push_str(&format!("{header}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
        stream.write_all(&page.body).ok()?;
    }
}

/// A packed chart with one object.
fn packed(name: &str, version: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let files = [
        ("Chart.yaml", format!("apiVersion: v2\nname: {name}\nversion: {version}\n")),
        (
            "templates/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {version: {{ .Chart.Version }}}\n"
                .to_owned(),
        ),
    ];
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).unwrap();
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&builder.into_inner().unwrap()).unwrap();
    gzip.finish().unwrap()
}

/// A repository with these versions of the chart `app`.
fn repository(web: &Web, versions: &[&str]) {
    let mut index = String::from("apiVersion: v1\nentries:\n  app:\n");
    for version in versions {
        let data = packed("app", version);
        let digest = cache::digest(&data);
        let hex = digest.trim_start_matches("sha256:");
        index
            .push_str(&format!("  - version: {version}\n    digest: {hex}\n    urls: [app-{version}.tgz]\n"));
        web.put(&format!("/charts/app-{version}.tgz"), data);
    }
    web.put("/charts/index.yaml", index);
}

/// Puts a version of the chart `app` into a registry; returns its manifest's digest.
fn publish(web: &Web, version: &str, tag: &str) -> String {
    let data = packed("app", version);
    let layer = cache::digest(&data);
    let manifest = json!({"schemaVersion": 2, "layers": [
        {"mediaType": "application/vnd.cncf.helm.chart.provenance.v1.prov", "digest": layer.replace('a', "b")},
        {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": layer, "size": data.len()},
    ]})
    .to_string();
    let digest = cache::digest(manifest.as_bytes());
    web.put(&format!("/v2/org/app/manifests/{tag}"), manifest.clone());
    web.put(&format!("/v2/org/app/manifests/{digest}"), manifest);
    web.put(&format!("/v2/org/app/blobs/{layer}"), data);
    digest
}

fn chart(repository: String, version: &str) -> RemoteChart {
    RemoteChart { repository, name: "app".into(), version: version.into(), secret: None, insecure: false }
}

fn nobody(_: &str) -> Result<Login, String> {
    Err("there are no logins here".to_owned())
}

fn somebody(secret: &str) -> Result<Login, String> {
    let login = Login { username: "ann".into(), password: SecretText::new("t0p") };
    (secret == "login").then_some(login).ok_or_else(|| format!("there is no {secret} here"))
}

fn store() -> (TempDir, ChartStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = ChartStore::new(folder.path().join("charts"), 1 << 20);
    (folder, store)
}

fn basic() -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("ann:t0p"))
}

#[test]
fn a_range_resolves_to_its_newest_version_and_the_cache_serves_it_offline() {
    let web = Web::start();
    repository(&web, &["1.2.0", "1.10.0", "2.0.0"]);
    let (_folder, store) = store();
    let chart = chart(web.url("/charts/"), "^1");
    let pin = store.resolve(&chart, &nobody).unwrap();
    assert_eq!((pin.resolved.as_str(), pin.version.as_str()), ("1.10.0", "^1"));
    assert_eq!(pin.digest, cache::digest(&packed("app", "1.10.0")));
    web.asked();
    assert_eq!(&*store.chart(&chart, &pin, &nobody).unwrap(), packed("app", "1.10.0"));
    assert!(web.asked().is_empty(), "the cache has it");
}

#[test]
fn what_does_not_have_the_digest_of_the_index_or_of_the_pin_is_refused() {
    let web = Web::start();
    repository(&web, &["1.0.0"]);
    let chart = chart(web.url("/charts"), "1.0.0");
    let (_folder, one) = store();
    let pin = one.resolve(&chart, &nobody).unwrap();
    // Changed behind the index's back.
    web.put("/charts/app-1.0.0.tgz", packed("app", "1.0.1"));
    let (_folder, other) = store();
    let error = other.chart(&chart, &pin, &nobody).unwrap_err();
    assert!(matches!(error, ChartError::Digest { .. }), "{error}");
    // And with the index.
    repository(&web, &["1.0.1"]);
    let index = String::from_utf8(web.pages.lock().unwrap()["/charts/index.yaml"].body.clone()).unwrap();
    web.put("/charts/index.yaml", index.replace("version: 1.0.1", "version: 1.0.0"));
    let error = other.chart(&chart, &pin, &nobody).unwrap_err();
    assert!(matches!(&error, ChartError::Digest { wanted, .. } if *wanted == pin.digest), "{error}");
    assert!(error.to_string().contains("mooring chart update"));
}

#[test]
fn an_index_that_is_a_bomb_or_none_at_all_is_refused() {
    let web = Web::start();
    let (_folder, store) = store();
    let chart = chart(web.url("/charts"), "*");
    let told = |text: String| {
        web.put("/charts/index.yaml", text);
        store.resolve(&chart, &nobody).unwrap_err().to_string()
    };
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(", ")));
    }
    assert!(told(bomb).contains("no index of charts"));
    assert!(told("[".repeat(10_000)).contains("no index of charts"));
    assert!(told("<html>".to_owned()).contains("`entries`"));
    assert!(told("entries: {other: []}\n".to_owned()).contains("has no chart app"));
    assert!(
        told("entries: {app: [{version: 1.0.0}, 7, {version: 1.0.0, urls: x}]}\n".to_owned())
            .contains("no address")
    );
    let large = Page { headers: vec!["Content-Length: 99999999999".into()], ..Page::from(Vec::new()) };
    web.put("/charts/index.yaml", large);
    assert!(store.resolve(&chart, &nobody).is_err());
}

#[test]
fn more_than_the_limit_is_not_read() {
    let web = Web::start();
    web.put("/x", vec![b'x'; 100_000]);
    let url = url::Url::parse(&web.url("/x")).unwrap();
    let ask = |limit| {
        Client::new().body(&client::Request {
            url: &url,
            accept: "*/*",
            authorization: None,
            limit,
            insecure: false,
        })
    };
    assert!(matches!(ask(99_999), Err(ChartError::TooLarge { limit: 99_999, .. })));
    assert_eq!(ask(100_000).unwrap().len(), 100_000);
}

#[test]
fn what_is_not_there_is_said_with_its_address() {
    let web = Web::start();
    let (_folder, store) = store();
    let error = store.resolve(&chart(web.url("/charts"), "*"), &nobody).unwrap_err().to_string();
    assert!(error.contains("/charts/index.yaml answers 404"), "{error}");
    repository(&web, &["1.0.0"]);
    let error = store.resolve(&chart(web.url("/charts"), "^2"), &nobody).unwrap_err().to_string();
    assert!(error.contains("has no version ^2 of app; the newest is 1.0.0"), "{error}");
    let nowhere = chart(format!("http://127.0.0.1:{}/charts", free_port()), "*");
    assert!(matches!(store.resolve(&nowhere, &nobody), Err(ChartError::Network { .. })));
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_login_is_asked_for_and_told_to_the_repository_alone() {
    let (web, other) = (Web::start(), Web::start());
    repository(&web, &["1.0.0"]);
    web.guard(&basic(), "Basic realm=x");
    let (_folder, store) = store();
    let mut chart = chart(web.url("/charts"), "*");
    let error = store.resolve(&chart, &nobody).unwrap_err().to_string();
    assert!(error.contains("answers 401") && error.contains("under `secret`"), "{error}");
    chart.secret = Some("login".into());
    let error = store.resolve(&chart, &nobody).unwrap_err().to_string();
    assert!(error.contains("asks for the Secret login: there are no logins here"), "{error}");
    assert_eq!(store.resolve(&chart, &somebody).unwrap().resolved, "1.0.0");
    // Its index, and a redirect of its own, point to another host.
    let data = packed("app", "1.0.0");
    other.put("/app.tgz", data);
    for page in [
        Page { status: 302, headers: vec![format!("Location: {}", other.url("/app.tgz"))], body: Vec::new() },
        format!("entries: {{app: [{{version: 1.0.0, urls: [\"{}\"]}}]}}\n", other.url("/app.tgz")).into(),
    ] {
        let place = if page.status == 302 { "/charts/app-1.0.0.tgz" } else { "/charts/index.yaml" };
        web.put(place, page);
        assert_eq!(store.resolve(&chart, &somebody).unwrap().resolved, "1.0.0");
        assert_eq!(other.asked(), [("/app.tgz".to_owned(), None)]);
    }
    let wrong = |_: &str| Ok(Login { username: "ann".into(), password: SecretText::new("no") });
    let error = store.resolve(&chart, &wrong).unwrap_err().to_string();
    assert!(error.contains("the password of the Secret is wrong"), "{error}");
}

#[test]
fn redirects_end_and_never_lead_to_http_elsewhere() {
    let web = Web::start();
    let (_folder, store) = store();
    let to =
        |target: &str| Page { status: 302, headers: vec![format!("Location: {target}")], body: Vec::new() };
    let chart = chart(web.url("/charts"), "*");
    web.put("/charts/index.yaml", to("index.yaml"));
    assert!(store.resolve(&chart, &nobody).unwrap_err().to_string().contains("redirects more than"));
    for target in ["http://charts.example.org/index.yaml?signature=s3cret", "file:///etc/passwd"] {
        web.put("/charts/index.yaml", to(target));
        let error = store.resolve(&chart, &nobody).unwrap_err();
        assert!(
            matches!(error, ChartError::Address { .. }) && !error.to_string().contains("s3cret"),
            "{error}"
        );
    }
}

#[test]
fn a_registry_resolves_ranges_over_pages_of_tags_with_a_token() {
    let web = Web::start();
    publish(&web, "1.2.0", "1.2.0");
    publish(&web, "1.3.0+build.7", "1.3.0_build.7");
    web.put(
        "/v2/org/app/tags/list?n=1000",
        Page {
            headers: vec!["Link: </v2/org/app/tags/list?n=1000&last=1.2.0>; rel=\"next\"".into()],
            ..Page::from(json!({"tags": ["latest", "1.2.0"]}).to_string())
        },
    );
    web.put("/v2/org/app/tags/list?n=1000&last=1.2.0", json!({"tags": ["1.3.0_build.7"]}).to_string());
    web.put("/token?service=here&scope=repository%3Aorg%2Fapp%3Apull", json!({"token": "abc"}).to_string());
    let challenge =
        format!("Bearer realm=\"{}\",service=\"here\",scope=\"repository:org/app:pull\"", web.url("/token"));
    web.guard("Bearer abc", &challenge);
    let (_folder, store) = store();
    let mut chart = chart(format!("oci://127.0.0.1:{}/org", web.port), "^1");
    chart.secret = Some("login".into());
    let pin = store.resolve(&chart, &somebody).unwrap();
    assert_eq!(pin.resolved, "1.3.0+build.7");
    let asked = web.asked();
    let tokens: Vec<&Asked> = asked.iter().filter(|(path, _)| path.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 1, "one token serves all");
    assert_eq!(tokens[0].1, Some(basic()));
    // The password is for the token alone.
    assert!(asked.iter().all(|(path, proof)| path.starts_with("/token") || *proof != Some(basic())));
    // A registry that refuses even the token.
    web.guard("Bearer other", &challenge);
    chart.version = "1.2.0".into();
    let error = store.resolve(&chart, &somebody).unwrap_err().to_string();
    assert!(error.contains("answers 401"), "{error}");
}

#[test]
fn a_tag_that_moves_after_the_pin_changes_nothing() {
    let web = Web::start();
    publish(&web, "1.0.0", "1.0.0");
    let (_folder, one) = store();
    let chart = chart(format!("oci://127.0.0.1:{}/org", web.port), "1.0.0");
    let pin = one.resolve(&chart, &nobody).unwrap();
    publish(&web, "1.0.9", "1.0.0");
    let (_folder, other) = store();
    assert_eq!(&*other.chart(&chart, &pin, &nobody).unwrap(), packed("app", "1.0.0"));
    assert_ne!(other.resolve(&chart, &nobody).unwrap().digest, pin.digest, "an update sees it");
    // A registry that gives something else under the digest.
    web.put(&format!("/v2/org/app/blobs/{}", pin.digest), packed("app", "6.6.6"));
    let (_folder, third) = store();
    assert!(matches!(third.chart(&chart, &pin, &nobody), Err(ChartError::Digest { .. })));
}

#[test]
fn a_chart_by_the_digest_of_its_manifest_is_verified_and_says_its_version() {
    let web = Web::start();
    let digest = publish(&web, "1.0.0", "1.0.0");
    let (_folder, store) = store();
    let by = |version: &str| chart(format!("oci://127.0.0.1:{}/org", web.port), version);
    assert_eq!(store.resolve(&by(&digest), &nobody).unwrap().resolved, "1.0.0");
    let other = publish(&web, "2.0.0", "2.0.0");
    let swapped = web.pages.lock().unwrap()[&format!("/v2/org/app/manifests/{other}")].clone();
    web.put(&format!("/v2/org/app/manifests/{digest}"), swapped);
    assert!(matches!(store.resolve(&by(&digest), &nobody), Err(ChartError::Digest { .. })));
    web.put(
        "/v2/org/app/manifests/3.0.0",
        json!({"layers": [{"mediaType": "image", "digest": digest}]}).to_string(),
    );
    assert!(store.resolve(&by("3.0.0"), &nobody).unwrap_err().to_string().contains("no Helm chart"));
}

#[test]
fn a_chart_of_another_name_is_not_pinned() {
    let web = Web::start();
    repository(&web, &["1.0.0"]);
    web.put("/charts/index.yaml", "entries: {app: [{version: 1.0.0, urls: [o.tgz]}]}\n".to_owned());
    web.put("/charts/o.tgz", packed("other", "1.0.0"));
    let (_folder, store) = store();
    let told = || store.resolve(&chart(web.url("/charts"), "*"), &nobody).unwrap_err().to_string();
    assert!(told().contains("its Chart.yaml calls it other"));
    web.put("/charts/o.tgz", b"no chart".to_vec());
    assert!(told().contains("is not that chart"));
}

#[test]
fn a_damaged_chart_in_the_cache_is_found_and_fetched_again() {
    let web = Web::start();
    repository(&web, &["1.0.0"]);
    let (_folder, store) = store();
    let chart = chart(web.url("/charts"), "*");
    let pin = store.resolve(&chart, &nobody).unwrap();
    fs::write(store.cache.path(&pin.digest), b"damaged").unwrap();
    assert_eq!(&*store.chart(&chart, &pin, &nobody).unwrap(), packed("app", "1.0.0"));
    assert_eq!(fs::read(store.cache.path(&pin.digest)).unwrap(), packed("app", "1.0.0"));
}

#[test]
fn the_cache_lets_go_of_what_was_used_longest_ago() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().to_path_buf(), 250);
    let chart = |byte: u8| vec![byte; 100];
    let digests: Vec<String> = (0..3).map(|byte| cache::digest(&chart(byte))).collect();
    for (index, digest) in digests.iter().enumerate().take(2) {
        cache.put(digest, &chart(u8::try_from(index).unwrap())).unwrap();
        let past = SystemTime::now() - Duration::from_secs(100 - index as u64);
        fs::File::open(cache.path(digest)).unwrap().set_modified(past).unwrap();
    }
    // Used again, the first one is no longer the oldest.
    assert!(cache.get(&digests[0]).unwrap().is_some());
    cache.put(&digests[2], &chart(2)).unwrap();
    let there: Vec<bool> = digests.iter().map(|digest| cache.get(digest).unwrap().is_some()).collect();
    assert_eq!(there, [true, false, true]);
    // One that is larger than the limit serves all the same.
    let large = vec![9; 1000];
    cache.put(&cache::digest(&large), &large).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Files in memory.
struct Tree(BTreeMap<String, String>);

impl Files for Tree {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        let size = self.0.get(path).map(|text| text.len() as u64);
        let entry =
            |size| FileEntry { path: path.to_owned(), kind: EntryKind::File, id: String::new(), size };
        Ok(size.map(entry))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        let text = self.0.get(path).ok_or_else(|| FilesError::NotFound { path: path.to_owned() })?;
        Ok(text.as_bytes().into())
    }

    fn walk(&self, _folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        Ok(Vec::new())
    }

    fn list(&self, _folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        Ok(Vec::new())
    }
}

const ENVIRONMENT: &str = "environments/local/environment.yaml";

fn tree(web: &Web) -> Tree {
    let text = format!(
        "apiVersion: mooring.dev/v1alpha1\nkind: Environment\nmetadata: {{name: local}}\nspec:\n  namespace: lakehouse\n  \
         components:\n  - name: a\n    chart: {{repository: \"{}\", name: app, version: ^1}}\n",
        web.url("/charts")
    );
    Tree([(ENVIRONMENT.to_owned(), text)].into())
}

/// What the one component renders to: its data, or why it does not; and whether that may pass.
fn render(
    files: &dyn Files,
    loaded: &Loaded,
    cache: &crate::render::RenderCache,
) -> Result<String, (String, bool)> {
    let context = crate::render::RenderContext {
        files,
        environment: loaded,
        keys: &crate::sops::Keyring::default(),
        kube_version: "v1.36.0",
        api_versions: &[],
        cache,
        now: jiff::Timestamp::UNIX_EPOCH,
        seed: [0; 32],
        lookup: None,
        limits: crate::helm::limits::Limits::default(),
    };
    let desired = crate::render::render_environment(&context);
    let component = desired.components.iter().find(|component| &*component.name == "a").unwrap();
    match &component.result {
        Ok(rendered) => Ok(rendered.objects[0].manifest.reveal()["data"]["version"].to_string()),
        Err(error) => Err((error.to_string(), error.is_passing())),
    }
}

#[test]
fn an_environment_renders_what_its_lock_pins_and_nothing_else() {
    let web = Web::start();
    repository(&web, &["1.0.0"]);
    let mut files = tree(&web);
    let renderings = crate::render::RenderCache::new(1 << 20);
    let (folder, store) = store();
    let loaded = environment::load(&files, "local").unwrap();
    let (error, _) = render(&store.over(&files, &loaded, &nobody), &loaded, &renderings).unwrap_err();
    assert!(
        error.starts_with("environments/local/environment.yaml:8: app ^1 of http://127.0.0.1")
            && error.contains("run `mooring chart update local a`"),
        "{error}"
    );
    assert!(web.asked().is_empty(), "nothing is resolved where nothing is pinned");

    let mut lock = environment::ChartLock::default();
    lock.set(store.resolve(loaded.remote_chart(0).unwrap(), &nobody).unwrap());
    files.0.insert(loaded.lock_path(), lock.to_text());
    let loaded = environment::load(&files, "local").unwrap();
    // A newer version is there, and not asked for.
    repository(&web, &["1.0.0", "1.1.0"]);
    let rendered = render(&store.over(&files, &loaded, &nobody), &loaded, &renderings);
    assert_eq!(rendered.unwrap(), "\"1.0.0\"");

    // Not in the cache and not to be had: it may be there later, and is not remembered as a failure.
    fs::remove_dir_all(folder.path().join("charts")).unwrap();
    web.pages.lock().unwrap().clear();
    let (error, passing) = render(&store.over(&files, &loaded, &nobody), &loaded, &renderings).unwrap_err();
    assert!(passing && error.contains("answers 404"), "{error}");
    repository(&web, &["1.0.0"]);
    assert!(
        render(&store.cached(&files, &loaded), &loaded, &renderings).is_err(),
        "the cache alone has it not"
    );
    assert!(render(&store.over(&files, &loaded, &nobody), &loaded, &renderings).is_ok());
    assert!(render(&store.cached(&files, &loaded), &loaded, &renderings).is_ok());
}

#[test]
fn a_folder_that_cannot_be_written_is_said() {
    let store = ChartStore::new(Path::new("/proc/nowhere"), 1);
    let web = Web::start();
    repository(&web, &["1.0.0"]);
    assert!(matches!(store.resolve(&chart(web.url("/charts"), "*"), &nobody), Err(ChartError::Cache { .. })));
}
