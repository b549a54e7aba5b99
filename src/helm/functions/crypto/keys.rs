//! Private keys: made, read from PEM and written to it as sprig does, and signed with.

use dsa::{Components, KeySize};
use p256::pkcs8::{AssociatedOid, EncodePublicKey, ObjectIdentifier};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::pkcs8::PrivateKeyInfo;
use rsa::signature::{SignatureEncoding, Signer};
use sec1::der::asn1::{Null, UintRef};
use sec1::der::{Any, Decode, Encode};
use sec1::{EcParameters, EcPrivateKey};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::super::random::Random;
use super::pem;
use super::primes::prime;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Everybody's public exponent.
const RSA_EXPONENT: u32 = 65_537;

/// What stands before the 32 bytes of an Ed25519 key in PKCS#8, version 1.
const ED25519_PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A private key of one of the kinds that sprig knows. It has no way to print itself but [`PrivateKey::to_pem`].
pub enum PrivateKey {
    /// RSA, of any length.
    Rsa(Box<RsaPrivateKey>),
    /// The NIST curve P-256.
    P256(p256::SecretKey),
    /// The NIST curve P-384.
    P384(p384::SecretKey),
    /// The NIST curve P-521.
    P521(p521::SecretKey),
    /// Ed25519.
    Ed25519(Box<ed25519_dalek::SigningKey>),
    /// DSA, as its five numbers in DER: it is written and read only, for no certificate can have it.
    Dsa(Vec<u8>),
}

type Result<T> = std::result::Result<T, String>;

impl PrivateKey {
    /// A new key of a kind that `genPrivateKey` knows; `None` for another.
    pub fn generate(kind: &str, random: &mut Random) -> Option<Self> {
        Some(match kind {
            "" | "rsa" => Self::new_rsa(4096, random),
            "dsa" => {
                let components = Components::generate(random, KeySize::DSA_2048_256);
                Self::Dsa(dsa_der(&dsa::SigningKey::generate(random, components)))
            }
            "ecdsa" => Self::P256(p256::SecretKey::random(random)),
            "ed25519" => {
                let mut bytes = [0; 32];
                random.fill(&mut bytes);
                Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&bytes)))
            }
            _ => return None,
        })
    }

    /// A new RSA key of so many bits.
    pub fn new_rsa(bits: u32, random: &mut Random) -> Self {
        loop {
            // It fails where both are the same, or the exponent does not fit them.
            if let (Some(p), Some(q)) = (prime(bits / 2, random), prime(bits / 2, random))
                && let Ok(key) = RsaPrivateKey::from_p_q(p, q, RSA_EXPONENT.into())
            {
                return Self::Rsa(Box::new(key));
            }
        }
    }

    /// Reads a key from PEM. The error is sprig's text, up to what Go's decoder adds.
    pub fn parse(text: &str) -> Result<Self> {
        let Some(block) = pem::decode(text) else { return Err("no PEM data in input".to_owned()) };
        let bytes = block.bytes.as_slice();
        let Some(kind) = block.label.strip_suffix("PRIVATE KEY") else {
            return Err(format!("no private key data in PEM block of type {}", block.label));
        };
        match kind.trim_end() {
            "" => Self::from_pkcs8(bytes).map_err(|error| format!("decoding PEM as PKCS#8: {error}")),
            "RSA" => rsa(bytes).map_err(|error| format!("parsing RSA private key from PEM: {error}")),
            "EC" => {
                elliptic(bytes, None).map_err(|error| format!("parsing EC private key from PEM: {error}"))
            }
            "DSA" => <[UintRef<'_>; 6]>::from_der(bytes)
                .map(|_| Self::Dsa(bytes.to_vec()))
                .map_err(|error| format!("parsing DSA private key from PEM: {error}")),
            _ => Err(format!("invalid private key type {}", block.label)),
        }
    }

    fn from_pkcs8(bytes: &[u8]) -> Result<Self> {
        let info = PrivateKeyInfo::from_der(bytes).map_err(|error| error.to_string())?;
        match info.algorithm.oid {
            RSA_ENCRYPTION => rsa(info.private_key),
            EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters_oid().map_err(|error| error.to_string())?;
                elliptic(info.private_key, Some(curve))
            }
            ED25519 => match info.private_key.strip_prefix(&[4, 32]).and_then(|rest| rest.try_into().ok()) {
                Some(seed) => Ok(Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))),
                None => Err("x509: invalid Ed25519 private key".to_owned()),
            },
            other => {
                Err(format!("x509: PKCS#8 wrapping contained private key with unknown algorithm: {other}"))
            }
        }
    }

    /// The key as PEM, in the form that sprig writes its kind.
    pub fn to_pem(&self) -> String {
        let (label, bytes) = match self {
            Self::Rsa(key) => ("RSA ", key.to_pkcs1_der().map(|der| der.as_bytes().to_vec()).ok()),
            Self::P256(key) => {
                ("EC ", ec_der(&key.to_bytes(), p256::NistP256::OID, &key.public_key().to_sec1_bytes_plain()))
            }
            Self::P384(key) => {
                ("EC ", ec_der(&key.to_bytes(), p384::NistP384::OID, &key.public_key().to_sec1_bytes_plain()))
            }
            Self::P521(key) => {
                ("EC ", ec_der(&key.to_bytes(), p521::NistP521::OID, &key.public_key().to_sec1_bytes_plain()))
            }
            Self::Ed25519(key) => ("", Some([&ED25519_PKCS8[..], &key.to_bytes()[..]].concat())),
            Self::Dsa(bytes) => ("DSA ", Some(bytes.clone())),
        };
        pem::encode(&format!("{label}PRIVATE KEY"), &bytes.unwrap_or_default())
    }

    /// The public key as a certificate holds it; an error for DSA.
    pub fn public(&self) -> Result<SubjectPublicKeyInfoOwned> {
        let document = match self {
            Self::Rsa(key) => key.to_public_key().to_public_key_der(),
            Self::P256(key) => key.public_key().to_public_key_der(),
            Self::P384(key) => key.public_key().to_public_key_der(),
            Self::P521(key) => key.public_key().to_public_key_der(),
            Self::Ed25519(key) => key.verifying_key().to_public_key_der(),
            Self::Dsa(_) => {
                return Err("x509: unsupported public key type: *dsa.PublicKey".to_owned());
            }
        };
        let document = document.map_err(|error| error.to_string())?;
        SubjectPublicKeyInfoOwned::from_der(document.as_bytes()).map_err(|error| error.to_string())
    }

    /// How certificates name what [`PrivateKey::sign`] does.
    pub fn algorithm(&self) -> Result<AlgorithmIdentifierOwned> {
        let (oid, parameters) = match self {
            Self::Rsa(_) => (SHA256_WITH_RSA, Some(Any::from(Null))),
            Self::P256(_) => (ECDSA_WITH_SHA256, None),
            Self::P384(_) => (ECDSA_WITH_SHA384, None),
            Self::P521(_) => (ECDSA_WITH_SHA512, None),
            Self::Ed25519(_) => (ED25519, None),
            Self::Dsa(_) => {
                return Err("x509: certificate private key does not implement crypto.Signer".to_owned());
            }
        };
        Ok(AlgorithmIdentifierOwned { oid, parameters })
    }

    /// Signs as Go does without further wishes: with the hash that fits the key.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let failed = |error: rsa::signature::Error| error.to_string();
        Ok(match self {
            Self::Rsa(key) => {
                let key = rsa::pkcs1v15::SigningKey::<rsa::sha2::Sha256>::new((**key).clone());
                key.try_sign(message).map_err(failed)?.to_vec()
            }
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    p256::ecdsa::SigningKey::from(key).try_sign(message).map_err(failed)?;
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature =
                    p384::ecdsa::SigningKey::from(key).try_sign(message).map_err(failed)?;
                signature.to_der().as_bytes().to_vec()
            }
            Self::P521(key) => {
                let signer = p521::ecdsa::SigningKey::from_bytes(&key.to_bytes()).map_err(failed)?;
                let signature: p521::ecdsa::Signature = signer.try_sign(message).map_err(failed)?;
                signature.to_der().as_bytes().to_vec()
            }
            Self::Ed25519(key) => key.try_sign(message).map_err(failed)?.to_bytes().to_vec(),
            Self::Dsa(_) => Vec::new(),
        })
    }
}

/// A point of a curve as certificates write it.
trait Point {
    /// The point, not compressed.
    fn to_sec1_bytes_plain(&self) -> Vec<u8>;
}

impl<C> Point for p256::elliptic_curve::PublicKey<C>
where
    C: p256::elliptic_curve::CurveArithmetic,
    p256::elliptic_curve::AffinePoint<C>:
        p256::elliptic_curve::sec1::ToEncodedPoint<C> + p256::elliptic_curve::sec1::FromEncodedPoint<C>,
    p256::elliptic_curve::FieldBytesSize<C>: p256::elliptic_curve::sec1::ModulusSize,
{
    fn to_sec1_bytes_plain(&self) -> Vec<u8> {
        use p256::elliptic_curve::sec1::ToEncodedPoint as _;
        self.to_encoded_point(false).as_bytes().to_vec()
    }
}

fn rsa(bytes: &[u8]) -> Result<PrivateKey> {
    let key = RsaPrivateKey::from_pkcs1_der(bytes).map_err(|error| error.to_string())?;
    Ok(PrivateKey::Rsa(Box::new(key)))
}

/// A key on a curve, which is named by itself or by what surrounds it.
fn elliptic(bytes: &[u8], curve: Option<ObjectIdentifier>) -> Result<PrivateKey> {
    let key = EcPrivateKey::from_der(bytes).map_err(|error| error.to_string())?;
    let named = key.parameters.and_then(EcParameters::named_curve);
    let failed = |_| "x509: invalid elliptic curve private key value".to_owned();
    match curve.or(named) {
        Some(p256::NistP256::OID) => {
            p256::SecretKey::from_slice(key.private_key).map(PrivateKey::P256).map_err(failed)
        }
        Some(p384::NistP384::OID) => {
            p384::SecretKey::from_slice(key.private_key).map(PrivateKey::P384).map_err(failed)
        }
        Some(p521::NistP521::OID) => {
            p521::SecretKey::from_slice(key.private_key).map(PrivateKey::P521).map_err(failed)
        }
        _ => Err("x509: unknown elliptic curve".to_owned()),
    }
}

fn ec_der(private_key: &[u8], curve: ObjectIdentifier, public_key: &[u8]) -> Option<Vec<u8>> {
    let parameters = Some(EcParameters::NamedCurve(curve));
    EcPrivateKey { private_key, parameters, public_key: Some(public_key) }.to_der().ok()
}

/// sprig's `DSAKeyFormat`: a version, and the numbers p, q, g, y, x.
fn dsa_der(key: &dsa::SigningKey) -> Vec<u8> {
    let public = key.verifying_key();
    let numbers = [
        vec![0],
        public.components().p().to_bytes_be(),
        public.components().q().to_bytes_be(),
        public.components().g().to_bytes_be(),
        public.y().to_bytes_be(),
        key.x().to_bytes_be(),
    ];
    let integers: sec1::der::Result<Vec<_>> = numbers.iter().map(|bytes| UintRef::new(bytes)).collect();
    integers.and_then(|integers| integers.to_der()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_each_kind_are_read_as_they_are_written_and_follow_the_seed() {
        for kind in ["ecdsa", "ed25519"] {
            let text = |seed| PrivateKey::generate(kind, &mut Random::new([seed; 32])).unwrap().to_pem();
            assert_eq!(text(1), text(1), "{kind}");
            assert_ne!(text(1), text(2), "{kind}");
            assert_eq!(PrivateKey::parse(&text(1)).unwrap().to_pem(), text(1), "{kind}");
        }
        let rsa = PrivateKey::new_rsa(1024, &mut Random::new([3; 32])).to_pem();
        assert!(rsa.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        assert_eq!(PrivateKey::parse(&rsa).unwrap().to_pem(), rsa);
        assert!(PrivateKey::generate("ROT13", &mut Random::new([3; 32])).is_none());
    }
}
