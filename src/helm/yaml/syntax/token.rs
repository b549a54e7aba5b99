//! What the scanner hands to the parser.

use std::borrow::Cow;

use super::super::{Mark, YamlError};

/// A position; all counts from 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) offset: usize,
    /// Characters before it.
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    pub(super) fn mark(self) -> Mark {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Mark {
            line: narrow(self.line).saturating_add(1),
            column: narrow(self.column).saturating_add(1),
            offset: narrow(self.offset),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) start: Place,
    pub(super) end: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'a> {
    StreamEnd,
    Version { major: u8, minor: u8 },
    TagDirective { handle: String, prefix: String },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    Tag { handle: String, suffix: String },
    Scalar { value: Cow<'a, str>, plain: bool },
}

/// An error of the scanner. go-yaml counts lines from 1 here, but has none for the first.
pub(super) fn scanner_error(problem: &str, context: Place, at: Place) -> YamlError {
    with_line(problem, if at.line == 0 { context.line } else { at.line + 1 }, at)
}

/// An error of the parser, where go-yaml counts lines from 0.
pub(super) fn parser_error(problem: &str, context: Place, at: Place) -> YamlError {
    with_line(problem, if at.line == 0 { context.line } else { at.line }, at)
}

fn with_line(problem: &str, line: usize, at: Place) -> YamlError {
    if line == 0 {
        YamlError::decode(problem, at.mark())
    } else {
        YamlError::decode(format_args!("line {line}: {problem}"), at.mark())
    }
}
