//! Primes for RSA keys.

use crypto_bigint::BoxedUint;
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use openssl::bn::{BigNum, BigNumContext};
use openssl::error::ErrorStack;
use rsa::BigUint;

use super::super::random::Random;

/// A prime of so many bits, the two highest of them set, so that the product of two has twice as many.
pub fn prime(bits: u32, random: &mut Random) -> Option<BigUint> {
    let sieve = SmallFactorsSieveFactory::<BoxedUint>::new(Flavor::Any, bits, SetBits::TwoMsb).ok()?;
    let found = sieve_and_find(random.source(), sieve, |_, number| {
        // Nearly all numbers fail here already. Where it cannot be asked the real test decides alone.
        passes_fermat(number).unwrap_or(true) && is_prime(Flavor::Any, number)
    });
    Some(BigUint::from_bytes_be(&found.ok()??.to_be_bytes()))
}

/// Whether 2 to the power of n - 1 leaves 1 when divided by n, as it does for all primes: by OpenSSL, which is several times as
/// fast at it.
fn passes_fermat(number: &BoxedUint) -> Result<bool, ErrorStack> {
    let modulus = BigNum::from_slice(&number.to_be_bytes())?;
    let (one, two) = (BigNum::from_u32(1)?, BigNum::from_u32(2)?);
    let (mut exponent, mut rest) = (BigNum::new()?, BigNum::new()?);
    exponent.checked_sub(&modulus, &one)?;
    rest.mod_exp(&two, &exponent, &modulus, &mut *BigNumContext::new()?)?;
    Ok(rest == one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prime_has_as_many_bits_as_were_asked_for() {
        for bits in [512_u16, 1024] {
            let prime = prime(bits.into(), &mut Random::new([1; 32])).unwrap();
            assert_eq!(prime.bits(), usize::from(bits));
        }
    }

    #[test]
    fn a_prime_passes_and_a_product_does_not() {
        for (number, expected) in
            [(1_000_003_u64, true), (1_000_003 * 3, false), (1_000_033 * 1_000_037, false)]
        {
            assert_eq!(passes_fermat(&BoxedUint::from(number)).unwrap(), expected, "{number}");
        }
    }
}
