//! `mooring backfill`.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::cluster::ClusterArgs;
use super::paint;
use super::schedule::time;
use super::status::Output;
use crate::agent::{Backfill, BackfillRequest};
use crate::cluster::Cluster;
use crate::schedule::{RunState, RunWindow};

const EXAMPLES: &str = "\
A window is the time from one run of the producer's schedule to the next. Only windows that lie in the range as a whole
are made, each by a Job of the name that Kubernetes gives the Job of that run; those whose Job is complete are left out.
Ctrl-C ends the command and not the Jobs; the same command goes on where it ended.

Exit codes: 0 all windows are done, 1 some are not.

Examples:
  mooring backfill local orders 2026-11-01 2026-11-02 --context minikube
  mooring backfill local orders 2026-11-01T10:00:00Z 2026-11-01T12:00:00Z --parallel 4 --context minikube
  mooring backfill local orders 2026-11-01 2026-11-02 --dry-run --context minikube";

/// Arguments of `mooring backfill`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BackfillArgs {
    /// The environment.
    environment: String,
    /// The producer.
    producer: String,
    /// Where the range begins: a date, or a time such as 2026-11-01T10:00:00Z.
    #[arg(value_parser = time)]
    from: Timestamp,
    /// Where the range ends.
    #[arg(value_parser = time)]
    to: Timestamp,
    /// How many Jobs run at once.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=100))]
    parallel: u16,
    /// Show the windows and how far they are, and make nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

/// Makes the windows, and waits for them.
pub fn run(args: &BackfillArgs) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(async {
        let request = BackfillRequest {
            environment: args.environment.clone(),
            producer: args.producer.clone(),
            from: args.from,
            to: args.to,
        };
        let backfill = Backfill::find(Cluster::connect(&args.cluster.options()).await?, &request).await?;
        let states = backfill.states().await?;
        if args.dry_run {
            print(args.output, &backfill, &states)?;
            return Ok(ExitCode::SUCCESS);
        }
        let all = states.len();
        let already = states.iter().filter(|(_, state)| *state == RunState::Done).count();
        anstream::eprintln!("{all} windows, {already} of them done already");
        let mut ended = already;
        let before: Vec<RunWindow> =
            states.into_iter().filter(|(_, state)| *state == RunState::Done).map(|(window, _)| window).collect();
        let work = backfill.run(args.parallel.into(), |window, state| {
            if before.contains(window) {
                return;
            }
            if *state != RunState::Running {
                ended += 1;
            }
            let count = paint::aside(format_args!("{ended} of {all}"));
            anstream::eprintln!("{}  Job {}  {count}", line(window, state), backfill.job(window));
        });
        let cancel = super::agent::ended_by_signal()?;
        let done = tokio::select! {
            done = work => Some(done?),
            () = cancel.cancelled() => None,
        };
        let Some(states) = done else {
            let states = backfill.states().await?;
            print(args.output, &backfill, &states)?;
            anstream::eprintln!("ended; Jobs that run go on, and the same command continues with the rest");
            return Ok(ExitCode::FAILURE);
        };
        print(args.output, &backfill, &states)?;
        let failed = states.iter().filter(|(_, state)| *state != RunState::Done).count();
        if failed == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        anyhow::bail!(
            "{failed} of {all} windows failed: see `kubectl logs` of their Jobs; the same command tries them again"
        )
    })
}

fn line(window: &RunWindow, state: &RunState) -> String {
    let word = match state {
        RunState::Missing => paint::change("missing"),
        RunState::Running => paint::change("running"),
        RunState::Done => paint::good("done   "),
        RunState::Failed(_) => paint::wrong("failed "),
    };
    let why = match state {
        RunState::Failed(why) => format!(" ({why})"),
        _ => String::new(),
    };
    format!("{word}  {}/{}{why}", window.start, window.end)
}

fn print(output: Output, backfill: &Backfill, states: &[(RunWindow, RunState)]) -> anyhow::Result<()> {
    if output == Output::Json {
        let all: Vec<_> = states
            .iter()
            .map(|(window, state)| json!({ "window": window, "job": backfill.job(window), "run": state }))
            .collect();
        super::write(std::io::stdout().lock(), &format!("{}\n", serde_json::to_string_pretty(&all)?))?;
        return Ok(());
    }
    let text: String = states
        .iter()
        .map(|(window, state)| format!("{}  Job {}\n", line(window, state), backfill.job(window)))
        .collect();
    super::write(anstream::stdout().lock(), &text)?;
    Ok(())
}
