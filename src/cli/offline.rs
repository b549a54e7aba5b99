//! What commands share that render without a cluster.

use crate::environment::{self, Loaded};
use crate::manifest::Files;

/// The version of Kubernetes that charts see where no cluster is asked.
pub const KUBE_VERSION: &str = "v1.36.0";
/// What cached renderings may take: each component is rendered once.
pub const CACHE_BYTES: usize = 64 << 20;
/// What stands in the place of a secret value.
pub const MASK: &str = "(masked)";

/// An environment by its name; the error has all that is wrong in its files, a line each.
pub fn load(files: &dyn Files, name: &str) -> anyhow::Result<Loaded> {
    environment::load(files, name).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n  "))
    })
}
