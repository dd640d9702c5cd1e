//! A subject with scripted answers, to show that the runner catches wrong ones.

use crate::effects::GraphState;
use crate::signature::MockProcedure;
use crate::subject::{Parameters, Phase, ResultTable, Subject, SubjectError, SubjectFactory};
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What a scripted subject does with a query.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Returns a table or raises an error.
    Give(Result<ResultTable, SubjectError>),
    /// Panics.
    Panic,
    /// Never returns.
    Hang,
}

/// The answers of one database.
#[derive(Clone, Default)]
pub(crate) struct Script {
    answers: BTreeMap<String, Answer>,
    leaves: GraphState,
    state: GraphState,
}

impl Script {
    pub(crate) fn new() -> Script {
        Script::default()
    }

    /// Answers `query` so.
    pub(crate) fn on(mut self, query: &str, answer: Answer) -> Script {
        self.answers.insert(query.to_owned(), answer);
        self
    }

    /// Every query leaves the graph in this state.
    pub(crate) fn leaves(mut self, state: GraphState) -> Script {
        self.leaves = state;
        self
    }
}

impl Subject for Script {
    fn execute(
        &mut self,
        query: &str,
        _parameters: &Parameters,
    ) -> Result<ResultTable, SubjectError> {
        self.state = self.leaves.clone();
        match self.answers.get(query) {
            Some(Answer::Give(answer)) => answer.clone(),
            Some(Answer::Panic) => unreachable!("scripted panic"),
            Some(Answer::Hang) => loop {
                std::thread::park();
            },
            None => Err(SubjectError {
                kind: "Unscripted".into(),
                phase: Phase::Runtime,
                detail: "Unscripted".into(),
                message: query.to_owned(),
            }),
        }
    }

    fn register_procedure(&mut self, _procedure: MockProcedure) -> Result<(), String> {
        Ok(())
    }

    fn snapshot(&mut self) -> Result<GraphState, String> {
        Ok(self.state.clone())
    }
}

/// Hands the scripts out in order, the last one for ever.
pub(crate) fn factory(scripts: Vec<Script>) -> SubjectFactory {
    let scripts = Mutex::new(scripts);
    Arc::new(move || {
        let mut scripts = scripts.lock().map_err(|error| error.to_string())?;
        let script = if scripts.len() > 1 {
            scripts.remove(0)
        } else {
            scripts[0].clone()
        };
        Ok(Box::new(script) as Box<dyn Subject>)
    })
}

pub(crate) fn table(columns: &[&str], rows: &[&[&str]]) -> Answer {
    Answer::Give(Ok(ResultTable {
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        rows: rows
            .iter()
            .map(|row| {
                row.iter()
                    .map(|v| Value::parse(v).expect("valid value"))
                    .collect()
            })
            .collect(),
    }))
}

pub(crate) fn error(kind: &str, phase: Phase, detail: &str) -> Answer {
    Answer::Give(Err(SubjectError {
        kind: kind.into(),
        phase,
        detail: detail.into(),
        message: "scripted".into(),
    }))
}

/// A graph of one labelled node.
pub(crate) fn filled() -> GraphState {
    GraphState {
        nodes: ["1".to_owned()].into(),
        labels: ["A".to_owned()].into(),
        ..GraphState::default()
    }
}
