//! Avro's binary encoding (specification 1.12): no names, numbers as zigzag varints.

use super::fields::Fields;
use super::id::Id;

/// Writes the fields of a record. A field that may be missing is the union of `null` and its type.
pub(super) struct Avro<'b> {
    out: &'b mut Vec<u8>,
    nulls: bool,
}

impl<'b> Avro<'b> {
    pub fn new(out: &'b mut Vec<u8>, nulls: bool) -> Self {
        Self { out, nulls }
    }

    fn number(&mut self, number: i64) {
        let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
        while rest >= 0x80 {
            self.out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.out.push(rest as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as i64);
        self.out.extend_from_slice(bytes);
    }

    /// The branch of the union.
    fn is_there(&mut self, there: bool) -> bool {
        let there = there && !self.nulls;
        self.number(i64::from(there));
        there
    }
}

impl Fields for Avro<'_> {
    fn id(&mut self, _: &str, id: Id) {
        self.bytes(&id.text());
    }

    fn text(&mut self, _: &str, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn words(&mut self, _: &str, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn long(&mut self, _: &str, number: i64) {
        self.number(number);
    }

    fn boolean(&mut self, _: &str, yes: bool) {
        self.out.push(u8::from(yes));
    }

    fn time(&mut self, _: &str, milliseconds: i64) {
        self.number(milliseconds);
    }

    fn maybe_text(&mut self, _: &str, text: Option<&str>) {
        if self.is_there(text.is_some()) {
            self.bytes(text.unwrap_or_default().as_bytes());
        }
    }

    fn maybe_long(&mut self, _: &str, number: Option<i64>) {
        if self.is_there(number.is_some()) {
            self.number(number.unwrap_or_default());
        }
    }

    fn maybe_boolean(&mut self, _: &str, yes: Option<bool>) {
        if self.is_there(yes.is_some()) {
            self.out.push(u8::from(yes.unwrap_or_default()));
        }
    }

    fn maybe_time(&mut self, name: &str, milliseconds: Option<i64>) {
        self.maybe_long(name, milliseconds);
    }

    fn list<T>(&mut self, _: &str, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        // One block, and the empty one that ends the array.
        if !items.is_empty() {
            self.number(items.len() as i64);
            items.iter().for_each(|one| item(self, one));
        }
        self.number(0);
    }
}

/// The fingerprint by which a datum names its schema: CRC-64-AVRO of the schema's canonical form.
pub(super) fn fingerprint(canonical: &str) -> u64 {
    const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
    canonical.bytes().fold(EMPTY, |print, byte| {
        let mut entry = (print ^ u64::from(byte)) & 0xff;
        for _ in 0..8 {
            entry = (entry >> 1) ^ (EMPTY & (entry & 1).wrapping_neg());
        }
        (print >> 8) ^ entry
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_specification_shows() {
        for (number, bytes) in [
            (0, &[0][..]),
            (-1, &[1]),
            (1, &[2]),
            (-64, &[0x7f]),
            (64, &[0x80, 1]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ] {
            let mut out = Vec::new();
            Avro::new(&mut out, false).number(number);
            assert_eq!(out, bytes, "{number}");
        }
    }

    #[test]
    fn fingerprints_are_those_of_avros_own_tests() {
        // share/test/data/schema-tests.txt of Apache Avro.
        assert_eq!(fingerprint("\"null\"").cast_signed(), 7_195_948_357_588_979_594);
        assert_eq!(fingerprint("\"boolean\"").cast_signed(), -6_970_731_678_124_411_036);
    }
}
