//! Users: listed, made, changed, removed.

use std::sync::Arc;

use retrograph_graph::value::Value;

use super::{Directory, DirectoryError, Result, SYSTEM, check_name, known_user};
use crate::role::built_in;
use crate::snapshot::{Snapshot, User};
use crate::{Author, DEFAULT_TENANT, Secret, password};

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

impl Directory {
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

    /// Makes a user; without a password they can log in by an API key only. `actor` is who asks for it.
    ///
    /// # Errors
    /// The name or the password cannot be used, or the name is taken.
    pub fn create_user(
        &self,
        actor: impl Into<Author>,
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
        self.change(actor, &format!("create user `{name}`"), text, parameters)
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
    pub fn drop_user(&self, actor: impl Into<Author>, name: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_user(&snapshot, name)?;
        check_admin_remains(&snapshot, name)?;
        let text =
            "MATCH (u:User {name: $name}) OPTIONAL MATCH (k:ApiKey)-[:OF]->(u) DETACH DELETE k, u";
        self.change(
            actor,
            &format!("drop user `{name}`"),
            text,
            [("name", name.into())],
        )
    }

    /// Sets the password of a user.
    ///
    /// # Errors
    /// There is none of the name, or the password cannot be used.
    pub fn set_password(
        &self,
        actor: impl Into<Author>,
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
        self.change(
            actor,
            &format!("set the password of user `{name}`"),
            text,
            parameters,
        )
    }

    /// Forbids a user to log in and to do anything, or allows it again.
    ///
    /// # Errors
    /// There is none of the name, or it is the last one who can administer.
    pub fn suspend(&self, actor: impl Into<Author>, name: &str, suspended: bool) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_user(&snapshot, name)?;
        if suspended {
            check_admin_remains(&snapshot, name)?;
        }
        let text = "MATCH (u:User {name: $name}) SET u.suspended = $suspended";
        let parameters = [("name", name.into()), ("suspended", Value::Bool(suspended))];
        let activity = match suspended {
            true => format!("suspend user `{name}`"),
            false => format!("let user `{name}` in again"),
        };
        self.change(actor, &activity, text, parameters)
    }

    fn hash(&self, name: &str, password: Option<&Secret>) -> Result<Value> {
        let Some(password) = password else {
            return Ok(Value::Null);
        };
        password::check(name, password)?;
        Ok(password::hash(password)?.as_str().into())
    }
}

/// Somebody but this user can administer, or this one could not anyway.
pub(super) fn check_admin_remains(snapshot: &Snapshot, name: &str) -> Result<()> {
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
