//! Gathering the rows of a page of an interval.
//!
//! What was ever in force may be many times what is now: an account that is written every second has a million
//! rows in two weeks. So a page takes in rows only of a stretch of versions around the one that is asked for,
//! and the stretch becomes shorter as rows come in; how many there are need not be known before.

use super::ids::Life;
use crate::error::GraphError;
use crate::ids::Version;

/// Rows take so many bytes before a stretch becomes shorter.
const BYTES_MAX: usize = 64 << 20;

/// How much memory rows may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Beyond it the stretch of versions is cut, unless half of the rows are in force at one version.
    cut: usize,
    /// Beyond it there is no page.
    most: usize,
}

impl Bounds {
    /// Where all pages together may take so many bytes.
    pub fn within(memory: usize) -> Self {
        Self {
            cut: BYTES_MAX.min(memory / 8),
            most: memory / 2,
        }
    }
}

/// Rows that were in force within a stretch of versions.
pub(super) struct Gathering<T> {
    version: u64,
    from: u64,
    to: u64,
    bounds: Bounds,
    rows: Vec<(T, Life)>,
    /// What a row takes beside its own size.
    heap: fn(&T) -> usize,
    bytes: usize,
    /// Of those in force at the version asked for.
    bytes_at: usize,
}

/// Where a row lies that was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    /// It ended before the stretch, which begins at this version.
    Before(Version),
    /// It began after the stretch.
    After,
}

impl<T> Gathering<T> {
    /// Gathers for a version; none after `recorded` is answered.
    pub fn new(version: Version, recorded: Version, bounds: Bounds, heap: fn(&T) -> usize) -> Self {
        Self {
            version: version.0,
            from: 0,
            to: recorded.0 + 1,
            bounds,
            rows: Vec::new(),
            heap,
            bytes: 0,
            bytes_at: 0,
        }
    }

    /// Whether a row of this life would not be taken in.
    pub fn outside(&self, life: Life) -> Option<Outside> {
        if life.to <= self.from {
            return Some(Outside::Before(Version(self.from)));
        }
        (life.from >= self.to).then_some(Outside::After)
    }

    /// Takes a row in, if it was in force within the stretch.
    ///
    /// # Errors
    /// If there is not enough memory for those of the version alone.
    pub fn push(&mut self, row: T, life: Life) -> Result<(), GraphError> {
        if self.outside(life).is_some() {
            return Ok(());
        }
        let bytes = self.bytes_of(&row);
        self.bytes += bytes;
        if life.holds(self.version) {
            self.bytes_at += bytes;
        }
        self.rows.push((row, life));
        while self.bytes > self.bounds.cut.max(2 * self.bytes_at) && self.to - self.from > 1 {
            self.cut();
        }
        match self.bytes > self.bounds.most {
            true => Err(GraphError::corrupt(
                "image",
                "there is no memory for a page",
            )),
            false => Ok(()),
        }
    }

    fn bytes_of(&self, row: &T) -> usize {
        size_of::<(T, Life)>() + (self.heap)(row)
    }

    /// Halves the stretch on both sides.
    fn cut(&mut self) {
        let (from, to) = (self.from, self.to);
        self.from = self.version - (self.version - from) / 2;
        self.to = self.version + 1 + (to - self.version - 1) / 2;
        let (from, to) = (self.from, self.to);
        self.rows
            .retain(|(_, life)| life.from < to && life.to > from);
        self.bytes = self.rows.iter().map(|(row, _)| self.bytes_of(row)).sum();
    }

    /// The rows, and the versions from and up to which they are all there are.
    pub fn finish(self) -> (Vec<(T, Life)>, Version, Version) {
        (self.rows, Version(self.from), Version(self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows, and from and up to when they are all there are.
    type Gathered = (Vec<(u64, Life)>, u64, u64);

    const ROW: usize = size_of::<(u64, Life)>();

    fn gathered(
        lives: impl IntoIterator<Item = Life>,
        version: u64,
        rows_max: usize,
    ) -> Result<Gathered, GraphError> {
        let bounds = Bounds {
            cut: rows_max * ROW,
            most: 150 * ROW,
        };
        let mut gathering = Gathering::new(Version(version), Version(99), bounds, |_| 0);
        for (number, life) in (0..).zip(lives) {
            gathering.push(number, life)?;
        }
        let (rows, from, to) = gathering.finish();
        Ok((rows, from.0, to.0))
    }

    #[test]
    fn a_stretch_is_cut_until_its_rows_fit_and_keeps_its_version() {
        let lives = || (0..100).map(|i| Life { from: i, to: i + 2 });
        for version in [0, 1, 50, 99] {
            let (rows, from, to) = gathered(lives(), version, 10).unwrap();
            assert!(
                from <= version && version < to && to - from > 2,
                "{from} {to}"
            );
            let expected = lives().filter(|life| life.from < to && life.to > from);
            assert!(rows.iter().map(|(_, life)| *life).eq(expected));
            assert!(rows.len() <= 10);
        }
        let (rows, from, to) = gathered(lives().take(50), 50, 1_000).unwrap();
        assert_eq!((rows.len(), from, to), (50, 0, 100));
    }

    #[test]
    fn what_is_in_force_at_the_version_is_kept_however_much_it_is() {
        let lasting = (0..40).map(|_| Life { from: 0, to: 200 });
        let short = (0..100).map(|i| Life { from: i, to: i + 1 });
        let (rows, from, to) = gathered(lasting.chain(short), 50, 10).unwrap();
        assert!(from < 50 && to > 51 && rows.len() > 41, "{from} {to}");
        let too_many = (0..151).map(|_| Life { from: 0, to: 200 });
        assert!(gathered(too_many, 50, 10).is_err());
    }

    #[test]
    fn rows_outside_the_stretch_are_told_apart() {
        let bounds = Bounds {
            cut: 4 * ROW,
            most: 1 << 20,
        };
        let mut gathering = Gathering::new(Version(50), Version(99), bounds, |_: &u64| 0);
        for i in 0..100 {
            gathering.push(i, Life { from: i, to: i + 1 }).unwrap();
        }
        let life = |from, to| Life { from, to };
        let Some(Outside::Before(from)) = gathering.outside(life(3, 9)) else {
            panic!("it ended before");
        };
        assert!(from.0 > 9 && from.0 <= 50);
        assert_eq!(gathering.outside(life(90, 99)), Some(Outside::After));
        assert_eq!(gathering.outside(life(3, 99)), None);
    }
}
