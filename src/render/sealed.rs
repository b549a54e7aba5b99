//! Files that may be encrypted: the values files that an environment names, and plain manifests.
//!
//! Nothing else is decrypted. An environment.yaml is mirrored into the cluster, where whoever may read Environments reads
//! it; a chart's own files are what the chart's author gives to everybody.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{RenderContext, RenderError};
use crate::manifest::{Confidential, SourceLine};
use crate::sops::{self, Decrypted};

/// What was decrypted for one component, so that it is not shown.
#[derive(Default)]
pub(super) struct Unsealed {
    values: RefCell<Vec<(Arc<str>, Decrypted)>>,
}

impl Unsealed {
    /// The text of a file, decrypted if it is encrypted.
    pub fn read(&self, context: &RenderContext<'_>, file: &str) -> Result<String, RenderError> {
        let content = context.files.read(file)?;
        let text = std::str::from_utf8(&content).map_err(|error| RenderError::Yaml {
            file: file.to_owned(),
            reason: format!("it is not UTF-8: {error}"),
        })?;
        let Some(opened) = sops::open(file, text, context.keys)? else { return Ok(text.to_owned()) };
        let file: Arc<str> = file.into();
        self.values.borrow_mut().extend(opened.values.into_iter().map(|value| (file.clone(), value)));
        Ok(opened.text)
    }

    /// The values, for finding them in what is rendered.
    pub fn confidential(&self) -> Option<Arc<Confidential>> {
        let values = self.values.borrow();
        Confidential::new(values.iter().map(|(_, value)| value.text.as_str())).map(Arc::new)
    }

    /// The lines that were decrypted.
    pub fn lines(&self) -> BTreeSet<SourceLine> {
        let values = self.values.borrow();
        values.iter().map(|(file, value)| SourceLine { file: file.clone(), line: value.line }).collect()
    }
}
