//! How a client is set up.

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Uri};

use crate::client::{Client, Server, Shared};
use crate::error::{Error, SetupError};
use crate::retry::RetryPolicy;

/// How often a connection with requests under way is asked for a sign of life, and how long one may take.
const ALIVE_PERIOD: Duration = Duration::from_secs(10);
const ALIVE_WAIT: Duration = Duration::from_secs(20);

/// The largest message that is taken, unless set otherwise.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// What the requests of this client go by.
const AGENT: &str = concat!("retrograph-client/", env!("CARGO_PKG_VERSION"));

/// Sets up a [`Client`].
#[derive(Clone)]
pub struct ClientBuilder {
    endpoints: Vec<String>,
    credentials: Option<Credentials>,
    ca: Option<Vec<u8>>,
    /// The client's own certificate and its key.
    identity: Option<(Vec<u8>, Vec<u8>)>,
    server_name: Option<String>,
    is_plaintext_allowed: bool,
    connections: usize,
    connect_timeout: Duration,
    timeout: Option<Duration>,
    retry: RetryPolicy,
    message_bytes_max: usize,
}

#[derive(Clone)]
enum Credentials {
    Password { user: String, password: String },
    Key(String),
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            credentials: None,
            ca: None,
            identity: None,
            server_name: None,
            is_plaintext_allowed: false,
            connections: 1,
            connect_timeout: Duration::from_secs(5),
            timeout: None,
            retry: RetryPolicy::default(),
            message_bytes_max: MESSAGE_BYTES_MAX,
        }
    }
}

impl ClientBuilder {
    /// A server: `http://host:port`, or `https://host:port` for TLS (`grpc://` and `grpc+s://` mean the same). Of
    /// several, which have to hold the same
    /// graphs, the first is used until it cannot be reached, then the next.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoints.push(endpoint.into());
        self
    }

    /// Logs in with a password.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials::Password {
            user: user.into(),
            password: password.into(),
        });
        self
    }

    /// Logs in with an API key, or with another token that the server takes.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.credentials = Some(Credentials::Key(key.into()));
        self
    }

    /// Trusts the servers that these authorities vouch for, given in PEM, in place of those that the system
    /// trusts.
    #[must_use]
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(pem.into());
        self
    }

    /// Shows this certificate to servers that ask for one: the chain in PEM, the client's own first, and its private
    /// key in PEM. Where a server takes certificates for logins it names the user, and neither a password nor a key
    /// is needed; one that is given is sent as well, and counts.
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Expects this name in the server's certificate, in place of the endpoint's host.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Lets credentials go to other machines unencrypted.
    #[must_use]
    pub fn allow_plaintext(mut self) -> Self {
        self.is_plaintext_allowed = true;
        self
    }

    /// How many HTTP/2 connections to a server there are at most, 1 by default. Each carries many requests at
    /// once.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// How long a connection may take to be made, 5 s by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long each statement may run that says nothing else; as long as it likes by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// When to try again, and when to give up.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The largest message that is sent or taken, 64 MiB by default; a row has to fit into one.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.message_bytes_max = bytes;
        self
    }

    /// Whether what is sent stays on this machine: all endpoints are loopback addresses, or `localhost`.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.endpoints
            .iter()
            .all(|endpoint| parse(endpoint).is_some_and(|uri| uri.host().is_some_and(is_loopback)))
    }

    /// Connects, and sees whether the server lets this client in.
    ///
    /// # Errors
    /// If what is set up cannot be used, no server can be reached, or the credentials are refused.
    pub async fn connect(self) -> Result<Client, Error> {
        let client = self.connect_lazily()?;
        client.greet().await?;
        Ok(client)
    }

    /// The client, without a look at the server; the first request makes the connection.
    ///
    /// # Errors
    /// If what is set up cannot be used.
    pub fn connect_lazily(self) -> Result<Client, Error> {
        let mut servers = Vec::with_capacity(self.endpoints.len());
        for endpoint in &self.endpoints {
            servers.push(self.server(endpoint)?);
        }
        if servers.is_empty() {
            return Err(SetupError::NoEndpoint.into());
        }
        let authorization = self.credentials.as_ref().map(Credentials::header);
        Ok(Client::new(Shared {
            servers,
            current: AtomicUsize::new(0),
            authorization: authorization.transpose()?,
            timeout: self.timeout,
            retry: self.retry,
            message_bytes_max: self.message_bytes_max,
        }))
    }

    fn server(&self, text: &str) -> Result<Server, SetupError> {
        let bad = || SetupError::BadEndpoint {
            endpoint: text.to_owned(),
        };
        let uri = parse(text).ok_or_else(bad)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?;
        let is_encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad()),
        };
        let has_more = uri.path() != "/" || uri.query().is_some();
        if has_more
            || uri
                .authority()
                .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(bad());
        }
        let is_exposed = !is_encrypted && !is_loopback(host) && !self.is_plaintext_allowed;
        if is_exposed && self.credentials.is_some() {
            return Err(SetupError::Plaintext {
                endpoint: text.to_owned(),
            });
        }
        if !is_encrypted && self.identity.is_some() {
            return Err(SetupError::CertificateWithoutTls {
                endpoint: text.to_owned(),
            });
        }
        let mut endpoint = Endpoint::from(uri)
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(ALIVE_PERIOD)
            .keep_alive_timeout(ALIVE_WAIT)
            .user_agent(AGENT)
            .map_err(|_| bad())?;
        if is_encrypted {
            endpoint = endpoint.tls_config(self.tls()?).map_err(SetupError::Tls)?;
        }
        Ok(Server {
            endpoint: text.into(),
            channels: (0..self.connections)
                .map(|_| endpoint.connect_lazy())
                .collect(),
            next: AtomicUsize::new(0),
        })
    }

    fn tls(&self) -> Result<ClientTlsConfig, SetupError> {
        let mut tls = match &self.ca {
            Some(pem) => {
                has_certificates(pem, "the authorities to trust")?;
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
            }
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            has_certificates(certificate, "the client's certificate")?;
            PrivateKeyDer::from_pem_slice(key).map_err(|_| SetupError::NotPem {
                what: "the key of the client's certificate",
            })?;
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        Ok(match &self.server_name {
            Some(name) => tls.domain_name(name),
            None => tls,
        })
    }
}

impl Credentials {
    /// The value of the header `authorization`, marked so that nothing prints it.
    fn header(&self) -> Result<MetadataValue<Ascii>, SetupError> {
        let text = match self {
            Self::Password { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Self::Key(key) => format!("Bearer {key}"),
        };
        let mut value: MetadataValue<Ascii> =
            text.parse().map_err(|_| SetupError::BadCredentials)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Whether a text holds certificates. What holds none would be taken for trusting nobody, and only told when a
/// connection fails.
fn has_certificates(pem: &[u8], what: &'static str) -> Result<(), SetupError> {
    let mut certificates = CertificateDer::pem_slice_iter(pem);
    match certificates.next() {
        Some(Ok(_)) if certificates.all(|certificate| certificate.is_ok()) => Ok(()),
        _ => Err(SetupError::NotPem { what }),
    }
}

/// Reads an address. A server calls its own `grpc://` and `grpc+s://`, after the protocol; so they are read as
/// well.
fn parse(endpoint: &str) -> Option<Uri> {
    let known = [("grpc://", "http://"), ("grpc+s://", "https://")];
    let named = known.iter().find_map(|(name, scheme)| {
        let rest = endpoint.strip_prefix(name)?;
        Some(format!("{scheme}{rest}"))
    });
    named.as_deref().unwrap_or(endpoint).parse().ok()
}

/// Whether what is sent there stays on this machine.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Without the credentials.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("endpoints", &self.endpoints)
            .field("has_credentials", &self.credentials.is_some())
            .field("has_certificate", &self.identity.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections want a runtime, also those that are not made yet.
    #[tokio::test]
    async fn what_cannot_be_used_is_refused_before_anything_is_sent() {
        let lazily = |builder: ClientBuilder| builder.connect_lazily().map(drop);
        let with = |endpoint: &str| Client::builder().endpoint(endpoint);
        let failure = |result: Result<(), Error>| match result {
            Err(Error::Setup(error)) => error,
            other => panic!("{other:?}"),
        };
        for wrong in [
            "",
            "127.0.0.1:7688",
            "bolt://127.0.0.1:7687",
            "http://",
            "http://ana:secret@127.0.0.1:7688",
            "http://127.0.0.1:7688/graph",
        ] {
            let error = failure(lazily(with(wrong)));
            assert!(
                matches!(error, SetupError::BadEndpoint { .. }),
                "{wrong}: {error}"
            );
        }
        let error = failure(lazily(Client::builder()));
        assert!(matches!(error, SetupError::NoEndpoint), "{error}");
        let remote = with("http://db.example:7688");
        let error = failure(lazily(remote.clone().user("ana", "secret")));
        assert!(matches!(error, SetupError::Plaintext { .. }), "{error}");
        for fine in [
            remote.clone(),
            remote.user("ana", "secret").allow_plaintext(),
            with("http://localhost:7688").api_key("key"),
            with("http://[::1]:7688").api_key("key"),
            with("https://db.example").api_key("key"),
            with("grpc+s://db.example:7688").api_key("key"),
            with("grpc://localhost:7688").api_key("key"),
        ] {
            assert!(lazily(fine).is_ok());
        }
        let error = failure(lazily(with("http://127.0.0.1:1").api_key("new\nline")));
        assert!(matches!(error, SetupError::BadCredentials), "{error}");
    }

    #[tokio::test]
    async fn certificates_that_cannot_be_shown_or_used_are_refused_before_anything_is_sent() {
        let made = rcgen::generate_simple_self_signed(["ana".to_owned()]).expect("a certificate");
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let failure = |builder: ClientBuilder| match builder.connect_lazily() {
            Err(Error::Setup(error)) => error,
            other => panic!("{other:?}"),
        };
        let with = |endpoint: &str| Client::builder().endpoint(endpoint);
        let plain = with("http://localhost:7688").client_certificate(&*certificate, &*key);
        let error = failure(plain);
        assert!(
            matches!(error, SetupError::CertificateWithoutTls { .. }),
            "{error}"
        );
        let encrypted = || with("https://localhost:7688").ca_certificate(&*certificate);
        for (own, wrong) in [
            (
                encrypted().client_certificate("nothing", &*key),
                "certificate",
            ),
            (
                encrypted().client_certificate(&*certificate, "nothing"),
                "key",
            ),
            (encrypted().ca_certificate("nothing"), "authorities"),
        ] {
            let error = failure(own);
            assert!(
                matches!(error, SetupError::NotPem { what } if what.contains(wrong)),
                "{error}"
            );
        }
        let other = rcgen::generate_simple_self_signed(["ben".to_owned()]).expect("a certificate");
        let other = other.signing_key.serialize_pem();
        let error = failure(encrypted().client_certificate(&*certificate, other));
        assert!(matches!(error, SetupError::Tls(_)), "{error}");
        let fine = encrypted().client_certificate(&*certificate, &*key);
        assert!(fine.connect_lazily().is_ok());
    }

    #[test]
    fn credentials_are_not_printed() {
        let builder = Client::builder().user("ana", "secret");
        assert!(!format!("{builder:?}").contains("secret"));
        let header = Credentials::Key("secret".to_owned())
            .header()
            .expect("it can be sent");
        assert!(!format!("{header:?}").contains("secret"));
    }
}
