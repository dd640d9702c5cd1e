//! The limits: what hand-written loops over arrays need for the same answers.
//!
//! [`Present`] holds the relationships of one state in compressed rows; [`Past`] holds every
//! relationship with the commits it was seen from and to, and shows one state of them ([`At`]). The
//! loops of [`loops`] run over either. They keep to the semantics of the language: in one MATCH no
//! relationship is passed twice, so that a person counts at three or four hops only if a trail leads
//! there.

mod loops;
mod past;
mod present;

pub use loops::Loops;
pub use past::{At, Past};
pub use present::Present;

use retrograph_graph::value::Value;

/// The relationships of one state, by person. At most one leads from one person to another.
pub trait Adjacency {
    /// Calls `each` with those whom a person knows.
    fn known(&self, person: u32, each: impl FnMut(u32));

    /// Calls `each` with those who know a person.
    fn knowing(&self, person: u32, each: impl FnMut(u32));

    /// How many a person knows.
    fn degree(&self, person: u32) -> u32;

    /// How many relationships are younger than a time.
    fn younger(&self, since: i64) -> u64;
}

/// The rows of an answer, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    values: Vec<Value>,
    width: usize,
}

impl Answer {
    /// Forgets the rows; the next ones are this wide.
    pub fn begin(&mut self, width: usize) {
        self.values.clear();
        self.width = width;
    }

    /// Adds a row.
    pub fn row<const WIDTH: usize>(&mut self, row: [Value; WIDTH]) {
        self.values.extend(row);
    }

    /// Adds a row.
    pub fn row_of(&mut self, row: &[Value]) {
        self.values.extend_from_slice(row);
    }

    /// The rows as sorted text.
    #[must_use]
    pub fn sorted(&self) -> Vec<String> {
        let text = |row: &[Value]| {
            let cells: Vec<String> = row
                .iter()
                .map(retrograph_graph::value::text::to_text)
                .collect();
            cells.join(", ")
        };
        let mut rows: Vec<String> = self.values.chunks(self.width.max(1)).map(text).collect();
        rows.sort_unstable();
        rows
    }
}
