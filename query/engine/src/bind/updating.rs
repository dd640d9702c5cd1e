//! SET, REMOVE, DELETE and FOREACH.

use retrograph_cypher::ast::{
    self, Clause, Delete, ExpressionKind, Foreach, Identifier, LabelName, Remove, RemoveItemKind,
    SetItem, SetItemKind,
};
use retrograph_cypher::{Detail, Diagnostic};
use retrograph_graph::value::Value;

use super::typing::{check, item_of};
use super::{Binder, Bound, Steps};
use crate::plan::expression::LabelToken;
use crate::plan::operator::Update;
use crate::plan::schema::NameKind;
use crate::plan::{Expression, Operator, Slot};
use crate::types::Type;

impl Binder<'_> {
    pub(super) fn set_items(&mut self, items: &[SetItem]) -> Bound<Vec<Update>> {
        let mut updates = Vec::with_capacity(items.len());
        for item in items {
            self.set_item(item, &mut updates)?;
        }
        Ok(updates)
    }

    fn set_item(&mut self, item: &SetItem, updates: &mut Vec<Update>) -> Bound<()> {
        let update = match &item.kind {
            SetItemKind::Property {
                subject,
                key,
                value,
            } => {
                let of = self.element(subject, "SET")?;
                let value = self.expression(value)?.expression;
                self.creates_name(NameKind::Key, key);
                Update::Property(of, self.key(key), value)
            }
            SetItemKind::Dynamic {
                subject,
                key,
                value,
            } => {
                let of = self.element(subject, "SET")?;
                let key = self.property_name(key)?;
                Update::Dynamic(of, key, self.expression(value)?.expression)
            }
            SetItemKind::Replace { variable, value } => {
                let slot = self.element_variable(variable, &[Type::Node, Type::Relationship])?;
                Update::Replace(slot, self.property_source(value)?)
            }
            SetItemKind::Merge { variable, value } => {
                let slot = self.element_variable(variable, &[Type::Node, Type::Relationship])?;
                Update::Extend(slot, self.property_source(value)?)
            }
            SetItemKind::Labels { variable, labels } => {
                let slot = self.element_variable(variable, &[Type::Node])?;
                for label in labels {
                    if let LabelName::Plain(label) = label {
                        self.creates_name(NameKind::Label, label);
                    }
                }
                let (plain, dynamic) = self.label_list(labels)?;
                if !plain.is_empty() {
                    updates.push(Update::AddLabels(slot, plain));
                }
                updates.extend(
                    dynamic
                        .into_iter()
                        .map(|names| Update::AddDynamicLabels(slot, names)),
                );
                return Ok(());
            }
        };
        updates.push(update);
        Ok(())
    }

    /// Labels by name, and those whose names are computed.
    fn label_list(&mut self, labels: &[LabelName]) -> Bound<(Vec<LabelToken>, Vec<Expression>)> {
        let (mut plain, mut dynamic) = (Vec::new(), Vec::new());
        for label in labels {
            match label {
                LabelName::Plain(label) => plain.push(self.label(label)),
                LabelName::Dynamic(names) => dynamic.push(self.label_names(names)?),
            }
        }
        Ok((plain, dynamic))
    }

    /// The computed name of a property.
    fn property_name(&mut self, written: &ast::Expression) -> Bound<Expression> {
        let typed = self.expression(written)?;
        check(
            &typed.ty,
            &[Type::String],
            written.span,
            "the name of a property",
        )?;
        Ok(typed.expression)
    }

    /// An expression whose properties are written.
    fn element(&mut self, written: &ast::Expression, place: &str) -> Bound<Expression> {
        let typed = self.expression(written)?;
        check(
            &typed.ty,
            &[Type::Node, Type::Relationship],
            written.span,
            place,
        )?;
        Ok(typed.expression)
    }

    fn element_variable(&mut self, name: &Identifier, wanted: &[Type]) -> Bound<Slot> {
        let Some(variable) = self.scope.get(&name.name) else {
            return Err(self.undefined(name));
        };
        check(&variable.ty, wanted, name.span, "an update")?;
        Ok(variable.slot)
    }

    /// A map, or an element whose properties are copied.
    fn property_source(&mut self, written: &ast::Expression) -> Bound<Expression> {
        if let ExpressionKind::Map(entries) = &written.kind {
            for entry in entries {
                self.creates_name(NameKind::Key, &entry.key);
            }
        }
        let typed = self.expression(written)?;
        let wanted = [Type::Map, Type::Node, Type::Relationship];
        check(&typed.ty, &wanted, written.span, "SET")?;
        Ok(typed.expression)
    }

    pub(super) fn remove(&mut self, clause: &Remove, steps: &mut Steps) -> Bound<()> {
        let mut updates = Vec::with_capacity(clause.items.len());
        for item in &clause.items {
            let update = match &item.kind {
                RemoveItemKind::Property { subject, key } => {
                    let of = self.element(subject, "REMOVE")?;
                    Update::Property(of, self.key(key), Expression::Literal(Value::Null))
                }
                RemoveItemKind::Dynamic { subject, key } => {
                    let of = self.element(subject, "REMOVE")?;
                    let key = self.property_name(key)?;
                    Update::Dynamic(of, key, Expression::Literal(Value::Null))
                }
                RemoveItemKind::Labels { variable, labels } => {
                    let slot = self.element_variable(variable, &[Type::Node])?;
                    let (plain, dynamic) = self.label_list(labels)?;
                    updates.extend(
                        dynamic
                            .into_iter()
                            .map(|names| Update::RemoveDynamicLabels(slot, names)),
                    );
                    Update::RemoveLabels(slot, plain)
                }
            };
            updates.push(update);
        }
        steps.push(Operator::Update(updates), self.clause);
        Ok(())
    }

    pub(super) fn delete(&mut self, clause: &Delete, steps: &mut Steps) -> Bound<()> {
        let mut expressions = Vec::with_capacity(clause.expressions.len());
        for written in &clause.expressions {
            let typed = self.expression(written)?;
            let wanted = [Type::Node, Type::Relationship, Type::Path];
            check(&typed.ty, &wanted, written.span, "DELETE")?;
            expressions.push(typed.expression);
        }
        let detach = clause.detach;
        steps.push(
            Operator::Delete {
                expressions,
                detach,
            },
            self.clause,
        );
        Ok(())
    }

    pub(super) fn foreach(&mut self, clause: &Foreach, steps: &mut Steps) -> Bound<()> {
        let list = self.expression(&clause.list)?;
        check(&list.ty, &[Type::list()], clause.list.span, "FOREACH")?;
        let depth = self.scope.depth();
        let item = self.declare(&clause.variable, item_of(&list.ty));
        let own_clause = self.clause;
        let mut body = Steps::new(Operator::Argument, steps.rows * 10.0);
        for (place, inner) in clause.clauses.iter().enumerate() {
            if place > 0 {
                body.push(Operator::Barrier { live: Vec::new() }, self.clause);
            }
            self.next_clause();
            self.updating_clause(inner, &mut body)?;
        }
        self.scope.truncate(depth);
        let foreach = Operator::Foreach {
            list: list.expression,
            item,
            body: body.finish(),
        };
        steps.push(foreach, own_clause);
        Ok(())
    }

    /// Binds a clause that writes.
    pub(super) fn updating_clause(&mut self, clause: &Clause, steps: &mut Steps) -> Bound<()> {
        match clause {
            Clause::Create(create) => self.create(create, steps),
            Clause::Merge(merge) => self.merge(merge, steps),
            Clause::Set(set) => {
                let updates = self.set_items(&set.items)?;
                steps.push(Operator::Update(updates), self.clause);
                Ok(())
            }
            Clause::Remove(remove) => self.remove(remove, steps),
            Clause::Delete(delete) => self.delete(delete, steps),
            Clause::Foreach(foreach) => self.foreach(foreach, steps),
            other => Err(Diagnostic::error(
                Detail::InvalidClauseComposition,
                other.span(),
                format!("{} does not write", other.keyword()),
            )),
        }
    }
}
