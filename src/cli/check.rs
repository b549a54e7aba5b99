//! `mooring check`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::charts::{CacheArgs, LoginArgs};
use super::paint;
use super::sops::SopsArgs;
use crate::cluster;
use crate::environment::{self, Loaded};
use crate::helm::DEFAULT_API_VERSIONS;
use crate::helm::limits::Limits;
use crate::manifest::Files;
use crate::render::{self, RenderCache, RenderContext};
use crate::sops::Keyring;
use crate::source::{ChartStore, Logins, ReadLimits, Source};

const EXAMPLES: &str = "\
Everything that is wrong is said at once, each with its file, line and column. No cluster is
asked: charts see the Kubernetes version that is given here.

Exit codes: 0 all right, 1 something is wrong.

Examples:
  mooring check                        all environments of the repository in this folder
  mooring check . local                one of them
  mooring check --schema > environments/environment.schema.json
                                       the JSON Schema by which editors complete an environment.yaml
  mooring check --crd | kubectl apply -f -
                                       the Environment's definition, by somebody who may";

/// The cluster that charts see if none is named: the newest that this program was built for.
const KUBE_VERSION: &str = "v1.36.3";

/// What renderings of one run may keep; nothing is rendered twice.
const CACHE_BYTES: usize = 1 << 20;

/// Arguments of `mooring check`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// Print the JSON Schema of an environment.yaml instead.
    // Not `exclusive`, which would count the environment variables of global options.
    #[arg(long, conflicts_with_all = ["folder", "environments", "kube_version", "crd"])]
    schema: bool,
    /// Print the definition of the Environment's custom resource, for clusters where the agent may not install it.
    #[arg(long, conflicts_with_all = ["folder", "environments", "kube_version"])]
    crd: bool,
    /// The folder of the repository.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The environments; all of them unless named.
    #[arg(value_name = "ENV")]
    environments: Vec<String>,
    /// The version of Kubernetes that charts see.
    #[arg(long, value_name = "VERSION", default_value = KUBE_VERSION)]
    kube_version: String,
    #[command(flatten)]
    sops: SopsArgs,
    #[command(flatten)]
    charts: CacheArgs,
    #[command(flatten)]
    logins: LoginArgs,
}

/// Checks environments: their files, and that each component renders.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    if args.schema {
        anstream::println!("{}", serde_json::to_string_pretty(&environment::json_schema())?);
        return Ok(ExitCode::SUCCESS);
    }
    if args.crd {
        anstream::print!("{}", serde_yaml::to_string(&cluster::custom_resource_definition())?);
        return Ok(ExitCode::SUCCESS);
    }
    if !args.folder.exists() {
        let name = args.folder.display();
        anyhow::bail!(
            "there is no folder {name}; to check the environment of that name here: mooring check . {name}"
        );
    }
    let source = Source::folder(&args.folder, ReadLimits::default());
    let snapshot = super::runtime()?.block_on(source.latest())?;
    let names =
        if args.environments.is_empty() { environment::list(&*snapshot)? } else { args.environments.clone() };
    if names.is_empty() {
        anyhow::bail!(
            "{} has no environments: begin with environments/local/environment.yaml",
            args.folder.display()
        );
    }
    let keys = args.sops.of_person().read();
    let charts = args.charts.store(&super::source::default_state());
    let logins = |secret: &str| args.logins.login(secret);
    let limits = args.charts.limits.limits();
    let mut right = true;
    for name in &names {
        let found = check(&*snapshot, name, &args.kube_version, &keys, (&charts, &logins, limits));
        right &= found.problems.is_empty();
        for problem in &found.problems {
            anstream::eprintln!("{}: {problem}", paint::wrong("error"));
        }
        if let Some(summary) = found.summary.filter(|_| found.problems.is_empty()) {
            anstream::println!("{} {}: {summary}", paint::good("ok"), paint::name(name));
        }
    }
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found in an environment.
struct Found {
    problems: Vec<String>,
    summary: Option<String>,
}

type Charts<'a> = (&'a ChartStore, &'a Logins<'a>, Limits);

fn check(files: &dyn Files, name: &str, kube_version: &str, keys: &Keyring, charts: Charts<'_>) -> Found {
    match environment::load(files, name) {
        Ok(loaded) => {
            let (store, logins, limits) = charts;
            render(&store.over(files, &loaded, logins), &loaded, kube_version, keys, limits)
        }
        Err(errors) => Found { problems: errors.iter().map(ToString::to_string).collect(), summary: None },
    }
}

fn render(files: &dyn Files, loaded: &Loaded, kube_version: &str, keys: &Keyring, limits: Limits) -> Found {
    let api_versions = DEFAULT_API_VERSIONS.map(str::to_owned);
    let context = RenderContext {
        files,
        environment: loaded,
        keys,
        kube_version,
        api_versions: &api_versions,
        cache: &RenderCache::new(CACHE_BYTES),
        now: Timestamp::now(),
        seed: [0; 32],
        lookup: None,
        limits,
    };
    let desired = render::render_environment(&context);
    let problems = desired
        .components
        .iter()
        .filter_map(|component| {
            let error = component.result.as_ref().err()?;
            Some(format!("component {} of {}: {error}", component.name, loaded.file))
        })
        .collect();
    let spec = &loaded.environment.spec;
    let summary = format!(
        "{} components, {} producers, {} objects",
        spec.components.len(),
        spec.producers.len(),
        desired.len()
    );
    Found { problems, summary: Some(summary) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        check: CheckArgs,
    }

    fn parse(arguments: &[&str]) -> Result<CheckArgs, clap::Error> {
        Command::try_parse_from([&["check"], arguments].concat()).map(|command| command.check)
    }

    #[test]
    fn the_folder_comes_first_and_then_environments() {
        let args = parse(&["lakehouse", "local", "dev"]).unwrap();
        assert_eq!(
            (args.folder, args.environments),
            (PathBuf::from("lakehouse"), vec!["local".into(), "dev".into()])
        );
        let args = parse(&[]).unwrap();
        assert_eq!((args.folder, args.environments.len()), (PathBuf::from("."), 0));
    }

    #[test]
    fn the_schema_is_asked_for_alone() {
        assert!(parse(&["--schema"]).unwrap().schema);
        assert!(parse(&["--schema", "lakehouse"]).is_err());
    }

    #[test]
    fn the_environments_of_this_repository_are_right() {
        let source = Source::folder(env!("CARGO_MANIFEST_DIR"), ReadLimits::default());
        let snapshot = crate::cli::runtime().unwrap().block_on(source.latest()).unwrap();
        let names = environment::list(&*snapshot).unwrap();
        assert!(names.contains(&"local".to_owned()), "{names:?}");
        let store = ChartStore::new("/nowhere", 0);
        let logins = |_: &str| -> Result<crate::source::Login, String> { Err("there are none".to_owned()) };
        for name in names {
            assert_eq!(
                check(
                    &*snapshot,
                    &name,
                    KUBE_VERSION,
                    &Keyring::default(),
                    (&store, &logins, Limits::default())
                )
                .problems,
                Vec::<String>::new(),
                "{name}"
            );
        }
    }
}
