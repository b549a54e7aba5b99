//! Writing YAML: go-yaml's emitter, cut down to what its encoders ask of it (no anchors, tags or comments, flow style
//! only for empty collections).

mod analysis;
mod order;
mod scalar;

use analysis::Analysis;
pub(super) use order::natural_sort;

use super::number::parse_sized_octal;
use super::resolve::{Scalar, resolve_plain};
use crate::helm::value::OriginId;

/// Which go-yaml is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// go-yaml v2, behind `toYaml`.
    V2,
    /// yaml.v3 with an indent of 2, behind `toYamlPretty`.
    V3,
}

/// Columns after which v2 folds plain and quoted texts; v3 does not fold.
const BEST_WIDTH: usize = 80;
/// Bytes of the longest key that is written without `? `.
const SIMPLE_KEY: usize = 128;
const INDENT: isize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// A document being written.
pub(super) struct Emitter {
    out: String,
    dialect: Dialect,
    column: usize,
    indent: isize,
    /// Whether the last character was whitespace.
    whitespace: bool,
    /// Whether the line holds nothing but indentation and the indicators of collections.
    indention: bool,
    /// Whether the next node is a mapping's key or value.
    in_mapping: bool,
    /// Which origin what is written from an offset on has, if anybody asks.
    marks: Option<Vec<(usize, OriginId)>>,
    /// The origin of the collection around.
    origin: OriginId,
}

impl Emitter {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            out: String::new(),
            dialect,
            column: 0,
            indent: -1,
            whitespace: true,
            indention: true,
            in_mapping: false,
            marks: None,
            origin: OriginId::default(),
        }
    }

    /// Also notes the origin of each entry and item; what has none has that of the collection around, at last this one.
    pub(super) fn with_marks(mut self, origin: OriginId) -> Self {
        self.marks = Some(vec![(0, origin)]);
        self.origin = origin;
        self
    }

    /// Writes an entry's value or an item.
    pub(super) fn entry<E>(
        &mut self,
        origin: OriginId,
        write: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(marks) = &mut self.marks else { return write(self) };
        let outer = self.origin;
        if origin.0 != 0 {
            self.origin = origin;
        }
        marks.push((self.out.len(), self.origin));
        let result = write(self);
        self.origin = outer;
        result
    }

    /// Ends the document.
    pub(super) fn finish(self) -> String {
        self.finish_with_marks().0
    }

    /// Ends the document; gives also which lines, by their offsets, stem from where.
    pub(super) fn finish_with_marks(mut self) -> (String, Vec<(usize, OriginId)>) {
        self.indent = -1;
        self.write_indent();
        let mut lines: Vec<(usize, OriginId)> = Vec::new();
        for (offset, origin) in self.marks.unwrap_or_default() {
            // An entry begins with its key, which stands before it on its line.
            let start = self.out[..offset].rfind('\n').map_or(0, |end| end + 1);
            match lines.last_mut() {
                Some(last) if last.0 == start => last.1 = origin,
                _ => lines.push((start, origin)),
            }
        }
        (self.out, lines)
    }

    /// Null, a boolean or a number.
    pub(super) fn word(&mut self, word: &str) {
        self.indented(|emitter| emitter.write_plain(word, true));
    }

    /// A text, in the style that go-yaml's encoder and emitter agree on.
    pub(super) fn text(&mut self, text: &str) {
        let analysis = Analysis::of(text, self.dialect);
        self.write_text(text, analysis, false);
    }

    /// A sequence; `emit` writes each item.
    pub(super) fn sequence<T, E>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        mut emit: impl FnMut(&mut Self, T) -> Result<(), E>,
    ) -> Result<(), E> {
        if items.len() == 0 {
            self.write_empty("[", "]");
            return Ok(());
        }
        let outer = self.indent;
        let indentless = self.dialect == Dialect::V2 && self.in_mapping && !self.indention;
        self.increase_indent(indentless);
        for item in items {
            self.write_indent();
            self.write_indicator("-", true, false, true);
            self.in_mapping = false;
            emit(self, item)?;
        }
        self.indent = outer;
        Ok(())
    }

    /// A mapping whose entries are sorted already; `emit` writes each value.
    pub(super) fn mapping<K: AsRef<str>, V, E>(
        &mut self,
        entries: impl ExactSizeIterator<Item = (K, V)>,
        mut emit: impl FnMut(&mut Self, V) -> Result<(), E>,
    ) -> Result<(), E> {
        if entries.len() == 0 {
            self.write_empty("{", "}");
            return Ok(());
        }
        let outer = self.indent;
        self.increase_indent(false);
        for (key, value) in entries {
            self.write_indent();
            self.in_mapping = true;
            self.key(key.as_ref());
            self.in_mapping = true;
            emit(self, value)?;
        }
        self.indent = outer;
        Ok(())
    }

    /// A key and its colon.
    fn key(&mut self, key: &str) {
        let analysis = Analysis::of(key, self.dialect);
        if !analysis.multiline && key.len() <= SIMPLE_KEY {
            self.write_text(key, analysis, true);
            self.write_indicator(":", false, false, false);
        } else {
            self.write_indicator("?", true, false, true);
            self.write_text(key, analysis, false);
            self.write_indent();
            self.write_indicator(":", true, false, true);
        }
    }

    fn write_text(&mut self, text: &str, analysis: Analysis, simple_key: bool) {
        let style = self.style(text, analysis, simple_key);
        self.indented(|emitter| match style {
            Style::Plain => emitter.write_plain(text, !simple_key),
            Style::SingleQuoted => emitter.write_single_quoted(text, !simple_key),
            Style::DoubleQuoted => emitter.write_double_quoted(text, !simple_key),
            Style::Literal => emitter.write_literal(text),
        });
    }

    fn style(&self, text: &str, analysis: Analysis, simple_key: bool) -> Style {
        if text.contains('\n') {
            return if analysis.block_allowed && !simple_key { Style::Literal } else { Style::DoubleQuoted };
        }
        if !self.resolves_to_text(text) || simple_key && analysis.multiline {
            Style::DoubleQuoted
        } else if analysis.plain_allowed {
            Style::Plain
        } else if analysis.single_quoted_allowed {
            Style::SingleQuoted
        } else {
            Style::DoubleQuoted
        }
    }

    /// Whether a reader of YAML 1.1 would take the text without quotes for that text.
    fn resolves_to_text(&self, text: &str) -> bool {
        // yaml.v3 no longer reads `yes` and `on` as booleans but still quotes them; only `0o-7` and the like differ.
        resolve_plain(text) == Scalar::Text
            && !is_base_60(text)
            && !(self.dialect == Dialect::V3 && parse_sized_octal(text))
    }

    fn indented(&mut self, write: impl FnOnce(&mut Self)) {
        let outer = self.indent;
        self.indent = if outer < 0 { INDENT } else { outer + INDENT };
        write(self);
        self.indent = outer;
    }

    fn increase_indent(&mut self, indentless: bool) {
        if self.indent < 0 {
            self.indent = 0;
        } else if !indentless {
            self.indent += INDENT;
        }
    }

    fn write_empty(&mut self, open: &str, close: &str) {
        self.write_indicator(open, true, true, false);
        self.write_indicator(close, false, false, false);
    }

    fn write_indent(&mut self) {
        let indent = usize::try_from(self.indent).unwrap_or(0);
        if !self.indention || self.column > indent || self.column == indent && !self.whitespace {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn write_indicator(
        &mut self,
        indicator: &str,
        need_whitespace: bool,
        is_whitespace: bool,
        is_indention: bool,
    ) {
        if need_whitespace && !self.whitespace {
            self.put(' ');
        }
        self.out.push_str(indicator);
        self.column += indicator.len();
        self.whitespace = is_whitespace;
        self.indention = self.indention && is_indention;
    }

    fn is_beyond_width(&self) -> bool {
        self.dialect == Dialect::V2 && self.column > BEST_WIDTH
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }
}

/// Sexagesimal numbers are read as texts, but quoted for other readers of YAML 1.1:
/// `[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?`.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) || !unsigned.contains(':') {
        return false;
    }
    let (places, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digit_or_underscore = |c: char| c.is_ascii_digit() || c == '_';
    if !fraction.chars().all(digit_or_underscore) {
        return false;
    }
    let mut places = places.split(':');
    places.next().is_some_and(|first| first.chars().all(digit_or_underscore))
        && places.all(|place| match place.as_bytes() {
            [ones] | [b'0'..=b'5', ones] => ones.is_ascii_digit(),
            _ => false,
        })
}
