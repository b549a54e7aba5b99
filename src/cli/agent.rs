//! `mooring agent`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::charts::CacheArgs;
use super::cluster::{AccountArgs, ClusterArgs};
use super::sops::SopsArgs;
use super::source::SourceArgs;
use crate::agent::{self, AgentOptions, KeySource};
use crate::serve::{self, Health, Metrics};
use crate::source::SecretFrom;

/// The loop moves at least with each watch's renewal; past this it hangs.
const STALE: Duration = Duration::from_mins(15);

const EXAMPLES: &str = "\
Examples:
  # Apply each push, put drift back.
  mooring agent --repo https://git.example.org/lakehouse.git \\
    --environment local --context minikube
  # Apply each save of a working folder within a second.
  mooring agent --folder . --environment local --context minikube";

/// Arguments of `mooring agent`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AgentArgs {
    /// The environment to keep: a folder of that name under environments/.
    #[arg(long, value_name = "NAME", env = "MOORING_ENVIRONMENT")]
    environment: String,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    sops: SopsArgs,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    charts: CacheArgs,
    /// Where /healthz, /readyz and /metrics are served.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9620", env = "MOORING_LISTEN")]
    listen: SocketAddr,
    /// A file that holds the secret of webhooks: POST /webhook wakes the agent. GitHub, GitLab, Gitea, or any sender of
    /// `X-Signature: sha256=...`. Else MOORING_WEBHOOK_SECRET is used; without either there is no webhook.
    #[arg(long, value_name = "FILE", env = "MOORING_WEBHOOK_SECRET_FILE")]
    webhook_secret_file: Option<PathBuf>,
    /// Do not serve anything.
    #[arg(long, conflicts_with = "listen")]
    no_listen: bool,
}

/// Runs the agent until SIGTERM or SIGINT.
pub fn run(args: &AgentArgs) -> anyhow::Result<ExitCode> {
    let source = args.source.open()?;
    let keys = args.sops.of_agent();
    let options =
        options(&args.environment, &args.source, &args.cluster, &args.account, &args.charts, keys, false);
    super::runtime()?.block_on(async {
        let health = Arc::new(Health::new(STALE));
        let metrics = Arc::new(Metrics::new());
        let cancel = ended_by_signal()?;
        let poke = Arc::new(Notify::new());
        if !args.no_listen {
            let listener = serve::listen(args.listen).await?;
            let mut router = serve::router(health.clone(), metrics.clone());
            if let Some(secret) = webhook_secret(args) {
                let (webhook, wake) = serve::webhook(secret, poke.clone());
                router = router.merge(webhook);
                tokio::spawn(wake);
            }
            tokio::spawn(serve::serve(listener, router, cancel.clone()));
        }
        agent::run(options, source, health, metrics, poke, cancel).await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn webhook_secret(args: &AgentArgs) -> Option<SecretFrom> {
    const NAME: &str = "MOORING_WEBHOOK_SECRET";
    let file = args.webhook_secret_file.clone().map(SecretFrom::File);
    file.or_else(|| std::env::var_os(NAME).map(|_| SecretFrom::Env(NAME.to_owned())))
}

/// The agent's options by the command line.
pub fn options(
    environment: &str,
    source: &SourceArgs,
    cluster: &ClusterArgs,
    account: &AccountArgs,
    charts: &CacheArgs,
    keys: KeySource,
    once: bool,
) -> AgentOptions {
    let state = source.state();
    AgentOptions {
        cluster: cluster.options(),
        environment: environment.to_owned(),
        namespace: cluster.agent_namespace.clone(),
        default_service_account: account.default_service_account.clone(),
        identity: identity(&state),
        charts: charts.store(&state),
        limits: charts.limits.limits(),
        state,
        keys,
        once,
    }
}

/// The host and the state folder: a restarted agent is the same one, two agents on one host are not.
fn identity(state: &std::path::Path) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let path = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    let digest = crate::manifest::Digest::of(path.as_os_str().as_encoded_bytes()).to_string();
    format!("{}-{}", host.trim(), &digest[..8])
}

/// A token that SIGTERM and SIGINT cancel.
pub fn ended_by_signal() -> anyhow::Result<CancellationToken> {
    let cancel = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = cancel.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!(topic = "stop", "ending");
        token.cancel();
        // A second signal does not wait for anything.
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(cancel)
}
