//! The arguments, and what they mean together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use clap::{Args, Parser, ValueEnum};

use crate::producer::sink::{KafkaOptions, Settings, parts};
use crate::producer::{
    Dataset, Described, Dirt, Format, Rate, Recipe, Rhythm, SchemaChange, Share, Slice, Window,
};
use crate::schedule::{self, Schedule};
use crate::telemetry::LogFormat;

const EXAMPLES: &str = "\
The same arguments make the same events, byte for byte, on every machine. A window's manifest says what it holds: how many
events and ids, which dirt, the sums of amounts, a sha256 over all ids.

Examples:
  # Look at ten events of a window, and at its manifest.
  mooring-producer --dataset orders --window 2026-03-01T10:00:00Z/2026-03-01T10:05:00Z --dry-run
  # All of it, compressed.
  mooring-producer --dataset orders --window 2026-03-01T10:00:00Z/2026-03-01T10:05:00Z --fast --file orders.jsonl.gz
  # To Kafka, whole or not at all, with some dirt. Running it again changes nothing.
  mooring-producer --dataset orders --window 2026-03-01T10:00:00Z/2026-03-01T10:05:00Z --rate 1000 \\
    --duplicates 1% --malformed 0.5% --bootstrap-servers kafka:9092 --exactly-once
  # A quarter of a day, beside three others.
  mooring-producer --dataset clicks --window 2026-03-01T00:00:00Z/2026-03-02T00:00:00Z --slice 2/4 --fast \\
    --bootstrap-servers kafka:9092 --exactly-once
  # With a login: kafka.properties holds security.protocol, sasl.mechanisms, sasl.username and sasl.password.
  mooring-producer --dataset orders --window 2026-03-01T10:00:00Z/2026-03-01T10:05:00Z \\
    --bootstrap-servers kafka:9093 --settings kafka.properties --set compression.codec=gzip
  # What does an event look like?
  mooring-producer --dataset sensors --schema avro

Exit codes: 0 delivered in full, or in already; 3 not all delivered (how much and why is said); 4 bad arguments.";

/// Fills a window of time with synthetic events that can be proved: in Kafka, in a file, on standard output.
#[derive(Debug, Parser)]
#[command(name = "mooring-producer", version, after_help = EXAMPLES, max_term_width = 120)]
pub(super) struct Arguments {
    /// What is made: orders, clicks, sensors, what they speak of (customers, products, devices), or a YAML file that
    /// describes a dataset.
    #[arg(long, value_name = "NAME|FILE", value_parser = dataset, help_heading = "Data")]
    pub dataset: Dataset,
    /// The window to fill, in RFC 3339.
    #[arg(long, value_name = "START/END", help_heading = "Data")]
    window: Option<Window>,
    /// The CronJob's Job that this is a run of: its name ends with the minute of the run, and --schedule says when the run
    /// before was, where the window begins. Not read where --window is given.
    #[arg(long, value_name = "NAME", env = "MOORING_JOB_NAME", help_heading = "Data")]
    job: Option<String>,
    /// The CronJob's schedule.
    #[arg(long, value_name = "CRON", help_heading = "Data")]
    schedule: Option<String>,
    /// The time zone of the schedule.
    #[arg(long, value_name = "ZONE", default_value = "Etc/UTC", help_heading = "Data")]
    time_zone: String,
    /// The part of the window to make: slice k of n.
    #[arg(long, value_name = "K/N", default_value = "1/1", help_heading = "Data")]
    slice: Slice,
    /// The number that all events follow from.
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Data")]
    seed: u64,
    /// Events a second: the average that the window has, and the ceiling at which they are sent. The run of a CronJob sends
    /// up to twice as many as its window has a second, to be done before the next one.
    #[arg(long, value_name = "N", default_value = "100", help_heading = "Data")]
    rate: Rate,
    /// Send as fast as can be.
    #[arg(long, help_heading = "Data")]
    fast: bool,
    /// How events spread over the week, if not as is usual for the dataset: shop or flat.
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    rhythm: Option<Rhythm>,
    /// How events are written: json or avro (single-object encoding, to Kafka only).
    #[arg(long, value_name = "NAME", default_value = "json", help_heading = "Data")]
    format: Format,
    #[command(flatten)]
    pub dirt: DirtArguments,
    #[command(flatten)]
    sink: SinkArguments,
    /// Print the schema of the events and do nothing else: of the newer form where --schema-change is given.
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Output")]
    pub schema: Option<SchemaKind>,
    /// Print the first ten events and the manifest; send nothing.
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
    /// How the manifest is printed: in words on standard error, or as JSON on standard output.
    #[arg(short, long, value_enum, default_value = "text", help_heading = "Output")]
    output: Output,
    /// Serve /metrics and /healthz here while the run lasts, as in 0.0.0.0:9621.
    #[arg(long, value_name = "ADDRESS", env = "MOORING_LISTEN", help_heading = "Output")]
    listen: Option<SocketAddr>,
    /// How logs are written: `text` for people, `json` for machines, one object a line.
    #[arg(long, value_enum, default_value = "text", env = "MOORING_LOG_FORMAT", help_heading = "Output")]
    pub log_format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug` (what librdkafka says, too), `trace`.
    #[arg(long, default_value = "info", env = "MOORING_LOG", help_heading = "Output")]
    pub log_level: String,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Dirt, as shares such as 0.02 or 2%")]
pub(super) struct DirtArguments {
    /// Events sent long after their time.
    #[arg(long, value_name = "SHARE", default_value = "0")]
    late: Share,
    /// Events sent a little too late.
    #[arg(long, value_name = "SHARE", default_value = "0")]
    out_of_order: Share,
    /// Events sent twice.
    #[arg(long, value_name = "SHARE", default_value = "0")]
    duplicates: Share,
    /// Events that nothing can read.
    #[arg(long, value_name = "SHARE", default_value = "0")]
    malformed: Share,
    /// Events without their optional fields, in storms.
    #[arg(long, value_name = "SHARE", default_value = "0")]
    nulls: Share,
    /// A field is added at this time; with =SHARE, some events only have it.
    #[arg(long, value_name = "TIME[=SHARE]", value_parser = str::parse::<SchemaChange>)]
    schema_change: Option<SchemaChange>,
}

/// A description is no longer than this.
const DESCRIPTION_BYTES: u64 = 1 << 20;

/// A dataset by its name, or by the file that describes it.
fn dataset(text: &str) -> anyhow::Result<Dataset> {
    let path = Path::new(text);
    if !path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
        return Ok(text.parse()?);
    }
    let size = std::fs::metadata(path).with_context(|| format!("cannot read {text}"))?.len();
    ensure!(size <= DESCRIPTION_BYTES, "{text} has over 1 MiB: it should describe one dataset");
    let description = std::fs::read_to_string(path).with_context(|| format!("cannot read {text}"))?;
    let described = Described::parse(text, &description).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!("{}", lines.join("\n"))
    })?;
    Ok(Dataset::Described(Arc::new(described)))
}

impl DirtArguments {
    /// Whether a field is added one day.
    pub fn changes_schema(&self) -> bool {
        self.schema_change.is_some()
    }

    fn dirt(&self) -> anyhow::Result<Dirt> {
        let dirt = Dirt {
            late: self.late,
            out_of_order: self.out_of_order,
            duplicates: self.duplicates,
            malformed: self.malformed,
            nulls: self.nulls,
            schema_change: self.schema_change,
        };
        dirt.check()?;
        Ok(dirt)
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Where to; standard output unless one is given")]
struct SinkArguments {
    /// Write JSON lines into this file, compressed if its name ends in .gz. It appears when it is whole.
    #[arg(long, value_name = "PATH", conflicts_with = "bootstrap_servers")]
    file: Option<PathBuf>,
    /// Send to Kafka: the brokers to begin with.
    #[arg(long, value_name = "HOST:PORT,...", env = "MOORING_BOOTSTRAP_SERVERS")]
    bootstrap_servers: Option<String>,
    /// The topic of the events; named as the dataset unless given.
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// The topic of the manifests.
    #[arg(long, value_name = "NAME", default_value = "mooring.windows")]
    windows_topic: String,
    /// Events and manifest in one transaction: the window is in whole or not at all. A run of the same window that is still
    /// going is fenced off, and a window that is in is left alone.
    #[arg(long, requires = "bootstrap_servers")]
    exactly_once: bool,
    /// How long a transaction may last, in seconds: at most the broker's transaction.max.timeout.ms. Longer windows go in
    /// several, slice by slice.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(5..=86_400))]
    transaction_limit: u32,
    /// How long a broker that is away is waited for, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    wait: u32,
    /// A setting of librdkafka, as in compression.codec=gzip. Secrets belong into a file.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A file with settings of librdkafka, one a line.
    #[arg(long, value_name = "PATH", env = "MOORING_KAFKA_SETTINGS")]
    settings: Vec<PathBuf>,
}

/// A language of schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaKind {
    /// JSON Schema 2020-12.
    Json,
    /// Avro.
    Avro,
}

/// How the manifest is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// In words.
    Text,
    /// As JSON.
    Json,
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Job {
    pub recipe: Recipe,
    pub target: Target,
    /// Records a second at most.
    pub pace: Option<u32>,
    pub output: Output,
    pub listen: Option<SocketAddr>,
}

/// Where events go.
#[derive(Debug)]
pub(super) enum Target {
    Stdout,
    File(PathBuf),
    Kafka(KafkaOptions),
}

impl Job {
    /// What it is about, in a few words.
    pub fn title(&self) -> String {
        let Recipe { dataset, window, slice, .. } = &self.recipe;
        if *slice == Slice::WHOLE {
            format!("{} {window}", dataset.name())
        } else {
            format!("{} {window} slice {slice}", dataset.name())
        }
    }
}

/// The longest file of settings, in bytes.
const MOST_SETTINGS: u64 = 1 << 20;

impl Arguments {
    /// What they mean together.
    pub fn job(&self) -> anyhow::Result<Job> {
        let recipe = Recipe {
            dataset: self.dataset.clone(),
            seed: self.seed,
            window: self.window()?,
            rate: self.rate,
            rhythm: self.rhythm,
            dirt: self.dirt.dirt()?,
            slice: self.slice,
            format: self.format,
        };
        let target = self.target()?;
        if !self.dry_run {
            if matches!(target, Target::Stdout) && self.output == Output::Json {
                bail!(
                    "events and manifest cannot both go to standard output; give --file, --bootstrap-servers or --dry-run"
                );
            }
            if !matches!(target, Target::Kafka(_)) && self.format == Format::Avro {
                bail!("avro has no lines; give --bootstrap-servers, or --format json");
            }
        }
        let pace = self.pace(&recipe);
        let job = Job { recipe, target, pace, output: self.output, listen: self.listen };
        job.check_slice()?;
        Ok(job)
    }

    fn window(&self) -> anyhow::Result<Window> {
        if let Some(window) = self.window {
            return Ok(window);
        }
        let Some(job) = self.job.as_deref().filter(|job| !job.is_empty()) else {
            bail!("which window? give --window START/END, or in a CronJob MOORING_JOB_NAME and --schedule");
        };
        let Some(schedule) = &self.schedule else {
            bail!(
                "the Job {job} tells the window's end, --schedule its beginning; give it, or --window START/END"
            );
        };
        let schedule = Schedule::parse(schedule).with_context(|| format!("--schedule {schedule:?}"))?;
        Ok(Window::of_job(job, &schedule, &schedule::zone(&self.time_zone)?)?)
    }

    /// A CronJob's window has passed already: its run must end before the next one begins, whatever the hour's rhythm.
    fn pace(&self, recipe: &Recipe) -> Option<u32> {
        if self.fast {
            return None;
        }
        let rate = self.rate.get();
        if self.window.is_some() {
            return Some(rate);
        }
        let average = recipe.events().div_ceil(recipe.window.seconds().max(1));
        Some(u32::try_from(average * 2).unwrap_or(u32::MAX).max(rate))
    }

    fn target(&self) -> anyhow::Result<Target> {
        let sink = &self.sink;
        if let Some(path) = &sink.file {
            return Ok(Target::File(path.clone()));
        }
        let Some(servers) = &sink.bootstrap_servers else { return Ok(Target::Stdout) };
        let topic = sink.topic.clone().unwrap_or_else(|| self.dataset.name().to_owned());
        for topic in [&topic, &sink.windows_topic] {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            ensure!(
                !topic.is_empty()
                    && topic.len() <= 249
                    && topic.chars().all(fits)
                    && topic != "."
                    && topic != "..",
                "{topic:?} is no name of a topic: it has up to 249 letters, digits, dots, hyphens and underscores"
            );
        }
        ensure!(
            topic != sink.windows_topic,
            "topic {topic} is that of the manifests; choose another --topic"
        );
        let mut settings = Settings::default();
        for path in &sink.settings {
            let name = path.display();
            let size =
                std::fs::metadata(path).with_context(|| format!("failed to read --settings {name}"))?.len();
            ensure!(size <= MOST_SETTINGS, "--settings {name} has {size} bytes: that is no file of settings");
            let text =
                std::fs::read_to_string(path).with_context(|| format!("failed to read --settings {name}"))?;
            settings.file(&name.to_string(), &text)?;
        }
        for text in &sink.set {
            settings.argument(text)?;
        }
        Ok(Target::Kafka(KafkaOptions {
            servers: servers.clone(),
            topic,
            windows_topic: sink.windows_topic.clone(),
            settings,
            wait: Duration::from_secs(sink.wait.into()),
            transaction: sink.exactly_once.then(|| Duration::from_secs(sink.transaction_limit.into())),
        }))
    }
}

impl Job {
    /// A slice goes in one transaction: it cannot be cut further.
    fn check_slice(&self) -> anyhow::Result<()> {
        let Target::Kafka(KafkaOptions { transaction: Some(limit), .. }) = &self.target else {
            return Ok(());
        };
        if self.recipe.slice == Slice::WHOLE {
            return Ok(());
        }
        let times = parts(self.recipe.events(), self.pace, *limit);
        ensure!(
            times == 1,
            "slice {} outlasts a transaction; cut the window into {} slices, or leave --slice out",
            self.recipe.slice,
            u64::from(self.recipe.slice.of()) * u64::from(times)
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    const WINDOW: &str = "2026-03-01T10:00:00Z/2026-03-01T10:05:00Z";

    fn job(arguments: &[&str]) -> Result<Job, String> {
        let all = ["mooring-producer", "--dataset", "orders"].iter().chain(arguments);
        let arguments = Arguments::try_parse_from(all).map_err(|error| error.to_string())?;
        arguments.job().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_way_out() {
        for (arguments, words) in [
            (&[][..], "give --window"),
            (&["--job", "orders-29541245"], "--schedule"),
            (&["--job", "orders-by-hand", "--schedule", "@hourly"], "give --window"),
            (&["--window", WINDOW, "-o", "json"], "--dry-run"),
            (&["--window", WINDOW, "--format", "avro"], "--format json"),
            (&["--window", WINDOW, "--exactly-once"], "--bootstrap-servers"),
            (&["--window", WINDOW, "--late", "80%", "--malformed", "30%"], "more than all events"),
            (&["--window", WINDOW, "--bootstrap-servers", "k:1", "--topic", "a b"], "no name of a topic"),
            (
                &["--window", WINDOW, "--bootstrap-servers", "k:1", "--set", "sasl.password=x"],
                "a file for --settings",
            ),
            (
                &[
                    "--window",
                    WINDOW,
                    "--bootstrap-servers",
                    "k:1",
                    "--exactly-once",
                    "--slice",
                    "1/2",
                    "--transaction-limit",
                    "10",
                ],
                "leave --slice out",
            ),
        ] {
            let error = job(arguments).unwrap_err();
            assert!(error.contains(words), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn the_arguments_of_a_cron_job_are_understood() {
        let due = "2026-03-01T10:05:00Z".parse().unwrap();
        let name = schedule::job_name("orders", due);
        let job = job(&[
            "--seed",
            "42",
            "--rate",
            "200",
            "--topic",
            "orders",
            "--bootstrap-servers",
            "kafka:9092",
            "--schedule",
            "*/5 * * * *",
            "--time-zone",
            "Europe/Berlin",
            "--late",
            "0.01",
            "--job",
            &name,
        ])
        .unwrap();
        assert_eq!(job.recipe.window.to_string(), WINDOW);
        let pace = job.pace.unwrap();
        assert!(u64::from(pace) * 150 >= job.recipe.events(), "{pace} a second is too slow for the next run");
        assert!(matches!(job.target, Target::Kafka(options) if options.topic == "orders"));
    }

    #[test]
    fn a_rate_is_the_ceiling_unless_it_is_to_go_fast() {
        assert_eq!(job(&["--window", WINDOW, "--rate", "7"]).unwrap().pace, Some(7));
        assert_eq!(job(&["--window", WINDOW, "--rate", "7", "--fast"]).unwrap().pace, None);
    }
}
