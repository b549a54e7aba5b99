//! The values that a chart's templates see in the end, each with the line that set it.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::helm::origin::OriginTable;
use crate::helm::schema::to_json;
use crate::helm::value::{Entry, Map, OriginId, Value};
use crate::manifest::SourceLine;

/// A value in the end.
#[derive(Clone, Debug, PartialEq)]
pub struct SettledValue {
    /// What it is.
    pub content: SettledContent,
    /// The line that set it; `None` where Helm made it up: the map of a subchart's globals.
    pub line: Option<SourceLine>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum SettledContent {
    /// A map, by its keys in order.
    Map(Vec<(Arc<str>, SettledValue)>),
    /// A list.
    List(Vec<SettledValue>),
    /// Anything else, and maps and lists that are empty.
    Leaf(Json),
}

impl SettledValue {
    /// All of a chart's values.
    pub(in crate::helm) fn of(values: &Map, table: &OriginTable) -> Self {
        let whole = Entry { value: Value::Map(values.clone()), origin: OriginId(0) };
        Self::at(&whole, table)
    }

    fn at(entry: &Entry, table: &OriginTable) -> Self {
        let content = match &entry.value {
            Value::Map(map) if !map.is_empty() => SettledContent::Map(
                map.snapshot().iter().map(|(key, entry)| (Arc::clone(key), Self::at(entry, table))).collect(),
            ),
            Value::List(list) if !list.is_empty() => {
                SettledContent::List(list.items.iter().map(|item| Self::at(item, table)).collect())
            }
            other => SettledContent::Leaf(to_json(other, 0)),
        };
        Self { content, line: table.get(entry.origin) }
    }
}
