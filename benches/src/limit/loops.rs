//! One loop for each family.
//!
//! Three and four hops need more than sets of people, because a trail passes no relationship twice.
//! Between two people there is at most one relationship each way and nobody knows themselves, so a
//! walk `p v1 v2 v3 v4` repeats one exactly if
//!
//! ```text
//! v2 = p  and v3 = v1     p→v1→p→v1
//! v3 = v1 and v4 = v2        v1→v2→v1→v2
//! v3 = p  and v4 = v1     p→v1→v2→p→v1
//! ```
//!
//! Each person reached carries a *witness*: the first step `v1` of the trails there if it is the same
//! for all, or [`MANY`]. That is enough to tell which walks have an alternative that is a trail.

use std::sync::Arc;

use hashbrown::HashMap;
use retrograph_graph::value::Value;

use super::{Adjacency, Answer};
use crate::draw::Draw;
use crate::family::Family;
use crate::social::Social;

/// The witness of a person with trails whose first steps differ, or with one whose first step is
/// someone else.
const MANY: u32 = u32::MAX;

/// What is over 40.
const AGE: u8 = 40;

/// The people, and the working memory of the loops.
pub struct Loops {
    ids: Vec<i64>,
    numbers: HashMap<i64, u32>,
    names: Vec<Arc<str>>,
    ages: Vec<u8>,
    cities: Vec<u8>,
    city_names: Vec<Arc<str>>,
    levels: [Level; 2],
    depths: [Vec<u32>; 2],
}

/// The people at a distance, each with a witness.
#[derive(Default)]
struct Level {
    round: u32,
    rounds: Vec<u32>,
    witnesses: Vec<u32>,
    people: Vec<u32>,
}

impl Level {
    fn new(people: usize) -> Self {
        Self {
            round: 0,
            rounds: vec![0; people],
            witnesses: vec![0; people],
            people: Vec::with_capacity(people),
        }
    }

    fn begin(&mut self) {
        self.people.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.rounds.fill(0);
            self.round = 1;
        }
    }

    fn add(&mut self, person: u32) {
        let round = &mut self.rounds[person as usize];
        if *round != self.round {
            *round = self.round;
            self.people.push(person);
        }
    }

    fn add_with(&mut self, person: u32, witness: u32) {
        let place = person as usize;
        if self.rounds[place] != self.round {
            self.rounds[place] = self.round;
            self.witnesses[place] = witness;
            self.people.push(person);
        } else if self.witnesses[place] != witness {
            self.witnesses[place] = MANY;
        }
    }

    fn has(&self, person: u32) -> bool {
        self.rounds[person as usize] == self.round
    }

    fn witness(&self, person: u32) -> u32 {
        self.witnesses[person as usize]
    }
}

impl Loops {
    /// The loops over these people.
    #[must_use]
    pub fn new(social: &Social) -> Self {
        let people = &social.people;
        let numbered = (0u32..)
            .zip(people)
            .map(|(number, person)| (person.id, number));
        Self {
            ids: people.iter().map(|person| person.id).collect(),
            numbers: numbered.collect(),
            names: people
                .iter()
                .map(|person| Arc::clone(&person.name))
                .collect(),
            ages: people.iter().map(|person| person.age).collect(),
            cities: people.iter().map(|person| person.city).collect(),
            city_names: social.cities.clone(),
            levels: [Level::new(people.len()), Level::new(people.len())],
            depths: [vec![0; people.len()], vec![0; people.len()]],
        }
    }

    /// Answers a question.
    pub fn answer(
        &mut self,
        family: Family,
        draw: &Draw,
        graph: &impl Adjacency,
        out: &mut Answer,
    ) {
        let person = |id: i64| self.numbers[&id];
        out.begin(1);
        match family {
            Family::PointRead => {
                let place = person(draw.id) as usize;
                out.begin(2);
                let name = Value::String(Arc::clone(&self.names[place]));
                out.row([name, Value::Int(self.ages[place].into())]);
            }
            Family::HopRows => {
                graph.known(person(draw.id), |known| {
                    out.row([Value::Int(self.ids[known as usize])]);
                });
            }
            Family::Hop1 | Family::Hop1Filtered => {
                let person = person(draw.id);
                let [level, _] = &mut self.levels;
                level.begin();
                graph.known(person, |known| level.add(known));
                out.row([count(level, family == Family::Hop1Filtered, &self.ages)]);
            }
            Family::Hop2 | Family::Hop2Filtered => {
                let person = person(draw.id);
                let [level, _] = &mut self.levels;
                level.begin();
                graph.known(person, |first| {
                    graph.known(first, |second| level.add(second))
                });
                out.row([count(level, family == Family::Hop2Filtered, &self.ages)]);
            }
            Family::Hop3 => {
                let person = person(draw.id);
                self.three(person, graph);
                out.row([count(&self.levels[1], false, &self.ages)]);
            }
            Family::Hop4 => {
                let person = person(draw.id);
                self.three(person, graph);
                self.four(person, graph);
                out.row([count(&self.levels[0], false, &self.ages)]);
            }
            Family::Count => out.row([int(self.ids.len())]),
            Family::CountFiltered => {
                out.row([int(self.ages.iter().filter(|&&age| age > AGE).count())]);
            }
            Family::AverageAge => {
                let sum: u64 = self.ages.iter().map(|&age| u64::from(age)).sum();
                out.row([Value::Float(sum as f64 / self.ages.len() as f64)]);
            }
            Family::Cities => {
                let mut counts = [0usize; 256];
                for &city in &self.cities {
                    counts[usize::from(city)] += 1;
                }
                out.begin(2);
                for (city, count) in self.city_names.iter().zip(counts) {
                    if count > 0 {
                        out.row([Value::String(Arc::clone(city)), int(count)]);
                    }
                }
            }
            Family::EdgeScan => out.row([Value::Int(graph.younger(draw.since) as i64)]),
            Family::TopDegree => self.top(graph, out),
            Family::Cycle => {
                let person = person(draw.id);
                let [level, _] = &mut self.levels;
                level.begin();
                graph.knowing(person, |knowing| level.add(knowing));
                let mut cycles = 0;
                graph.known(person, |known| cycles += usize::from(level.has(known)));
                out.row([int(cycles)]);
            }
            Family::Triangle => {
                let person = person(draw.id);
                let [level, _] = &mut self.levels;
                level.begin();
                graph.knowing(person, |knowing| level.add(knowing));
                let mut triangles = 0;
                graph.known(person, |first| {
                    graph.known(first, |second| triangles += usize::from(level.has(second)));
                });
                out.row([int(triangles)]);
            }
            Family::ShortestPath => {
                let (from, to) = (person(draw.id), person(draw.other));
                if let Some(length) = self.distance(from, to, graph) {
                    out.row([int(length as usize)]);
                }
            }
        }
    }

    /// Fills the second level with those three steps away, and their witnesses; the first with those
    /// two steps away.
    fn three(&mut self, person: u32, graph: &impl Adjacency) {
        let [two, three] = &mut self.levels;
        two.begin();
        graph.known(person, |first| {
            graph.known(first, |second| two.add_with(second, first))
        });
        three.begin();
        for &second in &two.people {
            let witness = two.witness(second);
            graph.known(second, |third| {
                if second != person {
                    three.add_with(third, witness);
                } else if witness != third {
                    // Of several first steps one is not this person; of one it is someone else.
                    three.add_with(third, witness);
                }
            });
        }
    }

    /// Fills the first level with those four steps away, given the second.
    fn four(&mut self, person: u32, graph: &impl Adjacency) {
        let [four, three] = &mut self.levels;
        four.begin();
        for &third in &three.people {
            let witness = three.witness(third);
            if third == person {
                graph.known(third, |fourth| {
                    if witness != fourth {
                        four.add(fourth);
                    }
                });
            } else if witness != third {
                graph.known(third, |fourth| four.add(fourth));
            } else {
                // All trails here begin with the step here: p→third→v2→third.
                let (mut turns, mut turn) = (0, 0);
                graph.known(third, |second| {
                    let mut is_turn = false;
                    if second != person {
                        graph.known(second, |back| is_turn |= back == third);
                    }
                    if is_turn {
                        turns += 1;
                        turn = second;
                    }
                });
                graph.known(third, |fourth| {
                    if turns > 1 || (turns == 1 && fourth != turn) {
                        four.add(fourth);
                    }
                });
            }
        }
    }

    /// The ten who know most, then those with the least id.
    fn top(&self, graph: &impl Adjacency, out: &mut Answer) {
        const TOP: usize = 10;
        let mut top: Vec<(u32, i64)> = Vec::with_capacity(TOP + 1);
        for (number, &id) in (0u32..).zip(&self.ids) {
            let degree = graph.degree(number);
            let is_full = top.len() == TOP;
            if degree == 0 || is_full && top.last().is_some_and(|last| degree < last.0) {
                continue;
            }
            let place = top.partition_point(|&(d, i)| d > degree || (d == degree && i < id));
            top.insert(place, (degree, id));
            top.truncate(TOP);
        }
        out.begin(2);
        for (degree, id) in top {
            out.row([Value::Int(id), Value::Int(degree.into())]);
        }
    }

    /// The length of a shortest path, searched from both ends.
    fn distance(&mut self, from: u32, to: u32, graph: &impl Adjacency) -> Option<u32> {
        let [ahead, behind] = &mut self.levels;
        let [depths_ahead, depths_behind] = &mut self.depths;
        ahead.begin();
        behind.begin();
        ahead.add(from);
        behind.add(to);
        depths_ahead[from as usize] = 0;
        depths_behind[to as usize] = 0;
        // The people of a level from `begun` on are those of the last depth.
        let (mut begun_ahead, mut begun_behind) = (0, 0);
        let mut best: Option<u32> = None;
        loop {
            let (left_ahead, left_behind) = (
                ahead.people.len() - begun_ahead,
                behind.people.len() - begun_behind,
            );
            if left_ahead == 0 || left_behind == 0 {
                return None;
            }
            let is_ahead = left_ahead <= left_behind;
            let (own, other, begun, depths, far) = if is_ahead {
                (
                    &mut *ahead,
                    &*behind,
                    &mut begun_ahead,
                    &mut *depths_ahead,
                    &*depths_behind,
                )
            } else {
                (
                    &mut *behind,
                    &*ahead,
                    &mut begun_behind,
                    &mut *depths_behind,
                    &*depths_ahead,
                )
            };
            let end = own.people.len();
            for place in *begun..end {
                let person = own.people[place];
                let depth = depths[person as usize] + 1;
                let mut step = |next: u32| {
                    if own.has(next) {
                        return;
                    }
                    own.add(next);
                    depths[next as usize] = depth;
                    if other.has(next) {
                        let length = depth + far[next as usize];
                        best = Some(best.map_or(length, |best| best.min(length)));
                    }
                };
                if is_ahead {
                    graph.known(person, &mut step);
                } else {
                    graph.knowing(person, &mut step);
                }
            }
            *begun = end;
            if best.is_some() {
                return best;
            }
        }
    }
}

fn int(count: usize) -> Value {
    Value::Int(count as i64)
}

fn count(level: &Level, filtered: bool, ages: &[u8]) -> Value {
    if !filtered {
        return int(level.people.len());
    }
    int(level
        .people
        .iter()
        .filter(|&&person| ages[person as usize] > AGE)
        .count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::churn::Churn;
    use crate::draw::draws;
    use crate::limit::{Past, Present};
    use crate::social::Knows;
    use hashbrown::HashSet;

    /// Those at the end of a trail of so many steps, by following all trails.
    fn ends(relationships: &[Knows], from: u32, steps: usize) -> HashSet<u32> {
        fn follow(
            all: &[Knows],
            at: u32,
            left: usize,
            used: &mut Vec<usize>,
            out: &mut HashSet<u32>,
        ) {
            if left == 0 {
                out.insert(at);
                return;
            }
            for (place, knows) in all.iter().enumerate() {
                if knows.source == at && !used.contains(&place) {
                    used.push(place);
                    follow(all, knows.target, left - 1, used, out);
                    used.pop();
                }
            }
        }
        let mut out = HashSet::new();
        follow(relationships, from, steps, &mut Vec::new(), &mut out);
        out
    }

    #[test]
    fn hops_count_the_ends_of_trails() {
        for seed in 0..200 {
            // Few people, many of whom know each other: walks that turn back are common.
            let social = Social::generate(12, 33, seed);
            let present = Present::new(12, &social.relationships);
            let mut loops = Loops::new(&social);
            let mut out = Answer::default();
            let churn = Churn::generate(&social, 1, 1, seed);
            for draw in &draws(&social, &churn, seed)[..12] {
                let from = loops.numbers[&draw.id];
                let families = [Family::Hop1, Family::Hop2, Family::Hop3, Family::Hop4];
                for (steps, family) in families.into_iter().enumerate() {
                    let expected = ends(&social.relationships, from, steps + 1).len();
                    loops.answer(family, draw, &present, &mut out);
                    assert_eq!(
                        out.sorted(),
                        [expected.to_string()],
                        "{family:?}, seed {seed}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_past_answers_as_a_present_of_that_time() {
        let social = Social::generate(60, 300, 5);
        let churn = Churn::generate(&social, 400, 10, 5);
        let intervals = churn.intervals(&social);
        let past = Past::new(60, &intervals);
        let mut loops = Loops::new(&social);
        let (mut expected, mut found) = (Answer::default(), Answer::default());
        for draw in &draws(&social, &churn, 5)[..100] {
            let then: Vec<Knows> = intervals
                .iter()
                .filter(|of| of.from <= draw.commit && draw.commit < of.to)
                .map(|of| of.knows)
                .collect();
            let present = Present::new(60, &then);
            for family in Family::ALL {
                loops.answer(family, draw, &present, &mut expected);
                loops.answer(family, draw, &past.at(draw.commit), &mut found);
                assert_eq!(found.sorted(), expected.sorted(), "{family:?}");
            }
        }
    }
}
