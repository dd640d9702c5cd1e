//! Signatures of the mock procedures that scenarios declare, and the answers of the mocks.
//!
//! A signature reads `test.my.proc(name :: STRING?, id :: INTEGER?) :: (city :: STRING?)`. The
//! table below it names inputs, then outputs; calling the procedure yields the outputs of every
//! row whose inputs equal the arguments.

use crate::value::{ListOrder, Value};

/// Why a text is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a procedure signature: {reason} in `{text}`")]
pub struct SignatureError {
    /// What is wrong.
    pub reason: &'static str,
    /// The text.
    pub text: String,
}

/// One input or output of a procedure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Type name without the question mark: `STRING`, `INTEGER`, `FLOAT`, `NUMBER`, ...
    pub type_name: String,
    /// Whether null is allowed.
    pub is_nullable: bool,
}

/// Name, inputs and outputs of a procedure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcedureSignature {
    /// Qualified name such as `test.my.proc`.
    pub name: String,
    /// Inputs in order.
    pub inputs: Vec<Field>,
    /// Outputs in order.
    pub outputs: Vec<Field>,
}

impl ProcedureSignature {
    /// Parses the notation of the TCK.
    ///
    /// # Errors
    /// When the text deviates from `name(fields) :: (fields)`.
    pub fn parse(text: &str) -> Result<ProcedureSignature, SignatureError> {
        let fail = |reason| SignatureError {
            reason,
            text: text.to_owned(),
        };
        let (name, rest) = text.split_once('(').ok_or_else(|| fail("no input list"))?;
        let (inputs, rest) = rest
            .split_once(')')
            .ok_or_else(|| fail("open input list"))?;
        let rest = rest
            .trim()
            .strip_prefix("::")
            .ok_or_else(|| fail("no `::` before outputs"))?;
        let outputs = rest
            .trim()
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .ok_or_else(|| fail("no output list"))?;
        let name = name.trim();
        let is_name = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !name.split('.').all(is_name) {
            return Err(fail("bad name"));
        }
        Ok(ProcedureSignature {
            name: name.to_owned(),
            inputs: fields(inputs).map_err(fail)?,
            outputs: fields(outputs).map_err(fail)?,
        })
    }
}

fn fields(text: &str) -> Result<Vec<Field>, &'static str> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|field| {
            let (name, type_text) = field.split_once("::").ok_or("a field without `::`")?;
            let type_text = type_text.trim();
            let type_name = type_text.strip_suffix('?').unwrap_or(type_text).trim_end();
            let name = name.trim();
            if name.is_empty() || type_name.is_empty() || type_name.contains(['?', '(', ')']) {
                return Err("a malformed field");
            }
            Ok(Field {
                name: name.to_owned(),
                type_name: type_name.to_owned(),
                is_nullable: type_text.ends_with('?'),
            })
        })
        .collect()
}

/// A procedure that answers from a table.
#[derive(Debug, Clone, PartialEq)]
pub struct MockProcedure {
    /// Its signature.
    pub signature: ProcedureSignature,
    /// Rows: input values, then output values.
    pub rows: Vec<Vec<Value>>,
}

impl MockProcedure {
    /// The outputs of every row whose inputs equal `arguments`.
    ///
    /// An integer argument meets a float in the table when they are numerically equal, because a
    /// `FLOAT` or `NUMBER` input accepts integers; null meets null.
    pub fn answer(&self, arguments: &[Value]) -> Vec<Vec<Value>> {
        let inputs = self.signature.inputs.len();
        self.rows
            .iter()
            .filter(|row| {
                arguments.len() == inputs
                    && row
                        .iter()
                        .zip(arguments)
                        .all(|(cell, argument)| matches(cell, argument))
            })
            .map(|row| row[inputs..].to_vec())
            .collect()
    }
}

fn matches(cell: &Value, argument: &Value) -> bool {
    match (cell, argument) {
        (Value::Float(float), Value::Int(int)) | (Value::Int(int), Value::Float(float)) => {
            *float == *int as f64
        }
        _ => cell.canonical(ListOrder::Significant) == argument.canonical(ListOrder::Significant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, type_name: &str, is_nullable: bool) -> Field {
        Field {
            name: name.into(),
            type_name: type_name.into(),
            is_nullable,
        }
    }

    #[test]
    fn signatures() {
        let parsed = ProcedureSignature::parse(
            "test.my.proc(name :: STRING?, id :: INTEGER) :: (city :: STRING?)",
        )
        .expect("valid");
        assert_eq!(parsed.name, "test.my.proc");
        assert_eq!(
            parsed.inputs,
            [field("name", "STRING", true), field("id", "INTEGER", false)]
        );
        assert_eq!(parsed.outputs, [field("city", "STRING", true)]);
        let none = ProcedureSignature::parse("test.doNothing() :: ()").expect("valid");
        assert_eq!((none.inputs.len(), none.outputs.len()), (0, 0));
    }

    #[test]
    fn malformed_signatures_are_refused() {
        for text in [
            "p",
            "p(",
            "p()",
            "p() : ()",
            "p() :: (",
            "p(a) :: ()",
            "(a :: X) :: ()",
            "p..q() :: ()",
        ] {
            assert!(ProcedureSignature::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mock_answers_the_rows_that_fit() {
        let signature =
            ProcedureSignature::parse("p(in :: FLOAT?) :: (out :: STRING?)").expect("valid");
        let row = |i: &str, o: &str| vec![Value::parse(i).expect("v"), Value::parse(o).expect("v")];
        let mock = MockProcedure {
            signature,
            rows: vec![
                row("42.0", "'close'"),
                row("null", "'nix'"),
                row("42.0", "'again'"),
            ],
        };
        let out = |v: Value| mock.answer(&[v]).len();
        assert_eq!(out(Value::Int(42)), 2);
        assert_eq!(out(Value::Float(42.0)), 2);
        assert_eq!(out(Value::Null), 1);
        assert_eq!(out(Value::String("42.0".into())), 0);
        assert_eq!(mock.answer(&[]).len(), 0);
    }
}
