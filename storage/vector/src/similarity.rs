//! What similar means: scores from 0 (least) to 1 (most).
//!
//! Vectors are of 32-bit floats; sums over them are taken in 64 bits, in eight lanes whose order is fixed, so
//! that the same two vectors have the same score on every machine and by every way of searching, and the
//! compiler can still take several components at once.

/// How two vectors are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Similarity {
    /// By the angle between them: (1 + cos) / 2.
    #[default]
    Cosine,
    /// By the distance between them: 1 / (1 + d²).
    Euclidean,
}

const LANES: usize = 8;

/// The sum of `term` over pairs of components.
#[inline]
fn sum(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (mut left, mut right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (left, right) in (&mut left).zip(&mut right) {
        for lane in 0..LANES {
            lanes[lane] += term(f64::from(left[lane]), f64::from(right[lane]));
        }
    }
    let rest = left.remainder().iter().zip(right.remainder());
    let rest: f64 = rest
        .map(|(left, right)| term(f64::from(*left), f64::from(*right)))
        .sum();
    let [a, b, c, d, e, f, g, h] = lanes;
    (((a + e) + (c + g)) + ((b + f) + (d + h))) + rest
}

/// The dot product.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |a, b| a * b)
}

/// The square of the Euclidean distance.
#[must_use]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |a, b| (a - b) * (a - b))
}

impl Similarity {
    /// Both, with their names.
    pub const ALL: [Self; 2] = [Self::Cosine, Self::Euclidean];

    /// Its name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
        }
    }

    /// The similarity of a name in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|similarity| similarity.name().eq_ignore_ascii_case(name))
    }

    /// Whether a vector can be compared: its components are finite, and for an angle not all zero.
    #[must_use]
    pub fn admits(self, vector: &[f32]) -> bool {
        let is_finite = vector.iter().all(|component| component.is_finite());
        is_finite
            && match self {
                Self::Cosine => vector.iter().any(|component| *component != 0.0),
                Self::Euclidean => !vector.is_empty(),
            }
    }

    /// The score of two vectors of the same length that it admits.
    #[must_use]
    pub fn score(self, a: &[f32], b: &[f32]) -> f64 {
        match self {
            Self::Cosine => cosine_score(dot(a, b), dot(a, a), dot(b, b)),
            Self::Euclidean => euclidean_score(squared_distance(a, b)),
        }
    }
}

/// From the products of the vectors with each other and with themselves. One root of both makes parallel vectors
/// score 1 rather than nearly so.
fn cosine_score(dot: f64, square_a: f64, square_b: f64) -> f64 {
    // Rounding may lead a little beyond.
    let cosine = (dot / (square_a * square_b).sqrt()).clamp(-1.0, 1.0);
    f64::midpoint(1.0, cosine)
}

fn euclidean_score(squared: f64) -> f64 {
    1.0 / (1.0 + squared)
}

/// A vector that others are compared with.
#[derive(Clone, Debug)]
pub struct Query {
    similarity: Similarity,
    vector: Box<[f32]>,
    /// Its product with itself.
    square: f64,
}

impl Query {
    /// None if the similarity does not admit the vector.
    #[must_use]
    pub fn new(similarity: Similarity, vector: Box<[f32]>) -> Option<Self> {
        similarity.admits(&vector).then(|| Self {
            similarity,
            square: dot(&vector, &vector),
            vector,
        })
    }

    /// How it is compared.
    #[must_use]
    pub const fn similarity(&self) -> Similarity {
        self.similarity
    }

    /// Its components.
    #[must_use]
    pub const fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// Its product with itself.
    #[must_use]
    pub const fn square(&self) -> f64 {
        self.square
    }

    /// The score of a vector of the same number of components.
    #[must_use]
    pub fn score(&self, other: &[f32]) -> f64 {
        match self.similarity {
            Similarity::Cosine => self.score_squared(other, dot(other, other)),
            Similarity::Euclidean => self.score_squared(other, 0.0),
        }
    }

    /// The same, where the product of the other with itself is at hand.
    #[inline]
    pub(crate) fn score_squared(&self, other: &[f32], square: f64) -> f64 {
        match self.similarity {
            Similarity::Cosine => cosine_score(dot(&self.vector, other), self.square, square),
            Similarity::Euclidean => euclidean_score(squared_distance(&self.vector, other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scores_are_those_of_their_definitions() {
        let cosine = |a: &[f32], b: &[f32]| Similarity::Cosine.score(a, b);
        assert_eq!(cosine(&[1.0, 0.0], &[3.0, 0.0]), 1.0);
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 2.0]), 0.5);
        assert_eq!(cosine(&[1.0, 2.0], &[-2.0, -4.0]), 0.0);
        let euclidean = |a: &[f32], b: &[f32]| Similarity::Euclidean.score(a, b);
        assert_eq!(euclidean(&[4.0, 5.0, 6.0], &[2.0, 8.0, 3.0]), 1.0 / 23.0);
        assert_eq!(euclidean(&[0.0], &[0.0]), 1.0);
    }

    #[test]
    fn what_has_no_direction_or_end_is_not_admitted() {
        for similarity in Similarity::ALL {
            assert!(!similarity.admits(&[]));
            assert!(!similarity.admits(&[1.0, f32::NAN]));
            assert!(!similarity.admits(&[f32::INFINITY]));
            assert!(similarity.admits(&[0.0, f32::MIN_POSITIVE]));
            assert_eq!(Similarity::named(similarity.name()), Some(similarity));
        }
        assert!(!Similarity::Cosine.admits(&[0.0, -0.0]));
        assert!(Similarity::Euclidean.admits(&[0.0]));
        assert_eq!(Similarity::named("COSINE"), Some(Similarity::Cosine));
        assert_eq!(Similarity::named("dot"), None);
    }

    #[test]
    fn the_greatest_and_the_least_components_do_not_overflow() {
        for vector in [[f32::MAX; 3], [f32::from_bits(1); 3]] {
            assert_eq!(Similarity::Cosine.score(&vector, &vector), 1.0);
            assert_eq!(Similarity::Euclidean.score(&vector, &vector), 1.0);
        }
    }

    proptest! {
        #[test]
        fn scores_agree_with_plain_sums(
            pairs in prop::collection::vec((-9.0f32..9.0, -9.0f32..9.0), 1..70),
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let plain: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            prop_assert!((dot(&a, &b) - plain).abs() < 1e-9);
            let plain: f64 = a
                .iter()
                .zip(&b)
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
                .sum();
            prop_assert!((squared_distance(&a, &b) - plain).abs() < 1e-9);
            for similarity in Similarity::ALL {
                if let Some(query) = Query::new(similarity, a.clone().into()) && similarity.admits(&b) {
                    let score = similarity.score(&a, &b);
                    prop_assert!((0.0..=1.0).contains(&score));
                    prop_assert_eq!(query.score(&b), score);
                    prop_assert_eq!(similarity.score(&b, &a), score);
                }
            }
        }
    }
}
