//! One value: `ENC[AES256_GCM,data:...,iv:...,tag:...,type:...]` (`aes/cipher.go` of SOPS 3).

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aes::Aes256;
use aes_gcm::{AeadInPlace, AesGcm, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::keyring::DataKey;

/// How an encrypted value begins.
pub(super) const PREFIX: &str = "ENC[AES256_GCM,";
/// SOPS' nonces are longer than usual.
const NONCE: usize = 32;
const TAG: usize = 16;

/// A decrypted value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plain {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// SOPS makes an item of a comment between the items of a list.
    Comment,
}

impl Plain {
    /// What counts for the MAC (`ToBytes` of SOPS).
    pub fn mac_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Int(number) => number.to_string(),
            // Go's format `f` with the shortest digits that give the same number: Rust's, too.
            Self::Float(number) => number.to_string(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Comment => String::new(),
        }
    }
}

/// Opens values with one data key.
pub(super) struct Cipher(AesGcm<Aes256, U32>);

impl Cipher {
    pub fn new(key: &DataKey) -> Self {
        Self(AesGcm::new(GenericArray::from_slice(key.as_slice())))
    }

    /// Decrypts a value whose path is `path`, each part followed by a colon. Errors go on after the value's name.
    pub fn decrypt(&self, value: &str, path: &str) -> Result<Plain, &'static str> {
        let parts = Parts::read(value).ok_or("is not what SOPS writes")?;
        let mut bytes = parts.data;
        self.0
            .decrypt_in_place_detached(
                GenericArray::from_slice(&parts.nonce),
                path.as_bytes(),
                &mut bytes,
                GenericArray::from_slice(&parts.tag),
            )
            .map_err(|_| "does not decrypt: it was changed, or moved here from another place or file")?;
        let text =
            String::from_utf8(bytes).map_err(|_| "is not text: put it into a Secret's data in base64")?;
        let odd = "is not of the type that it says";
        Ok(match parts.kind {
            "str" | "bytes" | "time" => Plain::Text(text),
            "int" => Plain::Int(text.parse().map_err(|_| odd)?),
            "float" => Plain::Float(text.parse().map_err(|_| odd)?),
            // Go's ParseBool.
            "bool" => Plain::Bool(match text.as_str() {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
                "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
                _ => return Err(odd),
            }),
            "comment" => Plain::Comment,
            _ => return Err("is of a type that is not known here"),
        })
    }
}

struct Parts<'a> {
    data: Vec<u8>,
    nonce: Vec<u8>,
    tag: Vec<u8>,
    kind: &'a str,
}

impl<'a> Parts<'a> {
    fn read(value: &'a str) -> Option<Self> {
        let inside = value.strip_prefix(PREFIX)?.strip_suffix(']')?;
        let (data, rest) = inside.strip_prefix("data:")?.split_once(",iv:")?;
        let (nonce, rest) = rest.split_once(",tag:")?;
        let (tag, kind) = rest.split_once(",type:")?;
        let bytes = |text: &str| BASE64.decode(text).ok();
        let parts = Self { data: bytes(data)?, nonce: bytes(nonce)?, tag: bytes(tag)?, kind };
        (parts.nonce.len() == NONCE && parts.tag.len() == TAG).then_some(parts)
    }
}
