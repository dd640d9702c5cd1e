//! Who may end an algorithm.

use std::convert::Infallible;

/// Is told of work and memory, and may end the algorithm.
pub trait Watch {
    /// Why it was ended.
    type Error;

    /// So many steps are done.
    ///
    /// # Errors
    ///
    /// If the algorithm is to end.
    fn work(&mut self, steps: usize) -> Result<(), Self::Error>;

    /// The algorithm is about to hold so many bytes in all, the graph it was given not counted.
    ///
    /// # Errors
    ///
    /// If that is too much.
    fn hold(&mut self, bytes: usize) -> Result<(), Self::Error>;
}

/// Ends nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    type Error = Infallible;

    fn work(&mut self, _steps: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn hold(&mut self, _bytes: usize) -> Result<(), Infallible> {
        Ok(())
    }
}
