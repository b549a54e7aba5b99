//! sprig's functions that encode and hash.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use data_encoding::{BASE32, HEXLOWER};
use sha2::Digest as _;

use super::{Function, function};
use crate::helm::go::text::{from_bytes, to_bytes};
use crate::helm::signature::Param::Str;

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("b64enc", &[Str], |call| Ok(STANDARD.encode(to_bytes(call.text(0))).into())),
    function("b64dec", &[Str], |call| Ok(base64_decode(call.text(0)).into())),
    function("b32enc", &[Str], |call| Ok(BASE32.encode(&to_bytes(call.text(0))).into())),
    function("b32dec", &[Str], |call| Ok(base32_decode(call.text(0)).into())),
    function("sha1sum", &[Str], |call| {
        Ok(HEXLOWER.encode(&sha1::Sha1::digest(to_bytes(call.text(0)))).into())
    }),
    function("sha256sum", &[Str], |call| {
        Ok(HEXLOWER.encode(&sha2::Sha256::digest(to_bytes(call.text(0)))).into())
    }),
    function("sha512sum", &[Str], |call| {
        Ok(HEXLOWER.encode(&sha2::Sha512::digest(to_bytes(call.text(0)))).into())
    }),
    function("adler32sum", &[Str], |call| {
        Ok(adler2::adler32_slice(&to_bytes(call.text(0))).to_string().into())
    }),
];

/// Go reads bits that stand for nothing as if they were not there.
pub const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The text, or Go's error text, which sprig gives in its place.
fn base64_decode(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    match LENIENT.decode(&plain) {
        Ok(bytes) => from_bytes(bytes),
        Err(_) => illegal_base64(text),
    }
}

/// Go's error of a text that is no base64.
pub fn illegal_base64(text: &str) -> String {
    format!("illegal base64 data at input byte {}", broken_at(text, 4, is_base64))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

fn is_base32(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'2'..=b'7')
}

fn base32_decode(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    match BASE32.decode(plain.as_bytes()) {
        Ok(bytes) => from_bytes(bytes),
        Err(_) => format!("illegal base32 data at input byte {}", broken_at(&plain, 8, is_base32)),
    }
}

/// The byte that Go's decoder stumbles over.
fn broken_at(text: &str, group: usize, valid: fn(u8) -> bool) -> usize {
    let mut in_group = 0;
    let mut bytes = text.bytes().enumerate().filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'));
    while let Some((at, byte)) = bytes.next() {
        if valid(byte) {
            in_group = (in_group + 1) % group;
            continue;
        }
        if byte != b'=' || in_group < 2 {
            return at;
        }
        // Padding must fill the group, and nothing may follow.
        while in_group + 1 < group {
            in_group += 1;
            match bytes.next() {
                Some((_, b'=')) => {}
                Some((at, _)) => return at,
                None => return text.len(),
            }
        }
        return bytes.next().map_or(text.len(), |(at, _)| at);
    }
    // Go names the beginning of the group that is not full.
    text.len() - in_group
}
