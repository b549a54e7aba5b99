//! Kafka: every event written once and in order, on all replicas; with its manifest in one transaction where asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, PurgeConfig};

use super::reports::{EVENT, MANIFEST, Reports};
use super::settings::refused;
use super::windows::{self, Label};
use super::{Counters, Recipe, Record, Settings, Sink, SinkError, Slice, Stop, WindowManifest};

/// Where Kafka is, and how a window goes there.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// The brokers to begin with.
    pub servers: String,
    /// The topic of the events.
    pub topic: String,
    /// The topic of the manifests.
    pub windows_topic: String,
    /// librdkafka's settings.
    pub settings: Settings,
    /// How long a broker that is away is waited for.
    pub wait: Duration,
    /// How long a transaction may last; without it, there are none.
    pub transaction: Option<Duration>,
}

/// Sends to Kafka.
pub struct KafkaSink {
    producer: BaseProducer<Reports>,
    options: KafkaOptions,
    counters: Arc<Counters>,
    stop: Stop,
    label: Label,
    id: String,
    headers: OwnedHeaders,
    sent: u64,
    /// Whether a transaction is open.
    open: bool,
}

/// Reports are looked at after so many records.
const POLL_EVERY: u64 = 128;
const GLANCE: Duration = Duration::from_millis(100);
/// How long a run that was asked to stop may still take: Kubernetes kills it after thirty seconds.
const FAREWELL: Duration = Duration::from_secs(15);
/// How often a broker that is away is spoken of.
const SAY_EVERY: Duration = Duration::from_secs(10);

impl KafkaSink {
    /// Connects, and waits for brokers that are away. With transactions, from here on no earlier run of the same window
    /// can write.
    pub fn connect(
        recipe: &Recipe,
        options: KafkaOptions,
        counters: Arc<Counters>,
        stop: Stop,
    ) -> Result<Self, SinkError> {
        let label = Label::new(recipe, &options.topic);
        let id = format!("mooring {label}");
        let producer = create(&options, &id, Arc::clone(&counters))?;
        let headers = label.headers();
        let sink = Self { producer, options, counters, stop, label, id, headers, sent: 0, open: false };
        sink.reach(&sink.options.topic)?;
        sink.reach(&sink.options.windows_topic)?;
        if sink.options.transaction.is_some() {
            sink.init()?;
        }
        Ok(sink)
    }

    /// The manifests of the window that are in for good, of slices or the whole.
    pub fn committed(&self, recipe: &Recipe) -> Result<Vec<WindowManifest>, SinkError> {
        let label = Label::new(recipe, &self.options.topic);
        windows::committed(&self.options, &label, &self.stop)
    }

    /// Writes the manifest of a whole window whose slices are all in.
    pub fn conclude(&mut self, whole: &WindowManifest) -> Result<(), SinkError> {
        self.open_transaction()?;
        let done = self.send_manifest(whole).and_then(|()| self.commit());
        done.inspect_err(|_| self.abandon())
    }

    /// Waits until the topic has a leader.
    fn reach(&self, topic: &str) -> Result<(), SinkError> {
        let began = Instant::now();
        let mut said = began;
        loop {
            let step = Duration::from_secs(1).min(self.options.wait);
            let mut reason = match self.producer.client().fetch_metadata(Some(topic), step) {
                Ok(metadata) => match metadata.topics().first().and_then(MetadataTopic::error) {
                    None => return Ok(()),
                    Some(error) => {
                        let code = Code::from(error);
                        if matches!(code, Code::TopicAuthorizationFailed | Code::InvalidTopic) {
                            return Err(self.refused(&format!("topic {topic}"), code.to_string()));
                        }
                        format!("topic {topic}: {code}")
                    }
                },
                Err(error) => {
                    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
                }
            };
            self.producer.poll(Duration::ZERO);
            if let Some((code, trouble)) = self.producer.context().trouble() {
                if matches!(code, Code::Authentication | Code::SaslAuthenticationFailed) {
                    return Err(self.refused("the login", trouble));
                }
                if code == Code::SSL && trouble.contains("certificate verify failed") {
                    let servers = self.options.servers.clone();
                    return Err(SinkError::Untrusted { servers, reason: trouble });
                }
                if !reason.starts_with("topic ") && code != Code::AllBrokersDown {
                    reason = trouble;
                }
            }
            if self.stop.asked() {
                return Err(SinkError::Stopped);
            }
            let waited = began.elapsed();
            if waited >= self.options.wait {
                let servers = self.options.servers.clone();
                return Err(SinkError::Unreachable { servers, waited, reason });
            }
            if said.elapsed() >= SAY_EVERY {
                said = Instant::now();
                tracing::warn!(servers = self.options.servers, "waiting for kafka: {reason}");
            }
            // A broker that answers without a leader answers at once.
            self.producer.poll(GLANCE);
        }
    }

    fn init(&self) -> Result<(), SinkError> {
        let began = Instant::now();
        loop {
            match self.producer.init_transactions(Duration::from_secs(2)) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error)) if error.code() == Code::InvalidTransactionTimeout => {
                    let reason =
                        "it allows shorter ones only (transaction.max.timeout.ms); lower --transaction-limit";
                    return Err(self.refused("transactions that long", reason.to_owned()));
                }
                Err(KafkaError::Transaction(error)) if error.is_retriable() => {
                    let waited = began.elapsed();
                    if self.stop.asked() {
                        return Err(SinkError::Stopped);
                    }
                    if waited >= self.options.wait {
                        let (servers, reason) = (self.options.servers.clone(), error.string());
                        return Err(SinkError::Unreachable { servers, waited, reason });
                    }
                }
                Err(error) => return Err(self.transaction("fence off earlier runs", &error)),
            }
        }
    }

    fn refused(&self, what: &str, reason: String) -> SinkError {
        SinkError::Refused { servers: self.options.servers.clone(), what: what.to_owned(), reason }
    }

    /// An error of a transaction, told apart from being fenced off.
    fn transaction(&self, what: &'static str, error: &KafkaError) -> SinkError {
        self.fenced(error).unwrap_or_else(|| {
            let reason = match error {
                KafkaError::Transaction(error) => error.string(),
                other => other.to_string(),
            };
            SinkError::Transaction { what, reason }
        })
    }

    fn fenced(&self, error: &KafkaError) -> Option<SinkError> {
        let fatal = self.producer.client().fatal_error().map(|(code, _)| code);
        let fenced =
            |code: Code| matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch);
        let is = fatal.is_some_and(fenced) || error.rdkafka_error_code().is_some_and(fenced);
        is.then(|| SinkError::Fenced { id: self.id.clone() })
    }

    fn open_transaction(&mut self) -> Result<(), SinkError> {
        self.producer.begin_transaction().map_err(|error| self.transaction("begin a transaction", &error))?;
        self.open = true;
        Ok(())
    }

    /// What was not taken, if anything was not.
    fn check(&self) -> Result<(), SinkError> {
        let Some((failed, error)) = self.producer.context().failure() else { return Ok(()) };
        Err(self
            .fenced(&error)
            .unwrap_or_else(|| SinkError::Undelivered { failed, reason: self.reason(&error) }))
    }

    fn reason(&self, error: &KafkaError) -> String {
        let code = error.rdkafka_error_code();
        let trouble = self.producer.context().trouble().filter(|_| code == Some(Code::MessageTimedOut));
        match (code, trouble) {
            (_, Some((_, trouble))) => {
                format!("not within {} s (--wait): {trouble}", self.options.wait.as_secs())
            }
            (Some(Code::MessageTimedOut), None) => {
                format!("not within {} s (--wait)", self.options.wait.as_secs())
            }
            (Some(code), None) => code.to_string(),
            (None, None) => error.to_string(),
        }
    }

    /// Waits until every record is in, or one is not.
    fn flush(&self) -> Result<(), SinkError> {
        while self.producer.in_flight_count() > 0 {
            let _ = self.producer.flush(GLANCE);
            self.check()?;
            if self.stop.asked() {
                return Err(SinkError::Stopped);
            }
        }
        self.check()
    }

    fn send_manifest(&self, manifest: &WindowManifest) -> Result<(), SinkError> {
        let topic = &self.options.windows_topic;
        let unreadable = |reason: serde_json::Error| SinkError::Unreadable {
            topic: topic.clone(),
            reason: reason.to_string(),
        };
        let value = serde_json::to_vec(manifest).map_err(unreadable)?;
        let key = self.label.key(manifest.slice);
        let record = BaseRecord::with_opaque_to(topic, MANIFEST)
            .key(key.as_bytes())
            .payload(value.as_slice())
            .headers(self.headers.clone());
        self.producer.send(record).map_err(|(error, _)| self.transaction("send the manifest", &error))?;
        self.flush()
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        let began = Instant::now();
        loop {
            let Err(error) = self.producer.commit_transaction(Duration::from_secs(5)) else { break };
            let in_doubt = matches!(&error, KafkaError::Transaction(error) if error.is_retriable());
            if !in_doubt {
                return Err(self.transaction("commit the transaction", &error));
            }
            if began.elapsed() >= self.options.wait {
                // Neither can it be taken back now.
                self.open = false;
                return Err(SinkError::InDoubt { id: self.id.clone(), reason: error.to_string() });
            }
        }
        self.open = false;
        Ok(())
    }
}

impl Sink for KafkaSink {
    fn begin(&mut self, recipe: &Recipe) -> Result<(), SinkError> {
        self.producer.context().begin();
        self.label = Label::new(recipe, &self.options.topic);
        if self.options.transaction.is_some() {
            self.open_transaction()?;
        }
        Ok(())
    }

    fn send(&mut self, record: &Record) -> Result<(), SinkError> {
        self.sent += 1;
        if self.sent.is_multiple_of(POLL_EVERY) {
            self.producer.poll(Duration::ZERO);
            self.check()?;
        }
        // Its timestamp is the time of sending: by the time of its event, a broker would delete a window of last month at once.
        let mut message = BaseRecord::with_opaque_to(&self.options.topic, EVENT)
            .key(&record.key)
            .payload(&record.value)
            .headers(self.headers.clone());
        loop {
            let Err((error, back)) = self.producer.send(message) else { return Ok(()) };
            if error.rdkafka_error_code() != Some(Code::QueueFull) {
                self.check()?;
                let reason = self.reason(&error);
                return Err(self.fenced(&error).unwrap_or(SinkError::Undelivered { failed: 1, reason }));
            }
            self.producer.poll(Duration::from_millis(10));
            self.check()?;
            if self.stop.asked() {
                return Err(SinkError::Stopped);
            }
            message = back;
        }
    }

    fn idle(&mut self, time: Duration) -> Result<(), SinkError> {
        self.producer.poll(time);
        self.check()
    }

    fn finish(&mut self, mut manifest: WindowManifest) -> Result<WindowManifest, SinkError> {
        self.flush()?;
        (manifest.first_offsets, manifest.last_offsets) =
            self.producer.context().offsets(&self.options.topic);
        self.send_manifest(&manifest)?;
        if self.open {
            self.commit()?;
        }
        self.counters.committed_one();
        Ok(manifest)
    }

    fn abandon(&mut self) {
        if self.open {
            self.open = false;
            self.producer.purge(PurgeConfig::default().queue().inflight());
            // If it cannot be taken back now, the broker does so when its time is over, or the next run.
            if let Err(error) = self.producer.abort_transaction(FAREWELL) {
                tracing::debug!(%error, "the transaction is left to the broker");
            }
        } else if self.options.transaction.is_none() && self.producer.context().failure().is_none() {
            // What does not get in now is counted as not being in.
            let _ = self.producer.flush(FAREWELL);
        }
    }
}

fn create(
    options: &KafkaOptions,
    id: &str,
    counters: Arc<Counters>,
) -> Result<BaseProducer<Reports>, SinkError> {
    let wait = options.wait.as_millis();
    let mut config = ClientConfig::new();
    config
        .set("client.id", "mooring-producer")
        .set("compression.codec", "lz4")
        // Beyond it, librdkafka's thread turns in circles until the broker has answered: a full batch goes at once anyway.
        .set("linger.ms", "100")
        .set("batch.num.messages", "3000")
        // The Java client's, so that all who write by key agree.
        .set("partitioner", "murmur2_random")
        // Bounds the memory that records waiting for the broker take.
        .set("queue.buffering.max.kbytes", "24576")
        .set("queue.buffering.max.messages", "12000")
        .set("reconnect.backoff.max.ms", "2000");
    options.settings.apply(&mut config);
    config
        .set("bootstrap.servers", &options.servers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", wait.to_string());
    if let Some(limit) = options.transaction {
        config
            .set("transactional.id", id)
            .set("transaction.timeout.ms", limit.as_millis().to_string())
            .set("message.timeout.ms", wait.min(limit.as_millis()).to_string());
    }
    config.create_with_context(Reports::new(counters)).map_err(|error| refused(&error).into())
}

impl Label {
    fn headers(&self) -> OwnedHeaders {
        self.words().into_iter().fold(OwnedHeaders::new_with_capacity(3), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(&value) })
        })
    }
}

/// The slices of a window, as the id of a transaction names them: those that one run makes share theirs.
pub(super) fn of_run(slice: Slice) -> String {
    if slice == Slice::WHOLE { String::new() } else { format!(" {slice}") }
}
