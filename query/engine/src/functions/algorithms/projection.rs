//! Copies the part of a view that an algorithm looks at.
//!
//! Nodes are numbered in ascending order of id, relationships in the order of their start, so that the
//! same version always gives the same copy.

use retrograph_algorithms::{Edge, Graph, Orientation, Watch};
use retrograph_graph::column::Column;
use retrograph_graph::ids::{Direction, KeyId, NodeId, RelationshipId};
use retrograph_graph::value::{NodeRef, Value};
use retrograph_graph::{GraphRead, ScanCursor};

use super::settings::Settings;
use crate::error::{QueryError, RuntimeError};
use crate::functions::CallContext;

/// Nodes read at once.
const SCAN_NODES: usize = 4096;
/// Relationships whose weights are read at once.
const WEIGHTS: usize = 4096;
/// Work between two looks at the clock and the cancel token.
const CHECK_STEPS: usize = 1 << 16;

/// Looks after an algorithm on behalf of the query.
pub(super) struct Guard<'c> {
    check: &'c dyn Fn(usize) -> Result<(), QueryError>,
    steps: usize,
    /// The bytes that are held beside the algorithm's own.
    base: usize,
    own: usize,
}

impl<'c> Guard<'c> {
    pub(super) fn new(context: &CallContext<'c>) -> Self {
        Self {
            check: context.check,
            steps: 0,
            base: 0,
            own: 0,
        }
    }

    /// So many bytes are held until the end.
    fn keep(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.base += bytes;
        (self.check)(self.base + self.own)
    }

    fn release(&mut self, bytes: usize) {
        self.base -= bytes;
    }
}

impl Watch for Guard<'_> {
    type Error = QueryError;

    fn work(&mut self, steps: usize) -> Result<(), QueryError> {
        self.steps += steps;
        if self.steps < CHECK_STEPS {
            return Ok(());
        }
        self.steps = 0;
        (self.check)(self.base + self.own)
    }

    fn hold(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.own = bytes;
        (self.check)(self.base + self.own)
    }
}

/// What is copied beside the structure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Nothing.
    Structure,
    /// The relationships, to tell paths.
    Relationships,
}

/// A copy of a part of a view.
pub(super) struct Projection {
    /// The nodes by number, ascending.
    pub(super) nodes: Vec<NodeId>,
    /// The structure.
    pub(super) graph: Graph,
    /// The relationships by number, if they are kept.
    relationships: Vec<RelationshipId>,
    edges: Vec<Edge>,
    /// The number of the view.
    pub(super) view: u8,
}

impl Projection {
    /// Copies the nodes with one of the labels of the settings, and the relationships of their types
    /// between them. Names that the view does not know match nothing.
    pub(super) fn new(
        context: &CallContext<'_>,
        settings: &Settings<'_>,
        orientation: Orientation,
        keep: Keep,
        guard: &mut Guard<'_>,
    ) -> Result<Self, QueryError> {
        let read = context.read;
        let nodes = nodes(read, settings.names("labels")?, guard)?;
        let types = match settings.names("types")? {
            None => Some(Vec::new()),
            Some(names) => {
                let catalog = read.catalog();
                let types: Vec<_> = names
                    .iter()
                    .filter_map(|name| catalog.relationship_type(name))
                    .collect();
                (!types.is_empty()).then_some(types)
            }
        };
        let weight = settings.name("weight")?;
        let default = settings.number("defaultWeight", 1.0, (0.0, f64::MAX))?;
        let mut edges = Vec::new();
        let mut relationships = Vec::new();
        if let Some(types) = types {
            let numbers = Numbers::new(&nodes);
            guard.keep(numbers.bytes())?;
            let keeps_ids = weight.is_some() || keep == Keep::Relationships;
            let mut held = 0;
            for (from, node) in (0u32..).zip(&nodes) {
                let before = edges.len();
                read.expand(*node, Some(Direction::Outgoing), &types, |other, id, _| {
                    if let Some(to) = numbers.of(&nodes, other) {
                        edges.push(Edge {
                            from,
                            to,
                            weight: default,
                        });
                        if keeps_ids {
                            relationships.push(id);
                        }
                    }
                })?;
                guard.work(1 + edges.len() - before)?;
                let bytes = edges.capacity() * size_of::<Edge>() + relationships.capacity() * 8;
                if bytes > held {
                    guard.keep(bytes - held)?;
                    held = bytes;
                }
            }
            guard.release(numbers.bytes());
            if let Some(name) = weight
                && let Some(key) = read.catalog().key(name)
            {
                weigh(read, key, name, settings, &relationships, &mut edges, guard)?;
            }
        }
        let weighted = weight.is_some();
        guard.keep(Graph::bytes_of(
            nodes.len(),
            edges.len(),
            orientation,
            weighted,
        ))?;
        let count = u32::try_from(nodes.len()).ok();
        let graph = count.and_then(|count| Graph::new(count, &edges, orientation, weighted));
        let Some(graph) = graph else {
            return Err(RuntimeError::argument(format!(
                "{}() can look at 4,294,967,295 nodes and neighbours at most",
                settings.procedure()
            ))
            .into());
        };
        if keep == Keep::Structure {
            guard.release(edges.capacity() * size_of::<Edge>() + relationships.capacity() * 8);
            (edges, relationships) = (Vec::new(), Vec::new());
        }
        Ok(Self {
            nodes,
            graph,
            relationships,
            edges,
            view: context.number,
        })
    }

    /// The number of a node given as an argument.
    pub(super) fn number(
        &self,
        settings: &Settings<'_>,
        what: &str,
        value: &Value,
    ) -> Result<u32, QueryError> {
        let Value::Node(node) = value else {
            return Err(settings.wrong(what, "a node", value));
        };
        let place = self.nodes.binary_search(&node.id).ok();
        place
            .and_then(|place| u32::try_from(place).ok())
            .ok_or_else(|| {
                RuntimeError::argument(format!(
                    "{}() was given a node as {what} that is not among the nodes it looks at",
                    settings.procedure()
                ))
                .into()
            })
    }

    /// A node by number.
    pub(super) fn node(&self, number: u32) -> Value {
        Value::Node(NodeRef {
            id: self.nodes[number as usize],
            view: self.view,
        })
    }

    /// A relationship by number, and whether it leads along from a node.
    pub(super) fn relationship(&self, number: u32, from: u32) -> (RelationshipId, bool) {
        let number = number as usize;
        (self.relationships[number], self.edges[number].from == from)
    }

    /// The bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * 8
            + self.graph.bytes()
            + self.relationships.capacity() * 8
            + self.edges.capacity() * size_of::<Edge>()
    }
}

/// The nodes with one of these labels, or all, in ascending order.
fn nodes(
    read: &GraphRead,
    labels: Option<Vec<&str>>,
    guard: &mut Guard<'_>,
) -> Result<Vec<NodeId>, QueryError> {
    let mut nodes = Vec::new();
    let scans = match &labels {
        None => vec![None],
        Some(names) => {
            let catalog = read.catalog();
            let known = names.iter().filter_map(|name| catalog.label(name));
            known.map(Some).collect()
        }
    };
    let mut held = 0;
    for label in &scans {
        let mut cursor = ScanCursor::default();
        loop {
            let before = nodes.len();
            match label {
                None => read.scan_nodes(&mut cursor, SCAN_NODES, &mut nodes)?,
                Some(label) => read.scan_label(*label, &mut cursor, SCAN_NODES, &mut nodes)?,
            }
            guard.work(1 + nodes.len() - before)?;
            let bytes = nodes.capacity() * size_of::<NodeId>();
            guard.keep(bytes - held)?;
            held = bytes;
            if cursor.is_done() {
                break;
            }
        }
    }
    if scans.len() > 1 {
        nodes.sort_unstable();
        nodes.dedup();
    }
    Ok(nodes)
}

/// Numbers by node: a table where ids lie close together, else a search.
struct Numbers {
    first: u64,
    table: Vec<u32>,
}

impl Numbers {
    fn new(nodes: &[NodeId]) -> Self {
        let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else {
            return Self {
                first: 0,
                table: Vec::new(),
            };
        };
        let span = (last.0 - first.0 + 1) as usize;
        let mut table = Vec::new();
        if span <= 4 * nodes.len() + 1024 {
            table = vec![u32::MAX; span];
            for (number, node) in (0u32..).zip(nodes) {
                table[(node.0 - first.0) as usize] = number;
            }
        }
        Self {
            first: first.0,
            table,
        }
    }

    fn of(&self, nodes: &[NodeId], node: NodeId) -> Option<u32> {
        if self.table.is_empty() {
            return nodes.binary_search(&node).ok().map(|place| place as u32);
        }
        let place = usize::try_from(node.0.checked_sub(self.first)?).ok()?;
        self.table
            .get(place)
            .copied()
            .filter(|number| *number != u32::MAX)
    }

    fn bytes(&self) -> usize {
        self.table.len() * size_of::<u32>()
    }
}

/// Reads the weights; a relationship without the property keeps the weight it has.
fn weigh(
    read: &GraphRead,
    key: KeyId,
    name: &str,
    settings: &Settings<'_>,
    relationships: &[RelationshipId],
    edges: &mut [Edge],
    guard: &mut Guard<'_>,
) -> Result<(), QueryError> {
    let mut column = Column::default();
    for (ids, edges) in relationships.chunks(WEIGHTS).zip(edges.chunks_mut(WEIGHTS)) {
        read.relationship_properties(ids, key, &mut column)?;
        guard.work(ids.len())?;
        for (row, edge) in edges.iter_mut().enumerate() {
            edge.weight = match column.get(row) {
                Value::Null => continue,
                Value::Int(weight) => weight as f64,
                Value::Float(weight) => weight,
                other => {
                    return Err(RuntimeError::type_error(format!(
                        "{}() takes numbers as weights, but `{name}` of relationship {} is {}",
                        settings.procedure(),
                        ids[row],
                        other.type_name()
                    ))
                    .into());
                }
            };
            if !edge.weight.is_finite() || edge.weight < 0.0 {
                return Err(RuntimeError::argument(format!(
                    "{}() takes weights from 0, but `{name}` of relationship {} is {}",
                    settings.procedure(),
                    ids[row],
                    edge.weight
                ))
                .into());
            }
        }
    }
    Ok(())
}
