//! Values from and to the types of Rust.
//!
//! Into a parameter everything goes by `From`; out of a result by [`FromValue`], which refuses what would
//! lose something: a fraction is no integer, 300 is no `i8`, null is only an `Option`.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::time::SystemTime;

use crate::temporal::{Date, DateTime, Duration, LocalDateTime, LocalTime, Time, Timestamp};
use crate::value::{Map, Node, Path, Point, Relationship, Value, Vector};

/// A value is not of the type that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct ConversionError {
    /// What was asked for.
    pub expected: &'static str,
    /// The type, or the number, that was found.
    pub found: String,
}

impl ConversionError {
    /// A value of another type.
    #[must_use]
    pub fn new(expected: &'static str, value: &Value) -> Self {
        Self {
            expected,
            found: value.type_name().to_owned(),
        }
    }
}

/// A type that values can be turned into.
pub trait FromValue: Sized {
    /// Turns a value into this type.
    ///
    /// # Errors
    /// If it is of another type, or out of range.
    fn from_value(value: Value) -> Result<Self, ConversionError>;
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        Ok(value)
    }
}

/// Types that are what one kind of value holds.
macro_rules! same {
    ($($kind:ident($type:ty)),* $(,)?) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, ConversionError> {
                match value {
                    Value::$kind(inner) => Ok(inner),
                    other => Err(ConversionError::new(stringify!($type), &other)),
                }
            }
        }

        impl From<$type> for Value {
            fn from(inner: $type) -> Self {
                Self::$kind(inner)
            }
        }
    )*};
}

same!(
    Bool(bool),
    Int(i64),
    String(String),
    Bytes(Vec<u8>),
    Date(Date),
    LocalTime(LocalTime),
    Time(Time),
    LocalDateTime(LocalDateTime),
    DateTime(DateTime),
    Duration(Duration),
    Point(Point),
    Vector(Vector),
);

/// Elements cannot be parameters: they belong to one version.
macro_rules! out_only {
    ($($kind:ident),*) => {$(
        impl FromValue for $kind {
            fn from_value(value: Value) -> Result<Self, ConversionError> {
                match value {
                    Value::$kind(inner) => Ok(inner),
                    other => Err(ConversionError::new(stringify!($kind), &other)),
                }
            }
        }
    )*};
}

out_only!(Node, Relationship, Path);

/// Integers of other widths, if the number fits.
macro_rules! integers {
    ($($type:ty),*) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, ConversionError> {
                let number = i64::from_value(value)?;
                Self::try_from(number).map_err(|_| ConversionError {
                    expected: stringify!($type),
                    found: number.to_string(),
                })
            }
        }
    )*};
}

integers!(i8, i16, i32, u16, u32, u64, usize, isize);

/// Integers that always fit.
macro_rules! small_integers {
    ($($type:ty),*) => {$(
        impl From<$type> for Value {
            fn from(number: $type) -> Self {
                Self::Int(number.into())
            }
        }
    )*};
}

small_integers!(i8, i16, i32, u16, u32);

impl FromValue for f64 {
    /// Integers are numbers as well, if this type can hold them exactly.
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Float(float) => Ok(float),
            Value::Int(int) if int.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS => Ok(int as Self),
            Value::Int(int) => Err(ConversionError {
                expected: "f64",
                found: int.to_string(),
            }),
            other => Err(ConversionError::new("f64", &other)),
        }
    }
}

impl FromValue for Timestamp {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::DateTime(time) => Ok(time.into()),
            other => Err(ConversionError::new("Timestamp", &other)),
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        match value {
            Value::List(items) => items.into_iter().map(T::from_value).collect(),
            other => Err(ConversionError::new("a list", &other)),
        }
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        entries(value)
    }
}

impl<T: FromValue, S: BuildHasher + Default> FromValue for HashMap<String, T, S> {
    fn from_value(value: Value) -> Result<Self, ConversionError> {
        entries(value)
    }
}

fn entries<T: FromValue, C: FromIterator<(String, T)>>(value: Value) -> Result<C, ConversionError> {
    match value {
        Value::Map(map) => map
            .into_iter()
            .map(|(key, value)| Ok((key, T::from_value(value)?)))
            .collect(),
        other => Err(ConversionError::new("a map", &other)),
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<f32> for Value {
    fn from(number: f32) -> Self {
        Self::Float(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::String(text.clone())
    }
}

impl From<Timestamp> for Value {
    fn from(instant: Timestamp) -> Self {
        Self::DateTime(instant.into())
    }
}

impl From<SystemTime> for Value {
    fn from(time: SystemTime) -> Self {
        Timestamp::from(time).into()
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Clone + Into<Value>> From<&[T]> for Value {
    fn from(items: &[T]) -> Self {
        Self::List(items.iter().cloned().map(Into::into).collect())
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(items: [T; N]) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<BTreeMap<String, T>> for Value {
    fn from(map: BTreeMap<String, T>) -> Self {
        let entries = map.into_iter().map(|(key, value)| (key, value.into()));
        Self::Map(entries.collect())
    }
}

impl<K: Into<String> + Eq + Hash, T: Into<Value>, S> From<HashMap<K, T, S>> for Value {
    fn from(map: HashMap<K, T, S>) -> Self {
        let entries = map
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()));
        Self::Map(entries.collect::<Map>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_lose_something_is_refused() {
        assert_eq!(i8::from_value(Value::Int(127)), Ok(127));
        let error = i8::from_value(Value::Int(300)).expect_err("it does not fit");
        assert_eq!(error.to_string(), "expected i8, found 300");
        assert!(u64::from_value(Value::Int(-1)).is_err());
        assert!(i64::from_value(Value::Float(1.0)).is_err());
        assert_eq!(f64::from_value(Value::Int(1 << 53)), Ok(2_f64.powi(53)));
        assert!(f64::from_value(Value::Int((1 << 53) + 1)).is_err());
        assert!(String::from_value(Value::Null).is_err());
        assert_eq!(Option::<String>::from_value(Value::Null), Ok(None));
        assert_eq!(
            Node::from_value(Value::Int(1))
                .expect_err("it is no node")
                .found,
            "INTEGER"
        );
    }

    #[test]
    fn collections_come_back_as_they_went() {
        let list = Value::from(vec![Some(1), None]);
        assert_eq!(list, Value::List(vec![Value::Int(1), Value::Null]));
        assert_eq!(
            Vec::<Option<i32>>::from_value(list),
            Ok(vec![Some(1), None])
        );
        // Bytes are bytes, in both directions, and no list of numbers.
        let bytes = Value::from(vec![1_u8, 2]);
        assert_eq!(bytes, Value::Bytes(vec![1, 2]));
        assert_eq!(Vec::<u8>::from_value(bytes), Ok(vec![1, 2]));
        let map = HashMap::from([("a", vec![1.5])]);
        let map = HashMap::<String, Vec<f64>>::from_value(map.into());
        assert_eq!(map, Ok(HashMap::from([("a".to_owned(), vec![1.5])])));
        let instant = Timestamp::from_micros(-1);
        assert_eq!(Timestamp::from_value(instant.into()), Ok(instant));
    }
}
