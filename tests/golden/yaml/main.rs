//! Our YAML against answers recorded from the libraries that Helm uses; see `fuzz.rs` for how to record them.

use serde_json::Value as Json;

mod case;

use case::{Case, same};

const CASES: &str = include_str!("cases.jsonl");

#[test]
fn yaml_is_read_and_written_as_helms_libraries_do() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in CASES.lines() {
        let mut answer: Json = serde_json::from_str(line).unwrap();
        let fields = answer.as_object_mut().unwrap();
        let case = match (fields.remove("read"), fields.remove("write")) {
            (Some(Json::String(text)), None) => Case::Read(text),
            (None, Some(value)) => Case::Write(value),
            other => panic!("not a case: {other:?}"),
        };
        count += 1;
        let ours = case.ours();
        if !same(&case, &answer, &ours) {
            wrong.push(format!("{}\n  theirs {answer}\n  ours   {ours}", case.request()));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 300, "only {count} cases were recorded");
}
