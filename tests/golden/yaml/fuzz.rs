//! Compares our YAML with go-yaml's on generated documents and values. Run by hand:
//!
//! ```text
//! (cd tests/golden/yaml-oracle && go build -o /tmp/yaml-oracle .)
//! cargo run --release --example yaml-fuzz -- /tmp/yaml-oracle 100000 [SEED]
//! cargo run --release --example yaml-fuzz -- /tmp/yaml-oracle 250 7 --record tests/golden/yaml/cases.jsonl
//! ```
//!
//! What differs is shrunk and printed; what go-yaml itself answers in several ways (its maps have no order) is counted
//! apart. `--record` writes the cases of `awkward.rs` and COUNT generated ones with go-yaml's answers instead.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a tool that a person runs, which stops where it cannot go on"
)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};

mod awkward;
mod case;
mod generate;

use case::{Case, same};
use generate::Random;

struct Oracle {
    child: Child,
    requests: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    fn start(program: &str) -> Self {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start the oracle {program}: {error}"));
        let requests = BufWriter::new(child.stdin.take().expect("stdin is piped"));
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self { child, requests, answers }
    }

    /// go-yaml's answers, without the requests in them.
    fn ask(&mut self, cases: &[Case]) -> Vec<Json> {
        std::thread::scope(|scope| {
            let requests = &mut self.requests;
            scope.spawn(move || {
                for case in cases {
                    writeln!(requests, "{}", case.request()).expect("the oracle reads");
                }
                requests.flush().expect("the oracle reads");
            });
            let mut line = String::new();
            let mut answers = Vec::with_capacity(cases.len());
            for _ in cases {
                line.clear();
                self.answers.read_line(&mut line).expect("the oracle answers");
                let mut answer: Json = read_answer(&line);
                if let Json::Object(fields) = &mut answer {
                    fields.remove("read");
                    fields.remove("write");
                    if fields.get("json").is_some_and(Json::is_null) {
                        fields.remove("json");
                    }
                }
                answers.push(answer);
            }
            answers
        })
    }

    fn agrees(&mut self, case: &Case) -> bool {
        same(case, &self.ask(std::slice::from_ref(case))[0], &case.ours())
    }
}

fn read_answer(line: &str) -> Json {
    serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("the oracle's answer is not JSON: {error}: {line}"))
}

/// The smallest case that still differs, by taking pieces away.
fn shrink(oracle: &mut Oracle, case: Case) -> Case {
    let mut best = case;
    loop {
        let smaller = candidates(&best).into_iter().find(|candidate| !oracle.agrees(candidate));
        match smaller {
            Some(candidate) => best = candidate,
            None => return best,
        }
    }
}

fn candidates(case: &Case) -> Vec<Case> {
    match case {
        Case::Read(text) => {
            let chars: Vec<char> = text.chars().collect();
            let mut size = chars.len() / 2;
            let mut found = Vec::new();
            while size > 0 {
                for start in (0..chars.len()).step_by(size) {
                    let end = (start + size).min(chars.len());
                    found.push(Case::Read(chars[..start].iter().chain(&chars[end..]).collect()));
                }
                size /= 2;
            }
            found
        }
        Case::Write(value) => smaller_values(value).into_iter().map(Case::Write).collect(),
    }
}

fn smaller_values(value: &Json) -> Vec<Json> {
    match value {
        Json::Array(items) => {
            let mut found: Vec<Json> = items.clone();
            for at in 0..items.len() {
                let mut fewer = items.clone();
                fewer.remove(at);
                found.push(Json::Array(fewer));
                for smaller in smaller_values(&items[at]) {
                    let mut changed = items.clone();
                    changed[at] = smaller;
                    found.push(Json::Array(changed));
                }
            }
            found
        }
        Json::Object(map) => {
            let mut found: Vec<Json> = map.values().cloned().collect();
            for (key, value) in map {
                let mut fewer = map.clone();
                fewer.remove(key);
                found.push(Json::Object(fewer.clone()));
                for smaller in smaller_values(value) {
                    let mut changed = map.clone();
                    changed.insert(key.clone(), smaller);
                    found.push(Json::Object(changed));
                }
                for smaller in smaller_values(&Json::String(key.clone())) {
                    if let Json::String(key) = smaller {
                        let mut changed = fewer.clone();
                        changed.insert(key, value.clone());
                        found.push(Json::Object(changed));
                    }
                }
            }
            found
        }
        Json::String(text) => {
            let chars: Vec<char> = text.chars().collect();
            (0..chars.len())
                .map(|at| Json::String(chars[..at].iter().chain(&chars[at + 1..]).collect()))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Differences that we keep:
///
/// - a byte order mark inside a document: go-yaml looks for it at the beginning of its buffer, wherever that is;
/// - the words about a mapping that is a key, or is the value of an unusable key, and has keys that are not texts: ours
///   shows them as texts.
fn is_known(case: &Case, theirs: &Json) -> bool {
    let error = theirs.get("error").and_then(Json::as_str).unwrap_or_default();
    match case {
        Case::Read(text) => text.contains('\u{feff}') || error.contains("map[interface {}]interface {}{"),
        Case::Write(_) => false,
    }
}

/// Cases asked at once.
const BATCH: usize = 500;

/// Asks about each awkward thing alone, then about generated ones.
fn record_cases(oracle: &mut Oracle, file: &str, generated: impl Iterator<Item = Case>) {
    const LONGEST: usize = 1500;
    let mut cases: Vec<Case> = awkward::DOCUMENTS.iter().map(|text| Case::Read((*text).to_owned())).collect();
    cases.extend(awkward::SCALARS.iter().map(|text| Case::Write(json!({ "key": text, *text: "value" }))));
    cases.extend(awkward::SCALARS.iter().map(|text| Case::Read(format!("a: {text}\n"))));
    cases.extend(generated);
    let mut out = String::new();
    for (case, answer) in cases.iter().zip(oracle.ask(&cases)) {
        let mut line = case.request();
        if let (Json::Object(line), Json::Object(answer)) = (&mut line, answer) {
            line.extend(answer);
        }
        let line = line.to_string();
        // What we and go-yaml agree to differ in, or it with itself, is no case.
        if line.len() < LONGEST && oracle.agrees(case) {
            writeln!(out, "{line}").expect("a String grows");
        }
    }
    std::fs::write(file, out).expect("FILE can be written");
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let record = arguments.iter().position(|argument| argument == "--record").map(|at| {
        let file = arguments.remove(at + 1);
        arguments.remove(at);
        file
    });
    let [program, count, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: yaml-fuzz ORACLE COUNT [SEED] [--record FILE]");
        std::process::exit(2);
    };
    let count: usize = count.parse().expect("COUNT is a number");
    let seed: u64 = rest.first().map_or(1, |seed| seed.parse().expect("SEED is a number"));
    let mut oracle = Oracle::start(program);
    let mut random = Random::new(seed);
    let mut make = || match random.below(5) {
        0 | 1 => Case::Write(random.value(4)),
        _ => Case::Read(random.document()),
    };
    if let Some(file) = record {
        record_cases(&mut oracle, &file, (0..count).map(|_| make()));
        return;
    }

    let (mut done, mut unstable, mut known, mut different, mut errors) = (0, 0, 0, 0, 0);
    while done < count {
        let cases: Vec<Case> = (0..BATCH.min(count - done)).map(|_| make()).collect();
        done += cases.len();
        let answers = oracle.ask(&cases);
        for (case, theirs) in cases.into_iter().zip(answers) {
            errors += usize::from(theirs.get("error").is_some());
            if same(&case, &theirs, &case.ours()) {
                continue;
            }
            if (0..100).any(|_| oracle.agrees(&case)) {
                unstable += 1;
                continue;
            }
            let small = shrink(&mut oracle, case);
            let theirs = &oracle.ask(std::slice::from_ref(&small))[0];
            if (0..200).any(|_| oracle.agrees(&small)) {
                unstable += 1;
                continue;
            }
            if is_known(&small, theirs) {
                known += 1;
                continue;
            }
            different += 1;
            println!("case   {}\n  theirs {theirs}\n  ours   {}", small.request(), small.ours());
        }
    }
    println!(
        "{done} cases ({errors} of them errors): {different} differ, {known} in known ways; go-yaml answers {unstable} \
         differently each time"
    );
    drop(oracle.requests);
    let _ = oracle.child.wait();
    std::process::exit(i32::from(different > 0));
}
