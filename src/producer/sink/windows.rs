//! The topic of manifests: which windows are in.

use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, ClientContext};

use super::kafka::{KafkaOptions, of_run};
use super::settings::refused;
use super::{Recipe, SinkError, Slice, Stop, WindowManifest};

/// What tells windows apart: topic, dataset, seed and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    topic: String,
    dataset: String,
    seed: u64,
    window: String,
    slice: Slice,
}

impl Label {
    pub fn new(recipe: &Recipe, topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            dataset: recipe.dataset.name().to_owned(),
            seed: recipe.seed,
            window: recipe.window.to_string(),
            slice: recipe.slice,
        }
    }

    /// The key of a slice's manifest.
    pub fn key(&self, slice: Slice) -> String {
        format!("{} {slice}", self.window_key())
    }

    fn window_key(&self) -> String {
        format!("{} {} {} {}", self.topic, self.dataset, self.seed, self.window)
    }

    /// The headers of every record.
    pub fn words(&self) -> [(&'static str, String); 3] {
        [("dataset", self.dataset.clone()), ("window", self.window.clone()), ("seed", self.seed.to_string())]
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.window_key(), of_run(self.slice))
    }
}

/// Where a manifest of the window stands, committed or not.
struct Place {
    partition: i32,
    offset: i64,
}

/// The manifests of the window that are in for good.
///
/// Written are manifests just before their transaction is committed, so what an uncommitted reader does not see does not
/// exist. What it sees is decided once no open transaction stands before it.
pub(super) fn committed(
    options: &KafkaOptions,
    label: &Label,
    stop: &Stop,
) -> Result<Vec<WindowManifest>, SinkError> {
    let key = label.window_key();
    let (places, _) = read(options, "read_uncommitted", &key, stop)?;
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let began = Instant::now();
    loop {
        let (_, found) = read(options, "read_committed", &key, stop)?;
        let consumer = consumer(options, "read_committed")?;
        let mut decided = true;
        for place in &places {
            let (_, stable) = consumer
                .fetch_watermarks(&options.windows_topic, place.partition, options.wait)
                .map_err(|error| lost(options, &error))?;
            decided &= stable > place.offset;
        }
        if decided {
            return Ok(found);
        }
        let waited = began.elapsed();
        if waited >= options.wait {
            return Err(SinkError::Unreachable {
                servers: options.servers.clone(),
                waited,
                reason: format!("a transaction on topic {} stays open", options.windows_topic),
            });
        }
        if stop.asked() {
            return Err(SinkError::Stopped);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What a consumer meets is said by whoever polls it: the end of a partition is no error.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "{reason}");
    }
}

impl ConsumerContext for Quiet {}

fn consumer(options: &KafkaOptions, isolation: &str) -> Result<BaseConsumer<Quiet>, SinkError> {
    let mut config = ClientConfig::new();
    options.settings.apply_connection(&mut config);
    config
        .set("bootstrap.servers", &options.servers)
        .set("client.id", "mooring-producer")
        .set("group.id", "mooring-producer")
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "50")
        // Manifests are small, and the whole program is to stay so.
        .set("queued.max.messages.kbytes", "4096");
    config.create_with_context(Quiet).map_err(|error| refused(&error).into())
}

/// Reads the topic to its end: the places of the window's manifests, and the manifests.
fn read(
    options: &KafkaOptions,
    isolation: &str,
    key: &str,
    stop: &Stop,
) -> Result<(Vec<Place>, Vec<WindowManifest>), SinkError> {
    let topic = &options.windows_topic;
    let consumer = consumer(options, isolation)?;
    let metadata =
        consumer.fetch_metadata(Some(topic), options.wait).map_err(|error| lost(options, &error))?;
    let mut left: Vec<i32> = Vec::new();
    let mut assignment = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
        left.push(partition.id());
        assignment
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .map_err(|error| lost(options, &error))?;
    }
    consumer.assign(&assignment).map_err(|error| lost(options, &error))?;
    let (mut places, mut manifests) = (Vec::new(), Vec::<WindowManifest>::new());
    let mut heard = Instant::now();
    while !left.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let found = message.key().and_then(|found| std::str::from_utf8(found).ok());
                if found.and_then(|found| found.rsplit_once(' ')).is_none_or(|(window, _)| window != key) {
                    continue;
                }
                places.push(Place { partition: message.partition(), offset: message.offset() });
                let manifest: WindowManifest =
                    serde_json::from_slice(message.payload().unwrap_or_default()).map_err(|error| {
                        SinkError::Unreadable { topic: topic.clone(), reason: error.to_string() }
                    })?;
                // Without transactions a window may have been sent again: the last word counts.
                manifests.retain(|earlier| earlier.slice != manifest.slice);
                manifests.push(manifest);
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                heard = Instant::now();
                left.retain(|open| *open != partition);
            }
            Some(Err(error)) if is_fatal(&error) => return Err(lost(options, &error)),
            // librdkafka tries again by itself.
            Some(Err(_)) | None => {}
        }
        if stop.asked() {
            return Err(SinkError::Stopped);
        }
        if heard.elapsed() >= options.wait {
            return Err(lost(options, &KafkaError::MessageConsumption(Code::OperationTimedOut)));
        }
    }
    Ok((places, manifests))
}

fn is_fatal(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::SaslAuthenticationFailed
        )
    )
}

fn lost(options: &KafkaOptions, error: &KafkaError) -> SinkError {
    SinkError::Refused {
        servers: options.servers.clone(),
        what: format!("to read topic {}", options.windows_topic),
        reason: error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string()),
    }
}
