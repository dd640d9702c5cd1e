//! The executor's heart: pushing batches through steps.
//!
//! [`push`] hands a batch to the first of a list of steps; what leaves it is pushed to the rest of
//! the list, and what leaves the last step goes to a sink. Steps are stateless or keep a [`State`];
//! the plan is never touched. When the input ends, [`finish`] lets the steps that held rows back
//! emit them, first step first. A sink or a LIMIT that has enough answers [`Flow::Stop`], and
//! whoever pushes to it stops producing.
//!
//! Nested pipelines (OPTIONAL MATCH, subqueries, MERGE) have states of their own inside the state of
//! their step. A pipeline whose steps all treat each row by itself (*rowwise*) takes whole batches,
//! tagged with the outer row; any other runs once for each row.

use retrograph_graph::value::Value;

use super::aggregate::AggregateState;
use super::batch::Batch;
use super::context::Context;
use super::distinct::DistinctState;
use super::expression::{eval, eval_single};
use super::fork::ForkState;
use super::held::Held;
use super::kernels::Selected;
use super::liveness::live_after;
use super::nested::Mode;
use super::sort::SortState;
use super::transactions::TransactionsState;
use super::vector::Vector;
use super::{
    csv, expand, kernels, nested, path, scan, schema, seek_rows, shortest, trail, unwind, write,
};
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::plan::{Expression, Operator, Pipeline, Slot, Step};

/// Whether more rows are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Yes.
    More,
    /// No: whatever comes will be ignored.
    Stop,
}

/// Takes what leaves a pipeline.
pub(crate) type Sink<'s> = dyn FnMut(&mut Context<'_>, Batch) -> Result<Flow, QueryError> + 's;

/// What a step keeps between batches.
pub(crate) struct State {
    /// The slots that later steps need.
    pub(crate) live: Vec<Slot>,
    pub(crate) kind: Kind,
}

/// The kinds of state.
pub(crate) enum Kind {
    /// None.
    Plain,
    Aggregate(Box<AggregateState>),
    Distinct(Box<DistinctState>),
    Sort(Box<SortState>),
    /// How many rows are still to be skipped, once known.
    Skip(Option<u64>),
    /// How many rows may still pass, once known. If the rows come from updating steps, all of them
    /// have to be drawn.
    Limit {
        left: Option<u64>,
        draws_all: bool,
    },
    /// Rows held back.
    Barrier(Held),
    /// Rows for the next transaction.
    Transactions(Box<TransactionsState>),
    /// Rows held back for several pipelines.
    Fork(Box<ForkState>),
    /// The states of pipelines within.
    Nested {
        inner: Vec<Vec<State>>,
        mode: Mode,
    },
}

/// The steps behind a step.
pub(crate) struct Rest<'r> {
    steps: &'r [Step],
    states: &'r mut [State],
    out: &'r mut Sink<'r>,
}

impl Rest<'_> {
    /// Pushes a batch on.
    #[inline]
    pub(crate) fn push(
        &mut self,
        context: &mut Context<'_>,
        batch: Batch,
    ) -> Result<Flow, QueryError> {
        push(self.steps, self.states, context, batch, self.out)
    }
}

/// Whether an operator writes.
pub(crate) fn is_updating(operator: &Operator) -> bool {
    match operator {
        Operator::Create(_)
        | Operator::Merge { .. }
        | Operator::Update(_)
        | Operator::Delete { .. }
        | Operator::Foreach { .. }
        | Operator::InTransactions(_)
        | Operator::Schema(_) => true,
        Operator::Optional { inner, .. } | Operator::Apply { inner, .. } => {
            inner.steps.iter().any(|step| is_updating(&step.operator))
        }
        Operator::Union(branches) | Operator::Fork(branches) => branches
            .iter()
            .any(|branch| branch.steps.iter().any(|step| is_updating(&step.operator))),
        _ => false,
    }
}

/// Whether the rows that leave a pipeline for one row do not depend on other rows, and leave in
/// order of the rows that entered.
fn is_rowwise(pipeline: &Pipeline) -> bool {
    pipeline.steps.iter().all(|step| {
        !matches!(
            step.operator,
            Operator::Aggregate { .. }
                | Operator::Distinct(_)
                | Operator::Sort { .. }
                | Operator::Skip(_)
                | Operator::Limit(_)
                | Operator::Barrier { .. }
                | Operator::Fork(_)
        )
    })
}

/// How a subquery is run.
fn mode_of(inner: &Pipeline) -> Mode {
    if inner.steps.iter().any(|step| is_updating(&step.operator)) {
        Mode::Turns
    } else if is_rowwise(inner) {
        Mode::Batches
    } else {
        Mode::Rows
    }
}

/// Fresh states for the steps of a pipeline, of whose result the slots in `end` are needed.
pub(crate) fn states_of(pipeline: &Pipeline, end: &[Slot]) -> Vec<State> {
    let mut updates = false;
    let live = live_after(&pipeline.steps, end);
    pipeline
        .steps
        .iter()
        .zip(live)
        .map(|(step, live)| {
            let kind = kind_of(&step.operator, &live, updates);
            updates |= is_updating(&step.operator);
            State { live, kind }
        })
        .collect()
}

fn kind_of(operator: &Operator, live: &[Slot], draws_all: bool) -> Kind {
    match operator {
        Operator::Aggregate { keys, aggregates } => {
            Kind::Aggregate(Box::new(AggregateState::new(keys, aggregates)))
        }
        Operator::Distinct(_) => Kind::Distinct(Box::default()),
        Operator::Sort { .. } => Kind::Sort(Box::default()),
        Operator::Skip(_) => Kind::Skip(None),
        Operator::Limit(_) => Kind::Limit {
            left: None,
            draws_all,
        },
        Operator::Barrier { .. } => Kind::Barrier(Held::default()),
        Operator::Optional { inner, .. } => Kind::Nested {
            inner: vec![states_of(inner, live)],
            mode: if is_rowwise(inner) {
                Mode::Batches
            } else {
                Mode::Rows
            },
        },
        Operator::Apply { inner, .. } => Kind::Nested {
            inner: vec![states_of(inner, live)],
            mode: mode_of(inner),
        },
        Operator::Union(branches) => Kind::Nested {
            inner: branches
                .iter()
                .map(|branch| states_of(branch, live))
                .collect(),
            mode: Mode::Rows,
        },
        Operator::Fork(branches) => Kind::Fork(Box::new(ForkState::new(branches, live))),
        Operator::InTransactions(call) => {
            Kind::Transactions(Box::new(TransactionsState::new(call, live)))
        }
        Operator::Merge { find, on_match, .. } => {
            let mut end = live.to_vec();
            end.extend(write::update_slots(on_match));
            Kind::Nested {
                inner: vec![states_of(find, &end)],
                mode: Mode::Rows,
            }
        }
        Operator::Foreach { body, .. } => Kind::Nested {
            inner: vec![states_of(body, &[])],
            mode: Mode::Rows,
        },
        _ => Kind::Plain,
    }
}

/// Makes states ready for a run that begins with the row `entry`.
pub(crate) fn begin(states: &mut [State], entry: &Batch) {
    for state in states {
        match &mut state.kind {
            Kind::Plain | Kind::Nested { .. } => {}
            Kind::Aggregate(aggregate) => aggregate.begin(entry),
            Kind::Distinct(distinct) => distinct.begin(),
            Kind::Sort(sort) => sort.begin(),
            Kind::Skip(left) => *left = None,
            Kind::Limit { left, .. } => *left = None,
            Kind::Barrier(held) => *held = Held::default(),
            Kind::Transactions(state) => state.begin(),
            Kind::Fork(state) => state.begin(entry),
        }
    }
}

/// Runs a pipeline from a batch to its end.
pub(crate) fn run_nested(
    steps: &[Step],
    states: &mut [State],
    context: &mut Context<'_>,
    entry: Batch,
    out: &mut Sink<'_>,
) -> Result<(), QueryError> {
    begin(states, &entry);
    push(steps, states, context, entry, out)?;
    finish(steps, states, context, out)
}

/// Pushes a batch to the first step.
pub(crate) fn push(
    steps: &[Step],
    states: &mut [State],
    context: &mut Context<'_>,
    batch: Batch,
    out: &mut Sink<'_>,
) -> Result<Flow, QueryError> {
    context.count_rows(batch.rows);
    if batch.rows == 0 {
        return Ok(Flow::More);
    }
    let (Some((step, steps)), Some((state, states))) =
        (steps.split_first(), states.split_first_mut())
    else {
        return out(context, batch);
    };
    context.tick(batch.rows)?;
    let saved = context.enter(step, is_updating(&step.operator));
    let mut rest = Rest { steps, states, out };
    let flow = operate(step, state, context, batch, &mut rest)?;
    context.leave(&saved);
    Ok(flow)
}

/// Tells the steps that their input has ended.
pub(crate) fn finish(
    steps: &[Step],
    states: &mut [State],
    context: &mut Context<'_>,
    out: &mut Sink<'_>,
) -> Result<(), QueryError> {
    let turn = context.turn();
    for at in 0..steps.len() {
        let Some((state, states)) = states[at..].split_first_mut() else {
            break;
        };
        if matches!(
            state.kind,
            Kind::Plain
                | Kind::Skip(Some(_))
                | Kind::Limit { left: Some(_), .. }
                | Kind::Nested { .. }
        ) {
            continue;
        }
        if matches!(state.kind, Kind::Barrier(_)) {
            // What follows sees all that any step before has written.
            context.catch_up();
        }
        let saved = context.enter(&steps[at], false);
        let mut rest = Rest {
            steps: &steps[at + 1..],
            states,
            out,
        };
        match (&mut state.kind, &steps[at].operator) {
            (Kind::Aggregate(aggregate), Operator::Aggregate { keys, aggregates }) => {
                aggregate.finish(keys, aggregates, &state.live, context, &mut rest)?;
            }
            // No row came, so the number has not been looked at; it may be wrong nevertheless.
            (Kind::Skip(None), Operator::Skip(count)) => {
                row_count("SKIP", count, context)?;
            }
            (Kind::Limit { left: None, .. }, Operator::Limit(count)) => {
                row_count("LIMIT", count, context)?;
            }
            (Kind::Transactions(transactions), Operator::InTransactions(call)) => {
                transactions.finish(call, &state.live, context, &mut rest)?;
            }
            (Kind::Fork(fork), Operator::Fork(branches)) => {
                fork.finish(branches, context, &mut rest)?;
            }
            (Kind::Distinct(distinct), _) => distinct.finish(context),
            (Kind::Sort(sort), Operator::Sort { keys, .. }) => {
                sort.finish(keys, &state.live, context, &mut rest)?;
            }
            (Kind::Barrier(held), _) => {
                let Held { rows, charged } = std::mem::take(held);
                push_in_parts(rows, &state.live, context, &mut rest)?;
                context.release(charged);
            }
            _ => {}
        }
        context.leave(&saved);
    }
    context.set_turn(turn);
    Ok(())
}

/// Pushes a large batch on in batches of the usual size.
pub(crate) fn push_in_parts(
    batch: Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    use super::batch::BATCH_ROWS_MAX;
    if batch.rows <= 2 * BATCH_ROWS_MAX {
        return rest.push(context, batch);
    }
    let rows = super::batch::all_rows(batch.rows);
    for part in rows.chunks(BATCH_ROWS_MAX) {
        if rest.push(context, batch.gather(part, live))? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::More)
}

fn operate(
    step: &Step,
    state: &mut State,
    context: &mut Context<'_>,
    mut batch: Batch,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let State { live, kind } = state;
    match &step.operator {
        Operator::Unit | Operator::Argument => rest.push(context, batch),
        Operator::ScanNodes { node, label } => {
            scan::nodes(*node, label.as_ref(), &batch, live, context, rest)
        }
        Operator::SeekNodes {
            node,
            index,
            seek,
            label,
            key,
        } => {
            let sought = scan::Sought {
                index: *index,
                label,
                key,
            };
            scan::seek(*node, &sought, seek, &batch, live, context, rest)
        }
        Operator::SeekRows(seek) => seek_rows::seek(seek, &batch, live, context, rest),
        Operator::ScanLabels { node, names, any } => {
            scan::labelled(*node, names, *any, &batch, live, context, rest)
        }
        Operator::SeekNodeIds { node, ids } => scan::by_id(*node, ids, &batch, live, context, rest),
        Operator::CountStore { slot, count } => {
            let count = scan::stored_count(count, context)?;
            batch.set(*slot, Vector::Constant(count));
            rest.push(context, batch)
        }
        Operator::ScanRelationships {
            relationship,
            start,
            end,
            types,
            directed,
        } => {
            let scan = scan::RelationshipScan {
                relationship: *relationship,
                start: *start,
                end: *end,
                is_directed: *directed,
            };
            scan::relationships(&scan, types, &batch, live, context, rest)
        }
        Operator::SeekRelationshipIds {
            ids,
            relationship,
            start,
            end,
            types,
            directed,
        } => {
            let scan = scan::RelationshipScan {
                relationship: *relationship,
                start: *start,
                end: *end,
                is_directed: *directed,
            };
            scan::relationships_by_id(&scan, ids, types, &batch, live, context, rest)
        }
        Operator::Degree { walk, slot } => expand::degree(walk, *slot, batch, live, context, rest),
        Operator::Expand { walk, relationship } => {
            expand::expand(walk, *relationship, &batch, live, context, rest)
        }
        Operator::ExpandVariable {
            walk,
            relationships,
            reversed,
            min,
            max,
            each,
            ends_only,
        } => {
            let range = trail::Range {
                min: *min,
                max: max.unwrap_or(u32::MAX),
            };
            let each = each.as_ref().map(|(slot, each)| (*slot, &**each));
            let trails = trail::Trails {
                walk,
                relationships: *relationships,
                is_reversed: *reversed,
                range,
                each,
                only_ends: *ends_only,
            };
            trail::expand(&trails, &batch, live, context, rest)
        }
        Operator::BindEnds {
            relationship,
            walk,
            from_bound,
        } => expand::bind_ends(
            *relationship,
            walk,
            *from_bound,
            &batch,
            live,
            context,
            rest,
        ),
        Operator::BindWalk {
            relationships,
            walk,
            min,
            max,
        } => {
            let range = trail::Range {
                min: *min,
                max: max.unwrap_or(u32::MAX),
            };
            expand::bind_walk(*relationships, walk, range, &batch, live, context, rest)
        }
        Operator::ShortestPath {
            walk,
            relationships,
            min,
            max,
            all,
            each,
        } => {
            let search = shortest::Search {
                walk,
                relationships: *relationships,
                range: trail::Range {
                    min: *min,
                    max: max.unwrap_or(u32::MAX),
                },
                wants_all: *all,
                each: each.as_ref().map(|(slot, each)| (*slot, &**each)),
            };
            shortest::search(&search, &batch, live, context, rest)
        }
        Operator::ExpandPath {
            walk,
            program,
            relationships,
            reversed,
        } => {
            let paths = path::Paths {
                walk,
                program,
                relationships: *relationships,
                is_reversed: *reversed,
            };
            path::expand(&paths, &batch, live, context, rest)
        }
        Operator::Filter(predicate) => {
            let keep = eval(predicate, &batch, context)?;
            if live.is_empty()
                && batch.tags.is_none()
                && let Some(rows) = kernels::count_selected(&keep)
            {
                let columns = vec![Vector::Absent; batch.columns.len()];
                return rest.push(
                    context,
                    Batch {
                        columns,
                        rows,
                        tags: None,
                    },
                );
            }
            match kernels::selected(&keep, batch.rows)? {
                Selected::All => rest.push(context, batch),
                Selected::Some(kept) if kept.is_empty() => Ok(Flow::More),
                Selected::Some(kept) => rest.push(context, batch.gather(&kept, live)),
            }
        }
        Operator::Project(parts) => {
            for (slot, expression) in parts {
                let vector = eval(expression, &batch, context)?.into_owned();
                batch.set(*slot, vector);
            }
            batch.retain(live);
            rest.push(context, batch)
        }
        Operator::Unwind { list, item } => unwind::unwind(list, *item, &batch, live, context, rest),
        Operator::Aggregate { keys, aggregates } => {
            if let Kind::Aggregate(state) = kind {
                state.push(keys, aggregates, &batch, context)?;
            }
            Ok(Flow::More)
        }
        Operator::Distinct(slots) => {
            let Kind::Distinct(state) = kind else {
                return Ok(Flow::More);
            };
            match state.fresh(slots, &batch, context)? {
                None => rest.push(context, batch),
                Some(kept) if kept.is_empty() => Ok(Flow::More),
                Some(kept) => rest.push(context, batch.gather(&kept, live)),
            }
        }
        Operator::Sort { keys, limit, .. } => {
            if let Kind::Sort(state) = kind {
                state.push(keys, limit.as_ref(), &batch, live, context)?;
            }
            Ok(Flow::More)
        }
        Operator::Skip(count) => {
            let Kind::Skip(left) = kind else {
                return Ok(Flow::More);
            };
            let skip = match left {
                Some(left) => *left,
                None => row_count("SKIP", count, context)?,
            };
            let skipped = skip.min(batch.rows as u64);
            *left = Some(skip - skipped);
            if skipped == 0 {
                return rest.push(context, batch);
            }
            let rows = super::batch::all_rows(batch.rows);
            rest.push(context, batch.gather(&rows[skipped as usize..], live))
        }
        Operator::Limit(count) => {
            let Kind::Limit { left, draws_all } = kind else {
                return Ok(Flow::More);
            };
            let mut allowed = match left {
                Some(left) => *left,
                None => row_count("LIMIT", count, context)?,
            };
            if (batch.rows as u64) > allowed {
                batch.truncate(allowed as usize);
            }
            allowed -= batch.rows as u64;
            *left = Some(allowed);
            let flow = rest.push(context, batch)?;
            let is_done = allowed == 0 || flow == Flow::Stop;
            Ok(if is_done && !*draws_all {
                Flow::Stop
            } else {
                Flow::More
            })
        }
        Operator::Barrier { .. } => {
            if let Kind::Barrier(held) = kind {
                batch.retain(live);
                held.push("Barrier", &batch, live, context)?;
            }
            Ok(Flow::More)
        }
        Operator::Optional { inner, introduced } => {
            let Kind::Nested {
                inner: states,
                mode,
            } = kind
            else {
                return Ok(Flow::More);
            };
            nested::optional(
                inner,
                &mut states[0],
                *mode,
                introduced,
                &batch,
                live,
                context,
                rest,
            )
        }
        Operator::Apply { inner, view } => {
            let Kind::Nested {
                inner: states,
                mode,
            } = kind
            else {
                return Ok(Flow::More);
            };
            nested::apply(
                inner,
                &mut states[0],
                *mode,
                view.as_ref(),
                batch,
                live,
                context,
                rest,
            )
        }
        Operator::LoadCsv(load) => csv::load(load, &batch, live, context, rest),
        Operator::InTransactions(call) => {
            let Kind::Transactions(state) = kind else {
                return Ok(Flow::More);
            };
            state.push(call, &batch, live, context, rest)
        }
        Operator::Fork(_) => {
            if let Kind::Fork(state) = kind {
                state.push(batch, context)?;
            }
            Ok(Flow::More)
        }
        Operator::Union(branches) => {
            let Kind::Nested { inner: states, .. } = kind else {
                return Ok(Flow::More);
            };
            nested::union(branches, states, &batch, live, context, rest)
        }
        Operator::CallProcedure {
            procedure,
            arguments,
            yields,
            is_void,
        } => {
            let call = nested::ProcedureCall {
                procedure,
                arguments,
                yields,
                is_void: *is_void,
            };
            nested::call_procedure(&call, batch, live, context, rest)
        }
        Operator::Create(creation) => {
            write::create(creation, step.clause, &mut batch, context)?;
            batch.retain(live);
            rest.push(context, batch)
        }
        Operator::Merge {
            find,
            create,
            on_match,
            on_create,
        } => {
            let Kind::Nested { inner: states, .. } = kind else {
                return Ok(Flow::More);
            };
            let merge = write::Merge {
                find,
                create,
                on_match,
                on_create,
            };
            write::merge(
                &merge,
                &mut states[0],
                step.clause,
                &batch,
                live,
                context,
                rest,
            )
        }
        Operator::Update(updates) => {
            write::update(updates, step.clause, &batch, context)?;
            batch.retain(live);
            rest.push(context, batch)
        }
        Operator::Delete {
            expressions,
            detach,
        } => {
            write::delete(expressions, *detach, step.clause, &batch, context)?;
            batch.retain(live);
            rest.push(context, batch)
        }
        Operator::Foreach { list, item, body } => {
            let Kind::Nested { inner: states, .. } = kind else {
                return Ok(Flow::More);
            };
            write::foreach(list, *item, body, &mut states[0], &batch, context)?;
            batch.retain(live);
            rest.push(context, batch)
        }
        Operator::Schema(change) => {
            schema::change(change, context)?;
            rest.push(context, batch)
        }
    }
}

/// The number given to SKIP or LIMIT.
pub(crate) fn row_count(
    clause: &str,
    count: &Expression,
    context: &mut Context<'_>,
) -> Result<u64, QueryError> {
    match eval_single(count, context)? {
        Value::Int(count) => u64::try_from(count).map_err(|_| {
            let message = format!("{clause} takes a number of rows, which cannot be {count}");
            RuntimeError::new(RuntimeKind::SyntaxError, "NegativeIntegerArgument", message).into()
        }),
        other => {
            let message = format!("{clause} takes a number of rows, not {}", other.type_name());
            Err(RuntimeError::new(RuntimeKind::SyntaxError, "InvalidArgumentType", message).into())
        }
    }
}
