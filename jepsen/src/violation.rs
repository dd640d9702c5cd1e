//! What the checks find: a wrong answer, as opposed to an error that the database reports.

/// The database answered, and the answer is wrong.
#[derive(Debug)]
pub struct Violation(pub String);

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// Returns a [`Violation`] unless the condition holds.
macro_rules! hold {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::violation::Violation(format!($($message)+)).into());
        }
    };
}

pub(crate) use hold;
