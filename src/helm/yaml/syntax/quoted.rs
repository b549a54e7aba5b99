//! Quoted scalars.

use std::borrow::Cow;

use super::super::YamlError;
use super::scalars::Fold;
use super::scanner::Scanner;
use super::tags::hex;
use super::token::{Kind, Place, Token};

impl<'a> Scanner<'a> {
    pub(super) fn scan_quoted(&mut self, quote: u8) -> Result<Token<'a>, YamlError> {
        let start = self.at;
        self.skip_ascii(1);
        let value = match self.skip_simple_quoted(quote) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.scan_folded_quoted(quote, start)?),
        };
        // The closing quote.
        self.skip_ascii(1);
        Ok(Token { kind: Kind::Scalar { value, plain: false }, start, end: self.at })
    }

    /// A text on one line without escapes, which is a piece of the source; otherwise nothing is skipped.
    fn skip_simple_quoted(&mut self, quote: u8) -> Option<&'a str> {
        let rest = &self.text[self.at.offset..];
        let length = rest.bytes().position(|byte| {
            byte == quote || byte == b'\\' && quote == b'"' || matches!(byte, b'\n' | b'\r' | 0)
        })?;
        let (text, end) = rest.split_at(length);
        let doubled = quote == b'\'' && end.starts_with("''");
        if !end.starts_with(char::from(quote))
            || doubled
            || !text.is_ascii() && text.contains(['\u{85}', '\u{2028}', '\u{2029}'])
        {
            return None;
        }
        self.skip_text(text);
        Some(text)
    }

    fn scan_folded_quoted(&mut self, quote: u8, start: Place) -> Result<String, YamlError> {
        let mut value = String::new();
        let mut fold = Fold::default();
        loop {
            if self.is_document_indicator() {
                return Err(self.error("found unexpected document indicator", start));
            }
            if self.byte(0) == 0 {
                return Err(self.error("found unexpected end of stream", start));
            }
            let mut leading_blanks = false;
            while !self.is_space_at(0) {
                let byte = self.byte(0);
                if byte == b'\'' && quote == b'\'' && self.byte(1) == b'\'' {
                    value.push('\'');
                    self.skip_ascii(2);
                } else if byte == quote {
                    break;
                } else if byte == b'\\' && quote == b'"' {
                    if self.break_length(1) > 0 {
                        self.skip_ascii(1);
                        self.read_break();
                        leading_blanks = true;
                        break;
                    }
                    self.scan_escape(&mut value, start)?;
                } else {
                    let piece = self.at.offset;
                    while !self.is_space_at(0) && self.byte(0) != quote && self.byte(0) != b'\\' {
                        self.skip();
                    }
                    if self.at.offset == piece {
                        // A backslash between single quotes.
                        self.skip_ascii(1);
                    }
                    value.push_str(&self.text[piece..self.at.offset]);
                }
            }
            if self.byte(0) == quote {
                return Ok(value);
            }

            let blanks = self.at.offset;
            let mut blanks_end = blanks;
            // After an escaped break the first real one counts as one of the others.
            let escaped = leading_blanks;
            while self.is_blank(0) || self.is_break() {
                if self.is_break() {
                    let line_break = self.read_break();
                    if escaped {
                        fold.push_other(line_break);
                    } else {
                        fold.push(line_break);
                    }
                    leading_blanks = true;
                } else {
                    self.skip_ascii(1);
                    blanks_end = self.at.offset;
                }
            }
            if leading_blanks {
                fold.write(&mut value);
            } else {
                value.push_str(&self.text[blanks..blanks_end]);
            }
        }
    }

    fn scan_escape(&mut self, value: &mut String, start: Place) -> Result<(), YamlError> {
        let digits = match self.byte(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            other => {
                let Some(c) = simple_escape(other) else {
                    return Err(self.error("found unknown escape character", start));
                };
                value.push(c);
                self.skip_ascii(2);
                return Ok(());
            }
        };
        self.skip_ascii(2);
        let mut code: u32 = 0;
        for at in 0..digits {
            let Some(digit) = hex(self.byte(at)) else {
                return Err(self.error("did not find expected hexdecimal number", start));
            };
            code = code << 4 | u32::from(digit);
        }
        let Some(c) = char::from_u32(code) else {
            return Err(self.error("found invalid Unicode character escape code", start));
        };
        value.push(c);
        self.skip_ascii(digits);
        Ok(())
    }
}

fn simple_escape(byte: u8) -> Option<char> {
    Some(match byte {
        b'0' => '\0',
        b'a' => '\u{7}',
        b'b' => '\u{8}',
        b't' | b'\t' => '\t',
        b'n' => '\n',
        b'v' => '\u{b}',
        b'f' => '\u{c}',
        b'r' => '\r',
        b'e' => '\u{1b}',
        b' ' => ' ',
        b'"' => '"',
        b'\'' => '\'',
        b'\\' => '\\',
        b'N' => '\u{85}',
        b'_' => '\u{a0}',
        b'L' => '\u{2028}',
        b'P' => '\u{2029}',
        _ => return None,
    })
}
