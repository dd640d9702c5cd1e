//! What auditors read: failed logins, and who changed users, roles and keys.

use std::sync::Arc;

use retrograph_engine::{Output, Parameters, QueryError, RunOptions};
use retrograph_graph::ids::{SystemTime, Version};
use retrograph_graph::value::Value;

use crate::directory::RECORDING;
use crate::snapshot::Malformed;
use crate::{Directory, DirectoryError};

/// Failed logins as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedFailure {
    /// The user; `(unknown)` if there was none, `(various)` if they are not told apart.
    pub user: Arc<str>,
    /// An address or a network; `(various)` if they are not told apart.
    pub peer: Arc<str>,
    /// From how many addresses, as far as they were told apart.
    pub addresses: i64,
    /// How many there were.
    pub count: i64,
    /// The first of them.
    pub first: SystemTime,
    /// The last of them.
    pub last: SystemTime,
}

/// A change of users, roles, keys or graphs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedChange {
    /// The version of the graph `system` that it made.
    pub version: Version,
    /// When.
    pub time: SystemTime,
    /// The id of who made it.
    pub actor: Arc<str>,
    /// The name of who made it, if they are still a user.
    pub actor_name: Option<Arc<str>>,
    /// The id of the user for whom, if for another one.
    pub on_behalf_of: Option<Arc<str>>,
    /// What was done.
    pub activity: Option<Arc<str>>,
}

/// How far back is looked before the caller is asked whether to go on.
const STRIDE: u64 = 1_000;

impl Directory {
    /// The latest records of failed logins, the last first. One for which `is_wanted` is false is left out.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn failed_logins(
        &self,
        limit: usize,
        is_wanted: impl Fn(&AuditedFailure) -> bool,
    ) -> Result<Vec<AuditedFailure>, DirectoryError> {
        let text = "MATCH (f:FailedLogin) \
                    RETURN f.user, f.peer, coalesce(f.addresses, 1), f.count, f.first, f.last \
                    ORDER BY f.last DESC";
        let options = RunOptions {
            is_read_only: true,
            ..RunOptions::default()
        };
        let rows = self.query(text, Parameters::new(), &options)?;
        let mut found = Vec::new();
        for row in &rows {
            let failure = failure(row).ok_or(Malformed("a failed login"))?;
            if found.len() == limit {
                break;
            }
            if is_wanted(&failure) {
                found.push(failure);
            }
        }
        Ok(found)
    }

    /// The latest changes, the last first; not the records of failed logins. `check` is asked now and then
    /// whether to go on.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn changes(
        &self,
        limit: usize,
        is_wanted: impl Fn(&AuditedChange) -> bool,
        check: impl Fn() -> Result<(), QueryError>,
    ) -> Result<Vec<AuditedChange>, DirectoryError> {
        let snapshot = self.snapshot()?;
        let names = snapshot.names_by_id();
        let mut found = Vec::new();
        let mut version = self.system().latest();
        while version.0 > 0 && found.len() < limit {
            if version.0.is_multiple_of(STRIDE) {
                check()?;
            }
            let header = self.system().commit_header(version);
            if let Some(header) = header.map_err(QueryError::from)?
                && header.activity.as_deref() != Some(RECORDING)
            {
                let change = AuditedChange {
                    version,
                    time: header.time,
                    actor_name: names.get(&header.actor).cloned(),
                    actor: header.actor,
                    on_behalf_of: header.on_behalf_of,
                    activity: header.activity,
                };
                if is_wanted(&change) {
                    found.push(change);
                }
            }
            version = Version(version.0 - 1);
        }
        Ok(found)
    }
}

fn failure(row: &[Output]) -> Option<AuditedFailure> {
    let [user, peer, addresses, count, first, last] = row else {
        return None;
    };
    let text = |output: &Output| match output {
        Output::Value(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let number = |output: &Output| match output {
        Output::Value(Value::Int(number)) => Some(*number),
        _ => None,
    };
    Some(AuditedFailure {
        user: text(user)?,
        peer: text(peer)?,
        addresses: number(addresses)?,
        count: number(count)?,
        first: SystemTime(number(first)?),
        last: SystemTime(number(last)?),
    })
}
