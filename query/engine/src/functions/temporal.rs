//! Functions on temporal values: a thin layer over [`retrograph_graph::value::temporal`], where their
//! meaning is defined.
//!
//! Without an argument the constructors read the clock of the statement, so that all of a statement
//! sees one time; `.transaction`, `.statement` and `.realtime` name the clock. Times are shown in UTC
//! unless a zone is given.

use std::sync::Arc;

use retrograph_graph::value::temporal::{
    self, DateTime, Duration, TemporalError, TemporalType, Zone,
};
use retrograph_graph::value::{Map, Value};

use super::registry::{function, parameter};
use super::{CallContext, Function, Parameter, ScalarBody, overflow, wrong_type};
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::types::Type;

type Outcome = Result<Value, QueryError>;

/// Which clock a function reads.
#[derive(Clone, Copy, Debug)]
enum Clock {
    Statement,
    Transaction,
    Realtime,
}

impl Clock {
    fn read(self, context: &CallContext<'_>) -> i64 {
        match self {
            Self::Statement => context.statement_time_us,
            Self::Transaction => context.transaction_time_us,
            Self::Realtime => (context.now_us)(),
        }
    }
}

/// The functions of one of the five types of points in time.
macro_rules! instants {
    ($name:literal, $article:literal, $returns:expr, $kind:expr) => {
        [
            function(
                $name,
                concat!(
                    "Makes ",
                    $article,
                    " from a string, a map of components or a temporal value; without an argument, \
                     from the time of the statement."
                ),
                [parameter("input", instant_input())],
                $returns,
                |context, arguments| construct($kind, context, arguments),
            )
            .optional(1),
            clocked(
                concat!($name, ".statement"),
                concat!(
                    "Now as ",
                    $article,
                    ", by the start of the statement, in a zone or UTC."
                ),
                $returns,
                |context, arguments| at_clock($kind, Clock::Statement, context, arguments),
            ),
            clocked(
                concat!($name, ".transaction"),
                concat!(
                    "Now as ",
                    $article,
                    ", by the start of the transaction, in a zone or UTC."
                ),
                $returns,
                |context, arguments| at_clock($kind, Clock::Transaction, context, arguments),
            ),
            clocked(
                concat!($name, ".realtime"),
                concat!("Now as ", $article, ", by the clock, in a zone or UTC."),
                $returns,
                |context, arguments| at_clock($kind, Clock::Realtime, context, arguments),
            )
            .volatile(),
            function(
                concat!($name, ".truncate"),
                concat!(
                    "A temporal value as ",
                    $article,
                    ", cut down to a unit such as 'month'; components of the map replace those cut \
                     off."
                ),
                [
                    parameter("unit", [Type::String]),
                    parameter("input", INSTANTS),
                    parameter("components", [Type::Map]),
                ],
                $returns,
                |context, arguments| truncate($kind, context, arguments),
            )
            .optional(2),
        ]
    };
}

const INSTANTS: [Type; 5] = [
    Type::Date,
    Type::LocalTime,
    Type::Time,
    Type::LocalDateTime,
    Type::DateTime,
];

fn instant_input() -> [Type; 7] {
    let [date, local_time, time, local_date_time, date_time] = INSTANTS;
    [
        Type::String,
        Type::Map,
        date,
        local_time,
        time,
        local_date_time,
        date_time,
    ]
}

pub(super) fn functions() -> Vec<Function> {
    let mut out = Vec::new();
    out.extend(instants!("date", "a date", Type::Date, TemporalType::Date));
    out.extend(instants!(
        "localtime",
        "a local time",
        Type::LocalTime,
        TemporalType::LocalTime
    ));
    out.extend(instants!(
        "time",
        "a time with offset",
        Type::Time,
        TemporalType::Time
    ));
    out.extend(instants!(
        "localdatetime",
        "a local date and time",
        Type::LocalDateTime,
        TemporalType::LocalDateTime
    ));
    out.extend(instants!(
        "datetime",
        "an instant",
        Type::DateTime,
        TemporalType::DateTime
    ));
    let integer = |name| -> Parameter { parameter(name, [Type::Integer]) };
    out.extend([
        function(
            "datetime.fromepoch",
            "The instant so many seconds and nanoseconds after 1970-01-01T00:00:00Z.",
            [integer("seconds"), integer("nanoseconds")],
            Type::DateTime,
            |_, arguments| {
                let seconds = number("datetime.fromepoch", &arguments[0])?;
                let nanoseconds = match arguments.get(1) {
                    Some(nanoseconds) => number("datetime.fromepoch", nanoseconds)?,
                    None => 0,
                };
                let instant = DateTime::from_epoch(seconds, nanoseconds).map_err(refused)?;
                Ok(Value::DateTime(Arc::new(instant)))
            },
        )
        .optional(1),
        function(
            "datetime.fromepochmillis",
            "The instant so many milliseconds after 1970-01-01T00:00:00Z.",
            [integer("milliseconds")],
            Type::DateTime,
            |_, arguments| {
                let milliseconds = number("datetime.fromepochmillis", &arguments[0])?;
                let instant = DateTime::from_epoch_millis(milliseconds).map_err(refused)?;
                Ok(Value::DateTime(Arc::new(instant)))
            },
        ),
        function(
            "timestamp",
            "Milliseconds from 1970-01-01T00:00:00Z to the start of the statement.",
            [],
            Type::Integer,
            |context, _| Ok(Value::Int(context.statement_time_us.div_euclid(1000))),
        ),
        function(
            "duration",
            "Makes a duration from a string such as 'P1M2DT3H' or a map of amounts.",
            [parameter(
                "input",
                [Type::String, Type::Map, Type::Duration],
            )],
            Type::Duration,
            |_, arguments| {
                Ok(duration_value(match &arguments[0] {
                    Value::Duration(_) => return Ok(arguments[0].clone()),
                    Value::String(written) => Duration::parse(written).map_err(refused)?,
                    Value::Map(map) => Duration::from_map(map).map_err(refused)?,
                    other => return Err(wrong_type("duration", "a string or a map", other)),
                }))
            },
        ),
        between(
            "duration.between",
            "The months, days and seconds from one temporal value to another.",
            |_, a| difference(Duration::between, a),
        ),
        between(
            "duration.inMonths",
            "The whole months from one temporal value to another.",
            |_, a| difference(Duration::in_months, a),
        ),
        between(
            "duration.inDays",
            "The whole days from one temporal value to another.",
            |_, a| difference(Duration::in_days, a),
        ),
        between(
            "duration.inSeconds",
            "The seconds from one temporal value to another.",
            |_, a| difference(Duration::in_seconds, a),
        ),
    ]);
    out
}

fn clocked(
    name: &'static str,
    description: &'static str,
    returns: Type,
    body: ScalarBody,
) -> Function {
    function(
        name,
        description,
        [parameter("timezone", [Type::String])],
        returns,
        body,
    )
    .optional(1)
}

fn between(name: &'static str, description: &'static str, body: ScalarBody) -> Function {
    let ends = [parameter("from", INSTANTS), parameter("to", INSTANTS)];
    function(name, description, ends, Type::Duration, body)
}

fn number(name: &str, argument: &Value) -> Result<i64, QueryError> {
    match argument {
        Value::Int(number) => Ok(*number),
        other => Err(wrong_type(name, "integers", other)),
    }
}

fn duration_value(duration: Duration) -> Value {
    Value::Duration(Arc::new(duration))
}

/// What openCypher calls a refusal of the temporal module.
fn refused(error: TemporalError) -> QueryError {
    let message = error.to_string();
    match error {
        TemporalError::Type { .. } => {
            RuntimeError::new(RuntimeKind::TypeError, "InvalidArgumentValue", message).into()
        }
        TemporalError::Overflow { what } => overflow(what),
        _ => RuntimeError::argument(message).into(),
    }
}

fn zone_of(argument: &Value) -> Result<Zone, QueryError> {
    match argument {
        Value::String(name) => Zone::parse(name).map_err(refused),
        other => Err(RuntimeError::type_error(format!(
            "a time zone is a string, not {}",
            other.type_name()
        ))
        .into()),
    }
}

/// A time of a clock as a value, in a zone.
fn at(kind: TemporalType, time_us: i64, zone: &Zone) -> Value {
    let seconds = time_us.div_euclid(1_000_000);
    let nanoseconds = u32::try_from(time_us.rem_euclid(1_000_000) * 1000).unwrap_or(0);
    temporal::at_instant(kind, seconds, nanoseconds, zone)
}

/// A system time as an instant in UTC.
pub(crate) fn instant_utc(time_us: i64) -> Value {
    at(TemporalType::DateTime, time_us, &Zone::UTC)
}

fn at_clock(
    kind: TemporalType,
    clock: Clock,
    context: &CallContext<'_>,
    arguments: &[Value],
) -> Outcome {
    let zone = arguments.first().map_or(Ok(Zone::UTC), zone_of)?;
    Ok(at(kind, clock.read(context), &zone))
}

fn construct(kind: TemporalType, context: &CallContext<'_>, arguments: &[Value]) -> Outcome {
    let Some(input) = arguments.first() else {
        return at_clock(kind, Clock::Statement, context, &[]);
    };
    if let Value::Map(map) = input
        && map.len() == 1
        && let Some(zone) = map.get("timezone")
    {
        return at_clock(kind, Clock::Statement, context, std::slice::from_ref(zone));
    }
    temporal::construct(kind, input).map_err(refused)
}

fn truncate(kind: TemporalType, context: &CallContext<'_>, arguments: &[Value]) -> Outcome {
    let Value::String(unit) = &arguments[0] else {
        return Err(wrong_type("truncate", "a string as unit", &arguments[0]));
    };
    let now;
    let input = match arguments.get(1) {
        Some(input) => input,
        None => {
            now = at(kind, context.statement_time_us, &Zone::UTC);
            &now
        }
    };
    let none = Map::new();
    let components = match arguments.get(2) {
        None => &none,
        Some(Value::Map(map)) => &**map,
        Some(other) => return Err(wrong_type("truncate", "a map of components", other)),
    };
    temporal::truncate(kind, unit, input, components).map_err(refused)
}

fn difference(
    compute: fn(&Value, &Value) -> Result<Duration, TemporalError>,
    arguments: &[Value],
) -> Outcome {
    compute(&arguments[0], &arguments[1])
        .map(duration_value)
        .map_err(refused)
}

/// A component of a temporal value or duration by its name.
pub(super) fn component(of: &Value, name: &str) -> Outcome {
    Ok(temporal::component(of, name)
        .map_err(refused)?
        .unwrap_or_default())
}

/// Whether a value is a point in time to which a duration can be added.
pub(super) fn is_instant(value: &Value) -> bool {
    matches!(
        value,
        Value::Date(_)
            | Value::LocalTime(_)
            | Value::Time(_)
            | Value::LocalDateTime(_)
            | Value::DateTime(_)
    )
}

/// A point in time moved by a duration.
pub(super) fn add(instant: &Value, duration: &Duration) -> Outcome {
    temporal::add(instant, duration).map_err(refused)
}

/// A point in time moved back by a duration.
pub(super) fn subtract(instant: &Value, duration: &Duration) -> Outcome {
    temporal::subtract(instant, duration).map_err(refused)
}

/// The sum of two durations.
pub(super) fn add_durations(left: &Duration, right: &Duration) -> Outcome {
    left.plus(right).map(duration_value).map_err(refused)
}

/// The difference of two durations.
pub(super) fn subtract_durations(left: &Duration, right: &Duration) -> Outcome {
    left.minus(right).map(duration_value).map_err(refused)
}

/// A duration times a number.
pub(super) fn multiply(duration: &Duration, factor: &Value) -> Outcome {
    duration.times(factor).map(duration_value).map_err(refused)
}

/// A duration divided by a number.
pub(super) fn divide(duration: &Duration, divisor: &Value) -> Outcome {
    duration
        .divided_by(divisor)
        .map(duration_value)
        .map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::super::operators::{arithmetic, negate};
    use super::super::testing::{STATEMENT_TIME_US, error_of, eval, evaluates, kind_of};
    use super::super::text;
    use super::*;
    use crate::plan::expression::Arithmetic;

    fn make(name: &str, written: &str) -> Value {
        eval(name, &[text(written)]).expect("a temporal value")
    }

    fn shown(name: &str, arguments: &[Value]) -> String {
        eval(name, arguments).expect("no error").to_string()
    }

    #[test]
    fn constructors_take_text_maps_and_values() {
        let map = |entries: &[(&'static str, i64)]| {
            Value::map(
                entries
                    .iter()
                    .map(|(key, value)| (*key, Value::Int(*value))),
            )
        };
        let date_map = map(&[("year", 1984), ("month", 10), ("day", 11)]);
        let time_map = map(&[
            ("hour", 12),
            ("minute", 31),
            ("second", 14),
            ("nanosecond", 3),
        ]);
        let instant = make("datetime", "2015-07-21T21:40:32.142+01:00");
        let cases = [
            ("date", text("2015-07-21"), "2015-07-21"),
            ("date", date_map.clone(), "1984-10-11"),
            ("date", instant.clone(), "2015-07-21"),
            ("localtime", text("12:31:14.5"), "12:31:14.5"),
            ("localtime", time_map.clone(), "12:31:14.000000003"),
            ("localtime", instant.clone(), "21:40:32.142"),
            ("time", text("21:40:32+01:00"), "21:40:32+01:00"),
            ("time", time_map, "12:31:14.000000003Z"),
            ("time", instant.clone(), "21:40:32.142+01:00"),
            (
                "localdatetime",
                text("2015-07-21T21:40:32.142"),
                "2015-07-21T21:40:32.142",
            ),
            ("localdatetime", date_map.clone(), "1984-10-11T00:00"),
            ("datetime", date_map, "1984-10-11T00:00Z"),
            ("datetime", instant, "2015-07-21T21:40:32.142+01:00"),
            ("duration", text("P5M1DT12H"), "P5M1DT12H"),
            (
                "duration",
                map(&[("days", 14), ("hours", 16), ("minutes", 12)]),
                "P14DT16H12M",
            ),
        ];
        for (name, argument, wanted) in cases {
            assert_eq!(
                shown(name, std::slice::from_ref(&argument)),
                wanted,
                "{name}({argument:?})"
            );
        }
        for name in [
            "date",
            "localtime",
            "time",
            "localdatetime",
            "datetime",
            "duration",
        ] {
            evaluates(&[(name, vec![Value::Null], Value::Null)]);
            assert_eq!(
                error_of(name, &[Value::Int(1)]),
                ("TypeError", "InvalidArgumentValue")
            );
            assert_eq!(
                error_of(name, &[text("x")]),
                ("ArgumentError", "InvalidArgumentValue")
            );
        }
    }

    #[test]
    fn clocks_are_read_in_a_zone() {
        assert_eq!(shown("datetime", &[]), "2026-01-02T03:04:05.678901Z");
        assert_eq!(
            shown("datetime.statement", &[]),
            "2026-01-02T03:04:05.678901Z"
        );
        assert_eq!(
            shown("datetime.transaction", &[]),
            "2026-01-02T02:04:05.678901Z"
        );
        assert_eq!(
            shown("datetime.realtime", &[]),
            "2026-01-02T03:05:05.678901Z"
        );
        assert_eq!(shown("date", &[]), "2026-01-02");
        assert_eq!(shown("localtime.realtime", &[]), "03:05:05.678901");
        assert_eq!(shown("time", &[]), "03:04:05.678901Z");
        assert_eq!(
            shown(
                "datetime",
                &[Value::map([("timezone", text("Europe/Stockholm"))])]
            ),
            "2026-01-02T04:04:05.678901+01:00[Europe/Stockholm]"
        );
        assert_eq!(
            shown("date.realtime", &[text("Pacific/Honolulu")]),
            "2026-01-01"
        );
        evaluates(&[("timestamp", vec![], Value::Int(STATEMENT_TIME_US / 1000))]);
        assert_eq!(
            error_of("datetime.realtime", &[text("Nowhere")]),
            ("ArgumentError", "InvalidArgumentValue")
        );
    }

    #[test]
    fn epochs_become_instants() {
        let (seconds, nanoseconds) = (Value::Int(416_779), Value::Int(999_999_999));
        assert_eq!(
            shown("datetime.fromepoch", &[seconds, nanoseconds]),
            "1970-01-05T19:46:19.999999999Z"
        );
        assert_eq!(
            shown("datetime.fromepochmillis", &[Value::Int(237_821_673_987)]),
            "1977-07-15T13:34:33.987Z"
        );
        let got = error_of("datetime.fromepoch", &[text("1")]);
        assert_eq!(got, ("TypeError", "InvalidArgumentValue"));
    }

    #[test]
    fn truncation_cuts_and_replaces() {
        let input = make("datetime", "1984-10-11T12:31:14.645876123+01:00");
        let day = Value::map([("day", Value::Int(2))]);
        let cases = [
            (
                "datetime.truncate",
                "century",
                Some(day),
                "1900-01-02T00:00+01:00",
            ),
            ("date.truncate", "month", None, "1984-10-01"),
            ("localdatetime.truncate", "hour", None, "1984-10-11T12:00"),
            ("time.truncate", "minute", None, "12:31+01:00"),
            ("localtime.truncate", "second", None, "12:31:14"),
        ];
        for (name, unit, components, wanted) in cases {
            let mut arguments = vec![text(unit), input.clone()];
            arguments.extend(components);
            assert_eq!(shown(name, &arguments), wanted, "{name} {unit}");
        }
        assert_eq!(shown("date.truncate", &[text("year")]), "2026-01-01");
        evaluates(&[(
            "date.truncate",
            vec![text("year"), Value::Null],
            Value::Null,
        )]);
        assert_eq!(
            error_of("date.truncate", &[text("eon"), input]),
            ("ArgumentError", "InvalidArgumentValue")
        );
    }

    #[test]
    fn durations_between_follow_the_table() {
        let ends = [
            make("date", "1984-10-11"),
            make("localdatetime", "2016-07-21T21:45:22.142"),
        ];
        assert_eq!(shown("duration.between", &ends), "P31Y9M10DT21H45M22.142S");
        assert_eq!(shown("duration.inMonths", &ends), "P31Y9M");
        assert_eq!(shown("duration.inDays", &ends), "P11606D");
        assert_eq!(shown("duration.inSeconds", &ends), "PT278565H45M22.142S");
        for name in [
            "duration.between",
            "duration.inMonths",
            "duration.inDays",
            "duration.inSeconds",
        ] {
            evaluates(&[(name, vec![Value::Null, Value::Null], Value::Null)]);
            let got = error_of(name, &[Value::Int(1), Value::Int(2)]);
            assert_eq!(got, ("TypeError", "InvalidArgumentValue"), "{name}");
        }
    }

    #[test]
    fn arithmetic_follows_the_table() {
        use Arithmetic::{Add, Divide, Multiply, Subtract};
        let duration = make("duration", "P1M2DT3H");
        let date = make("date", "2015-01-31");
        let cases = [
            (Add, date.clone(), duration.clone(), "2015-03-02"),
            (Add, duration.clone(), date.clone(), "2015-03-02"),
            (Subtract, date.clone(), duration.clone(), "2014-12-29"),
            (Add, duration.clone(), duration.clone(), "P2M4DT6H"),
            (Subtract, duration.clone(), duration.clone(), "PT0S"),
            (Multiply, duration.clone(), Value::Int(2), "P2M4DT6H"),
            (Multiply, Value::Int(2), duration.clone(), "P2M4DT6H"),
            (
                Divide,
                make("duration", "P2M4DT6H"),
                Value::Int(2),
                "P1M2DT3H",
            ),
        ];
        for (operator, left, right, wanted) in cases {
            let got = arithmetic(operator, &left, &right)
                .expect("no error")
                .to_string();
            assert_eq!(got, wanted, "{left} {operator:?} {right}");
        }
        assert_eq!(
            negate(&duration).expect("a duration").to_string(),
            "P-1M-2DT-3H"
        );
        let wrong = [
            (Subtract, duration.clone(), date.clone()),
            (Add, date.clone(), Value::Int(1)),
            (Multiply, duration.clone(), duration.clone()),
            (Divide, Value::Int(1), duration),
        ];
        for (operator, left, right) in wrong {
            let error = arithmetic(operator, &left, &right).expect_err("an error");
            assert_eq!(kind_of(&error), ("TypeError", "InvalidArgumentType"));
        }
    }

    #[test]
    fn components_are_read() {
        let instant = make(
            "datetime",
            "1984-11-11T12:31:14.645876123+01:00[Europe/Stockholm]",
        );
        let cases = [
            (instant.clone(), "year", Value::Int(1984)),
            (instant.clone(), "timezone", text("Europe/Stockholm")),
            (instant.clone(), "offset", text("+01:00")),
            (make("duration", "P1Y4M10D"), "quarters", Value::Int(5)),
            (make("date", "1984-01-01"), "weekYear", Value::Int(1983)),
        ];
        for (of, name, wanted) in cases {
            let got = component(&of, name).expect("a component");
            assert!(got.same(&wanted), "{of}.{name} = {got:?}");
        }
    }
}
