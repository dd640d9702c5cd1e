//! Full-text search as procedures: `CALL db.index.fulltext.queryNodes('texts', 'graph~') YIELD node,
//! score`.
//!
//! They search the view that the query reads, so AS OF gives the answer of the past, scores included.
//! `docs/reference/fulltext.md` describes the query language and the analyzers.

use std::sync::Arc;

use retrograph_cypher::closest;
use retrograph_graph::ids::ElementId;
use retrograph_graph::value::{NodeRef, RelationshipRef, Value};
use retrograph_graph::{GraphRead, IndexSort, RuleKind, TextSearch};
use retrograph_text::{Analyzer, Query};

use super::procedures::{procedure, with_arguments};
use super::{CallContext, Procedure, Rows, list, text, wrong_type};
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::types::Type;

/// The procedures.
pub(super) fn procedures() -> Vec<Procedure> {
    vec![
        query(
            "db.index.fulltext.queryNodes",
            "The nodes that a query finds in a full-text index, the best first.",
            ("node", Type::Node),
            false,
        ),
        query(
            "db.index.fulltext.queryRelationships",
            "The relationships that a query finds in a full-text index, the best first.",
            ("relationship", Type::Relationship),
            true,
        ),
        procedure(
            "db.index.fulltext.listAvailableAnalyzers",
            "The analyzers that a full-text index may have.",
            &[
                ("analyzer", Type::String),
                ("description", Type::String),
                ("stopwords", Type::List(Box::new(Type::String))),
            ],
            |_, sink| {
                for analyzer in Analyzer::all() {
                    sink(vec![
                        text(analyzer.name()),
                        text(analyzer.description()),
                        list(analyzer.stop_words().iter().map(text)),
                    ])?;
                }
                Ok(())
            },
        ),
        with_arguments(
            "db.index.fulltext.awaitEventuallyConsistentIndexRefresh",
            "Waits until full-text indexes hold all that was committed, which they always do.",
            &[],
            0,
            &[],
            |_, _, _| Ok(()),
        ),
    ]
}

fn query(
    name: &'static str,
    description: &str,
    result: (&str, Type),
    is_relationship: bool,
) -> Procedure {
    Procedure {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: vec![
            ("indexName".to_owned(), Type::String),
            ("queryString".to_owned(), Type::String),
            ("options".to_owned(), Type::Map),
        ],
        required: 2,
        results: vec![
            (result.0.to_owned(), result.1),
            ("score".to_owned(), Type::Float),
        ],
        body: Arc::new(move |context, arguments, _| {
            let rows = found(name, context, arguments, is_relationship)?;
            context.later = Some(rows);
            Ok(())
        }),
    }
}

/// What a call may be given beside the query.
#[derive(Default)]
struct Options {
    skip: usize,
    limit: Option<usize>,
    analyzer: Option<&'static Analyzer>,
}

impl Options {
    fn read(procedure: &str, given: Option<&Value>) -> Result<Self, QueryError> {
        let mut options = Self::default();
        let map = match given {
            None | Some(Value::Null) => return Ok(options),
            Some(Value::Map(map)) => map,
            Some(other) => return Err(wrong_type(procedure, "a map of options", other)),
        };
        for (key, value) in map.iter() {
            let count = || match value {
                Value::Int(count) => usize::try_from(*count).map_err(|_| ()),
                _ => Err(()),
            };
            let wrong = |wanted: &str| {
                RuntimeError::argument(format!(
                    "{procedure}() takes {wanted} as `{key}`, not {value}"
                ))
            };
            match (&**key, value) {
                (_, Value::Null) => {}
                ("skip", _) => {
                    options.skip = count().map_err(|()| wrong("a whole number from 0"))?;
                }
                ("limit", _) => {
                    options.limit = Some(count().map_err(|()| wrong("a whole number from 0"))?);
                }
                ("analyzer", Value::String(name)) => {
                    let analyzer = Analyzer::named(name);
                    options.analyzer =
                        Some(analyzer.ok_or_else(|| wrong("the name of an analyzer"))?);
                }
                ("analyzer", _) => return Err(wrong("the name of an analyzer").into()),
                _ => {
                    return Err(RuntimeError::argument(format!(
                        "{procedure}() knows no option `{key}`; it knows skip, limit and analyzer"
                    ))
                    .into());
                }
            }
        }
        Ok(options)
    }
}

fn found(
    procedure: &'static str,
    context: &CallContext<'_>,
    arguments: &[Value],
    is_relationship: bool,
) -> Result<Rows, QueryError> {
    let (Some(Value::String(name)), Some(Value::String(words))) =
        (arguments.first(), arguments.get(1))
    else {
        let wrong = arguments
            .iter()
            .find(|value| !matches!(value, Value::String(_)));
        let wrong = wrong.unwrap_or(&Value::Null);
        return Err(wrong_type(
            procedure,
            "the name of an index and the text of a query",
            wrong,
        ));
    };
    let options = Options::read(procedure, arguments.get(2))?;
    let read = context.read;
    let Some(index) = read.text_index(name) else {
        return Err(no_such_index(read, name));
    };
    if index.definition().is_about_relationships() != is_relationship {
        let (of, other) = match is_relationship {
            true => ("nodes", "queryNodes"),
            false => ("relationships", "queryRelationships"),
        };
        return Err(failed(format!(
            "index {name} is one of {of}; db.index.fulltext.{other} searches it"
        )));
    }
    let query = Query::parse(words)
        .map_err(|error| RuntimeError::argument(format!("{procedure}(): {error}")))?;
    let wanted = TextSearch {
        query: &query,
        analyzer: options.analyzer,
        skip: options.skip,
        limit: options.limit,
    };
    let mut held = 0_usize;
    let hits = read.search_text::<QueryError>(&index, &wanted, &mut |change| {
        held = held.saturating_add_signed(change);
        (context.check)(held)
    })?;
    let view = context.number;
    let bytes = size_of_val(hits.as_slice());
    let mut hits = hits.into_iter();
    Ok(Rows {
        bytes,
        next: Box::new(move || {
            let (element, score) = hits.next()?;
            let element = match element {
                ElementId::Node(id) => Value::Node(NodeRef { id, view }),
                ElementId::Relationship(id) => Value::Relationship(RelationshipRef { id, view }),
            };
            Some(vec![element, Value::Float(score)])
        }),
    })
}

fn failed(message: String) -> QueryError {
    RuntimeError::new(RuntimeKind::ProcedureError, "ProcedureCallFailed", message).into()
}

fn no_such_index(read: &GraphRead, name: &str) -> QueryError {
    let rules = read.catalog().rules();
    let names: Vec<&str> = rules
        .iter()
        .filter(|rule| matches!(rule.kind, RuleKind::Index(IndexSort::Fulltext(_))))
        .map(|rule| &*rule.name)
        .collect();
    let hint = match closest(name, names.iter().copied()) {
        Some(near) => format!("; did you mean {near}?"),
        None if names.is_empty() => "; CREATE FULLTEXT INDEX makes one".to_owned(),
        None => format!("; there is {}", names.join(", ")),
    };
    failed(format!("there is no full-text index named {name}{hint}"))
}
