//! SHOW and TERMINATE.
//!
//! The words of these commands are no keywords elsewhere, so they are compared as they stand.

use super::{Parser, Result};
use crate::ast::{
    ConstraintFilter, ConstraintSort, Executable, Expression, ExpressionKind, IndexKind,
    PrivilegesAs, PrivilegesOf, Projection, ProjectionItem, Show, ShowSubject,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;

/// What may follow SHOW, for suggestions.
const SUBJECTS: [&str; 17] = [
    "INDEXES",
    "CONSTRAINTS",
    "FUNCTIONS",
    "PROCEDURES",
    "TRANSACTIONS",
    "DATABASES",
    "DATABASE",
    "SETTINGS",
    "CURRENT USER",
    "USERS",
    "ROLES",
    "PRIVILEGES",
    "RANGE INDEXES",
    "TEXT INDEXES",
    "POINT INDEXES",
    "FULLTEXT INDEXES",
    "VECTOR INDEXES",
];

impl Parser<'_> {
    /// Consumes one of several words that mean the same.
    fn eat_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.eat_word(word))
    }

    /// Consumes a word that has to stand here.
    pub(super) fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) {
            return Ok(());
        }
        Err(self.unexpected_word(&format!("`{word}`"), &[word]))
    }

    /// "expected …, found …", with a suggestion if the word here resembles one of `words`.
    pub(super) fn unexpected_word(&self, expected: &str, words: &[&str]) -> Diagnostic {
        let error = self.unexpected(expected);
        if error.detail == Detail::UnexpectedSyntax
            && let TokenKind::Word(None) = self.kind()
        {
            return error.suggest(self.text(), words.iter().copied());
        }
        error
    }

    pub(super) fn show(&mut self) -> Result<Show> {
        let start = self.expect_keyword(Keyword::Show)?;
        let subject = self.show_subject()?;
        let mut arguments = Vec::new();
        if matches!(subject, ShowSubject::Transactions | ShowSubject::Settings)
            && !self.ends_show_subject()
        {
            arguments = self.list(Self::expression)?;
        }
        self.show_rest(subject, arguments, start)
    }

    /// `TERMINATE TRANSACTION[S] id, …`.
    pub(super) fn terminate(&mut self) -> Result<Show> {
        let start = self.advance().span;
        if !self.eat_any(&["TRANSACTIONS", "TRANSACTION"]) {
            return Err(self.unexpected_word("`TRANSACTIONS`", &["TRANSACTIONS", "TRANSACTION"]));
        }
        if self.ends_show_subject() {
            let error = self.unexpected("the id of a transaction");
            return Err(error.help("`SHOW TRANSACTIONS` lists the ids"));
        }
        let arguments = self.list(Self::expression)?;
        self.show_rest(ShowSubject::TerminateTransactions, arguments, start)
    }

    fn ends_show_subject(&self) -> bool {
        matches!(self.kind(), TokenKind::End | TokenKind::Semicolon)
            || self.is_keyword(Keyword::Yield)
            || self.is_keyword(Keyword::Where)
    }

    fn show_subject(&mut self) -> Result<ShowSubject> {
        let is_indexes = |parser: &mut Self| parser.eat_any(&["INDEXES", "INDEX"]);
        if is_indexes(self) {
            return Ok(ShowSubject::Indexes(None));
        }
        for kind in IndexKind::ALL {
            let is_next = self.is_word_at(1, "INDEXES") || self.is_word_at(1, "INDEX");
            if is_next && self.eat_word(kind.word()) {
                self.advance();
                return Ok(ShowSubject::Indexes(Some(kind)));
            }
        }
        if self.eat_any(&["FUNCTIONS", "FUNCTION"]) {
            return self.functions(None);
        }
        if self.is_word_at(0, "BUILT") {
            self.advance();
            self.expect_keyword(Keyword::In)?;
            self.expect_functions()?;
            return self.functions(Some(true));
        }
        if self.is_word_at(0, "USER") && self.is_word_at(1, "DEFINED") {
            self.advance();
            self.advance();
            self.expect_functions()?;
            return self.functions(Some(false));
        }
        if let Some(subject) = self.administered_subject()? {
            return Ok(subject);
        }
        if self.eat_any(&["PROCEDURES", "PROCEDURE"]) {
            let executable = self.executable()?;
            return Ok(ShowSubject::Procedures { executable });
        }
        if self.eat_any(&["TRANSACTIONS", "TRANSACTION"]) {
            return Ok(ShowSubject::Transactions);
        }
        if self.eat_any(&["SETTINGS", "SETTING"]) {
            return Ok(ShowSubject::Settings);
        }
        if self.eat_word("DATABASES") {
            return Ok(ShowSubject::Databases);
        }
        if self.eat_word("DATABASE") {
            if self.ends_show_subject() {
                return Ok(ShowSubject::Databases);
            }
            let name = self.identifier("the name of a database")?;
            return Ok(ShowSubject::Database(name));
        }
        if self.is_word_at(1, "DATABASE") && self.eat_word("DEFAULT") {
            self.advance();
            return Ok(ShowSubject::DefaultDatabase);
        }
        if self.is_word_at(1, "DATABASE") && self.eat_word("HOME") {
            self.advance();
            return Ok(ShowSubject::HomeDatabase);
        }
        if self.is_word_at(1, "USER") && self.eat_word("CURRENT") {
            self.advance();
            return Ok(ShowSubject::CurrentUser);
        }
        if self.is_word_at(0, "ALL") {
            self.advance();
            if self.eat_any(&["FUNCTIONS", "FUNCTION"]) {
                return self.functions(None);
            }
            if is_indexes(self) {
                return Ok(ShowSubject::Indexes(None));
            }
        }
        if let Some(filter) = self.constraint_filter() {
            return Ok(ShowSubject::Constraints(filter));
        }
        Err(self.unexpected_word(
            "`INDEXES`, `CONSTRAINTS` or another thing that can be shown",
            &SUBJECTS,
        ))
    }

    /// `USERS`, `[ALL | POPULATED] ROLES [WITH USERS]`, `[ALL] PRIVILEGES`, and the privileges of users and roles.
    fn administered_subject(&mut self) -> Result<Option<ShowSubject>> {
        let is_any = |parser: &Self, ahead: usize, words: [&str; 2]| {
            words.iter().any(|word| parser.is_word_at(ahead, word))
        };
        let (roles, privileges) = (["ROLES", "ROLE"], ["PRIVILEGES", "PRIVILEGE"]);
        if is_any(self, 0, ["USERS", "USER"]) {
            self.advance();
            if self.is_keyword(Keyword::With) {
                return Err(self
                    .refused("how users prove who they are is not listed")
                    .help("`SHOW USERS YIELD *` tells whether they have a password"));
            }
            if self.ends_show_subject() {
                return Ok(Some(ShowSubject::Users));
            }
            let mut names = Vec::new();
            if !is_any(self, 0, privileges) {
                names = self.given_names("the name of a user or `PRIVILEGES`")?;
            }
            return self.privileges(PrivilegesOf::Users(names)).map(Some);
        }
        let is_all =
            self.is_word_at(0, "ALL") && (is_any(self, 1, roles) || is_any(self, 1, privileges));
        let is_populated = self.is_word_at(0, "POPULATED");
        if is_all || is_populated {
            self.advance();
        }
        if !is_populated && is_any(self, 0, privileges) {
            return self.privileges(PrivilegesOf::Everybody).map(Some);
        }
        if !self.eat_any(&roles) {
            return match is_populated {
                true => Err(self.unexpected_word("`ROLES`", &roles)),
                false => Ok(None),
            };
        }
        let with_users = self.eat_keyword(Keyword::With);
        if with_users && !self.eat_any(&["USERS", "USER"]) {
            return Err(self.unexpected_word("`USERS`", &["USERS"]));
        }
        if with_users || is_all || is_populated || self.ends_show_subject() {
            return Ok(Some(ShowSubject::Roles {
                is_populated,
                with_users,
            }));
        }
        let names = self.given_names("the name of a role")?;
        self.privileges(PrivilegesOf::Roles(names)).map(Some)
    }

    /// `PRIVILEGES [AS [REVOKE] COMMANDS]`.
    fn privileges(&mut self, of: PrivilegesOf) -> Result<ShowSubject> {
        if !self.eat_any(&["PRIVILEGES", "PRIVILEGE"]) {
            return Err(self.unexpected_word("`PRIVILEGES`", &["PRIVILEGES", "PRIVILEGE"]));
        }
        let mut shown = PrivilegesAs::Columns;
        if self.eat_keyword(Keyword::As) {
            shown = match self.eat_word("REVOKE") {
                true => PrivilegesAs::Revocations,
                false => PrivilegesAs::Grants,
            };
            if !self.eat_any(&["COMMANDS", "COMMAND"]) {
                return Err(self.unexpected_word("`COMMANDS`", &["COMMANDS"]));
            }
        }
        Ok(ShowSubject::Privileges(of, shown))
    }

    fn expect_functions(&mut self) -> Result<()> {
        if self.eat_any(&["FUNCTIONS", "FUNCTION"]) {
            return Ok(());
        }
        Err(self.unexpected_word("`FUNCTIONS`", &["FUNCTIONS"]))
    }

    fn functions(&mut self, is_built_in: Option<bool>) -> Result<ShowSubject> {
        let executable = self.executable()?;
        Ok(ShowSubject::Functions {
            is_built_in,
            executable,
        })
    }

    fn executable(&mut self) -> Result<Option<Executable>> {
        if !self.eat_word("EXECUTABLE") {
            return Ok(None);
        }
        if !self.eat_keyword(Keyword::By) {
            return Ok(Some(Executable::CurrentUser));
        }
        if self.is_word_at(0, "CURRENT") && self.is_word_at(1, "USER") {
            self.advance();
            self.advance();
            return Ok(Some(Executable::CurrentUser));
        }
        let user = self.identifier("`CURRENT USER` or the name of a user")?;
        Ok(Some(Executable::User(user)))
    }

    /// `[NODE | RELATIONSHIP] [UNIQUE | KEY | EXISTENCE | PROPERTY TYPE | …] CONSTRAINT[S]`.
    fn constraint_filter(&mut self) -> Option<ConstraintFilter> {
        let start = self.position;
        self.eat_word("ALL");
        let mut is_relationship = None;
        if self.eat_word("NODE") {
            is_relationship = Some(false);
        } else if self.eat_any(&["RELATIONSHIP", "REL"]) {
            is_relationship = Some(true);
        }
        let mut sort = None;
        if self.eat_any(&["UNIQUE", "UNIQUENESS"]) {
            sort = Some(ConstraintSort::Unique);
        } else if self.eat_word("KEY") {
            sort = Some(ConstraintSort::Key);
        } else if self.eat_any(&["EXISTENCE", "EXIST", "EXISTS"]) {
            sort = Some(ConstraintSort::Exists);
        } else if self.eat_word("PROPERTY") {
            if self.eat_word("TYPE") {
                sort = Some(ConstraintSort::Typed);
            } else if self.eat_any(&["EXISTENCE", "EXIST", "EXISTS"]) {
                sort = Some(ConstraintSort::Exists);
            } else if self.eat_any(&["UNIQUE", "UNIQUENESS"]) {
                sort = Some(ConstraintSort::Unique);
            }
        }
        if self.eat_any(&["CONSTRAINTS", "CONSTRAINT"]) {
            return Some(ConstraintFilter {
                is_relationship,
                sort,
            });
        }
        self.position = start;
        None
    }

    fn show_rest(
        &mut self,
        subject: ShowSubject,
        arguments: Vec<Expression>,
        start: crate::span::Span,
    ) -> Result<Show> {
        let (mut yields, mut returns, mut next) = (None, None, None);
        if self.eat_keyword(Keyword::Yield) {
            yields = Some(self.show_projection()?);
        }
        let predicate = self.where_predicate()?;
        if yields.is_some() && self.eat_keyword(Keyword::Return) {
            returns = Some(self.projection()?);
        } else if let Some(yields) = &yields
            && self.starts_show()
        {
            next = Some(Box::new(self.show_behind(yields)?));
        }
        if self.is_keyword(Keyword::Return) {
            let error = self.unexpected("`YIELD` or the end of the command");
            return Err(error.help("`RETURN` follows `YIELD`: write `SHOW … YIELD * RETURN …`"));
        }
        Ok(Show {
            subject,
            arguments,
            yields,
            predicate,
            next,
            returns,
            span: self.span_from(start),
        })
    }

    fn starts_show(&self) -> bool {
        self.is_keyword(Keyword::Show) || self.is_word_at(0, "TERMINATE")
    }

    /// A command behind another one, for each of whose rows it runs.
    fn show_behind(&mut self, yields: &Projection) -> Result<Show> {
        if yields.star {
            return Err(Diagnostic::error(
                Detail::InvalidClauseComposition,
                yields.span,
                "commands that follow each other name the fields they yield",
            )
            .help("write `YIELD transactionId AS id, …`"));
        }
        let next = match self.is_keyword(Keyword::Show) {
            true => self.nested(Self::show)?,
            false => self.nested(Self::terminate)?,
        };
        let is_star = next.yields.as_ref().is_none_or(|yields| yields.star);
        if is_star || (next.next.is_none() && next.returns.is_none()) {
            return Err(Diagnostic::error(
                Detail::InvalidClauseComposition,
                next.span,
                "commands that follow each other name the fields they yield and end with `RETURN`",
            )
            .help("write `… YIELD field, … RETURN …` behind the last one"));
        }
        Ok(next)
    }

    /// `* | field [AS name], …` with order and limits.
    fn show_projection(&mut self) -> Result<Projection> {
        let start = self.span();
        let star = self.eat(TokenKind::Star);
        let mut items = Vec::new();
        if !star {
            items = self.list(|parser| {
                let item = parser.yield_item()?;
                let (field, span) = (item.field, item.span);
                Ok(ProjectionItem {
                    expression: {
                        let at = field.span;
                        Expression::new(ExpressionKind::Variable(field), at)
                    },
                    alias: item.alias,
                    span,
                })
            })?;
        }
        self.projection_rest(start, false, star, items)
    }
}
