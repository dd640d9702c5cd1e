//! Tenants by procedure: their users, graphs, limits and grants.

use std::sync::Arc;

use retrograph_admission::Limits;
use retrograph_engine::types::Type;
use retrograph_graph::value::Value;

use super::{Add, actor, done, failed};
use crate::Grant;

/// The procedures over tenants, and over what they and their users may take.
pub(super) fn add_all(add: &mut Add<'_>) {
    let texts = || Type::List(Box::new(Type::String));
    let name = [("name", Type::String)];
    add(
        "tenant.create",
        "Makes a tenant without users and graphs.",
        &name,
        1,
        &[],
        Box::new(|directory, context, arguments| {
            done(directory.create_tenant(actor(context), &arguments.text(0)?))
        }),
    );
    add(
        "tenant.drop",
        "Removes a tenant that has no users and graphs.",
        &name,
        1,
        &[],
        Box::new(|directory, context, arguments| {
            done(directory.drop_tenant(actor(context), &arguments.text(0)?))
        }),
    );
    add(
        "tenant.list",
        "The tenants with their limits, users, graphs, and what others let them do.",
        &[],
        0,
        &[
            ("name", Type::String),
            ("limits", Type::Map),
            ("users", texts()),
            ("graphs", texts()),
            ("grants", Type::List(Box::new(Type::Map))),
        ],
        Box::new(|directory, _, _| {
            let tenants = directory.tenants().map_err(failed)?;
            let row = |tenant: crate::TenantInfo| {
                let names = |names: Vec<Arc<str>>| {
                    Value::List(names.into_iter().map(Value::String).collect())
                };
                let grants = tenant.grants.iter().map(|grant| {
                    let actions = grant.actions.iter().map(|action| action.name().into());
                    map([
                        ("graph", Value::String(Arc::clone(&grant.graph))),
                        ("actions", Value::List(actions.collect())),
                    ])
                });
                let limits = Limits::NAMES.into_iter().zip(tenant.limits.values());
                let limits = limits.filter_map(|(name, value)| Some((name, Value::Int(value?))));
                vec![
                    Value::String(tenant.name),
                    map(limits),
                    names(tenant.users),
                    names(tenant.graphs),
                    Value::List(grants.collect()),
                ]
            };
            Ok(tenants.into_iter().map(row).collect())
        }),
    );
    let limits = [("name", Type::String), ("limits", Type::Map)];
    add(
        "tenant.setLimits",
        "Says what the users of a tenant may take together: weight, concurrent, queued, timeMs, memoryBytes, \
         rows, unitsPerSecond, unitsBurst. What is not named stays; null takes a limit away.",
        &limits,
        2,
        &[],
        Box::new(|directory, context, arguments| {
            let name = arguments.text(0)?;
            let limits = directory.tenant_limits(&name).map_err(failed)?;
            let limits = arguments.limits(1, limits)?;
            done(directory.limit_tenant(actor(context), &name, &limits))
        }),
    );
    add(
        "user.setLimits",
        "Says what a user may take of what the tenant may, as tenant.setLimits does.",
        &limits,
        2,
        &[],
        Box::new(|directory, context, arguments| {
            let name = arguments.text(0)?;
            let limits = directory.user_limits(&name).map_err(failed)?;
            let limits = arguments.limits(1, limits)?;
            done(directory.limit_user(actor(context), &name, &limits))
        }),
    );
    add(
        "tenant.assignUser",
        "Moves a user to a tenant.",
        &[("tenant", Type::String), ("user", Type::String)],
        2,
        &[],
        Box::new(|directory, context, arguments| {
            let (tenant, user) = (arguments.text(0)?, arguments.text(1)?);
            done(directory.assign_user(actor(context), &tenant, &user))
        }),
    );
    add(
        "tenant.assignGraph",
        "Gives a graph to a tenant.",
        &[("tenant", Type::String), ("graph", Type::String)],
        2,
        &[],
        Box::new(|directory, context, arguments| {
            let (tenant, graph) = (arguments.text(0)?, arguments.text(1)?);
            done(directory.assign_graph(actor(context), &tenant, &graph))
        }),
    );
    add(
        "tenant.grant",
        "Says what the users of a tenant may do with a graph of another one, as far as their roles allow it, in \
         place of what was said before.",
        &[
            ("tenant", Type::String),
            ("graph", Type::String),
            ("actions", texts()),
        ],
        3,
        &[],
        Box::new(|directory, context, arguments| {
            let grant = Grant {
                graph: arguments.text(1)?.into(),
                actions: arguments.actions(2)?,
            };
            done(directory.share(actor(context), &arguments.text(0)?, &grant))
        }),
    );
}

fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
    let entries = entries.into_iter();
    Value::Map(Arc::new(
        entries.map(|(key, value)| (key.into(), value)).collect(),
    ))
}
