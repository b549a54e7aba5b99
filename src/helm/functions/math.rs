//! sprig's functions on numbers.

#![expect(clippy::similar_names, reason = "start, stop and step are the words of the thing")]

use super::{Call, Function, function, variadic};
use crate::helm::go::convert::{to_float, to_int};
use crate::helm::go::number::parse_int;
use crate::helm::go::printf;
use crate::helm::signature::Param::{Any, Float, Int, Str};
use crate::helm::template::GoResult;
use crate::helm::value::{Entry, List, ListType, Value};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("atoi", &[Str], |call| Ok(Value::Int(atoi(call.text(0))))),
    function("int64", &[Any], |call| Ok(Value::Int64(to_int(call.value(0))))),
    function("int", &[Any], |call| Ok(Value::Int(to_int(call.value(0))))),
    function("float64", &[Any], |call| Ok(Value::Float(to_float(call.value(0))))),
    function("toDecimal", &[Any], |call| {
        let text = printf::show(call.value(0), &call.limits())?;
        Ok(Value::Int64(parse_int(&text, 8).unwrap_or(0)))
    }),
    function("add1", &[Any], |call| Ok(Value::Int64(to_int(call.value(0)).wrapping_add(1)))),
    variadic("add", &[], Any, |call| Ok(Value::Int64(ints(call, 0).fold(0, i64::wrapping_add)))),
    function("sub", &[Any, Any], |call| {
        Ok(Value::Int64(to_int(call.value(0)).wrapping_sub(to_int(call.value(1)))))
    }),
    function("div", &[Any, Any], |call| divide(call, i64::wrapping_div)),
    function("mod", &[Any, Any], |call| divide(call, i64::wrapping_rem)),
    variadic("mul", &[Any], Any, |call| Ok(Value::Int64(ints(call, 0).fold(1, i64::wrapping_mul)))),
    variadic("max", &[Any], Any, |call| Ok(Value::Int64(ints(call, 0).max().unwrap_or(0)))),
    variadic("biggest", &[Any], Any, |call| Ok(Value::Int64(ints(call, 0).max().unwrap_or(0)))),
    variadic("min", &[Any], Any, |call| Ok(Value::Int64(ints(call, 0).min().unwrap_or(0)))),
    variadic("maxf", &[Any], Any, |call| Ok(Value::Float(extreme(call, f64::max)))),
    variadic("minf", &[Any], Any, |call| Ok(Value::Float(extreme(call, f64::min)))),
    function("floor", &[Any], |call| Ok(Value::Float(to_float(call.value(0)).floor()))),
    function("ceil", &[Any], |call| Ok(Value::Float(to_float(call.value(0)).ceil()))),
    variadic("round", &[Any, Int], Float, round),
    function("add1f", &[Any], |call| Ok(Value::Float(decimal(to_float(call.value(0)), [1.0], Decimal::add)))),
    variadic("addf", &[], Any, |call| Ok(Value::Float(decimal(0.0, floats(call, 0), Decimal::add)))),
    variadic("subf", &[Any], Any, |call| decimal_of(call, Decimal::sub)),
    variadic("mulf", &[Any], Any, |call| decimal_of(call, Decimal::mul)),
    variadic("divf", &[Any], Any, |call| {
        if floats(call, 1).any(|divisor| divisor == 0.0) {
            return Err("decimal division by 0".into());
        }
        decimal_of(call, Decimal::div)
    }),
    function("until", &[Int], |call| {
        let count = call.int(0);
        int_list(call, 0, count, if count < 0 { -1 } else { 1 })
    }),
    function("untilStep", &[Int, Int, Int], |call| int_list(call, call.int(0), call.int(1), call.int(2))),
    variadic("seq", &[], Int, seq),
];

/// `strconv.Atoi`, 0 for what is no number; out of range it is the nearest integer.
fn atoi(text: &str) -> i64 {
    use crate::helm::go::number::NumberError;
    match parse_int(text, 10) {
        Ok(int) => int,
        Err(NumberError::Syntax) => 0,
        Err(NumberError::Range) if text.starts_with('-') => i64::MIN,
        Err(NumberError::Range) => i64::MAX,
    }
}

fn ints(call: &Call<'_, '_>, from: usize) -> impl Iterator<Item = i64> {
    call.rest(from).iter().map(|entry| to_int(&entry.value))
}

fn floats(call: &Call<'_, '_>, from: usize) -> impl Iterator<Item = f64> {
    call.rest(from).iter().map(|entry| to_float(&entry.value))
}

fn divide(call: &mut Call<'_, '_>, operation: fn(i64, i64) -> i64) -> GoResult<Value> {
    let divisor = to_int(call.value(1));
    if divisor == 0 {
        return Err("runtime error: integer divide by zero".into());
    }
    Ok(Value::Int64(operation(to_int(call.value(0)), divisor)))
}

/// `math.Max` and `math.Min`: NaN wins.
fn extreme(call: &Call<'_, '_>, better: fn(f64, f64) -> f64) -> f64 {
    floats(call, 0)
        .reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { better(a, b) })
        .unwrap_or(0.0)
}

fn round(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let on = match call.args.get(2).map(|entry| &entry.value) {
        Some(Value::Float(on)) => *on,
        _ => 0.5,
    };
    let power = power_of_ten(call.int(1));
    let digits = power * to_float(call.value(0));
    let rounded = if digits.fract() >= on { digits.ceil() } else { digits.floor() };
    Ok(Value::Float(rounded / power))
}

/// `math.Pow(10, exponent)` as Go calculates it: by squares, whose last digits may be others than those of the nearest float.
fn power_of_ten(exponent: i64) -> f64 {
    // More than this is no number, or nothing, anyway; ten is 0.625 times two to the fourth.
    let mut left = exponent.unsigned_abs().min(1 << 12);
    let (mut product, mut product_exponent) = (1.0_f64, 0_i32);
    let (mut square, mut square_exponent) = (0.625_f64, 4_i32);
    while left > 0 && square_exponent < 1 << 14 {
        if left & 1 == 1 {
            product *= square;
            product_exponent += square_exponent;
        }
        square *= square;
        square_exponent <<= 1;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        left >>= 1;
    }
    if exponent < 0 {
        (product, product_exponent) = (1.0 / product, -product_exponent);
    }
    // In two steps, so that neither power of two is beyond what a float holds.
    let half = product_exponent / 2;
    product * 2.0_f64.powi(half) * 2.0_f64.powi(product_exponent - half)
}

/// The integers from one to before another.
fn int_range(start: i64, stop: i64, step: i64) -> impl Iterator<Item = i64> {
    let goes = if stop < start { step < 0 } else { step > 0 };
    std::iter::successors(goes.then_some(start), move |at| at.checked_add(step))
        .take_while(move |at| if step < 0 { *at > stop } else { *at < stop })
}

/// How many integers [`int_range`] gives.
fn range_length(start: i64, stop: i64, step: i64) -> usize {
    if step == 0 || (stop < start) != (step < 0) {
        return 0;
    }
    let distance = i128::from(stop) - i128::from(start);
    let steps = (distance.abs() + i128::from(step).abs() - 1) / i128::from(step).abs();
    usize::try_from(steps).unwrap_or(usize::MAX)
}

fn int_list(call: &mut Call<'_, '_>, start: i64, stop: i64, step: i64) -> GoResult<Value> {
    call.check_list(range_length(start, stop, step))?;
    let items = int_range(start, stop, step).map(|at| Entry::from(Value::Int(at))).collect();
    Ok(List::of(ListType::Int, items).into())
}

fn seq(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let (start, end, step) = match call.args.len() {
        1 => (1, call.int(0), if call.int(0) < 1 { -1 } else { 1 }),
        2 => (call.int(0), call.int(1), if call.int(1) < call.int(0) { -1 } else { 1 }),
        3 if call.int(2) < call.int(0) && call.int(1) > 0 => return Ok("".into()),
        3 => (call.int(0), call.int(2), call.int(1)),
        _ => return Ok("".into()),
    };
    let stop = end.saturating_add(if end < start { -1 } else { 1 });
    call.check_list(range_length(start, stop, step))?;
    let numbers: Vec<String> = int_range(start, stop, step).map(|at| at.to_string()).collect();
    Ok(numbers.join(" ").into())
}

fn decimal_of(call: &mut Call<'_, '_>, operation: fn(Decimal, Decimal) -> Decimal) -> GoResult<Value> {
    Ok(Value::Float(decimal(to_float(call.value(0)), floats(call, 1), operation)))
}

fn decimal(
    first: f64,
    more: impl IntoIterator<Item = f64>,
    operation: fn(Decimal, Decimal) -> Decimal,
) -> f64 {
    more.into_iter().fold(Decimal::from(first), |a, b| operation(a, Decimal::from(b))).to_float()
}

/// A decimal number, as sprig calculates with floats through shopspring/decimal: `0.1 + 0.2` is `0.3`.
/// Exact as long as the digits fit into 128 bits; a float beyond that.
#[derive(Clone, Copy)]
enum Decimal {
    Exact { digits: i128, exponent: i32 },
    Float(f64),
}

/// Digits after the point that a division keeps.
const DIVISION_DIGITS: i32 = 16;

impl From<f64> for Decimal {
    fn from(value: f64) -> Self {
        let text = format!("{value:e}");
        let parsed = text.split_once('e').and_then(|(mantissa, exponent)| {
            let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            let digits = mantissa.replace('.', "").parse().ok()?;
            let exponent: i32 = exponent.parse().ok()?;
            Some(Self::Exact { digits, exponent: exponent - i32::try_from(fraction).ok()? })
        });
        parsed.unwrap_or(Self::Float(value))
    }
}

impl Decimal {
    fn to_float(self) -> f64 {
        match self {
            Self::Exact { digits, exponent } => format!("{digits}e{exponent}").parse().unwrap_or(0.0),
            Self::Float(value) => value,
        }
    }

    fn scaled(digits: i128, by: i32) -> Option<i128> {
        digits.checked_mul(10_i128.checked_pow(u32::try_from(by).ok()?)?)
    }

    /// Both with one exponent.
    fn aligned(a: Self, b: Self) -> Option<(i128, i128, i32)> {
        let (Self::Exact { digits: da, exponent: ea }, Self::Exact { digits: db, exponent: eb }) = (a, b)
        else {
            return None;
        };
        let exponent = ea.min(eb);
        Some((Self::scaled(da, ea - exponent)?, Self::scaled(db, eb - exponent)?, exponent))
    }

    fn add(self, other: Self) -> Self {
        Self::aligned(self, other)
            .and_then(|(a, b, exponent)| Some(Self::Exact { digits: a.checked_add(b)?, exponent }))
            .unwrap_or_else(|| Self::Float(self.to_float() + other.to_float()))
    }

    fn sub(self, other: Self) -> Self {
        Self::aligned(self, other)
            .and_then(|(a, b, exponent)| Some(Self::Exact { digits: a.checked_sub(b)?, exponent }))
            .unwrap_or_else(|| Self::Float(self.to_float() - other.to_float()))
    }

    fn mul(self, other: Self) -> Self {
        let exact = match (self, other) {
            (Self::Exact { digits: a, exponent: ea }, Self::Exact { digits: b, exponent: eb }) => {
                a.checked_mul(b).map(|digits| Self::Exact { digits, exponent: ea + eb })
            }
            _ => None,
        };
        exact.unwrap_or_else(|| Self::Float(self.to_float() * other.to_float()))
    }

    /// Rounded half away from zero to 16 digits after the point.
    fn div(self, other: Self) -> Self {
        let exact = Self::aligned(self, other).and_then(|(a, b, _)| {
            let rest = Self::scaled(a.checked_rem(b)?, DIVISION_DIGITS)?;
            let whole = Self::scaled(a.checked_div(b)?, DIVISION_DIGITS)?;
            let (quotient, rest) = (whole.checked_add(rest / b)?, rest % b);
            let up = rest.checked_mul(2)?.abs() >= b.abs();
            let away = if (a < 0) == (b < 0) { 1 } else { -1 };
            Some(Self::Exact { digits: quotient + if up { away } else { 0 }, exponent: -DIVISION_DIGITS })
        });
        exact.unwrap_or_else(|| Self::Float(self.to_float() / other.to_float()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_s_length_is_known_before_it_is_made() {
        for (start, stop, step) in
            [(0, 5, 1), (0, 5, 2), (5, 0, -2), (0, -3, -1), (3, 0, 1), (0, 3, -1), (0, 0, 1), (1, 2, 0)]
        {
            assert_eq!(
                range_length(start, stop, step),
                int_range(start, stop, step).count(),
                "{start} {stop} {step}"
            );
        }
        assert_eq!(range_length(i64::MIN, i64::MAX, 1), usize::MAX);
    }

    #[test]
    fn floats_are_added_as_decimals() {
        assert_eq!(decimal(0.1, [0.2], Decimal::add).to_string(), "0.3");
        assert_eq!(decimal(1.1, [1.1], Decimal::mul).to_string(), "1.21");
        assert_eq!(decimal(10.0, [3.0], Decimal::div).to_string(), "3.3333333333333335");
        assert_eq!(decimal(0.3, [0.1], Decimal::sub).to_string(), "0.2");
    }
}
