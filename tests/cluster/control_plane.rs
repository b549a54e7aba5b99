//! A real Kubernetes on loopback, with a simulated node.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, OnceLock};

use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use tokio::runtime::Runtime;

/// For the tests' own requests.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

pub struct ControlPlane {
    process: Child,
    binaries: PathBuf,
    directory: PathBuf,
    client: kube::Client,
}

/// A request that the API server answered, as its audit log tells.
#[derive(Debug)]
pub struct Audited {
    pub verb: String,
    pub uri: String,
}

impl Audited {
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }

    pub fn is_of_the_lease(&self) -> bool {
        self.uri.contains("/leases")
    }
}

impl ControlPlane {
    /// The one that tests share.
    pub fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<ControlPlane>> = OnceLock::new();
        SHARED.get_or_init(|| Arc::new(Self::start("shared"))).clone()
    }

    /// One of its own, for a test that would disturb others.
    pub fn start(name: &str) -> Self {
        // Ring is the one provider that is compiled in, and a second call is no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built =
            Command::new(root.join("bootstrap/cluster/build.sh")).stderr(Stdio::inherit()).output().unwrap();
        assert!(built.status.success(), "bootstrap/cluster/build.sh: {}", built.status);
        let binaries = PathBuf::from(String::from_utf8(built.stdout).unwrap().trim());

        forget_dead_ones();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let log = std::fs::File::create(directory.join("up.log")).unwrap();
        // It ends with its standard input, so also when this process is killed.
        let mut process = Command::new(binaries.join("mooring-cluster"))
            .args(["up", "--simulated-node", "--ephemeral", "--stop-with-stdin", "--dir"])
            .arg(&directory)
            .arg("--audit-log")
            .arg(directory.join("audit.log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let said = || std::fs::read_to_string(directory.join("up.log")).unwrap_or_default();
        assert!(!ready.is_empty(), "the control plane did not start: {}", said());

        let client = RUNTIME.block_on(async {
            let kubeconfig = Kubeconfig::read_from(directory.join("kubeconfig")).unwrap();
            let options = KubeConfigOptions::default();
            let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
            config.default_retry = false;
            kube::Client::try_from(config).unwrap()
        });
        Self { process, binaries, directory, client }
    }

    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// The object or list at a path of the API; `None` where there is none.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.try_get(path).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// The same, where the API server may be away.
    pub fn try_get(&self, path: &str) -> Result<Option<Value>, kube::Error> {
        let request = Request::get(path).body(Vec::new()).unwrap();
        match RUNTIME.block_on(self.client.request::<Value>(request)) {
            Ok(value) => Ok(Some(value)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.send(Request::post(path), "application/json", body)
    }

    /// A JSON merge patch by a named field manager.
    pub fn merge_patch(&self, path: &str, manager: &str, body: &Value) -> Value {
        let request = Request::patch(format!("{path}?fieldManager={manager}"));
        self.send(request, "application/merge-patch+json", body)
    }

    fn send(&self, request: http::request::Builder, content_type: &str, body: &Value) -> Value {
        let request =
            request.header("content-type", content_type).body(body.to_string().into_bytes()).unwrap();
        let what = format!("{} {}", request.method(), request.uri());
        RUNTIME.block_on(self.client.request(request)).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// The real kubectl, as a person would run it.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let output = Command::new(self.binaries.join("kubectl"))
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(arguments)
            .env("HOME", &self.directory)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {}: {said}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Where kubectl is.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.join("kubeconfig")
    }

    /// A kubeconfig of an administrator under another name, so that the audit log tells whose requests were whose.
    pub fn kubeconfig_of(&self, user: &str, file: &Path) {
        let text = std::fs::read_to_string(self.kubeconfig()).unwrap();
        let mut config: Value = serde_yaml::from_str(&text).unwrap();
        config["users"][0]["user"]["as"] = user.into();
        config["users"][0]["user"]["as-groups"] = serde_json::json!(["system:masters"]);
        std::fs::write(file, serde_yaml::to_string(&config).unwrap()).unwrap();
    }

    /// A kubeconfig of whom a token stands for.
    pub fn kubeconfig_with_token(&self, token: &str, file: &Path) {
        self.kubeconfig_of_user(&serde_json::json!({ "token": token }), file);
    }

    /// A kubeconfig for whoever has the token that is in another file.
    pub fn kubeconfig_with_token_file(&self, token: &Path, file: &Path) {
        self.kubeconfig_of_user(&serde_json::json!({ "tokenFile": token }), file);
    }

    fn kubeconfig_of_user(&self, user: &Value, file: &Path) {
        let text = std::fs::read_to_string(self.kubeconfig()).unwrap();
        let mut config: Value = serde_yaml::from_str(&text).unwrap();
        config["users"][0]["user"] = user.clone();
        std::fs::write(file, serde_yaml::to_string(&config).unwrap()).unwrap();
    }

    /// The API server's audit log, a request each line.
    pub fn audit_log(&self) -> String {
        std::fs::read_to_string(self.directory.join("audit.log")).unwrap()
    }

    /// What the user of `kubeconfig_of` asked for, in order. Watches count when they begin.
    pub fn requests_of(&self, user: &str) -> Vec<Audited> {
        let quoted = format!("\"{user}\"");
        self.audit_log()
            .lines()
            .filter(|line| line.contains(&quoted))
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| {
                let watch = line["verb"] == "watch";
                line["impersonatedUser"]["username"] == user
                    && line["stage"] == if watch { "ResponseStarted" } else { "ResponseComplete" }
            })
            .map(|line| Audited {
                verb: line["verb"].as_str().unwrap().to_owned(),
                uri: line["requestURI"].as_str().unwrap().to_owned(),
            })
            .collect()
    }

    /// Stops or starts one of its components.
    pub fn component(&self, action: &str, name: &str) {
        let output = Command::new(self.binaries.join("mooring-cluster"))
            .args([action, name, "--dir"])
            .arg(&self.directory)
            .output()
            .unwrap();
        assert!(output.status.success(), "{action} {name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for ControlPlane {
    /// For those of single tests; the shared one ends with this process.
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Removes what runs of this test before left.
fn forget_dead_ones() {
    for entry in std::fs::read_dir(env!("CARGO_TARGET_TMPDIR")).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if let Some((pid, _)) = name.split_once('-')
            && pid.parse::<u32>().is_ok()
            && !Path::new("/proc").join(pid).exists()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
