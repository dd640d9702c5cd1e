//! Users, roles and keys: read and changed.
//!
//! Reading goes through a snapshot of the system graph's latest version: asking costs a comparison of
//! versions, and a change counts from the next request on, for those who are logged in as well. Changes are
//! transactions on the system graph, made one after the other, and name who made them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use retrograph_engine::{Collected, Output, Parameters, QueryError, RunOptions};
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;
use retrograph_graph::{CommitInfo, Graph};
use retrograph_server::{Database, DatabaseError};

use crate::role::built_in;
use crate::snapshot::{self, Malformed, Snapshot, User};
use crate::{
    DEFAULT_TENANT, EVERY_GRAPH, Grant, NewApiKey, PasswordError, Principal, Proof, ROLES, Secret,
    password,
};

/// The graph that holds it all.
const SYSTEM: &str = "system";
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
    /// Nobody could administer any more.
    #[error(
        "`{0}` is the last user with a password and the role `admin`; give it to another one first"
    )]
    LastAdmin(String),
    /// The old password is wrong.
    #[error("the old password is wrong")]
    WrongPassword,
    /// The new password is the old one.
    #[error("the new password is the old one; choose another one")]
    SamePassword,
}

type Result<T> = std::result::Result<T, DirectoryError>;

/// A user as listed. Passwords are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    /// Never changes, never used again.
    pub id: Arc<str>,
    /// The name.
    pub name: Arc<str>,
    /// Whom they belong to.
    pub tenant: Arc<str>,
    /// The names of the roles, sorted.
    pub roles: Vec<Arc<str>>,
    /// Whether they can log in by a password.
    pub has_password: bool,
    /// Whether they must change it first.
    pub must_change_password: bool,
    /// Whether they cannot log in at all.
    pub is_suspended: bool,
}

/// What a role allows on a graph, as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleGrant {
    /// The name of the role.
    pub role: Arc<str>,
    /// What it allows where; none if it allows nothing yet.
    pub grant: Option<Grant>,
    /// Whether it is always there and cannot be changed.
    pub is_built_in: bool,
}

/// An API key as listed. Its secret is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyInfo {
    /// By which it is removed.
    pub id: Arc<str>,
    /// Whose it is.
    pub user: Arc<str>,
    /// What it is for, as was said.
    pub label: Arc<str>,
    /// When it ends.
    pub expires: Option<SystemTime>,
}

/// Attempts to log in that failed, to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailedLogins {
    pub(crate) user: Arc<str>,
    pub(crate) peer: String,
    pub(crate) count: i64,
    pub(crate) first: SystemTime,
    pub(crate) last: SystemTime,
}

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
        let rows = |text| self.query(text, Parameters::new(), &options);
        let (users, roles) = (rows(snapshot::USERS)?, rows(snapshot::ROLES)?);
        let (keys, graphs) = (rows(snapshot::KEYS)?, rows(snapshot::GRAPHS)?);
        let snapshot = Snapshot::read(version, &users, &roles, &keys, &graphs)?;
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

    /// A principal as of now: with today's roles; none if the user is gone or suspended.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn refresh(&self, principal: &Principal) -> Result<Option<Principal>> {
        let snapshot = self.snapshot()?;
        let user = snapshot.users.get(&principal.name);
        let same = user.filter(|user| user.id == principal.id && !user.is_suspended);
        let is_proven = match &principal.proof {
            Proof::ApiKey(id) => snapshot.keys.contains_key(id),
            Proof::Password | Proof::Impersonated => true,
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

    /// A user as one who acts, if there is one of the name who may.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn principal(&self, name: &str) -> Result<Option<Principal>> {
        let snapshot = self.snapshot()?;
        let user = snapshot.users.get(name).filter(|user| !user.is_suspended);
        Ok(user.map(|user| snapshot.principal(user, None)))
    }

    /// All users, by name.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn users(&self) -> Result<Vec<UserInfo>> {
        let snapshot = self.snapshot()?;
        let users = snapshot.users.values();
        Ok(users
            .map(|user| UserInfo {
                id: Arc::clone(&user.id),
                name: Arc::clone(&user.name),
                tenant: Arc::clone(&user.tenant),
                roles: user.roles.clone(),
                has_password: user.password.is_some(),
                must_change_password: user.must_change_password,
                is_suspended: user.is_suspended,
            })
            .collect())
    }

    /// All roles by name, built in ones first, one item for each grant; one without for a role that grants
    /// nothing.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn roles(&self) -> Result<Vec<RoleGrant>> {
        let built_in = ROLES.iter().map(|role| {
            let grant = Grant {
                graph: EVERY_GRAPH.into(),
                actions: role.actions,
            };
            RoleGrant {
                role: role.name.into(),
                grant: Some(grant),
                is_built_in: true,
            }
        });
        let mut roles: Vec<_> = built_in.collect();
        let snapshot = self.snapshot()?;
        for (name, grants) in snapshot.roles() {
            let of_role = |grant: Option<Grant>| RoleGrant {
                role: Arc::clone(name),
                grant,
                is_built_in: false,
            };
            roles.extend(grants.iter().map(|grant| of_role(Some(grant.clone()))));
            if grants.is_empty() {
                roles.push(of_role(None));
            }
        }
        Ok(roles)
    }

    /// All API keys, by user and label.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn api_keys(&self) -> Result<Vec<ApiKeyInfo>> {
        let snapshot = self.snapshot()?;
        let info = |(id, key): (&Arc<str>, &snapshot::ApiKey)| ApiKeyInfo {
            id: Arc::clone(id),
            user: Arc::clone(&key.user),
            label: Arc::clone(&key.label),
            expires: key.expires,
        };
        let mut keys: Vec<ApiKeyInfo> = snapshot.keys.iter().map(info).collect();
        keys.sort_by(|one, other| {
            (&one.user, &one.label, &one.id).cmp(&(&other.user, &other.label, &other.id))
        });
        Ok(keys)
    }

    /// Makes a user; without a password they can log in by an API key only. `actor` is who asks for it.
    ///
    /// # Errors
    /// The name or the password cannot be used, or the name is taken.
    pub fn create_user(
        &self,
        actor: &str,
        name: &str,
        password: Option<&Secret>,
        must_change: bool,
    ) -> Result<()> {
        check_name(name)?;
        let hash = self.hash(name, password)?;
        let _changing = self.changing.lock();
        if self.snapshot()?.users.contains_key(name) {
            return Err(DirectoryError::Exists {
                what: "user",
                name: name.to_owned(),
            });
        }
        let text = "CREATE (:User {id: randomUUID(), name: $name, tenant: $tenant, password: $hash, \
                    mustChangePassword: $mustChange, suspended: false})";
        let parameters = [
            ("name", Value::from(name)),
            ("tenant", Value::from(DEFAULT_TENANT)),
            ("hash", hash),
            ("mustChange", Value::Bool(must_change && password.is_some())),
        ];
        self.change(actor, "create user", text, parameters)
    }

    /// Makes the first user, with the role `admin`, in one commit.
    pub(crate) fn create_admin(&self, name: &str, password: &Secret) -> Result<()> {
        let hash = self.hash(name, Some(password))?;
        let _changing = self.changing.lock();
        let text = "MERGE (r:Role {name: 'admin'}) \
                    CREATE (:User {id: randomUUID(), name: $name, tenant: $tenant, password: $hash, \
                    mustChangePassword: false, suspended: false})-[:HAS_ROLE]->(r)";
        let parameters = [
            ("name", name.into()),
            ("tenant", DEFAULT_TENANT.into()),
            ("hash", hash),
        ];
        self.change(SYSTEM, "create the first administrator", text, parameters)
    }

    /// Removes a user with their keys.
    ///
    /// # Errors
    /// There is none of the name, or it is the last one who can administer.
    pub fn drop_user(&self, actor: &str, name: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_user(&snapshot, name)?;
        check_admin_remains(&snapshot, name)?;
        let text =
            "MATCH (u:User {name: $name}) OPTIONAL MATCH (k:ApiKey)-[:OF]->(u) DETACH DELETE k, u";
        self.change(actor, "drop user", text, [("name", name.into())])
    }

    /// Sets the password of a user.
    ///
    /// # Errors
    /// There is none of the name, or the password cannot be used.
    pub fn set_password(
        &self,
        actor: &str,
        name: &str,
        password: &Secret,
        must_change: bool,
    ) -> Result<()> {
        let hash = self.hash(name, Some(password))?;
        let _changing = self.changing.lock();
        known_user(&*self.snapshot()?, name)?;
        let text = "MATCH (u:User {name: $name}) \
                    SET u.password = $hash, u.mustChangePassword = $mustChange";
        let parameters = [
            ("name", name.into()),
            ("hash", hash),
            ("mustChange", Value::Bool(must_change)),
        ];
        self.change(actor, "set password", text, parameters)
    }

    /// A user changes their own password.
    ///
    /// # Errors
    /// The old one is wrong, or the new one cannot be used.
    pub fn change_password(&self, name: &str, old: &Secret, new: &Secret) -> Result<()> {
        let snapshot = self.snapshot()?;
        let stored = known_user(&snapshot, name)?.password.as_deref();
        let is_right = match stored {
            Some(stored) => password::verify(old, stored)?,
            None => false,
        };
        if !is_right {
            return Err(DirectoryError::WrongPassword);
        }
        if old == new {
            return Err(DirectoryError::SamePassword);
        }
        self.set_password(name, name, new, false)
    }

    /// Forbids a user to log in and to do anything, or allows it again.
    ///
    /// # Errors
    /// There is none of the name, or it is the last one who can administer.
    pub fn suspend(&self, actor: &str, name: &str, suspended: bool) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_user(&snapshot, name)?;
        if suspended {
            check_admin_remains(&snapshot, name)?;
        }
        let text = "MATCH (u:User {name: $name}) SET u.suspended = $suspended";
        let parameters = [("name", name.into()), ("suspended", Value::Bool(suspended))];
        self.change(actor, "suspend user", text, parameters)
    }

    /// Gives a user a role; nothing happens if they have it.
    ///
    /// # Errors
    /// There is no such user or role.
    pub fn assign(&self, actor: &str, user: &str, role: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_user(&snapshot, user)?;
        known_role(&snapshot, role)?;
        let text =
            "MATCH (u:User {name: $user}) MERGE (r:Role {name: $role}) MERGE (u)-[:HAS_ROLE]->(r)";
        let parameters = [("user", user.into()), ("role", role.into())];
        self.change(actor, "assign role", text, parameters)
    }

    /// Takes a role from a user; nothing happens if they do not have it.
    ///
    /// # Errors
    /// There is no such user or role, or nobody else can administer.
    pub fn unassign(&self, actor: &str, user: &str, role: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_user(&snapshot, user)?;
        known_role(&snapshot, role)?;
        if built_in(role).is_some_and(|role| role.is_operator) {
            check_admin_remains(&snapshot, user)?;
        }
        let text = "MATCH (:User {name: $user})-[has:HAS_ROLE]->(:Role {name: $role}) DELETE has";
        let parameters = [("user", user.into()), ("role", role.into())];
        self.change(actor, "unassign role", text, parameters)
    }

    /// Makes a role that grants nothing yet.
    ///
    /// # Errors
    /// The name cannot be used or is taken.
    pub fn create_role(&self, actor: &str, name: &str) -> Result<()> {
        check_name(name)?;
        let _changing = self.changing.lock();
        if self.snapshot()?.has_role(name) {
            return Err(DirectoryError::Exists {
                what: "role",
                name: name.to_owned(),
            });
        }
        self.change(
            actor,
            "create role",
            "CREATE (:Role {name: $name})",
            [("name", name.into())],
        )
    }

    /// Removes a role, from those who have it too.
    ///
    /// # Errors
    /// There is none of the name, or it is built in.
    pub fn drop_role(&self, actor: &str, name: &str) -> Result<()> {
        let _changing = self.changing.lock();
        own_role(&*self.snapshot()?, name)?;
        let text = "MATCH (r:Role {name: $name}) OPTIONAL MATCH (r)-[:GRANTS]->(g:Grant) \
                    DETACH DELETE g, r";
        self.change(actor, "drop role", text, [("name", name.into())])
    }

    /// Says what a role allows on a graph, in place of what it allowed there. The graph need not be there
    /// yet.
    ///
    /// # Errors
    /// There is no role of the name, or it is built in.
    pub fn grant(&self, actor: &str, role: &str, grant: &Grant) -> Result<()> {
        let _changing = self.changing.lock();
        own_role(&*self.snapshot()?, role)?;
        let text = "MATCH (r:Role {name: $role}) MERGE (r)-[:GRANTS]->(g:Grant {graph: $graph}) \
                    SET g.actions = $actions";
        let actions: Vec<Value> = grant
            .actions
            .iter()
            .map(|action| action.name().into())
            .collect();
        let parameters = [
            ("role", role.into()),
            ("graph", Value::String(Arc::clone(&grant.graph))),
            ("actions", Value::List(actions.into())),
        ];
        self.change(actor, "grant", text, parameters)
    }

    /// Makes an API key for a user. Its text is told here and never again.
    ///
    /// # Errors
    /// There is no such user.
    pub fn create_api_key(
        &self,
        actor: &str,
        user: &str,
        label: &str,
        expires: Option<SystemTime>,
    ) -> Result<NewApiKey> {
        let _changing = self.changing.lock();
        known_user(&*self.snapshot()?, user)?;
        let key = NewApiKey::generate();
        let text = "MATCH (u:User {name: $user}) \
                    CREATE (:ApiKey {id: $id, hash: $hash, label: $label, expires: $expires})-[:OF]->(u)";
        let parameters = [
            ("user", user.into()),
            ("id", key.id.as_str().into()),
            ("hash", key.hash.as_str().into()),
            ("label", label.into()),
            (
                "expires",
                expires.map_or(Value::Null, |end| Value::Int(end.0)),
            ),
        ];
        self.change(actor, "create API key", text, parameters)?;
        Ok(key)
    }

    /// Removes an API key.
    ///
    /// # Errors
    /// There is none of the id.
    pub fn drop_api_key(&self, actor: &str, id: &str) -> Result<()> {
        let _changing = self.changing.lock();
        if !self.snapshot()?.keys.contains_key(id) {
            return Err(DirectoryError::Missing {
                what: "API key",
                name: id.to_owned(),
            });
        }
        let text = "MATCH (k:ApiKey {id: $id}) DETACH DELETE k";
        self.change(actor, "drop API key", text, [("id", id.into())])
    }

    /// Records failed logins for auditors.
    pub(crate) fn record(&self, failures: &[FailedLogins]) -> Result<()> {
        let row = |failed: &FailedLogins| {
            let entries = [
                ("user", Value::String(Arc::clone(&failed.user))),
                ("peer", failed.peer.as_str().into()),
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
        self.change(SYSTEM, "record failed logins", text, parameters)
    }

    fn hash(&self, name: &str, password: Option<&Secret>) -> Result<Value> {
        let Some(password) = password else {
            return Ok(Value::Null);
        };
        password::check(name, password)?;
        Ok(password::hash(password)?.as_str().into())
    }

    fn query(
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
        actor: &str,
        activity: &str,
        text: &str,
        parameters: [(&str, Value); N],
    ) -> Result<()> {
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value));
        let options = RunOptions {
            commit: CommitInfo {
                actor: actor.into(),
                activity: Some(activity.into()),
                ..CommitInfo::default()
            },
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

fn known_user<'s>(snapshot: &'s Snapshot, name: &str) -> Result<&'s User> {
    snapshot
        .users
        .get(name)
        .ok_or_else(|| DirectoryError::Missing {
            what: "user",
            name: name.to_owned(),
        })
}

fn known_role(snapshot: &Snapshot, name: &str) -> Result<()> {
    match snapshot.has_role(name) {
        true => Ok(()),
        false => Err(DirectoryError::Missing {
            what: "role",
            name: name.to_owned(),
        }),
    }
}

/// A role that can be changed.
fn own_role(snapshot: &Snapshot, name: &str) -> Result<()> {
    match built_in(name) {
        Some(_) => Err(DirectoryError::BuiltIn(name.to_owned())),
        None => known_role(snapshot, name),
    }
}

/// Somebody but this user can administer, or this one could not anyway.
fn check_admin_remains(snapshot: &Snapshot, name: &str) -> Result<()> {
    let is_admin = |user: &User| {
        let mut roles = user.roles.iter();
        !user.is_suspended
            && user.password.is_some()
            && roles.any(|role| built_in(role).is_some_and(|role| role.is_operator))
    };
    let mut admins = snapshot.users.values().filter(|user| is_admin(user));
    match (admins.next(), admins.next()) {
        (Some(only), None) if *only.name == *name => {
            Err(DirectoryError::LastAdmin(name.to_owned()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Actions, Context, Resource, decide};
    use retrograph_server::OpenOptions;

    fn opened(path: &std::path::Path) -> Directory {
        let database = Database::open(path, OpenOptions { create: true }).expect("opened");
        Directory::open(database).expect("a directory")
    }

    #[test]
    fn users_and_what_they_may_do_outlast_a_restart() {
        let place = tempfile::tempdir().expect("a place");
        let directory = opened(place.path());
        let password = Secret::from("correct horse");
        directory
            .create_user("root", "ana", Some(&password), true)
            .expect("made");
        directory.assign("root", "ana", "reader").expect("given");
        directory.create_role("root", "clerk").expect("made");
        let grant = Grant {
            graph: "harbor".into(),
            actions: Actions::of(&[Action::Write, Action::Schema]),
        };
        directory.grant("root", "clerk", &grant).expect("granted");
        directory.assign("root", "ana", "clerk").expect("given");
        directory
            .assign("root", "ana", "clerk")
            .expect("given once more");
        drop(directory);

        let directory = opened(place.path());
        let users = directory.users().expect("listed");
        let [ana] = users.as_slice() else {
            panic!("one user: {users:?}");
        };
        assert_eq!(ana.roles, ["clerk".into(), "reader".into()]);
        assert!(ana.has_password && ana.must_change_password && !ana.is_suspended);
        let snapshot = directory.snapshot().expect("read");
        let mut principal = snapshot.principal(&snapshot.users["ana"], None);
        assert!(principal.must_change_password);
        principal.must_change_password = false;
        let context = Context { now: SystemTime(0) };
        let may = |action, graph| {
            let tenant = directory.tenant_of(graph).expect("read");
            let resource = Resource {
                graph,
                tenant: &tenant,
            };
            decide(&principal, action, &resource, &context).is_allowed()
        };
        assert!(may(Action::Write, "harbor") && may(Action::Read, "port"));
        assert!(!may(Action::Write, "port") && !may(Action::Admin, EVERY_GRAPH));
    }

    #[test]
    fn the_last_administrator_stays() {
        let place = tempfile::tempdir().expect("a place");
        let directory = opened(place.path());
        let password = Secret::from("correct horse");
        for name in ["one", "two"] {
            directory
                .create_user("root", name, Some(&password), false)
                .expect("made");
            directory.assign("root", name, "admin").expect("given");
        }
        directory.suspend("root", "two", true).expect("one is left");
        for refused in [
            directory.drop_user("one", "one"),
            directory.suspend("one", "one", true),
            directory.unassign("one", "one", "admin"),
        ] {
            assert!(matches!(refused, Err(DirectoryError::LastAdmin(_))));
        }
        directory.suspend("one", "two", false).expect("back");
        directory.drop_user("two", "one").expect("two is left");
    }

    #[test]
    fn a_change_counts_for_those_who_are_logged_in() {
        let place = tempfile::tempdir().expect("a place");
        let directory = opened(place.path());
        directory
            .create_user("root", "ana", None, false)
            .expect("made");
        directory.assign("root", "ana", "editor").expect("given");
        let snapshot = directory.snapshot().expect("read");
        let principal = snapshot.principal(&snapshot.users["ana"], None);
        directory.unassign("root", "ana", "editor").expect("taken");
        let now = directory
            .refresh(&principal)
            .expect("read")
            .expect("still there");
        assert!(now.grants.is_empty());
        directory.suspend("root", "ana", true).expect("suspended");
        assert_eq!(directory.refresh(&principal).expect("read"), None);
        directory.drop_user("root", "ana").expect("gone");
        directory
            .create_user("root", "ana", None, false)
            .expect("another one");
        assert_eq!(
            directory.refresh(&principal).expect("read"),
            None,
            "not the same user"
        );
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let place = tempfile::tempdir().expect("a place");
        let directory = opened(place.path());
        directory
            .create_user("root", "ana", None, false)
            .expect("made");
        let told = |result: Result<()>| result.expect_err("refused").to_string();
        for bad in ["", "9lives", "a b", "é", &"x".repeat(64)] {
            assert!(
                told(directory.create_user("root", bad, None, false)).contains("cannot be a name")
            );
        }
        assert_eq!(
            told(directory.create_user("root", "ana", None, false)),
            "there is a user `ana` already"
        );
        assert_eq!(
            told(directory.assign("root", "ana", "king")),
            "there is no role `king`"
        );
        assert_eq!(
            told(directory.drop_user("root", "ben")),
            "there is no user `ben`"
        );
        assert!(told(directory.drop_role("root", "reader")).contains("built in"));
        assert!(told(directory.create_role("root", "admin")).contains("already"));
        let weak = Secret::from("short");
        assert!(told(directory.set_password("root", "ana", &weak, false)).contains("fewer than"));
    }
}
