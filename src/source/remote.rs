//! Asking a remote over the network, and fetching one reference from it.

use std::cell::RefCell;

use git2::{
    AutotagOption, CertificateCheckStatus, Direction, ErrorClass, ErrorCode, FetchOptions, Oid, ProxyOptions,
    RemoteCallbacks, RemoteRedirect, Repository,
};

use super::address::Address;
use super::credentials::Login;
use super::error::SourceError;
use super::known_hosts;
use super::limits::Budget;
use super::reference::{self, Tip};
use super::transfer::reason;

/// What a conversation with a remote needs.
pub(super) struct Conversation<'a> {
    pub(super) address: &'a Address,
    pub(super) login: Login,
    pub(super) known_hosts: &'a std::path::Path,
    pub(super) budget: &'a Budget,
}

/// What came of asking.
pub(super) enum Answer {
    /// The reference is where it was.
    Unchanged,
    /// It is there now, and the clone holds the commit.
    Moved(Tip),
}

impl Conversation<'_> {
    /// Asks where `wanted` is, over one connection; if that is not `known`, and not in the clone yet, fetches it.
    pub(super) fn ask(
        &self,
        clone: &Repository,
        wanted: &str,
        known: Option<Oid>,
        learned: &mut dyn FnMut(),
    ) -> Result<Answer, SourceError> {
        // What a callback found: the library only passes on that one of them said no.
        let cause = RefCell::new(None);
        let asked = RefCell::new(0);
        let mut remote =
            clone.remote_anonymous(&self.address.wire).map_err(|error| self.failed("asking", &error))?;
        let mut proxy = ProxyOptions::new();
        proxy.auto();
        let mut connection = remote
            .connect_auth(Direction::Fetch, Some(self.callbacks(&cause, &asked, "asking")), Some(proxy))
            .map_err(|error| cause.take().unwrap_or_else(|| self.failed("asking", &error)))?;
        let listed: Vec<(String, Oid)> = connection
            .list()
            .map_err(|error| cause.take().unwrap_or_else(|| self.failed("asking", &error)))?
            .iter()
            .map(|head| (head.name().to_owned(), head.oid()))
            .collect();
        let tip = reference::pick(self.address, wanted, &listed)?;
        if known == Some(tip.id) {
            return Ok(Answer::Unchanged);
        }
        learned();
        if clone.odb().map_err(|error| self.failed("fetching", &error))?.exists(tip.id) {
            return Ok(Answer::Moved(tip));
        }
        *asked.borrow_mut() = 0;
        // A branch may move to a commit that does not descend from the last one.
        let refspec = format!("+{}:{}", tip.name, tip.local_name());
        connection
            .remote()
            .download(&[refspec], Some(&mut self.fetching(&cause, &asked)))
            .map_err(|error| cause.take().unwrap_or_else(|| self.failed("fetching", &error)))?;
        Ok(Answer::Moved(tip))
    }

    /// Fetches the commit of this id, whether or not a reference leads to it. Servers may refuse that.
    pub(super) fn fetch(&self, clone: &Repository, tip: &Tip) -> Result<(), SourceError> {
        if clone.odb().map_err(|error| self.failed("fetching", &error))?.exists(tip.id) {
            return Ok(());
        }
        let cause = RefCell::new(None);
        let asked = RefCell::new(0);
        let mut remote =
            clone.remote_anonymous(&self.address.wire).map_err(|error| self.failed("fetching", &error))?;
        remote
            .download(&[format!("{}:{}", tip.id, tip.local_name())], Some(&mut self.fetching(&cause, &asked)))
            .map_err(|error| cause.take().unwrap_or_else(|| self.failed("fetching", &error)))
    }

    /// One commit, without the history before it.
    fn fetching<'c>(
        &'c self,
        cause: &'c RefCell<Option<SourceError>>,
        asked: &'c RefCell<u32>,
    ) -> FetchOptions<'c> {
        let mut options = FetchOptions::new();
        let mut proxy = ProxyOptions::new();
        proxy.auto();
        options
            .remote_callbacks(self.callbacks(cause, asked, "fetching"))
            .proxy_options(proxy)
            .download_tags(AutotagOption::None)
            .update_fetchhead(false)
            .follow_redirects(RemoteRedirect::None)
            .depth(1);
        options
    }

    fn callbacks<'c>(
        &'c self,
        cause: &'c RefCell<Option<SourceError>>,
        asked: &'c RefCell<u32>,
        step: &'static str,
    ) -> RemoteCallbacks<'c> {
        let remote = self.address.to_string();
        let within = move |received: u64| match self.budget.check(&remote, step, received) {
            Ok(()) => true,
            Err(error) => {
                cause.replace(Some(error));
                false
            }
        };
        let within_time = within.clone();
        let mut callbacks = RemoteCallbacks::new();
        callbacks
            .credentials(move |_, _, allowed| self.login.answer(allowed, &mut asked.borrow_mut()))
            .transfer_progress(move |progress| within(progress.received_bytes() as u64))
            .sideband_progress(move |_| within_time(0))
            .certificate_check(move |certificate, _| {
                let Some(shown) = certificate.as_hostkey() else {
                    return Ok(CertificateCheckStatus::CertificatePassthrough);
                };
                let checked = match (shown.hostkey(), shown.hostkey_type()) {
                    (Some(key), Some(kind)) => {
                        known_hosts::check(self.known_hosts, &self.address.known_host(), kind.name(), key)
                    }
                    _ => Err(SourceError::Unreachable {
                        remote: self.address.to_string(),
                        reason: "the ssh server showed no key".to_owned(),
                    }),
                };
                checked.map(|()| CertificateCheckStatus::CertificateOk).map_err(|error| {
                    cause.replace(Some(error));
                    git2::Error::new(ErrorCode::Certificate, ErrorClass::Ssh, "the host key is not accepted")
                })
            });
        callbacks
    }

    fn failed(&self, step: &'static str, error: &git2::Error) -> SourceError {
        let remote = self.address.to_string();
        let reason = reason(error);
        let status = |code: &str| error.class() == ErrorClass::Http && reason.contains(code);
        let gone = ["not found", "not appear to be a git repo", "does not exist"];
        match (error.code(), error.class()) {
            (ErrorCode::Timeout, _) => SourceError::TimedOut { remote, step, limit: self.budget.limit },
            (ErrorCode::Certificate, _) | (_, ErrorClass::Ssl) if reason.contains("certificate") => {
                SourceError::Certificate { remote, reason }
            }
            (ErrorCode::Auth, _) => SourceError::Refused { remote, reason, hint: self.login.hint() },
            _ if status("401") || status("403") || reason.contains("authentication replays") => {
                SourceError::Refused { remote, reason, hint: self.login.hint() }
            }
            (_, ErrorClass::Ssh) if reason.to_ascii_lowercase().contains("authenti") => {
                SourceError::Refused { remote, reason, hint: self.login.hint() }
            }
            _ if status("404") || gone.iter().any(|text| reason.to_ascii_lowercase().contains(text)) => {
                SourceError::NoRepository { remote, reason }
            }
            (_, ErrorClass::Net | ErrorClass::Os | ErrorClass::Ssl | ErrorClass::Ssh | ErrorClass::Http)
            | (ErrorCode::Eof, _) => SourceError::Unreachable { remote, reason },
            _ => SourceError::Git { remote, step, reason },
        }
    }
}
