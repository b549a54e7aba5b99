//! The grammar of flags that set values: mostly wrong.

use crate::generate::Generator;
use crate::node;
use crate::tree::Tree;

impl Generator {
    /// A flag that sets a value, with its text.
    pub(crate) fn any_flag(&mut self) -> (&'static str, Tree) {
        match self.random.below(10) {
            0 | 1 => ("--set-string", self.flag()),
            2 => ("--set-literal", self.flag()),
            3 => ("--set-json", node![self.key(), "=", self.json_value()]),
            _ => ("--set", self.flag()),
        }
    }

    fn json_value(&mut self) -> Tree {
        (*self.random.pick(&[
            "1",
            "null",
            "\"x\"",
            "[1, {\"a\": null}]",
            "{\"a\": {\"b\": 1.0}}",
            "{\"a\": 1} trailing",
            "1,a=2",
            "{bad",
            "",
            "true,",
            "12345678901234567890",
            "\"\\u00e9\\n\"",
            "[]",
            "-0",
            "1e2",
        ]))
        .into()
    }

    /// A text after `--set`.
    fn flag(&mut self) -> Tree {
        let count = 1 + self.random.below(2);
        let mut parts = Vec::new();
        for number in 0..count {
            let comma = if number > 0 { "," } else { "" };
            parts.push(node![comma, self.key(), "=", self.flag_value()]);
        }
        if self.random.percent(10) {
            parts.push((*self.random.pick(&[",", "=", ".", "[", "a", "{", "\\"])).into());
        }
        Tree::Node(parts)
    }

    fn key(&mut self) -> Tree {
        let mut parts = vec![Tree::from(
            *self.random.pick(&["a", "text", "deep", "list", "words", "a\\.b", "", "x y", "number", "none"]),
        )];
        while self.random.percent(45) {
            let more = *self.random.pick(&[
                ".a", ".b", "[0]", "[1]", "[2]", "[x]", "[-1]", ".", "[0", ".text", ".c\\,d", "[0][1]",
                "[70000]",
            ]);
            parts.push(node![more]);
        }
        Tree::Node(parts)
    }

    fn flag_value(&mut self) -> Tree {
        let plain = &[
            "1",
            "x",
            "true",
            "null",
            "",
            "1.5",
            "007",
            "1e3",
            "a b",
            "\\,",
            "x\\,y",
            "{a,b}",
            "{}",
            "{1,{2}}",
            "{a,b",
            "a=b",
            "\"q\"",
            "-1",
            "0",
            "False",
            "9223372036854775808",
            "{a\\,b,null,true}",
            "[1]",
            "\\\\",
            "ü",
            "{ }",
        ];
        (*self.random.pick(plain)).into()
    }
}
