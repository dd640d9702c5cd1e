//! Bad clients against the real server process: those that send slowly, send nonsense or too much, do not read, are
//! idle by the thousand, or want more memory than there is. What is looked at is the process: that it lives, how
//! much memory it has (`VmRSS`), and that other clients are served as if nothing were.
//!
//! `make siege` runs the same for longer: `SIEGE` multiplies the rounds.

#![cfg(target_os = "linux")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

mod frames;
mod idle;
mod mutated;
mod oversized;
mod served;
mod slow;
#[path = "../support/mod.rs"]
mod support;
mod unread;

/// How many times as long as usual.
fn siege() -> u64 {
    let rounds = std::env::var("SIEGE").ok();
    rounds.map_or(1, |text| text.parse().expect("SIEGE is a number"))
}
