//! Who calls, from where, and until when they wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry::trace::SpanContext;
use parking_lot::Mutex;
use retrograph_bolt::Failure;
use retrograph_bolt::failure::code;
use retrograph_identity::{Credentials, Secret};
use sha2::{Digest, Sha256};
use tonic::codegen::http::{HeaderMap, header};
use tonic::{Request, Status};

use super::status;
use crate::identity::Identity;
use crate::target::{Caller, Targets};

/// How long a connection remembers whom an `authorization` belongs to. What they may do is asked anew for
/// every statement in any case.
const REMEMBERED: Duration = Duration::from_secs(60);

/// How many a connection remembers.
const REMEMBERED_MAX: usize = 8;

/// Who calls on a connection, as a service finds it with the request.
#[derive(Clone)]
pub struct Session {
    /// Who they are.
    pub caller: Caller,
    /// Finds graphs for the connection.
    pub targets: Arc<Mutex<Targets>>,
    /// The span of the call, if traces are kept.
    pub span: Option<SpanContext>,
}

/// A call.
#[derive(Clone)]
pub struct Call {
    /// Who calls.
    pub session: Session,
    /// When they stop waiting, and how long they wait in all.
    pub deadline: Option<(Instant, Duration)>,
}

impl Call {
    /// What is known of a request besides its message.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let Some(session) = request.extensions().get::<Session>() else {
            return Err(super::outlet::lost());
        };
        let timeout = match request.metadata().get("grpc-timeout") {
            None => None,
            Some(text) => {
                let parsed = text.to_str().ok().and_then(timeout);
                let problem = "not a timeout as gRPC writes it, such as `5S`";
                Some(parsed.ok_or_else(|| status::invalid("grpc-timeout", problem))?)
            }
        };
        Ok(Self {
            session: session.clone(),
            deadline: timeout.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit))),
        })
    }

    /// How long something may take that may take so long of itself.
    pub fn shorten(&self, timeout: Option<Duration>) -> Option<Duration> {
        let rest = self
            .deadline
            .map(|(at, _)| at.saturating_duration_since(Instant::now()));
        match (timeout, rest) {
            (Some(timeout), Some(rest)) => Some(timeout.min(rest)),
            (timeout, rest) => timeout.or(rest),
        }
    }
}

/// Reads a timeout: at most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| is_number)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Whom a connection has recognised, by the hash of what they showed.
#[derive(Default)]
pub struct Recognised(Vec<([u8; 32], Identity, Instant)>);

impl Recognised {
    /// Whom a header belongs to, if that was found out not long ago.
    pub fn find(&mut self, hash: &[u8; 32]) -> Option<Identity> {
        self.0.retain(|(_, _, since)| since.elapsed() < REMEMBERED);
        let found = self.0.iter().find(|(known, _, _)| known == hash);
        found.map(|(_, identity, _)| identity.clone())
    }

    /// Remembers it.
    pub fn remember(&mut self, hash: [u8; 32], identity: Identity) {
        if self.0.len() >= REMEMBERED_MAX {
            self.0.remove(0);
        }
        self.0.push((hash, identity, Instant::now()));
    }
}

/// What a call shows of who calls.
pub fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let first = all.next();
    if all.next().is_some() {
        return Err(unauthenticated("there is more than one `authorization`"));
    }
    first
        .map(|value| {
            value
                .to_str()
                .map_err(|_| unauthenticated("`authorization` is not text"))
        })
        .transpose()
}

/// The hash by which it is remembered.
pub fn hash(authorization: Option<&str>) -> [u8; 32] {
    Sha256::digest(authorization.unwrap_or_default().as_bytes()).into()
}

/// The credentials in it.
pub fn credentials(authorization: Option<&str>) -> Result<Credentials, Failure> {
    let Some(text) = authorization else {
        return Err(unauthenticated(
            "this server asks who you are: send `authorization: Bearer <api key>` or `authorization: Basic \
             <user:password in base64>`",
        ));
    };
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credentials::Bearer(Secret::from(rest.to_owned())));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unauthenticated(
            "the scheme of `authorization` is not known here; `Bearer` and `Basic` are",
        ));
    }
    let decoded = STANDARD.decode(rest).ok();
    let pair = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    match pair.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((user, secret)) if !user.is_empty() => Ok(Credentials::Basic {
            user: user.to_owned(),
            secret: Secret::from(secret.to_owned()),
        }),
        _ => Err(unauthenticated(
            "`authorization: Basic` is to be `user:password` in base64",
        )),
    }
}

fn unauthenticated(message: &str) -> Failure {
    Failure::new(code::UNAUTHORIZED, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        assert_eq!(timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(
            timeout("99999999H").map(|it| it.as_secs()),
            Some(99_999_999 * 3_600)
        );
        assert_eq!(timeout("20m"), Some(Duration::from_millis(20)));
        for bad in ["", "S", "5", "5s", "-5S", "+5S", "123456789S", "5 S", "5é"] {
            assert_eq!(timeout(bad), None, "{bad}");
        }
    }

    #[test]
    fn credentials_are_bearer_or_basic() {
        let basic = format!("basic {}", STANDARD.encode("ana:a:b"));
        match credentials(Some(&basic)) {
            Ok(Credentials::Basic { user, secret }) => {
                assert_eq!((&*user, secret.expose()), ("ana", "a:b"));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            credentials(Some("Bearer k")),
            Ok(Credentials::Bearer(key)) if key.expose() == "k"
        ));
        for bad in [
            None,
            Some(""),
            Some("Basic"),
            Some("Basic ?"),
            Some("Basic YW5h"),
            Some("Digest x"),
        ] {
            let failure = credentials(bad).expect_err("bad");
            assert_eq!(failure.code, code::UNAUTHORIZED);
        }
    }
}
