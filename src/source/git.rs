//! Follows one branch of a git remote.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use git2::{ErrorClass, ErrorCode, ObjectType, Oid, Repository};

use super::address::{Address, Transport};
use super::clone::{BareClone, Store};
use super::credentials::Credentials;
use super::error::SourceError;
use super::git_snapshot::GitSnapshot;
use super::limits::{Budget, ReadLimits};
use super::reference::{self, Tip};
use super::remote::{Answer, Conversation};
use super::revision::Revision;
use super::signature::Verification;
use super::snapshot::{Snapshot, View};
use super::transfer::{self, reason};
use super::worker::Worker;

/// What is followed, and how.
#[derive(Clone, Debug)]
pub struct GitOptions {
    /// The remote.
    pub address: Address,
    /// A branch, a tag, or a reference's full name.
    pub reference: String,
    /// What the remote may ask for.
    pub credentials: Credentials,
    /// The folder that the clone is kept in, made if it does not exist.
    pub state: PathBuf,
    /// How often the remote is asked, ±10 %.
    pub interval: Duration,
    /// The longest that one fetch may take.
    pub timeout: Duration,
    /// The most that one fetch may bring, in bytes.
    pub fetch_bytes: u64,
    /// What may be read from a snapshot.
    pub limits: ReadLimits,
    /// Whose commits are applied; anybody's if not given.
    pub verification: Option<Verification>,
}

impl GitOptions {
    /// Follows `reference` of `address`, with a clone under `state`: every 30 s, at most 2 min and 1 GiB a fetch.
    pub fn new(address: Address, reference: impl Into<String>, state: impl Into<PathBuf>) -> Self {
        Self {
            address,
            reference: reference.into(),
            credentials: Credentials::default(),
            state: state.into(),
            interval: Duration::from_secs(30),
            timeout: Duration::from_mins(2),
            fetch_bytes: 1 << 30,
            limits: ReadLimits::default(),
            verification: None,
        }
    }
}

/// A revision, and what it took to get it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The revision's files.
    pub snapshot: Arc<Snapshot>,
    /// When it was learned that there is something new, before it was fetched.
    pub learned: Instant,
    /// How long it took from there to the snapshot.
    pub took: Duration,
}

/// One remote's branch. Cheap to clone; all clones share the clone on disk.
#[derive(Clone, Debug)]
pub(super) struct GitSource {
    pub(super) options: Arc<GitOptions>,
    store: Arc<Mutex<Option<Store>>>,
    worker: Arc<Worker>,
    /// The commit that was applied last, as others remember it.
    last: Option<Oid>,
}

impl GitSource {
    pub(super) fn new(options: GitOptions) -> Result<Self, SourceError> {
        super::limits::set_library_limits();
        reference::check(&options.address, &options.reference)?;
        Ok(Self { options: Arc::new(options), store: Arc::default(), worker: Arc::default(), last: None })
    }

    pub(super) fn remembering(self, last: Option<Oid>) -> Self {
        Self { last, ..self }
    }

    /// Asks the remote; `None` if the reference is still at `known`.
    pub(super) async fn poll(&self, known: Option<&Snapshot>) -> Result<Option<Arrival>, SourceError> {
        let known = known
            .filter(|snapshot| !snapshot.is_damaged())
            .and_then(|snapshot| snapshot.revision().id.parse().ok());
        let budget = Budget::new(self.options.timeout, self.options.fetch_bytes);
        let _stop = budget.stop_on_drop();
        // The operation ends by itself in time, unless it hangs where no callback is called.
        let limit = self.options.timeout + Duration::from_secs(5);
        let source = self.clone();
        let remote = self.options.address.to_string();
        self.worker.run(&remote, "fetching", limit, move || source.poll_now(known, &budget)).await
    }

    /// What an earlier fetch left on disk, if anything: something to hold on to while the remote is away.
    pub(super) async fn kept(&self) -> Result<Option<Arrival>, SourceError> {
        let source = self.clone();
        let remote = self.options.address.to_string();
        self.worker.run(&remote, "reading", Duration::from_secs(30), move || source.kept_now()).await
    }

    /// The commit that was applied last, by its id, although the branch may be elsewhere by now: what to hold on to on a
    /// machine that kept nothing. `None` if nobody remembers it.
    pub(super) async fn last(&self) -> Result<Option<Arrival>, SourceError> {
        let Some(id) = self.last else { return Ok(None) };
        let budget = Budget::new(self.options.timeout, self.options.fetch_bytes);
        let _stop = budget.stop_on_drop();
        let limit = self.options.timeout + Duration::from_secs(5);
        let source = self.clone();
        let remote = self.options.address.to_string();
        self.worker.run(&remote, "fetching", limit, move || source.last_now(id, &budget).map(Some)).await
    }

    fn last_now(&self, id: Oid, budget: &Budget) -> Result<Arrival, SourceError> {
        let learned = Instant::now();
        let clone = self.clone_in_use()?;
        let repository = clone.repository().map_err(|error| self.damaged(&clone, &error))?;
        let name = reference::candidates(&self.options.reference).swap_remove(0);
        let tip = Tip { name, id };
        if let Transport::Local(path) = &self.options.address.transport {
            let remote = self.options.address.to_string();
            transfer::copy_commit(&self.origin(path)?, &repository, id, &remote, budget)?;
        } else {
            self.converse(budget, |conversation| conversation.fetch(&repository, &tip))?;
        }
        let snapshot = self.snapshot(&clone, &tip)?;
        self.admit(&repository, &snapshot)?;
        keep(&repository, &tip.local_name(), id).map_err(|error| self.damaged(&clone, &error))?;
        Ok(Arrival { snapshot, learned, took: learned.elapsed() })
    }

    fn kept_now(&self) -> Result<Option<Arrival>, SourceError> {
        let learned = Instant::now();
        let clone = self.clone_in_use()?;
        let damaged = |error: git2::Error| self.damaged(&clone, &error);
        let repository = clone.repository().map_err(damaged)?;
        for name in reference::candidates(&self.options.reference) {
            if let Ok(id) = repository.refname_to_id(&reference::local_name(&name)) {
                let snapshot = self.snapshot(&clone, &Tip { name, id })?;
                self.admit(&repository, &snapshot)?;
                return Ok(Some(Arrival { snapshot, learned, took: learned.elapsed() }));
            }
        }
        Ok(None)
    }

    fn poll_now(&self, known: Option<Oid>, budget: &Budget) -> Result<Option<Arrival>, SourceError> {
        let clone = self.clone_in_use()?;
        let (clone, known) = if clone.is_damaged() {
            (self.replace(&clone, "an object of it could not be read")?, None)
        } else {
            (clone, known)
        };
        match self.poll_into(&clone, known, budget) {
            Err(SourceError::Damaged { reason, .. }) => {
                let fresh = self.replace(&clone, &reason)?;
                self.poll_into(&fresh, None, budget)
            }
            result => result,
        }
    }

    fn poll_into(
        &self,
        clone: &Arc<BareClone>,
        known: Option<Oid>,
        budget: &Budget,
    ) -> Result<Option<Arrival>, SourceError> {
        let options = &*self.options;
        let repository = clone.repository().map_err(|error| self.damaged(clone, &error))?;
        let mut learned = Instant::now();
        let answer = if let Transport::Local(path) = &options.address.transport {
            self.ask_local(path, &repository, known, budget)
        } else {
            self.converse(budget, |conversation| {
                conversation.ask(&repository, &options.reference, known, &mut || learned = Instant::now())
            })
        };
        let tip = match answer {
            Ok(Answer::Unchanged) => return Ok(None),
            Ok(Answer::Moved(tip)) => tip,
            // An odd failure while there are objects to stumble over: what was fetched before may be broken.
            Err(SourceError::Git { reason, .. }) if has_objects(&repository) && !intact(&repository) => {
                return Err(SourceError::Damaged {
                    remote: options.address.to_string(),
                    folder: clone.path().to_owned(),
                    reason,
                });
            }
            Err(error) => return Err(error),
        };
        let mut snapshot = self.snapshot(clone, &tip)?;
        // Before it is kept: what a restart finds has passed once.
        self.admit(&repository, &snapshot)?;
        keep(&repository, &tip.local_name(), tip.id).map_err(|error| self.damaged(clone, &error))?;
        if clone.is_overgrown() {
            match self.repack(clone, &tip, budget) {
                Ok(smaller) => snapshot = smaller,
                Err(error) => {
                    tracing::warn!(%error, "the clone's packs could not be put together: going on with many");
                }
            }
        }
        Ok(Some(Arrival { snapshot, learned, took: learned.elapsed() }))
    }

    /// Speaks with the remote over the network.
    fn converse<T>(
        &self,
        budget: &Budget,
        speak: impl FnOnce(Conversation<'_>) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let options = &*self.options;
        let known_hosts =
            options.credentials.known_hosts.clone().unwrap_or_else(|| options.state.join("known_hosts"));
        let login = options.credentials.login(&options.address)?;
        speak(Conversation { address: &options.address, login, known_hosts: &known_hosts, budget })
    }

    fn ask_local(
        &self,
        path: &std::path::Path,
        clone: &Repository,
        known: Option<Oid>,
        budget: &Budget,
    ) -> Result<Answer, SourceError> {
        let address = &self.options.address;
        let remote = address.to_string();
        let failed = |step, error: &git2::Error| SourceError::Git {
            remote: remote.clone(),
            step,
            reason: reason(error),
        };
        let origin = self.origin(path)?;
        for name in reference::candidates(&self.options.reference) {
            let Ok(found) = origin.find_reference(&name) else { continue };
            let Ok(found) = found.resolve() else { continue };
            let target =
                found.peel(ObjectType::Any).map_err(|error| failed("resolving the reference", &error))?;
            let id = if let Some(tag) = target.as_tag() {
                tag.target().and_then(|target| Ok(peel_tag(target)?.id()))
            } else {
                Ok(target.id())
            };
            let id = id.map_err(|error| failed("resolving the tag", &error))?;
            if known == Some(id) {
                return Ok(Answer::Unchanged);
            }
            let tip = Tip { name, id };
            if origin.find_commit(id).is_err() {
                return Err(self.not_a_commit(&origin, &tip));
            }
            transfer::copy_commit(&origin, clone, id, &remote, budget)?;
            return Ok(Answer::Moved(tip));
        }
        let listed: Vec<(String, Oid)> = origin
            .references()
            .map_err(|error| failed("listing the references", &error))?
            .flatten()
            .filter_map(|reference| Some((reference.name().ok()?.to_owned(), reference.target()?)))
            .collect();
        reference::pick(address, &self.options.reference, &listed).map(Answer::Moved)
    }

    /// Refuses a commit that is not signed as it must be.
    fn admit(&self, repository: &Repository, snapshot: &Snapshot) -> Result<(), SourceError> {
        match &self.options.verification {
            Some(verification) => verification.admit(repository, snapshot.revision()),
            None => Ok(()),
        }
    }

    /// Opens a remote that is a path of this machine.
    fn origin(&self, path: &std::path::Path) -> Result<Repository, SourceError> {
        let remote = self.options.address.to_string();
        Repository::open(path).map_err(|error| match (error.code(), error.class()) {
            (ErrorCode::Owner, _) => SourceError::Git {
                step: "opening",
                reason: format!(
                    "it belongs to another user; to trust it: git config --global --add safe.directory {remote}"
                ),
                remote,
            },
            (ErrorCode::NotFound, ErrorClass::Os | ErrorClass::Repository) => {
                SourceError::NoRepository { remote, reason: reason(&error) }
            }
            _ => SourceError::Git { remote, step: "opening", reason: reason(&error) },
        })
    }

    /// Opens the commit, which proves that it is there.
    fn snapshot(&self, clone: &Arc<BareClone>, tip: &Tip) -> Result<Arc<Snapshot>, SourceError> {
        let repository = clone.repository().map_err(|error| self.damaged(clone, &error))?;
        let object = repository.find_object(tip.id, None).map_err(|error| self.damaged(clone, &error))?;
        let Ok(commit) = object.peel_to_commit() else { return Err(self.not_a_commit(&repository, tip)) };
        let tree = commit.tree().map_err(|error| self.damaged(clone, &error))?;
        let name = tip.name.as_str();
        let branch =
            name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")).unwrap_or(name);
        let revision = Revision::of_commit(&commit, branch);
        let view = GitSnapshot::new(Arc::clone(clone), tree.id(), self.options.limits);
        Ok(Arc::new(Snapshot::new(revision, View::Git(view))))
    }

    /// Puts the tip alone into a clone of its own, which takes the place of the one with all the packs.
    fn repack(&self, old: &Arc<BareClone>, tip: &Tip, budget: &Budget) -> Result<Arc<Snapshot>, SourceError> {
        let fresh = self.with_store(Store::create)?;
        let damaged = |error: git2::Error| self.damaged(old, &error);
        let (from, to) = (old.repository().map_err(damaged)?, fresh.repository().map_err(damaged)?);
        transfer::copy_commit(&from, &to, tip.id, &self.options.address.to_string(), budget)?;
        keep(&to, &tip.local_name(), tip.id).map_err(damaged)?;
        let clone = self.with_store(|store| {
            store.promote(fresh);
            Ok(store.current())
        })?;
        self.snapshot(&clone, tip)
    }

    fn clone_in_use(&self) -> Result<Arc<BareClone>, SourceError> {
        self.with_store(|store| Ok(store.current()))
    }

    fn replace(&self, old: &Arc<BareClone>, why: &str) -> Result<Arc<BareClone>, SourceError> {
        self.with_store(|store| store.replace_damaged(old, why))
    }

    /// The store is opened at its first use, and never held over a network step: a hanging thread blocks nobody.
    fn with_store<T>(
        &self,
        act: impl FnOnce(&mut Store) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let mut slot = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = slot.as_mut() {
            return act(store);
        }
        act(slot.insert(Store::open(&self.options.state, &self.options.address)?))
    }

    fn damaged(&self, clone: &BareClone, error: &git2::Error) -> SourceError {
        SourceError::Damaged {
            remote: self.options.address.to_string(),
            folder: clone.path().to_owned(),
            reason: reason(error),
        }
    }

    fn not_a_commit(&self, repository: &Repository, tip: &Tip) -> SourceError {
        let found = repository.find_object(tip.id, None).ok().and_then(|object| object.kind());
        SourceError::NotACommit {
            remote: self.options.address.to_string(),
            reference: self.options.reference.clone(),
            found: found.map_or_else(|| "nothing readable".to_owned(), |kind| format!("a {}", kind.str())),
        }
    }
}

fn peel_tag(object: git2::Object<'_>) -> Result<git2::Object<'_>, git2::Error> {
    match object.as_tag() {
        Some(tag) => peel_tag(tag.target()?),
        None => Ok(object),
    }
}

fn keep(repository: &Repository, name: &str, id: Oid) -> Result<(), git2::Error> {
    repository.reference(name, id, true, "fetch").map(drop)
}

fn has_objects(repository: &Repository) -> bool {
    repository.references().is_ok_and(|mut all| all.next().is_some())
}

/// Whether every reference of the clone leads to a commit whose root folder is there.
fn intact(repository: &Repository) -> bool {
    repository.references().is_ok_and(|references| {
        references
            .into_iter()
            .all(|reference| reference.and_then(|reference| reference.peel_to_commit()?.tree()).is_ok())
    })
}

#[cfg(test)]
impl GitSource {
    /// The same snapshot, read through repositories that hold nothing open or cached yet.
    pub(super) fn with_clone_reopened(&self, snapshot: &Snapshot) -> Arc<Snapshot> {
        let clone = self.clone_in_use().unwrap();
        clone.forget_open();
        let root = clone_root(snapshot);
        let view = GitSnapshot::new(clone, root, self.options.limits);
        Arc::new(Snapshot::new(snapshot.revision().clone(), View::Git(view)))
    }
}

#[cfg(test)]
fn clone_root(snapshot: &Snapshot) -> Oid {
    use crate::manifest::Files as _;
    snapshot.entry("").unwrap().unwrap().id.parse().unwrap()
}
