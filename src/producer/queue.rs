//! Which event is sent when: late ones, doubles and slices.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::Recipe;
use super::dirt::{DirtClass, Fate, Fates};
use super::id::Id;
use super::timeline::{Slot, Timeline, Walk};

/// An event that is sent now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub slot: Slot,
    pub fate: Fate,
    /// Whether it was sent before.
    pub again: bool,
}

/// The events of a slice in the order in which they are sent.
///
/// Events to be sent later than in their turn wait as two numbers each: since every event can be made at any time, none is
/// kept. A slice has what is due between its borders, also of events whose turn was in another slice.
#[derive(Clone, Debug)]
pub(super) struct Queue {
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
}

/// An event to be sent after that of index `due`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: u64,
    index: u64,
}

/// Whether the event itself is sent later, and not only a double of it.
fn is_moved(fate: &Fate) -> bool {
    fate.behind > 0 && fate.class != Some(DirtClass::Duplicate)
}

impl Queue {
    /// Takes over the events of slices before that are due in this one; their ids go to `id`.
    pub fn new(recipe: &Recipe, timeline: &Arc<Timeline>, mut id: impl FnMut(Id)) -> Self {
        let ordinals = timeline.ordinals(&recipe.window);
        let events = ordinals.end - ordinals.start;
        let part = recipe.slice.part(events);
        let mut queue = Self {
            timeline: Arc::clone(timeline),
            fates: Fates::new(recipe.dirt(), recipe.seed, recipe.dataset.name(), events),
            walk: Walk::new(Arc::clone(timeline), ordinals.start + part.start),
            first: ordinals.start,
            index: part.start,
            end: part.end,
            waiting: BinaryHeap::new(),
        };
        let Some(fates) = &mut queue.fates else { return queue };
        let from = part.start.saturating_sub(fates.farthest());
        let mut walk = Walk::new(Arc::clone(timeline), ordinals.start + from);
        for index in from..part.start {
            let slot = walk.next_slot();
            let fate = fates.of(index, &slot);
            let due = index + fate.behind;
            if fate.behind > 0 && part.contains(&due) {
                queue.waiting.push(Reverse(Waiting { due, index }));
                if is_moved(&fate) {
                    id(slot.id);
                }
            }
        }
        queue
    }

    /// How many events are still to be sent, doubles left out.
    pub fn left(&self) -> u64 {
        let mut count = self.end - self.index;
        let Some(mut fates) = self.fates.clone() else { return count };
        for Reverse(waiting) in &self.waiting {
            let slot = self.timeline.slot(self.first + waiting.index);
            count += u64::from(is_moved(&fates.of(waiting.index, &slot)));
        }
        let from = self.end.saturating_sub(fates.farthest()).max(self.index);
        let mut walk = Walk::new(Arc::clone(&self.timeline), self.first + from);
        for index in from..self.end {
            let fate = fates.of(index, &walk.next_slot());
            count -= u64::from(is_moved(&fate) && index + fate.behind >= self.end);
        }
        count
    }

    /// The next event to send. The ids that a reader will find go to `id`, in their order and perhaps before their events.
    #[inline]
    pub fn next(&mut self, mut id: impl FnMut(Id)) -> Option<Turn> {
        let Some(fates) = &mut self.fates else {
            // Nothing ever happens: events come one after the other.
            if self.index == self.end {
                return None;
            }
            self.index += 1;
            let slot = self.walk.next_slot();
            id(slot.id);
            return Some(Turn { slot, fate: Fate::default(), again: false });
        };
        loop {
            if let Some(Reverse(Waiting { due, index })) = self.waiting.peek().copied()
                && due < self.index
            {
                self.waiting.pop();
                let slot = self.timeline.slot(self.first + index);
                let fate = fates.of(index, &slot);
                return Some(Turn { slot, fate, again: !is_moved(&fate) });
            }
            if self.index == self.end {
                return None;
            }
            let index = self.index;
            self.index += 1;
            let slot = self.walk.next_slot();
            let fate = fates.of(index, &slot);
            let due = index + fate.behind;
            let is_here = due < self.end;
            if fate.behind > 0 && is_here {
                self.waiting.push(Reverse(Waiting { due, index }));
            }
            let moved = is_moved(&fate);
            if fate.class != Some(DirtClass::Malformed) && (is_here || !moved) {
                id(slot.id);
            }
            if !moved {
                return Some(Turn { slot, fate, again: false });
            }
        }
    }
}
