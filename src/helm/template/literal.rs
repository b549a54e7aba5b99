//! The number literals of templates.

use super::ast::Number;
use super::lexer::Kind;
use crate::helm::go::number::{parse_float, parse_int, parse_uint};
use crate::helm::go::quote;

/// Reads a number or a character constant, under all types that can hold it.
pub fn number(kind: Kind, text: &str) -> Result<Number, String> {
    let mut number = Number { text: text.into(), int: None, uint: None, float: None };
    if kind == Kind::CharConstant {
        let (unit, tail) = quote::unquote_char(&text[1..], '\'').map_err(|error| error.to_string())?;
        if tail != "'" {
            return Err(format!("malformed character constant: {text}"));
        }
        number.int = Some(unit.code());
        number.uint = u64::try_from(unit.code()).ok();
        number.float = number.int.map(as_float);
        return Ok(number);
    }
    if kind == Kind::Complex || text.ends_with('i') {
        return Err(format!("the imaginary number {} is not supported", quote::quote(text)));
    }
    number.uint = parse_uint(text, 0).ok();
    number.int = parse_int(text, 0).ok();
    if number.int == Some(0) {
        number.uint = Some(0);
    }
    number.float = match (number.int, number.uint) {
        (Some(int), _) => Some(as_float(int)),
        (None, Some(uint)) => Some(uint_as_float(uint)),
        (None, None) => match parse_float(text) {
            Ok(_) if !text.contains(['.', 'e', 'E', 'p', 'P']) => {
                return Err(format!("integer overflow: {}", quote::quote(text)));
            }
            Ok(float) => {
                number.int = exact_int(float);
                number.uint = number.int.and_then(|int| u64::try_from(int).ok());
                Some(float)
            }
            Err(_) => return Err(format!("illegal number syntax: {}", quote::quote(text))),
        },
    };
    Ok(number)
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds too")]
fn as_float(int: i64) -> f64 {
    int as f64
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion rounds too")]
fn uint_as_float(uint: u64) -> f64 {
    uint as f64
}

/// The integer that a float is, if it is one.
#[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
fn exact_int(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() < 9.2e18).then_some(float as i64)
}
