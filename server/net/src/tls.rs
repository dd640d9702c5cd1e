//! TLS of client connections: a certificate and its key from files, exchanged without a restart.
//!
//! TLS 1.2 and 1.3 as rustls speaks them, with `ring`'s cryptography. The files are looked at every few
//! seconds. New ones that go together are used for connections from then on; ones that do not, as in the
//! middle of an exchange of two files, change nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::client_certificate::{Authorities, Certified, ClientCertificates};

/// Where the certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

/// A certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is not PEM.
    #[error("cannot read {} as PEM", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in the file.
    #[error("{} holds no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not go together, or the key is of a kind that is not known.
    #[error("the key {} is not that of the certificate {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        #[source]
        source: rustls::Error,
    },
    /// The certificate is none that X.509 knows.
    #[error("{} holds something else than certificates of X.509", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// A certificate of the chain is not valid now.
    #[error("the certificate {} in {} is valid from {from} to {until} only", subject, path.display())]
    NotValidNow {
        /// The file.
        path: PathBuf,
        /// Whom it is for.
        subject: String,
        /// From when on.
        from: String,
        /// Until when.
        until: String,
    },
    /// A certificate cannot be that of an authority.
    #[error("{} holds a certificate that cannot be that of an authority", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
    /// There is no list of certificates that were taken back in the file.
    #[error("{} holds no list of revoked certificates", path.display())]
    NoRevocations {
        /// The file.
        path: PathBuf,
    },
    /// A list of certificates that were taken back cannot be used.
    #[error("{} holds a list of revoked certificates that cannot be used", path.display())]
    Revocations {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rustls::server::VerifierBuilderError,
    },
    /// The library refuses its own defaults.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// When a file was last written, if that can be told.
pub(crate) type Written = Option<SystemTime>;

pub(crate) fn written(path: &Path) -> Written {
    std::fs::metadata(path).ok()?.modified().ok()
}

#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    written: [Written; 2],
}

/// The certificate in use.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: TlsFiles,
    loaded: Mutex<Loaded>,
    /// Who certifies clients, where they are asked for certificates.
    clients: Option<Arc<Authorities>>,
}

impl Certificate {
    /// Reads the files.
    pub(crate) fn load(
        files: TlsFiles,
        clients: Option<ClientCertificates>,
    ) -> Result<Arc<Self>, TlsError> {
        // Before they are read: what is written meanwhile is read again.
        let written = files.written();
        let key = Arc::new(files.read()?);
        Ok(Arc::new(Self {
            files,
            loaded: Mutex::new(Loaded { key, written }),
            clients: clients.map(Authorities::load).transpose()?,
        }))
    }

    /// Reads the files again if they were written since; whether there is something new.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        // Each by itself: one that cannot be used does not keep the other from being exchanged.
        let own = self.reload_own();
        let authorities = self.clients.as_ref().map(|clients| clients.reload());
        Ok(own? | authorities.transpose()?.unwrap_or_default())
    }

    fn reload_own(&self) -> Result<bool, TlsError> {
        let written = self.files.written();
        if self.loaded.lock().written == written {
            return Ok(false);
        }
        let key = Arc::new(self.files.read()?);
        *self.loaded.lock() = Loaded { key, written };
        Ok(true)
    }

    /// What speaks TLS with clients, and the protocols they may ask for in it; none are talked about if there
    /// are none.
    pub(crate) fn acceptor(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<TlsAcceptor, TlsError> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        let resolver = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let mut config = match &self.clients {
            None => config.with_no_client_auth().with_cert_resolver(resolver),
            Some(clients) => {
                let verifier = Arc::clone(clients) as Arc<dyn ClientCertVerifier>;
                let config = config.with_client_cert_verifier(verifier);
                let mut config = config.with_cert_resolver(resolver);
                // A session that is taken up again would be one of a certificate that was verified long ago.
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
                config
            }
        };
        config.max_early_data_size = 0;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl Certificate {
    /// Whom the chain is of that a client has shown.
    pub(crate) fn certified(&self, chain: &[CertificateDer<'_>]) -> Option<Certified> {
        self.clients.as_ref()?.certified(chain)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.loaded.lock().key))
    }
}

impl TlsFiles {
    fn written(&self) -> [Written; 2] {
        [&self.certificate, &self.key].map(|path| written(path))
    }

    /// Whether certificate and key can be read, go together, and every certificate of the chain is valid
    /// now.
    ///
    /// # Errors
    /// If not; the error names the file and what is wrong.
    pub fn check(&self) -> Result<(), TlsError> {
        for certificate in &self.read()?.cert {
            let path = || self.certificate.clone();
            let (_, parsed) = X509Certificate::from_der(certificate)
                .map_err(|_| TlsError::Malformed { path: path() })?;
            let validity = parsed.validity();
            if !validity.is_valid() {
                return Err(TlsError::NotValidNow {
                    path: path(),
                    subject: parsed.subject().to_string(),
                    from: validity.not_before.to_string(),
                    until: validity.not_after.to_string(),
                });
            }
        }
        Ok(())
    }

    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::File { path, source }
        };
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .map_err(unreadable(&self.certificate))?
            .collect::<Result<Vec<_>, _>>()
            .map_err(unreadable(&self.certificate))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate {
                path: self.certificate.clone(),
            });
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(unreadable(&self.key))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|source| {
            TlsError::Mismatch {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
                source,
            }
        })
    }
}
