//! YAML into the fields of Helm's own types, with the words of Go's JSON decoder for what does not fit.
//!
//! Helm reads `Chart.yaml` and the heads of manifests with sigs.k8s.io/yaml: numbers and booleans become text where text is
//! wanted, names of fields match in any case, fields are visited in byte order, and the first mistake is the one reported.

use std::collections::BTreeMap;

use super::yaml::{Content, Node, YamlError, YamlLimits, format_float, parse, parse_entries};

/// Where a value is, as Go's error texts name it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The struct that holds the field; empty for an anonymous one.
    holder: &'static str,
    /// The names of the fields from the root, joined by dots; empty for the root.
    path: String,
}

impl Place {
    /// The document itself.
    pub(super) fn root() -> Self {
        Self { holder: "", path: String::new() }
    }

    /// A field of a struct that stands here.
    pub(super) fn field(&self, holder: &'static str, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { holder, path }
    }
}

/// Reads values into Rust's types and remembers the first that does not fit.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    mistake: Option<String>,
}

/// Reads the first document of a text with `read`. The error's text is sigs.k8s.io/yaml's.
pub(super) fn decode<T>(
    text: &str,
    limits: &YamlLimits,
    read: impl FnOnce(&mut Decoder, &Node) -> T,
) -> Result<(T, Node), String> {
    decode_node(parse(text, limits), read)
}

/// The same where only the fields of these names, in lower case, are read.
pub(super) fn decode_fields<T>(
    text: &str,
    limits: &YamlLimits,
    wanted: fn(&str) -> bool,
    read: impl FnOnce(&mut Decoder, &Node) -> T,
) -> Result<T, String> {
    decode_node(parse_entries(text, limits, wanted), read).map(|(value, _)| value)
}

fn decode_node<T>(
    node: Result<Node, YamlError>,
    read: impl FnOnce(&mut Decoder, &Node) -> T,
) -> Result<(T, Node), String> {
    let node = node.map_err(|error| conversion(&error))?;
    let mut decoder = Decoder::default();
    let value = read(&mut decoder, &node);
    decoder.finish()?;
    Ok((value, node))
}

/// What sigs.k8s.io/yaml says about a text that is not YAML.
pub(super) fn conversion(error: &YamlError) -> String {
    format!("error converting YAML to JSON: {error}")
}

/// The Go JSON decoder's name for a node's kind.
fn kind_of(node: &Node) -> &'static str {
    match node.content {
        Content::Null => "null",
        Content::Bool(_) => "bool",
        Content::Int(_) | Content::Uint(_) | Content::Float(_) => "number",
        Content::Str(_) => "string",
        Content::Seq(_) => "array",
        Content::Map(_) => "object",
    }
}

impl Decoder {
    /// The first mistake, if there was one.
    pub(super) fn finish(self) -> Result<(), String> {
        match self.mistake {
            None => Ok(()),
            Some(mistake) => Err(format!("error unmarshaling JSON: while decoding JSON: json: {mistake}")),
        }
    }

    fn mismatch(&mut self, node: &Node, place: &Place, wanted: &str) {
        self.mistake.get_or_insert_with(|| {
            let found = kind_of(node);
            if place.path.is_empty() {
                format!("cannot unmarshal {found} into Go value of type {wanted}")
            } else {
                format!(
                    "cannot unmarshal {found} into Go struct field {}.{} of type {wanted}",
                    place.holder, place.path
                )
            }
        });
    }

    /// Visits the fields of an object in byte order, with their names in lower case.
    pub(super) fn object(
        &mut self,
        node: &Node,
        place: &Place,
        wanted: &str,
        mut visit: impl FnMut(&mut Self, &str, &Node),
    ) {
        match &node.content {
            Content::Map(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by(|left, right| left.0.text.cmp(&right.0.text));
                for (key, value) in entries {
                    visit(self, &key.text.to_lowercase(), value);
                }
            }
            Content::Null => {}
            _ => self.mismatch(node, place, wanted),
        }
    }

    /// A text into `target`, which a null leaves as it is.
    pub(super) fn text(&mut self, node: &Node, place: &Place, target: &mut String) {
        match scalar(node) {
            Some(text) => *target = text,
            None if matches!(node.content, Content::Null) => {}
            None => self.mismatch(node, place, "string"),
        }
    }

    /// A boolean.
    pub(super) fn flag(&mut self, node: &Node, place: &Place, target: &mut bool) {
        match node.content {
            Content::Bool(value) => *target = value,
            Content::Null => {}
            _ => self.mismatch(node, place, "bool"),
        }
    }

    /// A list, each element read by `read`; `None` for null.
    pub(super) fn list<T>(
        &mut self,
        node: &Node,
        place: &Place,
        wanted: &str,
        mut read: impl FnMut(&mut Self, &Node) -> T,
    ) -> Option<Vec<T>> {
        match &node.content {
            Content::Seq(items) => Some(items.iter().map(|item| read(self, item)).collect()),
            Content::Null => None,
            _ => {
                self.mismatch(node, place, wanted);
                None
            }
        }
    }

    /// A `[]string`.
    pub(super) fn texts(&mut self, node: &Node, place: &Place) -> Vec<String> {
        let read = |decoder: &mut Self, item: &Node| {
            let mut text = String::new();
            decoder.text(item, place, &mut text);
            text
        };
        self.list(node, place, "[]string", read).unwrap_or_default()
    }

    /// A `map[string]string`; `None` for null.
    pub(super) fn text_map(&mut self, node: &Node, place: &Place) -> Option<BTreeMap<String, String>> {
        let Content::Map(entries) = &node.content else {
            if !matches!(node.content, Content::Null) {
                self.mismatch(node, place, "map[string]string");
            }
            return None;
        };
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let mut text = String::new();
            self.text(value, place, &mut text);
            map.insert(key.text.clone(), text);
        }
        Some(map)
    }
}

/// A scalar as text, where text is wanted; `None` for null and collections.
fn scalar(node: &Node) -> Option<String> {
    match &node.content {
        Content::Str(text) => Some(text.clone()),
        Content::Bool(value) => Some(value.to_string()),
        Content::Int(value) => Some(value.to_string()),
        Content::Uint(value) => Some(value.to_string()),
        Content::Float(value) => Some(format_float(*value)),
        Content::Null | Content::Seq(_) | Content::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<String, String> {
        decode(text, &YamlLimits::default(), |decoder, node| {
            let mut kind = String::new();
            let root = Place::root();
            decoder.object(node, &root, "util.SimpleHead", |decoder, name, value| {
                if name == "kind" {
                    decoder.text(value, &root.field("SimpleHead", "kind"), &mut kind);
                }
            });
            kind
        })
        .map(|(kind, _)| kind)
    }

    #[test]
    fn numbers_and_booleans_become_text_where_text_is_wanted() {
        assert_eq!(head("kind: 12").as_deref(), Ok("12"));
        assert_eq!(head("kind: 1.50").as_deref(), Ok("1.5"));
        assert_eq!(head("kind: 1e6").as_deref(), Ok("1e+06"));
        assert_eq!(head("kind: yes").as_deref(), Ok("true"));
        assert_eq!(head("kind: null").as_deref(), Ok(""));
    }

    #[test]
    fn names_of_fields_match_in_any_case() {
        assert_eq!(head("KIND: a").as_deref(), Ok("a"));
    }

    #[test]
    fn what_does_not_fit_is_said_in_gos_words() {
        assert_eq!(
            head("[a]").unwrap_err(),
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type util.SimpleHead"
        );
        assert_eq!(
            head("kind: {a: b}").unwrap_err(),
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal object into Go struct field \
             SimpleHead.kind of type string"
        );
        assert!(
            head("a: b\n c: d").unwrap_err().starts_with("error converting YAML to JSON: yaml: line 2: ")
        );
    }
}
