//! The writes of a transaction, as a layer over its view.
//!
//! Each element written has the list of its states, each with the sequence (statement, turn, clause)
//! that made it; a read bound by a sequence takes the last state below it. What scans need beside
//! (which nodes *may* have got a label, a value, a relationship) is kept as sets of candidates that
//! only grow: whether a candidate counts is decided by its element's state at the sequence, so there
//! is one truth and rolling back a statement is popping states.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::encoding::record::ElementState;
use crate::ids::{Direction, ElementId, LabelId, NodeId, RelationshipId, TypeId, Version};
use crate::rows::meta::TokenKind;
use crate::rows::{AdjacencyKey, Key};
use crate::transaction::Sequence;
use crate::value::Value;

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
        self.elements.entry(element).or_insert(Written {
            base,
            states: Vec::new(),
            committed: None,
        });
    }

    /// Gives an element a state. Its base must have been noted.
    pub fn put(&mut self, element: ElementId, sequence: Sequence, state: Option<ElementState>) {
        if let Some(state) = &state {
            self.note_candidates(element, state);
            self.bytes += size_of_state(state);
        }
        self.bytes += 12;
        let written = self.elements.entry(element).or_insert(Written {
            base: None,
            states: Vec::new(),
            committed: None,
        });
        let mut own = OwnState {
            sequence,
            noted: self.journal.len(),
            state: state.map(Arc::new),
        };
        // A state nobody can see any more need not be kept; the new one is noted in its place.
        match written.states.as_mut_slice() {
            [.., last] if last.sequence == sequence && last.noted >= self.marked => {
                self.bytes = self.bytes.saturating_sub(last.bytes());
                own.noted = last.noted;
                *last = own;
            }
            [.., before, last]
                if before.sequence >= self.settled.0
                    && last.sequence < self.settled.1
                    && before.noted >= self.marked =>
            {
                self.bytes = self.bytes.saturating_sub(before.bytes());
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
                    self.labels.insert((*label, id));
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
            written.states.pop();
            if written.states.is_empty() {
                self.elements.remove(&element);
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
fn size_of_state(state: &ElementState) -> usize {
    let properties = state.properties().iter();
    4 + state.labels().len()
        + properties
            .map(|(_, value)| 2 + size_of(value))
            .sum::<usize>()
}

fn size_of(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len(),
        Value::Bytes(bytes) => 1 + bytes.len(),
        Value::List(items) => 1 + items.iter().map(size_of).sum::<usize>(),
        Value::Sealed(sealed) => 1 + sealed.ciphertext.len(),
        _ => 1,
    }
}
