//! Who a client is.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use retrograph_graph::ids::SystemTime;

use crate::failures::FailureLog;
use crate::throttle::Throttle;
use crate::token::Tokens;
use crate::turns::{Turn, Turns};
use crate::{
    Author, Directory, DirectoryError, IssuerError, IssuerSettings, Principal, Proof, Secret,
    TokenError, api_key, password,
};

/// Passwords that are looked at side by side: each takes a core and 19 MiB meanwhile.
const HASHING_MAX: usize = 2;
/// Those that may wait for that; at some tens of milliseconds each, about two seconds.
const WAITING_MAX: usize = 64;

/// What a client shows.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A name with a password, or with an API key of that user.
    Basic {
        /// The name of the user.
        user: String,
        /// The password or the key.
        secret: Secret,
    },
    /// A certificate that was verified by whoever speaks TLS with the client.
    Certificate {
        /// The user that it names.
        user: Arc<str>,
        /// When it ends.
        expires: SystemTime,
    },
    /// An API key alone, or a token of an issuer.
    Bearer(Secret),
}

/// A client was not recognised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// Name and secret do not belong together. It is not told which of them is wrong.
    #[error("the user or the secret is wrong, or the user may not log in")]
    Refused,
    /// The token is not accepted.
    #[error("the token is not accepted: {0}")]
    Token(#[from] TokenError),
    /// There were too many failures, or too many log in at the same time.
    #[error("too many attempts to log in; try again in {} s", wait.as_secs().max(1))]
    TooOften {
        /// How long to wait.
        wait: Duration,
    },
    /// It cannot be looked up.
    #[error("users cannot be looked up")]
    Directory(#[from] DirectoryError),
}

/// Recognises clients. Takes its time over passwords: call it where a thread may block.
pub struct Authenticator {
    directory: Arc<Directory>,
    throttle: Throttle,
    hashing: Turns,
    /// Checked where there is no such user, so that this takes as long as a wrong password.
    decoy: String,
    failures: FailureLog,
    tokens: Tokens,
}

impl Authenticator {
    /// Recognises the users of a directory.
    ///
    /// # Errors
    /// If nothing can be hashed.
    pub fn new(directory: Arc<Directory>) -> Result<Self, DirectoryError> {
        Ok(Self {
            directory,
            throttle: Throttle::default(),
            hashing: Turns::new(HASHING_MAX, WAITING_MAX),
            decoy: password::hash(&"nobody's password".into())?,
            failures: FailureLog::new(Instant::now()),
            tokens: Tokens::default(),
        })
    }

    /// Recognises the tokens of issuers too.
    ///
    /// # Errors
    /// If an issuer cannot be configured so.
    pub fn with_issuers(mut self, issuers: Vec<IssuerSettings>) -> Result<Self, IssuerError> {
        self.tokens = Tokens::new(issuers)?;
        Ok(self)
    }

    /// Where the users are.
    #[must_use]
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Recognises a client at an address.
    ///
    /// # Errors
    /// If it is not recognised, or must wait.
    pub fn authenticate(
        &self,
        credentials: &Credentials,
        address: Option<IpAddr>,
        now: SystemTime,
    ) -> Result<Principal, LoginError> {
        let (user, secret) = match credentials {
            Credentials::Basic { user, secret } => (user.as_str(), secret),
            Credentials::Bearer(secret) => ("", secret),
            Credentials::Certificate { user, expires } => {
                let recognised = self.by_certificate(user, *expires, now)?;
                if recognised.is_none() {
                    self.remember(user, address, now)?;
                }
                return recognised.ok_or(LoginError::Refused);
            }
        };
        // Of what cannot be guessed, guesses need not be slowed; and whoever shares an address with a
        // program whose key has ended is not kept out by it.
        let recognised = match api_key::split(secret.expose()) {
            Some((id, key)) => self.by_key(user, id, key, now)?,
            None if user.is_empty() && self.tokens.take(secret) => {
                return match self.by_token(secret, now) {
                    Err(LoginError::Token(error)) => {
                        // What is over, or cannot be told now, was tried by nobody who does not belong.
                        if !matches!(error, TokenError::Expired | TokenError::KeysUnavailable) {
                            self.remember(user, address, now)?;
                        }
                        Err(error.into())
                    }
                    told => told,
                };
            }
            None if user.is_empty() => None,
            None => self.by_guessable(user, secret, address)?,
        };
        if recognised.is_none() {
            self.remember(user, address, now)?;
        }
        recognised.ok_or(LoginError::Refused)
    }

    fn by_guessable(
        &self,
        user: &str,
        secret: &Secret,
        address: Option<IpAddr>,
    ) -> Result<Option<Principal>, LoginError> {
        if let Some(wait) = self.throttle.wait(user, address, Instant::now()) {
            return Err(LoginError::TooOften { wait });
        }
        let recognised = self.by_password(user, secret, address)?;
        match recognised {
            Some(_) => self.throttle.succeeded(user, address),
            None => self.throttle.failed(user, address, Instant::now()),
        }
        Ok(recognised)
    }

    fn by_password(
        &self,
        name: &str,
        secret: &Secret,
        address: Option<IpAddr>,
    ) -> Result<Option<Principal>, LoginError> {
        let _turn = self
            .turn_to_hash(name, address)
            .map_err(|wait| LoginError::TooOften { wait })?;
        let snapshot = self.directory.snapshot()?;
        let user = snapshot.users.get(name).filter(|user| !user.is_suspended);
        let stored = user.and_then(|user| user.password.as_deref());
        let is_right = password::verify(secret, stored.unwrap_or(&self.decoy))
            .map_err(DirectoryError::from)?;
        Ok(user
            .filter(|_| is_right && stored.is_some())
            .map(|user| snapshot.principal(user, None)))
    }

    /// Waits until a password of a user may be looked at; how long to stay away if it may not.
    fn turn_to_hash(&self, name: &str, address: Option<IpAddr>) -> Result<Turn<'_>, Duration> {
        let turn = self.hashing.take().ok_or(Duration::from_secs(1))?;
        // Others may have failed while this one waited.
        match self.throttle.wait(name, address, Instant::now()) {
            Some(wait) => Err(wait),
            None => Ok(turn),
        }
    }

    /// A user changes their own password. Wrong old passwords are slowed and recorded like those of logins:
    /// whoever finds a session open is not to guess faster than whoever logs in.
    ///
    /// # Errors
    /// The old one is wrong, or the new one cannot be used, or the user must wait.
    pub fn change_password(
        &self,
        author: Author,
        name: &str,
        old: &Secret,
        new: &Secret,
        address: Option<IpAddr>,
        now: SystemTime,
    ) -> Result<(), DirectoryError> {
        let too_often = |wait| DirectoryError::TooOften { wait };
        if let Some(wait) = self.throttle.wait(name, address, Instant::now()) {
            return Err(too_often(wait));
        }
        let _turn = self.turn_to_hash(name, address).map_err(too_often)?;
        let snapshot = self.directory.snapshot()?;
        let stored = snapshot.users.get(name);
        let stored = stored.and_then(|user| user.password.as_deref());
        let is_right = match stored {
            Some(stored) => password::verify(old, stored)?,
            None => false,
        };
        if !is_right {
            self.throttle.failed(name, address, Instant::now());
            self.remember(name, address, now)?;
            return Err(DirectoryError::WrongPassword);
        }
        self.throttle.succeeded(name, address);
        if old == new {
            return Err(DirectoryError::SamePassword);
        }
        self.directory.set_password(author, name, new, false)
    }

    /// Recognises whom an issuer vouches for. A user of the name is needed where issuers do not say what their
    /// users may do; where they do, there must be none, so that names stay those of one.
    fn by_token(&self, token: &Secret, now: SystemTime) -> Result<Principal, LoginError> {
        let vouched = self.tokens.verify(token, now)?;
        let snapshot = self.directory.snapshot()?;
        let user = snapshot.users.get(&vouched.user);
        let expires = Some(vouched.expires);
        let principal = match (user, &vouched.roles) {
            (Some(user), None) if !user.is_suspended => snapshot.principal(user, expires),
            (None, Some(_)) if !snapshot.has_tenant(&vouched.tenant) => {
                return Err(TokenError::Tenant(vouched.tenant).into());
            }
            (None, Some(roles)) => {
                let (grants, is_operator) = snapshot.granted(roles);
                Principal {
                    id: vouched.id,
                    name: vouched.user,
                    tenant_grants: snapshot.grants_of_tenant(&vouched.tenant),
                    tenant: vouched.tenant,
                    grants: grants.into(),
                    is_operator,
                    proof: Proof::Password,
                    must_change_password: false,
                    expires,
                }
            }
            _ => return Err(TokenError::User.into()),
        };
        Ok(Principal {
            proof: Proof::Token {
                issuer: vouched.issuer,
                roles: vouched.roles.map(Into::into),
            },
            // Whoever has a token need not change a password that they do not use.
            must_change_password: false,
            ..principal
        })
    }

    fn by_certificate(
        &self,
        user: &str,
        expires: SystemTime,
        now: SystemTime,
    ) -> Result<Option<Principal>, LoginError> {
        let snapshot = self.directory.snapshot()?;
        let user = snapshot.users.get(user);
        let user = user.filter(|user| !user.is_suspended && now < expires);
        // Whoever has a certificate need not change a password that they do not use.
        Ok(user.map(|user| Principal {
            proof: Proof::Certificate,
            must_change_password: false,
            ..snapshot.principal(user, Some(expires))
        }))
    }

    fn by_key(
        &self,
        name: &str,
        id: &str,
        secret: &str,
        now: SystemTime,
    ) -> Result<Option<Principal>, LoginError> {
        let snapshot = self.directory.snapshot()?;
        let Some(key) = snapshot.keys.get(id) else {
            return Ok(None);
        };
        let is_valid = api_key::verify(secret, &key.hash)
            && key.expires.is_none_or(|end| now < end)
            && (name.is_empty() || *name == *key.user);
        let user = snapshot.users.get(&key.user);
        let user = user.filter(|user| is_valid && !user.is_suspended);
        // Whoever has a key need not change a password that they do not use.
        Ok(user.map(|user| Principal {
            proof: Proof::ApiKey(id.into()),
            must_change_password: false,
            ..snapshot.principal(user, key.expires)
        }))
    }

    /// Notes a failure for [`Self::record_failures`]. A name that is nobody's is not kept: people type
    /// passwords there.
    fn remember(
        &self,
        user: &str,
        address: Option<IpAddr>,
        now: SystemTime,
    ) -> Result<(), DirectoryError> {
        let snapshot = self.directory.snapshot()?;
        let known = snapshot.users.get(user).map(|user| Arc::clone(&user.name));
        let user = known.unwrap_or_else(|| "(unknown)".into());
        self.failures.failed(user, address, now);
        Ok(())
    }

    /// Writes what failed since the last call into the system graph. Call it every few seconds: the number of
    /// records is bounded, whatever was tried.
    ///
    /// # Errors
    /// If they cannot be written; they are kept for the next call.
    pub fn record_failures(&self) -> Result<(), DirectoryError> {
        let Some(taken) = self.failures.take(Instant::now()) else {
            return Ok(());
        };
        let recorded = self.directory.record(&taken.records);
        if recorded.is_err() {
            self.failures.give_back(taken);
        }
        recorded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retrograph_server::{Database, OpenOptions};

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    const NOW: SystemTime = SystemTime(1_000);

    struct Case {
        authenticator: Authenticator,
        _place: tempfile::TempDir,
    }

    fn case() -> Case {
        let place = tempfile::tempdir().expect("a place");
        let database = Database::open(place.path(), OpenOptions::creating()).expect("opened");
        let directory = Directory::open(database).expect("a directory");
        let password = Secret::from("correct horse");
        directory
            .create_user("root", "ana", Some(&password), false)
            .expect("made");
        directory.assign("root", "ana", "reader").expect("given");
        directory
            .create_user("root", "robot", None, false)
            .expect("made");
        Case {
            authenticator: Authenticator::new(Arc::new(directory)).expect("an authenticator"),
            _place: place,
        }
    }

    fn basic(user: &str, secret: &str) -> Credentials {
        Credentials::Basic {
            user: user.to_owned(),
            secret: secret.into(),
        }
    }

    #[test]
    fn a_password_is_that_of_its_user_alone() {
        let case = case();
        let log_in = |user, secret| {
            case.authenticator
                .authenticate(&basic(user, secret), HERE, NOW)
        };
        let ana = log_in("ana", "correct horse").expect("recognised");
        assert_eq!(
            (&*ana.name, &*ana.tenant, ana.expires),
            ("ana", "main", None)
        );
        for (user, secret) in [
            ("ana", "correct horsf"),
            ("Ana", "correct horse"),
            ("robot", "correct horse"),
            ("robot", "nobody's password"),
            ("nobody", "nobody's password"),
            ("", "correct horse"),
            ("ana", ""),
        ] {
            assert!(
                matches!(log_in(user, secret), Err(LoginError::Refused)),
                "{user} {secret}"
            );
        }
        case.authenticator
            .directory()
            .suspend("root", "ana", true)
            .expect("suspended");
        assert!(matches!(
            log_in("ana", "correct horse"),
            Err(LoginError::Refused)
        ));
    }

    #[test]
    fn an_api_key_is_that_of_its_user_until_it_ends_or_is_removed() {
        let case = case();
        let directory = case.authenticator.directory();
        let end = SystemTime(2_000);
        let made = directory
            .create_api_key("root", "robot", "nightly job", Some(end))
            .expect("made");
        let key = made.key.expose();
        let log_in = |credentials: &Credentials, now| {
            case.authenticator.authenticate(credentials, HERE, now)
        };
        let bearer = Credentials::Bearer(made.key.clone());
        let robot = log_in(&bearer, NOW).expect("recognised");
        assert_eq!((&*robot.name, robot.expires), ("robot", Some(end)));
        log_in(&basic("robot", key), NOW).expect("recognised");
        assert!(log_in(&basic("ana", key), NOW).is_err(), "somebody else's");
        assert!(log_in(&bearer, end).is_err(), "ended");
        let other = format!("{}x", &key[..key.len() - 1]);
        let other = if other == key {
            format!("{}y", &key[..key.len() - 1])
        } else {
            other
        };
        assert!(log_in(&Credentials::Bearer(other.into()), NOW).is_err());
        directory.drop_api_key("root", &made.id).expect("removed");
        assert!(log_in(&bearer, NOW).is_err());
    }

    #[test]
    fn whoever_fails_too_often_waits_and_is_recorded_once() {
        let case = case();
        let log_in = |secret| {
            case.authenticator
                .authenticate(&basic("ana", secret), HERE, NOW)
        };
        for _ in 0..3 {
            assert!(matches!(log_in("a wrong one"), Err(LoginError::Refused)));
        }
        for secret in ["a wrong one", "correct horse"] {
            assert!(matches!(log_in(secret), Err(LoginError::TooOften { .. })));
        }
        let directory = case.authenticator.directory();
        let before = directory.snapshot().expect("read").version;
        case.authenticator.record_failures().expect("recorded");
        case.authenticator
            .record_failures()
            .expect("nothing to record");
        let after = directory.snapshot().expect("read").version;
        assert_eq!(after.0, before.0 + 1);
    }

    #[test]
    fn an_old_password_is_guessed_no_faster_than_a_login() {
        let case = case();
        let change = |old: &str, new: &str| {
            let (old, new) = (old.into(), new.into());
            let who = Author::from("ana's id");
            case.authenticator
                .change_password(who, "ana", &old, &new, HERE, NOW)
        };
        let right = "correct horse";
        for _ in 0..3 {
            let refused = change("a wrong one", "another horse");
            assert!(matches!(refused, Err(DirectoryError::WrongPassword)));
        }
        for old in ["a wrong one", right] {
            let refused = change(old, "another horse");
            assert!(matches!(refused, Err(DirectoryError::TooOften { .. })));
        }
        let login = case
            .authenticator
            .authenticate(&basic("ana", right), HERE, NOW);
        assert!(
            matches!(login, Err(LoginError::TooOften { .. })),
            "they are counted together"
        );
        let taken = case
            .authenticator
            .failures
            .take(Instant::now())
            .expect("some");
        let [record] = &taken.records[..] else {
            panic!("one record: {:?}", taken.records);
        };
        assert_eq!((&*record.user, record.count), ("ana", 3));
    }

    #[test]
    fn a_change_of_password_takes_one_of_the_turns() {
        let case = case();
        let (old, new) = ("correct horse".into(), "another horse".into());
        let authenticator = &case.authenticator;
        let held = [authenticator.hashing.take(), authenticator.hashing.take()];
        std::thread::scope(|scope| {
            let changing = scope.spawn(|| {
                authenticator.change_password("ana".into(), "ana", &old, &new, HERE, NOW)
            });
            while authenticator.hashing.counts().1 == 0 {
                assert!(!changing.is_finished(), "it did not wait");
                std::thread::yield_now();
            }
            drop(held);
            changing.join().expect("ended").expect("changed");
        });
        authenticator
            .authenticate(&basic("ana", "another horse"), HERE, NOW)
            .expect("the new one");
    }
}
