//! Full-text search: what texts cost when written, and how long words take to be found.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use retrograph_graph::kv::{RocksOptions, RocksStore};
use retrograph_graph::value::Value;
use retrograph_graph::{
    CommitInfo, Fulltext, Graph, GraphError, GraphOptions, IndexSort, Isolation, RuleKind,
    Sequence, Target, TextSearch,
};
use retrograph_text::{Analyzer, Document, Query};

const WORDS: usize = 20_000;
const WORDS_PER_TEXT: usize = 30;
const TEXTS: usize = 100_000;
const TEXTS_PER_COMMIT: usize = 1_000;

/// Texts of words that are the rarer the higher their number, as in a language; `common` is in each.
struct Texts {
    random: rand::rngs::StdRng,
    shares: Vec<f64>,
}

impl Texts {
    fn new() -> Self {
        let mut sum = 0.0;
        let shares = (1..=WORDS).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        Self {
            shares: shares.collect(),
            random: rand::rngs::StdRng::seed_from_u64(7),
        }
    }

    fn next(&mut self) -> String {
        let mut text = String::from("common");
        let all = self.shares[WORDS - 1];
        for _ in 1..WORDS_PER_TEXT {
            let share = self.random.random_range(0.0..all);
            let rank = self.shares.partition_point(|sum| *sum < share);
            text.push_str(&format!(" w{rank:05}"));
        }
        text
    }
}

fn graph(path: &std::path::Path) -> Arc<Graph> {
    let store = RocksStore::open(path, &RocksOptions::default()).unwrap();
    let graph = Graph::loopback(Arc::new(store), GraphOptions::default()).unwrap();
    let transaction = graph.begin(Isolation::Serializable);
    let label = transaction.label_id("Text").unwrap();
    let key = transaction.key_id("text").unwrap();
    let settings = Fulltext::new(Analyzer::named("english"), false);
    transaction
        .create_rule(
            "texts",
            vec![Target::Label(label)],
            vec![key],
            RuleKind::Index(IndexSort::Fulltext(settings)),
        )
        .unwrap();
    transaction.commit(CommitInfo::default()).unwrap();
    graph
}

fn write(graph: &Arc<Graph>, texts: &[String]) {
    let transaction = graph.begin(Isolation::Serializable);
    let label = transaction.label_id("Text").unwrap();
    let key = transaction.key_id("text").unwrap();
    for text in texts {
        let properties = vec![(key, Value::string(text.as_str()))];
        transaction
            .create_node(Sequence::new(1, 0), &[label], properties)
            .unwrap();
    }
    transaction.commit(CommitInfo::default()).unwrap();
}

fn fulltext(c: &mut Criterion) {
    let mut texts = Texts::new();
    let mut group = c.benchmark_group("fulltext");
    let sample: Vec<String> = (0..1_000).map(|_| texts.next()).collect();
    let analyzer = Analyzer::named("english").unwrap();
    group.throughput(Throughput::Elements(sample.len() as u64));
    group.bench_function("analyse 1,000 texts", |bencher| {
        bencher.iter(|| {
            let documents = sample.iter();
            documents
                .map(|text| Document::of(analyzer, [text.as_str()]).terms.len())
                .sum::<usize>()
        });
    });
    group.sample_size(10);
    group.measurement_time(Duration::from_secs(5));
    {
        let directory = tempfile::tempdir().unwrap();
        let graph = graph(directory.path());
        group.bench_function("commit 1,000 texts", |bencher| {
            bencher.iter_batched(
                || (0..TEXTS_PER_COMMIT).map(|_| texts.next()).collect(),
                |batch: Vec<String>| write(&graph, &batch),
                BatchSize::PerIteration,
            );
        });
    }
    let directory = tempfile::tempdir().unwrap();
    let graph = graph(directory.path());
    for _ in 0..TEXTS / TEXTS_PER_COMMIT {
        let batch: Vec<String> = (0..TEXTS_PER_COMMIT).map(|_| texts.next()).collect();
        write(&graph, &batch);
    }
    group.throughput(Throughput::Elements(1));
    let read = graph.read_latest();
    let index = read.text_index("texts").unwrap();
    for words in [
        "common",
        "w00100",
        "w15000",
        "+w00100 +w00200",
        "w00010 w00020",
        "\"w00000 w00001\"",
        "w0010*",
        "w12345~1",
    ] {
        let query = Query::parse(words).unwrap();
        let wanted = TextSearch {
            query: &query,
            analyzer: None,
            skip: 0,
            limit: Some(10),
        };
        group.bench_function(format!("search {words} in {TEXTS} texts"), |bencher| {
            bencher.iter(|| {
                let found = read.search_text::<GraphError>(&index, &wanted, &mut |_| Ok(()));
                black_box(found.unwrap().len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fulltext);
criterion_main!(benches);
