//! Times of calls.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;

/// However slow a family is, it is called this often.
const CALLS_MIN: usize = 3;

/// Warming up takes at most this part of the time of a family.
const WARM_UP_PART: u32 = 5;

/// Longer calls count as this long: an hour.
const TIME_NS_MAX: u64 = 3_600_000_000_000;

/// What bounds the calls of a family in a mode.
#[derive(Clone, Copy, Debug)]
pub struct Cap {
    /// How many calls at most.
    pub calls: usize,
    /// How much time at most.
    pub time: Duration,
}

/// The times of the calls of a family in a mode, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How many calls.
    pub calls: usize,
    /// Whether time ran out before all calls were made.
    pub is_capped: bool,
    /// Half of the calls took no longer.
    pub median_ns: u64,
    /// 99 % of the calls took no longer.
    pub p99_ns: u64,
    /// The shortest.
    pub min_ns: u64,
}

impl Cap {
    /// Times calls, after some that are not counted. `call` gets the number of the call.
    ///
    /// # Errors
    /// That of the first call that fails.
    pub fn time(self, mut call: impl FnMut(usize) -> anyhow::Result<()>) -> anyhow::Result<Times> {
        let begun = Instant::now();
        for number in 0..self.calls.div_ceil(10).max(1) {
            call(number)?;
            if begun.elapsed() > self.time / WARM_UP_PART {
                break;
            }
        }
        let mut histogram =
            Histogram::<u64>::new_with_bounds(1, TIME_NS_MAX, 3).context("a histogram")?;
        let mut min_ns = u64::MAX;
        let mut calls = 0;
        let begun = Instant::now();
        let mut before = begun;
        while calls < self.calls && (calls < CALLS_MIN || before - begun < self.time) {
            call(calls)?;
            let after = Instant::now();
            let took_ns = u64::try_from((after - before).as_nanos()).unwrap_or(u64::MAX);
            histogram.saturating_record(took_ns);
            min_ns = min_ns.min(took_ns);
            before = after;
            calls += 1;
        }
        Ok(Times {
            calls,
            is_capped: calls < self.calls,
            median_ns: histogram.value_at_quantile(0.5),
            p99_ns: histogram.value_at_quantile(0.99),
            min_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_between_the_shortest_and_the_longest_call() {
        let cap = Cap {
            calls: 30,
            time: Duration::from_secs(60),
        };
        let times = cap
            .time(|number| {
                std::hint::black_box((0..number * 1_000).map(std::hint::black_box).sum::<usize>());
                Ok(())
            })
            .expect("calls that do not fail");
        assert_eq!((times.calls, times.is_capped), (30, false));
        assert!(times.min_ns > 0 && times.min_ns <= times.median_ns + times.median_ns / 500);
        assert!(times.median_ns <= times.p99_ns);
    }
}
