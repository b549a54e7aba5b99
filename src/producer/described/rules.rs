//! What must hold for a dataset's file besides its schema.

use super::pattern::{self, Flaw, MOST_RANDOM};
use crate::environment::{Problems, did_you_mean, excerpt, inside, not_a_label, unique};
use crate::helm::yaml::{Content, Mark, Node};
use crate::producer::Dataset;

/// A DNS label's length (RFC 1123).
const LABEL: usize = 63;

/// The keys that say what a field holds.
const MAKERS: [&str; 7] = ["integer", "choice", "reference", "boolean", "time", "pattern", "serial"];

/// Those whose values name things.
const THINGS: [&str; 4] = ["integer", "choice", "reference", "serial"];

/// Those whose values are whole numbers.
const NUMBERS: [&str; 3] = ["integer", "reference", "serial"];

/// Zipf's law is looked up in tables: of a field, and of all fields together, they may have so many numbers.
const LONGEST_TABLE: u64 = 200_000;
const ALL_TABLES: u64 = 500_000;

/// Of a choice.
const MOST_WORDS: usize = 1000;
const LONGEST_WORD: usize = 256;
const GREATEST_WEIGHT: i64 = 1_000_000;

pub(super) fn check(text: &str, document: &Node, problems: &mut Problems) {
    name(document, problems);
    let Some(spec) = document.get("spec") else { return };
    if let (Some(_), Some((key, _))) = (spec.get("population"), spec.entry("rhythm")) {
        let what = "spec has both `population` and `rhythm`, but what is listed comes evenly".to_owned();
        problems.add(key.mark, what, "leave `rhythm` out".to_owned());
    }
    let list = spec.get("fields");
    unique(list, "field", problems);
    let fields: &[Node] = match list.map(|list| &list.content) {
        Some(Content::Seq(fields)) => fields,
        _ => &[],
    };
    let mut tables = 0;
    let mut rules = Rules { text, fields, problems };
    for (index, node) in fields.iter().enumerate() {
        rules.field(&Field { node, at: format!("spec.fields[{index}]"), above: index }, &mut tables);
    }
    if let Some(node) = spec.get("added") {
        rules.field(&Field { node, at: "spec.added".to_owned(), above: fields.len() }, &mut tables);
        if node.get("nulls").is_none() && matches!(node.content, Content::Map(_)) {
            let what = "spec.added has no `nulls`, but older events have no value there".to_owned();
            rules.add(node.mark, what, "add `nulls: 0`");
        }
        if let Some((name, text)) = string(node, "name")
            && fields.iter().any(|field| string(field, "name").is_some_and(|(_, other)| other == text))
        {
            let what = format!("spec.added.name is `{}`, the name of a field above", excerpt(text));
            rules.problems.add(name.mark, what, "rename one of them".to_owned());
        }
    }
    rules.key(spec);
    rules.amounts(spec);
}

fn name(document: &Node, problems: &mut Problems) {
    let Some(node) = document.find(&["metadata", "name"]) else { return };
    let Some(name) = node.as_str().filter(|name| !name.is_empty() && name.chars().count() <= LABEL) else {
        return;
    };
    if let Some((what, remedy)) = not_a_label(name, LABEL) {
        problems.add(node.mark, format!("metadata.name {what}"), remedy);
    } else if name.parse::<Dataset>().is_ok() {
        let what = format!("metadata.name is `{name}`, a dataset that is there already");
        problems.add(node.mark, what, "choose another name".to_owned());
    }
}

fn has_unknown_key(field: &Node) -> bool {
    let Content::Map(entries) = &field.content else { return false };
    let known = |key: &str| MAKERS.contains(&key) || ["name", "description", "per", "nulls"].contains(&key);
    entries.iter().any(|(key, _)| !known(&key.text))
}

struct Rules<'a> {
    text: &'a str,
    fields: &'a [Node],
    problems: &'a mut Problems,
}

/// A field, and how many others are above it.
struct Field<'a> {
    node: &'a Node,
    at: String,
    above: usize,
}

impl Rules<'_> {
    fn add(&mut self, mark: Mark, what: String, remedy: impl Into<String>) {
        self.problems.add(mark, what, remedy.into());
    }

    fn field(&mut self, field: &Field<'_>, tables: &mut u64) {
        let Field { node, at, .. } = field;
        if !matches!(node.content, Content::Map(_)) {
            return;
        }
        if let Some((name, text)) = string(node, "name") {
            if text == "event_id" {
                let what = format!("{at}.name is `event_id`, which every event has already");
                self.add(name.mark, what, "choose another name");
            } else if !is_name(text) {
                let what = format!("{at}.name is `{}`, which is no name of a field", excerpt(text));
                self.add(name.mark, what, "use lower-case letters, digits and `_`, and begin with a letter");
            }
        }
        let given: Vec<_> = MAKERS.iter().filter_map(|maker| node.entry(maker)).collect();
        match given[..] {
            // A key that is misspelt is told already.
            [] if has_unknown_key(node) => {}
            [] => {
                let what = format!("{at} does not say what it holds");
                self.add(node.mark, what, format!("add one of {}", MAKERS.join(", ")));
            }
            [(first, _), (second, _), ..] => {
                let what = format!("{at} has both `{}` and `{}`", first.text, second.text);
                self.add(
                    std::cmp::max_by_key(first.mark, second.mark, |mark| mark.offset),
                    what,
                    "keep one of them",
                );
            }
            [_] => {}
        }
        if let Some(integer) = node.get("integer") {
            self.integer(integer, &format!("{at}.integer"), tables);
        }
        if let Some(choice) = node.get("choice") {
            self.choice(choice, &format!("{at}.choice"));
        }
        if let Some(time) = node.get("time")
            && number(time, "from").unwrap_or(0) > number(time, "to").unwrap_or(0)
        {
            self.add(time.mark, format!("{at}.time ends before it begins"), "let `from` be less than `to`");
        }
        self.pattern(field);
        self.per(field);
    }

    fn integer(&mut self, integer: &Node, at: &str, tables: &mut u64) {
        let (Some(from), Some(to)) = (number(integer, "from"), number(integer, "to")) else { return };
        if from > to {
            let what = format!("{at} goes from {from} to {to}");
            self.add(integer.mark, what, "let `from` be less than `to`");
            return;
        }
        let distribution = integer.get("distribution").and_then(Node::as_str).unwrap_or("uniform");
        if distribution == "doubling" && from < 1 {
            let what = format!("{at}.from is {from}, and doubling it leads nowhere");
            self.add(integer.locate(&["from"]).unwrap_or(integer.mark), what, "begin with 1 or more");
        }
        if distribution == "zipf" {
            let count = to.abs_diff(from) + 1;
            *tables += count.min(LONGEST_TABLE);
            if count > LONGEST_TABLE {
                let what = format!("{at} has {count} numbers by Zipf's law");
                self.add(integer.mark, what, format!("{LONGEST_TABLE} are the limit"));
            } else if *tables > ALL_TABLES {
                let what = format!("up to {at} the fields have {tables} numbers by Zipf's law");
                self.add(integer.mark, what, format!("{ALL_TABLES} are the limit of all fields together"));
            }
            return;
        }
        for key in ["exponent", "scattered"] {
            if let Some((key, _)) = integer.entry(key) {
                let what = format!("{at} has `{}`, but its distribution is {distribution}", key.text);
                self.add(key.mark, what, "leave it out, or write `distribution: zipf`");
            }
        }
    }

    fn choice(&mut self, choice: &Node, at: &str) {
        let Content::Map(words) = &choice.content else { return };
        if words.len() > MOST_WORDS {
            let what = format!("{at} has {} words", words.len());
            return self.add(choice.mark, what, format!("{MOST_WORDS} are the limit"));
        }
        let mut sum: i64 = 0;
        for (word, weight) in words {
            if word.text.chars().count() > LONGEST_WORD {
                let what = format!("{at} has the word `{}`", excerpt(&word.text));
                self.add(word.mark, what, format!("{LONGEST_WORD} characters are the limit"));
            }
            let Some(weight) = whole(weight).filter(|weight| *weight >= 0) else { return };
            if weight > GREATEST_WEIGHT {
                let what = format!("{at}.{} weighs {weight}", excerpt(&word.text));
                self.add(word.mark, what, format!("{GREATEST_WEIGHT} is the limit"));
            }
            sum = sum.saturating_add(weight);
        }
        if sum == 0 {
            let what = format!("{at} has no word that weighs anything");
            self.add(choice.mark, what, "write it as in `{card: 3, transfer: 1}`");
        }
    }

    fn pattern(&mut self, field: &Field<'_>) {
        let Some((node, text)) = string(field.node, "pattern") else { return };
        let at = format!("{}.pattern", field.at);
        let place = |after: u32| inside(self.text, node.mark, text, after + 1);
        let mut used = Vec::new();
        let parsed = pattern::parse(text, |name| {
            let index = self.named(field.above, name);
            used.extend(index);
            index
        });
        match parsed {
            Ok(_) => {
                for other in used.into_iter().filter_map(|index| self.fields.get(index)) {
                    if other.get("nulls").is_some()
                        && let Some((_, name)) = string(other, "name")
                    {
                        let what = format!("{at} has `{{{}}}`, which may be null", excerpt(name));
                        self.add(node.mark, what, "take a field without `nulls`");
                    }
                }
            }
            Err(Flaw::Unclosed(after)) => {
                let mark = place(after);
                self.add(mark, format!("{at} has a `{{` without its `}}`"), r"close it, or write `\{`");
            }
            Err(Flaw::Field(after, name)) => {
                let mark = place(after);
                let what = format!("{at} has `{{{}}}`, and no field above is called so", excerpt(&name));
                let remedy = self.remedy(field.above, &name, &MAKERS);
                self.add(mark, what, remedy);
            }
            Err(Flaw::TooLong) => {
                let what = format!("{at} has too many characters by chance");
                self.add(node.mark, what, format!("{MOST_RANDOM} of `#` and `@` are the limit"));
            }
        }
    }

    fn per(&mut self, field: &Field<'_>) {
        let Some((node, name)) = string(field.node, "per") else { return };
        let at = format!("{}.per", field.at);
        let Some(other) = self.named(field.above, name).and_then(|index| self.fields.get(index)) else {
            let what = format!("{at} is `{}`, and no field above is called so", excerpt(name));
            let remedy = self.remedy(field.above, name, &THINGS);
            return self.add(node.mark, what, remedy);
        };
        if !is_made_by(other, &THINGS) {
            let what = format!("{at} is `{}`, whose values name no things", excerpt(name));
            self.add(node.mark, what, format!("take a field made by {}", THINGS.join(", ")));
        } else if field.node.get("serial").is_some() {
            self.add(node.mark, format!("{at} stands beside `serial`, which counts events"), "leave it out");
        } else if other.get("nulls").is_some() && field.node.get("nulls").is_none() {
            let what = format!("{at} is `{}`, which may be null, and then so is this one", excerpt(name));
            self.add(node.mark, what, "add `nulls: 0`");
        }
    }

    fn key(&mut self, spec: &Node) {
        self.names_field(spec, "key", "spec.key", &MAKERS, "with a value");
    }

    fn amounts(&mut self, spec: &Node) {
        let Some(amounts) = spec.get("amounts") else { return };
        if !matches!(amounts.content, Content::Map(_)) {
            return;
        }
        self.names_field(amounts, "of", "spec.amounts.of", &NUMBERS, "of whole numbers");
        self.names_field(amounts, "by", "spec.amounts.by", &["choice"], "of words");
        match (amounts.entry("by"), amounts.entry("unit")) {
            (None, None) => {
                let what = "spec.amounts has neither `by` nor `unit`".to_owned();
                self.add(amounts.mark, what, "say which field tells the unit: `by: currency`");
            }
            (Some(_), Some((key, _))) => {
                self.add(key.mark, "spec.amounts has both `by` and `unit`".to_owned(), "keep one of them");
            }
            _ => {}
        }
    }

    /// A key that names a field which is never null and made by one of those.
    fn names_field(&mut self, parent: &Node, key: &str, at: &str, makers: &[&str], what_for: &str) {
        let Some((node, name)) = string(parent, key) else { return };
        let all = self.fields.len();
        let Some(field) = self.named(all, name).and_then(|index| self.fields.get(index)) else {
            let what = format!("{at} is `{}`, and no field is called so", excerpt(name));
            let remedy = self.remedy(all, name, makers);
            return self.add(node.mark, what, remedy);
        };
        if !is_made_by(field, makers) {
            let what = format!("{at} is `{}`, which is no field {what_for}", excerpt(name));
            let remedy = self.remedy(all, "", makers);
            self.add(node.mark, what, remedy);
        } else if field.get("nulls").is_some() {
            let what = format!("{at} is `{}`, which may be null", excerpt(name));
            self.add(node.mark, what, "take `nulls` out of that field");
        }
    }

    /// The index of the field of that name, of the first so many.
    fn named(&self, above: usize, name: &str) -> Option<usize> {
        let fields = self.fields.get(..above)?;
        fields.iter().position(|field| string(field, "name").is_some_and(|(_, other)| other == name))
    }

    /// What to do about a name that is none of the first so many fields made by one of those.
    fn remedy(&self, above: usize, name: &str, makers: &[&str]) -> String {
        let fields = self.fields.iter().take(above).filter(|field| is_made_by(field, makers));
        let names: Vec<&str> = fields.filter_map(|field| Some(string(field, "name")?.1)).collect();
        did_you_mean(name, names.iter().copied(), || match &names[..] {
            [] => format!("there is no field made by {}: add one", makers.join(", ")),
            names if names.len() <= 20 => format!("take one of {}", names.join(", ")),
            _ => format!("take a field made by {}", makers.join(", ")),
        })
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn is_made_by(field: &Node, makers: &[&str]) -> bool {
    makers.iter().any(|maker| field.get(maker).is_some())
}

fn string<'a>(node: &'a Node, key: &str) -> Option<(&'a Node, &'a str)> {
    let node = node.get(key)?;
    node.as_str().filter(|text| !text.is_empty()).map(|text| (node, text))
}

fn number(node: &Node, key: &str) -> Option<i64> {
    whole(node.get(key)?)
}

fn whole(node: &Node) -> Option<i64> {
    match node.content {
        Content::Int(number) => Some(number),
        _ => None,
    }
}
