//! Numbers as Go's strconv reads and writes them.

/// Go's `strconv.ParseInt(text, 0, 64)`: a sign, then `0x`, `0o`, `0b`, a leading `0` for octal, or decimal digits.
pub(super) fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'+' => (false, &text[1..]),
        b'-' => (true, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_uint(digits)?;
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Go's `strconv.ParseUint(text, 0, 64)`; no sign is allowed.
pub(super) fn parse_uint(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.first()? != &b'0' {
        return parse_digits(text, 10);
    }
    match bytes.get(1).map(u8::to_ascii_lowercase) {
        None => Some(0),
        Some(b'b') if bytes.len() > 2 => parse_digits(&text[2..], 2),
        Some(b'o') if bytes.len() > 2 => parse_digits(&text[2..], 8),
        Some(b'x') if bytes.len() > 2 => parse_digits(&text[2..], 16),
        Some(_) => parse_digits(text.get(1..)?, 8),
    }
}

/// `strconv.ParseInt(text, 2, 64)`.
pub(super) fn parse_binary(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'+' => (false, &text[1..]),
        b'-' => (true, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_digits(digits, 2)?;
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Whether yaml.v3 alone reads a text as a number: a sign after `0o`.
pub(super) fn parse_sized_octal(text: &str) -> bool {
    let plain = text.replace('_', "");
    let Some(digits) = plain.strip_prefix("0o").and_then(|rest| rest.strip_prefix(['+', '-'])) else {
        return false;
    };
    parse_digits(digits, 8).is_some_and(|magnitude| i64::try_from(magnitude).is_ok())
}

fn parse_digits(text: &str, radix: u32) -> Option<u64> {
    if text.starts_with('+') { None } else { u64::from_str_radix(text, radix).ok() }
}

/// Whether go-yaml takes a text for a float: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
pub(super) fn looks_like_float(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        let start = at;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at, at > start)
    };
    let sign = |at: usize| at + usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));

    let (mut at, whole) = digits(sign(0));
    if bytes.get(at) == Some(&b'.') {
        let (end, fraction) = digits(at + 1);
        if !whole && !fraction {
            return false;
        }
        at = end;
    } else if !whole {
        return false;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let (end, exponent) = digits(sign(at + 1));
        return exponent && end == bytes.len();
    }
    at == bytes.len()
}

/// `strconv.ParseFloat(text, 64)` of a text that looks like a float; `None` if it is beyond the range.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// `strconv.ParseFloat(text, 64)` of a text that begins with a point, where Go allows underscores between digits.
pub(super) fn parse_pointed_float(text: &str) -> Option<f64> {
    if !text.contains('_') {
        return if looks_like_float(text) { parse_float(text) } else { None };
    }
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let well_placed = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'_')
        .all(|(at, _)| digit(at.checked_sub(1)) && digit(at.checked_add(1)));
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    if well_placed && looks_like_float(&plain) { parse_float(&plain) } else { None }
}

/// `strconv.FormatFloat(value, 'g', -1, 64)`, with YAML's words for what is not a number.
pub fn format_float(value: f64) -> String {
    if let Some(word) = not_finite(value) {
        return word.to_owned();
    }
    format_general(&shortest(value))
}

/// The shortest digits that give the same float again. Where two are equally near Rust takes the larger one, Go the even
/// one; that needs so many digits that the exact value ends just after them.
fn shortest(value: f64) -> String {
    const MANY: usize = 15;
    let digits = format!("{value:e}");
    let count = digits.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    if count < MANY {
        return digits;
    }
    let even = format!("{value:.*e}", count - 1);
    if even.parse() == Ok(value) { even } else { digits }
}

/// `strconv.FormatFloat(value, 'g', -1, 32)`, which sigs.k8s.io/yaml uses for keys.
#[expect(clippy::cast_possible_truncation, reason = "the precision is lost in sigs.k8s.io/yaml too")]
pub(super) fn format_float_key(value: f64) -> String {
    let narrow = value as f32;
    if let Some(word) = not_finite(f64::from(narrow)) {
        return word.to_owned();
    }
    format_general(&format!("{narrow:e}"))
}

fn not_finite(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some(".nan")
    } else if value.is_infinite() {
        Some(if value > 0.0 { ".inf" } else { "-.inf" })
    } else {
        None
    }
}

/// Turns the shortest scientific form (`-1.25e-7`) into what Go's `%g` prints: an exponent, of two digits at least, for
/// what is below 1e-4 or not below 1e+06.
fn format_general(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    if !(-4..6).contains(&exponent) {
        let mark = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{mark}{:02}", exponent.abs());
    }
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let point = exponent + 1;
    let Ok(whole) = usize::try_from(point) else {
        return format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
    };
    if whole == 0 {
        format!("{sign}0.{digits}")
    } else if digits.len() <= whole {
        format!("{sign}{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_gos_prefixes() {
        let cases = [
            ("0644", Some(420)),
            ("0o17", Some(15)),
            ("0X1f", Some(31)),
            ("-0b11", Some(-3)),
            ("0", Some(0)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_int(text), expected, "{text}");
        }
        assert_eq!(parse_int("-9223372036854775808"), Some(i64::MIN));
        for text in ["", "+", "08", "0x", "1e3", "9223372036854775808", "--1", "+-1"] {
            assert_eq!(parse_int(text), None, "{text}");
        }
    }

    #[test]
    fn floats_are_printed_as_gos_shortest_general_form() {
        let cases = [
            (1_000_000.0, "1e+06"),
            (123_456.0, "123456"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
            (1.5, "1.5"),
            (-0.0, "-0"),
            // Two shortest forms are equally near; Go takes the even one.
            (248_753_924_613_384.62, "2.4875392461338462e+14"),
            (f64::INFINITY, ".inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(format_float(value), expected);
        }
    }
}
