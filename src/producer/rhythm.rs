//! How many events each second has: the daily and weekly rhythm, in integers.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ProducerError, Rate, error};

/// How events spread over the week, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rhythm {
    /// The same at all times.
    #[default]
    Flat,
    /// A shop: quiet nights, most on evenings, Sunday the best day.
    Shop,
    /// Working hours from Monday to Friday, little else.
    Office,
}

impl Rhythm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Flat, Self::Shop, Self::Office];

    /// Its name in arguments and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Shop => "shop",
            Self::Office => "office",
        }
    }

    /// The weights of the hours of a day, and of the days of a week from Monday.
    fn weights(self) -> ([u64; 24], [u64; 7]) {
        match self {
            Self::Flat => ([1; 24], [1; 7]),
            Self::Shop => (
                [
                    30, 18, 12, 9, 9, 13, 25, 45, 65, 82, 95, 104, 110, 108, 104, 104, 110, 122, 140, 158,
                    166, 150, 108, 62,
                ],
                [96, 92, 94, 98, 102, 106, 118],
            ),
            Self::Office => (
                [
                    4, 3, 3, 3, 4, 8, 25, 70, 130, 160, 165, 155, 120, 140, 160, 155, 130, 85, 40, 22, 14,
                    10, 7, 5,
                ],
                [104, 110, 110, 108, 96, 18, 12],
            ),
        }
    }
}

impl FromStr for Rhythm {
    type Err = ProducerError;

    fn from_str(text: &str) -> Result<Self, ProducerError> {
        error::one_of("rhythm", text, &Self::ALL, |rhythm| rhythm.name())
    }
}

/// Seconds of a week.
const WEEK: u64 = 604_800;

/// 1970 began on a Thursday; weeks begin on Mondays.
const SINCE_MONDAY: u64 = 3 * 86_400;

/// The rhythm changes every five minutes.
const STEP: u64 = 300;
const STEPS: usize = 2016;

/// A second of average weight has so many bits of weight.
const BITS: u32 = 20;

/// How many events have happened before each second since 1970, for a rate and a rhythm.
///
/// All follows from one function that never falls, so that the events of two windows side by side are those of both
/// together; and a whole week has exactly the events of its seconds times the rate.
#[derive(Clone, Debug)]
pub(super) struct Pulse {
    rate: u64,
    /// The weight of the week before each step. The last one is 2^20 times the seconds of a week.
    before: Box<[u64]>,
}

impl Pulse {
    pub fn new(rate: Rate, rhythm: Rhythm) -> Self {
        let (hours, days) = rhythm.weights();
        let weight = |hour: usize| hours[hour % 24] * days[hour / 24 % 7];
        let mut sums = vec![0_u64; 1];
        let mut sum = 0;
        for step in 0..STEPS {
            // From an hour to the next in a straight line.
            let (hour, part) = (step / 12, step as u64 % 12);
            sum += weight(hour) * (12 - part) + weight(hour + 1) * part;
            sums.push(sum);
        }
        let whole = u128::from(WEEK << BITS);
        let scaled =
            |part: u64| u64::try_from(u128::from(part) * whole / u128::from(sum.max(1))).unwrap_or(0);
        Self { rate: u64::from(rate.get()), before: sums.into_iter().map(scaled).collect() }
    }

    /// How many events happen before a second (since 1970, not before).
    pub fn before(&self, second: u64) -> u64 {
        let second = second + SINCE_MONDAY;
        second / WEEK * WEEK * self.rate + self.in_week(second % WEEK)
    }

    /// The second in which the event of that number happens.
    pub fn second_of(&self, ordinal: u64) -> u64 {
        let a_week = WEEK * self.rate;
        let (weeks, rest) = (ordinal / a_week, ordinal % a_week);
        // The last step, and the last second in it, before which no more than `rest` events happen.
        let step =
            self.before.partition_point(|weight| (self.rate * weight) >> BITS <= rest).saturating_sub(1);
        let step = step.min(STEPS - 1);
        let (before, after) = (self.before[step], self.before[step + 1]);
        // In the step events come evenly: this second is the one or next to it.
        let missing = ((rest + 1) << BITS).div_ceil(self.rate).saturating_sub(before);
        let mut second =
            step as u64 * STEP + (missing * STEP).div_ceil((after - before).max(1)).clamp(1, STEP) - 1;
        while self.in_week(second) > rest {
            second -= 1;
        }
        while second + 1 < WEEK && self.in_week(second + 1) <= rest {
            second += 1;
        }
        weeks * WEEK + second - SINCE_MONDAY
    }

    /// How many events happen in a week before that second of it. At most 2^20 events times 2^40 of weight.
    fn in_week(&self, second: u64) -> u64 {
        let step = usize::try_from(second / STEP).unwrap_or(STEPS);
        let Some([before, after]) = self.before.get(step..step + 2) else { return WEEK * self.rate };
        let weight = before + (after - before) * (second % STEP) / STEP;
        (self.rate * weight) >> BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY: u64 = 1_772_409_600;

    #[test]
    fn every_week_has_exactly_its_events() {
        for rhythm in Rhythm::ALL {
            for rate in [1, 3, 200, 999_983, 1_000_000] {
                let pulse = Pulse::new(Rate::new(rate).unwrap(), rhythm);
                for start in [0, MONDAY, 4_000_000_000] {
                    assert_eq!(pulse.before(start + WEEK) - pulse.before(start), WEEK * u64::from(rate));
                }
            }
        }
    }

    #[test]
    fn a_flat_second_has_exactly_the_rate() {
        let pulse = Pulse::new(Rate::new(7).unwrap(), Rhythm::Flat);
        for second in MONDAY..MONDAY + 2000 {
            assert_eq!(pulse.before(second + 1) - pulse.before(second), 7);
        }
    }

    #[test]
    fn the_second_of_an_event_is_found_again() {
        for (rate, rhythm) in
            [(1, Rhythm::Shop), (1, Rhythm::Office), (40, Rhythm::Shop), (1_000_000, Rhythm::Office)]
        {
            let pulse = Pulse::new(Rate::new(rate).unwrap(), rhythm);
            for step in 0..3000 {
                let second = MONDAY + step * 211;
                let (first, next) = (pulse.before(second), pulse.before(second + 1));
                assert!(first <= next);
                for ordinal in [first, next.saturating_sub(1)] {
                    if (first..next).contains(&ordinal) {
                        assert_eq!(pulse.second_of(ordinal), second);
                    }
                }
            }
        }
    }

    #[test]
    fn evenings_and_sundays_are_a_shops_best() {
        let pulse = Pulse::new(Rate::new(1000).unwrap(), Rhythm::Shop);
        let hour = |day: u64, hour: u64| {
            let start = MONDAY + day * 86_400 + hour * 3600;
            pulse.before(start + 3600) - pulse.before(start)
        };
        assert!(hour(1, 20) > 10 * hour(1, 3));
        assert!(hour(6, 20) > hour(1, 20));
    }
}
