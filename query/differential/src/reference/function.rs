//! Scalar functions: those that look at the graph or at lists are written out here, the others are
//! the engine's own.

use std::sync::Arc;

use retrograph_cypher::ast::FunctionCall;
use retrograph_engine::functions::{CallContext, scalar};
use retrograph_engine::{Caller, QueryError};
use retrograph_graph::ids::{NodeId, RelationshipId};
use retrograph_graph::value::{NodeRef, RelationshipRef, Value};

use super::value::{is_poison, poison};
use super::{Evaluated, Evaluator, Row, Stop};

fn integer(of: usize) -> Value {
    Value::Int(i64::try_from(of).unwrap_or(i64::MAX))
}

impl Evaluator<'_> {
    /// A call of a scalar function.
    pub(super) fn function(&mut self, call: &FunctionCall, row: &Row) -> Evaluated<Value> {
        let name = call.name.to_string().to_ascii_lowercase();
        let mut arguments = Vec::new();
        for argument in &call.arguments {
            let value = self.eval(argument, row)?;
            if name == "coalesce" && !value.is_null() {
                return Ok(value);
            }
            arguments.push(value);
        }
        if name == "coalesce" {
            return Ok(Value::Null);
        }
        if arguments.iter().any(is_poison) {
            return Ok(poison());
        }
        Ok(match (&*name, &arguments[..]) {
            (
                "size" | "head" | "last" | "tail" | "length" | "nodes" | "relationships" | "id"
                | "labels" | "type" | "keys" | "properties" | "startnode" | "endnode" | "reverse",
                [Value::Null],
            ) => Value::Null,
            ("size", [Value::List(items)]) => integer(items.len()),
            ("size", [Value::String(text)]) => integer(text.chars().count()),
            ("head", [Value::List(items)]) => items.first().cloned().unwrap_or_default(),
            ("last", [Value::List(items)]) => items.last().cloned().unwrap_or_default(),
            ("tail", [Value::List(items)]) => Value::list(items.get(1..).unwrap_or(&[]).to_vec()),
            ("reverse", [Value::List(items)]) => {
                Value::list(items.iter().rev().cloned().collect::<Vec<_>>())
            }
            ("length", [Value::Path(path)]) => integer(path.relationships.len()),
            ("nodes", [Value::Path(path)]) => {
                let view = path.view;
                let nodes = path.nodes.iter();
                Value::list(
                    nodes
                        .map(|&id| Value::Node(NodeRef { id, view }))
                        .collect::<Vec<_>>(),
                )
            }
            ("relationships", [Value::Path(path)]) => {
                let view = path.view;
                let relationships = path.relationships.iter();
                Value::list(
                    relationships
                        .map(|&(id, _)| Value::Relationship(RelationshipRef { id, view }))
                        .collect::<Vec<_>>(),
                )
            }
            ("id", [Value::Node(node)]) => Value::Int(node.id.0.cast_signed()),
            ("id", [Value::Relationship(of)]) => Value::Int(of.id.0.cast_signed()),
            ("labels", [Value::Node(node)]) => {
                let found = self.state(node.view).nodes.get(&node.id.0);
                match found.map(|node| node.labels.clone()) {
                    Some(labels) => {
                        let labels = labels.into_iter().map(Value::String).collect();
                        Value::list(self.arranged(labels))
                    }
                    None => self.fail("EntityNotFound"),
                }
            }
            ("type", [Value::Relationship(of)]) => {
                match self.state(of.view).relationships.get(&of.id.0) {
                    Some(of) => Value::String(of.type_name.clone()),
                    None => self.fail("EntityNotFound"),
                }
            }
            ("keys", [of]) => match self.properties(of) {
                Some(properties) => {
                    let keys = properties.into_keys().map(Value::String).collect();
                    Value::list(self.arranged(keys))
                }
                None => poison(),
            },
            ("properties", [of]) => match self.properties(of) {
                Some(properties) => Value::Map(Arc::new(properties)),
                None => poison(),
            },
            ("startnode" | "endnode", [Value::Relationship(of)]) => {
                let view = of.view;
                match self.state(view).relationships.get(&of.id.0) {
                    Some(of) => {
                        let id = NodeId(if name == "startnode" {
                            of.start
                        } else {
                            of.end
                        });
                        Value::Node(NodeRef { id, view })
                    }
                    None => self.fail("EntityNotFound"),
                }
            }
            (
                "size" | "head" | "last" | "tail" | "length" | "nodes" | "relationships" | "id"
                | "labels" | "type" | "startnode" | "endnode",
                [_],
            ) => self.fail("TypeError"),
            (name, arguments) => self.library(name, arguments)?,
        })
    }

    /// A function that looks at nothing but its arguments.
    fn library(&mut self, name: &str, arguments: &[Value]) -> Evaluated<Value> {
        let Some(function) = scalar(name) else {
            return Err(Stop::Unsupported(format!("{name}()")));
        };
        if !function.is_deterministic {
            return Err(Stop::Unsupported(format!("{name}()")));
        }
        if function.null_propagates && arguments.iter().any(Value::is_null) {
            return Ok(Value::Null);
        }
        let mut context = CallContext {
            read: self.read,
            views: &[],
            statement_time_us: 0,
            transaction_time_us: 0,
            now_us: &|| 0,
            random: &mut || 0,
            number: 0,
            check: &|_| Ok(()),
            later: None,
            caller: &Caller::default(),
            made: Vec::new(),
        };
        Ok(match (function.body)(&mut context, arguments) {
            Ok(value) => value,
            Err(QueryError::Runtime(error)) => self.fail(&format!("{:?}", error.kind)),
            Err(_) => return Err(Stop::Unsupported(format!("{name}() on this value"))),
        })
    }

    /// A node as seen in the view at hand.
    pub(super) fn node(&self, id: u64) -> Value {
        Value::Node(NodeRef {
            id: NodeId(id),
            view: self.view,
        })
    }

    /// A relationship as seen in the view at hand.
    pub(super) fn relationship(&self, id: u64) -> Value {
        Value::Relationship(RelationshipRef {
            id: RelationshipId(id),
            view: self.view,
        })
    }
}
