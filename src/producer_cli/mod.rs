//! The command line of `mooring-producer`: arguments, progress, the words at the end.
//!
//! Exit codes: 0 delivered in full (or in already), 3 not all delivered, 4 bad arguments.

mod arguments;
mod background;
mod dry_run;
mod progress;
mod words;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{CommandFactory as _, Parser as _};

use crate::producer::Schema;
use crate::producer::sink::{
    Counters, FileSink, KafkaSink, LineSink, Outcome, Pace, Sink, SinkError, Stop, deliver, deliver_once,
    parts,
};
use arguments::{Arguments, Job, Output, SchemaKind, Target};

/// Not everything was delivered.
const NOT_DELIVERED: u8 = 3;
/// The arguments are wrong: trying again would not help.
const BAD_ARGUMENTS: u8 = 4;

/// Parses the arguments, does what they say; returns the exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors. Where nobody reads them, there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(BAD_ARGUMENTS) } else { ExitCode::SUCCESS };
        }
    };
    if let Err(error) = crate::telemetry::start(&arguments.log_level, arguments.log_format) {
        return bad(&anyhow::Error::new(error));
    }
    if let Some(kind) = arguments.schema {
        return print_schema(&arguments, kind);
    }
    match arguments.job() {
        Ok(job) if arguments.dry_run => dry_run::run(&job),
        Ok(job) => run(&job),
        Err(error) => bad(&error),
    }
}

fn bad(error: &anyhow::Error) -> ExitCode {
    anstream::eprintln!("{}: {error:#}", crate::cli::paint::wrong("error"));
    let name = Arguments::command().get_name().to_owned();
    anstream::eprintln!("For more information, try '{name} --help'.");
    ExitCode::from(BAD_ARGUMENTS)
}

fn print_schema(arguments: &Arguments, kind: SchemaKind) -> ExitCode {
    let schema: Schema = arguments.dataset.schema();
    let changed = arguments.dirt.changes_schema();
    let value = match kind {
        SchemaKind::Json => schema.json_schema(changed),
        SchemaKind::Avro => schema.avro_schema(changed),
    };
    words::print(&format!("{value:#}\n"))
}

/// Sends the window, and says how it went.
fn run(job: &Job) -> ExitCode {
    let began = Instant::now();
    let counters = Arc::new(Counters::default());
    let stop = Stop::default();
    let background = match background::start(job.listen, &counters, &stop) {
        Ok(background) => background,
        Err(error) => return bad(&error),
    };
    counters.expect(job.recipe.events());
    let progress = progress::start(Arc::clone(&counters), &job.title());
    let ended = send(job, &counters, &stop);
    progress.end();
    background.end();
    let code = match &ended {
        Ok(outcome) => words::delivered(job, outcome, began.elapsed()),
        Err(SinkError::Settings(error)) => return bad(&anyhow::Error::new(error.clone())),
        Err(error) => {
            words::not_delivered(job, error, &counters);
            ExitCode::from(NOT_DELIVERED)
        }
    };
    if let (Ok(Outcome::Delivered(manifest) | Outcome::WasIn(manifest)), Output::Json) = (&ended, job.output)
    {
        return words::print_json(manifest);
    }
    code
}

fn send(job: &Job, counters: &Arc<Counters>, stop: &Stop) -> Result<Outcome, SinkError> {
    let mut pace = Pace::new(job.pace);
    let counted = Arc::clone(counters);
    let mut through =
        |sink: &mut dyn Sink| deliver(&job.recipe, sink, &mut pace, counters, stop).map(Outcome::Delivered);
    match &job.target {
        Target::Stdout => through(&mut LineSink::new(std::io::stdout().lock(), "standard output", counted)),
        Target::File(path) => through(&mut FileSink::create(path, counted)?),
        Target::Kafka(options) => {
            let mut sink = KafkaSink::connect(&job.recipe, options.clone(), counted, stop.clone())?;
            let Some(limit) = options.transaction else { return through(&mut sink) };
            let parts = parts(job.recipe.events(), job.pace, limit);
            deliver_once(&job.recipe, &mut sink, &mut pace, counters, stop, parts)
        }
    }
}
