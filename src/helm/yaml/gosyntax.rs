//! Go's `%#v`, which go-yaml and sigs.k8s.io/yaml print in errors about keys.

use std::fmt::Write;

use super::Content;

/// What `fmt.Sprintf("%#v", value)` prints; `plus` for `%+#v`, which changes nothing but the escapes of texts.
pub(super) fn go_syntax(content: &Content, plus: bool) -> String {
    let mut out = String::new();
    write_go(&mut out, content, plus, false);
    out
}

fn write_go(out: &mut String, content: &Content, plus: bool, nested: bool) {
    // Writing to a String cannot fail.
    let _ = match content {
        Content::Null => write!(out, "{}", if nested { "interface {}(nil)" } else { "<nil>" }),
        Content::Bool(value) => write!(out, "{value}"),
        Content::Int(value) => write!(out, "{value}"),
        Content::Uint(value) => write!(out, "{value:#x}"),
        Content::Float(value) => write!(out, "{}", go_float(*value)),
        Content::Str(value) => {
            quote(out, value, plus);
            Ok(())
        }
        Content::Seq(items) => {
            out.push_str("[]interface {}{");
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_go(out, &item.content, plus, true);
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
                quote(out, &key.text, plus);
                out.push(':');
                write_go(out, &value.content, plus, true);
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

fn quote(out: &mut String, text: &str, ascii: bool) {
    if !ascii && !text.contains('`') && text.chars().all(|c| c == '\t' || !c.is_control() && c != '\u{feff}')
    {
        // The sharp flag prefers a raw text where one is possible.
        let _ = write!(out, "`{text}`");
        return;
    }
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            c if c.is_ascii_graphic() || c == ' ' => write!(out, "{c}"),
            c if (c as u32) < 0x80 => write!(out, "\\x{:02x}", c as u32),
            c if !ascii && !c.is_control() => write!(out, "{c}"),
            c if (c as u32) < 0x10000 => write!(out, "\\u{:04x}", c as u32),
            c => write!(out, "\\U{:08x}", c as u32),
        };
    }
    out.push('"');
}
