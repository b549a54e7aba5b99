//! The flags of `helm template` that change nothing here, or cannot: scripts that give them go on to work, or are told.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Args, Command};

/// Flags that say where a chart is fetched from, how a failure is shown, and those that cannot be obeyed.
#[derive(Clone, Debug, Default, Args)]
pub struct Accepted {
    /// What would be done: `client`; nothing else is
    #[arg(long, value_name = "WAY", num_args = 0..=1, require_equals = true, default_missing_value = "unset", hide = true)]
    dry_run: Option<String>,
    /// Deprecated in helm: it stands for --dry-run=server
    #[arg(long, hide = true)]
    validate: bool,
    /// A program between rendering and printing
    #[arg(long, value_name = "NAME", hide = true)]
    post_renderer: Option<String>,
    /// Addresses for getHostByName
    #[arg(long, hide = true)]
    enable_dns: bool,
    /// Where the chart would be fetched from
    #[arg(long, value_name = "URL", hide = true)]
    pub(super) repo: Option<String>,
    /// Check the chart's signature
    #[arg(long, hide = true)]
    verify: bool,
    /// Fetch what is missing in charts/
    #[arg(long, hide = true)]
    pub(super) dependency_update: bool,
    /// Print what templates wrote where it is no YAML
    #[arg(long)]
    pub(super) debug: bool,
    #[arg(long, value_name = "TEXT", hide = true)]
    pub(super) password: Option<String>,
    #[arg(long, hide = true)]
    pub(super) plain_http: bool,
    #[arg(long, value_name = "NAME", hide = true)]
    pub(super) username: Option<String>,
    #[arg(long, value_name = "VERSION", hide = true)]
    pub(super) version: Option<String>,
}

/// Switches that `helm template` takes and that change no byte: they are for the release, the cluster or the download.
const SWITCHES: [&str; 18] = [
    "atomic",
    "create-namespace",
    "devel",
    "disable-openapi-validation",
    "force",
    "force-conflicts",
    "force-replace",
    "hide-notes",
    "insecure-skip-tls-verify",
    "kube-insecure-skip-tls-verify",
    "pass-credentials",
    "render-subchart-notes",
    "replace",
    "rollback-on-failure",
    "server-side",
    "skip-crds",
    "take-ownership",
    "wait-for-jobs",
];

/// Such flags with a value.
const OPTIONS: [&str; 24] = [
    "burst-limit",
    "ca-file",
    "cert-file",
    "color",
    "colour",
    "content-cache",
    "description",
    "key-file",
    "keyring",
    "kube-apiserver",
    "kube-as-group",
    "kube-as-user",
    "kube-ca-file",
    "kube-context",
    "kube-tls-server-name",
    "kube-token",
    "kubeconfig",
    "labels",
    "post-renderer-args",
    "qps",
    "registry-config",
    "repository-cache",
    "repository-config",
    "timeout",
];

/// One whose value may be left out.
const WAIT: &str = "wait";

/// The command with the flags that change nothing. They are left out where nobody gives them, since to make them up takes
/// longer than to read all others.
pub fn with_ignored(command: Command) -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).hide(true);
    let switches = SWITCHES.map(|name| flag(name).action(ArgAction::SetTrue));
    let options = OPTIONS.map(|name| match name {
        "labels" => flag(name).short('l').action(ArgAction::Append),
        _ => flag(name).action(ArgAction::Append),
    });
    let wait = flag(WAIT).num_args(0..=1).require_equals(true).action(ArgAction::Append);
    command.args(switches).args(options).arg(wait)
}

/// Whether there may be such a flag among these words.
pub fn has_ignored(words: &[OsString]) -> bool {
    words.iter().filter_map(|word| word.to_str()).any(|word| match word.strip_prefix("--") {
        Some(flag) => {
            let name = flag.split('=').next().unwrap_or_default();
            name == WAIT || SWITCHES.contains(&name) || OPTIONS.contains(&name)
        }
        None => word.starts_with('-') && word.contains('l'),
    })
}

impl Accepted {
    /// Fails where a flag asks for what `mooring template` does not do.
    pub fn check(&self) -> Result<(), String> {
        let server = "asks the cluster, and `mooring template` does not: use `mooring plan`";
        match self.dry_run.as_deref() {
            None | Some("unset" | "client") => {}
            Some("server") => return Err(format!("--dry-run=server {server}")),
            Some(value @ ("none" | "0" | "f" | "F" | "false" | "FALSE" | "False")) => {
                return Err(format!("invalid dry-run value (\"{value}\"). Must be \"server\" or \"client\""));
            }
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => {}
            Some(value) => {
                return Err(format!(
                    "invalid dry-run value (\"{value}\"). Must be \"none\", \"server\", or \"client\""
                ));
            }
        }
        if self.validate {
            return Err(format!("--validate {server}"));
        }
        if self.post_renderer.is_some() {
            return Err("--post-renderer is not run: pipe the output into the program".to_owned());
        }
        if self.enable_dns {
            return Err("--enable-dns is refused: what is rendered must not depend on the network".to_owned());
        }
        if self.verify {
            return Err("--verify is not done: check the chart with `helm verify` first".to_owned());
        }
        Ok(())
    }
}

/// The arguments of `template` with `--flag=true` and `--flag=false`, as Go's flags take them, put as `--flag` or nothing.
/// `is_switch` tells which flags take no value otherwise.
pub fn without_booleans(
    arguments: impl IntoIterator<Item = OsString>,
    is_switch: impl Fn(&str) -> bool,
) -> Vec<OsString> {
    let mut result: Vec<OsString> = Vec::new();
    for argument in arguments {
        let said = argument.to_str().and_then(|text| text.split_once('=')).and_then(|(flag, value)| {
            let name = flag.strip_prefix("--").filter(|name| is_switch(name))?;
            Some((format!("--{name}"), boolean(value)?))
        });
        match said {
            None => result.push(argument),
            Some((flag, true)) => result.push(flag.into()),
            // The last word counts.
            Some((flag, false)) => result.retain(|earlier| earlier.as_os_str() != OsStr::new(&flag)),
        }
    }
    result
}

/// Go's `strconv.ParseBool`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_takes_go_s_booleans_and_the_last_one_counts() {
        let words = |line: &str| {
            let words = line.split(' ').map(OsString::from);
            let kept = without_booleans(words, |name| matches!(name, "include-crds" | "no-hooks"));
            kept.join(OsStr::new(" ")).into_string().unwrap()
        };
        assert_eq!(words("a --include-crds=true b"), "a --include-crds b");
        assert_eq!(words("--include-crds --no-hooks=1 --include-crds=false"), "--no-hooks");
        assert_eq!(words("--include-crds=maybe --set x=true"), "--include-crds=maybe --set x=true");
    }

    #[test]
    fn what_needs_a_cluster_or_the_network_is_refused_in_words() {
        let refused = |accepted: Accepted| accepted.check().unwrap_err();
        let dry_run = |way: &str| Accepted { dry_run: Some(way.to_owned()), ..Accepted::default() };
        assert!(refused(dry_run("server")).contains("mooring plan"));
        assert!(refused(dry_run("maybe")).contains("invalid dry-run value"));
        assert!(dry_run("client").check().is_ok() && dry_run("unset").check().is_ok());
        assert!(refused(Accepted { enable_dns: true, ..Accepted::default() }).contains("--enable-dns"));
    }
}
