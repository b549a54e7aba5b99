//! sprig's functions on lists.

use super::builtins::kind_of_type;
use super::defaults::empty;
use super::{Call, Function, function, variadic};
use crate::helm::go::convert::to_int;
use crate::helm::signature::Param::{Any, Int};
use crate::helm::template::{GoResult, as_int};
use crate::helm::value::{Entry, List, ListType, Value};

/// The table. The `must` twins differ in Go by returning what the others panic with; the text is the same.
pub const FUNCTIONS: &[Function] = &[
    variadic("list", &[], Any, list),
    variadic("tuple", &[], Any, list),
    function("append", &[Any, Any], push),
    function("push", &[Any, Any], push),
    function("mustAppend", &[Any, Any], push),
    function("mustPush", &[Any, Any], push),
    function("prepend", &[Any, Any], prepend),
    function("mustPrepend", &[Any, Any], prepend),
    function("first", &[Any], first),
    function("mustFirst", &[Any], first),
    function("rest", &[Any], rest),
    function("mustRest", &[Any], rest),
    function("last", &[Any], last),
    function("mustLast", &[Any], last),
    function("initial", &[Any], initial),
    function("mustInitial", &[Any], initial),
    function("reverse", &[Any], reverse),
    function("mustReverse", &[Any], reverse),
    function("uniq", &[Any], uniq),
    function("mustUniq", &[Any], uniq),
    variadic("without", &[Any], Any, without),
    variadic("mustWithout", &[Any], Any, without),
    function("has", &[Any, Any], has),
    function("mustHas", &[Any, Any], has),
    function("compact", &[Any], compact),
    function("mustCompact", &[Any], compact),
    variadic("slice", &[Any], Any, slice),
    variadic("mustSlice", &[Any], Any, slice),
    variadic("concat", &[], Any, concat),
    function("chunk", &[Int, Any], chunk),
    function("mustChunk", &[Int, Any], chunk),
];

fn list(call: &mut Call<'_, '_>) -> GoResult<Value> {
    call.check_list(call.args.len())?;
    Ok(List::of(ListType::Any, call.args.drain(..).collect()).into())
}

/// The argument as a list; what it is instead makes the error text.
fn listed(call: &mut Call<'_, '_>, index: usize, error: impl FnOnce(&str) -> String) -> GoResult<List> {
    let value = call.value(index);
    let kind = kind_of_type(value)?;
    let list = match value {
        Value::List(list) => list.clone(),
        Value::Object(object) => match object.content() {
            Some(Value::List(list)) => list,
            _ => return Err(error(kind).into()),
        },
        _ => return Err(error(kind).into()),
    };
    call.check_list(list.len())?;
    Ok(list)
}

fn any(items: Vec<Entry>) -> GoResult<Value> {
    Ok(List::of(ListType::Any, items).into())
}

/// An element, with its origin for who reads it.
fn element(call: &mut Call<'_, '_>, entry: Option<&Entry>) -> GoResult<Value> {
    let Some(entry) = entry else { return Ok(Value::Nil) };
    if let Some(trace) = &mut call.exec.trace {
        trace.read(entry.origin);
    }
    Ok(entry.value.clone())
}

fn push(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("Cannot push on type {kind}"))?;
    let mut items = list.items.to_vec();
    items.push(call.args[1].clone());
    any(items)
}

fn prepend(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("Cannot prepend on type {kind}"))?;
    let mut items = vec![call.args[1].clone()];
    items.extend(list.items.iter().cloned());
    any(items)
}

fn first(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("Cannot find first on type {kind}"))?;
    element(call, list.items.first())
}

fn last(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("Cannot find last on type {kind}"))?;
    element(call, list.items.last())
}

fn rest(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("Cannot find rest on type {kind}"))?;
    match list.items.split_first() {
        Some((_, rest)) => any(rest.to_vec()),
        None => Ok(List::nil(ListType::Any).into()),
    }
}

fn initial(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("Cannot find initial on type {kind}"))?;
    match list.items.split_last() {
        Some((_, initial)) => any(initial.to_vec()),
        None => Ok(List::nil(ListType::Any).into()),
    }
}

fn reverse(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("Cannot find reverse on type {kind}"))?;
    any(list.items.iter().rev().cloned().collect())
}

fn uniq(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("Cannot find uniq on type {kind}"))?;
    let mut items: Vec<Entry> = Vec::new();
    for entry in list.items.iter() {
        if !contains(&items, &entry.value, call)? {
            items.push(entry.clone());
        }
    }
    any(items)
}

fn without(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("Cannot find without on type {kind}"))?;
    let omitted = call.rest(1).to_vec();
    let mut items = Vec::new();
    for entry in list.items.iter() {
        if !contains(&omitted, &entry.value, call)? {
            items.push(entry.clone());
        }
    }
    any(items)
}

fn has(call: &mut Call<'_, '_>) -> GoResult<Value> {
    if call.value(1).is_nil() {
        return Ok(false.into());
    }
    let list = listed(call, 1, |kind| format!("Cannot find has on type {kind}"))?;
    let needle = call.take(0);
    Ok(contains(&list.items, &needle, call)?.into())
}

fn contains(items: &[Entry], needle: &Value, call: &mut Call<'_, '_>) -> GoResult<bool> {
    call.exec.spend(u64::try_from(items.len() / 8).unwrap_or(u64::MAX))?;
    for entry in items {
        if deep_equal(needle, &entry.value, call)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `reflect.DeepEqual`: equal types and equal contents.
pub fn deep_equal(a: &Value, b: &Value, call: &mut Call<'_, '_>) -> GoResult<bool> {
    if let (Value::List(_) | Value::Map(_), Value::List(_) | Value::Map(_)) = (a, b) {
        call.check_value(a)?;
        call.check_value(b)?;
    }
    Ok(equal_within(a, b))
}

#[expect(clippy::float_cmp, reason = "DeepEqual compares as Go's == does")]
fn equal_within(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) | (Value::Int64(a), Value::Int64(b)) => a == b,
        (Value::Uint(a), Value::Uint(b)) => a == b,
        (Value::Byte(a), Value::Byte(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.list_type == b.list_type
                && a.nil == b.nil
                && a.len() == b.len()
                && a.values().zip(b.values()).all(|(a, b)| equal_within(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.map_type != b.map_type {
                return false;
            }
            if a.is(b) {
                return true;
            }
            let (a, b) = (a.entries.borrow(), b.entries.borrow());
            a.len() == b.len()
                && a.iter()
                    .zip(b.iter())
                    .all(|((ka, a), (kb, b))| ka == kb && equal_within(&a.value, &b.value))
        }
        (Value::Object(a), Value::Object(b)) => {
            std::rc::Rc::ptr_eq(a, b) || a.type_name() == b.type_name() && a.print() == b.print()
        }
        (a, b) => a.is_nil() && b.is_nil(),
    }
}

fn compact(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("Cannot compact on type {kind}"))?;
    any(list.items.iter().filter(|entry| !empty(&entry.value)).cloned().collect())
}

fn slice(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 0, |kind| format!("list should be type of slice or array but {kind}"))?;
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let start = call.args.get(1).map_or(0, |entry| to_int(&entry.value));
    let end = call.args.get(2).map_or(as_int(list.len()), |entry| to_int(&entry.value));
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    match range.and_then(|(start, end)| list.items.get(start..end)) {
        Some(part) => Ok(List::of(list.list_type, part.to_vec()).into()),
        None => Err("reflect.Value.Slice: slice index out of bounds".into()),
    }
}

fn concat(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let mut items = Vec::new();
    for index in 0..call.args.len() {
        let list = listed(call, index, |kind| format!("Cannot concat type {kind} as list"))?;
        items.extend(list.items.iter().cloned());
        call.check_list(items.len())?;
    }
    if items.is_empty() {
        return Ok(List::nil(ListType::Any).into());
    }
    any(items)
}

fn chunk(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = listed(call, 1, |kind| format!("Cannot chunk type {kind}"))?;
    // What Go's arithmetic makes of a size that is not positive: nothing, one chunk of all, or a slice of no length.
    let size = match (usize::try_from(call.int(0)), list.len()) {
        (Ok(size), _) if size > 0 => size,
        (Err(_), 1) if call.int(0) < -1 => 1,
        (Err(_), items) if items > 1 && as_int(items - 1) <= call.int(0).saturating_neg() => {
            return Ok(List::of(ListType::Lists, Vec::new()).into());
        }
        _ => return Err("runtime error: makeslice: len out of range".into()),
    };
    let chunks =
        list.items.chunks(size).map(|part| Value::from(List::of(ListType::Any, part.to_vec())).into());
    Ok(List::of(ListType::Lists, chunks.collect()).into())
}
