//! Patterns of nodes and relationships.

use super::{Parser, Result};
use crate::ast::{
    Direction, Expression, Identifier, LabelExpression, LabelFormula, LengthRange, NodePattern,
    RelationshipPattern,
};
use crate::diagnostic::{Detail, Diagnostic};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;
use crate::span::Span;

/// What a pattern is written for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `MATCH` and subquery expressions.
    Find,
    /// `CREATE`.
    Create,
    /// `MERGE`.
    Merge,
    /// A predicate or comprehension within an expression, where a dash may also mean minus.
    Expression,
}

/// What a label expression belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// A node pattern.
    Node,
    /// A relationship pattern, which has one type, so that a colon joins nothing.
    Relationship,
    /// An operand, where `|` may be the end: see [`Parser::pipe_joins_labels`].
    Operand,
}

impl Parser<'_> {
    /// Whether the `(` at a token index starts a pattern of at least one relationship.
    pub(super) fn is_pattern_at(&self, index: usize) -> bool {
        let opening = self.token_at(index);
        if opening.kind != TokenKind::LeftParen || opening.partner == 0 {
            return false;
        }
        self.is_node_at(index) && self.is_relationship_at(opening.partner as usize + 1)
    }

    /// Whether the brackets at a token index hold what a node holds, and not an expression.
    fn is_node_at(&self, opening: usize) -> bool {
        let closing = self.token_at(opening).partner as usize;
        let mut at = opening + 1;
        if self.token_at(at).kind != TokenKind::Word(Some(Keyword::Where))
            && Self::is_name(self.token_at(at).kind)
        {
            at += 1;
        }
        if self.token_at(at).kind == TokenKind::Colon {
            at = self.label_end(at + 1, closing);
        }
        // `(NOT $a)`, `(COUNT { … })`.
        let is_operator = matches!(
            self.token_at(opening + 1).kind,
            TokenKind::Word(Some(
                Keyword::Not | Keyword::Exists | Keyword::Count | Keyword::Collect
            ))
        );
        match self.token_at(at).kind {
            TokenKind::LeftBrace | TokenKind::Dollar if is_operator => return false,
            TokenKind::LeftBrace => at = self.token_at(at).partner as usize + 1,
            TokenKind::Dollar => at += 2,
            _ => {}
        }
        at == closing || self.token_at(at).kind == TokenKind::Word(Some(Keyword::Where))
    }

    /// The token behind the label expression that starts at a token index.
    fn label_end(&self, start: usize, closing: usize) -> usize {
        let mut is_operand_next = true;
        let mut next = start;
        while next < closing {
            let at = next;
            next += 1;
            let kind = self.token_at(at).kind;
            if kind == TokenKind::Dollar && is_operand_next {
                let is_word = matches!(self.token_at(next).kind, TokenKind::Word(_));
                let opening = self.token_at(next + usize::from(is_word));
                if opening.kind != TokenKind::LeftParen || opening.partner == 0 {
                    return at;
                }
                next = opening.partner as usize + 1;
                is_operand_next = false;
                continue;
            }
            let continues = match kind {
                TokenKind::Bang | TokenKind::LeftParen | TokenKind::Percent => is_operand_next,
                TokenKind::Pipe | TokenKind::Ampersand | TokenKind::RightParen => !is_operand_next,
                // `A|:B` has a colon before an operand, `A:B` one behind.
                TokenKind::Colon => true,
                kind => Self::is_name(kind) && is_operand_next,
            };
            if !continues {
                return at;
            }
            is_operand_next =
                !Self::is_name(kind) && !matches!(kind, TokenKind::Percent | TokenKind::RightParen);
        }
        closing
    }

    /// Whether a whole relationship pattern and a node stand at a token index: `(a) - -(2)` is a difference.
    fn is_relationship_at(&self, index: usize) -> bool {
        let kind = |at: usize| self.token_at(at).kind;
        let mut at = index + usize::from(kind(index) == TokenKind::Less);
        if kind(at) != TokenKind::Minus {
            return false;
        }
        at += 1;
        if kind(at) == TokenKind::LeftBracket {
            let closing = self.token_at(at).partner as usize;
            if closing == 0 {
                return false;
            }
            at = closing + 1;
        }
        if kind(at) != TokenKind::Minus {
            return false;
        }
        at += 1;
        at += usize::from(kind(at) == TokenKind::Greater);
        let opening = self.token_at(at);
        opening.kind == TokenKind::LeftParen && opening.partner != 0 && self.is_node_at(at)
    }

    pub(super) fn continues_path(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Expression => self.is_relationship_at(self.position),
            _ => matches!(self.kind(), TokenKind::Minus | TokenKind::Less),
        }
    }

    /// `(variable:Label {…} WHERE …)`.
    pub(super) fn node_pattern(&mut self, purpose: Purpose) -> Result<NodePattern> {
        let start = self.open(TokenKind::LeftParen, "a node such as `(n)`")?;
        let variable = self.pattern_variable()?;
        let mut labels = None;
        if self.eat(TokenKind::Colon) {
            labels = Some(self.label_expression(true)?);
        }
        let properties = self.pattern_properties(purpose)?;
        let predicate = self.inline_predicate(purpose)?;
        let expected = match (&variable, &labels, &properties) {
            (None, None, None) => "a variable, `:`, `{`",
            (Some(_), None, None) => "`:`, `{`",
            (_, Some(_), None) => "`{`",
            _ => "",
        };
        self.close(TokenKind::RightParen, expected)?;
        let span = self.span_from(start);
        Ok(NodePattern {
            variable,
            labels,
            properties,
            predicate,
            span,
        })
    }

    /// The variable of a node or relationship, if one stands here.
    fn pattern_variable(&mut self) -> Result<Option<Identifier>> {
        let is_where = self.is_keyword(Keyword::Where)
            && !matches!(
                self.peek(1),
                TokenKind::RightParen
                    | TokenKind::RightBracket
                    | TokenKind::Colon
                    | TokenKind::Star
            );
        if !Self::is_name(self.kind()) || is_where {
            return Ok(None);
        }
        self.identifier("a variable").map(Some)
    }

    fn pattern_properties(&mut self, purpose: Purpose) -> Result<Option<Box<Expression>>> {
        let properties = match self.kind() {
            TokenKind::LeftBrace => self.nested(Self::map)?,
            TokenKind::Dollar => self.nested(Self::parameter)?,
            _ => return Ok(None),
        };
        if purpose != Purpose::Create
            && let crate::ast::ExpressionKind::Parameter(name) = &properties.kind
        {
            return Err(Diagnostic::error(
                Detail::InvalidParameterUse,
                properties.span,
                "a parameter cannot stand for all properties of a pattern to find",
            )
            .label("which properties to compare must be known")
            .help(format!("name them: `{{key: ${name}.key}}`")));
        }
        Ok(Some(Box::new(properties)))
    }

    pub(super) fn inline_predicate(&mut self, purpose: Purpose) -> Result<Option<Box<Expression>>> {
        let start = self.span();
        let Some(predicate) = self.within(
            |context| context.label_alternatives = true,
            Self::where_predicate,
        )?
        else {
            return Ok(None);
        };
        if matches!(purpose, Purpose::Create | Purpose::Merge) {
            let message = "a pattern to create cannot have a predicate";
            return Err(Diagnostic::error(
                Detail::UnexpectedSyntax,
                self.span_from(start),
                message,
            ));
        }
        Ok(Some(Box::new(predicate)))
    }

    /// `-[…]->`, `<-[…]-`, `-[…]-`, with or without brackets.
    pub(super) fn relationship_pattern(&mut self, purpose: Purpose) -> Result<RelationshipPattern> {
        let start = self.span();
        let points_left = self.eat(TokenKind::Less);
        if !self.eat(TokenKind::Minus) {
            return Err(self.malformed_arrow(start));
        }
        let mut relationship = RelationshipPattern {
            direction: Direction::Either,
            variable: None,
            types: Vec::new(),
            formula: None,
            length: None,
            quantifier: None,
            properties: None,
            predicate: None,
            span: start,
        };
        if self.is(TokenKind::LeftBracket) {
            self.open(TokenKind::LeftBracket, "`[`")?;
            self.relationship_detail(&mut relationship, purpose)?;
            if self.is(TokenKind::DotDot) {
                let span = self.span();
                let message = "a range of lengths starts with `*`";
                return Err(
                    Diagnostic::error(Detail::InvalidRelationshipPattern, span, message)
                        .label("no `*` before this")
                        .help("write `*..3`, `*1..3` or `*`"),
                );
            }
            let has_detail = relationship.properties.is_some() || relationship.predicate.is_some();
            let expected = if has_detail { "" } else { "`:`, `*`, `{`" };
            self.close(TokenKind::RightBracket, expected)?;
        }
        if !self.eat(TokenKind::Minus) {
            return Err(self.malformed_arrow(start));
        }
        let points_right = self.eat(TokenKind::Greater);
        relationship.direction = match (points_left, points_right) {
            (false, true) => Direction::Outgoing,
            (true, false) => Direction::Incoming,
            _ => Direction::Either,
        };
        relationship.span = self.span_from(start);
        Ok(relationship)
    }

    fn malformed_arrow(&self, start: Span) -> Diagnostic {
        let error = self.unexpected("`-`");
        if error.detail != Detail::UnexpectedSyntax {
            return error;
        }
        let message = format!(
            "a relationship cannot be read: expected `-`, found {}",
            self.found()
        );
        Diagnostic::error(Detail::UnexpectedSyntax, self.span(), message)
            .label("expected `-`")
            .secondary(
                Span::new(start.start, start.start + 1),
                "the relationship starts here",
            )
            .help("relationships are written `-->`, `<--`, `--` or `-[…]->`")
    }

    fn relationship_detail(
        &mut self,
        relationship: &mut RelationshipPattern,
        purpose: Purpose,
    ) -> Result<()> {
        relationship.variable = self.pattern_variable()?;
        if self.eat(TokenKind::Colon) {
            match as_types(self.label_formula(Of::Relationship)?) {
                Ok(types) => relationship.types = types,
                Err(formula) => relationship.formula = Some(Box::new(formula)),
            }
        }
        if self.is(TokenKind::Star) {
            relationship.length = Some(self.length_range()?);
        }
        relationship.properties = self.pattern_properties(purpose)?;
        relationship.predicate = self.inline_predicate(purpose)?;
        Ok(())
    }

    /// `*`, `*2`, `*1..`, `*..3`, `*1..3`.
    fn length_range(&mut self) -> Result<LengthRange> {
        let start = self.expect(TokenKind::Star, "`*`")?;
        let min = self.length_bound()?;
        let max = if self.eat(TokenKind::DotDot) {
            self.length_bound()?
        } else {
            min
        };
        Ok(LengthRange {
            min,
            max,
            span: self.span_from(start),
        })
    }

    pub(super) fn length_bound(&mut self) -> Result<Option<u64>> {
        let span = self.span();
        let wrong = |message: String, label: &str| {
            Err(Diagnostic::error(Detail::InvalidRelationshipPattern, span, message).label(label))
        };
        match self.kind() {
            TokenKind::Integer => {
                let text = self.text();
                let Ok(bound) = text.parse() else {
                    let message = format!("`{text}` is no length of a path");
                    return wrong(message, "expected a decimal number");
                };
                self.advance();
                Ok(Some(bound))
            }
            TokenKind::Minus => wrong("a length cannot be negative".to_owned(), "minus sign"),
            TokenKind::Float => {
                let message = format!("`{}` is no length of a path", self.text());
                wrong(message, "expected a whole number")
            }
            _ => Ok(None),
        }
    }

    /// Whether the `|` at the current token joins labels, within brackets where one also separates a
    /// projection or clauses: another one follows that may do that, and what is behind this one can be
    /// a label. So `[x IN xs WHERE x:A|B | x]` has two labels, `[x IN xs WHERE x:A | B]` has one.
    fn pipe_joins_labels(&self) -> bool {
        let next = self.position + 1;
        let is_label = match self.token_at(next).kind {
            TokenKind::Bang | TokenKind::Percent | TokenKind::Dollar | TokenKind::LeftParen => true,
            kind if Self::is_name(kind) => match self.token_at(next + 1).kind {
                TokenKind::Colon
                | TokenKind::Dot
                | TokenKind::LeftParen
                | TokenKind::LeftBracket
                | TokenKind::LeftBrace => false,
                TokenKind::Word(word) => word.is_some_and(Keyword::follows_operand),
                _ => true,
            },
            _ => false,
        };
        let Some(&opening) = self.open.last() else {
            return is_label;
        };
        let closing = self.token_at(opening as usize).partner as usize;
        let mut at = next;
        while is_label && at < closing {
            let token = self.token_at(at);
            match token.kind {
                TokenKind::Pipe => return true,
                // The name of a type follows, whose `|` joins types.
                TokenKind::Colon if self.token_at(at + 1).kind == TokenKind::Colon => return false,
                _ => at = (token.partner as usize).max(at) + 1,
            }
        }
        false
    }

    /// What follows the first colon. `alternatives`: `|` joins labels and does nothing else.
    pub(super) fn label_expression(&mut self, alternatives: bool) -> Result<LabelExpression> {
        let formula = self.label_formula(if alternatives { Of::Node } else { Of::Operand })?;
        Ok(match formula {
            LabelFormula::Label(label) => LabelExpression::All(vec![label]),
            LabelFormula::And(parts) => as_labels(parts),
            formula => LabelExpression::Formula(formula),
        })
    }

    fn label_formula(&mut self, of: Of) -> Result<LabelFormula> {
        self.nested(|parser| {
            let mut operands = vec![parser.label_conjunction(of)?];
            while parser.is(TokenKind::Pipe) && (of != Of::Operand || parser.pipe_joins_labels()) {
                parser.advance();
                parser.eat(TokenKind::Colon);
                operands.push(parser.label_conjunction(of)?);
            }
            Ok(join(operands, LabelFormula::Or, |operand| match operand {
                LabelFormula::Or(inner) => Ok(inner),
                other => Err(other),
            }))
        })
    }

    fn label_conjunction(&mut self, of: Of) -> Result<LabelFormula> {
        let mut operands = vec![self.label_term(of)?];
        while self.eat(TokenKind::Ampersand) || of != Of::Relationship && self.eat(TokenKind::Colon)
        {
            operands.push(self.label_term(of)?);
        }
        Ok(join(operands, LabelFormula::And, |operand| match operand {
            LabelFormula::And(inner) => Ok(inner),
            other => Err(other),
        }))
    }

    /// `$(expression)`, `$all(expression)`, `$any(expression)`.
    pub(super) fn dynamic_label(&mut self) -> Result<LabelFormula> {
        let start = self.expect(TokenKind::Dollar, "`$`")?;
        let any = self.eat_keyword(Keyword::Any);
        if !any {
            self.eat_keyword(Keyword::All);
        }
        if !self.is(TokenKind::LeftParen) {
            let error = self.unexpected("`(`, `all(` or `any(`");
            return Err(error.help("a label from a parameter is written `$($name)`"));
        }
        self.open(TokenKind::LeftParen, "`(`")?;
        let expression = Box::new(self.bracketed(Self::expression)?);
        self.close(TokenKind::RightParen, "an operator")?;
        Ok(LabelFormula::Dynamic {
            any,
            expression,
            span: self.span_from(start),
        })
    }

    fn label_term(&mut self, of: Of) -> Result<LabelFormula> {
        match self.kind() {
            TokenKind::Bang => self.nested(|parser| {
                parser.advance();
                Ok(LabelFormula::Not(Box::new(parser.label_term(of)?)))
            }),
            TokenKind::Percent => Ok(LabelFormula::Any(self.advance().span)),
            TokenKind::Dollar => self.nested(Self::dynamic_label),
            TokenKind::LeftParen => {
                self.open(TokenKind::LeftParen, "`(`")?;
                let of = if of == Of::Operand { Of::Node } else { of };
                let formula = self.label_formula(of)?;
                self.close(TokenKind::RightParen, "`&`, `|`")?;
                Ok(formula)
            }
            _ => Ok(LabelFormula::Label(self.identifier(match of {
                Of::Relationship => "a relationship type",
                _ => "a label",
            })?)),
        }
    }
}

/// One operand as it is; several as one node, operands of the same kind merged into it.
fn join(
    mut operands: Vec<LabelFormula>,
    node: fn(Vec<LabelFormula>) -> LabelFormula,
    unwrap: fn(LabelFormula) -> std::result::Result<Vec<LabelFormula>, LabelFormula>,
) -> LabelFormula {
    if operands.len() == 1 {
        return operands.remove(0);
    }
    let mut flat = Vec::with_capacity(operands.len());
    for operand in operands {
        match unwrap(operand) {
            Ok(inner) => flat.extend(inner),
            Err(other) => flat.push(other),
        }
    }
    node(flat)
}

/// Alternatives that are nothing but types are the ordinary case.
fn as_types(formula: LabelFormula) -> std::result::Result<Vec<Identifier>, LabelFormula> {
    let parts = match formula {
        LabelFormula::Label(name) => return Ok(vec![name]),
        LabelFormula::Or(parts) => parts,
        other => return Err(other),
    };
    let is_type = |part: &LabelFormula| matches!(part, LabelFormula::Label(_));
    if !parts.iter().all(is_type) {
        return Err(LabelFormula::Or(parts));
    }
    let types = parts.into_iter().filter_map(|part| match part {
        LabelFormula::Label(name) => Some(name),
        _ => None,
    });
    Ok(types.collect())
}

/// A conjunction of nothing but labels is the ordinary case.
fn as_labels(parts: Vec<LabelFormula>) -> LabelExpression {
    if !parts
        .iter()
        .all(|part| matches!(part, LabelFormula::Label(_)))
    {
        return LabelExpression::Formula(LabelFormula::And(parts));
    }
    LabelExpression::All(
        parts
            .into_iter()
            .filter_map(|part| match part {
                LabelFormula::Label(label) => Some(label),
                _ => None,
            })
            .collect(),
    )
}
