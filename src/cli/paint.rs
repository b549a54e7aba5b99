//! Colours. They are written through anstream, which takes them out where the output is not a terminal.

use anstyle::{AnsiColor, Style};

const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

fn painted(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// For failures.
pub fn wrong(text: impl std::fmt::Display) -> String {
    painted(RED, text)
}

/// For what is added or well.
pub fn good(text: impl std::fmt::Display) -> String {
    painted(GREEN, text)
}

/// For what changes or waits.
pub fn change(text: impl std::fmt::Display) -> String {
    painted(YELLOW, text)
}

/// For names.
pub fn name(text: impl std::fmt::Display) -> String {
    painted(CYAN, text)
}

/// For what is said beside the point.
pub fn aside(text: impl std::fmt::Display) -> String {
    painted(DIM, text)
}

/// For headings.
pub fn heading(text: impl std::fmt::Display) -> String {
    painted(BOLD, text)
}
