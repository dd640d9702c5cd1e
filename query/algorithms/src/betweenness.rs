//! Betweenness centrality.

use crate::order::Random;
use crate::{Graph, Watch};

/// How betweenness is computed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// From how many nodes shortest paths are followed, scaled up to all; from all if absent.
    pub samples: Option<u32>,
    /// Chooses the samples.
    pub seed: u64,
    /// Whether the graph was built both ways, so that each pair of nodes is met twice.
    pub is_undirected: bool,
}

/// For each node the sum, over all pairs of other nodes, of the part of their shortest paths that pass it.
/// Takes a [simple](Graph::simple) graph; weights do not count.
///
/// Brandes' algorithm: time (nodes × neighbours), or (samples × neighbours); 32 bytes a node.
///
/// # Errors
///
/// If the watch ends it.
pub fn betweenness<W: Watch>(
    graph: &Graph,
    options: Options,
    watch: &mut W,
) -> Result<Vec<f64>, W::Error> {
    const FAR: u32 = u32::MAX;
    let count = graph.nodes();
    let nodes = count as usize;
    watch.hold(36 * nodes)?;
    let mut score = vec![0.0; nodes];
    let mut sources: Vec<u32> = match options.samples {
        Some(samples) if samples < count => {
            let mut order = Random::new(options.seed).order(count);
            order.truncate(samples as usize);
            order
        }
        _ => (0..count).collect(),
    };
    sources.sort_unstable();
    let mut distance = vec![FAR; nodes];
    let mut ways = vec![0.0; nodes];
    let mut dependency = vec![0.0; nodes];
    let mut order: Vec<u32> = Vec::with_capacity(nodes);
    for &source in &sources {
        for node in order.drain(..) {
            distance[node as usize] = FAR;
            ways[node as usize] = 0.0;
            dependency[node as usize] = 0.0;
        }
        distance[source as usize] = 0;
        ways[source as usize] = 1.0;
        order.push(source);
        let mut at = 0;
        while let Some(&node) = order.get(at) {
            at += 1;
            let neighbours = graph.neighbours(node);
            watch.work(1 + neighbours.len())?;
            let reached = distance[node as usize] + 1;
            for &other in neighbours {
                if distance[other as usize] == FAR {
                    distance[other as usize] = reached;
                    order.push(other);
                }
                if distance[other as usize] == reached {
                    ways[other as usize] += ways[node as usize];
                }
            }
        }
        for &node in order.iter().rev() {
            let neighbours = graph.neighbours(node);
            watch.work(1 + neighbours.len())?;
            let behind = distance[node as usize] + 1;
            let mut sum = 0.0;
            for &other in neighbours {
                if distance[other as usize] == behind {
                    sum += ways[node as usize] / ways[other as usize]
                        * (1.0 + dependency[other as usize]);
                }
            }
            dependency[node as usize] = sum;
            if node != source {
                score[node as usize] += sum;
            }
        }
    }
    let mut scale = if sources.is_empty() {
        1.0
    } else {
        f64::from(count) / sources.len() as f64
    };
    if options.is_undirected {
        scale /= 2.0;
    }
    score.iter_mut().for_each(|score| *score *= scale);
    Ok(score)
}
