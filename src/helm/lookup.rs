//! What templates may ask of a cluster, and who answers.

use std::fmt;

use serde_json::Value as Json;

use super::value::{List, ListType, Map, Value};

/// One question: the arguments of `lookup`. Without a name it is after all objects, without a namespace in all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LookupQuery {
    /// `v1`, `apps/v1`.
    pub api_version: String,
    /// `Secret`.
    pub kind: String,
    /// The namespace, or nothing.
    pub namespace: String,
    /// The name, or nothing.
    pub name: String,
}

impl fmt::Display for LookupQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api_version, kind, namespace, name } = self;
        write!(f, "{api_version} {kind}")?;
        match (&**namespace, &**name) {
            ("", "") => f.write_str(" (all)"),
            ("", name) => write!(f, " {name}"),
            (namespace, "") => write!(f, " of {namespace} (all)"),
            (namespace, name) => write!(f, " {namespace}/{name}"),
        }
    }
}

/// Who answers `lookup`.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// The object, or the list, as the API server has it, and an empty object for one that is not there. The error is what
    /// the template fails with.
    fn look(&self, query: &LookupQuery) -> Result<Json, String>;
}

/// An object as templates see it: numbers are `int64` or `float64`, as the API's own decoder makes them.
pub(super) fn from_cluster(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int64(whole),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => {
            Value::List(List::of(ListType::Any, items.iter().map(|item| from_cluster(item).into()).collect()))
        }
        Json::Object(fields) => {
            let map = Map::new();
            let entries = fields.iter().map(|(key, value)| (key.as_str().into(), from_cluster(value).into()));
            map.entries.borrow_mut().extend(entries);
            Value::Map(map)
        }
    }
}
