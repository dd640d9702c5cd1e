//! Commands on indexes and constraints, SHOW and TERMINATE.

use super::{
    Expression, Identifier, NameOrParameter, PrivilegesAs, PrivilegesOf, Projection, Span,
};

/// A schema or administration command.
#[derive(Clone, PartialEq, Debug)]
pub enum SchemaCommand {
    /// `CREATE … INDEX …`.
    CreateIndex(CreateIndex),
    /// `DROP INDEX …`.
    DropIndex(DropSchema),
    /// `CREATE CONSTRAINT …`.
    CreateConstraint(CreateConstraint),
    /// `DROP CONSTRAINT …`.
    DropConstraint(DropSchema),
    /// `SHOW …` and `TERMINATE TRANSACTIONS …`.
    Show(Box<Show>),
}

/// What an index is made for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IndexKind {
    /// Equality, ranges, prefixes; also the kind that is made when none is named.
    Range,
    /// `CONTAINS`, `ENDS WITH` and `STARTS WITH` on strings.
    Text,
    /// Distances and boxes of points.
    Point,
    /// Words of strings, ranked.
    Fulltext,
    /// Nearest vectors.
    Vector,
    /// Labels or types themselves.
    Lookup,
}

impl IndexKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Range,
        Self::Text,
        Self::Point,
        Self::Fulltext,
        Self::Vector,
        Self::Lookup,
    ];

    /// The word of the language.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Range => "RANGE",
            Self::Text => "TEXT",
            Self::Point => "POINT",
            Self::Fulltext => "FULLTEXT",
            Self::Vector => "VECTOR",
            Self::Lookup => "LOOKUP",
        }
    }
}

/// `(variable:Label)` or `()-[variable:TYPE]-()`.
#[derive(Clone, PartialEq, Debug)]
pub struct SchemaTarget {
    /// Whether it is about relationships.
    pub is_relationship: bool,
    /// Stands for the element; it has no meaning beyond the command.
    pub variable: Identifier,
    /// The labels or types; one but for a full-text index, none for a lookup index.
    pub names: Vec<Identifier>,
}

/// `CREATE [kind] INDEX [name] [IF NOT EXISTS] FOR target ON (…) [OPTIONS {…}]`.
#[derive(Clone, PartialEq, Debug)]
pub struct CreateIndex {
    /// What it is made for.
    pub kind: IndexKind,
    /// Chosen by the database if absent.
    pub name: Option<NameOrParameter>,
    /// Do nothing if there is such an index already.
    pub if_not_exists: bool,
    /// Whose elements are indexed.
    pub target: SchemaTarget,
    /// In index order; at least one but for a lookup index.
    pub properties: Vec<Identifier>,
    /// A map.
    pub options: Option<Expression>,
    /// The command.
    pub span: Span,
}

/// A type that a property may be demanded to have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum ScalarType {
    Boolean,
    String,
    Integer,
    Float,
    Date,
    LocalTime,
    ZonedTime,
    LocalDatetime,
    ZonedDatetime,
    Duration,
    Point,
}

impl ScalarType {
    /// Every type.
    pub const ALL: [Self; 11] = [
        Self::Boolean,
        Self::String,
        Self::Integer,
        Self::Float,
        Self::Date,
        Self::LocalTime,
        Self::ZonedTime,
        Self::LocalDatetime,
        Self::ZonedDatetime,
        Self::Duration,
        Self::Point,
    ];

    /// Its name in the language.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Integer => "INTEGER",
            Self::Float => "FLOAT",
            Self::Date => "DATE",
            Self::LocalTime => "LOCAL TIME",
            Self::ZonedTime => "ZONED TIME",
            Self::LocalDatetime => "LOCAL DATETIME",
            Self::ZonedDatetime => "ZONED DATETIME",
            Self::Duration => "DURATION",
            Self::Point => "POINT",
        }
    }
}

/// A type, or a list of it without nulls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PropertyType {
    /// The type of the value or of its items.
    pub scalar: ScalarType,
    /// `LIST<… NOT NULL>`.
    pub is_list: bool,
}

/// What a constraint demands of its properties.
#[derive(Clone, PartialEq, Debug)]
pub enum ConstraintRule {
    /// `IS UNIQUE`.
    Unique,
    /// `IS NODE KEY`, `IS RELATIONSHIP KEY`, `IS KEY`: they exist and are unique together.
    Key,
    /// `IS NOT NULL`.
    Exists,
    /// `IS :: type | type`: what is there has one of these types.
    Typed(Vec<PropertyType>),
}

/// `CREATE CONSTRAINT [name] [IF NOT EXISTS] FOR target REQUIRE … IS rule [OPTIONS {…}]`.
#[derive(Clone, PartialEq, Debug)]
pub struct CreateConstraint {
    /// Chosen by the database if absent.
    pub name: Option<NameOrParameter>,
    /// Do nothing if there is such a constraint already.
    pub if_not_exists: bool,
    /// Whose elements are constrained.
    pub target: SchemaTarget,
    /// At least one; exactly one for existence and type.
    pub properties: Vec<Identifier>,
    /// What is demanded.
    pub rule: ConstraintRule,
    /// A map.
    pub options: Option<Expression>,
    /// The command.
    pub span: Span,
}

/// `DROP INDEX name [IF EXISTS]`, `DROP CONSTRAINT name [IF EXISTS]`.
#[derive(Clone, PartialEq, Debug)]
pub struct DropSchema {
    /// Which one.
    pub name: NameOrParameter,
    /// Do nothing if there is none.
    pub if_exists: bool,
    /// The command.
    pub span: Span,
}

/// `SHOW subject [YIELD … [WHERE …] [RETURN …] | WHERE …]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Show {
    /// What is listed.
    pub subject: ShowSubject,
    /// The transactions or settings asked for by name; all if empty.
    pub arguments: Vec<Expression>,
    /// `YIELD`: `*`, or fields with or without an alias; with order and limits.
    pub yields: Option<Projection>,
    /// `WHERE`.
    pub predicate: Option<Expression>,
    /// The command that runs for each of the rows; only after `YIELD` of fields, and not beside
    /// `RETURN`, with which the last one ends.
    pub next: Option<Box<Show>>,
    /// `RETURN`; only after `YIELD`.
    pub returns: Option<Projection>,
    /// The command.
    pub span: Span,
}

/// Which constraints `SHOW` lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConstraintFilter {
    /// Those of nodes (false) or relationships (true) only.
    pub is_relationship: Option<bool>,
    /// Those of one sort only.
    pub sort: Option<ConstraintSort>,
}

/// The sorts of constraints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum ConstraintSort {
    Unique,
    Key,
    Exists,
    Typed,
}

/// `EXECUTABLE [BY …]`.
#[derive(Clone, PartialEq, Debug)]
pub enum Executable {
    /// `EXECUTABLE`, `EXECUTABLE BY CURRENT USER`.
    CurrentUser,
    /// `EXECUTABLE BY name`.
    User(Identifier),
}

/// What `SHOW` lists.
#[derive(Clone, PartialEq, Debug)]
pub enum ShowSubject {
    /// `[kind] INDEXES`.
    Indexes(Option<IndexKind>),
    /// `[filter] CONSTRAINTS`.
    Constraints(ConstraintFilter),
    /// `[BUILT IN | USER DEFINED] FUNCTIONS [EXECUTABLE …]`.
    Functions {
        /// Only the built-in ones, or only the others.
        is_built_in: Option<bool>,
        /// Only those a user may call.
        executable: Option<Executable>,
    },
    /// `PROCEDURES [EXECUTABLE …]`.
    Procedures {
        /// Only those a user may call.
        executable: Option<Executable>,
    },
    /// `TRANSACTIONS [id, …]`.
    Transactions,
    /// `TERMINATE TRANSACTIONS id, …`.
    TerminateTransactions,
    /// `DATABASES`.
    Databases,
    /// `DATABASE name`.
    Database(Identifier),
    /// `DEFAULT DATABASE`.
    DefaultDatabase,
    /// `HOME DATABASE`.
    HomeDatabase,
    /// `SETTINGS [name, …]`.
    Settings,
    /// `CURRENT USER`.
    CurrentUser,
    /// `USERS`.
    Users,
    /// `[POPULATED] ROLES [WITH USERS]`.
    Roles {
        /// Only those that somebody has.
        is_populated: bool,
        /// A row for each user who has one.
        with_users: bool,
    },
    /// `[ROLE … | USER …] PRIVILEGES [AS [REVOKE] COMMANDS]`.
    Privileges(PrivilegesOf, PrivilegesAs),
}
