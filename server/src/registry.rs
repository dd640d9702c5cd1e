//! The `system` graph: which graphs there are. An ordinary graph of its own group, changed by ordinary
//! transactions, so that it has versions and commits like any other.
//!
//! ```text
//! (:Graph {name, group, incarnation})        name is unique; group is never reused
//! ```

use std::ops::ControlFlow;
use std::sync::Arc;

use retrograph_graph::commit::CommitInfo;
use retrograph_graph::ids::{ElementId, KeyId, NodeId, SystemTime};
use retrograph_graph::value::Value;
use retrograph_graph::{
    CommitError, Graph, GraphError, GraphRead, Isolation, ScanCursor, Sequence,
};
use retrograph_raft::GroupId;

/// The group of the system graph.
pub(crate) const SYSTEM_GROUP: GroupId = GroupId(0);

const LABEL: &str = "Graph";
const NAME: &str = "name";
const GROUP: &str = "group";
const INCARNATION: &str = "incarnation";
const NAME_CONSTRAINT: &str = "graph_name";
const ACTOR: &str = "system";

/// What the system graph says about a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphInfo {
    /// Its name.
    pub name: Arc<str>,
    /// The group whose log it has.
    pub group: u64,
    /// Grows with every restore of it under the same name.
    pub incarnation: u64,
    /// When it was made.
    pub created: SystemTime,
}

/// The system graph cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It cannot be read.
    #[error("the system graph cannot be read")]
    Read(#[from] GraphError),
    /// A change of it was not committed.
    #[error("the system graph cannot be changed")]
    Commit(#[from] CommitError),
    /// A row of it is not what this program writes.
    #[error("the system graph describes graph {0:?} in a way this program does not understand")]
    Malformed(NodeId),
}

/// Every graph but `system`, by name.
pub(crate) fn list(system: &Arc<Graph>) -> Result<Vec<GraphInfo>, RegistryError> {
    let read = system.read_latest();
    let catalog = read.catalog();
    let Some(label) = catalog.label(LABEL) else {
        return Ok(Vec::new());
    };
    let key = |name| catalog.key(name).unwrap_or(KeyId(u32::MAX));
    let keys = [key(NAME), key(GROUP), key(INCARNATION)];
    let mut graphs = Vec::new();
    let mut cursor = ScanCursor::default();
    while !cursor.is_done() {
        let mut nodes = Vec::new();
        read.scan_label(label, &mut cursor, 256, &mut nodes)?;
        for node in nodes {
            graphs.push(info(system, &read, node, keys)?);
        }
    }
    graphs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(graphs)
}

fn info(
    system: &Arc<Graph>,
    read: &GraphRead,
    node: NodeId,
    [name, group, incarnation]: [KeyId; 3],
) -> Result<GraphInfo, RegistryError> {
    let element = ElementId::Node(node);
    let values = (
        read.property(element, name)?,
        read.property(element, group)?,
        read.property(element, incarnation)?,
    );
    let (Value::String(name), Value::Int(group), Value::Int(incarnation)) = values else {
        return Err(RegistryError::Malformed(node));
    };
    // What is said of it since, such as its tenant, made further versions.
    let mut first = None;
    read.visit_versions(element, &mut |from, _| {
        first = Some(from);
        ControlFlow::Break(())
    })?;
    let first = first.ok_or(RegistryError::Malformed(node))?;
    Ok(GraphInfo {
        name,
        group: group.cast_unsigned(),
        incarnation: incarnation.cast_unsigned(),
        created: system.version_time(first)?,
    })
}

/// Adds a graph in a group of its own.
pub(crate) fn add(system: &Arc<Graph>, name: &str) -> Result<GraphInfo, RegistryError> {
    ensure_schema(system)?;
    let transaction = system.begin(Isolation::Serializable);
    let group = 1 + list(system)?
        .iter()
        .map(|graph| graph.group)
        .max()
        .unwrap_or(SYSTEM_GROUP.0);
    let label = transaction.label_id(LABEL)?;
    let properties = vec![
        (transaction.key_id(NAME)?, Value::String(name.into())),
        (transaction.key_id(GROUP)?, Value::Int(group.cast_signed())),
        (transaction.key_id(INCARNATION)?, Value::Int(1)),
    ];
    transaction.create_node(Sequence::default(), &[label], properties)?;
    let committed = transaction.commit(info_of_commit("create graph"))?;
    Ok(GraphInfo {
        name: name.into(),
        group,
        incarnation: 1,
        created: committed.time,
    })
}

fn ensure_schema(system: &Arc<Graph>) -> Result<(), RegistryError> {
    let catalog = system.read_latest().catalog();
    if catalog
        .indexes()
        .iter()
        .any(|index| &*index.name == NAME_CONSTRAINT)
    {
        return Ok(());
    }
    let transaction = system.begin(Isolation::Serializable);
    let (label, key) = (transaction.label_id(LABEL)?, transaction.key_id(NAME)?);
    transaction.create_unique_constraint(NAME_CONSTRAINT, label, key)?;
    transaction.commit(info_of_commit("create schema"))?;
    Ok(())
}

fn info_of_commit(activity: &str) -> CommitInfo {
    CommitInfo {
        actor: ACTOR.into(),
        activity: Some(activity.into()),
        ..CommitInfo::default()
    }
}
