//! What auditors read, by procedure.

use std::sync::Arc;

use retrograph_engine::QueryError;
use retrograph_engine::types::Type;
use retrograph_graph::value::Value;

use super::entry::{Call, Entry};
use crate::{AuditedChange, AuditedFailure, DEFAULT_TENANT};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::auditors(
            "audit.failedLogins",
            "Failed logins, the last first: of the users of the caller's tenant, or all. Times are in microseconds \
             since the Unix epoch.",
        )
        .may_take("limit", Type::Integer)
        .gives("user", Type::String)
        .gives("peer", Type::String)
        .gives("addresses", Type::Integer)
        .gives("count", Type::Integer)
        .gives("first", Type::Integer)
        .gives("last", Type::Integer)
        .rows(failed_logins),
        Entry::auditors(
            "audit.changes",
            "Who changed users, roles, keys and graphs, the last first: by users of the caller's tenant, or all. \
             The time is in microseconds since the Unix epoch.",
        )
        .may_take("limit", Type::Integer)
        .gives("version", Type::Integer)
        .gives("time", Type::Integer)
        .gives("actor", Type::String)
        .gives("actorName", Type::String)
        .gives("onBehalfOf", Type::String)
        .gives("activity", Type::String)
        .rows(changes),
    ]
}

/// The tenant whose users an auditor may know about; none for those who may know about all.
fn audited_tenant(call: &Call<'_, '_>) -> Result<Option<Arc<str>>, QueryError> {
    let caller = call.context.caller;
    let mut users = call.directory.users()?.into_iter();
    let user = users.find(|user| user.name == caller.user);
    let tenant = user.map_or_else(|| DEFAULT_TENANT.into(), |user| user.tenant);
    // Nobody's failures and the program's own changes belong to the tenant that was there first.
    let knows_all = !caller.is_confined || &*tenant == DEFAULT_TENANT;
    Ok((!knows_all).then_some(tenant))
}

fn failed_logins(call: &Call<'_, '_>) -> Result<Vec<Vec<Value>>, QueryError> {
    let limit = call.arguments.limit(0)?;
    let tenant = audited_tenant(call)?;
    let users = call.directory.users()?;
    let is_own = |name: &str| {
        let user = users.iter().find(|user| &*user.name == name);
        user.is_some_and(|user| Some(&user.tenant) == tenant.as_ref())
    };
    let failures = call
        .directory
        .failed_logins(limit, |failure| tenant.is_none() || is_own(&failure.user))?;
    let row = |failure: AuditedFailure| {
        vec![
            Value::String(failure.user),
            Value::String(failure.peer),
            Value::Int(failure.addresses),
            Value::Int(failure.count),
            Value::Int(failure.first.0),
            Value::Int(failure.last.0),
        ]
    };
    Ok(failures.into_iter().map(row).collect())
}

fn changes(call: &Call<'_, '_>) -> Result<Vec<Vec<Value>>, QueryError> {
    let limit = call.arguments.limit(0)?;
    let tenant = audited_tenant(call)?;
    let users = call.directory.users()?;
    let is_own = |id: &str| {
        let user = users.iter().find(|user| &*user.id == id);
        user.is_some_and(|user| Some(&user.tenant) == tenant.as_ref())
    };
    let changes = call.directory.changes(
        limit,
        |change| tenant.is_none() || is_own(&change.actor),
        || (call.context.check)(0),
    )?;
    let optional = |text: Option<Arc<str>>| text.map_or(Value::Null, Value::String);
    let row = |change: AuditedChange| {
        vec![
            Value::Int(change.version.0.cast_signed()),
            Value::Int(change.time.0),
            Value::String(change.actor),
            optional(change.actor_name),
            optional(change.on_behalf_of),
            optional(change.activity),
        ]
    };
    Ok(changes.into_iter().map(row).collect())
}
