//! What is said at the end.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use super::NOT_DELIVERED;
use super::arguments::{Job, Target};
use crate::cli::paint;
use crate::producer::WindowManifest;
use crate::producer::sink::{Counters, Outcome, SinkError};

/// Says that all is in.
pub(super) fn delivered(job: &Job, outcome: &Outcome, time: Duration) -> ExitCode {
    match outcome {
        Outcome::Delivered(manifest) => {
            let seconds = time.as_secs_f64();
            anstream::eprintln!("{}: {} in {seconds:.1} s", paint::good("delivered"), place(job));
            anstream::eprint!("{}", self::manifest(manifest));
        }
        Outcome::WasIn(manifest) => {
            anstream::eprintln!("{}: {}; nothing was sent", paint::good("in already"), place(job));
            anstream::eprint!("{}", self::manifest(manifest));
        }
    }
    ExitCode::SUCCESS
}

/// Says what is in and what is not, and why.
pub(super) fn not_delivered(job: &Job, error: &SinkError, counters: &Counters) {
    anstream::eprintln!("{}: {}: {error}", paint::wrong("not delivered"), place(job));
    let expected = number(counters.expected());
    let delivered = number(counters.delivered());
    let said = match &job.target {
        Target::Kafka(options) if options.transaction.is_some() => match (error, counters.committed()) {
            (SinkError::InDoubt { .. } | SinkError::InOtherwise { .. }, _) => return,
            (_, 0) => format!(
                "none of {expected} events are in, nor is a manifest: a reader of what is committed sees nothing"
            ),
            (_, slices) => format!(
                "{slices} slices of it are in, each with its manifest; the same run again sends the others"
            ),
        },
        Target::Kafka(_) => {
            format!(
                "{delivered} records of {expected} events are in, without a manifest; the same run again sends all of them, the same ids again"
            )
        }
        Target::File(path) => format!("none of {expected} events: {} was not written", path.display()),
        Target::Stdout => format!("{delivered} of {expected} events were written"),
    };
    anstream::eprintln!("  {said}");
}

fn place(job: &Job) -> String {
    match &job.target {
        Target::Stdout => job.title(),
        Target::File(path) => format!("{} to {}", job.title(), path.display()),
        Target::Kafka(options) => {
            format!("{} to topic {} at {}", job.title(), options.topic, options.servers)
        }
    }
}

/// A manifest as people read it.
pub(super) fn manifest(manifest: &WindowManifest) -> String {
    let mut text = String::new();
    let mut line = |name: &str, what: String| {
        // Writing to memory does not fail.
        let _ = writeln!(text, "  {name:<10} {what}");
    };
    line("events", format!("{}, {} unique ids", number(manifest.events), number(manifest.unique_ids)));
    if manifest.records != manifest.events {
        line("records", number(manifest.records));
    }
    for (class, count) in &manifest.dirt {
        line(class.name(), number(*count));
    }
    for (unit, sum) in &manifest.amounts {
        line(unit, sum.to_string());
    }
    for (partition, last) in &manifest.last_offsets {
        let first = manifest.first_offsets.get(partition).copied().unwrap_or_default();
        line(partition, format!("offsets {first} to {last}"));
    }
    line("sha256", manifest.ids_sha256.clone());
    text
}

/// `1,234,567`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            anstream::eprintln!("{}: failed to write to standard output: {error}", paint::wrong("error"));
            ExitCode::from(NOT_DELIVERED)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Writes a manifest as one line of JSON.
pub(super) fn print_json(manifest: &WindowManifest) -> ExitCode {
    match serde_json::to_string(manifest) {
        Ok(text) => print(&(text + "\n")),
        Err(error) => {
            anstream::eprintln!("{}: failed to write the manifest as JSON: {error}", paint::wrong("error"));
            ExitCode::from(NOT_DELIVERED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_groups_of_three() {
        let texts = [0, 999, 1000, 1_234_567].map(number);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }
}
