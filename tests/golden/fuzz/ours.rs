//! What Mooring makes of a case.

use std::collections::BTreeMap;
use std::sync::Arc;

use mooring::helm::HelmVersion;
use mooring::helm::limits::Limits;
use mooring::helm::{
    Capabilities, Chart, LayerContent, Release, RenderRequest, SetFlag, ValuesLayer, check_layers, render,
};
use mooring::manifest::{EntryKind, FileEntry, Files, FilesError};

use crate::{Answer, Case};

/// Renders a case.
pub fn answer(case: &Case) -> Answer {
    notes(case).map_or_else(Answer::Error, Answer::Notes)
}

/// Whether it is a limit of ours that Helm has not, shows what Helm was built with, or is what the command alone checks.
pub fn is_apart(answer: &Answer) -> bool {
    let (Answer::Notes(text) | Answer::Error(text)) = answer;
    [
        "than the limit of",
        "missing in charts/ directory",
        "too many steps",
        "common.Capabilities",
        "Capabilities:",
    ]
    .iter()
    .any(|part| text.contains(part))
}

struct Memory(BTreeMap<String, Arc<[u8]>>);

impl Files for Memory {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        let entry = |kind, size| FileEntry { path: path.to_owned(), kind, id: String::new(), size };
        if let Some(data) = self.0.get(path) {
            return Ok(Some(entry(EntryKind::File, data.len() as u64)));
        }
        let below =
            self.0.keys().any(|name| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')));
        Ok((path.is_empty() || below).then(|| entry(EntryKind::Folder, 0)))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        self.0.get(path).cloned().ok_or_else(|| FilesError::NotFound { path: path.to_owned() })
    }

    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        let below = self.0.iter().filter(|(path, _)| path.starts_with(folder));
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

/// How a flag's text is taken.
type Kind = fn(String) -> SetFlag;

fn notes(case: &Case) -> Result<String, String> {
    let file = |text: String| Arc::from(text.into_bytes());
    let mut files = BTreeMap::from([
        ("case/Chart.yaml".to_owned(), file("apiVersion: v2\nname: case\nversion: 1.0.0\n".to_owned())),
        ("case/values.yaml".to_owned(), file(case.values.text())),
        ("case/templates/_helpers.tpl".to_owned(), file(case.helpers.text())),
        ("case/templates/NOTES.txt".to_owned(), file(case.template.text())),
    ]);
    files.extend(case.files.iter().map(|(name, text)| (format!("case/{name}"), file(text.text()))));
    let files = Memory(files);
    let release =
        Release { name: "demo".to_owned(), namespace: "default".to_owned(), revision: 1, is_upgrade: false };
    // In the order in which Helm takes them.
    let kinds: [(&str, Kind); 4] = [
        ("--set-json", SetFlag::Json),
        ("--set", SetFlag::Typed),
        ("--set-string", SetFlag::Text),
        ("--set-literal", SetFlag::Literal),
    ];
    let layers = kinds.map(|(name, flag)| {
        let flags = case.flags(name).into_iter().map(flag).collect();
        ValuesLayer { name: name.into(), content: LayerContent::Set(flags) }
    });
    let helm = if case.helm3 { HelmVersion::Helm3 } else { HelmVersion::Helm4 };
    check_layers(&layers, helm).map_err(|error| error.to_string())?;
    let chart = Chart::load_as(&files, "case", helm).map_err(|error| error.to_string())?;
    let request = RenderRequest {
        chart: &chart,
        layers: &layers,
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
