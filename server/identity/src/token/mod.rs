//! Tokens of identity providers: signed JSON Web Tokens (RFC 7519) in the compact form (RFC 7515).
//!
//! A token names its issuer. If that is one of those configured, it is verified with one of *their* keys by one of
//! *their* algorithms, and only then is anything else in it believed:
//!
//! ```text
//! header.payload.signature ─▶ iss ─▶ issuer ─▶ alg allowed? ─▶ key by kid ─▶ signature ─▶ exp nbf iat aud ─▶ user
//! ```
//!
//! A key is made for the algorithms of its own kind and no other, and there are no symmetric ones: so a public
//! key is never taken for a secret. What a header says about where keys are (`jku`, `x5u`, `jwk`) is not looked
//! at; one that says there is something to be understood (`crit`) is refused.

mod claims;
mod fetch;
mod jwk;
mod jws;
mod settings;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use retrograph_graph::ids::SystemTime;
use sha2::{Digest, Sha256};

use claims::Claims;
pub use jws::Algorithm;
use jws::Parts;
pub use settings::{IssuerError, IssuerSettings, KeySource, read_issuers};
use store::KeyStore;

use crate::Secret;

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// A token was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is no token, or too long for one.
    #[error("it is no signed JSON Web Token of up to {TOKEN_BYTES_MAX} bytes: {0}")]
    Malformed(&'static str),
    /// Nobody who is configured issued it.
    #[error("its issuer is not configured here")]
    Issuer,
    /// It is signed in a way that its issuer is not configured for, or not at all.
    #[error("it is signed by an algorithm that is not allowed for its issuer")]
    Algorithm,
    /// The issuer has no such key.
    #[error("its issuer has no key that could have signed it")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("its signature is wrong")]
    Signature,
    /// It is for others.
    #[error("it is not meant for this server")]
    Audience,
    /// It has ended.
    #[error("it has expired")]
    Expired,
    /// It does not hold yet.
    #[error("it is not valid yet")]
    NotYet,
    /// It does not say what it has to.
    #[error("its claim `{0}` is missing or not usable")]
    Claim(String),
    /// There is no such user, or one in the way.
    #[error(
        "there is no user of that name here who may log in, or, where the token says the roles, there is one"
    )]
    User,
    /// It allows nothing here.
    #[error("it names no role that is mapped to one here")]
    NoRole,
    /// There is no such tenant.
    #[error("there is no tenant `{0}` here, to which it says that the user belongs")]
    Tenant(Arc<str>),
    /// The keys of the issuer cannot be had.
    #[error("the keys of its issuer cannot be had at the moment")]
    KeysUnavailable,
}

/// Whom a token vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// Who says so.
    pub(crate) issuer: Arc<str>,
    /// The same for all tokens of one subject of one issuer, and for nobody else.
    pub(crate) id: Arc<str>,
    /// The name of the user.
    pub(crate) user: Arc<str>,
    /// The roles here; none if those count that the user of this name has.
    pub(crate) roles: Option<Vec<Arc<str>>>,
    /// The tenant of somebody who need not be known here.
    pub(crate) tenant: Arc<str>,
    /// When the token ends.
    pub(crate) expires: SystemTime,
}

struct Issuer {
    settings: IssuerSettings,
    keys: KeyStore,
}

/// The issuers whose tokens are accepted.
#[derive(Default)]
pub(crate) struct Tokens {
    issuers: Vec<Issuer>,
}

impl Tokens {
    pub(crate) fn new(settings: Vec<IssuerSettings>) -> Result<Self, IssuerError> {
        let mut issuers: Vec<Issuer> = Vec::new();
        for settings in settings {
            settings.check()?;
            if issuers
                .iter()
                .any(|known| known.settings.issuer == settings.issuer)
            {
                return Err(IssuerError::Twice(settings.issuer));
            }
            let keys = KeyStore::new(fetch::source(&settings)?);
            issuers.push(Issuer { settings, keys });
        }
        Ok(Self { issuers })
    }

    /// Whether a secret is to be looked at as a token.
    pub(crate) fn take(&self, secret: &Secret) -> bool {
        !self.issuers.is_empty()
            && secret.expose().bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Whom a token vouches for. May fetch keys: not for a thread that others wait for.
    pub(crate) fn verify(&self, token: &Secret, now: SystemTime) -> Result<Vouched, TokenError> {
        if token.expose().len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed("it is longer"));
        }
        let parts = Parts::read(token.expose())?;
        let claims = Claims::read(&parts.payload)?;
        let issuer = self
            .issuers
            .iter()
            .find(|known| Some(&*known.settings.issuer) == claims.issuer())
            .ok_or(TokenError::Issuer)?;
        let settings = &issuer.settings;
        let algorithm = parts
            .algorithm
            .filter(|algorithm| settings.algorithms.contains(algorithm))
            .ok_or(TokenError::Algorithm)?;
        issuer.keys.verify(algorithm, &parts, now)?;
        // From here on the claims are those of the issuer.
        let expires = claims.check(settings, now)?;
        let subject = claims.text("sub")?;
        let user = claims.user(settings)?;
        Ok(Vouched {
            id: id_of(&settings.issuer, subject),
            issuer: settings.issuer.as_str().into(),
            user,
            roles: claims.roles(settings)?,
            tenant: claims.tenant(settings)?,
            expires,
        })
    }
}

/// The id of a subject. Issuers tell subjects apart, and nobody else does.
fn id_of(issuer: &str, subject: &str) -> Arc<str> {
    let mut digest = Sha256::new();
    digest.update((issuer.len() as u64).to_le_bytes());
    digest.update(issuer);
    digest.update(subject);
    let digest = digest.finalize();
    let hex: String = digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("token-{hex}").into()
}
