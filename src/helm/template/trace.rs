//! Which template line wrote each part of the output, and which values it read: what is noted while templates run.
//!
//! Only numbers are noted: where a part begins and ends, which place of which text wrote it, and what was read. A string
//! that templates made is not looked into: one note says that it was printed here, and of a string that was cut from it or
//! indented only that is known. [`Written`] works out lines, names and lists of values where somebody asks for them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::ast::{Source, Tree};
use super::written::{By, Made, Note, Parts, Range, Read, Tpl, Writer, Written, count};
use crate::helm::value::{OriginId, Str, Value};

/// The name under which Helm parses the text of `tpl`.
pub const TPL_NAME: &str = "gotpl";

/// How often strings may be made of each other and still be followed; nobody but an endless loop comes near.
const MAX_DEPTH: u32 = 1_000;

/// The notes on the current output, and what is known of the strings that templates made.
#[derive(Debug, Default)]
pub struct Trace {
    written: Written,
    /// The numbers of the strings that templates made, by their address.
    strings: HashMap<usize, u32, BuildHasherDefault<Plain>>,
    /// The numbers of the texts, by their address.
    numbers: HashMap<usize, u32, BuildHasherDefault<Plain>>,
    /// What the current action read so far, on top of what the actions around it read.
    current: Vec<Read>,
    /// Where the current action's part begins.
    base: usize,
    /// Where the part of the action around it begins, which an output of its own is written for.
    outer_base: usize,
    /// Where the current action stands.
    source: u32,
    pos: u32,
    /// The text that `tpl` executes now.
    tpl: Option<u32>,
}

/// What is put aside while an output of its own is written.
#[derive(Debug)]
pub struct Outer {
    notes: usize,
    base: usize,
    base_around: usize,
    source: u32,
    pos: u32,
    tpl: Option<u32>,
}

/// Addresses are spread well enough.
#[derive(Debug, Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_usize(&mut self, number: usize) {
        self.0 = (number as u64 >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Trace {
    /// The notes on the finished output.
    pub fn finish(&mut self) -> Written {
        let fresh = Self { current: std::mem::take(&mut self.current), ..Self::default() };
        let done = std::mem::replace(self, fresh);
        self.current.clear();
        done.written
    }

    /// How much the current action has read.
    pub fn mark(&self) -> usize {
        self.current.len()
    }

    /// The last origin that was read since a mark.
    pub fn last_since(&self, mark: usize) -> OriginId {
        let since = self.current.get(mark.max(self.base)..).unwrap_or_default();
        self.written.last_of(since).unwrap_or_default()
    }

    /// The last origin that the current action read.
    pub fn last_read(&self) -> OriginId {
        self.last_since(self.base)
    }

    /// Notes that the current action read a value.
    pub fn read(&mut self, origin: OriginId) {
        let is_last =
            || matches!(self.current.get(self.base..), Some([.., Read::Origin(last)]) if *last == origin);
        if origin.0 != 0 && !is_last() {
            self.current.push(Read::Origin(origin));
        }
    }

    /// A tree begins to be executed; gives what [`Trace::leave`] takes.
    pub fn enter(&mut self, tree: &Tree) -> u32 {
        let outer = self.source;
        self.source = match self.tpl {
            Some(tpl) if *tree.source.name == *TPL_NAME => tpl,
            _ => self.number(&tree.source),
        };
        outer
    }

    fn number(&mut self, source: &Arc<Source>) -> u32 {
        let (numbers, writers) = (&mut self.numbers, &mut self.written.writers);
        *numbers.entry(Arc::as_ptr(source).addr()).or_insert_with(|| {
            writers.push(Writer::File(Arc::clone(source)));
            count(writers.len() - 1)
        })
    }

    /// A tree is done with.
    pub fn leave(&mut self, outer: u32) {
        self.source = outer;
    }

    /// An action begins.
    pub fn begin_action(&mut self, pos: u32) {
        self.current.truncate(self.base);
        self.pos = pos;
    }

    fn push(&mut self, start: usize, end: usize, by: By) {
        if start < end {
            self.written.notes.push(Note { start: count(start), end: count(end), by });
        }
    }

    /// Constant text is about to be written at this offset.
    pub fn text(&mut self, pos: u32, length: usize, offset: usize) {
        self.push(offset, offset + length, By::Text { source: self.source, pos });
    }

    /// What the current action read, kept.
    fn reads(&mut self) -> Range {
        self.written.keep_reads(self.current.get(self.base..).unwrap_or_default())
    }

    /// A value was printed by the current action.
    pub fn printed(&mut self, value: &Value, start: usize, end: usize) {
        let made = if let Value::Str(text) = value { self.made(text) } else { None };
        let by = match made {
            Some(made) => By::Made(made),
            None => By::Action { source: self.source, pos: self.pos, reads: self.reads() },
        };
        self.push(start, end, by);
    }

    /// The number of a string that templates made.
    fn made(&self, text: &Str) -> Option<u32> {
        self.strings.get(&address(text)).copied()
    }

    /// Numbers a string that templates made.
    fn make(&mut self, text: &Str, parts: Parts, last: OriginId, depth: u32) -> Option<u32> {
        if depth > MAX_DEPTH {
            return None;
        }
        let number = count(self.written.made.len());
        self.written.made.push(Made { text: Arc::clone(text), parts, last, depth });
        self.strings.insert(address(text), number);
        Some(number)
    }

    /// Keeps, for a text, which origins wrote it from which offset on; the current action is the writer.
    pub fn keep_parts(&mut self, text: &Str, parts: &[(usize, OriginId)]) {
        let from = self.written.kept.len();
        let ends = parts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]);
        for ((start, origin), end) in parts.iter().zip(ends) {
            let read = [Read::Origin(*origin)];
            let reads = self.written.keep_reads(if origin.0 == 0 { &[] } else { &read });
            let by = By::Action { source: self.source, pos: self.pos, reads };
            self.written.kept.push(Note { start: count(*start), end: count(end), by });
        }
        let last = parts.iter().rev().map(|(_, origin)| *origin).find(|origin| origin.0 != 0);
        let range = (count(from), count(self.written.kept.len()));
        self.make(text, Parts::Notes(range), last.unwrap_or_default(), 0);
    }

    /// A string is a part of another, from `start` on.
    pub fn cut(&mut self, text: &Str, part: &Str, start: usize) {
        self.derive(text, part, |of| Parts::Cut { of, start: count(start) });
    }

    /// A string is another with each line moved by `width`, behind so many bytes.
    pub fn indented(&mut self, text: &Str, indented: &Str, width: usize, before: usize) {
        self.derive(text, indented, |of| Parts::Lines { of, width: count(width), before: count(before) });
    }

    fn derive(&mut self, text: &Str, derived: &Str, parts: impl FnOnce(u32) -> Parts) {
        let Some(of) = self.made(text) else { return };
        let Made { last, depth, .. } = self.written.made[of as usize];
        self.make(derived, parts(of), last, depth + 1);
    }

    /// Which origin the parts of a string have, in order, each with where it begins and ends; `None` where nothing is known.
    pub fn origins_of(&self, text: &Str) -> Option<Vec<(usize, usize, OriginId)>> {
        self.made(text).map(|made| self.written.origins_of(made))
    }

    /// An output of its own begins.
    pub fn begin_capture(&mut self) -> Outer {
        let outer = Outer {
            notes: self.written.notes.len(),
            base: self.base,
            base_around: self.outer_base,
            source: self.source,
            pos: self.pos,
            tpl: self.tpl.take(),
        };
        self.outer_base = self.base;
        self.base = self.current.len();
        outer
    }

    /// The output of its own is finished: its notes go with its text, what it read counts for the caller too.
    pub fn end_capture(&mut self, outer: Outer, text: &Str) {
        let (range, last, depth) = self.written.keep_notes(outer.notes);
        self.current.truncate(self.base);
        self.base = outer.base;
        self.outer_base = outer.base_around;
        self.source = outer.source;
        self.pos = outer.pos;
        self.tpl = outer.tpl;
        if range.0 == range.1 {
            return;
        }
        match self.make(text, Parts::Notes(range), last, depth + 1) {
            Some(made) => self.current.push(Read::Made(made)),
            None => self.read(last),
        }
    }

    /// `tpl` is about to execute a text that was read from somewhere; its output of its own has begun.
    pub fn enter_tpl(&mut self, text: &Str, tree: &Arc<Tree>, origin: OriginId) {
        let made = self.made(text);
        let read = self.current.get(self.outer_base..self.base).unwrap_or_default();
        let reads = self.written.keep_reads(read);
        let (source, caller) = (Arc::clone(&tree.source), (self.source, self.pos));
        self.written.writers.push(Writer::Tpl(Tpl { text: source, caller, made, origin, reads }));
        self.tpl = Some(count(self.written.writers.len() - 1));
    }
}

fn address(text: &Str) -> usize {
    text.as_ptr().addr()
}
