//! Tokens, keys and how they are handed to the git library. They are read anew for each connection, so that rotated
//! ones are picked up without a restart.

use std::fmt;
use std::path::{Path, PathBuf};

use git2::{Cred, CredentialType};

use super::address::{Address, Transport};
use super::error::SourceError;

/// The longest secret read from a file, in bytes.
const SECRET_LIMIT: u64 = 64 << 10;

/// A secret. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Keeps `text` from being printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one who proves with it that he knows it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// The secret itself.
    Value(SecretText),
    /// An environment variable of this name.
    Env(String),
    /// The first line of a file.
    File(PathBuf),
}

impl SecretFrom {
    fn resolve(&self, remote: &Address) -> Result<SecretText, SourceError> {
        self.read().map_err(|reason| SourceError::Credentials { remote: remote.to_string(), reason })
    }

    /// Reads the secret; the error says what is wrong in words.
    pub fn read(&self) -> Result<SecretText, String> {
        let wrong = |reason: String| reason;
        match self {
            Self::Value(secret) => Ok(secret.clone()),
            Self::Env(name) => {
                std::env::var(name).ok().filter(|value| !value.is_empty()).map(SecretText::new).ok_or_else(
                    || wrong(format!("the environment variable {name} is not set, or not as UTF-8 text")),
                )
            }
            Self::File(path) => {
                let unreadable = |error| wrong(format!("{} cannot be read: {error}", path.display()));
                if std::fs::metadata(path).map_err(unreadable)?.len() > SECRET_LIMIT {
                    return Err(wrong(format!(
                        "{} is over 64 KiB: it should hold the secret alone",
                        path.display()
                    )));
                }
                let text = std::fs::read_to_string(path).map_err(unreadable)?;
                let line = text.lines().next().unwrap_or_default().trim();
                if line.is_empty() {
                    return Err(wrong(format!("the first line of {} is empty", path.display())));
                }
                Ok(SecretText::new(line))
            }
        }
    }
}

/// What a remote may ask for. Nothing is needed for public repositories and for paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user; the one of the address if not given, else `git`.
    pub username: Option<String>,
    /// The token or password for https.
    pub token: Option<SecretFrom>,
    /// The private key's file for ssh; without it, a running ssh agent is asked.
    pub ssh_key: Option<PathBuf>,
    /// Whether the token may be sent over plain http to another machine, where everyone on the way can read it.
    pub token_over_http: bool,
    /// The passphrase of the private key.
    pub ssh_passphrase: Option<SecretFrom>,
    /// The file of known ssh hosts; `known_hosts` in the state folder if not given.
    pub known_hosts: Option<PathBuf>,
}

impl Credentials {
    /// Reads the secrets that the remote's transport needs, for one connection.
    pub(super) fn login(&self, remote: &Address) -> Result<Login, SourceError> {
        let wrong =
            |reason: &str| SourceError::Credentials { remote: remote.to_string(), reason: reason.to_owned() };
        let username =
            self.username.clone().or_else(|| remote.user.clone()).unwrap_or_else(|| "git".to_owned());
        let proof = match remote.transport {
            Transport::Local(_) => Proof::None,
            Transport::Https | Transport::Http { .. } => {
                let token = match &self.token {
                    Some(token) => Some(token.resolve(remote)?),
                    None => remote.password.clone(),
                };
                let in_the_clear = remote.transport == (Transport::Http { loopback: false });
                if token.is_some() && in_the_clear && !self.token_over_http {
                    return Err(wrong(
                        "a token is not sent over http, where everyone on the way can read it: use https, or permit it \
                         with --git-token-over-http for a remote inside the cluster",
                    ));
                }
                token.map_or(Proof::None, Proof::Token)
            }
            Transport::Ssh => match &self.ssh_key {
                Some(file) => {
                    if !file.is_file() {
                        return Err(wrong(&format!("the ssh key {} is no readable file", file.display())));
                    }
                    let passphrase =
                        self.ssh_passphrase.as_ref().map(|secret| secret.resolve(remote)).transpose()?;
                    Proof::Key { file: file.clone(), passphrase }
                }
                None if std::env::var_os("SSH_AUTH_SOCK").is_some() => Proof::Agent,
                None => return Err(wrong("ssh needs a private key: name its file")),
            },
        };
        Ok(Login { username, proof })
    }
}

/// What is handed to the git library, once: a second question means that the first answer was refused.
pub(super) struct Login {
    username: String,
    proof: Proof,
}

enum Proof {
    None,
    Token(SecretText),
    Key { file: PathBuf, passphrase: Option<SecretText> },
    Agent,
}

impl Login {
    /// Answers the library's question; `asked` counts the questions for a proof.
    pub(super) fn answer(&self, allowed: CredentialType, asked: &mut u32) -> Result<Cred, git2::Error> {
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(&self.username);
        }
        *asked += 1;
        if *asked > 1 {
            return Err(auth_error("the server did not accept them"));
        }
        match &self.proof {
            Proof::Token(token) if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) => {
                Cred::userpass_plaintext(&self.username, token.expose())
            }
            Proof::Key { file, passphrase } if allowed.contains(CredentialType::SSH_KEY) => Cred::ssh_key(
                &self.username,
                None,
                Path::new(file),
                passphrase.as_ref().map(SecretText::expose),
            ),
            Proof::Agent if allowed.contains(CredentialType::SSH_KEY) => {
                Cred::ssh_key_from_agent(&self.username)
            }
            Proof::None => Err(auth_error("it asks for a token, and none was given")),
            _ => Err(auth_error("it asks for another kind of credentials")),
        }
    }

    /// What to check when the answer is refused.
    pub(super) fn hint(&self) -> &'static str {
        match self.proof {
            Proof::None => "the repository is public, or give a token that may read it",
            Proof::Token(_) => "the token is not expired and may read this repository",
            Proof::Key { .. } => {
                "the key's public half is allowed to read this repository, and its passphrase is right"
            }
            Proof::Agent => "the ssh agent holds a key that may read this repository, or name a key's file",
        }
    }
}

fn auth_error(text: &str) -> git2::Error {
    git2::Error::new(git2::ErrorCode::Auth, git2::ErrorClass::Http, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn a_token_is_not_sent_in_the_clear() {
        let credentials =
            Credentials { token: Some(SecretFrom::Value(SecretText::new("t0p"))), ..Credentials::default() };
        assert!(credentials.login(&address("https://git.example.com/x")).is_ok());
        assert!(credentials.login(&address("http://127.0.0.1:8080/x")).is_ok());
        let error = credentials.login(&address("http://git.example.com/x")).err().unwrap();
        assert!(error.to_string().contains("use https"), "{error}");
        let permitted = Credentials { token_over_http: true, ..credentials };
        assert!(permitted.login(&address("http://git.example.com/x")).is_ok());
    }

    #[test]
    fn secrets_have_no_way_to_print_themselves() {
        let credentials =
            Credentials { token: Some(SecretFrom::Value(SecretText::new("t0p"))), ..Credentials::default() };
        assert!(!format!("{credentials:?}").contains("t0p"));
    }

    #[test]
    fn a_token_file_is_read_at_each_login() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let credentials =
            Credentials { token: Some(SecretFrom::File(file.clone())), ..Credentials::default() };
        let remote = address("https://git.example.com/x");
        assert!(matches!(credentials.login(&remote), Err(SourceError::Credentials { .. })));
        for token in ["one", "two"] {
            std::fs::write(&file, format!("{token}\n")).unwrap();
            let Proof::Token(read) = credentials.login(&remote).unwrap().proof else { panic!("no token") };
            assert_eq!(read.expose(), token);
        }
    }

    #[test]
    fn a_refused_proof_is_not_offered_again() {
        let login = Login { username: "git".into(), proof: Proof::Token(SecretText::new("x")) };
        let mut asked = 0;
        assert!(login.answer(CredentialType::USER_PASS_PLAINTEXT, &mut asked).is_ok());
        assert!(login.answer(CredentialType::USER_PASS_PLAINTEXT, &mut asked).is_err());
    }
}
