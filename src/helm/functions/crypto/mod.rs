//! sprig's functions of cryptography: keys, certificates, passwords, ciphers.
//!
//! What they make up they draw from the render's seed, so that the same seed gives the same keys; sprig's own keys differ at
//! each rendering, and so the output is marked.

mod certificates;
mod ciphers;
mod keys;
mod passwords;
mod pem;
mod primes;

use rsa::rand_core::{CryptoRng, Error, RngCore};

use super::random::Random;
use super::{Call, Function, function};
use crate::helm::signature::Param::{Certificate, Int, List, Str, Uint32};
use crate::helm::template::GoResult;
use crate::helm::value::Value;
use keys::PrivateKey;

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("bcrypt", &[Str], |call| Ok(passwords::bcrypt(call, 0).into())),
    function("htpasswd", &[Str, Str], |call| {
        let user = call.str(0);
        if user.contains(':') {
            return Ok(format!("invalid username: {user}").into());
        }
        Ok(format!("{user}:{}", passwords::bcrypt(call, 1)).into())
    }),
    function("derivePassword", &[Uint32, Str, Str, Str, Str], passwords::derive),
    function("encryptAES", &[Str, Str], ciphers::encrypt),
    function("decryptAES", &[Str, Str], ciphers::decrypt),
    function("genPrivateKey", &[Str], |call| {
        let kind = call.str(0);
        call.exec.spend(KEY_STEPS)?;
        Ok(match PrivateKey::generate(&kind, call.random()) {
            Some(key) => key.to_pem().into(),
            None => format!("Unknown type {kind}").into(),
        })
    }),
    function("buildCustomCert", &[Str, Str], certificates::from_texts),
    function("genCA", &[Str, Int], certificates::authority),
    function("genCAWithKey", &[Str, Int, Str], certificates::authority),
    function("genSelfSignedCert", &[Str, List, List, Int], certificates::self_signed),
    function("genSelfSignedCertWithKey", &[Str, List, List, Int, Str], certificates::self_signed),
    function("genSignedCert", &[Str, List, List, Int, Certificate], certificates::signed),
    function("genSignedCertWithKey", &[Str, List, List, Int, Certificate, Str], certificates::signed),
];

/// What making a key or hashing a password costs, in steps of a template: so that a loop of them comes to its end.
const KEY_STEPS: u64 = 100_000;

/// The source of randomness as the older generation of RustCrypto takes it.
impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Random {}

/// A text in base64, or nothing.
fn base64(text: &str) -> Option<Vec<u8>> {
    use ::base64::Engine as _;
    let plain: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    super::encoding::LENIENT.decode(plain).ok()
}

/// The key that an argument holds as PEM, or a new one.
fn given_or_new(call: &mut Call<'_, '_>, index: usize) -> GoResult<PrivateKey> {
    if let Value::Str(text) = call.value(index) {
        return PrivateKey::parse(text).map_err(|error| format!("parsing private key: {error}").into());
    }
    call.exec.spend(KEY_STEPS)?;
    Ok(PrivateKey::new_rsa(2048, call.random()))
}
