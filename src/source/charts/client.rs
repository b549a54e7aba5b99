//! HTTP, bounded: by size, by time, by redirects, and in what is told to whom.

use std::io::Read as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use http::header::{HeaderMap, LOCATION};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use url::Url;

use super::{ChartError, Login};
use crate::environment::is_loopback;

/// How long a host may take to be reached.
const CONNECT: Duration = Duration::from_secs(10);
/// How long it may take to begin to answer.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the whole of an answer may take.
const WHOLE: Duration = Duration::from_mins(5);
/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// The most that is read of an answer's head, in bytes.
const HEAD_BYTES: usize = 64 << 10;
/// What takes longer says how far it is, this often.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks, over connections that are kept for a while.
#[derive(Debug)]
pub(super) struct Client {
    /// Made when something is asked for the first time: most processes never do.
    agent: OnceLock<ureq::Agent>,
}

/// What is asked.
pub(super) struct Request<'a> {
    pub url: &'a Url,
    pub accept: &'a str,
    /// Sent to the host of the address alone.
    pub authorization: Option<&'a str>,
    /// The most that is read, in bytes.
    pub limit: u64,
    /// Whether http to another machine will do.
    pub insecure: bool,
}

/// What is answered: a success, or 401.
pub(super) struct Answer {
    pub is_authorized: bool,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Client {
    pub(super) fn new() -> Self {
        Self { agent: OnceLock::new() }
    }

    fn agent(&self) -> &ureq::Agent {
        self.agent.get_or_init(|| {
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .root_certs(RootCerts::PlatformVerifier)
                .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .build();
            ureq::Agent::config_builder()
                .tls_config(tls)
                .http_status_as_error(false)
                // Followed here, where it is known what may be told to another host.
                .max_redirects(0)
                .max_redirects_will_error(false)
                .max_response_header_size(HEAD_BYTES)
                .timeout_connect(Some(CONNECT))
                .timeout_recv_response(Some(ANSWER))
                .timeout_global(Some(WHOLE))
                .user_agent(concat!("mooring/", env!("CARGO_PKG_VERSION")))
                .build()
                .new_agent()
        })
    }

    /// Asks, and follows redirects. Everything but a success and 401 is an error.
    pub(super) fn get(&self, request: &Request<'_>) -> Result<Answer, ChartError> {
        let mut url = request.url.clone();
        for _ in 0..=REDIRECTS {
            expect_safe(&url, request.insecure)?;
            let network = |error: &dyn std::fmt::Display| ChartError::Network {
                url: shown(&url),
                reason: error.to_string(),
            };
            let mut call = self.agent().get(url.as_str()).header("accept", request.accept);
            if is_loopback(&url) {
                // No proxy on another machine reaches it.
                call = call.config().proxy(None).build();
            }
            if let Some(authorization) = request.authorization.filter(|_| is_same_host(&url, request.url)) {
                call = call.header("authorization", authorization);
            }
            let (head, body) = call.call().map_err(|error| network(&error))?.into_parts();
            let status = head.status.as_u16();
            match status {
                200 | 401 => {
                    let limit = if status == 200 { request.limit } else { HEAD_BYTES as u64 };
                    let body = read(body, &url, limit)?;
                    return Ok(Answer { is_authorized: status == 200, headers: head.headers, body });
                }
                301 | 302 | 303 | 307 | 308 => {
                    let target = head.headers.get(LOCATION).and_then(|target| target.to_str().ok());
                    let next = target.and_then(|target| url.join(target).ok()).ok_or_else(|| {
                        let reason = "redirects to nowhere".to_owned();
                        ChartError::Answer { url: shown(&url), reason }
                    })?;
                    url = next;
                }
                _ => return Err(ChartError::Status { url: shown(&url), status, hint: hint(status) }),
            }
        }
        let reason = format!("redirects more than {REDIRECTS} times");
        Err(ChartError::Answer { url: shown(request.url), reason })
    }

    /// The body of an answer that needs no more than the login at hand.
    pub(super) fn body(&self, request: &Request<'_>) -> Result<Vec<u8>, ChartError> {
        let answer = self.get(request)?;
        if answer.is_authorized {
            return Ok(answer.body);
        }
        Err(unauthorized(request.url, request.authorization.is_some()))
    }
}

/// What to say of 401.
pub(super) fn unauthorized(url: &Url, with_login: bool) -> ChartError {
    let hint = if with_login {
        ": the username or the password of the Secret is wrong, or may not read it"
    } else {
        ": it asks for a login, name a Secret that holds `username` and `password` under `secret`"
    };
    ChartError::Status { url: shown(url), status: 401, hint }
}

fn hint(status: u16) -> &'static str {
    match status {
        403 => ": it is not allowed to read it",
        404 => ": there is no such thing; compare the repository, the name and the version",
        429 => ": it is asked too often, and is tried again later",
        500.. => ": the server has trouble of its own, and is tried again later",
        _ => "",
    }
}

fn read(body: ureq::Body, url: &Url, limit: u64) -> Result<Vec<u8>, ChartError> {
    let too_large = || ChartError::TooLarge { url: shown(url), limit };
    let total = body.content_length();
    if total.is_some_and(|total| total > limit) {
        return Err(too_large());
    }
    let mut reader = body.into_with_config().limit(limit + 1).reader();
    let mut data = Vec::new();
    let mut piece = vec![0; 64 << 10];
    let mut said = Instant::now();
    loop {
        let count = match reader.read(&mut piece) {
            Ok(0) => return Ok(data),
            Ok(count) => count,
            Err(error) => {
                return Err(ChartError::Network { url: shown(url), reason: error.to_string() });
            }
        };
        data.extend_from_slice(&piece[..count]);
        if data.len() as u64 > limit {
            return Err(too_large());
        }
        if said.elapsed() > PATIENCE {
            said = Instant::now();
            let of = total.map_or_else(String::new, |total| format!(" of {} KiB", total >> 10));
            tracing::info!(topic = "chart", "{}: {} KiB{of}", shown(url), data.len() >> 10);
        }
    }
}

/// Refuses http, where everyone on the way could read and change what is sent.
fn expect_safe(url: &Url, insecure: bool) -> Result<(), ChartError> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if insecure || is_loopback(url) => Ok(()),
        "http" => Err(ChartError::Address {
            url: shown(url),
            reason:
                "over http everyone on the way can change what is sent: use https, or say `insecure: true`"
                    .to_owned(),
        }),
        other => Err(ChartError::Address { url: shown(url), reason: format!("{other} is not spoken here") }),
    }
}

fn is_same_host(one: &Url, other: &Url) -> bool {
    let host =
        |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    host(one) == host(other)
}

/// An address without what may be secret in it: a user, a query that is a signature.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// The header that proves a login.
pub(super) fn basic(login: &Login) -> String {
    let pair = format!("{}:{}", login.username, login.password.expose());
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}
