//! Binder, planner and executor of queries over a graph view.
//!
//! [`Engine`] is the door: it takes a text, compiles it ([`bind`], [`plan`]) or finds it in the plan
//! cache, runs it (`exec`) and hands the rows to a [`RowSink`].

mod activity;
mod administration;
pub mod admission;
pub mod bind;
mod cache;
pub mod csv;
pub mod engine;
pub mod error;
mod exec;
pub mod functions;
pub mod options;
pub mod output;
pub mod plan;
mod prepared;
mod schema_items;
mod show;
pub mod summary;
pub mod surroundings;
pub mod timeline;
pub mod turn;
pub mod types;

pub use admission::{Admission, Demand, Refusal, Rights, Shape};
pub use bind::{Compiled, compile, compile_with};
pub use cache::PlanStatistics;
pub use csv::{CsvFile, CsvSource};
pub use engine::{Engine, EngineSettings, OpenTransaction};
pub use error::{QueryError, RuntimeError, RuntimeKind};
pub use exec::CancelToken;
pub use options::{AsOf, Parameters, RunOptions};
pub use output::{Collected, Control, Output, RowSink, Views};
pub use summary::{Counters, StepProfile, Summary};
pub use surroundings::{Caller, DatabaseDescription, Origin, Setting, Surroundings};
pub use timeline::{Lap, PlanUsed, Stage, Timeline};
pub use turn::{Allowance, Arrival, Budget, Finished, Loan, Shortage, Turn, Turns};
