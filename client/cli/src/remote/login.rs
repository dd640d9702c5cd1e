//! Which server a command is about, and as whom it logs in.
//!
//! Credentials are never on the command line, where everybody on the machine can read them. They come from the
//! first of these that is there:
//!
//! 1. the file that `--credential` names: `user:password` or an API key, on one line;
//! 2. the environment: `RETROGRAPH_API_KEY`, or `RETROGRAPH_USER` with `RETROGRAPH_PASSWORD`;
//! 3. the certificate that `--client-certificate` or `RETROGRAPH_CLIENT_CERTIFICATE` names: who shows it is whom it
//!    is of, and nothing else is sent;
//! 4. of a server on this machine, the file `admin.credential` of the data directory.

use std::path::{Path, PathBuf};

use retrograph_client::{Client, ClientBuilder};
use retrograph_identity::{Credentials, read_credential};

use crate::args::ServerArguments;
use crate::failure::{Failure, Kind, chain};

/// The environment variable that names the server.
const SERVER_VARIABLE: &str = "RETROGRAPH_SERVER";
const KEY_VARIABLE: &str = "RETROGRAPH_API_KEY";
const USER_VARIABLE: &str = "RETROGRAPH_USER";
const PASSWORD_VARIABLE: &str = "RETROGRAPH_PASSWORD";

/// Whom to trust, and what to show within TLS.
const CA_VARIABLE: &str = "RETROGRAPH_CA";
const CERTIFICATE_VARIABLE: &str = "RETROGRAPH_CLIENT_CERTIFICATE";
const CERTIFICATE_KEY_VARIABLE: &str = "RETROGRAPH_CLIENT_KEY";

/// Where the graphs of a command are.
pub enum Place {
    /// In a data directory, which this process opens.
    Here(PathBuf),
    /// At a server.
    There(Server),
}

impl Place {
    /// What the command line and the environment say. A data directory that is named explicitly wins over a
    /// server that only the environment names.
    pub fn of(arguments: &ServerArguments, data: PathBuf, is_data_named: bool) -> Self {
        let named = arguments.server.clone();
        let endpoint = named.or_else(|| {
            let named = std::env::var(SERVER_VARIABLE).ok();
            named.filter(|endpoint| !endpoint.is_empty() && !is_data_named)
        });
        match endpoint {
            Some(endpoint) => Self::There(Server {
                endpoint,
                data,
                credential: arguments.credential.clone(),
                ca: file(&arguments.ca, CA_VARIABLE),
                certificate: file(&arguments.client_certificate, CERTIFICATE_VARIABLE),
                key: file(&arguments.client_key, CERTIFICATE_KEY_VARIABLE),
                is_plaintext_allowed: arguments.allow_plaintext,
            }),
            None => Self::Here(data),
        }
    }
}

/// A server, and what to know about it to connect.
pub struct Server {
    endpoint: String,
    data: PathBuf,
    credential: Option<PathBuf>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    is_plaintext_allowed: bool,
}

impl Server {
    /// Its address.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Refuses options that are about a data directory of this process.
    pub fn refuse_local(
        &self,
        actor: &Option<String>,
        import_dir: &Option<PathBuf>,
    ) -> Result<(), Failure> {
        let option = match (actor, import_dir) {
            (Some(_), _) => "--actor is for data directories: a server records who logged in",
            (_, Some(_)) => {
                "--import-dir is for data directories: a server is started with its own"
            }
            _ => return Ok(()),
        };
        Err(Failure::new(option))
    }

    /// A client that is ready to connect.
    pub(super) fn builder(&self) -> Result<ClientBuilder, Failure> {
        let mut builder = Client::builder().endpoint(&self.endpoint);
        let read = |path: &Path| std::fs::read(path).map_err(|error| unreadable(path, &error));
        if let Some(path) = &self.ca {
            builder = builder.ca_certificate(read(path)?);
        }
        match (&self.certificate, &self.key) {
            (Some(certificate), key) => {
                let key = key.as_ref().unwrap_or(certificate);
                builder = builder.client_certificate(read(certificate)?, read(key)?);
            }
            (None, Some(_)) => {
                return Err(Failure::of(
                    Kind::Data,
                    "the key of a client's certificate is given, the certificate is not: name it by \
                     --client-certificate",
                ));
            }
            (None, None) => {}
        }
        if self.is_plaintext_allowed {
            builder = builder.allow_plaintext();
        }
        self.log_in(builder)
    }

    fn log_in(&self, builder: ClientBuilder) -> Result<ClientBuilder, Failure> {
        if let Some(path) = &self.credential {
            let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
            return match text.trim_end().split_once(':') {
                Some((user, password)) => Ok(builder.user(user, password)),
                None if !text.trim().is_empty() => Ok(builder.api_key(text.trim())),
                None => Err(Failure::of(
                    Kind::Data,
                    format!("{} holds no credentials", path.display()),
                )),
            };
        }
        let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
        if let Some(key) = variable(KEY_VARIABLE) {
            return Ok(builder.api_key(key));
        }
        match (variable(USER_VARIABLE), variable(PASSWORD_VARIABLE)) {
            (Some(user), Some(password)) => return Ok(builder.user(user, password)),
            (Some(_), None) => {
                return Err(Failure::of(
                    Kind::Data,
                    format!("{USER_VARIABLE} is set, {PASSWORD_VARIABLE} is not"),
                ));
            }
            (None, _) => {}
        }
        // The password of this machine's administrator is nothing for another machine, nor for somebody who has a
        // certificate of their own.
        if !builder.is_local() || self.certificate.is_some() {
            return Ok(builder);
        }
        let credential =
            read_credential(&self.data).map_err(|error| Failure::of(Kind::Data, chain(&error)))?;
        Ok(match credential {
            Some(Credentials::Basic { user, secret }) => builder.user(user, secret.expose()),
            _ => builder,
        })
    }
}

/// A file that is named on the command line, or else by a variable of the environment.
fn file(argument: &Option<PathBuf>, variable: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).filter(|path| !path.is_empty());
    argument.clone().or_else(|| named.map(PathBuf::from))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::of(
        Kind::Data,
        format!("cannot read {}: {error}", path.display()),
    )
}
