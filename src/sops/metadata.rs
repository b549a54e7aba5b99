//! What SOPS notes about a file under the key `sops` (`stores/stores.go` of SOPS 3).

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::SopsError;
use crate::helm::yaml::Node;

/// Recipients of one file at most.
const RECIPIENTS: usize = 200;
/// What a rule's regular expression may take when compiled.
const REGEX_BYTES: usize = 1 << 20;
/// Where SOPS keeps keys of other kinds.
const OTHER_KEYS: [(&str, &str); 6] = [
    ("kms", "AWS KMS"),
    ("gcp_kms", "GCP KMS"),
    ("azure_kv", "Azure Key Vault"),
    ("hc_vault", "HashiCorp Vault"),
    ("hckms", "Huawei Cloud KMS"),
    ("pgp", "PGP"),
];

/// A recipient, and the data key encrypted for it.
#[derive(Debug, Deserialize)]
pub(super) struct AgeEntry {
    /// Its public key.
    pub recipient: String,
    /// An armored age file.
    pub enc: String,
}

/// Which values SOPS encrypted.
#[derive(Debug)]
pub(super) enum Rule {
    UnencryptedSuffix(String),
    EncryptedSuffix(String),
    UnencryptedRegex(Regex),
    EncryptedRegex(Regex),
    /// Told by comments, which are encrypted themselves: a value's look decides.
    Comments,
}

impl Rule {
    /// Whether the value at this path is encrypted; `None` where its look tells.
    pub fn encrypts(&self, path: &[&str]) -> Option<bool> {
        let any = |holds: &dyn Fn(&str) -> bool| path.iter().any(|part| holds(part));
        Some(match self {
            Self::UnencryptedSuffix(suffix) => !any(&|part| part.ends_with(suffix.as_str())),
            Self::EncryptedSuffix(suffix) => any(&|part| part.ends_with(suffix.as_str())),
            Self::UnencryptedRegex(regex) => !any(&|part| regex.is_match(part)),
            Self::EncryptedRegex(regex) => any(&|part| regex.is_match(part)),
            Self::Comments => return None,
        })
    }
}

/// What SOPS noted.
#[derive(Debug)]
pub(super) struct Metadata {
    /// For whom the data key is encrypted.
    pub age: Vec<AgeEntry>,
    /// Keys of other kinds that it is encrypted for, in words.
    pub other_keys: Vec<String>,
    /// The encrypted MAC.
    pub mac: String,
    /// The MAC's additional data.
    pub last_modified: String,
    /// Whether only encrypted values count for the MAC.
    pub mac_only_encrypted: bool,
    /// Which values are encrypted.
    pub rule: Rule,
}

#[derive(Deserialize)]
struct Raw {
    mac: Option<String>,
    lastmodified: String,
    #[serde(default)]
    mac_only_encrypted: Option<bool>,
    age: Option<Vec<AgeEntry>>,
    key_groups: Option<Vec<Map<String, Value>>>,
    unencrypted_suffix: Option<String>,
    encrypted_suffix: Option<String>,
    unencrypted_regex: Option<String>,
    encrypted_regex: Option<String>,
    unencrypted_comment_regex: Option<String>,
    encrypted_comment_regex: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Metadata {
    /// Reads the mapping under `sops`.
    pub fn read(file: &str, node: &Node) -> Result<Self, SopsError> {
        let wrong =
            |reason: String| SopsError::Metadata { file: file.to_owned(), line: node.mark.line, reason };
        // serde's words may repeat what they found; SOPS keeps nothing here that must not be seen.
        let mut raw: Raw = serde_json::from_value(node.to_json())
            .map_err(|error| wrong(format!("what SOPS noted cannot be read: {error}")))?;
        let mut others = std::mem::take(&mut raw.rest);
        // One group needs no splitting; SOPS writes its keys above, other tools may not.
        if let Some(mut groups) = raw.key_groups.take()
            && raw.age.as_ref().is_none_or(Vec::is_empty)
            && !OTHER_KEYS.iter().any(|(name, _)| has_any(&others, name))
        {
            if groups.len() > 1 {
                return Err(SopsError::KeyGroups { file: file.to_owned(), groups: groups.len() });
            }
            if let Some(mut group) = groups.pop() {
                let age = group.remove("age").unwrap_or_default();
                raw.age = serde_json::from_value(age)
                    .map_err(|error| wrong(format!("its key group cannot be read: {error}")))?;
                others = group;
            }
        }
        let age = raw.age.take().unwrap_or_default();
        if age.len() > RECIPIENTS {
            return Err(wrong(format!("{} recipients; {RECIPIENTS} are the limit", age.len())));
        }
        let other_keys = OTHER_KEYS.iter().filter(|(name, _)| has_any(&others, name));
        Ok(Self {
            age,
            other_keys: other_keys.map(|(_, words)| (*words).to_owned()).collect(),
            rule: rule(&raw).map_err(wrong)?,
            mac: raw.mac.unwrap_or_default(),
            last_modified: raw.lastmodified,
            mac_only_encrypted: raw.mac_only_encrypted.unwrap_or_default(),
        })
    }
}

fn has_any(keys: &Map<String, Value>, name: &str) -> bool {
    keys.get(name).and_then(Value::as_array).is_some_and(|keys| !keys.is_empty())
}

fn rule(raw: &Raw) -> Result<Rule, String> {
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let regex = |text: String| {
        RegexBuilder::new(&text).size_limit(REGEX_BYTES).build().map_err(|error| {
            let why = error.to_string();
            format!("its regular expression cannot be read: {}", why.lines().last().unwrap_or_default())
        })
    };
    let mut rules = Vec::new();
    rules.extend(set(&raw.unencrypted_suffix).map(Rule::UnencryptedSuffix));
    rules.extend(set(&raw.encrypted_suffix).map(Rule::EncryptedSuffix));
    if let Some(text) = set(&raw.unencrypted_regex) {
        rules.push(Rule::UnencryptedRegex(regex(text)?));
    }
    if let Some(text) = set(&raw.encrypted_regex) {
        rules.push(Rule::EncryptedRegex(regex(text)?));
    }
    let comments = [&raw.unencrypted_comment_regex, &raw.encrypted_comment_regex];
    rules.extend(comments.into_iter().filter_map(set).map(|_| Rule::Comments));
    if rules.len() > 1 {
        return Err("more than one rule says which values are encrypted, and SOPS allows one".to_owned());
    }
    Ok(rules.pop().unwrap_or_else(|| Rule::UnencryptedSuffix("_unencrypted".to_owned())))
}
