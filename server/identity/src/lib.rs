//! Who may do what.
//!
//! The state is in the `system` graph, changed by ordinary transactions, so it has versions, commits and
//! replication like any other:
//!
//! ```text
//! (:User {id, name, tenant, password, mustChangePassword, suspended})-[:HAS_ROLE]->(:Role {name})
//! (:Role {name})-[:GRANTS]->(:Grant {graph, actions})
//! (:Tenant {name, weight, concurrent, …})-[:HOLDS]->(:Grant {graph, actions})
//! (:Graph {name, tenant, …})
//! (:ApiKey {id, hash, label, expires})-[:OF]->(:User)
//! (:FailedLogin {user, peer, addresses, count, first, last})
//! ```
//!
//! [`Directory`] reads and changes it, [`Authenticator`] says who a client is, and [`decide`] whether they
//! may do something. Nothing else decides that.

mod api_key;
mod audit;
mod authenticator;
mod author;
mod authorizer;
mod directory;
mod failures;
mod first_start;
mod password;
mod principal;
mod procedures;
mod role;
mod secret;
mod snapshot;
mod throttle;
mod token;
mod turns;

pub use api_key::NewApiKey;
pub use audit::{AuditedChange, AuditedFailure};
pub use authenticator::{Authenticator, Credentials, LoginError};
pub use author::Author;
pub use authorizer::{Context, Decision, Resource, decide};
pub use directory::{
    ApiKeyInfo, Directory, DirectoryError, Existing, RoleGrant, TenantInfo, UserChanges, UserInfo,
};
pub use first_start::{CREDENTIAL_FILE, FirstStartError, ensure_admin, read_credential};
pub use password::PasswordError;
pub use principal::{Principal, Proof};
pub use procedures::{CHANGE_PASSWORD, procedures};
pub use role::{Action, Actions, EVERY_GRAPH, Grant, ROLES};
pub use secret::Secret;
pub use token::{Algorithm, IssuerError, IssuerSettings, KeySource, TokenError, read_issuers};

/// The tenant of users and graphs that name none.
pub const DEFAULT_TENANT: &str = "main";
