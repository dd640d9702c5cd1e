//! What every store must do, as one suite run against each of them.
