//! Durations as Go's `time.ParseDuration` reads them: `1h30m`, `1.5h`, `90s`.

/// Why a text is no duration, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a duration at all.
    #[error("time: invalid duration {}", super::parse::quote(.0))]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {}", super::parse::quote(.0))]
    MissingUnit(String),
    /// A unit that Go does not have, such as `d`.
    #[error("time: unknown unit {} in duration {}", super::parse::quote(.unit), super::parse::quote(.text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Reads a duration and answers with nanoseconds.
pub(super) fn parse(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = leading_digits(rest);
        let mut digits = whole.len();
        rest = after;
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            (fraction, rest) = leading_digits(after);
            digits += fraction.len();
        }
        if digits == 0 {
            return Err(invalid());
        }
        let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        if unit_end == 0 {
            return Err(DurationError::MissingUnit(text.to_owned()));
        }
        let (unit_name, after) = rest.split_at(unit_end);
        let unit = unit(unit_name).ok_or_else(|| DurationError::UnknownUnit {
            unit: unit_name.to_owned(),
            text: text.to_owned(),
        })?;
        rest = after;
        total = whole_part(whole)
            .and_then(|whole| whole.checked_mul(unit))
            .and_then(|part| part.checked_add(fraction_part(fraction, unit)))
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= 1 << 63)
            .ok_or_else(invalid)?;
    }
    if negative {
        return Ok(0_i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).map_err(|_| invalid())
}

fn leading_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn whole_part(digits: &str) -> Option<u64> {
    if digits.is_empty() { Some(0) } else { digits.parse().ok().filter(|n: &u64| *n <= 1 << 63) }
}

/// The nanoseconds of `0.<digits>` units. Digits beyond the 18th are below a nanosecond even of hours.
fn fraction_part(digits: &str, unit: u64) -> u64 {
    let digits = &digits[..digits.len().min(18)];
    let Ok(value) = digits.parse::<u128>() else { return 0 };
    let scale = 10_u128.pow(u32::try_from(digits.len()).unwrap_or(18));
    u64::try_from(value * u128::from(unit) / scale).unwrap_or(u64::MAX)
}

fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => 1,
        // The micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let second = 1_000_000_000;
        assert_eq!(parse("1h30m").unwrap(), 5400 * second);
        assert_eq!(parse("1.5h").unwrap(), 5400 * second);
        assert_eq!(parse(".5s").unwrap(), second / 2);
        assert_eq!(parse("-1m").unwrap(), -60 * second);
        assert_eq!(parse("0").unwrap(), 0);
        assert_eq!(parse("5").unwrap_err().to_string(), r#"time: missing unit in duration "5""#);
        assert_eq!(parse("5d").unwrap_err().to_string(), r#"time: unknown unit "d" in duration "5d""#);
        assert_eq!(parse("").unwrap_err().to_string(), r#"time: invalid duration """#);
        assert!(parse("9999999999h").is_err());
    }
}
