//! Go's `%#v`, which go-yaml and sigs.k8s.io/yaml print in errors about keys.

use std::fmt::Write;

use super::Content;

/// What `fmt.Sprintf("%#v", value)` prints, and `%+#v` too.
pub(super) fn go_syntax(content: &Content) -> String {
    let mut out = String::new();
    write_go(&mut out, content, false);
    out
}

fn write_go(out: &mut String, content: &Content, nested: bool) {
    // Writing to a String cannot fail.
    let _ = match content {
        Content::Null => write!(out, "{}", if nested { "interface {}(nil)" } else { "<nil>" }),
        Content::Bool(value) => write!(out, "{value}"),
        Content::Int(value) => write!(out, "{value}"),
        Content::Uint(value) => write!(out, "{value:#x}"),
        Content::Float(value) => write!(out, "{}", go_float(*value)),
        Content::Str(value) => {
            quote(out, value);
            Ok(())
        }
        Content::Seq(items) => {
            out.push_str("[]interface {}{");
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_go(out, &item.content, true);
            }
            write!(out, "}}")
        }
        Content::Map(entries) => {
            out.push_str("map[interface {}]interface {}{");
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|a, b| a.0.text.cmp(&b.0.text));
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                quote(out, &key.text);
                out.push(':');
                write_go(out, &value.content, true);
            }
            write!(out, "}}")
        }
    };
}

fn go_float(value: f64) -> String {
    match super::number::format_float(value).as_str() {
        ".inf" => "+Inf".into(),
        "-.inf" => "-Inf".into(),
        ".nan" => "NaN".into(),
        finite => finite.into(),
    }
}

/// Go's `strconv.Quote`.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\u{7}' => write!(out, "\\a"),
            '\u{8}' => write!(out, "\\b"),
            '\u{c}' => write!(out, "\\f"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\u{b}' => write!(out, "\\v"),
            ' '..='~' => write!(out, "{c}"),
            c if (c as u32) < 0x80 => write!(out, "\\x{:02x}", c as u32),
            c if is_printable(c) => write!(out, "{c}"),
            c if (c as u32) < 0x10000 => write!(out, "\\u{:04x}", c as u32),
            c => write!(out, "\\U{:08x}", c as u32),
        };
    }
    out.push('"');
}

/// Go's `unicode.IsPrint`, which is Rust's for a character that is not the first of a text.
fn is_printable(c: char) -> bool {
    ['a', c].iter().collect::<String>().escape_debug().count() == 2
}
