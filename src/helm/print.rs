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
        let mut text = String::new();
        self.print(shown, &mut |piece| text.push_str(piece))?;
        Ok(text)
    }

    /// The same piece by piece: the whole of it is nowhere in memory, unless only a part is shown.
    pub fn print(&self, shown: &Shown<'_>, out: &mut dyn FnMut(&str)) -> Result<(), HelmError> {
        if shown.only.is_empty() {
            self.print_all(shown, out);
            return Ok(());
        }
        let mut text = String::new();
        self.print_all(shown, &mut |piece| text.push_str(piece));
        only(&text, shown.only, self.helm).map(|text| out(&text))
    }

    fn print_all(&self, shown: &Shown<'_>, out: &mut dyn FnMut(&str)) {
        let crds = if shown.crds { self.crds.as_slice() } else { &[] };
        let mut manifests = crds.iter().chain(&self.manifests).peekable();
        while let Some(file) = manifests.next() {
            let text = file.text();
            head(file, out);
            if manifests.peek().is_some() {
                ["\n", &*text, "\n"].into_iter().for_each(&mut *out);
            } else {
                // The blanks behind the last one go.
                let text = text.trim_end();
                [if text.is_empty() { "" } else { "\n" }, text].into_iter().for_each(&mut *out);
            }
        }
        out("\n");
        for hook in self.shown_hooks(shown) {
            head(hook, out);
            ["\n", &*hook.text(), "\n"].into_iter().for_each(&mut *out);
        }
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

fn head(file: &RenderedFile, out: &mut dyn FnMut(&str)) {
    ["---\n# Source: ", &*file.source].into_iter().for_each(out);
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
