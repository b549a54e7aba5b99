//! Looking at characters and stepping over them. Beyond the end of the text stands a 0, as in go-yaml's buffer.

use super::scanner::Scanner;

impl<'a> Scanner<'a> {
    /// The byte at a distance from the current place; 0 beyond the end.
    pub(super) fn byte(&self, distance: usize) -> u8 {
        self.bytes.get(self.at.offset + distance).copied().unwrap_or(0)
    }

    pub(super) fn is_blank(&self, distance: usize) -> bool {
        matches!(self.byte(distance), b' ' | b'\t')
    }

    /// The bytes of the line break at a distance; 0 if there is none. `\r\n` counts as two breaks here.
    pub(super) fn break_length(&self, distance: usize) -> usize {
        match self.byte(distance) {
            b'\r' | b'\n' => 1,
            0xc2 if self.byte(distance + 1) == 0x85 => 2,
            0xe2 if self.byte(distance + 1) == 0x80 && matches!(self.byte(distance + 2), 0xa8 | 0xa9) => 3,
            _ => 0,
        }
    }

    pub(super) fn is_break(&self) -> bool {
        self.break_length(0) > 0
    }

    pub(super) fn is_break_or_end(&self) -> bool {
        self.byte(0) == 0 || self.is_break()
    }

    /// A blank, a break or the end.
    pub(super) fn is_space_at(&self, distance: usize) -> bool {
        matches!(self.byte(distance), b' ' | b'\t' | 0) || self.break_length(distance) > 0
    }

    pub(super) fn skip(&mut self) {
        self.at.offset += match self.byte(0) {
            0..0x80 => 1,
            0x80..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0.. => 4,
        };
        self.at.index += 1;
        self.at.column += 1;
    }

    /// Skips so many bytes, all of them ASCII.
    pub(super) fn skip_ascii(&mut self, count: usize) {
        self.at.offset += count;
        self.at.index += count;
        self.at.column += count;
    }

    /// Skips a text that begins here and has no line break.
    pub(super) fn skip_text(&mut self, text: &str) {
        let characters = if text.is_ascii() { text.len() } else { text.chars().count() };
        self.at.offset += text.len();
        self.at.index += characters;
        self.at.column += characters;
    }

    /// What stands before the next line break of any kind.
    pub(super) fn rest_of_line(&self) -> &'a str {
        let rest = &self.text[self.at.offset..];
        let line = &rest[..memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len())];
        // Without a way out in between, many bytes are looked at at once.
        if !line.bytes().fold(false, |found, byte| found | matches!(byte, b'\r' | 0xc2 | 0xe2 | 0)) {
            return line;
        }
        // Only the first bytes of breaks need a closer look.
        let mut from = 0;
        loop {
            let found = rest.as_bytes()[from..]
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r' | 0xc2 | 0xe2 | 0));
            match found.map(|at| from + at) {
                None => return rest,
                Some(at) if self.break_length(at) > 0 || rest.as_bytes()[at] == 0 => return &rest[..at],
                Some(at) => from = at + 1,
            }
        }
    }

    pub(super) fn skip_blanks(&mut self) {
        let rest = self.bytes.get(self.at.offset..).unwrap_or_default();
        self.skip_ascii(rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count());
    }

    pub(super) fn skip_comment(&mut self) {
        if self.byte(0) == b'#' {
            let comment = self.rest_of_line();
            self.skip_text(comment);
        }
    }

    /// Skips a line break and gives it in its normal form.
    pub(super) fn read_break(&mut self) -> &'static str {
        let (length, characters, normal) = match (self.byte(0), self.byte(1), self.byte(2)) {
            (b'\r', b'\n', _) => (2, 2, "\n"),
            (b'\r' | b'\n', ..) => (1, 1, "\n"),
            (0xc2, 0x85, _) => (2, 1, "\n"),
            (0xe2, 0x80, 0xa8) => (3, 1, "\u{2028}"),
            (0xe2, 0x80, 0xa9) => (3, 1, "\u{2029}"),
            _ => return "",
        };
        self.at.offset += length;
        self.at.index += characters;
        self.at.column = 0;
        self.at.line += 1;
        normal
    }

    /// `---` or `...` at the beginning of a line, with space after it.
    pub(super) fn is_document_indicator(&self) -> bool {
        self.at.column == 0
            && matches!(self.byte(0), b'-' | b'.')
            && self.byte(1) == self.byte(0)
            && self.byte(2) == self.byte(0)
            && self.is_space_at(3)
    }
}
