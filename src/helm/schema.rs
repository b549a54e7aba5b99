//! `values.schema.json`: whether a chart's values are what the chart wants, with the text of the library that Helm uses
//! (santhosh-tekuri/jsonschema) for what is not.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{Retrieve, Uri, ValidationError};
use serde_json::{Number, Value as Json};

use super::dependencies::Release;
use super::go::quote::quote as go_quote;
use super::value::{Map, Value};
use super::yaml::format_float;

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
        && let Err(mistakes) = check_one(values, schema)
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
                report.push_str(&format!(
                    "{}:\ninvalid type for values: expected object (map), got {}\n",
                    subchart.name,
                    other.type_name()
                ));
            }
        }
    }
}

fn check_one(values: &Map, schema: &[u8]) -> Result<(), String> {
    let schema: Json = serde_json::from_slice(schema).map_err(|error| error.to_string())?;
    let validator = jsonschema::options()
        .with_retriever(Nowhere)
        .build(&schema)
        .map_err(|error| format!("{}\n", first_line(&error.to_string())))?;
    let values = to_json(&Value::Map(values.clone()), 0);
    if validator.is_valid(&values) {
        return Ok(());
    }
    let mut text = String::new();
    let errors: Vec<_> = validator.iter_errors(&values).take(MAX_MISTAKES).collect();
    show(&errors, 0, &mut text);
    text.push('\n');
    Err(text)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Rendering is pure: a schema that refers to another place cannot have it.
struct Nowhere;

impl Retrieve for Nowhere {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        if uri.scheme().as_str() == "urn" {
            // As Helm does with what it cannot resolve.
            return Ok(Json::Bool(true));
        }
        Err(format!("{uri} is not in the chart: put the schema into values.schema.json itself").into())
    }
}

/// A mistake with the steps from schema to schema that lead to it.
struct Mistake<'e, 'v> {
    error: &'e ValidationError<'v>,
    steps: Vec<Step>,
    place: Vec<String>,
}

/// From one schema to one inside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// The keyword with the name or number behind it: `properties/image`, `allOf/0`, `items`.
    keyword: String,
    /// The part of the value that the inner schema is about; `None` if it is about the same value.
    part: Option<String>,
}

impl<'e, 'v> Mistake<'e, 'v> {
    fn of(error: &'e ValidationError<'v>) -> Self {
        let place = pointer(error.instance_path().as_str());
        let path = pointer(error.evaluation_path().as_str());
        let mut steps = Vec::new();
        let (mut at, mut parts) = (0, place.iter());
        while at + 1 < path.len() {
            let keyword = path[at].as_str();
            let (length, deeper) = match keyword {
                "properties" | "patternProperties" | "prefixItems" => (2, true),
                "items" if path[at + 1].bytes().all(|byte| byte.is_ascii_digit()) => (2, true),
                "items"
                | "additionalItems"
                | "additionalProperties"
                | "unevaluatedProperties"
                | "unevaluatedItems"
                | "contains" => (1, true),
                "allOf" | "anyOf" | "oneOf" | "dependentSchemas" | "dependencies" => (2, false),
                _ => (1, false),
            };
            let keyword = path[at..path.len().min(at + length)].join("/");
            steps.push(Step { keyword, part: if deeper { parts.next().cloned() } else { None } });
            at += length;
        }
        Self { error, steps, place }
    }
}

/// The parts of a JSON pointer.
fn pointer(text: &str) -> Vec<String> {
    text.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// All mistakes of a schema, one a line, those of a schema inside of it together.
fn show(errors: &[ValidationError<'_>], indent: usize, text: &mut String) {
    let mistakes: Vec<Mistake<'_, '_>> = errors.iter().map(Mistake::of).collect();
    show_all(&mistakes.iter().collect::<Vec<_>>(), 0, 0, indent, text);
}

/// The mistakes of one schema, `depth` steps and `parts` parts of the value from where they are counted.
fn show_all(mistakes: &[&Mistake<'_, '_>], depth: usize, parts: usize, indent: usize, text: &mut String) {
    for group in groups(mistakes, depth) {
        let first = group[0];
        match first.steps.get(depth) {
            None => show_leaf(&group, indent, text),
            Some(step) if step.keyword.starts_with("allOf/") => {
                line(text, indent, &first.place[..parts], "'allOf' failed");
                for branch in by_step(&group, depth) {
                    show_inner(&branch, depth + 1, parts, indent + 1, text);
                }
            }
            Some(step) => {
                show_inner(&group, depth + 1, parts + usize::from(step.part.is_some()), indent, text);
            }
        }
    }
}

/// The mistakes of a schema inside of another: one stands for itself, several get a line above them.
fn show_inner(group: &[&Mistake<'_, '_>], depth: usize, parts: usize, indent: usize, text: &mut String) {
    if groups(group, depth).len() == 1 {
        return show_all(group, depth, parts, indent, text);
    }
    let place = &group[0].place;
    line(text, indent, &place[..parts.min(place.len())], "validation failed");
    show_all(group, depth, parts, indent + 1, text);
}

/// Mistakes that one line tells, or that lie in one schema further in.
fn groups<'m, 'e, 'v>(mistakes: &[&'m Mistake<'e, 'v>], depth: usize) -> Vec<Vec<&'m Mistake<'e, 'v>>> {
    let together = |left: &Mistake<'_, '_>, right: &Mistake<'_, '_>| match (
        left.steps.get(depth),
        right.steps.get(depth),
    ) {
        (None, None) => {
            matches!(left.error.kind(), Kind::Required { .. })
                && matches!(right.error.kind(), Kind::Required { .. })
        }
        (Some(left), Some(right)) => {
            left == right || (left.keyword.starts_with("allOf/") && right.keyword.starts_with("allOf/"))
        }
        _ => false,
    };
    gather(mistakes, together)
}

fn by_step<'m, 'e, 'v>(mistakes: &[&'m Mistake<'e, 'v>], depth: usize) -> Vec<Vec<&'m Mistake<'e, 'v>>> {
    gather(mistakes, |left, right| left.steps.get(depth) == right.steps.get(depth))
}

fn gather<'m, 'e, 'v>(
    mistakes: &[&'m Mistake<'e, 'v>],
    together: impl Fn(&Mistake<'_, '_>, &Mistake<'_, '_>) -> bool,
) -> Vec<Vec<&'m Mistake<'e, 'v>>> {
    let mut groups: Vec<Vec<&'m Mistake<'e, 'v>>> = Vec::new();
    for mistake in mistakes {
        match groups.iter_mut().find(|group| together(group[0], mistake)) {
            Some(group) => group.push(mistake),
            None => groups.push(vec![mistake]),
        }
    }
    groups
}

fn show_leaf(group: &[&Mistake<'_, '_>], indent: usize, text: &mut String) {
    let first = group[0];
    let missing: Vec<String> = group
        .iter()
        .filter_map(|mistake| match mistake.error.kind() {
            Kind::Required { property } => Some(quote(property.as_str().unwrap_or_default())),
            _ => None,
        })
        .collect();
    let what = if missing.len() > 1 {
        format!("missing properties {}", missing.join(", "))
    } else {
        describe(first.error)
    };
    line(text, indent, &first.place, &what);
    if let Kind::AnyOf { context } | Kind::OneOfNotValid { context } = first.error.kind() {
        for branch in context {
            let mistakes: Vec<Mistake<'_, '_>> = branch.iter().map(|error| within(error, first)).collect();
            let mistakes: Vec<&Mistake<'_, '_>> = mistakes.iter().collect();
            show_inner(&mistakes, 0, first.place.len(), indent + 1, text);
        }
    }
}

/// A mistake below an `anyOf` or `oneOf`, its steps counted from the branch on.
fn within<'e, 'v>(error: &'e ValidationError<'v>, outer: &Mistake<'_, '_>) -> Mistake<'e, 'v> {
    let mut mistake = Mistake::of(error);
    let above = outer.steps.len() + 1;
    mistake.steps.drain(..above.min(mistake.steps.len()));
    mistake
}

fn line(text: &mut String, indent: usize, place: &[String], what: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    let place: String =
        place.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect();
    text.push_str(&"  ".repeat(indent));
    text.push_str(&format!("- at {}: {what}", quote(&place)));
}

fn describe(error: &ValidationError<'_>) -> String {
    let got = error.instance();
    match error.kind() {
        Kind::Type { kind } => {
            const ORDER: [&str; 7] = ["null", "boolean", "number", "integer", "string", "array", "object"];
            let mut wanted: Vec<String> = match kind {
                TypeKind::Single(wanted) => vec![wanted.to_string()],
                TypeKind::Multiple(wanted) => wanted.iter().map(|wanted| wanted.to_string()).collect(),
            };
            wanted.sort_by_key(|wanted| ORDER.iter().position(|known| known == wanted));
            format!("got {}, want {}", type_of(got), wanted.join(" or "))
        }
        Kind::Required { property } => {
            format!("missing property {}", quote(property.as_str().unwrap_or_default()))
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let names: Vec<String> = unexpected.iter().map(|name| quote(name)).collect();
            format!("additional properties {} not allowed", names.join(", "))
        }
        Kind::Enum { options } => {
            let options: Vec<&Json> =
                options.as_array().map(|options| options.iter().collect()).unwrap_or_default();
            if options.iter().any(|option| option.is_array() || option.is_object()) {
                "'enum' failed".to_owned()
            } else if let [one] = options.as_slice() {
                format!("value must be {}", display(one))
            } else {
                let shown: Vec<String> = options.into_iter().map(display).collect();
                format!("value must be one of {}", shown.join(", "))
            }
        }
        Kind::Constant { expected_value } => {
            if expected_value.is_array() || expected_value.is_object() {
                "'const' failed".to_owned()
            } else {
                format!("value must be {}", display(expected_value))
            }
        }
        Kind::Minimum { limit } => format!("minimum: got {}, want {}", number(got), number(limit)),
        Kind::Maximum { limit } => format!("maximum: got {}, want {}", number(got), number(limit)),
        Kind::ExclusiveMinimum { limit } => {
            format!("exclusiveMinimum: got {}, want {}", number(got), number(limit))
        }
        Kind::ExclusiveMaximum { limit } => {
            format!("exclusiveMaximum: got {}, want {}", number(got), number(limit))
        }
        Kind::MultipleOf { multiple_of } => {
            format!("multipleOf: got {}, want {}", number(got), grouped(&format_float(*multiple_of)))
        }
        Kind::MinLength { limit } => {
            format!("minLength: got {}, want {}", count(length(got)), grouped(&limit.to_string()))
        }
        Kind::MaxLength { limit } => {
            format!("maxLength: got {}, want {}", count(length(got)), grouped(&limit.to_string()))
        }
        Kind::MinItems { limit } => {
            format!("minItems: got {}, want {}", count(length(got)), grouped(&limit.to_string()))
        }
        Kind::MaxItems { limit } => {
            format!("maxItems: got {}, want {}", count(length(got)), grouped(&limit.to_string()))
        }
        Kind::MinProperties { limit } => {
            format!("minProperties: got {}, want {}", count(length(got)), grouped(&limit.to_string()))
        }
        Kind::MaxProperties { limit } => {
            format!("maxProperties: got {}, want {}", count(length(got)), grouped(&limit.to_string()))
        }
        Kind::Pattern { pattern } => {
            format!("{} does not match pattern {}", display(got), quote(pattern))
        }
        Kind::Not { .. } => "'not' failed".to_owned(),
        Kind::AnyOf { .. } => "'anyOf' failed".to_owned(),
        Kind::OneOfNotValid { .. } => "'oneOf' failed, none matched".to_owned(),
        Kind::OneOfMultipleValid { .. } => "'oneOf' failed, subschemas 0, 1 matched".to_owned(),
        Kind::FalseSchema => "false schema".to_owned(),
        Kind::Contains => "no items match contains schema".to_owned(),
        Kind::UniqueItems => duplicates(got),
        Kind::AdditionalItems { limit } => {
            format!("last {} additionalItem(s) not allowed", length(got).saturating_sub(*limit))
        }
        Kind::PropertyNames { error } => format!("invalid propertyName {}", display(error.instance())),
        Kind::Format { format } => format!("{} is not valid {format}", display(got)),
        _ => error.to_string(),
    }
}

/// A number with the commas that the library's English puts between thousands.
fn number(value: &Json) -> String {
    grouped(&display(value))
}

fn count(value: usize) -> String {
    grouped(&value.to_string())
}

fn grouped(number: &str) -> String {
    let whole = number.find(['.', 'e']).unwrap_or(number.len());
    let start = usize::from(number.starts_with('-'));
    let mut out = number[..start].to_owned();
    for (at, digit) in number[start..whole].char_indices() {
        if at > 0 && (whole - start - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(&number[whole..]);
    out
}

fn length(value: &Json) -> usize {
    match value {
        Json::String(text) => text.chars().count(),
        Json::Array(items) => items.len(),
        Json::Object(fields) => fields.len(),
        _ => 0,
    }
}

fn duplicates(value: &Json) -> String {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    for (second, item) in items.iter().enumerate() {
        if let Some(first) = items[..second].iter().position(|other| other == item) {
            return format!("items at {first} and {second} are equal");
        }
    }
    "items are equal".to_owned()
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn display(value: &Json) -> String {
    match value {
        Json::String(text) => quote(text),
        Json::Null => "<nil>".to_owned(),
        Json::Number(number) => number.as_i64().map_or_else(
            || number.as_f64().map(format_float).unwrap_or_default(),
            |number| number.to_string(),
        ),
        Json::Bool(value) => value.to_string(),
        Json::Array(_) | Json::Object(_) => "value".to_owned(),
    }
}

/// Go's quotes, single ones outside.
fn quote(text: &str) -> String {
    let quoted = go_quote(text).replace("\\\"", "\"").replace('\'', "\\'");
    format!("'{}'", quoted.get(1..quoted.len() - 1).unwrap_or_default())
}

/// Values as JSON; whole floats become integers, so that a schema's `integer` fits them.
fn to_json(value: &Value, depth: usize) -> Json {
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
