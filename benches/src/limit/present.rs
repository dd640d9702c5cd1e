//! The relationships of one state in compressed rows, both ways.

use super::Adjacency;
use crate::social::Knows;

/// The neighbours of all people in one direction: those of a person lie between two offsets.
struct Side {
    offsets: Vec<u32>,
    neighbours: Vec<u32>,
}

impl Side {
    fn new(people: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut offsets = vec![0u32; people + 1];
        for (person, _) in pairs.clone() {
            offsets[person as usize + 1] += 1;
        }
        for place in 0..people {
            offsets[place + 1] += offsets[place];
        }
        let mut next = offsets.clone();
        let mut neighbours = vec![0; offsets[people] as usize];
        for (person, neighbour) in pairs {
            let place = &mut next[person as usize];
            neighbours[*place as usize] = neighbour;
            *place += 1;
        }
        Self {
            offsets,
            neighbours,
        }
    }

    fn of(&self, person: u32) -> &[u32] {
        let person = person as usize;
        &self.neighbours[self.offsets[person] as usize..self.offsets[person + 1] as usize]
    }
}

/// One state of the relationships.
pub struct Present {
    known: Side,
    knowing: Side,
    since: Vec<i64>,
}

impl Present {
    /// The state with these relationships.
    #[must_use]
    pub fn new(people: usize, relationships: &[Knows]) -> Self {
        let pairs = relationships.iter();
        Self {
            known: Side::new(
                people,
                pairs.clone().map(|knows| (knows.source, knows.target)),
            ),
            knowing: Side::new(people, pairs.map(|knows| (knows.target, knows.source))),
            since: relationships.iter().map(|knows| knows.since).collect(),
        }
    }
}

impl Adjacency for Present {
    fn known(&self, person: u32, each: impl FnMut(u32)) {
        self.known.of(person).iter().copied().for_each(each);
    }

    fn knowing(&self, person: u32, each: impl FnMut(u32)) {
        self.knowing.of(person).iter().copied().for_each(each);
    }

    fn degree(&self, person: u32) -> u32 {
        self.known.of(person).len() as u32
    }

    fn younger(&self, since: i64) -> u64 {
        self.since.iter().map(|&own| u64::from(own > since)).sum()
    }
}
