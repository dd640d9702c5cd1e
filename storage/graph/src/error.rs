//! What can go wrong in a graph.
//!
//! Three kinds never mix: mistakes of the caller ([`GraphError`] but for its last variants), a lost
//! certification that may be retried ([`CommitError::Conflict`]), and broken storage or divergence
//! ([`StoreError`], [`GraphError::Corrupt`], [`ApplyError`]), after which the member stops.

use std::sync::Arc;

use crate::encoding::{DecodeError, EncodeError};
use crate::ids::{ElementId, NodeId, RelationshipId, SystemTime, Version};
use crate::kv::StoreError;

/// A read or a write of the graph failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The version does not exist yet.
    #[error("version {version} lies in the future: the latest is {latest}")]
    FutureVersion {
        /// The version asked for.
        version: Version,
        /// The latest that exists.
        latest: Version,
    },
    /// The version has been moved out of the hot store.
    #[error("version {version} is older than the oldest readable one, {horizon}")]
    BeforeHorizon {
        /// The version asked for.
        version: Version,
        /// The oldest that can be read.
        horizon: Version,
    },
    /// The instant is later than the time up to which history is final.
    #[error("instant {time} lies in the future: closed up to {closed}")]
    FutureInstant {
        /// The instant asked for, in microseconds since 1970.
        time: SystemTime,
        /// The closed time.
        closed: SystemTime,
    },
    /// The instant lies before anything was recorded.
    #[error("instant {time} lies before the graph existed: the oldest readable moment is {oldest}")]
    BeforeGraph {
        /// The instant asked for, in microseconds since 1970.
        time: SystemTime,
        /// The oldest instant with an answer.
        oldest: SystemTime,
    },
    /// The log cannot keep that history is final up to the instant, so it is not answered.
    #[error(
        "instant {time} cannot be answered for good, because the log cannot be written: {reason}"
    )]
    NotClosed {
        /// The instant asked for, in microseconds since 1970.
        time: SystemTime,
        /// What the log said.
        reason: String,
    },
    /// A query cannot be asked of a full-text index.
    #[error("{0}")]
    Search(retrograph_text::search::SearchError),
    /// An element to be written does not exist in the view, or was deleted in the transaction.
    #[error("{0:?} does not exist")]
    NoSuchElement(ElementId),
    /// A label, type or property key was given by a number that nobody has named.
    #[error("there is no {kind} with the number {id}")]
    UnknownToken {
        /// What it would be.
        kind: &'static str,
        /// The number.
        id: u32,
    },
    /// An end of a relationship to be created does not exist or was deleted.
    #[error("node {0} does not exist, so no relationship can start or end there")]
    NoSuchEnd(NodeId),
    /// A node was deleted that still has relationships.
    #[error("node {node} still has relationship {relationship}, so it cannot be deleted")]
    NodeStillConnected {
        /// The node.
        node: NodeId,
        /// One of its relationships.
        relationship: RelationshipId,
    },
    /// Two nodes would have the same value of a property that is unique for their label.
    #[error(
        "node {existing} already exists with label {label} and property {key} = {value}, which \
         constraint {constraint} makes unique, so node {node} cannot have it"
    )]
    NotUnique {
        /// The constraint.
        constraint: Arc<str>,
        /// The label it is about.
        label: Arc<str>,
        /// The property it is about.
        key: Arc<str>,
        /// The value in question.
        value: String,
        /// The node that was to get the value.
        node: NodeId,
        /// The node that has it.
        existing: NodeId,
    },
    /// A property value is too long for the index that covers it.
    #[error(
        "the value of {label}.{key} of node {node} takes {bytes} bytes in index {index}; \
         the most is {limit}"
    )]
    IndexedValueTooLong {
        /// The index.
        index: Arc<str>,
        /// The label it is about.
        label: Arc<str>,
        /// The property it is about.
        key: Arc<str>,
        /// The node.
        node: NodeId,
        /// The length of the value's key.
        bytes: usize,
        /// The longest that fits.
        limit: usize,
    },
    /// Two elements would have the same values of properties that are unique together.
    #[error(
        "{element} cannot be a {target} with {values}: {existing} is one and constraint {constraint} \
         makes that unique"
    )]
    NotUniqueTogether {
        /// The element that was to get the values.
        element: Box<str>,
        /// The label or type.
        target: Arc<str>,
        /// The properties with their values.
        values: Box<str>,
        /// The element that has them.
        existing: Box<str>,
        /// The constraint.
        constraint: Arc<str>,
    },
    /// An element lacks a property that it must have.
    #[error("{element} has no {property}, which constraint {constraint} demands")]
    PropertyMissing {
        /// The element.
        element: Box<str>,
        /// The property with its label or type.
        property: Box<str>,
        /// The constraint.
        constraint: Arc<str>,
    },
    /// A property has a value of a type that it must not have.
    #[error("{element} cannot have {property} = {value}: constraint {constraint} demands {wanted}")]
    PropertyOfWrongType {
        /// The element.
        element: Box<str>,
        /// The property with its label or type.
        property: Box<str>,
        /// The value and its type.
        value: Box<str>,
        /// The types demanded.
        wanted: Box<str>,
        /// The constraint.
        constraint: Arc<str>,
    },
    /// Property values are too long for the rows of a constraint or index.
    #[error(
        "the values of {element} as a {target} take {bytes} bytes in the index of {constraint}; \
         the most is {limit}"
    )]
    ConstrainedValueTooLong {
        /// The element.
        element: Box<str>,
        /// The label or type.
        target: Arc<str>,
        /// The constraint or index.
        constraint: Arc<str>,
        /// The length of the key.
        bytes: usize,
        /// The longest that fits.
        limit: usize,
    },
    /// A value cannot be stored, or a record would be too large.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The writes of one transaction are too many.
    #[error(
        "the transaction writes more than {limit} bytes; split it with \
         CALL {{ … }} IN TRANSACTIONS"
    )]
    TransactionTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The texts of one transaction have too many terms for full-text indexes.
    #[error(
        "the transaction changes more than {limit} entries of full-text indexes, one for each word of each \
         text; split it with CALL {{ … }} IN TRANSACTIONS, or divide the text"
    )]
    TooManyTerms {
        /// The limit.
        limit: usize,
    },
    /// An index is asked for on too many properties.
    #[error("index {index} is on {count} properties; the most is {limit}")]
    TooManyProperties {
        /// The index.
        index: Arc<str>,
        /// How many.
        count: usize,
        /// The most.
        limit: usize,
    },
    /// A transaction may change the schema or data, not both.
    #[error("a transaction cannot change both the schema and data")]
    SchemaAndData,
    /// There is an index or a constraint of that name, or one that keeps the same.
    #[error(
        "there is {existing} already, of that name or on the same properties of the same label or \
         type; SHOW INDEXES and SHOW CONSTRAINTS tell what it is: drop it first, choose another name, \
         or write IF NOT EXISTS"
    )]
    SchemaExists {
        /// The name of what exists.
        existing: Arc<str>,
    },
    /// Whoever asked for a check of all elements did not let it go on.
    #[error("the check of what there is was stopped")]
    Interrupted,
    /// There is no index or constraint of that name.
    #[error("there is no {what} named {name}")]
    NoSuchSchema {
        /// `index` or `constraint`.
        what: &'static str,
        /// The name asked for.
        name: Arc<str>,
    },
    /// An index does not reach back to the version of the view, or has been dropped.
    #[error("index {index} does not cover version {version}")]
    IndexNotCovering {
        /// The number of the index.
        index: u32,
        /// The version of the view.
        version: Version,
    },
    /// The graph does not accept writes on this member.
    #[error("this member does not lead the graph, so it cannot write")]
    NotLeading,
    /// The store was written by a newer program.
    #[error(
        "the store has format {found}, this program reads up to {supported}: use a newer program"
    )]
    NewerFormat {
        /// The format found.
        found: u32,
        /// The newest that is known.
        supported: u32,
    },
    /// Stored bytes contradict each other or cannot be read.
    #[error("corrupt {what}: {detail}")]
    Corrupt {
        /// Which row.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GraphError {
    pub(crate) fn corrupt(what: impl Into<String>, detail: impl ToString) -> Self {
        Self::Corrupt {
            what: what.into(),
            detail: detail.to_string(),
        }
    }
}

impl From<DecodeError> for GraphError {
    fn from(error: DecodeError) -> Self {
        Self::corrupt("row", error)
    }
}

/// A transaction was not committed, or it is not known whether it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Another commit changed what the transaction read or wrote. May be retried.
    #[error(
        "write conflict with version {version}: {what} changed; the transaction can be retried"
    )]
    Conflict {
        /// The commit in the way.
        version: Version,
        /// What both touched.
        what: String,
    },
    /// The view of the transaction is too old to be certified. May be retried.
    #[error("the transaction began at version {view}, too long ago to be certified; retry it")]
    ViewTooOld {
        /// The version of its view.
        view: Version,
    },
    /// The clock ran back or the times of the log run ahead of it.
    #[error(
        "the clock shows {now}, but the last commit has the time {last}: writes are refused until \
         the clock is right"
    )]
    Clock {
        /// What the clock shows, in microseconds since 1970.
        now: SystemTime,
        /// The time of the last commit or answered read.
        last: SystemTime,
    },
    /// Times of another system are accepted only before the first commit with a time of its own.
    #[error("the graph has commits of its own, so commits with asserted times are refused")]
    AssertedTooLate,
    /// The member does not lead the graph any more. Nothing was written; may be retried elsewhere.
    #[error("this member does not lead the graph")]
    NotLeading,
    /// The log does not take entries any more: it failed, or is closed. Nothing was written.
    #[error("the commit was refused, nothing was written: {reason}")]
    Refused {
        /// What the log said.
        reason: String,
    },
    /// The log failed after it had been given the entry: the commit may or may not exist.
    #[error("the outcome of the commit is unknown: {reason}")]
    OutcomeUnknown {
        /// What the log said.
        reason: String,
    },
    /// The transaction itself is at fault.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl CommitError {
    /// Whether running the transaction again may succeed, here or elsewhere.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        self.is_lost_certification() || matches!(self, Self::NotLeading)
    }

    /// Whether running the transaction again on this member may succeed.
    #[must_use]
    pub const fn is_lost_certification(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::ViewTooOld { .. })
    }
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        Self::Graph(error.into())
    }
}

/// An entry of the log could not be applied. Each of these stops the member: the entry is agreed, so
/// going on would mean to disagree with the others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The entry cannot be read.
    #[error("log entry {index} cannot be read: {source}")]
    Malformed {
        /// The log index.
        index: u64,
        /// What is wrong.
        #[source]
        source: DecodeError,
    },
    /// The entry was written by a newer program.
    #[error("log entry {index} has format {found}, this program reads up to {supported}")]
    NewerFormat {
        /// The log index.
        index: u64,
        /// The format found.
        found: u8,
        /// The newest that is known.
        supported: u8,
    },
    /// The entry does not follow the state of this member.
    #[error("log entry {index} does not fit this member's state: {detail}")]
    Diverged {
        /// The log index.
        index: u64,
        /// What was expected and what was found.
        detail: String,
    },
    /// The entry is not the next one.
    #[error("log entry {found} was given where {expected} is next")]
    OutOfOrder {
        /// The next index.
        expected: u64,
        /// The index given.
        found: u64,
    },
    /// The graph could not be read or written.
    #[error("log entry {index} could not be applied: {source}")]
    Graph {
        /// The log index.
        index: u64,
        /// What failed.
        #[source]
        source: GraphError,
    },
}
