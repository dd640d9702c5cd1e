//! Pictures of the data: a node for each label, a relationship for each type between two labels. They are elements of
//! a graph that is made for the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use retrograph_graph::ids::NodeId;
use retrograph_graph::value::{NodeRef, RelationshipRef, Value};
use retrograph_graph::{CommitInfo, Graph, Isolation, Sequence};

use super::{Between, Group, Shape, Sink, step_of, whole};
use crate::error::{QueryError, RuntimeError};
use crate::functions::{CallContext, list, text};
use crate::schema_items::{constraint_items, index_items};

/// Names and values.
type Properties = Vec<(&'static str, Value)>;

/// `db.schema.visualization`.
pub(super) fn visualization(
    context: &mut CallContext<'_>,
    sink: Sink<'_>,
) -> Result<(), QueryError> {
    let shape = Shape::of(context.read, 1)?;
    let (indexes, constraints) = (index_items(context.read), constraint_items(context.read));
    let of_label = |label: &Arc<str>, group: &Group| {
        let on =
            |is_relationship: bool, names: &[Arc<str>]| !is_relationship && names.contains(label);
        let indexed = indexes
            .iter()
            .filter(|item| on(item.is_relationship, &item.names))
            .map(|item| text(item.properties.join(",")));
        let ruled = constraints
            .iter()
            .filter(|item| on(item.is_relationship, std::slice::from_ref(&item.target)))
            .map(|item| text(item.statement()));
        vec![
            ("name", Value::String(Arc::clone(label))),
            ("indexes", list(indexed)),
            ("constraints", list(ruled)),
            ("count", whole(group.elements)),
        ]
    };
    let of_type = |(_, type_name, _): &Between<Arc<str>>, count: u64| {
        vec![
            ("name", Value::String(Arc::clone(type_name))),
            ("count", whole(count)),
        ]
    };
    sink(sketched(context, &shape, of_label, of_type)?)
}

/// `apoc.meta.graph`: the numbers are those of all elements, however few it is asked to look at.
pub(super) fn meta_graph(
    context: &mut CallContext<'_>,
    arguments: &[Value],
    sink: Sink<'_>,
) -> Result<(), QueryError> {
    let shape = Shape::of(context.read, step_of(arguments)?)?;
    let mut starting: BTreeMap<(Arc<str>, Arc<str>), u64> = BTreeMap::new();
    let mut ending = starting.clone();
    for ((starts, type_name, ends), count) in &shape.between {
        for (labels, counts) in [(starts, &mut starting), (ends, &mut ending)] {
            for label in labels {
                let key = (Arc::clone(label), Arc::clone(type_name));
                *counts.entry(key).or_default() += count;
            }
        }
    }
    let of_label = |label: &Arc<str>, group: &Group| {
        vec![
            ("name", Value::String(Arc::clone(label))),
            ("count", whole(group.elements)),
        ]
    };
    let of_type = |(start, type_name, end): &Between<Arc<str>>, _| {
        let of = |counts: &BTreeMap<(Arc<str>, Arc<str>), u64>, label: &Arc<str>| {
            let key = (Arc::clone(label), Arc::clone(type_name));
            whole(counts.get(&key).copied().unwrap_or_default())
        };
        let all = shape.relationships.get(type_name);
        vec![
            ("type", Value::String(Arc::clone(type_name))),
            ("out", of(&starting, start)),
            ("in", of(&ending, end)),
            ("count", whole(all.map_or(0, |group| group.elements))),
        ]
    };
    sink(sketched(context, &shape, of_label, of_type)?)
}

/// The nodes and the relationships, as two lists.
fn sketched(
    context: &mut CallContext<'_>,
    shape: &Shape,
    of_label: impl Fn(&Arc<str>, &Group) -> Properties,
    of_type: impl Fn(&Between<Arc<str>>, u64) -> Properties,
) -> Result<Vec<Value>, QueryError> {
    let sketch = Graph::in_memory()?;
    let transaction = sketch.begin(Isolation::Snapshot);
    let keyed = |properties: Properties| {
        let properties = properties.into_iter();
        let keyed = properties.map(|(name, value)| Ok((transaction.key_id(name)?, value)));
        keyed.collect::<Result<Vec<_>, QueryError>>()
    };
    let mut nodes: BTreeMap<Arc<str>, NodeId> = BTreeMap::new();
    for (label, group) in shape.by_label() {
        let properties = keyed(of_label(&label, &group))?;
        let labels = [transaction.label_id(&label)?];
        let id = transaction.create_node(Sequence(0), &labels, properties)?;
        nodes.insert(label, id);
    }
    let mut relationships = Vec::new();
    for (between, found) in shape.by_labels() {
        let (Some(start), Some(end)) = (nodes.get(&between.0), nodes.get(&between.2)) else {
            continue;
        };
        let properties = keyed(of_type(&between, found))?;
        let type_id = transaction.type_id(&between.1)?;
        relationships.push(transaction.create_relationship(
            Sequence(0),
            type_id,
            *start,
            *end,
            properties,
        )?);
    }
    transaction.commit(CommitInfo::default())?;
    let Some(view) = context.show_elements_of(sketch.read_latest()) else {
        return Err(
            RuntimeError::argument("the query has too many views of graphs already").into(),
        );
    };
    let nodes = nodes.into_values();
    let relationships = relationships.into_iter();
    Ok(vec![
        list(nodes.map(|id| Value::Node(NodeRef { id, view }))),
        list(relationships.map(|id| Value::Relationship(RelationshipRef { id, view }))),
    ])
}
