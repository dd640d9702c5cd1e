//! The options of a vector index: from a map to settings and back.

use std::sync::Arc;

use retrograph_cypher::closest;
use retrograph_graph::VectorSettings;
use retrograph_graph::value::{Map, Value};
use retrograph_graph::vector::{Shape, Similarity};

use crate::error::{QueryError, RuntimeError};

const DIMENSIONS: &str = "vector.dimensions";
const SIMILARITY: &str = "vector.similarity_function";
const CONNECTIONS: &str = "vector.hnsw.m";
const CANDIDATES: &str = "vector.hnsw.ef_construction";
const QUANTIZATION: &str = "vector.quantization.enabled";
const KNOWN: [&str; 5] = [
    DIMENSIONS,
    SIMILARITY,
    CONNECTIONS,
    CANDIDATES,
    QUANTIZATION,
];

const CONNECTIONS_MAX: u16 = 512;
const CANDIDATES_MAX: u16 = 3_200;

/// The settings that the options of `CREATE VECTOR INDEX` give.
pub(crate) fn settings(options: &Value) -> Result<VectorSettings, QueryError> {
    let config = config(options)?;
    let get = |key: &str| {
        config
            .and_then(|config| config.get(key))
            .filter(|value| !value.is_null())
    };
    let dimensions = match get(DIMENSIONS) {
        Some(value) => number(DIMENSIONS, value, VectorSettings::DIMENSIONS_MAX)?,
        None => {
            return Err(wrong(format!(
                "a vector index needs the number of dimensions: OPTIONS {{indexConfig: {{`{DIMENSIONS}`: 384}}}}"
            )));
        }
    };
    let similarity = match get(SIMILARITY) {
        None => Similarity::default(),
        Some(Value::String(name)) => Similarity::named(name).ok_or_else(|| {
            wrong(format!(
                "`{SIMILARITY}` is 'cosine' or 'euclidean', not '{name}'"
            ))
        })?,
        Some(other) => {
            return Err(wrong(format!(
                "`{SIMILARITY}` is 'cosine' or 'euclidean', not {}",
                other.type_name()
            )));
        }
    };
    // Vectors are kept whole either way.
    match get(QUANTIZATION) {
        None | Some(Value::Bool(_)) => {}
        Some(other) => {
            return Err(wrong(format!(
                "`{QUANTIZATION}` is true or false, not {}",
                other.type_name()
            )));
        }
    }
    let shape = Shape::default();
    let or = |key: &str, default: u16, most: u16| match get(key) {
        None => Ok(default),
        Some(value) => number(key, value, most),
    };
    Ok(VectorSettings {
        dimensions,
        similarity,
        shape: Shape {
            connections: or(CONNECTIONS, shape.connections, CONNECTIONS_MAX)?,
            candidates: or(CANDIDATES, shape.candidates, CANDIDATES_MAX)?,
        },
    })
}

fn wrong(message: String) -> QueryError {
    RuntimeError::argument(message).into()
}

/// `indexConfig` of the options.
fn config(options: &Value) -> Result<Option<&Arc<Map>>, QueryError> {
    let options = match options {
        Value::Null => return Ok(None),
        Value::Map(options) => options,
        other => {
            return Err(wrong(format!(
                "OPTIONS takes a map, not {}",
                other.type_name()
            )));
        }
    };
    let mut config = None;
    for (key, value) in options.iter() {
        match (&**key, value) {
            (_, Value::Null) => {}
            ("indexProvider", Value::String(name)) if name.starts_with("vector-") => {}
            ("indexProvider", _) => {
                return Err(wrong(
                    "the provider of vector indexes is 'vector-2.0'".to_owned(),
                ));
            }
            ("indexConfig", Value::Map(map)) => config = Some(map),
            ("indexConfig", other) => {
                return Err(wrong(format!(
                    "`indexConfig` takes a map, not {}",
                    other.type_name()
                )));
            }
            _ => {
                return Err(wrong(format!(
                    "there is no option `{key}`; vector indexes take indexConfig and indexProvider"
                )));
            }
        }
    }
    let unknown = config.and_then(|config| {
        let mut keys = config.keys();
        keys.find(|key| !KNOWN.contains(&&***key))
    });
    if let Some(key) = unknown {
        let hint = match closest(key, KNOWN) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", KNOWN.join(", ")),
        };
        return Err(wrong(format!(
            "vector indexes have no setting `{key}`; {hint}"
        )));
    }
    Ok(config)
}

fn number(key: &str, value: &Value, most: u16) -> Result<u16, QueryError> {
    let number = match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    };
    number
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| {
            let got = match value {
                Value::Int(number) => number.to_string(),
                other => other.type_name().to_string(),
            };
            wrong(format!(
                "`{key}` is a whole number from 1 to {most}, not {got}"
            ))
        })
}

/// The settings as `indexConfig` of SHOW INDEXES.
pub(crate) fn config_of(settings: &VectorSettings) -> Map {
    let pairs = [
        (DIMENSIONS, Value::Int(settings.dimensions.into())),
        (CANDIDATES, Value::Int(settings.shape.candidates.into())),
        (CONNECTIONS, Value::Int(settings.shape.connections.into())),
        (QUANTIZATION, Value::Bool(false)),
        (
            SIMILARITY,
            Value::string(settings.similarity.name().to_ascii_uppercase().as_str()),
        ),
    ];
    Map::from_iter(pairs.map(|(key, value)| (Arc::from(key), value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, Value)]) -> Value {
        Value::map(entries.iter().map(|(key, value)| (*key, value.clone())))
    }

    fn with(entries: &[(&str, Value)]) -> Value {
        map(&[("indexConfig", map(entries))])
    }

    fn message(options: &Value) -> String {
        match settings(options) {
            Ok(settings) => panic!("{settings:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn settings_are_read_and_shown() {
        let made = settings(&with(&[(DIMENSIONS, Value::Int(3))])).unwrap();
        assert_eq!(
            (made.dimensions, made.similarity, made.shape),
            (3, Similarity::Cosine, Shape::default())
        );
        let made = settings(&with(&[
            (DIMENSIONS, Value::Int(4_096)),
            (SIMILARITY, Value::string("Euclidean")),
            (CONNECTIONS, Value::Int(512)),
            (CANDIDATES, Value::Int(3_200)),
            (QUANTIZATION, Value::Bool(true)),
        ]))
        .unwrap();
        assert_eq!(made.similarity, Similarity::Euclidean);
        let shown = config_of(&made);
        let again = map(&[("indexConfig", Value::Map(Arc::new(shown)))]);
        assert_eq!(settings(&again).unwrap(), made);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let three = (DIMENSIONS, Value::Int(3));
        for (options, wanted) in [
            (Value::Null, "needs the number of dimensions"),
            (Value::Int(1), "OPTIONS takes a map, not INTEGER"),
            (
                with(&[(DIMENSIONS, Value::Int(0))]),
                "from 1 to 4096, not 0",
            ),
            (
                with(&[(DIMENSIONS, Value::Float(2.0))]),
                "from 1 to 4096, not FLOAT",
            ),
            (
                with(&[three.clone(), (SIMILARITY, Value::string("dot"))]),
                "'cosine' or 'euclidean', not 'dot'",
            ),
            (
                with(&[three.clone(), ("vector.dimension", Value::Int(3))]),
                "did you mean `vector.dimensions`?",
            ),
            (
                with(&[three.clone(), (CONNECTIONS, Value::Int(513))]),
                "`vector.hnsw.m` is a whole number from 1 to 512, not 513",
            ),
            (
                map(&[("indexProvider", Value::string("range-1.0"))]),
                "the provider of vector indexes is 'vector-2.0'",
            ),
            (
                map(&[("config", Value::Int(1))]),
                "there is no option `config`",
            ),
        ] {
            let message = message(&options);
            assert!(message.contains(wanted), "{message}");
        }
    }
}
