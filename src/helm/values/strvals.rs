//! `--set` and its kin: the grammar of Helm's pkg/strvals, with its words for what is wrong.

use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use super::merge_maps;
use crate::helm::go::quote::{quote, quote_char};
use crate::helm::template::HelmVersion;
use crate::helm::value::{Entry, List, ListType, Map, OriginId, Value};

/// The highest index that a list may be given.
const MAX_INDEX: i64 = 65536;

/// How many dots a name may have.
const MAX_DOTS: usize = 30;

/// Reads the file that `--set-file` names. The error is the reason.
pub type FileReader = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// One flag of the command line, with its text.
#[derive(Clone)]
pub enum SetFlag {
    /// `--set a.b=1,c[0]=x`.
    Typed(String),
    /// `--set-string`: all values are text.
    Text(String),
    /// `--set-json`: a whole object, or `a=<JSON>`.
    Json(String),
    /// `--set-file`: values are paths of files.
    File(String, FileReader),
    /// `--set-literal`: nothing in the value has a meaning.
    Literal(String),
}

impl fmt::Debug for SetFlag {
    /// The flag's name only: its text may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a flag cannot be understood; the text is Helm's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// The flag's grammar, or the file that it names.
    #[error("failed parsing {flag} data: {reason}")]
    Grammar {
        /// The flag.
        flag: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A JSON object that is none.
    #[error("failed parsing --set-json data JSON: {text}")]
    JsonObject {
        /// The flag's text.
        text: String,
    },
    /// JSON, or the names in front of it.
    #[error("failed parsing --set-json data {text}")]
    Json {
        /// The flag's text.
        text: String,
    },
}

impl SetFlag {
    fn name(&self) -> &'static str {
        match self {
            Self::Typed(_) => "--set",
            Self::Text(_) => "--set-string",
            Self::Json(_) => "--set-json",
            Self::File(..) => "--set-file",
            Self::Literal(_) => "--set-literal",
        }
    }

    /// The values with what the flag says set in them.
    pub(super) fn apply(&self, base: Map, origin: OriginId, helm: HelmVersion) -> Result<Map, SetError> {
        if let Self::Json(text) = self {
            return apply_json(text, base, origin, helm);
        }
        let (text, reader): (&str, Reader<'_>) = match self {
            Self::Typed(text) | Self::Json(text) => (text, Box::new(|text| Ok(typed(text)))),
            Self::Text(text) | Self::Literal(text) => (text, Box::new(|text| Ok(Value::from(text)))),
            Self::File(text, read) => (text, Box::new(|path| read(&path).map(Value::from))),
        };
        let grammar = if matches!(self, Self::Literal(_)) { Grammar::Literal } else { Grammar::Typed };
        let parser = Parser { rest: text, grammar, reader, origin };
        match parser.run(&base) {
            Ok(()) => Ok(base),
            Err(reason) => Err(SetError::Grammar { flag: self.name(), reason }),
        }
    }
}

fn apply_json(text: &str, base: Map, origin: OriginId, helm: HelmVersion) -> Result<Map, SetError> {
    let trimmed = text.trim();
    // Helm 3 does not take whole objects.
    if trimmed.starts_with('{') && helm == HelmVersion::Helm4 {
        let object =
            serde_json::from_str(trimmed).map_err(|_| SetError::JsonObject { text: text.to_owned() })?;
        return Ok(match from_json(&object, origin) {
            Value::Map(map) => merge_maps(&base, &map),
            _ => base,
        });
    }
    let reader: Reader<'_> = Box::new(|text| Ok(Value::from(text)));
    let parser = Parser { rest: text, grammar: Grammar::Json, reader, origin };
    parser.run(&base).map_err(|_| SetError::Json { text: text.to_owned() })?;
    Ok(base)
}

pub(super) fn from_json(json: &Json, origin: OriginId) -> Value {
    let entry = |json: &Json| Entry { value: from_json(json, origin), origin };
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::List(List::of(ListType::Any, items.iter().map(entry).collect())),
        Json::Object(fields) => {
            let map = Map::new();
            map.entries
                .borrow_mut()
                .extend(fields.iter().map(|(key, value)| (key.as_str().into(), entry(value))));
            Value::Map(map)
        }
    }
}

/// What a text means without quotes around it.
fn typed(text: String) -> Value {
    if text.eq_ignore_ascii_case("true") {
        Value::Bool(true)
    } else if text.eq_ignore_ascii_case("false") {
        Value::Bool(false)
    } else if text.eq_ignore_ascii_case("null") {
        Value::Nil
    } else if text == "0" {
        Value::Int64(0)
    } else if !text.starts_with('0')
        && let Ok(number) = text.parse()
    {
        Value::Int64(number)
    } else {
        Value::from(text)
    }
}

type Reader<'f> = Box<dyn Fn(String) -> Result<Value, String> + 'f>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Grammar {
    Typed,
    Json,
    Literal,
}

/// Why parsing stops: at the end of the text, which is no mistake by itself, or at one.
enum Stop {
    End,
    Mistake(String),
}

impl Stop {
    fn mistake<T>(reason: impl Into<String>) -> Result<T, Self> {
        Err(Self::Mistake(reason.into()))
    }
}

struct Parser<'t> {
    rest: &'t str,
    grammar: Grammar,
    reader: Reader<'t>,
    origin: OriginId,
}

impl Parser<'_> {
    fn run(mut self, data: &Map) -> Result<(), String> {
        loop {
            match self.key(data, 0) {
                Ok(()) => {}
                Err(Stop::End) => return Ok(()),
                Err(Stop::Mistake(reason)) => return Err(reason),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    /// The text before the next of the stops, and that stop; `None` at the end of the text.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(c) = self.next() {
            if stops.contains(&c) {
                return (text, Some(c));
            }
            if c == '\\' && self.grammar != Grammar::Literal {
                match self.next() {
                    Some(escaped) => text.push(escaped),
                    None => return (text, None),
                }
            } else {
                text.push(c);
            }
        }
        (text, None)
    }

    fn set(&self, data: &Map, key: &str, value: Value) {
        // An empty name sets nothing.
        if !key.is_empty() {
            data.insert_at(key, value, self.origin);
        }
    }

    fn key(&mut self, data: &Map, dots: usize) -> Result<(), Stop> {
        let stops: &[char] =
            if self.grammar == Grammar::Literal { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        let (key, last) = self.until(stops);
        match last {
            None if key.is_empty() => Err(Stop::End),
            None => Stop::mistake(format!("key {} has no value", quote(&key))),
            Some('[') => {
                let index = self.index()?;
                let list = match data.get(&key) {
                    None => Vec::new(),
                    Some(Value::List(list)) => list.items.to_vec(),
                    Some(other) => return Stop::mistake(not_a(&other, "[]interface {}")),
                };
                let (list, outcome) = self.item(list, index, dots);
                // Set even where it failed: the end of the text is no failure.
                self.set(data, &key, Value::List(List::of(ListType::Any, list)));
                outcome
            }
            Some('.') => {
                if dots >= MAX_DOTS {
                    return Stop::mistake(format!(
                        "value name nested level is greater than maximum supported nested level of {MAX_DOTS}"
                    ));
                }
                let inner = match data.get(&key) {
                    None => Map::new(),
                    Some(Value::Map(map)) => map,
                    Some(other) => return Stop::mistake(not_a(&other, "map[string]interface {}")),
                };
                let outcome = self.key(&inner, dots + 1);
                if inner.is_empty() {
                    if outcome.is_ok() {
                        return Stop::mistake(format!("key map {} has no value", quote(&key)));
                    }
                } else {
                    self.set(data, &key, Value::Map(inner));
                }
                outcome
            }
            Some(',') => {
                self.set(data, &key, Value::from(""));
                Stop::mistake(format!("key {} has no value (cannot end with ,)", quote(&key)))
            }
            Some(_) => {
                let at_end = self.grammar == Grammar::Typed && self.rest.is_empty();
                let value = self.value()?;
                self.set(data, &key, value);
                if at_end { Err(Stop::End) } else { Ok(()) }
            }
        }
    }

    /// What stands behind a `=`.
    fn value(&mut self) -> Result<Value, Stop> {
        match self.grammar {
            Grammar::Literal => {
                let text = std::mem::take(&mut self.rest);
                Ok(Value::from(text))
            }
            Grammar::Json => {
                if self.skip_blank() {
                    return Ok(Value::Nil);
                }
                let mut stream = serde_json::Deserializer::from_str(self.rest).into_iter::<Json>();
                let Some(Ok(json)) = stream.next() else {
                    return Stop::mistake("invalid JSON");
                };
                self.rest = &self.rest[stream.byte_offset()..];
                self.skip_blank();
                Ok(from_json(&json, self.origin))
            }
            Grammar::Typed if self.rest.is_empty() => Ok(Value::from("")),
            Grammar::Typed if self.rest.starts_with('{') => {
                self.next();
                self.list()
            }
            Grammar::Typed => {
                let (text, _) = self.until(&[',']);
                (self.reader)(text).map_err(Stop::Mistake)
            }
        }
    }

    /// Passes blanks, and a comma behind them: whether nothing but that was there.
    fn skip_blank(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return true;
        }
        self.rest.is_empty()
    }

    /// `{a,b}`, behind its brace.
    fn list(&mut self) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            let (text, last) = self.until(&[',', '}']);
            if last.is_none() {
                return Stop::mistake("list must terminate with '}'");
            }
            let value = (self.reader)(text).map_err(Stop::Mistake)?;
            items.push(Entry { value, origin: self.origin });
            if last == Some('}') {
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                return Ok(Value::List(List::of(ListType::Any, items)));
            }
        }
    }

    fn index(&mut self) -> Result<i64, Stop> {
        let (text, last) = self.until(&[']']);
        if last.is_none() {
            return Err(Stop::End);
        }
        text.parse::<i64>().map_err(|error| {
            let reason = match error.kind() {
                std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                    "value out of range"
                }
                _ => "invalid syntax",
            };
            Stop::Mistake(format!("error parsing index: strconv.Atoi: parsing {}: {reason}", quote(&text)))
        })
    }

    /// What stands behind `[index]`: the list with it set, and how it ended.
    fn item(&mut self, mut list: Vec<Entry>, index: i64, dots: usize) -> (Vec<Entry>, Result<(), Stop>) {
        let Ok(place) = usize::try_from(index) else {
            return (list, Stop::mistake(format!("negative {index} index not allowed")));
        };
        let (text, last) = self.until(&['[', '.', '=']);
        if !text.is_empty() {
            let shown: Vec<String> = text.chars().map(|c| quote_char(c, false)).collect();
            return (
                list,
                Stop::mistake(format!("unexpected data at end of array index: [{}]", shown.join(" "))),
            );
        }
        let value = match last {
            None => Err(Stop::End),
            Some('=') => self.value(),
            Some('[') => self.index_in_list(&list, place, dots),
            Some(_) => {
                let inner = match list.get_mut(place) {
                    None => Map::new(),
                    Some(entry) => {
                        if let Value::Map(map) = &entry.value {
                            map.clone()
                        } else {
                            // Indices came out of order.
                            let map = Map::new();
                            *entry = Entry { value: Value::Map(map.clone()), origin: self.origin };
                            map
                        }
                    }
                };
                self.key(&inner, dots).map(|()| Value::Map(inner))
            }
        };
        match value {
            Err(stop) => (list, Err(stop)),
            Ok(_) if index > MAX_INDEX => {
                let reason =
                    format!("index of {index} is greater than maximum supported index of {MAX_INDEX}");
                (list, Stop::mistake(reason))
            }
            Ok(value) => {
                if list.len() <= place {
                    list.resize_with(place + 1, Entry::default);
                }
                list[place] = Entry { value, origin: self.origin };
                (list, Ok(()))
            }
        }
    }

    /// A list in a list.
    fn index_in_list(&mut self, list: &[Entry], place: usize, dots: usize) -> Result<Value, Stop> {
        let index = self.index()?;
        let inner = match list.get(place).map(|entry| &entry.value) {
            None | Some(Value::Nil | Value::NoValue) => Vec::new(),
            Some(Value::List(inner)) => inner.items.to_vec(),
            Some(other) => return Stop::mistake(not_a(other, "[]interface {}")),
        };
        if dots >= MAX_DOTS {
            return Stop::mistake(format!(
                "value name nested level is greater than maximum supported nested level of {MAX_DOTS}"
            ));
        }
        let (inner, outcome) = self.item(inner, index, dots + 1);
        outcome.map(|()| Value::List(List::of(ListType::Any, inner)))
    }
}

/// Go's words for a failed type assertion.
fn not_a(value: &Value, wanted: &str) -> String {
    let found = if value.is_nil() { "nil".into() } else { value.type_name() };
    format!("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{values, yaml};
    use super::*;

    fn set(flag: &SetFlag) -> Result<String, String> {
        flag.apply(Map::new(), OriginId::default(), HelmVersion::Helm4)
            .map(|map| yaml(&map))
            .map_err(|error| error.to_string())
    }

    fn typed_flag(text: &str) -> Result<String, String> {
        set(&SetFlag::Typed(text.to_owned()))
    }

    #[test]
    fn set_reads_what_helms_grammar_says() {
        for (text, expected) in [
            ("a=1", "a: 1\n"),
            ("a=1,b=two", "a: 1\nb: two\n"),
            ("a.b.c=x", "a:\n  b:\n    c: x\n"),
            ("a=true,b=FALSE,c=null", "a: true\nb: false\nc: null\n"),
            ("a=0,b=012,c=-5,d=1.5", "a: 0\nb: \"012\"\nc: -5\nd: \"1.5\"\n"),
            ("a={1,two,null}", "a:\n- 1\n- two\n- null\n"),
            ("a={}", "a:\n- \"\"\n"),
            ("a={x},b=1", "a:\n- x\nb: 1\n"),
            ("a[0]=x,a[2]=z", "a:\n- x\n- null\n- z\n"),
            ("a[1].b=x", "a:\n- null\n- b: x\n"),
            ("a[0][1]=x", "a:\n- - null\n  - x\n"),
            ("a\\.b=x\\,y", "a.b: x,y\n"),
            ("a=", "a: \"\"\n"),
            ("a[0", "{}\n"),
            ("a[0].b=", "a: []\n"),
            ("=x", "{}\n"),
        ] {
            assert_eq!(typed_flag(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named_in_helms_words() {
        for (text, expected) in [
            ("a", "key \"a\" has no value"),
            ("a,b=1", "key \"a\" has no value (cannot end with ,)"),
            ("a={x", "list must terminate with '}'"),
            ("a[x]=1", "error parsing index: strconv.Atoi: parsing \"x\": invalid syntax"),
            ("a[-1]=1", "negative -1 index not allowed"),
            ("a[99999]=1", "index of 99999 is greater than maximum supported index of 65536"),
            ("a[0]bc=1", "unexpected data at end of array index: ['b' 'c']"),
            (
                "a=1,a.b=2",
                "unable to parse key: interface conversion: interface {} is int64, not map[string]interface {}",
            ),
            (
                "a=1,a[0]=2",
                "unable to parse key: interface conversion: interface {} is int64, not []interface {}",
            ),
        ] {
            assert_eq!(typed_flag(text), Err(format!("failed parsing --set data: {expected}")), "{text}");
        }
        let deep = format!("{}=1", vec!["a"; 40].join("."));
        assert!(typed_flag(&deep).unwrap_err().ends_with("maximum supported nested level of 30"));
    }

    #[test]
    fn the_other_flags_differ_in_what_a_value_is() {
        assert_eq!(
            set(&SetFlag::Text("a=1,b={2,3}".into())).as_deref(),
            Ok("a: \"1\"\nb:\n- \"2\"\n- \"3\"\n")
        );
        assert_eq!(set(&SetFlag::Literal("a.b=x,y={z}".into())).as_deref(), Ok("a:\n  b: x,y={z}\n"));
        assert_eq!(set(&SetFlag::Literal("a[1]=x\\,y".into())).as_deref(), Ok("a:\n- null\n- x\\,y\n"));
        let reader: FileReader = Arc::new(|path| Ok(format!("content of {path}")));
        assert_eq!(set(&SetFlag::File("a=f.txt".into(), reader)).as_deref(), Ok("a: content of f.txt\n"));
    }

    #[test]
    fn json_sets_objects_and_values() {
        let json = |text: &str| set(&SetFlag::Json(text.into()));
        assert_eq!(json("{\"a\": {\"b\": [1]}}").as_deref(), Ok("a:\n  b:\n  - 1\n"));
        assert_eq!(json("a=[1, {\"x\": 2}] ,b.c=\"d\"").as_deref(), Ok("a:\n- 1\n- x: 2\nb:\n  c: d\n"));
        assert_eq!(json("a=,b=1").as_deref(), Ok("a: null\nb: 1\n"));
        assert_eq!(json("a[0]={\"b\":1}").as_deref(), Ok("a:\n- b: 1\n"));
        assert_eq!(json("a=x"), Err("failed parsing --set-json data a=x".into()));
        assert_eq!(json("{a}"), Err("failed parsing --set-json data JSON: {a}".into()));
    }

    #[test]
    fn flags_change_what_earlier_layers_set() {
        let base = values("a: {b: 1, c: 2}\nlist: [x, y]");
        let flag = SetFlag::Typed("a.b=null,list[1]=z".into());
        let map = flag.apply(base, OriginId::default(), HelmVersion::Helm4).unwrap();
        assert_eq!(yaml(&map), "a:\n  b: null\n  c: 2\nlist:\n- x\n- z\n");
    }
}
