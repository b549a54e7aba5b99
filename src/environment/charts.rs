//! Charts from elsewhere: what a component says of one, and what the lock beside the environment pins it to.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::names::excerpt;
use super::problems::Problems;
use super::{EnvironmentError, document, schema};
use crate::helm::functions::semver::Constraint;
use crate::helm::yaml::{Content, Node, YamlLimits, json_to_yaml};

/// The lock's name in the environment's folder.
pub const LOCK: &str = "charts.lock";

/// Far more than a thousand pins need.
const LIMITS: YamlLimits = YamlLimits { bytes: 1 << 20, depth: 10, nodes: 50_000 };

const HEADER: &str = "# Written by `mooring chart update`: commit it beside the environment.\n";

/// Where the chart of a component is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ChartSource {
    /// The folder of a Helm chart, from the root of the repository.
    Folder(#[schemars(length(min = 1, max = 1024))] String),
    /// A chart from elsewhere.
    Remote(RemoteChart),
}

/// A chart from elsewhere, pinned by digest in `charts.lock` beside the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoteChart {
    /// The repository: `https://charts.example.org` of an index.yaml, or `oci://registry.example.org/charts` of a registry.
    #[schemars(length(min = 1, max = 1024))]
    pub repository: String,
    /// The chart's name there.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The version, or a range of versions as Helm reads them: `1.4.2`, `^1.4`, `>=1.2 <2`. Of a registry also the digest of
    /// a manifest: `sha256:...`.
    #[schemars(length(min = 1, max = 512))]
    pub version: String,
    /// A Secret with `username` and `password`, in the environment's namespace, for a repository that asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret: Option<String>,
    /// Whether plain http is spoken with a repository on another machine, where everyone on the way can read and change
    /// what is asked. The pinned digest is verified all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
}

impl RemoteChart {
    /// Whether the repository is a registry.
    pub fn is_oci(&self) -> bool {
        self.repository.starts_with("oci://")
    }

    /// Whether a manifest's digest stands for the version.
    pub fn is_by_digest(&self) -> bool {
        self.version.starts_with("sha256:")
    }
}

/// What a chart from elsewhere is pinned to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pin {
    /// The repository, as the component says it.
    pub repository: String,
    /// The chart's name, as the component says it.
    pub name: String,
    /// The version or range that was asked for, as the component says it.
    pub version: String,
    /// The version that was found.
    pub resolved: String,
    /// The digest of the packed chart: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

impl Pin {
    fn is_of(&self, chart: &RemoteChart) -> bool {
        (&self.repository, &self.name, &self.version) == (&chart.repository, &chart.name, &chart.version)
    }
}

/// The pins of an environment's charts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChartLock {
    /// One entry a chart.
    pub charts: Vec<Pin>,
}

impl ChartLock {
    /// What a chart is pinned to.
    pub fn pin(&self, chart: &RemoteChart) -> Option<&Pin> {
        self.charts.iter().find(|pin| pin.is_of(chart))
    }

    /// Pins a chart, in the place of what it was pinned to before.
    pub fn set(&mut self, pin: Pin) {
        self.charts.retain(|other| {
            (&other.repository, &other.name, &other.version) != (&pin.repository, &pin.name, &pin.version)
        });
        self.charts.push(pin);
    }

    /// Keeps the pins of these charts alone, in order.
    pub fn keep(&mut self, charts: &[&RemoteChart]) {
        self.charts.retain(|pin| charts.iter().any(|chart| pin.is_of(chart)));
        self.charts
            .sort_by(|a, b| (&a.repository, &a.name, &a.version).cmp(&(&b.repository, &b.name, &b.version)));
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        format!("{HEADER}{}", json_to_yaml(&serde_json::to_value(self).unwrap_or_default()))
    }

    /// Reads the file.
    pub(super) fn read(file: &Arc<str>, text: &str) -> Result<Self, Vec<EnvironmentError>> {
        let schema = schema::schema_of::<Self>("Mooring chart lock");
        document::read(file, text, &LIMITS, &schema, |document, problems| {
            let pins = match document.get("charts").map(|charts| &charts.content) {
                Some(Content::Seq(pins)) => &pins[..],
                _ => &[],
            };
            for (index, pin) in pins.iter().enumerate() {
                let Some((node, digest)) = pin.get("digest").and_then(|node| Some((node, node.as_str()?)))
                else {
                    continue;
                };
                if !is_digest(digest) {
                    let what =
                        format!("charts[{index}].digest is `{}`, which is no sha256 digest", excerpt(digest));
                    problems.add(
                        node.mark,
                        what,
                        "take the entry out and run `mooring chart update`".to_owned(),
                    );
                }
                let named = pin.get("name").and_then(|node| Some((node, node.as_str()?)));
                if let Some((node, name)) = named.filter(|(_, name)| not_a_name(name).is_some()) {
                    let what =
                        format!("charts[{index}].name is `{}`, which is no chart's name", excerpt(name));
                    problems.add(
                        node.mark,
                        what,
                        "take the entry out and run `mooring chart update`".to_owned(),
                    );
                }
            }
        })
        .map(|(lock, _)| lock)
    }
}

/// Whether a text is `sha256:` and 64 hexadecimal digits, in lower case.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
    })
}

/// Whether a host is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn not_a_name(name: &str) -> Option<&'static str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    (!begins || !name.chars().all(fits)).then_some("write letters, digits, `.`, `_` and `-` alone")
}

/// What a schema cannot say of a chart from elsewhere.
pub(super) fn check(node: &Node, at: &str, problems: &mut Problems) {
    let text = |name: &str| {
        node.get(name).and_then(|node| Some((node, node.as_str().filter(|text| !text.is_empty())?)))
    };
    let insecure = node.get("insecure").is_some_and(|node| node.content == Content::Bool(true));
    let mut oci = false;
    if let Some((place, repository)) = text("repository") {
        oci = repository.starts_with("oci://");
        if let Some((what, remedy)) = not_a_repository(repository, insecure) {
            problems.add(
                place.mark,
                format!("{at}.repository is `{}`, {what}", excerpt(repository)),
                remedy.to_owned(),
            );
        }
    }
    if let Some((place, name)) = text("name")
        && let Some(remedy) = not_a_name(name)
    {
        problems.add(
            place.mark,
            format!("{at}.name is `{}`, which is no chart's name", excerpt(name)),
            remedy.to_owned(),
        );
    }
    if let Some((place, version)) = text("version") {
        if version.starts_with("sha256:") {
            if !oci {
                let what =
                    format!("{at}.version is a digest, and only registries (oci://) have charts by digest");
                problems.add(place.mark, what, "write a version: the lock pins its digest".to_owned());
            } else if !is_digest(version) {
                let what = format!("{at}.version is `{}`, which is no sha256 digest", excerpt(version));
                problems.add(place.mark, what, "write `sha256:` and 64 hexadecimal digits".to_owned());
            }
        } else if let Err(error) = Constraint::parse(version) {
            let what = format!("{at}.version is `{}`: {}", excerpt(version), excerpt(&error));
            problems.add(
                place.mark,
                what,
                "write a version or a range, such as 1.4.2, ^1.4 or >=1.2 <2".to_owned(),
            );
        }
    }
}

fn not_a_repository(repository: &str, insecure: bool) -> Option<(&'static str, &'static str)> {
    let Ok(url) = Url::parse(repository) else {
        return Some(("which is no address", "write https://HOST/PATH or oci://HOST/PATH"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("which holds credentials", "put them into a Secret, and name it under `secret`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Some(("which has more than a host and a path", "leave out what comes after the path"));
    }
    match url.scheme() {
        "https" | "oci" if url.host_str().is_some_and(|host| !host.is_empty()) => None,
        "http" if insecure || is_loopback(&url) => None,
        "http" => Some((
            "and over http everyone on the way can change what is sent",
            "use https, or say `insecure: true` beside it",
        )),
        _ => {
            Some(("which is no address of a chart repository", "write https://HOST/PATH or oci://HOST/PATH"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(version: &str, resolved: &str) -> Pin {
        Pin {
            repository: "https://charts.example.org".into(),
            name: "minio".into(),
            version: version.into(),
            resolved: resolved.into(),
            digest: format!("sha256:{}", "ab".repeat(32)),
        }
    }

    #[test]
    fn a_lock_reads_back_from_its_text_whatever_the_versions_look_like() {
        let lock =
            ChartLock { charts: vec![pin("1.10", "1.10.0"), pin(">=1 <2 || ~3", "1e3"), pin("*", "0x10")] };
        assert_eq!(ChartLock::read(&"l".into(), &lock.to_text()).unwrap(), lock);
    }

    #[test]
    fn a_pin_is_found_by_all_that_the_component_says() {
        let mut lock = ChartLock { charts: vec![pin("^1", "1.2.0")] };
        let mut chart = RemoteChart {
            repository: "https://charts.example.org".into(),
            name: "minio".into(),
            version: "^1".into(),
            secret: None,
            insecure: false,
        };
        assert_eq!(lock.pin(&chart).unwrap().resolved, "1.2.0");
        lock.set(pin("^1", "1.3.0"));
        assert_eq!((lock.pin(&chart).unwrap().resolved.as_str(), lock.charts.len()), ("1.3.0", 1));
        chart.version = "^2".into();
        assert!(lock.pin(&chart).is_none());
        lock.keep(&[&chart]);
        assert!(lock.charts.is_empty());
    }

    #[test]
    fn a_bad_lock_is_told_with_its_line() {
        let text = "charts:\n- digest: sha256:xyz\n  name: ../up\n  repository: r\n  resolved: \"1\"\n  version: \"1\"\n";
        let errors: Vec<String> =
            ChartLock::read(&"l".into(), text).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(errors[0].starts_with("l:2:11: charts[0].digest is `sha256:xyz`"), "{errors:?}");
        assert!(errors[1].starts_with("l:3:9: charts[0].name is `../up`"), "{errors:?}");
    }
}
