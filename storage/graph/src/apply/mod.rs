//! Applying entries: a pure function of the rows and the entry.
//!
//! Everything a commit changes goes into one write batch together with the applied index, so a
//! crash leaves a state from which replay goes on exactly. Nothing here looks at a clock, at
//! memory-only state or at options: what is kept in memory (counts, sizes of segments, the edge of
//! the ledger) is derived from rows and could be rebuilt at any time.
//!
//! Each effect names the version it replaces. If that is not what this member has, the member has
//! diverged: the entry is refused and nothing is applied after it.

mod build;
mod commit;
mod new_rows;
mod rules;
mod segments;
mod tiles;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use retrograph_ledger::{Hash, Ledger, leaf_hash};

use crate::commit::CommitHeader;
use crate::encoding::DecodeError;
use crate::encoding::record::RecordRef;
use crate::encoding::varint::{Reader, put_u64};
use crate::entry::{Entry, Grant};
use crate::error::{ApplyError, GraphError};
use crate::graph::{Applied, Graph};
use crate::ids::{ElementId, SystemTime, Version};
use crate::kv::{Family, OrderedStore, StoreError, WriteBatch};
use crate::rows::entry::log_index_key;
use crate::rows::meta::{
    APPLIED_KEY, AppliedRow, FORMAT_KEY, IDENTITY_KEY, Identity, STORE_FORMAT, Statistic,
    block_key, format_value, part_key, part_prefix, put_owner, read_integer, statistic_prefix,
};
use crate::rows::prefix_end;
pub(crate) use commit::Outcome;
use segments::Segments;
pub(crate) use tiles::Tiles;

/// One change of a commit, as observers are told.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// What changed.
    pub element: ElementId,
    /// Its record before; `None` if it was created.
    pub before: Option<RecordRef<'a>>,
    /// Its record after; `None` if it was deleted.
    pub after: Option<RecordRef<'a>>,
}

/// Told of every commit after its rows are written and *before* its version is published, so that
/// what is derived from the graph never lags behind a view.
pub trait ApplyObserver: Send + Sync {
    /// A commit changed these elements. Called in version order, never concurrently.
    fn committed(&self, version: Version, changes: &[Change<'_>]);

    /// A bulk batch created elements that are not listed one by one.
    fn ingested(&self, version: Version);
}

/// The state of the state machine: what is derived from the rows and kept at hand.
pub(crate) struct Machine {
    pub applied: AppliedRow,
    pub identity: Option<Arc<Identity>>,
    ledger: Ledger,
    segments: Segments,
    /// How many parts of a large transaction are stored.
    parts: u32,
    /// Set when an entry could not be applied; nothing is applied after it.
    is_broken: bool,
}

/// Why applying stopped.
pub(crate) enum Stop {
    Decode(DecodeError),
    Diverged(String),
    Graph(GraphError),
}

impl Stop {
    fn at(self, index: u64) -> ApplyError {
        match self {
            Self::Decode(source) => ApplyError::Malformed { index, source },
            Self::Diverged(detail) => ApplyError::Diverged { index, detail },
            Self::Graph(source) => ApplyError::Graph { index, source },
        }
    }
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<GraphError> for Stop {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Graph(error.into())
    }
}

impl Machine {
    /// Reads the state from the rows.
    pub fn load(store: &dyn OrderedStore) -> Result<(Self, HashMap<Statistic, u64>), GraphError> {
        let applied = match store.get(Family::Meta, &APPLIED_KEY)? {
            Some(bytes) => AppliedRow::decode(&bytes)?,
            None => AppliedRow::default(),
        };
        let identity = match store.get(Family::Meta, &IDENTITY_KEY)? {
            Some(bytes) => Some(Arc::new(Identity::decode(&mut Reader::new(&bytes))?)),
            None => None,
        };
        let ledger = Ledger::open(Tiles(store), applied.leaves)
            .map_err(|error| GraphError::corrupt("ledger tiles", error))?;
        let mut counts = HashMap::new();
        let prefix = statistic_prefix();
        let end = prefix_end(&prefix);
        // The last row of each statistic counts; the one before it in a backward walk is of the
        // statistic before.
        let mut cursor = store.scan(Family::Meta, &prefix, &end, true)?;
        while cursor.valid() {
            let (statistic, _) = Statistic::read_key(cursor.key())?;
            counts.insert(statistic, read_integer(cursor.value())?);
            let start = statistic.prefix();
            cursor.seek(&start);
        }
        cursor.status()?;
        let prefix = part_prefix();
        let mut cursor = store.scan(Family::Meta, &prefix, &prefix_end(&prefix), false)?;
        let mut parts = 0;
        while cursor.valid() {
            parts += 1;
            cursor.next();
        }
        cursor.status()?;
        drop(cursor);
        let machine = Self {
            applied,
            identity,
            ledger,
            segments: Segments::default(),
            parts,
            is_broken: false,
        };
        Ok((machine, counts))
    }

    /// How far the log has been applied.
    pub fn applied(&self) -> Applied {
        Applied {
            index: self.applied.index,
            version: self.applied.version,
            time: self.applied.time,
        }
    }

    /// The root of the ledger over all entries applied.
    pub fn ledger_root(&self) -> (u64, Hash) {
        (self.ledger.size(), self.ledger.root())
    }

    /// Appends a leaf to the ledger, and its hashes to the batch.
    fn append_leaf(&mut self, data: &[u8], batch: &mut WriteBatch) -> u64 {
        let leaf = self.ledger.size();
        let appended = self.ledger.append(leaf_hash(data));
        tiles::put(&appended, batch);
        self.applied.leaves = leaf + 1;
        leaf
    }

    fn put_position(&self, kind: u8, batch: &mut WriteBatch) {
        let mut value = vec![kind];
        put_u64(self.applied.version.0, &mut value);
        batch.put(Family::Entry, &log_index_key(self.applied.index), &value);
        batch.put(Family::Meta, &APPLIED_KEY, &self.applied.encode());
    }

    /// Removes the parts of a large transaction.
    fn drop_parts(&mut self, batch: &mut WriteBatch) {
        if self.parts > 0 {
            let prefix = part_prefix();
            batch.delete_range(Family::Meta, &prefix, &prefix_end(&prefix));
            self.parts = 0;
        }
    }
}

fn put_grants(grants: &[Grant], batch: &mut WriteBatch) {
    for grant in grants {
        let mut value = Vec::new();
        put_owner(&grant.owner, &mut value);
        batch.put(Family::Meta, &block_key(grant.space, grant.block), &value);
    }
}

impl Graph {
    /// Applies an entry. Called in log order by the driver of the log; a pure function of the state
    /// and the entry. After an error nothing more is applied and the member must stop.
    pub fn apply(&self, index: u64, payload: &[u8]) -> Result<(), ApplyError> {
        let mut machine = self.machine.lock();
        if index <= machine.applied.index {
            return Err(ApplyError::OutOfOrder {
                expected: machine.applied.index + 1,
                found: index,
            });
        }
        if machine.is_broken {
            return Err(ApplyError::Diverged {
                index,
                detail: "an earlier entry could not be applied".to_owned(),
            });
        }
        let result = Entry::decode(index, payload).and_then(|entry| {
            self.apply_entry(&mut machine, index, payload, entry)
                .map_err(|stop| stop.at(index))
        });
        if result.is_err() {
            machine.is_broken = true;
        } else {
            self.publish(machine.applied());
        }
        result
    }

    fn apply_entry(
        &self,
        machine: &mut Machine,
        index: u64,
        payload: &[u8],
        entry: Entry<'_>,
    ) -> Result<(), Stop> {
        let kind = entry.kind();
        machine.applied.index = index;
        if machine.identity.is_none() != matches!(entry, Entry::Genesis(_)) {
            return Err(Stop::Diverged(
                "a graph begins with one genesis entry and has no other".to_owned(),
            ));
        }
        let mut batch = WriteBatch::new();
        match entry {
            Entry::Genesis(identity) => {
                let mut value = Vec::new();
                identity.encode(&mut value);
                batch.put(Family::Meta, &IDENTITY_KEY, &value);
                batch.put(Family::Meta, &FORMAT_KEY, &format_value(STORE_FORMAT));
                machine.identity = Some(Arc::new(identity));
                machine.applied.time = SystemTime(i64::MIN);
                machine.append_leaf(payload, &mut batch);
                machine.put_position(kind, &mut batch);
                self.store.write(batch)?;
            }
            Entry::Mark(time) => {
                check_time(machine, time)?;
                machine.applied.time = time;
                machine.drop_parts(&mut batch);
                machine.append_leaf(payload, &mut batch);
                machine.put_position(kind, &mut batch);
                self.store.write(batch)?;
            }
            Entry::Part { number, bytes } => {
                if number == 0 {
                    machine.drop_parts(&mut batch);
                }
                if number != machine.parts {
                    return Err(Stop::Diverged(format!(
                        "part {number} of a transaction follows {} parts",
                        machine.parts
                    )));
                }
                machine.parts += 1;
                batch.put(Family::Meta, &part_key(number), bytes);
                machine.put_position(kind, &mut batch);
                self.store.write(batch)?;
            }
            Entry::Commit {
                header,
                parts,
                grants,
                effects,
            } => {
                let decoded = CommitHeader::decode(header)?;
                check_commit(machine, &decoded)?;
                let whole = self.join_parts(machine, parts, effects)?;
                machine.drop_parts(&mut batch);
                put_grants(&grants, &mut batch);
                self.apply_commit(
                    machine,
                    batch,
                    kind,
                    (header, &decoded),
                    whole.as_deref().unwrap_or(effects),
                )?;
                self.blocks.write().extend(&grants);
            }
            Entry::Ingest {
                header,
                grants,
                plan,
            } => {
                let decoded = CommitHeader::decode(header)?;
                check_commit(machine, &decoded)?;
                machine.drop_parts(&mut batch);
                put_grants(&grants, &mut batch);
                self.apply_ingest(machine, batch, kind, (header, &decoded), plan)?;
                self.blocks.write().extend(&grants);
            }
            Entry::Build(step) => {
                machine.drop_parts(&mut batch);
                self.apply_build(machine, batch, (kind, payload), &step)?;
            }
        }
        Ok(())
    }

    /// The effects of a commit with those of its parts before them; `None` without parts.
    fn join_parts(
        &self,
        machine: &Machine,
        parts: u32,
        effects: &[u8],
    ) -> Result<Option<Vec<u8>>, Stop> {
        if parts == 0 {
            return Ok(None);
        }
        if machine.parts != parts {
            return Err(Stop::Diverged(format!(
                "a commit of {parts} parts follows {} parts",
                machine.parts
            )));
        }
        let mut whole = Vec::new();
        for part in 0..parts {
            let found = self
                .store
                .get_with(Family::Meta, &part_key(part), &mut |bytes| {
                    whole.extend_from_slice(bytes);
                })?;
            if !found {
                return Err(Stop::Diverged(format!(
                    "part {part} of a commit is missing"
                )));
            }
        }
        whole.extend_from_slice(effects);
        Ok(Some(whole))
    }
}

fn check_time(machine: &Machine, time: SystemTime) -> Result<(), Stop> {
    if machine.applied.time >= time {
        return Err(Stop::Diverged(format!(
            "its time {time} does not follow {}",
            machine.applied.time
        )));
    }
    Ok(())
}

fn check_commit(machine: &Machine, header: &CommitHeader) -> Result<(), Stop> {
    if header.version != machine.applied.version.next() {
        return Err(Stop::Diverged(format!(
            "it makes version {} where {} is next",
            header.version,
            machine.applied.version.next()
        )));
    }
    check_time(machine, header.time)
}

impl Graph {
    pub(crate) fn begin_writing(&self, version: Version) {
        self.writing.store(version.0, Ordering::SeqCst);
    }
}
