//! One process of `mooring` and what it says.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// A process that is killed when it is dropped.
#[derive(Clone)]
pub struct Agent(Arc<Process>);

struct Process {
    child: Mutex<Child>,
    log: PathBuf,
}

impl Agent {
    /// Starts `mooring` with its log at a level, these arguments and variables of its environment; what it says goes to
    /// `log`.
    pub fn start(level: &str, arguments: &[String], variables: &[(&str, &str)], log: &Path) -> Self {
        let file = File::create(log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_mooring"))
            .args(["--log-format", "json", "--log-level", level])
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self(Arc::new(Process { child: Mutex::new(child), log: log.to_owned() }))
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.0.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_running(&self) -> bool {
        self.child().try_wait().unwrap().is_none()
    }

    pub fn id(&self) -> u32 {
        self.child().id()
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&self) {
        let mut child = self.child();
        let _ = child.kill();
        child.wait().unwrap();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Any signal, by its name.
    pub fn signal(&self, name: &str) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child().try_wait().unwrap()
    }

    /// All that it said.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.0.log).unwrap()).into_owned()
    }

    /// Its log, an event each.
    pub fn log(&self) -> Vec<Value> {
        self.text().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Whether an event's message holds these words.
    pub fn said(&self, words: &str) -> bool {
        self.log().iter().any(|event| message(event).contains(words))
    }

    /// The messages that speak of an object or component, or hold its name.
    pub fn said_of(&self, name: &str, words: &str) -> bool {
        self.log().iter().any(|event| event.to_string().contains(name) && message(event).contains(words))
    }

    /// The drift records, in order.
    pub fn drifts(&self) -> Vec<Value> {
        let drifts = self.log().into_iter().filter(|event| event["topic"] == "drift");
        drifts.map(|mut event| event["record"].take()).collect()
    }

    /// The drift records of one object.
    pub fn drifts_of(&self, name: &str) -> Vec<Value> {
        self.drifts().into_iter().filter(|record| record["object"]["name"] == name).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn message(event: &Value) -> &str {
    event["message"].as_str().unwrap_or_default()
}
