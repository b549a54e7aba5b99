//! `toYaml` and `toYamlPretty`.

use std::borrow::Cow;
use std::convert::Infallible;

use base64::Engine;
use serde_json::Value as Json;

use super::emit::{Dialect, Emitter, natural_sort};
use super::number::{format_float, parse_int, parse_uint};
use super::{Mark, YamlError};
use crate::helm::go::text::{has_raw, readable};
use crate::helm::value::{Entry, List, ListType, Map, OriginId, Value};

/// Collections inside each other that are written; a map that holds itself ends here.
const DEPTH: usize = 1000;

/// The bytes of sigs.k8s.io/yaml's `Marshal`, the final newline included: `toYaml` before it trims.
///
/// The error's text is what `mustToYaml` reports: infinite numbers, control characters and keys over 1024 characters do
/// not survive the way through JSON.
pub fn to_yaml(value: &Value) -> Result<String, YamlError> {
    let mut emitter = Emitter::new(Dialect::V2);
    write_value(&mut emitter, value, DEPTH)?;
    Ok(emitter.finish())
}

/// A text, and from which offsets on it has which origin.
pub type Marked = (String, Vec<(usize, OriginId)>);

/// The same with the origin of each line; what has none has `origin`.
pub fn to_yaml_marked(value: &Value, origin: OriginId) -> Result<Marked, YamlError> {
    let mut emitter = Emitter::new(Dialect::V2).with_marks(origin);
    write_value(&mut emitter, value, DEPTH)?;
    Ok(emitter.finish_with_marks())
}

/// [`to_yaml_pretty`] with the origin of each line; what has none has `origin`.
pub fn to_yaml_pretty_marked(value: &Value, origin: OriginId) -> Result<Marked, YamlError> {
    let mut emitter = Emitter::new(Dialect::V3).with_marks(origin);
    write_pretty(&mut emitter, value, DEPTH)?;
    Ok(emitter.finish_with_marks())
}

/// The bytes of yaml.v3's encoder with an indent of 2, the final newline included: `toYamlPretty` before it trims.
pub fn to_yaml_pretty(value: &Value) -> Result<String, YamlError> {
    let mut emitter = Emitter::new(Dialect::V3);
    write_pretty(&mut emitter, value, DEPTH)?;
    Ok(emitter.finish())
}

/// JSON in the form that `toYaml` gives it. Control characters are escaped instead of refused.
pub fn json_to_yaml(value: &Json) -> String {
    let mut emitter = Emitter::new(Dialect::V2);
    let Ok(()) = write_json(&mut emitter, value);
    emitter.finish()
}

fn write_value(emitter: &mut Emitter, value: &Value, depth: usize) -> Result<(), YamlError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(too_deep());
    };
    match value {
        Value::Nil | Value::NoValue | Value::List(List { nil: true, .. }) => emitter.word("null"),
        Value::Bool(true) => emitter.word("true"),
        Value::Bool(false) => emitter.word("false"),
        Value::Int(value) | Value::Int64(value) => emitter.word(&value.to_string()),
        Value::Uint(value) => emitter.word(&value.to_string()),
        Value::Byte(value) => emitter.word(&value.to_string()),
        Value::Float(value) => emitter.word(&json_number(*value)?),
        Value::Str(text) => emitter.text(&through_json(text)?),
        Value::List(List { list_type: ListType::Byte, items, .. }) => {
            let bytes: Vec<u8> = items.iter().filter_map(|item| byte(&item.value)).collect();
            emitter.text(&base64::engine::general_purpose::STANDARD.encode(bytes));
        }
        Value::List(list) => {
            return emitter.sequence(list.items.iter(), |emitter, item| {
                emitter.entry(item.origin, |emitter| write_value(emitter, &item.value, depth))
            });
        }
        Value::Map(map) => {
            return with_entries(map, Dialect::V2, |entries| {
                for (key, _) in entries {
                    check_key(key)?;
                }
                emitter.mapping(entries.iter().copied(), |emitter, entry| {
                    emitter.entry(entry.origin, |emitter| write_value(emitter, &entry.value, depth))
                })
            });
        }
        Value::Object(object) => return write_value(emitter, &object.json(), depth),
    }
    Ok(())
}

fn write_pretty(emitter: &mut Emitter, value: &Value, depth: usize) -> Result<(), YamlError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(too_deep());
    };
    match value {
        Value::Nil | Value::NoValue => emitter.word("null"),
        Value::Bool(true) => emitter.word("true"),
        Value::Bool(false) => emitter.word("false"),
        Value::Int(value) | Value::Int64(value) => emitter.word(&value.to_string()),
        Value::Uint(value) => emitter.word(&value.to_string()),
        Value::Byte(value) => emitter.word(&value.to_string()),
        Value::Float(value) => emitter.word(&format_float(*value)),
        Value::Str(text) => emitter.text(text),
        Value::List(list) => {
            return emitter.sequence(list.items.iter(), |emitter, item| {
                emitter.entry(item.origin, |emitter| write_pretty(emitter, &item.value, depth))
            });
        }
        Value::Map(map) => {
            return with_entries(map, Dialect::V3, |entries| {
                emitter.mapping(entries.iter().copied(), |emitter, entry| {
                    emitter.entry(entry.origin, |emitter| write_pretty(emitter, &entry.value, depth))
                })
            });
        }
        Value::Object(object) => {
            // A struct's fields have names in lower case here, and no other order than Go's.
            if let Some(members) = object.members() {
                let members: Vec<(String, Entry)> = members
                    .into_iter()
                    .filter(|(name, _)| name.starts_with(char::is_uppercase))
                    .map(|(name, value)| (name.to_lowercase(), value.into()))
                    .collect();
                return emitter.mapping(
                    members.iter().map(|(name, entry)| (name.as_str(), entry)),
                    |emitter, entry| write_pretty(emitter, &entry.value, depth),
                );
            }
            // Nothing of go-yaml v3 goes through JSON, which has a null for a map that Go has not made.
            let content = object.content().unwrap_or_else(|| object.json());
            return write_pretty(emitter, &content, depth);
        }
    }
    Ok(())
}

fn write_json(emitter: &mut Emitter, value: &Json) -> Result<(), Infallible> {
    match value {
        Json::Null => emitter.word("null"),
        Json::Bool(true) => emitter.word("true"),
        Json::Bool(false) => emitter.word("false"),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), ..) => emitter.word(&value.to_string()),
            (_, Some(value), _) => emitter.word(&value.to_string()),
            // JSON has no infinite numbers.
            (_, _, value) => {
                emitter.word(&value.and_then(|value| json_number(value).ok()).unwrap_or_default());
            }
        },
        Json::String(text) => emitter.text(text),
        Json::Array(items) => return emitter.sequence(items.iter(), write_json),
        Json::Object(map) => {
            let mut entries: Vec<(&str, &Json)> =
                map.iter().map(|(key, value)| (key.as_str(), value)).collect();
            natural_sort(&mut entries, Dialect::V2);
            return emitter.mapping(entries.into_iter(), write_json);
        }
    }
    Ok(())
}

fn with_entries<T>(map: &Map, dialect: Dialect, write: impl FnOnce(&[(&str, &Entry)]) -> T) -> T {
    let entries = map.entries.borrow();
    let mut sorted: Vec<(&str, &Entry)> = entries.iter().map(|(key, entry)| (&**key, entry)).collect();
    natural_sort(&mut sorted, dialect);
    write(&sorted)
}

fn byte(value: &Value) -> Option<u8> {
    match value {
        Value::Byte(value) => Some(*value),
        Value::Int(value) | Value::Int64(value) => u8::try_from(*value).ok(),
        _ => None,
    }
}

fn too_deep() -> YamlError {
    YamlError::new(
        format!(
            "error marshaling into JSON: json: unsupported value: more than {DEPTH} collections inside each other"
        ),
        Mark::default(),
    )
}

/// A float as JSON's text and then go-yaml turn it: integers without an exponent as far as 64 bits reach.
fn json_number(value: f64) -> Result<String, YamlError> {
    if !value.is_finite() {
        let word = if value.is_nan() { "NaN" } else { ["-Inf", "+Inf"][usize::from(value > 0.0)] };
        return Err(YamlError::new(
            format!("error marshaling into JSON: json: unsupported value: {word}"),
            Mark::default(),
        ));
    }
    if value.fract() == 0.0 && value.abs() < 1e21 {
        // Go and Rust both print the shortest digits, then zeros.
        let digits = format!("{value}");
        if let Some(integer) = parse_int(&digits) {
            return Ok(integer.to_string());
        }
        if let Some(integer) = parse_uint(&digits) {
            return Ok(integer.to_string());
        }
    }
    Ok(format_float(value))
}

/// What becomes of a text on its way through JSON, which go-yaml reads back as a double-quoted YAML text: control
/// characters that JSON does not escape are refused, and U+0085 is a line break to fold.
fn through_json(text: &str) -> Result<Cow<'_, str>, YamlError> {
    if text.bytes().all(|byte| byte < 0x7f) {
        return Ok(Cow::Borrowed(text));
    }
    if has_raw(text) {
        return through_json(&readable(text)).map(|text| Cow::Owned(text.into_owned()));
    }
    if text.chars().any(|c| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'))
    {
        return Err(YamlError::decode("control characters are not allowed", Mark::default()));
    }
    if text.contains('\u{85}') { fold_breaks(text).map(Cow::Owned) } else { Ok(Cow::Borrowed(text)) }
}

fn fold_breaks(text: &str) -> Result<String, YamlError> {
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find([' ', '\u{85}']) {
        folded.push_str(&rest[..at]);
        let end = rest[at..].find(|c| c != ' ' && c != '\u{85}').map_or(rest.len(), |length| at + length);
        let run = &rest[at..end];
        rest = &rest[end..];
        match run.matches('\u{85}').count() {
            0 => folded.push_str(run),
            1 => folded.push(' '),
            breaks => folded.extend(std::iter::repeat_n('\n', breaks - 1)),
        }
        let marker = rest.strip_prefix("---").or_else(|| rest.strip_prefix("..."));
        if run.ends_with('\u{85}') && marker.is_some_and(|after| after.starts_with([' ', '\u{85}'])) {
            return Err(YamlError::decode("found unexpected document indicator", Mark::default()));
        }
    }
    folded.push_str(rest);
    Ok(folded)
}

/// go-yaml reads no key that is longer than 1024 characters as JSON writes it, or that has a line break.
fn check_key(key: &str) -> Result<(), YamlError> {
    const LONGEST: usize = 1024;
    const LONGEST_ESCAPE: usize = 6;
    through_json(key)?;
    let written = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..'\u{20}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => LONGEST_ESCAPE,
        _ => 1,
    };
    let too_long =
        key.len() * LONGEST_ESCAPE > LONGEST && key.chars().map(written).sum::<usize>() + 2 > LONGEST;
    if too_long || key.contains('\u{85}') {
        return Err(YamlError::decode("did not find expected ',' or '}'", Mark::default()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helm::yaml::{YamlLimits, parse};

    fn value(text: &str) -> Value {
        parse(text, &YamlLimits::default()).unwrap().to_value(&mut |_| OriginId::default())
    }

    #[test]
    fn values_are_written_as_helm_does() {
        let value = value("{b: [1000000, yes, 'yes', {c: ~}], a: \"x\\ny\\n\", e: {}, f: []}");
        let expected = "a: |\n  x\n  y\nb:\n- 1000000\n- true\n- \"yes\"\n- c: null\ne: {}\nf: []\n";
        assert_eq!(to_yaml(&value).unwrap(), expected);
        let pretty = "a: |\n  x\n  y\nb:\n  - 1e+06\n  - true\n  - \"yes\"\n  - c: null\ne: {}\nf: []\n";
        assert_eq!(to_yaml_pretty(&value).unwrap(), pretty);
    }

    #[test]
    fn each_line_knows_where_its_value_was_set() {
        let read =
            parse("a: {list: [2, {c: 3}], x: 1}\nb: |\n  two\n  lines\n", &YamlLimits::default()).unwrap();
        let mut next = 0;
        let value = read.to_value(&mut |_| {
            next += 1;
            OriginId(next)
        });
        let (text, marks) = to_yaml_marked(&value, OriginId(99)).unwrap();
        assert_eq!(text, to_yaml(&value).unwrap());
        let starts: Vec<&str> =
            marks.iter().map(|(start, _)| text[*start..].lines().next().unwrap()).collect();
        assert_eq!(starts, ["a:", "  list:", "  - 2", "  - c: 3", "  x: 1", "b: |"]);
        let origins: std::collections::BTreeSet<u32> = marks.iter().map(|(_, origin)| origin.0).collect();
        assert_eq!(origins.len(), marks.len());
        assert!(!origins.contains(&99));
    }

    #[test]
    fn a_map_that_holds_itself_is_refused() {
        let map = Map::new();
        map.insert("self", map.clone());
        assert!(
            to_yaml(&Value::Map(map.clone())).unwrap_err().message.contains("more than 1000 collections")
        );
        map.remove("self");
    }

    #[test]
    fn what_json_cannot_carry_is_refused_by_to_yaml_and_escaped_elsewhere() {
        let value = Value::str("a\u{7f}b");
        assert_eq!(to_yaml(&value).unwrap_err().message, "yaml: control characters are not allowed");
        assert_eq!(json_to_yaml(&serde_json::json!("a\u{7f}b")), "\"a\\x7Fb\"\n");
        let error = to_yaml(&Value::Float(f64::NAN)).unwrap_err().message;
        assert_eq!(error, "error marshaling into JSON: json: unsupported value: NaN");
    }

    #[test]
    fn json_keeps_its_integers() {
        let json =
            serde_json::json!({"big": 9_007_199_254_740_993_u64, "max": u64::MAX, "half": 0.5, "exp": 1e21});
        let text = "big: 9007199254740993\nexp: 1e+21\nhalf: 0.5\nmax: 18446744073709551615\n";
        assert_eq!(json_to_yaml(&json), text);
    }
}
