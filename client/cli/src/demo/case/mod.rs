//! The generator of the case "harbor": 90 days of an invented investigation, commit by commit.
//!
//! The case opens on 2025-10-12 with extracts of registers (people, organisations, accounts). From
//! 2025-10-20 to 2026-01-17 banks deliver feeds, cameras report sightings, and analysts file
//! documents, discover owners, correct, retract, and merge people that were known under two names.
//! A case is a function of its size alone; [`story`](super::story) is the same in all of them.

mod day;
mod opening;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use clap::ValueEnum;
use retrograph_graph::ids::SystemTime;

use super::calendar::{DAYS, OPENING};
use super::change::{CaseCommit, Keys, NodeKey, RelationshipKey};
use super::dice::Dice;
use super::story::{Cast, Story};

/// The name of the case and of its graph.
pub const NAME: &str = "harbor";

/// Part of the recipe: a change of the generator that changes the case changes this.
const RECIPE: u64 = 1;

/// How large a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// 96 people, about 600 commits: for tests.
    Tiny,
    /// 1,248 people, about 3,000 commits.
    Small,
    /// 12,480 people, about 10,000 commits.
    Medium,
    /// 124,800 people, two million payments, about 20,000 commits.
    Large,
}

impl Size {
    /// The name as the command line has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    const fn scale(self) -> Scale {
        match self {
            Self::Tiny => Scale {
                people: 96,
                accounts: 160,
                organisations: 16,
                rows_per_register_commit: 40,
                payments_per_day: 8,
                payments_per_commit: 4,
                sightings_per_day: 3,
                sightings_per_commit: 3,
                documents: 50,
                corrections: 40,
                retractions: 20,
                discoveries: 20,
                duplicates: 10,
            },
            Self::Small => Scale {
                people: 1_248,
                accounts: 3_102,
                organisations: 180,
                rows_per_register_commit: 100,
                payments_per_day: 288,
                payments_per_commit: 14,
                sightings_per_day: 24,
                sightings_per_commit: 5,
                documents: 300,
                corrections: 250,
                retractions: 60,
                discoveries: 60,
                duplicates: 40,
            },
            Self::Medium => Scale {
                people: 12_480,
                accounts: 31_020,
                organisations: 1_800,
                rows_per_register_commit: 500,
                payments_per_day: 2_870,
                payments_per_commit: 36,
                sightings_per_day: 220,
                sightings_per_commit: 12,
                documents: 1_200,
                corrections: 900,
                retractions: 300,
                discoveries: 300,
                duplicates: 150,
            },
            Self::Large => Scale {
                people: 124_800,
                accounts: 310_200,
                organisations: 18_000,
                rows_per_register_commit: 5_000,
                payments_per_day: 28_700,
                payments_per_commit: 200,
                sightings_per_day: 2_200,
                sightings_per_commit: 100,
                documents: 3_000,
                corrections: 3_000,
                retractions: 900,
                discoveries: 900,
                duplicates: 500,
            },
        }
    }
}

/// How much of everything there is.
struct Scale {
    people: u32,
    accounts: u32,
    organisations: u32,
    rows_per_register_commit: usize,
    /// On working days; two fifths of them on others.
    payments_per_day: u32,
    payments_per_commit: u32,
    sightings_per_day: u32,
    sightings_per_commit: u32,
    /// Of the following in 100 days.
    documents: u32,
    corrections: u32,
    retractions: u32,
    discoveries: u32,
    duplicates: u32,
}

/// A person known under two names, until the analysts find out.
struct Duplicate {
    person: NodeKey,
    name: String,
    id: String,
    survivor: NodeKey,
    document: NodeKey,
    mention: RelationshipKey,
    merge_day: i64,
}

/// The commits of a case in order of time. Times increase strictly.
pub struct Case {
    scale: Scale,
    dice: Dice,
    keys: Keys,
    cast: Cast,
    story: Story,
    /// The next day to be generated.
    day: i64,
    ready: VecDeque<CaseCommit>,
    last: SystemTime,
    /// Sightings and payments (with amounts) of late, which may be retracted and corrected.
    sightings: VecDeque<RelationshipKey>,
    payments: VecDeque<(RelationshipKey, u32)>,
    /// What may be corrected, in the order of people and accounts: a correction that changes nothing
    /// would be no commit.
    cities: Vec<&'static str>,
    statuses: Vec<&'static str>,
    duplicates: VecDeque<Duplicate>,
    documents: u32,
    payment_references: u32,
}

impl Case {
    /// The case of a size.
    pub fn new(size: Size) -> Self {
        Self {
            scale: size.scale(),
            dice: Dice::new(RECIPE << 32 | size as u64),
            keys: Keys::default(),
            cast: Cast {
                people: Vec::new(),
                organisations: Vec::new(),
                accounts: Vec::new(),
                places: Vec::new(),
            },
            story: Story::default(),
            day: OPENING,
            ready: VecDeque::new(),
            last: SystemTime(0),
            sightings: VecDeque::new(),
            payments: VecDeque::new(),
            cities: Vec::new(),
            statuses: Vec::new(),
            duplicates: VecDeque::new(),
            documents: 0,
            payment_references: 0,
        }
    }

    /// How much of the case has been generated: days gone and days in all.
    pub fn progress(&self) -> (u64, u64) {
        let gone = self.day.clamp(0, DAYS).unsigned_abs();
        (gone, DAYS.unsigned_abs())
    }

    /// Puts the commits of one day in order.
    fn finish_day(&mut self, mut commits: Vec<CaseCommit>) {
        commits.retain(|commit| !commit.changes.is_empty());
        commits.sort_by_key(|commit| commit.time);
        for mut commit in commits {
            commit.time = commit.time.max(SystemTime(self.last.0 + 1));
            self.last = commit.time;
            self.ready.push_back(commit);
        }
    }
}

impl Iterator for Case {
    type Item = CaseCommit;

    fn next(&mut self) -> Option<CaseCommit> {
        while self.ready.is_empty() && self.day < DAYS {
            let today = self.day;
            let commits = if today == OPENING {
                self.day = 0;
                self.open()
            } else {
                self.day += 1;
                self.live(today)
            };
            self.finish_day(commits);
        }
        self.ready.pop_front()
    }
}
