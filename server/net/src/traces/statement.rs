//! Spans of statements and transactions.

use std::sync::Arc;
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanContext, SpanKind};
use opentelemetry_sdk::trace::Span;
use retrograph_engine::plan::Access;
use retrograph_engine::{QueryError, Stage, Summary, Timeline};
use retrograph_graph::Committed;

use super::{Clocks, Traces, Tracing, fail};
use crate::failures;
use crate::identity::Identity;
use crate::target::{Caller, Target};

/// How long the text of a statement may be that is told; what waits to be sent is to stay small.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// What statements are about and for whom they run.
pub(crate) struct About<'a> {
    pub(crate) target: &'a Target,
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// Whose rights and limits count.
    pub(crate) identity: &'a Identity,
}

impl About<'_> {
    fn attributes(&self) -> Vec<KeyValue> {
        let (actor, acting_as) = (self.caller.identity.actor(), self.identity.actor());
        let mut attributes = vec![
            KeyValue::new("db.system.name", "retrograph"),
            KeyValue::new("db.namespace", Arc::clone(self.target.graph_name())),
            KeyValue::new("network.protocol.name", self.caller.protocol),
        ];
        if actor != acting_as {
            attributes.push(KeyValue::new("retrograph.acting_as", acting_as));
        }
        attributes.push(KeyValue::new("user.id", actor));
        // It is looked up anew when the statement runs, which fails then if it does now.
        if let Ok(requester) = self.identity.requester() {
            attributes.push(KeyValue::new("retrograph.tenant", requester.tenant));
        }
        attributes
    }
}

impl Traces {
    /// Begins the span of a statement by itself, if its trace is kept. `is_asked` says whether it is what a
    /// client asked for, rather than a part of a call.
    pub(crate) fn statement(
        &self,
        parent: impl FnOnce() -> Option<SpanContext>,
        is_asked: bool,
        about: &About<'_>,
    ) -> Option<Statement> {
        let tracing = self.0.as_ref()?;
        let kind = match is_asked {
            true => SpanKind::Server,
            false => SpanKind::Internal,
        };
        let namespace = Arc::clone(about.target.graph_name());
        let statement =
            Statement::begin(tracing, parent().as_ref(), kind, namespace, Clocks::now());
        statement.map(|mut statement| {
            statement.span.set_attributes(about.attributes());
            statement
        })
    }

    /// Begins the span of a transaction of several statements, if its trace is kept.
    pub(crate) fn transaction(
        &self,
        parent: impl FnOnce() -> Option<SpanContext>,
        about: &About<'_>,
    ) -> Option<Transaction> {
        let tracing = self.0.as_ref()?;
        let clocks = Clocks::now();
        let namespace = about.target.graph_name();
        let name = format!("TRANSACTION {namespace}");
        let mut span = tracing.begin(parent().as_ref(), SpanKind::Server, name, clocks.time);
        if !span.is_recording() {
            return None;
        }
        let attributes = about.attributes();
        span.set_attributes(attributes.iter().cloned());
        span.set_attribute(KeyValue::new("db.operation.name", "TRANSACTION"));
        Some(Transaction {
            tracing: Arc::clone(tracing),
            span,
            clocks,
            namespace: Arc::clone(namespace),
            attributes,
            outcome: "rolled_back",
        })
    }
}

/// The span of a statement. Dropped, it ends.
pub(crate) struct Statement {
    tracing: Arc<Tracing>,
    span: Span,
    clocks: Clocks,
    namespace: Arc<str>,
    timeline: Arc<Timeline>,
}

impl Statement {
    fn begin(
        tracing: &Arc<Tracing>,
        parent: Option<&SpanContext>,
        kind: SpanKind,
        namespace: Arc<str>,
        clocks: Clocks,
    ) -> Option<Self> {
        let began = clocks.time_of(Instant::now());
        let span = tracing.begin(parent, kind, namespace.to_string(), began);
        span.is_recording().then(|| Self {
            tracing: Arc::clone(tracing),
            span,
            clocks,
            namespace,
            timeline: Arc::default(),
        })
    }

    /// Where the engine notes what it does when.
    pub(crate) fn timeline(&self) -> Arc<Timeline> {
        Arc::clone(&self.timeline)
    }

    /// The statement has run, or failed.
    pub(crate) fn end(mut self, text: &str, ran: Result<&Summary, &QueryError>) {
        let span = &mut self.span;
        if let Some(plan) = self.timeline.plan() {
            let operation = match plan.access {
                Access::Read => "READ",
                Access::Write => "WRITE",
                Access::Schema => "SCHEMA",
            };
            span.update_name(format!("{operation} {}", self.namespace));
            span.set_attributes([
                KeyValue::new("db.operation.name", operation),
                KeyValue::new("retrograph.plan", format!("{:016x}", plan.plan_hash)),
                KeyValue::new("retrograph.plan.cached", plan.is_plan_cached),
            ]);
            // A text that cannot be read is not known to be without literals by taking those out that are seen.
            if self.tracing.tells_text {
                span.set_attribute(KeyValue::new("db.query.text", told(text)));
            }
        }
        match ran {
            Ok(summary) => {
                let rows = i64::try_from(summary.rows).unwrap_or(i64::MAX);
                span.set_attribute(KeyValue::new("db.response.returned_rows", rows));
                if let Some(version) = summary.version {
                    let version = version.0.cast_signed();
                    span.set_attribute(KeyValue::new("retrograph.version", version));
                }
            }
            Err(error) => fail_query(span, error),
        }
        let context = span.span_context().clone();
        for lap in self.timeline.laps() {
            let name = match lap.stage {
                Stage::Planning => "plan",
                Stage::Waiting => "wait",
                Stage::Executing => "execute",
                Stage::Committing => "commit",
            };
            let began = self.clocks.time_of(lap.began);
            let mut part =
                self.tracing
                    .begin(Some(&context), SpanKind::Internal, name.to_owned(), began);
            part.end_with_timestamp(self.clocks.time_of(lap.ended));
        }
        self.span
            .end_with_timestamp(self.clocks.time_of(Instant::now()));
    }
}

/// The span of a transaction of several statements. Dropped, it ends as one that was rolled back.
pub(crate) struct Transaction {
    tracing: Arc<Tracing>,
    span: Span,
    clocks: Clocks,
    namespace: Arc<str>,
    attributes: Vec<KeyValue>,
    outcome: &'static str,
}

impl Transaction {
    /// Begins the span of a statement in it.
    pub(crate) fn statement(&self) -> Option<Statement> {
        let parent = Some(self.span.span_context());
        let namespace = Arc::clone(&self.namespace);
        let statement = Statement::begin(
            &self.tracing,
            parent,
            SpanKind::Internal,
            namespace,
            self.clocks,
        );
        statement.map(|mut statement| {
            statement
                .span
                .set_attributes(self.attributes.iter().cloned());
            statement
        })
    }

    /// Commits it, which has a span too.
    pub(crate) fn commit(
        mut self,
        commit: impl FnOnce() -> Result<Committed, QueryError>,
    ) -> Result<Committed, QueryError> {
        let parent = self.span.span_context().clone();
        let began = self.clocks.time_of(Instant::now());
        let kind = SpanKind::Internal;
        let mut span = self
            .tracing
            .begin(Some(&parent), kind, "commit".to_owned(), began);
        let committed = commit();
        match &committed {
            Ok(committed) => {
                let version = committed.version.0.cast_signed();
                self.outcome = "committed";
                self.span
                    .set_attribute(KeyValue::new("retrograph.version", version));
            }
            Err(error) => {
                self.outcome = "failed";
                fail_query(&mut span, error);
                fail_query(&mut self.span, error);
            }
        }
        span.end_with_timestamp(self.clocks.time_of(Instant::now()));
        committed
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let outcome = KeyValue::new("retrograph.transaction.outcome", self.outcome);
        self.span.set_attribute(outcome);
        self.span
            .end_with_timestamp(self.clocks.time_of(Instant::now()));
    }
}

fn fail_query(span: &mut Span, error: &QueryError) {
    let code = failures::of_query(error, "").code;
    span.set_attribute(KeyValue::new("db.response.status_code", code.clone()));
    fail(span, code);
}

/// What is told of the text of a statement that was understood.
fn told(text: &str) -> String {
    let mut redacted = retrograph_cypher::redact(text);
    if redacted.len() > TEXT_BYTES_MAX {
        redacted.truncate(redacted.floor_char_boundary(TEXT_BYTES_MAX));
        redacted.push('…');
    }
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_without_literals_and_not_at_length() {
        assert_eq!(
            told("MATCH (n {name: 'Ana'}) /* her */ RETURN n, $x"),
            "MATCH (n {name: ?}) RETURN n, $x"
        );
        let long = format!("RETURN {}", "ö, ".repeat(10_000));
        let told = told(&long);
        assert!(told.len() <= TEXT_BYTES_MAX + '…'.len_utf8() && told.ends_with('…'));
    }
}
