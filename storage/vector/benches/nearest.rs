//! Exact search against a graph of neighbours, by number of rows.
//!
//! Prints the recall of the graph beside the times. `ROWS` and `DIMENSIONS` in the environment set the size.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use retrograph_vector::{CHUNK_ROWS, Nearest, Neighbours, Query, Shape, Similarity, Vectors};

fn setting(name: &str, default: usize) -> usize {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

struct Data {
    vectors: Vectors,
    neighbours: Neighbours,
    queries: Vec<Query>,
    rows: u32,
}

/// Vectors around one centre for each hundred rows.
fn data(rows: usize, dimensions: usize) -> Data {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let rows = rows.next_multiple_of(CHUNK_ROWS);
    let mut random = |spread: f32| -> Vec<f32> {
        (0..dimensions)
            .map(|_| spread * rng.random_range(-1.0..1.0))
            .collect()
    };
    let centres: Vec<_> = (0..rows.div_ceil(100)).map(|_| random(1.0)).collect();
    let mut around = |row: usize| -> Vec<f32> {
        let near = random(0.5);
        let centre = &centres[row % centres.len()];
        near.iter()
            .zip(centre)
            .map(|(near, centre)| near + centre)
            .collect()
    };
    let vectors = Vectors::new(Similarity::Cosine, dimensions, rows);
    for chunk in 0..rows / CHUNK_ROWS {
        let components: Vec<f32> = (0..CHUNK_ROWS)
            .flat_map(|row| around(chunk * CHUNK_ROWS + row))
            .collect();
        assert!(vectors.put(chunk, &components));
    }
    let queries = (0..200)
        .map(|i| Query::new(Similarity::Cosine, around(i * 37).into()).unwrap())
        .collect();
    let neighbours = Neighbours::new(&vectors, Shape::default());
    let start = Instant::now();
    assert!(neighbours.insert(&vectors, rows as u32, || true));
    println!(
        "{rows} x {dimensions}: graph built in {:.1?}",
        start.elapsed()
    );
    Data {
        vectors,
        neighbours,
        queries,
        rows: rows as u32,
    }
}

impl Data {
    fn exact(&self, query: &Query, count: usize) -> Vec<u32> {
        let mut nearest = Nearest::new(count);
        self.vectors.offer(query, 0..self.rows, Some, &mut nearest);
        nearest
            .into_sorted()
            .into_iter()
            .map(|found| found.0)
            .collect()
    }

    fn suggested(&self, query: &Query, candidates: usize) -> Vec<u32> {
        let found = self
            .neighbours
            .suggest(&self.vectors, query, candidates, &|_| true);
        found.unwrap_or_default()
    }

    fn recall(&self, candidates: usize) -> f64 {
        let mut found = 0;
        for query in &self.queries {
            let exact = self.exact(query, 10);
            let suggested = self.suggested(query, candidates);
            found += exact.iter().filter(|row| suggested.contains(row)).count();
        }
        found as f64 / (10 * self.queries.len()) as f64
    }
}

fn nearest(criterion: &mut Criterion) {
    let dimensions = setting("DIMENSIONS", 128);
    let most = setting("ROWS", 100_000);
    for rows in [most / 100, most / 30, most / 10, most / 3, most] {
        let data = data(rows, dimensions);
        for candidates in [50, 100, 200] {
            println!(
                "  recall at 10 of {candidates} candidates: {:.4}",
                data.recall(candidates)
            );
        }
        let mut group = criterion.benchmark_group("nearest 10");
        group.sample_size(20);
        let mut next = data.queries.iter().cycle();
        group.bench_function(BenchmarkId::new("exact", rows), |bencher| {
            bencher.iter(|| black_box(data.exact(next.next().unwrap(), 10)));
        });
        for candidates in [50, 100, 200] {
            group.bench_function(
                BenchmarkId::new(format!("graph {candidates}"), rows),
                |bencher| {
                    bencher.iter(|| black_box(data.suggested(next.next().unwrap(), candidates)));
                },
            );
        }
        group.finish();
    }
}

criterion_group!(benches, nearest);
criterion_main!(benches);
