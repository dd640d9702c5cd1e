//! SHOW and TERMINATE: what is listed, with which columns.
//!
//! A listing is a procedure that no CALL can name, plus how many of its columns are shown when the
//! command has no YIELD. So SHOW is planned and run as a call, and `YIELD … WHERE … RETURN …` is what
//! WITH and RETURN are.

mod administration;
mod functions;
mod schema;
pub(crate) mod server;
mod transactions;

use std::sync::Arc;

use parking_lot::RwLock;
use retrograph_cypher::ast::ShowSubject;
use retrograph_graph::value::Value;

use crate::activity::Activity;
use crate::error::QueryError;
use crate::functions::{CallContext, Procedure, Procedures};
use crate::surroundings::{Nothing, Setting, Surroundings};
use crate::types::Type;

/// What listings know beside the graph.
pub(crate) struct Host {
    /// The running transactions.
    pub(crate) activity: Arc<Activity>,
    /// The program around the engine.
    pub(crate) surroundings: RwLock<Arc<dyn Surroundings>>,
    /// The settings of the engine.
    pub(crate) settings: Vec<Setting>,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            activity: Arc::default(),
            surroundings: RwLock::new(Arc::new(Nothing)),
            settings: Vec::new(),
        }
    }
}

/// Something that SHOW lists.
pub(crate) struct Listing {
    /// Finds the rows.
    pub(crate) procedure: Arc<Procedure>,
    /// How many columns are shown without YIELD; the first ones.
    pub(crate) shown: usize,
}

/// A row of a listing.
type Row = Vec<Value>;

/// The listing of a SHOW command; none if nobody keeps what it lists.
pub(crate) fn listing(subject: &ShowSubject, procedures: &Procedures) -> Option<Listing> {
    let host = procedures.host();
    Some(match subject {
        ShowSubject::Indexes(kind) => schema::indexes(*kind),
        ShowSubject::Constraints(filter) => schema::constraints(*filter),
        ShowSubject::Functions {
            is_built_in,
            executable: _,
        } => functions::functions(*is_built_in),
        ShowSubject::Procedures { executable: _ } => functions::procedures(procedures),
        ShowSubject::Transactions => transactions::show(host),
        ShowSubject::TerminateTransactions => transactions::terminate(host),
        ShowSubject::Databases => server::databases(host, |_, _| true),
        ShowSubject::Database(name) => {
            let name = Arc::clone(&name.name);
            server::databases(host, move |database, _| database.name == name)
        }
        ShowSubject::DefaultDatabase => server::databases(host, |database, _| database.is_default),
        ShowSubject::HomeDatabase => {
            server::databases(host, |database, home| &*database.name == home)
        }
        ShowSubject::Settings => server::settings(host),
        ShowSubject::CurrentUser => {
            administration::current_user(procedures).unwrap_or_else(server::current_user)
        }
        ShowSubject::Users => administration::users(procedures)?,
        ShowSubject::Roles {
            is_populated,
            with_users,
        } => administration::roles(procedures, *is_populated, *with_users)?,
        ShowSubject::Privileges(of, shown_as) => {
            administration::privileges(procedures, of, *shown_as)?
        }
    })
}

/// A listing whose rows `rows` finds, given the arguments.
fn listing_of(
    name: &str,
    columns: &[(&str, Type)],
    shown: usize,
    rows: impl Fn(&mut CallContext<'_>, &[Value]) -> Result<Vec<Row>, QueryError>
    + Send
    + Sync
    + 'static,
) -> Listing {
    let results = columns
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), kind.clone()))
        .collect();
    Listing {
        procedure: Arc::new(Procedure {
            name: name.to_owned(),
            description: String::new(),
            parameters: Vec::new(),
            required: 0,
            results,
            body: Arc::new(move |context, arguments, sink| {
                rows(context, arguments)?.into_iter().try_for_each(sink)
            }),
        }),
        shown,
    }
}

/// A string or null.
fn optional(text: Option<&Arc<str>>) -> Value {
    text.map_or(Value::Null, |text| Value::String(Arc::clone(text)))
}

/// The strings that arguments name: strings and lists of strings.
fn named(arguments: &[Value], what: &str) -> Result<Vec<Arc<str>>, QueryError> {
    let mut names = Vec::new();
    for argument in arguments {
        match argument {
            Value::String(name) => names.push(Arc::clone(name)),
            Value::List(items) => names.extend(named(items, what)?),
            other => {
                return Err(crate::error::RuntimeError::type_error(format!(
                    "{what} is given by a string or a list of strings, not by {}",
                    other.type_name()
                ))
                .into());
            }
        }
    }
    Ok(names)
}

fn strings() -> Type {
    Type::List(Box::new(Type::String))
}
