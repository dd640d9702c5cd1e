//! Values as JSON, both ways: in JSON Lines, in parameters and in results.
//!
//! Null, booleans, numbers, strings, lists and maps are what they are in JSON. Everything else is an
//! object with one key that begins with `$`:
//!
//! ```text
//! {"$date": "2026-01-10"}   $time  $localtime  $datetime  $localdatetime  $duration
//! {"$bytes": "00ff"}        hexadecimal
//! {"$float": "NaN"}         NaN, Infinity, -Infinity
//! {"$point": {"x": 5.3, "y": 60.4, "srid": 4326}}
//! {"$vector": [0.5, 1.0]}
//! {"$map": {…}}             a map with a key that begins with `$`
//! ```

use std::sync::Arc;

use retrograph_engine::functions::point_of;
use retrograph_engine::output::element_id;
use retrograph_graph::value::temporal::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time};
use retrograph_graph::value::{Value, Vector};
use serde_json::{Map, Number, Value as Json, json};

/// A map as JSON.
pub fn object<'m>(members: impl Iterator<Item = (&'m Arc<str>, Json)>) -> Json {
    let members: Map<String, Json> = members.map(|(key, json)| (key.to_string(), json)).collect();
    if members.keys().any(|key| key.starts_with('$')) {
        return json!({ "$map": members });
    }
    Json::Object(members)
}

/// A value as JSON; of an element, which only its view can spell out, the id.
pub fn write(value: &Value) -> Json {
    let typed = |kind: &str| json!({ kind: value.to_string() });
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => Json::Bool(*bool),
        Value::Int(int) => Json::Number((*int).into()),
        Value::Float(float) => {
            Number::from_f64(*float).map_or_else(|| typed("$float"), Json::Number)
        }
        Value::String(text) => Json::String(text.to_string()),
        Value::Bytes(bytes) => {
            let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "$bytes": hexadecimal })
        }
        Value::List(items) => Json::Array(items.iter().map(write).collect()),
        Value::Map(map) => object(map.iter().map(|(key, value)| (key, write(value)))),
        Value::Date(_) => typed("$date"),
        Value::LocalTime(_) => typed("$localtime"),
        Value::Time(_) => typed("$time"),
        Value::LocalDateTime(_) => typed("$localdatetime"),
        Value::DateTime(_) => typed("$datetime"),
        Value::Duration(_) => typed("$duration"),
        Value::Point(point) => {
            let named = ["x", "y", "z"].into_iter().zip(point.coordinates);
            let mut fields: Map<String, Json> = named
                .take(usize::from(point.dimensions))
                .map(|(name, coordinate)| (name.to_owned(), json!(coordinate)))
                .collect();
            fields.insert("srid".to_owned(), json!(point.srid));
            json!({ "$point": fields })
        }
        Value::Vector(vector) => match &**vector {
            Vector::F32(items) => json!({ "$vector": items }),
            Vector::F64(items) => json!({ "$vector": items }),
        },
        Value::Sealed(sealed) => json!({ "$sealed": { "key": sealed.key_id } }),
        Value::Node(node) => json!({ "$node": element_id(node.id.into()) }),
        Value::Relationship(of) => json!({ "$relationship": element_id(of.id.into()) }),
        Value::Path(_) => json!({ "$path": value.to_string() }),
    }
}

/// A value from JSON. Elements cannot be given.
///
/// # Errors
/// What is no value, and why.
pub fn read(json: &Json) -> Result<Value, String> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(float)) if !number.is_u64() => Value::Float(float),
            _ => return Err(format!("{number} does not fit into 64 bits")),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(read).collect::<Result<Vec<_>, _>>()?),
        Json::Object(members) => {
            if members.len() == 1
                && let Some((kind, json)) = members.iter().next()
                && kind.starts_with('$')
            {
                return read_typed(kind, json);
            }
            read_map(members)?
        }
    })
}

fn read_map(members: &Map<String, Json>) -> Result<Value, String> {
    let entries = members
        .iter()
        .map(|(key, json)| Ok((key.as_str(), read(json)?)));
    Ok(Value::map(entries.collect::<Result<Vec<_>, String>>()?))
}

fn read_typed(kind: &str, json: &Json) -> Result<Value, String> {
    match (kind, json) {
        ("$map", Json::Object(members)) => read_map(members),
        ("$point", json) => read_point(json),
        ("$vector", Json::Array(items)) => {
            let items: Option<Vec<f64>> = items.iter().map(Json::as_f64).collect();
            let items = items.ok_or("a $vector holds numbers only")?;
            Ok(Value::Vector(Arc::new(Vector::F64(items))))
        }
        (kind, Json::String(text)) => read_text(kind, text),
        (kind, json) => Err(format!("{{\"{kind}\": {json}}} is no value")),
    }
}

fn read_text(kind: &str, text: &str) -> Result<Value, String> {
    let parsed = match kind {
        "$date" => Date::parse(text).map(Value::from),
        "$localtime" => LocalTime::parse(text).map(Value::from),
        "$time" => Time::parse(text).map(Value::from),
        "$localdatetime" => LocalDateTime::parse(text).map(Value::from),
        "$datetime" => DateTime::parse(text).map(Value::from),
        "$duration" => Duration::parse(text).map(Value::from),
        "$bytes" => {
            return hexadecimal(text)
                .map(|bytes| Value::Bytes(bytes.into()))
                .ok_or_else(|| format!("`{text}` is not hexadecimal"));
        }
        "$float" => match text {
            "NaN" => return Ok(Value::Float(f64::NAN)),
            "Infinity" => return Ok(Value::Float(f64::INFINITY)),
            "-Infinity" => return Ok(Value::Float(f64::NEG_INFINITY)),
            _ => return Err(format!("`{text}` is not NaN, Infinity or -Infinity")),
        },
        _ => {
            return Err(format!(
                "`{kind}` is no type of value; known are $date, $time, $localtime, $datetime, \
                 $localdatetime, $duration, $bytes, $float, $point, $vector, $map"
            ));
        }
    };
    parsed.map_err(|error| error.to_string())
}

fn read_point(json: &Json) -> Result<Value, String> {
    let fields = json
        .as_object()
        .ok_or("a $point is an object such as {\"x\": 1.0, \"y\": 2.0}")?;
    let map = fields
        .iter()
        .map(|(name, json)| Ok((name.as_str().into(), read(json)?)))
        .collect::<Result<_, String>>()?;
    point_of(&map).map_err(|error| error.to_string())
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len() / 2)
        .map(|at| digits(&text[at * 2..at * 2 + 2]))
        .collect()
}

/// `from_str_radix` alone would take a sign.
fn digits(text: &str) -> Option<u8> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u8::from_str_radix(text, 16).ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed can be given as a parameter again.
    #[test]
    fn values_come_back() {
        for text in [
            "null",
            "true",
            "-7",
            "1.5",
            "\"it's\"",
            "[1,[2,null]]",
            r#"{"a":1,"b":{"c":[]}}"#,
            r#"{"$date":"2026-01-10"}"#,
            r#"{"$time":"12:00+01:00"}"#,
            r#"{"$localtime":"12:00:00.5"}"#,
            r#"{"$datetime":"2026-01-10T12:00Z"}"#,
            r#"{"$localdatetime":"2026-01-10T12:00"}"#,
            r#"{"$duration":"P1M2DT3S"}"#,
            r#"{"$bytes":"00ff"}"#,
            r#"{"$float":"-Infinity"}"#,
            r#"{"$point":{"x":1.0,"y":2.0,"srid":7203}}"#,
            r#"{"$vector":[0.5,1.0]}"#,
            r#"{"$map":{"$date":1}}"#,
        ] {
            let json: Json = serde_json::from_str(text).expect("the test writes JSON");
            let value = read(&json).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(write(&value).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for text in [
            "18446744073709551615",
            r#"{"$date":"2026-13-10"}"#,
            r#"{"$date":3}"#,
            r#"{"$bytes":"0"}"#,
            r#"{"$bytes":"+1"}"#,
            r#"{"$node":"n:1"}"#,
            r#"{"$point":{"srid":4326,"x":1}}"#,
        ] {
            let json: Json = serde_json::from_str(text).expect("the test writes JSON");
            assert!(read(&json).is_err(), "{text}");
        }
    }
}
