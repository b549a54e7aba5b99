//! From tokens to events: go-yaml v2's `parserc.go`.

use std::borrow::Cow;

use super::super::{Mark, YamlError};
use super::scanner::Scanner;
use super::token::{Kind, Place, Token, parser_error};

/// A piece of a document.
#[derive(Debug)]
pub(in super::super) enum Event<'a> {
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias(&'a str),
    Scalar(ScalarEvent<'a>),
    SequenceStart { anchor: Option<&'a str> },
    SequenceEnd,
    MappingStart { anchor: Option<&'a str> },
    MappingEnd,
}

/// A scalar as it stands in the text.
#[derive(Debug)]
pub(in super::super) struct ScalarEvent<'a> {
    pub(in super::super) anchor: Option<&'a str>,
    /// The tag in its long form; empty if there is none.
    pub(in super::super) tag: String,
    pub(in super::super) value: Cow<'a, str>,
    /// Plain and without a tag, or with the tag `!`.
    pub(in super::super) implicit: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    ImplicitDocumentStart,
    DocumentStart,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequenceFirstEntry,
    BlockSequenceEntry,
    IndentlessSequenceEntry,
    BlockMappingFirstKey,
    BlockMappingKey,
    BlockMappingValue,
    FlowSequenceFirstEntry,
    FlowSequenceEntry,
    FlowSequenceEntryMappingKey,
    FlowSequenceEntryMappingValue,
    FlowSequenceEntryMappingEnd,
    FlowMappingFirstKey,
    FlowMappingKey,
    FlowMappingValue,
    FlowMappingEmptyValue,
    End,
}

type Found<'a> = Result<(Event<'a>, Mark), YamlError>;

/// A text as a stream of events.
pub(in super::super) struct Parser<'a> {
    scanner: Scanner<'a>,
    state: State,
    states: Vec<State>,
    /// Where the open collections began.
    starts: Vec<Place>,
    tag_directives: Vec<(String, String)>,
}

impl<'a> Parser<'a> {
    pub(in super::super) fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            state: State::ImplicitDocumentStart,
            states: Vec::new(),
            starts: Vec::new(),
            tag_directives: Vec::new(),
        }
    }

    pub(in super::super) fn next(&mut self) -> Found<'a> {
        match self.state {
            State::ImplicitDocumentStart => self.document_start(true),
            State::DocumentStart => self.document_start(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockSequenceFirstEntry => self.block_sequence_entry(true),
            State::BlockSequenceEntry => self.block_sequence_entry(false),
            State::IndentlessSequenceEntry => self.indentless_sequence_entry(),
            State::BlockMappingFirstKey => self.block_mapping_key(true),
            State::BlockMappingKey => self.block_mapping_key(false),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequenceFirstEntry => self.flow_sequence_entry(true),
            State::FlowSequenceEntry => self.flow_sequence_entry(false),
            State::FlowSequenceEntryMappingKey => self.flow_sequence_entry_mapping_key(),
            State::FlowSequenceEntryMappingValue => self.flow_sequence_entry_mapping_value(),
            State::FlowSequenceEntryMappingEnd => self.flow_sequence_entry_mapping_end(),
            State::FlowMappingFirstKey => self.flow_mapping_key(true),
            State::FlowMappingKey => self.flow_mapping_key(false),
            State::FlowMappingValue => self.flow_mapping_value(false),
            State::FlowMappingEmptyValue => self.flow_mapping_value(true),
            State::End => Ok((Event::StreamEnd, self.scanner.at.mark())),
        }
    }

    fn kind(&mut self) -> Result<&Kind<'a>, YamlError> {
        Ok(&self.scanner.peek()?.kind)
    }

    fn place(&mut self) -> Result<Place, YamlError> {
        Ok(self.scanner.peek()?.start)
    }

    fn pop_state(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    fn node_then(&mut self, next: State, block: bool, indentless: bool) -> Found<'a> {
        self.states.push(next);
        self.node(block, indentless)
    }

    #[expect(clippy::unnecessary_wraps, reason = "every step of the parser gives the same")]
    fn empty_then(&mut self, next: State, place: Place) -> Found<'a> {
        self.state = next;
        Ok((
            Event::Scalar(ScalarEvent { anchor: None, tag: String::new(), value: "".into(), implicit: true }),
            place.mark(),
        ))
    }

    fn end_collection(&mut self, event: Event<'a>) -> Found<'a> {
        self.pop_state();
        self.starts.pop();
        let token = self.scanner.next()?;
        Ok((event, token.start.mark()))
    }

    fn unexpected(&mut self, problem: &str) -> Found<'a> {
        let start = self.starts.pop().unwrap_or_default();
        Err(parser_error(problem, start, self.place()?))
    }

    // Documents.

    fn document_start(&mut self, implicit: bool) -> Found<'a> {
        if !implicit {
            while *self.kind()? == Kind::DocumentEnd {
                self.scanner.next()?;
            }
        }
        let start = self.place()?;
        match self.kind()? {
            Kind::StreamEnd => {
                self.state = State::End;
                return Ok((Event::StreamEnd, start.mark()));
            }
            Kind::Version { .. } | Kind::TagDirective { .. } | Kind::DocumentStart => {}
            _ if implicit => {
                self.directives()?;
                self.states.push(State::DocumentEnd);
                self.state = State::BlockNode;
                return Ok((Event::DocumentStart, start.mark()));
            }
            _ => {}
        }
        self.directives()?;
        if *self.kind()? != Kind::DocumentStart {
            return Err(parser_error(
                "did not find expected <document start>",
                Place::default(),
                self.place()?,
            ));
        }
        self.scanner.next()?;
        self.states.push(State::DocumentEnd);
        self.state = State::DocumentContent;
        Ok((Event::DocumentStart, start.mark()))
    }

    fn directives(&mut self) -> Result<(), YamlError> {
        let mut versions = 0;
        loop {
            let place = self.place()?;
            let fail = |problem: &str| Err(parser_error(problem, Place::default(), place));
            match self.kind()? {
                Kind::Version { .. } if versions > 0 => return fail("found duplicate %YAML directive"),
                Kind::Version { major: 1, minor: 1 } => versions += 1,
                Kind::Version { .. } => return fail("found incompatible YAML document"),
                Kind::TagDirective { handle, prefix } => {
                    let (handle, prefix) = (handle.clone(), prefix.clone());
                    if self.tag_directives.iter().any(|(known, _)| *known == handle) {
                        return fail("found duplicate %TAG directive");
                    }
                    self.tag_directives.push((handle, prefix));
                }
                _ => return Ok(()),
            }
            self.scanner.next()?;
        }
    }

    fn document_content(&mut self) -> Found<'a> {
        match self.kind()? {
            Kind::Version { .. }
            | Kind::TagDirective { .. }
            | Kind::DocumentStart
            | Kind::DocumentEnd
            | Kind::StreamEnd => {
                let place = self.place()?;
                self.pop_state();
                self.empty_then(self.state, place)
            }
            _ => self.node(true, false),
        }
    }

    fn document_end(&mut self) -> Found<'a> {
        let place = self.place()?;
        if *self.kind()? == Kind::DocumentEnd {
            self.scanner.next()?;
        }
        self.tag_directives.clear();
        self.state = State::DocumentStart;
        Ok((Event::DocumentEnd, place.mark()))
    }

    // Nodes.

    fn node(&mut self, block: bool, indentless: bool) -> Found<'a> {
        let start = self.place()?;
        if let Kind::Alias(name) = *self.kind()? {
            self.scanner.next()?;
            self.pop_state();
            return Ok((Event::Alias(name), start.mark()));
        }
        let (anchor, tag) = self.properties(start)?;
        let mark = start.mark();
        let place = self.place()?;
        self.state = match self.kind()? {
            Kind::BlockEntry if indentless => State::IndentlessSequenceEntry,
            Kind::Scalar { .. } => {
                let Token { kind: Kind::Scalar { value, plain }, .. } = self.scanner.next()? else {
                    return Err(parser_error("did not find expected node content", start, place));
                };
                self.pop_state();
                let implicit = tag.is_empty() && plain || tag == "!";
                return Ok((Event::Scalar(ScalarEvent { anchor, tag, value, implicit }), mark));
            }
            Kind::FlowSequenceStart => State::FlowSequenceFirstEntry,
            Kind::FlowMappingStart => State::FlowMappingFirstKey,
            Kind::BlockSequenceStart if block => State::BlockSequenceFirstEntry,
            Kind::BlockMappingStart if block => State::BlockMappingFirstKey,
            _ if anchor.is_some() || !tag.is_empty() => {
                self.pop_state();
                let implicit = tag.is_empty();
                return Ok((Event::Scalar(ScalarEvent { anchor, tag, value: "".into(), implicit }), mark));
            }
            _ => return Err(parser_error("did not find expected node content", start, place)),
        };
        let event = match self.state {
            State::FlowMappingFirstKey | State::BlockMappingFirstKey => Event::MappingStart { anchor },
            _ => Event::SequenceStart { anchor },
        };
        Ok((event, mark))
    }

    /// An anchor and a tag, in either order.
    fn properties(&mut self, start: Place) -> Result<(Option<&'a str>, String), YamlError> {
        let mut anchor = None;
        let mut tag = None;
        loop {
            match self.kind()? {
                Kind::Anchor(name) if anchor.is_none() => {
                    anchor = Some(*name);
                    self.scanner.next()?;
                }
                Kind::Tag { .. } if tag.is_none() => tag = Some(self.scanner.next()?),
                _ => break,
            }
        }
        match tag {
            Some(Token { kind: Kind::Tag { handle, suffix }, start: place, .. }) => {
                Ok((anchor, self.long_tag(&handle, suffix, start, place)?))
            }
            _ => Ok((anchor, String::new())),
        }
    }

    fn long_tag(
        &self,
        handle: &str,
        suffix: String,
        start: Place,
        place: Place,
    ) -> Result<String, YamlError> {
        if handle.is_empty() {
            return Ok(suffix);
        }
        let declared =
            self.tag_directives.iter().find(|(known, _)| known == handle).map(|(_, prefix)| prefix.as_str());
        let prefix = match (declared, handle) {
            (Some(prefix), _) => prefix,
            (None, "!") => "!",
            (None, "!!") => super::super::resolve::TAG_PREFIX,
            (None, _) => return Err(parser_error("found undefined tag handle", start, place)),
        };
        Ok(format!("{prefix}{suffix}"))
    }

    // Block collections.

    fn open(&mut self, first: bool) -> Result<(), YamlError> {
        if first {
            let token = self.scanner.next()?;
            self.starts.push(token.start);
        }
        Ok(())
    }

    fn block_sequence_entry(&mut self, first: bool) -> Found<'a> {
        self.open(first)?;
        match self.kind()? {
            Kind::BlockEntry => {
                let dash = self.scanner.next()?;
                match self.kind()? {
                    Kind::BlockEntry | Kind::BlockEnd => self.empty_then(State::BlockSequenceEntry, dash.end),
                    _ => self.node_then(State::BlockSequenceEntry, true, false),
                }
            }
            Kind::BlockEnd => self.end_collection(Event::SequenceEnd),
            _ => self.unexpected("did not find expected '-' indicator"),
        }
    }

    fn indentless_sequence_entry(&mut self) -> Found<'a> {
        if *self.kind()? != Kind::BlockEntry {
            let place = self.place()?;
            self.pop_state();
            return Ok((Event::SequenceEnd, place.mark()));
        }
        let dash = self.scanner.next()?;
        match self.kind()? {
            Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd => {
                self.empty_then(State::IndentlessSequenceEntry, dash.end)
            }
            _ => self.node_then(State::IndentlessSequenceEntry, true, false),
        }
    }

    fn block_mapping_key(&mut self, first: bool) -> Found<'a> {
        self.open(first)?;
        match self.kind()? {
            Kind::Key => {
                let key = self.scanner.next()?;
                match self.kind()? {
                    Kind::Key | Kind::Value | Kind::BlockEnd => {
                        self.empty_then(State::BlockMappingValue, key.end)
                    }
                    _ => self.node_then(State::BlockMappingValue, true, true),
                }
            }
            Kind::BlockEnd => self.end_collection(Event::MappingEnd),
            _ => self.unexpected("did not find expected key"),
        }
    }

    fn block_mapping_value(&mut self) -> Found<'a> {
        if *self.kind()? != Kind::Value {
            let place = self.place()?;
            return self.empty_then(State::BlockMappingKey, place);
        }
        let colon = self.scanner.next()?;
        match self.kind()? {
            Kind::Key | Kind::Value | Kind::BlockEnd => self.empty_then(State::BlockMappingKey, colon.end),
            _ => self.node_then(State::BlockMappingKey, true, true),
        }
    }

    // Flow collections.

    fn flow_sequence_entry(&mut self, first: bool) -> Found<'a> {
        self.open(first)?;
        if *self.kind()? != Kind::FlowSequenceEnd {
            if !first {
                if *self.kind()? != Kind::FlowEntry {
                    return self.unexpected("did not find expected ',' or ']'");
                }
                self.scanner.next()?;
            }
            match self.kind()? {
                Kind::Key => {
                    let key = self.scanner.next()?;
                    self.state = State::FlowSequenceEntryMappingKey;
                    return Ok((Event::MappingStart { anchor: None }, key.start.mark()));
                }
                Kind::FlowSequenceEnd => {}
                _ => return self.node_then(State::FlowSequenceEntry, false, false),
            }
        }
        self.end_collection(Event::SequenceEnd)
    }

    fn flow_sequence_entry_mapping_key(&mut self) -> Found<'a> {
        match self.kind()? {
            Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd => {
                // go-yaml drops this token, whatever it is.
                let token = self.scanner.next()?;
                self.empty_then(State::FlowSequenceEntryMappingValue, token.end)
            }
            _ => self.node_then(State::FlowSequenceEntryMappingValue, false, false),
        }
    }

    fn flow_sequence_entry_mapping_value(&mut self) -> Found<'a> {
        let place = self.place()?;
        if *self.kind()? == Kind::Value {
            self.scanner.next()?;
            if !matches!(self.kind()?, Kind::FlowEntry | Kind::FlowSequenceEnd) {
                return self.node_then(State::FlowSequenceEntryMappingEnd, false, false);
            }
        }
        self.empty_then(State::FlowSequenceEntryMappingEnd, place)
    }

    fn flow_sequence_entry_mapping_end(&mut self) -> Found<'a> {
        let place = self.place()?;
        self.state = State::FlowSequenceEntry;
        Ok((Event::MappingEnd, place.mark()))
    }

    fn flow_mapping_key(&mut self, first: bool) -> Found<'a> {
        self.open(first)?;
        if *self.kind()? != Kind::FlowMappingEnd {
            if !first {
                if *self.kind()? != Kind::FlowEntry {
                    return self.unexpected("did not find expected ',' or '}'");
                }
                self.scanner.next()?;
            }
            match self.kind()? {
                Kind::Key => {
                    self.scanner.next()?;
                    if matches!(self.kind()?, Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd) {
                        let place = self.place()?;
                        return self.empty_then(State::FlowMappingValue, place);
                    }
                    return self.node_then(State::FlowMappingValue, false, false);
                }
                Kind::FlowMappingEnd => {}
                _ => return self.node_then(State::FlowMappingEmptyValue, false, false),
            }
        }
        self.end_collection(Event::MappingEnd)
    }

    fn flow_mapping_value(&mut self, empty: bool) -> Found<'a> {
        if !empty && *self.kind()? == Kind::Value {
            self.scanner.next()?;
            if !matches!(self.kind()?, Kind::FlowEntry | Kind::FlowMappingEnd) {
                return self.node_then(State::FlowMappingKey, false, false);
            }
        }
        let place = self.place()?;
        self.empty_then(State::FlowMappingKey, place)
    }
}
