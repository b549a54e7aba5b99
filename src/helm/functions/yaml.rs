//! Helm's functions that read and write YAML.

use super::{Call, Function, function};
use crate::helm::signature::Param::{Any, Str};
use crate::helm::template::GoResult;
use crate::helm::value::{List, Map, OriginId, Str as Shared, Value};
use crate::helm::yaml::{self, Marked, YamlError, YamlLimits};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("toYaml", &[Any], |call| write(call, false)),
    function("mustToYaml", &[Any], |call| write(call, true)),
    function("toYamlPretty", &[Any], |call| {
        let value = call.take(0);
        call.check_value(&value)?;
        let text = written(call, &value, yaml::to_yaml_pretty, yaml::to_yaml_pretty_marked);
        let (text, marks) = text.unwrap_or_default();
        Ok(traced(call, text.trim_end_matches('\n'), &marks))
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
    match written(call, &value, yaml::to_yaml, yaml::to_yaml_marked) {
        // One newline only, as strings.TrimSuffix.
        Ok((text, marks)) => Ok(traced(call, text.strip_suffix('\n').unwrap_or(&text), &marks)),
        Err(error) if strict => Err(error.to_string().into()),
        Err(_) => Ok("".into()),
    }
}

/// Writes a value; of collections with the origin of each line, if origins are kept.
fn written(
    call: &Call<'_, '_>,
    value: &Value,
    write: impl FnOnce(&Value) -> Result<String, YamlError>,
    write_marked: impl FnOnce(&Value, OriginId) -> Result<Marked, YamlError>,
) -> Result<Marked, YamlError> {
    match (&call.exec.trace, value) {
        (Some(trace), Value::Map(_) | Value::List(_)) => write_marked(value, trace.last_read()),
        _ => Ok((write(value)?, Vec::new())),
    }
}

fn read(call: &mut Call<'_, '_>) -> Result<Value, String> {
    let limits = YamlLimits::default();
    let node = yaml::parse(call.text(0), &limits)
        .map_err(|error| format!("error converting YAML to JSON: {error}"))?;
    let known = match (&call.exec.trace, call.value(0)) {
        (Some(trace), Value::Str(text)) => trace.origins_of(text),
        _ => None,
    };
    let Some(known) = known else { return Ok(node.to_value(&mut |_| OriginId::default())) };
    let text = call.text(0);
    Ok(node.to_value(&mut |mark| {
        let at = (mark.offset as usize).min(text.len());
        let line_end = text[at..].find('\n').map_or(text.len(), |offset| at + offset);
        // The value stands behind its key: the last part of the line that read something knows it.
        let before = known.partition_point(|(start, _, _)| *start < line_end);
        let last = known[..before].last().filter(|(_, end, _)| *end > at);
        last.map(|(_, _, origin)| *origin).unwrap_or_default()
    }))
}

/// A written value, with where its lines stem from.
fn traced(call: &mut Call<'_, '_>, text: &str, marks: &[(usize, OriginId)]) -> Value {
    let text: Shared = text.into();
    if let Some(trace) = call.exec.trace.as_deref_mut().filter(|_| !marks.is_empty()) {
        trace.keep_parts(&text, marks);
    }
    text.into()
}
