//! API keys: long random secrets for programs, of which only the hash is kept.
//!
//! A key reads `rgk_<id>_<secret>`: the id finds it, the secret proves it. With 256 random bits there is
//! nothing to guess, so a plain SHA-256 hash does.

use std::fmt::Write;

use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Secret;

const PREFIX: &str = "rgk_";
const ID_CHARACTERS: usize = 12;
/// 43 characters out of 62 hold 256 bits.
const SECRET_CHARACTERS: usize = 43;

/// A key that was just made. Its text is told once.
#[derive(Debug)]
pub struct NewApiKey {
    /// By which it is listed and removed.
    pub id: String,
    /// What its holder shows.
    pub key: Secret,
    /// What is kept of it.
    pub(crate) hash: String,
}

impl NewApiKey {
    pub(crate) fn generate() -> Self {
        let mut random = rand::rng();
        let id = Alphanumeric.sample_string(&mut random, ID_CHARACTERS);
        let secret = Alphanumeric.sample_string(&mut random, SECRET_CHARACTERS);
        Self {
            hash: hash(&secret),
            key: format!("{PREFIX}{id}_{secret}").into(),
            id,
        }
    }
}

/// The id and the secret of what has the form of a key.
pub(crate) fn split(key: &str) -> Option<(&str, &str)> {
    let (id, secret) = key.strip_prefix(PREFIX)?.split_once('_')?;
    (id.len() == ID_CHARACTERS && secret.len() == SECRET_CHARACTERS).then_some((id, secret))
}

fn hash(secret: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(secret.as_bytes()) {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether a secret is the one that was hashed.
pub(crate) fn verify(secret: &str, stored: &str) -> bool {
    hash(secret).as_bytes().ct_eq(stored.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_verified_by_its_hash_alone() {
        let (one, other) = (NewApiKey::generate(), NewApiKey::generate());
        let (id, secret) = split(one.key.expose()).expect("a key");
        assert_eq!(id, one.id);
        assert!(!one.hash.contains(secret));
        assert!(verify(secret, &one.hash));
        assert!(!verify(secret, &other.hash));
        assert_ne!(one.id, other.id);
    }

    #[test]
    fn what_has_another_form_is_no_key() {
        let key = NewApiKey::generate().key;
        let key = key.expose();
        for bad in [
            "",
            "rgk_",
            "rgk_a_b",
            &key[1..],
            &key[..key.len() - 1],
            &format!("{key}x"),
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
