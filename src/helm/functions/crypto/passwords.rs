//! Passwords: bcrypt's hashes, and those that the Master Password algorithm derives.

use hmac::{Hmac, KeyInit, Mac};
use scrypt::Params;
use sha2::Sha256;

use super::super::Call;
use super::KEY_STEPS;
use crate::helm::template::GoResult;
use crate::helm::value::Value;

/// bcrypt's longest password, in bytes.
const MAX_PASSWORD: usize = 72;

/// `golang.org/x/crypto/bcrypt.DefaultCost`.
const COST: u32 = 10;

/// The hash of an argument, or sprig's text of why there is none.
pub fn bcrypt(call: &mut Call<'_, '_>, index: usize) -> String {
    let password = call.str(index);
    let failed = |reason: &str| format!("failed to encrypt string with bcrypt: {reason}");
    if password.len() > MAX_PASSWORD {
        return failed("bcrypt: password length exceeds 72 bytes");
    }
    if call.exec.spend(KEY_STEPS).is_err() {
        return failed("the rendering takes too many steps");
    }
    let mut salt = [0; 16];
    call.random().fill(&mut salt);
    match bcrypt::hash_with_salt(&*password, COST, salt) {
        Ok(hash) => hash.format_for_version(bcrypt::Version::TwoA),
        Err(error) => failed(&error.to_string()),
    }
}

const SCOPE: &str = "com.lyndir.masterpassword";

/// The forms of passwords, by their kind.
fn forms(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

/// The characters that a letter of a form stands for.
fn alphabet(letter: u8) -> &'static [u8] {
    match letter {
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// A text behind its length.
fn counted(out: &mut Vec<u8>, text: &str) {
    // Go writes the length as 32 bits, whatever it is.
    out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(text.bytes());
}

/// `derivePassword COUNTER KIND PASSWORD USER SITE`.
pub fn derive(call: &mut Call<'_, '_>) -> GoResult<Value> {
    let counter = match call.value(0) {
        Value::Uint(counter) => *counter & u64::from(u32::MAX),
        _ => 0,
    };
    call.exec.spend(KEY_STEPS)?;
    let Some(forms) = forms(call.text(1)) else {
        return Ok(format!("cannot find password template {}", call.text(1)).into());
    };
    let (password, user, site) = (call.text(2), call.text(3), call.text(4));
    let mut salt = SCOPE.as_bytes().to_vec();
    counted(&mut salt, user);
    let mut key = [0; 64];
    // N = 2^15, r = 8, p = 2, as sprig has it.
    Params::new(15, 8, 2, key.len())
        .map_err(|error| error.to_string())
        .and_then(|params| {
            scrypt::scrypt(password.as_bytes(), &salt, &params, &mut key).map_err(|error| error.to_string())
        })
        .map_err(|error| format!("failed to derive password: {error}"))?;
    let mut message = SCOPE.as_bytes().to_vec();
    counted(&mut message, site);
    message.extend(u32::try_from(counter).unwrap_or(0).to_be_bytes());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| error.to_string())?;
    mac.update(&message);
    let seed = mac.finalize().into_bytes();
    let form = forms[usize::from(seed[0]) % forms.len()];
    let text: String = form
        .bytes()
        .zip(&seed[1..])
        .map(|(letter, byte)| {
            let alphabet = alphabet(letter);
            char::from(alphabet[usize::from(*byte) % alphabet.len()])
        })
        .collect();
    Ok(text.into())
}
