//! Finding cases, and showing how an outcome differs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of cases.
pub struct CaseFile {
    /// Its path below `cases/`.
    pub name: String,
    pub text: String,
}

/// What became of one case.
pub struct Outcome {
    pub name: String,
    pub result: Result<(), String>,
}

/// The cases whose outcome is not Helm's yet: `known.txt` says why.
pub fn known_to_differ() -> BTreeSet<String> {
    let list = include_str!("known.txt").lines();
    list.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The files of an extension, in order.
pub fn files(extension: &str) -> Vec<CaseFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let wanted = std::env::var("GOLDEN").unwrap_or_default();
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| CaseFile {
            name: path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).expect("a case file is text"),
        })
        .filter(|file| file.name.contains(&wanted))
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder of cases is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { collect(&path, paths) } else { paths.push(path) }
    }
}

/// Compares two texts; the error shows the lines that differ.
pub fn compare(what: &str, expected: &str, found: &str) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("--- {what}: helm\n+++ {what}: mooring\n{}", difference(expected, found)))
}

/// A unified difference with three lines of context, and ends of lines shown where only they differ.
fn difference(expected: &str, found: &str) -> String {
    let left: Vec<&str> = expected.split_inclusive('\n').collect();
    let right: Vec<&str> = found.split_inclusive('\n').collect();
    let same = left.iter().zip(&right).take_while(|(left, right)| left == right).count();
    let tail = left[same..]
        .iter()
        .rev()
        .zip(right[same..].iter().rev())
        .take_while(|(left, right)| left == right)
        .count();
    let mut out = String::new();
    let mut show = |mark: char, line: &str| {
        let _ = match line.strip_suffix('\n') {
            Some(line) => writeln!(out, "{mark}{line}"),
            None => writeln!(out, "{mark}{line}\u{23ce}\u{0338} (no end of line)"),
        };
    };
    for line in &left[same.saturating_sub(3)..same] {
        show(' ', line);
    }
    for line in &left[same..left.len() - tail] {
        show('-', line);
    }
    for line in &right[same..right.len() - tail] {
        show('+', line);
    }
    for line in left[left.len() - tail..].iter().take(3) {
        show(' ', line);
    }
    out
}
