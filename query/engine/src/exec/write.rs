//! Steps that write: CREATE, MERGE, SET, REMOVE, DELETE, FOREACH and changes of the schema.
//!
//! Writes go to the transaction with the sequence of their clause. SET, MERGE and FOREACH work row by
//! row, each row seeing what the rows before it did. Each item of a FOREACH is a turn of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use retrograph_graph::Transaction;
use retrograph_graph::ids::{ElementId, KeyId, LabelId, NodeId, RelationshipId, TypeId};
use retrograph_graph::value::{Map, NodeRef, RelationshipRef, Value};

use super::batch::{BATCH_ROWS_MAX, Batch};
use super::context::{Context, read_only};
use super::expression::eval;
use super::fan::{node_vector, relationship_vector};
use super::liveness::expression_slots;
use super::pipeline::{Flow, Rest, State, run_nested};
use super::vector::Vector;
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::functions::internal::names_of;
use crate::functions::property;
use crate::plan::expression::{KeyToken, LabelToken, TypeToken};
use crate::plan::operator::{CreatedType, Creation, Update};
use crate::plan::{Expression, Pipeline, Slot};

/// A property value as it may be stored.
fn storable(key: &str, value: Value) -> Result<Value, QueryError> {
    if value.is_null() || value.is_storable() {
        return Ok(value);
    }
    let message = format!(
        "property {key} cannot be {}: properties hold booleans, numbers, strings, bytes, temporal \
         values, points, vectors, and lists of these without nulls",
        value.type_name()
    );
    Err(RuntimeError::new(RuntimeKind::TypeError, "InvalidPropertyType", message).into())
}

/// The properties that a map or an element stands for.
fn properties_of(value: &Value, context: &Context<'_>) -> Result<Arc<Map>, QueryError> {
    match value {
        Value::Map(map) => Ok(Arc::clone(map)),
        Value::Null => Ok(Arc::default()),
        Value::Node(node) => {
            context.check_access(node.id.into(), node.view)?;
            Ok(Arc::new(
                context
                    .call(|call| property::properties_of(call, value))?
                    .into_iter()
                    .collect(),
            ))
        }
        Value::Relationship(of) => {
            context.check_access(of.id.into(), of.view)?;
            Ok(Arc::new(
                context
                    .call(|call| property::properties_of(call, value))?
                    .into_iter()
                    .collect(),
            ))
        }
        other => Err(RuntimeError::type_error(format!(
            "properties are given by a map, a node or a relationship, not by {}",
            other.type_name()
        ))
        .into()),
    }
}

/// Keys and values to be stored, without nulls; with `for_merge`, a null is an error.
fn stored_properties(
    map: &Map,
    for_merge: bool,
    transaction: &Transaction,
) -> Result<Vec<(KeyId, Value)>, QueryError> {
    let mut properties = Vec::with_capacity(map.len());
    for (key, value) in map {
        let value = storable(key, value.clone())?;
        if !value.is_null() {
            properties.push((transaction.key_id(key)?, value));
        } else if for_merge {
            let message = format!(
                "MERGE cannot look for property {key} = null, since null equals nothing; \
                 leave it out or give it a value"
            );
            let kind = RuntimeKind::SemanticError;
            return Err(RuntimeError::new(kind, "MergeReadOwnWrites", message).into());
        }
    }
    properties.sort_unstable_by_key(|(key, _)| *key);
    Ok(properties)
}

fn label_ids(labels: &[LabelToken], transaction: &Transaction) -> Result<Vec<LabelId>, QueryError> {
    let mut ids = labels
        .iter()
        .map(|label| match label.id {
            Some(id) => Ok(id),
            None => transaction.label_id(&label.name),
        })
        .collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn key_id(key: &KeyToken, transaction: &Transaction) -> Result<KeyId, QueryError> {
    match key.id {
        Some(id) => Ok(id),
        None => Ok(transaction.key_id(&key.name)?),
    }
}

/// CREATE: makes the elements for each row and binds their slots.
pub(crate) fn create(
    creation: &Creation,
    clause: u16,
    batch: &mut Batch,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    make(creation, clause, Maker::Create, batch, context)
}

/// Which operator makes elements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Maker {
    Create,
    Merge,
}

impl Maker {
    const fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Merge => "Merge",
        }
    }
}

fn make(
    creation: &Creation,
    clause: u16,
    maker: Maker,
    batch: &mut Batch,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    if context.view != 0 {
        return Err(read_only());
    }
    let for_merge = maker == Maker::Merge;
    let (transaction, sequence) = context.writer(clause)?;
    for node in &creation.nodes {
        let labels = label_ids(&node.labels, transaction)?;
        let maps = node
            .properties
            .as_ref()
            .map(|map| eval(map, batch, context))
            .transpose()?;
        let mut ids: Vec<NodeId> = Vec::with_capacity(batch.rows);
        for row in 0..batch.rows {
            context.tick(1)?;
            let properties = match &maps {
                None => Vec::new(),
                Some(maps) => {
                    let map = properties_of(&maps.get(row), context)?;
                    stored_properties(&map, for_merge, transaction)?
                }
            };
            context.counters.nodes_created += 1;
            context.counters.labels_added += labels.len() as u64;
            context.counters.properties_set += properties.len() as u64;
            ids.push(transaction.create_node(sequence, &labels, properties)?);
            context.charge_changes(maker.name())?;
        }
        batch.set(node.slot, node_vector(ids, 0));
    }
    for relationship in &creation.relationships {
        let types = created_types(&relationship.created_type, transaction, batch, context)?;
        let maps = relationship
            .properties
            .as_ref()
            .map(|map| eval(map, batch, context))
            .transpose()?;
        let mut ids: Vec<RelationshipId> = Vec::with_capacity(batch.rows);
        for row in 0..batch.rows {
            context.tick(1)?;
            let start = end_node(relationship.start, batch, row)?;
            let end = end_node(relationship.end, batch, row)?;
            let properties = match &maps {
                None => Vec::new(),
                Some(maps) => {
                    let map = properties_of(&maps.get(row), context)?;
                    stored_properties(&map, for_merge, transaction)?
                }
            };
            context.counters.relationships_created += 1;
            context.counters.properties_set += properties.len() as u64;
            // One type for all rows, or one for each.
            let of_row = if types.len() == 1 { 0 } else { row };
            let type_id = types[of_row];
            ids.push(transaction.create_relationship(sequence, type_id, start, end, properties)?);
            context.charge_changes(maker.name())?;
        }
        batch.set(relationship.slot, relationship_vector(ids, 0));
    }
    Ok(())
}

/// The types of the relationships that a batch creates: one for all, or one for each row.
fn created_types(
    created: &CreatedType,
    transaction: &Transaction,
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<Vec<TypeId>, QueryError> {
    let names = match created {
        CreatedType::Named(TypeToken { id: Some(id), .. }) => return Ok(vec![*id]),
        CreatedType::Named(token) => return Ok(vec![transaction.type_id(&token.name)?]),
        CreatedType::Computed(names) => eval(names, batch, context)?,
    };
    (0..batch.rows)
        .map(|row| match &names_of(&names.get(row))?[..] {
            [name] => Ok(transaction.type_id(name)?),
            names => Err(RuntimeError::argument(format!(
                "a relationship to create has exactly one type, but {} are given",
                names.len()
            ))
            .into()),
        })
        .collect()
}

/// The node at which a relationship to be created starts or ends.
fn end_node(slot: Slot, batch: &Batch, row: usize) -> Result<NodeId, QueryError> {
    match batch.get(slot, row) {
        Value::Node(NodeRef { id, view: 0 }) => Ok(id),
        Value::Node(_) => Err(past_element()),
        Value::Null => Err(RuntimeError::new(
            RuntimeKind::EntityNotFound,
            "MissingNode",
            "a relationship cannot start or end at null: OPTIONAL MATCH found no node for it",
        )
        .into()),
        other => Err(RuntimeError::type_error(format!(
            "a relationship starts and ends at a node, not at {}",
            other.type_name()
        ))
        .into()),
    }
}

/// The error for a write to an element of a past view.
fn past_element() -> QueryError {
    RuntimeError::new(
        RuntimeKind::SemanticError,
        "PastElement",
        "an element that was read at a past version cannot be changed; match it at the present first",
    )
    .into()
}

/// A MERGE.
pub(crate) struct Merge<'p> {
    pub(crate) find: &'p Pipeline,
    pub(crate) create: &'p Creation,
    pub(crate) on_match: &'p [Update],
    pub(crate) on_create: &'p [Update],
}

/// MERGE: finds or creates for each row in turn.
pub(crate) fn merge(
    merge: &Merge<'_>,
    states: &mut [State],
    clause: u16,
    batch: &Batch,
    live: &[Slot],
    context: &mut Context<'_>,
    rest: &mut Rest<'_>,
) -> Result<Flow, QueryError> {
    let all: Vec<Slot> = (0..batch.columns.len()).map(|at| Slot(at as u16)).collect();
    let mut done = Batch {
        columns: Vec::new(),
        rows: 0,
        tags: None,
    };
    for row in 0..batch.rows {
        let entry = batch.row(row, &all);
        let mut found: Vec<Batch> = Vec::new();
        let outer = std::mem::replace(&mut context.sees_own_clause, true);
        let run = run_nested(
            &merge.find.steps,
            states,
            context,
            entry.clone(),
            &mut |_, rows| {
                found.push(rows);
                Ok(Flow::More)
            },
        );
        context.sees_own_clause = outer;
        run?;
        if found.is_empty() {
            let mut made = entry;
            make(merge.create, clause, Maker::Merge, &mut made, context)?;
            update(merge.on_create, clause, &made, context)?;
            found.push(made);
        } else {
            for rows in &mut found {
                for slot in &all {
                    if rows.column(*slot).is_absent() {
                        rows.set(*slot, entry.column(*slot).clone());
                    }
                }
                update(merge.on_match, clause, rows, context)?;
            }
        }
        for mut rows in found {
            rows.tags = batch.tags.as_ref().map(|tags| vec![tags[row]; rows.rows]);
            done.append(&rows, live);
        }
        if done.rows >= BATCH_ROWS_MAX
            && rest.push(context, std::mem::take(&mut done))? == Flow::Stop
        {
            return Ok(Flow::Stop);
        }
    }
    rest.push(context, done)
}

/// The slots that updates read.
pub(crate) fn update_slots(updates: &[Update]) -> Vec<Slot> {
    let mut slots = BTreeSet::new();
    for update in updates {
        match update {
            Update::Property(target, _, value) => {
                expression_slots(target, &mut slots);
                expression_slots(value, &mut slots);
            }
            Update::Dynamic(target, key, value) => {
                expression_slots(target, &mut slots);
                expression_slots(key, &mut slots);
                expression_slots(value, &mut slots);
            }
            Update::AddDynamicLabels(target, value)
            | Update::RemoveDynamicLabels(target, value)
            | Update::Replace(target, value)
            | Update::Extend(target, value) => {
                slots.insert(*target);
                expression_slots(value, &mut slots);
            }
            Update::AddLabels(target, _) | Update::RemoveLabels(target, _) => {
                slots.insert(*target);
            }
        }
    }
    slots.into_iter().collect()
}

/// SET and REMOVE, row by row.
pub(crate) fn update(
    updates: &[Update],
    clause: u16,
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    if updates.is_empty() {
        return Ok(());
    }
    let slots = update_slots(updates);
    let outer = std::mem::replace(&mut context.sees_own_clause, true);
    let mut updated = Ok(());
    for row in 0..batch.rows {
        let one = batch.row(row, &slots);
        updated = context.tick(1).and_then(|()| {
            let mut updates = updates.iter();
            updates.try_for_each(|update| apply_update(update, clause, &one, context))?;
            context.charge_changes("Update")
        });
        if updated.is_err() {
            break;
        }
    }
    context.sees_own_clause = outer;
    updated
}

/// The element that an update is about; `None` for null.
fn target(value: &Value, context: &Context<'_>) -> Result<Option<ElementId>, QueryError> {
    let (element, view): (ElementId, u8) = match value {
        Value::Null => return Ok(None),
        Value::Node(NodeRef { id, view }) => ((*id).into(), *view),
        Value::Relationship(RelationshipRef { id, view }) => ((*id).into(), *view),
        other => {
            return Err(RuntimeError::type_error(format!(
                "only nodes and relationships can be changed, not {}",
                other.type_name()
            ))
            .into());
        }
    };
    if view != 0 {
        return Err(past_element());
    }
    context.check_access(element, view)?;
    Ok(Some(element))
}

fn apply_update(
    update: &Update,
    clause: u16,
    one: &Batch,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    let (transaction, sequence) = context.writer(clause)?;
    match update {
        Update::Property(of, key, value) => {
            let of = eval(of, one, context)?.get(0);
            let value = eval(value, one, context)?.get(0);
            let Some(element) = target(&of, context)? else {
                return Ok(());
            };
            let value = storable(&key.name, value)?;
            let id = key_id(key, transaction)?;
            if !value.is_null() || !context.read().property(element, id)?.is_null() {
                context.counters.properties_set += 1;
                transaction.set_property(sequence, element, id, value)?;
            }
        }
        Update::Dynamic(of, key, value) => {
            let of = eval(of, one, context)?.get(0);
            let key = eval(key, one, context)?.get(0);
            let value = eval(value, one, context)?.get(0);
            let Some(element) = target(&of, context)? else {
                return Ok(());
            };
            let Value::String(key) = key else {
                return Err(RuntimeError::type_error(format!(
                    "the name of a property is a string, not {}",
                    key.type_name()
                ))
                .into());
            };
            let value = storable(&key, value)?;
            let id = transaction.key_id(&key)?;
            if !value.is_null() || !context.read().property(element, id)?.is_null() {
                context.counters.properties_set += 1;
                transaction.set_property(sequence, element, id, value)?;
            }
        }
        Update::AddDynamicLabels(of, names) => {
            let names = names_of(&eval(names, one, context)?.get(0))?;
            let tokens: Vec<LabelToken> = names.into_iter().map(unknown_token).collect();
            return apply_update(&Update::AddLabels(*of, tokens), clause, one, context);
        }
        Update::RemoveDynamicLabels(of, names) => {
            let names = names_of(&eval(names, one, context)?.get(0))?;
            let tokens: Vec<LabelToken> = names.into_iter().map(unknown_token).collect();
            return apply_update(&Update::RemoveLabels(*of, tokens), clause, one, context);
        }
        Update::Replace(of, value) => {
            let value = eval(value, one, context)?.get(0);
            let Some(element) = target(&one.get(*of, 0), context)? else {
                return Ok(());
            };
            let map = properties_of(&value, context)?;
            let properties = stored_properties(&map, false, transaction)?;
            let kept = |key: &KeyId| properties.iter().any(|(other, _)| other == key);
            let removed = own_keys(element, context)?
                .iter()
                .filter(|key| !kept(key))
                .count();
            context.counters.properties_set += (properties.len() + removed) as u64;
            transaction.replace_properties(sequence, element, properties)?;
        }
        Update::Extend(of, value) => {
            let value = eval(value, one, context)?.get(0);
            let Some(element) = target(&one.get(*of, 0), context)? else {
                return Ok(());
            };
            let map = properties_of(&value, context)?;
            for (key, value) in map.iter() {
                let value = storable(key, value.clone())?;
                let id = transaction.key_id(key)?;
                if !value.is_null() || !context.read().property(element, id)?.is_null() {
                    context.counters.properties_set += 1;
                    transaction.set_property(sequence, element, id, value)?;
                }
            }
        }
        Update::AddLabels(of, labels) => {
            let Some(node) = target_node(&one.get(*of, 0), context)? else {
                return Ok(());
            };
            let mut new = Vec::new();
            for label in label_ids(labels, transaction)? {
                if !context.read().has_label(node, label)? {
                    new.push(label);
                }
            }
            if !new.is_empty() {
                context.counters.labels_added += new.len() as u64;
                transaction.add_labels(sequence, node, &new)?;
            }
        }
        Update::RemoveLabels(of, labels) => {
            let Some(node) = target_node(&one.get(*of, 0), context)? else {
                return Ok(());
            };
            let mut old = Vec::new();
            for label in labels {
                if let Some(label) = context.label(label)
                    && !old.contains(&label)
                    && context.read().has_label(node, label)?
                {
                    old.push(label);
                }
            }
            if !old.is_empty() {
                context.counters.labels_removed += old.len() as u64;
                transaction.remove_labels(sequence, node, &old)?;
            }
        }
    }
    Ok(())
}

/// A label by its name alone; it is looked up where it is used.
fn unknown_token(name: Arc<str>) -> LabelToken {
    LabelToken { name, id: None }
}

fn target_node(value: &Value, context: &Context<'_>) -> Result<Option<NodeId>, QueryError> {
    match target(value, context)? {
        None => Ok(None),
        Some(ElementId::Node(id)) => Ok(Some(id)),
        Some(ElementId::Relationship(_)) => Err(RuntimeError::type_error(
            "labels belong to nodes; the type of a relationship cannot be changed",
        )
        .into()),
    }
}

fn own_keys(element: ElementId, context: &Context<'_>) -> Result<Vec<KeyId>, QueryError> {
    let properties = match element {
        ElementId::Node(id) => context.read().node(id)?.map(|node| node.properties()),
        ElementId::Relationship(id) => context.read().relationship(id)?.map(|of| of.properties()),
    };
    let properties = properties.transpose()?.unwrap_or_default();
    Ok(properties.into_iter().map(|(key, _)| key).collect())
}

/// DELETE and DETACH DELETE.
pub(crate) fn delete(
    expressions: &[Expression],
    detach: bool,
    clause: u16,
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    let mut values: Vec<Vector> = Vec::with_capacity(expressions.len());
    for expression in expressions {
        values.push(eval(expression, batch, context)?.into_owned());
    }
    for row in 0..batch.rows {
        for vector in &values {
            context.tick(1)?;
            delete_value(&vector.get(row), detach, clause, context)?;
            context.charge_changes("Delete")?;
        }
    }
    Ok(())
}

fn delete_value(
    value: &Value,
    detach: bool,
    clause: u16,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    match value {
        Value::Null => Ok(()),
        Value::Node(NodeRef { view: 1.., .. })
        | Value::Relationship(RelationshipRef { view: 1.., .. }) => Err(past_element()),
        Value::Node(node) => delete_node(node.id, detach, clause, context),
        Value::Relationship(of) => delete_relationship(of.id, clause, context),
        Value::Path(path) if path.view != 0 => Err(past_element()),
        Value::Path(path) => {
            for (id, _) in &path.relationships {
                delete_relationship(*id, clause, context)?;
            }
            path.nodes
                .iter()
                .try_for_each(|id| delete_node(*id, detach, clause, context))
        }
        other => Err(RuntimeError::type_error(format!(
            "DELETE takes nodes, relationships and paths, not {}",
            other.type_name()
        ))
        .into()),
    }
}

fn delete_relationship(
    id: RelationshipId,
    clause: u16,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    let (transaction, sequence) = context.writer(clause)?;
    let Some(ends) = context.read().ends(id)? else {
        return Ok(());
    };
    transaction.delete_relationship(sequence, id)?;
    context.counters.relationships_deleted += 1;
    context.note_deleted(id, ends);
    Ok(())
}

fn delete_node(
    id: NodeId,
    detach: bool,
    clause: u16,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    let (transaction, sequence) = context.writer(clause)?;
    if !context.read().node_exists(id)? {
        return Ok(());
    }
    if detach {
        let mut relationships = Vec::new();
        context.read().expand(id, None, &[], |_, relationship, _| {
            relationships.push(relationship);
        })?;
        context.tick(relationships.len())?;
        for relationship in relationships {
            delete_relationship(relationship, clause, context)?;
        }
    }
    transaction.delete_node(sequence, id)?;
    context.counters.nodes_deleted += 1;
    context.deleted_mut().nodes.insert(id);
    Ok(())
}

/// FOREACH.
pub(crate) fn foreach(
    list: &Expression,
    item: Slot,
    body: &Pipeline,
    states: &mut [State],
    batch: &Batch,
    context: &mut Context<'_>,
) -> Result<(), QueryError> {
    let all: Vec<Slot> = (0..batch.columns.len()).map(|at| Slot(at as u16)).collect();
    let mut turns = context.begin_turns();
    for row in 0..batch.rows {
        let one = batch.row(row, &all);
        let items = match eval(list, &one, context)?.get(0) {
            Value::Null => continue,
            Value::List(items) => items,
            other => {
                return Err(RuntimeError::type_error(format!(
                    "FOREACH takes a list, not {}",
                    other.type_name()
                ))
                .into());
            }
        };
        for value in items.iter() {
            context.tick(1)?;
            let mut entry = one.clone();
            entry.set(item, Vector::Constant(value.clone()));
            context.next_turn(&mut turns);
            run_nested(&body.steps, states, context, entry, &mut |_, _| {
                Ok(Flow::More)
            })?;
        }
        context.end_turns(&turns);
    }
    Ok(())
}
