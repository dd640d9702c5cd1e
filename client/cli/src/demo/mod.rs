//! `retrograph demo`: generates the case "harbor", loads it, and takes a guided tour.

mod calendar;
mod case;
mod change;
mod dice;
mod load;
mod names;
mod story;
mod tour;

use std::path::Path;

pub use case::Size;

use crate::args::DemoArguments;
use crate::failure::Failure;
use crate::session::open_or_create;

/// Loads the case unless it is there, then takes the tour. The data stays.
pub fn run(data: &Path, arguments: &DemoArguments) -> Result<(), Failure> {
    let database = open_or_create(data)?;
    let loaded = load::load(&database, arguments.size)?;
    tour::take(database, data, &loaded)
}
