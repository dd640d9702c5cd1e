//! The parameters of the calls: a fixed list, the same for every family, mode and loop.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::churn::Churn;
use crate::social::{Social, since};

/// How many draws there are; calls beyond begin anew.
pub const DRAWS: usize = 2_000;

/// The parameters of one call.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// A person's id.
    pub id: i64,
    /// Another person's id.
    pub other: i64,
    /// A time between those that relationships have.
    pub since: i64,
    /// The last commit at or before the instant.
    pub commit: u32,
    /// An instant in the 90 days of changes, in microseconds since the epoch.
    pub instant_us: i64,
}

/// The draws of a seed.
#[must_use]
pub fn draws(social: &Social, churn: &Churn, seed: u64) -> Vec<Draw> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x6472_6177_7300);
    let people = social.people.len();
    let draw = |_| {
        let person = rng.random_range(0..people);
        let other = (person + rng.random_range(1..people)) % people;
        let commit = rng.random_range(0..=churn.commit_count());
        Draw {
            id: social.people[person].id,
            other: social.people[other].id,
            since: since(&mut rng),
            commit,
            instant_us: churn.time_us(commit) + rng.random_range(0..churn.step_us()),
        }
    };
    (0..DRAWS).map(draw).collect()
}
