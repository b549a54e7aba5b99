//! YAML with a comment on each line that says something: where that was written.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::paint;
use crate::helm::yaml::json_to_yaml;

/// Lines that are longer than this do not push the comments of all others to the right.
const WIDEST: usize = 60;

/// A value whose leaves may have a comment.
#[derive(Debug)]
pub enum Annotated {
    /// A map, by its keys in order.
    Map(Vec<(String, Annotated)>),
    /// A list.
    List(Vec<Annotated>),
    /// Anything else, and maps and lists that are empty.
    Leaf(Value, Option<String>),
}

/// A line without its end, and its comment.
type Line = (String, Option<String>);

impl Annotated {
    /// A value with the comments of parts of it, by where these are in memory; what has none has that of what it is in.
    pub fn of(value: &Value, comments: &HashMap<*const Value, String>) -> Self {
        Self::within(value, comments, None)
    }

    fn within(value: &Value, comments: &HashMap<*const Value, String>, outer: Option<&String>) -> Self {
        let comment = comments.get(&std::ptr::from_ref(value)).or(outer);
        match value {
            Value::Object(fields) if !fields.is_empty() => Self::Map(
                fields
                    .iter()
                    .map(|(key, field)| (key.clone(), Self::within(field, comments, comment)))
                    .collect(),
            ),
            Value::Array(items) if !items.is_empty() => {
                Self::List(items.iter().map(|item| Self::within(item, comments, comment)).collect())
            }
            leaf => Self::Leaf(leaf.clone(), comment.cloned()),
        }
    }

    /// The YAML.
    pub fn text(&self) -> String {
        let lines = self.lines();
        let widths =
            lines.iter().filter(|(_, comment)| comment.is_some()).map(|(text, _)| text.chars().count());
        let width = widths.filter(|width| *width <= WIDEST).max().unwrap_or(0);
        lines.iter().fold(String::new(), |mut text, (line, comment)| {
            // Writing to a string cannot fail.
            let _ = match comment {
                Some(comment) => writeln!(text, "{line:width$}  {}", paint::aside(format!("# {comment}"))),
                None => writeln!(text, "{line}"),
            };
            text
        })
    }

    fn lines(&self) -> Vec<Line> {
        match self {
            Self::Leaf(leaf, comment) => commented(leaf, comment.as_ref()),
            Self::List(items) => items
                .iter()
                .flat_map(|item| match item {
                    Self::Leaf(leaf, comment) => commented(&json!([leaf]), comment.as_ref()),
                    more => indented(more.lines(), "- "),
                })
                .collect(),
            Self::Map(fields) => fields
                .iter()
                .flat_map(|(key, field)| {
                    let below = match field {
                        Self::Leaf(leaf, comment) => {
                            return commented(&json!({ key: leaf }), comment.as_ref());
                        }
                        Self::List(_) => field.lines(),
                        Self::Map(_) => indented(field.lines(), "  "),
                    };
                    let alone = json_to_yaml(&json!({ key: null }));
                    let key = alone.trim_end().trim_end_matches("null").trim_end().to_owned();
                    std::iter::once((key, None)).chain(below).collect()
                })
                .collect(),
        }
    }
}

/// The lines of a value, the comment where YAML allows one: behind the head of a block, or at the end.
fn commented(value: &Value, comment: Option<&String>) -> Vec<Line> {
    let text = json_to_yaml(value);
    let mut lines: Vec<Line> =
        text.trim_end_matches('\n').split('\n').map(|line| (line.to_owned(), None)).collect();
    let last = lines.len() - 1;
    let is_block = |(line, _): &Line| {
        let head = line.rsplit(' ').next().unwrap_or_default();
        head.starts_with(['|', '>']) && last > 0
    };
    let place = if lines.first().is_some_and(is_block) { 0 } else { last };
    lines[place].1 = comment.cloned();
    lines
}

fn indented(lines: Vec<Line>, first: &str) -> Vec<Line> {
    let indent = |(number, (line, comment)): (usize, Line)| match (number, line.is_empty()) {
        (0, _) => (format!("{first}{line}"), comment),
        (_, true) => (line, comment),
        (_, false) => (format!("  {line}"), comment),
    };
    lines.into_iter().enumerate().map(indent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stand_where_yaml_allows_them() {
        let value = json!({
            "a b: c": {"list": [1, ["x", {"k": "v"}], {}], "text": "one\n\n  two\n"},
            "long": "word ".repeat(30).trim_end(),
            "plain": "no comment",
        });
        let comments = [
            ("/a b: c/list/0", "one"),
            ("/a b: c/list/1", "two"),
            ("/a b: c/text", "block"),
            ("/long", "folded"),
        ];
        let comments = comments
            .map(|(pointer, text)| (std::ptr::from_ref(value.pointer(pointer).unwrap()), text.to_owned()))
            .into();
        let text = Annotated::of(&value, &comments).text();
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            crate::helm::yaml::parse(&plain, &crate::helm::yaml::YamlLimits::default()).unwrap().to_json(),
            value
        );
        assert_eq!(
            plain,
            "\
'a b: c':
  list:
  - 1       # one
  - - x     # two
    - k: v  # two
  - {}
  text: |   # block
    one

      two
long: word word word word word word word word word word word word word word word word
  word word word word word word word word word word word word word word  # folded
plain: no comment
"
        );
    }
}
