//! The ids of events.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// The id of an event: a UUID of version 7 (RFC 9562).
///
/// From the left: the event's time in milliseconds (48 bits), its place among the events of its second (32 bits), and what
/// tells datasets, seeds and rates apart (42 bits). So the order of ids is that of the events, and no two windows share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u128);

const TAG_BITS: u32 = 42;

impl Id {
    /// The id of the event of that time (milliseconds since 1970) and place in its second.
    pub(super) fn new(time: i64, place: u32, tag: Tag) -> Self {
        let time = u128::from(time.unsigned_abs() & 0xffff_ffff_ffff);
        let high = u128::from(place >> 20);
        let low = u128::from(place & 0xf_ffff);
        Self(time << 80 | 7 << 76 | high << 64 | 2 << 62 | low << TAG_BITS | u128::from(tag.0))
    }

    /// The 36 characters of its usual form.
    pub fn text(self) -> [u8; 36] {
        let mut text = [b'-'; 36];
        let bytes = self.0.to_be_bytes();
        let mut at = 0;
        for (index, byte) in bytes.iter().enumerate() {
            at += usize::from(matches!(index, 4 | 6 | 8 | 10));
            text[at..at + 2].copy_from_slice(&HEX[usize::from(*byte)]);
            at += 2;
        }
        text
    }
}

/// All bytes in hexadecimal.
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text()))
    }
}

impl FromStr for Id {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(&text.replace('-', ""), 16).map(Self)
    }
}

/// What tells apart the ids of different datasets, seeds and rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u64);

impl Tag {
    /// The tag of all that the parts say.
    pub fn new(parts: &[&str]) -> Self {
        let digest = Sha256::digest(parts.join("\0"));
        let number = digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        Self(number >> (64 - TAG_BITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_version_7_that_begins_with_its_time() {
        let id = Id::new(1_772_359_200_123, 3, Tag::new(&["orders", "42"]));
        let text = id.to_string();
        assert!(text.starts_with(&format!("{:08x}-", 1_772_359_200_123_u64 >> 16)), "{text}");
        assert_eq!((&text[14..15], &text[19..20]), ("7", "8"));
        assert_eq!(text.parse(), Ok(id));
    }

    #[test]
    fn ids_are_in_the_order_of_time_and_place() {
        let tags = [Tag::new(&["a"]), Tag::new(&["b"])];
        let mut ids = Vec::new();
        for (time, place) in [(5, 0), (5, 1), (5, 0xf_ffff), (5, 0x10_0000), (5, u32::MAX), (6, 0)] {
            ids.push(Id::new(time, place, tags[ids.len() % 2]));
        }
        assert!(ids.is_sorted(), "{ids:?}");
    }
}
