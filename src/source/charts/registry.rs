//! OCI registries: a chart is the one layer of a manifest (the OCI distribution specification 1.1, Helm's HIP-6).

use std::cell::RefCell;

use http::header::{HeaderMap, LINK, WWW_AUTHENTICATE};
use serde_json::Value;
use url::Url;

use super::client::{Answer, Client, Request, basic, shown, unauthorized};
use super::repository::{choose, no_version};
use super::{CHART_BYTES, ChartError, Login};
use crate::environment::{RemoteChart, is_digest, is_loopback};
use crate::helm::functions::semver::Version;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media types of a packed chart: today's, and that of Helm's first releases.
const CHART_LAYERS: [&str; 2] =
    ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];
/// The most that a manifest, a token or a page of tags may have, in bytes.
const DOCUMENT_BYTES: u64 = 4 << 20;
/// Pages of tags that are read: those with a hundred thousand tags.
const PAGES: usize = 100;

/// One chart's repository in a registry.
pub(super) struct Registry<'a> {
    client: &'a Client,
    chart: &'a RemoteChart,
    login: Option<&'a Login>,
    /// `https://host/v2/path/name/`
    base: Url,
    /// What the registry wanted to be told.
    authorization: RefCell<Option<String>>,
}

impl<'a> Registry<'a> {
    pub(super) fn new(
        client: &'a Client,
        chart: &'a RemoteChart,
        login: Option<&'a Login>,
    ) -> Result<Self, ChartError> {
        let wrong =
            |reason: &str| ChartError::Address { url: chart.repository.clone(), reason: reason.to_owned() };
        let rest = chart.repository.strip_prefix("oci://").ok_or_else(|| wrong("write oci://HOST/PATH"))?;
        let (host, path) =
            rest.trim_end_matches('/').split_once('/').unwrap_or((rest.trim_end_matches('/'), ""));
        // Docker Hub's own name is not that of its registry.
        let host = if host == "docker.io" { "registry-1.docker.io" } else { host };
        let slash = if path.is_empty() { "" } else { "/" };
        let address =
            |scheme: &str| Url::parse(&format!("{scheme}://{host}/v2/{path}{slash}{}/", chart.name));
        let mut base = address("https").map_err(|_| wrong("this is no address: write oci://HOST/PATH"))?;
        if chart.insecure || is_loopback(&base) {
            base = address("http").map_err(|_| wrong("this is no address: write oci://HOST/PATH"))?;
        }
        Ok(Self { client, chart, login, base, authorization: RefCell::default() })
    }

    /// The newest version that the range allows, or the one of this digest, and the packed chart.
    pub(super) fn resolve(&self, wanted: &str) -> Result<(String, Vec<u8>), ChartError> {
        let version = if wanted.starts_with("sha256:") || is_exact(wanted) {
            wanted.to_owned()
        } else {
            let tags = self.tags()?;
            // A tag cannot hold the `+` of a version.
            let versions: Vec<String> = tags.iter().map(|tag| tag.replace('_', "+")).collect();
            let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
            let index = choose(&versions, wanted).ok_or_else(|| no_version(self.chart, &versions))?;
            versions[index].to_owned()
        };
        let layer = self.layer(&version.replace('+', "_"))?;
        let data = self.blob(&layer)?;
        super::expect_digest(
            &format!("{} {version} of {}", self.chart.name, self.chart.repository),
            &layer,
            &data,
        )?;
        Ok((version, data))
    }

    /// The blob of a digest; the caller verifies it.
    pub(super) fn blob(&self, digest: &str) -> Result<Vec<u8>, ChartError> {
        Ok(self.get(&self.at(&format!("blobs/{digest}"))?, "*/*", CHART_BYTES)?.body)
    }

    /// The digest of the packed chart in the manifest of a tag or digest.
    fn layer(&self, reference: &str) -> Result<String, ChartError> {
        let url = self.at(&format!("manifests/{reference}"))?;
        let wrong = |reason: String| ChartError::Answer { url: shown(&url), reason };
        let body = self.get(&url, MANIFEST, DOCUMENT_BYTES)?.body;
        if reference.starts_with("sha256:") {
            super::expect_digest(&format!("the manifest {}", shown(&url)), reference, &body)?;
        }
        let manifest: Value =
            serde_json::from_slice(&body).map_err(|error| wrong(format!("no manifest: {error}")))?;
        let layers = manifest.get("layers").and_then(Value::as_array);
        let text = |layer: &Value, name: &str| layer.get(name).and_then(Value::as_str).map(str::to_owned);
        layers
            .into_iter()
            .flatten()
            .find(|layer| text(layer, "mediaType").is_some_and(|kind| CHART_LAYERS.contains(&kind.as_str())))
            .and_then(|layer| text(layer, "digest"))
            .filter(|digest| is_digest(digest))
            .ok_or_else(|| wrong("this is no Helm chart: its manifest has no layer with one".to_owned()))
    }

    fn tags(&self) -> Result<Vec<String>, ChartError> {
        let mut tags = Vec::new();
        let mut url = self.at("tags/list?n=1000")?;
        for _ in 0..PAGES {
            let answer = self.get(&url, "application/json", DOCUMENT_BYTES)?;
            let wrong = |reason: String| ChartError::Answer { url: shown(&url), reason };
            let page: Value = serde_json::from_slice(&answer.body)
                .map_err(|error| wrong(format!("no list of tags: {error}")))?;
            let found = page.get("tags").and_then(Value::as_array).into_iter().flatten();
            tags.extend(found.filter_map(Value::as_str).map(str::to_owned));
            let Some(next) = next_page(&answer.headers) else { return Ok(tags) };
            let next = url.join(&next).map_err(|error| wrong(format!("a bad next page: {error}")))?;
            if next.origin() != self.base.origin() {
                return Err(wrong("its next page is on another host".to_owned()));
            }
            url = next;
        }
        let reason = format!("it has more than {PAGES} pages of tags: ask for a version instead of a range");
        Err(ChartError::Answer { url: shown(&url), reason })
    }

    fn at(&self, path: &str) -> Result<Url, ChartError> {
        // `./`, since a digest's colon would make its beginning a scheme.
        self.base.join(&format!("./{path}")).map_err(|error| ChartError::Address {
            url: shown(&self.base),
            reason: format!("{path}: {error}"),
        })
    }

    /// Asks; where the registry wants a proof first, once more with it.
    fn get(&self, url: &Url, accept: &str, limit: u64) -> Result<Answer, ChartError> {
        let ask = |authorization: Option<&str>| {
            let insecure = self.chart.insecure;
            self.client.get(&Request { url, accept, authorization, limit, insecure })
        };
        let known = self.authorization.borrow().clone();
        let answer = ask(known.as_deref())?;
        if answer.is_authorized {
            return Ok(answer);
        }
        let proof = self.proof(url, &answer.headers)?;
        let answer = ask(Some(&proof))?;
        *self.authorization.borrow_mut() = Some(proof);
        if answer.is_authorized { Ok(answer) } else { Err(unauthorized(url, self.login.is_some())) }
    }

    /// What the registry wants to be told, by its challenge (RFC 6750, Docker's token authentication).
    fn proof(&self, url: &Url, headers: &HeaderMap) -> Result<String, ChartError> {
        let refused = || unauthorized(url, self.login.is_some());
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let (mut bearer, mut plain) = (None, false);
        for challenge in challenges {
            let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
            if scheme.eq_ignore_ascii_case("bearer") {
                bearer = Some(parameters(rest));
            }
            plain |= scheme.eq_ignore_ascii_case("basic");
        }
        let Some(asked) = bearer else {
            return self.login.filter(|_| plain).map(basic).ok_or_else(refused);
        };
        let parameter =
            |name: &str| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let mut realm = parameter("realm").and_then(|realm| Url::parse(realm).ok()).ok_or_else(refused)?;
        for name in ["service", "scope"] {
            if let Some(value) = parameter(name) {
                realm.query_pairs_mut().append_pair(name, value);
            }
        }
        let authorization = self.login.map(basic);
        let answer = self.client.get(&Request {
            url: &realm,
            accept: "application/json",
            authorization: authorization.as_deref(),
            limit: DOCUMENT_BYTES,
            insecure: self.chart.insecure,
        })?;
        if !answer.is_authorized {
            return Err(unauthorized(&realm, self.login.is_some()));
        }
        let token: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = token.get("token").or_else(|| token.get("access_token")).and_then(Value::as_str);
        token
            .map(|token| format!("Bearer {token}"))
            .ok_or_else(|| ChartError::Answer { url: shown(&realm), reason: "it gives no token".to_owned() })
    }
}

/// Whether a text is one whole version, for which no tags need be listed.
fn is_exact(text: &str) -> bool {
    let numbers = text.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    numbers.split('.').count() == 3 && Version::parse(text).is_ok()
}

/// The address in `Link: <...>; rel="next"`.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, rest) = link.strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| target.to_owned())
}

/// `key="value",key="value"`.
fn parameters(mut text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some((key, rest)) = text.split_once('=') {
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        let key = key.trim_matches([' ', ',']).to_lowercase();
        found.push((key, value.to_owned()));
        text = rest.trim_start_matches([' ', ',']);
    }
    found
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn challenges_are_read_whatever_they_hold() {
        let read = |text| {
            parameters(text).into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(
            read("realm=\"https://a/t\",service=\"s\", scope=\"repository:a/b:pull,push\""),
            ["realm=https://a/t", "service=s", "scope=repository:a/b:pull,push"]
        );
        assert_eq!(read("realm=x, Error=\"open"), ["realm=x", "error=open"]);
        assert!(read("").is_empty() && read("nothing").is_empty());
    }

    #[test]
    fn whole_versions_need_no_list() {
        assert!(is_exact("1.2.3") && is_exact("v1.2.3-rc.1+b.2"));
        assert!(!is_exact("1.2") && !is_exact("^1.2.3") && !is_exact("1.2.x") && !is_exact("1 - 2.3.4"));
    }
}
