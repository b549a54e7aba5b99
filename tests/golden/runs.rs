//! `*.txtar`: runs of `helm template` in a folder of their own.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use clap::{Args as _, Command, FromArgMatches as _};
use mooring::cli::template::{Printed, TemplateArgs, arguments, flag_error, print};

use crate::cases::{Outcome, compare};

/// Runs a case.
pub fn run(text: &str) -> Outcome {
    let (about, entries) = read(text);
    let name = about.lines().next().unwrap_or_default().to_owned();
    Outcome { name, result: check(&entries) }
}

/// The words in front, and the entries by their whole header.
fn read(text: &str) -> (String, BTreeMap<String, String>) {
    let mut about = String::new();
    let mut entries = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in text.split_inclusive('\n') {
        let header =
            line.trim_end_matches('\n').strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
        match (header, &current) {
            (Some(header), _) => {
                entries.insert(header.to_owned(), String::new());
                current = Some(header.to_owned());
            }
            (None, Some(name)) => entries.get_mut(name).expect("the entry is there").push_str(line),
            (None, None) => about.push_str(line),
        }
    }
    (about, entries)
}

fn check(entries: &BTreeMap<String, String>) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (header, text) in entries {
        if matches!(header.as_str(), "arguments" | "stdout" | "stderr" | "exit code") {
            continue;
        }
        let (name, option) = header.split_once(" | ").unwrap_or((header, ""));
        let data = match option {
            "" => text.clone().into_bytes(),
            "no newline" => text.strip_suffix('\n').unwrap_or(text).as_bytes().to_vec(),
            "base64" => {
                let packed: String = text.split_whitespace().collect();
                base64::engine::general_purpose::STANDARD.decode(packed).expect("base64")
            }
            other => return Err(format!("unknown option {other:?} of {name}\n")),
        };
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, data).expect("a file");
    }
    let words = entries.get("arguments").map_or("demo\nchart\n", String::as_str);
    let words = arguments(words.lines().map(Into::into));
    let command = TemplateArgs::augment_args(Command::new("template").no_binary_name(true));
    let printed = match command.try_get_matches_from(words) {
        Ok(matches) => {
            let arguments = TemplateArgs::from_arg_matches(&matches).map_err(|error| error.to_string())?;
            print(&arguments, folder.path())
        }
        Err(error) => Printed { error: Some(flag_error(&error)), ..Printed::default() },
    };

    let work = folder.path().to_string_lossy().into_owned();
    let expected = |name: &str| entries.get(name).map(String::as_str).unwrap_or_default();
    compare("stdout", expected("stdout"), &printed.stdout.replace(&work, "$WORK"))?;
    let error =
        printed.error.map(|error| format!("Error: {}\n", error.replace(&work, "$WORK"))).unwrap_or_default();
    compare("stderr", &last_words(expected("stderr")), &error)?;
    compare("exit code", expected("exit code"), if error.is_empty() { "" } else { "1\n" })
}

/// What Helm says at the end: in front of it are the lines of its log, which are not for people to rely on.
fn last_words(stderr: &str) -> String {
    stderr.find("Error: ").map(|at| stderr[at..].to_owned()).unwrap_or_default()
}
