//! Commands on indexes and constraints.

use super::{Parser, Result};
use crate::ast::{
    CreateConstraint, CreateIndex, DropSchema, Identifier, SchemaCommand, Show, ShowSubject, Yield,
    YieldItems,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;

impl Parser<'_> {
    /// The schema command that starts here, if one does.
    pub(super) fn schema_command(&mut self) -> Result<Option<SchemaCommand>> {
        Ok(Some(match (self.keyword(), self.keyword_at(1)) {
            // `CREATE index = (a)-[:T]->(b)` creates a path.
            (Some(Keyword::Create), _) if self.peek(2) == TokenKind::Equal => return Ok(None),
            (Some(Keyword::Create), Some(Keyword::Index)) => {
                SchemaCommand::CreateIndex(self.create_index()?)
            }
            (Some(Keyword::Create), Some(Keyword::Constraint)) => {
                SchemaCommand::CreateConstraint(self.create_constraint()?)
            }
            (Some(Keyword::Drop), _) => self.drop_schema()?,
            (Some(Keyword::Show), _) => SchemaCommand::Show(self.show()?),
            _ => return Ok(None),
        }))
    }

    fn create_index(&mut self) -> Result<CreateIndex> {
        let start = self.expect_keyword(Keyword::Create)?;
        self.expect_keyword(Keyword::Index)?;
        let (name, if_not_exists) = self.schema_name()?;
        let (variable, label) = self.schema_target()?;
        self.expect_keyword(Keyword::On)?;
        self.open(TokenKind::LeftParen, "`(`")?;
        let properties = self.list(|parser| parser.schema_property(&variable))?;
        self.close(TokenKind::RightParen, "`,`")?;
        let span = self.span_from(start);
        Ok(CreateIndex {
            name,
            if_not_exists,
            label,
            variable,
            properties,
            span,
        })
    }

    fn create_constraint(&mut self) -> Result<CreateConstraint> {
        let start = self.expect_keyword(Keyword::Create)?;
        self.expect_keyword(Keyword::Constraint)?;
        let (name, if_not_exists) = self.schema_name()?;
        let (variable, label) = self.schema_target()?;
        self.expect_keyword(Keyword::Require)?;
        let properties = if self.is(TokenKind::LeftParen) {
            self.open(TokenKind::LeftParen, "`(`")?;
            let properties = self.list(|parser| parser.schema_property(&variable))?;
            self.close(TokenKind::RightParen, "`,`")?;
            properties
        } else {
            vec![self.schema_property(&variable)?]
        };
        self.expect_keyword(Keyword::Is)?;
        self.expect_keyword(Keyword::Unique)?;
        let span = self.span_from(start);
        Ok(CreateConstraint {
            name,
            if_not_exists,
            label,
            variable,
            properties,
            span,
        })
    }

    /// `[name] [IF NOT EXISTS]`.
    fn schema_name(&mut self) -> Result<(Option<Identifier>, bool)> {
        let is_condition = self.is_keyword(Keyword::If) && self.keyword_at(1) == Some(Keyword::Not);
        let is_target = self.is_keyword(Keyword::For) && self.peek(1) == TokenKind::LeftParen;
        let mut name = None;
        if self.is_keyword(Keyword::On) && self.peek(1) == TokenKind::Colon {
            let error = self.unexpected("a name, `IF NOT EXISTS` or `FOR`");
            return Err(error.help("write `CREATE INDEX FOR (n:Label) ON (n.property)`"));
        }
        if !is_condition && !is_target {
            name = Some(self.identifier("a name, `IF NOT EXISTS` or `FOR`")?);
        }
        let if_not_exists = self.eat_keyword(Keyword::If);
        if if_not_exists {
            self.expect_keyword(Keyword::Not)?;
            self.expect_keyword(Keyword::Exists)?;
        }
        Ok((name, if_not_exists))
    }

    /// `FOR (variable:Label)`.
    fn schema_target(&mut self) -> Result<(Identifier, Identifier)> {
        self.expect_keyword(Keyword::For)?;
        self.open(TokenKind::LeftParen, "`(`")?;
        let variable = self.identifier("a variable")?;
        self.expect(TokenKind::Colon, "`:`")?;
        let label = self.identifier("a label")?;
        self.close(TokenKind::RightParen, "")?;
        Ok((variable, label))
    }

    /// `variable.property`.
    fn schema_property(&mut self, variable: &Identifier) -> Result<Identifier> {
        let subject = self.identifier("a property such as `n.name`")?;
        if subject != *variable {
            return Err(Diagnostic::error(
                Detail::UndefinedVariable,
                subject.span,
                format!("variable `{subject}` is not defined"),
            )
            .secondary(variable.span, "the only variable of the command"));
        }
        self.expect(TokenKind::Dot, "`.`")?;
        self.identifier("a property")
    }

    fn drop_schema(&mut self) -> Result<SchemaCommand> {
        let start = self.expect_keyword(Keyword::Drop)?;
        let is_index = self.eat_keyword(Keyword::Index);
        if !is_index && !self.eat_keyword(Keyword::Constraint) {
            return Err(self.unexpected_keyword(
                "`INDEX` or `CONSTRAINT`",
                &[Keyword::Index, Keyword::Constraint],
            ));
        }
        let name = self.identifier("a name")?;
        let if_exists = self.eat_keyword(Keyword::If);
        if if_exists {
            self.expect_keyword(Keyword::Exists)?;
        }
        let command = DropSchema {
            name,
            if_exists,
            span: self.span_from(start),
        };
        Ok(if is_index {
            SchemaCommand::DropIndex(command)
        } else {
            SchemaCommand::DropConstraint(command)
        })
    }

    fn show(&mut self) -> Result<Show> {
        let start = self.expect_keyword(Keyword::Show)?;
        let subject = match self.keyword() {
            Some(Keyword::Index | Keyword::Indexes) => ShowSubject::Indexes,
            Some(Keyword::Constraint | Keyword::Constraints) => ShowSubject::Constraints,
            _ => {
                return Err(self.unexpected_keyword(
                    "`INDEXES` or `CONSTRAINTS`",
                    &[Keyword::Indexes, Keyword::Constraints],
                ));
            }
        };
        self.advance();
        let mut yields = None;
        let condition = self.span();
        if self.is_keyword(Keyword::Yield) {
            yields = Some(self.yields()?);
        } else if let Some(predicate) = self.where_predicate()? {
            let span = self.span_from(condition);
            yields = Some(Yield {
                items: YieldItems::All,
                predicate: Some(predicate),
                span,
            });
        }
        Ok(Show {
            subject,
            yields,
            span: self.span_from(start),
        })
    }
}
