//! What is wrong with some events, on purpose and counted.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::random::{Blocks, below};
use super::timeline::Slot;
use super::{Format, ProducerError};

/// A share of events, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Share(u32);

const WHOLE: u32 = 1_000_000;

impl Share {
    /// No event.
    pub const NONE: Self = Self(0);
    /// All events.
    pub const ALL: Self = Self(WHOLE);

    /// So many of a million.
    pub fn millionths(number: u32) -> Result<Self, ProducerError> {
        if number <= WHOLE {
            Ok(Self(number))
        } else {
            Err(ProducerError::Share { text: format!("{number}e-6") })
        }
    }

    /// How many of a million.
    pub fn in_millionths(self) -> u32 {
        self.0
    }
}

impl FromStr for Share {
    type Err = ProducerError;

    fn from_str(text: &str) -> Result<Self, ProducerError> {
        let wrong = || ProducerError::Share { text: text.to_owned() };
        let (number, places) = match text.strip_suffix('%') {
            Some(number) => (number, 4),
            None => (text, 6),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 3 || fraction.len() > places {
            return Err(wrong());
        }
        let number = format!("{whole}{fraction:0<places$}").parse().map_err(|_| wrong())?;
        Self::millionths(number).map_err(|_| wrong())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / WHOLE, self.0 % WHOLE);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// What can be wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DirtClass {
    /// Sent far later than its time: after up to a tenth of the window's other events.
    Late,
    /// Sent a few events too late.
    OutOfOrder,
    /// Sent a second time, the same byte for byte.
    Duplicate,
    /// Cut off or broken, so that nothing reads it. It counts neither as an id nor in a sum.
    Malformed,
    /// Without its optional fields, as are its neighbours.
    Nulls,
    /// In the newer form of the schema, with one field more. It may be dirty in another way too.
    SchemaChange,
}

impl DirtClass {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Late, Self::OutOfOrder, Self::Duplicate, Self::Malformed, Self::Nulls, Self::SchemaChange];

    /// Its name in manifests and headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::OutOfOrder => "outOfOrder",
            Self::Duplicate => "duplicate",
            Self::Malformed => "malformed",
            Self::Nulls => "nulls",
            Self::SchemaChange => "schemaChange",
        }
    }
}

/// A newer form of the schema, with one field more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SchemaChange {
    /// The time from which on events have it, in seconds since 1970.
    pub at: i64,
    /// The share of events that have it from then on.
    pub share: Share,
}

impl FromStr for SchemaChange {
    type Err = ProducerError;

    /// `TIME`, or `TIME=SHARE` where others still write the older form.
    fn from_str(text: &str) -> Result<Self, ProducerError> {
        let (time, share) = match text.split_once('=') {
            Some((time, share)) => (time, share.parse()?),
            None => (text, Share::ALL),
        };
        let time: Timestamp = time.parse().map_err(|_| ProducerError::Time { text: text.to_owned() })?;
        Ok(Self { at: time.as_second(), share })
    }
}

/// How much of each kind of dirt there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dirt {
    /// Events sent far too late.
    pub late: Share,
    /// Events sent a little too late.
    pub out_of_order: Share,
    /// Events sent twice.
    pub duplicates: Share,
    /// Events that nothing reads.
    pub malformed: Share,
    /// Events in storms of nulls, 256 at a time.
    pub nulls: Share,
    /// A field added on a date.
    pub schema_change: Option<SchemaChange>,
}

impl Dirt {
    /// No dirt at all.
    pub const NONE: Self = Self {
        late: Share::NONE,
        out_of_order: Share::NONE,
        duplicates: Share::NONE,
        malformed: Share::NONE,
        nulls: Share::NONE,
        schema_change: None,
    };

    /// Whether the shares can be: an event is late, out of order, sent twice or malformed, but not two of them.
    pub fn check(&self) -> Result<(), ProducerError> {
        let sum: u32 = self.rolled().iter().map(|(share, _)| share.0).sum();
        if sum <= WHOLE { Ok(()) } else { Err(ProducerError::Shares { sum: Share(sum) }) }
    }

    /// The classes of which an event can have only one, by chance.
    fn rolled(&self) -> [(Share, DirtClass); 4] {
        [
            (self.late, DirtClass::Late),
            (self.out_of_order, DirtClass::OutOfOrder),
            (self.duplicates, DirtClass::Duplicate),
            (self.malformed, DirtClass::Malformed),
        ]
    }
}

/// What happens to an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// What is wrong with it, the newer schema aside.
    pub class: Option<DirtClass>,
    /// After how many further events of the window it, or its double, is sent.
    pub behind: u64,
    /// How it is broken, if it is.
    pub chance: u32,
    /// Whether it has the newer form.
    pub changed: bool,
}

/// Events that share a storm of nulls, as a power of two.
const STORM_BITS: u32 = 8;

/// Looks up what happens to events.
#[derive(Clone, Debug)]
pub(super) struct Fates {
    dirt: Dirt,
    chances: Blocks,
    storms: Blocks,
    /// How many events the window has.
    events: u64,
}

impl Fates {
    /// `None` if nothing ever happens to an event.
    pub fn new(dirt: Dirt, seed: u64, dataset: &str, events: u64) -> Option<Self> {
        (dirt != Dirt::NONE).then(|| Self {
            dirt,
            chances: Blocks::new(seed, &format!("{dataset} dirt")),
            storms: Blocks::new(seed, &format!("{dataset} storms")),
            events,
        })
    }

    /// No event is farther behind than this.
    pub fn farthest(&self) -> u64 {
        let reach = |share: Share, farthest: u64| if share > Share::NONE { farthest } else { 0 };
        reach(self.dirt.late, self.latest())
            .max(reach(self.dirt.out_of_order, u64::from(FARTHEST_OUT_OF_ORDER)))
            .max(reach(self.dirt.duplicates, u64::from(FARTHEST_DOUBLE)))
    }

    /// Late events come up to a tenth of the window late, and at least farther than those out of order.
    fn latest(&self) -> u64 {
        (self.events / 10).clamp(u64::from(4 * FARTHEST_OUT_OF_ORDER), 50_000)
    }

    /// The fate of the window's event `index`.
    pub fn of(&mut self, index: u64, slot: &Slot) -> Fate {
        let block = self.chances.block(slot.ordinal / 4);
        let at = slot.ordinal as usize % 4 * 4;
        let [roll, distance, changed, chance] = [block[at], block[at + 1], block[at + 2], block[at + 3]];
        let mut roll = below(roll, WHOLE);
        let mut fate = Fate { chance, ..Fate::default() };
        for (share, class) in self.dirt.rolled() {
            if roll < share.0 {
                fate.class = Some(class);
                break;
            }
            roll -= share.0;
        }
        fate.behind = match fate.class {
            Some(DirtClass::Late) => {
                let half = self.latest() / 2;
                half + u64::from(below(distance, half as u32))
            }
            Some(DirtClass::OutOfOrder) => 1 + u64::from(below(distance, FARTHEST_OUT_OF_ORDER)),
            Some(DirtClass::Duplicate) => 1 + u64::from(below(distance, FARTHEST_DOUBLE)),
            _ => 0,
        };
        if index + fate.behind >= self.events {
            // The window ends before so many others have come.
            fate.class = None;
            fate.behind = 0;
        }
        if fate.class.is_none() && self.in_storm(slot.ordinal) {
            fate.class = Some(DirtClass::Nulls);
        }
        fate.changed = self.dirt.schema_change.is_some_and(|change| {
            slot.time >= change.at.saturating_mul(1000) && below(changed, WHOLE) < change.share.0
        });
        fate
    }

    fn in_storm(&mut self, ordinal: u64) -> bool {
        let storm = ordinal >> STORM_BITS;
        self.dirt.nulls > Share::NONE
            && below(self.storms.block(storm / 16)[storm as usize % 16], WHOLE) < self.dirt.nulls.0
    }
}

const FARTHEST_OUT_OF_ORDER: u32 = 16;
const FARTHEST_DOUBLE: u32 = 500;

/// Breaks a value so that nothing reads it any more.
pub(super) fn break_value(value: &mut Vec<u8>, format: Format, chance: u32) {
    let [way, at] = [chance >> 30, chance & 0x3fff_ffff];
    match (format, way, value.as_mut_slice()) {
        (Format::Json, 0, [.., last]) => *last = b']',
        (Format::Json, 1, [first, ..]) => *first = b' ',
        // The beginning of an object is none.
        _ => {
            let keep =
                1 + below(at << 2, u32::try_from(value.len()).unwrap_or(u32::MAX).saturating_sub(1)) as usize;
            value.truncate(keep);
        }
    }
}
