//! Aggregation: groups and the accumulators of each.
//!
//! Rows are numbered by group first; then each aggregate takes its argument's vector. Without keys
//! there is one group, which takes whole vectors at once, and counts of distinct nodes are sets of
//! bits. Groups leave in the order in which they first appeared.

use std::borrow::Cow;
use std::slice;
use std::sync::Arc;

use hashbrown::HashMap;
use retrograph_graph::NULL_CODE;
use retrograph_graph::ids::NodeId;
use retrograph_graph::value::order::exact_int;
use retrograph_graph::value::{NodeRef, Value};
use smallvec::SmallVec;

use super::batch::Batch;
use super::context::Context;
use super::expression::eval;
use super::id_set::IdSet;
use super::key_table::KeyTable;
use super::pipeline::{Flow, Rest, push_in_parts};
use super::vector::{NULL_ID, Nulls, Vector, value_bytes};
use crate::error::QueryError;
use crate::functions::{Accumulator, Aggregator};
use crate::plan::operator::AggregateCall;
use crate::plan::{Expression, Slot};

/// The groups and accumulators of an aggregation.
pub(crate) struct AggregateState {
    groups: Groups,
    aggregates: Vec<Aggregate>,
    /// The row with which the pipeline began: the slots that are neither keys nor aggregates.
    entry: Batch,
    charged: usize,
}

/// How many strings of a batch are found by address; more than these are hardly shared.
const SHARED_TEXTS_MAX: usize = 256;

/// Stands where the group of a value has not been looked up.
const NO_GROUP: u32 = u32::MAX;

/// Numbers groups.
struct Groups {
    /// The groups of a single key that is a node.
    by_node: HashMap<u64, u32, foldhash::fast::RandomState>,
    /// The groups of a single key that is an integer, or a float equal to one.
    by_int: HashMap<i64, u32, foldhash::fast::RandomState>,
    /// The groups of the strings of the batch at hand by address and length.
    by_text: HashMap<(usize, usize), u32, foldhash::fast::RandomState>,
    /// The groups of the values of the dictionary seen last, [`NO_GROUP`] where not known yet.
    by_code: Vec<u32>,
    /// That dictionary.
    dictionary: Arc<[Value]>,
    /// All others.
    keys: KeyTable,
    /// For each key of `keys` its group.
    by_key: Vec<u32>,
    /// The key of each group.
    order: Vec<GroupKey>,
    width: usize,
}

enum GroupKey {
    /// A single key.
    Single(Value),
    /// The key with this number in the table.
    Key(u32),
}

/// One aggregate of all groups.
enum Aggregate {
    /// `count(*)`
    Rows(Vec<u64>),
    /// `count(DISTINCT node)` without groups; turns into `Distinct` if something else appears.
    Nodes(IdSet),
    /// Without DISTINCT.
    Plain {
        aggregator: Aggregator,
        groups: Vec<Accumulator>,
    },
    /// With DISTINCT: the pairs of group and arguments seen so far.
    Distinct {
        aggregator: Aggregator,
        groups: Vec<Accumulator>,
        seen: KeyTable,
    },
}

impl Groups {
    fn new(width: usize) -> Self {
        Self {
            by_node: HashMap::default(),
            by_int: HashMap::default(),
            by_text: HashMap::default(),
            by_code: Vec::new(),
            dictionary: Arc::default(),
            keys: KeyTable::new(width),
            by_key: Vec::new(),
            order: Vec::new(),
            width,
        }
    }

    fn of_node(&mut self, node: NodeRef) -> u32 {
        let order = &mut self.order;
        *self.by_node.entry(node.id.0).or_insert_with(|| {
            order.push(GroupKey::Single(Value::Node(node)));
            (order.len() - 1) as u32
        })
    }

    /// `value` is the key as the query gave it, `int` the integer that it equals.
    fn of_int(&mut self, int: i64, value: impl FnOnce() -> Value) -> u32 {
        let order = &mut self.order;
        *self.by_int.entry(int).or_insert_with(|| {
            order.push(GroupKey::Single(value()));
            (order.len() - 1) as u32
        })
    }

    fn of_single(&mut self, value: &Value) -> u32 {
        match value {
            Value::Node(node) => self.of_node(*node),
            Value::Int(int) => self.of_int(*int, || value.clone()),
            Value::Float(float) => match exact_int(*float) {
                Some(int) => self.of_int(int, || value.clone()),
                None => self.of_key(slice::from_ref(value)),
            },
            _ => self.of_key(slice::from_ref(value)),
        }
    }

    /// The group of a value of the batch at hand. Strings of a column often share their memory, for
    /// pages keep each distinct one once; then the address finds the group without reading it.
    fn of_item(&mut self, value: &Value) -> u32 {
        let Value::String(text) = value else {
            return self.of_single(value);
        };
        let place = (text.as_ptr().addr(), text.len());
        if let Some(group) = self.by_text.get(&place) {
            return *group;
        }
        let group = self.of_key(slice::from_ref(value));
        if self.by_text.len() < SHARED_TEXTS_MAX {
            self.by_text.insert(place, group);
        }
        group
    }

    /// The groups of codes of a dictionary. Each value is looked up once, also over many batches
    /// with the same dictionary.
    fn of_codes(&mut self, codes: &[u32], values: &Arc<[Value]>) -> Vec<u32> {
        if !Arc::ptr_eq(values, &self.dictionary) {
            self.dictionary = Arc::clone(values);
            self.by_code.clear();
            self.by_code.resize(values.len(), NO_GROUP);
        }
        codes
            .iter()
            .map(|&code| {
                if code == NULL_CODE {
                    return self.of_key(&[Value::Null]);
                }
                let known = self.by_code[code as usize];
                if known != NO_GROUP {
                    return known;
                }
                let group = self.of_single(&values[code as usize]);
                self.by_code[code as usize] = group;
                group
            })
            .collect()
    }

    fn of_key(&mut self, key: &[Value]) -> u32 {
        let (number, is_new) = self.keys.number(key);
        if is_new {
            self.by_key.push(self.order.len() as u32);
            self.order.push(GroupKey::Key(number));
        }
        self.by_key[number as usize]
    }
}

impl Aggregate {
    fn new(call: &AggregateCall, has_keys: bool) -> Self {
        let aggregator = call.aggregator;
        match aggregator {
            Aggregator::CountRows => Self::Rows(Vec::new()),
            Aggregator::Count if call.distinct && !has_keys => Self::Nodes(IdSet::default()),
            _ if call.distinct => Self::distinct(aggregator, call.arguments.len()),
            _ => Self::Plain {
                aggregator,
                groups: Vec::new(),
            },
        }
    }

    fn distinct(aggregator: Aggregator, arguments: usize) -> Self {
        Self::Distinct {
            aggregator,
            groups: Vec::new(),
            seen: KeyTable::new(1 + arguments),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Rows(counts) => counts.clear(),
            Self::Nodes(nodes) => nodes.clear(),
            Self::Plain { groups, .. } => groups.clear(),
            Self::Distinct { groups, seen, .. } => {
                groups.clear();
                seen.clear();
            }
        }
    }

    /// Makes room for `count` groups.
    fn grow(&mut self, count: usize) {
        match self {
            Self::Rows(counts) => counts.resize(count, 0),
            Self::Nodes(_) => {}
            Self::Plain { aggregator, groups }
            | Self::Distinct {
                aggregator, groups, ..
            } => {
                groups.resize_with(count, || Accumulator::new(*aggregator));
            }
        }
    }

    fn finish(&mut self, group: usize) -> Result<Value, QueryError> {
        match self {
            Self::Rows(counts) => Ok(Value::Int(i64::try_from(counts[group]).unwrap_or(i64::MAX))),
            Self::Nodes(nodes) => Ok(Value::Int(i64::try_from(nodes.len()).unwrap_or(i64::MAX))),
            Self::Plain { aggregator, groups }
            | Self::Distinct {
                aggregator, groups, ..
            } => std::mem::replace(&mut groups[group], Accumulator::new(*aggregator)).finish(),
        }
    }
}

/// Which group each row of a batch belongs to.
enum Numbers {
    /// All to the only one.
    One,
    Each(Vec<u32>),
}

impl AggregateState {
    /// An empty state.
    pub(crate) fn new(keys: &[(Slot, Expression)], aggregates: &[AggregateCall]) -> Self {
        Self {
            groups: Groups::new(keys.len()),
            aggregates: aggregates
                .iter()
                .map(|call| Aggregate::new(call, !keys.is_empty()))
                .collect(),
            entry: Batch::default(),
            charged: 0,
        }
    }

    /// Empties the state for a pipeline that begins with a row.
    pub(crate) fn begin(&mut self, entry: &Batch) {
        self.clear();
        self.entry = entry.clone();
        self.entry.tags = None;
        self.charged = 0;
    }

    fn clear(&mut self) {
        if self.groups.width > 0 {
            self.groups = Groups::new(self.groups.width);
        }
        self.aggregates.iter_mut().for_each(Aggregate::clear);
    }

    /// Takes the rows of a batch.
    pub(crate) fn push(
        &mut self,
        keys: &[(Slot, Expression)],
        calls: &[AggregateCall],
        batch: &Batch,
        context: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let numbers = self.number_rows(keys, batch, context)?;
        let groups = if keys.is_empty() {
            1
        } else {
            self.groups.order.len()
        };
        let mut bytes = self.groups.keys.bytes() + self.groups.order.len() * 48 + groups * 16;
        for (aggregate, call) in self.aggregates.iter_mut().zip(calls) {
            if matches!(aggregate, Aggregate::Rows(_)) {
                aggregate.grow(groups);
                if let Aggregate::Rows(counts) = aggregate {
                    match &numbers {
                        Numbers::One => counts[0] += batch.rows as u64,
                        Numbers::Each(numbers) => {
                            numbers
                                .iter()
                                .for_each(|group| counts[*group as usize] += 1);
                        }
                    }
                }
                continue;
            }
            let arguments = call
                .arguments
                .iter()
                .map(|argument| eval(argument, batch, context))
                .collect::<Result<SmallVec<[_; 2]>, _>>()?;
            let Some(argument) = arguments.first() else {
                continue;
            };
            let second = arguments.get(1).map(|second| &**second);
            if let Aggregate::Nodes(nodes) = aggregate
                && !count_nodes(nodes, argument, batch.rows)
            {
                // Something that is no node: what was counted so far becomes keys.
                let old = std::mem::take(nodes);
                *aggregate = Aggregate::distinct(Aggregator::Count, 1);
                aggregate.grow(1);
                if let Aggregate::Distinct { groups, seen, .. } = aggregate {
                    for id in old.ids() {
                        let node = NodeRef {
                            id: NodeId(id),
                            view: 0,
                        };
                        seen.number(&[Value::Int(0), Value::Node(node)]);
                        groups[0].push(&Value::Node(node), None)?;
                    }
                }
            }
            aggregate.grow(groups);
            let grown = take(aggregate, argument, second, &numbers, batch.rows)?;
            bytes += match aggregate {
                Aggregate::Nodes(nodes) => nodes.bytes(),
                Aggregate::Distinct { seen, groups, .. } => seen.bytes() + groups.len() * 64,
                Aggregate::Plain { groups, .. } => groups.len() * 64,
                Aggregate::Rows(_) => 0,
            };
            if grown > 0 {
                context.charge("Aggregate", grown)?;
                self.charged += grown;
            }
        }
        context.charge_at_least("Aggregate", bytes)
    }

    fn number_rows(
        &mut self,
        keys: &[(Slot, Expression)],
        batch: &Batch,
        context: &mut Context<'_>,
    ) -> Result<Numbers, QueryError> {
        if keys.is_empty() {
            return Ok(Numbers::One);
        }
        let vectors = keys
            .iter()
            .map(|(_, key)| eval(key, batch, context))
            .collect::<Result<SmallVec<[_; 4]>, _>>()?;
        let groups = &mut self.groups;
        let rows = 0..batch.rows;
        let numbers = match &vectors[..] {
            [vector] => match &**vector {
                Vector::Nodes { ids, view } => rows
                    .map(|row| match ids[row].0 {
                        NULL_ID => groups.of_key(&[Value::Null]),
                        _ => groups.of_node(NodeRef {
                            id: ids[row],
                            view: *view,
                        }),
                    })
                    .collect(),
                Vector::Int {
                    values,
                    nulls: None,
                } => rows
                    .map(|row| groups.of_int(values[row], || Value::Int(values[row])))
                    .collect(),
                Vector::NodeRange { first, view } => rows
                    .map(|row| {
                        let id = NodeId(first.0 + row as u64);
                        groups.of_node(NodeRef { id, view: *view })
                    })
                    .collect(),
                Vector::Dictionary { codes, values } => groups.of_codes(codes, values),
                Vector::Any(values) => {
                    groups.by_text.clear();
                    values.iter().map(|value| groups.of_item(value)).collect()
                }
                vector => rows.map(|row| groups.of_single(&vector.get(row))).collect(),
            },
            vectors => {
                let mut key: SmallVec<[Value; 4]> = SmallVec::new();
                rows.map(|row| {
                    key.clear();
                    key.extend(vectors.iter().map(|vector| vector.get(row)));
                    groups.of_key(&key)
                })
                .collect()
            }
        };
        Ok(Numbers::Each(numbers))
    }

    /// Pushes on a row for each group.
    pub(crate) fn finish(
        &mut self,
        keys: &[(Slot, Expression)],
        calls: &[AggregateCall],
        live: &[Slot],
        context: &mut Context<'_>,
        rest: &mut Rest<'_>,
    ) -> Result<Flow, QueryError> {
        let count = if keys.is_empty() {
            1
        } else {
            self.groups.order.len()
        };
        if count == 0 {
            return Ok(Flow::More);
        }
        let mut batch = Batch {
            columns: vec![Vector::Absent; context.width],
            rows: count,
            tags: None,
        };
        for &slot in live {
            let column = self.entry.column(slot);
            if !column.is_absent() {
                batch.set(slot, Vector::Constant(column.get(0)));
            }
        }
        let vector = |mut values: Vec<Value>| match values.len() {
            1 => Vector::Constant(values.pop().unwrap_or_default()),
            _ => Vector::from_values(values),
        };
        for (place, (slot, _)) in keys.iter().enumerate() {
            let values = self.groups.order.iter().map(|key| match key {
                GroupKey::Single(value) => value.clone(),
                GroupKey::Key(number) => self.groups.keys.value(*number, place).clone(),
            });
            batch.set(*slot, vector(values.collect()));
        }
        for (aggregate, call) in self.aggregates.iter_mut().zip(calls) {
            aggregate.grow(count);
            let values = (0..count).map(|group| aggregate.finish(group));
            batch.set(call.slot, vector(values.collect::<Result<_, _>>()?));
        }
        self.clear();
        let flow = push_in_parts(batch, live, context, rest)?;
        context.release(std::mem::take(&mut self.charged));
        Ok(flow)
    }
}

/// Adds the nodes of a vector; false, with nothing added, if it holds something else than nodes.
fn count_nodes(nodes: &mut IdSet, argument: &Vector, rows: usize) -> bool {
    match argument {
        Vector::Nodes { ids, .. } => {
            for id in ids {
                if id.0 != NULL_ID {
                    nodes.insert(id.0);
                }
            }
            true
        }
        argument => {
            let all: Option<SmallVec<[_; 8]>> =
                (0..rows).map(|row| argument.node_at(row).ok()).collect();
            let Some(all) = all else { return false };
            all.into_iter().flatten().for_each(|node| {
                nodes.insert(node.id.0);
            });
            true
        }
    }
}

/// Gives the values of a vector to an aggregate; returns the bytes it has to remember for them.
fn take(
    aggregate: &mut Aggregate,
    argument: &Vector,
    second: Option<&Vector>,
    numbers: &Numbers,
    rows: usize,
) -> Result<usize, QueryError> {
    match aggregate {
        Aggregate::Rows(_) | Aggregate::Nodes(_) => Ok(0),
        Aggregate::Plain { aggregator, groups } => {
            let keeps = keeps_values(*aggregator);
            if let (Numbers::One, None) = (numbers, second) {
                match argument {
                    Vector::Int { values, nulls } => {
                        let known = without_nulls(values, nulls);
                        groups[0].push_ints(&known)?;
                        return Ok(if keeps {
                            known.len() * size_of::<Value>()
                        } else {
                            0
                        });
                    }
                    Vector::Float { values, nulls } => {
                        let known = without_nulls(values, nulls);
                        groups[0].push_floats(&known)?;
                        return Ok(if keeps {
                            known.len() * size_of::<Value>()
                        } else {
                            0
                        });
                    }
                    Vector::Nodes { ids, .. } if *aggregator == Aggregator::Count => {
                        let count = ids.iter().filter(|id| id.0 != NULL_ID).count();
                        groups[0].push_rows(count as u64);
                        return Ok(0);
                    }
                    _ => {}
                }
            }
            let mut bytes = 0;
            for row in 0..rows {
                let value = argument.get(row);
                let second = second.map(|second| second.get(row));
                if keeps {
                    bytes += value_bytes(&value);
                }
                groups[group_of(numbers, row)].push(&value, second.as_ref())?;
            }
            Ok(bytes)
        }
        Aggregate::Distinct {
            aggregator,
            groups,
            seen,
        } => {
            let mut bytes = 0;
            for row in 0..rows {
                let value = argument.get(row);
                if value.is_null() && second.is_none() {
                    continue;
                }
                let second = second.map(|second| second.get(row));
                let group = group_of(numbers, row);
                let mut key: SmallVec<[Value; 3]> = SmallVec::new();
                key.push(Value::Int(group as i64));
                key.push(value.clone());
                key.extend(second.clone());
                if seen.number(&key).1 {
                    if keeps_values(*aggregator) {
                        bytes += value_bytes(&value);
                    }
                    groups[group].push(&value, second.as_ref())?;
                }
            }
            Ok(bytes)
        }
    }
}

/// The values that are not null; aggregates ignore null.
fn without_nulls<'v, T: Copy>(values: &'v [T], nulls: &Nulls) -> Cow<'v, [T]> {
    match nulls {
        None => Cow::Borrowed(values),
        Some(nulls) => Cow::Owned(
            values
                .iter()
                .zip(nulls)
                .filter(|(_, is_null)| !**is_null)
                .map(|(v, _)| *v)
                .collect(),
        ),
    }
}

fn group_of(numbers: &Numbers, row: usize) -> usize {
    match numbers {
        Numbers::One => 0,
        Numbers::Each(numbers) => numbers[row] as usize,
    }
}

/// Whether an aggregate remembers every value.
fn keeps_values(aggregator: Aggregator) -> bool {
    matches!(
        aggregator,
        Aggregator::Collect | Aggregator::PercentileCont | Aggregator::PercentileDisc
    )
}
