//! GRANT and REVOKE.
//!
//! Roles hold few actions, each on a whole graph. The words of Neo4j's documentation are read where they mean exactly
//! one of them; all others are refused with what there is instead, so that nobody grants more than they wrote.

use super::{Parser, Result};
use crate::ast::{AdministrationCommand, NameOrParameter, Privilege, PrivilegeGrant};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

/// First words of privileges that are not there, longer ones first, and what there is instead.
const REFUSED: [(&[&str], &str); 12] = [
    (
        &["TRAVERSE"],
        "whoever may find elements may read them too: grant `MATCH {*}`",
    ),
    (&["CREATE NEW", "NAME"], "new names come with `WRITE`"),
    (
        &["SHOW INDEX", "SHOW CONSTRAINT"],
        "whoever may read a graph, by `MATCH {*}`, sees its indexes and constraints",
    ),
    (
        &[
            "CREATE INDEX",
            "DROP INDEX",
            "INDEX",
            "CREATE CONSTRAINT",
            "DROP CONSTRAINT",
            "CONSTRAINT",
        ],
        "indexes and constraints are granted together: `GRANT SCHEMA ON GRAPH … TO …`",
    ),
    (
        &["SHOW TRANSACTION", "TERMINATE", "TRANSACTION"],
        "users see and end their own transactions, those with the role `admin` all",
    ),
    (
        &["SHOW SETTING"],
        "whoever may read a graph, by `MATCH {*}`, sees the settings",
    ),
    (
        &[
            "CREATE DATABASE",
            "CREATE COMPOSITE",
            "CREATE ALIAS",
            "CREATE USER",
            "CREATE ROLE",
            "DROP",
            "ALTER",
            "SET DATABASE",
            "SET USER",
            "SET PASSWORD",
            "SHOW",
            "USER",
            "ROLE",
            "PRIVILEGE",
            "ASSIGN",
            "RENAME",
            "REMOVE ROLE",
            "REMOVE PRIVILEGE",
            "DATABASE",
            "COMPOSITE",
            "ALIAS",
            "SERVER",
            "IMPERSONATE",
        ],
        "this is for users with the role `admin`: `GRANT ROLE admin TO …`",
    ),
    (
        &["CREATE", "DELETE", "MERGE", "SET", "REMOVE"],
        "changes are granted together: `WRITE`",
    ),
    (
        &["ACCESS"],
        "whoever may do something with a graph may connect to it: grant `MATCH {*}`",
    ),
    (&["START", "STOP"], "graphs are neither started nor stopped"),
    (
        &["EXECUTE"],
        "procedures and functions need what they do, and are not granted one by one",
    ),
    (&["LOAD"], "`LOAD CSV` comes with `WRITE`"),
];

/// What may be granted, for suggestions.
const PRIVILEGES: [&str; 7] = [
    "MATCH",
    "READ",
    "READ PAST",
    "WRITE",
    "SCHEMA",
    "ADMIN",
    "AUDIT",
];

/// A privilege as read, before it is known on what.
enum Named {
    Is(Privilege),
    /// `ALL PRIVILEGES` of what it is granted on.
    All,
}

impl Parser<'_> {
    /// What follows `GRANT`.
    pub(super) fn grant(&mut self) -> Result<AdministrationCommand> {
        if self.names_roles() {
            let assignment = self.role_assignment(Keyword::To)?;
            return Ok(AdministrationCommand::AssignRoles(assignment));
        }
        self.privilege_grant(Keyword::To)
            .map(AdministrationCommand::Grant)
    }

    /// What follows `REVOKE`.
    pub(super) fn revoke(&mut self) -> Result<AdministrationCommand> {
        self.no_immutable()?;
        if self.is_word_at(0, "DENY") {
            return Err(self
                .refused("nothing is denied that could be taken away")
                .help("`REVOKE` takes away what was granted"));
        }
        if !self.eat_word("GRANT") && self.names_roles() {
            let assignment = self.role_assignment(Keyword::From)?;
            return Ok(AdministrationCommand::UnassignRoles(assignment));
        }
        self.privilege_grant(Keyword::From)
            .map(AdministrationCommand::Revoke)
    }

    /// Whether `ROLES name, …` follows, rather than the privilege `ROLE MANAGEMENT ON DBMS`.
    fn names_roles(&self) -> bool {
        let is_privilege =
            self.is_word_at(1, "MANAGEMENT") && self.keyword_at(2) == Some(Keyword::On);
        (self.is_word_at(0, "ROLE") || self.is_word_at(0, "ROLES")) && !is_privilege
    }

    fn no_immutable(&self) -> Result<()> {
        match self.is_word_at(0, "IMMUTABLE") {
            true => Err(self
                .refused("grants cannot be immutable")
                .help("only those of the built-in roles cannot be changed; leave `IMMUTABLE` out")),
            false => Ok(()),
        }
    }

    /// `privilege ON GRAPHS … TO | FROM role, …`.
    fn privilege_grant(&mut self, direction: Keyword) -> Result<PrivilegeGrant> {
        self.no_immutable()?;
        let start = self.span();
        let named = self.privilege()?;
        let said = self.span_from(start);
        self.expect_keyword(Keyword::On)?;
        let (is_database, graphs) = self.granted_graphs()?;
        let privilege = match named {
            Named::Is(Privilege::ReadAndWrite) if is_database => {
                return Err(Diagnostic::error(
                    Detail::UnexpectedSyntax,
                    said,
                    "the privileges of graphs are granted on graphs",
                )
                .help("write `ON GRAPH`"));
            }
            Named::Is(privilege) => privilege,
            Named::All if is_database => Privilege::Schema,
            Named::All => Privilege::ReadAndWrite,
        };
        if privilege == Privilege::Audit && !graphs.is_empty() {
            return Err(Diagnostic::error(
                Detail::UnexpectedSyntax,
                said,
                "what auditors read is about all graphs",
            )
            .help("write `GRANT AUDIT ON GRAPH * TO …`"));
        }
        self.whole_graph()?;
        self.expect_keyword(direction)?;
        Ok(PrivilegeGrant {
            privilege,
            graphs,
            roles: self.given_names("the name of a role")?,
        })
    }

    /// The words up to `ON`, or to what a privilege is narrowed down by.
    fn privilege(&mut self) -> Result<Named> {
        let start = self.span();
        let mut words: Vec<String> = Vec::new();
        while matches!(self.kind(), TokenKind::Word(_)) && !self.is_keyword(Keyword::On) {
            words.push(self.text().to_ascii_uppercase());
            self.advance();
        }
        let said = words.join(" ");
        let span = self.span_from(start);
        let privilege = match said.as_str() {
            "MATCH" => {
                return self
                    .of_all_properties()
                    .map(|()| Named::Is(Privilege::Read));
            }
            "READ" if self.is(TokenKind::LeftBrace) => {
                return Err(no_privilege("READ {…}", span)
                    .help("whoever may read properties may find elements too: grant `MATCH {*}`"));
            }
            "READ" => Privilege::Read,
            "READ PAST" => Privilege::ReadPast,
            "WRITE" => Privilege::Write,
            "ALL" | "ALL PRIVILEGES" => return Ok(Named::All),
            "ALL GRAPH PRIVILEGES" => Privilege::ReadAndWrite,
            "SCHEMA" | "ALL DATABASE PRIVILEGES" => Privilege::Schema,
            "ADMIN" => Privilege::Admin,
            "AUDIT" => Privilege::Audit,
            "ALL DBMS PRIVILEGES" => return Err(for_administrators(span)),
            "" => return Err(self.unexpected("a privilege such as `MATCH {*}` or `WRITE`")),
            _ => {
                let begins = |prefix: &&str| {
                    let rest = said.strip_prefix(prefix);
                    // Plurals are read as well.
                    rest.is_some_and(|rest| {
                        let rest = rest
                            .strip_prefix("ES")
                            .or(rest.strip_prefix('S'))
                            .unwrap_or(rest);
                        rest.is_empty() || rest.starts_with(' ')
                    })
                };
                let known = REFUSED
                    .iter()
                    .find(|(prefixes, _)| prefixes.iter().any(begins));
                let error = no_privilege(&said, span);
                return Err(match known {
                    Some((_, instead)) => error.help(*instead),
                    None => error
                        .help("there are `MATCH {*}`, `WRITE`, `ALL GRAPH PRIVILEGES`, `READ PAST`, `SCHEMA`, `ADMIN` and `AUDIT`")
                        .suggest(&said, PRIVILEGES),
                });
            }
        };
        Ok(Named::Is(privilege))
    }

    /// `{*}`.
    fn of_all_properties(&mut self) -> Result<()> {
        let start = self.open(TokenKind::LeftBrace, "`{*}`")?;
        if !self.is(TokenKind::Star) {
            return Err(self
                .refused("single properties cannot be granted")
                .secondary(start, "opened here")
                .help("write `{*}`, for all of them"));
        }
        self.advance();
        self.close(TokenKind::RightBrace, "")?;
        Ok(())
    }

    /// `GRAPHS * | name, …`, and whether it says `DATABASES`.
    fn granted_graphs(&mut self) -> Result<(bool, Vec<NameOrParameter>)> {
        let is = |parser: &Self, ahead| {
            let graph = ["GRAPH", "GRAPHS"]
                .iter()
                .any(|word| parser.is_word_at(ahead, word));
            let database = ["DATABASE", "DATABASES"]
                .iter()
                .any(|word| parser.is_word_at(ahead, word));
            (graph || database).then_some(database)
        };
        if (self.is_word_at(0, "HOME") || self.is_word_at(0, "DEFAULT")) && is(self, 1).is_some() {
            return Err(self
                .refused("users have no home graph")
                .help("name the graph, or write `*` for all of them"));
        }
        if self.is_word_at(0, "DBMS") {
            return Err(for_administrators(self.span()));
        }
        let Some(is_database) = is(self, 0) else {
            return Err(
                self.unexpected_word("`GRAPH` or `DATABASE`", &["GRAPH", "GRAPHS", "DATABASE"])
            );
        };
        self.advance();
        if self.eat(TokenKind::Star) {
            return Ok((is_database, Vec::new()));
        }
        Ok((is_database, self.given_names("`*` or the name of a graph")?))
    }

    /// `[ELEMENTS *]`: any other part of a graph cannot be granted.
    fn whole_graph(&mut self) -> Result<()> {
        let names_all = self.peek(1) == TokenKind::Star;
        if names_all && (self.is_word_at(0, "ELEMENTS") || self.is_word_at(0, "ELEMENT")) {
            self.advance();
            self.advance();
            return Ok(());
        }
        let parts = [
            "ELEMENTS",
            "ELEMENT",
            "NODES",
            "NODE",
            "RELATIONSHIPS",
            "RELATIONSHIP",
            "FOR",
        ];
        if parts.iter().any(|word| self.is_word_at(0, word)) {
            return Err(self
                .refused("parts of a graph cannot be granted")
                .help("grants are on whole graphs: leave this out, or keep what others may not see in a graph of its own"));
        }
        Ok(())
    }
}

fn no_privilege(said: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        Detail::UnexpectedSyntax,
        span,
        format!("there is no privilege `{said}`"),
    )
}

fn for_administrators(span: Span) -> Diagnostic {
    Diagnostic::error(
        Detail::UnexpectedSyntax,
        span,
        "what is about no single graph cannot be granted by itself",
    )
    .help("it is for users with the role `admin`: `GRANT ROLE admin TO …`")
}
