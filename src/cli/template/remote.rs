//! Charts that `mooring template` fetches: `--repo`, and `oci://`.

use super::flags::Accepted;
use crate::cli::source::default_state;
use crate::environment::RemoteChart;
use crate::helm::Chart;
use crate::helm::template::HelmVersion;
use crate::source::{ChartStore, Login, SecretText};

/// What is kept of charts that this command fetched, in bytes.
const CACHE_BYTES: u64 = 512 << 20;
/// What stands for a Secret's name: the flags.
const FLAGS: &str = "--username";

/// The chart that is to be fetched, where the reference names one. Without a version it is the newest, as in helm.
pub(super) fn chart(flags: &Accepted, reference: &str) -> Option<RemoteChart> {
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (repository, name) = match set(&flags.repo) {
        Some(repository) => (repository, reference),
        None if reference.starts_with("oci://") => {
            let (repository, name) = reference.trim_end_matches('/').rsplit_once('/')?;
            (repository.to_owned(), name)
        }
        None => return None,
    };
    // A tag or a digest may stand behind the name.
    let (name, tag) = match name.split_once('@').or_else(|| name.split_once(':')) {
        Some((name, tag)) if repository.starts_with("oci://") => (name, Some(tag.to_owned())),
        _ => (name, None),
    };
    // Helm takes an address of http at its word, and nothing here is applied.
    let insecure = flags.plain_http || repository.starts_with("http://");
    Some(RemoteChart {
        repository,
        name: name.to_owned(),
        version: tag.or_else(|| set(&flags.version)).unwrap_or_else(|| "*".to_owned()),
        secret: set(&flags.username).map(|_| FLAGS.to_owned()),
        insecure,
    })
}

/// Fetches it, to be rendered as this Helm does.
pub(super) fn fetch(flags: &Accepted, chart: &RemoteChart, helm: HelmVersion) -> Result<Chart, String> {
    let store = ChartStore::new(default_state().join("charts"), CACHE_BYTES);
    let login = |_: &str| {
        Ok(Login {
            username: flags.username.clone().unwrap_or_default(),
            password: SecretText::new(flags.password.clone().unwrap_or_default()),
        })
    };
    store.pull(chart, &login, helm).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(repo: Option<&str>, version: Option<&str>) -> Accepted {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let mut flags = Accepted::default();
        flags.repo = text(repo);
        flags.version = text(version);
        flags
    }

    #[test]
    fn a_reference_is_fetched_with_a_repository_or_from_a_registry_alone() {
        let told = |flags: &Accepted, reference: &str| {
            chart(flags, reference)
                .map(|chart| format!("{} {} {}", chart.repository, chart.name, chart.version))
        };
        assert_eq!(told(&flags(None, None), "components/trino"), None);
        assert_eq!(told(&flags(None, None), "https://example.org/a.tgz"), None);
        assert_eq!(
            told(&flags(Some("https://c.example.org"), Some("^1")), "web").unwrap(),
            "https://c.example.org web ^1"
        );
        assert_eq!(told(&flags(None, None), "oci://r:5000/a/web").unwrap(), "oci://r:5000/a web *");
        assert_eq!(told(&flags(None, None), "oci://r:5000/a/web:1.2.3").unwrap(), "oci://r:5000/a web 1.2.3");
        assert_eq!(told(&flags(None, None), "oci://r/web@sha256:ab").unwrap(), "oci://r web sha256:ab");
    }
}
