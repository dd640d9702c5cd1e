//! The graph: neighbours side by side.

use crate::Watch;

/// A relationship between two nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// Where it starts.
    pub from: u32,
    /// Where it ends.
    pub to: u32,
    /// Its weight.
    pub weight: f64,
}

/// Which way relationships are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orientation {
    /// From start to end.
    Along,
    /// From end to start.
    Against,
    /// Both ways; a relationship of a node with itself once.
    Both,
}

/// A graph as compressed sparse rows: 4 bytes a node, 8 a neighbour, 8 more with weights.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// For each node where its neighbours begin, and one more.
    first: Vec<u32>,
    neighbours: Vec<u32>,
    /// By neighbour, the relationship by its place in the list the graph was built from.
    edges: Vec<u32>,
    /// By neighbour; empty if all weigh 1.
    weights: Vec<f64>,
}

impl Graph {
    /// The bytes that a graph of so many nodes and edges takes.
    #[must_use]
    pub fn bytes_of(nodes: usize, edges: usize, orientation: Orientation, weighted: bool) -> usize {
        let neighbours = match orientation {
            Orientation::Both => 2 * edges,
            _ => edges,
        };
        4 * (nodes + 1) + neighbours * if weighted { 16 } else { 8 }
    }

    /// A graph of `nodes` nodes; the neighbours of each stand in the order of the edges. Without
    /// `weighted`, weights are ignored. None if there are more than 2³² − 1 neighbours, or an edge
    /// names a node that does not exist.
    #[must_use]
    pub fn new(
        nodes: u32,
        edges: &[Edge],
        orientation: Orientation,
        weighted: bool,
    ) -> Option<Self> {
        let mut first = vec![0u64; nodes as usize + 1];
        let ways = |edge: &Edge| {
            let (along, against) = ((edge.from, edge.to), (edge.to, edge.from));
            match orientation {
                Orientation::Along => [Some(along), None],
                Orientation::Against => [Some(against), None],
                Orientation::Both if edge.from == edge.to => [Some(along), None],
                Orientation::Both => [Some(along), Some(against)],
            }
        };
        for edge in edges {
            if edge.to >= nodes {
                return None;
            }
            for (from, _) in ways(edge).into_iter().flatten() {
                *first.get_mut(from as usize + 1)? += 1;
            }
        }
        for at in 1..first.len() {
            first[at] += first[at - 1];
        }
        let total = u32::try_from(*first.last()?).ok()? as usize;
        let first: Vec<u32> = first.into_iter().map(|at| at as u32).collect();
        let mut next = first.clone();
        let mut graph = Self {
            first,
            neighbours: vec![0; total],
            edges: vec![0; total],
            weights: if weighted {
                vec![0.0; total]
            } else {
                Vec::new()
            },
        };
        for (number, edge) in (0u32..).zip(edges) {
            for (from, to) in ways(edge).into_iter().flatten() {
                let place = next[from as usize] as usize;
                next[from as usize] += 1;
                graph.neighbours[place] = to;
                graph.edges[place] = number;
                if weighted {
                    graph.weights[place] = edge.weight;
                }
            }
        }
        Some(graph)
    }

    /// The number of nodes.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.first.len().saturating_sub(1) as u32
    }

    /// The number of neighbours of all nodes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.neighbours.len()
    }

    /// The places of a node's neighbours.
    #[must_use]
    pub fn places(&self, node: u32) -> std::ops::Range<usize> {
        self.first[node as usize] as usize..self.first[node as usize + 1] as usize
    }

    /// The neighbours of a node.
    #[must_use]
    pub fn neighbours(&self, node: u32) -> &[u32] {
        &self.neighbours[self.places(node)]
    }

    /// The neighbour at a place.
    #[must_use]
    pub fn neighbour(&self, place: usize) -> u32 {
        self.neighbours[place]
    }

    /// The relationship at a place, by its place in the list the graph was built from.
    #[must_use]
    pub fn edge(&self, place: usize) -> u32 {
        self.edges[place]
    }

    /// The weight at a place.
    #[must_use]
    pub fn weight(&self, place: usize) -> f64 {
        self.weights.get(place).copied().unwrap_or(1.0)
    }

    /// The bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        4 * (self.first.len() + self.neighbours.len() + self.edges.len()) + 8 * self.weights.len()
    }

    /// The same graph with each neighbour once, in ascending order, no node its own neighbour, and no
    /// weights. Relationships lose their places.
    ///
    /// # Errors
    ///
    /// If the watch ends it.
    pub fn simple<W: Watch>(&self, watch: &mut W) -> Result<Self, W::Error> {
        watch.hold(self.bytes())?;
        let mut simple = Self {
            first: vec![0],
            ..Self::default()
        };
        let mut own = Vec::new();
        for node in 0..self.nodes() {
            own.clear();
            own.extend(self.neighbours(node).iter().filter(|other| **other != node));
            watch.work(1 + own.len())?;
            own.sort_unstable();
            own.dedup();
            simple.neighbours.extend_from_slice(&own);
            simple.first.push(simple.neighbours.len() as u32);
        }
        Ok(simple)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unwatched;

    fn edge(from: u32, to: u32) -> Edge {
        Edge {
            from,
            to,
            weight: f64::from(from + to),
        }
    }

    #[test]
    fn neighbours_lie_side_by_side_each_way() {
        let edges = [edge(2, 0), edge(0, 1), edge(0, 1), edge(1, 1)];
        let along = Graph::new(3, &edges, Orientation::Along, true).expect("a graph");
        assert_eq!(along.neighbours(0), [1, 1]);
        assert_eq!(along.neighbours(1), [1]);
        assert_eq!(along.neighbours(2), [0]);
        assert_eq!(
            along.places(0).map(|at| along.edge(at)).collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(along.weight(along.places(2).start), 2.0);
        let against = Graph::new(3, &edges, Orientation::Against, false).expect("a graph");
        assert_eq!(against.neighbours(1), [0, 0, 1]);
        assert_eq!(against.weight(0), 1.0);
        let both = Graph::new(3, &edges, Orientation::Both, false).expect("a graph");
        assert_eq!(both.neighbours(0), [2, 1, 1]);
        assert_eq!(both.neighbours(1), [0, 0, 1], "a self-loop counts once");
        let Ok(simple) = both.simple(&mut Unwatched);
        assert_eq!(simple.neighbours(0), [1, 2]);
        assert_eq!(simple.neighbours(1), [0]);
        assert!(Graph::new(2, &edges, Orientation::Along, false).is_none());
        assert_eq!(
            Graph::new(0, &[], Orientation::Both, false).map(|g| g.nodes()),
            Some(0)
        );
    }
}
