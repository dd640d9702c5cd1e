//! Graph algorithms as procedures: `CALL algo.pageRank({labels: 'Person'}) YIELD node, score`.
//!
//! A procedure copies the part of its view that the settings name into a compact graph, runs an algorithm
//! of `retrograph-algorithms` over it, and yields its rows one by one as they are wanted. Because it reads
//! the view that the query reads, AS OF gives the answer of the past. `docs/reference/algorithms.md`
//! describes each of them.

mod projection;
mod settings;

use std::sync::Arc;

use retrograph_algorithms::Orientation;
use retrograph_algorithms::betweenness::{self, betweenness};
use retrograph_algorithms::cohesion::{clustering, cores, triangles};
use retrograph_algorithms::community::{self, label_propagation, louvain};
use retrograph_algorithms::components::{strong, weak};
use retrograph_algorithms::rank::{self, page_rank};
use retrograph_algorithms::shortest::{Path, a_star, dijkstra, k_shortest};
use retrograph_graph::column::Column;
use retrograph_graph::value::{Path as PathValue, Value};

use self::projection::{Guard, Keep, Projection};
use self::settings::Settings;
use super::{CallContext, Procedure, Rows, wrong_type};
use crate::error::{QueryError, RuntimeError};
use crate::types::Type;

/// The radius of the sphere that distances are estimated on, in metres: the least of the Earth's, so that
/// an estimate is never too great.
const EARTH_RADIUS_M: f64 = 6_356_752.0;

/// What computes the rows of an algorithm.
type Body = fn(&CallContext<'_>, &[Value]) -> Result<Rows, QueryError>;

/// The procedures.
pub(super) fn procedures() -> Vec<Procedure> {
    let node = ("node", Type::Node);
    let score = ("score", Type::Float);
    let community = ("community", Type::Integer);
    let component = ("component", Type::Integer);
    let path = ("path", Type::Path);
    let weight = ("weight", Type::Float);
    vec![
        algorithm(
            "algo.wcc",
            "Weakly connected components.",
            &[],
            &[node.clone(), component.clone()],
            |context, arguments| {
                let of = Run::new("algo.wcc", context, arguments.first(), &["labels", "types"])?;
                let (projection, mut guard) = of.project(Orientation::Along, Keep::Structure)?;
                let found = weak(&projection.graph, &mut guard)?;
                Ok(numbered(projection, found))
            },
        ),
        algorithm(
            "algo.scc",
            "Strongly connected components.",
            &[],
            &[node.clone(), component],
            |context, arguments| {
                let of = Run::new("algo.scc", context, arguments.first(), &["labels", "types"])?;
                let (projection, mut guard) = of.project(Orientation::Along, Keep::Structure)?;
                let found = strong(&projection.graph, &mut guard)?;
                Ok(numbered(projection, found))
            },
        ),
        algorithm(
            "algo.pageRank",
            "PageRank, personalised by `sources`.",
            &[],
            &[node.clone(), score.clone()],
            ranks,
        ),
        algorithm(
            "algo.betweenness",
            "Betweenness centrality, from `samples` nodes if given.",
            &[],
            &[node.clone(), score],
            betweennesses,
        ),
        algorithm(
            "algo.louvain",
            "Communities of high modularity, each connected.",
            &[],
            &[node.clone(), community.clone()],
            |context, arguments| {
                let known = [
                    "labels",
                    "types",
                    "weight",
                    "defaultWeight",
                    "resolution",
                    "seed",
                ];
                let of = Run::new("algo.louvain", context, arguments.first(), &known)?;
                let options = community::Options {
                    resolution: of.settings.number("resolution", 1.0, (0.0, f64::MAX))?,
                    seed: of.settings.seed()?,
                };
                let (projection, mut guard) = of.project(Orientation::Both, Keep::Structure)?;
                let found = louvain(&projection.graph, options, &mut guard)?;
                Ok(numbered(projection, found))
            },
        ),
        algorithm(
            "algo.labelPropagation",
            "Communities by label propagation.",
            &[],
            &[node.clone(), community],
            |context, arguments| {
                let known = [
                    "labels",
                    "types",
                    "weight",
                    "defaultWeight",
                    "iterations",
                    "seed",
                ];
                let of = Run::new("algo.labelPropagation", context, arguments.first(), &known)?;
                let iterations = of.settings.count("iterations", 100, 1)?;
                let seed = of.settings.seed()?;
                let (projection, mut guard) = of.project(Orientation::Both, Keep::Structure)?;
                let found = label_propagation(&projection.graph, iterations, seed, &mut guard)?;
                Ok(numbered(projection, found))
            },
        ),
        algorithm(
            "algo.kCore",
            "The greatest k of which each node belongs to the k-core.",
            &[],
            &[node.clone(), ("core", Type::Integer)],
            |context, arguments| {
                let of = Run::new(
                    "algo.kCore",
                    context,
                    arguments.first(),
                    &["labels", "types"],
                )?;
                let (projection, mut guard) = of.project(Orientation::Both, Keep::Structure)?;
                let simple = projection.graph.simple(&mut guard)?;
                let found = cores(&simple, &mut guard)?;
                Ok(numbered(projection, found))
            },
        ),
        algorithm(
            "algo.triangles",
            "Triangles and the local clustering coefficient.",
            &[],
            &[
                node.clone(),
                ("triangles", Type::Integer),
                ("coefficient", Type::Float),
            ],
            corners,
        ),
        algorithm(
            "algo.distances",
            "The weight of the shortest path from a node to each that it reaches (Dijkstra).",
            &[("source", Type::Node)],
            &[node, weight.clone()],
            distances,
        ),
        algorithm(
            "algo.dijkstra",
            "The path of least weight between two nodes.",
            &[("source", Type::Node), ("target", Type::Node)],
            &[path.clone(), weight.clone()],
            |context, arguments| {
                let of = Run::new("algo.dijkstra", context, arguments.get(2), &WEIGHTED)?;
                let (projection, mut guard) = of.walk()?;
                let Some((start, end)) = of.ends(&projection, arguments)? else {
                    return Ok(paths(projection, Vec::new(), false));
                };
                let tree = dijkstra(&projection.graph, start, Some(end), &mut guard)?;
                Ok(paths(
                    projection,
                    tree.path_to(end).into_iter().collect(),
                    false,
                ))
            },
        ),
        algorithm(
            "algo.aStar",
            "The path of least weight between two nodes, led by their coordinates.",
            &[("source", Type::Node), ("target", Type::Node)],
            &[path.clone(), weight.clone()],
            led_path,
        ),
        algorithm(
            "algo.kShortestPaths",
            "The k paths of least weight between two nodes that pass no node twice (Yen).",
            &[
                ("source", Type::Node),
                ("target", Type::Node),
                ("k", Type::Integer),
            ],
            &[("index", Type::Integer), path, weight],
            |context, arguments| {
                let of = Run::new("algo.kShortestPaths", context, arguments.get(3), &WEIGHTED)?;
                let count = match arguments.get(2) {
                    Some(Value::Int(count)) if *count > 0 => {
                        usize::try_from(*count).unwrap_or(usize::MAX)
                    }
                    other => {
                        let other = other.cloned().unwrap_or_default();
                        return Err(of.settings.wrong("k", "a whole number from 1", &other));
                    }
                };
                let (projection, mut guard) = of.walk()?;
                let Some((start, end)) = of.ends(&projection, arguments)? else {
                    return Ok(paths(projection, Vec::new(), true));
                };
                let found = k_shortest(&projection.graph, start, end, count, &mut guard)?;
                Ok(paths(projection, found, true))
            },
        ),
    ]
}

/// The settings of walks by weight.
const WEIGHTED: [&str; 5] = ["labels", "types", "weight", "defaultWeight", "direction"];

/// A procedure with some parameters of its own and the settings behind them.
fn algorithm(
    name: &str,
    description: &str,
    parameters: &[(&str, Type)],
    results: &[(&str, Type)],
    body: Body,
) -> Procedure {
    let owned = |columns: &[(&str, Type)]| {
        columns
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), kind.clone()))
            .collect::<Vec<_>>()
    };
    let mut parameters = owned(parameters);
    let required = parameters.len();
    parameters.push(("settings".to_owned(), Type::Map));
    Procedure {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters,
        required,
        results: owned(results),
        body: Arc::new(move |context, arguments, _| {
            context.later = Some(body(context, arguments)?);
            Ok(())
        }),
    }
}

/// A call of an algorithm.
struct Run<'r, 'c> {
    context: &'r CallContext<'c>,
    settings: Settings<'r>,
}

impl<'r, 'c> Run<'r, 'c> {
    fn new(
        name: &'static str,
        context: &'r CallContext<'c>,
        settings: Option<&'r Value>,
        known: &[&'static str],
    ) -> Result<Self, QueryError> {
        let settings = Settings::new(name, settings, known)?;
        Ok(Self { context, settings })
    }

    fn project(
        &self,
        orientation: Orientation,
        keep: Keep,
    ) -> Result<(Projection, Guard<'c>), QueryError> {
        let mut guard = Guard::new(self.context);
        let projection =
            Projection::new(self.context, &self.settings, orientation, keep, &mut guard)?;
        Ok((projection, guard))
    }

    /// Projects for walks, in the direction of the settings.
    fn walk(&self) -> Result<(Projection, Guard<'c>), QueryError> {
        self.project(self.direction()?, Keep::Relationships)
    }

    fn direction(&self) -> Result<Orientation, QueryError> {
        match self.settings.get("direction") {
            None => Ok(Orientation::Along),
            Some(value) => match value {
                Value::String(name) if &**name == "outgoing" => Ok(Orientation::Along),
                Value::String(name) if &**name == "incoming" => Ok(Orientation::Against),
                Value::String(name) if &**name == "both" => Ok(Orientation::Both),
                other => {
                    let wanted = "'outgoing', 'incoming' or 'both'";
                    Err(self.settings.wrong("direction", wanted, other))
                }
            },
        }
    }

    /// Source and target; none if either is null.
    fn ends(
        &self,
        projection: &Projection,
        arguments: &[Value],
    ) -> Result<Option<(u32, u32)>, QueryError> {
        let [source, target, ..] = arguments else {
            return Ok(None);
        };
        if source.is_null() || target.is_null() {
            return Ok(None);
        }
        let start = projection.number(&self.settings, "source", source)?;
        let end = projection.number(&self.settings, "target", target)?;
        Ok(Some((start, end)))
    }
}

fn ranks(context: &CallContext<'_>, arguments: &[Value]) -> Result<Rows, QueryError> {
    let known = [
        "labels",
        "types",
        "weight",
        "defaultWeight",
        "direction",
        "damping",
        "iterations",
        "tolerance",
        "sources",
    ];
    let of = Run::new("algo.pageRank", context, arguments.first(), &known)?;
    let mut options = rank::Options {
        damping: of.settings.number("damping", 0.85, (0.0, 1.0))?,
        iterations: of.settings.count("iterations", 100, 1)?,
        tolerance: of.settings.number("tolerance", 1e-9, (0.0, 1.0))?,
        sources: Vec::new(),
    };
    let (projection, mut guard) = of.project(of.direction()?, Keep::Structure)?;
    match of.settings.get("sources") {
        None => {}
        Some(Value::List(sources)) if !sources.is_empty() => {
            for source in sources.iter() {
                let node = projection.number(&of.settings, "sources", source)?;
                options.sources.push((node, 1.0));
            }
        }
        Some(node @ Value::Node(_)) => {
            let node = projection.number(&of.settings, "sources", node)?;
            options.sources.push((node, 1.0));
        }
        Some(other) => return Err(of.settings.wrong("sources", "a node or nodes", other)),
    }
    let found = page_rank(&projection.graph, &options, &mut guard)?;
    Ok(scored(projection, found))
}

fn betweennesses(context: &CallContext<'_>, arguments: &[Value]) -> Result<Rows, QueryError> {
    let known = ["labels", "types", "direction", "samples", "seed"];
    let of = Run::new("algo.betweenness", context, arguments.first(), &known)?;
    let samples = match of.settings.get("samples") {
        None => None,
        Some(_) => Some(of.settings.count("samples", 1, 1)?),
    };
    let orientation = of.direction()?;
    let options = betweenness::Options {
        samples,
        seed: of.settings.seed()?,
        is_undirected: orientation == Orientation::Both,
    };
    let (projection, mut guard) = of.project(orientation, Keep::Structure)?;
    let simple = projection.graph.simple(&mut guard)?;
    let found = betweenness(&simple, options, &mut guard)?;
    Ok(scored(projection, found))
}

fn corners(context: &CallContext<'_>, arguments: &[Value]) -> Result<Rows, QueryError> {
    let of = Run::new(
        "algo.triangles",
        context,
        arguments.first(),
        &["labels", "types"],
    )?;
    let (projection, mut guard) = of.project(Orientation::Both, Keep::Structure)?;
    let simple = projection.graph.simple(&mut guard)?;
    let found = triangles(&simple, &mut guard)?;
    let bytes = projection.bytes() + simple.bytes() + found.len() * 8;
    let mut next = 0u32;
    Ok(Rows {
        bytes,
        next: Box::new(move || {
            let count = *found.get(next as usize)?;
            let node = next;
            next += 1;
            let degree = simple.neighbours(node).len();
            Some(vec![
                projection.node(node),
                Value::Int(i64::try_from(count).unwrap_or(i64::MAX)),
                Value::Float(clustering(count, degree)),
            ])
        }),
    })
}

fn distances(context: &CallContext<'_>, arguments: &[Value]) -> Result<Rows, QueryError> {
    let of = Run::new("algo.distances", context, arguments.get(1), &WEIGHTED)?;
    let (projection, mut guard) = of.project(of.direction()?, Keep::Structure)?;
    let found = match arguments.first() {
        None | Some(Value::Null) => Vec::new(),
        Some(source) => {
            let start = projection.number(&of.settings, "source", source)?;
            dijkstra(&projection.graph, start, None, &mut guard)?.distance
        }
    };
    let bytes = projection.bytes() + found.len() * 8;
    let mut reached = (0u32..)
        .zip(found)
        .filter(|(_, distance)| distance.is_finite());
    Ok(Rows {
        bytes,
        next: Box::new(move || {
            let (node, distance) = reached.next()?;
            Some(vec![projection.node(node), Value::Float(distance)])
        }),
    })
}

fn led_path(context: &CallContext<'_>, arguments: &[Value]) -> Result<Rows, QueryError> {
    let known = [
        "labels",
        "types",
        "weight",
        "defaultWeight",
        "direction",
        "latitude",
        "longitude",
        "x",
        "y",
    ];
    let of = Run::new("algo.aStar", context, arguments.get(2), &known)?;
    let geographic = (
        of.settings.name("latitude")?,
        of.settings.name("longitude")?,
    );
    let plane = (of.settings.name("x")?, of.settings.name("y")?);
    let (keys, is_geographic) = match (geographic, plane) {
        ((Some(latitude), Some(longitude)), (None, None)) => ([latitude, longitude], true),
        ((None, None), (Some(x), Some(y))) => ([x, y], false),
        _ => {
            return Err(RuntimeError::argument(
                "algo.aStar() takes the names of the properties with coordinates: `latitude` and \
                 `longitude` in degrees for weights in metres, or `x` and `y`",
            )
            .into());
        }
    };
    let (projection, mut guard) = of.walk()?;
    let Some((start, end)) = of.ends(&projection, arguments)? else {
        return Ok(paths(projection, Vec::new(), false));
    };
    let places = coordinates(context, &projection, keys)?;
    let goal = places[end as usize];
    let estimate = |node: u32| match (places[node as usize], goal) {
        (Some(from), Some(to)) if is_geographic => arc_m(from, to),
        (Some((x, y)), Some((goal_x, goal_y))) => (x - goal_x).hypot(y - goal_y),
        // Without coordinates nothing is known of the distance.
        _ => 0.0,
    };
    let found = a_star(&projection.graph, start, end, &estimate, &mut guard)?;
    Ok(paths(projection, found.into_iter().collect(), false))
}

/// Two properties of each node, where both are numbers.
fn coordinates(
    context: &CallContext<'_>,
    projection: &Projection,
    keys: [&str; 2],
) -> Result<Vec<Option<(f64, f64)>>, QueryError> {
    let catalog = context.read.catalog();
    let mut columns = [Column::default(), Column::default()];
    (context.check)(projection.bytes() + projection.nodes.len() * 40)?;
    for (column, name) in columns.iter_mut().zip(keys) {
        match catalog.key(name) {
            Some(key) => context
                .read
                .node_properties(&projection.nodes, key, column)?,
            None => return Ok(vec![None; projection.nodes.len()]),
        }
    }
    let number = |value: Value| match value {
        Value::Int(number) => Some(number as f64),
        Value::Float(number) => Some(number).filter(|number| number.is_finite()),
        _ => None,
    };
    Ok((0..projection.nodes.len())
        .map(|row| Some((number(columns[0].get(row))?, number(columns[1].get(row))?)))
        .collect())
}

/// The great-circle distance between two places given as latitude and longitude in degrees.
fn arc_m((latitude, longitude): (f64, f64), (to_latitude, to_longitude): (f64, f64)) -> f64 {
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let share = half(latitude, to_latitude)
        + latitude.to_radians().cos()
            * to_latitude.to_radians().cos()
            * half(longitude, to_longitude);
    2.0 * EARTH_RADIUS_M * share.clamp(0.0, 1.0).sqrt().asin()
}

/// A row for each node with a number.
fn numbered(projection: Projection, found: Vec<u32>) -> Rows {
    by_node(projection, found, |number| Value::Int(i64::from(number)))
}

/// A row for each node with a score.
fn scored(projection: Projection, found: Vec<f64>) -> Rows {
    by_node(projection, found, Value::Float)
}

fn by_node<T: Copy + 'static>(
    projection: Projection,
    found: Vec<T>,
    value: impl Fn(T) -> Value + 'static,
) -> Rows {
    let mut next = 0u32;
    Rows {
        bytes: projection.nodes.len() * 8 + found.len() * size_of::<T>() + projection.graph.bytes(),
        next: Box::new(move || {
            let found = *found.get(next as usize)?;
            let node = projection.node(next);
            next += 1;
            Some(vec![node, value(found)])
        }),
    }
}

/// A row for each path, with its number if it is asked for.
fn paths(projection: Projection, found: Vec<Path>, with_index: bool) -> Rows {
    let steps: usize = found.iter().map(|path| path.places.len()).sum();
    let mut left = found.into_iter().enumerate();
    Rows {
        bytes: projection.bytes() + steps * size_of::<usize>(),
        next: Box::new(move || {
            let (index, path) = left.next()?;
            let mut node = path.start;
            let mut nodes = vec![projection.nodes[node as usize]];
            let mut relationships = Vec::with_capacity(path.places.len());
            for place in &path.places {
                relationships.push(projection.relationship(projection.graph.edge(*place), node));
                node = projection.graph.neighbour(*place);
                nodes.push(projection.nodes[node as usize]);
            }
            let value = PathValue {
                nodes,
                relationships,
                view: projection.view,
            };
            let mut row = Vec::with_capacity(3);
            if with_index {
                row.push(Value::Int(i64::try_from(index).unwrap_or(i64::MAX)));
            }
            row.extend([Value::Path(Arc::new(value)), Value::Float(path.weight)]);
            Some(row)
        }),
    }
}
