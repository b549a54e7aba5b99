//! `mooring status`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::Value;

use super::cluster::ClusterArgs;
use super::{overview, paint};
use crate::agent;
use crate::cluster::Cluster;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// Arguments of `mooring status`.
#[derive(Debug, Args)]
#[command(
    after_help = "A component's line has the version that it runs, its pods, how often they were started again, and what the\n\
        component says of itself: a Service names figures of its metrics in the annotation mooring.dev/figures.\n\n\
        Exit codes: 0 all ready, 1 something is not.\n\n\
        Examples:\n  mooring status local --context minikube\n  \
        mooring status local --context minikube -o json | jq '.[0].overview.components[] | select(.trouble)'"
)]
pub struct StatusArgs {
    /// The environment; all of them unless named.
    environment: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

/// Prints what the Environments in the cluster say.
pub fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let runtime = super::runtime()?;
    let cluster = runtime.block_on(Cluster::connect(&args.cluster.options()))?;
    let environments = runtime.block_on(cluster.environments())?;
    let named = |environment: &&Value| {
        args.environment.as_ref().is_none_or(|name| environment["metadata"]["name"] == name.as_str())
    };
    let mut chosen: Vec<Value> = environments.iter().filter(named).cloned().collect();
    if chosen.is_empty() {
        let known: Vec<&str> =
            environments.iter().filter_map(|environment| environment["metadata"]["name"].as_str()).collect();
        match (&args.environment, known.is_empty()) {
            (Some(name), false) => {
                anyhow::bail!("there is no environment {name} here; there is {}", known.join(", "))
            }
            _ => anyhow::bail!(
                "no environment is kept in this cluster yet: start `mooring agent` or run `mooring apply`"
            ),
        }
    }
    for environment in &mut chosen {
        let overview = runtime.block_on(agent::overview(&cluster, environment));
        if args.output == Output::Text {
            print(environment);
            match &overview {
                Ok(overview) => overview::print(overview, Timestamp::now()),
                Err(error) => anstream::println!("  {}", paint::wrong(error)),
            }
        } else {
            environment["overview"] = serde_json::to_value(overview?)?;
        }
    }
    if args.output == Output::Json {
        anstream::println!("{}", serde_json::to_string_pretty(&chosen)?);
    }
    let ready = chosen.iter().all(|environment| condition(environment, "Ready").0);
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether a condition holds, and its message.
fn condition<'v>(environment: &'v Value, kind: &str) -> (bool, &'v str) {
    let conditions = environment.pointer("/status/conditions").and_then(Value::as_array);
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
    found.map_or((false, ""), |condition| {
        (condition["status"] == "True", condition["message"].as_str().unwrap_or_default())
    })
}

fn print(environment: &Value) {
    let text = |pointer: &str| environment.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    let count = |name: &str| {
        environment.pointer(&format!("/status/counts/{name}")).and_then(Value::as_u64).unwrap_or(0)
    };
    let (ready, message) = condition(environment, "Ready");
    let word = if ready { paint::good("ready") } else { paint::wrong("not ready") };
    anstream::println!("{}  {word}", paint::heading(text("/metadata/name")));
    anstream::println!("  revision    {}", text("/status/revision"));
    if let Some(attempted) = environment.pointer("/status/attemptedRevision").and_then(Value::as_str) {
        anstream::println!("  attempted   {attempted}");
    }
    anstream::println!(
        "  components  {} of {} ready, {} objects, {} held",
        count("readyComponents"),
        count("components"),
        count("objects"),
        count("held")
    );
    if !ready {
        message.split("; ").for_each(|part| anstream::println!("              {}", paint::change(part)));
    }
    let (drifted, which) = condition(environment, "Drifted");
    anstream::println!(
        "  drift       {}",
        if drifted { paint::change(which) } else { "none that was left".to_owned() }
    );
    if let Some(drift) = environment.pointer("/status/lastDrift") {
        let part = |key: &str| drift[key].as_str().unwrap_or("-");
        anstream::println!(
            "  last drift  {} {} {} by {}: {}",
            paint::aside(part("time")),
            part("object"),
            paint::name(part("path")),
            part("manager"),
            part("decision")
        );
    }
    for run in environment.pointer("/status/nextRuns").and_then(Value::as_array).into_iter().flatten() {
        anstream::println!(
            "  next run    {} {}",
            run["time"].as_str().unwrap_or("-"),
            paint::name(run["producer"].as_str().unwrap_or("-"))
        );
    }
}
