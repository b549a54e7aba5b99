//! libyaml's events, with go-yaml's words for what is wrong.

use libyaml_safer::{ErrorKind, EventData, Parser};

use super::{Mark, YamlError};

/// A piece of a document.
#[derive(Debug)]
pub(super) enum Event {
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias(String),
    Scalar(ScalarEvent),
    SequenceStart { anchor: Option<String> },
    SequenceEnd,
    MappingStart { anchor: Option<String> },
    MappingEnd,
}

/// A scalar as it stands in the text.
#[derive(Debug)]
pub(super) struct ScalarEvent {
    pub(super) anchor: Option<String>,
    /// The tag in its long form; empty if there is none.
    pub(super) tag: String,
    pub(super) value: String,
    /// Plain and without a tag, or with the tag `!`.
    pub(super) implicit: bool,
}

/// A text as a stream of events.
pub(super) struct Events<'a> {
    parser: Parser<&'a [u8]>,
}

impl<'a> Events<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut parser = Parser::new();
        parser.set_input(text.as_bytes());
        Self { parser }
    }

    pub(super) fn next(&mut self) -> Result<(Event, Mark), YamlError> {
        loop {
            let event = self.parser.parse().map_err(|error| translate(&error))?;
            let mark = place(event.start_mark);
            let event = match event.data {
                EventData::StreamStart { .. } => continue,
                EventData::StreamEnd => Event::StreamEnd,
                EventData::DocumentStart { .. } => Event::DocumentStart,
                EventData::DocumentEnd { .. } => Event::DocumentEnd,
                EventData::Alias { anchor } => Event::Alias(anchor),
                EventData::Scalar { anchor, tag, value, plain_implicit, .. } => Event::Scalar(ScalarEvent {
                    anchor,
                    tag: tag.unwrap_or_default(),
                    value,
                    implicit: plain_implicit,
                }),
                EventData::SequenceStart { anchor, .. } => Event::SequenceStart { anchor },
                EventData::SequenceEnd => Event::SequenceEnd,
                EventData::MappingStart { anchor, .. } => Event::MappingStart { anchor },
                EventData::MappingEnd => Event::MappingEnd,
            };
            return Ok((event, mark));
        }
    }
}

fn place(mark: libyaml_safer::Mark) -> Mark {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Mark {
        line: narrow(mark.line).saturating_add(1),
        column: narrow(mark.column).saturating_add(1),
        offset: narrow(mark.index),
    }
}

/// The words and the line of go-yaml: the line of the problem, from 0 for the parser and from 1 for the scanner.
fn translate(error: &libyaml_safer::Error) -> YamlError {
    let problem = error.problem_mark().unwrap_or_default();
    let context = error.context_mark().unwrap_or_default();
    let line = match (problem.line, context.line) {
        (0, context) => context,
        (line, _) if error.kind() == ErrorKind::Scanner => line + 1,
        (line, _) => line,
    };
    let place_text = if line == 0 { String::new() } else { format!("line {line}: ") };
    YamlError::decode(format_args!("{place_text}{}", error.problem()), place(problem))
}
