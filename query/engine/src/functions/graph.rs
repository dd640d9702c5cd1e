//! Functions on nodes, relationships and paths.
//!
//! An element is read in the view its value carries, so that a query over two times sees each
//! element at its own.

use std::sync::Arc;

use retrograph_graph::ids::{ElementId, SystemTime, Version};
use retrograph_graph::value::{NodeRef, RelationshipRef, Value};

use super::registry::{function, parameter};
use super::{CallContext, Function, Parameter, list, property, temporal, text, wrong_type};
use crate::error::{QueryError, RuntimeError};
use crate::output::element_id;
use crate::types::Type;

type Outcome = Result<Value, QueryError>;

pub(super) fn functions() -> Vec<Function> {
    let element = || parameter("element", [Type::Node, Type::Relationship]);
    let relationship = || parameter("relationship", [Type::Relationship]);
    let path = || parameter("path", [Type::Path]);
    let with_keys =
        || -> Parameter { parameter("input", [Type::Node, Type::Relationship, Type::Map]) };
    vec![
        function(
            "id",
            "The number of a node or relationship.",
            [element()],
            Type::Integer,
            id,
        ),
        function(
            "graph.names",
            "The names of the graphs that the statement can read: the one it runs on.",
            [],
            Type::List(Box::new(Type::String)),
            |context, _| Ok(list([text(context.caller.origin.database())])),
        ),
        function(
            "graph.propertiesByName",
            "The properties of a graph by name: the one the statement runs on has none.",
            [parameter("name", [Type::String])],
            Type::Map,
            properties_by_name,
        ),
        function(
            "elementId",
            "The opaque name of a node or relationship, stable for its lifetime.",
            [element()],
            Type::String,
            |_, arguments| {
                let (element, _) = element_of("elementId", &arguments[0])?;
                Ok(Value::string(element_id(element)))
            },
        ),
        function(
            "labels",
            "The labels of a node.",
            [parameter("node", [Type::Node])],
            Type::List(Box::new(Type::String)),
            labels,
        ),
        function(
            "type",
            "The type of a relationship.",
            [relationship()],
            Type::String,
            relationship_type,
        ),
        function(
            "keys",
            "The names of the properties of a node or relationship, or of the entries of a map.",
            [with_keys()],
            Type::List(Box::new(Type::String)),
            keys,
        ),
        function(
            "properties",
            "The properties of a node or relationship as a map; a map as it is.",
            [with_keys()],
            Type::Map,
            properties,
        ),
        function(
            "startNode",
            "The node where a relationship starts.",
            [relationship()],
            Type::Node,
            |context, arguments| end_node("startNode", context, &arguments[0], true),
        ),
        function(
            "endNode",
            "The node where a relationship ends.",
            [relationship()],
            Type::Node,
            |context, arguments| end_node("endNode", context, &arguments[0], false),
        ),
        function(
            "length",
            "The number of relationships of a path.",
            [path()],
            Type::Integer,
            |_, arguments| match &arguments[0] {
                Value::Path(path) => Ok(Value::Int(
                    i64::try_from(path.relationships.len()).unwrap_or(i64::MAX),
                )),
                other => Err(wrong_type("length", "a path", other)),
            },
        ),
        function(
            "nodes",
            "The nodes of a path in order.",
            [path()],
            Type::List(Box::new(Type::Node)),
            |_, arguments| match &arguments[0] {
                Value::Path(path) => Ok(list(path.nodes.iter().map(|id| {
                    Value::Node(NodeRef {
                        id: *id,
                        view: path.view,
                    })
                }))),
                other => Err(wrong_type("nodes", "a path", other)),
            },
        ),
        function(
            "relationships",
            "The relationships of a path in order.",
            [path()],
            Type::List(Box::new(Type::Relationship)),
            |_, arguments| match &arguments[0] {
                Value::Path(path) => Ok(list(path.relationships.iter().map(|(id, _)| {
                    Value::Relationship(RelationshipRef {
                        id: *id,
                        view: path.view,
                    })
                }))),
                other => Err(wrong_type("relationships", "a path", other)),
            },
        ),
        function(
            "system_from",
            "When the version of an element seen here was committed; null for one not committed yet.",
            [element()],
            Type::DateTime,
            |context, arguments| {
                system_time("system_from", context, &arguments[0], |from, _| Some(from))
            },
        ),
        function(
            "system_to",
            "When the version of an element seen here was replaced or deleted; null if it is still current.",
            [element()],
            Type::DateTime,
            |context, arguments| system_time("system_to", context, &arguments[0], |_, to| to),
        ),
    ]
}

/// An argument as an element with the view it is seen in.
fn element_of(name: &str, argument: &Value) -> Result<(ElementId, u8), QueryError> {
    match argument {
        Value::Node(node) => Ok((node.id.into(), node.view)),
        Value::Relationship(relationship) => Ok((relationship.id.into(), relationship.view)),
        other => Err(wrong_type(name, "a node or a relationship", other)),
    }
}

fn properties_by_name(context: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let own = context.caller.origin.database();
    match &arguments[0] {
        Value::String(name) if name.eq_ignore_ascii_case(own) => Ok(Value::Map(Arc::default())),
        Value::String(name) => Err(RuntimeError::argument(format!(
            "there is no graph `{name}` here: a statement reads the one it runs on, `{own}`"
        ))
        .into()),
        other => Err(wrong_type("graph.propertiesByName", "a string", other)),
    }
}

fn id(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let (element, _) = element_of("id", &arguments[0])?;
    let id = match element {
        ElementId::Node(id) => id.0,
        ElementId::Relationship(id) => id.0,
    };
    Ok(Value::Int(id.cast_signed()))
}

pub(super) fn labels(context: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let Value::Node(node) = &arguments[0] else {
        return Err(wrong_type("labels", "a node", &arguments[0]));
    };
    let read = context.view(node.view);
    let labels = read
        .labels_of(node.id)?
        .ok_or_else(|| property::deleted(node.id.into()))?;
    let catalog = read.catalog();
    Ok(list(labels.into_iter().filter_map(|label| {
        catalog.label_name(label).map(Value::String)
    })))
}

pub(super) fn relationship_type(context: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let Value::Relationship(relationship) = &arguments[0] else {
        return Err(wrong_type("type", "a relationship", &arguments[0]));
    };
    let read = context.view(relationship.view);
    let ends = read.ends(relationship.id)?;
    let (type_id, ..) = ends.ok_or_else(|| property::deleted(relationship.id.into()))?;
    Ok(read
        .catalog()
        .type_name(type_id)
        .map_or(Value::Null, Value::String))
}

fn end_node(name: &str, context: &CallContext<'_>, argument: &Value, is_start: bool) -> Outcome {
    let Value::Relationship(RelationshipRef { id, view }) = *argument else {
        return Err(wrong_type(name, "a relationship", argument));
    };
    let ends = context.view(view).ends(id)?;
    let (_, start, end) = ends.ok_or_else(|| property::deleted(id.into()))?;
    Ok(Value::Node(NodeRef {
        id: if is_start { start } else { end },
        view,
    }))
}

fn properties(context: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    match &arguments[0] {
        Value::Map(_) => Ok(arguments[0].clone()),
        Value::Node(_) | Value::Relationship(_) => Ok(Value::Map(
            property::properties_of(context, &arguments[0])?.into(),
        )),
        other => Err(wrong_type(
            "properties",
            "a node, a relationship or a map",
            other,
        )),
    }
}

fn keys(context: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    match &arguments[0] {
        Value::Map(map) => Ok(list(map.keys().cloned().map(Value::String))),
        Value::Node(_) | Value::Relationship(_) => {
            let properties = property::properties_of(context, &arguments[0])?;
            Ok(list(properties.into_keys().map(Value::String)))
        }
        other => Err(wrong_type("keys", "a node, a relationship or a map", other)),
    }
}

/// The time of one end of the interval of an element version.
fn system_time(
    name: &str,
    context: &CallContext<'_>,
    argument: &Value,
    pick: fn(Version, Option<Version>) -> Option<Version>,
) -> Outcome {
    let (element, view) = element_of(name, argument)?;
    let read = context.view(view);
    let Some((from, to)) = read.interval(element)? else {
        return Ok(Value::Null);
    };
    match pick(from, to) {
        // What the transaction itself wrote belongs to no version yet.
        Some(version) if version <= read.graph().applied().version => {
            let SystemTime(time_us) = read.graph().version_time(version)?;
            Ok(temporal::instant_utc(time_us))
        }
        _ => Ok(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{empty_view, error_of, eval_in, evaluates, is_same};
    use super::super::text;
    use super::*;
    use retrograph_graph::ids::{NodeId, RelationshipId};
    use retrograph_graph::value::Path;
    use retrograph_graph::{CommitInfo, Graph, GraphRead, Isolation, Sequence};

    fn node(id: NodeId) -> Value {
        Value::Node(NodeRef { id, view: 0 })
    }

    /// (:A:B {name: 'x'})-[:R {num: 1}]->(:C)
    fn small_graph() -> (GraphRead, NodeId, RelationshipId, NodeId) {
        let graph = Graph::in_memory().expect("a graph in memory");
        let transaction = graph.begin(Isolation::Serializable);
        let sequence = Sequence(0);
        let token = |name| transaction.label_id(name).expect("a label");
        let name = transaction.key_id("name").expect("a key");
        let num = transaction.key_id("num").expect("a key");
        let type_id = transaction.type_id("R").expect("a type");
        let first = transaction
            .create_node(sequence, &[token("A"), token("B")], vec![(name, text("x"))])
            .expect("a node");
        let second = transaction
            .create_node(sequence, &[token("C")], vec![])
            .expect("a node");
        let relationship = transaction
            .create_relationship(sequence, type_id, first, second, vec![(num, Value::Int(1))])
            .expect("a relationship");
        transaction
            .commit(CommitInfo::default())
            .expect("committed");
        (graph.read_latest(), first, relationship, second)
    }

    #[test]
    fn elements_show_what_they_are() {
        let (read, first, id, second) = small_graph();
        let relationship = Value::Relationship(RelationshipRef { id, view: 0 });
        let strings = |items: &[&str]| list(items.iter().map(text));
        let cases = [
            ("id", node(first), Value::Int(first.0.cast_signed())),
            ("labels", node(first), strings(&["A", "B"])),
            ("labels", node(second), strings(&["C"])),
            ("type", relationship.clone(), text("R")),
            ("keys", node(first), strings(&["name"])),
            ("keys", node(second), list([])),
            ("keys", relationship.clone(), strings(&["num"])),
            ("properties", node(first), Value::map([("name", text("x"))])),
            (
                "properties",
                relationship.clone(),
                Value::map([("num", Value::Int(1))]),
            ),
            ("startNode", relationship.clone(), node(first)),
            ("endNode", relationship.clone(), node(second)),
            (
                "elementId",
                node(first),
                Value::string(element_id(first.into())),
            ),
            ("system_to", node(first), Value::Null),
        ];
        for (name, argument, wanted) in cases {
            let got = eval_in(&read, name, std::slice::from_ref(&argument)).expect("no error");
            assert!(
                is_same(&got, &wanted),
                "{name}({argument:?}) = {got:?}, not {wanted:?}"
            );
        }
        let from = eval_in(&read, "system_from", &[relationship]).expect("no error");
        let SystemTime(time_us) = read.time().expect("the time of the commit");
        assert!(is_same(&from, &temporal::instant_utc(time_us)), "{from:?}");
    }

    #[test]
    fn a_replaced_version_ends_when_its_successor_begins() {
        let (read, first, _, _) = small_graph();
        let graph = read.graph().clone();
        let transaction = graph.begin(Isolation::Serializable);
        let key = transaction.key_id("name").expect("a key");
        transaction
            .set_property(Sequence(0), first.into(), key, text("y"))
            .expect("set");
        transaction
            .commit(CommitInfo::default())
            .expect("committed");
        let ended = eval_in(&read, "system_to", &[node(first)]).expect("no error");
        let began = eval_in(&graph.read_latest(), "system_from", &[node(first)]).expect("no error");
        assert!(matches!(ended, Value::DateTime(_)), "{ended:?}");
        assert!(is_same(&ended, &began), "{ended:?}, {began:?}");
    }

    #[test]
    fn a_missing_element_is_an_error() {
        let missing = node(NodeId(999));
        for name in ["labels", "keys", "properties"] {
            let error =
                eval_in(&empty_view(), name, std::slice::from_ref(&missing)).expect_err("missing");
            assert_eq!(
                super::super::testing::kind_of(&error),
                ("EntityNotFound", "DeletedEntityAccess")
            );
        }
    }

    #[test]
    fn paths_maps_and_nulls_follow_the_table() {
        let path = Value::Path(Arc::new(Path {
            nodes: vec![NodeId(1), NodeId(2)],
            relationships: vec![(RelationshipId(7), true)],
            view: 0,
        }));
        let relationship = Value::Relationship(RelationshipRef {
            id: RelationshipId(7),
            view: 0,
        });
        let map = Value::map([("b", Value::Null), ("a", Value::Int(1))]);
        evaluates(&[
            ("length", vec![path.clone()], Value::Int(1)),
            (
                "nodes",
                vec![path.clone()],
                list([node(NodeId(1)), node(NodeId(2))]),
            ),
            ("relationships", vec![path], list([relationship])),
            ("keys", vec![map.clone()], list([text("a"), text("b")])),
            ("properties", vec![map.clone()], map),
            ("labels", vec![Value::Null], Value::Null),
            ("type", vec![Value::Null], Value::Null),
            ("nodes", vec![Value::Null], Value::Null),
            ("properties", vec![Value::Null], Value::Null),
            ("system_from", vec![Value::Null], Value::Null),
        ]);
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let names = [
            "id",
            "elementId",
            "labels",
            "type",
            "keys",
            "properties",
            "startNode",
            "endNode",
            "length",
            "nodes",
            "relationships",
            "system_from",
            "system_to",
        ];
        for name in names {
            let got = error_of(name, &[Value::Int(0)]);
            assert_eq!(got, ("TypeError", "InvalidArgumentValue"), "{name}");
        }
    }
}
