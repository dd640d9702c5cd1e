//! Every algorithm against its definition, over random graphs, and on graphs whose answers are known.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use retrograph_algorithms::betweenness::{self, betweenness};
use retrograph_algorithms::cohesion::{clustering, cores, triangles};
use retrograph_algorithms::community::{self, label_propagation, louvain, modularity};
use retrograph_algorithms::components::{strong, weak};
use retrograph_algorithms::rank::{self, page_rank};
use retrograph_algorithms::shortest::{Path, a_star, dijkstra, k_shortest};
use retrograph_algorithms::{Edge, Graph, Orientation, Unwatched, Watch};

fn ok<T>(result: Result<T, std::convert::Infallible>) -> T {
    let Ok(value) = result;
    value
}

fn edges(pairs: &[(u32, u32)]) -> Vec<Edge> {
    let weighted: Vec<_> = pairs.iter().map(|(from, to)| (*from, *to, 1.0)).collect();
    weighted_edges(&weighted)
}

fn weighted_edges(list: &[(u32, u32, f64)]) -> Vec<Edge> {
    list.iter()
        .map(|&(from, to, weight)| Edge { from, to, weight })
        .collect()
}

fn graph(nodes: u32, edges: &[Edge], orientation: Orientation) -> Graph {
    Graph::new(nodes, edges, orientation, true).unwrap()
}

/// A graph of a few nodes with parallel relationships and self-loops. Weights are small integers, so
/// that sums are exact.
fn some_graph() -> impl Strategy<Value = (u32, Vec<Edge>)> {
    (1u32..12).prop_flat_map(|nodes| {
        let edge = (0..nodes, 0..nodes, 0u8..6);
        prop::collection::vec(edge, 0..30).prop_map(move |list| {
            let list: Vec<_> = list
                .into_iter()
                .map(|(from, to, weight)| (from, to, f64::from(weight)))
                .collect();
            (nodes, weighted_edges(&list))
        })
    })
}

/// The nodes within reach of one.
fn reach(graph: &Graph, start: u32) -> BTreeSet<u32> {
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        open.extend(
            graph
                .neighbours(node)
                .iter()
                .filter(|other| seen.insert(**other)),
        );
    }
    seen
}

fn bellman_ford(graph: &Graph, start: u32) -> Vec<f64> {
    let mut distance = vec![f64::INFINITY; graph.nodes() as usize];
    distance[start as usize] = 0.0;
    for _ in 0..graph.nodes() {
        for node in 0..graph.nodes() {
            for place in graph.places(node) {
                let reached = distance[node as usize] + graph.weight(place);
                let other = &mut distance[graph.neighbour(place) as usize];
                *other = other.min(reached);
            }
        }
    }
    distance
}

/// All paths between two nodes that pass no node twice.
fn simple_paths(graph: &Graph, start: u32, end: u32) -> Vec<Path> {
    fn walk(
        graph: &Graph,
        node: u32,
        end: u32,
        path: &mut Path,
        seen: &mut Vec<u32>,
        all: &mut Vec<Path>,
    ) {
        if node == end {
            all.push(path.clone());
            return;
        }
        for place in graph.places(node) {
            let other = graph.neighbour(place);
            if seen.contains(&other) {
                continue;
            }
            let before = path.weight;
            path.places.push(place);
            path.weight += graph.weight(place);
            seen.push(other);
            walk(graph, other, end, path, seen, all);
            seen.pop();
            path.places.pop();
            path.weight = before;
        }
    }
    let mut path = Path {
        start,
        places: Vec::new(),
        weight: 0.0,
    };
    let mut all = Vec::new();
    walk(graph, start, end, &mut path, &mut vec![start], &mut all);
    all
}

/// Power iteration with the full matrix.
fn dense_page_rank(graph: &Graph, damping: f64, jump: &[f64]) -> Vec<f64> {
    let nodes = graph.nodes() as usize;
    let mut matrix = vec![vec![0.0; nodes]; nodes];
    for node in 0..graph.nodes() {
        let total: f64 = graph.places(node).map(|place| graph.weight(place)).sum();
        for place in graph.places(node) {
            if total > 0.0 {
                matrix[graph.neighbour(place) as usize][node as usize] +=
                    graph.weight(place) / total;
            }
        }
        if total <= 0.0 {
            for (row, jump) in matrix.iter_mut().zip(jump) {
                row[node as usize] = *jump;
            }
        }
    }
    let mut rank = jump.to_vec();
    for _ in 0..300 {
        rank = (0..nodes)
            .map(|to| {
                let reached: f64 = (0..nodes).map(|from| matrix[to][from] * rank[from]).sum();
                damping * reached + (1.0 - damping) * jump[to]
            })
            .collect();
    }
    rank
}

fn hops(graph: &Graph, start: u32) -> Vec<Option<u32>> {
    let mut distance = vec![None; graph.nodes() as usize];
    distance[start as usize] = Some(0);
    let mut open = std::collections::VecDeque::from([start]);
    while let Some(node) = open.pop_front() {
        for other in graph.neighbours(node) {
            if distance[*other as usize].is_none() {
                distance[*other as usize] = distance[node as usize].map(|hops| hops + 1);
                open.push_back(*other);
            }
        }
    }
    distance
}

/// The nodes of every shortest path, counted.
fn shortest_paths_through(graph: &Graph, start: u32, end: u32) -> (u32, BTreeMap<u32, u32>) {
    let distance = hops(graph, start);
    let mut through = BTreeMap::new();
    let mut count = 0;
    let mut open = vec![vec![end]];
    if distance[end as usize].is_none() || start == end {
        return (0, through);
    }
    while let Some(way) = open.pop() {
        let node = way[way.len() - 1];
        if node == start {
            count += 1;
            for inner in &way[1..way.len() - 1] {
                *through.entry(*inner).or_default() += 1;
            }
            continue;
        }
        for before in 0..graph.nodes() {
            let is_step = distance[before as usize].map(|hops| hops + 1) == distance[node as usize]
                && graph.neighbours(before).contains(&node);
            if is_step {
                open.push([way.clone(), vec![before]].concat());
            }
        }
    }
    (count, through)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn weak_components_are_reach_both_ways((nodes, edges) in some_graph()) {
        let both = graph(nodes, &edges, Orientation::Both);
        let along = graph(nodes, &edges, Orientation::Along);
        let found = ok(weak(&along, &mut Unwatched));
        prop_assert_eq!(&found, &ok(weak(&both, &mut Unwatched)));
        for node in 0..nodes {
            let reached = reach(&both, node);
            for other in 0..nodes {
                let same = found[node as usize] == found[other as usize];
                prop_assert_eq!(same, reached.contains(&other));
            }
        }
        let least: Vec<u32> = (0..nodes).filter(|n| reach(&both, *n).first() == Some(n)).collect();
        let numbers: Vec<u32> = least.iter().map(|n| found[*n as usize]).collect();
        prop_assert_eq!(numbers, (0..least.len() as u32).collect::<Vec<_>>());
    }

    #[test]
    fn strong_components_reach_each_other((nodes, edges) in some_graph()) {
        let along = graph(nodes, &edges, Orientation::Along);
        let found = ok(strong(&along, &mut Unwatched));
        for node in 0..nodes {
            for other in 0..nodes {
                let mutual = reach(&along, node).contains(&other) && reach(&along, other).contains(&node);
                prop_assert_eq!(found[node as usize] == found[other as usize], mutual);
            }
        }
    }

    #[test]
    fn page_rank_is_the_fixed_point((nodes, edges) in some_graph(), source in 0u32..12) {
        let along = graph(nodes, &edges, Orientation::Along);
        for sources in [vec![], vec![(source % nodes, 2.0), (0, 1.0)]] {
            let mut jump = vec![0.0; nodes as usize];
            for (node, share) in &sources {
                jump[*node as usize] += share / 3.0;
            }
            if sources.is_empty() {
                jump.fill(1.0 / f64::from(nodes));
            }
            let options = rank::Options { iterations: 300, tolerance: 0.0, sources, ..rank::Options::default() };
            let found = ok(page_rank(&along, &options, &mut Unwatched));
            let wanted = dense_page_rank(&along, options.damping, &jump);
            prop_assert!(found.iter().zip(&wanted).all(|(a, b)| near(*a, *b)), "{found:?} {wanted:?}");
            prop_assert!(near(found.iter().sum(), 1.0));
        }
    }

    #[test]
    fn betweenness_counts_shortest_paths((nodes, edges) in some_graph()) {
        for (orientation, is_undirected) in [(Orientation::Along, false), (Orientation::Both, true)] {
            let simple = ok(graph(nodes, &edges, orientation).simple(&mut Unwatched));
            let options = betweenness::Options { is_undirected, ..betweenness::Options::default() };
            let found = ok(betweenness(&simple, options, &mut Unwatched));
            let mut wanted = vec![0.0; nodes as usize];
            for start in 0..nodes {
                for end in 0..nodes {
                    let (count, through) = shortest_paths_through(&simple, start, end);
                    for (node, passed) in through {
                        wanted[node as usize] += f64::from(passed) / f64::from(count);
                    }
                }
            }
            let half = if is_undirected { 0.5 } else { 1.0 };
            prop_assert!(found.iter().zip(&wanted).all(|(a, b)| near(*a, b * half)), "{found:?} {wanted:?}");
        }
    }

    #[test]
    fn triangles_and_cores_are_as_defined((nodes, edges) in some_graph()) {
        let simple = ok(graph(nodes, &edges, Orientation::Both).simple(&mut Unwatched));
        let linked = |a: u32, b: u32| simple.neighbours(a).contains(&b);
        let found = ok(triangles(&simple, &mut Unwatched));
        for node in 0..nodes {
            let own = simple.neighbours(node);
            let pairs = own.iter().flat_map(|a| own.iter().map(move |b| (*a, *b)));
            let wanted = pairs.filter(|(a, b)| a < b && linked(*a, *b)).count() as u64;
            prop_assert_eq!(found[node as usize], wanted);
        }
        let found = ok(cores(&simple, &mut Unwatched));
        for k in 0..nodes {
            // Nodes of fewer than k neighbours leave until none does.
            let mut left: BTreeSet<u32> = (0..nodes).collect();
            loop {
                let stay: BTreeSet<u32> = left.iter().copied().filter(|node| {
                    simple.neighbours(*node).iter().filter(|other| left.contains(other)).count() >= k as usize
                }).collect();
                if stay == left { break; }
                left = stay;
            }
            let wanted: BTreeSet<u32> = (0..nodes).filter(|node| found[*node as usize] >= k).collect();
            prop_assert_eq!(left, wanted);
        }
    }

    #[test]
    fn dijkstra_is_bellman_ford((nodes, edges) in some_graph(), end in 0u32..12) {
        for orientation in [Orientation::Along, Orientation::Against, Orientation::Both] {
            let graph = graph(nodes, &edges, orientation);
            let tree = ok(dijkstra(&graph, 0, None, &mut Unwatched));
            let wanted = bellman_ford(&graph, 0);
            prop_assert_eq!(&tree.distance, &wanted);
            for end in 0..nodes {
                let path = tree.path_to(end);
                prop_assert_eq!(path.is_some(), wanted[end as usize].is_finite());
                if let Some(path) = path {
                    let mut node = 0;
                    let mut sum = 0.0;
                    for place in &path.places {
                        prop_assert!(graph.places(node).contains(place));
                        node = graph.neighbour(*place);
                        sum += graph.weight(*place);
                    }
                    prop_assert_eq!((node, sum), (end, path.weight));
                }
            }
            // Any estimate that is not too great, consistent or not.
            let end = end % nodes;
            let back = match orientation {
                Orientation::Along => Orientation::Against,
                Orientation::Against => Orientation::Along,
                Orientation::Both => Orientation::Both,
            };
            let exact = bellman_ford(&Graph::new(nodes, &edges, back, true).unwrap(), end);
            let estimate = |node: u32| if node.is_multiple_of(2) { exact[node as usize].min(1e9) } else { 0.0 };
            let found = ok(a_star(&graph, 0, end, &estimate, &mut Unwatched));
            prop_assert_eq!(found.map(|path| path.weight), Some(wanted[end as usize]).filter(|w| w.is_finite()));
        }
    }

    #[test]
    fn yen_finds_the_shortest_simple_paths((nodes, edges) in some_graph(), end in 0u32..12, count in 1usize..6) {
        let end = end % nodes;
        let small = &edges[..edges.len().min(14)];
        let graph = graph(nodes, small, Orientation::Along);
        let mut wanted: Vec<f64> = simple_paths(&graph, 0, end).iter().map(|path| path.weight).collect();
        wanted.sort_by(f64::total_cmp);
        wanted.truncate(count);
        let found = ok(k_shortest(&graph, 0, end, count, &mut Unwatched));
        prop_assert_eq!(found.iter().map(|path| path.weight).collect::<Vec<_>>(), wanted);
        let different: BTreeSet<&Vec<usize>> = found.iter().map(|path| &path.places).collect();
        prop_assert_eq!(different.len(), found.len());
        let all = simple_paths(&graph, 0, end);
        prop_assert!(found.iter().all(|path| all.iter().any(|known| known.places == path.places)));
    }

    #[test]
    fn communities_are_connected_and_no_single_move_helps((nodes, edges) in some_graph(), seed in 0u64..4) {
        let both = graph(nodes, &edges, Orientation::Both);
        let options = community::Options { seed, ..community::Options::default() };
        let found = ok(louvain(&both, options, &mut Unwatched));
        prop_assert_eq!(&found, &ok(louvain(&both, options, &mut Unwatched)));
        let alone: Vec<u32> = (0..nodes).collect();
        let reached = modularity(&both, &found, 1.0);
        prop_assert!(reached >= modularity(&both, &alone, 1.0) - 1e-9);
        for node in 0..nodes {
            let inside: Vec<Edge> = edges.iter().copied().filter(|edge| {
                found[edge.from as usize] == found[edge.to as usize]
            }).collect();
            let within = graph(nodes, &inside, Orientation::Both);
            let members: BTreeSet<u32> = (0..nodes).filter(|other| found[*other as usize] == found[node as usize]).collect();
            prop_assert_eq!(reach(&within, node), members);
        }
    }

    #[test]
    fn labels_agree_with_neighbours_once_settled((nodes, edges) in some_graph(), seed in 0u64..4) {
        let both = graph(nodes, &edges, Orientation::Both);
        let found = ok(label_propagation(&both, 1000, seed, &mut Unwatched));
        prop_assert_eq!(&found, &ok(label_propagation(&both, 1000, seed, &mut Unwatched)));
        let components = ok(weak(&both, &mut Unwatched));
        for node in 0..nodes {
            let mut weight: BTreeMap<u32, f64> = BTreeMap::new();
            for place in both.places(node) {
                let other = both.neighbour(place);
                if other != node {
                    *weight.entry(found[other as usize]).or_default() += both.weight(place);
                    prop_assert_eq!(components[node as usize], components[other as usize]);
                }
            }
            let most = weight.values().copied().fold(0.0, f64::max);
            let own = weight.get(&found[node as usize]).copied().unwrap_or(0.0);
            prop_assert!(own >= most, "{found:?}");
        }
    }
}

#[test]
fn zacharys_club_falls_into_known_parts() {
    // The karate club of Zachary (1977), numbered from 0.
    let club = [
        (0, 1),
        (0, 2),
        (0, 3),
        (0, 4),
        (0, 5),
        (0, 6),
        (0, 7),
        (0, 8),
        (0, 10),
        (0, 11),
        (0, 12),
        (0, 13),
        (0, 17),
        (0, 19),
        (0, 21),
        (0, 31),
        (1, 2),
        (1, 3),
        (1, 7),
        (1, 13),
        (1, 17),
        (1, 19),
        (1, 21),
        (1, 30),
        (2, 3),
        (2, 7),
        (2, 8),
        (2, 9),
        (2, 13),
        (2, 27),
        (2, 28),
        (2, 32),
        (3, 7),
        (3, 12),
        (3, 13),
        (4, 6),
        (4, 10),
        (5, 6),
        (5, 10),
        (5, 16),
        (6, 16),
        (8, 30),
        (8, 32),
        (8, 33),
        (9, 33),
        (13, 33),
        (14, 32),
        (14, 33),
        (15, 32),
        (15, 33),
        (18, 32),
        (18, 33),
        (19, 33),
        (20, 32),
        (20, 33),
        (22, 32),
        (22, 33),
        (23, 25),
        (23, 27),
        (23, 29),
        (23, 32),
        (23, 33),
        (24, 25),
        (24, 27),
        (24, 31),
        (25, 31),
        (26, 29),
        (26, 33),
        (27, 33),
        (28, 31),
        (28, 33),
        (29, 32),
        (29, 33),
        (30, 32),
        (30, 33),
        (31, 32),
        (31, 33),
        (32, 33),
    ];
    let both = Graph::new(34, &edges(&club), Orientation::Both, false).unwrap();
    let found = ok(louvain(
        &both,
        community::Options::default(),
        &mut Unwatched,
    ));
    // The greatest modularity there is for this graph is 0.4198 with four communities.
    assert!(modularity(&both, &found, 1.0) > 0.40, "{found:?}");
    assert!((3..=5).contains(&found.iter().collect::<BTreeSet<_>>().len()));
    let simple = ok(both.simple(&mut Unwatched));
    let corners = ok(triangles(&simple, &mut Unwatched));
    assert_eq!(corners.iter().sum::<u64>(), 3 * 45);
    assert!(near(
        clustering(corners[0], simple.neighbours(0).len()),
        0.15
    ));
    let core = ok(cores(&simple, &mut Unwatched));
    assert_eq!(core.iter().max(), Some(&4));
    assert_eq!(core.iter().filter(|core| **core == 4).count(), 10);
    let options = betweenness::Options {
        is_undirected: true,
        ..betweenness::Options::default()
    };
    let scores = ok(betweenness(&simple, options, &mut Unwatched));
    // 231.07 and 160.55: the values of Brandes (2001) for the two leaders.
    assert!((scores[0] - 231.071_428_57).abs() < 1e-6, "{}", scores[0]);
    assert!((scores[33] - 160.551_587_30).abs() < 1e-6, "{}", scores[33]);
}

#[test]
fn samples_of_all_nodes_are_exact_and_fixed_by_the_seed() {
    let ring: Vec<(u32, u32)> = (0..10).map(|node| (node, (node + 1) % 10)).collect();
    let simple = ok(Graph::new(10, &edges(&ring), Orientation::Both, false)
        .unwrap()
        .simple(&mut Unwatched));
    let with = |samples, seed| {
        let options = betweenness::Options {
            samples,
            seed,
            is_undirected: true,
        };
        ok(betweenness(&simple, options, &mut Unwatched))
    };
    assert_eq!(with(Some(10), 1), with(None, 0));
    assert_eq!(with(Some(3), 5), with(Some(3), 5));
    assert_ne!(with(Some(3), 5), with(Some(3), 6));
    let mean = with(Some(3), 5).iter().sum::<f64>() / with(None, 0).iter().sum::<f64>();
    assert!(
        (mean - 1.0).abs() < 1e-9,
        "each start of a ring is worth the same"
    );
}

/// Ends after so much work, and refuses more memory than it has.
struct Strict {
    work: usize,
    bytes: usize,
}

impl Watch for Strict {
    type Error = &'static str;

    fn work(&mut self, steps: usize) -> Result<(), &'static str> {
        self.work = self.work.checked_sub(steps).ok_or("work")?;
        Ok(())
    }

    fn hold(&mut self, bytes: usize) -> Result<(), &'static str> {
        if bytes > self.bytes {
            Err("memory")
        } else {
            Ok(())
        }
    }
}

#[test]
fn a_watch_ends_every_algorithm() {
    let ring: Vec<(u32, u32)> = (0..1000).map(|node| (node, (node + 1) % 1000)).collect();
    let graph = Graph::new(1000, &edges(&ring), Orientation::Both, false).unwrap();
    let with = |watch: &mut Strict| {
        let rank = rank::Options::default();
        [
            weak(&graph, watch).err(),
            strong(&graph, watch).err(),
            page_rank(&graph, &rank, watch).err(),
            betweenness(&graph, betweenness::Options::default(), watch).err(),
            louvain(&graph, community::Options::default(), watch).err(),
            label_propagation(&graph, 10, 0, watch).err(),
            cores(&graph, watch).err(),
            triangles(&graph, watch).err(),
            dijkstra(&graph, 0, None, watch).err(),
            k_shortest(&graph, 0, 500, 3, watch).err(),
            graph.simple(watch).err(),
        ]
    };
    let mut lazy = Strict {
        work: 500,
        bytes: usize::MAX,
    };
    assert!(with(&mut lazy).iter().all(|ended| *ended == Some("work")));
    let mut poor = Strict {
        work: usize::MAX,
        bytes: 1000,
    };
    assert!(with(&mut poor).iter().all(|ended| *ended == Some("memory")));
}

#[test]
fn empty_graphs_have_empty_answers() {
    let none = Graph::new(0, &[], Orientation::Both, false).unwrap();
    assert!(ok(weak(&none, &mut Unwatched)).is_empty());
    assert!(ok(strong(&none, &mut Unwatched)).is_empty());
    assert!(ok(page_rank(&none, &rank::Options::default(), &mut Unwatched)).is_empty());
    assert!(
        ok(betweenness(
            &none,
            betweenness::Options::default(),
            &mut Unwatched
        ))
        .is_empty()
    );
    assert!(
        ok(louvain(
            &none,
            community::Options::default(),
            &mut Unwatched
        ))
        .is_empty()
    );
    assert!(ok(cores(&none, &mut Unwatched)).is_empty());
    assert!(ok(triangles(&none, &mut Unwatched)).is_empty());
}
