//! Key encoding and record decoding.

#![allow(missing_docs, reason = "made by criterion's macros")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use retrograph_graph::ElementState;
use retrograph_graph::encoding::record::{RecordRef, encode_record};
use retrograph_graph::ids::{KeyId, LabelId, Version};
use retrograph_graph::value::Value;
use retrograph_graph::value::key::{decode_key, encode_key};

fn keys(criterion: &mut Criterion) {
    let values = [
        ("integer", Value::Int(4_711_000)),
        ("float", Value::Float(-0.125)),
        ("string", Value::string("Ada Lovelace of London")),
        (
            "list",
            Value::list((0..8).map(Value::Int).collect::<Vec<_>>()),
        ),
    ];
    for (name, value) in &values {
        let mut bytes = Vec::with_capacity(256);
        criterion.bench_function(&format!("key/encode {name}"), |bencher| {
            bencher.iter(|| {
                bytes.clear();
                encode_key(black_box(value), &mut bytes);
                bytes.len()
            });
        });
        criterion.bench_function(&format!("key/decode {name}"), |bencher| {
            bencher.iter(|| decode_key(black_box(&bytes)).map(|(value, _)| value));
        });
    }
}

fn records(criterion: &mut Criterion) {
    let state = ElementState::Node {
        labels: vec![LabelId(3)],
        properties: vec![
            (KeyId(1), Value::Int(4_711)),
            (KeyId(2), Value::string("Ada Lovelace")),
            (KeyId(3), Value::Int(36)),
            (KeyId(4), Value::string("London")),
            (KeyId(5), Value::Int(1_735_689_600_000)),
        ],
    };
    let mut bytes = Vec::new();
    encode_record(Version(12), &state, &mut bytes).expect("a storable state");
    criterion.bench_function("record/encode", |bencher| {
        let mut out = Vec::with_capacity(256);
        bencher.iter(|| {
            out.clear();
            encode_record(Version(12), black_box(&state), &mut out).map(|()| out.len())
        });
    });
    criterion.bench_function("record/one property", |bencher| {
        bencher.iter(|| RecordRef::parse(black_box(&bytes))?.property(KeyId(3)));
    });
    criterion.bench_function("record/whole state", |bencher| {
        bencher.iter(|| RecordRef::parse(black_box(&bytes))?.state());
    });
}

criterion_group!(benches, keys, records);
criterion_main!(benches);
