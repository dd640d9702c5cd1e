//! Which issuers are trusted, and with what.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Algorithm;

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// In a file, read anew as it would be fetched anew.
    File(PathBuf),
    /// At an address: `https:`, or `http:` on this machine.
    Url(String),
}

/// An identity provider whose tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct IssuerSettings {
    /// What its tokens have as `iss`, to the letter.
    pub issuer: String,
    /// What `aud` has to name one of: this server, as the issuer knows it.
    pub audiences: Vec<String>,
    /// Its public keys, a JSON Web Key Set.
    pub keys: KeySource,
    /// The certificates by which the server of the keys is recognised, in PEM; those of the system if absent.
    #[serde(default)]
    pub certificate_authorities: Option<PathBuf>,
    /// How its tokens may be signed.
    #[serde(default = "usual_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// The claim that names the user.
    #[serde(default = "subject")]
    pub user_claim: String,
    /// The claim that names roles or groups. With it users need not be known here.
    #[serde(default)]
    pub roles_claim: Option<String>,
    /// Which roles here each of those stands for.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<String>>,
    /// The claim that names the tenant of users who need not be known here. Those who are belong to their own.
    #[serde(default)]
    pub tenant_claim: Option<String>,
    /// The tenant of those whose tokens name none. Unless said it is `main` where no claim is looked at; where one
    /// is, a token without it is refused.
    #[serde(default)]
    pub tenant: Option<String>,
}

fn usual_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
}

fn subject() -> String {
    "sub".to_owned()
}

/// Issuers cannot be configured so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not understood.
    #[error("{} does not describe issuers", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong where.
        #[source]
        source: serde_json::Error,
    },
    /// Something has to be said.
    #[error("issuer `{issuer}`: {what}")]
    Setting {
        /// Of which issuer.
        issuer: String,
        /// What.
        what: &'static str,
    },
    /// One of two would never be asked.
    #[error("issuer `{0}` is described twice")]
    Twice(String),
    /// The certificates cannot be used.
    #[error("issuer `{issuer}`: cannot read certificates of authorities: {reason}")]
    Certificates {
        /// Of which issuer.
        issuer: String,
        /// Why not.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    issuers: Vec<IssuerSettings>,
}

/// Reads issuers from a file: `{"issuers": [{"issuer": …}, …]}`.
///
/// # Errors
/// If it cannot be read, or is not understood.
pub fn read_issuers(path: &Path) -> Result<Vec<IssuerSettings>, IssuerError> {
    let text = std::fs::read(path).map_err(|source| IssuerError::File {
        path: path.to_owned(),
        source,
    })?;
    let file: File = serde_json::from_slice(&text).map_err(|source| IssuerError::Malformed {
        path: path.to_owned(),
        source,
    })?;
    for settings in &file.issuers {
        settings.check()?;
    }
    Ok(file.issuers)
}

impl IssuerSettings {
    /// Whether it can work.
    pub(super) fn check(&self) -> Result<(), IssuerError> {
        let what = if self.issuer.is_empty() {
            "`issuer` is empty"
        } else if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            "`audiences` has to name this server: tokens for others are not for it"
        } else if self.algorithms.is_empty() {
            "`algorithms` is empty, so no token could be accepted"
        } else if self.roles_claim.is_some() && self.roles.is_empty() {
            "`roles-claim` needs `roles`, which says what each value stands for here"
        } else if self.roles_claim.is_none() && !self.roles.is_empty() {
            "`roles` needs `roles-claim`"
        } else if self.roles_claim.is_none()
            && (self.tenant_claim.is_some() || self.tenant.is_some())
        {
            "`tenant-claim` and `tenant` need `roles-claim`: without it users are known here, and belong to the \
             tenant that they have here"
        } else if [&self.tenant_claim, &self.tenant]
            .into_iter()
            .any(|name| name.as_deref() == Some(""))
        {
            "`tenant-claim` and `tenant` are not to be empty"
        } else if matches!(&self.keys, KeySource::Url(url) if !is_safe(url)) {
            "the address of `keys` has to begin with `https://`; `http://` is for this machine: \
             `localhost`, 127.0.0.1, [::1]"
        } else {
            return Ok(());
        };
        Err(IssuerError::Setting {
            issuer: self.issuer.clone(),
            what,
        })
    }
}

/// Whether keys from there are those of who is named: nobody between can have changed them.
fn is_safe(url: &str) -> bool {
    if url.starts_with("https://") {
        return true;
    }
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for good in [
            "https://id.example.org/keys",
            "http://localhost:8080/keys",
            "http://127.0.0.1/keys",
            "http://[::1]:80",
            "http://[::1]",
        ] {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "http://id.example.org/keys",
            "http://localhost.example.org/",
            "http://localhost@example.org/",
            "http://127.0.0.1:80@example.org/",
            "ftp://localhost/",
            "file:///etc/passwd",
            "",
        ] {
            assert!(!is_safe(bad), "{bad}");
        }
    }
}
