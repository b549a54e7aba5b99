//! What outlives the agent's process: the baselines, as digests, in ConfigMaps of the agent's namespace, a set for each
//! component; and the key of the digests, in a Secret.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::{Value, json};

use super::apply::{ApplyMode, path_of};
use super::client::{Call, Cluster};
use super::error::ApiError;
use crate::manifest::{GroupKind, MANAGER, ObjectKey, SecretKey};
use crate::plan::{HookRecord, Inventory, InventoryEntry, Resource};

/// The label that tells the ConfigMaps of an environment's inventory; its value is the environment's name.
const LABEL: &str = "mooring.dev/inventory";
/// The annotation that names the component whose objects a ConfigMap lists.
const COMPONENT: &str = "mooring.dev/component";
/// The label that tells the ConfigMap of which hooks have run; its value is the environment's name.
const HOOKS: &str = "mooring.dev/hooks";
/// Objects in one ConfigMap: about 120 bytes each when packed, and a ConfigMap holds at most 1 MiB.
const SHARD: usize = 3000;
/// No inventory is unpacked past this.
const UNPACKED_LIMIT: u64 = 64 << 20;
/// The Secret of the key for digests, and its entry.
const KEY_SECRET: &str = "mooring-digest-key";

/// Where an environment's inventory lies.
#[derive(Clone)]
pub struct InventoryStore {
    /// The cluster.
    pub cluster: Cluster,
    /// The agent's namespace.
    pub namespace: String,
    /// The environment's name.
    pub environment: String,
}

/// Which hooks have run, by component.
pub type HookRecords = HashMap<Arc<str>, HookRecord>;

/// One object's line: its key and what is known of it.
type Line = (ObjectKey, InventoryEntry);

impl InventoryStore {
    /// The whole inventory. What cannot be read any more is left out with a warning: its baselines are rebuilt by a
    /// dry-run each.
    pub async fn load(&self) -> Result<Inventory, ApiError> {
        let mut inventory = Inventory::default();
        let mut broken = Vec::new();
        let selector = format!("{LABEL}={}", self.environment);
        self.cluster
            .list(&core("ConfigMap", "configmaps"), Some(&self.namespace), &selector, |map| {
                match unpack(&map) {
                    Ok(lines) => inventory.entries.extend(lines),
                    Err(reason) => broken.push(format!("{}: {reason}", map["metadata"]["name"])),
                }
            })
            .await?;
        for reason in broken {
            tracing::warn!(%reason, "a part of the inventory cannot be read; its baselines are rebuilt");
        }
        Ok(inventory)
    }

    /// The names of other environments that have an inventory in this namespace.
    pub async fn others(&self) -> Result<Vec<String>, ApiError> {
        let mut names = Vec::new();
        self.cluster
            .list(&core("ConfigMap", "configmaps"), Some(&self.namespace), LABEL, |map| {
                if let Some(name) =
                    map.pointer("/metadata/labels/mooring.dev~1inventory").and_then(Value::as_str)
                {
                    names.push(name.to_owned());
                }
            })
            .await?;
        names.sort();
        names.dedup();
        names.retain(|name| *name != self.environment);
        Ok(names)
    }

    /// Writes the entries of one component, and removes what was written of it before and is not needed any more.
    /// `written` says how many ConfigMaps it had; returns how many it has.
    pub async fn save(&self, component: &str, lines: &[Line], written: usize) -> Result<usize, ApiError> {
        let shards = Self::shards(lines.len());
        for (index, part) in lines.chunks(SHARD).enumerate() {
            let key = self.shard(component, index);
            let body = json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": key.name,
                    "namespace": self.namespace,
                    "labels": {LABEL: self.environment},
                    "annotations": {COMPONENT: component},
                },
                "binaryData": {"entries": pack(part)?},
            });
            self.write_map(&key, &body).await?;
        }
        for index in shards..written {
            self.cluster
                .delete(&core("ConfigMap", "configmaps"), &self.shard(component, index), None, false)
                .await?;
        }
        Ok(shards)
    }

    /// Removes the whole inventory of another environment: after its objects were handed over.
    pub async fn forget(&self, environment: &str) -> Result<(), ApiError> {
        let mut names = Vec::new();
        let selector = format!("{LABEL}={environment}");
        let resource = core("ConfigMap", "configmaps");
        self.cluster
            .list(&resource, Some(&self.namespace), &selector, |map| {
                names.extend(map["metadata"]["name"].as_str().map(ToOwned::to_owned));
            })
            .await?;
        names.push(Self { environment: environment.to_owned(), ..self.clone() }.hooks().name);
        for name in names {
            let key = object("ConfigMap", &self.namespace, name);
            self.cluster.delete(&resource, &key, None, false).await?;
        }
        Ok(())
    }

    /// Which hooks have run, of each environment of this namespace. What cannot be read any more counts as never run.
    pub async fn load_hooks(&self) -> Result<HashMap<String, HookRecords>, ApiError> {
        let mut all = HashMap::new();
        self.cluster
            .list(&core("ConfigMap", "configmaps"), Some(&self.namespace), HOOKS, |map| {
                let Some(environment) =
                    map.pointer("/metadata/labels/mooring.dev~1hooks").and_then(Value::as_str)
                else {
                    return;
                };
                let mut records = HookRecords::new();
                for (component, text) in map["data"].as_object().into_iter().flatten() {
                    match serde_json::from_str(text.as_str().unwrap_or_default()) {
                        Ok(record) => {
                            records.insert(component.as_str().into(), record);
                        }
                        Err(error) => {
                            tracing::warn!(component, %error, "which hooks have run cannot be read");
                        }
                    }
                }
                all.insert(environment.to_owned(), records);
            })
            .await?;
        Ok(all)
    }

    /// Writes which hooks have run.
    pub async fn save_hooks(&self, records: &HookRecords) -> Result<(), ApiError> {
        let data: serde_json::Map<String, Value> = records
            .iter()
            .map(|(component, record)| (component.to_string(), json!(json!(record).to_string())))
            .collect();
        let key = self.hooks();
        let body = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": key.name,
                "namespace": self.namespace,
                "labels": {HOOKS: self.environment},
            },
            "data": data,
        });
        self.write_map(&key, &body).await
    }

    async fn write_map(&self, key: &ObjectKey, body: &Value) -> Result<(), ApiError> {
        let mode = ApplyMode { manager: MANAGER, force: true, dry_run: false };
        let resource = core("ConfigMap", "configmaps");
        self.cluster.apply(&resource, key, body.to_string().into_bytes(), mode).await?;
        Ok(())
    }

    /// Where it is kept which hooks have run: no environment and no component has a dot in its name.
    fn hooks(&self) -> ObjectKey {
        object("ConfigMap", &self.namespace, format!("mooring-{}.hooks", self.environment))
    }

    /// How many ConfigMaps so many objects need.
    pub fn shards(objects: usize) -> usize {
        objects.div_ceil(SHARD)
    }

    fn shard(&self, component: &str, index: usize) -> ObjectKey {
        object("ConfigMap", &self.namespace, format!("mooring-{}-{component}-{index}", self.environment))
    }

    /// The key for digests as it is kept; `None` before the first start of an agent. Writes nothing.
    pub async fn kept_key(&self) -> Result<Option<SecretKey>, ApiError> {
        let what = "read the key for digests";
        let path = path_of(&core("Secret", "secrets"), Some(&self.namespace), Some(KEY_SECRET));
        let secret = match self.cluster.send(&Call::get(what, path)).await {
            Ok(answer) => answer.json(what)?,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = secret
            .pointer("/data/key")
            .and_then(Value::as_str)
            .and_then(|text| BASE64.decode(text).ok())
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(SecretKey::new).map(Some).ok_or_else(|| ApiError::Malformed {
            what: what.to_owned(),
            reason: format!(
                "Secret {}/{KEY_SECRET} holds no 32 bytes under `key`; delete it, and a new one is made",
                self.namespace
            ),
        })
    }

    /// The key for digests, made at the first start and kept in a Secret.
    pub async fn secret_key(&self) -> Result<SecretKey, ApiError> {
        loop {
            if let Some(key) = self.kept_key().await? {
                return Ok(key);
            }
            let bytes = random_key().map_err(|reason| ApiError::Configuration {
                reason: format!("no random numbers: {reason}"),
            })?;
            let body = json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": KEY_SECRET, "namespace": self.namespace},
                "data": {"key": BASE64.encode(bytes)},
            });
            let collection = path_of(&core("Secret", "secrets"), Some(&self.namespace), None);
            match self.cluster.create("keep the key for digests", collection, &body).await {
                Ok(_) => return Ok(SecretKey::new(bytes)),
                Err(ApiError::AlreadyExists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// 32 random bytes from the operating system.
fn random_key() -> std::io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn core(kind: &str, plural: &str) -> Resource {
    Resource {
        group: String::new(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        namespaced: true,
    }
}

fn object(kind: &str, namespace: &str, name: String) -> ObjectKey {
    ObjectKey { group_kind: GroupKind::new("", kind), namespace: Some(namespace.to_owned()), name }
}

fn pack(lines: &[Line]) -> Result<String, ApiError> {
    let failed = |reason: String| ApiError::Malformed { what: "pack the inventory".to_owned(), reason };
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    for line in lines {
        serde_json::to_writer(&mut packer, line).map_err(|error| failed(error.to_string()))?;
        packer.write_all(b"\n").map_err(|error| failed(error.to_string()))?;
    }
    packer.finish().map(|bytes| BASE64.encode(bytes)).map_err(|error| failed(error.to_string()))
}

fn unpack(map: &Value) -> Result<Vec<Line>, String> {
    let text = map.pointer("/binaryData/entries").and_then(Value::as_str).ok_or("it has no entries")?;
    let bytes = BASE64.decode(text).map_err(|error| error.to_string())?;
    let mut lines = String::new();
    GzDecoder::new(&bytes[..])
        .take(UNPACKED_LIMIT)
        .read_to_string(&mut lines)
        .map_err(|error| error.to_string())?;
    // The same component name a thousand times is one allocation.
    let mut names: HashMap<Arc<str>, Arc<str>> = HashMap::new();
    lines
        .lines()
        .map(|line| {
            let (key, mut entry): Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
            entry.component = names.entry(entry.component.clone()).or_insert(entry.component).clone();
            Ok((key, entry))
        })
        .collect()
}

/// Groups an inventory's lines by component.
pub fn by_component(inventory: &Inventory) -> BTreeMap<Arc<str>, Vec<Line>> {
    let mut groups: BTreeMap<Arc<str>, Vec<Line>> = BTreeMap::new();
    for (key, entry) in &inventory.entries {
        groups.entry(entry.component.clone()).or_default().push((key.clone(), entry.clone()));
    }
    groups
}
