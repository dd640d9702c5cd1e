//! Operators: the steps of a pipeline.

use std::ops::Bound;
use std::sync::Arc;

pub use retrograph_cypher::ast::OnError;
use retrograph_graph::RuleKind;
use retrograph_graph::ids::{Direction, IndexId};

use super::ViewClause;
use super::expression::{Expression, KeyToken, LabelToken, Slot, TypeToken};
use super::path::PathProgram;
use super::rows::RowSeek;
use crate::functions::{Aggregator, Procedure};

/// Steps in a line. Rows enter at the first, which is [`Operator::Unit`] at the top of a query and
/// [`Operator::Argument`] in a nested pipeline.
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// One operator in its place.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub operator: Operator,
    /// The clause it belongs to: it sees own writes of earlier clauses; MERGE, SET and the like see
    /// their own clause's rows as well.
    pub clause: u16,
    /// Its number within the plan, for PROFILE.
    pub id: u16,
    /// The planner's estimate of the rows that leave it.
    pub rows_estimated: f64,
}

/// How an index is entered. Null and NaN as a value or bound find nothing, since no comparison with
/// them is true.
#[derive(Clone, Debug)]
pub enum Seek {
    /// Equal to a value.
    Equal(Expression),
    /// Equal to one of the items of a list; each node once, however often the list repeats a value.
    In(Expression),
    /// Between bounds of one type of value.
    Range(Bound<Expression>, Bound<Expression>),
    /// Strings that begin with a prefix.
    Prefix(Expression),
}

/// Where the relationships that a scan or seek finds go.
#[derive(Clone, Copy, Debug)]
pub struct FoundRelationship {
    /// The relationship.
    pub relationship: Slot,
    /// Its start.
    pub start: Slot,
    /// Its end.
    pub end: Slot,
    /// Whether only its own direction counts; else it comes once each way.
    pub directed: bool,
}

/// Where the elements that a seek finds go.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// Nodes.
    Node(Slot),
    /// Relationships.
    Relationship(FoundRelationship),
}

impl Found {
    /// Whether each element comes once, rather than a relationship once each way.
    #[must_use]
    pub const fn is_directed(&self) -> bool {
        match self {
            Self::Node(_) => true,
            Self::Relationship(found) => found.directed,
        }
    }
}

/// A seek in rows.
#[derive(Clone, Debug)]
pub struct SeekRows {
    /// Where what it finds goes.
    pub found: Found,
    /// What it looks for.
    pub seek: RowSeek,
}

/// How an expand walks.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The node from which it walks; bound.
    pub from: Slot,
    /// Where the other node goes, or, with `into`, which bound node it must be.
    pub to: Slot,
    /// Whether `to` is already bound.
    pub into: bool,
    /// Along, against, or (none) either way.
    pub direction: Option<Direction>,
    /// The types; empty for all.
    pub types: Vec<TypeToken>,
    /// Relationship slots (single or list) of the same MATCH that this walk must not use again.
    pub distinct_from: Vec<Slot>,
}

/// A sort key.
#[derive(Clone, Debug)]
pub struct SortKey {
    /// The value to sort by.
    pub expression: Expression,
    /// Whether greater values come first.
    pub descending: bool,
}

/// An aggregate of an [`Operator::Aggregate`].
#[derive(Clone, Debug)]
pub struct AggregateCall {
    /// Where the result goes.
    pub slot: Slot,
    /// Which aggregate.
    pub aggregator: Aggregator,
    /// Whether equal inputs count once.
    pub distinct: bool,
    /// The arguments; none for `count(*)`. A percentile has two.
    pub arguments: Vec<Expression>,
}

/// A node that CREATE or MERGE makes.
#[derive(Clone, Debug)]
pub struct CreateNode {
    /// Its variable.
    pub slot: Slot,
    /// Its labels.
    pub labels: Vec<LabelToken>,
    /// A map, node or relationship whose properties it gets.
    pub properties: Option<Expression>,
}

/// A relationship that CREATE or MERGE makes.
#[derive(Clone, Debug)]
pub struct CreateRelationship {
    /// Its variable.
    pub slot: Slot,
    /// Its type.
    pub created_type: CreatedType,
    /// Where it starts.
    pub start: Slot,
    /// Where it ends.
    pub end: Slot,
    /// Its properties.
    pub properties: Option<Expression>,
}

/// The type of a relationship to create.
#[derive(Clone, Debug)]
pub enum CreatedType {
    /// Known by name.
    Named(TypeToken),
    /// Its name, or a list that holds nothing else, is computed for each row.
    Computed(Expression),
}

impl CreateRelationship {
    /// What it computes.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let name = match &self.created_type {
            CreatedType::Named(_) => None,
            CreatedType::Computed(name) => Some(name),
        };
        name.into_iter().chain(&self.properties)
    }

    /// See [`Self::expressions`].
    pub fn expressions_mut(&mut self) -> impl Iterator<Item = &mut Expression> {
        let name = match &mut self.created_type {
            CreatedType::Named(_) => None,
            CreatedType::Computed(name) => Some(name),
        };
        name.into_iter().chain(&mut self.properties)
    }
}

/// What a CREATE makes, nodes before the relationships between them.
#[derive(Clone, Debug, Default)]
pub struct Creation {
    /// The nodes.
    pub nodes: Vec<CreateNode>,
    /// The relationships.
    pub relationships: Vec<CreateRelationship>,
}

/// One action of SET or REMOVE. A target that is null is skipped.
#[derive(Clone, Debug)]
pub enum Update {
    /// `target.key = value`; null removes it.
    Property(Expression, KeyToken, Expression),
    /// `target[key] = value`; null removes it.
    Dynamic(Expression, Expression, Expression),
    /// `target:$(labels)`
    AddDynamicLabels(Slot, Expression),
    /// `REMOVE target:$(labels)`
    RemoveDynamicLabels(Slot, Expression),
    /// `target = map`
    Replace(Slot, Expression),
    /// `target += map`
    Extend(Slot, Expression),
    /// `target:A:B`
    AddLabels(Slot, Vec<LabelToken>),
    /// `REMOVE target:A:B`
    RemoveLabels(Slot, Vec<LabelToken>),
}

/// The rows of a CSV file.
#[derive(Clone, Debug)]
pub struct LoadCsv {
    /// Where the file is.
    pub url: Expression,
    /// Whether the first line names the fields.
    pub headers: bool,
    /// What stands between fields.
    pub terminator: u8,
    /// The row: a map with headers, else a list.
    pub row: Slot,
    /// The number of the line on which it begins.
    pub line: Slot,
    /// The file as the source names it.
    pub file: Slot,
}

/// A subquery that commits as it goes.
#[derive(Clone, Debug)]
pub struct InTransactions {
    /// What runs in the transactions.
    pub inner: Pipeline,
    /// How many transactions may run at the same time. They run one after the other: the number only
    /// has to be one.
    pub concurrency: Option<Expression>,
    /// How many rows go into one transaction; a thousand if not said.
    pub rows: Option<Expression>,
    /// Whether a transaction that lost certification is run again for some time.
    pub retry: Option<Retry>,
    /// What becomes of the rest when one fails.
    pub on_error: OnError,
    /// Where to tell how it went.
    pub status: Option<Slot>,
    /// Whether the rows of the inner pipeline are passed on; else each row is, once.
    pub returns: bool,
    /// The slots of the inner columns, null where the transaction failed.
    pub introduced: Vec<Slot>,
}

/// How long a transaction that lost certification is run again.
#[derive(Clone, Debug)]
pub struct Retry {
    /// For so many seconds; half a minute if not said.
    pub seconds: Option<Expression>,
}

impl InTransactions {
    /// What it computes before the first row.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let seconds = self.retry.iter().flat_map(|retry| &retry.seconds);
        self.concurrency.iter().chain(&self.rows).chain(seconds)
    }

    /// See [`Self::expressions`].
    pub fn expressions_mut(&mut self) -> impl Iterator<Item = &mut Expression> {
        let seconds = self.retry.iter_mut().flat_map(|retry| &mut retry.seconds);
        self.concurrency
            .iter_mut()
            .chain(&mut self.rows)
            .chain(seconds)
    }
}

/// The name of an index or constraint.
#[derive(Clone, Debug)]
pub enum SchemaName {
    /// As written.
    Written(Arc<str>),
    /// The value of a parameter.
    Given(Expression),
}

/// A change of the schema.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum SchemaChange {
    CreateIndex {
        name: Option<SchemaName>,
        label: Arc<str>,
        key: Arc<str>,
        if_not_exists: bool,
    },
    CreateUnique {
        name: Option<SchemaName>,
        label: Arc<str>,
        key: Arc<str>,
        if_not_exists: bool,
    },
    CreateRule {
        name: Option<SchemaName>,
        /// Whether it is about relationships.
        is_relationship: bool,
        /// The labels or types.
        targets: Vec<Arc<str>>,
        keys: Vec<Arc<str>>,
        kind: RuleKind,
        if_not_exists: bool,
    },
    /// A lookup index, of which each graph has one for labels and one for types anyway.
    CreateLookup {
        is_relationship: bool,
        if_not_exists: bool,
    },
    /// Make a vector index; the options are known when it runs.
    CreateVectorIndex {
        name: Option<SchemaName>,
        /// Whether it is about relationships.
        is_relationship: bool,
        /// The label or type.
        target: Arc<str>,
        key: Arc<str>,
        options: Expression,
        if_not_exists: bool,
    },
    DropIndex {
        name: SchemaName,
        if_exists: bool,
    },
    DropConstraint {
        name: SchemaName,
        if_exists: bool,
    },
}

/// A count that the store keeps.
#[derive(Clone, Debug)]
pub enum StoredCount {
    /// The number of nodes, or of nodes with a label.
    Nodes(Option<LabelToken>),
    /// The number of relationships, or of those of these types (all different, all known by name).
    Relationships(Vec<TypeToken>),
}

/// An operator.
#[derive(Clone, Debug)]
pub enum Operator {
    /// One row with no variables.
    Unit,
    /// The rows of the enclosing step.
    Argument,

    /// Every node, or every node with a label, for each row.
    ScanNodes {
        /// The node found.
        node: Slot,
        /// The label it must have.
        label: Option<LabelToken>,
    },
    /// The nodes that have labels by computed names, for each row, each once; if all labels are wanted,
    /// those that have the first. A predicate that follows judges what was found.
    ScanLabels {
        /// The node found.
        node: Slot,
        /// The name, or a list of names.
        names: Expression,
        /// Whether any of the labels will do.
        any: bool,
    },
    /// The nodes an index finds, for each row.
    SeekNodes {
        /// The node found.
        node: Slot,
        /// The index.
        index: IndexId,
        /// Its label and key, for EXPLAIN.
        label: LabelToken,
        /// See `label`.
        key: KeyToken,
        /// How it is entered.
        seek: Seek,
    },
    /// The elements that the rows of an index or constraint find, for each row. May find too much.
    SeekRows(Box<SeekRows>),
    /// The nodes with these ids, for each row: an integer, an element id (a string) or a list of
    /// either, each node once. What is no id finds nothing; a predicate that follows judges what was found.
    SeekNodeIds {
        /// The node found.
        node: Slot,
        /// The ids.
        ids: Expression,
    },
    /// A count as the store keeps it, for each row: the same as scanning and counting.
    CountStore {
        /// Where the count goes.
        slot: Slot,
        /// What is counted.
        count: StoredCount,
    },
    /// Every relationship of these types (all if empty), for each row, once; twice, once each way,
    /// if `directed` is false (a self-loop once).
    ScanRelationships {
        /// The relationship found.
        relationship: Slot,
        /// Its start.
        start: Slot,
        /// Its end.
        end: Slot,
        /// The types.
        types: Vec<TypeToken>,
        /// Whether only its own direction counts.
        directed: bool,
    },
    /// The relationships with these ids, given as for nodes, that are of these types (all if empty),
    /// for each row, and as often as scanning gives them.
    SeekRelationshipIds {
        /// The ids.
        ids: Expression,
        /// The relationship found.
        relationship: Slot,
        /// Its start.
        start: Slot,
        /// Its end.
        end: Slot,
        /// The types.
        types: Vec<TypeToken>,
        /// Whether only its own direction counts.
        directed: bool,
    },
    /// The relationships of a node, or between two.
    Expand {
        /// How to walk.
        walk: Walk,
        /// The relationship found, where the query needs it.
        relationship: Option<Slot>,
    },
    /// How many relationships a node has, where their number is all that is wanted. A row of which
    /// expanding would make none is dropped.
    Degree {
        /// How expanding would walk: to a node that is not bound, excluding nothing.
        walk: Walk,
        /// Where the number goes.
        slot: Slot,
    },
    /// Trails: walks that use no relationship twice.
    ExpandVariable {
        /// How to walk.
        walk: Walk,
        /// The list of relationships, in the order of the pattern as written.
        relationships: Option<Slot>,
        /// Whether the list is to be reversed because the walk goes against the pattern as written.
        reversed: bool,
        /// The least number of relationships.
        min: u32,
        /// The greatest.
        max: Option<u32>,
        /// A predicate each relationship must meet, with the slot that holds it.
        each: Option<(Slot, Box<Expression>)>,
        /// Only the distinct ends matter: a later step makes the rows distinct on them.
        ends_only: bool,
    },
    /// A relationship that is bound already: checks type and direction and binds the ends that are
    /// not bound.
    BindEnds {
        /// The bound relationship.
        relationship: Slot,
        /// How it lies in the pattern; `into` says whether `to` is bound.
        walk: Walk,
        /// Whether `walk.from` is bound too.
        from_bound: bool,
    },
    /// A list of relationships that is bound already (`-[rs*]-` with `rs` bound): checks that it is a
    /// walk from `walk.from` and binds or checks its end.
    BindWalk {
        /// The bound list.
        relationships: Slot,
        /// How it lies in the pattern.
        walk: Walk,
        /// The least length.
        min: u32,
        /// The greatest length.
        max: Option<u32>,
    },
    /// A shortest path between two bound nodes; no row if there is none.
    ShortestPath {
        /// From, to (bound), direction and types.
        walk: Walk,
        /// The relationships of the path.
        relationships: Slot,
        /// The least length (0 or 1).
        min: u32,
        /// The greatest length.
        max: Option<u32>,
        /// All of the shortest rather than one.
        all: bool,
        /// A predicate each relationship must meet.
        each: Option<(Slot, Box<Expression>)>,
    },

    /// What a path program finds from a node. The types and the direction of the walk are those of
    /// the program.
    ExpandPath {
        /// From and to, and what is not to be used again.
        walk: Walk,
        /// What to find.
        program: Box<PathProgram>,
        /// All relationships of a match, in the order of the pattern as written.
        relationships: Option<Slot>,
        /// Whether it walks from the last node of the program to its first.
        reversed: bool,
    },

    /// Keeps the rows for which the predicate is true.
    Filter(Expression),
    /// Computes slots, in order. Other slots stay as they are.
    Project(Vec<(Slot, Expression)>),
    /// A row for each item of a list; none for null.
    Unwind {
        /// The list.
        list: Expression,
        /// The item.
        item: Slot,
    },
    /// Groups rows by keys. Without keys there is exactly one group. In a nested pipeline, slots
    /// that are neither keys nor aggregates keep what the row that entered the pipeline holds.
    Aggregate {
        /// The keys and where they go.
        keys: Vec<(Slot, Expression)>,
        /// The aggregates.
        aggregates: Vec<AggregateCall>,
    },
    /// Keeps one of the rows that are equivalent in these slots.
    Distinct(Vec<Slot>),
    /// Sorts; with a limit, keeps only that many first rows (skip + limit).
    Sort {
        /// The keys, most significant first.
        keys: Vec<SortKey>,
        /// The number of rows needed, if known.
        limit: Option<Expression>,
        /// The slots later steps need.
        live: Vec<Slot>,
    },
    /// Drops the first rows.
    Skip(Expression),
    /// Keeps the first rows.
    Limit(Expression),

    /// The rows of the inner pipeline for each row; the row with nulls in `introduced` if none.
    Optional {
        /// The inner pipeline.
        inner: Pipeline,
        /// The slots it binds.
        introduced: Vec<Slot>,
    },
    /// The rows of the inner pipeline for each row. With a view, the inner pipeline reads there.
    Apply {
        /// The inner pipeline.
        inner: Pipeline,
        /// Where it reads.
        view: Option<ViewClause>,
    },
    /// The rows of the inner pipeline for each row, a number of rows at a time in a transaction of
    /// their own.
    InTransactions(Box<InTransactions>),
    /// The rows of each branch for each row, one branch after the other. Every branch leaves its
    /// columns in the same slots; DISTINCT is a step of its own.
    Union(Vec<Pipeline>),
    /// The rows that each branch makes of all rows, one branch after the other. Every branch leaves its
    /// columns in the same slots; DISTINCT is a step of its own.
    Fork(Vec<Pipeline>),
    /// The rows of a CSV file for each row.
    LoadCsv(Box<LoadCsv>),
    /// The rows a procedure yields for each row.
    CallProcedure {
        /// The procedure.
        procedure: Arc<Procedure>,
        /// Its arguments.
        arguments: Vec<Expression>,
        /// Which result column goes where.
        yields: Vec<(u16, Slot)>,
        /// A procedure without results passes its row on.
        is_void: bool,
    },

    /// CREATE.
    Create(Creation),
    /// MERGE: the rows of `find`; if none, `create`.
    Merge {
        /// Finds the pattern.
        find: Pipeline,
        /// Makes it.
        create: Creation,
        /// For a pattern found.
        on_match: Vec<Update>,
        /// For a pattern made.
        on_create: Vec<Update>,
    },
    /// SET and REMOVE.
    Update(Vec<Update>),
    /// DELETE of nodes, relationships and paths.
    Delete {
        /// What to delete.
        expressions: Vec<Expression>,
        /// Whether relationships of deleted nodes go too.
        detach: bool,
    },
    /// FOREACH.
    Foreach {
        /// The list.
        list: Expression,
        /// The item.
        item: Slot,
        /// Run for each item; its rows are dropped.
        body: Pipeline,
    },
    /// Holds back all rows until the last has arrived, so that a later step sees all effects of the
    /// clause before it.
    Barrier {
        /// The slots later steps need.
        live: Vec<Slot>,
    },
    /// Changes the schema.
    Schema(SchemaChange),
}
