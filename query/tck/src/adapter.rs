//! The engine as a [`Subject`].

use retrograph_tck::subject::Subject;

/// Opens a fresh database.
pub fn open() -> Result<Box<dyn Subject>, String> {
    Err("the engine is not connected to the TCK runner".to_owned())
}
