//! The next time that a clock shows what a schedule says.

use std::str::FromStr;

use chrono::{DateTime, Datelike, Utc};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::parse::{Fields, Set};
use super::walk;

/// A schedule by the clock, with its searches prepared.
///
/// The `cron` crate searches where the clock runs evenly. It is given explicit sets, since it reads the same text otherwise
/// (its Sunday is 1, and both day fields must match); where either day field may match there are two searches. Where the
/// clock is changed on the way, [`walk`] goes as robfig/cron goes.
#[derive(Clone, Debug)]
pub(super) struct ClockSearch {
    fields: Fields,
    searches: Vec<cron::Schedule>,
}

impl ClockSearch {
    pub fn new(fields: Fields) -> Self {
        let Fields { day_of_month, day_of_week, .. } = fields;
        let searches = if day_of_month.star || day_of_week.star {
            vec![search(&fields, &list(day_of_month, 0), &list(day_of_week, 1))]
        } else {
            vec![search(&fields, &list(day_of_month, 0), "*"), search(&fields, "*", &list(day_of_week, 1))]
        };
        Self { fields, searches: searches.into_iter().flatten().collect() }
    }

    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    pub fn next_after(&self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.searches.is_empty() {
            return None;
        }
        self.in_even_time(time, zone).or_else(|| walk::next_after(&self.fields, time, zone))
    }

    /// The answer if the clock is not changed between the beginning of the month and it.
    pub(super) fn in_even_time(&self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let offset = zone.to_offset(time);
        let shift = i64::from(offset.seconds());
        let wall = DateTime::<Utc>::from_timestamp(super::floor(time) + shift, 0)?;
        let found = self.searches.iter().filter_map(|search| search.after(&wall).next()).min()?;
        if found.year() > wall.year() + walk::YEARS {
            return None;
        }
        let found = Timestamp::from_second(found.timestamp() - shift).ok()?;
        let month = offset.to_datetime(time).date().first_of_month();
        let before_month = offset.to_timestamp(month.yesterday().ok()?.at(23, 59, 59, 0)).ok()?;
        let even = zone
            .following(before_month)
            .take_while(|change| change.timestamp() <= found)
            .all(|change| change.offset() == offset);
        (even && zone.to_offset(before_month) == offset).then_some(found)
    }
}

/// A search for the fields with these days; `None` if a set is empty.
fn search(fields: &Fields, days_of_month: &str, days_of_week: &str) -> Option<cron::Schedule> {
    let Fields { minute, hour, month, .. } = fields;
    let expression = format!(
        "0 {} {} {days_of_month} {} {days_of_week}",
        list(*minute, 0),
        list(*hour, 0),
        list(*month, 0)
    );
    cron::Schedule::from_str(&expression).ok()
}

/// The set as a list in the crate's form, its numbers moved by `shift`.
fn list(set: Set, shift: u64) -> String {
    set.numbers().map(|number| (number + shift).to_string()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::parse::{self, Expression};
    use crate::schedule::zone;

    fn clock(text: &str) -> ClockSearch {
        match parse::parse(text).unwrap() {
            Expression::Clock(fields) => ClockSearch::new(fields),
            Expression::Every(_) => panic!("{text} is no clock schedule"),
        }
    }

    #[test]
    fn in_even_time_the_search_and_the_walk_agree() {
        let expressions = [
            "* * * * *",
            "*/7 */5 * * *",
            "0 0 * * 1",
            "0 0 13 * 5",
            "30 2 29 2 *",
            "0 0 31 * *",
            "5,50 4-6 1-7 */3 mon",
            "0 0 1 1 *",
            "59 23 30 4,6,9,11 sun",
            "0 12 */10 * */3",
        ];
        let mut compared = 0;
        for text in expressions {
            let search = clock(text);
            for name in ["Etc/UTC", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Pacific/Chatham"] {
                let zone = zone(name).unwrap();
                for step in 0..60 {
                    let time = Timestamp::from_second(1_760_000_000 + step * 1_234_567).unwrap();
                    if let Some(found) = search.in_even_time(time, &zone) {
                        assert_eq!(
                            Some(found),
                            walk::next_after(&search.fields, time, &zone),
                            "{text} {name} {time}"
                        );
                        compared += 1;
                    }
                }
            }
        }
        assert!(compared > 1500, "only {compared} cases lay in even time");
    }

    #[test]
    fn a_date_that_never_comes_has_no_next_run() {
        let zone = zone("Etc/UTC").unwrap();
        for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", ", * * * *"] {
            assert_eq!(
                clock(text).next_after(Timestamp::from_second(1_760_000_000).unwrap(), &zone),
                None,
                "{text}"
            );
        }
    }
}
