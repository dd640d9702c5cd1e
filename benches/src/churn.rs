//! 90 days of changes: 65 % relationships added, 20 % deleted, 15 % given another `since`.
//!
//! Relationships are numbered in the order they come to be: those of the loaded graph by their place
//! in it, then those that are added. Commit 0 is the load; the changes are commits 1, 2, 3 …, evenly
//! spread over the days after it.

use hashbrown::HashSet;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::social::{DAY_MS, Knows, LOADED_MS, Social, pair, since};

const DAYS: i64 = 90;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The relationship with the next number comes to be.
    Add(Knows),
    /// The relationship with this number ends.
    Delete(u32),
    /// The relationship with this number gets another `since`.
    Change(u32, i64),
}

/// A relationship as it was over a range of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Its ends and its `since`.
    pub knows: Knows,
    /// The first commit that it is seen at.
    pub from: u32,
    /// The first commit that it is no longer seen at; `u32::MAX` if it still is.
    pub to: u32,
}

/// All changes.
#[derive(Clone, Debug)]
pub struct Churn {
    /// In their order.
    pub updates: Vec<Update>,
    /// How many make a commit.
    pub commit_size: usize,
}

impl Churn {
    /// The changes of a seed.
    #[must_use]
    pub fn generate(social: &Social, count: usize, commit_size: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x6368_7572_6e00);
        let people = social.people.len() as u32;
        let mut known: HashSet<u64> = social
            .relationships
            .iter()
            .map(|knows| pair(knows.source, knows.target))
            .collect();
        let mut all = social.relationships.clone();
        let mut live: Vec<u32> = (0..all.len() as u32).collect();
        let mut updates = Vec::with_capacity(count);
        while updates.len() < count {
            match rng.random_range(0..100) {
                0..65 => {
                    // Half of the time somebody adds who has been adding before.
                    let source = match live.is_empty() || rng.random() {
                        true => rng.random_range(0..people),
                        false => all[live[rng.random_range(0..live.len())] as usize].source,
                    };
                    let target = social.target(&mut rng);
                    if source == target || !known.insert(pair(source, target)) {
                        continue;
                    }
                    let knows = Knows {
                        source,
                        target,
                        since: since(&mut rng),
                    };
                    live.push(all.len() as u32);
                    all.push(knows);
                    updates.push(Update::Add(knows));
                }
                65..85 if !live.is_empty() => {
                    let number = live.swap_remove(rng.random_range(0..live.len()));
                    let knows = all[number as usize];
                    known.remove(&pair(knows.source, knows.target));
                    updates.push(Update::Delete(number));
                }
                85.. if !live.is_empty() => {
                    let number = live[rng.random_range(0..live.len())];
                    updates.push(Update::Change(number, since(&mut rng)));
                }
                _ => {}
            }
        }
        Self {
            updates,
            commit_size,
        }
    }

    /// The commits: the number of each, from 1 on, and its changes.
    pub fn commits(&self) -> impl ExactSizeIterator<Item = (u32, &[Update])> {
        self.updates
            .chunks(self.commit_size)
            .enumerate()
            .map(|(place, updates)| (place as u32 + 1, updates))
    }

    /// The number of commits, without the load.
    #[must_use]
    pub fn commit_count(&self) -> u32 {
        self.updates.len().div_ceil(self.commit_size) as u32
    }

    /// The time of a commit, in microseconds since the epoch; 0 is the load.
    #[must_use]
    pub fn time_us(&self, commit: u32) -> i64 {
        LOADED_MS * 1_000 + i64::from(commit) * self.step_us()
    }

    /// The time between commits in microseconds.
    #[must_use]
    pub fn step_us(&self) -> i64 {
        DAYS * DAY_MS * 1_000 / i64::from(self.commit_count().max(1))
    }

    /// What was to be seen when: every relationship that was visible at some commit.
    #[must_use]
    pub fn intervals(&self, social: &Social) -> Vec<Interval> {
        let begin = |&knows: &Knows| Interval {
            knows,
            from: 0,
            to: u32::MAX,
        };
        let mut current: Vec<Interval> = social.relationships.iter().map(begin).collect();
        let mut ended = Vec::new();
        for (commit, updates) in self.commits() {
            for update in updates {
                match *update {
                    Update::Add(knows) => {
                        current.push(Interval {
                            knows,
                            from: commit,
                            to: u32::MAX,
                        });
                    }
                    Update::Delete(number) => {
                        current[number as usize].to = commit;
                    }
                    Update::Change(number, since) => {
                        let interval = &mut current[number as usize];
                        if interval.from < commit {
                            ended.push(Interval {
                                to: commit,
                                ..*interval
                            });
                        }
                        interval.knows.since = since;
                        interval.from = commit;
                    }
                }
            }
        }
        ended.extend(current);
        ended.retain(|interval| interval.from < interval.to);
        ended
    }

    /// The relationships after all changes.
    #[must_use]
    pub fn outcome(&self, social: &Social) -> Vec<Knows> {
        self.intervals(social)
            .into_iter()
            .filter(|interval| interval.to == u32::MAX)
            .map(|interval| interval.knows)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_say_what_replaying_the_updates_says() {
        let social = Social::generate(60, 300, 3);
        let churn = Churn::generate(&social, 500, 7, 3);
        let intervals = churn.intervals(&social);
        let mut all: Vec<Option<Knows>> = social.relationships.iter().copied().map(Some).collect();
        for (commit, updates) in churn.commits() {
            for update in updates {
                match *update {
                    Update::Add(knows) => all.push(Some(knows)),
                    Update::Delete(number) => all[number as usize] = None,
                    Update::Change(number, since) => {
                        all[number as usize].as_mut().unwrap().since = since;
                    }
                }
            }
            let order = |knows: &Knows| (knows.source, knows.target, knows.since);
            let mut expected: Vec<Knows> = all.iter().flatten().copied().collect();
            let mut found: Vec<Knows> = intervals
                .iter()
                .filter(|interval| interval.from <= commit && commit < interval.to)
                .map(|interval| interval.knows)
                .collect();
            expected.sort_unstable_by_key(order);
            found.sort_unstable_by_key(order);
            assert_eq!(found, expected, "commit {commit}");
        }
        assert_eq!(churn.outcome(&social).len(), all.iter().flatten().count());
    }
}
