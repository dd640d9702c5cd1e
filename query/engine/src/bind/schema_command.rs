//! Commands on indexes and constraints.

use retrograph_cypher::ast::{Identifier, SchemaCommand, Show, ShowSubject};
use retrograph_cypher::{Detail, Diagnostic, Span};

use super::query::Statement;
use super::{Binder, Bound, Steps};
use crate::plan::operator::SchemaChange;
use crate::plan::{Access, Operator};

impl Binder<'_> {
    pub(super) fn schema_command(&mut self, command: &SchemaCommand) -> Bound<Statement> {
        let change = match command {
            SchemaCommand::Show(show) => return self.show(show),
            SchemaCommand::CreateIndex(create) => SchemaChange::CreateIndex {
                name: name_of(create.name.as_ref()),
                label: create.label.name.clone(),
                key: single_key(&create.properties, create.span)?,
                if_not_exists: create.if_not_exists,
            },
            SchemaCommand::CreateConstraint(create) => SchemaChange::CreateUnique {
                name: name_of(create.name.as_ref()),
                label: create.label.name.clone(),
                key: single_key(&create.properties, create.span)?,
                if_not_exists: create.if_not_exists,
            },
            SchemaCommand::DropIndex(drop) => SchemaChange::DropIndex {
                name: drop.name.name.clone(),
                if_exists: drop.if_exists,
            },
            SchemaCommand::DropConstraint(drop) => SchemaChange::DropConstraint {
                name: drop.name.name.clone(),
                if_exists: drop.if_exists,
            },
        };
        self.next_clause();
        let mut steps = Steps::new(Operator::Unit, 1.0);
        steps.push(Operator::Schema(change), self.clause);
        Ok((steps.finish(), Vec::new(), None, Access::Schema))
    }

    /// SHOW is a call of the procedure that lists the same.
    fn show(&mut self, show: &Show) -> Bound<Statement> {
        let name = match show.subject {
            ShowSubject::Indexes => "db.indexes",
            ShowSubject::Constraints => "db.constraints",
        };
        let Some(procedure) = self.procedures.get(name).cloned() else {
            return Err(Diagnostic::error(
                Detail::ProcedureNotFound,
                show.span,
                format!("this database has no procedure `{name}` to list them"),
            ));
        };
        self.next_clause();
        let mut steps = Steps::new(Operator::Unit, 1.0);
        let yields = show.yields.as_ref();
        let columns = self.run_procedure(&procedure, Vec::new(), yields, true, &mut steps)?;
        let columns = columns
            .into_iter()
            .map(|column| (column.name, column.slot))
            .collect();
        Ok((steps.finish(), columns, None, Access::Read))
    }
}

fn name_of(name: Option<&Identifier>) -> Option<std::sync::Arc<str>> {
    name.map(|name| name.name.clone())
}

fn single_key(properties: &[Identifier], span: Span) -> Bound<std::sync::Arc<str>> {
    match properties {
        [key] => Ok(key.name.clone()),
        _ => Err(Diagnostic::error(
            Detail::UnexpectedSyntax,
            properties.get(1).map_or(span, |second| second.span),
            "an index or constraint is on one property",
        )
        .help("make one for each property")),
    }
}
