//! The comparison of what the engine found with what the reference finds.
//!
//! Where the two differ the reference is asked again, with the orders that the language leaves open chosen
//! otherwise: a difference counts if no choice explains it.

use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;
use retrograph_cypher::ast::{Clause, Query, Statement, StatementBody};
use retrograph_cypher::parse;
use retrograph_engine::Collected;
use retrograph_engine::plan::Rewrites;

use super::{Found, World, engine_row};
use crate::answer::{Lists, of_graph, of_value};
use crate::reference::graph::MemoryGraph;
use crate::reference::value::is_poison;
use crate::reference::{Answer, Eagerness, Evaluated, Surroundings, evaluate};
use crate::verdict::{Kind, Verdict, different};

/// How often the reference is asked again, with other open orders, to learn what is open.
const ORDERS: u64 = 12;

/// How often before a difference counts: one row in many may be the one that an order has to begin with.
const ORDERS_MAX: u64 = 150;

impl World {
    pub(super) fn reference(
        &self,
        statement: &Statement,
        graph: &MemoryGraph,
        order: u64,
        eagerness: Eagerness,
    ) -> Evaluated<Answer> {
        let surroundings = Surroundings {
            versions: &self.versions,
            instants: &self.instants,
            graph,
            parameters: &self.parameters,
            read: &self.graph.read_latest(),
        };
        let started = Instant::now();
        let answer = evaluate(statement, surroundings, order, eagerness);
        let spent = self.reference_time.get() + started.elapsed();
        self.reference_time.set(spent);
        answer
    }

    /// Compares what the engine found with what the reference finds, and gives the state after.
    pub(super) fn compare(
        &self,
        statement: &Statement,
        found: &Found,
        graph: &Arc<MemoryGraph>,
        answer: Evaluated<Answer>,
        state: Option<Vec<String>>,
    ) -> anyhow::Result<(Verdict, Arc<MemoryGraph>)> {
        let same_graph = Arc::clone(graph);
        let answer = match answer {
            Ok(answer) => answer,
            Err(stop) => {
                let verdict = match found {
                    Found::Panic(text) => different(Kind::Panic, text.clone(), String::new()),
                    Found::Internal(text) => different(Kind::Internal, text.clone(), String::new()),
                    _ => Verdict::Skipped(stop.to_string()),
                };
                return Ok((verdict, same_graph));
            }
        };
        let theirs = || show_answer(&answer, &statement.body);
        let verdict = match found {
            Found::Limit => Verdict::Skipped("the engine reached a limit".to_owned()),
            Found::Panic(text) => different(Kind::Panic, text.clone(), theirs()),
            Found::Internal(text) => different(Kind::Internal, text.clone(), theirs()),
            Found::Refused(text) => different(Kind::Refused, text.clone(), theirs()),
            Found::Error(kind, text) => {
                // A transaction that leaves a relationship hanging fails; what comes between may fail first.
                let mut is_known =
                    answer.errors.contains(kind) || answer.graph.has_dangling_relationship();
                if !is_known {
                    // A plan may test a predicate before the whole pattern is matched.
                    match self.reference(statement, graph, 0, Eagerness::Partial) {
                        Ok(answer) => is_known = answer.errors.contains(kind),
                        Err(stop) => return Ok((Verdict::Skipped(stop.to_string()), same_graph)),
                    }
                }
                for order in 1..ORDERS {
                    is_known = is_known
                        || self
                            .reference(statement, graph, order, Eagerness::Whole)
                            .is_ok_and(|answer| answer.errors.contains(kind));
                }
                if is_known {
                    Verdict::SameError
                } else {
                    different(Kind::Failure, format!("{kind}: {text}"), theirs())
                }
            }
            Found::Rows(rows) => {
                let verdict = self.compare_rows(statement, rows, &answer, graph, state)?;
                return Ok((verdict, Arc::new(answer.graph)));
            }
        };
        Ok((verdict, same_graph))
    }

    fn compare_rows(
        &self,
        statement: &Statement,
        rows: &Collected,
        answer: &Answer,
        graph: &Arc<MemoryGraph>,
        state: Option<Vec<String>>,
    ) -> anyhow::Result<Verdict> {
        if answer.is_tainted {
            return Ok(Verdict::Undecided);
        }
        let failed = answer.rows.iter().flatten().any(is_poison)
            || answer.errors.contains("ConstraintVerificationFailed");
        let agrees = |answer: &Answer, lists| -> Option<Kind> {
            let ours: Vec<String> = rows.rows.iter().map(|row| engine_row(row, lists)).collect();
            let theirs = reference_rows(answer, lists);
            if sorted(&ours) != sorted(&theirs) {
                return Some(Kind::Rows);
            }
            if let Some(state) = &state
                && *state != of_graph(&answer.graph)
            {
                return Some(Kind::State);
            }
            let places = answer.places.as_ref()?;
            // Rows that share a place may come in any order among themselves.
            let placed = |rows: &[String]| {
                let mut placed: Vec<(usize, String)> =
                    places.iter().copied().zip(rows.iter().cloned()).collect();
                placed.sort();
                placed
            };
            (placed(&ours) != placed(&theirs)).then_some(Kind::Order)
        };
        let Some(kind) = agrees(answer, Lists::InOrder) else {
            return Ok(if answer.errors.is_empty() {
                Verdict::Same
            } else if failed {
                different(Kind::MissingFailure, String::new(), String::new())
            } else {
                Verdict::Avoided
            });
        };
        // Before the difference counts, the reference is asked in other orders.
        let shape = |answer: &Answer, lists| {
            let rows = sorted(&reference_rows(answer, lists));
            (rows, of_graph(&answer.graph))
        };
        let mut has_one_answer = true;
        let mut has_open_lists = false;
        for order in 1..=ORDERS_MAX {
            if order > ORDERS && (!has_one_answer || has_open_lists) {
                break;
            }
            let order = order.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let Ok(other) = self.reference(statement, graph, order, Eagerness::Whole) else {
                continue;
            };
            if other.is_tainted {
                return Ok(Verdict::Undecided);
            }
            has_open_lists |= shape(&other, Lists::InOrder) != shape(answer, Lists::InOrder);
            has_one_answer &= shape(&other, Lists::Sorted) == shape(answer, Lists::Sorted);
        }
        if !has_one_answer {
            return Ok(Verdict::Open);
        }
        if has_open_lists && agrees(answer, Lists::Sorted).is_none() {
            return Ok(Verdict::Same);
        }
        let kind = if failed { Kind::MissingFailure } else { kind };
        let mut ours = rows.rows.iter().map(|row| engine_row(row, Lists::InOrder));
        let mut engine = ours.by_ref().collect::<Vec<_>>().join("\n");
        if let Some(state) = state {
            engine = format!("{engine}\n-- state:\n{}", state.join("\n"));
        }
        let reference = show_answer(answer, &statement.body);
        Ok(different(kind, engine, reference))
    }

    /// The rows of the engine and whether the reference has one answer for the query, for comparing
    /// ways to ask.
    ///
    /// # Errors
    /// The text cannot be read.
    pub fn settled_rows(&mut self, text: &str) -> anyhow::Result<Option<Vec<String>>> {
        let statement = parse(text).map_err(|error| anyhow!("{}", error.render(text)))?;
        let Found::Rows(rows) = self.ask(text, Rewrites::default(), None) else {
            return Ok(None);
        };
        let graph = Arc::clone(&self.latest);
        let mut shapes = Vec::new();
        for order in 0..4_u64 {
            match self.reference(&statement, &graph, order, Eagerness::Whole) {
                Ok(answer) if answer.errors.is_empty() => {
                    shapes.push(sorted(&reference_rows(&answer, Lists::Sorted)));
                }
                _ => return Ok(None),
            }
        }
        shapes.dedup();
        if shapes.len() > 1 {
            return Ok(None);
        }
        let rows: Vec<String> = rows
            .rows
            .iter()
            .map(|r| engine_row(r, Lists::Sorted))
            .collect();
        Ok(Some(sorted(&rows)))
    }
}

pub(super) fn sorted(rows: &[String]) -> Vec<String> {
    let mut rows = rows.to_vec();
    rows.sort();
    rows
}

fn reference_rows(answer: &Answer, lists: Lists) -> Vec<String> {
    let main = Arc::new(answer.graph.clone());
    let state = |view: u8| match usize::from(view).checked_sub(1) {
        None => Arc::clone(&main),
        Some(place) => Arc::clone(&answer.views[place]),
    };
    let rows = answer.rows.iter();
    rows.map(|row| {
        let cells: Vec<String> = row
            .iter()
            .map(|cell| of_value(cell, &state, lists))
            .collect();
        cells.join(" | ")
    })
    .collect()
}

fn show_answer(answer: &Answer, body: &StatementBody) -> String {
    let mut text = reference_rows(answer, Lists::InOrder).join("\n");
    if !answer.errors.is_empty() {
        text = format!("{text}\n-- errors: {:?}", answer.errors);
    }
    if matches!(body, StatementBody::Query(query) if query_writes(query)) {
        text = format!("{text}\n-- state:\n{}", of_graph(&answer.graph).join("\n"));
    }
    text
}

/// Whether a statement writes.
#[must_use]
pub fn writes(statement: &Statement) -> bool {
    matches!(&statement.body, StatementBody::Query(query) if query_writes(query))
}

fn query_writes(query: &Query) -> bool {
    let parts = std::iter::once(&query.first).chain(query.unions.iter().map(|union| &union.query));
    let writes = |clause: &Clause| match clause {
        Clause::Subquery(call) => query_writes(&call.query),
        Clause::Braced(query) => query_writes(query),
        Clause::Conditional(of) => {
            let branches = of.branches.iter().map(|branch| &branch.query);
            branches.chain(of.otherwise.as_deref()).any(query_writes)
        }
        clause => clause.is_updating(),
    };
    parts.flat_map(|part| &part.clauses).any(writes)
        || query.next.as_deref().is_some_and(query_writes)
}
