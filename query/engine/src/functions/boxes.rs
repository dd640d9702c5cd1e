//! Boxes that hold all points that a test of places could accept, for seeks in point indexes.
//!
//! A box may hold more, since the test judges every point that is found, but never less: distances
//! are taken a little too long, by more than the rounding of `point.distance`.

use std::f64::consts::{FRAC_PI_2, PI};

use retrograph_graph::PointBox;
use retrograph_graph::value::Point;

use super::spatial::{EARTH_RADIUS_M, is_geographic};

/// Distances are stretched by this part, angles on the earth by so many radians (0.6 m).
const STRETCH: f64 = 1.0 + 1e-9;
const ANGLE_MARGIN: f64 = 1e-7;

/// The boxes of `point.withinBBox`; none for points of different systems.
pub(crate) fn boxes_between(lower: &Point, upper: &Point) -> Vec<PointBox> {
    if lower.srid != upper.srid || lower.dimensions != upper.dimensions {
        return Vec::new();
    }
    let whole = PointBox {
        srid: lower.srid,
        dimensions: lower.dimensions,
        lower: lower.coordinates,
        upper: upper.coordinates,
    };
    match is_geographic(lower) && whole.lower[0] > whole.upper[0] {
        true => across_date_line(&whole),
        false => vec![whole],
    }
}

/// The two boxes of one whose west lies east of its east.
fn across_date_line(whole: &PointBox) -> Vec<PointBox> {
    let (mut east, mut west) = (*whole, *whole);
    east.upper[0] = f64::INFINITY;
    west.lower[0] = f64::NEG_INFINITY;
    vec![west, east]
}

/// Boxes around a point with all that is at most so far away.
pub(crate) fn boxes_around(center: &Point, radius: f64) -> Vec<PointBox> {
    if radius.is_nan() || radius < 0.0 {
        return Vec::new();
    }
    let radius = radius * STRETCH;
    let mut lower = center.coordinates.map(|at| (at - radius).next_down());
    let mut upper = center.coordinates.map(|at| (at + radius).next_up());
    let make = |lower, upper| PointBox {
        srid: center.srid,
        dimensions: center.dimensions,
        lower,
        upper,
    };
    if !is_geographic(center) {
        return vec![make(lower, upper)];
    }
    (lower[0], upper[0]) = (f64::NEG_INFINITY, f64::INFINITY);
    (lower[1], upper[1]) = (f64::NEG_INFINITY, f64::INFINITY);
    // A distance is measured at the mean of the two heights, and no height differs by more than it.
    let least_radius = match center.dimensions {
        3 => EARTH_RADIUS_M + center.coordinates[2] - radius / 2.0,
        _ => EARTH_RADIUS_M,
    };
    let angle = radius / least_radius + ANGLE_MARGIN;
    if least_radius <= 0.0 || angle >= PI {
        return vec![make(lower, upper)];
    }
    let latitude = center.coordinates[1].to_radians();
    lower[1] = (latitude - angle).to_degrees();
    upper[1] = (latitude + angle).to_degrees();
    if latitude.abs() + angle >= FRAC_PI_2 {
        // A pole is inside, and so are all longitudes.
        return vec![make(lower, upper)];
    }
    let reach = angle.sin() / latitude.cos();
    let aside = (reach.min(1.0).asin() + ANGLE_MARGIN).to_degrees();
    let (west, east) = (center.coordinates[0] - aside, center.coordinates[0] + aside);
    if aside >= 180.0 {
        return vec![make(lower, upper)];
    }
    (lower[0], upper[0]) = (west, east);
    if west < -180.0 {
        lower[0] = west + 360.0;
        return across_date_line(&make(lower, upper));
    }
    if east > 180.0 {
        upper[0] = east - 360.0;
        return across_date_line(&make(lower, upper));
    }
    vec![make(lower, upper)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retrograph_graph::value::Value;
    use std::sync::Arc;

    use super::super::testing::eval;
    use super::*;

    fn point(srid: u32, coordinates: [f64; 3], dimensions: u8) -> Point {
        Point {
            srid,
            coordinates,
            dimensions,
        }
    }

    fn holds(boxes: &[PointBox], point: &Point) -> bool {
        boxes.iter().any(|one| {
            (0..usize::from(one.dimensions))
                .all(|axis| (one.lower[axis]..=one.upper[axis]).contains(&point.coordinates[axis]))
        })
    }

    /// Coordinates that lie on the edges of the earth rather often.
    fn place() -> impl Strategy<Value = [f64; 3]> {
        let longitude = prop_oneof![
            3 => -180.0..=180.0_f64,
            1 => prop::sample::select(vec![-180.0, 180.0, 179.9999, -179.9999, 0.0]),
        ];
        let latitude = prop_oneof![
            3 => -90.0..=90.0_f64,
            1 => prop::sample::select(vec![-90.0, 90.0, 89.9999, -89.9999, 0.0]),
        ];
        (longitude, latitude, -1e4..1e6_f64).prop_map(|(x, y, z)| [x, y, z])
    }

    proptest! {
        #[test]
        fn no_point_that_is_near_is_outside(
            center in place(),
            other in place(),
            system in prop::sample::select(vec![(4326, 2), (4979, 3), (7203, 2), (9157, 3)]),
            factor in prop::sample::select(vec![1.0, 1.5, 0.99, 3.0]),
        ) {
            let flat = |at: [f64; 3]| match system.1 {
                2 => [at[0], at[1], 0.0],
                _ => at,
            };
            let center = point(system.0, flat(center), system.1);
            let other = point(system.0, flat(other), system.1);
            let arguments = [&other, &center].map(|one| Value::Point(Arc::new(one.clone())));
            let Ok(Value::Float(distance)) = eval("point.distance", &arguments) else {
                panic!("a distance");
            };
            let radius = distance * factor;
            let boxes = boxes_around(&center, radius);
            prop_assert!(distance > radius || holds(&boxes, &other), "{boxes:?}");
        }

        #[test]
        fn boxes_are_those_of_the_function(
            lower in place(),
            upper in place(),
            other in place(),
            system in prop::sample::select(vec![(4326, 2), (4979, 3), (7203, 2), (9157, 3)]),
        ) {
            let [lower, upper, other] = [lower, upper, other].map(|at| point(system.0, at, system.1));
            let arguments = [&other, &lower, &upper].map(|one| Value::Point(Arc::new(one.clone())));
            let Ok(Value::Bool(inside)) = eval("point.withinBBox", &arguments) else {
                panic!("a truth value");
            };
            prop_assert_eq!(holds(&boxes_between(&lower, &upper), &other), inside);
        }
    }

    #[test]
    fn nothing_is_nearer_than_nothing() {
        let center = point(4326, [180.0, 89.0, 0.0], 2);
        assert!(boxes_around(&center, -1.0).is_empty());
        assert!(boxes_around(&center, f64::NAN).is_empty());
        assert!(boxes_between(&center, &point(7203, [0.0; 3], 2)).is_empty());
        let small = boxes_around(&point(4326, [8.5, 47.4, 0.0], 2), 1000.0);
        assert_eq!(small.len(), 1);
        assert!(small[0].upper[0] - small[0].lower[0] < 0.03);
        assert_eq!(
            boxes_around(&point(4326, [180.0, 0.0, 0.0], 2), 1000.0).len(),
            2
        );
    }
}
