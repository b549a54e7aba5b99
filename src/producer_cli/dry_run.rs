//! `--dry-run`: ten events and the manifest.

use std::process::ExitCode;

use super::arguments::{Job, Output};
use super::words;
use crate::producer::{Format, Record};

const EVENTS: usize = 10;

/// Prints what would be sent.
pub(super) fn run(job: &Job) -> ExitCode {
    let mut generator = job.recipe.generator();
    let mut record = Record::default();
    let mut text = String::new();
    let mut shown = 0;
    while generator.next(&mut record) {
        if shown < EVENTS {
            match job.recipe.format {
                Format::Json => text.push_str(&String::from_utf8_lossy(&record.value)),
                Format::Avro => text.push_str(&data_encoding::HEXLOWER.encode(&record.value)),
            }
            text.push('\n');
            shown += 1;
        }
    }
    let manifest = generator.manifest();
    if job.output == Output::Json {
        let code = words::print(&text);
        return if code == ExitCode::SUCCESS { words::print_json(&manifest) } else { code };
    }
    words::print(&format!("{text}\n{}", words::manifest(&manifest)))
}
