//! The lexer of text/template: pulls one item at a time, as the parser asks for it.

use std::borrow::Cow;

use crate::helm::go::quote;

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Kind {
    fn is_keyword(self) -> bool {
        matches!(
            self,
            Self::Block
                | Self::Break
                | Self::Continue
                | Self::Dot
                | Self::Define
                | Self::Else
                | Self::End
                | Self::If
                | Self::Nil
                | Self::Range
                | Self::Template
                | Self::With
        )
    }

    fn of_word(word: &str) -> Self {
        match word {
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "range" => Self::Range,
            "nil" => Self::Nil,
            "template" => Self::Template,
            "with" => Self::With,
            "true" | "false" => Self::Bool,
            _ => Self::Identifier,
        }
    }
}

/// A piece of a template: all of them lie within 4 GiB of text.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pub kind: Kind,
    /// The byte where it starts.
    pub pos: u32,
    /// The byte where it ends. An error has nothing in between: the lexer has its text.
    pub end: u32,
}

impl Item {
    /// Its own text, of the whole.
    pub fn text(self, whole: &str) -> &str {
        whole.get(self.pos as usize..self.end as usize).unwrap_or_default()
    }

    /// As error texts show it, but for an error.
    pub fn show(self, whole: &str) -> String {
        let text = self.text(whole);
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            kind if kind.is_keyword() => format!("<{text}>"),
            _ if text.len() > 10 => {
                let start: String = text.chars().take(10).collect();
                format!("{}...", quote::quote(&start))
            }
            _ => quote::quote(text),
        }
    }
}

const LEFT: &[u8] = b"{{";
const RIGHT: &[u8] = b"}}";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Whether a byte separates words inside an action.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphabetic() || c.is_numeric()
}

/// The lexer.
#[derive(Debug, Default)]
pub struct Lexer<'s> {
    input: &'s str,
    pos: usize,
    start: usize,
    paren_depth: i32,
    inside_action: bool,
    /// What is wrong, if an error was found.
    pub problem: Cow<'static, str>,
}

impl<'s> Lexer<'s> {
    pub fn new(input: &'s str) -> Self {
        Self { input, ..Self::default() }
    }

    /// The next item; [`Kind::Eof`] again and again at the end.
    pub fn next_item(&mut self) -> Item {
        if self.inside_action { self.inside() } else { self.text() }
    }

    fn rest(&self) -> &'s str {
        &self.input[self.pos..]
    }

    /// What lies ahead as bytes: all that has a meaning here is ASCII.
    fn bytes(&self) -> &'s [u8] {
        self.input.as_bytes().get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, valid: &str) -> bool {
        let hit = self.peek().is_some_and(|c| valid.contains(c));
        if hit {
            self.next();
        }
        hit
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    /// Skips what lies before this place.
    fn ignore(&mut self) {
        self.start = self.pos;
    }

    fn item(&self, kind: Kind, end: usize) -> Item {
        let short = |place| u32::try_from(place).unwrap_or(u32::MAX);
        Item { kind, pos: short(self.start), end: short(end) }
    }

    fn emit(&mut self, kind: Kind) -> Item {
        let item = self.item(kind, self.pos);
        self.start = self.pos;
        item
    }

    /// An error item; nothing follows it but the end.
    fn error(&mut self, text: impl Into<Cow<'static, str>>) -> Item {
        let item = self.item(Kind::Error, self.start);
        self.problem = text.into();
        self.start = 0;
        self.pos = 0;
        self.input = "";
        self.inside_action = false;
        item
    }

    fn text(&mut self) -> Item {
        loop {
            let Some(offset) = find_left(self.bytes()) else {
                self.pos = self.input.len();
                if self.pos > self.start {
                    return self.emit(Kind::Text);
                }
                return self.emit(Kind::Eof);
            };
            if offset > 0 {
                let delim = self.pos + offset;
                self.pos = delim;
                if has_left_trim(&self.bytes()[LEFT.len()..]) {
                    self.pos = self.start + self.input[self.start..delim].trim_end_matches(SPACES).len();
                }
                let item = self.emit(Kind::Text);
                self.pos = delim;
                self.ignore();
                if item.pos < item.end {
                    return item;
                }
            }
            if let Some(item) = self.left_delim() {
                return item;
            }
        }
    }

    /// The left delimiter; nothing where a comment was skipped.
    fn left_delim(&mut self) -> Option<Item> {
        self.pos += LEFT.len();
        let marker = if has_left_trim(self.bytes()) { 2 } else { 0 };
        if self.bytes()[marker..].starts_with(b"/*") {
            self.pos += marker;
            self.ignore();
            return self.comment();
        }
        let item = self.emit(Kind::LeftDelim);
        self.inside_action = true;
        self.pos += marker;
        self.ignore();
        self.paren_depth = 0;
        Some(item)
    }

    fn comment(&mut self) -> Option<Item> {
        self.pos += 2;
        let Some(end) = self.rest().find("*/") else {
            return Some(self.error("unclosed comment"));
        };
        self.pos += end + 2;
        let Some(trim) = self.at_right_delim() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.pos += RIGHT.len() + if trim { 2 } else { 0 };
        if trim {
            self.skip_spaces();
        }
        self.ignore();
        None
    }

    fn skip_spaces(&mut self) {
        self.pos += self.bytes().iter().take_while(|byte| is_space(**byte)).count();
    }

    /// Whether a right delimiter stands here, and if so whether it trims.
    fn at_right_delim(&self) -> Option<bool> {
        match self.bytes() {
            [b'}', b'}', ..] => Some(false),
            bytes if trims_right(bytes) => Some(true),
            _ => None,
        }
    }

    fn right_delim(&mut self) -> Item {
        let trim = self.at_right_delim() == Some(true);
        if trim {
            self.pos += 2;
            self.ignore();
        }
        self.pos += RIGHT.len();
        let item = self.emit(Kind::RightDelim);
        if trim {
            self.skip_spaces();
            self.ignore();
        }
        self.inside_action = false;
        item
    }

    fn inside(&mut self) -> Item {
        if self.at_right_delim().is_some() {
            if self.paren_depth == 0 {
                return self.right_delim();
            }
            return self.error("unclosed left paren");
        }
        let Some(byte) = self.bytes().first().copied() else {
            return self.error("unclosed action");
        };
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return self.space(),
            b'0'..=b'9' | b'+' | b'-' => return self.number(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => return self.identifier(),
            _ => {}
        }
        let Some(c) = self.next() else {
            return self.error("unclosed action");
        };
        match c {
            c if !c.is_ascii() && is_alphanumeric(c) => self.identifier(),
            '=' => self.emit(Kind::Assign),
            ':' if self.next() == Some('=') => self.emit(Kind::Declare),
            ':' => self.error("expected :="),
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted(b'"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted(b'\'', Kind::CharConstant, "unterminated character constant"),
            '`' => self.raw_string(),
            '$' => self.field_or_variable(Kind::Variable, Kind::Variable),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                self.pos -= 1;
                self.number()
            }
            // At the very end, a dot is the beginning of a number to Go's lexer too.
            '.' if self.peek().is_none() => self.emit(Kind::Number),
            '.' => self.field_or_variable(Kind::Field, Kind::Dot),
            '(' => {
                self.paren_depth += 1;
                self.emit(Kind::LeftParen)
            }
            ')' => {
                self.paren_depth -= 1;
                if self.paren_depth < 0 {
                    self.error("unexpected right paren")
                } else {
                    self.emit(Kind::RightParen)
                }
            }
            ' '..='~' => self.emit(Kind::Char),
            c => {
                let shown = show_unicode(c);
                self.error(format!("unrecognized character in action: {shown}"))
            }
        }
    }

    fn space(&mut self) -> Item {
        self.skip_spaces();
        // A trimming right delimiter begins with the last space.
        if self.bytes().starts_with(b"-}}") {
            self.pos -= 1;
            if self.pos == self.start {
                return self.right_delim();
            }
        }
        self.emit(Kind::Space)
    }

    fn skip_word(&mut self) {
        let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        self.pos += self.bytes().iter().take_while(plain).count();
        if self.bytes().first().is_some_and(|byte| !byte.is_ascii()) {
            while self.peek().is_some_and(is_alphanumeric) {
                self.next();
            }
        }
    }

    fn identifier(&mut self) -> Item {
        self.skip_word();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let kind = Kind::of_word(&self.input[self.start..self.pos]);
        self.emit(kind)
    }

    /// A field or variable whose first character is consumed; `alone` is what that character is by itself.
    fn field_or_variable(&mut self, kind: Kind, alone: Kind) -> Item {
        if self.at_terminator() {
            return self.emit(alone);
        }
        self.skip_word();
        if self.at_terminator() { self.emit(kind) } else { self.bad_character() }
    }

    fn bad_character(&mut self) -> Item {
        let shown = self.peek().map_or_else(String::new, show_unicode);
        self.error(format!("bad character {shown}"))
    }

    fn at_terminator(&self) -> bool {
        match self.bytes() {
            [] | [b'.' | b',' | b'|' | b':' | b')' | b'(', ..] | [b'}', b'}', ..] => true,
            [byte, ..] => is_space(*byte),
        }
    }

    fn quoted(&mut self, mark: u8, kind: Kind, unterminated: &'static str) -> Item {
        let mut bytes = self.bytes().iter();
        loop {
            match bytes.next() {
                None | Some(b'\n') => return self.error(unterminated),
                Some(b'\\') if matches!(bytes.next(), None | Some(b'\n')) => return self.error(unterminated),
                Some(byte) if *byte == mark => {
                    self.pos = self.input.len() - bytes.as_slice().len();
                    return self.emit(kind);
                }
                Some(_) => {}
            }
        }
    }

    fn raw_string(&mut self) -> Item {
        let Some(end) = memchr::memchr(b'`', self.bytes()) else {
            return self.error("unterminated raw quoted string");
        };
        self.pos += end + 1;
        self.emit(Kind::RawString)
    }

    fn number(&mut self) -> Item {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || !self.input[..self.pos].ends_with('i') {
                return self.bad_number();
            }
            return self.emit(Kind::Complex);
        }
        self.emit(Kind::Number)
    }

    fn bad_number(&mut self) -> Item {
        let text = quote::quote(&self.input[self.start..self.pos]);
        self.error(format!("bad number syntax: {text}"))
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

/// Where the next action begins.
fn find_left(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'{', text).find(|at| text[*at..].starts_with(LEFT))
}

fn has_left_trim(text: &[u8]) -> bool {
    matches!(text, [b'-', byte, ..] if is_space(*byte))
}

/// Whether a right delimiter stands here that takes the spaces behind it.
fn trims_right(text: &[u8]) -> bool {
    matches!(text, [byte, b'-', b'}', b'}', ..] if is_space(*byte))
}

/// `%#U`: `U+0021 '!'`.
fn show_unicode(c: char) -> String {
    if quote::is_print(c) {
        format!("U+{:04X} '{c}'", u32::from(c))
    } else {
        format!("U+{:04X}", u32::from(c))
    }
}

#[cfg(test)]
#[path = "lexer_tests.rs"]
mod tests;
