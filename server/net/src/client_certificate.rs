//! Certificates of clients: which are trusted, and whose they are.
//!
//! A client may show a certificate, or has to, as the server is set. It is verified against the authorities in a
//! file, which is looked at with the server's own certificate and used for connections from then on. What a
//! certificate says once is the name of the user that a client is who shows no other credentials. Certificates that
//! their authorities have taken back are refused where there are lists of them: each authority in a chain then needs a
//! list, so that a list that was forgotten lets nobody in rather than everybody.
//!
//! Members of a cluster are to recognise each other by authorities of their own, so that no client's certificate
//! makes a member; those are not configured here.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use retrograph_graph::ids::SystemTime;
use retrograph_identity::Credentials;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::tls::{TlsError, Written, written};

/// What of a certificate names the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserName {
    /// The common name of the subject.
    CommonName,
    /// The mail address among the alternative names.
    Email,
    /// The DNS name among the alternative names.
    Dns,
    /// The URI among the alternative names.
    Uri,
}

/// How clients' certificates are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificates {
    /// The authorities that are trusted to certify clients, in PEM.
    pub authorities: PathBuf,
    /// Lists of certificates that these have taken back, in PEM; none are looked at if absent.
    pub revocations: Option<PathBuf>,
    /// Whether clients without one are turned away.
    pub is_required: bool,
    /// What names the user.
    pub user: UserName,
}

/// Whom a certificate that was verified is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certified {
    /// The name of the user.
    pub(crate) user: Arc<str>,
    /// When the certificate ends.
    pub(crate) expires: SystemTime,
}

impl Certified {
    /// What is shown for the client who shows nothing else.
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::Certificate {
            user: Arc::clone(&self.user),
            expires: self.expires,
        }
    }
}

#[derive(Debug)]
struct Loaded {
    verifier: Arc<dyn ClientCertVerifier>,
    written: [Written; 2],
}

/// Verifies certificates by the authorities that the file has now.
#[derive(Debug)]
pub(crate) struct Authorities {
    settings: ClientCertificates,
    loaded: Mutex<Loaded>,
}

impl Authorities {
    pub(crate) fn load(settings: ClientCertificates) -> Result<Arc<Self>, TlsError> {
        // Before it is read: what is written meanwhile is read again.
        let written = settings.written();
        let verifier = settings.read()?;
        Ok(Arc::new(Self {
            settings,
            loaded: Mutex::new(Loaded { verifier, written }),
        }))
    }

    /// Reads the files again if one was written since; whether there is something new.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        let written = self.settings.written();
        if self.loaded.lock().written == written {
            return Ok(false);
        }
        let verifier = self.settings.read()?;
        *self.loaded.lock() = Loaded { verifier, written };
        Ok(true)
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.loaded.lock().verifier)
    }

    /// Whom a verified chain is of, if it names one user and no more.
    pub(crate) fn certified(&self, chain: &[CertificateDer<'_>]) -> Option<Certified> {
        let (_, certificate) = parse_x509_certificate(chain.first()?).ok()?;
        let alternative = certificate.subject_alternative_name().ok()?;
        let alternative = alternative
            .iter()
            .flat_map(|names| &names.value.general_names);
        let wanted = self.settings.user;
        let mut names: Vec<&str> = match wanted {
            UserName::CommonName => certificate
                .subject()
                .iter_common_name()
                .map(|name| name.as_str().ok())
                .collect::<Option<_>>()?,
            _ => alternative
                .filter_map(|name| match (wanted, name) {
                    (UserName::Email, GeneralName::RFC822Name(name))
                    | (UserName::Dns, GeneralName::DNSName(name))
                    | (UserName::Uri, GeneralName::URI(name)) => Some(*name),
                    _ => None,
                })
                .collect(),
        };
        names.dedup();
        let [user] = names.as_slice() else {
            return None;
        };
        let ends = certificate.validity().not_after.timestamp();
        Some(Certified {
            user: (*user).into(),
            expires: SystemTime(ends.saturating_mul(1_000_000)),
        })
    }
}

impl ClientCertificates {
    fn written(&self) -> [Written; 2] {
        let lists = self.revocations.as_deref();
        [written(&self.authorities), lists.and_then(written)]
    }

    /// The lists of certificates that were taken back.
    fn lists(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
        let Some(path) = &self.revocations else {
            return Ok(Vec::new());
        };
        let unreadable = |source| TlsError::File {
            path: path.clone(),
            source,
        };
        let lists = CertificateRevocationListDer::pem_file_iter(path).map_err(unreadable)?;
        let lists = lists.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        match lists.is_empty() {
            true => Err(TlsError::NoRevocations { path: path.clone() }),
            false => Ok(lists),
        }
    }

    /// Whether the files can be used.
    ///
    /// # Errors
    /// If not; the error names the file and what is wrong.
    pub fn check(&self) -> Result<(), TlsError> {
        self.read().map(drop)
    }

    fn read(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let path = || self.authorities.clone();
        let unreadable = |source| TlsError::File {
            path: path(),
            source,
        };
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_file_iter(&self.authorities).map_err(unreadable)? {
            let authority = authority.map_err(unreadable)?;
            roots.add(authority).map_err(|source| TlsError::Authority {
                path: path(),
                source,
            })?;
        }
        if roots.is_empty() {
            return Err(TlsError::NoCertificate { path: path() });
        }
        let provider = Arc::new(ring::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = builder.with_crls(self.lists()?);
        let builder = match self.is_required {
            true => builder,
            false => builder.allow_unauthenticated(),
        };
        builder
            .build()
            .map_err(|source| match (&source, &self.revocations) {
                (VerifierBuilderError::InvalidCrl(_), Some(path)) => TlsError::Revocations {
                    path: path.clone(),
                    source,
                },
                _ => TlsError::Setup(rustls::Error::General(source.to_string())),
            })
    }
}

impl ClientCertVerifier for Authorities {
    fn client_auth_mandatory(&self) -> bool {
        self.settings.is_required
    }

    /// None: the authorities may change while this is lent, and a client without hints shows what it has.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.verifier()
            .verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose,
        IsCa, KeyPair, SanType,
    };

    type Authority = CertifiedIssuer<'static, KeyPair>;

    fn authority() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed")
    }

    fn certified(by: &Authority, names: &[&str], others: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name = rcgen::DistinguishedName::new();
        for name in names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names = others;
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        let key = KeyPair::generate().expect("a key");
        params.signed_by(&key, by).expect("signed").der().clone()
    }

    fn asked(authority: &Authority, user: UserName) -> (Arc<Authorities>, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a place");
        let authorities = folder.path().join("clients.pem");
        std::fs::write(&authorities, authority.as_ref().pem()).expect("written");
        let settings = ClientCertificates {
            authorities,
            revocations: None,
            is_required: false,
            user,
        };
        (Authorities::load(settings).expect("loaded"), folder)
    }

    #[test]
    fn a_certificate_names_its_user_once_in_the_chosen_place() {
        let ours = authority();
        let mail = |name: &str| SanType::Rfc822Name(name.try_into().expect("a name"));
        let uri = SanType::URI("spiffe://example.org/job".try_into().expect("a name"));
        let dns = SanType::DnsName("job.example.org".try_into().expect("a name"));
        let user = |place, names: &[&str], others: Vec<SanType>| {
            let (authorities, _folder) = asked(&ours, place);
            let certified = authorities.certified(&[certified(&ours, names, others)])?;
            assert_eq!(certified.expires, SystemTime(2_208_988_800_000_000));
            Some(certified.user.to_string())
        };
        let others = || vec![mail("ana@example.org"), uri.clone(), dns.clone()];
        for (place, name) in [
            (UserName::CommonName, "ana"),
            (UserName::Email, "ana@example.org"),
            (UserName::Uri, "spiffe://example.org/job"),
            (UserName::Dns, "job.example.org"),
        ] {
            assert_eq!(user(place, &["ana"], others()).as_deref(), Some(name));
        }
        let two = vec![mail("ana@example.org"), mail("ben@example.org")];
        assert_eq!(user(UserName::Email, &["ana"], two), None);
        assert_eq!(user(UserName::Email, &["ana"], Vec::new()), None);
        assert_eq!(user(UserName::CommonName, &[], others()), None);
        let (authorities, _folder) = asked(&ours, UserName::CommonName);
        assert_eq!(authorities.certified(&[]), None);
        assert_eq!(
            authorities.certified(&[CertificateDer::from(vec![48, 0])]),
            None
        );
    }

    #[test]
    fn authorities_are_those_that_the_file_has_now() {
        let (first, second) = (authority(), authority());
        let (authorities, _folder) = asked(&first, UserName::CommonName);
        let is_trusted = |by: &Authority| {
            let shown = certified(by, &["ana"], Vec::new());
            authorities
                .verify_client_cert(&shown, &[], UnixTime::now())
                .is_ok()
        };
        assert!(is_trusted(&first) && !is_trusted(&second));
        assert!(!authorities.reload().expect("nothing new"));
        // What is no certificate changes nothing.
        let path = &authorities.settings.authorities;
        let write = |text: &str, seconds: u64| {
            std::fs::write(path, text).expect("written");
            let file = std::fs::File::options()
                .write(true)
                .open(path)
                .expect("opened");
            let later = std::time::SystemTime::now() + std::time::Duration::from_secs(seconds);
            file.set_modified(later).expect("set");
        };
        write("nothing", 1);
        authorities.reload().expect_err("no certificate");
        assert!(is_trusted(&first));
        write(&second.as_ref().pem(), 2);
        assert!(authorities.reload().expect("read"));
        assert!(!is_trusted(&first) && is_trusted(&second));
    }
}
