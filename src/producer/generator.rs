//! The events of a slice, in the order in which they are to be sent.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::dataset::{Form, Source};
use super::dirt::{DirtClass, Fate, Fates, break_value};
use super::id::Id;
use super::manifest::Tally;
use super::timeline::{Slot, Timeline, Walk};
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
    /// What is wrong with it.
    pub dirt: Option<DirtClass>,
}

/// Makes the events of a slice.
///
/// Events that are to be sent later than in their turn wait as two numbers each: since every event can be made at any
/// time, none is kept. A slice has what is due between its borders, also of events whose turn was in another.
#[derive(Clone, Debug)]
pub struct Generator {
    recipe: Recipe,
    source: Source,
    timeline: Arc<Timeline>,
    fates: Option<Fates>,
    walk: Walk,
    /// The number of the window's first event.
    first: u64,
    /// The index in the window of the event whose turn is next.
    index: u64,
    /// The index before which the slice ends.
    end: u64,
    waiting: BinaryHeap<Reverse<Waiting>>,
    tally: Tally,
}

/// An event to be sent after that of index `due`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: u64,
    index: u64,
}

impl Generator {
    pub(super) fn new(recipe: &Recipe) -> Self {
        let timeline = recipe.timeline();
        let ordinals = timeline.ordinals(&recipe.window);
        let events = ordinals.end - ordinals.start;
        let part = recipe.slice.part(events);
        let source = Source::new(recipe, &timeline);
        let mut generator = Self {
            tally: Tally::new(source.units().len()),
            source,
            fates: recipe.fates(events),
            walk: Walk::new(Arc::clone(&timeline), ordinals.start + part.start),
            timeline,
            first: ordinals.start,
            index: part.start,
            end: part.end,
            waiting: BinaryHeap::new(),
            recipe: recipe.clone(),
        };
        generator.wait_for_earlier();
        generator
    }

    /// Takes over the events of slices before that are due in this one.
    fn wait_for_earlier(&mut self) {
        let Some(fates) = &mut self.fates else { return };
        let from = self.index.saturating_sub(fates.farthest());
        let mut walk = Walk::new(Arc::clone(&self.timeline), self.first + from);
        for index in from..self.index {
            let slot = walk.next_slot();
            let fate = fates.of(index, &slot);
            let due = index + fate.behind;
            if fate.behind == 0 || !(self.index..self.end).contains(&due) {
                continue;
            }
            self.waiting.push(Reverse(Waiting { due, index }));
            if fate.class != Some(DirtClass::Duplicate) {
                self.tally.id(slot.id);
            }
        }
    }

    /// How many events there still are in the slice, duplicates left out.
    pub(super) fn left(&self) -> u64 {
        let mut count = self.end - self.index;
        let Some(mut fates) = self.fates.clone() else { return count };
        let farthest = fates.farthest();
        let moved = |fate: &Fate| fate.behind > 0 && fate.class != Some(DirtClass::Duplicate);
        for Reverse(waiting) in &self.waiting {
            count +=
                u64::from(moved(&fates.of(waiting.index, &self.timeline.slot(self.first + waiting.index))));
        }
        let from = self.end.saturating_sub(farthest).max(self.index);
        let mut walk = Walk::new(Arc::clone(&self.timeline), self.first + from);
        for index in from..self.end {
            let fate = fates.of(index, &walk.next_slot());
            count -= u64::from(moved(&fate) && index + fate.behind >= self.end);
        }
        count
    }

    /// Fills the record with the next event; `false` at the end.
    pub fn next(&mut self, record: &mut Record) -> bool {
        loop {
            if let Some(Reverse(waiting)) = self.waiting.peek().copied()
                && waiting.due < self.index
            {
                self.waiting.pop();
                self.send_late(waiting.index, record);
                return true;
            }
            if self.index == self.end {
                return false;
            }
            let index = self.index;
            self.index += 1;
            let slot = self.walk.next_slot();
            let fate = self.fates.as_mut().map_or_else(Fate::default, |fates| fates.of(index, &slot));
            let is_double = fate.class == Some(DirtClass::Duplicate);
            let due = index + fate.behind;
            if fate.behind > 0 && due < self.end {
                self.waiting.push(Reverse(Waiting { due, index }));
            }
            if fate.behind > 0 && !is_double {
                if due < self.end {
                    self.tally.id(slot.id);
                }
                continue;
            }
            if fate.class != Some(DirtClass::Malformed) {
                self.tally.id(slot.id);
            }
            let amount = self.write(&slot, &fate, record);
            self.tally.event(&fate, amount);
            if is_double {
                record.dirt = fate.changed.then_some(DirtClass::SchemaChange);
            }
            return true;
        }
    }

    /// Fills the record with an event whose turn has passed.
    fn send_late(&mut self, index: u64, record: &mut Record) {
        let slot = self.timeline.slot(self.first + index);
        let fate = self.fates.as_mut().map_or_else(Fate::default, |fates| fates.of(index, &slot));
        let amount = self.write(&slot, &fate, record);
        if fate.class == Some(DirtClass::Duplicate) {
            self.tally.double();
        } else {
            self.tally.event(&fate, amount);
        }
    }

    fn write(&mut self, slot: &Slot, fate: &Fate, record: &mut Record) -> Option<(usize, i64)> {
        record.key.clear();
        record.value.clear();
        record.time = slot.time;
        record.id = slot.id;
        record.dirt = fate.class.or(fate.changed.then_some(DirtClass::SchemaChange));
        let form = Form {
            format: self.recipe.format,
            nulls: fate.class == Some(DirtClass::Nulls),
            changed: fate.changed,
        };
        let amount = self.source.write(slot, form, record);
        if fate.class == Some(DirtClass::Malformed) {
            break_value(&mut record.value, self.recipe.format, fate.chance);
        }
        amount
    }

    /// What has been made so far; at the end, what the slice holds. Sinks add the offsets.
    pub fn manifest(&self) -> WindowManifest {
        self.tally.manifest(&self.recipe, &self.source.units())
    }
}
