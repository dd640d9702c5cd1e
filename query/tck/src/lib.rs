//! Runs openCypher TCK scenarios against a database under a strict comparator.
//!
//! The way of one scenario: [`feature`] reads the `.feature` files and expands outlines, [`step`]
//! turns each step's text into an [`Action`](step::Action), [`execute`] plays the actions on a
//! fresh [`Subject`](subject::Subject), [`compare`] and [`effects`] judge what came back, and
//! [`report`] tells it. [`runner`] does that for all scenarios on threads, [`known`] holds the
//! list of scenarios that do not pass yet, and [`cli`] is the command around it.
//!
//! Invariants:
//! - nothing is skipped silently: a feature that cannot be read and a step that is not understood
//!   are failures, and scenarios tagged `@ignore` are counted apart;
//! - the comparator never widens a value: integers and floats differ, columns are ordered, row
//!   counts matter, unlisted side effects must be zero;
//! - this crate sees a database only through [`Subject`](subject::Subject).

pub mod cli;
pub mod compare;
pub mod effects;
pub mod execute;
pub mod feature;
pub mod known;
pub mod report;
pub mod runner;
pub mod signature;
pub mod step;
pub mod subject;
pub mod value;

#[cfg(test)]
mod scripted;
