//! What a consumer finds in Kafka.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use mooring::producer::WindowManifest;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use sha2::{Digest as _, Sha256};

use super::command::PATIENCE;

/// Reads a topic on and on.
pub struct Reader {
    consumer: BaseConsumer,
    partitions: usize,
    /// What was found so far, by the window that the header names.
    pub windows: BTreeMap<String, Found>,
}

/// What was found of a window.
#[derive(Debug, Default)]
pub struct Found {
    pub records: u64,
    pub ids: BTreeSet<String>,
    pub values: Vec<Vec<u8>>,
}

impl Found {
    /// Whether it is what the manifest says: so many records, exactly those ids.
    pub fn is(&self, manifest: &WindowManifest) -> bool {
        let lines: String = self.ids.iter().map(|id| format!("{id}\n")).collect();
        let sum = data_encoding::HEXLOWER.encode(&Sha256::digest(lines));
        (self.records, self.ids.len() as u64, sum)
            == (manifest.records, manifest.unique_ids, manifest.ids_sha256.clone())
    }
}

impl Reader {
    /// From the beginning, only what is committed.
    pub fn new(servers: &str, topic: &str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("group.id", "reader")
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "50")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
        let mut assignment = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            assignment.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
        }
        consumer.assign(&assignment).unwrap();
        Self { consumer, partitions: assignment.count(), windows: BTreeMap::new() }
    }

    /// All that a topic holds.
    pub fn whole(servers: &str, topic: &str) -> BTreeMap<String, Found> {
        let mut reader = Self::new(servers, topic);
        let mut ended = BTreeSet::new();
        let began = Instant::now();
        while ended.len() < reader.partitions {
            assert!(began.elapsed() < PATIENCE, "topic {topic} has no end");
            ended.extend(reader.step());
        }
        reader.windows
    }

    /// Reads on until it is so.
    pub fn until(&mut self, so: impl Fn(&Self) -> bool) -> bool {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if so(self) {
                return true;
            }
            self.step();
        }
        false
    }

    /// Takes one message in, or says which partition has come to its end.
    pub fn step(&mut self) -> Option<i32> {
        match self.consumer.poll(Duration::from_millis(50))? {
            Ok(message) => {
                let headers = message.headers().unwrap();
                let window = headers.iter().find(|header| header.key == "window").unwrap().value.unwrap();
                let found = self.windows.entry(String::from_utf8(window.to_vec()).unwrap()).or_default();
                let value = message.payload().unwrap();
                found.records += 1;
                if let Ok(event) = serde_json::from_slice::<serde_json::Value>(value)
                    && let Some(id) = event["event_id"].as_str()
                {
                    found.ids.insert(id.to_owned());
                } else {
                    found.values.push(value.to_vec());
                }
                None
            }
            Err(KafkaError::PartitionEOF(partition)) => Some(partition),
            Err(_) => None,
        }
    }

    /// How many records of the window there are, once every partition was read to its end.
    pub fn records(&mut self, window: &str) -> u64 {
        let mut ended = BTreeSet::new();
        let began = Instant::now();
        while ended.len() < self.partitions && began.elapsed() < Duration::from_millis(300) {
            ended.extend(self.step());
        }
        self.windows.get(window).map_or(0, |found| found.records)
    }
}

/// The manifests on a topic, in order.
pub fn manifests(servers: &str, topic: &str) -> Vec<WindowManifest> {
    Reader::whole(servers, topic)
        .values()
        .flat_map(|found| &found.values)
        .map(|value| serde_json::from_slice(value).unwrap())
        .collect()
}
