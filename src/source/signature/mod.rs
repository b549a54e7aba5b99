//! Whether a commit is signed by a key that was listed at installation.
//!
//! ```text
//! --verify-keys ──▶ TrustedKeys ──┐
//! commit ── signature, and the rest of it ──▶ ssh or openpgp ──▶ Signer, or the Fault for which it is refused
//! ```
//!
//! Only the commit that would be applied is looked at, not those before it: whoever signs it vouches for the files as
//! they are in it. Whether a key is valid is asked of this machine's clock, never of the commit's date, which its maker
//! chooses.

mod keys;
mod openpgp;
mod ssh;

use std::fmt;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Repository};
use jiff::Timestamp;

use super::error::SourceError;
use super::revision::Revision;
use keys::TrustedKeys;

/// The largest commit object that is read, in bytes: its message is most of it.
const COMMIT_BYTES: usize = 1 << 20;
/// The longest signature, in bytes. One by a 16 kbit RSA key has 4 KiB.
const SIGNATURE_BYTES: usize = 32 << 10;

/// Which keys may sign, and what becomes of commits that none of them signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    keys: PathBuf,
    required: bool,
}

impl Verification {
    /// By the keys in this file or folder; commits that none of them signed are refused, or only warned of. An error if
    /// there is no usable key. The keys are read anew for each commit, so that they can be changed without a restart.
    pub fn by(keys: impl Into<PathBuf>, required: bool) -> Result<Self, SourceError> {
        let keys = keys.into();
        TrustedKeys::read(&keys)?;
        Ok(Self { keys, required })
    }

    /// Lets a commit pass, or refuses it.
    pub(super) fn admit(&self, repository: &Repository, revision: &Revision) -> Result<(), SourceError> {
        let keys = match TrustedKeys::read(&self.keys) {
            Err(error) if !self.required => {
                tracing::warn!("{revision} is applied unseen: {error}");
                return Ok(());
            }
            keys => keys?,
        };
        match check(repository, &revision.id, &keys, Timestamp::now()) {
            Ok(signer) => tracing::info!(topic = "source", "{revision} is signed by {signer}"),
            Err(fault) if self.required => {
                let refusal = RefusedCommit { revision: revision.clone(), keys: self.keys.clone(), fault };
                return Err(SourceError::Unverified(Box::new(refusal)));
            }
            Err(fault) => tracing::warn!(
                "{revision} is applied, and --verify require would refuse it: {}",
                fault.told(&self.keys)
            ),
        }
        Ok(())
    }
}

/// A commit that is not applied, and why.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{revision} (commit {}, \"{}\" by {}) is refused: {}",
    .revision.id, .revision.subject, .revision.author, self.reason()
)]
pub struct RefusedCommit {
    /// The commit.
    pub revision: Revision,
    /// Where the keys that may sign are listed.
    pub keys: PathBuf,
    /// What is wrong with its signature.
    pub fault: Fault,
}

impl RefusedCommit {
    /// What is wrong with its signature, and what to do.
    pub fn reason(&self) -> String {
        self.fault.told(&self.keys)
    }
}

/// A key: `ssh key SHA256:...` or `OpenPGP key` and its fingerprint, as `ssh-keygen -l` and `gpg -k` print them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    kind: &'static str,
    fingerprint: String,
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key {}", self.kind, self.fingerprint)
    }
}

/// Who signed a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The principal, comment or user id that is listed with the key.
    pub who: String,
    /// The key that made the signature.
    pub key: KeyName,
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.who.is_empty() { write!(f, "{}", self.key) } else { write!(f, "{} ({})", self.who, self.key) }
    }
}

/// Why a commit's signature does not count.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// There is none.
    #[error("it is not signed: sign it (git commit --amend --no-edit -S) and push it again")]
    Unsigned,
    /// The key is nobody's that was listed.
    #[error(
        "it is signed by the {0}, which is not among the listed keys: if its owner may change this environment, list it"
    )]
    UnknownKey(KeyName),
    /// The signature is of other content.
    #[error(
        "its signature by the {0} does not fit its content: it was changed after it was signed; sign it again"
    )]
    Invalid(KeyName),
    /// The key, or the signature, is over.
    #[error("the {key} that signed it expired at {at}: sign with another key, or list it with a later end")]
    Expired {
        /// The key.
        key: KeyName,
        /// When.
        at: Timestamp,
    },
    /// The signature's own time is over.
    #[error("its signature by the {key} expired at {at}: sign it again")]
    SignatureExpired {
        /// The key.
        key: KeyName,
        /// When.
        at: Timestamp,
    },
    /// The key, or the signature, is of the future.
    #[error("the {key} that signed it is only valid from {from} on: check the clocks, or wait")]
    NotYetValid {
        /// The key.
        key: KeyName,
        /// When it begins.
        from: Timestamp,
    },
    /// The key's owner took it back.
    #[error("the {0} that signed it is revoked: sign with another key, and find out who made this commit")]
    Revoked(KeyName),
    /// The key is there for something else.
    #[error("the {key} may not sign commits: {reason}")]
    NotForCommits {
        /// The key.
        key: KeyName,
        /// What it may do instead, and what to change.
        reason: String,
    },
    /// A signature of something else than a commit.
    #[error(
        "its signature by the {key} was made for the namespace {namespace:?}, and git's is \"git\": let git sign it"
    )]
    Namespace {
        /// The key.
        key: KeyName,
        /// What the signature was made for.
        namespace: String,
    },
    /// Algorithms that can be forged.
    #[error("its signature by the {key} is too weak: {reason}")]
    Weak {
        /// The key.
        key: KeyName,
        /// What is weak, and what to do.
        reason: String,
    },
    /// It is no signature that can be read.
    #[error("its signature cannot be read: {0}")]
    Malformed(String),
}

impl Fault {
    /// The fault in words, with the place where keys are listed.
    fn told(&self, keys: &Path) -> String {
        match self {
            Self::UnknownKey(_) => format!("{self} in {}", keys.display()),
            _ => self.to_string(),
        }
    }
}

/// Who signed this commit, if it is a listed key and all about it is right at `now`.
fn check(repository: &Repository, commit: &str, keys: &TrustedKeys, now: Timestamp) -> Result<Signer, Fault> {
    let unreadable = |error: git2::Error| Fault::Malformed(error.message().to_owned());
    let id: Oid = commit.parse().map_err(unreadable)?;
    let (size, _) = repository.odb().and_then(|odb| odb.read_header(id)).map_err(unreadable)?;
    if size > COMMIT_BYTES {
        return Err(Fault::Malformed(format!("the commit is over {} KiB", COMMIT_BYTES >> 10)));
    }
    let (signature, payload) = match repository.extract_signature(&id, None) {
        Ok(found) => found,
        Err(error) if error.code() == ErrorCode::NotFound => return Err(Fault::Unsigned),
        Err(error) => return Err(unreadable(error)),
    };
    if signature.len() > SIGNATURE_BYTES {
        return Err(Fault::Malformed(format!("it is over {} KiB", SIGNATURE_BYTES >> 10)));
    }
    // What is applied is this tree: that it is what was signed must not hang on two readers of commits being of one mind.
    let tree = repository.find_commit(id).map_err(unreadable)?.tree_id();
    if !payload.starts_with(format!("tree {tree}\n").as_bytes()) {
        return Err(Fault::Malformed("the commit does not begin with its tree".to_owned()));
    }
    let text = std::str::from_utf8(&signature)
        .map_err(|_| Fault::Malformed("it is not text".to_owned()))?
        .trim_start();
    if text.starts_with("-----BEGIN SSH SIGNATURE-----") {
        ssh::verify(&keys.ssh, text, &payload, now)
    } else if text.starts_with("-----BEGIN PGP SIGNATURE-----") {
        openpgp::verify(&keys.openpgp, text, &payload, now)
    } else {
        let reason =
            "it is neither an ssh nor an OpenPGP signature; of git's gpg.format, ssh and openpgp are known";
        Err(Fault::Malformed(reason.to_owned()))
    }
}

#[cfg(test)]
mod tests;
