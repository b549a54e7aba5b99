//! Where the age keys of encrypted files lie.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::agent::KeySource;

/// Where the age keys lie.
#[derive(Debug, Args)]
#[command(next_help_heading = "Secrets")]
pub struct SopsArgs {
    /// The age keys that open files encrypted by SOPS: a file, or a folder with files that end in `.agekey`, as a mounted
    /// Secret is one. Else MOORING_SOPS_AGE_KEYS is used.
    // Not clap's `env`: with the variable set, `check --schema` would not stand alone.
    #[arg(long, value_name = "FILE")]
    sops_age_keys: Option<PathBuf>,
}

impl SopsArgs {
    /// What an agent reads: what it was told, and nothing else.
    pub fn of_agent(&self) -> KeySource {
        let variable = || set("MOORING_SOPS_AGE_KEYS").map(PathBuf::from);
        let path = self.sops_age_keys.clone().or_else(variable);
        path.into_iter().fold(KeySource::default(), KeySource::path)
    }

    /// What a person's command reads: what `sops` itself would find, too.
    pub fn of_person(&self) -> KeySource {
        let mut keys = self.of_agent();
        if let Some(file) = set("SOPS_AGE_KEY_FILE") {
            keys = keys.path(file);
        }
        if set("SOPS_AGE_KEY").is_some() {
            keys = keys.variable("SOPS_AGE_KEY");
        }
        let config = set("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".config")));
        match config.map(|config| config.join("sops/age/keys.txt")).filter(|file| file.is_file()) {
            Some(file) => keys.path(file),
            None => keys,
        }
    }
}

/// A variable of the environment that is not empty.
fn set(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
