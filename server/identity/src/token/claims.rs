//! What a token says.

use std::collections::BTreeSet;
use std::sync::Arc;

use retrograph_graph::ids::SystemTime;
use serde_json::{Map, Value};

use super::{IssuerSettings, TokenError};
use crate::DEFAULT_TENANT;

/// Clocks of issuers and servers differ by so many seconds at most.
const SKEW_SECONDS: f64 = 60.0;
/// The longest name of a user, in bytes.
const USER_BYTES_MAX: usize = 255;

/// The claims of a token.
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn read(payload: &[u8]) -> Result<Self, TokenError> {
        let claims = serde_json::from_slice(payload);
        claims
            .map(Self)
            .map_err(|_| TokenError::Malformed("its payload is no JSON object"))
    }

    /// Who says they issued it.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.0.get("iss")?.as_str()
    }

    /// A claim that is text and there; `a.b` is `b` within `a`, unless there is a claim of the whole name.
    pub(super) fn text(&self, name: &str) -> Result<&str, TokenError> {
        let text = self.find(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
            .ok_or_else(|| TokenError::Claim(name.to_owned()))
    }

    fn find(&self, name: &str) -> Option<&Value> {
        if let Some(whole) = self.0.get(name) {
            return Some(whole);
        }
        let mut parts = name.split('.');
        let first = self.0.get(parts.next()?)?;
        parts.try_fold(first, |within, part| within.get(part))
    }

    /// Whether it holds now and here; when it ends.
    pub(super) fn check(
        &self,
        settings: &IssuerSettings,
        now: SystemTime,
    ) -> Result<SystemTime, TokenError> {
        let is_for = |audience: &Value| {
            let audience = audience.as_str();
            settings
                .audiences
                .iter()
                .any(|own| Some(&**own) == audience)
        };
        let is_meant = match self.0.get("aud") {
            Some(Value::Array(several)) => several.iter().any(is_for),
            Some(one) => is_for(one),
            None => false,
        };
        if !is_meant {
            return Err(TokenError::Audience);
        }
        #[allow(
            clippy::cast_precision_loss,
            reason = "seconds since 1970 with fractions are exact to a microsecond for centuries"
        )]
        let now = now.0 as f64 / 1e6;
        let expires = self.instant("exp")?;
        let expires = expires.ok_or_else(|| TokenError::Claim("exp".to_owned()))? + SKEW_SECONDS;
        if now >= expires {
            return Err(TokenError::Expired);
        }
        for name in ["nbf", "iat"] {
            if self
                .instant(name)?
                .is_some_and(|begins| now + SKEW_SECONDS < begins)
            {
                return Err(TokenError::NotYet);
            }
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "what is out of range is cut to the last instant there is"
        )]
        Ok(SystemTime((expires * 1e6) as i64))
    }

    /// A claim in seconds since 1970.
    fn instant(&self, name: &str) -> Result<Option<f64>, TokenError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => {
                let seconds = value.as_f64().filter(|seconds| seconds.is_finite());
                let seconds = seconds.ok_or_else(|| TokenError::Claim(name.to_owned()))?;
                Ok(Some(seconds))
            }
        }
    }

    /// The name of the user.
    pub(super) fn user(&self, settings: &IssuerSettings) -> Result<Arc<str>, TokenError> {
        let name = self.text(&settings.user_claim)?;
        let is_good = name.len() <= USER_BYTES_MAX
            && !name
                .chars()
                .any(|part| part.is_control() || part.is_whitespace());
        match is_good {
            true => Ok(name.into()),
            false => Err(TokenError::Claim(settings.user_claim.clone())),
        }
    }

    /// The name of the tenant, which need not be one that is there.
    pub(super) fn tenant(&self, settings: &IssuerSettings) -> Result<Arc<str>, TokenError> {
        let claimed = match &settings.tenant_claim {
            // A claim that is there and not usable is a mistake of the issuer, and no reason to take another tenant.
            Some(claim) if self.find(claim).is_some_and(|found| !found.is_null()) => {
                Some(self.text(claim)?)
            }
            Some(claim) if settings.tenant.is_none() => {
                return Err(TokenError::Claim(claim.clone()));
            }
            _ => None,
        };
        let tenant = claimed.or(settings.tenant.as_deref());
        Ok(tenant.unwrap_or(DEFAULT_TENANT).into())
    }

    /// The roles here that it stands for; none if tokens of the issuer do not say.
    pub(super) fn roles(
        &self,
        settings: &IssuerSettings,
    ) -> Result<Option<Vec<Arc<str>>>, TokenError> {
        let Some(claim) = &settings.roles_claim else {
            return Ok(None);
        };
        let named: Vec<&str> = match self.find(claim) {
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            // As the claim `scope` has it.
            Some(Value::String(words)) => words.split(' ').collect(),
            _ => Vec::new(),
        };
        let mapped: BTreeSet<&str> = named
            .iter()
            .filter_map(|name| settings.roles.get(*name))
            .flatten()
            .map(String::as_str)
            .collect();
        if mapped.is_empty() {
            return Err(TokenError::NoRole);
        }
        Ok(Some(mapped.into_iter().map(Arc::from).collect()))
    }
}
