//! The agent's one port: is it alive, is it ready, and what does it count. Connections are bounded in number, time and
//! size, so that nobody who can reach the port can hold the agent up.

mod health;
mod metrics;
mod process;
mod webhook;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use health::{Health, Readiness};
pub use metrics::Metrics;
pub use webhook::webhook;

/// How many connections are served at once; more wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long the head of a request may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one connection may last, idle or not.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(2);
/// How long an answer may take to be made.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the answers under way have when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);
/// The largest head of a request, in bytes.
const HEAD_BYTES: usize = 16 << 10;
/// The largest body of a request, in bytes.
const BODY_BYTES: usize = 64 << 10;

/// Why the port cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("failed to listen on {address}: {reason}; choose another with --listen")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's words.
        reason: std::io::Error,
    },
}

/// Takes the port, so that one in use is found out at the start.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|reason| ServeError::Listen { address, reason })
}

/// `/healthz`, `/readyz` and `/metrics`; other routes can be merged in.
pub fn router(health: Arc<Health>, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(health)
        .merge(Router::new().route("/metrics", get(show_metrics)).with_state(metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is /healthz, /readyz and /metrics\n") })
}

async fn healthz(State(health): State<Arc<Health>>) -> Response {
    match health.stalled() {
        None => (StatusCode::OK, "ok\n").into_response(),
        Some(silent) => {
            let text = format!("the reconcile loop has not moved for {} s\n", silent.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    match health.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n".to_owned()).into_response(),
        Readiness::StandingBy(holder) => {
            (StatusCode::OK, format!("ready to take over from {holder}\n")).into_response()
        }
        Readiness::NotReady(reasons) => {
            (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response()
        }
    }
}

async fn show_metrics(State(metrics): State<Arc<Metrics>>) -> Response {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.encode()).into_response()
}

/// Serves until cancelled; then the answers under way have two seconds.
pub async fn serve(listener: TcpListener, router: Router, cancel: CancellationToken) {
    let router = router.layer(DefaultBodyLimit::max(BODY_BYTES)).layer(axum::middleware::from_fn(in_time));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say: trying again at once would only burn time.
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let (router, cancel) = (router.clone(), cancel.clone());
        tokio::spawn(async move {
            let _place = place;
            attend(stream, router, cancel).await;
        });
    }
    drop(listener);
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    // Whoever is not done by then is left to the end of the process.
    let _ = tokio::time::timeout(FAREWELL, places.acquire_many(all)).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn attend(stream: TcpStream, router: Router, cancel: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let mut stopping = false;
    let deadline = tokio::time::sleep(CONNECTION_TIMEOUT);
    let mut deadline = std::pin::pin!(deadline);
    loop {
        tokio::select! {
            // What a client does wrong is the client's business.
            _ = connection.as_mut() => return,
            () = deadline.as_mut() => return,
            () = cancel.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn in_time(request: Request, next: axum::middleware::Next) -> Response {
    tokio::time::timeout(ANSWER_TIMEOUT, next.run(request))
        .await
        .unwrap_or_else(|_| (StatusCode::SERVICE_UNAVAILABLE, "the answer took too long\n").into_response())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    struct Running {
        address: SocketAddr,
        health: Arc<Health>,
        metrics: Arc<Metrics>,
        cancel: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    async fn start(stale_after: Duration) -> Running {
        let health = Arc::new(Health::new(stale_after));
        let metrics = Arc::new(Metrics::new());
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let cancel = CancellationToken::new();
        let router = router(Arc::clone(&health), Arc::clone(&metrics));
        let task = tokio::spawn(serve(listener, router, cancel.clone()));
        Running { address, health, metrics, cancel, task }
    }

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_port_tells_life_readiness_and_numbers() {
        let running = start(Duration::from_mins(1)).await;
        assert!(ask(running.address, "/healthz").await.ends_with("\r\n\r\nok\n"));
        let answer = ask(running.address, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("first reconcile"), "{answer}");
        running.health.set_not_ready(vec!["component kafka: does not render".to_owned()]);
        assert!(ask(running.address, "/readyz").await.contains("component kafka: does not render"));
        running.health.set_standing_by("agent-0".to_owned());
        assert!(ask(running.address, "/readyz").await.ends_with("ready to take over from agent-0\n"));
        running.health.set_ready();
        assert!(ask(running.address, "/readyz").await.ends_with("ready\n"));
        running.metrics.drift("corrected");
        let answer = ask(running.address, "/metrics").await;
        assert!(answer.contains("mooring_drift_total{decision=\"corrected\"} 1"), "{answer}");
        assert!(ask(running.address, "/nothing").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn a_loop_that_does_not_move_is_not_alive() {
        let running = start(Duration::ZERO).await;
        assert!(ask(running.address, "/healthz").await.starts_with("HTTP/1.1 503"));
    }

    #[tokio::test]
    async fn a_head_without_end_is_refused() {
        let running = start(Duration::from_mins(1)).await;
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(2 * HEAD_BYTES));
        // The server may hang up while it is still being written to.
        let _ = stream.write_all(endless.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn cancelling_ends_the_server_although_a_client_stays_connected() {
        let running = start(Duration::from_mins(1)).await;
        let mut idle = TcpStream::connect(running.address).await.unwrap();
        idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        idle.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        running.cancel.cancel();
        running.task.await.unwrap();
        assert!(TcpStream::connect(running.address).await.is_err());
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let running = start(Duration::from_mins(1)).await;
        let error = listen(running.address).await.unwrap_err();
        assert!(error.to_string().contains(&running.address.to_string()), "{error}");
    }
}
