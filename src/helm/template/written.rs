//! Which template line wrote each part of the output, and which values it read: what was noted, and how it is read.

use std::collections::HashSet;
use std::sync::Arc;

use super::ast::Source;
use super::trace::TPL_NAME;
use crate::helm::limits::with_stack;
use crate::helm::value::{OriginId, Str};

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

/// A part of a list or a text, from and to.
pub(super) type Range = (u32, u32);

/// A part of an output as it is noted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) by: By,
}

/// Who wrote a part.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    /// Constant text of a source, from a place on.
    Text { source: u32, pos: u32 },
    /// An action at a place of a source, and what it read: a part of `reads`.
    Action { source: u32, pos: u32, reads: Range },
    /// A string that templates made: its number.
    Made(u32),
}

/// A string that templates made.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// Kept alive, so that its address stays its own.
    pub(super) text: Str,
    pub(super) parts: Parts,
    /// The origin that was read last for it.
    pub(super) last: OriginId,
    /// How many others it was made of, one out of the other.
    pub(super) depth: u32,
}

/// How a string was made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parts {
    /// Templates wrote it: a part of `kept`.
    Notes(Range),
    /// It is a part of another string, from this offset on.
    Cut { of: u32, start: u32 },
    /// It is another string with each line moved by `width`, behind so many bytes.
    Lines { of: u32, width: u32, before: u32 },
}

/// Something that an action read: an origin, or all that was read for a string that templates made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read {
    Origin(OriginId),
    Made(u32),
}

/// A text that templates were parsed from.
#[derive(Clone, Debug)]
pub(super) enum Writer {
    File(Arc<Source>),
    Tpl(Tpl),
}

/// A text that `tpl` was given.
#[derive(Clone, Debug)]
pub(super) struct Tpl {
    pub(super) text: Arc<Source>,
    /// Where `tpl` was called.
    pub(super) caller: (u32, u32),
    /// The string that it is, if templates made it, or else where it was set.
    pub(super) made: Option<u32>,
    pub(super) origin: OriginId,
    /// What was read before it was executed.
    pub(super) reads: Range,
}

/// All that was noted while a template ran.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The parts of the output, in order.
    pub(super) notes: Vec<Note>,
    /// The parts of strings that templates made.
    pub(super) kept: Vec<Note>,
    pub(super) made: Vec<Made>,
    pub(super) reads: Vec<Read>,
    pub(super) writers: Vec<Writer>,
    /// Where so many bytes were taken out of the output after it was written.
    holes: Vec<u32>,
    hole: u32,
}

/// A part of a text that one place wrote.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u32,
    end: u32,
    source: u32,
    pos: u32,
    reads: Range,
}

/// All of a text.
const ALL: Range = (0, u32::MAX);

impl Written {
    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// Forgets which part was written by whom.
    pub(super) fn clear(&mut self) {
        self.notes.clear();
    }

    /// Parts of this length were taken out of the output at these places.
    pub(super) fn take_out(&mut self, places: impl Iterator<Item = usize>, length: usize) {
        self.holes = places.map(count).collect();
        self.hole = count(length);
    }

    /// Where a place of the output went when parts were taken out.
    fn moved(&self, at: u32) -> u32 {
        let before = self.holes.partition_point(|hole| *hole < at);
        let Some(last) = before.checked_sub(1) else { return at };
        at - count(last) * self.hole - self.hole.min(at - self.holes[last])
    }

    /// Keeps what was read.
    pub(super) fn keep_reads(&mut self, reads: &[Read]) -> Range {
        let start = self.reads.len();
        self.reads.extend_from_slice(reads);
        (count(start), count(self.reads.len()))
    }

    /// Keeps the notes from one on for a string that was written; gives also the origin that was read last for it, and how
    /// many strings it was made of, one out of the other.
    pub(super) fn keep_notes(&mut self, from: usize) -> (Range, OriginId, u32) {
        let start = self.kept.len();
        self.kept.extend(self.notes.drain(from..));
        let notes = &self.kept[start..];
        let last = notes.iter().rev().find_map(|note| match note.by {
            By::Text { .. } => None,
            By::Action { reads, .. } if reads.0 == reads.1 => None,
            By::Action { source, pos, reads } => self.last_origin(source, pos, reads),
            By::Made(made) => some(self.made[made as usize].last),
        });
        let depth = notes.iter().map(|note| match note.by {
            By::Text { source, .. } | By::Action { source, .. } => self.depth_of_source(source),
            By::Made(made) => self.made[made as usize].depth,
        });
        let depth = depth.max().unwrap_or(0);
        ((count(start), count(self.kept.len())), last.unwrap_or_default(), depth)
    }

    fn depth_of_source(&self, source: u32) -> u32 {
        match self.writers.get(source as usize) {
            Some(Writer::Tpl(Tpl { made: Some(made), .. })) => self.made[*made as usize].depth,
            _ => 0,
        }
    }

    fn part_of_reads(&self, range: Range) -> &[Read] {
        &self.reads[range.0 as usize..range.1 as usize]
    }

    /// The last origin among what was read.
    pub(super) fn last_of(&self, reads: &[Read]) -> Option<OriginId> {
        reads.iter().rev().find_map(|read| match read {
            Read::Origin(origin) => some(*origin),
            Read::Made(made) => some(self.made[*made as usize].last),
        })
    }

    /// The last origin that stands behind a place which read something. Of a text that `tpl` executed, its own line counts.
    fn last_origin(&self, source: u32, pos: u32, reads: Range) -> Option<OriginId> {
        let of_line = match self.writers.get(source as usize) {
            Some(Writer::Tpl(tpl)) => match tpl.made {
                Some(made) => {
                    let pieces = self.pieces_of(made, line_around(&tpl.text.text, pos));
                    pieces.iter().rev().find_map(|piece| self.last_of_piece(piece))
                }
                None => some(tpl.origin).or_else(|| self.last_of(self.part_of_reads(tpl.reads))),
            },
            _ => None,
        };
        of_line.or_else(|| self.last_of(self.part_of_reads(reads)))
    }

    fn last_of_piece(&self, piece: &Piece) -> Option<OriginId> {
        with_stack(|| self.last_origin(piece.source, piece.pos, piece.reads))
    }

    /// Which origin the parts of a string have, in order.
    pub(super) fn origins_of(&self, made: u32) -> Vec<(usize, usize, OriginId)> {
        let pieces = self.pieces_of(made, ALL).into_iter().filter_map(|piece| {
            let origin = self.last_of_piece(&piece)?;
            Some((piece.start as usize, piece.end as usize, origin))
        });
        pieces.collect()
    }

    /// The parts of the output between two offsets, counted from the first.
    pub fn spans(&self, start: usize, end: usize) -> Vec<Span> {
        let (start, end) = (count(start), count(end));
        let mut pieces = Vec::new();
        // Where something was taken out, what is asked for stood further down.
        let window = if self.holes.is_empty() { (start, end) } else { (start, u32::MAX) };
        self.push_notes(&self.notes, window, &mut pieces);
        for piece in &mut pieces {
            (piece.start, piece.end) = (self.moved(piece.start), self.moved(piece.end));
        }
        let inside =
            pieces.iter().filter(|piece| piece.start < piece.end && piece.start < end && piece.end > start);
        inside
            .map(|piece| {
                let (template, line) = self.place(piece.source, piece.pos);
                Span {
                    start: (piece.start.max(start) - start) as usize,
                    end: (piece.end.min(end) - start) as usize,
                    template,
                    line,
                    values: self.values(piece),
                }
            })
            .collect()
    }

    /// The parts of a string that lie in a window of it, in order.
    fn pieces_of(&self, made: u32, window: Range) -> Vec<Piece> {
        let mut pieces = Vec::new();
        self.push_made(made, window, &mut pieces);
        pieces
    }

    /// Adds the pieces that notes, which are in order, stand for in a window.
    fn push_notes(&self, notes: &[Note], window: Range, pieces: &mut Vec<Piece>) {
        let first = notes.partition_point(|note| note.end <= window.0);
        for note in notes[first..].iter().take_while(|note| note.start < window.1) {
            match note.by {
                By::Text { source, pos } => self.push_lines(note, (source, pos), window, pieces),
                By::Action { source, pos, reads } => {
                    pieces.push(Piece { start: note.start, end: note.end, source, pos, reads });
                }
                By::Made(made) => {
                    let from = pieces.len();
                    let inside = |at: u32| at.saturating_sub(note.start);
                    let window = (inside(window.0), inside(window.1.min(note.end)));
                    with_stack(|| self.push_made(made, window, pieces));
                    for piece in &mut pieces[from..] {
                        piece.start += note.start;
                        piece.end += note.start;
                    }
                }
            }
        }
    }

    /// Adds the lines of constant text that lie in a window.
    fn push_lines(&self, note: &Note, (source, pos): (u32, u32), window: Range, pieces: &mut Vec<Piece>) {
        let text = match self.writers.get(source as usize) {
            Some(Writer::File(text) | Writer::Tpl(Tpl { text, .. })) => &text.text,
            None => return,
        };
        let (from, length) = (pos as usize, (note.end - note.start) as usize);
        let mut at = 0;
        for line in text.get(from..from + length).unwrap_or_default().split_inclusive('\n') {
            let (start, pos) = (note.start + at, pos + at);
            at += count(line.len());
            let end = note.start + at;
            if start < window.1 && end > window.0 {
                pieces.push(Piece { start, end, source, pos, reads: (0, 0) });
            }
        }
    }

    /// Adds the pieces of a string that lie in a window of it.
    fn push_made(&self, made: u32, window: Range, pieces: &mut Vec<Piece>) {
        let Made { text, parts, .. } = &self.made[made as usize];
        let window = (window.0, window.1.min(count(text.len())));
        match *parts {
            Parts::Notes((from, to)) => {
                self.push_notes(&self.kept[from as usize..to as usize], window, pieces);
            }
            Parts::Cut { of, start } => {
                let from = pieces.len();
                with_stack(|| self.push_made(of, (window.0 + start, window.1 + start), pieces));
                for piece in &mut pieces[from..] {
                    piece.start = piece.start.saturating_sub(start);
                    piece.end = (piece.end - start).min(window.1);
                }
            }
            Parts::Lines { of, width, before } => {
                let text = &*self.made[of as usize].text;
                let from = pieces.len();
                with_stack(|| self.push_made(of, ALL, pieces));
                // Pieces are in order, and so are the ends of lines before them.
                let (mut lines, mut counted) = (1, 0);
                let mut to = |at: u32| {
                    let passed = text.as_bytes().get(counted..at as usize).unwrap_or_default();
                    lines += count(passed.split(|byte| *byte == b'\n').count() - 1);
                    counted = counted.max(at as usize);
                    before + at + lines * width
                };
                for piece in &mut pieces[from..] {
                    // The end of a line moves with its last byte.
                    (piece.start, piece.end) = (to(piece.start), to(piece.end - 1) + 1);
                }
                let mut index = 0;
                pieces.retain(|piece| {
                    index += 1;
                    index <= from || piece.start < window.1 && piece.end > window.0
                });
            }
        }
    }

    /// The file's template and line, for `tpl` those of who called it.
    fn place(&self, mut source: u32, mut pos: u32) -> (Arc<str>, u32) {
        loop {
            match self.writers.get(source as usize) {
                Some(Writer::File(file)) => return (Arc::clone(&file.name), file.place(pos).0),
                Some(Writer::Tpl(Tpl { caller, .. })) if caller.0 < source => (source, pos) = *caller,
                _ => return (TPL_NAME.into(), 0),
            }
        }
    }

    /// What was read for a part, each origin once.
    fn values(&self, piece: &Piece) -> Vec<OriginId> {
        let mut found = Found::default();
        let mut pending = vec![Pending::Piece(*piece)];
        while let Some(next) = pending.pop() {
            match next {
                Pending::Read(Read::Origin(origin)) => found.add(origin),
                Pending::Read(Read::Made(made)) => {
                    if found.made.insert(made) {
                        let pieces = self.pieces_of(made, ALL).into_iter().rev();
                        pending.extend(pieces.map(Pending::Piece));
                    }
                }
                Pending::Piece(piece) => {
                    let reads = self.part_of_reads(piece.reads).iter().rev();
                    pending.extend(reads.map(|read| Pending::Read(*read)));
                    if let Some(Writer::Tpl(tpl)) = self.writers.get(piece.source as usize) {
                        self.line_of_tpl(tpl, piece.pos, &mut pending);
                    }
                }
            }
        }
        found.origins
    }

    /// What stands behind the line of a text that `tpl` executed.
    fn line_of_tpl(&self, tpl: &Tpl, pos: u32, pending: &mut Vec<Pending>) {
        match tpl.made {
            Some(made) => {
                let on_line = self.pieces_of(made, line_around(&tpl.text.text, pos));
                pending.extend(on_line.into_iter().rev().map(Pending::Piece));
            }
            None if tpl.origin.0 != 0 => pending.push(Pending::Read(Read::Origin(tpl.origin))),
            None => {
                let reads = self.part_of_reads(tpl.reads).iter().rev();
                pending.extend(reads.map(|read| Pending::Read(*read)));
            }
        }
    }
}

/// What is still to be looked at for a list of origins.
enum Pending {
    Piece(Piece),
    Read(Read),
}

/// Origins, each once.
#[derive(Default)]
struct Found {
    origins: Vec<OriginId>,
    made: HashSet<u32>,
}

impl Found {
    fn add(&mut self, origin: OriginId) {
        if origin.0 != 0 && !self.origins.contains(&origin) {
            self.origins.push(origin);
        }
    }
}

/// An origin that is known.
fn some(origin: OriginId) -> Option<OriginId> {
    (origin.0 != 0).then_some(origin)
}

/// The line of a text around a place.
fn line_around(text: &str, pos: u32) -> Range {
    let at = (pos as usize).min(text.len());
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
    (count(start), count(end))
}

/// Outputs and lists are far shorter than 4 GiB: their limits see to it.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
