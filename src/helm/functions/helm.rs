//! Helm's own functions: `include`, `tpl`, `required`, `fail`, `lookup`.

use super::{Call, Function, function};
use crate::helm::lookup::{LookupQuery, from_cluster};
use crate::helm::signature::Param::{Any, Str};
use crate::helm::template::{GoResult, Operand, WARN_END, WARN_START};
use crate::helm::value::{Map, Value};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("include", &[Str, Any], |call| {
        let (name, data) = (call.str(0), data(call));
        Ok(call.exec.include(&name, &data)?.into())
    }),
    function("tpl", &[Str, Any], |call| {
        let (text, origin, data) = (call.str(0), call.args[0].origin, data(call));
        Ok(call.exec.tpl(&text, origin, &data)?.into())
    }),
    function("required", &[Str, Any], |call| {
        let missing = match call.value(1) {
            Value::Str(text) => text.is_empty(),
            value => value.is_nil(),
        };
        if !missing {
            return Ok(call.take(1));
        }
        if call.exec.env.lint {
            return Ok("".into());
        }
        Err(format!("{WARN_START}{}{WARN_END}", call.text(0)).into())
    }),
    function("fail", &[Str], |call| {
        if call.exec.env.lint {
            return Ok("".into());
        }
        Err(format!("{WARN_START}{}{WARN_END}", call.text(0)).into())
    }),
    // Without a cluster, what is looked up is not there, as in `helm template`.
    function("lookup", &[Str, Str, Str, Str], |call| {
        let Some(cluster) = call.exec.env.lookup.clone() else { return Ok(Map::new().into()) };
        let [api_version, kind, namespace, name] = [0, 1, 2, 3].map(|place| call.str(place).to_string());
        let found = cluster.look(&LookupQuery { api_version, kind, namespace, name })?;
        Ok(from_cluster(&found))
    }),
    function("getHostByName", &[Str], no_host),
];

/// The root value of a template that is called.
fn data(call: &mut Call<'_, '_>) -> Operand {
    let origin = call.args[1].origin;
    let value = match call.take(1) {
        Value::Nil => Value::NoValue,
        value => value,
    };
    Operand { value, origin, interface: false }
}

/// Helm answers with nothing unless it is told to ask the network, which rendering never does.
fn no_host(_: &mut Call<'_, '_>) -> GoResult<Value> {
    Ok("".into())
}
