//! `*.cases`: tables of templates, each the `NOTES.txt` of a chart of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use mooring::helm::limits::Limits;
use mooring::helm::template::HelmVersion;
use mooring::helm::{Capabilities, Chart, Release, RenderRequest, render};
use mooring::manifest::{EntryKind, FileEntry, Files, FilesError};

use crate::cases::{Outcome, compare};

/// Files in memory.
pub struct MemoryFiles(pub BTreeMap<String, Arc<[u8]>>);

impl Files for MemoryFiles {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        let entry = |kind, size| FileEntry { path: path.to_owned(), kind, id: String::new(), size };
        if let Some(data) = self.0.get(path) {
            return Ok(Some(entry(EntryKind::File, data.len() as u64)));
        }
        let prefix = format!("{path}/");
        let is_folder = path.is_empty() || self.0.keys().any(|name| name.starts_with(&prefix));
        Ok(is_folder.then(|| entry(EntryKind::Folder, 0)))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        self.0.get(path).cloned().ok_or_else(|| FilesError::NotFound { path: path.to_owned() })
    }

    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let below = self.0.iter().filter(|(path, _)| path.starts_with(&prefix));
        Ok(below
            .map(|(path, data)| FileEntry {
                path: path.clone(),
                kind: EntryKind::File,
                id: String::new(),
                size: data.len() as u64,
            })
            .collect())
    }

    fn list(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        self.walk(folder)
    }
}

/// Runs a file's cases.
pub fn run(text: &str) -> Vec<Outcome> {
    let lines: Vec<&str> = text.split('\n').collect();
    let starts: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with("=== ")).collect();
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    starts
        .iter()
        .zip(ends)
        .flat_map(|(start, end)| {
            // One empty line separates cases; the file's end is one too.
            let end = if lines[end - 1].is_empty() { end - 1 } else { end };
            let sections = sections(&lines[start + 1..end]);
            let name = lines[*start]["=== ".len()..].to_owned();
            let helm3 = Outcome {
                name: format!("{name} (helm 3)"),
                result: check(&of_helm_3(&sections), HelmVersion::Helm3),
            };
            [Outcome { name, result: check(&sections, HelmVersion::Helm4) }, helm3]
        })
        .collect()
}

fn sections(lines: &[&str]) -> BTreeMap<String, String> {
    const NAMES: [&str; 8] =
        ["helpers", "values", "schema", "shape", "expected", "error", "helm 3 expected", "helm 3 error"];
    let mut sections: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut current = "template";
    for line in lines {
        match line.strip_prefix("--- ").filter(|name| NAMES.contains(name)) {
            Some(name) => {
                current = name;
                sections.entry(name.to_owned()).or_default();
            }
            None => sections.entry(current.to_owned()).or_default().push(line),
        }
    }
    sections.into_iter().map(|(name, lines)| (name, lines.join("\n"))).collect()
}

/// The case with what Helm 3 says, where that is something else.
fn of_helm_3(sections: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut sections = sections.clone();
    for outcome in ["expected", "error"] {
        if let Some(text) = sections.remove(&format!("helm 3 {outcome}")) {
            ["shape", "expected", "error"].iter().for_each(|other| drop(sections.remove(*other)));
            sections.insert(outcome.to_owned(), text);
        }
    }
    sections
}

fn check(sections: &BTreeMap<String, String>, helm: HelmVersion) -> Result<(), String> {
    let mut files = BTreeMap::new();
    let mut add = |path: &str, text: &str| {
        files.insert(format!("case/{path}"), Arc::from(text.as_bytes()));
    };
    add("Chart.yaml", "apiVersion: v2\nname: case\nversion: 1.0.0\n");
    for (section, path) in [
        ("values", "values.yaml"),
        ("schema", "values.schema.json"),
        ("helpers", "templates/_helpers.tpl"),
        ("template", "templates/NOTES.txt"),
    ] {
        if let Some(text) = sections.get(section) {
            add(path, text);
        }
    }
    let result = notes(&MemoryFiles(files), helm);
    if let Some(expected) = sections.get("error") {
        return match result {
            Ok(notes) => Err(format!("helm fails with\n{expected}\nbut the notes are\n{notes}\n")),
            Err(error) => compare("error", expected, &error),
        };
    }
    let notes = result.map_err(|error| format!("fails with: {error}\n"))?;
    if let Some(shape) = sections.get("shape") {
        let regex = regex::Regex::new(&format!("^(?:{shape})$")).expect("a shape is a regular expression");
        return if regex.is_match(&notes) {
            Ok(())
        } else {
            Err(format!("the shape is {shape}\nbut the notes are\n{notes}\n"))
        };
    }
    compare("notes", sections.get("expected").expect("a case has an outcome"), &notes)
}

fn notes(files: &MemoryFiles, helm: HelmVersion) -> Result<String, String> {
    let chart = Chart::load_as(files, "case", helm).map_err(|error| error.to_string())?;
    let release =
        Release { name: "demo".to_owned(), namespace: "default".to_owned(), revision: 1, is_upgrade: false };
    let request = RenderRequest {
        chart: &chart,
        layers: &[],
        release: &release,
        capabilities: &Capabilities::default(),
        seed: [7; 32],
        now: jiff::Timestamp::now(),
        lookup: None,
        limits: Limits::default(),
        origins: false,
        skip_schema: false,
        nodes: false,
    };
    render(&request).map(|output| output.notes.unwrap_or_default()).map_err(|error| error.to_string())
}
