//! Somebody who was recognised.

use std::sync::Arc;

use retrograph_graph::ids::SystemTime;

use crate::Grant;

/// By what somebody was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Their password.
    Password,
    /// The API key of this id, for as long as it is there.
    ApiKey(Arc<str>),
    /// A certificate within TLS.
    Certificate,
    /// A token of an issuer.
    Token {
        /// Who vouches for them.
        issuer: Arc<str>,
        /// Their roles; none if those count that the user of the name has.
        roles: Option<Arc<[Arc<str>]>>,
    },
    /// This administrator acts for them, for as long as they may.
    Impersonated(Arc<Principal>),
}

/// Somebody who was recognised, with what they were granted when it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Never changes and is never given to anybody else.
    pub id: Arc<str>,
    /// The name of the user, as recorded with what they do.
    pub name: Arc<str>,
    /// Whom they belong to.
    pub tenant: Arc<str>,
    /// What they may do.
    pub grants: Arc<[Grant]>,
    /// What other tenants let this one do with their graphs.
    pub tenant_grants: Arc<[Grant]>,
    /// Whether a role reaches beyond the tenant.
    pub is_operator: bool,
    /// By what they were recognised.
    pub proof: Proof,
    /// Whether they may do nothing but change their password.
    pub must_change_password: bool,
    /// When what they were recognised by ends.
    pub expires: Option<SystemTime>,
}
