//! Users by procedure.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use retrograph_engine::surroundings::Caller;
use retrograph_engine::types::Type;
use retrograph_engine::{QueryError, Refusal};
use retrograph_graph::clock::{Clock, MachineClock};
use retrograph_graph::value::Value;

use super::entry::{Call, Entry, administrators, texts};
use super::tenants::limits;
use super::{CHANGE_PASSWORD, if_there};
use crate::{DirectoryError, Secret, UserChanges, UserInfo};

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::administrators(
            "user.create",
            "Makes a user; without a password they log in by API keys only. Of a user of the name it says what \
             happens: 'fail', 'keep' or 'replace'.",
        )
        .takes("name", Type::String)
        .may_take("password", Type::String)
        .may_take("mustChange", Type::Boolean)
        .may_take("suspended", Type::Boolean)
        .may_take("existing", Type::String)
        .does(|call| {
            let arguments = &call.arguments;
            let password = arguments.optional_text(1)?.map(Secret::from);
            let user = UserChanges {
                password: password.as_ref(),
                must_change: Some(arguments.flag(2, true)?),
                is_suspended: arguments.optional_flag(3)?,
            };
            let (name, existing) = (arguments.text(0)?, arguments.existing(4)?);
            Ok(call
                .directory
                .make_user(call.actor(), &name, &user, existing)?)
        }),
        Entry::administrators(
            "user.alter",
            "Changes what is given of a user: the password, whether it is to be changed at the next login, whether \
             the user is suspended.",
        )
        .takes("name", Type::String)
        .may_take("password", Type::String)
        .may_take("mustChange", Type::Boolean)
        .may_take("suspended", Type::Boolean)
        .may_take("ifExists", Type::Boolean)
        .does(|call| {
            let arguments = &call.arguments;
            let password = arguments.optional_text(1)?.map(Secret::from);
            let changes = UserChanges {
                password: password.as_ref(),
                must_change: arguments.optional_flag(2)?,
                is_suspended: arguments.optional_flag(3)?,
            };
            let name = arguments.text(0)?;
            let altered = call.directory.alter_user(call.actor(), &name, &changes);
            if_there(altered, arguments.flag(4, false)?)
        }),
        Entry::administrators("user.drop", "Removes a user with their API keys.")
            .takes("name", Type::String)
            .may_take("ifExists", Type::Boolean)
            .does(|call| {
                let name = call.arguments.text(0)?;
                let dropped = call.directory.drop_user(call.actor(), &name);
                if_there(dropped, call.arguments.flag(1, false)?)
            }),
        Entry::administrators(
            "user.rename",
            "Gives a user another name. Who is logged in under the old one logs in again.",
        )
        .takes("name", Type::String)
        .takes("to", Type::String)
        .may_take("ifExists", Type::Boolean)
        .does(|call| {
            let (name, to) = (call.arguments.text(0)?, call.arguments.text(1)?);
            let renamed = call.directory.rename_user(call.actor(), &name, &to);
            if_there(renamed, call.arguments.flag(2, false)?)
        }),
        Entry::administrators(
            "user.setPassword",
            "Sets the password of a user, to be changed at the next login unless said otherwise.",
        )
        .takes("name", Type::String)
        .takes("password", Type::String)
        .may_take("mustChange", Type::Boolean)
        .does(|call| {
            let (name, password) = (call.arguments.text(0)?, call.arguments.text(1)?.into());
            let must_change = call.arguments.flag(2, true)?;
            Ok(call
                .directory
                .set_password(call.actor(), &name, &password, must_change)?)
        }),
        Entry::everybody(CHANGE_PASSWORD, "Changes the caller's own password.")
            .takes("old", Type::String)
            .takes("new", Type::String)
            .does(change_password),
        Entry::administrators(
            "user.suspend",
            "Forbids a user to log in and to do anything, or allows it again.",
        )
        .takes("name", Type::String)
        .may_take("suspended", Type::Boolean)
        .does(|call| {
            let suspended = call.arguments.flag(1, true)?;
            let name = call.arguments.text(0)?;
            Ok(call.directory.suspend(call.actor(), &name, suspended)?)
        }),
        with_columns(Entry::administrators(
            "user.list",
            "The users with their roles.",
        ))
        .rows(|call| {
            let users = call.directory.users()?;
            Ok(users.into_iter().map(row).collect())
        }),
        with_columns(Entry::everybody(
            "user.current",
            "The caller as user.list shows them; of somebody who is no user here, the name alone.",
        ))
        .rows(|call| {
            let name = &call.context.caller.user;
            let mut users = call.directory.users()?.into_iter();
            let row = match users.find(|user| user.name == *name) {
                Some(user) => row(user),
                None => {
                    let unknown = || Value::Null;
                    let no = || Value::Bool(false);
                    let name = Value::String(Arc::clone(name));
                    vec![unknown(), name, unknown(), unknown(), no(), no(), no(), unknown()]
                }
            };
            Ok(vec![row])
        }),
        Entry::everybody(
            "user.grants",
            "What users are granted by their roles: the caller; for administrators, those that are named.",
        )
        .may_take("users", Type::Any)
        .gives("user", Type::String)
        .gives("role", Type::String)
        .gives("graph", Type::String)
        .gives("actions", texts())
        .gives("builtIn", Type::Boolean)
        .rows(grants),
    ]
}

fn with_columns(entry: Entry) -> Entry {
    entry
        .gives("id", Type::String)
        .gives("name", Type::String)
        .gives("tenant", Type::String)
        .gives("roles", texts())
        .gives("hasPassword", Type::Boolean)
        .gives("mustChangePassword", Type::Boolean)
        .gives("suspended", Type::Boolean)
        .gives("limits", Type::Map)
}

fn row(user: UserInfo) -> Vec<Value> {
    vec![
        Value::String(user.id),
        Value::String(user.name),
        Value::String(user.tenant),
        Value::List(user.roles.into_iter().map(Value::String).collect()),
        Value::Bool(user.has_password),
        Value::Bool(user.must_change_password),
        Value::Bool(user.is_suspended),
        limits(&user.limits),
    ]
}

fn change_password(call: &Call<'_, '_>) -> Result<(), QueryError> {
    let (old, new) = (
        call.arguments.text(0)?.into(),
        call.arguments.text(1)?.into(),
    );
    let caller = call.context.caller;
    let (address, now) = (address_of(caller), MachineClock.now());
    let user = &caller.user;
    Ok(call
        .authenticator
        .change_password(call.actor(), user, &old, &new, address, now)?)
}

/// Where a caller is.
fn address_of(caller: &Caller) -> Option<IpAddr> {
    let address = caller.origin.client_address.as_deref()?;
    let address: SocketAddr = address.parse().ok()?;
    Some(address.ip())
}

fn grants(call: &Call<'_, '_>) -> Result<Vec<Vec<Value>>, QueryError> {
    let caller = call.context.caller;
    let names = call.arguments.optional_names(0)?;
    if names.is_some()
        && let Err(missing) = administrators(caller)
    {
        let reason = format!(
            "what others are granted is told to those who have the action `{missing}` on every graph"
        );
        return Err(Refusal::Forbidden(reason).into());
    }
    let users = call.directory.users()?;
    let roles = call.directory.roles()?;
    let is_own = names.is_none();
    let names = names.unwrap_or_else(|| vec![caller.user.to_string()]);
    let mut rows = Vec::new();
    for name in names {
        let Some(user) = users.iter().find(|user| *user.name == *name) else {
            // Tokens recognise people who are no users here.
            if is_own {
                continue;
            }
            return Err(DirectoryError::Missing { what: "user", name }.into());
        };
        for listed in &roles {
            if let Some(grant) = &listed.grant
                && user.roles.contains(&listed.role)
            {
                let actions = grant.actions.iter().map(|action| action.name().into());
                rows.push(vec![
                    Value::String(Arc::clone(&user.name)),
                    Value::String(Arc::clone(&listed.role)),
                    Value::String(Arc::clone(&grant.graph)),
                    Value::List(actions.collect()),
                    Value::Bool(listed.is_built_in),
                ]);
            }
        }
    }
    Ok(rows)
}
