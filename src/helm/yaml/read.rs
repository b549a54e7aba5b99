//! From events to a tree: go-yaml v2's decoder into `interface{}`, then sigs.k8s.io/yaml's turn to JSON.

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine;
use foldhash::fast::RandomState;

use super::gosyntax::go_syntax;
use super::number::format_float_key;
use super::outline;
use super::resolve::{BINARY_TAG, MERGE_TAG, Scalar, resolve_plain, resolve_tagged};
use super::syntax::{Event, Parser, ScalarEvent};
use super::{Content, Key, Mark, Node, YamlError};
use crate::helm::Table;

const WANT_MAP: &str = "map merge requires map or sequence of maps as the value";
/// How sigs.k8s.io/yaml's complaint about a key begins; see [`Reader::unsupported_key`].
const UNSUPPORTED_KEY: &str = "unsupported map key of type: ";

/// How much a text may ask for. go-yaml's own limits hold besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YamlLimits {
    /// Bytes of text.
    pub bytes: usize,
    /// Collections inside each other.
    pub depth: usize,
    /// Nodes, those that aliases repeat counted each time.
    pub nodes: usize,
}

impl Default for YamlLimits {
    fn default() -> Self {
        Self { bytes: 16 << 20, depth: 500, nodes: 2_000_000 }
    }
}

/// Reads the first document of a text; an empty text is null.
pub fn parse(text: &str, limits: &YamlLimits) -> Result<Node, YamlError> {
    let mut reader = Reader::new(text, limits)?;
    let nothing = Node { content: Content::Null, mark: Mark { line: 1, column: 1, offset: 0 } };
    Ok(reader.document()?.unwrap_or(nothing))
}

/// The same where only some entries of the document's mapping are wanted: the others are checked, and most of them
/// left out. Places are not those in the text. Large documents are read several times as fast so, and take no memory.
pub fn parse_entries(text: &str, limits: &YamlLimits, wanted: fn(&str) -> bool) -> Result<Node, YamlError> {
    if let Some(lines) = outline::wanted_lines(text, limits, wanted)
        && let Ok(node @ Node { content: Content::Map(_), .. }) = parse(&lines, limits)
    {
        return Ok(node);
    }
    let mut reader = Reader::new(text, limits)?;
    reader.wanted = Some(wanted);
    // What is wrong is told by who reads all; so is what is rare: see `Reader::skip`.
    reader.document().ok().flatten().map_or_else(|| parse(text, limits), Ok)
}

/// Reads all documents of a text.
pub fn parse_documents(text: &str, limits: &YamlLimits) -> Result<Vec<Node>, YamlError> {
    let mut reader = Reader::new(text, limits)?;
    let mut documents = Vec::new();
    while let Some(node) = reader.document()? {
        documents.push(node);
    }
    Ok(documents)
}

/// A key that its mapping has already.
#[derive(Clone, Debug, PartialEq)]
pub struct DoubleKey {
    /// The later one.
    pub key: Key,
    /// Where the first one stands.
    pub first: Mark,
}

/// Reads all documents of a text, and names the keys that stand twice in a mapping. [`parse`] takes the last of them,
/// as Helm does; for files of our own that is an error.
pub fn parse_strictly(text: &str, limits: &YamlLimits) -> Result<(Vec<Node>, Vec<DoubleKey>), YamlError> {
    let mut reader = Reader::new(text, limits)?;
    reader.doubles = Some(Vec::new());
    let mut documents = Vec::new();
    while let Some(node) = reader.document()? {
        documents.push(node);
    }
    Ok((documents, reader.doubles.unwrap_or_default()))
}

/// What an anchor stands for.
struct Anchored {
    /// Where it stands.
    mark: Mark,
    mapping: bool,
    /// `None` while the node is still being read: an alias to it would contain itself.
    node: Option<Node>,
    /// How often go-yaml's decoder is called for the node and what is in it.
    operations: u64,
    nodes: usize,
}

struct Reader<'a> {
    events: Parser<'a>,
    limits: YamlLimits,
    anchors: Table<&'a str, Anchored>,
    /// go-yaml's count of decoder calls, and how many of them aliases caused.
    operations: u64,
    alias_operations: u64,
    nodes: usize,
    /// The first error of go-yaml's decoder, which runs after the whole document was parsed.
    decode_error: Option<YamlError>,
    /// Whether keys or floats were read that JSON does not have. The turn to JSON runs after the decoder.
    unsupported_keys: bool,
    not_finite: bool,
    /// The keys that were read twice, if anybody wants to know.
    doubles: Option<Vec<DoubleKey>>,
    /// Which entries of a document's mapping matter, if not all do.
    wanted: Option<fn(&str) -> bool>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, limits: &YamlLimits) -> Result<Self, YamlError> {
        if text.len() > limits.bytes {
            let message = format!(
                "yaml: the text has {} bytes and the limit is {}: split it, or raise the limit",
                text.len(),
                limits.bytes
            );
            return Err(YamlError::new(message, Mark::default()));
        }
        Ok(Self {
            events: Parser::new(text),
            limits: *limits,
            anchors: Table::default(),
            operations: 0,
            alias_operations: 0,
            nodes: 0,
            decode_error: None,
            unsupported_keys: false,
            not_finite: false,
            doubles: None,
            wanted: None,
        })
    }

    fn document(&mut self) -> Result<Option<Node>, YamlError> {
        if matches!(self.events.next()?.0, Event::StreamEnd) {
            return Ok(None);
        }
        self.anchors.clear();
        self.operations = 1;
        self.alias_operations = 0;
        let (event, mark) = self.events.next()?;
        let node = self.node(event, mark, 0)?;
        self.events.next()?;
        let unsupported =
            std::mem::take(&mut self.unsupported_keys).then(|| unsupported_key(&node)).flatten();
        let not_finite = std::mem::take(&mut self.not_finite).then(|| not_finite(&node)).flatten();
        match self.decode_error.take().or(unsupported).or(not_finite) {
            Some(error) => Err(error),
            None => Ok(Some(node)),
        }
    }

    fn node(&mut self, event: Event<'a>, mark: Mark, depth: usize) -> Result<Node, YamlError> {
        self.count(1, mark)?;
        self.operate(1, 0, mark);
        match event {
            Event::Alias(name) => self.alias(name, mark),
            Event::Scalar(scalar) => Ok(self.scalar(scalar, mark)),
            Event::SequenceStart { anchor } => self.anchored(anchor, mark, false, |reader| {
                reader.descend(depth, mark)?;
                let mut items = Vec::new();
                loop {
                    match reader.events.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => items.push(reader.node(event, at, depth + 1)?),
                    }
                }
                Ok(Node { content: Content::Seq(items), mark })
            }),
            Event::MappingStart { anchor } => self.anchored(anchor, mark, true, |reader| {
                reader.descend(depth, mark)?;
                let entries = reader.entries(depth)?;
                Ok(Node { content: Content::Map(last_of_each(entries)), mark })
            }),
            Event::StreamEnd
            | Event::DocumentStart
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                Err(YamlError::decode("attempted to go past the end of stream; corrupted value?", mark))
            }
        }
    }

    /// A mapping's entries in the order in which go-yaml sets them, doubles included.
    fn entries(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, YamlError> {
        let mut entries = Vec::new();
        let mut own: Table<String, Mark> = Table::default();
        loop {
            let (event, mark) = self.events.next()?;
            match event {
                Event::MappingEnd => return Ok(entries),
                Event::Scalar(scalar) if is_merge(&scalar) => {
                    if let Some(anchor) = scalar.anchor {
                        let node = Node { content: Content::Str(scalar.value.into_owned()), mark };
                        self.anchors.insert(
                            anchor,
                            Anchored { mark, mapping: false, node: Some(node), operations: 1, nodes: 1 },
                        );
                    }
                    self.merge(&mut entries, depth)?;
                }
                event => {
                    let key = self.node(event, mark, depth + 1)?;
                    let text = self.key_text(key);
                    let (event, at) = self.events.next()?;
                    let is_wanted = |wanted: fn(&str) -> bool| text.as_deref().is_none_or(wanted);
                    if depth == 0 && !self.unsupported_keys && !self.wanted.is_none_or(is_wanted) {
                        self.skip(event, at, depth + 1)?;
                        continue;
                    }
                    let value = self.node(event, at, depth + 1)?;
                    if let Some(text) = text {
                        let key = Key { text, mark };
                        if let Some(doubles) = &mut self.doubles {
                            match own.get(&key.text) {
                                Some(&first) => doubles.push(DoubleKey { key: key.clone(), first }),
                                None => _ = own.insert(key.text.clone(), mark),
                            }
                        }
                        entries.push((key, value));
                    }
                }
            }
        }
    }

    /// Checks a node that nobody wants. It gives up, with an error that nobody sees, where the node could be meant elsewhere, or
    /// be wrong for another reason than its syntax.
    fn skip(&mut self, event: Event<'a>, mark: Mark, depth: usize) -> Result<(), YamlError> {
        let give_up = || Err(YamlError::decode("not checked", mark));
        self.count(1, mark)?;
        match event {
            Event::Scalar(ScalarEvent { anchor: None, tag, value, implicit }) if tag.is_empty() => {
                let may_be_number =
                    value.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
                match (implicit && may_be_number).then(|| resolve_plain(&value)) {
                    Some(Scalar::Float(value)) if !value.is_finite() => give_up(),
                    _ => Ok(()),
                }
            }
            Event::SequenceStart { anchor: None } => {
                self.descend(depth, mark)?;
                loop {
                    match self.events.next()? {
                        (Event::SequenceEnd, _) => return Ok(()),
                        (event, at) => self.skip(event, at, depth + 1)?,
                    }
                }
            }
            Event::MappingStart { anchor: None } => {
                self.descend(depth, mark)?;
                loop {
                    match self.events.next()? {
                        (Event::MappingEnd, _) => return Ok(()),
                        (Event::Scalar(key), at) if is_plain_key(&key) => self.count(1, at)?,
                        _ => return give_up(),
                    }
                    let (event, at) = self.events.next()?;
                    self.skip(event, at, depth + 1)?;
                }
            }
            _ => give_up(),
        }
    }

    /// The value of a `<<` key: go-yaml v2 sets its entries where it stands, over those that came before. It looks at the kind of
    /// a value before it decodes it, and at those of a sequence from its end.
    fn merge(&mut self, entries: &mut Vec<(Key, Node)>, depth: usize) -> Result<(), YamlError> {
        let (event, mark) = self.events.next()?;
        if !matches!(event, Event::SequenceStart { anchor: None }) {
            let many = matches!(event, Event::SequenceStart { .. });
            if !many && !self.may_be_merged(&event) {
                self.fail(WANT_MAP, mark);
            }
            let node = self.node(event, mark, depth + 1)?;
            match node.content {
                Content::Map(merged) => entries.extend(merged),
                Content::Seq(maps) if many => {
                    for map in maps.into_iter().rev() {
                        match map.content {
                            Content::Map(merged) => entries.extend(merged),
                            _ => self.fail(WANT_MAP, map.mark),
                        }
                    }
                }
                _ => self.fail(WANT_MAP, mark),
            }
            return Ok(());
        }
        self.count(1, mark)?;
        self.operate(1, 0, mark);
        self.descend(depth + 1, mark)?;
        let earlier = self.decode_error.take();
        let mut maps = Vec::new();
        loop {
            let (event, at) = self.events.next()?;
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            if !self.may_be_merged(&event) {
                self.fail(WANT_MAP, at);
            }
            let node = self.node(event, at, depth + 2)?;
            maps.push((node, self.decode_error.take()));
        }
        self.decode_error = earlier;
        for (map, error) in maps.into_iter().rev() {
            if let Some(error) = error {
                self.decode_error.get_or_insert(error);
            }
            match map.content {
                Content::Map(merged) => entries.extend(merged),
                _ => self.fail(WANT_MAP, map.mark),
            }
        }
        Ok(())
    }

    /// Whether this begins a mapping, or stands for one.
    fn may_be_merged(&self, event: &Event<'_>) -> bool {
        match event {
            Event::MappingStart { .. } => true,
            Event::Alias(name) => self.anchors.get(name).is_none_or(|anchored| anchored.mapping),
            _ => false,
        }
    }

    fn alias(&mut self, name: &str, mark: Mark) -> Result<Node, YamlError> {
        let Some(anchored) = self.anchors.get(name) else {
            return Err(YamlError::decode(format_args!("unknown anchor '{name}' referenced"), mark));
        };
        let (operations, nodes) = (anchored.operations, anchored.nodes);
        let Some(node) = &anchored.node else {
            self.fail(format_args!("anchor '{name}' value contains itself"), mark);
            return Ok(Node { content: Content::Null, mark });
        };
        // The copy is made only where it fits and will be used.
        let fits = self.decode_error.is_none() && self.nodes.saturating_add(nodes) <= self.limits.nodes;
        let copy = fits.then(|| node.content.clone());
        self.operate(operations, operations, mark);
        self.count(nodes, mark)?;
        Ok(Node { content: copy.unwrap_or(Content::Null), mark })
    }

    fn scalar(&mut self, scalar: ScalarEvent<'a>, mark: Mark) -> Node {
        let content = self.scalar_content(&scalar.tag, scalar.value, scalar.implicit, mark);
        let node = Node { content, mark };
        if let Some(anchor) = scalar.anchor {
            self.anchors.insert(
                anchor,
                Anchored { mark, mapping: false, node: Some(node.clone()), operations: 1, nodes: 1 },
            );
        }
        node
    }

    fn scalar_content(&mut self, tag: &str, value: Cow<'_, str>, implicit: bool, mark: Mark) -> Content {
        let resolved = match tag {
            "" if implicit => resolve_plain(&value),
            "" => Scalar::Text,
            BINARY_TAG => return self.binary(&value, mark),
            tag => match resolve_tagged(tag, &value) {
                Ok(resolved) => resolved,
                Err(message) => {
                    self.fail(message, mark);
                    Scalar::Null
                }
            },
        };
        match resolved {
            Scalar::Null => Content::Null,
            Scalar::Bool(value) => Content::Bool(value),
            Scalar::Int(value) => Content::Int(value),
            Scalar::Uint(value) => Content::Uint(value),
            Scalar::Float(value) => {
                self.not_finite |= !value.is_finite();
                Content::Float(value)
            }
            Scalar::Text | Scalar::Timestamp => Content::Str(value.into_owned()),
        }
    }

    fn binary(&mut self, value: &str, mark: Mark) -> Content {
        // Go's decoder skips line breaks.
        let compact: String = value.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
        if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(compact) {
            Content::Str(lossy(&bytes))
        } else {
            self.fail("!!binary value contains invalid base64 data", mark);
            Content::Null
        }
    }

    /// The key as JSON has it; `None` if go-yaml refuses it.
    fn key_text(&mut self, key: Node) -> Option<String> {
        Some(match key.content {
            Content::Str(text) => text,
            Content::Int(value) => value.to_string(),
            Content::Float(value) => format_float_key(value),
            Content::Bool(value) => value.to_string(),
            Content::Null => self.unsupported_key("%!s(<nil>), key: <nil>"),
            Content::Uint(value) => self.unsupported_key(&format!("uint64, key: {value:#x}")),
            Content::Seq(_) | Content::Map(_) => {
                let shown = go_syntax(&key.content);
                self.fail(format_args!("invalid map key: {shown}"), key.mark);
                return None;
            }
        })
    }

    /// A stand-in for a key that JSON does not have. It matters only if nothing overwrites what it is in.
    fn unsupported_key(&mut self, description: &str) -> String {
        self.unsupported_keys = true;
        format!("{UNSUPPORTED_KEY}{description}")
    }

    /// Reads a collection and keeps a copy under its anchor.
    fn anchored(
        &mut self,
        anchor: Option<&'a str>,
        mark: Mark,
        mapping: bool,
        read: impl FnOnce(&mut Self) -> Result<Node, YamlError>,
    ) -> Result<Node, YamlError> {
        let Some(name) = anchor else {
            return read(self);
        };
        let (operations, nodes) = (self.operations - 1, self.nodes - 1);
        self.anchors.insert(name, Anchored { mark, mapping, node: None, operations: 0, nodes: 0 });
        let node = read(self)?;
        if self.anchors.get(name).is_some_and(|anchored| anchored.mark != mark) {
            // Something inside has the same anchor: that is what it stands for from there on.
            return Ok(node);
        }
        let anchored = Anchored {
            mark,
            mapping,
            node: Some(node.clone()),
            operations: self.operations - operations,
            nodes: self.nodes - nodes,
        };
        self.anchors.insert(name, anchored);
        Ok(node)
    }

    fn descend(&self, depth: usize, mark: Mark) -> Result<(), YamlError> {
        if depth < self.limits.depth {
            return Ok(());
        }
        let limit = self.limits.depth;
        Err(YamlError::new(
            format!(
                "yaml: line {}: more than {limit} collections inside each other: flatten the document",
                mark.line
            ),
            mark,
        ))
    }

    fn count(&mut self, nodes: usize, mark: Mark) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= self.limits.nodes {
            return Ok(());
        }
        if let Some(error) = self.decode_error.take() {
            return Err(error);
        }
        let limit = self.limits.nodes;
        Err(YamlError::new(
            format!(
                "yaml: line {}: more than {limit} values, aliases counted: split the document",
                mark.line
            ),
            mark,
        ))
    }

    /// go-yaml's guard against documents that are mostly aliases.
    fn operate(&mut self, operations: u64, by_alias: u64, mark: Mark) {
        self.operations = self.operations.saturating_add(operations);
        self.alias_operations = self.alias_operations.saturating_add(by_alias);
        if self.alias_operations > 100
            && self.operations > 1000
            && ratio(self.alias_operations, self.operations) > allowed_alias_ratio(self.operations)
        {
            self.fail("document contains excessive aliasing", mark);
        }
    }

    fn fail(&mut self, message: impl std::fmt::Display, mark: Mark) {
        self.decode_error.get_or_insert_with(|| YamlError::decode(message, mark));
    }
}

/// The complaint about a key that is left in a tree.
fn unsupported_key(node: &Node) -> Option<YamlError> {
    match &node.content {
        Content::Seq(items) => items.iter().find_map(unsupported_key),
        Content::Map(entries) => entries.iter().find_map(|(key, value)| {
            if key.text.starts_with(UNSUPPORTED_KEY) {
                let message = format!("{}, value: {}", key.text, go_syntax(&value.content));
                return Some(YamlError::new(message, key.mark));
            }
            unsupported_key(value)
        }),
        _ => None,
    }
}

/// Go's JSON encoder has no word for infinity, save in a key.
fn not_finite(node: &Node) -> Option<YamlError> {
    match &node.content {
        Content::Float(value) if !value.is_finite() => {
            let word = if value.is_nan() { "NaN" } else { ["-Inf", "+Inf"][usize::from(*value > 0.0)] };
            Some(YamlError::new(format!("json: unsupported value: {word}"), node.mark))
        }
        Content::Seq(items) => items.iter().find_map(not_finite),
        Content::Map(entries) => entries.iter().find_map(|(_, value)| not_finite(value)),
        _ => None,
    }
}

fn is_merge(scalar: &ScalarEvent<'_>) -> bool {
    scalar.value == "<<" && (scalar.implicit || scalar.tag == MERGE_TAG)
}

/// Whether a key is just that: it may not be one that JSON does not have, nor say something else than its text.
fn is_plain_key(key: &ScalarEvent<'_>) -> bool {
    let is_json = || !key.implicit || !matches!(resolve_plain(&key.value), Scalar::Null | Scalar::Uint(_));
    key.anchor.is_none() && key.tag.is_empty() && !is_merge(key) && is_json()
}

/// Of entries with the same key the last one counts, at the place of the first.
fn last_of_each(entries: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
    const FEW: usize = 12;
    let doubled = if entries.len() <= FEW {
        entries
            .iter()
            .enumerate()
            .any(|(at, (key, _))| entries[..at].iter().any(|(other, _)| other.text == key.text))
    } else {
        let mut seen = HashSet::with_capacity_and_hasher(entries.len(), RandomState::default());
        !entries.iter().all(|(key, _)| seen.insert(key.text.as_str()))
    };
    if !doubled {
        return entries;
    }
    let mut places: Table<String, usize> = Table::default();
    let mut kept: Vec<(Key, Node)> = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(&place) = places.get(&entry.0.text) {
            kept[place] = entry;
        } else {
            places.insert(entry.0.text.clone(), kept.len());
            kept.push(entry);
        }
    }
    kept
}

#[expect(clippy::cast_precision_loss, reason = "go-yaml compares floats")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// go-yaml's `allowedAliasRatio`: 99% up to 400,000 operations, falling to 10% at 4,000,000.
#[expect(clippy::cast_precision_loss, reason = "go-yaml compares floats")]
fn allowed_alias_ratio(operations: u64) -> f64 {
    const LOW: u64 = 400_000;
    const HIGH: u64 = 4_000_000;
    match operations {
        ..=LOW => 0.99,
        HIGH.. => 0.10,
        _ => 0.99 - 0.89 * ((operations - LOW) as f64 / (HIGH - LOW) as f64),
    }
}

/// Bytes as Go's JSON encoder writes them: each byte that is not UTF-8 becomes U+FFFD.
fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}
