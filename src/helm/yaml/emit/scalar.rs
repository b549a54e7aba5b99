//! Writing texts, style by style: the `yaml_emitter_write_*_scalar` functions.

use std::fmt::Write;

use super::analysis::{is_break, is_printable};
use super::{BEST_WIDTH, Dialect, Emitter, INDENT};

impl Emitter {
    pub(super) fn write_plain(&mut self, text: &str, allow_breaks: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        if allow_breaks && self.dialect == Dialect::V2 && self.column + text.len() > BEST_WIDTH {
            self.write_folded(text, |_| true, Self::put);
        } else {
            self.out.push_str(text);
            self.column += text.chars().count();
        }
        self.whitespace = false;
        self.indention = false;
    }

    pub(super) fn write_single_quoted(&mut self, text: &str, allow_breaks: bool) {
        self.write_indicator("'", true, false, false);
        let mut breaks = false;
        let last = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
        self.write_folded(
            text,
            |at| allow_breaks && at > 0 && at < last,
            |emitter, c| {
                if is_break(c) {
                    if !breaks && c == '\n' {
                        emitter.put_break();
                    }
                    emitter.write_break(c);
                    emitter.indention = true;
                    breaks = true;
                    return;
                }
                if breaks && c != ' ' {
                    emitter.write_indent();
                }
                if c == '\'' {
                    emitter.put('\'');
                }
                emitter.put(c);
                if c != ' ' {
                    emitter.indention = false;
                    breaks = false;
                }
            },
        );
        self.write_indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    /// Writes a text and breaks the line at single spaces beyond the best width, where `may_fold` agrees.
    fn write_folded(
        &mut self,
        text: &str,
        may_fold: impl Fn(usize) -> bool,
        mut put: impl FnMut(&mut Self, char),
    ) {
        let mut after_space = false;
        for (at, c) in text.char_indices() {
            if c == ' ' {
                let lonely = !after_space && !text[at + 1..].starts_with(' ');
                if lonely && self.is_beyond_width() && may_fold(at) {
                    self.write_indent();
                } else {
                    put(self, c);
                }
                after_space = true;
            } else {
                put(self, c);
                // A break does not end a run of spaces in go-yaml.
                after_space = after_space && is_break(c);
            }
        }
    }

    pub(super) fn write_double_quoted(&mut self, text: &str, allow_breaks: bool) {
        self.write_indicator("\"", true, false, false);
        // go-yaml looks for a byte order mark at the beginning of the text whichever character it is at.
        let all = text.starts_with('\u{feff}');
        let last = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
        let mut after_space = false;
        for (at, c) in text.char_indices() {
            if all || !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
                self.write_escape(c);
                after_space = false;
            } else if c == ' ' {
                if allow_breaks && !after_space && self.is_beyond_width() && at > 0 && at < last {
                    self.write_indent();
                    if text[at + 1..].starts_with(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else {
                self.put(c);
                after_space = false;
            }
        }
        self.write_indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn write_escape(&mut self, c: char) {
        let before = self.out.len();
        self.out.push('\\');
        let short = match c {
            '\0' => Some('0'),
            '\u{7}' => Some('a'),
            '\u{8}' => Some('b'),
            '\t' => Some('t'),
            '\n' => Some('n'),
            '\u{b}' => Some('v'),
            '\u{c}' => Some('f'),
            '\r' => Some('r'),
            '\u{1b}' => Some('e'),
            '"' => Some('"'),
            '\\' => Some('\\'),
            '\u{85}' => Some('N'),
            '\u{a0}' => Some('_'),
            '\u{2028}' => Some('L'),
            '\u{2029}' => Some('P'),
            _ => None,
        };
        let code = u32::from(c);
        // Writing to a String cannot fail.
        let _ = match short {
            Some(short) => {
                self.out.push(short);
                Ok(())
            }
            None if code <= 0xff => write!(self.out, "x{code:02X}"),
            None if code <= 0xffff => write!(self.out, "u{code:04X}"),
            None => write!(self.out, "U{code:08X}"),
        };
        self.column += self.out.len() - before;
    }

    pub(super) fn write_literal(&mut self, text: &str) {
        self.write_indicator("|", true, false, false);
        self.write_block_hints(text);
        self.put_break();
        self.indention = true;
        self.whitespace = true;
        let mut rest = text;
        let mut fresh = true;
        while let Some(c) = rest.chars().next() {
            if is_break(c) {
                self.write_break(c);
                self.indention = true;
                fresh = true;
                rest = &rest[c.len_utf8()..];
            } else {
                if fresh {
                    self.write_indent();
                }
                let end = rest.find(is_break).unwrap_or(rest.len());
                self.out.push_str(&rest[..end]);
                self.column += rest[..end].chars().count();
                self.indention = false;
                fresh = false;
                rest = &rest[end..];
            }
        }
    }

    /// The indentation indicator and the chomping indicator.
    fn write_block_hints(&mut self, text: &str) {
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.write_indicator(&INDENT.to_string(), false, false, false);
        }
        let mut backwards = text.chars().rev();
        let ends_with_break = backwards.next().is_some_and(is_break);
        if !ends_with_break {
            self.write_indicator("-", false, false, false);
        } else if backwards.next().is_none_or(is_break) {
            self.write_indicator("+", false, false, false);
        }
    }

    fn write_break(&mut self, c: char) {
        if c == '\n' {
            self.put_break();
        } else {
            self.out.push(c);
            self.column = 0;
        }
    }
}
