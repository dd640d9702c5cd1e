//! Exact decimal amounts for durations: 0.1 months is a tenth of a month, not the nearest binary
//! fraction.
//!
//! An amount is a count of 10⁻¹⁸ units in 128 bits. Fractions carry downwards (a fraction of a
//! month into days at 30.436875 days a month, a fraction of a day into seconds at 86,400), never
//! upwards, and what is left below a nanosecond is cut off.

use super::{Duration, TemporalError};

/// 10¹⁸: the number of atoms in a unit.
const ONE: i128 = 1_000_000_000_000_000_000;
const DIGITS: usize = 18;
const NANOSECONDS_PER_MONTH: i128 = 2_629_746_000_000_000;
const NANOSECONDS_PER_DAY: i128 = 86_400_000_000_000;
const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;

const OVERFLOW: TemporalError = TemporalError::Overflow { what: "duration" };

/// A decimal number with 18 digits behind the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal(i128);

impl Decimal {
    pub(super) fn from_int(n: i64) -> Self {
        Self(i128::from(n) * ONE)
    }

    /// The shortest decimal number that reads as this float; fails beyond 64 bits.
    pub(super) fn from_float(n: f64) -> Result<Self, TemporalError> {
        if !n.is_finite() || n.abs() >= 1e19 {
            return Err(OVERFLOW);
        }
        // Rust prints floats shortest and without exponents.
        let text = n.abs().to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let magnitude = Self::from_digits(whole, fraction)?;
        Ok(if n < 0.0 {
            magnitude.negate()
        } else {
            magnitude
        })
    }

    /// A number from the digits before and behind its point.
    pub(super) fn from_digits(whole: &str, fraction: &str) -> Result<Self, TemporalError> {
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| OVERFLOW)?
        };
        let fraction = &fraction[..fraction.len().min(DIGITS)];
        let mut atoms: i128 = if fraction.is_empty() {
            0
        } else {
            fraction.parse().map_err(|_| OVERFLOW)?
        };
        for _ in fraction.len()..DIGITS {
            atoms *= 10;
        }
        whole
            .checked_mul(ONE)
            .and_then(|n| n.checked_add(atoms))
            .map(Self)
            .ok_or(OVERFLOW)
    }

    pub(super) const fn negate(self) -> Self {
        Self(-self.0)
    }

    pub(super) fn times(self, n: i64) -> Result<Self, TemporalError> {
        self.0.checked_mul(i128::from(n)).map(Self).ok_or(OVERFLOW)
    }

    pub(super) fn divided_by(self, n: i64) -> Result<Self, TemporalError> {
        self.0.checked_div(i128::from(n)).map(Self).ok_or(OVERFLOW)
    }

    pub(super) fn plus(self, other: Self) -> Result<Self, TemporalError> {
        self.0.checked_add(other.0).map(Self).ok_or(OVERFLOW)
    }
}

/// Amounts of the four parts of a duration, before fractions are carried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amounts {
    pub months: Decimal,
    pub days: Decimal,
    pub seconds: Decimal,
    pub nanoseconds: Decimal,
}

impl Amounts {
    pub(super) const ZERO: Self = Self {
        months: Decimal(0),
        days: Decimal(0),
        seconds: Decimal(0),
        nanoseconds: Decimal(0),
    };

    /// Carries fractions down and makes the duration.
    pub(super) fn carry(self) -> Result<Duration, TemporalError> {
        let months = self.months.0 / ONE;
        // Fractions from here on in 10⁻¹⁸ nanoseconds, below 10³⁴ and so far from overflow.
        let rest =
            self.months.0 % ONE * NANOSECONDS_PER_MONTH + self.days.0 % ONE * NANOSECONDS_PER_DAY;
        let day = NANOSECONDS_PER_DAY * ONE;
        let mut days = self.days.0 / ONE + rest / day;
        let mut rest = rest % day;
        // Whole days and their rest have one sign, as the one sum they are.
        if days > 0 && rest < 0 {
            days -= 1;
            rest += day;
        } else if days < 0 && rest > 0 {
            days += 1;
            rest -= day;
        }
        let fractions =
            rest + self.seconds.0 % ONE * NANOSECONDS_PER_SECOND + self.nanoseconds.0 % ONE;
        let nanoseconds = self.seconds.0 / ONE * NANOSECONDS_PER_SECOND
            + self.nanoseconds.0 / ONE
            + fractions / ONE;
        Duration::from_parts(months, days, nanoseconds)
    }
}

impl Duration {
    /// A duration of whole months, days and nanoseconds.
    pub(super) fn from_parts(
        months: i128,
        days: i128,
        nanoseconds: i128,
    ) -> Result<Self, TemporalError> {
        let whole = |n: i128| i64::try_from(n).map_err(|_| OVERFLOW);
        Ok(Self {
            months: whole(months)?,
            days: whole(days)?,
            seconds: whole(nanoseconds.div_euclid(NANOSECONDS_PER_SECOND))?,
            // Below 10⁹ by the modulus.
            nanoseconds: nanoseconds.rem_euclid(NANOSECONDS_PER_SECOND) as i32,
        })
    }
}
