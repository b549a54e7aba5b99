//! Which texts go-yaml takes for a timestamp: Go's `time.Parse` with the four layouts of go-yaml's `resolve.go`.

/// Whether go-yaml would resolve an unquoted text as a timestamp.
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    date(bytes).is_some_and(|rest| match rest.split_first() {
        None => true,
        Some((b'T' | b't', time)) => clock(time).is_some_and(zone),
        Some((b' ', time)) => clock(skip_spaces(time)).is_some_and(<[u8]>::is_empty),
        Some(_) => false,
    })
}

/// `2006-1-2`; gives what follows it.
fn date(bytes: &[u8]) -> Option<&[u8]> {
    let year = bytes[..4].iter().fold(0u32, |year, digit| year * 10 + u32::from(digit - b'0'));
    let (month, rest) = one_or_two_digits(&bytes[5..])?;
    let (day, rest) = one_or_two_digits(rest.strip_prefix(b"-")?)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then_some(rest)
}

/// `15:4:5.999999999`; gives what follows it.
fn clock(bytes: &[u8]) -> Option<&[u8]> {
    let (hour, rest) = one_or_two_digits(bytes)?;
    let (minute, rest) = one_or_two_digits(rest.strip_prefix(b":")?)?;
    let (second, rest) = one_or_two_digits(rest.strip_prefix(b":")?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    match rest {
        [b'.' | b',', digit, ..] if digit.is_ascii_digit() => {
            let digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            Some(&rest[1 + digits..])
        }
        _ => Some(rest),
    }
}

/// `Z07:00`, and nothing after it.
fn zone(bytes: &[u8]) -> bool {
    match bytes {
        [b'Z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2]
            if [h1, h2, m1, m2].iter().all(|digit| digit.is_ascii_digit()) =>
        {
            // Go lets an offset of 24 hours or 60 minutes pass.
            (h1 - b'0') * 10 + (h2 - b'0') <= 24 && (m1 - b'0') * 10 + (m2 - b'0') <= 60
        }
        _ => false,
    }
}

fn one_or_two_digits(bytes: &[u8]) -> Option<(u8, &[u8])> {
    match bytes {
        [tens, ones, rest @ ..] if tens.is_ascii_digit() && ones.is_ascii_digit() => {
            Some(((tens - b'0') * 10 + (ones - b'0'), rest))
        }
        [ones, rest @ ..] if ones.is_ascii_digit() => Some((ones - b'0', rest)),
        _ => None,
    }
}

fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|byte| **byte == b' ').count();
    &bytes[spaces..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_of_go_yamls_four_layouts_are_timestamps() {
        for text in [
            "2001-01-01",
            "2001-1-2",
            "2001-1-2 3:4:5",
            "2001-12-14t21:59:43.10-05:00",
            "2024-02-29T23:59:59Z",
        ] {
            assert!(is_timestamp(text), "{text}");
        }
        for text in
            ["2001-02-29", "2001-13-01", "201-01-01", "2001-01-01T", "2001-01-01 1:2", "2001-01-01T25:00:00Z"]
        {
            assert!(!is_timestamp(text), "{text}");
        }
    }
}
