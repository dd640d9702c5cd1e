//! The procedures that list procedures and functions, as clients from before SHOW call them.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use retrograph_graph::value::Value;

use super::procedures::procedure;
use super::registry::category;
use super::{Procedure, aggregates, all, text};
use crate::types::Type;

/// What is listed of the procedures of a registry, by name without regard to case.
#[derive(Clone, Default)]
pub(super) struct Listed(Arc<RwLock<BTreeMap<String, Vec<Value>>>>);

impl Listed {
    /// Lists a procedure, in place of one of the same name.
    pub(super) fn add(&self, name: &str, procedure: &Procedure) {
        let row = vec![
            text(&procedure.name),
            text(procedure.signature()),
            text(&procedure.description),
            text(procedure.mode()),
            Value::Null,
            Value::Bool(true),
        ];
        self.0.write().insert(name.to_owned(), row);
    }
}

/// The procedures.
pub(super) fn procedures(listed: &Listed) -> Vec<Procedure> {
    let roles = || Type::List(Box::new(Type::String));
    let listed = listed.clone();
    vec![
        procedure(
            "dbms.procedures",
            "The procedures that can be called.",
            &[
                ("name", Type::String),
                ("signature", Type::String),
                ("description", Type::String),
                ("mode", Type::String),
                ("defaultBuiltInRoles", roles()),
                ("worksOnSystem", Type::Boolean),
            ],
            move |_, sink| {
                let rows: Vec<Vec<Value>> = listed.0.read().values().cloned().collect();
                rows.into_iter().try_for_each(sink)
            },
        ),
        procedure(
            "dbms.functions",
            "The functions that can be called.",
            &[
                ("name", Type::String),
                ("signature", Type::String),
                ("category", Type::String),
                ("description", Type::String),
                ("aggregating", Type::Boolean),
                ("defaultBuiltInRoles", roles()),
            ],
            |_, sink| {
                let scalars = all().iter().map(|function| {
                    let group = category(function.name);
                    (
                        function.name,
                        function.signature(),
                        group,
                        function.description,
                    )
                });
                let aggregating = aggregates().iter().map(|function| {
                    let group = "Aggregating";
                    (
                        function.name,
                        function.signature(),
                        group,
                        function.description,
                    )
                });
                let mut found: Vec<_> = scalars.chain(aggregating).collect();
                found.sort_by_key(|(name, ..)| name.to_ascii_lowercase());
                found
                    .into_iter()
                    .try_for_each(|(name, signature, group, description)| {
                        sink(vec![
                            text(name),
                            text(signature),
                            text(group),
                            text(description),
                            Value::Bool(group == "Aggregating"),
                            Value::Null,
                        ])
                    })
            },
        ),
    ]
}
