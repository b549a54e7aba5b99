//! A word from the git server that something was pushed. It only wakes the poll: what is applied is what the remote itself
//! answers, so a forged request can cost a request to the remote and nothing else.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::BodyExt as _;
use sha2::Sha256;
use tokio::sync::Notify;

use crate::source::{SecretFrom, SecretText};

/// However many requests come, the remote is asked at most so often.
const PAUSE: Duration = Duration::from_secs(1);
/// The largest payload that GitHub sends; it is read piece by piece and not kept.
const PAYLOAD_BYTES: usize = 25 << 20;

/// The headers that hold `sha256=` and the HMAC-SHA256 of the body in hexadecimal: GitHub's, Gitea's (without the
/// prefix), and the one that any script can send.
const SIGNATURES: [&str; 3] = ["x-hub-signature-256", "x-gitea-signature", "x-signature"];
/// The header in which GitLab sends the secret itself.
const TOKEN: &str = "x-gitlab-token";

struct Doorbell {
    secret: SecretFrom,
    rung: Notify,
}

/// `POST /webhook`, for requests that know the secret; and what wakes `poke` after them, to be run beside the server.
///
/// The secret is read for each request: one that is changed in its file counts at once.
pub fn webhook(secret: SecretFrom, poke: Arc<Notify>) -> (Router, impl Future<Output = ()>) {
    let doorbell = Arc::new(Doorbell { secret, rung: Notify::new() });
    let router = Router::new().route("/webhook", post(ring)).with_state(doorbell.clone());
    let wake = async move {
        loop {
            doorbell.rung.notified().await;
            poke.notify_one();
            tokio::time::sleep(PAUSE).await;
        }
    };
    (router, wake)
}

async fn ring(State(doorbell): State<Arc<Doorbell>>, request: Request) -> (StatusCode, &'static str) {
    let secret = match doorbell.secret.read() {
        Ok(secret) => secret,
        Err(reason) => {
            tracing::warn!(reason, "a webhook's request cannot be checked");
            return (StatusCode::INTERNAL_SERVER_ERROR, "the agent cannot read its secret; see its log\n");
        }
    };
    let (head, mut body) = request.into_parts();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the agent's secret cannot be used\n");
    };
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (StatusCode::BAD_REQUEST, "the body broke off\n") };
        let Some(data) = frame.data_ref() else { continue };
        read += data.len();
        if read > PAYLOAD_BYTES {
            return (StatusCode::PAYLOAD_TOO_LARGE, "over 25 MiB\n");
        }
        mac.update(data);
    }
    if is_signed(&head.headers, mac, &secret) {
        doorbell.rung.notify_one();
        (StatusCode::ACCEPTED, "the remote is asked\n")
    } else {
        (StatusCode::UNAUTHORIZED, "no signature or token of the secret that the agent was given\n")
    }
}

/// Whether one of the headers proves that the sender knows the secret; compared in a time that tells nothing of it.
fn is_signed(headers: &HeaderMap, mac: Hmac<Sha256>, secret: &SecretText) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(signature) = SIGNATURES.iter().find_map(|name| text(name)) {
        let hex = signature.strip_prefix("sha256=").unwrap_or(signature);
        return HEXLOWER_PERMISSIVE
            .decode(hex.as_bytes())
            .is_ok_and(|signature| mac.verify_slice(&signature).is_ok());
    }
    let digest = |text: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(b"compared as digests, whatever their lengths");
        mac.map(|mac| mac.chain_update(text.as_bytes()))
    };
    match (text(TOKEN).map(digest), digest(secret.expose())) {
        (Some(Ok(given)), Ok(wanted)) => given.verify(&wanted.finalize().into_bytes()).is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::FutureExt as _;
    use tower_service::Service as _;

    use super::*;

    const SECRET: &str = "It's a Secret to Everybody";
    /// From GitHub's documentation of its webhooks: the body `Hello, World!` signed with that secret.
    const SIGNATURE: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    async fn answer(headers: &[(&str, &str)], body: &str) -> (StatusCode, bool) {
        let poke = Arc::new(Notify::new());
        let (mut router, wake) = webhook(SecretFrom::Value(SecretText::new(SECRET)), poke.clone());
        let mut request = Request::post("/webhook");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = router.call(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let wake = tokio::spawn(wake);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let woken = poke.notified().now_or_never().is_some();
        wake.abort();
        (response.status(), woken)
    }

    #[tokio::test]
    async fn each_server_s_way_to_sign_is_understood() {
        let prefixed = format!("sha256={SIGNATURE}");
        for headers in [
            [("x-hub-signature-256", &*prefixed)],
            [("x-gitea-signature", SIGNATURE)],
            [("x-signature", &*prefixed)],
            [("x-gitlab-token", SECRET)],
        ] {
            assert_eq!(answer(&headers, "Hello, World!").await, (StatusCode::ACCEPTED, true), "{headers:?}");
        }
    }

    #[tokio::test]
    async fn who_does_not_know_the_secret_wakes_nobody() {
        let prefixed = format!("sha256={SIGNATURE}");
        let refused = (StatusCode::UNAUTHORIZED, false);
        assert_eq!(answer(&[], "Hello, World!").await, refused);
        assert_eq!(answer(&[("x-hub-signature-256", &prefixed)], "Hello, World?").await, refused);
        assert_eq!(answer(&[("x-hub-signature-256", "sha256=zz")], "Hello, World!").await, refused);
        assert_eq!(answer(&[("x-gitlab-token", "It's a Secret")], "").await, refused);
        // A signature that is wrong is not made good by anything else.
        let both = [("x-hub-signature-256", "sha256=00"), ("x-gitlab-token", SECRET)];
        assert_eq!(answer(&both, "").await, refused);
    }

    #[tokio::test]
    async fn a_payload_without_end_is_refused() {
        let (status, woken) = answer(&[("x-gitlab-token", SECRET)], &"x".repeat(PAYLOAD_BYTES + 1)).await;
        assert_eq!((status, woken), (StatusCode::PAYLOAD_TOO_LARGE, false));
    }

    #[tokio::test]
    async fn a_flood_wakes_once_a_second() {
        let poke = Arc::new(Notify::new());
        let (mut router, wake) = webhook(SecretFrom::Value(SecretText::new(SECRET)), poke.clone());
        let wake = tokio::spawn(wake);
        let began = std::time::Instant::now();
        let mut woken: u64 = 0;
        for _ in 0..10_000 {
            let request = Request::post("/webhook").header(TOKEN, SECRET).body(Body::empty()).unwrap();
            assert_eq!(router.call(request).await.unwrap().status(), StatusCode::ACCEPTED);
            tokio::task::yield_now().await;
            tokio::select! {
                biased;
                () = poke.notified() => woken += 1,
                () = std::future::ready(()) => {}
            }
        }
        // Once at the beginning of each second.
        assert!((1..=began.elapsed().as_secs() + 1).contains(&woken), "{woken}");
        // The last of them is not forgotten.
        poke.notified().await;
        wake.abort();
    }
}
