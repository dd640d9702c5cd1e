//! Users, roles and keys by procedure, so that every driver and shell can administer.
//!
//! A call takes effect at once, whatever becomes of the transaction it is made in: the state is in the
//! graph `system`, not in the one the caller works on. `user.changePassword` is for everybody, `audit.*` for those
//! who may audit, the others for those who may administer. Give passwords as parameters: what is written into a text can be seen by `SHOW TRANSACTIONS`.

mod tenants;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use retrograph_admission::Limits;
use retrograph_engine::functions::{CallContext, Procedure};
use retrograph_engine::surroundings::Caller;
use retrograph_engine::types::Type;
use retrograph_engine::{QueryError, Refusal, RuntimeError};
use retrograph_graph::clock::{Clock, MachineClock};
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

use crate::{
    Action, Actions, Authenticator, Author, DEFAULT_TENANT, Directory, DirectoryError, Grant,
    Secret,
};

/// The procedure that those may call who can do nothing else before they change their password.
pub const CHANGE_PASSWORD: &str = "user.changePassword";

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// How many records an auditor is shown unless they say.
const AUDITED: i64 = 1_000;

type Rows = Vec<Vec<Value>>;
type Body =
    dyn Fn(&Directory, &CallContext<'_>, &Arguments<'_>) -> Result<Rows, QueryError> + Send + Sync;

/// The procedures over the users that an authenticator recognises.
#[must_use]
pub fn procedures(authenticator: &Arc<Authenticator>) -> Vec<Procedure> {
    let directory = authenticator.directory();
    let mut all = Vec::new();
    let mut add = |name: &'static str,
                   description: &str,
                   parameters: &[(&str, Type)],
                   required: usize,
                   results: &[(&str, Type)],
                   body: Box<Body>| {
        let directory = Arc::clone(directory);
        let allows: Allows = match name {
            CHANGE_PASSWORD => anybody,
            _ if name.starts_with("audit.") => auditors,
            _ => administrators,
        };
        let named = |columns: &[(&str, Type)]| {
            let owned = columns
                .iter()
                .map(|(name, ty)| ((*name).to_owned(), ty.clone()));
            owned.collect()
        };
        all.push(Procedure {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters: named(parameters),
            required,
            results: named(results),
            body: Arc::new(move |context, values, sink| {
                if let Err(missing) = allows(context.caller) {
                    let reason = format!("`{name}` needs the action `{missing}` on every graph");
                    return Err(Refusal::Forbidden(reason).into());
                }
                let arguments = Arguments { name, values };
                body(&directory, context, &arguments)?
                    .into_iter()
                    .try_for_each(sink)
            }),
        });
    };
    let texts = || Type::List(Box::new(Type::String));

    add(
        "user.create",
        "Makes a user; without a password they log in by API keys only.",
        &[
            ("name", Type::String),
            ("password", Type::String),
            ("mustChange", Type::Boolean),
        ],
        1,
        &[],
        Box::new(|directory, context, arguments| {
            let password = arguments.optional_text(1)?.map(Secret::from);
            let must_change = arguments.flag(2, true)?;
            let name = arguments.text(0)?;
            done(directory.create_user(actor(context), &name, password.as_ref(), must_change))
        }),
    );
    add(
        "user.drop",
        "Removes a user with their API keys.",
        &[("name", Type::String)],
        1,
        &[],
        Box::new(|directory, context, arguments| {
            done(directory.drop_user(actor(context), &arguments.text(0)?))
        }),
    );
    add(
        "user.setPassword",
        "Sets the password of a user, to be changed at the next login unless said otherwise.",
        &[
            ("name", Type::String),
            ("password", Type::String),
            ("mustChange", Type::Boolean),
        ],
        2,
        &[],
        Box::new(|directory, context, arguments| {
            let (name, password) = (arguments.text(0)?, arguments.text(1)?.into());
            let must_change = arguments.flag(2, true)?;
            done(directory.set_password(actor(context), &name, &password, must_change))
        }),
    );
    add(
        CHANGE_PASSWORD,
        "Changes the caller's own password.",
        &[("old", Type::String), ("new", Type::String)],
        2,
        &[],
        Box::new({
            let authenticator = Arc::clone(authenticator);
            move |_, context, arguments| {
                let (old, new) = (arguments.text(0)?.into(), arguments.text(1)?.into());
                let (caller, address) = (context.caller, address_of(context.caller));
                let now = MachineClock.now();
                let user = &caller.user;
                done(authenticator.change_password(actor(context), user, &old, &new, address, now))
            }
        }),
    );
    add(
        "user.suspend",
        "Forbids a user to log in and to do anything, or allows it again.",
        &[("name", Type::String), ("suspended", Type::Boolean)],
        1,
        &[],
        Box::new(|directory, context, arguments| {
            let suspended = arguments.flag(1, true)?;
            done(directory.suspend(actor(context), &arguments.text(0)?, suspended))
        }),
    );
    add(
        "user.list",
        "The users with their roles.",
        &[],
        0,
        &[
            ("id", Type::String),
            ("name", Type::String),
            ("tenant", Type::String),
            ("roles", texts()),
            ("hasPassword", Type::Boolean),
            ("mustChangePassword", Type::Boolean),
            ("suspended", Type::Boolean),
        ],
        Box::new(|directory, _, _| {
            let users = directory.users().map_err(failed)?;
            let row = |user: crate::UserInfo| {
                vec![
                    Value::String(user.id),
                    Value::String(user.name),
                    Value::String(user.tenant),
                    Value::List(user.roles.into_iter().map(Value::String).collect()),
                    Value::Bool(user.has_password),
                    Value::Bool(user.must_change_password),
                    Value::Bool(user.is_suspended),
                ]
            };
            Ok(users.into_iter().map(row).collect())
        }),
    );
    add(
        "role.create",
        "Makes a role that grants nothing yet.",
        &[("name", Type::String)],
        1,
        &[],
        Box::new(|directory, context, arguments| {
            done(directory.create_role(actor(context), &arguments.text(0)?))
        }),
    );
    add(
        "role.drop",
        "Removes a role, from those who have it too.",
        &[("name", Type::String)],
        1,
        &[],
        Box::new(|directory, context, arguments| {
            done(directory.drop_role(actor(context), &arguments.text(0)?))
        }),
    );
    add(
        "role.grant",
        "Says what a role allows on a graph (`*`: every graph of the tenant), in place of what it allowed \
         there: read, read-past, write, schema, admin, audit.",
        &[
            ("role", Type::String),
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
            done(directory.grant(actor(context), &arguments.text(0)?, &grant))
        }),
    );
    add(
        "role.assign",
        "Gives a user a role.",
        &[("role", Type::String), ("user", Type::String)],
        2,
        &[],
        Box::new(|directory, context, arguments| {
            let (role, user) = (arguments.text(0)?, arguments.text(1)?);
            done(directory.assign(actor(context), &user, &role))
        }),
    );
    add(
        "role.unassign",
        "Takes a role from a user.",
        &[("role", Type::String), ("user", Type::String)],
        2,
        &[],
        Box::new(|directory, context, arguments| {
            let (role, user) = (arguments.text(0)?, arguments.text(1)?);
            done(directory.unassign(actor(context), &user, &role))
        }),
    );
    add(
        "role.list",
        "The roles and what each allows on a graph.",
        &[],
        0,
        &[
            ("role", Type::String),
            ("graph", Type::String),
            ("actions", texts()),
            ("builtIn", Type::Boolean),
        ],
        Box::new(|directory, _, _| {
            let roles = directory.roles().map_err(failed)?;
            let row = |listed: crate::RoleGrant| {
                let (graph, actions) = match listed.grant {
                    None => (Value::Null, Actions::default()),
                    Some(grant) => (Value::String(grant.graph), grant.actions),
                };
                let actions = actions.iter().map(|action| action.name().into());
                vec![
                    Value::String(listed.role),
                    graph,
                    Value::List(actions.collect()),
                    Value::Bool(listed.is_built_in),
                ]
            };
            Ok(roles.into_iter().map(row).collect())
        }),
    );
    add(
        "apiKey.create",
        "Makes an API key for a user. It is told here and never again.",
        &[
            ("user", Type::String),
            ("label", Type::String),
            ("days", Type::Integer),
        ],
        2,
        &[("id", Type::String), ("key", Type::String)],
        Box::new(|directory, context, arguments| {
            let (user, label) = (arguments.text(0)?, arguments.text(1)?);
            let expires = arguments.days(2)?;
            let made = directory
                .create_api_key(actor(context), &user, &label, expires)
                .map_err(failed)?;
            Ok(vec![vec![
                made.id.as_str().into(),
                made.key.expose().into(),
            ]])
        }),
    );
    add(
        "apiKey.drop",
        "Removes an API key.",
        &[("id", Type::String)],
        1,
        &[],
        Box::new(|directory, context, arguments| {
            done(directory.drop_api_key(actor(context), &arguments.text(0)?))
        }),
    );
    add(
        "apiKey.list",
        "The API keys, without their secrets. `expires` is in microseconds since the Unix epoch.",
        &[],
        0,
        &[
            ("id", Type::String),
            ("user", Type::String),
            ("label", Type::String),
            ("expires", Type::Integer),
        ],
        Box::new(|directory, _, _| {
            let keys = directory.api_keys().map_err(failed)?;
            let row = |key: crate::ApiKeyInfo| {
                vec![
                    Value::String(key.id),
                    Value::String(key.user),
                    Value::String(key.label),
                    key.expires.map_or(Value::Null, |end| Value::Int(end.0)),
                ]
            };
            Ok(keys.into_iter().map(row).collect())
        }),
    );
    tenants::add_all(&mut add);
    add(
        "audit.failedLogins",
        "Failed logins, the last first: of the users of the caller's tenant, or all. Times are in microseconds \
         since the Unix epoch.",
        &[("limit", Type::Integer)],
        0,
        &[
            ("user", Type::String),
            ("peer", Type::String),
            ("addresses", Type::Integer),
            ("count", Type::Integer),
            ("first", Type::Integer),
            ("last", Type::Integer),
        ],
        Box::new(|directory, context, arguments| {
            let limit = arguments.limit(0)?;
            let tenant = audited_tenant(directory, context.caller)?;
            let users = directory.users().map_err(failed)?;
            let is_own = |name: &str| {
                let user = users.iter().find(|user| &*user.name == name);
                user.is_some_and(|user| Some(&user.tenant) == tenant.as_ref())
            };
            let failures = directory
                .failed_logins(limit, |failure| tenant.is_none() || is_own(&failure.user))
                .map_err(failed)?;
            let row = |failure: crate::AuditedFailure| {
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
        }),
    );
    add(
        "audit.changes",
        "Who changed users, roles, keys and graphs, the last first: by users of the caller's tenant, or all. The \
         time is in microseconds since the Unix epoch.",
        &[("limit", Type::Integer)],
        0,
        &[
            ("version", Type::Integer),
            ("time", Type::Integer),
            ("actor", Type::String),
            ("actorName", Type::String),
            ("onBehalfOf", Type::String),
            ("activity", Type::String),
        ],
        Box::new(|directory, context, arguments| {
            let limit = arguments.limit(0)?;
            let tenant = audited_tenant(directory, context.caller)?;
            let users = directory.users().map_err(failed)?;
            let is_own = |id: &str| {
                let user = users.iter().find(|user| &*user.id == id);
                user.is_some_and(|user| Some(&user.tenant) == tenant.as_ref())
            };
            let changes = directory
                .changes(
                    limit,
                    |change| tenant.is_none() || is_own(&change.actor),
                    || (context.check)(0),
                )
                .map_err(failed)?;
            let optional = |text: Option<Arc<str>>| text.map_or(Value::Null, Value::String);
            let row = |change: crate::AuditedChange| {
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
        }),
    );
    all
}

/// Adds a procedure: name, description, parameters, how many must be given, results, body.
type Add<'a> =
    dyn FnMut(&'static str, &str, &[(&str, Type)], usize, &[(&str, Type)], Box<Body>) + 'a;

/// Whom a procedure is for: the action that is missing if not for a caller.
type Allows = fn(&Caller) -> Result<(), &'static str>;

const fn anybody(_: &Caller) -> Result<(), &'static str> {
    Ok(())
}

const fn auditors(caller: &Caller) -> Result<(), &'static str> {
    match caller.is_auditor {
        true => Ok(()),
        false => Err(Action::Audit.name()),
    }
}

const fn administrators(caller: &Caller) -> Result<(), &'static str> {
    match caller.is_confined {
        true => Err(Action::Admin.name()),
        false => Ok(()),
    }
}

/// The tenant whose users an auditor may know about; none for those who may know about all.
fn audited_tenant(directory: &Directory, caller: &Caller) -> Result<Option<Arc<str>>, QueryError> {
    let users = directory.users().map_err(failed)?;
    let user = users.into_iter().find(|user| user.name == caller.user);
    let tenant = user.map_or_else(|| DEFAULT_TENANT.into(), |user| user.tenant);
    // Nobody's failures and the program's own changes belong to the tenant that was there first.
    let knows_all = !caller.is_confined || &*tenant == DEFAULT_TENANT;
    Ok((!knows_all).then_some(tenant))
}

fn actor(context: &CallContext<'_>) -> Author {
    context.caller.into()
}

/// Where a caller is.
fn address_of(caller: &Caller) -> Option<IpAddr> {
    let address = caller.origin.client_address.as_deref()?;
    let address: SocketAddr = address.parse().ok()?;
    Some(address.ip())
}

fn done(result: Result<(), DirectoryError>) -> Result<Rows, QueryError> {
    result.map(|()| Rows::new()).map_err(failed)
}

fn failed(error: DirectoryError) -> QueryError {
    match error {
        DirectoryError::Query(error) => error,
        error @ DirectoryError::TooOften { .. } => Refusal::TooOften(error.to_string()).into(),
        other => RuntimeError::argument(other.to_string()).into(),
    }
}

/// The arguments of a call.
struct Arguments<'a> {
    name: &'static str,
    values: &'a [Value],
}

impl Arguments<'_> {
    fn wrong(&self, place: usize, wanted: &str) -> QueryError {
        let message = format!("`{}`: argument {} is to be {wanted}", self.name, place + 1);
        RuntimeError::argument(message).into()
    }

    fn optional_text(&self, place: usize) -> Result<Option<String>, QueryError> {
        match self.values.get(place) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.to_string())),
            Some(_) => Err(self.wrong(place, "a string")),
        }
    }

    fn text(&self, place: usize) -> Result<String, QueryError> {
        self.optional_text(place)?
            .ok_or_else(|| self.wrong(place, "a string"))
    }

    fn flag(&self, place: usize, unless_given: bool) -> Result<bool, QueryError> {
        match self.values.get(place) {
            None | Some(Value::Null) => Ok(unless_given),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(place, "true or false")),
        }
    }

    fn limit(&self, place: usize) -> Result<usize, QueryError> {
        let limit = match self.values.get(place) {
            None | Some(Value::Null) => AUDITED,
            Some(Value::Int(limit)) => *limit,
            Some(_) => return Err(self.wrong(place, "a number of rows")),
        };
        usize::try_from(limit).map_err(|_| self.wrong(place, "a number of rows"))
    }

    fn actions(&self, place: usize) -> Result<Actions, QueryError> {
        let wanted = "a list of actions: read, read-past, write, schema, admin, audit";
        let Some(Value::List(items)) = self.values.get(place) else {
            return Err(self.wrong(place, wanted));
        };
        let action = |item: &Value| match item {
            Value::String(name) => Action::from_name(name),
            _ => None,
        };
        let actions: Option<Actions> = items.iter().map(action).collect();
        actions.ok_or_else(|| self.wrong(place, wanted))
    }

    /// Limits, of which those that are given are changed.
    fn limits(&self, place: usize, mut limits: Limits) -> Result<Limits, QueryError> {
        let wanted = "a map of limits to integers or null";
        let Some(Value::Map(given)) = self.values.get(place) else {
            return Err(self.wrong(place, wanted));
        };
        for (name, value) in given.iter() {
            let value = match value {
                Value::Null => None,
                Value::Int(number) => Some(*number),
                _ => return Err(self.wrong(place, wanted)),
            };
            limits
                .set(name, value)
                .map_err(|bad| RuntimeError::argument(bad.to_string()))?;
        }
        Ok(limits)
    }

    /// So many days from now.
    fn days(&self, place: usize) -> Result<Option<SystemTime>, QueryError> {
        match self.values.get(place) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Int(days)) if *days > 0 => {
                let span = days.checked_mul(MICROSECONDS_A_DAY);
                let end = span.and_then(|span| MachineClock.now().0.checked_add(span));
                let end =
                    end.ok_or_else(|| self.wrong(place, "a number of days within all time"))?;
                Ok(Some(SystemTime(end)))
            }
            Some(_) => Err(self.wrong(place, "a positive number of days")),
        }
    }
}
