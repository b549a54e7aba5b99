//! Plain and block scalars.

use std::borrow::Cow;

use super::super::YamlError;
use super::scanner::Scanner;
use super::token::{Kind, Place, Token};

/// Line breaks between two pieces of a flow scalar.
#[derive(Debug, Default)]
pub(super) struct Fold {
    /// The first one; empty if the pieces are on one line.
    first: &'static str,
    others: String,
}

impl Fold {
    pub(super) fn push(&mut self, line_break: &'static str) {
        if self.first.is_empty() {
            self.first = line_break;
        } else {
            self.others.push_str(line_break);
        }
    }

    /// A break that is written in any case.
    pub(super) fn push_other(&mut self, line_break: &'static str) {
        self.others.push_str(line_break);
    }

    /// Writes what the breaks stand for: one is a space, several are one less.
    pub(super) fn write(&mut self, out: &mut String) {
        if self.first != "\n" {
            out.push_str(self.first);
            out.push_str(&self.others);
        } else if self.others.is_empty() {
            out.push(' ');
        } else {
            out.push_str(&self.others);
        }
        self.first = "";
        self.others.clear();
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn scan_plain_scalar(&mut self) -> Result<Token<'a>, YamlError> {
        let start = self.at;
        let mut end = self.at;
        // As long as the text is on one line it is a piece of the source.
        let mut folded: Option<String> = None;
        let mut fold = Fold::default();
        let mut leading_blanks = false;
        loop {
            if self.is_document_indicator() || self.byte(0) == b'#' {
                break;
            }
            let piece = self.at.offset;
            self.skip_plain_piece();
            if self.at.offset > piece {
                if leading_blanks {
                    let out = folded.get_or_insert_with(|| self.text[start.offset..end.offset].to_owned());
                    fold.write(out);
                    leading_blanks = false;
                } else if let Some(out) = &mut folded {
                    out.push_str(&self.text[end.offset..piece]);
                }
                if let Some(out) = &mut folded {
                    out.push_str(&self.text[piece..self.at.offset]);
                }
                end = self.at;
            }
            if !self.is_blank(0) && !self.is_break() {
                break;
            }
            while self.is_blank(0) || self.is_break() {
                if self.is_break() {
                    fold.push(self.read_break());
                    leading_blanks = true;
                } else if leading_blanks && self.at.column < self.indent && self.byte(0) == b'\t' {
                    return Err(self.error("found a tab character that violates indentation", start));
                } else {
                    self.skip_ascii(1);
                }
            }
            if self.flow_level == 0 && self.at.column < self.indent {
                break;
            }
        }
        if leading_blanks {
            self.simple_key_allowed = true;
        }
        let value = folded.map_or_else(|| Cow::Borrowed(&self.text[start.offset..end.offset]), Cow::Owned);
        Ok(Token { kind: Kind::Scalar { value, plain: true }, start, end })
    }

    /// Skips to the last character before a space or what else may end the scalar; outside of flow collections, to the last
    /// one of as many words as have nothing of that between them.
    fn skip_plain_piece(&mut self) {
        if self.flow_level == 0 {
            self.skip_plain_words();
        }
        let plain = |byte: &&u8| {
            !matches!(
                **byte,
                b' ' | b'\t' | b'\n' | b'\r' | 0 | b':' | b',' | b'?' | b'[' | b']' | b'{' | b'}' | 0x80..
            )
        };
        loop {
            let rest = self.bytes.get(self.at.offset..).unwrap_or_default();
            self.skip_ascii(rest.iter().take_while(plain).count());
            match self.byte(0) {
                b' ' | b'\t' | b'\n' | b'\r' | 0 => return,
                b':' if self.is_space_at(1) => return,
                b',' | b'?' | b'[' | b']' | b'{' | b'}' if self.flow_level > 0 => return,
                byte if byte < 0x80 => self.skip_ascii(1),
                _ if self.is_break() => return,
                _ => self.skip(),
            }
        }
    }

    fn skip_plain_words(&mut self) {
        let plain = |byte: &&u8| !matches!(**byte, b'\t' | b'\n' | b'\r' | 0 | b':' | b'#' | 0x80..);
        let rest = self.bytes.get(self.at.offset..).unwrap_or_default();
        let words = &rest[..rest.iter().take_while(plain).count()];
        let end = words.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        self.skip_ascii(end);
    }

    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<Token<'a>, YamlError> {
        let start = self.at;
        self.skip_ascii(1);
        let (chomping, increment) = self.scan_block_header(start)?;
        let mut indent = if increment > 0 { Some(self.indent.saturating_sub(1) + increment) } else { None };

        let mut value = String::new();
        let mut leading_break = "";
        let mut trailing_breaks = String::new();
        let mut end = self.at;
        let mut column = self.scan_block_breaks(&mut indent, &mut trailing_breaks, start, &mut end)?;
        let mut leading_blank = false;
        while self.at.column == column && self.byte(0) != 0 {
            let trailing_blank = self.is_blank(0);
            if !literal && !leading_blank && !trailing_blank && leading_break == "\n" {
                if trailing_breaks.is_empty() {
                    value.push(' ');
                }
            } else {
                value.push_str(leading_break);
            }
            value.push_str(&trailing_breaks);
            trailing_breaks.clear();

            leading_blank = self.is_blank(0);
            let line = self.rest_of_line();
            self.skip_text(line);
            value.push_str(line);
            leading_break = self.read_break();
            column = self.scan_block_breaks(&mut indent, &mut trailing_breaks, start, &mut end)?;
        }
        if chomping != Chomping::Strip {
            value.push_str(leading_break);
        }
        if chomping == Chomping::Keep {
            value.push_str(&trailing_breaks);
        }
        Ok(Token { kind: Kind::Scalar { value: Cow::Owned(value), plain: false }, start, end })
    }

    /// The indicators after `|` or `>` and the rest of that line.
    fn scan_block_header(&mut self, start: Place) -> Result<(Chomping, usize), YamlError> {
        let mut chomping = self.scan_chomping();
        let mut increment = 0;
        if self.byte(0).is_ascii_digit() {
            if self.byte(0) == b'0' {
                return Err(self.error("found an indentation indicator equal to 0", start));
            }
            increment = usize::from(self.byte(0) - b'0');
            self.skip_ascii(1);
            if chomping.is_none() {
                chomping = self.scan_chomping();
            }
        }
        self.skip_blanks();
        self.skip_comment();
        if !self.is_break_or_end() {
            return Err(self.error("did not find expected comment or line break", start));
        }
        self.read_break();
        Ok((chomping.unwrap_or(Chomping::Clip), increment))
    }

    fn scan_chomping(&mut self) -> Option<Chomping> {
        let chomping = match self.byte(0) {
            b'+' => Chomping::Keep,
            b'-' => Chomping::Strip,
            _ => return None,
        };
        self.skip_ascii(1);
        Some(chomping)
    }

    /// Skips indentation and empty lines; finds the indentation if it was not given. Gives its column.
    fn scan_block_breaks(
        &mut self,
        indent: &mut Option<usize>,
        breaks: &mut String,
        start: Place,
        end: &mut Place,
    ) -> Result<usize, YamlError> {
        *end = self.at;
        let mut deepest = 0;
        loop {
            let within = |column: usize| indent.is_none_or(|indent| column < indent);
            while within(self.at.column) && self.byte(0) == b' ' {
                self.skip_ascii(1);
            }
            deepest = deepest.max(self.at.column);
            if within(self.at.column) && self.byte(0) == b'\t' {
                return Err(self.error("found a tab character where an indentation space is expected", start));
            }
            if !self.is_break() {
                break;
            }
            breaks.push_str(self.read_break());
            *end = self.at;
        }
        let least = self.indent.max(1);
        Ok(*indent.get_or_insert(deepest.max(least)))
    }
}

/// What becomes of the line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}
