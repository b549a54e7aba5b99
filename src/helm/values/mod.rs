//! Values: where they come from and in which order (Helm's pkg/cli/values and pkg/chart/v2/loader).

pub(super) mod coalesce;
mod settled;
mod strvals;

use std::borrow::Cow;
use std::sync::Arc;

use super::decode::conversion;
use super::origin::OriginTable;
use super::template::HelmVersion;
use super::value::{Entry, List, Map, OriginId, Value};
use super::yaml::{Content, Node, YamlLimits, parse};

pub use settled::{SettledContent, SettledValue};
pub use strvals::{FileReader, SetError, SetFlag};

/// One source of values: a later one overrides an earlier one, and all override the chart's own.
#[derive(Clone, Debug)]
pub struct ValuesLayer {
    /// The file's path from the root of the repository, or the flag's name: for origins and errors.
    pub name: Arc<str>,
    /// What it says.
    pub content: LayerContent,
}

/// What a source of values says.
#[derive(Clone, Debug)]
pub enum LayerContent {
    /// A file's documents, merged in order.
    Yaml(Vec<ValuesDocument>),
    /// Values that are in no file of their own.
    Json(serde_json::Value),
    /// Flags of the command line, in order.
    Set(Vec<SetFlag>),
}

/// One YAML document of a values file.
#[derive(Clone, Debug)]
pub struct ValuesDocument {
    node: Node,
    /// The lines of the file before it.
    lines_before: u32,
}

/// Why values cannot be read; the texts are Helm's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValuesError {
    /// A values file.
    #[error("failed to parse {name}: {reason}")]
    File {
        /// The file.
        name: Arc<str>,
        /// What YAML or Go's JSON decoder says.
        reason: String,
    },
    /// A flag of the command line.
    #[error(transparent)]
    Set(#[from] SetError),
}

impl ValuesLayer {
    /// A values file.
    pub fn from_yaml(name: impl Into<Arc<str>>, text: &str) -> Result<Self, ValuesError> {
        Self::from_yaml_as(name, text, HelmVersion::default())
    }

    /// A values file as this Helm reads it: Helm 3 reads the first document only.
    pub fn from_yaml_as(
        name: impl Into<Arc<str>>,
        text: &str,
        helm: HelmVersion,
    ) -> Result<Self, ValuesError> {
        let name = name.into();
        match read_documents(text, helm) {
            Ok(documents) => Ok(Self { name, content: LayerContent::Yaml(documents) }),
            Err(reason) => Err(ValuesError::File { name, reason }),
        }
    }

    /// A mapping that stands inside of a file: the marks of `node` are places in that file.
    pub fn from_node(name: impl Into<Arc<str>>, node: Node) -> Self {
        let document = ValuesDocument { node, lines_before: 0 };
        Self { name: name.into(), content: LayerContent::Yaml(vec![document]) }
    }

    /// The line, from 1, on which the value under a pointer of keys and indices is set here.
    pub fn line_of(&self, pointer: &[&str]) -> Option<u32> {
        let LayerContent::Yaml(documents) = &self.content else { return None };
        let found = documents
            .iter()
            .rev()
            .find_map(|document| Some(document.node.locate(pointer)?.line + document.lines_before));
        found.filter(|_| !pointer.is_empty())
    }
}

/// Numbers the lines that set values, or gives all of them number 0 where nobody asks.
#[derive(Debug, Default)]
pub(super) struct Origins {
    pub(super) table: OriginTable,
    pub(super) kept: bool,
}

impl Origins {
    /// The lines of a file, numbered.
    fn of(&mut self, file: &Arc<str>, last_line: u32) -> Numbers {
        Numbers(self.kept.then(|| self.table.add(file, last_line)))
    }

    /// Documents as one map.
    pub(super) fn values(&mut self, file: &Arc<str>, documents: &[ValuesDocument]) -> Map {
        let mut values = Map::new();
        let last_line =
            if self.kept { documents.iter().map(ValuesDocument::last_line).max().unwrap_or(0) } else { 0 };
        let numbers = self.of(file, last_line);
        for document in documents {
            let mut origin = |mark: super::yaml::Mark| numbers.line(mark.line + document.lines_before);
            if let Value::Map(map) = document.node.to_value(&mut origin) {
                values = if values.is_empty() { map } else { merge_maps(&values, &map) };
            }
        }
        values
    }
}

/// The numbers of a file's lines, if origins are kept.
#[derive(Clone, Copy)]
pub(super) struct Numbers(Option<u32>);

impl Numbers {
    fn line(self, line: u32) -> OriginId {
        OriginId(self.0.map_or(0, |start| start.saturating_add(line)))
    }
}

impl ValuesDocument {
    /// The last line of the file on which something is set.
    fn last_line(&self) -> u32 {
        let mut last = 0;
        let mut pending = vec![&self.node];
        while let Some(node) = pending.pop() {
            last = last.max(node.mark.line);
            match &node.content {
                Content::Map(entries) => entries.iter().for_each(|(key, value)| {
                    last = last.max(key.mark.line);
                    pending.push(value);
                }),
                Content::Seq(items) => pending.extend(items),
                _ => {}
            }
        }
        last + self.lines_before
    }
}

/// Reads a document of a values file; `None` where it is null. The error's text is sigs.k8s.io/yaml's.
fn read_document(text: &str, lines_before: u32) -> Result<Option<ValuesDocument>, String> {
    let node = parse(text, &YamlLimits::default()).map_err(|error| conversion(&error))?;
    let found = match node.content {
        Content::Map(_) => return Ok(Some(ValuesDocument { node, lines_before })),
        Content::Null => return Ok(None),
        Content::Bool(_) => "bool",
        Content::Int(_) | Content::Uint(_) | Content::Float(_) => "number",
        Content::Str(_) => "string",
        Content::Seq(_) => "array",
    };
    Err(format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value of type \
         map[string]interface {{}}"
    ))
}

/// Reads a values file. The error's text is Helm's.
pub(super) fn read_documents(text: &str, helm: HelmVersion) -> Result<Vec<ValuesDocument>, String> {
    if helm == HelmVersion::Helm3 {
        return Ok(read_document(text, 0)?.into_iter().collect());
    }
    // Helm ends the last line where the file does not; a block of text at the end has that end of line then.
    let ended = if text.is_empty() || text.ends_with('\n') {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{text}\n"))
    };
    let text = &*ended;
    let wrong = |reason| format!("cannot unmarshal yaml document: {reason}");
    if !text.starts_with("---") && memchr::memmem::find(text.as_bytes(), b"\n---").is_none() {
        let document = if text.is_empty() { None } else { read_document(text, 0).map_err(wrong)? };
        return Ok(document.into_iter().collect());
    }
    let mut documents = Vec::new();
    let mut start = 0;
    let mut first_line = 0;
    let mut at = 0;
    let mut push = |text: &str, lines_before: u32| -> Result<(), String> {
        documents.extend(read_document(text, lines_before).map_err(wrong)?);
        Ok(())
    };
    for (number, line) in (0..).zip(text.split_inclusive('\n')) {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(format!("error reading yaml document: invalid Yaml document separator: {rest}"));
            }
            // A separator ends a document only if there is one; otherwise it is its first line.
            if start < at {
                push(&text[start..at], first_line)?;
                start = at + line.len();
                first_line = number + 1;
            }
        }
        at += line.len();
    }
    if start < text.len() {
        push(&text[start..], first_line)?;
    }
    Ok(documents)
}

/// The values that a user gave: layers in order, later over earlier. Nulls stay.
pub(super) fn merge_layers(
    layers: &[ValuesLayer],
    origins: &mut Origins,
    helm: HelmVersion,
) -> Result<Map, SetError> {
    let mut base = Map::new();
    for layer in layers {
        match &layer.content {
            LayerContent::Yaml(documents) => {
                base = merge_maps(&base, &origins.values(&layer.name, documents));
            }
            LayerContent::Json(json) => {
                if let Value::Map(map) = strvals::from_json(json, origins.of(&layer.name, 1).line(1)) {
                    base = merge_maps(&base, &map);
                }
            }
            LayerContent::Set(flags) => {
                let numbers = origins.of(&layer.name, u32::try_from(flags.len()).unwrap_or(u32::MAX));
                for (line, flag) in (1..).zip(flags) {
                    base = flag.apply(base, numbers.line(line), helm)?;
                }
            }
        }
    }
    Ok(base)
}

/// Whether a user's values can be read; the same error as rendering would give.
pub fn check_layers(layers: &[ValuesLayer], helm: HelmVersion) -> Result<(), SetError> {
    merge_layers(layers, &mut Origins::default(), helm).map(|_| ())
}

/// `b` over `a`, maps merged, everything else replaced. Neither is changed.
pub(super) fn merge_maps(a: &Map, b: &Map) -> Map {
    let out = a.shallow_copy();
    for (key, entry) in b.snapshot() {
        let merged = match (&entry.value, out.get(&key)) {
            (Value::Map(over), Some(Value::Map(under))) => {
                Entry { value: merge_maps(&under, over).into(), origin: entry.origin }
            }
            _ => entry,
        };
        out.entries.borrow_mut().insert(key, merged);
    }
    out
}

/// A copy that shares no map with the original.
pub(super) fn deep_copy(map: &Map) -> Map {
    let copy = map.shallow_copy().as_type(map.map_type);
    copy.entries.borrow_mut().iter_mut().for_each(|(_, entry)| unshare(&mut entry.value));
    copy
}

fn unshare(value: &mut Value) {
    match value {
        Value::Map(map) => *map = deep_copy(map),
        Value::List(list) if list.items.made().iter().any(|item| item.value.is_nested()) => {
            let mut items = list.items.to_vec();
            items.iter_mut().for_each(|item| unshare(&mut item.value));
            *list = List::of(list.list_type, items);
        }
        // Lists without maps inside are never changed in place.
        _ => {}
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::helm::yaml::to_yaml;

    /// A values file's text as a map.
    pub(in crate::helm) fn values(text: &str) -> Map {
        Origins::default().values(&"values.yaml".into(), &read_documents(text, HelmVersion::Helm4).unwrap())
    }

    /// A map's text, to compare.
    pub(in crate::helm) fn yaml(map: &Map) -> String {
        to_yaml(&Value::Map(map.clone())).unwrap()
    }

    fn merged(layers: &[ValuesLayer]) -> String {
        yaml(&merge_layers(layers, &mut Origins::default(), HelmVersion::Helm4).unwrap())
    }

    #[test]
    fn later_layers_override_earlier_ones_and_nulls_stay() {
        let layers = [
            ValuesLayer::from_yaml("a", "x: {a: 1, b: 2}\nlist: [1, 2]\nscalar: 1").unwrap(),
            ValuesLayer::from_yaml("b", "x: {b: null}\nlist: [3]\nscalar: {c: d}").unwrap(),
        ];
        assert_eq!(merged(&layers), "list:\n- 3\nscalar:\n  c: d\nx:\n  a: 1\n  b: null\n");
    }

    #[test]
    fn all_documents_of_a_values_file_are_merged() {
        let layer = ValuesLayer::from_yaml("a", "---\na: 1\n--- # more\nb: 2\na: {c: 1}\n---\n").unwrap();
        assert_eq!(merged(&[layer]), "a:\n  c: 1\nb: 2\n");
    }

    #[test]
    fn what_is_no_map_is_refused_in_helms_words() {
        let error = ValuesLayer::from_yaml("v.yaml", "- a").unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to parse v.yaml: cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: \
             json: cannot unmarshal array into Go value of type map[string]interface {}"
        );
        let error = ValuesLayer::from_yaml("v.yaml", "a: 1\n---x\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to parse v.yaml: error reading yaml document: invalid Yaml document separator: x"
        );
    }

    #[test]
    fn values_know_the_line_that_set_them_across_documents() {
        let mut origins = Origins { kept: true, ..Origins::default() };
        let documents = read_documents("a: 1\n---\n# two\nb:\n  c: 2\n", HelmVersion::Helm4).unwrap();
        let map = origins.values(&"v.yaml".into(), &documents);
        let Some(Value::Map(inner)) = map.get("b") else { panic!("b is a map") };
        let line = |entry: Entry| origins.table.get(entry.origin).map(|line| line.to_string()).unwrap();
        assert_eq!(line(map.entry("a").unwrap()), "v.yaml:1");
        assert_eq!(line(inner.entry("c").unwrap()), "v.yaml:5");
    }

    #[test]
    fn a_copy_shares_nothing() {
        let map = values("a: {b: [{c: 1}]}");
        let copy = deep_copy(&map);
        let Some(Value::Map(inner)) = copy.get("a") else { panic!("a is a map") };
        inner.insert("b", true);
        assert_eq!(yaml(&map), "a:\n  b:\n  - c: 1\n");
    }
}
