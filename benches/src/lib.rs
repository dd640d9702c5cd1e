//! Macro benchmarks: families of queries over a generated social graph, each beside a hand-written
//! loop in memory that answers the same question.
//!
//! A run generates a graph ([`social`]) and 90 days of changes to it ([`churn`]), loads both through
//! the public doors of the database ([`load`]), and asks every question of [`family`] in each mode of
//! [`mode`]: of the present, of the present after the changes, and of the past. The same question
//! goes to the loops of [`limit`], over arrays in the same process; their time is what the machine
//! allows, and their answers must be those of the database. A run with a different answer fails.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`social`], [`churn`], [`draw`] | seeded inputs: the graph, its changes, the parameters |
//! | [`load`] | the way of both into a database |
//! | [`family`], [`mode`] | the questions, and the states they are asked of |
//! | [`limit`] | the loops |
//! | [`measure`], [`resources`] | times; memory and disk |
//! | [`write`] | the families that write |
//! | [`bolt`] | what a server over Bolt costs, beside the same in the process |
//! | [`run`], [`report`], [`settings`] | the whole run, and what it prints |

pub mod bolt;
pub mod churn;
pub mod draw;
pub mod family;
pub mod limit;
pub mod load;
pub mod measure;
pub mod mode;
pub mod report;
pub mod resources;
pub mod run;
pub mod settings;
pub mod social;
pub mod write;

pub use report::Report;
pub use run::run;
pub use settings::Settings;

/// The allocator of the `retrograph` program.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
