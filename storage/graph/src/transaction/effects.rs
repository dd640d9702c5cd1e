//! From own writes to a commit: effects in their order, the keys they write, and the proposal.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Result, SchemaChange, Transaction};
use crate::catalog::Catalog;
use crate::commit::{CommitInfo, Committed};
use crate::effect::{Effect, EffectHasher, encode_effect};
use crate::encoding::record::ElementState;
use crate::entry::TRANSACTION_BYTES_MAX;
use crate::error::{CommitError, GraphError};
use crate::footprint::{WriteKeys, fact};
use crate::graph::Graph;
use crate::ids::{ElementId, LabelId};
use crate::overlay::both_ways;
use crate::replicate::Pending;
use crate::rows::meta::TokenKind;
use crate::rows::{Key, label_key, property_key};
use crate::rule::Target;
use crate::rule::fulltext::text_fact;
use crate::sequencer::{Body, Proposal};

/// A commit on its way, of a transaction that goes on.
#[must_use = "the commit is durable only once it was waited for"]
pub struct CommitAhead {
    committed: Committed,
    graph: Arc<Graph>,
    pending: Box<dyn Pending>,
}

impl CommitAhead {
    /// The version and the time it gets.
    #[must_use]
    pub fn committed(&self) -> Committed {
        self.committed
    }

    /// Waits until the commit is durable and applied. Those made before it are so too then.
    pub fn wait(self) -> std::result::Result<Committed, CommitError> {
        self.graph.sequencer.settle(self.pending)?;
        Ok(self.committed)
    }
}

impl Transaction {
    /// Commits: certifies the transaction, gives it a version, and waits until it is durable and
    /// applied. One that wrote nothing returns the version of its view and leaves no trace, unless it
    /// is a step of a job: how far a job has come is worth a commit of its own.
    pub fn commit(self, info: CommitInfo) -> std::result::Result<Committed, CommitError> {
        let graph = &self.state.graph;
        let changes_schema = !self.state.schema.lock().is_empty();
        let Some(proposal) = self.proposal(info)? else {
            let version = self.state.view;
            let time = graph.version_time(version)?;
            return Ok(Committed { version, time });
        };
        let committed = graph.sequencer.commit(graph, proposal)?;
        if changes_schema {
            graph.build_what_is_new();
        }
        Ok(committed.expect("only bulk batches are made for one version"))
    }

    /// Commits what was written so far without waiting, and goes on with what it made: many small
    /// commits in a row share the syncs of the log. Each is certified like any other against what
    /// others commit meanwhile, but for reads of elements that an earlier one of them wrote: those see
    /// what was written, whoever may have changed it since. None if there is nothing to commit.
    ///
    /// The commit is durable and applied only when [`CommitAhead::wait`] returns; until then it may be
    /// lost, with all that follow it. Marks made before must not be rolled back to.
    pub fn commit_ahead(
        &mut self,
        info: CommitInfo,
    ) -> std::result::Result<Option<CommitAhead>, CommitError> {
        if !self.state.schema.lock().is_empty() {
            return Err(CommitError::Graph(GraphError::SchemaAndData));
        }
        let Some(proposal) = self.proposal(info)? else {
            return Ok(None);
        };
        let graph = &self.state.graph;
        let footprint = proposal.footprint.clone();
        let (committed, pending) = match graph.sequencer.commit_ahead(graph, proposal) {
            Ok(committed) => committed,
            Err(error) => {
                // What was read stays read: tried again, it fails again.
                *self.state.footprint.lock() = footprint;
                return Err(error);
            }
        };
        self.state.ahead.lock().push(committed.version);
        self.state.overlay.write().committed_as(committed.version);
        Ok(Some(CommitAhead {
            committed,
            graph: Arc::clone(graph),
            pending,
        }))
    }

    /// What there is to commit; none if nothing.
    fn proposal(&self, info: CommitInfo) -> std::result::Result<Option<Proposal>, CommitError> {
        self.check_statement()?;
        self.check_texts()?;
        let graph = &self.state.graph;
        let (effects, keys) = self.effects()?;
        if effects.is_empty() && info.job.is_none() {
            return Ok(None);
        }
        let identity = graph.identity().ok_or(CommitError::NotLeading)?;
        let mut hasher = EffectHasher::new(&identity.salt_key);
        let mut bytes = Vec::with_capacity(64 * effects.len());
        for effect in &effects {
            let start = bytes.len();
            encode_effect(effect, &mut bytes).map_err(GraphError::from)?;
            hasher
                .push_bytes(&bytes[start..])
                .map_err(GraphError::from)?;
            if bytes.len() > TRANSACTION_BYTES_MAX {
                return Err(CommitError::Graph(GraphError::TransactionTooLarge {
                    limit: TRANSACTION_BYTES_MAX,
                }));
            }
        }
        drop(effects);
        let mut footprint = std::mem::take(&mut *self.state.footprint.lock());
        footprint.coalesce();
        Ok(Some(Proposal {
            view: self.state.view,
            ahead: self.state.ahead.lock().clone(),
            info,
            footprint,
            keys,
            body: Body::Effects(bytes),
            effect_count: hasher.count(),
            effects_root: hasher.root(),
        }))
    }

    /// The effects in their order, and the keys they write. Adds to the footprint what every
    /// commit is certified against.
    fn effects(&self) -> Result<(Vec<Effect>, WriteKeys)> {
        let graph = &self.state.graph;
        let catalog = graph.catalog.load_full();
        let overlay = self.state.overlay.read();
        let mut footprint = self.state.footprint.lock();
        let mut changed: Vec<_> = overlay
            .elements()
            .filter(|(_, written)| written.is_changed())
            .collect();
        changed.sort_unstable_by_key(|(element, _)| *element);
        let mut keys = Vec::with_capacity(changed.len() * 4);
        let mut used: HashSet<(TokenKind, u32)> = HashSet::new();
        let mut effects = Vec::with_capacity(changed.len() + 4);
        for (element, written) in changed {
            let before = written.before().map(|(_, state)| &**state);
            let after = written.latest().map(|state| &**state);
            if before.is_some() {
                footprint.point(fact::element(element));
            }
            write_keys(&catalog, element, before, after, &mut keys);
            if let Some(after) = after {
                used.extend(after.labels().iter().map(|id| (TokenKind::Label, id.0)));
                used.extend(
                    after
                        .properties()
                        .iter()
                        .map(|(id, _)| (TokenKind::Key, id.0)),
                );
                if let ElementState::Relationship { type_id, .. } = after {
                    used.insert((TokenKind::Type, type_id.0));
                }
            }
            effects.push(Effect::Element {
                element,
                previous: written.before().map(|(from, _)| *from),
                state: after.cloned(),
            });
        }
        let schema = self.state.schema.lock();
        let mut first = Vec::new();
        for change in schema.iter() {
            keys.push(fact::schema());
            match change {
                SchemaChange::Create(index) => {
                    used.insert((TokenKind::Label, index.label.0));
                    used.insert((TokenKind::Key, index.key.0));
                    first.push(Effect::CreateIndex {
                        id: index.id,
                        label: index.label,
                        key: index.key,
                        unique: index.unique,
                        in_steps: index.build.is_some(),
                        name: Arc::clone(&index.name),
                    });
                }
                SchemaChange::Drop(index) => first.push(Effect::DropIndex { id: index.id }),
                SchemaChange::CreateRule(rule) => {
                    used.extend(rule.targets.iter().map(|target| match target {
                        Target::Label(label) => (TokenKind::Label, label.0),
                        Target::Type(type_id) => (TokenKind::Type, type_id.0),
                    }));
                    used.extend(rule.keys.iter().map(|key| (TokenKind::Key, key.0)));
                    first.push(Effect::CreateRule(rule.clone()));
                }
                SchemaChange::DropRule(rule) => first.push(Effect::DropIndex { id: rule.id }),
            }
        }
        // Drops come before what may take their place.
        first.sort_by_key(|effect| !matches!(effect, Effect::DropIndex { .. }));
        if !(first.is_empty() && effects.is_empty()) {
            footprint.point(fact::schema());
        }
        // A number counts by being used, wherever the transaction has it from.
        let mut used: Vec<_> = used.into_iter().collect();
        used.retain(|(kind, id)| catalog.token_name(*kind, *id).is_none());
        used.sort_unstable();
        let mut ordered = Vec::with_capacity(used.len() + first.len() + effects.len());
        for (kind, id) in used {
            let own = self.state.tokens.read();
            let own = own
                .iter()
                .find(|token| token.kind == kind && token.id == id)
                .map(|token| Arc::clone(&token.name));
            let name = own
                .or_else(|| graph.sequencer.token_name(kind, id))
                .or_else(|| {
                    // It may have been applied since the catalog was looked at.
                    let catalog = graph.catalog.load();
                    catalog
                        .token_name(kind, id)
                        .map(|(name, _)| Arc::clone(name))
                })
                .ok_or(GraphError::UnknownToken {
                    kind: kind.name(),
                    id,
                })?;
            keys.push(fact::token(kind, &name));
            ordered.push(Effect::Token { kind, id, name });
        }
        ordered.extend(first);
        ordered.extend(effects);
        Ok((ordered, WriteKeys::new(keys)))
    }
}

/// Appends the keys that one effect writes.
fn write_keys(
    catalog: &Catalog,
    element: ElementId,
    before: Option<&ElementState>,
    after: Option<&ElementState>,
    keys: &mut Vec<Key>,
) {
    keys.push(fact::element(element));
    if !catalog.has_no_rule() {
        let rows_of = |state: Option<&ElementState>| -> Vec<Key> {
            let rules = state.into_iter().flat_map(|state| {
                let rules = catalog.rules_of(state).into_iter();
                let rules = rules.filter(|rule| !rule.kind.is_fulltext());
                rules.flat_map(|rule| rule.rows_of_state(element, state))
            });
            let mut rows: Vec<Key> = rules.collect();
            rows.sort_unstable();
            rows
        };
        let (old, new) = (rows_of(before), rows_of(after));
        let differing = old
            .iter()
            .filter(|row| new.binary_search(row).is_err())
            .chain(new.iter().filter(|row| old.binary_search(row).is_err()));
        keys.extend(differing.map(|row| fact::index(row)));
        let states = || before.into_iter().chain(after);
        for rule in states().flat_map(|state| catalog.rules_of(state)) {
            if rule.kind.is_fulltext() && rule.texts_differ(before, after) {
                keys.push(fact::index(&text_fact(rule.id, element)));
            }
        }
    }
    let is_same_existence = before.is_some() == after.is_some();
    match element {
        ElementId::Node(id) => {
            if !is_same_existence {
                keys.push(fact::node(id));
            }
            let labels_of = |state: Option<&ElementState>| -> Vec<LabelId> {
                state.map_or_else(Vec::new, |state| state.labels().to_vec())
            };
            let (old, new) = (labels_of(before), labels_of(after));
            let differing = old
                .iter()
                .filter(|label| !new.contains(label))
                .chain(new.iter().filter(|label| !old.contains(label)));
            for label in differing {
                keys.push(fact::index(&label_key(*label, id)));
            }
            if catalog.has_no_index() {
                return;
            }
            let rows_of = |state: Option<&ElementState>| -> Vec<Key> {
                let Some(state) = state else {
                    return Vec::new();
                };
                let indexes = state
                    .labels()
                    .iter()
                    .flat_map(|label| catalog.indexes_of(*label));
                indexes
                    .filter_map(|index| {
                        let value = state.property(index.key)?;
                        Some(property_key(index.label, index.key, value, id))
                    })
                    .collect()
            };
            let (old, new) = (rows_of(before), rows_of(after));
            let differing = old
                .iter()
                .filter(|row| !new.contains(row))
                .chain(new.iter().filter(|row| !old.contains(row)));
            keys.extend(differing.map(|row| fact::index(row)));
        }
        ElementId::Relationship(id) => {
            if is_same_existence {
                return;
            }
            if let Some(ElementState::Relationship {
                type_id,
                start,
                end,
                ..
            }) = after.or(before)
            {
                keys.push(fact::relationship(*type_id, id));
                for row in both_ways(id, *type_id, *start, *end) {
                    keys.push(fact::adjacency(&row.bytes()));
                }
            }
        }
    }
}
