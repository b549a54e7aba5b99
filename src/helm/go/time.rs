//! Go's `time.Time` and `time.Duration`: layouts, parsing, printing.

use super::parse_time::quote;
use super::zone::Zone;

/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A moment, with the zone in which it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// Seconds since 1970 in UTC.
    pub seconds: i64,
    /// Nanoseconds of the second.
    pub nanos: u32,
    /// The zone.
    pub zone: Zone,
}

/// A moment as a calendar and a clock show it.
#[derive(Clone, Debug)]
pub struct Civil {
    /// The year.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 is Sunday.
    pub weekday: usize,
    /// From 1.
    pub year_day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
    /// From UTC, in seconds.
    pub offset: i64,
    /// The zone's abbreviation.
    pub zone: String,
}

/// Days since 1970 of a date; months and days beyond their range carry over.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year + day - 1 - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

impl Time {
    /// Go's zero time: January 1 of year 1.
    pub fn zero() -> Self {
        Self { seconds: -62_135_596_800, nanos: 0, zone: Zone::Utc }
    }

    /// A moment in UTC.
    pub fn from_unix(seconds: i64) -> Self {
        Self { seconds, nanos: 0, zone: Zone::Utc }
    }

    /// The same moment in another zone.
    pub fn within(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// The moment so many nanoseconds later.
    pub fn plus(&self, nanos: i64) -> Self {
        let total = i64::from(self.nanos) + nanos.rem_euclid(SECOND);
        let seconds = self.seconds.saturating_add(nanos.div_euclid(SECOND)).saturating_add(total / SECOND);
        Self { seconds, nanos: u32::try_from(total % SECOND).unwrap_or(0), zone: self.zone.clone() }
    }

    /// The nanoseconds from another moment to this one, within what a duration holds.
    pub fn since(&self, other: &Self) -> i64 {
        let seconds = i128::from(self.seconds) - i128::from(other.seconds);
        let nanos = seconds * i128::from(SECOND) + i128::from(self.nanos) - i128::from(other.nanos);
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// What calendar and clock show.
    pub fn civil(&self) -> Civil {
        let (offset, zone) = self.zone.at(self.seconds);
        let wall = self.seconds.saturating_add(offset);
        let days = wall.div_euclid(86_400);
        let (year, month, day) = civil_from_days(days);
        let clock = wall.rem_euclid(86_400);
        Civil {
            year,
            month,
            day,
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or(0),
            year_day: days - days_from_civil(year, 1, 1) + 1,
            hour: clock / 3600,
            minute: clock / 60 % 60,
            second: clock % 60,
            offset,
            zone,
        }
    }

    /// `Time.Format`.
    pub fn format(&self, layout: &str) -> String {
        let civil = self.civil();
        let mut out = String::new();
        let mut rest = layout;
        while let Some((before, chunk, after)) = next_chunk(rest) {
            out.push_str(before);
            self.push_chunk(&mut out, &civil, chunk);
            rest = after;
        }
        out + rest
    }

    /// `Time.String`, without the monotonic clock.
    pub fn show(&self) -> String {
        self.format("2006-01-02 15:04:05.999999999 -0700 MST")
    }

    fn push_chunk(&self, out: &mut String, civil: &Civil, chunk: Chunk) {
        let twelve = match civil.hour % 12 {
            0 => 12,
            hour => hour,
        };
        let month = MONTHS[usize::try_from(civil.month - 1).unwrap_or(0) % 12];
        let text = match chunk {
            Chunk::LongMonth => month.to_owned(),
            Chunk::Month => month[..3].to_owned(),
            Chunk::NumMonth => civil.month.to_string(),
            Chunk::ZeroMonth => format!("{:02}", civil.month),
            Chunk::LongWeekDay => DAYS[civil.weekday].to_owned(),
            Chunk::WeekDay => DAYS[civil.weekday][..3].to_owned(),
            Chunk::Day => civil.day.to_string(),
            Chunk::UnderDay => format!("{:2}", civil.day),
            Chunk::ZeroDay => format!("{:02}", civil.day),
            Chunk::UnderYearDay => format!("{:3}", civil.year_day),
            Chunk::ZeroYearDay => format!("{:03}", civil.year_day),
            Chunk::Hour => format!("{:02}", civil.hour),
            Chunk::Hour12 => twelve.to_string(),
            Chunk::ZeroHour12 => format!("{twelve:02}"),
            Chunk::Minute => civil.minute.to_string(),
            Chunk::ZeroMinute => format!("{:02}", civil.minute),
            Chunk::Second => civil.second.to_string(),
            Chunk::ZeroSecond => format!("{:02}", civil.second),
            Chunk::LongYear => format!("{:04}", civil.year),
            Chunk::Year => format!("{:02}", civil.year.rem_euclid(100)),
            Chunk::Noon(upper) => match (civil.hour >= 12, upper) {
                (true, true) => "PM".to_owned(),
                (false, true) => "AM".to_owned(),
                (true, false) => "pm".to_owned(),
                (false, false) => "am".to_owned(),
            },
            Chunk::ZoneName if civil.zone.is_empty() => offset_text(civil.offset, Offset::Plain),
            Chunk::ZoneName => civil.zone.clone(),
            Chunk::Offset { zulu: true, .. } if civil.offset == 0 => "Z".to_owned(),
            Chunk::Offset { form, .. } => offset_text(civil.offset, form),
            Chunk::Fraction { separator, digits, trim } => {
                let full = format!("{:09}", self.nanos);
                let cut = &full[..digits.min(9)];
                let cut = if trim { cut.trim_end_matches('0') } else { cut };
                if cut.is_empty() { String::new() } else { format!("{separator}{cut}") }
            }
        };
        out.push_str(&text);
    }
}

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offset {
    /// `-07`
    Hours,
    /// `-0700`
    Plain,
    /// `-07:00`
    Colon,
    /// `-070000`
    Seconds,
    /// `-07:00:00`
    ColonSeconds,
}

fn offset_text(offset: i64, form: Offset) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes, seconds) = (offset.abs() / 3600, offset.abs() / 60 % 60, offset.abs() % 60);
    match form {
        Offset::Hours => format!("{sign}{hours:02}"),
        Offset::Plain => format!("{sign}{hours:02}{minutes:02}"),
        Offset::Colon => format!("{sign}{hours:02}:{minutes:02}"),
        Offset::Seconds => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        Offset::ColonSeconds => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// A part of a layout that stands for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    Noon(bool),
    ZoneName,
    Offset { zulu: bool, form: Offset },
    Fraction { separator: char, digits: usize, trim: bool },
}

/// The chunks that begin with fixed text, the longer before its beginnings.
const CHUNKS: &[(&str, Chunk)] = &[
    ("January", Chunk::LongMonth),
    ("Jan", Chunk::Month),
    ("Monday", Chunk::LongWeekDay),
    ("Mon", Chunk::WeekDay),
    ("MST", Chunk::ZoneName),
    ("01", Chunk::ZeroMonth),
    ("002", Chunk::ZeroYearDay),
    ("02", Chunk::ZeroDay),
    ("03", Chunk::ZeroHour12),
    ("04", Chunk::ZeroMinute),
    ("05", Chunk::ZeroSecond),
    ("06", Chunk::Year),
    ("15", Chunk::Hour),
    ("1", Chunk::NumMonth),
    ("2006", Chunk::LongYear),
    ("2", Chunk::Day),
    ("__2", Chunk::UnderYearDay),
    ("_2", Chunk::UnderDay),
    ("3", Chunk::Hour12),
    ("4", Chunk::Minute),
    ("5", Chunk::Second),
    ("PM", Chunk::Noon(true)),
    ("pm", Chunk::Noon(false)),
    ("-07:00:00", Chunk::Offset { zulu: false, form: Offset::ColonSeconds }),
    ("-07:00", Chunk::Offset { zulu: false, form: Offset::Colon }),
    ("-070000", Chunk::Offset { zulu: false, form: Offset::Seconds }),
    ("-0700", Chunk::Offset { zulu: false, form: Offset::Plain }),
    ("-07", Chunk::Offset { zulu: false, form: Offset::Hours }),
    ("Z07:00:00", Chunk::Offset { zulu: true, form: Offset::ColonSeconds }),
    ("Z07:00", Chunk::Offset { zulu: true, form: Offset::Colon }),
    ("Z070000", Chunk::Offset { zulu: true, form: Offset::Seconds }),
    ("Z0700", Chunk::Offset { zulu: true, form: Offset::Plain }),
    ("Z07", Chunk::Offset { zulu: true, form: Offset::Hours }),
];

/// What stands before the next chunk of a layout, the chunk, and what follows.
pub(super) fn next_chunk(layout: &str) -> Option<(&str, Chunk, &str)> {
    for (at, _) in layout.char_indices() {
        let rest = &layout[at..];
        if let Some((text, chunk)) = CHUNKS.iter().find(|(text, _)| rest.starts_with(text)) {
            // `_2006` is an underscore and a year, and `Janet` is no month.
            if *chunk == Chunk::UnderDay && rest.starts_with("_2006") {
                return Some((&layout[..=at], Chunk::LongYear, &rest[5..]));
            }
            let word = matches!(chunk, Chunk::Month | Chunk::WeekDay);
            if !(word && rest[3..].starts_with(|c: char| c.is_ascii_lowercase())) {
                return Some((&layout[..at], *chunk, &rest[text.len()..]));
            }
        }
        if let Some(separator) = rest.chars().next().filter(|c| matches!(c, '.' | ',')) {
            let mark = rest[1..].chars().next().filter(|c| matches!(c, '0' | '9'));
            if let Some(mark) = mark {
                let digits = rest[1..].chars().take_while(|c| *c == mark).count();
                let after = &rest[1 + digits..];
                if !after.starts_with(|c: char| c.is_ascii_digit()) {
                    return Some((
                        &layout[..at],
                        Chunk::Fraction { separator, digits, trim: mark == '9' },
                        after,
                    ));
                }
            }
        }
    }
    None
}

/// The number of a month or weekday that a text begins with, and the rest.
pub(super) fn named(text: &str, long: bool, months: bool) -> Option<(usize, &str)> {
    let names: &[&str] = if months { &MONTHS } else { &DAYS };
    names.iter().enumerate().find_map(|(index, name)| {
        let name = if long { name } else { &name[..3] };
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| (index, &text[name.len()..]))
    })
}

/// `Duration.String`: `1h2m3.5s`.
pub fn show_duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let digits = unit.ilog10() as usize;
        let fraction = format!("{:0digits$}", value % unit);
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() { (value / unit).to_string() } else { format!("{}.{fraction}", value / unit) }
    };
    if total < 1000 {
        return format!("{sign}{total}ns");
    }
    if total < 1_000_000 {
        return format!("{sign}{}µs", fraction(total, 1000));
    }
    if total < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(total, 1_000_000));
    }
    let minute = 60 * 1_000_000_000;
    let (minutes, rest) = (total / minute, total % minute);
    let seconds = fraction(rest, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `time.ParseDuration`, in nanoseconds. The error is Go's text.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let whole = &rest[..digits];
        rest = &rest[digits..];
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            fraction = &after[..digits];
            rest = &after[digits..];
        }
        if whole.is_empty() && fraction.is_empty() || whole.len() > 19 {
            return Err(invalid());
        }
        let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        let unit: i128 = match &rest[..end] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "" => return Err(format!("time: missing unit in duration {}", quote(text))),
            unit => return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text))),
        };
        rest = &rest[end..];
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let fraction = &fraction[..fraction.len().min(18)];
        let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| invalid())? };
        total += whole * unit + part * unit / 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_shows_each_part_of_a_moment() {
        let time =
            Time { seconds: 1_136_214_245, nanos: 123_456_000, zone: Zone::load("America/Denver").unwrap() };
        for (layout, want) in [
            ("2006-01-02T15:04:05Z07:00", "2006-01-02T08:04:05-07:00"),
            ("Mon Jan _2 15:04:05 MST 2006", "Mon Jan  2 08:04:05 MST 2006"),
            ("Monday, January 2, 2006 at 3:04pm", "Monday, January 2, 2006 at 8:04am"),
            ("06/1/2 03:4:5 PM .000 .999999999 002 __2", "06/1/2 08:4:5 AM .123 .123456 002   2"),
            ("20060102150405", "20060102080405"),
            ("-0700 -07 Janet", "-0700 -07 Janet"),
        ] {
            assert_eq!(time.format(layout), want, "{layout}");
        }
        assert_eq!(Time::from_unix(0).format("2006-01-02T15:04:05Z07:00"), "1970-01-01T00:00:00Z");
        assert_eq!(Time::zero().show(), "0001-01-01 00:00:00 +0000 UTC");
    }

    #[test]
    fn durations_are_read_and_shown() {
        for (text, shown) in [
            ("1h2m3s", "1h2m3s"),
            ("90m", "1h30m0s"),
            ("1.5s", "1.5s"),
            ("-2h", "-2h0m0s"),
            ("100ms", "100ms"),
            ("1us", "1µs"),
        ] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), shown);
        }
        assert_eq!(parse_duration("3").unwrap_err(), "time: missing unit in duration \"3\"");
        assert_eq!(parse_duration("1d").unwrap_err(), "time: unknown unit \"d\" in duration \"1d\"");
    }
}
