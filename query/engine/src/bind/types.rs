//! What a relationship pattern asks of the type: a list of types where that says it all, else a test.
//!
//! A relationship has exactly one type, so a formula without computed names is a function of that one
//! name: what holds for a type that the formula does not mention holds for all of these.

use retrograph_cypher::ast::{Identifier, LabelFormula, RelationshipPattern};
use retrograph_cypher::{Detail, Diagnostic};

use super::{Binder, Bound};
use crate::plan::Expression;
use crate::plan::expression::TypeToken;
use crate::plan::operator::CreatedType;
use crate::plan::schema::NameKind;
use crate::types::Type;
use retrograph_graph::value::Value;

/// What is asked of the type of a relationship.
pub(super) enum Asked<'p> {
    /// Nothing, or that it is one of those listed.
    Listed,
    /// That it meets a formula.
    Formula(&'p LabelFormula),
    /// What no type is.
    Nothing,
}

impl Binder<'_> {
    /// The types that a relationship may have (all if there are none), and what else is asked.
    pub(super) fn admitted_types<'p>(
        &mut self,
        relationship: &'p RelationshipPattern,
    ) -> (Vec<TypeToken>, Asked<'p>) {
        let Some(formula) = &relationship.formula else {
            return (self.type_list(relationship.types.iter()), Asked::Listed);
        };
        let mut names = Vec::new();
        if !mentioned(formula, &mut names) {
            return (Vec::new(), Asked::Formula(formula));
        }
        let admitted = |name: Option<&str>| admits(formula, name);
        if !admitted(None) {
            names.retain(|name| admitted(Some(name.as_str())));
            let asked = if names.is_empty() {
                Asked::Nothing
            } else {
                Asked::Listed
            };
            return (self.type_list(names.into_iter()), asked);
        }
        let is_all = names.iter().all(|name| admitted(Some(name.as_str())));
        let asked = if is_all {
            Asked::Listed
        } else {
            Asked::Formula(formula)
        };
        (Vec::new(), asked)
    }

    /// A type named twice counts once, also where plans add up per type.
    fn type_list<'n>(&mut self, names: impl Iterator<Item = &'n Identifier>) -> Vec<TypeToken> {
        let mut types: Vec<TypeToken> = Vec::new();
        for name in names {
            if types.iter().all(|known| known.name != name.name) {
                types.push(self.type_read(name));
            }
        }
        types
    }

    /// The test of what is asked of the type, beside the list of types.
    pub(super) fn type_test(
        &mut self,
        of: &Expression,
        asked: &Asked<'_>,
    ) -> Bound<Option<Expression>> {
        Ok(match asked {
            Asked::Listed => None,
            Asked::Nothing => Some(Expression::Literal(Value::Bool(false))),
            Asked::Formula(formula) => {
                Some(self.label_formula(of, &Type::Relationship, formula)?)
            }
        })
    }

    /// The type of a relationship to create: exactly one.
    pub(super) fn created_type(
        &mut self,
        relationship: &RelationshipPattern,
    ) -> Bound<CreatedType> {
        match (&relationship.types[..], relationship.formula.as_deref()) {
            ([name], _) => {
                self.creates_name(NameKind::RelationshipType, name);
                Ok(CreatedType::Named(self.type_token(name)))
            }
            (
                [],
                Some(LabelFormula::Dynamic {
                    any: false,
                    expression,
                    ..
                }),
            ) => Ok(CreatedType::Computed(self.label_names(expression)?)),
            (_, Some(_)) => Err(Diagnostic::error(
                Detail::NoSingleRelationshipType,
                relationship.span,
                "a relationship to create has exactly one type, not a choice of types",
            )
            .help("write `:TYPE` or `:$(name)`")),
            (types, None) => Err(Diagnostic::error(
                Detail::NoSingleRelationshipType,
                relationship.span,
                format!(
                    "a relationship to create has exactly one type, but {} are given",
                    if types.is_empty() {
                        "none".to_owned()
                    } else {
                        types.len().to_string()
                    }
                ),
            )),
        }
    }
}

/// Collects the names in a formula; false if some are computed.
fn mentioned<'p>(formula: &'p LabelFormula, names: &mut Vec<&'p Identifier>) -> bool {
    match formula {
        LabelFormula::Label(name) => {
            names.push(name);
            true
        }
        LabelFormula::Any(_) => true,
        LabelFormula::Dynamic { .. } => false,
        LabelFormula::Not(part) => mentioned(part, names),
        LabelFormula::And(parts) | LabelFormula::Or(parts) => {
            parts.iter().all(|part| mentioned(part, names))
        }
    }
}

/// Whether a formula without computed names admits a type; `None` is one that it does not mention.
fn admits(formula: &LabelFormula, name: Option<&str>) -> bool {
    match formula {
        LabelFormula::Label(label) => name == Some(label.as_str()),
        LabelFormula::Any(_) => true,
        LabelFormula::Dynamic { .. } => false,
        LabelFormula::Not(part) => !admits(part, name),
        LabelFormula::And(parts) => parts.iter().all(|part| admits(part, name)),
        LabelFormula::Or(parts) => parts.iter().any(|part| admits(part, name)),
    }
}
