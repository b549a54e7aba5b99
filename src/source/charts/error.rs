//! Why a chart from elsewhere cannot be had.

/// Why a chart from elsewhere cannot be had. Addresses are told without what comes after their path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChartError {
    /// No address, or one that is not asked.
    #[error("{url}: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// No answer.
    #[error("{url} cannot be fetched: {reason}")]
    Network {
        /// The address.
        url: String,
        /// The library's words.
        reason: String,
    },
    /// An answer that is no success.
    #[error("{url} answers {status}{hint}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What to look at.
        hint: &'static str,
    },
    /// More than is read.
    #[error("{url} sends more than {limit} bytes, which is the limit")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// What came is not what was asked for.
    #[error("{url}: {reason}")]
    Answer {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The repository does not have it.
    #[error("{repository} has no chart {name}")]
    NoSuchChart {
        /// The repository.
        repository: String,
        /// The chart.
        name: String,
    },
    /// No version fits.
    #[error("{repository} has no version {version} of {name}{newest}")]
    NoVersion {
        /// The repository.
        repository: String,
        /// The chart.
        name: String,
        /// The version or range.
        version: String,
        /// The newest that there is, in words.
        newest: String,
    },
    /// Another content than the digest says.
    #[error(
        "{what}: its digest is {found}, not {wanted}: somebody changed it after it was published or pinned; look at it, \
         then pin it with `mooring chart update`"
    )]
    Digest {
        /// The chart.
        what: String,
        /// The digest that it should have.
        wanted: String,
        /// Its digest.
        found: String,
    },
    /// Something that is no chart.
    #[error("{what} is not that chart: {reason}")]
    NoChart {
        /// What was fetched.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No login.
    #[error("{repository} asks for the Secret {secret}: {reason}")]
    Secret {
        /// The repository.
        repository: String,
        /// The Secret.
        secret: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Only the cache was asked.
    #[error("{digest} is not in the cache")]
    NotCached {
        /// The digest.
        digest: String,
    },
    /// The cache cannot be read or written.
    #[error("{path}: the cache of charts cannot be used: {reason}")]
    Cache {
        /// The file or folder.
        path: String,
        /// The operating system's words.
        reason: String,
    },
}
