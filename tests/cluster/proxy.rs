//! A proxy on loopback before the API server: it can refuse a request, or kill the agent before or after one.

use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};

use crate::agent::Agent;
use crate::control_plane::{ControlPlane, RUNTIME};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Forward,
    /// The API server never sees it.
    Answer(u16),
    /// The agent is killed, and the API server never sees it.
    KillBefore,
    /// The API server carries it out, and the agent is killed before it learns of that.
    KillAfter,
}

type Rule = Box<dyn FnMut(&Method, &str) -> Verdict + Send>;

/// A running proxy.
pub struct Proxy {
    port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    client: kube::Client,
    rule: Mutex<Rule>,
    victim: Mutex<Option<Agent>>,
}

impl Proxy {
    /// Starts one that forwards everything.
    pub fn start(plane: &ControlPlane) -> Self {
        let inner = Arc::new(Inner {
            client: plane.client(),
            rule: Mutex::new(Box::new(|_, _| Verdict::Forward)),
            victim: Mutex::new(None),
        });
        let router = axum::Router::new().fallback(handle).with_state(inner.clone());
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        RUNTIME.spawn(async move { axum::serve(listener, router).await });
        Self { port, inner }
    }

    /// What is done with each request from now on, by its method and path with query.
    pub fn rule(&self, rule: impl FnMut(&Method, &str) -> Verdict + Send + 'static) {
        *self.inner.rule.lock().unwrap() = Box::new(rule);
    }

    /// Whom it kills.
    pub fn victim(&self, agent: Agent) {
        *self.inner.victim.lock().unwrap() = Some(agent);
    }

    /// A kubeconfig that leads here.
    pub fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: proxy\ncontexts: [{{name: proxy, context: {{cluster: proxy, user: proxy}}}}]\n\
             clusters: [{{name: proxy, cluster: {{server: \"http://127.0.0.1:{}\"}}}}]\nusers: [{{name: proxy, user: {{}}}}]\n",
            self.port
        )
    }
}

async fn handle(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let verdict = (inner.rule.lock().unwrap())(request.method(), &path);
    match verdict {
        Verdict::Forward => forward(&inner, request, &path).await,
        Verdict::Answer(code) => {
            let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                "message": "the proxy says so", "code": code});
            (StatusCode::from_u16(code).unwrap(), status.to_string()).into_response()
        }
        Verdict::KillBefore => {
            kill(&inner).await;
            StatusCode::BAD_GATEWAY.into_response()
        }
        Verdict::KillAfter => {
            let _ = forward(&inner, request, &path).await;
            kill(&inner).await;
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

async fn kill(inner: &Arc<Inner>) {
    let victim = inner.victim.lock().unwrap().clone();
    if let Some(agent) = victim {
        tokio::task::spawn_blocking(move || agent.kill()).await.unwrap();
    }
}

async fn forward(inner: &Inner, request: Request, path: &str) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 16 << 20).await else { return StatusCode::BAD_REQUEST.into_response() };
    let mut onward = http::Request::builder().method(parts.method).uri(path);
    for name in ["accept", "content-type", "user-agent"] {
        if let Some(value) = parts.headers.get(name) {
            onward = onward.header(name, value);
        }
    }
    match inner.client.send(onward.body(kube::client::Body::from(body.to_vec())).unwrap()).await {
        Ok(answer) => {
            let (parts, body) = answer.into_parts();
            let mut back = Response::new(Body::new(body));
            *back.status_mut() = parts.status;
            if let Some(value) = parts.headers.get("content-type") {
                back.headers_mut().insert("content-type", value.clone());
            }
            back
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// A port of loopback that is free at the moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What is served on a port under a path.
pub fn read(port: u16, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
