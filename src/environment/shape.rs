//! Whether a document has the shape that the types' JSON Schema says: the types stay the only description of the file.

use serde_json::Value;

use super::names::{did_you_mean, excerpt};
use super::problems::Problems;
use crate::helm::yaml::{Content, Node};

/// Compares a document with a schema that [`super::json_schema`] made, and collects all that differs.
///
/// Patterns are left to the rules, which have better words for them.
pub(super) fn check(document: &Node, schema: &Value, problems: &mut Problems) {
    visit(document, schema, "", problems);
}

fn visit(node: &Node, schema: &Value, path: &str, problems: &mut Problems) {
    let expected = schema.get("type").and_then(Value::as_str);
    if let Some(choices) = choices(schema) {
        return one_of(node, &choices, path, problems);
    }
    if let Some(kinds) = schema.get("anyOf").and_then(Value::as_array) {
        return one_kind(node, kinds, path, problems);
    }
    match (expected, &node.content) {
        (Some("object"), Content::Map(_)) => object(node, schema, path, problems),
        (Some("array"), Content::Seq(items)) => {
            let counted = |count: u64| format!("{count} item{}", if count == 1 { "" } else { "s" });
            if let Some(limit) = bound(schema, "maxItems").filter(|limit| items.len() as u64 > *limit) {
                let what = format!("{} has {} items", shown(path), items.len());
                return problems.add(node.mark, what, format!("at most {limit} are allowed"));
            }
            if let Some(limit) = bound(schema, "minItems").filter(|limit| (items.len() as u64) < *limit) {
                problems.add(
                    node.mark,
                    format!("{} is empty", shown(path)),
                    format!("give it at least {}", counted(limit)),
                );
            }
            if let Some(inner) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    visit(item, inner, &format!("{path}[{index}]"), problems);
                }
            }
        }
        (Some("string"), Content::Str(text)) => {
            let length = text.chars().count() as u64;
            if let Some(limit) = bound(schema, "maxLength").filter(|limit| length > *limit) {
                problems.add(
                    node.mark,
                    format!("{} has {length} characters", shown(path)),
                    format!("{limit} are the limit"),
                );
            }
            if bound(schema, "minLength").is_some_and(|limit| length < limit) {
                problems.add(node.mark, format!("{} is empty", shown(path)), "give it a value".to_owned());
            }
        }
        (Some("integer"), Content::Int(_) | Content::Uint(_))
        | (Some("number"), Content::Int(_) | Content::Uint(_) | Content::Float(_)) => {
            number(node, schema, path, problems);
        }
        (Some("boolean"), Content::Bool(_)) | (None, _) => {}
        (Some(expected), _) => wrong_type(node, expected, path, problems),
    }
}

fn object(node: &Node, schema: &Value, path: &str, problems: &mut Problems) {
    let Content::Map(entries) = &node.content else { return };
    let properties = schema.get("properties").and_then(Value::as_object);
    let rest = schema.get("additionalProperties");
    for (key, value) in entries {
        let inner_path =
            if path.is_empty() { key.text.clone() } else { format!("{path}.{}", excerpt(&key.text)) };
        if let Some(inner) = properties.and_then(|properties| properties.get(&key.text)) {
            visit(value, inner, &inner_path, problems);
        } else if rest == Some(&Value::Bool(false)) {
            let known: Vec<&str> =
                properties.into_iter().flat_map(|properties| properties.keys()).map(String::as_str).collect();
            let absent = known.iter().copied().filter(|name| node.get(name).is_none());
            let what = format!(
                "unknown key `{}`{}",
                excerpt(&key.text),
                if path.is_empty() { String::new() } else { format!(" in {path}") }
            );
            let remedy = did_you_mean(&key.text, absent, || format!("known are {}", known.join(", ")));
            problems.add(key.mark, what, remedy);
        } else if let Some(inner) = rest.filter(|rest| rest.is_object()) {
            visit(value, inner, &inner_path, problems);
        }
    }
    for name in
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        if node.get(name).is_none() {
            let place = if path.is_empty() { "the file".to_owned() } else { path.to_owned() };
            let meaning = properties
                .and_then(|properties| properties.get(name)?.get("description")?.as_str())
                .and_then(|text| text.split(['.', ':']).next())
                .map_or_else(String::new, |text| format!(": {}", excerpt(text).to_lowercase()));
            problems.add(node.mark, format!("{place} has no `{name}`"), format!("add it{meaning}"));
        }
    }
}

/// A text or a mapping: what is there is compared with the schema of its own kind.
fn one_kind(node: &Node, kinds: &[Value], path: &str, problems: &mut Problems) {
    let wanted = if matches!(node.content, Content::Map(_)) { "object" } else { "string" };
    match kinds.iter().find(|kind| kind.get("type").and_then(Value::as_str) == Some(wanted)) {
        Some(kind) => visit(node, kind, path, problems),
        None => wrong_type(node, "string", path, problems),
    }
}

/// The words that a schema allows, if it is a choice.
fn choices(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let choices = schema.get("oneOf")?.as_array()?;
    Some(choices.iter().filter_map(|choice| choice.get("const")?.as_str()).collect())
}

fn one_of(node: &Node, choices: &[&str], path: &str, problems: &mut Problems) {
    match &node.content {
        Content::Str(text) if choices.contains(&text.as_str()) => {}
        Content::Str(text) => {
            let all = || match choices {
                [only] => format!("write `{only}`"),
                _ => format!("write one of {}", choices.join(", ")),
            };
            let remedy = did_you_mean(text, choices.iter().copied(), all);
            problems.add(node.mark, format!("{} is `{}`", shown(path), excerpt(text)), remedy);
        }
        _ => wrong_type(node, "string", path, problems),
    }
}

fn number(node: &Node, schema: &Value, path: &str, problems: &mut Problems) {
    #[expect(clippy::cast_precision_loss, reason = "all bounds are far below 2^53")]
    let value = match node.content {
        Content::Int(value) => value as f64,
        Content::Uint(value) => value as f64,
        Content::Float(value) => value,
        _ => return,
    };
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    let (low, high) = (limit("minimum"), limit("maximum"));
    let inside = low.is_none_or(|low| value >= low) && high.is_none_or(|high| value <= high);
    if !inside {
        let remedy = match (low, high) {
            (Some(low), Some(high)) => format!("write a number from {low} to {high}"),
            (Some(low), None) => format!("write {low} or more"),
            (_, Some(high)) => format!("write {high} or less"),
            (None, None) => return,
        };
        problems.add(node.mark, format!("{} is {value}", shown(path)), remedy);
    }
}

fn wrong_type(node: &Node, expected: &str, path: &str, problems: &mut Problems) {
    let found = match &node.content {
        Content::Null => "empty",
        Content::Bool(_) => "true or false",
        Content::Float(_) if expected == "integer" => "a number with a fraction",
        Content::Int(_) | Content::Uint(_) | Content::Float(_) => "a number",
        Content::Str(_) => "text",
        Content::Seq(_) => "a list",
        Content::Map(_) => "a mapping",
    };
    let wanted = match expected {
        "object" => "a mapping (`key: value`)",
        "array" => "a list (`- item`)",
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        other => other,
    };
    let remedy = match (&node.content, expected) {
        (Content::Null, _) => format!("write {wanted}, or leave the key out"),
        (Content::Bool(_) | Content::Int(_) | Content::Uint(_) | Content::Float(_), "string") => {
            "put it in quotes".to_owned()
        }
        (Content::Str(text), "array") => format!("write `[{}]`", excerpt(text)),
        (Content::Str(_), "integer" | "number" | "boolean") => format!("write {wanted}, without quotes"),
        _ => format!("write {wanted}"),
    };
    problems.add(node.mark, format!("{} is {found}", shown(path)), remedy);
}

fn bound(schema: &Value, name: &str) -> Option<u64> {
    schema.get(name).and_then(Value::as_u64)
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "the file" } else { path }
}
