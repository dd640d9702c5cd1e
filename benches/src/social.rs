//! A social graph: people, and who knows whom since when.
//!
//! Out-degrees are log-normal with a median of 9 and a mean of 20, as measured on the graph that the
//! peers were measured on (p99 172, the largest in the thousands at 100,000 people); whom a person
//! knows is drawn by a Pareto weight, so that in-degrees have a heavier tail. Nobody knows themselves,
//! and nobody knows anybody twice.

use std::sync::Arc;

use hashbrown::HashSet;
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Milliseconds in a day.
pub const DAY_MS: i64 = 86_400_000;

/// When the graph is loaded, in milliseconds since the epoch: 2025-01-01. Everything in it is older.
pub const LOADED_MS: i64 = 1_735_689_600_000;

/// How many years relationships and accounts go back.
const PAST_DAYS: i64 = 3_650;

const FIRST_NAMES: [&str; 16] = [
    "Ada", "Bela", "Chen", "Dora", "Emil", "Fatma", "Goro", "Hana", "Ivan", "Jana", "Kofi", "Lena",
    "Milo", "Nadia", "Omar", "Petra",
];

const LAST_NAMES: [&str; 16] = [
    "Adler", "Brandt", "Costa", "Diaz", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jensen",
    "Kaya", "Lopez", "Meyer", "Novak", "Okafor", "Popov",
];

const CITIES: usize = 50;

/// One person.
#[derive(Clone, Debug)]
pub struct Person {
    /// The id that queries name, not dense.
    pub id: i64,
    /// First and last name.
    pub name: Arc<str>,
    /// Between 16 and 90.
    pub age: u8,
    /// The number of the city, see [`Social::cities`].
    pub city: u8,
    /// When the account was made, in milliseconds since the epoch.
    pub creation_ms: i64,
}

/// One KNOWS relationship.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knows {
    /// The number of the person who knows.
    pub source: u32,
    /// The number of the person known.
    pub target: u32,
    /// Since when, in milliseconds since the epoch.
    pub since: i64,
}

/// The generated graph.
#[derive(Clone, Debug)]
pub struct Social {
    /// The people; their number is their place.
    pub people: Vec<Person>,
    /// The relationships by source.
    pub relationships: Vec<Knows>,
    /// The names of the cities.
    pub cities: Vec<Arc<str>>,
    /// Cumulated weights of the people as targets.
    weights: Vec<f64>,
}

/// A pair of people as one number.
#[must_use]
pub fn pair(source: u32, target: u32) -> u64 {
    u64::from(source) << 32 | u64::from(target)
}

impl Social {
    /// The graph of a seed.
    ///
    /// # Panics
    /// If so many people cannot have so many relationships without most of them knowing each other.
    #[must_use]
    pub fn generate(people: usize, relationships: usize, seed: u64) -> Self {
        let places = people.saturating_mul(people.saturating_sub(1));
        assert!(
            relationships <= places / 4,
            "too few people for so many relationships"
        );
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let cities = (0..CITIES)
            .map(|city| format!("City {city:02}").into())
            .collect();
        let weights = cumulated_weights(people, &mut rng);
        let mut social = Self {
            people: (0..people).map(|number| person(number, &mut rng)).collect(),
            relationships: Vec::with_capacity(relationships),
            cities,
            weights,
        };
        let degrees = out_degrees(people, relationships, &mut rng);
        let mut known = HashSet::new();
        for (source, degree) in (0u32..).zip(degrees) {
            known.clear();
            while known.len() < degree {
                let target = social.target(&mut rng);
                if target != source && known.insert(target) {
                    let since = since(&mut rng);
                    social.relationships.push(Knows {
                        source,
                        target,
                        since,
                    });
                }
            }
        }
        social
    }

    /// Draws somebody to be known.
    pub fn target(&self, rng: &mut impl Rng) -> u32 {
        let sum = self.weights.last().copied().unwrap_or_default();
        let point = rng.random::<f64>() * sum;
        let place = self.weights.partition_point(|&weight| weight <= point);
        place.min(self.weights.len() - 1) as u32
    }

    /// The out-degrees, ascending.
    #[must_use]
    pub fn sorted_out_degrees(&self) -> Vec<u32> {
        let mut degrees = vec![0; self.people.len()];
        for knows in &self.relationships {
            degrees[knows.source as usize] += 1;
        }
        degrees.sort_unstable();
        degrees
    }
}

/// Draws a time before the load.
pub fn since(rng: &mut impl Rng) -> i64 {
    LOADED_MS - rng.random_range(0..PAST_DAYS * DAY_MS)
}

fn person(number: usize, rng: &mut impl Rng) -> Person {
    let first = FIRST_NAMES[rng.random_range(0..FIRST_NAMES.len())];
    let last = LAST_NAMES[rng.random_range(0..LAST_NAMES.len())];
    Person {
        id: number as i64 * 7 + 1_000,
        name: format!("{first} {last} {number}").into(),
        age: rng.random_range(16..=90),
        // The lesser of two: some cities are larger than others.
        city: rng
            .random_range(0..CITIES as u8)
            .min(rng.random_range(0..CITIES as u8)),
        creation_ms: since(rng),
    }
}

/// Pareto weights, cumulated. No person takes more than an eighth of everything in small graphs.
fn cumulated_weights(people: usize, rng: &mut impl Rng) -> Vec<f64> {
    const SHAPE: f64 = 2.2;
    let weight_max = people as f64 / 8.0;
    let mut sum = 0.0;
    let mut weights = Vec::with_capacity(people);
    for _ in 0..people {
        let uniform: f64 = rng.random();
        sum += (1.0 - uniform).powf(-1.0 / SHAPE).min(weight_max.max(1.0));
        weights.push(sum);
    }
    weights
}

/// Log-normal degrees that add up to `relationships`.
fn out_degrees(people: usize, relationships: usize, rng: &mut impl Rng) -> Vec<usize> {
    const SIGMA: f64 = 1.268;
    let raw: Vec<f64> = (0..people).map(|_| (SIGMA * normal(rng)).exp()).collect();
    let scale = relationships as f64 / raw.iter().sum::<f64>();
    let degree_max = people / 3;
    let mut degrees: Vec<usize> = raw
        .iter()
        .map(|degree| ((degree * scale + rng.random::<f64>()) as usize).min(degree_max))
        .collect();
    // Rounding leaves a few too many or too few.
    let mut sum: usize = degrees.iter().sum();
    while sum != relationships {
        let degree = &mut degrees[rng.random_range(0..people)];
        if sum > relationships && *degree > 0 {
            *degree -= 1;
            sum -= 1;
        } else if sum < relationships && *degree < degree_max {
            *degree += 1;
            sum += 1;
        }
    }
    degrees
}

/// A standard normal number (Box and Muller).
fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_graph_of_the_wanted_size_and_shape() {
        let social = Social::generate(10_000, 200_000, 1);
        assert_eq!(social.people.len(), 10_000);
        assert_eq!(social.relationships.len(), 200_000);
        let pairs: HashSet<u64> = social
            .relationships
            .iter()
            .map(|knows| pair(knows.source, knows.target))
            .collect();
        assert_eq!(pairs.len(), 200_000);
        assert!(
            social
                .relationships
                .iter()
                .all(|knows| knows.source != knows.target)
        );
        let degrees = social.sorted_out_degrees();
        assert!(
            (8..=10).contains(&degrees[5_000]),
            "median {}",
            degrees[5_000]
        );
        assert!(
            (140..=210).contains(&degrees[9_900]),
            "p99 {}",
            degrees[9_900]
        );
        assert!(degrees[9_999] > 500, "max {}", degrees[9_999]);
        let again = Social::generate(10_000, 200_000, 1);
        assert_eq!(again.relationships, social.relationships);
        let other = Social::generate(10_000, 200_000, 2);
        assert_ne!(other.relationships, social.relationships);
    }
}
