//! SHOW INDEXES and SHOW CONSTRAINTS.

use retrograph_cypher::ast::{ConstraintFilter, ConstraintSort, IndexKind};
use retrograph_graph::value::Value;

use super::{Listing, Row, listing_of, strings};
use crate::functions::{list, text};
use crate::schema_items::{IndexItem, constraint_items, index_items, lookup_items};
use crate::types::Type;

/// `SHOW [kind] INDEXES`.
pub(super) fn indexes(kind: Option<IndexKind>) -> Listing {
    let columns = [
        ("id", Type::Integer),
        ("name", Type::String),
        ("state", Type::String),
        ("populationPercent", Type::Float),
        ("type", Type::String),
        ("entityType", Type::String),
        ("labelsOrTypes", strings()),
        ("properties", strings()),
        ("indexProvider", Type::String),
        ("owningConstraint", Type::String),
        ("lastRead", Type::DateTime),
        ("readCount", Type::Integer),
        ("trackedSince", Type::DateTime),
        ("options", Type::Map),
        ("failureMessage", Type::String),
        ("createStatement", Type::String),
        ("coversFrom", Type::Integer),
    ];
    listing_of("SHOW INDEXES", &columns, 12, move |context, _| {
        let items = lookup_items().into_iter();
        Ok(items
            .chain(index_items(context.read))
            .filter(|item| kind.is_none_or(|kind| kind == item.kind))
            .map(index_row)
            .collect())
    })
}

fn index_row(item: IndexItem) -> Row {
    vec![
        Value::Int(item.id),
        Value::String(item.name.clone()),
        text(item.progress.state),
        Value::Float(item.progress.percent),
        text(item.kind.word()),
        text(item.entity()),
        match item.kind {
            IndexKind::Lookup => Value::Null,
            _ => list(item.names.iter().map(text)),
        },
        match item.kind {
            IndexKind::Lookup => Value::Null,
            _ => list(item.properties.iter().map(text)),
        },
        text(item.provider()),
        match item.constraint {
            Some(_) => Value::String(item.name.clone()),
            None => Value::Null,
        },
        // Reads of an index are not counted.
        Value::Null,
        Value::Null,
        Value::Null,
        item.options(),
        text(&item.progress.failure),
        text(item.statement()),
        item.covers_from.map_or(Value::Null, Value::Int),
    ]
}

/// `SHOW [filter] CONSTRAINTS`.
pub(super) fn constraints(filter: ConstraintFilter) -> Listing {
    let columns = [
        ("id", Type::Integer),
        ("name", Type::String),
        ("type", Type::String),
        ("entityType", Type::String),
        ("labelsOrTypes", strings()),
        ("properties", strings()),
        ("ownedIndex", Type::String),
        ("propertyType", Type::String),
        ("options", Type::Map),
        ("createStatement", Type::String),
    ];
    listing_of("SHOW CONSTRAINTS", &columns, 8, move |context, _| {
        let items = constraint_items(context.read);
        Ok(items
            .into_iter()
            .filter(|item| {
                filter
                    .is_relationship
                    .is_none_or(|wanted| wanted == item.is_relationship)
                    && filter.sort.is_none_or(|sort| sort == item.sort)
            })
            .map(|item| {
                let owns_index = matches!(item.sort, ConstraintSort::Unique | ConstraintSort::Key);
                vec![
                    Value::Int(item.id),
                    Value::String(item.name.clone()),
                    text(item.kind()),
                    text(item.entity()),
                    list([text(&item.target)]),
                    list(item.properties.iter().map(text)),
                    match owns_index {
                        true => Value::String(item.name.clone()),
                        false => Value::Null,
                    },
                    item.types.as_ref().map_or(Value::Null, text),
                    item.options(),
                    text(item.statement()),
                ]
            })
            .collect())
    })
}
