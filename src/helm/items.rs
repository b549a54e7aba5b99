//! The elements of a list.

use std::cell::OnceCell;
use std::ops::Deref;
use std::sync::Arc;

use super::value::{Entry, Value};

/// The elements of a list. Those of a file's content take thirty times its bytes: they are made only where somebody looks at
/// them, and hardly any template does.
#[derive(Clone, Default)]
pub struct Items {
    made: OnceCell<Vec<Entry>>,
    bytes: Option<Arc<[u8]>>,
}

impl Items {
    /// Bytes, each an element.
    pub fn bytes(bytes: Arc<[u8]>) -> Self {
        Self { made: OnceCell::new(), bytes: Some(bytes) }
    }

    /// The bytes that they were made of.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.as_ref().map_or_else(|| self.made().len(), |bytes| bytes.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that were made yet.
    pub fn made(&self) -> &[Entry] {
        self.made.get().map_or(&[], Vec::as_slice)
    }

    /// Those that were made yet, taken out.
    pub fn into_made(self) -> Vec<Entry> {
        self.made.into_inner().unwrap_or_default()
    }
}

impl From<Vec<Entry>> for Items {
    fn from(entries: Vec<Entry>) -> Self {
        Self { made: entries.into(), bytes: None }
    }
}

impl Deref for Items {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        self.made.get_or_init(|| {
            let bytes = self.bytes.iter().flat_map(|bytes| bytes.iter());
            bytes.map(|byte| Value::Byte(*byte).into()).collect()
        })
    }
}
