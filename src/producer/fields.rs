//! What an event consists of, whatever it is written as.

use super::avro::Avro;
use super::dataset::Form;
use super::id::Id;
use super::json::Json;
use super::schema::Fingerprints;
use super::{Format, Record};

/// Takes the fields of an event, in the order of its schema. Those that may be missing are left out in a storm of nulls.
pub(super) trait Fields {
    fn id(&mut self, name: &str, id: Id);
    /// Text that needs no escapes in JSON.
    fn text(&mut self, name: &str, text: &str);
    /// Any text.
    fn words(&mut self, name: &str, text: &str);
    fn long(&mut self, name: &str, number: i64);
    fn boolean(&mut self, name: &str, yes: bool);
    /// Milliseconds since 1970.
    fn time(&mut self, name: &str, milliseconds: i64);
    /// Any text, or none.
    fn maybe_text(&mut self, name: &str, text: Option<&str>);
    fn maybe_long(&mut self, name: &str, number: Option<i64>);
    fn maybe_boolean(&mut self, name: &str, yes: Option<bool>);
    fn maybe_time(&mut self, name: &str, milliseconds: Option<i64>);
    fn list<T>(&mut self, name: &str, items: &[T], item: impl FnMut(&mut Self, &T));
}

/// An event that knows its fields.
pub(super) trait Event {
    /// Hands out the fields; `changed` asks for the one that was added too.
    fn fields<F: Fields>(&self, changed: bool, to: &mut F);
}

/// Writes an event in its format.
#[inline]
pub(super) fn encode(event: &impl Event, form: Form, fingerprints: &Fingerprints, record: &mut Record) {
    match form.format {
        Format::Json => {
            let mut json = Json::new(&mut record.value, form.nulls);
            event.fields(form.changed, &mut json);
            json.end();
        }
        Format::Avro => {
            record.value.extend_from_slice(fingerprints.header(form.changed));
            event.fields(form.changed, &mut Avro::new(&mut record.value, form.nulls));
        }
    }
}
