//! A real Kafka on loopback.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::command::spawn;

/// One Kafka for all tests.
pub struct Broker {
    pub servers: String,
}

/// The broker, started by whoever asks first.
pub fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(start)
}

/// A Kafka that also listens with TLS, and wants a login.
pub struct SecureBroker {
    /// Without either, for those who only look.
    pub servers: String,
    pub secure: String,
    /// Holds `ca.crt` and `stranger.crt`.
    pub certificates: TempDir,
}

pub const USER: &str = "producer";
pub const PASSWORD: &str = "correct-horse";

/// The broker with TLS, started by whoever asks first.
pub fn secure_broker() -> &'static SecureBroker {
    static BROKER: OnceLock<SecureBroker> = OnceLock::new();
    BROKER.get_or_init(|| {
        let certificates = tempfile::tempdir().unwrap();
        let login = format!("{USER}:{PASSWORD}");
        let said = keep(script().env("KAFKA_LOGIN", login).env("KAFKA_CERTIFICATES", certificates.path()));
        let (servers, secure) = said.split_once(' ').unwrap();
        SecureBroker { servers: servers.to_owned(), secure: secure.to_owned(), certificates }
    })
}

fn start() -> Broker {
    Broker { servers: keep(&mut script()) }
}

fn script() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/producer/kafka/broker.sh"))
}

/// Starts the script and returns what it says, once Kafka has started.
fn keep(script: &mut Command) -> String {
    let mut keeper = spawn(script.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut said = String::new();
    BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.starts_with("127.0.0.1:"), "Kafka did not start");
    // The pipe to the script's standard input is closed with this process, and not before: then it ends Kafka by its pid.
    std::mem::forget(keeper);
    said.trim().to_owned()
}
