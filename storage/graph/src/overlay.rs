//! The writes of a transaction, as a layer over its view.
//!
//! Each element written has the list of its states, each with the sequence (statement, turn, clause)
//! that made it; a read bound by a sequence takes the last state below it. What scans need beside
//! (which nodes *may* have got a label, a value, a relationship) is kept as sets of candidates that
//! only grow: whether a candidate counts is decided by its element's state at the sequence, so there
//! is one truth and rolling back a statement is popping states.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::encoding::record::ElementState;
use crate::ids::{Direction, ElementId, LabelId, NodeId, RelationshipId, TypeId, Version};
use crate::rows::meta::TokenKind;
use crate::rows::{AdjacencyKey, Key};
use crate::transaction::Sequence;
use crate::value::{Value, Vector};

/// About what an entry of a set of candidates takes beside its key.
const CANDIDATE_MEMORY: usize = 24;

/// About what an element takes in the table of elements.
const ELEMENT_MEMORY: usize = size_of::<ElementId>() + size_of::<Written>() + 16;

/// About what a state takes beside what is in it: its places in the list of its element and in the journal,
/// and what is allocated for it.
const STATE_MEMORY: usize =
    2 * size_of::<OwnState>() + size_of::<ElementId>() + size_of::<ElementState>() + 32;

/// The states of one element in a transaction.
pub(crate) struct Written {
    /// Its state in the view, and since when.
    pub base: Option<(Version, Arc<ElementState>)>,
    /// The states the transaction gave it, in the order of writing.
    states: Vec<OwnState>,
    /// Its state after the last commit ahead of the transaction's end that changed it.
    committed: Option<Option<(Version, Arc<ElementState>)>>,
}

/// A state that the transaction gave an element.
struct OwnState {
    sequence: Sequence,
    /// Where in the journal it is noted.
    noted: usize,
    /// `None` is deleted.
    state: Option<Arc<ElementState>>,
}

impl OwnState {
    /// About what it takes in an effect.
    fn bytes(&self) -> usize {
        12 + self.state.as_deref().map_or(0, size_of_state)
    }

    /// About what it takes in memory.
    fn memory(&self) -> usize {
        STATE_MEMORY + self.state.as_deref().map_or(0, memory_of_state)
    }
}

impl Written {
    /// The state that the next commit changes, and since when it is.
    pub fn before(&self) -> Option<&(Version, Arc<ElementState>)> {
        match &self.committed {
            Some(committed) => committed.as_ref(),
            None => self.base.as_ref(),
        }
    }

    /// Whether the next commit changes it.
    pub fn is_changed(&self) -> bool {
        match (self.before(), self.latest()) {
            (None, None) => false,
            (Some((_, before)), Some(after)) => before != after,
            _ => true,
        }
    }

    /// About what it takes in memory, without the states of the transaction.
    fn memory(&self) -> usize {
        let base = self.base.as_ref();
        ELEMENT_MEMORY
            + base.map_or(0, |(_, state)| {
                size_of::<ElementState>() + memory_of_state(state)
            })
    }

    /// The state with all writes.
    pub fn latest(&self) -> Option<&Arc<ElementState>> {
        match self.states.last() {
            Some(own) => own.state.as_ref(),
            None => self.base.as_ref().map(|(_, state)| state),
        }
    }
}

/// How an element looks through an overlay.
pub(crate) enum Seen {
    /// As in the view.
    AsStored,
    /// As the transaction left it; `None` is deleted.
    Own(Option<Arc<ElementState>>),
}

/// A name that the transaction uses and that the catalog did not have.
#[derive(Clone, Debug)]
pub(crate) struct OwnToken {
    pub kind: TokenKind,
    pub id: u32,
    pub name: Arc<str>,
}

/// The writes of a transaction.
#[derive(Default)]
pub(crate) struct Overlay {
    elements: HashMap<ElementId, Written, foldhash::fast::RandomState>,
    /// The elements in the order of their states.
    journal: Vec<ElementId>,
    /// The length of the journal at the last mark: states before it must not be overwritten.
    marked: usize,
    /// The length of the journal at the last commit ahead.
    committed: usize,
    /// Elements written since the last check, by their place in the journal.
    pub checked: usize,
    /// No read is bound by a sequence between the two.
    pub settled: (Sequence, Sequence),
    /// Nodes created.
    pub nodes: BTreeSet<NodeId>,
    /// Relationships created.
    pub relationships: BTreeSet<RelationshipId>,
    /// Adjacency rows of relationships created.
    pub adjacency: BTreeSet<AdjacencyKey>,
    /// Nodes that got a label at some time.
    pub labels: BTreeSet<(LabelId, NodeId)>,
    /// Property rows that came to be at some time.
    pub values: BTreeSet<Key>,
    /// Roughly the bytes of the effects.
    pub bytes: usize,
    /// Roughly the bytes of all this in memory.
    pub memory: usize,
}

impl Overlay {
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// How an element looks to a read below a sequence.
    pub fn see(&self, element: ElementId, below: u64) -> Seen {
        let Some(written) = self.elements.get(&element) else {
            return Seen::AsStored;
        };
        let seen = written
            .states
            .iter()
            .rev()
            .find(|own| own.sequence.0 < below);
        match seen {
            Some(own) => Seen::Own(own.state.clone()),
            None => Seen::AsStored,
        }
    }

    pub fn written(&self, element: ElementId) -> Option<&Written> {
        self.elements.get(&element)
    }

    /// Whether the transaction has given an element a state of its own. One whose change came to
    /// nothing is written without having one.
    pub fn has_state(&self, element: ElementId) -> bool {
        self.elements
            .get(&element)
            .is_some_and(|written| !written.states.is_empty())
    }

    /// All elements written.
    pub fn elements(&self) -> impl Iterator<Item = (ElementId, &Written)> {
        self.elements
            .iter()
            .map(|(element, written)| (*element, written))
    }

    /// The elements written since the last check, each at least once.
    pub fn unchecked(&self) -> Vec<ElementId> {
        let mut elements = self.journal[self.checked.min(self.journal.len())..].to_vec();
        elements.sort_unstable();
        elements.dedup();
        elements
    }

    /// All is checked up to now; what is overwritten after this is noted anew.
    pub fn all_checked(&mut self) {
        self.checked = self.journal.len();
        self.marked = self.journal.len();
    }

    /// Notes the state of an element in the view, before its first write.
    pub fn note_base(&mut self, element: ElementId, base: Option<(Version, Arc<ElementState>)>) {
        if let Entry::Vacant(place) = self.elements.entry(element) {
            let written = Written {
                base,
                states: Vec::new(),
                committed: None,
            };
            self.memory += written.memory();
            place.insert(written);
        }
    }

    /// Notes a node that is created.
    pub fn note_node(&mut self, node: NodeId) {
        if self.nodes.insert(node) {
            self.memory += size_of::<NodeId>() + CANDIDATE_MEMORY;
        }
    }

    /// Notes a property row that comes to be.
    pub fn note_value(&mut self, row: Key) {
        let bytes = size_of::<Key>() + CANDIDATE_MEMORY + if row.spilled() { row.len() } else { 0 };
        if self.values.insert(row) {
            self.memory += bytes;
        }
    }

    /// Gives an element a state. Its base must have been noted.
    pub fn put(&mut self, element: ElementId, sequence: Sequence, state: Option<ElementState>) {
        if let Some(state) = &state {
            self.note_candidates(element, state);
            self.bytes += size_of_state(state);
        }
        self.bytes += 12;
        self.note_base(element, None);
        let mut own = OwnState {
            sequence,
            noted: self.journal.len(),
            state: state.map(Arc::new),
        };
        self.memory += own.memory();
        let Some(written) = self.elements.get_mut(&element) else {
            return;
        };
        // A state nobody can see any more need not be kept; the new one is noted in its place.
        match written.states.as_mut_slice() {
            [.., last] if last.sequence == sequence && last.noted >= self.marked => {
                self.bytes = self.bytes.saturating_sub(last.bytes());
                self.memory = self.memory.saturating_sub(last.memory());
                own.noted = last.noted;
                *last = own;
            }
            [.., before, last]
                if before.sequence >= self.settled.0
                    && last.sequence < self.settled.1
                    && before.noted >= self.marked =>
            {
                self.bytes = self.bytes.saturating_sub(before.bytes());
                self.memory = self.memory.saturating_sub(before.memory());
                own.noted = last.noted;
                last.noted = before.noted;
                *before = std::mem::replace(last, own);
            }
            _ => {
                written.states.push(own);
                self.journal.push(element);
            }
        }
    }

    /// All writes so far have become a version; what is written from here on starts from it. Marks
    /// made before lose their meaning.
    pub fn committed_as(&mut self, version: Version) {
        let first = std::mem::replace(&mut self.committed, self.journal.len());
        for element in self.journal.iter().skip(first) {
            let Some(written) = self.elements.get_mut(element) else {
                continue;
            };
            if written.is_changed() {
                let latest = written.latest().cloned();
                written.committed = Some(latest.map(|state| (version, state)));
            }
        }
        // The states stay as they are: reads see them, and what follows does not overwrite them.
        self.marked = self.journal.len();
        self.checked = self.journal.len();
        self.bytes = 0;
    }

    fn note_candidates(&mut self, element: ElementId, state: &ElementState) {
        match (element, state) {
            (ElementId::Node(id), ElementState::Node { labels, .. }) => {
                for label in labels {
                    if self.labels.insert((*label, id)) {
                        self.memory += size_of::<(LabelId, NodeId)>() + CANDIDATE_MEMORY;
                    }
                }
            }
            (
                ElementId::Relationship(id),
                ElementState::Relationship {
                    type_id,
                    start,
                    end,
                    ..
                },
            ) => {
                let is_new = self
                    .elements
                    .get(&element)
                    .is_none_or(|written| written.base.is_none());
                if is_new && self.relationships.insert(id) {
                    self.memory += size_of::<RelationshipId>() + 3 * CANDIDATE_MEMORY;
                    self.memory += 2 * size_of::<AdjacencyKey>();
                    for key in both_ways(id, *type_id, *start, *end) {
                        self.adjacency.insert(key);
                    }
                }
            }
            _ => {}
        }
    }

    /// Remembers the present so that it can be returned to.
    pub fn mark(&mut self) -> usize {
        self.marked = self.journal.len();
        self.marked
    }

    /// Takes back every state since a mark.
    pub fn rollback_to(&mut self, mark: usize) {
        while self.journal.len() > mark {
            let Some(element) = self.journal.pop() else {
                break;
            };
            let Some(written) = self.elements.get_mut(&element) else {
                continue;
            };
            if let Some(own) = written.states.pop() {
                self.bytes = self.bytes.saturating_sub(own.bytes());
                self.memory = self.memory.saturating_sub(own.memory());
            }
            if written.states.is_empty()
                && let Some(written) = self.elements.remove(&element)
            {
                self.memory = self.memory.saturating_sub(written.memory());
            }
        }
        self.checked = self.checked.min(mark);
        self.marked = self.marked.min(mark);
    }
}

/// The two adjacency rows of a relationship.
pub(crate) fn both_ways(
    relationship: RelationshipId,
    type_id: TypeId,
    start: NodeId,
    end: NodeId,
) -> [AdjacencyKey; 2] {
    [
        (start, Direction::Outgoing, end),
        (end, Direction::Incoming, start),
    ]
    .map(|(node, direction, neighbour)| AdjacencyKey {
        node,
        direction,
        type_id,
        neighbour,
        relationship,
    })
}

/// At most the bytes of a state in an effect.
pub(crate) fn size_of_state(state: &ElementState) -> usize {
    let properties = state.properties().iter();
    4 + state.labels().len()
        + properties
            .map(|(_, value)| 2 + size_in_effect(value))
            .sum::<usize>()
}

/// About the memory of what a state holds.
fn memory_of_state(state: &ElementState) -> usize {
    let properties = state.properties().iter();
    size_of_val(state.labels())
        + properties
            .map(|(key, value)| size_of_val(key) + memory_of(value))
            .sum::<usize>()
}

/// About the memory of a value.
fn memory_of(value: &Value) -> usize {
    const ALLOCATED: usize = 16;
    size_of_val(value)
        + match value {
            Value::String(text) => ALLOCATED + text.len(),
            Value::Bytes(bytes) => ALLOCATED + bytes.len(),
            Value::List(items) => ALLOCATED + items.iter().map(memory_of).sum::<usize>(),
            Value::Sealed(sealed) => {
                2 * ALLOCATED + size_of_val(&**sealed) + sealed.ciphertext.len()
            }
            Value::Vector(vector) => {
                2 * ALLOCATED
                    + size_of_val(&**vector)
                    + match &**vector {
                        Vector::F32(items) => size_of_val(&items[..]),
                        Vector::F64(items) => size_of_val(&items[..]),
                    }
            }
            Value::DateTime(instant) => ALLOCATED + size_of_val(&**instant),
            Value::Duration(duration) => ALLOCATED + size_of_val(&**duration),
            Value::Point(point) => ALLOCATED + size_of_val(&**point),
            _ => 0,
        }
}

/// About the bytes of a value in an effect.
fn size_in_effect(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len(),
        Value::Bytes(bytes) => 1 + bytes.len(),
        Value::List(items) => 1 + items.iter().map(size_in_effect).sum::<usize>(),
        Value::Sealed(sealed) => 1 + sealed.ciphertext.len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_back_takes_nothing_any_more() {
        let mut overlay = Overlay::default();
        let node = |id: u64, text: &str| {
            let state = ElementState::Node {
                labels: vec![LabelId(1)],
                properties: vec![(crate::ids::KeyId(1), Value::string(text))],
            };
            (ElementId::Node(NodeId(id)), Some(state))
        };
        let put = |overlay: &mut Overlay, (element, state), clause| {
            overlay.put(element, Sequence::new(0, clause), state);
        };
        put(&mut overlay, node(1, "a text"), 1);
        let kept = (overlay.bytes, overlay.memory);
        assert!(kept.0 > 6 && kept.1 > 100, "{kept:?}");
        let mark = overlay.mark();
        put(&mut overlay, node(1, "a text"), 2);
        assert!(overlay.bytes > kept.0 && overlay.memory > kept.1);
        let twice = (overlay.bytes, overlay.memory);
        // Written again where nobody has seen it.
        put(&mut overlay, node(1, "a text"), 2);
        assert_eq!((overlay.bytes, overlay.memory), twice);
        overlay.rollback_to(mark);
        assert_eq!((overlay.bytes, overlay.memory), kept);
        // Of a new element what finds it stays.
        put(&mut overlay, node(2, &"long".repeat(1_000)), 3);
        assert!(overlay.memory > kept.1 + 4_000);
        overlay.rollback_to(mark);
        assert_eq!(overlay.bytes, kept.0);
        assert!(overlay.memory < kept.1 + 100);
    }
}
