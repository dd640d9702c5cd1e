//! Passwords: what is accepted as one, and how it is kept.
//!
//! Kept is an Argon2id hash (RFC 9106) as a PHC string, with the parameters that OWASP's Password Storage
//! Cheat Sheet names: 19 MiB, two passes, one lane. A hash says its own parameters, so that they can be
//! raised later.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::Secret;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The shortest password, in characters (NIST SP 800-63B, section 3.1.1.2, names 8 as the least).
const CHARACTERS_MIN: usize = 8;
/// The longest one, in bytes: longer ones would make hashing costly for whoever asks.
const BYTES_MAX: usize = 1024;

/// A password cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// It is easily guessed.
    #[error("the password has fewer than {CHARACTERS_MIN} characters; choose a longer one")]
    TooShort,
    /// It is longer than any that makes sense.
    #[error("the password has more than {BYTES_MAX} bytes; choose a shorter one")]
    TooLong,
    /// It is the name of the user.
    #[error("the password is the name of the user; choose another one")]
    SameAsName,
    /// It could not be hashed, or a stored hash cannot be read.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

/// Whether a password may be that of a user.
pub fn check(user: &str, password: &Secret) -> Result<(), PasswordError> {
    let password = password.expose();
    if password.len() > BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    if password.chars().count() < CHARACTERS_MIN {
        return Err(PasswordError::TooShort);
    }
    if password.eq_ignore_ascii_case(user) {
        return Err(PasswordError::SameAsName);
    }
    Ok(())
}

/// Hashes a password with a random salt. Takes some tens of milliseconds and 19 MiB.
pub fn hash(password: &Secret) -> Result<String, PasswordError> {
    hasher()?
        .hash_password(password.expose().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Whether a password is the one that was hashed. As costly as hashing, except for what can be no
/// password.
pub fn verify(password: &Secret, stored: &str) -> Result<bool, PasswordError> {
    if password.expose().len() > BYTES_MAX {
        return Ok(false);
    }
    let stored =
        PasswordHash::new(stored).map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(hasher()?
        .verify_password(password.expose().as_bytes(), &stored)
        .is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_that_was_hashed_is_verified() {
        let password = Secret::from("correct horse");
        let stored = hash(&password).expect("a hash");
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert_ne!(
            stored,
            hash(&password).expect("a hash"),
            "the salt is random"
        );
        assert!(verify(&password, &stored).expect("readable"));
        assert!(!verify(&"correct horsf".into(), &stored).expect("readable"));
        assert!(!verify(&"x".repeat(5_000).into(), &stored).expect("readable"));
        assert!(verify(&password, "$argon2id$nothing").is_err());
    }

    #[test]
    fn a_hash_with_other_parameters_is_still_verified() {
        let parameters = Params::new(64, 1, 1, None).expect("parameters");
        let stored = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password(b"correct horse")
            .expect("a hash")
            .to_string();
        assert!(verify(&"correct horse".into(), &stored).expect("readable"));
    }

    #[test]
    fn what_can_be_no_password_is_refused() {
        let refused = |password: &str| check("Alexandra", &password.into()).is_err();
        assert!(refused("seven77"));
        assert!(refused("alexandra"));
        assert!(refused(&"x".repeat(1_025)));
        assert!(!refused("eight888"));
        assert!(!refused("ääääöööö"));
    }
}
