//! Statements about users, roles and what roles allow.
//!
//! Their words are no keywords elsewhere, so they are compared as they stand. What stands where a password belongs
//! is never repeated in a message.

use super::{Parser, Result};
use crate::ast::{
    Administered, Administration, AdministrationCommand, AlterUser, CreateRole, CreateUser,
    Expression, ExpressionKind, Literal, NameOrParameter, OnExisting, RoleAssignment, UserSettings,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

impl Parser<'_> {
    /// The administration statement that starts here, if one does.
    pub(super) fn administration(&mut self) -> Result<Option<Administration>> {
        let start = self.span();
        let command = if self.is_keyword(Keyword::Create) {
            // `CREATE user = (a)-->(b)` creates a path.
            if self.peek(2) == TokenKind::Equal {
                return Ok(None);
            }
            let or_replace =
                self.keyword_at(1) == Some(Keyword::Or) && self.is_word_at(2, "REPLACE");
            let is_immutable = self.is_word_at(1, "IMMUTABLE") && self.is_word_at(2, "ROLE");
            if !or_replace && !is_immutable && self.administered_at(1).is_none() {
                return Ok(None);
            }
            self.create_administered(or_replace)?
        } else if self.is_keyword(Keyword::Drop) && self.administered_at(1).is_some() {
            self.advance();
            let (what, name, if_exists) = self.existing_administered()?;
            AdministrationCommand::Drop {
                what,
                name,
                if_exists,
            }
        } else if self.eat_word("ALTER") {
            self.alter()?
        } else if self.eat_word("RENAME") {
            let (what, name, if_exists) = self.existing_administered()?;
            self.expect_keyword(Keyword::To)?;
            AdministrationCommand::Rename {
                what,
                name,
                to: self.given_name("the new name")?,
                if_exists,
            }
        } else if self.eat_word("GRANT") {
            self.grant()?
        } else if self.eat_word("REVOKE") {
            self.revoke()?
        } else if self.is_word_at(0, "DENY") {
            return Err(self.refused("`DENY` is not there").help(
                "what no role of a user allows is not allowed; take grants away with `REVOKE`",
            ));
        } else {
            return Ok(None);
        };
        Ok(Some(Administration {
            command,
            span: self.span_from(start),
        }))
    }

    /// Whether `USER` or `ROLE` stands `ahead`.
    fn administered_at(&self, ahead: usize) -> Option<Administered> {
        let is = |words: [&str; 2]| words.iter().any(|word| self.is_word_at(ahead, word));
        if is(["USER", "USERS"]) {
            Some(Administered::User)
        } else if is(["ROLE", "ROLES"]) {
            Some(Administered::Role)
        } else {
            None
        }
    }

    fn administered(&mut self) -> Result<Administered> {
        match self.administered_at(0) {
            Some(what) => {
                self.advance();
                Ok(what)
            }
            None => Err(self.unexpected_word("`USER` or `ROLE`", &["USER", "ROLE"])),
        }
    }

    /// A name or a parameter.
    pub(super) fn given_name(&mut self, expected: &str) -> Result<NameOrParameter> {
        if !self.is(TokenKind::Dollar) {
            return self.identifier(expected).map(NameOrParameter::Name);
        }
        let parameter = self.parameter()?;
        match parameter.kind {
            ExpressionKind::Parameter(name) => Ok(NameOrParameter::Parameter(name)),
            _ => Err(self.unexpected(expected)),
        }
    }

    /// Names of users, roles or graphs.
    pub(super) fn given_names(&mut self, expected: &str) -> Result<Vec<NameOrParameter>> {
        self.list(|parser| parser.given_name(expected))
    }

    fn administered_name(&mut self, what: Administered) -> Result<NameOrParameter> {
        self.given_name(match what {
            Administered::User => "the name of a user",
            Administered::Role => "the name of a role",
        })
    }

    /// `USER | ROLE name [IF EXISTS]`.
    fn existing_administered(&mut self) -> Result<(Administered, NameOrParameter, bool)> {
        let what = self.administered()?;
        let name = self.administered_name(what)?;
        let if_exists = self.if_exists()?;
        Ok((what, name, if_exists))
    }

    fn if_exists(&mut self) -> Result<bool> {
        let is_condition = self.eat_keyword(Keyword::If);
        if is_condition {
            self.expect_keyword(Keyword::Exists)?;
        }
        Ok(is_condition)
    }

    /// An error at the current token for what other databases have.
    pub(super) fn refused(&self, message: &str) -> Diagnostic {
        Diagnostic::error(Detail::UnexpectedSyntax, self.span(), message)
    }

    fn create_administered(&mut self, or_replace: bool) -> Result<AdministrationCommand> {
        self.advance();
        if or_replace {
            self.advance();
            self.advance();
        }
        if self.is_word_at(0, "IMMUTABLE") {
            return Err(self
                .refused("roles cannot be immutable")
                .help("only the built-in ones cannot be changed; leave `IMMUTABLE` out"));
        }
        let what = self.administered()?;
        let name = self.administered_name(what)?;
        let condition = self.span();
        let mut existing = match or_replace {
            true => OnExisting::Replace,
            false => OnExisting::Fail,
        };
        if self.eat_keyword(Keyword::If) {
            self.expect_keyword(Keyword::Not)?;
            self.expect_keyword(Keyword::Exists)?;
            if or_replace {
                return Err(Diagnostic::error(
                    Detail::InvalidClauseComposition,
                    self.span_from(condition),
                    "`OR REPLACE` and `IF NOT EXISTS` contradict each other",
                ));
            }
            existing = OnExisting::Keep;
        }
        if what == Administered::Role {
            let copy_of = match self.eat_keyword(Keyword::As) {
                true => {
                    self.expect_word("COPY")?;
                    self.expect_keyword(Keyword::Of)?;
                    Some(self.administered_name(what)?)
                }
                false => None,
            };
            return Ok(AdministrationCommand::CreateRole(CreateRole {
                name,
                existing,
                copy_of,
            }));
        }
        let settings = self.user_settings()?;
        if settings.password.is_none() {
            return Err(self
                .unexpected("`SET PASSWORD`")
                .help("`CALL user.create(name)` makes a user who logs in by API keys only"));
        }
        Ok(AdministrationCommand::CreateUser(CreateUser {
            name,
            existing,
            settings,
        }))
    }

    /// What follows `ALTER`.
    fn alter(&mut self) -> Result<AdministrationCommand> {
        if self.is_word_at(1, "USER") && self.eat_word("CURRENT") {
            self.advance();
            self.expect_keyword(Keyword::Set)?;
            self.expect_word("PASSWORD")?;
            self.expect_keyword(Keyword::From)?;
            let old = self.password()?;
            self.expect_keyword(Keyword::To)?;
            let new = self.password()?;
            return Ok(AdministrationCommand::ChangePassword { old, new });
        }
        if !self.eat_word("USER") {
            return Err(self.unexpected_word("`USER` or `CURRENT USER`", &["USER", "CURRENT USER"]));
        }
        let name = self.administered_name(Administered::User)?;
        let if_exists = self.if_exists()?;
        let settings = self.user_settings()?;
        if settings == UserSettings::default() {
            return Err(self.unexpected("`SET PASSWORD` or `SET STATUS`"));
        }
        Ok(AdministrationCommand::AlterUser(AlterUser {
            name,
            if_exists,
            settings,
        }))
    }

    /// `SET PASSWORD …`, `SET STATUS …`, in any order, each at most once.
    fn user_settings(&mut self) -> Result<UserSettings> {
        let mut settings = UserSettings::default();
        loop {
            let start = self.span();
            if self.is_word_at(0, "REMOVE") || self.is_word_at(0, "ADD") {
                return Err(self.no_user_setting(1, start));
            }
            if !self.eat_keyword(Keyword::Set) {
                return Ok(settings);
            }
            if self.eat_word("STATUS") {
                let is_suspended = self.eat_word("SUSPENDED");
                if !is_suspended && !self.eat_word("ACTIVE") {
                    let words = ["ACTIVE", "SUSPENDED"];
                    return Err(self.unexpected_word("`ACTIVE` or `SUSPENDED`", &words));
                }
                let slot = &mut settings.is_suspended;
                set_once(slot, is_suspended, self.span_from(start), "the status")?;
                continue;
            }
            if self.is_word_at(0, "ENCRYPTED") {
                return Err(self
                    .refused("passwords cannot be given as hashes")
                    .help("write `SET PASSWORD $password`; it is hashed before it is stored"));
            }
            let is_plain = self.eat_word("PLAINTEXT");
            if !self.eat_word("PASSWORD") {
                return Err(match is_plain {
                    true => self.unexpected_word("`PASSWORD`", &["PASSWORD"]),
                    false => self.no_user_setting(0, start),
                });
            }
            if is_plain || !self.is_word_at(0, "CHANGE") {
                let password = self.password()?;
                let span = self.span_from(start);
                set_once(&mut settings.password, password, span, "the password")?;
            }
            if self.eat_word("CHANGE") {
                let must_change = !self.eat_keyword(Keyword::Not);
                self.expect_word("REQUIRED")?;
                let span = self.span_from(start);
                let slot = &mut settings.must_change;
                set_once(
                    slot,
                    must_change,
                    span,
                    "whether the password is to be changed",
                )?;
            }
        }
    }

    /// The error for what cannot be said of a user; it stands `ahead`.
    fn no_user_setting(&self, ahead: usize, start: Span) -> Diagnostic {
        let word = self.token_at(self.position + ahead).span;
        let span = Span::new(start.start, word.end);
        let (message, help) = if self.is_word_at(ahead, "HOME") {
            (
                "users have no home database",
                "name the database when connecting",
            )
        } else if self.is_word_at(ahead, "AUTH") || self.is_word_at(ahead, "ALL") {
            (
                "how users prove who they are is not said of single ones",
                "they log in by `SET PASSWORD`, by API keys (`CALL apiKey.create`), or by tokens and certificates \
                 that the server's configuration accepts",
            )
        } else if ahead > 0 {
            (
                "nothing can be added to a user or removed from one",
                "`SET PASSWORD` and `SET STATUS` change a user",
            )
        } else {
            return self.unexpected_word("`PASSWORD` or `STATUS`", &["PASSWORD", "STATUS"]);
        };
        Diagnostic::error(Detail::UnexpectedSyntax, span, message).help(help)
    }

    /// A string literal or a parameter.
    fn password(&mut self) -> Result<Expression> {
        let span = self.span();
        match self.kind() {
            TokenKind::Dollar => self.parameter(),
            TokenKind::String => match self.string() {
                Ok(text) => {
                    let literal = Literal::String(text);
                    Ok(Expression::new(ExpressionKind::Literal(literal), span))
                }
                Err(error) => Err(Diagnostic::error(
                    error.detail,
                    span,
                    "an escape in the password is malformed",
                )),
            },
            // The text that stands here may be meant as the password.
            _ => Err(Diagnostic::error(
                Detail::UnexpectedSyntax,
                span,
                "the password is a string in quotes or a parameter",
            )
            .label("expected a string or a parameter")
            .help("write `SET PASSWORD $password`")),
        }
    }

    /// `ROLES role, … TO | FROM user, …` without the word before.
    pub(super) fn role_assignment(&mut self, direction: Keyword) -> Result<RoleAssignment> {
        self.advance();
        let roles = self.given_names("the name of a role")?;
        self.expect_keyword(direction)?;
        if self.is_word_at(0, "AUTH") && self.is_word_at(1, "RULE") {
            return Err(self
                .refused("there are no rules that give roles")
                .help("roles are given to users, or by the tokens of identity providers"));
        }
        let users = self.given_names("the name of a user")?;
        Ok(RoleAssignment { roles, users })
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T, span: Span, what: &str) -> Result<()> {
    if slot.is_some() {
        let message = format!("{what} is said twice");
        return Err(Diagnostic::error(
            Detail::InvalidClauseComposition,
            span,
            message,
        ));
    }
    *slot = Some(value);
    Ok(())
}
