//! `.Files`: a chart's other files (Helm's pkg/engine/files.go).

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

use super::chart::{Chart, ChartFile};
use super::go::printf;
use super::signature::{Param, Signature};
use super::value::{List, ListType, Map, MapType, Object, Value};
use super::yaml::to_yaml;

/// Files by their paths from the chart's folder.
#[derive(Clone, Debug)]
pub(super) struct ChartFiles(BTreeMap<Arc<str>, ChartFile>);

impl ChartFiles {
    pub(super) fn of(chart: &Chart) -> Self {
        Self(chart.files.iter().map(|file| (Arc::clone(&file.name), file.clone())).collect())
    }

    fn get(&self, name: &str) -> Arc<[u8]> {
        self.0.get(name).map(ChartFile::data).unwrap_or_default()
    }

    fn glob(&self, pattern: &str) -> Self {
        let glob = compile(pattern);
        // A pattern that is none matches everything, in Helm too.
        let fits = |name: &str| glob.as_ref().is_none_or(|glob| glob.is_match(name));
        Self(
            self.0
                .iter()
                .filter(|(name, _)| fits(name))
                .map(|(name, file)| (name.clone(), file.clone()))
                .collect(),
        )
    }

    /// The files under the last parts of their paths; of two of one name the last by path stays.
    fn by_base(&self, text: impl Fn(&[u8]) -> String) -> String {
        let map = Map::of(MapType::String);
        for (name, file) in &self.0 {
            map.insert(name.rsplit('/').next().unwrap_or(name), Value::from(text(&file.data())));
        }
        let yaml = to_yaml(&Value::Map(map)).unwrap_or_default();
        yaml.strip_suffix('\n').map(str::to_owned).unwrap_or(yaml)
    }

    fn lines(&self, name: &str) -> Value {
        let text = text(&self.get(name));
        if text.is_empty() {
            return Value::List(List::of(ListType::String, Vec::new()));
        }
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Value::List(List::strings(text.split('\n')))
    }
}

fn bytes(file: &ChartFile) -> Value {
    Value::List(List::bytes(file.data()))
}

fn text(data: &[u8]) -> String {
    super::go::text::from_bytes(data.to_vec())
}

impl Object for ChartFiles {
    fn type_name(&self) -> &'static str {
        "engine.files"
    }

    fn kind(&self) -> &'static str {
        "map"
    }

    fn field(&self, name: &str) -> Option<Value> {
        // What is not there is the nil of a `map[string][]uint8`.
        Some(self.0.get(name).map_or_else(|| List::nil(ListType::Byte).into(), bytes))
    }

    fn method(&self, name: &str) -> Option<Signature> {
        match name {
            "Get" | "GetBytes" | "Glob" | "Lines" => Some(Signature::fixed(&[Param::Str])),
            "AsConfig" | "AsSecrets" => Some(Signature::fixed(&[])),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let argument = arguments.first().and_then(Value::as_str).unwrap_or_default();
        Ok(match name {
            "Get" => Value::from(text(&self.get(argument))),
            "GetBytes" => Value::List(List::bytes(self.get(argument))),
            "Glob" => Value::Object(Rc::new(self.glob(argument))),
            "Lines" => self.lines(argument),
            "AsConfig" => Value::from(self.by_base(text)),
            _ => Value::from(self.by_base(|data| STANDARD.encode(data))),
        })
    }

    fn print(&self) -> String {
        let files: Vec<_> = self.0.iter().map(|(name, file)| (name, file.data())).collect();
        // To grow step by step costs more than to write that much.
        let length = files.iter().map(|(name, data)| name.len() + 4 * data.len() + 4).sum::<usize>();
        let mut shown = String::with_capacity(length + 5);
        shown.push_str("map[");
        for (index, (name, data)) in files.into_iter().enumerate() {
            shown.push_str(if index > 0 { " " } else { "" });
            shown.push_str(name);
            shown.push(':');
            printf::push_bytes(&mut shown, data.iter().copied());
        }
        shown.push(']');
        shown
    }

    fn content(&self) -> Option<Value> {
        Some(Value::map(self.0.iter().map(|(name, file)| (Arc::clone(name), bytes(file)))))
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A pattern of gobwas/glob with `/` as separator: `*` and `?` within a part, `**` across, `[abc]`, `[!a-z]`, `{a,b*}`.
fn compile(pattern: &str) -> Option<Regex> {
    let mut regex = String::from("(?s)^");
    let mut chars = pattern.chars().peekable();
    let mut braces = 0;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                while chars.next_if_eq(&'*').is_some() {}
                regex.push_str(".*");
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '[' => {
                regex.push('[');
                if chars.next_if_eq(&'!').is_some() {
                    regex.push('^');
                }
                let mut closed = false;
                for c in chars.by_ref() {
                    match c {
                        ']' => {
                            closed = true;
                            break;
                        }
                        '-' => regex.push('-'),
                        c => push_literal(&mut regex, c),
                    }
                }
                if !closed {
                    return None;
                }
                regex.push(']');
            }
            '{' => {
                braces += 1;
                regex.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                regex.push(')');
            }
            ',' if braces > 0 => regex.push('|'),
            '\\' => push_literal(&mut regex, chars.next()?),
            c => push_literal(&mut regex, c),
        }
    }
    if braces > 0 {
        return None;
    }
    regex.push('$');
    Regex::new(&regex).ok()
}

fn push_literal(regex: &mut String, c: char) {
    regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(entries: &[(&str, &str)]) -> ChartFiles {
        let file = |name: &str, text: &str| ChartFile::read(name, text.as_bytes());
        ChartFiles(entries.iter().map(|(name, text)| (Arc::from(*name), file(name, text))).collect())
    }

    fn call(files: &ChartFiles, name: &str, argument: &str) -> Value {
        files.call(name, &[Value::from(argument)]).unwrap()
    }

    #[test]
    fn a_glob_matches_as_helms_does() {
        let matches = |pattern: &str, name: &str| compile(pattern).is_none_or(|glob| glob.is_match(name));
        for (pattern, name, expected) in [
            ("config/*", "config/a.txt", true),
            ("config/*", "config/b/a.txt", false),
            ("config/**", "config/b/a.txt", true),
            ("**.txt", "config/b/a.txt", true),
            ("*.{yaml,yml}", "a.yml", true),
            ("*.{yaml,yml}", "a.json", false),
            ("[a-c].txt", "b.txt", true),
            ("[!a-c].txt", "b.txt", false),
            ("a?c", "a/c", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("[a", "anything", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn files_become_config_maps_and_secrets() {
        let files = files(&[("config/a.txt", "one\ntwo\n"), ("config/b.txt", "x"), ("other", "y")]);
        let Value::Object(group) = call(&files, "Glob", "config/*") else { panic!("a group of files") };
        assert_eq!(group.call("AsConfig", &[]).unwrap().as_str(), Some("a.txt: |\n  one\n  two\nb.txt: x"));
        assert_eq!(group.call("AsSecrets", &[]).unwrap().as_str(), Some("a.txt: b25lCnR3bwo=\nb.txt: eA=="));
    }

    #[test]
    fn a_missing_file_is_empty() {
        let files = files(&[("a", "one\ntwo\n")]);
        assert_eq!(call(&files, "Get", "nothing").as_str(), Some(""));
        let Value::List(lines) = call(&files, "Lines", "a") else { panic!("lines") };
        assert_eq!(lines.values().filter_map(Value::as_str).collect::<Vec<_>>(), ["one", "two"]);
        let Value::List(lines) = call(&files, "Lines", "nothing") else { panic!("lines") };
        assert!(lines.is_empty());
    }
}
