//! Which cluster a command speaks to.

use std::path::PathBuf;

use clap::Args;

use crate::cluster::ClusterOptions;

/// The cluster that a command speaks to. It is never guessed: without these, only a pod's own cluster is used.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// A kubeconfig file; its current context is used unless --context names another.
    #[arg(long, value_name = "FILE", env = "MOORING_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// A context of that file, or of the default kubeconfig.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The namespace of the agent's own objects: its lease and its inventory.
    #[arg(long, value_name = "NAME", default_value = "mooring-system", env = "MOORING_NAMESPACE")]
    pub agent_namespace: String,
}

/// By whose rights an environment is kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct AccountArgs {
    /// The service account, of the environment's namespace, that is impersonated for an environment which names none. Without
    /// it such an environment is kept by the rights of the agent itself.
    #[arg(long, value_name = "NAME", env = "MOORING_DEFAULT_SERVICE_ACCOUNT")]
    pub default_service_account: Option<String>,
}

impl ClusterArgs {
    /// The options for a connection.
    pub fn options(&self) -> ClusterOptions {
        ClusterOptions { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }
}
