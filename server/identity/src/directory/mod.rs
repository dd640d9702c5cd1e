//! Users, roles and keys: read and changed.
//!
//! Reading goes through a snapshot of the system graph's latest version: asking costs a comparison of
//! versions, and a change counts from the next request on, for those who are logged in as well. Changes are
//! transactions on the system graph, made one after the other, and name who made them.

mod keys;
mod roles;
mod tenants;
mod users;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use retrograph_engine::{Collected, Output, Parameters, QueryError, RunOptions};
use retrograph_graph::Graph;
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;
use retrograph_server::{Database, DatabaseError};

pub use keys::ApiKeyInfo;
pub use roles::RoleGrant;
pub use tenants::TenantInfo;
pub use users::{UserChanges, UserInfo};

use crate::failures::FailedLogins;
use crate::snapshot::{self, Malformed, Snapshot, User};
use crate::{
    Action, Author, Context, EVERY_GRAPH, PasswordError, Principal, Proof, Resource, decide,
};

/// The graph that holds it all.
const SYSTEM: &str = "system";
/// What is done by a commit that records failed logins.
pub(crate) const RECORDING: &str = "record failed logins";
/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// Users, roles and keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The system graph cannot be opened.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A query on the system graph failed.
    #[error("the system graph refuses")]
    Query(#[from] QueryError),
    /// It holds what this program does not understand.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The password cannot be used.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A name that users and roles cannot have.
    #[error(
        "`{0}` cannot be a name: use up to {NAME_BYTES_MAX} letters, digits and `.`, `_`, `-`, `@`, \
         beginning with a letter"
    )]
    BadName(String),
    /// There is one already.
    #[error("there is a {what} `{name}` already")]
    Exists {
        /// `user` or `role`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There is none.
    #[error("there is no {what} `{name}`")]
    Missing {
        /// `user`, `role` or `API key`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The role is always there and always the same.
    #[error("the role `{0}` is built in and cannot be changed; make another one")]
    BuiltIn(String),
    /// The tenant is always there.
    #[error("the tenant `{0}` is that of users and graphs that have no other; it stays")]
    DefaultTenant(String),
    /// The tenant still has users or graphs.
    #[error("the tenant `{tenant}` still has {of}; assign it to another tenant or drop it first")]
    InUse {
        /// The tenant.
        tenant: String,
        /// What belongs to it.
        of: String,
    },
    /// Nobody could administer any more.
    #[error(
        "`{0}` is the last user with a password and the role `admin`; give it to another one first"
    )]
    LastAdmin(String),
    /// The old password is wrong.
    #[error("the old password is wrong")]
    WrongPassword,
    /// There were too many wrong ones, or too many are looked at.
    #[error("too many attempts; try again in {} s", wait.as_secs().max(1))]
    TooOften {
        /// How long to wait.
        wait: Duration,
    },
    /// The new password is the old one.
    #[error("the new password is the old one; choose another one")]
    SamePassword,
}

/// What making something does if there is one of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It fails.
    Fail,
    /// It does nothing.
    Keep,
    /// It drops the one that is there.
    Replace,
}

type Result<T> = std::result::Result<T, DirectoryError>;

/// See the module.
pub struct Directory {
    database: Arc<Database>,
    system: Arc<Graph>,
    latest: ArcSwap<Snapshot>,
    /// Held while the graph is changed.
    changing: Mutex<()>,
}

impl Directory {
    /// Opens the directory of a database, making what it needs.
    ///
    /// # Errors
    /// If the system graph cannot be read or changed.
    pub fn open(database: Arc<Database>) -> Result<Self> {
        let system = database.graph(SYSTEM)?;
        let directory = Self {
            database,
            system,
            latest: ArcSwap::default(),
            changing: Mutex::new(()),
        };
        for (name, label, key) in [
            ("user_name", "User", "name"),
            ("user_id", "User", "id"),
            ("role_name", "Role", "name"),
            ("api_key_id", "ApiKey", "id"),
            ("tenant_name", "Tenant", "name"),
        ] {
            let text = format!(
                "CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE n.{key} IS UNIQUE"
            );
            directory.change(SYSTEM, "create schema", &text, [])?;
        }
        directory.read_again()?;
        Ok(directory)
    }

    /// The state of the latest version.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>> {
        let known = self.latest.load();
        if known.version == self.system.latest() {
            return Ok(Arc::clone(&known));
        }
        self.read_again()
    }

    fn read_again(&self) -> Result<Arc<Snapshot>> {
        let version = self.system.latest();
        let options = RunOptions {
            as_of: Some(retrograph_engine::AsOf::Version(version)),
            is_read_only: true,
            ..RunOptions::default()
        };
        let rows = |text: &str| self.query(text, Parameters::new(), &options);
        let (users, roles) = (rows(snapshot::USERS)?, rows(snapshot::ROLES)?);
        let (keys, graphs) = (rows(snapshot::KEYS)?, rows(snapshot::GRAPHS)?);
        let mut snapshot = Snapshot::read(version, &users, &roles, &keys, &graphs)?;
        snapshot.read_tenants(
            &rows(&snapshot::tenants())?,
            &rows(snapshot::TENANT_GRANTS)?,
            &rows(&snapshot::user_limits())?,
        )?;
        let snapshot = Arc::new(snapshot);
        // Of two that read at once, the later version stays; the earlier one is read again at need.
        self.latest.store(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// The tenant that owns a graph.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn tenant_of(&self, graph: &str) -> Result<Arc<str>> {
        Ok(self.snapshot()?.tenant_of(graph))
    }

    /// A principal as of now: with today's roles; none if the user is gone or suspended, or may not be acted
    /// for any more by whom acts.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn refresh(&self, principal: &Principal, now: SystemTime) -> Result<Option<Principal>> {
        if let Proof::Impersonated(by) = &principal.proof
            && !self.may_impersonate(by, now)?
        {
            return Ok(None);
        }
        let snapshot = self.snapshot()?;
        let user = snapshot.users.get(&principal.name);
        if let Proof::Token {
            roles: Some(roles), ..
        } = &principal.proof
        {
            // A user who was made since has the name now, and a tenant that was dropped has nobody.
            let (grants, is_operator) = snapshot.granted(roles);
            let is_somebody = user.is_none() && snapshot.has_tenant(&principal.tenant);
            return Ok(is_somebody.then(|| Principal {
                grants: grants.into(),
                tenant_grants: snapshot.grants_of_tenant(&principal.tenant),
                is_operator,
                ..principal.clone()
            }));
        }
        let same = user.filter(|user| user.id == principal.id && !user.is_suspended);
        let is_proven = match &principal.proof {
            Proof::ApiKey(id) => snapshot.keys.contains_key(id),
            Proof::Password | Proof::Certificate | Proof::Impersonated(_) | Proof::Token { .. } => {
                true
            }
        };
        Ok(same.filter(|_| is_proven).map(|user| {
            let now = snapshot.principal(user, principal.expires);
            Principal {
                proof: principal.proof.clone(),
                // Whoever was not recognised by a password need not change it.
                must_change_password: now.must_change_password
                    && principal.proof == Proof::Password,
                ..now
            }
        }))
    }

    /// Whether somebody may act for others now.
    fn may_impersonate(&self, by: &Principal, now: SystemTime) -> Result<bool> {
        let Some(by) = self.refresh(by, now)? else {
            return Ok(false);
        };
        let everything = Resource {
            graph: EVERY_GRAPH,
            tenant: &by.tenant,
        };
        Ok(decide(&by, Action::Admin, &everything, &Context { now }).is_allowed())
    }

    /// The graph that holds it all.
    pub(crate) fn system(&self) -> &Graph {
        &self.system
    }

    /// A user as one who acts, if there is one of the name who may.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn principal(&self, name: &str) -> Result<Option<Principal>> {
        let snapshot = self.snapshot()?;
        let user = snapshot.users.get(name).filter(|user| !user.is_suspended);
        Ok(user.map(|user| snapshot.principal(user, None)))
    }

    /// Records failed logins for auditors.
    pub(crate) fn record(&self, failures: &[FailedLogins]) -> Result<()> {
        let row = |failed: &FailedLogins| {
            let entries = [
                ("user", Value::String(Arc::clone(&failed.user))),
                ("peer", failed.peer.as_str().into()),
                ("addresses", Value::Int(failed.addresses)),
                ("count", Value::Int(failed.count)),
                ("first", Value::Int(failed.first.0)),
                ("last", Value::Int(failed.last.0)),
            ];
            let entries = entries
                .into_iter()
                .map(|(key, value)| (Arc::from(key), value));
            Value::Map(Arc::new(entries.collect()))
        };
        let rows: Vec<Value> = failures.iter().map(row).collect();
        let text = "UNWIND $rows AS row CREATE (f:FailedLogin) SET f = row";
        let parameters = [("rows", Value::List(rows.into()))];
        self.change(SYSTEM, RECORDING, text, parameters)
    }

    pub(crate) fn query(
        &self,
        text: &str,
        parameters: Parameters,
        options: &RunOptions,
    ) -> Result<Vec<Vec<Output>>> {
        let mut collected = Collected::default();
        let engine = self.database.engine();
        engine.run(&self.system, text, &parameters, options, &mut collected)?;
        Ok(collected.rows)
    }

    fn change<const N: usize>(
        &self,
        actor: impl Into<Author>,
        activity: &str,
        text: &str,
        parameters: [(&str, Value); N],
    ) -> Result<()> {
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value));
        let options = RunOptions {
            commit: actor.into().commit(activity),
            ..RunOptions::default()
        };
        self.query(text, Parameters::from(parameters), &options)?;
        Ok(())
    }
}

fn check_name(name: &str) -> Result<()> {
    let is_part =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@');
    let is_good = name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(is_part);
    match is_good {
        true => Ok(()),
        false => Err(DirectoryError::BadName(name.to_owned())),
    }
}

/// Whether something is to be made whose name may be taken.
fn is_to_be_made(
    existing: Existing,
    is_taken: bool,
    what: &'static str,
    name: &str,
) -> Result<bool> {
    match existing {
        Existing::Fail if is_taken => Err(DirectoryError::Exists {
            what,
            name: name.to_owned(),
        }),
        Existing::Keep => Ok(!is_taken),
        Existing::Fail | Existing::Replace => Ok(true),
    }
}

/// Names for the record.
fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    names.join(", ")
}

fn texts<S: AsRef<str>>(names: &[S]) -> Value {
    Value::List(names.iter().map(|name| name.as_ref().into()).collect())
}

fn known_user<'s>(snapshot: &'s Snapshot, name: &str) -> Result<&'s User> {
    snapshot
        .users
        .get(name)
        .ok_or_else(|| DirectoryError::Missing {
            what: "user",
            name: name.to_owned(),
        })
}

#[cfg(test)]
mod tests;
