//! SHOW TRANSACTIONS and TERMINATE TRANSACTIONS.

use std::sync::Arc;

use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::Duration;

use super::{Host, Listing, Row, listing_of, named, optional};
use crate::activity::RunningTransaction;
use crate::functions::temporal::instant_utc;
use crate::functions::text;
use crate::surroundings::Caller;
use crate::types::Type;

/// `SHOW TRANSACTIONS [id, …]`.
pub(super) fn show(host: &Arc<Host>) -> Listing {
    let columns = [
        ("database", Type::String),
        ("transactionId", Type::String),
        ("currentQueryId", Type::String),
        ("connectionId", Type::String),
        ("clientAddress", Type::String),
        ("username", Type::String),
        ("currentQuery", Type::String),
        ("startTime", Type::String),
        ("status", Type::String),
        ("elapsedTime", Type::Duration),
        ("metaData", Type::Map),
        ("protocol", Type::String),
        ("currentQueryStartTime", Type::String),
        ("currentQueryElapsedTime", Type::Duration),
    ];
    let host = Arc::clone(host);
    listing_of(
        "SHOW TRANSACTIONS",
        &columns,
        10,
        move |context, arguments| {
            let wanted = named(arguments, "a transaction")?;
            let now = (context.now_us)();
            let running = host.activity.running().into_iter();
            Ok(running
                .filter(|transaction| is_visible(context.caller, transaction))
                .filter(|transaction| {
                    arguments.is_empty() || wanted.iter().any(|name| **name == transaction.name())
                })
                .map(|transaction| row(&transaction, now))
                .collect())
        },
    )
}

/// Whether somebody may see and end a transaction.
fn is_visible(caller: &Caller, transaction: &RunningTransaction) -> bool {
    !caller.is_confined || caller.user == transaction.caller.user
}

fn row(transaction: &RunningTransaction, now: i64) -> Row {
    let origin = &transaction.caller.origin;
    let statement = transaction.statement.as_ref();
    vec![
        text(origin.database()),
        text(transaction.name()),
        statement.map_or(Value::Null, |statement| {
            text(format!("query-{}", statement.id))
        }),
        optional(origin.connection.as_ref()),
        optional(origin.client_address.as_ref()),
        text(&transaction.caller.user),
        optional(statement.map(|statement| &statement.text)),
        moment(transaction.started_us),
        text(match (transaction.is_terminated, statement) {
            (true, _) => "Terminated",
            (false, Some(_)) if transaction.is_waiting => "Waiting",
            (false, Some(_)) => "Running",
            (false, None) => "Idle",
        }),
        elapsed(now, transaction.started_us),
        match &origin.metadata {
            Some(metadata) => Value::Map(Arc::new(
                metadata
                    .iter()
                    .map(|(key, value)| (Arc::clone(key), value.clone()))
                    .collect(),
            )),
            None => Value::Map(Arc::default()),
        },
        optional(origin.protocol.as_ref()),
        statement.map_or(Value::Null, |statement| moment(statement.started_us)),
        statement.map_or(Value::Null, |statement| elapsed(now, statement.started_us)),
    ]
}

/// An instant as text, which is how clients expect the times of transactions.
fn moment(us: i64) -> Value {
    match instant_utc(us) {
        Value::DateTime(instant) => text(instant.to_string()),
        other => other,
    }
}

fn elapsed(now: i64, since: i64) -> Value {
    let us = now.saturating_sub(since).max(0);
    Value::Duration(Arc::new(Duration {
        months: 0,
        days: 0,
        seconds: us / 1_000_000,
        nanoseconds: i32::try_from(us % 1_000_000 * 1_000).unwrap_or_default(),
    }))
}

/// `TERMINATE TRANSACTIONS id, …`.
pub(super) fn terminate(host: &Arc<Host>) -> Listing {
    let columns = [
        ("transactionId", Type::String),
        ("username", Type::String),
        ("message", Type::String),
    ];
    let host = Arc::clone(host);
    listing_of(
        "TERMINATE TRANSACTIONS",
        &columns,
        3,
        move |context, arguments| {
            let names = named(arguments, "a transaction")?;
            Ok(names
                .into_iter()
                .map(|name| {
                    let (user, message) = match host
                        .activity
                        .terminate(&name, |running| is_visible(context.caller, running))
                    {
                        Some(ended) => (text(ended.caller.user), "Transaction terminated."),
                        None => (Value::Null, "Transaction not found."),
                    };
                    vec![Value::String(name), user, text(message)]
                })
                .collect())
        },
    )
}
