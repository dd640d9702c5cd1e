//! Random graphs, statements and queries, as text.
//!
//! Most patterns and predicates are read off the graph they will be asked of: a walk over its elements
//! makes a pattern that the walk, its *witness*, matches, and values that are there make predicates
//! that hold for it. So most queries have rows. The rest is made up, so that there are also empty ones.
//!
//! Everything is decided by a seeded generator of random numbers, so a seed and a number name a query
//! for good. The text is well formed and well typed as far as types are known before running: what the
//! engine refuses to compile counts as a difference.
//!
//! Every element of the first graph has a property `i` of its own, so that rows show which elements
//! they hold.

mod expression;
mod graph;
mod pattern;
mod predicate;
mod query;
mod temporal;
mod update;

use std::sync::Arc;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use retrograph_engine::Parameters;
use retrograph_graph::value::Value;
use retrograph_graph::value::text::float_text;

use crate::reference::graph::MemoryGraph;

/// What a variable holds, as far as the generator needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A node.
    Node,
    /// A relationship.
    Relationship,
    /// A path.
    Path,
    /// An integer.
    Int,
    /// An integer or float.
    Number,
    /// A string.
    Text,
    /// A boolean.
    Bool,
    /// A date.
    Date,
    /// A time of day without offset.
    LocalTime,
    /// A date and time without zone.
    LocalDateTime,
    /// An instant.
    DateTime,
    /// A duration.
    Duration,
    /// A point.
    Point,
    /// A list.
    List(Box<Kind>),
    /// A list whose order is open.
    Bag(Box<Kind>),
    /// A map with the keys `a` and `b`.
    Map,
    /// Anything a property may hold.
    Any,
}

/// A variable in scope.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// The id of the element it stands for in a row that there probably is.
    pub witness: Option<u64>,
}

/// Makes text.
pub struct Generator {
    rng: ChaCha8Rng,
    /// What is in scope at this place.
    scope: Vec<Variable>,
    /// The number of names handed out.
    names: usize,
    /// Whether properties of one name have values of several types.
    is_mixed: bool,
    /// What is asked about.
    graph: Arc<MemoryGraph>,
    /// The relationships that the witness of the clause at hand uses.
    used: Vec<u64>,
    /// Whether patterns are made up rather than read off the graph.
    is_made_up: bool,
    /// Whether every repetition needs an upper bound.
    is_bounded: bool,
}

/// The labels in use; the last is never given to a node.
const LABELS: [&str; 4] = ["A", "B", "C", "D"];
/// The relationship types in use; the last is never given.
const TYPES: [&str; 4] = ["R", "S", "T", "U"];

impl Generator {
    /// A generator for a seed and the number of a query.
    #[must_use]
    pub fn new(seed: u64, number: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number);
        let is_mixed = rng.random_ratio(1, 2);
        Self {
            rng,
            scope: Vec::new(),
            names: 0,
            is_mixed,
            graph: Arc::default(),
            used: Vec::new(),
            is_made_up: true,
            is_bounded: false,
        }
    }

    /// Reads patterns and values off a graph from here on.
    pub fn look_at(&mut self, graph: Arc<MemoryGraph>) {
        self.graph = graph;
    }

    /// Makes properties of one name hold one type, or several.
    pub fn set_mixed(&mut self, is_mixed: bool) {
        self.is_mixed = is_mixed;
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    /// True in `times` of `of` cases.
    pub fn chance(&mut self, times: u32, of: u32) -> bool {
        self.rng.random_ratio(times, of)
    }

    /// One of some things.
    pub fn pick<'t, T: ?Sized>(&mut self, of: &[&'t T]) -> &'t T {
        of[self.below(of.len())]
    }

    fn name(&mut self, start: &str) -> String {
        self.names += 1;
        format!("{start}{}", self.names)
    }

    fn bind(&mut self, name: String, kind: Kind) {
        self.bind_element(name, kind, None);
    }

    fn bind_element(&mut self, name: String, kind: Kind, witness: Option<u64>) {
        self.scope.push(Variable {
            name,
            kind,
            witness,
        });
    }

    /// The names of the variables of a kind.
    fn of_kind(&self, wanted: impl Fn(&Kind) -> bool) -> Vec<String> {
        let variables = self.scope.iter().filter(|variable| wanted(&variable.kind));
        variables.map(|variable| variable.name.clone()).collect()
    }

    /// One of the variables of a kind.
    fn variable(&mut self, wanted: impl Fn(&Kind) -> bool) -> Option<String> {
        let names = self.of_kind(wanted);
        if names.is_empty() {
            return None;
        }
        let place = self.below(names.len());
        names.into_iter().nth(place)
    }

    /// Runs with a scope of its own, which ends with it.
    fn scoped<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        let outside = self.scope.clone();
        let made = make(self);
        self.scope = outside;
        made
    }
}

/// The parameters that generated queries use, by name.
#[must_use]
pub fn parameters() -> Parameters {
    let list = [1, 2, 3].map(Value::Int).to_vec();
    [
        ("int", Value::Int(2)),
        ("negative", Value::Int(-1)),
        ("float", Value::Float(1.5)),
        ("text", Value::string("ab")),
        ("truth", Value::Bool(true)),
        ("none", Value::Null),
        ("list", Value::list(list)),
        (
            "map",
            Value::map([
                (Arc::<str>::from("a"), Value::Int(1)),
                (Arc::<str>::from("b"), Value::string("x")),
            ]),
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The literal that stands for a value; none if there is none.
fn literal(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(float) if float.is_finite() => float_text(*float),
        Value::Float(float) if float.is_nan() => "(0.0 / 0.0)".to_owned(),
        Value::String(text) => {
            let text = text.replace('\\', "\\\\").replace('\'', "\\'");
            format!("'{text}'")
        }
        Value::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(literal).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Date(_) => format!("date('{}')", text_of(value)?),
        Value::LocalTime(_) => format!("localtime('{}')", text_of(value)?),
        Value::Time(_) => format!("time('{}')", text_of(value)?),
        Value::LocalDateTime(_) => format!("localdatetime('{}')", text_of(value)?),
        Value::DateTime(_) => format!("datetime('{}')", text_of(value)?),
        Value::Duration(_) => format!("duration('{}')", text_of(value)?),
        Value::Point(point) => {
            let [x, y, z] = point.coordinates.map(float_text);
            let height = match point.dimensions {
                3 => format!(", z: {z}"),
                _ => String::new(),
            };
            format!("point({{x: {x}, y: {y}{height}, srid: {}}})", point.srid)
        }
        _ => return None,
    })
}

/// The text of a temporal value, without quotes.
fn text_of(value: &Value) -> Option<String> {
    Some(match value {
        Value::Date(of) => of.to_string(),
        Value::LocalTime(of) => of.to_string(),
        Value::Time(of) => of.to_string(),
        Value::LocalDateTime(of) => of.to_string(),
        Value::DateTime(of) => of.to_string(),
        Value::Duration(of) => of.to_string(),
        _ => return None,
    })
}
