//! AES-256 in CBC mode, as sprig uses it: the password itself is the key, and the vector stands before the text.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use aes::Aes256;
use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};

use super::super::Call;
use super::super::encoding::illegal_base64;
use crate::helm::go::text::{from_bytes, to_bytes};
use crate::helm::template::GoResult;
use crate::helm::value::Value;

const BLOCK: usize = 16;

/// The password, cut or filled with zeros to the key's 32 bytes.
fn key(password: &str) -> [u8; 32] {
    let mut key = [0; 32];
    let length = password.len().min(key.len());
    key[..length].copy_from_slice(&password.as_bytes()[..length]);
    key
}

/// `encryptAES PASSWORD TEXT`.
pub fn encrypt(call: &mut Call<'_, '_>) -> GoResult<Value> {
    if call.text(1).is_empty() {
        return Ok("".into());
    }
    let mut out = vec![0; BLOCK];
    call.random().fill(&mut out);
    let vector: [u8; BLOCK] = std::array::from_fn(|index| out[index]);
    let cipher = cbc::Encryptor::<Aes256>::new(&key(call.text(0)).into(), &vector.into());
    out.extend(cipher.encrypt_padded_vec_mut::<Pkcs7>(&to_bytes(call.text(1))));
    Ok(STANDARD.encode(out).into())
}

/// `decryptAES PASSWORD TEXT`. What Go panics with, where the text is no cipher's, is the error.
pub fn decrypt(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let text = call.text(1);
    if text.is_empty() {
        return Ok("".into());
    }
    let Some(bytes) = super::base64(text) else { return Err(illegal_base64(text).into()) };
    let Some((vector, rest)) = bytes.split_first_chunk::<BLOCK>() else {
        let capacity = text.len() / 4 * 3;
        return Err(
            format!("runtime error: slice bounds out of range [:{BLOCK}] with capacity {capacity}").into()
        );
    };
    if rest.len() % BLOCK != 0 {
        return Err("crypto/cipher: input not full blocks".into());
    }
    let cipher = cbc::Decryptor::<Aes256>::new(&key(call.text(0)).into(), vector.into());
    let mut plain =
        cipher.decrypt_padded_vec_mut::<NoPadding>(rest).map_err(|error| format!("decryptAES: {error}"))?;
    let Some(padding) = plain.last().copied() else {
        return Err("runtime error: index out of range [-1]".into());
    };
    let Some(length) = plain.len().checked_sub(usize::from(padding)) else {
        let below = usize::from(padding) - plain.len();
        return Err(format!("runtime error: slice bounds out of range [:-{below}]").into());
    };
    plain.truncate(length);
    Ok(from_bytes(plain).into())
}
