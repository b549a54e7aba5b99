//! Primes for RSA keys.

use crypto_bigint::BoxedUint;
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use rsa::BigUint;

use super::super::random::Random;

/// A prime of so many bits, the two highest of them set, so that the product of two has twice as many.
pub fn prime(bits: u32, random: &mut Random) -> Option<BigUint> {
    let sieve = SmallFactorsSieveFactory::<BoxedUint>::new(Flavor::Any, bits, SetBits::TwoMsb).ok()?;
    let found = sieve_and_find(random.source(), sieve, |_, number| is_prime(Flavor::Any, number)).ok()??;
    Some(BigUint::from_bytes_be(&found.to_be_bytes()))
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
}
