//! sprig's functions that make something up. They draw from the render's seed, so that the same seed gives the same
//! output, and mark the output as one that differs from render to render.

use base64::Engine as _;
use data_encoding::HEXLOWER;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Call, Function, function};
use crate::helm::signature::Param::{Int, Str};
use crate::helm::template::GoResult;
use crate::helm::value::Value;

/// The table.
pub const FUNCTIONS: &[Function] = &[
    function("randAlphaNum", &[Int], |call| characters(call, |c| c.is_ascii_alphanumeric())),
    function("randAlpha", &[Int], |call| characters(call, |c| c.is_ascii_alphabetic())),
    function("randNumeric", &[Int], |call| characters(call, |c| c.is_ascii_digit())),
    function("randAscii", &[Int], |call| characters(call, |c| (b' '..=b'~').contains(&c))),
    function("randBytes", &[Int], |call| {
        let count = usize::try_from(call.int(0))
            .map_err(|_| "runtime error: makeslice: len out of range".to_owned())?;
        call.check_text(count.saturating_mul(2))?;
        let mut bytes = vec![0; count];
        call.random().fill(&mut bytes);
        Ok(base64::engine::general_purpose::STANDARD.encode(bytes).into())
    }),
    function("randInt", &[Int, Int], |call| {
        let (low, high) = (call.int(0), call.int(1));
        let Some(range) =
            high.checked_sub(low).and_then(|range| u64::try_from(range).ok()).filter(|range| *range > 0)
        else {
            return Err("invalid argument to Intn".into());
        };
        Ok(Value::Int(low.wrapping_add_unsigned(call.random().below(range))))
    }),
    function("uuidv4", &[], |call| {
        let mut bytes = [0_u8; 16];
        call.random().fill(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = HEXLOWER.encode(&bytes);
        let uuid = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        Ok(uuid.into())
    }),
    function("shuffle", &[Str], |call| {
        let mut chars: Vec<char> = call.text(0).chars().collect();
        for index in (1..chars.len()).rev() {
            let other = call.random().below(u64::try_from(index + 1).unwrap_or(1));
            chars.swap(index, usize::try_from(other).unwrap_or(0));
        }
        Ok(chars.into_iter().collect::<String>().into())
    }),
];

/// A source of randomness that is fixed by its seed.
#[derive(Debug)]
pub struct Random(ChaCha20Rng);

impl Random {
    /// The source that a seed stands for.
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// The source itself.
    pub fn source(&mut self) -> &mut ChaCha20Rng {
        &mut self.0
    }

    /// Fills a space with random bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// A number from 0 to before a bound, each as likely.
    fn below(&mut self, bound: u64) -> u64 {
        let zone = u64::MAX - u64::MAX % bound.max(1);
        loop {
            let drawn = self.0.next_u64();
            if drawn < zone {
                return drawn % bound.max(1);
            }
        }
    }
}

impl Call<'_, '_> {
    /// The source of randomness; the output is marked as one that differs from render to render.
    pub fn random(&mut self) -> &mut Random {
        self.exec.nondeterministic = true;
        &mut self.exec.random
    }
}

fn characters(call: &mut Call<'_, '_>, wanted: fn(u8) -> bool) -> GoResult<Value> {
    let Ok(count) = usize::try_from(call.int(0)) else { return Ok("".into()) };
    call.check_text(count)?;
    call.exec.spend(u64::try_from(count / 16).unwrap_or(0))?;
    let alphabet: Vec<u8> = (b' '..=b'~').filter(|c| wanted(*c)).collect();
    let bound = u64::try_from(alphabet.len()).unwrap_or(1);
    let random = call.random();
    let text: String =
        (0..count).map(|_| char::from(alphabet[usize::try_from(random.below(bound)).unwrap_or(0)])).collect();
    Ok(text.into())
}
