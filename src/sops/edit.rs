//! Changes to the text that leave each line where it is.

use std::fmt::Write as _;
use std::ops::Range;

use super::SOPS;
use super::cipher::{PREFIX, Plain};
use crate::helm::yaml::{Mark, Node, format_float};

/// A piece of the text, and what takes its place.
pub(super) struct Edit {
    range: Range<usize>,
    text: String,
}

/// Makes the changes. The same place may be changed twice, by an alias: once is enough.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut changed = String::with_capacity(text.len());
    let mut done = 0;
    for edit in edits {
        if edit.range.start >= done {
            changed.push_str(&text[done..edit.range.start]);
            changed.push_str(&edit.text);
            done = edit.range.end;
        }
    }
    changed.push_str(&text[done..]);
    changed
}

/// Puts a value where the scalar `encrypted` begins; `None` where that is not written in one piece.
pub(super) fn replacement(text: &str, mark: Mark, encrypted: &str, value: &Plain) -> Option<Edit> {
    let begin = mark.offset as usize;
    let found = begin + text.get(begin..)?.find(PREFIX)?;
    let mut end = found + encrypted.len();
    if text.get(found..end)? != encrypted {
        return None;
    }
    // A quote, a tag, the head of a block: whatever stands before it belongs to the scalar.
    let head = &text[begin..found];
    if head.contains([':', '*', '&', '#', ',', '{', '[']) {
        return None;
    }
    if let Some(quote) = head.chars().next_back().filter(|quote| matches!(quote, '"' | '\'')) {
        end += usize::from(text[end..].starts_with(quote));
    }
    let mut shown = match value {
        Plain::Text(value) => quoted(value),
        Plain::Int(number) => number.to_string(),
        // As SOPS writes it: a float without a fraction becomes an integer.
        Plain::Float(number) => format_float(*number),
        Plain::Bool(value) => value.to_string(),
        Plain::Comment => return None,
    };
    shown.extend(std::iter::repeat_n('\n', lines(head)));
    Some(Edit { range: begin..end, text: shown })
}

/// Takes an item out of a list, dash and all; `None` if it is not written as SOPS writes it.
pub(super) fn without_item(text: &str, mark: Mark, encrypted: &str) -> Option<Edit> {
    let begin = mark.offset as usize;
    let dash = text[..begin].trim_end_matches(' ').strip_suffix('-')?.len();
    let end = begin + text.get(begin..)?.starts_with(encrypted).then_some(encrypted.len())?;
    Some(Edit { range: dash..end, text: String::new() })
}

/// A text in double quotes that YAML and JSON read alike, on one line.
fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push('"');
    for c in text.chars() {
        match c {
            '"' => shown.push_str("\\\""),
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            // What YAML takes for a break or does not allow; all of it is in the first plane.
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{a0}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => _ = write!(shown, "\\u{:04x}", u32::from(c)),
            _ => shown.push(c),
        }
    }
    shown.push('"');
    shown
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// Takes the entry `sops` out of a document; nothing if it has none. The error says what is odd about it.
pub(super) fn removal(text: &str, document: &Node) -> Result<Option<Edit>, String> {
    let Some((key, value)) = document.entry(SOPS) else { return Ok(None) };
    let (begin, inside) = (key.mark.offset as usize, value.mark.offset as usize);
    let range = if text[document.mark.offset as usize..].starts_with('{') {
        in_braces(text, begin, inside)
    } else {
        in_lines(text, begin)
    };
    let range = range.ok_or_else(|| "the entry `sops` is not written as SOPS writes it".to_owned())?;
    let text = "\n".repeat(lines(&text[range.clone()]));
    Ok(Some(Edit { range, text }))
}

/// The lines of an entry: its own, and those further to the right.
fn in_lines(text: &str, begin: usize) -> Option<Range<usize>> {
    let start = text[..begin].rfind('\n').map_or(0, |at| at + 1);
    let column = begin - start;
    if !text[start..begin].bytes().all(|byte| byte == b' ') {
        return None;
    }
    let mut end = start;
    for (number, line) in text[start..].split_inclusive('\n').enumerate() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let rest = line[indent..].trim_end();
        if number > 0 && indent <= column && !rest.is_empty() && !rest.starts_with('#') {
            break;
        }
        end += line.len();
    }
    Some(start..end)
}

/// An entry inside `{...}`, with the comma before it, or the one behind it.
fn in_braces(text: &str, begin: usize, value: usize) -> Option<Range<usize>> {
    let end = value + closing(text.get(value..)?)?;
    let before = text[..begin].trim_end();
    if before.ends_with(',') {
        return Some(before.len() - 1..end);
    }
    let behind = &text[end..];
    let gap = behind.len() - behind.trim_start().len();
    let comma = usize::from(behind[gap..].starts_with(','));
    Some(begin..end + if comma == 1 { gap + 1 } else { 0 })
}

/// The length of the `{...}` that a text begins with.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            _ if escaped => escaped = false,
            (Some(b'"'), b'\\') => escaped = true,
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'{') => depth += 1,
            (None, b'}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            (None, _) if depth == 0 => return None,
            (None, _) => {}
        }
    }
    None
}
