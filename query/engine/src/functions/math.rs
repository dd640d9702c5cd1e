//! Numeric functions.
//!
//! Results that are not exact are those of `f64` in Rust's standard library. `round` with a precision
//! works on the shortest decimal digits of its argument, so that `round(1.005, 2)` is `1.01`.

use super::registry::{function, parameter};
use super::{CallContext, Function, out_of_range, overflow, wrong_type};
use crate::error::{QueryError, RuntimeError};
use crate::types::Type;
use retrograph_graph::value::Value;

type Outcome = Result<Value, QueryError>;

/// Defines the body of a function from one float to another.
macro_rules! float_function {
    ($name:literal, $description:literal, $compute:expr) => {
        function(
            $name,
            $description,
            [parameter("input", [Type::Number])],
            Type::Float,
            |_, arguments| {
                let compute: fn(f64) -> f64 = $compute;
                Ok(Value::Float(compute(number($name, &arguments[0])?)))
            },
        )
    };
}

pub(super) fn functions() -> Vec<Function> {
    let number_parameter = || parameter("input", [Type::Number]);
    vec![
        function(
            "abs",
            "The absolute value of a number.",
            [number_parameter()],
            Type::Number,
            abs,
        ),
        function(
            "sign",
            "-1, 0 or 1, as the number is negative, zero or positive.",
            [number_parameter()],
            Type::Integer,
            sign,
        ),
        float_function!(
            "ceil",
            "The least whole number not below the argument.",
            f64::ceil
        ),
        float_function!(
            "floor",
            "The greatest whole number not above the argument.",
            f64::floor
        ),
        function(
            "round",
            "The nearest whole number, ties going up; with a precision, the nearest number with so \
             many decimal places, by one of the modes UP, DOWN, CEILING, FLOOR, HALF_UP (the \
             default), HALF_DOWN, HALF_EVEN.",
            [
                number_parameter(),
                parameter("precision", [Type::Integer]),
                parameter("mode", [Type::String]),
            ],
            Type::Float,
            round,
        )
        .optional(2),
        function(
            "rand",
            "A random number, at least 0 and below 1.",
            [],
            Type::Float,
            rand,
        )
        .volatile(),
        function(
            "e",
            "The base of natural logarithms.",
            [],
            Type::Float,
            |_, _| Ok(Value::Float(std::f64::consts::E)),
        ),
        function(
            "pi",
            "The ratio of a circle's circumference to its diameter.",
            [],
            Type::Float,
            |_, _| Ok(Value::Float(std::f64::consts::PI)),
        ),
        float_function!("exp", "e raised to the argument.", f64::exp),
        float_function!("log", "The natural logarithm; NaN below zero.", f64::ln),
        float_function!(
            "log10",
            "The logarithm to base 10; NaN below zero.",
            f64::log10
        ),
        float_function!("sqrt", "The square root; NaN below zero.", f64::sqrt),
        float_function!("sin", "The sine of an angle in radians.", f64::sin),
        float_function!("cos", "The cosine of an angle in radians.", f64::cos),
        float_function!("tan", "The tangent of an angle in radians.", f64::tan),
        float_function!("cot", "The cotangent of an angle in radians.", |x| 1.0
            / x.tan()),
        float_function!(
            "asin",
            "The angle in radians that has this sine.",
            f64::asin
        ),
        float_function!(
            "acos",
            "The angle in radians that has this cosine.",
            f64::acos
        ),
        float_function!(
            "atan",
            "The angle in radians that has this tangent.",
            f64::atan
        ),
        float_function!("sinh", "The hyperbolic sine.", f64::sinh),
        float_function!("cosh", "The hyperbolic cosine.", f64::cosh),
        float_function!("tanh", "The hyperbolic tangent.", f64::tanh),
        float_function!(
            "degrees",
            "An angle in radians as degrees.",
            f64::to_degrees
        ),
        float_function!(
            "radians",
            "An angle in degrees as radians.",
            f64::to_radians
        ),
        float_function!(
            "haversin",
            "Half the versine of an angle in radians.",
            |x| {
                let half = (x / 2.0).sin();
                half * half
            }
        ),
        function(
            "atan2",
            "The angle in radians of the point (x, y), in all four quadrants.",
            [
                parameter("y", [Type::Number]),
                parameter("x", [Type::Number]),
            ],
            Type::Float,
            |_, arguments| {
                let y = number("atan2", &arguments[0])?;
                Ok(Value::Float(y.atan2(number("atan2", &arguments[1])?)))
            },
        ),
        function(
            "isNaN",
            "Whether the number is NaN.",
            [number_parameter()],
            Type::Boolean,
            |_, arguments| Ok(Value::Bool(number("isNaN", &arguments[0])?.is_nan())),
        ),
    ]
}

/// An argument as a float.
fn number(name: &str, argument: &Value) -> Result<f64, QueryError> {
    match argument {
        #[allow(clippy::cast_precision_loss)]
        Value::Int(value) => Ok(*value as f64),
        Value::Float(value) => Ok(*value),
        other => Err(wrong_type(name, "a number", other)),
    }
}

fn abs(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    match &arguments[0] {
        Value::Int(value) => value
            .checked_abs()
            .map(Value::Int)
            .ok_or_else(|| overflow(format!("abs({value})"))),
        Value::Float(value) => Ok(Value::Float(value.abs())),
        other => Err(wrong_type("abs", "a number", other)),
    }
}

fn sign(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    match &arguments[0] {
        Value::Int(value) => Ok(Value::Int(value.signum())),
        Value::Float(value) if *value > 0.0 => Ok(Value::Int(1)),
        Value::Float(value) if *value < 0.0 => Ok(Value::Int(-1)),
        Value::Float(_) => Ok(Value::Int(0)),
        other => Err(wrong_type("sign", "a number", other)),
    }
}

fn rand(context: &mut CallContext<'_>, _: &[Value]) -> Outcome {
    // The upper 53 bits fill the mantissa evenly.
    #[allow(clippy::cast_precision_loss)]
    let numerator = ((context.random)() >> 11) as f64;
    Ok(Value::Float(numerator / (1_u64 << 53) as f64))
}

/// How `round` decides between two neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rounding {
    Up,
    Down,
    Ceiling,
    Floor,
    HalfUp,
    HalfDown,
    HalfEven,
}

impl Rounding {
    fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "UP" => Self::Up,
            "DOWN" => Self::Down,
            "CEILING" => Self::Ceiling,
            "FLOOR" => Self::Floor,
            "HALF_UP" => Self::HalfUp,
            "HALF_DOWN" => Self::HalfDown,
            "HALF_EVEN" => Self::HalfEven,
            _ => return None,
        })
    }

    /// Whether the magnitude grows, when `rest` (the digits dropped, not all zero) compares so with
    /// one half.
    fn grows(self, negative: bool, last_is_odd: bool, rest: std::cmp::Ordering) -> bool {
        match self {
            Self::Up => true,
            Self::Down => false,
            Self::Ceiling => !negative,
            Self::Floor => negative,
            Self::HalfUp => rest.is_ge(),
            Self::HalfDown => rest.is_gt(),
            Self::HalfEven => rest.is_gt() || (rest.is_eq() && last_is_odd),
        }
    }
}

fn round(_: &mut CallContext<'_>, arguments: &[Value]) -> Outcome {
    let value = number("round", &arguments[0])?;
    let Some(precision) = arguments.get(1) else {
        let floor = value.floor();
        // Not (value + 0.5).floor(): the sum may round up by itself.
        let up = value - floor >= 0.5;
        return Ok(Value::Float(if up { floor + 1.0 } else { floor }));
    };
    let Value::Int(places) = precision else {
        return Err(wrong_type("round", "an integer as precision", precision));
    };
    if *places < 0 {
        return Err(out_of_range(format!(
            "round() takes a precision of 0 or more, not {places}"
        )));
    }
    let mode = match arguments.get(2) {
        None => Rounding::HalfUp,
        Some(Value::String(name)) => Rounding::parse(name).ok_or_else(|| {
            RuntimeError::argument(format!(
                "round() knows no mode '{name}'; the modes are UP, DOWN, CEILING, FLOOR, HALF_UP, \
                 HALF_DOWN, HALF_EVEN"
            ))
        })?,
        Some(other) => return Err(wrong_type("round", "a string as mode", other)),
    };
    Ok(Value::Float(round_decimal(value, *places, mode)))
}

/// Rounds the shortest decimal form of a float to a number of places.
fn round_decimal(value: f64, places: i64, mode: Rounding) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    // d.ddd…e±x with the fewest digits that read back as the same number.
    let text = format!("{:e}", value.abs());
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return value;
    };
    let Ok(exponent) = exponent.parse::<i64>() else {
        return value;
    };
    let mut digits: Vec<u8> = mantissa
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|digit| digit - b'0')
        .collect();
    // The number of digits that stay: those before the point and `places` after it.
    let kept = exponent.saturating_add(1).saturating_add(places);
    if kept >= i64::try_from(digits.len()).unwrap_or(i64::MAX) {
        return value;
    }
    if kept < 0 {
        // Every digit lies beyond one place more than is kept: less than half.
        let grows = mode.grows(value < 0.0, false, std::cmp::Ordering::Less);
        let unit = if grows {
            format!("1e-{places}").parse().unwrap_or(0.0)
        } else {
            0.0_f64
        };
        return unit.copysign(value);
    }
    let kept = usize::try_from(kept).unwrap_or(0);
    let rest = &digits[kept..];
    let half = match rest[0].cmp(&5) {
        std::cmp::Ordering::Equal if rest[1..].iter().any(|digit| *digit > 0) => {
            std::cmp::Ordering::Greater
        }
        other => other,
    };
    let last_is_odd = kept > 0 && digits[kept - 1] % 2 == 1;
    let grows = rest.iter().any(|digit| *digit > 0) && mode.grows(value < 0.0, last_is_odd, half);
    digits.truncate(kept);
    let mut carried = 0;
    if grows {
        let mut place = kept;
        loop {
            if place == 0 {
                digits.insert(0, 1);
                carried = 1;
                break;
            }
            place -= 1;
            if digits[place] < 9 {
                digits[place] += 1;
                break;
            }
            digits[place] = 0;
        }
    }
    if digits.is_empty() {
        return 0.0_f64.copysign(value);
    }
    let mantissa: String = digits
        .iter()
        .map(|digit| char::from(b'0' + digit))
        .collect();
    let scale = exponent + 1 + carried - i64::try_from(digits.len()).unwrap_or(0);
    format!("{mantissa}e{scale}")
        .parse()
        .unwrap_or(value)
        .copysign(value)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{error_of, eval, evaluates};
    use super::*;

    #[test]
    fn results_follow_the_table() {
        evaluates(&[
            ("abs", vec![Value::Int(-1)], Value::Int(1)),
            ("abs", vec![Value::Float(-1.5)], Value::Float(1.5)),
            ("abs", vec![Value::Null], Value::Null),
            ("sign", vec![Value::Int(-7)], Value::Int(-1)),
            ("sign", vec![Value::Float(0.0)], Value::Int(0)),
            ("sign", vec![Value::Float(0.1)], Value::Int(1)),
            ("ceil", vec![Value::Float(0.1)], Value::Float(1.0)),
            ("ceil", vec![Value::Int(3)], Value::Float(3.0)),
            ("floor", vec![Value::Float(-0.1)], Value::Float(-1.0)),
            ("round", vec![Value::Float(2.5)], Value::Float(3.0)),
            ("round", vec![Value::Float(-1.5)], Value::Float(-1.0)),
            (
                "round",
                vec![Value::Float(0.499_999_999_999_999_94)],
                Value::Float(0.0),
            ),
            ("sqrt", vec![Value::Float(12.96)], Value::Float(3.6)),
            ("sqrt", vec![Value::Int(-1)], Value::Float(f64::NAN)),
            ("exp", vec![Value::Int(0)], Value::Float(1.0)),
            ("log", vec![Value::Int(1)], Value::Float(0.0)),
            ("log10", vec![Value::Int(100)], Value::Float(2.0)),
            ("sin", vec![Value::Int(0)], Value::Float(0.0)),
            ("cos", vec![Value::Int(0)], Value::Float(1.0)),
            ("tan", vec![Value::Int(0)], Value::Float(0.0)),
            ("cot", vec![Value::Int(0)], Value::Float(f64::INFINITY)),
            ("asin", vec![Value::Int(0)], Value::Float(0.0)),
            ("acos", vec![Value::Int(1)], Value::Float(0.0)),
            ("atan", vec![Value::Int(0)], Value::Float(0.0)),
            ("sinh", vec![Value::Int(0)], Value::Float(0.0)),
            ("cosh", vec![Value::Int(0)], Value::Float(1.0)),
            ("tanh", vec![Value::Int(0)], Value::Float(0.0)),
            (
                "atan2",
                vec![Value::Int(0), Value::Int(1)],
                Value::Float(0.0),
            ),
            ("atan2", vec![Value::Int(0), Value::Null], Value::Null),
            (
                "degrees",
                vec![Value::Float(std::f64::consts::PI)],
                Value::Float(180.0),
            ),
            (
                "radians",
                vec![Value::Int(180)],
                Value::Float(std::f64::consts::PI),
            ),
            ("haversin", vec![Value::Int(0)], Value::Float(0.0)),
            ("isNaN", vec![Value::Float(f64::NAN)], Value::Bool(true)),
            ("isNaN", vec![Value::Int(1)], Value::Bool(false)),
            ("e", vec![], Value::Float(std::f64::consts::E)),
            ("pi", vec![], Value::Float(std::f64::consts::PI)),
        ]);
    }

    #[test]
    fn round_keeps_decimal_places() {
        let cases = [
            (1.005, 2, "HALF_UP", 1.01),
            (-1.55, 1, "HALF_UP", -1.6),
            (-1.55, 1, "CEILING", -1.5),
            (-1.55, 1, "FLOOR", -1.6),
            (1.249, 1, "UP", 1.3),
            (1.251, 1, "DOWN", 1.2),
            (1.25, 1, "HALF_DOWN", 1.2),
            (1.25, 1, "HALF_EVEN", 1.2),
            (1.35, 1, "HALF_EVEN", 1.4),
            (9.99, 1, "HALF_UP", 10.0),
            (0.04, 1, "HALF_UP", 0.0),
            (0.05, 1, "HALF_UP", 0.1),
            (0.001, 1, "UP", 0.1),
            (0.6, 0, "HALF_UP", 1.0),
            (123.0, 2, "HALF_UP", 123.0),
            (1e300, 5, "HALF_UP", 1e300),
        ];
        for (value, places, mode, wanted) in cases {
            let mode_value = super::super::text(mode);
            let got = eval(
                "round",
                &[Value::Float(value), Value::Int(places), mode_value],
            );
            assert!(
                matches!(got, Ok(Value::Float(got)) if got == wanted),
                "round({value}, {places}, {mode}) = {got:?}, not {wanted}"
            );
        }
    }

    #[test]
    fn wrong_arguments_are_errors() {
        assert_eq!(
            error_of("abs", &[Value::Int(i64::MIN)]),
            ("ArithmeticError", "IntegerOverflow")
        );
        assert_eq!(
            error_of("sqrt", &[Value::Bool(true)]),
            ("TypeError", "InvalidArgumentValue")
        );
        assert_eq!(
            error_of("sign", &[Value::Bool(true)]),
            ("TypeError", "InvalidArgumentValue")
        );
        assert_eq!(
            error_of("round", &[Value::Float(1.0), Value::Int(-1)]),
            ("ArgumentError", "NumberOutOfRange")
        );
        assert_eq!(
            error_of(
                "round",
                &[Value::Float(1.0), Value::Int(1), super::super::text("x")]
            ),
            ("ArgumentError", "InvalidArgumentValue")
        );
    }

    #[test]
    fn rand_stays_below_one() {
        for _ in 0..100 {
            let got = eval("rand", &[]);
            assert!(
                matches!(got, Ok(Value::Float(x)) if (0.0..1.0).contains(&x)),
                "{got:?}"
            );
        }
    }
}
