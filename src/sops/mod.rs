//! Files that SOPS encrypted for age keys, opened in memory: <https://getsops.io>.
//!
//! ```text
//! text ──parse──▶ tree ──metadata──▶ data key (age) ──▶ each ENC[...] decrypted, the MAC over all of them checked
//!   │                                                              │
//!   └──────────── edits: values put in their places, `sops` out ◀──┘
//! ```
//!
//! What comes out is the text that went in, with each `ENC[...]` replaced on its line and the lines of `sops` left empty: every
//! other line stays where it was, so that origins and errors go on naming the right ones. Comments stay encrypted,
//! since nobody reads them. YAML (several documents too) and JSON are read, as SOPS 3 writes them; pure, and bounded by the
//! YAML reader's limits and the ones here.

mod cipher;
mod edit;
mod error;
mod keyring;
mod metadata;
#[cfg(test)]
mod tests;
mod tree;

pub use error::SopsError;
pub use keyring::{KeyError, Keyring};

use crate::helm::yaml::{Content, Node, YamlLimits, parse_strictly};
use metadata::Metadata;

/// An encrypted file may have this many bytes.
const BYTES: usize = 8 << 20;
const LIMITS: YamlLimits = YamlLimits { bytes: BYTES, depth: 200, nodes: 500_000 };
/// The key under which SOPS keeps what it needs to know.
const SOPS: &str = "sops";

/// A file that was encrypted. It has no way to print itself.
pub struct Opened {
    /// The file's text, decrypted.
    pub text: String,
    /// Each value that was encrypted, in the order of the file.
    pub values: Vec<Decrypted>,
}

/// A value that was encrypted.
pub struct Decrypted {
    /// The line in the file where it begins, from 1.
    pub line: u32,
    /// The value as text.
    pub text: String,
}

/// Opens `text`, which stands in `file`. `None` is a file that SOPS did not encrypt.
pub fn open(file: &str, text: &str, keys: &Keyring) -> Result<Option<Opened>, SopsError> {
    if let Some(format) = other_format(text) {
        return Err(SopsError::Format { file: file.to_owned(), format });
    }
    if !may_be_encrypted(text) {
        return Ok(None);
    }
    let (documents, doubles) = match parse_strictly(text, &LIMITS) {
        Ok(read) => read,
        // A file of ours that is too large is refused here; what is no YAML is told by whoever reads it.
        Err(_) if text.len() > BYTES => {
            return Err(SopsError::TooLarge { file: file.to_owned(), bytes: text.len(), limit: BYTES });
        }
        Err(_) => return Ok(None),
    };
    let Some(node) = documents.iter().find_map(metadata_of) else { return Ok(None) };
    if let Some(double) = doubles.first() {
        return Err(SopsError::Metadata {
            file: file.to_owned(),
            line: double.key.mark.line,
            reason: "a key of the file stands twice, which SOPS never writes".to_owned(),
        });
    }
    let metadata = Metadata::read(file, node)?;
    let data_key = keys.data_key(file, &metadata)?;
    let read = tree::decrypt(file, text, &documents, &metadata, &data_key)?;
    let mut edits = read.edits;
    for document in &documents {
        edits.extend(edit::removal(text, document).map_err(|reason| SopsError::Metadata {
            file: file.to_owned(),
            line: document.entry(SOPS).map_or(1, |(key, _)| key.mark.line),
            reason,
        })?);
    }
    Ok(Some(Opened { text: edit::apply(text, edits), values: read.values }))
}

/// Whether SOPS encrypted a file, as far as it is one that [`open`] reads.
pub fn is_encrypted(text: &str) -> bool {
    may_be_encrypted(text)
        && parse_strictly(text, &LIMITS)
            .is_ok_and(|(documents, _)| documents.iter().any(|one| metadata_of(one).is_some()))
}

/// Most files are not encrypted: they are not read twice.
fn may_be_encrypted(text: &str) -> bool {
    text.contains(SOPS) && text.contains("lastmodified")
}

/// What SOPS notes of a file that it encrypted. A chart may have values called `sops`, too.
fn metadata_of(document: &Node) -> Option<&Node> {
    let node = document.get(SOPS)?;
    let ours = matches!(node.content, Content::Map(_)) && node.get("lastmodified").is_some();
    (ours && (node.get("mac").is_some() || node.get("version").is_some())).then_some(node)
}

/// The formats of SOPS that are told by their text and not read.
fn other_format(text: &str) -> Option<&'static str> {
    let line = |wanted: fn(&str) -> bool| text.lines().any(wanted);
    if line(|line| line.starts_with("sops_mac=")) {
        Some("dotenv")
    } else if line(|line| line.trim_end() == "[sops]") && line(|line| line.starts_with("mac")) {
        Some("ini")
    } else {
        None
    }
}
