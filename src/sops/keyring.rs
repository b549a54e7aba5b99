//! The age keys that we have.

use std::fmt;
use std::io::Read;

use age::armor::ArmoredReader;
use age::x25519::Identity;
use zeroize::Zeroizing;

use super::error::{SopsError, plain};
use super::metadata::Metadata;
use crate::manifest::Digest;

/// Keys at most.
const KEYS: usize = 100;
/// A file of keys may have this many bytes.
const BYTES: usize = 64 << 10;
/// The armored text of one recipient may have this many.
const ARMOR: usize = 64 << 10;

/// The key that encrypts a file's values.
pub(super) type DataKey = Zeroizing<[u8; 32]>;

/// Private age keys. It has no way to print them.
#[derive(Clone, Default)]
pub struct Keyring {
    keys: Vec<Key>,
    notes: Vec<String>,
}

#[derive(Clone)]
struct Key {
    public: String,
    identity: Identity,
}

/// Why a file of keys is not read. Texts never repeat a line of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A line that is no key of ours.
    #[error("{place}:{line}: {what}; an age key begins with AGE-SECRET-KEY-1, and `age-keygen` makes one")]
    Line {
        /// The file or variable.
        place: String,
        /// The line.
        line: usize,
        /// What it is instead.
        what: &'static str,
    },
    /// Nothing in it.
    #[error("{place}: there is no key in it; `age-keygen` makes one")]
    Empty {
        /// The file or variable.
        place: String,
    },
    /// Over a limit.
    #[error("{place}: more than {BYTES} bytes, or {KEYS} keys in all")]
    TooLarge {
        /// The file or variable.
        place: String,
    },
}

impl Keyring {
    /// Adds the keys of a text as `age-keygen` writes it: one a line, `#` begins a comment. `place` names it in errors.
    pub fn add(&mut self, place: &str, text: &str) -> Result<(), KeyError> {
        let before = self.keys.len();
        if text.len() > BYTES {
            return Err(KeyError::TooLarge { place: place.to_owned() });
        }
        let mut found = Vec::new();
        for (number, line) in text.lines().enumerate() {
            // SOPS_AGE_KEY may hold several in a line.
            for word in line.split_whitespace().take_while(|word| !word.starts_with('#')) {
                let identity = word.parse::<Identity>().map_err(|_| KeyError::Line {
                    place: place.to_owned(),
                    line: number + 1,
                    what: mistaken(word),
                })?;
                found.push(Key { public: identity.to_public().to_string(), identity });
            }
        }
        if found.is_empty() {
            return Err(KeyError::Empty { place: place.to_owned() });
        }
        found.retain(|key| !self.keys[..before].iter().any(|known| known.public == key.public));
        if before + found.len() > KEYS {
            return Err(KeyError::TooLarge { place: place.to_owned() });
        }
        self.keys.extend(found);
        Ok(())
    }

    /// Notes why keys that were to be there are not: errors about encrypted files say it.
    pub fn note(&mut self, what: String) {
        self.notes.push(what);
    }

    /// What is wrong with keys that were to be there.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The public halves (`age1...`).
    pub fn public_keys(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.public.clone()).collect()
    }

    /// Changes when the keys do, and tells nothing of the private halves.
    pub fn fingerprint(&self) -> Digest {
        let mut parts: Vec<&str> = self.keys.iter().map(|key| key.public.as_str()).collect();
        parts.sort_unstable();
        parts.extend(self.notes.iter().map(String::as_str));
        Digest::of_all(parts.iter().map(|part| part.as_bytes()))
    }

    /// The data key of a file, by the first of our keys that fits.
    pub(super) fn data_key(&self, file: &str, metadata: &Metadata) -> Result<DataKey, SopsError> {
        if metadata.age.is_empty() {
            return Err(SopsError::OtherKeys { file: file.to_owned(), kinds: metadata.other_keys.clone() });
        }
        let recipients: Vec<String> = metadata.age.iter().map(|entry| entry.recipient.clone()).collect();
        if self.keys.is_empty() {
            return Err(SopsError::NoKeys { file: file.to_owned(), recipients, notes: self.notes.clone() });
        }
        for entry in &metadata.age {
            match self.unwrap(&entry.enc) {
                Ok(Some(key)) => return Ok(key),
                Ok(None) => {}
                // Another recipient's may be whole.
                Err(_) if !self.keys.iter().any(|key| key.public == entry.recipient) => {}
                Err(reason) => {
                    return Err(SopsError::DataKey {
                        file: file.to_owned(),
                        recipient: plain(&entry.recipient),
                        reason,
                    });
                }
            }
        }
        Err(SopsError::NoneFits {
            file: file.to_owned(),
            recipients,
            ours: self.public_keys(),
            notes: self.notes.clone(),
        })
    }

    /// Decrypts an armored age file that holds a data key; `None` if no key of ours fits.
    fn unwrap(&self, armored: &str) -> Result<Option<DataKey>, String> {
        if armored.len() > ARMOR {
            return Err(format!("its text has more than {ARMOR} bytes"));
        }
        let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(armored.as_bytes()))
            .map_err(|error| error.to_string())?;
        let identities = self.keys.iter().map(|key| &key.identity as &dyn age::Identity);
        let reader = match decryptor.decrypt(identities) {
            Ok(reader) => reader,
            Err(age::DecryptError::NoMatchingKeys) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(64));
        reader.take(64).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let key = <[u8; 32]>::try_from(bytes.as_slice());
        key.map(|key| Some(Zeroizing::new(key))).map_err(|_| format!("{} bytes, not 32", bytes.len()))
    }
}

/// What somebody took for an age key.
fn mistaken(word: &str) -> &'static str {
    if word.starts_with("age1") {
        "this is a public key, and the private one is needed"
    } else if word.starts_with("AGE-SECRET-KEY-PQ-") {
        "this is a post-quantum key, which is not read here"
    } else if word.starts_with("AGE-PLUGIN-") {
        "this is a plugin's key, which is not read here"
    } else if word.starts_with("AGE-SECRET-KEY-") {
        "this key is cut or mistyped"
    } else if word.starts_with("-----BEGIN") {
        "this is an ssh key or an encrypted file, which are not read here"
    } else {
        "this is no age key"
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.public_keys()).finish()
    }
}
