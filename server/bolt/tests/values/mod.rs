//! Arbitrary values.

use proptest::prelude::*;
use retrograph_bolt::value::{Map, Node, Path, Relationship, Structure, UnboundRelationship};
use retrograph_bolt::{Dialect, Value};

/// Any value of a dialect.
pub fn value(dialect: Dialect) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-200i64..200).prop_map(Value::Int),
        prop::num::f64::NORMAL.prop_map(Value::Float),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        ".{0,40}".prop_map(Value::String),
        temporal(dialect).prop_map(Value::structure),
    ];
    leaf.prop_recursive(4, 40, 20, move |inner| {
        let properties = prop::collection::btree_map("[a-z]{0,20}", inner.clone(), 0..18);
        prop_oneof![
            prop::collection::vec(inner, 0..20).prop_map(Value::List),
            properties.clone().prop_map(Value::Map),
            element(dialect, properties).prop_map(Value::structure),
        ]
    })
}

fn temporal(dialect: Dialect) -> impl Strategy<Value = Structure> {
    let int = any::<i64>;
    let zone = "[A-Z][a-z]{1,8}/[A-Z][a-z]{1,8}";
    let float = prop::num::f64::NORMAL;
    prop_oneof![
        int().prop_map(|days| Structure::Date { days }),
        int().prop_map(|nanoseconds| Structure::LocalTime { nanoseconds }),
        (int(), int()).prop_map(|(nanoseconds, offset_seconds)| Structure::Time {
            nanoseconds,
            offset_seconds
        }),
        (int(), int()).prop_map(|(seconds, nanoseconds)| Structure::LocalDateTime {
            seconds,
            nanoseconds
        }),
        (int(), int(), int()).prop_map(move |(seconds, nanoseconds, offset_seconds)| {
            if dialect.utc {
                Structure::DateTime {
                    seconds,
                    nanoseconds,
                    offset_seconds,
                }
            } else {
                Structure::LegacyDateTime {
                    local_seconds: seconds,
                    nanoseconds,
                    offset_seconds,
                }
            }
        }),
        (int(), int(), zone).prop_map(move |(seconds, nanoseconds, zone)| {
            if dialect.utc {
                Structure::DateTimeZoneId {
                    seconds,
                    nanoseconds,
                    zone,
                }
            } else {
                Structure::LegacyDateTimeZoneId {
                    local_seconds: seconds,
                    nanoseconds,
                    zone,
                }
            }
        }),
        (int(), int(), int(), int()).prop_map(|(months, days, seconds, nanoseconds)| {
            Structure::Duration {
                months,
                days,
                seconds,
                nanoseconds,
            }
        }),
        (int(), float, float).prop_map(|(srid, x, y)| Structure::Point2D { srid, x, y }),
        (int(), float, float, float).prop_map(|(srid, x, y, z)| Structure::Point3D {
            srid,
            x,
            y,
            z
        }),
    ]
}

/// An element id where the dialect has them.
fn name(dialect: Dialect, text: String) -> String {
    if dialect.element_ids {
        text
    } else {
        String::new()
    }
}

fn element(
    dialect: Dialect,
    properties: impl Strategy<Value = Map> + Clone + 'static,
) -> impl Strategy<Value = Structure> {
    let texts = || prop::collection::vec("[a-z]{0,18}", 3);
    let unbound =
        (any::<i64>(), texts(), properties.clone()).prop_map(move |(id, mut texts, properties)| {
            UnboundRelationship {
                id,
                kind: texts.remove(0),
                properties,
                element_id: name(dialect, texts.remove(0)),
            }
        });
    let node = (any::<i64>(), texts(), "[a-z]{0,18}", properties.clone()).prop_map(
        move |(id, labels, element_id, properties)| Node {
            id,
            labels,
            properties,
            element_id: name(dialect, element_id),
        },
    );
    let relationship = (any::<[i64; 3]>(), "[A-Z]{1,8}", texts(), properties).prop_map(
        move |([id, start, end], kind, mut texts, properties)| Relationship {
            id,
            start,
            end,
            kind,
            properties,
            element_id: name(dialect, texts.remove(0)),
            start_element_id: name(dialect, texts.remove(0)),
            end_element_id: name(dialect, texts.remove(0)),
        },
    );
    let path = (
        prop::collection::vec(node.clone(), 1..4),
        prop::collection::vec(unbound.clone(), 1..4),
        prop::collection::vec((any::<usize>(), any::<bool>(), any::<usize>()), 0..5),
    )
        .prop_map(|(nodes, relationships, walk)| {
            let indices = walk
                .into_iter()
                .flat_map(|(relationship, along, node)| {
                    let relationship = (relationship % relationships.len() + 1) as i64;
                    let node = (node % nodes.len()) as i64;
                    [if along { relationship } else { -relationship }, node]
                })
                .collect();
            Path {
                nodes,
                relationships,
                indices,
            }
        });
    prop_oneof![
        node.prop_map(Structure::Node),
        relationship.prop_map(Structure::Relationship),
        unbound.prop_map(Structure::UnboundRelationship),
        path.prop_map(Structure::Path),
    ]
}
