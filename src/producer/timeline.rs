//! Which events there are, when they happen and what their ids are.

use std::ops::Range;
use std::sync::Arc;

use super::Window;
use super::id::{Id, Tag};
use super::random::mix;
use super::rhythm::Pulse;

/// An event's place in time. All else about it follows from its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    /// Its number among all events of its dataset, seed, rate and rhythm.
    pub ordinal: u64,
    /// When it happens, in milliseconds since 1970.
    pub time: i64,
    /// Its id.
    pub id: Id,
}

/// The order of all events in time.
#[derive(Clone, Debug)]
pub(super) enum Timeline {
    /// Events go on and on, in a rhythm; a window has those of its time.
    Flow {
        /// How many there are before each second.
        pulse: Pulse,
        /// What tells their ids from others.
        tag: Tag,
    },
    /// Each window has all things of a kind once, evenly spread.
    Census {
        /// The window.
        window: Window,
        /// How many things there are.
        population: u64,
        /// What tells their ids from others.
        tag: Tag,
    },
}

impl Timeline {
    /// The numbers of the events in a window.
    pub fn ordinals(&self, window: &Window) -> Range<u64> {
        match self {
            Self::Flow { pulse, .. } => {
                pulse.before(window.start().unsigned_abs())..pulse.before(window.end().unsigned_abs())
            }
            Self::Census { population, .. } => 0..*population,
        }
    }

    /// The place of an event.
    pub fn slot(&self, ordinal: u64) -> Slot {
        match self {
            Self::Flow { pulse, tag } => Second::of(pulse, ordinal).slot(ordinal, *tag),
            Self::Census { window, population, tag } => {
                let milliseconds = u128::from(window.seconds() * 1000);
                let after = u128::from(ordinal) * milliseconds / u128::from((*population).max(1));
                let time = window.start() * 1000 + i64::try_from(after).unwrap_or(0);
                Slot { ordinal, time, id: Id::new(time, ordinal as u32, *tag) }
            }
        }
    }
}

/// A second with events.
#[derive(Clone, Copy, Debug)]
struct Second {
    number: u64,
    first: u64,
    next: u64,
}

impl Second {
    fn of(pulse: &Pulse, ordinal: u64) -> Self {
        let number = pulse.second_of(ordinal);
        Self { number, first: pulse.before(number), next: pulse.before(number + 1) }
    }

    fn slot(&self, ordinal: u64, tag: Tag) -> Slot {
        let count = (self.next - self.first).max(1);
        let place = ordinal - self.first;
        // Each event has its own part of the second, and comes somewhere in it.
        let after = (place * 1000 + mix(ordinal) % 1000) / count;
        let time = (self.number * 1000 + after).cast_signed();
        Slot { ordinal, time, id: Id::new(time, place as u32, tag) }
    }
}

/// Slots one after the other.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    timeline: Arc<Timeline>,
    ordinal: u64,
    second: Option<Second>,
}

impl Walk {
    /// From that event on.
    pub fn new(timeline: Arc<Timeline>, ordinal: u64) -> Self {
        Self { timeline, ordinal, second: None }
    }

    /// The next event's place.
    pub fn next_slot(&mut self) -> Slot {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let Timeline::Flow { pulse, tag } = &*self.timeline else { return self.timeline.slot(ordinal) };
        let mut second = match self.second {
            Some(second) => second,
            None => Second::of(pulse, ordinal),
        };
        while ordinal >= second.next {
            let number = second.number + 1;
            second = Second { number, first: second.next, next: pulse.before(number + 1) };
        }
        self.second = Some(second);
        second.slot(ordinal, *tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::{Rate, Rhythm};

    #[test]
    fn a_walk_comes_by_what_is_looked_up_in_order() {
        for rate in [1, 60, 5000] {
            let pulse = Pulse::new(Rate::new(rate).unwrap(), Rhythm::Shop);
            let timeline = Arc::new(Timeline::Flow { pulse, tag: Tag::new(&["orders"]) });
            let window: Window = "2026-03-01T10:00:00Z/2026-03-01T10:00:20Z".parse().unwrap();
            let ordinals = timeline.ordinals(&window);
            let mut walk = Walk::new(Arc::clone(&timeline), ordinals.start);
            let mut before = Slot::default();
            for ordinal in ordinals {
                let slot = walk.next_slot();
                assert_eq!(slot, timeline.slot(ordinal));
                assert!(slot.id > before.id && slot.time >= before.time);
                assert!((window.start() * 1000..window.end() * 1000).contains(&slot.time));
                before = slot;
            }
        }
    }
}
