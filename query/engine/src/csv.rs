//! Where LOAD CSV finds its files. The engine opens none by itself: whoever owns it says which files
//! queries may read, and reads them.

use std::sync::Arc;

/// Files that queries may read.
pub trait CsvSource: Send + Sync {
    /// Opens the file that a URL names.
    ///
    /// # Errors
    /// A message for the user: the URL names no file that queries may read, or it cannot be opened.
    fn open(&self, url: &str, terminator: u8) -> Result<Box<dyn CsvFile>, String>;
}

/// An open CSV file.
pub trait CsvFile {
    /// Reads the next record into `fields`, in place of what they hold: none for a field without
    /// anything in it, which `""` is not. Gives the line on which the record begins, none at the end.
    ///
    /// # Errors
    /// A message for the user with file, line and column.
    fn read(&mut self, fields: &mut Vec<Option<Arc<str>>>) -> Result<Option<u64>, String>;
}
