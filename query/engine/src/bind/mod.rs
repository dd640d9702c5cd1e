//! From syntax tree to plan: names are resolved, types checked, and each clause handed to the planner
//! as it is bound.
//!
//! Binding walks the clauses of a query once, from left to right, with a [`Scope`] that says what each
//! name means at this place. Every clause appends its steps to a [`Steps`]; a MATCH first becomes a
//! query graph, which [`crate::plan::solve`] orders. Each variable gets a slot of its own, so a slot
//! never changes its meaning and the passes of [`crate::plan::rewrite`] can follow it through the
//! finished plan.
//!
//! What can be known to be wrong before a query runs is refused here, with the openCypher detail that
//! belongs to it; what depends on values is left to the executor.

mod administration;
mod call;
mod case;
mod creation;
mod expression;
mod function;
mod index_options;
mod linear;
mod merge_procedure;
mod path;
mod pattern;
mod pattern_expression;
mod projection;
mod query;
mod schema_command;
mod scope;
mod subquery;
mod syntax;
mod time;
mod types;
mod typing;
mod updating;
mod vector_index;
mod vector_property;

use std::collections::BTreeSet;
use std::sync::Arc;

use retrograph_cypher::ast::{self, StatementBody};
use retrograph_cypher::{Concealed, Detail, Diagnostic, Span};

use crate::functions::Procedures;
use crate::plan::expression::{KeyToken, LabelToken, Token, TypeToken};
use crate::plan::rewrite::{self, Rewrites};
use crate::plan::schema::{NameKind, Schema};
use crate::plan::slots::SlotSet;
use crate::plan::{Expression, Operator, Pipeline, Plan, Slot, Step};
use crate::types::Type;
use scope::Scope;

/// The outcome of compiling a statement.
#[derive(Debug)]
pub struct Compiled {
    /// What to run.
    pub plan: Plan,
    /// What is probably not as meant.
    pub warnings: Vec<Diagnostic>,
}

/// Compiles a statement against the names, indexes and counts of a graph.
///
/// `source` is the text the statement was parsed from; columns without an alias are named by it. The
/// prefix EXPLAIN or PROFILE is the caller's business: the plan is the same.
///
/// # Errors
///
/// The first mistake found, pointing at the text.
pub fn compile(
    statement: &ast::Statement,
    source: &str,
    schema: &dyn Schema,
    procedures: &Procedures,
) -> Result<Compiled, Diagnostic> {
    compile_with(statement, source, schema, procedures, Rewrites::default())
}

/// Like [`compile`], with a choice of rewrites: plans with and without any of them give the same rows.
///
/// # Errors
///
/// The first mistake found, pointing at the text.
pub fn compile_with(
    statement: &ast::Statement,
    source: &str,
    schema: &dyn Schema,
    procedures: &Procedures,
    rewrites: Rewrites,
) -> Result<Compiled, Diagnostic> {
    let mut binder = Binder::new(source, schema, procedures, rewrites);
    let (pipeline, columns, view, access) = match &statement.body {
        StatementBody::Query(query) => binder.statement(query)?,
        StatementBody::Schema(command) => binder.schema_command(command)?,
        StatementBody::Administration(statement) => binder.administration(statement)?,
    };
    binder.check_slots(statement.span)?;
    let mut plan = Plan {
        pipeline,
        width: 0,
        columns,
        access,
        commits: binder.commits,
        reads_csv: binder.reads_csv,
        reads_past: binder.reads_past,
        is_secret: Concealed::of(source).is_secret(),
        view,
        clauses: binder.clauses,
        parameters: binder.parameters,
        step_count: 0,
        slot_names: binder.slots,
    };
    rewrite::finish(&mut plan, rewrites);
    Ok(Compiled {
        plan,
        warnings: binder.warnings,
    })
}

/// The result of binding something.
type Bound<T> = Result<T, Diagnostic>;

/// An expression with its type.
#[derive(Clone, Debug)]
struct Typed {
    expression: Expression,
    ty: Type,
}

impl Typed {
    fn new(expression: Expression, ty: Type) -> Self {
        Self { expression, ty }
    }
}

/// The steps of a pipeline in the making.
#[derive(Debug)]
struct Steps {
    steps: Vec<Step>,
    rows: f64,
}

impl Steps {
    fn new(first: Operator, rows: f64) -> Self {
        let step = Step {
            operator: first,
            clause: 0,
            id: 0,
            rows_estimated: rows,
        };
        Self {
            steps: vec![step],
            rows,
        }
    }

    fn push(&mut self, operator: Operator, clause: u16) {
        let rows_estimated = self.rows;
        self.steps.push(Step {
            operator,
            clause,
            id: 0,
            rows_estimated,
        });
    }

    fn finish(self) -> Pipeline {
        Pipeline { steps: self.steps }
    }
}

/// What the place of an expression says about aggregates in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregates {
    /// There may be none.
    Forbidden,
    /// They are collected in [`Binder::calls`].
    Collected,
    /// The expression is an argument of one.
    Inside,
}

/// An expression of the syntax tree that is already computed.
#[derive(Clone, Debug)]
struct Substitution {
    written: ast::Expression,
    slot: Slot,
    ty: Type,
}

struct Binder<'a> {
    source: &'a str,
    schema: &'a dyn Schema,
    procedures: &'a Procedures,
    rewrites: Rewrites,
    scope: Scope,
    /// Names of the slots handed out.
    slots: Vec<Arc<str>>,
    /// Whether there were more than a row can have.
    has_too_many_slots: bool,
    parameters: Vec<Arc<str>>,
    warnings: Vec<Diagnostic>,
    /// Names that were warned of or that the statement itself may create.
    known_names: BTreeSet<(u8, Arc<str>)>,
    /// The clause being bound.
    clause: u16,
    /// The number of clauses seen.
    clauses: u16,
    aggregates: Aggregates,
    /// The aggregates of the projection being bound.
    calls: Vec<(ast::Expression, crate::plan::operator::AggregateCall, Type)>,
    substitutions: Vec<Substitution>,
    /// What the tests behind WHEN are about.
    case_subject: Option<Typed>,
    /// Variables that exist, but not where the expression stands, for better messages.
    out_of_scope: Vec<Arc<str>>,
    /// Variables that a WITH did not pass on.
    forgotten: Vec<Arc<str>>,
    /// Whether a subquery commits as it goes.
    commits: bool,
    /// Whether a CSV file is read.
    reads_csv: bool,
    /// How many queries in expressions are around what is bound.
    expression_queries: u32,
    /// Whether a time clause names the state to read.
    reads_past: bool,
    /// The line and the file of the LOAD CSV that the rows come from.
    csv: Option<(Slot, Slot)>,
}

impl<'a> Binder<'a> {
    fn new(
        source: &'a str,
        schema: &'a dyn Schema,
        procedures: &'a Procedures,
        rewrites: Rewrites,
    ) -> Self {
        Self {
            source,
            schema,
            procedures,
            rewrites,
            scope: Scope::default(),
            slots: Vec::new(),
            has_too_many_slots: false,
            parameters: Vec::new(),
            warnings: Vec::new(),
            known_names: BTreeSet::new(),
            clause: 0,
            clauses: 0,
            aggregates: Aggregates::Forbidden,
            calls: Vec::new(),
            substitutions: Vec::new(),
            case_subject: None,
            out_of_scope: Vec::new(),
            forgotten: Vec::new(),
            commits: false,
            reads_csv: false,
            expression_queries: 0,
            reads_past: false,
            csv: None,
        }
    }

    /// A new slot, for a variable or an intermediate result.
    fn slot(&mut self, name: impl Into<Arc<str>>) -> Slot {
        let Ok(number) = u16::try_from(self.slots.len()) else {
            self.has_too_many_slots = true;
            return Slot(u16::MAX);
        };
        let name = name.into();
        let is_nameless = name.trim().is_empty();
        self.slots.push(if is_nameless {
            Arc::from(format!("_{number}"))
        } else if name.starts_with(' ') {
            // Names that no query is to write, as plans show them.
            Arc::from(name.trim_start())
        } else {
            name
        });
        Slot(number)
    }

    /// A new slot for an element without a name.
    fn nameless_slot(&mut self) -> Slot {
        self.slot("")
    }

    fn check_slots(&self, span: Span) -> Bound<()> {
        if !self.has_too_many_slots {
            return Ok(());
        }
        let message = format!("the statement has more than {} variables", u16::MAX);
        Err(Diagnostic::error(Detail::StatementTooLong, span, message)
            .help("split it into several statements"))
    }

    fn next_clause(&mut self) {
        self.clauses = self.clauses.saturating_add(1);
        self.clause = self.clauses;
    }

    fn parameter(&mut self, name: &Arc<str>) -> Expression {
        let place = match self.parameters.iter().position(|known| known == name) {
            Some(place) => place,
            None => {
                self.parameters.push(name.clone());
                self.parameters.len() - 1
            }
        };
        // There are fewer parameters than bytes of text between two of them.
        Expression::Parameter(u16::try_from(place).unwrap_or(u16::MAX))
    }

    /// The slots of all variables in scope.
    fn bound_slots(&self) -> SlotSet {
        self.scope.slots().collect()
    }

    fn label(&mut self, name: &ast::Identifier) -> LabelToken {
        Token {
            name: name.name.clone(),
            id: self.schema.label(&name.name),
        }
    }

    fn type_token(&mut self, name: &ast::Identifier) -> TypeToken {
        Token {
            name: name.name.clone(),
            id: self.schema.relationship_type(&name.name),
        }
    }

    fn key(&mut self, name: &ast::Identifier) -> KeyToken {
        Token {
            name: name.name.clone(),
            id: self.schema.key(&name.name),
        }
    }

    /// A label that is read: warns if it never existed.
    fn label_read(&mut self, name: &ast::Identifier) -> LabelToken {
        let token = self.label(name);
        if token.id.is_none() {
            self.warn_unknown(NameKind::Label, name);
        }
        token
    }

    /// A relationship type that is read: warns if it never existed.
    fn type_read(&mut self, name: &ast::Identifier) -> TypeToken {
        let token = self.type_token(name);
        if token.id.is_none() {
            self.warn_unknown(NameKind::RelationshipType, name);
        }
        token
    }

    /// A property of an element that is read: warns if no element ever had it.
    fn key_read(&mut self, name: &ast::Identifier) -> KeyToken {
        let token = self.key(name);
        if token.id.is_none() {
            self.warn_unknown(NameKind::Key, name);
        }
        token
    }

    /// The statement itself may create this name.
    fn creates_name(&mut self, kind: NameKind, name: &ast::Identifier) {
        self.known_names.insert((kind as u8, name.name.clone()));
    }

    fn warn_unknown(&mut self, kind: NameKind, name: &ast::Identifier) {
        if !self.known_names.insert((kind as u8, name.name.clone())) {
            return;
        }
        let (detail, message) = match kind {
            NameKind::Label => (
                Detail::UnknownLabel,
                format!("no node has ever had the label `{name}`"),
            ),
            NameKind::RelationshipType => (
                Detail::UnknownRelationshipType,
                format!("no relationship has ever had the type `{name}`"),
            ),
            NameKind::Key => (
                Detail::UnknownPropertyKey,
                format!("nothing has ever had the property `{name}`"),
            ),
        };
        let names = self.schema.names(kind);
        let warning = Diagnostic::warning(detail, name.span, message)
            .suggest(&name.name, names.iter().map(|name| &**name));
        self.warnings.push(warning);
    }

    /// Adds a variable to the scope.
    fn declare(&mut self, name: &ast::Identifier, ty: Type) -> Slot {
        let slot = self.slot(name.name.clone());
        self.declare_in(name, slot, ty);
        slot
    }

    fn declare_in(&mut self, name: &ast::Identifier, slot: Slot, ty: Type) {
        self.scope.push(scope::Variable {
            name: name.name.clone(),
            slot,
            ty,
            span: name.span,
            is_imported: false,
            is_local: false,
        });
    }

    /// Adds a variable that must not be in scope yet.
    fn declare_new(&mut self, name: &ast::Identifier, ty: Type) -> Bound<Slot> {
        self.check_new(name)?;
        Ok(self.declare(name, ty))
    }

    fn check_new(&self, name: &ast::Identifier) -> Bound<()> {
        match self.scope.get(&name.name) {
            Some(earlier) => Err(already_bound(name, earlier.span)),
            None => Ok(()),
        }
    }

    fn undefined(&self, name: &ast::Identifier) -> Diagnostic {
        let error = Diagnostic::error(
            Detail::UndefinedVariable,
            name.span,
            format!("variable `{name}` is not defined"),
        )
        .label("not in scope here");
        if self.out_of_scope.iter().any(|known| **known == *name.name) {
            return error.help("with DISTINCT or an aggregate, only the columns are left here");
        }
        if self.forgotten.iter().any(|known| **known == *name.name) {
            return error.help(format!(
                "a WITH before does not pass `{name}` on; list it there"
            ));
        }
        let names: Vec<Arc<str>> = self
            .scope
            .visible()
            .map(|variable| variable.name.clone())
            .collect();
        error.suggest(&name.name, names.iter().map(|name| &**name))
    }
}

fn already_bound(name: &ast::Identifier, earlier: Span) -> Diagnostic {
    Diagnostic::error(
        Detail::VariableAlreadyBound,
        name.span,
        format!("variable `{name}` is already bound"),
    )
    .label("introduced again here")
    .secondary(earlier, "bound here")
}
