//! Commands on indexes and constraints.

use super::{Identifier, Span, Yield};

/// A schema command.
#[derive(Clone, PartialEq, Debug)]
pub enum SchemaCommand {
    /// `CREATE INDEX …`.
    CreateIndex(CreateIndex),
    /// `DROP INDEX …`.
    DropIndex(DropSchema),
    /// `CREATE CONSTRAINT …`.
    CreateConstraint(CreateConstraint),
    /// `DROP CONSTRAINT …`.
    DropConstraint(DropSchema),
    /// `SHOW INDEXES`, `SHOW CONSTRAINTS`.
    Show(Show),
}

/// `CREATE INDEX [name] [IF NOT EXISTS] FOR (variable:Label) ON (variable.property, …)`.
#[derive(Clone, PartialEq, Debug)]
pub struct CreateIndex {
    /// Chosen by the database if absent.
    pub name: Option<Identifier>,
    /// Do nothing if there is such an index already.
    pub if_not_exists: bool,
    /// The label whose nodes are indexed.
    pub label: Identifier,
    /// The variable that stands for the node; it has no meaning beyond the command.
    pub variable: Identifier,
    /// In index order; at least one.
    pub properties: Vec<Identifier>,
    /// The command.
    pub span: Span,
}

/// `CREATE CONSTRAINT [name] [IF NOT EXISTS] FOR (variable:Label) REQUIRE … IS UNIQUE`.
#[derive(Clone, PartialEq, Debug)]
pub struct CreateConstraint {
    /// Chosen by the database if absent.
    pub name: Option<Identifier>,
    /// Do nothing if there is such a constraint already.
    pub if_not_exists: bool,
    /// The label whose nodes are constrained.
    pub label: Identifier,
    /// The variable that stands for the node; it has no meaning beyond the command.
    pub variable: Identifier,
    /// At least one; together they are unique.
    pub properties: Vec<Identifier>,
    /// The command.
    pub span: Span,
}

/// `DROP INDEX name [IF EXISTS]`, `DROP CONSTRAINT name [IF EXISTS]`.
#[derive(Clone, PartialEq, Debug)]
pub struct DropSchema {
    /// Which one.
    pub name: Identifier,
    /// Do nothing if there is none.
    pub if_exists: bool,
    /// The command.
    pub span: Span,
}

/// `SHOW subject [YIELD … | WHERE …]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Show {
    /// What is listed.
    pub subject: ShowSubject,
    /// Columns and filter; a bare `WHERE` reads as `YIELD * WHERE`.
    pub yields: Option<Yield>,
    /// The command.
    pub span: Span,
}

/// What `SHOW` lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShowSubject {
    /// `INDEX`, `INDEXES`.
    Indexes,
    /// `CONSTRAINT`, `CONSTRAINTS`.
    Constraints,
}
