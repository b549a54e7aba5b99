//! From characters to tokens: go-yaml v2's `scannerc.go`.

use std::collections::VecDeque;

use super::super::YamlError;
use super::token::{Kind, Place, Token, scanner_error};

/// go-yaml's limit on flow collections and on block collections inside each other.
const MAX_DEPTH: usize = 10_000;
/// Characters that a key without `? ` may have.
const MAX_SIMPLE_KEY: usize = 1024;
/// What go-yaml reads at once; a character that it refuses stops it as soon as its block is read.
const READ_BLOCK: usize = 512;

/// A place where a key may turn out to have begun.
#[derive(Clone, Copy, Debug, Default)]
struct SimpleKey {
    possible: bool,
    /// go-yaml keeps a table of keys by token number and loses a collection's entry when the collection is empty, so
    /// that at the beginning of a document `[]: a` is `[]`.
    lost: bool,
    required: bool,
    token_number: usize,
    place: Place,
}

pub(super) struct Scanner<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: Place,
    tokens: VecDeque<Token<'a>>,
    tokens_parsed: usize,
    token_available: bool,
    pub(super) flow_level: usize,
    /// The column of the current block collection plus one; 0 outside of any.
    pub(super) indent: usize,
    indents: Vec<usize>,
    pub(super) simple_key_allowed: bool,
    simple_keys: Vec<SimpleKey>,
    /// From here on go-yaml's reader refuses the text.
    unreadable: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let at = Place { offset: if text.starts_with('\u{feff}') { 3 } else { 0 }, ..Place::default() };
        Self {
            text,
            bytes: text.as_bytes(),
            at,
            tokens: VecDeque::new(),
            tokens_parsed: 0,
            token_available: false,
            flow_level: 0,
            indent: 0,
            indents: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            unreadable: unreadable_from(text),
        }
    }

    /// The next token, which stays the next.
    pub(super) fn peek(&mut self) -> Result<&Token<'a>, YamlError> {
        if !self.token_available {
            self.fetch_more_tokens()?;
            self.token_available = true;
        }
        self.tokens.front().ok_or_else(|| scanner_error("unexpected end of the text", self.at, self.at))
    }

    /// Takes the next token, which was peeked at.
    pub(super) fn next(&mut self) -> Result<Token<'a>, YamlError> {
        self.peek()?;
        self.token_available = false;
        self.tokens_parsed += 1;
        self.tokens.pop_front().ok_or_else(|| scanner_error("unexpected end of the text", self.at, self.at))
    }

    pub(super) fn error(&self, problem: &str, context: Place) -> YamlError {
        if self.at.offset >= self.unreadable {
            return self.unreadable_error();
        }
        scanner_error(problem, context, self.at)
    }

    fn unreadable_error(&self) -> YamlError {
        YamlError::decode("control characters are not allowed", self.at.mark())
    }

    fn fetch_more_tokens(&mut self) -> Result<(), YamlError> {
        // More are needed while the first one may still turn out to be a key.
        while self.tokens.is_empty() || self.may_be_key(self.tokens_parsed)? {
            self.fetch_next_token()?;
        }
        Ok(())
    }

    fn may_be_key(&mut self, token_number: usize) -> Result<bool, YamlError> {
        let first = self.simple_keys.partition_point(|key| key.token_number < token_number);
        for index in first..self.simple_keys.len() {
            let key = self.simple_keys[index];
            if key.token_number != token_number {
                break;
            }
            if key.possible && !key.lost {
                return self.is_valid_key(index);
            }
        }
        Ok(false)
    }

    fn is_valid_key(&mut self, index: usize) -> Result<bool, YamlError> {
        let key = self.simple_keys[index];
        if !key.possible {
            return Ok(false);
        }
        if key.place.line < self.at.line || key.place.index + MAX_SIMPLE_KEY < self.at.index {
            if key.required {
                return Err(self.error("could not find expected ':'", key.place));
            }
            self.simple_keys[index].possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    fn fetch_next_token(&mut self) -> Result<(), YamlError> {
        self.scan_to_next_token();
        if self.at.offset + 4 > self.unreadable {
            return Err(self.unreadable_error());
        }
        self.unroll_indent(self.at.column + 1);

        let first = self.byte(0);
        let in_flow = self.flow_level > 0;
        match first {
            0 => self.fetch_stream_end(),
            b'%' if self.at.column == 0 => self.fetch_directive(),
            b'-' | b'.' if self.is_document_indicator() => self.fetch_document_indicator(first),
            b'[' => self.fetch_flow_start(Kind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(Kind::FlowMappingStart),
            b']' => self.fetch_flow_end(Kind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(Kind::FlowMappingEnd),
            b',' => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.push_indicator(Kind::FlowEntry);
                Ok(())
            }
            b'-' if self.is_space_at(1) => self.fetch_block_entry(),
            b'?' if in_flow || self.is_space_at(1) => self.fetch_key(),
            b':' if in_flow || self.is_space_at(1) => self.fetch_value(),
            b'*' | b'&' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_anchor()?;
                self.tokens.push_back(token);
                Ok(())
            }
            b'!' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_tag()?;
                self.tokens.push_back(token);
                Ok(())
            }
            b'|' | b'>' if !in_flow => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                let token = self.scan_block_scalar(first == b'|')?;
                self.tokens.push_back(token);
                Ok(())
            }
            b'\'' | b'"' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_quoted(first)?;
                self.tokens.push_back(token);
                Ok(())
            }
            _ if self.starts_plain_scalar() => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_plain_scalar()?;
                self.tokens.push_back(token);
                Ok(())
            }
            _ => Err(self.error("found character that cannot start any token", self.at)),
        }
    }

    fn starts_plain_scalar(&self) -> bool {
        match self.byte(0) {
            b'-' => !self.is_blank(1),
            b'?' | b':' => self.flow_level == 0 && !self.is_space_at(1),
            b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"'
            | b'%' | b'@' | b'`' => false,
            _ => !self.is_space_at(0),
        }
    }

    fn scan_to_next_token(&mut self) {
        loop {
            if self.at.index == 0 && self.text[self.at.offset..].starts_with('\u{feff}') {
                self.skip();
            }
            let tabs = self.flow_level > 0 || !self.simple_key_allowed;
            let rest = self.bytes.get(self.at.offset..).unwrap_or_default();
            self.skip_ascii(rest.iter().take_while(|byte| **byte == b' ' || tabs && **byte == b'\t').count());
            self.skip_comment();
            if !self.is_break() {
                return;
            }
            self.read_break();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    fn push(&mut self, kind: Kind<'a>, start: Place) {
        self.tokens.push_back(Token { kind, start, end: self.at });
    }

    /// A token of one character.
    fn push_indicator(&mut self, kind: Kind<'a>) {
        let start = self.at;
        self.skip_ascii(1);
        self.push(kind, start);
    }

    fn next_token_number(&self) -> usize {
        self.tokens_parsed + self.tokens.len()
    }

    fn save_simple_key(&mut self) -> Result<(), YamlError> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let required = self.flow_level == 0 && self.indent == self.at.column + 1;
        self.remove_simple_key()?;
        let token_number = self.next_token_number();
        let place = self.at;
        if let Some(key) = self.simple_keys.last_mut() {
            *key = SimpleKey { possible: true, lost: false, required, token_number, place };
        }
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<(), YamlError> {
        let Some(key) = self.simple_keys.last_mut() else {
            return Ok(());
        };
        if key.possible && key.required {
            let place = key.place;
            return Err(self.error("could not find expected ':'", place));
        }
        key.possible = false;
        Ok(())
    }

    /// Opens a block collection if the column is deeper than the current one's.
    fn roll_indent(
        &mut self,
        column: usize,
        token_number: Option<usize>,
        kind: Kind<'a>,
        place: Place,
    ) -> Result<(), YamlError> {
        if self.flow_level > 0 || self.indent > column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column + 1;
        if self.indents.len() > MAX_DEPTH {
            return Err(self.error(&format!("exceeded max depth of {MAX_DEPTH}"), place));
        }
        let token = Token { kind, start: place, end: place };
        match token_number {
            Some(number) => self.insert(number, token),
            None => self.tokens.push_back(token),
        }
        Ok(())
    }

    fn insert(&mut self, token_number: usize, token: Token<'a>) {
        match token_number.checked_sub(self.tokens_parsed) {
            Some(index) => self.tokens.insert(index.min(self.tokens.len()), token),
            None => self.tokens.push_back(token),
        }
    }

    fn unroll_indent(&mut self, indent: usize) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > indent {
            self.push(Kind::BlockEnd, self.at);
            self.indent = self.indents.pop().unwrap_or(0);
        }
    }

    fn fetch_stream_end(&mut self) -> Result<(), YamlError> {
        if self.at.column != 0 {
            self.at.column = 0;
            self.at.line += 1;
        }
        self.unroll_indent(0);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push(Kind::StreamEnd, self.at);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), YamlError> {
        self.unroll_indent(0);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.scan_directive()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, first: u8) -> Result<(), YamlError> {
        self.unroll_indent(0);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.at;
        self.skip_ascii(3);
        self.push(if first == b'-' { Kind::DocumentStart } else { Kind::DocumentEnd }, start);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: Kind<'a>) -> Result<(), YamlError> {
        self.save_simple_key()?;
        let token_number = self.next_token_number();
        self.simple_keys.push(SimpleKey { token_number, place: self.at, ..SimpleKey::default() });
        self.flow_level += 1;
        if self.flow_level > MAX_DEPTH {
            return Err(self.error(&format!("exceeded max depth of {MAX_DEPTH}"), self.at));
        }
        self.simple_key_allowed = true;
        self.push_indicator(kind);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: Kind<'a>) -> Result<(), YamlError> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            let closed = self.simple_keys.pop().unwrap_or_default();
            if let Some(key) = self.simple_keys.last_mut() {
                key.lost |= key.token_number == closed.token_number;
            }
        }
        self.simple_key_allowed = false;
        self.push_indicator(kind);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), YamlError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("block sequence entries are not allowed in this context", self.at));
            }
            self.roll_indent(self.at.column, None, Kind::BlockSequenceStart, self.at)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(Kind::BlockEntry);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), YamlError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("mapping keys are not allowed in this context", self.at));
            }
            self.roll_indent(self.at.column, None, Kind::BlockMappingStart, self.at)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.push_indicator(Kind::Key);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), YamlError> {
        let last = self.simple_keys.len() - 1;
        if self.is_valid_key(last)? {
            let SimpleKey { token_number, place, .. } = self.simple_keys[last];
            self.insert(token_number, Token { kind: Kind::Key, start: place, end: place });
            self.roll_indent(place.column, Some(token_number), Kind::BlockMappingStart, place)?;
            self.simple_keys[last].possible = false;
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(self.error("mapping values are not allowed in this context", self.at));
                }
                self.roll_indent(self.at.column, None, Kind::BlockMappingStart, self.at)?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.push_indicator(Kind::Value);
        Ok(())
    }
}

/// Where the block begins that go-yaml's reader would refuse, for a character in it.
fn unreadable_from(text: &str) -> usize {
    let refused = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        c => c < ' ' || ('\u{7f}'..'\u{a0}').contains(&c) || c == '\u{fffe}' || c == '\u{ffff}',
    };
    let suspicious = |byte: u8| {
        (byte < b' ') & !matches!(byte, b'\t' | b'\n' | b'\r') | matches!(byte, 0x7f | 0xc2 | 0xef)
    };
    // Without a way out in between, many bytes are looked at at once.
    if !text.bytes().fold(false, |found, byte| found | suspicious(byte)) {
        return usize::MAX;
    }
    let Some(refused_at) = text.find(refused) else {
        return usize::MAX;
    };
    let mut block = 0;
    loop {
        let mut next = (block + READ_BLOCK).min(text.len());
        while !text.is_char_boundary(next) {
            next -= 1;
        }
        if refused_at < next {
            return block;
        }
        block = next;
    }
}
