//! Repositories of the first kind: a web folder with an `index.yaml` (Helm's pkg/repo).

use url::Url;

use super::client::{Client, Request, basic, shown};
use super::{CHART_BYTES, ChartError, Login};
use crate::environment::RemoteChart;
use crate::helm::functions::semver::{Constraint, Version};
use crate::helm::yaml::{self, Content, Node, YamlLimits};

/// The largest index that is read. That of the largest public repository has 25 MB.
const INDEX: YamlLimits = YamlLimits { bytes: 32 << 20, depth: 50, nodes: 2_000_000 };

/// A version of a chart, as the index has it.
#[derive(Clone, Debug)]
struct Entry {
    version: String,
    digest: Option<String>,
    urls: Vec<String>,
}

/// The newest version that the chart's range allows, and the packed chart.
pub(super) fn resolve(
    client: &Client,
    chart: &RemoteChart,
    login: Option<&Login>,
) -> Result<(String, Vec<u8>), ChartError> {
    let entries = entries(client, chart, login)?;
    let versions: Vec<&str> = entries.iter().map(|entry| entry.version.as_str()).collect();
    let index = choose(&versions, &chart.version).ok_or_else(|| no_version(chart, &versions))?;
    let data = download(client, chart, login, &entries[index])?;
    Ok((entries[index].version.clone(), data))
}

/// The packed chart of a version.
pub(super) fn fetch(
    client: &Client,
    chart: &RemoteChart,
    login: Option<&Login>,
    version: &str,
) -> Result<Vec<u8>, ChartError> {
    let entries = entries(client, chart, login)?;
    let entry = entries.iter().find(|entry| entry.version == version).ok_or_else(|| {
        let gone = RemoteChart { version: version.to_owned(), ..chart.clone() };
        no_version(&gone, &entries.iter().map(|entry| entry.version.as_str()).collect::<Vec<_>>())
    })?;
    download(client, chart, login, entry)
}

/// The place of the version that is wanted: the very one, or else the newest that the range allows.
pub(super) fn choose(versions: &[&str], wanted: &str) -> Option<usize> {
    if let Some(same) = versions.iter().position(|version| *version == wanted) {
        return Some(same);
    }
    let range = Constraint::parse(wanted).ok()?;
    newest(
        versions
            .iter()
            .enumerate()
            .filter(|(_, text)| Version::parse(text).is_ok_and(|version| range.allows(&version))),
    )
}

/// The place of the newest version; the first one of equals.
fn newest<'v>(versions: impl Iterator<Item = (usize, &'v &'v str)>) -> Option<usize> {
    versions
        .filter_map(|(index, text)| Some((index, Version::parse(text).ok()?)))
        .reduce(|best, other| if other.1.compare(&best.1).is_gt() { other } else { best })
        .map(|(index, _)| index)
}

pub(super) fn no_version(chart: &RemoteChart, versions: &[&str]) -> ChartError {
    let newest = newest(versions.iter().enumerate())
        .map_or_else(String::new, |index| format!("; the newest is {}", versions[index]));
    ChartError::NoVersion {
        repository: chart.repository.clone(),
        name: chart.name.clone(),
        version: chart.version.clone(),
        newest,
    }
}

fn folder(chart: &RemoteChart) -> Result<Url, ChartError> {
    let url = format!("{}/", chart.repository.trim_end_matches('/'));
    Url::parse(&url).map_err(|error| ChartError::Address {
        url: chart.repository.clone(),
        reason: format!("{error}; write https://HOST/PATH"),
    })
}

fn entries(client: &Client, chart: &RemoteChart, login: Option<&Login>) -> Result<Vec<Entry>, ChartError> {
    let url = folder(chart)?;
    let url = url.join("index.yaml").unwrap_or(url);
    let wrong = |reason: String| ChartError::Answer { url: shown(&url), reason };
    let body = client.body(&Request {
        url: &url,
        accept: "*/*",
        authorization: login.map(basic).as_deref(),
        limit: INDEX.bytes as u64,
        insecure: chart.insecure,
    })?;
    let text = String::from_utf8(body).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    let index = yaml::parse(&text, &INDEX).map_err(|error| wrong(format!("no index of charts: {error}")))?;
    let Some(all) = index.get("entries") else {
        return Err(wrong("it has no `entries`: this is no index of charts".to_owned()));
    };
    let versions = all.get(&chart.name).ok_or_else(|| ChartError::NoSuchChart {
        repository: chart.repository.clone(),
        name: chart.name.clone(),
    })?;
    let Content::Seq(versions) = &versions.content else {
        return Err(wrong(format!("what it has of {} is no list", chart.name)));
    };
    Ok(versions.iter().filter_map(entry).collect())
}

fn entry(node: &Node) -> Option<Entry> {
    let urls = match &node.get("urls")?.content {
        Content::Seq(urls) => urls.iter().filter_map(Node::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let digest = node.get("digest").and_then(Node::as_str).filter(|digest| !digest.is_empty());
    let digest =
        digest.map(|digest| format!("sha256:{}", digest.trim_start_matches("sha256:").to_lowercase()));
    Some(Entry { version: node.get("version")?.as_str()?.to_owned(), digest, urls })
}

fn download(
    client: &Client,
    chart: &RemoteChart,
    login: Option<&Login>,
    entry: &Entry,
) -> Result<Vec<u8>, ChartError> {
    let what = format!("{} {} of {}", chart.name, entry.version, chart.repository);
    let folder = folder(chart)?;
    let target = entry.urls.first().map(|target| folder.join(target));
    let Some(Ok(url)) = target else {
        let reason = format!("its index gives no address of {} {}", chart.name, entry.version);
        return Err(ChartError::Answer { url: shown(&folder), reason });
    };
    // As Helm does it: the login is the repository's, not that of a host that its index points to.
    let same = (url.scheme(), url.host_str(), url.port_or_known_default())
        == (folder.scheme(), folder.host_str(), folder.port_or_known_default());
    let data = client.body(&Request {
        url: &url,
        accept: "*/*",
        authorization: login.filter(|_| same).map(basic).as_deref(),
        limit: CHART_BYTES,
        insecure: chart.insecure,
    })?;
    if let Some(digest) = &entry.digest {
        super::expect_digest(&what, digest, &data)?;
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_helm_reads_them() {
        let versions = ["1.2.0", "v1.10.0", "2.0.0-rc.1", "1.9.0", "nonsense", "2.0.0", "0.9.0"];
        let chosen = |wanted| choose(&versions, wanted).map(|index| versions[index]);
        assert_eq!(chosen("^1"), Some("v1.10.0"));
        assert_eq!(chosen(">=1.2 <1.10"), Some("1.9.0"));
        assert_eq!(chosen("*"), Some("2.0.0"));
        assert_eq!(chosen("~2.0.0-0"), Some("2.0.0"));
        assert_eq!(chosen("2.0.0-rc.1"), Some("2.0.0-rc.1"));
        assert_eq!(chosen("nonsense"), Some("nonsense"));
        assert_eq!(chosen("3.x"), None);
    }
}
