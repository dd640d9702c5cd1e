//! The opening: extracts of registers.

use super::Case;
use crate::demo::calendar::{OPENING, calendar_date, date, instant};
use crate::demo::change::{CaseCommit, Change};
use crate::demo::names;
use crate::demo::story::{self, Owner};

impl Case {
    pub(super) fn open(&mut self) -> Vec<CaseCommit> {
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
            Some((_, name, (year, month, day))) => {
                ((*name).to_owned(), calendar_date(*year, *month, *day))
            }
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

    pub(super) fn name(&mut self) -> String {
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
