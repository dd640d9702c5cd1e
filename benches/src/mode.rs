//! The states of the graph that questions are asked of.

/// Which graph, and which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The loaded graph, its present, before any change.
    Loaded,
    /// The present after the changes.
    Changed,
    /// The present of an equal graph that has no history.
    Twin,
    /// The past: another random instant in each call.
    PastRandom,
    /// The past: the same instant in all calls.
    PastFixed,
}

impl Mode {
    /// How tables name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loaded => "now, loaded",
            Self::Changed => "now, changed",
            Self::Twin => "now, no history",
            Self::PastRandom => "past, random",
            Self::PastFixed => "past, fixed",
        }
    }
}
