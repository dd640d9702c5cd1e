//! Results: rows as they leave the engine, and elements spelled out for those outside of it.
//!
//! A result row holds [`Value`]s; nodes, relationships and paths in it are ids seen in one of the
//! query's views. [`Output::of`] reads what a client is shown of them: labels, types, properties,
//! ends.
//!
//! An *element id* is an opaque string that stays the same for as long as the element exists:
//! `n:<id>` for a node, `r:<id>` for a relationship, the id in decimal.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use retrograph_graph::ids::{ElementId, NodeId, RelationshipId, TypeId};
use retrograph_graph::value::{NodeRef, RelationshipRef, Value};
use retrograph_graph::{GraphError, GraphRead};

use crate::error::QueryError;
use crate::turn::Turn;

/// What a sink says to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// More, please.
    Continue,
    /// Enough; a read-only query ends here, a writing one completes without showing more rows.
    Stop,
}

/// The views of a query, by the number that element values carry; 0 is the query's own.
#[derive(Clone)]
pub struct Views {
    pub(crate) reads: Vec<GraphRead>,
    /// What is still known of the relationships that the statement deleted.
    pub(crate) deleted: Arc<HashMap<RelationshipId, Ends>>,
}

/// Type, start and end of a relationship.
pub(crate) type Ends = (TypeId, NodeId, NodeId);

impl Views {
    /// The view with this number.
    #[must_use]
    pub fn get(&self, view: u8) -> &GraphRead {
        self.reads.get(usize::from(view)).unwrap_or(&self.reads[0])
    }

    /// All views; never empty.
    #[must_use]
    pub fn all(&self) -> &[GraphRead] {
        &self.reads
    }
}

/// Takes the rows of a result.
pub trait RowSink {
    /// The statement runs from now on. Who makes it wait for somebody is to pause the turn meanwhile, so that
    /// others run.
    fn begun(&mut self, turn: &Arc<dyn Turn>) {
        let _ = turn;
    }

    /// Called once, before the first row; no columns for a query that returns nothing.
    ///
    /// # Errors
    /// What this returns ends the query.
    fn columns(&mut self, columns: &[Arc<str>]) -> Result<(), QueryError>;

    /// Called for each row. The values are only lent; elements in them are read through `views`.
    ///
    /// # Errors
    /// What this returns ends the query.
    fn row(&mut self, row: &[Value], views: &Views) -> Result<Control, QueryError>;
}

/// A sink that keeps all rows, elements spelled out.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// The columns.
    pub columns: Vec<Arc<str>>,
    /// The rows.
    pub rows: Vec<Vec<Output>>,
}

impl RowSink for Collected {
    fn columns(&mut self, columns: &[Arc<str>]) -> Result<(), QueryError> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn row(&mut self, row: &[Value], views: &Views) -> Result<Control, QueryError> {
        let row = row
            .iter()
            .map(|value| Output::of(value, views))
            .collect::<Result<_, _>>()?;
        self.rows.push(row);
        Ok(Control::Continue)
    }
}

/// A value of a result with its elements spelled out.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A value that holds no element and no collection: null, numbers, strings, temporal values …
    /// Collections without elements are `List` and `Map` nevertheless.
    Value(Value),
    /// A list.
    List(Vec<Output>),
    /// A map.
    Map(BTreeMap<Arc<str>, Output>),
    /// A node.
    Node(NodeOutput),
    /// A relationship.
    Relationship(RelationshipOutput),
    /// A path.
    Path(PathOutput),
}

/// A node of a result. One that the query deleted has neither labels nor properties.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeOutput {
    /// Its id.
    pub id: NodeId,
    /// The names of its labels, sorted.
    pub labels: Vec<Arc<str>>,
    /// Its properties.
    pub properties: BTreeMap<Arc<str>, Value>,
}

/// A relationship of a result. One that the query deleted has no properties.
#[derive(Clone, Debug, PartialEq)]
pub struct RelationshipOutput {
    /// Its id.
    pub id: RelationshipId,
    /// Its type.
    pub type_name: Arc<str>,
    /// Where it starts.
    pub start: NodeId,
    /// Where it ends.
    pub end: NodeId,
    /// Its properties.
    pub properties: BTreeMap<Arc<str>, Value>,
}

/// A path of a result: one more node than relationships.
#[derive(Clone, Debug, PartialEq)]
pub struct PathOutput {
    /// The nodes in order.
    pub nodes: Vec<NodeOutput>,
    /// The relationships in order, each with whether it is walked from its start to its end.
    pub relationships: Vec<(RelationshipOutput, bool)>,
}

impl NodeOutput {
    /// The element id.
    #[must_use]
    pub fn element_id(&self) -> String {
        element_id(self.id.into())
    }
}

impl RelationshipOutput {
    /// The element id.
    #[must_use]
    pub fn element_id(&self) -> String {
        element_id(self.id.into())
    }
}

/// The opaque, stable name of an element.
#[must_use]
pub fn element_id(element: ElementId) -> String {
    match element {
        ElementId::Node(id) => format!("n:{id}"),
        ElementId::Relationship(id) => format!("r:{id}"),
    }
}

impl Output {
    /// Spells out a value of a result row.
    ///
    /// # Errors
    /// The store failed.
    pub fn of(value: &Value, views: &Views) -> Result<Self, GraphError> {
        Ok(match value {
            Value::List(items) => Self::List(
                items
                    .iter()
                    .map(|item| Self::of(item, views))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Map(map) => Self::Map(
                map.iter()
                    .map(|(key, value)| Ok((Arc::clone(key), Self::of(value, views)?)))
                    .collect::<Result<_, GraphError>>()?,
            ),
            Value::Node(node) => Self::Node(node_output(*node, views)?),
            Value::Relationship(of) => Self::Relationship(relationship_output(*of, views)?),
            Value::Path(path) => Self::Path(PathOutput {
                nodes: path
                    .nodes
                    .iter()
                    .map(|&id| {
                        node_output(
                            NodeRef {
                                id,
                                view: path.view,
                            },
                            views,
                        )
                    })
                    .collect::<Result<_, _>>()?,
                relationships: path
                    .relationships
                    .iter()
                    .map(|&(id, along)| {
                        let of = RelationshipRef {
                            id,
                            view: path.view,
                        };
                        Ok((relationship_output(of, views)?, along))
                    })
                    .collect::<Result<_, GraphError>>()?,
            }),
            plain => Self::Value(plain.clone()),
        })
    }
}

impl NodeOutput {
    /// A node as a view shows it, if it does.
    ///
    /// # Errors
    /// The store failed.
    pub fn read(id: NodeId, read: &GraphRead) -> Result<Option<Self>, GraphError> {
        let Some(data) = read.node(id)? else {
            return Ok(None);
        };
        let catalog = read.catalog();
        let mut labels: Vec<Arc<str>> = data
            .labels()
            .into_iter()
            .filter_map(|label| catalog.label_name(label))
            .collect();
        labels.sort_unstable();
        let properties = data
            .properties()?
            .into_iter()
            .filter_map(|(key, value)| Some((catalog.key_name(key)?, value)))
            .collect();
        Ok(Some(Self {
            id,
            labels,
            properties,
        }))
    }
}

impl RelationshipOutput {
    /// A relationship as a view shows it, if it does.
    ///
    /// # Errors
    /// The store failed.
    pub fn read(id: RelationshipId, read: &GraphRead) -> Result<Option<Self>, GraphError> {
        let Some(data) = read.relationship(id)? else {
            return Ok(None);
        };
        let catalog = read.catalog();
        let properties = data
            .properties()?
            .into_iter()
            .filter_map(|(key, value)| Some((catalog.key_name(key)?, value)))
            .collect();
        Ok(Some(Self {
            id,
            type_name: catalog.type_name(data.type_id()).unwrap_or_default(),
            start: data.start(),
            end: data.end(),
            properties,
        }))
    }
}

fn node_output(node: NodeRef, views: &Views) -> Result<NodeOutput, GraphError> {
    let found = NodeOutput::read(node.id, views.get(node.view))?;
    Ok(found.unwrap_or_else(|| NodeOutput {
        id: node.id,
        labels: Vec::new(),
        properties: BTreeMap::new(),
    }))
}

fn relationship_output(
    of: RelationshipRef,
    views: &Views,
) -> Result<RelationshipOutput, GraphError> {
    let read = views.get(of.view);
    if let Some(found) = RelationshipOutput::read(of.id, read)? {
        return Ok(found);
    }
    let (type_id, start, end) = views.deleted.get(&of.id).copied().unwrap_or_default();
    Ok(RelationshipOutput {
        id: of.id,
        type_name: read.catalog().type_name(type_id).unwrap_or_default(),
        start,
        end,
        properties: BTreeMap::new(),
    })
}
