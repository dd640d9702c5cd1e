//! A million small records encoded as an executor does it, and one request decoded.

#![allow(missing_docs, reason = "made by criterion's macros")]

use std::convert::Infallible;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use retrograph_bolt::message::request::{Request, Run};
use retrograph_bolt::value::map;
use retrograph_bolt::{Limits, Records, Value, Version};

const RECORDS: i64 = 1_000_000;

/// The size at which an executor hands its records on.
const BATCH_BYTES: usize = 64 << 10;

fn records(c: &mut Criterion) {
    let dialect = Version::new(5, 8).dialect();
    let mut group = c.benchmark_group("records");
    group.sample_size(10);
    group.throughput(Throughput::Elements(RECORDS.unsigned_abs()));
    group.bench_function("id, name and score", |b| {
        b.iter(|| {
            let mut records = Records::new(dialect);
            let mut bytes = 0;
            for id in 0..RECORDS {
                let added: Result<(), Infallible> = records.add(3, |encoder, _| {
                    encoder.int(id);
                    encoder.string("Amelia Earhart");
                    encoder.float(0.5);
                    Ok(())
                });
                match added {
                    Ok(()) => {}
                }
                if records.bytes().len() >= BATCH_BYTES {
                    bytes += records.take().len();
                }
            }
            bytes + records.take().len()
        });
    });
    group.finish();
}

fn requests(c: &mut Criterion) {
    let version = Version::new(5, 8);
    let run = Request::Run(Run {
        query: "MATCH (p:Person {id: $id}) RETURN p.name, p.born".to_owned(),
        parameters: map([("id", Value::Int(4711))]),
        ..Run::default()
    });
    let mut message = Vec::new();
    run.encode(&mut message, version, version.dialect());
    let limits = Limits::default().authenticated;
    c.bench_function("decode RUN", |b| {
        b.iter(|| Request::decode(black_box(&message), version, version.dialect(), limits));
    });
}

criterion_group!(benches, records, requests);
criterion_main!(benches);
