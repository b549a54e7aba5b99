//! Kubernetes' cron dialect: robfig/cron v3's `ParseStandard` (parser.go), turned into explicit sets.

use super::duration::{self, DurationError};

/// Why an expression is no schedule, where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct CronError {
    /// What is wrong.
    pub problem: CronProblem,
    /// Where in the expression, in characters from 1.
    pub column: u32,
    /// What to write instead, if that can be told.
    pub hint: Option<String>,
}

/// What can be wrong with an expression, in the words of robfig/cron.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronProblem {
    /// Nothing there.
    #[error("empty spec string")]
    Empty,
    /// A time zone inside the expression, which Kubernetes refuses.
    #[error("cannot use TZ or CRON_TZ in schedule, use timeZone field instead")]
    ZoneInside,
    /// Not five fields.
    #[error("expected exactly 5 fields, found {}: [{}]", .0.len(), .0.join(" "))]
    FieldCount(Vec<String>),
    /// Not a number and not a name.
    #[error("failed to parse int from {text}: strconv.Atoi: parsing {}: {}", quote(.text), if *.out_of_range { "value out of range" } else { "invalid syntax" })]
    NotANumber {
        /// What was written.
        text: String,
        /// Whether it is a number that no integer holds.
        out_of_range: bool,
    },
    /// A step below zero.
    #[error("negative number ({number}) not allowed: {text}")]
    Negative {
        /// The number.
        number: i64,
        /// What was written.
        text: String,
    },
    /// `1-2-3`.
    #[error("too many hyphens: {0}")]
    TooManyHyphens(String),
    /// `1/2/3`.
    #[error("too many slashes: {0}")]
    TooManySlashes(String),
    /// A number that is too small for its field.
    #[error("beginning of range ({start}) below minimum ({minimum}): {text}")]
    BelowMinimum {
        /// The range's first number.
        start: u64,
        /// The field's smallest.
        minimum: u64,
        /// What was written.
        text: String,
    },
    /// A number that is too great for its field.
    #[error("end of range ({end}) above maximum ({maximum}): {text}")]
    AboveMaximum {
        /// The range's last number.
        end: u64,
        /// The field's greatest.
        maximum: u64,
        /// What was written.
        text: String,
    },
    /// `22-4`.
    #[error("beginning of range ({start}) beyond end of range ({end}): {text}")]
    Backwards {
        /// The range's first number.
        start: u64,
        /// The range's last number.
        end: u64,
        /// What was written.
        text: String,
    },
    /// `*/0`.
    #[error("step of range should be a positive number: {0}")]
    ZeroStep(String),
    /// `@every` with something that is no duration.
    #[error("failed to parse duration {text}: {reason}")]
    Duration {
        /// The whole expression.
        text: String,
        /// Go's words.
        reason: DurationError,
    },
    /// An `@` word that is not known.
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
}

/// What an expression says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// Times on the clock.
    Clock(Fields),
    /// Seconds between two runs.
    Every(i64),
}

/// The five fields as sets. Seconds are always 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub minute: Set,
    pub hour: Set,
    pub day_of_month: Set,
    pub month: Set,
    /// 0 is Sunday.
    pub day_of_week: Set,
}

/// Numbers below 63, and whether they were written as `*` or `?`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    bits: u64,
    /// Not restricted: of two day fields, such a one leaves the choice to the other.
    pub star: bool,
}

impl Set {
    fn range(start: u64, end: u64, step: u64) -> Self {
        let mut bits = 0;
        let mut number = start;
        while number <= end {
            bits |= 1 << number;
            number = number.saturating_add(step);
        }
        Self { bits, star: false }
    }

    fn one(number: u64) -> Self {
        Self { bits: 1 << number, star: false }
    }

    fn union(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits, star: self.star || other.star }
    }

    pub fn contains(self, number: u64) -> bool {
        number < 63 && self.bits & (1 << number) != 0
    }

    pub fn numbers(self) -> impl Iterator<Item = u64> {
        (0..63).filter(move |number| self.contains(*number))
    }
}

struct Bounds {
    min: u64,
    max: u64,
    names: &'static [&'static str],
}

impl Bounds {
    fn all(&self) -> Set {
        Set { star: true, ..Set::range(self.min, self.max, 1) }
    }
}

const MINUTE: Bounds = Bounds { min: 0, max: 59, names: &[] };
const HOUR: Bounds = Bounds { min: 0, max: 23, names: &[] };
const DAY_OF_MONTH: Bounds = Bounds { min: 1, max: 31, names: &[] };
const MONTH: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const DAY_OF_WEEK: Bounds =
    Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// The words that stand for a schedule.
const DESCRIPTORS: [&str; 8] =
    ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@every"];

pub(super) fn parse(text: &str) -> Result<Expression, CronError> {
    let fail = |problem, column, hint: Option<&str>| {
        Err(CronError { problem, column, hint: hint.map(str::to_owned) })
    };
    if text.is_empty() {
        return fail(CronProblem::Empty, 1, Some("write five fields, for example `*/5 * * * *`"));
    }
    // Kubernetes looks for these two letters anywhere (pkg/apis/batch/validation).
    if let Some(position) = text.find("TZ") {
        let start = text[..position].strip_suffix("CRON_").map_or(position, str::len);
        return fail(CronProblem::ZoneInside, column_of(text, start), None);
    }
    if text.starts_with('@') {
        return descriptor(text);
    }
    let fields = split(text);
    let [minute, hour, day_of_month, month, day_of_week] = fields[..] else {
        let hint = match fields.len() {
            6 => "there is no field for seconds here: leave the first one out",
            7 => "there are no fields for seconds and years here: leave the first and the last out",
            _ => "write minute, hour, day of month, month and day of week, for example `*/5 * * * *`",
        };
        let found = fields.iter().map(|(_, field)| (*field).to_owned()).collect();
        return fail(CronProblem::FieldCount(found), 1, Some(hint));
    };
    let set = |(start, text_of_field): (usize, &str), bounds: &Bounds| {
        field(text_of_field, bounds).map_err(|(offset, problem)| CronError {
            hint: hint(&problem, bounds),
            problem,
            column: column_of(text, start + offset),
        })
    };
    Ok(Expression::Clock(Fields {
        minute: set(minute, &MINUTE)?,
        hour: set(hour, &HOUR)?,
        day_of_month: set(day_of_month, &DAY_OF_MONTH)?,
        month: set(month, &MONTH)?,
        day_of_week: set(day_of_week, &DAY_OF_WEEK)?,
    }))
}

fn descriptor(text: &str) -> Result<Expression, CronError> {
    let midnight = Fields {
        minute: Set::one(0),
        hour: Set::one(0),
        day_of_month: DAY_OF_MONTH.all(),
        month: MONTH.all(),
        day_of_week: DAY_OF_WEEK.all(),
    };
    let fields = match text {
        "@yearly" | "@annually" => Fields { day_of_month: Set::one(1), month: Set::one(1), ..midnight },
        "@monthly" => Fields { day_of_month: Set::one(1), ..midnight },
        "@weekly" => Fields { day_of_week: Set::one(0), ..midnight },
        "@daily" | "@midnight" => midnight,
        "@hourly" => Fields { hour: HOUR.all(), ..midnight },
        _ => {
            let Some(interval) = text.strip_prefix("@every ") else {
                return Err(CronError {
                    hint: Some(descriptor_hint(text)),
                    problem: CronProblem::Descriptor(text.to_owned()),
                    column: 1,
                });
            };
            let nanoseconds = duration::parse(interval).map_err(|reason| CronError {
                problem: CronProblem::Duration { text: text.to_owned(), reason },
                column: 8,
                hint: Some("write hours, minutes and seconds, for example `@every 1h30m`".to_owned()),
            })?;
            return Ok(Expression::Every((nanoseconds / 1_000_000_000).max(1)));
        }
    };
    Ok(Expression::Clock(fields))
}

fn descriptor_hint(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or(text).to_lowercase();
    DESCRIPTORS
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(known, &word), known))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map_or_else(
            || format!("known are {}", DESCRIPTORS.join(", ")),
            |(_, known)| {
                if known == "@every" {
                    "write a duration after it, for example `@every 10m`".to_owned()
                } else {
                    format!("did you mean `{known}`?")
                }
            },
        )
}

/// The fields with the byte offsets of their beginnings.
fn split(text: &str) -> Vec<(usize, &str)> {
    text.split_whitespace().map(|field| (field.as_ptr() as usize - text.as_ptr() as usize, field)).collect()
}

fn column_of(text: &str, offset: usize) -> u32 {
    u32::try_from(text.get(..offset).unwrap_or(text).chars().count() + 1).unwrap_or(u32::MAX)
}

/// A problem with its byte offset in the field.
type Placed = (usize, CronProblem);

fn field(text: &str, bounds: &Bounds) -> Result<Set, Placed> {
    let mut set = Set::default();
    let mut offset = 0;
    for part in text.split(',') {
        // As in robfig/cron, an empty part is no part.
        if !part.is_empty() {
            let found = range(part, bounds).map_err(|problem| (offset, problem))?;
            set = set.union(found);
        }
        offset += part.len() + 1;
    }
    Ok(set)
}

/// `number`, `number-number`, `*`, each with or without `/step`.
fn range(text: &str, bounds: &Bounds) -> Result<Set, CronProblem> {
    let slashes: Vec<&str> = text.split('/').collect();
    let hyphens: Vec<&str> = slashes[0].split('-').collect();
    let single = hyphens.len() == 1;
    let mut star = matches!(hyphens[0], "*" | "?");
    let (start, mut end) = if star {
        (bounds.min, bounds.max)
    } else {
        let start = number_or_name(hyphens[0], bounds)?;
        match hyphens[1..] {
            [] => (start, start),
            [end] => (start, number_or_name(end, bounds)?),
            _ => return Err(CronProblem::TooManyHyphens(text.to_owned())),
        }
    };
    let step = match slashes[1..] {
        [] => 1,
        [step] => {
            let step = number(step)?;
            // `N/step` means from N to the end.
            if single {
                end = bounds.max;
            }
            if step > 1 {
                star = false;
            }
            step
        }
        _ => return Err(CronProblem::TooManySlashes(text.to_owned())),
    };
    let text = text.to_owned();
    if start < bounds.min {
        return Err(CronProblem::BelowMinimum { start, minimum: bounds.min, text });
    }
    if end > bounds.max {
        return Err(CronProblem::AboveMaximum { end, maximum: bounds.max, text });
    }
    if start > end {
        return Err(CronProblem::Backwards { start, end, text });
    }
    if step == 0 {
        return Err(CronProblem::ZeroStep(text));
    }
    Ok(Set { star, ..Set::range(start, end, step) })
}

fn number_or_name(text: &str, bounds: &Bounds) -> Result<u64, CronProblem> {
    let name = text.to_lowercase();
    match bounds.names.iter().position(|known| *known == name) {
        Some(index) => Ok(bounds.min + index as u64),
        None => number(text),
    }
}

/// Go's `strconv.Atoi`, refusing what is below zero.
fn number(text: &str) -> Result<u64, CronProblem> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let number: i64 = text.parse().map_err(|error: std::num::ParseIntError| CronProblem::NotANumber {
        text: text.to_owned(),
        out_of_range: matches!(error.kind(), PosOverflow | NegOverflow),
    })?;
    u64::try_from(number).map_err(|_| CronProblem::Negative { number, text: text.to_owned() })
}

fn hint(problem: &CronProblem, bounds: &Bounds) -> Option<String> {
    let names = |text: &str| {
        let word = text.to_lowercase();
        let near = bounds.names.iter().find(|name| word.starts_with(**name) && word != **name)?;
        Some(format!("names have three letters: `{near}`"))
    };
    match problem {
        CronProblem::NotANumber { text, .. } => names(text).or_else(|| {
            let foreign = text.contains(['L', 'W', '#', 'H']);
            foreign.then(|| "Kubernetes knows no `L`, `W`, `#` or `H`: name the days themselves".to_owned())
        }),
        CronProblem::AboveMaximum { end: 7, maximum: 6, .. } => Some("Sunday is 0 here".to_owned()),
        CronProblem::AboveMaximum { end: 24, maximum: 23, .. } => Some("midnight is hour 0".to_owned()),
        CronProblem::AboveMaximum { end: 60, maximum: 59, .. } => {
            Some("the full hour is minute 0".to_owned())
        }
        CronProblem::Backwards { start, end, .. } => {
            Some(format!("write it as two ranges: `{start}-{},{}-{end}`", bounds.max, bounds.min))
        }
        _ => None,
    }
}

/// Go's `strconv.Quote`, for what can stand in an expression.
pub(super) fn quote(text: &str) -> String {
    use std::fmt::Write;
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => _ = write!(quoted, "\\x{:02x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (u32, String, String) {
        let error = parse(text).unwrap_err();
        (error.column, error.to_string(), error.hint.unwrap_or_default())
    }

    #[test]
    fn an_error_names_the_column_and_a_way_out() {
        assert_eq!(
            error("*/5 * * * 1,7"),
            (13, "end of range (7) above maximum (6): 7".to_owned(), "Sunday is 0 here".to_owned())
        );
        assert_eq!(
            error("0 22-4 * * *"),
            (
                3,
                "beginning of range (22) beyond end of range (4): 22-4".to_owned(),
                "write it as two ranges: `22-23,0-4`".to_owned()
            )
        );
        assert_eq!(error("0 0 * * Monday").2, "names have three letters: `mon`");
        assert!(error("0 0 L * *").2.contains("knows no `L`"));
        assert!(error("0 */5 * * * *").2.contains("leave the first one out"));
        assert_eq!(error("@hourley").2, "did you mean `@hourly`?");
    }

    #[test]
    fn a_time_zone_inside_is_refused_in_the_words_of_kubernetes() {
        for text in ["TZ=Europe/Berlin 0 0 * * *", "CRON_TZ=UTC @daily"] {
            assert_eq!(
                error(text),
                (
                    1,
                    "cannot use TZ or CRON_TZ in schedule, use timeZone field instead".to_owned(),
                    String::new()
                )
            );
        }
    }
}
