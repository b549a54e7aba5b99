//! Against commits that real git made, with real ssh-keygen and gpg.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::super::git::{GitOptions, GitSource};
use super::super::{Address, Source, SourceEvent};
use super::*;

/// A developer with a repository, keys, and a folder in which some of them are listed.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(desk.path("listed")).unwrap();
        std::fs::create_dir(desk.path("gnupg")).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(desk.path("gnupg"), std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
        desk.git(&["init", "--quiet", "--initial-branch", "main"]);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("GNUPGHOME", self.path("gnupg"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}; tests/run.sh unit installs it"));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {text}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut all = vec!["-C", "work", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
        if arguments.first() == Some(&"init") {
            all.drain(..2);
        }
        all.extend(arguments);
        if arguments.first() == Some(&"init") {
            all.push("work");
        }
        self.run("git", &all)
    }

    fn gpg(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--batch", "--yes", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback"];
        all.extend(arguments);
        self.run("gpg", &all)
    }

    /// Makes an ssh key; returns its public line.
    fn ssh_key(&self, name: &str, kind: &[&str]) -> String {
        let comment = format!("{name}@example.org");
        let file = self.path(name).display().to_string();
        let mut arguments = vec!["-q", "-N", "", "-C", &comment, "-f", &file];
        arguments.extend(kind);
        self.run("ssh-keygen", &arguments);
        std::fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap()
    }

    /// Makes an OpenPGP key; returns the fingerprint.
    fn gpg_key(&self, user: &str, more: &[&str]) -> String {
        let mut arguments = vec!["--quick-generate-key", user];
        arguments.extend(more);
        self.gpg(&arguments);
        self.fingerprints(user).remove(0)
    }

    /// The fingerprints of a key and its subkeys.
    fn fingerprints(&self, user: &str) -> Vec<String> {
        let lines = self.gpg(&["--with-colons", "--list-keys", user]);
        let of_keys = lines.lines().filter_map(|line| line.strip_prefix("fpr:"));
        of_keys.map(|line| line.trim_matches(':').to_owned()).collect()
    }

    fn list(&self, file: &str, keys: &str) {
        std::fs::write(self.path("listed").join(file), keys).unwrap();
    }

    fn list_gpg(&self, user: &str) {
        self.list(
            &format!("{}.asc", user.split(' ').next().unwrap()),
            &self.gpg(&["--armor", "--export", user]),
        );
    }

    /// Commits without a signature, or with one by the settings given.
    fn commit(&self, settings: &[&str]) -> String {
        let mut arguments: Vec<String> =
            settings.iter().flat_map(|one| ["-c".to_owned(), (*one).to_owned()]).collect();
        arguments
            .extend(["commit", "--quiet", "--allow-empty", "--message", "feat: more"].map(ToOwned::to_owned));
        if !settings.is_empty() {
            arguments.push("-S".to_owned());
        }
        self.git(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        self.git(&["rev-parse", "HEAD"])
    }

    fn commit_by_ssh(&self, name: &str) -> String {
        let key = format!("user.signingKey={}", self.path(name).display());
        self.commit(&["gpg.format=ssh", &key])
    }

    /// Commits with gpg and further arguments of it.
    fn commit_by_gpg(&self, key: &str, more: &str) -> String {
        let program = self.path("gpg-with-arguments");
        std::fs::write(&program, format!("#!/bin/sh\nexec gpg --batch --quiet {more} \"$@\"\n")).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let program = format!("gpg.program={}", program.display());
        self.commit(&["gpg.format=openpgp", &program, &format!("user.signingKey={key}!")])
    }

    /// Puts a commit of this content on the branch, as somebody would who has no key.
    fn forge(&self, content: &str) {
        std::fs::write(self.path("forged"), content).unwrap();
        let forged = self.path("forged").display().to_string();
        let id = self.git(&["hash-object", "-t", "commit", "-w", &forged]);
        self.git(&["update-ref", "refs/heads/main", &id]);
    }

    fn options(&self, state: &str) -> GitOptions {
        let address = Address::parse(self.path("work").to_str().unwrap()).unwrap();
        let mut options = GitOptions::new(address, "main", self.path(state));
        options.interval = std::time::Duration::from_millis(50);
        options.verification = Some(Verification::by(self.path("listed"), true).unwrap());
        options
    }

    /// What becomes of the newest commit.
    fn verdict(&self) -> Result<Signer, Fault> {
        let repository = Repository::open(self.path("work")).unwrap();
        let keys = TrustedKeys::read(&self.path("listed")).unwrap();
        check(&repository, &self.git(&["rev-parse", "HEAD"]), &keys, Timestamp::now())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let kill =
            Command::new("gpgconf").arg("--homedir").arg(self.path("gnupg")).args(["--kill", "all"]).status();
        drop(kill);
    }
}

#[test]
fn commits_that_git_signs_by_ssh_are_accepted_for_each_kind_of_key() {
    let desk = Desk::new();
    for (name, kind) in [
        ("ed25519", vec!["-t", "ed25519"]),
        ("p256", vec!["-t", "ecdsa", "-b", "256"]),
        ("p384", vec!["-t", "ecdsa", "-b", "384"]),
        ("p521", vec!["-t", "ecdsa", "-b", "521"]),
        ("rsa", vec!["-t", "rsa", "-b", "2048"]),
    ] {
        let line = desk.ssh_key(name, &kind);
        desk.list(name, &line);
        desk.commit_by_ssh(name);
        let signer = desk.verdict().unwrap();
        assert_eq!(signer.who, format!("{name}@example.org"));
        let listed = desk.run("ssh-keygen", &["-l", "-f", desk.path(name).to_str().unwrap()]);
        assert!(listed.contains(&signer.key.fingerprint), "{listed}: {signer}");
    }
}

#[test]
fn what_is_wrong_with_a_signature_by_ssh_is_named() {
    let desk = Desk::new();
    let ada = desk.ssh_key("ada", &["-t", "ed25519"]);
    desk.ssh_key("eve", &["-t", "ed25519"]);
    desk.list("signers", &format!("ada@example.org {ada}"));

    desk.commit(&[]);
    assert_eq!(desk.verdict(), Err(Fault::Unsigned));

    desk.commit_by_ssh("eve");
    let Err(Fault::UnknownKey(key)) = desk.verdict() else { panic!("eve is accepted") };
    assert!(desk.run("ssh-keygen", &["-l", "-f", "eve"]).contains(&key.fingerprint));

    desk.commit_by_ssh("ada");
    assert_eq!(desk.verdict().unwrap().who, "ada@example.org");
    let good = desk.git(&["cat-file", "commit", "HEAD"]) + "\n";
    desk.forge(&good.replace("feat: more", "feat: most"));
    assert!(matches!(desk.verdict(), Err(Fault::Invalid(_))), "{:?}", desk.verdict());
    desk.forge(&good);
    assert!(desk.verdict().is_ok());

    for (options, expected) in [
        ("valid-before=\"20200101Z\"", "expired at 2020-01-01T00:00:00Z"),
        ("valid-after=\"22000101Z\"", "only valid from 2200-01-01T00:00:00Z"),
        ("namespaces=\"file\"", "listed for file"),
    ] {
        desk.list("signers", &format!("ada@example.org {options} {ada}"));
        let told = desk.verdict().unwrap_err().to_string();
        assert!(told.contains(expected) && told.contains("SHA256:"), "{told}");
    }
    desk.list("signers", &format!("ada@example.org valid-before=\"20200101Z\" {ada}\nada@example.org {ada}"));
    assert!(desk.verdict().is_ok(), "one line that fits is enough");

    // The same content, signed by the same key as a file.
    let (head, message) = good.split_once("\n\n").unwrap();
    let unsigned: String = head.split("gpgsig ").next().unwrap().to_owned() + "\n" + message;
    std::fs::write(desk.path("payload"), &unsigned).unwrap();
    desk.run("ssh-keygen", &["-Y", "sign", "-n", "file", "-f", "ada", "payload"]);
    let signature = std::fs::read_to_string(desk.path("payload.sig")).unwrap();
    let folded = signature.trim_end().replace('\n', "\n ");
    desk.forge(&unsigned.replacen("\n\n", &format!("\ngpgsig {folded}\n\n"), 1));
    let Err(Fault::Namespace { namespace, .. }) = desk.verdict() else { panic!("{:?}", desk.verdict()) };
    assert_eq!(namespace, "file");

    desk.forge(&good.replace("SSH SIGNATURE", "SIGNED MESSAGE"));
    let told = desk.verdict().unwrap_err().to_string();
    assert!(told.contains("neither an ssh nor an OpenPGP"), "{told}");
}

#[test]
fn commits_that_git_signs_by_gpg_are_accepted_for_each_kind_of_key() {
    let desk = Desk::new();
    for (user, kind) in [
        ("ed <ed@example.org>", "ed25519"),
        ("nist <nist@example.org>", "nistp256"),
        ("rsa <rsa@example.org>", "rsa2048"),
    ] {
        let primary = desk.gpg_key(user, &[kind, "sign", "never"]);
        desk.list_gpg(user);
        desk.commit_by_gpg(&primary, "");
        let signer = desk.verdict().unwrap();
        assert_eq!((signer.who.as_str(), signer.key.fingerprint.as_str()), (user, primary.as_str()));
    }
    let primary = desk.gpg_key("sub <sub@example.org>", &["ed25519", "cert", "never"]);
    desk.gpg(&["--quick-add-key", &primary, "ed25519", "sign", "never"]);
    desk.list_gpg("sub <sub@example.org>");
    let subkey = desk.fingerprints("sub <sub@example.org>").remove(1);
    desk.commit_by_gpg(&subkey, "");
    let signer = desk.verdict().unwrap();
    assert_eq!((signer.who.as_str(), &signer.key.fingerprint), ("sub <sub@example.org>", &subkey));
}

#[test]
fn what_is_wrong_with_a_signature_by_gpg_is_named() {
    let desk = Desk::new();
    let rsa = desk.gpg_key("rsa <rsa@example.org>", &["rsa2048", "sign", "never"]);
    let eve = desk.gpg_key("eve <eve@example.org>", &["ed25519", "sign", "never"]);
    desk.list_gpg("rsa <rsa@example.org>");

    desk.commit_by_gpg(&eve, "");
    let Err(Fault::UnknownKey(key)) = desk.verdict() else { panic!("eve is accepted") };
    assert_eq!(key.fingerprint, eve);

    desk.commit_by_gpg(&rsa, "");
    let good = desk.git(&["cat-file", "commit", "HEAD"]) + "\n";
    desk.forge(&good.replace("feat: more", "feat: most"));
    assert!(matches!(desk.verdict(), Err(Fault::Invalid(_))), "{:?}", desk.verdict());

    desk.commit_by_gpg(&rsa, "--digest-algo SHA1");
    let told = desk.verdict().unwrap_err().to_string();
    assert!(told.contains("too weak") && told.contains("SHA1") && told.contains(&rsa), "{told}");

    desk.commit_by_gpg(&rsa, "--default-sig-expire 0 --faked-system-time 22000101T000000");
    assert!(matches!(desk.verdict(), Err(Fault::NotYetValid { .. })), "{:?}", desk.verdict());

    let then = "--faked-system-time=20200101T000000";
    desk.gpg(&[then, "--quick-generate-key", "old <old@example.org>", "ed25519", "sign", "seconds=86400"]);
    let old = desk.fingerprints("old <old@example.org>").remove(0);
    desk.list_gpg("old <old@example.org>");
    desk.commit_by_gpg(&old, then);
    let told = desk.verdict().unwrap_err().to_string();
    assert!(told.contains("expired at 2020-01-02T00:00:00Z") && told.contains(&old), "{told}");

    let primary = desk.gpg_key("sub <sub@example.org>", &["ed25519", "cert,sign", "never"]);
    desk.gpg(&["--quick-add-key", &primary, "ed25519", "sign", "never"]);
    let subkey = desk.fingerprints("sub <sub@example.org>").remove(1);
    desk.commit_by_gpg(&subkey, "");
    let listed_before = desk.gpg(&["--armor", "--export", &primary]);
    // The certificate that gpg keeps beside each key, armed against use by mistake with a colon.
    let certificate = desk.path(&format!("gnupg/openpgp-revocs.d/{primary}.rev"));
    let certificate = std::fs::read_to_string(certificate).unwrap().replace(":-----BEGIN", "-----BEGIN");
    std::fs::write(desk.path("revocation"), certificate).unwrap();
    desk.gpg(&["--import", "revocation"]);
    desk.list("a.asc", &listed_before);
    assert!(desk.verdict().is_ok());
    // Listed twice, as it was and as it is.
    desk.list_gpg("sub <sub@example.org>");
    assert_eq!(desk.verdict(), Err(Fault::Revoked(KeyName { kind: "OpenPGP", fingerprint: primary })));
}

#[test]
fn without_a_usable_key_nothing_begins() {
    let desk = Desk::new();
    let told = |name: &str| Verification::by(desk.path(name), true).unwrap_err().to_string();
    assert!(told("listed").contains("holds no key"), "{}", told("listed"));
    assert!(told("nowhere").contains("nowhere"));
    desk.ssh_key("ada", &["-t", "ed25519"]);
    assert!(told("ada").contains("holds a private key"), "{}", told("ada"));
    desk.list("README", "these are our keys\n");
    assert!(told("listed").contains("README line 1: is no ssh public key"), "{}", told("listed"));
}

#[tokio::test]
async fn a_refused_commit_is_told_once_and_the_last_good_one_stays_also_after_a_restart() {
    let desk = Desk::new();
    let ada = desk.ssh_key("ada", &["-t", "ed25519"]);
    desk.list("signers", &ada);
    let good = desk.commit_by_ssh("ada");
    let source = Source::git(desk.options("state")).unwrap();
    assert_eq!(source.latest().await.unwrap().revision().id, good);
    drop(source);

    let bad = desk.commit(&[]);
    let refused = GitSource::new(desk.options("other")).unwrap().poll(None).await.unwrap_err();
    assert!(refused.to_string().contains(&bad), "{refused}");
    assert_eq!(GitSource::new(desk.options("other")).unwrap().kept().await.unwrap().map(drop), None);

    let (tx, mut rx) = tokio::sync::mpsc::channel(4);
    let poke = std::sync::Arc::new(tokio::sync::Notify::new());
    let cancel = tokio_util::sync::CancellationToken::new();
    let source = Source::git(desk.options("state")).unwrap();
    let running = tokio::spawn(source.run(poke.clone(), tx, cancel.clone()));
    let Some(SourceEvent::Failed(failure)) = rx.recv().await else { panic!("it is not refused") };
    assert_eq!(failure.error.refused().unwrap().revision.id, bad);
    let Some(SourceEvent::Revision(kept)) = rx.recv().await else { panic!("nothing is kept") };
    assert_eq!(kept.snapshot.revision().id, good);
    // Whatever it says next, it is not the same refusal again.
    let next = tokio::time::timeout(std::time::Duration::from_millis(400), rx.recv()).await;
    assert!(next.is_err(), "{next:?}");
    let better = desk.commit_by_ssh("ada");
    let Some(SourceEvent::Recovered { attempts, .. }) = rx.recv().await else { panic!("no recovery") };
    assert!(attempts > 1, "it was asked for again and again");
    let Some(SourceEvent::Revision(arrival)) = rx.recv().await else { panic!("no revision") };
    assert_eq!(arrival.snapshot.revision().id, better);
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_machine_that_kept_nothing_fetches_the_commit_that_was_applied_last() {
    let desk = Desk::new();
    desk.list("signers", &desk.ssh_key("ada", &["-t", "ed25519"]));
    let good = desk.commit_by_ssh("ada");
    let bad = desk.commit(&[]);
    let last = |id: &str| GitSource::new(desk.options(id)).unwrap().remembering(id.parse().ok());
    assert_eq!(last(&good).last().await.unwrap().unwrap().snapshot.revision().id, good);
    assert_eq!(last(&good).kept().await.unwrap().unwrap().snapshot.revision().id, good);
    assert!(matches!(last(&bad).last().await, Err(SourceError::Unverified(_))));
}

#[tokio::test]
async fn a_key_that_is_listed_later_is_known_without_a_restart() {
    let desk = Desk::new();
    let ada = desk.ssh_key("ada", &["-t", "ed25519"]);
    let eve = desk.ssh_key("eve", &["-t", "ed25519"]);
    desk.list("signers", &ada);
    let source = GitSource::new(desk.options("state")).unwrap();
    let commit = desk.commit_by_ssh("eve");
    assert!(matches!(source.poll(None).await, Err(SourceError::Unverified(_))));
    desk.list("more", &eve);
    assert_eq!(source.poll(None).await.unwrap().unwrap().snapshot.revision().id, commit);
    // A list that cannot be read lets nothing pass.
    desk.list("more", "what is this\n");
    assert!(matches!(source.poll(None).await, Err(SourceError::Keys { .. })));
}

#[tokio::test]
async fn a_warning_stops_nothing() {
    let desk = Desk::new();
    desk.list("signers", &desk.ssh_key("ada", &["-t", "ed25519"]));
    let commit = desk.commit(&[]);
    let mut options = desk.options("state");
    options.verification = Some(Verification::by(desk.path("listed"), false).unwrap());
    let source = GitSource::new(options).unwrap();
    assert_eq!(source.poll(None).await.unwrap().unwrap().snapshot.revision().id, commit);
    desk.list("signers", "what is this\n");
    assert_eq!(source.poll(None).await.unwrap().unwrap().snapshot.revision().id, commit);
}
