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
    /// Whether the engine reads through images of the whole graph.
    pub has_images: bool,
}

impl Case {
    /// Reads a case as it is printed: one statement a line, each a transaction of its own, but those
    /// between `:begin` and `:commit`, which share one; those behind a `:begin` without `:commit` stay
    /// open when the last, the query, runs. Lines that begin with `#`, `//` or `:param` say nothing.
    #[must_use]
    pub fn read(text: &str, parameters: Parameters) -> Self {
        let mut case = Self {
            commits: Vec::new(),
            pending: Vec::new(),
            query: String::new(),
            parameters,
            rewrites: Rewrites::default(),
            has_images: false,
        };
        let mut open: Option<Vec<String>> = None;
        for line in text.lines() {
            let line = line.trim().trim_end_matches(';');
            if line.is_empty()
                || ["#", "//", ":param"]
                    .iter()
                    .any(|mark| line.starts_with(mark))
            {
                continue;
            }
            match (line, &mut open) {
                (":begin", _) => open = Some(Vec::new()),
                (":commit", _) => case.commits.extend(open.take()),
                (_, Some(open)) => open.push(line.to_owned()),
                (_, None) => case.commits.push(vec![line.to_owned()]),
            }
        }
        case.query = match &mut open {
            Some(open) => open.pop().unwrap_or_default(),
            None => case.commits.pop().unwrap_or_default().concat(),
        };
        case.pending = open.unwrap_or_default();
        case
    }
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
        if self.has_images {
            writeln!(f, "// with read images")?;
        }
        if self.rewrites != Rewrites::default() {
            writeln!(f, "// {:?}", self.rewrites)?;
        }
        writeln!(f, "{};", self.query)
    }
}
