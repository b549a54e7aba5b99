//! The words that all other modules speak: keys, manifests, field paths, digests, redaction, and the
//! read-only view of files that rendering works on.

mod confidential;
mod digest;
mod fields;
mod files;
mod key;
mod membership;
mod object;
mod origin;
mod path;
mod redact;
mod secret;

pub use confidential::Confidential;
pub use digest::{Digest, DigestError};
pub use fields::{FieldSet, FieldsError, ManagedEntry, Operation, summarise};
pub use files::{Content, EntryKind, FileEntry, Files, FilesError};
pub use key::{GroupKind, ObjectKey};
pub use membership::{COMPONENT, HOLD, MANAGER, PART_OF, apply_set_id, is_membership};
pub use object::{Manifest, ManifestError, ManifestSource, only};
pub use origin::{Origin, SourceLine};
pub use path::{FieldPath, PathElement, PathPattern, PatternError};
pub use redact::is_secret;
pub use secret::{SecretKey, Shown};
