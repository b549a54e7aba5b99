//! librdkafka's settings, as people give them. Their values are never printed: one of them may be a secret.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

/// What is wrong with a setting. Values are not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Not a setting.
    #[error("{place}: no setting `key=value` of librdkafka, such as compression.codec=zstd")]
    Form {
        /// Where it stands.
        place: String,
    },
    /// A secret among the arguments.
    #[error(
        "{key} is a secret, and everybody on the machine can read arguments; write it into a file for --settings"
    )]
    Secret {
        /// The setting.
        key: String,
    },
    /// A setting that delivery depends on.
    #[error("{key} cannot be set: {why}")]
    Ours {
        /// The setting.
        key: String,
        /// Why not.
        why: &'static str,
    },
    /// librdkafka does not take it.
    #[error("librdkafka does not take the setting {key}: {reason}")]
    Refused {
        /// The setting.
        key: String,
        /// What it says.
        reason: String,
    },
    /// librdkafka does not take the settings together.
    #[error("librdkafka does not take the settings: {reason}")]
    Together {
        /// What it says.
        reason: String,
    },
}

/// Settings of librdkafka.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

const SECRETS: [&str; 8] = [
    "password",
    "secret",
    "key.pem",
    "sasl.jaas",
    "sasl.oauthbearer.config",
    "token",
    "passphrase",
    "assertion",
];

/// Settings that are ours, with the reason.
const OURS: [(&str, &str); 9] = [
    ("bootstrap.servers", "give --bootstrap-servers"),
    ("metadata.broker.list", "give --bootstrap-servers"),
    ("acks", "every replica in sync has each event"),
    ("request.required.acks", "every replica in sync has each event"),
    ("enable.idempotence", "each event is written once, in order"),
    ("transactional.id", "it follows from the window; give --exactly-once"),
    ("transaction.timeout.ms", "give --transaction-limit"),
    ("message.timeout.ms", "give --wait"),
    ("delivery.timeout.ms", "give --wait"),
];

impl Settings {
    /// Adds an argument `key=value`. Secrets are refused.
    pub fn argument(&mut self, text: &str) -> Result<(), SettingsError> {
        let (key, value) = pair(text).ok_or_else(|| SettingsError::Form {
            place: format!("--set {}", text.split('=').next().unwrap_or_default()),
        })?;
        if is_secret(key) {
            return Err(SettingsError::Secret { key: key.to_owned() });
        }
        self.add(key, value)
    }

    /// Adds the lines of a file: `key=value`; empty ones and those that begin with `#` say nothing.
    pub fn file(&mut self, name: &str, text: &str) -> Result<(), SettingsError> {
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) =
                pair(line).ok_or_else(|| SettingsError::Form { place: format!("{name}:{}", index + 1) })?;
            self.add(key, value)?;
        }
        Ok(())
    }

    fn add(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        if let Some((_, why)) = OURS.iter().find(|(ours, _)| *ours == key) {
            return Err(SettingsError::Ours { key: key.to_owned(), why });
        }
        self.0.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Sets all of them, over what is set already.
    pub(super) fn apply(&self, config: &mut ClientConfig) {
        for (key, value) in &self.0 {
            config.set(key, value);
        }
    }

    /// Those that say how a broker is reached: what a consumer needs, too.
    pub(super) fn apply_connection(&self, config: &mut ClientConfig) {
        const CONNECTION: [&str; 6] =
            ["security.", "ssl.", "sasl.", "socket.", "broker.address.", "enable.ssl"];
        for (key, value) in &self.0 {
            if CONNECTION.iter().any(|prefix| key.starts_with(prefix)) {
                config.set(key, value);
            }
        }
    }
}

/// What librdkafka says of settings, without their values.
pub(super) fn refused(error: &KafkaError) -> SettingsError {
    match error {
        KafkaError::ClientConfig(_, reason, key, value) => {
            let reason = if is_secret(key) || (!value.is_empty() && reason.contains(value.as_str())) {
                "it cannot have this value".to_owned()
            } else {
                reason.clone()
            };
            SettingsError::Refused { key: key.clone(), reason }
        }
        KafkaError::ClientCreation(reason) => SettingsError::Together { reason: reason.clone() },
        other => SettingsError::Together { reason: other.to_string() },
    }
}

fn pair(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once('=')?;
    let key = key.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (!key.is_empty() && key.chars().all(fits)).then_some((key, value.trim()))
}

fn is_secret(key: &str) -> bool {
    SECRETS.iter().any(|secret| key.contains(secret))
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::producer::BaseProducer;

    use super::*;

    #[test]
    fn secrets_come_from_files_only_and_are_never_shown() {
        let mut settings = Settings::default();
        let error = settings.argument("sasl.password=hunter2").unwrap_err();
        assert!(
            error.to_string().contains("--settings") && !error.to_string().contains("hunter2"),
            "{error}"
        );
        settings
            .file("kafka.properties", "# login\n\nsasl.password = hunter2=x\nsecurity.protocol=SASL_SSL")
            .unwrap();
        assert_eq!(settings.0["sasl.password"], "hunter2=x");
        assert!(!format!("{settings:?}").contains("hunter2"), "{settings:?}");
    }

    #[test]
    fn a_line_that_is_no_setting_is_named_without_its_content() {
        let error = Settings::default().file("kafka.properties", "acks.x=1\nhunter2").unwrap_err();
        assert!(error.to_string().starts_with("kafka.properties:2: "), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn what_delivery_depends_on_cannot_be_set() {
        for (key, _) in OURS {
            let error = Settings::default().argument(&format!("{key}=1")).unwrap_err();
            assert!(matches!(error, SettingsError::Ours { .. }), "{error}");
        }
    }

    #[test]
    fn what_librdkafka_refuses_is_said_without_the_value() {
        let refuse = |settings: &[(&str, &str)]| {
            let mut config = ClientConfig::new();
            settings.iter().for_each(|(key, value)| _ = config.set(*key, *value));
            refused(&config.create::<BaseProducer>().err().unwrap()).to_string()
        };
        assert!(refuse(&[("compresion.codec", "lz4")]).contains("compresion.codec"));
        assert!(!refuse(&[("security.protocol", "ssl"), ("ssl.key.pem", "hunter2")]).contains("hunter2"));
        assert!(!refuse(&[("linger.ms", "hunter2")]).contains("hunter2"));
    }
}
