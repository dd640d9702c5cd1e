//! API keys by procedure.

use retrograph_engine::types::Type;
use retrograph_graph::value::Value;

use super::entry::Entry;
use crate::ApiKeyInfo;

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::administrators(
            "apiKey.create",
            "Makes an API key for a user. It is told here and never again.",
        )
        .takes("user", Type::String)
        .takes("label", Type::String)
        .may_take("days", Type::Integer)
        .gives("id", Type::String)
        .gives("key", Type::String)
        .rows(|call| {
            let (user, label) = (call.arguments.text(0)?, call.arguments.text(1)?);
            let expires = call.arguments.days(2)?;
            let made = call
                .directory
                .create_api_key(call.actor(), &user, &label, expires)?;
            Ok(vec![vec![
                made.id.as_str().into(),
                made.key.expose().into(),
            ]])
        }),
        Entry::administrators("apiKey.drop", "Removes an API key.")
            .takes("id", Type::String)
            .does(|call| {
                let id = call.arguments.text(0)?;
                Ok(call.directory.drop_api_key(call.actor(), &id)?)
            }),
        Entry::administrators(
            "apiKey.list",
            "The API keys, without their secrets. `expires` is in microseconds since the Unix epoch.",
        )
        .gives("id", Type::String)
        .gives("user", Type::String)
        .gives("label", Type::String)
        .gives("expires", Type::Integer)
        .rows(|call| {
            let row = |key: ApiKeyInfo| {
                vec![
                    Value::String(key.id),
                    Value::String(key.user),
                    Value::String(key.label),
                    key.expires.map_or(Value::Null, |end| Value::Int(end.0)),
                ]
            };
            Ok(call.directory.api_keys()?.into_iter().map(row).collect())
        }),
    ]
}
