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
mod memory;
mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use client::{Counts, SoakClient};
use memory::Memory;
use server::SoakServer;

/// Accounts of each client.
const ACCOUNTS: i64 = 20;

/// What is on an account at first.
const BALANCE: i64 = 100;

/// The part of the time in which the server is killed now and then; in the rest it is left alone.
const DISTURBED: f64 = 0.4;

/// How often memory is looked at.
const SAMPLE_PERIOD: Duration = Duration::from_secs(5);

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
            memory.push(Memory::of(
                process.resident_bytes()?,
                shared.server.metrics,
            )?);
            ended_early = threads.iter().any(thread::JoinHandle::is_finished);
        }
        shared.is_over.store(true, Ordering::SeqCst);
        let mut counts = Counts::default();
        for thread in threads {
            let counted = thread.join().map_err(|_| anyhow!("a client panicked"))?;
            counts.add(&counted?);
        }
        process.kill()?;
        let growth = memory::growth(&memory)?;
        Ok(format!(
            "{counts} in {} s; {} kills, answering again after {} to {} ms; memory {growth}",
            begun.elapsed().as_secs(),
            restarts.len(),
            restarts.iter().min().map_or(0, Duration::as_millis),
            restarts.iter().max().map_or(0, Duration::as_millis),
        ))
    }
}
