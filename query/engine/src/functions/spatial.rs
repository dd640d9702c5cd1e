//! Points and distances between them.
//!
//! Four reference systems are known: WGS 84 in two and three dimensions (EPSG 4326 and 4979) and
//! Cartesian planes and spaces (7203 and 9157).

use std::sync::Arc;

use retrograph_graph::value::{Map, Point, Value};

use super::registry::{function, parameter};
use super::{CallContext, Function, out_of_range, text, wrong_type};
use crate::error::{QueryError, RuntimeError};
use crate::types::Type;

type Outcome = Result<Value, QueryError>;

/// A coordinate reference system.
#[derive(Debug)]
struct System {
    srid: u32,
    name: &'static str,
    dimensions: u8,
    is_geographic: bool,
}

static SYSTEMS: [System; 4] = [
    System {
        srid: 4326,
        name: "wgs-84",
        dimensions: 2,
        is_geographic: true,
    },
    System {
        srid: 4979,
        name: "wgs-84-3d",
        dimensions: 3,
        is_geographic: true,
    },
    System {
        srid: 7203,
        name: "cartesian",
        dimensions: 2,
        is_geographic: false,
    },
    System {
        srid: 9157,
        name: "cartesian-3d",
        dimensions: 3,
        is_geographic: false,
    },
];

/// The mean radius of the earth in metres.
pub(super) const EARTH_RADIUS_M: f64 = 6_371_008.8;

pub(super) fn functions() -> Vec<Function> {
    let point = |name| parameter(name, [Type::Point]);
    vec![
        function(
            "point",
            "A point from a map of x and y, or longitude and latitude, with z or height in three \
             dimensions, and crs or srid to name the reference system.",
            [parameter("input", [Type::Map])],
            Type::Point,
            make,
        ),
        function(
            "point.distance",
            "The distance of two points: in metres along the earth for WGS 84, Euclidean for \
             Cartesian points; null for points of different reference systems.",
            [point("from"), point("to")],
            Type::Float,
            distance,
        ),
        function(
            "point.withinBBox",
            "Whether a point lies in the box between a lower left and an upper right point, the \
             border included; null for points of different reference systems.",
            [point("point"), point("lowerLeft"), point("upperRight")],
            Type::Boolean,
            within_box,
        ),
    ]
}

fn system_of(point: &Point) -> Option<&'static System> {
    SYSTEMS.iter().find(|system| system.srid == point.srid)
}

/// Whether a point lies on the earth, where longitudes come round.
pub(super) fn is_geographic(point: &Point) -> bool {
    system_of(point).is_some_and(|system| system.is_geographic)
}

/// A component of a point by its name; null if it has none of this name.
pub(super) fn component(point: &Point, name: &str) -> Value {
    let system = system_of(point);
    let is_geographic = system.is_some_and(|system| system.is_geographic);
    let [x, y, z] = point.coordinates;
    match name {
        "x" => Value::Float(x),
        "y" => Value::Float(y),
        "z" if point.dimensions == 3 => Value::Float(z),
        "longitude" if is_geographic => Value::Float(x),
        "latitude" if is_geographic => Value::Float(y),
        "height" if is_geographic && point.dimensions == 3 => Value::Float(z),
        "srid" => Value::Int(point.srid.into()),
        "crs" => system.map_or(Value::Null, |system| text(system.name)),
        _ => Value::Null,
    }
}

fn make(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let Value::Map(map) = &arguments[0] else {
        return Err(wrong_type("point", "a map", &arguments[0]));
    };
    point_of(map)
}

/// The point that a map of coordinates describes; null if one of them is null.
///
/// # Errors
/// If the map describes none.
pub fn point_of(map: &Map) -> Result<Value, QueryError> {
    const KEYS: [&str; 8] = [
        "x",
        "y",
        "z",
        "longitude",
        "latitude",
        "height",
        "crs",
        "srid",
    ];
    if let Some(unknown) = map.keys().find(|key| !KEYS.contains(&&***key)) {
        return Err(invalid(format!(
            "point() knows no component '{unknown}'; it takes {}",
            KEYS.join(", ")
        )));
    }
    if map.values().any(|value| matches!(value, Value::Null)) {
        return Ok(Value::Null);
    }
    let coordinate = |cartesian: &str, geographic: &str| -> Result<Option<f64>, QueryError> {
        if map.contains_key(cartesian) && map.contains_key(geographic) {
            return Err(invalid(format!(
                "point() takes either {cartesian} or {geographic}"
            )));
        }
        match map.get(cartesian).or_else(|| map.get(geographic)) {
            None => Ok(None),
            #[allow(clippy::cast_precision_loss)]
            Some(Value::Int(number)) => Ok(Some(*number as f64)),
            Some(Value::Float(number)) => Ok(Some(*number)),
            Some(other) => Err(wrong_type("point", "numbers as coordinates", other)),
        }
    };
    let (x, y, z) = (
        coordinate("x", "longitude")?,
        coordinate("y", "latitude")?,
        coordinate("z", "height")?,
    );
    let (Some(x), Some(y)) = (x, y) else {
        return Err(invalid(
            "point() needs x and y, or longitude and latitude".to_owned(),
        ));
    };
    let dimensions = if z.is_some() { 3 } else { 2 };
    let names_earth = ["longitude", "latitude", "height"]
        .iter()
        .any(|key| map.contains_key(*key));
    let system = match named_system(map)? {
        Some(system) => system,
        None => SYSTEMS
            .iter()
            .find(|system| system.is_geographic == names_earth && system.dimensions == dimensions)
            .ok_or_else(|| invalid("point() knows no such reference system".to_owned()))?,
    };
    if system.dimensions != dimensions {
        return Err(invalid(format!(
            "the reference system {} has {} dimensions, but {dimensions} coordinates were given",
            system.name, system.dimensions
        )));
    }
    if names_earth && !system.is_geographic {
        return Err(invalid(format!(
            "the reference system {} has x and y, not longitude and latitude",
            system.name
        )));
    }
    point_in(system.srid, [x, y, z.unwrap_or(0.0)], dimensions)
}

/// A point of a reference system whose dimensions are these.
///
/// # Errors
/// A coordinate is not finite, or a latitude out of range.
pub fn point_in(srid: u32, [x, y, z]: [f64; 3], dimensions: u8) -> Result<Value, QueryError> {
    let mut x = x;
    let is_geographic = SYSTEMS
        .iter()
        .any(|system| system.srid == srid && system.is_geographic);
    if is_geographic {
        if !(-90.0..=90.0).contains(&y) {
            return Err(out_of_range(format!(
                "a latitude is between -90 and 90, not {y}"
            )));
        }
        // Longitudes beyond the date line come round again.
        if x.is_finite() && !(-180.0..=180.0).contains(&x) {
            x = (x + 180.0).rem_euclid(360.0) - 180.0;
        }
    }
    if ![x, y, z].iter().all(|coordinate| coordinate.is_finite()) {
        return Err(out_of_range(
            "the coordinates of a point are finite numbers",
        ));
    }
    Ok(Value::Point(Arc::new(Point {
        srid,
        coordinates: [x, y, z],
        dimensions,
    })))
}

/// The reference system that a map names, if it does.
fn named_system(map: &Map) -> Result<Option<&'static System>, QueryError> {
    let by_name = match map.get("crs") {
        None => None,
        Some(Value::String(name)) => {
            let found = SYSTEMS
                .iter()
                .find(|system| system.name.eq_ignore_ascii_case(name));
            Some(found.ok_or_else(|| {
                let names: Vec<&str> = SYSTEMS.iter().map(|system| system.name).collect();
                invalid(format!(
                    "there is no crs '{name}'; there are {}",
                    names.join(", ")
                ))
            })?)
        }
        Some(other) => return Err(wrong_type("point", "a string as crs", other)),
    };
    let by_number = match map.get("srid") {
        None => None,
        Some(Value::Int(number)) => {
            let found = SYSTEMS
                .iter()
                .find(|system| i64::from(system.srid) == *number);
            Some(found.ok_or_else(|| {
                invalid(format!(
                    "there is no srid {number}; there are 4326, 4979, 7203 and 9157"
                ))
            })?)
        }
        Some(other) => return Err(wrong_type("point", "an integer as srid", other)),
    };
    if by_name.is_some() && by_number.is_some() {
        return Err(invalid("point() takes either crs or srid".to_owned()));
    }
    Ok(by_name.or(by_number))
}

fn invalid(message: String) -> QueryError {
    RuntimeError::argument(message).into()
}

/// Points as arguments; none if their reference systems differ.
fn points<'a, const N: usize>(
    name: &str,
    arguments: &'a [Value],
) -> Result<Option<[&'a Point; N]>, QueryError> {
    let mut points = Vec::with_capacity(N);
    for argument in arguments {
        match argument {
            Value::Point(point) => points.push(&**point),
            other => return Err(wrong_type(name, "points", other)),
        }
    }
    let alike = points.windows(2).all(|pair| pair[0].srid == pair[1].srid);
    Ok(if alike { points.try_into().ok() } else { None })
}

fn distance(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let Some([from, to]) = points::<2>("point.distance", arguments)? else {
        return Ok(Value::Null);
    };
    let difference = |axis: usize| to.coordinates[axis] - from.coordinates[axis];
    if !is_geographic(from) {
        return Ok(Value::Float(
            difference(0).hypot(difference(1)).hypot(difference(2)),
        ));
    }
    // The haversine formula, at the mean of the two heights; a flat slope where heights differ.
    let radians = |point: &Point, axis: usize| point.coordinates[axis].to_radians();
    let half_sine_squared = |angle: f64| (angle / 2.0).sin().powi(2);
    let across = half_sine_squared(radians(to, 1) - radians(from, 1))
        + radians(from, 1).cos()
            * radians(to, 1).cos()
            * half_sine_squared(radians(to, 0) - radians(from, 0));
    let mean_height = f64::midpoint(from.coordinates[2], to.coordinates[2]);
    let along = 2.0 * across.sqrt().min(1.0).asin() * (EARTH_RADIUS_M + mean_height);
    Ok(Value::Float(along.hypot(difference(2))))
}

fn within_box(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let Some([point, low, high]) = points::<3>("point.withinBBox", arguments)? else {
        return Ok(Value::Null);
    };
    let is_geographic = is_geographic(point);
    let is_between = |axis: usize| {
        let (low, high) = (low.coordinates[axis], high.coordinates[axis]);
        let at = point.coordinates[axis];
        if axis == 0 && is_geographic && low > high {
            // The box crosses the date line.
            return at >= low || at <= high;
        }
        low <= at && at <= high
    };
    Ok(Value::Bool(
        (0..usize::from(point.dimensions)).all(is_between),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{error_of, eval, evaluates};
    use super::*;
    use Value::{Float, Int, Null};

    fn point(entries: &[(&str, Value)]) -> Value {
        let map = Value::map(entries.iter().map(|(key, value)| (*key, value.clone())));
        eval("point", &[map]).expect("a point")
    }

    #[test]
    fn the_system_follows_from_the_names() {
        let cases = [
            (vec![("x", Int(1)), ("y", Int(2))], 7203, "cartesian"),
            (
                vec![("x", Int(1)), ("y", Int(2)), ("z", Int(3))],
                9157,
                "cartesian-3d",
            ),
            (
                vec![("longitude", Int(1)), ("latitude", Int(2))],
                4326,
                "wgs-84",
            ),
            (
                vec![
                    ("longitude", Int(1)),
                    ("latitude", Int(2)),
                    ("height", Int(3)),
                ],
                4979,
                "wgs-84-3d",
            ),
            (
                vec![("x", Int(1)), ("y", Int(2)), ("crs", text("WGS-84"))],
                4326,
                "wgs-84",
            ),
            (
                vec![("x", Int(1)), ("y", Int(2)), ("srid", Int(4326))],
                4326,
                "wgs-84",
            ),
        ];
        for (entries, srid, crs) in cases {
            let Value::Point(made) = point(&entries) else {
                panic!("no point")
            };
            assert_eq!(made.srid, srid);
            assert!(component(&made, "crs").same(&text(crs)));
            assert!(component(&made, "x").same(&Float(1.0)));
            assert!(component(&made, "nothing").same(&Null));
        }
        let Value::Point(east) = point(&[("longitude", Int(190)), ("latitude", Int(2))]) else {
            panic!("no point")
        };
        assert!(component(&east, "longitude").same(&Float(-170.0)));
    }

    #[test]
    fn distances_follow_the_table() {
        let origin = point(&[("x", Int(0)), ("y", Int(0))]);
        let other = point(&[("x", Int(3)), ("y", Int(4))]);
        let pole = point(&[("longitude", Int(0)), ("latitude", Int(90))]);
        let south = point(&[("longitude", Int(0)), ("latitude", Int(-90))]);
        evaluates(&[
            (
                "point.distance",
                vec![origin.clone(), other.clone()],
                Float(5.0),
            ),
            ("point.distance", vec![origin.clone(), pole.clone()], Null),
            ("point.distance", vec![origin.clone(), Null], Null),
            (
                "point.distance",
                vec![pole, south],
                Float(EARTH_RADIUS_M * std::f64::consts::PI),
            ),
            (
                "point.withinBBox",
                vec![origin.clone(), origin.clone(), other.clone()],
                Value::Bool(true),
            ),
            (
                "point.withinBBox",
                vec![other.clone(), origin.clone(), origin],
                Value::Bool(false),
            ),
        ]);
    }

    #[test]
    fn wrong_arguments_are_errors() {
        let argument = ("ArgumentError", "InvalidArgumentValue");
        let range = ("ArgumentError", "NumberOutOfRange");
        let kind = ("TypeError", "InvalidArgumentValue");
        let cases = [
            (vec![("x", Int(1))], argument),
            (vec![("x", Int(1)), ("y", Int(1)), ("w", Int(1))], argument),
            (
                vec![("x", Int(1)), ("y", Int(1)), ("crs", text("moon"))],
                argument,
            ),
            (
                vec![("x", Int(1)), ("y", Int(1)), ("srid", Int(1))],
                argument,
            ),
            (
                vec![("x", Int(1)), ("y", Int(1)), ("srid", Int(4979))],
                argument,
            ),
            (vec![("longitude", Int(1)), ("latitude", Int(91))], range),
            (vec![("x", Float(f64::NAN)), ("y", Int(1))], range),
            (vec![("x", text("a")), ("y", Int(1))], kind),
        ];
        for (entries, wanted) in cases {
            assert_eq!(
                error_of("point", &[Value::map(entries.clone())]),
                wanted,
                "{entries:?}"
            );
        }
        assert_eq!(error_of("point", &[Int(1)]), kind);
        assert_eq!(error_of("point.distance", &[Int(1), Int(2)]), kind);
        let with_null = Value::map([("x", Int(1)), ("y", Null)]);
        assert!(eval("point", &[with_null]).expect("null").same(&Null));
    }
}
