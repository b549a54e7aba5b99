//! `mooring values`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::annotated::Annotated;
use super::charts::{CacheArgs, LoginArgs};
use super::offline::{CACHE_BYTES, KUBE_VERSION, MASK, load};
use super::sops::SopsArgs;
use super::source::SourceArgs;
use super::status::Output;
use crate::helm::{DEFAULT_API_VERSIONS, SettledContent, SettledValue};
use crate::manifest::SourceLine;
use crate::render::{ComponentValues, RenderCache, RenderContext, component_values};

const AFTER: &str = "\
What `.Values` holds in the chart's templates: the component's values over the
chart's own, with those of its subcharts and the globals. No cluster is needed.
Values that were decrypted (SOPS) are masked: --show-secrets prints them.

Examples:
  # Each value of a component with the file and line that set it.
  mooring values local trino
  # The same for scripts.
  mooring values local trino -o json

Exit codes: 0 done, 1 the values cannot be put together.";

/// Arguments of `mooring values`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct ValuesArgs {
    /// The environment: a folder of that name under environments/.
    environment: String,
    /// The component, whose chart it is about.
    component: String,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    sops: SopsArgs,
    #[command(flatten)]
    charts: CacheArgs,
    #[command(flatten)]
    logins: LoginArgs,
    /// Print what was decrypted, too.
    #[arg(long)]
    show_secrets: bool,
    /// How the result is printed; text is YAML.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

/// Prints the values.
pub fn run(args: &ValuesArgs) -> anyhow::Result<ExitCode> {
    let source = args.source.open()?;
    let snapshot = super::runtime()?.block_on(source.latest())?;
    let loaded = load(&*snapshot, &args.environment)?;
    let charts = args.charts.store(&args.source.state());
    let logins = |secret: &str| args.logins.login(secret);
    let context = RenderContext {
        files: &charts.over(&*snapshot, &loaded, &logins),
        environment: &loaded,
        keys: &args.sops.of_person().read(),
        kube_version: KUBE_VERSION,
        api_versions: &DEFAULT_API_VERSIONS.map(ToOwned::to_owned),
        cache: &RenderCache::new(CACHE_BYTES),
        now: jiff::Timestamp::now(),
        seed: [0; 32],
        lookup: None,
        limits: args.charts.limits.limits(),
    };
    let Some(values) = component_values(&context, &args.component) else {
        let components = &loaded.environment.spec.components;
        let known: Vec<&str> = components
            .iter()
            .filter(|component| component.chart.is_some())
            .map(|component| component.name.as_str())
            .collect();
        anyhow::bail!(
            "there is no component {} of a chart in this environment; there is {}",
            args.component,
            known.join(", ")
        );
    };
    let values = values.map_err(|error| anyhow::anyhow!("component {}: {error}", args.component))?;
    let printer = Printer { values: &values, show_secrets: args.show_secrets };
    match args.output {
        Output::Text => super::write(anstream::stdout(), &printer.annotated(&values.root).text())?,
        Output::Json => {
            let mut found = Vec::new();
            printer.flat(&values.root, &mut Vec::new(), &mut found);
            let whole = json!({"environment": args.environment, "component": args.component,
                "revision": snapshot.revision(), "values": found});
            super::write(std::io::stdout(), &format!("{}\n", serde_json::to_string_pretty(&whole)?))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Printer<'a> {
    values: &'a ComponentValues,
    show_secrets: bool,
}

impl Printer<'_> {
    fn annotated(&self, value: &SettledValue) -> Annotated {
        match &value.content {
            SettledContent::Map(fields) => Annotated::Map(
                fields.iter().map(|(key, field)| (key.to_string(), self.annotated(field))).collect(),
            ),
            SettledContent::List(items) => {
                Annotated::List(items.iter().map(|item| self.annotated(item)).collect())
            }
            SettledContent::Leaf(leaf) => {
                let line = value.line.as_ref();
                Annotated::Leaf(self.shown(leaf, line), line.map(ToString::to_string))
            }
        }
    }

    /// Each value by the path to it.
    fn flat(&self, value: &SettledValue, path: &mut Vec<Value>, found: &mut Vec<Value>) {
        match &value.content {
            SettledContent::Leaf(leaf) => {
                let line = value.line.as_ref();
                found.push(json!({"path": path, "value": self.shown(leaf, line), "origin": line}));
            }
            SettledContent::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    path.push(number.into());
                    self.flat(item, path, found);
                    path.pop();
                }
            }
            SettledContent::Map(fields) => {
                for (key, field) in fields {
                    path.push(Value::from(&**key));
                    self.flat(field, path, found);
                    path.pop();
                }
            }
        }
    }

    fn shown(&self, leaf: &Value, line: Option<&SourceLine>) -> Value {
        if self.show_secrets || !self.values.is_sealed(leaf, line) { leaf.clone() } else { MASK.into() }
    }
}
