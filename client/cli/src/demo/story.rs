//! The part of the case that is the same in every size: the money behind account A-1177.
//!
//! Blue Heron Trading pays through A-1177 to a forwarder, a relative and a consultancy, which hand
//! the money on; some of it comes home. On the way the investigation errs and corrects itself: a
//! payment was posted to an innocent bakery, a camera took somebody for somebody else, a person was
//! known under two names, and the owner behind the company was found late. The tour asks about
//! these; everything else of the case is background and does not touch the story's accounts.

use retrograph_graph::value::Value;

use super::calendar::{at, calendar_date, date, day, instant};
use super::change::{CaseCommit, Keys, NodeKey, Properties, RelationshipKey};

/// The number of the first account.
pub const FIRST_ACCOUNT: u32 = 1_101;

/// The accounts of the story, which no payment of the background touches.
pub const STORY_ACCOUNTS: &[u32] = &[
    1_154, 1_157, 1_159, 1_163, 1_165, 1_168, 1_171, 1_174, 1_177, 1_182, 1_186, 1_188, 1_190,
    1_192, 1_195, 1_199,
];

/// Places of people, by number from 1, with their names and dates of birth as first registered.
pub const STORY_PEOPLE: &[(u32, &str, (i64, i64, i64))] = &[
    (MARLOW, "Viktor Marlow", (1971, 3, 9)),
    (IRENA, "Irena Marlow", (1974, 6, 21)),
    (QUILL, "Jonas Quill", (1966, 11, 2)),
    (BAKER, "Sela Ortiz", (1985, 1, 30)),
    (NOMINEE, "Tomas Reyk", (1990, 8, 14)),
];

/// Numbers of organisations with their names.
pub const STORY_ORGANISATIONS: &[(u32, &str)] = &[
    (BLUE_HERON, "Blue Heron Trading Ltd"),
    (KESTREL, "Kestrel Freight BV"),
    (QUAY, "Quay Advisory Partners"),
    (HOLDINGS, "Heron Holdings SA"),
];

/// Who owns the story's accounts; ordinary people own the rest.
pub const STORY_OWNERS: &[(u32, Owner)] = &[
    (1_177, Owner::Organisation(BLUE_HERON)),
    (1_154, Owner::Organisation(KESTREL)),
    (1_182, Owner::Organisation(QUAY)),
    (1_163, Owner::Person(IRENA)),
    (1_195, Owner::Person(BAKER)),
];

/// An owner in the story.
#[derive(Clone, Copy, Debug)]
pub enum Owner {
    /// The number of a person.
    Person(u32),
    /// The number of an organisation.
    Organisation(u32),
}

const MARLOW: u32 = 17;
const IRENA: u32 = 23;
const QUILL: u32 = 31;
const BAKER: u32 = 40;
const NOMINEE: u32 = 52;
const BLUE_HERON: u32 = 3;
const KESTREL: u32 = 5;
const QUAY: u32 = 7;
const HOLDINGS: u32 = 9;

/// Places where the story's people are seen, as positions in the list of places.
const BERTH_7: usize = 1;
const CUSTOMS_HALL: usize = 3;

/// What registers knew, by number.
pub struct Cast {
    pub people: Vec<NodeKey>,
    pub organisations: Vec<NodeKey>,
    pub accounts: Vec<NodeKey>,
    pub places: Vec<NodeKey>,
}

impl Cast {
    fn person(&self, number: u32) -> NodeKey {
        self.people[number as usize - 1]
    }

    fn organisation(&self, number: u32) -> NodeKey {
        self.organisations[number as usize - 1]
    }

    fn account(&self, number: u32) -> NodeKey {
        self.accounts[(number - FIRST_ACCOUNT) as usize]
    }
}

/// A payment of the story.
struct Payment {
    from: u32,
    to: u32,
    amount: i64,
    /// The day and hour at which it was made.
    made: (i64, i64),
    reference: &'static str,
}

const fn pay(
    from: u32,
    to: u32,
    amount: i64,
    made: (i64, i64),
    reference: &'static str,
) -> Payment {
    Payment {
        from,
        to,
        amount,
        made,
        reference,
    }
}

/// The payments that bank feeds bring on the morning after they were made.
const PAYMENTS: &[Payment] = &[
    pay(1_103, 1_177, 61_500, (day(10, 20), 10), "HB-1020-1"),
    pay(1_108, 1_177, 58_200, (day(10, 20), 15), "HB-1020-2"),
    pay(1_177, 1_154, 72_000, (day(10, 22), 9), "HB-1022-1"),
    pay(1_154, 1_159, 30_000, (day(10, 23), 11), "HB-1023-1"),
    pay(1_154, 1_168, 27_500, (day(10, 23), 12), "HB-1023-2"),
    pay(1_177, 1_163, 9_500, (day(11, 3), 14), "HB-1103-1"),
    pay(1_163, 1_171, 4_000, (day(11, 4), 16), "HB-1104-1"),
    pay(1_177, 1_182, 64_000, (day(11, 11), 10), "HB-1111-1"),
    pay(1_182, 1_186, 21_000, (day(11, 13), 10), "HB-1113-1"),
    pay(1_182, 1_190, 20_000, (day(11, 13), 10), "HB-1113-2"),
    pay(1_182, 1_177, 18_700, (day(11, 14), 17), "HB-1114-1"),
    pay(1_195, 1_199, 150, (day(12, 5), 8), "HB-1205-1"),
    pay(1_177, 1_154, 55_000, (day(12, 18), 13), "HB-1218-1"),
    pay(1_163, 1_188, 3_900, (day(1, 14), 12), "HB-0114-1"),
    pay(1_182, 1_157, 19_000, (day(1, 15), 12), "HB-0115-1"),
];

/// The payment that the bank first posted to the wrong account.
const MISPOSTED: Payment = pay(1_177, 1_195, 48_000, (day(12, 2), 11), "HB-1202-7");
const MISPOSTED_REALLY_TO: u32 = 1_192;

/// What the story must remember to correct itself.
#[derive(Default)]
pub struct Story {
    misposted: Option<RelationshipKey>,
    mistaken_sighting: Option<RelationshipKey>,
    nominee_share: Option<RelationshipKey>,
    second_name: Option<SecondName>,
}

/// The person that is Viktor Marlow, although nobody knows.
struct SecondName {
    person: NodeKey,
    document: NodeKey,
    mention: RelationshipKey,
    sighting: RelationshipKey,
}

impl Story {
    /// What registers say of the story at the opening: who owns and directs its companies.
    pub fn open(&mut self, cast: &Cast, keys: &mut Keys, commit: &mut CaseCommit) {
        let nominee = (cast.person(NOMINEE), cast.organisation(BLUE_HERON));
        let share = vec![
            ("share", Value::Int(100)),
            ("since", calendar_date(2022, 5, 1)),
        ];
        self.nominee_share = Some(keys.relationship(commit, "OWNS", nominee, share));
        let since = || vec![("since", calendar_date(2022, 5, 1))];
        for (person, organisation) in [(NOMINEE, BLUE_HERON), (QUILL, QUAY), (IRENA, KESTREL)] {
            let ends = (cast.person(person), cast.organisation(organisation));
            keys.relationship(commit, "DIRECTS", ends, since());
        }
    }

    /// The story's commits of a day, in no order.
    pub fn on(&mut self, today: i64, cast: &Cast, keys: &mut Keys) -> Vec<CaseCommit> {
        let mut commits = Vec::new();
        for payment in PAYMENTS
            .iter()
            .filter(|payment| payment.made.0 + 1 == today)
        {
            let time = instant(today, (6, 5, payment.made.1));
            let mut commit = CaseCommit::new(time, "import-bank", "bank-feed-3", "daily feed");
            record(payment, payment.to, cast, keys, &mut commit);
            commits.push(commit);
        }
        const MISPOSTED_DAY: i64 = MISPOSTED.made.0 + 1;
        const MANIFEST_DAY: i64 = day(11, 20);
        const BIRTH_DAY: i64 = day(12, 8);
        const FILING_DAY: i64 = day(12, 19);
        const REVIEW_DAY: i64 = day(1, 11);
        const MERGE_DAY: i64 = day(1, 12);
        const FREEZE_DAY: i64 = day(1, 13);
        const NOTICE_DAY: i64 = day(1, 14);
        match today {
            MANIFEST_DAY => commits.push(self.find_second_name(today, cast, keys)),
            MISPOSTED_DAY => {
                let time = instant(today, (6, 5, 0));
                let mut feed = CaseCommit::new(time, "import-bank", "bank-feed-3", "daily feed");
                let posted = record(&MISPOSTED, MISPOSTED.to, cast, keys, &mut feed);
                self.misposted = Some(posted);
                commits.push(feed);
                commits.push(self.mistake_somebody(today, cast, keys));
            }
            BIRTH_DAY => {
                let time = instant(today, (10, 12, 40));
                let mut commit = CaseCommit::new(time, "ana", "passport-copy-3", "correction");
                commit.set_node(
                    cast.person(MARLOW),
                    vec![("born", calendar_date(1971, 9, 3))],
                );
                commits.push(commit);
            }
            FILING_DAY => commits.push(self.discover_owner(today, cast, keys)),
            REVIEW_DAY => {
                let time = instant(today, (10, 15, 22));
                let mut commit = CaseCommit::new(time, "ben", "cam-14-review", "retraction");
                commit
                    .changes
                    .extend(self.mistaken_sighting.take().map(|relationship| {
                        super::change::Change::DeleteRelationship { relationship }
                    }));
                commits.push(commit);
            }
            MERGE_DAY => {
                commits.push(late_payment(today, cast, keys));
                commits.extend(self.merge_names(today, cast, keys));
            }
            FREEZE_DAY => {
                let time = instant(today, (15, 0, 9));
                let mut commit = CaseCommit::new(time, "dara", "court-order-14", "freeze");
                commit.set_node(cast.account(1_177), vec![("status", "frozen".into())]);
                commits.push(commit);
            }
            NOTICE_DAY => commits.extend(self.correct_posting(today, cast, keys)),
            _ => {}
        }
        commits
    }

    fn find_second_name(&mut self, today: i64, cast: &Cast, keys: &mut Keys) -> CaseCommit {
        let time = instant(today, (13, 37, 5));
        let mut commit = CaseCommit::new(time, "ben", "shipping-manifest-12", "filing");
        let document = document(
            keys,
            &mut commit,
            "D-X012",
            "manifest",
            "Shipping manifest 12",
            31,
        );
        let properties = vec![("id", "P-X001".into()), ("name", "V. Marlov".into())];
        let person = keys.node(&mut commit, "Person", properties);
        let mention = keys.relationship(&mut commit, "MENTIONS", (document, person), page(2));
        let seen = (person, cast.places[CUSTOMS_HALL]);
        let properties = sighting(today - 1, (16, 20, 0), "officer Lund", 0.9);
        let sighting = keys.relationship(&mut commit, "SEEN_AT", seen, properties);
        self.second_name = Some(SecondName {
            person,
            document,
            mention,
            sighting,
        });
        commit
    }

    fn mistake_somebody(&mut self, today: i64, cast: &Cast, keys: &mut Keys) -> CaseCommit {
        let time = instant(today, (7, 30, 51));
        let mut commit = CaseCommit::new(time, "import-cameras", "cam-14", "sightings");
        let seen = (cast.person(MARLOW), cast.places[BERTH_7]);
        let properties = sighting(today - 1, (21, 40, 0), "cam-14", 0.71);
        self.mistaken_sighting = Some(keys.relationship(&mut commit, "SEEN_AT", seen, properties));
        commit
    }

    fn discover_owner(&self, today: i64, cast: &Cast, keys: &mut Keys) -> CaseCommit {
        let time = instant(today, (14, 32, 10));
        let mut commit = CaseCommit::new(time, "ana", "court-filing-88", "discovery");
        let filing = document(keys, &mut commit, "D-X088", "filing", "Court filing 88", 59);
        let (heron, holdings) = (cast.organisation(BLUE_HERON), cast.organisation(HOLDINGS));
        let marlow = cast.person(MARLOW);
        for (number, mentioned) in (1..).zip([heron, holdings, marlow]) {
            keys.relationship(&mut commit, "MENTIONS", (filing, mentioned), page(number));
        }
        let owns = |share, since| vec![("share", Value::Int(share)), ("since", since)];
        let whole = owns(100, calendar_date(2024, 3, 1));
        keys.relationship(&mut commit, "OWNS", (holdings, heron), whole);
        let most = owns(80, calendar_date(2023, 11, 15));
        keys.relationship(&mut commit, "OWNS", (marlow, holdings), most);
        if let Some(share) = self.nominee_share {
            commit.set_relationship(share, vec![("nominee", Value::Bool(true))]);
        }
        commit
    }

    fn merge_names(&mut self, today: i64, cast: &Cast, keys: &mut Keys) -> Option<CaseCommit> {
        let second = self.second_name.take()?;
        let time = instant(today, (16, 20, 47));
        let mut commit = CaseCommit::new(time, "chloe", "analyst-review", "merge");
        let marlow = cast.person(MARLOW);
        commit.delete_relationship(second.mention);
        commit.delete_relationship(second.sighting);
        keys.relationship(&mut commit, "MENTIONS", (second.document, marlow), page(2));
        let seen = (marlow, cast.places[CUSTOMS_HALL]);
        let properties = sighting(day(11, 19), (16, 20, 0), "officer Lund", 0.9);
        keys.relationship(&mut commit, "SEEN_AT", seen, properties);
        commit.set_node(
            marlow,
            vec![
                ("aliases", Value::list([Value::from("V. Marlov")])),
                ("merged", Value::list([Value::from("P-X001")])),
            ],
        );
        commit.changes.push(super::change::Change::DeleteNode {
            node: second.person,
        });
        Some(commit)
    }

    fn correct_posting(&mut self, today: i64, cast: &Cast, keys: &mut Keys) -> Option<CaseCommit> {
        let misposted = self.misposted.take()?;
        let time = instant(today, (11, 5, 33));
        let mut commit = CaseCommit::new(time, "import-bank", "bank-feed-3", "correction");
        commit.delete_relationship(misposted);
        record(&MISPOSTED, MISPOSTED_REALLY_TO, cast, keys, &mut commit);
        let onward = pay(
            MISPOSTED_REALLY_TO,
            1_165,
            47_000,
            (MISPOSTED.made.0 + 1, 9),
            "HB-1203-1",
        );
        record(&onward, onward.to, cast, keys, &mut commit);
        Some(commit)
    }
}

fn late_payment(today: i64, cast: &Cast, keys: &mut Keys) -> CaseCommit {
    let time = instant(today, (9, 41, 18));
    let mut commit = CaseCommit::new(time, "ana", "bank-feed-3-backfill", "late feed");
    let late = pay(1_154, 1_174, 26_400, (day(12, 19), 10), "HB-1219-1");
    record(&late, late.to, cast, keys, &mut commit);
    commit
}

fn record(
    payment: &Payment,
    to: u32,
    cast: &Cast,
    keys: &mut Keys,
    commit: &mut CaseCommit,
) -> RelationshipKey {
    let (made, hour) = payment.made;
    let properties = vec![
        ("amount", Value::Int(payment.amount)),
        ("at", at(made, (hour, 0, 0))),
        ("reference", payment.reference.into()),
    ];
    keys.relationship(
        commit,
        "PAID",
        (cast.account(payment.from), cast.account(to)),
        properties,
    )
}

fn document(
    keys: &mut Keys,
    commit: &mut CaseCommit,
    id: &str,
    kind: &str,
    title: &str,
    filed: i64,
) -> NodeKey {
    let properties = vec![
        ("id", id.into()),
        ("kind", kind.into()),
        ("title", title.into()),
        ("filed", date(filed)),
    ];
    keys.node(commit, "Document", properties)
}

/// The properties of a mention.
pub fn page(number: i64) -> Properties {
    vec![("page", Value::Int(number))]
}

/// The properties of a sighting.
pub fn sighting(day: i64, time: (i64, i64, i64), by: &str, confidence: f64) -> Properties {
    vec![
        ("at", at(day, time)),
        ("by", by.into()),
        ("confidence", Value::Float(confidence)),
    ]
}
