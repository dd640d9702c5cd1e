//! The generator of the case "harbor": 90 days of an invented investigation, commit by commit.
//!
//! The case opens on 2025-10-12 with extracts of registers (people, organisations, accounts). From
//! 2025-10-20 to 2026-01-17 banks deliver feeds, cameras report sightings, and analysts file
//! documents, discover owners, correct, retract, and merge people that were known under two names.
//! A case is a function of its size alone; [`story`](super::story) is the same in all of them.

use std::collections::VecDeque;

use clap::ValueEnum;
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

use super::calendar::{DAYS, OPENING, at, date, instant, is_weekend};
use super::change::{CaseCommit, Change, Keys, NodeKey, RelationshipKey};
use super::dice::Dice;
use super::names;
use super::story::{self, Cast, Owner, Story};

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

/// How many payments and sightings analysts look back at.
const LOOK_BACK: usize = 200;

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

/// The opening: extracts of registers.
impl Case {
    fn open(&mut self) -> Vec<CaseCommit> {
        let mut register = Register::new(self.scale.rows_per_register_commit);
        for (name, label) in [
            ("person_id", "Person"),
            ("account_id", "Account"),
            ("organisation_id", "Organisation"),
            ("document_id", "Document"),
        ] {
            let commit = register.next("ana", "case-setup", "schema");
            commit.changes.push(Change::Unique {
                name,
                label,
                property: "id",
            });
        }
        let commit = register.next("ana", "case-setup", "opening");
        for name in names::PLACES {
            let place = self
                .keys
                .node(commit, "Place", vec![("name", (*name).into())]);
            self.cast.places.push(place);
        }
        for number in 1..=self.scale.people {
            self.person(number, register.row("import-registry", "civil-register"));
        }
        for number in 1..=self.scale.organisations {
            self.organisation(number, register.row("import-registry", "company-register"));
        }
        for index in 0..self.scale.accounts {
            let source = format!("bank-register-{}", feed_of(index) + 1);
            self.account(index, register.row("import-bank", &source));
        }
        let commit = register.next("import-registry", "company-register", "registers");
        self.story.open(&self.cast, &mut self.keys, commit);
        register.commits
    }

    fn person(&mut self, number: u32, commit: &mut CaseCommit) {
        let story = story::STORY_PEOPLE.iter().find(|(at, ..)| *at == number);
        // Everybody costs the same dice, so that the story's people change nobody else.
        let name = self.name();
        let born = date(-(20 * 365 + i64::from(self.dice.below(55 * 365))));
        let city = *self.dice.pick(names::CITIES);
        let (name, born) = match story {
            Some((_, name, (year, month, day))) => (
                (*name).to_owned(),
                super::calendar::calendar_date(*year, *month, *day),
            ),
            None => (name, born),
        };
        let properties = vec![
            ("id", format!("P-{number:05}").into()),
            ("name", name.into()),
            ("born", born),
            ("city", city.into()),
        ];
        let person = self.keys.node(commit, "Person", properties);
        self.cast.people.push(person);
        self.cities.push(city);
    }

    fn name(&mut self) -> String {
        let given = self.dice.pick(names::GIVEN_NAMES);
        let family = self.dice.pick(names::FAMILY_NAMES);
        format!("{given} {family}")
    }

    fn organisation(&mut self, number: u32, commit: &mut CaseCommit) {
        let first = self.dice.pick(names::COMPANY_FIRST);
        let second = self.dice.pick(names::COMPANY_SECOND);
        let name = format!("{first} {second} {}", self.dice.pick(names::COMPANY_FORM));
        let country = *self.dice.pick(names::COUNTRIES);
        let director = self.dice.below(self.scale.people);
        let since = date(-365 - i64::from(self.dice.below(15 * 365)));
        let story = story::STORY_ORGANISATIONS
            .iter()
            .find(|(at, _)| *at == number);
        let properties = vec![
            ("id", format!("O-{number:04}").into()),
            (
                "name",
                story.map_or(name, |(_, name)| (*name).to_owned()).into(),
            ),
            ("country", country.into()),
        ];
        let organisation = self.keys.node(commit, "Organisation", properties);
        self.cast.organisations.push(organisation);
        if story.is_none() {
            let ends = (self.cast.people[director as usize], organisation);
            self.keys
                .relationship(commit, "DIRECTS", ends, vec![("since", since)]);
        }
    }

    fn account(&mut self, index: u32, commit: &mut CaseCommit) {
        let number = story::FIRST_ACCOUNT + index;
        let bank = names::BANKS[feed_of(index) as usize];
        let opened = -30 - i64::from(self.dice.below(12 * 365));
        let owner = if self.dice.percent(15) {
            self.cast.organisations[self.dice.below(self.scale.organisations) as usize]
        } else {
            self.cast.people[self.dice.below(self.scale.people) as usize]
        };
        let story = story::STORY_OWNERS.iter().find(|(at, _)| *at == number);
        let owner = match story {
            Some((_, Owner::Person(number))) => self.cast.people[*number as usize - 1],
            Some((_, Owner::Organisation(number))) => self.cast.organisations[*number as usize - 1],
            None => owner,
        };
        let properties = vec![
            ("id", format!("A-{number}").into()),
            ("bank", bank.into()),
            ("opened", date(opened)),
            ("status", "open".into()),
        ];
        let account = self.keys.node(commit, "Account", properties);
        self.cast.accounts.push(account);
        self.statuses.push("open");
        self.keys.relationship(
            commit,
            "OWNS",
            (owner, account),
            vec![("since", date(opened))],
        );
    }
}

/// The feed that reports an account, 0 to 3: that of its bank.
const fn feed_of(account: u32) -> u32 {
    (account + 2) % 4
}

/// Commits of the opening, each with a number of rows of one source.
struct Register {
    rows_per_commit: usize,
    commits: Vec<CaseCommit>,
}

impl Register {
    const fn new(rows_per_commit: usize) -> Self {
        Self {
            rows_per_commit,
            commits: Vec::new(),
        }
    }

    /// A new commit, a second after the last one.
    fn next(
        &mut self,
        actor: &'static str,
        source: &str,
        activity: &'static str,
    ) -> &mut CaseCommit {
        let seconds = i64::try_from(self.commits.len()).expect("registers are short");
        let time = instant(OPENING, (8, 14, 3 + seconds));
        self.commits
            .push(CaseCommit::new(time, actor, source, activity));
        self.commits.last_mut().expect("one was pushed")
    }

    /// The commit for the next row of a source: the last one, unless it is full or another's.
    fn row(&mut self, actor: &'static str, source: &str) -> &mut CaseCommit {
        let is_full = |commit: &CaseCommit| {
            commit.source != source || commit.changes.len() >= self.rows_per_commit
        };
        // Accounts come bank by bank in turn, so the sources of a few commits are mixed.
        let open = self
            .commits
            .iter()
            .rposition(|commit| commit.source == source);
        match open.filter(|&at| !is_full(&self.commits[at])) {
            Some(at) => &mut self.commits[at],
            None => self.next(actor, source, "registers"),
        }
    }
}

/// A day of feeds, sightings and analysis.
impl Case {
    fn live(&mut self, today: i64) -> Vec<CaseCommit> {
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, HashMap};

    use super::super::calendar::day;
    use super::super::change::Properties;
    use super::*;

    /// Properties as text.
    type Texts = BTreeMap<&'static str, String>;

    fn texts(properties: Properties) -> Texts {
        properties
            .into_iter()
            .map(|(key, value)| (key, value.to_string()))
            .collect()
    }

    /// Sets properties; at least one of them must change, or the commit would be none.
    fn set(old: &mut Texts, new: Properties) {
        let before = old.clone();
        old.extend(texts(new));
        assert_ne!(*old, before);
    }

    /// The graph, held in maps.
    #[derive(Default)]
    struct Model {
        nodes: HashMap<NodeKey, (&'static str, Texts)>,
        relationships: BTreeMap<RelationshipKey, (&'static str, NodeKey, NodeKey, Texts)>,
    }

    impl Model {
        fn apply(&mut self, change: Change) {
            match change {
                Change::Unique { .. } => {}
                Change::CreateNode {
                    node,
                    label,
                    properties,
                } => {
                    let old = self.nodes.insert(node, (label, texts(properties)));
                    assert!(old.is_none(), "{node:?} is made twice");
                }
                Change::SetNode { node, properties } => {
                    set(
                        &mut self.nodes.get_mut(&node).expect("it is there").1,
                        properties,
                    );
                }
                Change::DeleteNode { node } => {
                    assert!(
                        self.relationships
                            .values()
                            .all(|&(_, start, end, _)| start != node && end != node),
                        "{node:?} is still connected"
                    );
                    assert!(self.nodes.remove(&node).is_some());
                }
                Change::CreateRelationship {
                    relationship,
                    type_name,
                    start,
                    end,
                    properties,
                } => {
                    assert!(self.nodes.contains_key(&start) && self.nodes.contains_key(&end));
                    let new = (type_name, start, end, texts(properties));
                    let old = self.relationships.insert(relationship, new);
                    assert!(old.is_none(), "{relationship:?} is made twice");
                }
                Change::SetRelationship {
                    relationship,
                    properties,
                } => {
                    let old = self
                        .relationships
                        .get_mut(&relationship)
                        .expect("it is there");
                    set(&mut old.3, properties);
                }
                Change::DeleteRelationship { relationship } => {
                    assert!(self.relationships.remove(&relationship).is_some());
                }
            }
        }

        fn find(&self, id: &str) -> NodeKey {
            let id = Value::from(id).to_string();
            let (node, _) = self
                .nodes
                .iter()
                .find(|(_, (_, properties))| properties.get("id") == Some(&id))
                .expect("the node is there");
            *node
        }

        /// The accounts one or two payments away.
        fn payees(&self, from: &str) -> BTreeSet<NodeKey> {
            let from = self.find(from);
            let paid: Vec<_> = self
                .relationships
                .iter()
                .filter(|(_, (name, ..))| *name == "PAID")
                .collect();
            let mut found = BTreeSet::new();
            for (first, (_, start, middle, _)) in &paid {
                if *start == from {
                    found.insert(*middle);
                    for (second, (_, start, end, _)) in &paid {
                        if start == middle && first != second {
                            found.insert(*end);
                        }
                    }
                }
            }
            found
        }
    }

    #[test]
    fn changes_fit_together_and_times_increase() {
        let mut model = Model::default();
        let mut last = SystemTime(0);
        let mut commits = 0;
        for commit in Case::new(Size::Small) {
            assert!(commit.time > last);
            last = commit.time;
            commits += 1;
            let is_schema = matches!(commit.changes[0], Change::Unique { .. });
            assert!(
                !is_schema || commit.changes.len() == 1,
                "schema changes stand alone"
            );
            commit
                .changes
                .into_iter()
                .for_each(|change| model.apply(change));
        }
        assert!((2_500..3_500).contains(&commits), "{commits}");
        assert!(last < instant(DAYS, (0, 0, 0)));
        let ids: Vec<_> = model
            .nodes
            .values()
            .filter_map(|(_, map)| map.get("id"))
            .collect();
        assert_eq!(
            ids.iter().collect::<BTreeSet<_>>().len(),
            ids.len(),
            "ids are unique"
        );
    }

    #[test]
    fn the_story_is_the_same_in_every_size() {
        for size in [Size::Tiny, Size::Small] {
            let mut model = Model::default();
            let mut then = None;
            for commit in Case::new(size) {
                if then.is_none() && commit.time > instant(day(1, 10), (12, 0, 0)) {
                    then = Some(model.payees("A-1177"));
                }
                commit
                    .changes
                    .into_iter()
                    .for_each(|change| model.apply(change));
            }
            assert_eq!(
                then.expect("the case goes on after that day").len(),
                11,
                "{size:?}"
            );
            assert_eq!(model.payees("A-1177").len(), 14, "{size:?}");
        }
    }

    #[test]
    fn the_first_commit_is_the_oldest_readable_moment() {
        let first = Case::new(Size::Tiny).next().expect("a case has commits");
        assert_eq!(first.time, instant(OPENING, (8, 14, 3)));
    }

    /// What a commit says and does, in text that does not depend on how types print themselves.
    fn spell_out(commit: &CaseCommit) -> String {
        let properties = |properties: &[(&'static str, Value)]| -> String {
            properties
                .iter()
                .map(|(key, value)| format!(" {key}={value}"))
                .collect()
        };
        let mut text = format!(
            "{} {} {} {}\n",
            commit.time, commit.actor, commit.source, commit.activity
        );
        for change in &commit.changes {
            text += &match change {
                Change::Unique {
                    name,
                    label,
                    property,
                } => format!("{name} {label} {property}\n"),
                Change::CreateNode {
                    node,
                    label,
                    properties: given,
                } => {
                    format!("+n{} {label}{}\n", node.0, properties(given))
                }
                Change::SetNode {
                    node,
                    properties: given,
                } => {
                    format!("=n{}{}\n", node.0, properties(given))
                }
                Change::DeleteNode { node } => format!("-n{}\n", node.0),
                Change::CreateRelationship {
                    relationship,
                    type_name,
                    start,
                    end,
                    properties: p,
                } => {
                    let (start, end) = (start.0, end.0);
                    format!(
                        "+r{} {type_name} {start} {end}{}\n",
                        relationship.0,
                        properties(p)
                    )
                }
                Change::SetRelationship {
                    relationship,
                    properties: given,
                } => {
                    format!("=r{}{}\n", relationship.0, properties(given))
                }
                Change::DeleteRelationship { relationship } => format!("-r{}\n", relationship.0),
            };
        }
        text
    }

    /// A case is the same on every machine, and stays so until its recipe changes on purpose.
    #[test]
    fn a_case_keeps_its_content() {
        let mut sum = 0xcbf2_9ce4_8422_2325_u64;
        let mut commits = 0;
        for commit in Case::new(Size::Tiny) {
            commits += 1;
            for byte in spell_out(&commit).bytes() {
                sum = (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        assert_eq!((commits, sum), (597, 6_071_530_761_335_256_739));
    }
}
