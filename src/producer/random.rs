//! Random numbers that are looked up: ChaCha8 with its counter as the place in a table without end.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// The words of a block.
pub(super) const BLOCK: usize = 16;

/// ChaCha makes four blocks at once.
const GROUP: usize = 4 * BLOCK;

/// A table of random blocks, one for each number. To read on is cheap; to jump costs four blocks.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    chacha: ChaCha8Rng,
    words: [u32; GROUP],
    /// Which group `words` is.
    group: Option<u64>,
}

impl Blocks {
    /// The table of a seed for a purpose.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let key = Sha256::new()
            .chain_update(b"mooring-producer 1\0")
            .chain_update(seed.to_le_bytes())
            .chain_update(purpose.as_bytes())
            .finalize();
        Self { chacha: ChaCha8Rng::from_seed(key.into()), words: [0; GROUP], group: None }
    }

    /// The block of that number.
    pub fn block(&mut self, number: u64) -> &[u32; BLOCK] {
        self.blocks::<BLOCK>(number)
    }

    /// The two blocks from twice that number.
    pub fn pair(&mut self, number: u64) -> &[u32; 2 * BLOCK] {
        self.blocks::<{ 2 * BLOCK }>(number)
    }

    /// The four blocks from four times that number.
    pub fn group(&mut self, number: u64) -> &[u32; GROUP] {
        self.blocks::<GROUP>(number)
    }

    fn blocks<const WORDS: usize>(&mut self, number: u64) -> &[u32; WORDS] {
        let in_group = (GROUP / WORDS) as u64;
        self.turn_to(number / in_group);
        let (parts, _) = self.words.as_chunks::<WORDS>();
        &parts[number as usize % (GROUP / WORDS)]
    }

    fn turn_to(&mut self, group: u64) {
        if self.group == Some(group) {
            return;
        }
        if self.group.is_none_or(|current| current + 1 != group) {
            self.chacha.set_word_pos(u128::from(group) * GROUP as u128);
        }
        let mut bytes = [0; 4 * GROUP];
        self.chacha.fill_bytes(&mut bytes);
        let (words, _) = bytes.as_chunks::<4>();
        for (word, bytes) in self.words.iter_mut().zip(words) {
            *word = u32::from_le_bytes(*bytes);
        }
        self.group = Some(group);
    }
}

/// A number below `bound`, from 32 random bits.
pub(super) fn below(word: u32, bound: u32) -> u32 {
    ((u64::from(word) * u64::from(bound)) >> 32) as u32
}

/// Mixes bits (the finaliser of SplitMix64), where a number must only look irregular.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_the_same_whatever_was_read_before() {
        let mut ahead = Blocks::new(42, "orders");
        let read: Vec<_> = (0..40).map(|number| *ahead.block(number)).collect();
        let mut back = Blocks::new(42, "orders");
        for number in (0..40).rev() {
            assert_eq!(*back.block(number), read[number as usize]);
        }
        assert_eq!(back.pair(7)[..16], read[14]);
        assert_eq!(back.group(3)[48..], read[15]);
    }

    #[test]
    fn seeds_and_purposes_have_tables_of_their_own() {
        let first = |seed, purpose| *Blocks::new(seed, purpose).block(0);
        assert_ne!(first(1, "a"), first(2, "a"));
        assert_ne!(first(1, "a"), first(1, "b"));
    }
}
