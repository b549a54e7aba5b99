//! `strconv.FormatFloat(value, verb, precision, 64)`.

/// The digits of a number, and where its decimal point stands: `0.d1d2d3 * 10^point`.
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

impl Digits {
    /// The fewest digits that name the number.
    fn shortest(value: f64) -> Self {
        Self::parse(&format!("{value:e}"))
    }

    /// So many digits, rounded.
    fn rounded(value: f64, count: usize) -> Self {
        Self::parse(&format!("{value:.*e}", count.saturating_sub(1)))
    }

    fn parse(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        if digits.iter().all(|digit| *digit == b'0') {
            return Self { digits: Vec::new(), point: 0 };
        }
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        Self { digits, point: exponent.parse::<i32>().unwrap_or(0) + 1 }
    }

    fn digit(&self, index: usize) -> char {
        self.digits.get(index).copied().map_or('0', char::from)
    }
}

/// Formats with a verb of `e E f g G x X b`; a negative precision asks for the fewest digits that name the number.
pub fn format(value: f64, verb: u8, precision: i32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let mut out = String::new();
    if value.is_sign_negative() {
        out.push('-');
    }
    let value = value.abs();
    let wanted = usize::try_from(precision).ok();
    match verb {
        b'e' | b'E' => {
            let digits =
                wanted.map_or_else(|| Digits::shortest(value), |wanted| Digits::rounded(value, wanted + 1));
            let after = wanted.unwrap_or_else(|| digits.digits.len().saturating_sub(1));
            push_exponent(&mut out, &digits, after, verb);
        }
        b'f' => {
            if let Some(wanted) = wanted {
                out.push_str(&format!("{value:.wanted$}"));
            } else {
                let digits = Digits::shortest(value);
                let count = i32::try_from(digits.digits.len()).unwrap_or(i32::MAX);
                push_plain(&mut out, &digits, usize::try_from(count - digits.point).unwrap_or(0));
            }
        }
        b'g' | b'G' => push_general(&mut out, value, verb, wanted),
        b'x' | b'X' => out.push_str(&hexadecimal(value, verb, wanted)),
        _ => {
            let bits = value.to_bits();
            let (mantissa, exponent) = split_bits(bits);
            out.push_str(&format!("{mantissa}p{:+}", exponent - 52));
        }
    }
    out
}

fn push_general(out: &mut String, value: f64, verb: u8, wanted: Option<usize>) {
    let digits = match wanted {
        None => Digits::shortest(value),
        Some(wanted) => Digits::rounded(value, wanted.max(1)),
    };
    let count = i32::try_from(digits.digits.len()).unwrap_or(i32::MAX);
    let limit = match wanted {
        None => 6,
        Some(wanted) => {
            let wanted = i32::try_from(wanted.max(1)).unwrap_or(i32::MAX);
            if wanted > count && count >= digits.point { count } else { wanted }
        }
    };
    // %e is used where the exponent is less than -4, or not less than the precision (6 for the shortest form).
    let exponent = digits.point - 1;
    if exponent < -4 || exponent >= limit {
        let limit = digits.digits.len().saturating_sub(1);
        let letter = if verb == b'G' { b'E' } else { b'e' };
        push_exponent(out, &digits, limit, letter);
    } else {
        push_plain(out, &digits, usize::try_from(count - digits.point).unwrap_or(0));
    }
}

/// `d.ddde±dd`
fn push_exponent(out: &mut String, digits: &Digits, after: usize, letter: u8) {
    out.push(digits.digit(0));
    if after > 0 {
        out.push('.');
        out.extend((1..=after).map(|index| digits.digit(index)));
    }
    let exponent = if digits.digits.is_empty() { 0 } else { digits.point - 1 };
    out.push(char::from(letter));
    out.push(if exponent < 0 { '-' } else { '+' });
    out.push_str(&format!("{:02}", exponent.abs()));
}

/// `ddd.ddd`
fn push_plain(out: &mut String, digits: &Digits, after: usize) {
    let point = usize::try_from(digits.point).unwrap_or(0);
    if point == 0 {
        out.push('0');
    }
    out.extend((0..point).map(|index| digits.digit(index)));
    if after > 0 {
        out.push('.');
        for index in 0..after {
            let at = digits.point + i32::try_from(index).unwrap_or(i32::MAX);
            out.push(usize::try_from(at).map_or('0', |at| digits.digit(at)));
        }
    }
}

/// The mantissa with its hidden bit, and the exponent of the first bit.
fn split_bits(bits: u64) -> (u64, i32) {
    let mantissa = bits & ((1 << 52) - 1);
    let exponent = i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    if exponent == 0 { (mantissa, -1022) } else { (mantissa | 1 << 52, exponent - 1023) }
}

/// `0x1.8p+01`
fn hexadecimal(value: f64, verb: u8, wanted: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = split_bits(value.to_bits());
    if mantissa == 0 {
        exponent = 0;
    } else {
        let shift = mantissa.leading_zeros().saturating_sub(11);
        mantissa <<= shift;
        exponent -= i32::try_from(shift).unwrap_or(0);
    }
    if let Some(wanted) = wanted.filter(|wanted| *wanted < 13) {
        let drop = 52 - u32::try_from(wanted).unwrap_or(0) * 4;
        let half = 1_u64 << (drop - 1);
        let rest = mantissa & ((1 << drop) - 1);
        mantissa >>= drop;
        if rest > half || rest == half && mantissa & 1 == 1 {
            mantissa += 1;
        }
        mantissa <<= drop;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let whole = mantissa >> 52;
    let mut fraction = format!("{:013x}", mantissa & ((1 << 52) - 1));
    match wanted {
        Some(wanted) => {
            fraction.truncate(wanted);
            while fraction.len() < wanted {
                fraction.push('0');
            }
        }
        None => fraction.truncate(fraction.trim_end_matches('0').len()),
    }
    let dot = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    let text = format!("0x{whole}{dot}{fraction}p{sign}{:02}", exponent.abs());
    if verb == b'X' { text.to_uppercase() } else { text }
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn floats_print_as_go_prints_them() {
        for (value, verb, precision, want) in [
            (1_000_000.0, b'g', -1, "1e+06"),
            (100_000.0, b'g', -1, "100000"),
            (123_456_789.0, b'g', -1, "1.23456789e+08"),
            (0.0001, b'g', -1, "0.0001"),
            (0.00001, b'g', -1, "1e-05"),
            (0.0, b'g', -1, "0"),
            (-1.5, b'g', -1, "-1.5"),
            (2.71, b'f', 1, "2.7"),
            (2.5, b'f', 0, "2"),
            (1234.5678, b'e', 6, "1.234568e+03"),
            (0.0, b'e', 3, "0.000e+00"),
            (1234.5678, b'g', 3, "1.23e+03"),
            (100.0, b'g', 3, "100"),
            (1e21, b'f', -1, "1000000000000000000000"),
            (0.000_001, b'f', -1, "0.000001"),
            (1.5, b'x', -1, "0x1.8p+00"),
            (1.0, b'x', -1, "0x1p+00"),
            (1.0, b'b', -1, "4503599627370496p-52"),
            (f64::INFINITY, b'g', -1, "+Inf"),
            (1e100, b'G', -1, "1E+100"),
        ] {
            assert_eq!(format(value, verb, precision), want, "{value} %{}", char::from(verb));
        }
    }
}
