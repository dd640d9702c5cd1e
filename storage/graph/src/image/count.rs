//! Counts of the present, so that asking for one does not read a row.
//!
//! A count is remembered with the version it was read at if nothing later had begun to be written,
//! and holds until the first commit that changes it.

use std::collections::HashMap;

use parking_lot::RwLock;

use crate::ids::Version;
use crate::rows::meta::Statistic;

#[derive(Clone, Copy)]
struct Count {
    from: Version,
    /// The first version in which it may be another.
    to: Version,
    count: u64,
}

/// The counts known.
#[derive(Default)]
pub(super) struct Counts {
    known: RwLock<HashMap<Statistic, Count>>,
}

impl Counts {
    pub fn get(&self, statistic: Statistic, version: Version) -> Option<u64> {
        let known = self.known.read();
        let found = known.get(&statistic)?;
        (found.from <= version && version < found.to).then_some(found.count)
    }

    /// Remembers a count if it is still the latest one, of which `is_latest` is asked when no
    /// change can be noted meanwhile.
    pub fn put(
        &self,
        statistic: Statistic,
        version: Version,
        count: u64,
        is_latest: impl FnOnce() -> bool,
    ) {
        let mut known = self.known.write();
        if is_latest() {
            known.insert(
                statistic,
                Count {
                    from: version,
                    to: Version::MAX,
                    count,
                },
            );
        }
    }

    /// Ends what was known of a count.
    pub fn changed(&self, statistic: Statistic, version: Version) {
        if let Some(count) = self.known.write().get_mut(&statistic) {
            count.to = count.to.min(version);
        }
    }

    pub fn clear(&self) {
        self.known.write().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_holds_until_it_changes() {
        let counts = Counts::default();
        counts.put(Statistic::Nodes, Version(3), 7, || false);
        assert_eq!(counts.get(Statistic::Nodes, Version(3)), None);
        counts.put(Statistic::Nodes, Version(3), 7, || true);
        counts.changed(Statistic::Relationships, Version(4));
        assert_eq!(counts.get(Statistic::Nodes, Version(2)), None);
        assert_eq!(counts.get(Statistic::Nodes, Version(9)), Some(7));
        counts.changed(Statistic::Nodes, Version(5));
        counts.changed(Statistic::Nodes, Version(6));
        assert_eq!(counts.get(Statistic::Nodes, Version(4)), Some(7));
        assert_eq!(counts.get(Statistic::Nodes, Version(5)), None);
    }
}
