//! Deterministic chance: the same numbers on every machine, with every version of the libraries.
//!
//! Only the raw output of ChaCha8 is used, which its specification fixes; distributions are made
//! here in integers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A seeded source of choices.
#[derive(Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// A number below `n`, which must not be 0.
    pub fn below(&mut self, n: u32) -> u32 {
        let scaled = (u128::from(self.0.next_u64()) * u128::from(n)) >> 64;
        u32::try_from(scaled).expect("a fraction of a u32 is a u32")
    }

    /// A number below `n`; small ones are more frequent: the square of an even chance.
    pub fn skewed_below(&mut self, n: u32) -> u32 {
        let chance = u128::from(self.below(u32::MAX));
        let scaled = (chance * chance * u128::from(n)) >> 64;
        u32::try_from(scaled).expect("a fraction of a u32 is a u32")
    }

    /// Whether something happens that does so in `percent` of 100 cases.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of a list, which must not be empty.
    pub fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        let length = u32::try_from(list.len()).expect("lists of the case are short");
        &list[self.below(length) as usize]
    }

    /// A place in a list of some length; none if it is empty.
    pub fn place_in(&mut self, length: usize) -> Option<usize> {
        let length = u32::try_from(length).ok().filter(|&length| length > 0)?;
        Some(self.below(length) as usize)
    }

    /// How often something happens today that happens `hundredths` times in 100 days.
    pub fn times(&mut self, hundredths: u32) -> u32 {
        hundredths / 100 + u32::from(self.percent(hundredths % 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_falls_the_same_way() {
        let (mut a, mut b) = (Dice::new(7), Dice::new(7));
        for _ in 0..100 {
            assert_eq!(a.below(1000), b.below(1000));
            assert_eq!(a.skewed_below(1000), b.skewed_below(1000));
        }
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        let mut dice = Dice::new(1);
        let mut low = 0;
        for _ in 0..10_000 {
            assert!(dice.below(7) < 7);
            assert!(dice.skewed_below(1000) < 1000);
            low += u32::from(dice.skewed_below(1000) < 250);
        }
        assert!(
            (4_500..5_500).contains(&low),
            "half of the squares lie below a quarter: {low}"
        );
        assert!((0..1000).all(|_| (2..=3).contains(&dice.times(250))));
    }
}
