//! The text of santhosh-tekuri/jsonschema, the library that Helm uses, for the errors of the one that is used here.

use std::fmt::Write as _;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value as Json;

use crate::helm::go::quote::quote as go_quote;
use crate::helm::yaml::format_float;

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

    /// The first parts of its place.
    fn above(&self, parts: usize) -> &[String] {
        &self.place[..parts.min(self.place.len())]
    }
}

/// The parts of a JSON pointer.
fn pointer(text: &str) -> Vec<String> {
    text.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// The text of a report, one mistake a line, those of a schema inside of another together.
pub(super) struct Report<'s> {
    schema: &'s Json,
    checked: &'s Json,
    text: String,
}

impl<'s> Report<'s> {
    /// What errors of this schema say of what was checked.
    pub(super) fn of(schema: &'s Json, checked: &'s Json, errors: &[ValidationError<'_>]) -> String {
        let mut report = Self { schema, checked, text: String::new() };
        let mistakes: Vec<Mistake<'_, '_>> = errors.iter().map(Mistake::of).collect();
        let headed = report.all(&mistakes.iter().collect::<Vec<_>>(), 0, 0, 0);
        if headed { without_heading(&report.text) } else { report.text }
    }

    /// The mistakes of one schema, `depth` steps and `parts` parts of the value from where they are counted. Gives whether all
    /// that was written stands under the line of one schema further in.
    fn all(&mut self, mistakes: &[&Mistake<'_, '_>], depth: usize, parts: usize, indent: usize) -> bool {
        let only = decisive(mistakes, depth);
        let mistakes = only.as_ref().map_or(mistakes, std::slice::from_ref);
        let groups = groups(mistakes, depth);
        let mut headed = groups.len() == 1;
        for group in groups {
            let first = group[0];
            match first.steps.get(depth) {
                None => {
                    self.leaf(&group, indent);
                    headed = false;
                }
                Some(step) if step.keyword.starts_with("allOf/") => {
                    self.line(indent, first.above(parts), "'allOf' failed");
                    for branch in by_step(&group, depth) {
                        self.inner(&branch, depth + 1, parts, indent + 1);
                    }
                    headed = false;
                }
                Some(step) if step.keyword == "$ref" => {
                    let start = self.text.len();
                    if self.inner(&group, depth + 1, parts, indent) {
                        self.move_heading(start, indent, first.above(parts));
                    }
                    headed = false;
                }
                Some(step) => {
                    headed &= self.inner(&group, depth + 1, parts + usize::from(step.part.is_some()), indent);
                }
            }
        }
        headed
    }

    /// What a reference leads to takes the line of a schema further in for its own.
    fn move_heading(&mut self, start: usize, indent: usize, place: &[String]) {
        let written = self.text.split_off(start);
        self.line(indent, place, "validation failed");
        let heading = written.trim_start_matches('\n');
        self.text.push_str(&heading[heading.find('\n').unwrap_or(heading.len())..]);
    }

    /// The mistakes of a schema inside of another: one stands for itself, several get a line above them.
    fn inner(&mut self, group: &[&Mistake<'_, '_>], depth: usize, parts: usize, indent: usize) -> bool {
        if decisive(group, depth).is_some() || groups(group, depth).len() == 1 {
            return self.all(group, depth, parts, indent);
        }
        if let Some(first) = group.first() {
            self.line(indent, first.above(parts), "validation failed");
            self.all(group, depth, parts, indent + 1);
        }
        true
    }

    fn leaf(&mut self, group: &[&Mistake<'_, '_>], indent: usize) {
        let first = group[0];
        let what = match first.error.kind() {
            Kind::Required { .. } => self.missing(group),
            // Where no property is named, this library has one mistake for the first of them.
            Kind::FalseSchema if first.error.schema_path().as_str().ends_with("/additionalProperties") => {
                let object =
                    self.checked.pointer(first.error.instance_path().as_str()).and_then(Json::as_object);
                unexpected(object.into_iter().flat_map(|object| object.keys()))
            }
            _ => describe(first.error),
        };
        self.line(indent, &first.place, &what);
        if let Kind::PropertyNames { error } = first.error.kind() {
            self.line(indent + 1, &[], &describe(error));
        }
        if let Kind::AnyOf { context } | Kind::OneOfNotValid { context } = first.error.kind() {
            for branch in context {
                let mistakes: Vec<Mistake<'_, '_>> =
                    branch.iter().map(|error| within(error, first)).collect();
                self.inner(&mistakes.iter().collect::<Vec<_>>(), 0, first.place.len(), indent + 1);
            }
        }
    }

    /// What `required` says, or, where another property asks for these, `dependentRequired`.
    fn missing(&self, group: &[&Mistake<'_, '_>]) -> String {
        let names: Vec<&str> = group
            .iter()
            .filter_map(|mistake| match mistake.error.kind() {
                Kind::Required { property } => property.as_str(),
                _ => None,
            })
            .collect();
        let quoted = names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
        let error = group[0].error;
        // The path ends before the property that asks: it is the one that is there and asks for the first name.
        let path = error.schema_path().as_str();
        let asks = |rules: &&Json, (property, _): &(&String, &Json)| {
            let wanted = rules.get(property.as_str()).and_then(Json::as_array);
            wanted.is_some_and(|wanted| wanted.iter().any(|name| name.as_str() == names.first().copied()))
        };
        let rules = (path.ends_with("/dependentRequired") || path.ends_with("/dependencies"))
            .then(|| self.schema.pointer(path))
            .flatten();
        let instance = error.instance().as_object();
        let asked_by = rules.zip(instance).and_then(|(rules, instance)| {
            instance.iter().find(|entry| asks(&rules, entry)).map(|(property, _)| property)
        });
        match asked_by {
            Some(property) => format!("properties {quoted} required, if {} exists", quote(property)),
            None if names.len() == 1 => format!("missing property {quoted}"),
            None => format!("missing properties {quoted}"),
        }
    }

    fn line(&mut self, indent: usize, place: &[String], what: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let place: String =
            place.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect();
        let _ = write!(self.text, "{}- at {}: {what}", "  ".repeat(indent), quote(&place));
    }
}

/// What a report has one heading for stands without it: the library takes the causes of a group for its own.
fn without_heading(text: &str) -> String {
    let lines: Vec<&str> = text.lines().skip(1).map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    lines.join("\n")
}

/// The mistake of a schema behind which the library does not look for more: its type, `const`, `enum` and `format`.
fn decisive<'m, 'e, 'v>(mistakes: &[&'m Mistake<'e, 'v>], depth: usize) -> Option<&'m Mistake<'e, 'v>> {
    let rank = |mistake: &&&'m Mistake<'e, 'v>| match mistake.error.kind() {
        Kind::Type { .. } => 0,
        Kind::Constant { .. } => 1,
        Kind::Enum { .. } => 2,
        Kind::Format { .. } => 3,
        _ => 4,
    };
    let here = mistakes.iter().filter(|mistake| mistake.steps.len() <= depth);
    here.filter(|mistake| rank(mistake) < 4).min_by_key(rank).copied()
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

/// A mistake below an `anyOf` or `oneOf`, its steps counted from the branch on.
fn within<'e, 'v>(error: &'e ValidationError<'v>, outer: &Mistake<'_, '_>) -> Mistake<'e, 'v> {
    let mut mistake = Mistake::of(error);
    let above = outer.steps.len() + 1;
    mistake.steps.drain(..above.min(mistake.steps.len()));
    mistake
}

fn unexpected<'n>(names: impl Iterator<Item = &'n String>) -> String {
    let names: Vec<String> = names.map(|name| quote(name)).collect();
    format!("additional properties {} not allowed", names.join(", "))
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
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            self::unexpected(unexpected.iter())
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
