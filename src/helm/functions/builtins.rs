//! text/template's own functions.

use std::rc::Rc;

use super::{Call, Function, Lazy, NIL_DEREFERENCE, function, variadic};
use crate::helm::go::{printf, text};
use crate::helm::signature::Param::{self, Any, Str as Text};
use crate::helm::signature::Signature;
use crate::helm::template::{GoError, GoResult, as_int};
use crate::helm::value::{Entry, MapType, Value};

const RAW: Param = Param::Value;

/// The table.
pub const FUNCTIONS: &[Function] = &[
    Function { lazy: Some(Lazy::And), ..variadic("and", &[RAW], RAW, call) },
    Function { lazy: Some(Lazy::Or), ..variadic("or", &[RAW], RAW, call) },
    Function { signature: Signature::variadic(&[RAW], RAW), ..variadic("call", &[], RAW, call) },
    variadic("html", &[], Any, |call| Ok(text::escape_html(&joined(call)?).into())),
    variadic("js", &[], Any, |call| Ok(text::escape_js(&joined(call)?).into())),
    variadic("urlquery", &[], Any, |call| Ok(text::escape_query(&joined(call)?).into())),
    variadic("index", &[RAW], RAW, index),
    function("len", &[RAW], len),
    function("not", &[RAW], |call| Ok((!call.value(0).truth()).into())),
    variadic("print", &[], Any, |call| {
        Ok(printf::sprint(call.args.iter().map(|entry| &entry.value), &call.limits())?.into())
    }),
    variadic("println", &[], Any, |call| {
        Ok(printf::sprintln(call.args.iter().map(|entry| &entry.value), &call.limits())?.into())
    }),
    variadic("printf", &[Text], Any, |call| {
        let values: Vec<&Value> = call.rest(1).iter().map(|entry| &entry.value).collect();
        Ok(printf::sprintf(call.text(0), &values, &call.limits())?.into())
    }),
    variadic("eq", &[RAW], RAW, |call| Ok(equal_any(call)?.into())),
    function("ne", &[RAW, RAW], |call| Ok((!equal_any(call)?).into())),
    function("lt", &[RAW, RAW], |call| Ok(less(call.value(0), call.value(1))?.into())),
    function("le", &[RAW, RAW], |call| Ok(less_or_equal(call)?.into())),
    function("gt", &[RAW, RAW], |call| Ok((!less_or_equal(call)?).into())),
    function("ge", &[RAW, RAW], |call| Ok((!less(call.value(0), call.value(1))?).into())),
];

/// `call`: no value of a chart is a function. (`and` and `or` are evaluated where arguments are.)
fn call(call: &mut Call<'_, '_>) -> GoResult<Value> {
    match call.value(0) {
        Value::Nil | Value::NoValue => Err("call of nil".into()),
        value => {
            let shown = printf::show(value, &call.limits())?;
            Err(format!("non-function {shown} of type {}", value.type_name()).into())
        }
    }
}

/// The arguments' text, where a nil prints as in an action.
fn joined(call: &Call<'_, '_>) -> GoResult<String> {
    let no_value = Value::from("<no value>");
    let values = call.args.iter().map(|entry| if entry.value.is_nil() { &no_value } else { &entry.value });
    printf::sprint(values, &call.limits())
}

/// A named map's or slice's content.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(object) => object.content().unwrap_or_else(|| value.clone()),
        value => value.clone(),
    }
}

fn index(call: &mut Call<'_, '_>) -> GoResult<Value> {
    if call.value(0).is_nil() {
        return Err("index of untyped nil".into());
    }
    let mut entry = Entry { value: plain(call.value(0)), origin: call.args[0].origin };
    for index in call.rest(1) {
        let key = &index.value;
        entry = match &entry.value {
            Value::Nil | Value::NoValue => return Err("index of nil pointer".into()),
            Value::List(list) => {
                let at = position(key, list.len())?;
                list.items
                    .get(at)
                    .cloned()
                    .ok_or_else(|| GoError::new("reflect: slice index out of range"))?
            }
            Value::Str(text) => {
                let at = position(key, text.len())?;
                let byte = text.as_bytes().get(at).copied();
                Value::Byte(byte.ok_or_else(|| GoError::new("reflect: string index out of range"))?).into()
            }
            Value::Map(map) => {
                let name = match key {
                    Value::Str(name) => name,
                    Value::Nil | Value::NoValue => {
                        return Err("value is nil; should be of type string".into());
                    }
                    key => return Err(format!("value has type {}; should be string", key.type_name()).into()),
                };
                let missing = || match map.map_type {
                    MapType::String => Value::str("").into(),
                    _ => Entry::default(),
                };
                map.entry(name).unwrap_or_else(missing)
            }
            value => return Err(format!("can't index item of type {}", value.type_name()).into()),
        };
        if let Value::Object(_) = entry.value {
            entry.value = plain(&entry.value);
        }
    }
    if let Some(trace) = &mut call.exec.trace {
        trace.read(entry.origin);
    }
    Ok(entry.value)
}

fn position(index: &Value, capacity: usize) -> GoResult<usize> {
    let number = match index {
        Value::Int(int) | Value::Int64(int) => *int,
        Value::Uint(uint) => uint.cast_signed(),
        Value::Byte(byte) => i64::from(*byte),
        Value::Nil | Value::NoValue => return Err("cannot index slice/array with nil".into()),
        Value::Object(object) if let Some(number) = object.number() => number,
        value => return Err(format!("cannot index slice/array with type {}", value.type_name()).into()),
    };
    match usize::try_from(number) {
        Ok(at) if at <= capacity => Ok(at),
        _ => Err(format!("index out of range: {number}").into()),
    }
}

fn len(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let length = match plain(call.value(0)) {
        Value::Nil => return Err("len of nil pointer".into()),
        Value::NoValue => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        Value::Str(text) => text::to_bytes(&text).len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        // Go looks through the pointer first.
        value => return Err(format!("len of type {}", value.type_name().trim_start_matches('*')).into()),
    };
    Ok(Value::Int(as_int(length)))
}

/// A value by the kind that comparisons look at.
enum Basic<'v> {
    Other,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Str(&'v str),
}

fn basic(value: &Value) -> Basic<'_> {
    match value {
        Value::Bool(bool) => Basic::Bool(*bool),
        Value::Int(int) | Value::Int64(int) => Basic::Int(*int),
        Value::Uint(uint) => Basic::Uint(*uint),
        Value::Byte(byte) => Basic::Uint(u64::from(*byte)),
        Value::Float(float) => Basic::Float(*float),
        Value::Str(text) => Basic::Str(text),
        Value::Object(object) => object.number().map_or(Basic::Other, Basic::Int),
        _ => Basic::Other,
    }
}

fn equal_any(call: &mut Call<'_, '_>) -> GoResult<bool> {
    if call.args.len() < 2 {
        return Err("missing argument for comparison".into());
    }
    for entry in call.rest(1) {
        if equal(call.value(0), &entry.value, call)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Value, b: &Value, call: &Call<'_, '_>) -> GoResult<bool> {
    Ok(match (basic(a), basic(b)) {
        (Basic::Bool(a), Basic::Bool(b)) => a == b,
        (Basic::Int(a), Basic::Int(b)) => a == b,
        (Basic::Uint(a), Basic::Uint(b)) => a == b,
        #[expect(clippy::float_cmp, reason = "eq compares as Go's == does")]
        (Basic::Float(a), Basic::Float(b)) => a == b,
        (Basic::Str(a), Basic::Str(b)) => a == b,
        (Basic::Int(int), Basic::Uint(uint)) | (Basic::Uint(uint), Basic::Int(int)) => {
            u64::try_from(int) == Ok(uint)
        }
        (Basic::Other, Basic::Other) => return equal_others(a, b, call),
        _ if a.is_nil() || b.is_nil() => false,
        _ => return Err(incompatible(a, b)),
    })
}

fn incompatible(a: &Value, b: &Value) -> Box<GoError> {
    GoError::new(format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name()))
}

fn equal_others(a: &Value, b: &Value, call: &Call<'_, '_>) -> GoResult<bool> {
    let show = |value: &Value, format: &str| printf::sprintf(format, &[value], &call.limits());
    if !a.is_nil() && !b.is_nil() && a.kind() != b.kind() {
        let (first, second) = (show(a, "%s")?, show(b, "%v")?);
        return Err(
            format!("non-comparable types {first}: {}, {}: {second}", a.type_name(), b.type_name()).into()
        );
    }
    let is_nil = |value: &Value| value.is_nil() || matches!(value, Value::List(list) if list.nil);
    if is_nil(a) || is_nil(b) {
        return Ok(is_nil(a) == is_nil(b));
    }
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            Ok(Rc::ptr_eq(a, b) || a.kind() == "struct" && a.print() == b.print())
        }
        _ => Err(format!("non-comparable type {}: {}", show(b, "%s")?, b.type_name()).into()),
    }
}

fn less(a: &Value, b: &Value) -> GoResult<bool> {
    const BAD: &str = "invalid type for comparison";
    Ok(match (basic(a), basic(b)) {
        (Basic::Other, _) | (_, Basic::Other) | (Basic::Bool(_), Basic::Bool(_)) => return Err(BAD.into()),
        (Basic::Int(a), Basic::Int(b)) => a < b,
        (Basic::Uint(a), Basic::Uint(b)) => a < b,
        (Basic::Float(a), Basic::Float(b)) => a < b,
        (Basic::Str(a), Basic::Str(b)) => a < b,
        (Basic::Int(a), Basic::Uint(b)) => u64::try_from(a).is_ok_and(|a| a < b) || a < 0,
        (Basic::Uint(a), Basic::Int(b)) => u64::try_from(b).is_ok_and(|b| a < b),
        _ => return Err(incompatible(a, b)),
    })
}

fn less_or_equal(call: &mut Call<'_, '_>) -> GoResult<bool> {
    if less(call.value(0), call.value(1))? {
        return Ok(true);
    }
    equal(call.value(0), call.value(1), call)
}

/// The kind that `reflect.TypeOf(value).Kind()` gives; Go panics for nil.
pub fn kind_of_type(value: &Value) -> GoResult<&str> {
    if value.is_nil() { Err(NIL_DEREFERENCE.into()) } else { Ok(value.kind()) }
}
