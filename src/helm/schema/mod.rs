//! `values.schema.json`: whether a chart's values are what the chart wants, with the text of the library that Helm uses
//! (santhosh-tekuri/jsonschema) for what is not.

mod report;

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use jsonschema::{Draft, Retrieve, Uri, Validator};
use serde_json::{Number, Value as Json};

use super::dependencies::Release;
use super::functions::json;
use super::go::quote::quote;
use super::value::{Map, Value};
use report::Report;

/// How many mistakes of one chart are told.
const MAX_MISTAKES: usize = 100;

/// Checks the values of a chart and of all charts below it. The error's text is Helm's.
pub(super) fn validate(chart: &Release<'_>, values: &Map) -> Result<(), String> {
    let mut report = String::new();
    check(chart, values, &mut report);
    if report.is_empty() { Ok(()) } else { Err(report) }
}

fn check(chart: &Release<'_>, values: &Map, report: &mut String) {
    if let Some(schema) = &chart.chart.schema
        && let Err(mistakes) = schema.check(values)
    {
        report.push_str(&chart.name);
        report.push_str(":\n");
        report.push_str(&mistakes);
    }
    for subchart in &chart.dependencies {
        match values.get(&subchart.name) {
            None | Some(Value::Nil | Value::NoValue) => {}
            Some(Value::Map(values)) => check(subchart, &values, report),
            Some(other) => {
                let _ = writeln!(
                    report,
                    "{}:\ninvalid type for values: expected object (map), got {}",
                    subchart.name,
                    other.type_name()
                );
            }
        }
    }
}

/// A chart's schema, made ready once for all renderings: that takes longer than to check values.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    text: Arc<[u8]>,
    ready: Arc<OnceLock<Result<(Json, Validator), String>>>,
}

impl Schema {
    /// A schema by its text.
    pub(super) fn new(text: Arc<[u8]>) -> Self {
        Self { text, ready: Arc::default() }
    }

    fn check(&self, values: &Map) -> Result<(), String> {
        let (schema, validator) =
            self.ready.get_or_init(|| make_ready(&self.text)).as_ref().map_err(Clone::clone)?;
        let values = to_json(&Value::Map(values.clone()), 0);
        if validator.is_valid(&values) {
            return Ok(());
        }
        let errors: Vec<_> = validator.iter_errors(&values).take(MAX_MISTAKES).collect();
        Err(format!("{}\n", Report::of(schema, &values, &errors)))
    }
}

fn make_ready(text: &[u8]) -> Result<(Json, Validator), String> {
    let schema: Json = serde_json::from_slice(text).map_err(|error| no_json(text, &error))?;
    match jsonschema::options().with_retriever(Nowhere).build(&schema) {
        Ok(validator) => Ok((schema, validator)),
        Err(error) => Err(schema_mistakes(&schema).unwrap_or_else(|| unresolved(&error.to_string()))),
    }
}

/// What Go's decoder says of a schema that is no JSON.
fn no_json(schema: &[u8], error: &serde_json::Error) -> String {
    match json::parse(&String::from_utf8_lossy(schema)) {
        Err(reason) if reason == "unexpected end of JSON input" => {
            if schema.trim_ascii().is_empty() { "EOF" } else { "unexpected EOF" }.to_owned()
        }
        Err(reason) if reason.ends_with("after top-level value") => {
            "invalid character after top-level value".to_owned()
        }
        Err(reason) => reason,
        Ok(_) => error.to_string(),
    }
}

/// The library's words for a reference that leads nowhere.
fn unresolved(text: &str) -> String {
    if let Some(pointer) =
        text.strip_prefix("Pointer '").and_then(|rest| rest.strip_suffix("' does not exist"))
    {
        return format!(
            "json-pointer in {} not found",
            quote(&format!("file:///values.schema.json#{pointer}"))
        );
    }
    let told = text.strip_prefix("Resource '").and_then(|rest| {
        let (uri, rest) = rest.split_once("' is not present in a registry and retrieving it failed: ")?;
        Some((uri, rest))
    });
    match told {
        Some((uri, reason)) => format!("failing loading {}: {reason}", quote(uri)),
        None => text.to_owned(),
    }
}

/// What is wrong with a schema by the rules for schemas; `None` if nothing is.
fn schema_mistakes(schema: &Json) -> Option<String> {
    let (rules, validator) = match Draft::default().detect(schema) {
        Draft::Draft4 => ("http://json-schema.org/draft-04/schema#", jsonschema::draft4::meta::validator()),
        Draft::Draft6 => ("http://json-schema.org/draft-06/schema#", jsonschema::draft6::meta::validator()),
        Draft::Draft7 => ("http://json-schema.org/draft-07/schema#", jsonschema::draft7::meta::validator()),
        Draft::Draft201909 => {
            ("https://json-schema.org/draft/2019-09/schema#", jsonschema::draft201909::meta::validator())
        }
        _ => ("https://json-schema.org/draft/2020-12/schema#", jsonschema::draft202012::meta::validator()),
    };
    let errors: Vec<_> = validator.iter_errors(schema).take(MAX_MISTAKES).collect();
    (!errors.is_empty()).then(|| {
        let mistakes = Report::of(&Json::Null, schema, &errors);
        format!(
            "\"file:///values.schema.json#\" is not valid against metaschema: jsonschema validation failed with \
             '{rules}'\n{mistakes}"
        )
    })
}

/// Rendering is pure: a schema that refers to another place cannot have it.
struct Nowhere;

impl Retrieve for Nowhere {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        if uri.scheme().as_str() == "urn" {
            // As Helm does with what it cannot resolve.
            return Ok(Json::Bool(true));
        }
        if uri.scheme().as_str() == "file" {
            return Err(format!("open {}: no such file or directory", uri.path()).into());
        }
        Err(format!("{uri} is not in the chart: put the schema into values.schema.json itself").into())
    }
}

/// Values as JSON; whole floats become integers, so that a schema's `integer` fits them.
pub(super) fn to_json(value: &Value, depth: usize) -> Json {
    if depth > 500 {
        return Json::Null;
    }
    match value {
        Value::Nil | Value::NoValue => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) | Value::Int64(value) => Json::from(*value),
        Value::Uint(value) => Json::from(*value),
        Value::Byte(value) => Json::from(*value),
        Value::Float(value) => float(*value),
        Value::Str(text) => Json::from(&**text),
        Value::List(list) => list.values().map(|item| to_json(item, depth + 1)).collect(),
        Value::Map(map) => {
            let fields = map.snapshot().into_iter();
            Json::Object(
                fields.map(|(key, entry)| (key.to_string(), to_json(&entry.value, depth + 1))).collect(),
            )
        }
        Value::Object(object) => to_json(&object.json(), depth + 1),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only whole numbers that an i64 holds exactly are cast")]
fn float(value: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        Json::from(value as i64)
    } else {
        Number::from_f64(value).map_or(Json::Null, Json::Number)
    }
}
