//! A revision's files together with the packed charts that its environment pins.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::ChartError;
use crate::environment::{Loaded, Pin, RemoteChart};
use crate::manifest::{EntryKind, FileEntry, Files, FilesError};

type Get<'a> = Box<dyn Fn(&RemoteChart, &Pin) -> Result<Arc<[u8]>, ChartError> + Sync + Send + 'a>;

/// A pin, and the packed chart that it names.
type PinnedChart<'a> = (&'a Pin, Arc<[u8]>);

/// A revision's files; each pinned chart lies below the lock's own path, where the revision can have nothing itself.
pub struct ChartFiles<'a> {
    files: &'a dyn Files,
    charts: BTreeMap<String, (&'a RemoteChart, &'a Pin)>,
    get: Get<'a>,
    /// Read once a rendering.
    read: Mutex<HashMap<String, Arc<[u8]>>>,
}

impl<'a> ChartFiles<'a> {
    pub(super) fn new(files: &'a dyn Files, environment: &'a Loaded, get: Get<'a>) -> Self {
        let count = environment.environment.spec.components.len();
        let charts = (0..count)
            .filter_map(|index| {
                let (chart, pin) = (environment.remote_chart(index)?, environment.pin(index)?);
                Some((environment.packed_path(pin), (chart, pin)))
            })
            .collect();
        Self { files, charts, get, read: Mutex::default() }
    }

    /// The packed chart at a path, if there is one.
    fn chart(&self, path: &str) -> Option<Result<PinnedChart<'_>, FilesError>> {
        let &(chart, pin) = self.charts.get(path)?;
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(data) = known {
            return Some(Ok((pin, data)));
        }
        Some(match (self.get)(chart, pin) {
            Ok(data) => {
                let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
                read.insert(path.to_owned(), Arc::clone(&data));
                Ok((pin, data))
            }
            Err(error) => Err(FilesError::Elsewhere { reason: error.to_string() }),
        })
    }
}

impl Files for ChartFiles<'_> {
    fn entry(&self, path: &str) -> Result<Option<FileEntry>, FilesError> {
        match self.chart(path) {
            None => self.files.entry(path),
            Some(found) => found.map(|(pin, data)| {
                Some(FileEntry {
                    path: path.to_owned(),
                    kind: EntryKind::File,
                    id: pin.digest.clone(),
                    size: data.len() as u64,
                })
            }),
        }
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, FilesError> {
        match self.chart(path) {
            None => self.files.read(path),
            Some(found) => found.map(|(_, data)| data),
        }
    }

    fn walk(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        self.files.walk(folder)
    }

    fn list(&self, folder: &str) -> Result<Vec<FileEntry>, FilesError> {
        self.files.list(folder)
    }
}
