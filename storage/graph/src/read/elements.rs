//! Elements as a view shows them, and single facts about them.

use std::sync::Arc;

use super::{GraphRead, Result, ends_of, not_a_relationship, place};
use crate::blocks::BLOCK_IDS;
use crate::encoding::record::{ElementState, Record, RecordRef};
use crate::footprint::fact;
use crate::ids::{ElementId, KeyId, LabelId, NodeId, RelationshipId, TypeId, Version};
use crate::kv::Family;
use crate::overlay::Seen;
use crate::rows::closed::SetRange;
use crate::rows::label_prefix;
use crate::value::Value;

/// Where the content of an element comes from.
#[derive(Clone, Debug)]
enum Source {
    Record(Record),
    Own(Arc<ElementState>),
}

impl Source {
    fn property(&self, key: KeyId) -> Result<Value> {
        Ok(match self {
            Self::Record(record) => record.property(key)?.unwrap_or_default(),
            Self::Own(state) => state.property(key).cloned().unwrap_or_default(),
        })
    }

    fn properties(&self) -> Result<Vec<(KeyId, Value)>> {
        Ok(match self {
            Self::Record(record) => record.properties().collect::<std::result::Result<_, _>>()?,
            Self::Own(state) => state.properties().to_vec(),
        })
    }

    fn from(&self) -> Option<Version> {
        match self {
            Self::Record(record) => Some(record.from()),
            Self::Own(_) => None,
        }
    }
}

/// One version of a node.
#[derive(Clone, Debug)]
pub struct NodeData {
    source: Source,
}

impl NodeData {
    /// Its labels, ascending.
    #[must_use]
    pub fn labels(&self) -> Vec<LabelId> {
        match &self.source {
            Source::Record(record) => record.labels().collect(),
            Source::Own(state) => state.labels().to_vec(),
        }
    }

    /// Whether it has a label.
    #[must_use]
    pub fn has_label(&self, label: LabelId) -> bool {
        match &self.source {
            Source::Record(record) => record.has_label(label),
            Source::Own(state) => state.labels().contains(&label),
        }
    }

    /// One property, null if absent.
    pub fn property(&self, key: KeyId) -> Result<Value> {
        self.source.property(key)
    }

    /// All properties, ascending by key.
    pub fn properties(&self) -> Result<Vec<(KeyId, Value)>> {
        self.source.properties()
    }

    /// The version that made it so; `None` if the transaction itself did.
    #[must_use]
    pub fn from(&self) -> Option<Version> {
        self.source.from()
    }
}

/// One version of a relationship.
#[derive(Clone, Debug)]
pub struct RelationshipData {
    source: Source,
    ends: (TypeId, NodeId, NodeId),
}

impl RelationshipData {
    /// Its type.
    #[must_use]
    pub const fn type_id(&self) -> TypeId {
        self.ends.0
    }

    /// Where it starts.
    #[must_use]
    pub const fn start(&self) -> NodeId {
        self.ends.1
    }

    /// Where it ends.
    #[must_use]
    pub const fn end(&self) -> NodeId {
        self.ends.2
    }

    /// One property, null if absent.
    pub fn property(&self, key: KeyId) -> Result<Value> {
        self.source.property(key)
    }

    /// All properties, ascending by key.
    pub fn properties(&self) -> Result<Vec<(KeyId, Value)>> {
        self.source.properties()
    }

    /// The version that made it so; `None` if the transaction itself did.
    #[must_use]
    pub fn from(&self) -> Option<Version> {
        self.source.from()
    }
}

impl GraphRead {
    /// Hands the record of an element as stored to `read`, from its page if there is one.
    fn record<T>(
        &self,
        element: ElementId,
        mut read: impl FnMut(&RecordRef<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let (space, id) = place(element);
        if let Some(found) = self.graph.images.records(space, id, self.version) {
            let record = found.page.get(id % BLOCK_IDS, self.version.0);
            return record
                .map(|bytes| read(&RecordRef::parse(bytes)?))
                .transpose();
        }
        self.stored().element(element, read)
    }

    fn source(&self, element: ElementId) -> Result<Option<Source>> {
        match self.see(element) {
            Seen::Own(state) => Ok(state.map(Source::Own)),
            Seen::AsStored => {
                self.note_point(|| fact::element(element));
                self.record(element, |record| Ok(Source::Record(record.to_owned())))
            }
        }
    }

    /// A node; `None` if it does not exist.
    pub fn node(&self, id: NodeId) -> Result<Option<NodeData>> {
        Ok(self.source(id.into())?.map(|source| NodeData { source }))
    }

    /// A relationship; `None` if it does not exist.
    pub fn relationship(&self, id: RelationshipId) -> Result<Option<RelationshipData>> {
        let Some(source) = self.source(id.into())? else {
            return Ok(None);
        };
        let ends = match &source {
            Source::Record(record) => record.ends(),
            Source::Own(state) => ends_of(state),
        };
        let ends = ends.ok_or_else(|| not_a_relationship(id))?;
        Ok(Some(RelationshipData { source, ends }))
    }

    /// Whether a node exists.
    pub fn node_exists(&self, id: NodeId) -> Result<bool> {
        match self.see(id.into()) {
            Seen::Own(state) => Ok(state.is_some()),
            Seen::AsStored => {
                self.note_point(|| fact::node(id));
                Ok(self.record(id.into(), |_| Ok(()))?.is_some())
            }
        }
    }

    /// A property of an element; null if it does not have it or does not exist.
    pub fn property(&self, element: ElementId, key: KeyId) -> Result<Value> {
        match self.see(element) {
            Seen::Own(state) => Ok(state
                .and_then(|state| state.property(key).cloned())
                .unwrap_or_default()),
            Seen::AsStored => {
                self.note_point(|| fact::element(element));
                let (space, id) = place(element);
                let images = &self.graph.images;
                if let Some(found) = images.column(space, key, id / BLOCK_IDS, self.version) {
                    return Ok(found.page.value(id % BLOCK_IDS, self.version.0));
                }
                let value = self.record(element, |record| Ok(record.property(key)?))?;
                Ok(value.flatten().unwrap_or_default())
            }
        }
    }

    /// The labels of a node, ascending; `None` if it does not exist.
    pub fn labels_of(&self, id: NodeId) -> Result<Option<Vec<LabelId>>> {
        match self.see(id.into()) {
            Seen::Own(state) => Ok(state.map(|state| state.labels().to_vec())),
            Seen::AsStored => {
                self.note_point(|| fact::element(id.into()));
                self.record(id.into(), |record| Ok(record.labels().collect()))
            }
        }
    }

    /// Whether a node exists and has a label.
    pub fn has_label(&self, id: NodeId, label: LabelId) -> Result<bool> {
        match self.see(id.into()) {
            Seen::Own(state) => Ok(state.is_some_and(|state| state.labels().contains(&label))),
            Seen::AsStored => {
                let set = SetRange::new(Family::Index, label_prefix(label));
                let rest = id.0.to_be_bytes();
                self.note_point(|| fact::index(&set.current_key(&rest)));
                if let Some(found) = self.graph.images.label(label, self.version) {
                    return Ok(found.page.contains(id, self.version.0));
                }
                self.stored().set_contains(&set, &rest)
            }
        }
    }

    /// Takes `has` back for each of some nodes that does not exist or has no such label; asks only
    /// about those that have it.
    pub fn have_label(&self, ids: &[NodeId], label: LabelId, has: &mut [bool]) -> Result<()> {
        let page = match self.written() {
            None => self.graph.images.label(label, self.version),
            Some(_) => None,
        };
        let set = SetRange::new(Family::Index, label_prefix(label));
        for (id, has) in ids.iter().zip(has).filter(|(_, has)| **has) {
            *has = match &page {
                Some(found) => {
                    self.note_point(|| fact::index(&set.current_key(&id.0.to_be_bytes())));
                    found.page.contains(*id, self.version.0)
                }
                None => self.has_label(*id, label)?,
            };
        }
        Ok(())
    }

    /// Type, start and end of a relationship; `None` if it does not exist.
    pub fn ends(&self, id: RelationshipId) -> Result<Option<(TypeId, NodeId, NodeId)>> {
        match self.see(id.into()) {
            Seen::Own(state) => Ok(state.and_then(|state| ends_of(&state))),
            Seen::AsStored => {
                self.note_point(|| fact::element(id.into()));
                let (block, local) = (id.0 / BLOCK_IDS, id.0 % BLOCK_IDS);
                if let Some(found) = self.graph.images.ends(block, self.version) {
                    return Ok(found.page.get(local, self.version.0));
                }
                self.record(id.into(), |record| {
                    record.ends().ok_or_else(|| not_a_relationship(id))
                })
            }
        }
    }

    /// The versions between which the version of an element that is seen lasts: the first, and the
    /// first in which it is replaced or gone, if there is one yet. `None` if it does not exist or
    /// was created by the transaction itself.
    pub fn interval(&self, element: ElementId) -> Result<Option<(Version, Option<Version>)>> {
        if let Seen::Own(None) = self.see(element) {
            return Ok(None);
        }
        self.note_point(|| fact::element(element));
        self.stored().interval(element)
    }
}
