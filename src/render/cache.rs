//! Renderings by the digest of everything that they depend on, bounded in bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{CacheKey, LookedUp, RenderError, RenderedComponent};

/// A rendering, or why there is none: a broken component is not rendered again for each commit either.
#[derive(Clone, Debug)]
pub(super) struct Rendering {
    pub result: Result<Arc<RenderedComponent>, Arc<RenderError>>,
    /// What was asked of the cluster for it.
    pub looked_up: Arc<LookedUp>,
}

impl Rendering {
    /// Why there is none, before anything was asked.
    pub fn failed(error: RenderError) -> Self {
        Self { result: Err(Arc::new(error)), looked_up: Arc::default() }
    }
}

/// The cache. What was not asked for longest goes first.
#[derive(Debug)]
pub struct RenderCache {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<CacheKey, Entry>,
    bytes: usize,
    clock: u64,
    hits: u64,
    misses: u64,
}

#[derive(Debug)]
struct Entry {
    rendering: Rendering,
    bytes: usize,
    used: u64,
}

impl RenderCache {
    /// A cache of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, inner: Mutex::default() }
    }

    /// How often something was found, and how often not.
    pub fn counts(&self) -> (u64, u64) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.hits, inner.misses)
    }

    pub(super) fn get(&self, key: &CacheKey) -> Option<Rendering> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.clock += 1;
        let clock = inner.clock;
        let found = inner.entries.get_mut(key).map(|entry| {
            entry.used = clock;
            entry.rendering.clone()
        });
        if found.is_some() {
            inner.hits += 1;
        } else {
            inner.misses += 1;
        }
        found
    }

    pub(super) fn put(&self, key: CacheKey, rendering: Rendering) {
        let bytes = rendering.result.as_ref().map_or(512, |rendered| rendered.size());
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.clock += 1;
        let used = inner.clock;
        if let Some(old) = inner.entries.insert(key, Entry { rendering, bytes, used }) {
            inner.bytes -= old.bytes;
        }
        inner.bytes += bytes;
        while inner.bytes > self.limit && inner.entries.len() > 1 {
            let oldest = inner.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key);
            let Some(entry) = oldest.and_then(|oldest| inner.entries.remove(&oldest)) else { return };
            inner.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Digest;

    #[test]
    fn what_was_not_asked_for_longest_goes_first() {
        let cache = RenderCache::new(1200);
        let key = |name: &str| Digest::of(name.as_bytes());
        let broken = || Rendering::failed(RenderError::Crashed);
        cache.put(key("a"), broken());
        cache.put(key("b"), broken());
        assert!(cache.get(&key("a")).is_some());
        cache.put(key("c"), broken());
        assert!(cache.get(&key("b")).is_none());
        assert!(cache.get(&key("a")).is_some() && cache.get(&key("c")).is_some());
        assert_eq!(cache.counts(), (3, 1));
    }
}
