//! How densely nodes hang together: triangles and cores. Both take [simple](Graph::simple) graphs built
//! both ways.

use crate::{Graph, Watch};

/// For each node the number of triangles that it belongs to.
///
/// Relationships are turned from lower to higher degree, so that each node looks along at most √(2m) of
/// them: time m^1.5, 4 bytes a neighbour and 8 a node.
///
/// # Errors
///
/// If the watch ends it.
pub fn triangles<W: Watch>(graph: &Graph, watch: &mut W) -> Result<Vec<u64>, W::Error> {
    let nodes = graph.nodes() as usize;
    watch.hold(12 * nodes + 2 * graph.size())?;
    let rank = |node: u32| (graph.neighbours(node).len(), node);
    // The neighbours of higher rank, in ascending order of id.
    let mut first = vec![0usize; nodes + 1];
    let mut higher: Vec<u32> = Vec::with_capacity(graph.size() / 2);
    for node in 0..graph.nodes() {
        let own = rank(node);
        let neighbours = graph.neighbours(node);
        watch.work(1 + neighbours.len())?;
        higher.extend(neighbours.iter().filter(|other| rank(**other) > own));
        first[node as usize + 1] = higher.len();
    }
    let of = |node: u32| &higher[first[node as usize]..first[node as usize + 1]];
    let mut count = vec![0u64; nodes];
    for node in 0..graph.nodes() {
        for &second in of(node) {
            let (mut left, mut right) = (of(node), of(second));
            watch.work(1 + left.len() + right.len())?;
            while let (Some((a, more_left)), Some((b, more_right))) =
                (left.split_first(), right.split_first())
            {
                if a <= b {
                    left = more_left;
                }
                if b <= a {
                    right = more_right;
                }
                if a == b {
                    for corner in [node, second, *a] {
                        count[corner as usize] += 1;
                    }
                }
            }
        }
    }
    Ok(count)
}

/// The part of the pairs of a node's neighbours that are neighbours of each other; 0 if it has fewer than
/// two.
#[must_use]
pub fn clustering(triangles: u64, degree: usize) -> f64 {
    if degree < 2 {
        return 0.0;
    }
    2.0 * triangles as f64 / (degree as f64 * (degree as f64 - 1.0))
}

/// For each node the greatest k of which it belongs to the k-core: the largest part of the graph in which
/// every node has at least k neighbours.
///
/// Batagelj and Zaveršnik: linear time, 16 bytes a node.
///
/// # Errors
///
/// If the watch ends it.
pub fn cores<W: Watch>(graph: &Graph, watch: &mut W) -> Result<Vec<u32>, W::Error> {
    let nodes = graph.nodes() as usize;
    watch.hold(20 * nodes)?;
    let mut degree: Vec<u32> = (0..graph.nodes())
        .map(|node| graph.neighbours(node).len() as u32)
        .collect();
    let most = degree.iter().copied().max().unwrap_or(0) as usize;
    // Nodes sorted by degree, with the place of each and where each degree begins.
    let mut begin = vec![0usize; most + 2];
    for own in &degree {
        begin[*own as usize + 1] += 1;
    }
    for at in 1..begin.len() {
        begin[at] += begin[at - 1];
    }
    let mut place = vec![0usize; nodes];
    let mut sorted = vec![0u32; nodes];
    let mut next = begin.clone();
    for node in 0..graph.nodes() {
        let at = &mut next[degree[node as usize] as usize];
        place[node as usize] = *at;
        sorted[*at] = node;
        *at += 1;
    }
    for at in 0..nodes {
        let node = sorted[at];
        let own = degree[node as usize];
        let neighbours = graph.neighbours(node);
        watch.work(1 + neighbours.len())?;
        for &other in neighbours {
            let theirs = degree[other as usize];
            if theirs <= own {
                continue;
            }
            // It moves to the beginning of its degree, which then begins one later.
            let front = begin[theirs as usize].max(at + 1);
            let (moved, from) = (sorted[front], place[other as usize]);
            sorted.swap(front, from);
            place[moved as usize] = from;
            place[other as usize] = front;
            begin[theirs as usize] = front + 1;
            degree[other as usize] = theirs - 1;
        }
    }
    Ok(degree)
}
