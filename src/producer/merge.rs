//! From the manifests of slices to that of their window.

use super::manifest::Tally;
use super::queue::Queue;
use super::{Recipe, Slice, WindowManifest};

/// Why manifests are not those of a window's slices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A slice has no manifest.
    #[error("of window {window}, slice {slice} is missing; make it with --slice {slice}")]
    Missing {
        /// The window.
        window: String,
        /// The slice.
        slice: Slice,
    },
    /// There are none at all.
    #[error("there are no manifests to put together; give those of all slices of a window")]
    None,
    /// A manifest is of something else.
    #[error(
        "the manifest of slice {slice} is of another {what}: {found} where {wanted} was asked for; leave it out"
    )]
    Other {
        /// The slice.
        slice: Slice,
        /// What differs.
        what: &'static str,
        /// What the manifest says.
        found: String,
        /// What the recipe says.
        wanted: String,
    },
    /// The ids are not those that the recipe makes.
    #[error(
        "slice {slice} holds other ids than its recipe makes: {found} with sha256 {found_sha256}, not {wanted} with {wanted_sha256}; make it again"
    )]
    Ids {
        /// The slice.
        slice: Slice,
        /// How many ids its manifest has.
        found: u64,
        /// Their sum.
        found_sha256: String,
        /// How many there should be.
        wanted: u64,
        /// The sum that there should be.
        wanted_sha256: String,
    },
}

impl Recipe {
    /// How many ids the slice has, and the sha256 over them as in its manifest. No event is made for it.
    pub fn ids(&self) -> (u64, String) {
        let mut tally = Tally::new(0);
        let timeline = self.timeline();
        let mut queue = Queue::new(self, &timeline, |id| tally.id(id));
        while queue.next(|id| tally.id(id)).is_some() {}
        tally.ids()
    }

    /// The manifest of the whole window, of the manifests of all its slices in any order. Whatever the recipe says of
    /// slices, theirs count. Each one's ids are compared with those that the recipe makes.
    pub fn merge(&self, slices: &[WindowManifest]) -> Result<WindowManifest, ManifestError> {
        let mut slices: Vec<&WindowManifest> = slices.iter().collect();
        slices.sort_by_key(|manifest| manifest.slice);
        slices.dedup_by_key(|manifest| manifest.slice);
        let of = slices.first().ok_or(ManifestError::None)?.slice.of();
        for manifest in &slices {
            self.compare(manifest, of)?;
        }
        if let Some(slice) = Slice::all(of)
            .zip(slices.iter().map(|manifest| Some(manifest.slice)).chain(std::iter::repeat(None)))
            .find_map(|(wanted, found)| (found != Some(wanted)).then_some(wanted))
        {
            return Err(ManifestError::Missing { window: self.window.to_string(), slice });
        }
        let mut whole = (*slices[0]).clone();
        for manifest in &slices[1..] {
            whole.add(manifest);
        }
        whole.slice = Slice::WHOLE;
        (whole.unique_ids, whole.ids_sha256) = Self { slice: Slice::WHOLE, ..self.clone() }.ids();
        Ok(whole)
    }

    fn compare(&self, manifest: &WindowManifest, of: u32) -> Result<(), ManifestError> {
        let slice = manifest.slice;
        let wanted = [
            ("dataset", self.dataset.name().to_owned(), manifest.dataset.clone()),
            ("seed", self.seed.to_string(), manifest.seed.to_string()),
            ("rate", self.rate.to_string(), manifest.rate.to_string()),
            ("rhythm", self.rhythm().name().to_owned(), manifest.rhythm.name().to_owned()),
            ("format", self.format.name().to_owned(), manifest.format.name().to_owned()),
            ("window", self.window.to_string(), manifest.window.to_string()),
            ("number of slices", of.to_string(), slice.of().to_string()),
        ];
        if let Some((what, wanted, found)) = wanted.into_iter().find(|(_, wanted, found)| wanted != found) {
            return Err(ManifestError::Other { slice, what, found, wanted });
        }
        let (wanted, wanted_sha256) = Self { slice, ..self.clone() }.ids();
        if (manifest.unique_ids, &manifest.ids_sha256) == (wanted, &wanted_sha256) {
            return Ok(());
        }
        Err(ManifestError::Ids {
            slice,
            found: manifest.unique_ids,
            found_sha256: manifest.ids_sha256.clone(),
            wanted,
            wanted_sha256,
        })
    }
}

impl WindowManifest {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.events += other.events;
        for (class, count) in &other.dirt {
            *self.dirt.entry(*class).or_default() += count;
        }
        for (unit, sum) in &other.amounts {
            *self.amounts.entry(unit.clone()).or_default() += sum;
        }
        for (partition, offset) in &other.first_offsets {
            let first = self.first_offsets.entry(partition.clone()).or_insert(*offset);
            *first = (*first).min(*offset);
        }
        for (partition, offset) in &other.last_offsets {
            let last = self.last_offsets.entry(partition.clone()).or_insert(*offset);
            *last = (*last).max(*offset);
        }
    }
}
