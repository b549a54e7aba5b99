//! What `helm template` prints (Helm's pkg/cmd/template.go).

use std::fmt::Write as _;

use super::chart::ignore;
use super::render::{HelmError, ReleaseOutput, RenderedFile};
use super::sort;
use super::template::HelmVersion;

/// Which parts of a release are printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// The files of `crds/` too.
    pub crds: bool,
    /// No hooks.
    pub no_hooks: bool,
    /// No hooks that are tests.
    pub no_tests: bool,
    /// Only what these templates wrote: paths from the chart's folder, with Go's patterns.
    pub only: &'a [String],
}

impl ReleaseOutput {
    /// What `helm template` prints to standard output.
    pub fn to_text(&self, shown: &Shown<'_>) -> Result<String, HelmError> {
        let mut manifests = String::new();
        let crds = if shown.crds { self.crds.as_slice() } else { &[] };
        for file in crds.iter().chain(&self.manifests) {
            push(&mut manifests, file);
        }
        let mut text = format!("{}\n", manifests.trim());
        for hook in self.shown_hooks(shown) {
            push(&mut text, hook);
        }
        if shown.only.is_empty() { Ok(text) } else { only(&text, shown.only, self.helm) }
    }

    /// The hooks that are printed.
    pub fn shown_hooks(&self, shown: &Shown<'_>) -> impl Iterator<Item = &RenderedFile> {
        let (no_hooks, no_tests) = (shown.no_hooks, shown.no_tests);
        self.hooks.iter().filter(move |file| {
            let is_test = file.hook.as_ref().is_some_and(sort::Hook::is_test);
            !(no_hooks || no_tests && is_test)
        })
    }
}

fn push(text: &mut String, file: &RenderedFile) {
    // Writing to a string cannot fail.
    let _ = write!(text, "---\n# Source: {}\n{}\n", file.source, file.text);
}

/// The documents whose `# Source:` line matches one of the patterns, in the patterns' order.
fn only(text: &str, patterns: &[String], helm: HelmVersion) -> Result<String, HelmError> {
    let documents: Vec<(&str, &str)> = sort::split(text, helm)
        .into_iter()
        .filter_map(|(_, document)| Some((source(document)?, document)))
        .collect();
    let mut out = String::new();
    for pattern in patterns {
        let mut found = false;
        for (_, document) in
            documents.iter().filter(|(source, _)| ignore::matches(pattern, source) == Some(true))
        {
            found = true;
            let _ = write!(out, "---\n{document}\n");
        }
        if !found {
            return Err(HelmError::ShowOnly { pattern: pattern.clone() });
        }
    }
    Ok(out)
}

/// The path behind `# Source: chart/`, wherever it stands.
fn source(document: &str) -> Option<&str> {
    document.match_indices("# Source: ").find_map(|(at, mark)| {
        let line = document[at + mark.len()..].lines().next()?;
        let (chart, path) = line.split_once('/')?;
        (!chart.is_empty() && !path.is_empty()).then_some(path)
    })
}
