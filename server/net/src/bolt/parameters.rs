//! Values that clients send.

use std::sync::Arc;

use retrograph_bolt::value::{Map, Structure};
use retrograph_bolt::{Failure, Value as Sent};
use retrograph_engine::Parameters;
use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::{
    Date, DateTime, Duration, LocalDateTime, LocalTime, TemporalError, Time, Zone,
};

/// The parameters of a query.
pub fn read_all(sent: Map) -> Result<Parameters, Failure> {
    sent.into_iter()
        .map(|(name, value)| match read(value) {
            Ok(value) => Ok((name, value)),
            Err(problem) => Err(Failure::invalid(format!("parameter `{name}`: {problem}"))),
        })
        .collect()
}

/// A value.
///
/// # Errors
/// What is wrong with it.
pub fn read(sent: Sent) -> Result<Value, String> {
    Ok(match sent {
        Sent::Null => Value::Null,
        Sent::Bool(bool) => Value::Bool(bool),
        Sent::Int(int) => Value::Int(int),
        Sent::Float(float) => Value::Float(float),
        Sent::Bytes(bytes) => Value::Bytes(bytes.into()),
        Sent::String(text) => Value::String(text.into()),
        Sent::List(items) => {
            let items: Vec<Value> = items.into_iter().map(read).collect::<Result<_, _>>()?;
            Value::List(items.into())
        }
        Sent::Map(map) => Value::Map(Arc::new(
            map.into_iter()
                .map(|(key, value)| Ok((key.into(), read(value)?)))
                .collect::<Result<_, String>>()?,
        )),
        Sent::Structure(structure) => {
            let value = structured(*structure)?;
            if !value.is_well_formed() {
                return Err(format!(
                    "{} with parts out of range",
                    value.type_name().to_lowercase()
                ));
            }
            value
        }
    })
}

fn structured(structure: Structure) -> Result<Value, String> {
    let wrong = |error: TemporalError| error.to_string();
    Ok(match structure {
        Structure::Node(_)
        | Structure::Relationship(_)
        | Structure::UnboundRelationship(_)
        | Structure::Path(_) => return Err("elements cannot be parameters".to_owned()),
        Structure::Date { days } => Value::Date(Date { epoch_day: days }),
        Structure::LocalTime { nanoseconds } => Value::LocalTime(LocalTime {
            nanosecond_of_day: part(nanoseconds, "nanoseconds")?,
        }),
        Structure::Time {
            nanoseconds,
            offset_seconds,
        } => Value::Time(Time {
            nanosecond_of_day: part(nanoseconds, "nanoseconds")?,
            offset_seconds: part(offset_seconds, "offset")?,
        }),
        Structure::LocalDateTime {
            seconds,
            nanoseconds,
        } => Value::LocalDateTime(local(seconds, nanoseconds)?),
        Structure::DateTime {
            seconds,
            nanoseconds,
            offset_seconds,
        } => Value::DateTime(Arc::new(DateTime {
            epoch_second: seconds,
            nanosecond: part(nanoseconds, "nanoseconds")?,
            offset_seconds: part(offset_seconds, "offset")?,
            zone: None,
        })),
        Structure::LegacyDateTime {
            local_seconds,
            nanoseconds,
            offset_seconds,
        } => Value::DateTime(Arc::new(DateTime {
            epoch_second: local_seconds
                .checked_sub(offset_seconds)
                .ok_or("datetime out of range")?,
            nanosecond: part(nanoseconds, "nanoseconds")?,
            offset_seconds: part(offset_seconds, "offset")?,
            zone: None,
        })),
        Structure::DateTimeZoneId {
            seconds,
            nanoseconds,
            zone,
        } => {
            let nanosecond = part(nanoseconds, "nanoseconds")?;
            let zone = Zone::named(&zone).map_err(wrong)?;
            // The rules of the zone are asked for instants that exist only.
            let within = Value::LocalDateTime(local(seconds, nanoseconds)?);
            if !within.is_well_formed() {
                return Err("datetime out of range".to_owned());
            }
            Value::DateTime(Arc::new(DateTime::from_instant(seconds, nanosecond, &zone)))
        }
        Structure::LegacyDateTimeZoneId {
            local_seconds,
            nanoseconds,
            zone,
        } => {
            let zone = Zone::named(&zone).map_err(wrong)?;
            let local = local(local_seconds, nanoseconds)?;
            if !Value::LocalDateTime(local).is_well_formed() {
                return Err("datetime out of range".to_owned());
            }
            let instant = DateTime::from_local(local, &zone, None).map_err(wrong)?;
            Value::DateTime(Arc::new(instant))
        }
        Structure::Duration {
            months,
            days,
            seconds,
            nanoseconds,
        } => Value::Duration(Arc::new(Duration {
            months,
            days,
            seconds: seconds
                .checked_add(nanoseconds.div_euclid(1_000_000_000))
                .ok_or("duration out of range")?,
            nanoseconds: part(nanoseconds.rem_euclid(1_000_000_000), "nanoseconds")?,
        })),
        Structure::Point2D { srid, x, y } => point(srid, [x, y, 0.0], 2)?,
        Structure::Point3D { srid, x, y, z } => point(srid, [x, y, z], 3)?,
    })
}

fn local(seconds: i64, nanoseconds: i64) -> Result<LocalDateTime, String> {
    Ok(LocalDateTime {
        epoch_second: seconds,
        nanosecond: part(nanoseconds, "nanoseconds")?,
    })
}

fn part<T: TryFrom<i64>>(number: i64, what: &str) -> Result<T, String> {
    T::try_from(number).map_err(|_| format!("{what} {number} out of range"))
}

fn point(srid: i64, coordinates: [f64; 3], dimensions: u8) -> Result<Value, String> {
    let srid = match (srid, dimensions) {
        (4326, 2) => 4326,
        (7203, 2) => 7203,
        (4979, 3) => 4979,
        (9157, 3) => 9157,
        _ => {
            return Err(format!(
                "a point of {dimensions} dimensions cannot have the SRID {srid}; use 4326 or 7203 \
                 for two, 4979 or 9157 for three"
            ));
        }
    };
    retrograph_engine::functions::spatial::point_in(srid, coordinates, dimensions)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datetimes_of_both_kinds_are_the_same_instant() {
        let utc = read(Sent::structure(Structure::DateTimeZoneId {
            seconds: 1_700_000_000,
            nanoseconds: 5,
            zone: "Europe/Stockholm".to_owned(),
        }));
        let legacy = read(Sent::structure(Structure::LegacyDateTimeZoneId {
            local_seconds: 1_700_003_600,
            nanoseconds: 5,
            zone: "Europe/Stockholm".to_owned(),
        }));
        let text = utc.expect("a datetime").to_string();
        assert_eq!(text, legacy.expect("a datetime").to_string());
        assert!(text.ends_with("+01:00[Europe/Stockholm]"), "{text}");
    }

    #[test]
    fn points_are_those_that_the_language_makes() {
        let at = |x, y| read(Sent::structure(Structure::Point2D { srid: 4326, x, y }));
        assert_eq!(at(190.0, 0.0), at(-170.0, 0.0));
        for (x, y) in [(0.0, 90.5), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert!(at(x, y).is_err(), "{x} {y}");
        }
    }

    #[test]
    fn parts_out_of_range_are_refused() {
        for structure in [
            Structure::LocalTime { nanoseconds: -1 },
            Structure::Time {
                nanoseconds: 0,
                offset_seconds: 1_000_000,
            },
            Structure::Date { days: i64::MAX },
            Structure::DateTimeZoneId {
                seconds: i64::MAX,
                nanoseconds: 0,
                zone: "Europe/Stockholm".to_owned(),
            },
            Structure::DateTimeZoneId {
                seconds: 0,
                nanoseconds: 0,
                zone: "Nowhere/Town".to_owned(),
            },
            Structure::LegacyDateTime {
                local_seconds: i64::MIN,
                nanoseconds: 0,
                offset_seconds: 10,
            },
            Structure::LegacyDateTimeZoneId {
                local_seconds: i64::MIN,
                nanoseconds: 0,
                zone: "Europe/Stockholm".to_owned(),
            },
            Structure::DateTime {
                seconds: i64::MAX,
                nanoseconds: 0,
                offset_seconds: 3_600,
            },
            Structure::Point2D {
                srid: 4979,
                x: 1.0,
                y: 1.0,
            },
        ] {
            let shown = format!("{structure:?}");
            assert!(read(Sent::structure(structure)).is_err(), "{shown}");
        }
    }

    #[test]
    fn negative_nanoseconds_of_a_duration_are_borrowed_from_its_seconds() {
        let duration = read(Sent::structure(Structure::Duration {
            months: 0,
            days: 0,
            seconds: 1,
            nanoseconds: -1,
        }));
        assert_eq!(duration.expect("one").to_string(), "PT0.999999999S");
    }
}
