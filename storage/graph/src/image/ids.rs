//! Arrays of ids, in 32 bits each where they span no more.

/// Ids, as distances from the least of them where that makes them narrow.
pub(super) enum Ids {
    Narrow { base: u64, values: Box<[u32]> },
    Wide(Box<[u64]>),
}

impl Default for Ids {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Ids {
    pub fn new(ids: &[u64]) -> Self {
        let base = ids.iter().copied().min().unwrap_or(0);
        let narrow = ids.iter().map(|id| u32::try_from(id - base).ok());
        match narrow.collect::<Option<Box<[u32]>>>() {
            Some(values) => Self::Narrow { base, values },
            None => Self::Wide(ids.into()),
        }
    }

    #[inline]
    pub fn get(&self, at: usize) -> u64 {
        match self {
            Self::Narrow { base, values } => base + u64::from(values[at]),
            Self::Wide(values) => values[at],
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Narrow { values, .. } => values.len(),
            Self::Wide(values) => values.len(),
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Narrow { values, .. } => values.len() * 4,
            Self::Wide(values) => values.len() * 8,
        }
    }

    /// Appends some of the ids.
    #[inline]
    pub fn extend<T>(
        &self,
        range: std::ops::Range<usize>,
        make: impl Fn(u64) -> T,
        out: &mut Vec<T>,
    ) {
        match self {
            Self::Narrow { base, values } => {
                out.extend(values[range].iter().map(|id| make(base + u64::from(*id))));
            }
            Self::Wide(values) => out.extend(values[range].iter().map(|id| make(*id))),
        }
    }
}

/// From when to when an entry of a page of an interval was in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Life {
    pub from: u64,
    pub to: u64,
}

/// Where the entries of each element start, and how long each entry holds.
pub(super) type Intervals = (Box<[u32]>, Box<[Life]>);

impl Life {
    #[inline]
    pub const fn holds(self, version: u64) -> bool {
        self.from <= version && version < self.to
    }
}

/// The versions around one in which nothing begins or ends, within bounds.
pub(super) fn calm(lives: &[Life], version: u64, mut from: u64, mut to: u64) -> (u64, u64) {
    for life in lives {
        for edge in [life.from, life.to] {
            if edge <= version {
                from = from.max(edge);
            } else {
                to = to.min(edge);
            }
        }
    }
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_narrow_while_they_fit() {
        let narrow = Ids::new(&[1 << 40, (1 << 40) + u64::from(u32::MAX), 5 + (1 << 40)]);
        assert!(matches!(narrow, Ids::Narrow { .. }));
        assert_eq!(
            (narrow.len(), narrow.get(2), narrow.bytes()),
            (3, 5 + (1 << 40), 12)
        );
        let wide = Ids::new(&[0, 1 << 32]);
        assert!(matches!(wide, Ids::Wide(_)));
        let mut out = Vec::new();
        wide.extend(0..2, |id| id, &mut out);
        narrow.extend(2..3, |id| id, &mut out);
        assert_eq!(out, [0, 1 << 32, 5 + (1 << 40)]);
    }

    #[test]
    fn a_calm_is_bounded_by_the_nearest_edges() {
        let lives = [
            Life { from: 3, to: 9 },
            Life { from: 5, to: 7 },
            Life { from: 12, to: 99 },
        ];
        assert_eq!(calm(&lives, 6, 0, 50), (5, 7));
        assert_eq!(calm(&lives, 8, 0, 50), (7, 9));
        assert_eq!(calm(&lives, 10, 0, 50), (9, 12));
        assert_eq!(calm(&lives, 20, 0, 50), (12, 50));
        assert_eq!(calm(&lives, 1, 0, 50), (0, 3));
    }
}
