//! Names of types, in type predicates.

use super::{Parser, Result};
use crate::ast::{SimpleType, TypeKind, TypeName};
use crate::keyword::Keyword;
use crate::lexer::TokenKind;

/// The most words the name of a type has.
const WORDS_MAX: usize = 4;

impl Parser<'_> {
    /// A type, or several with `|` between them where that does not end the expression.
    pub(super) fn type_name(&mut self) -> Result<TypeName> {
        self.type_union(self.context.label_alternatives)
    }

    fn type_union(&mut self, alternatives: bool) -> Result<TypeName> {
        self.nested(|parser| {
            let mut types = vec![parser.single_type()?];
            while alternatives && parser.eat(TokenKind::Pipe) {
                types.push(parser.single_type()?);
            }
            Ok(union(types, false))
        })
    }

    fn single_type(&mut self) -> Result<TypeName> {
        let mut ty = self.prefix_type()?;
        // `INTEGER LIST` is the long form of `LIST<INTEGER>`.
        while self.is_word_at(0, "LIST") || self.is_word_at(0, "ARRAY") {
            self.advance();
            self.grow()?;
            let kind = TypeKind::List(Box::new(ty));
            let not_null = self.not_null()?;
            ty = TypeName { kind, not_null };
        }
        Ok(ty)
    }

    fn prefix_type(&mut self) -> Result<TypeName> {
        let is_list = self.is_word_at(0, "LIST") || self.is_word_at(0, "ARRAY");
        if is_list && self.peek(1) == TokenKind::Less {
            self.advance();
            let item = self.bracketed_type()?;
            let kind = TypeKind::List(Box::new(item));
            let not_null = self.not_null()?;
            return Ok(TypeName { kind, not_null });
        }
        if self.is_keyword(Keyword::Any) {
            let value = usize::from(self.is_word_at(1, "VALUE"));
            if self.peek(1 + value) == TokenKind::Less {
                self.advance();
                self.eat_word("VALUE");
                let inner = self.bracketed_type()?;
                let not_null = self.not_null()?;
                return Ok(TypeName {
                    not_null: inner.not_null || not_null,
                    ..inner
                });
            }
        }
        let Some((ty, words)) = self.simple_type() else {
            let error = self.unexpected("a type such as `INTEGER` or `LIST<STRING>`");
            let names = SimpleType::NAMES.iter().map(|(name, _)| *name);
            return Err(if TokenKind::Word(None) == self.kind() {
                error.suggest(&self.text().to_ascii_uppercase(), names.chain(["LIST"]))
            } else {
                error
            });
        };
        for _ in 0..words {
            self.advance();
        }
        let kind = TypeKind::Simple(ty);
        let not_null = self.not_null()?;
        Ok(TypeName { kind, not_null })
    }

    /// The longest name of a type at the current token, and the number of its words.
    fn simple_type(&self) -> Option<(SimpleType, usize)> {
        (1..=WORDS_MAX).rev().find_map(|count| {
            let found = SimpleType::NAMES.iter().find(|(name, _)| {
                let mut words = name.split(' ');
                let is_same = (0..count).all(|ahead| {
                    words
                        .next()
                        .is_some_and(|word| self.is_word_at(ahead, word))
                });
                is_same && words.next().is_none()
            });
            found.map(|&(_, ty)| (ty, count))
        })
    }

    /// `<type>`, where `|` always joins types.
    fn bracketed_type(&mut self) -> Result<TypeName> {
        self.expect(TokenKind::Less, "`<`")?;
        let ty = self.type_union(true)?;
        self.expect(TokenKind::Greater, "`|` or `>`")?;
        Ok(ty)
    }

    /// `NOT NULL`, or `!` for short.
    fn not_null(&mut self) -> Result<bool> {
        if self.eat(TokenKind::Bang) {
            return Ok(true);
        }
        if self.eat_keyword(Keyword::Not) {
            self.expect_keyword(Keyword::Null)?;
            return Ok(true);
        }
        Ok(false)
    }
}

/// One type as it is; several as one, those that are unions themselves merged into it.
fn union(mut types: Vec<TypeName>, not_null: bool) -> TypeName {
    if types.len() == 1 {
        return types.remove(0);
    }
    let mut flat = Vec::with_capacity(types.len());
    for ty in types {
        match ty {
            TypeName {
                kind: TypeKind::Union(parts),
                not_null: false,
            } => flat.extend(parts),
            other => flat.push(other),
        }
    }
    TypeName {
        kind: TypeKind::Union(flat),
        not_null,
    }
}
