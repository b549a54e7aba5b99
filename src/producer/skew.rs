//! Skew: few are chosen often, most seldom. In integers, so that all platforms choose alike.

use super::random::{below, mix};

/// Fixed point: 2^62 is one.
const ONE: u64 = 1 << 62;

/// Chooses among weighted things in one step: Walker's alias method in integers, built as Vose says.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// For each thing, up to which 32 random bits it is taken, and what is taken otherwise.
    cells: Box<[(u32, u32)]>,
}

impl Choice {
    /// Things with these weights. Nothing is chosen that weighs nothing; all weights zero count as all alike.
    pub fn weighted(weights: &[u64]) -> Self {
        let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        let count = weights.len() as u128;
        // What a thing of average weight has.
        let whole = sum.max(1);
        let mut rest: Vec<u128> =
            weights.iter().map(|weight| if sum == 0 { whole } else { u128::from(*weight) * count }).collect();
        let mut cells: Vec<(u32, u32)> = (0..weights.len()).map(|index| (u32::MAX, index as u32)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..rest.len()).partition(|index| rest[*index] < whole);
        while let (Some(poor), Some(rich)) = (small.pop(), large.last().copied()) {
            cells[poor] = (((rest[poor] << 32) / whole) as u32, rich as u32);
            rest[rich] -= whole - rest[poor];
            if rest[rich] < whole {
                large.pop();
                small.push(rich);
            }
        }
        Self { cells: cells.into() }
    }

    /// Ranks from 0, of which rank `r` weighs `(r + 1)^-s`, with `s` in hundredths (Zipf's law).
    pub fn zipf(count: u32, hundredths: u32) -> Self {
        let power = Power::new(hundredths);
        // Sums of a million weights fit.
        let weights: Vec<u64> = (1..=u64::from(count)).map(|rank| power.of(rank) >> 20).collect();
        Self::weighted(&weights)
    }

    /// One of them, by 64 random bits.
    #[inline]
    pub fn choose(&self, which: u32, cell: u32) -> u32 {
        let index = below(which, self.cells.len() as u32);
        match self.cells.get(index as usize) {
            Some((limit, other)) if cell >= *limit => *other,
            _ => index,
        }
    }
}

/// Popular things have numbers all over the range: rank to number, one to one.
#[derive(Clone, Debug)]
pub(super) struct Shuffle {
    count: u64,
    step: u64,
    offset: u64,
}

impl Shuffle {
    /// Of so many things, another order for each seed.
    pub fn new(count: u32, seed: u64) -> Self {
        let count = u64::from(count.max(1));
        // Steps of about the golden section leave no pattern.
        let mut step = (count * 618 / 1000).max(1);
        while gcd(step, count) != 1 {
            step += 1;
        }
        Self { count, step, offset: mix(seed) % count }
    }

    #[inline]
    pub fn number(&self, rank: u32) -> u32 {
        ((u64::from(rank) * self.step + self.offset) % self.count) as u32
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `n^-s` in fixed point.
#[derive(Clone, Debug)]
pub(super) struct Power {
    hundredths: u64,
    /// 2 to the power of -1/2, -1/4, -1/8...
    roots: [u64; 32],
}

impl Power {
    pub fn new(hundredths: u32) -> Self {
        let mut roots = [0; 32];
        let mut root = ONE >> 1;
        for slot in &mut roots {
            root = (u128::from(root) * u128::from(ONE)).isqrt() as u64;
            *slot = root;
        }
        Self { hundredths: u64::from(hundredths), roots }
    }

    /// `n^-s` as parts of 2^62, for `n` from 1 to 2^31.
    pub fn of(&self, n: u64) -> u64 {
        // 2 to the power of this, in parts of 2^32, is n^s.
        let exponent = log2(n) * self.hundredths / 100;
        let (whole, fraction) = (exponent >> 32, exponent as u32);
        if whole >= 62 {
            return 0;
        }
        let mut result = ONE;
        for (bit, root) in (0..32).rev().zip(&self.roots) {
            if fraction >> bit & 1 == 1 {
                result = times(result, *root);
            }
        }
        result >> whole
    }
}

/// The logarithm to base 2 in parts of 2^32, digit by digit.
fn log2(n: u64) -> u64 {
    let whole = n.max(1).ilog2();
    let mut rest = n.max(1) << (62 - whole.min(62));
    let mut result = u64::from(whole);
    for _ in 0..32 {
        let square = (u128::from(rest) * u128::from(rest)) >> 62;
        let over = square >= u128::from(ONE) << 1;
        rest = if over { (square >> 1) as u64 } else { square as u64 };
        result = result << 1 | u64::from(over);
    }
    result
}

fn times(a: u64, b: u64) -> u64 {
    ((u128::from(a) * u128::from(b)) >> 62) as u64
}

/// A number below 2^bits for another, one to one, differently for each key.
#[inline]
pub(super) fn scatter(number: u64, bits: u32, key: u64) -> u64 {
    let mask = (1 << bits) - 1;
    let half = bits / 2 + 1;
    let mut number = (number.wrapping_mul(ODD).wrapping_add(mix(key))) & mask;
    number ^= number >> half;
    number = number.wrapping_mul(ODD) & mask;
    number ^ (number >> half)
}

/// The number that [`scatter`] made this of.
#[inline]
pub(super) fn gather(number: u64, bits: u32, key: u64) -> u64 {
    let mask = (1 << bits) - 1;
    let half = bits / 2 + 1;
    // Shifted by more than half of the bits, it is its own inverse.
    let mut number = number ^ (number >> half);
    number = number.wrapping_mul(INVERSE) & mask;
    number ^= number >> half;
    number.wrapping_sub(mix(key)).wrapping_mul(INVERSE) & mask
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Times `ODD` this is 1 (modulo 2^64), by Newton's steps.
const INVERSE: u64 = {
    let mut inverse = ODD;
    let mut step = 0;
    while step < 6 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(ODD.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_right_to_a_millionth() {
        for (n, hundredths, expected) in
            [(1, 100, 1.0), (10, 100, 0.1), (7, 50, 7_f64.powf(-0.5)), (99_999, 107, 99_999_f64.powf(-1.07))]
        {
            #[expect(clippy::cast_precision_loss, reason = "compared roughly")]
            let found = Power::new(hundredths).of(n) as f64 / ONE as f64;
            assert!((found / expected - 1.0).abs() < 1e-6, "{n}^-{hundredths}: {found} {expected}");
        }
    }

    #[test]
    fn things_are_chosen_by_their_weights() {
        let weights = [0, 1, 2, 5, 0, 8];
        let choice = Choice::weighted(&weights);
        let mut counts = [0_u64; 6];
        for step in 0..160_000_u64 {
            let bits = mix(step);
            counts[choice.choose(bits as u32, (bits >> 32) as u32) as usize] += 1;
        }
        for (weight, count) in weights.iter().zip(counts) {
            assert!(count.abs_diff(weight * 10_000) <= weight * 400, "{weight}: {count}");
        }
    }

    #[test]
    fn scattering_is_one_to_one_and_can_be_undone() {
        for bits in 0..=12 {
            for key in [0, 1, 77] {
                let mut seen = vec![false; 1 << bits];
                for number in 0..1 << bits {
                    let scattered = scatter(number, bits, key);
                    assert_eq!(gather(scattered, bits, key), number);
                    seen[scattered as usize] = true;
                }
                assert!(seen.iter().all(|seen| *seen));
            }
        }
    }

    #[test]
    fn a_shuffle_gives_every_thing_one_number() {
        for count in [1, 2, 10, 1024, 9_999] {
            let shuffle = Shuffle::new(count, 42);
            let mut numbers: Vec<u32> = (0..count).map(|rank| shuffle.number(rank)).collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..count));
        }
    }
}
