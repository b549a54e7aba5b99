//! Documents and values that are likely to hurt.

use serde_json::{Map, Value as Json, json};

use super::awkward::{SCALARS, TOKENS};

/// A small generator of random numbers (splitmix64): the same seed gives the same cases anywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("the bound is a usize")
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// A text: one that is known to be awkward, or pieces of such, or noise.
    fn text(&mut self) -> String {
        match self.below(10) {
            0..=4 => self.pick(SCALARS).to_owned(),
            5 | 6 => (0..self.below(4)).map(|_| self.pick(SCALARS)).collect(),
            7 => {
                let words = self.below(30);
                let separators = [" ", " ", " ", "  ", "\n", "-", ": "];
                (0..words).fold(String::new(), |text, _| text + self.pick(SCALARS) + self.pick(&separators))
            }
            8 => (0..self.below(8)).map(|_| self.noise()).collect(),
            _ => self.digits(),
        }
    }

    fn noise(&mut self) -> char {
        const ALPHABET: &str =
            "ab01 -:#,[]{}&*!|>'\"%@`?\\\n\t\r.~=<_éß\u{85}\u{2028}\u{feff}\u{a0}日\u{1f600}\u{300}";
        let chars: Vec<char> = ALPHABET.chars().collect();
        chars[self.below(chars.len())]
    }

    fn digits(&mut self) -> String {
        const ALPHABET: &[&str] =
            &["0", "1", "2", "5", "7", "9", ".", "-", "+", "_", ":", "e", "x", "b", "o", "T", "Z", " "];
        (0..=self.below(12)).map(|_| self.pick(ALPHABET)).collect()
    }

    /// A key; not one whose digits overflow go-yaml's natural order, which then has cycles.
    fn key(&mut self) -> String {
        let key = self.any_key();
        if key.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 18) {
            String::new()
        } else {
            key
        }
    }

    fn any_key(&mut self) -> String {
        match self.below(8) {
            0 => self.text(),
            1 => "k".repeat(self.below(200)),
            2 => "k".repeat(1000 + self.below(40)),
            3..=5 => {
                let parts = ["a", "b", "A", "1", "2", "10", "01", "0", "_", "-", ".", "é"];
                (0..=self.below(4)).map(|_| self.pick(&parts)).collect()
            }
            _ => self.pick(SCALARS).to_owned(),
        }
    }

    fn number(&mut self) -> Json {
        match self.below(8) {
            0 => json!(self.below(100)),
            1 => json!(-(i64::try_from(self.below(1 << 40)).expect("it fits"))),
            2 => json!(self.next()),
            3 => json!(10f64.powi(i32::try_from(self.below(60)).expect("it fits") - 30)),
            4 => json!(self.below(1_000_000_000)),
            5 => {
                let bits = f64::from_bits(self.next());
                if bits.is_finite() { json!(bits) } else { json!(0.1) }
            }
            6 => json!(f64::from(u32::try_from(self.below(1 << 30)).expect("it fits")) / 1000.0),
            _ => json!([0.0, -0.0, 1e20, 1e21, 1e-6, 1e-7, 123_456.0, 1_234_567.5][self.below(8)]),
        }
    }

    /// A value to write.
    pub fn value(&mut self, depth: usize) -> Json {
        match self.below(if depth == 0 { 5 } else { 10 }) {
            0 => json!(null),
            1 => json!(self.chance(50)),
            2 => self.number(),
            3 | 4 => json!(self.text()),
            5..=7 => {
                let few = if self.chance(5) { 40 } else { 5 };
                let entries: Map<_, _> =
                    (0..self.below(few)).map(|_| (self.key(), self.value(depth - 1))).collect();
                Json::Object(entries)
            }
            _ => Json::Array((0..self.below(4)).map(|_| self.value(depth - 1)).collect()),
        }
    }

    /// A document to read: well formed, well formed with a few wounds, or a heap of tokens.
    pub fn document(&mut self) -> String {
        match self.below(10) {
            0..=4 => self.well_formed(),
            5..=7 => {
                let mut chars: Vec<char> = self.well_formed().chars().collect();
                for _ in 0..=self.below(3) {
                    let at = self.below(chars.len() + 1);
                    match self.below(3) {
                        0 if at < chars.len() => {
                            chars.remove(at);
                        }
                        1 => chars.insert(at, self.noise()),
                        _ => {
                            let token: Vec<char> = self.pick(TOKENS).chars().collect();
                            chars.splice(at..at, token);
                        }
                    }
                }
                chars.into_iter().collect()
            }
            _ => (0..self.below(16)).map(|_| self.pick(TOKENS)).collect(),
        }
    }

    fn well_formed(&mut self) -> String {
        let mut out = String::new();
        match self.below(12) {
            0 => out.push_str("---\n"),
            1 => out.push_str("# a comment\n\n"),
            2 => out.push_str("%YAML 1.1\n---\n"),
            3 => out.push_str("--- "),
            _ => {}
        }
        self.block(&mut out, 0, 3);
        match self.below(12) {
            0 => out.push_str("---\nsecond: 1\n"),
            1 => out.push_str("...\n"),
            2 => out.push_str("# the end"),
            _ => {}
        }
        out
    }

    /// A node at the beginning of a line, with the line break after it.
    fn block(&mut self, out: &mut String, indent: usize, depth: usize) {
        let pad = " ".repeat(indent);
        match self.below(if depth == 0 { 2 } else { 8 }) {
            0 => {
                out.push_str(&pad);
                self.properties(out);
                self.inline(out, indent);
                out.push('\n');
            }
            1 => {
                out.push_str(&pad);
                self.flow(out, 2);
                out.push('\n');
            }
            2..=5 => {
                for _ in 0..=self.below(4) {
                    out.push_str(&pad);
                    self.entry(out, indent, depth);
                }
            }
            _ => {
                for _ in 0..=self.below(3) {
                    out.push_str(&pad);
                    out.push_str("- ");
                    if self.chance(30) && depth > 0 {
                        self.entry(out, indent + 2, depth - 1);
                    } else {
                        self.properties(out);
                        self.value_after(out, indent, depth);
                    }
                }
            }
        }
    }

    fn entry(&mut self, out: &mut String, indent: usize, depth: usize) {
        match self.below(14) {
            0 => {
                let merges =
                    ["<<: *x\n", "<<: {a: 1, m: 2}\n", "<<: [*x, *y]\n", "<<: [{a: 1}, {a: 2}]\n", "<<: 1\n"];
                out.push_str(self.pick(&merges));
                return;
            }
            1 => {
                out.push_str("? ");
                self.inline(out, indent);
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                out.push_str(": ");
            }
            2 => out.push_str(self.pick(&[
                "1: ",
                "1.5: ",
                "yes: ",
                "~: ",
                "\"q\": ",
                "'q' : ",
                "*x : ",
                "!!int 3: ",
                "18446744073709551615: ",
                "1e3: ",
                "[a]: ",
            ])),
            3 => {
                self.scalar(out, indent, true);
                out.push_str(": ");
            }
            _ => out.push_str(self.pick(&["a: ", "b: ", "c: ", "name: ", "a-b: ", "x.y/z: ", "a:   "])),
        }
        self.properties(out);
        self.value_after(out, indent, depth);
    }

    /// A value after a key or a dash, with the line break after it.
    fn value_after(&mut self, out: &mut String, indent: usize, depth: usize) {
        if depth > 0 && self.chance(40) {
            if self.chance(20) {
                out.push_str(" # why");
            }
            out.push('\n');
            let least = usize::from(self.chance(80));
            let deeper = indent + self.below(4).max(least);
            self.block(out, deeper, depth - 1);
            return;
        }
        match self.below(6) {
            0 => self.flow(out, 2),
            1 => self.literal(out, indent),
            _ => self.inline(out, indent),
        }
        if self.chance(10) {
            out.push_str(" # c");
        }
        out.push('\n');
    }

    fn properties(&mut self, out: &mut String) {
        if self.chance(15) {
            out.push_str(self.pick(&[
                "&x ",
                "&y ",
                "!!str ",
                "!!int ",
                "!!float ",
                "!!binary ",
                "! ",
                "!foo ",
                "&x !!str ",
                "!!map ",
                "!!seq ",
                "!!timestamp ",
                "!!null ",
                "!!bool ",
            ]));
        }
    }

    fn inline(&mut self, out: &mut String, indent: usize) {
        if self.chance(8) {
            out.push_str(self.pick(&["*x", "*y", "*z"]));
        } else {
            self.scalar(out, indent, false);
        }
    }

    /// A scalar in one of the three flow styles.
    fn scalar(&mut self, out: &mut String, indent: usize, one_line: bool) {
        let text = self.text();
        let line_break = format!("\n{}", " ".repeat(indent + 1 + self.below(3)));
        match self.below(5) {
            0 => {
                let text = text.replace('\'', "''");
                let text = if one_line { text.replace('\n', " ") } else { text.replace('\n', &line_break) };
                out.extend(["'", &text, "'"]);
            }
            1 => {
                out.push('"');
                for c in text.chars() {
                    match c {
                        '"' | '\\' => out.extend(['\\', c]),
                        '\n' if !one_line && self.chance(30) => out.push_str(&line_break),
                        '\n' => out.push_str("\\n"),
                        ' ' if !one_line && self.chance(10) => out.extend([" \\", &line_break]),
                        c if self.chance(5) => out.extend([format!("\\U{:08x}", u32::from(c))]),
                        c if u32::from(c) < 0x100 && self.chance(3) => {
                            out.extend([format!("\\x{:02X}", u32::from(c))]);
                        }
                        '\t' => out.push_str(self.pick(&["\\t", "\t", "\\\t"])),
                        '\u{85}' => out.push_str(self.pick(&["\\N", "\u{85}"])),
                        c => out.push(c),
                    }
                }
                out.push('"');
            }
            _ => {
                let text = if one_line { text.replace('\n', " ") } else { text.replace('\n', &line_break) };
                out.push_str(&text);
            }
        }
    }

    fn literal(&mut self, out: &mut String, indent: usize) {
        out.push_str(self.pick(&["|", "|-", "|+", ">", ">-", ">+", "|2", "|2-", ">1", "|+1", "| # c"]));
        let mut text = self.text();
        if self.chance(50) {
            text.push('\n');
        }
        let pad = " ".repeat(indent + 1 + self.below(3));
        for line in text.split('\n') {
            out.push('\n');
            if !line.is_empty() || self.chance(20) {
                out.push_str(&pad);
                if self.chance(10) {
                    out.push_str(self.pick(&[" ", "  ", "\t"]));
                }
            }
            out.push_str(line);
        }
    }

    fn flow(&mut self, out: &mut String, depth: usize) {
        let space = self.pick(&["", " ", "\n   "]);
        match self.below(if depth == 0 { 1 } else { 4 }) {
            0 => {
                let text = self.pick(&[
                    "a", "1", "yes", "'q, r'", "\"d\"", "*x", "&y b", "~", "", "a b", "a:b", "http://x",
                    "-1", "?a", "!!str 1",
                ]);
                out.push_str(text);
            }
            1 | 2 => {
                out.push('{');
                out.push_str(space);
                for index in 0..self.below(4) {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    out.push_str(self.pick(&[
                        "a: ", "\"b\": ", "'c':", "\"d\":", "e", "? f : ", "1: ", ": ", "<<: ", "g:",
                    ]));
                    self.flow(out, depth - 1);
                }
                out.push_str(space);
                out.push('}');
            }
            _ => {
                out.push('[');
                out.push_str(space);
                for index in 0..self.below(4) {
                    if index > 0 {
                        out.push_str(self.pick(&[", ", ",", " , ", ",\n  "]));
                    }
                    if self.chance(15) {
                        out.push_str(self.pick(&["a: ", "? ", "\"q\": "]));
                    }
                    self.flow(out, depth - 1);
                }
                if self.chance(10) {
                    out.push(',');
                }
                out.push_str(space);
                out.push(']');
            }
        }
    }
}
