//! The functions that templates call: text/template's own, sprig's and Helm's.
//!
//! Each file holds a table of functions with their Go signatures; the executor checks arguments against them as Go's
//! reflection would, so that a function finds the types that it asked for. What Go would panic with is an error here.

#![expect(clippy::unnecessary_wraps, reason = "the functions of a table have one form")]
#![expect(
    clippy::unnecessary_box_returns,
    reason = "an error is boxed where it is made, so that results stay small"
)]
#![expect(clippy::format_push_string, reason = "off the hot path, and easier to read")]

pub mod builtins;
pub mod crypto;
pub mod dates;
pub mod defaults;
pub mod dicts;
pub mod encoding;
pub mod helm;
pub mod json;
pub mod lists;
pub mod math;
pub mod paths;
pub mod random;
pub mod reflection;
pub mod regex;
pub mod regex_syntax;
pub mod semver;
pub mod strings;
pub mod toml;
pub mod urls;
pub mod words;
pub mod yaml;

use std::sync::LazyLock;

use super::Table;
use super::limits::Limits;
use super::signature::{Param, Signature};
use super::template::{Args, Exec, GoError, GoResult, HelmVersion};
use super::value::{Entry, Map, Str, Value};

/// A function of templates.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub signature: Signature,
    /// What it does.
    pub run: Run,
    /// Whether it stops at the argument that decides.
    pub lazy: Option<Lazy>,
}

/// A function's code.
pub type Run = fn(&mut Call<'_, '_>) -> GoResult<Value>;

/// The functions that do not evaluate all their arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lazy {
    /// `and`
    And,
    /// `or`
    Or,
}

/// A call: the arguments, which fit the signature, and the executor.
pub struct Call<'a, 'e> {
    /// The state of the rendering.
    pub exec: &'a mut Exec<'e>,
    /// The arguments with their origins.
    pub args: Args,
}

impl Call<'_, '_> {
    /// What the rendering may use.
    pub fn limits(&self) -> Limits {
        self.exec.env.limits
    }

    /// An argument as it is.
    pub fn value(&self, index: usize) -> &Value {
        self.args.get(index).map_or(&Value::NoValue, |entry| &entry.value)
    }

    /// An argument, taken out.
    pub fn take(&mut self, index: usize) -> Value {
        self.args.get_mut(index).map(|entry| std::mem::take(&mut entry.value)).unwrap_or_default()
    }

    /// A `string` argument.
    pub fn text(&self, index: usize) -> &str {
        self.value(index).as_str().unwrap_or_default()
    }

    /// A `string` argument to keep.
    pub fn str(&self, index: usize) -> Str {
        match self.value(index) {
            Value::Str(text) => text.clone(),
            _ => "".into(),
        }
    }

    /// An `int` argument.
    pub fn int(&self, index: usize) -> i64 {
        match self.value(index) {
            Value::Int(int) | Value::Int64(int) => *int,
            _ => 0,
        }
    }

    /// A `map[string]interface {}` argument; `None` for Go's nil map.
    pub fn map(&self, index: usize) -> Option<Map> {
        self.value(index).as_map().cloned()
    }

    /// The arguments from one on.
    pub fn rest(&self, from: usize) -> &[Entry] {
        self.args.get(from..).unwrap_or_default()
    }

    /// Fails for a text that would grow over the limit.
    pub fn check_text(&self, bytes: usize) -> GoResult<()> {
        let limit = self.limits().string_bytes;
        if bytes > limit {
            return Err(GoError::new(format!("the text is larger than the limit of {limit} bytes")));
        }
        Ok(())
    }

    /// Fails for a list that would grow over the limit, and counts its elements as steps.
    pub fn check_list(&mut self, items: usize) -> GoResult<()> {
        let limit = self.limits().list_items;
        if items > limit {
            return Err(GoError::new(format!("the list is longer than the limit of {limit} elements")));
        }
        self.exec.spend(u64::try_from(items).unwrap_or(u64::MAX))
    }

    /// Fails for a value that is too large or too deep to be written out, and counts its parts as steps.
    pub fn check_value(&mut self, value: &Value) -> GoResult<()> {
        let mut size = 0;
        weigh(value, self.limits().value_depth, &mut size, &self.limits())?;
        self.exec.spend(u64::try_from(size / 16).unwrap_or(u64::MAX))
    }
}

/// Adds up the bytes of a value; fails over the limits.
fn weigh(value: &Value, depth: usize, size: &mut usize, limits: &Limits) -> GoResult<()> {
    *size += 8;
    match value {
        Value::Str(text) => *size += text.len(),
        Value::List(_) | Value::Map(_) if depth == 0 => {
            return Err(format!("a value is nested deeper than the limit of {}", limits.value_depth).into());
        }
        Value::List(list) => list.values().try_for_each(|value| weigh(value, depth - 1, size, limits))?,
        Value::Map(map) => {
            for (key, entry) in map.entries.borrow().iter() {
                *size += key.len();
                weigh(&entry.value, depth - 1, size, limits)?;
            }
        }
        _ => {}
    }
    if *size > limits.string_bytes {
        return Err(format!("a value is larger than the limit of {} bytes", limits.string_bytes).into());
    }
    Ok(())
}

/// A function with exactly these parameters.
const fn function(name: &'static str, fixed: &'static [Param], run: Run) -> Function {
    Function { name, signature: Signature::fixed(fixed), run, lazy: None }
}

/// A function with these parameters and any number more.
const fn variadic(name: &'static str, fixed: &'static [Param], more: Param, run: Run) -> Function {
    Function { name, signature: Signature::variadic(fixed, more), run, lazy: None }
}

/// What Go says where something is read through a nil.
const NIL_DEREFERENCE: &str = "runtime error: invalid memory address or nil pointer dereference";

static FUNCTIONS: LazyLock<Table<&'static str, &'static Function>> = LazyLock::new(|| {
    // Later tables win: sprig's `slice` over text/template's, Helm's `toJson` over sprig's.
    let tables: [&'static [Function]; 19] = [
        builtins::FUNCTIONS,
        strings::FUNCTIONS,
        words::FUNCTIONS,
        defaults::FUNCTIONS,
        lists::FUNCTIONS,
        dicts::FUNCTIONS,
        math::FUNCTIONS,
        reflection::FUNCTIONS,
        encoding::FUNCTIONS,
        json::FUNCTIONS,
        yaml::FUNCTIONS,
        dates::FUNCTIONS,
        regex::FUNCTIONS,
        semver::FUNCTIONS,
        paths::FUNCTIONS,
        random::FUNCTIONS,
        crypto::FUNCTIONS,
        toml::FUNCTIONS,
        helm::FUNCTIONS,
    ];
    tables.into_iter().chain([urls::FUNCTIONS]).flatten().map(|function| (function.name, function)).collect()
});

/// The functions that Helm 3 does not have.
const SINCE_HELM_4: [&str; 13] = [
    "mustToToml",
    "mustToYaml",
    "mustToDuration",
    "durationSeconds",
    "durationMilliseconds",
    "durationMicroseconds",
    "durationNanoseconds",
    "durationMinutes",
    "durationHours",
    "durationDays",
    "durationWeeks",
    "durationRoundTo",
    "durationTruncateTo",
];

/// The function of this name.
pub fn find(name: &str, helm: HelmVersion) -> Option<&'static Function> {
    let is_there = helm == HelmVersion::Helm4 || !SINCE_HELM_4.contains(&name);
    FUNCTIONS.get(name).copied().filter(|_| is_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_functions_of_helm_are_there() {
        let names = include_str!("names.txt");
        let missing: Vec<_> =
            names.split_whitespace().filter(|name| find(name, HelmVersion::Helm4).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
