//! Time zones by their names, from the database that is part of this program, as Kubernetes' controller has its own.

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Why a name is no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// Not in the database.
    #[error("unknown time zone `{name}`; {hint}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// What to write instead.
        hint: String,
    },
}

/// The zone of that name in the IANA database, upper and lower case as there.
pub fn zone(name: &str) -> Result<TimeZone, ZoneError> {
    let database = TimeZoneDatabase::bundled();
    let found =
        database.get(name).ok().filter(|zone| zone.iana_name() == Some(name) && name != "Etc/Unknown");
    found.ok_or_else(|| ZoneError::Unknown { name: name.to_owned(), hint: hint(&database, name) })
}

fn hint(database: &TimeZoneDatabase, name: &str) -> String {
    let wanted = name.to_lowercase();
    // `Berlin` for `Europe/Berlin` is nearer than any name of six letters.
    let distance = |known: &str| {
        let known = known.to_lowercase();
        let city = known.rsplit('/').next().unwrap_or(&known);
        strsim::damerau_levenshtein(&known, &wanted).min(strsim::damerau_levenshtein(city, &wanted) + 1)
    };
    database
        .available()
        .map(|known| (distance(known.as_str()), known))
        .min_by(|(a, a_name), (b, b_name)| a.cmp(b).then_with(|| a_name.as_str().cmp(b_name.as_str())))
        .filter(|(distance, _)| *distance <= 1 + name.len() / 5)
        .map_or_else(
            || "use a name of the IANA database, for example `Europe/Berlin`".to_owned(),
            |(_, known)| format!("did you mean `{known}`?"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_found_by_their_exact_names_and_near_ones_proposed() {
        for name in
            ["Etc/UTC", "UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Argentina/Buenos_Aires"]
        {
            assert!(zone(name).is_ok(), "{name}");
        }
        for (name, near) in [
            ("europe/berlin", "`Europe/Berlin`"),
            ("Europe/Berlni", "`Europe/Berlin`"),
            ("Berlin", "`Europe/Berlin`"),
            ("Mars/Olympus_Mons", "IANA"),
            ("Local", "IANA"),
            ("", "IANA"),
            ("../etc/passwd", "IANA"),
        ] {
            let error = zone(name).unwrap_err().to_string();
            assert!(error.contains(near), "{error}");
        }
    }
}
