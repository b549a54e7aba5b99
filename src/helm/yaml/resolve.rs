//! What a scalar's text means: go-yaml v2's `resolve.go`, YAML 1.1 with its own exceptions.

use super::number::{
    looks_like_float, parse_binary, parse_float, parse_int, parse_pointed_float, parse_uint,
};
use super::timestamp::is_timestamp;

/// The prefix that `!!` stands for.
pub(super) const TAG_PREFIX: &str = "tag:yaml.org,2002:";
pub(super) const BINARY_TAG: &str = "tag:yaml.org,2002:binary";
pub(super) const MERGE_TAG: &str = "tag:yaml.org,2002:merge";

/// A scalar's meaning; texts stay with the caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text,
    /// A text as well, once decoded.
    Timestamp,
}

impl Scalar {
    fn tag(self) -> &'static str {
        match self {
            Scalar::Null => "null",
            Scalar::Bool(_) => "bool",
            Scalar::Int(_) | Scalar::Uint(_) => "int",
            Scalar::Float(_) => "float",
            Scalar::Text => "str",
            Scalar::Timestamp => "timestamp",
        }
    }
}

/// Resolves an untagged plain scalar.
pub(super) fn resolve_plain(text: &str) -> Scalar {
    resolve_untagged(text, true)
}

/// Resolves a scalar with a tag in its long form. The error is go-yaml's, without `yaml: `.
pub(super) fn resolve_tagged(tag: &str, text: &str) -> Result<Scalar, String> {
    let Some(short @ ("bool" | "int" | "float" | "null" | "timestamp")) = tag.strip_prefix(TAG_PREFIX) else {
        return Ok(Scalar::Text);
    };
    let found = resolve_untagged(text, short == "timestamp");
    match found {
        #[expect(clippy::cast_precision_loss, reason = "the tag asks for it")]
        Scalar::Int(value) if short == "float" => Ok(Scalar::Float(value as f64)),
        _ if found.tag() == short => Ok(found),
        _ => Err(format!("cannot decode !!{} `{text}` as a !!{short}", found.tag())),
    }
}

fn resolve_untagged(text: &str, timestamps: bool) -> Scalar {
    let Some(first) = text.bytes().next() else {
        return Scalar::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => match word(text) {
            Scalar::Text => parse_pointed_float(text).map_or(Scalar::Text, Scalar::Float),
            found => found,
        },
        b'+' | b'-' | b'0'..=b'9' => match word(text) {
            Scalar::Text if timestamps && is_timestamp(text) => Scalar::Timestamp,
            Scalar::Text => number(text),
            found => found,
        },
        _ => Scalar::Text,
    }
}

fn word(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => Scalar::Text,
    }
}

fn number(text: &str) -> Scalar {
    let without;
    let plain = if text.contains('_') {
        without = text.replace('_', "");
        without.as_str()
    } else {
        text
    };
    if let Some(value) = parse_int(plain) {
        return Scalar::Int(value);
    }
    if let Some(value) = parse_uint(plain) {
        return Scalar::Uint(value);
    }
    if looks_like_float(plain)
        && let Some(value) = parse_float(plain)
    {
        return Scalar::Float(value);
    }
    // What is left of `0b`: go-yaml lets a sign follow it.
    plain.strip_prefix("0b").and_then(parse_binary).map_or(Scalar::Text, Scalar::Int)
}
