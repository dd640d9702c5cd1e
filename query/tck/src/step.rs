//! The steps of a scenario: from text, docstring and table to an [`Action`].
//!
//! This is the complete vocabulary of the TCK. A step that is not in it, or whose table cannot be
//! read, makes the scenario malformed, and a malformed scenario is a failure.

use crate::compare::{ExpectedTable, RowOrder};
use crate::effects::{Counter, SideEffects};
use crate::signature::{MockProcedure, ProcedureSignature, SignatureError};
use crate::subject::{Parameters, Phase, ResultTable, SubjectError};
use crate::value::{ListOrder, Value, ValueError};
use std::fmt;

/// A step as the feature file gives it, placeholders filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawStep {
    /// Text after the keyword.
    pub text: String,
    /// Docstring below it.
    pub docstring: Option<String>,
    /// Table below it.
    pub table: Option<Vec<Vec<String>>>,
}

/// The graph a scenario starts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartingGraph {
    /// `an empty graph`
    Empty,
    /// `any graph`: the outcome must not depend on the content.
    Any,
    /// `the <name> graph`
    Named(String),
}

/// What a step asks the runner to do or to check.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Start on this graph.
    Start(StartingGraph),
    /// Run a query that must succeed and is not measured.
    Prepare(String),
    /// Use these parameters from here on.
    Parameters(Parameters),
    /// Make a mock procedure callable.
    Procedure(MockProcedure),
    /// Run the query under test; its side effects are measured.
    Query(String),
    /// Run a query that looks at what the query under test left behind.
    ControlQuery(String),
    /// The last query returned this table.
    ExpectTable(ExpectedTable),
    /// The last query raised this error and changed nothing.
    ExpectError(ExpectedError),
    /// The query under test had exactly these side effects.
    ExpectEffects(SideEffects),
}

/// The error a scenario demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedError {
    /// Type; `Error` stands for every type.
    pub kind: String,
    /// Phase; none for `any time`.
    pub phase: Option<Phase>,
    /// Detail; `*` stands for every detail.
    pub detail: String,
}

impl ExpectedError {
    /// Whether type and phase fit.
    pub fn fits_leniently(&self, error: &SubjectError) -> bool {
        (self.kind == "Error" || self.kind == error.kind)
            && self.phase.is_none_or(|phase| phase == error.phase)
    }

    /// Whether type, phase and detail fit.
    pub fn fits(&self, error: &SubjectError) -> bool {
        self.fits_leniently(error) && (self.detail == "*" || self.detail == error.detail)
    }
}

impl fmt::Display for ExpectedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.phase {
            Some(phase) => write!(f, "{} at {}: {}", self.kind, phase, self.detail),
            None => write!(f, "{} at any time: {}", self.kind, self.detail),
        }
    }
}

/// Why a step cannot be turned into an action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The text matches no step of the vocabulary.
    #[error("unknown step `{0}`")]
    Unknown(String),
    /// A docstring or table is missing, superfluous or of the wrong shape.
    #[error("step `{step}`: {reason}")]
    Shape {
        /// Text of the step.
        step: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A cell is no value.
    #[error("step `{step}`: {source}")]
    Value {
        /// Text of the step.
        step: String,
        /// The cell's error.
        source: ValueError,
    },
    /// A procedure signature cannot be read.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The steps do not form a scenario.
    #[error("{0}")]
    Incomplete(&'static str),
}

/// Turns all steps of a scenario into actions and checks that they form one.
///
/// # Errors
/// For the first step that is not understood, and for a scenario that does not start on exactly
/// one graph, runs no query or expects nothing.
pub fn actions(steps: &[RawStep]) -> Result<Vec<Action>, StepError> {
    let actions: Vec<Action> = steps.iter().map(action).collect::<Result<_, _>>()?;
    if actions
        .iter()
        .filter(|a| matches!(a, Action::Start(_)))
        .count()
        != 1
        || !matches!(actions.first(), Some(Action::Start(_)))
    {
        return Err(StepError::Incomplete(
            "the scenario does not start on exactly one graph",
        ));
    }
    let query = actions.iter().position(|a| matches!(a, Action::Query(_)));
    let verdict = actions.iter().position(|a| {
        matches!(
            a,
            Action::ExpectTable(_)
                | Action::ExpectError(_)
                | Action::ExpectEffects(_)
                | Action::ControlQuery(_)
        )
    });
    match (query, verdict) {
        (None, _) => Err(StepError::Incomplete("the scenario executes no query")),
        (_, None) => Err(StepError::Incomplete("the scenario expects nothing")),
        (Some(query), Some(verdict)) if verdict < query => Err(StepError::Incomplete(
            "the scenario expects something before its query",
        )),
        _ => Ok(actions),
    }
}

fn action(step: &RawStep) -> Result<Action, StepError> {
    let reader = Reader { step };
    let text = step.text.trim().trim_end_matches(':').trim_end();
    match text {
        "any graph" => return Ok(Action::Start(reader.bare(StartingGraph::Any)?)),
        "an empty graph" => return Ok(Action::Start(reader.bare(StartingGraph::Empty)?)),
        "having executed" => return Ok(Action::Prepare(reader.docstring()?)),
        "executing query" => return Ok(Action::Query(reader.docstring()?)),
        "executing control query" => return Ok(Action::ControlQuery(reader.docstring()?)),
        "parameters are" => return Ok(Action::Parameters(reader.parameters()?)),
        "the result should be empty" => {
            return Ok(Action::ExpectTable(reader.bare(ExpectedTable {
                table: ResultTable::default(),
                rows: RowOrder::Significant,
                lists: ListOrder::Significant,
            })?));
        }
        "no side effects" => {
            return Ok(Action::ExpectEffects(reader.bare(SideEffects::default())?));
        }
        "the side effects should be" => return Ok(Action::ExpectEffects(reader.effects()?)),
        _ => {}
    }
    if let Some(orders) = text.strip_prefix("the result should be") {
        let (rows, lists) = match orders.trim_start() {
            ", in any order" => (RowOrder::Ignored, ListOrder::Significant),
            ", in order" => (RowOrder::Significant, ListOrder::Significant),
            "(ignoring element order for lists)" => (RowOrder::Ignored, ListOrder::Ignored),
            ", in order (ignoring element order for lists)" => {
                (RowOrder::Significant, ListOrder::Ignored)
            }
            _ => return Err(StepError::Unknown(step.text.clone())),
        };
        return Ok(Action::ExpectTable(ExpectedTable {
            table: reader.result()?,
            rows,
            lists,
        }));
    }
    if let Some(signature) = text.strip_prefix("there exists a procedure ") {
        return Ok(Action::Procedure(reader.procedure(signature)?));
    }
    if let Some(error) = expected_error(text) {
        return Ok(Action::ExpectError(reader.bare(error)?));
    }
    if let Some(name) = text
        .strip_prefix("the ")
        .and_then(|rest| rest.strip_suffix(" graph"))
        && !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    {
        return Ok(Action::Start(
            reader.bare(StartingGraph::Named(name.to_owned()))?,
        ));
    }
    Err(StepError::Unknown(step.text.clone()))
}

/// Reads `a TypeError should be raised at runtime: InvalidArgumentValue`.
fn expected_error(text: &str) -> Option<ExpectedError> {
    let rest = text
        .strip_prefix("a ")
        .or_else(|| text.strip_prefix("an "))?;
    let (kind, rest) = rest.split_once(" should be raised at ")?;
    let (phase, detail) = rest.split_once(':')?;
    let phase = match phase.trim() {
        "compile time" => Some(Phase::CompileTime),
        "runtime" => Some(Phase::Runtime),
        "any time" => None,
        _ => return None,
    };
    let is_word = |word: &str| !word.is_empty() && !word.contains(char::is_whitespace);
    let detail = detail.trim();
    (is_word(kind) && is_word(detail)).then(|| ExpectedError {
        kind: kind.to_owned(),
        phase,
        detail: detail.to_owned(),
    })
}

/// Takes what stands below a step, insisting on its shape.
struct Reader<'a> {
    step: &'a RawStep,
}

impl Reader<'_> {
    fn shape(&self, reason: &'static str) -> StepError {
        StepError::Shape {
            step: self.step.text.clone(),
            reason,
        }
    }

    fn bare<T>(&self, value: T) -> Result<T, StepError> {
        if self.step.docstring.is_some() || self.step.table.is_some() {
            return Err(self.shape("nothing may stand below this step"));
        }
        Ok(value)
    }

    fn docstring(&self) -> Result<String, StepError> {
        if self.step.table.is_some() {
            return Err(self.shape("a table stands below this step"));
        }
        self.step
            .docstring
            .clone()
            .ok_or_else(|| self.shape("no docstring"))
    }

    fn table(&self) -> Result<&[Vec<String>], StepError> {
        if self.step.docstring.is_some() {
            return Err(self.shape("a docstring stands below this step"));
        }
        self.step
            .table
            .as_deref()
            .ok_or_else(|| self.shape("no table"))
    }

    fn value(&self, text: &str) -> Result<Value, StepError> {
        Value::parse(text).map_err(|source| StepError::Value {
            step: self.step.text.clone(),
            source,
        })
    }

    fn pairs(&self) -> Result<Vec<(&str, &str)>, StepError> {
        self.table()?
            .iter()
            .map(|row| match row.as_slice() {
                [name, value] => Ok((name.as_str(), value.as_str())),
                _ => Err(self.shape("the table has not two columns")),
            })
            .collect()
    }

    fn parameters(&self) -> Result<Parameters, StepError> {
        let mut parameters = Parameters::new();
        for (name, value) in self.pairs()? {
            if parameters
                .insert(name.to_owned(), self.value(value)?)
                .is_some()
            {
                return Err(self.shape("a parameter is given twice"));
            }
        }
        Ok(parameters)
    }

    fn effects(&self) -> Result<SideEffects, StepError> {
        let mut effects = SideEffects::default();
        for (name, amount) in self.pairs()? {
            let counter = Counter::parse(name).ok_or_else(|| self.shape("unknown side effect"))?;
            let amount = amount
                .parse()
                .map_err(|_| self.shape("an amount is no number"))?;
            effects.set(counter, amount);
        }
        Ok(effects)
    }

    fn result(&self) -> Result<ResultTable, StepError> {
        let (columns, rows) = self
            .table()?
            .split_first()
            .ok_or_else(|| self.shape("no header"))?;
        let rows = rows
            .iter()
            .map(|row| {
                if row.len() != columns.len() {
                    return Err(self.shape("a row is not as wide as the header"));
                }
                row.iter().map(|cell| self.value(cell)).collect()
            })
            .collect::<Result<_, _>>()?;
        Ok(ResultTable {
            columns: columns.clone(),
            rows,
        })
    }

    fn procedure(&self, signature: &str) -> Result<MockProcedure, StepError> {
        let signature = ProcedureSignature::parse(signature)?;
        let fields = || signature.inputs.iter().chain(&signature.outputs);
        // A procedure without columns has a lone bar below it, an empty cell, or nothing at all.
        let is_empty = match (&self.step.docstring, self.step.table.as_deref()) {
            (None, None) => true,
            (None, Some([header])) => header.iter().all(String::is_empty),
            _ => false,
        };
        if is_empty && fields().next().is_none() {
            return Ok(MockProcedure {
                signature,
                rows: Vec::new(),
            });
        }
        let table = self.result()?;
        if !fields().map(|field| &field.name).eq(&table.columns) {
            return Err(self.shape("the header does not name inputs, then outputs"));
        }
        Ok(MockProcedure {
            signature,
            rows: table.rows,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> RawStep {
        RawStep {
            text: text.into(),
            ..RawStep::default()
        }
    }

    fn with_table(text: &str, rows: &[&[&str]]) -> RawStep {
        let table = rows
            .iter()
            .map(|r| r.iter().map(|c| (*c).to_owned()).collect())
            .collect();
        RawStep {
            text: text.into(),
            table: Some(table),
            ..RawStep::default()
        }
    }

    #[test]
    fn errors_with_and_without_wildcards() {
        let parse = |text| match action(&bare(text)) {
            Ok(Action::ExpectError(error)) => error,
            other => unreachable!("{other:?}"),
        };
        let strict = parse("a SyntaxError should be raised at compile time: UndefinedVariable");
        let mut raised = SubjectError {
            kind: "SyntaxError".into(),
            phase: Phase::CompileTime,
            detail: "UndefinedVariable".into(),
            message: String::new(),
        };
        assert!(strict.fits(&raised));
        raised.detail = "Other".into();
        assert!(!strict.fits(&raised) && strict.fits_leniently(&raised));
        raised.phase = Phase::Runtime;
        assert!(!strict.fits_leniently(&raised));
        let loose = parse("an Error should be raised at any time: *");
        assert!(loose.fits(&raised));
        let typed = parse("a TypeError should be raised at any time: *");
        assert!(!typed.fits_leniently(&raised));
    }

    #[test]
    fn result_steps_differ_in_their_orders() {
        let orders = |text| match action(&with_table(text, &[&["a"], &["1"]])) {
            Ok(Action::ExpectTable(table)) => (table.rows, table.lists),
            other => unreachable!("{other:?}"),
        };
        use ListOrder as L;
        use RowOrder as R;
        assert_eq!(
            orders("the result should be, in any order:"),
            (R::Ignored, L::Significant)
        );
        assert_eq!(
            orders("the result should be, in order:"),
            (R::Significant, L::Significant)
        );
        assert_eq!(
            orders("the result should be (ignoring element order for lists):"),
            (R::Ignored, L::Ignored)
        );
        assert_eq!(
            orders("the result should be, in order (ignoring element order for lists):"),
            (R::Significant, L::Ignored)
        );
    }

    #[test]
    fn procedures_need_a_fitting_header() {
        let step = "there exists a procedure p(a :: INTEGER?) :: (b :: STRING?) :";
        assert!(matches!(
            action(&with_table(step, &[&["a", "b"], &["1", "'x'"]])),
            Ok(Action::Procedure(mock)) if mock.rows.len() == 1
        ));
        assert!(action(&with_table(step, &[&["b", "a"]])).is_err());
        let void = "there exists a procedure p() :: ():";
        for nothing in [
            with_table(void, &[&[]]),
            with_table(void, &[&[""]]),
            bare(void),
        ] {
            assert!(matches!(action(&nothing), Ok(Action::Procedure(_))));
        }
        assert!(action(&bare(step)).is_err());
    }

    #[test]
    fn unknown_steps_and_bad_tables_are_errors() {
        for text in [
            "the moon graph is full",
            "there exists a CSV file with URL as $x, with rows:",
        ] {
            assert!(
                matches!(action(&bare(text)), Err(StepError::Unknown(_))),
                "{text}"
            );
        }
        assert!(action(&bare("executing query:")).is_err());
        assert!(action(&with_table("no side effects", &[])).is_err());
        assert!(
            action(&with_table(
                "the side effects should be:",
                &[&["+edges", "1"]]
            ))
            .is_err()
        );
        assert!(
            action(&with_table(
                "the result should be, in order:",
                &[&["a"], &["oops"]]
            ))
            .is_err()
        );
    }

    #[test]
    fn a_scenario_needs_graph_query_and_expectation() {
        let query = RawStep {
            text: "executing query:".into(),
            docstring: Some("Q".into()),
            table: None,
        };
        let empty = bare("an empty graph");
        let none = bare("no side effects");
        assert!(actions(&[empty.clone(), query.clone(), none.clone()]).is_ok());
        assert!(actions(&[query.clone(), none.clone()]).is_err());
        assert!(actions(&[empty.clone(), empty.clone(), query.clone(), none.clone()]).is_err());
        assert!(actions(&[empty.clone(), query.clone()]).is_err());
        assert!(actions(&[empty.clone(), none.clone()]).is_err());
        assert!(actions(&[empty, none, query]).is_err());
    }
}
