//! `CREATE VECTOR INDEX`, whose options are known when it runs.

use retrograph_cypher::ast::CreateIndex;
use retrograph_cypher::{Detail, Diagnostic};
use retrograph_graph::value::Value;

use super::{Binder, Bound};
use crate::plan::Expression;
use crate::plan::operator::SchemaChange;

impl Binder<'_> {
    pub(super) fn create_vector_index(&mut self, create: &CreateIndex) -> Bound<SchemaChange> {
        let ([key], [target]) = (create.properties.as_slice(), create.target.names.as_slice())
        else {
            let second = create.properties.get(1).or(create.target.names.get(1));
            return Err(Diagnostic::error(
                Detail::UnexpectedSyntax,
                second.map_or(create.span, |second| second.span),
                "a vector index is on one property of one label or type",
            )
            .help("make one for each"));
        };
        let options = match &create.options {
            Some(options) => self.expression(options)?.expression,
            None => Expression::Literal(Value::Null),
        };
        Ok(SchemaChange::CreateVectorIndex {
            name: create.name.as_ref().map(|name| self.schema_name(name)),
            is_relationship: create.target.is_relationship,
            target: target.name.clone(),
            key: key.name.clone(),
            options,
            if_not_exists: create.if_not_exists,
        })
    }
}
