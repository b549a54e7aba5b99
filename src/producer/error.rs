//! What can be wrong with a recipe.

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
    #[error("`{text}` is no point in time: write it as in 2026-03-01T00:00:00Z")]
    Time {
        /// What was given.
        text: String,
    },
}

/// The thing of that name, or what to write instead.
pub(super) fn one_of<T: Copy>(
    what: &'static str,
    name: &str,
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
) -> Result<T, ProducerError> {
    let names = || all.iter().map(|one| name_of(*one));
    all.iter().copied().find(|one| name_of(*one) == name).ok_or_else(|| {
        let near = names().filter(|known| strsim::damerau_levenshtein(known, name) <= 1 + known.len() / 4);
        let remedy = near.min_by_key(|known| strsim::damerau_levenshtein(known, name)).map_or_else(
            || format!("known are {}", names().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        ProducerError::Unknown { what, name: name.chars().take(80).collect(), remedy }
    })
}
