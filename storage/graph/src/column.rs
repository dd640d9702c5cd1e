//! One property of many elements, in one typed vector.

use std::sync::Arc;

use crate::value::Value;

/// Which rows of a column are null: one bit a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    /// Sets the bit of a row.
    pub fn set(&mut self, row: usize) {
        let word = row / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (row % 64);
    }

    /// Takes the bit of a row back.
    pub fn unset(&mut self, row: usize) {
        if let Some(word) = self.words.get_mut(row / 64) {
            *word &= !(1 << (row % 64));
        }
    }

    /// Whether the bit of a row is set.
    #[must_use]
    pub fn contains(&self, row: usize) -> bool {
        self.words
            .get(row / 64)
            .is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Whether no bit is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }
}

/// Values of one property, one per element asked for, in the narrowest type that holds them all.
#[derive(Clone, Debug)]
pub enum Column {
    /// Integers.
    Int {
        /// The values; 0 where null.
        values: Vec<i64>,
        /// The rows that are null, if any.
        nulls: Option<Bitmap>,
    },
    /// Floats.
    Float {
        /// The values; 0 where null.
        values: Vec<f64>,
        /// The rows that are null, if any.
        nulls: Option<Bitmap>,
    },
    /// Booleans.
    Bool {
        /// The values; false where null.
        values: Vec<bool>,
        /// The rows that are null, if any.
        nulls: Option<Bitmap>,
    },
    /// Values of which there are few distinct ones.
    Dictionary {
        /// For each row the place of its value, or [`NULL_CODE`].
        codes: Vec<u32>,
        /// The values; also some that no row has, and one may stand there twice.
        values: Arc<[Value]>,
    },
    /// Values of any type.
    Any(Vec<Value>),
}

/// The code of a null in a [`Column::Dictionary`].
pub const NULL_CODE: u32 = u32::MAX;

impl Default for Column {
    fn default() -> Self {
        Self::Any(Vec::new())
    }
}

impl Column {
    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Int { values, .. } => values.len(),
            Self::Float { values, .. } => values.len(),
            Self::Bool { values, .. } => values.len(),
            Self::Dictionary { codes, .. } => codes.len(),
            Self::Any(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row, which must exist.
    #[must_use]
    pub fn get(&self, row: usize) -> Value {
        let null = |nulls: &Option<Bitmap>| nulls.as_ref().is_some_and(|n| n.contains(row));
        match self {
            Self::Int { nulls, .. } | Self::Float { nulls, .. } | Self::Bool { nulls, .. }
                if null(nulls) =>
            {
                Value::Null
            }
            Self::Int { values, .. } => Value::Int(values[row]),
            Self::Float { values, .. } => Value::Float(values[row]),
            Self::Bool { values, .. } => Value::Bool(values[row]),
            Self::Dictionary { codes, values } => match codes[row] {
                NULL_CODE => Value::Null,
                code => values[code as usize].clone(),
            },
            Self::Any(values) => values[row].clone(),
        }
    }

    /// Appends a value, widening the column if it does not fit. The first value that is not null
    /// decides the type.
    pub fn push(&mut self, value: Value) {
        let row = self.len();
        match (&mut *self, value) {
            (Self::Int { values, .. }, Value::Int(value)) => values.push(value),
            (Self::Float { values, .. }, Value::Float(value)) => values.push(value),
            (Self::Bool { values, .. }, Value::Bool(value)) => values.push(value),
            (Self::Int { values, nulls }, Value::Null) => {
                values.push(0);
                nulls.get_or_insert_default().set(row);
            }
            (Self::Float { values, nulls }, Value::Null) => {
                values.push(0.0);
                nulls.get_or_insert_default().set(row);
            }
            (Self::Bool { values, nulls }, Value::Null) => {
                values.push(false);
                nulls.get_or_insert_default().set(row);
            }
            (Self::Dictionary { codes, .. }, Value::Null) => codes.push(NULL_CODE),
            (Self::Any(values), value) => {
                let only_nulls = || values.iter().all(|value| matches!(value, Value::Null));
                if matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_)) && only_nulls()
                {
                    *self = Self::of_nulls(row, &value);
                    self.push(value);
                } else {
                    values.push(value);
                }
            }
            (_, value) => self.any().push(value),
        }
    }

    /// Replaces the value of a row, which must exist, widening the column if it does not fit.
    pub fn set(&mut self, row: usize, value: Value) {
        let nulls = match (&mut *self, value) {
            (Self::Int { values, nulls }, Value::Int(value)) => {
                values[row] = value;
                nulls
            }
            (Self::Float { values, nulls }, Value::Float(value)) => {
                values[row] = value;
                nulls
            }
            (Self::Bool { values, nulls }, Value::Bool(value)) => {
                values[row] = value;
                nulls
            }
            (
                Self::Int { nulls, .. } | Self::Float { nulls, .. } | Self::Bool { nulls, .. },
                Value::Null,
            ) => {
                nulls.get_or_insert_default().set(row);
                return;
            }
            (Self::Dictionary { codes, .. }, Value::Null) => {
                codes[row] = NULL_CODE;
                return;
            }
            (_, value) => {
                self.any()[row] = value;
                return;
            }
        };
        if let Some(nulls) = nulls {
            nulls.unset(row);
        }
    }

    /// The values of a column that holds any, which it becomes if it is not one yet.
    pub(crate) fn any(&mut self) -> &mut Vec<Value> {
        if !matches!(self, Self::Any(_)) {
            *self = Self::Any((0..self.len()).map(|row| self.get(row)).collect());
        }
        match self {
            Self::Any(values) => values,
            _ => unreachable!("it was made one that holds any"),
        }
    }

    /// A column of nulls, of the type of `like`.
    fn of_nulls(rows: usize, like: &Value) -> Self {
        let nulls = (rows > 0).then(|| {
            let mut nulls = Bitmap::default();
            (0..rows).for_each(|row| nulls.set(row));
            nulls
        });
        match like {
            Value::Int(_) => Self::Int {
                values: vec![0; rows],
                nulls,
            },
            Value::Float(_) => Self::Float {
                values: vec![0.0; rows],
                nulls,
            },
            Value::Bool(_) => Self::Bool {
                values: vec![false; rows],
                nulls,
            },
            _ => Self::Any(vec![Value::Null; rows]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[Value]) -> Column {
        let mut column = Column::default();
        for value in values {
            column.push(value.clone());
        }
        column
    }

    #[test]
    fn the_first_value_decides_the_type() {
        let ints = column(&[Value::Null, Value::Int(4), Value::Null, Value::Int(-1)]);
        assert!(matches!(&ints, Column::Int { values, nulls: Some(_) } if values.len() == 4));
        assert!(matches!(ints.get(0), Value::Null));
        assert!(matches!(ints.get(1), Value::Int(4)));
        assert!(matches!(ints.get(2), Value::Null));
        assert!(matches!(ints.get(3), Value::Int(-1)));
    }

    #[test]
    fn a_value_of_another_type_widens() {
        let mixed = column(&[
            Value::Int(1),
            Value::Null,
            Value::Float(2.5),
            Value::Bool(true),
        ]);
        assert!(matches!(mixed, Column::Any(_)));
        assert!(matches!(mixed.get(0), Value::Int(1)));
        assert!(matches!(mixed.get(1), Value::Null));
        assert!(matches!(mixed.get(2), Value::Float(x) if x == 2.5));
        assert!(matches!(mixed.get(3), Value::Bool(true)));
    }

    #[test]
    fn values_are_replaced() {
        let mut ints = column(&[Value::Int(1), Value::Null, Value::Int(3)]);
        ints.set(0, Value::Null);
        ints.set(1, Value::Int(5));
        assert!(matches!(ints, Column::Int { .. }));
        assert!(matches!(ints.get(0), Value::Null));
        assert!(matches!(ints.get(1), Value::Int(5)));
        ints.set(2, Value::String("x".into()));
        assert!(matches!(ints, Column::Any(_)));
        assert!(matches!(ints.get(0), Value::Null));
        assert!(matches!(ints.get(1), Value::Int(5)));
        assert!(matches!(ints.get(2), Value::String(_)));
    }

    #[test]
    fn dictionaries_widen_to_what_does_not_fit() {
        let text = |text: &str| Value::String(text.into());
        let dictionary = || Column::Dictionary {
            codes: vec![1, NULL_CODE, 0],
            values: [text("a"), text("b")].into(),
        };
        let shown = |column: &Column| {
            (0..column.len())
                .map(|row| format!("{:?}", column.get(row)))
                .collect::<Vec<_>>()
        };
        let expected = |values: &[Value]| {
            values
                .iter()
                .map(|value| format!("{value:?}"))
                .collect::<Vec<_>>()
        };
        let mut nulled = dictionary();
        nulled.push(Value::Null);
        nulled.set(0, Value::Null);
        assert!(matches!(nulled, Column::Dictionary { .. }));
        assert_eq!(
            shown(&nulled),
            expected(&[Value::Null, Value::Null, text("a"), Value::Null])
        );
        let mut widened = dictionary();
        widened.push(Value::Int(1));
        widened.set(1, text("c"));
        assert!(matches!(widened, Column::Any(_)));
        assert_eq!(
            shown(&widened),
            expected(&[text("b"), text("c"), text("a"), Value::Int(1)])
        );
    }

    #[test]
    fn strings_stay_any() {
        let any = column(&[Value::Null, Value::String("a".into()), Value::Int(1)]);
        assert!(matches!(any, Column::Any(ref values) if values.len() == 3));
        assert!(matches!(any.get(2), Value::Int(1)));
    }
}
