//! A user's values over the charts' own (Helm's pkg/chart/common/util/coalesce.go).
//!
//! Maps are shared where Helm shares them: what one step changes in place, a later one sees.

use std::collections::BTreeSet;

use super::deep_copy;
use crate::helm::dependencies::Release;
use crate::helm::go::printf;
use crate::helm::go::quote::quote;
use crate::helm::limits::Limits;
use crate::helm::template::HelmVersion;
use crate::helm::value::{List, Map, MapType, Str, Value};
use crate::helm::warnings::Warnings;

/// The key of the values that all charts see.
const GLOBAL: &str = "global";

/// Whether nulls go, as in what templates see, or stay for a later step to act upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::helm) enum Nulls {
    /// A null takes the chart's own value away.
    Delete,
    /// Nulls are values.
    Keep,
}

/// The values that a chart's templates see: the user's over the chart's own, through all of its subcharts.
///
/// `values` is not changed. Warnings are for people; the error is Helm's text.
pub(in crate::helm) fn coalesce(
    chart: &Release<'_>,
    values: &Map,
    nulls: Nulls,
    warnings: &mut Warnings,
) -> Result<Map, String> {
    let values = deep_copy(values).as_type(MapType::Any);
    Coalescing { nulls, warnings }.chart(chart, &values, "")?;
    Ok(values)
}

/// `source` under `target`, in place; nulls stay.
pub(in crate::helm) fn merge_tables(target: &Map, source: &Map, warnings: &mut Warnings) {
    Coalescing { nulls: Nulls::Keep, warnings }.tables(target, source, "", Nulls::Keep);
}

struct Coalescing<'w> {
    nulls: Nulls,
    warnings: &'w mut Warnings,
}

impl Coalescing<'_> {
    /// A line of Helm's log; `line` is where in Helm 3's `coalesce.go`.
    fn warn(&mut self, line: u32, text: &str) {
        self.warnings.print(&format!("coalesce.go:{line}"), text);
    }

    /// Helm 4 leaves a chart's own nulls out; in Helm 3 they are values.
    fn drops_nulls(&self) -> bool {
        self.nulls == Nulls::Delete && self.warnings.helm() == HelmVersion::Helm4
    }

    fn chart(&mut self, chart: &Release<'_>, target: &Map, prefix: &str) -> Result<(), String> {
        let prefix = join(prefix, &chart.name);
        self.defaults(chart, target, &prefix);
        for subchart in &chart.dependencies {
            let values = match target.get(&subchart.name) {
                Some(Value::Map(values)) => values,
                None => {
                    let values = Map::new();
                    target.insert(Str::clone(&subchart.name), values.clone());
                    values
                }
                Some(other) => {
                    return Err(format!("type mismatch on {}: {}", subchart.name, as_truth(&other)));
                }
            };
            self.globals(&values, target, &prefix);
            self.chart(subchart, &values, &prefix)?;
        }
        Ok(())
    }

    /// The chart's own values where the target has none.
    fn defaults(&mut self, chart: &Release<'_>, target: &Map, prefix: &str) {
        for (key, entry) in deep_copy(&chart.values).snapshot() {
            match target.get(&key) {
                None => {
                    if self.drops_nulls() {
                        match &entry.value {
                            Value::Nil | Value::NoValue => continue,
                            Value::Map(map) => drop_nulls(map),
                            _ => {}
                        }
                    }
                    target.insert_at(key, entry.value, entry.origin);
                }
                Some(value) if value.is_nil() => {
                    if self.nulls == Nulls::Delete {
                        target.remove(&key);
                    }
                }
                Some(Value::Map(over)) => match entry.value {
                    Value::Map(under) => {
                        let of_subchart = chart.dependencies.iter().any(|subchart| subchart.name == key);
                        let nulls = if of_subchart { Nulls::Keep } else { self.nulls };
                        if self.drops_nulls() && nulls == Nulls::Delete {
                            drop_nulls(&under);
                        }
                        self.tables(&over, &under, &join(prefix, &key), nulls);
                    }
                    Value::Nil | Value::NoValue => {}
                    _ => self.warn(237, &format!("warning: skipped value for {prefix}.{key}: Not a table.")),
                },
                Some(_) => {}
            }
        }
    }

    /// The parent's globals over the subchart's.
    fn globals(&mut self, target: &Map, source: &Map, prefix: &str) {
        let over = match target.get(GLOBAL) {
            None => Map::new(),
            Some(Value::Map(map)) => map,
            Some(_) => {
                return self
                    .warn(138, "warning: skipping globals because destination global is not a table.");
            }
        };
        let from = match source.get(GLOBAL) {
            None => Map::new(),
            Some(Value::Map(map)) => map,
            Some(_) => {
                return self.warn(145, "warning: skipping globals because source global is not a table.");
            }
        };
        for (key, entry) in from.snapshot() {
            match (&entry.value, over.get(&key)) {
                (Value::Map(map), present) => {
                    let copy = Map::new();
                    copy.entries.borrow_mut().extend(map.snapshot());
                    match present {
                        None => {}
                        Some(Value::Map(present)) => {
                            // The other way round than elsewhere: the parent's win. Nulls go later.
                            self.tables(&copy, &present, &join(prefix, &key), Nulls::Keep);
                        }
                        Some(_) => {
                            let key = quote(&key);
                            self.warn(
                                161,
                                &format!("Conflict: cannot merge map onto non-map for {key}. Skipping."),
                            );
                            continue;
                        }
                    }
                    over.insert_at(key, copy, entry.origin);
                }
                (_, Some(Value::Map(_))) => self.warn(175, &format!("key {key} is table. Skipping")),
                _ => over.insert_at(key, entry.value, entry.origin),
            }
        }
        target.insert(GLOBAL, over);
    }

    /// `source` under `target`, in place. Nulls of the target are noted in the source too, as Helm does.
    fn tables(&mut self, target: &Map, source: &Map, prefix: &str, nulls: Nulls) {
        let set_in_source: BTreeSet<Str> = source
            .snapshot()
            .into_iter()
            .filter(|(_, entry)| !entry.value.is_nil())
            .map(|(key, _)| key)
            .collect();
        for (key, entry) in target.snapshot() {
            if entry.value.is_nil() {
                source.insert_at(key, Value::Nil, entry.origin);
            }
        }
        for (key, entry) in source.snapshot() {
            match target.get(&key) {
                None => target.insert_at(key, entry.value, entry.origin),
                Some(present)
                    if present.is_nil() && nulls == Nulls::Delete && set_in_source.contains(&key) =>
                {
                    target.remove(&key);
                }
                Some(present) => match (&entry.value, present) {
                    (Value::Map(under), Value::Map(over)) => {
                        self.tables(&over, under, &join(prefix, &key), nulls);
                    }
                    (Value::Map(_), _) => {
                        let (name, value) = (join(prefix, &key), shown(&entry.value));
                        self.warn(
                            316,
                            &format!("warning: cannot overwrite table with non table for {name} ({value})"),
                        );
                    }
                    (value, Value::Map(_)) if !value.is_nil() => {
                        let (name, value) = (join(prefix, &key), shown(value));
                        let text = format!(
                            "warning: destination for {name} is a table. Ignoring non-table value ({value})"
                        );
                        self.warn(319, &text);
                    }
                    _ => {}
                },
            }
        }
    }
}

/// Go's `%v`.
fn shown(value: &Value) -> String {
    printf::show(value, &Limits::default()).unwrap_or_default()
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// Takes nulls out, at any depth of maps.
fn drop_nulls(map: &Map) {
    for (key, entry) in map.snapshot() {
        match &entry.value {
            Value::Nil | Value::NoValue => {
                map.remove(&key);
            }
            Value::Map(inner) => drop_nulls(inner),
            _ => {}
        }
    }
}

/// Go's `%t` of what is not a boolean, which Helm's text has.
fn as_truth(value: &Value) -> String {
    match value {
        Value::Nil | Value::NoValue => "%!t(<nil>)".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::List(list) => shown_list(list),
        Value::Map(map) => {
            let shown = map.snapshot();
            let shown =
                shown.iter().map(|(key, entry)| format!("%!t(string={key}):{}", shown_inside(&entry.value)));
            format!("map[{}]", shown.collect::<Vec<_>>().join(" "))
        }
        Value::Str(text) => format!("%!t(string={text})"),
        Value::Float(number) => {
            format!("%!t(float64={})", crate::helm::yaml::format_float(*number))
        }
        Value::Int64(number) => format!("%!t(int64={number})"),
        other => format!("%!t({})", other.type_name()),
    }
}

fn shown_list(list: &List) -> String {
    let shown: Vec<String> = list.values().map(shown_inside).collect();
    format!("[{}]", shown.join(" "))
}

fn shown_inside(value: &Value) -> String {
    if value.is_nil() { "<nil>".to_owned() } else { as_truth(value) }
}

/// The table under a path of keys; the error is the key that is no table.
pub(in crate::helm) fn table(values: &Map, path: &str) -> Result<Map, String> {
    path.split('.').try_fold(values.clone(), |table, key| match table.get(key) {
        Some(Value::Map(inner)) => Ok(inner),
        _ => Err(key.to_owned()),
    })
}

/// The value under a path of keys, unless it is a table.
pub(in crate::helm) fn path_value(values: &Map, path: &str) -> Option<Value> {
    let (parent, key) = match path.rsplit_once('.') {
        Some((parent, key)) => (table(values, parent).ok()?, key),
        None => (values.clone(), path),
    };
    parent.get(key).filter(|value| !matches!(value, Value::Map(_)))
}

/// A copy of `values` under `parent`'s keys; `.` is the root.
pub(in crate::helm) fn nested(parent: &str, values: Map) -> Map {
    if parent == "." {
        return values;
    }
    parent.rsplit('.').fold(values, |inner, key| {
        let outer = Map::new();
        outer.insert(key, inner);
        outer
    })
}
