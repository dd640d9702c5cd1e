//! Names and schema: labels, types, property keys, indexes and constraints, each with the versions
//! in which it exists.
//!
//! All of it is held in memory as one immutable [`Catalog`], replaced as a whole when a commit
//! changes it, so a view pays one atomic load. Numbers are never reused, which makes plans and
//! records independent of time; a name counts in a view if it was there at the view's version.
//!
//! An index and a unique constraint share one shape, as a constraint is enforced by an index. The
//! *logical* schema of a view is that of its version; which index can be *used* is decided by
//! today's rows: one that still exists and covers the version.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::build::Build;
use crate::encoding::DecodeError;
use crate::encoding::record::ElementState;
use crate::error::GraphError;
use crate::ids::{IndexId, KeyId, LabelId, TypeId, Version};
use crate::kv::{Family, OrderedStore};
use crate::rows::meta::{
    IndexRow, TokenKind, index_prefix, read_index_key, read_token, read_token_key, rule_row_prefix,
    token_prefix,
};
use crate::rows::prefix_end;
use crate::rule::{RuleDefinition, Target};
use crate::transaction::OwnWrites;

/// An index on one property of the nodes of a label; if `unique`, the one behind a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexDefinition {
    /// Never reused.
    pub id: IndexId,
    /// The name of the index or of the constraint.
    pub name: Arc<str>,
    /// The label whose nodes it holds.
    pub label: LabelId,
    /// The property by which they are found.
    pub key: KeyId,
    /// Whether a constraint makes values unique.
    pub unique: bool,
    /// The first version in which it exists.
    pub created: Version,
    /// The first version it covers; reads of older versions cannot use it. No version until it is
    /// built.
    pub covers_from: Version,
    /// How far it has been built; `None` if the commit that created it made it whole.
    pub build: Option<Build>,
    /// The first version in which it no longer exists.
    pub dropped: Option<Version>,
}

impl IndexDefinition {
    fn exists_at(&self, version: Version) -> bool {
        self.created <= version && self.dropped.is_none_or(|dropped| version < dropped)
    }

    /// Whether some of its rows are still missing.
    #[must_use]
    pub const fn is_populating(&self) -> bool {
        matches!(self.build, Some(Build::Populating { .. }))
    }

    /// Whether it exists now and is whole.
    #[must_use]
    pub const fn is_online(&self) -> bool {
        self.dropped.is_none() && matches!(self.build, None | Some(Build::Complete))
    }

    /// Whether commits keep its rows.
    pub(crate) const fn is_kept(&self) -> bool {
        self.dropped.is_none() && !matches!(self.build, Some(Build::Failed { .. }))
    }

    pub(crate) fn row(&self) -> IndexRow {
        IndexRow {
            created: self.created,
            dropped: self.dropped,
            label: self.label,
            key: self.key,
            unique: self.unique,
            name: Arc::clone(&self.name),
            build: self.build.map(|build| (build, self.covers_from)),
        }
    }
}

/// The names of one kind.
#[derive(Clone, Default)]
struct Tokens {
    by_name: HashMap<Arc<str>, u32>,
    by_id: BTreeMap<u32, (Arc<str>, Version)>,
}

/// All names and all schema there ever were.
#[derive(Clone, Default)]
pub(crate) struct Catalog {
    tokens: [Tokens; 3],
    indexes: BTreeMap<IndexId, Arc<IndexDefinition>>,
    /// Those whose rows commits keep now, by label.
    by_label: HashMap<LabelId, Vec<Arc<IndexDefinition>>>,
    rules: BTreeMap<IndexId, Arc<RuleDefinition>>,
    /// Those that commits check and whose rows they keep now, by target.
    rules_by_target: HashMap<Target, Vec<Arc<RuleDefinition>>>,
    /// Counts changes.
    pub epoch: u64,
}

impl Catalog {
    /// Reads the catalog from its rows.
    pub fn load(store: &dyn OrderedStore) -> Result<Self, GraphError> {
        let mut catalog = Self::default();
        let prefix = token_prefix();
        let mut cursor = store.scan(Family::Meta, &prefix, &prefix_end(&prefix), false)?;
        while cursor.valid() {
            let (kind, id) = read_token_key(cursor.key())?;
            let (created, name) = read_token(cursor.value())?;
            catalog.add_token(kind, id, name, created)?;
            cursor.next();
        }
        cursor.status()?;
        let prefix = index_prefix();
        let mut cursor = store.scan(Family::Meta, &prefix, &prefix_end(&prefix), false)?;
        while cursor.valid() {
            let id = read_index_key(cursor.key())?;
            let row = IndexRow::decode(cursor.value())?;
            catalog.put_index(IndexDefinition {
                id,
                name: row.name,
                label: row.label,
                key: row.key,
                unique: row.unique,
                created: row.created,
                covers_from: row
                    .build
                    .map_or(row.created, |(_, covers_from)| covers_from),
                build: row.build.map(|(build, _)| build),
                dropped: row.dropped,
            });
            cursor.next();
        }
        cursor.status()?;
        let prefix = rule_row_prefix();
        let mut cursor = store.scan(Family::Meta, &prefix, &prefix_end(&prefix), false)?;
        while cursor.valid() {
            let id = read_index_key(cursor.key())?;
            catalog.put_rule(RuleDefinition::decode_row(id, cursor.value())?);
            cursor.next();
        }
        cursor.status()?;
        Ok(catalog)
    }

    /// Adds a token. Returns whether it was new; one that contradicts an older one is an error.
    pub fn add_token(
        &mut self,
        kind: TokenKind,
        id: u32,
        name: &str,
        created: Version,
    ) -> Result<bool, DecodeError> {
        let tokens = &mut self.tokens[kind as usize];
        match (tokens.by_name.get(name), tokens.by_id.get(&id)) {
            (None, None) => {
                let name: Arc<str> = name.into();
                tokens.by_name.insert(Arc::clone(&name), id);
                tokens.by_id.insert(id, (name, created));
                self.epoch += 1;
                Ok(true)
            }
            (Some(&known), Some(_)) if known == id => Ok(false),
            _ => Err(DecodeError::Invalid {
                what: "token",
                offset: 0,
            }),
        }
    }

    /// Adds or replaces an index.
    pub fn put_index(&mut self, definition: IndexDefinition) {
        self.put_index_progress(definition);
        self.epoch += 1;
    }

    /// Replaces an index of which nothing has changed that plans could depend on.
    pub fn put_index_progress(&mut self, definition: IndexDefinition) {
        let definition = Arc::new(definition);
        let at_label = self.by_label.entry(definition.label).or_default();
        at_label.retain(|index| index.id != definition.id);
        if definition.is_kept() {
            at_label.push(Arc::clone(&definition));
        }
        self.indexes.insert(definition.id, definition);
    }

    /// Adds or replaces a rule.
    pub fn put_rule(&mut self, definition: RuleDefinition) {
        self.put_rule_progress(definition);
        self.epoch += 1;
    }

    /// Replaces a rule of which nothing has changed that plans could depend on.
    pub fn put_rule_progress(&mut self, definition: RuleDefinition) {
        let definition = Arc::new(definition);
        for target in &definition.targets {
            let of_target = self.rules_by_target.entry(*target).or_default();
            of_target.retain(|rule| rule.id != definition.id);
            if definition.is_kept() {
                of_target.push(Arc::clone(&definition));
            }
        }
        self.rules.insert(definition.id, definition);
    }

    /// A rule, also one that was dropped.
    pub fn rule(&self, id: IndexId) -> Option<&Arc<RuleDefinition>> {
        self.rules.get(&id)
    }

    /// All rules there ever were.
    pub fn all_rules(&self) -> impl Iterator<Item = &Arc<RuleDefinition>> {
        self.rules.values()
    }

    /// Whether there is no rule now.
    pub fn has_no_rule(&self) -> bool {
        self.rules_by_target.values().all(Vec::is_empty)
    }

    /// The rules that exist now about a label or a type.
    pub fn rules_about(&self, target: Target) -> &[Arc<RuleDefinition>] {
        self.rules_by_target.get(&target).map_or(&[], Vec::as_slice)
    }

    /// The rules that exist now about any of some labels or types, each once.
    pub fn rules_about_any(
        &self,
        targets: impl Iterator<Item = Target>,
    ) -> SmallVec<[&Arc<RuleDefinition>; 4]> {
        let mut rules = SmallVec::<[&Arc<RuleDefinition>; 4]>::new();
        for rule in targets.flat_map(|target| self.rules_about(target)) {
            // One about several labels comes by each of them.
            if rule.targets.len() == 1 || rules.iter().all(|known| known.id != rule.id) {
                rules.push(rule);
            }
        }
        rules
    }

    /// The rules that exist now about an element in a state.
    pub fn rules_of(&self, state: &ElementState) -> SmallVec<[&Arc<RuleDefinition>; 4]> {
        let of_type = match state {
            ElementState::Node { .. } => None,
            ElementState::Relationship { type_id, .. } => Some(Target::Type(*type_id)),
        };
        let labels = state.labels().iter().copied().map(Target::Label);
        self.rules_about_any(labels.chain(of_type))
    }

    /// An index, also one that was dropped.
    pub fn index(&self, id: IndexId) -> Option<&Arc<IndexDefinition>> {
        self.indexes.get(&id)
    }

    /// All indexes there ever were.
    pub fn all_indexes(&self) -> impl Iterator<Item = &Arc<IndexDefinition>> {
        self.indexes.values()
    }

    /// The indexes on a label whose rows commits keep now.
    pub fn indexes_of(&self, label: LabelId) -> &[Arc<IndexDefinition>] {
        self.by_label.get(&label).map_or(&[], Vec::as_slice)
    }

    /// Whether there is no index now whose rows commits keep.
    pub fn has_no_index(&self) -> bool {
        self.by_label.values().all(Vec::is_empty)
    }

    /// The index that exists now under a name, or on a label and property.
    pub fn current_index(
        &self,
        name: Option<&str>,
        on: Option<(LabelId, KeyId)>,
    ) -> Option<&Arc<IndexDefinition>> {
        self.indexes.values().find(|index| {
            index.dropped.is_none()
                && (name == Some(&*index.name) || on == Some((index.label, index.key)))
        })
    }

    /// Whether an index or a rule exists now under a name.
    pub fn has_index_named(&self, name: &str) -> bool {
        let mut rules = self.rules.values();
        self.current_index(Some(name), None).is_some()
            || rules
                .any(|rule| rule.dropped.is_none() && rule.kind.has_rows() && *rule.name == *name)
    }

    /// The id and the first version of a name.
    pub fn token(&self, kind: TokenKind, name: &str) -> Option<(u32, Version)> {
        let tokens = &self.tokens[kind as usize];
        let id = *tokens.by_name.get(name)?;
        Some((id, tokens.by_id.get(&id)?.1))
    }

    /// The name of an id and its first version.
    pub fn token_name(&self, kind: TokenKind, id: u32) -> Option<(&Arc<str>, Version)> {
        self.tokens[kind as usize]
            .by_id
            .get(&id)
            .map(|(name, created)| (name, *created))
    }

    /// The ids of a kind, ascending.
    pub fn tokens_of(&self, kind: TokenKind) -> impl Iterator<Item = u32> {
        self.tokens[kind as usize].by_id.keys().copied()
    }

    /// One more than the greatest id of a kind.
    pub fn next_token(&self, kind: TokenKind) -> u32 {
        self.tokens[kind as usize]
            .by_id
            .last_key_value()
            .map_or(0, |(id, _)| id + 1)
    }

    /// One more than the greatest id of an index or rule.
    pub fn next_index(&self) -> u32 {
        let next = |last: Option<&IndexId>| last.map_or(0, |id| id.0 + 1);
        next(self.indexes.last_key_value().map(|(id, _)| id))
            .max(next(self.rules.last_key_value().map(|(id, _)| id)))
    }

    fn tokens_at(
        &self,
        kind: TokenKind,
        version: Version,
    ) -> impl Iterator<Item = (u32, Arc<str>)> {
        self.tokens[kind as usize]
            .by_id
            .iter()
            .filter(move |(_, (_, created))| *created <= version)
            .map(|(id, (name, _))| (*id, Arc::clone(name)))
    }
}

/// The names and the schema as seen by one view.
#[derive(Clone)]
pub struct ReadCatalog {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) version: Version,
    pub(crate) own: Option<OwnWrites>,
}

impl ReadCatalog {
    fn id(&self, kind: TokenKind, name: &str) -> Option<u32> {
        match self.catalog.token(kind, name) {
            Some((id, created)) if created <= self.version => return Some(id),
            _ => {}
        }
        self.own.as_ref().and_then(|own| own.token(kind, name))
    }

    fn name(&self, kind: TokenKind, id: u32) -> Option<Arc<str>> {
        match self.catalog.token_name(kind, id) {
            Some((name, created)) if created <= self.version => return Some(Arc::clone(name)),
            _ => {}
        }
        self.own.as_ref().and_then(|own| own.token_name(kind, id))
    }

    fn all(&self, kind: TokenKind) -> Vec<(u32, Arc<str>)> {
        let mut all: Vec<_> = self.catalog.tokens_at(kind, self.version).collect();
        if let Some(own) = &self.own {
            all.extend(own.tokens(kind));
            all.sort_unstable_by_key(|(id, _)| *id);
            all.dedup_by_key(|(id, _)| *id);
        }
        all
    }

    /// The label of this name, if there is one in the view.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<LabelId> {
        self.id(TokenKind::Label, name).map(LabelId)
    }

    /// The relationship type of this name, if there is one in the view.
    #[must_use]
    pub fn relationship_type(&self, name: &str) -> Option<TypeId> {
        self.id(TokenKind::Type, name).map(TypeId)
    }

    /// The property key of this name, if there is one in the view.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<KeyId> {
        self.id(TokenKind::Key, name).map(KeyId)
    }

    /// The name of a label.
    #[must_use]
    pub fn label_name(&self, id: LabelId) -> Option<Arc<str>> {
        self.name(TokenKind::Label, id.0)
    }

    /// The name of a relationship type.
    #[must_use]
    pub fn type_name(&self, id: TypeId) -> Option<Arc<str>> {
        self.name(TokenKind::Type, id.0)
    }

    /// The name of a property key.
    #[must_use]
    pub fn key_name(&self, id: KeyId) -> Option<Arc<str>> {
        self.name(TokenKind::Key, id.0)
    }

    /// All labels of the view, by id.
    #[must_use]
    pub fn labels(&self) -> Vec<(LabelId, Arc<str>)> {
        let all = self.all(TokenKind::Label);
        all.into_iter()
            .map(|(id, name)| (LabelId(id), name))
            .collect()
    }

    /// All relationship types of the view, by id.
    #[must_use]
    pub fn relationship_types(&self) -> Vec<(TypeId, Arc<str>)> {
        let all = self.all(TokenKind::Type);
        all.into_iter()
            .map(|(id, name)| (TypeId(id), name))
            .collect()
    }

    /// All property keys of the view, by id.
    #[must_use]
    pub fn keys(&self) -> Vec<(KeyId, Arc<str>)> {
        let all = self.all(TokenKind::Key);
        all.into_iter()
            .map(|(id, name)| (KeyId(id), name))
            .collect()
    }

    /// The indexes and unique constraints of the logical schema at the view's version.
    #[must_use]
    pub fn indexes(&self) -> Vec<Arc<IndexDefinition>> {
        self.catalog
            .all_indexes()
            .filter(|index| index.exists_at(self.version))
            .cloned()
            .collect()
    }

    /// The constraints and indexes of the logical schema at the view's version, beyond those on one
    /// property of nodes that [`ReadCatalog::indexes`] lists.
    #[must_use]
    pub fn rules(&self) -> Vec<Arc<RuleDefinition>> {
        self.catalog
            .all_rules()
            .filter(|rule| rule.exists_at(self.version))
            .cloned()
            .collect()
    }

    /// The rules about a label or type whose rows can be *used* at the view's version.
    #[must_use]
    pub fn usable_rules(&self, target: Target) -> Vec<Arc<RuleDefinition>> {
        self.catalog
            .rules_about(target)
            .iter()
            .filter(|rule| rule.kind.has_rows() && rule.covers_from <= self.version)
            .cloned()
            .collect()
    }

    /// The index on a label and property that can be *used* at the view's version, if any.
    #[must_use]
    pub fn index_on(&self, label: LabelId, key: KeyId) -> Option<Arc<IndexDefinition>> {
        self.catalog
            .indexes_of(label)
            .iter()
            .find(|index| index.key == key && index.covers_from <= self.version)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_keeps_its_number() {
        let mut catalog = Catalog::default();
        assert!(
            catalog
                .add_token(TokenKind::Label, 3, "A", Version(2))
                .unwrap()
        );
        assert!(
            !catalog
                .add_token(TokenKind::Label, 3, "A", Version(5))
                .unwrap()
        );
        assert!(
            catalog
                .add_token(TokenKind::Label, 4, "A", Version(5))
                .is_err()
        );
        assert!(
            catalog
                .add_token(TokenKind::Label, 3, "B", Version(5))
                .is_err()
        );
        assert!(
            catalog
                .add_token(TokenKind::Type, 3, "B", Version(5))
                .unwrap()
        );
        assert_eq!(catalog.token(TokenKind::Label, "A"), Some((3, Version(2))));
        assert_eq!(catalog.next_token(TokenKind::Label), 4);
        assert_eq!(catalog.next_token(TokenKind::Key), 0);
    }

    #[test]
    fn names_and_schema_belong_to_versions() {
        let mut catalog = Catalog::default();
        catalog
            .add_token(TokenKind::Label, 1, "A", Version(2))
            .unwrap();
        let mut index = IndexDefinition {
            id: IndexId(0),
            name: "i".into(),
            label: LabelId(1),
            key: KeyId(1),
            unique: false,
            created: Version(3),
            covers_from: Version(3),
            build: None,
            dropped: None,
        };
        catalog.put_index(index.clone());
        let at = |catalog: &Catalog, version| ReadCatalog {
            catalog: Arc::new(catalog.clone()),
            version: Version(version),
            own: None,
        };
        assert_eq!(at(&catalog, 1).label("A"), None);
        assert_eq!(at(&catalog, 2).label("A"), Some(LabelId(1)));
        assert!(at(&catalog, 2).index_on(LabelId(1), KeyId(1)).is_none());
        assert!(at(&catalog, 3).index_on(LabelId(1), KeyId(1)).is_some());
        let populating = IndexDefinition {
            covers_from: Version::MAX,
            build: Some(Build::START),
            ..index.clone()
        };
        catalog.put_index(populating);
        assert_eq!(at(&catalog, 3).indexes().len(), 1);
        assert!(at(&catalog, 9).index_on(LabelId(1), KeyId(1)).is_none());
        assert_eq!(catalog.indexes_of(LabelId(1)).len(), 1);
        let failed = IndexDefinition {
            covers_from: Version::MAX,
            build: Some(Build::Failed {
                element: 1,
                bytes: 9,
            }),
            ..index.clone()
        };
        catalog.put_index(failed);
        assert!(catalog.indexes_of(LabelId(1)).is_empty());
        assert_eq!(at(&catalog, 3).indexes().len(), 1);
        index.build = Some(Build::Complete);
        index.covers_from = Version(5);
        catalog.put_index(index.clone());
        assert!(at(&catalog, 4).index_on(LabelId(1), KeyId(1)).is_none());
        assert!(at(&catalog, 5).index_on(LabelId(1), KeyId(1)).is_some());
        index.dropped = Some(Version(7));
        catalog.put_index(index);
        // The schema of version 5 had the index, but its rows are gone.
        assert_eq!(at(&catalog, 5).indexes().len(), 1);
        assert!(at(&catalog, 5).index_on(LabelId(1), KeyId(1)).is_none());
        assert!(at(&catalog, 7).indexes().is_empty());
    }
}
