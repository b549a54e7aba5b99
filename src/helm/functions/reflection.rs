//! sprig's functions on types.

use super::lists::deep_equal;
use super::{Function, function};
use crate::helm::signature::Param::{Any, Str};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("typeOf", &[Any], |call| Ok(call.value(0).type_name().into_owned().into())),
    function("typeIs", &[Str, Any], |call| Ok((call.text(0) == call.value(1).type_name()).into())),
    function("typeIsLike", &[Str, Any], |call| {
        let name = call.value(1).type_name();
        let target = call.text(0);
        Ok((target == name || name.strip_prefix('*') == Some(target)).into())
    }),
    function("kindOf", &[Any], |call| Ok(call.value(0).kind().into())),
    function("kindIs", &[Str, Any], |call| Ok((call.text(0) == call.value(1).kind()).into())),
    function("deepEqual", &[Any, Any], |call| {
        let (a, b) = (call.take(0), call.take(1));
        Ok(deep_equal(&a, &b, call)?.into())
    }),
];
