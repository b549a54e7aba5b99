//! Digests: what is compared and kept instead of the things themselves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The first 128 bits of a sha256: enough for telling two things apart, and half the size to keep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_all([bytes])
    }

    /// The digest of several parts. Each part's length goes in too, so that moving a border changes the digest.
    pub fn of_all<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self::first(&hash.finalize())
    }

    /// The digest of a JSON value. Keys are in order in `serde_json`'s maps, so equal values have equal digests.
    pub fn of_json(value: &Value) -> Self {
        let mut hash = Sha256::new();
        // Writing into a hash cannot fail, and a `Value` has no keys that are not text.
        let _ = serde_json::to_writer(HashWriter(&mut hash), value);
        Self::first(&hash.finalize())
    }

    pub(super) fn first(bytes: &[u8]) -> Self {
        let mut first = [0; 16];
        first.copy_from_slice(&bytes[..16]);
        Self(first)
    }

    /// The first eight bytes as a number, for the compact lists of baselines.
    pub(super) fn short(self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        u64::from_le_bytes(first)
    }
}

pub(super) struct HashWriter<'a, H: sha2::digest::Update>(pub &'a mut H);

impl<H: sha2::digest::Update> std::io::Write for HashWriter<'_, H> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// A text that is not 32 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no digest: it must have 32 hexadecimal digits")]
pub struct DigestError(String);

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let wrong = || DigestError(text.chars().take(64).collect());
        if text.len() != 32 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 16];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_digest_reads_back_from_its_text() {
        let digest = Digest::of(b"mooring");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!("xyz".parse::<Digest>().is_err());
    }

    #[test]
    fn the_order_of_keys_does_not_matter_and_borders_do() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":2}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b":2,"a":1}"#).unwrap();
        assert_eq!(Digest::of_json(&one), Digest::of_json(&two));
        assert_ne!(Digest::of_json(&one), Digest::of_json(&json!({"a": 1, "b": 3})));
        assert_ne!(Digest::of_all([&b"ab"[..], b"c"]), Digest::of_all([&b"a"[..], b"bc"]));
    }
}
