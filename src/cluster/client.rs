//! The connection to one cluster that the user named, and requests with a limit on everything.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use super::error::{ApiError, Cause};
use super::lease::Permit;
use super::retry::Backoff;

/// No answer of the API server is read past this: a LIST page of 500 large objects stays well below.
const ANSWER_LIMIT: usize = 64 << 20;
/// How long one attempt of a request may take.
const ATTEMPT: Duration = Duration::from_secs(15);

/// Which cluster to talk to. Nothing is guessed from a default kubeconfig: a cluster that the user did not name is
/// never touched.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// A kubeconfig file; its current context is used unless `context` names another.
    pub kubeconfig: Option<PathBuf>,
    /// A context, of `kubeconfig` or of the default kubeconfig.
    pub context: Option<String>,
}

/// A service account, by which requests are made on behalf of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ServiceAccount {
    /// The user name that the API server knows it by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

/// A client of one API server. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    server: String,
    permit: Option<Permit>,
    account: Option<Arc<ServiceAccount>>,
}

/// An answer with its status, of any code below 300.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self, what: &str) -> Result<Value, ApiError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::Malformed { what: what.to_owned(), reason: error.to_string() })
    }
}

/// One request, described: what is said in errors about it, and how often it may be tried.
pub struct Call<'a> {
    /// For error texts: `apply Deployment lakehouse/trino`.
    pub what: &'a str,
    /// The HTTP method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The body and its content type.
    pub body: Option<(&'static str, Vec<u8>)>,
    /// An `Accept` header other than JSON.
    pub accept: Option<&'static str>,
    /// Whether this changes the cluster, so that the lease must be held.
    pub writes: bool,
}

impl<'a> Call<'a> {
    /// A plain GET.
    pub fn get(what: &'a str, path: String) -> Self {
        Self { what, method: Method::GET, path, body: None, accept: None, writes: false }
    }
}

impl Cluster {
    /// Connects by the options, or to the cluster that this process is a pod of. Makes no request yet.
    pub async fn connect(options: &ClusterOptions) -> Result<Self, ApiError> {
        let mut config = Self::config(options).await?;
        // Our own retries are bounded and know what was asked; kube's default would go on for minutes underneath.
        config.default_retry = false;
        config.connect_timeout = Some(Duration::from_secs(5));
        config.headers.push((
            header::USER_AGENT,
            header::HeaderValue::from_static(concat!("mooring/", env!("CARGO_PKG_VERSION"))),
        ));
        let server = config.cluster_url.to_string();
        let client = ClientBuilder::try_from(config)
            .map_err(|error| ApiError::Configuration { reason: error.to_string() })?
            .build();
        Ok(Self { client, server, permit: None, account: None })
    }

    async fn config(options: &ClusterOptions) -> Result<kube::Config, ApiError> {
        let unusable = |reason: String| ApiError::Configuration { reason };
        let chosen = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
        if let Some(file) = &options.kubeconfig {
            let kubeconfig = Kubeconfig::read_from(file)
                .map_err(|error| unusable(format!("{}: {error}", file.display())))?;
            return kube::Config::from_custom_kubeconfig(kubeconfig, &chosen)
                .await
                .map_err(|error| unusable(format!("{}: {error}", file.display())));
        }
        if options.context.is_some() {
            return kube::Config::from_kubeconfig(&chosen).await.map_err(|error| unusable(error.to_string()));
        }
        kube::Config::incluster().map_err(|_| {
            unusable(
                "no cluster is named, and this process is not a pod: name one with --kubeconfig FILE or --context NAME"
                    .to_owned(),
            )
        })
    }

    /// The same connection, whose writes need the lease to be held.
    #[must_use]
    pub fn with_permit(&self, permit: Permit) -> Self {
        Self { permit: Some(permit), ..self.clone() }
    }

    /// The same connection, whose requests the API server judges by the rights of this service account instead of our
    /// own. It adds the account's groups by itself, so that the right to impersonate the account is all we need.
    #[must_use]
    pub fn acting_as(&self, account: Option<ServiceAccount>) -> Self {
        Self { account: account.map(Arc::new), ..self.clone() }
    }

    /// The service account that requests are made as, if not as ourselves.
    pub fn account(&self) -> Option<&ServiceAccount> {
        self.account.as_deref()
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// kube's client, for watches.
    pub(super) fn kube(&self) -> kube::Client {
        self.client.clone()
    }

    /// Sends a call, again after a pause where the server or the way to it failed for the moment (429, 5xx, no
    /// connection, no answer in time), until `Backoff` gives up.
    pub async fn send(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        let mut backoff = Backoff::for_requests();
        loop {
            let error = match self.attempt(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !error.is_transient() {
                return Err(error);
            }
            let Some(pause) = backoff.next_pause(error.retry_after()) else { return Err(error) };
            tracing::debug!(what = call.what, %error, pause_ms = pause.as_millis(), "asks again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a call and does not try again: for what is only shown, and may be left out.
    pub async fn send_once(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        self.attempt(call).await
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        // A write that may still be under way when the lease ends could meet another agent's: it gets what is left.
        let limit = match &self.permit {
            Some(permit) if call.writes => permit
                .remaining()
                .ok_or_else(|| ApiError::LeaseLost { what: call.what.to_owned() })?
                .min(ATTEMPT),
            _ => ATTEMPT,
        };
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(&call.path)
            .header(header::ACCEPT, call.accept.unwrap_or("application/json"));
        if let Some((content_type, _)) = &call.body {
            request = request.header(header::CONTENT_TYPE, *content_type);
        }
        if let Some(account) = &self.account {
            request = request.header("Impersonate-User", account.to_string());
        }
        let body = call.body.as_ref().map(|(_, bytes)| bytes.clone()).unwrap_or_default();
        let request = request
            .body(Body::from(body))
            .map_err(|error| ApiError::Malformed { what: call.what.to_owned(), reason: error.to_string() })?;
        let unreachable = |reason: String| ApiError::Unreachable {
            what: call.what.to_owned(),
            server: self.server.clone(),
            reason,
        };
        let exchange = async {
            let response =
                self.client.send(request).await.map_err(|error| unreachable(error_chain(&error)))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_LIMIT)
                .collect()
                .await
                .map_err(|error| unreachable(error.to_string()))?
                .to_bytes();
            Ok((parts, body))
        };
        let (parts, body) = tokio::time::timeout(limit, exchange)
            .await
            .map_err(|_| ApiError::Timeout { what: call.what.to_owned(), after: limit })??;
        if parts.status.is_success() {
            return Ok(Answer { status: parts.status, body: body.into() });
        }
        let retry_after = parts
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        Err(refusal(call.what, parts.status, &body, retry_after))
    }
}

/// An error with the errors underneath it: kube's outermost text alone says little.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// The API server's `Status` as an error.
fn refusal(what: &str, status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> ApiError {
    let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let message = match text("message") {
        "" => String::from_utf8_lossy(&body[..body.len().min(300)]).trim().to_owned(),
        message => bounded(message, 2000),
    };
    let what = what.to_owned();
    let reason = text("reason").to_owned();
    match (status.as_u16(), reason.as_str()) {
        (404, _) => ApiError::NotFound { what, message },
        (409, "AlreadyExists") => ApiError::AlreadyExists { what },
        (409, _) => {
            let causes = answer
                .pointer("/details/causes")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .take(100)
                .map(|cause| {
                    let part =
                        |key: &str| cause.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                    Cause { reason: part("reason"), message: part("message"), field: part("field") }
                })
                .collect();
            ApiError::Conflict { what, message, causes }
        }
        (401 | 403, _) => ApiError::Forbidden { what, message },
        (410, _) => ApiError::Gone { what },
        (400 | 405 | 406 | 413 | 415 | 422, _) => {
            ApiError::Rejected { what, code: status.as_u16(), reason, message }
        }
        // Strict validation of a field that the schema does not have: a fault of the manifest, whatever the status says.
        (500, _) if message.starts_with("failed to create typed patch object") => {
            ApiError::Rejected { what, code: 500, reason, message }
        }
        (code, _) => ApiError::Server { what, code, message, retry_after },
    }
}

fn bounded(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
