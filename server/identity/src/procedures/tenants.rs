//! Tenants by procedure: their users, graphs, limits and grants.

use std::sync::Arc;

use retrograph_admission::Limits;
use retrograph_engine::types::Type;
use retrograph_graph::value::Value;

use super::entry::{Entry, texts};
use crate::{Grant, TenantInfo};

/// The procedures over tenants, and over what they and their users may take.
pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::administrators("tenant.create", "Makes a tenant without users and graphs.")
            .takes("name", Type::String)
            .does(|call| {
                let name = call.arguments.text(0)?;
                Ok(call.directory.create_tenant(call.actor(), &name)?)
            }),
        Entry::administrators(
            "tenant.drop",
            "Removes a tenant that has no users and graphs.",
        )
        .takes("name", Type::String)
        .does(|call| {
            let name = call.arguments.text(0)?;
            Ok(call.directory.drop_tenant(call.actor(), &name)?)
        }),
        Entry::administrators(
            "tenant.list",
            "The tenants with their limits, users, graphs, and what others let them do.",
        )
        .gives("name", Type::String)
        .gives("limits", Type::Map)
        .gives("users", texts())
        .gives("graphs", texts())
        .gives("grants", Type::List(Box::new(Type::Map)))
        .rows(|call| {
            let tenants = call.directory.tenants()?;
            Ok(tenants.into_iter().map(row).collect())
        }),
        Entry::administrators(
            "tenant.setLimits",
            "Says what the users of a tenant may take together: weight, concurrent, queued, timeMs, memoryBytes, \
             rows, unitsPerSecond, unitsBurst. What is not named stays; null takes a limit away.",
        )
        .takes("name", Type::String)
        .takes("limits", Type::Map)
        .does(|call| {
            let name = call.arguments.text(0)?;
            let limits = call.directory.tenant_limits(&name)?;
            let limits = call.arguments.limits(1, limits)?;
            Ok(call.directory.limit_tenant(call.actor(), &name, &limits)?)
        }),
        Entry::administrators(
            "user.setLimits",
            "Says what a user may take of what the tenant may, as tenant.setLimits does.",
        )
        .takes("name", Type::String)
        .takes("limits", Type::Map)
        .does(|call| {
            let name = call.arguments.text(0)?;
            let limits = call.directory.user_limits(&name)?;
            let limits = call.arguments.limits(1, limits)?;
            Ok(call.directory.limit_user(call.actor(), &name, &limits)?)
        }),
        Entry::administrators("tenant.assignUser", "Moves a user to a tenant.")
            .takes("tenant", Type::String)
            .takes("user", Type::String)
            .does(|call| {
                let (tenant, user) = (call.arguments.text(0)?, call.arguments.text(1)?);
                Ok(call.directory.assign_user(call.actor(), &tenant, &user)?)
            }),
        Entry::administrators("tenant.assignGraph", "Gives a graph to a tenant.")
            .takes("tenant", Type::String)
            .takes("graph", Type::String)
            .does(|call| {
                let (tenant, graph) = (call.arguments.text(0)?, call.arguments.text(1)?);
                Ok(call.directory.assign_graph(call.actor(), &tenant, &graph)?)
            }),
        Entry::administrators(
            "tenant.grant",
            "Says what the users of a tenant may do with a graph of another one, as far as their roles allow it, \
             in place of what was said before.",
        )
        .takes("tenant", Type::String)
        .takes("graph", Type::String)
        .takes("actions", texts())
        .does(|call| {
            let grant = Grant {
                graph: call.arguments.text(1)?.into(),
                actions: call.arguments.actions(2)?,
            };
            let tenant = call.arguments.text(0)?;
            Ok(call.directory.share(call.actor(), &tenant, &grant)?)
        }),
    ]
}

fn row(tenant: TenantInfo) -> Vec<Value> {
    let names = |names: Vec<Arc<str>>| Value::List(names.into_iter().map(Value::String).collect());
    let grants = tenant.grants.iter().map(|grant| {
        let actions = grant.actions.iter().map(|action| action.name().into());
        map([
            ("graph", Value::String(Arc::clone(&grant.graph))),
            ("actions", Value::List(actions.collect())),
        ])
    });
    vec![
        Value::String(tenant.name),
        limits(&tenant.limits),
        names(tenant.users),
        names(tenant.graphs),
        Value::List(grants.collect()),
    ]
}

/// Limits by name, as they are set.
pub(super) fn limits(limits: &Limits) -> Value {
    let named = Limits::NAMES.into_iter().zip(limits.values());
    map(named.filter_map(|(name, value)| Some((name, Value::Int(value?)))))
}

fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
    let entries = entries.into_iter();
    Value::Map(Arc::new(
        entries.map(|(key, value)| (key.into(), value)).collect(),
    ))
}
