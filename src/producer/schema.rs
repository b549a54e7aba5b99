//! What events look like, for those who read them: JSON Schema and Avro.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::avro::fingerprint;

/// The schema of a dataset's events.
#[derive(Clone, Debug)]
pub struct Schema {
    pub(super) name: String,
    pub(super) doc: Cow<'static, str>,
    pub(super) fields: Vec<Field>,
    /// The field that a change of the schema adds, if it can change.
    pub(super) added: Option<Field>,
}

/// A field of an event.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub name: Cow<'static, str>,
    pub kind: Kind,
    pub doc: Cow<'static, str>,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Id,
    Text,
    Long,
    Boolean,
    Time,
    MaybeText,
    MaybeLong,
    MaybeBoolean,
    MaybeTime,
    List(Vec<Field>),
}

/// A field of a schema that is part of this program.
pub(super) const fn field(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name: Cow::Borrowed(name), kind, doc: Cow::Borrowed(doc) }
}

impl Schema {
    /// The JSON Schema (2020-12) of an event, before or after the field was added.
    pub fn json_schema(&self, changed: bool) -> Value {
        let mut schema = object(self.all(changed));
        schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".to_owned(), json!(self.name));
        schema.insert("description".to_owned(), json!(self.doc));
        schema.into()
    }

    /// The Avro schema of an event, before or after the field was added. The newer one reads what the older one wrote.
    pub fn avro_schema(&self, changed: bool) -> Value {
        json!({
            "type": "record",
            "name": self.avro_name(),
            "namespace": NAMESPACE,
            "doc": self.doc,
            "fields": self.all(changed).map(avro_field).collect::<Vec<_>>(),
        })
    }

    /// The Avro schema's fingerprint (CRC-64-AVRO), which every event in Avro begins with, after the bytes C3 01.
    pub fn avro_fingerprint(&self, changed: bool) -> u64 {
        fingerprint(&canonical_record(&format!("{NAMESPACE}.{}", self.avro_name()), self.all(changed)))
    }

    /// Whether there is a newer form, with one field more.
    pub fn changes(&self) -> bool {
        self.added.is_some()
    }

    fn all(&self, changed: bool) -> impl Iterator<Item = &Field> {
        self.fields.iter().chain(self.added.as_ref().filter(|_| changed))
    }

    /// Avro's names have no hyphens.
    fn avro_name(&self) -> String {
        self.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
    }
}

const NAMESPACE: &str = "mooring";

/// What events in Avro begin with, before and after the schema changed.
#[derive(Clone, Debug)]
pub(super) struct Fingerprints([[u8; 10]; 2]);

impl Fingerprints {
    pub fn new(schema: &Schema) -> Self {
        Self([false, true].map(|changed| {
            // Avro's single-object encoding.
            let mut header = [0xc3, 1, 0, 0, 0, 0, 0, 0, 0, 0];
            header[2..].copy_from_slice(&schema.avro_fingerprint(changed).to_le_bytes());
            header
        }))
    }

    pub fn header(&self, changed: bool) -> &[u8] {
        &self.0[usize::from(changed)]
    }
}

fn object<'f>(fields: impl Iterator<Item = &'f Field>) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let mut schema = match &field.kind {
            Kind::Id => json!({ "type": "string", "format": "uuid" }),
            Kind::Text => json!({ "type": "string" }),
            Kind::Long => json!({ "type": "integer" }),
            Kind::Boolean => json!({ "type": "boolean" }),
            Kind::Time => json!({ "type": "string", "format": "date-time" }),
            Kind::MaybeText => json!({ "type": ["string", "null"] }),
            Kind::MaybeLong => json!({ "type": ["integer", "null"] }),
            Kind::MaybeBoolean => json!({ "type": ["boolean", "null"] }),
            Kind::MaybeTime => json!({ "type": ["string", "null"], "format": "date-time" }),
            Kind::List(fields) => json!({ "type": "array", "items": object(fields.iter()) }),
        };
        schema["description"] = json!(field.doc);
        properties.insert(field.name.to_string(), schema);
        required.push(json!(field.name));
    }
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("required".to_owned(), required.into());
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}

fn avro_field(field: &Field) -> Value {
    let kind = match &field.kind {
        Kind::Id => json!({ "type": "string", "logicalType": "uuid" }),
        Kind::Text => json!("string"),
        Kind::Long => json!("long"),
        Kind::Boolean => json!("boolean"),
        Kind::Time => json!({ "type": "long", "logicalType": "timestamp-millis" }),
        Kind::MaybeText => json!(["null", "string"]),
        Kind::MaybeLong => json!(["null", "long"]),
        Kind::MaybeBoolean => json!(["null", "boolean"]),
        Kind::MaybeTime => json!(["null", { "type": "long", "logicalType": "timestamp-millis" }]),
        Kind::List(fields) => json!({
            "type": "array",
            "items": {
                "type": "record",
                "name": item_name(field),
                "namespace": NAMESPACE,
                "fields": fields.iter().map(avro_field).collect::<Vec<_>>(),
            },
        }),
    };
    let mut schema = json!({ "name": field.name, "type": kind, "doc": field.doc });
    if matches!(field.kind, Kind::MaybeText | Kind::MaybeLong | Kind::MaybeBoolean | Kind::MaybeTime) {
        schema["default"] = Value::Null;
    }
    schema
}

fn item_name(field: &Field) -> String {
    format!("{}_item", field.name)
}

/// Avro's parsing canonical form: what matters for reading, in a fixed order and without blanks.
fn canonical_record<'f>(name: &str, fields: impl Iterator<Item = &'f Field>) -> String {
    let fields: Vec<String> = fields
        .map(|field| {
            let kind = match &field.kind {
                Kind::Id | Kind::Text => "\"string\"".to_owned(),
                Kind::Long | Kind::Time => "\"long\"".to_owned(),
                Kind::Boolean => "\"boolean\"".to_owned(),
                Kind::MaybeText => "[\"null\",\"string\"]".to_owned(),
                Kind::MaybeLong | Kind::MaybeTime => "[\"null\",\"long\"]".to_owned(),
                Kind::MaybeBoolean => "[\"null\",\"boolean\"]".to_owned(),
                Kind::List(fields) => {
                    let item = canonical_record(&format!("{NAMESPACE}.{}", item_name(field)), fields.iter());
                    format!("{{\"type\":\"array\",\"items\":{item}}}")
                }
            };
            format!("{{\"name\":\"{}\",\"type\":{kind}}}", field.name)
        })
        .collect();
    format!("{{\"name\":\"{name}\",\"type\":\"record\",\"fields\":[{}]}}", fields.join(","))
}
