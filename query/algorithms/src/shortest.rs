//! Weighted shortest paths.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap, HashSet};

use crate::{Graph, Watch};

/// A way through a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Where it starts.
    pub start: u32,
    /// The places of the relationships it takes.
    pub places: Vec<usize>,
    /// The sum of their weights.
    pub weight: f64,
}

/// A node with a distance, the nearest first and the least among those as near.
#[derive(Clone, Copy, PartialEq)]
struct Open {
    estimate: f64,
    node: u32,
    distance: f64,
}

impl Eq for Open {}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first.
        other
            .estimate
            .total_cmp(&self.estimate)
            .then(other.node.cmp(&self.node))
            .then(other.distance.total_cmp(&self.distance))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const NOWHERE: usize = usize::MAX;

/// The tree of shortest paths from one node.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The start.
    pub start: u32,
    /// For each node its distance; infinite if it cannot be reached.
    pub distance: Vec<f64>,
    /// For each node the place of the relationship that leads there, and the node before it.
    parent: Vec<(usize, u32)>,
}

impl Tree {
    fn new(nodes: usize, start: u32) -> Self {
        let mut tree = Self {
            start,
            distance: vec![f64::INFINITY; nodes],
            parent: vec![(NOWHERE, 0); nodes],
        };
        tree.distance[start as usize] = 0.0;
        tree
    }

    /// The path to a node, if there is one.
    #[must_use]
    pub fn path_to(&self, end: u32) -> Option<Path> {
        if !self.distance[end as usize].is_finite() {
            return None;
        }
        let mut places = Vec::new();
        let mut node = end;
        while node != self.start {
            let (place, before) = self.parent[node as usize];
            places.push(place);
            node = before;
        }
        places.reverse();
        Some(Path {
            start: self.start,
            places,
            weight: self.distance[end as usize],
        })
    }
}

/// What a search must not use.
#[derive(Default)]
struct Banned {
    nodes: HashSet<u32>,
    places: HashSet<usize>,
}

/// Shortest paths from a node to all others, or until `end` is reached.
///
/// Dijkstra's algorithm with a binary heap: time m log m, 24 bytes a node and up to 24 a relationship.
///
/// # Errors
///
/// If the watch ends it.
pub fn dijkstra<W: Watch>(
    graph: &Graph,
    start: u32,
    end: Option<u32>,
    watch: &mut W,
) -> Result<Tree, W::Error> {
    search(graph, start, end, &|_| 0.0, &Banned::default(), watch)
}

/// The shortest path between two nodes, led by an estimate of the distance to the end that is never too
/// great. A poor estimate costs time, one that is too great the promise that the path is shortest.
///
/// A*: a node is looked at again when a shorter way to it is found, so that the estimate need not be
/// consistent.
///
/// # Errors
///
/// If the watch ends it.
pub fn a_star<W: Watch>(
    graph: &Graph,
    start: u32,
    end: u32,
    estimate: &dyn Fn(u32) -> f64,
    watch: &mut W,
) -> Result<Option<Path>, W::Error> {
    let tree = search(graph, start, Some(end), estimate, &Banned::default(), watch)?;
    Ok(tree.path_to(end))
}

fn search<W: Watch>(
    graph: &Graph,
    start: u32,
    end: Option<u32>,
    estimate: &dyn Fn(u32) -> f64,
    banned: &Banned,
    watch: &mut W,
) -> Result<Tree, W::Error> {
    let nodes = graph.nodes() as usize;
    let mut tree = Tree::new(nodes, start);
    let mut open = BinaryHeap::from([Open {
        estimate: estimate(start),
        node: start,
        distance: 0.0,
    }]);
    let mut announced = 0;
    while let Some(Open { node, distance, .. }) = open.pop() {
        if end == Some(node) {
            break;
        }
        if distance > tree.distance[node as usize] {
            continue;
        }
        let places = graph.places(node);
        watch.work(1 + places.len())?;
        for place in places {
            let other = graph.neighbour(place);
            if banned.nodes.contains(&other) || banned.places.contains(&place) {
                continue;
            }
            let reached = distance + graph.weight(place);
            if reached < tree.distance[other as usize] {
                tree.distance[other as usize] = reached;
                tree.parent[other as usize] = (place, node);
                open.push(Open {
                    estimate: reached + estimate(other),
                    node: other,
                    distance: reached,
                });
            }
        }
        if open.len() >= announced {
            announced = 2 * open.len() + 1024;
            watch.hold(24 * nodes + announced * size_of::<Open>())?;
        }
    }
    Ok(tree)
}

/// A path that may be next: by weight, then by the relationships it takes.
#[derive(PartialEq)]
struct Candidate(Path);

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .weight
            .total_cmp(&other.0.weight)
            .then_with(|| self.0.places.len().cmp(&other.0.places.len()))
            .then_with(|| self.0.places.cmp(&other.0.places))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Up to `count` shortest paths between two nodes that pass no node twice, the shortest first. Paths
/// differ in relationships: parallel ones make different paths.
///
/// Yen's algorithm: for each path found, a search from each of its nodes.
///
/// # Errors
///
/// If the watch ends it.
pub fn k_shortest<W: Watch>(
    graph: &Graph,
    start: u32,
    end: u32,
    count: usize,
    watch: &mut W,
) -> Result<Vec<Path>, W::Error> {
    let mut found: Vec<Path> = Vec::new();
    let mut candidates: BTreeSet<Candidate> = BTreeSet::new();
    if count == 0 {
        return Ok(found);
    }
    found.extend(dijkstra(graph, start, Some(end), watch)?.path_to(end));
    while found.len() < count {
        let Some(last) = found.last().cloned() else {
            break;
        };
        let mut banned = Banned::default();
        let (mut node, mut weight) = (start, 0.0);
        for at in 0..last.places.len() {
            let root = &last.places[..at];
            // What leaves here on a path found already that came the same way.
            banned.places = found
                .iter()
                .filter(|path| path.places.len() > at && path.places[..at] == *root)
                .map(|path| path.places[at])
                .collect();
            let tree = search(graph, node, Some(end), &|_| 0.0, &banned, watch)?;
            if let Some(spur) = tree.path_to(end) {
                let places = [root, &spur.places].concat();
                candidates.insert(Candidate(Path {
                    start,
                    weight: places.iter().map(|place| graph.weight(*place)).sum(),
                    places,
                }));
            }
            banned.nodes.insert(node);
            weight += graph.weight(last.places[at]);
            node = graph.neighbour(last.places[at]);
        }
        debug_assert!((weight - last.weight).abs() <= 1e-9 * weight.abs().max(1.0));
        let length = candidates
            .iter()
            .map(|path| path.0.places.len() * size_of::<usize>() + size_of::<Candidate>())
            .sum::<usize>();
        watch.hold(24 * graph.nodes() as usize + length)?;
        match candidates.pop_first() {
            Some(next) => found.push(next.0),
            None => break,
        }
    }
    Ok(found)
}
