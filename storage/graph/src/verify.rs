//! Checking what is stored against what was committed to.
//!
//! The effects of a commit are not kept: they follow from the rows. So rebuilding them and hashing
//! them again checks the rows, current and closed, against the root in the header; hashing the
//! header checks it against the ledger.

use retrograph_ledger::{Hash, TILE_WIDTH, TileId, TileStore, leaf_hash};

use crate::apply::Tiles;
use crate::commit::CommitHeader;
use crate::effect::{Effect, EffectHasher, encode_effect};
use crate::encoding::varint::Reader;
use crate::error::GraphError;
use crate::graph::Graph;
use crate::ids::{ElementId, Version};
use crate::kv::Family;
use crate::rows::entry::{CommitRow, Touched, commit_key};
use crate::rule::RuleDefinition;

impl Graph {
    /// The effects of a commit, rebuilt from the rows; empty for version 0.
    pub fn effects(&self, version: Version) -> Result<Vec<Effect>, GraphError> {
        self.check_readable(version)?;
        let Some(row) = self.store.get(Family::Entry, &commit_key(version))? else {
            return Ok(Vec::new());
        };
        let row = CommitRow::decode(&row)?;
        let touched = Touched::decode(&mut Reader::new(row.touched))?;
        let catalog = self.catalog.load();
        let mut effects = Vec::new();
        for (kind, id) in touched.tokens {
            let Some((name, _)) = catalog.token_name(kind, id) else {
                return Err(lost(version, format!("{} {id}", kind.name())));
            };
            effects.push(Effect::Token {
                kind,
                id,
                name: name.clone(),
            });
        }
        for (id, dropped) in touched.schema {
            effects.push(if dropped {
                Effect::DropIndex { id }
            } else if let Some(rule) = catalog.rule(id) {
                Effect::CreateRule(RuleDefinition::clone(rule))
            } else {
                let Some(index) = catalog.index(id) else {
                    return Err(lost(version, format!("index {id}")));
                };
                Effect::CreateIndex {
                    id,
                    label: index.label,
                    key: index.key,
                    unique: index.unique,
                    in_steps: index.build.is_some(),
                    name: index.name.clone(),
                }
            });
        }
        let nodes = touched.nodes.into_iter().map(ElementId::Node);
        let relationships = touched
            .relationships
            .into_iter()
            .map(ElementId::Relationship);
        let stored = self.stored(version);
        for element in nodes.chain(relationships) {
            let previous = stored.ended_at(element, version, |record| Ok(record.from()))?;
            let now = stored.element(element, |record| Ok((record.from(), record.state()?)))?;
            let state = match now {
                Some((from, state)) if from == version => Some(state),
                Some(_) => return Err(lost(version, format!("{element:?}"))),
                None => None,
            };
            if state.is_none() && previous.is_none() {
                return Err(lost(version, format!("{element:?}")));
            }
            effects.push(Effect::Element {
                element,
                previous,
                state,
            });
        }
        Ok(effects)
    }

    /// Checks a commit: rebuilds its effects from the rows and compares their root with the header,
    /// and the hash of the header with its leaf in the ledger.
    pub fn verify_version(&self, version: Version) -> Result<(), GraphError> {
        let Some(bytes) = self.store.get(Family::Entry, &commit_key(version))? else {
            return Err(lost(version, "its row"));
        };
        let row = CommitRow::decode(&bytes)?;
        let header = CommitHeader::decode(row.header)?;
        let identity = self
            .identity()
            .ok_or_else(|| GraphError::corrupt("identity", "it is missing"))?;
        let mut hasher = EffectHasher::new(&identity.salt_key);
        for effect in self.effects(version)? {
            let mut bytes = Vec::new();
            encode_effect(&effect, &mut bytes)?;
            hasher.push_bytes(&bytes)?;
        }
        let what = || format!("commit {version}");
        if (hasher.count(), hasher.root()) != (header.effect_count, header.effects_root) {
            return Err(GraphError::corrupt(
                what(),
                format!(
                    "its rows give {} effects with root {}, its header says {} with root {}",
                    hasher.count(),
                    hasher.root(),
                    header.effect_count,
                    header.effects_root
                ),
            ));
        }
        let tile = TileId {
            level: 0,
            index: row.leaf / TILE_WIDTH as u64,
        };
        let hashes = Tiles(self.store.as_ref()).get(tile)?.unwrap_or_default();
        let at = (row.leaf % TILE_WIDTH as u64) as usize * Hash::BYTES;
        let leaf = hashes.get(at..at + Hash::BYTES);
        if leaf != Some(leaf_hash(row.header).as_bytes().as_slice()) {
            return Err(GraphError::corrupt(
                what(),
                "its header is not that of its leaf in the ledger",
            ));
        }
        Ok(())
    }

    /// Checks every row's checksum, every commit, and that the ledger's root follows from its
    /// leaves. Returns the number of commits.
    pub fn verify(&self) -> Result<u64, GraphError> {
        self.store.verify()?;
        let latest = self.latest();
        for version in 1..=latest.0 {
            self.verify_version(Version(version))?;
        }
        Ok(latest.0)
    }
}

fn lost(version: Version, what: impl std::fmt::Display) -> GraphError {
    GraphError::corrupt(
        format!("commit {version}"),
        format!("{what}, which it touched, is not in the store"),
    )
}
