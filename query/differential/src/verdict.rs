//! What a comparison comes to.

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same rows, and the same order where it is fixed.
    Same,
    /// Both fail in the same way.
    SameError,
    /// The same rows, although an evaluation in another order may fail.
    Avoided,
    /// The reference cannot tell the rows, for a key or an effect failed in it and not in the engine.
    Undecided,
    /// The reference gives other rows in other open orders.
    Open,
    /// The reference gave up.
    Skipped(String),
    /// The two differ.
    Different(Difference),
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs; shrinking keeps it.
    pub kind: Kind,
    /// What the engine answers.
    pub engine: String,
    /// What the reference answers.
    pub reference: String,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The rows.
    Rows,
    /// The order of the rows.
    Order,
    /// Only the engine fails, or it fails in another way.
    Failure,
    /// Only the reference fails.
    MissingFailure,
    /// The state after writing.
    State,
    /// The engine refuses the text.
    Refused,
    /// The engine fails for reasons of its own.
    Internal,
    /// The engine panics.
    Panic,
    /// Two ways to ask the same give different rows.
    Equivalence,
}

/// A difference.
#[must_use]
pub fn different(kind: Kind, engine: String, reference: String) -> Verdict {
    Verdict::Different(Difference {
        kind,
        engine,
        reference,
    })
}
