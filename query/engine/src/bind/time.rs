//! Time clauses.

use retrograph_cypher::ast::{self, SystemTime, TimeClause};
use retrograph_cypher::{Detail, Diagnostic, Span};

use super::syntax::is_updating;
use super::typing::check;
use super::{Binder, Bound};
use crate::plan::{Expression, ViewClause};
use crate::types::Type;

impl Binder<'_> {
    /// The view that a time clause asks for.
    pub(super) fn view(&mut self, time: &TimeClause, query: &ast::Query) -> Bound<ViewClause> {
        if is_updating(query) {
            return Err(Diagnostic::error(
                Detail::WriteToPast,
                time.span,
                "a query that reads the past cannot write",
            )
            .help("read the past in CALL { … } and write outside of it"));
        }
        if let Some(valid) = &time.valid {
            return Err(unserved(valid.span, "FOR VALID_TIME"));
        }
        self.reads_past = true;
        let mut view = ViewClause::default();
        match &time.system {
            None => {}
            Some(SystemTime::AsOf(instant)) => {
                view.span = instant.span;
                let accepted = [
                    Type::DateTime,
                    Type::LocalDateTime,
                    Type::Date,
                    Type::String,
                ];
                view.system_time = Some(self.constant(instant, &accepted)?);
            }
            Some(SystemTime::Version(number)) => {
                view.span = number.span;
                view.version = Some(self.constant(number, &[Type::Integer])?);
            }
            Some(SystemTime::Range { from, to }) => {
                return Err(unserved(
                    from.span.to(to.span),
                    "FOR SYSTEM_TIME FROM … TO …",
                ));
            }
        }
        Ok(view)
    }

    /// An expression of literals, parameters and functions.
    fn constant(&mut self, written: &ast::Expression, accepted: &[Type]) -> Bound<Expression> {
        let scope = std::mem::take(&mut self.scope);
        let bound = self.expression(written);
        self.scope = scope;
        let typed = bound.map_err(|error| {
            if error.detail == Detail::UndefinedVariable {
                error.note("a time clause stands before all variables")
            } else {
                error
            }
        })?;
        check(&typed.ty, accepted, written.span, "a time clause")?;
        Ok(typed.expression)
    }
}

fn unserved(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(
        Detail::InvalidTimeClause,
        span,
        format!("{what} is not served yet"),
    )
    .help("AS OF <instant>, AS OF VERSION <number> and FOR SYSTEM_TIME AS OF <instant> are")
}
