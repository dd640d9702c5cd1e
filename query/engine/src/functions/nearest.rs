//! Procedures that look for the nearest vectors of an index.
//!
//! An index is looked for by its name in the schema of the view, and if that has none of the name, in the
//! present one: an index can be asked about versions from before it was made.

use std::sync::Arc;

use retrograph_graph::ids::ElementId;
use retrograph_graph::value::{NodeRef, RelationshipRef, Value};
use retrograph_graph::vector::{Query, components};
use retrograph_graph::{GraphRead, RuleDefinition, Sought, VectorSettings};

use super::procedures::{Sink, with_arguments};
use super::vector::{admitted, no_vector};
use super::{CallContext, Procedure, wrong_type};
use crate::error::{QueryError, RuntimeError};
use crate::types::Type;

/// The procedures.
pub(super) fn procedures() -> Vec<Procedure> {
    let parameters = [
        ("indexName", Type::String),
        ("numberOfNearestNeighbours", Type::Integer),
        ("query", Type::Any),
        ("options", Type::Map),
    ];
    let results = |element| [element, ("score", Type::Float), ("exact", Type::Boolean)];
    vec![
        with_arguments(
            "db.index.vector.queryNodes",
            "The nodes of a vector index that are most similar to a vector, best first. The answer may be \
             approximate unless `exact` says otherwise; option {exact: true} makes it exact.",
            &parameters,
            3,
            &results(("node", Type::Node)),
            |context, arguments, sink| {
                let search = Search {
                    name: "db.index.vector.queryNodes",
                    of_relationships: false,
                };
                search.run(context, arguments, sink)
            },
        ),
        with_arguments(
            "db.index.vector.queryRelationships",
            "The relationships of a vector index that are most similar to a vector, best first. The answer may \
             be approximate unless `exact` says otherwise; option {exact: true} makes it exact.",
            &parameters,
            3,
            &results(("relationship", Type::Relationship)),
            |context, arguments, sink| {
                let search = Search {
                    name: "db.index.vector.queryRelationships",
                    of_relationships: true,
                };
                search.run(context, arguments, sink)
            },
        ),
    ]
}

/// One of the procedures.
#[derive(Clone, Copy)]
struct Search {
    name: &'static str,
    of_relationships: bool,
}

impl Search {
    fn run(
        self,
        context: &CallContext<'_>,
        arguments: &[Value],
        sink: Sink<'_>,
    ) -> Result<(), QueryError> {
        let [index, count, vector, rest @ ..] = arguments else {
            return Err(self.wrong("three arguments or four"));
        };
        let Value::String(index) = index else {
            return Err(wrong_type(self.name, "the name of an index", index));
        };
        let count = match count {
            Value::Int(count) if *count > 0 => usize::try_from(*count).unwrap_or(usize::MAX),
            Value::Int(count) => {
                return Err(self.wrong(&format!(
                    "a positive number of nearest neighbours, not {count}"
                )));
            }
            other => {
                return Err(wrong_type(
                    self.name,
                    "an integer as number of neighbours",
                    other,
                ));
            }
        };
        let is_exact = self.wants_exact(rest.first())?;
        let (index, settings) = self.index(context.read, index)?;
        let query = self.query(&index, &settings, vector)?;
        let sought = Sought {
            query: &query,
            count,
            is_exact,
        };
        let found = context
            .read
            .nearest(&index, &sought, &mut |bytes| (context.check)(bytes))?;
        let Some(found) = found else { return Ok(()) };
        for (element, score) in found.elements {
            let element = match element {
                ElementId::Node(id) => Value::Node(NodeRef {
                    id,
                    view: context.number,
                }),
                ElementId::Relationship(id) => Value::Relationship(RelationshipRef {
                    id,
                    view: context.number,
                }),
            };
            sink(vec![
                element,
                Value::Float(score),
                Value::Bool(found.is_exact),
            ])?;
        }
        Ok(())
    }

    fn wrong(self, wanted: &str) -> QueryError {
        RuntimeError::argument(format!("{}() takes {wanted}", self.name)).into()
    }

    fn wants_exact(self, options: Option<&Value>) -> Result<bool, QueryError> {
        let map = match options {
            None | Some(Value::Null) => return Ok(false),
            Some(Value::Map(map)) => map,
            Some(other) => return Err(wrong_type(self.name, "a map of options", other)),
        };
        if let Some(unknown) = map.keys().find(|key| &***key != "exact") {
            return Err(RuntimeError::argument(format!(
                "{}() knows no option `{unknown}`; it knows exact",
                self.name
            ))
            .into());
        }
        match map.get("exact") {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(is_exact)) => Ok(*is_exact),
            Some(other) => Err(wrong_type(self.name, "true or false as `exact`", other)),
        }
    }

    /// The vector index of a name.
    fn index(
        self,
        read: &GraphRead,
        name: &str,
    ) -> Result<(Arc<RuleDefinition>, VectorSettings), QueryError> {
        let named = |read: &GraphRead| {
            let mut rules = read.catalog().rules().into_iter();
            rules.find_map(|rule| {
                let settings = rule.vector_settings().filter(|_| *rule.name == *name)?;
                Some((rule, settings))
            })
        };
        let Some((index, settings)) = named(read).or_else(|| named(&read.graph().read_latest()))
        else {
            return Err(RuntimeError::argument(format!(
                "there is no vector index `{name}`; SHOW VECTOR INDEXES lists those there are"
            ))
            .into());
        };
        if index.is_about_relationships() == self.of_relationships {
            return Ok((index, settings));
        }
        let (about, other) = match self.of_relationships {
            true => ("nodes", "db.index.vector.queryNodes"),
            false => ("relationships", "db.index.vector.queryRelationships"),
        };
        Err(RuntimeError::argument(format!(
            "vector index `{name}` is on {about}; ask it with {other}()"
        ))
        .into())
    }

    fn query(
        self,
        index: &RuleDefinition,
        settings: &VectorSettings,
        value: &Value,
    ) -> Result<Query, QueryError> {
        let vector = components(value).ok_or_else(|| no_vector(self.name, value))?;
        if vector.len() != usize::from(settings.dimensions) {
            return Err(RuntimeError::argument(format!(
                "vector index `{}` has vectors of {} dimensions, but {}() was given one of {}",
                index.name,
                settings.dimensions,
                self.name,
                vector.len()
            ))
            .into());
        }
        let vector = admitted(self.name, settings.similarity, value)?;
        // It was admitted just now.
        settings
            .query(vector)
            .ok_or_else(|| self.wrong("a vector that can be compared"))
    }
}
