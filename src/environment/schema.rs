//! JSON Schemas, generated from the types.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::Environment;

/// The JSON Schema of an environment's file, for editors and for [`super::load`].
pub fn json_schema() -> Value {
    let mut schema = of::<Environment>();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), json!("Mooring environment"));
    }
    schema
}

/// The schema of a type in the form that a CustomResourceDefinition takes ("structural"): no references, no
/// `additionalProperties: false` beside properties, choices as `enum`.
pub fn structural_schema<T: JsonSchema>() -> Value {
    let mut schema = Schema::try_from(of::<T>()).unwrap_or_default();
    Structural.transform(&mut schema);
    schema.remove("$schema");
    schema.remove("title");
    schema.to_value()
}

fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(NoNull);
    settings.into_generator().into_root_schema_for::<T>().to_value()
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

#[derive(Clone, Debug)]
struct Structural;

impl Transform for Structural {
    fn transform(&mut self, schema: &mut Schema) {
        let open = schema.get("additionalProperties") == Some(&Value::Bool(true));
        if schema.get("additionalProperties").is_some_and(Value::is_boolean) {
            schema.remove("additionalProperties");
        }
        if open {
            schema.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
        }
        if let Some(Value::Array(choices)) = schema.remove("oneOf") {
            let words: Vec<Value> =
                choices.iter().filter_map(|choice| choice.get("const").cloned()).collect();
            schema.insert("type".to_owned(), json!("string"));
            schema.insert("enum".to_owned(), Value::Array(words));
        }
        // The API server knows these formats only for other lengths, and warns about them.
        if schema.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
            schema.remove("format");
        }
        transform_subschemas(self, schema);
    }
}
