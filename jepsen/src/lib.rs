//! Crash tests: kill, power cut, full disk and bit rot under imports and commits.
//!
//! The tester and the database are apart: a *worker* process opens the data directory, writes, and
//! says on its standard output what was acknowledged, after it was. The tester makes the fault
//! happen, opens the directory again and checks it against what was said ([`history`]):
//!
//! - every acknowledged commit is there, whole;
//! - no commit is there in part;
//! - what was not acknowledged is there whole or not at all;
//! - an index finds what a scan finds, and a constraint holds or is not there ([`schema`]);
//! - a version answers now what it answered when it was acknowledged.
//!
//! [`soak`] does the same through a server: clients over Bolt, kills, and memory that has to stay flat.
//!
//! SIGKILL alone proves little about durability, because the page cache survives it; the power cut on a
//! loop-mounted file system is the test of the fsyncs. It needs root, loop devices and `xfs_io`, and is
//! reported as not run elsewhere.

pub mod fault;
pub mod history;
pub mod import;
pub mod scenario;
pub mod schema;
pub mod soak;
pub mod violation;
pub mod worker;
