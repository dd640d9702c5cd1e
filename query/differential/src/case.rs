//! One comparison: what is in the graph, what is asked.

use std::fmt;

use retrograph_engine::Parameters;
use retrograph_engine::plan::Rewrites;

/// Something to ask both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The statements that make the graph; each inner list is one transaction.
    pub commits: Vec<Vec<String>>,
    /// Statements of a transaction that is open when the query runs in it.
    pub pending: Vec<String>,
    /// The query. It may write.
    pub query: String,
    /// The parameters of all statements.
    pub parameters: Parameters,
    /// The rewrites that the engine's planner makes.
    pub rewrites: Rewrites,
}

impl fmt::Display for Case {
    /// Statements in openCypher, ready to be pasted into a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for commit in &self.commits {
            match &commit[..] {
                [statement] => writeln!(f, "{statement};")?,
                statements => {
                    writeln!(f, ":begin")?;
                    for statement in statements {
                        writeln!(f, "{statement};")?;
                    }
                    writeln!(f, ":commit")?;
                }
            }
        }
        if !self.pending.is_empty() {
            writeln!(f, ":begin")?;
        }
        for statement in &self.pending {
            writeln!(f, "{statement};")?;
        }
        for (name, value) in &self.parameters {
            if self.query.contains(&format!("${name}")) {
                writeln!(f, ":param {name} => {value}")?;
            }
        }
        if self.rewrites != Rewrites::default() {
            writeln!(f, "// {:?}", self.rewrites)?;
        }
        writeln!(f, "{};", self.query)
    }
}
