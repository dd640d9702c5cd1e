//! Plays one scenario on a fresh database and judges it.
//!
//! `any graph` scenarios are played twice, on an empty graph and on [`ARBITRARY_GRAPH`]; both must
//! pass. A scenario whose only flaw is the detail of an error passes leniently and fails strictly.

use crate::compare::{self, ExpectedTable, Mismatch};
use crate::effects::SideEffects;
use crate::step::{Action, ExpectedError, StartingGraph};
use crate::subject::{Parameters, ResultTable, Subject, SubjectError, SubjectFactory};
use serde::Serialize;
use std::fs;
use std::path::Path;

/// The graph that stands for "any": every kind of element, and names no scenario uses.
pub const ARBITRARY_GRAPH: &str = "\
CREATE (a:TckAny {tckName: 'a', tckNumber: 1}), (b:TckAny:TckOther {tckName: 'b'}), ({tckFlag: true}), \
(a)-[:TCK_ANY {tckWeight: 1.5}]->(b), (b)-[:TCK_ANY]->(a), (b)-[:TCK_LOOP]->(b)";

/// How a scenario ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Everything as demanded.
    Passed,
    /// An error of the right type and phase with a wrong detail, and nothing else wrong.
    PassedLeniently(Failure),
    /// Anything else.
    Failed(Failure),
    /// Tagged `@ignore`.
    Skipped,
}

impl Outcome {
    /// What went wrong, if anything.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Outcome::PassedLeniently(failure) | Outcome::Failed(failure) => Some(failure),
            Outcome::Passed | Outcome::Skipped => None,
        }
    }

    fn rank(&self) -> usize {
        match self {
            Outcome::Skipped => 0,
            Outcome::Passed => 1,
            Outcome::PassedLeniently(_) => 2,
            Outcome::Failed(_) => 3,
        }
    }
}

/// Why a scenario did not pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// Class of the failure.
    pub kind: FailureKind,
    /// One line that says what went wrong.
    pub summary: String,
    /// The query concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What the scenario demands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What the database did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// The graph the scenario started on, for those that run on two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph: Option<&'static str>,
}

/// Classes of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A feature file could not be read.
    UnreadableFeature,
    /// A step is not understood.
    MalformedScenario,
    /// No database could be opened, or it could not be inspected.
    SubjectUnavailable,
    /// The starting graph, a preparing query or a procedure failed.
    SetupFailed,
    /// An error was raised where none is demanded.
    UnexpectedError,
    /// No error was raised where one is demanded.
    MissingError,
    /// An error of another type or phase was raised.
    WrongError,
    /// Only the detail of the error is wrong.
    WrongErrorDetail,
    /// Columns differ.
    WrongColumns,
    /// Rows differ.
    WrongRows,
    /// Rows are right but in another order.
    WrongOrder,
    /// Side effects differ.
    WrongSideEffects,
    /// The database panicked.
    Panicked,
    /// The scenario exceeded its time limit.
    TimedOut,
}

impl Failure {
    /// A failure without query, expectation and answer.
    pub fn new(kind: FailureKind, summary: impl Into<String>) -> Failure {
        let summary = summary.into();
        Failure {
            kind,
            summary,
            query: None,
            expected: None,
            got: None,
            graph: None,
        }
    }
}

/// Plays a scenario on as many graphs as it asks for and returns the worst outcome.
pub fn play(actions: &[Action], graphs: &Path, factory: &SubjectFactory) -> Outcome {
    let start = actions.iter().find_map(|action| match action {
        Action::Start(graph) => Some(graph),
        _ => None,
    });
    if start != Some(&StartingGraph::Any) {
        return play_once(actions, false, graphs, factory);
    }
    [(false, "an empty graph"), (true, "a non-empty graph")]
        .into_iter()
        .map(
            |(is_filled, graph)| match play_once(actions, is_filled, graphs, factory) {
                Outcome::Failed(f) => Outcome::Failed(Failure {
                    graph: Some(graph),
                    ..f
                }),
                Outcome::PassedLeniently(f) => Outcome::PassedLeniently(Failure {
                    graph: Some(graph),
                    ..f
                }),
                other => other,
            },
        )
        .reduce(|first, second| {
            if second.rank() > first.rank() {
                second
            } else {
                first
            }
        })
        .unwrap_or(Outcome::Passed)
}

fn play_once(
    actions: &[Action],
    is_filled: bool,
    graphs: &Path,
    factory: &SubjectFactory,
) -> Outcome {
    let subject = match factory() {
        Ok(subject) => subject,
        Err(reason) => {
            return Outcome::Failed(Failure::new(FailureKind::SubjectUnavailable, reason));
        }
    };
    let mut stage = Stage {
        subject,
        graphs,
        is_filled,
        parameters: Parameters::new(),
        query: None,
        answer: Ok(ResultTable::default()),
        is_error_expected: true,
        effects: SideEffects::default(),
        wrong_detail: None,
    };
    for action in actions {
        if let Err(failure) = stage.act(action) {
            return Outcome::Failed(failure);
        }
    }
    match (stage.settle(), stage.wrong_detail) {
        (Err(failure), _) => Outcome::Failed(failure),
        (Ok(()), Some(failure)) => Outcome::PassedLeniently(failure),
        (Ok(()), None) => Outcome::Passed,
    }
}

/// The state of one scenario while it is played.
struct Stage<'a> {
    subject: Box<dyn Subject>,
    graphs: &'a Path,
    is_filled: bool,
    parameters: Parameters,
    query: Option<&'a str>,
    answer: Result<ResultTable, SubjectError>,
    /// Whether an error in `answer` has been demanded by a step.
    is_error_expected: bool,
    effects: SideEffects,
    wrong_detail: Option<Failure>,
}

impl<'a> Stage<'a> {
    fn act(&mut self, action: &'a Action) -> Result<(), Failure> {
        match action {
            Action::Start(StartingGraph::Named(name)) => self.build_named(name),
            Action::Start(StartingGraph::Any) if self.is_filled => self.prepare(ARBITRARY_GRAPH),
            Action::Start(_) => Ok(()),
            Action::Prepare(query) => self.prepare(query),
            Action::Parameters(parameters) => {
                self.parameters.clone_from(parameters);
                Ok(())
            }
            Action::Procedure(procedure) => self
                .subject
                .register_procedure(procedure.clone())
                .map_err(|reason| Failure::new(FailureKind::SetupFailed, reason)),
            Action::Query(query) => {
                self.settle()?;
                let before = self.snapshot()?;
                self.run(query);
                let after = self.snapshot()?;
                self.effects = SideEffects::between(&before, &after);
                Ok(())
            }
            Action::ControlQuery(query) => {
                self.settle()?;
                self.run(query);
                Ok(())
            }
            Action::ExpectTable(expected) => self.expect_table(expected),
            Action::ExpectError(expected) => self.expect_error(expected),
            Action::ExpectEffects(expected) => self.expect_effects(expected),
        }
    }

    fn run(&mut self, query: &'a str) {
        self.query = Some(query);
        self.answer = self.subject.execute(query, &self.parameters);
        self.is_error_expected = false;
    }

    fn snapshot(&mut self) -> Result<crate::effects::GraphState, Failure> {
        self.subject
            .snapshot()
            .map_err(|reason| Failure::new(FailureKind::SubjectUnavailable, reason))
    }

    fn prepare(&mut self, query: &str) -> Result<(), Failure> {
        self.subject
            .execute(query, &self.parameters)
            .map(drop)
            .map_err(|error| Failure {
                query: Some(query.to_owned()),
                ..Failure::new(
                    FailureKind::SetupFailed,
                    format!("preparing query raised {error}"),
                )
            })
    }

    /// Runs the scripts that the graph's description names, statement by statement.
    fn build_named(&mut self, name: &str) -> Result<(), Failure> {
        let scripts = named_graph_scripts(self.graphs, name)
            .map_err(|reason| Failure::new(FailureKind::SetupFailed, reason))?;
        for script in scripts {
            // Semicolons separate statements; no script has one inside a string.
            for statement in script
                .split(';')
                .map(str::trim)
                .filter(|text| !text.is_empty())
            {
                self.prepare(statement)?;
            }
        }
        Ok(())
    }

    fn failure(&self, kind: FailureKind, summary: impl Into<String>) -> Failure {
        Failure {
            query: self.query.map(str::to_owned),
            ..Failure::new(kind, summary)
        }
    }

    /// Fails when the last query raised an error that no step has demanded.
    fn settle(&self) -> Result<(), Failure> {
        match &self.answer {
            Err(error) if !self.is_error_expected => {
                Err(self.failure(FailureKind::UnexpectedError, format!("raised {error}")))
            }
            _ => Ok(()),
        }
    }

    fn expect_table(&self, expected: &ExpectedTable) -> Result<(), Failure> {
        let Ok(got) = &self.answer else {
            return self.settle().map_err(|failure| Failure {
                expected: Some(compare::draw(&expected.table)),
                ..failure
            });
        };
        compare::compare(expected, got).map_err(|mismatch| {
            let kind = match mismatch {
                Mismatch::Columns => FailureKind::WrongColumns,
                Mismatch::Rows { .. } | Mismatch::Ragged => FailureKind::WrongRows,
                Mismatch::Order(_) => FailureKind::WrongOrder,
            };
            Failure {
                expected: Some(compare::draw(&expected.table)),
                got: Some(compare::draw(got)),
                ..self.failure(kind, mismatch.to_string())
            }
        })
    }

    fn expect_error(&mut self, expected: &ExpectedError) -> Result<(), Failure> {
        let error = match &self.answer {
            Ok(table) => {
                return Err(Failure {
                    expected: Some(expected.to_string()),
                    got: Some(compare::draw(table)),
                    ..self.failure(
                        FailureKind::MissingError,
                        format!("no error raised, expected {expected}"),
                    )
                });
            }
            Err(error) => error.clone(),
        };
        self.is_error_expected = true;
        if !expected.fits(&error) {
            let kind = if expected.fits_leniently(&error) {
                FailureKind::WrongErrorDetail
            } else {
                FailureKind::WrongError
            };
            let failure = Failure {
                expected: Some(expected.to_string()),
                got: Some(error.to_string()),
                ..self.failure(kind, format!("expected {expected}, raised {error}"))
            };
            if kind == FailureKind::WrongError {
                return Err(failure);
            }
            self.wrong_detail = Some(failure);
        }
        // A query that fails changes nothing.
        self.expect_effects(&SideEffects::default())
    }

    fn expect_effects(&self, expected: &SideEffects) -> Result<(), Failure> {
        self.settle()?;
        if self.effects == *expected {
            return Ok(());
        }
        Err(Failure {
            expected: Some(expected.to_string()),
            got: Some(self.effects.to_string()),
            ..self.failure(
                FailureKind::WrongSideEffects,
                format!("expected {expected}, observed {}", self.effects),
            )
        })
    }
}

/// The texts of the scripts that build a named graph, in order.
fn named_graph_scripts(graphs: &Path, name: &str) -> Result<Vec<String>, String> {
    #[derive(serde::Deserialize)]
    struct Description {
        scripts: Vec<String>,
    }
    let folder = graphs.join(name);
    let read = |file: String| {
        let path = folder.join(file);
        fs::read_to_string(&path)
            .map_err(|error| format!("named graph {}: {error}", path.display()))
    };
    let description: Description = serde_json::from_str(&read(format!("{name}.json"))?)
        .map_err(|error| format!("named graph {name}: {error}"))?;
    description
        .scripts
        .iter()
        .map(|script| read(format!("{script}.cypher")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature;
    use crate::scripted::{Script, error, factory, filled, table};
    use crate::subject::Phase;

    /// Plays the scenario made of these steps against scripted answers.
    fn outcome(steps: &str, scripts: Vec<Script>) -> Outcome {
        let text = format!("Feature: F\n  Scenario: [1] S\n{steps}\n");
        let scenarios = feature::parse("F.feature", "", &text).expect("valid feature");
        let actions = scenarios[0].actions.as_ref().expect("well-formed");
        play(actions, Path::new("absent"), &factory(scripts))
    }

    fn kind(outcome: &Outcome) -> Option<FailureKind> {
        match outcome {
            Outcome::Failed(failure) => Some(failure.kind),
            _ => None,
        }
    }

    fn rows(header: &str, rows: &[&str]) -> String {
        let mut out = String::from(
            "    Given an empty graph\n    When executing query:\n      \"\"\"\n      Q\n      \"\"\"\n",
        );
        out.push_str(&format!(
            "    Then the result should be, in any order:\n      {header}\n"
        ));
        for row in rows {
            out.push_str(&format!("      {row}\n"));
        }
        out.push_str("    And no side effects");
        out
    }

    fn demands_error(step: &str) -> String {
        format!(
            "    Given an empty graph\n    When executing query:\n      \"\"\"\n      Q\n      \"\"\"\n    Then {step}"
        )
    }

    #[test]
    fn the_right_answer_passes() {
        let steps = rows("| a | b |", &["| 1 | 'x' |", "| 2 | 'y' |"]);
        let answer = table(&["a", "b"], &[&["2", "'y'"], &["1", "'x'"]]);
        assert_eq!(
            outcome(&steps, vec![Script::new().on("Q", answer)]),
            Outcome::Passed
        );
    }

    #[test]
    fn wrong_column_order_fails() {
        let steps = rows("| a | b |", &["| 1 | 'x' |"]);
        let answer = table(&["b", "a"], &[&["'x'", "1"]]);
        let got = outcome(&steps, vec![Script::new().on("Q", answer)]);
        assert_eq!(kind(&got), Some(FailureKind::WrongColumns));
    }

    #[test]
    fn a_missing_or_surplus_row_fails() {
        let steps = rows("| a |", &["| 1 |", "| 1 |"]);
        for answer in [
            table(&["a"], &[&["1"]]),
            table(&["a"], &[&["1"], &["1"], &["1"]]),
            table(&["a"], &[]),
        ] {
            let got = outcome(&steps, vec![Script::new().on("Q", answer)]);
            assert_eq!(kind(&got), Some(FailureKind::WrongRows));
        }
    }

    #[test]
    fn a_wrong_type_fails() {
        let steps = rows("| a |", &["| 1 |"]);
        let got = outcome(
            &steps,
            vec![Script::new().on("Q", table(&["a"], &[&["1.0"]]))],
        );
        assert_eq!(kind(&got), Some(FailureKind::WrongRows));
    }

    #[test]
    fn wrong_row_order_fails_where_order_counts() {
        let steps = rows("| a |", &["| 1 |", "| 2 |"]).replace("in any order", "in order");
        let answer = table(&["a"], &[&["2"], &["1"]]);
        let got = outcome(&steps, vec![Script::new().on("Q", answer)]);
        assert_eq!(kind(&got), Some(FailureKind::WrongOrder));
    }

    #[test]
    fn extra_side_effects_fail() {
        let steps = rows("| a |", &["| 1 |"]);
        let script = Script::new()
            .on("Q", table(&["a"], &[&["1"]]))
            .leaves(filled());
        assert_eq!(
            kind(&outcome(&steps, vec![script])),
            Some(FailureKind::WrongSideEffects)
        );
    }

    #[test]
    fn listed_side_effects_must_be_complete() {
        let base = rows("| a |", &["| 1 |"]);
        let script = || {
            Script::new()
                .on("Q", table(&["a"], &[&["1"]]))
                .leaves(filled())
        };
        let all = "the side effects should be:\n      | +nodes | 1 |\n      | +labels | 1 |";
        let complete = base.replace("no side effects", all);
        assert_eq!(outcome(&complete, vec![script()]), Outcome::Passed);
        let part = base.replace(
            "no side effects",
            "the side effects should be:\n      | +nodes | 1 |",
        );
        assert_eq!(
            kind(&outcome(&part, vec![script()])),
            Some(FailureKind::WrongSideEffects)
        );
    }

    #[test]
    fn an_unexpected_error_fails() {
        let raised = || error("TypeError", Phase::Runtime, "X");
        let steps = rows("| a |", &[]);
        let got = outcome(&steps, vec![Script::new().on("Q", raised())]);
        assert_eq!(kind(&got), Some(FailureKind::UnexpectedError));
        let only_effects = demands_error("no side effects");
        let got = outcome(&only_effects, vec![Script::new().on("Q", raised())]);
        assert_eq!(kind(&got), Some(FailureKind::UnexpectedError));
    }

    #[test]
    fn errors_are_judged_by_type_phase_and_detail() {
        let steps = demands_error("a SyntaxError should be raised at compile time: Undefined");
        let play = |answer| outcome(&steps, vec![Script::new().on("Q", answer)]);
        let compile = Phase::CompileTime;
        assert_eq!(
            play(error("SyntaxError", compile, "Undefined")),
            Outcome::Passed
        );
        assert!(matches!(
            play(error("SyntaxError", compile, "Other")),
            Outcome::PassedLeniently(failure) if failure.kind == FailureKind::WrongErrorDetail
        ));
        let wrong_kind = play(error("TypeError", compile, "Undefined"));
        assert_eq!(kind(&wrong_kind), Some(FailureKind::WrongError));
        let wrong_phase = play(error("SyntaxError", Phase::Runtime, "Undefined"));
        assert_eq!(kind(&wrong_phase), Some(FailureKind::WrongError));
        let none = play(table(&["a"], &[]));
        assert_eq!(kind(&none), Some(FailureKind::MissingError));
    }

    #[test]
    fn an_error_must_not_leave_side_effects() {
        let steps = demands_error("a TypeError should be raised at any time: *");
        let raised = || error("TypeError", Phase::Runtime, "X");
        assert_eq!(
            outcome(&steps, vec![Script::new().on("Q", raised())]),
            Outcome::Passed
        );
        let got = outcome(
            &steps,
            vec![Script::new().on("Q", raised()).leaves(filled())],
        );
        assert_eq!(kind(&got), Some(FailureKind::WrongSideEffects));
    }

    #[test]
    fn any_graph_is_played_on_an_empty_and_a_filled_graph() {
        let steps = rows("| a |", &["| 1 |"]).replace("an empty graph", "any graph");
        let right = || Script::new().on("Q", table(&["a"], &[&["1"]]));
        let arranged = || right().on(ARBITRARY_GRAPH, table(&[], &[]));
        assert_eq!(outcome(&steps, vec![right(), arranged()]), Outcome::Passed);
        let wrong = Script::new()
            .on(ARBITRARY_GRAPH, table(&[], &[]))
            .on("Q", table(&["a"], &[&["1"], &["1"]]));
        let got = outcome(&steps, vec![right(), wrong]);
        assert_eq!(
            got.failure().and_then(|f| f.graph),
            Some("a non-empty graph")
        );
        let unprepared = outcome(&steps, vec![right(), right()]);
        assert_eq!(kind(&unprepared), Some(FailureKind::SetupFailed));
    }

    #[test]
    fn control_queries_are_judged_but_not_measured() {
        let steps = rows("| a |", &["| 1 |"])
            + "\n    When executing control query:\n      \"\"\"\n      C\n      \"\"\"\n    Then the result should be, in any order:\n      | b |\n      | 2 |";
        let right = Script::new()
            .on("Q", table(&["a"], &[&["1"]]))
            .on("C", table(&["b"], &[&["2"]]));
        assert_eq!(outcome(&steps, vec![right]), Outcome::Passed);
        let wrong = Script::new()
            .on("Q", table(&["a"], &[&["1"]]))
            .on("C", table(&["b"], &[&["3"]]));
        assert_eq!(
            kind(&outcome(&steps, vec![wrong])),
            Some(FailureKind::WrongRows)
        );
    }

    #[test]
    fn failing_preparations_and_absent_graphs_fail_the_scenario() {
        let steps = rows("| a |", &[]).replace(
            "    When executing",
            "    And having executed:\n      \"\"\"\n      P\n      \"\"\"\n    When executing",
        );
        let script = Script::new().on("P", error("SyntaxError", Phase::CompileTime, "X"));
        assert_eq!(
            kind(&outcome(&steps, vec![script])),
            Some(FailureKind::SetupFailed)
        );
        let named = rows("| a |", &[]).replace("an empty graph", "the binary-tree-9 graph");
        assert_eq!(
            kind(&outcome(&named, vec![Script::new()])),
            Some(FailureKind::SetupFailed)
        );
    }

    #[test]
    fn a_named_graph_is_built_statement_by_statement() {
        let graphs = tempfile::tempdir().expect("a folder");
        let folder = graphs.path().join("tree");
        fs::create_dir(&folder).expect("writable");
        fs::write(
            folder.join("tree.json"),
            r#"{"name": "tree", "scripts": ["one", "two"]}"#,
        )
        .expect("writable");
        fs::write(folder.join("one.cypher"), "FIRST;\nSECOND;\n").expect("writable");
        fs::write(folder.join("two.cypher"), "THIRD").expect("writable");
        let steps = rows("| a |", &["| 1 |"]).replace("an empty graph", "the tree graph");
        let text = format!("Feature: F\n  Scenario: [1] S\n{steps}\n");
        let scenarios = feature::parse("F.feature", "", &text).expect("valid feature");
        let actions = scenarios[0].actions.as_ref().expect("well-formed");
        let built = ["FIRST", "SECOND", "THIRD"]
            .iter()
            .fold(Script::new(), |script, statement| {
                script.on(statement, table(&[], &[]))
            });
        let whole = built.clone().on("Q", table(&["a"], &[&["1"]]));
        assert_eq!(
            play(actions, graphs.path(), &factory(vec![whole])),
            Outcome::Passed
        );
        let part = Script::new()
            .on("FIRST", table(&[], &[]))
            .on("SECOND", table(&[], &[]));
        let outcome = play(actions, graphs.path(), &factory(vec![part]));
        assert_eq!(kind(&outcome), Some(FailureKind::SetupFailed));
    }
}
