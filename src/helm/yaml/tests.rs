//! Reading, rule by rule; `tests/golden/yaml` holds the whole against go-yaml.

use std::fmt::Write;

use super::*;

fn read(text: &str) -> serde_json::Value {
    parse(text, &YamlLimits::default()).unwrap().to_json()
}

fn refusal(text: &str, limits: YamlLimits) -> String {
    parse(text, &limits).unwrap_err().to_string()
}

#[test]
fn words_of_yaml_1_1_are_booleans_and_keys_become_text() {
    assert_eq!(
        read("{a: yes, b: On, y: n, 1: x, 1.50: z}"),
        serde_json::json!({
            "a": true, "b": true, "true": false, "1": "x", "1.5": "z"
        })
    );
}

#[test]
fn of_a_key_that_stands_twice_the_last_value_counts() {
    let text = "a: 1\nb: 2\na: 3\n";
    assert_eq!(read(text), serde_json::json!({"a": 3, "b": 2}));
    let (documents, doubles) = parse_strictly(text, &YamlLimits::default()).unwrap();
    assert_eq!(documents.len(), 1);
    assert_eq!((doubles[0].key.mark.line, doubles[0].first.line), (3, 1));
}

#[test]
fn of_many_keys_that_stand_twice_the_last_value_counts() {
    let lines: Vec<String> = (0..40).map(|at| format!("k{}: {at}", at % 20)).collect();
    let text = lines.join("\n");
    let node = parse(&text, &YamlLimits::default()).unwrap();
    let Content::Map(entries) = &node.content else { panic!("not a mapping") };
    assert_eq!(entries.len(), 20);
    assert_eq!(node.get("k7").unwrap().content, Content::Int(27));
}

#[test]
fn a_merge_overrides_what_stands_before_it_as_in_go_yaml_v2() {
    assert_eq!(read("x: &x {b: 1}\nz: {b: 2, <<: *x}\n")["z"], serde_json::json!({"b": 1}));
    assert_eq!(read("x: &x {b: 1}\nz: {<<: *x, b: 2}\n")["z"], serde_json::json!({"b": 2}));
}

#[test]
fn a_document_of_aliases_of_aliases_is_refused_before_it_grows() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{inner}]").unwrap();
    }
    assert_eq!(refusal(&text, YamlLimits::default()), "yaml: document contains excessive aliasing");
    let strict = YamlLimits { nodes: 50, ..YamlLimits::default() };
    assert!(refusal(&text, strict).contains("more than 50 values"));
}

#[test]
fn depth_and_size_are_bounded() {
    let limits = YamlLimits { bytes: 100, depth: 10, nodes: 1000 };
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(parse(&nested(10), &limits).is_ok());
    assert!(refusal(&nested(11), limits).contains("more than 10 collections inside each other"));
    assert!(refusal(&"a".repeat(101), limits).contains("101 bytes"));
    assert!(refusal(&nested(200_000), YamlLimits::default()).contains("more than 500 collections"));
}

#[test]
fn errors_have_go_yamls_line_and_an_exact_mark() {
    let error = parse("a: 1\nb:\n  c: 2\n d: 3\n", &YamlLimits::default()).unwrap_err();
    assert_eq!(error.to_string(), "yaml: line 3: did not find expected key");
    assert_eq!((error.mark.line, error.mark.column), (4, 2));
}

#[test]
fn nodes_and_keys_know_where_they_stand() {
    let text = "é: [1, two]\nb:\n  c: 3\n";
    let node = parse(text, &YamlLimits::default()).unwrap();
    let two = node.find(&["é", "1"]).unwrap().mark;
    assert_eq!((two.line, two.column, two.offset), (1, 8, 8));
    let c = node.locate(&["b", "c"]).unwrap();
    assert_eq!((c.line, c.column, &text[usize::try_from(c.offset).unwrap()..][..4]), (3, 3, "c: 3"));
    assert_eq!(node.locate(&["b", "nothing"]), None);
}

#[test]
fn all_documents_of_a_stream_are_read() {
    let documents = parse_documents("a: 1\n---\n---\n- b\n...\n", &YamlLimits::default()).unwrap();
    let json: Vec<_> = documents.iter().map(Node::to_json).collect();
    assert_eq!(serde_json::Value::from(json), serde_json::json!([{"a": 1}, null, ["b"]]));
}
