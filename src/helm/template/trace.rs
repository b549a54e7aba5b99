//! Which template line wrote each part of the output, and which values it read.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::ast::Tree;
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

/// The spans of the current output, and what is known of the strings that templates made.
#[derive(Debug, Default)]
pub struct Trace {
    spans: Vec<Span>,
    /// Strings that are kept alive here, so that their address stays theirs, with their spans.
    strings: HashMap<usize, (Str, Rc<[Span]>)>,
    /// What the current action read so far.
    reads: Vec<OriginId>,
    template: Option<Arc<str>>,
    line: u32,
    /// Where the lines of the text come from that `tpl` executes now: its own spans, or those values.
    source: Option<TplSource>,
}

/// What `tpl` was given.
#[derive(Debug)]
struct TplSource {
    template: Option<Arc<str>>,
    line: u32,
    /// The values behind each line.
    lines: Vec<Vec<OriginId>>,
}

/// What is put aside while an output of its own is written.
#[derive(Debug)]
pub struct Outer {
    spans: Vec<Span>,
    reads: Vec<OriginId>,
    template: Option<Arc<str>>,
    line: u32,
    source: Option<TplSource>,
}

/// The name under which Helm parses the text of `tpl`.
pub const TPL_NAME: &str = "gotpl";

impl Trace {
    /// The spans of the finished output.
    pub fn finish(&mut self) -> Vec<Span> {
        self.strings.clear();
        std::mem::take(&mut self.spans)
    }

    /// How much the current action has read.
    pub fn mark(&self) -> usize {
        self.reads.len()
    }

    /// The last origin that was read since a mark.
    pub fn last_since(&self, mark: usize) -> OriginId {
        self.reads.get(mark..).and_then(<[_]>::last).copied().unwrap_or_default()
    }

    /// Notes that the current action read a value.
    pub fn read(&mut self, origin: OriginId) {
        if origin.0 != 0 && self.reads.last() != Some(&origin) {
            self.reads.push(origin);
        }
    }

    /// An action begins.
    pub fn begin_action(&mut self, tree: &Tree, pos: u32) {
        self.reads.clear();
        self.locate(tree, pos);
    }

    fn locate(&mut self, tree: &Tree, pos: u32) -> Vec<OriginId> {
        let line = tree.source.place(pos).0;
        if *tree.source.name == *TPL_NAME
            && let Some(source) = &self.source
        {
            self.template.clone_from(&source.template);
            self.line = source.line;
            let values =
                source.lines.get(line as usize - 1).or(source.lines.last()).cloned().unwrap_or_default();
            self.reads.extend(&values);
            return values;
        }
        self.template = Some(Arc::clone(&tree.source.name));
        self.line = line;
        Vec::new()
    }

    fn push(&mut self, start: usize, end: usize, values: Vec<OriginId>) {
        if let Some(template) = &self.template
            && start < end
        {
            self.spans.push(Span { start, end, template: Arc::clone(template), line: self.line, values });
        }
    }

    /// Constant text is about to be written at this offset.
    pub fn text(&mut self, tree: &Tree, pos: u32, text: &str, offset: usize) {
        let mut at = 0;
        for part in text.split_inclusive('\n') {
            let reads = std::mem::take(&mut self.reads);
            let values = self.locate(tree, pos + u32::try_from(at).unwrap_or(0));
            self.reads = reads;
            self.push(offset + at, offset + at + part.len(), values);
            at += part.len();
        }
    }

    /// A value was printed by the current action.
    pub fn printed(&mut self, value: &Value, start: usize, end: usize) {
        if let Value::Str(text) = value
            && let Some(spans) = self.spans_of(text)
        {
            self.spans.extend(spans.iter().map(|span| Span {
                start: span.start + start,
                end: span.end + start,
                ..span.clone()
            }));
            return;
        }
        let values = unique(self.reads.iter().copied());
        self.push(start, end, values);
    }

    /// The spans of a string that a template made.
    pub fn spans_of(&self, text: &Str) -> Option<Rc<[Span]>> {
        self.strings.get(&address(text)).map(|(_, spans)| Rc::clone(spans))
    }

    /// Keeps the spans of a string.
    pub fn keep(&mut self, text: &Str, spans: Vec<Span>) {
        if !spans.is_empty() {
            self.strings.insert(address(text), (Arc::clone(text), spans.into()));
        }
    }

    /// Keeps, for a text whose every line stems from known values, the current action as their writer.
    pub fn keep_lines(&mut self, text: &Str, origins: &[OriginId]) {
        let Some(template) = self.template.clone() else { return };
        let mut start = 0;
        let mut spans = Vec::new();
        for (index, part) in text.split_inclusive('\n').enumerate() {
            let origin = origins.get(index).copied().unwrap_or_default();
            let values = if origin.0 == 0 { Vec::new() } else { vec![origin] };
            let end = start + part.len();
            spans.push(Span { start, end, template: Arc::clone(&template), line: self.line, values });
            start = end;
        }
        self.keep(text, spans);
    }

    /// Gives a string the spans of another from which it was made: `map` tells where an offset went.
    pub fn carry(&mut self, from: &Str, to: &Str, map: impl Fn(usize) -> Option<usize>) {
        let Some(spans) = self.spans_of(from) else { return };
        let mut carried = Vec::with_capacity(spans.len());
        for span in spans.iter() {
            // The end of a line moves with its last byte.
            if let (Some(start), Some(end)) = (map(span.start), span.end.checked_sub(1).and_then(&map)) {
                carried.push(Span { start, end: (end + 1).min(to.len()), ..span.clone() });
            }
        }
        self.keep(to, carried);
    }

    /// An output of its own begins.
    pub fn begin_capture(&mut self) -> Outer {
        Outer {
            spans: std::mem::take(&mut self.spans),
            reads: std::mem::take(&mut self.reads),
            template: self.template.clone(),
            line: self.line,
            source: self.source.take(),
        }
    }

    /// The output of its own is finished: its spans go with its text, what it read counts for the caller too.
    pub fn end_capture(&mut self, outer: Outer, text: &Str) {
        let spans = std::mem::replace(&mut self.spans, outer.spans);
        self.reads = outer.reads;
        self.template = outer.template;
        self.line = outer.line;
        self.source = outer.source;
        let inner = unique(spans.iter().flat_map(|span| span.values.iter().copied()));
        self.reads.extend(inner);
        self.keep(text, spans);
    }

    /// `tpl` is about to execute a text that was read from somewhere.
    pub fn enter_tpl(&mut self, text: &Str, origin: OriginId, caller: &Outer) {
        let spans = self.spans_of(text);
        let mut at = 0;
        let lines = text.split_inclusive('\n').map(|part| {
            let (start, end) = (at, at + part.len());
            at = end;
            match &spans {
                Some(spans) => unique(
                    spans
                        .iter()
                        .filter(|s| s.start < end && start < s.end)
                        .flat_map(|s| s.values.iter().copied()),
                ),
                None if origin.0 != 0 => vec![origin],
                None => unique(caller.reads.iter().copied()),
            }
        });
        let lines = lines.collect();
        self.source = Some(TplSource { template: caller.template.clone(), line: caller.line, lines });
    }
}

fn address(text: &Str) -> usize {
    text.as_ptr().addr()
}

fn unique(origins: impl IntoIterator<Item = OriginId>) -> Vec<OriginId> {
    let mut seen = Vec::new();
    for origin in origins {
        if origin.0 != 0 && !seen.contains(&origin) {
            seen.push(origin);
        }
    }
    seen
}
