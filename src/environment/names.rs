//! Names as Kubernetes wants them, and names that are near to others.

/// What a name is not, if it is no DNS label (RFC 1123) of at most `limit` characters; and a name that would do.
pub(crate) fn not_a_label(name: &str, limit: usize) -> Option<(String, String)> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.len() > limit {
        return Some((
            format!("has {} characters, and {limit} is the limit", name.len()),
            "shorten it".to_owned(),
        ));
    }
    if !name.is_empty() && name.chars().all(allowed) && !name.starts_with('-') && !name.ends_with('-') {
        return None;
    }
    let what = if name.is_empty() {
        "is empty".to_owned()
    } else {
        format!(
            "is `{}`, which is not made of lower-case letters, digits and inner hyphens alone",
            excerpt(name)
        )
    };
    let likely: String =
        name.to_lowercase().chars().map(|c| if allowed(c) { c } else { '-' }).collect::<String>();
    let likely = likely.trim_matches('-');
    let remedy =
        if likely.is_empty() { "give it a name".to_owned() } else { format!("write `{}`", excerpt(likely)) };
    Some((what, remedy))
}

/// Text of the file for a message: in one line, and not too long.
pub(crate) fn excerpt(text: &str) -> String {
    const LIMIT: usize = 80;
    let mut short: String = text.chars().take(LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LIMIT).is_some() {
        short.push('…');
    }
    short
}

/// The candidate that somebody may have meant by `name`.
pub(super) fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Names of a file are bounded by its size only; comparing costs the product of the lengths.
    if name.len() > 256 {
        return None;
    }
    let wanted = name.to_lowercase();
    let near = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let distance = strsim::damerau_levenshtein(&candidate, &wanted);
        let enough = distance <= 1 + wanted.chars().count().min(candidate.chars().count()) / 4;
        let part = wanted.len() >= 3 && (candidate.starts_with(&wanted) || wanted.starts_with(&candidate));
        (enough || part).then_some(distance)
    };
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 256)
        .filter_map(|candidate| Some((near(candidate)?, candidate)))
        .min()
        .map(|(_, candidate)| candidate)
}

/// What to do about a name that is not among the candidates.
pub(crate) fn did_you_mean<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str> + Clone,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(name, candidates).map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_with_one_that_would_do() {
        assert_eq!(not_a_label("iceberg-catalog", 53), None);
        assert_eq!(not_a_label("MinIO_1", 53).unwrap().1, "write `minio-1`");
        assert_eq!(not_a_label("-a-", 53).unwrap().1, "write `a`");
        assert!(not_a_label("", 53).unwrap().0.contains("empty"));
        assert!(not_a_label(&"a".repeat(54), 53).unwrap().0.contains("54 characters"));
    }

    #[test]
    fn only_near_names_are_proposed() {
        let known = ["minio", "kafka", "iceberg-catalog"];
        assert_eq!(nearest("minoi", known), Some("minio"));
        assert_eq!(nearest("iceberg", known), Some("iceberg-catalog"));
        assert_eq!(nearest("Kafka", known), Some("kafka"));
        assert_eq!(nearest("trino", known), None);
    }
}
