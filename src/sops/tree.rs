//! From the documents to their decrypted values, the MAC checked (`Tree.Decrypt` of SOPS 3).

use sha2::{Digest as _, Sha512};

use super::cipher::{Cipher, PREFIX, Plain};
use super::edit::{self, Edit};
use super::error::plain;
use super::keyring::DataKey;
use super::metadata::Metadata;
use super::{Decrypted, SOPS, SopsError};
use crate::helm::yaml::{Content, Node};

/// What a MAC over encrypted values alone begins with, so that it is never one over all of them (`sops.go`).
const MAC_ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b,
    0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

const PLAIN: &str = "is not encrypted, though the file's rule says that it is";
const COMMENT: &str = "is a comment where a value is needed";

/// What became of the values.
pub(super) struct Read {
    pub edits: Vec<Edit>,
    pub values: Vec<Decrypted>,
}

/// Decrypts every value of the documents.
pub(super) fn decrypt(
    file: &str,
    text: &str,
    documents: &[Node],
    metadata: &Metadata,
    key: &DataKey,
) -> Result<Read, SopsError> {
    let mut mac = Sha512::new();
    if metadata.mac_only_encrypted {
        mac.update(MAC_ONLY_ENCRYPTED);
    }
    let mut walk = Walk {
        file,
        text,
        metadata,
        cipher: Cipher::new(key),
        mac,
        path: Vec::new(),
        read: Read { edits: Vec::new(), values: Vec::new() },
    };
    for document in documents {
        match &document.content {
            Content::Map(entries) => {
                for (key, value) in entries.iter().filter(|(key, _)| key.text != SOPS) {
                    walk.entry(&key.text, value)?;
                }
            }
            Content::Null => {}
            _ => return Err(walk.wrong(document, "is not a mapping, which SOPS never encrypts")),
        }
    }
    let computed = walk.mac.finalize().iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    match walk.cipher.decrypt(&metadata.mac, &metadata.last_modified) {
        Ok(Plain::Text(kept)) if kept == computed => Ok(walk.read),
        _ => Err(SopsError::Mac { file: file.to_owned() }),
    }
}

struct Walk<'a> {
    file: &'a str,
    text: &'a str,
    metadata: &'a Metadata,
    cipher: Cipher,
    mac: Sha512,
    /// The keys that lead to the value; items of lists add none.
    path: Vec<&'a str>,
    read: Read,
}

impl<'a> Walk<'a> {
    fn entry(&mut self, key: &'a str, value: &'a Node) -> Result<(), SopsError> {
        self.path.push(key);
        self.node(value)?;
        self.path.pop();
        Ok(())
    }

    fn node(&mut self, node: &'a Node) -> Result<(), SopsError> {
        match &node.content {
            Content::Map(entries) => entries.iter().try_for_each(|(key, value)| self.entry(&key.text, value)),
            Content::Seq(items) => self.items(items),
            // Neither encrypted nor part of the MAC.
            Content::Null => Ok(()),
            Content::Str(text) => self.string(node, text),
            Content::Bool(value) => self.other(node, &Plain::Bool(*value)),
            Content::Int(value) => self.other(node, &Plain::Int(*value)),
            #[expect(clippy::cast_precision_loss, reason = "SOPS reads such a number as a float")]
            Content::Uint(value) => self.other(node, &Plain::Float(*value as f64)),
            Content::Float(value) => self.other(node, &Plain::Float(*value)),
        }
    }

    /// The items of a list, of which some may be comments in truth.
    fn items(&mut self, items: &'a [Node]) -> Result<(), SopsError> {
        for item in items {
            let Content::Str(text) = &item.content else {
                self.node(item)?;
                continue;
            };
            if self.value(item, text)? == Some(Plain::Comment) {
                let edit = edit::without_item(self.text, item.mark, text);
                self.read.edits.push(edit.ok_or_else(|| self.wrong(item, COMMENT))?);
            }
        }
        Ok(())
    }

    fn string(&mut self, node: &Node, text: &str) -> Result<(), SopsError> {
        match self.value(node, text)? {
            Some(Plain::Comment) => Err(self.wrong(node, COMMENT)),
            _ => Ok(()),
        }
    }

    /// A text, decrypted if it is to be.
    fn value(&mut self, node: &Node, text: &str) -> Result<Option<Plain>, SopsError> {
        let encrypted = self.metadata.rule.encrypts(&self.path).unwrap_or_else(|| text.starts_with(PREFIX));
        // SOPS leaves an empty text as it is.
        if !encrypted || text.is_empty() {
            if encrypted || !self.metadata.mac_only_encrypted {
                self.mac.update(text);
            }
            return Ok(None);
        }
        if !text.starts_with(PREFIX) {
            return Err(self.wrong(node, PLAIN));
        }
        let path: String = self.path.iter().flat_map(|part| [*part, ":"]).collect();
        let value = self.cipher.decrypt(text, &path).map_err(|reason| self.wrong(node, reason))?;
        if value == Plain::Comment {
            return Ok(Some(value));
        }
        let edit = edit::replacement(self.text, node.mark, text, &value);
        self.read.edits.push(edit.ok_or_else(|| self.wrong(node, "is folded: keep it on one line"))?);
        let shown = value.mac_text();
        self.mac.update(&shown);
        self.read.values.push(Decrypted { line: node.mark.line, text: shown });
        Ok(Some(value))
    }

    fn other(&mut self, node: &Node, value: &Plain) -> Result<(), SopsError> {
        if self.metadata.rule.encrypts(&self.path) == Some(true) {
            return Err(self.wrong(node, PLAIN));
        }
        if !self.metadata.mac_only_encrypted {
            self.mac.update(value.mac_text());
        }
        Ok(())
    }

    fn wrong(&self, node: &Node, reason: &str) -> SopsError {
        let key = if self.path.is_empty() { "the document".to_owned() } else { plain(&self.path.join(".")) };
        SopsError::Value { file: self.file.to_owned(), line: node.mark.line, key, reason: reason.to_owned() }
    }
}
