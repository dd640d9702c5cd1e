//! Finds functions and aggregates by name.
//!
//! The tables are built once, when the first name is looked up; a function then has a fixed address,
//! which is what plans keep. Names are compared without regard to ASCII case.

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::{Aggregator, Function, Parameter, ScalarBody};
use super::{apoc, conversion, graph, lists, math, spatial, strings, temporal, vector};
use crate::types::Type;

/// An aggregating function as the binder sees it.
#[derive(Debug)]
pub struct AggregateFunction {
    /// The name as documented; looked up without regard to case.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub description: &'static str,
    /// The parameters; all must be given. `count(*)` is a form of its own, [`Aggregator::CountRows`].
    pub parameters: &'static [Parameter],
    /// The type of the result.
    pub returns: Type,
    /// What the executor runs.
    pub aggregator: Aggregator,
}

struct Registry {
    /// Sorted by name.
    scalars: Vec<Function>,
    scalar_by_name: HashMap<String, usize, foldhash::fast::FixedState>,
    /// Sorted by name.
    aggregates: Vec<AggregateFunction>,
}

/// What GQL calls functions that Cypher has under another name.
const GQL_NAMES: &[(&str, &str)] = &[
    ("ceiling", "ceil"),
    ("ln", "log"),
    ("path_length", "length"),
    ("duration_between", "duration.between"),
    ("local_time", "localtime"),
    ("zoned_time", "time"),
    ("local_datetime", "localdatetime"),
    ("zoned_datetime", "datetime"),
];

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let mut scalars = Vec::new();
    for functions in [
        apoc::functions(),
        conversion::functions(),
        graph::functions(),
        lists::functions(),
        math::functions(),
        spatial::functions(),
        strings::functions(),
        temporal::functions(),
        vector::functions(),
    ] {
        scalars.extend(functions);
    }
    let aliases: Vec<Function> = GQL_NAMES
        .iter()
        .filter_map(|(name, of)| {
            let function = scalars.iter().find(|function| function.name == *of)?;
            Some(function.alias(name))
        })
        .collect();
    scalars.extend(aliases);
    scalars.sort_by_cached_key(|function| function.name.to_ascii_lowercase());
    let scalar_by_name = scalars
        .iter()
        .enumerate()
        .map(|(place, function)| (function.name.to_ascii_lowercase(), place))
        .collect();
    Registry {
        scalars,
        scalar_by_name,
        aggregates: aggregate_functions(),
    }
});

/// The scalar function of this name, in any case.
#[must_use]
pub fn scalar(name: &str) -> Option<&'static Function> {
    let registry = &*REGISTRY;
    let place = *registry.scalar_by_name.get(&name.to_ascii_lowercase())?;
    registry.scalars.get(place)
}

/// The aggregating function of this name, in any case.
#[must_use]
pub fn aggregate(name: &str) -> Option<&'static AggregateFunction> {
    REGISTRY
        .aggregates
        .iter()
        .find(|function| function.name.eq_ignore_ascii_case(name))
}

/// All scalar functions by name: for SHOW FUNCTIONS, suggestions and the reference.
#[must_use]
pub fn all() -> &'static [Function] {
    &REGISTRY.scalars
}

/// The group in which SHOW FUNCTIONS lists a scalar function.
#[must_use]
pub fn category(name: &str) -> &'static str {
    static CATEGORIES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
        let groups = [
            ("List", lists::functions()),
            ("Numeric", math::functions()),
            ("Spatial", spatial::functions()),
            ("String", strings::functions()),
            ("Temporal", temporal::functions()),
            ("Vector", vector::functions()),
        ];
        groups
            .into_iter()
            .flat_map(|(group, functions)| {
                functions
                    .into_iter()
                    .map(move |function| (function.name, group))
            })
            .collect()
    });
    CATEGORIES.get(name).copied().unwrap_or("Scalar")
}

/// All aggregating functions by name.
#[must_use]
pub fn aggregates() -> &'static [AggregateFunction] {
    &REGISTRY.aggregates
}

/// A parameter that takes any of these types.
pub(super) fn parameter<const N: usize>(name: &'static str, accepts: [Type; N]) -> Parameter {
    // The registry is built once and lives as long as the process, so its parts may as well.
    Parameter {
        name,
        accepts: Vec::from(accepts).leak(),
    }
}

/// A function of so many required parameters that returns null as soon as an argument is null.
pub(super) fn function<const N: usize>(
    name: &'static str,
    description: &'static str,
    parameters: [Parameter; N],
    returns: Type,
    body: ScalarBody,
) -> Function {
    Function {
        name,
        description,
        parameters: Vec::from(parameters).leak(),
        required: N,
        variadic: false,
        returns,
        null_propagates: true,
        is_deterministic: true,
        body,
    }
}

impl Function {
    /// The same with the last `count` parameters optional.
    pub(super) fn optional(mut self, count: usize) -> Self {
        self.required = self.parameters.len() - count;
        self
    }

    /// The same with a body that sees null arguments.
    pub(super) fn sees_null(mut self) -> Self {
        self.null_propagates = false;
        self
    }

    /// The same, but giving a new result at each call of an execution.
    pub(super) fn volatile(mut self) -> Self {
        self.is_deterministic = false;
        self
    }

    /// The same under another name.
    pub(super) fn alias(&self, name: &'static str) -> Self {
        Self {
            name,
            description: self.description,
            parameters: self.parameters,
            required: self.required,
            variadic: self.variadic,
            returns: self.returns.clone(),
            null_propagates: self.null_propagates,
            is_deterministic: self.is_deterministic,
            body: self.body,
        }
    }

    /// The signature as documentation shows it: `left(original :: STRING, length :: INTEGER) :: STRING`.
    #[must_use]
    pub fn signature(&self) -> String {
        signature(
            self.name,
            self.parameters,
            self.required,
            self.variadic,
            &self.returns,
        )
    }
}

impl AggregateFunction {
    /// The signature as documentation shows it.
    #[must_use]
    pub fn signature(&self) -> String {
        signature(
            self.name,
            self.parameters,
            self.parameters.len(),
            false,
            &self.returns,
        )
    }
}

fn signature(
    name: &str,
    parameters: &[Parameter],
    required: usize,
    variadic: bool,
    returns: &Type,
) -> String {
    let mut out = format!("{name}(");
    for (place, parameter) in parameters.iter().enumerate() {
        if place >= required {
            out.push('[');
        }
        if place > 0 {
            out.push_str(", ");
        }
        let types: Vec<String> = parameter.accepts.iter().map(Type::to_string).collect();
        out.push_str(&format!("{} :: {}", parameter.name, types.join(" | ")));
    }
    if variadic {
        out.push_str(", …");
    }
    for _ in required..parameters.len() {
        out.push(']');
    }
    out.push_str(&format!(") :: {returns}"));
    out
}

fn aggregate_functions() -> Vec<AggregateFunction> {
    fn entry<const N: usize>(
        name: &'static str,
        description: &'static str,
        parameters: [Parameter; N],
        returns: Type,
        aggregator: Aggregator,
    ) -> AggregateFunction {
        let parameters = Vec::from(parameters).leak();
        AggregateFunction {
            name,
            description,
            parameters,
            returns,
            aggregator,
        }
    }
    let any = || parameter("expression", [Type::Any]);
    let summable = || parameter("expression", [Type::Number, Type::Duration]);
    let number = || parameter("expression", [Type::Number]);
    let percentile = || parameter("percentile", [Type::Number]);
    vec![
        entry(
            "avg",
            "The mean of the numbers or durations; null if there are none.",
            [summable()],
            Type::Any,
            Aggregator::Avg,
        ),
        entry(
            "collect",
            "The list of the values that are not null.",
            [any()],
            Type::list(),
            Aggregator::Collect,
        ),
        entry(
            "collect_list",
            "The list of the values that are not null.",
            [any()],
            Type::list(),
            Aggregator::Collect,
        ),
        entry(
            "count",
            "The number of values that are not null; count(*) counts rows.",
            [any()],
            Type::Integer,
            Aggregator::Count,
        ),
        entry(
            "max",
            "The greatest of the values in the order of ORDER BY; null if there are none.",
            [any()],
            Type::Any,
            Aggregator::Max,
        ),
        entry(
            "min",
            "The least of the values in the order of ORDER BY; null if there are none.",
            [any()],
            Type::Any,
            Aggregator::Min,
        ),
        entry(
            "percentile_cont",
            "The number at a percentile between 0 and 1, interpolated between its neighbours.",
            [number(), percentile()],
            Type::Float,
            Aggregator::PercentileCont,
        ),
        entry(
            "percentile_disc",
            "The nearest of the numbers to a percentile between 0 and 1.",
            [number(), percentile()],
            Type::Number,
            Aggregator::PercentileDisc,
        ),
        entry(
            "percentileCont",
            "The number at a percentile between 0 and 1, interpolated between its neighbours.",
            [number(), percentile()],
            Type::Float,
            Aggregator::PercentileCont,
        ),
        entry(
            "percentileDisc",
            "The nearest of the numbers to a percentile between 0 and 1.",
            [number(), percentile()],
            Type::Number,
            Aggregator::PercentileDisc,
        ),
        entry(
            "stdev_pop",
            "The standard deviation of a whole population; 0 for fewer than two numbers.",
            [number()],
            Type::Float,
            Aggregator::StDevP,
        ),
        entry(
            "stdev_samp",
            "The standard deviation of a sample; 0 for fewer than two numbers.",
            [number()],
            Type::Float,
            Aggregator::StDev,
        ),
        entry(
            "stDev",
            "The standard deviation of a sample; 0 for fewer than two numbers.",
            [number()],
            Type::Float,
            Aggregator::StDev,
        ),
        entry(
            "stDevP",
            "The standard deviation of a whole population; 0 for fewer than two numbers.",
            [number()],
            Type::Float,
            Aggregator::StDevP,
        ),
        entry(
            "sum",
            "The sum of the numbers or durations; 0 if there are none.",
            [summable()],
            Type::Any,
            Aggregator::Sum,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(scalar("TOINTEGER").map(|f| f.name), Some("toInteger"));
        assert_eq!(
            scalar("Duration.inSeconds").map(|f| f.name),
            Some("duration.inSeconds")
        );
        assert_eq!(
            aggregate("stdevp").map(|f| f.aggregator),
            Some(Aggregator::StDevP)
        );
        assert!(scalar("count").is_none());
        assert!(scalar("noSuchFunction").is_none());
    }

    #[test]
    fn no_name_is_taken_twice() {
        let mut names: Vec<String> = all().iter().map(|f| f.name.to_ascii_lowercase()).collect();
        names.extend(aggregates().iter().map(|f| f.name.to_ascii_lowercase()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_signature_shows_what_is_optional() {
        let substring = scalar("substring").expect("registered").signature();
        assert_eq!(
            substring,
            "substring(original :: STRING, start :: INTEGER[, length :: INTEGER]) :: STRING"
        );
    }
}
