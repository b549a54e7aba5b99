//! The keys of ssh servers, in OpenSSH's `known_hosts` form (`man 8 sshd`): plain, wildcard,
//! negated and hashed names, `@revoked`. Certificates (`@cert-authority`) are not read.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::error::{HostKeyError, SourceError};

/// The largest file read, in bytes.
const FILE_LIMIT: u64 = 4 << 20;

/// Checks the key that `host` (`name` or `[name]:port`) has shown against `file`.
pub(super) fn check(file: &Path, host: &str, key_type: &str, key: &[u8]) -> Result<(), SourceError> {
    let text = match std::fs::metadata(file) {
        Ok(metadata) if metadata.len() > FILE_LIMIT => {
            return Err(SourceError::State { path: file.to_owned(), reason: "is over 4 MiB".to_owned() });
        }
        Ok(_) => std::fs::read_to_string(file)
            .map_err(|error| SourceError::State { path: file.to_owned(), reason: error.to_string() })?,
        Err(_) => String::new(),
    };
    let (problem, remedy) = match verdict(&text, host, key_type, key) {
        Verdict::Known => return Ok(()),
        Verdict::Unknown => ("is not known", "put"),
        Verdict::Changed => ("has changed", "replace the old one by"),
        Verdict::Revoked => ("is revoked there", "let the server have a new key, then put"),
    };
    Err(SourceError::HostKey(Box::new(HostKeyError {
        host: host.to_owned(),
        problem,
        fingerprint: format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(key))),
        remedy,
        file: file.to_owned(),
        line: format!("{host} {key_type} {}", BASE64_STANDARD.encode(key)),
    })))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Known,
    Unknown,
    Changed,
    Revoked,
}

fn verdict(text: &str, host: &str, key_type: &str, key: &[u8]) -> Verdict {
    let mut verdict = Verdict::Unknown;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_ascii_whitespace();
        let mut first = words.next();
        let revoked = first == Some("@revoked");
        if revoked {
            first = words.next();
        }
        let (Some(names), Some(kind), Some(encoded)) = (first, words.next(), words.next()) else { continue };
        if names.starts_with('@') || !names_match(names, host) {
            continue;
        }
        let same = BASE64_STANDARD.decode(encoded).is_ok_and(|known| known == key);
        match (revoked, same) {
            (true, true) => return Verdict::Revoked,
            (false, true) => verdict = Verdict::Known,
            (false, false) if kind == key_type && verdict == Verdict::Unknown => verdict = Verdict::Changed,
            _ => {}
        }
    }
    verdict
}

fn names_match(names: &str, host: &str) -> bool {
    if let Some(hashed) = names.strip_prefix("|1|") {
        return hash_matches(hashed, host).unwrap_or(false);
    }
    let mut found = false;
    for name in names.split(',') {
        match name.strip_prefix('!') {
            Some(name) if glob(name.as_bytes(), host.as_bytes()) => return false,
            Some(_) => {}
            None => found |= glob(name.as_bytes(), host.as_bytes()),
        }
    }
    found
}

fn hash_matches(hashed: &str, host: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&BASE64_STANDARD.decode(salt).ok()?).ok()?;
    mac.update(host.as_bytes());
    Some(mac.verify_slice(&BASE64_STANDARD.decode(hash).ok()?).is_ok())
}

/// `*` and `?`, case-insensitive; linear in memory, and in time but for the last star.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, t));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|&c| c == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"the key";

    fn line(names: &str) -> String {
        format!("{names} ssh-ed25519 {} a comment\n", BASE64_STANDARD.encode(KEY))
    }

    #[test]
    fn names_with_ports_wildcards_and_negation_are_matched_as_openssh_does() {
        assert_eq!(verdict(&line("git.example.com"), "git.example.com", "ssh-ed25519", KEY), Verdict::Known);
        assert_eq!(
            verdict(&line("[git.example.com]:2222"), "git.example.com", "ssh-ed25519", KEY),
            Verdict::Unknown
        );
        assert_eq!(
            verdict(&line("*.Example.com,other"), "git.example.com", "ssh-ed25519", KEY),
            Verdict::Known
        );
        assert_eq!(
            verdict(&line("*.example.com,!git.example.com"), "git.example.com", "ssh-ed25519", KEY),
            Verdict::Unknown
        );
        assert_eq!(verdict(&format!("@revoked {}", line("*")), "git", "ssh-ed25519", KEY), Verdict::Revoked);
    }

    #[test]
    fn hashed_names_are_read() {
        let salt = [7_u8; 20];
        let mut mac = Hmac::<Sha1>::new_from_slice(&salt).unwrap();
        mac.update(b"git.example.com");
        let names = format!(
            "|1|{}|{}",
            BASE64_STANDARD.encode(salt),
            BASE64_STANDARD.encode(mac.finalize().into_bytes())
        );
        assert_eq!(verdict(&line(&names), "git.example.com", "ssh-ed25519", KEY), Verdict::Known);
        assert_eq!(verdict(&line(&names), "evil.example.com", "ssh-ed25519", KEY), Verdict::Unknown);
        assert_eq!(verdict(&line("|1|broken"), "git.example.com", "ssh-ed25519", KEY), Verdict::Unknown);
    }

    #[test]
    fn an_unknown_or_changed_key_is_refused_with_the_line_to_add() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        let error = check(&file, "[h]:22022", "ssh-ed25519", KEY).unwrap_err();
        let SourceError::HostKey(unknown) = &error else { panic!("{error}") };
        assert_eq!(unknown.problem, "is not known");
        std::fs::write(&file, &unknown.line).unwrap();
        check(&file, "[h]:22022", "ssh-ed25519", KEY).unwrap();
        let error = check(&file, "[h]:22022", "ssh-ed25519", b"another key").unwrap_err();
        assert!(
            matches!(&error, SourceError::HostKey(changed) if changed.problem == "has changed"),
            "{error}"
        );
    }
}
