//! Packed charts in a folder, each under its digest.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::super::digest::hex;
use super::{CHART_BYTES, ChartError};

/// Tells the files apart that several threads of this process write at once.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// The cache.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    limit: u64,
}

/// `sha256:` and the digest of bytes in hex.
pub(super) fn digest(data: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(data), 32))
}

impl Cache {
    pub(super) fn new(folder: PathBuf, limit: u64) -> Self {
        Self { folder, limit }
    }

    pub(super) fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{}.tgz", digest.trim_start_matches("sha256:")))
    }

    /// The chart of this digest. One whose content is another one is taken out.
    pub(super) fn get(&self, wanted: &str) -> Result<Option<Arc<[u8]>>, ChartError> {
        let path = self.path(wanted);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, &error)),
        };
        let mut data = Vec::new();
        (&file).take(CHART_BYTES + 1).read_to_end(&mut data).map_err(|error| failed(&path, &error))?;
        if digest(&data) != wanted {
            tracing::warn!(topic = "chart", "{} is damaged: it is fetched again", path.display());
            fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
            return Ok(None);
        }
        // What was used last goes last; a folder that cannot be written to serves as well.
        let _ = file.set_modified(SystemTime::now());
        Ok(Some(data.into()))
    }

    /// Keeps a chart, and lets go of those that were used longest ago while there is too much.
    pub(super) fn put(&self, digest: &str, data: &[u8]) -> Result<(), ChartError> {
        let path = self.path(digest);
        fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, &error))?;
        let count = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let half = self.folder.join(format!(".{}-{count}", std::process::id()));
        let written = File::create(&half)
            .and_then(|mut file| file.write_all(data).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&half, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&half);
            return Err(failed(&path, &error));
        }
        self.shrink(&path).map_err(|error| failed(&self.folder, &error))
    }

    fn shrink(&self, kept: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        let mut total = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Another agent may have taken it out meanwhile.
            let Ok(about) = entry.metadata() else { continue };
            total += about.len();
            files.push((about.modified()?, about.len(), entry.path()));
        }
        files.sort();
        for (_, size, path) in files {
            if total <= self.limit {
                break;
            }
            if path != kept && fs::remove_file(&path).is_ok() {
                total -= size;
            }
        }
        Ok(())
    }
}

fn failed(path: &Path, error: &io::Error) -> ChartError {
    ChartError::Cache { path: path.display().to_string(), reason: error.to_string() }
}
