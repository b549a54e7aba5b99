//! `mooring apply`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::Notify;

use super::charts::CacheArgs;
use super::cluster::{AccountArgs, ClusterArgs};
use super::sops::SopsArgs;
use super::source::SourceArgs;
use crate::agent;
use crate::serve::{Health, Metrics};

/// Arguments of `mooring apply`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  # Apply the working folder, and wait until all of it is ready.\n  mooring apply local --folder . --context minikube"
)]
pub struct ApplyArgs {
    /// The environment.
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
    /// How long to wait until all of it is ready.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
}

/// Applies an environment by the agent's own loop, which ends when the revision is settled and healthy.
pub fn run(args: &ApplyArgs) -> anyhow::Result<ExitCode> {
    let source = args.source.open()?;
    let keys = args.sops.of_person();
    let (cluster, account) = (&args.cluster, &args.account);
    let options =
        super::agent::options(&args.environment, &args.source, cluster, account, &args.charts, keys, true);
    super::runtime()?.block_on(async {
        let cancel = super::agent::ended_by_signal()?;
        let health = Arc::new(Health::new(Duration::MAX));
        let done =
            agent::run(options, source, health, Arc::new(Metrics::new()), Arc::new(Notify::new()), cancel);
        let limit = Duration::from_secs(args.timeout);
        match tokio::time::timeout(limit, done).await {
            Ok(done) => done.map(|()| ExitCode::SUCCESS).map_err(Into::into),
            Err(_) => anyhow::bail!(
                "not everything is ready after {} s; `mooring status {}` says what is not",
                args.timeout,
                args.environment
            ),
        }
    })
}
