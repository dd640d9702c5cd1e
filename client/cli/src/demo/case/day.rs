//! A day of feeds, sightings and analysis.

use std::collections::VecDeque;

use retrograph_graph::value::Value;

use super::{Case, Duplicate};
use crate::demo::calendar::{at, date, instant, is_weekend};
use crate::demo::change::{CaseCommit, Change, NodeKey};
use crate::demo::dice::Dice;
use crate::demo::{names, story};

/// How many payments and sightings analysts look back at.
const LOOK_BACK: usize = 200;

impl Case {
    pub(super) fn live(&mut self, today: i64) -> Vec<CaseCommit> {
        let mut commits = self.story.on(today, &self.cast, &mut self.keys);
        for feed in 0..4 {
            self.feed(feed, today, &mut commits);
        }
        for _ in 0..self.dice.times(self.scale.documents) {
            commits.push(self.file_document(today));
        }
        for _ in 0..self.dice.times(self.scale.corrections) {
            commits.push(self.correct(today));
        }
        for _ in 0..self.dice.times(self.scale.retractions) {
            commits.extend(self.retract(today));
        }
        for _ in 0..self.dice.times(self.scale.discoveries) {
            commits.push(self.discover(today));
        }
        for _ in 0..self.dice.times(self.scale.duplicates) {
            commits.push(self.find_duplicate(today));
        }
        while self
            .duplicates
            .front()
            .is_some_and(|duplicate| duplicate.merge_day <= today)
        {
            let duplicate = self
                .duplicates
                .pop_front()
                .expect("there is one at the front");
            commits.push(self.merge(duplicate, today));
        }
        // Last, since analysts look back only at sightings of earlier days.
        self.watch(today, &mut commits);
        commits
    }

    /// The payments of yesterday from one bank.
    fn feed(&mut self, feed: u32, today: i64, commits: &mut Vec<CaseCommit>) {
        let yesterday = today - 1;
        let of_day = self.scale.payments_per_day;
        let of_day = if is_weekend(yesterday) {
            of_day * 2 / 5
        } else {
            of_day
        };
        let count = of_day / 4 + u32::from(feed < of_day % 4);
        let (mut chunk, mut left) = (0, count);
        while left > 0 {
            let time = instant(today, (6, 10 * i64::from(feed), 10 * chunk));
            let source = format!("bank-feed-{}", feed + 1);
            let mut commit = CaseCommit::new(time, "import-bank", source, "daily feed");
            let rows = left.min(self.scale.payments_per_commit);
            for _ in 0..rows {
                self.payment(feed, yesterday, &mut commit);
            }
            left -= rows;
            chunk += 1;
            commits.push(commit);
        }
    }

    fn payment(&mut self, feed: u32, day: i64, commit: &mut CaseCommit) {
        let accounts = self.scale.accounts;
        let from = loop {
            let index = self.dice.skewed_below(accounts / 4) * 4 + (feed + 2) % 4;
            if !is_of_story(index) {
                break index;
            }
        };
        let to = loop {
            let index = self.dice.skewed_below(accounts);
            if !is_of_story(index) && index != from {
                break index;
            }
        };
        let magnitude = *self.dice.pick(&[20, 45, 90, 160, 400, 900, 2_400, 8_000]);
        let amount = magnitude + self.dice.below(magnitude);
        let second = i64::from(self.dice.below(86_400));
        self.payment_references += 1;
        let ends = (
            self.cast.accounts[from as usize],
            self.cast.accounts[to as usize],
        );
        let properties = vec![
            ("amount", Value::Int(i64::from(amount))),
            ("at", at(day, (0, 0, second))),
            (
                "reference",
                format!("PX-{:07}", self.payment_references).into(),
            ),
        ];
        let payment = self.keys.relationship(commit, "PAID", ends, properties);
        remember(&mut self.payments, (payment, amount));
    }

    /// The sightings of the day.
    fn watch(&mut self, today: i64, commits: &mut Vec<CaseCommit>) {
        let mut left = self.scale.sightings_per_day;
        while left > 0 {
            let hour = 8 + i64::from(self.dice.below(12));
            let minute = i64::from(self.dice.below(60));
            let camera = self.dice.below(24) + 1;
            let source = format!("cam-{camera:02}");
            let time = instant(today, (hour, minute, 30));
            let mut commit = CaseCommit::new(time, "import-cameras", source.clone(), "sightings");
            let rows = left.min(self.scale.sightings_per_commit);
            for row in 0..rows {
                let person = self.ordinary_person();
                let place = *self.dice.pick(&self.cast.places);
                let confidence = f64::from(50 + self.dice.below(50)) / 100.0;
                let seen = (hour - 1, minute, i64::from(row));
                let properties = story::sighting(today, seen, &source, confidence);
                let seen = (person, place);
                let sighting = self
                    .keys
                    .relationship(&mut commit, "SEEN_AT", seen, properties);
                remember(&mut self.sightings, sighting);
            }
            left -= rows;
            commits.push(commit);
        }
    }

    /// Somebody who is not of the story.
    fn ordinary_person(&mut self) -> NodeKey {
        let index = self.ordinary_person_index();
        self.cast.people[index]
    }

    fn ordinary_person_index(&mut self) -> usize {
        loop {
            let index = self.dice.skewed_below(self.scale.people);
            if story::STORY_PEOPLE
                .iter()
                .all(|(number, ..)| *number != index + 1)
            {
                return index as usize;
            }
        }
    }

    /// An analyst's commit at some time of a working day.
    fn analysis(&mut self, today: i64, source: String, activity: &'static str) -> CaseCommit {
        let analyst = *self.dice.pick(names::ANALYSTS);
        let second = i64::from(self.dice.below(8 * 3_600));
        CaseCommit::new(instant(today, (9, 0, second)), analyst, source, activity)
    }

    fn file_document(&mut self, today: i64) -> CaseCommit {
        let (commit, _) = self.document(today);
        commit
    }

    /// A document that mentions a few people and an account.
    fn document(&mut self, today: i64) -> (CaseCommit, NodeKey) {
        self.documents += 1;
        let number = self.documents;
        let (kind, title) = *self.dice.pick(names::DOCUMENTS);
        let mut commit = self.analysis(today, format!("{kind}-{number}"), "filing");
        let properties = vec![
            ("id", format!("D-{number:04}").into()),
            ("kind", kind.into()),
            ("title", format!("{title} {number}").into()),
            ("filed", date(today)),
        ];
        let document = self.keys.node(&mut commit, "Document", properties);
        let mut mentioned: Vec<NodeKey> = Vec::new();
        for _ in 0..=self.dice.below(3) {
            let person = self.ordinary_person();
            if !mentioned.contains(&person) {
                mentioned.push(person);
            }
        }
        let account = self.dice.below(self.scale.accounts) as usize;
        mentioned.push(self.cast.accounts[account]);
        for mentioned in mentioned {
            let page = story::page(i64::from(1 + self.dice.below(20)));
            self.keys
                .relationship(&mut commit, "MENTIONS", (document, mentioned), page);
        }
        (commit, document)
    }

    /// A mistake that is put right: where somebody lives, how much was paid, a closed account.
    fn correct(&mut self, today: i64) -> CaseCommit {
        let choice = self.dice.below(3);
        let source = match choice {
            0 => "civil-register",
            1 => "bank-query",
            _ => "bank-register",
        };
        let mut commit = self.analysis(today, source.to_owned(), "correction");
        match choice {
            0 => {
                let person = self.ordinary_person_index();
                let city = other_than(&mut self.dice, self.cities[person], names::CITIES);
                self.cities[person] = city;
                commit.set_node(self.cast.people[person], vec![("city", city.into())]);
            }
            1 => {
                if let Some(at) = self.dice.place_in(self.payments.len()) {
                    // Two digits had been exchanged: such amounts differ by a multiple of nine.
                    let difference = 9 * (1 + self.dice.below(900));
                    let (payment, amount) = &mut self.payments[at];
                    *amount += difference;
                    let amount = Value::Int(i64::from(*amount));
                    commit.set_relationship(*payment, vec![("amount", amount)]);
                }
            }
            _ => {
                let account = loop {
                    let index = self.dice.below(self.scale.accounts);
                    if !is_of_story(index) {
                        break index as usize;
                    }
                };
                let status = other_than(
                    &mut self.dice,
                    self.statuses[account],
                    &["open", "dormant", "closed"],
                );
                self.statuses[account] = status;
                commit.set_node(self.cast.accounts[account], vec![("status", status.into())]);
            }
        }
        commit
    }

    /// A sighting that was none.
    fn retract(&mut self, today: i64) -> Option<CaseCommit> {
        let at = self.dice.place_in(self.sightings.len())?;
        let sighting = self.sightings.remove(at)?;
        let mut commit = self.analysis(today, "camera-review".to_owned(), "retraction");
        commit.delete_relationship(sighting);
        Some(commit)
    }

    /// An owner found later than the ownership began.
    fn discover(&mut self, today: i64) -> CaseCommit {
        let person = self.ordinary_person();
        let organisation = loop {
            let index = self.dice.below(self.scale.organisations);
            if story::STORY_ORGANISATIONS
                .iter()
                .all(|(number, _)| *number != index + 1)
            {
                break self.cast.organisations[index as usize];
            }
        };
        let since = today - 30 - i64::from(self.dice.below(1_500));
        let filing = self.dice.below(900) + 100;
        let share = i64::from(10 * (1 + self.dice.below(10)));
        let mut commit = self.analysis(today, format!("court-filing-{filing}"), "discovery");
        let properties = vec![("share", Value::Int(share)), ("since", date(since))];
        self.keys
            .relationship(&mut commit, "OWNS", (person, organisation), properties);
        commit
    }

    /// A document that knows somebody by another spelling.
    fn find_duplicate(&mut self, today: i64) -> CaseCommit {
        let survivor = self.ordinary_person();
        let (mut commit, document) = self.document(today);
        let name = self.name();
        let family = name
            .split_once(' ')
            .map_or(name.as_str(), |(_, family)| family);
        let initial = name.chars().next().unwrap_or('N');
        let name = format!("{initial}. {family}");
        let id = format!("P-X1{:03}", self.documents);
        let properties = vec![("id", id.as_str().into()), ("name", name.as_str().into())];
        let person = self.keys.node(&mut commit, "Person", properties);
        let page = story::page(1);
        let mention = self
            .keys
            .relationship(&mut commit, "MENTIONS", (document, person), page);
        self.duplicates.push_back(Duplicate {
            person,
            name,
            id,
            survivor,
            document,
            mention,
            merge_day: today + 14,
        });
        commit
    }

    /// Two people turn out to be one.
    fn merge(&mut self, duplicate: Duplicate, today: i64) -> CaseCommit {
        let mut commit = self.analysis(today, "analyst-review".to_owned(), "merge");
        commit.delete_relationship(duplicate.mention);
        let ends = (duplicate.document, duplicate.survivor);
        self.keys
            .relationship(&mut commit, "MENTIONS", ends, story::page(1));
        commit.set_node(
            duplicate.survivor,
            vec![
                ("aliases", Value::list([Value::from(duplicate.name)])),
                ("merged", Value::list([Value::from(duplicate.id)])),
            ],
        );
        commit.changes.push(Change::DeleteNode {
            node: duplicate.person,
        });
        commit
    }
}

fn is_of_story(account: u32) -> bool {
    story::STORY_ACCOUNTS.contains(&(story::FIRST_ACCOUNT + account))
}

fn remember<T>(recent: &mut VecDeque<T>, new: T) {
    if recent.len() == LOOK_BACK {
        recent.pop_front();
    }
    recent.push_back(new);
}

/// A word of a list that is not the one in force.
fn other_than(dice: &mut Dice, current: &'static str, words: &[&'static str]) -> &'static str {
    loop {
        let word = *dice.pick(words);
        if word != current {
            return word;
        }
    }
}
