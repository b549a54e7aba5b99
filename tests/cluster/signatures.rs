//! Only commits that a listed key signed are applied; made and signed by real git.

use std::process::{Command, Stdio};

use crate::scene::{Scene, config_map};

/// A checkout of the scene's repository, and an ssh key.
struct Desk<'a>(&'a Scene);

impl<'a> Desk<'a> {
    fn new(scene: &'a Scene) -> Self {
        let desk = Self(scene);
        desk.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "ada@example.org", "-f", "ada"]);
        desk.run("git", &["init", "--quiet", "--initial-branch", "main", "work"]);
        desk
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.0.folder()).stdin(Stdio::null());
        for name in ["GIT_AUTHOR", "GIT_COMMITTER"] {
            command.env(format!("{name}_NAME"), "Ada").env(format!("{name}_EMAIL"), "ada@example.org");
        }
        let output = command.env("HOME", self.0.folder()).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits the one object of the environment with this value and pushes it; returns the commit's short name.
    fn push(&self, value: &str, signs: bool) -> String {
        let work = self.0.folder().join("work");
        let write = |path: String, text: &str| {
            let file = work.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        let environment = self.0.environment_file("components: [{name: app, manifests: app}]");
        write(format!("environments/{}/environment.yaml", self.0.name), &environment);
        write("app/all.yaml".to_owned(), &config_map("settings", &[("a", value)]));
        let key = format!("user.signingKey={}", self.0.folder().join("ada").display());
        self.run("git", &["-C", "work", "add", "--all"]);
        let sign = if signs { "-S" } else { "--no-gpg-sign" };
        self.run(
            "git",
            &[
                "-C",
                "work",
                "-c",
                "gpg.format=ssh",
                "-c",
                &key,
                "commit",
                "--quiet",
                "--message",
                "change",
                sign,
            ],
        );
        let remote = self.0.remote().display().to_string();
        self.run("git", &["-C", "work", "push", "--quiet", &remote, "main"]);
        self.0.head()
    }
}

#[test]
fn only_signed_commits_are_applied_and_drift_is_put_back_to_the_last_of_them() {
    let mut scene = Scene::new();
    let listed = scene.folder().join("ada.pub").display().to_string();
    let arguments = ["--no-listen", "--verify", "require", "--verify-keys", &listed];
    Desk::new(&scene).push("1", true);
    scene.start_with("state", &arguments);
    scene.settles();
    assert!(scene.agent().said("is signed by ada@example.org (ssh key SHA256:"));

    let unsigned = Desk(&scene).push("2", false);
    scene.wait_until("the refusal is told", || scene.agent().said("it is not signed"));
    scene.wait_until("the status says it", || {
        let (status, message) = scene.condition("Ready");
        status == "False" && message.contains(&unsigned) && message.contains("it is not signed")
    });
    scene.disturb("settings", "a");
    assert_eq!(scene.datum("settings", "a").as_deref(), Some("1"));
    assert_eq!(scene.agent().text().matches("it is not signed").count(), 1, "it is told once");

    // After a restart the last good commit is the one before, still.
    scene.agent().kill();
    scene.start_with("state", &arguments);
    scene.wait_until("the refusal is told again", || scene.agent().said("it is not signed"));
    scene.wait_until("what is kept is taken up", || scene.agent().said("is signed by"));
    scene.disturb("settings", "a");
    assert_eq!(scene.datum("settings", "a").as_deref(), Some("1"));

    // An agent of another machine, which kept nothing, asks for the commit that the Environment's status names.
    scene.agent().terminate();
    scene.wait_until("the agent has ended", || !scene.agent().is_running());
    let second = Desk(&scene).push("4", false);
    scene.start_with("other", &arguments);
    scene.wait_until("the refusal is told", || scene.agent().said("it is not signed"));
    scene.disturb("settings", "a");
    assert_eq!(scene.datum("settings", "a").as_deref(), Some("1"));
    scene.wait_until("the status says it", || scene.condition("Ready").1.contains(&second));

    Desk(&scene).push("3", true);
    scene.settles();
    assert_eq!(scene.datum("settings", "a").as_deref(), Some("3"));
    scene.wait_until("the status is well again", || scene.condition("Ready").0 == "True");
}
