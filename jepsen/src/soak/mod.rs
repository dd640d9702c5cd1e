//! A soak: many clients read, write and read the past over Bolt, while the server is killed and started
//! again, and then left alone to see whether its memory grows.
//!
//! Every client has accounts whose `seq` nobody else writes, so that it knows what it must read, and moves
//! money between accounts of all, so that transactions conflict and the sum of all balances stays the same
//! at every version. It is wrong if
//!
//! - a client does not read what was acknowledged to it, now or at the version of the acknowledgement;
//! - the sum of all balances differs, at the present or at a version;
//! - a request fails otherwise than by a transient error, or by the connection when the server is killed;
//! - the memory of the server, undisturbed, grows.

mod client;
mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use crate::violation::hold;
use client::{Counts, SoakClient};
use server::SoakServer;

/// Accounts of each client.
const ACCOUNTS: i64 = 20;

/// What is on an account at first.
const BALANCE: i64 = 100;

/// The part of the time in which the server is killed now and then; in the rest it is left alone.
const DISTURBED: f64 = 0.4;

/// How often memory is looked at.
const SAMPLE_PERIOD: Duration = Duration::from_secs(5);

/// Memory counts as flat if its mean in the last third of the undisturbed time is at most so much of that in
/// the middle third, and this many bytes more: caches go on filling.
const GROWTH_MAX: f64 = 1.15;
const GROWTH_BYTES: f64 = (64 << 20) as f64;

/// What to run.
#[derive(Clone, Debug)]
pub struct Soak {
    /// The program `retrograph`.
    pub program: PathBuf,
    /// How long.
    pub time: Duration,
    /// How many clients.
    pub clients: usize,
    /// How long until the server is killed again.
    pub kill_period: Duration,
    /// Draws everything.
    pub seed: u64,
}

/// What the clients share.
pub(crate) struct Shared {
    server: SoakServer,
    clients: usize,
    /// How often the server was killed.
    kills: AtomicU64,
    /// No more requests.
    is_over: AtomicBool,
}

impl Soak {
    /// Runs, and says what was seen.
    ///
    /// # Errors
    /// A [`Violation`](crate::violation::Violation), or what kept the soak from running.
    pub fn run(&self) -> Result<String> {
        let directory = tempfile::tempdir()?;
        let server = SoakServer::new(self.program.clone(), directory.path().join("data"))?;
        let mut process = server.start()?;
        let shared = Arc::new(Shared {
            server,
            clients: self.clients,
            kills: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let first = client::fill(&shared)?;
        let threads: Vec<_> = (0..self.clients)
            .map(|number| {
                let shared = Arc::clone(&shared);
                let seed = self.seed.wrapping_mul(1_000_003) + number as u64;
                thread::spawn(move || SoakClient::new(shared, number, seed, first).run())
            })
            .collect();
        let begun = Instant::now();
        let disturbed = self.time.mul_f64(DISTURBED);
        let mut restarts = Vec::new();
        let mut ended_early = false;
        while begun.elapsed() < disturbed && !ended_early {
            thread::sleep(self.kill_period.min(disturbed));
            ended_early = threads.iter().any(thread::JoinHandle::is_finished);
            // Counted before, so that nobody loses the connection to a server that is not yet counted.
            shared.kills.fetch_add(1, Ordering::SeqCst);
            process.kill()?;
            let killed = Instant::now();
            process = shared.server.start()?;
            restarts.push(killed.elapsed());
        }
        let mut memory = Vec::new();
        while begun.elapsed() < self.time && !ended_early {
            thread::sleep(SAMPLE_PERIOD.min(self.time));
            memory.push(process.resident_bytes()?);
            ended_early = threads.iter().any(thread::JoinHandle::is_finished);
        }
        shared.is_over.store(true, Ordering::SeqCst);
        let mut counts = Counts::default();
        for thread in threads {
            let counted = thread.join().map_err(|_| anyhow!("a client panicked"))?;
            counts.add(&counted?);
        }
        process.kill()?;
        let growth = growth(&memory)?;
        Ok(format!(
            "{counts} in {} s; {} kills, answering again after {} to {} ms; memory {growth}",
            begun.elapsed().as_secs(),
            restarts.len(),
            restarts.iter().min().map_or(0, Duration::as_millis),
            restarts.iter().max().map_or(0, Duration::as_millis),
        ))
    }
}

/// Whether memory stays what it is.
fn growth(memory: &[u64]) -> Result<String> {
    let third = memory.len() / 3;
    #[allow(clippy::cast_precision_loss)]
    let mean = |part: &[u64]| part.iter().sum::<u64>() as f64 / part.len().max(1) as f64;
    let middle = mean(memory.get(third..2 * third).context("no samples")?);
    let last = mean(memory.get(2 * third..).context("no samples")?);
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let is_flat = last <= middle * GROWTH_MAX + GROWTH_BYTES;
    hold!(
        is_flat,
        "memory grew from {:.0} MiB to {:.0} MiB while the server was left alone",
        mib(middle),
        mib(last)
    );
    Ok(format!(
        "{:.0} MiB in the middle third and {:.0} MiB in the last third of {} samples",
        mib(middle),
        mib(last),
        memory.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_doubles_is_not_flat() {
        let flat: Vec<u64> = (0..30).map(|i| (1 << 30) + (i % 3) * 1_000).collect();
        assert!(growth(&flat).is_ok());
        let growing: Vec<u64> = (0..30).map(|i| (1 << 30) + (i << 28)).collect();
        assert!(growth(&growing).is_err());
        assert!(growth(&[]).is_ok(), "too short to say");
    }
}
