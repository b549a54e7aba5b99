//! Charts from elsewhere: found in repositories and registries, kept in a cache by their digests.
//!
//! ```text
//! index.yaml, tags ──resolve──▶ Pin ──(charts.lock, in git)──▶ ChartFiles ──▶ rendering
//!                                                                  │ by digest, verified at each use
//!                                                      cache ◀─────┴──▶ repository, when the cache has it not
//! ```
//!
//! Everything here blocks: it runs on the thread that renders.

mod cache;
mod client;
mod error;
mod files;
mod registry;
mod repository;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use error::ChartError;
pub use files::ChartFiles;

use super::credentials::SecretText;
use crate::environment::{Loaded, Pin, RemoteChart};
use crate::helm::Chart;
use crate::helm::template::HelmVersion;
use crate::manifest::{EntryKind, FileEntry, Files, FilesError};
use cache::Cache;
use client::Client;

/// The most that a packed chart may have, in bytes.
const CHART_BYTES: u64 = 64 << 20;

/// What a repository is told who asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub username: String,
    /// The password or token.
    pub password: SecretText,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Reads the login that a Secret of this name holds; the error says in words what is wrong.
pub type Logins<'a> = dyn Fn(&str) -> Result<Login, String> + Sync + 'a;

/// Fetches charts and keeps them.
#[derive(Debug)]
pub struct ChartStore {
    cache: Cache,
    client: Client,
}

impl ChartStore {
    /// Keeps charts in a folder, up to so many bytes: those that were used longest ago go first.
    pub fn new(folder: impl Into<PathBuf>, limit: u64) -> Self {
        Self { cache: Cache::new(folder.into(), limit), client: Client::new() }
    }

    /// A revision's files, with the charts that the environment pins. What the cache does not have is fetched.
    pub fn over<'a>(
        &'a self,
        files: &'a dyn Files,
        environment: &'a Loaded,
        logins: &'a Logins<'a>,
    ) -> ChartFiles<'a> {
        ChartFiles::new(
            files,
            environment,
            Box::new(move |chart: &RemoteChart, pin: &Pin| self.chart(chart, pin, logins)),
        )
    }

    /// The same, out of the cache alone.
    pub fn cached<'a>(&'a self, files: &'a dyn Files, environment: &'a Loaded) -> ChartFiles<'a> {
        let get = move |_: &RemoteChart, pin: &Pin| {
            self.cache.get(&pin.digest)?.ok_or_else(|| ChartError::NotCached { digest: pin.digest.clone() })
        };
        ChartFiles::new(files, environment, Box::new(get))
    }

    /// The packed chart that a pin names: out of the cache, or fetched.
    pub fn chart(
        &self,
        chart: &RemoteChart,
        pin: &Pin,
        logins: &Logins<'_>,
    ) -> Result<Arc<[u8]>, ChartError> {
        if let Some(found) = self.cache.get(&pin.digest)? {
            return Ok(found);
        }
        tracing::info!(topic = "chart", "fetching {} {} from {}", pin.name, pin.resolved, pin.repository);
        let login = login(chart, logins)?;
        let data = if chart.is_oci() {
            registry::Registry::new(&self.client, chart, login.as_ref())?.blob(&pin.digest)?
        } else {
            repository::fetch(&self.client, chart, login.as_ref(), &pin.resolved)?
        };
        expect_digest(&format!("{} {} of {}", pin.name, pin.resolved, pin.repository), &pin.digest, &data)?;
        self.cache.put(&pin.digest, &data)?;
        Ok(data.into())
    }

    /// The newest chart that a range allows, ready to be rendered; nothing pins it.
    pub fn pull(
        &self,
        chart: &RemoteChart,
        logins: &Logins<'_>,
        helm: HelmVersion,
    ) -> Result<Chart, ChartError> {
        let pin = self.resolve(chart, logins)?;
        let data = self.chart(chart, &pin, logins)?;
        let what = format!("{} {} of {}", pin.name, pin.resolved, pin.repository);
        Chart::load_as(&Packed(&data), PACKED, helm)
            .map_err(|error| ChartError::NoChart { what, reason: error.to_string() })
    }

    /// Finds the newest version that a chart's range allows, fetches and verifies it: what it is to be pinned to.
    pub fn resolve(&self, chart: &RemoteChart, logins: &Logins<'_>) -> Result<Pin, ChartError> {
        let login = login(chart, logins)?;
        let (mut resolved, data) = if chart.is_oci() {
            registry::Registry::new(&self.client, chart, login.as_ref())?.resolve(&chart.version)?
        } else {
            repository::resolve(&self.client, chart, login.as_ref())?
        };
        let what = format!("{} {resolved} of {}", chart.name, chart.repository);
        let metadata =
            metadata(&data).map_err(|reason| ChartError::NoChart { what: what.clone(), reason })?;
        if metadata.0 != chart.name {
            let reason = format!("its Chart.yaml calls it {}", metadata.0);
            return Err(ChartError::NoChart { what, reason });
        }
        if chart.is_by_digest() {
            resolved = metadata.1;
        }
        let digest = cache::digest(&data);
        self.cache.put(&digest, &data)?;
        Ok(Pin {
            repository: chart.repository.clone(),
            name: chart.name.clone(),
            version: chart.version.clone(),
            resolved,
            digest,
        })
    }
}

fn login(chart: &RemoteChart, logins: &Logins<'_>) -> Result<Option<Login>, ChartError> {
    let Some(secret) = &chart.secret else { return Ok(None) };
    logins(secret).map(Some).map_err(|reason| ChartError::Secret {
        repository: chart.repository.clone(),
        secret: secret.clone(),
        reason,
    })
}

fn expect_digest(what: &str, wanted: &str, data: &[u8]) -> Result<(), ChartError> {
    let found = cache::digest(data);
    if found == wanted {
        return Ok(());
    }
    Err(ChartError::Digest { what: what.to_owned(), wanted: wanted.to_owned(), found })
}

/// Name and version that a packed chart's Chart.yaml says.
fn metadata(data: &[u8]) -> Result<(String, String), String> {
    let chart = Chart::load(&Packed(data), PACKED).map_err(|error| error.to_string())?;
    Ok((chart.metadata().name.clone(), chart.metadata().version.clone()))
}

/// The name of the one packed chart.
const PACKED: &str = "chart.tgz";

/// One packed chart as files.
struct Packed<'a>(&'a [u8]);

impl Files for Packed<'_> {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        let entry = |path: &str| FileEntry {
            path: path.to_owned(),
            kind: EntryKind::File,
            id: String::new(),
            size: self.0.len() as u64,
        };
        Ok((path == PACKED).then(|| entry(path)))
    }

    fn read(&self, _path: &str) -> Result<Arc<[u8]>, FilesError> {
        Ok(self.0.into())
    }

    fn walk(&self, _folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        Ok(Vec::new())
    }

    fn list(&self, _folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        Ok(Vec::new())
    }
}
