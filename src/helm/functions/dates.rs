//! sprig's and Helm's functions on times and durations.

use std::rc::Rc;

use super::{Call, Function, function};
use crate::helm::go::convert::{downcast, float_to_int, int_to_float};
use crate::helm::go::number::parse_float;
use crate::helm::go::parse_time;
use crate::helm::go::quote::quote;
use crate::helm::go::text::trim_space;
use crate::helm::go::time::{SECOND, Time, days_from_civil, parse_duration, show_duration};
use crate::helm::go::zone::Zone;
use crate::helm::signature::Param::{self, Any, Int, Str};
use crate::helm::signature::Signature;
use crate::helm::template::GoResult;
use crate::helm::value::{Object, Value};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("now", &[], |call| {
        call.exec.nondeterministic = true;
        Ok(time(now(call)))
    }),
    function("ago", &[Any], |call| {
        let since = now(call).since(&moment(call, 0));
        call.exec.nondeterministic = true;
        Ok(show_duration(round_to(since, SECOND)).into())
    }),
    function("date", &[Str, Any], |call| Ok(moment(call, 1).within(Zone::Utc).format(call.text(0)).into())),
    function("htmlDate", &[Any], |call| Ok(moment(call, 0).within(Zone::Utc).format("2006-01-02").into())),
    function("htmlDateInZone", &[Any, Str], |call| {
        let zone = zone(call.text(1));
        Ok(moment(call, 0).within(zone).format("2006-01-02").into())
    }),
    function("dateInZone", &[Str, Any, Str], date_in_zone),
    function("date_in_zone", &[Str, Any, Str], date_in_zone),
    function("dateModify", &[Str, Param::Time], date_modify),
    function("date_modify", &[Str, Param::Time], date_modify),
    function("mustDateModify", &[Str, Param::Time], must_date_modify),
    function("must_date_modify", &[Str, Param::Time], must_date_modify),
    function("toDate", &[Str, Str], |call| {
        Ok(time(parse_time::parse(call.text(0), call.text(1)).unwrap_or_else(|_| Time::zero())))
    }),
    function("mustToDate", &[Str, Str], |call| Ok(time(parse_time::parse(call.text(0), call.text(1))?))),
    function("unixEpoch", &[Param::Time], |call| Ok(moment(call, 0).seconds.to_string().into())),
    function("duration", &[Any], |call| {
        let seconds = match call.value(0) {
            Value::Str(text) => crate::helm::go::number::parse_int(text, 10).unwrap_or(0),
            Value::Int64(int) => *int,
            _ => 0,
        };
        Ok(show_duration(seconds.wrapping_mul(SECOND)).into())
    }),
    function("durationRound", &[Any], duration_round),
    function("mustToDuration", &[Any], |call| Ok(duration(as_duration(call.value(0))?))),
    function("durationSeconds", &[Any], |call| Ok(Value::Float(scaled(call, SECOND)))),
    function("durationMinutes", &[Any], |call| Ok(Value::Float(scaled(call, 60 * SECOND)))),
    function("durationHours", &[Any], |call| Ok(Value::Float(scaled(call, 3600 * SECOND)))),
    function("durationDays", &[Any], |call| Ok(Value::Float(scaled(call, 3600 * SECOND) / 24.0))),
    function("durationWeeks", &[Any], |call| Ok(Value::Float(scaled(call, 3600 * SECOND) / 24.0 / 7.0))),
    function("durationMilliseconds", &[Any], |call| Ok(Value::Int64(whole(call, 1_000_000)))),
    function("durationMicroseconds", &[Any], |call| Ok(Value::Int64(whole(call, 1_000)))),
    function("durationNanoseconds", &[Any], |call| Ok(Value::Int64(whole(call, 1)))),
    function("durationRoundTo", &[Any, Any], |call| Ok(duration(to_multiple(call, round_to)))),
    function("durationTruncateTo", &[Any, Any], |call| {
        Ok(duration(to_multiple(call, |nanos, unit| if unit <= 0 { nanos } else { nanos - nanos % unit })))
    }),
];

fn now(call: &Call<'_, '_>) -> Time {
    let now = call.exec.env.now;
    Time { seconds: now.as_second(), nanos: 0, zone: Zone::Utc }.plus(i64::from(now.subsec_nanosecond()))
}

/// The moment that an argument is: a time, seconds since 1970, or else now.
fn moment(call: &mut Call<'_, '_>, index: usize) -> Time {
    match call.value(index) {
        Value::Int(seconds) | Value::Int64(seconds) => Time::from_unix(*seconds),
        value => {
            if let Some(time) = downcast::<GoTime>(value) {
                return time.0.clone();
            }
            call.exec.nondeterministic = true;
            now(call)
        }
    }
}

fn zone(name: &str) -> Zone {
    Zone::load(name).unwrap_or_default()
}

fn date_in_zone(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let zone = zone(call.text(2));
    Ok(moment(call, 1).within(zone).format(call.text(0)).into())
}

fn date_modify(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let nanos = parse_duration(call.text(0)).unwrap_or(0);
    Ok(time(moment(call, 1).plus(nanos)))
}

fn must_date_modify(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let nanos = parse_duration(call.text(0))?;
    Ok(time(moment(call, 1).plus(nanos)))
}

fn duration_round(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let nanos = match call.value(0) {
        Value::Str(text) => parse_duration(text).unwrap_or(0),
        Value::Int64(int) => *int,
        value => match downcast::<GoTime>(value) {
            Some(time) => {
                let since = now(call).since(&time.0);
                call.exec.nondeterministic = true;
                since
            }
            None => 0,
        },
    };
    let total = nanos.unsigned_abs();
    let second = SECOND.unsigned_abs();
    let units = [(365 * 86_400, "y"), (30 * 86_400, "mo"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let shown = units.into_iter().find(|(seconds, _)| total > seconds * second);
    Ok(shown
        .map_or_else(|| "0s".to_owned(), |(seconds, unit)| format!("{}{unit}", total / (seconds * second)))
        .into())
}

/// `Duration.Round`: half away from zero.
fn round_to(nanos: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return nanos;
    }
    let rest = nanos % unit;
    let down = nanos - rest;
    if rest.unsigned_abs() * 2 < unit.unsigned_abs() {
        down
    } else {
        down.saturating_add(if nanos < 0 { -unit } else { unit })
    }
}

/// Helm's `asDuration`: a duration, its text, or seconds.
fn as_duration(value: &Value) -> Result<i64, String> {
    let from_seconds = |seconds: f64| {
        if !seconds.is_finite() {
            let shown = crate::helm::go::float::format(seconds, b'g', -1);
            return Err(format!("invalid duration seconds: {shown}"));
        }
        let nanos = seconds * int_to_float(SECOND);
        if nanos.abs() > int_to_float(i64::MAX) {
            let shown = crate::helm::go::float::format(seconds, b'g', -1);
            return Err(format!("duration seconds overflow: {shown}"));
        }
        Ok(float_to_int(nanos))
    };
    match value {
        Value::Str(text) => {
            let trimmed = trim_space(text);
            if trimmed.is_empty() {
                return Err("empty duration".to_owned());
            }
            if let Ok(nanos) = parse_duration(trimmed) {
                return Ok(nanos);
            }
            match parse_float(trimmed) {
                Ok(seconds) => from_seconds(seconds),
                Err(_) => Err(format!("could not parse duration {}", quote(text))),
            }
        }
        Value::Nil | Value::NoValue => Err("invalid duration".to_owned()),
        Value::Int(seconds) | Value::Int64(seconds) => {
            seconds.checked_mul(SECOND).ok_or_else(|| format!("duration seconds overflow: {seconds}"))
        }
        Value::Uint(seconds) => i64::try_from(*seconds)
            .ok()
            .and_then(|seconds| seconds.checked_mul(SECOND))
            .ok_or_else(|| format!("duration seconds overflow: {seconds}")),
        Value::Float(seconds) => from_seconds(*seconds),
        value => match downcast::<GoDuration>(value) {
            Some(duration) => Ok(duration.0),
            None => Err(format!("unsupported duration type {}", value.type_name())),
        },
    }
}

fn scaled(call: &Call<'_, '_>, unit: i64) -> f64 {
    let nanos = as_duration(call.value(0)).unwrap_or(0);
    int_to_float(nanos / unit) + int_to_float(nanos % unit) / int_to_float(unit)
}

fn whole(call: &Call<'_, '_>, unit: i64) -> i64 {
    as_duration(call.value(0)).unwrap_or(0) / unit
}

fn to_multiple(call: &Call<'_, '_>, to: fn(i64, i64) -> i64) -> i64 {
    match (as_duration(call.value(0)), as_duration(call.value(1))) {
        (Err(_), _) => 0,
        (Ok(nanos), Err(_)) => nanos,
        (Ok(nanos), Ok(unit)) => to(nanos, unit),
    }
}

/// A `time.Time`.
fn time(time: Time) -> Value {
    Value::Object(Rc::new(GoTime(time)))
}

/// A `time.Duration`.
pub fn duration(nanos: i64) -> Value {
    Value::Object(Rc::new(GoDuration(nanos)))
}

/// Go's `time.Time`.
#[derive(Debug)]
pub struct GoTime(pub Time);

impl Object for GoTime {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn kind(&self) -> &'static str {
        "struct"
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Signature> {
        match name {
            "Year" | "Month" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" | "YearDay"
            | "Weekday" | "Unix" | "UnixMilli" | "UnixNano" | "String" | "UTC" | "IsZero" => {
                Some(Signature::fixed(&[]))
            }
            "Format" => Some(Signature::fixed(&[Str])),
            "AddDate" => Some(Signature::fixed(&[Int, Int, Int])),
            "Before" | "After" | "Equal" | "Sub" => Some(Signature::fixed(&[Param::Time])),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let civil = self.0.civil();
        let int = |index: usize| match arguments.get(index) {
            Some(Value::Int(int)) => *int,
            _ => 0,
        };
        let other =
            || arguments.first().and_then(downcast::<GoTime>).map_or_else(Time::zero, |time| time.0.clone());
        let key = |time: &Time| (time.seconds, time.nanos);
        Ok(match name {
            "Year" => civil.year.into(),
            "Month" => self.0.format("January").into(),
            "Weekday" => self.0.format("Monday").into(),
            "Day" => civil.day.into(),
            "Hour" => civil.hour.into(),
            "Minute" => civil.minute.into(),
            "Second" => civil.second.into(),
            "Nanosecond" => i64::from(self.0.nanos).into(),
            "YearDay" => civil.year_day.into(),
            "Unix" => Value::Int64(self.0.seconds),
            "UnixMilli" => Value::Int64(self.0.seconds * 1000 + i64::from(self.0.nanos) / 1_000_000),
            "UnixNano" => {
                Value::Int64(self.0.seconds.wrapping_mul(SECOND).wrapping_add(i64::from(self.0.nanos)))
            }
            "UTC" => time(self.0.within(Zone::Utc)),
            "IsZero" => (key(&self.0) == key(&Time::zero())).into(),
            "Format" => {
                let layout = arguments.first().and_then(Value::as_str).unwrap_or_default();
                self.0.format(layout).into()
            }
            "AddDate" => {
                let days = days_from_civil(civil.year + int(0), civil.month + int(1), civil.day + int(2));
                let wall = days * 86_400 + civil.hour * 3600 + civil.minute * 60 + civil.second;
                time(Time { seconds: self.0.zone.to_utc(wall), ..self.0.clone() })
            }
            "Before" => (key(&self.0) < key(&other())).into(),
            "After" => (key(&self.0) > key(&other())).into(),
            "Equal" => (key(&self.0) == key(&other())).into(),
            "Sub" => duration(self.0.since(&other())),
            _ => self.0.show().into(),
        })
    }

    fn print(&self) -> String {
        self.0.show()
    }

    fn json(&self) -> Value {
        self.0.format("2006-01-02T15:04:05.999999999Z07:00").into()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Go's `time.Duration`, in nanoseconds.
#[derive(Debug)]
pub struct GoDuration(pub i64);

impl Object for GoDuration {
    fn type_name(&self) -> &'static str {
        "time.Duration"
    }

    fn kind(&self) -> &'static str {
        "int64"
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Signature> {
        let known = ["Hours", "Minutes", "Seconds", "Milliseconds", "Microseconds", "Nanoseconds", "String"];
        known.contains(&name).then(|| Signature::fixed(&[]))
    }

    fn call(&self, name: &str, _arguments: &[Value]) -> Result<Value, String> {
        let scaled =
            |unit: i64| int_to_float(self.0 / unit) + int_to_float(self.0 % unit) / int_to_float(unit);
        Ok(match name {
            "Hours" => Value::Float(scaled(3600 * SECOND)),
            "Minutes" => Value::Float(scaled(60 * SECOND)),
            "Seconds" => Value::Float(scaled(SECOND)),
            "Milliseconds" => Value::Int64(self.0 / 1_000_000),
            "Microseconds" => Value::Int64(self.0 / 1_000),
            "Nanoseconds" => Value::Int64(self.0),
            _ => self.print().into(),
        })
    }

    fn print(&self) -> String {
        show_duration(self.0)
    }

    fn number(&self) -> Option<i64> {
        Some(self.0)
    }

    fn json(&self) -> Value {
        Value::Int64(self.0)
    }

    fn truth(&self) -> bool {
        self.0 != 0
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
