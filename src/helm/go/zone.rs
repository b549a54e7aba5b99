//! Time zones as Go's `time.LoadLocation` knows them.

use chrono::{Offset as _, TimeZone as _};
use chrono_tz::OffsetName as _;

/// A time zone. The local one is UTC: what a chart renders must not depend on the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// UTC.
    #[default]
    Utc,
    /// A constant offset in seconds, with its name where the text had one.
    Fixed(i64, String),
    /// A zone of the IANA database.
    Named(chrono_tz::Tz),
}

impl Zone {
    /// `time.LoadLocation`; `None` for a name that is not known.
    pub fn load(name: &str) -> Option<Self> {
        match name {
            "" | "UTC" | "Local" => Some(Self::Utc),
            name => name.parse().ok().map(Self::Named),
        }
    }

    /// The offset from UTC in seconds and the abbreviation, at a second since 1970 in UTC.
    pub fn at(&self, seconds: i64) -> (i64, String) {
        match self {
            Self::Utc => (0, "UTC".to_owned()),
            Self::Fixed(offset, name) => (*offset, name.clone()),
            Self::Named(zone) => match chrono::DateTime::from_timestamp(seconds, 0) {
                Some(utc) => {
                    let offset = zone.offset_from_utc_datetime(&utc.naive_utc());
                    let name = offset.abbreviation().map(str::to_owned);
                    let seconds = i64::from(offset.fix().local_minus_utc());
                    (seconds, name.unwrap_or_else(|| offset_name(seconds)))
                }
                None => (0, "UTC".to_owned()),
            },
        }
    }

    /// The second since 1970 in UTC of a wall clock's second.
    pub fn to_utc(&self, wall: i64) -> i64 {
        let (guess, _) = self.at(wall);
        let utc = wall - guess;
        let (offset, _) = self.at(utc);
        if offset == guess {
            return utc;
        }
        // Near a change: try the other side, and keep it if it names this wall clock.
        let other = wall - offset;
        if self.at(other).0 == offset { other } else { utc }
    }
}

/// The name that Go shows for a zone without one.
fn offset_name(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    if minutes % 60 == 0 {
        format!("{sign}{:02}", minutes / 60)
    } else {
        format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
    }
}
