//! The keys that may sign, as they were listed at installation: read from a file, or from a folder as a Secret or a
//! ConfigMap mounts it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use pgp::composed::SignedPublicKey;

use super::{openpgp, ssh};
use crate::source::error::SourceError;

/// The largest file of keys, in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// The most files.
const FILES: usize = 500;
/// The most keys, of both kinds together.
const KEYS: usize = 1000;

/// All listed keys.
#[derive(Debug, Default)]
pub(super) struct TrustedKeys {
    pub(super) ssh: Vec<ssh::Listed>,
    pub(super) openpgp: Vec<SignedPublicKey>,
}

impl TrustedKeys {
    /// Reads the keys of a file, or of the files in a folder.
    pub(super) fn read(path: &Path) -> Result<Self, SourceError> {
        let wrong = |path: &Path, reason: String| SourceError::Keys { path: path.to_owned(), reason };
        let mut keys = Self::default();
        for file in files(path)? {
            let text = text(&file).map_err(|reason| wrong(&file, reason))?;
            keys.add(&text).map_err(|reason| wrong(&file, reason))?;
            if keys.ssh.len() + keys.openpgp.len() > KEYS {
                return Err(wrong(path, format!("holds more than {KEYS} keys")));
            }
        }
        if keys.ssh.is_empty() && keys.openpgp.is_empty() {
            let reason = "holds no key: put public keys there, of ssh (as in authorized_keys or allowed_signers) or of \
                          OpenPGP (gpg --armor --export)";
            return Err(wrong(path, reason.to_owned()));
        }
        Ok(keys)
    }

    /// Adds the keys of one file, whose content tells of which kind they are.
    fn add(&mut self, text: &str) -> Result<(), String> {
        if text.contains("PRIVATE KEY") && text.contains("-----BEGIN") {
            return Err("holds a private key: list the public one only, and make a new pair if others could read this \
                        file"
                .to_owned());
        }
        if text.contains(openpgp::BEGIN) {
            self.openpgp.extend(openpgp::read(text, KEYS)?);
        } else {
            self.ssh.extend(ssh::read(text)?);
        }
        Ok(())
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let wrong = |reason: String| SourceError::Keys { path: path.to_owned(), reason };
    let metadata = fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| wrong(error.to_string()))?.flatten() {
        let file = entry.path();
        // A mounted Secret keeps its own affairs under names that begin with two dots.
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && fs::metadata(&file).is_ok_and(|metadata| metadata.is_file()) {
            files.push(file);
        }
        if files.len() > FILES {
            return Err(wrong(format!("holds more than {FILES} files")));
        }
    }
    files.sort();
    Ok(files)
}

fn text(file: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!("is over {} MiB", FILE_BYTES >> 20));
    }
    String::from_utf8(bytes)
        .map_err(|_| "is not text: export OpenPGP keys with gpg --armor --export".to_owned())
}
