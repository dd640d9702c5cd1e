//! Administration: users, roles and API keys. For administrators.

use std::fmt;

use retrograph_proto::v1;
use retrograph_proto::v1::admin_client::AdminClient;

use crate::client::{Client, call, change, pages};
use crate::error::Error;
use crate::temporal::Timestamp;
use crate::tenants::Limits;
use crate::wire;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// Opaque, and never given to another; what commits record.
    pub id: String,
    /// The name to log in with.
    pub name: String,
    /// The tenant.
    pub tenant: String,
    /// The roles.
    pub roles: Vec<String>,
    /// Whether there is a password to log in with.
    pub has_password: bool,
    /// Whether the password is to be changed before anything else.
    pub must_change_password: bool,
    /// Whether the user may neither log in nor do anything.
    pub is_suspended: bool,
    /// What the user may take of what the tenant may.
    pub limits: Limits,
}

/// A role and what it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it allows on which graphs.
    pub grants: Vec<RoleGrant>,
    /// Whether it is always there and cannot be changed.
    pub is_built_in: bool,
}

/// What a role allows on a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleGrant {
    /// The graph; `*` for every graph of the tenant.
    pub graph: String,
    /// The actions: `read`, `read-past`, `write`, `schema`, `admin`, `audit`.
    pub actions: Vec<String>,
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKey {
    /// Its id.
    pub id: String,
    /// The name of its user.
    pub user: String,
    /// What it is for.
    pub label: String,
    /// When it ends; never if absent.
    pub expires: Option<Timestamp>,
}

/// An API key that was made just now.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewApiKey {
    /// Its id.
    pub id: String,
    /// The key itself. The server tells it this once.
    pub key: String,
}

/// A password that an administrator gives to somebody.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPassword {
    text: String,
    is_kept: bool,
}

impl NewPassword {
    /// One that has to be changed at the next login, before anything else.
    #[must_use]
    pub fn to_be_changed(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_kept: false,
        }
    }

    /// One that may be kept.
    #[must_use]
    pub fn kept(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_kept: true,
        }
    }
}

/// Without the password.
impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPassword")
            .field("is_kept", &self.is_kept)
            .finish_non_exhaustive()
    }
}

/// Without the key.
impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Users, roles and API keys of a server. What is changed counts at once, also for those who are logged in.
///
/// ```
/// # retrograph_client_harness::with_administrator(async |url, password| {
/// use retrograph_client::{Client, NewPassword};
///
/// let client = Client::builder().endpoint(url).user("admin", password).connect().await?;
/// let admin = client.admin();
///
/// admin.create_role("clerk").await?;
/// admin.grant("clerk", "harbor", ["read", "write"]).await?; // no past
/// admin.create_user("ana", NewPassword::to_be_changed("correct horse")).await?;
/// admin.assign_role("clerk", "ana").await?;
///
/// admin.create_user("nightly", None).await?; // by keys only
/// admin.assign_role("reader", "nightly").await?;
/// let made = admin.create_api_key("nightly", "nightly job", 90).await?;
/// store(&made.key);
///
/// for user in admin.users().await? {
///     println!("{} of {}: {}", user.name, user.tenant, user.roles.join(", "));
/// }
/// # fn store(_: &str) {}
/// # assert_eq!(admin.users().await?.len(), 3);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
pub struct Admin(Client);

impl Client {
    /// Users, roles and API keys.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin(self.clone())
    }
}

impl Admin {
    /// The users with their roles, by name.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        let message = v1::ListUsersRequest::default();
        let users = pages!(&self.0, AdminClient, list_users, message, users)?;
        let user = |user: v1::User| User {
            id: user.user_id,
            name: user.name,
            tenant: user.tenant,
            roles: user.roles,
            has_password: user.has_password,
            must_change_password: user.must_change_password,
            is_suspended: user.suspended,
            limits: Limits::received(user.limits),
        };
        Ok(users.into_iter().map(user).collect())
    }

    /// Makes a user; without a password one who logs in by API keys or certificates only.
    ///
    /// # Errors
    /// If there is one of the name, or name or password cannot be used.
    pub async fn create_user(
        &self,
        name: impl Into<String>,
        password: impl Into<Option<NewPassword>>,
    ) -> Result<(), Error> {
        let password = password.into();
        let message = v1::CreateUserRequest {
            name: name.into(),
            keep_password: password.as_ref().is_some_and(|password| password.is_kept),
            password: password.map(|password| password.text),
        };
        change!(&self.0, AdminClient, create_user, message)
    }

    /// Removes a user with their API keys. The last one who can administer stays.
    ///
    /// # Errors
    /// If there is none of the name, or it is that one.
    pub async fn drop_user(&self, name: impl Into<String>) -> Result<(), Error> {
        change!(
            &self.0,
            AdminClient,
            drop_user,
            v1::DropUserRequest { name: name.into() }
        )
    }

    /// Forbids a user to log in and to do anything.
    ///
    /// # Errors
    /// If there is none of the name, or it is the last one who can administer.
    pub async fn suspend_user(&self, name: impl Into<String>) -> Result<(), Error> {
        let message = v1::SuspendUserRequest {
            name: name.into(),
            resume: false,
        };
        change!(&self.0, AdminClient, suspend_user, message)
    }

    /// Lets a user in again.
    ///
    /// # Errors
    /// If there is none of the name.
    pub async fn resume_user(&self, name: impl Into<String>) -> Result<(), Error> {
        let message = v1::SuspendUserRequest {
            name: name.into(),
            resume: true,
        };
        change!(&self.0, AdminClient, suspend_user, message)
    }

    /// Sets the password of a user. One's own is changed by
    /// [`Client::change_password`](crate::Client::change_password).
    ///
    /// # Errors
    /// If there is none of the name, or the password cannot be used.
    pub async fn set_password(
        &self,
        name: impl Into<String>,
        password: NewPassword,
    ) -> Result<(), Error> {
        let message = v1::SetPasswordRequest {
            name: name.into(),
            password: password.text,
            keep_password: password.is_kept,
        };
        change!(&self.0, AdminClient, set_password, message)
    }

    /// The roles and what each allows, by name.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn roles(&self) -> Result<Vec<Role>, Error> {
        let message = v1::ListRolesRequest::default();
        let roles = pages!(&self.0, AdminClient, list_roles, message, roles)?;
        let grant = |grant: v1::RoleGrant| RoleGrant {
            graph: grant.graph,
            actions: grant.actions,
        };
        let role = |role: v1::Role| Role {
            name: role.name,
            grants: role.grants.into_iter().map(grant).collect(),
            is_built_in: role.built_in,
        };
        Ok(roles.into_iter().map(role).collect())
    }

    /// Makes a role that allows nothing yet.
    ///
    /// # Errors
    /// If there is one of the name, or it cannot be one.
    pub async fn create_role(&self, name: impl Into<String>) -> Result<(), Error> {
        change!(
            &self.0,
            AdminClient,
            create_role,
            v1::CreateRoleRequest { name: name.into() }
        )
    }

    /// Removes a role, from those who have it too.
    ///
    /// # Errors
    /// If there is none of the name, or it is built in.
    pub async fn drop_role(&self, name: impl Into<String>) -> Result<(), Error> {
        change!(
            &self.0,
            AdminClient,
            drop_role,
            v1::DropRoleRequest { name: name.into() }
        )
    }

    /// Says what a role allows on a graph, or on `*`, in place of what it allowed there; no actions allow nothing.
    ///
    /// # Errors
    /// If there is no such role, graph or action, or the role is built in.
    pub async fn grant<A: Into<String>>(
        &self,
        role: impl Into<String>,
        graph: impl Into<String>,
        actions: impl IntoIterator<Item = A>,
    ) -> Result<(), Error> {
        let grant = v1::RoleGrant {
            graph: graph.into(),
            actions: actions.into_iter().map(Into::into).collect(),
        };
        let message = v1::GrantRequest {
            role: role.into(),
            grant: Some(grant),
        };
        change!(&self.0, AdminClient, grant, message)
    }

    /// Gives a user a role.
    ///
    /// # Errors
    /// If there is no such role or user.
    pub async fn assign_role(
        &self,
        role: impl Into<String>,
        user: impl Into<String>,
    ) -> Result<(), Error> {
        let message = v1::AssignRoleRequest {
            role: role.into(),
            user: user.into(),
        };
        change!(&self.0, AdminClient, assign_role, message)
    }

    /// Takes a role from a user.
    ///
    /// # Errors
    /// If there is no such role or user, or the user is the last one who can administer.
    pub async fn unassign_role(
        &self,
        role: impl Into<String>,
        user: impl Into<String>,
    ) -> Result<(), Error> {
        let message = v1::UnassignRoleRequest {
            role: role.into(),
            user: user.into(),
        };
        change!(&self.0, AdminClient, unassign_role, message)
    }

    /// The API keys without their secrets, by id.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, Error> {
        let message = v1::ListApiKeysRequest::default();
        let keys = pages!(&self.0, AdminClient, list_api_keys, message, api_keys)?;
        let key = |key: v1::ApiKey| ApiKey {
            id: key.key_id,
            user: key.user,
            label: key.label,
            expires: key.expires.map(wire::from_timestamp),
        };
        Ok(keys.into_iter().map(key).collect())
    }

    /// Makes an API key for a user that ends in so many days, or never.
    ///
    /// # Errors
    /// If there is no such user.
    pub async fn create_api_key(
        &self,
        user: impl Into<String>,
        label: impl Into<String>,
        days: impl Into<Option<u32>>,
    ) -> Result<NewApiKey, Error> {
        let message = v1::CreateApiKeyRequest {
            user: user.into(),
            label: label.into(),
            days: days.into().unwrap_or_default(),
        };
        let made = call!(&self.0, false, AdminClient, create_api_key, message)?;
        Ok(NewApiKey {
            id: made.key_id,
            key: made.key,
        })
    }

    /// Removes an API key.
    ///
    /// # Errors
    /// If there is none of the id.
    pub async fn drop_api_key(&self, id: impl Into<String>) -> Result<(), Error> {
        change!(
            &self.0,
            AdminClient,
            drop_api_key,
            v1::DropApiKeyRequest { key_id: id.into() }
        )
    }
}
