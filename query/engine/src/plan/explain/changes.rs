//! What is made, set and removed, in elements and in the schema.

use retrograph_graph::RuleKind;

use super::Table;
use crate::plan::expression::{Expression, LabelToken};
use crate::plan::operator::{CreatedType, Creation, SchemaChange, SchemaName, Update};
use crate::plan::text::{Texts, join};

impl Table<'_> {
    pub(super) fn creation(&self, creation: &Creation) -> String {
        let properties = |properties: &Option<Expression>| {
            properties.as_ref().map_or(String::new(), |properties| {
                format!(" {}", self.texts.expression(properties))
            })
        };
        let nodes = creation.nodes.iter().map(|node| {
            let labels: String = node
                .labels
                .iter()
                .map(|label| format!(":{}", label.name))
                .collect();
            format!(
                "({}{labels}{})",
                self.texts.slot(node.slot),
                properties(&node.properties)
            )
        });
        let relationships = creation.relationships.iter().map(|part| {
            format!(
                "({})-[{}:{}{}]->({})",
                self.texts.slot(part.start),
                self.texts.slot(part.slot),
                match &part.created_type {
                    CreatedType::Named(token) => token.name.to_string(),
                    CreatedType::Computed(name) => format!("$({})", self.texts.expression(name)),
                },
                properties(&part.properties),
                self.texts.slot(part.end)
            )
        });
        let parts: Vec<String> = nodes.chain(relationships).collect();
        parts.join(", ")
    }

    pub(super) fn updates(&self, updates: &[Update]) -> String {
        let labels = |labels: &[LabelToken]| -> String {
            labels
                .iter()
                .map(|label| format!(":{}", label.name))
                .collect()
        };
        join(updates, |update| match update {
            Update::Property(of, key, value) => format!(
                "SET {}.{} = {}",
                self.texts.expression(of),
                key.name,
                self.texts.expression(value)
            ),
            Update::Dynamic(of, key, value) => format!(
                "SET {}[{}] = {}",
                self.texts.expression(of),
                self.texts.expression(key),
                self.texts.expression(value)
            ),
            Update::AddDynamicLabels(slot, names) => format!(
                "SET {}:$({})",
                self.texts.slot(*slot),
                self.texts.expression(names)
            ),
            Update::RemoveDynamicLabels(slot, names) => format!(
                "REMOVE {}:$({})",
                self.texts.slot(*slot),
                self.texts.expression(names)
            ),
            Update::Replace(slot, value) => {
                format!(
                    "SET {} = {}",
                    self.texts.slot(*slot),
                    self.texts.expression(value)
                )
            }
            Update::Extend(slot, value) => {
                format!(
                    "SET {} += {}",
                    self.texts.slot(*slot),
                    self.texts.expression(value)
                )
            }
            Update::AddLabels(slot, names) => {
                format!("SET {}{}", self.texts.slot(*slot), labels(names))
            }
            Update::RemoveLabels(slot, names) => {
                format!("REMOVE {}{}", self.texts.slot(*slot), labels(names))
            }
        })
    }
}

pub(super) fn schema_change(change: &SchemaChange, texts: &Texts<'_>) -> String {
    let said = |name: &SchemaName| match name {
        SchemaName::Written(name) => name.to_string(),
        SchemaName::Given(parameter) => texts.expression(parameter),
    };
    let name = |name: &Option<SchemaName>| {
        let name = name.as_ref();
        name.map_or(String::new(), |name| format!("{} ", said(name)))
    };
    match change {
        SchemaChange::CreateIndex {
            name: own,
            label,
            key,
            ..
        } => {
            format!("CREATE INDEX {}FOR (n:{label}) ON (n.{key})", name(own))
        }
        SchemaChange::CreateUnique {
            name: own,
            label,
            key,
            ..
        } => {
            format!(
                "CREATE CONSTRAINT {}FOR (n:{label}) REQUIRE n.{key} IS UNIQUE",
                name(own)
            )
        }
        SchemaChange::CreateRule {
            name: own,
            is_relationship,
            targets,
            keys,
            kind,
            ..
        } => {
            let target = targets.join("|");
            let (open, close) = match is_relationship {
                true => ("()-[e", "]-()"),
                false => ("(e", ")"),
            };
            let keys: Vec<String> = keys.iter().map(|key| format!("e.{key}")).collect();
            let rule = match kind {
                RuleKind::Unique => "UNIQUE".to_owned(),
                RuleKind::Key => "KEY".to_owned(),
                RuleKind::Exists => "NOT NULL".to_owned(),
                RuleKind::Typed(types) => format!(":: {types}"),
                RuleKind::Index(sort) => {
                    return format!(
                        "CREATE {} INDEX {}FOR {open}:{target}{close} ON ({})",
                        sort.word(),
                        name(own),
                        keys.join(", ")
                    );
                }
            };
            format!(
                "CREATE CONSTRAINT {}FOR {open}:{target}{close} REQUIRE ({}) IS {rule}",
                name(own),
                keys.join(", ")
            )
        }
        SchemaChange::CreateLookup {
            is_relationship, ..
        } => match is_relationship {
            true => "CREATE LOOKUP INDEX FOR ()-[e]-() ON EACH type(e)".to_owned(),
            false => "CREATE LOOKUP INDEX FOR (e) ON EACH labels(e)".to_owned(),
        },
        SchemaChange::CreateVectorIndex {
            name: own,
            is_relationship,
            target,
            key,
            ..
        } => {
            let (open, close) = match is_relationship {
                true => ("()-[e", "]-()"),
                false => ("(e", ")"),
            };
            format!(
                "CREATE VECTOR INDEX {}FOR {open}:{target}{close} ON ({key})",
                name(own)
            )
        }
        SchemaChange::DropIndex { name, .. } => format!("DROP INDEX {}", said(name)),
        SchemaChange::DropConstraint { name, .. } => format!("DROP CONSTRAINT {}", said(name)),
    }
}
