//! The words that all other modules speak: keys, manifests, field paths, digests, redaction, and the
//! read-only view of files that rendering works on.

mod files;
mod key;
mod origin;

pub use files::{EntryKind, FileEntry, Files, FilesError};
pub use key::{GroupKind, ObjectKey};
pub use origin::{Origin, SourceLine};
