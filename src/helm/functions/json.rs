//! Helm's and sprig's functions that read and write JSON, as `encoding/json` does.

use super::{Call, Function, function};
use crate::helm::go::convert::bytes_text;
use crate::helm::go::float;
use crate::helm::go::quote::quote_char;
use crate::helm::go::text::raw_byte;
use crate::helm::limits::with_stack;
use crate::helm::signature::Param::{Any, Str};
use crate::helm::template::GoResult;
use crate::helm::value::{List, ListType, Map, MapType, Value};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("toJson", &[Any], |call| write(call, &COMPACT, false)),
    function("mustToJson", &[Any], |call| write(call, &COMPACT, true)),
    function("toPrettyJson", &[Any], |call| write(call, &PRETTY, false)),
    function("mustToPrettyJson", &[Any], |call| write(call, &PRETTY, true)),
    function("toRawJson", &[Any], |call| write(call, &RAW, true)),
    function("mustToRawJson", &[Any], |call| write(call, &RAW, true)),
    function("mustFromJson", &[Str], |call| Ok(parse(call.text(0))?)),
    function("fromJson", &[Str], |call| {
        Ok(match parse(call.text(0)) {
            Ok(Value::Map(map)) => map.into(),
            Ok(Value::Nil) => Map::new().into(),
            Ok(other) => failed(&mismatch(&other, "map[string]interface {}")),
            Err(text) => failed(&text),
        })
    }),
    function("fromJsonArray", &[Str], |call| {
        Ok(match parse(call.text(0)) {
            Ok(Value::List(list)) => list.into(),
            Ok(Value::Nil) => List::nil(ListType::Any).into(),
            Ok(other) => List::any([mismatch(&other, "[]interface {}").into()]).into(),
            Err(text) => List::any([text.into()]).into(),
        })
    }),
];

fn failed(text: &str) -> Value {
    Value::map([("Error", Value::from(text))])
}

/// Go's text where JSON holds something else than is asked for.
pub fn mismatch(value: &Value, want: &str) -> String {
    let got = match value {
        Value::Bool(_) => "bool",
        Value::Str(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
        _ => "number",
    };
    format!("json: cannot unmarshal {got} into Go value of type {want}")
}

/// How JSON is written.
struct Style {
    indent: Option<&'static str>,
    escape_html: bool,
}

const COMPACT: Style = Style { indent: None, escape_html: true };
const PRETTY: Style = Style { indent: Some("  "), escape_html: true };
const RAW: Style = Style { indent: None, escape_html: false };

fn write(call: &mut Call<'_, '_>, style: &Style, strict: bool) -> GoResult<Value> {
    let value = call.take(0);
    call.check_value(&value)?;
    let mut out = String::new();
    match push(&mut out, &value, style, 0) {
        Ok(()) => Ok(out.into()),
        Err(error) if strict => Err(error.into()),
        Err(_) => Ok("".into()),
    }
}

fn new_line(out: &mut String, style: &Style, depth: usize) {
    if let Some(indent) = style.indent {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str(indent));
    }
}

fn push(out: &mut String, value: &Value, style: &Style, depth: usize) -> Result<(), String> {
    match value {
        Value::Nil | Value::NoValue => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(int) | Value::Int64(int) => out.push_str(&int.to_string()),
        Value::Uint(uint) => out.push_str(&uint.to_string()),
        Value::Byte(byte) => out.push_str(&byte.to_string()),
        Value::Float(float) => push_float(out, *float)?,
        Value::Str(text) => push_text(out, text, style.escape_html),
        Value::List(list) if list.nil => out.push_str("null"),
        Value::List(list) if list.list_type == ListType::Byte => {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(bytes_text(value));
            push_text(out, &text, false);
        }
        Value::List(list) if list.is_empty() => out.push_str("[]"),
        Value::List(list) => {
            out.push('[');
            for (index, item) in list.values().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                new_line(out, style, depth + 1);
                push(out, item, style, depth + 1)?;
            }
            new_line(out, style, depth);
            out.push(']');
        }
        Value::Map(map) => {
            push_object(
                out,
                map.entries.borrow().iter().map(|(key, entry)| (&**key, &entry.value)),
                style,
                depth,
            )?;
        }
        Value::Object(object) => match object.json_members() {
            Some(members) => {
                push_object(out, members.iter().map(|(name, value)| (*name, value)), style, depth)?;
            }
            None => push(out, &object.json(), style, depth)?,
        },
    }
    Ok(())
}

fn push_object<'v>(
    out: &mut String,
    mut entries: impl Iterator<Item = (&'v str, &'v Value)>,
    style: &Style,
    depth: usize,
) -> Result<(), String> {
    let Some(first) = entries.next() else {
        out.push_str("{}");
        return Ok(());
    };
    out.push('{');
    for (index, (key, value)) in std::iter::once(first).chain(entries).enumerate() {
        if index > 0 {
            out.push(',');
        }
        new_line(out, style, depth + 1);
        push_text(out, key, style.escape_html);
        out.push_str(if style.indent.is_some() { ": " } else { ":" });
        push(out, value, style, depth + 1)?;
    }
    new_line(out, style, depth);
    out.push('}');
    Ok(())
}

fn push_float(out: &mut String, value: f64) -> Result<(), String> {
    if !value.is_finite() {
        return Err(format!("json: unsupported value: {}", float::format(value, b'g', -1)));
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = float::format(value, b'e', -1);
        // e-09 is written e-9.
        match text.split_once("e-0") {
            Some((mantissa, digit)) => out.extend([mantissa, "e-", digit]),
            None => out.push_str(&text),
        }
    } else {
        out.push_str(&float::format(value, b'f', -1));
    }
    Ok(())
}

fn push_text(out: &mut String, text: &str, escape_html: bool) {
    use std::fmt::Write as _;

    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' if escape_html => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c if c < ' ' || matches!(c, '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c if raw_byte(c).is_some() => out.push_str("\\ufffd"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// How deep JSON may be nested; Go's own limit.
const MAX_DEPTH: usize = 10_000;

/// Reads JSON as `json.Unmarshal` into an `interface {}`: all numbers are floats. The error is Go's text.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0, "looking for beginning of value")?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => reader.invalid("after top-level value"),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn invalid<T>(&self, context: &str) -> Result<T, String> {
        match self.peek() {
            None => Err("unexpected end of JSON input".to_owned()),
            Some(byte) => {
                let shown = match byte {
                    b'\'' => "'\\''".to_owned(),
                    b'"' => "'\"'".to_owned(),
                    byte => quote_char(char::from(byte), false),
                };
                Err(format!("invalid character {shown} {context}"))
            }
        }
    }

    fn value(&mut self, depth: usize, context: &str) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("exceeded max depth".to_owned());
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => with_stack(|| self.object(depth)),
            Some(b'[') => with_stack(|| self.array(depth)),
            Some(b'"') => self.string().map(Value::from),
            Some(b't') => self.word("true", true.into()),
            Some(b'f') => self.word("false", false.into()),
            Some(b'n') => self.word("null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.invalid(context),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, String> {
        for (index, expected) in word.bytes().enumerate() {
            if self.peek() != Some(expected) {
                let expected = quote_char(char::from(expected), false);
                return self.invalid(&format!("in literal {word} (expecting {expected})"));
            }
            debug_assert!(index < word.len(), "inside the word");
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else if self.digits() == 0 {
            return self.invalid("in numeric literal");
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.invalid("after decimal point in numeric literal");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.invalid("in exponent of numeric literal");
            }
        }
        let text = &self.text[start..self.at];
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::Float(value)),
            _ => Err(format!("json: cannot unmarshal number {text} into Go value of type float64")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(List::any(items).into());
        }
        loop {
            items.push(self.value(depth + 1, "looking for beginning of value")?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(List::any(items).into());
                }
                _ => return self.invalid("after array element"),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let map = Map::of(MapType::Any);
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(map.into());
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return self.invalid("looking for beginning of object key string");
            }
            let key = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return self.invalid("after object key");
            }
            self.at += 1;
            map.insert(key, self.value(depth + 1, "looking for beginning of value")?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(map.into());
                }
                _ => return self.invalid("after object key:value pair"),
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut out)?;
                }
                _ => return self.invalid("in string literal"),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), String> {
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let first = self.hex()?;
                out.push(self.surrogate(first));
                return Ok(());
            }
            _ => return self.invalid("in string escape code"),
        };
        self.at += 1;
        out.push(c);
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, String> {
        let mut code = 0;
        for _ in 0..4 {
            match self.peek().and_then(|byte| char::from(byte).to_digit(16)) {
                Some(digit) => code = code * 16 + digit,
                None => return self.invalid("in \\u hexadecimal character escape"),
            }
            self.at += 1;
        }
        Ok(code)
    }

    /// A character of one `\u` escape, or of two that are a surrogate pair.
    fn surrogate(&mut self, first: u32) -> char {
        if let Some(c) = char::from_u32(first) {
            return c;
        }
        let before = self.at;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            if let Ok(second) = self.hex()
                && (0xdc00..0xe000).contains(&second)
                && let Some(c) = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
            {
                return c;
            }
        }
        self.at = before;
        '\u{fffd}'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_is_named_in_go_s_words() {
        for (text, error) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("x", "invalid character 'x' looking for beginning of value"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("{a}", "invalid character 'a' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("[1 2]", "invalid character '2' after array element"),
            ("1 2", "invalid character '2' after top-level value"),
            ("tru", "unexpected end of JSON input"),
            ("trux", "invalid character 'x' in literal true (expecting 'e')"),
            ("\"\\q\"", "invalid character 'q' in string escape code"),
        ] {
            assert_eq!(parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn json_goes_in_and_out() {
        let value = parse(r#"{"b":[1,2.5,1e21,1e-7],"a":"<\u00e9\ud83d\ude00\n>","c":null,"d":{}}"#).unwrap();
        let mut out = String::new();
        push(&mut out, &value, &COMPACT, 0).unwrap();
        assert_eq!(out, r#"{"a":"\u003cé😀\n\u003e","b":[1,2.5,1e+21,1e-7],"c":null,"d":{}}"#);
        let mut pretty = String::new();
        push(&mut pretty, &parse("{\"a\":[1,{}]}").unwrap(), &PRETTY, 0).unwrap();
        assert_eq!(pretty, "{\n  \"a\": [\n    1,\n    {}\n  ]\n}");
    }
}
