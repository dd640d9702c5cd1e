//! Every relationship with the commits between which it was seen, in compressed rows, both ways.

use super::Adjacency;
use crate::churn::Interval;

/// A neighbour over a range of commits.
#[derive(Clone, Copy, Default)]
struct Span {
    neighbour: u32,
    from: u32,
    to: u32,
}

struct Side {
    offsets: Vec<u32>,
    spans: Vec<Span>,
}

impl Side {
    fn new(people: usize, intervals: &[Interval], ends: impl Fn(&Interval) -> (u32, u32)) -> Self {
        let mut offsets = vec![0u32; people + 1];
        for interval in intervals {
            offsets[ends(interval).0 as usize + 1] += 1;
        }
        for place in 0..people {
            offsets[place + 1] += offsets[place];
        }
        let mut next = offsets.clone();
        let mut spans = vec![Span::default(); intervals.len()];
        for interval in intervals {
            let (person, neighbour) = ends(interval);
            let place = &mut next[person as usize];
            spans[*place as usize] = Span {
                neighbour,
                from: interval.from,
                to: interval.to,
            };
            *place += 1;
        }
        Self { offsets, spans }
    }

    fn of(&self, person: u32, commit: u32) -> impl Iterator<Item = u32> {
        let person = person as usize;
        self.spans[self.offsets[person] as usize..self.offsets[person + 1] as usize]
            .iter()
            .filter(move |span| span.from <= commit && commit < span.to)
            .map(|span| span.neighbour)
    }
}

/// All states of the relationships.
pub struct Past {
    known: Side,
    knowing: Side,
    since: Vec<(i64, u32, u32)>,
}

impl Past {
    /// The states with these relationships.
    #[must_use]
    pub fn new(people: usize, intervals: &[Interval]) -> Self {
        Self {
            known: Side::new(people, intervals, |of| (of.knows.source, of.knows.target)),
            knowing: Side::new(people, intervals, |of| (of.knows.target, of.knows.source)),
            since: intervals
                .iter()
                .map(|of| (of.knows.since, of.from, of.to))
                .collect(),
        }
    }

    /// The state after a commit.
    #[must_use]
    pub const fn at(&self, commit: u32) -> At<'_> {
        At { past: self, commit }
    }
}

/// One state of the past.
#[derive(Clone, Copy)]
pub struct At<'p> {
    past: &'p Past,
    commit: u32,
}

impl Adjacency for At<'_> {
    fn known(&self, person: u32, each: impl FnMut(u32)) {
        self.past.known.of(person, self.commit).for_each(each);
    }

    fn knowing(&self, person: u32, each: impl FnMut(u32)) {
        self.past.knowing.of(person, self.commit).for_each(each);
    }

    fn degree(&self, person: u32) -> u32 {
        self.past.known.of(person, self.commit).count() as u32
    }

    fn younger(&self, since: i64) -> u64 {
        let commit = self.commit;
        self.past
            .since
            .iter()
            .map(|&(own, from, to)| u64::from((own > since) & (from <= commit) & (commit < to)))
            .sum()
    }
}
