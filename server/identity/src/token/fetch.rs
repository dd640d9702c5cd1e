//! Where keys come from: a file, or the one address that was configured.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use super::{IssuerError, IssuerSettings, KeySource};

/// How large a set of keys may be.
const BYTES_MAX: u64 = 1 << 20;
/// How long fetching may take.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Where keys come from.
pub(super) trait Source: Send + Sync {
    /// The keys as they are published now.
    fn fetch(&self) -> Result<Vec<u8>, Unavailable>;
}

/// Keys cannot be had.
pub(super) struct Unavailable;

/// The source that an issuer is configured with.
pub(super) fn source(settings: &IssuerSettings) -> Result<Box<dyn Source>, IssuerError> {
    Ok(match &settings.keys {
        KeySource::File(path) => Box::new(KeyFile(path.clone())),
        KeySource::Url(url) => Box::new(Address {
            url: url.clone(),
            agent: agent(settings)?,
        }),
    })
}

struct KeyFile(PathBuf);

impl Source for KeyFile {
    fn fetch(&self) -> Result<Vec<u8>, Unavailable> {
        let size = std::fs::metadata(&self.0).map_err(|_| Unavailable)?.len();
        if size > BYTES_MAX {
            return Err(Unavailable);
        }
        std::fs::read(&self.0).map_err(|_| Unavailable)
    }
}

struct Address {
    url: String,
    agent: Agent,
}

impl Source for Address {
    fn fetch(&self) -> Result<Vec<u8>, Unavailable> {
        let mut answer = self.agent.get(&self.url).call().map_err(|_| Unavailable)?;
        let body = answer.body_mut().with_config().limit(BYTES_MAX);
        body.read_to_vec().map_err(|_| Unavailable)
    }
}

/// Asks the configured address and no other: it follows no redirection and no proxy of the environment.
fn agent(settings: &IssuerSettings) -> Result<Agent, IssuerError> {
    let unusable = |reason: String| IssuerError::Certificates {
        issuer: settings.issuer.clone(),
        reason,
    };
    let authorities = match &settings.certificate_authorities {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| unusable(format!("{}: {error}", path.display())))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let needs_some = matches!(&settings.keys, KeySource::Url(url) if url.starts_with("https://"));
    if authorities.is_empty() && needs_some {
        return Err(unusable(
            "there are none on this system; say `certificate-authorities`".to_owned(),
        ));
    }
    let authorities: Vec<Certificate<'static>> = authorities
        .iter()
        .map(|authority| Certificate::from_der(authority).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&authorities))
        .build();
    Ok(Agent::config_builder()
        .tls_config(tls)
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(true)
        .timeout_global(Some(TIME_MAX))
        .max_idle_connections(0)
        .build()
        .new_agent())
}
