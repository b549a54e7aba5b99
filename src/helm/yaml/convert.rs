//! From a read document to JSON and to the values that templates see.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Number, Value as Json};

use super::{Content, Mark, Node};
use crate::helm::value::{Entry, List, ListType, Map, MapType, OriginId, Value};

impl Node {
    /// The document as JSON, as sigs.k8s.io/yaml sends it to the API server: integers stay integers, and so does a
    /// float without a fraction.
    pub fn to_json(&self) -> Json {
        match &self.content {
            Content::Null => Json::Null,
            Content::Bool(value) => Json::Bool(*value),
            Content::Int(value) => Json::from(*value),
            Content::Uint(value) => Json::from(*value),
            Content::Float(value) => json_float(*value),
            Content::Str(value) => Json::String(value.clone()),
            Content::Seq(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Content::Map(entries) => {
                Json::Object(entries.iter().map(|(key, value)| (key.text.clone(), value.to_json())).collect())
            }
        }
    }

    /// The document as templates see it: all numbers are `float64`, as after Helm's way through JSON.
    ///
    /// `origin` is called with each node's place, parents before children.
    #[expect(clippy::cast_precision_loss, reason = "Helm loses it too")]
    pub fn to_value(&self, origin: &mut dyn FnMut(Mark) -> OriginId) -> Value {
        match &self.content {
            Content::Null => Value::Nil,
            Content::Bool(value) => Value::Bool(*value),
            Content::Int(value) => Value::Float(*value as f64),
            Content::Uint(value) => Value::Float(*value as f64),
            Content::Float(value) => Value::Float(*value),
            Content::Str(value) => Value::Str(value.as_str().into()),
            Content::Seq(items) => {
                let items = items.iter().map(|item| item.to_entry(origin)).collect();
                Value::List(List::of(ListType::Any, items))
            }
            Content::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| (key.text.as_str().into(), value.to_entry(origin)))
                    .collect();
                Value::Map(Map { map_type: MapType::Any, entries: Rc::new(RefCell::new(entries)) })
            }
        }
    }

    fn to_entry(&self, origin: &mut dyn FnMut(Mark) -> OriginId) -> Entry {
        let id = origin(self.mark);
        Entry { value: self.to_value(origin), origin: id }
    }
}

/// A float as Go's JSON encoder writes it: `1e3` is `1000`, and beyond 53 bits the shortest digits count.
fn json_float(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() < 1e21 {
        let digits = format!("{value}");
        if digits != "-0"
            && let Ok(integer) = digits.parse::<i64>()
        {
            return Json::from(integer);
        }
        if let Ok(integer) = digits.parse::<u64>() {
            return Json::from(integer);
        }
    }
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}
