//! Functions on words and letter case, after goutils and xstrings.

use super::{Call, Function, function};
use crate::helm::go::text::{cut, is_space, lower_char, upper_char};
use crate::helm::signature::Param::{Int, Str};
use crate::helm::template::{GoResult, as_int};
use crate::helm::value::Value;

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("untitle", &[Str], |call| Ok(untitle(call.text(0)).into())),
    function("nospace", &[Str], |call| Ok(no_space(call.text(0)).into())),
    function("initials", &[Str], |call| Ok(initials(call.text(0)).into())),
    function("swapcase", &[Str], |call| Ok(swap_case(call.text(0)).into())),
    function("snakecase", &[Str], |call| Ok(separated(call.text(0), '_').into())),
    function("kebabcase", &[Str], |call| Ok(separated(call.text(0), '-').into())),
    function("camelcase", &[Str], |call| Ok(pascal_case(call.text(0)).into())),
    function("wrap", &[Int, Str], |call| wrap(call, 1, "\n", false)),
    function("wrapWith", &[Int, Str, Str], |call| {
        let line_end = call.str(1);
        wrap(call, 2, if line_end.is_empty() { "\n" } else { &line_end }, true)
    }),
    function("abbrev", &[Int, Str], |call| {
        let width = call.int(0);
        if width < 4 {
            return Ok(call.take(1));
        }
        Ok(abbreviate(call.text(1), 0, width).into())
    }),
    function("abbrevboth", &[Int, Int, Str], |call| {
        let (left, right) = (call.int(0), call.int(1));
        if right < 4 || left > 0 && right < 7 {
            return Ok(call.take(2));
        }
        Ok(abbreviate(call.text(2), left, right).into())
    }),
];

fn untitle(text: &str) -> String {
    let mut first = true;
    text.chars()
        .map(|c| {
            if is_space(c) {
                first = true;
                c
            } else if std::mem::take(&mut first) {
                lower_char(c)
            } else {
                c
            }
        })
        .collect()
}

/// goutils looks at bytes as if each were a character, so text beyond ASCII changes when there is something to delete.
fn no_space(text: &str) -> String {
    let kept: String = text.bytes().map(char::from).filter(|c| !is_space(*c)).collect();
    if kept.chars().count() == text.len() { text.to_owned() } else { kept }
}

fn initials(text: &str) -> String {
    let mut gap = true;
    let mut out = String::new();
    for c in text.bytes().map(char::from) {
        if is_space(c) {
            gap = true;
        } else if std::mem::take(&mut gap) {
            out.push(c);
        }
    }
    out
}

fn swap_case(text: &str) -> String {
    let mut space = true;
    text.chars()
        .map(|c| {
            if c.is_uppercase() {
                space = false;
                lower_char(c)
            } else if c.is_lowercase() {
                space = false;
                upper_char(c)
            } else {
                space = is_space(c);
                c
            }
        })
        .collect()
}

fn abbreviate(text: &str, offset: i64, width: i64) -> String {
    let length = as_int(text.len());
    if length <= width {
        return text.to_owned();
    }
    let mut offset = offset.min(length);
    if length - offset < width - 3 {
        offset = length - (width - 3);
    }
    let at = |index: i64| usize::try_from(index).unwrap_or(0).min(text.len());
    if offset <= 4 {
        return cut(text, 0, at(width - 3)) + "...";
    }
    if width < 7 {
        return String::new();
    }
    if offset + width - 3 < length {
        let tail = cut(text, at(offset), text.len());
        return format!("...{}", abbreviate(&tail, 0, width - 3));
    }
    format!("...{}", cut(text, at(length - (width - 3)), text.len()))
}

fn wrap(call: &mut Call<'_, '_>, index: usize, line_end: &str, break_words: bool) -> GoResult<Value> {
    let text = call.text(index);
    let width = usize::try_from(call.int(0)).unwrap_or(0).max(1);
    call.check_text((text.len() / width + 1).saturating_mul(line_end.len()).saturating_add(text.len()))?;
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::with_capacity(text.len() + 16);
    let mut offset = 0;
    while bytes.len() - offset > width {
        if bytes[offset] == b' ' {
            offset += 1;
            continue;
        }
        let line = &bytes[offset..=width + offset];
        let (end, next) = match line.iter().rposition(|byte| *byte == b' ') {
            Some(space) => (offset + space, offset + space + 1),
            None if break_words => (offset + width, offset + width),
            None => match bytes[offset + width..].iter().position(|byte| *byte == b' ') {
                Some(space) => (offset + width + space, offset + width + space + 1),
                None => break,
            },
        };
        out.extend_from_slice(&bytes[offset..end]);
        out.extend_from_slice(line_end.as_bytes());
        offset = next;
    }
    out.extend_from_slice(&bytes[offset..]);
    Ok(crate::helm::go::text::from_bytes(out).into())
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || is_space(c)
}

fn pascal_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    let mut current = None;
    let mut first_upper = false;
    for c in chars.by_ref() {
        if is_connector(c) {
            out.push(c);
            continue;
        }
        first_upper = c.is_uppercase();
        current = Some(upper_char(c));
        break;
    }
    let Some(mut current) = current else {
        // Of connectors alone, Go's library writes the last one twice.
        out.extend(text.chars().next_back());
        return out;
    };
    for c in chars {
        let before = current;
        current = c;
        if is_connector(c) && is_connector(before) {
            out.push(before);
            continue;
        }
        if is_connector(before) {
            first_upper = c.is_uppercase();
            current = upper_char(c);
        } else {
            if first_upper {
                if c.is_uppercase() {
                    current = lower_char(c);
                } else {
                    first_upper = false;
                }
            }
            out.push(before);
        }
    }
    out.push(current);
    out
}

/// What a word is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

fn is_punctuation(c: char) -> bool {
    match c {
        // What ASCII calls symbols: $ + < = > ^ ` | ~
        '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' => false,
        c if c.is_ascii() => c.is_ascii_punctuation(),
        '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}' => true,
        '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}' => {
            c != '\u{2044}' && c != '\u{2052}'
        }
        _ => false,
    }
}

/// A letter of a script that is not East Asian.
fn is_alphabet(c: char) -> bool {
    c.is_alphabetic() && c < '\u{3400}'
}

/// The first word of a text, and the rest.
fn next_word(text: &str) -> (Word, &str, &str) {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return (Word::Invalid, "", "") };
    let while_true = |test: &dyn Fn(char) -> bool| text.find(|c| !test(c)).unwrap_or(text.len());
    let (word, end) = if is_connector(first) {
        (Word::Connector, while_true(&is_connector))
    } else if is_punctuation(first) {
        (Word::Punctuation, while_true(&is_punctuation))
    } else if first.is_uppercase() {
        (Word::Upper, upper_word(text, first))
    } else if is_alphabet(first) {
        (Word::Alphabet, while_true(&|c| is_alphabet(c) && !c.is_uppercase()))
    } else if first.is_numeric() {
        (Word::Number, while_true(&char::is_numeric))
    } else {
        let ends = |c: char| is_connector(c) || is_alphabet(c) || c.is_numeric() || is_punctuation(c);
        (Word::Other, while_true(&|c| !ends(c)))
    };
    (word, &text[..end], &text[end..])
}

/// Where a word ends that begins in upper case: `HTTPStatus` is `HTTP` and `Status`.
fn upper_word(text: &str, first: char) -> usize {
    let rest = &text[first.len_utf8()..];
    let Some(second) = rest.chars().next() else { return text.len() };
    if second.is_uppercase() {
        let end = text.find(|c: char| !c.is_uppercase()).unwrap_or(text.len());
        return match text[end..].chars().next() {
            Some(next) if is_alphabet(next) => {
                text[..end].char_indices().next_back().map_or(end, |(last, _)| last)
            }
            _ => end,
        };
    }
    if is_alphabet(second) {
        let end = rest.find(|c: char| !is_alphabet(c) || c.is_uppercase()).unwrap_or(rest.len());
        return first.len_utf8() + end;
    }
    first.len_utf8()
}

/// `snake_case` and `kebab-case`.
fn separated(text: &str, connector: char) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push_lower(&mut out, kind, word, connector);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::Invalid | Word::Punctuation | Word::Connector) {
                    out.push(connector);
                }
            }
            Word::Connector => push_lower(&mut out, before, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind == Word::Alphabet {
                    // Lower case letters follow the number: it begins a word.
                    out.push(connector);
                    push_lower(&mut out, Word::Number, number, connector);
                    while matches!(kind, Word::Alphabet | Word::Number) {
                        push_lower(&mut out, kind, word, connector);
                        (kind, word, rest) = next_word(rest);
                    }
                    if !matches!(kind, Word::Invalid | Word::Connector | Word::Punctuation) {
                        out.push(connector);
                    }
                } else {
                    // The number belongs to the word before it.
                    push_lower(&mut out, Word::Number, number, connector);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        out.push(connector);
                    }
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out
}

fn push_lower(out: &mut String, kind: Word, word: &str, connector: char) {
    match kind {
        Word::Upper | Word::Connector => {
            out.extend(word.chars().map(|c| if is_connector(c) { connector } else { lower_char(c) }));
        }
        _ => out.push_str(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_xstrings_cuts_them() {
        for (text, snake) in [
            ("FirstName", "first_name"),
            ("HTTPServer", "http_server"),
            ("NoHTTPS", "no_https"),
            ("GO_PATH", "go_path"),
            ("GO PATH", "go_path"),
            ("http2xx", "http_2xx"),
            ("HTTP20xOK", "http_20x_ok"),
            ("Duration2m3s", "duration_2m3s"),
            ("Bld4Floor3rd", "bld4_floor_3rd"),
        ] {
            assert_eq!(separated(text, '_'), snake, "{text}");
        }
        for (text, pascal) in [
            ("some_words", "SomeWords"),
            ("http_server", "HttpServer"),
            ("_complex__case_", "_Complex_Case_"),
            ("GOLANG_IS_GREAT", "GolangIsGreat"),
        ] {
            assert_eq!(pascal_case(text), pascal, "{text}");
        }
    }

    #[test]
    fn a_text_is_abbreviated_from_both_sides() {
        assert_eq!(abbreviate("hello world", 0, 5), "he...");
        assert_eq!(abbreviate("1234 5678 9123", 5, 10), "...5678...");
    }
}
