//! What a run found, as a table and as JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::measure::Times;

/// A family in a mode.
#[derive(Clone, Debug)]
pub struct Row {
    /// The family.
    pub family: &'static str,
    /// The mode.
    pub mode: &'static str,
    /// The times of the database.
    pub engine: Times,
    /// The times of the loop.
    pub limit: Times,
    /// In how many calls the answers were compared.
    pub checked: usize,
}

/// A number about the whole.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
}

/// The results of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The machine and the sizes.
    pub title: Vec<String>,
    /// Numbers about the whole.
    pub facts: Vec<Fact>,
    /// Families by mode.
    pub rows: Vec<Row>,
    /// Where the database answered otherwise than the loops; the run failed if there are any.
    pub differences: Vec<String>,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.engine.median_ns as f64 / self.limit.median_ns.max(1) as f64
    }
}

impl Report {
    /// Adds a number.
    pub fn fact(&mut self, name: &'static str, value: f64, unit: &'static str) {
        self.facts.push(Fact { name, value, unit });
    }

    /// The report as JSON; times in nanoseconds.
    #[must_use]
    pub fn json(&self) -> Value {
        let times = |times: &Times| {
            json!({
                "calls": times.calls,
                "capped": times.is_capped,
                "median_ns": times.median_ns,
                "p99_ns": times.p99_ns,
                "min_ns": times.min_ns,
            })
        };
        let facts = self
            .facts
            .iter()
            .map(|fact| json!({ "name": fact.name, "value": fact.value, "unit": fact.unit }));
        let rows = self.rows.iter().map(|row| {
            json!({
                "family": row.family,
                "mode": row.mode,
                "checked": row.checked,
                "engine": times(&row.engine),
                "limit": times(&row.limit),
                "ratio": row.ratio(),
            })
        });
        json!({
            "title": self.title,
            "facts": facts.collect::<Vec<_>>(),
            "families": rows.collect::<Vec<_>>(),
            "differences": self.differences,
        })
    }
}

/// A time in a table: microseconds with three digits.
fn micros(ns: u64) -> String {
    let us = ns as f64 / 1_000.0;
    match us {
        ..10.0 => format!("{us:.2}"),
        ..100.0 => format!("{us:.1}"),
        _ => format!("{us:.0}"),
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{value:.2}"),
        ..1_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.title {
            writeln!(f, "{line}")?;
        }
        writeln!(f)?;
        for fact in &self.facts {
            writeln!(
                f,
                "{:<44} {:>12} {}",
                fact.name,
                number(fact.value),
                fact.unit
            )?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "{:<20} {:<16} {:>10} {:>10} {:>10} {:>10} {:>8} {:>7}",
            "microseconds", "", "median", "p99", "min", "limit", "ratio", "calls"
        )?;
        for row in &self.rows {
            writeln!(
                f,
                "{:<20} {:<16} {:>10} {:>10} {:>10} {:>10} {:>8} {:>6}{}",
                row.family,
                row.mode,
                micros(row.engine.median_ns),
                micros(row.engine.p99_ns),
                micros(row.engine.min_ns),
                micros(row.limit.median_ns),
                number(row.ratio()),
                row.engine.calls,
                if row.engine.is_capped { "*" } else { " " },
            )?;
        }
        if self.rows.iter().any(|row| row.engine.is_capped) {
            writeln!(
                f,
                "* time ran out before all calls were made (--family-seconds)"
            )?;
        }
        let checked: usize = self.rows.iter().map(|row| row.checked).sum();
        if self.differences.is_empty() {
            return writeln!(f, "{checked} answers compared with the loops, all equal");
        }
        writeln!(f, "{} of {checked} answers DIFFER:", self.differences.len())?;
        for difference in &self.differences {
            writeln!(f, "  {difference}")?;
        }
        Ok(())
    }
}
