//! Compares our templates and `--set` with Helm's on generated cases. Run by hand:
//!
//! ```text
//! (cd tests/golden/oracle && go build -o /tmp/oracle .)
//! cargo run --release --example helm-fuzz -- /tmp/oracle 100000 [SEED]
//! ```
//!
//! What differs is shrunk and printed in the form of a `.cases` file. Cases that Helm itself answers in several ways
//! (its maps have no order) are counted apart. Every fourth case is asked of Helm 3.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a tool that a person runs, which stops where it cannot go on"
)]

mod charts;
mod flags;
mod generate;
mod ours;
mod random;
mod tree;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, BufWriter, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};

use generate::Generator;
use tree::Tree;

/// A case: a template with its helpers and values, or flags of `--set` alone.
#[derive(Clone)]
pub struct Case {
    template: Tree,
    helpers: Tree,
    values: Tree,
    /// Files besides those, or in the place of them.
    files: Vec<(String, Tree)>,
    /// Flags that set values, with their texts.
    set: Vec<(&'static str, Tree)>,
    /// Whether Helm 3 is asked instead of Helm 4.
    helm3: bool,
}

impl Case {
    fn question(&self) -> Json {
        let files: BTreeMap<&str, String> =
            self.files.iter().map(|(name, text)| (name.as_str(), text.text())).collect();
        json!({
            "template": self.template.text(),
            "helpers": self.helpers.text(),
            "values": self.values.text(),
            "files": files,
            "set": self.flags("--set"),
            "setString": self.flags("--set-string"),
            "setJson": self.flags("--set-json"),
            "setLiteral": self.flags("--set-literal"),
            "helm3": self.helm3,
        })
    }

    /// The texts of the flags of a name.
    fn flags(&self, name: &str) -> Vec<String> {
        self.set.iter().filter(|(flag, _)| *flag == name).map(|(_, text)| text.text()).collect()
    }

    /// Smaller cases of the same form.
    fn smaller(&self) -> impl Iterator<Item = Self> + '_ {
        let templates = self.template.smaller().into_iter().map(|template| Self { template, ..self.clone() });
        let helpers = self.helpers.smaller().into_iter().map(|helpers| Self { helpers, ..self.clone() });
        let values = self.values.smaller().into_iter().map(|values| Self { values, ..self.clone() });
        let set = (0..self.set.len()).flat_map(move |at| {
            let without = {
                let mut set = self.set.clone();
                set.remove(at);
                Self { set, ..self.clone() }
            };
            let smaller = self.set[at].1.smaller().into_iter().map(move |flag| {
                let mut set = self.set.clone();
                set[at].1 = flag;
                Self { set, ..self.clone() }
            });
            std::iter::once(without).chain(smaller)
        });
        let files = (0..self.files.len()).flat_map(move |at| {
            let without = {
                let mut files = self.files.clone();
                files.remove(at);
                Self { files, ..self.clone() }
            };
            let smaller = self.files[at].1.smaller().into_iter().map(move |text| {
                let mut files = self.files.clone();
                files[at].1 = text;
                Self { files, ..self.clone() }
            });
            std::iter::once(without).chain(smaller)
        });
        templates.chain(helpers).chain(values).chain(set).chain(files)
    }

    fn show(&self, helm: &Answer, ours: &Answer) -> String {
        let mut out = format!("=== a find{}\n", if self.helm3 { " with helm 3" } else { "" });
        for (flag, text) in &self.set {
            out += &format!("{flag} {}\n", text.text());
        }
        out += &format!("{}\n", self.template.text());
        for (section, tree) in [("helpers", &self.helpers), ("values", &self.values)] {
            let text = tree.text();
            if !text.is_empty() {
                out += &format!("--- {section}\n{}\n", text.trim_end_matches('\n'));
            }
        }
        for (name, text) in &self.files {
            out += &format!("--- {name}\n{}\n", text.text().trim_end_matches('\n'));
        }
        out + &format!("--- helm\n{}\n--- mooring\n{}\n", helm.show(), ours.show())
    }
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The text.
    Notes(String),
    /// Why there is none.
    Error(String),
}

impl Answer {
    fn show(&self) -> String {
        match self {
            Self::Notes(text) => text.clone(),
            Self::Error(text) => format!("ERROR {text}"),
        }
    }
}

struct Oracle {
    program: String,
    child: Child,
    questions: BufWriter<ChildStdin>,
    answers: Receiver<String>,
}

/// How long Helm may take for an answer; there are templates that it never comes to the end of.
const PATIENCE: Duration = Duration::from_secs(10);

/// The lines of a program's output as they come.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if line.is_err() || line.is_ok_and(|line| sender.send(line).is_err()) {
                break;
            }
        }
    });
    receiver
}

impl Oracle {
    fn start(program: &str) -> Self {
        let mut child = Command::new(program)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start the oracle {program}: {error}"));
        let questions = BufWriter::new(child.stdin.take().expect("stdin is piped"));
        let answers = lines(child.stdout.take().expect("stdout is piped"));
        Self { program: program.to_owned(), child, questions, answers }
    }

    fn ask(&mut self, case: &Case) -> Answer {
        let asked = writeln!(self.questions, "{}", case.question()).and_then(|()| self.questions.flush());
        let line = self.answers.recv_timeout(PATIENCE);
        let (Ok(()), Ok(line)) = (asked, line) else {
            // Some cases kill it: Go cannot recover from a stack that is too deep.
            let _ = self.child.kill();
            let _ = self.child.wait();
            *self = Self::start(&self.program.clone());
            return Answer::Error("Helm died".to_owned());
        };
        let answer: Json = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the oracle's answer is not JSON: {error}: {line}"));
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        match text("error") {
            error if error.is_empty() => Answer::Notes(text("notes")),
            error => Answer::Error(error),
        }
    }

    /// What both say, where they differ and Helm stays with its answer.
    fn difference(&mut self, case: &Case) -> Option<(Answer, Answer)> {
        let (helm, ours) = (self.ask(case), ours::answer(case));
        if helm == ours
            || helm == Answer::Error("Helm died".to_owned())
            || ours::is_apart(&helm)
            || ours::is_apart(&ours)
        {
            return None;
        }
        // A random answer is no find.
        (0..3).all(|_| self.ask(case) == helm).then_some((helm, ours))
    }
}

fn shrink(oracle: &mut Oracle, mut best: Case) -> Case {
    for _ in 0..200 {
        let next = best.smaller().find(|smaller| oracle.difference(smaller).is_some());
        match next {
            Some(smaller) => best = smaller,
            None => break,
        }
    }
    best
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, count, rest @ ..] = arguments.as_slice() else {
        panic!("say: helm-fuzz ORACLE COUNT [SEED]");
    };
    let count: u64 = count.parse().expect("COUNT is a number");
    let seed: u64 = rest.first().map_or(1, |seed| seed.parse().expect("SEED is a number"));
    let mut oracle = Oracle::start(program);
    let (mut differ, mut shown) = (0_u64, BTreeSet::new());
    let mut errors = 0_u64;
    for number in 0..count {
        let mut case = Generator::new(seed.wrapping_mul(1 << 32).wrapping_add(number)).case();
        case.helm3 = number % 4 == 3;
        if number % 1000 == 0 {
            eprintln!("{number} cases, {differ} differ");
        }
        errors += u64::from(matches!(ours::answer(&case), Answer::Error(_)));
        if oracle.difference(&case).is_none() {
            continue;
        }
        differ += 1;
        let small = shrink(&mut oracle, case);
        if let Some((helm, ours)) = oracle.difference(&small) {
            let text = small.show(&helm, &ours);
            if shown.insert(text.clone()) {
                println!("{text}");
            }
        }
    }
    println!("{count} cases, {errors} of them errors, {differ} differ");
    drop(oracle.questions);
    let _ = oracle.child.wait();
}
