//! What a template makes up anew at each rendering, found out by rendering twice.

use serde_json::Value;

use crate::manifest::{FieldPath, PathElement};

/// The fields in which two renderings of one object differ, in the terms of the first. Fields that only one of them has
/// are named too.
pub(super) fn differences(one: &Value, two: &Value) -> Vec<FieldPath> {
    let mut found = Vec::new();
    compare(one, two, &FieldPath::default(), &mut found);
    found
}

fn compare(one: &Value, two: &Value, path: &FieldPath, found: &mut Vec<FieldPath>) {
    if one == two {
        return;
    }
    match (one, two) {
        (Value::Object(first), Value::Object(second)) => {
            for (name, value) in first {
                let path = path.join(PathElement::Field(name.clone()));
                match second.get(name) {
                    Some(other) => compare(value, other, &path, found),
                    None => found.push(path),
                }
            }
        }
        (Value::Array(first), Value::Array(second))
            if first.len() == second.len() && named_alike(first, second) =>
        {
            for (value, other) in first.iter().zip(second) {
                let key = PathElement::Key(vec![("name".to_owned(), value["name"].clone())]);
                compare(value, other, &path.join(key), found);
            }
        }
        _ => found.push(path.clone()),
    }
}

/// Whether both lists have the same items by name. Other lists are compared, and set once, as a whole.
fn named_alike(one: &[Value], two: &[Value]) -> bool {
    one.iter().zip(two).all(|(one, two)| one.get("name").is_some_and(|name| Some(name) == two.get("name")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_named() {
        let one = json!({"data": {"fixed": "a", "password": "x"}, "env": [{"name": "A", "value": "1"}], "args": ["p1"]});
        let two = json!({"data": {"fixed": "a", "password": "y"}, "env": [{"name": "A", "value": "2"}], "args": ["p2"]});
        let paths: Vec<String> = differences(&one, &two).iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["args", "data.password", "env[A].value"]);
        assert!(differences(&one, &one).is_empty());
    }
}
