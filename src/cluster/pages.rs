//! A page of a list, read object by object: as one tree, a page of hundreds would take ten times its text.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Hands each object of a page to `each`, and returns the token of the next page; `None` on the last one.
pub fn read_page(body: &[u8], each: impl FnMut(Value)) -> serde_json::Result<Option<String>> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let token = Page(each).deserialize(&mut reader)?;
    reader.end()?;
    Ok(token.filter(|token| !token.is_empty()))
}

struct Page<F>(F);

struct Items<'f, F>(&'f mut F);

#[derive(Deserialize)]
struct ListMeta {
    #[serde(rename = "continue")]
    token: Option<String>,
}

impl<'de, F: FnMut(Value)> DeserializeSeed<'de> for Page<F> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Value)> Visitor<'de> for Page<F> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut token = None;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match &*key {
                "items" => map.next_value_seed(Items(&mut self.0))?,
                "metadata" => token = map.next_value::<ListMeta>()?.token,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(token)
    }
}

impl<'de, F: FnMut(Value)> DeserializeSeed<'de> for Items<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Value)> Visitor<'de> for Items<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the objects of a list")
    }

    /// `null` is how Go writes a list without items.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(page: &Value) -> (Vec<Value>, Option<String>) {
        let mut items = Vec::new();
        let token = read_page(page.to_string().as_bytes(), |item| items.push(item)).unwrap();
        (items, token)
    }

    #[test]
    fn each_object_of_a_page_is_handed_over_and_the_next_page_is_known() {
        let page = json!({"kind": "List", "items": [{"a": 1}, {"b": [2]}], "metadata": {"continue": "x", "resourceVersion": "5"}});
        assert_eq!(read(&page), (vec![json!({"a": 1}), json!({"b": [2]})], Some("x".to_owned())));
    }

    #[test]
    fn the_last_page_and_an_empty_one_have_no_next() {
        assert_eq!(read(&json!({"items": null, "metadata": {"continue": ""}})), (Vec::new(), None));
        assert_eq!(read(&json!({"metadata": {}})), (Vec::new(), None));
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        for text in ["[]", "{\"items\": 5}", "{\"items\": [1}", "{} {}", ""] {
            assert!(read_page(text.as_bytes(), |_| {}).is_err(), "{text}");
        }
    }
}
