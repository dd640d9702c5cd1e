//! The registry of procedures.

use std::sync::Arc;

use hashbrown::HashMap;
use retrograph_graph::IndexDefinition;
use retrograph_graph::value::Value;

use super::{CallContext, Procedure, list, text};
use crate::error::QueryError;
use crate::types::Type;

/// The procedures that a query may call, by name without regard to case.
#[derive(Clone, Debug)]
pub struct Procedures {
    by_name: HashMap<String, Arc<Procedure>>,
}

/// What a body hands each of its rows to.
type Sink<'a> = &'a mut dyn FnMut(Vec<Value>) -> Result<(), QueryError>;

impl Default for Procedures {
    /// The built-in procedures.
    fn default() -> Self {
        let mut procedures = Self {
            by_name: HashMap::new(),
        };
        for procedure in built_in() {
            procedures.register(procedure);
        }
        procedures
    }
}

impl Procedures {
    /// The procedure of this name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Procedure>> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    /// Adds a procedure, in place of one of the same name.
    pub fn register(&mut self, procedure: Procedure) {
        self.by_name
            .insert(procedure.name.to_ascii_lowercase(), Arc::new(procedure));
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
        format!(
            "{}({}) :: ({})",
            self.name,
            typed(&self.parameters),
            typed(&self.results)
        )
    }
}

/// A procedure without parameters.
fn procedure(
    name: &str,
    description: &str,
    results: &[(&str, Type)],
    body: fn(&mut CallContext<'_>, Sink<'_>) -> Result<(), QueryError>,
) -> Procedure {
    Procedure {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: Vec::new(),
        results: results
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), kind.clone()))
            .collect(),
        body: Arc::new(move |context, _, sink| body(context, sink)),
    }
}

fn built_in() -> [Procedure; 6] {
    [
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
                ("name", Type::String),
                ("label", Type::String),
                ("property", Type::String),
                ("unique", Type::Boolean),
                ("coversFrom", Type::Integer),
            ],
            |context, sink| {
                for index in schema(context) {
                    let [name, label, property] = index.names;
                    let covers_from = Value::Int(index.definition.covers_from.0.cast_signed());
                    let unique = Value::Bool(index.definition.unique);
                    sink(vec![name, label, property, unique, covers_from])?;
                }
                Ok(())
            },
        ),
        procedure(
            "db.constraints",
            "The constraints of the view.",
            &[
                ("name", Type::String),
                ("type", Type::String),
                ("label", Type::String),
                ("property", Type::String),
            ],
            |context, sink| {
                for index in schema(context)
                    .into_iter()
                    .filter(|index| index.definition.unique)
                {
                    let [name, label, property] = index.names;
                    sink(vec![name, text("UNIQUE"), label, property])?;
                }
                Ok(())
            },
        ),
        procedure(
            "dbms.components",
            "The name, versions and edition of this program.",
            &[
                ("name", Type::String),
                ("versions", Type::List(Box::new(Type::String))),
                ("edition", Type::String),
            ],
            |_, sink| {
                let versions = list([text(env!("CARGO_PKG_VERSION"))]);
                sink(vec![text("Retrograph"), versions, text("community")])
            },
        ),
    ]
}

/// An index with its name and those of its label and property.
struct NamedIndex {
    names: [Value; 3],
    definition: Arc<IndexDefinition>,
}

/// The indexes of the view, by name.
fn schema(context: &CallContext<'_>) -> Vec<NamedIndex> {
    let catalog = context.read.catalog();
    let mut definitions = catalog.indexes();
    definitions.sort_by(|left, right| left.name.cmp(&right.name));
    let named = |definition: Arc<IndexDefinition>| {
        let label = catalog.label_name(definition.label).unwrap_or_default();
        let property = catalog.key_name(definition.key).unwrap_or_default();
        let names = [definition.name.clone(), label, property].map(Value::String);
        NamedIndex { names, definition }
    };
    definitions.into_iter().map(named).collect()
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
        assert_eq!(procedures.all().len(), 7);
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
