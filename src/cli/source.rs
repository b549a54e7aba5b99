//! Where a command reads the environments from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use crate::source::{Address, Credentials, GitOptions, ReadLimits, SecretFrom, Source, Verification};

/// Where the environments are read from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub struct SourceArgs {
    /// A git remote: https, ssh, file, or a path.
    #[arg(long, value_name = "URL", env = "MOORING_REPO", conflicts_with = "folder")]
    pub repo: Option<String>,
    /// The branch, tag or reference to follow.
    #[arg(long, value_name = "REF", default_value = "main", env = "MOORING_BRANCH")]
    branch: String,
    /// A working folder instead of a remote: each save is applied within a second.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// How often the remote is asked (a tenth more or less, so that many agents do not ask at once).
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration, env = "MOORING_INTERVAL")]
    interval: Duration,
    /// A folder as a mounted Secret is one: `token` and `username` for https, `ssh-key` and `known_hosts` for ssh, as far as
    /// they are there. The arguments below win.
    #[arg(long, value_name = "DIR", env = "MOORING_GIT_CREDENTIALS")]
    git_credentials: Option<PathBuf>,
    /// The user name for https.
    #[arg(long, value_name = "NAME", env = "MOORING_GIT_USERNAME")]
    git_username: Option<String>,
    /// A file that holds the token for https; else MOORING_GIT_TOKEN is used.
    #[arg(long, value_name = "FILE")]
    git_token_file: Option<PathBuf>,
    /// Send the token over plain http too: for a remote inside the cluster, where nobody else reads the network.
    #[arg(long, env = "MOORING_GIT_TOKEN_OVER_HTTP")]
    git_token_over_http: bool,
    /// The private key for ssh.
    #[arg(long, value_name = "FILE", env = "MOORING_SSH_KEY")]
    ssh_key: Option<PathBuf>,
    /// The hosts that are trusted for ssh, in the form of ~/.ssh/known_hosts. Required for ssh.
    #[arg(long, value_name = "FILE", env = "MOORING_KNOWN_HOSTS")]
    known_hosts: Option<PathBuf>,
    /// Whether the commit that is applied must be signed by a key that is listed: require refuses others and stays at the
    /// last that was; warn applies and tells of them.
    #[arg(long, value_name = "MODE", value_enum, default_value = "off", env = "MOORING_VERIFY")]
    verify: Verify,
    /// The keys that may sign: a file, or a folder as a Secret or a ConfigMap is mounted. OpenPGP public keys (armored),
    /// ssh public keys as in authorized_keys or as git's allowed_signers.
    #[arg(long, value_name = "PATH", env = "MOORING_VERIFY_KEYS")]
    verify_keys: Option<PathBuf>,
    /// Where the clone and the lock are kept.
    #[arg(long, value_name = "DIR", env = "MOORING_STATE_DIR")]
    state_dir: Option<PathBuf>,
}

/// What is done about signatures of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Verify {
    /// Nothing.
    Off,
    /// A commit that is not signed by a listed key is applied, and told of.
    Warn,
    /// It is refused.
    Require,
}

impl SourceArgs {
    /// The source that the arguments name; a folder is the current one unless named.
    pub fn open(&self) -> anyhow::Result<Source> {
        let Some(repo) = &self.repo else {
            if self.verify == Verify::Require {
                bail!("a folder has no commits whose signatures --verify require could ask for: name --repo");
            }
            let folder = self.folder.clone().unwrap_or_else(|| PathBuf::from("."));
            return Ok(Source::folder(folder, ReadLimits::default()));
        };
        let mut options = GitOptions::new(Address::parse(repo)?, &self.branch, self.state());
        options.interval = self.interval;
        let mounted = |name: &str| {
            self.git_credentials.as_ref().map(|folder| folder.join(name)).filter(|file| file.exists())
        };
        let token = self.git_token_file.clone().map(SecretFrom::File);
        let from_environment =
            || std::env::var_os("MOORING_GIT_TOKEN").map(|_| SecretFrom::Env("MOORING_GIT_TOKEN".to_owned()));
        options.credentials = Credentials {
            username: match (&self.git_username, mounted("username")) {
                (Some(name), _) => Some(name.clone()),
                (None, Some(file)) => Some(first_line(&file)?),
                (None, None) => None,
            },
            token: token.or_else(from_environment).or_else(|| mounted("token").map(SecretFrom::File)),
            token_over_http: self.git_token_over_http,
            ssh_key: self.ssh_key.clone().or_else(|| mounted("ssh-key")),
            known_hosts: self.known_hosts.clone().or_else(|| mounted("known_hosts")),
            ..Credentials::default()
        };
        options.verification = self.verification()?;
        Ok(Source::git(options)?)
    }

    fn verification(&self) -> anyhow::Result<Option<Verification>> {
        let required = match self.verify {
            Verify::Off => return Ok(None),
            Verify::Warn => false,
            Verify::Require => true,
        };
        let Some(keys) = &self.verify_keys else {
            bail!(
                "--verify needs the keys that may sign commits: name a file or folder of them with --verify-keys"
            );
        };
        Ok(Some(Verification::by(keys, required)?))
    }

    /// Where clones and locks are kept: in the user's cache unless named.
    pub fn state(&self) -> PathBuf {
        self.state_dir.clone().unwrap_or_else(default_state)
    }
}

/// Where clones, locks and charts are kept unless a command is told where: in the user's cache.
pub fn default_state() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home =
        || std::env::var_os("HOME").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from).join(".cache");
    cache.unwrap_or_else(home).join("mooring").join("state")
}

fn first_line(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// Reads `30s`, `500ms`, `2m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration: jiff::SignedDuration =
        text.parse().map_err(|error| format!("{error}; write 30s, 500ms or 2m"))?;
    let duration = Duration::try_from(duration).map_err(|_| "it must not be negative".to_owned())?;
    if duration < Duration::from_millis(100) {
        return Err("at least 100ms, or the remote is asked without a pause".to_owned());
    }
    Ok(duration)
}
