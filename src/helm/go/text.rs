//! Go's functions on strings and characters, where Rust's do something else.

use std::borrow::Cow;

/// Where the bytes stand that are no UTF-8: a Go string can hold them, and so each is one of the last characters of the
/// last private plane here, U+10FF80 to U+10FFFF. They leave a template as bytes (`b64enc`, `sha256sum`) or as U+FFFD.
const RAW: u32 = 0x10_ff00;

/// Text of bytes, of which none is lost.
pub fn from_bytes(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let mut out = String::with_capacity(error.as_bytes().len() * 2);
        for chunk in error.as_bytes().utf8_chunks() {
            out.push_str(chunk.valid());
            out.extend(chunk.invalid().iter().map(|byte| raw_char(*byte)));
        }
        out
    })
}

/// The bytes of a text: what [`from_bytes`] was given.
pub fn to_bytes(text: &str) -> Cow<'_, [u8]> {
    if !has_raw(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match raw_byte(c) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// The text as people see it: U+FFFD for each byte that is no UTF-8.
pub fn readable(text: &str) -> Cow<'_, str> {
    if !has_raw(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| raw_byte(c).map_or(c, |_| '\u{fffd}')).collect())
}

/// Whether a text holds bytes that are no UTF-8.
pub fn has_raw(text: &str) -> bool {
    // All of them begin so, and hardly any other character does.
    let bytes = text.as_bytes();
    bytes.contains(&0xf4) && bytes.windows(3).any(|start| matches!(start, [0xf4, 0x8f, 0xbe | 0xbf]))
}

/// The byte that a character stands for.
pub fn raw_byte(c: char) -> Option<u8> {
    u32::from(c).checked_sub(RAW).and_then(|byte| u8::try_from(byte).ok()).filter(|byte| *byte >= 0x80)
}

fn raw_char(byte: u8) -> char {
    char::from_u32(RAW + u32::from(byte)).unwrap_or('\u{fffd}')
}

/// `s[start:end]` by bytes; the bytes of a character that is cut are none any more.
pub fn cut(text: &str, start: usize, end: usize) -> String {
    if has_raw(text) {
        let bytes = to_bytes(text);
        let end = end.min(bytes.len());
        return from_bytes(bytes[start.min(end)..end].to_vec());
    }
    if let Some(part) = text.get(start..end) {
        return part.to_owned();
    }
    let mut out = String::new();
    for chunk in text.as_bytes()[start..end].utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|byte| raw_char(*byte)));
    }
    out
}

/// `unicode.ToUpper`: one character for one character.
pub fn upper_char(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

/// `unicode.ToLower`.
pub fn lower_char(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        // U+0130 is the only one whose simple form differs.
        _ => 'i',
    }
}

/// `strings.ToUpper`.
pub fn upper(text: &str) -> String {
    text.chars().map(upper_char).collect()
}

/// `strings.ToLower`.
pub fn lower(text: &str) -> String {
    text.chars().map(lower_char).collect()
}

/// `strings.Title`: the first letter of each word in upper case, words by Go's simple rule.
pub fn title(text: &str) -> String {
    let mut previous = ' ';
    text.chars()
        .map(|c| {
            let starts = is_separator(previous);
            previous = c;
            if starts { upper_char(c) } else { c }
        })
        .collect()
}

fn is_separator(c: char) -> bool {
    match c {
        '0'..='9' | 'a'..='z' | 'A'..='Z' | '_' => false,
        c if c.is_ascii() => true,
        c if c.is_alphanumeric() => false,
        c => is_space(c),
    }
}

/// `unicode.IsSpace`.
pub fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// `strings.TrimSpace`.
pub fn trim_space(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `strings.Split`: an empty separator splits into characters.
pub fn split<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    split_n(text, separator, -1)
}

/// `strings.SplitN`: at most so many parts; all for a negative number.
pub fn split_n<'a>(text: &'a str, separator: &str, count: i64) -> Vec<&'a str> {
    let count = match count {
        0 => return Vec::new(),
        n => usize::try_from(n).unwrap_or(usize::MAX),
    };
    if separator.is_empty() {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if parts.len() + 1 == count {
                parts.push(rest);
                break;
            }
            let (part, tail) = rest.split_at(c.len_utf8());
            parts.push(part);
            rest = tail;
        }
        return parts;
    }
    text.splitn(count, separator).collect()
}

/// `html.EscapeString` as text/template writes it.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// Text for a JavaScript string, as text/template's `js` writes it.
pub fn escape_js(text: &str) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c if c < ' ' => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c if c.is_ascii() || super::quote::is_print(c) => out.push(c),
            c => drop(write!(out, "\\u{:04X}", u32::from(c))),
        }
    }
    out
}

/// `url.QueryEscape`.
pub fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => push_percent(&mut out, byte),
        }
    }
    out
}

/// Appends `%XX`.
pub fn push_percent(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_functions_follow_go() {
        assert_eq!(title("hello wOrld x_y a-b é"), "Hello WOrld X_y A-B É");
        assert_eq!(upper("straße"), "STRAßE");
        assert_eq!(split("a,b,", ","), ["a", "b", ""]);
        assert_eq!(split("abc", ""), ["a", "b", "c"]);
        assert_eq!(split_n("a.b.c", ".", 2), ["a", "b.c"]);
        assert_eq!(readable(&cut("aé", 0, 2)), "a\u{fffd}");
        assert_eq!(escape_html("<a href='x'>&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&amp;&#34;&lt;/a&gt;");
        assert_eq!(escape_js("It'd be <nice>\n"), "It\\'d be \\u003Cnice\\u003E\\u000A");
        assert_eq!(escape_query("a b&c/d=é"), "a+b%26c%2Fd%3D%C3%A9");
    }

    #[test]
    fn bytes_that_are_no_text_come_through_a_text() {
        let bytes: Vec<u8> = (0..=255).collect();
        let text = from_bytes(bytes.clone());
        assert_eq!(*to_bytes(&text), *bytes);
        assert!(has_raw(&text) && !has_raw("ü \u{10ff00}"));
        assert_eq!(readable(&from_bytes(vec![b'a', 0xff, 0xc3])), "a\u{fffd}\u{fffd}");
        assert_eq!(*to_bytes("plain ü"), *"plain ü".as_bytes());
    }
}
