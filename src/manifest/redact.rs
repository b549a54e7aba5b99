//! How values get into reports and error texts: never those of Secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use super::key::GroupKind;
use super::path::{FieldPath, PathElement};
use super::secret::{SecretKey, Shown};

/// Whether objects of this kind hold data that must not be seen.
pub fn is_secret(kind: &GroupKind) -> bool {
    kind.kind == "Secret" && kind.group.is_empty()
}

/// The value at `path` of an object of this kind as a report may show it.
fn shown(kind: &GroupKind, path: &FieldPath, value: Option<&Value>, key: &SecretKey) -> Shown {
    let secret_field = match path.0.first() {
        Some(PathElement::Field(name)) => matches!(name.as_str(), "data" | "stringData"),
        // The whole object.
        None => true,
        _ => false,
    };
    let copy = path.0.last()
        == Some(&PathElement::Field("kubectl.kubernetes.io/last-applied-configuration".to_owned()));
    let annotations = *path == FieldPath::of_fields(["metadata", "annotations"]);
    if is_secret(kind) && (secret_field || copy || annotations) {
        Shown::secret(value, key)
    } else {
        Shown::plain(value)
    }
}

/// The same of two objects that differ at `path`; of long texts the part that differs.
pub(super) fn shown_pair(
    kind: &GroupKind,
    path: &FieldPath,
    values: (Option<&Value>, Option<&Value>),
    key: &SecretKey,
) -> (Shown, Shown) {
    let (one, other) = (shown(kind, path, values.0, key), shown(kind, path, values.1, key));
    match (&one, &other) {
        (Shown::Value(_), Shown::Value(_)) => Shown::pair(values.0, values.1),
        _ => (one, other),
    }
}

/// Replaces each value of a Secret by its keyed digest, and kubectl's copy of the whole object too.
pub(super) fn mask(secret: &mut Value, key: &SecretKey) {
    for field in ["data", "stringData"] {
        for value in
            secret.get_mut(field).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
        {
            *value = Value::String(Shown::secret(Some(value), key).to_string());
        }
    }
    if let Some(copy) = secret.pointer_mut(LAST_APPLIED) {
        *copy = Value::String(Shown::secret(Some(copy), key).to_string());
    }
}

/// Where kubectl keeps a copy of the whole object, data included.
const LAST_APPLIED: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// Takes every secret value of `object` out of a text that comes from elsewhere: plain, in base64, and as JSON.
pub(super) fn scrub(text: &str, object: &Value) -> String {
    if object.get("kind").and_then(Value::as_str) != Some("Secret") {
        return text.to_owned();
    }
    let data = object.get("data").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let mut secrets: Vec<String> = Vec::new();
    for encoded in data.filter_map(Value::as_str) {
        secrets.push(encoded.to_owned());
        if let Some(plain) = BASE64.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            let escaped = Value::String(plain.clone()).to_string();
            secrets.push(escaped.trim_matches('"').to_owned());
            secrets.push(plain);
        }
    }
    // One or two letters would blacken the whole text and hide nothing.
    secrets.retain(|secret| secret.len() > 2);
    // A secret may be part of another one: the longer goes first, or the rest of it would stay.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |clean, secret| clean.replace(secret, "***"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret() -> Value {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "data": {"a": "aHVudGVyMg==", "b": "eA==", "c": "aHVudGVy", "d": "YSJi"}})
    }

    #[test]
    fn a_secret_s_data_is_masked_wherever_it_is_shown() {
        let key = SecretKey::new([3; 32]);
        let kind = GroupKind::new("", "Secret");
        let show = |path: &FieldPath| shown(&kind, path, path.get(&secret()), &key);
        let data = FieldPath::of_fields(["data"]);
        for path in [data.join(PathElement::Field("a".into())), data, FieldPath::default()] {
            let masked = show(&path);
            assert!(!format!("{masked:?}{masked}").contains("aHVudGVyMg"), "{path}");
        }
        assert_eq!(show(&FieldPath::of_fields(["metadata", "name"])).to_string(), "s");
    }

    #[test]
    fn two_values_of_a_secret_are_shown_as_two_digests() {
        let key = SecretKey::new([3; 32]);
        let path = FieldPath::of_fields(["data", "a"]);
        let (old, new) = (json!("aHVudGVyMg=="), json!("aHVudGVyMw=="));
        let kind = GroupKind::new("", "Secret");
        let (one, other) = shown_pair(&kind, &path, (Some(&old), Some(&new)), &key);
        assert!(matches!((&one, &other), (Shown::Secret(_), Shown::Secret(_))) && one != other);
        let kind = GroupKind::new("", "ConfigMap");
        let (one, _) = shown_pair(&kind, &path, (Some(&old), Some(&new)), &key);
        assert_eq!(one, Shown::Value(old));
    }

    #[test]
    fn an_error_text_is_cleaned_of_secrets_in_each_form() {
        let text = "invalid value: \"hunter2\" (aHVudGVyMg==), \"a\\\"b\", x";
        assert_eq!(scrub(text, &secret()), "invalid value: \"***\" (***), \"***\", x");
        let map = json!({"kind": "ConfigMap", "data": {"a": "hunter2"}});
        assert_eq!(scrub("hunter2", &map), "hunter2");
    }
}
