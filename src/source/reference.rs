//! Which reference of a remote is followed.

use git2::Oid;

use super::address::Address;
use super::error::SourceError;

/// How many references are named in an error.
const NAMED: usize = 8;

/// A reference found at a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    /// The full name, `refs/heads/main`.
    pub(super) name: String,
    /// What it points to; for an annotated tag, what the tag points to.
    pub(super) id: Oid,
}

impl Tip {
    /// Where the clone keeps it.
    pub(super) fn local_name(&self) -> String {
        local_name(&self.name)
    }
}

/// Where the clone keeps a remote's reference: in a space of our own, one name each.
pub(super) fn local_name(name: &str) -> String {
    format!("refs/mooring/{}", name.strip_prefix("refs/").unwrap_or(name))
}

/// The full names that `wanted` may stand for, the first that exists wins: itself if it is full, else a branch, else a
/// tag.
pub(super) fn candidates(wanted: &str) -> Vec<String> {
    if wanted == "HEAD" || wanted.starts_with("refs/") {
        vec![wanted.to_owned()]
    } else {
        vec![format!("refs/heads/{wanted}"), format!("refs/tags/{wanted}")]
    }
}

/// Checks a reference's name before anything is asked of a remote.
pub(super) fn check(remote: &Address, wanted: &str) -> Result<(), SourceError> {
    let full = candidates(wanted).swap_remove(0);
    if full == "HEAD" || (git2::Reference::is_valid_name(&full) && !full.contains('*')) {
        return Ok(());
    }
    Err(SourceError::NoReference {
        remote: remote.to_string(),
        reference: super::revision::one_line(wanted.as_bytes()),
        suggestion: ": that is no name of a branch or tag".to_owned(),
    })
}

/// Picks `wanted` out of what a remote lists.
pub(super) fn pick(remote: &Address, wanted: &str, listed: &[(String, Oid)]) -> Result<Tip, SourceError> {
    for name in candidates(wanted) {
        // A remote lists `v1^{}` after an annotated tag `v1`: the commit behind it.
        let peeled = format!("{name}^{{}}");
        let find = |wanted: &str| listed.iter().find(|(listed, _)| listed == wanted).map(|(_, id)| *id);
        if let Some(id) = find(&peeled).or_else(|| find(&name)) {
            return Ok(Tip { name, id });
        }
    }
    if listed.is_empty() {
        return Err(SourceError::Empty { remote: remote.to_string(), reference: wanted.to_owned() });
    }
    Err(SourceError::NoReference {
        remote: remote.to_string(),
        reference: wanted.to_owned(),
        suggestion: suggestion(wanted, listed),
    })
}

fn suggestion(wanted: &str, listed: &[(String, Oid)]) -> String {
    if wanted.len() >= 40 && wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return ": a commit's id cannot be followed; name a branch or a tag".to_owned();
    }
    let short = |name: &str| {
        let name = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/"))?;
        Some(super::revision::one_line(name.as_bytes()))
    };
    let names: Vec<String> = listed
        .iter()
        .filter(|(name, _)| !name.ends_with("^{}"))
        .filter_map(|(name, _)| short(name))
        .collect();
    let closest = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, wanted), name))
        .filter(|(distance, name)| *distance <= (name.chars().count().max(wanted.chars().count()) / 3).max(1))
        .min();
    match closest {
        Some((_, name)) => format!("; did you mean {name}?"),
        None if names.is_empty() => String::new(),
        None if names.len() <= NAMED => format!("; there is {}", names.join(", ")),
        None => format!("; there is {} and {} more", names[..NAMED].join(", "), names.len() - NAMED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(names: &[&str]) -> Vec<(String, Oid)> {
        names
            .iter()
            .zip(1_u8..)
            .map(|(name, n)| ((*name).to_owned(), Oid::from_bytes(&[n; 20]).unwrap()))
            .collect()
    }

    fn remote() -> Address {
        Address::parse("/srv/lake.git").unwrap()
    }

    #[test]
    fn a_branch_wins_over_a_tag_of_the_same_name() {
        let tip = pick(&remote(), "v1", &listed(&["refs/tags/v1", "refs/heads/v1"])).unwrap();
        assert_eq!(tip.name, "refs/heads/v1");
    }

    #[test]
    fn an_annotated_tag_leads_to_its_commit() {
        let refs = listed(&["refs/tags/v1", "refs/tags/v1^{}"]);
        assert_eq!(pick(&remote(), "v1", &refs).unwrap(), Tip { name: "refs/tags/v1".into(), id: refs[1].1 });
        assert_eq!(pick(&remote(), "refs/tags/v1", &refs).unwrap().id, refs[1].1);
    }

    #[test]
    fn a_wrong_name_is_answered_with_what_there_is() {
        let refs = listed(&["HEAD", "refs/heads/main", "refs/heads/staging", "refs/tags/v1"]);
        let error = |wanted| pick(&remote(), wanted, &refs).unwrap_err().to_string();
        assert!(error("mian").ends_with("mian; did you mean main?"), "{}", error("mian"));
        assert!(error("production").ends_with("; there is main, staging, v1"), "{}", error("production"));
        assert!(error(&"a".repeat(40)).contains("a commit's id cannot be followed"));
        assert!(matches!(pick(&remote(), "main", &[]), Err(SourceError::Empty { .. })));
        assert!(check(&remote(), "a b").is_err());
        assert!(check(&remote(), "refs/heads/*").is_err());
    }
}
