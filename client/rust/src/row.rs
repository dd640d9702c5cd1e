//! Rows, and what they can be turned into.

use std::sync::Arc;

use crate::convert::FromValue;
use crate::error::{Error, RowError};
use crate::value::Value;

/// A row of a result: values under the names of the columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// A row has a value for each column; the protocol's reader has seen to it.
    pub(crate) const fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// The names of the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The values, in the order of the columns.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The values alone.
    #[must_use]
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// The value of a column.
    ///
    /// # Errors
    /// If there is no such column, or its value is of another type.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, Error> {
        let at = self.columns.iter().position(|name| name == column);
        let at = at.ok_or_else(|| RowError::NoSuchColumn {
            name: column.to_owned(),
            columns: self.columns.to_vec(),
        })?;
        self.get_at(at)
    }

    /// The value of the column at a place, counted from 0.
    ///
    /// # Errors
    /// If there are not so many columns, or its value is of another type.
    pub fn get_at<T: FromValue>(&self, at: usize) -> Result<T, Error> {
        let value = self.values.get(at).ok_or(RowError::NoSuchPlace {
            at,
            count: self.values.len(),
        })?;
        self.convert(at, value.clone())
    }

    fn convert<T: FromValue>(&self, at: usize, value: Value) -> Result<T, Error> {
        T::from_value(value).map_err(|source| {
            let column = self.columns.get(at).cloned().unwrap_or_default();
            RowError::Value { column, source }.into()
        })
    }
}

/// A type that rows can be turned into: a [`Row`] itself, and tuples of what their columns can be turned
/// into. Types of your own that derive serde's `Deserialize` are read by [`Query::fetch_as`].
///
/// [`Query::fetch_as`]: crate::Query::fetch_as
pub trait FromRow: Sized {
    /// Turns a row into this type.
    ///
    /// # Errors
    /// If it has other columns, or values of other types.
    fn from_row(row: Row) -> Result<Self, Error>;
}

impl FromRow for Row {
    fn from_row(row: Row) -> Result<Self, Error> {
        Ok(row)
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident)+;)*) => {$(
        impl<$($name: FromValue),+> FromRow for ($($name,)+) {
            fn from_row(mut row: Row) -> Result<Self, Error> {
                if row.values.len() != $count {
                    return Err(RowError::Columns {
                        expected: $count,
                        columns: row.columns.to_vec(),
                    }
                    .into());
                }
                let values = std::mem::take(&mut row.values);
                let mut values = values.into_iter().enumerate();
                Ok(($({
                    let (at, value) = values.next().unwrap_or_default();
                    row.convert::<$name>(at, value)?
                },)+))
            }
        }
    )*};
}

tuples! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let columns = ["name", "age"].map(str::to_owned);
        Row::new(columns.into(), vec!["Ana".into(), Value::Null])
    }

    #[test]
    fn columns_are_found_by_name_and_place() {
        assert_eq!(row().get::<String>("name").ok().as_deref(), Some("Ana"));
        assert_eq!(row().get_at::<Option<i64>>(1).ok(), Some(None));
        let tuple: (String, Option<i64>) = FromRow::from_row(row()).expect("it fits");
        assert_eq!(tuple, ("Ana".to_owned(), None));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let message = |error: Error| error.to_string();
        assert_eq!(
            row().get::<String>("nmae").map_err(message),
            Err("there is no column `nmae`; there are name, age".to_owned())
        );
        assert_eq!(
            row().get::<i64>("age").map_err(message),
            Err("column `age`: expected i64, found NULL".to_owned())
        );
        assert_eq!(
            row().get_at::<i64>(2).map_err(message),
            Err("there is no column 3 in a row of 2".to_owned())
        );
        assert_eq!(
            <(String,)>::from_row(row()).map_err(message),
            Err("expected a row of 1, found name, age".to_owned())
        );
    }
}
