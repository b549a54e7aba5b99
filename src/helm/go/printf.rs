//! Go's `fmt`: `Sprint`, `Sprintln` and `Sprintf` over template values.

use std::rc::Rc;
use std::sync::LazyLock;

use super::{float, quote};
use crate::helm::limits::Limits;
use crate::helm::template::{GoError, GoResult};
use crate::helm::value::{List, ListType, Map, MapType, Object, Value};

/// The flags, width and precision of a directive.
#[expect(clippy::struct_excessive_bools, reason = "a directive's flags are independent of each other")]
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v` and `%#v`.
    pub(super) plus_v: bool,
    pub(super) sharp_v: bool,
}

impl Flags {
    /// Whether nothing is asked for but the value.
    fn are_plain(self) -> bool {
        self.width.is_none()
            && self.precision.is_none()
            && !(self.plus || self.sharp || self.space || self.sharp_v)
    }
}

/// Writes values by directives.
pub(super) struct Printer<'o> {
    out: &'o mut String,
    pub(super) flags: Flags,
    /// While a bad verb is being reported, methods are not called.
    reporting: bool,
    /// What may still be written, over all arguments.
    room: usize,
    depth: usize,
}

/// Appends a value as `fmt.Print` shows it.
pub fn print(out: &mut String, value: &Value, limits: &Limits) -> GoResult<()> {
    match value {
        Value::Str(text) => out.push_str(text),
        Value::Int(int) | Value::Int64(int) => push_int(out, *int),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Float(value) => out.push_str(&float::format(*value, b'g', -1)),
        value => Printer::new(out, limits).arg(value, 'v')?,
    }
    Ok(())
}

/// Appends bytes as `fmt.Print` shows them: charts that print all they know print their files so, which are large.
/// A byte takes four characters at most.
pub fn push_bytes(out: &mut String, bytes: impl Iterator<Item = u8>) {
    static SHOWN: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..=u8::MAX).map(|byte| format!("{byte} ")).collect());
    let shown = &*SHOWN;
    out.push('[');
    let start = out.len();
    bytes.for_each(|byte| out.push_str(&shown[usize::from(byte)]));
    // The last space.
    out.truncate(out.len().saturating_sub(1).max(start));
    out.push(']');
}

fn push_int(out: &mut String, int: i64) {
    use std::fmt::Write as _;
    let _ = write!(out, "{int}");
}

/// A value as `fmt.Sprint` shows it.
pub fn show(value: &Value, limits: &Limits) -> GoResult<String> {
    let mut out = String::new();
    print(&mut out, value, limits)?;
    Ok(out)
}

/// `fmt.Sprint`: a space between two operands of which neither is a string.
pub fn sprint<'v>(values: impl IntoIterator<Item = &'v Value>, limits: &Limits) -> GoResult<String> {
    let mut out = String::new();
    let mut was_string = true;
    for value in values {
        let is_string = matches!(value, Value::Str(_));
        if !is_string && !was_string {
            out.push(' ');
        }
        Printer::new(&mut out, limits).arg(value, 'v')?;
        was_string = is_string;
    }
    Ok(out)
}

/// `fmt.Sprintln`.
pub fn sprintln<'v>(values: impl IntoIterator<Item = &'v Value>, limits: &Limits) -> GoResult<String> {
    let mut out = String::new();
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        Printer::new(&mut out, limits).arg(value, 'v')?;
    }
    out.push('\n');
    Ok(out)
}

/// Where a format is being read.
struct Directive<'f> {
    format: &'f [u8],
    at: usize,
    arg: usize,
    after_index: bool,
    good_index: bool,
    reordered: bool,
}

/// A number this large is no width.
const TOO_LARGE: i64 = 1_000_000;

impl Directive<'_> {
    fn byte(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// `12`
    fn number(&mut self) -> Option<usize> {
        let mut number: Option<usize> = None;
        while let Some(digit) = self.byte().filter(u8::is_ascii_digit) {
            let value = number.unwrap_or(0);
            if value > 1_000_000 {
                self.at = self.format.len();
                return None;
            }
            number = Some(value * 10 + usize::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    /// `[3]`
    fn index(&mut self, count: usize) {
        if self.byte() != Some(b'[') {
            self.after_index = false;
            return;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let close = rest.iter().position(|byte| *byte == b']').filter(|_| rest.len() >= 3);
        let parsed = close.and_then(|close| std::str::from_utf8(&rest[1..close]).ok()).filter(|text| {
            !text.is_empty() && text.len() < 8 && text.bytes().all(|byte| byte.is_ascii_digit())
        });
        let number: Option<usize> = parsed.and_then(|text| text.parse().ok());
        self.at += close.map_or(1, |close| close + 1);
        self.after_index = number.is_some();
        match number.and_then(|number| number.checked_sub(1)).filter(|index| *index < count) {
            Some(index) => {
                self.arg = index;
                self.after_index = true;
            }
            None => self.good_index = false,
        }
    }

    /// `*`: a width or precision from an argument.
    fn star(&mut self, values: &[&Value]) -> Option<i64> {
        let value = values.get(self.arg)?;
        self.arg += 1;
        let number = match value {
            Value::Int(int) | Value::Int64(int) => *int,
            Value::Uint(uint) => i64::try_from(*uint).ok()?,
            Value::Byte(byte) => i64::from(*byte),
            Value::Object(object) => object.number()?,
            _ => return None,
        };
        (-TOO_LARGE..=TOO_LARGE).contains(&number).then_some(number)
    }
}

/// `fmt.Sprintf`.
pub fn sprintf(format: &str, values: &[&Value], limits: &Limits) -> GoResult<String> {
    let mut out = String::with_capacity(format.len() + 16);
    let mut printer = Printer::new(&mut out, limits);
    let mut d = Directive {
        format: format.as_bytes(),
        at: 0,
        arg: 0,
        after_index: false,
        good_index: true,
        reordered: false,
    };
    while d.at < format.len() {
        d.good_index = true;
        let next = format[d.at..].find('%').map_or(format.len(), |offset| d.at + offset);
        printer.push(&format[d.at..next])?;
        d.at = next;
        if d.at >= format.len() {
            break;
        }
        d.at += 1;
        printer.flags = Flags::default();
        while let Some(byte) = d.byte() {
            match byte {
                b'#' => printer.flags.sharp = true,
                b'0' => printer.flags.zero = true,
                b'+' => printer.flags.plus = true,
                b'-' => printer.flags.minus = true,
                b' ' => printer.flags.space = true,
                _ => break,
            }
            d.at += 1;
        }
        d.after_index = false;
        d.index(values.len());
        printer.width(&mut d, values)?;
        printer.precision(&mut d, values)?;
        if !d.after_index {
            d.index(values.len());
        }
        let Some(verb) = format.get(d.at..).and_then(|rest| rest.chars().next()) else {
            printer.push("%!(NOVERB)")?;
            break;
        };
        d.at += verb.len_utf8();
        match values.get(d.arg) {
            _ if verb == '%' => printer.push("%")?,
            _ if !d.good_index => printer.push(&format!("%!{verb}(BADINDEX)"))?,
            None => printer.push(&format!("%!{verb}(MISSING)"))?,
            Some(value) => {
                if matches!(verb, 'v' | 'w') {
                    let flags = &mut printer.flags;
                    (flags.sharp_v, flags.sharp) = (flags.sharp, false);
                    (flags.plus_v, flags.plus) = (flags.plus, false);
                }
                printer.arg(value, verb)?;
                d.arg += 1;
            }
        }
    }
    if !d.reordered && d.arg < values.len() {
        printer.extra(&values[d.arg..])?;
    }
    Ok(out)
}

impl<'o> Printer<'o> {
    fn new(out: &'o mut String, limits: &Limits) -> Self {
        Self {
            out,
            flags: Flags::default(),
            reporting: false,
            room: limits.string_bytes,
            depth: limits.value_depth,
        }
    }

    fn width(&mut self, d: &mut Directive<'_>, values: &[&Value]) -> GoResult<()> {
        if d.byte() == Some(b'*') {
            d.at += 1;
            let width = d.star(values);
            if let Some(width) = width {
                self.flags.width = usize::try_from(width.unsigned_abs()).ok();
                if width < 0 {
                    self.flags.minus = true;
                    self.flags.zero = false;
                }
            } else {
                self.push("%!(BADWIDTH)")?;
            }
            d.after_index = false;
        } else {
            self.flags.width = d.number();
            if d.after_index && self.flags.width.is_some() {
                d.good_index = false;
            }
        }
        Ok(())
    }

    fn precision(&mut self, d: &mut Directive<'_>, values: &[&Value]) -> GoResult<()> {
        // A point at the very end is no precision but a missing verb... of the point itself.
        if d.byte() != Some(b'.') || d.at + 1 >= d.format.len() {
            return Ok(());
        }
        d.at += 1;
        if d.after_index {
            d.good_index = false;
        }
        d.index(values.len());
        if d.byte() == Some(b'*') {
            d.at += 1;
            let star = d.star(values);
            self.flags.precision = star.and_then(|precision| usize::try_from(precision).ok());
            if self.flags.precision.is_none() {
                self.push("%!(BADPREC)")?;
            }
            d.after_index = false;
        } else {
            self.flags.precision = Some(d.number().unwrap_or(0));
        }
        Ok(())
    }

    fn extra(&mut self, values: &[&Value]) -> GoResult<()> {
        self.flags = Flags::default();
        self.push("%!(EXTRA ")?;
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.push(", ")?;
            }
            if value.is_nil() {
                self.push("<nil>")?;
            } else {
                self.push(&value.type_name())?;
                self.push("=")?;
                self.arg(value, 'v')?;
            }
        }
        self.push(")")
    }

    pub(super) fn push(&mut self, text: &str) -> GoResult<()> {
        self.room = self.room.checked_sub(text.len()).ok_or_else(|| {
            GoError::new("the printed text is larger than the limit of bytes for one string")
        })?;
        self.out.push_str(text);
        Ok(())
    }

    pub(super) fn pad(&mut self, text: &str) -> GoResult<()> {
        let Some(width) = self.flags.width.filter(|width| *width > 0) else {
            return self.push(text);
        };
        let missing = width.saturating_sub(text.chars().count());
        if self.flags.minus {
            self.push(text)?;
            return self.push(&" ".repeat(missing));
        }
        let fill = if self.flags.zero { "0" } else { " " };
        self.push(&fill.repeat(missing))?;
        self.push(text)
    }

    pub(super) fn pad_without_zeros(&mut self, text: &str) -> GoResult<()> {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        let result = self.pad(text);
        self.flags.zero = zero;
        result
    }

    fn arg(&mut self, value: &Value, verb: char) -> GoResult<()> {
        match verb {
            'v' if value.is_nil() => self.pad("<nil>"),
            'T' if value.is_nil() => self.pad("<nil>"),
            'T' => self.string(&value.type_name(), 's', value),
            'p' if !matches!(value, Value::List(_) | Value::Map(_) | Value::Object(_)) => {
                self.bad_verb(verb, value)
            }
            // It is for errors; Go finds that out for what is made of parts as a whole.
            'w' if matches!(value, Value::List(_) | Value::Map(_) | Value::Object(_)) => {
                self.bad_verb(verb, value)
            }
            _ => self.value(value, verb, 0),
        }
    }

    pub(super) fn bad_verb(&mut self, verb: char, value: &Value) -> GoResult<()> {
        self.reporting = true;
        self.push(&format!("%!{verb}("))?;
        if value.is_nil() {
            self.push("<nil>")?;
        } else {
            self.push(&value.type_name())?;
            self.push("=")?;
            self.value(value, 'v', 0)?;
        }
        self.reporting = false;
        self.push(")")
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) -> GoResult<()> {
        if depth > self.depth {
            return Err(format!("a value is nested deeper than the limit of {}", self.depth).into());
        }
        match value {
            Value::Nil | Value::NoValue if self.flags.sharp_v && depth > 0 => self.push("interface {}(nil)"),
            Value::Nil | Value::NoValue if depth > 0 => self.push("<nil>"),
            Value::Nil | Value::NoValue => self.bad_verb(verb, value),
            Value::Bool(bool) => match verb {
                't' | 'v' => self.pad(if *bool { "true" } else { "false" }),
                _ => self.bad_verb(verb, value),
            },
            Value::Int(int) | Value::Int64(int) => {
                self.integer(int.unsigned_abs(), *int < 0, true, verb, value)
            }
            Value::Uint(uint) => self.integer(*uint, false, false, verb, value),
            Value::Byte(byte) => self.integer(u64::from(*byte), false, false, verb, value),
            Value::Float(float) => self.float(*float, verb, value),
            Value::Str(text) => self.string(text, verb, value),
            Value::List(list) if list.list_type == ListType::Byte => self.bytes(list, verb, depth),
            Value::List(list) => self.list(list, verb, depth),
            Value::Map(map) => self.map(map, verb, depth),
            Value::Object(object) => self.object(object, verb, depth, value),
        }
    }

    fn object(&mut self, object: &Rc<dyn Object>, verb: char, depth: usize, value: &Value) -> GoResult<()> {
        if let Some(content) = object.content() {
            if verb == 'v' && self.flags.are_plain() {
                return self.push(&object.print());
            }
            return self.value(&content, verb, depth);
        }
        let has_text = matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') && !self.flags.sharp_v && !self.reporting;
        if let Some(number) = object.number().filter(|_| !has_text) {
            return self.integer(number.unsigned_abs(), number < 0, true, verb, value);
        }
        if let Some(members) = object.members() {
            return self.members(object.type_name(), &members, verb, depth);
        }
        match verb {
            'v' | 's' | 'x' | 'X' | 'q' if !self.reporting || object.kind() == "struct" => {
                let text = object.print();
                self.string(&text, verb, value)
            }
            'v' => self.push(&object.print()),
            _ => self.bad_verb(verb, value),
        }
    }

    /// A struct's fields; a pointer's `&` is shown, as long as it is not in something else.
    fn members(
        &mut self,
        type_name: &str,
        members: &[(&'static str, Value)],
        verb: char,
        depth: usize,
    ) -> GoResult<()> {
        let sharp = self.flags.sharp_v;
        if type_name.starts_with('*') && depth == 0 {
            self.push("&")?;
        }
        if sharp {
            self.push(type_name.trim_start_matches('*'))?;
        }
        self.push("{")?;
        for (index, (name, value)) in members.iter().enumerate() {
            if index > 0 {
                self.push(if sharp { ", " } else { " " })?;
            }
            if sharp || self.flags.plus_v {
                self.push(name)?;
                self.push(":")?;
            }
            self.value(value, verb, depth + 1)?;
        }
        self.push("}")
    }

    fn list(&mut self, list: &List, verb: char, depth: usize) -> GoResult<()> {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.push(list.list_type.name())?;
            if list.nil {
                return self.push("(nil)");
            }
        }
        self.push(if sharp { "{" } else { "[" })?;
        for (index, item) in list.values().enumerate() {
            if index > 0 {
                self.push(if sharp { ", " } else { " " })?;
            }
            self.value(item, verb, depth + 1)?;
        }
        self.push(if sharp { "}" } else { "]" })
    }

    fn map(&mut self, map: &Map, verb: char, depth: usize) -> GoResult<()> {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.push(map.map_type.name())?;
        }
        self.push(if sharp { "{" } else { "map[" })?;
        for (index, (key, entry)) in map.snapshot().into_iter().enumerate() {
            if index > 0 {
                self.push(if sharp { ", " } else { " " })?;
            }
            let key = Value::Str(key);
            self.value(&key, verb, depth + 1)?;
            self.push(":")?;
            if map.map_type == MapType::Any || !entry.value.is_nil() {
                self.value(&entry.value, verb, depth + 1)?;
            } else {
                self.value(&Value::Nil, verb, depth + 1)?;
            }
        }
        self.push(if sharp { "}" } else { "]" })
    }

    fn bytes(&mut self, list: &List, verb: char, depth: usize) -> GoResult<()> {
        let bytes = list.values().map(|value| if let Value::Byte(byte) = value { *byte } else { 0 });
        match verb {
            'x' | 'X' => self.hex(bytes.collect(), verb),
            's' | 'q' => {
                let text = super::text::from_bytes(bytes.collect());
                self.string(&text, verb, &Value::Nil)
            }
            'v' if self.flags.are_plain() => {
                let mut shown = String::with_capacity(list.len() * 4);
                push_bytes(&mut shown, bytes);
                self.push(&shown)
            }
            _ => self.list(list, verb, depth),
        }
    }

    fn string(&mut self, text: &str, verb: char, value: &Value) -> GoResult<()> {
        let cut = match self.flags.precision {
            Some(count) if !matches!(verb, 'x' | 'X') => {
                text.char_indices().nth(count).map_or(text, |(at, _)| &text[..at])
            }
            _ => text,
        };
        match verb {
            'v' if self.flags.sharp_v => self.quoted(cut),
            'v' | 's' => self.pad(cut),
            'q' => self.quoted(cut),
            'x' | 'X' => self.hex(super::text::to_bytes(text).into_owned(), verb),
            _ => self.bad_verb(verb, value),
        }
    }

    fn quoted(&mut self, text: &str) -> GoResult<()> {
        if self.flags.sharp && quote::can_backquote(text) {
            return self.pad(&format!("`{text}`"));
        }
        let quoted = if self.flags.plus { quote::quote_ascii(text) } else { quote::quote(text) };
        self.pad(&quoted)
    }

    fn hex(&mut self, mut bytes: Vec<u8>, verb: char) -> GoResult<()> {
        if let Some(precision) = self.flags.precision {
            bytes.truncate(precision);
        }
        let mut text = String::with_capacity(bytes.len() * 2);
        let prefix = if verb == 'X' { "0X" } else { "0x" };
        for (index, byte) in bytes.iter().enumerate() {
            if self.flags.space && index > 0 {
                text.push(' ');
            }
            if self.flags.sharp && (index == 0 || self.flags.space) {
                text.push_str(prefix);
            }
            text.push_str(&if verb == 'X' { format!("{byte:02X}") } else { format!("{byte:02x}") });
        }
        self.pad(&text)
    }
}
