//! sprig's functions on regular expressions.

use std::rc::Rc;

use regex::Regex;

use super::regex_syntax::translate;
use super::{Call, Function, function};
use crate::helm::Table;
use crate::helm::go::quote::{can_backquote, quote};
use crate::helm::signature::Param::{Int, Str};
use crate::helm::template::GoResult;
use crate::helm::value::{List, ListType, Str as Shared, Value};

/// The table. Only the `must` twins of `regexMatch` tell of a broken expression; the others panic with its text.
pub const FUNCTIONS: &[Function] = &[
    function("regexMatch", &[Str, Str], |call| {
        let regex = call.regex(false);
        Ok(regex.is_ok_and(|regex| regex.is_match(call.text(1))).into())
    }),
    function("mustRegexMatch", &[Str, Str], |call| Ok(call.regex(false)?.is_match(call.text(1)).into())),
    function("regexFind", &[Str, Str], |call| find(call, true)),
    function("mustRegexFind", &[Str, Str], |call| find(call, false)),
    function("regexFindAll", &[Str, Str, Int], |call| find_all(call, true)),
    function("mustRegexFindAll", &[Str, Str, Int], |call| find_all(call, false)),
    function("regexReplaceAll", &[Str, Str, Str], |call| replace_all(call, true, true)),
    function("mustRegexReplaceAll", &[Str, Str, Str], |call| replace_all(call, false, true)),
    function("regexReplaceAllLiteral", &[Str, Str, Str], |call| replace_all(call, true, false)),
    function("mustRegexReplaceAllLiteral", &[Str, Str, Str], |call| replace_all(call, false, false)),
    function("regexSplit", &[Str, Str, Int], |call| split(call, true)),
    function("mustRegexSplit", &[Str, Str, Int], |call| split(call, false)),
    function("regexQuoteMeta", &[Str], |call| Ok(quote_meta(call.text(0)).into())),
];

/// The expressions that were compiled, or why they could not be.
#[derive(Debug, Default)]
pub struct RegexCache(Table<Shared, Result<Rc<Regex>, String>>);

/// How many expressions are kept; a chart that makes them up one by one compiles again.
const CACHED: usize = 256;

/// What one compiled expression may take of memory.
const SIZE_LIMIT: usize = 4 << 20;

impl RegexCache {
    fn get(&mut self, pattern: &Shared) -> Result<Rc<Regex>, String> {
        if let Some(known) = self.0.get(pattern) {
            return known.clone();
        }
        let compiled = translate(pattern).and_then(|translated| {
            regex::RegexBuilder::new(&translated).size_limit(SIZE_LIMIT).build().map(Rc::new).map_err(
                |error| match error {
                    regex::Error::CompiledTooBig(_) => {
                        format!("error parsing regexp: expression too large: `{pattern}`")
                    }
                    _ => format!("error parsing regexp: invalid character class range: `{pattern}`"),
                },
            )
        });
        if self.0.len() >= CACHED {
            self.0.clear();
        }
        self.0.insert(pattern.clone(), compiled.clone());
        compiled
    }
}

impl Call<'_, '_> {
    /// The first argument as an expression; `panics` gives the text that Go's `MustCompile` panics with.
    fn regex(&mut self, panics: bool) -> GoResult<Rc<Regex>> {
        let pattern = self.str(0);
        self.exec.spend(u64::try_from((pattern.len() + self.text(1).len()) / 32).unwrap_or(0))?;
        self.exec.regexes.get(&pattern).map_err(|error| {
            if !panics {
                return error.into();
            }
            let quoted = if can_backquote(&pattern) { format!("`{pattern}`") } else { quote(&pattern) };
            format!("regexp: Compile({quoted}): {error}").into()
        })
    }
}

fn find(call: &mut Call<'_, '_>, panics: bool) -> GoResult<Value> {
    let regex = call.regex(panics)?;
    Ok(regex.find(call.text(1)).map_or("", |found| found.as_str()).into())
}

/// At most so many; all for a negative number.
fn limit(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn find_all(call: &mut Call<'_, '_>, panics: bool) -> GoResult<Value> {
    let regex = call.regex(panics)?;
    let found: Vec<&str> =
        regex.find_iter(call.text(1)).take(limit(call.int(2))).map(|found| found.as_str()).collect();
    if found.is_empty() {
        return Ok(List::nil(ListType::String).into());
    }
    let list = List::strings(found);
    call.check_list(list.len())?;
    Ok(list.into())
}

fn replace_all(call: &mut Call<'_, '_>, panics: bool, expand: bool) -> GoResult<Value> {
    let regex = call.regex(panics)?;
    let (text, replacement) = (call.text(1), call.text(2));
    let mut out = String::with_capacity(text.len());
    let mut last = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[last..whole.start()]);
        if expand {
            captures.expand(replacement, &mut out);
        } else {
            out.push_str(replacement);
        }
        last = whole.end();
        call.check_text(out.len())?;
    }
    out.push_str(&text[last..]);
    Ok(out.into())
}

fn split(call: &mut Call<'_, '_>, panics: bool) -> GoResult<Value> {
    let regex = call.regex(panics)?;
    let (text, count) = (call.text(1), call.int(2));
    if count == 0 {
        return Ok(List::nil(ListType::String).into());
    }
    if text.is_empty() && !call.text(0).is_empty() {
        return Ok(List::strings([""]).into());
    }
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in regex.find_iter(text) {
        if count > 0 && parts.len() + 1 == limit(count) {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(&text[begin..end]);
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(&text[begin..]);
    }
    let list = List::strings(parts);
    call.check_list(list.len())?;
    Ok(list.into())
}

fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
