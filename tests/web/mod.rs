//! A chart repository on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use sha2::Digest as _;

type Pages = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A repository with versions of the chart `app`, whose one ConfigMap `app` says the version.
pub struct Repository {
    /// Its address.
    pub url: String,
    pages: Pages,
}

impl Repository {
    /// Begins without a chart; answers nobody but who proves to be this user with this password.
    pub fn start(login: Option<(&str, &str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let pages = Pages::default();
        let served = pages.clone();
        let proof = login.map(|(user, password)| {
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            format!("Basic {pair}")
        });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (served, proof) = (served.clone(), proof.clone());
                std::thread::spawn(move || answer(stream, &served, proof.as_deref()));
            }
        });
        Self { url, pages }
    }

    /// Publishes a version; returns its digest as a lock has it.
    pub fn publish(&self, version: &str) -> String {
        let data = packed(version);
        let mut pages = self.pages.lock().unwrap();
        pages.insert(format!("/app-{version}.tgz"), data.clone());
        let mut index = "apiVersion: v1\nentries:\n  app:\n".to_owned();
        for (path, data) in pages.iter().filter(|(path, _)| path.ends_with(".tgz")) {
            let version = path.trim_start_matches("/app-").trim_end_matches(".tgz");
            let line =
                format!("  - {{version: {version}, digest: {}, urls: [app-{version}.tgz]}}\n", digest(data));
            index.push_str(&line);
        }
        pages.insert("/index.yaml".to_owned(), index.into_bytes());
        format!("sha256:{}", digest(&data))
    }

    /// From now on it has nothing.
    pub fn forget(&self) {
        self.pages.lock().unwrap().clear();
    }
}

fn digest(data: &[u8]) -> String {
    sha2::Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn packed(version: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, text) in [
        ("app/Chart.yaml", format!("apiVersion: v2\nname: app\nversion: {version}\n")),
        (
            "app/templates/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n  version: {{ .Chart.Version }}\n".to_owned(),
        ),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&builder.into_inner().unwrap()).unwrap();
    gzip.finish().unwrap()
}

fn answer(mut stream: TcpStream, pages: &Pages, proof: Option<&str>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    loop {
        let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
        let mut given = None;
        loop {
            let line = lines.next()?.ok()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("authorization")
            {
                given = Some(value.to_owned());
            }
        }
        let page = pages.lock().unwrap().get(&path).cloned();
        let (status, body) = match page {
            _ if proof.is_some() && given.as_deref() != proof => (401, Vec::new()),
            Some(body) => (200, body),
            None => (404, Vec::new()),
        };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok()?;
    }
}
