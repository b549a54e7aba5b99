//! The JSON Schema, generated from the types.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::Environment;

/// The JSON Schema of an environment's file, for editors and for [`super::load()`].
pub fn json_schema() -> Value {
    schema_of::<Environment>("Mooring environment")
}

/// The JSON Schema of a file that the type describes.
pub(crate) fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(NoNull);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), json!(title));
    }
    schema
}

/// Nothing may be `null`: what is not wanted is left out.
#[derive(Clone, Debug)]
struct NoNull;

impl Transform for NoNull {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = &types[..] {
                let only = only.clone();
                schema.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(mut choices)) = schema.remove("anyOf") {
            choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
            match (choices.len(), choices.pop()) {
                (1, Some(Value::Object(only))) => {
                    for (key, value) in only {
                        schema.ensure_object().entry(key).or_insert(value);
                    }
                }
                (_, last) => {
                    choices.extend(last);
                    schema.insert("anyOf".to_owned(), Value::Array(choices));
                }
            }
        }
        if schema.get("default").is_some_and(Value::is_null) {
            schema.remove("default");
        }
        transform_subschemas(self, schema);
    }
}
