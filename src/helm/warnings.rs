//! What Helm says on standard error besides errors: its log, in the form of either version.

use std::fmt::Write as _;

use super::go::quote::{is_print, quote};
use super::template::HelmVersion;

/// The lines of Helm's log, in order.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    helm: HelmVersion,
    lines: Vec<String>,
}

/// A level of Helm 4's log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Level {
    Info,
    Warn,
    Error,
}

impl Warnings {
    /// An empty log of this Helm.
    pub fn new(helm: HelmVersion) -> Self {
        Self { helm, lines: Vec::new() }
    }

    /// Whose log it is.
    pub fn helm(&self) -> HelmVersion {
        self.helm
    }

    /// The lines.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// What was said elsewhere.
    pub(super) fn extend(&mut self, lines: &[String]) {
        self.lines.extend_from_slice(lines);
    }

    /// A line by Go's `log.Printf`, which both Helms use here; `place` is where in Helm 3's sources.
    pub(super) fn print(&mut self, place: &str, text: &str) {
        self.log(Level::Info, text, &[], place, text);
    }

    /// What Helm 4's log says of an error that it also gives back; Helm 3's says nothing.
    pub(super) fn failed(&mut self, what: &str, error: &str) {
        if self.helm == HelmVersion::Helm4 {
            self.lines.push(structured(Level::Error, what, &[("error", error)]));
        }
    }

    /// A note of the structured log on what was read; see `Warnings::log`.
    pub fn note(&mut self, text: &str, fields: &[(&str, &str)], place: &str, text3: &str) {
        self.log(Level::Info, text, fields, place, text3);
    }

    /// A line of Helm 4's structured log, and the line that Helm 3 prints instead; no `place` if it names none.
    pub(super) fn log(
        &mut self,
        level: Level,
        text: &str,
        fields: &[(&str, &str)],
        place: &str,
        text3: &str,
    ) {
        self.lines.push(match self.helm {
            HelmVersion::Helm4 => structured(level, text, fields),
            HelmVersion::Helm3 if place.is_empty() => text3.to_owned(),
            HelmVersion::Helm3 => format!("{place}: {text3}"),
        });
    }
}

/// A line as slog's text handler writes it, without the time.
fn structured(level: Level, text: &str, fields: &[(&str, &str)]) -> String {
    let level = match level {
        Level::Info => "INFO",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
    };
    let mut line = format!("level={level} msg={}", field(text));
    for (name, value) in fields {
        let _ = write!(line, " {name}={}", field(value));
    }
    line
}

fn field(text: &str) -> String {
    let plain = |c: char| {
        c > ' ' && !matches!(c, '"' | '=' | '\u{7f}') && c != char::REPLACEMENT_CHARACTER && is_print(c)
    };
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { quote(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_reads_as_each_helm_writes_it() {
        let warn = |helm| {
            let mut warnings = Warnings::new(helm);
            warnings.print("coalesce.go:237", "warning: skipped value for a.b: Not a table.");
            warnings.log(
                Level::Warn,
                "deprecated",
                &[("chart", "a"), ("why", "")],
                "",
                "WARNING: deprecated",
            );
            warnings.lines
        };
        assert_eq!(
            warn(HelmVersion::Helm4),
            [
                "level=INFO msg=\"warning: skipped value for a.b: Not a table.\"",
                "level=WARN msg=deprecated chart=a why=\"\""
            ]
        );
        assert_eq!(
            warn(HelmVersion::Helm3),
            ["coalesce.go:237: warning: skipped value for a.b: Not a table.", "WARNING: deprecated"]
        );
    }
}
