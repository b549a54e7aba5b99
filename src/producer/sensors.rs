//! Readings of sensors, and the devices themselves: drift, gaps, seasons.
//!
//! Devices report in turn. Of each group of 64 one is silent for a while, another each time, and the rest take its turns:
//! so there are gaps, and yet each second has exactly its events.

use super::dataset::Form;
use super::fields::{Event, Fields, encode};
use super::id::Id;
use super::json::integer;
use super::random::{BLOCK, Blocks, below, mix};
use super::schema::{Fingerprints, Kind, Schema, field};
use super::timeline::Slot;
use super::{Recipe, Record};

/// How many devices there are: their numbers begin with 1.
pub(super) const DEVICES: u32 = 1024;

/// Devices of a group, of which one is silent.
const GROUP: u64 = 64;

/// Devices that report in a round.
const REPORTING: u64 = DEVICES as u64 / GROUP * (GROUP - 1);

/// A device is silent for so many rounds.
const SILENCE: u64 = 96;

const DAY: i64 = 86_400_000;
const YEAR: i64 = 31_556_952_000;

/// Devices are calibrated every ninety days; between, they drift.
const CALIBRATION: i64 = 90 * DAY;

/// A kind of device, all in thousandths of its unit.
struct Kindred {
    name: &'static str,
    unit: &'static str,
    base: i64,
    /// How far apart devices of a kind are.
    spread: i64,
    /// How far a day, a year, noise and the drift of ninety days take it.
    day: i64,
    year: i64,
    noise: i64,
    drift: i64,
}

const KINDS: [Kindred; 4] = [
    Kindred {
        name: "temperature",
        unit: "°C",
        base: 12_000,
        spread: 4_000,
        day: 4_500,
        year: 10_000,
        noise: 300,
        drift: 900,
    },
    Kindred {
        name: "humidity",
        unit: "%",
        base: 62_000,
        spread: 8_000,
        day: -9_000,
        year: -6_000,
        noise: 900,
        drift: 2_500,
    },
    Kindred {
        name: "pressure",
        unit: "hPa",
        base: 1_013_000,
        spread: 6_000,
        day: 900,
        year: -2_500,
        noise: 250,
        drift: 700,
    },
    Kindred {
        name: "vibration",
        unit: "mm/s",
        base: 2_400,
        spread: 700,
        day: 600,
        year: 100,
        noise: 220,
        drift: 500,
    },
];

const SITES: [&str; 8] = ["hall-1", "hall-2", "roof-east", "roof-west", "yard", "cellar", "gate", "tower"];
const INSTALLED_BEFORE: i64 = 1_577_836_800_000;
const THREE_YEARS: u32 = 94_608_000;

/// What is fixed for a device.
#[derive(Clone, Copy, Debug)]
struct Device {
    kind: u8,
    site: u8,
    /// In thousandths of its unit.
    base: i64,
    /// How much it drifts until it is calibrated.
    drift: i64,
    /// When it is calibrated, in milliseconds.
    phase: i64,
    installed_at: i64,
    firmware: u32,
}

impl Device {
    fn of(words: &[u32; BLOCK]) -> Self {
        let kind = &KINDS[below(words[0], KINDS.len() as u32) as usize];
        let around = |word: u32, reach: i64| i64::from(below(word, 2 * reach as u32 + 1)) - reach;
        Self {
            kind: below(words[0], KINDS.len() as u32) as u8,
            site: below(words[1], SITES.len() as u32) as u8,
            base: kind.base + around(words[2], kind.spread),
            drift: around(words[3], kind.drift),
            phase: i64::from(below(words[4], CALIBRATION as u32 / 1000)) * 1000,
            installed_at: INSTALLED_BEFORE - 1000 * i64::from(below(words[5], THREE_YEARS)) - 1000,
            firmware: below(words[6], 6),
        }
    }

    /// What it would show without noise.
    fn level(&self, time: i64) -> i64 {
        let kind = &KINDS[usize::from(self.kind)];
        // It is warmest at three in the afternoon, and at the end of July.
        let day = kind.day * sine(time - 9 * DAY / 24, DAY);
        let year = kind.year * sine(time - YEAR * 30 / 100, YEAR);
        let drift = self.drift * ((time + self.phase) % CALIBRATION / 1000) / (CALIBRATION / 1000);
        self.base + (day + year) / SINE + drift
    }
}

/// The sine is a part of this.
const SINE: i64 = 1 << 15;

/// The sine of a time with that period, by Bhaskara's formula: right to two thousandths.
fn sine(time: i64, period: i64) -> i64 {
    let angle = (i128::from(time.rem_euclid(period)) * i128::from(2 * SINE) / i128::from(period)) as i64;
    let half = angle % SINE;
    let product = half * (SINE - half);
    let value = 16 * product * SINE / (5 * SINE * SINE - 4 * product);
    if angle < SINE { value } else { -value }
}

/// All devices of a seed.
fn devices(seed: u64) -> Box<[Device]> {
    let mut blocks = Blocks::new(seed, "devices");
    (0..u64::from(DEVICES)).map(|index| Device::of(blocks.block(index))).collect()
}

/// Readings, with the devices.
#[derive(Clone, Debug)]
pub(super) struct Sensors {
    seed: u64,
    own: Blocks,
    devices: Box<[Device]>,
    fingerprints: Fingerprints,
}

struct Reading<'d> {
    id: Id,
    device: &'d Device,
    number: i64,
    sequence: i64,
    time: i64,
    value: i64,
    quality: &'static str,
    bits: u32,
}

impl Sensors {
    pub fn new(recipe: &Recipe) -> Self {
        Self {
            seed: recipe.seed,
            own: Blocks::new(recipe.seed, "sensors"),
            devices: devices(recipe.seed),
            fingerprints: Fingerprints::new(&Self::schema()),
        }
    }

    /// What its sums are of.
    pub fn units() -> Vec<&'static str> {
        KINDS.iter().map(|kind| kind.name).collect()
    }

    pub fn schema() -> Schema {
        Schema {
            name: "sensors".to_owned(),
            doc: "Readings of sensors.".into(),
            fields: vec![
                field("event_id", Kind::Id, "The id of this reading."),
                field("device_id", Kind::Long, "The device: one of the same seed."),
                field(
                    "sequence",
                    Kind::Long,
                    "The round of readings. A device that was silent has gaps here.",
                ),
                field("measured_at", Kind::Time, "When it was measured."),
                field("kind", Kind::Text, "temperature, humidity, pressure or vibration."),
                field("value_milli", Kind::Long, "What was measured, in thousandths of the unit."),
                field("unit", Kind::Text, "°C, %, hPa or mm/s."),
                field("quality", Kind::MaybeText, "good, or suspect for a spike."),
                field("site", Kind::MaybeText, "Where the device is."),
            ],
            added: Some(field("battery_percent", Kind::MaybeLong, "How full the battery is.")),
        }
    }

    /// The round and the device of an event.
    fn place(&self, ordinal: u64) -> (u64, u64) {
        let (round, turn) = (ordinal / REPORTING, ordinal % REPORTING);
        let (group, turn) = (turn / (GROUP - 1), turn % (GROUP - 1));
        // Groups change at different times.
        let while_ = (round + group * 5) / SILENCE;
        let silent = mix(self.seed ^ (while_ << 8 | group)) % GROUP;
        (round, group * GROUP + turn + u64::from(turn >= silent))
    }

    /// Writes a reading, and says its value and the index of its kind.
    pub fn write(&mut self, slot: &Slot, form: Form, record: &mut Record) -> (usize, i64) {
        let (round, index) = self.place(slot.ordinal);
        let device = &self.devices[index as usize];
        let kind = &KINDS[usize::from(device.kind)];
        let words = self.own.block(slot.ordinal);
        // Three dice are near enough to a bell.
        let dice = below(words[0], 2001) + below(words[1], 2001) + below(words[2], 2001);
        let noise = kind.noise * (i64::from(dice) - 3000) / 1000;
        let is_spike = below(words[3], 1000) == 0;
        let spike = if is_spike { (kind.noise * 20) << words[4].leading_zeros().min(3) } else { 0 };
        let reading = Reading {
            id: slot.id,
            device,
            number: index.cast_signed() + 1,
            sequence: round.cast_signed(),
            time: slot.time,
            value: device.level(slot.time) + noise + spike,
            quality: if is_spike { "suspect" } else { "good" },
            bits: words[5],
        };
        integer(&mut record.key, reading.number);
        encode(&reading, form, &self.fingerprints, record);
        (usize::from(device.kind), reading.value)
    }
}

impl Event for Reading<'_> {
    #[inline]
    fn fields<F: Fields>(&self, changed: bool, to: &mut F) {
        let kind = &KINDS[usize::from(self.device.kind)];
        to.id("event_id", self.id);
        to.long("device_id", self.number);
        to.long("sequence", self.sequence);
        to.time("measured_at", self.time);
        to.text("kind", kind.name);
        to.long("value_milli", self.value);
        to.text("unit", kind.unit);
        to.maybe_text("quality", Some(self.quality));
        to.maybe_text("site", Some(SITES[usize::from(self.device.site)]));
        if changed {
            to.maybe_long("battery_percent", Some(i64::from(below(self.bits, 101))));
        }
    }
}

/// The devices of a seed, as a dataset.
#[derive(Clone, Debug)]
pub(super) struct Devices {
    devices: Box<[Device]>,
    fingerprints: Fingerprints,
}

struct Listed<'d> {
    id: Id,
    number: i64,
    device: &'d Device,
}

impl Devices {
    pub fn new(seed: u64) -> Self {
        Self { devices: devices(seed), fingerprints: Fingerprints::new(&Self::schema()) }
    }

    pub fn schema() -> Schema {
        Schema {
            name: "devices".to_owned(),
            doc: "The devices that measure: each window has all of them once.".into(),
            fields: vec![
                field("event_id", Kind::Id, "The id of this record."),
                field("device_id", Kind::Long, "The device's number, from 1."),
                field("kind", Kind::Text, "temperature, humidity, pressure or vibration."),
                field("unit", Kind::Text, "What it measures in."),
                field("site", Kind::MaybeText, "Where it is."),
                field("installed_at", Kind::Time, "Since when it is there: before all readings."),
            ],
            added: Some(field("firmware", Kind::MaybeText, "The version of its program.")),
        }
    }

    pub fn write(&mut self, slot: &Slot, form: Form, record: &mut Record) {
        let device = &self.devices[slot.ordinal as usize];
        let listed = Listed { id: slot.id, number: slot.ordinal.cast_signed() + 1, device };
        integer(&mut record.key, listed.number);
        encode(&listed, form, &self.fingerprints, record);
    }
}

impl Event for Listed<'_> {
    fn fields<F: Fields>(&self, changed: bool, to: &mut F) {
        let kind = &KINDS[usize::from(self.device.kind)];
        to.id("event_id", self.id);
        to.long("device_id", self.number);
        to.text("kind", kind.name);
        to.text("unit", kind.unit);
        to.maybe_text("site", Some(SITES[usize::from(self.device.site)]));
        to.time("installed_at", self.device.installed_at);
        if changed {
            to.maybe_text("firmware", Some(&format!("2.{}", self.device.firmware)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_is_nearly_one() {
        for step in 0..1000_i64 {
            #[expect(clippy::cast_precision_loss, reason = "compared roughly")]
            let expected = (step as f64 / 1000.0 * std::f64::consts::TAU).sin();
            #[expect(clippy::cast_precision_loss, reason = "compared roughly")]
            let found = sine(step * DAY / 1000, DAY) as f64 / SINE as f64;
            assert!((expected - found).abs() < 0.002, "{step}: {found} {expected}");
        }
    }

    #[test]
    fn in_each_round_every_device_but_the_silent_reports_once() {
        let recipe = crate::producer::tests::recipe("sensors", crate::producer::Dirt::NONE);
        let sensors = Sensors::new(&recipe);
        let mut gaps = [0_u64; DEVICES as usize];
        for round in 40_000..40_000 + 64 * SILENCE {
            let mut reported = [0; DEVICES as usize];
            for turn in 0..REPORTING {
                let (found, device) = sensors.place(round * REPORTING + turn);
                assert_eq!(found, round);
                reported[device as usize] += 1;
            }
            for group in reported.chunks(64) {
                assert_eq!(group.iter().filter(|count| **count == 1).count(), 63);
            }
            reported.iter().zip(&mut gaps).for_each(|(count, gaps)| *gaps += 1 - count);
        }
        let silent_once = gaps.iter().filter(|gaps| **gaps > 0).count();
        assert!(silent_once > 500, "only {silent_once} devices were ever silent");
    }
}
