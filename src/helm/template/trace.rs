//! Which template line wrote each part of the output, and which values it read.
//!
//! While templates run, only numbers are noted: where a part begins and ends, which place of which text wrote it, and what
//! was read. Lines, names and lists of values are worked out where somebody asks for them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::ast::{Source, Tree};
use crate::helm::value::{OriginId, Str, Value};

/// A part of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte, and the byte after the last.
    pub start: usize,
    /// See `start`.
    pub end: usize,
    /// The template that wrote it, by the name it was added under.
    pub template: Arc<str>,
    /// The line of it, from 1.
    pub line: u32,
    /// Where the values were set that it read, each once, in the order of reading; none for constant text.
    pub values: Vec<OriginId>,
}

/// The name under which Helm parses the text of `tpl`.
pub const TPL_NAME: &str = "gotpl";

/// A part of a list, from and to.
type Range = (u32, u32);

/// A part of an output as it is noted.
#[derive(Clone, Copy, Debug)]
struct Note {
    start: u32,
    end: u32,
    /// The text that wrote it, and where in it.
    source: u32,
    pos: u32,
    /// What was read: a part of `reads`.
    reads: Range,
}

/// Something that an action read: an origin, or all that was read while a captured output was written.
#[derive(Clone, Copy, Debug)]
enum Read {
    Origin(OriginId),
    Captured(Range),
}

/// A text that templates were parsed from.
#[derive(Clone, Debug)]
enum Writer {
    File(Arc<Source>),
    /// A text that `tpl` was given.
    Tpl {
        text: Arc<Source>,
        /// Where `tpl` was called.
        caller: (u32, u32),
        /// What is known of the text's parts, or of the text.
        notes: Option<Range>,
        origin: OriginId,
        reads: Range,
    },
}

/// All that was noted while a template ran.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The parts of the output, in order.
    notes: Vec<Note>,
    /// The parts of strings that templates made.
    kept: Vec<Note>,
    reads: Vec<Read>,
    writers: Vec<Writer>,
}

/// The notes on the current output, and what is known of the strings that templates made.
#[derive(Debug, Default)]
pub struct Trace {
    written: Written,
    /// Strings that are kept alive here, so that their address stays theirs, with their parts in `kept`.
    strings: HashMap<usize, (Str, Range), BuildHasherDefault<Plain>>,
    /// The numbers of the texts, by their address.
    numbers: HashMap<usize, u32, BuildHasherDefault<Plain>>,
    /// What the current action read so far, on top of what the actions around it read.
    current: Vec<Read>,
    /// Where the current action's part begins.
    base: usize,
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
        since.iter().rev().find_map(|read| self.written.last_origin(*read)).unwrap_or_default()
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
            _ => {
                let (numbers, writers) = (&mut self.numbers, &mut self.written.writers);
                *numbers.entry(Arc::as_ptr(&tree.source).addr()).or_insert_with(|| {
                    writers.push(Writer::File(Arc::clone(&tree.source)));
                    count(writers.len() - 1)
                })
            }
        };
        outer
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

    fn push(&mut self, start: usize, end: usize, pos: u32, reads: Range) {
        if start < end {
            self.written.notes.push(Note {
                start: count(start),
                end: count(end),
                source: self.source,
                pos,
                reads,
            });
        }
    }

    /// Constant text is about to be written at this offset.
    pub fn text(&mut self, pos: u32, text: &str, offset: usize) {
        let mut at = 0;
        for part in text.split_inclusive('\n') {
            let end = at + part.len();
            self.push(offset + at, offset + end, pos + count(at), (0, 0));
            at = end;
        }
    }

    /// What the current action read, kept.
    fn reads(&mut self) -> Range {
        let reads = &mut self.written.reads;
        let start = reads.len();
        reads.extend_from_slice(self.current.get(self.base..).unwrap_or_default());
        (count(start), count(reads.len()))
    }

    /// A value was printed by the current action.
    pub fn printed(&mut self, value: &Value, start: usize, end: usize) {
        if let Value::Str(text) = value
            && let Some((from, to)) = self.notes_of(text)
        {
            let Written { notes, kept, .. } = &mut self.written;
            let offset = count(start);
            notes.extend(kept[from as usize..to as usize].iter().map(|note| note.moved(offset)));
            return;
        }
        let reads = self.reads();
        self.push(start, end, self.pos, reads);
    }

    fn notes_of(&self, text: &Str) -> Option<Range> {
        self.strings.get(&address(text)).map(|(_, notes)| *notes)
    }

    /// Gives a string its notes, which are the last of `kept`.
    fn keep(&mut self, text: &Str, from: usize) {
        let range = (count(from), count(self.written.kept.len()));
        if range.0 < range.1 {
            self.strings.insert(address(text), (Arc::clone(text), range));
        }
    }

    /// Keeps, for a text, which origins wrote it from which offset on; the current action is the writer.
    pub fn keep_parts(&mut self, text: &Str, parts: &[(usize, OriginId)]) {
        let from = self.written.kept.len();
        let ends = parts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]);
        for ((start, origin), end) in parts.iter().zip(ends) {
            let Written { kept, reads, .. } = &mut self.written;
            let first = count(reads.len());
            if origin.0 != 0 {
                reads.push(Read::Origin(*origin));
            }
            let reads = (first, count(reads.len()));
            let (source, pos) = (self.source, self.pos);
            kept.push(Note { start: count(*start), end: count(end), source, pos, reads });
        }
        self.keep(text, from);
    }

    /// Gives a string the notes of another from which it was made: `map` tells where an offset went.
    pub fn carry(&mut self, text: &Str, to: &Str, map: impl Fn(usize) -> Option<usize>) {
        let Some((from, until)) = self.notes_of(text) else { return };
        let first = self.written.kept.len();
        for index in from..until {
            let note = self.written.kept[index as usize];
            // The end of a line moves with its last byte.
            let end = note.end.checked_sub(1).and_then(|last| map(last as usize));
            if let (Some(start), Some(end)) = (map(note.start as usize), end) {
                let (start, end) = (count(start), count((end + 1).min(to.len())));
                self.written.kept.push(Note { start, end, ..note });
            }
        }
        self.keep(to, first);
    }

    /// The last origin that was read for the part of a string between two offsets.
    pub fn origin_in(&self, text: &Str, start: usize, end: usize) -> OriginId {
        let Some((from, to)) = self.notes_of(text) else { return OriginId::default() };
        let notes = &self.written.kept[from as usize..to as usize];
        let (start, end) = (count(start), count(end));
        let inside = notes.iter().rev().filter(|note| note.start < end && note.end > start);
        let mut origins = inside.filter_map(|note| self.written.values(note).last().copied());
        origins.next().unwrap_or_default()
    }

    /// Whether there are notes on a string.
    pub fn knows(&self, text: &Str) -> bool {
        self.strings.contains_key(&address(text))
    }

    /// An output of its own begins.
    pub fn begin_capture(&mut self) -> Outer {
        let outer = Outer {
            notes: self.written.notes.len(),
            base: self.base,
            source: self.source,
            pos: self.pos,
            tpl: self.tpl.take(),
        };
        self.base = self.current.len();
        outer
    }

    /// The output of its own is finished: its notes go with its text, what it read counts for the caller too.
    pub fn end_capture(&mut self, outer: Outer, text: &Str) {
        let Written { notes, kept, .. } = &mut self.written;
        let from = kept.len();
        kept.extend(notes.drain(outer.notes..));
        let range = (count(from), count(kept.len()));
        self.current.truncate(self.base);
        self.base = outer.base;
        self.source = outer.source;
        self.pos = outer.pos;
        self.tpl = outer.tpl;
        if range.0 < range.1 {
            self.current.push(Read::Captured(range));
        }
        self.keep(text, from);
    }

    /// `tpl` is about to execute a text that was read from somewhere.
    pub fn enter_tpl(&mut self, text: &Str, tree: &Arc<Tree>, origin: OriginId, caller: &Outer) {
        let notes = self.notes_of(text);
        let reads = {
            let read = self.current.get(caller.base..self.base).unwrap_or_default();
            let start = self.written.reads.len();
            self.written.reads.extend_from_slice(read);
            (count(start), count(self.written.reads.len()))
        };
        self.written.writers.push(Writer::Tpl {
            text: Arc::clone(&tree.source),
            caller: (caller.source, caller.pos),
            notes,
            origin,
            reads,
        });
        self.tpl = Some(count(self.written.writers.len() - 1));
    }
}

impl Note {
    fn moved(self, offset: u32) -> Self {
        Self { start: self.start + offset, end: self.end + offset, ..self }
    }
}

impl Written {
    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// Forgets which part was written by whom.
    pub(super) fn clear(&mut self) {
        self.notes.clear();
    }

    /// Moves all parts; what becomes empty goes.
    pub(super) fn map(&mut self, moved: impl Fn(usize) -> usize) {
        for note in &mut self.notes {
            note.start = count(moved(note.start as usize));
            note.end = count(moved(note.end as usize));
        }
        self.notes.retain(|note| note.start < note.end);
    }

    /// The parts of the output between two offsets, counted from the first.
    pub fn spans(&self, start: usize, end: usize) -> Vec<Span> {
        let (start, end) = (count(start), count(end));
        let inside = self.notes.iter().filter(|note| note.start < end && note.end > start);
        inside
            .map(|note| {
                let (template, line) = self.place(note.source, note.pos);
                Span {
                    start: (note.start.max(start) - start) as usize,
                    end: (note.end.min(end) - start) as usize,
                    template,
                    line,
                    values: self.values(note),
                }
            })
            .collect()
    }

    /// The file's template and line, for `tpl` those of who called it.
    fn place(&self, mut source: u32, mut pos: u32) -> (Arc<str>, u32) {
        loop {
            match self.writers.get(source as usize) {
                Some(Writer::File(file)) => return (Arc::clone(&file.name), file.place(pos).0),
                Some(Writer::Tpl { caller, .. }) if caller.0 < source => (source, pos) = *caller,
                _ => return (TPL_NAME.into(), 0),
            }
        }
    }

    /// What was read for a part, each origin once.
    fn values(&self, note: &Note) -> Vec<OriginId> {
        let mut found = Found::default();
        let mut pending = vec![Pending::Note(*note)];
        while let Some(next) = pending.pop() {
            match next {
                Pending::Read(Read::Origin(origin)) => found.add(origin),
                Pending::Read(Read::Captured(range)) => {
                    if found.captured.insert(range) {
                        let notes = &self.kept[range.0 as usize..range.1 as usize];
                        pending.extend(notes.iter().rev().map(|note| Pending::Note(*note)));
                    }
                }
                Pending::Note(note) => {
                    let reads = &self.reads[note.reads.0 as usize..note.reads.1 as usize];
                    pending.extend(reads.iter().rev().map(|read| Pending::Read(*read)));
                    if let Some(writer @ Writer::Tpl { .. }) = self.writers.get(note.source as usize) {
                        self.line_of_tpl(writer, note.pos, &mut pending);
                    }
                }
            }
        }
        found.origins
    }

    /// What stands behind the line of a text that `tpl` executed.
    fn line_of_tpl(&self, writer: &Writer, pos: u32, pending: &mut Vec<Pending>) {
        let Writer::Tpl { text, notes, origin, reads, .. } = writer else { return };
        match notes {
            Some((from, to)) => {
                let at = (pos as usize).min(text.text.len());
                let start = text.text[..at].rfind('\n').map_or(0, |end| end + 1);
                let end = text.text[at..].find('\n').map_or(text.text.len(), |length| at + length + 1);
                let (start, end) = (count(start), count(end));
                let notes = self.kept[*from as usize..*to as usize].iter().rev();
                let on_line = notes.filter(|note| note.start < end && start < note.end);
                pending.extend(on_line.map(|note| Pending::Note(*note)));
            }
            None if origin.0 != 0 => pending.push(Pending::Read(Read::Origin(*origin))),
            None => {
                let reads = &self.reads[reads.0 as usize..reads.1 as usize];
                pending.extend(reads.iter().rev().map(|read| Pending::Read(*read)));
            }
        }
    }

    fn last_origin(&self, read: Read) -> Option<OriginId> {
        match read {
            Read::Origin(origin) => Some(origin),
            Read::Captured((from, to)) => {
                let notes = self.kept[from as usize..to as usize].iter().rev();
                notes
                    .filter(|note| note.reads.0 < note.reads.1)
                    .find_map(|note| self.values(note).last().copied())
            }
        }
    }
}

/// What is still to be looked at for a list of origins.
enum Pending {
    Note(Note),
    Read(Read),
}

/// Origins, each once.
#[derive(Default)]
struct Found {
    origins: Vec<OriginId>,
    captured: HashSet<Range>,
}

impl Found {
    fn add(&mut self, origin: OriginId) {
        if origin.0 != 0 && !self.origins.contains(&origin) {
            self.origins.push(origin);
        }
    }
}

fn address(text: &Str) -> usize {
    text.as_ptr().addr()
}

/// Outputs and lists are far shorter than 4 GiB: their limits see to it.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
