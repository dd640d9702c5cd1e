//! Users: listed, made, changed, removed.

use std::sync::Arc;

use retrograph_admission::Limits;
use retrograph_graph::value::Value;

use super::{
    Directory, DirectoryError, Existing, Result, SYSTEM, check_name, is_to_be_made, known_user,
};
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
    /// What they may take of what their tenant may.
    pub limits: Limits,
}

/// What is said of a user who is made or changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserChanges<'a> {
    /// Their password from now on.
    pub password: Option<&'a Secret>,
    /// Whether they must change it before they do anything else.
    pub must_change: Option<bool>,
    /// Whether they can do nothing at all.
    pub is_suspended: Option<bool>,
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
                limits: Limits::clone(&snapshot.limits_of_user(&user.name)),
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
        let user = UserChanges {
            password,
            must_change: Some(must_change),
            is_suspended: None,
        };
        self.make_user(actor, name, &user, Existing::Fail)
    }

    /// Makes a user as [`Self::create_user`] does. One that is replaced is another user from then on: without the
    /// roles, the keys and the tenant of the one before.
    ///
    /// # Errors
    /// The name or the password cannot be used, the name is taken and that matters, or the last one who can
    /// administer would be replaced.
    pub fn make_user(
        &self,
        actor: impl Into<Author>,
        name: &str,
        user: &UserChanges<'_>,
        existing: Existing,
    ) -> Result<()> {
        check_name(name)?;
        let hash = self.hash(name, user.password)?;
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        let is_taken = snapshot.users.contains_key(name);
        if !is_to_be_made(existing, is_taken, "user", name)? {
            return Ok(());
        }
        check_admin_remains(&snapshot, &[name])?;
        let text = "OPTIONAL MATCH (old:User {name: $name}) OPTIONAL MATCH (k:ApiKey)-[:OF]->(old) \
                    DETACH DELETE k, old \
                    WITH count(*) AS dropped \
                    CREATE (:User {id: randomUUID(), name: $name, tenant: $tenant, password: $hash, \
                    mustChangePassword: $mustChange, suspended: $suspended})";
        let must_change = user.must_change.unwrap_or(true) && user.password.is_some();
        let parameters = [
            ("name", Value::from(name)),
            ("tenant", Value::from(DEFAULT_TENANT)),
            ("hash", hash),
            ("mustChange", Value::Bool(must_change)),
            ("suspended", Value::Bool(user.is_suspended.unwrap_or(false))),
        ];
        let mut activity = match is_taken {
            true => format!("replace user `{name}`"),
            false => format!("create user `{name}`"),
        };
        if user.is_suspended == Some(true) {
            activity.push_str(", suspended");
        }
        self.change(actor, &activity, text, parameters)
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
        check_admin_remains(&snapshot, &[name])?;
        let text =
            "MATCH (u:User {name: $name}) OPTIONAL MATCH (k:ApiKey)-[:OF]->(u) DETACH DELETE k, u";
        self.change(
            actor,
            &format!("drop user `{name}`"),
            text,
            [("name", name.into())],
        )
    }

    /// Gives a user another name. What they did stays theirs, as it is kept by their id; who is logged in under the
    /// old name logs in again.
    ///
    /// # Errors
    /// There is none of the name, or the new name cannot be used or is taken.
    pub fn rename_user(&self, actor: impl Into<Author>, name: &str, to: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_user(&snapshot, name)?;
        check_name(to)?;
        is_to_be_made(Existing::Fail, snapshot.users.contains_key(to), "user", to)?;
        self.change(
            actor,
            &format!("rename user `{name}` to `{to}`"),
            "MATCH (u:User {name: $name}) SET u.name = $to",
            [("name", name.into()), ("to", to.into())],
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
        let changes = UserChanges {
            password: Some(password),
            must_change: Some(must_change),
            is_suspended: None,
        };
        self.alter_user(actor, name, &changes)
    }

    /// Forbids a user to log in and to do anything, or allows it again.
    ///
    /// # Errors
    /// There is none of the name, or it is the last one who can administer.
    pub fn suspend(&self, actor: impl Into<Author>, name: &str, suspended: bool) -> Result<()> {
        let changes = UserChanges {
            is_suspended: Some(suspended),
            ..UserChanges::default()
        };
        self.alter_user(actor, name, &changes)
    }

    /// Changes what is said of a user; the rest stays.
    ///
    /// # Errors
    /// There is none of the name, the password cannot be used, or the last one who can administer would be
    /// suspended.
    pub fn alter_user(
        &self,
        actor: impl Into<Author>,
        name: &str,
        changes: &UserChanges<'_>,
    ) -> Result<()> {
        let hash = self.hash(name, changes.password)?;
        let _changing = self.changing.lock();
        let snapshot = self.snapshot()?;
        known_user(&snapshot, name)?;
        if changes.is_suspended == Some(true) {
            check_admin_remains(&snapshot, &[name])?;
        }
        let mut activities = Vec::new();
        if changes.password.is_some() {
            activities.push(format!("set the password of user `{name}`"));
        }
        match changes.must_change {
            Some(true) if changes.password.is_none() => {
                activities.push(format!("let user `{name}` change the password"));
            }
            Some(false) if changes.password.is_none() => {
                activities.push(format!("let user `{name}` keep the password"));
            }
            _ => {}
        }
        match changes.is_suspended {
            Some(true) => activities.push(format!("suspend user `{name}`")),
            Some(false) => activities.push(format!("let user `{name}` in again")),
            None => {}
        }
        if activities.is_empty() {
            return Ok(());
        }
        let flag = |flag: Option<bool>| flag.map_or(Value::Null, Value::Bool);
        // Null is what stays.
        let text = "MATCH (u:User {name: $name}) \
                    SET u.password = coalesce($hash, u.password), \
                    u.mustChangePassword = coalesce($mustChange, u.mustChangePassword), \
                    u.suspended = coalesce($suspended, u.suspended)";
        let parameters = [
            ("name", name.into()),
            ("hash", hash),
            ("mustChange", flag(changes.must_change)),
            ("suspended", flag(changes.is_suspended)),
        ];
        self.change(actor, &activities.join(", "), text, parameters)
    }

    fn hash(&self, name: &str, password: Option<&Secret>) -> Result<Value> {
        let Some(password) = password else {
            return Ok(Value::Null);
        };
        password::check(name, password)?;
        Ok(password::hash(password)?.as_str().into())
    }
}

/// Somebody but these users can administer, or these could not anyway.
pub(super) fn check_admin_remains<S: AsRef<str>>(snapshot: &Snapshot, names: &[S]) -> Result<()> {
    let is_admin = |user: &&User| {
        let mut roles = user.roles.iter();
        !user.is_suspended
            && user.password.is_some()
            && roles.any(|role| built_in(role).is_some_and(|role| role.is_operator))
    };
    let is_named = |user: &User| names.iter().any(|name| *user.name == *name.as_ref());
    let mut admins = snapshot.users.values().filter(is_admin).peekable();
    let Some(first) = admins.peek().map(|user| user.name.to_string()) else {
        return Ok(());
    };
    match admins.all(is_named) {
        true => Err(DirectoryError::LastAdmin(first)),
        false => Ok(()),
    }
}
