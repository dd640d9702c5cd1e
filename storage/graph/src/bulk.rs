//! Bulk loads: batches of new nodes and relationships whose rows travel in sorted files.
//!
//! A batch sorts its rows itself, writes them as files that the store can take over whole, hashes
//! its effects on a second thread meanwhile, and commits by one small *ingest* entry that names the
//! files with their checksums. Nothing goes through write buffers, and nothing is compacted twice.
//!
//! ```text
//! plan := tokens(length before) counts files touched
//! tokens  := effects, one after the other
//! counts  := count (statistic kind(1) id change)…
//! files   := count (family(1) name(length before) checksum(32))…
//! ```
//!
//! Rows carry the version of their commit, so the files are written for the version that is next;
//! should another commit take it, they are written again. Applying flushes the store, takes the
//! files over, writes the commit's own rows and flushes again: a crash in between leaves the state
//! before the entry and perhaps some of its rows, and replaying the entry writes the same rows. The
//! files are removed once all of that is durable.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use retrograph_ledger::Hash;
use roaring::RoaringTreemap;
use sha2::{Digest, Sha256};

use crate::apply::{Machine, Outcome, Stop};
use crate::blocks::Space;
use crate::catalog::Catalog;
use crate::commit::{CommitHeader, CommitInfo, Committed};
use crate::effect::{Effect, EffectHasher, EffectRef, decode_effect, encode_effect, record_at};
use crate::encoding::DecodeError;
use crate::encoding::record::{ElementState, encode_record, normalize_properties};
use crate::encoding::varint::{Reader, put_u64};
use crate::entry::ENTRY_BYTES_MAX;
use crate::error::{CommitError, GraphError};
use crate::footprint::{Footprint, WriteKeys, fact};
use crate::graph::Graph;
use crate::ids::{ElementId, KeyId, LabelId, NodeId, RelationshipId, TypeId, Version};
use crate::kv::{Family, SortedFile, StoreError, WriteBatch};
use crate::overlay::{OwnToken, both_ways};
use crate::rows::entry::Touched;
use crate::rows::meta::{Statistic, TokenKind, read_hash, token_key, token_value};
use crate::rows::{
    Key, VALUE_KEY_BYTES_MAX, element_key, from_value, label_key, prefix_end, property_key,
    property_prefix, put_bytes, read_bytes, read_text, read_trailing_node,
};
use crate::sequencer::{Body, Proposal};
use crate::transaction::rules::{check_alone, check_length, not_unique_together};
use crate::value::Value;

/// The directory of a store's sorted files on their way.
const INGEST_DIRECTORY: &str = "ingest";

/// The most bytes of records in one batch.
pub const BATCH_BYTES_MAX: usize = 512 << 20;

/// A record of a batch: which element, and where in the batch's bytes.
type Entry = (ElementId, u32, u32);

/// Loads new nodes and relationships, batch after batch.
///
/// Not for concurrent use with other writers of the same graph: their transactions and its batches
/// would keep failing certification, though nothing would break.
pub struct BulkLoader {
    graph: Arc<Graph>,
    view: Version,
    records: Vec<Entry>,
    bytes: Vec<u8>,
    /// Keys of adjacency, label and property rows to come.
    adjacency: Vec<[u8; crate::rows::ADJACENCY_KEY_BYTES]>,
    index: Vec<Key>,
    counts: BTreeMap<Statistic, i64>,
    tokens: Vec<OwnToken>,
    catalog: Arc<Catalog>,
    /// Nodes that are known to exist.
    known: RoaringTreemap,
    /// Least and greatest of the ends that lie outside of the batch.
    ends: Option<(NodeId, NodeId)>,
}

impl Graph {
    /// A loader of new nodes and relationships.
    #[must_use]
    pub fn bulk(self: &Arc<Self>) -> BulkLoader {
        BulkLoader {
            view: self.latest(),
            catalog: self.catalog.load_full(),
            graph: Arc::clone(self),
            records: Vec::new(),
            bytes: Vec::new(),
            adjacency: Vec::new(),
            index: Vec::new(),
            counts: BTreeMap::new(),
            tokens: Vec::new(),
            known: RoaringTreemap::new(),
            ends: None,
        }
    }
}

impl BulkLoader {
    /// The number of elements in the batch so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether the batch has no elements yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The bytes of the batch's records so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn token(&mut self, kind: TokenKind, name: &str) -> u32 {
        if let Some((id, _)) = self.catalog.token(kind, name) {
            return id;
        }
        let own = self
            .tokens
            .iter()
            .find(|t| t.kind == kind && &*t.name == name);
        if let Some(token) = own {
            return token.id;
        }
        let name: Arc<str> = name.into();
        let id = self.graph.sequencer.token(&self.graph, kind, &name);
        self.tokens.push(OwnToken { kind, id, name });
        id
    }

    /// The label of this name, made with the batch if there is none.
    pub fn label_id(&mut self, name: &str) -> LabelId {
        LabelId(self.token(TokenKind::Label, name))
    }

    /// The relationship type of this name, made with the batch if there is none.
    pub fn type_id(&mut self, name: &str) -> TypeId {
        TypeId(self.token(TokenKind::Type, name))
    }

    /// The property key of this name, made with the batch if there is none.
    pub fn key_id(&mut self, name: &str) -> KeyId {
        KeyId(self.token(TokenKind::Key, name))
    }

    fn count(&mut self, statistic: Statistic) {
        *self.counts.entry(statistic).or_default() += 1;
    }

    fn push(&mut self, element: ElementId, state: &ElementState) -> Result<(), GraphError> {
        if self.bytes.len() > BATCH_BYTES_MAX {
            return Err(GraphError::TransactionTooLarge {
                limit: BATCH_BYTES_MAX,
            });
        }
        let start = self.bytes.len();
        encode_record(Version(0), state, &mut self.bytes)?;
        let length = self.bytes.len() - start;
        self.records.push((element, start as u32, length as u32));
        Ok(())
    }

    /// Creates a node.
    pub fn create_node(
        &mut self,
        labels: &[LabelId],
        mut properties: Vec<(KeyId, Value)>,
    ) -> Result<NodeId, GraphError> {
        normalize_properties(&mut properties);
        let mut labels = labels.to_vec();
        labels.sort_unstable();
        labels.dedup();
        let owner: crate::blocks::Owner = labels.iter().map(|label| label.0).collect();
        let id = NodeId(
            self.graph
                .sequencer
                .allocate(&self.graph, Space::Nodes, &owner)?,
        );
        let catalog = Arc::clone(&self.catalog);
        for label in &labels {
            self.index.push(label_key(*label, id));
            self.count(Statistic::Label(*label));
            for index in catalog.indexes_of(*label) {
                let Some((_, value)) = properties.iter().find(|(key, _)| *key == index.key) else {
                    continue;
                };
                let row = property_key(*label, index.key, value, id);
                let bytes = row.len() - 8 - property_prefix(*label, index.key).len();
                if bytes > VALUE_KEY_BYTES_MAX {
                    let names = self.graph.catalog_at(Version::MAX);
                    return Err(GraphError::IndexedValueTooLong {
                        index: Arc::clone(&index.name),
                        label: names.label_name(*label).unwrap_or_default(),
                        key: names.key_name(index.key).unwrap_or_default(),
                        node: id,
                        bytes,
                        limit: VALUE_KEY_BYTES_MAX,
                    });
                }
                self.index.push(row);
                self.count(Statistic::Index(index.id));
            }
        }
        self.count(Statistic::Nodes);
        let state = ElementState::Node { labels, properties };
        self.rules(id.into(), &state)?;
        self.push(id.into(), &state)?;
        self.known.insert(id.0);
        Ok(id)
    }

    /// Creates a relationship between nodes that exist or were created with the batch.
    pub fn create_relationship(
        &mut self,
        type_id: TypeId,
        start: NodeId,
        end: NodeId,
        mut properties: Vec<(KeyId, Value)>,
    ) -> Result<RelationshipId, GraphError> {
        normalize_properties(&mut properties);
        for node in [start, end] {
            if !self.known.contains(node.0) {
                let stored = self.graph.stored(self.view);
                if stored.element(node.into(), |_| Ok(()))?.is_none() {
                    return Err(GraphError::NoSuchEnd(node));
                }
                self.known.insert(node.0);
            }
            let ends = self.ends.get_or_insert((node, node));
            *ends = (ends.0.min(node), ends.1.max(node));
        }
        let graph = &self.graph;
        let id = RelationshipId(graph.sequencer.allocate(
            graph,
            Space::Relationships,
            &[type_id.0],
        )?);
        for row in both_ways(id, type_id, start, end) {
            self.adjacency.push(row.bytes());
        }
        self.count(Statistic::Relationships);
        self.count(Statistic::Type(type_id));
        let state = ElementState::Relationship {
            type_id,
            start,
            end,
            properties,
        };
        self.rules(id.into(), &state)?;
        self.push(id.into(), &state)?;
        Ok(id)
    }

    /// Checks what rules demand of one element and notes its rows.
    fn rules(&mut self, element: ElementId, state: &ElementState) -> Result<(), GraphError> {
        if self.catalog.has_no_rule() {
            return Ok(());
        }
        let catalog = Arc::clone(&self.catalog);
        let names = self.graph.catalog_at(Version::MAX);
        for rule in catalog.rules_of(state) {
            check_alone(rule, element, &names, |key| state.property(key).cloned())?;
            for row in rule.rows_of_state(element, state) {
                check_length(rule, element, &names, &row)?;
                for (statistic, by) in rule.counts_of_row(&row) {
                    *self.counts.entry(statistic).or_default() += by;
                }
                self.index.push(row);
            }
        }
        Ok(())
    }

    /// Commits the batch as one version and begins the next one. After an error the loader is of no
    /// use any more.
    pub fn commit(&mut self, info: CommitInfo) -> Result<Committed, CommitError> {
        if self.records.is_empty() {
            let time = self.graph.version_time(self.view)?;
            return Ok(Committed {
                version: self.view,
                time,
            });
        }
        let graph = Arc::clone(&self.graph);
        let identity = graph.identity().ok_or(CommitError::NotLeading)?;
        self.records.sort_unstable_by_key(|(element, ..)| *element);
        self.adjacency.sort_unstable();
        self.index.sort_unstable();
        self.check_unique()?;
        self.check_unique_together()?;
        let mut tokens = Vec::new();
        self.tokens
            .sort_unstable_by_key(|token| (token.kind, token.id));
        let mut hasher = EffectHasher::new(&identity.salt_key);
        for token in &self.tokens {
            let start = tokens.len();
            let effect = Effect::Token {
                kind: token.kind,
                id: token.id,
                name: Arc::clone(&token.name),
            };
            encode_effect(&effect, &mut tokens).map_err(GraphError::from)?;
            hasher
                .push_bytes(&tokens[start..])
                .map_err(GraphError::from)?;
        }
        let mut next = graph.sequencer.next_version();
        let (hashed, files) = std::thread::scope(|scope| {
            let hashing = scope.spawn(|| {
                for &(element, start, length) in &self.records {
                    let record = &self.bytes[start as usize..][..length as usize];
                    hasher.push_element(element, None, Some(record))?;
                }
                Ok::<_, DecodeError>((hasher.count(), hasher.root()))
            });
            let files = self.write_files(next);
            (hashing.join(), files)
        });
        let (effect_count, effects_root) = hashed
            .map_err(|_| GraphError::corrupt("bulk batch", "hashing its effects panicked"))?
            .map_err(GraphError::from)?;
        let mut files = files?;
        loop {
            let plan = self.plan(&tokens, &files)?;
            let mut footprint = Footprint::default();
            if let Some((first, last)) = self.ends {
                footprint.range(fact::node(first), fact::node(NodeId(last.0 + 1)));
            }
            footprint.point(fact::schema());
            for token in &self.tokens {
                footprint.point(fact::token(token.kind, &token.name));
            }
            footprint.coalesce();
            let proposal = Proposal {
                view: self.view,
                ahead: Vec::new(),
                info: info.clone(),
                footprint,
                keys: WriteKeys::everything(),
                body: Body::Ingest {
                    plan,
                    version: next,
                },
                effect_count,
                effects_root,
            };
            match graph.sequencer.commit(&graph, proposal)? {
                Some(committed) => {
                    self.begin_next(committed.version);
                    return Ok(committed);
                }
                None => {
                    remove_files(&files);
                    next = graph.sequencer.next_version();
                    files = self.write_files(next)?;
                }
            }
        }
    }

    fn begin_next(&mut self, view: Version) {
        self.view = view;
        self.catalog = self.graph.catalog.load_full();
        self.records.clear();
        self.bytes.clear();
        self.adjacency.clear();
        self.index.clear();
        self.counts.clear();
        self.tokens.clear();
        self.ends = None;
    }

    /// Checks the rows of rules, which must be sorted, against each other and those there are.
    fn check_unique_together(&self) -> Result<(), GraphError> {
        let names = self.graph.catalog_at(Version::MAX);
        for rule in self.catalog.all_rules() {
            if !rule.kind.is_unique() || rule.dropped.is_some() {
                continue;
            }
            let set = rule.set();
            let first = self.index.partition_point(|row| *row < set.prefix);
            let end = prefix_end(&set.prefix);
            let last = self.index.partition_point(|row| *row < end);
            let mut before: Option<&Key> = None;
            for row in &self.index[first..last] {
                let value = &row[..row.len() - 8];
                let mut existing = match before {
                    Some(before) if before[..before.len() - 8] == *value => {
                        Some(rule.element_of(before)?)
                    }
                    _ => None,
                };
                let (skip, end) = (set.prefix.len(), prefix_end(value));
                self.graph.stored(self.view).scan_set(
                    &set,
                    &value[skip..],
                    Some(&end[skip..]),
                    &mut |rest| {
                        existing = Some(rule.element_of(rest)?);
                        Ok(std::ops::ControlFlow::Break(()))
                    },
                )?;
                if let Some(existing) = existing {
                    let mut rest = &value[skip..];
                    let mut values = Vec::with_capacity(rule.keys.len());
                    for key in &rule.keys {
                        let (value, after) = crate::value::key::decode_key(rest)?;
                        values.push((*key, value));
                        rest = after;
                    }
                    let element = rule.element_of(row)?;
                    return Err(not_unique_together(
                        rule,
                        element,
                        existing,
                        &names,
                        |key| {
                            let found = values.iter().find(|(known, _)| *known == key);
                            found.map(|(_, value)| value.clone())
                        },
                    ));
                }
                before = Some(row);
            }
        }
        Ok(())
    }

    /// Checks the property rows, which must be sorted, against unique constraints.
    fn check_unique(&self) -> Result<(), GraphError> {
        for index in self.catalog.all_indexes() {
            if !index.unique || index.dropped.is_some() {
                continue;
            }
            let prefix = property_prefix(index.label, index.key);
            let end = prefix_end(&prefix);
            let first = self.index.partition_point(|row| *row < prefix);
            let last = self.index.partition_point(|row| *row < end);
            let set = crate::rows::closed::SetRange::new(Family::Index, prefix);
            let has_rows = self.graph.counts.read().get(&Statistic::Index(index.id)) > Some(&0);
            let mut before: Option<&Key> = None;
            for row in &self.index[first..last] {
                let value = &row[..row.len() - 8];
                let mut existing = None;
                if let Some(before) = before
                    && before[..before.len() - 8] == *value
                {
                    existing = Some(read_trailing_node(before)?);
                }
                if existing.is_none() && has_rows {
                    let skip = set.prefix.len();
                    let end = prefix_end(value);
                    self.graph.stored(self.view).scan_set(
                        &set,
                        &value[skip..],
                        Some(&end[skip..]),
                        &mut |rest| {
                            existing = Some(read_trailing_node(rest)?);
                            Ok(std::ops::ControlFlow::Break(()))
                        },
                    )?;
                }
                if let Some(existing) = existing {
                    let names = self.graph.catalog_at(Version::MAX);
                    let (value, _) = crate::value::key::decode_key(&row[set.prefix.len()..])?;
                    return Err(GraphError::NotUnique {
                        constraint: Arc::clone(&index.name),
                        label: names.label_name(index.label).unwrap_or_default(),
                        key: names.key_name(index.key).unwrap_or_default(),
                        value: value.to_string(),
                        node: read_trailing_node(row)?,
                        existing,
                    });
                }
                before = Some(row);
            }
        }
        Ok(())
    }

    /// Writes the rows, which must be sorted, for a version.
    fn write_files(&self, version: Version) -> Result<Vec<SortedFile>, GraphError> {
        let store = self.graph.store.as_ref();
        let directory = ingest_directory(&self.graph)?;
        let path = |family: Family| directory.join(format!("{}-{}.rows", version.0, family.name()));
        let mut files = Vec::new();
        let mut writer = store.write_sorted(Family::Element, &path(Family::Element))?;
        let mut record = Vec::new();
        for &(element, start, length) in &self.records {
            record.clear();
            let bytes = &self.bytes[start as usize..][..length as usize];
            record_at(version, bytes, &mut record)?;
            writer.put(&element_key(element), &record)?;
        }
        files.push(writer.finish()?);
        let from = from_value(version);
        if !self.adjacency.is_empty() {
            let mut writer = store.write_sorted(Family::Adjacency, &path(Family::Adjacency))?;
            for row in &self.adjacency {
                writer.put(row, &from)?;
            }
            files.push(writer.finish()?);
        }
        if !self.index.is_empty() {
            let mut writer = store.write_sorted(Family::Index, &path(Family::Index))?;
            for row in &self.index {
                writer.put(row, &from)?;
            }
            files.push(writer.finish()?);
        }
        Ok(files)
    }

    fn plan(&self, tokens: &[u8], files: &[SortedFile]) -> Result<Vec<u8>, GraphError> {
        let mut plan = Vec::with_capacity(self.records.len() * 2 + 256);
        put_bytes(tokens, &mut plan);
        put_u64(self.counts.len() as u64, &mut plan);
        for (statistic, change) in &self.counts {
            // The version in the key is of no interest here.
            let key = statistic.key(Version(0));
            plan.extend_from_slice(&key[..key.len() - 6]);
            put_u64(change.cast_unsigned(), &mut plan);
        }
        put_u64(files.len() as u64, &mut plan);
        for file in files {
            plan.push(file.family as u8);
            let name = file.path.file_name().unwrap_or_default();
            put_bytes(name.as_encoded_bytes(), &mut plan);
            let checksum = checksum(&self.graph, &file.path)?;
            plan.extend_from_slice(checksum.as_bytes());
        }
        let mut touched = Touched {
            tokens: self
                .tokens
                .iter()
                .map(|token| (token.kind, token.id))
                .collect(),
            ..Touched::default()
        };
        for (element, ..) in &self.records {
            match element {
                ElementId::Node(id) => touched.nodes.push(*id),
                ElementId::Relationship(id) => touched.relationships.push(*id),
            }
        }
        touched.encode(&mut plan);
        if plan.len() > ENTRY_BYTES_MAX - (64 << 10) {
            return Err(GraphError::TransactionTooLarge {
                limit: ENTRY_BYTES_MAX,
            });
        }
        Ok(plan)
    }
}

/// Where the files of a graph's bulk batches are; made if absent.
fn ingest_directory(graph: &Graph) -> Result<PathBuf, GraphError> {
    let Some(directory) = graph.store.directory() else {
        return Ok(PathBuf::from(INGEST_DIRECTORY));
    };
    let directory = directory.join(INGEST_DIRECTORY);
    std::fs::create_dir_all(&directory).map_err(|error| io_error(&directory, &error))?;
    Ok(directory)
}

fn io_error(path: &Path, error: &std::io::Error) -> GraphError {
    let (path, detail) = (path.to_owned(), error.to_string());
    GraphError::Store(if error.kind() == std::io::ErrorKind::StorageFull {
        StoreError::NoSpace { path, detail }
    } else {
        StoreError::Failed { path, detail }
    })
}

/// The checksum of a sorted file; zero if the store keeps its files in memory.
fn checksum(graph: &Graph, path: &Path) -> Result<Hash, GraphError> {
    if graph.store.directory().is_none() {
        return Ok(Hash::default());
    }
    let bytes = std::fs::read(path).map_err(|error| io_error(path, &error))?;
    Ok(Hash(Sha256::digest(&bytes).into()))
}

fn remove_files(files: &[SortedFile]) {
    for file in files {
        // What cannot be removed now is removed when the graph is opened or led again.
        let _ = std::fs::remove_file(&file.path);
    }
}

/// What an ingest entry says.
struct Plan<'a> {
    tokens: &'a [u8],
    counts: HashMap<Statistic, i64>,
    files: Vec<(Family, &'a str, Hash)>,
    touched: Touched,
}

impl<'a> Plan<'a> {
    fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let tokens = read_bytes(&mut reader, "tokens")?;
        let mut counts = HashMap::new();
        for _ in 0..reader.count(7, "counts")? {
            let mut key = reader.take(6, "statistic")?.to_vec();
            key.extend_from_slice(&[0; 6]);
            let (statistic, _) = Statistic::read_key(&key)?;
            counts.insert(statistic, reader.varint("change")?.cast_signed());
        }
        let mut files = Vec::new();
        for _ in 0..reader.count(34, "files")? {
            let offset = reader.offset();
            let found = reader.u8("family")?;
            let family = Family::ALL.get(usize::from(found)).copied();
            let family = family.ok_or(DecodeError::Unknown {
                what: "family",
                found,
                offset,
            })?;
            let name = read_text(&mut reader, "file name")?;
            files.push((family, name, read_hash(&mut reader)?));
        }
        Ok(Self {
            tokens,
            counts,
            files,
            touched: Touched::decode(&mut reader)?,
        })
    }
}

impl Graph {
    pub(crate) fn apply_ingest(
        &self,
        machine: &mut Machine,
        mut batch: WriteBatch,
        kind: u8,
        header: (&[u8], &CommitHeader),
        plan: &[u8],
    ) -> Result<(), Stop> {
        let version = header.1.version;
        let plan = Plan::decode(plan)?;
        let directory = ingest_directory(self)?;
        let mut files = Vec::with_capacity(plan.files.len());
        for (family, name, expected) in &plan.files {
            let path = directory.join(name);
            if checksum(self, &path)? != *expected {
                return Err(Stop::Graph(GraphError::corrupt(
                    format!("sorted file {}", path.display()),
                    "its checksum is not that of its log entry",
                )));
            }
            files.push(SortedFile {
                family: *family,
                path,
            });
        }
        let mut catalog = None;
        let mut reader = Reader::new(plan.tokens);
        while reader.remaining() > 0 {
            let EffectRef::Token { kind, id, name } = decode_effect(&mut reader)? else {
                return Err(Stop::Diverged("a bulk batch changes the schema".to_owned()));
            };
            let changed = catalog.get_or_insert_with(|| Catalog::clone(&self.catalog.load()));
            if changed.add_token(kind, id, name, version)? {
                let value = token_value(version, name);
                batch.put(Family::Meta, &token_key(kind, id), &value);
            }
        }
        // Files are durable when they are taken over. Whatever else is in the store must be durable
        // before, or a crash would leave rows of this entry beside a state long before it.
        self.store.flush()?;
        self.begin_writing(version);
        self.store.ingest(&files)?;
        let outcome = Outcome {
            touched: plan.touched,
            counts: plan.counts,
            catalog,
        };
        self.finish_commit(machine, batch, kind, header, outcome)?;
        self.store.flush()?;
        remove_files(&files);
        for observer in self.observers.load().iter() {
            observer.ingested(version);
        }
        self.expect_images();
        Ok(())
    }

    /// Removes files of bulk batches that are applied, or of all if none can be on its way.
    pub(crate) fn clean_ingest_directory(&self, is_idle: bool) -> Result<(), GraphError> {
        let Some(directory) = self.store.directory() else {
            return Ok(());
        };
        let directory = directory.join(INGEST_DIRECTORY);
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io_error(&directory, &error)),
        };
        let applied = self.latest();
        for entry in entries {
            let path = entry.map_err(|error| io_error(&directory, &error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let version = name
                .split('-')
                .next()
                .and_then(|version| version.parse().ok());
            if is_idle || version.is_some_and(|version: u64| version <= applied.0) {
                std::fs::remove_file(&path).map_err(|error| io_error(&path, &error))?;
            }
        }
        Ok(())
    }
}

/// The rows that a loader would write are those that applying its effects would: see the tests of
/// the crate, which compare a graph loaded in bulk with one loaded by transactions.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_survive_their_bytes() {
        let graph = Graph::in_memory().unwrap();
        let mut loader = graph.bulk();
        let person = loader.label_id("Person");
        let name = loader.key_id("name");
        loader
            .create_node(&[person], vec![(name, Value::String("a".into()))])
            .unwrap();
        let files = loader.write_files(Version(1)).unwrap();
        let bytes = loader.plan(&[], &files).unwrap();
        let plan = Plan::decode(&bytes).unwrap();
        assert_eq!(plan.files.len(), 2);
        assert_eq!(plan.counts[&Statistic::Label(person)], 1);
        assert_eq!(plan.touched.nodes.len(), 1);
        for length in 0..bytes.len() {
            assert!(Plan::decode(&bytes[..length]).is_err());
        }
    }
}
