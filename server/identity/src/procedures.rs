//! Users, roles and keys by procedure, so that every driver and shell can administer. The statements of administration
//! (`CREATE USER` and its kin) are calls of these.
//!
//! A call takes effect at once, whatever becomes of the transaction it is made in: the state is in the
//! graph `system`, not in the one the caller works on. `user.changePassword` and what tells of the caller are for
//! everybody, `audit.*` for those who may audit, the others for those who may administer.

mod arguments;
mod audit;
mod entry;
mod keys;
mod roles;
mod tenants;
mod users;

use std::sync::Arc;

use retrograph_engine::functions::Procedure;
use retrograph_engine::{QueryError, Refusal, RuntimeError};

use crate::{Authenticator, DirectoryError};

/// The procedure that those may call who can do nothing else before they change their password.
pub const CHANGE_PASSWORD: &str = "user.changePassword";

/// The procedures over the users that an authenticator recognises.
#[must_use]
pub fn procedures(authenticator: &Arc<Authenticator>) -> Vec<Procedure> {
    let entries = [
        users::entries(),
        roles::entries(),
        keys::entries(),
        tenants::entries(),
        audit::entries(),
    ];
    let entries = entries.into_iter().flatten();
    entries
        .map(|entry| entry.procedure(authenticator))
        .collect()
}

impl From<DirectoryError> for QueryError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Query(error) => error,
            error @ DirectoryError::TooOften { .. } => Refusal::TooOften(error.to_string()).into(),
            other => RuntimeError::argument(other.to_string()).into(),
        }
    }
}

/// The result of changing something; nothing happens `if_exists` is asked for and there is none.
fn if_there(changed: Result<(), DirectoryError>, if_exists: bool) -> Result<(), QueryError> {
    match changed {
        Err(DirectoryError::Missing { .. }) if if_exists => Ok(()),
        changed => Ok(changed?),
    }
}
