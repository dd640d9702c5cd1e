//! The registry of procedures.

use std::sync::Arc;

use hashbrown::HashMap;
use retrograph_graph::value::Value;

use super::listing::Listed;
use super::temporal::instant_utc;
use super::{
    CallContext, Procedure, algorithms, awaiting, fulltext, list, listing, merging, meta, nearest,
    text, vector,
};
use crate::error::QueryError;
use crate::schema_items::{constraint_items, index_items, lookup_items};
use crate::show::Host;
use crate::show::server::described_databases;
use crate::types::Type;

/// The procedures that a query may call, by name without regard to case.
#[derive(Clone)]
pub struct Procedures {
    by_name: HashMap<String, Arc<Procedure>>,
    host: Arc<Host>,
    /// The same for the procedure that lists them, which copies of the registry share.
    listed: Listed,
}

impl std::fmt::Debug for Procedures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.all()).finish()
    }
}

/// What a body hands each of its rows to.
pub(super) type Sink<'a> = &'a mut dyn FnMut(Vec<Value>) -> Result<(), QueryError>;

impl Default for Procedures {
    /// The built-in procedures of an engine without surroundings.
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Procedures {
    /// The built-in procedures.
    pub(crate) fn new(host: Arc<Host>) -> Self {
        let listed = Listed::default();
        let built_in = catalog_procedures()
            .into_iter()
            .chain(server_procedures(&host))
            .chain(listing::procedures(&listed))
            .chain(awaiting::procedures())
            .chain(merging::procedures())
            .chain(meta::procedures())
            .chain(algorithms::procedures())
            .chain(fulltext::procedures())
            .chain(nearest::procedures())
            .chain(vector::procedures());
        let mut procedures = Self {
            by_name: HashMap::new(),
            host: Arc::clone(&host),
            listed,
        };
        for procedure in built_in {
            procedures.register(procedure);
        }
        procedures
    }

    /// What listings know beside the graph.
    pub(crate) const fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// The procedure of this name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Procedure>> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    /// Adds a procedure, in place of one of the same name.
    pub fn register(&mut self, procedure: Procedure) {
        let name = procedure.name.to_ascii_lowercase();
        self.listed.add(&name, &procedure);
        self.by_name.insert(name, Arc::new(procedure));
    }

    /// All procedures by name.
    #[must_use]
    pub fn all(&self) -> Vec<&Arc<Procedure>> {
        let mut all: Vec<&Arc<Procedure>> = self.by_name.values().collect();
        all.sort_by(|left, right| left.name.cmp(&right.name));
        all
    }
}

impl Procedure {
    /// `READ`, `WRITE` or `DBMS`, by what its name says.
    #[must_use]
    pub fn mode(&self) -> &'static str {
        let name = self.name.as_str();
        if name.starts_with("dbms.") {
            "DBMS"
        } else if name.starts_with("db.create.") || merging::merges(name).is_some() {
            "WRITE"
        } else {
            "READ"
        }
    }

    /// The signature as documentation shows it: `db.labels() :: (label :: STRING)`.
    #[must_use]
    pub fn signature(&self) -> String {
        let typed = |columns: &[(String, Type)]| {
            let columns: Vec<String> = columns
                .iter()
                .map(|(name, kind)| format!("{name} :: {kind}"))
                .collect();
            columns.join(", ")
        };
        let mut parameters = typed(&self.parameters[..self.required]);
        for (name, kind) in &self.parameters[self.required..] {
            let comma = if parameters.is_empty() { "" } else { ", " };
            parameters.push_str(&format!("[{comma}{name} :: {kind}]"));
        }
        format!("{}({parameters}) :: ({})", self.name, typed(&self.results))
    }
}

/// A procedure without parameters.
pub(super) fn procedure(
    name: &str,
    description: &str,
    results: &[(&str, Type)],
    body: impl Fn(&mut CallContext<'_>, Sink<'_>) -> Result<(), QueryError> + Send + Sync + 'static,
) -> Procedure {
    with_arguments(
        name,
        description,
        &[],
        0,
        results,
        move |context, _, sink| body(context, sink),
    )
}

/// A procedure with parameters, the first `required` of which must be given.
pub(super) fn with_arguments(
    name: &str,
    description: &str,
    parameters: &[(&str, Type)],
    required: usize,
    results: &[(&str, Type)],
    body: impl Fn(&mut CallContext<'_>, &[Value], Sink<'_>) -> Result<(), QueryError>
    + Send
    + Sync
    + 'static,
) -> Procedure {
    let columns = |columns: &[(&str, Type)]| {
        columns
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), kind.clone()))
            .collect()
    };
    Procedure {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: columns(parameters),
        required,
        results: columns(results),
        body: Arc::new(body),
    }
}

/// The names of a view.
fn catalog_procedures() -> Vec<Procedure> {
    vec![
        procedure(
            "db.labels",
            "The labels known in the view.",
            &[("label", Type::String)],
            |context, sink| {
                let labels = context.read.catalog().labels();
                names(labels.into_iter().map(|(_, name)| name).collect(), sink)
            },
        ),
        procedure(
            "db.relationshipTypes",
            "The relationship types known in the view.",
            &[("relationshipType", Type::String)],
            |context, sink| {
                let types = context.read.catalog().relationship_types();
                names(types.into_iter().map(|(_, name)| name).collect(), sink)
            },
        ),
        procedure(
            "db.propertyKeys",
            "The property keys known in the view.",
            &[("propertyKey", Type::String)],
            |context, sink| {
                let keys = context.read.catalog().keys();
                names(keys.into_iter().map(|(_, name)| name).collect(), sink)
            },
        ),
        procedure(
            "db.indexes",
            "The indexes of the view, those behind constraints included.",
            &[
                ("id", Type::Integer),
                ("name", Type::String),
                ("state", Type::String),
                ("populationPercent", Type::Float),
                ("uniqueness", Type::String),
                ("type", Type::String),
                ("entityType", Type::String),
                ("labelsOrTypes", Type::List(Box::new(Type::String))),
                ("properties", Type::List(Box::new(Type::String))),
                ("provider", Type::String),
                ("coversFrom", Type::Integer),
            ],
            |context, sink| {
                let items = lookup_items().into_iter();
                for item in items.chain(index_items(context.read)) {
                    sink(vec![
                        Value::Int(item.id),
                        Value::String(item.name.clone()),
                        text(item.progress.state),
                        Value::Float(item.progress.percent),
                        text(match item.constraint {
                            Some(_) => "UNIQUE",
                            None => "NONUNIQUE",
                        }),
                        text(item.kind.word()),
                        text(item.entity()),
                        list(item.names.iter().map(text)),
                        list(item.properties.iter().map(text)),
                        text(item.provider()),
                        item.covers_from.map_or(Value::Null, Value::Int),
                    ])?;
                }
                Ok(())
            },
        ),
        procedure(
            "db.constraints",
            "The constraints of the view.",
            &[
                ("name", Type::String),
                ("description", Type::String),
                ("details", Type::String),
            ],
            |context, sink| {
                for item in constraint_items(context.read) {
                    let details = text(item.kind());
                    sink(vec![
                        Value::String(item.name.clone()),
                        text(item.statement()),
                        details,
                    ])?;
                }
                Ok(())
            },
        ),
    ]
}

/// `dbms.components` of a program that goes by this name and version. Clients decide by it what they may ask.
#[must_use]
pub fn components(name: &'static str, version: &'static str) -> Procedure {
    procedure(
        "dbms.components",
        "The name, versions and edition of this program.",
        &[
            ("name", Type::String),
            ("versions", Type::List(Box::new(Type::String))),
            ("edition", Type::String),
        ],
        move |_, sink| sink(vec![text(name), list([text(version)]), text("community")]),
    )
}

/// What the program says about itself.
fn server_procedures(host: &Arc<Host>) -> Vec<Procedure> {
    let mut procedures = vec![
        components("Retrograph", env!("CARGO_PKG_VERSION")),
        procedure(
            "db.ping",
            "Answers true: the database can be reached.",
            &[("success", Type::Boolean)],
            |_, sink| sink(vec![Value::Bool(true)]),
        ),
        procedure(
            "db.info",
            "The identity of the graph and when it was made.",
            &[
                ("id", Type::String),
                ("name", Type::String),
                ("creationDate", Type::String),
            ],
            |context, sink| {
                let identity = context.read.graph().identity();
                let (id, created) = match identity {
                    Some(identity) => {
                        let id: String = identity
                            .graph
                            .iter()
                            .map(|byte| format!("{byte:02x}"))
                            .collect();
                        (text(id), moment(identity.created.0))
                    }
                    None => (Value::Null, Value::Null),
                };
                sink(vec![id, text(context.caller.origin.database()), created])
            },
        ),
        procedure(
            "dbms.showCurrentUser",
            "Who runs this statement.",
            &[
                ("username", Type::String),
                ("roles", Type::List(Box::new(Type::String))),
                ("flags", Type::List(Box::new(Type::String))),
            ],
            |context, sink| sink(vec![text(&context.caller.user), list([]), list([])]),
        ),
        procedure(
            "dbms.licenseAgreementDetails",
            "The licence under which the program runs.",
            &[
                ("status", Type::String),
                ("daysLeftOnTrial", Type::Integer),
                ("totalTrialDays", Type::Integer),
            ],
            |_, sink| sink(vec![text("yes"), Value::Int(0), Value::Int(0)]),
        ),
        procedure(
            "dbms.clientConfig",
            "The settings that a client may care for.",
            &[
                ("name", Type::String),
                ("description", Type::String),
                ("value", Type::String),
                ("dynamic", Type::Boolean),
            ],
            {
                let host = Arc::clone(host);
                move |_, sink| settings(&host, sink)
            },
        ),
        with_arguments(
            "dbms.listConfig",
            "The settings whose names contain a text.",
            &[("searchString", Type::String)],
            0,
            &[
                ("name", Type::String),
                ("description", Type::String),
                ("value", Type::String),
                ("dynamic", Type::Boolean),
            ],
            {
                let host = Arc::clone(host);
                move |_, arguments, sink| {
                    let part = match arguments.first() {
                        Some(Value::String(part)) => part.to_lowercase(),
                        _ => String::new(),
                    };
                    settings(&host, &mut |row: Vec<Value>| match &row[0] {
                        Value::String(name) if !name.to_lowercase().contains(&part) => Ok(()),
                        _ => sink(row),
                    })
                }
            },
        ),
    ];
    let databases = Arc::clone(host);
    procedures.push(procedure(
        "dbms.info",
        "The database that holds what the program knows about itself.",
        &[
            ("id", Type::String),
            ("name", Type::String),
            ("creationDate", Type::String),
        ],
        move |context, sink| {
            let databases = described_databases(&databases, context)?;
            let system = databases
                .iter()
                .find(|database| database.is_system)
                .or(databases.first());
            let Some(database) = system else {
                return Ok(());
            };
            let created = database
                .created
                .map_or(Value::Null, |created| moment(created.0));
            let name = Value::String(database.name.clone());
            sink(vec![name.clone(), name, created])
        },
    ));
    procedures
}

fn settings(host: &Host, sink: Sink<'_>) -> Result<(), QueryError> {
    let mut settings = host.settings.clone();
    settings.extend(host.surroundings.read().settings());
    settings.sort_by(|left, right| left.name.cmp(&right.name));
    settings.into_iter().try_for_each(|setting| {
        sink(vec![
            Value::String(setting.name),
            text(setting.description),
            text(setting.value),
            Value::Bool(false),
        ])
    })
}

/// An instant as text.
fn moment(us: i64) -> Value {
    match instant_utc(us) {
        Value::DateTime(instant) => text(instant.to_string()),
        other => other,
    }
}

/// A row for each name, in order.
fn names(mut names: Vec<Arc<str>>, sink: Sink<'_>) -> Result<(), QueryError> {
    names.sort();
    names
        .into_iter()
        .try_for_each(|name| sink(vec![Value::String(name)]))
}

#[cfg(test)]
mod tests {
    use super::super::testing::with_context;
    use super::*;
    use retrograph_graph::{CommitInfo, Graph, Isolation, Sequence};

    #[test]
    fn names_are_found_in_any_case() {
        let mut procedures = Procedures::default();
        assert_eq!(
            procedures
                .get("DB.RelationshipTypes")
                .map(|found| found.signature()),
            Some("db.relationshipTypes() :: (relationshipType :: STRING)".to_owned())
        );
        assert!(procedures.get("test.my.proc").is_none());
        procedures.register(procedure("test.my.proc", "", &[], |_, _| Ok(())));
        assert!(procedures.get("TEST.my.proc").is_some());
        assert_eq!(
            procedures.all().len(),
            Procedures::default().all().len() + 1
        );
    }

    #[test]
    fn the_catalog_is_listed_in_order() {
        let graph = Graph::in_memory().expect("a graph in memory");
        let transaction = graph.begin(Isolation::Serializable);
        let labels = ["Z", "A"].map(|name| transaction.label_id(name).expect("a label"));
        let key = transaction.key_id("num").expect("a key");
        transaction
            .create_node(Sequence(0), &labels, vec![(key, Value::Int(1))])
            .expect("a node");
        transaction
            .commit(CommitInfo::default())
            .expect("committed");
        let read = graph.read_latest();
        let run = |name: &str| {
            let procedures = Procedures::default();
            let procedure = procedures.get(name).expect("built in");
            let mut rows = Vec::new();
            with_context(&read, |context| {
                (procedure.body)(context, &[], &mut |row| {
                    assert_eq!(row.len(), procedure.results.len());
                    rows.push(row);
                    Ok(())
                })
            })
            .expect("no error");
            rows
        };
        assert_eq!(run("db.labels"), [[text("A")], [text("Z")]]);
        assert_eq!(run("db.propertyKeys"), [[text("num")]]);
        assert!(run("db.relationshipTypes").is_empty());
        assert_eq!(run("dbms.components").len(), 1);
    }
}
