//! `time.ParseInLocation`.

use super::time::{Chunk, Offset, Time, days_from_civil, named, next_chunk};
use super::zone::Zone;

/// What was read so far.
struct Read {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    afternoon: Option<bool>,
    offset: Option<i64>,
    zone_name: Option<String>,
    /// What was read last and is no such number.
    out_of_range: Option<&'static str>,
}

/// Reads a text by a layout, in UTC unless the text names another zone. The error is Go's text.
pub fn parse(layout: &str, value: &str) -> Result<Time, String> {
    let mut read = Read {
        year: 0,
        month: None,
        day: None,
        year_day: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        afternoon: None,
        offset: None,
        zone_name: None,
        out_of_range: None,
    };
    let error = |value_part: &str, layout_part: &str, why: &str| {
        if why.is_empty() {
            let (value, layout) = (quote(value), quote(layout));
            let (at, part) = (quote(value_part), quote(layout_part));
            return format!("parsing time {value} as {layout}: cannot parse {at} as {part}");
        }
        format!("parsing time {}{why}", quote(value))
    };
    let (mut layout_rest, mut rest) = (layout, value);
    loop {
        let next = next_chunk(layout_rest);
        let before = next.map_or(layout_rest, |(before, ..)| before);
        rest = skip(rest, before).ok_or_else(|| error(rest, before, ""))?;
        let Some((before, chunk, after)) = next else {
            if !rest.is_empty() {
                return Err(error("", "", &format!(": extra text: {}", quote(rest))));
            }
            return read.finish().map_err(|what| error("", "", &format!(": {what} out of range")));
        };
        let text = &layout_rest[before.len()..layout_rest.len() - after.len()];
        rest = read.take(chunk, rest).ok_or_else(|| error(rest, text, ""))?;
        if let Some(what) = read.out_of_range.take() {
            return Err(error("", "", &format!(": {what} out of range")));
        }
        // A fraction may follow the seconds though the layout has none.
        if matches!(chunk, Chunk::Second | Chunk::ZeroSecond)
            && !matches!(next_chunk(after), Some(("", Chunk::Fraction { .. }, _)))
            && let Some(fraction) = rest.strip_prefix(['.', ','])
            && fraction.starts_with(|c: char| c.is_ascii_digit())
        {
            rest = read.fraction(fraction);
        }
        layout_rest = after;
    }
}

/// Skips the layout's fixed text; a run of spaces stands for any run of spaces.
fn skip<'v>(mut value: &'v str, mut prefix: &str) -> Option<&'v str> {
    while let Some(c) = prefix.chars().next() {
        if c == ' ' {
            if !value.is_empty() && !value.starts_with(' ') {
                return None;
            }
            prefix = prefix.trim_start_matches(' ');
            value = value.trim_start_matches(' ');
            continue;
        }
        value = value.strip_prefix(c)?;
        prefix = &prefix[c.len_utf8()..];
    }
    Some(value)
}

/// A number of up to so many digits, at least one of them, or exactly as many.
fn number(text: &str, digits: usize, exact: bool) -> Option<(i64, &str)> {
    let count = text.bytes().take(digits).take_while(u8::is_ascii_digit).count();
    if count == 0 || exact && count < digits {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}

impl Read {
    /// Reads one chunk; gives what follows.
    fn take<'v>(&mut self, chunk: Chunk, value: &'v str) -> Option<&'v str> {
        let mut out_of_range = None;
        let mut within = |(number, rest): (i64, &'v str), low: i64, high: i64, what: &'static str| {
            if !(low..=high).contains(&number) {
                out_of_range = Some(what);
            }
            (number, rest)
        };
        let rest = match chunk {
            Chunk::Year => {
                let (year, rest) = number(value, 2, true)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
                rest
            }
            Chunk::LongYear => {
                let (year, rest) = number(value, 4, true)?;
                self.year = year;
                rest
            }
            Chunk::Month | Chunk::LongMonth => {
                let (index, rest) = named(value, chunk == Chunk::LongMonth, true)?;
                self.month = i64::try_from(index + 1).ok();
                rest
            }
            Chunk::NumMonth | Chunk::ZeroMonth => {
                let (month, rest) = within(number(value, 2, chunk == Chunk::ZeroMonth)?, 1, 12, "month");
                self.month = Some(month);
                rest
            }
            Chunk::WeekDay | Chunk::LongWeekDay => named(value, chunk == Chunk::LongWeekDay, false)?.1,
            Chunk::Day | Chunk::UnderDay | Chunk::ZeroDay => {
                let value =
                    if chunk == Chunk::UnderDay { value.strip_prefix(' ').unwrap_or(value) } else { value };
                let (day, rest) = number(value, 2, chunk == Chunk::ZeroDay)?;
                self.day = Some(day);
                rest
            }
            Chunk::UnderYearDay | Chunk::ZeroYearDay => {
                let (day, rest) = number(value.trim_start_matches(' '), 3, false)?;
                self.year_day = Some(day);
                rest
            }
            Chunk::Hour => {
                let (hour, rest) = within(number(value, 2, false)?, 0, 23, "hour");
                self.hour = hour;
                rest
            }
            Chunk::Hour12 | Chunk::ZeroHour12 => {
                let (hour, rest) = within(number(value, 2, chunk == Chunk::ZeroHour12)?, 0, 12, "hour");
                self.hour = hour;
                rest
            }
            Chunk::Minute | Chunk::ZeroMinute => {
                let (minute, rest) = within(number(value, 2, chunk == Chunk::ZeroMinute)?, 0, 59, "minute");
                self.minute = minute;
                rest
            }
            Chunk::Second | Chunk::ZeroSecond => {
                let (second, rest) = within(number(value, 2, chunk == Chunk::ZeroSecond)?, 0, 59, "second");
                self.second = second;
                rest
            }
            Chunk::Noon(upper) => {
                let (am, pm) = if upper { ("AM", "PM") } else { ("am", "pm") };
                self.afternoon = Some(value.starts_with(pm));
                value.strip_prefix(pm).or_else(|| value.strip_prefix(am))?
            }
            Chunk::Offset { zulu, form } => match value.strip_prefix('Z').filter(|_| zulu) {
                Some(rest) => {
                    self.offset = Some(0);
                    self.zone_name = Some("UTC".to_owned());
                    rest
                }
                None => self.offset(value, form)?,
            },
            Chunk::ZoneName => {
                let end = value.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(value.len());
                if !(3..=5).contains(&end) {
                    return None;
                }
                self.zone_name = Some(value[..end].to_owned());
                &value[end..]
            }
            Chunk::Fraction { separator, digits, trim } => {
                let Some(rest) = value
                    .strip_prefix(separator)
                    .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                else {
                    return trim.then_some(value);
                };
                let count = rest.bytes().take_while(u8::is_ascii_digit).count();
                if !trim && count < digits {
                    return None;
                }
                self.fraction(rest)
            }
        };
        self.out_of_range = out_of_range;
        Some(rest)
    }

    fn fraction<'v>(&mut self, value: &'v str) -> &'v str {
        let count = value.bytes().take_while(u8::is_ascii_digit).count();
        let digits: String = value[..count].chars().chain("000000000".chars()).take(9).collect();
        self.nanos = digits.parse().unwrap_or(0);
        &value[count..]
    }

    fn offset<'v>(&mut self, value: &'v str, form: Offset) -> Option<&'v str> {
        let sign = match value.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let colon = matches!(form, Offset::Colon | Offset::ColonSeconds);
        let parts = match form {
            Offset::Hours => 1,
            Offset::Plain | Offset::Colon => 2,
            Offset::Seconds | Offset::ColonSeconds => 3,
        };
        let mut rest = &value[1..];
        let mut seconds = 0;
        for (part, unit) in [3600, 60, 1].into_iter().take(parts).enumerate() {
            if colon && part > 0 {
                rest = rest.strip_prefix(':')?;
            }
            let (number, after) = number(rest, 2, true)?;
            seconds += number * unit;
            rest = after;
        }
        self.offset = Some(sign * seconds);
        Some(rest)
    }

    fn finish(self) -> Result<Time, &'static str> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let month = self.month.unwrap_or(1);
        let days = if let Some(day) = self.year_day {
            days_from_civil(self.year, 1, day)
        } else {
            let day = self.day.unwrap_or(1);
            let length = days_from_civil(self.year, month + 1, 1) - days_from_civil(self.year, month, 1);
            if day < 1 || day > length {
                return Err("day");
            }
            days_from_civil(self.year, month, day)
        };
        let wall = days * 86_400 + hour * 3600 + self.minute * 60 + self.second;
        let (seconds, zone) = match (self.offset, self.zone_name) {
            (Some(0), _) => (wall, Zone::Utc),
            (Some(offset), name) => (wall - offset, Zone::Fixed(offset, name.unwrap_or_default())),
            // An abbreviation that the local zone does not have is shown, and taken for UTC.
            (None, Some(name)) if name != "UTC" => (wall, Zone::Fixed(0, name)),
            (None, _) => (wall, Zone::Utc),
        };
        Ok(Time { seconds, nanos: self.nanos, zone })
    }
}

/// A text in the errors of Go's package `time`: what is no printable ASCII is written byte by byte.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='\u{7f}' => out.push(c),
            c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("\\x{byte:02x}"))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_by_its_layout() {
        for (layout, text, unix) in [
            ("2006-01-02", "2017-12-31", 1_514_678_400),
            ("2006-01-02T15:04:05Z07:00", "2020-02-29T12:00:00+02:00", 1_582_970_400),
            ("Mon, 02 Jan 2006 15:04:05 MST", "Thu, 01 Jan 1970 00:00:10 UTC", 10),
            ("3:04pm", "1:30pm", -62_167_170_600),
            ("15:04:05", "00:00:01.5", -62_167_219_199),
        ] {
            assert_eq!(parse(layout, text).unwrap().seconds, unix, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_the_layout_says_so() {
        assert_eq!(
            parse("2006-01-02", "2017/12/31").unwrap_err(),
            "parsing time \"2017/12/31\" as \"2006-01-02\": cannot parse \"/12/31\" as \"-\""
        );
        assert_eq!(
            parse("2006-01-02", "2017-02-30").unwrap_err(),
            "parsing time \"2017-02-30\": day out of range"
        );
        assert_eq!(parse("15:04", "25:00").unwrap_err(), "parsing time \"25:00\": hour out of range");
        assert_eq!(parse("2006", "2017x").unwrap_err(), "parsing time \"2017x\": extra text: \"x\"");
    }
}
