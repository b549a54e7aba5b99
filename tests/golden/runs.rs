//! `*.txtar`: runs of `helm template` in a folder of their own.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use clap::{Args as _, Command, FromArgMatches as _};
use mooring::cli::template::{Printed, TemplateArgs, arguments, flag_error, print, with_ignored};

use crate::cases::{Outcome, compare};

/// Runs a case with the rules of both Helms.
pub fn run(text: &str) -> [Outcome; 2] {
    let (about, entries) = read(text);
    let name = about.lines().next().unwrap_or_default().to_owned();
    let helm3 = format!("{name} (helm 3)");
    [
        Outcome { name, result: check(&entries, "", &[]) },
        Outcome { name: helm3, result: check(&entries, prefix_of_helm_3(&entries), &["--helm=3"]) },
    ]
}

/// What the outcomes of Helm 3 are called: nothing special where they are Helm 4's.
fn prefix_of_helm_3(entries: &BTreeMap<String, String>) -> &'static str {
    if entries.contains_key("helm 3 exit code") { "helm 3 " } else { "" }
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

fn check(entries: &BTreeMap<String, String>, prefix: &str, more: &[&str]) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (header, text) in entries {
        let plain = header.strip_prefix("helm 3 ").unwrap_or(header);
        if matches!(plain, "arguments" | "stdout" | "stderr" | "exit code") {
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
    let words = arguments(words.lines().chain(more.iter().copied()).map(Into::into));
    let command = TemplateArgs::augment_args(with_ignored(Command::new("template").no_binary_name(true)));
    let printed = match command.try_get_matches_from(words) {
        Ok(matches) => {
            let arguments = TemplateArgs::from_arg_matches(&matches).map_err(|error| error.to_string())?;
            print(&arguments, folder.path())
        }
        Err(error) => Printed { error: Some(flag_error(&error)), ..Printed::default() },
    };

    let work = folder.path().to_string_lossy().into_owned();
    let expected = |name: &str| {
        entries
            .get(&format!("{prefix}{name}"))
            .map(|text| text.strip_prefix("0\n").unwrap_or(text))
            .unwrap_or_default()
    };
    compare("stdout", expected("stdout"), &printed.stdout.replace(&work, "$WORK"))?;
    let error = printed.error.is_some();
    let error_line = printed.error.map(|error| format!("Error: {error}"));
    let stderr: String = printed
        .warnings
        .into_iter()
        .chain(error_line)
        .map(|line| line.replace(&work, "$WORK") + "\n")
        .collect();
    compare("stderr", &of_the_chart(expected("stderr")), &stderr)?;
    compare("exit code", expected("exit code"), if error { "1\n" } else { "" })
}

/// Standard error without what Helm says of its own flags.
fn of_the_chart(stderr: &str) -> String {
    let lines = stderr.split_inclusive('\n');
    lines.filter(|line| !line.starts_with("Flag --") && !line.starts_with("level=DEBUG")).collect()
}
