//! `mooring chart`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::charts::{CacheArgs, LoginArgs};
use super::offline::{CACHE_BYTES, KUBE_VERSION, load};
use super::sops::SopsArgs;
use super::status::Output;
use super::{paint, plan};
use crate::environment::{self, ChartLock, Loaded, RemoteChart};
use crate::helm::DEFAULT_API_VERSIONS;
use crate::helm::limits::Limits;
use crate::manifest::{Files, SecretKey};
use crate::plan::{Difference, Fate, compare};
use crate::render::{DesiredSet, RenderCache, RenderContext, render_environment};
use crate::sops::Keyring;
use crate::source::{ChartStore, Logins, ReadLimits, Source};

const AFTER: &str = "\
Finds the newest version that each chart's range allows, fetches it, writes its
digest into environments/ENV/charts.lock and shows what that changes in the
rendered output. Commit the lock: the agent uses only what it pins.

Examples:
  # All charts of all environments of the repository in this folder.
  mooring chart update
  # One component's.
  mooring chart update local minio

Exit codes: 0 done, 1 a chart could not be had, or something does not render.";

/// Arguments of `mooring chart`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct ChartArgs {
    #[command(subcommand)]
    command: ChartCommand,
}

#[derive(Debug, Subcommand)]
enum ChartCommand {
    /// Move the pins of charts from elsewhere to the newest versions that are allowed, and show what that changes.
    Update(UpdateArgs),
}

#[derive(Debug, Args)]
#[command(after_help = AFTER)]
struct UpdateArgs {
    /// The environment; all of them unless named.
    #[arg(value_name = "ENV")]
    environment: Option<String>,
    /// One component of it; all of them unless named.
    component: Option<String>,
    /// The folder of the repository.
    #[arg(long, value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    charts: CacheArgs,
    #[command(flatten)]
    logins: LoginArgs,
    #[command(flatten)]
    sops: SopsArgs,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

/// Moves pins.
pub fn run(args: &ChartArgs) -> anyhow::Result<ExitCode> {
    let ChartCommand::Update(args) = &args.command;
    let source = Source::folder(&args.folder, ReadLimits::default());
    let snapshot = super::runtime()?.block_on(source.latest())?;
    let names = match &args.environment {
        Some(name) => vec![name.clone()],
        None => environment::list(&*snapshot)?,
    };
    let store = args.charts.store(&super::source::default_state());
    let logins = |secret: &str| args.logins.login(secret);
    let keys = args.sops.of_person().read();
    let key = SecretKey::new(super::template::seed().map_err(anyhow::Error::msg)?);
    let update = Update {
        files: &*snapshot,
        store: &store,
        logins: &logins,
        keys: &keys,
        key: &key,
        limits: args.charts.limits.limits(),
    };
    let mut updated = Vec::new();
    for name in &names {
        let one = update.environment(name, args.component.as_deref())?;
        if let Some(text) = one.text.as_ref().filter(|_| !args.dry_run) {
            write_lock(&args.folder.join(&one.path), text)?;
        }
        updated.push(one);
    }
    let text = match args.output {
        Output::Json => {
            let all: Vec<Value> = updated.iter().map(Updated::in_json).collect();
            format!("{}\n", serde_json::to_string_pretty(&json!({ "environments": all }))?)
        }
        Output::Text => updated.iter().map(Updated::in_text).collect(),
    };
    super::write(anstream::stdout(), &text)?;
    let mut code = ExitCode::SUCCESS;
    for error in updated.iter().flat_map(|one| &one.errors) {
        anstream::eprintln!("{}: {error}", paint::wrong("error"));
        code = ExitCode::FAILURE;
    }
    Ok(code)
}

/// Writes the lock whole or not at all.
fn write_lock(path: &Path, text: &str) -> anyhow::Result<()> {
    let half = path.with_extension("lock~");
    std::fs::write(&half, text)
        .and_then(|()| std::fs::rename(&half, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

struct Update<'a> {
    files: &'a dyn Files,
    store: &'a ChartStore,
    logins: &'a Logins<'a>,
    keys: &'a Keyring,
    /// The key of the digests that stand for Secrets' values.
    key: &'a SecretKey,
    limits: Limits,
}

/// A chart's pin, before and after.
struct Moved {
    component: String,
    chart: RemoteChart,
    from: Option<String>,
    to: String,
    digest: String,
}

/// What an update did to an environment.
struct Updated {
    name: String,
    /// The lock's path, and its text if it changes.
    path: String,
    text: Option<String>,
    moved: Vec<Moved>,
    differences: Vec<Difference>,
    errors: Vec<String>,
}

impl Update<'_> {
    fn environment(&self, name: &str, component: Option<&str>) -> anyhow::Result<Updated> {
        let loaded = load(self.files, name)?;
        let components = &loaded.environment.spec.components;
        let all: Vec<(&str, &RemoteChart)> = (0..components.len())
            .filter_map(|index| Some((components[index].name.as_str(), loaded.remote_chart(index)?)))
            .collect();
        let chosen: Vec<&(&str, &RemoteChart)> =
            all.iter().filter(|(name, _)| component.is_none_or(|wanted| wanted == *name)).collect();
        if let Some(wanted) = component
            && chosen.is_empty()
        {
            anyhow::bail!("{name} has no component {wanted} whose chart is from elsewhere");
        }
        let before = loaded.lock().clone();
        let (mut lock, mut moved, mut errors) = (before.clone(), Vec::new(), Vec::new());
        for (component, chart) in chosen {
            match self.store.resolve(chart, self.logins) {
                Ok(pin) => {
                    let from = before.pin(chart).map(|pin| pin.resolved.clone());
                    moved.push(Moved {
                        component: (*component).to_owned(),
                        chart: (*chart).clone(),
                        from,
                        to: pin.resolved.clone(),
                        digest: pin.digest.clone(),
                    });
                    lock.set(pin);
                }
                Err(error) => errors.push(format!("component {component} of {}: {error}", loaded.file)),
            }
        }
        lock.keep(&all.iter().map(|(_, chart)| *chart).collect::<Vec<_>>());
        let path = loaded.lock_path();
        let text = (lock != before).then(|| lock.to_text());
        let mut differences = Vec::new();
        if text.is_some() {
            let old = self.render(&loaded.clone().with_lock(before.clone()));
            let new = self.render(&loaded.with_lock(lock));
            errors.extend(new.components.iter().filter_map(|component| {
                let error = component.result.as_ref().err()?;
                Some(format!("component {}: {error}", component.name))
            }));
            differences = self.compare(old, &new, &before, &moved);
        }
        Ok(Updated { name: name.to_owned(), path, text, moved, differences, errors })
    }

    /// A chart that is pinned for the first time adds all that it has.
    fn compare(
        &self,
        mut old: DesiredSet,
        new: &DesiredSet,
        before: &ChartLock,
        moved: &[Moved],
    ) -> Vec<Difference> {
        let fresh: BTreeMap<&str, &Moved> = moved
            .iter()
            .filter(|one| before.pin(&one.chart).is_none())
            .map(|one| (one.component.as_str(), one))
            .collect();
        for component in &mut old.components {
            if fresh.contains_key(&*component.name) {
                component.result = Ok(std::sync::Arc::default());
            }
        }
        compare(&old, new, self.key)
    }

    fn render(&self, loaded: &Loaded) -> DesiredSet {
        let api_versions = DEFAULT_API_VERSIONS.map(str::to_owned);
        render_environment(&RenderContext {
            files: &self.store.over(self.files, loaded, self.logins),
            environment: loaded,
            keys: self.keys,
            kube_version: KUBE_VERSION,
            api_versions: &api_versions,
            cache: &RenderCache::new(CACHE_BYTES),
            now: jiff::Timestamp::UNIX_EPOCH,
            seed: [0; 32],
            lookup: None,
            limits: self.limits,
        })
    }
}

impl Updated {
    fn in_json(&self) -> Value {
        let moved: Vec<Value> = self
            .moved
            .iter()
            .map(|one| {
                json!({"component": one.component, "repository": one.chart.repository, "name": one.chart.name,
                    "version": one.chart.version, "from": one.from, "to": one.to, "digest": one.digest})
            })
            .collect();
        json!({"environment": self.name, "lock": self.path, "changed": self.text.is_some(), "charts": moved,
            "differences": self.differences, "errors": self.errors})
    }

    fn in_text(&self) -> String {
        let mut text = format!("{}\n", paint::heading(&self.name));
        if self.moved.is_empty() && self.errors.is_empty() {
            let _ = writeln!(text, "  {}", paint::aside("no charts from elsewhere"));
        }
        for one in &self.moved {
            let way = match &one.from {
                Some(from) if *from == one.to => {
                    format!("{from}, the newest that {} allows", one.chart.version)
                }
                Some(from) => format!("{} → {}", paint::wrong(from), paint::good(&one.to)),
                None => paint::good(&one.to),
            };
            let _ = writeln!(
                text,
                "  {}  {} {way}   {}",
                paint::name(&one.component),
                one.chart.name,
                paint::aside(&one.digest)
            );
        }
        let mut component = None;
        for difference in &self.differences {
            if component.replace(&difference.component) != Some(&difference.component) {
                let _ = writeln!(text, "\n{}", paint::heading(&difference.component));
            }
            let sign = match difference.fate {
                Fate::Added => paint::good("+"),
                Fate::Changed => paint::change("~"),
                Fate::Removed => paint::wrong("-"),
            };
            let _ = writeln!(text, "  {sign} {}", paint::name(&difference.object));
            difference.changes.iter().for_each(|change| plan::write_change(&mut text, change));
        }
        if self.text.is_some() {
            let _ = writeln!(text, "\n{}", paint::aside(format!("{} pins them: commit it", self.path)));
        }
        text
    }
}
