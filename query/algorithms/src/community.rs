//! Communities: Louvain and label propagation. Both take graphs built both ways.

use crate::order::{Random, renumber};
use crate::{Edge, Graph, Orientation, Watch};

/// Passes over the nodes of one level; a level that still moves then is good enough.
const PASSES_MAX: u32 = 100;

/// How Louvain works.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Above 1 for more and smaller communities, below for fewer and larger ones.
    pub resolution: f64,
    /// Chooses the order in which nodes are looked at.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            resolution: 1.0,
            seed: 0,
        }
    }
}

/// Adds up weights by group, forgetting all in the time of those touched.
struct Tally {
    sum: Vec<f64>,
    touched: Vec<u32>,
}

impl Tally {
    fn new(groups: usize) -> Self {
        Self {
            sum: vec![f64::NAN; groups],
            touched: Vec::new(),
        }
    }

    fn add(&mut self, group: u32, weight: f64) {
        let sum = &mut self.sum[group as usize];
        if sum.is_nan() {
            *sum = 0.0;
            self.touched.push(group);
        }
        *sum += weight;
    }

    fn of(&self, group: u32) -> f64 {
        let sum = self.sum[group as usize];
        if sum.is_nan() { 0.0 } else { sum }
    }

    fn clear(&mut self) {
        for group in self.touched.drain(..) {
            self.sum[group as usize] = f64::NAN;
        }
    }
}

/// For each node its community, numbered from 0 by least node: a local maximum of modularity.
///
/// The Louvain method: nodes move to the community of a neighbour as long as modularity grows, then
/// communities become the nodes of a smaller graph. At the end, communities that fell apart are split,
/// which modularity welcomes. Each pass is linear; there are few. 44 bytes a node and 36 a
/// relationship.
///
/// # Errors
///
/// If the watch ends it.
pub fn louvain<W: Watch>(
    graph: &Graph,
    options: Options,
    watch: &mut W,
) -> Result<Vec<u32>, W::Error> {
    let nodes = graph.nodes() as usize;
    watch.hold(48 * nodes + 20 * graph.size())?;
    let mut random = Random::new(options.seed);
    let mut community: Vec<u32> = (0..graph.nodes()).collect();
    let mut level: Option<Graph> = None;
    loop {
        let current = level.as_ref().unwrap_or(graph);
        let mut moved = one_level(current, options.resolution, &mut random, watch)?;
        let found = renumber(&mut moved);
        for own in &mut community {
            *own = moved[*own as usize];
        }
        if found == current.nodes() {
            break;
        }
        level = Some(merged(current, &moved, found, watch)?);
    }
    split(graph, &mut community, watch)?;
    Ok(community)
}

/// Moves nodes until modularity grows no more.
fn one_level<W: Watch>(
    graph: &Graph,
    resolution: f64,
    random: &mut Random,
    watch: &mut W,
) -> Result<Vec<u32>, W::Error> {
    let nodes = graph.nodes();
    let degree = degrees(graph);
    let total: f64 = degree.iter().sum();
    let mut community: Vec<u32> = (0..nodes).collect();
    if total <= 0.0 {
        return Ok(community);
    }
    let mut inside = degree.clone();
    let mut tally = Tally::new(nodes as usize);
    let order = random.order(nodes);
    for _ in 0..PASSES_MAX {
        let mut has_moved = false;
        for &node in &order {
            let places = graph.places(node);
            watch.work(1 + places.len())?;
            let own = community[node as usize];
            tally.clear();
            for place in places {
                let other = graph.neighbour(place);
                if other != node {
                    tally.add(community[other as usize], graph.weight(place));
                }
            }
            let weight = degree[node as usize];
            inside[own as usize] -= weight;
            let gain =
                |group: u32, to: f64| to - resolution * weight * inside[group as usize] / total;
            let (mut best, mut most) = (own, gain(own, tally.of(own)));
            for &group in &tally.touched {
                let offered = gain(group, tally.of(group));
                // A gain that may be rounding moves nobody, or passes might never end.
                let is_better = offered > most + 1e-12 * total;
                let is_tied = best != own && offered == most && group < best;
                if is_better || is_tied {
                    (best, most) = (group, offered);
                }
            }
            inside[best as usize] += weight;
            community[node as usize] = best;
            has_moved |= best != own;
        }
        if !has_moved {
            break;
        }
    }
    Ok(community)
}

/// The sum of weights of each node; a relationship with itself counts from both of its ends.
fn degrees(graph: &Graph) -> Vec<f64> {
    (0..graph.nodes())
        .map(|node| {
            graph
                .places(node)
                .map(|place| {
                    let ends = if graph.neighbour(place) == node {
                        2.0
                    } else {
                        1.0
                    };
                    ends * graph.weight(place)
                })
                .sum()
        })
        .collect()
}

/// The graph whose nodes are the communities.
fn merged<W: Watch>(
    graph: &Graph,
    community: &[u32],
    found: u32,
    watch: &mut W,
) -> Result<Graph, W::Error> {
    let mut first = vec![0usize; found as usize + 1];
    for own in community {
        first[*own as usize + 1] += 1;
    }
    for at in 1..first.len() {
        first[at] += first[at - 1];
    }
    let mut members = vec![0u32; community.len()];
    let mut next = first.clone();
    for (node, own) in (0u32..).zip(community) {
        members[next[*own as usize]] = node;
        next[*own as usize] += 1;
    }
    let mut tally = Tally::new(found as usize);
    let mut edges = Vec::new();
    for own in 0..found {
        tally.clear();
        for &node in &members[first[own as usize]..first[own as usize + 1]] {
            let places = graph.places(node);
            watch.work(1 + places.len())?;
            for place in places {
                let other = graph.neighbour(place);
                let theirs = community[other as usize];
                // Each relationship is seen from both ends, save one of a node with itself.
                let half = if other == node { 1.0 } else { 0.5 };
                match theirs.cmp(&own) {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => tally.add(own, half * graph.weight(place)),
                    std::cmp::Ordering::Greater => tally.add(theirs, graph.weight(place)),
                }
            }
        }
        tally.touched.sort_unstable();
        edges.extend(tally.touched.iter().map(|theirs| Edge {
            from: own,
            to: *theirs,
            weight: tally.of(*theirs),
        }));
    }
    // There are no more neighbours than in the graph that it was made of.
    Ok(Graph::new(found, &edges, Orientation::Both, true).unwrap_or_default())
}

/// Splits communities into their connected parts.
fn split<W: Watch>(graph: &Graph, community: &mut [u32], watch: &mut W) -> Result<(), W::Error> {
    const NEW: u32 = u32::MAX;
    let mut part = vec![NEW; community.len()];
    let mut open = Vec::new();
    let mut found = 0;
    for start in 0..graph.nodes() {
        if part[start as usize] != NEW {
            continue;
        }
        part[start as usize] = found;
        open.push(start);
        while let Some(node) = open.pop() {
            let neighbours = graph.neighbours(node);
            watch.work(1 + neighbours.len())?;
            for &other in neighbours {
                let is_same = community[other as usize] == community[node as usize];
                if is_same && part[other as usize] == NEW {
                    part[other as usize] = found;
                    open.push(other);
                }
            }
        }
        found += 1;
    }
    community.copy_from_slice(&part);
    Ok(())
}

/// The modularity of communities: the part of the weight within them, less what chance would put there.
#[must_use]
pub fn modularity(graph: &Graph, community: &[u32], resolution: f64) -> f64 {
    let degree = degrees(graph);
    let total: f64 = degree.iter().sum();
    if total <= 0.0 {
        return 0.0;
    }
    let groups = community
        .iter()
        .copied()
        .max()
        .map_or(0, |most| most as usize + 1);
    let (mut within, mut sum) = (0.0, vec![0.0; groups]);
    for node in 0..graph.nodes() {
        let own = community[node as usize];
        sum[own as usize] += degree[node as usize];
        for place in graph.places(node) {
            let other = graph.neighbour(place);
            if community[other as usize] == own {
                within += if other == node { 2.0 } else { 1.0 } * graph.weight(place);
            }
        }
    }
    let chance: f64 = sum.iter().map(|sum| (sum / total) * (sum / total)).sum();
    within / total - resolution * chance
}

/// For each node its label, numbered from 0 by least node: in rounds, each node takes the label with the
/// greatest weight among its neighbours, its own if that is among them, else the least.
///
/// Raghavan, Albert and Kumara, asynchronous. Each round is linear; 24 bytes a node.
///
/// # Errors
///
/// If the watch ends it.
pub fn label_propagation<W: Watch>(
    graph: &Graph,
    iterations: u32,
    seed: u64,
    watch: &mut W,
) -> Result<Vec<u32>, W::Error> {
    let nodes = graph.nodes();
    watch.hold(28 * nodes as usize)?;
    let mut label: Vec<u32> = (0..nodes).collect();
    let mut tally = Tally::new(nodes as usize);
    let mut random = Random::new(seed);
    for _ in 0..iterations {
        let mut has_changed = false;
        for node in random.order(nodes) {
            let places = graph.places(node);
            watch.work(1 + places.len())?;
            tally.clear();
            for place in places {
                let other = graph.neighbour(place);
                if other != node {
                    tally.add(label[other as usize], graph.weight(place));
                }
            }
            let own = label[node as usize];
            let (mut best, mut most) = (own, tally.of(own));
            for &group in &tally.touched {
                let weight = tally.of(group);
                if weight > most || (best != own && weight == most && group < best) {
                    (best, most) = (group, weight);
                }
            }
            has_changed |= best != own;
            label[node as usize] = best;
        }
        if !has_changed {
            break;
        }
    }
    renumber(&mut label);
    Ok(label)
}
