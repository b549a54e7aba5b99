//! The records of a slice.

use super::dataset::{Form, Source};
use super::dirt::{DirtClass, break_value};
use super::id::Id;
use super::manifest::Tally;
use super::queue::Queue;
use super::{Recipe, WindowManifest};

/// An event to send. One is filled again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The key: of what the event is, so that its partition keeps the order.
    pub key: Vec<u8>,
    /// The event in its format.
    pub value: Vec<u8>,
    /// When it happened, in milliseconds since 1970.
    pub time: i64,
    /// Its id.
    pub id: Id,
    /// What is wrong with it. Of a pair of duplicates, only the second one is named.
    pub dirt: Option<DirtClass>,
}

/// Makes the records of a slice, in the order in which they are to be sent.
#[derive(Clone, Debug)]
pub struct Generator {
    recipe: Recipe,
    source: Source,
    queue: Queue,
    tally: Tally,
}

impl Generator {
    pub(super) fn new(recipe: &Recipe) -> Self {
        let timeline = recipe.timeline();
        let source = Source::new(recipe, &timeline);
        let mut tally = Tally::new(source.units().len());
        let queue = Queue::new(recipe, &timeline, |id| tally.id(id));
        Self { recipe: recipe.clone(), source, queue, tally }
    }

    /// Fills the record with the next event; `false` at the end.
    pub fn next(&mut self, record: &mut Record) -> bool {
        let Self { recipe, source, queue, tally } = self;
        let Some(turn) = queue.next(|id| tally.id(id)) else { return false };
        let fate = turn.fate;
        // The first of two is as clean as any.
        let class = fate.class.filter(|class| *class != DirtClass::Duplicate || turn.again);
        record.key.clear();
        record.value.clear();
        record.time = turn.slot.time;
        record.id = turn.slot.id;
        record.dirt = class.or(fate.changed.then_some(DirtClass::SchemaChange));
        let form = Form {
            format: recipe.format,
            nulls: fate.class == Some(DirtClass::Nulls),
            changed: fate.changed,
        };
        let amount = source.write(&turn.slot, form, record);
        if fate.class == Some(DirtClass::Malformed) {
            break_value(&mut record.value, recipe.format, fate.chance);
        }
        if turn.again {
            tally.double();
        } else {
            tally.event(&fate, amount);
        }
        true
    }

    /// What has been made so far; at the end, what the slice holds. Sinks add the offsets.
    ///
    /// Before the end, ids are counted that are still to come: those of late events whose turn has passed.
    pub fn manifest(&self) -> WindowManifest {
        self.tally.manifest(&self.recipe, &self.source.units())
    }
}
