//! Why an encrypted file is not opened.

use std::fmt::Write as _;

/// Why an encrypted file is not opened. Texts hold no value of it, and of keys only the public halves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SopsError {
    /// A format of SOPS that is not read here.
    #[error(
        "{file}: SOPS encrypted it as {format}; only YAML and JSON are read: encrypt the values as a .yaml file"
    )]
    Format {
        /// The file.
        file: String,
        /// The format.
        format: &'static str,
    },
    /// Over the limit.
    #[error("{file}: it has {bytes} bytes, and an encrypted file may have {limit}: split it")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// No key is there that could fit.
    #[error(
        "{file}: SOPS encrypted it for {}, and no age key is given{}: give its key by --sops-age-keys, in the cluster by \
         the chart's sops.secret",
        listed(.recipients), told(.notes)
    )]
    NoKeys {
        /// The file.
        file: String,
        /// For whom it is encrypted.
        recipients: Vec<String>,
        /// What is wrong with the keys that were to be there.
        notes: Vec<String>,
    },
    /// None of the keys fits.
    #[error(
        "{file}: SOPS encrypted it for {}, and the keys given are those of {}{}: give the key of one of the former by \
         --sops-age-keys, or add one of the latter to .sops.yaml and run `sops updatekeys {file}`",
        listed(.recipients), listed(.ours), told(.notes)
    )]
    NoneFits {
        /// The file.
        file: String,
        /// For whom it is encrypted.
        recipients: Vec<String>,
        /// The public halves of our keys.
        ours: Vec<String>,
        /// What is wrong with other keys that were to be there.
        notes: Vec<String>,
    },
    /// Only for keys of other kinds.
    #[error(
        "{file}: SOPS encrypted it for {}, which is not read here: add an age recipient to .sops.yaml and run \
         `sops updatekeys {file}`",
        listed(.kinds)
    )]
    OtherKeys {
        /// The file.
        file: String,
        /// The kinds of keys.
        kinds: Vec<String>,
    },
    /// The data key is split.
    #[error(
        "{file}: its data key is split among {groups} key groups (Shamir), which is not read here: use one key group"
    )]
    KeyGroups {
        /// The file.
        file: String,
        /// The number of groups.
        groups: usize,
    },
    /// A key fits, but what it opens is broken.
    #[error(
        "{file}: the data key for {recipient} is damaged ({reason}): take the file from an older commit, or encrypt it anew"
    )]
    DataKey {
        /// The file.
        file: String,
        /// For whom.
        recipient: String,
        /// What is wrong.
        reason: String,
    },
    /// What SOPS noted about the file cannot be read.
    #[error("{file}:{line}: {reason}; take the file from an older commit, or encrypt it anew")]
    Metadata {
        /// The file.
        file: String,
        /// The line.
        line: u32,
        /// What is wrong.
        reason: String,
    },
    /// A value does not decrypt.
    #[error(
        "{file}:{line}: {key} {reason}; change values with `sops edit {file}` only, or take the file from an older commit"
    )]
    Value {
        /// The file.
        file: String,
        /// The line.
        line: u32,
        /// The value's path.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The values are genuine, but not all of them, or not in their order.
    #[error(
        "{file}: it was changed without SOPS: its MAC does not match, so values were changed, added, removed or reordered; \
         take the file from its last good commit, and put the change in with `sops edit {file}`"
    )]
    Mac {
        /// The file.
        file: String,
    },
}

/// How many names a text lists.
const LISTED: usize = 5;
/// A name's longest text.
const LONGEST: usize = 120;

/// Names in a text; they come from the file, so they are cut, and nothing in them acts on a terminal.
fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "nobody".to_owned();
    }
    let mut text = names.iter().take(LISTED).map(|name| plain(name)).collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        // Writing to a String cannot fail.
        let _ = write!(text, " and {} more", names.len() - LISTED);
    }
    text
}

fn told(notes: &[String]) -> String {
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) }
}

/// A text of the file that may be shown.
pub(super) fn plain(text: &str) -> String {
    let shown: String = text.chars().take(LONGEST).filter(|c| !c.is_control()).collect();
    if text.chars().nth(LONGEST).is_some() { format!("{shown}...") } else { shown }
}
