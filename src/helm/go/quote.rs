//! `strconv.Quote` and `strconv.Unquote`.

use std::fmt::Write as _;

/// Why a literal cannot be read: `strconv.ErrSyntax`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid syntax")]
pub struct SyntaxError;

/// Whether Go prints a character as it is (`strconv.IsPrint`): letters, marks, numbers, punctuation, symbols and the
/// ASCII space.
pub fn is_print(c: char) -> bool {
    match c {
        ' '..='~' => true,
        c if c.is_ascii() => false,
        // Rust's own table of what can be printed; the letter before keeps it from escaping combining marks.
        c => {
            let mut pair = String::with_capacity(5);
            pair.push('a');
            pair.push(c);
            pair.escape_debug().nth(1) == Some(c)
        }
    }
}

/// `strconv.Quote`: a double-quoted Go string.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted(&mut out, text, '"', false);
    out
}

/// `strconv.QuoteToASCII`.
pub fn quote_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted(&mut out, text, '"', true);
    out
}

/// `strconv.QuoteRune`, or `QuoteRuneToASCII`.
pub fn quote_char(c: char, ascii: bool) -> String {
    let mut out = String::new();
    push_quoted(&mut out, c.encode_utf8(&mut [0; 4]), '\'', ascii);
    out
}

/// Appends a text between quotes.
pub fn push_quoted(out: &mut String, text: &str, mark: char, ascii: bool) {
    out.push(mark);
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == mark || c == '\\' || !(' '..='~').contains(&c)) {
        out.push_str(&rest[..at]);
        let mut tail = rest[at..].chars();
        if let Some(c) = tail.next() {
            push_escaped(out, c, mark, ascii);
        }
        rest = tail.as_str();
    }
    out.push_str(rest);
    out.push(mark);
}

fn push_escaped(out: &mut String, c: char, mark: char, ascii: bool) {
    if let Some(byte) = super::text::raw_byte(c) {
        let _ = write!(out, "\\x{byte:02x}");
        return;
    }
    match c {
        c if c == mark || c == '\\' => {
            out.push('\\');
            out.push(c);
        }
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c if (c.is_ascii() || !ascii) && is_print(c) => out.push(c),
        c if c < ' ' || c == '\u{7f}' => drop(write!(out, "\\x{:02x}", u32::from(c))),
        c if u32::from(c) < 0x1_0000 => drop(write!(out, "\\u{:04x}", u32::from(c))),
        c => drop(write!(out, "\\U{:08x}", u32::from(c))),
    }
}

/// `strconv.CanBackquote`: whether the text fits between backquotes as it is.
pub fn can_backquote(text: &str) -> bool {
    text.chars().all(|c| c != '\u{feff}' && c != '`' && c != '\u{7f}' && (c >= ' ' || c == '\t'))
}

/// `strconv.Unquote` of a `"..."` or `` `...` `` literal. Bytes that are no UTF-8 are replaced.
pub fn unquote(literal: &str) -> Result<String, SyntaxError> {
    let mark = literal.chars().next().ok_or(SyntaxError)?;
    let body = literal.get(1..literal.len().saturating_sub(1)).ok_or(SyntaxError)?;
    if literal.len() < 2 || !literal.ends_with(mark) {
        return Err(SyntaxError);
    }
    match mark {
        '`' => Ok(body.replace('\r', "")),
        '"' if !body.contains(['\\', '\n']) => Ok(body.to_owned()),
        '"' => {
            let mut bytes = Vec::with_capacity(body.len());
            let mut rest = body;
            while !rest.is_empty() {
                let (unit, tail) = unquote_char(rest, '"')?;
                match unit {
                    Unit::Byte(byte) => bytes.push(byte),
                    Unit::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                }
                rest = tail;
            }
            Ok(super::text::from_bytes(bytes))
        }
        _ => Err(SyntaxError),
    }
}

/// What one place of a literal stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A byte (`\xff`, `\377`).
    Byte(u8),
    /// A character.
    Char(char),
}

impl Unit {
    /// Its number.
    pub fn code(self) -> i64 {
        match self {
            Self::Byte(byte) => i64::from(byte),
            Self::Char(c) => i64::from(u32::from(c)),
        }
    }
}

/// `strconv.UnquoteChar`: the first character or escape of a text, and what follows it.
pub fn unquote_char(text: &str, mark: char) -> Result<(Unit, &str), SyntaxError> {
    let mut chars = text.chars();
    match chars.next().ok_or(SyntaxError)? {
        c if c == mark || c == '\n' => return Err(SyntaxError),
        '\\' => {}
        c => return Ok((Unit::Char(c), chars.as_str())),
    }
    let escape = chars.next().ok_or(SyntaxError)?;
    let rest = chars.as_str();
    let simple = |c: char| Ok((Unit::Char(c), rest));
    match escape {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' => simple('\\'),
        '\'' | '"' if escape == mark => simple(escape),
        'x' => {
            let code = digits(rest, 2, 16)?;
            Ok((Unit::Byte(u8::try_from(code).map_err(|_| SyntaxError)?), &rest[2..]))
        }
        'u' | 'U' => {
            let count = if escape == 'u' { 4 } else { 8 };
            let code = digits(rest, count, 16)?;
            Ok((Unit::Char(char::from_u32(code).ok_or(SyntaxError)?), &rest[count..]))
        }
        '0'..='7' => {
            let from = text.len() - rest.len() - 1;
            let code = digits(&text[from..], 3, 8)?;
            Ok((Unit::Byte(u8::try_from(code).map_err(|_| SyntaxError)?), &text[from + 3..]))
        }
        _ => Err(SyntaxError),
    }
}

fn digits(text: &str, count: usize, radix: u32) -> Result<u32, SyntaxError> {
    let digits = text.get(..count).ok_or(SyntaxError)?;
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(SyntaxError);
    }
    u32::from_str_radix(digits, radix).map_err(|_| SyntaxError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_go_s() {
        assert_eq!(
            quote("a\"b\\c\n\t\u{1}\u{7f}é\u{301}😀\u{200b}"),
            "\"a\\\"b\\\\c\\n\\t\\x01\\x7fé\u{301}😀\\u200b\""
        );
        assert_eq!(quote_ascii("é😀"), "\"\\u00e9\\U0001f600\"");
        assert_eq!(quote_char('\'', false), "'\\''");
        assert_eq!(quote("\u{a0}"), "\"\\u00a0\"");
    }

    #[test]
    fn every_escape_is_read() {
        let read = unquote(r#""\a\b\f\n\r\t\v\\\"\x41\101é\U0001F600""#).unwrap();
        assert_eq!(read, "\u{7}\u{8}\u{c}\n\r\t\u{b}\\\"AAé😀");
        assert_eq!(unquote("`a\\n\"`").unwrap(), "a\\n\"");
        for bad in [r#""\'""#, r#""\q""#, r#""\x4""#, r#""\400""#, "\"a\nb\"", "\"a"] {
            assert_eq!(unquote(bad), Err(SyntaxError), "{bad}");
        }
    }
}
