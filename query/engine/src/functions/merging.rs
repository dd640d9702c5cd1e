//! The procedures of the APOC library that merge a node or a relationship.
//!
//! Their calls are planned as MERGE, so that they find by indexes and write as the language does; here
//! they have their signatures.

use std::sync::{Arc, LazyLock};

use retrograph_graph::value::Value;

use super::procedures::with_arguments;
use super::registry::{function, parameter};
use super::{Function, Procedure, wrong_type};
use crate::error::RuntimeError;
use crate::types::Type;

/// What a procedure merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merged {
    Node,
    Relationship,
}

/// APOC has each once more for calls that need what other parts of the query wrote; here every call
/// sees that.
const NAMES: [(&str, Merged); 4] = [
    ("apoc.merge.node", Merged::Node),
    ("apoc.merge.node.eager", Merged::Node),
    ("apoc.merge.relationship", Merged::Relationship),
    ("apoc.merge.relationship.eager", Merged::Relationship),
];

/// What the procedure of this name merges, if it does.
pub(crate) fn merges(procedure: &str) -> Option<Merged> {
    let mut names = NAMES.iter();
    let found = names.find(|(name, _)| name.eq_ignore_ascii_case(procedure))?;
    Some(found.1)
}

/// The procedures.
pub(super) fn procedures() -> Vec<Procedure> {
    let map = |name| (name, Type::Map);
    let (identity, create, found) = (map("identProps"), map("onCreateProps"), map("onMatchProps"));
    NAMES
        .iter()
        .map(|(name, kind)| {
            let (description, parameters, required, result) = match kind {
                Merged::Node => (
                    "Finds the nodes with these labels and properties, or makes one; then sets further \
                     properties by which of these it was.",
                    vec![
                        ("labels", Type::List(Box::new(Type::String))),
                        identity.clone(),
                        create.clone(),
                        found.clone(),
                    ],
                    2,
                    ("node", Type::Node),
                ),
                Merged::Relationship => (
                    "Finds the relationships of this type from one node to another with these \
                     properties, or makes one; then sets further properties by which of these it was.",
                    vec![
                        ("startNode", Type::Node),
                        ("relType", Type::String),
                        identity.clone(),
                        create.clone(),
                        ("endNode", Type::Node),
                        found.clone(),
                    ],
                    5,
                    ("rel", Type::Relationship),
                ),
            };
            with_arguments(name, description, &parameters, required, &[result], move |_, _, _| {
                Err(RuntimeError::argument(format!("{name}() is a clause of its own")).into())
            })
        })
        .collect()
}

/// The properties by which a node is found: with none, any node would do.
pub(crate) static IDENTIFYING: LazyLock<Function> = LazyLock::new(|| {
    let map = function(
        "identifying properties",
        "A map of properties that is not empty.",
        [parameter("identProps", [Type::Map])],
        Type::Map,
        |_, arguments| match &arguments[0] {
            Value::Map(map) if !map.is_empty() => Ok(arguments[0].clone()),
            Value::Map(_) | Value::Null => Err(RuntimeError::argument(
                "apoc.merge.node() needs at least one property by which to find the node",
            )
            .into()),
            other => Err(wrong_type("apoc.merge.node", "a map", other)),
        },
    );
    map.sees_null()
});

/// The properties by which a relationship is found; null for none.
pub(crate) static MAY_IDENTIFY: LazyLock<Function> = LazyLock::new(|| {
    let map = function(
        "properties of a relationship",
        "A map of properties.",
        [parameter("identProps", [Type::Map])],
        Type::Map,
        |_, arguments| match &arguments[0] {
            Value::Map(_) => Ok(arguments[0].clone()),
            Value::Null => Ok(Value::Map(Arc::default())),
            other => Err(wrong_type("apoc.merge.relationship", "a map", other)),
        },
    );
    map.sees_null()
});
