//! Accumulators of aggregating functions.
//!
//! An accumulator takes values in any order and merges with others of its kind; except for
//! `collect`, whose list has the order in which the values came, the result does not depend on it:
//! integer sums are kept in 128 bits, float sums in an [`ExactSum`]. DISTINCT is left to the caller,
//! which pushes each distinct value once.

use std::cmp::Ordering;

use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::Duration;

use super::exact_sum::{Deviation, ExactSum};
use super::{Aggregator, list, out_of_range, overflow, wrong_type};
use crate::error::QueryError;

const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;

/// So many halves of integers have a sum of 64 bits.
const HALVES_MAX: usize = 1 << 30;

/// The exact sum of integers: that of their upper and that of their lower halves, each in 64 bits,
/// which the processor adds several at a time.
fn sum_of_integers(numbers: &[i64]) -> i128 {
    let part = |numbers: &[i64]| {
        let (mut upper, mut lower) = (0_i64, 0_i64);
        for number in numbers {
            upper += number >> 32;
            lower += number & 0xffff_ffff;
        }
        (i128::from(upper) << 32) + i128::from(lower)
    };
    numbers.chunks(HALVES_MAX).map(part).sum()
}

/// The state of one aggregate of one group.
#[derive(Clone, Debug)]
pub struct Accumulator {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// `count(*)` and `count(x)`, which differ in whether null counts.
    Count {
        rows: u64,
        nulls_too: bool,
    },
    Sum(Sum),
    Avg(Sum),
    /// `min` or `max`: the extreme so far, and how a greater value compares with it.
    Extreme {
        best: Value,
        wanted: Ordering,
    },
    Collect(Vec<Value>),
    Deviation {
        deviation: Box<Deviation>,
        of_population: bool,
    },
    Percentile(Box<Percentile>),
}

/// A sum of numbers or of durations.
#[derive(Clone, Debug, Default)]
struct Sum {
    count: u64,
    integers: i128,
    /// Present once a float came.
    floats: Option<Box<ExactSum>>,
    /// Present once a duration came.
    durations: Option<Box<DurationSum>>,
    /// Whether a number came.
    numbers: bool,
}

#[derive(Clone, Debug, Default)]
struct DurationSum {
    months: i128,
    days: i128,
    nanoseconds: i128,
}

#[derive(Clone, Debug)]
struct Percentile {
    numbers: Vec<Value>,
    /// The percentile of the first row.
    fraction: Option<f64>,
    interpolates: bool,
}

impl Accumulator {
    /// An accumulator that has seen nothing.
    #[must_use]
    pub fn new(aggregator: Aggregator) -> Self {
        let percentile = |interpolates| {
            State::Percentile(Box::new(Percentile {
                numbers: Vec::new(),
                fraction: None,
                interpolates,
            }))
        };
        let deviation = |of_population| State::Deviation {
            deviation: Box::default(),
            of_population,
        };
        let state = match aggregator {
            Aggregator::CountRows => State::Count {
                rows: 0,
                nulls_too: true,
            },
            Aggregator::Count => State::Count {
                rows: 0,
                nulls_too: false,
            },
            Aggregator::Sum => State::Sum(Sum::default()),
            Aggregator::Avg => State::Avg(Sum::default()),
            Aggregator::Min => State::Extreme {
                best: Value::Null,
                wanted: Ordering::Less,
            },
            Aggregator::Max => State::Extreme {
                best: Value::Null,
                wanted: Ordering::Greater,
            },
            Aggregator::Collect => State::Collect(Vec::new()),
            Aggregator::StDev => deviation(false),
            Aggregator::StDevP => deviation(true),
            Aggregator::PercentileCont => percentile(true),
            Aggregator::PercentileDisc => percentile(false),
        };
        Self { state }
    }

    /// Takes the value of a row, and for a percentile the second argument. For `count(*)` any value
    /// will do.
    pub fn push(&mut self, value: &Value, second: Option<&Value>) -> Result<(), QueryError> {
        if let State::Percentile(percentile) = &mut self.state {
            percentile.check_fraction(second.unwrap_or(&Value::Null))?;
        }
        if matches!(value, Value::Null) {
            if let State::Count {
                rows,
                nulls_too: true,
            } = &mut self.state
            {
                *rows += 1;
            }
            return Ok(());
        }
        match &mut self.state {
            State::Count { rows, .. } => *rows += 1,
            State::Sum(sum) => sum.push("sum", value)?,
            State::Avg(sum) => sum.push("avg", value)?,
            State::Extreme { best, wanted } => {
                if matches!(best, Value::Null) || is_better(value, best, *wanted) {
                    *best = value.clone();
                }
            }
            State::Collect(items) => items.push(value.clone()),
            State::Deviation {
                deviation,
                of_population,
            } => match value {
                #[allow(clippy::cast_precision_loss)]
                Value::Int(number) => deviation.add(*number as f64),
                Value::Float(number) => deviation.add(*number),
                other => {
                    let name = if *of_population { "stDevP" } else { "stDev" };
                    return Err(wrong_type(name, "numbers", other));
                }
            },
            State::Percentile(percentile) => match value {
                Value::Int(_) | Value::Float(_) => percentile.numbers.push(value.clone()),
                other => return Err(wrong_type(percentile.name(), "numbers", other)),
            },
        }
        Ok(())
    }

    /// Counts rows without looking at them; for `count(*)`, and for `count(x)` where no value is
    /// null.
    pub fn push_rows(&mut self, count: u64) {
        if let State::Count { rows, .. } = &mut self.state {
            *rows += count;
        }
    }

    /// Takes integers; the same as pushing each. For aggregates of one argument.
    pub fn push_ints(&mut self, numbers: &[i64]) -> Result<(), QueryError> {
        match &mut self.state {
            State::Count { rows, .. } => *rows += numbers.len() as u64,
            State::Sum(sum) | State::Avg(sum) => {
                sum.count += numbers.len() as u64;
                sum.numbers |= !numbers.is_empty();
                sum.integers += sum_of_integers(numbers);
            }
            State::Extreme { wanted, .. } => {
                let best = match wanted {
                    Ordering::Less => numbers.iter().min(),
                    _ => numbers.iter().max(),
                };
                if let Some(best) = best {
                    self.push(&Value::Int(*best), None)?;
                }
            }
            State::Collect(items) => items.extend(numbers.iter().map(|number| Value::Int(*number))),
            State::Deviation { .. } | State::Percentile(_) => {
                for number in numbers {
                    self.push(&Value::Int(*number), None)?;
                }
            }
        }
        Ok(())
    }

    /// Takes floats; the same as pushing each. For aggregates of one argument.
    pub fn push_floats(&mut self, numbers: &[f64]) -> Result<(), QueryError> {
        match &mut self.state {
            State::Count { rows, .. } => *rows += numbers.len() as u64,
            State::Sum(sum) | State::Avg(sum) => {
                sum.count += numbers.len() as u64;
                if !numbers.is_empty() {
                    sum.numbers = true;
                    sum.floats.get_or_insert_default().add_all(numbers);
                }
            }
            State::Collect(items) => {
                items.extend(numbers.iter().map(|number| Value::Float(*number)));
            }
            State::Extreme { .. } | State::Deviation { .. } | State::Percentile(_) => {
                for number in numbers {
                    self.push(&Value::Float(*number), None)?;
                }
            }
        }
        Ok(())
    }

    /// Takes in what another accumulator of the same aggregator has seen, as if it had come later.
    pub fn merge(&mut self, other: Self) {
        match (&mut self.state, other.state) {
            (State::Count { rows, .. }, State::Count { rows: more, .. }) => *rows += more,
            (State::Sum(sum), State::Sum(more)) | (State::Avg(sum), State::Avg(more)) => {
                sum.merge(more);
            }
            (State::Extreme { best, wanted }, State::Extreme { best: theirs, .. }) => {
                let is_new = matches!(best, Value::Null) || is_better(&theirs, best, *wanted);
                if is_new && !matches!(theirs, Value::Null) {
                    *best = theirs;
                }
            }
            (State::Collect(items), State::Collect(more)) => items.extend(more),
            (
                State::Deviation { deviation, .. },
                State::Deviation {
                    deviation: more, ..
                },
            ) => {
                deviation.merge(&more);
            }
            (State::Percentile(percentile), State::Percentile(more)) => {
                percentile.fraction = percentile.fraction.or(more.fraction);
                percentile.numbers.extend(more.numbers);
            }
            _ => debug_assert!(false, "accumulators of different aggregators"),
        }
    }

    /// The result.
    pub fn finish(self) -> Result<Value, QueryError> {
        match self.state {
            State::Count { rows, .. } => i64::try_from(rows)
                .map(Value::Int)
                .map_err(|_| overflow("count()")),
            State::Sum(sum) => sum.total(),
            State::Avg(sum) => sum.mean(),
            State::Extreme { best, .. } => Ok(best),
            State::Collect(items) => Ok(list(items)),
            State::Deviation {
                deviation,
                of_population,
            } => Ok(Value::Float(deviation.value(of_population))),
            State::Percentile(percentile) => Ok(percentile.result()),
        }
    }
}

/// Whether a value is to take the place of the extreme so far. Of equivalent numbers the integer is
/// kept, so that the choice does not depend on the order in which they came.
fn is_better(value: &Value, best: &Value, wanted: Ordering) -> bool {
    let ordering = value.cmp_order(best);
    ordering == wanted
        || (ordering.is_eq() && matches!((value, best), (Value::Int(_), Value::Float(_))))
}

impl Sum {
    fn push(&mut self, name: &str, value: &Value) -> Result<(), QueryError> {
        match value {
            Value::Int(number) => {
                self.integers += i128::from(*number);
                self.numbers = true;
            }
            Value::Float(number) => {
                self.floats.get_or_insert_default().add(*number);
                self.numbers = true;
            }
            Value::Duration(duration) => {
                let sum = self.durations.get_or_insert_default();
                sum.months += i128::from(duration.months);
                sum.days += i128::from(duration.days);
                sum.nanoseconds += i128::from(duration.seconds) * NANOSECONDS_PER_SECOND
                    + i128::from(duration.nanoseconds);
            }
            other => return Err(wrong_type(name, "numbers or durations", other)),
        }
        self.count += 1;
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.numbers |= other.numbers;
        self.integers += other.integers;
        if let Some(floats) = other.floats {
            self.floats.get_or_insert_default().merge(&floats);
        }
        if let Some(theirs) = other.durations {
            let sum = self.durations.get_or_insert_default();
            sum.months += theirs.months;
            sum.days += theirs.days;
            sum.nanoseconds += theirs.nanoseconds;
        }
    }

    /// Numbers and durations do not add up; which came first does not matter for the message.
    fn check_kinds(&self, name: &str) -> Result<(), QueryError> {
        match &self.durations {
            Some(_) if self.numbers => Err(wrong_type(
                name,
                "numbers or durations, not both",
                &Value::Int(0),
            )),
            _ => Ok(()),
        }
    }

    /// The exact sum of all numbers, if there is a float among them.
    fn float_sum(&self) -> Option<ExactSum> {
        let mut sum = (**self.floats.as_ref()?).clone();
        if self.integers != 0 {
            sum.add_integer(self.integers);
        }
        Some(sum)
    }

    fn total(self) -> Result<Value, QueryError> {
        self.check_kinds("sum")?;
        if let Some(durations) = self.durations {
            return durations.divided_by(1);
        }
        if let Some(sum) = self.float_sum() {
            return Ok(Value::Float(sum.value()));
        }
        i64::try_from(self.integers)
            .map(Value::Int)
            .map_err(|_| overflow("sum()"))
    }

    fn mean(self) -> Result<Value, QueryError> {
        self.check_kinds("avg")?;
        if self.count == 0 {
            return Ok(Value::Null);
        }
        if let Some(durations) = self.durations {
            return durations.divided_by(i128::from(self.count));
        }
        let sum = self.float_sum().unwrap_or_else(|| {
            let mut sum = ExactSum::default();
            sum.add_integer(self.integers);
            sum
        });
        Ok(Value::Float(sum.mean(self.count)))
    }
}

impl DurationSum {
    /// The duration divided by a count. What is left of the months goes to the days at the length
    /// of an average month, what is left of the days to the seconds, as in division of durations.
    fn divided_by(self, count: i128) -> Result<Value, QueryError> {
        /// 365.2425 days in twelve parts.
        const SECONDS_PER_MONTH: i128 = 2_629_746;
        const SECONDS_PER_DAY: i128 = 86_400;
        let months_left = self.months % count;
        // In seconds times the count: the days that the rest of the months makes.
        let from_months = months_left * SECONDS_PER_MONTH;
        let day = SECONDS_PER_DAY * count;
        let days = self.days / count + from_months / day;
        let seconds_times_count = (self.days % count) * SECONDS_PER_DAY + from_months % day;
        let nanoseconds = (self.nanoseconds + seconds_times_count * NANOSECONDS_PER_SECOND) / count;
        let fits = |number: i128| i64::try_from(number).map_err(|_| overflow("a sum of durations"));
        Ok(Value::Duration(std::sync::Arc::new(Duration {
            months: fits(self.months / count)?,
            days: fits(days)?,
            seconds: fits(nanoseconds.div_euclid(NANOSECONDS_PER_SECOND))?,
            nanoseconds: i32::try_from(nanoseconds.rem_euclid(NANOSECONDS_PER_SECOND)).unwrap_or(0),
        })))
    }
}

impl Percentile {
    fn name(&self) -> &'static str {
        if self.interpolates {
            "percentileCont"
        } else {
            "percentileDisc"
        }
    }

    /// Checks the percentile of a row and keeps the first one.
    fn check_fraction(&mut self, given: &Value) -> Result<(), QueryError> {
        let fraction = match given {
            #[allow(clippy::cast_precision_loss)]
            Value::Int(number) => *number as f64,
            Value::Float(number) => *number,
            other => return Err(wrong_type(self.name(), "a number as percentile", other)),
        };
        if !(0.0..=1.0).contains(&fraction) {
            return Err(out_of_range(format!(
                "{}() takes a percentile between 0 and 1, not {fraction}",
                self.name()
            )));
        }
        self.fraction.get_or_insert(fraction);
        Ok(())
    }

    fn result(mut self) -> Value {
        let Some(fraction) = self.fraction else {
            return Value::Null;
        };
        self.numbers.sort_by(Value::cmp_order);
        let Some(last) = self.numbers.len().checked_sub(1) else {
            return Value::Null;
        };
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        if self.interpolates {
            let place = fraction * last as f64;
            let below = (place.floor() as usize).min(last);
            let above = (place.ceil() as usize).min(last);
            let (low, high) = (
                as_float(&self.numbers[below]),
                as_float(&self.numbers[above]),
            );
            let share = place - below as f64;
            let between = low * (1.0 - share) + high * share;
            Value::Float(if below == above { low } else { between })
        } else {
            // The least number with at least this fraction of the numbers at or below it.
            let place = (fraction * self.numbers.len() as f64).ceil() as usize;
            self.numbers.swap_remove(place.saturating_sub(1).min(last))
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn as_float(number: &Value) -> f64 {
    match number {
        Value::Int(number) => *number as f64,
        Value::Float(number) => *number,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::kind_of;
    use super::*;
    use Aggregator::{
        Avg, Collect, Count, CountRows, Max, Min, PercentileCont, PercentileDisc, StDev, StDevP,
        Sum,
    };
    use Value::{Float, Int, Null};
    use std::sync::Arc;

    #[test]
    fn integers_taken_at_once_have_the_sum_of_those_taken_one_by_one() {
        let extremes = [
            i64::MIN,
            i64::MAX,
            -1,
            0,
            1,
            1 << 32,
            -(1 << 32),
            u32::MAX.into(),
        ];
        for count in 0..200 {
            let numbers: Vec<i64> = (0..count)
                .map(|at: usize| extremes[at * at % extremes.len()].wrapping_add(at as i64))
                .collect();
            let expected: i128 = numbers.iter().map(|number| i128::from(*number)).sum();
            assert_eq!(sum_of_integers(&numbers), expected, "{count}");
        }
    }

    fn run(
        aggregator: Aggregator,
        values: &[Value],
        second: Option<Value>,
    ) -> Result<Value, QueryError> {
        let mut whole = Accumulator::new(aggregator);
        for value in values {
            whole.push(value, second.as_ref())?;
        }
        // Halves merged must give what the whole gives.
        let (first, rest) = values.split_at(values.len() / 2);
        let mut left = Accumulator::new(aggregator);
        let mut right = Accumulator::new(aggregator);
        for value in first {
            left.push(value, second.as_ref())?;
        }
        for value in rest {
            right.push(value, second.as_ref())?;
        }
        left.merge(right);
        let result = whole.finish()?;
        let merged = left.finish()?;
        assert!(
            result.same(&merged),
            "{aggregator:?} {values:?}: {result:?} or merged {merged:?}"
        );
        Ok(result)
    }

    fn strings(items: &[&str]) -> Vec<Value> {
        items.iter().map(super::super::text).collect()
    }

    #[test]
    fn results_follow_the_table() {
        let ints = |items: &[i64]| items.iter().copied().map(Int).collect::<Vec<_>>();
        let mixed = vec![
            Int(1),
            super::super::text("a"),
            Null,
            list(ints(&[1, 2])),
            Float(0.2),
        ];
        let duration = |months, days, seconds| {
            Value::Duration(Arc::new(Duration {
                months,
                days,
                seconds,
                nanoseconds: 0,
            }))
        };
        let cases: Vec<(Aggregator, Vec<Value>, Value)> = vec![
            (CountRows, vec![Null, Int(1)], Int(2)),
            (Count, vec![Null, Int(1)], Int(1)),
            (Count, vec![], Int(0)),
            (Sum, vec![], Int(0)),
            (Sum, vec![Null], Int(0)),
            (Sum, vec![Int(33), Null, Int(42)], Int(75)),
            (Sum, vec![Int(i64::MAX), Int(1), Int(-1)], Int(i64::MAX)),
            (Sum, vec![Int(1), Float(0.5)], Float(1.5)),
            (Sum, vec![Float(0.1); 10], Float(1.0)),
            (
                Sum,
                vec![Int(i64::MAX), Float(1.0), Int(i64::MIN)],
                Float(0.0),
            ),
            (
                Sum,
                vec![duration(1, 2, 3), duration(4, 5, 6)],
                duration(5, 7, 9),
            ),
            (Avg, vec![], Null),
            (Avg, vec![Int(1), Int(2), Null], Float(1.5)),
            (Avg, vec![Float(f64::MAX), Float(f64::MAX)], Float(f64::MAX)),
            (
                Avg,
                vec![duration(2, 3, 4), duration(0, 0, 0)],
                duration(1, 1, 43_202),
            ),
            (
                Avg,
                vec![duration(1, 0, 0), duration(0, 0, 0)],
                duration(0, 15, 18_873),
            ),
            (Min, vec![], Null),
            (Min, ints(&[1, 2, 0, -1]), Int(-1)),
            (
                Max,
                vec![Int(1), Float(2.0), Int(5), Null, Float(3.2)],
                Int(5),
            ),
            (Min, vec![Int(1), Float(2.0), Null, Float(0.1)], Float(0.1)),
            (
                Max,
                strings(&["a", "b", "B", "abc"]),
                super::super::text("b"),
            ),
            (Max, mixed.clone(), Int(1)),
            (Min, mixed, list(ints(&[1, 2]))),
            (Max, vec![Float(1.0), Int(1)], Int(1)),
            (Max, vec![Int(1), Float(1.0)], Int(1)),
            (Collect, vec![Null, Int(1), Null], list(ints(&[1]))),
            (Collect, vec![], list([])),
            (StDev, ints(&[1, 2, 3]), Float(1.0)),
            (StDevP, ints(&[2, 4, 4, 4, 5, 5, 7, 9]), Float(2.0)),
            (StDev, vec![Int(3)], Float(0.0)),
            (StDev, vec![], Float(0.0)),
        ];
        for (aggregator, values, wanted) in cases {
            let got = run(aggregator, &values, None).expect("no error");
            assert!(
                got.same(&wanted),
                "{aggregator:?} {values:?}: {got:?}, not {wanted:?}"
            );
        }
    }

    #[test]
    fn percentiles_follow_the_table() {
        let prices = || vec![Float(10.0), Float(30.0), Null, Float(20.0)];
        let cases = [
            (PercentileDisc, prices(), 0.0, Float(10.0)),
            (PercentileDisc, prices(), 0.5, Float(20.0)),
            (PercentileDisc, prices(), 1.0, Float(30.0)),
            (PercentileDisc, vec![Int(1), Int(2)], 0.5, Int(1)),
            (PercentileCont, prices(), 0.0, Float(10.0)),
            (PercentileCont, prices(), 0.25, Float(15.0)),
            (PercentileCont, prices(), 1.0, Float(30.0)),
            (PercentileCont, vec![], 0.5, Null),
            (PercentileDisc, vec![Null], 0.5, Null),
        ];
        for (aggregator, values, fraction, wanted) in cases {
            let got = run(aggregator, &values, Some(Float(fraction))).expect("no error");
            assert!(
                got.same(&wanted),
                "{aggregator:?} {fraction}: {got:?}, not {wanted:?}"
            );
        }
        for bad in [Int(1000), Int(-1), Float(1.1), Float(f64::NAN)] {
            for aggregator in [PercentileCont, PercentileDisc] {
                let error =
                    run(aggregator, &[Float(10.0)], Some(bad.clone())).expect_err("out of range");
                assert_eq!(kind_of(&error), ("ArgumentError", "NumberOutOfRange"));
            }
        }
    }

    #[test]
    fn errors_do_not_depend_on_the_order() {
        let duration = Value::Duration(Arc::new(Duration::default()));
        let overflow = run(Sum, &[Int(i64::MAX), Int(1)], None).expect_err("overflow");
        assert_eq!(kind_of(&overflow), ("ArithmeticError", "IntegerOverflow"));
        for values in [[Int(1), duration.clone()], [duration, Int(1)]] {
            let error = run(Sum, &values, None).expect_err("mixed");
            assert_eq!(kind_of(&error), ("TypeError", "InvalidArgumentValue"));
        }
        for aggregator in [Sum, Avg, StDev] {
            let error = run(aggregator, &[Value::Bool(true)], None).expect_err("no number");
            assert_eq!(kind_of(&error), ("TypeError", "InvalidArgumentValue"));
        }
    }

    #[test]
    fn slices_count_like_values() {
        let ints = [3, -4, 5];
        let floats = [0.5, -2.5, f64::NAN];
        for aggregator in [Count, Sum, Avg, Min, Max, Collect, StDev] {
            let mut sliced = Accumulator::new(aggregator);
            sliced.push_ints(&ints).expect("no error");
            sliced.push_floats(&floats).expect("no error");
            sliced.push_ints(&[]).expect("no error");
            let mut single = Accumulator::new(aggregator);
            for value in ints.map(Int).iter().chain(&floats.map(Float)) {
                single.push(value, None).expect("no error");
            }
            let (sliced, single) = (
                sliced.finish().expect("value"),
                single.finish().expect("value"),
            );
            assert!(
                sliced.same(&single),
                "{aggregator:?}: {sliced:?}, not {single:?}"
            );
        }
        let mut rows = Accumulator::new(CountRows);
        rows.push_rows(7);
        assert!(rows.finish().expect("value").same(&Int(7)));
    }
}
