//! The grammar of charts: subcharts with conditions, tags, aliases and imported values, globals, nulls, schemas.

use crate::Case;
use crate::generate::Generator;
use crate::node;
use crate::tree::Tree;

const NAMES: &[&str] = &["one", "two", "three"];

impl Generator {
    /// A chart with charts in it, of which all values are printed.
    pub fn umbrella(&mut self) -> Case {
        let version_one = self.random.percent(20);
        let mut files = Vec::new();
        let mut dependencies = Vec::new();
        for name in NAMES {
            if self.random.percent(30) {
                continue;
            }
            self.subchart(name, &mut files, self.depth);
            if self.random.percent(85) {
                dependencies.push(self.dependency(name));
            }
        }
        let listed = if dependencies.is_empty() {
            Tree::default()
        } else {
            node!["dependencies: [", Tree::Node(dependencies), "]\n"]
        };
        let about = "name: case\nversion: 1.0.0\n";
        if version_one {
            files.push(("Chart.yaml".to_owned(), node!["apiVersion: v1\n", about]));
            files.push(("requirements.yaml".to_owned(), listed));
        } else {
            files.push(("Chart.yaml".to_owned(), node!["apiVersion: v2\n", about, listed]));
        }
        if self.random.percent(25) {
            files.push(("values.schema.json".to_owned(), self.schema_file()));
        }
        let set = (0..self.random.below(4)).map(|_| ("--set", self.umbrella_flag())).collect();
        let values = self.lines(3);
        let template = node![
            "{{ toYaml .Values }}",
            node![
                "{{ range $name, $chart := .Subcharts }}{{ $name }} {{ $chart.Chart.Name }}\n{{ toYaml $chart.Values }}{{ end }}"
            ],
            node!["{{ toYaml .Chart.Dependencies }}"],
        ];
        Case { template, helpers: Tree::default(), values, files, set, helm3: false }
    }

    fn subchart(&mut self, name: &str, files: &mut Vec<(String, Tree)>, depth: usize) {
        let root = format!("charts/{name}");
        let kind = if self.random.percent(10) { "type: library\n" } else { "" };
        let mut dependencies = Tree::default();
        if depth == 0 && self.random.percent(40) {
            let mut inner = Vec::new();
            self.subchart("inner", &mut inner, 1);
            files.extend(inner.into_iter().map(|(path, text)| (format!("{root}/{path}"), text)));
            if self.random.percent(70) {
                dependencies = node!["dependencies: [", self.dependency("inner"), "]\n"];
            }
        }
        let about = format!("apiVersion: v2\nname: {name}\nversion: 1.2.3\n{kind}");
        files.push((format!("{root}/Chart.yaml"), node![about, dependencies]));
        let exports = if self.random.percent(30) {
            node!["exports: {data: ", self.table(2), ", other: ", self.table(1), "}\n"]
        } else {
            Tree::default()
        };
        files.push((format!("{root}/values.yaml"), node![self.lines(2), exports]));
        if self.random.percent(10) {
            files.push((format!("{root}/values.schema.json"), self.schema_file()));
        }
    }

    /// What a chart's list of dependencies says of one.
    fn dependency(&mut self, name: &str) -> Tree {
        let version = *self.random.pick(&["1.x", "*", "^1", "1.2.3", ">=1.0.0-0", "~1.2", "2.x"]);
        let mut fields = vec![format!("name: {name}, version: '{version}', repository: ''").into()];
        if self.random.percent(40) {
            let conditions = ["on", "enabled", "tags.front", "global.on", "nothing.here", "a", "list"];
            let first = *self.random.pick(&conditions);
            let own = if self.random.percent(60) { format!("{name}.{first}") } else { first.to_owned() };
            let more = if self.random.percent(30) {
                format!(",{}", self.random.pick(&conditions))
            } else {
                String::new()
            };
            fields.push(node![format!(", condition: '{own}{more}'")]);
        }
        if self.random.percent(30) {
            let tags = *self.random.pick(&["[front]", "[back]", "[front, back]", "[]", "[a]"]);
            fields.push(node![", tags: ", tags]);
        }
        if self.random.percent(20) {
            fields.push(node![", alias: ", *self.random.pick(&["other", "two", "renamed"])]);
        }
        if self.random.percent(30) {
            let imports = *self.random.pick(&[
                "[data]",
                "[data, other]",
                "[missing]",
                "[{child: a, parent: b}]",
                "[{child: exports.data, parent: global}]",
                "[{child: a.b, parent: a.c}, data]",
                "[{child: b, parent: .}]",
                "[{child: ., parent: here}]",
                "[{child: one, parent: one}]",
            ]);
            fields.push(node![", import-values: ", imports]);
        }
        node!["{", Tree::Node(fields), "}, "]
    }

    /// The lines of a values file.
    fn lines(&mut self, depth: usize) -> Tree {
        let mut lines = Vec::new();
        for key in ["a", "b", "global", "one", "two", "inner", "on", "enabled", "list", "tags"] {
            if self.random.percent(40) {
                let value = match key {
                    "on" | "enabled" => self.switch(),
                    "tags" => node!["{front: ", self.switch(), ", back: ", self.switch(), "}"],
                    "a" | "list" => self.umbrella_value(depth),
                    _ if self.random.percent(90) => self.table(depth),
                    _ => self.umbrella_value(depth),
                };
                lines.push(node![key, ": ", value, "\n"]);
            }
        }
        Tree::Node(lines)
    }

    fn switch(&mut self) -> Tree {
        (*self.random.pick(&["true", "false", "true", "false", "null", "'no'", "1"])).into()
    }

    fn table(&mut self, depth: usize) -> Tree {
        let mut fields = Vec::new();
        for key in ["a", "b", "c", "on", "enabled", "inner", "global", "list"] {
            if self.random.percent(25) {
                let value = if matches!(key, "on" | "enabled") {
                    self.switch()
                } else {
                    self.umbrella_value(depth.saturating_sub(1))
                };
                fields.push(node![key, ": ", value, ", "]);
            }
        }
        node!["{", Tree::Node(fields), "}"]
    }

    fn umbrella_value(&mut self, depth: usize) -> Tree {
        if depth > 0 && self.random.percent(45) {
            return self.table(depth);
        }
        (*self.random.pick(&[
            "null",
            "null",
            "1",
            "2.5",
            "x",
            "''",
            "true",
            "[1, null]",
            "[]",
            "{}",
            "[{a: 1, b: null}]",
            "1e6",
            "'7'",
        ]))
        .into()
    }

    fn umbrella_flag(&mut self) -> Tree {
        let steps = ["a", "b", "one", "two", "global", "inner", "on", "enabled", "tags", "front", "list[0]"];
        let count = 1 + self.random.below(3);
        let path: Vec<&str> = (0..count).map(|_| *self.random.pick(&steps)).collect();
        let value = *self.random.pick(&["null", "true", "false", "1", "x", "{a,b}", "", "{}", "2.50"]);
        node![format!("{}={value}", path.join("."))]
    }

    fn schema_file(&mut self) -> Tree {
        let draft = *self.random.pick(&[
            "",
            "",
            "\"$schema\": \"http://json-schema.org/draft-07/schema#\", ",
            "\"$schema\": \"http://json-schema.org/schema#\", ",
            "\"$schema\": \"http://json-schema.org/draft-04/schema#\", ",
            "\"$schema\": \"http://json-schema.org/draft-06/schema#\", ",
            "\"$schema\": \"https://json-schema.org/draft/2019-09/schema\", ",
            "\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", ",
        ]);
        node![
            "{",
            draft,
            "\"definitions\": {\"part\": ",
            self.schema(1),
            "}, \"properties\": {\"a\": ",
            self.schema(2),
            ", \"b\": ",
            self.schema(2),
            ", \"global\": ",
            self.schema(2),
            ", \"on\": ",
            self.schema(1),
            "}}"
        ]
    }

    fn schema(&mut self, depth: usize) -> Tree {
        if depth == 0 || self.random.percent(55) {
            return (*self.random.pick(&[
                "{}",
                "true",
                "{\"type\": \"string\"}",
                "{\"type\": \"integer\"}",
                "{\"type\": [\"object\", \"null\"]}",
                "{\"type\": \"boolean\", \"title\": \"t\"}",
                "{\"enum\": [\"x\", 1, null]}",
                "{\"const\": {\"a\": 1}}",
                "{\"minimum\": 2, \"maximum\": 2}",
                "{\"multipleOf\": 2}",
                "{\"pattern\": \"^[a-z]$\"}",
                "{\"minLength\": 1, \"maxLength\": 2}",
                "{\"required\": [\"a\", \"c\"]}",
                "{\"minProperties\": 2}",
                "{\"maxItems\": 1, \"uniqueItems\": true}",
                "{\"format\": \"ipv4\"}",
                "{\"$ref\": \"#/definitions/part\"}",
                "{\"$ref\": \"#/definitions/missing\"}",
                "false",
            ]))
            .into();
        }
        let inner = depth - 1;
        match self.random.below(9) {
            0 => {
                node!["{\"properties\": {\"a\": ", self.schema(inner), "}, \"additionalProperties\": false}"]
            }
            1 => node!["{\"additionalProperties\": ", self.schema(inner), "}"],
            2 => node!["{\"items\": ", self.schema(inner), "}"],
            3 => node!["{\"anyOf\": [", self.schema(inner), ", ", self.schema(inner), "]}"],
            4 => node!["{\"oneOf\": [", self.schema(inner), ", ", self.schema(inner), "]}"],
            5 => node!["{\"allOf\": [", self.schema(inner), ", ", self.schema(inner), "]}"],
            6 => node!["{\"not\": ", self.schema(inner), "}"],
            7 => node![
                "{\"if\": ",
                self.schema(inner),
                ", \"then\": ",
                self.schema(inner),
                ", \"else\": ",
                self.schema(inner),
                "}"
            ],
            _ => {
                node!["{\"patternProperties\": {\"^[ab]$\": ", self.schema(inner), "}, \"type\": \"object\"}"]
            }
        }
    }
}
