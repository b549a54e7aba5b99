//! Addresses of remotes, taken apart so that a password in one never reaches a log.

use std::fmt;
use std::path::PathBuf;

use super::credentials::SecretText;
use super::error::SourceError;

/// How a remote is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// `https://`.
    Https,
    /// `http://`: no token is sent over it but to this machine.
    Http {
        /// Whether the host is this machine.
        loopback: bool,
    },
    /// `ssh://` and `user@host:path`.
    Ssh,
    /// A path or `file://` on this machine.
    Local(PathBuf),
}

/// The address of a remote. `Display` and `Debug` print it without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// What the git library gets: without a password, and with a user only for ssh.
    pub(super) wire: String,
    shown: String,
    pub(super) transport: Transport,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretText>,
}

impl Address {
    /// Parses an `https`, `http`, `ssh` or `file` URL, `user@host:path`, or a path on this machine.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let wrong =
            |reason: &str| SourceError::Address { text: without_userinfo(text), reason: reason.to_owned() };
        if text.is_empty() {
            return Err(wrong("it is empty: give a URL or a path"));
        }
        if text.chars().any(char::is_control) {
            return Err(wrong("it holds control characters"));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return Self::parse_url(&scheme.to_ascii_lowercase(), rest, &wrong);
        }
        if let Some((front, path)) = text.split_once(':')
            && !front.contains('/')
            && !front.is_empty()
        {
            return Self::parse_scp(front, path, &wrong);
        }
        let path = std::path::absolute(text).map_err(|error| wrong(&error.to_string()))?;
        Ok(Self::local(path))
    }

    fn parse_url(scheme: &str, rest: &str, wrong: &dyn Fn(&str) -> SourceError) -> Result<Self, SourceError> {
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (userinfo, host_port) = match authority.rsplit_once('@') {
            Some((userinfo, host_port)) => (Some(userinfo), host_port),
            None => (None, authority),
        };
        if scheme == "file" {
            if !(host_port.is_empty() || host_port == "localhost") {
                return Err(wrong("a file URL has three slashes before its path: file:///srv/git/lake.git"));
            }
            let path = percent_decoded(path).ok_or_else(|| wrong("its percent-encoding is broken"))?;
            return Ok(Self::local(PathBuf::from(path)));
        }
        let (host, port) =
            split_port(host_port).ok_or_else(|| wrong("its port is not a number up to 65535"))?;
        if host.is_empty() || path.len() < 2 {
            return Err(wrong("it needs a host and a path: https://git.example.com/team/lake.git"));
        }
        let transport = match scheme {
            "https" => Transport::Https,
            "http" => Transport::Http { loopback: matches!(host, "localhost" | "127.0.0.1" | "[::1]") },
            "ssh" => Transport::Ssh,
            _ => return Err(wrong("only https, http, ssh, file and paths can be followed")),
        };
        let (mut user, mut password) = (None, None);
        if let Some(userinfo) = userinfo {
            let (name, secret) = match userinfo.split_once(':') {
                Some((name, secret)) => (name, Some(secret)),
                None => (userinfo, None),
            };
            let decode = |part| {
                percent_decoded(part).ok_or_else(|| wrong("the percent-encoding of its user is broken"))
            };
            user = Some(decode(name)?).filter(|name| !name.is_empty());
            password = secret.map(decode).transpose()?.map(SecretText::new);
        }
        let shown = format!("{scheme}://{host_port}{path}");
        let wire = match (&transport, &user) {
            (Transport::Ssh, user) => format!("ssh://{}@{host_port}{path}", user.as_deref().unwrap_or("git")),
            _ => shown.clone(),
        };
        Ok(Self { wire, shown, transport, host: host.to_owned(), port, user, password })
    }

    fn parse_scp(front: &str, path: &str, wrong: &dyn Fn(&str) -> SourceError) -> Result<Self, SourceError> {
        let (user, host) = front.rsplit_once('@').unwrap_or(("git", front));
        if host.is_empty() || user.is_empty() || path.is_empty() {
            return Err(wrong("it needs a host and a path: git@git.example.com:team/lake.git"));
        }
        Ok(Self {
            wire: format!("{user}@{host}:{path}"),
            shown: format!("{host}:{path}"),
            transport: Transport::Ssh,
            host: host.to_owned(),
            port: None,
            user: Some(user.to_owned()),
            password: None,
        })
    }

    fn local(path: PathBuf) -> Self {
        Self {
            wire: path.to_string_lossy().into_owned(),
            shown: path.to_string_lossy().into_owned(),
            transport: Transport::Local(path),
            host: String::new(),
            port: None,
            user: None,
            password: None,
        }
    }

    /// The host as a line of `known_hosts` names it.
    pub(super) fn known_host(&self) -> String {
        match self.port {
            Some(port) if port != 22 => format!("[{}]:{port}", self.host),
            _ => self.host.clone(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

/// What may be said of an address that could not be parsed.
fn without_userinfo(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((front, rest)) => match front.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{rest}"),
            None => rest.to_owned(),
        },
        None => text.to_owned(),
    }
}

/// Splits `host:port` and `[::1]:port`.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let host_end = text.rfind(']').map_or(0, |at| at + 1);
    match text.get(host_end..)?.rfind(':') {
        Some(at) => {
            let (host, port) = text.split_at(host_end + at);
            Some((host, Some(port.get(1..)?.parse().ok()?)))
        }
        None => Some((text, None)),
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_neither_shown_nor_sent_as_part_of_it() {
        let address = Address::parse("https://bot:s3cr%40t@git.example.com:8443/team/lake.git").unwrap();
        assert_eq!(address.to_string(), "https://git.example.com:8443/team/lake.git");
        assert_eq!(address.wire, "https://git.example.com:8443/team/lake.git");
        assert_eq!(address.user.as_deref(), Some("bot"));
        assert_eq!(address.password.as_ref().unwrap().expose(), "s3cr@t");
        assert!(!format!("{address:?}").contains("s3cr"));
        let error = Address::parse("ftp://bot:hunter2@git.example.com/x").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(error.to_string().contains("only https"), "{error}");
    }

    #[test]
    fn ssh_addresses_keep_their_user_for_the_wire_only() {
        let address = Address::parse("ssh://git@git.example.com:2222/lake.git").unwrap();
        assert_eq!(address.wire, "ssh://git@git.example.com:2222/lake.git");
        assert_eq!(address.to_string(), "ssh://git.example.com:2222/lake.git");
        assert_eq!(address.known_host(), "[git.example.com]:2222");
        let address = Address::parse("git@git.example.com:team/lake.git").unwrap();
        assert_eq!(address.wire, "git@git.example.com:team/lake.git");
        assert_eq!(address.known_host(), "git.example.com");
    }

    #[test]
    fn paths_and_file_urls_are_the_same_place() {
        let url = Address::parse("file:///srv/my%20lake.git").unwrap();
        let path = Address::parse("/srv/my lake.git").unwrap();
        assert_eq!(url, path);
        assert!(
            matches!(Address::parse("lake.git").unwrap().transport, Transport::Local(path) if path.is_absolute())
        );
    }

    #[test]
    fn what_cannot_be_followed_is_refused_with_what_would_be_right() {
        for text in
            ["", "https://", "https://host", "git://host/x", "https://host:99999/x", "file://host/x", "a\nb"]
        {
            assert!(matches!(Address::parse(text), Err(SourceError::Address { .. })), "{text:?}");
        }
    }
}
