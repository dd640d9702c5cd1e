//! A graph in the engine and its twin in the reference, and the comparison of what they answer.

mod compare;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use retrograph_cypher::ast::StatementBody;
use retrograph_cypher::parse;
use retrograph_engine::plan::Rewrites;
use retrograph_engine::{
    Collected, Engine, EngineSettings, OpenTransaction, Parameters, QueryError, RunOptions,
};
use retrograph_graph::clock::{Clock, ManualClock};
use retrograph_graph::ids::SystemTime;
use retrograph_graph::kv::MemoryStore;
use retrograph_graph::{Graph, GraphOptions, ImageMemory, ImageOptions};

use crate::answer::{Lists, of_graph, of_output};
use crate::case::Case;
use crate::reference::graph::MemoryGraph;
use crate::reference::{Eagerness, Instants, Stop, Versions};
use crate::verdict::{Kind, Verdict, different};
use compare::{sorted, writes};

/// When graphs are made: the start of 2026, in microseconds since 1970.
const FIRST_INSTANT: i64 = 1_767_225_600_000_000;
/// The microseconds from one commit to the next.
pub const BETWEEN_COMMITS: i64 = 1_000_000;

/// What the engine answers.
#[derive(Clone, Debug)]
pub enum Found {
    /// Rows.
    Rows(Collected),
    /// An error of a kind.
    Error(String, String),
    /// A compile-time error.
    Refused(String),
    /// Any other error.
    Internal(String),
    /// It ran out of time or memory.
    Limit,
    /// It panicked.
    Panic(String),
}

impl Found {
    /// The rows in their order, or what went wrong.
    fn sequence(&self) -> Vec<String> {
        match self {
            Self::Rows(rows) => {
                let rows = rows.rows.iter();
                rows.map(|row| engine_row(row, Lists::InOrder)).collect()
            }
            Self::Error(kind, _) => vec![format!("error {kind}")],
            Self::Refused(text) | Self::Internal(text) | Self::Panic(text) => vec![text.clone()],
            Self::Limit => vec!["limit".to_owned()],
        }
    }
}

/// A graph on both sides.
pub struct World {
    graph: Arc<Graph>,
    /// Whether reads go through read images.
    has_images: bool,
    clock: Arc<ManualClock>,
    /// What the clock shows.
    instant: i64,
    engines: Vec<(Rewrites, Engine)>,
    versions: Versions,
    instants: Instants,
    latest: Arc<MemoryGraph>,
    parameters: Parameters,
    commits: Vec<Vec<String>>,
    /// What the engine answered last: sorted rows, or the kind of error.
    answer: Vec<String>,
    /// The rows in the order in which they came.
    sequence: Vec<String>,
    /// The kind of the error that the engine gave last.
    error: Option<String>,
    /// Whether the last statement has columns.
    returns: bool,
    /// The time that the engine took.
    pub engine_time: Duration,
    /// The time that the reference took.
    pub reference_time: Cell<Duration>,
}

impl World {
    /// An empty graph.
    ///
    /// # Errors
    /// The store failed.
    pub fn new(parameters: Parameters, has_images: bool) -> anyhow::Result<Self> {
        let clock = Arc::new(ManualClock::new(SystemTime(FIRST_INSTANT)));
        // No thread builds images behind our back, so that a case goes the same way every time.
        let images = ImageOptions {
            memory: ImageMemory::new(if has_images { 64 << 20 } else { 0 }),
            background: false,
            ..ImageOptions::default()
        };
        let options = GraphOptions {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            images,
            ..GraphOptions::default()
        };
        let graph = Graph::loopback(Arc::new(MemoryStore::new()), options)?;
        let latest = Arc::new(MemoryGraph::default());
        let version = graph.read_latest().version().0;
        Ok(Self {
            graph,
            has_images,
            clock,
            instant: FIRST_INSTANT,
            engines: Vec::new(),
            versions: Versions::from([(version, Arc::clone(&latest))]),
            instants: Instants::from([(FIRST_INSTANT, Arc::clone(&latest))]),
            latest,
            parameters,
            commits: Vec::new(),
            answer: Vec::new(),
            sequence: Vec::new(),
            error: None,
            returns: false,
            engine_time: Duration::ZERO,
            reference_time: Cell::default(),
        })
    }

    /// The versions, oldest first.
    #[must_use]
    pub fn versions(&self) -> Vec<u64> {
        self.versions.keys().copied().collect()
    }

    /// The instants of the commits in microseconds since 1970, oldest first.
    #[must_use]
    pub fn instants(&self) -> Vec<i64> {
        self.instants.keys().copied().collect()
    }

    /// The state that a time clause of a version reads.
    #[must_use]
    pub fn state_of(&self, version: u64) -> Arc<MemoryGraph> {
        let state = self.versions.range(..=version).next_back();
        state.map_or_else(|| Arc::clone(&self.latest), |(_, state)| Arc::clone(state))
    }

    /// The state that is read at an instant.
    #[must_use]
    pub fn state_at(&self, instant: i64) -> Arc<MemoryGraph> {
        let state = self.instants.range(..=instant).next_back();
        state.map_or_else(|| Arc::clone(&self.latest), |(_, state)| Arc::clone(state))
    }

    /// The latest state.
    #[must_use]
    pub fn latest(&self) -> Arc<MemoryGraph> {
        Arc::clone(&self.latest)
    }

    /// How many nodes and relationships there are now.
    #[must_use]
    pub fn size(&self) -> usize {
        self.latest.nodes.len() + self.latest.relationships.len()
    }

    /// How many rows the engine gave last.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.answer.len()
    }

    /// The kind of the error that the engine gave last.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.error.clone()
    }

    /// Whether the last statement has columns.
    #[must_use]
    pub fn returns(&self) -> bool {
        self.returns
    }

    /// Keeps what is told of the last answer.
    fn note(&mut self, found: &Found) {
        self.sequence = found.sequence();
        self.answer = sorted(&self.sequence);
        self.error = match found {
            Found::Error(kind, _) => Some(kind.clone()),
            _ => None,
        };
        self.returns = match found {
            Found::Rows(rows) => !rows.columns.is_empty(),
            _ => true,
        };
    }

    /// The transactions that made the graph.
    #[must_use]
    pub fn commits(&self) -> &[Vec<String>] {
        &self.commits
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn engine(&mut self, rewrites: Rewrites) -> usize {
        let known = self.engines.iter().position(|(of, _)| *of == rewrites);
        known.unwrap_or_else(|| {
            let settings = EngineSettings {
                rewrites,
                timeout: Some(Duration::from_secs(2)),
                memory_bytes_max: 256 << 20,
                ..EngineSettings::default()
            };
            self.engines.push((rewrites, Engine::new(settings)));
            self.engines.len() - 1
        })
    }

    /// Asks the engine alone.
    pub fn ask(
        &mut self,
        text: &str,
        rewrites: Rewrites,
        transaction: Option<&OpenTransaction>,
    ) -> Found {
        let started = Instant::now();
        let found = self.ask_now(text, rewrites, transaction);
        self.engine_time += started.elapsed();
        found
    }

    fn ask_now(
        &mut self,
        text: &str,
        rewrites: Rewrites,
        transaction: Option<&OpenTransaction>,
    ) -> Found {
        let place = self.engine(rewrites);
        let engine = &self.engines[place].1;
        let mut rows = Collected::default();
        let options = RunOptions::default();
        let run = AssertUnwindSafe(|| match transaction {
            Some(transaction) => {
                engine.run_in(transaction, text, &self.parameters, &options, &mut rows)
            }
            None => engine.run(&self.graph, text, &self.parameters, &options, &mut rows),
        });
        match catch_unwind(run) {
            Ok(Ok(_)) => Found::Rows(rows),
            Ok(Err(QueryError::Runtime(error))) => {
                Found::Error(format!("{:?}", error.kind), error.message)
            }
            Ok(Err(QueryError::Compile(diagnostic))) => Found::Refused(diagnostic.render(text)),
            Ok(Err(QueryError::TimedOut { .. } | QueryError::OutOfMemory { .. })) => Found::Limit,
            Ok(Err(other)) => Found::Internal(other.to_string()),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                Found::Panic(text.unwrap_or_default())
            }
        }
    }

    /// Commits statements on both sides and compares the states.
    ///
    /// # Errors
    /// The statements could not be run, whether the engine is to blame or not.
    pub fn commit(&mut self, statements: &[String]) -> anyhow::Result<Verdict> {
        let is_schema = |text: &String| {
            parse(text).is_ok_and(|statement| matches!(statement.body, StatementBody::Schema(_)))
        };
        self.commits.push(statements.to_vec());
        self.instant += BETWEEN_COMMITS;
        self.clock.set(SystemTime(self.instant));
        if let [statement] = statements
            && is_schema(statement)
        {
            if let Found::Error(_, text) | Found::Refused(text) | Found::Internal(text) =
                self.ask(statement, Rewrites::default(), None)
            {
                self.commits.pop();
                bail!("{statement}: {text}");
            }
            // An index that is still being built would be used by some queries and not by others.
            if let Found::Error(_, text) | Found::Refused(text) | Found::Internal(text) =
                self.ask("CALL db.awaitIndexes()", Rewrites::default(), None)
            {
                bail!("waiting for indexes: {text}");
            }
            let version = self.graph.read_latest().version().0;
            self.versions.insert(version, Arc::clone(&self.latest));
            self.instants.insert(self.instant, Arc::clone(&self.latest));
            self.warm()?;
            return Ok(Verdict::Same);
        }
        let verdict = self.transaction(statements, None, Rewrites::default(), true)?;
        if verdict != Verdict::Same {
            self.commits.pop();
        }
        Ok(verdict)
    }

    /// Compares a query alone.
    ///
    /// # Errors
    /// The query could not be run, whether the engine is to blame or not.
    pub fn query(&mut self, text: &str, rewrites: Rewrites) -> anyhow::Result<Verdict> {
        let statement = match parse(text) {
            Ok(statement) => statement,
            Err(error) => return Ok(different(Kind::Refused, error.render(text), String::new())),
        };
        let graph = Arc::clone(&self.latest);
        // What cannot be compared is not asked: it may well be long for the engine, too.
        let answer = self.reference(&statement, &graph, 0, Eagerness::Whole);
        if let Err(Stop::TooMuch) = answer {
            return Ok(Verdict::Skipped(Stop::TooMuch.to_string()));
        }
        let found = self.ask(text, rewrites, None);
        self.note(&found);
        Ok(self.compare(&statement, &found, &graph, answer, None)?.0)
    }

    /// Asks a query that was compared before with other rewrites, and compares if that gives another
    /// sequence of rows; gives what differs.
    ///
    /// # Errors
    /// The query could not be run, whether the engine is to blame or not.
    pub fn query_otherwise(
        &mut self,
        text: &str,
        rewrites: Rewrites,
    ) -> anyhow::Result<Option<Verdict>> {
        let found = self.ask(text, rewrites, None);
        if found.sequence() == self.sequence {
            return Ok(None);
        }
        let statement = parse(text).map_err(|error| anyhow!("{}", error.render(text)))?;
        let graph = Arc::clone(&self.latest);
        let answer = self.reference(&statement, &graph, 0, Eagerness::Whole);
        let verdict = self.compare(&statement, &found, &graph, answer, None)?.0;
        let differs = matches!(verdict, Verdict::Different(_));
        Ok(differs.then_some(verdict))
    }

    /// Runs statements in one transaction, comparing each, then perhaps a query, and rolls back or
    /// commits. After the first that is not the same on both sides, its verdict ends the matter.
    ///
    /// # Errors
    /// The statements could not be run, whether the engine is to blame or not.
    pub fn transaction(
        &mut self,
        statements: &[String],
        query: Option<&str>,
        rewrites: Rewrites,
        commits: bool,
    ) -> anyhow::Result<Verdict> {
        let place = self.engine(rewrites);
        let engine = &self.engines[place].1;
        let transaction = engine.begin(&self.graph, RunOptions::default())?;
        let mut graph = Arc::clone(&self.latest);
        let mut verdict = Verdict::Same;
        for text in statements.iter().map(String::as_str).chain(query) {
            let statement = match parse(text) {
                Ok(statement) => statement,
                Err(error) => {
                    return Ok(different(Kind::Refused, error.render(text), String::new()));
                }
            };
            let answer = self.reference(&statement, &graph, 0, Eagerness::Whole);
            if let Err(Stop::TooMuch) = answer {
                verdict = Verdict::Skipped(Stop::TooMuch.to_string());
                break;
            }
            let found = self.ask(text, rewrites, Some(&transaction));
            self.note(&found);
            let after = matches!(found, Found::Rows(_)) && writes(&statement);
            let state = if after {
                Some(self.state_in(&transaction)?)
            } else {
                None
            };
            let next;
            (verdict, next) = self.compare(&statement, &found, &graph, answer, state)?;
            match verdict {
                Verdict::Same | Verdict::Avoided => graph = next,
                Verdict::SameError if !commits => {}
                _ => break,
            }
        }
        if !commits || !matches!(verdict, Verdict::Same | Verdict::Avoided) {
            transaction.rollback();
            return Ok(verdict);
        }
        transaction.commit()?;
        let read = self.graph.read_latest();
        let after = MemoryGraph::copy_of(&read)?;
        let (ours, theirs) = (of_graph(&after), of_graph(&graph));
        if ours != theirs {
            return Ok(different(Kind::State, ours.join("\n"), theirs.join("\n")));
        }
        self.latest = Arc::new(after);
        self.versions
            .insert(read.version().0, Arc::clone(&self.latest));
        self.instants.insert(self.instant, Arc::clone(&self.latest));
        self.warm()?;
        Ok(Verdict::Same)
    }

    /// Builds the read images of the latest version.
    fn warm(&self) -> anyhow::Result<()> {
        if self.has_images {
            self.graph.warm()?;
        }
        Ok(())
    }

    /// Whether reads go through read images.
    #[must_use]
    pub fn has_images(&self) -> bool {
        self.has_images
    }

    /// The state that an open transaction sees.
    fn state_in(&mut self, transaction: &OpenTransaction) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        for text in ["MATCH (n) RETURN n", "MATCH (a)-[r]->(b) RETURN a, r, b"] {
            let Found::Rows(rows) = self.ask(text, Rewrites::default(), Some(transaction)) else {
                bail!("cannot read the state: {text}");
            };
            for row in rows.rows {
                let cells: Vec<String> = row
                    .iter()
                    .map(|cell| of_output(cell, Lists::InOrder))
                    .collect();
                lines.push(match &cells[..] {
                    [a, r, b] => format!("{a}-{r}->{b}"),
                    cells => cells.concat(),
                });
            }
        }
        lines.sort();
        Ok(lines)
    }
}

impl Case {
    /// Builds the graph anew and compares.
    ///
    /// # Errors
    /// A statement of the setup cannot be run.
    pub fn check(&self) -> anyhow::Result<Verdict> {
        let mut world = World::new(self.parameters.clone(), self.has_images)?;
        self.check_in(&mut world)
    }

    /// Builds the graph anew and compares; gives the engine's rows as well, sorted, or the kind of its
    /// error.
    ///
    /// # Errors
    /// A statement of the setup cannot be run.
    pub fn answer(&self) -> anyhow::Result<(Verdict, Vec<String>)> {
        let mut world = World::new(self.parameters.clone(), self.has_images)?;
        let verdict = self.check_in(&mut world)?;
        Ok((verdict, world.answer))
    }

    /// Compares with a reference that has one relationship too many, so that a test can see a
    /// difference found.
    ///
    /// # Errors
    /// A statement of the setup cannot be run.
    pub fn check_against_wrong_graph(&self) -> anyhow::Result<Verdict> {
        let mut world = World::new(self.parameters.clone(), self.has_images)?;
        for commit in &self.commits {
            world.commit(commit)?;
        }
        let mut wrong = (*world.latest).clone();
        if let Some(relationship) = wrong.relationships.values().next().cloned() {
            wrong.create_relationship(relationship);
        }
        world.latest = Arc::new(wrong);
        world.query(&self.query, self.rewrites)
    }

    fn check_in(&self, world: &mut World) -> anyhow::Result<Verdict> {
        for commit in &self.commits {
            let verdict = world.commit(commit)?;
            if verdict != Verdict::Same {
                return Ok(verdict);
            }
        }
        let statement = parse(&self.query).map_err(|error| anyhow!("{error}"))?;
        if self.pending.is_empty() && !writes(&statement) {
            return world.query(&self.query, self.rewrites);
        }
        world
            .transaction(&self.pending, Some(&self.query), self.rewrites, false)
            .context("in the transaction")
    }
}

fn engine_row(row: &[retrograph_engine::Output], lists: Lists) -> String {
    let cells: Vec<String> = row.iter().map(|cell| of_output(cell, lists)).collect();
    cells.join(" | ")
}
