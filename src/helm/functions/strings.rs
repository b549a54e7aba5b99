//! sprig's functions on strings.

use super::{Call, Function, function, variadic};
use crate::helm::go::{convert, printf, quote, text};
use crate::helm::signature::Param::{Any, Int, Str};
use crate::helm::template::{GoError, GoResult};
use crate::helm::value::{Entry, List, ListType, Map, MapType, Str as Shared, Value};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("hello", &[], |_| Ok("Hello!".into())),
    function("trim", &[Str], |call| shorten(call, 0, |text| text::trim_space(text))),
    function("upper", &[Str], |call| Ok(text::upper(call.text(0)).into())),
    function("lower", &[Str], |call| Ok(text::lower(call.text(0)).into())),
    function("title", &[Str], |call| Ok(text::title(call.text(0)).into())),
    function("substr", &[Int, Int, Str], substr),
    function("trunc", &[Int, Str], trunc),
    function("repeat", &[Int, Str], repeat),
    function("trimall", &[Str, Str], trim_all),
    function("trimAll", &[Str, Str], trim_all),
    function("trimSuffix", &[Str, Str], |call| {
        let suffix = call.str(0);
        shorten(call, 1, |text| text.strip_suffix(&*suffix).unwrap_or(text))
    }),
    function("trimPrefix", &[Str, Str], |call| {
        let prefix = call.str(0);
        shorten(call, 1, |text| text.strip_prefix(&*prefix).unwrap_or(text))
    }),
    function("contains", &[Str, Str], |call| Ok(call.text(1).contains(call.text(0)).into())),
    function("hasPrefix", &[Str, Str], |call| Ok(call.text(1).starts_with(call.text(0)).into())),
    function("hasSuffix", &[Str, Str], |call| Ok(call.text(1).ends_with(call.text(0)).into())),
    variadic("quote", &[], Any, |call| {
        join_shown(call, |value, call| Ok(quote::quote(&convert::to_text(value, &call.limits())?)))
    }),
    variadic("squote", &[], Any, |call| {
        join_shown(call, |value, call| printf::sprintf("'%v'", &[value], &call.limits()))
    }),
    variadic("cat", &[], Any, cat),
    function("indent", &[Int, Str], |call| indent(call, "")),
    function("nindent", &[Int, Str], |call| indent(call, "\n")),
    function("replace", &[Str, Str, Str], replace),
    function("plural", &[Str, Str, Int], |call| Ok(call.take(usize::from(call.int(2) != 1)))),
    function("toString", &[Any], |call| Ok(convert::to_text(call.value(0), &call.limits())?.into())),
    function("toStrings", &[Any], |call| Ok(texts(call.value(0), call)?.into())),
    function("join", &[Str, Any], join),
    function("split", &[Str, Str], |call| Ok(numbered(&text::split(call.text(1), call.text(0))))),
    function("splitn", &[Str, Int, Str], |call| {
        Ok(numbered(&text::split_n(call.text(2), call.text(0), call.int(1))))
    }),
    function("splitList", &[Str, Str], |call| {
        let parts = text::split(call.text(1), call.text(0));
        let list = List::strings(parts);
        call.check_list(list.len())?;
        Ok(list.into())
    }),
    function("sortAlpha", &[Any], |call| {
        if call.value(0).is_nil() {
            return Ok(List::strings(["<nil>"]).into());
        }
        let list = texts(call.value(0), call)?;
        let mut items: Vec<Entry> = list.items.to_vec();
        items.sort_by(|a, b| a.value.as_str().cmp(&b.value.as_str()));
        call.check_list(items.len())?;
        Ok(List::of(ListType::String, items).into())
    }),
];

/// What Go says where a part of a text is asked for that is not there.
fn out_of_range(asked: &str, what: &str) -> Box<GoError> {
    GoError::new(format!("runtime error: slice bounds out of range [{asked}]{what}"))
}

/// `text[start:end]` with Go's panics.
fn part(text: &str, start: i64, end: i64) -> GoResult<Value> {
    let length = text.len();
    let Some(upto) = usize::try_from(end).ok().filter(|end| *end <= length) else {
        let what = if end < 0 { String::new() } else { format!(" with length {length}") };
        return Err(out_of_range(&format!(":{end}"), &what));
    };
    match usize::try_from(start) {
        Ok(from) if from <= upto => Ok(text::cut(text, from, upto).into()),
        Ok(_) => Err(out_of_range(&format!("{start}:{end}"), "")),
        Err(_) => Err(out_of_range(&format!("{start}:"), "")),
    }
}

fn length(text: &str) -> i64 {
    crate::helm::template::as_int(text.len())
}

fn substr(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let (start, end, text) = (call.int(0), call.int(1), call.text(2));
    if start < 0 {
        part(text, 0, end)
    } else if end < 0 || end > length(text) {
        if start > length(text) {
            return Err(out_of_range(&format!("{start}:{}", text.len()), ""));
        }
        part(text, start, length(text))
    } else {
        part(text, start, end)
    }
}

fn trunc(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let (count, text) = (call.int(0), call.text(1));
    if count < 0 && length(text) + count > 0 {
        return part(text, length(text) + count, length(text));
    }
    if count >= 0 && length(text) > count {
        return part(text, 0, count);
    }
    Ok(call.take(1))
}

fn repeat(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let count = usize::try_from(call.int(0)).map_err(|_| GoError::new("strings: negative Repeat count"))?;
    call.check_text(count.saturating_mul(call.text(1).len()))?;
    Ok(call.text(1).repeat(count).into())
}

/// A part of a text, with its origins.
fn shorten(call: &mut Call<'_, '_>, index: usize, cut: impl FnOnce(&str) -> &str) -> GoResult<Value> {
    let text = call.str(index);
    let part = cut(&text);
    if part.len() == text.len() {
        return Ok(text.into());
    }
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    let shared: Shared = part.into();
    if let Some(trace) = &mut call.exec.trace {
        trace.cut(&text, &shared, start);
    }
    Ok(shared.into())
}

fn trim_all(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let set = call.str(0);
    shorten(call, 1, |text| text.trim_matches(|c| set.contains(c)))
}

fn join_shown(
    call: &mut Call<'_, '_>,
    show: impl Fn(&Value, &Call<'_, '_>) -> GoResult<String>,
) -> GoResult<Value> {
    let mut out = String::new();
    for (number, entry) in call.args.iter().filter(|entry| !entry.value.is_nil()).enumerate() {
        if number > 0 {
            out.push(' ');
        }
        out.push_str(&show(&entry.value, call)?);
    }
    Ok(out.into())
}

fn cat(call: &mut Call<'_, '_>) -> GoResult<Value> {
    join_shown(call, |value, call| printf::show(value, &call.limits()))
}

fn indent(call: &mut Call<'_, '_>, before: &str) -> GoResult<Value> {
    let width = usize::try_from(call.int(0)).map_err(|_| GoError::new("strings: negative Repeat count"))?;
    let text = call.str(1);
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    call.check_text(lines.saturating_mul(width).saturating_add(text.len()))?;
    let pad = " ".repeat(width);
    let mut out = String::with_capacity(before.len() + text.len() + lines * width);
    out.push_str(before);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(&pad);
        out.push_str(line);
    }
    let out: Shared = out.into();
    if let Some(trace) = &mut call.exec.trace {
        trace.indented(&text, &out, width, before.len());
    }
    Ok(out.into())
}

fn replace(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let (old, new, text) = (call.text(0), call.text(1), call.text(2));
    if !new.is_empty() {
        let count = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() };
        call.check_text(text.len().saturating_add(count.saturating_mul(new.len())))?;
    }
    Ok(text.replace(old, new).into())
}

/// sprig's `strslice`: anything as a list of strings.
pub fn texts(value: &Value, call: &Call<'_, '_>) -> GoResult<List> {
    let content;
    let value = match value {
        Value::Object(object) => {
            content = object.content();
            content.as_ref().unwrap_or(value)
        }
        value => value,
    };
    match value {
        Value::List(list) if list.list_type == ListType::String => Ok(list.clone()),
        Value::List(list) => {
            let mut items = Vec::with_capacity(list.len());
            for entry in list.items.iter().filter(|entry| !entry.value.is_nil()) {
                let text = convert::to_text(&entry.value, &call.limits())?;
                items.push(Entry { value: text.into(), origin: entry.origin });
            }
            Ok(List::of(ListType::String, items))
        }
        value if value.is_nil() => Ok(List::of(ListType::String, Vec::new())),
        value => Ok(List::strings([convert::to_text(value, &call.limits())?])),
    }
}

fn join(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let list = texts(call.value(1), call)?;
    let parts: Vec<&str> = list.values().filter_map(Value::as_str).collect();
    let size: usize = parts.iter().map(|part| part.len() + call.text(0).len()).sum();
    call.check_text(size)?;
    if let Some(trace) = &mut call.exec.trace {
        list.items.iter().for_each(|entry| trace.read(entry.origin));
    }
    Ok(parts.join(call.text(0)).into())
}

/// `_0`, `_1`...
fn numbered(parts: &[&str]) -> Value {
    let map = Map::of(MapType::String);
    for (index, part) in parts.iter().enumerate() {
        map.insert(format!("_{index}"), *part);
    }
    map.into()
}
