//! One process of `mooring-producer`.

use std::fs::File;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mooring::producer::WindowManifest;
use tempfile::NamedTempFile;

/// A window of ten thousand events at a hundred a second, or so.
pub const WINDOW: &str = "2026-03-01T10:00:00Z/2026-03-01T10:01:00Z";

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_mins(2);

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mooring-producer"));
    // Nothing of this machine's environment is to be read.
    command.env_clear().args(arguments).stdin(Stdio::null());
    command
}

static STARTING: Mutex<()> = Mutex::new(());

/// Does something while no process of these tests is being started.
pub fn while_nothing_starts<T>(act: impl FnOnce() -> T) -> T {
    let _nothing_starts = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    act()
}

/// Starts a process.
pub fn spawn(command: &mut Command) -> Child {
    while_nothing_starts(|| command.spawn()).unwrap()
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Output {
    let mut command = command(arguments);
    spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped())).wait_with_output().unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The manifest that it printed last.
pub fn manifest(output: &Output) -> WindowManifest {
    serde_json::from_str(out(output).lines().last().unwrap()).unwrap_or_else(|_| panic!("{}", err(output)))
}

/// A run that goes on. It is killed with its test.
pub struct Running {
    child: Child,
    words: NamedTempFile,
}

pub fn start(arguments: &[&str]) -> Running {
    let words = NamedTempFile::new().unwrap();
    let to = |file: &NamedTempFile| Stdio::from(File::options().append(true).open(file.path()).unwrap());
    let child = spawn(command(arguments).stdout(Stdio::null()).stderr(to(&words)));
    Running { child, words }
}

impl Running {
    /// What it has said so far.
    pub fn words(&self) -> String {
        std::fs::read_to_string(self.words.path()).unwrap()
    }

    /// Waits until it has said so.
    pub fn says(&mut self, what: &str) -> String {
        let began = Instant::now();
        loop {
            let words = self.words();
            if words.contains(what) {
                return words;
            }
            assert!(
                self.child.try_wait().unwrap().is_none() && began.elapsed() < PATIENCE,
                "no {what:?} in: {words}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(spawn(Command::new("kill").args(["-TERM", &pid])).wait().unwrap().success());
    }

    /// Waits for its end: exit code and words.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not end: {}", self.words());
            std::thread::sleep(Duration::from_millis(20));
        }
        (self.child.wait().unwrap().code(), self.words())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
