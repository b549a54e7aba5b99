//! Errors as Go makes them, and as Helm shows them.

use std::fmt;

use super::HelmVersion;

/// A Go error: what it says itself, and the error that it wraps, whose text follows.
#[derive(Debug)]
pub struct GoError {
    prefix: String,
    inner: Option<Box<GoError>>,
}

/// What evaluating a template gives.
pub type Result<T> = std::result::Result<T, Box<GoError>>;

impl GoError {
    /// An error that says this.
    pub fn new(text: impl Into<String>) -> Box<Self> {
        Box::new(Self { prefix: text.into(), inner: None })
    }

    /// An error that says this and then what the inner one says.
    pub fn wrap(prefix: impl Into<String>, inner: Box<GoError>) -> Box<Self> {
        Box::new(Self { prefix: prefix.into(), inner: Some(inner) })
    }

    /// The whole chain, outermost first.
    fn chain(&self) -> impl Iterator<Item = &GoError> {
        std::iter::successors(Some(self), |error| error.inner.as_deref())
    }
}

impl fmt::Display for GoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chain().try_for_each(|error| f.write_str(&error.prefix))
    }
}

impl From<String> for Box<GoError> {
    fn from(text: String) -> Self {
        GoError::new(text)
    }
}

impl From<&str> for Box<GoError> {
    fn from(text: &str) -> Self {
        GoError::new(text)
    }
}

/// Why a template could not be parsed or executed.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A text is no template. Shown as Helm shows it.
    #[error("{}", parse_text(.raw))]
    Parse {
        /// Go's own text: `template: chart/templates/f.yaml:3: unexpected "}" in operand`.
        raw: String,
    },
    /// A template failed while it ran. Shown as Helm shows it.
    #[error("{shown}")]
    Execute {
        /// Go's own text: `template: f.yaml:1:3: executing "f.yaml" at <.Values.x.y>: nil pointer evaluating ...`.
        raw: String,
        /// Helm's text: a trace of the templates that called each other.
        shown: String,
    },
}

impl TemplateError {
    pub(super) fn parse(raw: String) -> Self {
        Self::Parse { raw }
    }

    pub(super) fn execute(error: &GoError, helm: HelmVersion) -> Self {
        let raw = error.to_string();
        let shown = execution_text(error, &raw, helm);
        Self::Execute { raw, shown }
    }

    /// The text as Go's text/template has it, before Helm puts it into another form.
    pub fn raw(&self) -> &str {
        match self {
            Self::Parse { raw } | Self::Execute { raw, .. } => raw,
        }
    }
}

/// Helm's `cleanupParseError`: the place, and the last part of the text.
fn parse_text(raw: &str) -> String {
    let mut parts = raw.split(": ");
    match (parts.nth(1), raw.rsplit(": ").next()) {
        (Some(place), Some(last)) => format!("parse error at ({place}): {last}"),
        _ => format!("parse error: {raw}"),
    }
}

pub(crate) const WARN_START: &str = "HELM_ERR_START";
pub(crate) const WARN_END: &str = "HELM_ERR_END";

/// Helm 4's `reformatExecErrorMsg`, and Helm 3's `cleanupExecError`.
fn execution_text(error: &GoError, raw: &str, helm: HelmVersion) -> String {
    if raw.starts_with("template: no template ") {
        return raw.to_owned();
    }
    let mut parts = raw.splitn(3, ": ");
    let (Some(_), Some(place), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return raw.to_owned();
    };
    // What `fail` and `required` said, shown without the trace.
    if let Some(start) = rest.find(WARN_START)
        && let Some(end) = rest.rfind(WARN_END)
        && start + WARN_START.len() <= end
    {
        return format!("execution error at ({place}): {}", &rest[start + WARN_START.len()..end]);
    }
    if helm == HelmVersion::Helm3 {
        return raw.to_owned();
    }
    let mut shown = String::new();
    let mut last = None;
    for link in error.chain() {
        let Some(trace) = Trace::of(&link.prefix) else {
            return raw.to_owned();
        };
        if last.as_ref() != Some(&trace) {
            shown.push_str(&trace.show());
            last = Some(trace);
        }
    }
    shown.trim().to_owned()
}

/// One line of Helm's trace.
#[derive(PartialEq)]
struct Trace<'a> {
    place: &'a str,
    executed: String,
    message: &'a str,
}

impl<'a> Trace<'a> {
    /// Reads an error's own text, without the text of the error that it wraps.
    fn of(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("template: ")?;
        if rest.starts_with("no template ") {
            return Some(Self { place: "", executed: String::new(), message: text });
        }
        let cut = |message: &'a str| match message.find(" template:") {
            Some(at) => &message[..at],
            None => message,
        };
        if let Some((place, after)) = rest.split_once(": executing ")
            && let Some(after) = after.strip_prefix('"')
            && let Some((name, after)) = after.split_once('"')
            && let Some(after) = after.strip_prefix(" at <")
            && let Some((node, message)) = after.split_once(">: ")
        {
            let executed = format!("executing \"{name}\" at <{node}>:");
            // The wrapped error's text begins with "template:" or is no trace at all, so the blank before it goes too.
            return Some(Self { place, executed, message: cut(message).trim_end_matches(' ') });
        }
        let (place, message) = rest.rsplit_once(": ")?;
        Some(Self { place, executed: String::new(), message: cut(message) })
    }

    fn show(&self) -> String {
        let mut out = String::new();
        if !self.place.is_empty() {
            out.push_str(self.place);
            out.push_str("\n  ");
        }
        if !self.executed.is_empty() {
            out.push_str(&self.executed);
            out.push_str("\n    ");
        }
        out.push_str(self.message);
        out.push('\n');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parse_error_shows_its_place_and_its_last_part() {
        let error =
            TemplateError::parse("template: c/templates/a.yaml:3: function \"x\" not defined".to_owned());
        assert_eq!(error.to_string(), "parse error at (c/templates/a.yaml:3): function \"x\" not defined");
    }

    #[test]
    fn a_failure_in_an_include_is_shown_as_a_trace() {
        let inner = GoError::new(
            "template: c/_h.tpl:2:3: executing \"x\" at <.a.b>: nil pointer evaluating interface {}.b",
        );
        let outer = GoError::wrap(
            "template: c/a.yaml:1:3: executing \"c/a.yaml\" at <include \"x\" .>: error calling include: ",
            inner,
        );
        let error = TemplateError::execute(&outer, HelmVersion::Helm4);
        assert_eq!(
            error.to_string(),
            "c/a.yaml:1:3\n  executing \"c/a.yaml\" at <include \"x\" .>:\n    error calling include:\n\
             c/_h.tpl:2:3\n  executing \"x\" at <.a.b>:\n    nil pointer evaluating interface {}.b"
        );
    }

    #[test]
    fn what_fail_says_is_shown_without_its_trace() {
        let inner = GoError::new(format!("{WARN_START}no way: never{WARN_END}"));
        let outer = GoError::wrap(
            "template: c/a.yaml:1:3: executing \"c/a.yaml\" at <fail \"...\">: error calling fail: ",
            inner,
        );
        assert_eq!(
            TemplateError::execute(&outer, HelmVersion::Helm4).to_string(),
            "execution error at (c/a.yaml:1:3): no way: never"
        );
    }

    #[test]
    fn an_error_of_a_function_is_shown_raw() {
        let outer = GoError::wrap(
            "template: a:1:3: executing \"a\" at <b64>: error calling b64: ",
            GoError::new("broken"),
        );
        assert_eq!(TemplateError::execute(&outer, HelmVersion::Helm4).to_string(), outer.to_string());
    }
}
