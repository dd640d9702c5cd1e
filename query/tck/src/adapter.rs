//! The engine as a [`Subject`]: one graph in memory for each scenario.

use std::sync::Arc;

use retrograph_engine::functions::Procedure;
use retrograph_engine::output::{NodeOutput, RelationshipOutput, element_id};
use retrograph_engine::types::Type;
use retrograph_engine::{
    Collected, Engine, EngineSettings, Output, QueryError, RunOptions, RuntimeKind,
};
use retrograph_graph::value::text::to_text;
use retrograph_graph::value::{Map, Value as EngineValue};
use retrograph_graph::{Graph, GraphRead, ScanCursor};
use retrograph_tck::effects::{GraphState, Owner, PropertyRecord};
use retrograph_tck::signature::MockProcedure;
use retrograph_tck::subject::{Parameters, Phase, ResultTable, Subject, SubjectError};
use retrograph_tck::value::{Direction, Node, Path, PathStep, Properties, Relationship, Value};

/// Opens a fresh database.
pub fn open() -> Result<Box<dyn Subject>, String> {
    Ok(Box::new(Database {
        engine: Engine::new(EngineSettings::default()),
        graph: Graph::in_memory().map_err(|error| error.to_string())?,
    }))
}

struct Database {
    engine: Engine,
    graph: Arc<Graph>,
}

impl Subject for Database {
    fn execute(
        &mut self,
        query: &str,
        parameters: &Parameters,
    ) -> Result<ResultTable, SubjectError> {
        let parameters = parameters
            .iter()
            .map(|(name, value)| (name.clone(), to_engine(value)))
            .collect();
        let mut found = Collected::default();
        self.engine
            .run(
                &self.graph,
                query,
                &parameters,
                &RunOptions::default(),
                &mut found,
            )
            .map_err(subject_error)?;
        Ok(ResultTable {
            columns: found.columns.iter().map(ToString::to_string).collect(),
            rows: found
                .rows
                .iter()
                .map(|row| row.iter().map(from_output).collect())
                .collect(),
        })
    }

    fn register_procedure(&mut self, procedure: MockProcedure) -> Result<(), String> {
        let fields = |fields: &[retrograph_tck::signature::Field]| {
            fields
                .iter()
                .map(|field| Ok((field.name.clone(), type_of(&field.type_name)?)))
                .collect::<Result<Vec<_>, String>>()
        };
        let signature = &procedure.signature;
        let required = signature.inputs.len();
        self.engine.register_procedure(Procedure {
            name: signature.name.clone(),
            description: "answers from a table".to_owned(),
            parameters: fields(&signature.inputs)?,
            required,
            results: fields(&signature.outputs)?,
            body: Arc::new(move |_, arguments, sink| {
                let arguments: Vec<Value> = arguments.iter().map(from_engine).collect();
                for row in procedure.answer(&arguments) {
                    sink(row.iter().map(to_engine).collect())?;
                }
                Ok(())
            }),
        });
        Ok(())
    }

    fn snapshot(&mut self) -> Result<GraphState, String> {
        state_of(&self.graph.read_latest()).map_err(|error| error.to_string())
    }
}

fn type_of(name: &str) -> Result<Type, String> {
    Ok(match name {
        "BOOLEAN" => Type::Boolean,
        "INTEGER" => Type::Integer,
        "FLOAT" => Type::Float,
        "NUMBER" => Type::Number,
        "STRING" => Type::String,
        "MAP" => Type::Map,
        "ANY" => Type::Any,
        other => return Err(format!("unknown type {other}")),
    })
}

fn subject_error(error: QueryError) -> SubjectError {
    let message = error.to_string();
    let (kind, phase, detail) = match &error {
        QueryError::Compile(diagnostic) => {
            let phase = match diagnostic.phase {
                retrograph_cypher::Phase::CompileTime => Phase::CompileTime,
                retrograph_cypher::Phase::Runtime => Phase::Runtime,
            };
            (
                diagnostic.kind.to_string(),
                phase,
                format!("{:?}", diagnostic.detail),
            )
        }
        QueryError::Runtime(error) => {
            // Parameters are checked before anything runs.
            let phase = match error.kind {
                RuntimeKind::ParameterMissing => Phase::CompileTime,
                _ => Phase::Runtime,
            };
            (format!("{:?}", error.kind), phase, error.detail.to_owned())
        }
        _ => ("DatabaseError".to_owned(), Phase::Runtime, String::new()),
    };
    SubjectError {
        kind,
        phase,
        detail,
        message,
    }
}

fn state_of(read: &GraphRead) -> Result<GraphState, retrograph_graph::GraphError> {
    let catalog = read.catalog();
    let mut state = GraphState::default();
    let mut add = |owner: &Owner, properties: Vec<(retrograph_graph::ids::KeyId, EngineValue)>| {
        for (key, value) in properties {
            state.properties.push(PropertyRecord {
                owner: owner.clone(),
                key: catalog.key_name(key).unwrap_or_default().to_string(),
                value: from_engine(&value),
            });
        }
    };
    let mut nodes = Vec::new();
    let mut cursor = ScanCursor::default();
    while !cursor.is_done() {
        read.scan_nodes(&mut cursor, 1024, &mut nodes)?;
    }
    let mut labels = std::collections::BTreeSet::new();
    for id in &nodes {
        let Some(node) = read.node(*id)? else {
            continue;
        };
        labels.extend(
            node.labels()
                .into_iter()
                .filter_map(|label| catalog.label_name(label)),
        );
        add(&Owner::Node(element_id((*id).into())), node.properties()?);
    }
    let mut relationships = Vec::new();
    let mut cursor = ScanCursor::default();
    while !cursor.is_done() {
        read.scan_relationships(&[], &mut cursor, 1024, &mut relationships)?;
    }
    for (id, ..) in &relationships {
        let Some(relationship) = read.relationship(*id)? else {
            continue;
        };
        add(
            &Owner::Relationship(element_id((*id).into())),
            relationship.properties()?,
        );
    }
    state.nodes = nodes.into_iter().map(|id| element_id(id.into())).collect();
    state.relationships = relationships
        .into_iter()
        .map(|(id, ..)| element_id(id.into()))
        .collect();
    state.labels = labels.into_iter().map(|label| label.to_string()).collect();
    Ok(state)
}

fn to_engine(value: &Value) -> EngineValue {
    match value {
        Value::Bool(value) => EngineValue::Bool(*value),
        Value::Int(value) => EngineValue::Int(*value),
        Value::Float(value) => EngineValue::Float(*value),
        Value::String(value) => EngineValue::String(value.as_str().into()),
        Value::List(items) => EngineValue::List(items.iter().map(to_engine).collect()),
        Value::Map(entries) => {
            let map: Map = entries
                .iter()
                .map(|(key, value)| (key.as_str().into(), to_engine(value)))
                .collect();
            EngineValue::Map(Arc::new(map))
        }
        // Parameters and procedure tables hold no elements.
        Value::Null | Value::Node(_) | Value::Relationship(_) | Value::Path(_) => EngineValue::Null,
    }
}

/// A value without elements; temporal values become their text.
fn from_engine(value: &EngineValue) -> Value {
    match value {
        EngineValue::Null => Value::Null,
        EngineValue::Bool(value) => Value::Bool(*value),
        EngineValue::Int(value) => Value::Int(*value),
        EngineValue::Float(value) => Value::Float(*value),
        EngineValue::String(value) => Value::String(value.to_string()),
        EngineValue::List(items) => Value::List(items.iter().map(from_engine).collect()),
        EngineValue::Map(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (key.to_string(), from_engine(value)))
                .collect(),
        ),
        other => Value::String(to_text(other)),
    }
}

fn properties<'a>(of: impl Iterator<Item = (&'a Arc<str>, &'a EngineValue)>) -> Properties {
    of.map(|(key, value)| (key.to_string(), from_engine(value)))
        .collect()
}

fn node(of: &NodeOutput) -> Node {
    Node {
        labels: of.labels.iter().map(ToString::to_string).collect(),
        properties: properties(of.properties.iter()),
    }
}

fn relationship(of: &RelationshipOutput) -> Relationship {
    Relationship {
        type_name: of.type_name.to_string(),
        properties: properties(of.properties.iter()),
    }
}

fn from_output(output: &Output) -> Value {
    match output {
        Output::Value(value) => from_engine(value),
        Output::List(items) => Value::List(items.iter().map(from_output).collect()),
        Output::Map(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (key.to_string(), from_output(value)))
                .collect(),
        ),
        Output::Node(of) => Value::Node(node(of)),
        Output::Relationship(of) => Value::Relationship(relationship(of)),
        Output::Path(path) => {
            let steps = path.relationships.iter().zip(path.nodes.iter().skip(1));
            Value::Path(Path {
                start: path.nodes.first().map(node).unwrap_or_default(),
                steps: steps
                    .map(|((step, along), end)| PathStep {
                        direction: if *along {
                            Direction::Outgoing
                        } else {
                            Direction::Incoming
                        },
                        relationship: relationship(step),
                        node: node(end),
                    })
                    .collect(),
            })
        }
    }
}
