//! `strconv.ParseInt`, `ParseUint` and `ParseFloat`.

/// Why a number cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// It is no number: `invalid syntax`.
    Syntax,
    /// It is too large: `value out of range`.
    Range,
}

/// `strconv.ParseUint(text, base, 64)`; base 0 reads prefixes (`0x`, `0o`, `0b`, `0`) and underscores.
pub fn parse_uint(text: &str, base: u32) -> Result<u64, NumberError> {
    let (digits, radix) = if base == 0 { prefixed(text) } else { (text, base) };
    if digits.is_empty() {
        return Err(NumberError::Syntax);
    }
    let mut value = 0_u64;
    let mut overflow = false;
    let mut underscores = false;
    for c in digits.chars() {
        if c == '_' && base == 0 {
            underscores = true;
            continue;
        }
        let digit = c.to_digit(radix).ok_or(NumberError::Syntax)?;
        match value.checked_mul(u64::from(radix)).and_then(|value| value.checked_add(u64::from(digit))) {
            Some(next) => value = next,
            None => overflow = true,
        }
    }
    if underscores && !underscores_fit(text) {
        return Err(NumberError::Syntax);
    }
    if overflow { Err(NumberError::Range) } else { Ok(value) }
}

/// `strconv.ParseInt(text, base, 64)`.
pub fn parse_int(text: &str, base: u32) -> Result<i64, NumberError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let value = parse_uint(digits, base)?;
    if negative {
        0_i64.checked_sub_unsigned(value).ok_or(NumberError::Range)
    } else {
        i64::try_from(value).map_err(|_| NumberError::Range)
    }
}

fn prefixed(text: &str) -> (&str, u32) {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.get(1)) {
        (Some(b'0'), Some(b'x' | b'X')) => (&text[2..], 16),
        (Some(b'0'), Some(b'o' | b'O')) => (&text[2..], 8),
        (Some(b'0'), Some(b'b' | b'B')) => (&text[2..], 2),
        (Some(b'0'), Some(_)) => (&text[1..], 8),
        _ => (text, 10),
    }
}

/// Whether each underscore stands between digits, or after a base's prefix.
fn underscores_fit(text: &str) -> bool {
    let text = text.trim_start_matches(['+', '-']);
    let bytes = text.as_bytes();
    let prefix = bytes.len() >= 2 && bytes[0] == b'0' && matches!(bytes[1] | 32, b'b' | b'o' | b'x');
    let hex = prefix && bytes[1] | 32 == b'x';
    // What came before: '^' the beginning, '0' a digit, '_' an underscore, '!' something else.
    let mut before = if prefix { b'0' } else { b'^' };
    for byte in &bytes[if prefix { 2 } else { 0 }..] {
        let digit = byte.is_ascii_digit() || hex && byte.is_ascii_hexdigit();
        before = match (digit, byte) {
            (true, _) => b'0',
            (false, b'_') if before == b'0' => b'_',
            (false, b'_') => return false,
            (false, _) if before == b'_' => return false,
            _ => b'!',
        };
    }
    before != b'_'
}

/// `strconv.ParseFloat(text, 64)`.
pub fn parse_float(text: &str) -> Result<f64, NumberError> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.contains('_') && !underscores_fit(text) {
        return Err(NumberError::Syntax);
    }
    let plain;
    let (text, unsigned) = if unsigned.contains('_') {
        plain = text.replace('_', "");
        (plain.as_str(), plain.strip_prefix(['+', '-']).unwrap_or(&plain))
    } else {
        (text, unsigned)
    };
    if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let value = parse_hex_float(hex)?;
        return Ok(if text.starts_with('-') { -value } else { value });
    }
    let value: f64 = text.parse().map_err(|_| NumberError::Syntax)?;
    if value.is_infinite() && unsigned.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(NumberError::Range);
    }
    Ok(value)
}

/// The mantissa and exponent of a hexadecimal float; the mantissa must fit into 53 bits' precision.
fn parse_hex_float(text: &str) -> Result<f64, NumberError> {
    let (mantissa, exponent) = text.split_once(['p', 'P']).ok_or(NumberError::Syntax)?;
    let exponent: i32 = exponent.parse().map_err(|_| NumberError::Syntax)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(NumberError::Syntax);
    }
    let mut value = 0.0_f64;
    for c in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(c.to_digit(16).ok_or(NumberError::Syntax)?);
    }
    let shift = i32::try_from(fraction.len() * 4).map_err(|_| NumberError::Range)?;
    let value = value * 2.0_f64.powi(exponent.saturating_sub(shift));
    if value.is_infinite() { Err(NumberError::Range) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_in_every_base() {
        for (text, value) in [
            ("0x1F", 31),
            ("0o17", 15),
            ("017", 15),
            ("0b101", 5),
            ("1_000", 1000),
            ("-5", -5),
            ("0x_1", 1),
            ("0", 0),
        ] {
            assert_eq!(parse_int(text, 0), Ok(value), "{text}");
        }
        for text in ["1__0", "_1", "1_", "", "0x", "9a", "089"] {
            assert_eq!(parse_int(text, 0), Err(NumberError::Syntax), "{text}");
        }
        assert_eq!(parse_int("9223372036854775808", 0), Err(NumberError::Range));
        assert_eq!(parse_int("-9223372036854775808", 0), Ok(i64::MIN));
        assert_eq!(parse_uint("18446744073709551615", 0), Ok(u64::MAX));
        assert_eq!(parse_int("1_0", 10), Err(NumberError::Syntax));
    }

    #[test]
    fn floats_are_read_as_go_reads_them() {
        assert_eq!(parse_float("1e3"), Ok(1000.0));
        assert_eq!(parse_float("0x1p-2"), Ok(0.25));
        assert_eq!(parse_float("1_0.5"), Ok(10.5));
        assert_eq!(parse_float("1e999"), Err(NumberError::Range));
        assert_eq!(parse_float("abc"), Err(NumberError::Syntax));
        assert_eq!(parse_float("-Inf"), Ok(f64::NEG_INFINITY));
    }
}
