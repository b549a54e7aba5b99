//! Schedules in words.

use super::parse::{Fields, Set};

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

pub(super) fn every(seconds: i64) -> String {
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}"));
    format!("every {}", parts.collect::<String>())
}

pub(super) fn clock(fields: &Fields) -> String {
    let mut days = Vec::new();
    if !fields.day_of_month.star {
        days.push(format!(" on day {} of the month", list(fields.day_of_month, |n| n.to_string())));
    }
    if !fields.day_of_week.star {
        days.push(format!(" on {}", list(fields.day_of_week, |n| name(&DAYS, n))));
    }
    let months = list(fields.month, |n| name(&MONTHS, n.saturating_sub(1)));
    let months = if fields.month.star { String::new() } else { format!(" in {months}") };
    format!("{}{}{months}", time_of_day(fields.minute, fields.hour), days.join(" and"))
}

fn time_of_day(minute: Set, hour: Set) -> String {
    let minutes: Vec<u64> = minute.numbers().collect();
    let hours: Vec<u64> = hour.numbers().collect();
    let during = || match step(&hours, 24) {
        Some(1) => String::new(),
        Some(n) => format!(" of every {n}th hour"),
        None => format!(" of hour {}", list(hour, |n| n.to_string())),
    };
    match (step(&minutes, 60), &minutes[..]) {
        (Some(1), _) => format!("every minute{}", during()),
        (Some(n), _) => format!("every {n} minutes{}", during()),
        (None, [0]) if hours.len() == 24 => "every hour".to_owned(),
        (None, [0]) if step(&hours, 24).is_some() => format!("every {} hours", 24 / hours.len()),
        (None, _) if minutes.len() * hours.len() <= 4 && !minutes.is_empty() && !hours.is_empty() => {
            let times = hours.iter().flat_map(|h| minutes.iter().map(move |m| format!("{h:02}:{m:02}")));
            format!("at {}", joined(&times.collect::<Vec<_>>()))
        }
        _ => format!("at minute {}{}", list(minute, |n| n.to_string()), during()),
    }
}

/// The step, if the numbers are all multiples of it below `end`.
fn step(numbers: &[u64], end: u64) -> Option<u64> {
    let [0, second, ..] = numbers else { return None };
    let even = end.is_multiple_of(*second)
        && numbers.iter().copied().eq((0..end).step_by(usize::try_from(*second).ok()?));
    even.then_some(*second)
}

fn name(names: &[&str], index: u64) -> String {
    usize::try_from(index)
        .ok()
        .and_then(|index| names.get(index))
        .map_or_else(String::new, |name| (*name).to_owned())
}

/// `1, 3 and 5 to 9`.
fn list(set: Set, show: impl Fn(u64) -> String) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in set.numbers() {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => runs.push((number, number)),
        }
    }
    let runs = runs.into_iter().flat_map(|(start, end)| match end - start {
        0 => vec![show(start)],
        1 => vec![show(start), show(end)],
        _ => vec![format!("{} to {}", show(start), show(end))],
    });
    joined(&runs.collect::<Vec<_>>())
}

fn joined(parts: &[String]) -> String {
    match parts {
        [] => "never".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use crate::schedule::Schedule;

    #[test]
    fn common_schedules_read_as_people_say_them() {
        for (text, words) in [
            ("*/5 * * * *", "every 5 minutes"),
            ("* * * * *", "every minute"),
            ("@hourly", "every hour"),
            ("0 */6 * * *", "every 6 hours"),
            ("30 2 * * *", "at 02:30"),
            ("30 2 * * 1-5", "at 02:30 on Monday to Friday"),
            ("0 0 1,15 * *", "at 00:00 on day 1 and 15 of the month"),
            ("0 0 13 * fri", "at 00:00 on day 13 of the month and on Friday"),
            ("15 * * * *", "at minute 15"),
            ("*/10 9-17 * * *", "every 10 minutes of hour 9 to 17"),
            ("@yearly", "at 00:00 on day 1 of the month in January"),
            ("@every 1h30m", "every 1h30m"),
        ] {
            assert_eq!(Schedule::parse(text).unwrap().in_words(), words, "{text}");
        }
    }
}
