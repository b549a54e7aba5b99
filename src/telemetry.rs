//! What the program says while it runs: lines for a terminal, or one JSON object a line.
//!
//! ```text
//! 10:31:07  drift  Deployment lakehouse/trino-coordinator      local at 3f2c1a9
//! 10:31:09  warn   github.com cannot be reached: no route to host  attempts=3
//! ```
//!
//! The second column is the event's `topic` field, else its level if that is worse than info, else the module that
//! speaks. A field `record` holds JSON as text: it is left out on a terminal, where the message is the record as people
//! read it, and nested in JSON.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};
use std::sync::LazyLock;

use anstyle::{AnsiColor, Effects, Style};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// A watch that breaks is told by us, once and in words; the library would at each attempt.
const WATCHER: &str = "kube_runtime=error";
/// The longest text of one field or message, in bytes.
const TEXT_LIMIT: usize = 64 << 10;
/// The width of the second column.
const TOPIC_WIDTH: usize = 6;
/// Fields with a place of their own in a line.
const RESERVED: [&str; 5] = ["time", "level", "topic", "target", "message"];

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The level is neither a word nor a list of directives.
    #[error(
        "log level {level:?}: {reason}; use error, warn, info, debug, trace, or directives such as mooring::plan=debug"
    )]
    Level {
        /// The level as given.
        level: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It was started before.
    #[error("telemetry was started before")]
    Started,
}

/// Sends this process's events to standard error. `level` is one of `error` to `trace`, meant for this program alone, or
/// directives as `tracing` has them.
pub fn start(level: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => {
            let colour = colour(
                io::stderr().is_terminal(),
                std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty()),
            );
            builder.event_format(TextFormat { colour, zone: LazyLock::new(TimeZone::system) }).try_init()
        }
        LogFormat::Json => builder.event_format(JsonFormat).try_init(),
    };
    started.map_err(|_| TelemetryError::Started)
}

/// Says `record` as one event: its text on a terminal, the whole of it in JSON.
pub fn record<R: fmt::Display + Serialize>(topic: &'static str, record: &R) {
    // A record that cannot be written as JSON is still read by people.
    let json = serde_json::to_string(record).unwrap_or_else(|_| "null".to_owned());
    tracing::info!(topic, record = json, "{record}");
}

fn colour(is_terminal: bool, no_color: bool) -> bool {
    is_terminal && !no_color && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A plain level is for this program; libraries say no more than warnings, and at `trace` what they do.
fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let directives = match level.trim().to_ascii_lowercase().as_str() {
        "" => format!("warn,{WATCHER},mooring=info"),
        word @ ("off" | "error") => word.to_owned(),
        "trace" => "debug,mooring=trace".to_owned(),
        word @ ("warn" | "info" | "debug") => format!("warn,{WATCHER},mooring={word}"),
        _ => level.to_owned(),
    };
    EnvFilter::builder()
        .parse(&directives)
        .map_err(|error| TelemetryError::Level { level: level.to_owned(), reason: error.to_string() })
}

/// An event's fields, taken apart.
#[derive(Default)]
struct Fields {
    message: String,
    topic: Option<String>,
    record: Option<Value>,
    others: Map<String, Value>,
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("topic", Value::String(text)) => self.topic = Some(text),
            ("record", Value::String(text)) => {
                self.record = Some(serde_json::from_str(&text).unwrap_or(Value::String(text)));
            }
            (name, value) => {
                let name = if RESERVED.contains(&name) { format!("{name}_") } else { name.to_owned() };
                self.others.insert(name, value);
            }
        }
    }

    fn topic(&self, level: Level, target: &str) -> String {
        match (&self.topic, level) {
            (Some(topic), _) => topic.clone(),
            (None, Level::ERROR) => "error".to_owned(),
            (None, Level::WARN) => "warn".to_owned(),
            (None, _) => {
                let mut parts = target.split("::");
                let first = parts.next().unwrap_or(target);
                parts.next().unwrap_or(first).to_owned()
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Bounded(String::new());
        // Ends early when the text is long enough.
        let _ = write!(text, "{value:?}");
        self.put(field, Value::String(text.0));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // A record is parsed; cut short it would be none.
        let text = if field.name() == "record" { value.to_owned() } else { bounded(value).to_owned() };
        self.put(field, Value::String(text));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// Takes no more than [`TEXT_LIMIT`] bytes.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = TEXT_LIMIT.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        self.0.push('…');
        Err(fmt::Error)
    }
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_LIMIT)]
}

struct TextFormat {
    colour: bool,
    /// Looked up with the first line: all folders of the machine's time zones are read for it.
    zone: LazyLock<TimeZone>,
}

impl TextFormat {
    fn line(
        &self,
        out: &mut impl fmt::Write,
        now: Timestamp,
        level: Level,
        target: &str,
        fields: &Fields,
    ) -> fmt::Result {
        let time = now.to_zoned(TimeZone::clone(&self.zone));
        let topic = fields.topic(level, target);
        let dim = Style::new().effects(Effects::DIMMED);
        let accent = match (topic.as_str(), level) {
            (_, Level::ERROR) => AnsiColor::Red.on_default().effects(Effects::BOLD),
            ("drift", _) | (_, Level::WARN) => AnsiColor::Yellow.on_default(),
            (_, Level::INFO) => AnsiColor::Cyan.on_default(),
            _ => dim,
        };
        self.styled(out, dim, &time.strftime("%H:%M:%S").to_string())?;
        out.write_str("  ")?;
        self.styled(out, accent, &format!("{topic:<TOPIC_WIDTH$}"))?;
        // A longer word keeps its distance too.
        out.write_str(if topic.chars().count() < TOPIC_WIDTH { " " } else { "  " })?;
        let mut lines = fields.message.split('\n');
        Visible(lines.next().unwrap_or_default()).fmt_into(out)?;
        for (name, value) in &fields.others {
            let text = match value {
                Value::String(text) if plain(text) => format!("  {name}={text}"),
                value => format!("  {name}={value}"),
            };
            let mut visible = String::new();
            Visible(&text).fmt_into(&mut visible)?;
            self.styled(out, dim, &visible)?;
        }
        for line in lines {
            out.write_char('\n')?;
            Visible(line).fmt_into(out)?;
        }
        out.write_char('\n')
    }

    fn styled(&self, out: &mut impl fmt::Write, style: Style, text: &str) -> fmt::Result {
        if self.colour { write!(out, "{style}{text}{style:#}") } else { out.write_str(text) }
    }
}

/// Whether a value can be read without quotes.
fn plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"')
}

/// Text without what would move a terminal's cursor or change its colours: it may come from anywhere.
struct Visible<'a>(&'a str);

impl Visible<'_> {
    fn fmt_into(&self, out: &mut impl fmt::Write) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\t' => out.write_char(c)?,
                c if c.is_control() => write!(out, "{}", c.escape_unicode())?,
                c => out.write_char(c)?,
            }
        }
        Ok(())
    }
}

impl<S, N> FormatEvent<S, N> for TextFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        self.line(&mut writer, Timestamp::now(), *metadata.level(), metadata.target(), &Fields::of(event))
    }
}

struct JsonFormat;

impl JsonFormat {
    fn line(
        out: &mut impl fmt::Write,
        now: Timestamp,
        level: Level,
        target: &str,
        mut fields: Fields,
    ) -> fmt::Result {
        let topic = fields.topic(level, target);
        let mut object = Map::new();
        let now = now.round(Unit::Millisecond).unwrap_or(now);
        object.insert("time".to_owned(), format!("{now:.3}").into());
        object.insert("level".to_owned(), level.as_str().to_ascii_lowercase().into());
        object.insert("topic".to_owned(), topic.into());
        object.insert("target".to_owned(), target.into());
        if fields.record.is_some() {
            // The lines after the first say what the record says.
            let end = fields.message.find('\n').unwrap_or(fields.message.len());
            fields.message.truncate(end);
        }
        object.insert("message".to_owned(), fields.message.into());
        object.extend(fields.others);
        if let Some(record) = fields.record {
            object.insert("record".to_owned(), record);
        }
        writeln!(out, "{}", Value::Object(object))
    }
}

impl<S, N> FormatEvent<S, N> for JsonFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        Self::line(&mut writer, Timestamp::now(), *metadata.level(), metadata.target(), Fields::of(event))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Serialize)]
    struct Drift {
        object: &'static str,
        paths: Vec<&'static str>,
    }

    impl fmt::Display for Drift {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}      local at 3f2c1a9\n          {}", self.object, self.paths.join("\n          "))
        }
    }

    const DRIFT: Drift = Drift { object: "Deployment lakehouse/trino", paths: Vec::new() };

    fn text(colour: bool, say: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let format = TextFormat { colour, zone: LazyLock::new(|| TimeZone::UTC) };
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_max_level(Level::TRACE)
            .event_format(format)
            .finish();
        tracing::subscriber::with_default(subscriber, say);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn json(say: impl FnOnce()) -> Value {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).event_format(JsonFormat).finish();
        tracing::subscriber::with_default(subscriber, say);
        let bytes = sink.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Without the time, which is the only part that moves.
    fn after_time(line: &str) -> &str {
        let (time, rest) = line.split_at(8);
        assert!(
            time.bytes().enumerate().all(|(at, c)| if at % 3 == 2 { c == b':' } else { c.is_ascii_digit() }),
            "{line}"
        );
        rest
    }

    #[test]
    fn a_record_reads_like_the_sample_of_the_design() {
        let drift = Drift { paths: vec!["spec.replicas", "put back after 133 ms"], ..DRIFT };
        let text = text(false, || record("drift", &drift));
        let expected = "  drift  Deployment lakehouse/trino      local at 3f2c1a9\n          spec.replicas\n          \
                        put back after 133 ms\n";
        assert_eq!(after_time(&text), expected);
    }

    #[test]
    fn a_record_is_nested_in_json_and_not_a_string() {
        let drift = Drift { paths: vec!["spec.replicas"], ..DRIFT };
        let line = json(|| record("drift", &drift));
        assert_eq!(line["record"]["paths"][0], "spec.replicas");
        assert_eq!(line["message"], "Deployment lakehouse/trino      local at 3f2c1a9");
        assert_eq!((&line["topic"], &line["level"]), (&Value::from("drift"), &Value::from("info")));
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn columns_line_up_whoever_speaks() {
        let text = text(false, || {
            tracing::warn!(attempts = 3, remote = "a b", "cannot be reached");
            tracing::info!(target: "mooring::source::git", "fetched");
            tracing::info!(topic = "schedule", "next run");
        });
        let lines: Vec<_> = text.lines().map(after_time).collect();
        assert_eq!(lines[0], "  warn   cannot be reached  attempts=3  remote=\"a b\"");
        assert_eq!(lines[1], "  source  fetched");
        assert_eq!(lines[2], "  schedule  next run");
    }

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        assert!(text(true, || tracing::error!("x")).contains('\u{1b}'));
        assert!(!text(false, || tracing::error!("x")).contains('\u{1b}'));
        assert!(!colour(false, false));
        assert!(!colour(true, true));
    }

    #[test]
    fn foreign_text_cannot_speak_to_the_terminal() {
        let text = text(false, || tracing::info!(name = "\u{1b}[2J", "one\u{1b}[31m\ntwo\r"));
        assert!(!text.contains(['\u{1b}', '\r']), "{text:?}");
        assert_eq!(text.matches('\n').count(), 2);
    }

    #[test]
    fn long_text_is_cut() {
        let text = text(false, || tracing::info!("{}", "é".repeat(TEXT_LIMIT)));
        assert!(text.len() < TEXT_LIMIT + 100, "{}", text.len());
    }

    #[test]
    fn a_wrong_level_is_refused_and_a_plain_one_is_for_this_program() {
        assert!(matches!(filter("mooring=loud"), Err(TelemetryError::Level { .. })));
        assert_eq!(filter("debug").unwrap().to_string(), "kube_runtime=error,mooring=debug,warn");
        assert!(filter("mooring::plan=debug,kube=info").is_ok());
    }
}
