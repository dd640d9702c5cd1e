//! Clauses.

use super::{Expression, Identifier, PathPattern, QualifiedName, Query, Span};

/// One clause of a single query.
#[derive(Clone, PartialEq, Debug)]
pub enum Clause {
    /// `MATCH`, `OPTIONAL MATCH`.
    Match(Match),
    /// `UNWIND list AS variable`.
    Unwind(Unwind),
    /// `WITH`.
    With(With),
    /// `RETURN`.
    Return(Return),
    /// `CREATE`.
    Create(Create),
    /// `MERGE`.
    Merge(Merge),
    /// `SET`.
    Set(Set),
    /// `REMOVE`.
    Remove(Remove),
    /// `DELETE`, `DETACH DELETE`.
    Delete(Delete),
    /// `CALL procedure(…)`.
    Call(ProcedureCall),
    /// `CALL { … }`.
    Subquery(SubqueryCall),
    /// `FOREACH (… | …)`.
    Foreach(Foreach),
    /// `FILTER predicate`.
    Filter(Filter),
    /// `LET variable = expression, …`.
    Let(Let),
    /// `ORDER BY`, `SKIP` and `LIMIT` that stand alone.
    Page(Page),
    /// `LOAD CSV`.
    LoadCsv(LoadCsv),
    /// `WHEN … THEN … ELSE …`; always the only clause of its query.
    Conditional(Conditional),
    /// `{ … }`, a whole query as a part of a union; always the only clause of its query. It has no time clause of
    /// its own.
    Braced(Box<Query>),
    /// `FINISH`: the query ends and returns nothing.
    Finish(Span),
}

impl Clause {
    /// Where the clause stands.
    pub fn span(&self) -> Span {
        match self {
            Clause::Match(clause) => clause.span,
            Clause::Unwind(clause) => clause.span,
            Clause::With(clause) => clause.span,
            Clause::Return(clause) => clause.span,
            Clause::Create(clause) => clause.span,
            Clause::Merge(clause) => clause.span,
            Clause::Set(clause) => clause.span,
            Clause::Remove(clause) => clause.span,
            Clause::Delete(clause) => clause.span,
            Clause::Call(clause) => clause.span,
            Clause::Subquery(clause) => clause.span,
            Clause::Foreach(clause) => clause.span,
            Clause::Filter(clause) => clause.span,
            Clause::Let(clause) => clause.span,
            Clause::Page(clause) => clause.span,
            Clause::LoadCsv(clause) => clause.span,
            Clause::Conditional(clause) => clause.span,
            Clause::Braced(query) => query.span,
            Clause::Finish(span) => *span,
        }
    }

    /// The keyword that starts the clause, for messages.
    pub fn keyword(&self) -> &'static str {
        match self {
            Clause::Match(clause) if clause.optional => "OPTIONAL MATCH",
            Clause::Match(_) => "MATCH",
            Clause::Unwind(_) => "UNWIND",
            Clause::With(_) => "WITH",
            Clause::Return(_) => "RETURN",
            Clause::Create(_) => "CREATE",
            Clause::Merge(_) => "MERGE",
            Clause::Set(_) => "SET",
            Clause::Remove(_) => "REMOVE",
            Clause::Delete(clause) if clause.detach => "DETACH DELETE",
            Clause::Delete(_) => "DELETE",
            Clause::Subquery(call) if call.optional => "OPTIONAL CALL",
            Clause::Call(call) if call.optional => "OPTIONAL CALL",
            Clause::Call(_) | Clause::Subquery(_) => "CALL",
            Clause::Foreach(_) => "FOREACH",
            Clause::Filter(_) => "FILTER",
            Clause::Let(_) => "LET",
            Clause::Page(page) if !page.order_by.is_empty() => "ORDER BY",
            Clause::Page(page) if page.skip.is_some() => "SKIP",
            Clause::Page(_) => "LIMIT",
            Clause::LoadCsv(_) => "LOAD CSV",
            Clause::Conditional(_) => "WHEN",
            Clause::Braced(_) => "{",
            Clause::Finish(_) => "FINISH",
        }
    }

    /// Whether the clause itself writes: `CREATE`, `MERGE`, `SET`, `REMOVE`, `DELETE`, `FOREACH`.
    pub fn is_updating(&self) -> bool {
        matches!(
            self,
            Clause::Create(_)
                | Clause::Merge(_)
                | Clause::Set(_)
                | Clause::Remove(_)
                | Clause::Delete(_)
                | Clause::Foreach(_)
        )
    }
}

/// What may repeat in what one `MATCH` matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MatchMode {
    /// `DIFFERENT RELATIONSHIPS`, the default: no relationship occurs twice.
    DifferentRelationships,
    /// `REPEATABLE ELEMENTS`: nodes and relationships may.
    RepeatableElements,
}

/// `[OPTIONAL] MATCH [mode] pattern, … [WHERE predicate]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Match {
    /// Keep a row when nothing matches.
    pub optional: bool,
    /// What may repeat in what matches, if written.
    pub mode: Option<MatchMode>,
    /// At least one.
    pub patterns: Vec<PathPattern>,
    /// `WHERE`.
    pub predicate: Option<Expression>,
    /// The clause.
    pub span: Span,
}

/// `UNWIND list AS variable`.
#[derive(Clone, PartialEq, Debug)]
pub struct Unwind {
    /// The list.
    pub list: Expression,
    /// Bound to each element in turn.
    pub variable: Identifier,
    /// The clause.
    pub span: Span,
}

/// `WITH projection [WHERE predicate]`.
#[derive(Clone, PartialEq, Debug)]
pub struct With {
    /// What is kept.
    pub projection: Projection,
    /// Applied after the projection, its order and its limits.
    pub predicate: Option<Expression>,
    /// The clause.
    pub span: Span,
}

/// `RETURN projection`.
#[derive(Clone, PartialEq, Debug)]
pub struct Return {
    /// What is returned.
    pub projection: Projection,
    /// The clause.
    pub span: Span,
}

/// What `WITH` and `RETURN` share. `star` is set or `items` is not empty.
#[derive(Clone, PartialEq, Debug)]
pub struct Projection {
    /// `DISTINCT`.
    pub distinct: bool,
    /// `*` stands first.
    pub star: bool,
    /// What else is listed.
    pub items: Vec<ProjectionItem>,
    /// `ORDER BY`; empty if absent.
    pub order_by: Vec<SortItem>,
    /// `SKIP` (or `OFFSET`).
    pub skip: Option<Expression>,
    /// `LIMIT`.
    pub limit: Option<Expression>,
    /// From `DISTINCT` or the first item to the end of `LIMIT`.
    pub span: Span,
}

/// `expression [AS alias]`.
///
/// Without an alias, the column is named by the text of the expression's span.
#[derive(Clone, PartialEq, Debug)]
pub struct ProjectionItem {
    /// What is computed.
    pub expression: Expression,
    /// Its name.
    pub alias: Option<Identifier>,
    /// The item.
    pub span: Span,
}

/// `expression [ASC | DESC]`.
#[derive(Clone, PartialEq, Debug)]
pub struct SortItem {
    /// The key.
    pub expression: Expression,
    /// `DESC` or `DESCENDING`.
    pub descending: bool,
    /// The item.
    pub span: Span,
}

/// `CREATE pattern, …`.
#[derive(Clone, PartialEq, Debug)]
pub struct Create {
    /// At least one.
    pub patterns: Vec<PathPattern>,
    /// The clause.
    pub span: Span,
}

/// `MERGE pattern [ON CREATE SET …] [ON MATCH SET …]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Merge {
    /// What to find or else create.
    pub pattern: PathPattern,
    /// In the order written; each event may occur several times.
    pub actions: Vec<MergeAction>,
    /// The clause.
    pub span: Span,
}

/// `ON CREATE SET …` or `ON MATCH SET …`.
#[derive(Clone, PartialEq, Debug)]
pub struct MergeAction {
    /// When the action runs.
    pub event: MergeEvent,
    /// What it sets.
    pub items: Vec<SetItem>,
    /// From `ON` on.
    pub span: Span,
}

/// The outcome of a `MERGE` for one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MergeEvent {
    /// Nothing matched.
    Create,
    /// Something matched.
    Match,
}

/// `SET item, …`.
#[derive(Clone, PartialEq, Debug)]
pub struct Set {
    /// At least one, applied in order.
    pub items: Vec<SetItem>,
    /// The clause.
    pub span: Span,
}

/// One assignment.
#[derive(Clone, PartialEq, Debug)]
pub struct SetItem {
    /// What is assigned.
    pub kind: SetItemKind,
    /// The item.
    pub span: Span,
}

/// The forms of assignment.
#[derive(Clone, PartialEq, Debug)]
pub enum SetItemKind {
    /// `subject.key = value`.
    Property {
        /// Whose property.
        subject: Expression,
        /// Which property.
        key: Identifier,
        /// Its new value.
        value: Expression,
    },
    /// `variable = map`: replaces all properties.
    Replace {
        /// A node or relationship.
        variable: Identifier,
        /// A map, node or relationship.
        value: Expression,
    },
    /// `variable += map`: sets the properties named, keeps the others.
    Merge {
        /// A node or relationship.
        variable: Identifier,
        /// A map, node or relationship.
        value: Expression,
    },
    /// `subject[key] = value`.
    Dynamic {
        /// Whose property.
        subject: Expression,
        /// Gives the name of the property.
        key: Expression,
        /// Its new value.
        value: Expression,
    },
    /// `variable:Label:Label`.
    Labels {
        /// A node.
        variable: Identifier,
        /// At least one.
        labels: Vec<LabelName>,
    },
}

/// A label to be given or taken.
#[derive(Clone, PartialEq, Debug)]
pub enum LabelName {
    /// `Label`.
    Plain(Identifier),
    /// `$(expression)`: the name, or a list of names.
    Dynamic(Expression),
}

/// `REMOVE item, …`.
#[derive(Clone, PartialEq, Debug)]
pub struct Remove {
    /// At least one.
    pub items: Vec<RemoveItem>,
    /// The clause.
    pub span: Span,
}

/// One thing to remove.
#[derive(Clone, PartialEq, Debug)]
pub struct RemoveItem {
    /// What is removed.
    pub kind: RemoveItemKind,
    /// The item.
    pub span: Span,
}

/// The forms of removal.
#[derive(Clone, PartialEq, Debug)]
pub enum RemoveItemKind {
    /// `subject.key`.
    Property {
        /// Whose property.
        subject: Expression,
        /// Which property.
        key: Identifier,
    },
    /// `subject[key]`.
    Dynamic {
        /// Whose property.
        subject: Expression,
        /// Gives the name of the property.
        key: Expression,
    },
    /// `variable:Label:Label`.
    Labels {
        /// A node.
        variable: Identifier,
        /// At least one.
        labels: Vec<LabelName>,
    },
}

/// `[DETACH] DELETE expression, …`.
#[derive(Clone, PartialEq, Debug)]
pub struct Delete {
    /// Deletes the relationships of deleted nodes as well.
    pub detach: bool,
    /// At least one.
    pub expressions: Vec<Expression>,
    /// The clause.
    pub span: Span,
}

/// `[OPTIONAL] CALL procedure[(argument, …)] [YIELD …]`.
#[derive(Clone, PartialEq, Debug)]
pub struct ProcedureCall {
    /// Keep a row when nothing is yielded.
    pub optional: bool,
    /// Which procedure.
    pub name: QualifiedName,
    /// `None` when no parentheses are written: arguments then come from the parameters, which
    /// only a standalone call (the only clause of its query) may do.
    pub arguments: Option<Vec<Expression>>,
    /// `YIELD`; the parser admits `YIELD *` only in standalone calls.
    pub yields: Option<Yield>,
    /// The clause.
    pub span: Span,
}

/// `YIELD * | field [AS variable], … [WHERE predicate]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Yield {
    /// Which fields.
    pub items: YieldItems,
    /// Filters the rows.
    pub predicate: Option<Expression>,
    /// From `YIELD` on.
    pub span: Span,
}

/// The fields taken from a procedure.
#[derive(Clone, PartialEq, Debug)]
pub enum YieldItems {
    /// `*`.
    All,
    /// In the order written; at least one.
    Fields(Vec<YieldItem>),
}

/// `field [AS variable]`.
#[derive(Clone, PartialEq, Debug)]
pub struct YieldItem {
    /// A result field of the procedure.
    pub field: Identifier,
    /// The variable it is bound to, if not its own name.
    pub alias: Option<Identifier>,
    /// The item.
    pub span: Span,
}

impl YieldItem {
    /// The variable the field is bound to.
    pub fn variable(&self) -> &Identifier {
        self.alias.as_ref().unwrap_or(&self.field)
    }
}

/// `[OPTIONAL] CALL { query }` and `[OPTIONAL] CALL (variable, …) { query }`.
#[derive(Clone, PartialEq, Debug)]
pub struct SubqueryCall {
    /// Keep a row when the query returns none.
    pub optional: bool,
    /// What the query sees; `None` when it imports by a leading `WITH`.
    pub scope: Option<SubqueryScope>,
    /// The query, which may carry its own time clause.
    pub query: Box<Query>,
    /// `IN TRANSACTIONS …`.
    pub transactions: Option<Box<InTransactions>>,
    /// The clause.
    pub span: Span,
}

/// `IN [[number] CONCURRENT] TRANSACTIONS [OF number ROWS] [ON ERROR …] [REPORT STATUS AS variable]`.
#[derive(Clone, PartialEq, Debug)]
pub struct InTransactions {
    /// Whether transactions may run at the same time.
    pub concurrency: Option<Concurrency>,
    /// How many rows go into one transaction.
    pub rows: Option<Expression>,
    /// Whether one that fails is to be tried again first.
    pub retry: Option<Retry>,
    /// What becomes of the rest when one fails.
    pub on_error: OnError,
    /// The variable that tells how the transaction of a row went.
    pub status: Option<Identifier>,
    /// From `IN` on.
    pub span: Span,
}

/// `[number] CONCURRENT`.
#[derive(Clone, PartialEq, Debug)]
pub struct Concurrency {
    /// How many transactions may run at the same time.
    pub count: Option<Expression>,
}

/// `ON ERROR RETRY [FOR number SECONDS] [THEN …]`: a transaction that fails through no fault of its own is
/// tried again.
#[derive(Clone, PartialEq, Debug)]
pub struct Retry {
    /// For how long.
    pub seconds: Option<Expression>,
}

/// What a failed transaction of a subquery means for the query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnError {
    /// The query fails; also without `ON ERROR`.
    Fail,
    /// The next transaction begins.
    Continue,
    /// No other transaction begins.
    Break,
}

impl OnError {
    /// The word as written.
    pub fn as_str(self) -> &'static str {
        match self {
            OnError::Fail => "FAIL",
            OnError::Continue => "CONTINUE",
            OnError::Break => "BREAK",
        }
    }
}

/// The variables a subquery sees.
#[derive(Clone, PartialEq, Debug)]
pub enum SubqueryScope {
    /// `(*)`.
    All,
    /// `(a, b)`, possibly empty.
    Variables(Vec<Identifier>),
}

/// `FOREACH (variable IN list | clause …)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Foreach {
    /// Bound to each element in turn.
    pub variable: Identifier,
    /// The list.
    pub list: Expression,
    /// Updating clauses; at least one.
    pub clauses: Vec<Clause>,
    /// The clause.
    pub span: Span,
}

/// `FILTER [WHERE] predicate`.
#[derive(Clone, PartialEq, Debug)]
pub struct Filter {
    /// Which rows are kept.
    pub predicate: Expression,
    /// The clause.
    pub span: Span,
}

/// `LET variable = expression, …`.
#[derive(Clone, PartialEq, Debug)]
pub struct Let {
    /// At least one; none sees the others.
    pub items: Vec<LetItem>,
    /// The clause.
    pub span: Span,
}

/// `variable = expression`.
#[derive(Clone, PartialEq, Debug)]
pub struct LetItem {
    /// A new variable.
    pub variable: Identifier,
    /// Its value.
    pub value: Expression,
}

/// `[ORDER BY item, …] [SKIP number] [LIMIT number]`; at least one of them.
#[derive(Clone, PartialEq, Debug)]
pub struct Page {
    /// `ORDER BY`; empty if absent.
    pub order_by: Vec<SortItem>,
    /// `SKIP` (or `OFFSET`).
    pub skip: Option<Expression>,
    /// `LIMIT`.
    pub limit: Option<Expression>,
    /// The clause.
    pub span: Span,
}

/// `LOAD CSV [WITH HEADERS] FROM url AS variable [FIELDTERMINATOR 'character']`.
#[derive(Clone, PartialEq, Debug)]
pub struct LoadCsv {
    /// The first line names the fields, and rows are maps; else rows are lists.
    pub headers: bool,
    /// Where the file is.
    pub url: Expression,
    /// Bound to each row in turn.
    pub variable: Identifier,
    /// What stands between fields, an ASCII character; a comma if absent.
    pub terminator: Option<char>,
    /// The clause.
    pub span: Span,
}

/// `WHEN predicate THEN { query } … [ELSE { query }]`: for each row, the first query whose predicate
/// holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Conditional {
    /// At least one.
    pub branches: Vec<ConditionalBranch>,
    /// `ELSE`; no rows if absent.
    pub otherwise: Option<Box<Query>>,
    /// From the first `WHEN` on.
    pub span: Span,
}

/// `WHEN predicate THEN { query }`.
#[derive(Clone, PartialEq, Debug)]
pub struct ConditionalBranch {
    /// When it runs.
    pub predicate: Expression,
    /// What runs.
    pub query: Query,
}
