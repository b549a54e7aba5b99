//! `mooring schedule`.

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SpanRound, Timestamp, Unit};
use serde::Serialize;

use super::offline::load;
use super::paint;
use super::source::SourceArgs;
use crate::environment::{self, Loaded, Producer};
use crate::schedule::{self, Run, Schedule};

/// How the runs are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For scripts.
    Json,
}

const EXAMPLES: &str = "\
Times are what Kubernetes makes of a schedule, changes of daylight saving included. No cluster is asked.

Examples:
  mooring schedule                             the producers of all environments in this folder
  mooring schedule local --count 10
  mooring schedule local --from 2027-03-27     what happens when the clocks change?
  mooring schedule local -o json | jq -r '.[].runs[0].utc'";

/// Arguments of `mooring schedule`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ScheduleArgs {
    /// The environment; all of them unless named.
    environment: Option<String>,
    /// How many runs of each producer are shown.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// The time to begin at: a date, or a time such as 2027-03-27T12:00:00Z; now unless given.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// How the runs are printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    source: SourceArgs,
}

/// Prints the next runs of the producers.
pub fn run(args: &ScheduleArgs) -> anyhow::Result<ExitCode> {
    let source = args.source.open()?;
    let snapshot = super::runtime()?.block_on(source.latest())?;
    let names = match &args.environment {
        Some(name) => vec![name.clone()],
        None => environment::list(&*snapshot)?,
    };
    let now = Timestamp::now();
    let mut plans = Vec::new();
    for name in &names {
        plans.extend(plans_of(&load(&*snapshot, name)?, args.from.unwrap_or(now), args.count.into())?);
    }
    match args.output {
        Output::Json => anstream::println!("{}", serde_json::to_string_pretty(&plans)?),
        Output::Table if plans.is_empty() => {
            anstream::println!("no producers: name some under spec.producers of an environment");
        }
        Output::Table => anstream::print!("{}", table(&plans, now)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A producer with its next runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    environment: String,
    producer: String,
    schedule: String,
    time_zone: String,
    in_words: String,
    suspended: bool,
    /// Whether the runs count from the one before, so that only the cluster knows when the first is.
    interval: bool,
    runs: Vec<Run>,
}

fn plans_of(loaded: &Loaded, from: Timestamp, count: usize) -> anyhow::Result<Vec<Plan>> {
    let environment = &loaded.environment;
    let plan = |producer: &Producer| -> anyhow::Result<Plan> {
        let schedule = Schedule::parse(&producer.schedule)?;
        let zone = schedule::zone(&producer.time_zone)?;
        Ok(Plan {
            environment: environment.metadata.name.clone(),
            producer: producer.name.clone(),
            schedule: producer.schedule.clone(),
            time_zone: producer.time_zone.clone(),
            in_words: schedule.in_words(),
            suspended: producer.suspend,
            interval: schedule.interval().is_some(),
            runs: schedule::preview(&schedule, &zone, from, count),
        })
    };
    environment.spec.producers.iter().map(plan).collect()
}

fn table(plans: &[Plan], now: Timestamp) -> String {
    let mut text = String::new();
    for (index, plan) in plans.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        let name = paint::heading(format_args!("{}/{}", plan.environment, plan.producer));
        let schedule = paint::name(&plan.schedule);
        _ = writeln!(text, "{gap}{name}  {schedule}  {}, {} time", plan.in_words, plan.time_zone);
        if plan.suspended {
            let note = "suspended: none of these will happen until `suspend` is taken out";
            _ = writeln!(text, "  {}", paint::change(note));
        }
        if plan.interval {
            let note = "an interval counts from the run before: the cluster may be at another point of it";
            _ = writeln!(text, "  {}", paint::aside(note));
        }
        for run in &plan.runs {
            for change in &run.changes {
                _ = writeln!(text, "  {}", paint::change(change));
            }
            let utc = run.utc.to_zoned(TimeZone::UTC);
            let local = run.local.strftime("%a %Y-%m-%d %H:%M:%S %:z");
            let away = paint::aside(away(now, run.utc));
            _ = writeln!(text, "  {}  {local}  {away}", utc.strftime("%Y-%m-%d %H:%M:%SZ"));
        }
    }
    text
}

/// `in 2h 15m`, in at most two units.
fn away(now: Timestamp, run: Timestamp) -> String {
    let distance = run.duration_since(now);
    let smallest = match distance.abs().as_secs() {
        ..3600 => Unit::Second,
        3600..86_400 => Unit::Minute,
        _ => Unit::Hour,
    };
    let rounding = SpanRound::new().smallest(smallest).largest(Unit::Day).days_are_24_hours();
    let span = jiff::Span::try_from(distance.abs()).and_then(|span| span.round(rounding));
    match span {
        Ok(span) if distance.is_negative() => format!("{span:#} ago"),
        Ok(span) => format!("in {span:#}"),
        Err(_) => String::new(),
    }
}

/// A time as an argument: a date, at whose midnight in UTC it begins, or a time of RFC 3339.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<Date>().and_then(midnight))
        .map_err(|_| "write a date such as 2027-03-27 or a time such as 2027-03-27T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(expression: &str, zone: &str, from: &str, count: usize) -> Plan {
        let schedule = Schedule::parse(expression).unwrap();
        Plan {
            environment: "local".to_owned(),
            producer: "orders".to_owned(),
            schedule: expression.to_owned(),
            time_zone: zone.to_owned(),
            in_words: schedule.in_words(),
            suspended: false,
            interval: schedule.interval().is_some(),
            runs: schedule::preview(&schedule, &schedule::zone(zone).unwrap(), time(from).unwrap(), count),
        }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn runs_are_shown_in_both_times_with_what_daylight_saving_does() {
        let plans = [plan("30 2 * * *", "Europe/Berlin", "2027-03-27", 2)];
        assert_eq!(
            plain(&table(&plans, time("2027-03-27").unwrap())),
            "local/orders  30 2 * * *  at 02:30, Europe/Berlin time\n\
             \x20 2027-03-27 01:30:00Z  Sat 2027-03-27 02:30:00 +01:00  in 1h 30m\n\
             \x20 2027-03-28: the clock goes forward from 02:00 to 03:00; no run at 02:30\n\
             \x20 2027-03-29 00:30:00Z  Mon 2027-03-29 02:30:00 +02:00  in 2d 1h\n"
        );
    }

    #[test]
    fn a_suspended_producer_and_an_interval_are_said_to_be_so() {
        let mut paused = plan("@every 10m", "Etc/UTC", "2027-03-27", 1);
        paused.suspended = true;
        let text = plain(&table(&[paused], time("2027-03-27").unwrap()));
        assert!(text.contains("suspended: none of these will happen"), "{text}");
        assert!(text.contains("an interval counts from the run before"), "{text}");
    }

    #[test]
    fn a_time_is_a_date_or_a_timestamp() {
        assert_eq!(time("2027-03-27").unwrap(), time("2027-03-27T00:00:00Z").unwrap());
        assert!(time("tomorrow").unwrap_err().contains("2027-03-27"));
    }
}
