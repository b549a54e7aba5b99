//! `cast.ToInt64` and `cast.ToFloat64`, with which sprig turns anything into numbers, and `strval`.

use super::number::{parse_float, parse_int};
use super::printf;
use crate::helm::limits::Limits;
use crate::helm::template::GoResult;
use crate::helm::value::{ListType, Object, Str, Value};

/// What Go's conversion of a float to `int64` gives on amd64 (out of range: the least integer).
#[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
pub fn float_to_int(value: f64) -> i64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&value) { value as i64 } else { i64::MIN }
}

/// An integer as `float64`.
#[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds too")]
pub fn int_to_float(value: i64) -> f64 {
    value as f64
}

/// A number as a whole one; 0 for what is none.
pub fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(int) | Value::Int64(int) => *int,
        Value::Uint(uint) => uint.cast_signed(),
        Value::Byte(byte) => i64::from(*byte),
        Value::Float(float) => float_to_int(*float),
        Value::Str(text) => parse_int(trim_zero_decimal(text), 0).unwrap_or(0),
        Value::Bool(bool) => i64::from(*bool),
        _ => 0,
    }
}

/// A number as a float; 0 for what is none.
pub fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(int) | Value::Int64(int) => int_to_float(*int),
        #[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds too")]
        Value::Uint(uint) => *uint as f64,
        Value::Byte(byte) => f64::from(*byte),
        Value::Float(float) => *float,
        Value::Str(text) => parse_float(text).unwrap_or(0.0),
        Value::Bool(bool) => f64::from(u8::from(*bool)),
        _ => 0.0,
    }
}

/// `1.00` is `1`.
fn trim_zero_decimal(text: &str) -> &str {
    let mut zero = false;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b'.' if zero => return &text[..at],
            b'.' => {}
            b'0' => zero = true,
            _ => return text,
        }
    }
    text
}

/// sprig's `strval`.
pub fn to_text(value: &Value, limits: &Limits) -> GoResult<Str> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        Value::List(list) if list.list_type == ListType::Byte => Ok(bytes_text(value).into()),
        Value::NoValue | Value::Nil => Ok("<nil>".into()),
        value => printf::show(value, limits).map(Into::into),
    }
}

/// The text of a `[]byte`.
pub fn bytes_text(value: &Value) -> String {
    let Value::List(list) = value else { return String::new() };
    if let Some(bytes) = list.items.as_bytes() {
        return super::text::from_bytes(bytes.to_vec());
    }
    let bytes = list.values().map(|value| if let Value::Byte(byte) = value { *byte } else { 0 }).collect();
    super::text::from_bytes(bytes)
}

/// An object as its concrete type.
pub fn downcast<T: 'static>(value: &Value) -> Option<&T> {
    match value {
        Value::Object(object) => {
            let object: &dyn Object = object.as_ref();
            object.as_any().downcast_ref()
        }
        _ => None,
    }
}
