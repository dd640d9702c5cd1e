//! The parts of a token in the compact form.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::TokenError;

/// How a token may be signed. All are asymmetric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "the names of RFC 7518 and RFC 8037")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// Its name in headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

/// What a token consists of. Nothing of it is to be believed yet.
pub(super) struct Parts<'t> {
    /// How it says it is signed; none if in no way that is known.
    pub(super) algorithm: Option<Algorithm>,
    /// Which key it says it is signed with.
    pub(super) key: Option<String>,
    pub(super) payload: Vec<u8>,
    /// What is signed.
    pub(super) signed: &'t [u8],
    pub(super) signature: Vec<u8>,
}

impl<'t> Parts<'t> {
    pub(super) fn read(token: &'t str) -> Result<Self, TokenError> {
        let wrong = TokenError::Malformed;
        let decode = |text: &str| {
            let decoded = BASE64_URL_SAFE_NO_PAD.decode(text);
            decoded.map_err(|_| wrong("a part is not base64url"))
        };
        let (signed, signature) = token.rsplit_once('.').ok_or(wrong("it has one part"))?;
        let (header, payload) = signed.split_once('.').ok_or(wrong("it has two parts"))?;
        if payload.contains('.') {
            return Err(wrong("it has more than three parts"));
        }
        let header: Header = serde_json::from_slice(&decode(header)?)
            .map_err(|_| wrong("its header is not understood"))?;
        if header.crit.is_some() {
            return Err(wrong("its header has critical parts"));
        }
        if header.typ.is_some_and(|kind| !is_accepted(&kind)) {
            return Err(wrong("it is a token of another kind"));
        }
        Ok(Self {
            algorithm: Algorithm::from_name(&header.alg),
            key: header.kid,
            payload: decode(payload)?,
            signed: signed.as_bytes(),
            signature: decode(signature)?,
        })
    }
}

/// Tokens that say they are about something else, such as a logout, are signed with the same keys.
fn is_accepted(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    matches!(kind, "jwt" | "at+jwt")
}
