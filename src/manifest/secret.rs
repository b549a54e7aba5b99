//! Values that must not be seen: keyed digests instead of them, and the only form in which a value gets into a report.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::Sha256;

use super::digest::{Digest, HashWriter};

/// A value is shown up to this many bytes.
const SHOWN: usize = 400;
/// Of texts longer than this, only the line that differs is shown.
const SHORT: usize = 100;

/// The key of digests (HMAC-SHA256): without it nobody can find a weak password by trying digests.
#[derive(Clone)]
pub struct SecretKey(Hmac<Sha256>);

impl SecretKey {
    /// A key of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        // A key of one block's length or less is taken as it is (RFC 2104), so this is infallible.
        Self(Hmac::<Sha256>::new(&hmac_key(bytes)))
    }

    /// The keyed digest of a value.
    pub fn digest(&self, value: &Value) -> Digest {
        let mut mac = self.0.clone();
        // Writing into a MAC cannot fail.
        let _ = serde_json::to_writer(HashWriter(&mut mac), value);
        Digest::first(&mac.finalize().into_bytes())
    }

    /// The first eight bytes of a value's keyed digest, never 0: 0 stands for a field that is not there.
    pub(super) fn short(&self, value: &Value) -> u64 {
        self.digest(value).short().max(1)
    }

    /// The keyed digest of bytes.
    pub fn digest_bytes(&self, bytes: &[u8]) -> Digest {
        let mut mac = self.0.clone();
        mac.update(bytes);
        Digest::first(&mac.finalize().into_bytes())
    }
}

fn hmac_key(bytes: [u8; 32]) -> hmac::digest::Key<Hmac<Sha256>> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..32].copy_from_slice(&bytes);
    block
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

/// A value as a report may show it. There is no other way for a value into a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// There is nothing.
    Absent,
    /// The value, cut where it is long.
    Value(Value),
    /// A secret: only whether it changed can be seen, by its keyed digest.
    Secret(String),
}

impl Shown {
    /// A value that may be seen.
    pub fn plain(value: Option<&Value>) -> Self {
        match value {
            None => Self::Absent,
            Some(value) => {
                let length = value.as_str().map_or_else(|| value.to_string().len(), str::len);
                if length <= SHOWN {
                    return Self::Value(value.clone());
                }
                let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                let end = text.floor_char_boundary(SHOWN);
                Self::Value(Value::String(format!("{}... ({length} bytes)", &text[..end])))
            }
        }
    }

    /// Two values that differ and may be seen. Of long texts the first line that differs is shown, so that a change in
    /// the middle of a file is seen as one.
    pub fn pair(one: Option<&Value>, other: Option<&Value>) -> (Self, Self) {
        let (Some(Value::String(left)), Some(Value::String(right))) = (one, other) else {
            return (Self::plain(one), Self::plain(other));
        };
        let short = |text: &str| text.len() <= SHORT && !text.contains('\n');
        if left == right || (short(left) && short(right)) {
            return (Self::plain(one), Self::plain(other));
        }
        let same = left.lines().zip(right.lines()).take_while(|(left, right)| left == right).count();
        let line = |text: &str, against: &str| {
            let Some(found) = text.lines().nth(same) else {
                return Self::Value(Value::String(format!("line {}: ends before it", same + 1)));
            };
            let from = against.lines().nth(same).map_or(0, |against| split(found, against));
            Self::Value(Value::String(format!("line {}: {}", same + 1, cut(&found[from..], from > 0))))
        };
        (line(left, right), line(right, left))
    }

    /// Takes a value back that may not be seen after all.
    pub fn conceal(&mut self, key: &SecretKey) {
        if let Self::Value(value) = self {
            *self = Self::secret(Some(value), key);
        }
    }

    /// A value that may not be seen.
    pub fn secret(value: Option<&Value>, key: &SecretKey) -> Self {
        value.map_or(Self::Absent, |value| Self::Secret(key.digest(value).to_string()[..8].to_owned()))
    }
}

/// Where a long line is to be cut at its front, so that its first difference from another is seen, a few words before it.
fn split(line: &str, other: &str) -> usize {
    let same = line.bytes().zip(other.bytes()).take_while(|(one, two)| one == two).count();
    if line.len() <= SHORT { 0 } else { line.floor_char_boundary(same.saturating_sub(SHORT / 4)) }
}

fn cut(text: &str, beheaded: bool) -> String {
    let end = text.floor_char_boundary(SHORT);
    let (head, tail) = (if beheaded { "..." } else { "" }, if end < text.len() { "..." } else { "" });
    format!("{head}{}{tail}", &text[..end])
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nothing"),
            Self::Value(Value::String(text)) if !text.is_empty() && !text.contains(['\n', '"']) => {
                f.write_str(text)
            }
            Self::Value(value) => write!(f, "{value}"),
            Self::Secret(digest) => write!(f, "secret ({digest})"),
        }
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Value(value) => value.serialize(serializer),
            Self::Secret(digest) => serializer.collect_str(&format_args!("secret ({digest})")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_shows_only_whether_it_changed() {
        let key = SecretKey::new([1; 32]);
        let one = Shown::secret(Some(&json!("hunter2")), &key);
        assert_eq!(one, Shown::secret(Some(&json!("hunter2")), &key));
        assert_ne!(one, Shown::secret(Some(&json!("hunter3")), &key));
        assert_ne!(one, Shown::secret(Some(&json!("hunter2")), &SecretKey::new([2; 32])));
        assert!(!format!("{one} {one:?} {}", serde_json::to_string(&one).unwrap()).contains("hunter2"));
        assert_eq!(format!("{key:?}"), "SecretKey");
    }

    #[test]
    fn of_long_texts_the_first_line_that_differs_is_shown() {
        let one = json!(format!("{}memory=3Gi\nend", "same\n".repeat(100)));
        let two = json!(format!("{}memory=1Gi\nend", "same\n".repeat(100)));
        let (left, right) = Shown::pair(Some(&one), Some(&two));
        assert_eq!(
            (left.to_string(), right.to_string()),
            ("line 101: memory=3Gi".into(), "line 101: memory=1Gi".into())
        );
        let (long, longer) = (json!("é".repeat(300) + "a"), json!("é".repeat(300) + "b"));
        let (left, right) = Shown::pair(Some(&long), Some(&longer));
        assert_ne!(left, right);
        let (left, right) = Shown::pair(Some(&json!("a\nb")), Some(&json!("a")));
        assert_eq!(
            (left.to_string(), right.to_string()),
            ("line 2: b".into(), "line 2: ends before it".into())
        );
        let (left, right) = Shown::pair(Some(&json!("1Gi")), None);
        assert_eq!((left.to_string(), right), ("1Gi".into(), Shown::Absent));
    }

    #[test]
    fn a_long_value_is_cut_and_its_size_said() {
        let Shown::Value(Value::String(text)) = Shown::plain(Some(&json!("ä".repeat(1000)))) else {
            panic!()
        };
        assert!(text.ends_with("... (2000 bytes)") && text.len() < 450);
    }
}
