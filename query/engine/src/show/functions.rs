//! SHOW FUNCTIONS and SHOW PROCEDURES.
//!
//! Nothing yet forbids anybody to call a function, so EXECUTABLE leaves none out.

use std::sync::Arc;

use retrograph_graph::value::{Map, Value};

use super::{Listing, Row, listing_of, strings};
use crate::functions::registry::category;
use crate::functions::{Procedure, Procedures, aggregates, all, list, text};
use crate::types::Type;

/// A described argument or column.
fn described(name: &str, kind: &str) -> Value {
    let map = Map::from_iter([
        ("name".into(), text(name)),
        ("type".into(), text(kind)),
        ("description".into(), text(format!("{name} :: {kind}"))),
        ("isDeprecated".into(), Value::Bool(false)),
    ]);
    Value::Map(Arc::new(map))
}

fn parameters(parameters: &[crate::functions::Parameter]) -> Value {
    list(parameters.iter().map(|parameter| {
        let types: Vec<String> = parameter.accepts.iter().map(Type::to_string).collect();
        described(parameter.name, &types.join(" | "))
    }))
}

struct Shown<'f> {
    name: &'f str,
    category: &'f str,
    description: &'f str,
    signature: String,
    arguments: Value,
    returns: String,
    is_aggregating: bool,
}

impl Shown<'_> {
    fn row(self) -> Row {
        vec![
            text(self.name),
            text(self.category),
            text(self.description),
            text(self.signature),
            Value::Bool(true),
            self.arguments,
            text(self.returns),
            Value::Bool(self.is_aggregating),
            Value::Null,
            Value::Null,
            Value::Bool(false),
            Value::Null,
        ]
    }
}

/// `SHOW [BUILT IN | USER DEFINED] FUNCTIONS`.
pub(super) fn functions(is_built_in: Option<bool>) -> Listing {
    let columns = [
        ("name", Type::String),
        ("category", Type::String),
        ("description", Type::String),
        ("signature", Type::String),
        ("isBuiltIn", Type::Boolean),
        ("argumentDescription", Type::list()),
        ("returnDescription", Type::String),
        ("aggregating", Type::Boolean),
        ("rolesExecution", strings()),
        ("rolesBoostedExecution", strings()),
        ("isDeprecated", Type::Boolean),
        ("deprecatedBy", Type::String),
    ];
    listing_of("SHOW FUNCTIONS", &columns, 3, move |_, _| {
        // All functions are built in.
        if is_built_in == Some(false) {
            return Ok(Vec::new());
        }
        let scalars = all().iter().map(|function| Shown {
            name: function.name,
            category: category(function.name),
            description: function.description,
            signature: function.signature(),
            arguments: parameters(function.parameters),
            returns: function.returns.to_string(),
            is_aggregating: false,
        });
        let aggregating = aggregates().iter().map(|function| Shown {
            name: function.name,
            category: "Aggregating",
            description: function.description,
            signature: function.signature(),
            arguments: parameters(function.parameters),
            returns: function.returns.to_string(),
            is_aggregating: true,
        });
        let mut found: Vec<Shown<'_>> = scalars.chain(aggregating).collect();
        found.sort_by_key(|function| function.name.to_ascii_lowercase());
        Ok(found.into_iter().map(Shown::row).collect())
    })
}

/// `SHOW PROCEDURES`.
pub(super) fn procedures(procedures: &Procedures) -> Listing {
    let columns = [
        ("name", Type::String),
        ("description", Type::String),
        ("mode", Type::String),
        ("worksOnSystem", Type::Boolean),
        ("signature", Type::String),
        ("argumentDescription", Type::list()),
        ("returnDescription", Type::list()),
        ("admin", Type::Boolean),
        ("rolesExecution", strings()),
        ("rolesBoostedExecution", strings()),
        ("isDeprecated", Type::Boolean),
        ("deprecatedBy", Type::String),
        ("option", Type::Map),
    ];
    // A procedure registered later clears the plans, and so this list.
    let all: Vec<Arc<Procedure>> = procedures.all().into_iter().cloned().collect();
    listing_of("SHOW PROCEDURES", &columns, 4, move |_, _| {
        let typed = |columns: &[(String, Type)]| {
            list(
                columns
                    .iter()
                    .map(|(name, kind)| described(name, &kind.to_string())),
            )
        };
        Ok(all
            .iter()
            .map(|procedure| {
                vec![
                    text(&procedure.name),
                    text(&procedure.description),
                    text(procedure.mode()),
                    Value::Bool(true),
                    text(procedure.signature()),
                    typed(&procedure.parameters),
                    typed(&procedure.results),
                    Value::Bool(false),
                    Value::Null,
                    Value::Null,
                    Value::Bool(false),
                    Value::Null,
                    Value::Map(Arc::default()),
                ]
            })
            .collect())
    })
}
