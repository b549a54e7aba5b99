//! Where the age keys of encrypted files lie, and what to do when they change.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::world::Phase;
use super::{Agent, Timer};
use crate::sops::Keyring;
use crate::source::Arrival;

/// Files of a folder that are keys, as Flux has it.
const EXTENSION: &str = "agekey";
/// Files of a folder at most.
const FILES: usize = 100;
/// The most that is read of a file; the keyring says that it is too large.
const BYTES: u64 = 128 << 10;
/// How often the files are looked at: a mounted Secret takes up to a minute to change anyway.
const LOOK_AFTER: Duration = Duration::from_secs(10);
/// How soon again, while a revision is being rendered.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where age keys lie. It holds none itself.
#[derive(Clone, Debug, Default)]
pub struct KeySource {
    paths: Vec<PathBuf>,
    variables: Vec<String>,
}

impl KeySource {
    /// Adds a file of keys, or a folder with such files whose names end in `.agekey`, as a Secret mounts them.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Adds an environment variable that holds keys.
    pub fn variable(mut self, name: &str) -> Self {
        self.variables.push(name.to_owned());
        self
    }

    fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.variables.is_empty()
    }

    /// The keys as they are now. What is wrong with them is noted in the keyring: only what they would open fails.
    pub fn read(&self) -> Keyring {
        let mut keys = Keyring::default();
        for path in &self.paths {
            let files = if path.is_dir() { key_files(path) } else { Ok(vec![path.clone()]) };
            match files {
                Ok(files) if files.is_empty() => {
                    keys.note(format!("{} has no file that ends in .{EXTENSION}", path.display()));
                }
                Ok(files) => files.iter().for_each(|file| add(&mut keys, file)),
                Err(error) => keys.note(format!("{}: {error}", path.display())),
            }
        }
        for name in &self.variables {
            let text = std::env::var(name).unwrap_or_default();
            if let Err(error) = keys.add(name, &text) {
                keys.note(error.to_string());
            }
        }
        keys
    }
}

fn key_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)?.take(FILES) {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn add(keys: &mut Keyring, file: &Path) {
    let mut text = String::new();
    let read = File::open(file).and_then(|opened| opened.take(BYTES).read_to_string(&mut text));
    let place = file.display().to_string();
    let wrong = match read {
        Ok(_) => keys.add(&place, &text).err().map(|error| error.to_string()),
        Err(error) => Some(format!("{place}: {error}")),
    };
    if let Some(wrong) = wrong {
        keys.note(wrong);
    }
}

/// Says which keys there are, by their public halves, and what is wrong with others.
pub(super) fn tell(keys: &Keyring) {
    let public = keys.public_keys();
    if !public.is_empty() {
        tracing::info!(topic = "start", "opens files that SOPS encrypted for {}", public.join(", "));
    }
    for note in keys.notes() {
        tracing::warn!("age keys: {note}");
    }
}

impl Agent {
    /// Sets the timer for the first look, if there is something to look at.
    pub(super) fn watch_keys(&mut self) {
        if !self.options.keys.is_empty() {
            self.later(LOOK_AFTER, Timer::Keys);
        }
    }

    /// Reads the keys again, and renders what git says again where they changed: a rotation needs no restart.
    pub(super) fn look_at_keys(&mut self) {
        if matches!(self.world.phase, Phase::Listing | Phase::Rendering) {
            return self.later(LOOK_AGAIN, Timer::Keys);
        }
        self.later(LOOK_AFTER, Timer::Keys);
        let keys = self.options.keys.read();
        if keys.fingerprint() == self.keys.fingerprint() {
            return;
        }
        tell(&keys);
        self.keys = Arc::new(keys);
        if let Some(goal) = &self.world.goal {
            let snapshot = goal.snapshot.clone();
            self.next.get_or_insert(Arrival { snapshot, learned: Instant::now(), took: Duration::ZERO });
            self.start_next_revision();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

    #[test]
    fn a_folder_has_its_agekey_files_and_what_is_wrong_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.agekey"), "nonsense").unwrap();
        fs::write(folder.path().join("notes.txt"), ONE).unwrap();
        let keys = KeySource::default().path(folder.path()).read();
        assert!(keys.public_keys().is_empty());
        assert!(keys.notes()[0].contains("b.agekey:1: this is no age key"), "{:?}", keys.notes());
        fs::write(folder.path().join("a.agekey"), format!("# of the tests\n{ONE}\n")).unwrap();
        let more = KeySource::default().path(folder.path()).read();
        assert_eq!((more.public_keys().len(), more.notes().len()), (1, 1));
        assert_ne!(keys.fingerprint(), more.fingerprint());
        assert!(!format!("{more:?}").contains("SECRET"));
    }

    #[test]
    fn a_file_or_folder_that_is_not_there_or_empty_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeySource::default().path(folder.path()).path(folder.path().join("none")).read();
        assert!(keys.notes()[0].contains("no file that ends in .agekey"), "{:?}", keys.notes());
        assert!(keys.notes()[1].contains("none"), "{:?}", keys.notes());
        assert!(KeySource::default().is_empty() && KeySource::default().read().notes().is_empty());
    }
}
