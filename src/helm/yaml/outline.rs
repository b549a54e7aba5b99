//! The outline of a document that is written plainly: one entry or item on each line, as nearly all manifests are.
//!
//! Lines are looked at one after the other, without tokens or events, which takes a fraction of the time. Whatever is not plain
//! (anchors, tags, scalars and flow collections over several lines, odd characters, mistakes...) is left to the parser.

use smallvec::SmallVec;

use super::read::YamlLimits;
use super::resolve::{Scalar, resolve_plain};

/// Plain documents are not deeper than that.
const MAX_DEPTH: usize = 64;
/// The longest plain key; go-yaml itself takes 1024 characters.
const MAX_KEY: usize = 256;
/// Words of digits may be numbers that JSON does not have from this length on.
const MAX_DIGITS: usize = 16;

/// The lines of a mapping's wanted entries; `None` where the document is not plain, or is no mapping.
pub(super) fn wanted_lines(text: &str, limits: &YamlLimits, wanted: fn(&str) -> bool) -> Option<String> {
    // No document has more values than bytes.
    if text.len() > limits.bytes.min(limits.nodes) || limits.depth < MAX_DEPTH || has_odd_characters(text) {
        return None;
    }
    let mut outline = Outline { text, at: 0, levels: SmallVec::new(), open: true };
    let mut lines = String::new();
    let mut keeping = false;
    let mut kept_to = 0;
    while outline.at < text.len() {
        let start = outline.at;
        if let Line::Entry(key) = outline.line()? {
            // Some words are other keys to JSON than they are here.
            if resolve_plain(key) != Scalar::Text {
                return None;
            }
            if keeping {
                lines.push_str(&text[kept_to..start]);
            }
            (keeping, kept_to) = (wanted(key), start);
        }
    }
    if keeping {
        lines.push_str(&text[kept_to..]);
    }
    Some(lines)
}

/// Whether there are characters that mean something, or that go-yaml's reader refuses.
fn has_odd_characters(text: &str) -> bool {
    let odd =
        |byte: u8| (byte < b' ') & !matches!(byte, b'\t' | b'\n') | matches!(byte, 0x7f | 0xc2 | 0xe2 | 0xef);
    // Without a way out in between, many bytes are looked at at once.
    text.bytes().fold(false, |found, byte| found | odd(byte))
        && (text.bytes().any(|byte| odd(byte) && byte != 0xe2) || text.contains(['\u{2028}', '\u{2029}']))
}

/// A collection that is not complete.
#[derive(Clone, Copy)]
struct Level {
    column: usize,
    sequence: bool,
}

/// What a line is.
enum Line<'t> {
    /// It begins an entry of the document's own mapping, with this key.
    Entry(&'t str),
    Other,
}

/// What stands behind a key or a dash.
enum Held {
    /// Nothing: it may be on the lines that follow.
    Nothing,
    /// A whole value.
    Value,
    /// A block scalar, whose lines follow.
    Block,
}

struct Outline<'t> {
    text: &'t str,
    /// Where the next line begins.
    at: usize,
    levels: SmallVec<[Level; 16]>,
    /// Whether the last entry or item, or the document, has no value yet.
    open: bool,
}

impl<'t> Outline<'t> {
    /// Takes a line, and those of a block scalar that begins on it.
    fn line(&mut self) -> Option<Line<'t>> {
        let line = self.next_line();
        let mut column = spaces(line);
        if matches!(line.as_bytes().get(column), None | Some(b'#')) {
            return Some(Line::Other);
        }
        loop {
            let content = &line[column..];
            if let Some((key, rest)) = key(content) {
                self.enter_mapping(column)?;
                let line = if self.levels.len() == 1 { Line::Entry(key) } else { Line::Other };
                self.take(held(rest)?)?;
                return Some(line);
            }
            let Some(rest) =
                content.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' '))
            else {
                // A scalar is plain only as an item, behind its dash.
                let item = self.open && self.levels.last().is_some_and(|level| level.sequence);
                if !item || column == spaces(line) {
                    return None;
                }
                self.take(held(content)?)?;
                return Some(Line::Other);
            };
            self.enter_sequence(column)?;
            column += 1 + spaces(rest);
            if matches!(line.as_bytes().get(column), None | Some(b'#')) {
                return Some(Line::Other);
            }
        }
    }

    fn next_line(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        self.at += (end + 1).min(rest.len());
        &rest[..end]
    }

    /// Completes what a line that begins in this column does not belong to.
    fn close(&mut self, column: usize) {
        while self.levels.last().is_some_and(|level| level.column > column) {
            self.levels.pop();
            self.open = false;
        }
    }

    /// Begins a collection as the value of what waits for one.
    fn begin(&mut self, column: usize, sequence: bool) -> Option<()> {
        if !self.open || self.levels.len() == MAX_DEPTH {
            return None;
        }
        self.levels.push(Level { column, sequence });
        Some(())
    }

    fn enter_sequence(&mut self, column: usize) -> Option<()> {
        self.close(column);
        let last = self.levels.last()?;
        // Items may stand below the key that they belong to.
        if !(last.column == column && last.sequence) {
            self.begin(column, true)?;
        }
        self.open = true;
        Some(())
    }

    fn enter_mapping(&mut self, column: usize) -> Option<()> {
        self.close(column);
        if self.levels.last().is_some_and(|level| level.column == column && level.sequence) {
            self.levels.pop();
            self.open = false;
        }
        match self.levels.last() {
            // The document's own.
            None if !self.open => return None,
            None => self.levels.push(Level { column, sequence: false }),
            Some(level) if level.column < column => self.begin(column, false)?,
            Some(level) if level.column > column || level.sequence => return None,
            Some(_) => {}
        }
        self.open = true;
        Some(())
    }

    fn take(&mut self, held: Held) -> Option<()> {
        self.open = matches!(held, Held::Nothing);
        if matches!(held, Held::Block) { self.block() } else { Some(()) }
    }

    /// Takes the lines of a block scalar.
    fn block(&mut self) -> Option<()> {
        let parent = self.levels.last()?.column;
        let (mut indent, mut blank) = (0, 0);
        while self.at < self.text.len() {
            let start = self.at;
            let line = self.next_line();
            let before = spaces(line);
            match line.as_bytes().get(before) {
                None if indent == 0 => blank = blank.max(before),
                None => {}
                // Tabs at the edge, and blank lines that stand out, are rare enough to leave them to the parser.
                Some(b'\t') if indent == 0 || before < indent => return None,
                Some(_) if indent == 0 && before > parent => {
                    if blank > before {
                        return None;
                    }
                    indent = before;
                }
                Some(_) if indent == 0 || before < indent => {
                    self.at = start;
                    break;
                }
                Some(_) => {}
            }
        }
        Some(())
    }
}

fn spaces(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b' ').count()
}

/// The length of the word that begins here, of characters that mean nothing in YAML.
fn word(bytes: &[u8]) -> usize {
    let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
    bytes.iter().take_while(plain).count()
}

/// A key and what stands behind its colon.
fn key(content: &str) -> Option<(&str, &str)> {
    let bytes = content.as_bytes();
    let (key, end) = match bytes.first()? {
        mark @ (b'"' | b'\'') => {
            let end = 1 + memchr::memchr(*mark, &bytes[1..])?;
            let key = &content[1..end];
            if key.contains('\\') || key == "<<" || bytes.get(end + 1) == Some(&b'\'') {
                return None;
            }
            (key, end + 1)
        }
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'/' | b'.' => {
            let end = word(bytes);
            let key = &content[..end];
            let may_be_number = bytes[0].is_ascii_digit() && end >= MAX_DIGITS;
            if may_be_number || matches!(key, "null" | "Null" | "NULL") {
                return None;
            }
            (key, end)
        }
        _ => return None,
    };
    let rest = content[end..].strip_prefix(':')?;
    (end <= MAX_KEY && (rest.is_empty() || rest.starts_with(' '))).then_some((key, rest))
}

fn held(text: &str) -> Option<Held> {
    let text = text.trim_start_matches(' ');
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else { return Some(Held::Nothing) };
    let end = match first {
        b'#' => return Some(Held::Nothing),
        b'|' | b'>' => {
            let plain = matches!(text[1..].trim_end_matches(' '), "" | "-" | "+");
            return plain.then_some(Held::Block);
        }
        b'"' | b'\'' => quoted(bytes)?,
        b'[' => flow_sequence(text)?,
        b'{' if bytes.get(1) == Some(&b'}') => 2,
        b'{' | b'}' | b']' | b',' | b'&' | b'*' | b'!' | b'%' | b'@' | b'`' => return None,
        b'-' | b'?' | b':' if matches!(bytes.get(1), None | Some(b' ')) => return None,
        _ => return plain(text).then_some(Held::Value),
    };
    let rest = &text[end..];
    let behind = rest.trim_start_matches(' ');
    (behind.is_empty() || behind.starts_with('#') && behind.len() < rest.len()).then_some(Held::Value)
}

/// Where a quoted scalar ends that is on one line.
fn quoted(bytes: &[u8]) -> Option<usize> {
    let mark = bytes[0];
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'\\' if mark == b'"' => {
                if !matches!(bytes.get(at + 1)?, b'\\' | b'"' | b'n' | b't' | b'r') {
                    return None;
                }
                at += 2;
            }
            b'\'' if mark == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
            byte if *byte == mark => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Where a sequence of words ends that is on one line.
fn flow_sequence(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1 + spaces(&text[1..]);
    if bytes.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        at += match bytes.get(at)? {
            b'"' | b'\'' => quoted(&bytes[at..])?,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'/' => word(&bytes[at..]),
            _ => return None,
        };
        at += spaces(&text[at..]);
        match bytes.get(at)? {
            b']' => return Some(at + 1),
            b',' => at += 1 + spaces(&text[at + 1..]),
            _ => return None,
        }
    }
}

/// Whether this is a plain scalar, perhaps with a comment behind it, and nothing that JSON does not have.
fn plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut end = bytes.len();
    for at in memchr::memchr3_iter(b':', b'#', b'\t', bytes) {
        match bytes[at] {
            b':' if matches!(bytes.get(at + 1), None | Some(b' ')) => return false,
            b'#' if at > 0 && bytes[at - 1] == b' ' => {
                end = at;
                break;
            }
            b'\t' => return false,
            _ => {}
        }
    }
    is_finite(text[..end].trim_end_matches(' '))
}

/// Whether a plain scalar is something else than one of the numbers that JSON does not have.
fn is_finite(text: &str) -> bool {
    !text.starts_with(['.', '+', '-'])
        || !matches!(resolve_plain(text), Scalar::Float(value) if !value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Option<String> {
        wanted_lines(text, &YamlLimits::default(), |key| key == "kind" || key == "metadata")
    }

    #[test]
    fn wanted_entries_are_given_with_all_of_their_lines() {
        let text = "# lead\nkind: Job # word\nmetadata:\n  name: a\n\n  labels: {}\nspec:\n  items:\n  - name: b\n    \
                    args: [\"-x\", y]\n  - |\n    any: [thing\n\n   - |-\n  - - c\n    - 'it''s'\n";
        assert_eq!(wanted(text), None, "a line stands out");
        let text = text.replace("   - |-\n", "");
        assert_eq!(wanted(&text).unwrap(), "kind: Job # word\nmetadata:\n  name: a\n\n  labels: {}\n");
        assert_eq!(wanted("spec:\n- kind: a\nkind: b").unwrap(), "kind: b");
        assert_eq!(wanted("kind: >-\n  a\n b: c\n"), None);
        assert_eq!(wanted("a: |\n\n\nkind: b\n").unwrap(), "kind: b\n");
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_parser() {
        for text in [
            "- a\n",
            "a: b: c\n",
            "a: b:\n",
            "a: b\n  c\n",
            "a:\n  b\n",
            "a: b\n c: d\n",
            "a:\n    b: c\n  d: e\n",
            "a: \"b\n  c\"\n",
            "a: \"b\" c\n",
            "a: \"\\x41\"\n",
            "a: [b,\n  c]\n",
            "a: {b: c}\n",
            "a: *b\n",
            "a: &b c\n",
            "a: !!str b\n",
            "a: .inf\n",
            "a: -.Inf # word\n",
            "null: a\n",
            "yes: a\n",
            "18446744073709551615: a\n",
            "<<: a\n",
            "\"<<\": a\n",
            "? a\n",
            "a:\tb\n",
            "a: b\tc\n",
            "a: b\r\n",
            "a: |\n   \n b\n",
            "a: |\n \tb\n",
            "a: |2\n   b\n",
            "a: b\u{85}c\n",
            "a: b\u{2028}c\n",
            "---\na: b\n",
            "a: - b\n",
            "a: b\n- c\n",
            "  a: b\nc: d\n",
            "- a: b\n c: d\n",
        ] {
            assert_eq!(wanted(text), None, "{text}");
        }
    }
}
