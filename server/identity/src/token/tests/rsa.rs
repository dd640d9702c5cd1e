//! RSA keys for tests, made anew in each run.

use num_bigint::BigUint;
use rand::RngExt as _;
use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};

const EXPONENT: u32 = 65_537;
const SMALL_PRIMES: [u32; 20] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73,
];

/// A number that is prime with all the certainty that a test needs: it passed a test of Fermat to four bases.
fn prime(bits: usize) -> BigUint {
    let mut random = rand::rng();
    let one = BigUint::from(1_u8);
    loop {
        let mut bytes: Vec<u8> = (0..bits / 8).map(|_| random.random()).collect();
        // Of full length, so that the product of two is; and odd.
        bytes[0] |= 0xC0;
        *bytes.last_mut().expect("some") |= 1;
        let candidate = BigUint::from_bytes_be(&bytes);
        let has_small = SMALL_PRIMES
            .iter()
            .any(|small| &candidate % *small == BigUint::ZERO);
        let less = &candidate - &one;
        let fits = &less % EXPONENT != BigUint::ZERO;
        let passes = |base: u32| BigUint::from(base).modpow(&less, &candidate) == one;
        if !has_small && fits && [2, 3, 5, 7].into_iter().all(passes) {
            return candidate;
        }
    }
}

fn inverse(of: &BigUint, modulus: &BigUint) -> BigUint {
    of.modinv(modulus).expect("they have no common factor")
}

/// A new pair of 2,048 bits, with the modulus and the exponent of its public key.
pub(super) fn pair() -> (KeyPair, Vec<u8>, Vec<u8>) {
    let (mut p, mut q) = (prime(1024), prime(1024));
    if p < q {
        std::mem::swap(&mut p, &mut q);
    }
    let one = BigUint::from(1_u8);
    let (p_less, q_less) = (&p - &one, &q - &one);
    let e = BigUint::from(EXPONENT);
    let d = inverse(&e, &(&p_less * &q_less));
    let bytes = |number: &BigUint| number.to_bytes_be();
    let (n, e) = (bytes(&(&p * &q)), bytes(&e));
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: &n, e: &e },
        d: &bytes(&d),
        p: &bytes(&p),
        q: &bytes(&q),
        dP: &bytes(&(&d % &p_less)),
        dQ: &bytes(&(&d % &q_less)),
        qInv: &bytes(&inverse(&q, &p)),
    };
    let pair = KeyPair::from_components(&components).expect("a key pair");
    (pair, n, e)
}
