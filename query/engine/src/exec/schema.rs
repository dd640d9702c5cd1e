//! CREATE and DROP of indexes and constraints.

use std::sync::Arc;

use retrograph_graph::value::Value;
use retrograph_graph::{
    GoOn, GraphError, IndexDefinition, IndexSort, RuleDefinition, RuleKind, Target, Transaction,
};

use super::context::Context;
use super::expression::eval_single;
use super::vector_index;
use crate::error::{QueryError, RuntimeError};
use crate::plan::operator::{SchemaChange, SchemaName};
use crate::schema_items::LOOKUPS;

/// CREATE and DROP of indexes and constraints.
pub(crate) fn change(change: &SchemaChange, context: &mut Context<'_>) -> Result<(), QueryError> {
    let options = match change {
        SchemaChange::CreateVectorIndex { options, .. } => eval_single(options, context)?,
        _ => Value::Null,
    };
    let named = name_of(change, context)?;
    let (transaction, _) = context.writer(0)?;
    if let SchemaChange::CreateIndex { if_not_exists, .. }
    | SchemaChange::CreateUnique { if_not_exists, .. }
    | SchemaChange::CreateRule { if_not_exists, .. }
    | SchemaChange::CreateVectorIndex { if_not_exists, .. } = change
        && let Some(existing) = named.clone().filter(|name| LOOKUPS.contains(&&**name))
    {
        was_made(Err(GraphError::SchemaExists { existing }), *if_not_exists)?;
        return Ok(());
    }
    match change {
        SchemaChange::CreateLookup {
            is_relationship,
            if_not_exists,
        } => {
            let existing = LOOKUPS[usize::from(*is_relationship)].into();
            was_made(Err(GraphError::SchemaExists { existing }), *if_not_exists)?;
        }
        SchemaChange::DropIndex { .. }
            if named.as_deref().is_some_and(|name| LOOKUPS.contains(&name)) =>
        {
            let name = named.unwrap_or_default();
            return Err(RuntimeError::argument(format!(
                "index {name} is part of how the graph is stored and cannot be dropped"
            ))
            .into());
        }
        SchemaChange::CreateIndex {
            label,
            key,
            if_not_exists,
            ..
        } => {
            let (label_id, key_id) = (transaction.label_id(label)?, transaction.key_id(key)?);
            let name = named.unwrap_or_else(|| {
                free_name(transaction, format!("index_{label}_{key}"), |known| {
                    let mut same = known.indexes.iter();
                    same.find(|index| (index.label, index.key) == (label_id, key_id))
                        .map(|index| Arc::clone(&index.name))
                })
            });
            let made = transaction.create_index(&name, label_id, key_id);
            context.counters.indexes_added += u64::from(was_made(made.map(drop), *if_not_exists)?);
        }
        SchemaChange::CreateUnique {
            label,
            key,
            if_not_exists,
            ..
        } => {
            let name = named.unwrap_or_else(|| format!("unique_{label}_{key}").into());
            let (label, key) = (transaction.label_id(label)?, transaction.key_id(key)?);
            let made = while_allowed(context, |go_on| {
                transaction.create_unique_constraint_while(&name, label, key, go_on)
            })?;
            context.counters.constraints_added += u64::from(was_made(made, *if_not_exists)?);
        }
        SchemaChange::CreateRule {
            is_relationship,
            targets: names,
            keys: properties,
            kind,
            if_not_exists,
            ..
        } => {
            let targets = names
                .iter()
                .map(|target| {
                    Ok(match is_relationship {
                        true => Target::Type(transaction.type_id(target)?),
                        false => Target::Label(transaction.label_id(target)?),
                    })
                })
                .collect::<Result<Vec<_>, GraphError>>()?;
            let keys = properties
                .iter()
                .map(|key| transaction.key_id(key))
                .collect::<Result<Vec<_>, _>>()?;
            let name = named.unwrap_or_else(|| {
                let word = match kind {
                    RuleKind::Unique => "unique",
                    RuleKind::Key => "key",
                    RuleKind::Exists => "exists",
                    RuleKind::Typed(_) => "type",
                    RuleKind::Index(IndexSort::Range) => "index",
                    RuleKind::Index(sort) => &sort.word().to_lowercase(),
                };
                let generated = format!("{word}_{}_{}", names.join("_"), properties.join("_"));
                free_name(transaction, generated, |known| {
                    let mut same = known.rules.iter();
                    same.find(|rule| {
                        rule.targets == targets && rule.keys == keys && rule.kind == *kind
                    })
                    .map(|rule| Arc::clone(&rule.name))
                })
            });
            let made = while_allowed(context, |go_on| {
                transaction.create_rule_while(&name, targets, keys, *kind, go_on)
            })?;
            let count = match kind.is_constraint() {
                true => &mut context.counters.constraints_added,
                false => &mut context.counters.indexes_added,
            };
            *count += u64::from(was_made(made, *if_not_exists)?);
        }
        SchemaChange::CreateVectorIndex {
            is_relationship,
            target,
            key,
            if_not_exists,
            ..
        } => {
            let settings = vector_index::settings(&options)?;
            let name = named.unwrap_or_else(|| format!("vector_{target}_{key}").into());
            let target = match is_relationship {
                true => Target::Type(transaction.type_id(target)?),
                false => Target::Label(transaction.label_id(target)?),
            };
            let keys = vec![transaction.key_id(key)?];
            let kind = RuleKind::Index(IndexSort::Vector(settings));
            let made = while_allowed(context, |go_on| {
                transaction.create_rule_while(&name, vec![target], keys, kind, go_on)
            })?;
            context.counters.indexes_added += u64::from(was_made(made, *if_not_exists)?);
        }
        SchemaChange::DropIndex { if_exists, .. } => {
            let dropped = transaction.drop_index(&named.unwrap_or_default());
            context.counters.indexes_removed += u64::from(was_dropped(dropped, *if_exists)?);
        }
        SchemaChange::DropConstraint { if_exists, .. } => {
            let dropped = transaction.drop_constraint(&named.unwrap_or_default());
            context.counters.constraints_removed += u64::from(was_dropped(dropped, *if_exists)?);
        }
    }
    Ok(())
}

/// The name that a change says, if it says one.
fn name_of(
    change: &SchemaChange,
    context: &mut Context<'_>,
) -> Result<Option<Arc<str>>, QueryError> {
    let name = match change {
        SchemaChange::CreateIndex { name, .. }
        | SchemaChange::CreateUnique { name, .. }
        | SchemaChange::CreateRule { name, .. }
        | SchemaChange::CreateVectorIndex { name, .. } => name.as_ref(),
        SchemaChange::DropIndex { name, .. } | SchemaChange::DropConstraint { name, .. } => {
            Some(name)
        }
        SchemaChange::CreateLookup { .. } => None,
    };
    match name {
        None => Ok(None),
        Some(SchemaName::Written(name)) => Ok(Some(Arc::clone(name))),
        Some(SchemaName::Given(parameter)) => match eval_single(parameter, context)? {
            Value::String(name) => Ok(Some(name)),
            other => Err(RuntimeError::type_error(format!(
                "the name of an index or constraint is a string, not {}",
                other.type_name()
            ))
            .into()),
        },
    }
}

/// Who asks for memory when a constraint is created.
const CONSTRAINT_CHECK: &str = "The check of a new constraint, which keeps 24 bytes for each value \
    and can be given more with the setting engine.memory_bytes_max,";

/// Creates a constraint as long as the statement may run and has memory for the check.
fn while_allowed<T>(
    context: &mut Context<'_>,
    create: impl FnOnce(GoOn<'_>) -> Result<T, GraphError>,
) -> Result<Result<(), GraphError>, QueryError> {
    let (mut stopped, mut taken) = (None, 0);
    let made = create(&mut |bytes| {
        let allowed = context.tick(1);
        let allowed = allowed.and_then(|()| context.charge(CONSTRAINT_CHECK, bytes));
        taken += bytes;
        stopped = allowed.err();
        stopped.is_none()
    });
    context.release(taken);
    match stopped {
        Some(error) => Err(error),
        None => Ok(made.map(drop)),
    }
}

/// The schema as it is when something is added to it.
struct Known {
    indexes: Vec<Arc<IndexDefinition>>,
    rules: Vec<Arc<RuleDefinition>>,
}

/// A name for something that was given none: the generated one, or, where something else has that, with a
/// number behind it. What is there already keeps its name, so that it is found to be there.
fn free_name(
    transaction: &Transaction,
    generated: String,
    same: impl Fn(&Known) -> Option<Arc<str>>,
) -> Arc<str> {
    let catalog = transaction.read().catalog();
    let known = Known {
        indexes: catalog.indexes(),
        rules: catalog.rules(),
    };
    if let Some(name) = same(&known) {
        return name;
    }
    let is_taken = |name: &str| {
        known.indexes.iter().any(|index| *index.name == *name)
            || known.rules.iter().any(|rule| *rule.name == *name)
    };
    let mut name = generated.clone();
    let mut number = 1;
    while is_taken(&name) {
        number += 1;
        name = format!("{generated}_{number}");
    }
    name.into()
}

fn was_made(result: Result<(), GraphError>, if_not_exists: bool) -> Result<bool, QueryError> {
    match result {
        Ok(()) => Ok(true),
        Err(GraphError::SchemaExists { .. }) if if_not_exists => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn was_dropped(result: Result<(), GraphError>, if_exists: bool) -> Result<bool, QueryError> {
    match result {
        Ok(()) => Ok(true),
        Err(GraphError::NoSuchSchema { .. }) if if_exists => Ok(false),
        Err(error) => Err(error.into()),
    }
}
