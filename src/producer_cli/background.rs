//! Beside the run: signals, and the port for Prometheus.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::producer::sink::{Counters, Stop};
use crate::serve;

/// What goes on beside the run.
pub(super) struct Background {
    cancel: CancellationToken,
    thread: JoinHandle<()>,
}

/// Has SIGTERM and SIGINT stop the run, and serves the counters at `listen`.
pub(super) fn start(
    listen: Option<SocketAddr>,
    counters: &Arc<Counters>,
    stop: &Stop,
) -> anyhow::Result<Background> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt, listener) = runtime.block_on(async {
        let listener = match listen {
            Some(address) => Some(serve::listen(address).await?),
            None => None,
        };
        anyhow::Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, listener))
    })?;
    if let Some(address) = listener.as_ref().and_then(|listener| listener.local_addr().ok()) {
        tracing::info!(topic = "serve", "http://{address}/metrics");
    }
    let cancel = CancellationToken::new();
    let (ended, counters, stop) = (cancel.clone(), Arc::clone(counters), stop.clone());
    let work = async move {
        let served = async {
            match listener {
                Some(listener) => serve::serve(listener, router(counters), ended.clone()).await,
                None => ended.cancelled().await,
            }
        };
        let asked = async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                stop.ask();
            }
        };
        tokio::select! {
            () = served => {}
            () = asked => {}
        }
    };
    let thread = std::thread::Builder::new()
        .name("background".to_owned())
        .spawn(move || runtime.block_on(work))
        .context("failed to start a thread")?;
    Ok(Background { cancel, thread })
}

fn router(counters: Arc<Counters>) -> Router {
    let metrics =
        move || async move { ([(header::CONTENT_TYPE, Counters::CONTENT_TYPE)], counters.encode()) };
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(|| async { "ok\n" }))
}

impl Background {
    /// Ends it.
    pub fn end(self) {
        self.cancel.cancel();
        // A thread that panicked has said so.
        let _ = self.thread.join();
    }
}
