//! sprig's functions on what is empty.

use super::{Call, Function, function, variadic};
use crate::helm::signature::Param::{Any, Bool};
use crate::helm::template::GoResult;
use crate::helm::value::{Entry, Value};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    variadic("default", &[Any], Any, |call| {
        let given = call.args.get(1).is_some_and(|entry| !empty(&entry.value));
        Ok(call.take(usize::from(given)))
    }),
    function("empty", &[Any], |call| Ok(empty(call.value(0)).into())),
    variadic("coalesce", &[], Any, |call| {
        let found = call.args.iter().position(|entry| !empty(&entry.value));
        Ok(found.map_or(Value::Nil, |index| call.take(index)))
    }),
    variadic("all", &[], Any, |call| Ok(call.args.iter().all(full).into())),
    variadic("any", &[], Any, |call| Ok(call.args.iter().any(full).into())),
    function("ternary", &[Any, Any, Bool], ternary),
];

/// Whether a value is the zero of its type, as sprig sees it.
pub fn empty(value: &Value) -> bool {
    match value {
        // What sprig cannot ask for nil, it asks for nothing: a struct is never empty.
        Value::Object(object) if object.kind() != "struct" => !object.truth(),
        Value::Object(_) => false,
        value => !value.truth(),
    }
}

fn full(entry: &Entry) -> bool {
    !empty(&entry.value)
}

fn ternary(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let index = usize::from(!call.value(2).truth());
    Ok(call.take(index))
}
