//! The grammar: templates that are mostly right, values that they can read, and `--set` flags that are mostly wrong.

use crate::Case;
use crate::node;
use crate::random::Random;
use crate::tree::Tree;
use crate::words::Kind::{
    self, Any, Bool, Dict, Duration, Float, Int, Key, Layout, List, Number, Path, Range, Regex, Semver, Text,
    Time, Width, Zone,
};
use crate::words::{
    BOOLS, DICTS, DURATIONS, KEYS, LAYOUTS, LISTS, MUST, NUMBERS, OTHERS, RANGES, REGEXES, Row, SEMVERS,
    TEXTS, WORDS, ZONES,
};

/// The files of a chart that templates read.
const FILES: &[(&str, &str)] = &[
    ("files/a.txt", "one\ntwo\n"),
    ("files/b.yaml", "a: {b: [1, c]}\n"),
    ("files/deep/c.conf", "x = ü\r\nlast"),
    ("files/empty", ""),
];

/// Makes cases of a seed.
pub struct Generator {
    pub(crate) random: Random,
    pub(crate) depth: usize,
    variables: Vec<String>,
    loops: usize,
    /// Whether arguments are always of the kind that is asked for: most cases come to their end then.
    calm: bool,
    /// Whether a definition is being written, which must not call another: Helm takes long to see that it never ends.
    defining: bool,
}

impl Generator {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let calm = random.percent(65);
        Self { random, depth: 0, variables: Vec::new(), loops: 0, calm, defining: false }
    }

    /// A case.
    pub fn case(mut self) -> Case {
        if self.random.percent(10) {
            return self.umbrella();
        }
        if self.random.percent(15) {
            let count = 1 + self.random.below(3);
            let set = (0..count).map(|_| self.any_flag()).collect();
            let template = Tree::from("{{ toYaml .Values }}");
            let values = self.values();
            return Case { template, helpers: Tree::default(), values, files: Vec::new(), set, helm3: false };
        }
        self.defining = true;
        let helpers = node!["{{ define \"helper\" }}", self.block(2), "{{ end }}", self.definition()];
        self.variables.clear();
        self.defining = false;
        let template = self.block(4);
        let values = self.values();
        let files = FILES.iter().map(|(name, text)| ((*name).to_owned(), Tree::from(*text))).collect();
        Case { template, helpers, values, files, set: Vec::new(), helm3: false }
    }

    fn definition(&mut self) -> Tree {
        if self.random.percent(70) {
            return Tree::default();
        }
        self.variables.clear();
        let name = *self.random.pick(&["other", "hello world", "1"]);
        node!["{{- define ", quoted(name), " -}}", self.block(2), "{{- end -}}"]
    }

    fn values(&mut self) -> Tree {
        let mut lines = vec![
            node!["text: hello world\n"],
            node!["number: 42\n"],
            node!["float: 1.5\n"],
            node!["big: 12345678901\n"],
            node!["yes_: true\n"],
            node!["none: null\n"],
            node!["empty: \"\"\n"],
            node!["list: [1, two, 3.5, null, {a: b}]\n"],
            node!["words: [b, a, c, a]\n"],
            node!["deep: {a: {b: {c: 1}}, text: x, list: [1], on: off}\n"],
            node!["nothing: {}\n"],
        ];
        for _ in 0..self.random.below(3) {
            let key = *self.random.pick(KEYS);
            let value = self.yaml(2);
            lines.push(node![format!("x{}: ", key.replace(['.', ' '], "_")), value, "\n"]);
        }
        // What is said twice is an error of its own kind, and not what is looked for.
        Tree::Node(lines)
    }

    fn yaml(&mut self, depth: usize) -> Tree {
        match self.random.below(if depth == 0 { 4 } else { 6 }) {
            0 => quoted(self.random.word(WORDS)).into(),
            1 => (*self.random.pick(&[
                "1",
                "0",
                "-3",
                "1.0",
                "1e6",
                "0o17",
                "017",
                "1_000",
                ".5",
                "0x1f",
                "12e-1",
                ".inf",
                "9223372036854775808",
            ]))
            .into(),
            2 => (*self.random.pick(&["true", "no", "~", "null", "yes", "Off"])).into(),
            3 => {
                (*self.random.pick(&["plain", "2024-05-06", "12:30:45", "a b", "=", "<<", "0.0.0", "1.2.3"]))
                    .into()
            }
            4 => node!["[", self.yaml(depth - 1), ", ", self.yaml(depth - 1), "]"],
            _ => node!["{k: ", self.yaml(depth - 1), ", l: ", self.yaml(depth - 1), "}"],
        }
    }

    fn block(&mut self, statements: usize) -> Tree {
        let kept = self.variables.len();
        let count = 1 + self.random.below(statements);
        let parts = (0..count).map(|_| node![self.statement()]).collect();
        self.variables.truncate(kept);
        Tree::Node(parts)
    }

    fn open(&mut self) -> &'static str {
        if self.random.percent(20) { "{{- " } else { "{{ " }
    }

    fn close(&mut self) -> &'static str {
        if self.random.percent(20) { " -}}" } else { " }}" }
    }

    fn statement(&mut self) -> Tree {
        if self.depth > 3 {
            return self.action();
        }
        self.depth += 1;
        let (open, close) = (self.open(), self.close());
        let tree = match self.random.below(20) {
            0..=6 => self.action(),
            7 => (*self.random.pick(&[
                "text\n",
                " ",
                "\n\n",
                "  indented\n",
                "{ }",
                "{{/* words */}}",
                "{{- /* c */ -}}",
                "é",
            ]))
            .into(),
            8 | 9 => {
                let (condition, then) = (self.pipeline(Any), self.block(2));
                let otherwise = match self.random.below(4) {
                    0 => node!["{{ else }}", self.block(1)],
                    1 => node![
                        "{{ else if ",
                        self.pipeline(Any),
                        " }}",
                        self.block(1),
                        "{{ else }}",
                        self.block(1)
                    ],
                    _ => Tree::default(),
                };
                node![open, "if ", condition, close, then, otherwise, "{{ end }}"]
            }
            10 => {
                let kept = self.variables.len();
                let bound = self.declaration();
                let value = self.pipeline(Any);
                let then = self.block(2);
                self.variables.truncate(kept);
                let otherwise = match self.random.below(4) {
                    0 => node!["{{ else }}", self.block(1)],
                    1 => node!["{{ else with ", self.pipeline(Any), " }}", self.block(1)],
                    _ => Tree::default(),
                };
                node![open, "with ", bound, value, close, then, otherwise, "{{ end }}"]
            }
            11..=13 => self.range(),
            14 => {
                let name = self.variable();
                let value = self.pipeline(Any);
                self.variables.push(name.clone());
                node![open, name, " := ", value, close]
            }
            15 if !self.variables.is_empty() => {
                let name = self.random.pick(&self.variables).clone();
                node![open, name, " = ", self.pipeline(Any), close]
            }
            16 | 17 if self.defining => self.action(),
            16 => {
                if self.calm {
                    return node![open, "template \"helper\" $", close];
                }
                let name = *self.random.pick(&["helper", "other", "missing", "t"]);
                node![open, "template ", quoted(name), " ", self.operand(Any), close]
            }
            17 => {
                let name = *self.random.pick(&["helper", "block", "t"]);
                let data = if self.calm { "$".into() } else { self.operand(Any) };
                let kept = std::mem::take(&mut self.variables);
                self.defining = true;
                let body = self.block(1);
                self.defining = false;
                self.variables = kept;
                node![open, "block ", quoted(name), " ", data, close, body, "{{ end }}"]
            }
            18 if self.loops > 0 => {
                node![open, *self.random.pick(&["break", "continue"]), close]
            }
            _ => self.action(),
        };
        self.depth -= 1;
        tree
    }

    fn range(&mut self) -> Tree {
        let kept = self.variables.len();
        let kind = *self.random.pick(&[List, List, Dict, Int, Any]);
        let over = self.pipeline(kind);
        let bound = match self.random.below(4) {
            0 => String::new(),
            1 => {
                let name = self.variable();
                self.variables.push(name.clone());
                format!("{name} := ")
            }
            _ => {
                let (key, value) = (self.variable(), self.variable());
                self.variables.extend([key.clone(), value.clone()]);
                format!("{key}, {value} := ")
            }
        };
        self.loops += 1;
        let body = self.block(2);
        self.loops -= 1;
        self.variables.truncate(kept);
        let otherwise =
            if self.random.percent(20) { node!["{{ else }}", self.block(1)] } else { Tree::default() };
        node!["{{ range ", bound, over, " }}", body, otherwise, "{{ end }}"]
    }

    fn variable(&mut self) -> String {
        (*self.random.pick(&["$x", "$y", "$i", "$key", "$v1"])).to_owned()
    }

    fn declaration(&mut self) -> String {
        if !self.random.percent(30) {
            return String::new();
        }
        let name = self.variable();
        self.variables.push(name.clone());
        format!("{name} := ")
    }

    fn action(&mut self) -> Tree {
        let (open, close) = (self.open(), self.close());
        if self.random.percent(15) {
            return node![open, self.printf(), close];
        }
        node![open, self.pipeline(Any), close]
    }

    fn printf(&mut self) -> Tree {
        let mut format = String::new();
        let mut args = Vec::new();
        for _ in 0..=self.random.below(3) {
            let flags = *self.random.pick(&["", "", "", "+", "-", "0", "#", " ", "+0", "#0"]);
            let width = *self.random.pick(&["", "", "", "5", "10", "*", "08"]);
            let precision = *self.random.pick(&["", "", "", ".2", ".0", ".", ".10"]);
            let verb = *self.random.pick(&[
                "v", "s", "d", "q", "x", "T", "t", "f", "e", "g", "X", "o", "b", "c", "U", "%", "z", "v",
                "s", "d", "E", "F", "G", "O", "w",
            ]);
            let index = *self.random.pick(&["", "", "", "", "", "", "[1]", "[2]", "[9]", "[x]", "["]);
            format += &format!("[%{flags}{width}{precision}{index}{verb}]");
            if width == "*" {
                args.push(node![" ", self.operand(Int)]);
            }
            args.push(node![" ", self.operand(Any)]);
        }
        if self.random.percent(10) {
            args.pop();
        }
        node!["printf ", quoted(&format), Tree::Node(args)]
    }

    fn pipeline(&mut self, kind: Kind) -> Tree {
        let mut parts = vec![self.command(kind)];
        while self.random.percent(25) {
            let (name, params) = self.row(Any);
            if params.is_empty()
                || matches!(
                    name,
                    "include" | "tpl" | "fail" | "required" | "set" | "merge" | "mergeOverwrite"
                )
            {
                break;
            }
            let args = params[..params.len() - 1].iter().map(|param| node![" ", self.operand(*param)]);
            let args: Vec<Tree> = args.collect();
            parts.push(node![" | ", name, Tree::Node(args)]);
        }
        Tree::Node(parts)
    }

    fn row(&mut self, kind: Kind) -> Row {
        let table: &[Row] = match kind {
            Text | Regex | Semver | Range | Layout | Path | Key | Duration | Zone => TEXTS,
            Int | Float | Number | Width => NUMBERS,
            Bool => BOOLS,
            List => LISTS,
            Dict => DICTS,
            Any | Time => {
                let tables = [TEXTS, TEXTS, NUMBERS, BOOLS, LISTS, DICTS, OTHERS];
                tables[self.random.below(tables.len())]
            }
        };
        *self.random.pick(table)
    }

    fn command(&mut self, kind: Kind) -> Tree {
        if self.depth > 6 || self.random.percent(30) {
            return self.operand(kind);
        }
        let (name, params) = self.row(kind);
        self.call(name, params)
    }

    fn call(&mut self, name: &'static str, params: &'static [Kind]) -> Tree {
        if self.defining && matches!(name, "include" | "tpl") {
            return self.leaf(Any);
        }
        if self.calm && matches!(name, "include" | "tpl") {
            let text = if name == "tpl" { self.leaf(Text) } else { "\"helper\"".into() };
            return node![name, " ", text, " $"];
        }
        if self.calm && matches!(name, "fail" | "required" | "index" | "slice" | "chunk") {
            return self.leaf(Any);
        }
        let name = if MUST.contains(&name) && self.random.percent(10) {
            format!("must{}{}", name[..1].to_uppercase(), &name[1..])
        } else {
            name.to_owned()
        };
        self.depth += 1;
        if matches!(name.as_str(), "set" | "merge" | "mergeOverwrite" | "mustMerge" | "mustMergeOverwrite") {
            // A copy: a map that holds itself is the end of Helm.
            let args: Vec<Tree> = params[1..].iter().map(|param| node![" ", self.operand(*param)]).collect();
            self.depth -= 1;
            return node![name, " (deepCopy ", self.leaf(Dict), ")", Tree::Node(args)];
        }
        let mut args: Vec<Tree> = params.iter().map(|param| node![" ", self.operand(*param)]).collect();
        if !self.calm && self.random.percent(2) {
            args.pop();
        }
        self.depth -= 1;
        node![name, Tree::Node(args)]
    }

    fn operand(&mut self, kind: Kind) -> Tree {
        let kind = if !self.calm && self.random.percent(8) {
            *self.random.pick(&[Text, Int, Float, Bool, List, Dict, Any])
        } else {
            kind
        };
        if self.depth < 6 && self.random.percent(22) {
            self.depth += 1;
            let inner = self.pipeline(kind);
            self.depth -= 1;
            let fields = if !self.calm && self.random.percent(8) {
                format!(".{}", self.random.pick(&["a", "text", "deep", "_0", "Major", "host", "none"]))
            } else {
                String::new()
            };
            return node!["(", inner, ")", fields];
        }
        self.leaf(kind)
    }

    /// A value without an inner call. A calm case reads from the root: the dot changes its meaning.
    fn leaf(&mut self, kind: Kind) -> Tree {
        match self.plain(kind) {
            Tree::Leaf(text) if self.calm && text.starts_with('.') && text.len() > 1 => {
                format!("${text}").into()
            }
            leaf => leaf,
        }
    }

    fn plain(&mut self, kind: Kind) -> Tree {
        let value = |name: &str| Tree::from(format!(".Values.{name}"));
        match kind {
            Text => match self.random.below(6) {
                0 => value("text"),
                1 => format!("`{}`", self.random.pick(WORDS).replace('`', "")).into(),
                _ => quoted(self.random.word(WORDS)).into(),
            },
            Int => (*self.random.pick(&[
                "0",
                "1",
                "-1",
                "3",
                "10",
                "'a'",
                "0x10",
                "1_000",
                "9223372036854775807",
                "-5",
            ]))
            .into(),
            Width => (*self.random.pick(&["0", "1", "2", "3", "4", "-1", "-3", "7", "12"])).into(),
            Float => {
                (*self.random.pick(&["1.5", "0.0", "-2.25", "1e3", "1e21", "0.1", ".5", "1e-7", "100.0"]))
                    .into()
            }
            Number => {
                let kind = *self.random.pick(&[Int, Float, Text, Width, Any]);
                if self.random.percent(20) { value("number") } else { self.leaf(kind) }
            }
            Bool => (*self.random.pick(&["true", "false", ".Values.yes_"])).into(),
            List => (*self.random.pick(&[
                ".Values.list",
                ".Values.words",
                "(list 1 \"a\" nil)",
                "(list)",
                "(until 3)",
                ".Values.deep.list",
                "(splitList \",\" \"b,a\")",
            ]))
            .into(),
            Dict => (*self.random.pick(&[
                ".Values.deep",
                "(dict \"a\" 1 \"b\" \"x\")",
                "(dict)",
                ".Values.nothing",
                "$.Values.deep.a",
                ".Chart",
                ".Release",
            ]))
            .into(),
            Regex => quoted_raw(self.random.word(REGEXES)).into(),
            Semver => quoted(self.random.word(SEMVERS)).into(),
            Range => quoted(self.random.word(RANGES)).into(),
            Layout => quoted(self.random.word(LAYOUTS)).into(),
            Duration => quoted(self.random.word(DURATIONS)).into(),
            Zone => quoted(self.random.word(ZONES)).into(),
            Time => (*self.random.pick(&[
                "0",
                "1700000000",
                "(toDate \"2006-01-02\" \"2024-02-29\")",
                "(int64 86399)",
            ]))
            .into(),
            Path => quoted(self.random.word(&["/a/b.c", "a//b/../c", "", ".", "/", "x.tar.gz", "..", "a/"]))
                .into(),
            Key => quoted(self.random.word(KEYS)).into(),
            Any => self.any(),
        }
    }

    fn any(&mut self) -> Tree {
        match self.random.below(16) {
            0 => (if self.calm { ".Values" } else { "." }).into(),
            1 => (if self.loops > 0 { "." } else { "$.Release" }).into(),
            2 => "nil".into(),
            3 => ".Values.missing".into(),
            4 => ".Values.none".into(),
            5 => (*self.random.pick(&[
                ".Values.deep",
                ".Chart.Name",
                ".Release.Name",
                ".Capabilities.KubeVersion.Minor",
                ".Template.Name",
                ".Values.missing.deeper",
                ".Chart.Keywords",
                ".Files",
                ".Values.empty",
                ".Values.big",
                ".Values.float",
                "$.Values.list",
                ".Chart.Version",
                ".Subcharts",
                "$.Chart.Maintainers",
                "$.Chart.AppVersion",
                "$.Template.BasePath",
                "$.Release.Revision",
                "$.Capabilities.KubeVersion",
                "$.Capabilities.HelmVersion.GitCommit",
                "($.Capabilities.APIVersions.Has \"apps/v1\")",
                "($.Files.Get \"files/a.txt\")",
                "($.Files.GetBytes \"files/a.txt\")",
                "($.Files.Get \"missing\")",
                "($.Files.Lines \"files/a.txt\")",
                "($.Files.Glob \"files/*\")",
                "($.Files.Glob \"**.{conf,yaml}\").AsConfig",
                "($.Files.Glob \"files/?.*\").AsSecrets",
            ]))
            .into(),
            6 | 7 if !self.variables.is_empty() => {
                let name = self.random.pick(&self.variables).clone();
                let field = if self.random.percent(20) { ".a" } else { "" };
                format!("{name}{field}").into()
            }
            8 => self.leaf(List),
            9 => self.leaf(Dict),
            10 => self.leaf(Bool),
            11 => self.leaf(Float),
            12 => self.leaf(Int),
            _ => self.leaf(Text),
        }
    }
}

/// A text as a literal of templates and of YAML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text whose escapes are written already.
fn quoted_raw(text: &str) -> String {
    format!("\"{text}\"")
}
