//! sprig's functions on dicts.

use super::{Call, Function, function, variadic};
use crate::helm::go::{convert, quote};
use crate::helm::signature::Param::{Any, Map as Dict, Str};
use crate::helm::template::{GoError, GoResult};
use crate::helm::value::{Entry, List, ListType, Map, MapType, OriginId, Value};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    variadic("dict", &[], Any, dict),
    function("get", &[Dict, Str], |call| {
        let Some(entry) = call.map(0).and_then(|map| map.entry(call.text(1))) else { return Ok("".into()) };
        note(call, entry.origin);
        Ok(entry.value)
    }),
    function("set", &[Dict, Str, Any], |call| {
        let Some(map) = call.map(0) else { return Err("assignment to entry in nil map".into()) };
        let entry = std::mem::take(&mut call.args[2]);
        map.insert_at(call.str(1), entry.value, entry.origin);
        Ok(map.as_type(MapType::Any).into())
    }),
    function("unset", &[Dict, Str], |call| {
        let Some(map) = call.map(0) else { return Ok(Map::new().into()) };
        drop(map.remove(call.text(1)));
        Ok(map.as_type(MapType::Any).into())
    }),
    function("hasKey", &[Dict, Str], |call| {
        Ok(call.map(0).is_some_and(|map| map.contains(call.text(1))).into())
    }),
    variadic("pluck", &[Str], Dict, |call| {
        let dicts = call.rest(1).iter().filter_map(|entry| entry.value.as_map());
        Ok(List::of(ListType::Any, dicts.filter_map(|map| map.entry(call.text(0))).collect()).into())
    }),
    variadic("keys", &[], Dict, |call| {
        let mut keys: Vec<Entry> = Vec::new();
        for map in call.args.iter().filter_map(|entry| entry.value.as_map()) {
            keys.extend(
                map.entries
                    .borrow()
                    .iter()
                    .map(|(key, entry)| Entry { value: key.clone().into(), origin: entry.origin }),
            );
        }
        call.check_list(keys.len())?;
        Ok(List::of(ListType::String, keys).into())
    }),
    function("values", &[Dict], |call| {
        let map = call.map(0).unwrap_or_default();
        call.check_list(map.len())?;
        let values = map.entries.borrow().values().cloned().collect();
        Ok(List::of(ListType::Any, values).into())
    }),
    variadic("pick", &[Dict], Str, |call| {
        let (map, picked) = (call.map(0).unwrap_or_default(), Map::new());
        for key in call.rest(1).iter().filter_map(|entry| entry.value.as_str()) {
            if let Some(entry) = map.entry(key) {
                picked.insert_at(key, entry.value, entry.origin);
            }
        }
        Ok(picked.into())
    }),
    variadic("omit", &[Dict], Str, |call| {
        let (map, left) = (call.map(0).unwrap_or_default(), Map::new());
        call.check_list(map.len())?;
        for (key, entry) in map.snapshot() {
            if !call.rest(1).iter().any(|omitted| omitted.value.as_str() == Some(&key)) {
                left.insert_at(key, entry.value, entry.origin);
            }
        }
        Ok(left.into())
    }),
    variadic("merge", &[Dict], Dict, |call| merge(call, false)),
    variadic("mustMerge", &[Dict], Dict, |call| merge(call, false)),
    variadic("mergeOverwrite", &[Dict], Dict, |call| merge(call, true)),
    variadic("mustMergeOverwrite", &[Dict], Dict, |call| merge(call, true)),
    function("deepCopy", &[Any], copy),
    function("mustDeepCopy", &[Any], copy),
    variadic("dig", &[], Any, dig),
];

fn note(call: &mut Call<'_, '_>, origin: OriginId) {
    if let Some(trace) = &mut call.exec.trace {
        trace.read(origin);
    }
}

fn dict(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let map = Map::new();
    for pair in call.args.chunks(2) {
        let key = convert::to_text(&pair[0].value, &call.limits())?;
        match pair.get(1) {
            Some(entry) => map.insert_at(key, entry.value.clone(), entry.origin),
            None => map.insert(key, ""),
        }
    }
    Ok(map.into())
}

fn merge(call: &mut Call<'_, '_>, overwrite: bool) -> GoResult<Value> {
    let into = call.map(0).unwrap_or_default();
    for index in 1..call.args.len() {
        if let Some(from) = call.map(index) {
            let depth = call.limits().value_depth;
            merge_into(&into, &from, overwrite, depth, call)?;
        }
    }
    Ok(into.as_type(MapType::Any).into())
}

/// mergo's rule: what is missing or empty is taken over; with `overwrite` all that is set; maps are merged. The maps
/// of the source become part of the destination, as they are.
fn merge_into(
    into: &Map,
    from: &Map,
    overwrite: bool,
    depth: usize,
    call: &mut Call<'_, '_>,
) -> GoResult<()> {
    if into.is(from) {
        return Ok(());
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(
            format!("a value is nested deeper than the limit of {}", call.limits().value_depth).into()
        );
    };
    call.check_list(from.len())?;
    for (key, entry) in from.snapshot() {
        let old = into.get(&key);
        if entry.value.is_nil() {
            if overwrite {
                into.insert_at(key, Value::Nil, entry.origin);
            }
            continue;
        }
        if let (Some(Value::Map(old)), Value::Map(new)) = (&old, &entry.value) {
            merge_into(old, new, overwrite, depth, call)?;
            if !old.is_empty() {
                continue;
            }
        }
        if overwrite || old.as_ref().is_none_or(is_empty) {
            into.insert_at(key, entry.value, entry.origin);
        }
    }
    Ok(())
}

/// What mergo takes for empty.
fn is_empty(value: &Value) -> bool {
    !matches!(value, Value::Object(_)) && !value.truth()
}

fn copy(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let value = call.take(0);
    if value.is_nil() {
        return Err("reflect: call of reflect.Value.Type on zero Value".into());
    }
    call.check_value(&value)?;
    Ok(deep_copy(&value))
}

/// A copy that shares no map with the original. The depth is bounded by who calls.
pub fn deep_copy(value: &Value) -> Value {
    let copied = |entry: &Entry| Entry { value: deep_copy(&entry.value), origin: entry.origin };
    match value {
        Value::Map(map) => {
            let copy = Map::of(map.map_type);
            for (key, entry) in map.snapshot() {
                let entry = copied(&entry);
                copy.insert_at(key, entry.value, entry.origin);
            }
            copy.into()
        }
        Value::List(list) if list.nil => value.clone(),
        Value::List(list) => List::of(list.list_type, list.items.iter().map(copied).collect()).into(),
        value => value.clone(),
    }
}

fn conversion(value: &Value, want: &str) -> Box<GoError> {
    GoError::new(match value {
        Value::Nil | Value::NoValue => format!("interface conversion: interface {{}} is nil, not {want}"),
        value => format!("interface conversion: interface {{}} is {}, not {want}", value.type_name()),
    })
}

fn dig(call: &mut Call<'_, '_>) -> GoResult<Value> {
    const DICT: &str = "map[string]interface {}";
    let (default, map) = match call.args.as_slice() {
        [_, .., default, map] if call.args.len() > 2 => (default.value.clone(), map.value.clone()),
        _ => return Err("dig needs at least three arguments".into()),
    };
    let keys = &call.args[..call.args.len() - 2];
    let as_dict = |value: &Value| match value {
        Value::Map(map) if map.map_type == MapType::Any => Ok(map.clone()),
        value => Err(conversion(value, DICT)),
    };
    let mut map = as_dict(&map)?;
    for key in keys {
        if !matches!(key.value, Value::Str(_)) {
            return Err(conversion(&key.value, "string"));
        }
    }
    for (index, key) in keys.iter().enumerate() {
        let Some(entry) = map.entry(key.value.as_str().unwrap_or_default()) else { return Ok(default) };
        if index + 1 == keys.len() {
            note(call, entry.origin);
            return Ok(entry.value);
        }
        map = as_dict(&entry.value)?;
    }
    Ok(default)
}

/// A value of a dict as text, for functions that take dicts apart.
pub fn text_or_empty(map: &Map, key: &str) -> GoResult<String> {
    match map.get(key) {
        None => Ok(String::new()),
        Some(Value::Str(text)) => Ok(text.to_string()),
        Some(Value::Nil | Value::NoValue) => Err(super::NIL_DEREFERENCE.into()),
        Some(value) => {
            let kind = value.kind();
            let key = quote::quote(key);
            Err(format!(
                "unable to parse {} key, must be of type string, but {kind} found",
                key.trim_matches('"')
            )
            .into())
        }
    }
}
