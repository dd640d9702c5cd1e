//! Sums of floats that do not depend on the order of the numbers.
//!
//! [`ExactSum`] keeps the exact sum as an expansion: a list of floats whose bits do not overlap and
//! whose mathematical sum is the sum of all that was added (Shewchuk 1997). Reading it rounds once,
//! to the nearest float, ties to even. So any order of adding, and any way of splitting the numbers
//! over workers and merging, gives the same bits; the error is at most half a unit in the last place.
//!
//! Numbers from 2⁹⁶⁰ on live in a second expansion, scaled by 2⁻¹²⁸, so that no intermediate result
//! overflows where the sum does not. Infinities and NaN are counted apart.

use smallvec::SmallVec;

type Parts = SmallVec<[f64; 3]>;

/// 2⁹⁶⁰: from here on numbers are kept scaled.
const HUGE: f64 = f64::from_bits((960 + 1023) << 52);
/// 2⁻¹²⁸.
const SCALE_DOWN: f64 = f64::from_bits((1023 - 128) << 52);
/// 2¹²⁸.
const SCALE_UP: f64 = f64::from_bits((1023 + 128) << 52);
/// 2¹⁰²²⁻¹²⁸: a scaled sum below this fits, unscaled, with room for every intermediate result.
const UNSCALED_FITS: f64 = f64::from_bits((1022 - 128 + 1023) << 52);

/// An exact sum of floats.
#[derive(Clone, Debug, Default)]
pub struct ExactSum {
    parts: Parts,
    /// The sum of the numbers from [`HUGE`] on, times 2⁻¹²⁸.
    huge: Parts,
    positive_infinity: bool,
    negative_infinity: bool,
    nan: bool,
    /// Whether anything but -0.0 was added: an empty sum and a sum of negative zeros differ in sign.
    any: bool,
    only_negative_zeros: bool,
}

/// The rounded sum of two floats and its error: `a + b = sum + error` exactly.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_rounded = sum - a;
    let a_rounded = sum - b_rounded;
    (sum, (a - a_rounded) + (b - b_rounded))
}

/// The rounded product of two floats and its error: `a * b = product + error` exactly, unless the
/// product overflows or the error underflows.
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}

/// Fewer numbers than this are added one by one.
const BULK_MIN: usize = 16;
/// The most numbers whose high bits fit a digit of 64 bits together.
const BULK_MAX: usize = 1024;

/// Numbers below this are too close to the least float to be cut.
const CUT_MIN: f64 = 1e-250;
/// Twice the power of two above [`BULK_MAX`]: a number is less than twice its own power of two.
const GRID_FACTOR: f64 = 4096.0;

/// The greatest magnitude of some numbers other than NaN.
fn greatest_magnitude(numbers: &[f64]) -> f64 {
    let mut greatest = [0.0_f64; 8];
    for lanes in numbers.chunks(8) {
        for (number, greatest) in lanes.iter().zip(&mut greatest) {
            let magnitude = number.abs();
            *greatest = if magnitude > *greatest {
                magnitude
            } else {
                *greatest
            };
        }
    }
    greatest.into_iter().fold(0.0, f64::max)
}

/// 2 to the power of an exponent from -1074 to 1023.
fn power_of_two(exponent: i32) -> f64 {
    let bits = if exponent < -1022 {
        1 << (exponent + 1074)
    } else {
        (i64::from(exponent) + 1023) << 52
    };
    f64::from_bits(bits.cast_unsigned())
}

/// Adds a finite number to an expansion whose parts grow in magnitude.
fn grow(parts: &mut Parts, mut number: f64) {
    let mut kept = 0;
    for place in 0..parts.len() {
        let (sum, error) = two_sum(number, parts[place]);
        if error != 0.0 {
            parts[kept] = error;
            kept += 1;
        }
        number = sum;
    }
    parts.truncate(kept);
    if number != 0.0 {
        parts.push(number);
    }
}

/// The float nearest to the sum of an expansion, ties to even.
fn round(parts: &[f64]) -> f64 {
    let Some((last, rest)) = parts.split_last() else {
        return 0.0;
    };
    let mut sum = *last;
    let mut below = rest.iter().rev();
    let mut error = 0.0;
    for part in below.by_ref() {
        let before = sum;
        (sum, error) = two_sum(before, *part);
        if error != 0.0 {
            break;
        }
    }
    // A tie was rounded to even as if nothing came below; what comes below may break it.
    if let Some(next) = below.next()
        && ((error < 0.0 && *next < 0.0) || (error > 0.0 && *next > 0.0))
    {
        let doubled = error * 2.0;
        let corrected = sum + doubled;
        if corrected - sum == doubled {
            sum = corrected;
        }
    }
    sum
}

/// What is left of a sum once its huge part is dealt with.
enum Reduced {
    /// The sum as an expansion.
    Plain(Parts),
    /// The sum as an expansion times 2⁻¹²⁸, at least [`UNSCALED_FITS`] in magnitude.
    Scaled(Parts),
}

impl ExactSum {
    /// Adds a number.
    #[inline]
    pub fn add(&mut self, number: f64) {
        let is_negative_zero = number == 0.0 && number.is_sign_negative();
        self.only_negative_zeros = is_negative_zero && (!self.any || self.only_negative_zeros);
        self.any = true;
        if number.abs() < HUGE {
            grow(&mut self.parts, number);
        } else if number.is_nan() {
            self.nan = true;
        } else if number.is_infinite() {
            self.positive_infinity |= number > 0.0;
            self.negative_infinity |= number < 0.0;
        } else {
            grow(&mut self.huge, number * SCALE_DOWN);
        }
    }

    /// Adds numbers; for many, several times faster than one by one.
    pub fn add_all(&mut self, numbers: &[f64]) {
        if numbers.len() < BULK_MIN {
            numbers.iter().for_each(|number| self.add(*number));
            return;
        }
        for batch in numbers.chunks(BULK_MAX) {
            self.add_batch(batch);
        }
    }

    /// Adds at most [`BULK_MAX`] numbers by cutting them, all at once, at the same power of two: the
    /// upper parts have so few bits that their plain sum is exact, the lower parts are cut again
    /// (Rump, Ogita and Oishi 2008). What two cuts leave over, numbers of very different magnitude,
    /// goes the slower way.
    fn add_batch(&mut self, numbers: &[f64]) {
        const LANES: usize = 8;
        const CUTS: usize = 2;
        let mut rest = [0.0_f64; BULK_MAX];
        rest[..numbers.len()].copy_from_slice(numbers);
        let rest = &mut rest[..numbers.len().next_multiple_of(LANES)];
        let mut greatest = greatest_magnitude(rest);
        if !(CUT_MIN..HUGE).contains(&greatest) || numbers.iter().any(|number| number.is_nan()) {
            self.add_digits(numbers);
            return;
        }
        for _ in 0..CUTS {
            // At least the greatest magnitude times the count, and a power of two.
            let grid = f64::from_bits(greatest.to_bits() & (0x7ff << 52)) * GRID_FACTOR;
            let mut sums = [0.0; LANES];
            for lanes in rest.chunks_exact_mut(LANES) {
                for (number, sum) in lanes.iter_mut().zip(&mut sums) {
                    let upper = (grid + *number) - grid;
                    *number -= upper;
                    *sum += upper;
                }
            }
            grow(&mut self.parts, sums.iter().sum());
            greatest = greatest_magnitude(rest);
            if greatest < CUT_MIN {
                break;
            }
        }
        self.any = true;
        self.only_negative_zeros = false;
        if greatest > 0.0 {
            // Few numbers are left, of those that are close to zero.
            let left = rest.iter().filter(|number| **number != 0.0);
            let left: SmallVec<[f64; 64]> = left.copied().collect();
            self.add_digits(&left);
        }
    }

    /// Adds at most [`BULK_MAX`] numbers by way of an array of integers that together cover the range
    /// of floats: digit `i` counts units of 2^(32 i − 1074). A number adds its lower bits to one digit
    /// and up to 52 higher bits to the next, so no digit overflows.
    fn add_digits(&mut self, numbers: &[f64]) {
        const SIGN: u64 = 1 << 63;
        const FRACTION: u64 = (1 << 52) - 1;
        let mut digits = [0_i64; 66];
        let mut beyond_negative_zero = 0;
        for number in numbers {
            let bits = number.to_bits();
            let exponent = (bits >> 52) & 0x7ff;
            if exponent == 0x7ff {
                self.add(*number);
                continue;
            }
            beyond_negative_zero |= bits ^ SIGN;
            let mantissa = (bits & FRACTION) | (u64::from(exponent > 0) << 52);
            // Subnormal numbers have the exponent of the least normal ones.
            let shift = exponent.saturating_sub(1);
            let within = shift & 31;
            let low = ((mantissa << within) & 0xffff_ffff).cast_signed();
            let high = (mantissa >> (32 - within)).cast_signed();
            let negate = -i64::from(bits & SIGN != 0);
            let place = (shift >> 5) as usize;
            digits[place] += (low ^ negate) - negate;
            digits[place + 1] += (high ^ negate) - negate;
        }
        let negative_zeros = numbers.iter().all(|number| number.to_bits() == SIGN);
        if beyond_negative_zero != 0 || negative_zeros {
            self.only_negative_zeros =
                beyond_negative_zero == 0 && (!self.any || self.only_negative_zeros);
            self.any = true;
        }
        let mut exponent = -1074;
        for digit in digits {
            if digit != 0 {
                #[allow(clippy::cast_precision_loss)]
                self.add_scaled((digit & 0xffff_ffff) as f64, exponent);
                #[allow(clippy::cast_precision_loss)]
                self.add_scaled((digit >> 32) as f64, exponent + 32);
            }
            exponent += 32;
        }
    }

    /// Adds `piece`, an integer of at most 32 bits, times a power of two.
    fn add_scaled(&mut self, piece: f64, exponent: i32) {
        if exponent < 900 {
            grow(&mut self.parts, piece * power_of_two(exponent));
        } else {
            grow(&mut self.huge, piece * power_of_two(exponent - 128));
        }
    }

    /// Adds an integer of any size that a sum of 64-bit integers can reach, exactly.
    pub fn add_integer(&mut self, integer: i128) {
        // Each piece has fewer bits than a mantissa and is exact.
        const PIECE_BITS: u32 = 48;
        let mut rest = integer.unsigned_abs();
        let mut weight = if integer < 0 { -1.0 } else { 1.0 };
        while rest > 0 {
            #[allow(clippy::cast_precision_loss)]
            let piece = (rest & ((1 << PIECE_BITS) - 1)) as f64;
            self.add(piece * weight);
            rest >>= PIECE_BITS;
            weight *= (1_u64 << PIECE_BITS) as f64;
        }
    }

    /// Adds the square of a number, exactly but for an error below 2⁻¹⁰⁷⁴ where the square is that
    /// small. The number must be below 2⁴⁷⁰ in magnitude.
    fn add_square(&mut self, number: f64) {
        let (square, error) = two_product(number, number);
        self.add(square);
        self.add(error);
    }

    /// Adds the numbers of another sum.
    pub fn merge(&mut self, other: &Self) {
        for part in &other.parts {
            grow(&mut self.parts, *part);
        }
        for part in &other.huge {
            grow(&mut self.huge, *part);
        }
        self.positive_infinity |= other.positive_infinity;
        self.negative_infinity |= other.negative_infinity;
        self.nan |= other.nan;
        if other.any {
            self.only_negative_zeros =
                other.only_negative_zeros && (!self.any || self.only_negative_zeros);
            self.any = true;
        }
    }

    /// Infinity or NaN if one was added or both infinities were.
    fn special(&self) -> Option<f64> {
        match (self.nan, self.positive_infinity, self.negative_infinity) {
            (false, false, false) => None,
            (false, true, false) => Some(f64::INFINITY),
            (false, false, true) => Some(f64::NEG_INFINITY),
            _ => Some(f64::NAN),
        }
    }

    fn reduced(&self) -> Reduced {
        if self.huge.is_empty() {
            return Reduced::Plain(self.parts.clone());
        }
        let mut scaled = self.huge.clone();
        for part in &self.parts {
            let small = part * SCALE_DOWN;
            // A part too small to scale only breaks ties: any number of its sign does.
            let inexact = small * SCALE_UP != *part;
            grow(
                &mut scaled,
                if inexact {
                    f64::from_bits(1).copysign(*part)
                } else {
                    small
                },
            );
        }
        if round(&scaled).abs() >= UNSCALED_FITS {
            return Reduced::Scaled(scaled);
        }
        let mut plain = self.parts.clone();
        for part in &self.huge {
            grow(&mut plain, part * SCALE_UP);
        }
        Reduced::Plain(plain)
    }

    /// The sum, rounded once; infinite if it is beyond the range of floats.
    #[must_use]
    pub fn value(&self) -> f64 {
        if let Some(special) = self.special() {
            return special;
        }
        if self.only_negative_zeros {
            return -0.0;
        }
        match self.reduced() {
            Reduced::Plain(parts) => round(&parts),
            Reduced::Scaled(parts) => round(&parts) * SCALE_UP,
        }
    }

    /// The sum divided by a count; finite for finite numbers even where the sum is not.
    #[must_use]
    pub fn mean(&self, count: u64) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let count = count as f64;
        if let Some(special) = self.special() {
            return special;
        }
        if self.only_negative_zeros {
            return -0.0;
        }
        match self.reduced() {
            Reduced::Plain(parts) => round(&parts) / count,
            Reduced::Scaled(parts) => round(&parts) / count * SCALE_UP,
        }
    }

    /// The sum as the one list of floats in which each is the sum of all that follow it, rounded:
    /// the same for equal sums, however they came about. Only for sums without huge numbers.
    fn canonical_parts(&self) -> Parts {
        let mut rest = self.parts.clone();
        let mut out = Parts::new();
        while !rest.is_empty() {
            let leading = round(&rest);
            out.push(leading);
            grow(&mut rest, -leading);
        }
        out
    }
}

/// The spread of numbers around their mean, from exact sums of the numbers and of their squares: as
/// independent of their order as [`ExactSum`].
#[derive(Clone, Debug, Default)]
pub struct Deviation {
    count: u64,
    sum: ExactSum,
    squares: ExactSum,
    /// Numbers from 2⁴⁷⁰ on in magnitude, times 2⁻⁵⁶⁰, whose squares might overflow.
    large: Option<Box<(ExactSum, ExactSum)>>,
}

/// 2⁴⁷⁰: the square of a smaller number stays below [`HUGE`].
const LARGE: f64 = f64::from_bits((470 + 1023) << 52);
/// 2⁻⁵⁶⁰.
const LARGE_DOWN: f64 = f64::from_bits((1023 - 560) << 52);
/// 2⁵⁶⁰.
const LARGE_UP: f64 = f64::from_bits((1023 + 560) << 52);

impl Deviation {
    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        self.count += 1;
        if number.abs() < LARGE || !number.is_finite() {
            self.sum.add(number);
            if number.is_finite() {
                self.squares.add_square(number);
            }
        } else {
            let (sum, squares) = &mut **self.large.get_or_insert_default();
            let scaled = number * LARGE_DOWN;
            sum.add(scaled);
            squares.add_square(scaled);
        }
    }

    /// Adds the numbers of another.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
        if let Some(theirs) = &other.large {
            let (sum, squares) = &mut **self.large.get_or_insert_default();
            sum.merge(&theirs.0);
            squares.merge(&theirs.1);
        }
    }

    /// The standard deviation: of a sample, dividing by one less than the count, or of a population.
    /// Zero for fewer than two numbers.
    #[must_use]
    pub fn value(&self, of_population: bool) -> f64 {
        if self.sum.special().is_some() {
            return f64::NAN;
        }
        if self.count < 2 {
            return 0.0;
        }
        let Some(large) = &self.large else {
            return self.root(&self.sum, &self.squares, of_population);
        };
        let (mut sum, mut squares) = (**large).clone();
        for part in self.sum.canonical_parts() {
            sum.add(part * LARGE_DOWN);
        }
        for part in self.squares.canonical_parts() {
            squares.add(part * LARGE_DOWN * LARGE_DOWN);
        }
        self.root(&sum, &squares, of_population) * LARGE_UP
    }

    /// √((n·Σx² − (Σx)²) / (n·(n−1))), the numerator exact and rounded once.
    fn root(&self, sum: &ExactSum, squares: &ExactSum, of_population: bool) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let count = self.count as f64;
        let mut numerator = ExactSum::default();
        for square in squares.canonical_parts() {
            let (product, error) = two_product(square, count);
            numerator.add(product);
            numerator.add(error);
        }
        let parts = sum.canonical_parts();
        for left in &parts {
            for right in &parts {
                let (product, error) = two_product(*left, *right);
                numerator.add(-product);
                numerator.add(-error);
            }
        }
        let freedom = if of_population { count } else { count - 1.0 };
        (numerator.value().max(0.0) / count / freedom).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum_of(numbers: &[f64]) -> f64 {
        let mut sum = ExactSum::default();
        sum.add_all(numbers);
        sum.value()
    }

    #[test]
    fn sums_are_exact() {
        let cases: &[(&[f64], f64)] = &[
            (&[], 0.0),
            (&[0.1; 10], 1.0),
            (&[1e100, 1.0, -1e100], 1.0),
            (&[1e308, 1e308, -1e308], 1e308),
            (&[1e308, 1e308, -1e308, -1e308, 5e-324], 5e-324),
            (&[f64::MAX, f64::MAX], f64::INFINITY),
            (&[f64::INFINITY, 1.0], f64::INFINITY),
            (&[1.0, 2f64.powi(-53), 2f64.powi(-106)], 1.0 + f64::EPSILON),
            (&[1.0, 2f64.powi(-53)], 1.0),
        ];
        for (numbers, wanted) in cases {
            assert_eq!(sum_of(numbers), *wanted, "{numbers:?}");
        }
        assert!(sum_of(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(sum_of(&[f64::NAN]).is_nan());
        assert!(sum_of(&[-0.0, -0.0]).is_sign_negative());
        assert!(sum_of(&[-0.0, 0.0]).is_sign_positive());
        assert!(sum_of(&[1.0, -1.0]).is_sign_positive());
    }

    #[test]
    fn integers_enter_exactly() {
        let mut sum = ExactSum::default();
        sum.add_integer(i128::from(i64::MAX) * 3);
        sum.add_integer(-(i128::from(i64::MAX) * 3 - 7));
        assert_eq!(sum.value(), 7.0);
    }

    #[test]
    fn a_mean_is_finite_where_the_sum_is_not() {
        let mut sum = ExactSum::default();
        sum.add_all(&[f64::MAX, f64::MAX]);
        assert_eq!(sum.mean(2), f64::MAX);
    }

    #[test]
    fn deviations_cancel_nothing() {
        let deviation = |numbers: &[f64], of_population| {
            let mut out = Deviation::default();
            numbers.iter().for_each(|number| out.add(*number));
            out.value(of_population)
        };
        assert_eq!(deviation(&[1e15 + 1.0, 1e15 + 2.0, 1e15 + 3.0], false), 1.0);
        assert_eq!(
            deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], true),
            2.0
        );
        assert_eq!(deviation(&[5.0], false), 0.0);
        assert_eq!(deviation(&[], true), 0.0);
        assert_eq!(deviation(&[1e200, -1e200], true), 1e200);
        assert!(deviation(&[f64::INFINITY, 1.0], true).is_nan());
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(
            numbers in proptest::collection::vec(any::<f64>(), 0..60),
            cut in 0_usize..60,
        ) {
            let forward = sum_of(&numbers);
            let mut backward: Vec<f64> = numbers.clone();
            backward.reverse();
            let cut = cut.min(numbers.len());
            let mut merged = ExactSum::default();
            merged.add_all(&numbers[cut..]);
            let mut other = ExactSum::default();
            other.add_all(&numbers[..cut]);
            merged.merge(&other);
            for again in [sum_of(&backward), merged.value()] {
                prop_assert!(forward.to_bits() == again.to_bits() || (forward.is_nan() && again.is_nan()));
            }
        }

        #[test]
        fn many_at_once_are_the_same_as_one_by_one(
            numbers in proptest::collection::vec(any::<f64>(), 0..3000),
            tame in proptest::collection::vec(-1e9_f64..1e9, 0..3000),
            flips in any::<u64>(),
        ) {
            let subnormal: Vec<f64> = numbers.iter().map(|number| number * 1e-300 * 1e-10).collect();
            let zeros: Vec<f64> = (0..40)
                .map(|place| if flips >> place & flips & 1 == 1 { 0.0 } else { -0.0 })
                .collect();
            for numbers in [numbers, tame, subnormal, zeros] {
                let mut single = ExactSum::default();
                numbers.iter().for_each(|number| single.add(*number));
                let (single, many) = (single.value(), sum_of(&numbers));
                prop_assert!(
                    single.to_bits() == many.to_bits() || (single.is_nan() && many.is_nan()),
                    "{} or {}", single, many
                );
            }
        }

        #[test]
        fn deviation_does_not_depend_on_order(
            numbers in proptest::collection::vec(-1e6_f64..1e6, 2..40),
        ) {
            let mut forward = Deviation::default();
            numbers.iter().for_each(|number| forward.add(*number));
            let mut backward = Deviation::default();
            numbers.iter().rev().for_each(|number| backward.add(*number));
            prop_assert_eq!(forward.value(false).to_bits(), backward.value(false).to_bits());
        }

        #[test]
        fn sums_of_integers_agree_with_integers(numbers in proptest::collection::vec(any::<i32>(), 0..50)) {
            let floats: Vec<f64> = numbers.iter().copied().map(f64::from).collect();
            let wanted: i64 = numbers.iter().copied().map(i64::from).sum();
            #[allow(clippy::cast_precision_loss)]
            let wanted = wanted as f64;
            prop_assert_eq!(sum_of(&floats), wanted);
        }
    }
}
