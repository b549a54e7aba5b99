//! Helm's functions on TOML: written as BurntSushi's encoder does, read by the kept crate.

use std::fmt::Write as _;
use std::rc::Rc;

use toml_edit::{Document, Item, TomlError, Value as Toml};

use super::dates::GoTime;
use super::{Call, Function, function};
use crate::helm::go::convert::downcast;
use crate::helm::go::float;
use crate::helm::go::quote::{quote, quote_char};
use crate::helm::go::time::{Time, days_from_civil};
use crate::helm::go::zone::Zone;
use crate::helm::signature::Param::{Any, Str};
use crate::helm::template::GoResult;
use crate::helm::value::{Entry, List, ListType, Map, Value};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    // What cannot be written is the text itself, or for the twin a panic.
    function("toToml", &[Any], |call| Ok(write(call)?.unwrap_or_else(Into::into).into())),
    function("mustToToml", &[Any], |call| Ok(write(call)??.into())),
    function("fromToml", &[Str], |call| {
        call.exec.spend(u64::try_from(call.text(0).len() / 16).unwrap_or(0))?;
        let text = call.text(0);
        Ok(match Document::parse(text) {
            Ok(document) => table(document.as_table().iter()).into(),
            Err(error) => Value::map([("Error", Value::from(failure(text, &error)))]),
        })
    }),
];

fn write(call: &mut Call<'_, '_>) -> GoResult<Result<String, &'static str>> {
    let value = call.take(0);
    call.check_value(&value)?;
    if value.is_nil() {
        return Err("reflect: call of reflect.Value.Type on zero Value".into());
    }
    let mut writer = Writer::default();
    Ok(writer.encode(&mut Vec::new(), &value).map(|()| writer.out))
}

const NIL_IN_LIST: &str = "toml: cannot encode array with nil element";
const NO_KEY: &str = "toml: top-level values must be Go maps or structs";

/// How TOML sees a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It is not written.
    Nothing,
    /// It stands behind its key.
    Inline,
    /// It has a header of its own.
    Table,
    /// Each of its elements has a header.
    Tables,
}

fn form(value: &Value) -> Result<Form, &'static str> {
    Ok(match value {
        Value::Nil | Value::NoValue => Form::Nothing,
        Value::Map(_) => Form::Table,
        Value::List(list) if list.nil => Form::Nothing,
        Value::List(list) if list.is_empty() => Form::Inline,
        Value::List(list) => {
            let mut all = Form::Tables;
            for element in list.values() {
                match form(element)? {
                    Form::Nothing => return Err(NIL_IN_LIST),
                    Form::Table => {}
                    Form::Inline | Form::Tables => all = Form::Inline,
                }
            }
            all
        }
        Value::Object(_) if !is_time(value) => form(&plain(value))?,
        _ => Form::Inline,
    })
}

fn is_time(value: &Value) -> bool {
    downcast::<GoTime>(value).is_some()
}

/// A Go struct as its entries.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(object) if !is_time(value) => object.json(),
        value => value.clone(),
    }
}

/// The encoder with its settings as Helm uses it: two spaces a level.
#[derive(Default)]
struct Writer {
    out: String,
}

impl Writer {
    fn encode(&mut self, path: &mut Vec<String>, value: &Value) -> Result<(), &'static str> {
        let value = plain(value);
        match (&value, form(&value)?) {
            (_, Form::Nothing) => {}
            (Value::Map(map), _) => {
                if path.len() == 1 {
                    self.newline();
                }
                if !path.is_empty() {
                    self.header(path, "[", "]");
                }
                self.entries(path, map)?;
            }
            (Value::List(list), Form::Tables) => {
                if path.is_empty() {
                    return Err(NO_KEY);
                }
                for element in list.values().map(plain) {
                    if let Value::Map(map) = &element {
                        self.newline();
                        self.header(path, "[[", "]]");
                        self.entries(path, map)?;
                    }
                }
            }
            (value, _) => match path.last() {
                None => self.element(value)?,
                Some(key) => {
                    let _ = write!(self.out, "{}{} = ", "  ".repeat(path.len() - 1), key_text(key));
                    self.element(value)?;
                    self.out.push('\n');
                }
            },
        }
        Ok(())
    }

    /// An end of line, unless nothing was written yet.
    fn newline(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn header(&mut self, path: &[String], open: &str, close: &str) {
        let keys: Vec<String> = path.iter().map(|key| key_text(key)).collect();
        let indent = "  ".repeat(path.len() - 1);
        let _ = writeln!(self.out, "{indent}{open}{}{close}", keys.join("."));
    }

    fn entries(&mut self, path: &mut Vec<String>, map: &Map) -> Result<(), &'static str> {
        for (key, entry) in in_order(map)? {
            path.push(key);
            self.encode(path, &entry.value)?;
            path.pop();
        }
        Ok(())
    }

    fn element(&mut self, value: &Value) -> Result<(), &'static str> {
        match value {
            Value::List(list) => {
                self.out.push('[');
                for (index, element) in list.values().enumerate() {
                    if index > 0 {
                        self.out.push_str(", ");
                    }
                    self.element(element)?;
                }
                self.out.push(']');
            }
            Value::Map(map) => {
                self.out.push('{');
                let entries = in_order(map)?;
                let last_inline = entries.iter().rposition(|(_, entry)| !is_table(&entry.value));
                let has_tables = last_inline.is_none_or(|last| last + 1 < entries.len());
                for (index, (key, entry)) in entries.iter().enumerate() {
                    if form(&entry.value)? == Form::Nothing {
                        continue;
                    }
                    let _ = write!(self.out, "{} = ", key_text(key));
                    self.element(&entry.value)?;
                    // Go counts what it leaves out, too: a comma may stand at the end.
                    if index + 1 < entries.len() || (Some(index) == last_inline && has_tables) {
                        self.out.push_str(", ");
                    }
                }
                self.out.push('}');
            }
            Value::Str(text) => self.out.push_str(&quoted(text)),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(int) | Value::Int64(int) => {
                let _ = write!(self.out, "{int}");
            }
            Value::Uint(int) => {
                let _ = write!(self.out, "{int}");
            }
            Value::Byte(byte) => {
                let _ = write!(self.out, "{byte}");
            }
            Value::Float(value) => self.out.push_str(&float_text(*value)),
            Value::Object(object) => match downcast::<GoTime>(value) {
                Some(time) => self.out.push_str(&time_text(&time.0)),
                None => self.element(&object.json())?,
            },
            Value::Nil | Value::NoValue => return Err(NIL_IN_LIST),
        }
        Ok(())
    }
}

fn is_table(value: &Value) -> bool {
    matches!(form(value), Ok(Form::Table | Form::Tables))
}

/// What stands behind its key comes first, then what has a header.
fn in_order(map: &Map) -> Result<Vec<(String, Entry)>, &'static str> {
    let (mut inline, mut tables) = (Vec::new(), Vec::new());
    for (key, entry) in map.snapshot() {
        let target = match form(&entry.value)? {
            Form::Table | Form::Tables => &mut tables,
            Form::Inline | Form::Nothing => &mut inline,
        };
        target.push((key.as_ref().to_owned(), entry));
    }
    inline.append(&mut tables);
    Ok(inline)
}

fn key_text(key: &str) -> String {
    if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return key.to_owned();
    }
    quoted(key)
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\x1f' | '\x7f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn float_text(value: f64) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_nan() {
        return format!("{sign}nan");
    }
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    let text = float::format(value, b'g', -1);
    if text.contains(['e', '.']) { text } else { text + ".0" }
}

const LOCAL_DATE_TIME: &str = "datetime-local";
const LOCAL_DATE: &str = "date-local";
const LOCAL_TIME: &str = "time-local";

fn time_text(time: &Time) -> String {
    let layout = match &time.zone {
        Zone::Fixed(_, name) if name == LOCAL_DATE_TIME => "2006-01-02T15:04:05.999999999",
        Zone::Fixed(_, name) if name == LOCAL_DATE => "2006-01-02",
        Zone::Fixed(_, name) if name == LOCAL_TIME => "15:04:05.999999999",
        _ => "2006-01-02T15:04:05.999999999Z07:00",
    };
    time.format(layout)
}

fn table<'t>(entries: impl Iterator<Item = (&'t str, &'t Item)>) -> Map {
    let map = Map::new();
    for (key, item) in entries {
        let value = match item {
            Item::None => continue,
            Item::Value(value) => read(value),
            Item::Table(inner) => table(inner.iter()).into(),
            Item::ArrayOfTables(tables) => {
                let tables = tables.iter().map(|inner| Entry::from(Value::Map(table(inner.iter()))));
                List::of(ListType::Maps, tables.collect()).into()
            }
        };
        map.insert(key, value);
    }
    map
}

fn read(value: &Toml) -> Value {
    match value {
        Toml::String(text) => text.value().as_str().into(),
        Toml::Integer(int) => Value::Int64(*int.value()),
        Toml::Float(float) => Value::Float(*float.value()),
        Toml::Boolean(value) => (*value.value()).into(),
        Toml::Datetime(time) => Value::Object(Rc::new(GoTime(moment(time.value())))),
        Toml::Array(array) => List::any(array.iter().map(read)).into(),
        Toml::InlineTable(inner) => {
            Value::map(inner.iter().map(|(key, value)| (key.to_owned(), read(value))))
        }
    }
}

/// A date, a time or both; what is missing is as in Go's `time.Parse`.
fn moment(time: &toml_edit::Datetime) -> Time {
    let days = time.date.map_or_else(
        || days_from_civil(0, 1, 1),
        |date| days_from_civil(date.year.into(), date.month.into(), date.day.into()),
    );
    let (seconds, nanos) = time.time.map_or((0, 0), |time| {
        let seconds = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60;
        (seconds + i64::from(time.second.unwrap_or(0)), time.nanosecond.unwrap_or(0))
    });
    let local = |name: &str| Zone::Fixed(0, name.to_owned());
    let zone = match (time.date, time.time, time.offset) {
        (_, _, Some(toml_edit::Offset::Z)) => Zone::Utc,
        (_, _, Some(toml_edit::Offset::Custom { minutes })) => {
            Zone::Fixed(i64::from(minutes) * 60, String::new())
        }
        (Some(_), Some(_), None) => local(LOCAL_DATE_TIME),
        (Some(_), None, None) => local(LOCAL_DATE),
        _ => local(LOCAL_TIME),
    };
    let offset = if let Zone::Fixed(offset, _) = &zone { *offset } else { 0 };
    Time { seconds: days * 86_400 + seconds - offset, nanos, zone }
}

/// The error in the form of BurntSushi's: the line, the key before it, and the crate's words for what is wrong.
fn failure(text: &str, error: &TomlError) -> String {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    if let Some(words) = key_without_value(text, at) {
        return format!("toml: line {line}: {words}");
    }
    let mut keys = before.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key.trim());
    let last = keys.next_back().map_or(String::new(), |key| format!(" (last key {})", quote(key)));
    format!("toml: line {line}{last}: {}", error.message().replace('\n', " "))
}

/// BurntSushi's words for a line whose key no `=` follows; `at` is somewhere on it.
fn key_without_value(text: &str, at: usize) -> Option<String> {
    const SPACE: [char; 2] = [' ', '\t'];
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let mut rest = text.get(start..)?.trim_start_matches(SPACE);
    match rest.chars().next() {
        Some('=') => return Some("unexpected '=': key name appears blank".to_owned()),
        Some('.') => return Some("unexpected '.': keys cannot start with a '.'".to_owned()),
        None | Some('[' | '#' | '\n' | '\r') => return None,
        Some(_) => {}
    }
    loop {
        rest = match rest.chars().next() {
            Some(mark @ ('"' | '\'')) => &rest[rest[1..].find(mark)? + 2..],
            _ => rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')),
        };
        rest = rest.trim_start_matches(SPACE);
        match rest.chars().next() {
            Some('.') => rest = rest[1..].trim_start_matches(SPACE),
            Some('=') => return None,
            None => return Some("unexpected EOF; expected key separator '='".to_owned()),
            Some(found) => {
                return Some(format!("expected '.' or '=', but got {} instead", quote_char(found, false)));
            }
        }
    }
}
