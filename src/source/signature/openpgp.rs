//! OpenPGP keys and signatures (RFC 9580), as gpg makes them.

use jiff::Timestamp;
use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, KeyDetails, PublicParams, Tag};

use super::{Fault, KeyName, Signer};
use crate::source::revision::one_line;

/// How a file with keys begins.
pub(super) const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";
/// How many signatures of one commit are tried: gpg makes one for each of its local users.
const SIGNATURES: usize = 4;
/// How far the clocks of those who sign may go before ours, in seconds.
const CLOCKS: i64 = 15 * 60;
/// The shortest RSA key, in bytes as it is written: a modulus of 2048 bits, an exponent, two lengths.
const RSA_BYTES: usize = 2048 / 8 + 1 + 2 + 2;

/// Reads the keys of all armored blocks.
pub(super) fn read(text: &str, limit: usize) -> Result<Vec<SignedPublicKey>, String> {
    let mut keys = Vec::new();
    for block in text.split_inclusive(END).filter_map(|part| part.find(BEGIN).map(|start| &part[start..])) {
        let unreadable = |error: pgp::errors::Error| {
            format!("an OpenPGP key cannot be read: {}", one_line(error.to_string().as_bytes()))
        };
        let (found, _) = SignedPublicKey::from_string_many(block).map_err(unreadable)?;
        for key in found.take(limit + 1) {
            keys.push(key.map_err(unreadable)?);
        }
        if keys.len() > limit {
            return Err(format!("holds more than {limit} keys"));
        }
    }
    Ok(keys)
}

/// Who made this signature of `payload`.
pub(super) fn verify(
    keys: &[SignedPublicKey],
    armored: &str,
    payload: &[u8],
    now: Timestamp,
) -> Result<Signer, Fault> {
    let unreadable = |error: pgp::errors::Error| Fault::Malformed(one_line(error.to_string().as_bytes()));
    let (signatures, _) = DetachedSignature::from_string_many(armored).map_err(unreadable)?;
    let mut fault = Fault::Malformed("it is empty".to_owned());
    for signature in signatures.take(SIGNATURES) {
        match judge(keys, &signature.map_err(unreadable)?.signature, payload, now) {
            Ok(signer) => return Ok(signer),
            Err(found) => fault = found,
        }
    }
    Err(fault)
}

fn judge(
    keys: &[SignedPublicKey],
    signature: &Signature,
    payload: &[u8],
    now: Timestamp,
) -> Result<Signer, Fault> {
    let malformed = |reason: &str| Fault::Malformed(reason.to_owned());
    let issuer = issuer(signature).ok_or_else(|| malformed("it does not say which key made it"))?;
    if signature.typ() != Some(SignatureType::Binary) {
        return Err(malformed("it is not of the kind that git makes"));
    }
    if has_unknown_demand(signature) {
        return Err(malformed("it demands something that is not known here"));
    }
    let mut verdict = Err(Fault::UnknownKey(issuer));
    // A key can be listed more than once, exported at several times: one of them is enough, unless another is revoked.
    for key in keys {
        let subkey = key.public_subkeys.iter().find(|subkey| made_by(signature, &subkey.key));
        if subkey.is_none() && !made_by(signature, &key.primary_key) {
            continue;
        }
        match (Certificate { key, now }).judge(signature, subkey, payload) {
            Err(fault @ Fault::Revoked(_)) => return Err(fault),
            Ok(signer) => verdict = Ok(signer),
            Err(fault) if verdict.is_err() => verdict = Err(fault),
            Err(_) => {}
        }
    }
    verdict
}

/// A listed key with its self-signatures, judged at a time.
struct Certificate<'a> {
    key: &'a SignedPublicKey,
    now: Timestamp,
}

impl Certificate<'_> {
    fn judge(
        &self,
        signature: &Signature,
        subkey: Option<&SignedPublicSubKey>,
        payload: &[u8],
    ) -> Result<Signer, Fault> {
        let primary = &self.key.primary_key;
        let (verified, created, params, name) = match subkey {
            None => (
                signature.verify(primary, payload),
                primary.created_at(),
                primary.public_params(),
                name(primary),
            ),
            Some(subkey) => (
                signature.verify(&subkey.key, payload),
                subkey.key.created_at(),
                subkey.key.public_params(),
                name(&subkey.key),
            ),
        };
        if let Some(reason) = weakness(signature, params) {
            return Err(Fault::Weak { key: name, reason });
        }
        verified.map_err(|_| Fault::Invalid(name.clone()))?;
        self.judge_primary(subkey.is_none())?;
        if let Some(subkey) = subkey {
            self.judge_subkey(subkey, &name)?;
        }
        let made = signature.created().ok_or_else(|| Fault::Malformed("it has no time".to_owned()))?;
        let from = if made < created { created } else { made };
        if made < created || i64::from(made.as_secs()) > self.now.as_second() + CLOCKS {
            return Err(Fault::NotYetValid { key: name, from: time(from.as_secs(), 0) });
        }
        let lasts = signature.signature_expiration_time().map_or(0, Duration::as_secs);
        if let Some(at) = self.over(made.as_secs(), lasts) {
            return Err(Fault::SignatureExpired { key: name, at });
        }
        Ok(Signer { who: self.who(), key: name })
    }

    fn judge_primary(&self, signs: bool) -> Result<(), Fault> {
        let primary = &self.key.primary_key;
        let key = name(primary);
        let revocations = &self.key.details.revocation_signatures;
        if revocations.iter().any(|revocation| revocation.verify_key(primary).is_ok()) {
            return Err(Fault::Revoked(key));
        }
        let of_key = self.key.details.direct_signatures.iter().filter(|signature| {
            signature.typ() == Some(SignatureType::Key) && signature.verify_key(primary).is_ok()
        });
        let of_users = (0..self.key.details.users.len()).filter_map(|index| self.certification(index));
        let own = of_key.chain(of_users).filter(|signature| is_strong(signature));
        let Some(newest) = own.max_by_key(|signature| signature.created()) else {
            let reason = "no signature of its own with SHA-256 or better says what it may be used for; renew it: gpg \
                          --quick-set-expire";
            return Err(Fault::Weak { key, reason: reason.to_owned() });
        };
        self.judge_binding(newest, primary.created_at().as_secs(), &key)?;
        let silent = !newest.config().is_some_and(|config| {
            config.hashed_subpackets().any(|packet| matches!(packet.data, SubpacketData::KeyFlags(_)))
        });
        if signs && !silent && !newest.key_flags().sign() {
            let reason =
                "its owner made it for other uses: sign with a key that gpg -K marks with S".to_owned();
            return Err(Fault::NotForCommits { key, reason });
        }
        Ok(())
    }

    fn judge_subkey(&self, subkey: &SignedPublicSubKey, key: &KeyName) -> Result<(), Fault> {
        let primary = &self.key.primary_key;
        let of = |kind: SignatureType| {
            subkey.signatures.iter().filter(move |signature| {
                signature.typ() == Some(kind) && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
            })
        };
        if of(SignatureType::SubkeyRevocation).next().is_some() {
            return Err(Fault::Revoked(key.clone()));
        }
        let bindings = of(SignatureType::SubkeyBinding).filter(|binding| is_strong(binding));
        let Some(newest) = bindings.max_by_key(|binding| binding.created()) else {
            let reason = "no signature with SHA-256 or better binds it to its primary key; renew it: gpg \
                          --quick-set-expire";
            return Err(Fault::Weak { key: key.clone(), reason: reason.to_owned() });
        };
        self.judge_binding(newest, subkey.key.created_at().as_secs(), key)?;
        // The subkey must agree to belong there, or anybody could claim it for a key of his own.
        let agreed = newest.embedded_signature().is_some_and(|back| {
            is_strong(back) && back.verify_primary_key_binding(&subkey.key, primary).is_ok()
        });
        if !newest.key_flags().sign() || !agreed {
            let reason =
                "its owner made it for other uses: sign with a key that gpg -K marks with S".to_owned();
            return Err(Fault::NotForCommits { key: key.clone(), reason });
        }
        Ok(())
    }

    fn judge_binding(&self, binding: &Signature, created: u32, key: &KeyName) -> Result<(), Fault> {
        let lasts = binding.key_expiration_time().map_or(0, Duration::as_secs);
        self.over(created, lasts).map_or(Ok(()), |at| Err(Fault::Expired { key: key.clone(), at }))
    }

    /// When something ended that began at `from` and lasts so long; `None` if it lasts on. Nothing lasts 0 seconds: that
    /// is for ever.
    fn over(&self, from: u32, lasts: u32) -> Option<Timestamp> {
        let end = time(from, lasts);
        (lasts > 0 && end <= self.now).then_some(end)
    }

    /// The newest signature of the key's owner for the user id at this place, unless that takes it back.
    fn certification(&self, index: usize) -> Option<&Signature> {
        let primary = &self.key.primary_key;
        let user = self.key.details.users.get(index)?;
        let own = user
            .signatures
            .iter()
            .filter(|signature| signature.verify_certification(primary, Tag::UserId, &user.id).is_ok());
        own.max_by_key(|signature| signature.created())
            .filter(|signature| signature.typ() != Some(SignatureType::CertRevocation))
    }

    /// The primary user id, or the first that is not taken back.
    fn who(&self) -> String {
        let users = &self.key.details.users;
        let valid: Vec<_> =
            (0..users.len()).filter_map(|index| Some((index, self.certification(index)?))).collect();
        let chosen = valid.iter().find(|(_, signature)| signature.is_primary()).or_else(|| valid.first());
        chosen.map(|(index, _)| one_line(users[*index].id.id())).unwrap_or_default()
    }
}

fn name(key: &impl KeyDetails) -> KeyName {
    KeyName { kind: "OpenPGP", fingerprint: format!("{:X}", key.fingerprint()) }
}

/// The key that a signature says made it.
fn issuer(signature: &Signature) -> Option<KeyName> {
    let fingerprint = signature.issuer_fingerprint().first().map(|fingerprint| format!("{fingerprint:X}"));
    let id = || signature.issuer_key_id().first().map(|id| id.to_string().to_uppercase());
    Some(KeyName { kind: "OpenPGP", fingerprint: fingerprint.or_else(id)? })
}

fn made_by(signature: &Signature, key: &impl KeyDetails) -> bool {
    let fingerprints = signature.issuer_fingerprint();
    if fingerprints.is_empty() {
        let id = key.legacy_key_id();
        return signature.issuer_key_id().into_iter().any(|issuer| *issuer == id);
    }
    let own = key.fingerprint();
    fingerprints.into_iter().any(|issuer| *issuer == own)
}

fn has_unknown_demand(signature: &Signature) -> bool {
    let Some(config) = signature.config() else { return true };
    config.hashed_subpackets().any(|packet| {
        let unknown = matches!(packet.data, SubpacketData::Other(..) | SubpacketData::Experimental(..));
        packet.is_critical && unknown
    })
}

fn is_strong(signature: &Signature) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha256, Sha384, Sha512};
    matches!(signature.hash_alg(), Some(Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512))
}

fn weakness(signature: &Signature, params: &PublicParams) -> Option<String> {
    if !is_strong(signature) {
        let hash = signature.hash_alg().map(|hash| hash.to_string()).unwrap_or_default();
        return Some(format!(
            "it is of a {hash} digest; sign with SHA-256 or better (gpg --digest-algo SHA512)"
        ));
    }
    match params {
        PublicParams::RSA(_) if params.write_len() < RSA_BYTES => {
            Some("its RSA key is shorter than 2048 bits: make a new one".to_owned())
        }
        PublicParams::DSA(_) | PublicParams::Elgamal(_) | PublicParams::Unknown { .. } => Some(
            "keys of this kind are not accepted: make one with gpg --quick-generate-key NAME ed25519 sign"
                .to_owned(),
        ),
        _ => None,
    }
}

/// So many seconds after the epoch.
fn time(seconds: u32, more: u32) -> Timestamp {
    Timestamp::from_second(i64::from(seconds) + i64::from(more)).unwrap_or(Timestamp::MAX)
}
