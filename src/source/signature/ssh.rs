//! ssh keys and signatures: `authorized_keys` (sshd(8)), git's `allowed_signers` and SSHSIG (ssh-keygen(1), OpenSSH's
//! PROTOCOL.sshsig).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, PublicKey, SshSig};

use super::{Fault, KeyName, Signer};
use crate::source::revision::one_line;

/// What git signs for.
const NAMESPACE: &str = "git";
/// The shortest RSA key, in bytes of its modulus.
const RSA_BYTES: usize = 2048 / 8;

/// A listed key, and for what it counts.
#[derive(Debug)]
pub(super) struct Listed {
    key: PublicKey,
    who: String,
    /// Patterns of namespaces; any if empty.
    namespaces: Vec<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

/// Reads the lines of a file in either format.
pub(super) fn read(text: &str) -> Result<Vec<Listed>, String> {
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| read_line(line).map_err(|reason| format!("line {}: {reason}", index + 1)))
        .collect()
}

fn read_line(line: &str) -> Result<Listed, String> {
    let words = words(line);
    let at = words.iter().position(|(_, word)| is_key_type(word)).ok_or(
        "is no ssh public key: write `ssh-ed25519 AAAA... comment`, or with principals before it as in git's \
         allowed_signers",
    )?;
    let key = PublicKey::from_openssh(line[words[at].0..].trim()).map_err(|error| {
        if words[at].1.contains("-cert-") {
            "a certificate is not accepted: list the key itself".to_owned()
        } else {
            format!("the key cannot be read: {error}")
        }
    })?;
    refuse_weak(&key)?;
    let (principals, options) = match &words[..at] {
        [] => ("", ""),
        [(_, options)] if is_option(options) => ("", *options),
        [(_, principals)] => (*principals, ""),
        [(_, principals), (_, options)] => (*principals, *options),
        _ => return Err("there are more than principals and options before the key".to_owned()),
    };
    let who = if principals.is_empty() || principals == "*" { key.comment() } else { principals };
    let who = one_line(who.trim_matches('"').as_bytes());
    let mut listed = Listed { key, who, namespaces: Vec::new(), after: None, before: None };
    for option in split(options, |c| c == ',') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.trim_matches('"');
        match name.to_ascii_lowercase().as_str() {
            "cert-authority" => {
                return Err("cert-authority is not accepted: list the keys themselves".to_owned());
            }
            "namespaces" => listed.namespaces = value.split(',').map(ToOwned::to_owned).collect(),
            "valid-after" => listed.after = Some(time(value)?),
            "valid-before" | "expiry-time" => listed.before = Some(time(value)?),
            // The others of authorized_keys speak of logins.
            _ => {}
        }
    }
    Ok(listed)
}

fn refuse_weak(key: &PublicKey) -> Result<(), String> {
    match key.key_data() {
        KeyData::Rsa(rsa) if rsa.n.as_positive_bytes().is_none_or(|n| n.len() < RSA_BYTES) => {
            Err(format!("an RSA key of less than {} bits is not accepted", RSA_BYTES * 8))
        }
        KeyData::Ed25519(_)
        | KeyData::Ecdsa(_)
        | KeyData::Rsa(_)
        | KeyData::SkEd25519(_)
        | KeyData::SkEcdsaSha2NistP256(_) => Ok(()),
        _ => Err(format!("keys of the type {} are not accepted: use ssh-ed25519", key.algorithm())),
    }
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| word.starts_with(start))
        && !word.contains(['@', '=', '"'])
        || ["@openssh.com"].iter().any(|end| word.ends_with(end) && word.starts_with("sk-"))
        || word.ends_with("-cert-v01@openssh.com")
}

/// Whether the only word before a key is options, not principals. Options have values or are words of sshd(8).
fn is_option(word: &str) -> bool {
    let first = split(word, |c| c == ',').first().copied().unwrap_or_default().to_ascii_lowercase();
    let flags = [
        "agent-forwarding",
        "cert-authority",
        "port-forwarding",
        "pty",
        "restrict",
        "touch-required",
        "user-rc",
        "verify-required",
        "x11-forwarding",
    ];
    first.contains('=') || flags.contains(&first.strip_prefix("no-").unwrap_or(&first))
}

/// The words of a line with their places; quotes hold blanks together.
fn words(line: &str) -> Vec<(usize, &str)> {
    let start = line.as_ptr().addr();
    let words = split(line, |c| c == ' ' || c == '\t').into_iter();
    words.map(|word| (word.as_ptr().addr() - start, word)).collect()
}

/// The parts between separators outside of quotes, without empty ones.
fn split(text: &str, separates: impl Fn(char) -> bool) -> Vec<&str> {
    let mut quoted = false;
    let parts = text.split(|c: char| {
        quoted ^= c == '"';
        !quoted && separates(c)
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// `YYYYMMDD[Z]` or `YYYYMMDDHHMM[SS][Z]`; without `Z`, in this machine's time zone (ssh-keygen(1), ALLOWED SIGNERS).
fn time(text: &str) -> Result<Timestamp, String> {
    let wrong =
        || format!("{text:?} is no time: write YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC");
    let digits = text.trim_end_matches(['Z', 'z']);
    let format = match digits.len() {
        8 | 12 | 14 => format!("{digits:0<14}"),
        _ => return Err(wrong()),
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%S", format).map_err(|_| wrong())?;
    let zone = if digits.len() < text.len() { TimeZone::UTC } else { TimeZone::system() };
    civil.to_zoned(zone).map(|zoned| zoned.timestamp()).map_err(|_| wrong())
}

/// Who made this signature of `payload`.
pub(super) fn verify(keys: &[Listed], pem: &str, payload: &[u8], now: Timestamp) -> Result<Signer, Fault> {
    let signature = SshSig::from_pem(pem).map_err(|error| Fault::Malformed(error.to_string()))?;
    let fingerprint = signature.public_key().fingerprint(HashAlg::Sha256).to_string();
    let key = KeyName { kind: "ssh", fingerprint };
    if !keys.iter().any(|listed| listed.key.key_data() == signature.public_key()) {
        return Err(Fault::UnknownKey(key));
    }
    if signature.namespace() != NAMESPACE {
        let namespace = one_line(signature.namespace().as_bytes());
        return Err(Fault::Namespace { key, namespace });
    }
    let mut fault = Fault::UnknownKey(key.clone());
    // A key can be listed for several times and purposes: one line that fits is enough.
    for listed in keys.iter().filter(|listed| listed.key.key_data() == signature.public_key()) {
        match listed.judge(&key, &signature, payload, now) {
            Ok(()) => return Ok(Signer { who: listed.who.clone(), key }),
            Err(found) => fault = found,
        }
    }
    Err(fault)
}

impl Listed {
    fn judge(&self, key: &KeyName, signature: &SshSig, payload: &[u8], now: Timestamp) -> Result<(), Fault> {
        self.key.verify(NAMESPACE, payload, signature).map_err(|_| Fault::Invalid(key.clone()))?;
        if !self.namespaces.is_empty() && !fits(&self.namespaces, NAMESPACE) {
            let reason = format!("it is listed for {}: add git to its namespaces", self.namespaces.join(","));
            return Err(Fault::NotForCommits { key: key.clone(), reason });
        }
        match (self.after, self.before) {
            (Some(from), _) if now < from => Err(Fault::NotYetValid { key: key.clone(), from }),
            (_, Some(at)) if now >= at => Err(Fault::Expired { key: key.clone(), at }),
            _ => Ok(()),
        }
    }
}

/// Whether a list of patterns names `text`: `*`, `?`, and `!` for what is left out (ssh_config(5), PATTERNS).
fn fits(patterns: &[String], text: &str) -> bool {
    let (not, yes): (Vec<_>, Vec<_>) = patterns.iter().partition(|pattern| pattern.starts_with('!'));
    yes.iter().any(|pattern| matches(pattern.as_bytes(), text.as_bytes()))
        && !not.iter().any(|pattern| matches(&pattern.as_bytes()[1..], text.as_bytes()))
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Where to go on when the last `*` has to take one more character.
    let (mut p, mut t, mut again) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                again = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match again {
                Some((star, taken)) => {
                    again = Some((star, taken + 1));
                    (p, t) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    fn one(line: &str) -> Listed {
        read(line).unwrap().pop().unwrap()
    }

    #[test]
    fn keys_are_read_from_both_formats() {
        assert_eq!(one(&format!("{KEY} Ada of the lake\n")).who, "Ada of the lake");
        assert_eq!(one(&format!("restrict,from=\"10.0.0.1 x\" {KEY} ada")).who, "ada");
        let line = format!("ada@example.org namespaces=\"file,g?t\",valid-after=\"20260102Z\" {KEY} comment");
        let listed = one(&line);
        assert_eq!(listed.who, "ada@example.org");
        assert!(fits(&listed.namespaces, "git"));
        assert_eq!(listed.after.unwrap().to_string(), "2026-01-02T00:00:00Z");
        assert_eq!(one(&format!("# all\n\n* {KEY} Ada")).who, "Ada");
        assert_eq!(
            one(&format!("expiry-time=\"202601020304Z\" {KEY}")).before.unwrap().to_string(),
            "2026-01-02T03:04:00Z"
        );
    }

    #[test]
    fn a_line_that_cannot_count_is_an_error_that_names_it() {
        for (line, words) in [
            (format!("# one\ncert-authority {KEY}"), "line 2: cert-authority"),
            (format!("* cert-authority,namespaces=\"git\" {KEY}"), "line 1: cert-authority"),
            ("what is this".to_owned(), "line 1: is no ssh public key"),
            ("ssh-ed25519 AAAA".to_owned(), "line 1: the key cannot be read"),
            (format!("a valid-before=\"soon\" {KEY}"), "\"soon\" is no time"),
        ] {
            let error = read(&line).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn patterns_mean_what_they_mean_to_ssh() {
        let fits =
            |patterns: &str| fits(&patterns.split(',').map(ToOwned::to_owned).collect::<Vec<_>>(), "git");
        for (patterns, fit) in [
            ("git", true),
            ("*", true),
            ("g*,x", true),
            ("*t", true),
            ("file", false),
            ("*,!git", false),
            ("gi", false),
            ("gi?", true),
            ("*it*", true),
        ] {
            assert_eq!(fits(patterns), fit, "{patterns}");
        }
    }
}
