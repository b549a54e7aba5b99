//! The command line: one file a subcommand, no logic of its own.

mod agent;
mod annotated;
mod apply;
mod backfill;
mod chart;
mod charts;
mod check;
mod cluster;
mod completion;
mod limits;
mod offline;
mod overview;
pub(crate) mod paint;
mod plan;
mod render;
mod schedule;
mod sops;
mod source;
mod status;
pub mod template;
mod values;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  mooring check                             is all right in this repository?
  mooring render local                      what would be sent to the cluster?
  mooring plan local --context minikube     what would change there, and why?
  mooring apply local --context minikube    do it once, by hand
  mooring agent --repo https://git.example.org/lakehouse.git --environment local
                                            keep it so: apply each push, put
                                            drift back
  mooring status --context minikube         how is it?

Exit codes: 0 done, 1 failed; `plan` exits with 2 where something would change.";

/// A GitOps agent for a data lakehouse on Kubernetes: renders what git says, applies it, sees what drifts, says who
/// did it and puts it back.
#[derive(Debug, Parser)]
#[command(name = "mooring", version, after_help = EXAMPLES, max_term_width = 110, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    logs: LogArgs,
    #[command(subcommand)]
    command: Command,
}

/// The same as far as `mooring template` is concerned: to make up the arguments of all other commands takes as long as to
/// render a small chart.
#[derive(Debug, Parser)]
#[command(name = "mooring", version, max_term_width = 110, propagate_version = true)]
struct TemplateCli {
    #[command(flatten)]
    logs: LogArgs,
    #[command(subcommand)]
    command: TemplateCommand,
}

/// What is logged unless somebody wants it otherwise.
const LOG_LEVEL: &str = "info";

#[derive(Debug, Args)]
struct LogArgs {
    /// How logs are written: `text` for people, `json` for machines, one object a line.
    #[arg(long, global = true, value_enum, default_value = "text", env = "MOORING_LOG_FORMAT")]
    log_format: crate::telemetry::LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,mooring::source=debug`.
    #[arg(long, global = true, default_value = LOG_LEVEL, env = "MOORING_LOG")]
    log_level: String,
}

impl LogArgs {
    /// Begins to log; `false` where that fails, which is said.
    fn start(&self) -> bool {
        let started = crate::telemetry::start(&self.log_level, self.log_format);
        started.inspect_err(|error| eprintln!("mooring: {error}")).is_ok()
    }
}

#[derive(Debug, Subcommand)]
enum TemplateCommand {
    /// Render a Helm chart as `helm template` does, byte for byte, without the helm binary.
    Template(Box<template::TemplateArgs>),
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep an environment as git says: apply each new revision, watch, report and correct drift.
    Agent(agent::AgentArgs),
    /// Show what would change in the cluster and why, with the origin of each field. Changes nothing.
    Plan(plan::PlanArgs),
    /// Apply an environment once, as the agent would, and wait until it is ready.
    Apply(apply::ApplyArgs),
    #[command(flatten)]
    Template(TemplateCommand),
    /// Print the manifests of an environment, as the agent would send them.
    Render(render::RenderArgs),
    /// Print the values that a component's chart sees in the end, each with the line that set it.
    Values(values::ValuesArgs),
    /// Show how the environments in a cluster are: revision, health, drift, next runs.
    Status(status::StatusArgs),
    /// Move the pins of charts from elsewhere.
    Chart(chart::ChartArgs),
    /// Check a repository without a cluster: its environments, and that each component renders.
    Check(check::CheckArgs),
    /// Show when the producers run next, and what a change of daylight saving does to them.
    Schedule(schedule::ScheduleArgs),
    /// Make the windows of a producer in a range of the past: a Job for each that has none.
    Backfill(backfill::BackfillArgs),
    /// Print a completion script for a shell.
    Completion(completion::CompletionArgs),
}

/// A runtime for commands that talk to a cluster or a remote.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// Writes a result. A reader that has seen enough (`| head`) is no failure.
fn write(mut out: impl Write, text: &str) -> std::io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Parses the arguments, sets telemetry up, runs the command; returns its exit code.
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "template") {
        return template_main(words);
    }
    let cli: Cli = parse(words).unwrap_or_else(|error| error.exit());
    if !cli.logs.start() {
        return ExitCode::FAILURE;
    }
    let done = match cli.command {
        Command::Agent(args) => agent::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Apply(args) => apply::run(&args),
        Command::Template(TemplateCommand::Template(args)) => return template::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Values(args) => values::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Chart(args) => chart::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Schedule(args) => schedule::run(&args),
        Command::Backfill(args) => backfill::run(&args),
        Command::Completion(args) => Ok(completion::run(&args)),
    };
    done.unwrap_or_else(|error| {
        anstream::eprintln!("{}: {error:#}", paint::wrong("error"));
        ExitCode::FAILURE
    })
}

fn parse<C: CommandFactory + FromArgMatches>(words: Vec<OsString>) -> Result<C, clap::Error> {
    let mut command = C::command();
    if template::has_ignored(&words) {
        command = command.mut_subcommand("template", template::with_ignored);
    }
    let mut matches = command.try_get_matches_from_mut(words)?;
    C::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// [`main`] of `mooring template`.
fn template_main(words: Vec<OsString>) -> ExitCode {
    let cli: TemplateCli = match parse(template::arguments(words)) {
        Ok(cli) => cli,
        // Whoever has a script around `helm template` finds helm's words and exit code.
        Err(error) if error.use_stderr() => {
            eprintln!("Error: {}", template::flag_error(&error));
            return ExitCode::FAILURE;
        }
        Err(error) => error.exit(),
    };
    let TemplateCommand::Template(args) = cli.command;
    // Only fetching has something to log, and to begin with it takes as long as many a template.
    if (args.is_fetched() || cli.logs.log_level != LOG_LEVEL) && !cli.logs.start() {
        return ExitCode::FAILURE;
    }
    template::run(&args)
}
