//! JSON, written field by field into a buffer that is used again.

use super::fields::Fields;
use super::id::Id;

/// Writes one object.
pub(super) struct Json<'b> {
    out: &'b mut Vec<u8>,
    nulls: bool,
}

impl<'b> Json<'b> {
    /// Begins the object.
    pub fn new(out: &'b mut Vec<u8>, nulls: bool) -> Self {
        out.push(b'{');
        Self { out, nulls }
    }

    #[inline]
    fn name(&mut self, name: &str) {
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    #[inline]
    fn quoted(&mut self, name: &str, text: &[u8]) {
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\",");
    }

    #[inline]
    fn null(&mut self, name: &str) {
        self.name(name);
        self.out.extend_from_slice(b"null,");
    }

    /// Ends the object.
    pub fn end(self) {
        close(self.out);
    }
}

/// Ends an object, whose last field left a comma.
fn close(out: &mut Vec<u8>) {
    match out.last_mut() {
        Some(last) if *last == b',' => *last = b'}',
        _ => out.push(b'}'),
    }
}

impl Fields for Json<'_> {
    #[inline]
    fn id(&mut self, name: &str, id: Id) {
        self.quoted(name, &id.text());
    }

    #[inline]
    fn text(&mut self, name: &str, text: &str) {
        self.quoted(name, text.as_bytes());
    }

    #[inline]
    fn words(&mut self, name: &str, text: &str) {
        self.name(name);
        escaped(self.out, text);
        self.out.push(b',');
    }

    #[inline]
    fn long(&mut self, name: &str, number: i64) {
        self.name(name);
        integer(self.out, number);
        self.out.push(b',');
    }

    #[inline]
    fn boolean(&mut self, name: &str, yes: bool) {
        self.name(name);
        self.out.extend_from_slice(if yes { b"true," } else { b"false," });
    }

    #[inline]
    fn time(&mut self, name: &str, milliseconds: i64) {
        self.quoted(name, &time_text(milliseconds));
    }

    #[inline]
    fn maybe_text(&mut self, name: &str, text: Option<&str>) {
        match text.filter(|_| !self.nulls) {
            Some(text) => self.words(name, text),
            None => self.null(name),
        }
    }

    #[inline]
    fn maybe_long(&mut self, name: &str, number: Option<i64>) {
        match number.filter(|_| !self.nulls) {
            Some(number) => self.long(name, number),
            None => self.null(name),
        }
    }

    #[inline]
    fn maybe_boolean(&mut self, name: &str, yes: Option<bool>) {
        match yes.filter(|_| !self.nulls) {
            Some(yes) => self.boolean(name, yes),
            None => self.null(name),
        }
    }

    #[inline]
    fn maybe_time(&mut self, name: &str, milliseconds: Option<i64>) {
        match milliseconds.filter(|_| !self.nulls) {
            Some(milliseconds) => self.time(name, milliseconds),
            None => self.null(name),
        }
    }

    #[inline]
    fn list<T>(&mut self, name: &str, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.name(name);
        self.out.push(b'[');
        for one in items {
            self.out.push(b'{');
            item(self, one);
            close(self.out);
            self.out.push(b',');
        }
        if !items.is_empty() {
            self.out.pop();
        }
        self.out.extend_from_slice(b"],");
    }
}

/// Appends text in quotes.
fn escaped(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        // Writing into memory cannot fail.
        let _ = serde_json::to_writer(out, text);
    } else {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

/// Appends the digits of a number.
pub(super) fn integer(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.extend_from_slice(&digits[at..]);
}

/// `2026-03-01T10:00:00.123Z`, of milliseconds since 1970 in the years up to 9999.
pub(super) fn time_text(milliseconds: i64) -> [u8; 24] {
    let milliseconds = milliseconds.unsigned_abs();
    let (days, in_day) = (milliseconds / 86_400_000, milliseconds % 86_400_000);
    // Days to a date: Howard Hinnant's civil_from_days.
    let days = days + 719_468;
    let (era, in_era) = (days / 146_097, days % 146_097);
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let (year, month) =
        (era * 400 + year_of_era + u64::from(month >= 10), if month < 10 { month + 3 } else { month - 9 });
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let two = |text: &mut [u8; 24], at: usize, number: u64| {
        text[at] = b'0' + (number / 10 % 10) as u8;
        text[at + 1] = b'0' + (number % 10) as u8;
    };
    two(&mut text, 0, year / 100);
    two(&mut text, 2, year % 100);
    two(&mut text, 5, month);
    two(&mut text, 8, day);
    two(&mut text, 11, in_day / 3_600_000);
    two(&mut text, 14, in_day / 60_000 % 60);
    two(&mut text, 17, in_day / 1000 % 60);
    two(&mut text, 20, in_day % 1000 / 10);
    text[22] = b'0' + (in_day % 10) as u8;
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_jiff_writes_them() {
        for step in 0..3000_i64 {
            let milliseconds = 1_577_836_800_000 + step * 840_123_457;
            let text = String::from_utf8(time_text(milliseconds).to_vec()).unwrap();
            let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap();
            assert_eq!(text, format!("{time:.3}"));
        }
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 7, 10, -1, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            integer(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
