//! Strategies of random values for property tests. Small pools of awkward parts make equal,
//! neighbouring and prefix-sharing values common.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::temporal::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time};
use super::{Map, NodeRef, Path, Point, RelationshipRef, Sealed, Value, Vector};
use crate::encoding::record::{ElementState, Properties, normalize_properties};
use crate::ids::{KeyId, LabelId, NodeId, RelationshipId, TypeId};

const TWO_TO_53: i64 = 1 << 53;

pub(crate) fn ints() -> impl Strategy<Value = i64> {
    let edges = vec![
        0,
        1,
        -1,
        42,
        63,
        64,
        TWO_TO_53 - 1,
        TWO_TO_53,
        TWO_TO_53 + 1,
        -TWO_TO_53 - 1,
        -TWO_TO_53,
        (1 << 62) + 1,
        i64::MAX - 1,
        i64::MAX,
        i64::MIN,
        i64::MIN + 1,
    ];
    prop_oneof![
        select(edges),
        any::<i64>(),
        -3_i64..3,
        (any::<i64>(), 0_u32..63).prop_map(|(n, s)| n >> s)
    ]
}

pub(crate) fn floats() -> impl Strategy<Value = f64> {
    let edges = vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        42.0,
        5e-324,
        -5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        9_007_199_254_740_991.0,
        9_007_199_254_740_992.0,
        9_007_199_254_740_994.0,
        -9_007_199_254_740_992.0,
        9_223_372_036_854_774_784.0,
        9_223_372_036_854_775_808.0,
        -9_223_372_036_854_775_808.0,
        -9_223_372_036_854_777_856.0,
        65_504.0,
        1e-7,
    ];
    prop_oneof![
        select(edges),
        any::<u64>().prop_map(f64::from_bits),
        ints().prop_map(|n| n as f64),
        (-100_i32..100).prop_map(|n| f64::from(n) / 4.0)
    ]
}

pub(crate) fn strings() -> impl Strategy<Value = String> {
    let chars = |chars: Vec<char>, most| {
        proptest::collection::vec(select(chars), 0..most)
            .prop_map(|chars| chars.into_iter().collect::<String>())
    };
    prop_oneof![
        3 => chars(vec!['\0', 'a', 'b', '\u{1}', 'ÿ', '\u{10ffff}'], 4),
        1 => chars(vec!['x', 'y'], 90),
    ]
}

fn temporals() -> impl Strategy<Value = Value> {
    let seconds = prop_oneof![-3_i64..3, -400_000_000_000_i64..400_000_000_000];
    let nanos = prop_oneof![0_u32..2, 0_u32..1_000_000_000];
    let offsets = prop_oneof![Just(0), Just(3_600), -64_800_i32..=64_800];
    let zones = select(vec![
        None,
        Some("Europe/Stockholm"),
        Some("Europe/Stockhol"),
        Some("UTC"),
    ]);
    let clocks = prop_oneof![0_u64..2, 0_u64..86_400_000_000_000];
    let parts = prop_oneof![
        -2_i64..3,
        Just(30),
        Just(i64::MAX),
        Just(i64::MIN),
        any::<i32>().prop_map(i64::from)
    ];
    prop_oneof![
        prop_oneof![-2_i64..2, any::<i32>().prop_map(i64::from)]
            .prop_map(|epoch_day| Date { epoch_day }.into()),
        clocks
            .clone()
            .prop_map(|nanosecond_of_day| LocalTime { nanosecond_of_day }.into()),
        (clocks, offsets.clone()).prop_map(|(nanosecond_of_day, offset_seconds)| Time {
            nanosecond_of_day,
            offset_seconds
        }
        .into()),
        (seconds.clone(), nanos.clone()).prop_map(|(epoch_second, nanosecond)| LocalDateTime {
            epoch_second,
            nanosecond
        }
        .into()),
        (seconds, nanos.clone(), offsets, zones).prop_map(
            |(epoch_second, nanosecond, offset_seconds, zone)| DateTime {
                epoch_second,
                nanosecond,
                offset_seconds,
                zone: zone.map(Arc::from),
            }
            .into()
        ),
        (parts.clone(), parts.clone(), parts, nanos).prop_map(|(months, days, seconds, nanos)| {
            Duration {
                months,
                days,
                seconds,
                nanoseconds: nanos.cast_signed(),
            }
            .into()
        }),
    ]
}

fn points() -> impl Strategy<Value = Value> {
    (
        select(vec![4326, 7203]),
        2_u8..=3,
        floats(),
        floats(),
        floats(),
    )
        .prop_map(|(srid, dimensions, x, y, z)| {
            let z = if dimensions == 3 { z } else { 0.0 };
            Value::Point(Arc::new(Point {
                srid,
                coordinates: [x, y, z],
                dimensions,
            }))
        })
}

/// Storable values that are no lists.
pub(crate) fn scalars() -> impl Strategy<Value = Value> {
    let bytes = proptest::collection::vec(select(vec![0_u8, 1, 0xff]), 0..4);
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        ints().prop_map(Value::Int),
        floats().prop_map(Value::Float),
        strings().prop_map(|s| s.as_str().into()),
        bytes.clone().prop_map(|b| Value::Bytes(b.into())),
        temporals(),
        temporals(),
        points(),
        proptest::collection::vec(floats(), 0..3)
            .prop_map(|items| Value::Vector(Arc::new(Vector::F64(items)))),
        proptest::collection::vec(floats().prop_map(|f| f as f32), 0..3)
            .prop_map(|items| Value::Vector(Arc::new(Vector::F32(items)))),
        (0_u64..2, bytes).prop_map(|(key_id, ciphertext)| Value::Sealed(Arc::new(Sealed {
            key_id,
            ciphertext
        }))),
    ]
}

/// What a property may hold.
pub(crate) fn storable() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalars(),
        1 => proptest::collection::vec(scalars(), 0..4).prop_map(Value::from),
    ]
}

/// Every value of the language, nested and with nulls. Paths are left out where keys are decoded.
pub(crate) fn anything() -> impl Strategy<Value = Value> {
    let leaves = prop_oneof![
        6 => scalars(),
        1 => Just(Value::Null),
        1 => (0_u64..3, 0_u8..2).prop_map(|(id, view)| Value::Node(NodeRef { id: NodeId(id), view })),
        1 => (0_u64..3).prop_map(|id| {
            Value::Relationship(RelationshipRef { id: RelationshipId(id), view: 0 })
        }),
        1 => proptest::collection::vec((1_u64..3, 1_u64..3), 0..3).prop_map(|steps| {
            let mut nodes = vec![NodeId(1)];
            let mut relationships = Vec::new();
            for (relationship, node) in steps {
                relationships.push((RelationshipId(relationship), true));
                nodes.push(NodeId(node));
            }
            Value::Path(Arc::new(Path { nodes, relationships, view: 0 }))
        }),
    ];
    leaves.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(select(vec!["a", "b", "a\0", "longer"]), inner, 0..3)
                .prop_map(|map| Value::Map(Arc::new(
                    map.into_iter()
                        .map(|(k, v)| (Arc::from(k), v))
                        .collect::<Map>()
                ))),
        ]
    })
}

pub(crate) fn properties() -> impl Strategy<Value = Properties> {
    let keys = prop_oneof![0_u32..20, 250_u32..260, 65_530_u32..65_540, Just(u32::MAX)];
    proptest::collection::vec((keys.prop_map(KeyId), storable()), 0..20).prop_map(|mut list| {
        normalize_properties(&mut list);
        list
    })
}

pub(crate) fn states() -> impl Strategy<Value = ElementState> {
    let labels = proptest::collection::btree_set(
        prop_oneof![0_u32..5, any::<u32>()].prop_map(LabelId),
        0..5,
    );
    prop_oneof![
        (labels, properties()).prop_map(|(labels, properties)| ElementState::Node {
            labels: labels.into_iter().collect(),
            properties
        }),
        (any::<u32>(), any::<u64>(), any::<u64>(), properties()).prop_map(
            |(type_id, start, end, properties)| ElementState::Relationship {
                type_id: TypeId(type_id),
                start: NodeId(start),
                end: NodeId(end),
                properties
            }
        ),
    ]
}
