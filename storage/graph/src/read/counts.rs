//! Counts of nodes and relationships.

use super::{GraphRead, Result, ends_of};
use crate::encoding::record::ElementState;
use crate::footprint::fact;
use crate::ids::{LabelId, NodeId, TypeId};
use crate::kv::Family;
use crate::overlay::Seen;
use crate::rows::Key;
use crate::rows::meta::{Statistic, read_integer};

impl GraphRead {
    /// The number of nodes, or of those of a label. Exact, and as cheap as one seek.
    pub fn count_nodes(&self, label: Option<LabelId>) -> Result<u64> {
        self.note_range(|| match label {
            Some(label) => fact::label(label),
            None => fact::starting_with(Key::from_slice(&fact::node(NodeId(0))[..1])),
        });
        let statistic = label.map_or(Statistic::Nodes, Statistic::Label);
        let counts = |state: &ElementState| match (label, state) {
            (None, ElementState::Node { .. }) => true,
            (Some(label), ElementState::Node { labels, .. }) => labels.contains(&label),
            _ => false,
        };
        self.count(statistic, counts)
    }

    /// The number of relationships, or of those of a type. Exact, and as cheap as one seek.
    pub fn count_relationships(&self, type_id: Option<TypeId>) -> Result<u64> {
        self.note_range(|| fact::relationships(type_id));
        let statistic = type_id.map_or(Statistic::Relationships, Statistic::Type);
        let counts = |state: &ElementState| {
            ends_of(state).is_some_and(|(found, ..)| type_id.is_none_or(|wanted| wanted == found))
        };
        self.count(statistic, counts)
    }

    fn count(&self, statistic: Statistic, counts: impl Fn(&ElementState) -> bool) -> Result<u64> {
        let stored = self
            .graph
            .images
            .count(statistic, self.version, || self.stored_count(statistic))?;
        let Some(own) = self.written() else {
            return Ok(stored);
        };
        let change: i64 = own.with(|overlay, below| {
            overlay
                .elements()
                .map(|(element, written)| {
                    let Seen::Own(now) = overlay.see(element, below) else {
                        return 0;
                    };
                    let before = written
                        .base
                        .as_ref()
                        .is_some_and(|(_, state)| counts(state));
                    let after = now.as_ref().is_some_and(|state| counts(state));
                    i64::from(after) - i64::from(before)
                })
                .sum()
        });
        Ok(stored.saturating_add_signed(change))
    }
    /// A statistic at the version as stored, without own writes.
    pub(super) fn stored_count(&self, statistic: Statistic) -> Result<u64> {
        let first = statistic.prefix();
        let end = statistic.key(self.version.next());
        let cursor = self.graph.store.scan(Family::Meta, &first, &end, true)?;
        if cursor.valid() {
            return Ok(read_integer(cursor.value())?);
        }
        cursor.status()?;
        Ok(0)
    }
}
