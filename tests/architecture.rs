//! The floors of the house: who may know whom, and what a pure module must never hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// Floor 1 is pure, floor 2 does I/O, floor 3 composes both, floor 4 is the command line.
const FLOORS: &[(u8, &[&str])] = &[
    (1, &["manifest", "environment", "helm", "render", "schedule", "sops", "plan", "producer"]),
    (2, &["source", "cluster", "serve", "telemetry"]),
    (3, &["agent"]),
    (4, &["cli", "producer_cli", "main", "lib", "bin"]),
];

/// What would make a module of floor 1 impure: concurrency, a client, a clock, the file system, the machine.
const IMPURE: &[&str] = &[
    r"\basync\b",
    r"\.await\b",
    r"\b(tokio|futures|kube|git2|notify|axum|rdkafka|rustls|tracing_subscriber)::",
    r"\bstd::(fs|net|env|process)\b",
    r"\b(SystemTime|Instant)\b",
    r"\b(Timestamp|Zoned|Utc|Local)::now\b",
    r"\b(thread_rng|OsRng|getrandom)\b",
];

/// Where floor 1 and floor 2 meet in one module: the producer's sinks write to Kafka and to files.
const FLOOR_TWO_FOLDER: &str = "src/producer/sink/";

const MOST_LINES: usize = 600;

#[test]
fn every_module_has_a_floor() {
    for entry in root().join("src").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            floor_of(name).is_some(),
            "src/{name} has no floor: say in tests/architecture.rs which it is"
        );
    }
}

#[test]
fn no_floor_imports_a_higher_one() {
    let wrong = violations(|file, used| floor_of(used) > file.floor());
    assert!(wrong.is_empty(), "a lower floor imports a higher one:\n{}", wrong.join("\n"));
}

#[test]
fn the_datasets_do_not_know_the_sinks() {
    let wrong: Vec<String> = sources("src")
        .iter()
        .filter(|file| file.module() == "producer" && file.floor() == Some(1))
        .filter(|file| file.code.split("sink").count() > 1 + usize::from(file.name == "src/producer/mod.rs"))
        .map(|file| file.name.clone())
        .collect();
    assert!(wrong.is_empty(), "the pure half of the producer knows of its sinks: {wrong:?}");
}

#[test]
fn helm_imports_nothing_of_the_project_but_manifest() {
    let wrong = violations(|file, used| file.module() == "helm" && !["helm", "manifest"].contains(&used));
    assert!(wrong.is_empty(), "helm is to stay a crate of its own one day:\n{}", wrong.join("\n"));
}

#[test]
fn floor_one_holds_no_async_clock_client_or_file_system() {
    let wrong: Vec<String> = sources("src")
        .iter()
        .filter(|file| file.floor() == Some(1))
        .flat_map(|file| impurities(&file.code).into_iter().map(|found| format!("{}: {found}", file.name)))
        .collect();
    assert!(wrong.is_empty(), "floor 1 is pure, such things come in as arguments:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_longer_than_six_hundred_lines() {
    let long: Vec<String> = ["src", "tests", "benches"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|file| file.lines > MOST_LINES)
        .map(|file| format!("{}: {} lines", file.name, file.lines))
        .collect();
    assert!(long.is_empty(), "split these by topic:\n{}", long.join("\n"));
}

#[test]
fn the_scan_sees_imports_in_every_form() {
    let used = |text: &str| project_modules(&code_of(text), 2);
    assert_eq!(used("use crate::source::Revision;"), modules(&["source"]));
    assert_eq!(
        used("use crate::{plan::Plan, agent, helm::{yaml, chart}};"),
        modules(&["plan", "agent", "helm"])
    );
    assert_eq!(used("fn f() { crate :: cluster\n::apply() }"), modules(&["cluster"]));
    assert_eq!(used("use super::super::serve;"), modules(&["serve"]));
    assert_eq!(used("use super::serve;"), modules(&[]));
    assert_eq!(used("use mooring::agent;"), modules(&["agent"]));
}

#[test]
fn the_scan_sees_impurities_in_every_form() {
    assert_eq!(impurities(&code_of("use std::{fmt, fs};")).len(), 1);
    assert_eq!(impurities(&code_of("let t = std::time::Instant::now();")).len(), 1);
    assert_eq!(impurities(&code_of("let c = kube :: Client::x();")).len(), 1);
    assert_eq!(impurities(&code_of("let t = jiff::Timestamp::now();")).len(), 1);
    assert_eq!(impurities(&code_of("fn kubectl(instant: Timestamp) {}")).len(), 0);
}

#[test]
fn the_scan_ignores_comments_strings_and_tests() {
    let code = code_of(concat!(
        "// crate::agent\n/* crate::cli /* nested */ std::fs */ let s = \"crate::serve \\\" std::fs\";\n",
        "let r = r#\"tokio::\"#; let c = '\"'; let l: &'static str = x;\n",
        "#[cfg(test)]\nmod tests { use crate::agent; fn f() { std::fs::read(\"}\") } }\nuse crate::plan;"
    ));
    assert_eq!(project_modules(&code, 1), modules(&["plan"]));
    assert_eq!(impurities(&code), BTreeSet::new());
}

/// A source file, its code without comments, the content of strings, and test modules.
struct Source {
    name: String,
    code: String,
    lines: usize,
}

impl Source {
    /// The module of `src/` that the file belongs to.
    fn module(&self) -> &str {
        let inside = self.name.strip_prefix("src/").unwrap_or(&self.name);
        inside.split(['/', '.']).next().unwrap_or_default()
    }

    fn floor(&self) -> Option<u8> {
        if self.name.starts_with(FLOOR_TWO_FOLDER) { Some(2) } else { floor_of(self.module()) }
    }

    /// How many `super` lead from the file's module to the crate's root.
    fn depth(&self) -> usize {
        let parts = self.name.split('/').count() - 1;
        if self.name.ends_with("/mod.rs") { parts - 1 } else { parts }
    }
}

fn floor_of(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(_, modules)| modules.contains(&module)).map(|(floor, _)| *floor)
}

/// Each use of another module of the project of which the rule says that it is wrong.
fn violations(wrong: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources("src") {
        for used in project_modules(&file.code, file.depth()) {
            if wrong(&file, &used) {
                found.push(format!("{} uses {used}", file.name));
            }
        }
    }
    found
}

/// The project's modules that the code names by `crate::`, `mooring::` or enough `super::`.
fn project_modules(code: &str, depth: usize) -> BTreeSet<String> {
    ["crate::".to_owned(), "mooring::".to_owned(), "super::".repeat(depth)]
        .iter()
        .flat_map(|prefix| heads_after(code, prefix))
        .filter(|name| floor_of(name).is_some())
        .collect()
}

fn modules(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The first names of all paths behind the prefix, of each member where a group follows.
fn heads_after(code: &str, prefix: &str) -> Vec<String> {
    let mut heads = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            heads.push(identifier(rest));
            continue;
        };
        let mut level = 0;
        let mut begins = true;
        for (index, c) in group.char_indices() {
            match c {
                '{' => level += 1,
                '}' if level == 0 => break,
                '}' => level -= 1,
                ',' if level == 0 => begins = true,
                c if begins && level == 0 && !c.is_whitespace() => {
                    heads.push(identifier(&group[index..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    heads
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// What the code holds of `IMPURE`, members of `use std::{..}` groups included.
fn impurities(code: &str) -> BTreeSet<String> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| Regex::new(&IMPURE.join("|")).unwrap());
    let mut all = code.replace("std::", "");
    for head in heads_after(code, "std::") {
        all.push_str("\nstd::");
        all.push_str(&head);
        all.push(';');
    }
    PATTERN.find_iter(&all).map(|found| found.as_str().to_owned()).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below the folder that are not test modules of their own.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = folder.read_dir() else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let is_test =
                name.starts_with("src/") && (name.contains("/tests/") || name.ends_with("/tests.rs"));
            let code = if is_test { String::new() } else { code_of(&text) };
            found.push(Source { name, code, lines: text.lines().count() });
        }
    }
}

/// The text without comments, the content of strings, test modules, and blanks around `::`.
fn code_of(text: &str) -> String {
    let code = drop_tests(&blank(text));
    code.split("::").map(str::trim).collect::<Vec<_>>().join("::")
}

/// Comments become a blank, strings `""`, characters a blank. By hand: the tests of an unoptimised build would
/// wait a minute for regular expressions over so much text.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, replacement) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), " ")
        } else if rest.starts_with("/*") {
            (block_comment(rest), " ")
        } else if let Some(length) = raw_string(rest).filter(|_| !ends_in_word(&code)) {
            (length, "\"\"")
        } else if first == '"' {
            (quoted(rest, '"'), "\"\"")
        } else if first == '\'' && is_character(rest) {
            (quoted(rest, '\''), " ")
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        code.push_str(replacement);
        rest = &rest[length..];
    }
    code
}

fn ends_in_word(code: &str) -> bool {
    code.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// The length of the block comment that the text begins with: they nest.
fn block_comment(text: &str) -> usize {
    let mut level = 0;
    let mut at = 0;
    while at < text.len() {
        let step = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                level += 1;
                2
            }
            [b'*', b'/', ..] => {
                level -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if level == 0 {
            break;
        }
    }
    at
}

/// The length of the raw string that the text begins with, if it does.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let content = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let begins = text.len() - content.len();
    Some(content.find(&end).map_or(text.len(), |length| begins + length + end.len()))
}

/// The length of the literal that the text begins with, both quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return index + 1;
        }
    }
    text.len()
}

/// Whether a quote begins a character and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

fn drop_tests(code: &str) -> String {
    static TEST: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([a-z]+\))?\s+)?mod\s+\w+\s*\{").unwrap()
    });
    let mut kept = String::new();
    let mut at = 0;
    while let Some(found) = TEST.find_at(code, at) {
        kept.push_str(&code[at..found.start()]);
        let mut level = 1;
        let length = code[found.end()..].find(|c| {
            level += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            level == 0
        });
        at = length.map_or(code.len(), |length| found.end() + length + 1);
    }
    kept + &code[at..]
}
