//! Nodes of the graph that a source refers to by an id of its own.

use std::sync::Arc;

use retrograph_graph::ids::{ElementId, NodeId, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{Graph, GraphError, ScanCursor};

use crate::change::ExternalId;
use crate::ids::IdMap;

/// An id space whose ids are a property of nodes that are in the graph already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingSpace {
    /// The id space.
    pub space: Arc<str>,
    /// The label of the nodes.
    pub label: Arc<str>,
    /// The property that holds the id.
    pub key: Arc<str>,
}

impl ExistingSpace {
    /// Reads `Space=Label.key`, or `Label.key` for the space of that name.
    ///
    /// # Errors
    /// If the text has another form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not of the form Space=Label.key");
        let (space, property) = match text.split_once('=') {
            Some((space, property)) => (Some(space), property),
            None => (None, text),
        };
        let (label, key) = property.split_once('.').ok_or_else(wrong)?;
        if label.is_empty() || key.is_empty() {
            return Err(wrong());
        }
        let space = space.unwrap_or(label);
        Ok(Self {
            space: space.into(),
            label: label.into(),
            key: key.into(),
        })
    }
}

const SCAN_BATCH: usize = 4_096;

/// Adds the nodes of a space to the map, as they were before a job began.
pub(crate) fn preload(
    graph: &Arc<Graph>,
    space: &ExistingSpace,
    first_version: Option<Version>,
    ids: &mut IdMap,
) -> Result<(), GraphError> {
    let read = match first_version {
        Some(version) => graph.read_at(Version(version.0.saturating_sub(1)))?,
        None => graph.read_latest(),
    };
    let catalog = read.catalog();
    let (Some(label), Some(key)) = (catalog.label(&space.label), catalog.key(&space.key)) else {
        return Ok(());
    };
    let mut cursor = ScanCursor::default();
    let mut nodes: Vec<NodeId> = Vec::new();
    while !cursor.is_done() {
        nodes.clear();
        read.scan_label(label, &mut cursor, SCAN_BATCH, &mut nodes)?;
        for &node in &nodes {
            let id: Arc<str> = match read.property(ElementId::Node(node), key)? {
                Value::String(id) => id,
                Value::Int(id) => id.to_string().into(),
                _ => continue,
            };
            ids.insert(
                &ExternalId {
                    space: space.space.clone(),
                    id,
                },
                node,
            );
        }
    }
    Ok(())
}
