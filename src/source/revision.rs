//! What a revision is called.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

/// The longest subject kept, in characters.
const SUBJECT_LIMIT: usize = 120;

/// One commit of the followed branch, or one state of a watched folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The commit's full id in hex, or `folder-` and a digest of the folder's content.
    pub id: String,
    /// The branch, or the tag, or the full name of any other reference; `folder` for a watched folder.
    pub branch: String,
    /// When it was committed; for a watched folder, when the state was seen.
    pub committed: Timestamp,
    /// The author's name, at most 120 characters; empty for a watched folder.
    pub author: String,
    /// The first line of the message, at most 120 characters, without control characters.
    pub subject: String,
}

impl Revision {
    /// The id as people write it: seven characters of a commit's, the whole of a folder's.
    pub fn short(&self) -> &str {
        if self.id.starts_with("folder-") { &self.id } else { self.id.get(..7).unwrap_or(&self.id) }
    }

    pub(super) fn of_commit(commit: &git2::Commit<'_>, branch: &str) -> Self {
        let subject = commit.summary_bytes().unwrap_or_default();
        Self {
            id: commit.id().to_string(),
            branch: branch.to_owned(),
            committed: Timestamp::from_second(commit.time().seconds()).unwrap_or(Timestamp::UNIX_EPOCH),
            author: one_line(commit.author().name_bytes()),
            subject: one_line(subject),
        }
    }
}

impl fmt::Display for Revision {
    /// `main at 3f2c1a9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.branch, self.short())
    }
}

/// Text of strangers, made safe for one line of a terminal.
pub(super) fn one_line(bytes: &[u8]) -> String {
    let bytes = bytes.get(..SUBJECT_LIMIT * 4).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SUBJECT_LIMIT)
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_cannot_move_the_cursor_or_grow_without_bound() {
        assert_eq!(one_line(b"fix: \x1b[2Jall"), "fix:  [2Jall");
        assert_eq!(one_line("\u{e9}".repeat(500).as_bytes()).chars().count(), SUBJECT_LIMIT);
    }
}
