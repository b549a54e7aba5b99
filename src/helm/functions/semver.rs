//! sprig's functions on versions: Masterminds' rules, which are looser than those of semver.org.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Function, function};
use crate::helm::go::convert::downcast;
use crate::helm::go::quote::quote;
use crate::helm::signature::Param::{self, Str};
use crate::helm::signature::Signature;
use crate::helm::value::{Object, Value};

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("semver", &[Str], |call| Ok(Value::Object(Rc::new(Version::parse(call.text(0))?)))),
    function("semverCompare", &[Str, Str], |call| {
        let constraint = Constraint::parse(call.text(0))?;
        Ok(constraint.allows(&Version::parse(call.text(1))?).into())
    }),
];

/// A version: `v1.2.3-rc.1+build`, where minor and patch may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    pre: String,
    metadata: String,
    original: String,
}

const INVALID: &str = "invalid semantic version";

/// The parts of a loose version: numbers (or wildcards), pre-release, metadata.
struct Parts<'t> {
    numbers: [Option<&'t str>; 3],
    pre: &'t str,
    metadata: &'t str,
    rest: &'t str,
}

fn is_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// Dot-separated identifiers at the beginning of a text.
fn identifiers(text: &str) -> Option<(&str, &str)> {
    let mut end = 0;
    loop {
        let part = text[end..].find(|c| !is_identifier(c)).unwrap_or(text.len() - end);
        if part == 0 {
            // A dot that nothing follows is not part of it.
            return (end > 1).then(|| text.split_at(end - 1));
        }
        end += part;
        if !text[end..].starts_with('.') {
            return Some(text.split_at(end));
        }
        end += 1;
    }
}

impl<'t> Parts<'t> {
    /// Reads as much as is a version, whose numbers are made of what is allowed.
    fn read(text: &'t str, digit: fn(char) -> bool) -> Option<Self> {
        let mut rest = text.strip_prefix('v').unwrap_or(text);
        let mut numbers = [None; 3];
        for (index, number) in numbers.iter_mut().enumerate() {
            let from = match (index, rest.strip_prefix('.')) {
                (0, _) => rest,
                (_, Some(after)) => after,
                (_, None) => break,
            };
            let end = from.find(|c| !digit(c)).unwrap_or(from.len());
            if end == 0 {
                if index == 0 {
                    return None;
                }
                break;
            }
            *number = Some(&from[..end]);
            rest = &from[end..];
        }
        let mut tail = |mark: char| match rest.strip_prefix(mark).and_then(identifiers) {
            Some((part, after)) => {
                rest = after;
                part
            }
            None => "",
        };
        let (pre, metadata) = (tail('-'), tail('+'));
        Some(Self { numbers, pre, metadata, rest })
    }
}

impl Version {
    /// Reads a version; the error is Masterminds' text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > 256 {
            return Err("version string is too long (max 256 bytes)".to_owned());
        }
        let parts =
            Parts::read(text, |c| c.is_ascii_digit()).filter(|parts| parts.rest.is_empty()).ok_or(INVALID)?;
        let number = |text: Option<&str>| match text {
            None => Ok(0),
            Some(text) => text.parse::<u64>().map_err(|_| {
                format!(
                    "error parsing version segment: strconv.ParseUint: parsing {}: value out of range",
                    quote(text)
                )
            }),
        };
        for part in parts.pre.split('.').filter(|_| !parts.pre.is_empty()) {
            if part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err("version segment starts with 0".to_owned());
            }
        }
        Ok(Self {
            major: number(parts.numbers[0])?,
            minor: number(parts.numbers[1])?,
            patch: number(parts.numbers[2])?,
            pre: parts.pre.to_owned(),
            metadata: parts.metadata.to_owned(),
            original: text.to_owned(),
        })
    }

    /// Which one comes first; what was built from it (`+...`) does not count.
    pub fn compare(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| compare_pre(&self.pre, &other.pre))
    }

    fn next(&self, major: u64, minor: u64, patch: u64) -> Self {
        let v = if self.original.starts_with('v') { "v" } else { "" };
        let original = format!("{v}{major}.{minor}.{patch}");
        Self { major, minor, patch, pre: String::new(), metadata: String::new(), original }
    }

    fn show(&self) -> String {
        let mut out = format!("{}.{}.{}", self.major, self.minor, self.patch);
        for (mark, part) in [('-', &self.pre), ('+', &self.metadata)] {
            if !part.is_empty() {
                out.push(mark);
                out.push_str(part);
            }
        }
        out
    }
}

/// A pre-release is less than its release; its parts compare as numbers or texts, numbers first.
fn compare_pre(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        "*semver.Version"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Signature> {
        match name {
            "Major" | "Minor" | "Patch" | "Prerelease" | "Metadata" | "Original" | "String" | "IncMajor"
            | "IncMinor" | "IncPatch" => Some(Signature::fixed(&[])),
            "Compare" | "Equal" | "LessThan" | "LessThanEqual" | "GreaterThan" | "GreaterThanEqual" => {
                Some(Signature::fixed(&[Param::Version]))
            }
            "SetPrerelease" | "SetMetadata" => Some(Signature::fixed(&[Str])),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let object = |version: Self| Value::Object(Rc::new(version));
        let order = || match arguments.first().and_then(downcast::<Self>) {
            Some(other) => Ok(self.compare(other)),
            None => Err(super::NIL_DEREFERENCE.to_owned()),
        };
        let text = || arguments.first().and_then(Value::as_str).unwrap_or_default();
        Ok(match name {
            "Major" => Value::Uint(self.major),
            "Minor" => Value::Uint(self.minor),
            "Patch" => Value::Uint(self.patch),
            "Prerelease" => self.pre.as_str().into(),
            "Metadata" => self.metadata.as_str().into(),
            "Original" => self.original.as_str().into(),
            "IncMajor" => object(self.next(self.major.wrapping_add(1), 0, 0)),
            "IncMinor" => object(self.next(self.major, self.minor.wrapping_add(1), 0)),
            // A pre-release's patch is already the next one.
            "IncPatch" if !self.pre.is_empty() => object(self.next(self.major, self.minor, self.patch)),
            "IncPatch" => object(self.next(self.major, self.minor, self.patch.wrapping_add(1))),
            "Compare" => Value::Int(order()? as i64),
            "Equal" => order()?.is_eq().into(),
            "LessThan" => order()?.is_lt().into(),
            "LessThanEqual" => order()?.is_le().into(),
            "GreaterThan" => order()?.is_gt().into(),
            "GreaterThanEqual" => order()?.is_ge().into(),
            "SetPrerelease" => object(Self { pre: text().to_owned(), ..self.clone() }),
            "SetMetadata" => object(Self { metadata: text().to_owned(), ..self.clone() }),
            _ => self.show().into(),
        })
    }

    fn print(&self) -> String {
        self.show()
    }

    fn json(&self) -> Value {
        self.show().into()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// What versions are wanted: alternatives of conditions that all must hold.
#[derive(Debug)]
pub struct Constraint(Vec<Vec<Condition>>);

#[derive(Debug)]
struct Condition {
    operator: Operator,
    version: Version,
    /// Which numbers were wildcards or missing.
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

/// The operators, the longer before their beginnings.
const OPERATORS: &[(&str, Operator)] = &[
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

fn is_wild_digit(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, 'x' | 'X' | '*' | '|')
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}'])
}

impl Constraint {
    /// Reads a constraint such as `>=1.2 <2 || ~3.1`; the error is Masterminds' text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > 512 {
            return Err("constraint string is too long (max 512 bytes)".to_owned());
        }
        let text = rewrite_ranges(text);
        let groups: Vec<&str> = text.split("||").collect();
        if groups.len() > 32 {
            return Err("too many constraint groups (max 32)".to_owned());
        }
        groups.into_iter().map(Self::group).collect::<Result<_, _>>().map(Self)
    }

    fn group(text: &str) -> Result<Vec<Condition>, String> {
        let improper = || format!("improper constraint: {}", quote(text));
        let mut conditions = Vec::new();
        let mut rest = trim_start(text);
        loop {
            let (condition, after) = Condition::read(rest).ok_or_else(improper)?;
            conditions.push(condition?);
            rest = trim_start(after);
            if rest.is_empty() {
                return Ok(conditions);
            }
            // Conditions are kept apart by blanks, or a comma with or without.
            match rest.strip_prefix(',') {
                Some(more) => rest = trim_start(more),
                None if rest.len() == after.len() => return Err(improper()),
                None => {}
            }
        }
    }

    /// Whether a version is one of those that are wanted.
    pub fn allows(&self, version: &Version) -> bool {
        self.0.iter().any(|group| {
            let pre = group.iter().any(|condition| !condition.version.pre.is_empty());
            (version.pre.is_empty() || pre) && group.iter().all(|condition| condition.allows(version))
        })
    }
}

/// `1.2 - 1.4` is `>= 1.2, <= 1.4`.
fn rewrite_ranges(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(" - ") {
        let (before, after) = (&rest[..at], trim_start(&rest[at + 3..]));
        let low_at = before.trim_end().rfind([' ', ',', '|']).map_or(0, |at| at + 1);
        let low = before[low_at..].trim();
        let high_end = after.find([' ', ',', '|']).unwrap_or(after.len());
        let high = &after[..high_end];
        let whole = |text: &str| Parts::read(text, is_wild_digit).is_some_and(|parts| parts.rest.is_empty());
        if !whole(low) || !whole(high) {
            out.push_str(&rest[..at + 3]);
            rest = &rest[at + 3..];
            continue;
        }
        out.push_str(&before[..low_at]);
        out.push_str(&format!(">= {low}, <= {high} "));
        rest = &after[high_end..];
    }
    out + rest
}

impl Condition {
    /// One condition and what follows; `None` if there is none.
    fn read(text: &str) -> Option<(Result<Self, String>, &str)> {
        let found = OPERATORS.iter().find(|(mark, _)| text.starts_with(mark));
        let (operator, rest) =
            found.map_or((Operator::Equal, text), |(mark, operator)| (*operator, &text[mark.len()..]));
        let parts = Parts::read(trim_start(rest), is_wild_digit)?;
        let wild = |number: Option<&str>| number.is_none_or(|number| matches!(number, "x" | "X" | "*"));
        let [major, minor, patch] = parts.numbers;
        let (dirty, minor_dirty, patch_dirty, numbers) = match (wild(major), wild(minor), wild(patch)) {
            (true, ..) => (true, false, false, "0.0.0".to_owned()),
            (_, true, _) => (true, true, false, format!("{}.0.0", major.unwrap_or("0"))),
            (_, _, true) => {
                (true, false, true, format!("{}.{}.0", major.unwrap_or("0"), minor.unwrap_or("0")))
            }
            _ => (
                false,
                false,
                false,
                format!("{}.{}.{}", major.unwrap_or("0"), minor.unwrap_or("0"), patch.unwrap_or("0")),
            ),
        };
        let pre = if parts.pre.is_empty() { String::new() } else { format!("-{}", parts.pre) };
        let version = Version::parse(&(numbers + &pre)).map_err(|_| "constraint parser error".to_owned());
        Some((version.map(|version| Self { operator, version, dirty, minor_dirty, patch_dirty }), parts.rest))
    }

    /// Whether one version fits; that pre-releases are asked for is checked by the group.
    fn allows(&self, v: &Version) -> bool {
        let c = &self.version;
        let order = v.compare(c);
        match self.operator {
            Operator::Equal if self.dirty => self.tilde(v),
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => self.not_equal(v),
            Operator::Greater if !self.dirty => order.is_gt(),
            Operator::Greater => match v.major.cmp(&c.major) {
                Ordering::Greater => true,
                Ordering::Less => false,
                // 11.1 is not greater than 11, nor 11.1.1 than 11.1.
                Ordering::Equal if self.minor_dirty => false,
                Ordering::Equal if self.patch_dirty => v.minor > c.minor,
                Ordering::Equal => order.is_gt(),
            },
            Operator::Less => order.is_lt(),
            Operator::GreaterEqual => order.is_ge(),
            Operator::LessEqual if !self.dirty => order.is_le(),
            Operator::LessEqual => {
                v.major < c.major || v.major == c.major && (v.minor <= c.minor || self.minor_dirty)
            }
            Operator::Tilde => self.tilde(v),
            Operator::Caret => self.caret(v),
        }
    }

    fn not_equal(&self, v: &Version) -> bool {
        let c = &self.version;
        if self.dirty {
            if v.major != c.major {
                return true;
            }
            if v.minor != c.minor && !self.minor_dirty {
                return true;
            }
            if self.minor_dirty {
                return false;
            }
            if v.patch != c.patch && !self.patch_dirty {
                return true;
            }
            if self.patch_dirty {
                return compare_pre(&v.pre, &c.pre).is_ne();
            }
        }
        v.compare(c).is_ne()
    }

    fn tilde(&self, v: &Version) -> bool {
        let c = &self.version;
        if v.compare(c).is_lt() {
            return false;
        }
        if (c.major, c.minor, c.patch) == (0, 0, 0) && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        v.major == c.major && (v.minor == c.minor || self.minor_dirty)
    }

    fn caret(&self, v: &Version) -> bool {
        let c = &self.version;
        if v.compare(c).is_lt() {
            return false;
        }
        if c.major > 0 || self.minor_dirty {
            return v.major == c.major;
        }
        if v.major > 0 {
            return false;
        }
        if c.minor > 0 || self.patch_dirty {
            return v.minor == c.minor;
        }
        v.minor == 0 && v.patch == c.patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(constraint: &str, version: &str) -> bool {
        Constraint::parse(constraint).unwrap().allows(&Version::parse(version).unwrap())
    }

    #[test]
    fn constraints_mean_what_masterminds_means() {
        for (constraint, version, want) in [
            (">=1.19-0", "v1.36.3", true),
            (">=1.19-0", "1.19.0-alpha", true),
            (">=1.19", "1.20.0-rc.1", false),
            ("^1.2.3", "1.9.0", true),
            ("^1.2.3", "2.0.0", false),
            ("^0.2.3", "0.3.0", false),
            ("^0.0.3", "0.0.4", false),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            ("~1", "1.9.0", true),
            ("1.2.x", "1.2.7", true),
            ("*", "9.9.9", true),
            (">1.2", "1.2.9", false),
            ("<=1.2", "1.2.9", true),
            ("1.2 - 1.4", "1.4.9", true),
            (">=1.0.0 <2.0.0", "1.5.0", true),
            (">=1.0.0, <2.0.0 || =3", "3.1.0", true),
            ("!=1.2.x", "1.2.3", false),
            ("=> 1.16-0", "1.16.0", true),
        ] {
            assert_eq!(allows(constraint, version), want, "{constraint} {version}");
        }
        assert_eq!(Constraint::parse("a b").unwrap_err(), "improper constraint: \"a b\"");
        assert_eq!(Version::parse("1.x").unwrap_err(), INVALID);
    }
}
