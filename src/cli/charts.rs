//! Where charts from elsewhere are kept, and who a command is to their repositories.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::limits::LimitArgs;
use crate::source::{ChartStore, Login, SecretFrom};

/// Where charts from elsewhere are kept, and what the rendering of any may use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Charts from elsewhere")]
pub struct CacheArgs {
    /// Where they are kept, by their digests. In the folder `charts` of the state folder unless named.
    #[arg(long, value_name = "DIR")]
    chart_cache: Option<PathBuf>,
    /// How much is kept, in MiB; those that were used longest ago go first.
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    chart_cache_size: u64,
    #[command(flatten)]
    pub limits: LimitArgs,
}

impl CacheArgs {
    /// The store.
    pub fn store(&self, state: &Path) -> Arc<ChartStore> {
        let folder = self.chart_cache.clone().unwrap_or_else(|| state.join("charts"));
        Arc::new(ChartStore::new(folder, self.chart_cache_size << 20))
    }
}

/// Who a command is that asks no cluster for Secrets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Charts from elsewhere")]
pub struct LoginArgs {
    /// A folder with one folder a Secret, by its name, which holds the files `username` and `password`: for charts whose
    /// repository asks for a login.
    #[arg(long, value_name = "DIR")]
    chart_credentials: Option<PathBuf>,
}

impl LoginArgs {
    /// The login of a Secret's name.
    pub fn login(&self, secret: &str) -> Result<Login, String> {
        let Some(folder) = &self.chart_credentials else {
            return Err(
                "name a folder that holds it as a folder, with the files `username` and `password`, with \
                        --chart-credentials"
                    .to_owned(),
            );
        };
        if secret.contains('/') || secret.starts_with('.') {
            return Err("this is no Secret's name".to_owned());
        }
        let read = |name: &str| SecretFrom::File(folder.join(secret).join(name)).read();
        Ok(Login { username: read("username")?.expose().to_owned(), password: read("password")? })
    }
}
