//! What can be wrong with a recipe.

use crate::environment::{did_you_mean, excerpt};

/// Why no events can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// Not a window of time.
    #[error("`{text}` is no window: {what}; write it as in 2026-03-01T10:00:00Z/2026-03-01T10:05:00Z")]
    Window {
        /// What was given.
        text: String,
        /// What is wrong with it.
        what: String,
    },
    /// A Job's name does not tell the window.
    #[error("the Job `{job}` does not tell the window: {what}; give --window START/END")]
    Job {
        /// The Job's name.
        job: String,
        /// What is wrong with it.
        what: String,
    },
    /// Not a part of a window.
    #[error("`{text}` is no slice: write k/n, with k from 1 to n, as in 2/4")]
    Slice {
        /// What was given.
        text: String,
    },
    /// Not a rate.
    #[error("`{text}` is no rate: write a whole number of events a second, from 1 to {}", super::Rate::MOST)]
    Rate {
        /// What was given.
        text: String,
    },
    /// Not a share.
    #[error("`{text}` is no share: write a number from 0 to 1 with at most six decimals, or as in 2.5%")]
    Share {
        /// What was given.
        text: String,
    },
    /// Shares of dirt that exclude each other are more than everything.
    #[error("the shares of dirt add up to {sum}, more than all events; lower one of them")]
    Shares {
        /// Their sum.
        sum: super::Share,
    },
    /// A word that is none of those known.
    #[error("there is no {what} `{name}`; {remedy}")]
    Unknown {
        /// What was asked for: `dataset`, `rhythm`, `format`.
        what: &'static str,
        /// The name given.
        name: String,
        /// What to write instead.
        remedy: String,
    },
    /// Not a point in time.
    #[error(
        "`{text}` is no time of a change: write it as in 2026-03-01T00:00:00Z, or 2026-03-01T00:00:00Z=50% for half of the events"
    )]
    Time {
        /// What was given.
        text: String,
    },
}

/// The thing of that name, or what to write instead.
pub(super) fn one_of<T: Clone>(
    what: &'static str,
    name: &str,
    all: &[T],
    name_of: impl Fn(&T) -> &'static str,
) -> Result<T, ProducerError> {
    all.iter().find(|one| name_of(one) == name).cloned().ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(name_of).collect();
        let known = || format!("known are {}", names.join(", "));
        let remedy = did_you_mean(name, names.iter().copied(), known);
        ProducerError::Unknown { what, name: excerpt(name), remedy }
    })
}
