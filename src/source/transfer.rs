//! Copies one commit with its files, and no history, between two repositories on this machine. Local remotes are
//! fetched so, and an overgrown clone is repacked so.
//!
//! The git library's own local transport would send the history of every branch of the remote.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;

use git2::{ObjectType, Oid, PackBuilder, Repository, TreeWalkMode, TreeWalkResult};

use super::error::SourceError;
use super::limits::Budget;

/// Copies what `to` lacks of `commit` out of `from`, as one pack that appears whole or not at all. Whatever object `to`
/// has, it is taken to have all that the object leads to: packs only ever came in whole.
pub(super) fn copy_commit(
    from: &Repository,
    to: &Repository,
    commit: Oid,
    remote: &str,
    budget: &Budget,
) -> Result<(), SourceError> {
    let failed = |error: git2::Error| SourceError::Git {
        remote: remote.to_owned(),
        step: "copying",
        reason: reason(&error),
    };
    let target = to.odb().map_err(failed)?;
    if target.exists(commit) {
        return Ok(());
    }
    let mut pack = from.packbuilder().map_err(failed)?;
    let mut selection =
        Selection { target: &target, pack: &mut pack, chosen: HashSet::new(), remote, budget };
    let tree = from.find_commit(commit).and_then(|commit| commit.tree()).map_err(failed)?;
    selection.choose(commit).map_err(failed)?;
    selection.choose_tree(&tree)?;

    let mut writer = target.packwriter().map_err(failed)?;
    let (mut written, mut stopped) = (0_u64, None);
    let copied = pack.foreach(|bytes| {
        written += bytes.len() as u64;
        if let Err(error) = budget.check(remote, "copying", written) {
            stopped = Some(error);
            return false;
        }
        match writer.write_all(bytes) {
            Ok(()) => true,
            Err(error) => {
                stopped = Some(SourceError::Git {
                    remote: remote.to_owned(),
                    step: "writing the pack",
                    reason: error.to_string(),
                });
                false
            }
        }
    });
    if let Some(error) = stopped {
        return Err(error);
    }
    copied.map_err(failed)?;
    writer.commit().map_err(failed)?;
    mark_shallow(to, commit)
        .map_err(|error| SourceError::State { path: to.path().join("shallow"), reason: error.to_string() })
}

struct Selection<'a, 'r> {
    target: &'a git2::Odb<'r>,
    pack: &'a mut PackBuilder<'r>,
    chosen: HashSet<Oid>,
    remote: &'a str,
    budget: &'a Budget,
}

impl Selection<'_, '_> {
    /// Adds one object; `false` if it needs no copying.
    fn choose(&mut self, id: Oid) -> Result<bool, git2::Error> {
        if !self.chosen.insert(id) || self.target.exists(id) {
            return Ok(false);
        }
        self.pack.insert_object(id, None)?;
        Ok(true)
    }

    fn choose_tree(&mut self, tree: &git2::Tree<'_>) -> Result<(), SourceError> {
        let (remote, budget) = (self.remote, self.budget);
        let failed = |error: git2::Error| SourceError::Git {
            remote: remote.to_owned(),
            step: "copying",
            reason: reason(&error),
        };
        if !self.choose(tree.id()).map_err(failed)? {
            return Ok(());
        }
        let mut stopped = None;
        let mut walked = 0_u64;
        let result = tree.walk(TreeWalkMode::PreOrder, |_, entry| {
            walked += 1;
            if walked.is_multiple_of(1024)
                && let Err(error) = budget.check(remote, "copying", 0)
            {
                stopped = Some(error);
                return TreeWalkResult::Abort;
            }
            // A submodule's commit is not in this repository.
            if entry.kind() == Some(ObjectType::Commit) {
                return TreeWalkResult::Ok;
            }
            match self.choose(entry.id()) {
                Ok(true) => TreeWalkResult::Ok,
                Ok(false) => TreeWalkResult::Skip,
                Err(error) => {
                    stopped = Some(failed(error));
                    TreeWalkResult::Abort
                }
            }
        });
        match stopped {
            Some(error) => Err(error),
            None => result.map_err(failed),
        }
    }
}

/// Notes that `commit` comes without its parents (gitrepository-layout(5), `shallow`).
fn mark_shallow(repository: &Repository, commit: Oid) -> std::io::Result<()> {
    let path = repository.path().join("shallow");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let id = commit.to_string();
    if known.lines().any(|line| line == id) {
        return Ok(());
    }
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(format!("{known}{id}\n").as_bytes())?;
    drop(file);
    std::fs::rename(new, path)
}

pub(super) fn reason(error: &git2::Error) -> String {
    super::revision::one_line(error.message().as_bytes())
}
