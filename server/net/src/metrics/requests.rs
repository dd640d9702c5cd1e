//! Requests by what they ask for: how many, how they ended, how long they took.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::exposition::{Exposition, Kind};

/// Upper bounds of times, in microseconds: from what a cached point read takes to what nobody waits for.
const BOUNDS_US: [u64; 12] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000, 30_000_000,
];

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Done,
    /// The client asked for what cannot be.
    ClientError,
    /// The client may not do that, or is not who it says.
    Denied,
    /// It may work when it is tried again.
    TransientError,
    /// The server is at fault.
    ServerError,
}

const ENDS: [(End, &str); 5] = [
    (End::Done, "done"),
    (End::ClientError, "client_error"),
    (End::Denied, "denied"),
    (End::TransientError, "transient_error"),
    (End::ServerError, "server_error"),
];

impl End {
    /// What a code of the kind that drivers know says.
    pub fn of_code(code: &str) -> Self {
        if code.starts_with("Neo.ClientError.Security.") {
            Self::Denied
        } else if code.starts_with("Neo.ClientError.") {
            Self::ClientError
        } else if code.starts_with("Neo.TransientError.") {
            Self::TransientError
        } else {
            Self::ServerError
        }
    }
}

/// Requests of one kind. Counting one costs three additions to atomics.
pub struct Requests {
    protocol: &'static str,
    request: Cow<'static, str>,
    ends: [AtomicU64; ENDS.len()],
    /// Those that took at most so long, but longer than the bound before; the last one has no bound.
    times: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Requests {
    fn new(protocol: &'static str, request: Cow<'static, str>) -> Self {
        Self {
            protocol,
            request,
            ends: Default::default(),
            times: Default::default(),
            sum_us: AtomicU64::new(0),
        }
    }

    /// Counts a request that ended after a time.
    pub fn count(&self, time: Duration, end: End) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.times[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        self.ends[end as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// The kinds of requests there are.
#[derive(Default)]
pub struct Register {
    kinds: Mutex<Vec<Arc<Requests>>>,
}

impl Register {
    /// The counters of a kind of request, to be kept by whoever counts.
    pub fn requests(
        &self,
        protocol: &'static str,
        request: impl Into<Cow<'static, str>>,
    ) -> Arc<Requests> {
        let request = request.into();
        let mut kinds = self.kinds.lock();
        let known = kinds
            .iter()
            .find(|kind| kind.protocol == protocol && kind.request == request);
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let kind = Arc::new(Requests::new(protocol, request));
        kinds.push(Arc::clone(&kind));
        kind
    }

    /// Writes what was counted.
    pub fn write(&self, out: &mut Exposition) {
        let kinds = self.kinds.lock();
        let mut family = out.family(
            "retrograph_requests_total",
            Kind::Counter,
            "Requests that have ended, by protocol, request and how they ended.",
        );
        for kind in &*kinds {
            for (end, name) in ENDS {
                let labels = [
                    ("protocol", kind.protocol),
                    ("request", &*kind.request),
                    ("end", name),
                ];
                let count = kind.ends[end as usize].load(Ordering::Relaxed);
                family.sample("", &labels, count as f64);
            }
        }
        let mut family = out.family(
            "retrograph_request_seconds",
            Kind::Histogram,
            "How long requests took, without the time they waited for their client.",
        );
        for kind in &*kinds {
            let labels = [("protocol", kind.protocol), ("request", &*kind.request)];
            let mut count = 0;
            for (place, time) in kind.times.iter().enumerate() {
                count += time.load(Ordering::Relaxed);
                let bound = match BOUNDS_US.get(place) {
                    Some(bound) => (*bound as f64 / 1e6).to_string(),
                    None => "+Inf".to_owned(),
                };
                let labels = [labels[0], labels[1], ("le", bound.as_str())];
                family.sample("_bucket", &labels, count as f64);
            }
            let sum = kind.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
            family.sample("_sum", &labels, sum);
            family.sample("_count", &labels, count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_end_and_time() {
        let register = Register::default();
        let runs = register.requests("bolt", "run");
        assert!(Arc::ptr_eq(&runs, &register.requests("bolt", "run")));
        runs.count(Duration::from_micros(100), End::Done);
        runs.count(
            Duration::from_micros(101),
            End::of_code("Neo.ClientError.Security.Forbidden"),
        );
        runs.count(
            Duration::from_secs(60),
            End::of_code("Neo.DatabaseError.General.UnknownError"),
        );
        let mut out = Exposition::default();
        register.write(&mut out);
        let text = out.finish();
        for line in [
            "retrograph_requests_total{protocol=\"bolt\",request=\"run\",end=\"done\"} 1",
            "retrograph_requests_total{protocol=\"bolt\",request=\"run\",end=\"denied\"} 1",
            "retrograph_requests_total{protocol=\"bolt\",request=\"run\",end=\"server_error\"} 1",
            "retrograph_requests_total{protocol=\"bolt\",request=\"run\",end=\"transient_error\"} 0",
            "retrograph_request_seconds_bucket{protocol=\"bolt\",request=\"run\",le=\"0.0001\"} 1",
            "retrograph_request_seconds_bucket{protocol=\"bolt\",request=\"run\",le=\"0.00025\"} 2",
            "retrograph_request_seconds_bucket{protocol=\"bolt\",request=\"run\",le=\"30\"} 2",
            "retrograph_request_seconds_bucket{protocol=\"bolt\",request=\"run\",le=\"+Inf\"} 3",
            "retrograph_request_seconds_sum{protocol=\"bolt\",request=\"run\"} 60.000201",
            "retrograph_request_seconds_count{protocol=\"bolt\",request=\"run\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
