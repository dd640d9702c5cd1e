//! Commands on indexes and constraints.

use super::{Parser, Result};
use crate::ast::{
    ConstraintRule, CreateConstraint, CreateIndex, DropSchema, Expression, Identifier, IndexKind,
    NameOrParameter, PropertyType, ScalarType, SchemaCommand, SchemaTarget, SimpleType, TypeKind,
    TypeName,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;

impl Parser<'_> {
    /// The schema command that starts here, if one does.
    pub(super) fn schema_command(&mut self) -> Result<Option<SchemaCommand>> {
        if self.is_word_at(0, "TERMINATE") {
            return Ok(Some(SchemaCommand::Show(Box::new(self.terminate()?))));
        }
        Ok(Some(match (self.keyword(), self.keyword_at(1)) {
            // `CREATE index = (a)-[:T]->(b)` creates a path.
            (Some(Keyword::Create), _) if self.peek(2) == TokenKind::Equal => return Ok(None),
            (Some(Keyword::Create), Some(Keyword::Index)) => {
                SchemaCommand::CreateIndex(self.create_index()?)
            }
            (Some(Keyword::Create), Some(Keyword::Constraint)) => {
                SchemaCommand::CreateConstraint(self.create_constraint()?)
            }
            (Some(Keyword::Create), _)
                if Self::is_name(self.peek(1)) && self.keyword_at(2) == Some(Keyword::Index) =>
            {
                SchemaCommand::CreateIndex(self.create_index()?)
            }
            (Some(Keyword::Drop), _) => self.drop_schema()?,
            (Some(Keyword::Show), _) => SchemaCommand::Show(Box::new(self.show()?)),
            _ => return Ok(None),
        }))
    }

    fn create_index(&mut self) -> Result<CreateIndex> {
        let start = self.expect_keyword(Keyword::Create)?;
        let mut kind = IndexKind::Range;
        if !self.is_keyword(Keyword::Index) {
            let named = IndexKind::ALL
                .into_iter()
                .find(|kind| self.eat_word(kind.word()));
            let Some(named) = named else {
                let words = IndexKind::ALL.map(IndexKind::word);
                return Err(self
                    .unexpected_word("a kind of index", &words)
                    .help("the kinds are RANGE, TEXT, POINT, FULLTEXT, VECTOR and LOOKUP"));
            };
            kind = named;
        }
        self.expect_keyword(Keyword::Index)?;
        let (name, if_not_exists) = self.schema_name()?;
        let target = self.schema_target(kind)?;
        self.expect_keyword(Keyword::On)?;
        let properties = match kind {
            IndexKind::Lookup => {
                self.lookup_of(&target)?;
                Vec::new()
            }
            IndexKind::Fulltext => {
                self.expect_word("EACH")?;
                self.open(TokenKind::LeftBracket, "`[`")?;
                let properties = self.list(|parser| parser.schema_property(&target.variable))?;
                self.close(TokenKind::RightBracket, "`,`")?;
                properties
            }
            _ if self.is(TokenKind::LeftParen) => self.schema_properties(&target.variable)?,
            _ => vec![self.schema_property(&target.variable)?],
        };
        let options = self.schema_options()?;
        let span = self.span_from(start);
        Ok(CreateIndex {
            kind,
            name,
            if_not_exists,
            target,
            properties,
            options,
            span,
        })
    }

    /// `EACH labels(n)` or `EACH type(r)`.
    fn lookup_of(&mut self, target: &SchemaTarget) -> Result<()> {
        self.expect_word("EACH")?;
        self.expect_word(if target.is_relationship {
            "type"
        } else {
            "labels"
        })?;
        self.open(TokenKind::LeftParen, "`(`")?;
        self.schema_variable(&target.variable)?;
        self.close(TokenKind::RightParen, "")?;
        Ok(())
    }

    /// `(variable.property, …)`.
    fn schema_properties(&mut self, variable: &Identifier) -> Result<Vec<Identifier>> {
        self.open(TokenKind::LeftParen, "`(`")?;
        let properties = self.list(|parser| parser.schema_property(variable))?;
        self.close(TokenKind::RightParen, "`,`")?;
        Ok(properties)
    }

    fn schema_options(&mut self) -> Result<Option<Expression>> {
        if self.eat_word("OPTIONS") {
            return self.expression().map(Some);
        }
        Ok(None)
    }

    fn create_constraint(&mut self) -> Result<CreateConstraint> {
        let start = self.expect_keyword(Keyword::Create)?;
        self.expect_keyword(Keyword::Constraint)?;
        let (name, if_not_exists) = self.schema_name()?;
        let target = self.schema_target(IndexKind::Range)?;
        self.expect_keyword(Keyword::Require)?;
        let properties = if self.is(TokenKind::LeftParen) {
            self.schema_properties(&target.variable)?
        } else {
            vec![self.schema_property(&target.variable)?]
        };
        let is_typed = self.is(TokenKind::Colon) && self.peek(1) == TokenKind::Colon;
        if !is_typed {
            self.expect_keyword(Keyword::Is)?;
        }
        let rule_at = self.span();
        let rule = self.constraint_rule(target.is_relationship)?;
        let takes_one = matches!(rule, ConstraintRule::Exists | ConstraintRule::Typed(_));
        if takes_one && properties.len() > 1 {
            return Err(Diagnostic::error(
                Detail::UnexpectedSyntax,
                properties[1].span,
                "a constraint on existence or type is on one property",
            )
            .secondary(rule_at, "demanded here")
            .help("make one for each property"));
        }
        let options = self.schema_options()?;
        let span = self.span_from(start);
        Ok(CreateConstraint {
            name,
            if_not_exists,
            target,
            properties,
            rule,
            options,
            span,
        })
    }

    /// What follows `IS`.
    fn constraint_rule(&mut self, is_relationship: bool) -> Result<ConstraintRule> {
        if self.eat_keyword(Keyword::Not) {
            self.expect_keyword(Keyword::Null)?;
            return Ok(ConstraintRule::Exists);
        }
        let is_typed = self.eat_word("TYPED")
            || (self.is(TokenKind::Colon) && self.peek(1) == TokenKind::Colon && {
                self.advance();
                self.advance();
                true
            });
        if is_typed {
            return self.property_types().map(ConstraintRule::Typed);
        }
        let (own, other) = match is_relationship {
            true => ("RELATIONSHIP", "NODE"),
            false => ("NODE", "RELATIONSHIP"),
        };
        if self.is_word_at(0, other) {
            let expected = format!("`{own}` or what is demanded");
            return Err(self.unexpected(&expected));
        }
        let is_named = self.eat_word(own) || (is_relationship && self.eat_word("REL"));
        if self.eat_word("KEY") {
            return Ok(ConstraintRule::Key);
        }
        if self.eat_word("UNIQUE") {
            return Ok(ConstraintRule::Unique);
        }
        if is_named {
            return Err(self.unexpected_word("`KEY` or `UNIQUE`", &["KEY", "UNIQUE"]));
        }
        Err(self.unexpected_word(
            "`UNIQUE`, `KEY`, `NOT NULL` or `::`",
            &["UNIQUE", "KEY", "NODE KEY", "TYPED"],
        ))
    }

    /// `type | type …`, where each is one that a property may have.
    fn property_types(&mut self) -> Result<Vec<PropertyType>> {
        let start = self.span();
        let name = self.type_name()?;
        let span = self.span_from(start);
        let alternatives = match name.kind {
            TypeKind::Union(alternatives) => alternatives,
            kind => vec![TypeName { kind, ..name }],
        };
        let mut types = Vec::with_capacity(alternatives.len());
        for name in alternatives {
            let Some(property_type) = property_type(&name) else {
                return Err(Diagnostic::error(
                    Detail::UnexpectedSyntax,
                    span,
                    format!("no constraint can demand the type {name}"),
                )
                .help(
                    "properties may be demanded to be BOOLEAN, STRING, INTEGER, FLOAT, POINT, of a \
                     temporal type, or a list of one of these, written LIST<… NOT NULL>",
                ));
            };
            if !types.contains(&property_type) {
                types.push(property_type);
            }
        }
        Ok(types)
    }

    /// `[name] [IF NOT EXISTS]`.
    fn schema_name(&mut self) -> Result<(Option<NameOrParameter>, bool)> {
        let is_condition = self.is_keyword(Keyword::If) && self.keyword_at(1) == Some(Keyword::Not);
        let is_target = self.is_keyword(Keyword::For) && self.peek(1) == TokenKind::LeftParen;
        let mut name = None;
        if self.is_keyword(Keyword::On) && self.peek(1) == TokenKind::Colon {
            let error = self.unexpected("a name, `IF NOT EXISTS` or `FOR`");
            return Err(error.help("write `CREATE INDEX FOR (n:Label) ON (n.property)`"));
        }
        if !is_condition && !is_target {
            name = Some(self.given_name("a name, `IF NOT EXISTS` or `FOR`")?);
        }
        let if_not_exists = self.eat_keyword(Keyword::If);
        if if_not_exists {
            self.expect_keyword(Keyword::Not)?;
            self.expect_keyword(Keyword::Exists)?;
        }
        Ok((name, if_not_exists))
    }

    /// `FOR (variable:Label)` or `FOR ()-[variable:TYPE]-()`. A full-text index takes several names
    /// with `|` between them, a lookup index none.
    fn schema_target(&mut self, kind: IndexKind) -> Result<SchemaTarget> {
        self.expect_keyword(Keyword::For)?;
        self.open(TokenKind::LeftParen, "`(`")?;
        let is_relationship = self.is(TokenKind::RightParen);
        if is_relationship {
            self.close(TokenKind::RightParen, "")?;
            self.eat(TokenKind::Less);
            self.expect(TokenKind::Minus, "`-`")?;
            self.open(TokenKind::LeftBracket, "`[`")?;
        }
        let variable = self.identifier("a variable")?;
        let mut names = Vec::new();
        if kind != IndexKind::Lookup {
            self.expect(TokenKind::Colon, "`:`")?;
            let what = match is_relationship {
                true => "a relationship type",
                false => "a label",
            };
            names.push(self.identifier(what)?);
            while kind == IndexKind::Fulltext && self.eat(TokenKind::Pipe) {
                names.push(self.identifier(what)?);
            }
        }
        if is_relationship {
            self.close(TokenKind::RightBracket, "")?;
            self.expect(TokenKind::Minus, "`-`")?;
            self.eat(TokenKind::Greater);
            self.open(TokenKind::LeftParen, "`(`")?;
        }
        self.close(TokenKind::RightParen, "")?;
        Ok(SchemaTarget {
            is_relationship,
            variable,
            names,
        })
    }

    fn schema_variable(&mut self, variable: &Identifier) -> Result<()> {
        let subject = self.identifier("a property such as `n.name`")?;
        if subject != *variable {
            return Err(Diagnostic::error(
                Detail::UndefinedVariable,
                subject.span,
                format!("variable `{subject}` is not defined"),
            )
            .secondary(variable.span, "the only variable of the command"));
        }
        Ok(())
    }

    /// `variable.property`.
    fn schema_property(&mut self, variable: &Identifier) -> Result<Identifier> {
        self.schema_variable(variable)?;
        self.expect(TokenKind::Dot, "`.`")?;
        self.identifier("a property")
    }

    fn drop_schema(&mut self) -> Result<SchemaCommand> {
        let start = self.expect_keyword(Keyword::Drop)?;
        let is_index = self.eat_keyword(Keyword::Index);
        if !is_index && !self.eat_keyword(Keyword::Constraint) {
            return Err(self.unexpected_word(
                "`INDEX`, `CONSTRAINT`, `USER` or `ROLE`",
                &["INDEX", "CONSTRAINT", "USER", "ROLE"],
            ));
        }
        let name = self.given_name("a name")?;
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
}

/// A type as one that a property may be demanded to have.
fn property_type(name: &TypeName) -> Option<PropertyType> {
    match &name.kind {
        TypeKind::Simple(simple) if !name.not_null => Some(PropertyType {
            scalar: scalar_type(*simple)?,
            is_list: false,
        }),
        TypeKind::List(item) if item.not_null && !name.not_null => match item.kind {
            TypeKind::Simple(simple) => Some(PropertyType {
                scalar: scalar_type(simple)?,
                is_list: true,
            }),
            _ => None,
        },
        _ => None,
    }
}

const fn scalar_type(simple: SimpleType) -> Option<ScalarType> {
    Some(match simple {
        SimpleType::Boolean => ScalarType::Boolean,
        SimpleType::String => ScalarType::String,
        SimpleType::Integer => ScalarType::Integer,
        SimpleType::Float => ScalarType::Float,
        SimpleType::Date => ScalarType::Date,
        SimpleType::LocalTime => ScalarType::LocalTime,
        SimpleType::ZonedTime => ScalarType::ZonedTime,
        SimpleType::LocalDateTime => ScalarType::LocalDatetime,
        SimpleType::ZonedDateTime => ScalarType::ZonedDatetime,
        SimpleType::Duration => ScalarType::Duration,
        SimpleType::Point => ScalarType::Point,
        _ => return None,
    })
}
