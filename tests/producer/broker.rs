//! A real Kafka on loopback.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

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

fn start() -> Broker {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/producer/kafka/broker.sh");
    let mut keeper = spawn(Command::new(script).stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut servers = String::new();
    BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut servers).unwrap();
    assert!(servers.starts_with("127.0.0.1:"), "Kafka did not start");
    // The pipe to the script's standard input is closed with this process, and not before: then it ends Kafka by its pid.
    std::mem::forget(keeper);
    Broker { servers: servers.trim().to_owned() }
}
