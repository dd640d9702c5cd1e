//! Connected components.

use crate::order::renumber;
use crate::{Graph, Watch};

/// For each node its weakly connected component, numbered from 0 by least node. Takes the graph in any
/// orientation.
///
/// Union-find with path halving: near linear time, 4 bytes a node.
///
/// # Errors
///
/// If the watch ends it.
pub fn weak<W: Watch>(graph: &Graph, watch: &mut W) -> Result<Vec<u32>, W::Error> {
    watch.hold(8 * graph.nodes() as usize)?;
    let mut parent: Vec<u32> = (0..graph.nodes()).collect();
    for node in 0..graph.nodes() {
        let neighbours = graph.neighbours(node);
        watch.work(1 + neighbours.len())?;
        for &other in neighbours {
            let (a, b) = (root(&mut parent, node), root(&mut parent, other));
            // The least node is the root.
            parent[a.max(b) as usize] = a.min(b);
        }
    }
    for node in 0..graph.nodes() {
        parent[node as usize] = root(&mut parent, node);
    }
    renumber(&mut parent);
    Ok(parent)
}

fn root(parent: &mut [u32], mut node: u32) -> u32 {
    while parent[node as usize] != node {
        let above = parent[parent[node as usize] as usize];
        parent[node as usize] = above;
        node = above;
    }
    node
}

/// For each node its strongly connected component, numbered from 0 by least node.
///
/// Tarjan's algorithm without recursion: linear time, 20 bytes a node.
///
/// # Errors
///
/// If the watch ends it.
pub fn strong<W: Watch>(graph: &Graph, watch: &mut W) -> Result<Vec<u32>, W::Error> {
    const NEW: u32 = u32::MAX;
    let nodes = graph.nodes() as usize;
    watch.hold(24 * nodes)?;
    let mut index = vec![NEW; nodes];
    let mut low = vec![0u32; nodes];
    let mut component = vec![NEW; nodes];
    let mut open: Vec<u32> = Vec::new();
    // The nodes being visited, each with the place of the neighbour that is next.
    let mut path: Vec<(u32, usize)> = Vec::new();
    let (mut next, mut found) = (0, 0);
    for start in 0..graph.nodes() {
        if index[start as usize] != NEW {
            continue;
        }
        path.push((start, graph.places(start).start));
        while let Some((node, place)) = path.last_mut() {
            let at = *node as usize;
            if index[at] == NEW {
                index[at] = next;
                low[at] = next;
                next += 1;
                open.push(*node);
            }
            let places = graph.places(*node);
            if *place < places.end {
                let other = graph.neighbour(*place);
                *place += 1;
                if index[other as usize] == NEW {
                    path.push((other, graph.places(other).start));
                } else if component[other as usize] == NEW {
                    low[at] = low[at].min(index[other as usize]);
                }
                continue;
            }
            watch.work(1 + places.len())?;
            let node = *node;
            path.pop();
            if let Some((above, _)) = path.last() {
                let above = *above as usize;
                low[above] = low[above].min(low[at]);
            }
            if low[at] == index[at] {
                while let Some(member) = open.pop() {
                    component[member as usize] = found;
                    if member == node {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    renumber(&mut component);
    Ok(component)
}
