//! The settings of an algorithm: a map whose keys are known.

use std::sync::Arc;

use retrograph_cypher::closest;
use retrograph_graph::value::{Map, Value};

use crate::error::{QueryError, RuntimeError};

/// The settings that a procedure was given.
pub(super) struct Settings<'a> {
    procedure: &'static str,
    map: Option<&'a Arc<Map>>,
}

impl<'a> Settings<'a> {
    /// Reads the map of a procedure that knows these keys; no map and null stand for an empty one.
    pub(super) fn new(
        procedure: &'static str,
        value: Option<&'a Value>,
        known: &[&'static str],
    ) -> Result<Self, QueryError> {
        let map = match value {
            None | Some(Value::Null) => None,
            Some(Value::Map(map)) => Some(map),
            Some(other) => return Err(super::wrong_type(procedure, "a map of settings", other)),
        };
        let unknown = map
            .into_iter()
            .flat_map(|map| map.keys())
            .find(|key| !known.contains(&&***key));
        if let Some(key) = unknown {
            let hint = match closest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it knows {}", known.join(", ")),
            };
            return Err(RuntimeError::argument(format!(
                "{procedure}() knows no setting `{key}`; {hint}"
            ))
            .into());
        }
        Ok(Self { procedure, map })
    }

    pub(super) fn procedure(&self) -> &'static str {
        self.procedure
    }

    /// The value of a setting; none if it is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let value = self.map?.get(key)?;
        (!value.is_null()).then_some(value)
    }

    pub(super) fn wrong(&self, key: &str, wanted: &str, got: &Value) -> QueryError {
        let got = match got {
            Value::Int(_) | Value::Float(_) | Value::String(_) => got.to_string(),
            other => other.type_name().to_string(),
        };
        RuntimeError::argument(format!(
            "{}() takes {wanted} as `{key}`, not {got}",
            self.procedure
        ))
        .into()
    }

    /// A name.
    pub(super) fn name(&self, key: &str) -> Result<Option<&'a str>, QueryError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(name)) => Ok(Some(name)),
            Some(other) => Err(self.wrong(key, "a name", other)),
        }
    }

    /// A name or a list of names; none if all are meant.
    pub(super) fn names(&self, key: &str) -> Result<Option<Vec<&'a str>>, QueryError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(name)) => Ok(Some(vec![name])),
            Some(Value::List(items)) => items
                .iter()
                .map(|item| match item {
                    Value::String(name) => Ok(&**name),
                    other => Err(self.wrong(key, "names", other)),
                })
                .collect::<Result<Vec<_>, _>>()
                .map(Some),
            Some(other) => Err(self.wrong(key, "a name or a list of names", other)),
        }
    }

    /// A whole number between bounds.
    pub(super) fn count(&self, key: &str, default: u32, least: u32) -> Result<u32, QueryError> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Int(count)) if u32::try_from(*count).is_ok_and(|count| count >= least) => {
                Ok(*count as u32)
            }
            Some(other) => Err(self.wrong(key, &format!("a whole number from {least}"), other)),
        }
    }

    /// Any integer.
    pub(super) fn seed(&self) -> Result<u64, QueryError> {
        match self.get("seed") {
            None => Ok(0),
            Some(Value::Int(seed)) => Ok(seed.cast_unsigned()),
            Some(other) => Err(self.wrong("seed", "an integer", other)),
        }
    }

    /// A number between bounds.
    pub(super) fn number(
        &self,
        key: &str,
        default: f64,
        (least, most): (f64, f64),
    ) -> Result<f64, QueryError> {
        let number = match self.get(key) {
            None => return Ok(default),
            Some(Value::Int(number)) => *number as f64,
            Some(Value::Float(number)) => *number,
            Some(other) => return Err(self.wrong(key, "a number", other)),
        };
        if number >= least && number <= most {
            return Ok(number);
        }
        let wanted = if most.is_finite() {
            format!("a number from {least} to {most}")
        } else {
            format!("a number from {least}")
        };
        Err(self.wrong(key, &wanted, &Value::Float(number)))
    }
}
