//! Helm's functions that read and write YAML.

use super::{Call, Function, function};
use crate::helm::signature::Param::{Any, Str};
use crate::helm::template::GoResult;
use crate::helm::value::{List, Map, OriginId, Str as Shared, Value};
use crate::helm::yaml::{self, Content, Node, YamlLimits};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("toYaml", &[Any], |call| write(call, false)),
    function("mustToYaml", &[Any], |call| write(call, true)),
    function("toYamlPretty", &[Any], |call| {
        let value = call.take(0);
        call.check_value(&value)?;
        let text = yaml::to_yaml_pretty(&value).unwrap_or_default();
        traced(call, &value, text.trim_end_matches('\n'))
    }),
    function("fromYaml", &[Str], |call| {
        Ok(match read(call) {
            Ok(Value::Map(map)) => map.into(),
            Ok(Value::Nil) => Map::new().into(),
            Ok(other) => failed(&mismatch(&other, "map[string]interface {}")),
            Err(text) => failed(&text),
        })
    }),
    function("fromYamlArray", &[Str], |call| {
        Ok(match read(call) {
            Ok(Value::List(list)) => list.into(),
            Ok(Value::Nil) => List::any([]).into(),
            Ok(other) => List::any([mismatch(&other, "[]interface {}").into()]).into(),
            Err(text) => List::any([text.into()]).into(),
        })
    }),
];

/// Go's text where YAML holds something else than is asked for.
fn mismatch(value: &Value, want: &str) -> String {
    format!("error unmarshaling JSON: while decoding JSON: {}", super::json::mismatch(value, want))
}

fn failed(text: &str) -> Value {
    Value::map([("Error", Value::from(text))])
}

/// A value as YAML, without the newline at the end.
pub fn to_yaml(value: &Value) -> Result<String, String> {
    yaml::to_yaml(value).map_err(|error| error.to_string())
}

fn write(call: &mut Call<'_, '_>, strict: bool) -> GoResult<Value> {
    let value = call.take(0);
    call.check_value(&value)?;
    match to_yaml(&value) {
        Ok(text) => {
            // One newline only, as strings.TrimSuffix.
            traced(call, &value, text.strip_suffix('\n').unwrap_or(&text))
        }
        Err(error) if strict => Err(error.into()),
        Err(_) => Ok("".into()),
    }
}

fn read(call: &mut Call<'_, '_>) -> Result<Value, String> {
    let limits = YamlLimits::default();
    let node = yaml::parse(call.text(0), &limits)
        .map_err(|error| format!("error converting YAML to JSON: {error}"))?;
    let spans = match (&call.exec.trace, call.value(0)) {
        (Some(trace), Value::Str(text)) => trace.spans_of(text),
        _ => None,
    };
    let text = call.text(0);
    Ok(node.to_value(&mut |mark| {
        let Some(spans) = &spans else { return OriginId::default() };
        let at = (mark.offset as usize).min(text.len());
        let line_end = text[at..].find('\n').map_or(text.len(), |offset| at + offset);
        // The value stands behind its key: the last span of the line that read something knows it.
        let behind = spans.iter().filter(|span| span.start < line_end && span.end > at);
        behind.filter_map(|span| span.values.last().copied()).next_back().unwrap_or_default()
    }))
}

/// Notes for each line of a written value where it was set.
fn traced(call: &mut Call<'_, '_>, value: &Value, text: &str) -> GoResult<Value> {
    let text: Shared = text.into();
    if let Some(trace) = &mut call.exec.trace
        && let Value::Map(_) | Value::List(_) = value
        && let Ok(node) = yaml::parse(&text, &YamlLimits::default())
    {
        let lines = text.split('\n').count();
        let mut origins = vec![OriginId::default(); lines];
        let fallback = trace.last_since(0);
        mark_lines(&node, value, fallback, &mut origins);
        // What goes on over several lines stems from where it began.
        for index in 1..lines {
            if origins[index].0 == 0 {
                origins[index] = origins[index - 1];
            }
        }
        trace.keep_lines(&text, &origins);
    }
    Ok(text.into())
}

/// Walks over a value and the YAML that was written of it.
fn mark_lines(node: &Node, value: &Value, inherited: OriginId, origins: &mut [OriginId]) {
    fn mark(origins: &mut [OriginId], line: u32, origin: OriginId, inherited: OriginId) -> OriginId {
        let origin = if origin.0 == 0 { inherited } else { origin };
        if let Some(slot) = origins.get_mut((line as usize).saturating_sub(1)) {
            *slot = origin;
        }
        origin
    }
    match (&node.content, value) {
        (Content::Map(entries), Value::Map(map)) => {
            for (key, child) in entries {
                if let Some(entry) = map.entry(&key.text) {
                    let origin = mark(origins, key.mark.line, entry.origin, inherited);
                    mark_lines(child, &entry.value, origin, origins);
                }
            }
        }
        (Content::Seq(items), Value::List(list)) => {
            for (child, entry) in items.iter().zip(list.items.iter()) {
                let origin = mark(origins, child.mark.line, entry.origin, inherited);
                mark_lines(child, &entry.value, origin, origins);
            }
        }
        _ => {}
    }
}
