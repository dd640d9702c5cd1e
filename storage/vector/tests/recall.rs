//! How many of the nearest a graph of neighbours finds.

use std::collections::HashSet;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use retrograph_vector::{CHUNK_ROWS, Nearest, Neighbours, Query, Shape, Similarity, Vectors};

/// Vectors around so many centres.
fn clustered(rng: &mut impl Rng, rows: usize, dimensions: usize, centres: usize) -> Vec<Vec<f32>> {
    let mut vector = |spread: f32, around: Option<&Vec<f32>>| -> Vec<f32> {
        (0..dimensions)
            .map(|i| around.map_or(0.0, |around| around[i]) + spread * rng.random_range(-1.0..1.0))
            .collect()
    };
    let centres: Vec<_> = (0..centres).map(|_| vector(1.0, None)).collect();
    (0..rows)
        .map(|row| vector(0.3, Some(&centres[row % centres.len()])))
        .collect()
}

fn fill(vectors: &Vectors, rows: &[Vec<f32>]) {
    for (chunk, rows) in rows.chunks(CHUNK_ROWS).enumerate() {
        assert!(vectors.put(chunk, &rows.concat()));
    }
}

fn exact(vectors: &Vectors, query: &Query, rows: u32, count: usize) -> HashSet<u32> {
    let mut nearest = Nearest::new(count);
    vectors.offer(query, 0..rows, Some, &mut nearest);
    nearest
        .into_sorted()
        .into_iter()
        .map(|found| found.0)
        .collect()
}

/// The share of the ten nearest that are suggested among `candidates`.
fn recall(similarity: Similarity, candidates: usize, is_live: fn(u32) -> bool) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (rows, dimensions) = (3_200, 16);
    let data = clustered(&mut rng, rows, dimensions, 40);
    let vectors = Vectors::new(similarity, dimensions, rows);
    fill(&vectors, &data);
    let neighbours = Neighbours::new(&vectors, Shape::default());
    assert!(neighbours.insert(&vectors, rows as u32, || true));
    assert_eq!(neighbours.rows(), rows as u32);
    let (mut found, mut wanted) = (0, 0);
    for query in clustered(&mut rng, 50, dimensions, 40) {
        let query = Query::new(similarity, query.into()).expect("finite");
        let mut nearest = Nearest::new(10);
        vectors.offer(
            &query,
            0..rows as u32,
            |row| is_live(row).then_some(row),
            &mut nearest,
        );
        let expected: HashSet<u32> = nearest.into_sorted().into_iter().map(|f| f.0).collect();
        let suggested = neighbours.suggest(&vectors, &query, candidates, &is_live);
        let suggested = suggested.expect("a graph that can be searched");
        assert!(suggested.iter().all(|row| is_live(*row)));
        found += suggested
            .iter()
            .filter(|row| expected.contains(row))
            .count();
        wanted += expected.len();
    }
    found as f64 / wanted as f64
}

#[test]
fn a_graph_finds_nearly_all_of_the_nearest() {
    for similarity in Similarity::ALL {
        let recall = recall(similarity, 100, |_| true);
        assert!(recall >= 0.95, "{similarity:?}: {recall}");
    }
}

#[test]
fn rows_that_do_not_count_are_passed_through_but_not_suggested() {
    for similarity in Similarity::ALL {
        let recall = recall(similarity, 100, |row| row % 4 == 1);
        assert!(recall >= 0.95, "{similarity:?}: {recall}");
    }
}

#[test]
fn the_same_rows_make_the_same_graph_whatever_the_steps() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let data = clustered(&mut rng, 640, 8, 5);
    let queries = clustered(&mut rng, 20, 8, 5);
    let answers = |steps: &[u32]| -> Vec<Vec<u32>> {
        let vectors = Vectors::new(Similarity::Euclidean, 8, 1_000);
        let neighbours = Neighbours::new(&vectors, Shape::default());
        assert!(neighbours.rows() == 0);
        fill(&vectors, &data);
        for step in steps {
            assert!(neighbours.insert(&vectors, *step, || true));
        }
        let suggest = |query: &Vec<f32>| {
            let query = Query::new(Similarity::Euclidean, query.clone().into()).expect("finite");
            neighbours
                .suggest(&vectors, &query, 12, &|_| true)
                .expect("searchable")
        };
        queries.iter().map(suggest).collect()
    };
    assert_eq!(answers(&[640]), answers(&[1, 64, 65, 300, 640]));
}

#[test]
fn insertion_stops_when_told_and_at_the_last_row() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let data = clustered(&mut rng, 64, 4, 2);
    let vectors = Vectors::new(Similarity::Cosine, 4, 64);
    fill(&vectors, &data);
    let neighbours = Neighbours::new(
        &vectors,
        Shape {
            connections: 1,
            candidates: 1,
        },
    );
    let query = Query::new(Similarity::Cosine, data[9].clone().into()).expect("finite");
    assert_eq!(neighbours.suggest(&vectors, &query, 1, &|_| true), None);
    let mut left = 10;
    assert!(neighbours.insert(&vectors, 64, || {
        left -= 1;
        left >= 0
    }));
    assert_eq!(neighbours.rows(), 10);
    assert!(neighbours.insert(&vectors, 64, || true));
    let own = exact(&vectors, &query, 64, 1);
    assert!(own.contains(&9));
    // A row that is not there breaks the graph, which is then not searched any more.
    assert!(!neighbours.insert(&vectors, 65, || true));
    assert_eq!(neighbours.suggest(&vectors, &query, 1, &|_| true), None);
}

#[test]
fn a_graph_is_searched_while_it_grows() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let data = clustered(&mut rng, 1_600, 8, 20);
    let vectors = Vectors::new(Similarity::Cosine, 8, data.len());
    let neighbours = Neighbours::new(&vectors, Shape::default());
    fill(&vectors, &data[..640]);
    neighbours.insert(&vectors, 640, || true);
    std::thread::scope(|scope| {
        let growing = scope.spawn(|| {
            for (chunk, rows) in data.chunks(CHUNK_ROWS).enumerate().skip(10) {
                assert!(vectors.put(chunk, &rows.concat()));
                assert!(neighbours.insert(
                    &vectors,
                    (chunk as u32 + 1) * CHUNK_ROWS as u32,
                    || true
                ));
            }
        });
        let mut searches = 0;
        while !growing.is_finished() || searches < 100 {
            let query = Query::new(Similarity::Cosine, data[searches % 640].clone().into());
            let query = query.expect("finite");
            let limit = neighbours.rows();
            let found = neighbours.suggest(&vectors, &query, 10, &|row| row < limit);
            let found = found.expect("searchable");
            assert!(found.len() == 10 && found.iter().all(|row| *row < limit));
            searches += 1;
        }
    });
}
