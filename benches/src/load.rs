//! The way of the generated graph and of its changes into a database.
//!
//! Everything is committed with an asserted time, so that the history spans 90 days although it is
//! loaded in seconds.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use retrograph_engine::{Collected, Parameters, RunOptions};
use retrograph_graph::effect::EffectHasher;
use retrograph_graph::encoding::record::encode_record;
use retrograph_graph::ids::Version;
use retrograph_graph::ids::{
    ElementId, KeyId, LabelId, NodeId, RelationshipId, SystemTime, TypeId,
};
use retrograph_graph::kv::Family as StoreFamily;
use retrograph_graph::value::Value;
use retrograph_graph::{CommitInfo, ElementState, Graph, Isolation, Sequence};
use retrograph_server::{Database, OpenOptions};

use crate::churn::{Churn, Update};
use crate::resources::directory_bytes;
use crate::social::{Knows, LOADED_MS, Person, Social};

/// The name of the graph in its database.
const GRAPH: &str = "social";

/// How many elements are loaded in one commit.
const BATCH: usize = 200_000;

/// A database with the graph, and the ids that the database gave.
pub struct Loaded {
    /// The database.
    pub database: Arc<Database>,
    /// Its graph.
    pub graph: Arc<Graph>,
    /// The nodes by the number of the person.
    nodes: Vec<NodeId>,
    /// The relationships by their number.
    relationships: Vec<RelationshipId>,
}

/// What loading took.
#[derive(Clone, Copy, Debug)]
pub struct LoadTimes {
    /// Nodes and relationships.
    pub elements: usize,
    /// From the first to the last.
    pub took: Duration,
    /// How long it takes to hash as many effects for `effects_root`, by itself.
    pub hashing: Duration,
}

/// The tokens of the graph.
struct Tokens {
    person: LabelId,
    knows: TypeId,
    since: KeyId,
    id: KeyId,
    name: KeyId,
    age: KeyId,
    city: KeyId,
    creation: KeyId,
}

impl Tokens {
    fn properties(&self, person: &Person, cities: &[Arc<str>]) -> Vec<(KeyId, Value)> {
        vec![
            (self.id, Value::Int(person.id)),
            (self.name, Value::String(Arc::clone(&person.name))),
            (self.age, Value::Int(person.age.into())),
            (
                self.city,
                Value::String(Arc::clone(&cities[usize::from(person.city)])),
            ),
            (self.creation, Value::Int(person.creation_ms)),
        ]
    }
}

fn asserted(time_us: i64) -> CommitInfo {
    CommitInfo {
        asserted_time: Some(SystemTime(time_us)),
        ..CommitInfo::default()
    }
}

/// Opens a database made by [`load`].
///
/// # Errors
/// If it cannot be opened.
pub fn open(path: &Path) -> anyhow::Result<(Arc<Database>, Arc<Graph>)> {
    let database = Database::open(path, OpenOptions::default())?;
    let graph = database.graph(GRAPH)?;
    Ok((database, graph))
}

/// Makes a database with the people and these relationships, all at the time of commit 0.
///
/// # Errors
/// If the database refuses.
pub fn load(
    path: &Path,
    social: &Social,
    relationships: &[Knows],
) -> anyhow::Result<(Loaded, LoadTimes)> {
    let database = Database::open(path, OpenOptions::creating())?;
    let graph = database.create_graph(GRAPH)?;
    let batches = social.people.len().div_ceil(BATCH) + relationships.len().div_ceil(BATCH);
    let loaded_us = LOADED_MS * 1_000;
    // Each commit a microsecond after the one before; the last one is commit 0.
    let mut times = (0..=batches as i64).map(|place| loaded_us - batches as i64 + place);
    let mut next = || asserted(times.next().unwrap_or(loaded_us));
    let options = RunOptions {
        commit: next(),
        ..RunOptions::default()
    };
    database
        .engine()
        .run(
            &graph,
            "CREATE CONSTRAINT person_id FOR (p:Person) REQUIRE p.id IS UNIQUE",
            &Parameters::new(),
            &options,
            &mut Collected::default(),
        )
        .context("creating the constraint")?;
    let begun = Instant::now();
    let mut bulk = graph.bulk();
    let tokens = Tokens {
        person: bulk.label_id("Person"),
        knows: bulk.type_id("KNOWS"),
        since: bulk.key_id("since"),
        id: bulk.key_id("id"),
        name: bulk.key_id("name"),
        age: bulk.key_id("age"),
        city: bulk.key_id("city"),
        creation: bulk.key_id("creationDate"),
    };
    let mut nodes = Vec::with_capacity(social.people.len());
    for people in social.people.chunks(BATCH) {
        for person in people {
            let properties = tokens.properties(person, &social.cities);
            nodes.push(bulk.create_node(&[tokens.person], properties)?);
        }
        bulk.commit(next())?;
    }
    let mut ids = Vec::with_capacity(relationships.len());
    for batch in relationships.chunks(BATCH) {
        for knows in batch {
            let (start, end) = (nodes[knows.source as usize], nodes[knows.target as usize]);
            let properties = vec![(tokens.since, Value::Int(knows.since))];
            ids.push(bulk.create_relationship(tokens.knows, start, end, properties)?);
        }
        bulk.commit(next())?;
    }
    drop(bulk);
    database.flush()?;
    let times = LoadTimes {
        elements: nodes.len() + ids.len(),
        took: begun.elapsed(),
        hashing: hashing(social, relationships)?,
    };
    Ok((
        Loaded {
            database,
            graph,
            nodes,
            relationships: ids,
        },
        times,
    ))
}

/// How long it takes to hash the effects of loading, in commits of the same size.
fn hashing(social: &Social, relationships: &[Knows]) -> anyhow::Result<Duration> {
    let tokens = Tokens {
        person: LabelId(1),
        knows: TypeId(1),
        since: KeyId(6),
        id: KeyId(1),
        name: KeyId(2),
        age: KeyId(3),
        city: KeyId(4),
        creation: KeyId(5),
    };
    let mut salt_key = [0; 32];
    rand::Rng::fill_bytes(&mut ChaCha8Rng::seed_from_u64(0), &mut salt_key);
    let mut took = Duration::ZERO;
    let mut hash = |states: &mut dyn Iterator<Item = (ElementId, ElementState)>| {
        let mut records = Vec::with_capacity(BATCH);
        for (element, state) in states {
            let mut record = Vec::new();
            encode_record(Version(0), &state, &mut record)?;
            records.push((element, record));
        }
        let begun = Instant::now();
        let mut hasher = EffectHasher::new(&salt_key);
        for (element, record) in &records {
            hasher.push_element(*element, None, Some(record))?;
        }
        std::hint::black_box(hasher.root());
        took += begun.elapsed();
        anyhow::Ok(())
    };
    let mut number = 0;
    for people in social.people.chunks(BATCH) {
        hash(&mut people.iter().map(|person| {
            number += 1;
            let properties = tokens.properties(person, &social.cities);
            let state = ElementState::Node {
                labels: vec![tokens.person],
                properties,
            };
            (ElementId::Node(NodeId(number)), state)
        }))?;
    }
    let mut number = 0;
    for batch in relationships.chunks(BATCH) {
        hash(&mut batch.iter().map(|knows| {
            number += 1;
            let state = ElementState::Relationship {
                type_id: tokens.knows,
                start: NodeId(knows.source.into()),
                end: NodeId(knows.target.into()),
                properties: vec![(tokens.since, Value::Int(knows.since))],
            };
            (ElementId::Relationship(RelationshipId(number)), state)
        }))?;
    }
    Ok(took)
}

impl Loaded {
    /// Commits the changes; returns how long that took.
    ///
    /// # Errors
    /// If the database refuses one.
    pub fn change(&mut self, churn: &Churn) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        for (commit, updates) in churn.commits() {
            let transaction = self.graph.begin(Isolation::Snapshot);
            let knows_type = transaction.type_id("KNOWS")?;
            let since_key = transaction.key_id("since")?;
            for update in updates {
                match *update {
                    Update::Add(knows) => {
                        let start = self.nodes[knows.source as usize];
                        let end = self.nodes[knows.target as usize];
                        let properties = vec![(since_key, Value::Int(knows.since))];
                        let id = transaction.create_relationship(
                            Sequence(0),
                            knows_type,
                            start,
                            end,
                            properties,
                        )?;
                        self.relationships.push(id);
                    }
                    Update::Delete(number) => {
                        let id = self.relationships[number as usize];
                        transaction.delete_relationship(Sequence(0), id)?;
                    }
                    Update::Change(number, since) => {
                        let id = self.relationships[number as usize];
                        let (key, value) = (since_key, Value::Int(since));
                        transaction.set_property(Sequence(0), id.into(), key, value)?;
                    }
                }
            }
            let time = SystemTime(churn.time_us(commit));
            let committed = transaction.commit(asserted(time.0))?;
            anyhow::ensure!(committed.time == time, "commit {commit} got another time");
        }
        self.database.flush()?;
        Ok(begun.elapsed())
    }

    /// The bytes of the graph on disk after everything is flushed and compacted.
    ///
    /// # Errors
    /// If the store fails.
    pub fn compacted_bytes(&self) -> anyhow::Result<u64> {
        self.database.flush()?;
        let store = self.graph.store();
        for family in StoreFamily::ALL {
            store.compact(family)?;
        }
        directory_bytes(store.directory().context("the store has no directory")?)
    }
}
