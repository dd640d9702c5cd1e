//! Pages of ends: type, start and end of the relationships of a block, in arrays.
//!
//! None of the three ever changes, and an id is never used again, so an entry is there or it is not.
//! Entries lie at the number of their relationship within the block; a bitmap says which are there.

use std::sync::Arc;

use super::delta::Delta;
use super::directory::Page;
use super::ids::{Ids, Life};
use crate::blocks::BLOCK_IDS;
use crate::ids::{NodeId, TypeId};

/// Type, start and end of a relationship.
pub(crate) type Ends = (TypeId, NodeId, NodeId);

/// A change of a relationship: its ends if it is there after it.
pub(crate) type EndsChange = Option<Ends>;

const WORDS: usize = BLOCK_IDS as usize / 64;

/// Type and ends of the relationships of a block.
#[derive(Default)]
pub(crate) struct EndsPage {
    types: Types,
    starts: Ids,
    ends: Ids,
    /// Which relationships are there, or ever were in a page of an interval: one bit each.
    there: Box<[u64]>,
    /// In a page of an interval: for each number when the relationship was there.
    lives: Option<Box<[Life]>>,
    delta: Arc<Delta<EndsChange>>,
}

/// The types of the entries of a page.
enum Types {
    /// All of this one, as blocks are granted.
    One(TypeId),
    Each(Box<[TypeId]>),
}

impl Default for Types {
    fn default() -> Self {
        Self::One(TypeId(0))
    }
}

impl Page for EndsPage {
    type Change = EndsChange;

    fn delta(&self) -> &Arc<Delta<EndsChange>> {
        &self.delta
    }

    fn bytes(&self) -> usize {
        let types = match &self.types {
            Types::One(_) => 0,
            Types::Each(types) => size_of_val::<[TypeId]>(types),
        };
        let lives = self.lives.as_ref();
        types
            + self.starts.bytes()
            + self.ends.bytes()
            + size_of_val::<[u64]>(&self.there)
            + lives.map_or(0, |lives| size_of_val::<[Life]>(lives))
    }

    fn rows(&self) -> usize {
        self.starts.len()
    }
}

/// The relationships of a page to be.
#[derive(Default)]
pub(super) struct EndsRows {
    rows: Vec<Option<(Ends, Life)>>,
}

impl EndsRows {
    /// Takes in a relationship, or a further part of the life of one.
    pub fn push(&mut self, local: usize, ends: Ends, life: Life) {
        if self.rows.len() <= local {
            self.rows.resize(local + 1, None);
        }
        let (_, known) = self.rows[local].get_or_insert((ends, life));
        known.from = known.from.min(life.from);
        known.to = known.to.max(life.to);
    }

    pub fn finish(self, is_interval: bool, delta: Arc<Delta<EndsChange>>) -> EndsPage {
        let Some(((of_first, first_start, first_end), _)) = self.rows.iter().flatten().next()
        else {
            return EndsPage {
                delta,
                ..EndsPage::default()
            };
        };
        let (of_first, first_start, first_end) = (*of_first, first_start.0, first_end.0);
        let mut there = vec![0_u64; WORDS];
        let count = self.rows.len();
        let mut types = Vec::with_capacity(count);
        let mut starts = Vec::with_capacity(count);
        let mut ends = Vec::with_capacity(count);
        let mut lives = Vec::new();
        for (local, row) in self.rows.iter().enumerate() {
            // Where nothing is, something stands that makes nothing wider.
            let (type_id, start, end) = match row {
                Some(((type_id, start, end), _)) => {
                    there[local / 64] |= 1 << (local % 64);
                    (*type_id, start.0, end.0)
                }
                None => (of_first, first_start, first_end),
            };
            types.push(type_id);
            starts.push(start);
            ends.push(end);
            if is_interval {
                lives.push(row.map_or(Life { from: 0, to: 0 }, |(_, life)| life));
            }
        }
        EndsPage {
            types: match types.iter().all(|type_id| *type_id == of_first) {
                true => Types::One(of_first),
                false => Types::Each(types.into()),
            },
            starts: Ids::new(&starts),
            ends: Ids::new(&ends),
            there: there.into(),
            lives: is_interval.then(|| lives.into()),
            delta,
        }
    }
}

impl EndsPage {
    /// Whether a relationship is there according to the base.
    #[inline]
    fn is_there(&self, local: usize, version: u64) -> bool {
        let word = self.there.get(local / 64).copied().unwrap_or_default();
        word >> (local % 64) & 1 == 1
            && self
                .lives
                .as_ref()
                .is_none_or(|lives| lives[local].holds(version))
    }

    fn entry(&self, local: usize) -> Ends {
        let type_id = match &self.types {
            Types::One(type_id) => *type_id,
            Types::Each(types) => types[local],
        };
        (
            type_id,
            NodeId(self.starts.get(local)),
            NodeId(self.ends.get(local)),
        )
    }

    /// The ends of a relationship, if it is there.
    pub fn get(&self, local: u64, version: u64) -> EndsChange {
        if self.delta.touches(local)
            && let Some(changed) = self.delta.changes(local, version).next()
        {
            return *changed;
        }
        let local = local as usize;
        self.is_there(local, version).then(|| self.entry(local))
    }

    /// Visits the relationships of some types, of all if none is given, from a number on, ascending,
    /// until `visit` returns false. Returns whether it came to the end.
    pub fn scan(
        &self,
        first: u64,
        types: &[TypeId],
        version: u64,
        mut visit: impl FnMut(u64, Ends) -> bool,
    ) -> bool {
        let is_wanted = |type_id: TypeId| types.is_empty() || types.contains(&type_id);
        if !self.delta.is_empty() {
            return (first..BLOCK_IDS).all(|local| match self.get(local, version) {
                Some(ends) if is_wanted(ends.0) => visit(local, ends),
                _ => true,
            });
        }
        if let Types::One(type_id) = self.types
            && !is_wanted(type_id)
        {
            return true;
        }
        for at in (first / 64) as usize..self.there.len() {
            let mut word = self.there[at];
            if at == (first / 64) as usize {
                word &= u64::MAX << (first % 64);
            }
            while word != 0 {
                let local = at * 64 + word.trailing_zeros() as usize;
                word &= word - 1;
                if self.lives.is_some() && !self.is_there(local, version) {
                    continue;
                }
                let ends = self.entry(local);
                if is_wanted(ends.0) && !visit(local as u64, ends) {
                    return false;
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREVER: Life = Life {
        from: 0,
        to: u64::MAX,
    };

    fn ends(type_id: u32, start: u64, end: u64) -> Ends {
        (TypeId(type_id), NodeId(start), NodeId(end))
    }

    /// What a page shows from a number on; each way to ask must say the same.
    fn shown(page: &EndsPage, first: u64, types: &[u32], version: u64) -> Vec<(u64, Ends)> {
        let types: Vec<TypeId> = types.iter().copied().map(TypeId).collect();
        let mut found = Vec::new();
        assert!(page.scan(first, &types, version, |local, ends| {
            found.push((local, ends));
            true
        }));
        let single: Vec<_> = (first..BLOCK_IDS)
            .filter_map(|local| Some((local, page.get(local, version)?)))
            .filter(|(_, ends)| types.is_empty() || types.contains(&ends.0))
            .collect();
        assert_eq!(found, single);
        if let Some((local, ends)) = found.first() {
            let mut one = None;
            assert!(!page.scan(first, &types, version, |local, ends| {
                one = Some((local, ends));
                false
            }));
            assert_eq!(one, Some((*local, *ends)));
        }
        found
    }

    #[test]
    fn relationships_come_back_by_number() {
        let far = 5 << 40;
        let all = [
            (0, ends(1, 7, far)),
            (63, ends(1, 8, 9)),
            (64, ends(1, far, 9)),
            (4_095, ends(1, 1, 2)),
        ];
        for second in [1, 2] {
            let mut rows = EndsRows::default();
            let mut expected = all.to_vec();
            expected[1].1.0 = TypeId(second);
            for (local, ends) in &expected {
                rows.push(*local as usize, *ends, FOREVER);
            }
            let page = rows.finish(false, Arc::default());
            assert_eq!(shown(&page, 0, &[], 1), expected);
            assert_eq!(shown(&page, 64, &[1, 2], 1), expected[2..]);
            let of_second = expected.iter().filter(|(_, ends)| ends.0.0 == second);
            assert!(of_second.eq(&shown(&page, 0, &[second], 1)));
            assert_eq!(shown(&page, 0, &[3], 1), []);
            page.delta.append(63, 5, None);
            page.delta.append(70, 6, Some(ends(3, 1, 1)));
            assert_eq!(shown(&page, 0, &[], 4), expected);
            assert_eq!(shown(&page, 63, &[], 5), expected[2..]);
            assert_eq!(shown(&page, 1, &[3], 6), [(70, ends(3, 1, 1))]);
        }
        let empty = EndsRows::default().finish(false, Arc::default());
        assert_eq!(shown(&empty, 0, &[], 1), []);
        empty.delta.append(9, 2, Some(ends(1, 1, 1)));
        assert_eq!(shown(&empty, 0, &[], 2), [(9, ends(1, 1, 1))]);
    }

    #[test]
    fn relationships_of_an_interval_have_lives() {
        let mut rows = EndsRows::default();
        let life = |from, to| Life { from, to };
        rows.push(2, ends(1, 1, 2), life(5, 9));
        rows.push(2, ends(1, 1, 2), life(3, 5));
        rows.push(4, ends(1, 3, 4), life(1, 2));
        rows.push(5, ends(1, 3, 4), life(9, u64::MAX));
        let page = rows.finish(true, Arc::default());
        assert_eq!(shown(&page, 0, &[], 1), [(4, ends(1, 3, 4))]);
        assert_eq!(shown(&page, 0, &[], 2), []);
        assert_eq!(shown(&page, 0, &[], 3), [(2, ends(1, 1, 2))]);
        assert_eq!(shown(&page, 0, &[1], 8), [(2, ends(1, 1, 2))]);
        assert_eq!(shown(&page, 0, &[], 9), [(5, ends(1, 3, 4))]);
    }
}
