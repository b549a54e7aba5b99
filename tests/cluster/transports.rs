//! Git over ssh and https, against servers of their own on loopback.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

use crate::agent::Agent;
use crate::scene::{Scene, config_map};

const TOKEN: &str = "a-token-that-nobody-may-see";

/// The server's program, built once.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/gitserver");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gitserver");
    let built = Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(source).status();
    assert!(built.unwrap().success(), "go build tests/cluster/gitserver");
    program
});

/// A server of a scene's repository; it ends with this value.
struct GitServer {
    process: Child,
    said: Value,
}

impl GitServer {
    fn start(scene: &Scene) -> Self {
        let mut process = Command::new(&*PROGRAM)
            .arg("--root")
            .arg(scene.folder())
            .args(["--token", TOKEN])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap();
        Self { process, said }
    }

    fn said(&self, what: &str) -> &str {
        self.said[what].as_str().unwrap()
    }

    /// Writes what the server said into a file of the scene.
    fn file(&self, scene: &Scene, what: &str) -> String {
        let path = scene.folder().join(what);
        std::fs::write(&path, self.said(what)).unwrap();
        path.display().to_string()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn scene() -> Scene {
    let scene = Scene::new();
    scene.push(&[
        ("environment", "components: [{name: app, manifests: app}]"),
        ("app/all.yaml", &config_map("one", &[("a", "1")])),
    ]);
    scene
}

/// Starts an agent on another address of the scene's repository.
fn start(scene: &mut Scene, state: &str, repo: &str, more: &[&str], environment: &[(&str, &str)]) -> Agent {
    let mut arguments = vec!["agent".to_owned(), "--no-listen".to_owned()];
    arguments.extend(["--environment".to_owned(), scene.name.clone(), "--repo".to_owned(), repo.to_owned()]);
    // All but the repository.
    arguments.extend(scene.arguments(state).into_iter().skip(2));
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    scene.run_with(&arguments, environment)
}

/// Ends an agent, so that it gives its lease back to the next.
fn end(scene: &Scene, agent: &Agent) {
    agent.terminate();
    scene.wait_until("the agent ends", || !agent.is_running());
}

#[test]
fn a_repository_is_read_over_ssh_with_a_key_and_known_hosts() {
    let mut scene = scene();
    let server = GitServer::start(&scene);
    let repo = format!("ssh://git@{}/remote.git", server.said("ssh"));
    let (key, known) = (server.file(&scene, "key"), server.file(&scene, "knownHost"));

    // A host that nobody has vouched for is not talked to.
    let nobody = scene.folder().join("nobody").display().to_string();
    std::fs::write(
        &nobody,
        "example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC2bV3ZmkOCEd5IVkVFWqz0zHa2WC58cbejEJIEu5tcr\n",
    )
    .unwrap();
    let strangers = start(&mut scene, "state-1", &repo, &["--ssh-key", &key, "--known-hosts", &nobody], &[]);
    scene.wait_until("the host is refused", || strangers.text().contains("known"));
    assert!(scene.get("configmaps", "one").is_none());
    end(&scene, &strangers);

    start(&mut scene, "state-2", &repo, &["--ssh-key", &key, "--known-hosts", &known], &[]);
    scene.settles();
    scene.push(&[("app/all.yaml", &config_map("one", &[("a", "2")]))]);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
    assert!(!scene.agent().text().contains("PRIVATE KEY"));
}

#[test]
fn a_repository_is_read_over_https_with_a_token() {
    let mut scene = scene();
    let server = GitServer::start(&scene);
    let repo = format!("https://{}/remote.git", server.said("https"));
    let authority = server.file(&scene, "authority");

    // Neither a certificate that nobody has vouched for nor a wrong token.
    let token = ("MOORING_GIT_TOKEN", TOKEN);
    let trusting = ("SSL_CERT_FILE", authority.as_str());
    let untrusting = start(&mut scene, "state-1", &repo, &[], &[token]);
    scene.wait_until("the certificate is refused", || untrusting.text().contains("certificate"));
    end(&scene, &untrusting);
    let wrong = start(&mut scene, "state-2", &repo, &[], &[("MOORING_GIT_TOKEN", "wrong"), trusting]);
    scene.wait_until("the token is refused", || wrong.text().contains("token"));
    end(&scene, &wrong);
    assert!(scene.get("configmaps", "one").is_none());

    start(&mut scene, "state-3", &repo, &[], &[token, trusting]);
    scene.settles();
    scene.push(&[("app/all.yaml", &config_map("one", &[("a", "2")]))]);
    scene.settles();
    assert_eq!(scene.datum("one", "a").as_deref(), Some("2"));
    assert!(!scene.agent().text().contains(TOKEN));
}
