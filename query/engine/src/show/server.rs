//! SHOW DATABASES, SETTINGS and CURRENT USER: what the program around the engine knows.

use std::sync::Arc;

use retrograph_graph::value::Value;

use super::{Host, Listing, Row, listing_of, named, optional, strings};
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::functions::temporal::instant_utc;
use crate::functions::{CallContext, list, text};
use crate::surroundings::{DatabaseDescription, Setting};
use crate::types::Type;

/// The databases there are; the caller's own if the program names none.
pub(crate) fn described_databases(
    host: &Host,
    context: &CallContext<'_>,
) -> Result<Vec<DatabaseDescription>, QueryError> {
    let found = host.surroundings.read().databases();
    let mut databases = found.map_err(|error| {
        RuntimeError::new(
            RuntimeKind::ProcedureError,
            "ProcedureCallFailed",
            format!("the databases cannot be listed: {error}"),
        )
    })?;
    let is_known = !databases.is_empty();
    if let Some(admission) = &context.caller.admission {
        databases.retain(|database| admission.may_see(&database.name));
    }
    if !is_known {
        databases.push(DatabaseDescription {
            name: context.caller.origin.database().into(),
            is_system: false,
            is_default: true,
            address: None,
            created: None,
        });
    }
    Ok(databases)
}

/// `SHOW DATABASES` of which `is_wanted`, given the name of the caller's own.
pub(super) fn databases(
    host: &Arc<Host>,
    is_wanted: impl Fn(&DatabaseDescription, &str) -> bool + Send + Sync + 'static,
) -> Listing {
    let columns = [
        ("name", Type::String),
        ("type", Type::String),
        ("aliases", strings()),
        ("access", Type::String),
        ("address", Type::String),
        ("role", Type::String),
        ("writer", Type::Boolean),
        ("requestedStatus", Type::String),
        ("currentStatus", Type::String),
        ("statusMessage", Type::String),
        ("default", Type::Boolean),
        ("home", Type::Boolean),
        ("constituents", strings()),
        ("creationTime", Type::DateTime),
    ];
    let host = Arc::clone(host);
    listing_of("SHOW DATABASES", &columns, 13, move |context, _| {
        let home = context.caller.origin.database().to_owned();
        Ok(described_databases(&host, context)?
            .into_iter()
            .filter(|database| is_wanted(database, &home))
            .map(|database| database_row(&database, &home))
            .collect())
    })
}

fn database_row(database: &DatabaseDescription, home: &str) -> Row {
    vec![
        Value::String(database.name.clone()),
        text(match database.is_system {
            true => "system",
            false => "standard",
        }),
        list([]),
        text("read-write"),
        optional(database.address.as_ref()),
        text("primary"),
        Value::Bool(true),
        text("online"),
        text("online"),
        text(""),
        Value::Bool(database.is_default),
        Value::Bool(&*database.name == home),
        list([]),
        database
            .created
            .map_or(Value::Null, |created| instant_utc(created.0)),
    ]
}

/// `SHOW SETTINGS [name, …]`.
pub(super) fn settings(host: &Arc<Host>) -> Listing {
    let columns = [
        ("name", Type::String),
        ("value", Type::String),
        ("isDynamic", Type::Boolean),
        ("defaultValue", Type::String),
        ("description", Type::String),
        ("startupValue", Type::String),
        ("isExplicitlySet", Type::Boolean),
        ("validValues", Type::String),
    ];
    let host = Arc::clone(host);
    listing_of("SHOW SETTINGS", &columns, 5, move |_, arguments| {
        let wanted = named(arguments, "a setting")?;
        let mut settings = host.settings.clone();
        settings.extend(host.surroundings.read().settings());
        settings.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(settings
            .into_iter()
            .filter(|setting| arguments.is_empty() || wanted.contains(&setting.name))
            .map(setting_row)
            .collect())
    })
}

fn setting_row(setting: Setting) -> Row {
    let is_set = setting.value != setting.default;
    vec![
        Value::String(setting.name),
        text(&setting.value),
        Value::Bool(false),
        text(setting.default),
        text(setting.description),
        text(&setting.value),
        Value::Bool(is_set),
        Value::Null,
    ]
}

/// `SHOW CURRENT USER` where nobody keeps users.
pub(super) fn current_user() -> Listing {
    let columns = [
        ("user", Type::String),
        ("roles", strings()),
        ("passwordChangeRequired", Type::Boolean),
        ("suspended", Type::Boolean),
        ("home", Type::String),
    ];
    listing_of("SHOW CURRENT USER", &columns, 5, |context, _| {
        Ok(vec![vec![
            text(&context.caller.user),
            Value::Null,
            Value::Bool(false),
            Value::Bool(false),
            Value::Null,
        ]])
    })
}
