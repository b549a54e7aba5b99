//! Values that must not be seen wherever they turn up: what was decrypted and then written into some object.
//!
//! Where a value goes on its way through a chart's templates cannot be followed into what they make of it. So it is
//! looked for in what comes out: as it is, line by line, as JSON and in base64, also in the middle of another text.
//! A value of fewer than six characters is looked for as a whole word, and one of fewer than three not at all: it would
//! blacken everything and hide nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

/// Values that are shorter are not looked for.
const SHORTEST: usize = 3;
/// From this length on a value is also found inside of words.
const PART: usize = 6;
/// From this length on a line of a longer text is a value of its own.
const LINE: usize = 8;
/// So many lines of longer texts are values of their own: enough for keys and certificates.
const LINES: usize = 4_000;
/// So much of a form is looked for: where the whole of it stands, its beginning does. The search takes memory for each
/// byte of it.
const LONGEST: usize = 64;
/// Words that are never confidential: a switch that is on tells nothing.
const OPEN: [&str; 8] = ["true", "false", "null", "none", "yes", "off", "http", "https"];

/// Values that must not be seen. It has no way to print them.
pub struct Confidential {
    search: AhoCorasick,
    /// Of each pattern of the search, what it is.
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// It counts as a whole word only.
    Word,
    /// It counts wherever it stands.
    Part,
    /// It is the beginning of something longer.
    Beginning,
}

impl Confidential {
    /// Of these values; `None` if there is none that could be told from other text.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut forms = Forms::default();
        values.into_iter().for_each(|value| forms.add(value));
        if forms.patterns.is_empty() {
            return None;
        }
        let (patterns, kinds): (Vec<String>, Vec<Kind>) = forms.patterns.into_iter().unzip();
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        // It fails only for more patterns than a file can hold.
        let search = AhoCorasick::builder().kind(kind).build(&patterns).ok()?;
        Some(Self { search, kinds })
    }

    /// Whether a text holds one of them.
    pub fn is_in_text(&self, text: &str) -> bool {
        self.places(text).next().is_some()
    }

    /// Whether a value holds one of them, in itself or in what it contains.
    pub fn is_in(&self, value: &Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => self.is_in_text(&number.to_string()),
            Value::String(text) => self.is_in_text(text),
            Value::Array(items) => items.iter().any(|item| self.is_in(item)),
            Value::Object(fields) => fields.values().any(|field| self.is_in(field)),
        }
    }

    /// Puts `mask` in the place of each text and number that holds one of them.
    pub fn mask(&self, value: &mut Value, mask: &str) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask(item, mask)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.mask(field, mask)),
            other if self.is_in(other) => *other = Value::String(mask.to_owned()),
            _ => {}
        }
    }

    /// Takes them out of a text; what begins like a long one goes with the rest of its line.
    pub fn scrub(&self, text: &str) -> String {
        let mut places: Vec<Range<usize>> = self.places(text).collect();
        places.sort_by_key(|place| (place.start, place.end));
        let mut clean = String::with_capacity(text.len());
        let mut done = 0;
        for place in places {
            if place.start >= done {
                clean.push_str(&text[done..place.start]);
                clean.push_str("***");
            }
            done = done.max(place.end);
        }
        clean.push_str(&text[done..]);
        clean
    }

    fn places<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
        self.search.find_overlapping_iter(text).filter_map(move |found| {
            let place = found.range();
            match self.kinds[found.pattern().as_usize()] {
                Kind::Word => is_word(text, &place).then_some(place),
                Kind::Part => Some(place),
                Kind::Beginning => {
                    let rest = text[place.end..].find('\n').unwrap_or(text.len() - place.end);
                    Some(place.start..place.end + rest)
                }
            }
        })
    }
}

fn is_word(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    !before.into_iter().chain(after).any(char::is_alphanumeric)
}

/// The forms in which values may turn up.
#[derive(Default)]
struct Forms {
    patterns: BTreeSet<(String, Kind)>,
    lines: usize,
}

impl Forms {
    fn add(&mut self, value: &str) {
        let whole = value.trim();
        let length = whole.chars().count();
        if length < SHORTEST || OPEN.contains(&whole.to_ascii_lowercase().as_str()) {
            return;
        }
        if length < PART {
            self.patterns.insert((whole.to_owned(), Kind::Word));
            return;
        }
        self.part(whole);
        let json = Value::String(whole.to_owned()).to_string();
        self.part(&json[1..json.len() - 1]);
        for line in whole.lines().map(str::trim).filter(|line| line.chars().count() >= LINE) {
            self.lines += 1;
            if self.lines <= LINES {
                self.part(line);
            }
        }
        self.base64(value);
        self.base64(whole);
        // It may be in base64 already, as a Secret's `data` is.
        let decoded = BASE64.decode(whole).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(text) = decoded.as_deref().map(str::trim).filter(|text| text.chars().count() >= PART) {
            self.part(text);
        }
    }

    fn part(&mut self, form: &str) {
        let end = form.floor_char_boundary(LONGEST);
        let kind = if end < form.len() { Kind::Beginning } else { Kind::Part };
        self.patterns.insert((form[..end].to_owned(), kind));
    }

    /// The text in base64, behind nothing, one byte or two of other text: less the digits that the neighbours share.
    fn base64(&mut self, text: &str) {
        let text = &text.as_bytes()[..text.len().min(2 * LONGEST)];
        for shift in 0..3_usize {
            let mut bytes = vec![0; shift];
            bytes.extend_from_slice(text);
            let encoded = BASE64.encode(&bytes);
            let begin = [0, 2, 3][shift];
            // A digit holds six bits: those that are filled by our bytes alone.
            let end = bytes.len() * 8 / 6;
            if end >= begin + LINE {
                self.part(&encoded[begin..end]);
            }
        }
    }
}

impl fmt::Debug for Confidential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confidential")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(values: &[&str]) -> Confidential {
        Confidential::new(values.iter().copied()).unwrap()
    }

    #[test]
    fn a_value_is_found_in_the_middle_of_a_text_and_in_each_form() {
        let values = of(&["hunter2!", "say \"friend\"\nand enter"]);
        for text in
            ["hunter2!", "postgres://u:hunter2!@db", "x: \"say \\\"friend\\\"\\nand enter\"", "  and enter "]
        {
            assert!(values.is_in_text(text), "{text}");
        }
        for before in ["", "u", "us", "usr:"] {
            let encoded = BASE64.encode(format!("{before}hunter2!after"));
            assert!(values.is_in_text(&format!("Basic {encoded}")), "{before}");
        }
        assert!(!values.is_in_text("hunter2 enter say friend"));
        assert!(of(&["aHVudGVyMiE="]).is_in_text("password=hunter2!"));
    }

    #[test]
    fn a_short_value_is_found_as_a_word_and_a_trivial_one_not_at_all() {
        let values = of(&["abc", "5432", "true", "1", ""]);
        assert!(values.is_in(&json!({"url": "db:5432"})) && values.is_in(&json!([{"port": 5432}])));
        assert!(values.is_in_text("u:abc@host"));
        assert!(!values.is_in_text("abcd 15432 true 1") && !values.is_in(&json!([true, 1, null])));
        assert!(Confidential::new(["true", "42", "", "https"]).is_none());
    }

    #[test]
    fn a_long_value_is_found_by_its_beginning_and_its_lines_and_goes_with_its_line() {
        let lines: Vec<String> = (0..50).map(|line| format!("{line:02}{}", "abcdefgh".repeat(20))).collect();
        let values = of(&[&lines.join("\n")]);
        assert_eq!(values.scrub(&format!("wrong: {}, it says\nnext", lines[7])), "wrong: ***\nnext");
        assert!(values.is_in_text(&BASE64.encode(format!("x{}", lines.join("\n")))));
        assert!(values.is_in_text(&serde_json::to_string(&lines.join("\n")).unwrap()));
        assert!(!values.is_in_text("00abcdefgh"));
    }

    #[test]
    fn a_text_is_cleaned_and_leaves_are_masked_whole() {
        let values = of(&["secret-one", "secret-one-and-more"]);
        assert_eq!(values.scrub("a secret-one-and-more b secret-one."), "a *** b ***.");
        let mut object = json!({"kind": "ConfigMap", "data": {"a": "x=secret-one", "b": ["fine"]}});
        values.mask(&mut object, "(masked)");
        assert_eq!(object, json!({"kind": "ConfigMap", "data": {"a": "(masked)", "b": ["fine"]}}));
        assert_eq!(format!("{values:?}"), "Confidential");
    }
}
