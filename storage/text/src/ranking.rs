//! BM25, the usual measure of how well a text answers a word, with the usual parameters.
//!
//! A score is made of additions, multiplications, divisions and a logarithm of our own, each
//! rounded as IEEE 754 says, in an order that depends on the query alone. So it has the same bits
//! on every machine. Lengths of texts are rounded to 256 steps, exact up to 40 words, so that a
//! small change of a long text does not touch all its terms.

/// How fast repetitions of a word cease to count.
const K1: f64 = 1.2;
/// How much a long text is held against it.
const B: f64 = 0.75;

/// What is known of all texts of a property.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldStatistics {
    /// How many elements have terms there.
    pub documents: u64,
    /// The number of their terms, with repetitions.
    pub length: u64,
}

impl FieldStatistics {
    fn average_length(self) -> f64 {
        match self.documents {
            0 => 1.0,
            documents => self.length as f64 / documents as f64,
        }
    }
}

/// The weight of a word that `matching` of `documents` texts have.
#[must_use]
pub fn inverse_frequency(matching: u64, documents: u64) -> f64 {
    let matching = matching.min(documents) as f64;
    ln(1.0 + (documents as f64 - matching + 0.5) / (matching + 0.5))
}

/// Scores texts of one property.
#[derive(Clone, Copy, Debug)]
pub struct Ranking {
    average: f64,
}

impl Ranking {
    /// Among texts of which this is known.
    #[must_use]
    pub fn new(statistics: FieldStatistics) -> Self {
        Self {
            average: statistics.average_length(),
        }
    }

    /// The score of a text of a stepped length in which something of a weight occurs so often.
    #[must_use]
    pub fn score(&self, weight: f64, frequency: f64, length: u8) -> f64 {
        let length = length_of_step(length) as f64;
        let norm = K1 * (1.0 - B + B * length / self.average);
        weight * frequency / (frequency + norm)
    }
}

/// Lengths below this have a step each.
const EXACT: u32 = 24;

/// The step of a length: the greatest whose length is not above it.
#[must_use]
pub fn step_of_length(length: u32) -> u8 {
    match length.checked_sub(EXACT) {
        None => length as u8,
        Some(above) => {
            // Above that, steps are floating-point numbers of three bits behind the first.
            let bits = 32 - above.leading_zeros();
            let step = match bits.checked_sub(4) {
                None => above,
                Some(shift) => (above >> shift) & 7 | (shift + 1) << 3,
            };
            (EXACT + step).min(255) as u8
        }
    }
}

/// The length that a step stands for.
#[must_use]
pub fn length_of_step(step: u8) -> u32 {
    match u32::from(step).checked_sub(EXACT) {
        None => u32::from(step),
        Some(code) => {
            let bits = code & 7;
            let above = match (code >> 3).checked_sub(1) {
                None => bits,
                Some(shift) => (bits | 8).checked_shl(shift).unwrap_or(u32::MAX),
            };
            EXACT.saturating_add(above)
        }
    }
}

/// The natural logarithm of a number not below 1. That of the standard library is the platform's,
/// which may round otherwise.
fn ln(x: f64) -> f64 {
    let mut exponent = 0.0;
    let mut mantissa = x;
    while mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    // ln m = 2 artanh((m − 1) / (m + 1)), whose series converges fast so near to 1.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut series = 0.0;
    for power in (0..12).rev() {
        series = series * square + 1.0 / f64::from(2 * power + 1);
    }
    exponent * std::f64::consts::LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_one() {
        for x in [1.0, 1.000_001, 1.3, 1.5, 2.0, 3.7, 1e3, 123_456.789, 1e15] {
            let error = (ln(x) - x.ln()).abs();
            assert!(error <= 1e-14 * x.ln().max(1e-3), "{x}: {error}");
        }
    }

    #[test]
    fn lengths_are_rounded_down_by_at_most_an_eighth() {
        let mut last = 0;
        for length in (0..5_000).chain([1 << 20, 1 << 30, u32::MAX >> 1]) {
            let step = step_of_length(length);
            assert!(step >= last);
            last = step;
            let rounded = length_of_step(step);
            assert!(rounded <= length, "{length} {rounded}");
            if length < 40 {
                assert_eq!(rounded, length);
            } else {
                assert!(f64::from(rounded) >= f64::from(length) * 0.87, "{length}");
            }
        }
        assert_eq!(step_of_length(u32::MAX), 255);
        for step in 0..=255 {
            assert_eq!(step_of_length(length_of_step(step)), step);
        }
    }

    /// Computed by hand after the formula; these bits are promised.
    #[test]
    fn scores_keep_their_bits() {
        let statistics = FieldStatistics {
            documents: 3,
            length: 12,
        };
        let weight = inverse_frequency(1, 3);
        let score = Ranking::new(statistics).score(weight, 2.0, 4);
        assert!((weight - (1.0_f64 + 2.5 / 1.5).ln()).abs() < 1e-15);
        assert!((score - weight * 2.0 / 3.2).abs() < 1e-15);
        let bits = (weight.to_bits(), score.to_bits());
        assert_eq!(bits, (4_607_009_744_062_031_801, 4_603_696_797_368_248_531));
    }

    #[test]
    fn rare_words_and_short_texts_count_more() {
        assert!(inverse_frequency(1, 100) > inverse_frequency(2, 100));
        assert!(inverse_frequency(100, 100) > 0.0);
        assert!(inverse_frequency(0, 0) > 0.0);
        let ranking = Ranking::new(FieldStatistics {
            documents: 2,
            length: 20,
        });
        assert!(ranking.score(1.0, 1.0, 5) > ranking.score(1.0, 1.0, 15));
        assert!(ranking.score(1.0, 2.0, 15) > ranking.score(1.0, 1.0, 15));
    }
}
