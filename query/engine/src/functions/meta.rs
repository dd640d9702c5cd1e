//! Procedures that describe the data of a view: which properties the nodes of which labels have, of
//! which types, and which relationships lie between them.
//!
//! The store keeps no such statistics by version, so they are computed by a scan of the view. With
//! `sample: n`, the APOC procedures look at the properties of every n-th element only, once they
//! have seen [`LOOKED_AT_MIN`] of its kind; what `db.schema.nodeTypeProperties` says is of all.

mod sketch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use retrograph_cypher::ast::ConstraintSort;
use retrograph_graph::ids::{KeyId, LabelId, NodeId};
use retrograph_graph::value::{Map, Value};
use retrograph_graph::{GraphRead, IndexEstimate, ScanCursor};

use super::procedures::{Sink, procedure, with_arguments};
use super::{CallContext, Procedure, list, text};
use crate::error::{QueryError, RuntimeError};
use crate::schema_items::{constraint_items, index_items, quoted};
use crate::types::Type;

/// How many elements are read at a time.
const BATCH: usize = 1024;

/// How many elements of a kind are looked at before sampling begins.
const LOOKED_AT_MIN: u64 = 1_000;

/// The properties of a group of elements.
#[derive(Clone, Debug, Default)]
struct Group {
    /// How many elements it has.
    elements: u64,
    /// By key: how many have it, and the types of the values.
    properties: BTreeMap<Arc<str>, (u64, BTreeSet<&'static str>)>,
}

/// Start, type and end.
type Between<L> = (L, Arc<str>, L);

/// How many relationships, and the labels at their other ends.
type Ends = (u64, BTreeSet<Arc<str>>);

/// What the data of a view looks like.
#[derive(Debug, Default)]
struct Shape {
    /// By set of labels.
    nodes: BTreeMap<Vec<Arc<str>>, Group>,
    /// By type.
    relationships: BTreeMap<Arc<str>, Group>,
    /// How many relationships of a type lie between nodes of two sets of labels.
    between: BTreeMap<Between<Vec<Arc<str>>>, u64>,
}

/// The names of types as openCypher writes them, `LIST OF …` for lists.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::List(items) => match items.first() {
            Some(Value::String(_)) => "LIST OF STRING",
            Some(Value::Int(_)) => "LIST OF INTEGER",
            Some(Value::Float(_)) => "LIST OF FLOAT",
            Some(Value::Bool(_)) => "LIST OF BOOLEAN",
            _ => "LIST",
        },
        other => other.type_name(),
    }
}

/// The same as drivers of other languages know them: `StringArray`, `Long`.
fn java_name(kind: &str) -> &'static str {
    match kind {
        "BOOLEAN" => "Boolean",
        "INTEGER" => "Long",
        "FLOAT" => "Double",
        "STRING" => "String",
        "BYTES" => "ByteArray",
        "DATE" => "Date",
        "LOCAL TIME" => "LocalTime",
        "ZONED TIME" => "Time",
        "LOCAL DATETIME" => "LocalDateTime",
        "ZONED DATETIME" => "DateTime",
        "DURATION" => "Duration",
        "POINT" => "Point",
        "VECTOR" => "Vector",
        "LIST OF STRING" => "StringArray",
        "LIST OF INTEGER" => "LongArray",
        "LIST OF FLOAT" => "DoubleArray",
        "LIST OF BOOLEAN" => "BooleanArray",
        "LIST" => "Array",
        _ => "Any",
    }
}

/// The same as APOC writes them: `DATE_TIME`, `LIST`.
fn apoc_name(kind: &str) -> &'static str {
    match kind {
        "BOOLEAN" => "BOOLEAN",
        "INTEGER" => "INTEGER",
        "FLOAT" => "FLOAT",
        "STRING" => "STRING",
        "BYTES" => "BYTES",
        "DATE" => "DATE",
        "LOCAL TIME" => "LOCAL_TIME",
        "ZONED TIME" => "TIME",
        "LOCAL DATETIME" => "LOCAL_DATE_TIME",
        "ZONED DATETIME" => "DATE_TIME",
        "DURATION" => "DURATION",
        "POINT" => "POINT",
        _ if kind.starts_with("LIST") => "LIST",
        _ => "ANY",
    }
}

impl Group {
    /// Counts one more element; whether its properties are to be looked at.
    fn count(&mut self, step: u64) -> bool {
        self.elements += 1;
        self.elements <= LOOKED_AT_MIN || self.elements.is_multiple_of(step)
    }

    fn add(&mut self, read: &Names<'_>, properties: Vec<(KeyId, Value)>) {
        for (key, value) in properties {
            let (count, types) = self.properties.entry(read.key(key)).or_default();
            *count += 1;
            types.insert(type_of(&value));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.elements += other.elements;
        for (key, (count, types)) in &other.properties {
            let entry = self.properties.entry(Arc::clone(key)).or_default();
            entry.0 += count;
            entry.1.extend(types);
        }
    }
}

/// Names by number, in a view.
struct Names<'r>(&'r retrograph_graph::ReadCatalog);

impl Names<'_> {
    fn key(&self, key: KeyId) -> Arc<str> {
        self.0.key_name(key).unwrap_or_default()
    }

    fn labels(&self, labels: &[LabelId]) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = labels
            .iter()
            .filter_map(|label| self.0.label_name(*label))
            .collect();
        names.sort();
        names
    }
}

impl Shape {
    /// Looks at a view; see the module for `step`.
    fn of(read: &GraphRead, step: u64) -> Result<Self, QueryError> {
        let mut shape = Self::default();
        let catalog = read.catalog();
        let names = Names(&catalog);
        let (mut cursor, mut found) = (ScanCursor::default(), Vec::new());
        while !cursor.is_done() {
            found.clear();
            read.scan_nodes(&mut cursor, BATCH, &mut found)?;
            for id in &found {
                if let Some(node) = read.node(*id)? {
                    let group = shape.nodes.entry(names.labels(&node.labels())).or_default();
                    if group.count(step) {
                        group.add(&names, node.properties()?);
                    }
                }
            }
        }
        let (mut cursor, mut found) = (ScanCursor::default(), Vec::new());
        while !cursor.is_done() {
            found.clear();
            read.scan_relationships(&[], &mut cursor, BATCH, &mut found)?;
            for (id, type_id, start, end) in &found {
                let type_name = catalog.type_name(*type_id).unwrap_or_default();
                if let Some(relationship) = read.relationship(*id)? {
                    let group = shape.relationships.entry(type_name.clone()).or_default();
                    if group.count(step) {
                        group.add(&names, relationship.properties()?);
                    }
                }
                let labels = |node: NodeId| -> Result<Vec<Arc<str>>, QueryError> {
                    Ok(names.labels(&read.labels_of(node)?.unwrap_or_default()))
                };
                let key = (labels(*start)?, type_name, labels(*end)?);
                *shape.between.entry(key).or_default() += 1;
            }
        }
        Ok(shape)
    }

    /// Nodes by single label.
    fn by_label(&self) -> BTreeMap<Arc<str>, Group> {
        let mut groups: BTreeMap<Arc<str>, Group> = BTreeMap::new();
        for (labels, group) in &self.nodes {
            for label in labels {
                groups.entry(Arc::clone(label)).or_default().merge(group);
            }
        }
        groups
    }

    /// Counts of relationships by single labels: (start, type, end).
    fn by_labels(&self) -> BTreeMap<Between<Arc<str>>, u64> {
        let mut counts = BTreeMap::new();
        for ((starts, type_name, ends), count) in &self.between {
            for start in starts {
                for end in ends {
                    let key = (Arc::clone(start), Arc::clone(type_name), Arc::clone(end));
                    *counts.entry(key).or_default() += count;
                }
            }
        }
        counts
    }
}

/// Which properties of a label or type are indexed, unique, required.
#[derive(Default)]
struct Ruled {
    indexed: BTreeSet<(bool, Arc<str>, Arc<str>)>,
    unique: BTreeSet<(bool, Arc<str>, Arc<str>)>,
    required: BTreeSet<(bool, Arc<str>, Arc<str>)>,
}

impl Ruled {
    fn of(read: &GraphRead) -> Self {
        use retrograph_cypher::ast::ConstraintSort;
        let mut ruled = Self::default();
        for item in index_items(read) {
            for name in &item.names {
                for property in &item.properties {
                    let place = (item.is_relationship, Arc::clone(name), Arc::clone(property));
                    ruled.indexed.insert(place);
                }
            }
        }
        for item in constraint_items(read) {
            for property in &item.properties {
                let place = (
                    item.is_relationship,
                    Arc::clone(&item.target),
                    Arc::clone(property),
                );
                match item.sort {
                    ConstraintSort::Unique => drop(ruled.unique.insert(place)),
                    ConstraintSort::Key => {
                        ruled.unique.insert(place.clone());
                        ruled.required.insert(place);
                    }
                    ConstraintSort::Exists => drop(ruled.required.insert(place)),
                    ConstraintSort::Typed => {}
                }
            }
        }
        ruled
    }
}

fn whole(count: u64) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn strings() -> Type {
    Type::List(Box::new(Type::String))
}

pub(super) fn procedures() -> Vec<Procedure> {
    let config = || [("config", Type::Map)];
    let graph = |name: &str| {
        with_arguments(
            name,
            "A node for each label and a relationship for each type between two labels, with their numbers.",
            &config(),
            0,
            &[
                ("nodes", Type::List(Box::new(Type::Node))),
                ("relationships", Type::List(Box::new(Type::Relationship))),
            ],
            sketch::meta_graph,
        )
    };
    vec![
        procedure(
            "db.schema.nodeTypeProperties",
            "The properties of the nodes of each set of labels: their types, and whether all have them.",
            &[
                ("nodeType", Type::String),
                ("nodeLabels", strings()),
                ("propertyName", Type::String),
                ("propertyTypes", strings()),
                ("mandatory", Type::Boolean),
            ],
            node_type_properties,
        ),
        procedure(
            "db.schema.relTypeProperties",
            "The properties of the relationships of each type: their types, and whether all have them.",
            &[
                ("relType", Type::String),
                ("propertyName", Type::String),
                ("propertyTypes", strings()),
                ("mandatory", Type::Boolean),
            ],
            rel_type_properties,
        ),
        procedure(
            "db.schema.visualization",
            "A node for each label and a relationship for each type between two labels.",
            &[
                ("nodes", Type::List(Box::new(Type::Node))),
                ("relationships", Type::List(Box::new(Type::Relationship))),
            ],
            sketch::visualization,
        ),
        graph("apoc.meta.graph"),
        graph("apoc.meta.graphSample"),
        with_arguments(
            "apoc.meta.data",
            "The properties of labels and types, and the relationships between labels, row by row.",
            &config(),
            0,
            &[
                ("label", Type::String),
                ("property", Type::String),
                ("count", Type::Integer),
                ("unique", Type::Boolean),
                ("index", Type::Boolean),
                ("existence", Type::Boolean),
                ("type", Type::String),
                ("array", Type::Boolean),
                ("sample", Type::list()),
                ("left", Type::Integer),
                ("right", Type::Integer),
                ("other", strings()),
                ("otherLabels", strings()),
                ("elementType", Type::String),
            ],
            meta_data,
        ),
        with_arguments(
            "apoc.meta.schema",
            "The labels and types with their properties and relationships, as one map.",
            &config(),
            0,
            &[("value", Type::Map)],
            meta_schema,
        ),
        procedure(
            "apoc.meta.stats",
            "Numbers of labels, types, keys, nodes and relationships.",
            &[
                ("labelCount", Type::Integer),
                ("relTypeCount", Type::Integer),
                ("propertyKeyCount", Type::Integer),
                ("nodeCount", Type::Integer),
                ("relCount", Type::Integer),
                ("labels", Type::Map),
                ("relTypes", Type::Map),
                ("relTypesCount", Type::Map),
                ("stats", Type::Map),
            ],
            meta_stats,
        ),
        with_arguments(
            "apoc.schema.nodes",
            "The indexes and constraints on nodes.",
            &config(),
            0,
            &[
                ("name", Type::String),
                ("label", Type::Any),
                ("properties", strings()),
                ("status", Type::String),
                ("type", Type::String),
                ("failure", Type::String),
                ("populationProgress", Type::Float),
                ("size", Type::Integer),
                ("valuesSelectivity", Type::Float),
                ("userDescription", Type::String),
            ],
            schema_nodes,
        ),
    ]
}

/// A row for each property of a group; one without property if it has none.
fn property_rows(
    group: &Group,
    mut row: impl FnMut(Value, Value, Value) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    if group.properties.is_empty() {
        return row(Value::Null, Value::Null, Value::Bool(false));
    }
    for (key, (count, types)) in &group.properties {
        let types = list(types.iter().map(|kind| text(java_name(kind))));
        let is_mandatory = *count == group.elements;
        row(Value::String(key.clone()), types, Value::Bool(is_mandatory))?;
    }
    Ok(())
}

fn node_type_properties(context: &mut CallContext<'_>, sink: Sink<'_>) -> Result<(), QueryError> {
    for (labels, group) in Shape::of(context.read, 1)?.nodes {
        let quoted: Vec<String> = labels
            .iter()
            .map(|label| format!(":{}", quoted(label)))
            .collect();
        let node_type = text(quoted.concat());
        let names = list(labels.iter().map(text));
        property_rows(&group, |key, types, mandatory| {
            sink(vec![
                node_type.clone(),
                names.clone(),
                key,
                types,
                mandatory,
            ])
        })?;
    }
    Ok(())
}

fn rel_type_properties(context: &mut CallContext<'_>, sink: Sink<'_>) -> Result<(), QueryError> {
    for (type_name, group) in Shape::of(context.read, 1)?.relationships {
        let rel_type = text(format!(":{}", quoted(&type_name)));
        property_rows(&group, |key, types, mandatory| {
            sink(vec![rel_type.clone(), key, types, mandatory])
        })?;
    }
    Ok(())
}

/// The step of a sample: every n-th element.
fn step_of(arguments: &[Value]) -> Result<u64, QueryError> {
    let Some(Value::Map(config)) = arguments.first() else {
        return Ok(1);
    };
    match config.get("sample") {
        None | Some(Value::Null) => Ok(1),
        // -1 asks for all.
        Some(Value::Int(step)) => Ok(u64::try_from(*step).unwrap_or(1).max(1)),
        Some(other) => Err(RuntimeError::type_error(format!(
            "sample is given by an integer, not by {}",
            other.type_name()
        ))
        .into()),
    }
}

fn meta_data(
    context: &mut CallContext<'_>,
    arguments: &[Value],
    sink: Sink<'_>,
) -> Result<(), QueryError> {
    let shape = Shape::of(context.read, step_of(arguments)?)?;
    let ruled = Ruled::of(context.read);
    let groups = shape
        .by_label()
        .into_iter()
        .map(|(name, group)| (false, name, group))
        .chain(
            shape
                .relationships
                .iter()
                .map(|(name, group)| (true, name.clone(), group.clone())),
        );
    for (is_relationship, name, group) in groups {
        let element = match is_relationship {
            true => "relationship",
            false => "node",
        };
        for (key, (count, types)) in &group.properties {
            let place = (is_relationship, name.clone(), key.clone());
            let kinds: BTreeSet<&str> = types.iter().map(|kind| apoc_name(kind)).collect();
            let kind = match kinds.len() {
                1 => kinds.first().copied().unwrap_or("ANY"),
                _ => "ANY",
            };
            sink(vec![
                Value::String(name.clone()),
                Value::String(key.clone()),
                whole(*count),
                Value::Bool(ruled.unique.contains(&place)),
                Value::Bool(ruled.indexed.contains(&place)),
                Value::Bool(ruled.required.contains(&place)),
                text(kind),
                Value::Bool(kind == "LIST"),
                Value::Null,
                Value::Int(0),
                Value::Int(0),
                list([]),
                list([]),
                text(element),
            ])?;
        }
    }
    let mut ends: BTreeMap<(Arc<str>, Arc<str>), Ends> = BTreeMap::new();
    for ((starts, type_name, others), count) in &shape.between {
        for start in starts {
            let entry = ends.entry((start.clone(), type_name.clone())).or_default();
            entry.0 += count;
            entry.1.extend(others.iter().cloned());
        }
    }
    for ((start, type_name), (count, others)) in ends {
        let others = list(others.iter().map(text));
        sink(vec![
            Value::String(start),
            Value::String(type_name),
            whole(count),
            Value::Bool(false),
            Value::Bool(false),
            Value::Bool(false),
            text("RELATIONSHIP"),
            Value::Bool(true),
            Value::Null,
            whole(count),
            Value::Int(0),
            others,
            list([]),
            text("node"),
        ])?;
    }
    Ok(())
}

fn map(entries: impl IntoIterator<Item = (Arc<str>, Value)>) -> Value {
    Value::Map(Arc::new(entries.into_iter().collect::<Map>()))
}

fn meta_schema(
    context: &mut CallContext<'_>,
    arguments: &[Value],
    sink: Sink<'_>,
) -> Result<(), QueryError> {
    let shape = Shape::of(context.read, step_of(arguments)?)?;
    let ruled = Ruled::of(context.read);
    let properties = |is_relationship: bool, name: &Arc<str>, group: &Group| {
        map(group.properties.iter().map(|(key, (_, types))| {
            let place = (is_relationship, name.clone(), key.clone());
            let kinds: BTreeSet<&str> = types.iter().map(|kind| apoc_name(kind)).collect();
            let kind = match kinds.len() {
                1 => kinds.first().copied().unwrap_or("ANY"),
                _ => "ANY",
            };
            let described = map([
                ("type".into(), text(kind)),
                ("array".into(), Value::Bool(kind == "LIST")),
                (
                    "existence".into(),
                    Value::Bool(ruled.required.contains(&place)),
                ),
                (
                    "indexed".into(),
                    Value::Bool(ruled.indexed.contains(&place)),
                ),
                ("unique".into(), Value::Bool(ruled.unique.contains(&place))),
            ]);
            (key.clone(), described)
        }))
    };
    let mut all: Map = Map::default();
    for (label, group) in shape.by_label() {
        let mut walks: BTreeMap<Arc<str>, (&str, Ends)> = BTreeMap::new();
        for ((starts, type_name, ends), count) in &shape.between {
            for (own, others, direction) in [(starts, ends, "out"), (ends, starts, "in")] {
                if !own.contains(&label) {
                    continue;
                }
                let walk = walks
                    .entry(type_name.clone())
                    .or_insert((direction, Ends::default()));
                if walk.0 == direction {
                    walk.1.0 += count;
                    walk.1.1.extend(others.iter().cloned());
                }
            }
        }
        let relationships = map(walks
            .into_iter()
            .map(|(name, (direction, (count, others)))| {
                let of_type = shape.relationships.get(&name).cloned().unwrap_or_default();
                let described = map([
                    ("count".into(), whole(count)),
                    ("direction".into(), text(direction)),
                    ("labels".into(), list(others.iter().map(text))),
                    ("properties".into(), properties(true, &name, &of_type)),
                ]);
                (name, described)
            }));
        let described = map([
            ("type".into(), text("node")),
            ("count".into(), whole(group.elements)),
            ("labels".into(), list([])),
            ("properties".into(), properties(false, &label, &group)),
            ("relationships".into(), relationships),
        ]);
        all.insert(label, described);
    }
    for (name, group) in &shape.relationships {
        let described = map([
            ("type".into(), text("relationship")),
            ("count".into(), whole(group.elements)),
            ("properties".into(), properties(true, name, group)),
        ]);
        all.insert(name.clone(), described);
    }
    sink(vec![Value::Map(Arc::new(all))])
}

fn meta_stats(context: &mut CallContext<'_>, sink: Sink<'_>) -> Result<(), QueryError> {
    let read = context.read;
    let catalog = read.catalog();
    let (labels, types) = (catalog.labels(), catalog.relationship_types());
    let mut by_label = Map::default();
    for (id, name) in &labels {
        by_label.insert(name.clone(), whole(read.count_nodes(Some(*id))?));
    }
    let mut by_type = Map::default();
    for (id, name) in &types {
        by_type.insert(name.clone(), whole(read.count_relationships(Some(*id))?));
    }
    let patterns = map(by_type
        .iter()
        .map(|(name, count)| (format!("()-[:{name}]->()").into(), count.clone())));
    let (by_label, by_type) = (
        Value::Map(Arc::new(by_label)),
        Value::Map(Arc::new(by_type)),
    );
    let numbers = [
        ("labelCount", whole(labels.len() as u64)),
        ("relTypeCount", whole(types.len() as u64)),
        ("propertyKeyCount", whole(catalog.keys().len() as u64)),
        ("nodeCount", whole(read.count_nodes(None)?)),
        ("relCount", whole(read.count_relationships(None)?)),
        ("labels", by_label),
        ("relTypes", patterns),
        ("relTypesCount", by_type),
    ];
    let stats = map(numbers
        .iter()
        .map(|(name, value)| ((*name).into(), value.clone())));
    let mut row: Vec<Value> = numbers.into_iter().map(|(_, value)| value).collect();
    row.push(stats);
    sink(row)
}

fn schema_nodes(
    context: &mut CallContext<'_>,
    _arguments: &[Value],
    sink: Sink<'_>,
) -> Result<(), QueryError> {
    let estimates = context.read.estimates();
    for item in index_items(context.read) {
        if item.is_relationship {
            continue;
        }
        let of_rules = estimates.rules.iter().map(|(id, estimate)| {
            let distinct = estimate.distinct.last().copied();
            let sizes = IndexEstimate {
                entries: estimate.entries,
                distinct: distinct.unwrap_or_default(),
            };
            (id, sizes)
        });
        let sizes = estimates
            .indexes
            .iter()
            .map(|(id, estimate)| (id, *estimate))
            .chain(of_rules)
            .find(|(id, _)| i64::from(id.0) + 1 == item.id)
            .map(|(_, sizes)| sizes)
            .unwrap_or_default();
        let selectivity = match sizes.entries {
            0 => 1.0,
            entries => sizes.distinct as f64 / entries as f64,
        };
        let label = match item.names.as_slice() {
            [label] => Value::String(label.clone()),
            labels => list(labels.iter().map(text)),
        };
        let kind = match item.constraint {
            Some(ConstraintSort::Key) => "NODE_KEY",
            Some(_) => "UNIQUENESS",
            None => item.kind.word(),
        };
        sink(vec![
            Value::String(item.name.clone()),
            label,
            list(item.properties.iter().map(text)),
            text(item.progress.state),
            text(kind),
            match item.progress.failure.as_str() {
                "" => text("NO FAILURE"),
                failure => text(failure),
            },
            Value::Float(item.progress.percent),
            whole(sizes.entries),
            Value::Float(selectivity),
            text(item.statement()),
        ])?;
    }
    Ok(())
}
