//! A question about YAML and our answer to it, in the form of `tests/golden/yaml-oracle`.

use mooring::helm::value::{List, Value};
use mooring::helm::yaml::{self, Content, Key, Node, YamlError, YamlLimits};
use serde_json::{Value as Json, json};

/// One question to both.
#[derive(Clone, Debug, PartialEq)]
pub enum Case {
    Read(String),
    Write(Json),
}

impl Case {
    pub fn request(&self) -> Json {
        match self {
            Case::Read(text) => json!({ "read": text }),
            Case::Write(value) => json!({ "write": value }),
        }
    }

    /// What we say, in the oracle's form.
    pub fn ours(&self) -> Json {
        let mut answer = serde_json::Map::new();
        match self {
            Case::Read(text) => {
                let whole = yaml::parse(text, &YamlLimits::default());
                if !is_read_in_part(text, &whole) {
                    answer.insert("another in part".into(), true.into());
                }
                match whole {
                    Ok(node) => {
                        let json = node.to_json();
                        if !json.is_null() {
                            answer.insert("json".into(), json);
                        }
                    }
                    Err(error) => {
                        answer.insert("error".into(), error.to_string().into());
                    }
                }
            }
            Case::Write(value) => {
                let value = floats(value);
                match yaml::to_yaml(&value) {
                    Ok(text) => answer.insert("yaml".into(), text.into()),
                    Err(error) => answer.insert("error".into(), error.to_string().into()),
                };
                if let Ok(text) = yaml::to_yaml_pretty(&value) {
                    answer.insert("pretty".into(), text.into());
                }
            }
        }
        Json::Object(answer)
    }
}

/// Whether somebody who wants only some entries of the text gets these as they are, and the same error.
fn is_read_in_part(text: &str, whole: &Result<Node, YamlError>) -> bool {
    let wanted = |key: &str| key.len().is_multiple_of(2);
    match (whole, yaml::parse_entries(text, &YamlLimits::default(), wanted)) {
        (Err(whole), Err(part)) => whole.to_string() == part.to_string(),
        (Ok(Node { content: Content::Map(whole), .. }), Ok(Node { content: Content::Map(part), .. })) => {
            let texts = |entries: &[(Key, Node)]| -> Vec<(String, Json)> {
                let entries = entries.iter().filter(|(key, _)| wanted(&key.text));
                entries.map(|(key, value)| (key.text.clone(), value.to_json())).collect()
            };
            texts(whole) == texts(&part)
        }
        (Ok(whole), Ok(part)) => whole.to_json() == part.to_json(),
        _ => false,
    }
}

/// JSON as templates see it.
fn floats(value: &Json) -> Value {
    match value {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number.as_f64().map_or(Value::Nil, Value::Float),
        Json::String(text) => Value::Str(text.as_str().into()),
        Json::Array(items) => Value::List(List::any(items.iter().map(floats))),
        Json::Object(map) => Value::map(map.iter().map(|(key, value)| (key.as_str(), floats(value)))),
    }
}

/// Whether both say the same. `toYaml` swallows its errors, so for them it is enough that both have one.
pub fn same(case: &Case, theirs: &Json, ours: &Json) -> bool {
    if matches!(case, Case::Write(_)) && theirs.get("error").is_some() && ours.get("error").is_some() {
        return theirs.get("pretty") == ours.get("pretty");
    }
    close(theirs, ours)
}

/// Equality, but for the last bit of a float: that is what `serde_json` may lose when it reads the recorded answer.
fn close(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => match (x == y, x.as_f64(), y.as_f64()) {
            (true, ..) => true,
            (false, Some(x), Some(y)) => x != 0.0 && (x / y - 1.0).abs() <= 2.0 * f64::EPSILON,
            _ => false,
        },
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| close(x, y)),
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| close(x, y)))
        }
        _ => a == b,
    }
}
